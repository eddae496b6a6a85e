//! `once` of a service: one check, told to people or as JSON.

use std::{process::ExitCode, time::Duration};

use serde_json::{Value, json};

use super::{Global, Output};
use crate::{
    clock::{Clock, SystemClock},
    config::Config,
    diagnostic::Findings,
    probe::service::Checker,
    profile::service::Check,
    sample::service::{Certificate, Ending, Report, TlsSeen},
    text::{Message, ServiceText},
    units::{Timestamp, parse_duration},
};

/// Longest wait that can be asked for: nobody waits longer at a terminal.
const MOST: Duration = Duration::from_secs(120);

pub(super) fn deadline(text: &str) -> Result<Duration, String> {
    let fine = |duration: &Duration| *duration > Duration::ZERO && *duration <= MOST;
    parse_duration(text).filter(fine).ok_or_else(|| "a length of time up to 120s, such as 10s or 500ms".to_owned())
}

/// Exit code: 0 good, 1 failed, 2 could not check.
pub(super) fn once(target: &str, check: Check, global: &Global) -> ExitCode {
    // A check needs no files; where there is a configuration, its name server and language hold.
    let config = Config::load(global.config_file.as_deref(), &mut Findings::default());
    let language = global.language(config.as_ref());
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let message = ServiceText::Unmeasured { text: error.to_string() };
            anstream::eprintln!("{}", Message::Service(message).say(language));
            return ExitCode::from(2);
        }
    };
    let checker = Checker::new(config.and_then(|config| config.name_server));
    let report = runtime.block_on(checker.run(&check));
    match global.output {
        Output::Json => anstream::println!("{:#}", as_json(target, &report)),
        Output::Text => {
            for message in told(target, &report, SystemClock::start().now().utc) {
                anstream::println!("{}", Message::Service(message).say(language));
            }
        }
    }
    ExitCode::from(match report.ending {
        Ending::Passed => 0,
        Ending::Failed(_) => 1,
        Ending::Unmeasured(_) => 2,
    })
}

fn told(target: &str, report: &Report, now: Timestamp) -> Vec<ServiceText> {
    let durations = report.durations;
    let mut told = vec![
        ServiceText::Reached { target: target.to_owned(), addresses: addresses(report).join(" → ") },
        ServiceText::Durations {
            resolve: durations.resolve,
            connect: durations.connect,
            tls: durations.tls,
            processing: durations.processing,
            transfer: durations.transfer,
        },
    ];
    if let Some(tls) = &report.tls {
        if !tls.version.is_empty() {
            told.push(ServiceText::Tls { version: tls.version.clone(), cipher: tls.cipher.clone() });
        }
        told.extend(tls.certificates.iter().map(|certificate| ServiceText::Certificate {
            subject: certificate.subject.clone(),
            issuer: certificate.issuer.clone(),
            not_after: time(certificate.not_after),
            days: (certificate.not_after.0 - now.0).div_euclid(24 * 3_600_000),
        }));
    }
    if let Some(http) = report.http.as_ref().filter(|http| http.status > 0) {
        told.push(ServiceText::Http {
            version: http.version,
            status: http.status,
            bytes: http.body_bytes,
            redirects: http.redirects,
        });
    }
    if let Some(dns) = &report.dns {
        told.push(ServiceText::Dns { rcode: dns.rcode.clone(), answers: dns.answer_count });
    }
    told.push(match &report.ending {
        Ending::Passed => ServiceText::Passed { took: report.took },
        Ending::Failed(fault) => {
            ServiceText::Failed { phase: fault.phase.as_str(), reason: fault.reason.as_str(), text: fault.text.clone() }
        }
        Ending::Unmeasured(text) => ServiceText::Unmeasured { text: text.clone() },
    });
    told
}

fn addresses(report: &Report) -> Vec<String> {
    report.addresses.iter().map(ToString::to_string).collect()
}

fn as_json(target: &str, report: &Report) -> Value {
    let fault = match &report.ending {
        Ending::Failed(fault) => Some(fault),
        Ending::Passed | Ending::Unmeasured(_) => None,
    };
    let text = match &report.ending {
        Ending::Passed => None,
        Ending::Failed(fault) => Some(&fault.text),
        Ending::Unmeasured(text) => Some(text),
    };
    let durations = report.durations;
    json!({
        "target": target,
        "success": report.ending == Ending::Passed,
        "measured": !matches!(report.ending, Ending::Unmeasured(_)),
        "phase": fault.map(|fault| fault.phase.as_str()),
        "reason": fault.map(|fault| fault.reason.as_str()),
        "text": text,
        "duration_seconds": report.took.as_secs_f64(),
        "durations": {
            "resolve": durations.resolve.as_secs_f64(),
            "connect": durations.connect.as_secs_f64(),
            "tls": durations.tls.as_secs_f64(),
            "processing": durations.processing.as_secs_f64(),
            "transfer": durations.transfer.as_secs_f64(),
        },
        "addresses": addresses(report),
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
    })
}

fn tls_json(tls: &TlsSeen) -> Value {
    json!({ "version": tls.version, "cipher": tls.cipher, "detail": tls.detail, "stapled": tls.stapled })
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
    })
}

fn time(moment: Timestamp) -> String {
    moment.rfc3339(chrono_tz::UTC)
}

#[cfg(test)]
mod tests {
    use crate::{sample::service::Reason, text::reason_zh};

    #[test]
    fn every_reason_has_its_chinese_words_and_its_line_in_the_documents() {
        let document = include_str!("../../../docs/services.md");
        for reason in Reason::ALL {
            let name = reason.as_str();
            assert_ne!(reason_zh(name), name);
            assert!(document.contains(&format!("| `{name}` |")), "docs/services.md does not explain {name}");
        }
    }
}
