//! Arguments of messages that are words of their own: each language has its own for them.

use serde::{Deserialize, Serialize};

/// What belongs in a field of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    Text,
    TrueOrFalse,
    WholeNumber {
        most: u64,
    },
    List,
    Map,
    Duration,
    Percent,
    BitRate,
    Date,
    Address,
    SocketAddress,
    TimeZone,
    /// How long a party has, on a calendar.
    Span,
    /// A length of time, share or number.
    Figure,
    /// In the decoder's words, English only.
    Other(String),
}

/// Why a text cannot be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressFault {
    /// Neither an IP address nor a host name.
    Malformed,
    /// `198.18.0.1/24`: an address with its prefix length, as IPAM writes it.
    Prefix,
    Unspecified,
    Multicast,
    Broadcast,
    /// 240.0.0.0/4 and 0.0.0.0/8.
    Reserved,
    /// Without an interface, fe80::/10 names no single host.
    LinkLocal,
    /// `::ffff:198.18.0.1`: probed as IPv4, so to be written as IPv4.
    Mapped,
}

/// Which clocks timed an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clocks {
    Kernel,
    KernelReceive,
    User,
}

/// Why this host could not probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostFault {
    NoRawSocketRight,
    NoAddress,
    /// The kernel's own words.
    SendRefused(String),
    InterfaceGone,
    ReceiveOverflow,
    NextHopSilent,
    Isolated,
    NoTime,
}

/// What a message is when it is not the plain truth of today. Said first, in every language alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Asked for by a person who tries a channel.
    Test,
    /// Of an exercise.
    Drill,
    /// Of a simulated city.
    Simulated,
    /// Of an installation that is not opened yet: rendered and kept, never sent.
    Trial,
}

impl Mark {
    /// Stands before a subject and a text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Test => "【测试】",
            Self::Drill => "【演练】",
            Self::Simulated => "【模拟】",
            Self::Trial => "【试运行】",
        }
    }
}

/// What is simulated says so first, in every language alike.
pub(super) fn mark(simulated: bool) -> &'static str {
    if simulated { Mark::Simulated.as_str() } else { "" }
}

/// At most 16 names with commas between: a longer list helps nobody.
pub(crate) fn some(names: &[String]) -> String {
    let shown = names.iter().take(16).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > 16 { format!("{shown} … ({})", names.len()) } else { shown }
}
