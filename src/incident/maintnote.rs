//! Reads calendars (RFC 5545) in which carriers write about maintenance (MAINTNOTE, a draft BCOP of NANOG).
//!
//! In: bytes from outside. Out: one [`ReadNote`] per event, never nothing. Pure, linear in the length of the text, and
//! without recursion: whoever can send mail to a carrier's mailing list can write these bytes. What is not plain is not
//! guessed: a time without a zone, a rule of recurrence, a status of the carrier's own go to a person.

use std::collections::BTreeMap;

use chrono::{NaiveDateTime, TimeZone};
use chrono_tz::Tz;

use crate::{
    command::{Impact, MaintNote, NoteObject, NoteStatus, ReadNote},
    units::Timestamp,
};

/// Events of one calendar, and circuits of one event; what has more is not read.
pub const MOST_EVENTS: usize = 64;
const MOST_OBJECTS: usize = 256;
/// Components inside each other: a calendar, an event, an alarm, and room.
const DEEPEST: usize = 8;
/// Longest id, summary, and text that is shown to people, in characters.
const ID: usize = 256;
const SUMMARY: usize = 500;
const TEXT: usize = 2_000;
/// Lines that name people, which nobody needs here.
const PEOPLE: [&str; 3] = ["ORGANIZER", "ATTENDEE", "CONTACT"];

/// The events of a calendar.
pub fn read(bytes: &[u8]) -> Vec<ReadNote> {
    let unfolded = unfold(bytes);
    let Ok(text) = std::str::from_utf8(&unfolded) else {
        return vec![unreadable("it is not UTF-8", &String::from_utf8_lossy(&unfolded))];
    };
    let mut notes = vec![];
    let mut method = String::new();
    let (mut open, mut event): (Vec<String>, Event) = (vec![], Event::default());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let inside = open.last().map(String::as_str);
        let Some(property) = Property::read(line) else {
            if inside == Some("VEVENT") {
                event.fault.get_or_insert_with(|| format!("not a line of a calendar: {}", cut(line, 60)));
                event.keep(line);
                continue;
            }
            return ended(notes, "a line is none of a calendar", text);
        };
        match property.name.as_str() {
            "BEGIN" => {
                let name = property.value.to_ascii_uppercase();
                if open.len() == DEEPEST || (open.is_empty() && name != "VCALENDAR") {
                    return ended(notes, "it is no calendar: it does not begin with VCALENDAR", text);
                }
                if name == "VEVENT" {
                    event = Event::default();
                }
                open.push(name);
            }
            "END" => {
                if open.pop() != Some(property.value.to_ascii_uppercase()) {
                    return ended(notes, "BEGIN and END do not fit", text);
                }
                if property.value.eq_ignore_ascii_case("VEVENT") {
                    if notes.len() == MOST_EVENTS {
                        return ended(notes, "more events than one calendar may have", "");
                    }
                    notes.push(std::mem::take(&mut event).note(&method));
                }
            }
            "METHOD" if inside == Some("VCALENDAR") => method = property.value.to_ascii_uppercase(),
            _ if inside == Some("VEVENT") => {
                event.keep(line);
                event.take(property);
            }
            _ if inside.is_none() => return ended(notes, "it does not begin with VCALENDAR", text),
            _ => {}
        }
    }
    match open.last() {
        Some(_) => ended(notes, "it ends in the middle", text),
        None if notes.is_empty() => ended(notes, "it holds no event (VEVENT)", text),
        None => notes,
    }
}

/// What was read so far, and why no more of it was.
fn ended(mut notes: Vec<ReadNote>, reason: &str, text: &str) -> Vec<ReadNote> {
    notes.push(unreadable(reason, text));
    notes
}

fn unreadable(reason: &str, text: &str) -> ReadNote {
    let names = |line: &&str| {
        let name: String = line.chars().take_while(|c| !";:".contains(*c)).collect();
        PEOPLE.iter().any(|people| name.trim().eq_ignore_ascii_case(people))
    };
    let lines: Vec<&str> = text.lines().filter(|line| !names(line)).take(TEXT).collect();
    ReadNote::Unreadable { reason: reason.to_owned(), text: cut(&lines.join("\n"), TEXT) }
}

fn cut(text: &str, most: usize) -> String {
    text.chars().filter(|c| *c == '\n' || !c.is_control()).take(most).collect()
}

/// Lines that were folded are one again: in bytes, because a fold may stand in the middle of a character.
fn unfold(bytes: &[u8]) -> Vec<u8> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut out = Vec::with_capacity(bytes.len());
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line.split_first() {
            Some((b' ' | b'\t', rest)) if !out.is_empty() => {
                out.pop();
                out.extend_from_slice(rest);
            }
            _ => out.extend_from_slice(line),
        }
        out.push(b'\n');
    }
    out
}

/// One line of a calendar.
struct Property {
    /// In capitals.
    name: String,
    /// In capitals, with their values.
    parameters: Vec<(String, String)>,
    value: String,
}

impl Property {
    /// `NAME;PARAMETER="value":value`; `None`: it is no such line.
    fn read(line: &str) -> Option<Self> {
        let is_name = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && name.len() <= ID
        };
        let end = line.find([';', ':'])?;
        let (name, mut rest) = line.split_at(end);
        let mut parameters = vec![];
        while let Some(parameter) = rest.strip_prefix(';') {
            let (key, after) = parameter.split_once('=')?;
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_at(after.find([';', ':'])?),
            };
            if !is_name(key) || parameters.len() == DEEPEST {
                return None;
            }
            parameters.push((key.to_ascii_uppercase(), value.to_owned()));
            rest = after;
        }
        let value = rest.strip_prefix(':')?.trim().to_owned();
        is_name(name).then(|| Self { name: name.to_ascii_uppercase(), parameters, value })
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Its value as TEXT: `\n`, `\,` and `\;` stand for what cannot be written.
    fn text(&self) -> String {
        let (mut out, mut chars) = (String::new(), self.value.chars());
        while let Some(c) = chars.next() {
            out.push(match (c, c == '\\') {
                (_, true) => match chars.next() {
                    Some('n' | 'N') => ' ',
                    Some(other) => other,
                    None => break,
                },
                (c, false) => c,
            });
        }
        cut(out.trim(), SUMMARY)
    }
}

/// The event that is being read.
#[derive(Default)]
struct Event {
    /// What may stand once.
    single: BTreeMap<String, Property>,
    maintenance: Vec<Property>,
    objects: Vec<Property>,
    fault: Option<String>,
    /// Its lines, for people.
    text: String,
}

impl Event {
    fn keep(&mut self, line: &str) {
        if self.text.len() < 4 * TEXT {
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    fn take(&mut self, property: Property) {
        let most = MOST_OBJECTS;
        match property.name.as_str() {
            "X-MAINTNOTE-OBJECT-ID" if self.objects.len() < most => self.objects.push(property),
            "X-MAINTNOTE-MAINTENANCE-ID" if self.maintenance.len() < most => self.maintenance.push(property),
            "X-MAINTNOTE-OBJECT-ID" | "X-MAINTNOTE-MAINTENANCE-ID" => {
                self.fault.get_or_insert_with(|| format!("more than {most} of {}", property.name));
            }
            "DTSTAMP"
            | "DTSTART"
            | "DTEND"
            | "UID"
            | "SUMMARY"
            | "SEQUENCE"
            | "STATUS"
            | "RRULE"
            | "RDATE"
            | "X-MAINTNOTE-PROVIDER"
            | "X-MAINTNOTE-ACCOUNT"
            | "X-MAINTNOTE-IMPACT"
            | "X-MAINTNOTE-STATUS" => {
                let name = property.name.clone();
                if self.single.insert(name.clone(), property).is_some() {
                    self.fault.get_or_insert_with(|| format!("{name} stands in it twice"));
                }
            }
            _ => {}
        }
    }

    fn note(mut self, method: &str) -> ReadNote {
        match self.read(method) {
            Ok(note) => ReadNote::Note(Box::new(note)),
            Err(reason) => unreadable(&reason, &self.text),
        }
    }

    fn read(&mut self, method: &str) -> Result<MaintNote, String> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        if self.single.contains_key("RRULE") || self.single.contains_key("RDATE") {
            return Err("it comes again (RRULE, RDATE)".to_owned());
        }
        let text = |name: &str| {
            let value = self.single.get(name).map(Property::text).filter(|value| !value.is_empty());
            value.filter(|value| value.chars().count() <= ID).ok_or_else(|| format!("{name} is missing or too long"))
        };
        let time = |name: &str| {
            let property = self.single.get(name).ok_or_else(|| format!("{name} is missing"))?;
            moment(property).ok_or_else(|| format!("{name} is no time of a known zone: {}", cut(&property.value, 40)))
        };
        let (from, to) = (time("DTSTART")?, time("DTEND")?);
        if from >= to {
            return Err("DTEND is not after DTSTART".to_owned());
        }
        let sequence = match self.single.get("SEQUENCE") {
            None => 0,
            Some(written) => written.value.parse().map_err(|_| "SEQUENCE is no number".to_owned())?,
        };
        let impact = self.single.get("X-MAINTNOTE-IMPACT").ok_or("X-MAINTNOTE-IMPACT is missing")?;
        let impact = impact_of(&impact.value);
        let ids = |properties: &[Property], name: &str| {
            let fine = |id: &String| (1..=ID).contains(&id.chars().count());
            let ids: Vec<String> = properties.iter().map(Property::text).collect();
            if ids.is_empty() || !ids.iter().all(fine) {
                return Err(format!("{name} is missing or too long"));
            }
            Ok(ids)
        };
        let maintenances = ids(&self.maintenance, "X-MAINTNOTE-MAINTENANCE-ID")?;
        let is_primary = |property: &Property| {
            property.parameter("X-MAINTNOTE-PRECEDENCE").is_some_and(|word| word.eq_ignore_ascii_case("PRIMARY"))
        };
        let primary = self.maintenance.iter().position(is_primary).unwrap_or(0);
        let objects = ids(&self.objects, "X-MAINTNOTE-OBJECT-ID")?.into_iter().zip(&self.objects);
        let mut objects: Vec<NoteObject> = objects
            .map(|(id, property)| {
                let own = property.parameter("X-MAINTNOTE-OBJECT-IMPACT");
                NoteObject { id, impact: own.map_or(impact, impact_of) }
            })
            .collect();
        objects.sort_by(|one, other| one.id.cmp(&other.id));
        objects.dedup();
        let maintenance = maintenances[primary].clone();
        Ok(MaintNote {
            provider: text("X-MAINTNOTE-PROVIDER")?,
            account: text("X-MAINTNOTE-ACCOUNT")?,
            uid: text("UID")?,
            sequence,
            stamp: time("DTSTAMP")?,
            from,
            to,
            objects,
            status: self.status(method)?,
            summary: self.single.get("SUMMARY").map(Property::text).unwrap_or_default(),
            maintenance,
        })
    }

    /// Its own status; else that of the event; a calendar that cancels, cancels.
    fn status(&self, method: &str) -> Result<NoteStatus, String> {
        let word = |name: &str| self.single.get(name).map(|property| property.value.to_ascii_uppercase());
        if method == "CANCEL" || word("STATUS").as_deref() == Some("CANCELLED") {
            return Ok(NoteStatus::Cancelled);
        }
        let word = word("X-MAINTNOTE-STATUS").or_else(|| word("STATUS"));
        Ok(match word.as_deref() {
            Some("TENTATIVE") => NoteStatus::Tentative,
            Some("CONFIRMED") => NoteStatus::Confirmed,
            Some("CANCELLED") => NoteStatus::Cancelled,
            Some("IN-PROCESS") => NoteStatus::InProcess,
            Some("COMPLETED") => NoteStatus::Completed,
            Some("RE-SCHEDULED") => NoteStatus::ReScheduled,
            Some("NO-CHANGE") => NoteStatus::NoChange,
            Some(other) => return Err(format!("a status that the standard does not know: {}", cut(other, 40))),
            None => return Err("X-MAINTNOTE-STATUS is missing".to_owned()),
        })
    }
}

/// What the standard does not name counts as an outage.
fn impact_of(word: &str) -> Impact {
    match word.trim().to_ascii_uppercase().as_str() {
        "NO-IMPACT" => Impact::NoImpact,
        "REDUCED-REDUNDANCY" => Impact::ReducedRedundancy,
        "DEGRADED" => Impact::Degraded,
        _ => Impact::Outage,
    }
}

/// `20261127T020000Z`, or a civil time with the IANA name of its zone.
fn moment(property: &Property) -> Option<Timestamp> {
    let (civil, zone) = match property.value.strip_suffix(['Z', 'z']) {
        Some(civil) => (civil, Tz::UTC),
        None => (property.value.as_str(), property.parameter("TZID")?.trim_start_matches('/').parse().ok()?),
    };
    let civil = NaiveDateTime::parse_from_str(civil, "%Y%m%dT%H%M%S").ok()?;
    Some(Timestamp(zone.from_local_datetime(&civil).single()?.timestamp_millis()))
}

#[cfg(test)]
pub(super) mod tests;
