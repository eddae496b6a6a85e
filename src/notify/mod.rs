//! Telling people and machines: what is said to whom (pure), and `channels/` that carry it (I/O).

use serde::{Deserialize, Serialize};

use crate::{incident::Incident, units::Timestamp};

/// One message for one channel, as it waits in the outbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// (incident, recipient, channel, kind, step): the same key is never sent twice on purpose.
    pub key: String,
    /// Name of the channel in linkpatrol.yaml.
    pub channel: String,
    pub kind: NoticeKind,
    /// The incident as it stood when the notice was made.
    pub incident: Incident,
    pub created: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    Opened,
    /// Scope, tier or links changed.
    Changed,
    Acknowledged,
    Overdue,
    Restored,
    Closed,
}
