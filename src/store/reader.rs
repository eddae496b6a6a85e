//! Reading the journal beside the writer, on a connection of its own.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use serde_json::Value;

use crate::{
    incident::Incident,
    journal::{Audit, Digest, Head, Link, Seal, is_person, said_in, without_names, without_texts},
    ledger::PointDay,
    store::{StoreError, StoredAccount, chain, journal, key, series},
};

/// Accounts of all links and months that are stored in `folder`, older months first; what cannot be read is left out.
///
/// # Errors
/// When there are none, or they cannot be opened for reading.
pub fn accounts(folder: &Path) -> Result<Vec<StoredAccount>, StoreError> {
    let path = series::path(folder);
    Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .and_then(|connection| series::accounts(&connection, u32::MAX))
        .map(|(accounts, _)| accounts)
        .map_err(|source| StoreError::database(&path, source))
}

/// Hands the accounts of the months from the first on and before the second, such as `2026-10`, to `each`, older months
/// first: one at a time, however many there are.
///
/// # Errors
/// When they cannot be opened for reading.
pub fn each_account(
    folder: &Path,
    [first, after]: [String; 2],
    each: impl FnMut(StoredAccount),
) -> Result<(), StoreError> {
    let path = series::path(folder);
    Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .and_then(|connection| series::each_account(&connection, [&first, &after], each))
        .map_err(|source| StoreError::database(&path, source))
}

/// Days of one link's measuring points that are stored in `folder`, from the first to the last day, such as `2026-11-22`.
/// Beside them, what of it cannot be read.
///
/// # Errors
/// When there is no such file, or it cannot be opened for reading.
pub fn rollups(folder: &Path, link: &str, days: [&str; 2]) -> Result<(Vec<PointDay>, Vec<String>), StoreError> {
    let path = series::path(folder);
    Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .and_then(|connection| series::rollups(&connection, link, days))
        .map_err(|source| StoreError::database(&path, source))
}

/// Sees what was durable when a question is asked; never waits for the writer.
pub struct Reader {
    path: PathBuf,
    connection: Connection,
}

impl Reader {
    /// # Errors
    /// When there is no journal in `folder`, or it cannot be opened for reading.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = journal::path(folder);
        let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .and_then(|connection| {
                // Also the first question that touches the file: one that is none is refused here.
                connection.query_row("SELECT count(*) FROM meta", [], |_| Ok(()))?;
                Ok(connection)
            })
            .map_err(|source| StoreError::database(&path, source))?;
        Ok(Self { path, connection })
    }

    /// Where the journal ends.
    pub fn head(&self) -> Result<Head, StoreError> {
        chain::head(&self.connection).map_err(|source| self.failed(source))
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

    /// Up to `most` entries of the journal with a number above `after`, oldest first.
    pub fn entries(&self, after: u64, most: u32) -> Result<Vec<Link>, StoreError> {
        let read = || {
            let mut statement =
                self.connection.prepare_cached("SELECT * FROM entry WHERE number > ?1 ORDER BY number LIMIT ?2")?;
            let links = statement.query_map(params![after.cast_signed(), most], chain::link)?;
            links.collect::<rusqlite::Result<_>>()
        };
        read().map_err(|source| self.failed(source))
    }

    /// Hands every entry to `each`, oldest first, until that says to stop.
    pub fn each_entry<E>(&self, mut each: impl FnMut(Link) -> Result<(), E>) -> Result<Result<(), E>, StoreError> {
        let mut read = || {
            let mut statement = self.connection.prepare("SELECT * FROM entry ORDER BY number")?;
            for link in statement.query_map([], chain::link)? {
                if let Err(stop) = each(link?) {
                    return Ok(Err(stop));
                }
            }
            Ok(Ok(()))
        };
        read().map_err(|source| self.failed(source))
    }

    pub fn content(&self, hash: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = self.connection.query_row("SELECT bytes FROM content WHERE hash = ?1", [hash.0], |row| row.get(0));
        bytes.optional().map_err(|source| self.failed(source))
    }

    /// The seal over what was pruned, and the anchors that the house itself kept.
    pub fn seals(&self) -> Result<(Option<Seal>, Vec<Seal>), StoreError> {
        let read = || Ok((chain::checkpoint(&self.connection)?, chain::anchors(&self.connection)?));
        read().map_err(|source| self.failed(source))
    }

    /// Name by opaque id. Erased ones are missing.
    pub fn people(&self) -> Result<HashMap<String, String>, StoreError> {
        let read = || {
            let mut statement = self.connection.prepare("SELECT id, name FROM person")?;
            let people = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            people.collect::<rusqlite::Result<_>>()
        };
        read().map_err(|source| self.failed(source))
    }

    /// Holds everything against everything: entries, seals, contents and incidents. `others`: anchors from outside.
    /// `key`: the public key that seals must be of.
    pub fn audit(&self, others: Vec<Seal>, key: Option<&str>) -> Result<Audit, StoreError> {
        // One picture of all tables, also while a daemon writes.
        let transaction = self.connection.unchecked_transaction().map_err(|source| self.failed(source))?;
        let (checkpoint, mut anchors) = self.seals()?;
        anchors.extend(others);
        let mut audit = Audit::begin(checkpoint, anchors, key);
        self.each_entry(|link| {
            audit.take(&link);
            Ok::<_, std::convert::Infallible>(())
        })?
        .unwrap_or_else(|never| match never {});
        let worlds = audit.worlds();
        for hash in &worlds {
            if let Some(bytes) = self.content(*hash)? {
                audit.content(*hash, &bytes);
            }
        }
        self.each_content(|hash, bytes| {
            if !worlds.contains(&hash) {
                audit.content(hash, bytes);
            }
        })?;
        // A note may be nothing but a name.
        let people = self.people()?.into_iter().filter(|(id, _)| is_person(id));
        let ids: HashMap<String, String> = people.map(|(id, name)| (name, id)).collect();
        let house = self.path.parent().and_then(key::pseudonyms);
        // Without its free texts and with them, and the hash of those.
        let held = |mut record: Value| {
            let texts = house.as_ref().map(|names| said_in(&mut record.clone(), names));
            without_names(&mut record, &mut |name| ids.get(name).map_or(name, String::as_str).to_owned());
            let whole = record.to_string();
            without_texts(&mut record);
            ([record.to_string(), whole], texts)
        };
        self.each_incident(|id, record| {
            let ([form, whole], texts) = held(record);
            audit.incident(id, [&form, &whole], texts);
        })?;
        for table in ["desk", "maintenance"] {
            self.each_record(table, |id, record| {
                let ([form, whole], texts) = held(record);
                audit.record(id, [&form, &whole], texts);
            })?;
        }
        drop(transaction);
        Ok(audit.end())
    }

    /// Hands everything that entries refer to to `each`.
    pub fn each_content(&self, mut each: impl FnMut(Digest, &[u8])) -> Result<(), StoreError> {
        let mut read = || {
            let mut statement = self.connection.prepare("SELECT hash, bytes FROM content")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (hash, bytes): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
                each(Digest::from_bytes(&hash).unwrap_or_default(), &bytes);
            }
            Ok(())
        };
        read().map_err(|source| self.failed(source))
    }

    /// Incidents as they are stored, whatever version wrote them.
    pub fn each_incident(&self, each: impl FnMut(&str, Value)) -> Result<(), StoreError> {
        self.each_record("incident", each)
    }

    fn each_record(&self, table: &str, mut each: impl FnMut(&str, Value)) -> Result<(), StoreError> {
        let mut read = || {
            let mut statement = self.connection.prepare(&format!("SELECT id, json FROM {table}"))?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (id, json): (String, String) = (row.get(0)?, row.get(1)?);
                each(&id, serde_json::from_str(&json).unwrap_or_default());
            }
            Ok(())
        };
        read().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: rusqlite::Error) -> StoreError {
        StoreError::database(&self.path, source)
    }
}
