//! The start page and one page per link: plain HTML from the server, readable at three in the morning.
//!
//! No script, no font and no picture from elsewhere. The browser asks again every few seconds; when the figures are
//! old, the page says so before it says anything else.

mod link;
mod start;
mod wall;

use askama::Template;
use axum::{
    http::{HeaderMap, header},
    response::{Html, IntoResponse, Response},
};
use chrono_tz::Tz;

pub(super) use self::{
    link::link,
    start::start,
    wall::{Board, Look, Wanted, script, style, wall},
};
use super::Api;
use crate::{
    judge::{LinkState, Unknown},
    snapshot::Snapshot,
    text::{Language, Message, PageText},
    units::{Now, Ppm, Timestamp},
};

/// Figures older than this are not the present.
const STALE: u64 = 10;
/// Style stands in the page itself; nothing else is loaded, framed or sent elsewhere.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// What every page shows above its own matter.
struct Frame {
    language: Language,
    now: Now,
    zone: Tz,
    title: String,
    simulated: bool,
    keeps_incidents: bool,
    /// Of this page.
    time: String,
    /// What to say of figures that are stale.
    stale: Option<String>,
    reasons: Vec<&'static str>,
}

impl Frame {
    fn new(api: &Api, snapshot: &Snapshot, asked: Option<&str>, headers: &HeaderMap) -> Self {
        Self::speaking(api, snapshot, language(asked, headers).unwrap_or(api.language))
    }

    fn speaking(api: &Api, snapshot: &Snapshot, language: Language) -> Self {
        let (now, zone) = (api.clock.now(), snapshot.contract.time_zone);
        let age = now.mono.since(snapshot.at.mono).as_secs();
        Self {
            language,
            now,
            zone,
            time: moment(now.utc, zone),
            title: snapshot.contract.name.clone(),
            simulated: snapshot.simulated,
            keeps_incidents: snapshot.keeps_incidents,
            stale: (age > STALE).then(|| Message::StaleBanner(age).say(language).to_string()),
            reasons: snapshot.ready.reasons.clone(),
        }
    }

    fn say(&self, message: Message) -> String {
        message.say(self.language).to_string()
    }

    fn page(&self, text: PageText) -> String {
        self.say(Message::Page(text))
    }

    /// As `<html lang>` and `?lang=` have it.
    fn lang(&self) -> &'static str {
        match self.language {
            Language::ZhCn => "zh-CN",
            Language::En => "en",
        }
    }

    fn state(&self, state: LinkState) -> String {
        self.say(match state {
            LinkState::Up => Message::StateUp,
            LinkState::Degraded => Message::StateDegraded,
            LinkState::Down => Message::StateDown,
            LinkState::Unknown(Unknown::NeverVerified) => Message::NeverVerified,
            LinkState::Unknown(Unknown::NotMeasured) => Message::NotMeasured,
            LinkState::Unknown(Unknown::NotMeasurable) => Message::CannotBeMeasured,
            LinkState::Maintenance => Message::StateMaintenance,
            LinkState::Suspended => Message::StateSuspended,
            LinkState::Absent => Message::StateAbsent,
        })
    }

    /// What is counted together: why a state is unknown does not matter there.
    fn counter(&self, state: LinkState) -> String {
        match state {
            LinkState::Unknown(_) => self.say(Message::StateUnknown),
            other => self.state(other),
        }
    }

    fn clock(&self, at: Timestamp) -> String {
        moment(at, self.zone)
    }

    /// How long ago.
    fn since(&self, at: Timestamp) -> String {
        spell(self.now.utc.since(at).as_secs())
    }
}

/// `11-22 01:02:03`.
fn moment(at: Timestamp, zone: Tz) -> String {
    let time = chrono::DateTime::from_timestamp_millis(at.0).unwrap_or_default();
    time.with_timezone(&zone).format("%m-%d %H:%M:%S").to_string()
}

/// `h:mm:ss`: the same in every language, and it lines up.
fn spell(seconds: u64) -> String {
    format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// A share in percent, truncated; a dash without evidence.
fn percent((part, whole): (u64, u64)) -> String {
    let ppm = u128::from(part) * 1_000_000 / u128::from(whole.max(1));
    if whole == 0 { "–".into() } else { Ppm(u32::try_from(ppm).unwrap_or(u32::MAX)).to_string() }
}

/// What the address asks for, else the first language of the browser that we speak.
fn language(asked: Option<&str>, headers: &HeaderMap) -> Option<Language> {
    let speaks = |tag: &str| match tag.trim().split(['-', ';']).next()? {
        "zh" => Some(Language::ZhCn),
        "en" => Some(Language::En),
        _ => None,
    };
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    asked.and_then(speaks).or_else(|| accepted.split(',').find_map(speaks))
}

fn show(page: &impl Template) -> Response {
    show_with(page, POLICY)
}

fn show_with(page: &impl Template, policy: &'static str) -> Response {
    match page.render() {
        Ok(html) => ([(header::CONTENT_SECURITY_POLICY, policy), (header::CACHE_CONTROL, "no-store")], Html(html))
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot render a page");
            axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
