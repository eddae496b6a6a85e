//! `/services/{id}`: what is known of one service: who answers for it, its last visit, certificates, rule, and incidents.

use askama::Template;
use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};

use super::{
    Frame, Opened,
    incidents::IncidentRow,
    percent,
    services::{expiry, reason, state},
    sheet::{Asked, Cell, Sheet, chosen},
    show,
};
use crate::{
    api::problem::Problem,
    export,
    judge::site::visits::{Standing, Verdict},
    ledger,
    sample::service::{Ending, Phase, Report},
    snapshot::{ServiceView, Snapshot},
    text::{DoorText, Message, PageText, SheetText},
    units::Timestamp,
};

#[derive(Template)]
#[template(path = "service.html")]
struct Page {
    frame: Frame,
    title: String,
    state: Cell,
    since: String,
    /// Label, value, and where it leads.
    facts: Vec<(String, Cell)>,
    sheets: Vec<Sheet>,
}

pub(in crate::api) async fn service(
    Path(id): Path<String>,
    Opened { snapshot, frame, asked, .. }: Opened<Asked>,
) -> Response {
    let frame = frame.at("/services");
    let Some(view) = snapshot.services.list.iter().find(|view| view.service.id == id) else {
        return Problem::NotFound.into_response();
    };
    let mut sheets = vec![last_visit(&frame, view), timings(&frame, view)];
    sheets.extend(steps(&frame, view));
    sheets.extend(transaction(&frame, view));
    sheets.extend(online(&frame, view));
    sheets.extend([addresses(&frame, view), certificates(&frame, view), group(&frame, &snapshot, view)]);
    sheets.extend(rule(&frame, &snapshot, view));
    sheets.push(incidents(&frame, &snapshot, view));
    sheets.push(metrics(&frame, &snapshot, view));
    if let Some(sheet) = chosen(&asked, &sheets) {
        return sheet.csv();
    }
    show(&Page {
        title: view.service.name.clone(),
        state: state(&frame, view.state),
        since: frame.maybe((view.since > Timestamp(0)).then_some(view.since)),
        facts: facts(&frame, &snapshot, view),
        sheets,
        frame,
    })
}

/// Where the page of a service stands.
pub(super) fn address(frame: &Frame, id: &str) -> String {
    let id: String = id
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("/services/{id}?lang={}", frame.lang())
}

fn report(view: &ServiceView) -> Option<&Report> {
    view.last.as_ref().map(|(_, report)| &**report)
}

fn facts(frame: &Frame, snapshot: &Snapshot, view: &ServiceView) -> Vec<(String, Cell)> {
    let service = &view.service;
    let units = &snapshot.inventory.units;
    let owner =
        units.iter().find(|unit| unit.id == service.owner).map_or(service.owner.as_str(), |unit| unit.name.as_str());
    let mut facts = vec![
        (SheetText::Service, Cell::from(service.id.as_str())),
        (SheetText::Address, service.url.as_str().into()),
        (SheetText::Requirement, service.requirement.as_str().into()),
        (SheetText::Owner, owner.into()),
        (SheetText::Criticality, service.criticality.as_str().into()),
        (SheetText::Zone, service.zone.as_str().into()),
        (SheetText::CertificateGroup, service.certificate_group.as_str().into()),
    ];
    for parent in &service.depends_on {
        let is_link = snapshot.inventory.links.iter().any(|link| link.id.as_str() == parent);
        let place = match is_link {
            true => format!("/links/{parent}?lang={}", frame.lang()),
            false => address(frame, parent),
        };
        facts.push((SheetText::DependsOn, Cell::to(parent.as_str(), place)));
    }
    let written = facts.into_iter().filter(|(_, cell)| !cell.text.is_empty());
    written.map(|(label, cell)| (frame.sheet(label), cell)).collect()
}

fn table(frame: &Frame, key: &str, title: SheetText, labels: &[SheetText]) -> Sheet {
    Sheet::new(key, frame.sheet(title)).columns(labels.iter().map(|label| frame.sheet(*label)))
}

fn text(words: impl Into<String>) -> Cell {
    Cell { class: "text", ..Cell::from(words.into()) }
}

fn last_visit(frame: &Frame, view: &ServiceView) -> Sheet {
    let labels =
        [SheetText::When, SheetText::Outcome, SheetText::Phase, SheetText::Reason, SheetText::Note, SheetText::Took];
    let mut sheet = table(frame, "visit", SheetText::LastVisit, &labels);
    if let Some((began, report)) = &view.last {
        let (outcome, phase, why, words) = match &report.ending {
            Ending::Passed => (Cell::state(frame.sheet(SheetText::Passed), "up"), String::new(), String::new(), ""),
            Ending::Unmeasured(words) => {
                (Cell::state(frame.say(Message::NotMeasured), "unknown"), String::new(), String::new(), words.as_str())
            }
            Ending::Failed(fault) => (
                Cell::state(frame.sheet(SheetText::Failed), "down"),
                name(frame, fault.phase),
                reason(frame, fault.reason),
                fault.text.as_str(),
            ),
        };
        let took = milliseconds(report.took);
        sheet.row([frame.clock(*began).into(), outcome, phase.into(), why.into(), text(words), took.into()]);
    }
    sheet
}

fn name(frame: &Frame, phase: Phase) -> String {
    frame.sheet(match phase {
        Phase::Resolve => SheetText::PhaseResolve,
        Phase::Connect => SheetText::PhaseConnect,
        Phase::Tls => SheetText::PhaseTls,
        Phase::Processing => SheetText::PhaseProcessing,
        Phase::Transfer => SheetText::PhaseTransfer,
        Phase::Content => SheetText::PhaseContent,
    })
}

/// Three places, as measured.
fn milliseconds(time: std::time::Duration) -> String {
    format!("{}.{:03} ms", time.as_millis(), time.as_micros() % 1_000)
}

fn timings(frame: &Frame, view: &ServiceView) -> Sheet {
    let mut sheet = table(frame, "timings", SheetText::Timings, &[SheetText::Phase, SheetText::Took]);
    for (phase, time) in report(view).into_iter().flat_map(|report| report.durations.by_phase()) {
        sheet.row([name(frame, phase).into(), milliseconds(time).into()]);
    }
    sheet
}

/// Pages that are asked for one after the other.
fn steps(frame: &Frame, view: &ServiceView) -> Option<Sheet> {
    let list = &view.service.check.steps()?.list;
    let labels = [SheetText::Number, SheetText::Step, SheetText::Outcome, SheetText::Took];
    let mut sheet = table(frame, "steps", SheetText::Steps, &labels);
    for (nth, step) in list.iter().enumerate() {
        let seen = report(view).and_then(|report| report.steps.iter().find(|seen| seen.name == step.name));
        let outcome = match seen.and_then(|seen| seen.passed) {
            Some(true) => Cell::state(frame.sheet(SheetText::Passed), "up"),
            Some(false) => Cell::state(frame.sheet(SheetText::Failed), "down"),
            None => Cell::state(frame.say(Message::NotMeasured), "unknown"),
        };
        let took = seen.map_or_else(|| "–".to_owned(), |seen| milliseconds(seen.took));
        sheet.row([(nth + 1).into(), step.name.as_str().into(), outcome, took.into()]);
    }
    Some(sheet)
}

/// The business transaction that some steps are, this period and the one before.
fn transaction(frame: &Frame, view: &ServiceView) -> Option<Sheet> {
    let standing = view.transaction.as_ref()?;
    let labels = [
        SheetText::Period,
        SheetText::Runs,
        SheetText::Cut,
        SheetText::Failed,
        SheetText::Mean,
        SheetText::LongestRun,
        SheetText::Objective,
        SheetText::Outcome,
    ];
    let mut sheet = table(frame, "transaction", SheetText::Transaction, &labels);
    let length = |time: Option<std::time::Duration>| time.map_or_else(|| "–".to_owned(), milliseconds);
    for told in &standing.told {
        let runs = &told.runs;
        let promised = standing.limit.map_or_else(
            || "–".to_owned(),
            |limit| format!("{} ≤ {} ({})", standing.statistic.as_str(), milliseconds(limit), standing.clause),
        );
        sheet.row([
            told.name.as_str().into(),
            (runs.whole as usize).into(),
            (runs.cut as usize).into(),
            (runs.failed as usize).into(),
            length(runs.mean()).into(),
            length(runs.longest()).into(),
            promised.into(),
            standing.verdict(told).map_or_else(|| "–".into(), |verdict| judged(frame, verdict)),
        ]);
    }
    Some(sheet)
}

/// Devices of a group that are online: the mean of today and of yesterday.
fn online(frame: &Frame, view: &ServiceView) -> Option<Sheet> {
    let standing = view.online.as_ref()?;
    let labels =
        [SheetText::Period, SheetText::OnlineMean, SheetText::KnownShare, SheetText::Objective, SheetText::Outcome];
    let mut sheet = table(frame, "online", SheetText::OnlineDevices, &labels);
    for told in &standing.told {
        sheet.row([
            told.name.as_str().into(),
            percent(told.day.rate()).into(),
            percent((told.day.known, told.length)).into(),
            standing.clause.as_str().into(),
            standing.verdict(told).map_or_else(|| "–".into(), |verdict| judged(frame, verdict)),
        ]);
    }
    Some(sheet)
}

fn judged(frame: &Frame, verdict: ledger::Verdict) -> Cell {
    use ledger::Verdict;
    match verdict {
        Verdict::Met => Cell::state(frame.sheet(SheetText::JudgedMet), "up"),
        Verdict::Breached => Cell::state(frame.sheet(SheetText::JudgedBreached), "down"),
        Verdict::Pending => Cell::state(frame.sheet(SheetText::JudgedPending), "unknown"),
        Verdict::NotProvable => Cell::state(frame.sheet(SheetText::JudgedNotProvable), "unknown"),
        Verdict::AtRisk => Cell::state(frame.sheet(SheetText::JudgedAtRisk), "degraded"),
        Verdict::Suspected => Cell::state(frame.sheet(SheetText::JudgedSuspected), "degraded"),
    }
}

fn addresses(frame: &Frame, view: &ServiceView) -> Sheet {
    let mut sheet = table(frame, "addresses", SheetText::Addresses, &[SheetText::Number, SheetText::Address]);
    let seen = report(view).into_iter().flat_map(|report| &report.addresses);
    for (nth, address) in seen.enumerate() {
        sheet.row([(nth + 1).into(), address.to_string().into()]);
    }
    sheet
}

fn certificates(frame: &Frame, view: &ServiceView) -> Sheet {
    let labels = [
        SheetText::DaysLeft,
        SheetText::Ends,
        SheetText::Subject,
        SheetText::Issuer,
        SheetText::Algorithm,
        SheetText::Chain,
    ];
    let mut sheet = table(frame, "certificates", SheetText::Certificates, &labels);
    let Some(tls) = report(view).and_then(|report| report.tls.as_ref()) else { return sheet };
    for certificate in &tls.certificates {
        let chain = match tls.verdict {
            None => Cell::state(frame.sheet(SheetText::Good), "up"),
            Some(verdict) => Cell::state(reason(frame, verdict), "down"),
        };
        sheet.row([
            expiry(frame, certificate.not_after),
            frame.day(certificate.not_after).into(),
            text(certificate.subject.as_str()),
            text(certificate.issuer.as_str()),
            certificate.algorithm.as_str().into(),
            chain,
        ]);
    }
    sheet
}

/// Hosts that share a certificate, and whether each shows the same one.
fn group(frame: &Frame, snapshot: &Snapshot, view: &ServiceView) -> Sheet {
    let labels =
        [SheetText::Service, SheetText::ServiceName, SheetText::Address, SheetText::Ends, SheetText::SameCertificate];
    let mut sheet = table(frame, "group", SheetText::CertificateGroup, &labels);
    let group = &view.service.certificate_group;
    let leaf = |view: &ServiceView| report(view)?.tls.as_ref()?.certificates.first().cloned();
    let own = leaf(view).map(|leaf| leaf.sha256);
    let others =
        snapshot.services.list.iter().filter(|other| !group.is_empty() && other.service.certificate_group == *group);
    for other in others.filter(|other| other.service.id != view.service.id) {
        let service = &other.service;
        let leaf = leaf(other);
        let same = match (&own, &leaf) {
            (Some(own), Some(leaf)) if *own == leaf.sha256 => Cell::state(frame.sheet(SheetText::Yes), "up"),
            (Some(_), Some(_)) => Cell::state(frame.sheet(SheetText::No), "down"),
            _ => "–".into(),
        };
        let at = report(other).map(|report| report.addresses.iter().map(ToString::to_string).collect::<Vec<_>>());
        sheet.row([
            Cell::to(service.id.as_str(), address(frame, &service.id)),
            service.name.as_str().into(),
            at.unwrap_or_default().join(" ").into(),
            leaf.map_or_else(|| "–".into(), |leaf| expiry(frame, leaf.not_after)),
            same,
        ]);
    }
    sheet
}

/// How a site stands under the rule on sites that cannot be opened.
fn rule(frame: &Frame, snapshot: &Snapshot, view: &ServiceView) -> Option<Sheet> {
    let site = snapshot.services.sites.get(&view.service.id)?;
    let Standing { verdict, visits, failed, days_watched, days_missing, failures_left, .. } = site.reachability?;
    let labels = [
        SheetText::Outcome,
        SheetText::Visits,
        SheetText::Failed,
        SheetText::DaysWatched,
        SheetText::DaysMissing,
        SheetText::FailuresLeft,
    ];
    let mut sheet = table(frame, "rule", SheetText::SiteRule, &labels);
    let verdict = match verdict {
        Verdict::Kept => Cell::state(frame.sheet(SheetText::JudgedMet), "up"),
        Verdict::Veto => Cell::state(frame.page(PageText::VetoReached), "down"),
        Verdict::NotProvable => Cell::state(frame.sheet(SheetText::JudgedNotProvable), "unknown"),
    };
    let figures = [visits, failed, days_watched, days_missing, failures_left];
    sheet.row(std::iter::once(verdict).chain(figures.map(|figure| (figure as usize).into())));
    Some(sheet)
}

/// Those that are open and those that are over.
fn incidents(frame: &Frame, snapshot: &Snapshot, view: &ServiceView) -> Sheet {
    let labels = [
        SheetText::Incident,
        SheetText::Tier,
        SheetText::Phase,
        SheetText::BeganAt,
        SheetText::RestoredAt,
        SheetText::AcknowledgedBy,
    ];
    let mut sheet = table(frame, "incidents", SheetText::Incidents, &labels);
    let is_own = |scope: &crate::incident::Scope| scope.kind == "service" && scope.id == view.service.id;
    for incident in snapshot.incidents.iter().filter(|incident| is_own(&incident.scope)) {
        let row = IncidentRow::new(frame, incident, &snapshot.inventory);
        sheet.row([
            Cell::to(row.id.as_str(), format!("/incidents/{}?lang={}", row.id, frame.lang())),
            row.level.into(),
            Cell::state(row.phase, row.class),
            row.began.into(),
            frame.maybe(incident.restored).into(),
            row.acknowledged.unwrap_or_else(|| "–".into()).into(),
        ]);
    }
    sheet
}

fn metrics(frame: &Frame, snapshot: &Snapshot, view: &ServiceView) -> Sheet {
    let mut sheet = table(frame, "metrics", SheetText::Metrics, &[SheetText::Series]);
    for name in export::of_service(&snapshot.services, view) {
        sheet.row([format!("{name}{{service=\"{}\"}}", view.service.id).into()]);
    }
    sheet
}
