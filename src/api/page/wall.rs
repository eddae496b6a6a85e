//! `/wall`: every link as a cell, what is broken and how long its clocks have, for a screen that nobody touches.
//!
//! The server lays the page out once; [`Board`] is what changes on it, and `/api/v1/events` sends that as it changes.
//! Visitors see neither units nor addresses nor names of people.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use askama::Template;
use axum::{extract::State, http::HeaderMap, response::Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Frame, Lenient,
    incidents::is_grouping,
    language, percent, service,
    services::{Expiry, expiries},
    show_with, spell,
};
use crate::{
    api::{Api, guard::TOKEN},
    incident::{Clock, Incident, IncidentKind, IncidentPhase},
    inventory::{Inventory, Link, Priority},
    judge::{LinkState, service::ServiceState, site::visits::Standing},
    notify,
    snapshot::{LinkView, ServiceView, Snapshot},
    text::{DoorText, Language, Message, PageText, SheetText},
};

/// Most incidents that find room on the screen; the counters count all.
const INCIDENTS: usize = 8;
const EVENTS: usize = 8;
const WORST: usize = 6;
const EXPIRING: usize = 4;
const VETO: usize = 3;
/// Shortest and longest stay of a page that rotates, in seconds.
const ROTATE: [u32; 2] = [5, 600];
/// Style and script come from us as files of their own; the script may talk to nobody else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::api) struct Wanted {
    lang: Option<String>,
    visitor: Option<String>,
    /// Seconds after which the next page of the wall comes.
    rotate: Option<u32>,
}

/// For whom a wall is.
#[derive(Clone, Copy)]
pub(in crate::api) struct Look {
    language: Language,
    visitor: bool,
}

impl Look {
    pub(in crate::api) fn new(api: &Api, wanted: &Wanted, headers: &HeaderMap) -> Self {
        Self {
            language: language(wanted.lang.as_deref(), headers).unwrap_or(api.language),
            visitor: wanted.visitor.as_ref().is_some_and(|visitor| visitor != "0"),
        }
    }
}

#[derive(Template)]
#[template(path = "wall.html")]
struct Page {
    frame: Frame,
    visitor: bool,
    layout: String,
    total: usize,
    /// Name and label of each state, worst first.
    states: [(&'static str, String); 6],
    groups: Vec<Group>,
    /// Names, in the order of their file; of visitors, nothing.
    /// Address and name; empty names for visitors.
    services: Vec<(String, String)>,
    /// Seconds; 0: it stays.
    rotate: u32,
    /// An officer may take on an incident here.
    pins: bool,
    /// Of the session that shows it; empty: there is none.
    token: String,
}

/// The links of one unit; of visitors, all links of a carrier.
struct Group {
    name: String,
    rows: Vec<Row>,
}

/// Those of one carrier.
struct Row {
    name: String,
    cells: Vec<Cell>,
}

struct Cell {
    place: usize,
    class: &'static str,
    priority: Priority,
    title: String,
}

pub(in crate::api) async fn wall(
    State(api): State<Arc<Api>>,
    Lenient(wanted): Lenient<Wanted>,
    headers: HeaderMap,
) -> Response {
    let snapshot = api.feed.load();
    let rotate = wanted.rotate.unwrap_or_default();
    let look = Look::new(&api, &wanted, &headers);
    let services = snapshot.services.list.iter();
    let frame = Frame::speaking(&api, &snapshot, look.language);
    let pins = !look.visitor && api.web.load().web().is_some_and(|web| !web.pins.is_empty());
    let token = headers.get(TOKEN).and_then(|token| token.to_str().ok()).unwrap_or_default().to_owned();
    let page = Page {
        pins,
        token,
        visitor: look.visitor,
        layout: layout(&snapshot),
        services: services
            .map(|view| match look.visitor {
                true => (String::new(), String::new()),
                false => (service::address(&frame, &view.service.id), view.service.name.clone()),
            })
            .collect(),
        rotate: if rotate == 0 { 0 } else { rotate.clamp(ROTATE[0], ROTATE[1]) },
        total: snapshot.inventory.links.len(),
        states: STATES.map(|state| (state.name(), frame.counter(state))),
        groups: groups(&snapshot, look.visitor),
        frame,
    };
    show_with(&page, POLICY)
}

/// Worst first; `LinkState::NAMES` in another order.
const STATES: [LinkState; 6] = [
    LinkState::Down,
    LinkState::Degraded,
    LinkState::UNSEEN,
    LinkState::Maintenance,
    LinkState::Suspended,
    LinkState::Up,
];

/// Which cell is which: changes when the ledger or this program does, and then the page asks for itself again.
fn layout(snapshot: &Snapshot) -> String {
    let (inventory, mut hasher) = (&*snapshot.inventory, DefaultHasher::new());
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    for link in &inventory.links {
        let (unit, carrier) = (&inventory.units[link.unit.at()], &inventory.carriers[link.carrier.at()]);
        (link.id.as_str(), &unit.name, &carrier.name, link.priority.as_str()).hash(&mut hasher);
    }
    for view in &snapshot.services.list {
        (&view.service.id, &view.service.name).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// In ledger order of units and carriers; within, urgent links first.
fn groups(snapshot: &Snapshot, visitor: bool) -> Vec<Group> {
    let inventory = &*snapshot.inventory;
    let row = |belongs: &dyn Fn(&Link) -> bool, name: &str| {
        let places = inventory.links.iter().zip(snapshot.links()).enumerate();
        let mut cells: Vec<_> = places
            .filter(|(_, (link, _))| belongs(link))
            .map(|(place, (link, view))| Cell::new(place, link, view, inventory, visitor))
            .collect();
        cells.sort_by_key(|cell| cell.priority);
        (!cells.is_empty()).then(|| Row { name: name.to_owned(), cells })
    };
    if visitor {
        let carriers = inventory.carriers.iter().enumerate();
        let of = |at: usize, name: &str| {
            let row = row(&|link| link.carrier.at() == at, "")?;
            Some(Group { name: name.to_owned(), rows: vec![row] })
        };
        return carriers.filter_map(|(at, carrier)| of(at, &carrier.name)).collect();
    }
    let of = |unit: usize, name: &str| {
        let carriers = inventory.carriers.iter().enumerate();
        let rows: Vec<_> = carriers
            .filter_map(|(at, carrier)| row(&|link| link.unit.at() == unit && link.carrier.at() == at, &carrier.name))
            .collect();
        (!rows.is_empty()).then(|| Group { name: name.to_owned(), rows })
    };
    inventory.units.iter().enumerate().filter_map(|(unit, about)| of(unit, &about.name)).collect()
}

impl Cell {
    fn new(place: usize, link: &Link, view: &LinkView, inventory: &Inventory, visitor: bool) -> Self {
        let title = match visitor {
            true => link.id.to_string(),
            false => format!(
                "{} {} {}",
                link.id,
                inventory.units[link.unit.at()].name,
                inventory.carriers[link.carrier.at()].name
            ),
        };
        Self { place, class: view.state.name(), priority: link.priority, title }
    }
}

/// What changes on a wall.
pub(in crate::api) struct Board {
    /// Milliseconds of civil time; and how old the figures are.
    pub(in crate::api) at: i64,
    pub(in crate::api) age: u64,
    /// One letter a link, in ledger order.
    pub(in crate::api) cells: Vec<u8>,
    /// Everything else, each under its name.
    pub(in crate::api) fields: Vec<(&'static str, Value)>,
}

impl Board {
    pub(in crate::api) fn new(api: &Api, snapshot: &Snapshot, look: Look) -> Self {
        let frame = Frame::speaking(api, snapshot, look.language);
        let cells: Vec<u8> = snapshot.links().map(|link| letter(link.state)).collect();
        let count = |state: LinkState| cells.iter().filter(|cell| **cell == letter(state)).count();
        let coverage = snapshot.coverage;
        let engine = &snapshot.engine;
        let witnesses = engine.witnesses.iter().filter(|(_, up)| *up).count();
        let vantage = match engine.witnesses.len() {
            0 => PageText::NoWitness,
            _ if engine.vantage_up => PageText::SeesWitnesses,
            _ => PageText::Isolated,
        };
        let shown = Shown { frame: &frame, inventory: &snapshot.inventory, visitor: look.visitor };
        Self {
            at: frame.now.utc.0,
            age: u64::try_from(frame.now.mono.since(snapshot.at.mono).as_millis()).unwrap_or(u64::MAX),
            fields: vec![
                ("layout", layout(snapshot).into()),
                (
                    "counts",
                    STATES.map(|state| (state.name().to_owned(), Value::from(count(state)))).into_iter().collect(),
                ),
                ("total", snapshot.inventory.links.len().into()),
                (
                    "coverage",
                    frame
                        .say(Message::CoverageLine {
                            measured: coverage.measured,
                            never_verified: coverage.never_verified,
                            not_measurable: coverage.not_measurable,
                        })
                        .into(),
                ),
                (
                    "vantage",
                    json!({
                        "up": engine.vantage_up,
                        "text": format!("{} {witnesses}/{}", frame.page(vantage), engine.witnesses.len()),
                    }),
                ),
                ("reasons", json!(snapshot.ready.reasons)),
                ("open", snapshot.open_incidents().count().into()),
                ("alarm", alarm(snapshot)),
                ("incidents", shown.incidents(snapshot)),
                ("events", shown.events(snapshot)),
                ("worst", shown.worst(snapshot)),
                ("expiring", shown.expiring(snapshot)),
                ("veto", shown.veto(snapshot)),
                ("services", shown.services(snapshot)),
            ],
            cells,
        }
    }
}

fn letter(state: LinkState) -> u8 {
    match state {
        LinkState::Down => b'x',
        LinkState::Degraded => b'd',
        LinkState::Unknown(_) => b'n',
        LinkState::Maintenance => b'm',
        LinkState::Suspended | LinkState::Absent => b's',
        LinkState::Up => b'u',
    }
}

/// Most urgent tier among what nobody has taken on yet; `null`: silence.
fn alarm(snapshot: &Snapshot) -> Value {
    let waiting = snapshot.open_incidents().filter(|one| one.acknowledged().is_none() && !one.is_covered(false));
    json!(waiting.map(|incident| incident.tier).min())
}

/// How much of it a wall may show.
struct Shown<'a> {
    frame: &'a Frame,
    inventory: &'a Inventory,
    visitor: bool,
}

impl Shown<'_> {
    /// Open ones by tier, the earliest first: it has the least time left.
    fn incidents(&self, snapshot: &Snapshot) -> Value {
        let mut open: Vec<_> = snapshot.open_incidents().collect();
        open.sort_by_key(|incident| (incident.tier, incident.began));
        open.iter().take(INCIDENTS).map(|incident| self.incident(incident)).collect()
    }

    fn incident(&self, incident: &Incident) -> Value {
        let clock = |name: &str| {
            incident.running(name).map(|clock: &Clock| json!({"from": clock.started.0, "until": clock.deadline.0}))
        };
        let acknowledged = incident.acknowledged().map(|by| match self.visitor {
            true => self.frame.say(Message::AcknowledgedBy),
            false => format!("{} {}", self.frame.say(Message::AcknowledgedBy), by.actor),
        });
        json!({
            "id": incident.id,
            "tier": incident.tier,
            "level": self.frame.say(Message::Tier(incident.tier)),
            "scope": self.scope(incident),
            "inferred": match is_grouping(incident) {
                true => Some(self.frame.sheet(SheetText::Grouping)),
                false => incident.inferred.then(|| self.frame.say(Message::IsInferred)),
            },
            "began": incident.began.0,
            "down": incident.links.iter().filter(|(_, down)| *down).count(),
            "links": incident.links.len(),
            "acknowledged": acknowledged,
            "response": clock("response"),
            "restore": clock("restore"),
        })
    }

    fn scope(&self, incident: &Incident) -> String {
        match (self.visitor, incident.kind) {
            (true, _) => self.frame.page(PageText::Scope(incident.scope.kind.clone())),
            (false, IncidentKind::Outage) => self.frame.say(notify::scope(incident, self.inventory)),
            (false, IncidentKind::Reported | IncidentKind::Isolation | IncidentKind::Own | IncidentKind::Service) => {
                self.frame.say(notify::summary(incident, self.inventory, false))
            }
        }
    }

    /// The newest of all timelines.
    fn events(&self, snapshot: &Snapshot) -> Value {
        let unclosed = snapshot.incidents.iter().filter(|incident| incident.phase != IncidentPhase::Closed);
        let newest = unclosed.flat_map(|incident| {
            incident.timeline.iter().rev().take(EVENTS).map(move |entry| (entry.at, entry.number, incident, entry))
        });
        let mut newest: Vec<_> = newest.collect();
        newest.sort_by_key(|&(at, number, ..)| std::cmp::Reverse((at, number)));
        let line = |&(at, _, incident, entry): &(_, _, &Arc<Incident>, &crate::incident::TimelineEntry)| {
            json!({
                "at": self.frame.clock(at),
                "event": entry.event,
                "text": self.frame.page(PageText::Event(entry.event.clone())),
                "scope": self.scope(incident),
            })
        };
        newest.iter().take(EVENTS).map(line).collect()
    }

    /// What ends first: certificates, domains, entries of the register. Names often are names of units.
    fn expiring(&self, snapshot: &Snapshot) -> Value {
        let row = |expiry: &Expiry<'_>| {
            json!({"name": if self.visitor { "" } else { expiry.name }, "kind": self.frame.sheet(expiry.kind),
                   "ends": self.frame.day(expiry.ends), "days": expiry.days, "class": expiry.class()})
        };
        expiries(snapshot, self.frame.now.utc).iter().take(EXPIRING).map(row).collect()
    }

    /// Websites with failed visits by the rule on sites that cannot be opened: the fewest left before the veto first.
    fn veto(&self, snapshot: &Snapshot) -> Value {
        let sites = &snapshot.services.sites;
        let standing = |view: &ServiceView| sites.get(&view.service.id)?.reachability;
        let mut failing: Vec<_> = snapshot
            .services
            .list
            .iter()
            .filter_map(|view| Some((standing(view).filter(|standing| standing.failed > 0)?, view)))
            .collect();
        failing.sort_by_key(|(standing, _)| standing.failures_left);
        let row = |(standing, view): &(Standing, &ServiceView)| {
            let is_reached = standing.failures_left == 0;
            json!({
                "name": if self.visitor { "" } else { &view.service.name },
                "share": percent((standing.failed.into(), standing.visits.into())),
                "left": match is_reached {
                    true => self.frame.page(PageText::VetoReached),
                    false => standing.failures_left.to_string(),
                },
                "reached": is_reached,
            })
        };
        failing.iter().take(VETO).map(row).collect()
    }

    /// One letter a service in the order of its file, as cells of links have; and how many are in which state.
    fn services(&self, snapshot: &Snapshot) -> Value {
        let letters = snapshot.services.list.iter().map(|view| match view.state {
            ServiceState::Up => 'u',
            ServiceState::Degraded => 'd',
            ServiceState::Down => 'x',
            ServiceState::Unknown | ServiceState::NeverVerified => 'n',
        });
        let cells: String = letters.collect();
        let count = |letter| cells.chars().filter(|own| *own == letter).count();
        json!({"total": cells.len(), "up": count('u'), "degraded": count('d'), "down": count('x'), "unknown": count('n'), "cells": cells})
    }

    /// Links that were down in the running period, by what the objective still allows them: figures of the ledger.
    fn worst(&self, snapshot: &Snapshot) -> Value {
        let promised = snapshot.contract.objectives.availability;
        let links = self.inventory.links.iter().zip(snapshot.links());
        let mut spent: Vec<_> = links
            .filter_map(|(link, view)| Some((snapshot.judged(view)?.accounted, link)))
            .filter(|(period, _)| period.down > 0)
            .map(|(period, link)| (period.budget_left(promised), link))
            .collect();
        spent.sort_by_key(|(left, link)| (*left, link.priority));
        let row = |&(left, link): &(i64, &Link)| {
            let unit = if self.visitor { "" } else { &self.inventory.units[link.unit.at()].name };
            let sign = if left < 0 { "−" } else { "" };
            json!({"link": link.id.as_str(), "unit": unit, "spent": left < 0,
                   "left": format!("{sign}{}", spell(left.unsigned_abs() / 1_000))})
        };
        spent.iter().take(WORST).map(row).collect()
    }
}
