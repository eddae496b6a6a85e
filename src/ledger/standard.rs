//! What the availability objective is judged by: its limit, its period, and which time is left out.
//!
//! In: a contract. Out: the period that a month belongs to, and the sums of its cells as that contract counts them. Pure.
//! The same time under another contract may come to another verdict; what was measured does not change.

use chrono_tz::Tz;

use super::{Accounted, Accounting, Cell, Exclusion, Month, Verdict, account::add};
use crate::{
    contract::{
        Bound, Contract, Objective, Quantity,
        words::{self, Measure, Period, Reach, Rounding},
    },
    units::{Ppm, Timestamp},
};

/// The availability objective of links, as a contract has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standard {
    pub promised: Ppm,
    pub period: Period,
    /// Whether each link is judged by itself, or all of them together ([`Standard::together`]).
    pub reach: Reach,
    rounding: Rounding,
    /// Reasons whose time counts all the same, in the order of [`REASONS`].
    counts: [bool; REASONS.len()],
    pub(super) zone: Tz,
}

/// Reasons that a contract can decide about. Out of service is out of service.
const REASONS: [Exclusion; 5] =
    [Exclusion::PlannedWork, Exclusion::Drill, Exclusion::ForceMajeure, Exclusion::CustomerFault, Exclusion::Ordered];

/// One period of the objective.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// `2026-11`, `2026-Q4`, `2026`.
    pub name: String,
    pub begins: Timestamp,
    pub ends: Timestamp,
}

impl Standard {
    pub fn of(contract: &Contract) -> Self {
        let objectives = &contract.objectives;
        Self {
            promised: objectives.availability,
            period: objectives.period,
            reach: objectives.reach,
            rounding: objectives.rounding,
            counts: REASONS.map(|reason| objectives.counting.contains(&word(reason))),
            zone: contract.time_zone,
        }
    }

    /// An objective of a carrier's own agreement, of each circuit by itself; `None`: it is not about availability, or over
    /// no civil period.
    pub fn agreed(objective: &Objective, zone: Tz) -> Option<Self> {
        let (Measure::Availability, Bound::AtLeast(Quantity::Share(promised))) = (objective.measure, objective.bound)
        else {
            return None;
        };
        let period = objective.period.as_ref().map_or(Period::Month, |chosen| chosen.value);
        let counting = objective.counting();
        let counts = REASONS.map(|reason| counting.contains(&word(reason)));
        matches!(period, Period::Month | Period::Quarter | Period::Year).then_some(Self {
            promised,
            period,
            reach: Reach::Link,
            rounding: objective.rounding(),
            counts,
            zone,
        })
    }

    /// What all links together come to, where the contract promises that and nothing of a single one. Links without a whole
    /// period add what they were in service.
    pub fn together<'a>(&self, links: impl Iterator<Item = &'a Accounted>) -> Option<Accounted> {
        (self.reach == Reach::Fleet).then(|| {
            links.fold(Accounted::default(), |mut sums, link| {
                sums += *link;
                sums
            })
        })
    }

    /// A share of availability in percent, to four places as the contract rounds; a dash without evidence. What is below the
    /// objective is never printed as if it met it.
    pub fn percent(&self, (part, whole): (u64, u64)) -> String {
        if whole == 0 {
            return "–".to_owned();
        }
        let (part, whole, promised) = (u128::from(part) * 1_000_000, u128::from(whole), u128::from(self.promised.0));
        let ppm = match self.rounding {
            Rounding::Truncate => part / whole,
            Rounding::HalfUp if part < promised * whole => ((2 * part + whole) / (2 * whole)).min(promised - 1),
            Rounding::HalfUp => (2 * part + whole) / (2 * whole),
        };
        format!("{}.{:04} %", ppm / 10_000, ppm % 10_000)
    }

    /// How time on this axis counts under the contract.
    pub fn accounting(&self, accounting: Accounting) -> Accounting {
        let counts = |reason| REASONS.iter().zip(self.counts).any(|(one, counts)| *one == reason && counts);
        match accounting {
            Accounting::Excluded(reason) if counts(reason) => Accounting::Counted,
            other => other,
        }
    }

    /// The sums of these cells in a period of so many milliseconds.
    pub fn sums(&self, cells: &[Cell], period: u64) -> Accounted {
        let mut sums = Accounted { period, ..Accounted::default() };
        for Cell { measured, accounting, millis } in cells {
            add(&mut sums, *measured, self.accounting(*accounting), *millis);
        }
        sums
    }

    /// The civil month of a moment, where clocks show the contract's zone.
    pub fn month_at(&self, moment: Timestamp) -> Month {
        Month::containing(moment, self.zone)
    }

    /// The period of a moment.
    pub fn stretch_at(&self, moment: Timestamp) -> Stretch {
        self.stretch(self.month_at(moment))
    }

    /// The period that a month belongs to.
    pub fn stretch(&self, month: Month) -> Stretch {
        Stretch::of(self.period, month, self.zone)
    }

    pub fn verdict(&self, sums: &Accounted) -> Verdict {
        sums.verdict(self.promised)
    }
}

impl Stretch {
    /// The period that a month belongs to, where clocks show `zone`; what is no quarter and no year is a month.
    pub(super) fn of(period: Period, month: Month, zone: Tz) -> Self {
        let (first, months, name) = match period {
            Period::Quarter => {
                let quarter = (month.month - 1) / 3;
                (quarter * 3 + 1, 3, format!("{:04}-Q{}", month.year, quarter + 1))
            }
            Period::Year => (1, 12, format!("{:04}", month.year)),
            _ => (month.month, 1, month.to_string()),
        };
        let begins = Month::of(month.year, first, zone);
        let last = (1..months).fold(begins, |month, _| month.next(zone));
        Self { name, begins: begins.begins, ends: last.ends }
    }

    pub fn holds(&self, month: Month) -> bool {
        self.begins <= month.begins && month.ends <= self.ends
    }
}

fn word(reason: Exclusion) -> words::Exclusion {
    match reason {
        Exclusion::NotInService => words::Exclusion::NotInService,
        Exclusion::Suspended => words::Exclusion::Suspended,
        Exclusion::PlannedWork => words::Exclusion::PlannedWork,
        Exclusion::Drill => words::Exclusion::Drill,
        Exclusion::ForceMajeure => words::Exclusion::ForceMajeure,
        Exclusion::CustomerFault => words::Exclusion::CustomerFault,
        Exclusion::Ordered => words::Exclusion::Ordered,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        contract::fixture::contract,
        ledger::{Booked, Measured, Statement},
    };

    const ZONE: Tz = chrono_tz::Asia::Shanghai;
    const DAY: u64 = 86_400_000;

    fn standard(period: Period) -> Standard {
        Standard { period, ..Standard::of(&contract()) }
    }

    fn whole(standard: &Standard, stretch: &Stretch, months: &[(Month, Vec<Cell>)]) -> Accounted {
        let booked = |(month, cells): &(Month, Vec<Cell>)| Booked {
            month: *month,
            until: month.ends,
            is_final: true,
            cells: cells.clone(),
            spells: None,
            probes: crate::judge::Tally::default(),
        };
        let months: Vec<_> = months.iter().map(booked).collect();
        Statement::of(standard, stretch, &months, std::time::Duration::ZERO).sums
    }

    fn month(year: i32, month: u32) -> Month {
        Month::of(year, month, ZONE)
    }

    fn cell(measured: Measured, accounting: Accounting, millis: u64) -> Cell {
        Cell { measured, accounting, millis }
    }

    /// A month that was up but for so much.
    fn down(of: Month, millis: u64) -> Vec<Cell> {
        vec![
            cell(Measured::Up, Accounting::Counted, of.length() - millis),
            cell(Measured::Down, Accounting::Counted, millis),
        ]
    }

    #[test]
    fn periods_are_those_of_the_civil_calendar_of_the_contract() {
        let say = |period, of: Month| {
            let Stretch { name, begins, ends } = standard(period).stretch(of);
            format!("{name} {} {}", &begins.rfc3339(ZONE)[..16], &ends.rfc3339(ZONE)[..16])
        };
        assert_eq!(say(Period::Month, month(2024, 2)), "2024-02 2024-02-01T00:00 2024-03-01T00:00");
        assert_eq!(say(Period::Quarter, month(2024, 2)), "2024-Q1 2024-01-01T00:00 2024-04-01T00:00");
        assert_eq!(say(Period::Quarter, month(2026, 12)), "2026-Q4 2026-10-01T00:00 2027-01-01T00:00");
        assert_eq!(say(Period::Year, month(2024, 12)), "2024 2024-01-01T00:00 2025-01-01T00:00");
        let length = |period, of| whole(&standard(period), &standard(period).stretch(of), &[]).period;
        assert_eq!(
            (length(Period::Year, month(2024, 5)), length(Period::Year, month(2025, 5))),
            (366 * DAY, 365 * DAY)
        );
        assert_eq!(
            (length(Period::Quarter, month(2024, 2)), length(Period::Quarter, month(2025, 2))),
            (91 * DAY, 90 * DAY)
        );
    }

    /// An hour of down-time breaks the 43 minutes of a month and is within the 130 of a quarter.
    #[test]
    fn the_same_hour_breaks_a_month_and_not_a_quarter() {
        let bad = down(month(2026, 11), 3_600_000);
        let good = [10, 12].map(|number| (month(2026, number), down(month(2026, number), 0)));
        let months = || {
            let mut all = vec![(month(2026, 11), bad.clone())];
            all.extend(good.iter().cloned());
            all.sort_by_key(|(month, _)| month.begins);
            all
        };
        let of = |period, number| {
            let standard = standard(period);
            standard.verdict(&whole(&standard, &standard.stretch(month(2026, number)), &months()))
        };
        assert_eq!((of(Period::Month, 11), of(Period::Month, 12)), (Verdict::Breached, Verdict::Met));
        assert_eq!(of(Period::Quarter, 11), Verdict::Met);
        // Nine months before ours are not in service with us: the year allows no more than its last quarter.
        let standard = standard(Period::Year);
        let year = whole(&standard, &standard.stretch(month(2026, 11)), &months());
        assert_eq!((year.excluded, year.elapsed()), (273 * DAY, year.period));
        assert_eq!(standard.verdict(&year), Verdict::Met);
    }

    /// 43 min 12 s of 30 days are the limit; a tenth of a second more is 99.89999614... %.
    #[test]
    fn shares_end_as_the_contract_rounds_and_never_look_like_a_promise_that_was_not_kept() {
        let printed = |rounding, part, whole| Standard { rounding, ..standard(Period::Month) }.percent((part, whole));
        let both = |part, whole| [Rounding::Truncate, Rounding::HalfUp].map(|rounding| printed(rounding, part, whole));
        // 2/3 = 66.66666... %; 1/3 = 33.33333... %; 5 of 8 000 000 lost: 99.9999375 %.
        assert_eq!(both(2, 3), ["66.6666 %", "66.6667 %"]);
        assert_eq!(both(1, 3), ["33.3333 %", "33.3333 %"]);
        assert_eq!(both(7_999_995, 8_000_000), ["99.9999 %", "99.9999 %"]);
        assert_eq!(both(1_999_999, 2_000_000), ["99.9999 %", "100.0000 %"], "half a place goes up");
        let (month, limit) = (30 * DAY, 43 * 60_000 + 12_000);
        assert_eq!(both(month - limit, month), ["99.9000 %", "99.9000 %"]);
        assert_eq!(both(month - limit - 100, month), ["99.8999 %", "99.8999 %"], "and 99.89999614 % is no 99.9 %");
        assert_eq!(both(0, 0), ["–", "–"]);
    }

    /// Two links of 30 days: one was down for an hour, the other never. 99.9 % allow 43 min 12 s of one, 86 min 24 s of both.
    #[test]
    fn an_hour_on_one_of_two_links_breaks_its_own_promise_and_not_that_of_both_together() {
        let standard = |reach| Standard { reach, ..standard(Period::Month) };
        let sums = |millis| {
            let month = month(2026, 11);
            standard(Reach::Link).sums(&down(month, millis), month.length())
        };
        let links = [sums(3_600_000), sums(0)];
        assert_eq!(standard(Reach::Link).together(links.iter()), None);
        assert_eq!(links.map(|link| standard(Reach::Link).verdict(&link)), [Verdict::Breached, Verdict::Met]);
        let fleet = standard(Reach::Fleet).together(links.iter()).unwrap();
        assert_eq!((fleet.period, fleet.budget_left(Ppm(999_000))), (60 * DAY, 26 * 60_000 + 24_000));
        assert_eq!(standard(Reach::Fleet).verdict(&fleet), Verdict::Met);
        let twice = standard(Reach::Fleet).together([links[0], links[0]].iter()).unwrap();
        assert_eq!(standard(Reach::Fleet).verdict(&twice), Verdict::Breached);
    }

    #[test]
    fn a_reason_that_the_contract_counts_is_no_excuse() {
        let cells = [
            cell(Measured::Up, Accounting::Counted, 29 * DAY),
            cell(Measured::Down, Accounting::Excluded(Exclusion::ForceMajeure), DAY / 2),
            cell(Measured::Unknown, Accounting::Excluded(Exclusion::Drill), DAY / 4),
            cell(Measured::Unknown, Accounting::Excluded(Exclusion::NotInService), DAY / 4),
        ];
        let mut contract = contract();
        let judged = |contract: &Contract| {
            let sums = Standard::of(contract).sums(&cells, 30 * DAY);
            (Standard::of(contract).verdict(&sums), sums.down, sums.unknown, sums.excluded)
        };
        assert_eq!(judged(&contract), (Verdict::Met, 0, 0, DAY));
        contract.objectives.counting = vec![words::Exclusion::ForceMajeure];
        assert_eq!(judged(&contract), (Verdict::Breached, DAY / 2, 0, DAY / 2));
        contract.objectives.counting = vec![words::Exclusion::PlannedWork, words::Exclusion::Drill];
        assert_eq!(judged(&contract), (Verdict::NotProvable, 0, DAY / 4, 3 * DAY / 4));
        // Nobody promised anything of a link that is not in service.
        contract.objectives.counting = vec![words::Exclusion::NotInService];
        assert_eq!(judged(&contract).0, Verdict::Met);
    }

    proptest! {
        /// Over leap years and any months that are known: every millisecond of a period that has passed has one place,
        /// and its months add up to it.
        #[test]
        fn months_add_up_to_their_period(
            year in 2023i32..2029,
            first in 1u32..=12,
            known in 1usize..=12,
            downs in prop::collection::vec(0u64..(28 * DAY), 12),
            which in 0usize..3,
        ) {
            let standard = standard([Period::Month, Period::Quarter, Period::Year][which]);
            let mut at = month(year, first);
            let mut months = vec![];
            for millis in &downs[..known] {
                months.push((at, down(at, *millis)));
                at = at.next(ZONE);
            }
            let (last, _) = months[known - 1];
            let stretch = standard.stretch(last);
            prop_assert!(stretch.holds(last) && stretch.begins <= last.begins && last.ends <= stretch.ends);
            let whole = whole(&standard, &stretch, &months);
            prop_assert_eq!(whole.elapsed(), (last.ends.0 - stretch.begins.0) as u64);
            let within = months.iter().filter(|(month, _)| stretch.holds(*month));
            let sum: u64 = within.map(|(_, cells)| cells[1].millis).sum();
            prop_assert_eq!(whole.down, sum);
            prop_assert_eq!(whole.period, (stretch.ends.0 - stretch.begins.0) as u64);
            // The periods follow on each other without a gap.
            let next = standard.stretch(Month::containing(stretch.ends, ZONE));
            prop_assert_eq!(next.begins, stretch.ends);
        }
    }
}
