//! What outsiders see and may ask for, over HTTP: metrics, health, JSON under `/api/v1`, and plain pages.
//!
//! In: requests. Out: what the newest [`crate::snapshot::Snapshot`] says, or a [`Command`] handed to the loop over a
//! bounded channel. Nothing here owns state, and a request never makes the loop wait. Errors are problem documents
//! (RFC 9457) with a stable `code`; times are RFC 3339 with the offset of the contract's time zone.

mod alarms;
mod alerts;
mod answers;
mod breaches;
mod desk;
mod devices;
mod events;
mod expiries;
mod guard;
mod handover;
mod history;
mod incidents;
mod ledger;
mod links;
mod maintnotes;
mod notices;
mod observations;
mod own;
mod page;
mod paging;
mod probe;
mod problem;
mod replies;
mod roster;
mod rounds;
mod seats;
mod server;
mod services;
mod sessions;
mod sites;
#[cfg(test)]
mod tests;
mod tls;
mod topology;
mod users;
mod view;
mod windows;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::header,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Duration, timeout},
};

pub use self::probe::Probing;
pub use self::{
    history::Archive,
    notices::NoticeLog,
    server::serve,
    tls::{Guarded, TlsError},
};
use self::{
    problem::Problem,
    users::{PINNED, Users},
};
use crate::{
    clock::{Clock, monotonic_nanos},
    command::{Command, Reply},
    feed::Feed,
    notify::pass::Passes,
    text::Language,
};

/// Most commands that wait for the loop: people type them.
const COMMANDS: usize = 64;
/// A turn of the loop takes milliseconds; a reload of 1631 links well under a second.
const ANSWER: Duration = Duration::from_secs(10);
/// Longest time that one request may take.
const REQUEST: Duration = Duration::from_secs(30);
/// Largest request body: a note of a thousand characters fits many times.
const BODY: usize = 64 * 1024;
/// Of a webhook of Alertmanager: some hundred alerts; of a carrier's calendar; of a thousand observations.
const WEBHOOK: usize = 1024 * 1024;

/// What the routes work with.
pub struct Api {
    pub feed: Feed,
    pub commands: Commands,
    pub clock: Arc<dyn Clock>,
    pub registry: Registry,
    /// Users and TLS in force.
    web: Guarded,
    users: Users,
    /// Of pages, where neither address nor browser asks for one.
    pub language: Language,
    /// `None`: nothing is kept.
    archive: Option<Archive>,
    /// `None`: nothing is kept.
    notices: Option<NoticeLog>,
    /// Signed links; `None`: nothing can be answered.
    passes: Option<Passes>,
    /// `None`: nobody may ask for a check.
    probing: Option<Arc<Probing>>,
    /// `None`: no page leads there.
    grafana: Option<String>,
    requests: HistogramVec,
    connections: IntGauge,
    refused: IntCounter,
    /// Connections that waited for a head while another needed the place.
    sent_away: IntCounter,
    /// What came back from telephones, by whether it was taken.
    replies: IntCounterVec,
    /// Replies that wait for a person.
    replies_waiting: IntGauge,
    /// Alerts of other monitors, by what became of them.
    alerts: IntCounterVec,
    /// What other systems observed, by what became of it.
    observations: IntCounterVec,
    listeners: events::Listeners,
}

impl Api {
    /// `anonymous_read`: where users are configured, everybody may look.
    ///
    /// Registers the metrics of this module in `registry`, which `/metrics` appends to the families of `export`.
    pub fn new(
        feed: Feed,
        commands: Commands,
        clock: Arc<dyn Clock>,
        registry: Registry,
        language: Language,
        (web, anonymous_read): (Guarded, bool),
    ) -> prometheus::Result<Self> {
        let help = "Time that a request took, by route and status.";
        let buckets = vec![0.001, 0.005, 0.02, 0.1, 1.0];
        let options = HistogramOpts::new("linkpatrol_http_request_duration_seconds", help).buckets(buckets);
        let api = Self {
            feed,
            commands,
            clock,
            requests: HistogramVec::new(options, &["route", "code"])?,
            connections: IntGauge::new("linkpatrol_http_connections", "Open HTTP connections.")?,
            refused: IntCounter::new(
                "linkpatrol_http_connections_refused_total",
                "Connections closed at once because too many were being answered.",
            )?,
            replies: IntCounterVec::new(
                Opts::new(
                    "linkpatrol_replies_total",
                    "Text messages and keys that gateways handed in, by what became of them.",
                ),
                &["outcome"],
            )?,
            replies_waiting: IntGauge::new("linkpatrol_replies_waiting", "Replies that wait for the duty officer.")?,
            sent_away: IntCounter::new(
                "linkpatrol_http_connections_sent_away_total",
                "Connections closed while they sent nothing, because another needed the place.",
            )?,
            alerts: IntCounterVec::new(
                Opts::new("linkpatrol_alerts_received_total", "Alerts of other monitors, by what became of them."),
                &["outcome"],
            )?,
            observations: IntCounterVec::new(
                Opts::new("linkpatrol_observations_total", "Observations of other systems, by what became of them."),
                &["outcome"],
            )?,
            users: Users::new(anonymous_read, &registry)?,
            web,
            listeners: events::Listeners::new(&registry)?,
            registry,
            language,
            archive: None,
            notices: None,
            passes: None,
            probing: None,
            grafana: None,
        };
        api.registry.register(Box::new(api.alerts.clone()))?;
        api.registry.register(Box::new(api.observations.clone()))?;
        api.registry.register(Box::new(api.requests.clone()))?;
        api.registry.register(Box::new(api.connections.clone()))?;
        api.registry.register(Box::new(api.refused.clone()))?;
        api.registry.register(Box::new(api.sent_away.clone()))?;
        api.registry.register(Box::new(api.replies.clone()))?;
        api.registry.register(Box::new(api.replies_waiting.clone()))?;
        Ok(api)
    }

    /// Checks targets on demand.
    pub fn with_probing(mut self, probing: Arc<Probing>) -> prometheus::Result<Self> {
        self.registry.register(Box::new(probing.counter()))?;
        self.probing = Some(probing);
        Ok(self)
    }

    /// Pages of links lead to their dashboard there.
    pub fn with_grafana(mut self, url: Option<String>) -> Self {
        self.grafana = url;
        self
    }

    /// Parties answer from signed links.
    pub fn with_passes(mut self, passes: Passes) -> Self {
        self.passes = Some(passes);
        self
    }

    /// Looks notices up here.
    pub fn with_notices(mut self, notices: NoticeLog) -> Self {
        self.notices = Some(notices);
        self
    }

    /// Answers questions about the past from here.
    pub fn with_archive(mut self, archive: Archive) -> Self {
        self.archive = Some(archive);
        self
    }
}

/// The way to the loop.
#[derive(Clone)]
pub struct Commands(mpsc::Sender<Asked>);

/// A command on its way, and where its answer goes.
pub struct Asked {
    pub command: Command,
    pub reply: oneshot::Sender<Reply>,
}

impl Commands {
    /// The loop keeps the receiver and answers every [`Asked`].
    pub fn channel() -> (Self, mpsc::Receiver<Asked>) {
        let (sender, receiver) = mpsc::channel(COMMANDS);
        (Self(sender), receiver)
    }

    async fn ask(&self, command: Command) -> Result<Reply, Problem> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(Asked { command, reply }).map_err(|_| Problem::QueueFull)?;
        match timeout(ANSWER, answer).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(_)) | Err(_) => Err(Problem::NoAnswer),
        }
    }
}

/// Every route: method, path and handler. `openapi.json` lists exactly these, except the pages for people.
fn routes() -> Vec<(&'static str, &'static str, MethodRouter<Arc<Api>>)> {
    vec![
        ("get", "/", get(page::start)),
        ("get", "/links", get(page::links)),
        ("get", "/links/{id}", get(page::link)),
        ("get", "/down", get(page::down)),
        ("post", "/down", post(page::reveal)),
        ("get", "/topology", get(page::topology)),
        ("get", "/contract", get(page::contract)),
        ("get", "/settings", get(page::settings)),
        ("get", "/maintenance", get(page::works)),
        ("post", "/maintenance", post(page::plan)),
        ("get", "/notices", get(page::notices)),
        ("post", "/notices", post(page::turn_door)),
        ("get", "/notices/{id}", get(page::notice)),
        ("post", "/notices/{id}", post(page::reveal_notice)),
        ("get", "/breaches", get(page::papers)),
        ("post", "/breaches", post(page::draft_paper)),
        ("get", "/breaches/{id}", get(page::paper)),
        ("post", "/breaches/{id}", post(page::judge_paper)),
        ("get", "/handover", get(page::handover)),
        ("post", "/handover", post(page::sign)),
        ("get", "/report", get(page::report)),
        ("post", "/report", post(page::submit_report)),
        ("get", "/services", get(page::services)),
        ("get", "/services/{id}", get(page::service)),
        ("get", "/certificates", get(page::certificates)),
        ("get", "/incidents", get(page::incidents)),
        ("get", "/incidents/{id}", get(page::incident)),
        ("post", "/incidents/{id}", post(page::act)),
        ("get", "/a/{pass}", get(page::answer)),
        ("post", "/a/{pass}", post(page::submit)),
        ("get", "/login", get(page::login)),
        ("post", "/login", post(page::log_in)),
        ("post", "/logout", post(page::log_out)),
        ("get", "/wall", get(page::wall)),
        ("post", PINNED, post(page::acknowledge)),
        ("get", "/metrics", get(own::metrics)),
        ("get", "/probe", get(probe::probe)),
        ("get", "/sd", get(probe::targets)),
        ("get", "/-/healthy", get(own::healthy)),
        ("get", "/-/ready", get(own::ready)),
        ("post", "/-/reload", post(own::reload)),
        ("get", "/api/v1/status", get(own::status)),
        ("get", "/api/v1/openapi.json", get(own::openapi)),
        ("get", "/api/v1/events", get(events::stream)),
        ("get", "/api/v1/links", get(links::list)),
        ("get", "/api/v1/links/{id}", get(links::show)),
        ("get", "/api/v1/links/{id}/history", get(history::show)),
        ("get", "/api/v1/alarms", get(alarms::list)),
        ("post", "/api/v1/ledger/exclude", post(ledger::exclude)),
        ("get", "/api/v1/handover", get(handover::show)),
        ("post", "/api/v1/handover/sign", post(handover::sign)),
        ("get", "/api/v1/register", get(expiries::list)),
        ("get", "/api/v1/devices", get(devices::list)),
        ("post", "/api/v1/devices/{id}/{action}", post(devices::act)),
        ("get", "/api/v1/roster", get(roster::show)),
        ("get", "/api/v1/topology", get(topology::show)),
        ("get", "/api/v1/services", get(services::list)),
        ("get", "/api/v1/services/{id}", get(services::show)),
        ("get", "/api/v1/rounds", get(rounds::list)),
        ("post", "/api/v1/rounds/{id}/done", post(rounds::sign)),
        ("post", "/api/v1/alerts", post(alerts::take).layer(DefaultBodyLimit::max(WEBHOOK))),
        ("post", "/api/v1/observations", post(observations::take).layer(DefaultBodyLimit::max(WEBHOOK))),
        ("get", "/api/v1/incidents", get(incidents::list)),
        ("post", "/api/v1/incidents", post(incidents::open)),
        ("get", "/api/v1/incidents/{id}", get(incidents::show)),
        ("post", "/api/v1/incidents/{id}/link", post(answers::issue)),
        ("get", "/api/v1/replies", get(replies::list)),
        ("post", "/api/v1/replies", post(replies::take)),
        ("post", "/api/v1/replies/{id}/settle", post(replies::settle)),
        ("post", "/api/v1/answer-links/rotate", post(answers::rotate)),
        ("post", "/api/v1/incidents/{id}/{action}", post(incidents::act)),
        ("get", "/api/v1/problems", get(desk::problems)),
        ("post", "/api/v1/problems/{id}/{step}", post(desk::record)),
        ("get", "/api/v1/breaches", get(breaches::list)),
        ("post", "/api/v1/breaches", post(breaches::draft)),
        ("get", "/api/v1/breaches/{id}", get(breaches::show)),
        ("get", "/api/v1/breaches/{id}/document", get(breaches::document)),
        ("post", "/api/v1/breaches/{id}/{step}", post(breaches::judge)),
        ("get", "/api/v1/changes", get(desk::changes)),
        ("post", "/api/v1/changes", post(desk::request)),
        ("post", "/api/v1/changes/{id}/{verdict}", post(desk::judge)),
        ("post", "/api/v1/tickets", post(desk::ticket)),
        ("get", "/api/v1/maintnotes", get(maintnotes::list)),
        ("post", "/api/v1/maintnotes", post(maintnotes::take).layer(DefaultBodyLimit::max(WEBHOOK))),
        ("post", "/api/v1/maintnotes/{id}/settle", post(maintnotes::settle)),
        ("get", "/api/v1/notices", get(notices::list)),
        ("get", "/api/v1/notices/doors", get(notices::doors)),
        ("post", "/api/v1/notices/open", post(notices::open)),
        ("post", "/api/v1/notices/close", post(notices::close)),
        ("get", "/api/v1/notices/{id}", get(notices::show)),
        ("get", "/api/v1/windows", get(windows::list)),
        ("post", "/api/v1/windows", post(windows::add)),
        ("post", "/api/v1/windows/{id}/{action}", post(windows::act)),
    ]
}

/// All routes with their limits.
pub fn router(api: Arc<Api>) -> Router {
    let mut router = Router::new();
    for (_, path, handler) in routes() {
        router = router.route(path, handler);
    }
    for (path, kind, text) in page::FILES {
        let head = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")];
        router = router.route(path, get(async move || (head, text)));
    }
    router
        .fallback(async || Problem::NotFound)
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .layer(middleware::from_fn_with_state(api.clone(), guard::allowed))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn(guard::strictly))
        .layer(middleware::from_fn_with_state(api.clone(), observed))
        .with_state(api)
}

/// Bounds the time of a request, counts it, and has a picture made that is fresh.
async fn observed(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let started = monotonic_nanos();
    // The route, not the path: paths are unbounded.
    let route = request.extensions().get::<MatchedPath>().cloned();
    api.feed.fresh(api.clock.now().mono).await;
    let response = match timeout(REQUEST, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::Timeout.into_response(),
    };
    let seconds = Duration::from_nanos(monotonic_nanos() - started).as_secs_f64();
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    api.requests.with_label_values(&[route, response.status().as_str()]).observe(seconds);
    response
}
