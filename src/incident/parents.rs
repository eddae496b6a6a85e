//! An incident that another one explains: all that fails in it depends on links that are down there.
//!
//! The cause is told of, once. The other keeps its own record; its clocks run and are reported, and only its notices are
//! kept back (`notify::route`). When the cause is over and it goes on all the same, it is told of as any other.

use std::time::Duration;

use super::{
    EffectKind, IncidentPhase, Incidents, Parent, World,
    case::{Case, OURSELVES},
};
use crate::units::{Mono, Now};

impl Incidents {
    /// Looks again at what explains every open outage that people know of.
    pub(super) fn look_for_parents(&mut self, now: Now, world: &World<'_>) {
        let known = |case: &Case| case.is_open_fault() && case.incident.announced.is_some();
        let known = self.cases.iter().filter(|(_, case)| known(case)).map(|(number, _)| *number);
        known.collect::<Vec<_>>().into_iter().for_each(|number| self.look_for_parent(number, now, world));
    }

    /// The same for one, which people may not know of yet.
    pub(super) fn look_for_parent(&mut self, number: u64, now: Now, world: &World<'_>) {
        let Some(case) = self.cases.get(&number) else { return };
        let parent = self.parent_of(number, case, world).and_then(|parent| self.cases.get(&parent));
        let parent = parent.map(|parent| parent.incident.id.clone());
        let (announced, before) = (case.incident.announced.is_some(), case.incident.parent.clone());
        match (before, parent) {
            (None, Some(parent)) => {
                let Some(case) = self.cases.get_mut(&number) else { return };
                case.note(now.utc, "explained", OURSELVES, parent.as_str());
                case.record().parent = Some(Parent { incident: parent, told: announced });
                self.tell(number, EffectKind::Noted);
            }
            // It has become part of another one.
            (Some(before), Some(parent)) if before.incident != parent => {
                let Some(case) = self.cases.get_mut(&number) else { return };
                case.record().parent = Some(Parent { incident: parent, ..before });
                self.tell(number, EffectKind::Noted);
            }
            (Some(before), None) if self.covered_until(case, &before, world).is_none_or(|until| until <= now.mono) => {
                let Some(case) = self.cases.get_mut(&number) else { return };
                case.note(now.utc, "unexplained", OURSELVES, before.incident.as_str());
                case.record().parent = None;
                if announced {
                    self.tell(number, if before.told { EffectKind::Changed } else { EffectKind::Announced });
                }
            }
            _ => {}
        }
    }

    /// When an open outage must be told of, because what explained it is over.
    pub(super) fn uncovered(&self, case: &Case, world: &World<'_>) -> Option<Mono> {
        let parent = case.incident.parent.as_ref().filter(|_| case.is_open_fault())?;
        self.covered_until(case, parent, world)
    }

    /// How long a restored parent still explains what depends on it: that needs its own proof that it works again.
    /// `None`: it is open, or gone.
    fn covered_until(&self, case: &Case, parent: &Parent, world: &World<'_>) -> Option<Mono> {
        let parent = self.cases.get(self.ids.get(&parent.incident)?)?;
        let restored = parent.restored.filter(|_| parent.incident.phase == IncidentPhase::Restored)?;
        // A service is visited twice before it is up again.
        let visits = case.incident.service.as_ref().map_or(0, |service| service.interval.saturating_mul(2));
        Some(restored.plus(world.contract.grouping.grace_most.max(Duration::from_millis(visits))))
    }

    /// The incident in which everything is down that the links of this one depend on; of several the first link's.
    fn parent_of(&self, number: u64, case: &Case, world: &World<'_>) -> Option<u64> {
        if let Some(service) = &case.incident.service {
            return self.service_explained_by(number, service, case, world);
        }
        let mut first = None;
        for link in case.down() {
            let link = &world.inventory.links[world.scopes.link(link)?.at()];
            let explains = |on| {
                let parent = *self.by_link.get(on)?;
                let other = self.cases.get(&parent).filter(|_| parent != number)?;
                let in_time = case.may_follow_from(other.incident.began, world.contract.grouping.parent_late);
                (in_time && other.is_open_outage() && other.is_down(on) == Some(true)).then_some(parent)
            };
            let parent = world.inventory.dependencies_of(link).find_map(|dependency| explains(&dependency.on))?;
            first.get_or_insert(parent);
        }
        first
    }
}
