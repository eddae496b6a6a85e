//! Files of other probers, read into services: Prometheus' file_sd, smokeping_prober and SmokePing's Targets.
//!
//! In: a file as it was read. Out: what of it would be visited ([`Wanted`]), and a warning for everything that a service
//! here cannot say: nothing is dropped in silence. Never: writes, or asks the network.

mod smokeping;

use std::{collections::BTreeMap, net::Ipv6Addr, time::Duration};

use serde::Deserialize;

pub use self::smokeping::targets as smokeping_targets;
use super::service::Check;
use crate::{
    diagnostic::{
        Code, Findings, Place, Source,
        yaml::{self, Document, Lasting, shortened},
    },
    text::{ImportText, Message},
};

/// One entry of `services.yaml`, still without an id.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// In the file that it comes from.
    pub place: Place,
    /// What [`Check::parse`] understands.
    pub url: String,
    /// What the file calls it; empty: nothing.
    pub id: String,
    pub name: String,
    pub interval: Option<Duration>,
    /// Further keys of a service with their values.
    pub keys: Vec<(&'static str, String)>,
}

/// Labels that a service has a key for.
const LABELS: [&str; 5] = ["requirement", "owner", "zone", "certificate_group", "criticality"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    targets: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// Prometheus writes it, and reads nothing from it.
    #[serde(default)]
    #[expect(dead_code, reason = "a key that may stand there")]
    source: Option<String>,
}

/// Target groups, JSON or YAML. What a target is comes from its form, and from the label `module` or `__param_module`.
pub fn file_sd(source: &Source, findings: &mut Findings) -> Option<Vec<Wanted>> {
    let document: Document<Vec<Group>> = yaml::decode(source, findings)?;
    let mut wanted = vec![];
    for (nth, group) in document.value.iter().enumerate() {
        let label = |name: &str| group.labels.get(name).map(String::as_str).unwrap_or_default();
        let module = if label("module").is_empty() { label("__param_module") } else { label("module") };
        for name in group.labels.keys().filter(|name| !is_carried(name)) {
            let place = document.place(&format!("{nth}.labels.{name}"));
            not_carried(place, &format!("label `{}`", shortened(name)), findings);
        }
        let keys: Vec<_> =
            LABELS.into_iter().map(|key| (key, label(key).to_owned())).filter(|(_, value)| !value.is_empty()).collect();
        for (at, target) in group.targets.iter().enumerate() {
            let place = document.place(&format!("{nth}.targets.{at}"));
            let Some(url) = url_of(target.trim(), module) else {
                not_carried(place, &format!("target `{}`", shortened(target)), findings);
                continue;
            };
            // A name for a whole group names none of its members.
            let alone = |name: &str| if group.targets.len() == 1 { label(name).to_owned() } else { String::new() };
            let name = [alone("name"), alone("instance")].into_iter().find(|name| !name.is_empty()).unwrap_or_default();
            wanted.push(Wanted { place, url, id: alone("service"), name, interval: None, keys: keys.clone() });
        }
    }
    Some(wanted)
}

fn is_carried(label: &str) -> bool {
    LABELS.contains(&label) || ["name", "instance", "service", "module", "__param_module"].contains(&label)
}

/// As blackbox_exporter takes a target: `http` modules add a scheme, `icmp` ones ask a host, `tcp` ones a port.
fn url_of(target: &str, module: &str) -> Option<String> {
    let kind = module.split(['_', '-']).next().unwrap_or_default();
    let url = match (target.contains("://"), kind) {
        (true, _) => target.to_owned(),
        (false, "http" | "https") => format!("{kind}://{target}"),
        (false, "icmp" | "ping") => icmp(target),
        // Which name to ask for stands in the module.
        (false, "dns" | "grpc" | "unix") => return None,
        (false, _) => return [target.to_owned(), icmp(target)].into_iter().find(|url| Check::parse(url).is_some()),
    };
    Check::parse(&url).map(|_| url)
}

/// A host that is asked by ICMP; an address of IPv6 stands in brackets.
fn icmp(host: &str) -> String {
    if host.parse::<Ipv6Addr>().is_ok() { format!("icmp://[{host}]") } else { format!("icmp://{host}") }
}

/// The configuration of smokeping_prober.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prober {
    targets: Vec<ProberGroup>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProberGroup {
    hosts: Vec<String>,
    interval: Option<Lasting>,
    network: Option<String>,
    protocol: Option<String>,
    size: Option<u32>,
    source: Option<String>,
    tos: Option<String>,
}

/// Hosts of smokeping_prober: each an ICMP service.
pub fn smokeping_prober(source: &Source, findings: &mut Findings) -> Option<Vec<Wanted>> {
    let document: Document<Prober> = yaml::decode(source, findings)?;
    let mut wanted = vec![];
    for (nth, group) in document.value.targets.iter().enumerate() {
        let at = |key: &str| document.place(&format!("targets.{nth}.{key}"));
        let said = [
            ("network", group.network.clone().filter(|network| network != "ip")),
            ("protocol", group.protocol.clone().filter(|protocol| protocol != "icmp")),
            ("size", group.size.filter(|size| *size != 56).map(|size| size.to_string())),
            ("source", group.source.clone()),
            ("tos", group.tos.clone()),
        ];
        for (key, value) in said {
            if let Some(value) = value {
                not_carried(at(key), &format!("`{key}: {}`", shortened(&value)), findings);
            }
        }
        for (host, name) in group.hosts.iter().enumerate() {
            let (place, url) = (at(&format!("hosts.{host}")), icmp(name.trim()));
            if Check::parse(&url).is_none() {
                not_carried(place, &format!("host `{}`", shortened(name)), findings);
                continue;
            }
            let interval = group.interval.map(|Lasting(interval)| interval.max(Duration::from_secs(1)));
            wanted.push(Wanted { place, url, id: String::new(), name: String::new(), interval, keys: vec![] });
        }
        if let Some(Lasting(interval)) = group.interval.filter(|Lasting(interval)| *interval < Duration::from_secs(1)) {
            not_carried(at("interval"), &format!("`interval: {interval:?}` (a second is the shortest)"), findings);
        }
    }
    Some(wanted)
}

/// What a service here cannot say is told of.
fn not_carried(place: Place, what: &str, findings: &mut Findings) {
    let (message, help) = (ImportText::NotCarried { what: what.to_owned() }, ImportText::NotCarriedHelp);
    findings.warning(place, Code::NOT_CARRIED, Message::from(message), Message::from(help));
}
