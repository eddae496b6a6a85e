//! The city at work: takes echo requests from the TUN device, asks the world, and sends each answer when it is due.
//!
//! One thread, which also writes the truth. It waits for the next packet, the next answer or the next turn of the story,
//! whichever is first.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{ErrorKind, Read, Write},
    os::fd::{AsRawFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::{packet, truth::Truth, world::World};
use crate::clock::{Clock, monotonic_nanos, thread_cpu};

/// A city that runs until it is stopped.
pub struct City {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Figures>,
}

/// What the city did.
#[derive(Debug, Default, Clone, Copy)]
pub struct Figures {
    /// Echo requests that reached it.
    pub asked: u64,
    pub answered: u64,
    /// Answers that the kernel did not take.
    pub refused: u64,
    pub cpu: Duration,
}

impl City {
    /// `started` is the story's first moment, on the monotonic clock.
    pub fn start(
        device: OwnedFd,
        world: World,
        truth: Truth,
        clock: Arc<dyn Clock>,
        started: u64,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let due = BinaryHeap::new();
        let worker = Worker { device: device.into(), world, truth, clock, started, due, figures: Figures::default() };
        let told = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("city".into()).spawn(move || worker.run(&told))?;
        Ok(Self { stop, thread })
    }

    /// The default figures when its thread has panicked.
    pub fn stop(self) -> Figures {
        self.stop.store(true, Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

struct Worker {
    device: File,
    world: World,
    truth: Truth,
    clock: Arc<dyn Clock>,
    started: u64,
    due: BinaryHeap<Reverse<Due>>,
    figures: Figures,
}

/// An answer that waits, soonest first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Duration,
    packet: Vec<u8>,
}

/// How often a stop is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// 100 µs: answers that close together leave on one wake.
const SLACK_NANOS: libc::c_ulong = 100_000;
/// Requests taken before answers get their turn: two milliseconds of work.
const BATCH: usize = 256;

impl Worker {
    fn run(mut self, stop: &AtomicBool) -> Figures {
        // The city is the instrument: a busy machine must not look like a slow network. Both may be refused.
        // SAFETY: plain calls without memory, about the calling thread.
        unsafe {
            libc::prctl(libc::PR_SET_TIMERSLACK, SLACK_NANOS);
            libc::setpriority(libc::PRIO_PROCESS, 0, -10);
        }
        while !stop.load(Relaxed) {
            let now = self.now();
            self.send(now);
            self.tell(now);
            self.wait(now);
            self.receive();
        }
        Figures { cpu: thread_cpu(), ..self.figures }
    }

    /// The story's time.
    fn now(&self) -> Duration {
        Duration::from_nanos(monotonic_nanos().saturating_sub(self.started))
    }

    fn send(&mut self, now: Duration) {
        while self.due.peek().is_some_and(|Reverse(due)| due.at <= now) {
            let Some(Reverse(due)) = self.due.pop() else { return };
            // A TUN device takes a packet whole or not at all.
            match self.device.write_all(&due.packet) {
                Ok(()) => self.figures.answered += 1,
                Err(_) => self.figures.refused += 1,
            }
        }
    }

    fn tell(&mut self, now: Duration) {
        if self.truth.next().is_some_and(|at| at <= now)
            && let Err(error) = self.truth.write(now, self.clock.now())
        {
            tracing::error!(%error, "cannot write the truth");
        }
    }

    fn wait(&self, now: Duration) {
        let answer = self.due.peek().map(|Reverse(due)| due.at);
        let next = [answer, self.truth.next()].into_iter().flatten().min();
        let wait = next.map_or(LOOK, |next| next.saturating_sub(now).min(LOOK));
        let wait = libc::timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) };
        let mut device = libc::pollfd { fd: self.device.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: both live through the call; an interrupted wait is a short one.
        unsafe { libc::ppoll(&raw mut device, 1, &raw const wait, std::ptr::null()) };
    }

    fn receive(&mut self) {
        let mut buffer = [0; 2048];
        for _ in 0..BATCH {
            let length = match self.device.read(&mut buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return,
            };
            let Some(to) = packet::asked(&buffer[..length]) else { continue };
            self.figures.asked += 1;
            let now = self.now();
            for answer in self.world.answer(to, now) {
                let packet = packet::turn(buffer[..length].to_vec(), answer.kind, answer.hop_limit);
                self.due.push(Reverse(Due { at: now + answer.after, packet }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};

    use socket2::{Domain, Protocol, SockAddr, Socket, Type};

    use super::*;
    use crate::{
        clock::SystemClock,
        demo::{
            namespace::Namespace,
            town::{address, town},
            weather::Answer,
            world::WITNESSES,
        },
        inventory::Role,
    };

    /// A town whose link 5 is cut from the start.
    fn world() -> World {
        let cut = "{ name: test, events: [{ at: 0s, for: 60m, where: { link: LL-0005 }, what: cut }] }";
        World::build(&town(40), &|_| Role::Far, &serde_yaml::from_str(cut).unwrap(), 11).unwrap()
    }

    /// Asks once, in the calling thread's namespace: how long the answer took; `None` after a second of silence.
    fn ping(to: IpAddr) -> Option<Duration> {
        let (domain, protocol, kind) = match to {
            IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, 8),
            IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, 128),
        };
        let socket = Socket::new(domain, Type::RAW, Some(protocol)).unwrap();
        socket.connect(&SockAddr::from(SocketAddr::new(to, 0))).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        let mut request = [kind, 0, 0, 0, 1, 2, 0, 3, 9, 9, 9, 9];
        if to.is_ipv4() {
            let sum = pnet::packet::icmp::checksum(&pnet::packet::icmp::IcmpPacket::new(&request).unwrap());
            request[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        let sent = monotonic_nanos();
        socket.send(&request).unwrap();
        (&socket).read(&mut [0; 128]).ok().map(|_| Duration::from_nanos(monotonic_nanos() - sent))
    }

    #[test]
    fn a_real_kernel_hears_the_city_answer_after_the_scripted_delay() {
        let (namespace, device) = match Namespace::create() {
            Ok(made) => made,
            Err(missing) => return eprintln!("SKIPPED: {missing}"),
        };
        let folder = tempfile::tempdir().unwrap();
        let world = world();
        let truth = folder.path().join("truth.jsonl");
        let written = Truth::create(&truth, world.happenings(), &town(40)).unwrap();
        let city = City::start(device, world, written, Arc::new(SystemClock::start()), monotonic_nanos()).unwrap();

        let mut scripted = self::world();
        for link in 0..6 {
            let to = address(link, Role::Far);
            let expected = scripted.answer(to, Duration::from_secs(1)).first().map(|answer: &Answer| answer.after);
            let took = namespace.run(move || ping(to)).unwrap();
            match (expected, took) {
                // A machine busy with other tests is late, but never early.
                (Some(delay), Some(took)) => assert!(took >= delay, "{link}: {delay:?} {took:?}"),
                (expected, took) => assert_eq!((link, expected, took), (5, None, None)),
            }
        }
        assert!(WITNESSES.into_iter().all(|witness| namespace.run(move || ping(witness)).unwrap().is_some()));
        assert_eq!(namespace.run(|| ping("198.18.250.1".parse().unwrap())).unwrap(), None);

        let figures = city.stop();
        crate::demo::truth::end(&truth, SystemClock::start().now()).unwrap();
        assert_eq!((figures.asked, figures.answered, figures.refused), (9, 7, 0));
        let lines: Vec<serde_json::Value> =
            std::fs::read_to_string(truth).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["links"], serde_json::json!(["LL-0005"]));
        assert_eq!([&lines[0]["event"], &lines[1]["event"]], ["cut", "end"]);
    }
}
