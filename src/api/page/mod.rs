//! The pages of the desk: plain HTML from the server, readable at three in the morning.
//!
//! No font, picture or script from elsewhere, and none that a page needs: `desk.js` lets clocks run. The browser asks again
//! every few seconds, unless a form is being filled in; when the figures are old, the page says so before anything else.

mod answer;
mod contract;
mod down;
mod field;
mod forms;
mod handover;
mod incidents;
mod link;
mod links;
mod login;
mod notices;
mod papers;
mod pinned;
mod plot;
mod said;
mod service;
mod services;
mod sheet;
mod start;
mod topology;
mod wall;
mod works;

use std::{convert::Infallible, sync::Arc};

use askama::Template;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
    response::{Html, IntoResponse, Response},
};
use chrono_tz::Tz;
use serde::{Deserialize, de::DeserializeOwned};

pub(super) use self::{
    answer::{answer, submit},
    contract::{contract, settings},
    down::{down, reveal},
    handover::{handover, report, sign, submit_report},
    incidents::{act, incident, incidents},
    link::link,
    links::links,
    login::{log_in, log_out, login, session_ended},
    notices::{notice, notices, reveal_notice, turn_door},
    papers::{draft_paper, judge_paper, paper, papers},
    pinned::acknowledge,
    service::service,
    services::{certificates, services},
    start::start,
    topology::topology,
    wall::{Board, Look, Wanted, wall},
    works::{plan, works},
};
use self::{
    field::Refused,
    forms::{Sent, nonce},
    sheet::Cell,
};
use super::{
    Api,
    guard::{TOKEN, USER},
    paging::Lenient,
    problem::Problem,
    users::Admitted,
};
use crate::{
    command::Standing,
    incident::IncidentPhase,
    inventory::Priority,
    judge::{LinkState, Unknown},
    snapshot::Snapshot,
    text::{Language, Message, NoticesText, PageText, SheetText, WebText},
    units::{Now, Timestamp},
};

/// Figures older than this are not the present.
const STALE: u64 = 10;
/// Style and script are files of ours; nothing else is loaded, framed or sent elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";
/// Of pages that stand alone, before or without a log-in: style stands in the page itself.
const ALONE: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// Where the menu leads.
const PLACES: [(&str, PageText); 14] = [
    ("/", PageText::Sheet(SheetText::Overview)),
    ("/links", PageText::Sheet(SheetText::Links)),
    ("/incidents", PageText::Sheet(SheetText::Incidents)),
    ("/down", PageText::Sheet(SheetText::WhatIsDown)),
    ("/topology", PageText::Sheet(SheetText::Topology)),
    ("/services", PageText::Sheet(SheetText::Services)),
    ("/certificates", PageText::Sheet(SheetText::Certificates)),
    ("/maintenance", PageText::Sheet(SheetText::Maintenance)),
    ("/notices", PageText::Notices(NoticesText::Notices)),
    ("/breaches", PageText::Notices(NoticesText::Papers)),
    ("/handover", PageText::Sheet(SheetText::Handover)),
    ("/report", PageText::Sheet(SheetText::ReportFault)),
    ("/contract", PageText::Sheet(SheetText::Contract)),
    ("/settings", PageText::Sheet(SheetText::Settings)),
];

/// What every page of the desk opens with. `T`: what its own address may ask for.
pub(super) struct Opened<T> {
    api: Arc<Api>,
    /// The picture that the frame speaks of.
    snapshot: Arc<Snapshot>,
    frame: Frame,
    asked: T,
    headers: HeaderMap,
}

/// What every address may ask for.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Common {
    lang: Option<String>,
    /// `done`: what was sent to this page before.
    said: String,
}

impl<T: DeserializeOwned + Default + Send> FromRequestParts<Arc<Api>> for Opened<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Infallible> {
        let Lenient(asked) = Lenient::from_request_parts(parts, api).await?;
        let Lenient(Common { lang, said }) = Lenient::from_request_parts(parts, api).await?;
        let (headers, snapshot) = (parts.headers.clone(), api.feed.load());
        let frame = Frame::new(api, &snapshot, lang.as_deref(), &headers).saying(&said);
        let nameless = parts.extensions.get::<Admitted>().is_some_and(Admitted::is_anonymous);
        let frame = Frame { nameless, ..frame };
        Ok(Self { api: Arc::clone(api), snapshot, frame, asked, headers })
    }
}

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
    /// Who has logged in with a browser, and the token of the session for every form.
    user: Option<String>,
    token: Option<String>,
    /// Who reads has no name, and hears none.
    nameless: bool,
    /// Of every form of the page, so that a second press is the same command.
    key: String,
    /// What became of the form that was sent: how it looks, and words.
    said: Option<(&'static str, String)>,
    /// The form that was refused.
    refused: Option<Refused>,
    /// Place of the menu that the page belongs to.
    here: &'static str,
    /// Seconds after which the page asks for itself again; 0: never.
    refresh: u32,
    /// It has forms: it asks only while nobody fills one in.
    forms: bool,
}

impl Frame {
    fn new(api: &Api, snapshot: &Snapshot, asked: Option<&str>, headers: &HeaderMap) -> Self {
        let said =
            |name| headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok()).map(str::to_owned);
        let frame = Self::speaking(api, snapshot, language(asked, headers).unwrap_or(api.language));
        Self { user: said(USER), token: said(TOKEN), ..frame }
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
            user: None,
            token: None,
            nameless: false,
            key: nonce(),
            said: None,
            refused: None,
            here: "",
            refresh: 10,
            forms: false,
        }
    }

    /// Belongs to this place of the menu.
    fn at(self, here: &'static str) -> Self {
        Self { here, ..self }
    }

    fn with_forms(self) -> Self {
        Self { forms: true, ..self }
    }

    /// Says that what was sent is done, when its address says so.
    fn saying(self, said: &str) -> Self {
        let said = (said == "done").then(|| ("note", self.say(Message::Done)));
        Self { said, ..self }
    }

    /// Says why what was sent is not done, and keeps it in the fields.
    fn refusing(self, problem: &Problem, sent: Sent) -> Self {
        let words = self.refusal(problem);
        // Where it may have been done after all, the next press is the same command.
        let key = if matches!(problem, Problem::NoAnswer) { sent.key.clone() } else { self.key };
        Self { said: Some(("warning", words)), refused: Some(Refused::new(sent, problem)), key, ..self }
    }

    /// Why something was not done.
    fn refusal(&self, problem: &Problem) -> String {
        let (code, title) = problem.words();
        let words = self.say(Message::CommandRefused { code: code.to_owned(), title: title.to_owned() });
        let parts = if self.language == Language::ZhCn { "：" } else { ": " };
        match problem.detail() {
            Some(detail) => format!("{words}{parts}{}", self.say(Message::Web(WebText::Refused(detail)))),
            None => words,
        }
    }

    /// A clock as the contract calls it, and whose.
    fn clock_name(&self, clock: &str, party: &str) -> String {
        self.say(Message::ClockName { clock: clock.to_owned(), party: party.to_owned() })
    }

    fn civil(&self, at: Timestamp) -> chrono::DateTime<Tz> {
        chrono::DateTime::from_timestamp_millis(at.0).unwrap_or_default().with_timezone(&self.zone)
    }

    /// `2026-11-22`.
    fn day(&self, at: Timestamp) -> String {
        self.civil(at).format("%Y-%m-%d").to_string()
    }

    /// A dash when nobody knows.
    fn maybe(&self, at: Option<Timestamp>) -> String {
        at.map_or("–".to_owned(), |at| self.clock(at))
    }

    /// Whether planned work counts as such; why not.
    fn standing(&self, standing: Standing) -> Cell {
        let (text, class) = match standing {
            Standing::Valid => (SheetText::WorkValid, "up"),
            Standing::Late { .. } => (SheetText::WorkLate, "degraded"),
            Standing::Unapproved => (SheetText::WorkUnapproved, "degraded"),
            Standing::Guarded => (SheetText::WorkGuarded, "degraded"),
            Standing::AfterStart => (SheetText::WorkAfterStart, "degraded"),
            Standing::Cancelled => (SheetText::WorkCancelled, "suspended"),
        };
        Cell::state(self.sheet(text), class)
    }

    fn priority(&self, priority: Priority) -> String {
        self.sheet(match priority {
            Priority::Lifeline => SheetText::Lifeline,
            Priority::Important => SheetText::Important,
            Priority::Normal => SheetText::Normal,
        })
    }

    fn phase(&self, phase: IncidentPhase) -> String {
        self.sheet(match phase {
            IncidentPhase::Open => SheetText::PhaseOpen,
            IncidentPhase::Restored => SheetText::PhaseRestored,
            IncidentPhase::Closed => SheetText::PhaseClosed,
        })
    }

    /// Address, name, and whether it is where we are.
    fn places(&self) -> Vec<(&'static str, String, bool)> {
        PLACES.map(|(href, text)| (href, self.page(text), href == self.here)).into()
    }

    fn say(&self, message: Message) -> String {
        message.say(self.language).to_string()
    }

    fn sheet(&self, text: SheetText) -> String {
        self.page(PageText::Sheet(text))
    }

    fn notices(&self, text: NoticesText) -> String {
        self.page(PageText::Notices(text))
    }

    fn page(&self, text: PageText) -> String {
        self.say(Message::Page(text))
    }

    /// As `<html lang>` and `?lang=` have it.
    fn lang(&self) -> &'static str {
        self.language.as_str()
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

/// A share in percent, truncated, always to four places, so that columns line up; a dash without evidence.
fn percent((part, whole): (u64, u64)) -> String {
    let ppm = u128::from(part) * 1_000_000 / u128::from(whole.max(1));
    if whole == 0 { "–".into() } else { format!("{}.{:04} %", ppm / 10_000, ppm % 10_000) }
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

/// Style and scripts of the pages, each under its own name. Asked for again each time: a page after an upgrade must not run
/// the old script.
pub(super) const FILES: [(&str, &str, &str); 4] = [
    ("/desk.css", "text/css; charset=utf-8", include_str!("desk.css")),
    ("/desk.js", "text/javascript; charset=utf-8", include_str!("desk.js")),
    ("/wall.css", "text/css; charset=utf-8", include_str!("wall.css")),
    ("/wall.js", "text/javascript; charset=utf-8", include_str!("wall.js")),
];

fn show(page: &impl Template) -> Response {
    show_with(page, POLICY)
}

fn show_alone(page: &impl Template) -> Response {
    show_with(page, ALONE)
}

fn show_with(page: &impl Template, policy: &'static str) -> Response {
    match page.render() {
        Ok(html) => (
            [
                (header::CONTENT_SECURITY_POLICY, policy),
                (header::CACHE_CONTROL, "no-store"),
                // With `no-referrer` a browser hides where a form of ours came from, and the guard asks for that.
                (header::REFERRER_POLICY, "same-origin"),
            ],
            Html(html),
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot render a page");
            axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
