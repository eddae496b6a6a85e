//! `/api/v1/register`: licences, grants, contracts and what else ends on a day.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::Api;
use crate::units::At;

#[derive(Serialize)]
struct Register<'a> {
    at: At,
    ladder: &'a [u32],
    entries: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    kind: &'static str,
    name: &'a str,
    owner: &'a str,
    expires: String,
    ends: At,
    days: i64,
    rung: Option<u32>,
    status: &'static str,
    note: &'a str,
}

pub(super) async fn list(State(api): State<Arc<Api>>) -> Response {
    let snapshot = api.feed.load();
    let zone = snapshot.contract.time_zone;
    let entries = snapshot.registered().map(|(one, days, rung)| Entry {
        id: &one.id,
        kind: one.kind.as_str(),
        name: &one.name,
        owner: &one.owner,
        expires: one.expires.to_string(),
        ends: At(one.ends, zone),
        days,
        rung,
        status: match (days, rung) {
            (..0, _) => "expired",
            (_, Some(_)) => "expiring",
            (_, None) => "valid",
        },
        note: &one.note,
    });
    let ladder = snapshot.site_rules.days_left.as_ref().map_or(&[][..], |days| &days.register);
    Json(Register { at: At(snapshot.at.utc, zone), ladder, entries: entries.collect() }).into_response()
}
