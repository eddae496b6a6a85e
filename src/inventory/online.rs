//! `online.csv`: groups of devices, and who tells how many of each are online.
//!
//! A ledger as `exchange.csv` is; what a requirement, an owner and a feed must be is for `profile` to say.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use super::{columns::Headed, exchanges::entries, read::usable_id, sheet::Row};
use crate::{
    diagnostic::{Findings, Place},
    text::Expected,
    units::{Timestamp, parse_duration},
};

/// One row.
#[derive(Debug, Clone)]
pub struct OnlineGroup {
    pub id: String,
    pub name: String,
    /// Devices in the group, as they are registered.
    pub devices: u32,
    /// Of the contract; empty: none.
    pub requirement: String,
    /// Id of a unit; empty: nobody's.
    pub owner: String,
    /// As of data exchanges: `posted`, or the address of a JSON document.
    pub feed: String,
    /// How often the feed is looked at. `None`: as often as services are.
    pub interval: Option<Duration>,
    /// How old what the feed says may be. Beyond it nothing is known of the group.
    pub silent_after: Duration,
    /// Of the cells of id, requirement, owner, feed and interval.
    pub places: [Place; 5],
}

/// How many devices of a group were online when somebody counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Online {
    /// When it was counted.
    pub at: Timestamp,
    pub online: u32,
    pub total: u32,
    /// Of those that were not online, how many were expected to be absent: in repair, or switched off by plan.
    pub absent: u32,
}

impl Online {
    /// Devices that were to be online. `None`: more are online or absent than there are.
    pub fn expected(&self) -> Option<u32> {
        let expected = self.total.checked_sub(self.absent)?;
        (self.online <= expected).then_some(expected)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Id,
    Name,
    Devices,
    Requirement,
    Owner,
    Feed,
    Interval,
    SilentAfter,
    Note,
}

impl Headed for Column {
    const HEADINGS: &'static [(Self, &'static [&'static str])] = &[
        (Self::Id, &["id", "编号"]),
        (Self::Name, &["name", "名称"]),
        (Self::Devices, &["devices", "设备数"]),
        (Self::Requirement, &["requirement", "需求编号"]),
        (Self::Owner, &["owner", "责任单位", "责任部门"]),
        (Self::Feed, &["feed", "数据来源"]),
        (Self::Interval, &["interval", "查看间隔"]),
        (Self::SilentAfter, &["silent_after", "静默时限"]),
        (Self::Note, &["note", "备注"]),
    ];
    const REQUIRED: &'static [&'static [Self]] = &[&[Self::Id], &[Self::Name], &[Self::Feed], &[Self::SilentAfter]];

    fn is_used(self) -> bool {
        self != Self::Note
    }
}

impl OnlineGroup {
    /// Reads the groups of a folder, in the order of the file; none without the file.
    pub fn load(folder: &Path, findings: &mut Findings) -> Vec<Self> {
        entries(&folder.join("online.csv"), entry, findings)
    }
}

/// `None` when something in the row is wrong; all that is wrong has been reported.
fn entry(row: &Row<'_, Column>, findings: &mut Findings) -> Option<OnlineGroup> {
    let id = row.required(&[Column::Id], findings).filter(|cell| usable_id(cell.text, &cell.place, findings));
    let name = row.required(&[Column::Name], findings);
    let whole = Expected::WholeNumber { most: u64::from(u32::MAX) };
    let devices = match row.cell(Column::Devices) {
        Some(cell) => row.value(&cell, Column::Devices, whole, |text| text.parse().ok(), findings),
        None => Some(0),
    };
    let feed = row.required(&[Column::Feed], findings);
    let lasting = |text: &str| parse_duration(text).filter(|time| !time.is_zero());
    let interval = match row.cell(Column::Interval) {
        Some(cell) => row.value(&cell, Column::Interval, Expected::Duration, lasting, findings).map(Some),
        None => Some(None),
    };
    let silent_after = row
        .required(&[Column::SilentAfter], findings)
        .and_then(|cell| row.value(&cell, Column::SilentAfter, Expected::Duration, lasting, findings));
    let text = |column| row.cell(column).map_or_else(String::new, |cell| cell.text.to_owned());
    let (id, feed) = (id?, feed?);
    let place = |column| row.cell(column).map_or_else(|| id.place.clone(), |cell| cell.place);
    Some(OnlineGroup {
        id: id.text.to_owned(),
        name: name?.text.to_owned(),
        devices: devices?,
        requirement: text(Column::Requirement),
        owner: text(Column::Owner),
        feed: feed.text.to_owned(),
        interval: interval?,
        silent_after: silent_after?,
        places: [Column::Id, Column::Requirement, Column::Owner, Column::Feed, Column::Interval].map(place),
    })
}
