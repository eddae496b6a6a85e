//! `/api/v1/roster`: who is on duty, and until when.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{Api, history::time, problem::Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    at: Option<String>,
}

pub(super) async fn show(
    State(api): State<Arc<Api>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(wanted) = wanted.map_err(|rejection| Problem::BadQuery(rejection.body_text()))?;
    let snapshot = api.feed.load();
    let at = time("at", wanted.at)?.unwrap_or(snapshot.at.utc);
    Ok(Json(snapshot.roster.view(at, snapshot.contract.time_zone)).into_response())
}
