//! `/`: how many links are in which state, what is broken, and the links with the troubled ones first.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use super::{Frame, Opened, incidents::IncidentRow, percent, show};
use crate::{
    api::links::{Filter, is_state},
    incident::IncidentPhase,
    inventory::{Kind, Link, Priority},
    judge::LinkState,
    ledger::Standard,
    snapshot::{LinkView, Snapshot},
    text::{DoorText, Message, PageText, SheetText, milliseconds},
};

/// Rows of a page: a screen or two.
const ROWS: usize = 50;
/// Most incidents shown; the API has all.
const INCIDENTS: usize = 50;

/// Everything is optional, and what makes no sense is ignored: this is an address that people edit.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::api) struct Wanted {
    q: String,
    state: String,
    page: String,
}

#[derive(Template)]
#[template(path = "start.html")]
struct Start {
    frame: Frame,
    wanted: Wanted,
    total: usize,
    /// Name, label and count of each state, worst first.
    states: Vec<(&'static str, String, usize)>,
    coverage: String,
    incidents: Vec<IncidentRow>,
    /// How many links pass the search.
    found: String,
    rows: Vec<LinkRow>,
    page: usize,
    pages: usize,
}

struct LinkRow {
    id: String,
    class: &'static str,
    state: String,
    since: String,
    lasts: String,
    unit: String,
    carrier: String,
    kind: String,
    lifeline: bool,
    rtt: String,
    loss: String,
    availability: String,
}

pub(in crate::api) async fn start(Opened { snapshot, frame, asked: wanted, .. }: Opened<Wanted>) -> Response {
    let frame = frame.at("/");
    let inventory = &*snapshot.inventory;
    let filter = Filter {
        state: Some(wanted.state.as_str()).filter(|state| is_state(state)),
        part: Some(wanted.q.trim().to_lowercase()).filter(|part| !part.is_empty()),
        ..Filter::default()
    };
    let rows = inventory.links.iter().zip(snapshot.links());
    let mut rows: Vec<_> = rows.filter(|(link, view)| filter.passes(inventory, link, view)).collect();
    // Stable: ledger order within.
    rows.sort_by_key(|(link, view)| (trouble(view.state), link.priority));
    let pages = rows.len().div_ceil(ROWS).max(1);
    let page = wanted.page.parse().unwrap_or(1).clamp(1, pages);
    let shown = rows.iter().skip((page - 1) * ROWS).take(ROWS);
    let unclosed = snapshot.incidents.iter().filter(|incident| incident.phase != IncidentPhase::Closed);
    show(&Start {
        total: inventory.links.len(),
        states: states(&frame, &snapshot),
        coverage: frame.say(Message::CoverageLine {
            measured: snapshot.coverage.measured,
            never_verified: snapshot.coverage.never_verified,
            not_measurable: snapshot.coverage.not_measurable,
        }),
        incidents: unclosed.take(INCIDENTS).map(|incident| IncidentRow::new(&frame, incident, inventory)).collect(),
        found: frame.say(Message::Found(rows.len())),
        rows: shown.map(|(link, view)| LinkRow::new(&frame, &snapshot, link, view)).collect(),
        page,
        pages,
        wanted,
        frame,
    })
}

/// Order of the list: what somebody must look at stands first.
pub(super) fn trouble(state: LinkState) -> u8 {
    match state {
        LinkState::Down => 0,
        LinkState::Degraded => 1,
        LinkState::Unknown(_) => 2,
        LinkState::Maintenance => 3,
        LinkState::Suspended | LinkState::Absent => 4,
        LinkState::Up => 5,
    }
}

pub(super) fn states(frame: &Frame, snapshot: &Snapshot) -> Vec<(&'static str, String, usize)> {
    [
        ("down", Message::StateDown),
        ("degraded", Message::StateDegraded),
        ("unknown", Message::StateUnknown),
        ("maintenance", Message::StateMaintenance),
        ("suspended", Message::StateSuspended),
        ("up", Message::StateUp),
    ]
    .map(|(name, label)| (name, frame.say(label), snapshot.links().filter(|link| link.state.name() == name).count()))
    .into()
}

impl LinkRow {
    fn new(frame: &Frame, snapshot: &Snapshot, link: &Link, view: &LinkView) -> Self {
        let inventory = &snapshot.inventory;
        Self {
            id: link.id.to_string(),
            class: view.state.name(),
            state: frame.state(view.state),
            since: frame.clock(view.state_since),
            lasts: frame.since(view.state_since),
            unit: inventory.units[link.unit.at()].name.clone(),
            carrier: inventory.carriers[link.carrier.at()].name.clone(),
            kind: frame.say(kind(link.kind)),
            lifeline: link.priority == Priority::Lifeline,
            rtt: measured_rtt(view),
            loss: measured_loss(view),
            availability: Standard::of(&snapshot.contract)
                .percent(snapshot.judged(view).unwrap_or_default().accounted.known()),
        }
    }
}

/// The last RTT. The last answer of a link that is down is not how it is now.
pub(super) fn measured_rtt(view: &LinkView) -> String {
    let point = view.deciding_point().filter(|_| view.state != LinkState::Down);
    point.and_then(|point| point.last_rtt).map_or("–".into(), milliseconds)
}

/// Loss of the last minute. What a link that is down loses is booked as down-time: no share of it stands beside that word.
pub(super) fn measured_loss(view: &LinkView) -> String {
    let point = view.deciding_point().filter(|_| view.state != LinkState::Down);
    let minute = point.map(|point| point.windows[1].counts()).unwrap_or_default();
    percent((minute.lost, minute.lost + minute.answered))
}

pub(super) fn kind(kind: Kind) -> Message {
    match kind {
        Kind::DarkFibre => Message::KindDarkFibre,
        Kind::Internet => Message::KindInternet,
        Kind::Private => Message::KindPrivate,
    }
}
