//! `/api/v1/handover`: what is open, for those who take over the watch, and their signatures.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{State, rejection::JsonRejection},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::{
    Api,
    incidents::{command, signed},
    problem::Problem,
    roster::is_anonymous,
    users::Admitted,
};
use crate::{
    duty::{Handover, roster::HIDDEN},
    units::Timestamp,
};

/// Keys of times, which leave the house with an offset.
const TIMES: [&str; 7] = ["at", "began", "deadline", "due", "earliest", "eta", "until"];

pub(super) async fn show(State(api): State<Arc<Api>>, admitted: Option<Extension<Admitted>>) -> Response {
    let snapshot = api.feed.load();
    // Whoever has no name hears none.
    let said = |name: &str| if is_anonymous(admitted.as_ref()) { HIDDEN.to_owned() } else { name.to_owned() };
    // Cannot fail: both are plain data.
    let handover = Handover::clone(&snapshot.handover).with_roster(&snapshot.roster);
    let handover = handover.with_windows(&snapshot.windows, &snapshot.contract);
    let mut note = serde_json::to_value(&handover).unwrap_or_default();
    for (row, of) in note["on_duty"].as_array_mut().into_iter().flatten().zip(&handover.on_duty) {
        // Names leave by the API alone: the journal has ids.
        let people = snapshot.roster.people.iter().filter(|person| of.people.contains(&person.id));
        row["names"] = people.map(|person| said(&person.name)).collect();
    }
    note["last"] = snapshot.register.handed_over().map_or(
        Value::Null,
        |last| json!({ "at": last.at, "actor": said(&last.actor), "second": said(&last.second), "note": last.note }),
    );
    readable(&mut note, snapshot.contract.time_zone);
    Json(note).into_response()
}

/// Signs: `actor` leaves, `second` takes over.
pub(super) async fn sign(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    command(&api, &headers, signed(body)?, [("action", "handover_signed".to_owned())]).await
}

fn readable(value: &mut Value, zone: Tz) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value.as_i64().filter(|_| TIMES.contains(&key.as_str())) {
                    Some(at) => *value = Timestamp(at).rfc3339(zone).into(),
                    None => readable(value, zone),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| readable(value, zone)),
        _ => {}
    }
}
