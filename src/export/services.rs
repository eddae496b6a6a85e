//! The families of services: few hundred of them, written whole.

use std::time::Duration;

use super::{
    Family,
    families::{
        CERTIFICATE, EXCHANGE_RECORDS, EXCHANGE_SUCCESS, EXCHANGE_TASKS, EXCHANGE_TOLD, FRESHNESS, ONLINE_DEVICES,
        ONLINE_RATE, ONLINE_TOLD, PROBE_DURATION, PROBE_PHASE, PROBE_REASON, PROBE_STATUS, PROBE_SUCCESS,
        SERVICE_AVAILABILITY, SERVICE_INFO, SERVICE_LATE, SERVICE_SKIPPED, SERVICE_STATE, SERVICE_VISITS,
        SERVICE_WAITS, STEP_DURATION, STEP_SUCCESS, TRANSACTION_LIMIT, TRANSACTION_LONGEST, TRANSACTION_MEAN,
        TRANSACTION_RUNS, TRANSACTION_SLOW,
    },
    family, labelled, ratio,
    text::{Value, escape, sample},
};
use crate::{
    judge::service::ServiceState,
    ledger::{
        online::OnlineStanding,
        transaction::{Runs, Standing},
    },
    sample::service::{Ending, Report},
    snapshot::{ServiceView, ServicesView},
    units::Timestamp,
};

/// Writes the families of all services.
pub(super) fn write(services: &ServicesView, out: &mut String) {
    if services.list.is_empty() {
        return;
    }
    let labels: Vec<String> =
        services.list.iter().map(|view| format!("service=\"{}\"", escape(&view.service.id))).collect();
    let all = || labels.iter().map(String::as_str).zip(&services.list);
    family(out, &SERVICE_INFO);
    for (label, view) in all() {
        let pieces = info(view);
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        sample(out, &SERVICE_INFO, "", label, &pieces, Value::Whole(1));
    }
    family(out, &SERVICE_STATE);
    for (label, view) in all() {
        for state in ServiceState::ALL {
            let pieces = [",state=\"", state.as_str(), "\""];
            sample(out, &SERVICE_STATE, "", label, &pieces, (view.state == state).into());
        }
    }
    family(out, &SERVICE_VISITS);
    for (label, view) in all() {
        let visits = view.visits;
        let outcomes = [
            ("passed", visits.passed),
            ("failed", visits.failed),
            ("unmeasured", visits.unmeasured),
            ("confirm", visits.confirms),
        ];
        for (outcome, count) in outcomes {
            sample(out, &SERVICE_VISITS, "", label, &[",outcome=\"", outcome, "\""], Value::Whole(count));
        }
    }
    family(out, &SERVICE_AVAILABILITY);
    for (label, view) in all() {
        if let Some(ratio) = ratio(view.month.known()) {
            sample(out, &SERVICE_AVAILABILITY, "", label, &[",period=\"month\""], Value::Float(ratio));
        }
    }
    labelled(out, &SERVICE_WAITS, "limit", services.waits.iter().map(|(limit, count)| (*limit, Value::Whole(*count))));
    family(out, &SERVICE_LATE);
    sample(out, &SERVICE_LATE, "", "", &[], Value::Float(services.late.as_secs_f64()));
    labelled(
        out,
        &SERVICE_SKIPPED,
        "reason",
        services.skipped.iter().map(|(reason, count)| (*reason, Value::Whole(*count))),
    );
    let seen = || all().filter_map(|(label, view)| Some((label, &*view.last.as_ref()?.1)));
    let measured = || seen().filter(|(_, report)| !matches!(report.ending, Ending::Unmeasured(_)));
    family(out, &PROBE_SUCCESS);
    for (label, report) in measured() {
        sample(out, &PROBE_SUCCESS, "", label, &[], (report.ending == Ending::Passed).into());
    }
    family(out, &PROBE_DURATION);
    for (label, report) in measured() {
        sample(out, &PROBE_DURATION, "", label, &[], Value::Float(report.took.as_secs_f64()));
    }
    family(out, &PROBE_PHASE);
    for (label, report) in measured() {
        for (phase, duration) in report.durations.by_phase() {
            let pieces = [",phase=\"", phase.as_str(), "\""];
            sample(out, &PROBE_PHASE, "", label, &pieces, Value::Float(duration.as_secs_f64()));
        }
    }
    family(out, &PROBE_REASON);
    for (label, report) in seen() {
        if let Ending::Failed(fault) = &report.ending {
            let pieces = [",phase=\"", fault.phase.as_str(), "\",reason=\"", fault.reason.as_str(), "\""];
            sample(out, &PROBE_REASON, "", label, &pieces, Value::Whole(1));
        }
    }
    family(out, &PROBE_STATUS);
    for (label, report) in seen() {
        if let Some(http) = report.http.as_ref().filter(|http| http.status > 0) {
            sample(out, &PROBE_STATUS, "", label, &[], Value::Whole(http.status.into()));
        }
    }
    family(out, &CERTIFICATE);
    for (label, report) in seen() {
        for (chain, Timestamp(expiry)) in expiries(report) {
            sample(out, &CERTIFICATE, "", label, &[",chain=\"", chain, "\""], Value::Millis(expiry));
        }
    }
    family(out, &FRESHNESS);
    for (label, dated) in seen().filter_map(|(label, report)| Some((label, report.dated?))) {
        sample(out, &FRESHNESS, "", label, &[], Value::Millis(dated.at.0));
    }
    let steps = || measured().flat_map(|(label, report)| report.steps.iter().map(move |step| (label, step)));
    family(out, &STEP_DURATION);
    for (label, step) in steps() {
        let pieces = [",step=\"", &step.name, "\""];
        sample(out, &STEP_DURATION, "", label, &pieces, Value::Float(step.took.as_secs_f64()));
    }
    family(out, &STEP_SUCCESS);
    for (label, step) in steps() {
        sample(out, &STEP_SUCCESS, "", label, &[",step=\"", &step.name, "\""], (step.passed == Some(true)).into());
    }
    write_transactions(&labels, &services.list, out);
    write_online(&labels, &services.list, out);
    write_exchanges(&labels, &services.list, out);
}

fn write_transactions(labels: &[String], list: &[ServiceView], out: &mut String) {
    let all: Vec<(&str, &Standing)> = labels
        .iter()
        .zip(list)
        .filter_map(|(label, view)| Some((label.as_str(), view.transaction.as_ref()?)))
        .collect();
    if all.is_empty() {
        return;
    }
    let mut write = |kind: &Family, samples: &dyn Fn(&Standing) -> Vec<(String, Value)>| {
        family(out, kind);
        for (label, standing) in &all {
            for (more, value) in samples(standing) {
                sample(out, kind, "", label, &[",period=\"", standing.period.as_str(), "\"", &more], value);
            }
        }
    };
    let seconds = |time: Option<Duration>| {
        time.map(|time| (String::new(), Value::Float(time.as_secs_f64()))).into_iter().collect::<Vec<_>>()
    };
    write(&TRANSACTION_MEAN, &|standing| seconds(standing.told[0].runs.mean()));
    write(&TRANSACTION_LONGEST, &|standing| seconds(standing.told[0].runs.longest()));
    write(&TRANSACTION_LIMIT, &|standing| {
        let limit = standing.limit.map(|limit| Value::Float(limit.as_secs_f64()));
        limit.map(|limit| (format!(",statistic=\"{}\"", standing.statistic.as_str()), limit)).into_iter().collect()
    });
    write(&TRANSACTION_RUNS, &|standing| {
        let Runs { whole, cut, failed, .. } = standing.told[0].runs;
        let outcomes = [("whole", whole), ("cut", cut), ("failed", failed)];
        outcomes.map(|(outcome, count)| (format!(",outcome=\"{outcome}\""), Value::Whole(count))).into()
    });
    write(&TRANSACTION_SLOW, &|standing| vec![(String::new(), Value::Whole(standing.told[0].runs.slow))]);
}

fn write_online(labels: &[String], list: &[ServiceView], out: &mut String) {
    let all: Vec<(&str, &ServiceView, &OnlineStanding)> = labels
        .iter()
        .zip(list)
        .filter_map(|(label, view)| Some((label.as_str(), view, view.online.as_ref()?)))
        .collect();
    if all.is_empty() {
        return;
    }
    let told = |view: &ServiceView| view.last.as_ref().and_then(|(_, report)| report.online);
    family(out, &ONLINE_DEVICES);
    for (label, view, _) in all.iter().filter(|(_, view, _)| view.state != ServiceState::Unknown) {
        let Some(told) = told(view) else { continue };
        let missing = told.expected().unwrap_or(0).saturating_sub(told.online);
        let kinds = [("online", told.online), ("absent", told.absent), ("missing", missing), ("total", told.total)];
        for (kind, count) in kinds {
            sample(out, &ONLINE_DEVICES, "", label, &[",kind=\"", kind, "\""], Value::Whole(count.into()));
        }
    }
    family(out, &ONLINE_RATE);
    for (label, _, standing) in &all {
        for (day, told) in ["today", "yesterday"].into_iter().zip(&standing.told) {
            if let Some(rate) = ratio(told.day.rate()) {
                sample(out, &ONLINE_RATE, "", label, &[",day=\"", day, "\""], Value::Float(rate));
            }
        }
    }
    family(out, &ONLINE_TOLD);
    for (label, told) in all.iter().filter_map(|(label, view, _)| Some((*label, told(view)?))) {
        sample(out, &ONLINE_TOLD, "", label, &[], Value::Millis(told.at.0));
    }
}

fn write_exchanges(labels: &[String], list: &[ServiceView], out: &mut String) {
    let exchanges: Vec<_> = labels
        .iter()
        .zip(list)
        .filter_map(|(label, view)| Some((label.as_str(), view.service.exchange()?, view)))
        .collect();
    if exchanges.is_empty() {
        return;
    }
    family(out, &EXCHANGE_TASKS);
    for (label, exchange, _) in &exchanges {
        let pieces = [",kind=\"", exchange.kind.as_str(), "\""];
        sample(out, &EXCHANGE_TASKS, "", label, &pieces, Value::Whole(exchange.tasks.into()));
    }
    let told = |view: &ServiceView| view.last.as_ref().and_then(|(_, report)| report.exchange);
    let told: Vec<_> = exchanges.iter().filter_map(|(label, _, view)| Some((*label, view, told(view)?))).collect();
    family(out, &EXCHANGE_RECORDS);
    for (label, _, told) in told.iter().filter(|(_, view, _)| view.state != ServiceState::Unknown) {
        let outcomes = [
            ("sent", told.sent),
            ("received", told.received),
            ("lost", told.lost()),
            ("rejected", told.rejected),
            ("mismatched", told.mismatched),
        ];
        for (outcome, count) in outcomes {
            sample(out, &EXCHANGE_RECORDS, "", label, &[",outcome=\"", outcome, "\""], Value::Whole(count));
        }
    }
    family(out, &EXCHANGE_TOLD);
    for (label, _, told) in &told {
        sample(out, &EXCHANGE_TOLD, "", label, &[], Value::Millis(told.at.0));
    }
    family(out, &EXCHANGE_SUCCESS);
    for (label, _, told) in &told {
        sample(out, &EXCHANGE_SUCCESS, "", label, &[], Value::Millis(told.last_success.0));
    }
}

fn info(view: &ServiceView) -> Vec<String> {
    let service = &view.service;
    let text = |name: &str, value: &str| format!(",{name}=\"{}\"", escape(value));
    [
        ("name", &service.name),
        ("url", &service.url),
        ("requirement", &service.requirement),
        ("owner", &service.owner),
        ("zone", &service.zone),
        ("certificate_group", &service.certificate_group),
    ]
    .map(|(name, value)| text(name, value))
    .into()
}

/// When what was shown ends, by what is looked at.
fn expiries(report: &Report) -> Vec<(&'static str, Timestamp)> {
    let Some(tls) = &report.tls else { return vec![] };
    [
        ("leaf", tls.certificates.first().map(|certificate| certificate.not_after)),
        ("served", tls.earliest_expiry()),
        ("verified", tls.chain_expiry),
    ]
    .into_iter()
    .filter_map(|(chain, expiry)| Some((chain, expiry?)))
    .collect()
}
