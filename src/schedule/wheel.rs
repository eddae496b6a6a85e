//! Whose turn it is: every point once per interval, at a phase of its own, so that probes are spread evenly.
//!
//! In: a [`Plan`] and the steady clock in nanoseconds. Out: [`Turn`]s in the order they fell due. Points with the same
//! interval form a ring sorted by phase, so that finding the next one costs nothing and allocates nothing.
//! Turns are a pure function of (seed, interval, time): a reload moves no point that it keeps.

use super::Plan;
use crate::inventory::PointIndex;

/// One turn of one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    pub point: PointIndex,
    /// Steady clock, nanoseconds.
    pub due: u64,
    /// The point's next turn is due as well: this one must not be sent any more.
    pub missed: bool,
}

/// All rings of a plan.
#[derive(Debug, Default)]
pub struct Wheel {
    rings: Vec<Ring>,
    /// Ring that is looked at first, so that a limit which ends a tick early starves none of them.
    first: usize,
}

impl Wheel {
    /// Turns due after `since`; rings that `before` had too go on where they were.
    pub fn new(plan: &Plan, since: u64, before: &Self) -> Self {
        let mut rings: Vec<Ring> = vec![];
        for (point, planned) in (0..).map(PointIndex).zip(&plan.points) {
            let interval = nanos(planned.measure.interval).max(1);
            let slot = (scatter(planned.phase_seed) % interval, point);
            match rings.iter_mut().find(|ring| ring.interval == interval) {
                Some(ring) => ring.slots.push(slot),
                None => rings.push(Ring { interval, slots: vec![slot], round: 0, cursor: 0, allowance: 0 }),
            }
        }
        for ring in &mut rings {
            ring.slots.sort_unstable();
            let handled = before.rings.iter().find(|old| old.interval == ring.interval).map(|old| old.due() - 1);
            ring.seek(handled.unwrap_or(since).min(since));
        }
        Self { rings, first: 0 }
    }

    /// The shortest interval, in nanoseconds; without points for ever.
    pub fn shortest(&self) -> u64 {
        self.rings.iter().map(|ring| ring.interval).min().unwrap_or(u64::MAX)
    }

    /// Opens a tick of nominal length `tick`. Returns how many turns lay so far back that they are not even named.
    pub fn open(&mut self, now: u64, tick: u64) -> u64 {
        self.first = (self.first + 1) % self.rings.len().max(1);
        self.rings.iter_mut().map(|ring| ring.open(now, tick)).sum()
    }

    /// The earliest turn of the ring at hand that is due at `now`, without taking it.
    pub fn peek(&self, now: u64) -> Option<Turn> {
        self.ring(now).and_then(|ring| self.rings[ring].peek(now))
    }

    /// Takes what [`Self::peek`] showed.
    pub fn take(&mut self, now: u64) {
        if let Some(ring) = self.ring(now) {
            self.rings[ring].take(now);
        }
    }

    fn ring(&self, now: u64) -> Option<usize> {
        let count = self.rings.len();
        (0..count).map(|step| (self.first + step) % count).find(|&ring| self.rings[ring].peek(now).is_some())
    }
}

/// Points of one interval, by phase.
#[derive(Debug)]
struct Ring {
    interval: u64,
    slots: Vec<(u64, PointIndex)>,
    round: u64,
    cursor: usize,
    /// Turns that may still be sent in this tick.
    allowance: u64,
}

/// 10: what a stall leaves to book, turn by turn, for each point; the judge calls a point unknown after three.
const ROUNDS_NAMED: u64 = 10;

impl Ring {
    fn due(&self) -> u64 {
        self.round * self.interval + self.slots[self.cursor].0
    }

    /// Puts the cursor on the first turn after `since`.
    fn seek(&mut self, since: u64) {
        self.round = since / self.interval;
        self.cursor = self.slots.partition_point(|(phase, _)| self.round * self.interval + phase <= since);
        self.wrap();
    }

    /// After a stall at most four times the usual number goes out per tick: no burst of catch-up sends.
    fn open(&mut self, now: u64, tick: u64) -> u64 {
        let points = self.slots.len() as u64;
        self.allowance = 16 + 4 * points * tick / self.interval;
        let rounds_behind = now.saturating_sub(self.due()) / self.interval;
        let unnamed = rounds_behind.saturating_sub(ROUNDS_NAMED);
        self.round += unnamed;
        unnamed * points
    }

    fn peek(&self, now: u64) -> Option<Turn> {
        let due = self.due();
        let missed = due + self.interval <= now;
        (due <= now && (missed || self.allowance > 0)).then(|| Turn { point: self.slots[self.cursor].1, due, missed })
    }

    fn take(&mut self, now: u64) {
        if self.due() + self.interval > now {
            self.allowance -= 1;
        }
        self.cursor += 1;
        self.wrap();
    }

    fn wrap(&mut self) {
        if self.cursor == self.slots.len() {
            (self.cursor, self.round) = (0, self.round + 1);
        }
    }
}

/// Saturates at 584 years.
pub fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// SplitMix64: spreads seeds that may lie side by side over all 64 bits (Steele, Lea, Flood 2014).
fn scatter(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use proptest::prelude::*;

    use super::*;
    use crate::{profile::Measure, schedule::PlannedPoint};

    const SECOND: u64 = 1_000_000_000;
    const TICK: u64 = 20_000_000;

    fn plan(intervals: &[u64]) -> Plan {
        let point = |(seed, &millis): (u64, &u64)| PlannedPoint {
            address: None,
            expected: true,
            measure: Arc::new(Measure { interval: Duration::from_millis(millis), ..Measure::default() }),
            carrier: 0,
            phase_seed: seed,
            kept: None,
        };
        Plan { points: (0..).zip(intervals).map(point).collect(), ..Plan::default() }
    }

    /// Plays ticks from `from` to `to`; returns sent and missed turns by point, and the most sent in one tick.
    fn play(wheel: &mut Wheel, points: usize, from: u64, to: u64) -> (Vec<u64>, Vec<u64>, u64) {
        let (mut sent, mut missed, mut most) = (vec![0; points], vec![0; points], 0);
        let mut now = from;
        while now < to {
            now += TICK;
            wheel.open(now, TICK);
            let mut here = 0;
            while let Some(turn) = wheel.peek(now) {
                wheel.take(now);
                if turn.missed {
                    missed[turn.point.at()] += 1;
                } else {
                    (sent[turn.point.at()], here) = (sent[turn.point.at()] + 1, here + 1);
                }
            }
            most = most.max(here);
        }
        (sent, missed, most)
    }

    #[test]
    fn every_point_gets_one_turn_an_interval_spread_evenly() {
        let plan = plan(&[1000; 1631]);
        let mut wheel = Wheel::new(&plan, 7 * SECOND, &Wheel::default());
        let (sent, missed, most) = play(&mut wheel, 1631, 7 * SECOND, 17 * SECOND);
        assert!(sent.iter().all(|&turns| turns == 10));
        assert_eq!(missed.iter().sum::<u64>(), 0);
        assert!(most < 65, "{most} in one tick, 33 on average");
    }

    #[test]
    fn a_stall_is_booked_as_missed_and_never_caught_up_in_a_burst() {
        let plan = plan(&[1000; 1000]);
        let mut wheel = Wheel::new(&plan, 0, &Wheel::default());
        let (sent, missed, most) = play(&mut wheel, 1000, 5 * SECOND, 6 * SECOND);
        assert!(sent.iter().all(|&turns| (1..=2).contains(&turns)));
        let all: u64 = sent.iter().chain(&missed).sum();
        assert!((5_900..=6_000).contains(&all), "{all} turns fell due in six seconds");
        assert!(most <= 96, "{most}");
    }

    #[test]
    fn a_stall_of_hours_is_bounded() {
        let plan = plan(&[1000; 10]);
        let mut wheel = Wheel::new(&plan, 0, &Wheel::default());
        assert_eq!(wheel.open(3600 * SECOND, TICK), 10 * (3599 - 10));
        let (_, missed, _) = play(&mut wheel, 10, 3600 * SECOND, 3600 * SECOND + TICK);
        assert!(missed.iter().all(|&turns| turns <= 11));
    }

    proptest! {
        #[test]
        fn a_reload_neither_skips_nor_repeats_a_turn(cut in 1_u64..5_000, intervals in prop::collection::vec(100_u64..3_000, 1..20)) {
            let plan = plan(&intervals);
            let (start, end) = (11 * SECOND, 21 * SECOND);
            let whole = play(&mut Wheel::new(&plan, start, &Wheel::default()), intervals.len(), start, end);
            let mut first = Wheel::new(&plan, start, &Wheel::default());
            let cut = start + cut * 2 * 1_000_000 / TICK * TICK;
            let before = play(&mut first, intervals.len(), start, cut);
            let after = play(&mut Wheel::new(&plan, cut, &first), intervals.len(), cut, end);
            for point in 0..intervals.len() {
                prop_assert_eq!(whole.0[point] + whole.1[point], before.0[point] + before.1[point] + after.0[point] + after.1[point]);
            }
        }
    }
}
