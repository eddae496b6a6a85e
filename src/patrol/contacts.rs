//! Contacts for a page: written down who asked, when and on which sheet, before anybody sees them.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use serde_json::json;

use super::{duty::ACTOR, turn::Loop};
use crate::{
    command::{Command, ContactSheet, Reachable, Refusal, Reply},
    inventory::{Link, LinkId},
    journal::Record,
    judge::{LinkState, service::ServiceState},
    snapshot::{LinkView, Snapshot},
    units::{Mono, Now},
};

/// So long a second press is the same; after that it is another look, with an entry of its own.
const AGAIN: Duration = Duration::from_secs(60);
/// Presses that are remembered: as many commands as wait. One that is forgotten has a second entry, nothing worse.
const MOST: usize = 64;

/// What was shown lately.
#[derive(Default)]
pub(super) struct Reveals(VecDeque<Press>);

struct Press {
    command: Command,
    /// Ids.
    shown: Vec<String>,
    at: Mono,
}

impl Reveals {
    /// Whether this is more than the same press sent twice.
    fn is_new(&mut self, command: &Command, shown: &[String], now: Mono) -> bool {
        self.0.retain(|press| now.since(press.at) < AGAIN);
        if self.0.iter().any(|press| press.command == *command && press.shown == shown) {
            return false;
        }
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(Press { command: command.clone(), shown: shown.to_vec(), at: now });
        true
    }
}

impl Loop {
    /// Shows whoever asks how to reach those whom a sheet of `snapshot` concerns; a letter names them itself. Without a
    /// journal nobody sees them.
    pub(super) fn reveal(
        &mut self,
        command: &Command,
        (sheet, of): (ContactSheet, &str),
        snapshot: &Snapshot,
        now: Now,
    ) -> Reply {
        let loaded = Arc::clone(&self.field.loaded);
        let Some(keeping) = &mut self.keeping else { return Reply::Refused(Refusal::NotKept) };
        let actor = command.actor.trim();
        if actor.is_empty() || actor.chars().count() > ACTOR {
            return Reply::Refused(Refusal::NoActor);
        }
        let parties = match sheet {
            ContactSheet::Down => concerned(snapshot),
            ContactSheet::Notice => BTreeSet::new(),
        };
        let contacts = loaded.contacts.list.iter().filter(|contact| parties.contains(&contact.party));
        let contacts: Vec<Reachable> = contacts
            .map(|contact| Reachable {
                id: contact.id.clone(),
                party: contact.party.clone(),
                name: contact.name.clone(),
                to: contact.to.clone(),
                on_site: contact.on_site.clone(),
                listens: contact.listens(&loaded.roster, now.utc),
                verified: contact.verified,
            })
            .collect();
        let shown: Vec<String> = contacts.iter().map(|contact| contact.id.clone()).collect();
        if keeping.reveals.is_new(command, &shown, now.mono) {
            tracing::info!(sheet = sheet.as_str(), contacts = shown.len(), "contacts are shown");
            let mut detail = json!({ "command": command, "contacts": shown });
            keeping.hide_people(&mut detail);
            let subject =
                [sheet.as_str(), of].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
            let event = "contacts_revealed".to_owned();
            keeping.record(Record::Note { now, event, subject, detail }, now);
        }
        Reply::Revealed { at: now.utc, contacts }
    }
}

/// Parties of which something is down, and ourselves.
fn concerned(snapshot: &Snapshot) -> BTreeSet<String> {
    let inventory = &*snapshot.inventory;
    let told = snapshot.open_incidents().flat_map(|incident| &incident.links);
    let told: BTreeSet<&LinkId> = told.filter(|(_, is_down)| *is_down).map(|(link, _)| link).collect();
    let is_down = |(link, view): &(&Link, &LinkView)| view.state == LinkState::Down || told.contains(&link.id);
    let links = inventory.links.iter().zip(snapshot.links()).filter(is_down);
    let of_links = links.flat_map(|(link, _)| {
        let (carrier, unit) = (&inventory.carriers[link.carrier.at()].id, &inventory.units[link.unit.at()].id);
        [format!("carrier/{carrier}"), format!("unit/{unit}")]
    });
    let services = snapshot.services.list.iter().filter(|view| view.state == ServiceState::Down);
    let owners = services.map(|view| format!("unit/{}", view.service.owner));
    of_links.chain(owners).chain(["operator".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Action;

    #[test]
    fn a_second_press_is_the_same_look_for_a_minute_and_for_nobody_else() {
        let press = |actor: &str, key: &str| Command {
            actor: actor.into(),
            key: key.into(),
            way: "page".into(),
            action: Action::RevealContacts { sheet: ContactSheet::Down, of: String::new() },
        };
        let (shown, mut reveals) = (vec!["noc".to_owned()], Reveals::default());
        let mut is_new =
            |press: &Command, shown: &[String], second: i64| reveals.is_new(press, shown, Mono(second * 1_000));
        assert!(is_new(&press("li", "1"), &shown, 0));
        assert!(!is_new(&press("li", "1"), &shown, 59));
        assert!(is_new(&press("wang", "1"), &shown, 59), "another person");
        assert!(is_new(&press("li", "2"), &shown, 59), "another press");
        assert!(is_new(&press("li", "1"), &[], 59), "other contacts");
        assert!(is_new(&press("li", "1"), &shown, 60), "a minute later");
        for key in 0..100 {
            is_new(&press("li", &key.to_string()), &shown, 61);
        }
        assert_eq!(reveals.0.len(), MOST);
    }
}
