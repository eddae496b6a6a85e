//! Loss, RTT and jitter of one link and month: exact counts by the hour, and what they prove.
//!
//! In: how many probes of counted up-time were lost, answered, answered too slowly, and answered too differently from the one
//! before since the last step. Out: a
//! [`Verdict`] on each objective: while the month runs `pending`, or `at_risk` once the bet against the line is won
//! ([`Watch`]); when it is over, what its counts prove ([`Blocks::prove`]).
//!
//! One witness is none: a point that loses or delays answers may do so by itself, and a router's control plane does on a
//! healthy line. A month is `breached` when another point past our own end, and not only control planes, proves the same
//! ([`Quality::agrees`]), or counters of interfaces do ([`super::interface`]); otherwise it is `suspected`.

use serde::{Deserialize, Serialize};

use super::{
    InterfaceEvidence, Verdict,
    interface::{self, Interface},
};
use crate::{
    command::{InterfaceCounts, NotTaken},
    contract::{Contract, words::Statistic},
    inventory::Role,
    judge::proof::{Blocks, Proof, Standing, Watch},
    units::{Counts, Limit, Ppm, Timestamp},
};

const HOUR_MILLIS: i64 = 3_600_000;
/// Hours with fewer probes are counted with the next: a share of a handful is no share.
const LEAST_PROBES: u64 = 600;

/// Timed answers, or pairs of them, and those of them that broke the limit.
pub type Timed = (u64, u64);

/// What a contract asks of loss, RTT and jitter, as shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    pub loss: Limit,
    /// Most of the answers that may be slower than the limit; `None`: its statistic is no share (a mean).
    pub slow: Option<Limit>,
    /// Most of the pairs of answers that may differ by more than the limit; `None`: so too, or nobody promised any.
    pub shaken: Option<Limit>,
    pub confidence: Ppm,
    pub alarm: Ppm,
}

impl Terms {
    pub fn of(contract: &Contract) -> Self {
        let share = |ppm| Some(Limit::AtMost(Ppm(ppm)));
        let beyond = |statistic: Option<Statistic>| match statistic {
            Some(Statistic::P95) => share(50_000),
            Some(Statistic::P99) => share(10_000),
            Some(Statistic::Max | Statistic::Each) => share(0),
            Some(Statistic::Mean | Statistic::Ratio) | None => None,
        };
        let (slow, proof) = (beyond(contract.rtt_statistic()), contract.proof);
        let shaken = contract.objectives.jitter.as_ref().and_then(|jitter| beyond(jitter.statistic));
        Self { loss: contract.objectives.loss, slow, shaken, confidence: proof.confidence, alarm: proof.alarm }
    }

    /// What an objective comes down to; `None`: it is no share, or is not promised.
    pub fn limit(&self, share: Share) -> Option<Limit> {
        match share {
            Share::Loss => Some(self.loss),
            Share::Rtt => self.slow,
            Share::Jitter => self.shaken,
        }
    }
}

/// The objectives of one link and month, by the point that decides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    #[serde(default, skip_serializing_if = "is_default")]
    pub loss: Course,
    /// Answers slower than the limit, out of all.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rtt: Course,
    /// Pairs of consecutive answers that differ by more than the limit, out of all.
    #[serde(default, skip_serializing_if = "is_default")]
    pub jitter: Course,
    /// The link's other points: at most four.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    beside: Vec<Beside>,
    /// The same line as interfaces counted it: a few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    interfaces: Vec<Interface>,
}

/// Which of the objectives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    Loss,
    Rtt,
    Jitter,
}

impl Share {
    pub const ALL: [Self; 3] = [Self::Loss, Self::Rtt, Self::Jitter];

    /// As JSON, metrics and pages call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Rtt => "rtt",
            Self::Jitter => "jitter",
        }
    }
}

/// A point of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    pub role: Role,
    /// A router's control plane answers: it may answer worse than its line is.
    pub is_control_plane: bool,
}

/// The same month as another point of the link saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Beside {
    witness: Witness,
    #[serde(default, skip_serializing_if = "is_default")]
    loss: Course,
    #[serde(default, skip_serializing_if = "is_default")]
    rtt: Course,
    #[serde(default, skip_serializing_if = "is_default")]
    jitter: Course,
}

impl Beside {
    fn of(&self, share: Share) -> &Course {
        match share {
            Share::Loss => &self.loss,
            Share::Rtt => &self.rtt,
            Share::Jitter => &self.jitter,
        }
    }
}

/// One share through a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Course {
    #[serde(default, skip_serializing_if = "is_default")]
    pub blocks: Blocks,
    /// The hour that runs, counted from 1970, and what it holds.
    hour: i64,
    bad: u64,
    all: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    watch: Watch,
    /// When the bet was won.
    pub alarmed: Option<Timestamp>,
}

/// What is as it began need not be stored.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Quality {
    /// Adds probes of counted up-time. `timed`: `None` when it cannot be told which answers were slow.
    pub fn count(&mut self, probes: Counts, timed: Option<Timed>, terms: &Terms, now: Timestamp) {
        self.loss.count(probes.lost, probes.lost + probes.answered, Some(terms.loss), terms.alarm, now);
        if let Some((all, slow)) = timed {
            self.rtt.count(slow, all, terms.slow, terms.alarm, now);
        }
    }

    /// Adds pairs of consecutive answers of counted up-time, of the point that decides or of another.
    pub fn count_pairs(&mut self, witness: Option<Witness>, (all, bad): Timed, terms: &Terms, now: Timestamp) {
        match witness {
            None => self.jitter.count(bad, all, terms.shaken, terms.alarm, now),
            Some(witness) => self.beside(witness).jitter.count(bad, all, None, Ppm(0), now),
        }
    }

    fn beside(&mut self, witness: Witness) -> &mut Beside {
        let place = self.beside.iter().position(|beside| beside.witness.role == witness.role).unwrap_or_else(|| {
            let [loss, rtt, jitter] = [Course::default(); 3];
            self.beside.push(Beside { witness, loss, rtt, jitter });
            self.beside.len() - 1
        });
        self.beside[place].witness = witness;
        &mut self.beside[place]
    }

    /// Adds probes of another point of the link. Nobody bets on it: it is asked when the month is over.
    pub fn count_beside(&mut self, witness: Witness, probes: Counts, timed: Option<Timed>, now: Timestamp) {
        let beside = self.beside(witness);
        beside.loss.count(probes.lost, probes.lost + probes.answered, None, Ppm(0), now);
        if let Some((all, slow)) = timed {
            beside.rtt.count(slow, all, None, Ppm(0), now);
        }
    }

    /// Adds what an interface counted while the link was up. Oldest first.
    ///
    /// # Errors
    /// It was told of before, or as many interfaces are known as are held.
    pub fn count_interface(&mut self, source: &str, counts: &InterfaceCounts) -> Result<(), NotTaken> {
        interface::count(&mut self.interfaces, source, counts)
    }

    /// What interfaces say of the loss.
    pub fn evidence(&self, terms: &Terms) -> Vec<InterfaceEvidence> {
        let hours = self.loss.blocks.hours;
        self.interfaces.iter().map(|interface| interface.evidence(terms, hours)).collect()
    }

    /// The month is over: what the last hour holds counts too.
    pub fn close(mut self) -> Self {
        let beside = self.beside.iter_mut().flat_map(|beside| [&mut beside.loss, &mut beside.rtt, &mut beside.jitter]);
        for course in [&mut self.loss, &mut self.rtt, &mut self.jitter].into_iter().chain(beside) {
            course.blocks.add(std::mem::take(&mut course.bad), std::mem::take(&mut course.all));
        }
        self
    }

    /// Adds a later month of the same link; both are over.
    pub fn add(&mut self, month: &Self) {
        self.loss.add(&month.loss);
        self.rtt.add(&month.rtt);
        self.jitter.add(&month.jitter);
        for later in &month.beside {
            match self.beside.iter_mut().find(|beside| beside.witness.role == later.witness.role) {
                Some(beside) => {
                    beside.witness = later.witness;
                    beside.loss.add(&later.loss);
                    beside.rtt.add(&later.rtt);
                    beside.jitter.add(&later.jitter);
                }
                None => self.beside.push(later.clone()),
            }
        }
        interface::add(&mut self.interfaces, &month.interfaces);
    }

    /// What the counts of a period that is over prove, and what that comes to; `None`: its limit is no share.
    pub fn judge(&self, share: Share, terms: &Terms, is_control_plane: bool) -> Option<(Verdict, Proof)> {
        let proof = self.of(share).proof(terms.limit(share)?, terms.confidence);
        Some((closed(&proof, self.agrees(share, terms, is_control_plane)), proof))
    }

    pub fn of(&self, share: Share) -> &Course {
        match share {
            Share::Loss => &self.loss,
            Share::Rtt => &self.rtt,
            Share::Jitter => &self.jitter,
        }
    }

    /// Whether what the deciding point proves of a month that is over is proved by another point past our own end too, one of
    /// both not being a control plane, or by counters of interfaces. When our own end is as bad, the fault may be ours:
    /// nobody agrees then.
    pub fn agrees(&self, share: Share, terms: &Terms, is_control_plane: bool) -> bool {
        let proves = |beside: &&Beside| {
            let proof = |limit| beside.of(share).proof(limit, terms.confidence);
            terms.limit(share).is_some_and(|limit| proof(limit).standing == Standing::Breached)
        };
        let (ours, theirs): (Vec<_>, Vec<_>) =
            self.beside.iter().filter(proves).map(|beside| beside.witness).partition(|one| one.role == Role::Near);
        let counters = || share == Share::Loss && interface::agree(&self.interfaces, terms, self.loss.blocks.hours);
        ours.is_empty() && (theirs.iter().any(|one| !(is_control_plane && one.is_control_plane)) || counters())
    }
}

impl Course {
    pub(super) fn count(&mut self, bad: u64, all: u64, limit: Option<Limit>, alarm: Ppm, now: Timestamp) {
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

    /// Adds a later month of the same share.
    pub(super) fn add(&mut self, month: &Self) {
        let mut blocks = self.so_far();
        blocks += month.so_far();
        *self = Self { blocks, alarmed: self.alarmed.or(month.alarmed), ..Self::default() };
    }

    /// Bad ones and all, so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.blocks.bad + self.bad, self.blocks.all + self.all)
    }

    /// Hours that are whole, and the last one as far as it is counted.
    pub(super) fn so_far(&self) -> Blocks {
        let mut blocks = self.blocks;
        blocks.add(self.bad, self.all);
        blocks
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

/// What a proof comes to. `agrees`: another point proves the same ([`Quality::agrees`]).
pub fn closed(proof: &Proof, agrees: bool) -> Verdict {
    match (proof.standing, agrees) {
        (Standing::Met, _) => Verdict::Met,
        (Standing::Breached, true) => Verdict::Breached,
        (Standing::Breached, false) => Verdict::Suspected,
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
        shaken: Some(Limit::AtMost(Ppm(50_000))),
        confidence: Ppm(999_900),
        alarm: Ppm(100),
    };

    /// Ten of them.
    fn probes(lost: u64) -> Counts {
        Counts { answered: 10 - lost, lost, unmeasured: 0 }
    }

    /// So many days of one probe a second, each ten seconds the same.
    fn month(days: i64, lost: u64, slow: u64) -> Quality {
        let mut quality = Quality::default();
        for ten in 0..days * 8_640 {
            let (lost, slow) = if ten % 10 == 0 { (lost, slow) } else { (0, 0) };
            let probes = probes(lost);
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
        assert_eq!((closed(&proof, true), closed(&proof, false)), (Verdict::Breached, Verdict::Suspected));
        let rtt = quality.rtt.proof(TERMS.slow.unwrap(), TERMS.confidence);
        assert_eq!((rtt.all, closed(&rtt, false)), (2_592_000 - 25_920, Verdict::Met));
    }

    /// A month that lost 1 % at the deciding point, and of whose other points these lost so many of ten.
    fn agreed(others: &[(Role, bool, u64)], is_control_plane: bool) -> Verdict {
        let mut quality = month(3, 1, 0);
        for ten in 0..3 * 8_640 {
            for (role, is_control_plane, lost) in others {
                let witness = Witness { role: *role, is_control_plane: *is_control_plane };
                let lost = if ten % 10 == 0 { *lost } else { 0 };
                quality.count_beside(witness, probes(lost), Some((10 - lost, 0)), Timestamp(ten * 10_000));
            }
        }
        let stored = serde_json::to_string(&quality.close()).unwrap();
        let quality: Quality = serde_json::from_str(&stored).unwrap();
        let proof = quality.loss.proof(TERMS.loss, TERMS.confidence);
        assert!(!quality.agrees(Share::Rtt, &TERMS, is_control_plane), "nobody was slow");
        closed(&proof, quality.agrees(Share::Loss, &TERMS, is_control_plane))
    }

    #[test]
    fn one_point_suspects_and_two_that_agree_prove_a_breach() {
        use Verdict::{Breached, Suspected};
        assert_eq!(agreed(&[], false), Suspected, "the far end may drop answers by itself");
        assert_eq!(agreed(&[(Role::Beyond, false, 0)], false), Suspected, "what lies behind it answers");
        assert_eq!(agreed(&[(Role::Beyond, false, 1)], false), Breached);
        assert_eq!(agreed(&[(Role::Beyond, false, 1)], true), Breached, "a host saw it too");
        assert_eq!(agreed(&[(Role::CarrierGateway, true, 1)], false), Breached);
        assert_eq!(agreed(&[(Role::CarrierGateway, true, 1)], true), Suspected, "only control planes saw it");
        assert_eq!(agreed(&[(Role::Near, false, 1)], false), Suspected, "our own end is no part of the line");
        assert_eq!(agreed(&[(Role::Near, false, 1), (Role::Beyond, false, 1)], false), Suspected, "it may be ours");
        assert_eq!(agreed(&[(Role::Near, false, 0), (Role::Beyond, false, 1)], false), Breached);
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
            account.last_month().map(|last| (last.0.to_string(), last.1.loss.blocks.bad)),
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
        assert_eq!(closed(&proof, true), Verdict::Breached);
        assert_eq!(
            closed(&month(10, 0, 3).close().rtt.proof(TERMS.slow.unwrap(), TERMS.confidence), true),
            Verdict::Met
        );
    }

    /// 744 hours of 3600 pairs, of which so many of an hour are shaken at the deciding point and at another one.
    fn shaken(hourly: [u64; 2]) -> Quality {
        let beyond = Witness { role: Role::Beyond, is_control_plane: false };
        let mut quality = Quality::default();
        for hour in 0..744 {
            let now = Timestamp(hour * HOUR_MILLIS);
            for (witness, bad) in [None, Some(beyond)].into_iter().zip(hourly) {
                quality.count_pairs(witness, (3_600, bad), &TERMS, now);
            }
        }
        quality
    }

    #[test]
    fn jitter_is_breached_only_beyond_its_limit_and_by_two_points() {
        let judged = |hourly| shaken(hourly).close().judge(Share::Jitter, &TERMS, false).unwrap().0;
        assert_eq!(judged([90, 0]), Verdict::Met, "half of the 5 % that are allowed");
        assert_eq!(judged([180, 180]), Verdict::NotProvable, "just at the limit");
        assert_eq!(judged([360, 0]), Verdict::Suspected, "one witness is none");
        assert_eq!(judged([360, 360]), Verdict::Breached);
        assert_eq!(shaken([360, 360]).jitter.running(false), Verdict::AtRisk, "and before the month is over");
        let promised_none = Terms { shaken: None, ..TERMS };
        assert_eq!(shaken([360, 360]).close().judge(Share::Jitter, &promised_none, false), None);
        let stored = serde_json::to_value(month(1, 0, 0).close()).unwrap();
        assert_eq!(stored.get("jitter"), None, "nothing is stored where nothing is promised");
    }
}
