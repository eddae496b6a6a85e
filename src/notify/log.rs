//! Notices as they are looked up: what was to be said to whom, and what became of it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Notice, channels::name_of};
use crate::units::Timestamp;

/// What became of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    Waiting,
    Delivered,
    /// It would have been sent: the door on its way was closed.
    Held,
    /// A dead letter.
    GivenUp,
    /// A later one said all of it.
    Replaced,
}

impl NoticeState {
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Delivered, Self::Held, Self::GivenUp, Self::Replaced];

    /// As the store and the API write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Held => "held",
            Self::GivenUp => "given_up",
            Self::Replaced => "replaced",
        }
    }
}

/// Which notices are looked for, newest first. An empty text: any.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub id: String,
    pub incident: String,
    pub recipient: String,
    pub channel: String,
    pub state: Option<NoticeState>,
    /// Only those that stand behind this one.
    pub after: Option<Place>,
    pub most: usize,
}

/// Where a notice stands in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub created: i64,
    pub id: String,
}

/// A notice, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged {
    pub id: String,
    pub notice: Notice,
    pub state: String,
    pub attempts: u32,
    /// Since when it no longer waits.
    pub done: Option<Timestamp>,
    /// The receiver's last words, a receipt, or why it did not leave.
    pub words: String,
}

impl Notice {
    /// Its name in addresses: what follows from its key, without `/`.
    pub fn id(&self) -> String {
        name_of(&self.key)
    }
}

/// What was made of incidents that are not over, and digests of today, and whether it left the house: nobody hears of an end who did not hear of
/// the beginning, and nobody hears the same news twice.
#[derive(Debug, Default)]
pub struct Told(BTreeMap<String, BTreeMap<String, bool>>);

impl Told {
    /// From the store: incident, key, and whether it left or waits.
    pub fn from(rows: Vec<(String, String, bool)>) -> Self {
        let mut told = Self::default();
        for (incident, key, left) in rows {
            told.0.entry(incident).or_default().insert(key, left);
        }
        told
    }

    /// `false`: the same news were made before.
    pub fn make(&mut self, notice: &Notice) -> bool {
        let (about, _) = notice.thread();
        self.0.entry(about.to_owned()).or_default().insert(notice.key.clone(), true).is_none()
    }

    /// It left, or did not.
    pub fn left(&mut self, key: &str, left: bool) {
        let incident = key.split('/').next().unwrap_or_default();
        if let Some(known) = self.0.get_mut(incident).and_then(|keys| keys.get_mut(key)) {
            *known = left;
        }
    }

    /// Whether its recipient heard of the incident over this channel, or will.
    pub fn knows(&self, notice: &Notice) -> bool {
        let Some(incident) = notice.incident() else { return true };
        let same = |key: &String| way(key) == way(&notice.key);
        self.0.get(&incident.id).is_some_and(|keys| keys.iter().any(|(key, left)| *left && same(key)))
    }

    /// Whoever heard of the one hears of the end of the other, which it is part of now.
    pub fn merge(&mut self, from: &str, into: &str) {
        if let Some(keys) = self.0.get(from).cloned() {
            self.0.entry(into.to_owned()).or_default().extend(keys);
        }
    }

    pub fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.0.retain(|incident, _| is_there(incident));
    }
}

/// Channel and recipient of a key.
fn way(key: &str) -> (&str, &str) {
    let mut parts = key.splitn(5, '/');
    (parts.nth(1).unwrap_or_default(), parts.nth(2).unwrap_or_default())
}
