//! How a place answers: its delay, its losses, and what a fault does to its answers.
//!
//! In: the nature of a place and a running fault. Out: [`Answer`]s, bent. Pure but for the random numbers, which the
//! caller seeds.

use std::time::Duration;

use rand::{Rng, rngs::SmallRng};
use rand_distr::{Distribution, Exp1};

use super::story::{Burst, Fault, Held};
use crate::{
    inventory::{Kind, Role},
    units::Ppm,
};

/// One packet that the city sends back.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// After the request arrived.
    pub after: Duration,
    pub kind: Reply,
    /// TTL or hop limit that it arrives with.
    pub hop_limit: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The request's payload, as it should be.
    Echo,
    /// With one byte of the payload changed and the checksum made good.
    Corrupt,
    /// Right, but from an address that was not asked.
    WrongSource,
}

/// What a place is like on a good day. Drawn once, from the seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nature {
    pub base: Duration,
    /// Mean of an exponential delay on top.
    pub jitter: Duration,
    pub hop_limit: u8,
}

impl Nature {
    pub fn draw(kind: Kind, role: Role, random: &mut SmallRng) -> Self {
        let (least, most) = span(kind, role);
        // Logarithmic: short lines are as common as long ones.
        let nanos = random.random_range((least.as_nanos() as f64).ln()..(most.as_nanos() as f64).ln()).exp();
        let base = Duration::from_nanos(nanos as u64);
        let hops = random.random_range(1..=12);
        Self {
            base,
            jitter: base.mul_f64(random.random_range(0.01..0.06)),
            hop_limit: if random.random_bool(0.7) { 64 - hops } else { 255 - hops },
        }
    }

    /// The answer of a good day.
    pub fn answer(&self, random: &mut SmallRng) -> Answer {
        let after = self.base + exponential(self.jitter, random);
        Answer { after, kind: Reply::Echo, hop_limit: self.hop_limit }
    }
}

/// Delays of a city: dark fibre within it, private lines over the carriers' rings, internet lines over the province.
fn span(kind: Kind, role: Role) -> (Duration, Duration) {
    let millis = |least: f64, most: f64| (Duration::from_secs_f64(least / 1e3), Duration::from_secs_f64(most / 1e3));
    match (role, kind) {
        (Role::Near, _) => millis(0.05, 0.3),
        (Role::CarrierGateway, _) => millis(0.3, 2.0),
        (_, Kind::DarkFibre) => millis(0.1, 2.0),
        (_, Kind::Private) => millis(2.0, 20.0),
        (_, Kind::Internet) => millis(5.0, 30.0),
    }
}

/// The state of a Gilbert-Elliott channel of one place.
#[derive(Debug, Clone, Copy, Default)]
pub struct Channel {
    bad: bool,
    /// When the state changes next.
    until: Duration,
}

impl Channel {
    /// Whether the channel is in its bad state at `now`, which never goes back.
    pub fn bad_at(&mut self, now: Duration, burst: Burst, random: &mut SmallRng) -> bool {
        if self.until.is_zero() {
            self.until = now + exponential(burst.every, random);
        }
        while self.until <= now {
            self.bad = !self.bad;
            // At least a microsecond, or a mean of zero would never end.
            let mean = if self.bad { burst.lasting } else { burst.every };
            self.until += exponential(mean, random).max(Duration::from_micros(1));
        }
        self.bad
    }
}

/// A control plane that answers so many a second: a token bucket of 100 ms, at least two.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bucket {
    tokens: f64,
    at: Duration,
}

impl Bucket {
    pub fn take(&mut self, now: Duration, per_second: u32) -> bool {
        let rate = f64::from(per_second);
        let gained = now.saturating_sub(self.at).as_secs_f64() * rate;
        (self.tokens, self.at) = ((self.tokens + gained).min((rate / 10.0).max(2.0)), now);
        let some = self.tokens >= 1.0;
        self.tokens -= if some { 1.0 } else { 0.0 };
        some
    }
}

/// What `fault` does to the answers of one place at `now`.
pub fn bend(
    fault: &Fault,
    answers: &mut Vec<Answer>,
    now: Duration,
    channel: &mut Channel,
    bucket: &mut Bucket,
    random: &mut SmallRng,
) {
    match fault {
        // Cuts are decided by `World` before anything answers.
        Fault::Cut | Fault::Isolate | Fault::Flap(_) => {}
        Fault::Loss(share) => answers.retain(|_| !hits(*share, random)),
        Fault::Burst(burst) => {
            if channel.bad_at(now, *burst, random) {
                answers.retain(|_| !hits(burst.lose, random));
            }
        }
        Fault::Delay(delay) => {
            answers.iter_mut().for_each(|answer| answer.after += delay.by + exponential(delay.jitter, random));
        }
        Fault::Duplicate(share) => {
            let again: Vec<_> = answers.iter().filter(|_| hits(*share, random)).cloned().collect();
            answers.extend(again.into_iter().map(|answer| Answer { after: answer.after + COPY, ..answer }));
        }
        Fault::Reorder(held) | Fault::Late(held) => hold(answers, *held, random),
        Fault::Corrupt(share) => spoil(answers, *share, Reply::Corrupt, random),
        Fault::WrongSource(share) => spoil(answers, *share, Reply::WrongSource, random),
        Fault::Hops(more) => answers.iter_mut().for_each(|answer| {
            answer.hop_limit = answer.hop_limit.saturating_sub(*more).max(1);
        }),
        Fault::AnswersPerSecond(rate) => answers.retain(|_| bucket.take(now, *rate)),
    }
}

/// A copy follows its original closely.
const COPY: Duration = Duration::from_micros(200);

fn hold(answers: &mut [Answer], held: Held, random: &mut SmallRng) {
    for answer in answers {
        if hits(held.share, random) {
            answer.after += held.by;
        }
    }
}

fn spoil(answers: &mut [Answer], share: Ppm, kind: Reply, random: &mut SmallRng) {
    for answer in answers {
        if hits(share, random) {
            answer.kind = kind;
        }
    }
}

pub fn hits(share: Ppm, random: &mut SmallRng) -> bool {
    random.random_range(0..1_000_000) < share.0
}

fn exponential(mean: Duration, random: &mut SmallRng) -> Duration {
    let factor: f64 = Exp1.sample(random);
    mean.mul_f64(factor)
}
