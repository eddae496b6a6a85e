//! The ICMP engine against real sockets: loopback, and network namespaces that the tests make themselves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod forgery;
mod run;

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex},
    time::Duration,
};

use linkpatrol::{
    inventory::PointIndex,
    probe::{
        Prober,
        icmp::{Family, OpenedSocket, Opener, Options, SocketClass},
    },
    profile::{Confirm, Measure},
    sample::{Event, LocalFault, Outcome, Sample, Stamps},
    schedule::Limits,
};
use run::{Namespace, Run, answered, city, count, fine, lost, plan, point, quick, scheduled, unmeasured};

fn by_kernel(sample: &Sample) -> bool {
    matches!(sample.event, Event::Ended(Outcome::Answered(reply)) if reply.stamps == Stamps::Kernel && reply.hop_limit == 64)
}

#[test]
fn all_1631_links_answer_with_kernel_stamps_on_both_sides() {
    let mut run = Run::start(plan(city(1631), Measure::default()), Options::default());
    run.until(Duration::from_secs(8), |samples| samples.len() >= 2 * 1631);
    let (samples, status) = run.stop();
    assert!(samples.len() >= 2 * 1631, "{} of {}", samples.len(), 2 * 1631);
    assert_eq!(count(&samples, |sample| by_kernel(sample) && scheduled(sample)), samples.len(), "{status:?}");
    assert_eq!(status.mode, "raw");
}

#[test]
fn ipv6_answers_with_kernel_stamps_too() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.sh("ip addr add 2001:2::1/128 dev lo nodad");
    let to = [Ipv6Addr::LOCALHOST, Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 1)];
    let mut run =
        namespace.start(plan(to.map(IpAddr::from), Measure { dont_fragment: true, ..quick() }), Options::default());
    run.until(Duration::from_secs(5), |samples| samples.len() >= 10);
    let (samples, status) = run.stop();
    assert!(samples.len() >= 10 && samples.iter().all(by_kernel), "{status:?} {samples:?}");
}

#[test]
fn a_silent_address_is_lost_and_confirmed() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.sh("ip route add 198.18.0.0/15 dev lo\n ip addr add 198.18.0.1/32 dev lo");
    namespace.sh("nft add table t\n nft add chain t i '{ type filter hook input priority 0; }'\n nft add rule t i ip daddr 198.18.0.1 drop");
    let confirm = Confirm { spacing: Duration::from_millis(50), ..Measure::default().confirm };
    let measure = Measure { confirm, interval: Duration::from_secs(1), ..quick() };
    let mut run = namespace.start(plan([[198, 18, 0, 1].into()], measure), fine());
    run.until(Duration::from_secs(5), |samples| count(samples, lost) >= 4);
    let (samples, _) = run.stop();
    assert_eq!(count(&samples[..4], lost), 4);
    assert_eq!(count(&samples[..4], scheduled), 1);
    let sent: Vec<_> = samples[..4].iter().map(|sample| sample.sent.0 - samples[0].sent.0).collect();
    // A busy machine sends late, never early: overdue after 100 ms, then one each 50 ms.
    assert!((90..250).contains(&sent[1]) && (190..600).contains(&sent[3]), "{sent:?}");
}

#[test]
fn a_reload_keeps_probing_and_blocks_carry_its_generation() {
    let mut run = Run::start(plan(city(20), quick()), Options::default());
    assert!(run.until(Duration::from_secs(5), |samples| samples.len() >= 40));
    let mut next = plan(city(20).skip(10), quick());
    next.generation = 2;
    for (old, point) in (10..).zip(&mut next.points) {
        (point.kept, point.phase_seed) = (Some(PointIndex(old)), u64::from(old));
    }
    run.engine.replace(Arc::new(next));
    assert!(run.until(Duration::from_secs(5), |samples| samples.len() >= 100));
    assert!(run.generations.ends_with(&[2]) && run.generations.starts_with(&[1]));
    let (samples, _) = run.stop();
    assert!(samples.iter().all(answered));
    let last = samples.len() - 20;
    assert!(samples[last..].iter().all(|sample| sample.point.0 < 10));
}

#[test]
fn a_point_without_an_address_is_unmeasured_until_its_name_resolves() {
    let mut plan = plan([], quick());
    plan.points.push(point(None, &Arc::new(quick()), 0));
    let mut run = Run::start(plan, Options::default());
    assert!(
        run.until(Duration::from_secs(5), |samples| count(samples, |sample| unmeasured(sample, LocalFault::NoAddress))
            > 1)
    );
    run.engine.resolved(0, PointIndex(0), Some([127, 9, 9, 9].into()));
    run.engine.resolved(1, PointIndex(0), Some([127, 0, 0, 1].into()));
    assert!(run.until(Duration::from_secs(5), |samples| samples.iter().any(answered)));
    run.engine.resolved(1, PointIndex(0), None);
    run.listen(Duration::from_millis(100));
    run.samples.clear();
    assert!(run.until(Duration::from_secs(5), |samples| {
        samples.iter().any(|sample| unmeasured(sample, LocalFault::NoAddress))
    }));
    run.stop();
}

#[test]
fn the_total_limit_holds_and_what_finds_no_room_is_unmeasured() {
    let mut plan = plan(city(200), Measure::default());
    plan.limits = Limits { total: 50, ..Limits::default() };
    let mut run = Run::start(plan, Options::default());
    run.listen(Duration::from_secs(4));
    let (samples, status) = run.stop();
    let through = count(&samples, answered);
    assert!((100..=220).contains(&through), "{through} in four seconds at 50 a second");
    assert!(count(&samples, |sample| unmeasured(sample, LocalFault::RateLimited)) > 200, "{status:?}");
    assert_eq!(count(&samples, lost), 0);
}

/// Takes its time over the second socket.
struct SlowOpener(Arc<Mutex<u32>>);

impl Opener for SlowOpener {
    fn open(&mut self, class: &SocketClass) -> std::io::Result<OpenedSocket> {
        *self.0.lock().unwrap() += 1;
        if class.family == Family::V6 {
            std::thread::sleep(Duration::from_millis(2_500));
        }
        OpenedSocket::create(class)
    }
}

#[test]
fn a_stalled_engine_books_overruns_and_never_catches_up_in_a_burst() {
    let opened = Arc::new(Mutex::new(0));
    let mut plan = plan(city(500), Measure::default());
    plan.points.push(point(None, &Arc::new(Measure::default()), 0));
    let mut run = Run::with_opener(plan, fine(), Box::new(SlowOpener(opened.clone())));
    assert!(run.until(Duration::from_secs(5), |samples| count(samples, answered) >= 500));
    run.engine.resolved(1, PointIndex(500), Some(Ipv6Addr::LOCALHOST.into()));
    run.listen(Duration::from_secs(4));
    let (samples, status) = run.stop();
    let overrun = count(&samples, |sample| unmeasured(sample, LocalFault::Overrun));
    assert!((500..=1_500).contains(&overrun), "{overrun} turns missed in 2.5 s");
    assert_eq!(count(&samples, lost), 0, "answers waited in the socket");
    let mut ticks = std::collections::HashMap::<i64, usize>::new();
    for sample in samples.iter().filter(|sample| answered(sample)) {
        *ticks.entry(sample.sent.0 / 10).or_default() += 1;
    }
    assert!(ticks.values().all(|&sent| sent <= 2 * (16 + 4 * 10)), "{:?}", ticks.values().max());
    assert!(status.lag > Duration::from_secs(1), "{:?}", status.lag);
    assert_eq!(*opened.lock().unwrap(), 2);
}
