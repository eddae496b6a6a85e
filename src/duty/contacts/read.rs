//! `contacts.yaml` of a contract.

use std::{collections::BTreeMap, path::Path};

use chrono::NaiveDate;
use serde::Deserialize;

use super::{Contact, Contacts};
use crate::{
    contract::Terms,
    diagnostic::{
        Code, Findings, closest,
        yaml::{self, Document},
    },
    duty::Roster,
    inventory::{Inventory, usable_id},
    text::{ContractText, DutyText, Language, Message},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    contacts: Vec<WrittenContact>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenContact {
    id: String,
    party: String,
    name: String,
    #[serde(default)]
    language: Option<Language>,
    to: BTreeMap<String, String>,
    #[serde(default)]
    calendar: Option<String>,
    #[serde(default)]
    duty: Option<String>,
    #[serde(default)]
    steps: Vec<String>,
    #[serde(default)]
    on_site: Option<String>,
    #[serde(deserialize_with = "yaml::date")]
    verified: NaiveDate,
}

impl Contacts {
    /// Reads the contacts of a folder; none without the file.
    pub fn load(folder: &Path, terms: &Terms, roster: &Roster, inventory: &Inventory, findings: &mut Findings) -> Self {
        let file = folder.join("contacts.yaml");
        let document = file.is_file().then(|| yaml::read::<Written>(&file, findings)).flatten();
        let Some(document) = document else { return Self::default() };
        let mut reader = Reader { document: &document, terms, roster, findings };
        let parties: Vec<String> = ["operator".to_owned()]
            .into_iter()
            .chain(inventory.carriers.iter().map(|carrier| format!("carrier/{}", carrier.id)))
            .chain(inventory.units.iter().map(|unit| format!("unit/{}", unit.id)))
            .collect();
        let written = &document.value.contacts;
        let list = written.iter().enumerate().map(|(nth, contact)| reader.contact(nth, contact, &parties)).collect();
        Self { list }
    }
}

struct Reader<'a> {
    document: &'a Document<Written>,
    terms: &'a Terms,
    roster: &'a Roster,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    fn contact(&mut self, nth: usize, written: &WrittenContact, parties: &[String]) -> Contact {
        let at = |key: &str| format!("contacts.{nth}.{key}");
        let place = self.document.place(&at("id"));
        usable_id(&written.id, &place, self.findings);
        let before = &self.document.value.contacts[..nth];
        if let Some(first) = before.iter().position(|other| other.id == written.id) {
            let first = self.document.place(&format!("contacts.{first}.id"));
            let message = Message::DuplicateId { id: written.id.clone(), first };
            self.findings.error(place.clone(), Code::DUPLICATE_ID, message, Message::DuplicateIdHelp);
        }
        self.named(&at("party"), &written.party, parties.iter().map(String::as_str));
        let calendars = &self.terms.calendars;
        let calendar = written.calendar.as_ref().and_then(|id| calendars.iter().find(|one| one.id == *id).cloned());
        if let (Some(id), None) = (&written.calendar, &calendar) {
            self.named(&at("calendar"), id, calendars.iter().map(|calendar| calendar.id.as_str()));
        }
        if let Some(role) = &written.duty {
            self.named(&at("duty"), role, self.roster.roles.iter().map(|role| role.id.as_str()));
        }
        for (channel, address) in &written.to {
            if address.trim().is_empty() || address.contains(char::is_control) {
                let (message, help) = (DutyText::BadAddress { channel: channel.clone() }, DutyText::BadAddressHelp);
                let place = self.document.place(&at(&format!("to.{channel}")));
                self.findings.error(place, Code::BAD_ADDRESS_OF_CONTACT, Message::Duty(message), Message::Duty(help));
            }
        }
        Contact {
            id: written.id.clone(),
            party: written.party.clone(),
            name: written.name.clone(),
            language: written.language,
            to: written.to.clone(),
            calendar,
            duty: written.duty.clone(),
            steps: written.steps.clone(),
            on_site: written.on_site.clone(),
            verified: written.verified,
            place,
        }
    }

    /// A finding when nothing has this name.
    fn named<'n>(&mut self, path: &str, name: &str, known: impl Iterator<Item = &'n str>) {
        let known: Vec<&str> = known.collect();
        if known.contains(&name) {
            return;
        }
        let closest = closest(name, known.iter().copied()).map(str::to_owned);
        let message = ContractText::UnknownName { name: yaml::shortened(name) }.into();
        // A city has more units than a finding can list.
        let help = Message::Known { closest, known: known.into_iter().take(20).map(str::to_owned).collect() };
        self.findings.error(self.document.place(path), Code::UNKNOWN_NAME, message, help);
    }
}
