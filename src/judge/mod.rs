//! Measured facts against what was promised: point and link states.
//!
//! In: samples and windows. Out: [`PointChange`]s, [`LinkState`] and its transitions. Pure.
//!
//! [`PointJudge`] decides whether a point answers, [`link_state`] what that means for its link; [`rule`] are operators'
//! own alarms over all that is measured of it.

mod link;
mod lossy;
mod point;
pub mod proof;
pub mod rule;
pub mod service;
pub mod site;
mod watch;

pub use link::{Localisation, PointReading, deciding_point, link_state, localise};
pub use point::{PointChange, PointJudge, PointVerdict, StoredPoint, Tally};
pub use watch::PointWatch;

use serde::{Deserialize, Serialize};

/// State of a link now. Every link is in exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "reason")]
pub enum LinkState {
    Up,
    Degraded,
    Down,
    Unknown(Unknown),
    Maintenance,
    Suspended,
    /// Silent in hours in which it may be. For people it is suspended meanwhile.
    Absent,
}

/// Why a link's state is not known. Never counted as down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// Has never answered since it was added: a work list, no incident.
    NeverVerified,
    /// We could not look (local fault, isolation, no fresh sample).
    NotMeasured,
    /// Has no point that can be probed.
    NotMeasurable,
}

impl LinkState {
    /// Before the first judgement.
    pub const UNSEEN: Self = Self::Unknown(Unknown::NeverVerified);

    /// Values of label `state` of `linkpatrol_link_state`.
    pub const NAMES: [&str; 6] = ["up", "degraded", "down", "unknown", "maintenance", "suspended"];

    /// What [`Self::reason`] can say: work lists of links.
    pub const REASONS: [&str; 4] = ["never_verified", "not_measured", "not_measurable", "expected_absence"];

    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Unknown(_) => "unknown",
            Self::Maintenance => "maintenance",
            Self::Suspended | Self::Absent => "suspended",
        }
    }

    /// Why it is so, where its name does not say it.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Unknown(Unknown::NeverVerified) => Some("never_verified"),
            Self::Unknown(Unknown::NotMeasured) => Some("not_measured"),
            Self::Unknown(Unknown::NotMeasurable) => Some("not_measurable"),
            Self::Absent => Some("expected_absence"),
            Self::Up | Self::Degraded | Self::Down | Self::Maintenance | Self::Suspended => None,
        }
    }
}
