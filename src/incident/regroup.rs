//! Regrouping while incidents are open: what fails later belongs to what failed before.
//!
//! Three ways into an incident that was told of before: its scope fails and holds the link (`join_open`); it failed
//! moments earlier, and one scope explains both (`join_recent`: a slow cut); the whole network fails (`rise`). One way
//! out: its scope turns out to hold healthy links that nobody could measure at first (`split`). The oldest incident is
//! kept, and merging never lengthens a deadline.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    EffectKind, IncidentKind, IncidentPhase, Incidents, ScopeKind, World,
    case::{Case, OURSELVES},
    correlate::{Explanation, explain},
    storm::{Storm, picture},
};
use crate::{
    inventory::{LinkId, LinkIndex},
    units::{Now, Timestamp},
};

impl Incidents {
    /// Links that fail within the scope of an incident told of before, while that scope fails: they join it. Returns
    /// the others.
    pub(super) fn join_open(
        &mut self,
        storm: &mut Storm,
        mut links: BTreeSet<LinkIndex>,
        now: Now,
        world: &World<'_>,
    ) -> BTreeSet<LinkIndex> {
        let of_storm = storm.case();
        let mut joined: Vec<(u64, Vec<LinkIndex>)> = vec![];
        for (number, case) in &self.cases {
            let incident = &case.incident;
            if !case.is_live_outage() || of_storm == Some(*number) {
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

    /// Links that one scope explains together with incidents of the last minutes join the oldest of those, and the others
    /// merge into it. Returns the links without such a past.
    pub(super) fn join_recent(
        &mut self,
        storm: &mut Storm,
        mut links: BTreeSet<LinkIndex>,
        now: Now,
        world: &World<'_>,
    ) -> BTreeSet<LinkIndex> {
        let recent = self.recent(storm, &links, now, world);
        if recent.is_empty() {
            return links;
        }
        let pool = links.iter().chain(recent.keys()).copied().collect();
        for group in explain(&pool, picture(world)) {
            let mine: Vec<_> = group.links.iter().copied().filter(|link| links.contains(link)).collect();
            let mut parts = self.wholly_in(&group, &recent);
            if mine.is_empty() || parts.is_empty() {
                continue;
            }
            mine.iter().for_each(|link| {
                links.remove(link);
            });
            // The oldest: numbers count incidents as they opened.
            let oldest = parts.remove(0);
            parts.into_iter().for_each(|part| self.absorb(part, oldest, now));
            self.take_over(storm, oldest, &mine, now, world);
            if let Some(case) = self.cases.get_mut(&oldest) {
                case.rename(&group);
                case.note(now.utc, "grouped", OURSELVES, format!("{} {}", group.scope.kind, group.scope.id));
            }
        }
        links
    }

    /// Links of open incidents whose failures led up to these, each with its incident. What a person has found the cause
    /// of is not regrouped.
    fn recent(
        &self,
        storm: &Storm,
        links: &BTreeSet<LinkIndex>,
        now: Now,
        world: &World<'_>,
    ) -> BTreeMap<LinkIndex, u64> {
        let grouping = &world.contract.grouping;
        let mut before: Vec<_> =
            self.cases.iter().filter(|(_, case)| case.may_be_regrouped(now, grouping.regroup_within)).collect();
        before.sort_by_key(|(_, case)| std::cmp::Reverse(case.last_failed()));
        let mut led_up = BTreeMap::new();
        let Some(mut next) = storm.first_of(links, world) else { return led_up };
        for (number, case) in before {
            if next > case.last_failed().plus(grouping.next_within) {
                break;
            }
            next = next.min(case.incident.began);
            led_up.extend(case.incident.links.iter().filter_map(|(id, _)| Some((world.scopes.link(id)?, *number))));
        }
        led_up
    }

    /// Incidents all of whose links are in `group`, oldest first.
    fn wholly_in(&self, group: &Explanation, recent: &BTreeMap<LinkIndex, u64>) -> Vec<u64> {
        let mut inside: BTreeMap<u64, usize> = BTreeMap::new();
        for number in group.links.iter().filter_map(|link| recent.get(link)) {
            *inside.entry(*number).or_default() += 1;
        }
        let whole =
            |(number, count): (u64, usize)| (self.cases.get(&number)?.incident.links.len() == count).then_some(number);
        inside.into_iter().filter_map(whole).collect()
    }

    /// `part` goes on in `whole`, with its links and its deadlines.
    fn absorb(&mut self, part: u64, whole: u64, now: Now) {
        let Some(case) = self.cases.get(&part) else { return };
        let (links, began, last) = (case.incident.links.clone(), case.incident.began, case.last_failed());
        for (link, _) in &links {
            self.by_link.insert(link.clone(), whole);
        }
        self.merge(part, whole, now);
        if let Some(case) = self.cases.get_mut(&whole) {
            case.take_in(links, last);
            case.began_at(began);
        }
    }

    /// Looks whether the scopes of young incidents still hold: members that could not be measured may have turned out
    /// healthy. What one scope no longer explains is parted.
    pub(super) fn split(&mut self, now: Now, world: &World<'_>) {
        let within = world.contract.grouping.regroup_within;
        let young = self.cases.iter().filter(|(_, case)| case.may_be_regrouped(now, within));
        let torn: Vec<_> = young.filter_map(|(number, case)| Some((*number, torn(case, world)?))).collect();
        for (number, mut groups) in torn {
            // The largest group keeps the incident.
            let largest = (0..groups.len()).max_by_key(|place| (groups[*place].links.len(), usize::MAX - place));
            let Some(kept) = largest.map(|place| groups.remove(place)) else { continue };
            groups.into_iter().for_each(|group| self.part_from(number, group, now, world));
            let Some(case) = self.cases.get_mut(&number) else { continue };
            case.rename(&kept);
            case.note(now.utc, "grouped", OURSELVES, format!("{} {}", kept.scope.kind, kept.scope.id));
            let over = !case.has_down();
            self.tell(number, EffectKind::Changed);
            if over {
                self.end(number, now);
            }
        }
    }

    /// A group of an incident's links goes on in an incident of its own: same start, same clocks.
    fn part_from(&mut self, whole: u64, group: Explanation, now: Now, world: &World<'_>) {
        let ids: BTreeSet<LinkId> =
            group.links.iter().map(|link| world.inventory.links[link.at()].id.clone()).collect();
        let Some(case) = self.cases.get_mut(&whole) else { return };
        let links = case.release(&ids);
        let (before, began) = (case.clone(), case.incident.began);
        let part = self.open(IncidentKind::Outage, group.scope.clone(), began, now);
        for link in ids {
            self.by_link.insert(link, part);
        }
        let Some(case) = self.cases.get_mut(&part) else { return };
        case.explain(&group, links, began);
        case.go_on_from(&before);
        case.note(now.utc, "split", OURSELVES, before.incident.id.as_str());
        let over = !case.has_down();
        self.tell(part, EffectKind::Opened);
        self.announce(part, now);
        if over {
            self.end(part, now);
        }
    }

    /// Moves links of the storm, and the incidents that opened for them, into an incident told of before.
    fn take_over(&mut self, storm: &mut Storm, into: u64, links: &[LinkIndex], now: Now, world: &World<'_>) {
        let ids: Vec<LinkId> = links.iter().map(|link| world.inventory.links[link.at()].id.clone()).collect();
        if let Some(number) = storm.leave_case(&ids) {
            self.merge(number, into, now);
        }
        let mut last = Timestamp(i64::MIN);
        for link in &ids {
            last = last.max(storm.give_up(link).unwrap_or(last));
            self.by_link.insert(link.clone(), into);
        }
        if let Some(case) = self.cases.get_mut(&into) {
            let relapsed = case.incident.phase == IncidentPhase::Restored;
            let mut flaps = false;
            if relapsed {
                case.relapse(now.utc, "");
                flaps = case.flaps(now, &world.contract.terms.flaps);
            }
            let recovered = ids.iter().filter_map(|link| Some((link.clone(), storm.recovery(link)?)));
            let recovered: Vec<_> = recovered.collect();
            case.take_in(ids.into_iter().map(|link| (link, true)), last);
            recovered.iter().for_each(|(link, since)| {
                case.recover(link, *since);
            });
            storm.hold(std::iter::once(into));
            match relapsed {
                true => self.tell_relapse(into, flaps),
                false => self.tell(into, EffectKind::Changed),
            }
        }
    }

    /// The whole network fails. What was told of lately rises to it; otherwise the storm itself is it.
    pub(super) fn rise(
        &mut self,
        storm: &mut Storm,
        links: BTreeSet<LinkIndex>,
        since: Timestamp,
        now: Now,
        world: &World<'_>,
    ) -> Vec<Explanation> {
        let network = &world.contract.tiers.network;
        let of_storm = storm.case();
        // Older outages have causes of their own, and are known.
        let recent = Timestamp(since.0 - i64::try_from(network.response.as_millis()).unwrap_or(i64::MAX));
        let told = |(number, case): (&u64, &Case)| {
            let whole = case.is_live_outage() && case.incident.scope.kind == ScopeKind::Network.as_str();
            let part = case.is_open_outage() && case.incident.began >= recent;
            ((whole || part) && of_storm != Some(*number)).then_some(*number)
        };
        let mut told = self.cases.iter().filter_map(told).collect::<Vec<_>>().into_iter();
        let Some(oldest) = told.next() else {
            return vec![Explanation::of_network(links.into_iter().collect())];
        };
        told.for_each(|part| self.absorb(part, oldest, now));
        let links: Vec<LinkIndex> = links.into_iter().collect();
        self.take_over(storm, oldest, &links, now, world);
        if let Some(case) = self.cases.get_mut(&oldest)
            && case.incident.tier != network.level
        {
            case.record().scope = ScopeKind::Network.scope("");
            case.add_level(network.level, rises_at(case.incident.began, since, world));
            case.note(since, "tier_raised", OURSELVES, format!("tier {}", network.level));
            self.tell(oldest, EffectKind::TierRaised);
        }
        vec![]
    }
}

/// How the links of an incident are explained now that its scope does not hold any more; `None`: it does.
fn torn(case: &Case, world: &World<'_>) -> Option<Vec<Explanation>> {
    let incident = &case.incident;
    let failing: BTreeSet<_> = incident.links.iter().filter_map(|(link, _)| world.scopes.link(link)).collect();
    let share = picture(world).share_of(&incident.scope.kind);
    let holds = failing.len() < 2 || picture(world).count(world.scopes.members(&incident.scope), &failing).fails(share);
    (!holds).then(|| explain(&failing, picture(world)))
}

/// From when the clocks of the network's level count: when its condition became true, or as the contract's switch says.
fn rises_at(began: Timestamp, since: Timestamp, world: &World<'_>) -> Timestamp {
    if world.contract.terms.rises_from_the_start() { began } else { since }
}
