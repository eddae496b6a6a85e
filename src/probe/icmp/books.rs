//! The engine's accounts: what is in flight, what ended how, what must be confirmed.
//!
//! In: what the sockets did (sent, refused, stamped, answered) and what time it is. Out: [`Sample`]s. Pure but for its
//! counters: all of it can be played in a test without a socket. Every probe that is launched ends exactly once.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    net::IpAddr,
    sync::{Arc, mpsc::SyncSender},
};

use super::{
    Trace,
    counters::{Counters, FLIGHTS_FULL},
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

/// A probe that wants to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    pub point: PointIndex,
    pub purpose: Purpose,
    pub due: u64,
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

/// Something to do at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// A rate limit had no room.
    PutOff(Request),
    /// See whether this probe is overdue by now.
    Look(u32),
    /// Send the next confirm probe after this scheduled one.
    Confirm { point: PointIndex, trigger: u32, due: u64 },
}

pub struct Books {
    pub roster: Roster,
    pub lanes: Vec<Lane>,
    /// Events since the last block.
    pub samples: Vec<Sample>,
    flights: Flights,
    timeouts: Vec<Queue>,
    overdue: Vec<Queue>,
    errands: BinaryHeap<Reverse<Timed>>,
    key: Key,
    counters: Arc<Counters>,
    trace: Option<SyncSender<Trace>>,
}

/// Probes in order of sending that are looked at when they reach one age.
struct Queue {
    age: u64,
    numbers: VecDeque<u32>,
}

/// In order of time only: what is due at the same nanosecond may go in any order.
struct Timed(u64, Errand);

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Timed {}
impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Timed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
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
            errands: BinaryHeap::new(),
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
        let errands = std::mem::take(&mut self.errands).into_iter().filter_map(|Reverse(Timed(at, errand))| {
            let errand = match errand {
                Errand::PutOff(request) => Errand::PutOff(Request { point: to(request.point)?, ..request }),
                Errand::Confirm { point, trigger, due } => Errand::Confirm { point: to(point)?, trigger, due },
                look @ Errand::Look(_) => look,
            };
            Some(Reverse(Timed(at, errand)))
        });
        self.errands = errands.collect();
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

    /// Delays a probe until `when`, but never beyond its interval.
    pub fn put_off(&mut self, request: Request, when: u64, at: &Tick) {
        if when >= request.due + self.roster.shape(request.point).interval {
            self.unmeasured(request, LocalFault::RateLimited, at);
        } else {
            // A limit that names a time already past would be asked again for ever within one tick.
            self.errand(when.max(at.now + 1), Errand::PutOff(request));
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
            if flight.purpose == Purpose::Scheduled && shape.measure.confirm.probes > 0 {
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
            flight.sent.kernel = Some(stamp);
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
            if trigger.purpose == Purpose::Scheduled && matches!(outcome, Outcome::Failed(_)) {
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
            self.errand(when, Errand::Look(number));
        }
    }

    fn start_chain(&mut self, point: PointIndex, trigger: u32, at: &Tick) {
        let confirm = self.roster.shape(point).measure.confirm;
        if self.roster.points[point.at()].chain.start(trigger, confirm.probes, at.now) {
            for step in 0..u64::from(confirm.probes) {
                let due = at.now + step * crate::schedule::nanos(confirm.spacing);
                self.errand(due, Errand::Confirm { point, trigger, due });
            }
        }
    }

    /// The next errand that is due.
    pub fn next_errand(&mut self, now: u64) -> Option<Errand> {
        self.errands.peek().filter(|Reverse(Timed(when, _))| *when <= now)?;
        self.errands.pop().map(|Reverse(Timed(_, errand))| errand)
    }

    /// Does this at `when`, or again when the tick had no room for it.
    pub fn errand(&mut self, when: u64, errand: Errand) {
        self.errands.push(Reverse(Timed(when, errand)));
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
            (Some(false), Purpose::Scheduled) => {}
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
mod tests {
    use std::{net::Ipv4Addr, sync::atomic::AtomicU32, time::Duration};

    use proptest::prelude::*;

    use super::*;
    use crate::{
        probe::icmp::class::Mode,
        profile::{Confirm, Measure},
        sample::{Explanation, Stamps},
        schedule::{Limits, PlannedPoint},
    };

    const MS: u64 = 1_000_000;

    fn at(millis: u64) -> Tick {
        Tick { now: 1_000 * MS + millis * MS, mono: Mono(millis as i64), offset: 0 }
    }

    fn plan(points: u32, limits: Limits) -> Plan {
        let point = |seed: u32| PlannedPoint {
            address: Some(Ipv4Addr::from(0xc612_0000 + seed).into()),
            expected: true,
            measure: Arc::new(Measure::default()),
            carrier: 0,
            phase_seed: u64::from(seed),
            kept: None,
        };
        Plan {
            generation: 1,
            points: (0..points).map(point).collect(),
            limits,
            p99_micros: (0..points).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    /// Books that are played without sockets.
    struct Play {
        books: Books,
        governor: Governor,
        counters: Arc<Counters>,
    }

    impl Play {
        fn with(points: u32, limits: Limits) -> Self {
            let counters = Arc::new(Counters::default());
            let mut books = Books::new(Roster::new(Mode::Auto), counters.clone(), None);
            books.adopt(Arc::new(plan(points, limits)));
            books.lanes[0].identifier = 7;
            Self { books, governor: Governor::new(limits, 1, points as usize, Duration::from_millis(20)), counters }
        }

        fn new(points: u32) -> Self {
            Self::with(points, Limits::default())
        }

        /// Sends a probe and returns its number.
        fn send(&mut self, point: u32, purpose: Purpose, millis: u64) -> Option<u32> {
            self.leave(Request { point: PointIndex(point), purpose, due: at(millis).now }, millis)
        }

        fn leave(&mut self, request: Request, millis: u64) -> Option<u32> {
            self.governor.open(at(millis).now);
            match self.books.attempt(request, &self.governor, &at(millis)) {
                Attempt::Send(number) => {
                    self.books.leaving(&[number], &at(millis));
                    self.books.sent(&[number]);
                    Some(number)
                }
                Attempt::Done | Attempt::Full => None,
            }
        }

        fn echo(&self, number: u32) -> (Echo, IpAddr) {
            let flight = self.books.flight(number).unwrap();
            let echo = Echo { identifier: 7, sequence: number as u16, mark: self.books.mark(flight), size: 56 };
            (echo, flight.address)
        }

        fn answer(&mut self, echo: &Echo, source: IpAddr, millis: u64) -> Result<(), Reject> {
            let received = Moment { steady: at(millis).now, offset: 0, kernel: None };
            self.books.reply(0, source, echo, 64, &received, &at(millis))
        }

        fn expire(&mut self, millis: u64) {
            self.books.expire(&at(millis), |_| false);
        }

        /// Confirm probes that leave up to `millis`.
        fn confirm(&mut self, millis: u64) -> usize {
            let mut left = 0;
            while let Some(errand) = self.books.next_errand(at(millis).now) {
                match errand {
                    Errand::Confirm { point, trigger, .. } => {
                        if self.books.roster.points[point.at()].chain.send(trigger) {
                            self.send(point.0, Purpose::Confirm, millis);
                            left += 1;
                        }
                    }
                    Errand::Look(number) => self.books.look(number, &at(millis)),
                    Errand::PutOff(request) => {
                        self.leave(request, millis);
                    }
                }
            }
            left
        }

        fn told(&mut self) -> Vec<Event> {
            self.books.samples.drain(..).map(|sample| sample.event).collect()
        }
    }

    const LOST: Event = Event::Ended(Outcome::Failed(Failure::Timeout(None)));

    fn unmeasured(fault: LocalFault) -> Event {
        Event::Ended(Outcome::Unmeasured(fault))
    }

    #[test]
    fn an_answer_ends_a_probe_and_a_second_one_is_a_duplicate() {
        let mut play = Play::new(1);
        let number = play.send(0, Purpose::Scheduled, 0).unwrap();
        let (echo, source) = play.echo(number);
        assert_eq!(play.answer(&echo, source, 20), Ok(()));
        assert_eq!(play.answer(&echo, source, 21), Ok(()));
        play.expire(5_000);
        let reply = Reply { rtt: crate::units::Rtt(Duration::from_millis(20)), hop_limit: 64, stamps: Stamps::User };
        assert_eq!(play.told(), [Event::Ended(Outcome::Answered(reply)), Event::Duplicate]);
    }

    #[test]
    fn a_late_answer_leaves_the_loss_standing() {
        let mut play = Play::new(1);
        let number = play.send(0, Purpose::Scheduled, 0).unwrap();
        let (echo, source) = play.echo(number);
        play.expire(999);
        assert_eq!(play.told(), []);
        play.expire(1_000);
        assert_eq!(play.answer(&echo, source, 1_200), Ok(()));
        assert_eq!(play.told(), [LOST, Event::Late(crate::units::Rtt(Duration::from_millis(1_200)))]);
        assert_eq!(play.answer(&echo, source, 1_300), Ok(()));
        assert_eq!(play.told(), [Event::Duplicate]);
    }

    #[test]
    fn what_only_looks_like_an_answer_ends_nothing() {
        let mut play = Play::new(2);
        let number = play.send(0, Purpose::Scheduled, 0).unwrap();
        let (echo, source) = play.echo(number);
        let forged = Echo { mark: Mark { nonce: echo.mark.nonce ^ 1, ..echo.mark }, ..echo };
        assert_eq!(play.answer(&forged, source, 1), Err(Reject::BadPayload));
        let forged = Echo { mark: Mark { tag: 1, ..echo.mark }, ..echo };
        assert_eq!(play.answer(&forged, source, 1), Err(Reject::BadPayload));
        let other = Ipv4Addr::from(0xc612_0001).into();
        assert_eq!(play.answer(&echo, other, 1), Err(Reject::WrongSource));
        assert_eq!(play.answer(&Echo { size: 40, ..echo }, source, 1), Err(Reject::Truncated));
        assert_eq!(play.told(), []);
    }

    #[test]
    fn an_answer_from_beyond_memory_is_counted_and_nothing_else() {
        let mut play = Play::with(1, Limits { per_target: 10_000, ..Limits::default() });
        let first = play.send(0, Purpose::Scheduled, 0).unwrap();
        let (echo, source) = play.echo(first);
        play.expire(1_000);
        for round in 1..=5 {
            for _ in 0..1_000 {
                play.send(0, Purpose::Scheduled, round * 1_000).unwrap();
            }
            play.expire(round * 1_000 + 1_000);
        }
        play.told();
        assert_eq!(play.answer(&echo, source, 9_000), Err(Reject::UnknownProbe));
        assert_eq!(play.told(), []);
    }

    #[test]
    fn an_error_explains_a_time_out_and_ends_nothing() {
        let mut play = Play::new(1);
        let number = play.send(0, Purpose::Scheduled, 0).unwrap();
        let destination = play.echo(number).1;
        let explanation = Explanation::Unreachable(1);
        let quote = Quote { explanation, source: None, destination, identifier: 7, sequence: number as u16 };
        assert_eq!(play.books.explain(0, &quote, None), Ok(()));
        assert_eq!(play.books.explain(0, &Quote { identifier: 8, ..quote }, None), Err(Reject::Foreign));
        assert_eq!(play.told(), []);
        play.expire(1_000);
        assert_eq!(play.told(), [Event::Ended(Outcome::Failed(Failure::Timeout(Some(explanation))))]);
    }

    #[test]
    fn what_was_in_flight_when_the_kernel_dropped_packets_is_unmeasured_unless_answered() {
        let mut play = Play::new(3);
        let [first, second] = [0, 1].map(|point| play.send(point, Purpose::Scheduled, 0).unwrap());
        play.books.lanes[0].blind = Some((at(20).now, LocalFault::ReceiveOverflow));
        play.send(2, Purpose::Scheduled, 40);
        let (echo, source) = play.echo(second);
        play.answer(&echo, source, 50).unwrap();
        assert_ne!(first, second);
        play.told();
        play.expire(2_000);
        assert_eq!(play.told(), [unmeasured(LocalFault::ReceiveOverflow), LOST]);
    }

    #[test]
    fn a_silent_next_hop_is_our_own_fault() {
        let mut play = Play::new(1);
        play.send(0, Purpose::Scheduled, 0);
        play.books.expire(&at(1_000), |_| true);
        assert_eq!(play.told(), [unmeasured(LocalFault::NextHopSilent)]);
    }

    #[test]
    fn a_cut_is_confirmed_by_three_probes_100_ms_apart() {
        let mut play = Play::new(1);
        play.send(0, Purpose::Scheduled, 0);
        let mut left = vec![];
        for millis in (20..=1_300).step_by(20) {
            play.expire(millis);
            left.extend((0..play.confirm(millis)).map(|_| millis));
        }
        assert_eq!(left, [100, 200, 300]);
        assert_eq!(play.told(), [LOST; 4]);
        play.send(0, Purpose::Scheduled, 1_400);
        play.expire(2_400);
        assert_eq!(play.confirm(3_000), 0, "known to be down");
    }

    #[test]
    fn a_slow_point_is_given_three_times_its_99th_percentile() {
        let mut play = Play::new(1);
        play.books.roster.plan.p99_micros[0].store(80_000, std::sync::atomic::Ordering::Relaxed);
        let number = play.send(0, Purpose::Scheduled, 0).unwrap();
        play.expire(230);
        assert_eq!(play.confirm(230), 0);
        play.expire(240);
        assert_eq!(play.confirm(240), 1);
        let (echo, source) = play.echo(number);
        play.answer(&echo, source, 250).unwrap();
        assert_eq!(play.confirm(1_000), 0, "called off");
    }

    #[test]
    fn what_a_limit_holds_back_is_late_or_unmeasured_but_never_forgotten() {
        let mut play = Play::with(2, Limits { per_target: 2, ..Limits::default() });
        for _ in 0..6 {
            play.send(0, Purpose::Scheduled, 0);
        }
        assert_eq!(play.told(), [], "two left, four put off by half a second");
        for millis in [500, 1_000] {
            play.confirm(millis);
            play.expire(millis);
        }
        let told = play.told();
        assert_eq!(told.iter().filter(|&&event| event == unmeasured(LocalFault::RateLimited)).count(), 3, "{told:?}");
    }

    #[test]
    fn a_reload_keeps_what_is_in_flight_to_kept_points() {
        let mut play = Play::new(3);
        let numbers: Vec<_> = (0..3).map(|point| play.send(point, Purpose::Scheduled, 0).unwrap()).collect();
        let kept = play.echo(numbers[2]);
        let dropped = play.echo(numbers[0]);
        let mut next = plan(3, Limits::default());
        next.points.remove(0);
        next.points[0].kept = Some(PointIndex(1));
        next.points[1].kept = Some(PointIndex(2));
        play.books.adopt(Arc::new(next));
        play.answer(&kept.0, kept.1, 20).unwrap();
        play.answer(&dropped.0, dropped.1, 20).unwrap();
        play.expire(5_000);
        let told: Vec<_> = play.books.samples.iter().map(|sample| (sample.point.0, sample.event == LOST)).collect();
        assert_eq!(told, [(1, false), (0, true)]);
    }

    proptest! {
        #[test]
        fn every_probe_ends_exactly_once(story in prop::collection::vec((0_u8..6, 0_u32..8, 1_u64..400), 1..300)) {
            let mut play = Play::with(8, Limits { per_target: 1_000, ..Limits::default() });
            let (mut now, mut numbers, mut launched) = (0, vec![], 0);
            for (action, which, wait) in story {
                now += wait;
                play.expire(now);
                match action {
                    0..=2 => {
                        launched += 1;
                        numbers.extend(play.send(which, Purpose::Scheduled, now));
                    }
                    3 if !numbers.is_empty() => {
                        let number = numbers[which as usize % numbers.len()];
                        let (echo, source) = play.echo(number);
                        play.answer(&echo, source, now).unwrap();
                    }
                    4 => play.books.lanes[0].blind = Some((at(now).now, LocalFault::ReceiveOverflow)),
                    5 => launched += play.confirm(now),
                    _ => {}
                }
            }
            play.expire(now + 10_000);
            let told = play.told();
            let ended = told.iter().filter(|event| matches!(event, Event::Ended(_))).count();
            prop_assert_eq!(ended, launched);
            let status = play.counters.status();
            prop_assert_eq!(status.stamps[2] as usize, told.iter().filter(|event| matches!(event, Event::Ended(Outcome::Answered(_)))).count());
        }
    }

    #[test]
    fn no_confirm_probes_when_the_profile_wants_none() {
        let mut play = Play::new(1);
        let mut next = plan(1, Limits::default());
        let confirm = Confirm { probes: 0, ..Measure::default().confirm };
        next.points[0].measure = Arc::new(Measure { confirm, ..Measure::default() });
        play.books.adopt(Arc::new(next));
        play.send(0, Purpose::Scheduled, 0);
        play.expire(1_000);
        assert_eq!(play.confirm(2_000), 0);
    }
}
