//! Scores: points per quarter from counts, their mean over the year, and what a band of points costs.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Fault, Grades, Late};
use crate::{
    contract::{
        Chosen, Terms, Words,
        switch::Setting,
        words::{Period, Source},
    },
    diagnostic::yaml,
    units::Ppm,
};

/// A table of points.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    pub reading: Chosen<Reading>,
    /// What "no points for this" takes away.
    pub zero: Chosen<ZeroScope>,
    /// Which band holds where two meet.
    pub edge: Chosen<Edge>,
    /// What holds below all bands.
    pub below: Chosen<Below>,
    pub items: Vec<Item>,
    pub bands: Vec<Band>,
    pub vetoes: Vec<Veto>,
    pub clause: String,
    pub path: String,
}

/// Two ways to read "full marks" and "sum of points times weight".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// Each item is scored from 100 and weighted by its full marks.
    Weighted,
    /// Deductions are taken from the full marks themselves.
    Straight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZeroScope {
    Item,
    /// Only the rule's equal share of the item.
    Rule,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edge {
    Milder,
    Stricter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Below {
    LowestBand,
    NoBand,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub id: String,
    pub name: Words,
    /// Full marks.
    pub full: u32,
    pub rules: Vec<Rule>,
    #[serde(default)]
    pub clause: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub id: String,
    pub name: Words,
    /// Name of what is counted.
    pub counts: String,
    /// Points for each; none: the first one takes all.
    #[serde(default)]
    pub each: Option<u32>,
    /// Clocks whose overruns are what is counted. None: people count.
    #[serde(default)]
    pub late: Option<Late>,
    pub source: Source,
    #[serde(default)]
    pub clause: Option<String>,
}

/// Points from which to which something is withheld. Both ends may belong to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    pub id: String,
    pub name: Words,
    #[serde(default)]
    pub above: Option<u32>,
    #[serde(default)]
    pub at_least: Option<u32>,
    #[serde(default)]
    pub at_most: Option<u32>,
    /// Of the performance bond.
    #[serde(deserialize_with = "yaml::percent")]
    pub withheld: Ppm,
    #[serde(default)]
    pub clause: Option<String>,
}

/// So many of something, and the points no longer matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Veto {
    pub id: String,
    pub name: Words,
    pub counts: String,
    pub at_least: Chosen<u32>,
    /// Over which it is counted: `quarter` or `year`.
    pub period: Chosen<Period>,
    /// Faults that are what is counted. None: people count.
    pub faults: Option<Grades>,
}

/// What a rule took from a quarter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Ids of the item and of its rule.
    pub item: String,
    pub rule: String,
    pub count: u32,
    /// Points for each; `None`: the first one took all.
    pub each: Option<u32>,
    /// Of the rule, or of its item. `None`: no clause was written.
    pub clause: Option<String>,
}

/// Points of one quarter, in hundredths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarterScore {
    /// What each item adds, in file order.
    pub items: Vec<(String, u32)>,
    pub total: u32,
    /// Counts that nobody supplied: each was taken as none, and the score is not final.
    pub missing: Vec<String>,
    /// Vetoes that hold.
    pub vetoed: Vec<String>,
    /// What counts towards each veto, in file order.
    pub towards: Vec<u32>,
}

/// What a year comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Mean in hundredths, truncated for print; bands are decided exactly.
    pub mean: u32,
    /// `None`: no band holds.
    pub band: Option<String>,
    pub withheld: Ppm,
    /// The switch that decided, where the text has two answers or none.
    pub decided_by: Option<String>,
    /// Vetoes that hold.
    pub vetoed: Vec<String>,
}

impl Score {
    /// Names of all that is counted.
    pub fn counted(&self) -> impl Iterator<Item = &str> {
        let rules = self.items.iter().flat_map(|item| &item.rules).map(|rule| &rule.counts);
        rules.chain(self.vetoes.iter().map(|veto| &veto.counts)).map(String::as_str)
    }

    /// What these faults add to the counts: nought, where none of them does.
    pub fn counts(&self, terms: &Terms, faults: &[Fault<'_>]) -> BTreeMap<&str, u32> {
        let mut counts = BTreeMap::new();
        let mut add = |name, more: usize| {
            let count: &mut u32 = counts.entry(name).or_default();
            *count = count.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        };
        let runs: Vec<_> = faults.iter().flat_map(|fault| terms.runs(fault)).collect();
        for rule in self.items.iter().flat_map(|item| &item.rules) {
            let Some(late) = &rule.late else { continue };
            let overruns = runs.iter().filter_map(|run| run.overrun());
            add(rule.counts.as_str(), overruns.filter(|overrun| late.covers(overrun)).count());
        }
        for veto in &self.vetoes {
            let Some(grades) = &veto.faults else { continue };
            add(veto.counts.as_str(), faults.iter().filter(|fault| grades.covers(fault, terms)).count());
        }
        counts
    }

    /// Each rule that takes something from a quarter with these counts, in file order.
    pub fn taken(&self, counts: &BTreeMap<&str, u32>) -> Vec<Taken> {
        let rules = self.items.iter().flat_map(|item| item.rules.iter().map(move |rule| (item, rule)));
        let taken = rules.map(|(item, rule)| Taken {
            item: item.id.clone(),
            rule: rule.id.clone(),
            count: count(counts, &rule.counts),
            each: rule.each,
            clause: rule.clause.clone().or_else(|| item.clause.clone()),
        });
        taken.filter(|taken| taken.count > 0).collect()
    }

    /// Points of a quarter from counts by the names that the rules use.
    pub fn quarter(&self, counts: &BTreeMap<&str, u32>) -> QuarterScore {
        let items: Vec<(String, u32)> =
            self.items.iter().map(|item| (item.id.clone(), self.points(item, counts))).collect();
        let vetoed = self.vetoes.iter().filter(|veto| count(counts, &veto.counts) >= veto.at_least.value);
        QuarterScore {
            total: items.iter().fold(0, |sum, (_, points)| sum.saturating_add(*points)),
            missing: self.counted().filter(|name| !counts.contains_key(name)).map(str::to_owned).collect(),
            vetoed: vetoed.map(|veto| veto.id.clone()).collect(),
            towards: self.vetoes.iter().map(|veto| count(counts, &veto.counts)).collect(),
            items,
        }
    }

    /// The year of these quarters. `None` without any.
    pub fn year(&self, quarters: &[QuarterScore]) -> Option<Outcome> {
        let sum: u64 = quarters.iter().map(|quarter| u64::from(quarter.total)).sum();
        let number = u64::try_from(quarters.len()).ok().filter(|number| *number > 0)?;
        let mean = u32::try_from(sum / number).ok()?;
        let edge = |points: u32| u64::from(points) * 100 * number;
        let holds = |band: &&Band| {
            band.above.is_none_or(|above| sum > edge(above))
                && band.at_least.is_none_or(|least| sum >= edge(least))
                && band.at_most.is_none_or(|most| sum <= edge(most))
        };
        let holding: Vec<&Band> = self.bands.iter().filter(holds).collect();
        let (band, decided_by) = match (holding.as_slice(), self.edge.value, self.below.value) {
            ([only], ..) => (Some(*only), None),
            ([], _, Below::NoBand) => (None, self.below.switch.clone()),
            ([], _, Below::LowestBand) => {
                (self.bands.iter().max_by_key(|band| band.withheld), self.below.switch.clone())
            }
            (several, Edge::Milder, _) => {
                (several.iter().min_by_key(|band| band.withheld).copied(), self.edge.switch.clone())
            }
            (several, Edge::Stricter, _) => {
                (several.iter().max_by_key(|band| band.withheld).copied(), self.edge.switch.clone())
            }
        };
        let withheld = band.map_or(Ppm(0), |band| band.withheld);
        let vetoed = self.vetoes.iter().enumerate().filter(|(nth, veto)| {
            let of = |quarter: &QuarterScore| quarter.towards.get(*nth).copied().unwrap_or(0);
            let counted = match veto.period.value {
                Period::Year => quarters.iter().map(of).fold(0, u32::saturating_add),
                _ => quarters.iter().map(of).max().unwrap_or(0),
            };
            counted >= veto.at_least.value
        });
        let vetoed = vetoed.map(|(_, veto)| veto.id.clone()).collect();
        Some(Outcome { mean, band: band.map(|band| band.id.clone()), withheld, decided_by, vetoed })
    }

    /// Hundredths of a point that an item adds.
    fn points(&self, item: &Item, counts: &BTreeMap<&str, u32>) -> u32 {
        let from = match self.reading.value {
            Reading::Weighted => FULL,
            Reading::Straight => item.full,
        };
        let lost = item.rules.iter().filter_map(|rule| Some(rule.each?.saturating_mul(count(counts, &rule.counts))));
        let kept = from.saturating_sub(lost.fold(0, u32::saturating_add));
        let zeroing: Vec<&Rule> = item.rules.iter().filter(|rule| rule.each.is_none()).collect();
        let broken = zeroing.iter().filter(|rule| count(counts, &rule.counts) > 0).count() as u32;
        let of = zeroing.len() as u32;
        let (kept, of) = match self.zero.value {
            _ if broken == 0 => (kept, 1),
            ZeroScope::Item => (0, 1),
            ZeroScope::Rule => (kept.saturating_mul(of - broken), of),
        };
        match self.reading.value {
            Reading::Weighted => item.full.saturating_mul(kept) / of,
            Reading::Straight => FULL.saturating_mul(kept) / of,
        }
    }
}

/// Full marks of an item in the weighted reading; also hundredths in a point.
const FULL: u32 = 100;

fn count(counts: &BTreeMap<&str, u32>, name: &str) -> u32 {
    counts.get(name).copied().unwrap_or(0)
}

/// [`Score`] as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::contract) struct WrittenScore {
    pub reading: Setting,
    pub zero: Setting,
    pub edge: Setting,
    pub below: Setting,
    pub items: Vec<Item>,
    pub bands: Vec<Band>,
    #[serde(default)]
    pub vetoes: Vec<WrittenVeto>,
    #[serde(default)]
    pub clause: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::contract) struct WrittenVeto {
    pub id: String,
    pub name: Words,
    pub counts: String,
    pub at_least: Setting,
    #[serde(default)]
    pub period: Option<Setting>,
    #[serde(default)]
    pub faults: Option<WrittenGrades>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::contract) struct WrittenGrades {
    pub class: String,
    pub level: Setting,
}
