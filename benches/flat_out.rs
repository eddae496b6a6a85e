//! `cargo bench --bench flat_out`: what a probe costs, beside the bare socket calls that no prober can do without.
//!
//! Everything runs on loopback, on one core that all threads share, in turns: 1631 points at one probe a second with
//! fine and coarse ticks; as many probes as the core can answer and account; 100 000 points at one probe a second.
//! Rates are per second of processor time, so that other work on the machine does not change what is measured.
//! The floor makes the same system calls on the same socket with both kernel stamps, and looks at nothing.
//! `--seconds N` (default 3): length of each measurement. Needs root.

use std::{
    net::{IpAddr, Ipv4Addr},
    os::fd::AsRawFd,
    process::ExitCode,
    sync::{
        Arc,
        atomic::AtomicU32,
        mpsc::{Receiver, sync_channel},
    },
    time::Duration,
};

use linkpatrol::{
    clock::{SystemClock, monotonic_nanos, process_cpu, sleep_until},
    probe::{
        Prober, Status,
        icmp::{
            Engine, Family, HostOpener, Mode, OpenedSocket, Options, SocketClass,
            batch::{Ancillary, BATCH, Inbox, Outbox},
            wire::{self, Mark},
        },
    },
    profile::Measure,
    sample::{Block, Event, Outcome},
    schedule::{Limits, Plan, PlannedPoint},
};

const SECOND: u64 = 1_000_000_000;
const ROUNDS: usize = 3;
const BUFFER: usize = 8 << 20;

fn main() -> ExitCode {
    let seconds = std::env::args().skip_while(|word| word != "--seconds").nth(1);
    let seconds = seconds.and_then(|word| word.parse().ok()).unwrap_or(3);
    if OpenedSocket::create(&class()).is_err() {
        println!("SKIPPED: raw sockets need root");
        return ExitCode::FAILURE;
    }
    stay_on_one_core();
    println!("one core, loopback, {seconds} s each, {ROUNDS} rounds in turns: median (least to most)\n");
    paced(seconds);
    let reached = flat_out(seconds);
    let clean = hundred_thousand(seconds);
    if reached && clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// 1631 points, one probe a second: processor time of the whole process per probe.
fn paced(seconds: u64) {
    println!("1631 points at 1 probe/s: processor time per probe");
    for millis in [20, 100] {
        let tick = Duration::from_millis(millis);
        let (mut floors, mut engines) = (vec![], vec![]);
        for _ in 0..ROUNDS {
            let begun = process_cpu();
            let sent = bare(seconds, Some((1631, tick)));
            floors.push(micros(process_cpu() - begun) / sent as f64);
            let run = Run::start(plan(1631, Duration::from_secs(1)), tick);
            let told = run.listen(seconds);
            engines.push(micros(told.cpu) / told.answered as f64);
            assert_eq!(told.lost, 0);
        }
        println!("  tick {millis:>3} ms   floor {}   engine {}", spread(floors, "µs"), spread(engines, "µs"));
    }
}

/// As many as one core can answer and account. Whether the goal is reached.
fn flat_out(seconds: u64) -> bool {
    let (mut floors, mut engines) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        let begun = process_cpu();
        let floor = bare(seconds, None) as f64;
        floors.push(floor / (process_cpu() - begun).as_secs_f64());
        // As many turns as the floor has just made: a little more than can be had; the rest is booked as overrun.
        let interval = Duration::from_secs_f64(20_000.0 / (floor / seconds as f64));
        let run = Run::start(plan(20_000, interval), Duration::from_millis(5));
        let told = run.listen(seconds);
        engines.push(told.answered as f64 / told.cpu.as_secs_f64());
        let kernel = 100.0 * told.status.stamps[0] as f64 / told.status.stamps.iter().sum::<u64>() as f64;
        println!(
            "  (engine: {:.0} % of the core, {kernel:.2} % with both kernel stamps, {} lost, {} late or double; {:?})",
            100.0 * told.cpu.as_secs_f64() / told.seconds,
            told.lost,
            told.other,
            told.busiest()
        );
        assert_eq!(told.lost, 0);
    }
    let reached = median(&engines) >= 200_000.0;
    println!(
        "flat out, probes answered and accounted per second of processor time\n  floor {}   engine {}",
        spread(floors, ""),
        spread(engines, "")
    );
    reached
}

/// 100 000 points at one probe a second. Whether none was lost.
fn hundred_thousand(seconds: u64) -> bool {
    let run = Run::start(plan(100_000, Duration::from_secs(1)), Duration::from_millis(20));
    // The first second fills memory.
    let begun = monotonic_nanos();
    while monotonic_nanos() - begun < SECOND {
        let _ = run.blocks.recv_timeout(Duration::from_millis(100));
    }
    let told = run.listen(seconds.max(5));
    println!("100 000 points at 1 probe/s, {:.1} s", told.seconds);
    println!(
        "  {:.0} answered a second, {} lost, {} unmeasured, {:.0} % of a core, {} MB resident, {:?}",
        told.answered as f64 / told.seconds,
        told.lost,
        told.unmeasured,
        100.0 * told.cpu.as_secs_f64() / told.seconds,
        told.resident,
        told.busiest(),
    );
    told.lost == 0
}

fn class() -> SocketClass {
    SocketClass { family: Family::V4, device: None, dont_fragment: false, mode: Mode::Raw }
}

fn address(point: u32) -> IpAddr {
    Ipv4Addr::from(0x7f01_0001 + point).into()
}

fn plan(points: u32, interval: Duration) -> Plan {
    let measure = Arc::new(Measure { interval, ..Measure::default() });
    let point = |seed: u32| PlannedPoint {
        address: Some(address(seed)),
        expected: true,
        measure: measure.clone(),
        carrier: seed % 4,
        phase_seed: u64::from(seed),
        kept: None,
    };
    Plan {
        generation: 0,
        points: (0..points).map(point).collect(),
        limits: Limits { total: 10_000_000, per_carrier: 10_000_000, per_target: 1_000 },
        p99_micros: (0..points).map(|_| AtomicU32::new(0)).collect(),
    }
}

/// The engine, with a listener that takes its blocks as the loop would, and judges nothing.
struct Run {
    engine: Box<Engine>,
    blocks: Receiver<Block>,
}

/// What a listener heard.
struct Told {
    answered: u64,
    lost: u64,
    unmeasured: u64,
    other: u64,
    seconds: f64,
    cpu: Duration,
    /// Megabytes.
    resident: u64,
    status: Status,
}

impl Run {
    fn start(plan: Plan, tick: Duration) -> Self {
        let (sender, blocks) = sync_channel(256);
        let options = Options { tick, receive_buffer: BUFFER, ..Options::default() };
        let clock = Arc::new(SystemClock::start());
        Self { engine: Box::new(Engine::start(Arc::new(plan), options, clock, Box::new(HostOpener), sender)), blocks }
    }

    fn listen(self, seconds: u64) -> Told {
        let (begun, cpu) = (monotonic_nanos(), process_cpu());
        let [mut answered, mut lost, mut unmeasured, mut other] = [0; 4];
        while monotonic_nanos() - begun < seconds * SECOND {
            let Ok(block) = self.blocks.recv_timeout(Duration::from_millis(100)) else { continue };
            for sample in block.samples {
                match sample.event {
                    Event::Ended(Outcome::Answered(_)) => answered += 1,
                    Event::Ended(Outcome::Failed(_)) => lost += 1,
                    Event::Ended(Outcome::Unmeasured(_)) => unmeasured += 1,
                    Event::Late(_) | Event::Duplicate => other += 1,
                }
            }
        }
        let (cpu, seconds) = (process_cpu() - cpu, (monotonic_nanos() - begun) as f64 / SECOND as f64);
        let (status, resident) = (self.engine.status(), resident_megabytes());
        self.engine.stop();
        Told { answered, lost, unmeasured, other, seconds, cpu, resident, status }
    }
}

impl Told {
    /// Reasons for what went unmeasured.
    fn busiest(&self) -> Vec<(&'static str, u64)> {
        self.status.drops.iter().copied().filter(|(_, count)| *count > 0).collect()
    }
}

/// The floor: sends, takes send stamps, takes answers. Paced (points, tick) or as fast as it goes. Returns probes answered.
fn bare(seconds: u64, paced: Option<(u64, Duration)>) -> u64 {
    let opened = OpenedSocket::create(&class()).expect("raw sockets were possible a moment ago");
    let (identifier, _) = opened.configure(&class(), BUFFER).expect("and so were their options");
    let fd = opened.socket.as_raw_fd();
    let (mut inbox, mut errors, mut outbox) = (Inbox::new(192), Inbox::new(192), Outbox::new(64, wire::pad));
    let (ancillary, begun) = (Ancillary::default(), monotonic_nanos());
    let (mut number, mut answered, mut next, mut owed) = (0_u32, 0, begun, 0.0);
    while monotonic_nanos() - begun < seconds * SECOND {
        let mut batch = BATCH as u64;
        if let Some((points, tick)) = paced {
            next += tick.as_nanos() as u64;
            sleep_until(next);
            owed += points as f64 * tick.as_secs_f64();
            batch = owed as u64;
            owed -= batch as f64;
        }
        for _ in 0..batch {
            if outbox.is_full() {
                let _ = outbox.send(fd, 0);
                outbox.clear();
            }
            let mark = Mark { slot: number, nonce: 1, tag: 2 };
            outbox.push(number, address(number % 1631), 64, &ancillary, |message| {
                wire::write_request(message, Family::V4, identifier, number as u16, &mark);
            });
            number = number.wrapping_add(1);
        }
        let _ = outbox.send(fd, 0);
        outbox.clear();
        while errors.receive(fd, libc::MSG_ERRQUEUE).is_ok_and(|count| count > 0) {}
        while let Some(count) = inbox.receive(fd, 0).ok().filter(|count| *count > 0) {
            answered += count as u64;
        }
    }
    answered
}

/// All threads of this process from now on, so that figures are of one core.
fn stay_on_one_core() {
    // SAFETY: all zeroes are an empty set of processors, and the call only reads it.
    let answer = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(0, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    assert_eq!(answer, 0, "cannot choose a core");
}

fn resident_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn spread(figures: Vec<f64>, unit: &str) -> String {
    let (least, most) =
        figures.iter().fold((f64::MAX, 0.0_f64), |(least, most), &figure| (least.min(figure), most.max(figure)));
    let digits = usize::from(most < 1_000.0) * 2;
    format!("{:.digits$} ({least:.digits$} to {most:.digits$}) {unit}", median(&figures))
}
