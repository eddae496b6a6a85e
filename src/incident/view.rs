//! An incident as outsiders read it, in the API and in webhooks: English keys, times with an offset.

use chrono_tz::Tz;
use serde::Serialize;

use super::{ActedBy, Incident, IncidentKind, IncidentPhase};
use crate::units::At;

/// One incident with its clocks, links and timeline.
#[derive(Serialize)]
pub struct IncidentView<'a> {
    id: &'a str,
    merged_into: Option<&'a str>,
    phase: IncidentPhase,
    kind: IncidentKind,
    tier: u8,
    scope: &'a str,
    scope_id: &'a str,
    inferred: bool,
    unit_power_suspected: bool,
    began: At,
    opened: At,
    announced: Option<At>,
    restored: Option<At>,
    closed: Option<At>,
    acknowledged: Option<Acted<'a>>,
    closed_by: Option<Acted<'a>>,
    clocks: Vec<ClockRow<'a>>,
    links: Vec<Member<'a>>,
    timeline: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Acted<'a> {
    actor: &'a str,
    at: At,
    note: &'a str,
}

#[derive(Serialize)]
struct ClockRow<'a> {
    clock: &'a str,
    tier: u8,
    party: &'a str,
    started: At,
    deadline: At,
    stopped: Option<At>,
    overdue: Option<At>,
    clause: &'a str,
}

#[derive(Serialize)]
struct Member<'a> {
    link: &'a str,
    down: bool,
}

#[derive(Serialize)]
struct Entry<'a> {
    at: At,
    event: &'a str,
    actor: &'a str,
    note: &'a str,
}

impl<'a> IncidentView<'a> {
    pub fn new(incident: &'a Incident, zone: Tz) -> Self {
        let acted = |by: &'a ActedBy| Acted { actor: &by.actor, at: At(by.at, zone), note: &by.note };
        Self {
            id: &incident.id,
            merged_into: incident.merged_into.as_deref(),
            phase: incident.phase,
            kind: incident.kind,
            tier: incident.tier,
            scope: &incident.scope.kind,
            scope_id: &incident.scope.id,
            inferred: incident.inferred,
            unit_power_suspected: incident.unit_power_suspected,
            began: At(incident.began, zone),
            opened: At(incident.opened, zone),
            announced: incident.announced.map(|at| At(at, zone)),
            restored: incident.restored.map(|at| At(at, zone)),
            closed: incident.closed.map(|at| At(at, zone)),
            acknowledged: incident.acknowledged.as_ref().map(acted),
            closed_by: incident.closed_by.as_ref().map(acted),
            clocks: incident
                .clocks
                .iter()
                .map(|clock| ClockRow {
                    clock: &clock.clock,
                    tier: clock.tier,
                    party: &clock.party,
                    started: At(clock.started, zone),
                    deadline: At(clock.deadline, zone),
                    stopped: clock.stopped.map(|at| At(at, zone)),
                    overdue: clock.overdue.map(|at| At(at, zone)),
                    clause: &clock.clause,
                })
                .collect(),
            links: incident.links.iter().map(|(link, down)| Member { link: link.as_str(), down: *down }).collect(),
            timeline: incident
                .timeline
                .iter()
                .map(|entry| Entry {
                    at: At(entry.at, zone),
                    event: &entry.event,
                    actor: &entry.actor,
                    note: &entry.note,
                })
                .collect(),
        }
    }
}
