//! Loss of sight: all our witnesses are silent, and we cannot tell what is down.
//!
//! It is never silent: an incident with the clocks of the network tier opens at once. What fails meanwhile is held; when
//! a witness answers again, links have some seconds to answer too, and only what the evidence then calls down opens an
//! incident of its own.

use std::{collections::BTreeMap, time::Duration};

use super::{
    ActedBy, EffectKind, IncidentKind, IncidentPhase, Incidents, ScopeKind, World, closing::said, storm::Storm,
};
use crate::{
    command::{Refusal, Resolution},
    inventory::LinkId,
    judge::LinkState,
    units::{Mono, Now, Timestamp},
};

/// Our witnesses are silent, or were until a moment ago.
#[derive(Debug)]
pub(super) struct Isolation {
    /// Its incident. `None`: a person has said that it is an outage, which ends as outages do.
    case: Option<u64>,
    /// Links that failed meanwhile: they may be down, or it was us.
    held: BTreeMap<LinkId, Timestamp>,
    /// When a witness answered again.
    ended: Option<Mono>,
}

impl Isolation {
    pub fn new(case: u64, held: BTreeMap<LinkId, Timestamp>) -> Self {
        Self { case: Some(case), held, ended: None }
    }

    /// A link fails. Nobody can tell yet whether it is the link: while witnesses are silent, and for as long after as a
    /// good link needs to prove itself.
    pub fn hold(&mut self, link: LinkId, since: Timestamp) {
        let known = self.held.entry(link).or_insert(since);
        if self.ended.is_some() {
            // Newer evidence than what was seen while we were cut off.
            *known = since;
        }
    }

    /// A link answers.
    pub fn forget(&mut self, link: &LinkId) {
        self.held.remove(link);
    }

    /// When it is over for good: until then, links may prove that they answer again.
    pub fn due(&self, proof: Duration) -> Option<Mono> {
        self.ended.map(|ended| ended.plus(proof))
    }
}

impl Incidents {
    pub(super) fn isolated(&mut self, since: Timestamp, now: Now, world: &World<'_>) {
        if let Some(isolation) = &mut self.isolation {
            if isolation.ended.take().is_some()
                && let Some((number, case)) =
                    isolation.case.and_then(|number| Some((number, self.cases.get_mut(&number)?)))
            {
                case.relapse(since, "");
                self.tell(number, EffectKind::Relapsed);
            }
            return;
        }
        let number = self.open(IncidentKind::Isolation, ScopeKind::Network.scope(""), since, now);
        if let Some(case) = self.cases.get_mut(&number) {
            case.set_tier(&world.contract.tiers.network, since);
        }
        self.tell(number, EffectKind::Opened);
        self.announce(number, now);
        // What failed in the last seconds may be the same loss of sight.
        let (mut held, part) = self.storm.take().map(Storm::into_parts).unwrap_or_default();
        held.keys().for_each(|link| {
            self.by_link.remove(link);
        });
        held.extend(std::mem::take(&mut self.relapsing).into_iter().map(|(link, (since, _))| (link, since)));
        if let Some(part) = part {
            self.merge(part, number, now);
        }
        self.isolation = Some(Isolation::new(number, held));
    }

    pub(super) fn reconnected(&mut self, since: Timestamp, now: Now) {
        let Some(isolation) = self.isolation.as_mut().filter(|isolation| isolation.ended.is_none()) else { return };
        isolation.ended = Some(now.mono);
        if let Some((number, case)) = isolation.case.and_then(|number| Some((number, self.cases.get_mut(&number)?))) {
            case.end_at(since, now);
            self.tell(number, EffectKind::Restored);
        }
    }

    /// A person says what it was. An outage is one of every measured link from then on, and ends as outages do; of an
    /// own fault nothing is held against anybody.
    pub(super) fn resolve(
        &mut self,
        incident: &str,
        verdict: Resolution,
        by: ActedBy,
        now: Now,
        world: &World<'_>,
    ) -> Result<(), Refusal> {
        let (number, case) = self.spoken_of(incident)?;
        if case.incident.kind != IncidentKind::Isolation || case.incident.resolution.is_some() {
            return Err(Refusal::NothingToResolve);
        }
        let note = if verdict == Resolution::Outage { "outage" } else { "own fault" };
        case.write(said("resolved", note, &by));
        case.record().resolution = Some(verdict);
        let (since, until) = (case.incident.began, case.incident.restored);
        match verdict {
            Resolution::OwnFault => case.stop_all(now.utc),
            Resolution::Outage => {
                case.record().kind = IncidentKind::Outage;
                if case.incident.phase == IncidentPhase::Open {
                    let ids = world.scopes.members(&ScopeKind::Network.scope("")).iter();
                    let ids: Vec<LinkId> = ids.map(|link| world.inventory.links[link.at()].id.clone()).collect();
                    let free: Vec<_> = ids.into_iter().filter(|id| !self.by_link.contains_key(id)).collect();
                    free.iter().for_each(|id| {
                        self.by_link.insert(id.clone(), number);
                    });
                    if let Some(case) = self.cases.get_mut(&number) {
                        case.take_in(free.into_iter().map(|id| (id, true)), since);
                    }
                    if let Some(isolation) = &mut self.isolation {
                        isolation.case.take_if(|case| *case == number);
                    }
                }
            }
        }
        self.tell(number, EffectKind::Resolved { verdict, since, until });
        Ok(())
    }

    pub(super) fn isolation_holds(&self) -> bool {
        self.isolation.is_some()
    }

    /// The isolation is over for good: what failed meanwhile and still is down, is down from its first loss.
    pub(super) fn release(&mut self, now: Now, world: &World<'_>) {
        let proof = world.contract.grouping.recovery_proof;
        let over = |isolation: &Isolation| isolation.due(proof).is_some_and(|due| due <= now.mono);
        if self.isolation.as_ref().is_some_and(over)
            && let Some(isolation) = self.isolation.take()
        {
            for (link, since) in isolation.held {
                let index = world.scopes.link(&link);
                if index.is_some_and(|index| world.states.get(index.at()) == Some(&LinkState::Down)) {
                    self.link_down(link, since, now, world);
                }
            }
        }
    }
}
