//! The clocks of one incident: started, stopped, missed, each for the party whose promise it is.
//!
//! An acknowledgement stops only the response clocks of its own party. What the end of the outage stops runs on after a
//! relapse; reports about it are due after its end. Merging never lengthens a deadline. A clock that waits for an event,
//! such as an accepted notice, starts when the event is known.

use std::time::Duration;

use super::{
    Clock, EffectKind, Level, Promise, TimelineEntry, World,
    case::{Case, OURSELVES},
    promises::{Promised, promised},
    record::OPERATOR,
};
use crate::{
    command::Step,
    contract::{
        Moments, Tier,
        words::{ClockKind, Start},
    },
    units::{Mono, Now, Timestamp},
};

const RESPONSE: &str = "response";
const RESTORE: &str = "restore";

/// Whether the end of the outage leaves a clock of this name running.
fn is_follow_up(clock: &str) -> bool {
    ClockKind::ALL.iter().any(|kind| kind.as_str() == clock && kind.is_follow_up())
}

impl Case {
    /// The incident is of this level, and nothing but it: its clocks count from `since`.
    pub fn set_tier(&mut self, tier: &Tier, since: Timestamp) {
        self.set_level(tier.level, since);
    }

    pub fn set_level(&mut self, level: u8, since: Timestamp) {
        let record = self.record();
        record.clocks.clear();
        record.levels.clear();
        self.deadlines.clear();
        self.add_level(level, since);
    }

    /// The condition of this level was true from `since` on; the clocks that run go on.
    pub fn add_level(&mut self, level: u8, since: Timestamp) {
        let record = self.record();
        record.tier = level;
        record.levels.push(Level { level, since });
        self.unwound = true;
    }

    /// Starts every promised clock whose start event is known and that was not started yet. `true`: there was one.
    pub fn wind(&mut self, now: Now, world: &World<'_>) -> bool {
        if !std::mem::take(&mut self.unwound) || self.incident.merged_into.is_some() {
            return false;
        }
        let before = self.incident.clocks.len();
        for level in self.incident.levels.clone() {
            for promised in promised(&self.incident, level.level, world) {
                if let Some(clock) = self.begins(&promised, level.since) {
                    self.deadlines.push(steady(clock.deadline, now));
                    self.record().clocks.push(clock);
                }
            }
        }
        self.incident.clocks.len() != before
    }

    /// The clock of a promise; `None`: it has been started, or nothing has started it.
    fn begins(&self, promised: &Promised<'_>, since: Timestamp) -> Option<Clock> {
        let Promised { clock, party, tier, clause, nth, own } = promised;
        if self.incident.clocks.iter().any(|one| promised.is_kept_by(one)) {
            return None;
        }
        let (starts, at) = self.started(clock.starts.value, party, *tier, since)?;
        // What ended before it could start needs no clock.
        let over = self.restored.is_some() && !clock.kind.is_follow_up();
        if over || !clock.runs_from(at) || clock.gives_way(own, at) || self.incident.annulled.is_some() {
            return None;
        }
        let by = self.incident.acknowledged_by(party).filter(|by| by.at >= since);
        let answered = by.filter(|_| clock.kind == ClockKind::Response).map(|by| by.at.max(at));
        Some(Clock {
            clock: clock.kind.as_str().to_owned(),
            tier: *tier,
            party: party.clone(),
            started: at,
            starts: starts.as_str().to_owned(),
            switch: clock.starts.switch.clone(),
            deadline: clock.deadline(at),
            stopped: answered,
            overdue: None,
            clause: clause.clone(),
            calendar: clock.calendar.id.clone(),
            strict: clock.strict,
            workaround: clock.workaround.value && clock.kind == ClockKind::Restore,
            nth: *nth,
        })
    }

    /// Which event starts a clock, and when it was. Nothing of a level starts before its condition was true.
    fn started(&self, start: Start, party: &str, tier: u8, since: Timestamp) -> Option<(Start, Timestamp)> {
        let incident = &self.incident;
        let entry = |step: Step, whose: Option<&str>| {
            let is_it = |entry: &&TimelineEntry| entry.is(step) && whose.is_none_or(|whose| entry.party == whose);
            incident.timeline.iter().filter(is_it).map(|entry| entry.at).min()
        };
        let missed = |clock: &&Clock| {
            clock.clock == RESTORE && clock.party == party && clock.tier == tier && clock.overdue.is_some()
        };
        let moments = Moments {
            occurred: since,
            detected: Some(incident.opened.max(since)),
            alarmed: incident.announced.map(|at| at.max(since)),
            notice_delivered: entry(Step::Notified, Some(party)).map(|at| at.max(since)),
            customer_reported: entry(Step::CustomerReported, None),
            restored: incident.restored,
            restore_overdue: incident.clocks.iter().find(missed).map(|clock| clock.deadline),
        };
        moments.start(start)
    }

    /// Clocks that another incident had running earlier run on in this one, and so do its promises.
    pub fn inherit_clocks(&mut self, other: &Self) {
        for (clock, deadline) in other.incident.clocks.iter().zip(&other.deadlines) {
            let key = |clock: &Clock| {
                let Clock { clock, tier, party, clause, calendar, nth, .. } = clock.clone();
                (clock, tier, party, clause, calendar, nth)
            };
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

    /// What had stopped the response clocks of a party was taken back: they run on, or ended with the outage.
    pub fn resume_response(&mut self, party: &str) {
        let ended = self.incident.restored;
        let answered = |clock: &&mut Clock| clock.clock == RESPONSE && clock.party == party && clock.stopped.is_some();
        self.record().clocks.iter_mut().filter(answered).for_each(|clock| clock.stopped = ended);
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
        self.stop(|clock| !is_follow_up(&clock.clock), at);
    }

    /// It fails again: what its end had stopped runs on.
    pub fn resume_work(&mut self) {
        let Some(ended) = self.incident.restored else { return };
        // What its end had started begins again with the next end.
        let early = |clock: &Clock| clock.starts == Start::Restored.as_str() && clock.stopped.is_none();
        let kept: Vec<bool> = self.incident.clocks.iter().map(|clock| !early(clock)).collect();
        let mut keep = kept.iter();
        self.deadlines.retain(|_| keep.next().is_none_or(|kept| *kept));
        let clocks = &mut self.record().clocks;
        clocks.retain(|clock| !early(clock));
        clocks.iter_mut().filter(|clock| clock.stopped == Some(ended)).for_each(|clock| clock.stopped = None);
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

    /// Tells clocks that ran out and promises that are due, each once. A recovery just before a deadline takes `proof`.
    pub fn overdue(&mut self, now: Now, proof: Duration) -> Vec<EffectKind> {
        let mut told = vec![];
        for place in 0..self.deadlines.len() {
            if self.runs(place) && now.mono >= self.due(place, proof) {
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
    pub fn next_overdue(&self, proof: Duration) -> Option<Mono> {
        let clocks = (0..self.deadlines.len()).filter(|place| self.runs(*place)).map(|place| self.due(place, proof));
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

    fn due(&self, place: usize, proof: Duration) -> Mono {
        let restores = self.incident.clocks[place].clock == RESTORE;
        self.deadlines[place].plus(if restores { proof } else { Duration::ZERO })
    }
}

/// A moment of the records on the steady clock.
fn steady(at: Timestamp, now: Now) -> Mono {
    Mono(now.mono.0.saturating_add(at.0.saturating_sub(now.utc.0)))
}
