//! Reading the journal beside the writer, on a connection of its own.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use serde_json::Value;

use crate::{
    incident::Incident,
    store::{LogEntry, StoreError, journal},
    units::Timestamp,
};

/// Sees what was durable when a question is asked; never waits for the writer.
pub struct Reader {
    path: PathBuf,
    connection: Connection,
}

impl Reader {
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = journal::path(folder);
        let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(|source| StoreError::database(&path, source))?;
        Ok(Self { path, connection })
    }

    /// The incident with this id; `None` when there is none, or none that this version can read.
    pub fn incident(&self, id: &str) -> Result<Option<Incident>, StoreError> {
        let text: Option<String> = self
            .connection
            .query_row("SELECT json FROM incident WHERE id = ?1", [id], |row| row.get(0))
            .optional()
            .map_err(|source| self.failed(source))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Up to `most` lines of the log with a number above `after`, oldest first.
    pub fn log(&self, after: i64, most: u32) -> Result<Vec<(i64, LogEntry)>, StoreError> {
        let read = || {
            let mut statement = self.connection.prepare_cached(
                "SELECT number, at, event, subject, detail FROM log WHERE number > ?1 ORDER BY number LIMIT ?2",
            )?;
            let lines = statement.query_map(params![after, most], |row| {
                let detail: String = row.get(4)?;
                let detail = serde_json::from_str(&detail).unwrap_or(Value::String(detail));
                let at = Timestamp(row.get(1)?);
                Ok((row.get(0)?, LogEntry { at, event: row.get(2)?, subject: row.get(3)?, detail }))
            })?;
            lines.collect::<rusqlite::Result<_>>()
        };
        read().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: rusqlite::Error) -> StoreError {
        StoreError::database(&self.path, source)
    }
}
