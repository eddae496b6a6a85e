//! How often something fails, and for how long: MTBF and MTTR over a period.
//!
//! In: the outages of one link, and the contract's gap. Out: counts and means. Pure. Interruptions with less than the gap
//! between them are one failure, or a link that flaps for a minute would count sixty times; the time between them was up
//! all the same.

use std::time::Duration;

use crate::units::Timestamp;

/// One interruption. `to`: `None` while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spell {
    pub from: Timestamp,
    pub to: Option<Timestamp>,
}

/// What a period had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reliability {
    pub failures: u32,
    pub down: Duration,
    /// Up-time per failure; `None`: it did not fail.
    pub mtbf: Option<Duration>,
    /// Down-time per failure.
    pub mttr: Option<Duration>,
}

impl Reliability {
    /// Of the spells that touch the period. One that began before it is counted in it, for its part.
    pub fn of(spells: &[Spell], from: Timestamp, to: Timestamp, gap: Duration) -> Self {
        let clipped = |spell: &Spell| (spell.from.max(from), spell.to.unwrap_or(to).min(to));
        let mut spells: Vec<_> = spells.iter().map(clipped).filter(|(from, to)| from < to).collect();
        spells.sort_unstable();
        let mut found = Self::default();
        let mut ended: Option<Timestamp> = None;
        for (begins, ends) in spells {
            let before = ended.unwrap_or(begins);
            if ended.is_none() || (begins > before && begins.since(before) >= gap) {
                found.failures += 1;
            }
            found.down += ends.since(begins.max(before));
            ended = Some(before.max(ends));
        }
        let up = to.since(from).saturating_sub(found.down);
        found.mtbf = up.checked_div(found.failures);
        found.mttr = found.down.checked_div(found.failures);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    /// Spells by their first and last minute, in a day.
    fn day(spells: &[(i64, i64)]) -> Reliability {
        let at = |minute: i64| Timestamp(minute * MINUTE);
        let spells: Vec<_> = spells.iter().map(|(from, to)| Spell { from: at(*from), to: Some(at(*to)) }).collect();
        Reliability::of(&spells, at(0), at(1_440), Duration::from_secs(300))
    }

    fn minutes(duration: Option<Duration>) -> Option<u64> {
        duration.map(|duration| duration.as_secs() / 60)
    }

    #[test]
    fn a_link_that_flaps_for_an_hour_failed_once() {
        let flaps: Vec<_> = (0..30).map(|flap| (100 + flap * 2, 101 + flap * 2)).collect();
        let found = day(&flaps);
        assert_eq!((found.failures, found.down), (1, Duration::from_secs(30 * 60)), "only its down-time was down");
        assert_eq!((minutes(found.mtbf), minutes(found.mttr)), (Some(1_410), Some(30)));
    }

    #[test]
    fn a_gap_as_long_as_the_contract_says_parts_two_failures() {
        assert_eq!(day(&[(10, 20), (24, 30)]).failures, 1);
        assert_eq!(day(&[(10, 20), (25, 30)]).failures, 2);
        assert_eq!(minutes(day(&[(10, 20), (25, 35)]).mtbf), Some(710));
    }

    #[test]
    fn a_period_has_its_part_of_what_began_before_or_still_lasts() {
        let at = |minute: i64| Timestamp(minute * MINUTE);
        let spells = [Spell { from: at(-60), to: Some(at(10)) }, Spell { from: at(1_430), to: None }];
        let found = Reliability::of(&spells, at(0), at(1_440), Duration::ZERO);
        assert_eq!((found.failures, found.down), (2, Duration::from_secs(20 * 60)));
        assert_eq!(day(&[]), Reliability::default());
    }
}
