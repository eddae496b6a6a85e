//! `/api/v1/problems`, `/api/v1/changes`, `/api/v1/tickets`: faults that come again, changes and who agreed to them, and
//! how other systems call all of it.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Api,
    incidents::{command, signed},
    paging::{Asked, Open, Size, cut},
    problem::Problem,
};
use crate::{
    incident::{ChangeView, ProblemView},
    units::At,
};

const PAGE: Size = Size(100, 1_000);

#[derive(Serialize)]
struct Problems<'a> {
    at: At,
    total: usize,
    problems: Vec<ProblemView<'a>>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Changes<'a> {
    at: At,
    total: usize,
    changes: Vec<ChangeView<'a>>,
    next: Option<String>,
}

pub(super) async fn problems(State(api): State<Arc<Api>>, Asked(wanted): Asked<Open>) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let zone = snapshot.contract.time_zone;
    let passing: Vec<_> = snapshot.desk.problems().filter(|problem| wanted.all || problem.phase.is_open()).collect();
    let (shown, next) = cut(&passing, wanted.cursor.as_deref(), wanted.limit, PAGE, |problem| problem.id.clone())?;
    let problems = shown.iter().map(|problem| ProblemView::new(problem, zone)).collect();
    Ok(Json(Problems { at: At(snapshot.at.utc, zone), total: passing.len(), problems, next }).into_response())
}

pub(super) async fn changes(State(api): State<Arc<Api>>, Asked(wanted): Asked<Open>) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let zone = snapshot.contract.time_zone;
    let passing: Vec<_> = snapshot.desk.changes().filter(|change| wanted.all || !change.phase.is_over()).collect();
    let (shown, next) = cut(&passing, wanted.cursor.as_deref(), wanted.limit, PAGE, |change| change.id.clone())?;
    let changes = shown.iter().map(|change| ChangeView::new(change, zone)).collect();
    Ok(Json(Changes { at: At(snapshot.at.utc, zone), total: passing.len(), changes, next }).into_response())
}

/// Writes down what is known of a problem: `note`, `cause`, `workaround` or `close`.
pub(super) async fn record(
    State(api): State<Arc<Api>>,
    Path((problem, step)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    if !["note", "cause", "workaround", "close"].contains(&step.as_str()) {
        return Err(Problem::NotFound);
    }
    let said = [("action", "record_problem".to_owned()), ("problem", problem), ("step", step)];
    command(&api, &headers, signed(body)?, said).await
}

/// Asks for a change: the body is its own fields, `actor`, and `way` where it was not said here.
pub(super) async fn request(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    command(&api, &headers, signed(body)?, [("action", "request_change".to_owned())]).await
}

/// `approve`, `reject`, `withdraw`, `done` or `failed`.
pub(super) async fn judge(
    State(api): State<Arc<Api>>,
    Path((change, verdict)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    if !["approve", "reject", "withdraw", "done", "failed"].contains(&verdict.as_str()) {
        return Err(Problem::NotFound);
    }
    let said = [("action", "judge_change".to_owned()), ("change", change), ("verdict", verdict)];
    command(&api, &headers, signed(body)?, said).await
}

/// How another system calls an incident, a problem or a change.
pub(super) async fn ticket(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    command(&api, &headers, signed(body)?, [("action", "ticket".to_owned())]).await
}
