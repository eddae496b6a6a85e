//! One tick of the engine: hear everything, then give up on what is overdue, then send what is due.
//!
//! Hearing comes first, so that a thread that was kept from running never calls a probe lost whose answer lies in the
//! socket. The error queue comes before the answers: it holds the send stamps, and shares its room with them.

use std::{
    num::NonZero,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError},
    },
};

use super::{
    Command, Opener, Options,
    batch::{BATCH, Inbox, Received},
    books::{Attempt, Books, Tick},
    class::{Family, Kind},
    counters::{BLOCKS_OVERFLOW, Counters, TURNS_UNNAMED},
    doors::{Door, DoorState, fault_of_send, gone},
    errands::{Errand, Request},
    lag::Lag,
    next_hop::NextHops,
    roster::Roster,
    stamps::Moment,
    wire::{self, Incoming, Reject},
};
use crate::{
    clock::{self, Clock},
    sample::{BLOCK, Block, LocalFault, Purpose, Sample},
    schedule::{Governor, Plan, Wheel, nanos},
};

/// Everything that the engine's thread owns.
pub struct Worker {
    clock: Arc<dyn Clock>,
    pub(super) opener: Box<dyn Opener>,
    pub(super) options: Options,
    pub(super) counters: Arc<Counters>,
    commands: Receiver<Command>,
    blocks: SyncSender<Block>,
    pub(super) books: Books,
    wheel: Wheel,
    governor: Governor,
    pub(super) doors: Vec<Door>,
    /// Longest message that the buffers hold.
    pub(super) longest: usize,
    pub(super) inbox: Inbox,
    errors: Inbox,
    pub(super) next_hops: NextHops,
    lag: Lag,
    /// The last tick ended because the total limit was used up: turns missed since then were held back, not overslept.
    throttled: bool,
}

/// Most bytes kept of a looped-back frame: link, IPv6 and ICMP headers and our mark, twice over.
const FRAME: usize = 192;
/// Nanoseconds between two ticks while an answer is overdue or a confirm probe is out: an outage is told of sooner.
const BUSY_TICK: u64 = 50_000_000;
/// Most receive calls on one socket in a row: a flood must not keep us from sending.
const MOST_CALLS: usize = 256;

impl Worker {
    pub fn new(
        plan: Arc<Plan>,
        options: Options,
        clock: Arc<dyn Clock>,
        opener: Box<dyn Opener>,
        counters: Arc<Counters>,
        commands: Receiver<Command>,
        blocks: SyncSender<Block>,
    ) -> Self {
        let books = Books::new(Roster::new(options.mode), counters.clone(), options.trace.clone());
        let governor = Governor::new(plan.limits, 1, 1, options.tick);
        let mut worker = Self {
            clock,
            opener,
            options,
            counters,
            commands,
            blocks,
            books,
            wheel: Wheel::default(),
            governor,
            doors: vec![],
            longest: 0,
            inbox: Inbox::new(FRAME),
            errors: Inbox::new(FRAME),
            next_hops: NextHops::open(),
            lag: Lag::default(),
            throttled: false,
        };
        worker.adopt(plan);
        worker.furnish(clock::monotonic_nanos());
        worker
    }

    /// Turns until told to stop, or until nobody takes blocks any more.
    pub fn run(mut self) {
        let mut planned = clock::monotonic_nanos();
        loop {
            clock::sleep_until(planned);
            let at = self.read_clocks();
            self.lag.note(at.now, at.now.saturating_sub(planned));
            if !self.obey(&at) {
                return;
            }
            self.turn(&at);
            if !self.flush_samples(&at) {
                return;
            }
            let (end, next) = (clock::monotonic_nanos(), planned + self.tick(at.now));
            let lag = self.lag.note(end, end.saturating_sub(next));
            self.counters.tick(at.mono, lag, clock::thread_cpu());
            // Ticks that passed meanwhile are skipped, not made up for.
            planned = next.max(end);
        }
    }

    /// Nanoseconds to the next tick. No turn may wait until the next one of its point is due.
    fn tick(&self, now: u64) -> u64 {
        let calm = nanos(self.options.tick).min(self.wheel.shortest() / 2);
        if self.books.is_busy(now) { calm.min(BUSY_TICK) } else { calm }.max(1)
    }

    fn read_clocks(&self) -> Tick {
        let now = clock::monotonic_nanos();
        let offset = clock::realtime_nanos().saturating_sub_unsigned(now);
        Tick { now, mono: self.clock.now().mono, offset }
    }

    /// `false`: stop.
    fn obey(&mut self, at: &Tick) -> bool {
        let mut furnish = false;
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Replace(plan) => {
                    self.flush_samples(at);
                    self.adopt(plan);
                    furnish = true;
                }
                Command::Resolved { generation, point, address } => {
                    if generation == self.books.roster.plan.generation {
                        self.books.roster.readdress(point, address);
                        furnish = true;
                    }
                }
                Command::ProbeNow { generation, points } => {
                    if generation == self.books.roster.plan.generation {
                        self.books.hurry(&points, at);
                    }
                }
                Command::Stop => return false,
            }
        }
        if furnish {
            self.books.roster.share_out();
            self.furnish(at.now);
        }
        true
    }

    fn adopt(&mut self, plan: Arc<Plan>) {
        self.books.adopt(plan.clone());
        self.governor = Governor::new(plan.limits, self.books.roster.carriers, plan.points.len(), self.options.tick);
        self.wheel = Wheel::new(&plan, clock::monotonic_nanos(), &self.wheel);
    }

    fn turn(&mut self, at: &Tick) {
        for lane in 0..self.doors.len() {
            self.tend(lane, at.now);
            self.hear(lane, at);
            self.note_drops(lane, at);
        }
        let (next_hops, doors) = (&mut self.next_hops, &self.doors);
        self.books.expire(at, |flight| match doors[usize::from(flight.lane)].state {
            DoorState::Open { route_device: Some(device), .. } => {
                next_hops.silent_towards(flight.address, device, flight.unreachable_from_here, at.now)
            }
            _ => false,
        });
        self.governor.open(at.now);
        self.throttled = !self.send_due(at);
        for lane in 0..self.doors.len() {
            self.flush(lane, at);
        }
    }

    /// Errands first: confirm probes decide about outages. `false`: the total limit ended it early.
    fn send_due(&mut self, at: &Tick) -> bool {
        while let Some(errand) = self.books.errands.next(at.now) {
            let request = match errand {
                Errand::Look(number) => {
                    self.books.look(number, at);
                    continue;
                }
                Errand::PutOff(request) => request,
                Errand::Confirm { point, trigger, due } => {
                    if !self.books.roster.points[point.at()].chain.send(trigger) {
                        continue;
                    }
                    Request { point, purpose: Purpose::Confirm, due }
                }
            };
            if !self.send(request, at) {
                self.books.put_off(request, at.now + nanos(self.options.tick), at);
                return false;
            }
        }
        let unnamed = self.wheel.open(at.now, nanos(self.options.tick));
        self.counters.dropped(TURNS_UNNAMED, unnamed);
        while let Some(turn) = self.wheel.peek(at.now) {
            let request = Request { point: turn.point, purpose: Purpose::Scheduled, due: turn.due };
            if turn.missed {
                let fault = if self.throttled { LocalFault::RateLimited } else { LocalFault::Overrun };
                self.books.missed(request, fault, at);
                if self.books.samples.len() >= BLOCK {
                    self.flush_samples(at);
                }
            } else if self.books.roster.leaves_out(turn.point) {
                self.books.missed(request, LocalFault::RateLimited, at);
            } else if !self.send(request, at) {
                return false;
            }
            self.wheel.take(at.now);
        }
        true
    }

    /// `false`: the total limit has no room.
    fn send(&mut self, request: Request, at: &Tick) -> bool {
        let number = match self.books.attempt(request, &self.governor, at) {
            Attempt::Send(number) => number,
            Attempt::Done => return true,
            Attempt::Full => return false,
        };
        let Some(flight) = self.books.flight(number) else { return true };
        let (mark, lane, address) = (self.books.mark(flight), usize::from(flight.lane), flight.address);
        let length = wire::HEADER + usize::from(flight.size);
        let ancillary = self.books.roster.shape(request.point).ancillary(Family::of(address));
        let identifier = self.books.lanes[lane].identifier;
        let door = &mut self.doors[lane];
        door.outbox.push(number, address, length, ancillary, |message| {
            wire::write_request(message, door.class.family, identifier, number as u16, &mark);
        });
        if door.outbox.is_full() {
            self.flush(lane, at);
            self.hear(lane, at);
        }
        true
    }

    /// Sends what waits in the outbox of a class.
    fn flush(&mut self, lane: usize, at: &Tick) {
        let Some((fd, _)) = self.doors[lane].socket() else {
            self.refuse_from(lane, 0, self.books.lanes[lane].fault.unwrap_or(LocalFault::InterfaceGone), at);
            return;
        };
        let total = self.doors[lane].outbox.numbers().len();
        if total == 0 {
            return;
        }
        let now = clock::monotonic_nanos();
        let leaving = Tick { now, mono: at.mono_at(now), offset: at.offset };
        self.books.leaving(self.doors[lane].outbox.numbers(), &leaving);
        let (mut first, mut tried) = (0, false);
        while first < total {
            match self.doors[lane].outbox.send(fd, first) {
                Ok(left) => {
                    self.books.sent(&self.doors[lane].outbox.numbers()[first..first + left]);
                    (first, tried) = (first + left, false);
                }
                // With RECVERR an ICMP error that waits fails the next call, whoever that is for.
                Err(_) if !tried => {
                    self.drain_errors(lane, fd);
                    tried = true;
                }
                Err(error) => {
                    let fault = fault_of_send(&error);
                    if gone(&error) && self.doors[lane].class.device.is_some() {
                        self.refuse_from(lane, first, fault, at);
                        self.lose(lane, fault);
                        return;
                    }
                    let number = self.doors[lane].outbox.numbers()[first];
                    self.books.refused(number, fault, at);
                    (first, tried) = (first + 1, false);
                }
            }
        }
        self.doors[lane].outbox.clear();
    }

    fn refuse_from(&mut self, lane: usize, first: usize, fault: LocalFault, at: &Tick) {
        let outbox = &mut self.doors[lane].outbox;
        for &number in &outbox.numbers()[first..] {
            self.books.refused(number, fault, at);
        }
        outbox.clear();
    }

    /// Takes everything that a socket holds.
    fn hear(&mut self, lane: usize, at: &Tick) {
        let Some((fd, kind)) = self.doors[lane].socket() else { return };
        self.drain_errors(lane, fd);
        for _ in 0..MOST_CALLS {
            match self.inbox.receive(fd, 0) {
                Ok(count) => {
                    self.take(lane, fd, kind, count, at);
                    // What comes in meanwhile can wait for the next tick.
                    if count < BATCH {
                        return;
                    }
                }
                // An ICMP error waits on the error queue.
                Err(_) => self.drain_errors(lane, fd),
            }
        }
    }

    fn take(&mut self, lane: usize, fd: i32, kind: Kind, count: usize, at: &Tick) {
        let (family, steady) = (self.doors[lane].class.family, clock::monotonic_nanos());
        let mut drained = false;
        for place in 0..count {
            let packet = self.inbox.packet(place);
            let (hop_limit, read) = read_packet(&packet, family, kind);
            let result = match read {
                Ok(Incoming::Reply(echo)) => {
                    // Its send stamp may have come since the error queue was last read.
                    if !drained && self.books.lacks_stamp(echo.mark.slot) {
                        drain(&mut self.errors, &mut self.books, &mut self.doors[lane], lane, fd);
                        drained = true;
                    }
                    let received =
                        Moment { steady, offset: at.offset, kernel: packet.control.stamp.and_then(NonZero::new) };
                    match packet.source {
                        Some(source) => self.books.reply(lane as u16, source, &echo, hop_limit, &received, at),
                        None => Err(Reject::Truncated),
                    }
                }
                Ok(Incoming::Error(quote)) => self.books.explain(lane as u16, &quote, packet.source),
                Err(reject) => Err(reject),
            };
            if let Err(reject) = result {
                self.counters.rejected(reject);
            }
        }
    }

    fn drain_errors(&mut self, lane: usize, fd: i32) {
        drain(&mut self.errors, &mut self.books, &mut self.doors[lane], lane, fd);
    }

    /// Passes on what was booked. `false`: nobody listens any more.
    fn flush_samples(&mut self, at: &Tick) -> bool {
        let samples = std::mem::take(&mut self.books.samples);
        self.books.samples.reserve(samples.len().min(BLOCK));
        // What a stall leaves is passed on in pieces of their own: a part of a large vector would keep all of its room.
        match samples.len() {
            0 => true,
            1..=BLOCK => self.pass_on(samples, at),
            _ => samples.chunks(BLOCK).all(|part| self.pass_on(part.to_vec(), at)),
        }
    }

    fn pass_on(&mut self, samples: Vec<Sample>, at: &Tick) -> bool {
        let generation = self.books.roster.plan.generation;
        match self.blocks.try_send(Block { generation, at: at.mono, samples }) {
            Err(TrySendError::Full(block)) => self.counters.dropped(BLOCKS_OVERFLOW, block.samples.len() as u64),
            Err(TrySendError::Disconnected(_)) => return false,
            Ok(()) => {}
        }
        true
    }
}

/// Reads the error queue: send stamps, and ICMP errors with whom they come from.
fn drain(errors: &mut Inbox, books: &mut Books, door: &mut Door, lane: usize, fd: i32) {
    for _ in 0..MOST_CALLS {
        let count = errors.receive(fd, libc::MSG_ERRQUEUE).unwrap_or(0);
        for place in 0..count {
            let packet = errors.packet(place);
            match packet.control.error.map(|error| (error.origin, error)) {
                Some((libc::SO_EE_ORIGIN_TIMESTAMPING, _)) => {
                    let identifier = books.lanes[lane].identifier;
                    let mark = wire::find_request(packet.bytes, door.class.family, identifier, &mut door.hint);
                    if let (Some(mark), Some(stamp)) = (mark, packet.control.stamp) {
                        books.stamp(&mark, stamp);
                    }
                }
                Some((libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6, error)) => {
                    let explanation = wire::explain(door.class.family, error.kind, error.code);
                    if let (Some(explanation), Some(to)) = (explanation, packet.source) {
                        // Errors about other programs' packets come here too: those find no probe.
                        let _ = wire::quote(packet.bytes, door.class.family, explanation, None, to)
                            .and_then(|quote| books.explain(lane as u16, &quote, None));
                    }
                }
                _ => {}
            }
        }
        if count < BATCH {
            return;
        }
    }
}

/// Raw IPv4 sockets see the IP header; the others are told the hop limit.
fn read_packet(packet: &Received<'_>, family: Family, kind: Kind) -> (u8, Result<Incoming, Reject>) {
    let (hop_limit, message) = match (family, kind) {
        (Family::V4, Kind::Raw) => match wire::unwrap_v4(packet.bytes) {
            Some(unwrapped) => unwrapped,
            None => return (0, Err(Reject::Truncated)),
        },
        _ => (packet.control.hop_limit.unwrap_or(0), packet.bytes),
    };
    (hop_limit, wire::read(message, family))
}
