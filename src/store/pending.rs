//! Facts on their way to the disk: the latest value of each key, so that memory stays bounded while the disk refuses.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    clock,
    incident::{DeskRecord, Incident, Window},
    inventory::{LinkId, Role},
    journal::{Digest, Entry},
    notify::Notice,
    store::{Batch, Delivery, Heartbeat, StoredRollup, Ticket, Whole},
    units::Timestamp,
};

/// Rows of each kind that wait at most. 131 072: every point of 100 000 changes once. Others: days of a bad night.
const MOST_STATES: usize = 131_072;
const MOST_INCIDENTS: usize = 4_096;
const MOST_NOTICES: usize = 16_384;
/// The oldest entries of the journal go first, which leaves a gap that the journal itself tells of.
const MOST_ENTRIES: usize = 16_384;
/// 64 MiB of entries: four hundred turns in which every link of a large city changes.
const MOST_ENTRY_BYTES: usize = 64 << 20;
/// Records of rollups: three hours of a large city while the disk refuses. The oldest go first.
const MOST_ROLLUPS: usize = 65_536;
/// Files that wait: those of a few reloads.
const MOST_CONTENTS: usize = 4_096;

#[derive(Default)]
pub(super) struct Pending {
    /// The newest commit in here.
    pub(super) ticket: Ticket,
    /// How many entries of the journal were ever handed over.
    pub(super) handed: i64,
    pub(super) journal: JournalRows,
    pub(super) series: SeriesRows,
    /// Facts that did not fit.
    pub(super) lost: u64,
}

#[derive(Default)]
pub(super) struct JournalRows {
    pub(super) incidents: BTreeMap<String, Incident>,
    pub(super) windows: BTreeMap<String, Window>,
    pub(super) desk: BTreeMap<String, DeskRecord>,
    pub(super) points: BTreeMap<(LinkId, Role), String>,
    pub(super) services: BTreeMap<String, String>,
    pub(super) notices: BTreeMap<String, Notice>,
    pub(super) deliveries: BTreeMap<String, Delivery>,
    /// With the number under which they were handed over, which never repeats.
    pub(super) entries: VecDeque<(i64, Entry)>,
    pub(super) entry_bytes: usize,
    pub(super) contents: BTreeMap<Digest, Vec<u8>>,
    /// Name by opaque id.
    pub(super) people: BTreeMap<String, String>,
    /// JSON of what is kept as one piece.
    pub(super) whole: BTreeMap<Whole, String>,
    pub(super) anchor: Option<(String, Timestamp)>,
}

#[derive(Default)]
pub(super) struct SeriesRows {
    pub(super) accounts: BTreeMap<(LinkId, String), String>,
    pub(super) rollups: VecDeque<StoredRollup>,
    pub(super) heartbeat: Option<Heartbeat>,
}

impl Pending {
    /// Adds the facts of one turn under the next ticket.
    pub(super) fn add(&mut self, batch: Batch, boot_id: &str) -> Ticket {
        let ticket = Ticket(self.ticket.0 + 1);
        let Batch {
            incidents,
            windows,
            desk,
            points,
            services,
            accounts,
            rollups,
            notices,
            deliveries,
            entries,
            contents,
            people,
            whole,
            anchor,
            heartbeat,
        } = batch;
        let beat = |utc| Heartbeat { utc, boottime: clock::boottime_millis(), boot_id: boot_id.to_owned() };
        let handed = self.handed + i64::try_from(entries.len()).unwrap_or(0);
        self.absorb(Pending {
            ticket,
            handed,
            journal: JournalRows {
                incidents: incidents.into_iter().map(|incident| (incident.id.clone(), incident)).collect(),
                windows: windows.into_iter().map(|window| (window.id.clone(), window)).collect(),
                desk: desk.into_iter().map(|record| (record.id().to_owned(), record)).collect(),
                points: points.into_iter().map(|point| ((point.link, point.role), point.state)).collect(),
                services: services.into_iter().map(|row| (row.service, row.state)).collect(),
                notices: notices.into_iter().map(|notice| (notice.key.clone(), notice)).collect(),
                deliveries: deliveries.into_iter().map(|delivery| (delivery.key.clone(), delivery)).collect(),
                entry_bytes: entries.iter().map(|entry| entry.payload.len()).sum(),
                entries: (self.handed + 1..).zip(entries).collect(),
                contents: contents.into_iter().map(|content| (content.hash, content.bytes)).collect(),
                people: people.into_iter().map(|person| (person.id, person.name)).collect(),
                whole,
                anchor,
            },
            series: SeriesRows {
                accounts: accounts.into_iter().map(|row| ((row.link, row.month), row.account)).collect(),
                rollups: rollups.into(),
                heartbeat: heartbeat.map(beat),
            },
            lost: 0,
        });
        ticket
    }

    /// Adds what is newer: it replaces what stands under the same key.
    pub(super) fn absorb(&mut self, newer: Pending) {
        let Pending { ticket, handed, journal, series, lost } = newer;
        (self.ticket, self.handed) = (ticket, handed);
        self.lost += lost;
        self.lost += insert(&mut self.journal.incidents, journal.incidents, MOST_INCIDENTS);
        self.lost += insert(&mut self.journal.windows, journal.windows, MOST_INCIDENTS);
        self.lost += insert(&mut self.journal.desk, journal.desk, MOST_INCIDENTS);
        self.lost += insert(&mut self.journal.points, journal.points, MOST_STATES);
        self.lost += insert(&mut self.journal.services, journal.services, MOST_STATES);
        self.lost += insert(&mut self.series.accounts, series.accounts, MOST_STATES);
        self.series.rollups.extend(series.rollups);
        let too_many = self.series.rollups.len().saturating_sub(MOST_ROLLUPS);
        self.series.rollups.drain(..too_many);
        self.lost += too_many as u64;
        // The first notice under a key stands, as it does in the outbox.
        let unknown = journal.notices.into_iter().filter(|(key, _)| !self.journal.notices.contains_key(key)).collect();
        self.lost += insert(&mut self.journal.notices, unknown, MOST_NOTICES);
        self.lost += insert(&mut self.journal.deliveries, journal.deliveries, MOST_NOTICES);
        self.lost += insert(&mut self.journal.contents, journal.contents, MOST_CONTENTS);
        self.lost += insert(&mut self.journal.people, journal.people, MOST_STATES);
        self.journal.whole.extend(journal.whole);
        self.journal.anchor = journal.anchor.or(self.journal.anchor.take());
        self.journal.entries.extend(journal.entries);
        self.journal.entry_bytes += journal.entry_bytes;
        self.lost += self.journal.drop_oldest_entries();
        self.series.heartbeat = series.heartbeat.or(self.series.heartbeat.take());
    }

    /// Rows that wait.
    pub(super) fn rows(&self) -> usize {
        self.journal.rows() + self.series.rows()
    }
}

impl JournalRows {
    pub(super) fn rows(&self) -> usize {
        let states = self.incidents.len()
            + self.windows.len()
            + self.desk.len()
            + self.points.len()
            + self.services.len()
            + self.notices.len()
            + self.deliveries.len();
        let chained = self.entries.len() + self.contents.len() + self.people.len();
        states + chained + self.whole.len() + usize::from(self.anchor.is_some())
    }

    /// Keeps what fits; returns how many entries did not.
    fn drop_oldest_entries(&mut self) -> u64 {
        let mut lost = 0;
        while self.entries.len() > MOST_ENTRIES || self.entry_bytes > MOST_ENTRY_BYTES {
            let Some((_, entry)) = self.entries.pop_front() else { break };
            self.entry_bytes -= entry.payload.len();
            lost += 1;
        }
        lost
    }
}

impl SeriesRows {
    pub(super) fn rows(&self) -> usize {
        self.accounts.len() + self.rollups.len() + usize::from(self.heartbeat.is_some())
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
    use crate::store::Attempt;

    fn entry(at: i64, bytes: usize) -> Entry {
        Entry { at: Timestamp(at), kind: "test".into(), payload: "x".repeat(bytes) }
    }

    #[test]
    fn memory_stays_bounded_and_what_does_not_fit_is_counted() {
        let mut pending = Pending::default();
        for at in 0..20_000 {
            pending.add(Batch { entries: vec![entry(at, 1)], ..Batch::default() }, "boot");
        }
        assert_eq!((pending.journal.entries.len(), pending.lost), (MOST_ENTRIES, 20_000 - MOST_ENTRIES as u64));
        assert_eq!(pending.journal.entries.back(), Some(&(20_000, entry(19_999, 1))));
        assert_eq!(pending.ticket, Ticket(20_000));
        pending.add(Batch { entries: vec![entry(1, MOST_ENTRY_BYTES)], ..Batch::default() }, "boot");
        assert_eq!(pending.journal.entries.len(), 1, "one large entry takes the place of all that are small");
    }

    #[test]
    fn the_last_attempt_decides() {
        let mut pending = Pending::default();
        let delivery = |attempts, result| Delivery { key: "k".into(), at: Timestamp(1), attempts, result };
        for tried in [
            delivery(1, Attempt::Failed { reason: "refused".into() }),
            delivery(2, Attempt::Delivered { receipt: String::new() }),
        ] {
            pending.add(Batch { deliveries: vec![tried], ..Batch::default() }, "boot");
        }
        assert_eq!(pending.journal.deliveries["k"], delivery(2, Attempt::Delivered { receipt: String::new() }));
    }
}
