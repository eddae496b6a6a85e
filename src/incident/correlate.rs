//! What explains a set of failing links: a minimum-cost set of scopes.
//!
//! In: the failing links, what is known of the others, and who is a member of what. Out: one [`Explanation`] per
//! scope; every failing link is in exactly one. Pure and deterministic.
//!
//! A scope is a candidate when enough of its measured members fail (default 80 %, and at least two). It costs 1 and
//! half for every healthy member that it claims; a single link costs 1. Greedy by cost per link explained; ties go to
//! the narrower scope, then to the kind and id. Members that are not measured stand in neither count.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

use super::{Scope, ScopeKind, Scopes};
use crate::{
    inventory::{Inventory, LinkIndex},
    judge::LinkState,
    units::Ppm,
};

/// Failing links that share one cause, as far as we can tell.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Explanation {
    pub scope: Scope,
    /// Rising.
    pub links: Vec<LinkIndex>,
    /// All links of a unit fail across carriers, or it is one that is switched off at times: its own power is the first
    /// suspect.
    pub unit_power_suspected: bool,
}

impl Explanation {
    /// The whole network fails.
    pub fn of_network(links: Vec<LinkIndex>) -> Self {
        Self { scope: ScopeKind::Network.scope(""), links, unit_power_suspected: false }
    }
}

/// What correlation looks at.
#[derive(Clone, Copy)]
pub(super) struct Picture<'a> {
    pub inventory: &'a Inventory,
    pub scopes: &'a Scopes,
    /// By link.
    pub states: &'a [LinkState],
    /// Share of measured members that must fail: of a scope, and of the network.
    pub share: Ppm,
    pub network_share: Ppm,
}

/// Measured members of a scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Measured {
    pub failing: u64,
    pub healthy: u64,
}

impl Measured {
    /// Enough of them fail for the scope to be what fails.
    pub fn fails(self, share: Ppm) -> bool {
        let whole = self.failing + self.healthy;
        self.failing >= 2 && self.failing * 1_000_000 >= u64::from(share.0) * whole
    }
}

impl Picture<'_> {
    /// Counts members; `failing` fail whatever their state says by now.
    pub fn count(&self, members: &[LinkIndex], failing: &BTreeSet<LinkIndex>) -> Measured {
        let mut measured = Measured::default();
        for link in members {
            match self.states.get(link.at()) {
                Some(LinkState::Down) => measured.failing += 1,
                _ if failing.contains(link) => measured.failing += 1,
                Some(LinkState::Up | LinkState::Degraded) => measured.healthy += 1,
                _ => {}
            }
        }
        measured
    }

    /// Share of measured members that must fail for a scope of this kind to be what fails.
    pub fn share_of(&self, kind: &str) -> Ppm {
        if kind == ScopeKind::Network.as_str() { self.network_share } else { self.share }
    }
}

/// A candidate as it stood when it was weighed. Costs are in halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    cost: u64,
    explains: u64,
    members: u64,
    place: u32,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mine, theirs) = (self.cost * other.explains, other.cost * self.explains);
        mine.cmp(&theirs).then(self.members.cmp(&other.members)).then(self.place.cmp(&other.place))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Explains `failing`.
pub(super) fn explain(failing: &BTreeSet<LinkIndex>, picture: Picture<'_>) -> Vec<Explanation> {
    let mut open = failing.clone();
    // How many of the links still to explain each candidate explains.
    let mut explains: BTreeMap<u32, u64> = BTreeMap::new();
    for place in failing.iter().flat_map(|link| picture.scopes.of_link(*link)) {
        *explains.entry(*place).or_default() += 1;
    }
    let mut heap: BinaryHeap<_> =
        explains.iter().filter_map(|(place, count)| candidate(*place, *count, failing, picture)).map(Reverse).collect();
    let mut found = vec![];
    // A cost per link only rises while others explain links: what comes out unchanged is the best.
    while let Some(Reverse(best)) = heap.pop() {
        let now = Candidate { explains: explains[&best.place], ..best };
        if now.cost >= 2 * now.explains {
            // Its links cost less one by one.
            continue;
        }
        if now != best {
            heap.push(Reverse(now));
            continue;
        }
        let members = picture.scopes.at(now.place);
        let links: Vec<_> = members.links.iter().copied().filter(|link| open.remove(link)).collect();
        for place in links.iter().flat_map(|link| picture.scopes.of_link(*link)) {
            explains.entry(*place).and_modify(|count| *count -= 1);
        }
        found.push(explanation(members.kind, &members.id, links, picture.inventory));
    }
    let id = |link: LinkIndex| picture.inventory.links[link.at()].id.as_str();
    let single = |link| explanation(ScopeKind::Link, id(link), vec![link], picture.inventory);
    found.extend(open.into_iter().map(single));
    found
}

fn candidate(place: u32, explains: u64, failing: &BTreeSet<LinkIndex>, picture: Picture<'_>) -> Option<Candidate> {
    let members = picture.scopes.at(place);
    let measured = picture.count(&members.links, failing);
    let candidate =
        Candidate { cost: 2 + measured.healthy, explains, members: measured.failing + measured.healthy, place };
    measured.fails(picture.share_of(members.kind.as_str())).then_some(candidate)
}

fn explanation(kind: ScopeKind, id: &str, links: Vec<LinkIndex>, inventory: &Inventory) -> Explanation {
    let carriers: BTreeSet<_> = links.iter().map(|link| inventory.links[link.at()].carrier).collect();
    let has_habit = || links.iter().any(|link| inventory.units[inventory.links[link.at()].unit.at()].absence.is_some());
    let unit_power_suspected = kind == ScopeKind::Unit && (carriers.len() > 1 || has_habit());
    Explanation { scope: kind.scope(id), links, unit_power_suspected }
}
