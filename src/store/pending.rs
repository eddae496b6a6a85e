//! Facts on their way to the disk: the latest value of each key, so that memory stays bounded while the disk refuses.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    clock,
    incident::Incident,
    inventory::{LinkId, Role},
    notify::Notice,
    store::{Batch, Delivery, Heartbeat, LogEntry, Ticket},
};

/// Rows of each kind that wait at most. 131 072: every point of 100 000 changes once. Others: days of a bad night.
const MOST_STATES: usize = 131_072;
const MOST_INCIDENTS: usize = 4_096;
const MOST_NOTICES: usize = 16_384;
/// The oldest lines go first.
const MOST_LOG: usize = 16_384;

#[derive(Default)]
pub(super) struct Pending {
    /// The newest commit in here.
    pub(super) ticket: Ticket,
    /// The newest number of a line of the log.
    pub(super) log_number: i64,
    pub(super) journal: JournalRows,
    pub(super) series: SeriesRows,
    /// Facts that did not fit.
    pub(super) lost: u64,
}

#[derive(Default)]
pub(super) struct JournalRows {
    pub(super) incidents: BTreeMap<String, Incident>,
    pub(super) points: BTreeMap<(LinkId, Role), String>,
    pub(super) notices: BTreeMap<String, Notice>,
    pub(super) deliveries: BTreeMap<String, Delivery>,
    /// With their numbers, which never repeat.
    pub(super) log: VecDeque<(i64, LogEntry)>,
}

#[derive(Default)]
pub(super) struct SeriesRows {
    pub(super) accounts: BTreeMap<(LinkId, String), String>,
    pub(super) heartbeat: Option<Heartbeat>,
}

impl Pending {
    /// Adds the facts of one turn under the next ticket.
    pub(super) fn add(&mut self, batch: Batch, boot_id: &str) -> Ticket {
        let ticket = Ticket(self.ticket.0 + 1);
        let Batch { incidents, points, accounts, notices, deliveries, log, heartbeat } = batch;
        let beat = |utc| Heartbeat { utc, boottime: clock::boottime_millis(), boot_id: boot_id.to_owned() };
        let log_number = self.log_number + i64::try_from(log.len()).unwrap_or(0);
        self.absorb(Pending {
            ticket,
            log_number,
            journal: JournalRows {
                incidents: incidents.into_iter().map(|incident| (incident.id.clone(), incident)).collect(),
                points: points.into_iter().map(|point| ((point.link, point.role), point.state)).collect(),
                notices: notices.into_iter().map(|notice| (notice.key.clone(), notice)).collect(),
                deliveries: deliveries.into_iter().map(|delivery| (delivery.key.clone(), delivery)).collect(),
                log: (self.log_number + 1..).zip(log).collect(),
            },
            series: SeriesRows {
                accounts: accounts.into_iter().map(|row| ((row.link, row.month), row.account)).collect(),
                heartbeat: heartbeat.map(beat),
            },
            lost: 0,
        });
        ticket
    }

    /// Adds what is newer: it replaces what stands under the same key.
    pub(super) fn absorb(&mut self, newer: Pending) {
        let Pending { ticket, log_number, journal, series, lost } = newer;
        (self.ticket, self.log_number) = (ticket, log_number);
        self.lost += lost;
        self.lost += insert(&mut self.journal.incidents, journal.incidents, MOST_INCIDENTS);
        self.lost += insert(&mut self.journal.points, journal.points, MOST_STATES);
        self.lost += insert(&mut self.series.accounts, series.accounts, MOST_STATES);
        // The first notice under a key stands, as it does in the outbox.
        let unknown = journal.notices.into_iter().filter(|(key, _)| !self.journal.notices.contains_key(key)).collect();
        self.lost += insert(&mut self.journal.notices, unknown, MOST_NOTICES);
        self.lost += insert(&mut self.journal.deliveries, journal.deliveries, MOST_NOTICES);
        self.journal.log.extend(journal.log);
        while self.journal.log.len() > MOST_LOG {
            self.journal.log.pop_front();
            self.lost += 1;
        }
        self.series.heartbeat = series.heartbeat.or(self.series.heartbeat.take());
    }

    /// Rows that wait.
    pub(super) fn rows(&self) -> usize {
        self.journal.rows() + self.series.rows()
    }
}

impl JournalRows {
    pub(super) fn rows(&self) -> usize {
        self.incidents.len() + self.points.len() + self.notices.len() + self.deliveries.len() + self.log.len()
    }
}

impl SeriesRows {
    pub(super) fn rows(&self) -> usize {
        self.accounts.len() + usize::from(self.heartbeat.is_some())
    }
}

/// Puts `newer` into `rows`; returns how many new keys did not fit.
fn insert<K: Ord, V>(rows: &mut BTreeMap<K, V>, newer: BTreeMap<K, V>, most: usize) -> u64 {
    if rows.is_empty() && newer.len() <= most {
        *rows = newer;
        return 0;
    }
    let mut lost = 0;
    for (key, value) in newer {
        if rows.len() < most || rows.contains_key(&key) {
            rows.insert(key, value);
        } else {
            lost += 1;
        }
    }
    lost
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{store::Attempt, units::Timestamp};

    fn log(at: i64) -> LogEntry {
        LogEntry { at: Timestamp(at), event: "test".into(), subject: String::new(), detail: serde_json::Value::Null }
    }

    #[test]
    fn memory_stays_bounded_and_what_does_not_fit_is_counted() {
        let mut pending = Pending::default();
        for at in 0..20_000 {
            pending.add(Batch { log: vec![log(at)], ..Batch::default() }, "boot");
        }
        assert_eq!((pending.journal.log.len(), pending.lost), (MOST_LOG, 20_000 - MOST_LOG as u64));
        assert_eq!(pending.journal.log.back(), Some(&(20_000, log(19_999))));
        assert_eq!(pending.ticket, Ticket(20_000));
    }

    #[test]
    fn the_last_attempt_decides() {
        let mut pending = Pending::default();
        let delivery = |attempts, result| Delivery { key: "k".into(), at: Timestamp(1), attempts, result };
        for tried in [delivery(1, Attempt::Failed { reason: "refused".into() }), delivery(2, Attempt::Delivered)] {
            pending.add(Batch { deliveries: vec![tried], ..Batch::default() }, "boot");
        }
        assert_eq!(pending.journal.deliveries["k"], delivery(2, Attempt::Delivered));
    }
}
