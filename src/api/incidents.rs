//! `/api/v1/incidents`: what is broken, and what people may do about it.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Extension, Json,
    extract::{Path, State, rejection::JsonRejection},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use ulid::Ulid;

use super::{
    Api,
    guard::USER,
    maintnotes::TakenView,
    observations,
    paging::{Asked, Size, cut},
    problem::Problem,
    users::Admitted,
    windows::{OverlapView, StandingView},
};
use crate::{
    command::{Action, Command, Refusal, Reply, Unclear, person},
    incident::{Incident, IncidentPhase, IncidentView, OURSELVES},
    inventory::Link,
    snapshot::Snapshot,
    units::At,
};

const PAGE: Size = Size(50, 200);
/// Longest name, note and key, in characters.
const ACTOR: usize = 64;
const NOTE: usize = 1_000;
const KEY: usize = 128;
/// What may be asked of an incident: [`Action`]s by their names.
const ACTIONS: [&str; 9] =
    ["acknowledge", "withdraw", "record", "correct", "confirm", "close", "annul", "resolve", "restore"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    phase: Option<IncidentPhase>,
    cursor: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Page<'a> {
    at: At,
    total: usize,
    incidents: Vec<IncidentView<'a>>,
    next: Option<String>,
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    admitted: Option<Extension<Admitted>>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let zone = snapshot.contract.time_zone;
    let passes = |phase: IncidentPhase| wanted.phase.is_none_or(|wanted| wanted == phase);
    let sight = Sight::of(&snapshot, admitted.as_ref());
    let passing = snapshot.incidents.iter().filter(|incident| passes(incident.phase));
    let passing: Vec<_> = passing.filter(|incident| sight.sees(incident)).collect();
    let (shown, next) = cut(&passing, wanted.cursor.as_deref(), wanted.limit, PAGE, |incident| incident.id.clone())?;
    let incidents = shown.iter().filter_map(|incident| sight.view(incident)).collect();
    Ok(Json(Page { at: At(snapshot.at.utc, zone), total: passing.len(), incidents, next }).into_response())
}

pub(super) async fn show(
    State(api): State<Arc<Api>>,
    admitted: Option<Extension<Admitted>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let incident = snapshot.incidents.iter().find(|incident| incident.id == id);
    let view = incident.and_then(|incident| Sight::of(&snapshot, admitted.as_ref()).view(incident));
    Ok(Json(view.ok_or(Problem::Refused(Refusal::NoSuchIncident))?).into_response())
}

/// What whoever asks may see of incidents: a carrier its own part of each.
struct Sight<'a> {
    zone: Tz,
    /// The party that asks, and its links. `None`: all is seen.
    own: Option<(String, BTreeSet<&'a str>)>,
}

impl<'a> Sight<'a> {
    fn of(snapshot: &'a Snapshot, admitted: Option<&Extension<Admitted>>) -> Self {
        let inventory = &snapshot.inventory;
        let own = admitted.and_then(|Extension(admitted)| admitted.carrier()).map(|carrier| {
            let is_own = |link: &&Link| inventory.carriers[link.carrier.at()].id == carrier;
            let links = inventory.links.iter().filter(is_own).map(|link| link.id.as_str());
            (format!("carrier/{carrier}"), links.collect())
        });
        Self { zone: snapshot.contract.time_zone, own }
    }

    fn sees(&self, incident: &Incident) -> bool {
        self.own.is_none() || self.view(incident).is_some()
    }

    fn view<'i>(&self, incident: &'i Incident) -> Option<IncidentView<'i>> {
        let view = IncidentView::new(incident, self.zone);
        match &self.own {
            None => Some(view),
            Some((party, links)) => view.of_party(party, |link| links.contains(link)),
        }
    }
}

/// Carries out one of [`ACTIONS`]: the body is the action's own fields, `actor`, and `way` where it was not said here.
pub(super) async fn act(
    State(api): State<Arc<Api>>,
    Path((incident, action)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    if !ACTIONS.contains(&action.as_str()) {
        return Err(Problem::NotFound);
    }
    command(&api, &headers, signed(body)?, [("action", action), ("incident", incident)]).await
}

/// Reports a fault: the body is the report's own fields, `actor`, and `way` where it was not said here.
pub(super) async fn open(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    let signed = signed(body)?;
    if signed.fields.contains_key("source") {
        return Err(Problem::BadBody("source: other systems report at /api/v1/alerts".to_owned()));
    }
    command(&api, &headers, signed, [("action", "report".to_owned())]).await
}

/// A body that says who speaks.
pub(super) struct Signed {
    pub(super) actor: String,
    pub(super) way: String,
    /// What else it holds.
    pub(super) fields: Map<String, Value>,
}

impl Signed {
    /// A text of it; empty when it is not there.
    pub(super) fn text(&self, key: &str) -> &str {
        self.fields.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Carries out the command that a signed body asks for; `said`: what its address has said, the action's name above all.
pub(super) async fn command(
    api: &Api,
    headers: &HeaderMap,
    signed: Signed,
    said: impl IntoIterator<Item = (&'static str, String)>,
) -> Result<Response, Problem> {
    let Signed { actor, way, mut fields } = signed;
    fields.extend(said.into_iter().map(|(key, value)| (key.to_owned(), value.into())));
    let action = serde_json::from_value(fields.into()).map_err(|error| Problem::BadBody(error.to_string()))?;
    carry_out(api, actor, way, headers, action).await
}

/// The same for a form of ours, whose `key` tells a second press from a second wish.
pub(super) async fn obey(api: &Api, headers: &HeaderMap, signed: Signed, key: String) -> Result<Reply, Problem> {
    let Signed { actor, way, fields } = signed;
    let action = serde_json::from_value(fields.into()).map_err(|error| {
        let error = error.to_string();
        let missing = error.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
        missing.map_or_else(|| Problem::BadBody(error.clone()), |(field, _)| Problem::field(field, "is missing"))
    })?;
    is_themselves(headers, &actor)?;
    match api.commands.ask(Command { actor, key, way, action }).await? {
        Reply::Refused(refusal) => Err(Problem::Refused(refusal)),
        reply => Ok(reply),
    }
}

/// Where users are known, nobody signs with another's name.
fn is_themselves(headers: &HeaderMap, actor: &str) -> Result<(), Problem> {
    let is_another = headers.get(USER).is_some_and(|user| user.as_bytes() != actor.as_bytes());
    if is_another { Err(Problem::NotYou) } else { Ok(()) }
}

/// Reads a body that must say who speaks.
pub(super) fn signed(body: Result<Json<Map<String, Value>>, JsonRejection>) -> Result<Signed, Problem> {
    let Json(mut body) = body.map_err(|rejection| Problem::BadBody(rejection.body_text()))?;
    for (key, value) in &mut body {
        readable(key, value)?;
    }
    let mut text = |key: &str| match body.remove(key) {
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Problem::field(key, "is not a string")),
        None => Ok(None),
    };
    let actor = text("actor")?.ok_or_else(|| Problem::field("actor", "is missing"))?.trim().to_owned();
    // Nobody acts in our name.
    let is_ours = person::is_same(&actor, OURSELVES);
    if is_ours || !person::is_readable(&actor) || actor.chars().count() > ACTOR {
        return Err(Problem::Refused(Refusal::NoActor));
    }
    let way = text("way")?.unwrap_or_else(|| "api".to_owned());
    Ok(Signed { actor, way, fields: body })
}

/// Times are written as everywhere else in this API, and texts have a bound.
pub(super) fn readable(key: &str, value: &mut Value) -> Result<(), Problem> {
    let Value::String(text) = &*value else { return Ok(()) };
    if matches!(key, "at" | "due" | "eta" | "from" | "to" | "until" | "announced" | "last_success") {
        let time = chrono::DateTime::parse_from_rfc3339(text);
        let time = time.map_err(|_| Problem::field(key, "is a time such as 2026-11-20T03:00:00+08:00"))?;
        *value = time.timestamp_millis().into();
    } else if text.chars().count() > NOTE && key != "actor" {
        return Err(Problem::field(key, format!("has more than {NOTE} characters")));
    }
    Ok(())
}

/// Hands a command to the loop and answers with what became of it.
pub(super) async fn carry_out(
    api: &Api,
    actor: String,
    way: String,
    headers: &HeaderMap,
    action: Action,
) -> Result<Response, Problem> {
    is_themselves(headers, &actor)?;
    let key = match headers.get("idempotency-key") {
        // Without a key every request is one of its own.
        None => Ulid::from_parts(api.clock.now().utc.0.unsigned_abs(), rand::random()).to_string(),
        Some(key) => {
            let key = key.to_str().ok().filter(|key| (1..=KEY).contains(&key.len()));
            key.ok_or_else(|| Problem::BadBody(format!("Idempotency-Key is 1 to {KEY} ASCII characters")))?.to_owned()
        }
    };
    let reply = api.commands.ask(Command { actor, key, way, action }).await?;
    let zone = api.feed.load().contract.time_zone;
    match reply {
        // No route of the API asks for contacts: a page does, and shows them itself.
        Reply::Done { at } | Reply::Revealed { at, .. } => {
            Ok(Json(Done { result: "done", at: At(at, zone) }).into_response())
        }
        Reply::Reported { at, incidents, joined } => {
            Ok(Json(Opened { result: "done", at: At(at, zone), incidents, joined }).into_response())
        }
        Reply::Planned { at, window, standing, overlaps } => {
            let overlaps = overlaps.iter().map(|overlap| OverlapView::new(overlap, zone)).collect();
            let (at, standing) = (At(at, zone), StandingView::new(standing, zone));
            Ok(Json(Planned { result: "done", at, window: &window, standing, overlaps }).into_response())
        }
        Reply::Changed { at, change, window } => {
            Ok(Json(Changed { result: "done", at: At(at, zone), change, window }).into_response())
        }
        Reply::Breached { at, breach, number, seal } => {
            Ok(Json(Breached { result: "done", at: At(at, zone), breach, number, seal }).into_response())
        }
        Reply::Maintnotes(taken) => Ok(Json(TakenView::new(&taken, zone)).into_response()),
        Reply::Observed(observed) => Ok(observations::answer(api, &observed, zone)),
        Reply::Listed { at, why } => Ok(Json(Listed { result: "listed", at: At(at, zone), why }).into_response()),
        Reply::Refused(refusal) => Err(Problem::Refused(refusal)),
    }
}

/// A notice as it was drafted or judged.
#[derive(Serialize)]
struct Breached {
    result: &'static str,
    at: At,
    breach: String,
    number: Option<String>,
    seal: Option<String>,
}

#[derive(Serialize)]
struct Done {
    result: &'static str,
    at: At,
}

/// It was not plain, and waits for a person.
#[derive(Serialize)]
struct Listed {
    result: &'static str,
    at: At,
    why: Unclear,
}

/// A report is written down.
#[derive(Serialize)]
struct Opened {
    result: &'static str,
    at: At,
    incidents: Vec<String>,
    joined: bool,
}

/// A change is written down.
#[derive(Serialize)]
struct Changed {
    result: &'static str,
    at: At,
    change: String,
    window: Option<String>,
}

/// Planned work is written down.
#[derive(Serialize)]
struct Planned<'a> {
    result: &'static str,
    at: At,
    window: &'a str,
    #[serde(flatten)]
    standing: StandingView,
    overlaps: Vec<OverlapView<'a>>,
}
