//! Problems and changes as people speak of them, and the tickets that other systems keep of them.

use serde::{Deserialize, Serialize};

use crate::units::Timestamp;

/// A change that somebody asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestedChange {
    /// What is to be changed.
    pub what: String,
    /// Why, and how it is taken back when it fails.
    pub reason: String,
    pub requester: String,
    /// With `from` and `to`: it is planned work on these scopes, as in [`super::Planned`], and is approved with it.
    #[serde(default)]
    pub on: Vec<String>,
    #[serde(default)]
    pub from: Option<Timestamp>,
    #[serde(default)]
    pub to: Option<Timestamp>,
    /// The problem that it is to end.
    #[serde(default)]
    pub problem: String,
}

/// What people say of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// By another person than who asks for it.
    Approve,
    Reject,
    Withdraw,
    /// It was carried out.
    Done,
    /// It was carried out or begun, and taken back.
    Failed,
}

/// What people write down about a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemStep {
    Note,
    /// Its cause is known: a known error from then on.
    Cause,
    Workaround,
    /// Its cause is gone.
    Close,
}

impl ProblemStep {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Cause => "cause",
            Self::Workaround => "workaround",
            Self::Close => "closed",
        }
    }
}
