//! The record of one incident: what is stored, shown and proved. Entries of its timeline are added, never changed.

use serde::{Deserialize, Serialize};

use super::ScopeKind;
use crate::{
    command::{Resolution, Step},
    contract::words,
    inventory::LinkId,
    units::Timestamp,
};

/// The party that answers for all: us.
pub(super) const OPERATOR: &str = "operator";

/// One incident: one cause as far as we can tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// ULID.
    pub id: String,
    /// Set when it was merged into another.
    pub merged_into: Option<String>,
    pub phase: IncidentPhase,
    pub tier: u8,
    /// The levels that it was of, and from when the condition of each was true.
    #[serde(default)]
    pub levels: Vec<Level>,
    pub scope: Scope,
    /// The scope is a conclusion from what failed together, not an observation (推断).
    pub inferred: bool,
    /// All links of a unit fail across carriers: ask the unit about its power before any carrier is blamed.
    #[serde(default)]
    pub unit_power_suspected: bool,
    pub kind: IncidentKind,
    /// How the system calls it that reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// An exercise: it joins nothing that was measured, and nothing measured joins it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drill: bool,
    /// Send time of the first lost probe.
    pub began: Timestamp,
    pub opened: Timestamp,
    /// When its grace ended and notices could leave.
    #[serde(default)]
    pub announced: Option<Timestamp>,
    pub restored: Option<Timestamp>,
    pub closed: Option<Timestamp>,
    /// Who took it on, for each party; the first stands.
    #[serde(default)]
    pub acknowledgements: Vec<Acknowledgement>,
    /// What parties promised; a later promise of a party replaces its earlier one.
    #[serde(default)]
    pub promises: Vec<Promise>,
    /// Conditions for closing, as they were confirmed.
    #[serde(default)]
    pub confirmations: Vec<Confirmation>,
    pub closed_by: Option<ActedBy>,
    #[serde(default)]
    pub annulled: Option<Annulment>,
    /// What a loss of sight was, by a person's word.
    #[serde(default)]
    pub resolution: Option<Resolution>,
    pub clocks: Vec<Clock>,
    /// Redundancy groups of its links that are down, and what is left of them.
    #[serde(default)]
    pub redundancy: Vec<Redundancy>,
    /// How often it came back and failed again; and since when it does so too often to tell of each turn.
    #[serde(default)]
    pub relapses: u32,
    #[serde(default)]
    pub flapping: Option<Timestamp>,
    /// The incident that explains it: what its links depend on is down.
    #[serde(default)]
    pub parent: Option<Parent>,
    /// Links of the incident: id, and whether still down. Sorted by id.
    pub links: Vec<(LinkId, bool)>,
    /// The service that it is about, as it was when it was judged last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Box<super::ServicePart>>,
    /// How other systems call it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tickets: Vec<super::Ticket>,
    pub timeline: Vec<TimelineEntry>,
    /// Entries of our own left out of the middle of the timeline when it was full.
    #[serde(default)]
    pub timeline_dropped: u32,
}

impl Incident {
    /// Whether this is kept from people: an incident that explains it is told instead. Whoever was told of it before
    /// is told of its end.
    pub fn is_covered(&self, is_end: bool) -> bool {
        self.parent.as_ref().is_some_and(|parent| !(parent.told && is_end))
    }

    /// What it is of for conditions of the contract, when it is not of the whole network.
    pub fn part_of_network(&self) -> words::Scope {
        match ScopeKind::parse(&self.scope.kind) {
            Some(ScopeKind::Group) => words::Scope::Group,
            Some(ScopeKind::Segment) => words::Scope::Segment,
            Some(ScopeKind::Unit) => words::Scope::Unit,
            Some(ScopeKind::Carrier) => words::Scope::Carrier,
            Some(ScopeKind::Link | ScopeKind::Network | ScopeKind::Prober | ScopeKind::Service) | None => {
                words::Scope::Link
            }
        }
    }

    /// How often it has changed: rises with every entry of the timeline, kept or not.
    pub fn steps(&self) -> usize {
        self.timeline.len() + self.timeline_dropped as usize
    }

    /// Who took it on for this party.
    pub fn acknowledged_by(&self, party: &str) -> Option<&ActedBy> {
        self.acknowledgements.iter().find(|one| one.party == party).map(|one| &one.by)
    }

    /// How the party numbers its own work on it.
    pub fn work_order_of(&self, party: &str) -> &str {
        self.acknowledgements.iter().find(|one| one.party == party).map_or("", |one| &one.work_order)
    }

    /// Who took it on for the operator.
    pub fn acknowledged(&self) -> Option<&ActedBy> {
        self.acknowledged_by(OPERATOR)
    }

    /// The operator's running clock of this name that runs out first.
    pub fn running(&self, clock: &str) -> Option<&Clock> {
        let ours = |one: &&Clock| one.clock == clock && one.party == OPERATOR && one.stopped.is_none();
        self.clocks.iter().filter(ours).min_by_key(|one| one.deadline)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentPhase {
    Open,
    Restored,
    Closed,
}

impl IncidentPhase {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Restored => "restored",
            Self::Closed => "closed",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentKind {
    /// Links are down.
    Outage,
    /// Possible whole-network outage: we lost our own witnesses too and cannot tell.
    Isolation,
    /// Somebody outside says so, and no probe has seen it.
    Reported,
    /// Something is wrong with ourselves, such as the store.
    Own,
    /// A service is down, or not as it should be.
    Service,
}

/// An open incident that explains another: people are told of the cause alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    pub incident: String,
    /// People had been told of the other one before this was known.
    pub told: bool,
}

/// A redundancy group that has lost links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redundancy {
    pub group: String,
    /// Its links: all, and those known to be up and down.
    pub links: u32,
    pub up: u32,
    pub down: u32,
}

impl Redundancy {
    /// All of it is down: so is what it carries. A link that nobody can measure may still carry it.
    pub fn is_lost(&self) -> bool {
        self.down == self.links
    }
}

/// A level of the contract, and from when its condition was true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    pub level: u8,
    pub since: Timestamp,
}

/// What explains the failing links.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    /// `link`, `group`, `segment`, `carrier`, `unit`, `network`, `prober`, `service`: label `scope`.
    pub kind: String,
    /// Stable key of what it is, such as `duct-017`; empty for the network.
    pub id: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActedBy {
    pub actor: String,
    pub at: Timestamp,
    pub note: String,
    /// `api`, `cli`, `phone`, …
    #[serde(default)]
    pub way: String,
}

/// A party has taken an incident on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Acknowledgement {
    pub party: String,
    pub by: ActedBy,
    /// As the party numbers its own work.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub work_order: String,
}

/// A party means to be done by then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    pub party: String,
    pub eta: Timestamp,
    /// When it was told that the time had passed.
    #[serde(default)]
    pub due: Option<Timestamp>,
}

/// A condition for closing, met.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confirmation {
    /// As the contract calls it, such as `users_working`.
    pub condition: String,
    pub by: ActedBy,
}

/// A false or wrongly classed incident: taken back by two people, never deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Annulment {
    pub by: ActedBy,
    pub second: String,
}

/// One running or stopped clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// As the contract calls it: `response`, `restore`, `report`, …
    pub clock: String,
    pub tier: u8,
    /// Whose it is: `operator`, `carrier/<id>`, `unit/<id>`, `customer`.
    pub party: String,
    pub started: Timestamp,
    /// What it started at, such as `occurred`.
    #[serde(default)]
    pub starts: String,
    /// The switch of the contract that says so; `None`: its text does.
    #[serde(default)]
    pub switch: Option<String>,
    pub deadline: Timestamp,
    pub stopped: Option<Timestamp>,
    /// When it was told that this clock ran out.
    #[serde(default)]
    pub overdue: Option<Timestamp>,
    pub clause: String,
    /// Name of the calendar that it runs on.
    #[serde(default)]
    pub calendar: String,
    /// "Less than": missed at the deadline itself.
    #[serde(default)]
    pub strict: bool,
    /// A workaround stops it as a restoration does.
    #[serde(default)]
    pub workaround: bool,
    /// So many promises of the same kind, tier, party, clause and calendar come before it in the contract.
    #[serde(default, skip_serializing_if = "is_first")]
    pub nth: u32,
}

/// As most are.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_first(nth: &u32) -> bool {
    *nth == 0
}

impl Clock {
    /// Whether its promise was kept. `None`: it still runs.
    pub fn met(&self) -> Option<bool> {
        let in_time = |at: Timestamp| if self.strict { at < self.deadline } else { at <= self.deadline };
        self.stopped.map(in_time)
    }
}

/// Something that happened, who says so, and by which way it was said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// Counts from 1, entries that were left out included.
    #[serde(default)]
    pub number: u32,
    /// When it happened.
    pub at: Timestamp,
    /// A [`Step`] of the work, or one of ours: `occurred`, `detected`, `alarmed`, `grouped`, `merged`, `split`,
    /// `tier_raised`, `acknowledged`, `confirmed`, `relapsed`, `restored`, `left_over`, `closed`, `annulled`,
    /// `resolved`, `unknown`, `absent`, `explained`, `unexplained`, `promise_due`, `withdrawn`, `lapsed`, `retested`,
    /// `link_issued`, or a clock's name with `_overdue`.
    pub event: String,
    /// Person, or `linkpatrol`.
    pub actor: String,
    pub note: String,
    /// For whom the person spoke.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub party: String,
    /// By which way it was said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub way: String,
    /// When it was written down, where that is later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Timestamp>,
    /// Of a promise: by when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta: Option<Timestamp>,
    /// Number of the entry that this one puts right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<u32>,
    /// Of an acknowledgement: as the party numbers its own work.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub work_order: String,
    /// Which links of the party it is about; empty: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkId>,
}

impl TimelineEntry {
    pub fn is(&self, step: Step) -> bool {
        self.event == step.as_str()
    }
}
