//! Module files of blackbox_exporter: how `/probe` checks a target.
//!
//! In: a file with `modules:`, as it is. Out: [`Modules`], and findings that name every key that we do not know or cannot
//! honour: a check that is less than what was written would be a lie. A module and a target make a [`Check`].
//!
//! [`Check`]: super::service::Check

mod files;
mod made;
mod options;
mod sound;

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde::Deserialize;

use self::options::{DnsOptions, GrpcOptions, HttpOptions, IcmpOptions, TcpOptions, UnixOptions};
use crate::diagnostic::{Findings, Source, yaml};

pub use self::{
    files::read_text,
    made::Environment,
    options::{Pattern, bytes},
};

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
    #[serde(default)]
    icmp: IcmpOptions,
    #[serde(default)]
    grpc: GrpcOptions,
    #[serde(default)]
    unix: UnixOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prober {
    Http,
    Tcp,
    Dns,
    Icmp,
    Grpc,
    Unix,
}

impl Modules {
    /// `None`, with findings, when the file or one that it names cannot be used as a whole.
    pub fn load(file: &Path, findings: &mut Findings) -> Option<Self> {
        Self::of(&Source::read(file, findings)?, file.parent().unwrap_or(Path::new("")), findings)
    }

    /// The same of a file that was read; those that it names are looked for from `folder`.
    pub fn of(source: &Source, folder: &Path, findings: &mut Findings) -> Option<Self> {
        let before = findings.errors();
        let document = yaml::decode::<Self>(source, findings)?;
        let mut read = document.value.clone();
        for (name, module) in &mut read.modules {
            files::Files { folder, module: name, document: &document, findings }.take(module);
            sound::Sound { module: name, document: &document, findings }.check(module);
        }
        (findings.errors() == before).then_some(read)
    }
}

impl Module {
    /// Whether a redirect is an answer and not a way.
    pub fn stays(&self) -> bool {
        self.prober == Prober::Http && !self.http.follows()
    }

    /// Whether an expression is asked about the body.
    pub fn asks_json(&self) -> bool {
        self.http.fail_if_body_json_matches_cel.is_some() || self.http.fail_if_body_json_not_matches_cel.is_some()
    }

    /// Whether a talk expects bytes as they are.
    pub fn expects_bytes(&self) -> bool {
        let steps = if self.prober == Prober::Unix { &self.unix.query_response } else { &self.tcp.query_response };
        steps.iter().any(|step| !step.expect_bytes.is_empty())
    }

    /// Whether the serial number of a zone is asked for.
    pub fn asks_for_serial(&self) -> bool {
        self.prober == Prober::Dns && self.dns.query_type == "SOA"
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        diagnostic::Source,
        profile::service::{Kind, Versions},
        text::Language,
    };

    fn load(text: &str) -> (Option<Modules>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret"), "s3cret\n").unwrap();
        fs::write(folder.path().join("page"), "<a/>\n").unwrap();
        let (file, mut findings) = (folder.path().join("m.yml"), Findings::default());
        fs::write(&file, text).unwrap();
        let modules = Modules::load(&file, &mut findings);
        let home = format!("{}/", folder.path().display());
        let printed = findings.into_sorted().into_iter().map(|finding| finding.print(Language::En).replace(&home, ""));
        (modules, printed.collect())
    }

    #[test]
    fn what_cannot_be_honoured_is_named_with_its_place() {
        for (options, place, code) in [
            ("{prober: websocket}", "websocket", "LP1008"),
            ("{prober: http, http: {enable_http3: true}}", "true", "LP2401"),
            ("{prober: http, http: {proxy_url: 'socks5://x'}}", "'socks5", "LP2401"),
            ("{prober: http, http: {proxy_uri: x}}", "proxy_uri", "LP1005"),
            ("{prober: http, http: {fail_if_body_matches_regexp: ['(']}}", "'('", "LP1007"),
            ("{prober: http, http: {fail_if_body_json_matches_cel: 'a ('}}", "'a ('", "LP2402"),
            ("{prober: http, http: {body: x, body_file: page}}", "page", "LP2403"),
            ("{prober: http, http: {bearer_token: x, basic_auth: {username: y}}}", "x,", "LP2403"),
            ("{prober: http, http: {bearer_token_file: none}}", "none", "LP1001"),
            ("{prober: http, http: {method: 'G T'}}", "'G T'", "LP2402"),
            ("{prober: http, http: {tls_config: {max_version: TLS11}}}", "TLS11", "LP2401"),
            ("{prober: http, http: {tls_config: {cert_file: page}}}", "page", "LP2403"),
            ("{prober: http, http: {headers: {Accept-Encoding: br}, compression: gzip}}", "gzip", "LP2402"),
            ("{prober: dns, dns: {query_type: A}}", "{query", "LP2402"),
            ("{prober: dns, dns: {query_name: x, query_type: NONE}}", "NONE", "LP2402"),
            ("{prober: dns, dns: {query_name: x, query_class: XX}}", "XX", "LP2402"),
            ("{prober: dns, dns: {query_name: x, dns_over_tls: true}}", "true", "LP2403"),
            ("{prober: tcp, tcp: {source_ip_address: y}}", "y}}", "LP2402"),
            ("{prober: icmp, icmp: {ttl: 256}}", "256", "LP1007"),
            ("{prober: tcp, tcp: {query_response: [{expect: x, expect_bytes: y}]}}", "y}]", "LP2403"),
        ] {
            let column = 6 + options.find(place).unwrap();
            let (modules, found) = load(&format!("modules:\n  a: {options}"));
            let place = format!("m.yml:2:{column}: error {code}");
            assert!(
                modules.is_none() && found.len() == 1 && found[0].starts_with(&place),
                "{options}: {place}: {found:?}"
            );
        }
    }

    #[test]
    fn old_versions_of_tls_are_warned_of() {
        let (modules, found) = load("modules:\n  a: {prober: http, http: {tls_config: {min_version: TLS10}}}");
        assert!(
            modules.is_some() && found.len() == 1 && found[0].starts_with("m.yml:2:54: warning LP2401"),
            "{found:?}"
        );
    }

    #[test]
    fn files_take_the_place_of_what_they_stand_for() {
        let (modules, found) = load(
            "modules:\n  a: {prober: http, http: {body_file: page, method: post, basic_auth: {username: u, password_file: secret},\n   \
             http_headers: {X-Key: {values: [a], files: [secret]}}, body_size_limit: 1MB, tls_config: {min_version: TLS13}}}",
        );
        assert_eq!(found, [""; 0]);
        let check = modules.unwrap().modules["a"].check("city.test", None, &Environment::default()).unwrap();
        let Kind::Http(http) = check.kind else { panic!() };
        assert_eq!((http.body.as_slice(), http.method.as_str(), http.body_limit), (&b"<a/>\n"[..], "POST", 1 << 20));
        assert_eq!(http.headers, [("X-Key".to_owned(), "s3cret".to_owned())]);
        assert_eq!(http.tls.versions, Versions::Thirteen);
    }

    proptest! {
        /// Whatever stands in a module file, reading it ends in modules or in findings.
        #[test]
        fn no_file_is_too_much(text in ".{0,400}") {
            let mut findings = Findings::default();
            let source = Source { file: Path::new("m.yml").into(), bytes: text.into_bytes() };
            let read = yaml::decode::<Modules>(&source, &mut findings);
            prop_assert!(read.is_some() || findings.has_errors());
        }

        /// Nor any target.
        #[test]
        fn no_target_is_too_much(target in ".{0,80}", prober in "http|tcp|dns|icmp|grpc|unix") {
            let text = format!("modules:\n  a: {{prober: {prober}}}");
            let source = Source { file: Path::new("m.yml").into(), bytes: text.into_bytes() };
            let document = yaml::decode::<Modules>(&source, &mut Findings::default()).unwrap();
            let _ = document.value.modules["a"].check(&target, Some(&target), &Environment::default());
        }
    }
}
