//! Whether the first router towards a target is itself silent: then the silence is ours, not the link's.
//!
//! The proof is the kernel's own: the route to the target leads through a gateway (rtnetlink `RTM_GETROUTE`), and the
//! neighbour table says that this gateway does not answer ARP or neighbour discovery (`INCOMPLETE` or `FAILED`). A
//! target on our own segment has no gateway: its silence stays its own.
//!
//! Limits. A gateway that dies while its entry is fresh is asked again by the kernel only after 30 s or so (`REACHABLE`,
//! `STALE`, `DELAY`, `PROBE`); until then witnesses have to tell. Routes are looked up without the probe's source
//! address. Nothing is asked when the probes' sockets live in another network namespace than this thread.

use std::{
    collections::{HashMap, HashSet},
    io,
    mem::MaybeUninit,
    net::IpAddr,
    os::fd::AsRawFd,
};

use socket2::{Domain, Protocol, Socket, Type};

use super::class::get_option;

/// What is known about routers on our own segments. Asked only while probes go unanswered.
pub struct NextHops {
    netlink: Option<Socket>,
    /// Neighbours (device, address) that do not answer.
    silent: HashSet<(u32, IpAddr)>,
    silent_read: Option<u64>,
    /// Routes to targets, and when they were looked up.
    routes: HashMap<(IpAddr, u32), (Option<Hop>, u64)>,
}

/// A gateway and the device that leads to it.
type Hop = (u32, IpAddr);

/// How long the neighbour table is believed: a fraction of any sensible time-out.
const NEIGHBOURS_KEPT: u64 = 100_000_000;
/// How long a route is believed.
const ROUTES_KEPT: u64 = 5_000_000_000;
/// Most routes remembered: more than the points of any plan on one thread.
const MOST_ROUTES: usize = 1 << 18;

impl NextHops {
    /// Without netlink nothing is ever called silent.
    pub fn open() -> Self {
        let netlink = Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW.cloexec(), Some(Protocol::from(0)));
        if let Err(error) = &netlink {
            tracing::warn!(%error, "no rtnetlink: a silent next hop cannot be told from a silent link");
        }
        Self { netlink: netlink.ok(), silent: HashSet::new(), silent_read: None, routes: HashMap::new() }
    }

    /// Whether `socket` lives in the namespace whose tables are read here.
    pub fn covers(&self, socket: &Socket) -> bool {
        let cookie =
            |socket: &Socket| get_option::<u64>(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_NETNS_COOKIE).ok();
        self.netlink.as_ref().and_then(cookie).is_some_and(|here| cookie(socket) == Some(here))
    }

    /// Whether the gateway towards `target` is silent. `device`: index of the one that the probe is bound to, or zero;
    /// `told`: this host has already called the target unreachable.
    pub fn silent_towards(&mut self, target: IpAddr, device: u32, told: bool, now: u64) -> bool {
        if self.silent_read.is_none_or(|read| now.saturating_sub(read) > NEIGHBOURS_KEPT) {
            self.silent = self.ask(&neighbours_request()).map(|answer| silent_neighbours(&answer)).unwrap_or_default();
            self.silent_read = Some(now);
        }
        if self.silent.is_empty() && !told {
            return false;
        }
        self.gateway(target, device, now).is_some_and(|hop| told || self.silent.contains(&hop))
    }

    fn gateway(&mut self, target: IpAddr, device: u32, now: u64) -> Option<Hop> {
        let known = self.routes.get(&(target, device));
        if let Some((hop, _)) = known.filter(|(_, read)| now.saturating_sub(*read) <= ROUTES_KEPT) {
            return *hop;
        }
        let hop = self.ask(&route_request(target, device)).ok().and_then(|answer| gateway_of(&answer));
        if self.routes.len() >= MOST_ROUTES {
            self.routes.clear();
        }
        self.routes.insert((target, device), (hop, now));
        hop
    }

    /// One request and its whole answer. Netlink answers within the call that asks.
    fn ask(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let Some(netlink) = &self.netlink else { return Err(io::ErrorKind::Unsupported.into()) };
        netlink.send(request)?;
        let mut answer = vec![];
        loop {
            let mut part = Vec::with_capacity(PART);
            let length = netlink.recv_with_flags(spare(&mut part), libc::MSG_DONTWAIT)?;
            // SAFETY: the kernel has written `length` bytes to the vector's spare room.
            unsafe { part.set_len(length) };
            let whole = messages(&part).all(|message| message.kind != DONE && message.flags & MULTI == 0);
            let done = messages(&part).any(|message| message.kind == DONE);
            answer.append(&mut part);
            if whole || done {
                return Ok(answer);
            }
        }
    }
}

/// 32 KiB: the largest part of a dump that the kernel makes.
const PART: usize = 32 << 10;

fn spare(part: &mut Vec<u8>) -> &mut [MaybeUninit<u8>] {
    part.spare_capacity_mut()
}

const DONE: u16 = libc::NLMSG_DONE as u16;
const MULTI: u16 = libc::NLM_F_MULTI as u16;
/// Length of `nlmsghdr`, and of `ndmsg` and `rtmsg` alike.
const HEADER: usize = 16;
const BODY: usize = 12;

fn request(kind: u16, flags: i32, body: [u8; BODY], attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    bytes.extend(body);
    for (kind, value) in attributes {
        bytes.extend((4 + value.len() as u16).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(*value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    let length = bytes.len() as u32;
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
    bytes[6..8].copy_from_slice(&((flags | libc::NLM_F_REQUEST) as u16).to_ne_bytes());
    bytes
}

fn neighbours_request() -> Vec<u8> {
    request(libc::RTM_GETNEIGH, libc::NLM_F_DUMP, [0; BODY], &[])
}

fn route_request(target: IpAddr, device: u32) -> Vec<u8> {
    let octets = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let family = if target.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let (target, device) = (octets(target), device.to_ne_bytes());
    let mut body = [0; BODY];
    (body[0], body[1]) = (family as u8, target.len() as u8 * 8);
    let mut attributes: Vec<(u16, &[u8])> = vec![(libc::RTA_DST, &target)];
    if device != [0; 4] {
        attributes.push((libc::RTA_OIF, &device));
    }
    request(libc::RTM_GETROUTE, 0, body, &attributes)
}

/// One netlink message.
struct Message<'a> {
    kind: u16,
    flags: u16,
    body: &'a [u8],
}

impl Message<'_> {
    /// Attributes behind the fixed body.
    fn attributes(&self) -> impl Iterator<Item = (u16, &[u8])> {
        let mut rest = self.body.get(BODY..).unwrap_or_default();
        std::iter::from_fn(move || {
            let length = usize::from(u16::from_ne_bytes(*rest.first_chunk()?));
            let kind = u16::from_ne_bytes(*rest.get(2..)?.first_chunk()?);
            let value = rest.get(4..length)?;
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            Some((kind, value))
        })
    }

    fn attribute(&self, kind: u16) -> Option<&[u8]> {
        self.attributes().find(|(known, _)| *known == kind).map(|(_, value)| value)
    }
}

fn messages(bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(*rest.first_chunk()?) as usize;
        let kind = u16::from_ne_bytes(*rest.get(4..)?.first_chunk()?);
        let flags = u16::from_ne_bytes(*rest.get(6..)?.first_chunk()?);
        let body = rest.get(HEADER..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Message { kind, flags, body })
    })
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

/// `ndmsg`: family, padding, device (4..8), state (8..10).
fn silent_neighbours(answer: &[u8]) -> HashSet<Hop> {
    let silent = |message: Message<'_>| {
        let device = u32::from_ne_bytes(*message.body.get(4..)?.first_chunk()?);
        let state = u16::from_ne_bytes(*message.body.get(8..)?.first_chunk()?);
        let unanswered = state & (libc::NUD_INCOMPLETE | libc::NUD_FAILED) != 0;
        Some((device, address(message.attribute(libc::NDA_DST)?)?)).filter(|_| unanswered)
    };
    messages(answer).filter(|message| message.kind == libc::RTM_NEWNEIGH).filter_map(silent).collect()
}

/// `None`: the target is on our own segment, or there is no route.
fn gateway_of(answer: &[u8]) -> Option<Hop> {
    let route = messages(answer).find(|message| message.kind == libc::RTM_NEWROUTE)?;
    let device = u32::from_ne_bytes(*route.attribute(libc::RTA_OIF)?.first_chunk()?);
    // RTA_VIA: a gateway of the other family, behind its family number.
    let gateway = route.attribute(libc::RTA_GATEWAY).or_else(|| route.attribute(RTA_VIA)?.get(2..))?;
    Some((device, address(gateway)?))
}

const RTA_VIA: u16 = 18;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn this_host_knows_the_way_to_itself() {
        let mut hops = NextHops::open();
        let loopback: IpAddr = [127, 0, 0, 1].into();
        assert_eq!(hops.gateway(loopback, 0, 0), None, "no gateway on loopback");
        assert!(!hops.silent_towards(loopback, 0, true, 0));
        assert!(hops.covers(&Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap()));
    }

    proptest! {
        #[test]
        fn garbage_from_netlink_is_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (silent_neighbours(&bytes), gateway_of(&bytes));
        }
    }
}
