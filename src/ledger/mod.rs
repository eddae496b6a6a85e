//! Availability that adds up: every millisecond of a period has one measured state and one accounting state.
//!
//! In: state changes with their times. Out: exact sums and availability in two bounds (unknown as down, unknown as
//! up). Pure.
//!
//! [`Account`] books one link; [`Accounted`] is its month in sums, and answers for the objective ([`Verdict`]);
//! [`Quality`] are the counts that the objectives of loss and RTT are judged by. [`rollup`] keeps days of
//! points in cells.

mod account;
mod availability;
mod booked;
mod elapsed;
mod exclusion;
mod history;
mod interface;
mod month;
pub mod online;
mod quality;
pub mod rollup;
mod standard;
mod tiers;
pub mod transaction;

use serde::{Deserialize, Serialize};

pub use self::{
    account::{Account, Cell, ClosedMonth},
    availability::Verdict,
    booked::{Booked, Earlier, Statement, Whole},
    elapsed::{Elapsed, Ended, Spans},
    exclusion::{Fact, NotBooked},
    history::{HistoryRow, Millis, PeriodCourse, PointDay, SMOKE, Span, Step},
    interface::InterfaceEvidence,
    month::Month,
    quality::{Course, Quality, Share, Terms, Timed, Witness, closed},
    standard::{Standard, Stretch},
    tiers::tier_verdict,
};

/// First axis: what was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    Up,
    Degraded,
    Down,
    Unknown,
}

/// Second axis: whether a millisecond counts towards the objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accounting {
    Counted,
    Excluded(Exclusion),
}

/// The six states that people know from the map: both axes in one view. Sums to the same time as the cells it is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SixStates {
    pub up: u64,
    pub degraded: u64,
    pub down: u64,
    pub unknown: u64,
    /// Planned work and drills.
    pub maintenance: u64,
    /// Whatever else is outside the objective.
    pub suspended: u64,
}

impl SixStates {
    pub fn of(cells: &[Cell]) -> Self {
        let mut view = Self::default();
        for Cell { measured, accounting, millis } in cells {
            let sum = match (accounting, measured) {
                (Accounting::Excluded(Exclusion::PlannedWork | Exclusion::Drill), _) => &mut view.maintenance,
                (Accounting::Excluded(_), _) => &mut view.suspended,
                (Accounting::Counted, Measured::Up) => &mut view.up,
                (Accounting::Counted, Measured::Degraded) => &mut view.degraded,
                (Accounting::Counted, Measured::Down) => &mut view.down,
                (Accounting::Counted, Measured::Unknown) => &mut view.unknown,
            };
            *sum += millis;
        }
        view
    }

    pub fn total(self) -> u64 {
        let Self { up, degraded, down, unknown, maintenance, suspended } = self;
        up + degraded + down + unknown + maintenance + suspended
    }
}

/// Why a time is outside the objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exclusion {
    NotInService,
    Suspended,
    PlannedWork,
    Drill,
    ForceMajeure,
    CustomerFault,
    Ordered,
}

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

impl std::ops::AddAssign for Accounted {
    fn add_assign(&mut self, other: Self) {
        self.up += other.up;
        self.degraded += other.degraded;
        self.down += other.down;
        self.unknown += other.unknown;
        self.excluded += other.excluded;
        self.period += other.period;
    }
}
