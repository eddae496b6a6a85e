//! Faults that people and other systems report: they join what was measured, or stand as "reported, not seen by probes".
//!
//! In: a [`Reported`] fault. Out: an entry in the incident that holds the link, or an incident of kind `reported`, whose
//! clocks run from the time that was told. When a probe sees the fault later, the report becomes part of the measured
//! incident; what nobody measures ends by a person's word, or that of the system that reported it.

use std::{collections::BTreeSet, time::Duration};

use super::{
    ActedBy, EffectKind, IncidentKind, IncidentPhase, Incidents, Scope, ScopeKind, TimelineEntry, World,
    case::OURSELVES, closing::said, record::OPERATOR,
};
use crate::{
    command::{Refusal, Reply, Reported, Step},
    inventory::{LinkId, LinkIndex},
    units::{Now, Timestamp},
};

/// Links that one report may name, and open incidents that nobody measured.
const MOST_LINKS: usize = 256;
const MOST_REPORTED: usize = 500;
/// A fault that began earlier is no news.
const OLDEST: Duration = Duration::from_hours(7 * 24);
/// Longest name of a report of another system.
const SOURCE: usize = 128;

impl Incidents {
    /// `by` says who reports, and what.
    pub(super) fn report(
        &mut self,
        reported: &Reported,
        by: ActedBy,
        now: Now,
        world: &World<'_>,
    ) -> Result<Reply, Refusal> {
        let at = reported.at.unwrap_or(now.utc);
        if at > now.utc || now.utc.since(at) > OLDEST {
            return Err(Refusal::WrongTime);
        }
        if by.note.is_empty() {
            return Err(Refusal::NothingReported);
        }
        let entry = entry(reported, &by, at, now, world)?;
        let links = links_of(reported, world)?;
        let told = |incidents: Vec<String>, joined| Ok(Reply::Reported { at: now.utc, incidents, joined });
        if let Some(id) = self.of_source(&reported.source) {
            return told(vec![id], true);
        }
        // An exercise is a matter of its own.
        let real = links.iter().filter(|_| !reported.drill);
        let measured: BTreeSet<u64> = real.filter_map(|link| self.measured(&id_of(*link, world))).collect();
        if !measured.is_empty() {
            let mut ids = vec![];
            for number in measured {
                let Some(case) = self.cases.get_mut(&number) else { continue };
                if case.is_full() {
                    return Err(Refusal::TimelineFull);
                }
                ids.push(case.incident.id.clone());
                let again = |known: &TimelineEntry| (&known.way, &known.note) == (&entry.way, &entry.note);
                // Another system says the same again after a restart of ours.
                if !reported.source.is_empty() && case.incident.timeline.iter().any(again) {
                    continue;
                }
                case.write(entry.clone());
                case.unwound = true;
                self.tell(number, EffectKind::Changed);
            }
            return told(ids, true);
        }
        let is_open = |phase| phase == IncidentPhase::Open;
        let reports = self
            .cases
            .values()
            .filter(|case| case.incident.kind == IncidentKind::Reported && is_open(case.incident.phase));
        if reports.count() >= MOST_REPORTED {
            return Err(Refusal::TooManyReports);
        }
        let number = self.open(IncidentKind::Reported, scope(reported, &links, world), at, now);
        let Some(case) = self.cases.get_mut(&number) else { return Err(Refusal::NoSuchIncident) };
        let record = case.record();
        record.links = links.iter().map(|link| (id_of(*link, world), false)).collect();
        record.links.sort_unstable();
        record.source = Some(reported.source.clone()).filter(|source| !source.is_empty());
        record.drill = reported.drill;
        record.tier = world.contract.tiers.partial.level;
        // We saw nothing of it.
        record.timeline.clear();
        case.write(entry);
        if !links.is_empty() {
            case.set_tier(&world.contract.tiers.partial, at);
        }
        let id = case.incident.id.clone();
        self.tell(number, EffectKind::Opened);
        self.announce(number, now);
        told(vec![id], false)
    }

    /// Whoever reported it, or a person, says that it is over: nobody measures it.
    pub(super) fn reported_over(
        &mut self,
        incident: &str,
        by: ActedBy,
        at: Option<Timestamp>,
        now: Now,
    ) -> Result<(), Refusal> {
        let (number, case) = self.spoken_of(incident)?;
        if case.incident.kind != IncidentKind::Reported || case.incident.phase != IncidentPhase::Open {
            return Err(Refusal::Measured);
        }
        let at = at.unwrap_or(now.utc);
        if !(case.incident.began..=now.utc).contains(&at) {
            return Err(Refusal::WrongTime);
        }
        case.write(TimelineEntry {
            recorded: (at != now.utc).then_some(now.utc),
            at,
            ..said("reported_over", "", &by)
        });
        case.end_at(at, now);
        self.tell(number, EffectKind::Restored);
        Ok(())
    }

    /// Reports of links that a probe has found down since are part of what was measured.
    pub(super) fn join_reports(&mut self, now: Now) {
        let part_of = |(number, case): (&u64, &super::case::Case)| {
            let incident = &case.incident;
            let waits =
                incident.kind == IncidentKind::Reported && incident.phase == IncidentPhase::Open && !incident.drill;
            let mut measured = incident.links.iter().filter_map(|(link, _)| self.measured(link));
            Some((*number, measured.next()?)).filter(|_| waits)
        };
        let joining: Vec<(u64, u64)> = self.cases.iter().filter_map(part_of).collect();
        for (part, whole) in joining {
            let Some(case) = self.cases.get(&part) else { continue };
            let entries: Vec<_> =
                case.incident.timeline.iter().filter(|entry| entry.actor != OURSELVES).cloned().collect();
            if let Some(case) = self.cases.get_mut(&whole) {
                entries.into_iter().for_each(|entry| case.write(entry));
                case.unwound = true;
            }
            self.merge(part, whole, now);
            self.tell(whole, EffectKind::Changed);
        }
    }

    /// The open outage that was told of and holds the link.
    fn measured(&self, link: &LinkId) -> Option<u64> {
        let number = *self.by_link.get(link)?;
        self.cases
            .get(&number)
            .filter(|case| case.is_open_outage() && case.incident.announced.is_some())
            .map(|_| number)
    }

    /// The open incident that this report of another system opened.
    fn of_source(&self, source: &str) -> Option<String> {
        let is_it = |case: &&super::case::Case| {
            case.incident.phase == IncidentPhase::Open && case.incident.source.as_deref() == Some(source)
        };
        self.cases.values().filter(|_| !source.is_empty()).find(is_it).map(|case| case.incident.id.clone())
    }
}

fn entry(
    reported: &Reported,
    by: &ActedBy,
    at: Timestamp,
    now: Now,
    world: &World<'_>,
) -> Result<TimelineEntry, Refusal> {
    let party = match reported.party.trim() {
        "" => OPERATOR,
        party => party,
    };
    let is_unit = |party: &str| {
        party.strip_prefix("unit/").is_some_and(|id| world.inventory.units.iter().any(|unit| unit.id == *id))
    };
    if !(party == OPERATOR || party == "customer" || is_unit(party)) {
        return Err(Refusal::NoSuchParty { known: ["operator", "customer", "unit/ID"].map(str::to_owned).into() });
    }
    // The word of the customer starts clocks; ours and that of other systems does not.
    let is_customer = party != OPERATOR && reported.source.is_empty();
    Ok(TimelineEntry {
        at,
        event: if is_customer { Step::CustomerReported.as_str() } else { "reported" }.to_owned(),
        actor: by.actor.clone(),
        note: by.note.clone(),
        party: party.to_owned(),
        way: by.way.clone(),
        recorded: (at != now.utc).then_some(now.utc),
        ..TimelineEntry::default()
    })
}

/// Links in service that the report names. Only another system may name none.
fn links_of(reported: &Reported, world: &World<'_>) -> Result<BTreeSet<LinkIndex>, Refusal> {
    let refused = |link: &str| Refusal::NoSuchLink { link: link.chars().take(SOURCE).collect() };
    let none = reported.links.is_empty() && reported.source.is_empty();
    if none || reported.links.len() > MOST_LINKS || reported.source.chars().count() > SOURCE {
        return Err(refused(""));
    }
    let known = |id: &String| LinkId::parse(id).and_then(|id| world.scopes.link(&id)).ok_or_else(|| refused(id));
    reported.links.iter().map(known).collect()
}

/// What the report is about: one link; else the unit or carrier that all its links share; else the first link.
fn scope(reported: &Reported, links: &BTreeSet<LinkIndex>, world: &World<'_>) -> Scope {
    let of = |link: &LinkIndex| &world.inventory.links[link.at()];
    let Some(first) = links.first().map(of) else {
        return Scope { kind: "outside".to_owned(), id: reported.source.clone() };
    };
    let shared = |same: &dyn Fn(&LinkIndex) -> bool| links.len() > 1 && links.iter().all(same);
    if shared(&|link| of(link).unit == first.unit) {
        return ScopeKind::Unit.scope(&world.inventory.units[first.unit.at()].id);
    }
    if shared(&|link| of(link).carrier == first.carrier) {
        return ScopeKind::Carrier.scope(&world.inventory.carriers[first.carrier.at()].id);
    }
    ScopeKind::Link.scope(first.id.as_str())
}

fn id_of(link: LinkIndex, world: &World<'_>) -> LinkId {
    world.inventory.links[link.at()].id.clone()
}
