//! Notices of broken periods (违约通知书) and of poor quality (质量通报) as people speak of them.

use serde::{Deserialize, Serialize};

use crate::{
    inventory::LinkId,
    units::{Ppm, Timestamp},
};

/// What one carrier's links came to in a period that is over: what a notice says, in whole numbers. Made of the ledger by
/// the loop and by nobody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paper {
    pub carrier: String,
    /// `2026-10`, `2026-Q4`, `2026`.
    pub period: String,
    pub begins: Timestamp,
    pub ends: Timestamp,
    /// Number of the carrier's own agreement that held from the first day of the period to the last. `None`: there was
    /// none, so that nothing was promised to be broken, and the notice is one of quality.
    pub agreement: Option<String>,
    /// Of the agreement; without one, of the customer's contract.
    pub clause: String,
    pub promised: Ppm,
    /// Links of the carrier that were judged, and what became of them.
    pub judged: u32,
    pub met: u32,
    pub not_provable: u32,
    pub breached: u32,
    /// Whether we could be believed when this was drafted; `None`: drafted by a version that did not write it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ourselves: Option<PaperEyes>,
    /// Links that are breached, in ledger order.
    pub lines: Vec<PaperLine>,
}

/// One link that is breached. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperLine {
    pub link: LinkId,
    /// Circuit code.
    pub cid: String,
    pub a_end: String,
    pub z_end: String,
    pub up: u64,
    pub degraded: u64,
    pub down: u64,
    pub unknown: u64,
    pub excluded: u64,
    pub period: u64,
    /// Part and whole: every unknown moment was down, and was up.
    pub unknown_as_down: (u64, u64),
    pub unknown_as_up: (u64, u64),
    /// Down-time beyond what the objective allows, as a negative number.
    pub error_budget_remaining: i64,
    /// `None`: too many to tell apart.
    pub failures: Option<u32>,
    /// Scheduled probes: sent and lost while the line was up, and while it was down.
    pub sent: u64,
    pub lost: u64,
    pub sent_down: u64,
    pub lost_down: u64,
    pub unmeasured: u64,
    /// `None`: no history of the period is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub course: Option<PaperCourse>,
}

/// RTT and loss of a link's deciding point over the period. RTTs are nanoseconds, within 3 %.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperCourse {
    /// So many of a hundred answers came within; zero: none came.
    pub p50: u64,
    pub p95: u64,
    pub p99: u64,
    /// Civil days that a character of the pictures is about.
    pub days: u32,
    /// The least and the most median of a character.
    pub least: u64,
    pub most: u64,
    /// One character after the other: medians, and the share that was lost, up or down.
    pub rtt: String,
    pub loss: String,
}

/// Who could say against us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperEyes {
    pub witnesses: u32,
    pub witnesses_up: u32,
    pub clock_is_synchronised: bool,
    /// The kernel's word.
    pub clock_error_millis: u64,
}

/// What people do about such a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreachStep {
    /// Its figures were looked at.
    Review,
    /// By another person than who drafted or reviewed it: it gets its number and its seal.
    Approve,
    /// Hands it to the channels.
    Send,
    /// It is not sent, and why.
    Withdraw,
}

/// Where the journal stood when a notice was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedAt {
    /// Number of its newest entry.
    pub entry: u64,
    /// Its hash.
    pub head: String,
}
