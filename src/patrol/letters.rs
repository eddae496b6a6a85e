//! What letters are written from, as the loop knows it.

use std::collections::BTreeSet;

use super::{field::Field, turn::Loop};
use crate::{
    contract::Target,
    incident::Incident,
    inventory::{Kind, Link, LinkIndex, Role},
    judge::{self, LinkState, PointVerdict},
    notify::{
        letter::{Facts, Probes, Seen, Sight},
        pass::Passes,
    },
};

/// As it stands now. Borrows single fields, so that the notices beside them can be changed.
pub(super) fn facts<'a>(field: &'a Field, passes: Option<&'a Passes>, head: &'a str, simulated: bool) -> Facts<'a> {
    let loaded = &field.loaded;
    Facts {
        inventory: &loaded.inventory,
        ladders: &loaded.contract.terms.ladders,
        contacts: &loaded.contacts,
        roster: &loaded.roster,
        letters: &loaded.letters,
        sight: field,
        passes,
        head,
        zone: loaded.contract.time_zone,
        simulated,
        language: loaded.config.language,
    }
}

impl Sight for Field {
    fn of(&self, index: LinkIndex) -> Seen {
        let link = &self.loaded.inventory.links[index.at()];
        let points = self.points_of(index);
        let answers = |role: Role| {
            let at = link.points.iter().position(|point| point.role == role);
            at.is_some_and(|at| points[at].judge.verdict() == PointVerdict::Up)
        };
        let deciding = judge::deciding_point(&link.points, self.loaded.contract.measuring_point(link.kind));
        let probes = deciding.map(|place| {
            let window = &points[place].window;
            let counts = window.counts();
            let sent = counts.answered + counts.lost;
            Probes { sent, lost: counts.lost, in_a_row: window.consecutive_losses() }
        });
        let is_up = matches!(self.states[index.at()], LinkState::Up | LinkState::Degraded);
        Seen { is_up, probes, near: answers(Role::Near), gateway: answers(Role::CarrierGateway) }
    }

    fn classes(&self, incident: &Incident) -> Vec<&str> {
        let (contract, links) = (&self.loaded.contract, &self.loaded.inventory.links);
        let ids = |target: Target<'_>| contract.terms.classes_of(&target).into_iter().map(|class| class.id.as_str());
        if let Some(service) = &incident.service {
            return ids(contract.service_target(&service.id, &service.requirement)).collect();
        }
        let is_in = |link: &&Link| incident.links.binary_search_by(|(id, _)| id.cmp(&link.id)).is_ok();
        let kinds: BTreeSet<Kind> = links.iter().filter(is_in).map(|link| link.kind).collect();
        kinds.into_iter().flat_map(|kind| ids(contract.target(kind))).collect()
    }
}

impl Loop {
    /// What letters show of the journal, as of this second.
    pub(super) fn look_at_head(&mut self) {
        if let Some(view) = self.keeping.as_ref().map(|keeping| keeping.journal_view()) {
            self.head = format!("{} {}", view.entries, view.head);
        }
    }
}
