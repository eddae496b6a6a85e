//! `/api/v1/maintnotes`: what carriers write about their maintenance, and what of it waits for a person.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{
        Path, Query, State,
        rejection::{BytesRejection, JsonRejection, QueryRejection},
    },
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Api,
    incidents::{carry_out, command, signed},
    paging::{Asked, Open, Size, cut},
    problem::Problem,
    windows::OverlapView,
};
use crate::{
    command::{Action, NoteObject, NoteOutcome, NoteStatus, NoteTaken, NotesTaken, ReadNote, Waits},
    incident::{ActedBy, Noted, maintnote},
    units::At,
};

const PAGE: Size = Size(100, 1_000);
/// What a calendar is sent as (RFC 5545).
const CALENDAR: &str = "text/calendar";

#[derive(Serialize)]
struct Page<'a> {
    at: At,
    total: usize,
    /// Those that wait for a person, whatever is shown.
    waiting: usize,
    maintnotes: Vec<NoteView<'a>>,
    next: Option<String>,
}

#[derive(Serialize)]
struct NoteView<'a> {
    id: &'a str,
    carrier: Option<&'a str>,
    #[serde(flatten)]
    note: Option<ReadView<'a>>,
    /// Of one that cannot be read: its beginning.
    text: Option<&'a str>,
    received: At,
    actor: &'a str,
    way: &'a str,
    outcome: NoteOutcome,
    windows: &'a [String],
    waits: Option<&'a Waits>,
    settled: Option<At>,
    settled_by: Option<&'a str>,
    settled_note: Option<&'a str>,
}

/// What the note says.
#[derive(Serialize)]
struct ReadView<'a> {
    provider: &'a str,
    account: &'a str,
    maintenance: &'a str,
    uid: &'a str,
    sequence: u32,
    status: NoteStatus,
    from: At,
    to: At,
    objects: &'a [NoteObject],
    summary: &'a str,
}

/// What became of the notes of a calendar.
#[derive(Serialize)]
pub(super) struct TakenView<'a> {
    result: &'static str,
    at: At,
    maintnotes: &'a [NoteTaken],
    overlaps: Vec<OverlapView<'a>>,
}

impl<'a> TakenView<'a> {
    pub fn new(taken: &'a NotesTaken, zone: Tz) -> Self {
        let overlaps = taken.overlaps.iter().map(|overlap| OverlapView::new(overlap, zone)).collect();
        Self { result: "done", at: At(taken.at, zone), maintnotes: &taken.notes, overlaps }
    }
}

impl<'a> NoteView<'a> {
    fn new(noted: &'a Noted, zone: Tz) -> Self {
        let (note, text) = match &noted.note {
            ReadNote::Unreadable { text, .. } => (None, Some(text.as_str())),
            ReadNote::Note(note) => {
                let view = ReadView {
                    provider: &note.provider,
                    account: &note.account,
                    maintenance: &note.maintenance,
                    uid: &note.uid,
                    sequence: note.sequence,
                    status: note.status,
                    from: At(note.from, zone),
                    to: At(note.to, zone),
                    objects: &note.objects,
                    summary: &note.summary,
                };
                (Some(view), None)
            }
        };
        let settled: Option<&ActedBy> = noted.settled.as_ref();
        Self {
            id: &noted.id,
            carrier: noted.carrier.as_deref(),
            note,
            text,
            received: At(noted.received.at, zone),
            actor: &noted.received.actor,
            way: &noted.received.way,
            outcome: noted.outcome,
            windows: &noted.windows,
            waits: noted.waits.as_ref(),
            settled: settled.map(|by| At(by.at, zone)),
            settled_by: settled.map(|by| by.actor.as_str()),
            settled_note: settled.map(|by| by.note.as_str()),
        }
    }
}

pub(super) async fn list(State(api): State<Arc<Api>>, Asked(wanted): Asked<Open>) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let zone = snapshot.contract.time_zone;
    let passing: Vec<_> = snapshot.desk.notes().filter(|noted| wanted.all || noted.is_waiting()).collect();
    let (shown, next) = cut(&passing, wanted.cursor.as_deref(), wanted.limit, PAGE, |noted| noted.id.clone())?;
    let maintnotes = shown.iter().map(|noted| NoteView::new(noted, zone)).collect();
    let (total, waiting) = (passing.len(), snapshot.desk.inbox());
    Ok(Json(Page { at: At(snapshot.at.utc, zone), total, waiting, maintnotes, next }).into_response())
}

/// Who brings a calendar, whose body is the calendar itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Brought {
    actor: String,
    #[serde(default)]
    carrier: String,
    #[serde(default = "by_api")]
    way: String,
}

fn by_api() -> String {
    "api".to_owned()
}

/// Takes a calendar in: `text/calendar`.
pub(super) async fn take(
    State(api): State<Arc<Api>>,
    brought: Result<Query<Brought>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let Query(Brought { actor, carrier, way }) =
        brought.map_err(|rejection| Problem::BadQuery(rejection.body_text()))?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().is_none_or(|kind| !kind.trim().eq_ignore_ascii_case(CALENDAR)) {
        return Err(Problem::BadBody(format!("Content-Type is not {CALENDAR}")));
    }
    let bytes = body.map_err(|rejection| Problem::BadBody(rejection.body_text()))?;
    let notes = maintnote::read(&bytes);
    let action = Action::TakeMaintnotes { carrier, notes };
    carry_out(&api, actor.trim().to_owned(), way, &headers, action).await
}

/// Settles a note that waits: the body is `actor`, `note`, and `on` where it is planned work all the same.
pub(super) async fn settle(
    State(api): State<Arc<Api>>,
    Path(maintnote): Path<String>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    let said = [("action", "settle_maintnote".to_owned()), ("maintnote", maintnote)];
    command(&api, &headers, signed(body)?, said).await
}
