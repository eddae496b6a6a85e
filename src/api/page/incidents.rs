//! `/incidents`: what is broken, and everything about one of them: clocks, timeline, links, and what may be done about it.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Bytes,
    extract::Path,
    http::HeaderMap,
    response::{IntoResponse, Response},
};

use super::{
    Frame, Opened,
    forms::{Form, Sent, done},
    said::said,
    sheet::{Asked, Cell, Sheet, chosen},
    show, spell,
};
use crate::{
    api::{Api, problem::Problem},
    command::{Refusal, Step},
    contract::words::Source,
    incident::{Clock, Incident, IncidentKind, IncidentPhase},
    inventory::Inventory,
    notify,
    snapshot::Snapshot,
    text::{DoorText, Message, PageText, SheetText},
    units::Timestamp,
};

/// Links of an incident that its page lists; the CSV has all.
const LINKS: usize = 200;
/// Steps that people write down here.
const STEPS: [Step; 17] = [
    Step::Notified,
    Step::CustomerReported,
    Step::Registered,
    Step::Diagnosed,
    Step::PlanGiven,
    Step::Remote,
    Step::OnSite,
    Step::Begun,
    Step::Workaround,
    Step::Promised,
    Step::Disputed,
    Step::ClaimsRestored,
    Step::DeviceSwapped,
    Step::DataRestored,
    Step::ReportReceived,
    Step::FeedbackReceived,
    Step::AnalysisReceived,
];
/// What the buttons of the page ask for.
const WISHES: [&str; 8] = ["acknowledge", "withdraw", "record", "confirm", "close", "annul", "resolve", "restore"];

pub(super) struct IncidentRow {
    pub id: String,
    pub open: bool,
    pub phase: String,
    pub class: &'static str,
    pub tier: u8,
    pub level: String,
    pub scope: String,
    pub inferred: bool,
    /// Its grace runs: it holds all that fails now under the best name so far.
    pub grouping: bool,
    pub ask_unit: bool,
    pub began: String,
    pub lasts: String,
    pub down: usize,
    pub links: usize,
    pub acknowledged: Option<String>,
    pub response: Option<Countdown>,
    pub restore: Option<Countdown>,
    /// Where the page of its service stands; empty: it is about none.
    pub service: String,
}

/// A clock that runs.
pub(super) struct Countdown {
    pub overdue: bool,
    pub left: String,
    pub deadline: String,
    pub until: i64,
}

/// Whether its links may still go to others, and its name with them.
pub(super) fn is_grouping(incident: &Incident) -> bool {
    incident.kind == IncidentKind::Outage && incident.phase == IncidentPhase::Open && incident.announced.is_none()
}

impl IncidentRow {
    pub fn new(frame: &Frame, incident: &Incident, inventory: &Inventory) -> Self {
        let running = |name: &str| incident.running(name).map(|clock| Countdown::new(frame, clock));
        Self {
            id: incident.id.clone(),
            open: incident.phase == IncidentPhase::Open,
            phase: frame.phase(incident.phase),
            class: if incident.phase == IncidentPhase::Open { "down" } else { "up" },
            tier: incident.tier,
            level: frame.say(Message::Tier(incident.tier)),
            scope: frame.say(match incident.kind {
                IncidentKind::Outage => notify::scope(incident, inventory),
                // What it may be is more than where.
                IncidentKind::Reported | IncidentKind::Isolation | IncidentKind::Own | IncidentKind::Service => {
                    notify::summary(incident, inventory, false)
                }
            }),
            inferred: incident.inferred,
            grouping: is_grouping(incident),
            ask_unit: incident.unit_power_suspected,
            began: frame.clock(incident.began),
            lasts: match incident.restored {
                Some(restored) => spell(restored.since(incident.began).as_secs()),
                None => frame.since(incident.began),
            },
            down: incident.links.iter().filter(|(_, down)| *down).count(),
            links: incident.links.len(),
            acknowledged: incident.acknowledged().map(|by| by.actor.clone()),
            response: running("response"),
            restore: running("restore"),
            service: match incident.kind {
                IncidentKind::Service => super::service::address(frame, &incident.scope.id),
                _ => String::new(),
            },
        }
    }
}

impl From<Countdown> for Cell {
    fn from(clock: Countdown) -> Self {
        Self { text: clock.left, until: Some(clock.until), ..Self::default() }
    }
}

impl Countdown {
    pub fn new(frame: &Frame, clock: &Clock) -> Self {
        let overdue = frame.now.utc > clock.deadline;
        let left = match overdue {
            true => frame.now.utc.since(clock.deadline),
            false => clock.deadline.since(frame.now.utc),
        };
        Self { overdue, left: spell(left.as_secs()), deadline: frame.clock(clock.deadline), until: clock.deadline.0 }
    }
}

#[derive(Template)]
#[template(path = "incidents.html")]
struct ListPage {
    frame: Frame,
    title: String,
    all: bool,
    incidents: Vec<IncidentRow>,
    count: usize,
}

pub(in crate::api) async fn incidents(Opened { snapshot, frame, asked, .. }: Opened<Asked>) -> Response {
    let frame = frame.at("/incidents");
    let all = !asked.all.is_empty();
    let passes = |incident: &&Arc<Incident>| all || incident.phase != IncidentPhase::Closed;
    let rows = snapshot.incidents.iter().filter(passes);
    let rows: Vec<_> = rows.map(|incident| IncidentRow::new(&frame, incident, &snapshot.inventory)).collect();
    if asked.format == "csv" {
        return list_sheet(&frame, rows).csv();
    }
    show(&ListPage { title: frame.say(Message::Incidents), all, count: rows.len(), incidents: rows, frame })
}

fn list_sheet(frame: &Frame, rows: Vec<IncidentRow>) -> Sheet {
    let labels = [
        frame.sheet(SheetText::Incident),
        frame.say(Message::TierName),
        frame.say(Message::StateName),
        frame.say(Message::ScopeName),
        frame.say(Message::Began),
        format!("#{}", frame.say(Message::Lasts)),
        format!("#{}", frame.say(Message::LinksDown)),
        format!("#{}", frame.say(Message::Links)),
        frame.say(Message::AcknowledgedBy),
        frame.say(Message::Respond),
        frame.say(Message::Restore),
    ];
    let mut sheet = Sheet::new("incidents", frame.say(Message::Incidents)).columns(labels);
    for row in rows {
        let deadline = |clock: Option<Countdown>| clock.map(|clock| clock.deadline).unwrap_or_default();
        sheet.row([
            row.id.into(),
            row.level.into(),
            row.phase.into(),
            row.scope.into(),
            row.began.into(),
            row.lasts.into(),
            row.down.into(),
            row.links.into(),
            row.acknowledged.unwrap_or_default().into(),
            deadline(row.response).into(),
            deadline(row.restore).into(),
        ]);
    }
    sheet
}

#[derive(Template)]
#[template(path = "incident.html")]
struct Page {
    frame: Frame,
    row: IncidentRow,
    facts: Vec<(String, String)>,
    clocks: Sheet,
    more: Vec<Sheet>,
    may: May,
    /// Value and words.
    parties: Vec<(String, String)>,
    steps: Vec<(&'static str, String)>,
    verdicts: Vec<(&'static str, String)>,
    conditions: Vec<(String, String)>,
}

/// Which forms make sense.
struct May {
    acknowledge: bool,
    withdraw: bool,
    record: bool,
    confirm: bool,
    close: bool,
    annul: bool,
    resolve: bool,
    restore: bool,
}

pub(in crate::api) async fn incident(
    Path(id): Path<String>,
    Opened { snapshot, frame, asked, .. }: Opened<Asked>,
) -> Response {
    answer(frame, &snapshot, &id, &asked)
}

pub(in crate::api) async fn act(
    Path(id): Path<String>,
    Opened { api, frame, asked, headers, .. }: Opened<Asked>,
    body: Bytes,
) -> Response {
    let sent = Sent::read(&body);
    match carry_out(&api, &frame, &headers, &id, &sent).await {
        Ok(()) => done(&frame, &format!("/incidents/{id}")),
        Err(problem) => {
            let shown = answer(frame.refusing(&problem, sent), &api.feed.load(), &id, &asked);
            (problem.status(), shown).into_response()
        }
    }
}

async fn carry_out(api: &Api, frame: &Frame, headers: &HeaderMap, id: &str, sent: &Sent) -> Result<(), Problem> {
    let mut form = Form::read(sent, headers, frame.zone)?;
    let wish = WISHES.into_iter().find(|wish| *wish == sent.wish).ok_or(Problem::NotFound)?;
    form.set("incident", id);
    form.carry_out(api, headers, wish).await.map(|_| ())
}

fn answer(frame: Frame, snapshot: &Snapshot, id: &str, asked: &Asked) -> Response {
    let frame = frame.at("/incidents").with_forms();
    let Some(incident) = snapshot.incidents.iter().find(|incident| incident.id == id) else {
        return Problem::Refused(Refusal::NoSuchIncident).into_response();
    };
    let inventory = &*snapshot.inventory;
    let mut sheets = vec![
        clocks(&frame, incident),
        timeline(&frame, incident, inventory),
        members(&frame, incident, snapshot),
        redundancy(&frame, incident),
    ];
    if let Some(sheet) = chosen(asked, &sheets) {
        return sheet.csv();
    }
    sheets.retain(|sheet| sheet.key != "redundancy" || !sheet.rows.is_empty());
    // What probes confirm nobody is asked for.
    let conditions = snapshot.contract.terms.closing.conditions.iter();
    let conditions = conditions.filter(|condition| condition.source != Source::Measured).map(|one| one.id.as_str());
    let open = conditions.filter(|id| !incident.confirmations.iter().any(|one| one.condition == *id));
    let step = |step: Step| (step.as_str(), frame.page(PageText::Event(step.as_str().to_owned())));
    let condition = |id: &str| (id.to_owned(), frame.page(PageText::Event(id.to_owned())));
    show(&Page {
        row: IncidentRow::new(&frame, incident, inventory),
        facts: facts(&frame, incident),
        clocks: sheets.remove(0),
        more: sheets,
        may: May::of(incident, &frame),
        parties: parties(&frame, incident, inventory),
        steps: STEPS.map(step).into(),
        verdicts: [("outage", SheetText::WasOutage), ("own_fault", SheetText::WasOwnFault)]
            .map(|(value, words)| (value, frame.sheet(words)))
            .into(),
        conditions: open.map(condition).collect(),
        frame,
    })
}

impl May {
    /// A form that was refused stays, also when it has come too late.
    fn of(incident: &Incident, frame: &Frame) -> Self {
        let (open, closed) = (incident.phase == IncidentPhase::Open, incident.phase == IncidentPhase::Closed);
        let or_sent = |form, makes_sense| makes_sense || frame.holds(form);
        let is_isolation = incident.kind == IncidentKind::Isolation;
        Self {
            acknowledge: or_sent("acknowledge", open && incident.acknowledged().is_none()),
            withdraw: or_sent("withdraw", open && !incident.acknowledgements.is_empty()),
            record: or_sent("record", !closed),
            confirm: or_sent("confirm", !closed),
            close: or_sent("close", incident.phase == IncidentPhase::Restored),
            annul: or_sent("annul", incident.annulled.is_none()),
            resolve: or_sent("resolve", is_isolation && incident.resolution.is_none()),
            restore: or_sent("restore", open && incident.kind == IncidentKind::Reported),
        }
    }
}

fn facts(frame: &Frame, incident: &Incident) -> Vec<(String, String)> {
    let at = |text: SheetText, at: Option<Timestamp>| at.map(|at| (frame.sheet(text), frame.clock(at)));
    let said = |text: SheetText, value: Option<String>| value.map(|value| (frame.sheet(text), value));
    let acknowledged = incident.acknowledged().map(|by| format!("{} {}", by.actor, frame.clock(by.at)));
    let tickets = incident.tickets.iter().map(|ticket| format!("{} {}", ticket.system, ticket.number));
    let tickets = tickets.collect::<Vec<_>>().join("、");
    [
        said(SheetText::Incident, Some(incident.id.clone())),
        said(SheetText::Phase, Some(frame.phase(incident.phase))),
        at(SheetText::BeganAt, Some(incident.began)),
        at(SheetText::DetectedAt, Some(incident.opened)),
        at(SheetText::AnnouncedAt, incident.announced),
        at(SheetText::RestoredAt, incident.restored),
        at(SheetText::ClosedAt, incident.closed),
        said(SheetText::AcknowledgedBy, acknowledged),
        said(SheetText::Relapses, (incident.relapses > 0).then(|| incident.relapses.to_string())),
        at(SheetText::FlappingSince, incident.flapping),
        said(SheetText::ExplainedBy, incident.parent.as_ref().map(|parent| parent.incident.clone())),
        said(SheetText::MergedInto, incident.merged_into.clone()),
        said(SheetText::Tickets, Some(tickets).filter(|tickets| !tickets.is_empty())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn clocks(frame: &Frame, incident: &Incident) -> Sheet {
    let labels = [
        SheetText::Clock,
        SheetText::StartedAt,
        SheetText::Deadline,
        SheetText::LeftNow,
        SheetText::StoppedAt,
        SheetText::Kept,
        SheetText::CalendarName,
        SheetText::Clause,
    ];
    let mut sheet = Sheet::new("clocks", frame.sheet(SheetText::Clocks)).columns(labels.map(|text| frame.sheet(text)));
    for clock in &incident.clocks {
        let left = match clock.stopped {
            None => Countdown::new(frame, clock).into(),
            Some(_) => Cell::from("–"),
        };
        let kept = clock.stopped.map(|stopped| {
            match stopped < clock.deadline || (stopped == clock.deadline && !clock.strict) {
                true => Cell::state(frame.sheet(SheetText::Yes), "up"),
                false => Cell::state(frame.sheet(SheetText::No), "down"),
            }
        });
        sheet.row([
            frame.say(Message::ClockName { clock: clock.clock.clone(), party: clock.party.clone() }).into(),
            frame.clock(clock.started).into(),
            frame.clock(clock.deadline).into(),
            left,
            clock.stopped.map_or("–".to_owned(), |at| frame.clock(at)).into(),
            kept.unwrap_or_else(|| "–".into()),
            clock.calendar.as_str().into(),
            clock.clause.as_str().into(),
        ]);
    }
    sheet
}

fn timeline(frame: &Frame, incident: &Incident, inventory: &Inventory) -> Sheet {
    let labels = [
        SheetText::Number,
        SheetText::When,
        SheetText::What,
        SheetText::Who,
        SheetText::For,
        SheetText::Way,
        SheetText::Note,
    ];
    let mut sheet =
        Sheet::new("timeline", frame.sheet(SheetText::Entries)).columns(labels.map(|text| frame.sheet(text)));
    for entry in &incident.timeline {
        let eta = entry.eta.map(|eta| format!("→ {} ", frame.clock(eta))).unwrap_or_default();
        let corrects = entry.corrects.map(|entry| format!("{} ", frame.say(Message::Corrects { entry: entry.into() })));
        let note = [corrects.unwrap_or_default(), eta, entry.work_order.clone(), said(frame, entry, inventory)];
        let note = note.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        sheet.row([
            (entry.number as usize).into(),
            frame.clock(entry.at).into(),
            frame.page(PageText::Event(entry.event.clone())).into(),
            entry.actor.as_str().into(),
            party(frame, &entry.party, inventory).into(),
            entry.way.as_str().into(),
            Cell { class: "text", ..Cell::from(note) },
        ]);
    }
    sheet
}

/// Those that are down stand first.
fn members(frame: &Frame, incident: &Incident, snapshot: &Snapshot) -> Sheet {
    let labels = [
        frame.say(Message::StateName),
        frame.say(Message::LinkName),
        frame.say(Message::CircuitId),
        frame.say(Message::UnitName),
        frame.say(Message::CarrierName),
        frame.say(Message::Ends),
        frame.say(Message::Since),
        frame.sheet(SheetText::History),
    ];
    let mut sheet = Sheet::new("links", frame.say(Message::Links)).columns(labels);
    sheet.most = LINKS;
    let inventory = &*snapshot.inventory;
    let is_member = |id| incident.links.binary_search_by(|(own, _)| own.cmp(id)).ok();
    let rows = inventory.links.iter().zip(snapshot.links());
    let rows = rows.filter_map(|(link, view)| Some((incident.links[is_member(&link.id)?].1, link, view)));
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|(down, ..)| !down);
    for (_, link, view) in rows {
        sheet.row([
            Cell::state(frame.state(view.state), view.state.name()),
            Cell::to(link.id.as_str(), format!("/links/{}?lang={}", link.id, frame.lang())),
            link.cid.as_str().into(),
            inventory.units[link.unit.at()].name.as_str().into(),
            inventory.carriers[link.carrier.at()].name.as_str().into(),
            format!("{} → {}", link.a_end, link.z_end).into(),
            frame.clock(view.state_since).into(),
            Cell::to("CSV", format!("/links/{}?format=csv&range=1d", link.id)),
        ]);
    }
    sheet
}

fn redundancy(frame: &Frame, incident: &Incident) -> Sheet {
    let labels = [
        frame.say(Message::GroupName),
        format!("#{}", frame.say(Message::Links)),
        format!("#{}", frame.say(Message::StateUp)),
        format!("#{}", frame.say(Message::StateDown)),
    ];
    let mut sheet = Sheet::new("redundancy", frame.sheet(SheetText::Redundancy)).columns(labels);
    for group in &incident.redundancy {
        let count = |count: u32| Cell::from(count as usize);
        sheet.row([group.group.as_str().into(), count(group.links), count(group.up), count(group.down)]);
    }
    sheet
}

/// Those who have a part in it: value and words.
fn parties(frame: &Frame, incident: &Incident, inventory: &Inventory) -> Vec<(String, String)> {
    let mut names: Vec<&str> = vec!["operator"];
    let others = incident.clocks.iter().map(|clock| clock.party.as_str());
    for name in others.chain(incident.acknowledgements.iter().map(|one| one.party.as_str())) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.into_iter().map(|name| (name.to_owned(), party(frame, name, inventory))).collect()
}

/// A party as people call it.
pub(super) fn party(frame: &Frame, name: &str, inventory: &Inventory) -> String {
    let found = match name.split_once('/') {
        Some(("carrier", id)) => inventory.carriers.iter().find(|carrier| carrier.id == id).map(|one| one.name.clone()),
        Some(("unit", id)) => inventory.units.iter().find(|unit| unit.id == id).map(|one| one.name.clone()),
        _ if name == "operator" => Some(frame.sheet(SheetText::Operator)),
        _ if name == "customer" => Some(frame.sheet(SheetText::Customer)),
        _ => None,
    };
    found.unwrap_or_else(|| name.to_owned())
}
