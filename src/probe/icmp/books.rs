//! The engine's accounts: what is in flight, what ended how, what must be confirmed.
//!
//! In: what the sockets did (sent, refused, stamped, answered) and what time it is. Out: [`Sample`]s. Pure but for its
//! counters: all of it can be played in a test without a socket. Every probe that is launched ends exactly once.

use std::{
    collections::VecDeque,
    net::IpAddr,
    num::NonZero,
    sync::{Arc, mpsc::SyncSender},
};

use super::{
    Trace,
    counters::{Counters, FLIGHTS_FULL},
    errands::{Errand, Errands, Request},
    flight::{Flight, Flights, State},
    roster::Roster,
    stamps::{Moment, round_trip},
    wire::{Echo, Key, Mark, Quote, Reject},
};
use crate::{
    inventory::PointIndex,
    sample::{Event, Failure, LocalFault, Outcome, Purpose, Reply, Sample},
    schedule::{Governor, NoRoom, Plan},
    units::Mono,
};

/// One reading of the clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tick {
    /// CLOCK_MONOTONIC, nanoseconds.
    pub now: u64,
    pub mono: Mono,
    /// CLOCK_REALTIME less CLOCK_MONOTONIC.
    pub offset: i64,
}

impl Tick {
    /// When CLOCK_MONOTONIC showed `nanos`.
    pub fn mono_at(&self, nanos: u64) -> Mono {
        let ahead = i64::try_from(i128::from(nanos) - i128::from(self.now)).unwrap_or(0);
        Mono(self.mono.0 + ahead.div_euclid(1_000_000))
    }
}

/// What the accounts know of a socket.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lane {
    pub identifier: u16,
    /// Why nothing can be sent now.
    pub fault: Option<LocalFault>,
    /// Answers may have been lost here, up to this time: what was in flight then and stays unanswered is unmeasured.
    pub blind: Option<(u64, LocalFault)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Write this packet; then [`Books::sent`] or [`Books::refused`].
    Send(u32),
    /// Nothing to send: booked, or put off.
    Done,
    /// The total limit is used up for this tick; ask again.
    Full,
}

pub struct Books {
    pub roster: Roster,
    pub lanes: Vec<Lane>,
    /// Events since the last block.
    pub samples: Vec<Sample>,
    flights: Flights,
    timeouts: Vec<Queue>,
    overdue: Vec<Queue>,
    pub errands: Errands,
    /// Steady clock: no confirm probe is in flight after it.
    confirming_until: u64,
    key: Key,
    counters: Arc<Counters>,
    trace: Option<SyncSender<Trace>>,
}

/// Probes in order of sending that are looked at when they reach one age.
struct Queue {
    age: u64,
    numbers: VecDeque<u32>,
}

impl Books {
    pub fn new(roster: Roster, counters: Arc<Counters>, trace: Option<SyncSender<Trace>>) -> Self {
        Self {
            roster,
            lanes: vec![],
            samples: vec![],
            flights: Flights::new(0),
            timeouts: vec![],
            overdue: vec![],
            errands: Errands::default(),
            confirming_until: 0,
            key: Key::random(),
            counters,
            trace,
        }
    }

    /// Takes a new plan. Probes in flight to kept points go on; those to points that left are forgotten.
    pub fn adopt(&mut self, plan: Arc<Plan>) {
        let moved = self.roster.adopt(plan);
        let to = |point: PointIndex| moved.get(point.at()).copied().flatten();
        for flight in self.flights.iter_mut() {
            match to(flight.point) {
                Some(point) => flight.point = point,
                None => flight.state = State::Forgotten,
            }
        }
        self.errands.move_points(to);
        self.flights.reserve(self.roster.flights_needed());
        self.lanes.resize(self.roster.classes.len(), Lane::default());
    }

    /// Books a turn that nobody can take.
    pub fn unmeasured(&mut self, request: Request, fault: LocalFault, at: &Tick) {
        self.counters.unmeasured(fault);
        self.push(request.point, request.purpose, at.mono_at(request.due), Event::Ended(Outcome::Unmeasured(fault)));
        self.settle(request.point, request.purpose, None, at.now);
    }

    /// Books a turn that passed unused. A fault that would have stopped the probe anyway comes first.
    pub fn missed(&mut self, request: Request, fault: LocalFault, at: &Tick) {
        if self.wanted(request.point) {
            let fault = self.fault(request.point).unwrap_or(fault);
            self.unmeasured(request, fault, at);
        }
    }

    /// Whether anybody expects an answer from this point.
    fn wanted(&self, point: PointIndex) -> bool {
        let point = &self.roster.points[point.at()];
        point.expected || point.address.is_some()
    }

    /// Why this point cannot be probed now.
    fn fault(&self, point: PointIndex) -> Option<LocalFault> {
        let point = &self.roster.points[point.at()];
        match point.address {
            None => Some(LocalFault::NoAddress),
            Some(_) => self.lanes[usize::from(point.lane)].fault,
        }
    }

    /// Lets a probe leave, or books why it cannot.
    pub fn attempt(&mut self, request: Request, governor: &Governor, at: &Tick) -> Attempt {
        if !self.wanted(request.point) {
            return Attempt::Done;
        }
        if let Some(fault) = self.fault(request.point) {
            self.unmeasured(request, fault, at);
            return Attempt::Done;
        }
        let point = &self.roster.points[request.point.at()];
        match governor.admit(point.carrier, point.cell) {
            Ok(()) => self.launch(request, at),
            Err(NoRoom::Total) => Attempt::Full,
            Err(NoRoom::Until(when)) => {
                self.put_off(request, when, at);
                Attempt::Done
            }
        }
    }

    /// Somebody cannot wait for the turn of these points: each is probed once more, now, and in no statistic.
    pub fn hurry(&mut self, points: &[PointIndex], at: &Tick) {
        for point in points.iter().copied().filter(|point| point.at() < self.roster.points.len()) {
            self.errands.add(at.now, Errand::PutOff(Request { point, purpose: Purpose::Urgent, due: at.now }));
        }
    }

    /// Delays a probe until `when`, but never beyond its interval.
    pub fn put_off(&mut self, request: Request, when: u64, at: &Tick) {
        if when >= request.due + self.roster.shape(request.point).interval {
            self.unmeasured(request, LocalFault::RateLimited, at);
        } else {
            // A limit that names a time already past would be asked again for ever within one tick.
            self.errands.add(when.max(at.now + 1), Errand::PutOff(request));
        }
    }

    fn launch(&mut self, request: Request, at: &Tick) -> Attempt {
        let point = &self.roster.points[request.point.at()];
        let (Some(number), Some(address)) = (self.flights.vacancy(), point.address) else {
            self.counters.dropped(FLIGHTS_FULL, 1);
            self.unmeasured(request, LocalFault::Overrun, at);
            return Attempt::Done;
        };
        self.flights.launch(Flight {
            number,
            point: request.point,
            nonce: rand::random(),
            address,
            sent: Moment { steady: at.now, offset: at.offset, kernel: None },
            sent_at: at.mono,
            lane: point.lane,
            size: self.roster.shape(request.point).payload as u16,
            purpose: request.purpose,
            state: State::InFlight,
            explanation: None,
            unreachable_from_here: false,
        });
        Attempt::Send(number)
    }

    /// Something is to be done at a time of its own, or its end decides about an outage.
    pub fn is_busy(&self, now: u64) -> bool {
        !self.errands.is_empty() || now < self.confirming_until
    }

    /// A probe that is in flight or remembered.
    pub fn flight(&self, number: u32) -> Option<&Flight> {
        self.flights.get(number)
    }

    /// What its payload says.
    pub fn mark(&self, flight: &Flight) -> Mark {
        let identifier = self.lanes[usize::from(flight.lane)].identifier;
        let Flight { number, nonce, address, .. } = *flight;
        Mark { slot: number, nonce, tag: self.key.tag(address, identifier, number as u16, number, nonce) }
    }

    /// The call that sends these is about to be made.
    pub fn leaving(&mut self, numbers: &[u32], at: &Tick) {
        for &number in numbers {
            if let Some(flight) = self.flights.get_mut(number) {
                (flight.sent.steady, flight.sent.offset, flight.sent_at) = (at.now, at.offset, at.mono);
            }
        }
    }

    /// The kernel took these.
    pub fn sent(&mut self, numbers: &[u32]) {
        for &number in numbers {
            let Some(flight) = self.flights.get(number) else { continue };
            let shape = self.roster.shape(flight.point);
            enqueue(&mut self.timeouts, shape.timeout, number);
            if flight.purpose != Purpose::Confirm && shape.measure.confirm.probes > 0 {
                enqueue(&mut self.overdue, shape.floor, number);
            }
        }
    }

    /// The kernel did not take this one.
    pub fn refused(&mut self, number: u32, fault: LocalFault, at: &Tick) {
        self.end(number, Outcome::Unmeasured(fault), at);
    }

    /// The kernel's send stamp of a probe came back.
    pub fn stamp(&mut self, mark: &Mark, stamp: i64) {
        if let Some(flight) = self.flights.get_mut(mark.slot).filter(|flight| flight.nonce == mark.nonce) {
            flight.sent.kernel = NonZero::new(stamp);
        }
    }

    /// An ICMP error quoted a probe: it explains, and ends nothing. `offender`: who says so.
    pub fn explain(&mut self, lane: u16, quote: &Quote, offender: Option<IpAddr>) -> Result<(), Reject> {
        let identifier = self.lanes[usize::from(lane)].identifier;
        let flight = self
            .flights
            .quoted(quote.sequence, lane, quote.destination)
            .filter(|_| quote.identifier == identifier)
            .ok_or(Reject::Foreign)?;
        flight.explanation = Some(quote.explanation);
        // The sender of the error is the sender of the probe: no router said this.
        flight.unreachable_from_here |= quote.source.is_some() && quote.source == offender;
        Ok(())
    }

    /// An echo reply with an intact payload came from `source`.
    pub fn reply(
        &mut self,
        lane: u16,
        source: IpAddr,
        echo: &Echo,
        hop_limit: u8,
        received: &Moment,
        at: &Tick,
    ) -> Result<(), Reject> {
        let Mark { slot, nonce, tag } = echo.mark;
        let genuine = |asked| self.key.tag(asked, echo.identifier, echo.sequence, slot, nonce) == tag;
        let known = self.flights.get(slot).filter(|flight| flight.nonce == nonce && flight.lane == lane);
        let Some(&flight) = known else {
            return Err(if genuine(source) { Reject::UnknownProbe } else { Reject::BadPayload });
        };
        if !genuine(flight.address) {
            return Err(Reject::BadPayload);
        }
        if source != flight.address {
            return Err(Reject::WrongSource);
        }
        if echo.size != usize::from(flight.size) {
            return Err(Reject::Truncated);
        }
        let (rtt, stamps) = round_trip(&flight.sent, received);
        match flight.state {
            State::InFlight => {
                self.counters.answered(stamps);
                self.end(slot, Outcome::Answered(Reply { rtt, hop_limit, stamps }), at);
                if let (Purpose::Scheduled, Some(trace)) = (flight.purpose, &self.trace) {
                    // Whoever compares takes what it gets: a full channel only makes its sample smaller.
                    let _ = trace.try_send(Trace { nonce, rtt_nanos: rtt.nanos(), stamps });
                }
            }
            State::Unanswered => self.after_the_end(slot, Event::Late(rtt)),
            State::Answered => self.after_the_end(slot, Event::Duplicate),
            State::Forgotten => {}
        }
        Ok(())
    }

    /// Whether a reply to this probe would have to do without the kernel's send stamp.
    pub fn lacks_stamp(&self, slot: u32) -> bool {
        self.flights.get(slot).is_some_and(|flight| flight.sent.kernel.is_none() && flight.state == State::InFlight)
    }

    /// Ends what has timed out, and starts confirming what is overdue. `next_hop_silent` is asked about an unanswered
    /// probe before it is called lost.
    pub fn expire(&mut self, at: &Tick, mut next_hop_silent: impl FnMut(&Flight) -> bool) {
        while let Some(number) = self.due(|books| &mut books.timeouts, at.now) {
            let Some(flight) = self.flights.get(number) else { continue };
            let blind = self.lanes[usize::from(flight.lane)].blind;
            let outcome = match blind.filter(|(until, _)| *until >= flight.sent.steady) {
                Some((_, fault)) => Outcome::Unmeasured(fault),
                None if next_hop_silent(flight) => Outcome::Unmeasured(LocalFault::NextHopSilent),
                None => Outcome::Failed(Failure::Timeout(flight.explanation)),
            };
            let trigger = *flight;
            self.end(number, outcome, at);
            if trigger.purpose != Purpose::Confirm && matches!(outcome, Outcome::Failed(_)) {
                self.start_chain(trigger.point, number, at);
            }
        }
        while let Some(number) = self.due(|books| &mut books.overdue, at.now) {
            self.look(number, at);
        }
    }

    /// Starts confirming a probe whose answer is overdue, or says when to look again.
    pub fn look(&mut self, number: u32, at: &Tick) {
        let Some(flight) = self.flights.get(number).filter(|flight| flight.state == State::InFlight) else { return };
        let (point, when) = (flight.point, flight.sent.steady + self.roster.overdue_after(flight.point));
        if when <= at.now {
            self.start_chain(point, number, at);
        } else {
            self.errands.add(when, Errand::Look(number));
        }
    }

    fn start_chain(&mut self, point: PointIndex, trigger: u32, at: &Tick) {
        let shape = self.roster.shape(point);
        let (confirm, timeout) = (shape.measure.confirm, shape.timeout);
        if self.roster.points[point.at()].chain.start(trigger, confirm.probes, at.now) {
            let lasts = u64::from(confirm.probes) * crate::schedule::nanos(confirm.spacing) + timeout;
            self.confirming_until = self.confirming_until.max(at.now + lasts);
            for step in 0..u64::from(confirm.probes) {
                let due = at.now + step * crate::schedule::nanos(confirm.spacing);
                self.errands.add(due, Errand::Confirm { point, trigger, due });
            }
        }
    }

    /// Ends a probe that is in flight; nothing ends twice.
    fn end(&mut self, number: u32, outcome: Outcome, at: &Tick) {
        let Some(flight) = self.flights.get_mut(number).filter(|flight| flight.state == State::InFlight) else {
            return;
        };
        flight.state = if matches!(outcome, Outcome::Answered(_)) { State::Answered } else { State::Unanswered };
        let Flight { point, purpose, sent_at, .. } = *flight;
        if let Outcome::Unmeasured(fault) = outcome {
            self.counters.unmeasured(fault);
        }
        self.push(point, purpose, sent_at, Event::Ended(outcome));
        let answered = match outcome {
            Outcome::Answered(_) => Some(true),
            Outcome::Failed(_) => Some(false),
            Outcome::Unmeasured(_) => None,
        };
        self.settle(point, purpose, answered, at.now);
    }

    /// Keeps the point's confirm chain up to date; `None`: unmeasured.
    fn settle(&mut self, point: PointIndex, purpose: Purpose, answered: Option<bool>, now: u64) {
        let interval = self.roster.shape(point).interval;
        let chain = &mut self.roster.points[point.at()].chain;
        match (answered, purpose) {
            (Some(true), _) => chain.answered(purpose == Purpose::Confirm),
            (lost, Purpose::Confirm) => chain.ended(lost == Some(false), now, interval),
            (None, Purpose::Scheduled) => chain.blinded(),
            (Some(false), Purpose::Scheduled) | (_, Purpose::Urgent) => {}
        }
    }

    fn after_the_end(&mut self, number: u32, event: Event) {
        if let Some(flight) = self.flights.get_mut(number) {
            flight.state = State::Answered;
            let Flight { point, purpose, sent_at, .. } = *flight;
            self.push(point, purpose, sent_at, event);
        }
    }

    fn push(&mut self, point: PointIndex, purpose: Purpose, sent: Mono, event: Event) {
        self.samples.push(Sample { point, purpose, sent, event });
    }

    /// Next probe of these queues that has reached its age without an end.
    fn due(&mut self, queues: impl Fn(&mut Self) -> &mut Vec<Queue>, now: u64) -> Option<u32> {
        for place in 0..queues(self).len() {
            while let Some(&number) = queues(self)[place].numbers.front() {
                let age = queues(self)[place].age;
                let flying = self.flights.get(number).filter(|flight| flight.state == State::InFlight);
                let sent = flying.map(|flight| flight.sent.steady);
                if sent.is_some_and(|sent| sent.saturating_add(age) > now) {
                    break;
                }
                queues(self)[place].numbers.pop_front();
                if sent.is_some() {
                    return Some(number);
                }
            }
        }
        None
    }
}

/// A plan has few distinct ages.
fn enqueue(queues: &mut Vec<Queue>, age: u64, number: u32) {
    match queues.iter_mut().find(|queue| queue.age == age) {
        Some(queue) => queue.numbers.push_back(number),
        None => queues.push(Queue { age, numbers: VecDeque::from([number]) }),
    }
}

#[cfg(test)]
mod tests;
