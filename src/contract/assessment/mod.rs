//! What follows when a promise is broken: penalties and scores, as the contract's own formulas.
//!
//! In: facts, counts and the clocks of faults, measured or stated by people. Out: candidates and points, each with its clause. Never a sum of
//! penalties: whether two of them hit one event is for the customer to say. What was not stated is named as missing
//! and never taken for no.

mod fault;
mod penalty;
mod score;
#[cfg(test)]
mod tests;

pub use self::{
    fault::{Fault, Grades, Late, Overrun, Run},
    penalty::{Amount, Base, Candidate, Days, Event, Item, Penalty, Repeats, Sum},
    score::{
        Band, Below, Edge, Item as ScoreItem, Outcome, QuarterScore, Reading, Rule, Score, Taken, Veto, ZeroScope,
    },
};
pub(super) use self::{
    penalty::WrittenPenalty,
    score::{WrittenGrades, WrittenScore, WrittenVeto},
};

/// Everything that the contract says about money and points. Empty: it says nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Assessment {
    /// Total price of the contract in yuan, and its clause.
    pub total: Option<Money>,
    pub items: Vec<Item>,
    pub penalties: Vec<Penalty>,
    pub score: Option<Score>,
}

/// An amount as printed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    pub yuan: u64,
    #[serde(default)]
    pub clause: Option<String>,
}

/// `assessment:` as written.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenAssessment {
    pub total: Option<Money>,
    pub items: Vec<Item>,
    pub penalties: Vec<WrittenPenalty>,
    pub score: Option<WrittenScore>,
}
