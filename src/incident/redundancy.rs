//! What an outage means for services behind it: a group of links that stand in for each other has lost its reserve, or
//! all of its links.
//!
//! One link of two down is a breach for the link, with all its clocks, and "redundancy lost" for the service; both down
//! is an outage of the service too. A member that is not measured may still carry it: with one the service is not called out.

use std::collections::BTreeMap;

use super::{
    EffectKind, Incidents, Redundancy, ScopeKind, World,
    case::{Case, OURSELVES},
};
use crate::{judge::LinkState, units::Timestamp};

/// Groups named in one entry of a timeline; of more only the number is written.
const NAMED: usize = 8;

impl Incidents {
    /// Looks again at the groups of every open outage that people know of.
    pub(super) fn redundancy(&mut self, world: &World<'_>, at: Timestamp) {
        let mut changed = vec![];
        for (number, case) in &mut self.cases {
            if !case.is_open_outage() || case.incident.announced.is_none() {
                continue;
            }
            // Of a whole network nobody asks which pairs are out, and looking at all of them each turn would cost.
            let whole = case.incident.scope.kind == ScopeKind::Network.as_str();
            let standing = if whole { vec![] } else { standing(case, world) };
            if standing == case.incident.redundancy {
                continue;
            }
            let before: BTreeMap<_, _> =
                case.incident.redundancy.iter().map(|group| (group.group.clone(), group.is_lost())).collect();
            let news = |group: &&Redundancy| before.get(&group.group).is_none_or(|lost| !lost && group.is_lost());
            let (lost, thin): (Vec<_>, Vec<_>) = standing.iter().filter(news).partition(|group| group.is_lost());
            for (event, groups) in [("service_lost", &lost), ("redundancy_lost", &thin)] {
                if !groups.is_empty() {
                    let names: Vec<_> = groups.iter().take(NAMED).map(|group| group.group.as_str()).collect();
                    let more = groups.len() - names.len();
                    let more = if more > 0 { format!(" +{more}") } else { String::new() };
                    case.note(at, event, OURSELVES, format!("{}{more}", names.join(", ")));
                }
            }
            // A group that is better off is no news; the record says so all the same.
            let worse = !lost.is_empty() || !thin.is_empty();
            changed.push((*number, if worse { EffectKind::Changed } else { EffectKind::Noted }));
            case.record().redundancy = standing;
        }
        changed.into_iter().for_each(|(number, kind)| self.tell(number, kind));
    }
}

/// The groups of an incident's links that are down, by id.
fn standing(case: &Case, world: &World<'_>) -> Vec<Redundancy> {
    let down = case.down().filter_map(|link| world.scopes.link(link));
    let mut groups: BTreeMap<&str, Redundancy> = BTreeMap::new();
    for group in down.filter_map(|link| world.inventory.links[link.at()].group.as_deref()) {
        groups.entry(group).or_insert_with(|| {
            let links = world.scopes.members(&ScopeKind::Group.scope(group));
            let mut standing = Redundancy { group: group.to_owned(), links: links.len() as u32, up: 0, down: 0 };
            for state in links.iter().filter_map(|link| world.states.get(link.at())) {
                standing.up += u32::from(matches!(state, LinkState::Up | LinkState::Degraded));
                standing.down += u32::from(*state == LinkState::Down);
            }
            standing
        });
    }
    groups.into_values().collect()
}
