//! The packets: echo requests out, echo replies and ICMP errors in.
//!
//! ```text
//! ICMP echo header (8)  │ type code checksum identifier sequence
//! mark (24)             │ "LP" version 0 │ slot (4) │ nonce (8) │ tag (8)
//! padding               │ byte n of the payload is n modulo 256
//! ```
//!
//! The tag is SipHash over (destination, identifier, sequence, slot, nonce) under a key of this process: nobody who has
//! not seen the request can answer it. Pure; whatever bytes come in, nothing here panics.

use std::{hash::Hasher, net::IpAddr};

use pnet::{
    packet::{
        Packet,
        icmp::{IcmpTypes, echo_reply::EchoReplyPacket, echo_request::MutableEchoRequestPacket},
        icmpv6::{Icmpv6Code, Icmpv6Types, MutableIcmpv6Packet},
        ip::IpNextHeaderProtocols,
        ipv4::Ipv4Packet,
        ipv6::Ipv6Packet,
    },
    util,
};
use siphasher::sip::SipHasher13;

use super::class::Family;
use crate::sample::Explanation;

/// ICMP echo header.
pub const HEADER: usize = 8;
/// What stands at the head of every payload: the least that a profile may ask for.
pub const MARK: usize = 24;
const MAGIC: [u8; 4] = [b'L', b'P', 1, 0];

/// What one of our payloads says about its probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Running number of the probe; its low half is the sequence number.
    pub slot: u32,
    pub nonce: u64,
    pub tag: u64,
}

impl Mark {
    /// `None` when `payload` is too short or not ours.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let (magic, rest) = payload.split_first_chunk()?;
        let (slot, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (tag, _) = rest.split_first_chunk()?;
        (*magic == MAGIC).then_some(Self {
            slot: u32::from_be_bytes(*slot),
            nonce: u64::from_be_bytes(*nonce),
            tag: u64::from_be_bytes(*tag),
        })
    }

    fn write(&self, payload: &mut [u8]) {
        payload[..4].copy_from_slice(&MAGIC);
        payload[4..8].copy_from_slice(&self.slot.to_be_bytes());
        payload[8..16].copy_from_slice(&self.nonce.to_be_bytes());
        payload[16..MARK].copy_from_slice(&self.tag.to_be_bytes());
    }
}

/// Secret of this process.
#[derive(Clone, Copy)]
pub struct Key(u64, u64);

impl Key {
    pub fn random() -> Self {
        Self(rand::random(), rand::random())
    }

    pub fn tag(&self, destination: IpAddr, identifier: u16, sequence: u16, slot: u32, nonce: u64) -> u64 {
        let address = match destination {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        hasher.write(&address);
        hasher.write_u64(u64::from(identifier) << 48 | u64::from(sequence) << 32 | u64::from(slot));
        hasher.write_u64(nonce);
        hasher.finish()
    }
}

/// Fills `payload` as every payload looks behind its mark. Done once per buffer.
pub fn pad(message: &mut [u8]) {
    for (place, byte) in message.iter_mut().skip(HEADER).enumerate() {
        *byte = place as u8;
    }
}

/// Writes an echo request without a mark over a padded `message`: for a socket of its own, whose probes need none.
pub fn write_plain(message: &mut [u8], family: Family, identifier: u16, sequence: u16) {
    write_header(message, family, identifier, sequence);
}

/// Whether `answer` is the reply to `request`: the same in all but type and checksum. The identifier is the kernel's matter,
/// which has looked at it.
pub fn answers(answer: &[u8], request: &[u8], family: Family) -> bool {
    let reply = match family {
        Family::V4 => 0,
        Family::V6 => 129,
    };
    answer.len() == request.len() && answer.starts_with(&[reply, 0]) && answer[6..] == request[6..]
}

/// Writes an echo request over a padded `message` of header and payload.
pub fn write_request(message: &mut [u8], family: Family, identifier: u16, sequence: u16, mark: &Mark) {
    mark.write(&mut message[HEADER..]);
    write_header(message, family, identifier, sequence);
}

fn write_header(message: &mut [u8], family: Family, identifier: u16, sequence: u16) {
    match family {
        Family::V4 => {
            let Some(mut packet) = MutableEchoRequestPacket::new(message) else { return };
            packet.set_icmp_type(IcmpTypes::EchoRequest);
            packet.set_identifier(identifier);
            packet.set_sequence_number(sequence);
            // Word 1 is the checksum itself.
            let checksum = util::checksum(packet.packet(), 1);
            packet.set_checksum(checksum);
        }
        Family::V6 => {
            // The kernel writes the checksum of ICMPv6 (RFC 3542, section 3.1).
            message[4..6].copy_from_slice(&identifier.to_be_bytes());
            message[6..HEADER].copy_from_slice(&sequence.to_be_bytes());
            let Some(mut packet) = MutableIcmpv6Packet::new(message) else { return };
            packet.set_icmpv6_type(Icmpv6Types::EchoRequest);
            packet.set_icmpv6_code(Icmpv6Code(0));
        }
    }
}

/// Why a packet that reached us is no answer. Counted, never judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// Shorter than it should be.
    Truncated,
    BadChecksum,
    /// Mark or padding are not as we sent them.
    BadPayload,
    /// A good answer from an address that was not asked.
    WrongSource,
    /// One of ours, but too old to be remembered.
    UnknownProbe,
    /// Not about us at all.
    Foreign,
}

impl Reject {
    pub const ALL: [Self; 6] =
        [Self::Truncated, Self::BadChecksum, Self::BadPayload, Self::WrongSource, Self::UnknownProbe, Self::Foreign];

    /// Value of label `reason`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::BadChecksum => "bad_checksum",
            Self::BadPayload => "bad_payload",
            Self::WrongSource => "wrong_source",
            Self::UnknownProbe => "unknown_probe",
            Self::Foreign => "foreign",
        }
    }
}

/// What came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    Reply(Echo),
    Error(Quote),
}

/// An echo reply with an intact mark and padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    pub identifier: u16,
    pub sequence: u16,
    pub mark: Mark,
    /// Payload bytes.
    pub size: usize,
}

/// An ICMP error about one of our requests. Routers may quote only 8 bytes of it: no mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    pub explanation: Explanation,
    /// Our own address, as the request carried it; `None` where the kernel does not hand it on.
    pub source: Option<IpAddr>,
    pub destination: IpAddr,
    pub identifier: u16,
    pub sequence: u16,
}

/// A message without its IP header.
pub fn read(message: &[u8], family: Family) -> Result<Incoming, Reject> {
    match (family, message.first()) {
        (_, None) => Err(Reject::Truncated),
        (Family::V4, Some(0)) => {
            if message.len() >= HEADER && util::checksum(message, 1) != u16::from_be_bytes([message[2], message[3]]) {
                return Err(Reject::BadChecksum);
            }
            let packet = EchoReplyPacket::new(message).ok_or(Reject::Truncated)?;
            echo(packet.get_identifier(), packet.get_sequence_number(), packet.payload()).map(Incoming::Reply)
        }
        // The kernel has checked the checksum.
        (Family::V6, Some(129)) => {
            let (identifier, sequence) = ids(message).ok_or(Reject::Truncated)?;
            echo(identifier, sequence, &message[HEADER..]).map(Incoming::Reply)
        }
        (_, Some(_)) => error(message, family).map(Incoming::Error),
    }
}

/// An IPv4 packet as raw sockets see it: its TTL and the message in it.
pub fn unwrap_v4(packet: &[u8]) -> Option<(u8, &[u8])> {
    let header = Ipv4Packet::new(packet)?;
    let start = usize::from(header.get_header_length()) * 4;
    let end = usize::from(header.get_total_length()).min(packet.len());
    Some((header.get_ttl(), packet.get(start..end)?))
}

fn echo(identifier: u16, sequence: u16, payload: &[u8]) -> Result<Echo, Reject> {
    if payload.len() < MARK {
        return Err(Reject::Truncated);
    }
    let mark = Mark::read(payload).ok_or(Reject::BadPayload)?;
    let padded = payload.iter().enumerate().skip(MARK).all(|(place, byte)| *byte == place as u8);
    padded.then_some(Echo { identifier, sequence, mark, size: payload.len() }).ok_or(Reject::BadPayload)
}

/// Identifier and sequence number of an echo message of either family.
fn ids(message: &[u8]) -> Option<(u16, u16)> {
    let ids = message.get(4..HEADER)?;
    Some((u16::from_be_bytes([ids[0], ids[1]]), u16::from_be_bytes([ids[2], ids[3]])))
}

fn error(message: &[u8], family: Family) -> Result<Quote, Reject> {
    let [kind, code] = *message.first_chunk().ok_or(Reject::Truncated)?;
    let explanation = explain(family, kind, code).ok_or(Reject::Foreign)?;
    let quoted = message.get(HEADER..).ok_or(Reject::Truncated)?;
    let (source, destination, request): (IpAddr, IpAddr, &[u8]) = match family {
        Family::V4 => {
            let header = Ipv4Packet::new(quoted).ok_or(Reject::Truncated)?;
            if header.get_next_level_protocol() != IpNextHeaderProtocols::Icmp {
                return Err(Reject::Foreign);
            }
            let start = usize::from(header.get_header_length()) * 4;
            (header.get_source().into(), header.get_destination().into(), quoted.get(start..).unwrap_or_default())
        }
        Family::V6 => {
            let header = Ipv6Packet::new(quoted).ok_or(Reject::Truncated)?;
            if header.get_next_header() != IpNextHeaderProtocols::Icmpv6 {
                return Err(Reject::Foreign);
            }
            (header.get_source().into(), header.get_destination().into(), quoted.get(40..).unwrap_or_default())
        }
    };
    quote(request, family, explanation, Some(source), destination)
}

/// An error about the `request` that the kernel looped back on the error queue.
pub fn quote(
    request: &[u8],
    family: Family,
    explanation: Explanation,
    source: Option<IpAddr>,
    destination: IpAddr,
) -> Result<Quote, Reject> {
    let asked = request.first().is_some_and(|&kind| kind == request_type(family));
    let (identifier, sequence) = ids(request).ok_or(Reject::Truncated)?;
    asked.then_some(Quote { explanation, source, destination, identifier, sequence }).ok_or(Reject::Foreign)
}

/// What an ICMP error of this type and code says; `None` for other messages (RFC 792, RFC 4443).
pub fn explain(family: Family, kind: u8, code: u8) -> Option<Explanation> {
    Some(match (family, kind, code) {
        (Family::V4, 3, 4) | (Family::V6, 2, _) => Explanation::PacketTooBig,
        (Family::V4, 3, code) | (Family::V6, 1, code) => Explanation::Unreachable(code),
        (Family::V4, 11, _) | (Family::V6, 3, _) => Explanation::TimeExceeded,
        (Family::V4, 12, _) | (Family::V6, 4, _) => Explanation::Other,
        _ => return None,
    })
}

/// Finds our own request in a frame that the kernel looped back with its send stamp. What stands before the ICMP header
/// depends on the device (0, 14, 18 … bytes, then IP); `hint` remembers where it stood last time.
pub fn find_request(frame: &[u8], family: Family, identifier: u16, hint: &mut usize) -> Option<Mark> {
    let here = |at: usize| {
        let message = frame.get(at..)?;
        let ours = message.first() == Some(&request_type(family)) && ids(message)?.0 == identifier;
        if ours { Mark::read(&message[HEADER..]) } else { None }
    };
    here(*hint).or_else(|| {
        (0..frame.len()).find_map(|at| {
            let mark = here(at)?;
            *hint = at;
            Some(mark)
        })
    })
}

fn request_type(family: Family) -> u8 {
    match family {
        Family::V4 => 8,
        Family::V6 => 128,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 18, 0, 1));
    const V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 1));

    fn mark(slot: u32) -> Mark {
        Mark { slot, nonce: 0x0123_4567_89ab_cdef, tag: 42 }
    }

    pub fn request(family: Family, identifier: u16, slot: u32, size: usize) -> Vec<u8> {
        let mut message = vec![0; HEADER + size];
        pad(&mut message);
        write_request(&mut message, family, identifier, slot as u16, &mark(slot));
        message
    }

    /// What a host makes of a request.
    fn reply(family: Family, identifier: u16, slot: u32, size: usize) -> Vec<u8> {
        let mut message = request(family, identifier, slot, size);
        if family == Family::V4 {
            message[0] = 0;
            let checksum = util::checksum(&message, 1);
            message[2..4].copy_from_slice(&checksum.to_be_bytes());
        } else {
            message[0] = 129;
        }
        message
    }

    fn ip_v4(protocol: u8, message: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 61, protocol, 0, 0, 10, 0, 0, 1, 198, 18, 0, 1];
        packet.extend(message);
        let length = packet.len() as u16;
        packet[2..4].copy_from_slice(&length.to_be_bytes());
        packet
    }

    fn ip_v6(message: &[u8]) -> Vec<u8> {
        let IpAddr::V6(to) = V6 else { unreachable!() };
        let mut packet = vec![0x60, 0, 0, 0, 0, 0, 58, 64];
        packet[5] = message.len() as u8;
        packet.extend(to.octets());
        packet.extend(to.octets());
        packet.extend(message);
        packet
    }

    #[test]
    fn a_reply_gives_back_what_was_asked() {
        for (family, size) in [(Family::V4, 24), (Family::V4, 1472), (Family::V6, 56), (Family::V6, 57)] {
            let Ok(Incoming::Reply(echo)) = read(&reply(family, 7, 0x5_0009, size), family) else {
                panic!("{family:?}")
            };
            assert_eq!(echo, Echo { identifier: 7, sequence: 9, mark: mark(0x5_0009), size });
        }
    }

    #[test]
    fn what_happened_to_a_reply_on_its_way_is_told_apart() {
        let mut broken = reply(Family::V4, 7, 9, 56);
        broken[40] ^= 1;
        assert_eq!(read(&broken, Family::V4), Err(Reject::BadChecksum));
        let mut mended = reply(Family::V6, 7, 9, 56);
        mended[40] ^= 1;
        assert_eq!(read(&mended, Family::V6), Err(Reject::BadPayload));
        let short = reply(Family::V6, 7, 9, 56);
        assert_eq!(read(&short[..20], Family::V6), Err(Reject::Truncated));
        assert_eq!(read(&[], Family::V4), Err(Reject::Truncated));
        assert_eq!(read(&[13, 0, 0, 0, 0, 0, 0, 0], Family::V4), Err(Reject::Foreign));
    }

    #[test]
    fn an_error_that_quotes_eight_bytes_still_names_the_probe() {
        let quoted = ip_v4(1, &request(Family::V4, 7, 9, 56)[..8]);
        let message = [vec![3, 1, 0, 0, 0, 0, 0, 0], quoted].concat();
        let source = Some([10, 0, 0, 1].into());
        let quote =
            Quote { explanation: Explanation::Unreachable(1), source, destination: V4, identifier: 7, sequence: 9 };
        assert_eq!(read(&message, Family::V4), Ok(Incoming::Error(quote)));

        let message = [vec![2, 0, 0, 0, 0, 0, 5, 0], ip_v6(&request(Family::V6, 7, 9, 56))].concat();
        let Ok(Incoming::Error(quote)) = read(&message, Family::V6) else { panic!() };
        assert_eq!((quote.explanation, quote.destination), (Explanation::PacketTooBig, V6));

        let of_udp = [vec![3, 3, 0, 0, 0, 0, 0, 0], ip_v4(17, &[8; 8])].concat();
        assert_eq!(read(&of_udp, Family::V4), Err(Reject::Foreign));
    }

    #[test]
    fn a_looped_back_request_is_found_behind_any_link_header() {
        let mut hint = 0;
        for link in [0, 14, 18, 4] {
            let frame = [vec![8; link], ip_v4(1, &request(Family::V4, 7, 9, 56))].concat();
            assert_eq!(find_request(&frame, Family::V4, 7, &mut hint), Some(mark(9)));
            assert_eq!(hint, link + 20);
        }
        let frame = ip_v4(1, &request(Family::V4, 7, 9, 56));
        assert_eq!(find_request(&frame, Family::V4, 8, &mut hint), None, "of another socket");
    }

    #[test]
    fn the_tag_depends_on_every_field() {
        let key = Key(1, 2);
        let tags = [key.tag(V4, 1, 2, 3, 4), key.tag(V6, 1, 2, 3, 4), key.tag(V4, 2, 2, 3, 4), key.tag(V4, 1, 3, 3, 4)];
        let more = [key.tag(V4, 1, 2, 4, 4), key.tag(V4, 1, 2, 3, 5), Key(1, 3).tag(V4, 1, 2, 3, 4)];
        let all: std::collections::HashSet<_> = tags.iter().chain(&more).collect();
        assert_eq!(all.len(), 7);
    }

    proptest! {
        #[test]
        fn garbage_is_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), identifier: u16, hint in 0_usize..300) {
            for family in [Family::V4, Family::V6] {
                let _ = read(&bytes, family);
                let _ = find_request(&bytes, family, identifier, &mut hint.clone());
            }
            let _ = unwrap_v4(&bytes).map(|(_, message)| read(message, Family::V4));
            let _ = Mark::read(&bytes);
        }

        #[test]
        fn a_reply_cut_or_changed_anywhere_is_no_answer(
            v6: bool, cut in 0_usize..64, place in 0_usize..64, change in 1_u8..,
        ) {
            let family = if v6 { Family::V6 } else { Family::V4 };
            let whole = reply(family, 7, 9, 56);
            let Ok(Incoming::Reply(asked)) = read(&whole, family) else { panic!() };
            if let Ok(Incoming::Reply(echo)) = read(&whole[..cut], family) {
                prop_assert_ne!(echo, asked);
            }
            let mut changed = whole;
            changed[place] ^= change;
            // The code of a reply and the checksum of ICMPv6 say nothing that we use; the kernel checks the latter.
            let unused = v6 && (1..4).contains(&place);
            prop_assert!(unused || read(&changed, family) != Ok(Incoming::Reply(asked)));
        }
    }
}
