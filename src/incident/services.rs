//! Incidents of services: one for each that fails, of the contract's classes for services.
//!
//! In: [`ServiceChange`]s, each with all that its incident must know, so that a replay needs no other file. An incident
//! opens at once and is told of when the grace is over: what it stands behind, such as a link, a proxy or a sign-on, may
//! turn out to be the cause meanwhile (`parents`). It rises while it is open, from degraded to stopped, and never falls.

use serde::{Deserialize, Serialize};

use super::{EffectKind, IncidentKind, IncidentPhase, Incidents, ScopeKind, World, case::Case, case::OURSELVES};
use crate::{
    contract::{Contract, Facts, Target, words},
    judge::service::ServiceState,
    units::{Mono, Now, Timestamp},
};

/// A new state of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceChange {
    pub state: ServiceState,
    /// From when it holds: the first visit that showed it.
    pub since: Timestamp,
    pub service: ServicePart,
}

/// What an incident knows of its service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServicePart {
    pub id: String,
    pub name: String,
    pub url: String,
    /// Of the contract; empty: none.
    pub requirement: String,
    /// Id of a unit; empty: nobody's.
    pub owner: String,
    pub zone: String,
    pub criticality: String,
    /// Where and why the last visit failed, by their names in metrics; and what was said.
    pub phase: String,
    pub reason: String,
    pub text: String,
    /// Links and services that it stands behind.
    pub depends_on: Vec<String>,
    /// How often it is visited, in milliseconds: what it stands behind is over before it can know.
    pub interval: u64,
}

/// Impacts that a probe can tell apart, the worse first.
const IMPACTS: [words::Impact; 2] = [words::Impact::Stopped, words::Impact::Degraded];

/// The most severe level of the contract for a service of which this much is left; `None`: the contract has none for it.
pub(super) fn level(service: &ServicePart, impact: words::Impact, contract: &Contract) -> Option<u8> {
    let (target, facts) = (target(service, contract), facts(service, impact));
    let classes = contract.terms.classes.iter().chain(&contract.terms.overrides);
    classes.filter(|class| class.applies.covers(&target)).filter_map(|class| class.tier(&facts)?.level).min()
}

/// The impact that an incident of this level was of.
pub(super) fn impact(service: &ServicePart, level_of_it: u8, contract: &Contract) -> words::Impact {
    let is_it = |impact: &words::Impact| level(service, *impact, contract).unwrap_or(0) == level_of_it;
    IMPACTS.into_iter().find(is_it).unwrap_or(words::Impact::Stopped)
}

pub(super) fn target<'a>(service: &'a ServicePart, contract: &'a Contract) -> Target<'a> {
    contract.service_target(&service.id, &service.requirement)
}

/// What conditions of the contract ask about a service of which this much is left.
pub fn facts(service: &ServicePart, impact: words::Impact) -> Facts<'_> {
    let kind = match impact {
        words::Impact::Stopped => words::FaultKind::Outage,
        _ => words::FaultKind::Quality,
    };
    let service_class = Some(service.criticality.as_str()).filter(|class| !class.is_empty());
    Facts { scope: words::Scope::Link, failing: 1, measured: 1, kind, impact: Some(impact), service_class, case: None }
}

impl Incidents {
    pub(super) fn service(&mut self, change: ServiceChange, now: Now, world: &World<'_>) {
        let ServiceChange { state, since, service } = change;
        match state {
            ServiceState::Down => self.service_fails(service, words::Impact::Stopped, since, now, world),
            ServiceState::Degraded => self.service_fails(service, words::Impact::Degraded, since, now, world),
            ServiceState::Up => self.service_works(&service.id, since, now),
            // Nobody says that it is over.
            ServiceState::Unknown => {}
            // It is another now, or gone: its outage ends with it.
            ServiceState::NeverVerified => {
                if let Some(case) = self.by_service.get(&service.id).and_then(|number| self.cases.get_mut(number)) {
                    case.note(since, "suspended", OURSELVES, service.id.as_str());
                }
                self.service_works(&service.id, since, now);
            }
        }
    }

    fn service_fails(
        &mut self,
        service: ServicePart,
        impact: words::Impact,
        since: Timestamp,
        now: Now,
        world: &World<'_>,
    ) {
        let level = level(&service, impact, world.contract).unwrap_or(0);
        let known = self.by_service.get(&service.id).copied();
        let Some((number, case)) = known.and_then(|number| Some((number, self.cases.get_mut(&number)?))) else {
            let number = self.open(IncidentKind::Service, ScopeKind::Service.scope(&service.id), since, now);
            self.by_service.insert(service.id.clone(), number);
            if let Some(case) = self.cases.get_mut(&number) {
                case.note(since, "reason", OURSELVES, format!("{} {}", service.phase, service.reason));
                case.record().service = Some(Box::new(service));
                case.set_level(level, since);
            }
            self.told_later.insert(number, now.mono.plus(world.contract.grouping.grace));
            self.tell(number, EffectKind::Opened);
            return;
        };
        case.note(since, "reason", OURSELVES, format!("{} {}", service.phase, service.reason));
        let restored = case.incident.phase == IncidentPhase::Restored;
        case.record().service = Some(Box::new(service));
        let rises = level > 0 && (case.incident.tier == 0 || level < case.incident.tier);
        if rises {
            case.note(since, "tier_raised", OURSELVES, format!("tier {level}"));
            case.add_level(level, since);
        }
        if restored {
            case.failed(since);
            case.relapse(since, "");
            let flaps = case.flaps(now, &world.contract.terms.flaps);
            self.tell_relapse(number, flaps);
        } else {
            self.tell(number, if rises { EffectKind::TierRaised } else { EffectKind::Changed });
        }
    }

    fn service_works(&mut self, id: &str, since: Timestamp, now: Now) {
        let Some(number) = self.by_service.get(id).copied() else { return };
        let Some(case) = self.cases.get_mut(&number).filter(|case| case.incident.phase == IncidentPhase::Open) else {
            return;
        };
        case.end_at(since, now);
        // Whatever ends within the grace was there all the same.
        self.told_later.remove(&number);
        self.announce(number, now);
        self.tell(number, EffectKind::Restored);
    }

    /// Tells of services whose grace is over.
    pub(super) fn tell_of_services(&mut self, now: Now, world: &World<'_>) {
        let due = |(number, at): (&u64, &Mono)| (*at <= now.mono).then_some(*number);
        let due: Vec<u64> = self.told_later.iter().filter_map(due).collect();
        for number in due {
            self.told_later.remove(&number);
            self.look_for_parent(number, now, world);
            self.announce(number, now);
        }
    }

    /// The open incident of something that the service stands behind: it explains this one.
    pub(super) fn service_explained_by(
        &self,
        number: u64,
        service: &ServicePart,
        case: &Case,
        world: &World<'_>,
    ) -> Option<u64> {
        let explains = |on: &String| {
            let link = crate::inventory::LinkId::parse(on).and_then(|link| {
                let parent = *self.by_link.get(&link)?;
                let other = self.cases.get(&parent)?;
                (other.is_open_outage() && other.is_down(&link) == Some(true)).then_some(parent)
            });
            let service = || {
                let parent = *self.by_service.get(on)?;
                self.cases.get(&parent).filter(|other| other.incident.phase == IncidentPhase::Open).map(|_| parent)
            };
            let parent = link.or_else(service).filter(|parent| *parent != number)?;
            let began = self.cases.get(&parent)?.incident.began;
            case.may_follow_from(began, world.contract.grouping.parent_late).then_some(parent)
        };
        service.depends_on.iter().find_map(explains)
    }
}
