//! Loss and RTT of one link and month: exact counts by the hour, and what they prove.
//!
//! In: how many probes of counted up-time were lost, answered and answered too slowly since the last step. Out: a
//! [`Verdict`] on each objective: while the month runs `pending`, or `at_risk` once the bet against the line is won
//! ([`Watch`]); when it is over, what its counts prove ([`Blocks::prove`]).
//!
//! A router's control plane may drop or delay answers on a healthy line. What is seen only through one is `suspected`,
//! never `breached`.

use serde::{Deserialize, Serialize};

use super::Verdict;
use crate::{
    contract::{Contract, words::Statistic},
    judge::proof::{Blocks, Proof, Standing, Watch},
    units::{Counts, Limit, Ppm, Timestamp},
};

const HOUR_MILLIS: i64 = 3_600_000;
/// Hours with fewer probes are counted with the next: a share of a handful is no share.
const LEAST_PROBES: u64 = 600;

/// Timed answers, and those of them that were slower than the limit.
pub type Timed = (u64, u64);

/// What a contract asks of loss and RTT, as shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    pub loss: Limit,
    /// Most of the answers that may be slower than the limit; `None`: its statistic is no share (a mean).
    pub slow: Option<Limit>,
    pub confidence: Ppm,
    pub alarm: Ppm,
}

impl Terms {
    pub fn of(contract: &Contract) -> Self {
        let share = |ppm| Some(Limit::AtMost(Ppm(ppm)));
        let slow = match contract.rtt_statistic() {
            Some(Statistic::P95) => share(50_000),
            Some(Statistic::P99) => share(10_000),
            Some(Statistic::Max | Statistic::Each) => share(0),
            Some(Statistic::Mean | Statistic::Ratio) | None => None,
        };
        let proof = contract.proof;
        Self { loss: contract.objectives.loss, slow, confidence: proof.confidence, alarm: proof.alarm }
    }
}

/// Both objectives of one link and month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    pub loss: Course,
    /// Answers slower than the limit, out of all.
    pub rtt: Course,
}

/// One share through a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Course {
    pub blocks: Blocks,
    /// The hour that runs, counted from 1970, and what it holds.
    hour: i64,
    bad: u64,
    all: u64,
    watch: Watch,
    /// When the bet was won.
    pub alarmed: Option<Timestamp>,
}

impl Quality {
    /// Adds probes of counted up-time. `timed`: `None` when it cannot be told which answers were slow.
    pub fn count(&mut self, probes: Counts, timed: Option<Timed>, terms: &Terms, now: Timestamp) {
        self.loss.count(probes.lost, probes.lost + probes.answered, Some(terms.loss), terms.alarm, now);
        if let Some((all, slow)) = timed {
            self.rtt.count(slow, all, terms.slow, terms.alarm, now);
        }
    }

    /// The month is over: what the last hour holds counts too.
    pub fn close(mut self) -> Self {
        for course in [&mut self.loss, &mut self.rtt] {
            course.blocks.add(std::mem::take(&mut course.bad), std::mem::take(&mut course.all));
        }
        self
    }
}

impl Course {
    fn count(&mut self, bad: u64, all: u64, limit: Option<Limit>, alarm: Ppm, now: Timestamp) {
        let hour = now.0.div_euclid(HOUR_MILLIS);
        if hour != self.hour && self.all >= LEAST_PROBES {
            self.blocks.add(self.bad, self.all);
            let is_won = limit.is_some_and(|limit| self.watch.bet(self.bad, self.all, limit, alarm));
            if is_won && self.alarmed.is_none() {
                self.alarmed = Some(now);
            }
            (self.bad, self.all) = (0, 0);
        }
        self.hour = hour;
        self.bad += bad;
        self.all += all;
    }

    /// Bad ones and all, so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.blocks.bad + self.bad, self.blocks.all + self.all)
    }

    /// While the month runs.
    pub fn running(&self, is_control_plane: bool) -> Verdict {
        match (self.alarmed, is_control_plane) {
            (None, _) => Verdict::Pending,
            (Some(_), false) => Verdict::AtRisk,
            (Some(_), true) => Verdict::Suspected,
        }
    }

    /// When the month is over ([`Quality::close`]).
    pub fn proof(&self, limit: Limit, confidence: Ppm) -> Proof {
        self.blocks.prove(limit, confidence)
    }
}

/// What a proof comes to.
pub fn closed(proof: &Proof, is_control_plane: bool) -> Verdict {
    match (proof.standing, is_control_plane) {
        (Standing::Met, _) => Verdict::Met,
        (Standing::Breached, false) => Verdict::Breached,
        (Standing::Breached, true) => Verdict::Suspected,
        (Standing::NotProvable, _) => Verdict::NotProvable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        judge::Tally,
        ledger::{Account, Accounting, Exclusion, Month},
    };

    const TERMS: Terms = Terms {
        loss: Limit::AtMost(Ppm(1_000)),
        slow: Some(Limit::AtMost(Ppm(50_000))),
        confidence: Ppm(999_900),
        alarm: Ppm(100),
    };

    /// So many days of one probe a second, each ten seconds the same.
    fn month(days: i64, lost: u64, slow: u64) -> Quality {
        let mut quality = Quality::default();
        for ten in 0..days * 8_640 {
            let (lost, slow) = if ten % 10 == 0 { (lost, slow) } else { (0, 0) };
            let probes = Counts { answered: 10 - lost, lost, unmeasured: 0 };
            quality.count(probes, Some((10 - lost, slow)), &TERMS, Timestamp(ten * 10_000));
        }
        quality
    }

    #[test]
    fn a_line_that_loses_too_much_is_at_risk_within_days_and_breached_at_the_end() {
        let quality = month(30, 1, 0);
        assert_eq!(quality.loss.running(false), Verdict::AtRisk);
        assert_eq!(quality.rtt.running(false), Verdict::Pending);
        let alarmed = quality.loss.alarmed.unwrap();
        assert!(alarmed.0 < 86_400_000, "1 % instead of 0.1 % shows on the first day: {alarmed:?}");
        let quality = quality.close();
        let proof = quality.loss.proof(TERMS.loss, TERMS.confidence);
        assert_eq!((proof.bad, proof.all), (25_920, 2_592_000), "not a probe is missing");
        assert_eq!((closed(&proof, false), closed(&proof, true)), (Verdict::Breached, Verdict::Suspected));
        let rtt = quality.rtt.proof(TERMS.slow.unwrap(), TERMS.confidence);
        assert_eq!((rtt.all, closed(&rtt, true)), (2_592_000 - 25_920, Verdict::Met));
    }

    #[test]
    fn a_month_that_ended_is_closed_with_its_own_counts_while_the_next_one_runs() {
        let (zone, begins) = (chrono_tz::Asia::Shanghai, Timestamp(1_795_300_000_000));
        let month = Month::containing(begins, zone);
        let mut account = Account::open(begins, zone);
        let tally = Tally { up: Counts { answered: 10, lost: 1, unmeasured: 0 }, ..Tally::default() };
        account.count(tally, None, &TERMS, Timestamp(month.ends.0 - 1));
        account.count(tally, None, &TERMS, Timestamp(month.ends.0 + 10_000));
        assert_eq!(account.quality(month.ends).loss.counts(), (1, 11), "the new month's own");
        account.exclude(
            Accounting::Excluded(Exclusion::Drill),
            Timestamp(month.ends.0 + 20_000),
            Timestamp(month.ends.0 + 20_000),
        );
        account.count(tally, None, &TERMS, Timestamp(month.ends.0 + 30_000));

        let stored = serde_json::to_string(&account).unwrap();
        let mut account: Account = serde_json::from_str(&stored).unwrap();
        let closed = account.advance(Timestamp(month.ends.0 + 600_000), zone);
        assert_eq!((closed.len(), closed[0].probes.up.lost, closed[0].quality.loss.blocks.all), (1, 1, 11));
        assert_eq!(
            account.last_month().map(|(month, quality)| (month.to_string(), quality.loss.blocks.bad)),
            Some(("2026-11".into(), 1))
        );
        assert_eq!(account.quality(month.ends).loss.counts(), (1, 11), "a drill does not count");
        assert_eq!(account.probes().up.lost, 2, "and its probes are still booked");
    }

    #[test]
    fn slow_answers_are_judged_by_their_share() {
        let quality = month(10, 0, 8).close();
        assert_eq!(quality.rtt.running(false), Verdict::AtRisk, "8 % are slower than the limit, and 5 % may be");
        let proof = quality.rtt.proof(TERMS.slow.unwrap(), TERMS.confidence);
        assert_eq!(closed(&proof, false), Verdict::Breached);
        assert_eq!(
            closed(&month(10, 0, 3).close().rtt.proof(TERMS.slow.unwrap(), TERMS.confidence), false),
            Verdict::Met
        );
    }
}
