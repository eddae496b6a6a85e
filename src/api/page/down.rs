//! `/down`: one sheet to print and carry: what is down, since when, and whom to call.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    body::Bytes,
    response::{IntoResponse, Response},
};

use super::{
    Frame, Opened,
    forms::Sent,
    incidents::{IncidentRow, party},
    services,
    sheet::{Asked, Cell, Sheet, chosen},
    show,
    start::kind,
};
use crate::{
    command::{ContactSheet, Reachable},
    inventory::Inventory,
    judge::{LinkState, service::ServiceState},
    snapshot::Snapshot,
    text::{DoorText, Message, NoticesText, PageText, SheetText},
};

#[derive(Template)]
#[template(path = "down.html")]
struct Page {
    frame: Frame,
    title: String,
    lines: Vec<String>,
    sheets: Vec<Sheet>,
    /// `None`: nobody has asked for them.
    contacts: Option<Sheet>,
}

pub(in crate::api) async fn down(Opened { snapshot, frame, asked, .. }: Opened<Asked>) -> Response {
    page(frame, &snapshot, &asked, None)
}

/// Shows contacts on the answer to this request, and nowhere else: the loop has written down who asked.
pub(in crate::api) async fn reveal(Opened { api, frame, headers, .. }: Opened<Asked>, body: Bytes) -> Response {
    let sent = Sent::read(&body);
    let shown = sent.reveal(&api, &headers, frame.zone, (ContactSheet::Down, "")).await;
    let snapshot = api.feed.load();
    match shown {
        Ok(shown) => {
            let contacts = contacts(&frame, &shown, &snapshot.inventory);
            // It would be hidden again before anybody has dialled.
            page(Frame { refresh: 0, ..frame }, &snapshot, &Asked::default(), Some(contacts))
        }
        Err(problem) => {
            let frame = frame.refusing(&problem, sent);
            (problem.status(), page(frame, &snapshot, &Asked::default(), None)).into_response()
        }
    }
}

fn page(frame: Frame, snapshot: &Snapshot, asked: &Asked, contacts: Option<Sheet>) -> Response {
    let frame = frame.at("/down").with_forms();
    let broken = snapshot.services.list.iter().filter(|view| view.state == ServiceState::Down);
    let sheets = vec![
        open_incidents(&frame, snapshot),
        carriers(&frame, snapshot),
        on_duty(&frame, snapshot),
        services::sheet(&frame, "services", frame.sheet(SheetText::ServicesDown), broken),
        links(&frame, snapshot),
    ];
    let title = frame.sheet(SheetText::WhatIsDown);
    let lines = vec![format!("{} {}", frame.sheet(SheetText::AsOf), frame.time), frame.sheet(SheetText::Print)];
    if let Some(sheet) = chosen(asked, &sheets) {
        return sheet.csv();
    }
    show(&Page { frame, title, lines, sheets, contacts })
}

/// Those to call, with their numbers.
fn contacts(frame: &Frame, shown: &[Reachable], inventory: &Inventory) -> Sheet {
    let labels = [
        frame.notices(NoticesText::Party),
        frame.sheet(SheetText::ContactName),
        frame.sheet(SheetText::Reached),
        frame.sheet(SheetText::OnSiteContact),
        frame.sheet(SheetText::ListensNow),
        frame.sheet(SheetText::Verified),
    ];
    let note = frame.sheet(SheetText::RevealedOnce);
    let mut sheet = Sheet::new("contacts", frame.sheet(SheetText::Contacts)).noting(note).columns(labels);
    for one in shown {
        let to = one.to.iter().map(|(channel, address)| format!("{channel}: {address}"));
        let listens = if one.listens { SheetText::Yes } else { SheetText::No };
        sheet.row([
            party(frame, &one.party, inventory).into(),
            one.name.as_str().into(),
            to.collect::<Vec<_>>().join("、").into(),
            one.on_site.as_deref().unwrap_or("–").into(),
            frame.sheet(listens).into(),
            one.verified.to_string().into(),
        ]);
    }
    sheet
}

fn open_incidents(frame: &Frame, snapshot: &Snapshot) -> Sheet {
    let labels = [
        frame.say(Message::TierName),
        frame.say(Message::ScopeName),
        frame.say(Message::Began),
        format!("#{}", frame.say(Message::Lasts)),
        format!("#{}", frame.say(Message::LinksDown)),
        frame.sheet(SheetText::AcknowledgedBy),
        frame.say(Message::Respond),
        frame.say(Message::Restore),
    ];
    let mut sheet = Sheet::new("incidents", frame.say(Message::Incidents)).columns(labels);
    for incident in snapshot.open_incidents() {
        let row = IncidentRow::new(frame, incident, &snapshot.inventory);
        let inferred = match (row.grouping, row.inferred) {
            (true, _) => format!(" ({})", frame.sheet(SheetText::Grouping)),
            (false, true) => format!(" {}", frame.say(Message::IsInferred)),
            (false, false) => String::new(),
        };
        sheet.row([
            row.level.into(),
            Cell::to(format!("{}{inferred}", row.scope), format!("/incidents/{}?lang={}", row.id, frame.lang())),
            row.began.into(),
            row.lasts.into(),
            format!("{} / {}", row.down, row.links).into(),
            row.acknowledged.unwrap_or_else(|| "–".into()).into(),
            row.response.map_or_else(|| "–".into(), Cell::from),
            row.restore.map_or_else(|| "–".into(), Cell::from),
        ]);
    }
    sheet
}

fn links(frame: &Frame, snapshot: &Snapshot) -> Sheet {
    let labels = [
        frame.say(Message::LinkName),
        frame.say(Message::CircuitId),
        frame.say(Message::UnitName),
        frame.say(Message::CarrierName),
        frame.say(Message::KindName),
        frame.say(Message::Ends),
        frame.say(Message::Since),
        format!("#{}", frame.say(Message::Lasts)),
        frame.sheet(SheetText::Priority),
    ];
    let mut sheet = Sheet::new("links", frame.sheet(SheetText::LinksDown)).columns(labels);
    let inventory = &*snapshot.inventory;
    let rows = inventory.links.iter().zip(snapshot.links());
    let mut rows: Vec<_> = rows.filter(|(_, view)| view.state == LinkState::Down).collect();
    rows.sort_by_key(|(link, view)| (link.priority, view.state_since));
    for (link, view) in rows {
        sheet.row([
            Cell::to(link.id.as_str(), format!("/links/{}?lang={}", link.id, frame.lang())),
            link.cid.as_str().into(),
            inventory.units[link.unit.at()].name.as_str().into(),
            inventory.carriers[link.carrier.at()].name.as_str().into(),
            frame.say(kind(link.kind)).into(),
            format!("{} → {}", link.a_end, link.z_end).into(),
            frame.clock(view.state_since).into(),
            frame.since(view.state_since).into(),
            frame.priority(link.priority).into(),
        ]);
    }
    sheet
}

/// Who is on duty now. Names of receivers stand for their numbers.
pub(super) fn on_duty(frame: &Frame, snapshot: &Snapshot) -> Sheet {
    let labels = [SheetText::Role, SheetText::People, SheetText::Until, SheetText::Receivers];
    let mut sheet = Sheet::new("on-duty", frame.sheet(SheetText::OnDuty)).columns(labels.map(|text| frame.sheet(text)));
    let roster = match frame.nameless {
        true => &snapshot.roster.without_names(),
        false => &*snapshot.roster,
    };
    for role in &roster.roles {
        let people = roster.on_duty(&role.id, frame.now.utc);
        let names = people.iter().map(|person| person.name.as_str()).collect::<Vec<_>>().join("、");
        let mut contacts: Vec<&str> = people.iter().flat_map(|one| &one.contacts).map(String::as_str).collect();
        contacts.dedup();
        let nobody = || Cell::state(frame.sheet(SheetText::Nobody), "down");
        sheet.row([
            role.name.say(frame.language).into(),
            if names.is_empty() { nobody() } else { names.into() },
            frame.maybe(roster.next_change(&role.id, frame.now.utc)).into(),
            contacts.join(" ").into(),
        ]);
    }
    sheet
}

/// Carriers and units that something of is down, with the agreement that may be cited.
fn carriers(frame: &Frame, snapshot: &Snapshot) -> Sheet {
    let labels = [
        frame.say(Message::CarrierName),
        format!("#{}", frame.sheet(SheetText::LinksDown)),
        frame.sheet(SheetText::Longest),
        frame.sheet(SheetText::Agreement),
        frame.sheet(SheetText::Promised),
        frame.sheet(SheetText::Receivers),
    ];
    let mut sheet = Sheet::new("carriers", frame.sheet(SheetText::WhomToCall))
        .noting(frame.sheet(SheetText::NumbersBelow))
        .columns(labels);
    let inventory = &*snapshot.inventory;
    let mut down = BTreeMap::new();
    for (link, view) in inventory.links.iter().zip(snapshot.links()).filter(|(_, view)| view.state == LinkState::Down) {
        let (count, since) = down.entry(link.carrier.at()).or_insert((0_usize, view.state_since));
        *count += 1;
        *since = view.state_since.min(*since);
    }
    let today = frame.civil(frame.now.utc).date_naive();
    for (at, (count, since)) in down {
        let carrier = &inventory.carriers[at];
        let agreement = snapshot.contract.terms.agreement(&carrier.id, today);
        let clocks = agreement.iter().flat_map(|agreement| &agreement.clocks);
        let clocks =
            clocks.map(|clock| format!("{} {}", frame.clock_name(clock.kind.as_str(), "operator"), clock.written));
        sheet.row([
            carrier.name.as_str().into(),
            count.into(),
            frame.since(since).into(),
            agreement.map_or(frame.sheet(SheetText::NoAgreement), |agreement| agreement.number.clone()).into(),
            clocks.collect::<Vec<_>>().join(", ").into(),
            agreement.map(|agreement| agreement.contacts.join(" ")).unwrap_or_default().into(),
        ]);
    }
    sheet
}
