//! Availability that adds up: every millisecond of a period has one measured state and one accounting state.
//!
//! In: state changes with their times. Out: exact sums and availability in two bounds (unknown as down, unknown as
//! up). Pure.

mod availability;

use serde::{Deserialize, Serialize};

pub use self::availability::Verdict;

/// Milliseconds by measured state. Sums to the time that has passed in the period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounted {
    pub up: u64,
    pub degraded: u64,
    pub down: u64,
    pub unknown: u64,
    /// Not in service: outside the objective.
    pub excluded: u64,
    /// Milliseconds of the whole period (the civil month), past and to come.
    pub period: u64,
}
