//! `expiry.csv`: what ends on a day that somebody has to know before: licences, grants of interfaces, contracts.
//!
//! A ledger as that of links: UTF-8 or GB18030, English or Chinese headings, each wrong cell reported at its place.

use std::{collections::HashMap, path::Path};

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::{
    columns::{Headed, Word},
    read::usable_id,
    sheet::{Row, Sheet, decoded},
};
use crate::{
    diagnostic::{Code, Findings, Place, Source},
    text::{Expected, Message},
    units::Timestamp,
};

/// The register of a contract, what ends first first. Empty without the file.
#[derive(Debug, Default, PartialEq)]
pub struct Expiries {
    pub list: Vec<Registered>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    pub id: String,
    pub kind: RegisteredKind,
    pub name: String,
    /// Who renews it: a unit or an office, not a person. May be empty.
    pub owner: String,
    /// The last day on which it holds.
    pub expires: NaiveDate,
    /// The last second of that day.
    pub ends: Timestamp,
    pub note: String,
}

/// Closed: metrics, the API and the ledger use these names (docs/services.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegisteredKind {
    Licence,
    /// The right to call an interface of somebody else.
    ApiGrant,
    Contract,
    /// Maintenance and warranty.
    Support,
    /// A domain or certificate that no probe can ask for its end.
    Domain,
    Certificate,
}

impl RegisteredKind {
    /// As metrics, JSON and the ledger write it.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, words)| words[0])
    }
}

impl Word for RegisteredKind {
    const WORDS: &'static [(Self, &'static [&'static str])] = &[
        (Self::Licence, &["licence", "license", "许可", "软件许可"]),
        (Self::ApiGrant, &["api_grant", "接口授权", "接口"]),
        (Self::Contract, &["contract", "合同"]),
        (Self::Support, &["support", "维保", "维护协议"]),
        (Self::Domain, &["domain", "域名"]),
        (Self::Certificate, &["certificate", "证书"]),
    ];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Id,
    Kind,
    Name,
    Owner,
    Expires,
    Note,
}

impl Headed for Column {
    const HEADINGS: &'static [(Self, &'static [&'static str])] = &[
        (Self::Id, &["id", "编号"]),
        (Self::Kind, &["kind", "type", "类别", "类型"]),
        (Self::Name, &["name", "名称"]),
        (Self::Owner, &["owner", "责任单位", "责任部门"]),
        (Self::Expires, &["expires", "expiry", "到期日", "到期日期", "有效期至"]),
        (Self::Note, &["note", "备注"]),
    ];
    const REQUIRED: &'static [&'static [Self]] = &[&[Self::Id], &[Self::Kind], &[Self::Name], &[Self::Expires]];
}

impl Expiries {
    /// Reads the register of a folder; none without the file. `zone`: whose days they are.
    pub fn load(folder: &Path, zone: Tz, findings: &mut Findings) -> Self {
        let file = folder.join("expiry.csv");
        let Some(source) = file.is_file().then(|| Source::read(&file, findings)).flatten() else {
            return Self::default();
        };
        let (mut list, mut taken) = (vec![], HashMap::new());
        if let Some(text) = decoded(&source, findings)
            && let Some(mut sheet) = Sheet::open(&source, &text, findings)
        {
            while let Some(row) = sheet.next_row(findings) {
                list.extend(entry(&row, zone, &mut taken, findings));
            }
        }
        list.sort_by(|one, other| (one.ends, &one.id).cmp(&(other.ends, &other.id)));
        Self { list }
    }
}

/// `None` when something in the row is wrong; all that is wrong has been reported.
fn entry(
    row: &Row<'_, Column>,
    zone: Tz,
    taken: &mut HashMap<String, Place>,
    findings: &mut Findings,
) -> Option<Registered> {
    let id = row.required(&[Column::Id], findings).filter(|cell| usable_id(cell.text, &cell.place, findings));
    let id = id.filter(|cell| {
        let first = taken.entry(cell.text.to_owned()).or_insert_with(|| cell.place.clone()).clone();
        let is_new = first == cell.place;
        if !is_new {
            let message = Message::DuplicateId { id: cell.text.to_owned(), first };
            findings.error(cell.place.clone(), Code::DUPLICATE_ID, message, Message::DuplicateIdHelp);
        }
        is_new
    });
    let kind = row.required(&[Column::Kind], findings).and_then(|cell| cell.word(findings));
    let name = row.required(&[Column::Name], findings);
    let expires = row.required(&[Column::Expires], findings).and_then(|cell| {
        let day = |text: &str| {
            let expires: NaiveDate = text.parse().ok()?;
            Some((expires, last_second(expires, zone)?))
        };
        row.value(&cell, Column::Expires, Expected::Date, day, findings)
    });
    let text = |column| row.cell(column).map_or_else(String::new, |cell| cell.text.to_owned());
    let (expires, ends) = expires?;
    Some(Registered {
        id: id?.text.to_owned(),
        kind: kind?,
        name: name?.text.to_owned(),
        owner: text(Column::Owner),
        expires,
        ends,
        note: text(Column::Note),
    })
}

fn last_second(day: NaiveDate, zone: Tz) -> Option<Timestamp> {
    let last = day.and_hms_opt(23, 59, 59)?.and_local_timezone(zone).latest()?;
    Some(Timestamp(last.timestamp_millis()))
}
