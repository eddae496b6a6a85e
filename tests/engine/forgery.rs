//! What others send us: forged, foreign, broken, late and repeated answers.

use std::{
    mem::MaybeUninit,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use linkpatrol::{probe::icmp::Options, profile::Measure, sample::Event};
use pnet::util::checksum;
use socket2::{Domain, Protocol, Socket, Type};

use crate::run::{Namespace, answered, count, lost, plan, quick, tally};

const LIMIT: Duration = Duration::from_secs(8);

fn raw(address: [u8; 4]) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
    socket.bind(&SocketAddr::from((address, 0)).into()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    socket
}

/// The next echo request that reaches this socket, with its IP header.
fn next_request(socket: &Socket) -> Option<Vec<u8>> {
    for _ in 0..1_000 {
        let mut room = [MaybeUninit::uninit(); 2048];
        let length = socket.recv(&mut room).ok()?;
        // SAFETY: the kernel has written `length` bytes.
        let packet: Vec<u8> = room[..length].iter().map(|byte| unsafe { byte.assume_init() }).collect();
        if packet.get(20) == Some(&8) {
            return Some(packet);
        }
    }
    None
}

/// The reply to a request, checksum included.
fn reply_to(request: &[u8]) -> Vec<u8> {
    let mut reply = request[20..].to_vec();
    reply[0] = 0;
    seal(&mut reply);
    reply
}

fn seal(message: &mut [u8]) {
    let sum = checksum(message, 1);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
}

/// Where the request came from.
fn asker(request: &[u8]) -> SocketAddr {
    (Ipv4Addr::new(request[12], request[13], request[14], request[15]), 0).into()
}

#[test]
fn ten_thousand_forged_and_foreign_packets_change_nothing() {
    let Some(namespace) = Namespace::new() else { return };
    let targets = [[127, 1, 0, 1].into(), [127, 1, 0, 2].into()];
    let mut run = namespace.start(plan(targets, quick()), Options::default());
    assert!(run.until(LIMIT, |samples| count(samples, answered) >= 4));
    namespace.run(|| {
        let (listener, stranger) = (raw([127, 1, 0, 1]), raw([127, 0, 0, 9]));
        let mut request = next_request(&listener).expect("probes go on");
        for round in 0..2_000_u32 {
            if round % 200 == 0 {
                request = next_request(&listener).expect("probes go on");
            }
            let (whole, to) = (reply_to(&request), asker(&request).into());
            let changed = |places: &[usize]| {
                let mut message = whole.clone();
                places.iter().for_each(|&place| message[place] ^= 1 + (round % 255) as u8);
                seal(&mut message);
                message
            };
            // Right in all but the address it comes from; another's identifier; nonce, tag and padding changed; cut.
            stranger.send_to(&whole, &to).unwrap();
            listener.send_to(&changed(&[4]), &to).unwrap();
            listener.send_to(&changed(&[8 + 8 + round as usize % 8]), &to).unwrap();
            listener.send_to(&changed(&[8 + 16 + round as usize % 40]), &to).unwrap();
            let mut cut = whole[..8 + 24].to_vec();
            seal(&mut cut);
            listener.send_to(&cut, &to).unwrap();
        }
    });
    assert!(run.until(LIMIT, |samples| count(samples, answered) >= 30));
    let (samples, status) = run.stop();
    assert_eq!(count(&samples, answered), samples.len(), "{samples:?}");
    for (reason, least) in [("wrong_source", 1_900), ("bad_payload", 3_900), ("truncated", 1_900)] {
        assert!(tally(&status.rejected, reason) >= least, "{reason}: {:?}", status.rejected);
    }
}

/// A far end that answers each address in its own wrong way.
#[test]
fn wrong_source_broken_late_and_repeated_answers_are_told_apart() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.sh("echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all");
    let stranger = [127, 2, 0, 99];
    let far_ends = [[127, 2, 0, 1], [127, 2, 0, 2], [127, 2, 0, 3], [127, 2, 0, 4], [127, 2, 0, 5]];
    namespace.run(move || {
        for (place, address) in far_ends.into_iter().enumerate() {
            let (socket, stranger) = (raw(address), raw(stranger));
            std::thread::spawn(move || {
                while let Some(request) = next_request(&socket) {
                    let (mut reply, to) = (reply_to(&request), asker(&request).into());
                    let sent = match place {
                        0 => socket.send_to(&reply, &to),
                        1 => socket.send_to(&reply, &to).and_then(|_| socket.send_to(&reply, &to)),
                        2 => stranger.send_to(&reply, &to),
                        3 => {
                            reply[50] ^= 1;
                            socket.send_to(&reply, &to)
                        }
                        _ => {
                            std::thread::sleep(Duration::from_millis(350));
                            socket.send_to(&reply, &to)
                        }
                    };
                    if sent.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let measure = Measure { interval: Duration::from_millis(400), ..quick() };
    let mut run = namespace.start(plan(far_ends.map(Into::into), measure), Options::default());
    let late = |sample: &linkpatrol::sample::Sample| matches!(sample.event, Event::Late(_));
    assert!(run.until(LIMIT, |samples| count(samples, late) >= 3));
    let (samples, status) = run.stop();
    let of = |point: u32| samples.iter().filter(move |sample| sample.point.0 == point).copied().collect::<Vec<_>>();
    assert!(of(0).iter().all(answered));
    let repeated = count(&of(1), |sample| sample.event == Event::Duplicate);
    assert!(repeated >= 2 && repeated.abs_diff(count(&of(1), answered)) <= 1);
    for point in [2, 3] {
        assert!(!of(point).is_empty() && of(point).iter().all(lost), "{point}: {:?}", of(point));
    }
    assert!(of(4).iter().all(|sample| lost(sample) || late(sample)));
    assert!(tally(&status.rejected, "wrong_source") > 0 && tally(&status.rejected, "bad_checksum") > 0);
}

#[test]
fn source_hop_limit_traffic_class_size_and_df_are_as_the_profile_says() {
    let Some(namespace) = Namespace::new() else { return };
    let measure = Measure {
        source: Some([127, 0, 0, 5].into()),
        hop_limit: 9,
        dscp: 46,
        size: 200,
        dont_fragment: true,
        ..quick()
    };
    let plain = Measure { hop_limit: 64, ..quick() };
    let listener = namespace.run(|| (raw([127, 3, 0, 1]), raw([127, 3, 0, 2])));
    let run = namespace.start(plan([[127, 3, 0, 1].into()], measure), Options::default());
    let packet = next_request(&listener.0).expect("a probe");
    run.stop();
    assert_eq!((packet[8], packet[1], &packet[12..16]), (9, 46 << 2, &[127, 0, 0, 5][..]));
    assert_eq!((packet.len(), packet[6] & 0x40), (20 + 8 + 200, 0x40));
    let run = namespace.start(plan([[127, 3, 0, 2].into()], plain), Options::default());
    let packet = next_request(&listener.1).expect("a probe");
    run.stop();
    assert_eq!((packet[8], packet[1], packet[6] & 0x40, packet.len()), (64, 0, 0, 20 + 8 + 56));
}
