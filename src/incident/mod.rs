//! The life of an incident: correlation, tiers, clocks, acknowledgement. Pure state machines.
//!
//! In: link state changes, commands and the passing of time. Out: [`Incident`]s and the effects that `patrol` carries
//! out.

mod view;

use serde::{Deserialize, Serialize};

pub use self::view::IncidentView;

use crate::{inventory::LinkId, units::Timestamp};

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
    pub kind: IncidentKind,
    /// Send time of the first lost probe.
    pub began: Timestamp,
    pub opened: Timestamp,
    pub restored: Option<Timestamp>,
    pub closed: Option<Timestamp>,
    pub acknowledged: Option<ActedBy>,
    pub closed_by: Option<ActedBy>,
    pub clocks: Vec<Clock>,
    /// Links of the incident: id, and whether still down.
    pub links: Vec<(LinkId, bool)>,
    pub timeline: Vec<TimelineEntry>,
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
    pub clause: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    pub at: Timestamp,
    /// `occurred`, `detected`, `grouped`, `tier_raised`, `acknowledged`, `response_overdue`, `restore_overdue`, `relapsed`, `restored`, `closed`, `unknown`.
    pub event: String,
    /// Person, or `linkpatrol`.
    pub actor: String,
    pub note: String,
}
