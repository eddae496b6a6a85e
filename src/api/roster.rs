//! `/api/v1/roster`: who is on duty, and until when.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{Api, history::time, paging::Asked, problem::Problem, users::Admitted};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    at: Option<String>,
}

/// Whoever has no name hears none.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    admitted: Option<Extension<Admitted>>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let at = time("at", wanted.at)?.unwrap_or(snapshot.at.utc);
    let roster = match is_anonymous(admitted.as_ref()) {
        true => &snapshot.roster.without_names(),
        false => &*snapshot.roster,
    };
    Ok(Json(roster.view(at, snapshot.contract.time_zone)).into_response())
}

pub(super) fn is_anonymous(admitted: Option<&Extension<Admitted>>) -> bool {
    admitted.is_some_and(|Extension(admitted)| admitted.is_anonymous())
}
