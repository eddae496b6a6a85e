//! `/api/v1/incidents`: what is broken, and the two things a person may do about it here.

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
use ulid::Ulid;

use super::{Api, problem::Problem};
use crate::{
    command::{Action, Command, Refusal, Reply},
    incident::{IncidentPhase, IncidentView},
    units::At,
};

/// Incidents of a page unless asked otherwise, and at most.
const PAGE: usize = 50;
const PAGE_MOST: usize = 200;
/// Longest name, note and key, in characters.
const ACTOR: usize = 64;
const NOTE: usize = 1_000;
const KEY: usize = 128;

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
    next: Option<&'a str>,
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
    let start = match &wanted.cursor {
        None => 0,
        Some(cursor) => passing.iter().position(|incident| incident.id == *cursor).ok_or(Problem::CursorGone)?,
    };
    let limit = wanted.limit.unwrap_or(PAGE).clamp(1, PAGE_MOST);
    let shown = passing.iter().skip(start).take(limit);
    let next = passing.get(start + limit).map(|incident| incident.id.as_str());
    let incidents = shown.map(|incident| IncidentView::new(incident, zone)).collect();
    Ok(Json(Page { at: At(snapshot.at.utc, zone), total: passing.len(), incidents, next }).into_response())
}

pub(super) async fn show(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let incident = snapshot.incidents.iter().find(|incident| incident.id == id);
    let incident = incident.ok_or(Problem::Refused(Refusal::NoSuchIncident))?;
    Ok(Json(IncidentView::new(incident, snapshot.contract.time_zone)).into_response())
}

/// Who, and what they have to say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signed {
    actor: String,
    #[serde(default)]
    note: String,
}

pub(super) async fn acknowledge(
    State(api): State<Arc<Api>>,
    Path(incident): Path<String>,
    headers: HeaderMap,
    body: Result<Json<Signed>, JsonRejection>,
) -> Result<Response, Problem> {
    let Signed { actor, note } = signed(body)?;
    carry_out(&api, actor, &headers, Action::Acknowledge { incident, note }).await
}

pub(super) async fn close(
    State(api): State<Arc<Api>>,
    Path(incident): Path<String>,
    headers: HeaderMap,
    body: Result<Json<Signed>, JsonRejection>,
) -> Result<Response, Problem> {
    let Signed { actor, note } = signed(body)?;
    carry_out(&api, actor, &headers, Action::Close { incident, note }).await
}

fn signed(body: Result<Json<Signed>, JsonRejection>) -> Result<Signed, Problem> {
    let Json(signed) = body.map_err(|rejection| Problem::BadBody(rejection.body_text()))?;
    let actor = signed.actor.trim().to_owned();
    if actor.is_empty() || actor.chars().count() > ACTOR {
        return Err(Problem::Refused(Refusal::NoActor));
    }
    if signed.note.chars().count() > NOTE {
        return Err(Problem::BadBody(format!("note has more than {NOTE} characters")));
    }
    Ok(Signed { actor, note: signed.note })
}

/// Hands a command to the loop and answers with what became of it.
pub(super) async fn carry_out(
    api: &Api,
    actor: String,
    headers: &HeaderMap,
    action: Action,
) -> Result<Response, Problem> {
    let key = match headers.get("idempotency-key") {
        // Without a key every request is one of its own.
        None => Ulid::from_parts(api.clock.now().utc.0.unsigned_abs(), rand::random()).to_string(),
        Some(key) => {
            let key = key.to_str().ok().filter(|key| (1..=KEY).contains(&key.len()));
            key.ok_or_else(|| Problem::BadBody(format!("Idempotency-Key is 1 to {KEY} ASCII characters")))?.to_owned()
        }
    };
    match api.commands.ask(Command { actor, key, action }).await? {
        Reply::Done { at } => {
            Ok(Json(Done { result: "done", at: At(at, api.feed.load().contract.time_zone) }).into_response())
        }
        Reply::Refused(refusal) => Err(Problem::Refused(refusal)),
    }
}

#[derive(Serialize)]
struct Done {
    result: &'static str,
    at: At,
}
