//! `/handover` and `/report`: what is open when the watch changes, signed by both; and a fault that somebody reports.

use askama::Template;
use axum::{
    body::Bytes,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    Frame, Opened,
    down::on_duty,
    forms::{Form, Sent, done},
    incidents::party,
    sheet::{Asked, Cell, Sheet, chosen},
    show,
};
use crate::{
    api::problem::Problem,
    command::Reply,
    duty::{Handover, roster::HIDDEN},
    snapshot::Snapshot,
    text::{DoorText, DutyText, Message, PageText, SheetText},
    units::Timestamp,
};

#[derive(Template)]
#[template(path = "handover.html")]
struct Page {
    frame: Frame,
    title: String,
    last: String,
    sheets: Vec<Sheet>,
}

pub(in crate::api) async fn handover(Opened { snapshot, frame, asked, .. }: Opened<Asked>) -> Response {
    note(frame, &snapshot, &asked)
}

pub(in crate::api) async fn sign(Opened { api, frame, asked, headers, .. }: Opened<Asked>, body: Bytes) -> Response {
    let sent = Sent::read(&body);
    let signed = match Form::read(&sent, &headers, frame.zone) {
        Ok(form) => form.carry_out(&api, &headers, "handover_signed").await,
        Err(problem) => Err(problem),
    };
    match signed {
        Ok(_) => done(&frame, "/handover"),
        Err(problem) => {
            (problem.status(), note(frame.refusing(&problem, sent), &api.feed.load(), &asked)).into_response()
        }
    }
}

fn note(frame: Frame, snapshot: &Snapshot, asked: &Asked) -> Response {
    let frame = frame.at("/handover").with_forms();
    let note = Handover::clone(&snapshot.handover).with_windows(&snapshot.windows, &snapshot.contract);
    let sheets = sheets(&frame, snapshot, &note);
    if let Some(sheet) = chosen(asked, &sheets) {
        return sheet.csv();
    }
    let last = snapshot.register.handed_over().map(|last| {
        let said = |name: &str| if frame.nameless { HIDDEN.to_owned() } else { name.to_owned() };
        let (actor, second, at) = (said(&last.actor), said(&last.second), frame.clock(last.at));
        frame.say(Message::Duty(DutyText::HandedOver { actor, second, at }))
    });
    show(&Page { title: frame.sheet(SheetText::Handover), last: last.unwrap_or_default(), sheets, frame })
}

fn sheets(frame: &Frame, snapshot: &Snapshot, note: &Handover) -> Vec<Sheet> {
    let inventory = &*snapshot.inventory;
    let sheet = |key, title: SheetText, labels: &[SheetText]| {
        Sheet::new(key, frame.sheet(title)).columns(labels.iter().map(|label| frame.sheet(*label)))
    };
    let incident = |id: &str| Cell::to(id, format!("/incidents/{id}?lang={}", frame.lang()));
    let due = |at: Timestamp, overdue: bool| match overdue {
        true => Cell::state(frame.clock(at), "down"),
        false => frame.clock(at).into(),
    };
    let scopes = |scopes: &[(String, String)]| {
        scopes.iter().map(|(kind, id)| format!("{kind}/{id}")).collect::<Vec<_>>().join("、")
    };
    let mut open = sheet(
        "incidents",
        SheetText::Incidents,
        &[
            SheetText::Incident,
            SheetText::Phase,
            SheetText::Scope,
            SheetText::BeganAt,
            SheetText::LinksDown,
            SheetText::AcknowledgedAlready,
        ],
    );
    for one in &note.incidents {
        let yes = if one.acknowledged { SheetText::Yes } else { SheetText::No };
        open.row([
            incident(&one.incident),
            frame.phase(one.phase).into(),
            scopes(std::slice::from_ref(&one.scope)).into(),
            frame.clock(one.began).into(),
            one.links_down.into(),
            frame.sheet(yes).into(),
        ]);
    }
    let labels = [SheetText::Deadline, SheetText::LeftNow, SheetText::Clock, SheetText::Incident, SheetText::Clause];
    let mut clocks = sheet("clocks", SheetText::Clocks, &labels);
    for one in &note.clocks {
        clocks.row([
            due(one.deadline, one.overdue),
            Cell { until: Some(one.deadline.0), ..Cell::from(frame.clock(one.deadline)) },
            frame.clock_name(&one.clock, &one.party).into(),
            incident(&one.incident),
            one.clause.as_str().into(),
        ]);
    }
    let mut promises =
        sheet("promises", SheetText::Promises, &[SheetText::Deadline, SheetText::For, SheetText::Incident]);
    for one in &note.promises {
        promises.row([due(one.eta, one.overdue), party(frame, &one.party, inventory).into(), incident(&one.incident)]);
    }
    let mut rounds = sheet("rounds", SheetText::Rounds, &[SheetText::Deadline, SheetText::Round, SheetText::Phase]);
    for one in &note.rounds {
        let status = one.status.as_str().to_owned();
        rounds.row([
            frame.clock(one.due).into(),
            one.round.as_str().into(),
            frame.say(Message::Duty(DutyText::Status { status })).into(),
        ]);
    }
    let labels = [SheetText::Until, SheetText::Work, SheetText::Scope, SheetText::Counts];
    let mut windows = sheet("windows", SheetText::WorkNow, &labels);
    for one in &note.windows {
        let counts = frame.standing(one.standing);
        windows.row([frame.clock(one.until).into(), one.window.as_str().into(), scopes(&one.scopes).into(), counts]);
    }
    let labels = [SheetText::Deadline, SheetText::Device, SheetText::Model, SheetText::BeganAt];
    let mut devices = sheet("devices", SheetText::DevicesOut, &labels);
    for one in &note.devices {
        let deadline = one.deadline.map_or_else(|| "–".into(), |at| due(at, one.overdue));
        devices.row([deadline, one.device.as_str().into(), one.model.as_str().into(), frame.clock(one.began).into()]);
    }
    let labels = [SheetText::When, SheetText::Channel, SheetText::Notice, SheetText::GivenUp];
    let mut notices = sheet("notices", SheetText::Unsent, &labels);
    for one in &note.notices {
        let given_up = if one.given_up { SheetText::Yes } else { SheetText::No };
        notices.row([
            frame.clock(one.at).into(),
            one.channel.as_str().into(),
            one.notice.as_str().into(),
            frame.sheet(given_up).into(),
        ]);
    }
    vec![on_duty(frame, snapshot), open, clocks, promises, rounds, windows, devices, notices]
}

#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage {
    frame: Frame,
    title: String,
    /// Value and words.
    parties: Vec<(String, String)>,
    links: String,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(in crate::api) struct ReportAsked {
    links: String,
}

pub(in crate::api) async fn report(Opened { snapshot, frame, asked, .. }: Opened<ReportAsked>) -> Response {
    blank(frame, &snapshot, asked.links)
}

pub(in crate::api) async fn submit_report(
    Opened { api, snapshot, frame, asked, headers }: Opened<ReportAsked>,
    body: Bytes,
) -> Response {
    let sent = Sent::read(&body);
    let reported = match Form::read(&sent, &headers, frame.zone) {
        // Only another system may name none and say how it calls it.
        Ok(form) if form.has("source") => Err(Problem::NotFound),
        Ok(mut form) => {
            form.tick("drill");
            form.carry_out(&api, &headers, "report").await
        }
        Err(problem) => Err(problem),
    };
    match reported {
        Ok(Reply::Reported { incidents, .. }) if !incidents.is_empty() => {
            let place = format!("/incidents/{}?lang={}&said=done", incidents[0], frame.lang());
            (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
        }
        Ok(_) => done(&frame, "/report"),
        Err(problem) => {
            (problem.status(), blank(frame.refusing(&problem, sent), &snapshot, asked.links)).into_response()
        }
    }
}

fn blank(frame: Frame, snapshot: &Snapshot, links: String) -> Response {
    let inventory = &*snapshot.inventory;
    let ours = ["operator", "customer"].map(|name| (name.to_owned(), party(&frame, name, inventory)));
    let units = inventory.units.iter().map(|unit| (format!("unit/{}", unit.id), unit.name.clone()));
    let parties = ours.into_iter().chain(units).collect();
    let frame = Frame { refresh: 0, ..frame.at("/report").with_forms() };
    show(&ReportPage { title: frame.sheet(SheetText::ReportFault), parties, links, frame })
}
