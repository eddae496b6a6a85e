//! `roster.yaml` of a contract.

use std::{path::Path, sync::Arc};

use chrono::NaiveDate;
use serde::Deserialize;

use super::{Override, Person, Role, Roster, Shift};
use crate::{
    contract::{Calendar, Terms, Words, window},
    diagnostic::{
        Code, Findings, closest,
        yaml::{self, Document},
    },
    inventory::usable_id,
    text::{ContractText, DutyText, Message},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    from: Day,
    #[serde(default)]
    to: Option<Day>,
    people: Vec<WrittenPerson>,
    roles: Vec<WrittenRole>,
    shifts: Vec<WrittenShift>,
    #[serde(default)]
    overrides: Vec<Override>,
}

/// `2026-01-05`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
struct Day(#[serde(deserialize_with = "yaml::date")] NaiveDate);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPerson {
    id: String,
    name: String,
    #[serde(default)]
    contacts: Vec<String>,
    roles: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRole {
    id: String,
    name: Words,
    #[serde(default)]
    covers: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenShift {
    id: String,
    role: String,
    #[serde(default)]
    calendar: Option<String>,
    #[serde(default)]
    hours: Option<String>,
    #[serde(default)]
    from: Option<Day>,
    #[serde(default)]
    every: Option<u32>,
    turns: Vec<Vec<String>>,
}

/// Longest turn, in days.
const MOST_EVERY: u32 = 366;

impl Roster {
    /// Reads the roster of a folder; an empty one without the file.
    pub fn load(folder: &Path, terms: &Terms, findings: &mut Findings) -> Self {
        let file = folder.join("roster.yaml");
        let document = file.is_file().then(|| yaml::read::<Written>(&file, findings)).flatten();
        let Some(document) = document else { return Self::default() };
        let before = findings.errors();
        let mut reader = Reader { document: &document, terms, findings };
        let roster = reader.roster();
        if reader.findings.errors() > before {
            return Self::default();
        }
        reader.gaps(&roster);
        roster
    }
}

struct Reader<'a> {
    document: &'a Document<Written>,
    terms: &'a Terms,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    fn roster(&mut self) -> Roster {
        let Written { from, to, people, roles, shifts, overrides } = &self.document.value;
        if to.is_some_and(|to| to.0 < from.0) {
            self.wrong("to", DutyText::DaysReversed, DutyText::DaysReversedHelp);
        }
        self.ids("people", people.iter().map(|person| person.id.as_str()));
        self.ids("roles", roles.iter().map(|role| role.id.as_str()));
        self.ids("shifts", shifts.iter().map(|shift| shift.id.as_str()));
        let role_names: Vec<&str> = roles.iter().map(|role| role.id.as_str()).collect();
        for (nth, person) in people.iter().enumerate() {
            for (number, role) in person.roles.iter().enumerate() {
                self.named(&format!("people.{nth}.roles.{number}"), role, &role_names);
            }
        }
        for nth in 0..overrides.len() {
            self.stands_in(nth);
        }
        Roster {
            people: people.iter().map(WrittenPerson::person).collect(),
            roles: roles.iter().enumerate().map(|(nth, role)| self.role(nth, role)).collect(),
            shifts: shifts.iter().enumerate().map(|(nth, shift)| self.shift(nth, shift, &role_names)).collect(),
            overrides: overrides.clone(),
            days: Some((from.0, to.map(|to| to.0))),
        }
    }

    fn role(&mut self, nth: usize, written: &WrittenRole) -> Role {
        let path = format!("roles.{nth}.covers");
        Role {
            id: written.id.clone(),
            name: written.name.clone(),
            covers: written.covers.as_ref().and_then(|id| self.calendar(&path, id)),
            place: self.document.place(&format!("roles.{nth}.id")),
        }
    }

    fn shift(&mut self, nth: usize, written: &WrittenShift, roles: &[&str]) -> Shift {
        let at = |key: &str| format!("shifts.{nth}.{key}");
        self.named(&at("role"), &written.role, roles);
        let hours = written.hours.as_ref().map(|text| {
            window(text).unwrap_or_else(|| {
                let message = DutyText::BadHours { hours: yaml::shortened(text) };
                self.wrong(&at("hours"), message, DutyText::BadHoursHelp);
                (0, 0)
            })
        });
        let every = written.every.unwrap_or(1);
        if !(1..=MOST_EVERY).contains(&every) {
            self.wrong(&at("every"), DutyText::BadTurn, DutyText::BadTurnHelp);
        }
        if written.turns.is_empty() {
            self.wrong(&at("turns"), DutyText::NoTurns, DutyText::NoTurnsHelp);
        }
        for (number, people) in written.turns.iter().enumerate() {
            self.people(&at(&format!("turns.{number}")), people, &written.role);
        }
        let whole = || Arc::new(Calendar::always(self.terms.time_zone, self.document.place(&at("id"))));
        let calendar = match &written.calendar {
            Some(id) => self.calendar(&at("calendar"), id).unwrap_or_else(whole),
            None => whole(),
        };
        Shift {
            id: written.id.clone(),
            role: written.role.clone(),
            calendar,
            hours,
            first: written.from.unwrap_or(self.document.value.from).0,
            every,
            turns: written.turns.clone(),
            place: self.document.place(&at("id")),
        }
    }

    /// An override names what there is, and one day of a shift has one at most.
    fn stands_in(&mut self, nth: usize) {
        let Written { overrides, shifts, .. } = &self.document.value;
        let (one, at) = (&overrides[nth], |key: &str| format!("overrides.{nth}.{key}"));
        let names: Vec<&str> = shifts.iter().map(|shift| shift.id.as_str()).collect();
        self.named(&at("shift"), &one.shift, &names);
        if one.to < one.from {
            self.wrong(&at("to"), DutyText::DaysReversed, DutyText::DaysReversedHelp);
        }
        if let Some(shift) = shifts.iter().find(|shift| shift.id == one.shift) {
            self.people(&at("people"), &one.people, &shift.role);
        }
        let overlaps = |other: &Override| other.shift == one.shift && other.from <= one.to && one.from <= other.to;
        if let Some(first) = overrides[..nth].iter().position(overlaps) {
            let first = self.document.place(&format!("overrides.{first}.shift"));
            let message = DutyText::OverridesOverlap { shift: one.shift.clone(), first };
            self.error(&at("shift"), Code::ROSTER_OVERLAP, message, DutyText::OverridesOverlapHelp);
        }
    }

    /// People who are there, and may take the role.
    fn people(&mut self, path: &str, ids: &[String], role: &str) {
        let people = &self.document.value.people;
        let known: Vec<&str> = people.iter().map(|person| person.id.as_str()).collect();
        for (number, id) in ids.iter().enumerate() {
            let path = format!("{path}.{number}");
            self.named(&path, id, &known);
            let person = people.iter().find(|person| person.id == *id);
            if person.is_some_and(|person| !person.roles.iter().any(|own| own == role)) {
                let message = DutyText::NotOfRole { person: id.clone(), role: role.to_owned() };
                self.wrong(&path, message, DutyText::NotOfRoleHelp { role: role.to_owned() });
            }
        }
    }

    /// Whoever relies on a role that must be there all the time is told when it will not be.
    fn gaps(&mut self, roster: &Roster) {
        for role in &roster.roles {
            let gaps = roster.gaps(role);
            let Some((from, to)) = gaps.first() else { continue };
            let zone = self.terms.time_zone;
            let message = DutyText::NobodyOnDuty {
                role: role.id.clone(),
                from: from.rfc3339(zone),
                to: to.rfc3339(zone),
                others: gaps.len() - 1,
            };
            let (message, help) = (Message::Duty(message), Message::Duty(DutyText::NobodyOnDutyHelp));
            self.findings.warning(role.place.clone(), Code::ROSTER_GAP, message, help);
        }
    }

    /// Each id is one, and stands once.
    fn ids<'n>(&mut self, list: &str, ids: impl Iterator<Item = &'n str>) {
        let mut seen: Vec<&str> = vec![];
        for (nth, id) in ids.enumerate() {
            let place = self.document.place(&format!("{list}.{nth}.id"));
            if !usable_id(id, &place, self.findings) {
                // It is nobody's, so it is not taken either.
            } else if let Some(first) = seen.iter().position(|other| *other == id) {
                let first = self.document.place(&format!("{list}.{first}.id"));
                let message = Message::DuplicateId { id: id.to_owned(), first };
                self.findings.error(place, Code::DUPLICATE_ID, message, Message::DuplicateIdHelp);
            }
            seen.push(id);
        }
    }

    fn calendar(&mut self, path: &str, id: &str) -> Option<Arc<Calendar>> {
        let calendars = &self.terms.calendars;
        let known: Vec<&str> = calendars.iter().map(|calendar| calendar.id.as_str()).collect();
        self.named(path, id, &known);
        calendars.iter().find(|calendar| calendar.id == *id).cloned()
    }

    /// A finding when nothing has this name.
    fn named(&mut self, path: &str, name: &str, known: &[&str]) {
        if known.contains(&name) {
            return;
        }
        let closest = closest(name, known.iter().copied()).map(str::to_owned);
        let message = ContractText::UnknownName { name: yaml::shortened(name) }.into();
        let help = Message::Known { closest, known: known.iter().map(|name| (*name).to_owned()).collect() };
        self.findings.error(self.document.place(path), Code::UNKNOWN_NAME, message, help);
    }

    fn wrong(&mut self, path: &str, message: DutyText, help: DutyText) {
        self.error(path, Code::ROSTER_SHIFT, message, help);
    }

    fn error(&mut self, path: &str, code: Code, message: DutyText, help: DutyText) {
        self.findings.error(self.document.place(path), code, Message::Duty(message), Message::Duty(help));
    }
}

impl WrittenPerson {
    fn person(&self) -> Person {
        let Self { id, name, contacts, roles } = self;
        Person { id: id.clone(), name: name.clone(), contacts: contacts.clone(), roles: roles.clone() }
    }
}
