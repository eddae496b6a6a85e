//! Echo requests as they leave our kernel, and the replies that the city makes of them. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pnet::packet::{
    MutablePacket, Packet,
    icmp::{IcmpPacket, IcmpTypes, MutableIcmpPacket, checksum as icmp_checksum},
    icmpv6::{Icmpv6Packet, Icmpv6Types, MutableIcmpv6Packet, checksum as icmpv6_checksum},
    ip::IpNextHeaderProtocols,
    ipv4::{Ipv4Packet, MutableIpv4Packet, checksum as ipv4_checksum},
    ipv6::{Ipv6Packet, MutableIpv6Packet},
};

use super::weather::Reply;

/// Type, code, checksum, identifier, sequence: the payload follows.
const ICMP_HEADER: usize = 8;
/// In the city's own part: they belong to no link.
const STRANGER_V4: Ipv4Addr = Ipv4Addr::new(198, 19, 254, 99);
const STRANGER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 2, 0, 0xffff, 0, 0, 0, 0x99);

/// Whom an IP packet asks for an echo; `None` when it is anything else or cut short.
pub fn asked(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => {
            let ip = Ipv4Packet::new(packet)?;
            let icmp = (ip.get_next_level_protocol() == IpNextHeaderProtocols::Icmp).then(|| ip.payload())?;
            let echo = IcmpPacket::new(icmp)?.get_icmp_type() == IcmpTypes::EchoRequest;
            (echo && icmp.len() >= ICMP_HEADER).then(|| ip.get_destination().into())
        }
        6 => {
            let ip = Ipv6Packet::new(packet)?;
            let icmp = (ip.get_next_header() == IpNextHeaderProtocols::Icmpv6).then(|| ip.payload())?;
            let echo = Icmpv6Packet::new(icmp)?.get_icmpv6_type() == Icmpv6Types::EchoRequest;
            (echo && icmp.len() >= ICMP_HEADER).then(|| ip.get_destination().into())
        }
        _ => None,
    }
}

/// Turns a request that [`asked`] accepts into its reply.
pub fn turn(mut packet: Vec<u8>, reply: Reply, hop_limit: u8) -> Vec<u8> {
    match packet.first().map(|byte| byte >> 4) {
        Some(4) => turn_v4(&mut packet, reply, hop_limit),
        _ => turn_v6(&mut packet, reply, hop_limit),
    };
    packet
}

fn turn_v4(packet: &mut [u8], reply: Reply, hop_limit: u8) -> Option<()> {
    let mut ip = MutableIpv4Packet::new(packet)?;
    let (asker, mut answerer) = (ip.get_source(), ip.get_destination());
    if reply == Reply::WrongSource {
        answerer = STRANGER_V4;
    }
    ip.set_source(answerer);
    ip.set_destination(asker);
    ip.set_ttl(hop_limit);
    let sum = ipv4_checksum(&ip.to_immutable());
    ip.set_checksum(sum);
    let mut icmp = MutableIcmpPacket::new(ip.payload_mut())?;
    icmp.set_icmp_type(IcmpTypes::EchoReply);
    spoil(icmp.packet_mut(), reply);
    let sum = icmp_checksum(&icmp.to_immutable());
    icmp.set_checksum(sum);
    Some(())
}

fn turn_v6(packet: &mut [u8], reply: Reply, hop_limit: u8) -> Option<()> {
    let mut ip = MutableIpv6Packet::new(packet)?;
    let (asker, mut answerer) = (ip.get_source(), ip.get_destination());
    if reply == Reply::WrongSource {
        answerer = STRANGER_V6;
    }
    ip.set_source(answerer);
    ip.set_destination(asker);
    ip.set_hop_limit(hop_limit);
    let mut icmp = MutableIcmpv6Packet::new(ip.payload_mut())?;
    icmp.set_icmpv6_type(Icmpv6Types::EchoReply);
    spoil(icmp.packet_mut(), reply);
    let sum = icmpv6_checksum(&icmp.to_immutable(), &answerer, &asker);
    icmp.set_checksum(sum);
    Some(())
}

fn spoil(icmp: &mut [u8], reply: Reply) {
    if let (Reply::Corrupt, [_, .., last]) = (reply, icmp) {
        *last ^= 0x5a;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An echo request to this address, as our kernel would send it.
    fn request(to: IpAddr) -> Vec<u8> {
        let mut echo = [[8, 0, 0, 0, 1, 2, 0, 3].as_slice(), &[7; 24]].concat();
        match to {
            IpAddr::V4(to) => {
                let head = [[0x45, 0, 0, 52, 0, 0, 0, 0, 64, 1, 0, 0, 198, 18, 0, 1].as_slice(), &to.octets()];
                [head.concat(), echo].concat()
            }
            IpAddr::V6(to) => {
                echo[0] = 128;
                let us = Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 1).octets();
                [[0x60, 0, 0, 0, 0, 32, 58, 64].as_slice(), &us, &to.octets(), &echo].concat()
            }
        }
    }

    const FAR: [&str; 2] = ["198.18.7.9", "2001:2::7:9"];

    #[test]
    fn an_answer_goes_back_with_its_payload_ttl_and_good_checksums() {
        let [v4, v6] = FAR.map(|to| turn(request(to.parse().unwrap()), Reply::Echo, 57));
        let ip = Ipv4Packet::new(&v4).unwrap();
        assert_eq!((ip.get_source().to_string(), ip.get_ttl()), (FAR[0].into(), 57));
        assert_eq!(ip.get_checksum(), ipv4_checksum(&ip));
        let icmp = IcmpPacket::new(ip.payload()).unwrap();
        assert_eq!((icmp.get_icmp_type(), icmp.get_checksum()), (IcmpTypes::EchoReply, icmp_checksum(&icmp)));
        assert_eq!(ip.payload()[4..], request(FAR[0].parse().unwrap())[24..]);

        let ip = Ipv6Packet::new(&v6).unwrap();
        assert_eq!((ip.get_source().to_string(), ip.get_hop_limit()), (FAR[1].into(), 57));
        let icmp = Icmpv6Packet::new(ip.payload()).unwrap();
        let sum = icmpv6_checksum(&icmp, &ip.get_source(), &ip.get_destination());
        assert_eq!((icmp.get_icmpv6_type(), icmp.get_checksum()), (Icmpv6Types::EchoReply, sum));
    }

    #[test]
    fn a_spoilt_answer_differs_in_one_byte_and_a_stranger_only_in_its_source() {
        for to in FAR.map(|to| to.parse().unwrap()) {
            let [good, spoilt, strange] =
                [Reply::Echo, Reply::Corrupt, Reply::WrongSource].map(|reply| turn(request(to), reply, 64));
            assert_eq!(good.len(), spoilt.len());
            assert_ne!(good.last(), spoilt.last());
            assert_eq!(good.last(), strange.last());
            assert_ne!(good[8..24], strange[8..24]);
        }
    }

    #[test]
    fn only_whole_echo_requests_ask_for_an_answer() {
        for to in FAR.map(|to| to.parse().unwrap()) {
            let whole = request(to);
            assert_eq!(asked(&whole), Some(to));
            assert_eq!(asked(&turn(whole.clone(), Reply::Echo, 64)), None);
            assert!((0..whole.len() - 24).all(|length| asked(&whole[..length]).is_none()));
        }
        assert_eq!(asked(&[]), None);
    }
}
