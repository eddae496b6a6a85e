//! `/api/v1/devices`: devices in use, their spares and swaps.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value};

use super::{
    Api,
    incidents::{command, signed},
    problem::Problem,
};

pub(super) async fn list(State(api): State<Arc<Api>>) -> Response {
    let snapshot = api.feed.load();
    let zone = snapshot.contract.time_zone;
    Json(snapshot.devices.view(&snapshot.register.swaps, snapshot.at.utc, zone)).into_response()
}

/// `fault` or `swapped`.
pub(super) async fn act(
    State(api): State<Arc<Api>>,
    Path((device, action)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    let action = match action.as_str() {
        "fault" => "device_fault",
        "swapped" => "device_swapped",
        _ => return Err(Problem::NotFound),
    };
    command(&api, &headers, signed(body)?, [("action", action.to_owned()), ("device", device)]).await
}
