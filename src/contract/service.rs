//! `requirements.csv`: the requirements of a contract and their parts, so that a rule can be looked up for one.
//!
//! One row is one requirement, system, service, link group or exchange of the contract's text. Addresses are not here:
//! no contract has any.

use std::path::Path;

use serde::Deserialize;

use super::{Target, words::TargetKind};
use crate::{
    diagnostic::{Code, Findings, Place, Source, count},
    text::Message,
};

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Such as `94.35`, or a word.
    pub id: String,
    /// The requirement that it is a part of; itself when it is none.
    pub requirement: String,
    /// As printed.
    pub name: String,
    pub category: String,
    /// Criticality: `core`, `general`, `room-network`, or `unknown` until the customer sets it.
    pub class: String,
    /// The same, and the contract's answer where that is `unknown`.
    pub patrol: String,
    pub zone: String,
    /// As the text has it, such as `weekly`. Empty: only the general rule.
    pub inspection: String,
    pub groups: Vec<String>,
    pub place: Place,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    requirement: String,
    name: String,
    category: String,
    class: String,
    zone: String,
    inspection: String,
    groups: String,
}

impl Service {
    /// Rows of the folder's `requirements.csv`; none without the file.
    pub(super) fn load(folder: &Path, findings: &mut Findings) -> Vec<Self> {
        let file = folder.join("requirements.csv");
        let Some(source) = file.is_file().then(|| Source::read(&file, findings)).flatten() else { return vec![] };
        let text = match source.utf8() {
            Ok(text) => text,
            Err(readable) => {
                let place = source.place_after(readable);
                findings.error(place, Code::ENCODING, Message::NotUtf8, Message::NotUtf8Help);
                return vec![];
            }
        };
        let mut services: Vec<Self> = vec![];
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        for row in reader.deserialize::<Row>() {
            match row {
                Ok(row) => {
                    let line = count(services.len() + 2);
                    let service = Self::new(row, Place { file: source.file.clone(), line, column: 1 });
                    if let Some(first) = services.iter().find(|other| other.id == service.id) {
                        let message = Message::DuplicateId { id: service.id.clone(), first: first.place.clone() };
                        let place = service.place.clone();
                        findings.error(place, Code::DUPLICATE_ID, message, Message::DuplicateIdHelp);
                    }
                    services.push(service);
                }
                Err(error) => {
                    let line = error.position().map_or(1, csv::Position::line);
                    let line = u32::try_from(line).unwrap_or(u32::MAX);
                    let place = Place { file: source.file.clone(), line, column: 1 };
                    match error.kind() {
                        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                            let row = [*expected_len, *len].map(|cells| usize::try_from(cells).unwrap_or(usize::MAX));
                            let message = Message::RowLength { wanted: row[0], found: row[1] };
                            findings.error(place, Code::ROW_LENGTH, message, Message::RowLengthHelp);
                        }
                        _ => {
                            let message = Message::Syntax { cause: error.to_string() };
                            findings.error(place, Code::SYNTAX, message, Message::SyntaxHelp);
                        }
                    }
                }
            }
        }
        services
    }

    fn new(row: Row, place: Place) -> Self {
        Self {
            requirement: if row.requirement.is_empty() { row.id.clone() } else { row.requirement },
            id: row.id,
            name: row.name,
            category: row.category,
            patrol: row.class.clone(),
            class: row.class,
            zone: row.zone,
            inspection: row.inspection,
            groups: row.groups.split_whitespace().map(str::to_owned).collect(),
            place,
        }
    }

    /// As rules are looked up for it.
    pub fn target(&self) -> Target<'_> {
        Target {
            kind: if self.category == "link" { TargetKind::Link } else { TargetKind::Service },
            id: &self.id,
            requirement: &self.requirement,
            category: &self.category,
            class: &self.patrol,
            groups: &self.groups,
            link_kind: None,
        }
    }
}
