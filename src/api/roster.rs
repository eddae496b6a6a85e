//! `/api/v1/roster`: who is on duty, and until when.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{Api, history::time, paging::Asked, problem::Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    at: Option<String>,
}

pub(super) async fn show(State(api): State<Arc<Api>>, Asked(wanted): Asked<Wanted>) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let at = time("at", wanted.at)?.unwrap_or(snapshot.at.utc);
    Ok(Json(snapshot.roster.view(at, snapshot.contract.time_zone)).into_response())
}
