//! The same story where a right is missing: no packets, the world's answers become samples directly.
//!
//! In: a [`Plan`] and a [`World`]. Out: blocks of samples, as the ICMP engine would book them: one end per probe, confirm
//! probes after an overdue reply, late answers and duplicates apart. One thread, which also writes the truth.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::Ordering::Relaxed,
        mpsc::{self, Receiver, Sender, SyncSender},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::{truth::Truth, weather::Reply as Form, world::World};
use crate::{
    clock::{Clock, monotonic_nanos, sleep_until, thread_cpu},
    inventory::PointIndex,
    probe::{Prober, Status},
    profile::Measure,
    sample::{BLOCK, Block, Event, Failure, LocalFault, Outcome, Purpose, Reply, Sample, Stamps},
    schedule::{Plan, Wheel, nanos},
    units::{Mono, Rtt},
};

/// A prober that asks the world instead of the network.
pub struct SimulatedProber {
    orders: Sender<Order>,
    status: Arc<Mutex<Status>>,
    thread: JoinHandle<()>,
}

enum Order {
    Replace(Arc<Plan>),
    Resolved(u32, PointIndex, Option<IpAddr>),
    Stop,
}

impl SimulatedProber {
    /// `started` is the story's first moment, on the monotonic clock.
    pub fn start(
        plan: Arc<Plan>,
        world: World,
        truth: Truth,
        clock: Arc<dyn Clock>,
        started: u64,
        blocks: SyncSender<Block>,
    ) -> std::io::Result<Self> {
        let (orders, queue) = mpsc::channel();
        let status = Arc::new(Mutex::new(Status { mode: "simulated", ..Status::default() }));
        let worker = Worker {
            wheel: Wheel::new(&plan, monotonic_nanos(), &Wheel::default()),
            addresses: addresses(&plan),
            plan,
            world,
            truth,
            clock,
            blocks,
            status: Arc::clone(&status),
            started,
            due: BinaryHeap::new(),
            order: 0,
            overflow: 0,
        };
        let thread = std::thread::Builder::new().name("simulated".into()).spawn(move || worker.run(&queue))?;
        Ok(Self { orders, status, thread })
    }
}

impl Prober for SimulatedProber {
    fn replace(&mut self, plan: Arc<Plan>) {
        // A worker that is gone has nothing to replace.
        let _ = self.orders.send(Order::Replace(plan));
    }

    fn resolved(&mut self, generation: u32, point: PointIndex, address: Option<IpAddr>) {
        let _ = self.orders.send(Order::Resolved(generation, point, address));
    }

    fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn stop(self: Box<Self>) {
        let _ = self.orders.send(Order::Stop);
        // A panic of the worker has been reported where it happened.
        let _ = self.thread.join();
    }
}

fn addresses(plan: &Plan) -> Vec<Option<IpAddr>> {
    plan.points.iter().map(|point| point.address).collect()
}

struct Worker {
    plan: Arc<Plan>,
    addresses: Vec<Option<IpAddr>>,
    wheel: Wheel,
    world: World,
    truth: Truth,
    clock: Arc<dyn Clock>,
    blocks: SyncSender<Block>,
    status: Arc<Mutex<Status>>,
    /// The story's first moment, on the monotonic clock.
    started: u64,
    due: BinaryHeap<Reverse<Due>>,
    order: u64,
    overflow: u64,
}

/// Something to do at a moment of the monotonic clock; the order of making breaks ties.
struct Due {
    at: u64,
    order: u64,
    generation: u32,
    action: Action,
}

enum Action {
    Book(Sample),
    /// Further confirm probes to send, this one included.
    Confirm(PointIndex, u8),
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// As the ICMP engine by default.
const TICK: u64 = 20_000_000;

impl Worker {
    fn run(mut self, orders: &Receiver<Order>) {
        let mut next = monotonic_nanos();
        loop {
            next = (next + TICK).max(monotonic_nanos());
            sleep_until(next);
            for order in orders.try_iter() {
                match order {
                    Order::Replace(plan) => self.replace(plan),
                    Order::Resolved(generation, point, address) => self.resolved(generation, point, address),
                    Order::Stop => return,
                }
            }
            self.tick();
        }
    }

    fn replace(&mut self, plan: Arc<Plan>) {
        self.wheel = Wheel::new(&plan, monotonic_nanos(), &self.wheel);
        self.addresses = addresses(&plan);
        self.plan = plan;
    }

    fn resolved(&mut self, generation: u32, point: PointIndex, address: Option<IpAddr>) {
        if let Some(place) = self.addresses.get_mut(point.at()).filter(|_| generation == self.plan.generation) {
            *place = address;
        }
    }

    fn tick(&mut self) {
        let (now, reading) = (monotonic_nanos(), self.clock.now());
        if let Err(error) = self.truth.write(Duration::from_nanos(now.saturating_sub(self.started)), reading) {
            tracing::error!(%error, "cannot write the truth");
        }
        let mut samples = self.turns(now, reading.mono);
        while self.due.peek().is_some_and(|Reverse(due)| due.at <= now) {
            let Some(Reverse(due)) = self.due.pop() else { break };
            match due.action {
                _ if due.generation != self.plan.generation => {}
                Action::Book(sample) => samples.push(sample),
                Action::Confirm(point, left) => self.confirm(point, left, due.at, moment(due.at, now, reading.mono)),
            }
        }
        self.send(samples, reading.mono);
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.last_tick = reading.mono;
        status.cpu = thread_cpu();
        status.drops = vec![("blocks_overflow", self.overflow)];
    }

    /// Asks for every point whose turn has come; returns what could not be asked.
    fn turns(&mut self, now: u64, mono: Mono) -> Vec<Sample> {
        let mut unmeasured = vec![];
        self.wheel.open(now, TICK);
        while let Some(turn) = self.wheel.peek(now) {
            self.wheel.take(now);
            let sent = moment(turn.due, now, mono);
            let fault = match self.addresses[turn.point.at()] {
                Some(_) if turn.missed => LocalFault::Overrun,
                Some(address) => {
                    self.probe(turn.point, address, turn.due, sent);
                    continue;
                }
                None if self.plan.points[turn.point.at()].expected => LocalFault::NoAddress,
                None => continue,
            };
            let event = Event::Ended(Outcome::Unmeasured(fault));
            unmeasured.push(Sample { point: turn.point, purpose: Purpose::Scheduled, sent, event });
        }
        unmeasured
    }

    fn probe(&mut self, point: PointIndex, address: IpAddr, at: u64, sent: Mono) {
        let measure = Arc::clone(&self.plan.points[point.at()].measure);
        let p99 = self.plan.p99_micros.get(point.at()).map_or(0, |p99| p99.load(Relaxed));
        let first = self.ask(point, Purpose::Scheduled, address, at, sent, &measure);
        let patience = (Duration::from_micros(p99.into()) * measure.confirm.factor.into()).max(measure.confirm.floor);
        if measure.confirm.probes > 0 && first.is_none_or(|after| after > patience) {
            self.plan(at + nanos(patience), Action::Confirm(point, measure.confirm.probes));
        }
    }

    fn confirm(&mut self, point: PointIndex, left: u8, at: u64, sent: Mono) {
        let Some(address) = self.addresses[point.at()] else { return };
        let measure = Arc::clone(&self.plan.points[point.at()].measure);
        self.ask(point, Purpose::Confirm, address, at, sent, &measure);
        if left > 1 {
            self.plan(at + nanos(measure.confirm.spacing), Action::Confirm(point, left - 1));
        }
    }

    /// Books what one probe will come to; returns when its first good answer comes.
    fn ask(
        &mut self,
        point: PointIndex,
        purpose: Purpose,
        address: IpAddr,
        at: u64,
        sent: Mono,
        measure: &Measure,
    ) -> Option<Duration> {
        let mut answers = self.world.answer(address, Duration::from_nanos(at.saturating_sub(self.started)));
        answers.retain(|answer| answer.kind == Form::Echo);
        answers.sort_by_key(|answer| answer.after);
        let first = answers.first().map(|answer| answer.after);
        let mut book =
            |after: Duration, event| self.plan(at + nanos(after), Action::Book(Sample { point, purpose, sent, event }));
        if first.is_none_or(|after| after > measure.timeout) {
            book(measure.timeout, Event::Ended(Outcome::Failed(Failure::Timeout(None))));
        }
        for (place, answer) in answers.iter().enumerate() {
            let rtt = Rtt(answer.after);
            let event = match place {
                0 if answer.after > measure.timeout => Event::Late(rtt),
                0 => Event::Ended(Outcome::Answered(Reply { rtt, hop_limit: answer.hop_limit, stamps: Stamps::User })),
                _ => Event::Duplicate,
            };
            book(answer.after, event);
        }
        first
    }

    fn plan(&mut self, at: u64, action: Action) {
        self.order += 1;
        self.due.push(Reverse(Due { at, order: self.order, generation: self.plan.generation, action }));
    }

    fn send(&mut self, samples: Vec<Sample>, at: Mono) {
        let generation = self.plan.generation;
        for samples in samples.chunks(BLOCK) {
            if self.blocks.try_send(Block { generation, at, samples: samples.to_vec() }).is_err() {
                self.overflow += samples.len() as u64;
            }
        }
    }
}

/// A moment of the monotonic clock as [`Mono`], which reads `mono` at `now`.
fn moment(at: u64, now: u64, mono: Mono) -> Mono {
    Mono(mono.0 - (now.saturating_sub(at) / 1_000_000).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::SystemClock,
        demo::town::{plan, town},
        inventory::Role,
    };

    #[test]
    fn the_story_becomes_samples_as_the_engine_would_book_them() {
        let folder = tempfile::tempdir().unwrap();
        let inventory = town(40);
        let story = "{ name: cut, events: [{ at: 0s, for: 60s, where: { link: LL-0004 }, what: cut }, { at: 0s, for: 60s, where: { link: LL-0007 }, what: { duplicate: 100 % } }] }";
        let world = World::build(&inventory, &|_| Role::Far, &serde_yaml::from_str(story).unwrap(), 1).unwrap();
        let truth = Truth::create(&folder.path().join("truth.jsonl"), world.happenings(), &inventory).unwrap();
        let (sender, blocks) = mpsc::sync_channel(1_000);
        let clock = Arc::new(SystemClock::start());
        let prober =
            SimulatedProber::start(plan(&inventory).into(), world, truth, clock, monotonic_nanos(), sender).unwrap();
        // Two seconds and a time-out of 120 points, most of which answer.
        let samples: Vec<Sample> = blocks.iter().flat_map(|block| block.samples).take(320).collect();
        Box::new(prober).stop();

        let far = |link: u32| PointIndex(link * 3 + 2);
        let of = |point: PointIndex| samples.iter().filter(move |sample| sample.point == point);
        let lost = |sample: &&Sample| matches!(sample.event, Event::Ended(Outcome::Failed(Failure::Timeout(None))));
        let confirms = of(far(4)).filter(|sample| sample.purpose == Purpose::Confirm);
        assert!(of(far(4)).all(|sample| lost(&sample)));
        assert!(confirms.count() >= 3);
        assert!(of(far(5)).all(|sample| matches!(sample.event, Event::Ended(Outcome::Answered(_)))));
        assert!(of(far(7)).any(|sample| sample.event == Event::Duplicate));
    }
}
