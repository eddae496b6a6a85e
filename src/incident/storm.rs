//! The grace of new failures: what fails together becomes one incident.
//!
//! An incident opens at once with the first failing link, and holds whatever else fails until the grace ends (3 s,
//! longer while failures arrive, 15 s at most): a whole network that falls silent over a second must not open a thousand
//! incidents on the way. Meanwhile it bears the best explanation so far. When the grace ends the failing set is
//! explained for good: the group of the first link keeps the incident, the others get their own, and what belongs to
//! an incident told of before joins it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    EffectKind, IncidentKind, Incidents, ScopeKind, World,
    case::OURSELVES,
    correlate::{Explanation, Picture, explain},
};
use crate::{
    inventory::{LinkId, LinkIndex},
    units::{Mono, Now, Timestamp},
};

/// A storm of failures is explained this often at most, milliseconds: often enough for the eye.
const REGROUP_MILLIS: i64 = 250;

/// Links that one storm probes out of turn, at most: a burst that the rate limits take in their stride.
const MOST_ASKED: usize = 64;

/// Failures that are still being grouped.
#[derive(Debug)]
pub(super) struct Storm {
    began: Mono,
    ends: Mono,
    /// When to explain it next; `None`: nothing new.
    regroup: Option<Mono>,
    regrouped: Mono,
    /// Links that failed in it, from when; and those of them that are up again, from when.
    failing: BTreeMap<LinkId, Timestamp>,
    recovered: BTreeMap<LinkId, Timestamp>,
    /// Its incident, and the link that it opened for.
    case: Option<(u64, LinkId)>,
    /// Incidents that only wait for their announcement.
    held: Vec<u64>,
    /// Links that were asked to be probed at once.
    asked: BTreeSet<LinkIndex>,
}

impl Storm {
    pub fn new(now: Mono) -> Self {
        Self {
            began: now,
            ends: now,
            regroup: None,
            regrouped: Mono(i64::MIN),
            failing: BTreeMap::new(),
            recovered: BTreeMap::new(),
            case: None,
            held: vec![],
            asked: BTreeSet::new(),
        }
    }

    pub fn fails(&mut self, link: LinkId, since: Timestamp, now: Mono, world: &World<'_>) {
        let grouping = world.contract.grouping;
        self.failing.entry(link).or_insert(since);
        self.ends = now.plus(grouping.grace).min(self.began.plus(grouping.grace_most));
        let soon = Mono(self.regrouped.0.saturating_add(REGROUP_MILLIS));
        self.regroup.get_or_insert(soon.max(now));
    }

    /// A link is up again. `true`: it is one of the storm's, which books it when it ends.
    pub fn recovers(&mut self, link: &LinkId, since: Timestamp) -> bool {
        let ours = self.failing.contains_key(link);
        if ours {
            self.recovered.insert(link.clone(), since);
        }
        ours
    }

    /// A link that was up again fails again within the grace.
    pub fn relapses(&mut self, link: &LinkId) {
        self.recovered.remove(link);
    }

    /// Incidents that are announced when the storm ends, and not regrouped.
    pub fn hold(&mut self, cases: impl Iterator<Item = u64>) {
        self.held.extend(cases);
    }

    /// Its links and its incident.
    pub fn into_parts(self) -> (BTreeMap<LinkId, Timestamp>, Option<u64>) {
        (self.failing, self.case.map(|(case, _)| case))
    }

    /// Its incident.
    pub fn case(&self) -> Option<u64> {
        self.case.as_ref().map(|(case, _)| *case)
    }

    /// Its incident, which it no longer has: one of `links` is the one that it opened for.
    pub fn leave_case(&mut self, links: &[LinkId]) -> Option<u64> {
        self.case.take_if(|(_, anchor)| links.contains(anchor)).map(|(case, _)| case)
    }

    /// A link that goes on in another incident. Returns since when it fails.
    pub fn give_up(&mut self, link: &LinkId) -> Option<Timestamp> {
        self.failing.remove(link)
    }

    /// When the link came up again, if it did.
    pub fn recovery(&self, link: &LinkId) -> Option<Timestamp> {
        self.recovered.get(link).copied()
    }

    /// The first failure among `links`.
    pub fn first_of(&self, links: &BTreeSet<LinkIndex>, world: &World<'_>) -> Option<Timestamp> {
        let failing =
            self.failing.iter().filter(|(link, _)| world.scopes.link(link).is_some_and(|link| links.contains(&link)));
        failing.map(|(_, since)| *since).min()
    }

    /// When it has work next.
    pub fn due(&self) -> Mono {
        self.regroup.map_or(self.ends, |regroup| regroup.min(self.ends))
    }

    /// Whom to probe at once: the failing links, whose other points tell where they fail, what they depend on, and their neighbours in what
    /// may fail together. A carrier or the network is too much to ask; each link is asked once.
    fn ask(&mut self, failing: &BTreeMap<LinkIndex, Timestamp>, world: &World<'_>) -> Vec<LinkId> {
        let mut links = vec![];
        for link in failing.keys() {
            let narrow = |place: &&u32| world.scopes.at(**place).kind < ScopeKind::Carrier;
            let scopes = world.scopes.of_link(*link).iter().filter(narrow);
            let beside = scopes.flat_map(|place| &world.scopes.at(*place).links).copied();
            let own = &world.inventory.links[link.at()];
            let parents = world.inventory.dependencies_of(own).filter_map(|parent| world.scopes.link(&parent.on));
            for link in std::iter::once(*link).chain(parents).chain(beside) {
                if self.asked.len() >= MOST_ASKED {
                    return links;
                }
                if self.asked.insert(link) {
                    links.push(world.inventory.links[link.at()].id.clone());
                }
            }
        }
        links
    }

    fn links(&self, world: &World<'_>) -> BTreeMap<LinkIndex, Timestamp> {
        self.failing.iter().filter_map(|(link, since)| Some((world.scopes.link(link)?, *since))).collect()
    }
}

impl Incidents {
    /// Explains the storm when it is time, and ends it when its grace is over.
    pub(super) fn weather(&mut self, now: Now, world: &World<'_>) {
        let Some(mut storm) = self.storm.take() else { return };
        if storm.ends <= now.mono {
            self.settle(storm, now, world);
            return;
        }
        if storm.regroup.is_some_and(|regroup| regroup <= now.mono) {
            self.look(&mut storm, now, world);
        }
        self.storm = Some(storm);
    }

    /// One incident holds the whole storm, under the best explanation so far.
    fn look(&mut self, storm: &mut Storm, now: Now, world: &World<'_>) {
        (storm.regroup, storm.regrouped) = (None, now.mono);
        let failing = storm.links(world);
        let links: BTreeSet<LinkIndex> = failing.keys().copied().collect();
        let explained = match whole_network(&failing, world) {
            Some(_) => Some(Explanation::of_network(vec![])),
            None => explain(&links, picture(world)).into_iter().next(),
        };
        if let Some(best) = explained {
            let group = Explanation { links: links.into_iter().collect(), ..best };
            self.give(storm, group, &failing, now, world);
        }
        let links = storm.ask(&failing, world);
        if let Some(number) = storm.case().filter(|_| !links.is_empty()) {
            self.tell(number, EffectKind::Reprobe { links });
        }
    }

    /// The grace is over: every group gets its incident, and is told of.
    fn settle(&mut self, mut storm: Storm, now: Now, world: &World<'_>) {
        let failing = storm.links(world);
        let links: BTreeSet<LinkIndex> = failing.keys().copied().collect();
        let mut groups = match whole_network(&failing, world) {
            Some(since) => self.rise(&mut storm, links, since, now, world),
            None => {
                let rest = self.join_open(&mut storm, links, now, world);
                let rest = self.join_recent(&mut storm, rest, now, world);
                explain(&rest, picture(world))
            }
        };
        // The group of the first link keeps the incident: it goes first.
        let anchor = storm.case.as_ref().and_then(|(_, anchor)| world.scopes.link(anchor));
        groups.sort_by_key(|group| anchor.is_none_or(|anchor| group.links.binary_search(&anchor).is_err()));
        let mut told = std::mem::take(&mut storm.held);
        for group in groups {
            let scope = group.scope.clone();
            if let Some(number) = self.give(&mut storm, group, &failing, now, world) {
                if scope.kind != ScopeKind::Link.as_str()
                    && let Some(case) = self.cases.get_mut(&number)
                {
                    case.note(now.utc, "grouped", OURSELVES, format!("{} {}", scope.kind, scope.id).trim_end());
                }
                told.push(number);
            }
            storm.case = None;
        }
        told.iter().for_each(|number| self.look_for_parent(*number, now, world));
        for number in told {
            self.announce(number, now);
            if self.cases.get(&number).is_some_and(|case| case.is_open_outage() && !case.has_down()) {
                self.end(number, now);
            }
        }
    }

    /// Writes a group into the storm's incident, or into a new one, and tells when that changed something.
    fn give(
        &mut self,
        storm: &mut Storm,
        group: Explanation,
        failing: &BTreeMap<LinkIndex, Timestamp>,
        now: Now,
        world: &World<'_>,
    ) -> Option<u64> {
        let first = group.links.iter().min_by_key(|link| (failing[*link], **link)).copied()?;
        let began = failing[&first];
        let id = |link: LinkIndex| &world.inventory.links[link.at()].id;
        let owner = storm.case.as_ref().map(|(number, _)| *number);
        let number = owner.unwrap_or_else(|| {
            let number = self.open(IncidentKind::Outage, group.scope.clone(), began, now);
            storm.case = Some((number, id(first).clone()));
            number
        });
        let mut links: Vec<(LinkId, bool)> = vec![];
        for link in group.links.iter().map(|link| id(*link)) {
            if self.by_link.get(link) != Some(&number) {
                self.by_link.insert(link.clone(), number);
            }
            links.push((link.clone(), !storm.recovered.contains_key(link)));
        }
        links.sort_unstable();
        let tiers = &world.contract.tiers;
        let tier = if group.scope.kind == ScopeKind::Network.as_str() { &tiers.network } else { &tiers.partial };
        let case = self.cases.get_mut(&number)?;
        let changed = case.explain(&group, links, began);
        if changed || owner.is_none() {
            case.set_tier(tier, began);
            case.failed(group.links.iter().map(|link| failing[link]).max().unwrap_or(began));
            for link in group.links.iter().map(|link| id(*link)) {
                if let Some(since) = storm.recovered.get(link) {
                    case.recover(link, *since);
                }
            }
            self.tell(number, if owner.is_some() { EffectKind::Changed } else { EffectKind::Opened });
        }
        Some(number)
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
