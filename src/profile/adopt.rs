//! New entries at the end of `services.yaml`; every other byte of it stays.
//!
//! In: the file as it is, what it says already, and what is wanted. Out: an [`Adopted`] with the new text. Never: writes.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use super::{foreign::Wanted, services::Services};
use crate::{
    diagnostic::{Code, Findings, Place, Source},
    inventory::usable_id,
    text::{ImportText, Message},
    units::duration_text,
};

/// Time-out of an entry with an interval of its own, where that is not shorter.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What becomes of `services.yaml`.
#[derive(Debug)]
pub struct Adopted {
    /// Id and entry, in order of the file.
    pub new: Vec<(String, Wanted)>,
    /// Entries whose address is visited already.
    pub unchanged: usize,
    /// Entries with an error.
    pub refused: usize,
    /// `None`: nothing changes.
    pub text: Option<String>,
    /// Line of `text` on which each of `new` stands, from 1.
    pub lines: Vec<u32>,
}

/// Puts what is wanted and not visited yet behind the services of `source`, which is empty where there is no file yet.
pub fn adopt(source: &Source, present: &Services, wanted: Vec<Wanted>, findings: &mut Findings) -> Option<Adopted> {
    let Ok(text) = source.utf8() else { return None };
    let mut urls: HashMap<String, Option<Place>> =
        present.list.iter().map(|service| (service.url.clone(), None)).collect();
    let mut ids: HashSet<String> = present.list.iter().map(|service| service.id.clone()).collect();
    let (mut new, mut unchanged, mut refused) = (vec![], 0, 0);
    for entry in wanted {
        match urls.get(&entry.url) {
            Some(None) => unchanged += 1,
            Some(Some(first)) => {
                let message = ImportText::TargetTwice { url: entry.url.clone(), first: first.clone() };
                findings.warning(entry.place, Code::TARGET_TWICE, message.into(), ImportText::TargetTwiceHelp.into());
            }
            None => {
                urls.insert(entry.url.clone(), Some(entry.place.clone()));
                let id = match entry.id.as_str() {
                    "" => free_id(&made_of(&entry.url), &ids),
                    id if !usable_id(id, &entry.place, findings) => {
                        refused += 1;
                        continue;
                    }
                    id if ids.contains(id) => {
                        let message = ImportText::ServiceIdTaken { id: id.to_owned() };
                        findings.error(
                            entry.place,
                            Code::SERVICE_ID_TAKEN,
                            message.into(),
                            ImportText::ServiceIdTakenHelp.into(),
                        );
                        refused += 1;
                        continue;
                    }
                    id => id.to_owned(),
                };
                ids.insert(id.clone());
                new.push((id, entry));
            }
        }
    }
    let mut adopted = Adopted { new, unchanged, refused, text: None, lines: vec![] };
    if !adopted.new.is_empty() {
        let Some((at, indent)) = end_of_services(text) else {
            let place = Place::whole(source.file.clone());
            let message = Message::from(ImportText::NoServicesList);
            findings.error(place, Code::NO_SERVICES_LIST, message, ImportText::NoServicesListHelp.into());
            return Some(adopted);
        };
        let (head, tail) = text.split_at(at);
        let mut out = if head.is_empty() { "services:\n".to_owned() } else { head.to_owned() };
        if !out.ends_with('\n') {
            out.push('\n');
        }
        for (id, entry) in &adopted.new {
            adopted.lines.push(crate::diagnostic::count(out.matches('\n').count() + 1));
            out.push_str(&line(&indent, id, entry));
        }
        out.push_str(tail);
        adopted.text = Some(out);
    }
    Some(adopted)
}

/// One entry, as a line of its own.
fn line(indent: &str, id: &str, entry: &Wanted) -> String {
    // A text of JSON is one of YAML.
    let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
    let mut parts = vec![format!("id: {}", quoted(id))];
    if !entry.name.is_empty() {
        parts.push(format!("name: {}", quoted(&entry.name)));
    }
    parts.push(format!("url: {}", quoted(&entry.url)));
    // What the file says of all its services may be longer than this interval.
    parts.extend(entry.interval.map(|interval| {
        let [interval, timeout] = [interval, interval.min(LONGEST_WAIT)].map(duration_text);
        format!("interval: {interval}, timeout: {timeout}, spacing: 100ms")
    }));
    parts.extend(entry.keys.iter().map(|(key, value)| format!("{key}: {}", quoted(value))));
    format!("{indent}- {{{}}}\n", parts.join(", "))
}

/// Where the block list of `services:` ends, and how its entries are indented. `None`: it is written in another way.
fn end_of_services(text: &str) -> Option<(usize, String)> {
    if text.trim().is_empty() {
        return Some((0, "  ".to_owned()));
    }
    let (mut at, mut end, mut indent) = (0, None, None);
    for line in text.split_inclusive('\n') {
        let plain = line.trim_end();
        let blank = plain.is_empty() || plain.trim_start().starts_with('#');
        match end {
            None if plain.split('#').next().unwrap_or_default().trim_end() == "services:" => {
                end = Some(at + line.len())
            }
            None => {}
            Some(_) if blank => {}
            // The next key of the file.
            Some(_) if !plain.starts_with([' ', '-']) => break,
            Some(_) => {
                end = Some(at + line.len());
                let before = plain.len() - plain.trim_start().len();
                if plain.trim_start().starts_with("- ") && indent.is_none() {
                    indent = Some(" ".repeat(before));
                }
            }
        }
        at += line.len();
    }
    end.map(|end| (end, indent.unwrap_or_else(|| "  ".to_owned())))
}

/// `www.city.test-a` of `https://www.city.test/a`.
fn made_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let plain: String = rest
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || "._".contains(letter) { letter } else { '-' })
        .collect();
    let plain: String = plain.trim_matches('-').chars().take(56).collect();
    if plain.is_empty() { "service".to_owned() } else { plain }
}

/// The id itself, else with the first number behind it that is free.
fn free_id(id: &str, taken: &HashSet<String>) -> String {
    if !taken.contains(id) {
        return id.to_owned();
    }
    (2..).map(|number: u32| format!("{id}-{number}")).find(|id| !taken.contains(id)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_to_the_end_of_the_list_whatever_stands_behind_it() {
        let end = |text: &str| end_of_services(text).map(|(at, indent)| (text[..at].to_owned(), indent));
        let list = "defaults: {}\nservices: # all\n    - {id: a}\n    - id: b\n      url: c\n";
        assert_eq!(end(&format!("{list}\n# limits\nlimits: {{}}\n")), Some((list.to_owned(), "    ".to_owned())));
        assert_eq!(end("services:\n- {id: a}\n"), Some(("services:\n- {id: a}\n".to_owned(), String::new())));
        assert_eq!(end("services: [{id: a}]\n"), None);
        assert_eq!(end(""), Some((String::new(), "  ".to_owned())));
    }

    #[test]
    fn ids_are_made_of_addresses_and_stay_apart() {
        assert_eq!(made_of("https://www.city.test/a?b=市"), "www.city.test-a-b");
        assert_eq!(free_id("a", &["a".to_owned(), "a-2".to_owned()].into()), "a-3");
    }
}
