//! What Prometheus is told to scrape through `/probe`: the services that a module can check, in the form of its HTTP SD
//! (`http_sd_configs`: a list of target groups).

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    module::{Environment, Modules},
    service::{Endpoint, Kind},
    services::Service,
};

/// One target with its labels.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    targets: [String; 1],
    labels: BTreeMap<&'static str, String>,
}

/// Every service that is visited and that a module of the usual name checks: `http_2xx` those of HTTP, `tcp_connect`
/// those of TCP, `icmp` those that answer echoes.
pub fn groups<'a>(services: impl Iterator<Item = &'a Service>, modules: &Modules) -> Vec<Group> {
    services.filter(|service| !service.is_placeholder()).filter_map(|service| group(service, modules)).collect()
}

fn bracketed(Endpoint { host, port, .. }: &Endpoint) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn group(service: &Service, modules: &Modules) -> Option<Group> {
    let (target, module) = match &service.check.kind {
        Kind::Http(_) => (service.url.clone(), "http_2xx"),
        Kind::Tcp(tcp) => (bracketed(&tcp.endpoint), "tcp_connect"),
        Kind::Icmp(icmp) => (icmp.target.host.clone(), "icmp"),
        _ => return None,
    };
    modules.modules.get(module)?.check(&target, None, &Environment::default())?;
    let labels = [
        ("__param_module", module.to_owned()),
        ("service", service.id.clone()),
        ("owner", service.owner.clone()),
        ("requirement", service.requirement.clone()),
        ("zone", service.zone.clone()),
    ];
    let labels = labels.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    Some(Group { targets: [target], labels })
}
