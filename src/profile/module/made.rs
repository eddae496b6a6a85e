//! A module and a target make a check.

use std::net::IpAddr;

use super::{
    Module, Prober,
    options::{
        Coding, DnsOptions, GrpcOptions, HeaderMatch, HttpOptions, IcmpOptions, OAuth2, QueryResponse, RecordOptions,
        TcpOptions, TlsOptions, TlsVersion, Transport, UnixOptions, Version, bytes, texts,
    },
    sound::MOST_BODY,
};
use crate::profile::service::{
    Authorization, BODY, Cel, Check, Compression, DEADLINE, Dns, Endpoint, Family, Grpc, HeaderRule, Http, Icmp,
    Identity, Kind, OAuth, Proxy, REDIRECTS, RecordRules, Step, Tcp, TlsSettings, Unix, Unproxied, Versions,
    usable_url,
};

/// What the environment says of proxies, for modules that ask for it.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `HTTP_PROXY`.
    pub http: Option<String>,
    /// `HTTPS_PROXY`.
    pub https: Option<String>,
    /// `NO_PROXY`.
    pub without: String,
}

impl Module {
    /// What it does to `target`. `hostname` takes the place of the target's name. `None`: the target cannot be read.
    pub fn check(&self, target: &str, hostname: Option<&str>, environment: &Environment) -> Option<Check> {
        let (family, source, kind) = match self.prober {
            Prober::Http => {
                let http = self.http.http(target, hostname, environment)?;
                let family = family(self.http.preferred_ip_protocol, self.http.ip_protocol_fallback);
                (family, "", Kind::Http(Box::new(http)))
            }
            Prober::Tcp => {
                let family = family(self.tcp.preferred_ip_protocol, self.tcp.ip_protocol_fallback);
                (family, self.tcp.source_ip_address.as_str(), Kind::Tcp(self.tcp.tcp(target, hostname)?))
            }
            Prober::Dns => {
                let family = family(self.dns.preferred_ip_protocol, self.dns.ip_protocol_fallback);
                (family, self.dns.source_ip_address.as_str(), Kind::Dns(Box::new(self.dns.dns(target)?)))
            }
            Prober::Icmp => {
                let family = family(self.icmp.preferred_ip_protocol, self.icmp.ip_protocol_fallback);
                (family, self.icmp.source_ip_address.as_str(), Kind::Icmp(self.icmp.icmp(target)?))
            }
            Prober::Grpc => {
                let family = family(self.grpc.preferred_ip_protocol, self.grpc.ip_protocol_fallback);
                (family, "", Kind::Grpc(self.grpc.grpc(target)?))
            }
            Prober::Unix => (Family::default(), "", Kind::Unix(self.unix.unix(target, hostname)?)),
        };
        Some(Check { deadline: DEADLINE, family, source: source.parse().ok(), kind })
    }
}

fn family(version: Version, fallback: bool) -> Family {
    Family { six: version == Version::Ip6, fallback }
}

/// `host[:port]`, or an address of either version without one.
fn endpoint(target: &str, port: u16) -> Option<Endpoint> {
    match target.parse::<IpAddr>() {
        Ok(_) => Some(Endpoint { host: target.to_owned(), port, pinned: None }),
        Err(_) => Endpoint::parse(target, Some(port)),
    }
}

fn filled(text: &str) -> Option<Vec<u8>> {
    (!text.is_empty()).then(|| text.as_bytes().to_vec())
}

impl TlsOptions {
    fn settings(&self, hostname: Option<&str>) -> TlsSettings {
        let name = Some(self.server_name.as_str()).filter(|name| !name.is_empty()).or(hostname);
        let (least, most) = (self.min_version, self.max_version);
        TlsSettings {
            server_name: name.map(str::to_owned),
            verify: !self.insecure_skip_verify,
            roots: filled(&self.ca),
            identity: filled(&self.cert)
                .zip(filled(&self.key))
                .map(|(certificates, key)| Identity { certificates, key }),
            versions: match () {
                () if least == Some(TlsVersion::Thirteen) => Versions::Thirteen,
                () if most == Some(TlsVersion::Twelve) => Versions::Twelve,
                () => Versions::Any,
            },
            ..TlsSettings::default()
        }
    }
}

impl HttpOptions {
    pub(super) fn follows(&self) -> bool {
        self.no_follow_redirects.map_or(self.follow_redirects, |no| !no)
    }

    fn http(&self, target: &str, hostname: Option<&str>, environment: &Environment) -> Option<Http> {
        let lower = target.to_ascii_lowercase();
        let whole = lower.starts_with("http://") || lower.starts_with("https://");
        let url = usable_url(&if whole { target.to_owned() } else { format!("http://{target}") })?;
        let mut headers: Vec<_> = self.headers.clone().into_iter().collect();
        for (name, own) in &self.http_headers {
            let last = own.secrets.last().or(own.values.last());
            headers.extend(last.map(|value| (name.clone(), value.clone())));
        }
        if let Some(hostname) = hostname {
            headers.retain(|(name, _)| !name.eq_ignore_ascii_case("host"));
            headers.push(("Host".to_owned(), hostname.to_owned()));
        }
        let limit = self.body_size_limit.0.min(MOST_BODY);
        let mut proxy = match &self.proxy_url {
            Some(proxy) => Proxy::parse(proxy).filter(|_| !Unproxied::parse(&self.no_proxy).has(&url)),
            None if self.proxy_from_environment => environment.proxy(&url),
            None => None,
        };
        if let Some(proxy) = &mut proxy {
            let pairs = self.proxy_connect_header.iter();
            proxy.headers = pairs.flat_map(|(name, all)| all.iter().map(|one| (name.clone(), one.clone()))).collect();
            proxy.by_name = self.skip_resolve_phase_with_proxy;
        }
        Some(Http {
            method: hyper::Method::from_bytes(self.method.to_uppercase().as_bytes()).unwrap_or(hyper::Method::GET),
            headers,
            body: self.body.clone().into_bytes(),
            authorization: self.authorization(),
            follow_redirects: self.follows(),
            redirects: REDIRECTS,
            statuses: self.valid_status_codes.clone(),
            versions: self.valid_http_versions.clone(),
            http2: self.enable_http2,
            compression: match self.compression {
                Coding::Gzip => Some(Compression::Gzip),
                Coding::Deflate => Some(Compression::Deflate),
                Coding::Br => Some(Compression::Brotli),
                Coding::Identity | Coding::None => None,
            },
            body_must: bytes(&self.fail_if_body_not_matches_regexp),
            body_must_not: bytes(&self.fail_if_body_matches_regexp),
            header_must: self.fail_if_header_not_matches.iter().filter_map(HeaderMatch::rule).collect(),
            header_must_not: self.fail_if_header_matches.iter().filter_map(HeaderMatch::rule).collect(),
            json_must: cel(self.fail_if_body_json_not_matches_cel.as_deref()),
            json_must_not: cel(self.fail_if_body_json_matches_cel.as_deref()),
            tls_wanted: match (self.fail_if_not_ssl, self.fail_if_ssl) {
                (true, _) => Some(true),
                (false, true) => Some(false),
                (false, false) => None,
            },
            body_limit: if limit == 0 { BODY } else { limit as usize },
            tls: self.tls_config.settings(None),
            proxy,
            oauth: match &self.oauth2 {
                Some(oauth) => Some(Box::new(oauth.oauth(environment)?)),
                None => None,
            },
            ..Http::get(url)
        })
    }

    fn authorization(&self) -> Option<Authorization> {
        if let Some(own) = &self.basic_auth {
            return Some(Authorization::Basic { user: own.username.clone(), password: own.password.clone() });
        }
        if let Some(own) = &self.authorization {
            let kind = if own.kind.is_empty() { "Bearer" } else { &own.kind };
            return Some(Authorization::Other(format!("{kind} {}", own.credentials)));
        }
        self.bearer_token.clone().map(Authorization::Bearer)
    }
}

fn cel(expression: Option<&str>) -> Vec<Cel> {
    expression.and_then(|text| Cel::parse(text).ok()).into_iter().collect()
}

impl Environment {
    fn proxy(&self, url: &hyper::Uri) -> Option<Proxy> {
        let proxy = if url.scheme_str() == Some("https") { &self.https } else { &self.http };
        let host = url.host().unwrap_or_default();
        let is_ours = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let without = is_ours || Unproxied::parse(&self.without).has(url);
        let proxy = proxy.as_deref().filter(|_| !without)?;
        Proxy::parse(proxy).or_else(|| Proxy::parse(&format!("http://{proxy}")))
    }
}

impl OAuth2 {
    fn oauth(&self, environment: &Environment) -> Option<OAuth> {
        let url = usable_url(&self.token_url)?;
        let mut form = vec![("grant_type".to_owned(), "client_credentials".to_owned())];
        if !self.scopes.is_empty() {
            form.push(("scope".to_owned(), self.scopes.join(" ")));
        }
        form.extend(self.endpoint_params.clone());
        let mut proxy = match &self.proxy_url {
            Some(proxy) => Proxy::parse(proxy).filter(|_| !Unproxied::parse(&self.no_proxy).has(&url)),
            None if self.proxy_from_environment => environment.proxy(&url),
            None => None,
        };
        if let Some(proxy) = &mut proxy {
            let pairs = self.proxy_connect_header.iter();
            proxy.headers = pairs.flat_map(|(name, all)| all.iter().map(|one| (name.clone(), one.clone()))).collect();
            proxy.by_name = true;
        }
        let user = Authorization::Basic { user: self.client_id.clone(), password: self.client_secret.clone() };
        Some(OAuth {
            ask: Http {
                method: hyper::Method::POST,
                headers: vec![("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
                body: serde_urlencoded::to_string(form).ok()?.into_bytes(),
                authorization: Some(user),
                follow_redirects: false,
                tls: self.tls_config.settings(None),
                proxy,
                ..Http::get(url)
            },
        })
    }
}

impl HeaderMatch {
    fn rule(&self) -> Option<HeaderRule> {
        let pattern = self.regexp.of_bytes()?;
        Some(HeaderRule { header: self.header.clone(), pattern, allow_missing: self.allow_missing })
    }
}

fn steps(own: &[QueryResponse]) -> Vec<Step> {
    let step = |own: &QueryResponse| Step {
        expect: own.expect.as_ref().and_then(super::options::Pattern::of_bytes),
        expect_bytes: own.expect_bytes.clone().into_bytes(),
        send: Some(own.send.clone()).filter(|send| !send.is_empty()),
        starttls: own.starttls,
        labels: own.labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect(),
    };
    own.iter().map(step).collect()
}

impl TcpOptions {
    fn tcp(&self, target: &str, hostname: Option<&str>) -> Option<Tcp> {
        Some(Tcp {
            endpoint: Endpoint::parse(target, None)?,
            tls: self.tls.then(|| self.tls_config.settings(hostname)),
            upgrade: self.tls_config.settings(hostname),
            steps: steps(&self.query_response),
        })
    }
}

impl UnixOptions {
    fn unix(&self, target: &str, hostname: Option<&str>) -> Option<Unix> {
        Some(Unix {
            path: Some(target).filter(|target| target.starts_with('/'))?.into(),
            tls: self.tls.then(|| self.tls_config.settings(hostname)),
            upgrade: self.tls_config.settings(hostname),
            steps: steps(&self.query_response),
        })
    }
}

impl DnsOptions {
    fn dns(&self, target: &str) -> Option<Dns> {
        let port = if self.dns_over_tls { 853 } else { 53 };
        Some(Dns {
            class: self.query_class.to_ascii_uppercase(),
            tcp: self.transport_protocol == Transport::Tcp,
            tls: self.dns_over_tls.then(|| self.tls_config.settings(None)),
            recursion: self.recursion_desired,
            rcodes: self.valid_rcodes.clone(),
            answers: self.validate_answer_rrs.rules(),
            authorities: self.validate_authority_rrs.rules(),
            additionals: self.validate_additional_rrs.rules(),
            ..Dns::asking(endpoint(target, port)?, &self.query_name, &self.query_type)
        })
    }
}

impl RecordOptions {
    fn rules(&self) -> RecordRules {
        RecordRules {
            must: texts(&self.fail_if_not_matches_regexp),
            must_not: texts(&self.fail_if_matches_regexp),
            some_must: texts(&self.fail_if_none_matches_regexp),
            // It fails when one does not match, whatever its name says: so do they.
            all_must: texts(&self.fail_if_all_match_regexp),
        }
    }
}

impl IcmpOptions {
    fn icmp(&self, target: &str) -> Option<Icmp> {
        Some(Icmp {
            target: endpoint(target, 1)?,
            size: if self.payload_size == 0 { Icmp::PAYLOAD } else { usize::from(self.payload_size) },
            dont_fragment: self.dont_fragment,
            hop_limit: Some(self.ttl).filter(|ttl| *ttl > 0),
        })
    }
}

impl GrpcOptions {
    fn grpc(&self, target: &str) -> Option<Grpc> {
        let target = target.strip_prefix("http://").or_else(|| target.strip_prefix("https://")).unwrap_or(target);
        let pairs = self.metadata.iter();
        Some(Grpc {
            endpoint: endpoint(target, if self.tls { 443 } else { 80 })?,
            service: self.service.clone(),
            metadata: pairs.flat_map(|(name, all)| all.iter().map(|one| (name.clone(), one.clone()))).collect(),
            tls: self.tls.then(|| self.tls_config.settings(None)),
        })
    }
}
