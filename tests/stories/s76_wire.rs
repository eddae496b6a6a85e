//! What the ledger and the profiles say of a point is what leaves the machine: read from the wire, in both families.

use std::{collections::HashMap, net::IpAddr, os::fd::AsRawFd, time::Duration};

use linkpatrol::clock::monotonic_nanos;
use socket2::{Domain, Protocol, Socket, Type};

use crate::site::Site;

/// An echo request as it left, without what is in it.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    interface: u32,
    from: IpAddr,
    /// Whole packet with its IP header, bytes.
    length: usize,
    dscp: u8,
    hop_limit: u8,
    /// Of IPv4; IPv6 has none.
    dont_fragment: Option<bool>,
    first_fragment: bool,
}

/// The echo request in a network-layer packet, and whom it is for. `None` for all else.
fn read(packet: &[u8], interface: u32) -> Option<(IpAddr, Seen)> {
    let four = |at: usize| Some(IpAddr::from(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?));
    let six = |at: usize| Some(IpAddr::from(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?));
    let length = packet.len();
    match packet.first()? >> 4 {
        4 if packet.get(9) == Some(&1) && packet.get(20) == Some(&8) => {
            let flags = u16::from_be_bytes([packet[6], packet[7]]);
            let dont_fragment = Some(flags & 0x4000 != 0);
            let first_fragment = flags & 0x3fff == 0x2000;
            let (dscp, hop_limit) = (packet[1] >> 2, packet[8]);
            let from = four(12)?;
            Some((four(16)?, Seen { interface, from, length, dscp, hop_limit, dont_fragment, first_fragment }))
        }
        6 => {
            let first_fragment = packet.get(6) == Some(&44) && packet.get(42..44)?[1] == 1 && packet[42] == 0;
            let kind = match packet.get(6)? {
                58 => packet.get(40)?,
                44 if first_fragment => packet.get(48)?,
                _ => return None,
            };
            let dscp = ((packet[0] & 0x0f) << 4 | packet[1] >> 4) >> 2;
            let seen = Seen {
                interface,
                from: six(8)?,
                length,
                dscp,
                hop_limit: packet[7],
                dont_fragment: None,
                first_fragment,
            };
            (*kind == 128).then_some((six(24)?, seen))
        }
        _ => None,
    }
}

/// Hears everything that crosses any interface of the site.
fn tap() -> Socket {
    let every = i32::from((libc::ETH_P_ALL as u16).to_be());
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(every))).expect("a packet socket");
    socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a time-out");
    socket
}

/// The next packet that leaves, and the number of its interface; `None` for one that arrives, and after a quiet moment.
fn next(tap: &Socket) -> Option<(Vec<u8>, u32)> {
    let mut room = vec![0_u8; 65_536];
    // SAFETY: all zeros is a valid link-layer address.
    let mut place: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    let mut size = libc::socklen_t::try_from(size_of_val(&place)).expect("a few bytes");
    // SAFETY: both buffers live through the call and are as long as it is told.
    let read = unsafe {
        libc::recvfrom(
            tap.as_raw_fd(),
            room.as_mut_ptr().cast(),
            room.len(),
            0,
            (&raw mut place).cast::<libc::sockaddr>(),
            &raw mut size,
        )
    };
    room.truncate(usize::try_from(read).ok()?);
    // Of what arrives at the other end of a pair there is nothing to say.
    (place.sll_pkttype == libc::PACKET_OUTGOING).then_some((room, u32::try_from(place.sll_ifindex).ok()?))
}

const LEDGER: &str = "id,cid,kind,carrier,unit,a_end,z_end,bandwidth,far_address,source,interface,dscp,profile
LL-0001,C-1,private,one,U1,枢纽,远端,100M,10.76.1.1,10.76.0.5,two,46,near
LL-0002,C-2,private,one,U1,枢纽,远端,100M,fd76:1::1,fd76::5,two,46,near
LL-0003,C-3,private,one,U1,枢纽,远端,100M,10.76.1.3,,,,far
LL-0004,C-4,private,one,U1,枢纽,远端,100M,fd76:1::3,,,,far
LL-0005,C-5,private,one,U1,枢纽,远端,100M,10.76.1.5,,,,large
LL-0006,C-6,private,one,U1,枢纽,远端,100M,fd76:1::5,,,,large
LL-0007,C-7,private,one,U1,枢纽,远端,100M,10.76.1.7,,,,large_whole
LL-0008,C-8,private,one,U1,枢纽,远端,100M,fd76:1::7,,,,large_whole
";

/// Two ways lead to every target, and the better one is `one`. Both carry at most 1300 bytes.
#[test]
fn source_interface_dscp_size_df_and_hop_limit_are_on_the_wire_in_both_families() {
    let Some(mut site) = Site::make(1) else { return };
    for (place, name) in [(2, "one"), (5, "two")] {
        for line in [
            format!("ip link add {name} type veth peer name far-{name}"),
            format!("ip link set far-{name} up"),
            format!("ip addr add 10.76.0.{place}/32 dev {name}"),
            format!("ip addr add fd76::{place}/128 dev {name} nodad"),
            format!("ip link set {name} mtu 1300 arp off up"),
            format!("ip route add 10.76.1.0/24 dev {name} metric {place}"),
            format!("ip -6 route add fd76:1::/64 dev {name} metric {place}"),
        ] {
            site.namespace.run(&line.split(' ').collect::<Vec<_>>());
        }
    }
    let profiles = site.path("probes");
    std::fs::create_dir(&profiles).expect("a folder of profiles");
    for file in std::fs::read_dir(crate::harness::root().join("probes")).expect("the shipped profiles") {
        let file = file.expect("a shipped profile").path();
        std::fs::copy(&file, profiles.join(file.file_name().expect("a name"))).expect("a copy");
    }
    for (name, values) in [
        ("near", "size: 200\nhop_limit: 9\ndont_fragment: true"),
        ("far", "size: 24\nhop_limit: 33\ndscp: 8\ndont_fragment: false"),
        ("large", "size: 1400\ndont_fragment: false"),
        ("large_whole", "size: 1400\ndont_fragment: true"),
    ] {
        site.write(&format!("probes/{name}.yaml"), &format!("kind: icmp\nserves: []\n{values}\n"));
    }
    let shipped = crate::harness::root().join("probes").display().to_string();
    site.write("linkpatrol.yaml", &site.read("linkpatrol.yaml").replace(&shipped, "probes"));
    site.write("site/links.csv", LEDGER);
    let tap = site.within(tap);
    let number = |name: &str| {
        let told = site.namespace.run(&["ip", "-o", "link", "show", name]);
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        told.split(':').next().and_then(|text| text.parse().ok()).expect("the number of an interface")
    };
    let (one, two): (u32, u32) = (number("one"), number("two"));
    site.start(&[]);

    let mut seen: HashMap<IpAddr, Vec<Seen>> = HashMap::new();
    let to = |last: &str| last.parse::<IpAddr>().expect("an address");
    let wanted = ["10.76.1.1", "fd76:1::1", "10.76.1.3", "fd76:1::3", "10.76.1.5", "fd76:1::5"].map(to);
    site.wait("two requests to each", |_| {
        for _ in 0..100 {
            if let Some((to, request)) = next(&tap).and_then(|(packet, interface)| read(&packet, interface)) {
                seen.entry(to).or_default().push(request);
            }
            if wanted.iter().all(|to| seen.get(to).is_some_and(|seen| seen.len() >= 2)) {
                return Some(());
            }
        }
        None
    });
    let of = |to: IpAddr, expected: Seen| {
        let seen = &seen[&to];
        assert!(seen.iter().all(|seen| *seen == expected), "{to}: not {expected:?} but {seen:?}");
    };
    let v4 = Seen {
        interface: two,
        from: to("10.76.0.5"),
        length: 20 + 8 + 200,
        dscp: 46,
        hop_limit: 9,
        dont_fragment: Some(true),
        first_fragment: false,
    };
    of(wanted[0], v4.clone());
    of(wanted[1], Seen { from: to("fd76::5"), length: 40 + 8 + 200, dont_fragment: None, ..v4 });
    let v4 = Seen {
        interface: one,
        from: to("10.76.0.2"),
        length: 20 + 8 + 24,
        dscp: 8,
        hop_limit: 33,
        dont_fragment: Some(false),
        first_fragment: false,
    };
    of(wanted[2], v4.clone());
    of(wanted[3], Seen { from: to("fd76::2"), length: 40 + 8 + 24, dont_fragment: None, ..v4 });
    for fragmented in [wanted[4], wanted[5]] {
        assert!(seen[&fragmented].iter().all(|seen| seen.first_fragment), "{fragmented}: {seen:?}");
    }

    // What may not be cut into pieces and does not fit says nothing about the line.
    for (number, whole) in [(7, "10.76.1.7"), (8, "fd76:1::7")] {
        assert!(!seen.contains_key(&to(whole)), "{whole}: {:?}", seen[&to(whole)]);
        let counted = |site: &Site, outcome: &str| {
            site.metric(&format!("linkpatrol_link_probes_total{{link=\"LL-000{number}\",outcome=\"{outcome}\"}}"))
        };
        site.wait("its turns are unmeasured", |site| (counted(site, "unmeasured") >= Some(3.0)).then_some(()));
        assert_eq!(counted(&site, "lost"), Some(0.0), "{whole}");
    }
}

/// The parent has its turn every twenty seconds, and has just had it when what hangs on it is cut: it is asked within three
/// seconds of the first lost request all the same, and what has no part in it is left alone.
#[test]
fn what_a_link_depends_on_is_asked_at_once_when_it_fails() {
    let Some(mut site) = Site::make(3) else { return };
    let links = "id,cid,kind,carrier,unit,a_end,z_end,bandwidth,far_address,interval,depends_on
LL-0001,C-1,private,one,U1,枢纽,远端,100M,127.10.0.1,20s,
LL-0002,C-2,private,one,U2,枢纽,远端,100M,127.10.0.2,,LL-0001
LL-0003,C-3,private,two,U1,枢纽,远端,100M,127.10.0.3,20s,
";
    site.write("site/links.csv", links);
    site.start(&[]);
    site.all_up(3);
    let tap = site.within(tap);
    // The next requests, as they are sent.
    let asked = || {
        let one = || {
            let (packet, interface) = next(&tap)?;
            Some((read(&packet, interface)?.0, Duration::from_nanos(monotonic_nanos())))
        };
        (0..50).filter_map(move |_| one())
    };
    let [parent, child, stranger] = [1, 2, 3].map(|last| IpAddr::from([127, 10, 0, last]));
    let turn = site.wait("the parent's own turn", |_| asked().find(|(to, _)| *to == parent)).1;
    site.cut(2);
    let (mut lost, mut others) = (None, vec![]);
    let again = site.wait("the parent is asked again", |_| {
        let mut requests = asked();
        requests.find_map(|(to, at)| {
            match to {
                to if to == child => _ = lost.get_or_insert(at),
                to if to == stranger => others.push(at),
                _ => {}
            }
            (to == parent).then_some(at)
        })
    });
    let lost = lost.expect("a request that is lost");
    assert!(again - turn < Duration::from_secs(10), "its own turn came after {:?}", again - turn);
    assert!(again - lost < Duration::from_secs(3), "{:?} after the loss", again - lost);
    assert!(others.len() <= 1, "{others:?}");
    // Its answer cleared it: the child is told of by itself.
    let told = site.wait("an incident", |site| site.incidents().into_iter().find(|one| !one["announced"].is_null()));
    assert!(told["parent"].is_null() && site.state(1) == "up", "{told}");
}
