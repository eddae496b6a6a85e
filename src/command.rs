//! What outsiders may ask for: by API, CLI or page. Each command names who asks; `patrol` carries it out on its own thread.

use serde::{Deserialize, Serialize};

use crate::units::Timestamp;

/// Something a person asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Who, as they signed: 1 to 64 characters.
    pub actor: String,
    /// A repeat of the same key is answered like the first and changes nothing.
    pub key: String,
    pub action: Action,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Stops the response clock of the incident.
    Acknowledge { incident: String, note: String },
    /// Ends a restored incident for good.
    Close { incident: String, note: String },
    /// Reads configuration, inventory, profiles and contract again: all or nothing.
    Reload,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Reply {
    Done { at: Timestamp },
    Refused(Refusal),
}

/// Why a command changed nothing. `code` in the API's problem documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Refusal {
    NoSuchIncident,
    AlreadyAcknowledged {
        by: String,
    },
    NotRestored,
    AlreadyClosed,
    NoActor,
    /// The reload was refused; findings as printed by `check`.
    Findings {
        findings: Vec<String>,
    },
    /// This process keeps no incidents (`--exporter-only`).
    NotKept,
}
