//! When two cells say the same, and how the ledger writes what a file says.

use std::{collections::HashMap, net::IpAddr};

use crate::{
    inventory::{
        Inventory, Kind, Priority, Responder, Status, Target,
        columns::{Column, Word},
    },
    units::{BitRate, parse_duration},
};

/// Names that cells may use.
pub(super) struct Values {
    /// Ids by name and by id.
    carriers: HashMap<String, String>,
    units: HashMap<String, String>,
}

impl Values {
    pub fn of(inventory: &Inventory) -> Self {
        let both = |id: &String, name: &String| [(name.clone(), id.clone()), (id.clone(), id.clone())];
        Self {
            carriers: inventory.carriers.iter().flat_map(|carrier| both(&carrier.id, &carrier.name)).collect(),
            units: inventory.units.iter().flat_map(|unit| both(&unit.id, &unit.name)).collect(),
        }
    }

    /// Equal for cells that mean the same. A text that means nothing stays as it is: the ledger's reader refuses it.
    pub fn canonical(&self, column: Column, text: &str) -> String {
        let or_text = |value: Option<String>| value.unwrap_or_else(|| text.to_owned());
        match column {
            Column::Carrier => or_text(self.carriers.get(text).cloned()),
            Column::Unit | Column::UnitName => or_text(self.units.get(text).cloned()),
            Column::Kind => or_text(word::<Kind>(text)),
            Column::Priority => or_text(word_or_default::<Priority>(text)),
            Column::Status => or_text(word_or_default::<Status>(text)),
            Column::Responder => or_text(word_or_default::<Responder>(text)),
            Column::Bandwidth => or_text(BitRate::parse(text).map(|rate| rate.0.to_string())),
            Column::CommitRate => or_text(text.parse::<u64>().ok().map(|rate| rate.to_string())),
            Column::Dscp => or_text(text.parse::<u8>().ok().map(|dscp| dscp.to_string())),
            Column::Installed => or_text(text.parse::<chrono::NaiveDate>().ok().map(|day| day.to_string())),
            Column::Interval | Column::Timeout => or_text(parse_duration(text).map(|time| format!("{time:?}"))),
            Column::Address(_) => or_text(Target::parse(text).ok().map(|target| target.to_string())),
            Column::Source => or_text(text.parse::<IpAddr>().ok().map(|address| address.to_string())),
            Column::Segments | Column::DependsOn => {
                let names = text.split([' ', ';', '；', '、']).filter(|name| !name.is_empty());
                names.collect::<Vec<_>>().join(" ")
            }
            _ => text.to_owned(),
        }
    }

    pub fn same(&self, column: Column, one: &str, other: &str) -> bool {
        one == other || self.canonical(column, one) == self.canonical(column, other)
    }

    /// What the ledger writes in `into` for what the file says in `column`: our own words and ids, the rest as it is.
    pub fn stored(&self, column: Column, into: Column, text: &str) -> String {
        let or_text = |value: Option<String>| value.unwrap_or_else(|| text.to_owned());
        match (column, into) {
            (Column::CommitRate, Column::Bandwidth) => or_text(
                text.parse::<u64>().ok().and_then(|rate| rate.checked_mul(1_000)).map(|rate| BitRate(rate).to_string()),
            ),
            (Column::Bandwidth, Column::CommitRate) => {
                let kilobits = BitRate::parse(text).filter(|rate| rate.0.is_multiple_of(1_000));
                or_text(kilobits.map(|rate| (rate.0 / 1_000).to_string()))
            }
            (Column::Carrier | Column::Unit | Column::Kind | Column::Segments | Column::DependsOn, _)
            | (Column::UnitName, Column::Unit) => self.canonical(column, text),
            (Column::Priority | Column::Status | Column::Responder, _) if !text.is_empty() => {
                self.canonical(column, text)
            }
            _ => text.to_owned(),
        }
    }
}

/// Our own word for it.
fn word<W: Word + PartialEq>(text: &str) -> Option<String> {
    let value = W::of(text)?;
    let (_, words) = W::WORDS.iter().find(|(own, _)| *own == value)?;
    Some(words[0].to_owned())
}

fn word_or_default<W: Word + Default + PartialEq>(text: &str) -> Option<String> {
    if !text.is_empty() {
        return word::<W>(text);
    }
    let (_, words) = W::WORDS.iter().find(|(own, _)| *own == W::default())?;
    Some(words[0].to_owned())
}
