//! `/api/v1/windows`: planned work, whether it counts as such, and what it leaves without a reserve.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Api,
    incidents::{command, signed},
    paging::{Asked, Open, Size, cut},
    problem::Problem,
};
use crate::{
    command::{Every, Overlap, Standing},
    contract::Contract,
    incident::{ActedBy, Window},
    units::{At, Timestamp},
};

const PAGE: Size = Size(100, 1_000);

#[derive(Serialize)]
struct Page<'a> {
    at: At,
    total: usize,
    windows: Vec<WindowView<'a>>,
    /// Redundancy groups of which planned work takes every link.
    overlaps: Vec<OverlapView<'a>>,
    next: Option<String>,
}

#[derive(Serialize)]
struct WindowView<'a> {
    id: &'a str,
    scopes: Vec<String>,
    from: At,
    to: At,
    every: Option<Every>,
    until: Option<At>,
    requester: &'a str,
    approver: Option<&'a str>,
    approved: Option<At>,
    announced: At,
    recorded: At,
    actor: &'a str,
    way: &'a str,
    drill: bool,
    reason: &'a str,
    cancelled: Option<At>,
    cancelled_by: Option<&'a str>,
    /// `planned`, `running`, `over`.
    phase: &'static str,
    /// Of the turn that runs or comes next; of the last one when all are over.
    #[serde(flatten)]
    standing: StandingView,
    turn_from: Option<At>,
    turn_to: Option<At>,
}

/// Whether it counts as planned work; why not.
#[derive(Serialize)]
pub(super) struct StandingView {
    standing: &'static str,
    /// Of late notice: when it could begin.
    earliest: Option<At>,
}

#[derive(Serialize)]
pub(super) struct OverlapView<'a> {
    group: &'a str,
    windows: &'a [String],
    from: At,
    to: At,
}

impl StandingView {
    pub fn new(standing: Standing, zone: Tz) -> Self {
        let earliest = match standing {
            Standing::Late { earliest } => Some(At(earliest, zone)),
            _ => None,
        };
        Self { standing: standing.as_str(), earliest }
    }
}

impl<'a> OverlapView<'a> {
    pub fn new(overlap: &'a Overlap, zone: Tz) -> Self {
        let Overlap { group, windows, from, to } = overlap;
        Self { group, windows, from: At(*from, zone), to: At(*to, zone) }
    }
}

impl<'a> WindowView<'a> {
    fn new(window: &'a Window, contract: &Contract, now: Timestamp) -> Self {
        let zone = contract.time_zone;
        let at = |at: Timestamp| At(at, zone);
        let turn = window.turn(now, zone);
        let standing = window.standing(turn.map_or(window.from, |turn| turn.from), contract);
        let cancelled: Option<&ActedBy> = window.cancelled.as_ref();
        Self {
            id: &window.id,
            scopes: window.scopes.iter().map(|scope| format!("{}/{}", scope.kind, scope.id)).collect(),
            from: at(window.from),
            to: at(window.to),
            every: window.repeat.map(|repeat| repeat.every),
            until: window.repeat.map(|repeat| at(repeat.until)),
            requester: &window.requester,
            approver: window.approval.as_ref().map(|approval| approval.approver.as_str()),
            approved: window.approval.as_ref().map(|approval| at(approval.at)),
            announced: at(window.announced),
            recorded: at(window.written.at),
            actor: &window.written.actor,
            way: &window.written.way,
            drill: window.drill,
            reason: &window.reason,
            cancelled: cancelled.map(|by| at(by.at)),
            cancelled_by: cancelled.map(|by| by.actor.as_str()),
            phase: match turn {
                None => "over",
                Some(turn) if turn.from <= now => "running",
                Some(_) => "planned",
            },
            standing: StandingView::new(standing, zone),
            turn_from: turn.map(|turn| at(turn.from)),
            turn_to: turn.map(|turn| at(turn.to)),
        }
    }
}

pub(super) async fn list(State(api): State<Arc<Api>>, Asked(wanted): Asked<Open>) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let (zone, now) = (snapshot.contract.time_zone, snapshot.at.utc);
    let passes = |window: &&Window| wanted.all || window.turn(now, zone).is_some();
    let passing: Vec<_> = snapshot.windows.list().filter(passes).collect();
    let (shown, next) = cut(&passing, wanted.cursor.as_deref(), wanted.limit, PAGE, |window| window.id.clone())?;
    let windows = shown.iter().map(|window| WindowView::new(window, &snapshot.contract, now)).collect();
    let overlaps = snapshot.windows.overlaps().iter().map(|overlap| OverlapView::new(overlap, zone)).collect();
    Ok(Json(Page { at: At(now, zone), total: passing.len(), windows, overlaps, next }).into_response())
}

/// Announces planned work: the body is the work's own fields, `actor`, and `way` where it was not said here.
pub(super) async fn add(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    command(&api, &headers, signed(body)?, [("action", "window".to_owned())]).await
}

/// Approves or cancels planned work.
pub(super) async fn act(
    State(api): State<Arc<Api>>,
    Path((window, action)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Response, Problem> {
    let action = match action.as_str() {
        "approve" => "approve_window",
        "cancel" => "cancel_window",
        _ => return Err(Problem::NotFound),
    };
    command(&api, &headers, signed(body)?, [("action", action.to_owned()), ("window", window)]).await
}
