//! Months of a link as they are stored or run, and the period of the objective that they make up.
//!
//! In: closed months and running accounts. Out: [`Booked`] months, what a period comes to while it runs ([`Earlier`],
//! [`Whole`]), and all that people are shown of one ([`Statement`]). Pure. Whoever tells of a period adds it up here:
//! page, API, metric and command show the same digits.

use std::time::Duration;

use serde::Serialize;

use super::{
    Account, Accounted, Accounting, Cell, ClosedMonth, Exclusion, Measured, Month, SixStates, Standard, Stretch,
    Verdict,
};
use crate::{
    incident::{Reliability, Spell, failures},
    judge::Tally,
    units::Timestamp,
};

/// A month of a link.
#[derive(Clone, Debug, PartialEq)]
pub struct Booked {
    pub month: Month,
    /// Up to when; the end of the month once it is over.
    pub until: Timestamp,
    /// Nothing is dated back into it any more.
    pub is_final: bool,
    pub cells: Vec<Cell>,
    /// Stretches of down-time that count; `None`: no longer known apart.
    pub spells: Option<Vec<Spell>>,
    /// Scheduled probes by the state they were finally booked on.
    pub probes: Tally,
}

impl Booked {
    /// The months in what is stored of a link under one month: a running account has two while the first may still
    /// change. Empty when this version cannot read it.
    pub fn read(stored: &str, standard: &Standard) -> Vec<Self> {
        if let Ok(closed) = serde_json::from_str::<ClosedMonth>(stored) {
            return vec![Self::closed(&closed, standard)];
        }
        let account = serde_json::from_str::<Account>(stored);
        account.map(|account| account.booked(standard, account.seen())).unwrap_or_default()
    }

    pub fn closed(closed: &ClosedMonth, standard: &Standard) -> Self {
        let (month, spells) = (closed.month, closed.spells(standard));
        Self { month, until: month.ends, is_final: true, cells: closed.cells.clone(), spells, probes: closed.probes }
    }
}

/// Months of one period, added up in order. What lies between them, and before the first, was not in service with us.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Earlier {
    begins: Timestamp,
    ends: Timestamp,
    /// End of the last month.
    until: Timestamp,
    sums: Accounted,
    /// `None`: too many to tell apart.
    failures: Option<u32>,
    /// The last failure: one that follows within the contract's gap is the same.
    last: Option<Spell>,
}

/// What a period comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    pub accounted: Accounted,
    pub failures: Option<u32>,
}

impl Earlier {
    pub fn none(stretch: &Stretch) -> Self {
        let period = u64::try_from(stretch.ends.0 - stretch.begins.0).unwrap_or(0);
        Self {
            begins: stretch.begins,
            ends: stretch.ends,
            until: stretch.begins,
            sums: Accounted { period, ..Accounted::default() },
            failures: Some(0),
            last: None,
        }
    }

    /// Whether it is of this period.
    pub fn is_of(&self, stretch: &Stretch) -> bool {
        (self.begins, self.ends) == (stretch.begins, stretch.ends)
    }

    /// Adds the next month; those of other periods, and those that are in it, change nothing. `gap`: as in [`failures`].
    pub fn add(&mut self, month: Month, sums: Accounted, spells: Option<&[Spell]>, gap: Duration) {
        if month.begins < self.until || month.ends > self.ends {
            return;
        }
        let before = u64::try_from(month.begins.0 - self.until.0).unwrap_or(0);
        self.sums += Accounted { period: 0, excluded: sums.excluded + before, ..sums };
        self.until = month.ends;
        self.failures = self.failures.zip(spells).map(|(known, spells)| {
            let joined: Vec<Spell> = self.last.into_iter().chain(spells.iter().copied()).collect();
            known + failures(&joined, gap) - u32::from(self.last.is_some())
        });
        self.last = self.last.into_iter().chain(spells.into_iter().flatten().copied()).max_by_key(|spell| spell.to);
    }

    pub fn add_booked(&mut self, booked: &Booked, standard: &Standard, gap: Duration) {
        self.add(booked.month, standard.sums(&booked.cells, 0), booked.spells.as_deref(), gap);
    }

    pub fn whole(&self) -> Whole {
        Whole { accounted: self.sums, failures: self.failures }
    }
}

impl Whole {
    pub fn reliability(&self) -> Option<Reliability> {
        self.failures.map(|failures| Reliability::of(failures, self.accounted.known().0, self.accounted.down))
    }
}

/// Everything that is shown of one link's period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statement {
    /// `2026-11`, `2026-Q4`, `2026`.
    #[serde(rename = "month")]
    pub period_name: String,
    /// Up to when; the end of the period once it is final.
    pub until: Timestamp,
    pub is_final: bool,
    /// Milliseconds; sum to `elapsed`.
    pub states: SixStates,
    pub elapsed: u64,
    pub period: u64,
    pub cells: Vec<Cell>,
    /// Outages, those with less than the contract's gap between them as one; `null`: too many to tell apart.
    pub failures: Option<u32>,
    /// Milliseconds up and down per failure; `null`: it did not fail.
    pub mtbf: Option<u64>,
    pub mttr: Option<u64>,
    /// Part and whole, milliseconds: every unknown moment was down, and was up.
    pub unknown_as_down: (u64, u64),
    pub unknown_as_up: (u64, u64),
    pub availability: Verdict,
    /// Milliseconds of unknown time that would have to be known to be up.
    pub missing: u64,
    pub error_budget_remaining: i64,
    /// Scheduled probes by the state they were finally booked on.
    pub probes: Tally,
    /// What the verdict follows from.
    #[serde(skip)]
    pub sums: Accounted,
}

impl Statement {
    /// Judged by what all links together come to in the period, where nothing is promised of this one alone.
    pub fn judge_by(&mut self, standard: &Standard, together: &Accounted) {
        self.availability = standard.verdict(together);
        self.missing = together.missing(standard.promised);
    }

    /// Of these months those of the period; they are in order.
    pub fn of(standard: &Standard, stretch: &Stretch, months: &[Booked], gap: Duration) -> Self {
        let mut earlier = Earlier::none(stretch);
        let mut cells: Vec<Cell> = vec![];
        let mut put = |cell: Cell| {
            let same = |other: &&mut Cell| (other.measured, other.accounting) == (cell.measured, cell.accounting);
            match cells.iter_mut().find(same) {
                Some(other) => other.millis += cell.millis,
                None => cells.push(cell),
            }
        };
        let within: Vec<_> = months.iter().filter(|booked| stretch.holds(booked.month)).collect();
        for booked in &within {
            let before = u64::try_from(booked.month.begins.0 - earlier.until.0).unwrap_or(0);
            if before > 0 {
                let accounting = Accounting::Excluded(Exclusion::NotInService);
                put(Cell { measured: Measured::Unknown, accounting, millis: before });
            }
            booked.cells.iter().copied().for_each(&mut put);
            earlier.add_booked(booked, standard, gap);
        }
        cells.sort_by_key(|cell| (cell.measured, cell.accounting));
        let mut probes = Tally::default();
        within.iter().for_each(|booked| probes += booked.probes);
        let until = within.last().map_or(stretch.begins, |booked| booked.until);
        let whole = earlier.whole();
        let (sums, reliability) = (whole.accounted, whole.reliability());
        Self {
            period_name: stretch.name.clone(),
            until,
            is_final: until >= stretch.ends && within.iter().all(|booked| booked.is_final),
            states: SixStates::of(&cells),
            elapsed: sums.elapsed(),
            period: sums.period,
            cells,
            failures: whole.failures,
            mtbf: reliability.and_then(|reliability| reliability.mtbf),
            mttr: reliability.and_then(|reliability| reliability.mttr),
            unknown_as_down: sums.unknown_as_down(),
            unknown_as_up: sums.unknown_as_up(),
            availability: standard.verdict(&sums),
            missing: sums.missing(standard.promised),
            error_budget_remaining: sums.budget_left(standard.promised),
            probes,
            sums,
        }
    }
}
