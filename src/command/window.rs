//! Planned work as it is announced, and what is said of it.

use serde::{Deserialize, Serialize};

use crate::units::Timestamp;

/// Planned work that somebody announces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// What is worked on: `link/LL-0412`, `group/…`, `segment/duct-017`, `unit/…`, `carrier/…`.
    pub scopes: Vec<String>,
    pub from: Timestamp,
    /// The first millisecond after it.
    pub to: Timestamp,
    /// It comes again in the civil time of the contract, up to and including `until`.
    #[serde(default)]
    pub every: Option<Every>,
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// Who wants to work.
    pub requester: String,
    /// Who has agreed. Empty: nobody yet.
    #[serde(default)]
    pub approver: String,
    /// When notice was given, if before now.
    #[serde(default)]
    pub announced: Option<Timestamp>,
    /// An exercise: booked apart from planned work.
    #[serde(default)]
    pub drill: bool,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    Day,
    Week,
    Month,
}

/// Whether planned work stops clocks and is outside the objective. Only [`Standing::Valid`] does and is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Standing {
    Valid,
    /// Less notice than the contract asks for: it may begin at this time.
    Late {
        earliest: Timestamp,
    },
    /// Nobody had agreed when it began.
    Unapproved,
    /// It touches a guard period, in which the contract has no planned work.
    Guarded,
    /// It was written down, or stretched, when it had begun.
    AfterStart,
    Cancelled,
}

impl Standing {
    /// Name in metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Late { .. } => "late",
            Self::Unapproved => "unapproved",
            Self::Guarded => "guarded",
            Self::AfterStart => "after_start",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Planned work takes every link of a redundancy group that is left.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Overlap {
    pub group: String,
    /// Ids of windows.
    pub windows: Vec<String>,
    pub from: Timestamp,
    pub to: Timestamp,
}
