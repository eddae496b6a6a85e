//! What carriers write about their maintenance, as a calendar brings it (MAINTNOTE, a draft BCOP of NANOG).

use serde::{Deserialize, Serialize};

use super::Overlap;
use crate::units::Timestamp;

/// One event of a calendar: what it says, or why it cannot be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ReadNote {
    Note(Box<MaintNote>),
    Unreadable {
        /// What is wrong with it, in English.
        reason: String,
        /// Its beginning, without the lines that name people.
        text: String,
    },
}

/// A carrier's note about one maintenance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaintNote {
    /// `X-MAINTNOTE-PROVIDER`: how the carrier names itself.
    pub provider: String,
    /// `X-MAINTNOTE-ACCOUNT`: how the carrier names us.
    pub account: String,
    /// `X-MAINTNOTE-MAINTENANCE-ID`, the primary one.
    pub maintenance: String,
    /// Notes of one maintenance share it.
    pub uid: String,
    /// Together they order the notes of one `uid`.
    pub sequence: u32,
    pub stamp: Timestamp,
    pub from: Timestamp,
    /// The first millisecond after it.
    pub to: Timestamp,
    pub objects: Vec<NoteObject>,
    pub status: NoteStatus,
    pub summary: String,
}

/// A circuit of the carrier, and what the work does to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteObject {
    /// `X-MAINTNOTE-OBJECT-ID`: its circuit id.
    pub id: String,
    pub impact: Impact,
}

/// `X-MAINTNOTE-IMPACT`. What the standard does not name counts as an outage, as it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
pub enum Impact {
    NoImpact,
    /// It goes on without its usual reserve.
    ReducedRedundancy,
    Degraded,
    Outage,
}

impl Impact {
    /// The circuit may fall silent. Where the carrier says that nothing will be seen, a silence is an outage.
    pub fn is_felt(self) -> bool {
        matches!(self, Self::Degraded | Self::Outage)
    }
}

/// `X-MAINTNOTE-STATUS`. The last two are not in the draft; carriers send them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
pub enum NoteStatus {
    Tentative,
    Confirmed,
    Cancelled,
    InProcess,
    Completed,
    /// Confirmed for another time.
    ReScheduled,
    /// A reminder: what was said before holds.
    NoChange,
}

/// What became of one note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteTaken {
    /// Id of its record.
    pub maintnote: String,
    pub outcome: NoteOutcome,
    /// Planned work that stands in the books because of it.
    pub windows: Vec<String>,
    /// Why a person has to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<Waits>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteOutcome {
    /// It is planned work, which still needs what the contract asks for.
    Planned,
    /// The planned work of an earlier note was taken back, or has ended.
    Withdrawn,
    /// Written down: tentative, without effect on a circuit of ours, or a reminder.
    Recorded,
    /// It waits for a person.
    Inbox,
    /// The same or a newer note of this maintenance had come before: nothing changed.
    Known,
    /// A person has settled it.
    Settled,
}

impl NoteOutcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Withdrawn => "withdrawn",
            Self::Recorded => "recorded",
            Self::Inbox => "inbox",
            Self::Known => "known",
            Self::Settled => "settled",
        }
    }
}

/// Why a note waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Waits {
    Unreadable {
        reason: String,
    },
    /// No carrier, or more than one, goes by this name.
    UnknownProvider {
        provider: String,
    },
    /// The carrier has no circuits of these ids in service.
    UnknownCircuits {
        circuits: Vec<String>,
    },
    /// It could not be written down as planned work.
    NotPlanned {
        reason: String,
    },
}

/// Answer to notes that were taken in or settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotesTaken {
    pub at: Timestamp,
    pub notes: Vec<NoteTaken>,
    /// Redundancy groups that their work leaves without a link.
    pub overlaps: Vec<Overlap>,
}
