//! `/wall/acknowledge`: the one thing that is done at a wall, by an officer who shows a PIN.
//!
//! Whatever session shows the wall, it stays read-only: a PIN is good for one command, in that officer's own name.

use axum::{
    Extension, Json,
    body::Bytes,
    http::{HeaderValue, StatusCode},
};
use serde::Deserialize;
use serde_json::Map;

use super::{Frame, Opened, forms::Sent};
use crate::{
    api::{
        guard::{Peer, USER},
        incidents::{obey, signed},
        problem::Problem,
    },
    text::{DoorText, Message, PageText},
};

/// By which way it was said.
const WAY: &str = "wall";

#[derive(Deserialize, Default)]
#[serde(default)]
struct Shown {
    name: String,
    pin: String,
    incident: String,
}

/// Answers in words of the wall's language: what was done, or why not.
pub(in crate::api) async fn acknowledge(
    peer: Option<Extension<Peer>>,
    opened: Opened<()>,
    body: Bytes,
) -> (StatusCode, String) {
    let frame = opened.frame;
    let Shown { name, pin, incident } = serde_urlencoded::from_bytes(&body).unwrap_or_default();
    let (api, mut headers, key) = (opened.api, opened.headers, Sent::read(&body).key);
    let taken = async {
        let web = api.web.load().web();
        api.users.officer(web.as_ref(), &name, &pin, Peer::address(peer.as_deref())).await?;
        headers.insert(USER, HeaderValue::from_bytes(name.as_bytes()).map_err(|_| Problem::NoPassword)?);
        let fields = [("action", "acknowledge"), ("actor", &name), ("way", WAY), ("incident", &incident)];
        let fields: Map<_, _> = fields.map(|(key, value)| (key.to_owned(), value.into())).into_iter().collect();
        obey(&api, &headers, signed(Ok(Json(fields)))?, format!("{WAY}-{key}-acknowledge")).await
    };
    match taken.await {
        Ok(_) => (StatusCode::OK, frame.say(Message::Done)),
        Err(Problem::NoPassword) => (StatusCode::FORBIDDEN, door(&frame, DoorText::WrongPin)),
        Err(Problem::TooManyTries) => (StatusCode::TOO_MANY_REQUESTS, door(&frame, DoorText::TooManyPins)),
        Err(problem) => (problem.status(), frame.refusal(&problem)),
    }
}

fn door(frame: &Frame, text: DoorText) -> String {
    frame.page(PageText::Door(text))
}
