//! What other systems have counted: evidence beside what we measure ourselves.

use serde::{Deserialize, Serialize};

use crate::{
    inventory::{Online, Told},
    units::Timestamp,
};

/// Something that another system observed of one of our links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Observation {
    Interface(InterfaceCounts),
    Exchange(ExchangeCounts),
    Online(OnlineCounts),
}

/// What an interface at one end of a link counted over a span of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterfaceCounts {
    /// Id.
    pub link: String,
    /// As its device calls it (`ifName` of RFC 2863).
    pub interface: String,
    pub owner: Owner,
    pub from: Timestamp,
    /// The first millisecond after it.
    pub to: Timestamp,
    /// What came in from the link.
    #[serde(rename = "in")]
    pub inward: Traffic,
    /// What was to go out on the link.
    #[serde(rename = "out")]
    pub outward: Traffic,
}

/// What became of the records of a group of data-exchange tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeCounts {
    /// Id of the group.
    pub task: String,
    pub at: Timestamp,
    pub sent: u64,
    pub received: u64,
    pub rejected: u64,
    pub mismatched: u64,
    pub last_success: Timestamp,
}

impl ExchangeCounts {
    /// Without the name of the group.
    pub fn told(&self) -> Told {
        let Self { at, sent, received, rejected, mismatched, last_success, .. } = *self;
        Told { at, sent, received, rejected, mismatched, last_success }
    }
}

/// How many devices of a group are online.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnlineCounts {
    /// Id of the group.
    pub group: String,
    pub at: Timestamp,
    pub online: u32,
    pub total: u32,
    /// Not online, and expected to be absent.
    #[serde(default)]
    pub absent: u32,
}

impl OnlineCounts {
    /// Without the name of the group.
    pub fn told(&self) -> Online {
        let Self { at, online, total, absent, .. } = *self;
        Online { at, online, total, absent }
    }
}

/// Whose device has the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    Carrier,
    Customer,
}

/// Increases of the counters of one direction, as RFC 2863 defines them: packets that came in are those without the
/// discarded and faulty ones, packets that went out are those with them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    pub octets: u64,
    pub packets: u64,
    pub discards: u64,
    pub errors: u64,
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.octets = self.octets.saturating_add(other.octets);
        self.packets = self.packets.saturating_add(other.packets);
        self.discards = self.discards.saturating_add(other.discards);
        self.errors = self.errors.saturating_add(other.errors);
    }
}

/// What became of observations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    pub at: Timestamp,
    pub taken: usize,
    /// Of time that this source has told of before.
    pub repeated: usize,
    pub refused: Vec<RefusedObservation>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedObservation {
    /// Its place in the list, from 0.
    pub index: usize,
    pub code: NotTaken,
}

/// Why an observation is no evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotTaken {
    NoSuchLink,
    /// No group of data-exchange tasks of this id waits for what is posted.
    NoSuchTask,
    /// No group of devices of this id waits for what is posted.
    NoSuchGroup,
    /// Names of sources and interfaces have 1 to 64 characters.
    WrongName,
    /// It does not end after it begins, is longer than an hour, reaches into the future or over the end of a month, or is
    /// older than the month before. Of an exchange: it was counted in the future, or succeeded after it was counted.
    WrongSpan,
    /// More was lost than was to go out, or no line carries so much in an hour. Of devices: more are online or absent than
    /// there are.
    WrongCounts,
    /// Of time that this source has told of before.
    Repeated,
    /// The link was not up and in service all the time: what is lost then is down-time, not loss.
    NotUp,
    /// As many interfaces of this link are known as are held.
    TooManyInterfaces,
}
