//! `POST /api/v1/observations`: what other systems have counted or seen of our links.

use std::sync::Arc;

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Api,
    incidents::{command, readable, signed},
    problem::Problem,
};
use crate::{
    command::{Observed, RefusedObservation},
    units::At,
};

/// Observations of one request: an hour of both ends of some hundred links.
const MOST: usize = 1_000;

#[derive(Serialize)]
struct Taken<'a> {
    result: &'static str,
    at: At,
    taken: usize,
    repeated: usize,
    refused: &'a [RefusedObservation],
}

pub(super) async fn take(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    let mut signed = signed(body)?;
    let Some(Value::Array(observations)) = signed.fields.get_mut("observations") else {
        return Err(Problem::BadBody("observations is not a list".to_owned()));
    };
    if observations.len() > MOST {
        return Err(Problem::BadBody(format!("observations has more than {MOST}")));
    }
    for (key, value) in observations.iter_mut().filter_map(Value::as_object_mut).flatten() {
        readable(key, value)?;
    }
    command(&api, &headers, signed, [("action", "observe".to_owned())]).await
}

/// Says what became of the observations of a request, and counts it.
pub(super) fn answer(api: &Api, observed: &Observed, zone: Tz) -> Response {
    let Observed { at, taken, repeated, refused } = observed;
    for (outcome, count) in [("taken", *taken), ("repeated", *repeated), ("refused", refused.len())] {
        api.observations.with_label_values(&[outcome]).inc_by(count as u64);
    }
    Json(Taken { result: "done", at: At(*at, zone), taken: *taken, repeated: *repeated, refused }).into_response()
}
