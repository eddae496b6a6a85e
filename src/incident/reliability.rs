//! How often something fails, and for how long: MTBF and MTTR over a period.
//!
//! In: the outages of one link, its times up and down, and the contract's gap. Out: counts and means. Pure. Interruptions
//! with less than the gap between them are one failure, or a link that flaps for a minute would count sixty times; the
//! time between them was up all the same.

use std::time::Duration;

use crate::units::Timestamp;

/// One interruption, as far as it lies in the period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spell {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// What a period had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reliability {
    pub failures: u32,
    /// Milliseconds of up-time per failure; `None`: it did not fail.
    pub mtbf: Option<u64>,
    /// Milliseconds of down-time per failure.
    pub mttr: Option<u64>,
}

impl Reliability {
    /// `up` and `down`: milliseconds of the period that count. Nothing is made of what nobody knows.
    pub fn of(failures: u32, up: u64, down: u64) -> Self {
        Self { failures, mtbf: up.checked_div(failures.into()), mttr: down.checked_div(failures.into()) }
    }
}

/// Failures of spells in order of time: those with less than `gap` between them are one.
pub fn failures(spells: &[Spell], gap: Duration) -> u32 {
    let mut found = 0;
    let mut ended: Option<Timestamp> = None;
    for spell in spells.iter().filter(|spell| spell.from < spell.to) {
        if ended.is_none_or(|ended| spell.from > ended && spell.from.since(ended) >= gap) {
            found += 1;
        }
        ended = ended.max(Some(spell.to));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Duration = Duration::from_mins(5);

    /// Spells by their first and last minute.
    fn found(spells: &[(i64, i64)]) -> u32 {
        let at = |minute: i64| Timestamp(minute * 60_000);
        let spells: Vec<_> = spells.iter().map(|(from, to)| Spell { from: at(*from), to: at(*to) }).collect();
        failures(&spells, GAP)
    }

    #[test]
    fn a_link_that_flaps_for_an_hour_failed_once() {
        let flaps: Vec<_> = (0..30).map(|flap| (100 + flap * 2, 101 + flap * 2)).collect();
        assert_eq!(found(&flaps), 1);
        let day = Reliability::of(1, 1_410 * 60_000, 30 * 60_000);
        assert_eq!((day.mtbf, day.mttr), (Some(1_410 * 60_000), Some(30 * 60_000)), "only its down-time was down");
    }

    #[test]
    fn a_gap_as_long_as_the_contract_says_parts_two_failures() {
        assert_eq!(found(&[(10, 20), (24, 30)]), 1);
        assert_eq!(found(&[(10, 20), (25, 30)]), 2);
        assert_eq!(Reliability::of(2, 1_420 * 60_000, 20 * 60_000).mtbf, Some(710 * 60_000));
    }

    #[test]
    fn what_does_not_fail_has_no_mean() {
        assert_eq!(found(&[]), 0);
        assert_eq!(found(&[(10, 10)]), 0, "no time at all");
        assert_eq!(Reliability::of(0, 86_400_000, 0), Reliability::default());
    }
}
