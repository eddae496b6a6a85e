//! What counts of probes prove about a share: of lost probes, or of answers slower than the limit.
//!
//! In: counts, an hour at a time. Out: a [`Proof`] once a period is over, and an alarm while it runs. Pure. Counts stay
//! whole numbers; what floats here are the statistics about them, and no figure of a contract is computed from those.
//!
//! **Once, when the period is over** ([`Blocks::prove`]): an interval for the share that the line has, from exact counts.
//! Probes are lost in bursts, so `n` of them say less than `n` independent ones would: the variance between hours
//! divides them into the fewer that they are worth (design effect). The interval is then the exact one of rare events
//! (Garwood), which for shares is a little too wide and never too narrow. `breached` and `met` are both said only at the
//! contract's confidence; what lies between is `not provable`.
//!
//! **While it runs** ([`Watch`]): whoever looks every hour at a fixed test finds a breach on a good line sooner or later.
//! So each hour is a bet against the line, at odds that are fair when it keeps the limit: the stake is multiplied by
//! `1 + c (x / limit - 1)`, `x` being the hour's share. Whatever the bursts within the hours, the chance that the stake
//! *ever* reaches `1 / alarm` is at most `alarm` (Ville's inequality), however often somebody looks. The stake is spread
//! over a few `c`, because small ones find small excesses and large ones find large ones sooner.

use serde::{Deserialize, Serialize};

use crate::units::{Limit, LossRatio, Ppm};

/// Fewer hours say nothing of how the counts vary: a day.
const LEAST_BLOCKS: u32 = 24;
/// A stake beyond this proves no more.
const MOST_STAKE: f64 = 1e12;
/// Shares of the stake that are bet; evenly spread on a logarithmic scale.
const BETS: [f64; 5] = [0.5, 0.2, 0.08, 0.03, 0.01];

/// Counts of a period, as sums over its hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocks {
    /// Lost, or slow.
    pub bad: u64,
    /// Of so many.
    pub all: u64,
    pub hours: u32,
    /// Sums of squares and products over the hours.
    bad_bad: u64,
    bad_all: u64,
    all_all: u64,
}

/// What is proved about the share of a period that is over.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    pub bad: u64,
    pub all: u64,
    /// What `all` probes are worth as independent ones, truncated.
    pub effective: u64,
    /// The share lies between these, each bound alone at the confidence. Rounded outwards.
    pub low: Ppm,
    pub high: Ppm,
    pub standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Met,
    Breached,
    NotProvable,
}

impl Blocks {
    /// Adds an hour, or what was counted of one.
    pub fn add(&mut self, bad: u64, all: u64) {
        if all == 0 {
            return;
        }
        self.hours += 1;
        self.bad += bad;
        self.all += all;
        self.bad_bad = self.bad_bad.saturating_add(bad.saturating_mul(bad));
        self.bad_all = self.bad_all.saturating_add(bad.saturating_mul(all));
        self.all_all = self.all_all.saturating_add(all.saturating_mul(all));
    }

    /// What the counts prove about `limit`, where each side errs with at most the rest of `confidence`.
    pub fn prove(&self, limit: Limit, confidence: Ppm) -> Proof {
        let error = f64::from(1_000_000 - confidence.0.min(999_999)) / 1e6;
        let effect = self.design_effect();
        let (bad, all) = (self.bad as f64 / effect, self.all as f64 / effect);
        let share = |expected: f64| if all > 0.0 { (expected / all * 1e6).clamp(0.0, 1e6) } else { 1e6 };
        let low = if bad > 0.0 { share(solve(bad, |expected| gamma(bad, expected), error)) } else { 0.0 };
        let high = share(solve(bad + 1.0, |expected| gamma(bad + 1.0, expected), 1.0 - error));
        Proof {
            bad: self.bad,
            all: self.all,
            effective: all as u64,
            low: Ppm(low.floor() as u32),
            high: Ppm(high.ceil() as u32),
            standing: self.standing(limit, error),
        }
    }

    /// [`Blocks::prove`] without the interval.
    fn standing(&self, limit: Limit, error: f64) -> Standing {
        let (Limit::AtMost(Ppm(edge)) | Limit::Below(Ppm(edge))) = limit;
        let Some(observed) = LossRatio::of(self.bad, self.all - self.bad).filter(|_| self.hours >= LEAST_BLOCKS) else {
            return Standing::NotProvable;
        };
        let breaks = observed.breaks(limit);
        if edge == 0 {
            // One of them breaks it, whatever the chances: there is nothing to infer.
            return if breaks { Standing::Breached } else { Standing::Met };
        }
        let effect = self.design_effect();
        let (bad, expected) = (self.bad as f64 / effect, self.all as f64 / effect * f64::from(edge) / 1e6);
        // The exact counts have the last word: nothing is breached that did not happen.
        match breaks {
            true if gamma(bad, expected) <= error => Standing::Breached,
            false if 1.0 - gamma(bad + 1.0, expected) <= error => Standing::Met,
            _ => Standing::NotProvable,
        }
    }

    /// How many times more the hours differ than independent probes would make them. At least one.
    fn design_effect(&self) -> f64 {
        if self.hours < 2 || self.bad == 0 || self.bad == self.all {
            return 1.0;
        }
        let (all, share) = (self.all as f64, self.bad as f64 / self.all as f64);
        let residuals = self.bad_bad as f64 - 2.0 * share * self.bad_all as f64 + share * share * self.all_all as f64;
        let hours = f64::from(self.hours);
        let between = residuals * hours / (hours - 1.0) / (all * all);
        let independent = share * (1.0 - share) / all;
        (between / independent).max(1.0)
    }
}

impl std::ops::AddAssign for Blocks {
    fn add_assign(&mut self, other: Self) {
        self.bad += other.bad;
        self.all += other.all;
        self.hours += other.hours;
        self.bad_bad = self.bad_bad.saturating_add(other.bad_bad);
        self.bad_all = self.bad_all.saturating_add(other.bad_all);
        self.all_all = self.all_all.saturating_add(other.all_all);
    }
}

/// The bet against one line, hour by hour.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    stakes: [f64; BETS.len()],
}

impl Default for Watch {
    fn default() -> Self {
        Self { stakes: [1.0; BETS.len()] }
    }
}

impl Watch {
    /// Bets on one hour. `true`: the line is worse than `limit`, and this errs in at most `alarm` of all months.
    pub fn bet(&mut self, bad: u64, all: u64, limit: Limit, alarm: Ppm) -> bool {
        let (Limit::AtMost(Ppm(edge)) | Limit::Below(Ppm(edge))) = limit;
        if all == 0 || edge == 0 {
            return false;
        }
        let excess = bad as f64 * 1e6 / (all as f64 * f64::from(edge)) - 1.0;
        let mut sum = 0.0;
        for (stake, bet) in self.stakes.iter_mut().zip(BETS) {
            *stake = (*stake * (1.0 + bet * excess)).min(MOST_STAKE);
            sum += *stake;
        }
        sum / BETS.len() as f64 * f64::from(alarm.0) >= 1e6
    }
}

/// The `expected` at which the rising function `chance` of it reaches `wanted`. `around`: near where to look.
fn solve(around: f64, chance: impl Fn(f64) -> f64, wanted: f64) -> f64 {
    let (mut below, mut above) = (0.0, around + 1.0);
    while chance(above) < wanted {
        above *= 2.0;
    }
    for _ in 0..60 {
        let middle = f64::midpoint(below, above);
        if chance(middle) < wanted {
            below = middle;
        } else {
            above = middle;
        }
    }
    f64::midpoint(below, above)
}

/// Regularized lower incomplete gamma function P(a, x): the chance that `a` or more rare events happen where `x` are
/// expected. Series below the bend, continued fraction above it (Numerical Recipes 6.2).
fn gamma(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let scale = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > sum * 1e-15 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return (sum * scale).min(1.0);
    }
    // Lentz' method.
    const TINY: f64 = 1e-300;
    let (mut b, mut c) = (x + 1.0 - a, 1.0 / TINY);
    let mut d = 1.0 / b;
    let mut fraction = d;
    for n in 1..100_000 {
        let n = f64::from(n);
        let factor = -n * (n - a);
        b += 2.0;
        d = 1.0 / (factor * d + b).abs().max(TINY).copysign(factor * d + b);
        c = (b + factor / c).abs().max(TINY).copysign(b + factor / c);
        fraction *= d * c;
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    (1.0 - scale * fraction).clamp(0.0, 1.0)
}

/// Lanczos' approximation, to 15 digits for positive `x`.
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let sum: f64 = TERMS.iter().zip(1..).map(|(term, n)| term / (x + f64::from(n))).sum();
    let t = x + 7.5;
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * t.ln() - t + (0.999_999_999_999_809_9 + sum).ln()
}

#[cfg(test)]
mod tests;
