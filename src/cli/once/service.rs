//! `once` of a service: one check, told to people or as JSON.

use std::{process::ExitCode, time::Duration};

use super::{Global, Output};
use crate::{
    clock::{Clock, SystemClock},
    config::Config,
    diagnostic::Findings,
    probe::service::Checker,
    profile::service::{Check, Freshness},
    sample::service::{Ending, Report},
    text::{Message, ServiceText, StepText},
    units::{Timestamp, parse_duration},
};

/// Longest wait that can be asked for: nobody waits longer at a terminal.
const MOST: Duration = Duration::from_secs(120);

pub(super) fn deadline(text: &str) -> Result<Duration, String> {
    let fine = |duration: &Duration| *duration > Duration::ZERO && *duration <= MOST;
    parse_duration(text).filter(fine).ok_or_else(|| "a length of time up to 120s, such as 10s or 500ms".to_owned())
}

pub(super) fn within(text: &str) -> Result<Duration, String> {
    let fine = |duration: &Duration| *duration >= Duration::from_secs(1);
    parse_duration(text).filter(fine).ok_or_else(|| "a length of time from 1s to 400d, such as 15m or 26h".to_owned())
}

/// The check with a bound of age; `Err`: nothing that it sees has one, which was said.
pub(super) fn fresh(check: Check, freshness: Freshness, global: &Global) -> Result<Check, ExitCode> {
    let kind = check.kind.as_str();
    let key = if freshness.record.is_some() { "record" } else { "within" };
    check.asking_for(freshness).ok_or_else(|| {
        let config = Config::load(global.config_file.as_deref(), &mut Findings::default());
        let language = global.language(config.as_ref());
        for message in [ServiceText::NoFreshness { kind, key }, ServiceText::NoFreshnessHelp] {
            anstream::eprintln!("{}", Message::Service(message).say(language));
        }
        ExitCode::from(2)
    })
}

/// Says that profiles are about packets of ICMP.
pub(super) fn no_profile(global: &Global) -> ExitCode {
    let config = Config::load(global.config_file.as_deref(), &mut Findings::default());
    let language = global.language(config.as_ref());
    anstream::eprintln!("{}", Message::Service(ServiceText::NoProfile).say(language));
    ExitCode::from(2)
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
        Output::Json => anstream::println!("{:#}", report.as_json(target)),
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
        ServiceText::Reached {
            target: target.to_owned(),
            addresses: report.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" → "),
        },
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
        let said = tls.revocation.as_ref();
        told.extend(said.map(|said| ServiceText::Revocation { status: said.status.as_str(), by: said.by }));
        told.extend(tls.certificates.iter().map(|certificate| ServiceText::Certificate {
            subject: certificate.subject.clone(),
            issuer: certificate.issuer.clone(),
            not_after: time(certificate.not_after),
            days: days(certificate.not_after, now),
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
    if let Some(domain) = &report.domain {
        told.push(ServiceText::Domain {
            registrar: if domain.registrar.is_empty() { "?".to_owned() } else { domain.registrar.clone() },
            expires: time(domain.expires),
            days: days(domain.expires, now),
        });
    }
    if let Some(talk) = &report.talk {
        told.push(ServiceText::Talk { status: talk.status, phrase: talk.phrase.clone() });
    }
    if let Some(dated) = report.dated {
        told.push(ServiceText::Dated { at: time(dated.at), age_seconds: dated.age_seconds() });
    }
    told.extend(report.steps.iter().map(|step| {
        let (name, took, status, passed) = (step.name.clone(), step.took, step.status, step.passed);
        ServiceText::Step(StepText::Told { name, took, status, passed })
    }));
    told.push(match &report.ending {
        Ending::Passed => ServiceText::Passed { took: report.took },
        Ending::Failed(fault) => {
            ServiceText::Failed { phase: fault.phase.as_str(), reason: fault.reason.as_str(), text: fault.text.clone() }
        }
        Ending::Unmeasured(text) => ServiceText::Unmeasured { text: text.clone() },
    });
    told
}

/// Whole days from `now`; negative when it is past.
fn days(moment: Timestamp, now: Timestamp) -> i64 {
    (moment.0 - now.0).div_euclid(24 * 3_600_000)
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
