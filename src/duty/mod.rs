//! Duty: what people do again and again, and what the product remembers of it for them.
//!
//! In: `rounds.yaml`, `roster.yaml`, `contacts.yaml` and `devices.yaml` beside a contract, time, and what people sign. Out: who is on duty, and rounds that
//! are planned, due, late, done or missed, each change a [`Fact`] for the journal. Pure: what was measured is handed in, and nothing that a prober cannot
//! see is ever filled in for a person.

pub mod contacts;
pub mod devices;
mod handover;
mod plan;
mod read;
mod register;
mod replies;
pub mod roster;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

pub use self::{
    contacts::{Contact, Contacts},
    devices::{Coverage, DeviceFact, Devices, Fault, Swaps},
    handover::{Handover, MOST_GIVEN_UP, OnDuty, Unsent},
    plan::Due,
    register::{Done, Entry, Fact, HandedOver, Register, Signed, Status},
    replies::{Settled, UnclearReply},
    roster::Roster,
};
use crate::{
    contract::{Cadence, Calendar, Holidays, Span, Words},
    diagnostic::Place,
    inventory::{Inventory, Kind, Link, LinkId},
    ledger::Accounted,
    units::{Counts, Timestamp},
};

/// The rounds of a contract.
#[derive(Debug, Default, PartialEq)]
pub struct Rounds {
    pub list: Vec<Round>,
    zone: chrono_tz::Tz,
    holidays: Arc<Holidays>,
    /// First and last day of the contract, where it has them: outside of it nothing is due.
    term: (Option<chrono::NaiveDate>, Option<chrono::NaiveDate>),
}

impl Rounds {
    pub fn get(&self, id: &str) -> Option<&Round> {
        self.list.iter().find(|round| round.id == id)
    }
}

/// One inspection that comes again.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    pub id: String,
    pub name: Words,
    pub every: Cadence,
    /// So often in each; 1 unless written.
    pub times: u32,
    pub scope: Scope,
    /// Days and hours in which it can be made. `None`: any.
    pub calendar: Option<Arc<Calendar>>,
    /// Only in these parts of a year. Empty: all of it.
    pub seasons: Vec<Season>,
    /// Due so long after its period began; `None`: when the period ends.
    pub within: Option<Span>,
    /// So long after it was due it can still be made, and is late. Then it is missed.
    pub late_for: Duration,
    /// What the record asks for.
    pub form: Vec<Field>,
    /// Where the contract says so.
    pub clause: String,
    pub place: Place,
}

/// What a round looks at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    /// `None`: no links.
    pub links: Option<LinksOf>,
    /// Rows of requirements.csv.
    pub requirements: Vec<String>,
    /// Anything else, in words.
    pub text: Option<Words>,
}

/// Links of a scope: those that every filter with entries lets through.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinksOf {
    pub ids: Vec<String>,
    pub units: Vec<String>,
    pub carriers: Vec<String>,
    pub kinds: Vec<Kind>,
}

impl LinksOf {
    pub fn covers(&self, link: &Link, inventory: &Inventory) -> bool {
        let among = |names: &[String], name: &str| names.is_empty() || names.iter().any(|one| one == name);
        among(&self.ids, link.id.as_str())
            && among(&self.units, &inventory.units[link.unit.at()].id)
            && among(&self.carriers, &inventory.carriers[link.carrier.at()].id)
            && (self.kinds.is_empty() || self.kinds.contains(&link.kind))
    }
}

/// A part of every year: from a day to a day, both included; it may go over New Year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Season {
    /// Month and day.
    pub from: (u32, u32),
    pub to: (u32, u32),
}

/// One line of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    pub id: String,
    pub name: Words,
}

/// What was measured of the links of a round when it was signed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    pub at: Timestamp,
    pub links: u32,
    /// Links by state.
    pub states: BTreeMap<String, u32>,
    /// Links in service that were not up, the first of them in ledger order.
    pub not_up: Vec<LinkId>,
    /// Probes of the last hour, of the deciding points.
    pub probes: Counts,
    /// The link that lost most in the last hour.
    pub worst_loss: Option<LinkId>,
    /// The link with the largest 95th percentile of RTT in the last hour, and that in nanoseconds.
    pub slowest: Option<(LinkId, u64)>,
    /// Milliseconds of the civil month so far, summed over the links.
    pub month: Accounted,
}
