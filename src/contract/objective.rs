//! Objectives: what is promised about a period rather than about one incident.

use super::{
    Applies, Bound, Chosen, Words,
    words::{Exclusion, Measure, Period, Reach, Rounding, Source, Statistic},
};
use crate::{diagnostic::Place, inventory::Role};

/// One objective with everything that is needed to judge it. What the text leaves open came from a switch.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    pub id: String,
    pub name: Words,
    pub applies: Applies,
    pub measure: Measure,
    pub bound: Bound,
    pub period: Option<Chosen<Period>>,
    pub statistic: Option<Chosen<Statistic>>,
    /// Where it is measured.
    pub point: Option<Chosen<Role>>,
    /// Reasons that the contract speaks of, and whether time with them is left out.
    pub exclusions: Vec<(Exclusion, Chosen<bool>)>,
    /// Of printed figures.
    pub rounding: Option<Chosen<Rounding>>,
    /// `None`: each link by itself.
    pub reach: Option<Chosen<Reach>>,
    pub source: Source,
    pub clause: String,
    pub path: String,
    pub place: Place,
}

impl Objective {
    /// Reasons that the contract names and does not leave out. A drill that it does not name is planned work.
    pub fn counting(&self) -> Vec<Exclusion> {
        let named = |reason| self.exclusions.iter().find(|(named, _)| *named == reason).map(|(_, out)| !out.value);
        let counts = |reason| match reason {
            Exclusion::Drill => named(Exclusion::Drill).or_else(|| named(Exclusion::PlannedWork)),
            other => named(other),
        };
        Exclusion::ALL.iter().copied().filter(|reason| counts(*reason) == Some(true)).collect()
    }

    /// Of printed shares; truncated where nothing is said.
    pub fn rounding(&self) -> Rounding {
        self.rounding.as_ref().map_or(Rounding::Truncate, |chosen| chosen.value)
    }
}
