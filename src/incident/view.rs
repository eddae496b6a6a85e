//! An incident as outsiders read it, in the API and in webhooks: English keys, times with an offset.

use chrono_tz::Tz;
use serde::Serialize;

use super::{
    ActedBy, Incident, IncidentKind, IncidentPhase, Redundancy,
    desk_view::{TicketView, tickets},
};
use crate::{
    command::Resolution,
    inventory::LinkId,
    units::{At, Timestamp},
};

/// One incident with its clocks, links and timeline.
#[derive(Serialize)]
pub struct IncidentView<'a> {
    id: &'a str,
    merged_into: Option<&'a str>,
    phase: IncidentPhase,
    kind: IncidentKind,
    source: Option<&'a str>,
    drill: bool,
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
    acknowledgements: Vec<ByParty<'a>>,
    promises: Vec<Promised<'a>>,
    confirmations: Vec<Confirmed<'a>>,
    closed_by: Option<Acted<'a>>,
    annulled: Option<Annulled<'a>>,
    resolution: Option<Resolution>,
    clocks: Vec<ClockRow<'a>>,
    redundancy: &'a [Redundancy],
    relapses: u32,
    flapping: Option<At>,
    /// Id of the incident that explains it.
    parent: Option<&'a str>,
    links: Vec<Member<'a>>,
    /// The service that it is about, and why it fails.
    service: Option<&'a super::ServicePart>,
    tickets: Vec<TicketView<'a>>,
    timeline: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Acted<'a> {
    actor: &'a str,
    at: At,
    way: &'a str,
    note: &'a str,
}

#[derive(Serialize)]
struct ByParty<'a> {
    party: &'a str,
    #[serde(flatten)]
    by: Acted<'a>,
    work_order: &'a str,
}

#[derive(Serialize)]
struct Promised<'a> {
    party: &'a str,
    eta: At,
    due: Option<At>,
}

#[derive(Serialize)]
struct Confirmed<'a> {
    condition: &'a str,
    #[serde(flatten)]
    by: Acted<'a>,
}

#[derive(Serialize)]
struct Annulled<'a> {
    second: &'a str,
    #[serde(flatten)]
    by: Acted<'a>,
}

#[derive(Serialize)]
struct ClockRow<'a> {
    clock: &'a str,
    tier: u8,
    party: &'a str,
    started: At,
    /// What it started at.
    starts: &'a str,
    /// The switch of the contract that says so; `null`: its text does.
    switch: Option<&'a str>,
    deadline: At,
    stopped: Option<At>,
    overdue: Option<At>,
    /// Whether the promise was kept; `null` while it runs.
    met: Option<bool>,
    calendar: &'a str,
    clause: &'a str,
}

#[derive(Serialize)]
struct Member<'a> {
    link: &'a str,
    down: bool,
}

#[derive(Serialize)]
struct Entry<'a> {
    number: u32,
    at: At,
    event: &'a str,
    actor: &'a str,
    party: &'a str,
    way: &'a str,
    note: &'a str,
    recorded: Option<At>,
    eta: Option<At>,
    corrects: Option<u32>,
    work_order: &'a str,
    /// Empty: all of the party's.
    links: &'a [LinkId],
}

impl<'a> IncidentView<'a> {
    pub fn new(incident: &'a Incident, zone: Tz) -> Self {
        let at = |at: Timestamp| At(at, zone);
        let acted = |by: &'a ActedBy| Acted { actor: &by.actor, at: at(by.at), way: &by.way, note: &by.note };
        Self {
            id: &incident.id,
            merged_into: incident.merged_into.as_deref(),
            phase: incident.phase,
            kind: incident.kind,
            source: incident.source.as_deref(),
            drill: incident.drill,
            tier: incident.tier,
            scope: &incident.scope.kind,
            scope_id: &incident.scope.id,
            inferred: incident.inferred,
            unit_power_suspected: incident.unit_power_suspected,
            began: at(incident.began),
            opened: at(incident.opened),
            announced: incident.announced.map(at),
            restored: incident.restored.map(at),
            closed: incident.closed.map(at),
            acknowledged: incident.acknowledged().map(acted),
            acknowledgements: incident
                .acknowledgements
                .iter()
                .map(|one| ByParty { party: &one.party, by: acted(&one.by), work_order: &one.work_order })
                .collect(),
            promises: incident
                .promises
                .iter()
                .map(|one| Promised { party: &one.party, eta: at(one.eta), due: one.due.map(at) })
                .collect(),
            confirmations: incident
                .confirmations
                .iter()
                .map(|one| Confirmed { condition: &one.condition, by: acted(&one.by) })
                .collect(),
            closed_by: incident.closed_by.as_ref().map(acted),
            annulled: incident.annulled.as_ref().map(|one| Annulled { second: &one.second, by: acted(&one.by) }),
            resolution: incident.resolution,
            clocks: incident
                .clocks
                .iter()
                .map(|clock| ClockRow {
                    clock: &clock.clock,
                    tier: clock.tier,
                    party: &clock.party,
                    started: at(clock.started),
                    starts: &clock.starts,
                    switch: clock.switch.as_deref(),
                    deadline: at(clock.deadline),
                    stopped: clock.stopped.map(at),
                    overdue: clock.overdue.map(at),
                    met: clock.met(),
                    calendar: &clock.calendar,
                    clause: &clock.clause,
                })
                .collect(),
            redundancy: &incident.redundancy,
            relapses: incident.relapses,
            flapping: incident.flapping.map(at),
            parent: incident.parent.as_ref().map(|parent| parent.incident.as_str()),
            links: incident.links.iter().map(|(link, down)| Member { link: link.as_str(), down: *down }).collect(),
            service: incident.service.as_deref(),
            tickets: tickets(&incident.tickets, zone),
            timeline: incident
                .timeline
                .iter()
                .map(|entry| Entry {
                    number: entry.number,
                    at: at(entry.at),
                    event: &entry.event,
                    actor: &entry.actor,
                    party: &entry.party,
                    way: &entry.way,
                    note: &entry.note,
                    recorded: entry.recorded.map(at),
                    eta: entry.eta.map(at),
                    corrects: entry.corrects,
                    work_order: &entry.work_order,
                    links: &entry.links,
                })
                .collect(),
        }
    }

    /// What a party may see of it: its own links, clocks, promises and words. `None`: it is none of its matters.
    pub fn of_party(mut self, party: &str, is_own: impl Fn(&str) -> bool) -> Option<Self> {
        self.links.retain(|member| is_own(member.link));
        self.acknowledgements.retain(|one| one.party == party);
        self.promises.retain(|one| one.party == party);
        self.clocks.retain(|one| one.party == party);
        self.timeline.retain(|one| one.party == party);
        let is_its = !self.links.is_empty();
        is_its.then_some(Self {
            acknowledged: None,
            confirmations: vec![],
            closed_by: None,
            annulled: None,
            redundancy: &[],
            parent: None,
            service: None,
            tickets: vec![],
            ..self
        })
    }
}
