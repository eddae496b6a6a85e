//! Which addresses can be a measuring point.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Target;
use crate::text::AddressFault;

impl Target {
    pub fn parse(text: &str) -> Result<Self, AddressFault> {
        match text.parse() {
            Ok(IpAddr::V4(address)) => check_v4(address).map(|()| Self::Address(address.into())),
            Ok(IpAddr::V6(address)) => check_v6(address).map(|()| Self::Address(address.into())),
            Err(_) if text.split_once('/').is_some_and(|(address, _)| address.parse::<IpAddr>().is_ok()) => {
                Err(AddressFault::Prefix)
            }
            Err(_) if is_host_name(text) => Ok(Self::Name(text.trim_end_matches('.').to_ascii_lowercase())),
            Err(_) => Err(AddressFault::Malformed),
        }
    }

    /// Written for documentation and benchmarks, never routed: 198.18.0.0/15 (RFC 2544), 2001:2::/48 (RFC 5180),
    /// and this host itself.
    pub fn is_synthetic(&self) -> bool {
        match self {
            Self::Address(IpAddr::V4(v4)) => v4.is_loopback() || (v4.octets()[0] == 198 && v4.octets()[1] & 0xFE == 18),
            Self::Address(IpAddr::V6(v6)) => v6.is_loopback() || v6.segments()[..3] == [0x2001, 2, 0],
            // RFC 6761: these names never leave the resolver.
            Self::Name(name) => [".test", ".invalid", ".localhost"].iter().any(|end| name.ends_with(end)),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => write!(out, "{address}"),
            Self::Name(name) => out.write_str(name),
        }
    }
}

fn check_v4(address: Ipv4Addr) -> Result<(), AddressFault> {
    match address {
        _ if address.is_unspecified() => Err(AddressFault::Unspecified),
        _ if address.is_broadcast() => Err(AddressFault::Broadcast),
        _ if address.is_multicast() => Err(AddressFault::Multicast),
        _ if address.octets()[0] == 0 || address.octets()[0] >= 240 => Err(AddressFault::Reserved),
        _ => Ok(()),
    }
}

fn check_v6(address: Ipv6Addr) -> Result<(), AddressFault> {
    match address {
        _ if address.is_unspecified() => Err(AddressFault::Unspecified),
        _ if address.is_multicast() => Err(AddressFault::Multicast),
        _ if address.is_unicast_link_local() => Err(AddressFault::LinkLocal),
        _ if address.to_ipv4_mapped().is_some() => Err(AddressFault::Mapped),
        _ => Ok(()),
    }
}

/// RFC 1123 labels; the last one has a letter, or a mistyped IPv4 address would pass as a name.
fn is_host_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last_has_letter =
        name.rsplit('.').next().is_some_and(|last| last.bytes().any(|byte| byte.is_ascii_alphabetic()));
    name.len() <= 253 && name.split('.').all(label) && last_has_letter
}

#[cfg(test)]
mod tests {
    use super::{AddressFault::*, *};

    #[test]
    fn what_cannot_answer_is_refused_with_its_reason() {
        for (text, reason) in [
            ("0.0.0.0", Unspecified),
            ("::", Unspecified),
            ("224.0.0.1", Multicast),
            ("ff02::1", Multicast),
            ("255.255.255.255", Broadcast),
            ("250.1.1.1", Reserved),
            ("0.1.2.3", Reserved),
            ("fe80::1", LinkLocal),
            ("::ffff:198.18.0.1", Mapped),
            ("198.18.0.1/24", Prefix),
            ("198.18.0.300", Malformed),
            ("198.18.0", Malformed),
            ("主机.示例", Malformed),
            ("-a.test", Malformed),
            ("a..test", Malformed),
            ("198.18.0.1 198.18.0.2", Malformed),
            ("", Malformed),
        ] {
            assert_eq!(Target::parse(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn addresses_of_both_families_and_names_are_targets() {
        for text in ["198.18.0.1", "2001:2::1", "gw-1.example.test"] {
            let target = Target::parse(text).unwrap();
            assert_eq!(target.to_string(), text);
            assert!(target.is_synthetic(), "{text}");
        }
        for text in ["198.20.0.1", "2001:2:1::1", "example.com"] {
            assert!(!Target::parse(text).unwrap().is_synthetic(), "{text}");
        }
    }
}
