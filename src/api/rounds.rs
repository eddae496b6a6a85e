//! `/api/v1/rounds`: which rounds are due, and signing for those that were made.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Api,
    incidents::{command, signed},
    paging::Asked,
    problem::Problem,
};
use crate::{
    contract::{Cadence, Words},
    duty::{Done, Entry, Field, Round, Status},
    snapshot::Snapshot,
    units::At,
};

/// Turns of a page unless asked otherwise, and at most.
const PAGE: usize = 100;
const PAGE_MOST: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    status: Option<Status>,
    round: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Page<'a> {
    at: At,
    rounds: Vec<RoundView<'a>>,
    /// Turns that pass the filters, shown or not.
    total: usize,
    turns: Vec<TurnView<'a>>,
}

#[derive(Serialize)]
struct RoundView<'a> {
    id: &'a str,
    name: &'a Words,
    every: Cadence,
    times: u32,
    calendar: Option<&'a str>,
    /// Links that it looks at now.
    links: usize,
    requirements: &'a [String],
    what: Option<&'a Words>,
    form: &'a [Field],
    clause: &'a str,
}

#[derive(Serialize)]
struct TurnView<'a> {
    round: &'a str,
    status: Status,
    opens: At,
    due: At,
    closes: At,
    done: Option<DoneView<'a>>,
}

#[derive(Serialize)]
struct DoneView<'a> {
    signed: At,
    #[serde(flatten)]
    done: &'a Done,
}

impl<'a> RoundView<'a> {
    fn new(round: &'a Round, snapshot: &'a Snapshot) -> Self {
        let inventory = &snapshot.inventory;
        let links = round.scope.links.as_ref();
        Self {
            id: &round.id,
            name: &round.name,
            every: round.every,
            times: round.times,
            calendar: round.calendar.as_ref().map(|calendar| calendar.id.as_str()),
            links: links.map_or(0, |of| inventory.links.iter().filter(|link| of.covers(link, inventory)).count()),
            requirements: &round.scope.requirements,
            what: round.scope.text.as_ref(),
            form: &round.form,
            clause: &round.clause,
        }
    }
}

impl<'a> TurnView<'a> {
    fn new(entry: &'a Entry, zone: Tz) -> Self {
        Self {
            round: &entry.round,
            status: entry.status,
            opens: At(entry.opens, zone),
            due: At(entry.due, zone),
            closes: At(entry.closes, zone),
            done: entry.done.as_ref().map(|done| DoneView { signed: At(done.at, zone), done }),
        }
    }
}

/// Turns by when they are due, the newest first.
pub(super) async fn list(State(api): State<Arc<Api>>, Asked(wanted): Asked<Wanted>) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let zone = snapshot.contract.time_zone;
    let is_asked = |id: &str| wanted.round.as_ref().is_none_or(|round| round == id);
    let passes = |entry: &&Entry| wanted.status.is_none_or(|status| status == entry.status) && is_asked(&entry.round);
    let mut turns: Vec<&Entry> = snapshot.register.entries().iter().filter(passes).collect();
    turns.sort_by(|one, other| other.due.cmp(&one.due).then_with(|| one.round.cmp(&other.round)));
    let limit = wanted.limit.unwrap_or(PAGE).clamp(1, PAGE_MOST);
    let rounds = snapshot.rounds.list.iter().filter(|round| is_asked(&round.id));
    let page = Page {
        at: At(snapshot.at.utc, zone),
        rounds: rounds.map(|round| RoundView::new(round, &snapshot)).collect(),
        total: turns.len(),
        turns: turns.into_iter().take(limit).map(|entry| TurnView::new(entry, zone)).collect(),
    };
    Ok(Json(page).into_response())
}

/// Signs the record of a round: `actor`, `way`, `due`, `notes` and `fields`.
pub(super) async fn sign(
    State(api): State<Arc<Api>>,
    Path(round): Path<String>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    command(&api, &headers, signed(body)?, [("action", "round_done".to_owned()), ("round", round)]).await
}
