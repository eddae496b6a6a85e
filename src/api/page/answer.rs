//! `/a/{pass}`: the page of one party about one incident, from a signed link. No log-in, no script, made for a cheap phone.
//!
//! It shows the party's own circuits and its own words, and nothing of others but their number. Looking changes nothing;
//! what is sent needs the pass of the form that was shown, whose nonce makes a second press the same command.

use askama::Template;
use axum::{
    body::Bytes,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{Frame, Opened, show_alone, spell};
use crate::{
    api::{Api, problem::Problem},
    command::{Action, Command, Refusal, Reply, Step},
    incident::{self, Incident, IncidentPhase, TimelineEntry},
    inventory::Link,
    judge::LinkState,
    notify::pass::{self, Pass, Passes, Purpose, Refused},
    snapshot::{LinkView, Snapshot},
    text::{Bulletin, Message, PageText, PhoneText},
    units::Timestamp,
};

/// Circuits that one page lists; the answer holds for all of them. Keeps it under 30 KB.
const ROWS: usize = 60;
/// Circuits named in the text for a group chat.
const NAMED: usize = 40;
/// Own entries shown, the newest first.
const ENTRIES: usize = 12;
/// What may be promised, in minutes.
const ETAS: [u32; 7] = [30, 60, 120, 240, 480, 720, 1440];
/// By which way it was said.
const WAY: &str = "page";

#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::api) struct Asked {
    said: String,
}

#[derive(Template)]
#[template(path = "answer.html")]
struct Page {
    frame: Frame,
    said: Option<String>,
    incident: String,
    level: String,
    phase: String,
    class: &'static str,
    began: String,
    lasts: String,
    /// Clock, acknowledgement and promise of the party.
    standing: Vec<String>,
    testing: bool,
    retest: Option<String>,
    rows: Vec<Row>,
    total: usize,
    counts: Vec<String>,
    /// Where an answer may be about some of them only.
    tick_hint: Option<String>,
    /// Of the form; `None`: nothing can be sent any more.
    form: Option<String>,
    acknowledged: bool,
    person: String,
    etas: Vec<(u32, String)>,
    record: Vec<String>,
    bulletin: String,
}

struct Row {
    id: String,
    cid: String,
    ends: String,
    class: &'static str,
    state: String,
    since: String,
}

#[derive(Template)]
#[template(path = "closed.html")]
struct Closed {
    frame: Frame,
    title: String,
    words: String,
}

impl Page {
    fn say(&self, text: PhoneText) -> String {
        say(&self.frame, text)
    }
}

fn say(frame: &Frame, text: PhoneText) -> String {
    frame.page(PageText::Phone(text))
}

pub(in crate::api) async fn answer(
    Path(text): Path<String>,
    Opened { api, snapshot, frame, asked, .. }: Opened<Asked>,
) -> Response {
    let opened = api.passes.as_ref().ok_or(Refused::Forged).and_then(|passes| {
        let pass = passes.read(&text, Purpose::Show, frame.now.utc)?;
        Ok((passes, pass))
    });
    let (passes, pass) = match opened {
        Ok(opened) => opened,
        Err(Refused::Expired) => return closed(frame, PhoneText::Expired, StatusCode::GONE),
        Err(Refused::Forged) => return closed(frame, PhoneText::Forged, StatusCode::NOT_FOUND),
    };
    match spoken_of(&snapshot, &pass.incident) {
        Some(incident) => show_alone(&Page::new(frame, &snapshot, passes, &pass, incident, &asked.said)),
        None => closed(frame, PhoneText::Gone, StatusCode::GONE),
    }
}

fn closed(frame: Frame, words: PhoneText, status: StatusCode) -> Response {
    let (title, words) = (say(&frame, PhoneText::Title), say(&frame, words));
    (status, show_alone(&Closed { frame, title, words })).into_response()
}

/// The incident with this id, or the one that took it in.
fn spoken_of<'a>(snapshot: &'a Snapshot, id: &str) -> Option<&'a Incident> {
    let find = |id: &str| snapshot.incidents.iter().find(|incident| incident.id == id).map(|incident| &**incident);
    let mut incident = find(id)?;
    // A chain of merges is as long as there are incidents, and no longer.
    for _ in 0..snapshot.incidents.len() {
        match incident.merged_into.as_deref().and_then(find) {
            Some(whole) => incident = whole,
            None => break,
        }
    }
    Some(incident)
}

impl Page {
    fn new(frame: Frame, snapshot: &Snapshot, passes: &Passes, pass: &Pass, incident: &Incident, said: &str) -> Self {
        let party = pass.party.as_str();
        let inventory = &*snapshot.inventory;
        let is_member = |link: &Link| incident.links.binary_search_by(|(id, _)| id.cmp(&link.id)).is_ok();
        let own: Vec<(&Link, &LinkView)> = inventory
            .links
            .iter()
            .zip(snapshot.links())
            .filter(|(link, _)| incident::is_of(party, link, inventory) && is_member(link))
            .collect();
        let is_down = |view: &LinkView| view.state == LinkState::Down;
        let down = own.iter().filter(|(_, view)| is_down(view)).count();
        let entries: Vec<&TimelineEntry> = incident.timeline.iter().filter(|entry| entry.party == party).collect();
        let (testing, retest) = retest(&frame, &entries, own.len() - down, own.len());
        let open = incident.phase != IncidentPhase::Closed;
        let form = open.then(|| {
            passes.sign(&Pass {
                purpose: Purpose::Submit,
                expires: frame.now.utc.plus(pass::FORM_LIFETIME),
                nonce: rand::random(),
                ..pass.clone()
            })
        });
        let others = incident.links.len().saturating_sub(own.len());
        let more = own.len().saturating_sub(ROWS);
        let mut counts = vec![];
        counts.extend((more > 0).then(|| say(&frame, PhoneText::MoreCircuits { more })));
        counts.extend((others > 0).then(|| say(&frame, PhoneText::OtherCircuits { others })));
        let spoke = |entry: &&&TimelineEntry| entry.way == WAY;
        let phase = incident.phase.as_str();
        Self {
            said: (!said.is_empty()).then(|| say(&frame, PhoneText::Said(known(said)))),
            incident: incident.id.clone(),
            level: frame.say(Message::Tier(incident.tier)),
            phase: say(&frame, PhoneText::Phase { phase }),
            class: if incident.phase == IncidentPhase::Open { "down" } else { "up" },
            began: frame.clock(incident.began),
            lasts: match incident.restored {
                Some(restored) => spell(restored.since(incident.began).as_secs()),
                None => frame.since(incident.began),
            },
            standing: standing(&frame, incident, party),
            testing,
            retest,
            // What is down stands first.
            rows: {
                let mut sorted = own.clone();
                sorted.sort_by_key(|(_, view)| !is_down(view));
                sorted.into_iter().take(ROWS).map(|(link, view)| Row::new(&frame, link, view)).collect()
            },
            total: own.len(),
            counts,
            tick_hint: (open && own.len() > 1).then(|| say(&frame, PhoneText::TickHint { circuits: own.len() })),
            form,
            acknowledged: incident.acknowledged_by(party).is_some(),
            person: entries.iter().rev().find(spoke).map(|entry| entry.actor.clone()).unwrap_or_default(),
            etas: ETAS.map(|minutes| (minutes, say(&frame, PhoneText::Within { minutes }))).into(),
            record: entries.iter().rev().take(ENTRIES).map(|entry| line(&frame, entry)).collect(),
            bulletin: bulletin(&frame, incident, party, &own, down),
            frame,
        }
    }
}

impl Row {
    fn new(frame: &Frame, link: &Link, view: &LinkView) -> Self {
        Self {
            id: link.id.to_string(),
            cid: link.cid.clone(),
            ends: format!("{} → {}", link.a_end, link.z_end),
            class: if view.state == LinkState::Down { "down" } else { "up" },
            state: frame.state(view.state),
            since: frame.clock(view.state_since),
        }
    }
}

/// How the party stands: its response clock, who took it on, what was promised.
fn standing(frame: &Frame, incident: &Incident, party: &str) -> Vec<String> {
    let mut lines = vec![];
    for clock in incident.clocks.iter().filter(|clock| clock.party == party && clock.clock == "response") {
        lines.push(match clock.stopped {
            Some(at) => PhoneText::ResponseStopped { at: frame.clock(at) },
            None => PhoneText::ResponseClock {
                deadline: frame.clock(clock.deadline),
                overdue: frame.now.utc > clock.deadline,
            },
        });
    }
    if let Some(by) = incident.acknowledged_by(party) {
        let (actor, at) = (by.actor.clone(), frame.clock(by.at));
        lines.push(PhoneText::AcknowledgedBy { actor, at, work_order: incident.work_order_of(party).to_owned() });
    }
    if let Some(promise) = incident.promises.iter().find(|promise| promise.party == party) {
        lines.push(PhoneText::PromisedBy { eta: frame.clock(promise.eta), due: promise.due.is_some() });
    }
    lines.dedup();
    lines.into_iter().map(|text| say(frame, text)).collect()
}

/// Whether a test runs that the party asked for, and what became of the last one.
fn retest(frame: &Frame, entries: &[&TimelineEntry], up: usize, circuits: usize) -> (bool, Option<String>) {
    let claimed = entries.iter().rposition(|entry| entry.is(Step::ClaimsRestored));
    let tested = entries.iter().rposition(|entry| entry.event == "retested");
    match (claimed, tested) {
        (Some(claimed), tested) if tested.is_none_or(|tested| tested < claimed) => {
            (true, Some(say(frame, PhoneText::Testing)))
        }
        (_, Some(tested)) => {
            let at = frame.clock(entries[tested].at);
            (false, Some(say(frame, PhoneText::Tested { at, up, circuits })))
        }
        _ => (false, None),
    }
}

fn line(frame: &Frame, entry: &TimelineEntry) -> String {
    let event = frame.page(PageText::Event(entry.event.clone()));
    let eta = entry.eta.map(|eta| format!("→ {}", frame.clock(eta))).unwrap_or_default();
    let parts = [frame.clock(entry.at), event, eta, entry.actor.clone(), entry.work_order.clone(), entry.note.clone()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn bulletin(frame: &Frame, incident: &Incident, party: &str, own: &[(&Link, &LinkView)], down: usize) -> String {
    let promise = incident.promises.iter().find(|promise| promise.party == party);
    let facts = Bulletin {
        simulated: frame.simulated,
        contract: frame.title.clone(),
        incident: incident.id.clone(),
        began: frame.clock(incident.began),
        circuits: own.iter().take(NAMED).map(|(link, _)| link.cid.clone()).collect(),
        more: own.len().saturating_sub(NAMED),
        down,
        up: own.len() - down,
        person: incident.acknowledged_by(party).map(|by| by.actor.clone()).unwrap_or_default(),
        work_order: incident.work_order_of(party).to_owned(),
        eta: promise.map(|promise| frame.clock(promise.eta)).unwrap_or_default(),
        now: frame.time.clone(),
    };
    say(frame, PhoneText::BulletinText(Box::new(facts)))
}

/// What was sent.
#[derive(Default)]
struct Form {
    form: String,
    wish: String,
    person: String,
    work_order: String,
    eta: String,
    cause: String,
    reason: String,
    withdrawn: String,
    links: Vec<String>,
}

impl Form {
    fn read(body: &[u8]) -> Self {
        let mut form = Self::default();
        let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(body).unwrap_or_default();
        for (name, value) in fields {
            match name.as_str() {
                "form" => form.form = value,
                "do" => form.wish = value,
                "person" => form.person = value,
                "work_order" => form.work_order = value,
                "eta" => form.eta = value,
                "cause" => form.cause = value,
                "reason" => form.reason = value,
                "withdrawn" => form.withdrawn = value,
                "link" => form.links.push(value),
                _ => {}
            }
        }
        form
    }

    /// By when, from a choice of minutes; `None`: nothing was chosen.
    fn eta(&self, now: Timestamp) -> Option<Timestamp> {
        let minutes = self.eta.parse::<u32>().ok().filter(|minutes| ETAS.contains(minutes))?;
        Some(now.plus(std::time::Duration::from_secs(u64::from(minutes) * 60)))
    }

    /// The commands that it stands for, in order. Empty: it asks for nothing.
    fn actions(self, pass: &Pass, now: Timestamp) -> Vec<Action> {
        let (incident, party) = (pass.incident.clone(), pass.party.clone());
        let eta = self.eta(now);
        let (wish, links) = (self.wish, self.links);
        let record = |step, eta, note: String| Action::Record {
            incident: incident.clone(),
            step,
            party: party.clone(),
            at: None,
            eta,
            note,
            links: links.clone(),
        };
        let has_cause = !self.cause.trim().is_empty();
        let diagnosed = |cause: String| has_cause.then(|| record(Step::Diagnosed, None, cause));
        match wish.as_str() {
            "acknowledge" => {
                let (note, work_order) = (String::new(), self.work_order);
                let taken =
                    Action::Acknowledge { incident: incident.clone(), party: party.clone(), note, work_order, eta };
                std::iter::once(taken).chain(diagnosed(self.cause)).collect()
            }
            "update" => {
                let promised = eta.is_some().then(|| record(Step::Promised, eta, String::new()));
                promised.into_iter().chain(diagnosed(self.cause)).collect()
            }
            "dispute" => vec![record(Step::Disputed, None, self.reason)],
            "claim" => vec![record(Step::ClaimsRestored, None, String::new())],
            "withdraw" => vec![Action::Withdraw { incident, party, note: self.withdrawn }],
            _ => vec![],
        }
    }
}

pub(in crate::api) async fn submit(
    Path(text): Path<String>,
    Opened { api, frame, .. }: Opened<Asked>,
    body: Bytes,
) -> Response {
    let now = api.clock.now().utc;
    let form = Form::read(&body);
    let Some(passes) = &api.passes else { return Problem::NotFound.into_response() };
    let shown = match passes.read(&text, Purpose::Show, now) {
        Ok(pass) => pass,
        Err(Refused::Expired) => return closed(frame, PhoneText::Expired, StatusCode::GONE),
        Err(Refused::Forged) => return closed(frame, PhoneText::Forged, StatusCode::NOT_FOUND),
    };
    let sent = passes.read(&form.form, Purpose::Submit, now);
    let code = match sent {
        Ok(pass) if (&pass.party, &pass.incident) == (&shown.party, &shown.incident) => {
            carry_out(&api, &pass, form, now).await
        }
        _ => "stale_form",
    };
    let place = format!("/a/{text}?lang={}&said={code}#said", frame.lang());
    (StatusCode::SEE_OTHER, [(header::LOCATION, place), (header::CACHE_CONTROL, "no-store".to_owned())]).into_response()
}

/// Does what the form asks for; the code of what became of it.
async fn carry_out(api: &Api, pass: &Pass, form: Form, now: Timestamp) -> &'static str {
    let (actor, wish) = (form.person.trim().to_owned(), known(&form.wish));
    let actions = form.actions(pass, now);
    if actions.is_empty() {
        return "nothing_reported";
    }
    for (nth, action) in actions.into_iter().enumerate() {
        let key = format!("{WAY}-{:016x}-{wish}-{nth}", pass.nonce);
        let reply = api.commands.ask(Command { actor: actor.clone(), key, way: WAY.to_owned(), action }).await;
        match reply {
            Ok(Reply::Refused(refusal)) => return known(refused(refusal)),
            Ok(_) => {}
            Err(_) => return "again",
        }
    }
    wish
}

fn refused(refusal: Refusal) -> &'static str {
    Problem::Refused(refusal).code()
}

/// Codes that the page has words for; all others are one.
fn known(code: &str) -> &'static str {
    const CODES: [&str; 14] = [
        "acknowledge",
        "update",
        "dispute",
        "claim",
        "withdraw",
        "no_actor",
        "no_reason",
        "nothing_reported",
        "already_acknowledged",
        "not_acknowledged",
        "already_closed",
        "no_such_incident",
        "timeline_full",
        "stale_form",
    ];
    CODES.into_iter().find(|known| *known == code).unwrap_or("again")
}
