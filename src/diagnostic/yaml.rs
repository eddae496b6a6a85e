//! Reading a YAML file into a type, with all findings of the file and not only the first.
//!
//! In: a [`Source`] and a type that serde can decode, its structs with `deny_unknown_fields`. Out: a [`Document`] that
//! knows the place of every value, and findings. The decoder stops at its first error; so the value that it stopped at
//! is reported, taken out, and the rest is decoded again, until it decodes. A map without a required key is taken out
//! whole; so of two keys missing from one map only the first is reported.

mod tree;
mod within;

use std::{path::Path, sync::Arc};

use serde::{Deserializer, de::DeserializeOwned};
use serde_path_to_error::Segment;
use serde_yaml::Value;

use super::{Code, Findings, Place, Source, closest};
use crate::text::{Expected, Message};
use tree::{Content, Node};
pub use within::place_within;

/// What a file said, as far as it could be decoded.
#[derive(Debug)]
pub struct Document<T> {
    pub value: T,
    file: Arc<Path>,
    tree: Node,
}

impl<T> Document<T> {
    /// Where the value at `path` stands: keys and list numbers with dots, such as `units.3.id`. The nearest value
    /// around it when it was not written.
    pub fn place(&self, path: &str) -> Place {
        let mut node = &self.tree;
        for step in path.split('.') {
            match node.child(step) {
                Some(child) => node = child,
                None => break,
            }
        }
        Place { file: Arc::clone(&self.file), line: node.line, column: node.column }
    }

    /// Every scalar in file order: its path, its text and its place.
    pub fn leaves(&self) -> Vec<(String, &str, Place)> {
        let mut leaves = vec![];
        self.tree.leaves(&mut vec![], &mut |path, node, text| {
            let place = Place { file: Arc::clone(&self.file), line: node.line, column: node.column };
            leaves.push((path.join("."), text, place));
        });
        leaves
    }

    /// The scalar at `path` as it was written.
    pub fn written(&self, path: &str) -> Option<&str> {
        match &path.split('.').try_fold(&self.tree, |node, step| node.child(step))?.content {
            Content::Scalar { text, .. } => Some(text),
            Content::List(_) | Content::Map(_) => None,
        }
    }
}

/// Reads and decodes a file. `None`, with findings, when nothing of it can be used.
pub fn read<T: DeserializeOwned>(file: &Path, findings: &mut Findings) -> Option<Document<T>> {
    decode(&Source::read(file, findings)?, findings)
}

/// Decodes a file that was read.
pub fn decode<T: DeserializeOwned>(source: &Source, findings: &mut Findings) -> Option<Document<T>> {
    let text = match source.utf8() {
        Ok(text) => text,
        Err(readable) => {
            let place = source.place_after(readable);
            findings.error(place, Code::ENCODING, Message::NotUtf8, Message::NotUtf8Help);
            return None;
        }
    };
    let mut tree = Node::parse(source, text, findings)?;
    let mut value = tree.value();
    while !findings.is_full() {
        let error = match serde_path_to_error::deserialize::<_, T>(&value) {
            Ok(value) => return Some(Document { value, file: Arc::clone(&source.file), tree }),
            Err(error) => error,
        };
        let path: Vec<&Segment> = error.path().iter().take_while(|step| name(step).is_some()).collect();
        if let Some(finding) = Complaint::of(&error.inner().to_string(), tree.at(&path)) {
            let (line, column) = tree.position(&path, matches!(finding, Complaint::UnknownKey { .. }));
            let (code, message, help) = finding.words(path.last().and_then(|step| name(step)));
            findings.error(Place { file: Arc::clone(&source.file), line, column }, code, message, help);
        }
        if !(tree.remove(&path) && remove(&mut value, &path)) {
            break;
        }
    }
    None
}

/// Deserializes a length of time such as `5s`.
pub fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<std::time::Duration, D::Error> {
    parsed(from, "duration", crate::units::parse_duration)
}

/// Deserializes a share such as `99.9 %`.
pub fn percent<'de, D: Deserializer<'de>>(from: D) -> Result<crate::units::Ppm, D::Error> {
    parsed(from, "percent", |text| text.contains('%').then(|| crate::units::Ppm::parse_percent(text))?)
}

/// Deserializes a day such as `2025-06-01`.
pub fn date<'de, D: Deserializer<'de>>(from: D) -> Result<chrono::NaiveDate, D::Error> {
    parsed(from, "date", |text| chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
}

/// A length of time in a field that may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Lasting(#[serde(deserialize_with = "duration")] pub std::time::Duration);

/// A share in a field that may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Percent(#[serde(deserialize_with = "percent")] pub crate::units::Ppm);

/// A text that `parse` understands. `what` is one of the words of [`Complaint::expected`].
pub fn parsed<'de, D: Deserializer<'de>, T>(
    from: D,
    what: &'static str,
    parse: fn(&str) -> Option<T>,
) -> Result<T, D::Error> {
    struct Visitor<T>(&'static str, fn(&str) -> Option<T>);
    impl<T> serde::de::Visitor<'_> for Visitor<T> {
        type Value = T;

        fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            out.write_str(self.0)
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            self.1(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
        }

        /// A plain whole number: the text that it was written as.
        fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<T, E> {
            self.visit_str(&number.to_string())
        }
    }
    from.deserialize_any(Visitor(what, parse))
}

/// What the decoder did not like.
enum Complaint {
    UnknownKey { known: Vec<String> },
    MissingKey { key: String },
    UnknownWord { word: String, known: Vec<String> },
    WrongValue { found: Message, expected: Expected },
}

impl Complaint {
    /// Reads the decoder's text, whose forms are those of `serde::de::Error`. `None` when it follows from a finding
    /// that was made already.
    fn of(text: &str, node: Option<&Node>) -> Option<Self> {
        let mut quoted = text.split('`').skip(1).step_by(2).map(str::to_owned);
        let holes: &[String] = match node.map(|node| &node.content) {
            Some(Content::Map(map)) => &map.holes,
            _ => &[],
        };
        if text.starts_with("unknown field") {
            return Some(Self::UnknownKey { known: quoted.skip(1).collect() });
        }
        if text.starts_with("missing field") {
            let key = quoted.next()?;
            return (!holes.contains(&key)).then_some(Self::MissingKey { key });
        }
        if text.starts_with("unknown variant") {
            return Some(Self::UnknownWord { word: quoted.next()?, known: quoted.collect() });
        }
        // A choice written as a map of one key, whose key was taken out.
        if text.ends_with("map with a single key") && !holes.is_empty() {
            return None;
        }
        let expected = text.rsplit_once("expected ").map_or(text, |(_, expected)| expected);
        Some(Self::WrongValue {
            found: node.map_or(Message::FoundNothing, Node::found),
            expected: Self::expected(expected),
        })
    }

    /// The decoder's word for what belongs here. Texts of our own types come from [`parsed`].
    fn expected(text: &str) -> Expected {
        match text {
            "duration" => Expected::Duration,
            "percent" => Expected::Percent,
            "date" => Expected::Date,
            "span" => Expected::Span,
            "quantity" => Expected::Figure,
            "a string" | "path string" | "string" => Expected::Text,
            "a boolean" => Expected::TrueOrFalse,
            "u8" => Expected::WholeNumber { most: u8::MAX.into() },
            "u16" => Expected::WholeNumber { most: u16::MAX.into() },
            "u32" => Expected::WholeNumber { most: u32::MAX.into() },
            "u64" | "usize" => Expected::WholeNumber { most: u64::MAX },
            "a sequence" => Expected::List,
            "IP address" | "invalid IP address syntax" => Expected::Address,
            "socket address" | "invalid socket address syntax" => Expected::SocketAddress,
            map if map == "a map" || map.starts_with("struct ") => Expected::Map,
            other => Expected::Other(other.to_owned()),
        }
    }

    /// `last`: the last step of the path to the value.
    fn words(self, last: Option<String>) -> (Code, Message, Message) {
        match self {
            Self::UnknownKey { known } => {
                let key = last.unwrap_or_default();
                let closest = closest(&key, known.iter().map(String::as_str)).map(str::to_owned);
                (Code::UNKNOWN_KEY, Message::UnknownKey { key }, Message::Known { closest, known })
            }
            Self::MissingKey { key } => {
                (Code::MISSING_KEY, Message::MissingKey { key: key.clone() }, Message::MissingKeyHelp { key })
            }
            Self::UnknownWord { word, known } => {
                let closest = closest(&word, known.iter().map(String::as_str)).map(str::to_owned);
                (Code::UNKNOWN_WORD, Message::UnknownWord { word }, Message::Known { closest, known })
            }
            Self::WrongValue { found, expected } => {
                let message = Message::WrongValue { found: Box::new(found), expected: expected.clone() };
                (Code::WRONG_VALUE, message, Message::Write(expected))
            }
        }
    }
}

impl Node {
    fn leaves<'a>(&'a self, path: &mut Vec<String>, take: &mut impl FnMut(&[String], &'a Self, &'a str)) {
        let mut below = |step: String, node: &'a Self| {
            path.push(step);
            node.leaves(path, take);
            path.pop();
        };
        match &self.content {
            Content::Scalar { text, .. } => take(path, self, text),
            Content::List(items) => items.iter().enumerate().for_each(|(nth, item)| below(nth.to_string(), item)),
            Content::Map(map) => map.entries.iter().for_each(|entry| below(entry.key.clone(), &entry.value)),
        }
    }

    /// The value below this one: by key in a map, by number in a list.
    fn child(&self, step: &str) -> Option<&Self> {
        match &self.content {
            Content::Scalar { .. } => None,
            Content::List(items) => items.get(step.parse::<usize>().ok()?),
            Content::Map(map) => map.entries.iter().find(|entry| entry.key == step).map(|entry| &entry.value),
        }
    }

    fn at(&self, path: &[&Segment]) -> Option<&Self> {
        path.iter().try_fold(self, |node, step| node.child(&name(step)?))
    }

    fn at_mut(&mut self, path: &[&Segment]) -> Option<&mut Self> {
        path.iter().try_fold(self, |node, step| match &mut node.content {
            Content::Scalar { .. } => None,
            Content::List(items) => items.get_mut(name(step)?.parse::<usize>().ok()?),
            Content::Map(map) => {
                let key = name(step)?;
                map.entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value)
            }
        })
    }

    /// Line and column of the value at `path`, or of its key.
    fn position(&self, path: &[&Segment], of_key: bool) -> (u32, u32) {
        let parent = path.split_last().and_then(|(last, parents)| Some((self.at(parents)?, name(last)?)));
        if let (true, Some((Self { content: Content::Map(map), .. }, key))) = (of_key, parent)
            && let Some(entry) = map.entries.iter().find(|entry| entry.key == key)
        {
            return (entry.line, entry.column);
        }
        self.at(path).map_or((self.line, self.column), |node| (node.line, node.column))
    }

    /// Takes the value at `path` out. `false`: nothing is left that could be taken out.
    fn remove(&mut self, path: &[&Segment]) -> bool {
        let Some((last, parents)) = path.split_last() else { return false };
        let (Some(parent), Some(last)) = (self.at_mut(parents), name(last)) else { return false };
        match &mut parent.content {
            Content::Scalar { .. } => false,
            Content::List(items) => {
                last.parse().is_ok_and(|at: usize| (at < items.len()).then(|| items.remove(at)).is_some())
            }
            Content::Map(map) => {
                let before = map.entries.len();
                map.entries.retain(|entry| entry.key != last);
                map.holes.push(last);
                map.entries.len() < before
            }
        }
    }

    /// What stands here, for people.
    fn found(&self) -> Message {
        match &self.content {
            Content::Scalar { text, plain: true } if text.is_empty() || text == "~" => Message::FoundNothing,
            Content::Scalar { text, .. } => Message::FoundText(shortened(text)),
            Content::List(_) => Message::FoundList,
            Content::Map(_) => Message::FoundMap,
        }
    }
}

/// The same removal from what the decoder is given.
fn remove(value: &mut Value, path: &[&Segment]) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let parent = parents.iter().try_fold(value, |value, step| match step {
        Segment::Seq { index } => value.get_mut(*index),
        _ => value.get_mut(name(step)?),
    });
    match (parent, last) {
        (Some(Value::Sequence(items)), Segment::Seq { index }) if *index < items.len() => {
            items.remove(*index);
            true
        }
        (Some(Value::Mapping(map)), last) => name(last).is_some_and(|key| map.shift_remove(key.as_str()).is_some()),
        _ => false,
    }
}

/// A step of the decoder's path as text. `None` where the decoder lost its way.
fn name(step: &Segment) -> Option<String> {
    match step {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

/// At most 60 letters of what a person wrote, so that a message stays a line.
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::text::Language;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Shelf {
        name: String,
        age: Option<Lasting>,
        shelves: Vec<Shelf>,
        books: Vec<Book>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Book {
        title: String,
        pages: u16,
    }

    /// Reads `text`; returns its findings as people see them, without the help.
    fn found(text: &[u8]) -> (Option<Shelf>, Vec<String>) {
        let mut findings = Findings::default();
        let source = Source { file: Path::new("f").into(), bytes: text.to_vec() };
        let document = decode::<Shelf>(&source, &mut findings);
        let told = findings.into_sorted().iter().map(|finding| finding.print(Language::En)).collect::<Vec<_>>();
        let first_lines = told.iter().map(|told| told.lines().next().unwrap_or_default().to_owned()).collect();
        (document.map(|document| document.value), first_lines)
    }

    #[test]
    fn everything_wrong_is_found_in_one_pass_and_the_rest_still_decodes() {
        let text = "nam: x\nage: 5\nshelves:\n  - {name: [a], age: 1s}\n  - top\nbooks: [{title: t, pages: many}, {title: u, pages: 7}]\n";
        let (shelf, told) = found(text.as_bytes());
        let expected = [
            "f:1:1: error LP1005: there is no key `nam` here",
            "f:2:6: error LP1007: `5` is not a length of time",
            "f:4:12: error LP1007: a list is not text",
            "f:5:5: error LP1007: `top` is not a map of keys and values",
            "f:6:27: error LP1007: `many` is not a whole number from 0 to 65535",
        ];
        assert_eq!(told, expected);
        let shelf = shelf.unwrap();
        assert_eq!((shelf.shelves.len(), shelf.books), (1, vec![Book { title: "u".into(), pages: 7 }]));
    }

    #[test]
    fn a_part_that_was_taken_out_is_not_reported_missing_again() {
        let (shelf, told) = found(b"books:\n  - {title: t, pages: -1}\n  - {title: u}\n");
        let expected = [
            "f:2:23: error LP1007: `-1` is not a whole number from 0 to 65535",
            "f:3:5: error LP1006: `pages` is missing",
        ];
        assert_eq!(told, expected);
        assert_eq!(shelf.unwrap().books, []);
    }

    #[test]
    fn columns_count_letters_and_an_empty_file_says_nothing() {
        let (_, told) = found("\u{FEFF}# 值班\n证书: 一, name\n".as_bytes());
        assert_eq!(told, ["f:2:1: error LP1005: there is no key `证书` here"]);
        for empty in ["", "# nothing\n", "---\n", "~\n"] {
            assert_eq!(found(empty.as_bytes()), (Some(Shelf::default()), vec![]), "{empty:?}");
        }
    }

    #[test]
    fn aliases_stand_for_their_values() {
        let (shelf, told) = found(b"books:\n  - &a {title: t, pages: 1}\n  - *a\n");
        assert_eq!((shelf.unwrap().books.len(), told), (2, vec![]));
    }

    #[test]
    fn places_are_those_of_what_was_kept() {
        let source =
            Source { file: Path::new("f").into(), bytes: b"books:\n  - 7\n  - {title: t, pages: 1}\n".to_vec() };
        let document = decode::<Shelf>(&source, &mut Findings::default()).unwrap();
        assert_eq!(document.place("books.0.pages").to_string(), "f:3:23");
        assert_eq!(document.written("books.0.title"), Some("t"));
    }

    proptest! {
        #[test]
        fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            found(&bytes);
        }

        #[test]
        fn nothing_that_looks_like_yaml_brings_it_down(text in "[a-c0-2 \n\t:,&*!|>'\"#%@`{}\\[\\]?~.-]{0,120}") {
            found(text.as_bytes());
        }
    }
}
