//! A report as JSON: one form for `once` and the API.

use serde_json::{Value, json};

use super::{Certificate, Durations, Ending, Report, RevocationSeen, RevocationStatus, StepSeen, TlsSeen};
use crate::{inventory::Told, profile::service::Validation, units::Timestamp};

impl Report {
    /// As the API and `once` tell it. `target`: what was asked for.
    pub fn as_json(&self, target: &str) -> Value {
        let report = self;
        let fault = match &report.ending {
            Ending::Failed(fault) => Some(fault),
            Ending::Passed | Ending::Unmeasured(_) => None,
        };
        let text = match &report.ending {
            Ending::Passed => None,
            Ending::Failed(fault) => Some(&fault.text),
            Ending::Unmeasured(text) => Some(text),
        };
        json!({
            "target": target,
            "success": report.ending == Ending::Passed,
            "measured": !matches!(report.ending, Ending::Unmeasured(_)),
            "phase": fault.map(|fault| fault.phase.as_str()),
            "reason": fault.map(|fault| fault.reason.as_str()),
            "text": text,
            "duration_seconds": report.took.as_secs_f64(),
            "durations": durations_json(&report.durations),
            "step": fault.and_then(|fault| fault.step.as_ref()),
            "steps": report.steps.iter().map(step_json).collect::<Vec<_>>(),
            "cookies_refused": report.cookies_refused,
            "addresses": report.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "verdict": report.tls.as_ref().map(|tls| tls.verdict.map_or("good", |reason| reason.as_str())),
            "tls": report.tls.as_ref().map(tls_json),
            "certificates": report.tls.iter().flat_map(|tls| &tls.certificates).map(certificate_json).collect::<Vec<_>>(),
            "http": report.http.as_ref().map(|http| json!({
                "status": http.status,
                "version": http.version,
                "content_length": http.content_length,
                "body_bytes": http.body_bytes,
                "redirects": http.redirects,
            })),
            "dns": report.dns.as_ref().map(|dns| json!({
                "rcode": dns.rcode,
                "authoritative": dns.authoritative,
                "answers": dns.answers,
                "serial": dns.serial,
            })),
            "domain": report.domain.as_ref().map(|domain| json!({
                "expires": time(domain.expires),
                "registrar": domain.registrar,
                "statuses": domain.statuses,
            })),
            "talk": report.talk.as_ref().map(|talk| json!({ "status": talk.status, "phrase": talk.phrase })),
            "exchange": report.exchange.as_ref().map(told_json),
            "online": report.online.map(|told| json!({
                "at": time(told.at), "online": told.online, "total": told.total, "absent": told.absent,
            })),
            "freshness": report.dated.map(|dated| json!({ "at": time(dated.at), "age_seconds": dated.age_seconds() })),
        })
    }
}

fn durations_json(durations: &Durations) -> Value {
    durations
        .by_phase()
        .into_iter()
        .map(|(phase, time)| (phase.as_str().to_owned(), Value::from(time.as_secs_f64())))
        .collect()
}

fn step_json(step: &StepSeen) -> Value {
    json!({
        "name": step.name,
        "success": step.passed,
        "status": Some(step.status).filter(|status| *status > 0),
        "duration_seconds": step.took.as_secs_f64(),
        "durations": durations_json(&step.durations),
    })
}

fn told_json(told: &Told) -> Value {
    json!({
        "at": time(told.at),
        "sent": told.sent,
        "received": told.received,
        "lost": told.lost(),
        "rejected": told.rejected,
        "mismatched": told.mismatched,
        "last_success": time(told.last_success),
    })
}

fn tls_json(tls: &TlsSeen) -> Value {
    json!({
        "version": tls.version,
        "cipher": tls.cipher,
        "detail": tls.detail,
        "stapled": tls.stapled,
        "revocation": tls.revocation.as_ref().map(revocation_json),
    })
}

fn revocation_json(seen: &RevocationSeen) -> Value {
    let (since, detail) = match &seen.status {
        RevocationStatus::Revoked(since) => (Some(time(*since)), None),
        RevocationStatus::Unusable(detail) => (None, Some(detail)),
        RevocationStatus::Good | RevocationStatus::Unknown => (None, None),
    };
    json!({ "by": seen.by, "status": seen.status.as_str(), "since": since, "detail": detail })
}

fn certificate_json(certificate: &Certificate) -> Value {
    json!({
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "not_before": time(certificate.not_before),
        "not_after": time(certificate.not_after),
        "sha256": certificate.sha256,
        "algorithm": certificate.algorithm,
        "san": certificate.san,
        "sct_count": certificate.timestamps,
        "validation": certificate.validation.map(Validation::as_str),
    })
}

fn time(moment: Timestamp) -> String {
    moment.rfc3339(chrono_tz::UTC)
}
