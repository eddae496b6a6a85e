//! About this process: metrics, health, readiness, status, reload, and the description of this interface.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt::Write,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::body::Frame;
use prometheus::TextEncoder;
use serde::Serialize;
use tokio::time::Duration;

use super::{Api, incidents, problem::Problem};
use crate::{
    command::Action,
    export::Scrape,
    judge::LinkState,
    snapshot::{Coverage, EngineView},
    units::At,
};

const OPENAPI: &str = include_str!("openapi.json");
const TEXT: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
/// The loop publishes every second and the scheduler turns every tick: five seconds of silence is a stall.
const STALLED: Duration = Duration::from_secs(5);

pub(super) async fn metrics(State(api): State<Arc<Api>>) -> impl IntoResponse {
    let waiting = api.feed.load().register.replies_waiting();
    api.replies_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    let mut ours = String::new();
    if let Err(error) = TextEncoder::new().encode_utf8(&api.registry.gather(), &mut ours) {
        tracing::error!(%error, "cannot write the metrics about ourselves");
    }
    (TEXT, Body::new(Parts(Scrape::of(api.feed.load()).chain([ours]))))
}

/// A body that is written as it is read: a slow reader costs the memory of one part.
struct Parts<I>(I);

impl<I: Iterator<Item = String> + Unpin> hyper::body::Body for Parts<I> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(|part| Ok(Frame::data(part.into()))))
    }
}

/// The watchdog: fails while the loop or the scheduler stands still.
pub(super) async fn healthy(State(api): State<Arc<Api>>) -> Response {
    listed("healthy", &stalled(&api))
}

/// Says every reason why this process is not fit to be relied upon.
pub(super) async fn ready(State(api): State<Arc<Api>>) -> Response {
    let mut reasons = stalled(&api);
    reasons.extend(&api.feed.load().ready.reasons);
    listed("ready", &reasons)
}

fn stalled(api: &Api) -> Vec<&'static str> {
    let snapshot = api.feed.load();
    let mut reasons = vec![];
    if api.clock.now().mono.since(api.feed.turned()) > STALLED {
        reasons.push("loop_stalled");
    }
    // Held against the time of the snapshot: a standing loop is not blamed on the scheduler.
    if snapshot.engine.last_tick.is_some_and(|tick| snapshot.at.mono.since(tick) > STALLED) {
        reasons.push("scheduler_stalled");
    }
    reasons
}

fn listed(fine: &str, reasons: &[&str]) -> Response {
    match reasons {
        [] => (StatusCode::OK, TEXT, format!("{fine}\n")).into_response(),
        reasons => {
            let mut out = format!("not {fine}\n");
            for reason in reasons {
                _ = writeln!(out, "{reason}");
            }
            (StatusCode::SERVICE_UNAVAILABLE, TEXT, out).into_response()
        }
    }
}

pub(super) async fn reload(State(api): State<Arc<Api>>, headers: HeaderMap) -> Result<Response, Problem> {
    let actor = "http".to_owned();
    incidents::carry_out(&api, actor, "api".to_owned(), &headers, Action::Reload).await
}

pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}

#[derive(Serialize)]
struct Status {
    version: &'static str,
    at: At,
    age_seconds: f64,
    inventory: String,
    simulated: bool,
    keeps_incidents: bool,
    healthy: bool,
    ready: bool,
    reasons: Vec<&'static str>,
    /// Links by state; sums to all links.
    links: BTreeMap<&'static str, usize>,
    links_total: usize,
    coverage: Coverage,
    incidents_open: usize,
    engine: EngineView,
    reload: Reload,
    /// Absent with `--exporter-only`.
    journal: Option<Journal>,
}

/// How far the journal reaches.
#[derive(Serialize)]
struct Journal {
    entries: u64,
    head: String,
    oldest: Option<At>,
    anchored: Option<At>,
    anchors_missed: u64,
    anchor_error: Option<String>,
}

#[derive(Serialize)]
struct Reload {
    successful: bool,
    last_success: At,
}

pub(super) async fn status(State(api): State<Arc<Api>>) -> impl IntoResponse {
    let (snapshot, now) = (api.feed.load(), api.clock.now());
    let zone = snapshot.contract.time_zone;
    let mut links: BTreeMap<_, _> = LinkState::NAMES.map(|state| (state, 0)).into();
    for link in snapshot.links() {
        *links.entry(link.state.name()).or_default() += 1;
    }
    let stalled = stalled(&api);
    let reasons: Vec<_> = stalled.iter().chain(&snapshot.ready.reasons).copied().collect();
    Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        at: At(snapshot.at.utc, zone),
        age_seconds: now.mono.since(snapshot.at.mono).as_secs_f64(),
        inventory: snapshot.inventory.name.clone(),
        simulated: snapshot.simulated,
        keeps_incidents: snapshot.keeps_incidents,
        healthy: stalled.is_empty(),
        ready: reasons.is_empty(),
        reasons,
        links,
        links_total: snapshot.inventory.links.len(),
        coverage: snapshot.coverage,
        incidents_open: snapshot.open_incidents().count(),
        engine: snapshot.engine.clone(),
        reload: Reload { successful: snapshot.reload.successful, last_success: At(snapshot.reload.last_success, zone) },
        journal: snapshot.journal.as_ref().map(|journal| Journal {
            entries: journal.entries,
            head: journal.head.clone(),
            oldest: journal.oldest.map(|at| At(at, zone)),
            anchored: journal.anchored.map(|at| At(at, zone)),
            anchors_missed: journal.anchors_missed,
            anchor_error: journal.anchor_error.clone(),
        }),
    })
}
