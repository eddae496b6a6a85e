//! What the types of a module cannot say: values that exclude each other, and what we cannot honour.

use hickory_resolver::proto::rr::{DNSClass, RecordType};

use super::{
    Module, Modules, Prober,
    options::{Coding, DnsOptions, HttpOptions, QueryResponse, TlsOptions, TlsVersion, Transport},
};
use crate::{
    diagnostic::{Code, Findings, Place, yaml::Document},
    profile::service::{Cel, Proxy, usable_url},
    text::{Message, ModuleText},
};

/// Largest body that a module may ask for: each of the checks that run at once may hold one.
pub const MOST_BODY: u64 = 64 << 20;

/// Judges one module.
pub struct Sound<'a> {
    pub module: &'a str,
    pub document: &'a Document<Modules>,
    pub findings: &'a mut Findings,
}

impl Sound<'_> {
    pub fn check(mut self, module: &Module) {
        match module.prober {
            Prober::Http => self.http(&module.http),
            Prober::Tcp => {
                self.address("tcp.source_ip_address", &module.tcp.source_ip_address);
                self.steps("tcp", &module.tcp.query_response);
                self.tls("tcp.tls_config", &module.tcp.tls_config);
            }
            Prober::Unix => {
                self.steps("unix", &module.unix.query_response);
                self.tls("unix.tls_config", &module.unix.tls_config);
            }
            Prober::Dns => self.dns(&module.dns),
            Prober::Icmp => self.address("icmp.source_ip_address", &module.icmp.source_ip_address),
            Prober::Grpc => self.tls("grpc.tls_config", &module.grpc.tls_config),
        }
    }

    fn http(&mut self, http: &HttpOptions) {
        if http.enable_http3 {
            self.refuse("http.enable_http3", ModuleText::Http3);
        }
        if hyper::Method::from_bytes(http.method.to_uppercase().as_bytes()).is_err() && !http.method.is_empty() {
            self.wrong("http.method", "it is no word of HTTP");
        }
        if http.body_file.is_some() && self.is_written("http.body") {
            self.exclusive("http.body_file", "body");
        }
        if http.body_size_limit.0 > MOST_BODY {
            self.warn("http.body_size_limit", ModuleText::BodyLimit { most: MOST_BODY });
        }
        for (key, expression) in [
            ("http.fail_if_body_json_matches_cel", &http.fail_if_body_json_matches_cel),
            ("http.fail_if_body_json_not_matches_cel", &http.fail_if_body_json_not_matches_cel),
        ] {
            if let Some(Err(error)) = expression.as_deref().map(Cel::parse) {
                self.wrong(key, Cel::short(&error));
            }
        }
        self.credentials(http);
        self.coding(http);
        if http.proxy_from_environment && http.proxy_url.is_some() {
            self.exclusive("http.proxy_from_environment", "proxy_url");
        }
        self.proxy("http.proxy_url", http.proxy_url.as_deref());
        self.tls("http.tls_config", &http.tls_config);
        if let Some(oauth) = &http.oauth2 {
            if usable_url(&oauth.token_url).is_none() {
                self.wrong("http.oauth2.token_url", "it is no http or https address");
            }
            self.proxy("http.oauth2.proxy_url", oauth.proxy_url.as_deref());
            self.tls("http.oauth2.tls_config", &oauth.tls_config);
        }
        let names = http.headers.keys().map(|name| ("headers", name));
        for (list, name) in names.chain(http.http_headers.keys().map(|name| ("http_headers", name))) {
            if hyper::header::HeaderName::try_from(name.as_str()).is_err() {
                self.wrong(&format!("http.{list}"), "a name of a header has letters, digits and hyphens");
            }
        }
    }

    /// Only one way to say who we are.
    fn credentials(&mut self, http: &HttpOptions) {
        if http.bearer_token_file.is_some() && self.is_written("http.bearer_token") {
            self.exclusive("http.bearer_token_file", "bearer_token");
        }
        let ways = [
            ("oauth2", http.oauth2.is_some()),
            ("authorization", http.authorization.is_some()),
            ("bearer_token_file", http.bearer_token_file.is_some()),
            ("bearer_token", self.is_written("http.bearer_token") && http.bearer_token_file.is_none()),
            ("basic_auth", http.basic_auth.is_some()),
        ];
        let mut used = ways.iter().filter(|(_, used)| *used).map(|(key, _)| *key);
        if let (Some(one), Some(other)) = (used.next(), used.next()) {
            self.exclusive(&format!("http.{one}"), other);
        }
        for (inline, file) in [
            ("basic_auth.username", "basic_auth.username_file"),
            ("basic_auth.password", "basic_auth.password_file"),
            ("authorization.credentials", "authorization.credentials_file"),
            ("oauth2.client_secret", "oauth2.client_secret_file"),
        ] {
            if self.is_written(&format!("http.{inline}")) && self.is_written(&format!("http.{file}")) {
                self.exclusive(&format!("http.{file}"), inline.rsplit('.').next().unwrap_or(inline));
            }
        }
        if http.authorization.as_ref().is_some_and(|own| own.kind.eq_ignore_ascii_case("basic")) {
            self.exclusive("http.authorization.type", "basic_auth");
        }
    }

    /// What is to be unpacked must be among what is asked for.
    fn coding(&mut self, http: &HttpOptions) {
        let wanted = match http.compression {
            Coding::None => return,
            Coding::Gzip => "gzip",
            Coding::Br => "br",
            Coding::Deflate => "deflate",
            Coding::Identity => "identity",
        };
        let asked = http.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("accept-encoding"));
        let refused = |(_, header): (&String, &String)| {
            let weights: Vec<(String, bool)> = header
                .split(',')
                .map(|part| {
                    let mut parts = part.split(';').map(str::trim);
                    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
                    let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|text| text.parse().ok());
                    (name, weight.is_none_or(|weight: f64| weight > 0.0))
                })
                .collect();
            let of = |name: &str| weights.iter().find(|(own, _)| own == name).map(|(_, accepted)| *accepted);
            !of(wanted).or_else(|| of("*")).unwrap_or(wanted == "identity" || header.trim().is_empty())
        };
        if asked.is_some_and(refused) {
            self.wrong("http.compression", "`Accept-Encoding` under `headers` does not ask for it");
        }
    }

    fn proxy(&mut self, key: &str, url: Option<&str>) {
        let Some(url) = url else { return };
        if url.starts_with("socks5") {
            self.refuse(key, ModuleText::Socks);
        } else if Proxy::parse(url).is_none() {
            self.wrong(key, "it is no http or https address");
        }
    }

    fn tls(&mut self, path: &str, tls: &TlsOptions) {
        if tls.cert.is_empty() != tls.key.is_empty() {
            let (has, lacks) = if tls.key.is_empty() { ("cert", "key_file") } else { ("key", "cert_file") };
            let key =
                if self.is_written(&format!("{path}.{has}_file")) { format!("{has}_file") } else { has.to_owned() };
            self.needs(&format!("{path}.{key}"), lacks);
        }
        if tls.max_version.is_some_and(|most| most < TlsVersion::Twelve) {
            self.refuse(&format!("{path}.max_version"), ModuleText::OldTls);
        } else if tls.min_version.is_some_and(|least| least < TlsVersion::Twelve) {
            self.warn(&format!("{path}.min_version"), ModuleText::OldTls);
        }
        if let (Some(least), Some(most)) = (tls.min_version, tls.max_version)
            && least > most
        {
            self.wrong(&format!("{path}.min_version"), "it is above `max_version`");
        }
    }

    fn dns(&mut self, dns: &DnsOptions) {
        if dns.query_name.is_empty() {
            self.wrong("dns", "`query_name` says what to ask for");
        }
        if dns.query_type.to_ascii_uppercase().parse::<RecordType>().is_err() {
            self.wrong("dns.query_type", "it is no type of records");
        }
        if dns.query_class.to_ascii_uppercase().parse::<DNSClass>().is_err() {
            self.wrong("dns.query_class", "it is no class of records");
        }
        if dns.dns_over_tls && dns.transport_protocol == Transport::Udp {
            self.needs("dns.dns_over_tls", "transport_protocol: tcp");
        }
        self.address("dns.source_ip_address", &dns.source_ip_address);
        self.tls("dns.tls_config", &dns.tls_config);
    }

    fn steps(&mut self, prober: &str, steps: &[QueryResponse]) {
        for (nth, step) in steps.iter().enumerate() {
            if step.expect.is_some() && !step.expect_bytes.is_empty() {
                self.exclusive(&format!("{prober}.query_response.{nth}.expect_bytes"), "expect");
            }
        }
    }

    fn address(&mut self, key: &str, text: &str) {
        if !text.is_empty() && text.parse::<std::net::IpAddr>().is_err() {
            self.wrong(key, "it is no address");
        }
    }

    fn place(&self, key: &str) -> Place {
        self.document.place(&format!("modules.{}.{key}", self.module))
    }

    fn is_written(&self, key: &str) -> bool {
        self.document.written(&format!("modules.{}.{key}", self.module)).is_some()
    }

    fn refuse(&mut self, key: &str, text: ModuleText) {
        let help = text.help();
        self.findings.error(self.place(key), Code::MODULE_NOT_HONOURED, Message::Module(text), Message::Module(help));
    }

    fn warn(&mut self, key: &str, text: ModuleText) {
        let help = text.help();
        self.findings.warning(self.place(key), Code::MODULE_NOT_HONOURED, Message::Module(text), Message::Module(help));
    }

    fn wrong(&mut self, key: &str, cause: &str) {
        let name = key.rsplit('.').next().unwrap_or(key).to_owned();
        let text = ModuleText::Wrong { key: name, cause: cause.to_owned() };
        let help = text.help();
        self.findings.error(self.place(key), Code::MODULE_VALUE, Message::Module(text), Message::Module(help));
    }

    fn exclusive(&mut self, key: &str, other: &str) {
        let name = key.rsplit('.').next().unwrap_or(key).to_owned();
        let text = ModuleText::Exclusive { key: name, other: other.to_owned() };
        let help = text.help();
        self.findings.error(self.place(key), Code::MODULE_TOGETHER, Message::Module(text), Message::Module(help));
    }

    fn needs(&mut self, key: &str, other: &str) {
        let name = key.rsplit('.').next().unwrap_or(key).to_owned();
        let text = ModuleText::Needs { key: name, other: other.to_owned() };
        let help = text.help();
        self.findings.error(self.place(key), Code::MODULE_TOGETHER, Message::Module(text), Message::Module(help));
    }
}
