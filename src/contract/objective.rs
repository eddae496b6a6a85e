//! Objectives: what is promised about a period rather than about one incident.

use super::{
    Applies, Bound, Chosen, Words,
    words::{Exclusion, Measure, Period, Reach, Rounding, Source, Statistic},
};
use crate::{
    diagnostic::{Code, Findings, Place, yaml::Document},
    inventory::Role,
    text::ContractText,
};

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
    /// It is measured, and nothing judges it by itself.
    pub(super) fn is_shown_alone(&self) -> bool {
        let judged_by_nothing =
            matches!(self.measure, Measure::Jitter | Measure::FailureRate | Measure::Bandwidth | Measure::Utilisation);
        judged_by_nothing && self.source == Source::Measured
    }

    /// Reasons that the contract names and does not leave out. A drill that it does not name is planned work.
    pub fn counting(&self) -> Vec<Exclusion> {
        let named = |reason| self.exclusions.iter().find(|(named, _)| *named == reason).map(|(_, out)| !out.value);
        let counts = |reason| match reason {
            Exclusion::Drill => named(Exclusion::Drill).or_else(|| named(Exclusion::PlannedWork)),
            other => named(other),
        };
        Exclusion::ALL.iter().copied().filter(|reason| counts(*reason) == Some(true)).collect()
    }

    /// Accounts are kept by civil month, so a period is made of whole ones. `None`, with a finding: it is another.
    pub(super) fn civil_period<T>(&self, file: &Document<T>, findings: &mut Findings) -> Option<Period> {
        let period = self.period.as_ref().map_or(Period::Month, |chosen| chosen.value);
        if matches!(period, Period::Month | Period::Quarter | Period::Year) {
            return Some(period);
        }
        let place = file.place(&format!("{}.period", self.path));
        let message = ContractText::PeriodNotJudged { measure: self.measure.as_str(), period: period.as_str() }.into();
        findings.error(place, Code::LINK_TERMS, message, ContractText::PeriodNotJudgedHelp.into());
        None
    }

    /// Of printed shares; truncated where nothing is said.
    pub fn rounding(&self) -> Rounding {
        self.rounding.as_ref().map_or(Rounding::Truncate, |chosen| chosen.value)
    }
}
