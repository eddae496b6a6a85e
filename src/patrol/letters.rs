//! What letters are written from, as the loop knows it.

use std::{collections::BTreeSet, path::PathBuf};

use super::{breaches::Promise, field::Field, turn::Loop};
use crate::{
    clock::discipline,
    contract::Target,
    incident::Incident,
    inventory::{Kind, Link, LinkIndex, Role},
    judge::{LinkState, PointVerdict},
    ledger::Account,
    notify::{
        letter::{Evidence, Facts, Ourselves, Probes, Seen, Sight},
        pass::Passes,
    },
    units::Timestamp,
};

/// What stands on every letter, and the way back to us.
pub(super) struct Letterhead {
    /// Signed links, and the folder of their key; `None`: an exporter.
    pub links: Option<(Passes, PathBuf)>,
    /// Where the journal stands.
    pub head: String,
    pub simulated: bool,
}

impl Letterhead {
    /// As it stands now.
    pub fn facts<'a>(&'a self, sight: &'a Eyes) -> Facts<'a> {
        let loaded = &sight.field.loaded;
        Facts {
            inventory: &loaded.inventory,
            ladders: &loaded.contract.terms.ladders,
            contacts: &loaded.contacts,
            roster: &loaded.roster,
            letters: &loaded.letters,
            sight,
            passes: self.links.as_ref().map(|(passes, _)| passes),
            head: &self.head,
            zone: loaded.contract.time_zone,
            simulated: self.simulated,
            language: loaded.config.language,
        }
    }
}

/// What the loop sees. Borrows single fields, so that the notices beside them can be changed.
pub(super) struct Eyes<'a> {
    pub field: &'a Field,
    pub accounts: &'a [Account],
}

impl Sight for Eyes<'_> {
    fn of(&self, index: LinkIndex) -> Seen {
        let field = self.field;
        let link = &field.loaded.inventory.links[index.at()];
        let points = field.points_of(index);
        let answers = |role: Role| {
            let at = link.points.iter().position(|point| point.role == role);
            at.is_some_and(|at| points[at].judge.verdict() == PointVerdict::Up)
        };
        let probes = field.deciding(index).map(|point| {
            let counts = point.window.counts();
            let sent = counts.answered + counts.lost;
            Probes { sent, lost: counts.lost, in_a_row: point.window.consecutive_losses() }
        });
        let is_up = matches!(field.states[index.at()], LinkState::Up | LinkState::Degraded);
        Seen { is_up, probes, near: answers(Role::Near), gateway: answers(Role::CarrierGateway) }
    }

    fn evidence(&self, index: LinkIndex, now: Timestamp) -> Evidence {
        let (loaded, account) = (&self.field.loaded, &self.accounts[index.at()]);
        let link = &loaded.inventory.links[index.at()];
        let carrier = &loaded.inventory.carriers[link.carrier.at()].id;
        let promise = Promise::of(&loaded.contract, carrier, account.month());
        let agreed =
            promise.agreement.map(|number| (promise.standard.promised, format!("{number} {}", promise.clause)));
        Evidence {
            month: account.accounted_by(&promise.standard, now, loaded.contract.time_zone),
            agreed,
            hour: self.field.deciding(index).map(|point| point.window.last_hour()).unwrap_or_default(),
        }
    }

    fn ourselves(&self) -> Ourselves {
        let up = || self.field.witnesses_up();
        Ourselves { witnesses: up().count(), witnesses_up: up().filter(|up| *up).count(), clock: discipline() }
    }

    fn classes(&self, incident: &Incident) -> Vec<&str> {
        let loaded = &self.field.loaded;
        let (contract, links) = (&loaded.contract, &loaded.inventory.links);
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
            self.letterhead.head = format!("{} {}", view.entries, view.head);
        }
    }
}
