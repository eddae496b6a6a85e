//! `/api/v1/services`: what is visited, with what is known of each now.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Api,
    paging::{Asked, Size, cut},
    problem::Problem,
    sites::as_json,
};
use crate::{
    contract::{Bound, Contract, Objective, Quantity},
    export, inventory,
    judge::service::ServiceState,
    ledger::{
        Accounted, Verdict,
        online::ToldDay,
        transaction::{self, Standing},
    },
    profile::{service, services::Service},
    sample::service::{Dated, Ending, Report},
    snapshot::{ServiceView, Visits},
    units::{At, Ppm, Timestamp},
};

const PAGE: Size = Size(100, 1_000);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    state: Option<String>,
    /// Part of an id, a name or an address, in any case.
    q: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Page<'a> {
    at: At,
    /// Services that pass the filters, on all pages.
    total: usize,
    services: Vec<Row<'a>>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    name: &'a str,
    url: &'a str,
    requirement: &'a str,
    owner: &'a str,
    zone: &'a str,
    certificate_group: &'a str,
    interval_seconds: f64,
    state: ServiceState,
    since: Option<At>,
    criticality: &'a str,
    depends_on: &'a [String],
    /// Of the running civil month, and of the last one that is over.
    month: Month,
    last_month: Option<Month>,
    visits: Visits,
    last_visit: Option<At>,
    /// Of the last visit, when it failed: where, why, and what was said.
    phase: Option<&'static str>,
    reason: Option<&'static str>,
    text: Option<&'a str>,
    /// Of several steps, the one that failed.
    step: Option<&'a str>,
    /// As they are asked for.
    steps: Vec<Step<'a>>,
    /// Of the steps that are one.
    transaction: Option<Transaction<'a>>,
    /// Of a group of devices.
    online: Option<Devices<'a>>,
    certificate_expires: Option<At>,
    freshness: Option<Freshness>,
    exchange: Option<Exchange>,
}

/// How old what it shows may be, and what the last visit saw, if anything.
#[derive(Serialize)]
struct Freshness {
    within_seconds: Option<f64>,
    /// Where the time of the newest record stands; `null`: the file's own date counts.
    record: Option<String>,
    at: Option<At>,
    /// At the last visit.
    age_seconds: Option<f64>,
}

impl Freshness {
    /// `None`: it has no date that matters.
    fn new(bound: Option<&service::Freshness>, dated: Option<Dated>, zone: Tz) -> Option<Self> {
        (bound.is_some() || dated.is_some()).then(|| Self {
            within_seconds: bound.map(|bound| bound.within.as_secs_f64()),
            record: bound.and_then(|bound| Some(bound.record.as_ref()?.as_str().to_owned())),
            at: dated.map(|dated| At(dated.at, zone)),
            age_seconds: dated.map(Dated::age_seconds),
        })
    }
}

/// A group of devices: how many are online, and the mean of today and of yesterday.
#[derive(Serialize)]
struct Devices<'a> {
    devices: u32,
    silent_after_seconds: f64,
    told: Option<ToldOnline>,
    /// `null`: the contract promises nothing.
    limit_ratio: Option<f64>,
    /// The limit itself does not keep it.
    limit_is_strict: bool,
    clause: Option<&'a str>,
    today: Day<'a>,
    yesterday: Day<'a>,
}

#[derive(Serialize)]
struct ToldOnline {
    at: At,
    online: u32,
    total: u32,
    absent: u32,
}

#[derive(Serialize)]
struct Day<'a> {
    day: &'a str,
    rate_ratio: Option<f64>,
    /// Share of the day of which something was told.
    known_ratio: Option<f64>,
    verdict: Option<&'static str>,
}

impl<'a> Devices<'a> {
    fn new(view: &'a ServiceView, zone: Tz) -> Option<Self> {
        let (rate, standing) = (view.service.online()?, view.online.as_ref()?);
        let told = view.last.as_ref().and_then(|(_, report)| report.online);
        let day = |told: &'a ToldDay| Day {
            day: &told.name,
            rate_ratio: export::ratio(told.day.rate()),
            known_ratio: export::ratio((told.day.known, told.length)),
            verdict: standing.verdict(told).map(Verdict::as_str),
        };
        let [today, yesterday] = &standing.told;
        Some(Self {
            devices: rate.devices,
            silent_after_seconds: rate.silent_after.as_secs_f64(),
            told: told.map(|told| ToldOnline {
                at: At(told.at, zone),
                online: told.online,
                total: told.total,
                absent: told.absent,
            }),
            limit_ratio: standing.bound.and_then(|bound| match bound.quantity() {
                Quantity::Share(share) => Some(f64::from(share.0) / 1e6),
                _ => None,
            }),
            limit_is_strict: matches!(standing.bound, Some(Bound::Above(_))),
            clause: Some(standing.clause.as_str()).filter(|clause| !clause.is_empty()),
            today: day(today),
            yesterday: day(yesterday),
        })
    }
}

/// A business transaction: what is promised of it, and how it stands.
#[derive(Serialize)]
struct Transaction<'a> {
    steps: &'a [String],
    statistic: &'static str,
    period: &'static str,
    /// `null`: the contract promises nothing.
    limit_seconds: Option<f64>,
    clause: Option<&'a str>,
    running: Runs<'a>,
    last: Runs<'a>,
}

#[derive(Serialize)]
struct Runs<'a> {
    period: &'a str,
    whole: u64,
    cut: u64,
    failed: u64,
    slow: u64,
    mean_seconds: Option<f64>,
    longest_seconds: Option<f64>,
    verdict: Option<&'static str>,
}

impl<'a> Transaction<'a> {
    fn new(standing: &'a Standing) -> Self {
        let runs = |told: &'a transaction::Told| Runs {
            period: &told.name,
            whole: told.runs.whole,
            cut: told.runs.cut,
            failed: told.runs.failed,
            slow: told.runs.slow,
            mean_seconds: told.runs.mean().map(|mean| mean.as_secs_f64()),
            longest_seconds: told.runs.longest().map(|longest| longest.as_secs_f64()),
            verdict: standing.verdict(told).map(Verdict::as_str),
        };
        let [running, last] = &standing.told;
        Self {
            steps: &standing.steps,
            statistic: standing.statistic.as_str(),
            period: standing.period.as_str(),
            limit_seconds: standing.limit.map(|limit| limit.as_secs_f64()),
            clause: Some(standing.clause.as_str()).filter(|clause| !clause.is_empty()),
            running: runs(running),
            last: runs(last),
        }
    }
}

/// One step of several, and how it went in the last visit.
#[derive(Serialize)]
struct Step<'a> {
    name: &'a str,
    /// Of the last visit; `null`: it was not reached, or could not be looked at.
    success: Option<bool>,
    duration_seconds: Option<f64>,
}

impl<'a> Step<'a> {
    fn all(service: &'a Service, report: Option<&Report>) -> Vec<Self> {
        let seen = |name: &str| report?.steps.iter().find(|seen| seen.name == name);
        let step = |name: &'a str| Self {
            name,
            success: seen(name).and_then(|seen| seen.passed),
            duration_seconds: seen(name).map(|seen| seen.took.as_secs_f64()),
        };
        service.check.steps().into_iter().flat_map(|steps| &steps.list).map(|one| step(&one.name)).collect()
    }
}

/// A group of data-exchange tasks, and what was last told of it, if anything.
#[derive(Serialize)]
struct Exchange {
    kind: &'static str,
    tasks: u32,
    stale_after_seconds: f64,
    silent_after_seconds: f64,
    told: Option<Told>,
}

#[derive(Serialize)]
struct Told {
    at: At,
    sent: u64,
    received: u64,
    lost: u64,
    rejected: u64,
    mismatched: u64,
    last_success: At,
}

impl Exchange {
    fn new(exchange: &service::Exchange, told: Option<inventory::Told>, zone: Tz) -> Self {
        let told = told.map(|told| Told {
            at: At(told.at, zone),
            sent: told.sent,
            received: told.received,
            lost: told.lost(),
            rejected: told.rejected,
            mismatched: told.mismatched,
            last_success: At(told.last_success, zone),
        });
        Self {
            kind: exchange.kind.as_str(),
            tasks: exchange.tasks,
            stale_after_seconds: exchange.stale_after.as_secs_f64(),
            silent_after_seconds: exchange.silent_after.as_secs_f64(),
            told,
        }
    }
}

/// What is known of a month, and what is promised of it.
#[derive(Serialize)]
struct Month {
    #[serde(flatten)]
    milliseconds: Accounted,
    availability_ratio: Option<f64>,
    availability_lower_ratio: Option<f64>,
    availability_upper_ratio: Option<f64>,
    /// Of the contract; `null`: it promises nothing of this service.
    objective_ratio: Option<f64>,
    clause: Option<String>,
    verdict: Option<&'static str>,
}

impl Month {
    fn new(month: &Accounted, promised: Option<(Ppm, &Objective)>) -> Self {
        Self {
            milliseconds: *month,
            availability_ratio: export::ratio(month.known()),
            availability_lower_ratio: export::ratio(month.unknown_as_down()),
            availability_upper_ratio: export::ratio(month.unknown_as_up()),
            objective_ratio: promised.map(|(share, _)| f64::from(share.0) / 1e6),
            clause: promised.map(|(_, objective)| objective.clause.clone()),
            verdict: promised.map(|(share, _)| month.verdict(share).as_str()),
        }
    }
}

impl<'a> Row<'a> {
    fn new(view: &'a ServiceView, contract: &Contract) -> Self {
        let (service, zone) = (&view.service, contract.time_zone);
        let promised = contract.service_availability(&service.id, &service.requirement);
        let report = view.last.as_ref().map(|(_, report)| &**report);
        let fault = report.and_then(|report| match &report.ending {
            Ending::Failed(fault) => Some(fault),
            Ending::Passed | Ending::Unmeasured(_) => None,
        });
        let leaf = report.and_then(|report| report.tls.as_ref()?.certificates.first());
        Self {
            id: &service.id,
            name: &service.name,
            url: &service.url,
            requirement: &service.requirement,
            owner: &service.owner,
            zone: &service.zone,
            certificate_group: &service.certificate_group,
            interval_seconds: service.pace.interval.as_secs_f64(),
            state: view.state,
            since: (view.since > Timestamp(0)).then_some(At(view.since, zone)),
            criticality: &service.criticality,
            depends_on: &service.depends_on,
            month: Month::new(&view.month, promised),
            last_month: view.last_month.as_ref().map(|month| Month::new(&month.accounted, promised)),
            visits: view.visits,
            last_visit: view.last.as_ref().map(|(began, _)| At(*began, zone)),
            phase: fault.map(|fault| fault.phase.as_str()),
            reason: fault.map(|fault| fault.reason.as_str()),
            text: report.and_then(|report| match &report.ending {
                Ending::Failed(fault) => Some(fault.text.as_str()),
                // Why nothing is known of it is worth a word.
                Ending::Unmeasured(text) if view.state == ServiceState::Unknown => Some(text),
                Ending::Passed | Ending::Unmeasured(_) => None,
            }),
            step: fault.and_then(|fault| fault.step.as_deref()),
            steps: Step::all(service, report),
            online: Devices::new(view, zone),
            transaction: view.transaction.as_ref().map(Transaction::new),
            certificate_expires: leaf.map(|certificate| At(certificate.not_after, zone)),
            freshness: Freshness::new(service.check.freshness(), report.and_then(|report| report.dated), zone),
            exchange: service
                .exchange()
                .map(|exchange| Exchange::new(exchange, report.and_then(|report| report.exchange), zone)),
        }
    }
}

pub(super) async fn list(State(api): State<Arc<Api>>, Asked(wanted): Asked<Wanted>) -> Result<Response, Problem> {
    let states = ServiceState::ALL.map(ServiceState::as_str);
    if wanted.state.as_deref().is_some_and(|state| !states.contains(&state)) {
        return Err(Problem::BadQuery(format!("state is one of {}", states.join(", "))));
    }
    let snapshot = api.feed.load();
    let zone = snapshot.contract.time_zone;
    let sought = wanted.q.as_ref().map(|text| text.to_lowercase());
    let passes = |view: &&ServiceView| {
        let service = &view.service;
        let has = |text: &str| {
            [&service.id, &service.name, &service.url].iter().any(|field| field.to_lowercase().contains(text))
        };
        wanted.state.as_deref().is_none_or(|state| view.state.as_str() == state) && sought.as_deref().is_none_or(has)
    };
    let passing: Vec<&ServiceView> = snapshot.services.list.iter().filter(passes).collect();
    let (shown, next) = cut(&passing, wanted.cursor.as_deref(), wanted.limit, PAGE, |view| view.service.id.clone())?;
    let services = shown.iter().map(|view| Row::new(view, &snapshot.contract)).collect();
    Ok(Json(Page { at: At(snapshot.at.utc, zone), total: passing.len(), services, next }).into_response())
}

#[derive(Serialize)]
struct Detail<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    /// The last visit, as `linkpatrol once` tells it.
    last: Option<Value>,
    /// What is asked of it besides being up.
    site: Option<Value>,
}

pub(super) async fn show(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let view = snapshot.services.list.iter().find(|view| view.service.id == id).ok_or(Problem::NotFound)?;
    let (zone, interval) = (snapshot.contract.time_zone, view.service.pace.interval.as_secs_f64());
    let site = snapshot.services.sites.get(&id).map(|site| as_json(site, interval, zone));
    let last = view.last.as_ref().map(|(_, report)| report.as_json(&view.service.url));
    Ok(Json(Detail { row: Row::new(view, &snapshot.contract), last, site }).into_response())
}
