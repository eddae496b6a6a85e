//! Addresses that may be visited on somebody's demand.

use std::{
    net::IpAddr,
    path::{Component, Path, PathBuf},
    str::FromStr,
};

/// A list of networks and sockets of this host; loopback alone until somebody writes another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed(Vec<Network>);

/// What may be visited: an address and how many of its first bits count, such as `198.18.0.0/15`, or a folder of sockets of
/// this host, such as `/run/city`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub enum Network {
    Addresses { first: IpAddr, bits: u32 },
    Sockets(PathBuf),
}

impl Allowed {
    /// `networks` instead of loopback, when there are any.
    pub fn these(networks: Vec<Network>) -> Self {
        let loopback = || ["127.0.0.0/8", "::1"].iter().filter_map(|text| text.parse().ok()).collect();
        Self(if networks.is_empty() { loopback() } else { networks })
    }

    pub fn has(&self, address: IpAddr) -> bool {
        // An address of version four in the clothes of version six is judged as what it is.
        let address = address.to_canonical();
        self.0.iter().any(|network| network.has(address))
    }

    /// A socket of this host: only below a folder that is listed.
    pub fn has_socket(&self, path: &Path) -> bool {
        let climbs = path.components().any(|part| part == Component::ParentDir);
        let below = |network: &Network| matches!(network, Network::Sockets(folder) if path.starts_with(folder));
        !climbs && self.0.iter().any(below)
    }

    /// Any address of either version: then a proxy may look a name up for us.
    pub fn is_open(&self) -> bool {
        let all = |four| {
            self.0
                .iter()
                .any(|network| matches!(network, Network::Addresses { first, bits: 0 } if first.is_ipv4() == four))
        };
        all(true) && all(false)
    }
}

impl Network {
    fn has(&self, address: IpAddr) -> bool {
        let Self::Addresses { first, bits } = self else { return false };
        match (first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                (first.to_bits() ^ address.to_bits()).checked_shr(32 - bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                (first.to_bits() ^ address.to_bits()).checked_shr(128 - bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with('/') {
            return Ok(Self::Sockets(text.into()));
        }
        let wrong = || "an address or a network, such as 198.18.0.0/15 or ::1, or a folder of sockets".to_owned();
        let (first, bits) = text.split_once('/').map_or((text, None), |(first, bits)| (first, Some(bits)));
        let first: IpAddr = first.parse().map_err(|_| wrong())?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| wrong()))?;
        if bits > most { Err(wrong()) } else { Ok(Self::Addresses { first, bits }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(networks: &[&str], address: &str) -> bool {
        Allowed::these(networks.iter().map(|text| text.parse().unwrap()).collect()).has(address.parse().unwrap())
    }

    #[test]
    fn only_loopback_until_somebody_writes_more() {
        for (address, allowed) in
            [("127.9.9.9", true), ("::1", true), ("::ffff:127.0.0.1", true), ("::2", false), ("198.18.0.1", false)]
        {
            assert_eq!(has(&[], address), allowed, "{address}");
        }
        assert!(has(&["198.18.0.0/15"], "198.19.255.255") && !has(&["198.18.0.0/15"], "198.20.0.0"));
        assert!(
            !has(&["198.18.0.0/15"], "127.0.0.1") && has(&["0.0.0.0/0"], "127.0.0.1") && !has(&["0.0.0.0/0"], "::1")
        );
        assert!(["1.2.3.4/33", "x", "::/129", "1.2.3.4/"].iter().all(|text| text.parse::<Network>().is_err()));
    }
}
