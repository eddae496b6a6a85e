//! `/api/v1/events`: what changed on the wall, once a second, as server-sent events.
//!
//! The first event says everything, later ones only what differs from the one before: a quiet second is a hundred bytes.
//! So many may listen and no more; who is refused is counted and told to come again.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{Extension, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use prometheus::{IntCounter, IntGauge, Registry};
use serde_json::{Map, Value, json};
use tokio::time::{Duration, Interval, MissedTickBehavior, interval};

use super::{
    Api,
    page::{Board, Look, Wanted},
    paging::Lenient,
    problem::Problem,
    users::Admitted,
};

/// Walls, desks and spares of one centre; each holds a connection of the 256.
pub(super) const LISTENERS: i64 = 32;
/// The snapshot is new once a second while somebody listens.
const PACE: Duration = Duration::from_secs(1);
/// After a restart a browser asks again so soon; in milliseconds, as the protocol wants it.
const RETRY: &str = "retry: 2000\n\n";

/// How many listen, and how many were refused.
#[derive(Clone)]
pub(super) struct Listeners {
    open: IntGauge,
    refused: IntCounter,
}

impl Listeners {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let listeners = Self {
            open: IntGauge::new("linkpatrol_http_event_streams", "Walls that listen to events.")?,
            refused: IntCounter::new(
                "linkpatrol_http_event_streams_refused_total",
                "Walls refused because too many were listening.",
            )?,
        };
        registry.register(Box::new(listeners.open.clone()))?;
        registry.register(Box::new(listeners.refused.clone()))?;
        Ok(listeners)
    }

    /// A place for one more, until the value goes.
    fn place(&self) -> Option<Place> {
        self.open.inc();
        let place = Place(self.open.clone());
        if self.open.get() > LISTENERS {
            self.refused.inc();
            return None;
        }
        Some(place)
    }
}

struct Place(IntGauge);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.dec();
    }
}

pub(super) async fn stream(
    State(api): State<Arc<Api>>,
    admitted: Option<Extension<Admitted>>,
    Lenient(wanted): Lenient<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let place = api.listeners.place().ok_or(Problem::TooManyListeners)?;
    let mut pace = interval(PACE);
    // Whoever reads slowly gets the newest, not all that it missed.
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let look = Look::new(&api, &wanted, &headers);
    let admitted = admitted.map(|Extension(admitted)| admitted);
    let wall = Wall { api, look, sent: Sent::default(), pace, admitted, _place: place };
    let events = stream::unfold(wall, async |mut wall| {
        wall.pace.tick().await;
        if !wall.may_listen() {
            return None;
        }
        wall.api.feed.fresh(wall.api.clock.now().mono).await;
        let event = wall.next();
        Some((Ok::<_, Infallible>(Bytes::from(event)), wall))
    });
    let head = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((head, Body::from_stream(events)).into_response())
}

/// One who listens.
struct Wall {
    api: Arc<Api>,
    look: Look,
    sent: Sent,
    pace: Interval,
    /// On whose word.
    admitted: Option<Admitted>,
    _place: Place,
}

impl Wall {
    /// Whoever was withdrawn, or has logged out, hears no more.
    fn may_listen(&self) -> bool {
        let (web, now) = (self.api.web.load().web(), self.api.clock.now().mono);
        self.admitted.as_ref().is_some_and(|admitted| self.api.users.still(web.as_ref(), admitted, now))
    }

    fn next(&mut self) -> String {
        let retry = if self.sent.cells.is_empty() { RETRY } else { "" };
        let board = Board::new(&self.api, &self.api.feed.load(), self.look);
        format!("{retry}data: {}\n\n", self.sent.delta(board))
    }
}

/// What a listener already has.
#[derive(Default)]
struct Sent {
    cells: Vec<u8>,
    fields: BTreeMap<&'static str, Value>,
}

impl Sent {
    fn delta(&mut self, board: Board) -> Value {
        let mut event = Map::new();
        event.insert("at".into(), board.at.into());
        event.insert("age".into(), board.age.into());
        if board.cells.len() != self.cells.len() {
            event.insert("cells".into(), String::from_utf8_lossy(&board.cells).into());
        } else {
            let pairs = board.cells.iter().zip(&self.cells).enumerate();
            let turned: Vec<Value> = pairs
                .filter(|(_, (now, before))| now != before)
                .map(|(place, (now, _))| json!([place, char::from(*now).to_string()]))
                .collect();
            if !turned.is_empty() {
                event.insert("turned".into(), turned.into());
            }
        }
        self.cells = board.cells;
        for (name, value) in board.fields {
            if self.fields.get(name) != Some(&value) {
                event.insert(name.into(), value.clone());
                self.fields.insert(name, value);
            }
        }
        event.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(cells: &str, open: u64) -> Board {
        Board { at: 5, age: 7, cells: cells.into(), fields: vec![("open", open.into()), ("total", 3.into())] }
    }

    #[test]
    fn only_what_differs_is_said_again() {
        let mut sent = Sent::default();
        let first = sent.delta(board("uuu", 0));
        assert_eq!(first, json!({"at": 5, "age": 7, "cells": "uuu", "open": 0, "total": 3}));
        assert_eq!(sent.delta(board("uuu", 0)), json!({"at": 5, "age": 7}));
        assert_eq!(sent.delta(board("uxu", 1)), json!({"at": 5, "age": 7, "turned": [[1, "x"]], "open": 1}));
        // After a reload with another link nothing of the old cells holds.
        assert_eq!(sent.delta(board("uxuu", 1)), json!({"at": 5, "age": 7, "cells": "uxuu"}));
    }

    #[test]
    fn so_many_may_listen_and_no_more() {
        let listeners = Listeners::new(&Registry::new()).unwrap();
        let mut places: Vec<_> = (0..LISTENERS).map(|_| listeners.place().unwrap()).collect();
        assert!(listeners.place().is_none());
        assert_eq!((listeners.open.get(), listeners.refused.get()), (LISTENERS, 1));
        places.pop();
        assert!(listeners.place().is_some());
    }
}
