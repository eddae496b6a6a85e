//! Months of random loss on healthy lines, judged by the real [`PointJudge`].
//!
//! Only lost probes and what follows them are played one by one. The answers between losses are runs, whose length is
//! drawn (geometric). `runs_of_answers_are_the_same_as_playing_them` holds this against playing every probe.

use std::time::Duration;

use linkpatrol::{
    inventory::PointIndex,
    judge::{PointChange, PointJudge, PointVerdict},
    profile::Measure,
    sample::{Event, Failure, Outcome, Purpose, Reply, Run, Sample, Stamps},
    units::{Mono, Rtt},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

const REPLY: Reply = Reply { rtt: Rtt(Duration::from_millis(5)), hop_limit: 60, stamps: Stamps::Kernel };

/// What became of all lines.
pub struct Month {
    /// Outages and recoveries: none, if all is well.
    pub changes: Vec<PointChange>,
    /// Scheduled probes lost.
    pub lost: u64,
}

/// Plays `seconds` of `lines` at one probe a second, each probe lost with this chance, answers between losses as runs.
pub fn play(seed: u64, lines: u32, seconds: u32, loss: f64) -> Month {
    run(seed, lines, seconds, loss, true)
}

/// As [`play`], probe by probe.
pub fn play_each(seed: u64, lines: u32, seconds: u32, loss: f64) -> Month {
    run(seed, lines, seconds, loss, false)
}

fn run(seed: u64, lines: u32, seconds: u32, loss: f64, runs: bool) -> Month {
    let measure = Measure::default();
    let mut month = Month { changes: vec![], lost: 0 };
    for line in 0..lines {
        let mut random = StdRng::seed_from_u64(seed << 32 | u64::from(line));
        let mut judge = PointJudge::new(Mono(0));
        judge.take(&sample(Purpose::Scheduled, 0, false), &measure);
        let (mut second, mut next_loss) = (1, 1 + answers_before_a_loss(&mut random, loss));
        while second < seconds {
            let quiet = judge.verdict() == PointVerdict::Up && judge.pending() == 0;
            if runs && quiet && next_loss > second {
                let count = u64::from(next_loss.min(seconds) - second);
                let first = Mono(i64::from(second) * 1_000);
                month
                    .changes
                    .extend(judge.take_run(&Run { first, interval: measure.interval, count, reply: REPLY }, &measure));
                second = next_loss;
                if second >= seconds {
                    break;
                }
            }
            let sent = i64::from(second) * 1_000;
            let lost = second == next_loss;
            month.changes.extend(judge.take(&sample(Purpose::Scheduled, sent, lost), &measure));
            if lost {
                month.lost += 1;
                for confirm in 1..=i64::from(measure.confirm.probes) {
                    let sample = sample(Purpose::Confirm, sent + confirm * 100, random.random_bool(loss));
                    month.changes.extend(judge.take(&sample, &measure));
                }
                next_loss = second + 1 + answers_before_a_loss(&mut random, loss);
            }
            second += 1;
        }
    }
    month
}

fn answers_before_a_loss(random: &mut StdRng, loss: f64) -> u32 {
    let chance: f64 = random.random_range(f64::MIN_POSITIVE..1.0);
    (chance.ln() / (1.0 - loss).ln()) as u32
}

fn sample(purpose: Purpose, sent: i64, lost: bool) -> Sample {
    let outcome = if lost { Outcome::Failed(Failure::Timeout(None)) } else { Outcome::Answered(REPLY) };
    Sample { point: PointIndex(0), purpose, sent: Mono(sent), event: Event::Ended(outcome) }
}
