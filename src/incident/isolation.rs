//! Loss of sight: all our witnesses are silent, and we cannot tell what is down.
//!
//! It is never silent: an incident with the clocks of the network tier opens at once. What fails meanwhile is held; when
//! a witness answers again, links have some seconds to answer too, and only what the evidence then calls down opens an
//! incident of its own.

use std::{collections::BTreeMap, time::Duration};

use super::{EffectKind, IncidentKind, Incidents, ScopeKind, World, storm::Storm};
use crate::{
    inventory::LinkId,
    judge::LinkState,
    units::{Mono, Now, Timestamp},
};

/// After an isolation, links have this long to answer again before they are called down: the proof of recovery.
const SETTLE: Duration = Duration::from_secs(10);

/// Our witnesses are silent, or were until a moment ago.
#[derive(Debug)]
pub(super) struct Isolation {
    case: u64,
    /// Links that failed meanwhile: they may be down, or it was us.
    held: BTreeMap<LinkId, Timestamp>,
    /// When a witness answered again.
    ended: Option<Mono>,
}

impl Isolation {
    pub fn new(case: u64, held: BTreeMap<LinkId, Timestamp>) -> Self {
        Self { case, held, ended: None }
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

    /// When it is over for good.
    pub fn due(&self) -> Option<Mono> {
        self.ended.map(|ended| ended.plus(SETTLE))
    }
}

impl Incidents {
    pub(super) fn isolated(&mut self, since: Timestamp, now: Now, world: &World<'_>) {
        if let Some(isolation) = &mut self.isolation {
            if isolation.ended.take().is_some()
                && let Some(case) = self.cases.get_mut(&isolation.case)
            {
                let number = isolation.case;
                case.relapse(since, "");
                self.tell(number, EffectKind::Relapsed);
            }
            return;
        }
        let number = self.open(IncidentKind::Isolation, ScopeKind::Network.scope(""), since, now);
        if let Some(case) = self.cases.get_mut(&number) {
            case.set_tier(&world.contract.tiers.network, since, now);
        }
        self.tell(number, EffectKind::Opened);
        self.announce(number, now);
        // What failed in the last seconds may be the same loss of sight.
        let (held, part) = self.storm.take().map(Storm::into_parts).unwrap_or_default();
        held.keys().for_each(|link| {
            self.by_link.remove(link);
        });
        if let Some(part) = part {
            self.merge(part, number, now);
        }
        self.isolation = Some(Isolation::new(number, held));
    }

    pub(super) fn reconnected(&mut self, since: Timestamp, now: Now) {
        let Some(isolation) = self.isolation.as_mut().filter(|isolation| isolation.ended.is_none()) else { return };
        isolation.ended = Some(now.mono);
        let number = isolation.case;
        if let Some(case) = self.cases.get_mut(&number) {
            case.end_at(since, now);
            self.tell(number, EffectKind::Restored);
        }
    }

    pub(super) fn isolation_holds(&self) -> bool {
        self.isolation.is_some()
    }

    /// The isolation is over for good: what failed meanwhile and still is down, is down from its first loss.
    pub(super) fn release(&mut self, now: Now, world: &World<'_>) {
        let over = |isolation: &Isolation| isolation.due().is_some_and(|due| due <= now.mono);
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
