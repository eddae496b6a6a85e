//! What is warned of before it hurts: certificates, registrations of domains and entries of the register that end, and
//! sites that the rule on them finds wanting.
//!
//! In: what a look [`Found`] of each. Out: a [`Look`], once there is something to say:
//!
//! ```text
//!   an end     once at each step of the ladder, once when it has passed, anew for a new end
//!   a finding  once, and again after `again` while it holds
//!   its end    once, to exactly those who were told
//! ```
//!
//! Pure. What nobody can see moves nothing. What was said outlives a restart with the store.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{Notice, Subject};
use crate::{
    judge::site::days,
    text::{Message, WarningText},
    units::Timestamp,
};

/// First digits of a hash: enough to tell two certificates apart.
const DIGITS: usize = 16;

/// What is said of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warned {
    /// Name of its finding in metrics; `register_expiring`: an entry of expiry.csv ends.
    pub what: String,
    /// Of the service or entry.
    pub id: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// Id of a unit; empty: nobody's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// Renewed, or mended.
    #[serde(default)]
    pub over: bool,
    pub ends: Option<Timestamp>,
    /// Days of the ladder's step that the end has reached; zero: it has passed. `None`: it has no end.
    #[serde(default)]
    pub rung: Option<u32>,
    pub proof: Proof,
}

/// What it rests on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proof {
    /// When it was seen like this; `None`: it stands in a file.
    pub seen: Option<Timestamp>,
    /// Of the certificate; empty: it is about none.
    pub sha256: String,
    /// Visits or links that were looked at, and those of them that were bad.
    pub looked: u32,
    pub bad: u32,
    /// Of the register.
    pub note: String,
}

/// One thing as a look found it.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub stands: Stands,
    pub about: Warned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// Nobody can say.
    Unknown,
    Fine,
    Bad,
}

/// `channel/recipient`, and by how many notices that left or wait.
type Ways = BTreeMap<String, u32>;

/// What there is to say now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Look {
    pub due: Vec<Warned>,
    /// With those who were told.
    pub over: Vec<(Warned, Ways)>,
}

/// What was said, by finding and id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warnings {
    said: BTreeMap<String, Said>,
    /// Since when something waits for company.
    #[serde(skip)]
    since: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    ends: Option<Timestamp>,
    rung: Option<u32>,
    at: Timestamp,
    ways: Ways,
}

impl Warned {
    fn key(&self) -> String {
        format!("{}/{}", self.what, self.id)
    }

    /// What is said of it at `now`, with `more` others.
    pub fn text(&self, simulated: bool, more: usize, zone: Tz, now: Timestamp) -> WarningText {
        let clock = |at: Option<Timestamp>| at.map(|at| at.rfc3339(zone)).unwrap_or_default();
        let Proof { seen, sha256, looked, bad, .. } = &self.proof;
        WarningText {
            simulated,
            name: self.name.clone(),
            what: self.what.clone(),
            over: self.over,
            ends: clock(self.ends),
            days: self.ends.map_or(0, |end| days::left(end, now)),
            seen: clock(*seen),
            sha256: sha256.chars().take(DIGITS).collect(),
            looked: *looked,
            bad: *bad,
            more,
        }
    }
}

/// One sentence for people: the first of `list`, which is not empty, and how many more there are.
pub fn warnings_summary(list: &[Warned], simulated: bool, zone: Tz, now: Timestamp) -> Message {
    let more = list.len().saturating_sub(1);
    Message::Warned(Box::new(list.first().map(|first| first.text(simulated, more, zone, now)).unwrap_or_default()))
}

impl Warnings {
    /// `None`: nothing is new, or what is new waits for others for `gather`. Whatever is no part of `found` is forgotten.
    pub fn look(&mut self, found: Vec<Found>, again: Duration, gather: Duration, now: Timestamp) -> Option<Look> {
        let known: BTreeSet<String> = found.iter().map(|one| one.about.key()).collect();
        self.said.retain(|key, _| known.contains(key));
        let mut look = Look::default();
        for Found { stands, about } in found {
            let said = self.said.get(&about.key());
            match (stands, said) {
                (Stands::Unknown, _) | (Stands::Fine, None) => {}
                (Stands::Fine, Some(said)) => {
                    look.over.push((Warned { over: true, ..about }, said.ways.clone()));
                }
                (Stands::Bad, None) => look.due.push(about),
                (Stands::Bad, Some(said)) => {
                    let is_lower = about.ends != said.ends || about.rung < said.rung;
                    let is_again = about.ends.is_none() && now.since(said.at) >= again;
                    if is_lower || is_again {
                        look.due.push(about);
                    }
                }
            }
        }
        if look == Look::default() {
            self.since = None;
            return None;
        }
        let since = *self.since.get_or_insert(now);
        (now.since(since) >= gather).then_some(look)
    }

    /// It was told by `notices`. What nobody is there to hear is not said.
    pub fn told(&mut self, look: &Look, notices: &[Notice], now: Timestamp) {
        self.since = None;
        for (warned, _) in &look.over {
            self.said.remove(&warned.key());
        }
        let mut ways: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for notice in notices {
            for warned in about(notice).filter(|warned| !warned.over) {
                ways.entry(warned.key()).or_default().insert(way_of(notice));
            }
        }
        for warned in &look.due {
            if let Some(fresh) = ways.remove(&warned.key()) {
                let mut ways = self.said.remove(&warned.key()).map(|said| said.ways).unwrap_or_default();
                fresh.into_iter().for_each(|way| *ways.entry(way).or_default() += 1);
                self.said.insert(warned.key(), Said { ends: warned.ends, rung: warned.rung, at: now, ways });
            }
        }
    }

    /// A door opens: what nobody was told so far is new. `true`: there was some.
    pub fn forget_untold(&mut self) -> bool {
        let before = self.said.len();
        self.said.retain(|_, said| !said.ways.is_empty());
        self.said.len() < before
    }

    /// Another channel tells what a notice said.
    pub fn handed(&mut self, notice: &Notice) {
        for warned in about(notice).filter(|warned| !warned.over) {
            if let Some(said) = self.said.get_mut(&warned.key()) {
                *said.ways.entry(way_of(notice)).or_default() += 1;
            }
        }
    }

    /// A notice did not leave: whoever it was for was not told by it. `true`: that is news.
    pub fn lost(&mut self, notice: &Notice) -> bool {
        let way = way_of(notice);
        let mut changed = false;
        for warned in about(notice).filter(|warned| !warned.over) {
            if let Some(said) = self.said.get_mut(&warned.key())
                && let Some(left) = said.ways.remove(&way)
            {
                changed = true;
                said.ways.extend((left > 1).then(|| (way.clone(), left - 1)));
            }
        }
        changed
    }
}

fn about(notice: &Notice) -> impl Iterator<Item = &Warned> {
    match &notice.subject {
        Subject::Warnings(list) => list.iter(),
        _ => [].iter(),
    }
}

fn way_of(notice: &Notice) -> String {
    let (_, recipient) = notice.thread();
    format!("{}/{recipient}", notice.channel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::NoticeKind;

    const DAY: i64 = 86_400_000;

    fn ends(stands: Stands, end: i64, rung: u32) -> Found {
        let about = Warned {
            what: "certificate_expiring".into(),
            id: "S-1".into(),
            name: "甲站".into(),
            url: String::new(),
            owner: String::new(),
            over: false,
            ends: Some(Timestamp(end * DAY)),
            rung: Some(rung),
            proof: Proof::default(),
        };
        Found { stands, about }
    }

    fn dead_links(stands: Stands) -> Found {
        let mut found = ends(stands, 0, 0);
        (found.about.what, found.about.ends, found.about.rung) = ("dead_links".into(), None, None);
        found
    }

    fn notice(warned: &Warned, channel: &str) -> Notice {
        Notice {
            key: format!("warnings-1/{channel}/warning/1/duty"),
            channel: channel.into(),
            party: String::new(),
            kind: NoticeKind::Warning,
            subject: Subject::Warnings(vec![warned.clone()]),
            created: Timestamp(1),
            message: None,
            attempts: 0,
        }
    }

    /// Looks on a day, tells whoever is on `channels`, and returns what was due and over.
    fn looked(warnings: &mut Warnings, found: Vec<Found>, day: i64, channels: &[&str]) -> (usize, Vec<Vec<String>>) {
        let (now, week) = (Timestamp(day * DAY), Duration::from_hours(24 * 7));
        let Some(look) = warnings.look(found, week, Duration::ZERO, now) else { return (0, vec![]) };
        let notices: Vec<Notice> =
            look.due.iter().flat_map(|warned| channels.iter().map(|channel| notice(warned, channel))).collect();
        warnings.told(&look, &notices, now);
        (look.due.len(), look.over.iter().map(|(_, ways)| ways.keys().cloned().collect()).collect())
    }

    #[test]
    fn an_end_is_told_at_each_step_once_when_it_passed_and_when_it_is_renewed() {
        let mut warnings = Warnings::default();
        let mut told = |found: Found, day| looked(&mut warnings, vec![found], day, &["mail"]);
        for (day, rung, wanted) in [(1, 30, 1), (2, 30, 0), (20, 7, 1), (21, 7, 0), (28, 0, 1), (40, 0, 0)] {
            assert_eq!(told(ends(Stands::Bad, 27, rung), day), (wanted, vec![]), "day {day}");
        }
        assert_eq!(told(ends(Stands::Unknown, 27, 30), 41), (0, vec![]));
        assert_eq!(told(ends(Stands::Bad, 60, 30), 42), (1, vec![]), "another certificate");
        assert_eq!(told(ends(Stands::Fine, 400, 30), 43), (0, vec![vec!["mail/duty".to_owned()]]));
        assert_eq!(told(ends(Stands::Fine, 400, 30), 44), (0, vec![]));
    }

    #[test]
    fn a_finding_is_told_again_while_it_holds_and_its_end_only_to_those_who_heard() {
        let mut warnings = Warnings::default();
        let bad = || vec![dead_links(Stands::Bad)];
        assert_eq!(looked(&mut warnings, bad(), 1, &[]), (1, vec![]), "nobody was there");
        assert_eq!(looked(&mut warnings, bad(), 2, &["mail", "sms"]), (1, vec![]));
        assert!(warnings.lost(&notice(&dead_links(Stands::Bad).about, "sms")));
        assert_eq!(looked(&mut warnings, bad(), 8, &["mail"]).0, 0);
        assert_eq!(looked(&mut warnings, bad(), 9, &["mail"]).0, 1);
        assert!(warnings.lost(&notice(&dead_links(Stands::Bad).about, "mail")), "the first of two left");
        let kept: Warnings = serde_json::from_str(&serde_json::to_string(&warnings).unwrap()).unwrap();
        assert_eq!(kept, warnings);
        let over = looked(&mut warnings, vec![dead_links(Stands::Fine)], 10, &["mail", "sms"]);
        assert_eq!(over, (0, vec![vec!["mail/duty".to_owned()]]));
        assert_eq!(looked(&mut warnings, bad(), 11, &["mail"]).0, 1);
        assert!(!warnings.forget_untold());
        assert!(warnings.lost(&notice(&dead_links(Stands::Bad).about, "mail")), "its door was closed");
        assert_eq!(looked(&mut warnings, bad(), 11, &["mail"]).0, 0, "it was made and kept");
        assert!(warnings.forget_untold(), "the door opens");
        assert_eq!(looked(&mut warnings, bad(), 11, &["mail"]).0, 1);
        assert_eq!(looked(&mut warnings, vec![], 12, &["mail"]), (0, vec![]), "the service is gone");
        assert_eq!(looked(&mut warnings, vec![dead_links(Stands::Fine)], 13, &["mail"]), (0, vec![]));
    }

    #[test]
    fn what_is_new_waits_for_company() {
        let (mut warnings, ten) = (Warnings::default(), Duration::from_mins(10));
        let look = |warnings: &mut Warnings, found, minute: i64| {
            warnings.look(found, 100 * ten, ten, Timestamp(minute * 60_000)).map(|look| look.due.len())
        };
        assert_eq!(look(&mut warnings, vec![dead_links(Stands::Bad)], 0), None);
        let both = || vec![dead_links(Stands::Bad), ends(Stands::Bad, 9, 7)];
        assert_eq!(look(&mut warnings, both(), 9), None);
        assert_eq!(look(&mut warnings, both(), 10), Some(2));
    }
}
