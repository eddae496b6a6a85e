//! `/api/v1/replies`: what gateways hand in (text messages, keys pressed in a call), and what of it waits for a person.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::{HeaderMap, HeaderValue},
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Api,
    incidents::{command, signed},
    paging::{Asked, Open, Size, cut},
    problem::Problem,
};
use crate::{command::Unclear, duty::UnclearReply, units::At};

const PAGE: Size = Size(100, 200);

#[derive(Serialize)]
struct Page<'a> {
    at: At,
    total: usize,
    /// Those that wait for a person, whatever is shown.
    waiting: usize,
    replies: Vec<Row<'a>>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    at: At,
    number: &'a str,
    party: &'a str,
    person: &'a str,
    text: &'a str,
    why: Unclear,
    settled: Option<By<'a>>,
}

#[derive(Serialize)]
struct By<'a> {
    by: &'a str,
    at: At,
    note: &'a str,
}

impl<'a> Row<'a> {
    fn new(reply: &'a UnclearReply, zone: Tz) -> Self {
        let UnclearReply { id, at, number, party, person, text, why, settled } = reply;
        let settled = settled.as_ref().map(|one| By { by: &one.by, at: At(one.at, zone), note: &one.note });
        Self { id, at: At(*at, zone), number, party, person, text, why: *why, settled }
    }
}

pub(super) async fn list(State(api): State<Arc<Api>>, Asked(wanted): Asked<Open>) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let zone = snapshot.contract.time_zone;
    let passing: Vec<_> = snapshot.register.replies().filter(|one| wanted.all || one.settled.is_none()).collect();
    let (shown, next) = cut(&passing, wanted.cursor.as_deref(), wanted.limit, PAGE, |one| one.id.clone())?;
    let replies = shown.iter().map(|reply| Row::new(reply, zone)).collect();
    let (at, waiting) = (At(snapshot.at.utc, zone), snapshot.register.replies_waiting());
    Ok(Json(Page { at, total: passing.len(), waiting, replies, next }).into_response())
}

/// Takes one in. The gateway's own id of it makes a repeat the same.
pub(super) async fn take(
    State(api): State<Arc<Api>>,
    mut headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    let signed = signed(body)?;
    if let Some(id) = Some(signed.text("id")).filter(|id| !id.is_empty())
        && !headers.contains_key("idempotency-key")
    {
        let key = HeaderValue::from_str(&format!("reply-{id}"));
        headers.insert("idempotency-key", key.map_err(|_| Problem::BadBody("id is not ASCII".to_owned()))?);
    }
    let answer = command(&api, &headers, signed, [("action", "heard".to_owned())]).await;
    let outcome = if answer.is_ok() { "taken" } else { "refused" };
    api.replies.with_label_values(&[outcome]).inc();
    answer
}

/// A person has dealt with one.
pub(super) async fn settle(
    State(api): State<Arc<Api>>,
    Path(reply): Path<String>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    command(&api, &headers, signed(body)?, [("action", "settle_reply".to_owned()), ("reply", reply)]).await
}
