//! Whom to tell at each party: people and desks, their addresses, and when they listen.
//!
//! In: `contacts.yaml` beside a contract, the roster, a moment. Out: the contacts of a party that listen then. Pure.
//! Ids stand in keys and logs, names and addresses in the file and in messages alone.

mod read;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use chrono::NaiveDate;

use super::Roster;
use crate::{contract::Calendar, diagnostic::Place, text::Language, units::Timestamp};

/// The contacts of a contract. Empty without the file.
#[derive(Debug, Default, PartialEq)]
pub struct Contacts {
    pub list: Vec<Contact>,
}

/// A person or desk that is told something.
#[derive(Debug, Clone, PartialEq)]
pub struct Contact {
    pub id: String,
    /// `operator`, `carrier/<id>` or `unit/<id>`.
    pub party: String,
    pub name: String,
    /// `None`: that of linkpatrol.yaml.
    pub language: Option<Language>,
    /// Address by channel of linkpatrol.yaml.
    pub to: BTreeMap<String, String>,
    /// Hours in which it listens; `None`: always.
    pub calendar: Option<Arc<Calendar>>,
    /// Role of the roster: it listens while somebody is on duty who names it among their contacts.
    pub duty: Option<String>,
    /// Names by which ladders of the contract call it; it is then told by them alone.
    pub steps: Vec<String>,
    /// What carriers are told of whom to meet at the unit.
    pub on_site: Option<String>,
    /// When somebody last made sure that it is reached there.
    pub verified: NaiveDate,
    pub place: Place,
}

impl Contact {
    /// Whether it is told something at this moment: within its hours and, where it is of a role, on duty.
    pub fn listens(&self, roster: &Roster, at: Timestamp) -> bool {
        let in_hours = self.calendar.as_ref().is_none_or(|calendar| calendar.is_open(at));
        let on_duty = self
            .duty
            .as_ref()
            .is_none_or(|role| roster.on_duty(role, at).iter().any(|person| person.contacts.contains(&self.id)));
        in_hours && on_duty
    }
}

impl Contacts {
    /// Contacts of a party that listen at a moment, without those that only ladders call. When none of them listens, all
    /// of them are told: silence is worse than a call at the wrong hour.
    pub fn listening<'a>(&'a self, party: &'a str, roster: &Roster, at: Timestamp) -> Vec<&'a Contact> {
        awake(self.of(party).filter(|contact| contact.steps.is_empty()), roster, at)
    }

    /// All contacts of a party, whenever they listen.
    pub fn of<'a>(&'a self, party: &'a str) -> impl Iterator<Item = &'a Contact> {
        self.list.iter().filter(move |contact| contact.party == party)
    }

    /// Contacts that a ladder calls by this name.
    pub fn called<'a>(&'a self, name: &str, roster: &Roster, at: Timestamp) -> Vec<&'a Contact> {
        let is_called = |contact: &&Contact| contact.id == name || contact.steps.iter().any(|step| step == name);
        awake(self.list.iter().filter(is_called), roster, at)
    }

    /// Parties that have a contact.
    pub fn parties(&self) -> Vec<&str> {
        let mut parties: Vec<&str> = self.list.iter().map(|contact| contact.party.as_str()).collect();
        parties.sort_unstable();
        parties.dedup();
        parties
    }

    /// Whom a carrier meets at a unit.
    pub fn on_site(&self, unit: &str) -> Option<&str> {
        let party = format!("unit/{unit}");
        self.list.iter().filter(|contact| contact.party == party).find_map(|contact| contact.on_site.as_deref())
    }
}

fn awake<'a>(contacts: impl Iterator<Item = &'a Contact>, roster: &Roster, at: Timestamp) -> Vec<&'a Contact> {
    let all: Vec<&Contact> = contacts.collect();
    let awake: Vec<&Contact> = all.iter().filter(|contact| contact.listens(roster, at)).copied().collect();
    if awake.is_empty() { all } else { awake }
}
