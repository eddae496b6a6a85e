//! An engine at work in a test, and namespaces for it to work in.

use std::{
    net::{IpAddr, Ipv4Addr},
    process::Command,
    sync::{
        Arc,
        atomic::AtomicU32,
        mpsc::{Receiver, Sender, channel, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use linkpatrol::{
    clock::{SystemClock, monotonic_nanos},
    probe::{
        Prober, Status,
        icmp::{Engine, HostOpener, Opener, Options},
    },
    profile::Measure,
    sample::{Block, Event, Failure, LocalFault, Outcome, Purpose, Sample},
    schedule::{Limits, Plan, PlannedPoint},
};

/// A point at `address`.
pub fn point(address: Option<IpAddr>, measure: &Arc<Measure>, phase_seed: u64) -> PlannedPoint {
    PlannedPoint { address, expected: true, measure: measure.clone(), carrier: 0, phase_seed, kept: None }
}

/// A plan with these points, all measured alike.
pub fn plan(addresses: impl IntoIterator<Item = IpAddr>, measure: Measure) -> Plan {
    let measure = Arc::new(measure);
    let points: Vec<_> = (0..).zip(addresses).map(|(seed, address)| point(Some(address), &measure, seed)).collect();
    let p99_micros = points.iter().map(|_| AtomicU32::new(0)).collect();
    Plan { generation: 1, points, limits: Limits { per_target: 100, ..Limits::default() }, p99_micros }
}

/// Ten probes a second that time out after 300 ms, so that tests are short.
pub fn quick() -> Measure {
    Measure { interval: Duration::from_millis(100), timeout: Duration::from_millis(300), ..Measure::default() }
}

/// Ticks short enough to see single sends apart.
pub fn fine() -> Options {
    Options { tick: Duration::from_millis(20), ..Options::default() }
}

/// Loopback addresses that stand for links.
pub fn city(links: u32) -> impl Iterator<Item = IpAddr> {
    (0..links).map(|link| Ipv4Addr::from(0x7f01_0001 + link).into())
}

/// An engine at work, and everything it has said.
pub struct Run {
    pub engine: Box<Engine>,
    blocks: Receiver<Block>,
    pub samples: Vec<Sample>,
    pub generations: Vec<u32>,
}

impl Run {
    pub fn start(plan: Plan, options: Options) -> Self {
        Self::with_opener(plan, options, Box::new(HostOpener))
    }

    pub fn with_opener(plan: Plan, options: Options, opener: Box<dyn Opener>) -> Self {
        let (sender, blocks) = sync_channel(256);
        let clock = Arc::new(SystemClock::start());
        let engine = Box::new(Engine::start(Arc::new(plan), options, clock, opener, sender));
        Self { engine, blocks, samples: vec![], generations: vec![] }
    }

    /// Listens until `enough` was said, or until `limit` has passed. Returns whether it was enough.
    pub fn until(&mut self, limit: Duration, enough: impl Fn(&[Sample]) -> bool) -> bool {
        let deadline = monotonic_nanos() + limit.as_nanos() as u64;
        while !enough(&self.samples) && monotonic_nanos() < deadline {
            if let Ok(block) = self.blocks.recv_timeout(Duration::from_millis(20)) {
                self.samples.extend(block.samples);
                self.generations.push(block.generation);
            }
        }
        enough(&self.samples)
    }

    pub fn listen(&mut self, time: Duration) {
        self.until(time, |_| false);
    }

    pub fn stop(self) -> (Vec<Sample>, Status) {
        let status = self.engine.status();
        self.engine.stop();
        (self.samples, status)
    }
}

pub fn answered(sample: &Sample) -> bool {
    matches!(sample.event, Event::Ended(Outcome::Answered(_)))
}

pub fn lost(sample: &Sample) -> bool {
    matches!(sample.event, Event::Ended(Outcome::Failed(Failure::Timeout(_))))
}

pub fn unmeasured(sample: &Sample, fault: LocalFault) -> bool {
    sample.event == Event::Ended(Outcome::Unmeasured(fault))
}

pub fn scheduled(sample: &Sample) -> bool {
    sample.purpose == Purpose::Scheduled
}

/// How many of `samples` are so.
pub fn count(samples: &[Sample], so: impl Fn(&Sample) -> bool) -> usize {
    samples.iter().filter(|sample| so(sample)).count()
}

/// The count of `reason` in one of the lists of a [`Status`].
pub fn tally(list: &[(&'static str, u64)], reason: &str) -> u64 {
    list.iter().find(|(known, _)| *known == reason).map_or(0, |(_, count)| *count)
}

/// A network namespace of its own, in which a thread lives. It ends with this value.
pub struct Namespace {
    work: Option<Sender<Box<dyn FnOnce() + Send>>>,
    thread: Option<JoinHandle<()>>,
    /// Thread id: names the namespace to `ip link set … netns`.
    pub id: i32,
}

impl Namespace {
    /// With loopback up. `None`, said aloud, where we may not make one.
    pub fn new() -> Option<Self> {
        let (work, jobs) = channel::<Box<dyn FnOnce() + Send>>();
        let (tell, told) = channel();
        let thread = std::thread::spawn(move || {
            // SAFETY: changes only which network this one thread sees.
            let made = unsafe { libc::unshare(libc::CLONE_NEWNET) } == 0;
            // SAFETY: reads a number.
            let id = unsafe { libc::gettid() };
            let _ = tell.send(made.then_some(id));
            jobs.into_iter().for_each(|job| job());
        });
        let Some(id) = told.recv().ok().flatten() else {
            println!("SKIPPED: no right to make a network namespace (needs root)");
            return None;
        };
        let namespace = Self { work: Some(work), thread: Some(thread), id };
        namespace.sh("ip link set lo up");
        Some(namespace)
    }

    /// Does this in the namespace, on its thread.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (tell, told) = channel();
        let job = Box::new(move || drop(tell.send(job())));
        self.work.as_ref().expect("lives until dropped").send(job).expect("its thread lives");
        told.recv().expect("the job did not panic")
    }

    /// Runs commands, one a line, each of which must succeed.
    pub fn sh(&self, script: &str) {
        let script = format!("set -e\n{script}");
        let status = self.run(move || Command::new("sh").args(["-c", &script]).status());
        assert!(status.as_ref().is_ok_and(std::process::ExitStatus::success), "{status:?}");
    }

    pub fn start(&self, plan: Plan, options: Options) -> Run {
        self.run(move || Run::start(plan, options))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Two namespaces joined by a veth pair `near` (10.98.0.1/24) and `peer` (10.98.0.2/24).
pub fn pair() -> Option<(Namespace, Namespace)> {
    let (near, peer) = (Namespace::new()?, Namespace::new()?);
    join(&near, &peer);
    Some((near, peer))
}

pub fn join(near: &Namespace, peer: &Namespace) {
    near.sh(&format!(
        "ip link add near type veth peer name peer netns {}
         ip addr add 10.98.0.1/24 dev near
         ip link set near up",
        peer.id
    ));
    peer.sh("ip addr add 10.98.0.2/24 dev peer\n ip link set peer up");
}
