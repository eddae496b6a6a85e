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
//! [`Incidents`] holds them all and takes every [`Input`]; `storm` groups what fails together, with `correlate` over
//! [`Scopes`], and `regroup` what fails later; `case` is one incident at work on its `record`, `promises` says which
//! clocks hold for it and `clocks` runs them; `people`, `answers` and `closing` are what commands do.

mod answers;
mod breaches;
mod case;
mod changes;
mod clocks;
mod closing;
mod correlate;
mod desk;
mod desk_view;
#[cfg(test)]
pub(crate) mod fixture;
mod flaps;
mod incidents;
mod isolation;
mod leftovers;
pub mod maintnote;
mod notes;
mod parents;
mod people;
mod problems;
mod promises;
mod record;
mod redundancy;
mod regroup;
mod reliability;
mod reports;
mod scopes;
mod services;
mod storm;
mod view;
mod window;
mod windows;

use serde::{Deserialize, Serialize};

pub use self::{
    breaches::{Breach, BreachPhase, Sealed},
    case::OURSELVES,
    changes::{Change, ChangePhase},
    desk::{Desk, DeskEntry, DeskRecord, MOST_ON_DESK, Ticket},
    desk_view::{BreachView, ChangeView, DeskView, ProblemView},
    incidents::{Changed, Incidents},
    notes::Noted,
    problems::{Fault, Problem, ProblemPhase},
    promises::is_of,
    record::{
        Acknowledgement, ActedBy, Annulment, Clock, Confirmation, Incident, IncidentKind, IncidentPhase, Level, Parent,
        Promise, Redundancy, Scope, TimelineEntry,
    },
    reliability::{Reliability, Spell, failures},
    scopes::{ScopeKind, Scopes},
    services::{ServiceChange, ServicePart, facts as service_facts},
    view::IncidentView,
    window::{Approval, Repeat, Turn, Window},
    windows::{MOST_WINDOWS, Windows, Work},
};
use crate::{
    command::Resolution,
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
    /// The same of services.
    Services(Vec<ServiceChange>),
    /// All witnesses are silent since then: we cannot tell what is down.
    Isolated { since: Timestamp },
    /// A witness answers again since then.
    Reconnected { since: Timestamp },
    /// Something about ourselves broke.
    Broken { fault: OwnFault },
    /// It works again.
    Mended { fault: OwnFault },
    /// A notice of an incident was accepted for this party, by this channel.
    Notified { incident: String, party: String, channel: String, at: Timestamp },
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
    /// The journal's daily anchor could not be made.
    AnchorMissed,
    /// No channel could tell anybody of an incident.
    NobodyTold,
    /// The swap of a device is overdue, or will soon be: ours to see to, and told to us alone.
    SwapDue,
}

impl OwnFault {
    pub const ALL: [Self; 4] = [Self::StoreUnusable, Self::EngineStalled, Self::AnchorMissed, Self::NobodyTold];

    /// Key of the incident's scope.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StoreUnusable => "store",
            Self::EngineStalled => "engine",
            Self::AnchorMissed => "anchor",
            Self::NobodyTold => "nobody_told",
            Self::SwapDue => "swap",
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
    /// Something was written down that is stored and shown, and that nobody waits for.
    Noted,
    TierRaised,
    /// It was part of this other one, which was told of at the same time or before.
    Merged {
        into: String,
    },
    /// By this party.
    Acknowledged {
        party: String,
    },
    /// This clock of this party ran out; once per clock.
    Overdue {
        clock: String,
        tier: u8,
        party: String,
    },
    /// This party says that it is not its fault: the duty officer decides.
    Disputed {
        party: String,
    },
    /// This party took its acknowledgement back, or nothing was heard of it for too long.
    Unanswered {
        party: String,
    },
    /// What this party promised is due, and it is not restored.
    PromiseDue {
        party: String,
    },
    Restored,
    Relapsed,
    /// It comes and goes: until it is steady, people are not told of each turn.
    Flapping,
    Closed,
    /// It was false or wrongly classed: whoever was told of it must be told so.
    Annulled,
    /// A person said what a possible whole-network outage was. An outage: what is unknown of every link from `since` on
    /// was down; `until`: it was over by then.
    Resolved {
        verdict: Resolution,
        since: Timestamp,
        until: Option<Timestamp>,
    },
    /// What stands beside the failing links must be known before they are grouped: probe these at once.
    Reprobe {
        links: Vec<LinkId>,
    },
    /// It left the list: the store keeps it, pages and metrics do not.
    Left,
}
