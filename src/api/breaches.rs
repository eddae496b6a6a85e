//! `/api/v1/breaches`: notices of broken periods, from the draft to the seal.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::{HeaderMap, header},
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
    command::Refusal,
    incident::{Breach, BreachView},
    notify::letter::{Written, breach},
    text::Language,
    units::At,
};

const PAGE: Size = Size(100, 1_000);

#[derive(Serialize)]
struct Breaches<'a> {
    at: At,
    total: usize,
    breaches: Vec<BreachView<'a>>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    breach: BreachView<'a>,
    /// As its carrier reads it.
    letter: Both,
}

#[derive(Serialize)]
struct Both {
    #[serde(rename = "zh-CN")]
    zh_cn: Option<Written>,
    en: Option<Written>,
}

pub(super) async fn list(State(api): State<Arc<Api>>, Asked(wanted): Asked<Open>) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let zone = snapshot.contract.time_zone;
    let passing: Vec<_> = snapshot.desk.breaches().filter(|breach| wanted.all || !breach.phase.is_over()).collect();
    let (shown, next) = cut(&passing, wanted.cursor.as_deref(), wanted.limit, PAGE, |breach| breach.id.clone())?;
    let breaches = shown.iter().map(|breach| BreachView::new(breach, zone)).collect();
    Ok(Json(Breaches { at: At(snapshot.at.utc, zone), total: passing.len(), breaches, next }).into_response())
}

pub(super) async fn show(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let breach = found(snapshot.desk.breaches(), &id)?;
    let letter = |language| breach::written(breach, "", language, &snapshot.inventory, &snapshot.letters);
    let letter = Both { zh_cn: letter(Language::ZhCn), en: letter(Language::En) };
    Ok(Json(Shown { breach: BreachView::new(breach, snapshot.contract.time_zone), letter }).into_response())
}

/// What was sealed, to the byte.
pub(super) async fn document(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let sealed = found(snapshot.desk.breaches(), &id)?.sealed.as_ref();
    let sealed = sealed.ok_or(Problem::Refused(Refusal::WrongPhase))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], sealed.content.clone()).into_response())
}

fn found<'a>(mut breaches: impl Iterator<Item = &'a Arc<Breach>>, id: &str) -> Result<&'a Arc<Breach>, Problem> {
    breaches.find(|breach| breach.id == id).ok_or(Problem::Refused(Refusal::NoSuchBreach))
}

/// Drafts the notice of a carrier and month: the body is `carrier`, `month` and `actor`.
pub(super) async fn draft(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    command(&api, &headers, signed(body)?, [("action", "draft_breach".to_owned())]).await
}

/// `review`, `approve`, `send` or `withdraw`.
pub(super) async fn judge(
    State(api): State<Arc<Api>>,
    Path((breach, step)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    if !["review", "approve", "send", "withdraw"].contains(&step.as_str()) {
        return Err(Problem::NotFound);
    }
    let said = [("action", "judge_breach".to_owned()), ("breach", breach), ("step", step)];
    command(&api, &headers, signed(body)?, said).await
}
