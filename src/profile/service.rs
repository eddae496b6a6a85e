//! What to check of a service: a pure description, which `probe` carries out.
//!
//! In: what a person wrote, such as `https://www.example.org/`. Out: a [`Check`] with every limit filled in. Nothing
//! here is ever sent; every bound that protects us from the far end stands in a [`Check`] and is finite.

mod exchange;
mod expression;
mod fresh;
mod online;
mod steps;
mod way;

use std::{net::IpAddr, path::PathBuf, time::Duration};

use hyper::Uri;
use regex::bytes::Regex;

pub use self::{
    exchange::{Exchange, Feed},
    expression::Cel,
    fresh::{Freshness, Ftp, Record},
    online::OnlineRate,
    steps::{Charset, Content, Kept, PageStep, Steps, names},
    way::{OAuth, Proxy, Unproxied},
};

/// One check: how long it may take, and what it does.
#[derive(Clone, Debug)]
pub struct Check {
    /// Over everything: look-ups, redirects and the last byte.
    pub deadline: Duration,
    pub family: Family,
    /// The address of ours that it leaves from; `None`: as the routes say.
    pub source: Option<IpAddr>,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Http(Box<Http>),
    Steps(Box<Steps>),
    Tls(Tls),
    /// Both certificates of a server of GB/T 38636.
    Tlcp(Tls),
    Tcp(Tcp),
    Dns(Box<Dns>),
    Domain(Domain),
    /// The server must send back what it was sent, over UDP.
    Udp(Endpoint),
    /// The greeting of a mail server, which is sent no mail.
    Smtp(Endpoint),
    Sip(Sip),
    Rtsp(Rtsp),
    Icmp(Icmp),
    Grpc(Grpc),
    Unix(Unix),
    Ftp(Box<Ftp>),
    Exchange(Box<Exchange>),
    Online(Box<OnlineRate>),
}

impl Kind {
    /// As addresses begin.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Steps(_) => "steps",
            Self::Tls(_) => "tls",
            Self::Tlcp(_) => "tlcp",
            Self::Tcp(_) => "tcp",
            Self::Dns(_) => "dns",
            Self::Domain(_) => "domain",
            Self::Udp(_) => "udp",
            Self::Smtp(_) => "smtp",
            Self::Sip(_) => "sip",
            Self::Rtsp(_) => "rtsp",
            Self::Icmp(_) => "icmp",
            Self::Grpc(_) => "grpc",
            Self::Unix(_) => "unix",
            Self::Ftp(_) => "ftp",
            Self::Exchange(_) => "exchange",
            Self::Online(_) => "online_rate",
        }
    }
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
    /// The body as JSON, under the name `body`, must make each of these true.
    pub json_must: Vec<Cel>,
    pub json_must_not: Vec<Cel>,
    pub freshness: Option<Freshness>,
    pub tls_wanted: Option<bool>,
    pub body_limit: usize,
    pub tls: TlsSettings,
    pub proxy: Option<Proxy>,
    /// Asked for a token first, which then goes along.
    pub oauth: Option<Box<OAuth>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    Gzip,
    Deflate,
    Brotli,
}

/// Never printed: both are secrets.
#[derive(Clone)]
pub enum Authorization {
    Basic {
        user: String,
        password: String,
    },
    Bearer(String),
    /// The whole value of the header.
    Other(String),
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
    /// Spoken before the handshake, where a port begins without TLS.
    pub starttls: Option<StartTls>,
    /// A handshake that cannot be agreed on is looked into with first flights of older protocols, each over a connection
    /// of its own, so that the certificates of such a server are known too.
    pub survey: bool,
    /// The responder and the list that a certificate names are asked whether it is revoked.
    pub revocation: bool,
    /// How thoroughly the authority must have looked at who asked for the certificate; `None`: any will do.
    pub validation: Option<Validation>,
    /// Shown to a server that asks who we are.
    pub identity: Option<Identity>,
    /// Versions that may be spoken.
    pub versions: Versions,
}

/// How thoroughly an authority looks at who asks for a certificate (CA/Browser Forum, Baseline Requirements 7.1.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validation {
    /// The domain alone.
    Dv,
    /// The organisation.
    Ov,
    /// The organisation, thoroughly.
    Ev,
}

impl Validation {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dv => "dv",
            Self::Ov => "ov",
            Self::Ev => "ev",
        }
    }
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self {
            server_name: None,
            verify: true,
            roots: None,
            starttls: None,
            survey: false,
            revocation: false,
            validation: None,
            identity: None,
            versions: Versions::default(),
        }
    }
}

/// A certificate of ours with its key, both PEM. Never printed.
#[derive(Clone)]
pub struct Identity {
    pub certificates: Vec<u8>,
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Identity(secret)")
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    #[default]
    Any,
    /// TLS 1.2 alone.
    Twelve,
    /// TLS 1.3 alone.
    Thirteen,
}

/// The protocol whose words ask for TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartTls {
    Smtp,
    Imap,
    Ftp,
    Postgres,
    Mysql,
}

impl StartTls {
    /// As people write it.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "smtp" => Self::Smtp,
            "imap" => Self::Imap,
            "ftp" => Self::Ftp,
            "postgres" => Self::Postgres,
            "mysql" => Self::Mysql,
            _ => return None,
        })
    }

    /// Where such servers listen.
    pub const fn port(self) -> u16 {
        match self {
            Self::Smtp => 25,
            Self::Imap => 143,
            Self::Ftp => 21,
            Self::Postgres => 5432,
            Self::Mysql => 3306,
        }
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
    /// Of a step that goes over to TLS.
    pub upgrade: TlsSettings,
    pub steps: Vec<Step>,
}

impl Tcp {
    /// A connection that is accepted, and nothing else.
    pub fn open(endpoint: Endpoint) -> Self {
        Self { endpoint, tls: None, upgrade: TlsSettings::default(), steps: vec![] }
    }
}

/// First what is expected, then what is sent.
#[derive(Clone, Debug, Default)]
pub struct Step {
    pub expect: Option<Regex>,
    /// These bytes, and nothing before them.
    pub expect_bytes: Vec<u8>,
    pub send: Option<String>,
    /// From here on over TLS.
    pub starttls: bool,
    /// Names and values that are kept of what was expected, such as `${1}`.
    pub labels: Vec<(String, String)>,
}

/// A socket of this host, and a talk over it.
#[derive(Clone, Debug)]
pub struct Unix {
    pub path: PathBuf,
    pub tls: Option<TlsSettings>,
    pub upgrade: TlsSettings,
    pub steps: Vec<Step>,
}

/// One echo request.
#[derive(Clone, Debug)]
pub struct Icmp {
    /// The port is not looked at.
    pub target: Endpoint,
    /// Bytes of payload.
    pub size: usize,
    pub dont_fragment: bool,
    /// `None`: as packets usually leave.
    pub hop_limit: Option<u8>,
}

impl Icmp {
    /// As blackbox_exporter sends.
    pub const PAYLOAD: usize = 36;
}

/// The health of a service by `grpc.health.v1`.
#[derive(Clone, Debug)]
pub struct Grpc {
    pub endpoint: Endpoint,
    /// Empty: the server as a whole.
    pub service: String,
    pub metadata: Vec<(String, String)>,
    pub tls: Option<TlsSettings>,
}

/// One question to one name server.
#[derive(Clone, Debug)]
pub struct Dns {
    pub server: Endpoint,
    pub name: String,
    /// Such as `A`, `SOA`, `TXT`.
    pub record: String,
    /// Such as `IN` or `CH`.
    pub class: String,
    pub tcp: bool,
    /// Over TLS, which is over TCP.
    pub tls: Option<TlsSettings>,
    pub recursion: bool,
    /// Empty: NOERROR.
    pub rcodes: Vec<String>,
    pub answers: RecordRules,
    pub authorities: RecordRules,
    pub additionals: RecordRules,
}

/// What the records of one section of an answer must look like.
#[derive(Clone, Debug, Default)]
pub struct RecordRules {
    /// Each record must match all of these; at least one record must be there.
    pub must: Vec<regex::Regex>,
    /// No record may match any of these.
    pub must_not: Vec<regex::Regex>,
    /// The same without the second half.
    pub all_must: Vec<regex::Regex>,
    /// At least one record must match one of these.
    pub some_must: Vec<regex::Regex>,
}

/// When the registration of a domain ends.
#[derive(Clone, Debug)]
pub struct Domain {
    pub name: String,
    pub registry: Registry,
}

/// Whom to ask about a domain.
#[derive(Clone, Debug)]
pub enum Registry {
    /// Port 43.
    Whois(Endpoint),
    /// The page about it.
    Rdap(Box<Http>),
}

/// OPTIONS of SIP, over UDP or TCP.
#[derive(Clone, Debug)]
pub struct Sip {
    pub endpoint: Endpoint,
    pub tcp: bool,
}

/// OPTIONS of RTSP.
#[derive(Clone, Debug)]
pub struct Rtsp {
    pub endpoint: Endpoint,
    pub url: String,
    /// A stream is named: it must be described.
    pub describes: bool,
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
            json_must: vec![],
            json_must_not: vec![],
            freshness: None,
            tls_wanted: None,
            body_limit: BODY,
            tls: TlsSettings::default(),
            proxy: None,
            oauth: None,
        }
    }
}

impl Dns {
    pub fn asking(server: Endpoint, name: &str, record: &str) -> Self {
        Self {
            server,
            name: name.to_owned(),
            record: record.to_ascii_uppercase(),
            class: "IN".to_owned(),
            tcp: false,
            tls: None,
            recursion: true,
            rcodes: vec![],
            answers: RecordRules::default(),
            authorities: RecordRules::default(),
            additionals: RecordRules::default(),
        }
    }
}

impl Check {
    pub fn new(kind: Kind) -> Self {
        Self { deadline: DEADLINE, family: Family::default(), source: None, kind }
    }

    /// Asks also whether the certificates that are shown are revoked.
    pub fn asking_for_revocation(mut self) -> Self {
        match &mut self.kind {
            Kind::Http(http) => http.tls.revocation = true,
            Kind::Tls(tls) => tls.settings.revocation = true,
            _ => {}
        }
        self
    }

    /// Reads `https://host/path`, `http://…`, `tls://host:port[?starttls=smtp]`, `tlcp://host:port`, `tcp://host:port`,
    /// `host:port`, `dns://server[:port]/name[?type=SOA]` (RFC 4501), `whois://server/name`, `rdap://server/…/name`,
    /// `udp://host:port`, `icmp://host`, `smtp://host`, `ftp://host/file`, `sip://host[;transport=tcp]` and
    /// `rtsp://host/stream`. `None`: none of these.
    pub fn parse(text: &str) -> Option<Self> {
        let kind = match text.split_once("://") {
            Some(("http" | "https", _)) => {
                let mut http = Http::get(usable_url(text)?);
                http.tls.survey = true;
                Kind::Http(Box::new(http))
            }
            Some(("tls", rest)) => {
                let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
                let starttls = match query {
                    Some(query) => Some(StartTls::parse(query.strip_prefix("starttls=")?)?),
                    None => None,
                };
                let endpoint = Endpoint::parse(place, Some(starttls.map_or(443, StartTls::port)))?;
                Kind::Tls(Tls { endpoint, settings: TlsSettings { starttls, survey: true, ..TlsSettings::default() } })
            }
            Some(("tlcp", rest)) => {
                let endpoint = Endpoint::parse(rest, Some(443))?;
                Kind::Tlcp(Tls { endpoint, settings: TlsSettings::default() })
            }
            Some(("tcp", rest)) => Kind::Tcp(Tcp::open(Endpoint::parse(rest, None)?)),
            Some(("dns", rest)) => {
                let (server, question) = rest.split_once('/')?;
                let (name, query) = question.split_once('?').unwrap_or((question, ""));
                let record = query.split([';', '&']).find_map(|part| part.strip_prefix("type=")).unwrap_or("A");
                let server = Endpoint::parse(server, Some(53))?;
                Kind::Dns(Box::new(Dns::asking(server, Some(name).filter(|name| !name.is_empty())?, record)))
            }
            Some((scheme @ ("whois" | "rdap" | "rdap+http"), rest)) => Kind::Domain(Domain::parse(scheme, rest)?),
            Some(("udp", rest)) => Kind::Udp(Endpoint::parse(rest, None)?),
            Some(("icmp", rest)) => Kind::Icmp(Icmp {
                target: Endpoint::parse(rest, Some(1))?,
                size: Icmp::PAYLOAD,
                dont_fragment: false,
                hop_limit: None,
            }),
            Some(("smtp", rest)) => Kind::Smtp(Endpoint::parse(rest, Some(25))?),
            Some(("ftp", rest)) => Kind::Ftp(Box::new(Ftp::parse(rest)?)),
            Some(("sip", rest)) => {
                let (place, tcp) = rest.strip_suffix(";transport=tcp").map_or((rest, false), |place| (place, true));
                Kind::Sip(Sip { endpoint: Endpoint::parse(place, Some(5060))?, tcp })
            }
            Some(("rtsp", rest)) => {
                let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
                let plain = path.bytes().all(|byte| byte.is_ascii_graphic());
                let endpoint = Endpoint::parse(place, Some(554)).filter(|_| plain)?;
                Kind::Rtsp(Rtsp { endpoint, url: text.to_owned(), describes: !path.is_empty() })
            }
            Some(_) => return None,
            None => Kind::Tcp(Tcp::open(Endpoint::parse(text, None)?)),
        };
        Some(Self::new(kind))
    }
}

impl Domain {
    /// `server[:43]/name` of WHOIS; of RDAP what stands after its scheme in the address of its page.
    fn parse(scheme: &str, rest: &str) -> Option<Self> {
        let (place, name) = rest.rsplit_once('/')?;
        let name = idna::domain_to_ascii(name).ok().filter(|name| name.contains('.') && !name.contains([' ', '%']))?;
        let registry = match scheme {
            "whois" => Registry::Whois(Endpoint::parse(place, Some(43))?),
            _ => {
                let secure = if scheme == "rdap" { "https" } else { "http" };
                let url = usable_url(&format!("{secure}://{place}/{name}"))?;
                // A registry that knows no such domain says so.
                Registry::Rdap(Box::new(Http { statuses: vec![200, 404], ..Http::get(url) }))
            }
        };
        Some(Self { name, registry })
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
        let host = ascii_host(host).filter(|_| plain)?;
        Some(Self { host, port, pinned: None })
    }
}

/// A name outside ASCII in its `xn--` form (RFC 5891); others as they are. `None`: it is no name.
fn ascii_host(host: &str) -> Option<String> {
    if host.is_ascii() { Some(host.to_owned()) } else { idna::domain_to_ascii(host).ok() }
}

/// What browsers make of an address with letters outside ASCII: `xn--` in the name, `%` in the path.
fn ascii_url(text: &str) -> Option<String> {
    if text.is_ascii() {
        return Some(text.to_owned());
    }
    let (scheme, rest) = text.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let escaped = path.bytes().map(|byte| match byte {
        0x80.. => format!("%{byte:02X}"),
        _ => char::from(byte).to_string(),
    });
    Some(format!("{scheme}://{}{port}{}", ascii_host(host)?, escaped.collect::<String>()))
}

/// An http or https address with a host, without name and password in it.
pub fn usable_url(text: &str) -> Option<Uri> {
    let url: Uri = ascii_url(text.split('#').next()?)?.parse().ok()?;
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
        let mail = |tls: &Tls| tls.endpoint.port == 25 && tls.settings.starttls == Some(StartTls::Smtp);
        assert!(matches!(Check::parse("tls://mx.test?starttls=smtp").unwrap().kind, Kind::Tls(tls) if mail(&tls)));
        assert!(matches!(Check::parse("localhost:22").unwrap().kind, Kind::Tcp(_)));
        let Kind::Dns(dns) = Check::parse("dns://127.0.0.1:5353/city.test?type=soa").unwrap().kind else { panic!() };
        assert_eq!((dns.server.port, dns.name.as_str(), dns.record.as_str()), (5353, "city.test", "SOA"));
    }

    #[test]
    fn names_outside_ascii_are_asked_for_as_browsers_do() {
        let url = usable_url("http://政务.中国:81/办事?q=许").unwrap().to_string();
        assert_eq!(url, "http://xn--zfr164b.xn--fiqs8s:81/%E5%8A%9E%E4%BA%8B?q=%E8%AE%B8");
        assert_eq!(endpoint("政务.中国:443"), Some(("xn--zfr164b.xn--fiqs8s".into(), 443)));
        let Kind::Domain(domain) = Check::parse("whois://whois.test/政务.中国").unwrap().kind else { panic!() };
        assert_eq!(domain.name, "xn--zfr164b.xn--fiqs8s");
    }

    #[test]
    fn what_is_no_check_is_refused() {
        for text in [
            "ftp://x/",
            "tls://x?starttls=gopher",
            "tls://x?x",
            "whois://x/",
            "whois://x/a b.c",
            "rdap:///a.b",
            "udp://x",
            "rtsp://x/a b",
            "sip://",
            "https:///x",
            "https://user:secret@x/",
            "localhost",
            "::1",
            "x:0",
            "x:70000",
            "dns://x/",
        ] {
            assert!(Check::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_address_of_version_six_needs_brackets_for_its_port() {
        assert_eq!(endpoint("[::1]:443"), Some(("::1".into(), 443)));
        assert_eq!((endpoint("[::1]"), endpoint("[::1]x:1"), endpoint("::1:443")), (None, None, None));
    }
}
