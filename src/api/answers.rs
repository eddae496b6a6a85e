//! Signed links to the page of a party: given out by hand, and all made worthless at once.

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
    incidents::{carry_out, command, signed},
    problem::Problem,
};
use crate::{
    command::{Action, Refusal},
    units::At,
};

/// A link that was given out.
#[derive(Serialize)]
struct Issued {
    result: &'static str,
    url: String,
    expires: At,
}

/// Gives a signed link to a party's page about an incident; the timeline says who did.
pub(super) async fn issue(
    State(api): State<Arc<Api>>,
    Path(incident): Path<String>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    let passes = api.passes.as_ref().ok_or(Problem::Refused(Refusal::NotKept))?;
    let signed = signed(body)?;
    let party = signed.text("party").to_owned();
    command(&api, &headers, signed, [("action", "issue_link".to_owned()), ("incident", incident.clone())]).await?;
    let (url, expires) = passes.link(&party, &incident, api.clock.now().utc, rand::random());
    let zone = api.feed.load().contract.time_zone;
    Ok(Json(Issued { result: "done", url, expires: At(expires, zone) }).into_response())
}

/// Makes a new key: whoever holds a link needs a new one.
pub(super) async fn rotate(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    let signed = signed(body)?;
    carry_out(&api, signed.actor, signed.way, &headers, Action::RotateLinks).await
}
