//! What can fail together: redundancy groups, shared-risk segments, units, carriers, the network.
//!
//! In: an inventory. Out: who is a member of what, worked out once per reload. Pure.

use std::collections::{BTreeMap, HashMap};

use super::Scope;
use crate::inventory::{Inventory, LinkId, LinkIndex, Status};

/// Kinds of scope, narrow ones first: the order settles ties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScopeKind {
    Link,
    /// Redundancy group.
    Group,
    /// Duct, POP, provider edge.
    Segment,
    Unit,
    Carrier,
    Network,
    /// This machine.
    Prober,
    /// A website, port or name server.
    Service,
}

impl ScopeKind {
    const ALL: [Self; 8] =
        [Self::Link, Self::Group, Self::Segment, Self::Unit, Self::Carrier, Self::Network, Self::Prober, Self::Service];

    /// Value of label `scope`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Group => "group",
            Self::Segment => "segment",
            Self::Unit => "unit",
            Self::Carrier => "carrier",
            Self::Network => "network",
            Self::Prober => "prober",
            Self::Service => "service",
        }
    }

    /// `None`: not one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The scope of this kind with the key `id`.
    pub fn scope(self, id: &str) -> Scope {
        Scope { kind: self.as_str().to_owned(), id: id.to_owned() }
    }
}

/// One scope of an inventory.
#[derive(Debug)]
pub(super) struct Members {
    pub kind: ScopeKind,
    pub id: String,
    /// Rising.
    pub links: Vec<LinkIndex>,
}

/// Membership of every link in service, both ways.
#[derive(Debug)]
pub struct Scopes {
    /// Narrow kinds first, then by id: the order that settles ties.
    scopes: Vec<Members>,
    /// By link: places in `scopes`.
    of_link: Vec<Vec<u32>>,
    links: HashMap<LinkId, LinkIndex>,
}

impl Scopes {
    pub fn of(inventory: &Inventory) -> Self {
        let mut members: BTreeMap<(ScopeKind, &str), Vec<LinkIndex>> = BTreeMap::new();
        let mut links = HashMap::with_capacity(inventory.links.len());
        for (index, link) in (0..).map(LinkIndex).zip(&inventory.links) {
            if link.status != Status::Active {
                continue;
            }
            links.insert(link.id.clone(), index);
            let mut join = |kind, id| members.entry((kind, id)).or_default().push(index);
            if let Some(group) = &link.group {
                join(ScopeKind::Group, group);
            }
            for segment in &link.segments {
                join(ScopeKind::Segment, inventory.segments[segment.at()].id.as_str());
            }
            join(ScopeKind::Unit, inventory.units[link.unit.at()].id.as_str());
            join(ScopeKind::Carrier, inventory.carriers[link.carrier.at()].id.as_str());
            join(ScopeKind::Network, "");
        }
        let scopes: Vec<Members> =
            members.into_iter().map(|((kind, id), links)| Members { kind, id: id.to_owned(), links }).collect();
        let mut of_link = vec![vec![]; inventory.links.len()];
        for (place, members) in (0_u32..).zip(&scopes) {
            members.links.iter().for_each(|link| of_link[link.at()].push(place));
        }
        Self { scopes, of_link, links }
    }

    /// `None`: not in the inventory, or not in service.
    pub fn link(&self, id: &LinkId) -> Option<LinkIndex> {
        self.links.get(id).copied()
    }

    /// Links of a scope; none when there is no such scope.
    pub fn members(&self, scope: &Scope) -> &[LinkIndex] {
        let Some(kind) = ScopeKind::parse(&scope.kind) else {
            return &[];
        };
        match self.scopes.binary_search_by(|members| (members.kind, &members.id).cmp(&(kind, &scope.id))) {
            Ok(place) => &self.scopes[place].links,
            Err(_) => &[],
        }
    }

    /// `place`: from [`Scopes::of_link`].
    pub(super) fn at(&self, place: u32) -> &Members {
        &self.scopes[place as usize]
    }

    /// Places of the scopes that `link` is a member of, narrow ones first.
    pub(super) fn of_link(&self, link: LinkIndex) -> &[u32] {
        self.of_link.get(link.at()).map_or(&[], Vec::as_slice)
    }
}
