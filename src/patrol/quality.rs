//! Loss, RTT and jitter into the accounts: what each link's points saw since they were last counted.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{field::Field, turn::Loop};
use crate::{
    inventory::{LinkIndex, Responder},
    judge::{self, LinkState, PointWatch, Tally},
    ledger::{ClosedMonth, InterfaceEvidence, Share, Terms, Witness},
    units::{Now, Rtt, Timestamp},
    window::RTT_EDGES_NANOS,
};

/// Each link is counted once in so many seconds.
const EVERY_SECONDS: usize = 10;

/// What a point had counted when it was last looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Seen {
    tally: Tally,
    timed: u64,
    slow: u64,
    pairs: u64,
    shaken: u64,
}

impl Seen {
    fn of(watch: &PointWatch, limit: Rtt) -> Self {
        let histogram = watch.window.histogram();
        let timed = histogram[RTT_EDGES_NANOS.len()];
        // A limit that is no edge of the histogram leaves it open which answers were slower.
        let edge = RTT_EDGES_NANOS.iter().position(|edge| *edge == limit.nanos());
        let (pairs, shaken) = watch.window.pairs();
        let slow = edge.map_or(0, |edge| timed - histogram[edge]);
        Self { tally: watch.judge.tally(), timed, slow, pairs, shaken }
    }

    /// `None`: another point decides now, whose counts are its own.
    fn since(self, before: Self) -> Option<Tally> {
        let rises = self.timed >= before.timed
            && self.pairs >= before.pairs
            && self.shaken >= before.shaken
            && self.tally.up.answered >= before.tally.up.answered
            && self.tally.up.lost >= before.tally.up.lost
            && self.tally.up.unmeasured >= before.tally.up.unmeasured
            && self.tally.down.answered >= before.tally.down.answered
            && self.tally.down.lost >= before.tally.down.lost
            && self.tally.down.unmeasured >= before.tally.down.unmeasured
            && self.tally.unverified >= before.tally.unverified;
        rises.then(|| self.tally.since(before.tally))
    }
}

/// What is in the accounts already.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// By point number.
    seen: Vec<Seen>,
    at: Timestamp,
}

impl Counted {
    /// Counts from now on.
    pub fn from(field: &Field, now: Now) -> Self {
        let limit = field.loaded.contract.objectives.rtt;
        Self { seen: field.points.iter().map(|watch| Seen::of(watch, limit)).collect(), at: now.utc }
    }
}

impl Loop {
    /// Counts this second's share of the links; all of them where a month ends, so that each probe is in its own.
    pub(super) fn count_quality(&mut self, now: Now) {
        let loaded = Arc::clone(&self.field.loaded);
        let terms = Terms::of(&loaded.contract);
        let before = std::mem::replace(&mut self.counted.at, now.utc);
        let ended =
            self.accounts.first().map(|account| account.month().ends).filter(|ends| (before..now.utc).contains(ends));
        let (first, step) = if ended.is_some() { (0, 1) } else { (self.seconds % EVERY_SECONDS, EVERY_SECONDS) };
        let at = ended.map_or(now.utc, |ends| Timestamp(ends.0 - 1));
        let is_exact = RTT_EDGES_NANOS.contains(&loaded.contract.objectives.rtt.nanos());
        for number in (first..self.accounts.len()).step_by(step) {
            let link = &loaded.inventory.links[number];
            let deciding = judge::deciding_point(&link.points, loaded.contract.measuring_point(link.kind));
            let is_up = matches!(self.field.states[number], LinkState::Up | LinkState::Degraded);
            for (place, point) in link.points.iter().enumerate() {
                let nth = link.first_point.at() + place;
                let seen = Seen::of(&self.field.points[nth], loaded.contract.objectives.rtt);
                let before = std::mem::replace(&mut self.counted.seen[nth], seen);
                let Some(tally) = seen.since(before) else { continue };
                // While it was down or coming back, answers were timed that are no evidence of up-time.
                let is_evidence = is_up && tally.down.answered == 0;
                let timed = (is_evidence && is_exact).then(|| (seen.timed - before.timed, seen.slow - before.slow));
                let paired = (is_evidence && terms.shaken.is_some())
                    .then(|| (seen.pairs - before.pairs, seen.shaken - before.shaken));
                let witness =
                    Witness { role: point.role, is_control_plane: point.responder == Responder::RouterControlPlane };
                if let Some(paired) = paired {
                    let beside = (deciding != Some(place)).then_some(witness);
                    self.accounts[number].count_pairs(beside, paired, &terms, at);
                }
                if deciding == Some(place) {
                    self.accounts[number].count(tally, timed, &terms, at);
                } else if is_up {
                    self.accounts[number].count_beside(witness, tally.up, timed, at);
                }
            }
        }
    }

    /// The verdicts of the periods that a month ends: said once, and again when later evidence changes one.
    pub(super) fn log_verdicts(&mut self, number: usize, month: &ClosedMonth, now: Now) {
        let loaded = Arc::clone(&self.field.loaded);
        let (terms, link) = (Terms::of(&loaded.contract), &loaded.inventory.links[number].id);
        let is_control_plane = is_control_plane(&self.field, LinkIndex(number as u32));
        let mut said: Vec<(String, [Value; 3], Vec<InterfaceEvidence>)> = vec![];
        for (place, share) in Share::ALL.into_iter().enumerate() {
            let Some((stretch, quality)) = self.periods.ended(share, link, self.closed.get(link), month) else {
                continue;
            };
            let Some((verdict, proof)) = quality.judge(share, &terms, is_control_plane) else { continue };
            let nth = said.iter().position(|(name, ..)| *name == stretch.name).unwrap_or_else(|| {
                said.push((stretch.name, [Value::Null, Value::Null, Value::Null], vec![]));
                said.len() - 1
            });
            said[nth].1[place] = json!({ "verdict": verdict.as_str(), "proof": proof });
            if share == Share::Loss {
                said[nth].2 = quality.evidence(&terms);
            }
        }
        for (period, [loss, rtt, jitter], evidence) in said {
            let mut detail = json!({ "month": period, "loss": loss, "rtt": rtt, "interfaces": evidence });
            if !jitter.is_null() {
                detail["jitter"] = jitter;
            }
            self.log(now, "objectives", link.as_str(), detail);
        }
    }
}

/// Whether the point that decides is a router's control plane, which may answer worse than its line is.
pub(super) fn is_control_plane(field: &Field, index: LinkIndex) -> bool {
    let (link, contract) = (&field.loaded.inventory.links[index.at()], &field.loaded.contract);
    let place = judge::deciding_point(&link.points, contract.measuring_point(link.kind));
    place.is_some_and(|place| link.points[place].responder == Responder::RouterControlPlane)
}
