//! Faults of this host: every one of them is unmeasured, and none is loss.

use std::time::Duration;

use linkpatrol::{
    probe::{
        Prober,
        icmp::{Mode, Options},
    },
    profile::Measure,
    sample::{Event, LocalFault, Outcome, Sample, Stamps},
};

use crate::run::{Namespace, Run, answered, city, count, join, lost, pair, plan, quick, tally, unmeasured};

const LIMIT: Duration = Duration::from_secs(8);

/// Gives up CAP_NET_RAW for the calling thread and those that it starts.
fn drop_raw_right() {
    const VERSION_3: u32 = 0x2008_0522;
    const NET_RAW: u32 = 1 << 13;
    let header = [VERSION_3, 0];
    // Effective, permitted, inheritable; low words, then high words.
    let mut sets = [0_u32; 6];
    // SAFETY: both arrays are laid out as capget(2) says, and live through the calls.
    let answers = unsafe {
        let got = libc::syscall(libc::SYS_capget, header.as_ptr(), sets.as_mut_ptr());
        sets[..3].iter_mut().for_each(|set| *set &= !NET_RAW);
        (got, libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()))
    };
    assert_eq!(answers, (0, 0), "{}", std::io::Error::last_os_error());
}

#[test]
fn without_the_right_to_raw_sockets_every_turn_is_unmeasured_and_the_engine_lives_on() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.run(drop_raw_right);
    let mut run = namespace.start(plan(city(20), quick()), Options::default());
    let fault = |sample: &_| unmeasured(sample, LocalFault::NoRawSocketRight);
    assert!(run.until(LIMIT, |samples| count(samples, fault) >= 60));
    assert_eq!(run.engine.status().mode, "no_right");
    // The right to ping sockets is given while it runs.
    namespace.sh("echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range");
    assert!(run.until(LIMIT, |samples| count(samples, answered) >= 60));
    let (samples, status) = run.stop();
    assert_eq!(status.mode, "ping");
    assert_eq!(count(&samples, lost), 0);
}

#[test]
fn ping_sockets_measure_with_kernel_stamps_too() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.sh("echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range");
    let options = Options { mode: Mode::Ping, ..Options::default() };
    let to = [[127, 0, 0, 1].into(), "::1".parse().unwrap()];
    let mut run = namespace.start(plan(to, quick()), options);
    assert!(run.until(LIMIT, |samples| samples.len() >= 20));
    let (samples, status) = run.stop();
    assert_eq!(count(&samples, answered), samples.len(), "{status:?}");
    assert!(status.stamps[Stamps::Kernel as usize] >= 20, "{status:?}");
}

#[test]
fn an_overflowing_receive_buffer_is_unmeasured_not_lost() {
    let options = Options { receive_buffer: 1, ..Options::default() };
    let measure = Measure { timeout: Duration::from_millis(300), ..Measure::default() };
    let mut run = Run::start(plan(city(1631), measure), options);
    let fault = |sample: &_| unmeasured(sample, LocalFault::ReceiveOverflow);
    assert!(run.until(LIMIT, |samples| count(samples, fault) >= 500));
    let (samples, status) = run.stop();
    assert_eq!(count(&samples, lost), 0, "{status:?}");
    assert!(status.socket_buffer_bytes < 10_000);
}

#[test]
fn what_a_local_firewall_refuses_is_unmeasured() {
    let Some(namespace) = Namespace::new() else { return };
    let mut run = namespace.start(plan(city(10), quick()), Options::default());
    assert!(run.until(LIMIT, |samples| count(samples, answered) >= 20));
    namespace.sh("nft add table t
         nft add chain t o '{ type filter hook output priority 0; }'
         nft add rule t o ip protocol icmp drop");
    let fault = |sample: &_| unmeasured(sample, LocalFault::SendRefused(libc::EPERM));
    assert!(run.until(LIMIT, |samples| count(samples, fault) >= 50));
    namespace.sh("nft flush ruleset");
    run.samples.clear();
    assert!(run.until(LIMIT, |samples| count(samples, answered) >= 50));
    let (samples, status) = run.stop();
    // A reply dropped on its way through the output hook of the far end, which is this host, is honestly lost.
    assert!(count(&samples, lost) <= 10, "{status:?}");
    assert!(tally(&status.drops, "send_eperm") >= 50);
}

#[test]
fn no_route_is_unmeasured() {
    let Some(namespace) = Namespace::new() else { return };
    let mut run = namespace.start(plan([[198, 18, 0, 1].into()], quick()), Options::default());
    let fault = |sample: &_| unmeasured(sample, LocalFault::SendRefused(libc::ENETUNREACH));
    assert!(run.until(LIMIT, |samples| samples.len() >= 5));
    let (samples, _) = run.stop();
    assert_eq!(count(&samples, fault), samples.len());
}

#[test]
fn a_full_device_queue_is_unmeasured() {
    let Some((near, _peer)) = pair() else { return };
    near.sh("tc qdisc add dev near root bfifo limit 10");
    let mut run = near.start(plan([[10, 98, 0, 2].into()], quick()), Options::default());
    let fault = |sample: &_| unmeasured(sample, LocalFault::SendRefused(libc::ENOBUFS));
    // Address resolution is dropped by the same queue: until the neighbour is given, that is what is seen.
    near.sh("ip neigh replace 10.98.0.2 lladdr 02:00:00:00:00:01 dev near");
    assert!(run.until(LIMIT, |samples| count(samples, fault) >= 5), "{:?}", run.samples);
    let (samples, _) = run.stop();
    assert_eq!(count(&samples, lost), 0);
}

#[test]
fn an_interface_that_vanishes_is_unmeasured_and_is_found_again() {
    let Some((near, peer)) = pair() else { return };
    let measure = Measure { interface: Some("near".into()), ..quick() };
    let mut run = near.start(plan([[10, 98, 0, 2].into()], measure), Options::default());
    assert!(run.until(LIMIT, |samples| count(samples, answered) >= 5), "{:?}", run.samples);
    near.sh("ip link del near");
    let gone = |sample: &_| unmeasured(sample, LocalFault::InterfaceGone);
    assert!(run.until(LIMIT, |samples| count(samples, gone) >= 8), "{:?}", run.samples);
    join(&near, &peer);
    run.samples.clear();
    assert!(run.until(LIMIT, |samples| count(samples, answered) >= 5), "{:?}", run.samples);
    let (samples, _) = run.stop();
    assert_eq!(count(&samples, lost), 0);
}

#[test]
fn a_source_address_that_is_not_ours_is_unmeasured() {
    let measure = Measure { source: Some([192, 0, 2, 1].into()), ..quick() };
    let mut run = Run::start(plan([[127, 0, 0, 1].into()], measure), Options::default());
    assert!(run.until(LIMIT, |samples| samples.len() >= 3));
    let (samples, _) = run.stop();
    // EINVAL, EADDRNOTAVAIL or, from newer kernels, ENETUNREACH.
    let ours = |sample: &Sample| matches!(sample.event, Event::Ended(Outcome::Unmeasured(_)));
    assert_eq!(count(&samples, ours), samples.len(), "{samples:?}");
}

/// Behind a gateway that does not answer ARP: our side. On our own segment: the target's silence is its own.
#[test]
fn a_silent_next_hop_is_unmeasured_and_a_silent_neighbour_is_lost() {
    let Some((near, peer)) = pair() else { return };
    near.sh("ip route add 198.18.0.0/16 via 10.98.0.254\n ip route add 198.19.0.0/16 via 10.98.0.2");
    peer.sh("ip addr add 198.19.0.1/32 dev lo\n ip route add blackhole 198.19.0.2/32");
    let to = [[198, 18, 0, 1], [10, 98, 0, 77], [198, 19, 0, 1], [198, 19, 0, 2]].map(std::net::IpAddr::from);
    let mut run = near.start(plan(to, quick()), Options::default());
    // Neighbour discovery fails after three seconds; both before and after that, and through its retries.
    run.listen(Duration::from_secs(5));
    // The gateway appears.
    peer.sh("ip addr add 10.98.0.254/24 dev peer\n ip addr add 198.18.0.1/32 dev lo");
    let now = run.samples.len();
    assert!(run.until(LIMIT, |samples| count(&samples[now..], |sample| sample.point.0 == 0 && answered(sample)) > 3));
    let (samples, status) = run.stop();
    let of = |point: u32| samples.iter().filter(move |sample| sample.point.0 == point).copied().collect::<Vec<_>>();
    assert_eq!(count(&of(0), lost), 0, "{status:?}");
    assert!(count(&of(0), |sample| unmeasured(sample, LocalFault::NextHopSilent)) > 20);
    assert_eq!(
        count(&of(1), lost),
        of(1).len(),
        "on our own segment: {:?}",
        of(1).iter().filter(|sample| !lost(sample)).collect::<Vec<_>>()
    );
    assert_eq!(count(&of(2), answered), of(2).len(), "behind a gateway that answers");
    assert_eq!(count(&of(3), lost), of(3).len(), "silent behind a gateway that answers");
}
