//! The life of an incident: correlation, tiers, clocks, acknowledgement. Pure state machines.
//!
//! In: link state changes, commands and the passing of time. Out: [`Incident`]s and the effects that `patrol` carries
//! out.
//!
//! ```text
//!                 grace: regrouped, merged, split
//!  first link ──▶ Open ──announced──▶ Open ──all its links up──▶ Restored ──person, or close_after──▶ Closed ──▶ gone
//!  down                                ▲                            │
//!                                      └──────────relapse───────────┘
//! ```
//!
//! [`Incidents`] holds them all and takes every [`Input`]; `storm` regroups what fails together, with `correlate`
//! over [`Scopes`]; `case` is one incident with its clocks.

mod case;
mod correlate;
#[cfg(test)]
pub(crate) mod fixture;
mod incidents;
mod isolation;
mod leftovers;
mod people;
mod regroup;
mod scopes;
mod storm;
mod view;

use serde::{Deserialize, Serialize};

pub use self::{
    incidents::Incidents,
    scopes::{ScopeKind, Scopes},
    view::IncidentView,
};
use crate::{
    contract::Contract,
    inventory::{Inventory, LinkId},
    judge::LinkState,
    units::Timestamp,
};

/// What incidents are judged against. All of it belongs together: a reload replaces all four.
#[derive(Clone, Copy)]
pub struct World<'a> {
    pub inventory: &'a Inventory,
    pub contract: &'a Contract,
    /// Of `inventory`.
    pub scopes: &'a Scopes,
    /// State of every link now, in ledger order, with the changes of this turn in it.
    pub states: &'a [LinkState],
}

/// What incidents react to. Commands come by [`Incidents::obey`], because they have an answer. Stored as they are, so that
/// the same inputs can be played again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Links whose state changed: all of one turn at once.
    Links(Vec<LinkChange>),
    /// All witnesses are silent since then: we cannot tell what is down.
    Isolated { since: Timestamp },
    /// A witness answers again since then.
    Reconnected { since: Timestamp },
    /// Something about ourselves broke.
    Broken { fault: OwnFault },
    /// It works again.
    Mended { fault: OwnFault },
    /// The world is another: links may be gone or out of service.
    Reloaded,
    /// Nothing but time.
    Tick,
}

/// A new state of a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkChange {
    pub link: LinkId,
    pub state: LinkState,
    /// From when it holds: for an outage the send time of the first lost probe, for a recovery of the first answered.
    pub since: Timestamp,
}

/// What can break about ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnFault {
    StoreUnusable,
    EngineStalled,
}

impl OwnFault {
    /// Key of the incident's scope.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StoreUnusable => "store",
            Self::EngineStalled => "engine",
        }
    }
}

/// Work for the shell: store the incident, tell people. Values: tests compare them, the journal stores them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Id of the incident, which [`Incidents::get`] still has.
    pub incident: String,
    pub kind: EffectKind,
}

/// What happened to an incident. Before [`EffectKind::Announced`] it is only stored and shown; notices wait for that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    Opened,
    /// The grace is over: its scope holds, notices may leave.
    Announced,
    /// Scope or links changed, or a note was added to the timeline.
    Changed,
    TierRaised,
    /// It was part of this other one, which was told of at the same time or before.
    Merged {
        into: String,
    },
    Acknowledged,
    /// This clock ran out; once per clock.
    Overdue {
        clock: String,
        tier: u8,
    },
    Restored,
    Relapsed,
    Closed,
    /// It left the list: the store keeps it, pages and metrics do not.
    Left,
}

impl Incident {
    /// How often it has changed: rises with every entry of the timeline, kept or not.
    pub fn steps(&self) -> usize {
        self.timeline.len() + self.timeline_dropped as usize
    }
}

/// One incident: one cause as far as we can tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// ULID.
    pub id: String,
    /// Set when it was merged into another.
    pub merged_into: Option<String>,
    pub phase: IncidentPhase,
    pub tier: u8,
    pub scope: Scope,
    /// The scope is a conclusion from what failed together, not an observation (推断).
    pub inferred: bool,
    /// All links of a unit fail across carriers: ask the unit about its power before any carrier is blamed.
    #[serde(default)]
    pub unit_power_suspected: bool,
    pub kind: IncidentKind,
    /// Send time of the first lost probe.
    pub began: Timestamp,
    pub opened: Timestamp,
    /// When its grace ended and notices could leave.
    #[serde(default)]
    pub announced: Option<Timestamp>,
    pub restored: Option<Timestamp>,
    pub closed: Option<Timestamp>,
    pub acknowledged: Option<ActedBy>,
    pub closed_by: Option<ActedBy>,
    pub clocks: Vec<Clock>,
    /// Links of the incident: id, and whether still down.
    pub links: Vec<(LinkId, bool)>,
    pub timeline: Vec<TimelineEntry>,
    /// Entries left out of the middle of the timeline when it was full.
    #[serde(default)]
    pub timeline_dropped: u32,
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
    /// Something is wrong with ourselves, such as the store.
    Own,
}

/// What explains the failing links.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    /// `link`, `group`, `segment`, `carrier`, `unit`, `network`, `prober`: label `scope`.
    pub kind: String,
    /// Stable key of what it is, such as `duct-017`; empty for the network.
    pub id: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActedBy {
    pub actor: String,
    pub at: Timestamp,
    pub note: String,
}

/// One running or stopped clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// `response` or `restore`.
    pub clock: String,
    pub tier: u8,
    /// `operator` until parties exist.
    pub party: String,
    pub started: Timestamp,
    pub deadline: Timestamp,
    pub stopped: Option<Timestamp>,
    /// When it was told that this clock ran out.
    #[serde(default)]
    pub overdue: Option<Timestamp>,
    pub clause: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    pub at: Timestamp,
    /// `occurred`, `detected`, `grouped`, `merged`, `tier_raised`, `acknowledged`, `response_overdue`, `restore_overdue`,
    /// `relapsed`, `restored`, `left_over`, `closed`, `unknown`.
    pub event: String,
    /// Person, or `linkpatrol`.
    pub actor: String,
    pub note: String,
}
