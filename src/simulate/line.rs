//! One measuring point as the prober treats it: when it is probed, what becomes of each probe, and when nothing happens.

use std::{hash::Hasher, time::Duration};

use rand::{Rng, SeedableRng, rngs::SmallRng};
use siphasher::sip::SipHasher13;

use super::world::{DAY, Fate, World};
use crate::{
    inventory::{PointIndex, Role},
    profile::Measure,
    sample::{Failure, LocalFault, Outcome, Reply, Stamps},
    units::Rtt,
};

/// Quiet is what lies this long after the last loss: every window of a minute has forgotten it.
const CALM: i64 = 80_000;
/// A line that is not calm is looked at so often: the length of the shortest slice.
const LOOK: i64 = 10_000;

/// What a line remembers between its probes.
pub struct Line {
    pub point: PointIndex,
    /// `None`: a witness.
    pub link: Option<usize>,
    /// The unit's end and what lies behind it are silent when the link is cut; our own end is not.
    behind: bool,
    seed: u64,
    loss: f64,
    random: SmallRng,
    /// When probe 0 is sent.
    phase: i64,
    pub interval: i64,
    /// The first probe that is not played yet.
    pub next: i64,
    /// The probe that waits in the queue.
    pub due: i64,
    /// The next probe that is lost without a cause.
    next_loss: i64,
    /// Losses and confirm probes that have not ended.
    pub flying: u32,
    /// When something was last out of the ordinary.
    pub trouble: i64,
    /// No confirm probes before: it is known to be down.
    pub quiet_until: i64,
}

impl Line {
    pub fn new(world: &World, point: PointIndex, link: Option<usize>, role: Role, measure: &Measure) -> Self {
        let seed = mix(world.seed, point.0.into(), 0);
        let interval = (measure.interval.as_millis() as i64).max(1);
        let mut line = Self {
            point,
            link,
            behind: role != Role::Near,
            seed,
            loss: link.map_or(0.0, |link| world.links[link].loss),
            random: SmallRng::seed_from_u64(seed),
            phase: (seed % interval.unsigned_abs()).cast_signed(),
            interval,
            next: 0,
            due: 0,
            next_loss: -1,
            flying: 0,
            trouble: 0,
            quiet_until: i64::MIN,
        };
        line.draw_loss();
        line
    }

    /// When probe `number` is sent.
    pub fn sent(&self, number: i64) -> i64 {
        self.phase + number * self.interval
    }

    /// The first probe that is sent at or after `at`.
    pub fn first_from(&self, at: i64) -> i64 {
        ((at - self.phase).max(0) as u64).div_ceil(self.interval.unsigned_abs()) as i64
    }

    /// A quiet answer: the same all day.
    pub fn reply(&self, at: i64) -> Reply {
        let near = if self.behind { 900 } else { 150 };
        let micros = near + self.seed % 4_000 + mix(self.seed, at.div_euclid(DAY).unsigned_abs(), 1) % 300;
        Reply { rtt: Rtt(Duration::from_micros(micros)), hop_limit: 60, stamps: Stamps::Kernel }
    }

    /// What becomes of scheduled probe `number`; and whether a loss of it had no cause.
    pub fn scheduled(&mut self, number: i64, world: &World) -> (Outcome, bool) {
        while self.next_loss < number {
            self.draw_loss();
        }
        let unlucky = self.next_loss == number;
        self.outcome(self.sent(number), unlucky, 2, world)
    }

    /// What becomes of a confirm probe sent at `at`.
    pub fn confirm(&self, at: i64, world: &World) -> (Outcome, bool) {
        self.outcome(at, self.chance(at, 3) < self.loss, 4, world)
    }

    fn outcome(&self, at: i64, unlucky: bool, draw: u64, world: &World) -> (Outcome, bool) {
        if world.blind.has(at) {
            return (Outcome::Unmeasured(LocalFault::ReceiveOverflow), false);
        }
        let fate = self.link.map(|link| &world.links[link]);
        let silent = world.isolated.has(at) || fate.is_some_and(|fate| self.behind && fate.cuts.has(at));
        let lossy = |fate: &Fate| fate.lossy.has(at) && self.chance(at, draw) < fate.lossy_share;
        let unlucky = unlucky || fate.is_some_and(lossy);
        match silent || unlucky {
            true => (Outcome::Failed(Failure::Timeout(None)), !silent),
            false => (Outcome::Answered(self.reply(at)), false),
        }
    }

    /// The first probe from `number` on that may be no quiet answer, or whose answer is another than those before.
    pub fn next_event(&mut self, number: i64, world: &World) -> i64 {
        while self.next_loss < number {
            self.draw_loss();
        }
        let at = self.sent(number);
        let mut first = self.next_loss.min(self.first_from((at.div_euclid(DAY) + 1) * DAY));
        let own = self.link.map(|link| &world.links[link]);
        let own = own.into_iter().flat_map(|fate| [&fate.cuts, &fate.lossy]);
        for spans in own.chain([&world.isolated, &world.blind, &world.dead]) {
            if let Some(span) = spans.next(at) {
                first = first.min(self.first_from(span.from.max(at)));
            }
        }
        first
    }

    /// A whole minute has passed since anything was out of the ordinary.
    pub fn calm(&self, at: i64) -> bool {
        self.flying == 0 && at - self.trouble >= CALM
    }

    /// The first probe from `number` on at which a line that is not calm is looked at.
    pub fn next_look(&self, number: i64) -> i64 {
        let at = self.sent(number) - self.phase;
        self.first_from((at.div_euclid(LOOK) + 1) * LOOK + self.phase)
    }

    /// Draws how many probes are answered before the next loss (geometric).
    fn draw_loss(&mut self) {
        let chance: f64 = self.random.random_range(f64::MIN_POSITIVE..1.0);
        let answers = if self.loss > 0.0 { chance.ln() / (-self.loss).ln_1p() } else { f64::INFINITY };
        self.next_loss = self.next_loss.saturating_add(1).saturating_add(answers.min(1e15) as i64);
    }

    /// Between 0 and 1, the same whoever asks and however often.
    fn chance(&self, at: i64, draw: u64) -> f64 {
        mix(self.seed, at.unsigned_abs(), draw) as f64 / u64::MAX as f64
    }
}

fn mix(seed: u64, place: u64, draw: u64) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(seed, draw);
    hasher.write_u64(place);
    hasher.finish()
}
