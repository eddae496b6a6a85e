//! A YAML document as a tree that knows where each value stands.
//!
//! Duplicate keys, aliases and documents too deep or too large are found here, because the decoder behind it would
//! stop at the first of them. Aliases are expanded by copying, within [`MOST_NODES`].

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};
use serde_yaml::Value;

use crate::diagnostic::{Code, Findings, Place, Source, count};
use crate::text::Message;

/// Far beyond any file that a person writes; what an alias bomb runs into.
const MOST_NODES: usize = 200_000;
/// Files of this product nest five deep.
const MOST_DEPTH: usize = 64;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub line: u32,
    pub column: u32,
    pub content: Content,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// `plain`: without quotes, so that `5` is a number and `true` a truth value.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Map),
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Map {
    pub entries: Vec<Entry>,
    /// Keys that were taken out because their value was wrong: that they are missing is no news.
    pub holes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub key: String,
    pub line: u32,
    pub column: u32,
    pub value: Node,
}

impl Node {
    /// The document of `text`, with its duplicate keys taken out and reported. `None` when it is not YAML.
    pub fn parse(source: &Source, text: &str, findings: &mut Findings) -> Option<Self> {
        Builder { source, findings, open: vec![], anchors: HashMap::new(), nodes: 0, root: None }.build(text)
    }

    /// What the decoder is given. Plain scalars are typed by serde_yaml.
    pub fn value(&self) -> Value {
        match &self.content {
            Content::Scalar { text, plain: true } => typed(text),
            Content::Scalar { text, plain: false } => Value::String(text.clone()),
            Content::List(items) => Value::Sequence(items.iter().map(Self::value).collect()),
            Content::Map(map) => {
                let pairs = map.entries.iter().map(|entry| (Value::String(entry.key.clone()), entry.value.value()));
                Value::Mapping(pairs.collect())
            }
        }
    }

    fn count(&self) -> usize {
        1 + match &self.content {
            Content::Scalar { .. } => 0,
            Content::List(items) => items.iter().map(Self::count).sum(),
            Content::Map(map) => map.entries.iter().map(|entry| entry.value.count()).sum(),
        }
    }
}

fn typed(text: &str) -> Value {
    match serde_yaml::from_str(text) {
        Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => value,
        _ if text.is_empty() => Value::Null,
        _ => Value::String(text.to_owned()),
    }
}

/// A list or map that has begun.
struct Open {
    node: Node,
    anchor: usize,
    /// In a map: the key that waits for its value.
    key: Option<(String, Marker)>,
}

struct Builder<'a> {
    source: &'a Source,
    findings: &'a mut Findings,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

/// A finding was made that ends the reading of this file.
struct Stopped;

impl Builder<'_> {
    fn build(mut self, text: &str) -> Option<Node> {
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let taken = match event {
                Ok((event, span)) => self.take(event, span.start),
                Err(error) => Err(self.syntax(&error)),
            };
            taken.ok()?;
        }
        let empty = Node { line: 1, column: 1, content: Content::Map(Map::default()) };
        Some(match self.root {
            None => empty,
            Some(Node { content: Content::Scalar { text, plain: true }, .. }) if typed(&text).is_null() => empty,
            Some(root) => root,
        })
    }

    fn take(&mut self, event: Event<'_>, at: Marker) -> Result<(), Stopped> {
        match event {
            Event::Scalar(text, style, anchor, _) => self.scalar(text.into_owned(), style, anchor, at),
            Event::SequenceStart(anchor, _) => self.begin(Content::List(vec![]), anchor, at),
            Event::MappingStart(anchor, _) => self.begin(Content::Map(Map::default()), anchor, at),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(done) => self.attach(done.node, done.anchor, at),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => self.attach(node, 0, at),
                None => Err(self.stop(at, Code::ALIAS, Message::AliasUnknown, Message::AliasHelp)),
            },
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(self.stop(at, Code::SYNTAX, Message::SecondDocument, Message::SecondDocumentHelp))
            }
            _ => Ok(()),
        }
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, anchor: usize, at: Marker) -> Result<(), Stopped> {
        if let Some(Open { node: Node { content: Content::Map(_), .. }, key: key @ None, .. }) = self.open.last_mut() {
            *key = Some((text, at));
            return Ok(());
        }
        let plain = style == ScalarStyle::Plain;
        self.attach(node(at, Content::Scalar { text, plain }), anchor, at)
    }

    fn begin(&mut self, content: Content, anchor: usize, at: Marker) -> Result<(), Stopped> {
        if self.open.len() >= MOST_DEPTH {
            return Err(self.stop(at, Code::TOO_LARGE, Message::TooDeep { most: MOST_DEPTH }, Message::TooDeepHelp));
        }
        self.open.push(Open { node: node(at, content), anchor, key: None });
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn attach(&mut self, value: Node, anchor: usize, at: Marker) -> Result<(), Stopped> {
        self.nodes += if anchor > 0 || matches!(value.content, Content::Scalar { .. }) { 1 } else { value.count() };
        if self.nodes > MOST_NODES {
            let message = Message::TooManyValues { most: MOST_NODES };
            return Err(self.stop(at, Code::ALIAS, message, Message::AliasHelp));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(value);
            return Ok(());
        };
        match (&mut parent.node.content, parent.key.take()) {
            (Content::List(items), _) => items.push(value),
            (Content::Map(map), Some((key, written))) => {
                let (line, column) = position(written);
                match map.entries.iter().find(|entry| entry.key == key) {
                    None => map.entries.push(Entry { key, line, column, value }),
                    Some(first) => {
                        let first = first.line;
                        let place = Place { file: self.source.file.clone(), line, column };
                        let message = Message::DuplicateKey { key, first };
                        self.findings.error(place, Code::DUPLICATE_KEY, message, Message::DuplicateKeyHelp);
                    }
                }
            }
            (Content::Map(_) | Content::Scalar { .. }, _) => {
                return Err(self.stop(at, Code::SYNTAX, Message::KeyNotText, Message::KeyNotTextHelp));
            }
        }
        Ok(())
    }

    fn syntax(&mut self, error: &ScanError) -> Stopped {
        let message = Message::Syntax { cause: error.info().to_owned() };
        self.stop(*error.marker(), Code::SYNTAX, message, Message::SyntaxHelp)
    }

    fn stop(&mut self, at: Marker, code: Code, message: Message, help: Message) -> Stopped {
        let (line, column) = position(at);
        self.findings.error(Place { file: self.source.file.clone(), line, column }, code, message, help);
        Stopped
    }
}

fn node(at: Marker, content: Content) -> Node {
    let (line, column) = position(at);
    Node { line, column, content }
}

/// The parser counts lines from 1 and columns from 0.
fn position(at: Marker) -> (u32, u32) {
    (count(at.line()), count(at.col() + 1))
}
