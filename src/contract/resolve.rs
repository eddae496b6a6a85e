//! From what the file says to what holds: names of calendars and switches become what they stand for.

use std::{collections::HashMap, sync::Arc};

use serde::de::{DeserializeOwned, IntoDeserializer, value::Error};

use super::{Calendar, Chosen, Switch, switch::Setting, written::Written};
use crate::{
    diagnostic::{Code, Findings, Place, closest, yaml::Document},
    text::{ContractText, Expected, Message},
};

/// What all parts of one file share while they are resolved.
pub(super) struct Resolver<'a, T> {
    pub file: &'a Document<T>,
    /// Where the switches stand; `file` itself unless that is another one.
    pub contract: &'a Document<Written>,
    pub switches: &'a [Switch],
    pub calendars: &'a [Arc<Calendar>],
    pub findings: &'a mut Findings,
}

impl<T> Resolver<'_, T> {
    /// The value of a setting. `None`, with a finding, when its switch does not exist or answers something else.
    pub fn chosen<V: DeserializeOwned>(&mut self, path: &str, setting: &Setting) -> Option<Chosen<V>> {
        self.chosen_as(path, setting, &Expected::Figure)
    }

    /// The same, with what belongs there.
    pub fn chosen_as<V: DeserializeOwned>(
        &mut self,
        path: &str,
        setting: &Setting,
        expected: &Expected,
    ) -> Option<Chosen<V>> {
        match setting {
            Setting::Written(text) => {
                let value = self.value(text, expected, self.file.place(path));
                value.map(Chosen::written)
            }
            Setting::Switch(id) => {
                let place = self.file.place(&format!("{path}.switch"));
                let switches = self.switches;
                let Some(at) = switches.iter().position(|switch| switch.id == *id) else {
                    self.unknown(place, id, switches.iter().map(|switch| switch.id.as_str()));
                    return None;
                };
                let key = if switches[at].chosen.is_some() { "chosen" } else { "default" };
                let place = self.contract.place(&format!("switches.{at}.{key}"));
                let value = self.value(switches[at].value(), expected, place)?;
                Some(Chosen { value, switch: Some(id.clone()) })
            }
        }
    }

    /// A setting as people wrote it; of a switch, its answer.
    pub fn text(&self, setting: &Setting) -> String {
        match setting {
            Setting::Written(text) => text.clone(),
            Setting::Switch(id) => {
                let switch = self.switches.iter().find(|switch| switch.id == *id);
                switch.map(|switch| switch.value().to_owned()).unwrap_or_default()
            }
        }
    }

    /// The same for a value that may be left out.
    pub fn optional<V: DeserializeOwned>(&mut self, path: &str, setting: Option<&Setting>) -> Option<Chosen<V>> {
        self.chosen(path, setting?)
    }

    /// The same with a value for what is not written.
    pub fn chosen_or<V: DeserializeOwned>(
        &mut self,
        path: &str,
        setting: Option<&Setting>,
        otherwise: V,
    ) -> Option<Chosen<V>> {
        setting.map_or(Some(Chosen::written(otherwise)), |setting| self.chosen(path, setting))
    }

    /// The calendar of this name; the first of the file when none is named.
    pub fn calendar(&mut self, path: &str, name: Option<&str>) -> Option<Arc<Calendar>> {
        let calendars = self.calendars;
        let Some(name) = name else { return calendars.first().cloned() };
        let found = calendars.iter().find(|calendar| calendar.id == name);
        if found.is_none() {
            self.unknown(self.file.place(path), name, calendars.iter().map(|calendar| calendar.id.as_str()));
        }
        found.cloned()
    }

    /// A name that nothing in the file has.
    pub fn unknown<'n>(&mut self, place: Place, name: &str, known: impl Iterator<Item = &'n str>) {
        let known: Vec<String> = known.map(str::to_owned).collect();
        let closest = closest(name, known.iter().map(String::as_str)).map(str::to_owned);
        let message = ContractText::UnknownName { name: name.to_owned() }.into();
        self.findings.error(place, Code::UNKNOWN_NAME, message, Message::Known { closest, known });
    }

    /// Reports ids that stand twice in a list.
    pub fn unique<'n>(&mut self, list: &str, ids: impl Iterator<Item = &'n str>) {
        let mut seen: HashMap<&str, Place> = HashMap::new();
        for (nth, id) in ids.enumerate() {
            let place = self.file.place(&format!("{list}.{nth}.id"));
            if let Some(first) = seen.get(id) {
                let message = Message::DuplicateId { id: id.to_owned(), first: first.clone() };
                self.findings.error(place, Code::DUPLICATE_ID, message, Message::DuplicateIdHelp);
            } else {
                seen.insert(id, place);
            }
        }
    }

    fn value<V: DeserializeOwned>(&mut self, text: &str, expected: &Expected, place: Place) -> Option<V> {
        let (code, message, help) = match parse(text) {
            Ok(value) => return Some(value),
            Err(Some(known)) => {
                let closest = closest(text, known.iter().map(String::as_str)).map(str::to_owned);
                let message = Message::UnknownWord { word: text.to_owned() };
                (Code::UNKNOWN_WORD, message, Message::Known { closest, known })
            }
            Err(None) => {
                let found = Box::new(Message::FoundText(crate::diagnostic::yaml::shortened(text)));
                let message = Message::WrongValue { found, expected: expected.clone() };
                (Code::WRONG_VALUE, message, Message::Write(expected.clone()))
            }
        };
        self.findings.error(place, code, message, help);
        None
    }
}

/// Reads a word as its type does. `Err`: the words that the type knows, where it is a closed list.
fn parse<V: DeserializeOwned>(text: &str) -> Result<V, Option<Vec<String>>> {
    let as_text: Result<V, Error> = V::deserialize(text.into_deserializer());
    let as_truth = || {
        let truth = text.parse::<bool>().ok()?;
        V::deserialize(IntoDeserializer::<Error>::into_deserializer(truth)).ok()
    };
    as_text.or_else(|error| as_truth().ok_or(error)).map_err(|error| {
        let error = error.to_string();
        let words = error.split('`').skip(1).step_by(2).skip(1).map(str::to_owned).collect();
        error.starts_with("unknown variant").then_some(words)
    })
}
