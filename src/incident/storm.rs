//! The grace of new failures: what fails together becomes one incident.
//!
//! An incident opens at once with the first failing link. Until the grace ends (3 s, longer while failures arrive, 15 s
//! at most) the failing set is explained anew: incidents merge into the oldest, split, and change their scope. Then
//! they are announced, and stay what they are.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    EffectKind, IncidentKind, IncidentPhase, Incidents, ScopeKind, World,
    case::{Case, OURSELVES},
    correlate::{Explanation, Picture, explain},
};
use crate::{
    inventory::{LinkId, LinkIndex},
    units::{Mono, Now, Timestamp},
};

/// A storm of failures is regrouped this often at most, milliseconds: often enough for the eye, and a whole network
/// that fails over 15 s costs 60 regroupings at most.
const REGROUP_MILLIS: i64 = 250;

/// Failures that are still being grouped.
#[derive(Debug)]
pub(super) struct Storm {
    began: Mono,
    ends: Mono,
    /// When to regroup next; `None`: nothing new.
    regroup: Option<Mono>,
    regrouped: Mono,
    /// Links that failed in it, from when.
    failing: BTreeMap<LinkId, Timestamp>,
    /// Its incidents, oldest first, each with the link that it opened for.
    anchors: Vec<(u64, LinkId)>,
    held: Vec<u64>,
}

impl Storm {
    pub fn new(now: Mono) -> Self {
        Self {
            began: now,
            ends: now,
            regroup: None,
            regrouped: Mono(i64::MIN),
            failing: BTreeMap::new(),
            anchors: vec![],
            held: vec![],
        }
    }

    pub fn fails(&mut self, link: LinkId, since: Timestamp, now: Mono, world: &World<'_>) {
        let grouping = world.contract.grouping;
        self.failing.insert(link, since);
        self.ends = now.plus(grouping.grace).min(self.began.plus(grouping.grace_most));
        let soon = Mono(self.regrouped.0.saturating_add(REGROUP_MILLIS));
        self.regroup.get_or_insert(soon.max(now));
    }

    /// Incidents that are announced when the storm ends, and not regrouped.
    pub fn hold(&mut self, cases: impl Iterator<Item = u64>) {
        self.held.extend(cases);
    }

    /// The incident and its links are no longer regrouped.
    pub fn forget(&mut self, case: u64, links: &[(LinkId, bool)]) {
        self.anchors.retain(|(anchored, _)| *anchored != case);
        links.iter().for_each(|(link, _)| {
            self.failing.remove(link);
        });
    }

    pub fn failing(self) -> (BTreeMap<LinkId, Timestamp>, Vec<u64>) {
        (self.failing, self.anchors.into_iter().map(|(case, _)| case).collect())
    }

    /// When it has work next.
    pub fn due(&self) -> Mono {
        self.regroup.map_or(self.ends, |regroup| regroup.min(self.ends))
    }
}

impl Incidents {
    /// Regroups the storm when it is time, and ends it when its grace is over.
    pub(super) fn weather(&mut self, now: Now, world: &World<'_>) {
        let Some(storm) = &self.storm else { return };
        let over = storm.ends <= now.mono;
        if storm.regroup.is_some_and(|regroup| over || regroup <= now.mono) {
            self.regroup(now, world);
        }
        if over && let Some(storm) = self.storm.take() {
            storm.anchors.iter().map(|(case, _)| case).chain(&storm.held).for_each(|case| self.announce(*case, now));
        }
    }

    fn regroup(&mut self, now: Now, world: &World<'_>) {
        let Some(mut storm) = self.storm.take() else { return };
        (storm.regroup, storm.regrouped) = (None, now.mono);
        let failing: BTreeMap<LinkIndex, Timestamp> =
            storm.failing.iter().filter_map(|(link, since)| Some((world.scopes.link(link)?, *since))).collect();
        let links: BTreeSet<LinkIndex> = failing.keys().copied().collect();
        let groups = match whole_network(&failing, world) {
            Some(since) => self.rise(&mut storm, links, since, now, world),
            None => {
                let rest = self.join_open(&mut storm, links, now, world);
                explain(&rest, picture(world))
            }
        };
        self.assign(&mut storm, groups, &failing, now, world);
        self.storm = Some(storm);
    }

    /// Links that fail within the scope of an incident told of before, while that scope fails: they join it. Returns
    /// the others.
    fn join_open(
        &mut self,
        storm: &mut Storm,
        mut links: BTreeSet<LinkIndex>,
        now: Now,
        world: &World<'_>,
    ) -> BTreeSet<LinkIndex> {
        let of_storm: BTreeSet<u64> = storm.anchors.iter().map(|(case, _)| *case).collect();
        let mut joined: Vec<(u64, Vec<LinkIndex>)> = vec![];
        for (number, case) in &self.cases {
            let incident = &case.incident;
            if !case.is_live_outage() || of_storm.contains(number) {
                continue;
            }
            let members = world.scopes.members(&incident.scope);
            let inside: Vec<_> = members.iter().copied().filter(|link| links.contains(link)).collect();
            let share = picture(world).share_of(&incident.scope.kind);
            if !inside.is_empty() && picture(world).count(members, &links).fails(share) {
                inside.iter().for_each(|link| {
                    links.remove(link);
                });
                joined.push((*number, inside));
            }
        }
        for (number, inside) in joined {
            self.take_over(storm, number, &inside, now, world);
        }
        links
    }

    /// Moves links of the storm, and the incidents that opened for them, into an incident told of before.
    fn take_over(&mut self, storm: &mut Storm, into: u64, links: &[LinkIndex], now: Now, world: &World<'_>) {
        let ids: Vec<LinkId> = links.iter().map(|link| world.inventory.links[link.at()].id.clone()).collect();
        for (number, anchor) in storm.anchors.clone() {
            if ids.contains(&anchor) {
                self.merge(number, into, now);
                storm.anchors.retain(|(anchored, _)| *anchored != number);
            }
        }
        for link in &ids {
            storm.failing.remove(link);
            self.by_link.insert(link.clone(), into);
        }
        if let Some(case) = self.cases.get_mut(&into) {
            let relapsed = case.incident.phase == IncidentPhase::Restored;
            if relapsed {
                case.relapse(now.utc, "");
            }
            case.join(ids);
            self.tell(into, if relapsed { EffectKind::Relapsed } else { EffectKind::Changed });
        }
    }

    /// The whole network fails. What was told of lately rises to it; otherwise the storm itself is it.
    fn rise(
        &mut self,
        storm: &mut Storm,
        links: BTreeSet<LinkIndex>,
        since: Timestamp,
        now: Now,
        world: &World<'_>,
    ) -> Vec<Explanation> {
        let network = &world.contract.tiers.network;
        let of_storm: BTreeSet<u64> = storm.anchors.iter().map(|(case, _)| *case).collect();
        // Older outages have causes of their own, and are known.
        let recent = Timestamp(since.0 - i64::try_from(network.response.as_millis()).unwrap_or(i64::MAX));
        let told = |(number, case): (&u64, &Case)| {
            let whole = case.is_live_outage() && case.incident.scope.kind == ScopeKind::Network.as_str();
            let part = case.is_open_outage() && case.incident.began >= recent;
            ((whole || part) && !of_storm.contains(number)).then_some(*number)
        };
        let mut told = self.cases.iter().filter_map(told).collect::<Vec<_>>().into_iter();
        let Some(oldest) = told.next() else {
            let links = links.into_iter().collect();
            return vec![Explanation { scope: ScopeKind::Network.scope(""), links, unit_power_suspected: false }];
        };
        for part in told {
            let links: Vec<LinkId> = self.cases[&part].down().cloned().collect();
            links.iter().for_each(|link| {
                self.by_link.insert(link.clone(), oldest);
            });
            self.merge(part, oldest, now);
            if let Some(case) = self.cases.get_mut(&oldest) {
                case.join(links);
            }
        }
        let links: Vec<LinkIndex> = links.into_iter().collect();
        self.take_over(storm, oldest, &links, now, world);
        if let Some(case) = self.cases.get_mut(&oldest)
            && case.incident.tier != network.level
        {
            case.record().scope = ScopeKind::Network.scope("");
            case.add_tier(network, since, now);
            case.note(since, "tier_raised", OURSELVES, format!("tier {}", network.level));
            self.tell(oldest, EffectKind::TierRaised);
        }
        vec![]
    }

    /// Gives every group its incident: the oldest of those that opened for one of its links, or a new one.
    fn assign(
        &mut self,
        storm: &mut Storm,
        groups: Vec<Explanation>,
        failing: &BTreeMap<LinkIndex, Timestamp>,
        now: Now,
        world: &World<'_>,
    ) {
        let mut owners: Vec<Option<u64>> = vec![None; groups.len()];
        let group_of: BTreeMap<LinkIndex, usize> = groups
            .iter()
            .enumerate()
            .flat_map(|(group, found)| found.links.iter().map(move |link| (*link, group)))
            .collect();
        for (number, anchor) in std::mem::take(&mut storm.anchors) {
            let Some(group) = world.scopes.link(&anchor).and_then(|link| group_of.get(&link)) else {
                continue;
            };
            match owners[*group] {
                Some(oldest) => self.merge(number, oldest, now),
                None => {
                    owners[*group] = Some(number);
                    storm.anchors.push((number, anchor));
                }
            }
        }
        for (group, owner) in groups.into_iter().zip(owners) {
            let first = group.links.iter().min_by_key(|link| (failing[*link], **link)).copied();
            let Some(first) = first else { continue };
            let began = failing[&first];
            let number = owner.unwrap_or_else(|| {
                let number = self.open(IncidentKind::Outage, group.scope.clone(), began, now);
                storm.anchors.push((number, world.inventory.links[first.at()].id.clone()));
                number
            });
            self.regrouped(number, &group, began, owner.is_none(), now, world);
        }
    }

    /// Writes a group into its incident, and tells when that changed it.
    fn regrouped(
        &mut self,
        number: u64,
        group: &Explanation,
        began: Timestamp,
        new: bool,
        now: Now,
        world: &World<'_>,
    ) {
        let mut links = Vec::with_capacity(group.links.len());
        for link in &group.links {
            let id = &world.inventory.links[link.at()].id;
            let before = self.by_link.insert(id.clone(), number).and_then(|case| self.cases.get(&case));
            links.push((id.clone(), before.and_then(|case| case.is_down(id)).unwrap_or(true)));
        }
        links.sort_unstable();
        let tiers = &world.contract.tiers;
        let whole = group.scope.kind == ScopeKind::Network.as_str();
        let tier = if whole { &tiers.network } else { &tiers.partial };
        let Some(case) = self.cases.get_mut(&number) else { return };
        let changed = case.explain(group, links, began, now);
        if changed || new {
            case.set_tier(tier, began, now);
            self.tell(number, if new { EffectKind::Opened } else { EffectKind::Changed });
        }
    }
}

/// Since when the whole network has failed: the loss that reached the share. `None`: it does not.
fn whole_network(failing: &BTreeMap<LinkIndex, Timestamp>, world: &World<'_>) -> Option<Timestamp> {
    let share = world.contract.tiers.network_share;
    let links = failing.keys().copied().collect();
    let measured = picture(world).count(world.scopes.members(&ScopeKind::Network.scope("")), &links);
    if !measured.fails(share) {
        return None;
    }
    let needed = (u64::from(share.0) * (measured.failing + measured.healthy)).div_ceil(1_000_000).max(2);
    let before = measured.failing - failing.len() as u64;
    let mut sinces: Vec<_> = failing.values().copied().collect();
    sinces.sort_unstable();
    let reached = usize::try_from(needed.saturating_sub(before + 1)).unwrap_or(0);
    sinces.get(reached).or(sinces.last()).copied()
}

pub(super) fn picture<'a>(world: &World<'a>) -> Picture<'a> {
    Picture {
        inventory: world.inventory,
        scopes: world.scopes,
        states: world.states,
        share: world.contract.grouping.scope_share,
        network_share: world.contract.tiers.network_share,
    }
}
