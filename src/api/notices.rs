//! `/api/v1/notices`: what was to be said to whom and what became of it, and the doors that it passes on its way out.

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
    incidents::{carry_out, signed},
    paging::{Asked, Size},
    problem::Problem,
};
use crate::{
    command::{Action, Refusal},
    notify::{
        doors::{DoorView, Turn},
        log::{Logged, NoticeState, Place, Wanted},
    },
    text::Mark,
    units::At,
};

const PAGE: Size = Size(100, 1_000);

/// Where notices are looked up. Blocks, and says what is wrong with the disk.
pub type NoticeLog = Arc<dyn Fn(&Wanted) -> Result<Vec<Logged>, String> + Send + Sync>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    #[serde(default)]
    incident: String,
    #[serde(default)]
    recipient: String,
    #[serde(default)]
    channel: String,
    state: Option<NoticeState>,
    /// From `next` of the page before.
    cursor: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Page {
    at: At,
    /// Newest first.
    notices: Vec<Row>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Row {
    id: String,
    key: String,
    /// Of the incident, problem or change that it is about.
    about: String,
    event: &'static str,
    channel: String,
    recipient: String,
    /// Empty: the operator.
    party: String,
    /// In part; `null`: a machine.
    to: Option<String>,
    subject: Option<String>,
    mark: Option<Mark>,
    created: At,
    state: String,
    done: Option<At>,
    attempts: u32,
    /// The receiver's last words or, of what is held, the door that is closed.
    words: String,
}

#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    row: Row,
    /// As it was, or would have been, sent, but for names and numbers of contacts; `null`: a machine.
    text: Option<String>,
    short: Option<String>,
}

impl Row {
    fn new(logged: &Logged, zone: Tz) -> Self {
        let Logged { id, notice, state, attempts, done, words } = logged;
        let (about, recipient) = notice.thread();
        let message = notice.message.as_ref();
        Self {
            id: id.clone(),
            key: notice.key.clone(),
            about: about.to_owned(),
            event: notice.kind.as_str(),
            channel: notice.channel.clone(),
            recipient: recipient.to_owned(),
            party: notice.party.clone(),
            to: message.map(|message| message.to.to_string()),
            subject: message.map(|message| message.without_contacts(&message.subject)),
            mark: message.and_then(|message| message.mark),
            created: At(notice.created, zone),
            state: state.clone(),
            done: done.map(|at| At(at, zone)),
            attempts: *attempts,
            words: words.clone(),
        }
    }
}

pub(super) async fn list(State(api): State<Arc<Api>>, Asked(query): Asked<Query>) -> Result<Response, Problem> {
    let Query { incident, recipient, channel, state, cursor, limit } = query;
    let after = cursor.as_deref().map(|cursor| place(cursor).ok_or(Problem::CursorGone)).transpose()?;
    let Size(usual, most) = PAGE;
    let most = limit.unwrap_or(usual).clamp(1, most);
    let wanted = Wanted { id: String::new(), incident, recipient, channel, state, after, most: most + 1 };
    let mut found = find(&api, wanted).await?;
    let more = found.len() > most;
    found.truncate(most);
    let snapshot = api.feed.load();
    let zone = snapshot.contract.time_zone;
    let next = found.last().filter(|_| more).map(next);
    let notices = found.iter().map(|logged| Row::new(logged, zone)).collect();
    Ok(Json(Page { at: At(snapshot.at.utc, zone), notices, next }).into_response())
}

pub(super) async fn show(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let found = find(&api, Wanted { id, most: 1, ..Wanted::default() }).await?;
    let logged = found.first().ok_or(Problem::NotFound)?;
    let message = logged.notice.message.as_ref();
    let row = Row::new(logged, api.feed.load().contract.time_zone);
    let text = message.map(|one| one.without_contacts(&one.marked_text()));
    let short = message.map(|one| one.without_contacts(&one.marked_short()));
    Ok(Json(Whole { row, text, short }).into_response())
}

/// Where the page after this notice begins.
pub(super) fn next(last: &Logged) -> String {
    format!("{}-{}", last.notice.created.0, last.id)
}

/// `created-id`, as [`next`] writes it.
pub(super) fn place(cursor: &str) -> Option<Place> {
    let (created, id) = cursor.split_once('-')?;
    Some(Place { created: created.parse().ok()?, id: id.to_owned() })
}

pub(super) async fn find(api: &Api, wanted: Wanted) -> Result<Vec<Logged>, Problem> {
    let log = api.notices.clone().ok_or(Problem::Refused(Refusal::NotKept))?;
    let found = tokio::task::spawn_blocking(move || log(&wanted)).await.map_err(|_| Problem::NoAnswer)?;
    found.map_err(Problem::Unreadable)
}

#[derive(Serialize)]
struct Doors<'a> {
    at: At,
    doors: Vec<Door<'a>>,
}

#[derive(Serialize)]
struct Door<'a> {
    door: &'a str,
    open: bool,
    /// Who turned it last; `null`: nobody.
    by: Option<&'a str>,
    since: Option<At>,
    note: Option<&'a str>,
}

impl<'a> Door<'a> {
    fn new(view: &'a DoorView, zone: Tz) -> Self {
        let turn: Option<&Turn> = view.turn.as_ref();
        Self {
            door: &view.door,
            open: view.is_open(),
            by: turn.map(|turn| &*turn.by),
            since: turn.map(|turn| At(turn.at, zone)),
            note: turn.map(|turn| &*turn.note),
        }
    }
}

pub(super) async fn doors(State(api): State<Arc<Api>>) -> Response {
    let snapshot = api.feed.load();
    let zone = snapshot.contract.time_zone;
    let doors = snapshot.doors.iter().map(|view| Door::new(view, zone)).collect();
    Json(Doors { at: At(snapshot.at.utc, zone), doors }).into_response()
}

pub(super) async fn open(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    turn(&api, &headers, body, true).await
}

pub(super) async fn close(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    turn(&api, &headers, body, false).await
}

async fn turn(
    api: &Api,
    headers: &HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
    open: bool,
) -> Result<Response, Problem> {
    let signed = signed(body)?;
    let (door, note) = (signed.text("door").to_owned(), signed.text("note").to_owned());
    carry_out(api, signed.actor, signed.way, headers, Action::TurnDoor { door, open, note }).await
}
