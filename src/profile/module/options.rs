//! The options of a module as blackbox_exporter writes them, with its defaults. Nothing here is judged.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Version {
    Ip4,
    #[default]
    Ip6,
}

const fn yes() -> bool {
    true
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpOptions {
    pub valid_status_codes: Vec<u16>,
    pub valid_http_versions: Vec<String>,
    pub preferred_ip_protocol: Version,
    pub ip_protocol_fallback: bool,
    pub no_follow_redirects: Option<bool>,
    pub follow_redirects: bool,
    pub fail_if_ssl: bool,
    pub fail_if_not_ssl: bool,
    pub method: String,
    pub headers: BTreeMap<String, String>,
    pub http_headers: BTreeMap<String, HeaderValues>,
    pub fail_if_body_matches_regexp: Vec<Pattern>,
    pub fail_if_body_not_matches_regexp: Vec<Pattern>,
    pub fail_if_body_json_matches_cel: Option<String>,
    pub fail_if_body_json_not_matches_cel: Option<String>,
    pub fail_if_header_matches: Vec<HeaderMatch>,
    pub fail_if_header_not_matches: Vec<HeaderMatch>,
    pub body: String,
    pub body_file: Option<PathBuf>,
    pub body_size_limit: Size,
    pub compression: Coding,
    pub basic_auth: Option<BasicAuth>,
    pub authorization: Option<Credentials>,
    pub bearer_token: Option<String>,
    pub bearer_token_file: Option<PathBuf>,
    pub oauth2: Option<OAuth2>,
    pub proxy_url: Option<String>,
    pub no_proxy: String,
    pub proxy_from_environment: bool,
    /// Older files write the plural.
    #[serde(alias = "proxy_connect_headers")]
    pub proxy_connect_header: BTreeMap<String, Vec<String>>,
    pub skip_resolve_phase_with_proxy: bool,
    pub enable_http2: bool,
    pub enable_http3: bool,
    pub tls_config: TlsOptions,
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
            method: String::new(),
            headers: BTreeMap::new(),
            http_headers: BTreeMap::new(),
            fail_if_body_matches_regexp: vec![],
            fail_if_body_not_matches_regexp: vec![],
            fail_if_body_json_matches_cel: None,
            fail_if_body_json_not_matches_cel: None,
            fail_if_header_matches: vec![],
            fail_if_header_not_matches: vec![],
            body: String::new(),
            body_file: None,
            body_size_limit: Size(0),
            compression: Coding::None,
            basic_auth: None,
            authorization: None,
            bearer_token: None,
            bearer_token_file: None,
            oauth2: None,
            proxy_url: None,
            no_proxy: String::new(),
            proxy_from_environment: false,
            proxy_connect_header: BTreeMap::new(),
            skip_resolve_phase_with_proxy: false,
            enable_http2: true,
            enable_http3: false,
            tls_config: TlsOptions::default(),
        }
    }
}

/// Only the last value that is written leaves.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeaderValues {
    pub values: Vec<String>,
    pub secrets: Vec<String>,
    pub files: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coding {
    #[default]
    #[serde(rename = "")]
    None,
    Gzip,
    Br,
    Deflate,
    Identity,
}

/// Bytes, such as `10MB`; a unit is a power of 1024, as there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "serde_yaml::Value")]
pub struct Size(pub u64);

impl TryFrom<serde_yaml::Value> for Size {
    type Error = String;

    fn try_from(value: serde_yaml::Value) -> Result<Self, String> {
        let text = match &value {
            serde_yaml::Value::Number(number) => number.to_string(),
            serde_yaml::Value::String(text) => text.clone(),
            _ => String::new(),
        };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let unit = match text[digits..].trim().trim_end_matches("iB").trim_end_matches('B') {
            "" => Some(0),
            unit => ["K", "M", "G", "T"].iter().position(|known| *known == unit).map(|power| power as u32 + 1),
        };
        let bytes = text[..digits].parse::<u64>().ok();
        let size = unit.zip(bytes).and_then(|(power, bytes)| bytes.checked_mul(1024_u64.checked_pow(power)?));
        size.map(Self).ok_or_else(|| format!("`{text}` is no size such as 10MB"))
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BasicAuth {
    pub username: String,
    pub username_file: Option<PathBuf>,
    pub password: String,
    pub password_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Credentials {
    #[serde(rename = "type")]
    pub kind: String,
    pub credentials: String,
    pub credentials_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OAuth2 {
    pub client_id: String,
    pub client_secret: String,
    pub client_secret_file: Option<PathBuf>,
    pub scopes: Vec<String>,
    pub token_url: String,
    pub endpoint_params: BTreeMap<String, String>,
    pub tls_config: TlsOptions,
    pub proxy_url: Option<String>,
    pub no_proxy: String,
    pub proxy_from_environment: bool,
    #[serde(alias = "proxy_connect_headers")]
    pub proxy_connect_header: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderMatch {
    pub header: String,
    pub regexp: Pattern,
    #[serde(default)]
    pub allow_missing: bool,
}

/// `ca`, `cert` and `key` are PEM; their files take their place when the module file is read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsOptions {
    pub insecure_skip_verify: bool,
    pub server_name: String,
    pub ca: String,
    pub ca_file: Option<PathBuf>,
    pub cert: String,
    pub cert_file: Option<PathBuf>,
    pub key: String,
    pub key_file: Option<PathBuf>,
    pub min_version: Option<TlsVersion>,
    pub max_version: Option<TlsVersion>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum TlsVersion {
    #[serde(rename = "TLS10")]
    Ten,
    #[serde(rename = "TLS11")]
    Eleven,
    #[serde(rename = "TLS12")]
    Twelve,
    #[serde(rename = "TLS13")]
    Thirteen,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcpOptions {
    #[serde(default)]
    pub preferred_ip_protocol: Version,
    #[serde(default = "yes")]
    pub ip_protocol_fallback: bool,
    #[serde(default)]
    pub source_ip_address: String,
    #[serde(default)]
    pub query_response: Vec<QueryResponse>,
    #[serde(default)]
    pub tls: bool,
    #[serde(default)]
    pub tls_config: TlsOptions,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            preferred_ip_protocol: Version::Ip6,
            ip_protocol_fallback: true,
            source_ip_address: String::new(),
            query_response: vec![],
            tls: false,
            tls_config: TlsOptions::default(),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UnixOptions {
    pub query_response: Vec<QueryResponse>,
    pub tls: bool,
    pub tls_config: TlsOptions,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueryResponse {
    pub expect: Option<Pattern>,
    pub expect_bytes: String,
    pub labels: Vec<Label>,
    pub send: String,
    pub starttls: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    pub name: String,
    pub value: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DnsOptions {
    pub preferred_ip_protocol: Version,
    pub ip_protocol_fallback: bool,
    pub source_ip_address: String,
    pub transport_protocol: Transport,
    pub dns_over_tls: bool,
    pub tls_config: TlsOptions,
    pub query_name: String,
    pub query_type: String,
    pub query_class: String,
    pub recursion_desired: bool,
    pub valid_rcodes: Vec<String>,
    pub validate_answer_rrs: RecordOptions,
    pub validate_authority_rrs: RecordOptions,
    pub validate_additional_rrs: RecordOptions,
}

impl Default for DnsOptions {
    fn default() -> Self {
        Self {
            preferred_ip_protocol: Version::Ip6,
            ip_protocol_fallback: true,
            source_ip_address: String::new(),
            transport_protocol: Transport::Udp,
            dns_over_tls: false,
            tls_config: TlsOptions::default(),
            query_name: String::new(),
            query_type: "ANY".to_owned(),
            query_class: "IN".to_owned(),
            recursion_desired: true,
            valid_rcodes: vec![],
            validate_answer_rrs: RecordOptions::default(),
            validate_authority_rrs: RecordOptions::default(),
            validate_additional_rrs: RecordOptions::default(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    Udp,
    Tcp,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordOptions {
    pub fail_if_matches_regexp: Vec<Pattern>,
    pub fail_if_all_match_regexp: Vec<Pattern>,
    pub fail_if_not_matches_regexp: Vec<Pattern>,
    pub fail_if_none_matches_regexp: Vec<Pattern>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IcmpOptions {
    #[serde(default)]
    pub preferred_ip_protocol: Version,
    #[serde(default = "yes")]
    pub ip_protocol_fallback: bool,
    #[serde(default)]
    pub source_ip_address: String,
    #[serde(default)]
    pub payload_size: u16,
    #[serde(default)]
    pub dont_fragment: bool,
    /// Zero: the usual 64.
    #[serde(default)]
    pub ttl: u8,
}

impl Default for IcmpOptions {
    fn default() -> Self {
        Self {
            preferred_ip_protocol: Version::Ip6,
            ip_protocol_fallback: true,
            source_ip_address: String::new(),
            payload_size: 0,
            dont_fragment: false,
            ttl: 0,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpcOptions {
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub preferred_ip_protocol: Version,
    #[serde(default = "yes")]
    pub ip_protocol_fallback: bool,
    #[serde(default)]
    pub metadata: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub tls: bool,
    #[serde(default)]
    pub tls_config: TlsOptions,
}

impl Default for GrpcOptions {
    fn default() -> Self {
        Self {
            service: String::new(),
            preferred_ip_protocol: Version::Ip6,
            ip_protocol_fallback: true,
            metadata: BTreeMap::new(),
            tls: false,
            tls_config: TlsOptions::default(),
        }
    }
}

/// A regular expression that compiles.
#[derive(Clone, Debug, Hash)]
pub struct Pattern(String);

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
    pub fn of_bytes(&self) -> Option<regex::bytes::Regex> {
        regex::bytes::Regex::new(&self.0).ok()
    }

    pub fn of_text(&self) -> Option<regex::Regex> {
        regex::Regex::new(&self.0).ok()
    }
}

pub fn bytes(patterns: &[Pattern]) -> Vec<regex::bytes::Regex> {
    patterns.iter().filter_map(Pattern::of_bytes).collect()
}

pub fn texts(patterns: &[Pattern]) -> Vec<regex::Regex> {
    patterns.iter().filter_map(Pattern::of_text).collect()
}
