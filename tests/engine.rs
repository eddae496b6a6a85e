//! The ICMP engine against real sockets: loopback, and network namespaces that the tests make themselves.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::AtomicU32,
        mpsc::{Receiver, sync_channel},
    },
    time::Duration,
};

use linkpatrol::{
    clock::{SystemClock, monotonic_nanos},
    probe::{
        Prober, Status,
        icmp::{Engine, HostOpener, Options},
    },
    profile::Measure,
    sample::{Block, Event, Outcome, Purpose, Sample, Stamps},
    schedule::{Limits, Plan, PlannedPoint},
};

/// A plan with these points, all measured alike.
fn plan(addresses: impl IntoIterator<Item = IpAddr>, measure: Measure) -> Plan {
    let measure = Arc::new(measure);
    let points: Vec<_> = (0..)
        .zip(addresses)
        .map(|(seed, address)| PlannedPoint {
            address: Some(address),
            expected: true,
            measure: measure.clone(),
            carrier: 0,
            phase_seed: seed,
            kept: None,
        })
        .collect();
    let p99_micros = points.iter().map(|_| AtomicU32::new(0)).collect();
    Plan { generation: 1, points, limits: Limits::default(), p99_micros }
}

/// An engine at work, and everything it has said.
struct Run {
    engine: Box<Engine>,
    blocks: Receiver<Block>,
    samples: Vec<Sample>,
}

impl Run {
    fn start(plan: Plan, options: Options) -> Self {
        let (sender, blocks) = sync_channel(256);
        let clock = Arc::new(SystemClock::start());
        let engine = Box::new(Engine::start(Arc::new(plan), options, clock, Box::new(HostOpener), sender));
        Self { engine, blocks, samples: vec![] }
    }

    /// Listens until `enough` of what was said, or until `limit` has passed.
    fn until(&mut self, limit: Duration, enough: impl Fn(&[Sample]) -> bool) {
        let deadline = monotonic_nanos() + limit.as_nanos() as u64;
        while !enough(&self.samples) && monotonic_nanos() < deadline {
            if let Ok(block) = self.blocks.recv_timeout(Duration::from_millis(20)) {
                self.samples.extend(block.samples);
            }
        }
    }

    fn stop(self) -> (Vec<Sample>, Status) {
        let status = self.engine.status();
        self.engine.stop();
        (self.samples, status)
    }
}

fn answered(sample: &Sample) -> bool {
    matches!(sample.event, Event::Ended(Outcome::Answered(_)))
}

fn city(links: u32) -> impl Iterator<Item = IpAddr> {
    (0..links).map(|link| Ipv4Addr::from(0x7f01_0001 + link).into())
}

#[test]
fn all_1631_links_answer_with_kernel_stamps_on_both_sides() {
    let mut run = Run::start(plan(city(1631), Measure::default()), Options::default());
    run.until(Duration::from_secs(4), |samples| samples.len() >= 2 * 1631);
    let (samples, status) = run.stop();
    assert!(samples.len() >= 2 * 1631, "{} of {}", samples.len(), 2 * 1631);
    assert!(samples.iter().all(|sample| answered(sample) && sample.purpose == Purpose::Scheduled));
    let kernel = |sample: &&Sample| matches!(sample.event, Event::Ended(Outcome::Answered(reply)) if reply.stamps == Stamps::Kernel && reply.hop_limit == 64);
    assert_eq!(samples.iter().filter(kernel).count(), samples.len(), "{status:?}");
    assert_eq!(status.mode, "raw");
    println!("{status:?}");
}
