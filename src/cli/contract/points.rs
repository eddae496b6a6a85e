//! Points of a table, by quarter and by civil year: from faults that are stored or made up, and counts that people keep.
//!
//! In: the contract, faults, counts. Out: what each rule took, each item, the total; the mean of a year and its band. Quarters
//! without a fault or count lost nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{assessed::hundredths, made_up::Quarter};
use crate::{
    contract::{
        NOT_FROM_CONTRACT, Terms,
        assessment::{Fault, Outcome, QuarterScore, Taken},
    },
    text::{AssessedText, Message},
    units::Timestamp,
};

/// Counts that people keep, by name.
pub(super) type Counts = BTreeMap<Quarter, BTreeMap<String, u32>>;

/// One quarter.
struct Points {
    quarter: Quarter,
    taken: Vec<Taken>,
    score: QuarterScore,
    /// It is not over.
    runs: bool,
}

/// The table. Empty: the contract has none, or nothing was told.
#[derive(Default)]
pub(super) struct Table {
    quarters: Vec<Points>,
    years: Vec<(i32, Outcome)>,
}

impl Table {
    /// `now`: what has not ended then still runs; `None`: a story that is told to its end.
    pub fn of<'a>(
        terms: &'a Terms,
        faults: impl Iterator<Item = &'a Fault<'a>>,
        counts: &'a Counts,
        now: Option<Timestamp>,
    ) -> Self {
        let Some(score) = &terms.assessment.score else { return Self::default() };
        let mut of_quarter: BTreeMap<Quarter, Vec<Fault<'a>>> = BTreeMap::new();
        for fault in faults {
            of_quarter.entry(Quarter::of(fault.moments.occurred, terms.time_zone)).or_default().push(fault.clone());
        }
        let of = |quarter: Quarter| {
            let faults = of_quarter.get(&quarter).map_or(&[][..], Vec::as_slice);
            let mut counted = score.counts(terms, faults);
            for (name, more) in counts.get(&quarter).into_iter().flatten() {
                let Some(name) = score.counted().find(|known| known == name) else { continue };
                let count = counted.entry(name).or_default();
                *count = count.saturating_add(*more);
            }
            let runs = now.is_some_and(|now| quarter >= Quarter::of(now, terms.time_zone));
            Points { quarter, taken: score.taken(&counted), score: score.quarter(&counted), runs }
        };
        let told: BTreeSet<Quarter> = of_quarter.keys().chain(counts.keys()).copied().collect();
        let years: BTreeSet<i32> = told.iter().map(|quarter| quarter.year).collect();
        let outcome = |year: i32| {
            let quarters: Vec<QuarterScore> = (1..=4).map(|number| of(Quarter { year, number }).score).collect();
            Some((year, score.year(&quarters)?))
        };
        Self {
            quarters: told.iter().copied().map(of).collect(),
            years: years.into_iter().filter_map(outcome).collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.quarters.is_empty()
    }

    /// Whether anything cost points.
    pub fn costs(&self) -> bool {
        self.quarters.iter().any(|points| !points.taken.is_empty() || !points.score.vetoed.is_empty())
    }

    pub fn quarters(&self) -> Vec<Value> {
        let quarter = |points: &Points| {
            let QuarterScore { items, total, missing, vetoed, .. } = &points.score;
            let item = |(id, points): &(String, u32)| json!({ "item": id, "points": hundredths(*points) });
            let taken = points.taken.iter().map(|taken| {
                json!({
                    "item": taken.item, "rule": taken.rule, "count": taken.count, "each": taken.each,
                    "clause": taken.clause.as_deref().unwrap_or(NOT_FROM_CONTRACT),
                })
            });
            json!({
                "quarter": points.quarter.to_string(), "runs": points.runs,
                "items": items.iter().map(item).collect::<Vec<_>>(), "taken": taken.collect::<Vec<_>>(),
                "total": hundredths(*total), "missing": missing, "vetoed": vetoed,
            })
        };
        self.quarters.iter().map(quarter).collect()
    }

    pub fn years(&self) -> Vec<Value> {
        let year = |(year, outcome): &(i32, Outcome)| {
            json!({
                "year": year, "mean": hundredths(outcome.mean), "band": outcome.band,
                "withheld": outcome.withheld.to_string(), "decided_by": outcome.decided_by, "vetoed": outcome.vetoed,
            })
        };
        self.years.iter().map(year).collect()
    }

    pub fn lines(&self, terms: &Terms) -> Vec<Message> {
        let mut lines: Vec<Message> = self.quarters.iter().flat_map(|points| points.lines(terms)).collect();
        lines.extend(self.years.iter().map(|(year, outcome)| {
            let (mean, withheld) = (hundredths(outcome.mean), outcome.withheld.to_string());
            let (band, decided_by, vetoed) = (outcome.band.clone(), outcome.decided_by.clone(), outcome.vetoed.clone());
            AssessedText::Year { year: *year, mean, band, withheld, decided_by, vetoed }.into()
        }));
        lines
    }
}

impl Points {
    fn lines(&self, terms: &Terms) -> Vec<Message> {
        let QuarterScore { items, total, missing, vetoed, .. } = &self.score;
        let first = AssessedText::Quarter { quarter: self.quarter.to_string(), runs: self.runs };
        let mut lines: Vec<Message> = vec![first.into()];
        let written = terms.assessment.score.iter().flat_map(|score| &score.items);
        for ((item, points_of), written) in items.iter().zip(written) {
            let full = written.full;
            lines.push(AssessedText::Item { item: item.clone(), points: hundredths(*points_of), full }.into());
            let own = self.taken.iter().filter(|taken| taken.item == *item);
            lines.extend(own.map(|taken| {
                let clause = taken.clause.clone().unwrap_or_else(|| NOT_FROM_CONTRACT.to_owned());
                AssessedText::Taken { rule: taken.rule.clone(), count: taken.count, each: taken.each, clause }.into()
            }));
        }
        let full: u32 = terms.assessment.score.iter().flat_map(|score| &score.items).map(|item| item.full).sum();
        let (total, lost) = (hundredths(*total), hundredths((full * 100).saturating_sub(*total)));
        let (missing, vetoed) = (missing.clone(), vetoed.clone());
        lines.push(AssessedText::Total { total, lost, missing, vetoed }.into());
        lines
    }
}
