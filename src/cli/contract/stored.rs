//! Incidents that are stored, as faults that a draft is asked about: its clocks, from what was written down of each.
//!
//! In: incidents, and the draft. Out: [`Stored`], each with its runs. What was annulled, was an exercise or became part of
//! another is none; a link's scope is the network where the draft's share of all links of the inventory is reached.

use std::{collections::BTreeMap, path::Path};

use chrono_tz::Tz;
use serde_json::{Value, json};

use super::assessed::{Deduction, run_json, run_line};
use crate::{
    command::Step,
    contract::{
        Contract, Facts, Moments,
        assessment::{Event, Fault, Run},
        words::{ClockKind, FaultKind, Impact, Scope},
    },
    incident::{Incident, IncidentKind, TimelineEntry, service_facts},
    inventory::{Inventory, Kind},
    ledger::Month,
    sample::service::Reason,
    store::{Reader, StoreError},
    text::{AssessedText, Message},
    units::Timestamp,
};

/// Whose steps count.
const OPERATOR: &str = "operator";

/// Incidents that began in a month that is `asked` for, oldest first; what this version cannot read is left out.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn incidents(data_dir: &Path, zone: Tz, asked: impl Fn(&str) -> bool) -> Result<Vec<Incident>, StoreError> {
    let mut found: Vec<Incident> = vec![];
    Reader::open(data_dir)?.each_incident(|_, record| {
        found.extend(serde_json::from_value::<Incident>(record).ok());
    })?;
    let counts = |incident: &Incident| {
        matches!(incident.kind, IncidentKind::Outage | IncidentKind::Service)
            && !incident.drill
            && incident.annulled.is_none()
            && incident.merged_into.is_none()
            && asked(&Month::containing(incident.began, zone).to_string())
    };
    found.retain(counts);
    found.sort_by(|one, other| (one.began, &one.id).cmp(&(other.began, &other.id)));
    Ok(found)
}

/// One incident and what the draft's clocks make of it.
pub(super) struct Stored<'a> {
    incident: &'a Incident,
    pub fault: Fault<'a>,
    runs: Vec<Run<'a>>,
    deductions: Vec<Deduction>,
}

impl<'a> Stored<'a> {
    /// `inventory`: the links as they are now.
    pub fn of(incident: &'a Incident, contract: &'a Contract, inventory: Option<&Inventory>) -> Self {
        let fault = fault(incident, contract, inventory);
        let runs = contract.terms.runs(&fault);
        let event = Event { overruns: runs.iter().filter_map(Run::overrun).collect(), in_a_row: 1, ..Event::default() };
        let deductions = contract.terms.assessment.spoken_for(&event).into_iter().map(Deduction::from).collect();
        Self { incident, fault, runs, deductions }
    }

    /// A clock ran out before it was stopped.
    pub fn is_late(&self) -> bool {
        self.runs.iter().any(|run| run.late().is_some())
    }

    pub fn json(&self, zone: Tz) -> Value {
        json!({
            "incident": self.incident.id, "scope": self.scope(), "at": self.incident.began.rfc3339(zone),
            "clocks": self.runs.iter().map(|run| run_json(run, zone)).collect::<Vec<_>>(),
            "deductions": self.deductions,
        })
    }

    pub fn lines(&self, number: usize, zone: Tz) -> Vec<Message> {
        let (target, at) = (format!("{} {}", self.incident.id, self.scope()), self.incident.began.rfc3339(zone));
        let first = AssessedText::Fault { number, target, at }.into();
        let runs = self.runs.iter().map(|run| run_line(run, zone));
        let deductions = self.deductions.iter().map(|one| AssessedText::Deduction { text: one.text() }.into());
        std::iter::once(first).chain(runs).chain(deductions).collect()
    }

    fn scope(&self) -> String {
        format!("{} {}", self.incident.scope.kind, self.incident.scope.id)
    }
}

fn fault<'a>(incident: &'a Incident, contract: &'a Contract, inventory: Option<&Inventory>) -> Fault<'a> {
    let entry = |is: &dyn Fn(&TimelineEntry) -> bool| {
        incident.timeline.iter().filter(|entry| is(entry)).map(|entry| entry.at).min()
    };
    let told = |event: &str| entry(&|entry| entry.event == event);
    let moments = Moments {
        detected: Some(incident.opened.max(incident.began)),
        alarmed: incident.announced,
        notice_delivered: told("notified"),
        customer_reported: told("customer_reported"),
        restored: incident.restored,
        ..Moments::begun(incident.began)
    };
    let step = |kind: &ClockKind| -> Option<(ClockKind, Timestamp)> {
        let at = match kind {
            ClockKind::Response => incident.acknowledged().map(|by| by.at),
            ClockKind::Restore => incident.restored,
            _ => {
                let ours = |entry: &TimelineEntry| entry.party.is_empty() || entry.party == OPERATOR;
                let stops = |entry: &TimelineEntry| {
                    serde_json::from_value::<Step>(Value::from(entry.event.as_str())).ok()?.stops()
                };
                entry(&|entry| ours(entry) && stops(entry) == Some(kind.as_str()))
            }
        };
        Some((*kind, at?))
    };
    let done: BTreeMap<ClockKind, Timestamp> = ClockKind::ALL.iter().filter_map(step).collect();
    match &incident.service {
        Some(service) => {
            let reason = Reason::ALL.iter().find(|reason| reason.as_str() == service.reason);
            let is_partial = reason.is_some_and(|reason| reason.is_partial());
            let impact = if is_partial { Impact::Degraded } else { Impact::Stopped };
            let facts = service_facts(service, impact);
            Fault { target: contract.service_target(&service.id, &service.requirement), facts, moments, done }
        }
        None => {
            let known = inventory.iter().flat_map(|inventory| &inventory.links);
            let (all, own) = (inventory.map_or(0, |inventory| inventory.links.len()), incident.links.len());
            let kind =
                known.filter(|link| incident.links.iter().any(|(id, _)| *id == link.id)).map(|link| link.kind).next();
            let (failing, measured) = (crate::diagnostic::count(own), crate::diagnostic::count(all.max(own)));
            let is_network = u64::from(failing) * 1_000_000
                >= u64::from(contract.tiers.network_share.0) * u64::from(measured.max(1));
            let scope = if is_network { Scope::Network } else { incident.part_of_network() };
            let facts = Facts {
                scope,
                failing,
                measured,
                kind: FaultKind::Outage,
                impact: None,
                service_class: None,
                case: None,
            };
            Fault { target: contract.target(kind.unwrap_or(Kind::Private)), facts, moments, done }
        }
    }
}
