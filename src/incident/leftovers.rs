//! The end of a whole-network outage: it is over when most of the network is back, not when the last link is.
//!
//! When the condition of the network tier has ended for some minutes, the incident is restored from the moment it
//! ended. Links that are still down go on in incidents of the partial tier, from the original start.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    EffectKind, IncidentKind, Incidents, ScopeKind, World,
    case::{Case, OURSELVES},
    correlate::explain,
    storm::picture,
};
use crate::{
    inventory::LinkId,
    units::{Mono, Now, Timestamp},
};

/// The network tier's condition does not hold at the moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Calm {
    pub case: u64,
    since: Mono,
    /// The recovery that ended the condition.
    pub at: Timestamp,
}

impl Calm {
    pub fn settles(self, after: Duration) -> Mono {
        self.since.plus(after)
    }
}

impl Incidents {
    /// Watches an open whole-network outage for the end of its condition.
    pub(super) fn leftovers(&mut self, now: Now, world: &World<'_>) {
        let network = world.contract.tiers.network.level;
        let whole = |case: &Case| {
            case.is_open_outage()
                && case.incident.tier == network
                && case.incident.scope.kind == ScopeKind::Network.as_str()
        };
        let Some(number) = self.cases.iter().find(|(_, case)| whole(case)).map(|(number, _)| *number) else {
            self.calm = None;
            return;
        };
        let members = world.scopes.members(&ScopeKind::Network.scope(""));
        if picture(world).count(members, &BTreeSet::new()).fails(world.contract.tiers.network_share)
            || self.storm.is_some()
            || self.isolation_holds()
        {
            self.calm = None;
            return;
        }
        let ended = self.cases[&number].recovered();
        let calm = *self.calm.get_or_insert(Calm { case: number, since: now.mono, at: ended.unwrap_or(now.utc) });
        if calm.settles(world.contract.grouping.network_settle) <= now.mono {
            self.calm = None;
            self.part(number, calm.at, now, world);
        }
    }

    /// Restores the incident, and opens new ones for its links that are still down.
    fn part(&mut self, number: u64, at: Timestamp, now: Now, world: &World<'_>) {
        let Some(case) = self.cases.get_mut(&number) else { return };
        let (began, acknowledged) = (case.incident.began, case.incident.acknowledgements.clone());
        let left: BTreeMap<_, LinkId> =
            case.down().filter_map(|link| Some((world.scopes.link(link)?, link.clone()))).collect();
        case.release(&left.values().cloned().collect());
        case.end_at(at, now);
        self.tell(number, EffectKind::Restored);
        for group in explain(&left.keys().copied().collect(), picture(world)) {
            let part = self.open(IncidentKind::Outage, group.scope.clone(), began, now);
            let links: Vec<_> = group.links.iter().map(|link| (left[link].clone(), true)).collect();
            links.iter().for_each(|(link, _)| {
                self.by_link.insert(link.clone(), part);
            });
            let whole = self.cases[&number].incident.id.clone();
            if let Some(case) = self.cases.get_mut(&part) {
                case.explain(&group, links, began);
                // Whoever took on the whole took on its parts.
                case.record().acknowledgements.clone_from(&acknowledged);
                case.set_tier(&world.contract.tiers.partial, began);
                case.note(now.utc, "left_over", OURSELVES, whole);
            }
            self.tell(part, EffectKind::Opened);
            self.announce(part, now);
        }
    }
}
