//! `series.db`: what may be a second old after a power cut. A crash of the process loses nothing here either.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::de::IgnoredAny;

use crate::{
    inventory::LinkId,
    store::{
        StoreError,
        batch::{Heartbeat, StoredAccount},
        database::{Database, Format},
        journal::Readable,
        pending::SeriesRows,
    },
    units::Timestamp,
};

static FORMAT: Format = Format {
    file: "series.db",
    application: 0x4C50_5352, // "LPSR"
    steps: &["
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE account (month TEXT NOT NULL, link TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY (month, link))
            WITHOUT ROWID;
        CREATE TABLE heartbeat (one INTEGER PRIMARY KEY CHECK (one = 1), utc INTEGER NOT NULL,
                                boottime INTEGER NOT NULL, boot_id TEXT NOT NULL);
    "],
    synchronous: "NORMAL",
};

/// Months that are read at the start: this one, and the one that may just have ended.
pub(super) const MONTHS: u32 = 2;

pub(super) fn open(folder: &Path) -> Result<Database, StoreError> {
    Database::open(folder, &FORMAT)
}

pub(super) fn write(transaction: &Transaction, rows: &SeriesRows) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO account (month, link, json) VALUES (?1, ?2, ?3) \
         ON CONFLICT (month, link) DO UPDATE SET json = excluded.json",
    )?;
    for ((link, month), account) in &rows.accounts {
        statement.execute(params![month, link.as_str(), account])?;
    }
    if let Some(beat) = &rows.heartbeat {
        transaction.execute(
            "INSERT INTO heartbeat (one, utc, boottime, boot_id) VALUES (1, ?1, ?2, ?3) ON CONFLICT (one) DO UPDATE \
             SET utc = excluded.utc, boottime = excluded.boottime, boot_id = excluded.boot_id",
            params![beat.utc.0, beat.boottime, beat.boot_id],
        )?;
    }
    Ok(())
}

pub(super) fn path(folder: &Path) -> std::path::PathBuf {
    folder.join(FORMAT.file)
}

/// Accounts of the newest `months`, older month first.
pub(super) fn accounts(connection: &Connection, months: u32) -> rusqlite::Result<Readable<StoredAccount>> {
    let mut statement = connection.prepare(
        "SELECT link, month, json FROM account \
         WHERE month IN (SELECT DISTINCT month FROM account ORDER BY month DESC LIMIT ?1) ORDER BY month",
    )?;
    let mut rows = statement.query([months])?;
    let (mut accounts, mut unreadable) = (vec![], vec![]);
    while let Some(row) = rows.next()? {
        let (link, month, json): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        match (LinkId::parse(&link), serde_json::from_str::<IgnoredAny>(&json)) {
            (Some(link), Ok(_)) => accounts.push(StoredAccount { link, month, account: json }),
            _ => unreadable.push(format!("account {link} {month}")),
        }
    }
    Ok((accounts, unreadable))
}

pub(super) fn heartbeat(connection: &Connection) -> rusqlite::Result<Option<Heartbeat>> {
    connection
        .query_row("SELECT utc, boottime, boot_id FROM heartbeat", [], |row| {
            Ok(Heartbeat { utc: Timestamp(row.get(0)?), boottime: row.get(1)?, boot_id: row.get(2)? })
        })
        .optional()
}
