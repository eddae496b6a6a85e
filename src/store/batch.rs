//! The facts that `patrol` hands over, as values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    incident::{DeskRecord, Incident, Window},
    inventory::{LinkId, Role},
    journal::{Content, Entry, Person},
    notify::Notice,
    units::Timestamp,
};

/// Facts of one turn: they reach the journal together or, after a crash, not at all.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// As they stand now, whole.
    pub incidents: Vec<Incident>,
    /// Planned work that is new or changed, whole.
    pub windows: Vec<Window>,
    /// What people have to act on, new or changed, whole.
    pub desk: Vec<DeskRecord>,
    /// States that changed.
    pub points: Vec<StoredPoint>,
    pub services: Vec<StoredService>,
    pub accounts: Vec<StoredAccount>,
    /// Appended to the days they are of.
    pub rollups: Vec<StoredRollup>,
    /// New in the outbox. A key that is there already is left as it is.
    pub notices: Vec<Notice>,
    pub deliveries: Vec<Delivery>,
    /// For the journal, in order.
    pub entries: Vec<Entry>,
    /// What entries refer to, with them or before them.
    pub contents: Vec<Content>,
    pub people: Vec<Person>,
    /// What is kept as one piece, as it stands now, as JSON text.
    pub whole: BTreeMap<Whole, String>,
    /// Sign where the chain stands after the entries: for this civil day.
    pub anchor: Option<(String, Timestamp)>,
    /// Time of this turn: "we were alive then".
    pub heartbeat: Option<Timestamp>,
}

impl Batch {
    /// Nothing to write.
    pub fn is_empty(&self) -> bool {
        self.incidents.is_empty()
            && self.windows.is_empty()
            && self.desk.is_empty()
            && self.points.is_empty()
            && self.services.is_empty()
            && self.accounts.is_empty()
            && self.rollups.is_empty()
            && self.notices.is_empty()
            && self.deliveries.is_empty()
            && self.entries.is_empty()
            && self.contents.is_empty()
            && self.people.is_empty()
            && self.whole.is_empty()
            && self.anchor.is_none()
            && self.heartbeat.is_none()
    }
}

/// What is kept as one piece: each write replaces the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whole {
    /// The register of rounds.
    Duty,
    /// What may leave.
    Doors,
    /// What was counted of websites.
    Sites,
    /// Rules' alarms that fire.
    Alarms,
    /// Budgets of the day, and its digest.
    Daily,
    /// What was warned of.
    Warnings,
}

impl Whole {
    /// Its key in `meta`.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Duty => "duty",
            Self::Doors => "doors",
            Self::Sites => "sites",
            Self::Alarms => "alarms",
            Self::Daily => "daily",
            Self::Warnings => "warnings",
        }
    }
}

/// What the judge remembers of one measuring point.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPoint {
    pub link: LinkId,
    pub role: Role,
    /// The judge's own stored form, as JSON text: a hundred thousand may wait for the disk, and text is small.
    pub state: String,
}

/// What is remembered of one service.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredService {
    pub service: String,
    /// The loop's own stored form, as JSON text.
    pub state: String,
}

/// Account of one link in one civil month.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAccount {
    pub link: LinkId,
    /// `2026-11`, in the contract's time zone.
    pub month: String,
    /// The ledger's own stored form, as JSON text.
    pub account: String,
}

/// Records for one civil day of one measuring point.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRollup {
    pub link: LinkId,
    pub role: Role,
    /// `2026-11-22`, in the contract's time zone.
    pub day: String,
    /// As [`crate::ledger::rollup::Record::put`] writes them.
    pub records: Vec<u8>,
}

/// What became of trying to deliver a notice of the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    pub key: String,
    pub at: Timestamp,
    /// How often it was tried, this time included.
    pub attempts: u32,
    pub result: Attempt,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Attempt {
    /// The receiver accepted it, and said this: it leaves the outbox.
    Delivered { receipt: String },
    /// It stays in the outbox.
    Failed { reason: String },
    /// It leaves the outbox undelivered: nobody took it, or its channel is gone.
    GivenUp { reason: String },
    /// It leaves the outbox: it would have been sent if this door were open.
    Held { door: String },
    /// It leaves the outbox: a later notice of this id says all of it.
    Replaced { by: String },
}

/// A sign of life: what lies between the last one and the next start is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    pub utc: Timestamp,
    /// CLOCK_BOOTTIME in milliseconds: says how long ago it was, as long as the machine has not been restarted.
    pub boottime: i64,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
}
