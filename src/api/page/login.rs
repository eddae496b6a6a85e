//! `/login`: name and password once, and a cookie from then on.

use std::{convert::Infallible, sync::Arc};

use askama::Template;
use axum::{
    body::Bytes,
    extract::{Extension, FromRequestParts, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{Frame, Opened, forms::Sent, show_alone};
use crate::{
    api::{
        Api,
        guard::{LOGOUT, Peer},
        problem::Problem,
        sessions::set_cookie,
    },
    text::{DoorText, Message, PageText},
};

#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::api) struct Asked {
    next: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Tried {
    name: String,
    password: String,
    next: String,
}

#[derive(Template)]
#[template(path = "login.html")]
struct Page {
    frame: Frame,
    title: String,
    name: String,
    password: String,
    next: String,
    /// The name that was tried.
    typed: String,
    words: Option<String>,
    /// What was typed into a form whose session had ended.
    lost: Vec<String>,
}

impl Page {
    fn new(frame: Frame, next: &str, tried: &str, words: Option<DoorText>) -> Self {
        let say = |text| frame.page(PageText::Door(text));
        let [title, name, password] = [DoorText::LogIn, DoorText::Name, DoorText::Password].map(say);
        Self {
            title,
            name,
            password,
            next: own_path(next).to_owned(),
            typed: tried.to_owned(),
            words: words.map(say),
            lost: vec![],
            frame,
        }
    }
}

pub(in crate::api) async fn login(Opened { frame, asked, .. }: Opened<Asked>) -> Response {
    show_alone(&Page::new(frame, &asked.next, "", None))
}

pub(in crate::api) async fn log_in(
    peer: Option<Extension<Peer>>,
    Opened { api, frame, .. }: Opened<Asked>,
    body: Bytes,
) -> Response {
    let sent: Tried = serde_urlencoded::from_bytes(&body).unwrap_or_default();
    let address = Peer::address(peer.as_deref());
    let web = api.web.load().web();
    let tried = api.users.log_in(web.as_ref(), &sent.name, &sent.password, address, frame.now.mono).await;
    let (status, words) = match tried {
        Ok(cookie) => {
            let place = own_path(&sent.next).to_owned();
            let headers = [(header::LOCATION, place), (header::SET_COOKIE, set_cookie(&cookie, is_https(&api)))];
            return (StatusCode::SEE_OTHER, headers, [(header::CACHE_CONTROL, "no-store")]).into_response();
        }
        Err(Problem::TooManyTries) => (StatusCode::TOO_MANY_REQUESTS, DoorText::TooManyTries),
        Err(_) => (StatusCode::UNAUTHORIZED, DoorText::WrongPassword),
    };
    (status, show_alone(&Page::new(frame, &sent.next, &sent.name, Some(words)))).into_response()
}

/// For a form whose session has ended: nothing is done, and what was typed is not lost.
pub(in crate::api) async fn session_ended(
    api: &Arc<Api>,
    mut head: Parts,
    body: &[u8],
) -> Result<Response, Infallible> {
    let Opened::<Asked> { frame, .. } = Opened::from_request_parts(&mut head, api).await?;
    let next = Some(head.uri.path()).filter(|path| *path != LOGOUT).unwrap_or("/");
    let lost = Sent::read(body).texts().map(str::to_owned).collect();
    let page = Page { lost, ..Page::new(frame, next, "", Some(DoorText::SessionEnded)) };
    Ok((StatusCode::UNAUTHORIZED, show_alone(&page)).into_response())
}

/// The guard has looked at the form's token.
pub(in crate::api) async fn log_out(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    api.users.sessions.close(&headers);
    let forget = set_cookie("", is_https(&api));
    (StatusCode::SEE_OTHER, [(header::LOCATION, "/login".to_owned()), (header::SET_COOKIE, forget)]).into_response()
}

fn is_https(api: &Api) -> bool {
    api.web.load().tls().is_some() || api.passes.as_ref().is_some_and(|passes| passes.is_https())
}

/// A path of ours, so that nobody is sent elsewhere after a log-in.
fn own_path(next: &str) -> &str {
    let is_own = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n']);
    if is_own && next.is_ascii() { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_in_leads_to_a_page_of_ours() {
        for (next, place) in [
            ("/links/LL-0001?lang=en", "/links/LL-0001?lang=en"),
            ("", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
        ] {
            assert_eq!(own_path(next), place);
        }
    }
}
