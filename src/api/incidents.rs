//! `/api/v1/incidents`: what is broken, and what people may do about it.

use std::sync::Arc;

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use ulid::Ulid;

use super::{
    Api,
    guard::USER,
    paging::{Size, cut},
    problem::Problem,
    windows::{OverlapView, StandingView},
};
use crate::{
    command::{Action, Command, Refusal, Reply},
    incident::{IncidentPhase, IncidentView},
    units::At,
};

const PAGE: Size = Size(50, 200);
/// Longest name, note and key, in characters.
const ACTOR: usize = 64;
const NOTE: usize = 1_000;
const KEY: usize = 128;
/// What may be asked of an incident: [`Action`]s by their names.
const ACTIONS: [&str; 8] = ["acknowledge", "record", "correct", "confirm", "close", "annul", "resolve", "restore"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    phase: Option<IncidentPhase>,
    cursor: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Page<'a> {
    at: At,
    total: usize,
    incidents: Vec<IncidentView<'a>>,
    next: Option<String>,
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(wanted) = wanted.map_err(|rejection| Problem::BadQuery(rejection.body_text()))?;
    let snapshot = api.feed.load();
    let zone = snapshot.contract.time_zone;
    let passes = |phase: IncidentPhase| wanted.phase.is_none_or(|wanted| wanted == phase);
    let passing: Vec<_> = snapshot.incidents.iter().filter(|incident| passes(incident.phase)).collect();
    let (shown, next) = cut(&passing, wanted.cursor.as_deref(), wanted.limit, PAGE, |incident| incident.id.clone())?;
    let incidents = shown.iter().map(|incident| IncidentView::new(incident, zone)).collect();
    Ok(Json(Page { at: At(snapshot.at.utc, zone), total: passing.len(), incidents, next }).into_response())
}

pub(super) async fn show(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let incident = snapshot.incidents.iter().find(|incident| incident.id == id);
    let incident = incident.ok_or(Problem::Refused(Refusal::NoSuchIncident))?;
    Ok(Json(IncidentView::new(incident, snapshot.contract.time_zone)).into_response())
}

/// Carries out one of [`ACTIONS`]: the body is the action's own fields, `actor`, and `way` where it was not said here.
pub(super) async fn act(
    State(api): State<Arc<Api>>,
    Path((incident, action)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    if !ACTIONS.contains(&action.as_str()) {
        return Err(Problem::NotFound);
    }
    command(&api, &headers, signed(body)?, [("action", action), ("incident", incident)]).await
}

/// Reports a fault: the body is the report's own fields, `actor`, and `way` where it was not said here.
pub(super) async fn open(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    let signed = signed(body)?;
    if signed.fields.contains_key("source") {
        return Err(Problem::BadBody("source: other systems report at /api/v1/alerts".to_owned()));
    }
    command(&api, &headers, signed, [("action", "report".to_owned())]).await
}

/// A body that says who speaks.
pub(super) struct Signed {
    actor: String,
    way: String,
    /// What else it holds.
    fields: Map<String, Value>,
}

/// Carries out the command that a signed body asks for; `said`: what its address has said, the action's name above all.
pub(super) async fn command(
    api: &Api,
    headers: &HeaderMap,
    signed: Signed,
    said: impl IntoIterator<Item = (&'static str, String)>,
) -> Result<Response, Problem> {
    let Signed { actor, way, mut fields } = signed;
    fields.extend(said.into_iter().map(|(key, value)| (key.to_owned(), value.into())));
    let action = serde_json::from_value(fields.into()).map_err(|error| Problem::BadBody(error.to_string()))?;
    carry_out(api, actor, way, headers, action).await
}

/// Reads a body that must say who speaks.
pub(super) fn signed(body: Result<Json<Map<String, Value>>, JsonRejection>) -> Result<Signed, Problem> {
    let Json(mut body) = body.map_err(|rejection| Problem::BadBody(rejection.body_text()))?;
    for (key, value) in &mut body {
        readable(key, value)?;
    }
    let mut text = |key: &str| match body.remove(key) {
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Problem::BadBody(format!("{key} is not a string"))),
        None => Ok(None),
    };
    let actor = text("actor")?.ok_or_else(|| Problem::BadBody("actor is missing".into()))?.trim().to_owned();
    if actor.is_empty() || actor.chars().count() > ACTOR {
        return Err(Problem::Refused(Refusal::NoActor));
    }
    let way = text("way")?.unwrap_or_else(|| "api".to_owned());
    Ok(Signed { actor, way, fields: body })
}

/// Times are written as everywhere else in this API, and texts have a bound.
fn readable(key: &str, value: &mut Value) -> Result<(), Problem> {
    let Value::String(text) = &*value else { return Ok(()) };
    if matches!(key, "at" | "due" | "eta" | "from" | "to" | "until" | "announced") {
        let time = chrono::DateTime::parse_from_rfc3339(text);
        let time = time.map_err(|_| Problem::BadBody(format!("{key} is a time such as 2026-11-20T03:00:00+08:00")))?;
        *value = time.timestamp_millis().into();
    } else if text.chars().count() > NOTE && key != "actor" {
        return Err(Problem::BadBody(format!("{key} has more than {NOTE} characters")));
    }
    Ok(())
}

/// Hands a command to the loop and answers with what became of it.
pub(super) async fn carry_out(
    api: &Api,
    actor: String,
    way: String,
    headers: &HeaderMap,
    action: Action,
) -> Result<Response, Problem> {
    // Where users are known, nobody signs with another's name.
    if headers.get(USER).is_some_and(|user| user.as_bytes() != actor.as_bytes()) {
        return Err(Problem::NotYou);
    }
    let key = match headers.get("idempotency-key") {
        // Without a key every request is one of its own.
        None => Ulid::from_parts(api.clock.now().utc.0.unsigned_abs(), rand::random()).to_string(),
        Some(key) => {
            let key = key.to_str().ok().filter(|key| (1..=KEY).contains(&key.len()));
            key.ok_or_else(|| Problem::BadBody(format!("Idempotency-Key is 1 to {KEY} ASCII characters")))?.to_owned()
        }
    };
    let reply = api.commands.ask(Command { actor, key, way, action }).await?;
    let zone = api.feed.load().contract.time_zone;
    match reply {
        Reply::Done { at } => Ok(Json(Done { result: "done", at: At(at, zone) }).into_response()),
        Reply::Reported { at, incidents, joined } => {
            Ok(Json(Opened { result: "done", at: At(at, zone), incidents, joined }).into_response())
        }
        Reply::Planned { at, window, standing, overlaps } => {
            let overlaps = overlaps.iter().map(|overlap| OverlapView::new(overlap, zone)).collect();
            let (at, standing) = (At(at, zone), StandingView::new(standing, zone));
            Ok(Json(Planned { result: "done", at, window: &window, standing, overlaps }).into_response())
        }
        Reply::Refused(refusal) => Err(Problem::Refused(refusal)),
    }
}

#[derive(Serialize)]
struct Done {
    result: &'static str,
    at: At,
}

/// A report is written down.
#[derive(Serialize)]
struct Opened {
    result: &'static str,
    at: At,
    incidents: Vec<String>,
    joined: bool,
}

/// Planned work is written down.
#[derive(Serialize)]
struct Planned<'a> {
    result: &'static str,
    at: At,
    window: &'a str,
    #[serde(flatten)]
    standing: StandingView,
    overlaps: Vec<OverlapView<'a>>,
}
