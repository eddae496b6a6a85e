//! Module files of blackbox_exporter: how `/probe` checks a target.
//!
//! In: a file with `modules:`, as it is. Out: [`Modules`], and findings that name every key that we do not know or cannot
//! honour: a check that is less than what was written would be a lie. A module and a target make a [`Check`].

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use super::service::{
    Authorization, BODY, Check, Compression, DEADLINE, Dns, Endpoint, Family, HeaderRule, Http, Kind, REDIRECTS, Step,
    Tcp, TlsSettings, usable_url,
};
use crate::diagnostic::{Findings, yaml};

/// All modules of one file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modules {
    pub modules: BTreeMap<String, Module>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Module {
    pub prober: Prober,
    /// Zero: as long as the scrape lasts.
    #[serde(default, deserialize_with = "yaml::duration")]
    pub timeout: Duration,
    #[serde(default)]
    http: HttpOptions,
    #[serde(default)]
    tcp: TcpOptions,
    #[serde(default)]
    dns: DnsOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prober {
    Http,
    Tcp,
    Dns,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Version {
    Ip4,
    Ip6,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HttpOptions {
    valid_status_codes: Vec<u16>,
    valid_http_versions: Vec<String>,
    preferred_ip_protocol: Version,
    ip_protocol_fallback: bool,
    no_follow_redirects: Option<bool>,
    follow_redirects: bool,
    fail_if_ssl: bool,
    fail_if_not_ssl: bool,
    method: Method,
    headers: BTreeMap<String, String>,
    fail_if_body_matches_regexp: Vec<Pattern>,
    fail_if_body_not_matches_regexp: Vec<Pattern>,
    fail_if_header_matches: Vec<HeaderMatch>,
    fail_if_header_not_matches: Vec<HeaderMatch>,
    body: String,
    compression: Option<Coding>,
    basic_auth: Option<BasicAuth>,
    bearer_token: Option<String>,
    enable_http2: bool,
    tls_config: TlsOptions,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            valid_status_codes: vec![],
            valid_http_versions: vec![],
            preferred_ip_protocol: Version::Ip6,
            ip_protocol_fallback: true,
            no_follow_redirects: None,
            follow_redirects: true,
            fail_if_ssl: false,
            fail_if_not_ssl: false,
            method: Method::Get,
            headers: BTreeMap::new(),
            fail_if_body_matches_regexp: vec![],
            fail_if_body_not_matches_regexp: vec![],
            fail_if_header_matches: vec![],
            fail_if_header_not_matches: vec![],
            body: String::new(),
            compression: None,
            basic_auth: None,
            bearer_token: None,
            enable_http2: true,
            tls_config: TlsOptions::default(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    Get,
    Head,
    Post,
    Put,
    Options,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Coding {
    Gzip,
    Deflate,
    Identity,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BasicAuth {
    username: String,
    #[serde(default)]
    password: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderMatch {
    header: String,
    regexp: Pattern,
    #[serde(default)]
    allow_missing: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TlsOptions {
    insecure_skip_verify: bool,
    server_name: Option<String>,
    ca_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TcpOptions {
    preferred_ip_protocol: Version,
    ip_protocol_fallback: bool,
    query_response: Vec<QueryResponse>,
    tls: bool,
    tls_config: TlsOptions,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            preferred_ip_protocol: Version::Ip6,
            ip_protocol_fallback: true,
            query_response: vec![],
            tls: false,
            tls_config: TlsOptions::default(),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct QueryResponse {
    expect: Option<Pattern>,
    send: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DnsOptions {
    preferred_ip_protocol: Version,
    ip_protocol_fallback: bool,
    transport_protocol: Transport,
    query_name: String,
    query_type: String,
    recursion_desired: bool,
    valid_rcodes: Vec<String>,
    validate_answer_rrs: AnswerRules,
}

impl Default for DnsOptions {
    fn default() -> Self {
        Self {
            preferred_ip_protocol: Version::Ip6,
            ip_protocol_fallback: true,
            transport_protocol: Transport::Udp,
            query_name: String::new(),
            query_type: "ANY".to_owned(),
            recursion_desired: true,
            valid_rcodes: vec![],
            validate_answer_rrs: AnswerRules::default(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Transport {
    Udp,
    Tcp,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AnswerRules {
    fail_if_matches_regexp: Vec<Pattern>,
    fail_if_not_matches_regexp: Vec<Pattern>,
}

/// A regular expression, compiled when the file is read.
#[derive(Clone, Debug)]
struct Pattern(String);

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match regex::bytes::Regex::new(&text) {
            Ok(_) => Ok(Self(text)),
            Err(error) => Err(serde::de::Error::custom(error)),
        }
    }
}

impl Pattern {
    fn of_bytes(&self) -> Option<regex::bytes::Regex> {
        regex::bytes::Regex::new(&self.0).ok()
    }

    fn of_text(&self) -> Option<regex::Regex> {
        regex::Regex::new(&self.0).ok()
    }
}

fn bytes(patterns: &[Pattern]) -> Vec<regex::bytes::Regex> {
    patterns.iter().filter_map(Pattern::of_bytes).collect()
}

fn texts(patterns: &[Pattern]) -> Vec<regex::Regex> {
    patterns.iter().filter_map(Pattern::of_text).collect()
}

impl Modules {
    /// `None`, with findings, when the file cannot be used as a whole.
    pub fn load(file: &Path, findings: &mut Findings) -> Option<Self> {
        let before = findings.errors();
        let mut read = yaml::read::<Self>(file, findings)?.value;
        let folder = file.parent().unwrap_or(Path::new(""));
        for module in read.modules.values_mut() {
            for tls in [&mut module.http.tls_config, &mut module.tcp.tls_config] {
                tls.ca_file = tls.ca_file.take().map(|own| folder.join(own));
            }
        }
        (findings.errors() == before).then_some(read)
    }
}

impl Module {
    /// The authorities that it trusts instead of the system's.
    pub fn ca_file(&self) -> Option<&Path> {
        let tls = match self.prober {
            Prober::Http => &self.http.tls_config,
            Prober::Tcp => &self.tcp.tls_config,
            Prober::Dns => return None,
        };
        tls.ca_file.as_deref()
    }

    /// What it does to `target`. `hostname` takes the place of the target's name; `roots`: what stands in its CA file.
    /// `None`: the target cannot be read.
    pub fn check(&self, target: &str, hostname: Option<&str>, roots: Option<Vec<u8>>) -> Option<Check> {
        let (family, kind) = match self.prober {
            Prober::Http => (family(self.http.preferred_ip_protocol, self.http.ip_protocol_fallback), {
                Kind::Http(Box::new(self.http.http(target, hostname, roots)?))
            }),
            Prober::Tcp => (family(self.tcp.preferred_ip_protocol, self.tcp.ip_protocol_fallback), {
                Kind::Tcp(self.tcp.tcp(target, hostname, roots)?)
            }),
            Prober::Dns => (family(self.dns.preferred_ip_protocol, self.dns.ip_protocol_fallback), {
                Kind::Dns(self.dns.dns(target)?)
            }),
        };
        Some(Check { deadline: DEADLINE, family, kind })
    }

    /// Whether a redirect is an answer and not a way.
    pub fn stays(&self) -> bool {
        self.prober == Prober::Http && !self.http.follows()
    }

    /// Whether the serial number of a zone is asked for.
    pub fn asks_for_serial(&self) -> bool {
        self.prober == Prober::Dns && self.dns.query_type == "SOA"
    }
}

fn family(version: Version, fallback: bool) -> Family {
    Family { six: version == Version::Ip6, fallback }
}

impl TlsOptions {
    fn settings(&self, hostname: Option<&str>, roots: Option<Vec<u8>>) -> TlsSettings {
        TlsSettings {
            server_name: self.server_name.clone().or_else(|| hostname.map(str::to_owned)),
            verify: !self.insecure_skip_verify,
            roots,
        }
    }
}

impl HttpOptions {
    fn follows(&self) -> bool {
        self.no_follow_redirects.map_or(self.follow_redirects, |no| !no)
    }

    fn http(&self, target: &str, hostname: Option<&str>, roots: Option<Vec<u8>>) -> Option<Http> {
        let lower = target.to_ascii_lowercase();
        let whole = lower.starts_with("http://") || lower.starts_with("https://");
        let url = usable_url(&if whole { target.to_owned() } else { format!("http://{target}") })?;
        let mut headers: Vec<_> = self.headers.clone().into_iter().collect();
        if let Some(hostname) = hostname {
            headers.retain(|(name, _)| !name.eq_ignore_ascii_case("host"));
            headers.push(("Host".to_owned(), hostname.to_owned()));
        }
        let basic =
            self.basic_auth.clone().map(|own| Authorization::Basic { user: own.username, password: own.password });
        Some(Http {
            method: match self.method {
                Method::Get => hyper::Method::GET,
                Method::Head => hyper::Method::HEAD,
                Method::Post => hyper::Method::POST,
                Method::Put => hyper::Method::PUT,
                Method::Options => hyper::Method::OPTIONS,
            },
            headers,
            body: self.body.clone().into_bytes(),
            authorization: basic.or_else(|| self.bearer_token.clone().map(Authorization::Bearer)),
            follow_redirects: self.follows(),
            redirects: REDIRECTS,
            statuses: self.valid_status_codes.clone(),
            versions: self.valid_http_versions.clone(),
            http2: self.enable_http2,
            compression: match self.compression {
                Some(Coding::Gzip) => Some(Compression::Gzip),
                Some(Coding::Deflate) => Some(Compression::Deflate),
                Some(Coding::Identity) | None => None,
            },
            body_must: bytes(&self.fail_if_body_not_matches_regexp),
            body_must_not: bytes(&self.fail_if_body_matches_regexp),
            header_must: self.fail_if_header_not_matches.iter().filter_map(HeaderMatch::rule).collect(),
            header_must_not: self.fail_if_header_matches.iter().filter_map(HeaderMatch::rule).collect(),
            tls_wanted: match (self.fail_if_not_ssl, self.fail_if_ssl) {
                (true, _) => Some(true),
                (false, true) => Some(false),
                (false, false) => None,
            },
            body_limit: BODY,
            tls: self.tls_config.settings(None, roots),
            ..Http::get(url)
        })
    }
}

impl HeaderMatch {
    fn rule(&self) -> Option<HeaderRule> {
        let pattern = self.regexp.of_bytes()?;
        Some(HeaderRule { header: self.header.clone(), pattern, allow_missing: self.allow_missing })
    }
}

impl TcpOptions {
    fn tcp(&self, target: &str, hostname: Option<&str>, roots: Option<Vec<u8>>) -> Option<Tcp> {
        let step = |own: &QueryResponse| Step {
            expect: own.expect.as_ref().and_then(Pattern::of_bytes),
            send: own.send.clone().filter(|send| !send.is_empty()),
        };
        Some(Tcp {
            endpoint: Endpoint::parse(target, None)?,
            tls: self.tls.then(|| self.tls_config.settings(hostname, roots)),
            steps: self.query_response.iter().map(step).collect(),
        })
    }
}

impl DnsOptions {
    fn dns(&self, target: &str) -> Option<Dns> {
        Some(Dns {
            tcp: self.transport_protocol == Transport::Tcp,
            recursion: self.recursion_desired,
            rcodes: self.valid_rcodes.clone(),
            answers_must: texts(&self.validate_answer_rrs.fail_if_not_matches_regexp),
            answers_must_not: texts(&self.validate_answer_rrs.fail_if_matches_regexp),
            ..Dns::asking(Endpoint::parse(target, Some(53))?, &self.query_name, &self.query_type)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{diagnostic::Source, text::Language};

    fn findings(text: &str) -> Vec<String> {
        let mut findings = Findings::default();
        yaml::decode::<Modules>(&Source { file: Path::new("m.yml").into(), bytes: text.into() }, &mut findings);
        findings.into_sorted().iter().map(|finding| finding.print(Language::En)).collect()
    }

    #[test]
    fn what_cannot_be_honoured_is_named_with_its_place() {
        for (text, place) in [
            ("modules:\n  a: {prober: icmp}", "m.yml:2:15: error LP1008"),
            ("modules:\n  a: {prober: http, http: {enable_http3: true}}", "m.yml:2:28: error LP1005"),
            ("modules:\n  a: {prober: http, http: {proxy_url: x}}", "m.yml:2:28: error LP1005"),
            ("modules:\n  a: {prober: http, http: {fail_if_body_matches_regexp: [\"(\"]}}", "m.yml:2:58: error LP1007"),
        ] {
            let found = findings(text);
            assert!(found.len() == 1 && found[0].starts_with(place), "{text}: {found:?}");
        }
        assert_eq!(findings("modules:\n  a: {prober: dns, timeout: 5s, dns: {query_name: x}}"), [""; 0]);
    }
}
