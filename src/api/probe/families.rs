//! The metrics of one check, by the names, labels and habits of blackbox_exporter 0.23.

use std::{fmt::Write, net::IpAddr, time::Duration};

use crate::{
    probe::service::STATES,
    profile::module::{Module, Prober},
    sample::service::{Ending, Phase, Reason, Report, TlsSeen},
    units::Timestamp,
};

/// Seconds of Go's zero time, which stands where no chain was verified.
const NO_CHAIN: f64 = -62_135_596_800.0;

pub(super) fn written(module: &Module, report: &Report) -> String {
    let mut out = Families(String::new());
    out.gauge(
        "probe_dns_lookup_time_seconds",
        "Returns the time taken for probe dns lookup in seconds",
        report.first_lookup.as_secs_f64(),
    );
    out.gauge(
        "probe_duration_seconds",
        "Returns how long the probe took to complete in seconds",
        report.took.as_secs_f64(),
    );
    match module.prober {
        Prober::Http => http(&mut out, module, report),
        Prober::Tcp | Prober::Unix => tcp(&mut out, module, report),
        Prober::Dns => dns(&mut out, module, report),
        Prober::Icmp => icmp(&mut out, report),
        Prober::Grpc => grpc(&mut out, report),
    }
    if module.prober != Prober::Unix {
        address(&mut out, report);
    }
    out.gauge(
        "probe_success",
        "Displays whether or not the probe was a success",
        flag(report.ending == Ending::Passed),
    );
    out.0
}

fn address(out: &mut Families, report: &Report) {
    let first = report.addresses.first();
    out.gauge(
        "probe_ip_addr_hash",
        "Specifies the hash of IP address. It's useful to detect if the IP address changes.",
        first.map_or(0.0, |address| f64::from(hash(*address))),
    );
    let version = if first.is_some_and(IpAddr::is_ipv6) { 6.0 } else { 4.0 };
    out.gauge(
        "probe_ip_protocol",
        "Specifies whether probe ip protocol is IP4 or IP6",
        if first.is_some() { version } else { 0.0 },
    );
}

fn http(out: &mut Families, module: &Module, report: &Report) {
    let seen = report.http.clone().unwrap_or_default();
    let answered = seen.status > 0;
    let stays = answered && module.stays() && (300..400).contains(&seen.status);
    if module.asks_json() {
        let help = "Indicates if probe failed due to CEL expression not matching";
        out.gauge("probe_failed_due_to_cel", help, flag(seen.failed_cel));
    }
    out.gauge("probe_failed_due_to_regex", "Indicates if probe failed due to regex", flag(seen.failed_regex));
    let length = match seen.content_length {
        Some(length) => length as f64,
        None if answered => -1.0,
        None => 0.0,
    };
    out.gauge("probe_http_content_length", "Length of http content response", length);
    let parts = report.durations;
    let phases = [
        ("connect", parts.connect),
        ("processing", parts.processing),
        ("resolve", parts.resolve),
        ("tls", parts.tls),
        ("transfer", parts.transfer),
    ];
    let found = !report.addresses.is_empty();
    let phases = phases.into_iter().filter(|(name, _)| found || *name == "resolve");
    out.phases("probe_http_duration_seconds", "Duration of http request by phase, summed over all redirects", phases);
    if let Some(modified) = seen.last_modified {
        let help = "Returns the Last-Modified HTTP response header in unixtime";
        out.gauge("probe_http_last_modified_timestamp_seconds", help, seconds(modified));
    }
    let redirects = if stays { 1 } else { seen.redirects };
    out.gauge("probe_http_redirects", "The number of redirects", f64::from(redirects));
    let secure = answered && seen.tls;
    out.gauge("probe_http_ssl", "Indicates if SSL was used for the final redirect", flag(secure));
    out.gauge("probe_http_status_code", "Response HTTP status code", f64::from(seen.status));
    let body = if stays { 0 } else { seen.body_bytes };
    out.gauge("probe_http_uncompressed_body_length", "Length of uncompressed response body", body as f64);
    let version = seen.version.parse().unwrap_or(0.0);
    out.gauge("probe_http_version", "Returns the version of HTTP of the probe response", version);
    if let Some(tls) = report.tls.as_ref().filter(|_| secure) {
        certificates(out, tls);
    }
}

fn tcp(out: &mut Families, module: &Module, report: &Report) {
    if module.expects_bytes() {
        let failed = matches!(&report.ending, Ending::Failed(fault) if fault.reason == Reason::BytesMismatch);
        out.gauge("probe_failed_due_to_bytes", "Indicates if probe failed due to bytes", flag(failed));
    }
    if !report.kept.is_empty() {
        let kept: Vec<_> = report.kept.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        out.info("probe_expect_info", "Explicit content matched", &kept);
    }
    let failed = matches!(&report.ending, Ending::Failed(fault) if fault.reason == Reason::ExpectMismatch);
    out.gauge("probe_failed_due_to_regex", "Indicates if probe failed due to regex", flag(failed));
    let shaken = !matches!(&report.ending, Ending::Failed(fault) if fault.phase == Phase::Tls);
    if let Some(tls) = report.tls.as_ref().filter(|_| shaken) {
        certificates(out, tls);
    }
}

fn icmp(out: &mut Families, report: &Report) {
    let seen = report.icmp.unwrap_or_default();
    let phases = [("resolve", report.durations.resolve), ("rtt", seen.rtt), ("setup", seen.setup)];
    out.phases("probe_icmp_duration_seconds", "Duration of icmp request by phase", phases);
    if let Some(hops) = seen.hop_limit {
        out.gauge("probe_icmp_reply_hop_limit", "Replied packet hop limit (TTL for ipv4)", f64::from(hops));
    }
}

/// By the documentation of 0.28: certificates are there after a handshake that ended well.
fn grpc(out: &mut Families, report: &Report) {
    let seen = report.grpc.clone().unwrap_or_default();
    let found = !report.addresses.is_empty();
    let phases = [("check", seen.took), ("resolve", report.durations.resolve)];
    let phases = phases.into_iter().filter(|(name, _)| found || *name == "resolve");
    out.phases("probe_grpc_duration_seconds", "Duration of gRPC request by phase", phases);
    if found {
        out.head("probe_grpc_healthcheck_response", "Response HealthCheck response");
        let mut states = STATES;
        states.sort_unstable();
        for state in states {
            let value = flag(seen.serving == Some(state));
            _ = writeln!(out.0, "probe_grpc_healthcheck_response{{serving_status=\"{state}\"}} {value}");
        }
    }
    let answered = seen.tls && (seen.status == 0);
    out.gauge("probe_grpc_ssl", "Indicates if SSL was used for the connection", flag(answered));
    let status = if found { seen.status } else { 0 };
    out.gauge("probe_grpc_status_code", "Response gRPC status code", f64::from(status));
    if let Some(tls) = report.tls.as_ref().filter(|_| answered) {
        certificates(out, tls);
    }
}

fn dns(out: &mut Families, module: &Module, report: &Report) {
    let seen = report.dns.clone().unwrap_or_default();
    for (name, help, count) in [
        ("additional", "Returns number of entries in the additional resource record list", seen.additional_count),
        ("answer", "Returns number of entries in the answer resource record list", seen.answer_count),
        ("authority", "Returns number of entries in the authority resource record list", seen.authority_count),
    ] {
        out.gauge(&format!("probe_dns_{name}_rrs"), help, count as f64);
    }
    let parts = report.durations;
    let phases =
        [("connect", parts.connect), ("request", parts.processing + parts.transfer), ("resolve", parts.resolve)];
    out.phases("probe_dns_duration_seconds", "Duration of DNS request by phase", phases);
    let help = "Displays whether or not the query was executed successfully";
    out.gauge("probe_dns_query_succeeded", help, flag(report.dns.is_some()));
    if report.dns.is_some() && module.asks_for_serial() {
        let serial = seen.serial.filter(|_| seen.answer_count > 0).unwrap_or(0);
        out.gauge("probe_dns_serial", "Returns the serial number of the zone", f64::from(serial));
    }
}

fn certificates(out: &mut Families, tls: &TlsSeen) {
    let Some(own) = tls.certificates.first() else { return };
    let earliest = tls.earliest_expiry().map_or(NO_CHAIN, seconds);
    out.gauge("probe_ssl_earliest_cert_expiry", "Returns last SSL chain expiry in unixtime", earliest);
    let help = "Returns last SSL chain expiry in timestamp";
    out.gauge("probe_ssl_last_chain_expiry_timestamp_seconds", help, tls.chain_expiry.map_or(NO_CHAIN, seconds));
    let names: Vec<&str> = own.san.iter().map(String::as_str).filter(|name| name.parse::<IpAddr>().is_err()).collect();
    let labels = [
        ("fingerprint_sha256", own.sha256.as_str()),
        ("issuer", &own.issuer_rfc2253),
        ("subject", &own.subject_rfc2253),
        ("subjectalternative", &names.join(",")),
    ];
    out.info("probe_ssl_last_chain_info", "Contains SSL leaf certificate information", &labels);
    let help = "Returns the TLS version used or NaN when unknown";
    out.info("probe_tls_version_info", help, &[("version", &tls.version)]);
}

fn flag(set: bool) -> f64 {
    f64::from(u8::from(set))
}

fn seconds(moment: Timestamp) -> f64 {
    moment.0 as f64 / 1_000.0
}

/// FNV-1a of the bytes of an address.
fn hash(address: IpAddr) -> u32 {
    let bytes = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    bytes.into_iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Text of the exposition format.
struct Families(String);

impl Families {
    fn head(&mut self, name: &str, help: &str) {
        _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge");
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, help);
        _ = writeln!(self.0, "{name} {value}");
    }

    fn phases(&mut self, name: &str, help: &str, phases: impl IntoIterator<Item = (&'static str, Duration)>) {
        self.head(name, help);
        for (phase, took) in phases {
            _ = writeln!(self.0, "{name}{{phase=\"{phase}\"}} {}", took.as_secs_f64());
        }
    }

    fn info(&mut self, name: &str, help: &str, labels: &[(&str, &str)]) {
        self.head(name, help);
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<_> = labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        _ = writeln!(self.0, "{name}{{{}}} 1", labels.join(","));
    }
}
