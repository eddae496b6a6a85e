//! What to check of a service: a pure description, which `probe` carries out.
//!
//! In: what a person wrote, such as `https://www.example.org/`. Out: a [`Check`] with every limit filled in. Nothing
//! here is ever sent; every bound that protects us from the far end stands in a [`Check`] and is finite.

use std::{net::IpAddr, time::Duration};

use hyper::Uri;
use regex::bytes::Regex;

/// One check: how long it may take, and what it does.
#[derive(Clone, Debug)]
pub struct Check {
    /// Over everything: look-ups, redirects and the last byte.
    pub deadline: Duration,
    pub family: Family,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Http(Box<Http>),
    Tls(Tls),
    Tcp(Tcp),
    Dns(Dns),
}

/// Which kind of address is wanted of a name that has both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    pub six: bool,
    /// Whether the other will do.
    pub fallback: bool,
}

impl Default for Family {
    fn default() -> Self {
        Self { six: false, fallback: true }
    }
}

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Name or address; without brackets.
    pub host: String,
    pub port: u16,
    /// Connect here, whatever the name says.
    pub pinned: Option<IpAddr>,
}

/// An HTTP check; the defaults are those of a browser's first visit to a page.
#[derive(Clone, Debug)]
pub struct Http {
    pub url: Uri,
    pub method: hyper::Method,
    pub pinned: Option<IpAddr>,
    /// Sent as they are; `Host` replaces what the address says, and the name asked of TLS.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub authorization: Option<Authorization>,
    pub follow_redirects: bool,
    pub redirects: u32,
    /// Empty: any 2xx.
    pub statuses: Vec<u16>,
    /// Empty: any. Such as `HTTP/1.1`.
    pub versions: Vec<String>,
    pub http2: bool,
    /// Asks for this coding, and unpacks it.
    pub compression: Option<Compression>,
    pub body_must: Vec<Regex>,
    pub body_must_not: Vec<Regex>,
    pub header_must: Vec<HeaderRule>,
    pub header_must_not: Vec<HeaderRule>,
    pub tls_wanted: Option<bool>,
    pub body_limit: usize,
    pub tls: TlsSettings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    Gzip,
    Deflate,
}

/// Never printed: both are secrets.
#[derive(Clone)]
pub enum Authorization {
    Basic { user: String, password: String },
    Bearer(String),
}

impl std::fmt::Debug for Authorization {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Authorization(secret)")
    }
}

#[derive(Clone, Debug)]
pub struct HeaderRule {
    pub header: String,
    pub pattern: Regex,
    /// An absent header satisfies the rule.
    pub allow_missing: bool,
}

/// How a handshake is judged.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// Asked for in the handshake and looked for in the certificate; `None`: the host.
    pub server_name: Option<String>,
    /// A bad chain fails the check; without this it is only told of.
    pub verify: bool,
    /// PEM; `None`: the authorities of the system.
    pub roots: Option<Vec<u8>>,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self { server_name: None, verify: true, roots: None }
    }
}

/// A handshake and nothing else.
#[derive(Clone, Debug)]
pub struct Tls {
    pub endpoint: Endpoint,
    pub settings: TlsSettings,
}

/// A connection and, when there are steps, a talk.
#[derive(Clone, Debug)]
pub struct Tcp {
    pub endpoint: Endpoint,
    pub tls: Option<TlsSettings>,
    pub steps: Vec<Step>,
}

/// First what is expected, then what is sent.
#[derive(Clone, Debug, Default)]
pub struct Step {
    pub expect: Option<Regex>,
    pub send: Option<String>,
}

/// One question to one name server.
#[derive(Clone, Debug)]
pub struct Dns {
    pub server: Endpoint,
    pub name: String,
    /// Such as `A`, `SOA`, `TXT`.
    pub record: String,
    pub tcp: bool,
    pub recursion: bool,
    /// Empty: NOERROR.
    pub rcodes: Vec<String>,
    /// Each answer must match all of these; at least one answer must be there.
    pub answers_must: Vec<regex::Regex>,
    pub answers_must_not: Vec<regex::Regex>,
}

/// Ten seconds: nobody waits longer for a page.
pub const DEADLINE: Duration = Duration::from_secs(10);
/// Largest body that is read: home pages with everything inside stay below.
pub const BODY: usize = 10 * 1024 * 1024;
/// As browsers and curl would give up, only sooner.
pub const REDIRECTS: u32 = 10;

impl Http {
    pub fn get(url: Uri) -> Self {
        Self {
            url,
            method: hyper::Method::GET,
            pinned: None,
            headers: vec![],
            body: vec![],
            authorization: None,
            follow_redirects: true,
            redirects: REDIRECTS,
            statuses: vec![],
            versions: vec![],
            http2: true,
            compression: None,
            body_must: vec![],
            body_must_not: vec![],
            header_must: vec![],
            header_must_not: vec![],
            tls_wanted: None,
            body_limit: BODY,
            tls: TlsSettings::default(),
        }
    }
}

impl Dns {
    pub fn asking(server: Endpoint, name: &str, record: &str) -> Self {
        Self {
            server,
            name: name.to_owned(),
            record: record.to_ascii_uppercase(),
            tcp: false,
            recursion: true,
            rcodes: vec![],
            answers_must: vec![],
            answers_must_not: vec![],
        }
    }
}

impl Check {
    pub fn new(kind: Kind) -> Self {
        Self { deadline: DEADLINE, family: Family::default(), kind }
    }

    /// Reads `https://host/path`, `http://…`, `tls://host:port`, `tcp://host:port`, `host:port` and
    /// `dns://server[:port]/name[?type=SOA]` (RFC 4501). `None`: none of these.
    pub fn parse(text: &str) -> Option<Self> {
        let kind = match text.split_once("://") {
            Some(("http" | "https", _)) => Kind::Http(Box::new(Http::get(usable_url(text)?))),
            Some(("tls", rest)) => {
                let endpoint = Endpoint::parse(rest, Some(443))?;
                Kind::Tls(Tls { endpoint, settings: TlsSettings::default() })
            }
            Some(("tcp", rest)) => Kind::Tcp(Tcp { endpoint: Endpoint::parse(rest, None)?, tls: None, steps: vec![] }),
            Some(("dns", rest)) => {
                let (server, question) = rest.split_once('/')?;
                let (name, query) = question.split_once('?').unwrap_or((question, ""));
                let record = query.split([';', '&']).find_map(|part| part.strip_prefix("type=")).unwrap_or("A");
                let server = Endpoint::parse(server, Some(53))?;
                Kind::Dns(Dns::asking(server, Some(name).filter(|name| !name.is_empty())?, record))
            }
            Some(_) => return None,
            None => Kind::Tcp(Tcp { endpoint: Endpoint::parse(text, None)?, tls: None, steps: vec![] }),
        };
        Some(Self::new(kind))
    }
}

impl Endpoint {
    /// `host:port`, `[v6]:port`; without a port only when `default` is there.
    pub fn parse(text: &str, default: Option<u16>) -> Option<Self> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let (host, port) = match text.strip_prefix('[') {
            Some(inner) => {
                let (host, rest) = inner.split_once(']')?;
                (host, rest.strip_prefix(':').map_or(rest.is_empty().then_some(None), |port| Some(Some(port)))?)
            }
            // Several colons without brackets are an address, not a host and a port.
            None if text.matches(':').count() > 1 => return None,
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(default, |port| port.parse().ok()).filter(|port| *port > 0)?;
        let plain = !host.is_empty() && !host.contains(['/', '@', ' ', '[', ']']);
        plain.then(|| Self { host: host.to_owned(), port, pinned: None })
    }
}

/// An http or https address with a host, without name and password in it.
pub fn usable_url(text: &str) -> Option<Uri> {
    let url: Uri = text.split('#').next()?.parse().ok()?;
    let authority = url.authority()?;
    let known = matches!(url.scheme_str(), Some("http" | "https"));
    (known && !authority.as_str().contains('@') && !authority.host().is_empty()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Option<(String, u16)> {
        Endpoint::parse(text, None).map(|endpoint| (endpoint.host, endpoint.port))
    }

    #[test]
    fn what_a_person_types_is_a_check() {
        assert!(matches!(Check::parse("https://127.0.0.1:8443/x").unwrap().kind, Kind::Http(_)));
        assert!(matches!(Check::parse("tls://[::1]").unwrap().kind, Kind::Tls(tls) if tls.endpoint.port == 443));
        assert!(matches!(Check::parse("localhost:22").unwrap().kind, Kind::Tcp(_)));
        let Kind::Dns(dns) = Check::parse("dns://127.0.0.1:5353/city.test?type=soa").unwrap().kind else { panic!() };
        assert_eq!((dns.server.port, dns.name.as_str(), dns.record.as_str()), (5353, "city.test", "SOA"));
    }

    #[test]
    fn what_is_no_check_is_refused() {
        for text in
            ["ftp://x/", "https:///x", "https://user:secret@x/", "localhost", "::1", "x:0", "x:70000", "dns://x/"]
        {
            assert!(Check::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_address_of_version_six_needs_brackets_for_its_port() {
        assert_eq!(endpoint("[::1]:443"), Some(("::1".into(), 443)));
        assert_eq!((endpoint("[::1]"), endpoint("[::1]x:1"), endpoint("::1:443")), (None, None, None));
    }
}
