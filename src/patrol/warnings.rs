//! Warnings in the loop: what services and the register show, told as notices.

use std::sync::Arc;

use super::{
    letters::Eyes,
    load::Loaded,
    sites::found::{REGISTER, by_ladder},
    turn::Loop,
};
use crate::{
    notify::warning::{Found, Proof, Warned},
    units::{Now, Timestamp},
};

/// So often somebody looks, in seconds.
const EVERY_SECONDS: usize = 5;

impl Loop {
    /// Tells what ends soon, and which sites stand badly.
    pub(super) fn look_for_warnings(&mut self, now: Now) {
        if !self.seconds.is_multiple_of(EVERY_SECONDS) {
            return;
        }
        let loaded = Arc::clone(&self.field.loaded);
        let Some(rule) = loaded.site_rules.warnings.filter(|_| self.keeping.is_some()) else { return };
        let mut found = self.services.found(now);
        found.extend(registered(&loaded, now.utc));
        let eyes = Eyes { field: &self.field, accounts: &self.accounts };
        let facts = self.letterhead.facts(&eyes);
        if let Some(keeping) = &mut self.keeping {
            keeping.warn(found, rule, facts, now);
        }
    }
}

fn registered(loaded: &Loaded, now: Timestamp) -> impl Iterator<Item = Found> {
    let ladder = loaded.site_rules.days_left.as_ref().map(|days| &days.register);
    loaded.expiries.list.iter().map(move |entry| {
        let (stands, rung) = by_ladder(ladder, entry.ends, now);
        // Ledgers name a unit by its id or by its name.
        let owner = loaded.inventory.units.iter().find(|unit| [&unit.id, &unit.name].contains(&&entry.owner));
        let about = Warned {
            what: REGISTER.to_owned(),
            id: entry.id.clone(),
            name: entry.name.clone(),
            url: String::new(),
            owner: owner.map(|unit| unit.id.clone()).unwrap_or_default(),
            over: false,
            ends: Some(entry.ends),
            rung,
            proof: Proof { note: entry.note.clone(), ..Proof::default() },
        };
        Found { stands, about }
    })
}
