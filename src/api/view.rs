//! Records of the snapshot as JSON: English keys, base units, times with an offset.

use chrono_tz::Tz;
use serde::Serialize;

use crate::{
    contract::words::Period as PeriodKind,
    export,
    inventory::{Inventory, Kind, Link, Priority, Responder, Status, Target},
    ledger::{Accounted, InterfaceEvidence, Quality, Share, Terms, Whole},
    snapshot::{LinkView, PointView, Snapshot},
    units::{At, Ppm, Rtt},
    window::{Summary, WINDOWS},
};

/// Something that has a key and a name for people.
#[derive(Serialize)]
pub(super) struct Named<'a> {
    id: &'a str,
    name: &'a str,
}

/// A link in a list.
#[derive(Serialize)]
pub(super) struct LinkRow<'a> {
    id: &'a str,
    cid: &'a str,
    kind: Kind,
    carrier: Named<'a>,
    unit: Named<'a>,
    a_end: &'a str,
    z_end: &'a str,
    bandwidth_bps: u64,
    priority: Priority,
    status: Status,
    group: Option<&'a str>,
    segments: Vec<&'a str>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    since: At,
    /// Role of the point that decides.
    measuring_point: Option<&'static str>,
    rtt_seconds: Option<f64>,
    /// Over one minute.
    loss_ratio: Option<f64>,
}

impl<'a> LinkRow<'a> {
    pub(super) fn new(inventory: &'a Inventory, link: &'a Link, view: &LinkView, zone: Tz) -> Self {
        let (carrier, unit) = (&inventory.carriers[link.carrier.at()], &inventory.units[link.unit.at()]);
        let deciding = view.deciding_point();
        Self {
            id: link.id.as_str(),
            cid: &link.cid,
            kind: link.kind,
            carrier: Named { id: &carrier.id, name: &carrier.name },
            unit: Named { id: &unit.id, name: &unit.name },
            a_end: &link.a_end,
            z_end: &link.z_end,
            bandwidth_bps: link.bandwidth.0,
            priority: link.priority,
            status: link.status,
            group: link.group.as_deref(),
            segments: link.segments.iter().map(|segment| inventory.segments[segment.at()].id.as_str()).collect(),
            state: view.state.name(),
            reason: view.state.reason(),
            since: At(view.state_since, zone),
            measuring_point: deciding.map(|point| point.role.as_str()),
            rtt_seconds: deciding.and_then(|point| point.last_rtt).map(seconds),
            loss_ratio: deciding.and_then(|point| loss(&point.windows[1])),
        }
    }
}

/// One link with everything that is known of it.
#[derive(Serialize)]
pub(super) struct LinkDetail<'a> {
    #[serde(flatten)]
    row: LinkRow<'a>,
    points: Vec<PointDetail>,
    month: Month,
    /// The contract's own: `null` while its earlier months are being read.
    period: Option<Period<'a>>,
    objectives: Vec<ObjectiveDetail>,
    /// Ids of incidents that it is part of.
    incidents: Vec<&'a str>,
}

impl<'a> LinkDetail<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, link: &'a Link, view: &LinkView) -> Self {
        let (zone, promised) = (snapshot.contract.time_zone, snapshot.contract.objectives.availability);
        let about = snapshot.incidents.iter().filter(|incident| incident.links.iter().any(|(id, _)| *id == link.id));
        let month = Whole { accounted: view.month, failures: view.failures };
        Self {
            row: LinkRow::new(&snapshot.inventory, link, view, zone),
            points: link
                .points
                .iter()
                .zip(&view.points)
                .map(|(point, view)| PointDetail::new(&point.target, point.responder, view, zone))
                .collect(),
            month: match snapshot.contract.objectives.period {
                PeriodKind::Quarter | PeriodKind::Year => Month::new(month, month.accounted, promised),
                _ => Month::new(month, snapshot.weighed(view).unwrap_or(view.month), promised),
            },
            period: snapshot.judged(view).zip(snapshot.weighed(view)).map(|(whole, weighed)| Period {
                name: &snapshot.period.name,
                kind: snapshot.contract.objectives.period.as_str(),
                begins: At(snapshot.period.begins, zone),
                ends: At(snapshot.period.ends, zone),
                figures: Month::new(whole, weighed, promised),
            }),
            objectives: objectives(snapshot, view),
            incidents: about.map(|incident| incident.id.as_str()).collect(),
        }
    }
}

#[derive(Serialize)]
struct PointDetail {
    role: &'static str,
    target: String,
    responder: Responder,
    up: Option<bool>,
    answered: u64,
    lost: u64,
    unmeasured: u64,
    late: u64,
    duplicates: u64,
    confirms: u64,
    consecutive_losses: u32,
    rtt_seconds: Option<f64>,
    /// RFC 3550 smoothed.
    jitter_seconds: Option<f64>,
    hop_limit: Option<u8>,
    last_probe: Option<At>,
    windows: Vec<Window>,
}

impl PointDetail {
    fn new(target: &Target, responder: Responder, view: &PointView, zone: Tz) -> Self {
        Self {
            role: view.role.as_str(),
            target: match target {
                Target::Address(address) => address.to_string(),
                Target::Name(name) => name.clone(),
            },
            responder,
            up: view.up,
            answered: view.counts.answered,
            lost: view.counts.lost,
            unmeasured: view.counts.unmeasured,
            late: view.late.into(),
            duplicates: view.duplicates.into(),
            confirms: view.confirms.into(),
            consecutive_losses: view.consecutive_losses,
            rtt_seconds: view.last_rtt.map(seconds),
            jitter_seconds: view.jitter.map(seconds),
            hop_limit: view.hop_limit,
            last_probe: view.last_probe.map(|at| At(at, zone)),
            windows: WINDOWS
                .iter()
                .zip(view.windows.iter())
                .map(|((name, _), summary)| Window::new(name, summary))
                .collect(),
        }
    }
}

#[derive(Serialize)]
struct Window {
    window: &'static str,
    answered: u64,
    lost: u64,
    unmeasured: u64,
    loss_ratio: Option<f64>,
    rtt_seconds: Option<Quantiles>,
}

/// Over answered scheduled probes; quantiles are within 3 %.
#[derive(Serialize)]
struct Quantiles {
    min: f64,
    mean: f64,
    p50: f64,
    p95: f64,
    p99: f64,
    max: f64,
    /// Mean of consecutive differences.
    ipdv_mean: f64,
}

impl Window {
    fn new(window: &'static str, summary: &Summary) -> Self {
        let counts = summary.counts();
        let rtt_seconds = (counts.answered > 0).then(|| Quantiles {
            min: nanos(summary.rtt_min),
            mean: nanos(summary.rtt_mean),
            p50: nanos(summary.rtt_p50),
            p95: nanos(summary.rtt_p95),
            p99: nanos(summary.rtt_p99),
            max: nanos(summary.rtt_max),
            ipdv_mean: nanos(summary.ipdv_mean),
        });
        Self {
            window,
            answered: counts.answered,
            lost: counts.lost,
            unmeasured: counts.unmeasured,
            loss_ratio: loss(summary),
            rtt_seconds,
        }
    }
}

/// What is proved of loss or RTT, while a month runs or once it is over.
#[derive(Serialize)]
struct ObjectiveDetail {
    objective: &'static str,
    /// Such as `2026-11`, or `2026-Q4` where the contract judges by quarter; `null`: the month that runs.
    month: Option<String>,
    verdict: &'static str,
    /// Scheduled probes of counted up-time that were lost, or answered more slowly than the limit; and all of them.
    bad: u64,
    all: u64,
    /// Where the share lies, and what so many probes in bursts are worth as independent ones; once the month is over.
    low_ratio: Option<f64>,
    high_ratio: Option<f64>,
    effective: Option<u64>,
    /// Since when it is at risk.
    alarmed: Option<At>,
    /// What counters of the link's interfaces say of the loss.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    interfaces: Vec<InterfaceEvidence>,
    /// Links of the fleet that would be called breached in such a month (or at risk, while it runs) by chance alone, if
    /// every one of them were exactly at its limit.
    fleet_false: f64,
}

fn objectives(snapshot: &Snapshot, view: &LinkView) -> Vec<ObjectiveDetail> {
    let (terms, zone) = (Terms::of(&snapshot.contract), snapshot.contract.time_zone);
    let fleet = |error: u32| f64::from(snapshot.coverage.measured) * f64::from(error) / 1e6;
    let running = |share: Share| {
        let course = view.quality.of(share);
        let (bad, all) = course.counts();
        ObjectiveDetail {
            objective: share.as_str(),
            month: None,
            verdict: course.running(view.is_control_plane).as_str(),
            bad,
            all,
            low_ratio: None,
            high_ratio: None,
            effective: None,
            alarmed: course.alarmed.map(|at| At(at, zone)),
            interfaces: vec![],
            fleet_false: fleet(terms.alarm.0),
        }
    };
    let over = |period: String, quality: &Quality, share: Share| {
        let (objective, course) = (share.as_str(), quality.of(share));
        let (verdict, proof) = quality.judge(share, &terms, view.is_control_plane)?;
        let share = |Ppm(ppm): Ppm| Some(f64::from(ppm) / 1e6);
        Some(ObjectiveDetail {
            objective,
            month: Some(period),
            verdict: verdict.as_str(),
            bad: proof.bad,
            all: proof.all,
            low_ratio: share(proof.low),
            high_ratio: share(proof.high),
            effective: Some(proof.effective),
            alarmed: course.alarmed.map(|at| At(at, zone)),
            interfaces: if objective == "loss" { quality.evidence(&terms) } else { vec![] },
            fleet_false: fleet(1_000_000 - terms.confidence.0),
        })
    };
    let loss = ObjectiveDetail { interfaces: view.quality.evidence(&terms), ..running(Share::Loss) };
    let mut objectives = vec![loss, running(Share::Rtt)];
    objectives.extend(terms.shaken.map(|_| running(Share::Jitter)));
    match (&view.ended, view.last_month.as_deref()) {
        (Some(ended), _) => {
            let ended = Share::ALL.into_iter().zip(ended.iter());
            objectives.extend(ended.filter_map(|(share, ended)| {
                let (stretch, quality) = ended.as_ref()?;
                over(stretch.name.clone(), quality, share)
            }));
        }
        (None, Some((month, quality))) => {
            let shares = Share::ALL.into_iter();
            objectives.extend(shares.filter_map(|share| over(month.to_string(), quality, share)));
        }
        (None, None) => {}
    }
    objectives
}

/// The period that the contract judges availability by.
#[derive(Serialize)]
struct Period<'a> {
    /// `2026-11`, `2026-Q4`, `2026`.
    name: &'a str,
    kind: &'static str,
    begins: At,
    ends: At,
    #[serde(flatten)]
    figures: Month,
}

/// Availability of the running civil month, or of the contract's period.
#[derive(Serialize)]
struct Month {
    #[serde(flatten)]
    milliseconds: Accounted,
    availability_ratio: Option<f64>,
    availability_lower_ratio: Option<f64>,
    availability_upper_ratio: Option<f64>,
    error_budget_remaining_milliseconds: i64,
    /// Outages with less than the contract's `flaps.gap` between them are one. `null`: too many to tell apart.
    failures: Option<u32>,
    mtbf_milliseconds: Option<u64>,
    mttr_milliseconds: Option<u64>,
    /// Milliseconds of unknown time that would have to be known to be up.
    missing_milliseconds: u64,
    verdict: &'static str,
}

impl Month {
    /// `weighed`: what the verdict is about, the link's own time or that of all links together.
    fn new(whole: Whole, weighed: Accounted, promised: Ppm) -> Self {
        let (month, reliability) = (whole.accounted, whole.reliability());
        Self {
            failures: whole.failures,
            mtbf_milliseconds: reliability.and_then(|reliability| reliability.mtbf),
            mttr_milliseconds: reliability.and_then(|reliability| reliability.mttr),
            milliseconds: month,
            availability_ratio: export::ratio(month.known()),
            availability_lower_ratio: export::ratio(month.unknown_as_down()),
            availability_upper_ratio: export::ratio(month.unknown_as_up()),
            error_budget_remaining_milliseconds: month.budget_left(promised),
            missing_milliseconds: weighed.missing(promised),
            verdict: weighed.verdict(promised).as_str(),
        }
    }
}

fn loss(summary: &Summary) -> Option<f64> {
    let counts = summary.counts();
    export::ratio((counts.lost, counts.answered + counts.lost))
}

fn seconds(rtt: Rtt) -> f64 {
    rtt.0.as_secs_f64()
}

fn nanos(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
