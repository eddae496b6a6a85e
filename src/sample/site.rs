//! What a slow look at a website told us: its home page, where it leads, and how it is reached over IPv6.
//!
//! In: nothing; `probe` fills it. Out: a [`SiteReport`] as a value.

use super::service::Reason;

/// One look, ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteReport {
    /// `None`: the home page could not be read.
    pub page: Option<PageSeen>,
    pub robots: Robots,
    /// Links and images that were looked at.
    pub checked: u32,
    /// Those of them that are dead or missing; the first of each kind by name.
    pub dead_links: u32,
    pub missing_images: u32,
    pub broken: Vec<Broken>,
    /// Left alone: robots.txt asks for it.
    pub disallowed: u32,
    /// Left alone: they lead to others' sites.
    pub elsewhere: u32,
    /// Left out: beyond the bound, or after the hours in which we may look.
    pub left_out: u32,
    /// This host could not look.
    pub unmeasured: u32,
    pub six: SixSeen,
    /// TLS 1.1 or older is spoken; `None`: nobody knows.
    pub old_tls: Option<bool>,
}

/// A home page that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSeen {
    /// Of its words, dates and counters left out.
    pub fingerprint: u64,
    pub links: u32,
    pub images: u32,
}

/// What the site says to robots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Robots {
    /// It has no such file: all may be visited.
    #[default]
    Absent,
    Obeyed,
    /// It failed to say: nothing but the home page is visited (RFC 9309, 2.3.1.4).
    Unreachable,
}

impl Robots {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Obeyed => "obeyed",
            Self::Unreachable => "unreachable",
        }
    }
}

/// One link or image that does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub url: String,
    pub is_image: bool,
    pub reason: Reason,
    /// Zero: no answer came so far.
    pub status: u16,
}

/// The items of IPv6 readiness. `None`: this host could not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SixSeen {
    /// Its name has an AAAA record.
    pub address: Option<bool>,
    /// Its home page opens over IPv6.
    pub opens: Option<bool>,
    /// One of the name servers of its zone answers over IPv6.
    pub name_servers: Option<bool>,
    /// The home page says the same over both.
    pub same_content: Option<bool>,
    /// Of its own links that work: those that work over IPv6, and those that were tried.
    pub links: Option<(u32, u32)>,
}

impl SixSeen {
    /// By the names of metrics and JSON.
    pub const fn items(&self) -> [(&'static str, Option<bool>); 4] {
        [
            ("address", self.address),
            ("opens", self.opens),
            ("name_servers", self.name_servers),
            ("same_content", self.same_content),
        ]
    }
}
