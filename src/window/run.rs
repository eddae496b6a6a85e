//! Quiet stretches at one stroke: a run of equal answers leaves what as many single answers leave.
//!
//! Months of a quiet line cost as much as some minutes of it. Slices that are full of the run are alike: as soon as all
//! that are kept of a length are, further ones change nothing, and after an hour and five minutes every window is made
//! of such slices only.

use super::{
    FIVES, Histogram, MINUTES, PointWindow, SLICE, TENS,
    slice::{Length, Slice, Sum},
};
use crate::{sample::Run, units::Mono};

/// So many slices fill every window: twelve of five minutes, and those of one that is not over.
const ALL_WINDOWS: u64 = 390;
const SLICE_MILLIS: u64 = SLICE.as_millis() as u64;
/// The last full minute of a run, and the slices around it, end as any others do: the hour is summed up there.
const LEFT_TO_ONE_BY_ONE: u64 = TENS as u64 + 1;

/// How many of the newest slices are like the one that ends: more of them than are kept change nothing.
#[derive(Default)]
struct Alike {
    tens: usize,
    minutes: usize,
}

impl PointWindow {
    /// Counts a run: the same as, for each of its probes, [`PointWindow::roll`] at its send time and
    /// [`PointWindow::take`].
    pub fn take_run(&mut self, run: &Run) {
        let Some(last) = run.count.checked_sub(1).map(|number| run.sent(number)) else { return };
        let interval = (run.interval.as_millis() as u64).max(1);
        let nanos = run.reply.rtt.nanos();
        let (mut taken, mut rolled) = (0, false);
        while taken < run.count {
            let sent = run.sent(taken);
            if sent >= self.next_roll {
                let skipped = self.end_slices(sent) > 1;
                rolled = true;
                // The slice that begins is the run's from its first moment on.
                if taken > 0 && last >= self.next_roll && SLICE_MILLIS.is_multiple_of(interval) {
                    taken += self.fill_slices(nanos, SLICE_MILLIS / interval, last);
                }
                let rest = last.since(self.next_roll);
                if self.hour_is_due(skipped) && rest <= run.interval.max(SLICE) * TENS as u32 {
                    self.summarise_hour();
                }
                if taken == run.count {
                    break;
                }
            }
            let room = self.next_roll.since(run.sent(taken)).as_millis() as u64;
            let count = room.div_ceil(interval).min(run.count - taken);
            // A slice has ten thousand milliseconds.
            self.running.answers(nanos, count as u32);
            self.running.figures.ipdv_pairs += count - u64::from(taken == 0 && !self.paired);
            if taken == 0 && self.paired {
                self.running.figures.ipdv_sum += self.last_reply.map_or(0, |last| last.rtt.nanos().abs_diff(nanos));
            }
            taken += count;
        }
        if rolled {
            self.summarise();
        }
        self.count_run(run, last);
    }

    /// Fills whole slices that are alike, of `each` answers, at one stroke. Returns how many answers lie in them.
    fn fill_slices(&mut self, nanos: u64, each: u64, last: Mono) -> u64 {
        let whole = last.since(self.next_roll).as_millis() as u64 / SLICE_MILLIS + 1;
        let mut ten = Slice::default();
        ten.answers(nanos, each as u32);
        ten.figures.ipdv_pairs = each;
        let filled = match whole.checked_sub(LEFT_TO_ONE_BY_ONE) {
            _ if whole >= ALL_WINDOWS => {
                self.fill_windows(&ten);
                whole
            }
            Some(some) => {
                (0..some).fold(Alike::default(), |alike, _| self.end_alike(&ten, alike));
                some
            }
            None => return 0,
        };
        let mut rtts = Histogram::unpacked(&self.rtts);
        rtts.add(nanos, u32::try_from(filled * each).unwrap_or(u32::MAX));
        self.set_rtts(&rtts);
        self.next_roll = Mono(self.next_roll.0 + (filled * SLICE_MILLIS) as i64);
        if filled == whole {
            self.ended += whole;
            // As it was at the last full minute, which lies in the run.
            self.set_hour(self.over(0, self.minutes_since(), FIVES));
        }
        filled * each
    }

    /// Every window is made of such slices.
    fn fill_windows(&mut self, ten: &Slice) {
        (0..TENS).for_each(|_| self.past.push(Length::Ten, ten));
        let (mut minute, mut five) = (Sum::new(), Sum::new());
        self.past.add_newest(Length::Ten, TENS, &mut minute);
        (0..MINUTES).for_each(|_| self.past.push_sum(Length::Minute, &minute));
        self.past.add_newest(Length::Minute, MINUTES, &mut five);
        (0..FIVES).for_each(|_| self.past.push_sum(Length::Five, &five));
    }

    /// Ends a slice that is like the `alike.tens` before it: what is kept already need not be kept again.
    fn end_alike(&mut self, ten: &Slice, mut alike: Alike) -> Alike {
        if alike.tens < TENS {
            alike.tens += 1;
            self.past.push(Length::Ten, ten);
        }
        self.ended += 1;
        if self.ended.is_multiple_of(TENS as u64) && alike.minutes < MINUTES {
            self.end_minute();
            alike.minutes += usize::from(alike.tens == TENS);
        }
        if self.ended.is_multiple_of((TENS * MINUTES) as u64) {
            self.end_five();
        }
        alike
    }

    /// What does not depend on slices.
    fn count_run(&mut self, run: &Run, last: Mono) {
        let nanos = run.reply.rtt.nanos();
        let mut difference = 0;
        if let Some(before) = self.last_reply.replace(run.reply) {
            difference = before.rtt.nanos().abs_diff(nanos);
            self.smooth(difference);
            self.settle_jitter(run.count - 1);
        }
        match self.paired {
            true => self.count_pairs(run.count, difference),
            false => self.count_pairs(run.count - 1, 0),
        }
        (self.paired, self.last_probe, self.consecutive_losses) = (true, Some(last), 0);
        self.counts.answered += run.count;
        self.rtt_sum_nanos = self.rtt_sum_nanos.wrapping_add(nanos.wrapping_mul(run.count));
        self.fill_edge(nanos, run.count);
    }

    /// So many differences of zero. It ends where rounding ends it.
    fn settle_jitter(&mut self, count: u64) {
        for _ in 0..count {
            let before = self.jitter_16;
            self.smooth(0);
            if self.jitter_16 == before {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        inventory::PointIndex,
        sample::{Event, Failure, Outcome, Purpose, Reply, Sample, Stamps},
        units::Rtt,
        window::SettledLosses,
    };

    fn reply(micros: u64) -> Reply {
        Reply { rtt: Rtt(Duration::from_micros(micros)), hop_limit: 60, stamps: Stamps::Kernel }
    }

    /// Everything that anybody can ask a window, and what it keeps for later.
    fn told(window: &PointWindow) -> String {
        format!("{window:?}")
    }

    fn lose(window: &mut PointWindow, sent: Mono) {
        let event = Event::Ended(Outcome::Failed(Failure::Timeout(None)));
        window.roll(sent);
        window.take(&Sample { point: PointIndex(0), purpose: Purpose::Scheduled, sent, event });
        window.settle(SettledLosses { loss: 1, downtime: 0 });
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        /// Runs with losses and gaps between them: at every moment the window is what singles make of it, to the byte.
        #[test]
        fn a_run_is_as_many_singles(
            interval in prop_oneof![Just(1_000_u64), Just(5_000), Just(10_000), Just(3_000), Just(15_000), 500_u64..40_000],
            story in proptest::collection::vec((1_u64..2_000_000, 0_u64..9_000, 0_u64..3, 0_i64..200_000), 1..6),
        ) {
            let (mut by_runs, mut by_singles) = (PointWindow::new(Mono(4_200)), PointWindow::new(Mono(4_200)));
            let interval = Duration::from_millis(interval);
            let mut at = Mono(0);
            for (micros, count, losses, gap) in story {
                let run = Run { first: at, interval, count, reply: reply(micros) };
                by_runs.take_run(&run);
                for number in 0..count {
                    let sample = run.sample(PointIndex(0), number);
                    by_singles.roll(sample.sent);
                    by_singles.take(&sample);
                }
                prop_assert_eq!(told(&by_runs), told(&by_singles));
                at = run.sent(count);
                for _ in 0..losses {
                    [&mut by_runs, &mut by_singles].into_iter().for_each(|window| lose(window, at));
                    at = at.plus(interval);
                }
                at = Mono(at.0 + gap);
            }
        }
    }

    #[test]
    fn half_a_year_is_a_moment() {
        let mut window = PointWindow::new(Mono(10_000));
        let count = 180 * 86_400;
        window.take_run(&Run { first: Mono(0), interval: Duration::from_secs(1), count, reply: reply(4_000) });
        let hour = window.summaries()[3];
        assert_eq!((window.counts().answered, u64::from(hour.answered), hour.rtt_p99), (count, 3_840, 4_000_000));
        assert_eq!(window.jitter(), Some(Rtt(Duration::ZERO)));
    }
}
