//! `exchange.csv`: groups of data-exchange tasks, and who tells how many records each has carried.
//!
//! A ledger as that of links: UTF-8 or GB18030, English or Chinese headings, each wrong cell reported at its place. What a
//! requirement, an owner and a feed must be is for `profile` to say: it makes a service of each group.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    columns::{Headed, Word},
    read::usable_id,
    sheet::{Row, Sheet, decoded},
};
use crate::{
    diagnostic::{Findings, Place, Source},
    text::Expected,
    units::{Timestamp, parse_duration},
};

/// One row.
#[derive(Debug, Clone)]
pub struct ExchangeGroup {
    pub id: String,
    pub kind: ExchangeKind,
    pub name: String,
    /// Tasks in the group, as they are registered.
    pub tasks: u32,
    /// Of the contract; empty: none.
    pub requirement: String,
    /// Id of a unit; empty: nobody's.
    pub owner: String,
    /// `posted`, or the address of a JSON document: `http://…`, `https://…`, `file:///…`.
    pub feed: String,
    /// How often the feed is looked at. `None`: as often as services are.
    pub interval: Option<Duration>,
    /// How old the last success may be.
    pub stale_after: Duration,
    /// How old what the feed says may be. Beyond it nothing is known of the group.
    pub silent_after: Duration,
    /// Of the cells of id, requirement, owner, feed and interval.
    pub places: [Place; 5],
}

/// Closed: metrics, the API and the ledger use these names (docs/services.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExchangeKind {
    Collect,
    Govern,
    Fuse,
    Share,
}

impl ExchangeKind {
    /// As metrics, JSON and the ledger write it.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, words)| words[0])
    }
}

impl Word for ExchangeKind {
    const WORDS: &'static [(Self, &'static [&'static str])] = &[
        (Self::Collect, &["collect", "采集"]),
        (Self::Govern, &["govern", "治理"]),
        (Self::Fuse, &["fuse", "融合"]),
        (Self::Share, &["share", "共享"]),
    ];
}

/// What was told of a group: the records of its last run, or of whatever span the teller counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When it was counted.
    pub at: Timestamp,
    pub sent: u64,
    pub received: u64,
    /// Refused by the receiver.
    pub rejected: u64,
    /// Arrived, and not as they were sent.
    pub mismatched: u64,
    /// When a run last succeeded; not after `at`.
    pub last_success: Timestamp,
}

impl Told {
    /// Records that were sent and did not arrive.
    pub fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.received)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Id,
    Kind,
    Name,
    Tasks,
    Requirement,
    Owner,
    Feed,
    Interval,
    StaleAfter,
    SilentAfter,
    Note,
}

impl Headed for Column {
    const HEADINGS: &'static [(Self, &'static [&'static str])] = &[
        (Self::Id, &["id", "编号"]),
        (Self::Kind, &["kind", "type", "类别", "类型"]),
        (Self::Name, &["name", "名称"]),
        (Self::Tasks, &["tasks", "任务数"]),
        (Self::Requirement, &["requirement", "需求编号"]),
        (Self::Owner, &["owner", "责任单位", "责任部门"]),
        (Self::Feed, &["feed", "数据来源"]),
        (Self::Interval, &["interval", "查看间隔"]),
        (Self::StaleAfter, &["stale_after", "成功时限"]),
        (Self::SilentAfter, &["silent_after", "静默时限"]),
        (Self::Note, &["note", "备注"]),
    ];
    const REQUIRED: &'static [&'static [Self]] =
        &[&[Self::Id], &[Self::Kind], &[Self::Name], &[Self::Feed], &[Self::StaleAfter]];

    fn is_used(self) -> bool {
        self != Self::Note
    }
}

impl ExchangeGroup {
    /// Reads the groups of a folder, in the order of the file; none without the file.
    pub fn load(folder: &Path, findings: &mut Findings) -> Vec<Self> {
        entries(&folder.join("exchange.csv"), entry, findings)
    }
}

/// What `entry` makes of each row of a ledger, in their order; nothing without the file.
pub(super) fn entries<C: Headed, T>(
    file: &Path,
    entry: fn(&Row<'_, C>, &mut Findings) -> Option<T>,
    findings: &mut Findings,
) -> Vec<T> {
    let mut list = vec![];
    if let Some(source) = file.is_file().then(|| Source::read(file, findings)).flatten()
        && let Some(text) = decoded(&source, findings)
        && let Some(mut sheet) = Sheet::open(&source, &text, findings)
    {
        while let Some(row) = sheet.next_row(findings) {
            list.extend(entry(&row, findings));
        }
    }
    list
}

/// `None` when something in the row is wrong; all that is wrong has been reported.
fn entry(row: &Row<'_, Column>, findings: &mut Findings) -> Option<ExchangeGroup> {
    let id = row.required(&[Column::Id], findings).filter(|cell| usable_id(cell.text, &cell.place, findings));
    let kind = row.required(&[Column::Kind], findings).and_then(|cell| cell.word(findings));
    let name = row.required(&[Column::Name], findings);
    let whole = Expected::WholeNumber { most: u64::from(u32::MAX) };
    let tasks = match row.cell(Column::Tasks) {
        Some(cell) => row.value(&cell, Column::Tasks, whole, |text| text.parse().ok(), findings),
        None => Some(0),
    };
    let feed = row.required(&[Column::Feed], findings);
    let lasting = |text: &str| parse_duration(text).filter(|time| !time.is_zero());
    let mut time = |column| match row.cell(column) {
        Some(cell) => row.value(&cell, column, Expected::Duration, lasting, findings).map(Some),
        None => Some(None),
    };
    let (interval, silent_after) = (time(Column::Interval), time(Column::SilentAfter));
    let stale_after = row
        .required(&[Column::StaleAfter], findings)
        .and_then(|cell| row.value(&cell, Column::StaleAfter, Expected::Duration, lasting, findings));
    let text = |column| row.cell(column).map_or_else(String::new, |cell| cell.text.to_owned());
    let (id, feed, stale_after) = (id?, feed?, stale_after?);
    let place = |column| row.cell(column).map_or_else(|| id.place.clone(), |cell| cell.place);
    Some(ExchangeGroup {
        id: id.text.to_owned(),
        kind: kind?,
        name: name?.text.to_owned(),
        tasks: tasks?,
        requirement: text(Column::Requirement),
        owner: text(Column::Owner),
        feed: feed.text.to_owned(),
        interval: interval?,
        stale_after,
        silent_after: silent_after?.unwrap_or(stale_after),
        places: [Column::Id, Column::Requirement, Column::Owner, Column::Feed, Column::Interval].map(place),
    })
}
