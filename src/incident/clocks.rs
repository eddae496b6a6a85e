//! The clocks of one incident: started, stopped, missed, each for the party whose promise it is.
//!
//! An acknowledgement stops only the response clocks of its own party. What the end of the outage stops runs on after a
//! relapse; reports about it are due after its end. Merging never lengthens a deadline.

use super::{
    Acknowledgement, Clock, EffectKind, Promise,
    case::{Case, OURSELVES},
    record::OPERATOR,
};
use crate::{
    command::Step,
    contract::Tier,
    units::{Mono, Now, Timestamp},
};

const RESPONSE: &str = "response";
const RESTORE: &str = "restore";
/// What is due after the outage, or whether it is over or not.
const FOLLOW_UPS: [&str; 4] = ["register", "report", "feedback", "analysis"];
/// A restore deadline is called missed this long after it passed, milliseconds: a recovery just before it takes some
/// seconds to prove.
const PROOF_MILLIS: i64 = 10_000;

impl Case {
    /// Replaces the clocks by those of `tier`, started at `started`.
    pub fn set_tier(&mut self, tier: &Tier, started: Timestamp, now: Now) {
        self.record().clocks.clear();
        self.deadlines.clear();
        self.add_tier(tier, started, now);
        let acknowledged = self.incident.acknowledgements.clone();
        for Acknowledgement { party, by } in acknowledged {
            self.stop_response(&party, by.at);
        }
    }

    /// Starts the clocks of `tier` beside those that run.
    pub fn add_tier(&mut self, tier: &Tier, started: Timestamp, now: Now) {
        self.record().tier = tier.level;
        for (name, length) in [(RESPONSE, tier.response), (RESTORE, tier.restore)] {
            self.start(
                Clock {
                    clock: name.to_owned(),
                    tier: tier.level,
                    party: OPERATOR.to_owned(),
                    started,
                    starts: "occurred".to_owned(),
                    deadline: started.plus(length),
                    stopped: None,
                    overdue: None,
                    clause: tier.clause.clone(),
                    calendar: String::new(),
                    strict: false,
                    workaround: false,
                },
                now,
            );
        }
    }

    fn start(&mut self, clock: Clock, now: Now) {
        self.deadlines.push(steady(clock.deadline, now));
        self.record().clocks.push(clock);
    }

    /// Clocks that another incident had running earlier run on in this one, and so do its promises.
    pub fn inherit_clocks(&mut self, other: &Self) {
        for (clock, deadline) in other.incident.clocks.iter().zip(&other.deadlines) {
            let key = |clock: &Clock| (clock.clock.clone(), clock.tier, clock.party.clone(), clock.clause.clone());
            match self.incident.clocks.iter().position(|mine| key(mine) == key(clock)) {
                Some(place) if self.incident.clocks[place].deadline > clock.deadline => {
                    self.record().clocks[place] = clock.clone();
                    self.deadlines[place] = *deadline;
                }
                Some(_) => {}
                None => {
                    self.record().clocks.push(clock.clone());
                    self.deadlines.push(*deadline);
                }
            }
        }
        for acknowledgement in &other.incident.acknowledgements {
            if self.incident.acknowledged_by(&acknowledgement.party).is_none() {
                self.record().acknowledgements.push(acknowledgement.clone());
            }
        }
    }

    /// A response clock of this party still runs.
    pub fn wants_acknowledgement(&self, party: &str) -> bool {
        let wants = |clock: &Clock| clock.clock == RESPONSE && clock.party == party && clock.stopped.is_none();
        self.incident.clocks.iter().any(wants)
    }

    pub fn stop_response(&mut self, party: &str, at: Timestamp) {
        self.stop(|clock| clock.clock == RESPONSE && clock.party == party, at);
    }

    /// A step of the work was taken: its clock stops, and a workaround may stop others.
    pub fn stop_by(&mut self, step: Step, party: &str, at: Timestamp) {
        let stops = |clock: &Clock| {
            clock.party == party
                && (step.stops() == Some(clock.clock.as_str()) || step == Step::Workaround && clock.workaround)
        };
        self.stop(stops, at);
    }

    /// A step was taken at another time than was written first.
    pub fn stop_again(&mut self, step: Step, party: &str, was: Timestamp, is: Timestamp) {
        let stops = |clock: &&mut Clock| {
            clock.party == party
                && clock.stopped == Some(was)
                && (step.stops() == Some(clock.clock.as_str()) || step == Step::Workaround && clock.workaround)
        };
        self.record().clocks.iter_mut().filter(stops).for_each(|clock| clock.stopped = Some(is));
    }

    /// Everything is up again: what is left to do is to tell of it.
    pub fn stop_work(&mut self, at: Timestamp) {
        self.stop(|clock| !FOLLOW_UPS.contains(&clock.clock.as_str()), at);
    }

    /// It fails again: what its end had stopped runs on.
    pub fn resume_work(&mut self) {
        let Some(ended) = self.incident.restored else { return };
        let stopped = self.record().clocks.iter_mut().filter(|clock| clock.stopped == Some(ended));
        stopped.for_each(|clock| clock.stopped = None);
    }

    /// The condition of its tier ended: the tier's clocks stop, those of a lower tier run on.
    pub fn stop_tier(&mut self, at: Timestamp) {
        let tier = self.incident.tier;
        self.stop(|clock| clock.tier == tier, at);
    }

    pub fn stop_all(&mut self, at: Timestamp) {
        self.stop(|_| true, at);
    }

    fn stop(&mut self, which: impl Fn(&Clock) -> bool, at: Timestamp) {
        let running = self.record().clocks.iter_mut().filter(|clock| clock.stopped.is_none() && which(clock));
        running.for_each(|clock| clock.stopped = Some(at));
    }

    /// A party says by when it means to be done. Its earlier promise was told of, and is replaced.
    pub fn promise(&mut self, party: &str, eta: Timestamp, now: Now) {
        let due = steady(eta, now);
        let made = Promise { party: party.to_owned(), eta, due: None };
        match self.incident.promises.iter().position(|promise| promise.party == party) {
            Some(place) => (self.record().promises[place], self.promised[place]) = (made, due),
            None => {
                self.record().promises.push(made);
                self.promised.push(due);
            }
        }
    }

    /// Tells clocks that ran out and promises that are due, each once.
    pub fn overdue(&mut self, now: Now) -> Vec<EffectKind> {
        let mut told = vec![];
        for place in 0..self.deadlines.len() {
            if self.runs(place) && now.mono >= self.due(place) {
                let clock = &self.incident.clocks[place];
                let (name, tier, party, deadline) =
                    (clock.clock.clone(), clock.tier, clock.party.clone(), clock.deadline);
                let note = match party.as_str() {
                    OPERATOR => format!("tier {tier}"),
                    _ => format!("tier {tier}, {party}"),
                };
                self.note(deadline, &format!("{name}_overdue"), OURSELVES, note);
                self.record().clocks[place].overdue = Some(now.utc);
                told.push(EffectKind::Overdue { clock: name, tier, party });
            }
        }
        for place in 0..self.promised.len() {
            if self.awaits(place) && now.mono >= self.promised[place] {
                let Promise { party, eta, .. } = self.incident.promises[place].clone();
                self.note(eta, "promise_due", OURSELVES, party.as_str());
                self.record().promises[place].due = Some(now.utc);
                told.push(EffectKind::PromiseDue { party });
            }
        }
        told
    }

    /// When a clock runs out or a promise is due next.
    pub fn next_overdue(&self) -> Option<Mono> {
        let clocks = (0..self.deadlines.len()).filter(|place| self.runs(*place)).map(|place| self.due(place));
        let promises = (0..self.promised.len()).filter(|place| self.awaits(*place)).map(|place| self.promised[place]);
        clocks.chain(promises).min()
    }

    /// A clock runs that has not run out yet.
    pub fn waits(&self) -> bool {
        (0..self.deadlines.len()).any(|place| self.runs(place))
    }

    fn runs(&self, place: usize) -> bool {
        let clock = &self.incident.clocks[place];
        clock.stopped.is_none() && clock.overdue.is_none()
    }

    fn awaits(&self, place: usize) -> bool {
        self.restored.is_none() && self.closed.is_none() && self.incident.promises[place].due.is_none()
    }

    fn due(&self, place: usize) -> Mono {
        let proof = if self.incident.clocks[place].clock == RESTORE { PROOF_MILLIS } else { 0 };
        Mono(self.deadlines[place].0.saturating_add(proof))
    }
}

/// A moment of the records on the steady clock.
fn steady(at: Timestamp, now: Now) -> Mono {
    Mono(now.mono.0.saturating_add(at.0.saturating_sub(now.utc.0)))
}
