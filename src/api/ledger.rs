//! `/api/v1/ledger/exclude`: time that two people take out of the objective.

use std::sync::Arc;

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::HeaderMap,
    response::Response,
};
use serde::Deserialize;

use super::{Api, incidents::carry_out, problem::Problem};
use crate::{
    command::{Action, Reason},
    units::Timestamp,
};

/// Most links of one command: a whole city.
const LINKS: usize = 10_000;
const NOTE: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exclude {
    actor: String,
    second: String,
    #[serde(default)]
    way: Option<String>,
    links: Vec<String>,
    from: String,
    to: String,
    reason: Reason,
    note: String,
}

pub(super) async fn exclude(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Result<Json<Exclude>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(said) = body.map_err(|rejection| Problem::BadBody(rejection.body_text()))?;
    if said.links.is_empty() || said.links.len() > LINKS {
        return Err(Problem::BadBody(format!("links are 1 to {LINKS} ids")));
    }
    if said.note.chars().count() > NOTE {
        return Err(Problem::BadBody(format!("note has more than {NOTE} characters")));
    }
    let (from, to) = (time("from", &said.from)?, time("to", &said.to)?);
    let Exclude { actor, second, way, links, reason, note, .. } = said;
    let way = way.unwrap_or_else(|| "api".to_owned());
    carry_out(&api, actor, way, &headers, Action::Exclude { links, from, to, reason, second, note }).await
}

fn time(key: &str, text: &str) -> Result<Timestamp, Problem> {
    chrono::DateTime::parse_from_rfc3339(text)
        .map(|time| Timestamp(time.timestamp_millis()))
        .map_err(|_| Problem::BadBody(format!("{key} is a time such as 2026-11-20T03:00:00+08:00")))
}
