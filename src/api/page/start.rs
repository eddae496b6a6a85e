//! `/`: how many links are in which state, what is broken, and the links with the troubled ones first.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::Response,
};
use serde::Deserialize;

use super::{Frame, percent, show, spell};
use crate::{
    api::{Api, links::Filter},
    incident::{Clock, Incident, IncidentKind, IncidentPhase},
    inventory::{Inventory, Kind, Link, Priority},
    judge::LinkState,
    notify,
    snapshot::{LinkView, Snapshot},
    text::{Message, milliseconds},
};

/// Rows of a page: a screen or two.
const ROWS: usize = 50;
/// Most incidents shown; the API has all.
const INCIDENTS: usize = 50;

/// Everything is optional, and what makes no sense is ignored: this is an address that people edit.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::api) struct Wanted {
    pub(super) lang: Option<String>,
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

struct IncidentRow {
    id: String,
    open: bool,
    tier: u8,
    level: String,
    scope: String,
    inferred: bool,
    ask_unit: bool,
    began: String,
    lasts: String,
    down: usize,
    links: usize,
    acknowledged: Option<String>,
    response: Option<Countdown>,
    restore: Option<Countdown>,
}

/// A clock that runs.
struct Countdown {
    overdue: bool,
    left: String,
    deadline: String,
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

pub(in crate::api) async fn start(
    State(api): State<Arc<Api>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let Query(wanted) = wanted.unwrap_or_default();
    let snapshot = api.feed.load();
    let frame = Frame::new(&api, &snapshot, wanted.lang.as_deref(), &headers);
    let inventory = &*snapshot.inventory;
    let filter = Filter {
        state: Some(wanted.state.as_str()).filter(|state| LinkState::NAMES.contains(state)),
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
        rows: shown.map(|(link, view)| LinkRow::new(&frame, inventory, link, view)).collect(),
        page,
        pages,
        wanted,
        frame,
    })
}

/// Order of the list: what somebody must look at stands first.
fn trouble(state: LinkState) -> u8 {
    match state {
        LinkState::Down => 0,
        LinkState::Degraded => 1,
        LinkState::Unknown(_) => 2,
        LinkState::Maintenance => 3,
        LinkState::Suspended | LinkState::Absent => 4,
        LinkState::Up => 5,
    }
}

fn states(frame: &Frame, snapshot: &Snapshot) -> Vec<(&'static str, String, usize)> {
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

impl IncidentRow {
    fn new(frame: &Frame, incident: &Incident, inventory: &Inventory) -> Self {
        let running = |name: &str| incident.running(name).map(|clock| Countdown::new(frame, clock));
        Self {
            id: incident.id.clone(),
            open: incident.phase == IncidentPhase::Open,
            tier: incident.tier,
            level: frame.say(Message::Tier(incident.tier)),
            scope: frame.say(match incident.kind {
                IncidentKind::Outage => notify::scope(incident, inventory),
                // What it may be is more than where.
                IncidentKind::Reported | IncidentKind::Isolation | IncidentKind::Own => {
                    notify::summary(incident, inventory, false)
                }
            }),
            inferred: incident.inferred,
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
        }
    }
}

impl Countdown {
    fn new(frame: &Frame, clock: &Clock) -> Self {
        let overdue = frame.now.utc > clock.deadline;
        let left = match overdue {
            true => frame.now.utc.since(clock.deadline),
            false => clock.deadline.since(frame.now.utc),
        };
        Self { overdue, left: spell(left.as_secs()), deadline: frame.clock(clock.deadline) }
    }
}

impl LinkRow {
    fn new(frame: &Frame, inventory: &Inventory, link: &Link, view: &LinkView) -> Self {
        let point = view.deciding_point();
        let minute = point.map(|point| point.windows[1].counts).unwrap_or_default();
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
            // The last answer of a link that is down is not how it is now.
            rtt: point
                .filter(|_| view.state != LinkState::Down)
                .and_then(|point| point.last_rtt)
                .map_or("–".into(), milliseconds),
            loss: percent((minute.lost, minute.lost + minute.answered)),
            availability: percent(view.month.known()),
        }
    }
}

pub(super) fn kind(kind: Kind) -> Message {
    match kind {
        Kind::DarkFibre => Message::KindDarkFibre,
        Kind::Internet => Message::KindInternet,
        Kind::Private => Message::KindPrivate,
    }
}
