//! Contacts that somebody asks to see: on which sheet, and what is handed to that page once.

use std::{collections::BTreeMap, fmt};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// Where contacts are hidden until somebody asks for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactSheet {
    /// What is down, and whom to call about it.
    Down,
    /// A letter, with whom it is for and whom it names.
    Notice,
}

impl ContactSheet {
    /// As the journal calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Notice => "notice",
        }
    }
}

/// Somebody who can be called. Personal data: for one page, never for a log or a record, which name it by its id.
#[derive(Clone, PartialEq, Eq)]
pub struct Reachable {
    pub id: String,
    /// `operator`, `carrier/<id>` or `unit/<id>`.
    pub party: String,
    pub name: String,
    /// Address by channel: a telephone number, a mail address.
    pub to: BTreeMap<String, String>,
    /// Whom to meet at the unit.
    pub on_site: Option<String>,
    /// It is within its hours now and, where it is of a role, on duty.
    pub listens: bool,
    /// When somebody last made sure that it is reached there.
    pub verified: NaiveDate,
}

impl fmt::Debug for Reachable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Reachable({} …)", self.id)
    }
}
