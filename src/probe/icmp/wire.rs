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

/// Writes an echo request over a padded `message` of header and payload.
pub fn write_request(message: &mut [u8], family: Family, identifier: u16, sequence: u16, mark: &Mark) {
    mark.write(&mut message[HEADER..]);
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
