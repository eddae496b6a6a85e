//! Penalties: fixed amounts, shares of a price, by the day, or by how late something was found.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::{Assessment, Late, Overrun};
use crate::{
    contract::{Chosen, Words, switch::Setting},
    diagnostic::yaml::{Lasting, Percent},
    units::Ppm,
};

/// A part of the contract with prices of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub id: String,
    pub name: Words,
    /// 分项报价金额, in yuan.
    #[serde(default)]
    pub quote: Option<u64>,
    /// 分项预算申报金额, in yuan: empty until it is supplied.
    #[serde(default)]
    pub budget: Option<u64>,
    #[serde(default)]
    pub clause: Option<String>,
}

/// One rule of money.
#[derive(Debug, Clone, PartialEq)]
pub struct Penalty {
    pub id: String,
    pub name: Words,
    /// Facts that must all be true.
    pub needs: Vec<String>,
    /// Facts of which none may be true.
    pub unless: Vec<String>,
    /// A clock that must have run out; `by` may then be `late_by`.
    pub late: Option<Late>,
    /// Name of the length of time that chooses among the amounts, or is counted in days.
    pub by: Option<String>,
    /// A fact that makes it the last amount, however short the time.
    pub worst_if: Option<String>,
    /// By length of time, shortest first; one without a limit holds for all beyond.
    pub amounts: Vec<Amount>,
    pub repeats: Option<Repeats>,
    pub clause: String,
    pub path: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Amount {
    pub up_to: Option<Duration>,
    pub sum: Sum,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Sum {
    Yuan(u64),
    Share {
        share: Ppm,
        of: Base,
    },
    /// A share for each day of the rule's length of time, up to a cap.
    Daily {
        share: Ppm,
        of: Base,
        cap: Ppm,
        days: Chosen<Days>,
    },
}

/// What a share is taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    ItemQuote,
    ItemBudget,
    Total,
}

/// Whether a day that has begun counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Days {
    Started,
    Full,
}

/// What follows when it happens again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeats {
    /// So often in a row, this time included.
    pub in_a_row: u32,
    pub then: Words,
}

/// What is known about one event. A fact that is not there was not stated.
#[derive(Debug, Clone, Default)]
pub struct Event<'a> {
    /// Id of the item that it belongs to.
    pub item: &'a str,
    pub facts: BTreeMap<&'a str, bool>,
    pub lengths: BTreeMap<&'a str, Duration>,
    /// Clocks that ran out.
    pub overruns: Vec<Overrun<'a>>,
    /// How often it happened in a row, this time included.
    pub in_a_row: u32,
}

/// A penalty that the event may fall under: for the customer to decide (待甲方认定).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub penalty: String,
    pub clause: String,
    /// In hundredths of a yuan. `None` while something is missing.
    pub fen: Option<u64>,
    /// Facts, lengths and prices that nobody supplied.
    pub missing: Vec<String>,
    /// It happened often enough in a row for the further consequence.
    pub repeated: bool,
}

impl Assessment {
    /// Every penalty that the event may fall under, in file order. They are alternatives: never sum them.
    pub fn candidates(&self, event: &Event<'_>) -> Vec<Candidate> {
        self.penalties.iter().filter_map(|penalty| self.candidate(penalty, event)).collect()
    }

    /// Those of them that something stated speaks for: what it needs, or a clock that ran out.
    pub fn spoken_for(&self, event: &Event<'_>) -> Vec<Candidate> {
        let is_true = |fact: &String| event.facts.get(fact.as_str()) == Some(&true);
        let speaks = |penalty: &&Penalty| penalty.late.is_some() || penalty.needs.iter().any(is_true);
        self.penalties.iter().filter(speaks).filter_map(|penalty| self.candidate(penalty, event)).collect()
    }

    /// `None` when a stated fact rules the penalty out, or its clock did not run out.
    pub fn candidate(&self, penalty: &Penalty, event: &Event<'_>) -> Option<Candidate> {
        let stated = |fact: &String| event.facts.get(fact.as_str()).copied();
        let ruled_out = penalty.needs.iter().any(|fact| stated(fact) == Some(false))
            || penalty.unless.iter().any(|fact| stated(fact) == Some(true));
        // The longest of them, where several clocks of this kind ran out.
        let late = penalty.late.as_ref().map(|late| {
            let overruns = event.overruns.iter().filter(|overrun| late.covers(overrun));
            overruns.map(|overrun| overrun.by).max()
        });
        if ruled_out || late == Some(None) {
            return None;
        }
        let facts = penalty.needs.iter().chain(&penalty.unless);
        let mut missing: Vec<String> = facts.filter(|fact| stated(fact).is_none()).cloned().collect();
        let worst = penalty.worst_if.as_ref().map(|fact| {
            stated(fact).unwrap_or_else(|| {
                missing.push(fact.clone());
                false
            })
        });
        let length = penalty.by.as_ref().and_then(|name| {
            let own = late.flatten().filter(|_| name == LATE_BY);
            let length = own.or_else(|| event.lengths.get(name.as_str()).copied());
            if length.is_none() && worst != Some(true) {
                missing.push(name.clone());
            }
            length
        });
        let within = |amount: &&Amount| match (amount.up_to, length) {
            (Some(up_to), Some(length)) => length <= up_to,
            (Some(_), None) => false,
            (None, _) => true,
        };
        let amount = if worst == Some(true) { penalty.amounts.last() } else { penalty.amounts.iter().find(within) };
        let fen = amount.and_then(|amount| self.fen(&amount.sum, event.item, length, &mut missing));
        let repeated = penalty.repeats.as_ref().is_some_and(|repeats| event.in_a_row >= repeats.in_a_row);
        Some(Candidate {
            penalty: penalty.id.clone(),
            clause: penalty.clause.clone(),
            fen: fen.filter(|_| missing.is_empty()),
            missing,
            repeated,
        })
    }

    fn fen(&self, sum: &Sum, item: &str, length: Option<Duration>, missing: &mut Vec<String>) -> Option<u64> {
        let mut base = |base: Base| {
            let found = self.base(base, item);
            if found.is_none() {
                missing.push(base.key(item));
            }
            found
        };
        match sum {
            Sum::Yuan(yuan) => yuan.checked_mul(100),
            Sum::Share { share, of } => share_of(base(*of)?, u64::from(share.0)),
            Sum::Daily { share, of, cap, days } => {
                let milliseconds = u64::try_from(length?.as_millis()).ok()?;
                let days = match days.value {
                    Days::Started => milliseconds.div_ceil(DAY),
                    Days::Full => milliseconds / DAY,
                };
                let share = u64::from(share.0).saturating_mul(days).min(cap.0.into());
                share_of(base(*of)?, share)
            }
        }
    }

    /// In yuan.
    fn base(&self, base: Base, item: &str) -> Option<u64> {
        let item = || self.items.iter().find(|one| one.id == item);
        match base {
            Base::Total => self.total.as_ref().map(|total| total.yuan),
            Base::ItemQuote => item()?.quote,
            Base::ItemBudget => item()?.budget,
        }
    }
}

const DAY: u64 = 86_400_000;
/// How a penalty of a clock calls the length of time that the clock was overrun by.
const LATE_BY: &str = "late_by";

impl Base {
    /// What to ask for.
    fn key(self, item: &str) -> String {
        match self {
            Self::Total => "assessment.total".into(),
            Self::ItemQuote => format!("assessment.items.{item}.quote"),
            Self::ItemBudget => format!("assessment.items.{item}.budget"),
        }
    }
}

/// In hundredths of a yuan, truncated.
fn share_of(yuan: u64, ppm: u64) -> Option<u64> {
    u64::try_from(u128::from(yuan) * u128::from(ppm) / 10_000).ok()
}

/// [`Penalty`] as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::contract) struct WrittenPenalty {
    pub id: String,
    pub name: Words,
    #[serde(default)]
    pub needs: Vec<String>,
    #[serde(default)]
    pub unless: Vec<String>,
    #[serde(default)]
    pub late: Option<Late>,
    #[serde(default)]
    pub by: Option<String>,
    #[serde(default)]
    pub worst_if: Option<String>,
    pub amounts: Vec<WrittenAmount>,
    #[serde(default)]
    pub repeats: Option<Repeats>,
    #[serde(default)]
    pub clause: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::contract) struct WrittenAmount {
    #[serde(default)]
    up_to: Option<Lasting>,
    #[serde(default)]
    yuan: Option<u64>,
    #[serde(default)]
    share: Option<Percent>,
    #[serde(default)]
    of: Option<Base>,
    /// Whether the share is for each day, and which days count.
    #[serde(default)]
    pub a_day: Option<Setting>,
    #[serde(default)]
    at_most: Option<Percent>,
}

impl WrittenAmount {
    /// `days`: `a_day` with its switch looked up. `None` unless it is yuan, a share of something, or that by the day
    /// with a cap.
    pub fn amount(&self, days: Option<Chosen<Days>>) -> Option<Amount> {
        let sum = match (self.yuan, self.share, self.of, days, self.at_most) {
            (Some(yuan), None, None, None, None) => Sum::Yuan(yuan),
            (None, Some(Percent(share)), Some(of), None, None) => Sum::Share { share, of },
            (None, Some(Percent(share)), Some(of), Some(days), Some(Percent(cap))) => {
                Sum::Daily { share, of, cap, days }
            }
            _ => return None,
        };
        Some(Amount { up_to: self.up_to.map(|Lasting(up_to)| up_to), sum })
    }
}
