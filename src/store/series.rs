//! `series.db`: what may be a second old after a power cut. A crash of the process loses nothing here either.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::de::IgnoredAny;

use crate::{
    inventory::{LinkId, Role},
    ledger::{
        PointDay,
        rollup::{HEADER, Rollup},
    },
    store::{
        StoreError,
        batch::{Heartbeat, StoredAccount},
        database::{Database, Format},
        journal::Readable,
        pending::SeriesRows,
    },
    units::Timestamp,
};

/// The database's name in the state folder.
pub(super) const FILE: &str = "series.db";

pub(super) static FORMAT: Format = Format {
    file: FILE,
    application: 0x4C50_5352, // "LPSR"
    steps: &[
        "
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE account (month TEXT NOT NULL, link TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY (month, link))
            WITHOUT ROWID;
        CREATE TABLE heartbeat (one INTEGER PRIMARY KEY CHECK (one = 1), utc INTEGER NOT NULL,
                                boottime INTEGER NOT NULL, boot_id TEXT NOT NULL);
    ",
        "
        CREATE TABLE rollup (number INTEGER PRIMARY KEY, link TEXT NOT NULL, role TEXT NOT NULL, vantage TEXT NOT NULL,
                             day TEXT NOT NULL, hourly INTEGER NOT NULL DEFAULT 0, cells BLOB NOT NULL,
                             UNIQUE (link, role, vantage, day));
        CREATE INDEX rollup_age ON rollup (hourly, day);
    ",
    ],
    synchronous: "NORMAL",
};

/// Months that are read at the start: this one, and the one that may just have ended.
pub(super) const MONTHS: u32 = 2;

/// From where we look; others come with further measuring hosts.
const VANTAGE: &str = "local";
/// Cells of five minutes become hours after this time, and leave after 26 months.
const FINE_KEPT: Duration = Duration::from_hours(90 * 24);
const KEPT: Duration = Duration::from_hours(792 * 24);
/// Rows that one pruning touches at most: a pass is short, and the next one follows in hours.
const PRUNE_MOST: u32 = 4_000;

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
    let mut statement = transaction.prepare_cached(
        "INSERT INTO rollup (link, role, vantage, day, cells) VALUES (?1, ?2, ?3, ?4, CAST(?5 || ?6 AS BLOB)) \
         ON CONFLICT (link, role, vantage, day) DO UPDATE SET cells = CAST(cells || ?6 AS BLOB)",
    )?;
    for row in &rows.rollups {
        statement.execute(params![row.link.as_str(), row.role.as_str(), VANTAGE, row.day, HEADER, row.records])?;
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
    folder.join(FILE)
}

/// Accounts of the months from `first` on and before `after`, older month first.
pub(super) fn each_account(
    connection: &Connection,
    [first, after]: [&str; 2],
    mut each: impl FnMut(StoredAccount),
) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare("SELECT link, month, json FROM account WHERE month >= ?1 AND month < ?2 ORDER BY month")?;
    let mut rows = statement.query([first, after])?;
    while let Some(row) = rows.next()? {
        let (link, month, account): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if let Some(link) = LinkId::parse(&link) {
            each(StoredAccount { link, month, account });
        }
    }
    Ok(())
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

/// Lets go of old days, and of their five minutes what is older than 90 days. Both by the day in UTC: hours more or
/// less do not matter.
pub(super) fn prune(transaction: &Transaction, now: Timestamp) -> rusqlite::Result<()> {
    let day = |kept: Duration| {
        let moment = now.0.saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX));
        chrono::DateTime::from_timestamp_millis(moment).unwrap_or_default().date_naive().to_string()
    };
    transaction.execute(
        "DELETE FROM rollup WHERE number IN (SELECT number FROM rollup WHERE day < ?1 LIMIT ?2)",
        params![day(KEPT), PRUNE_MOST],
    )?;
    let mut select =
        transaction.prepare("SELECT number, cells FROM rollup WHERE hourly = 0 AND day < ?1 ORDER BY day LIMIT ?2")?;
    let found = select
        .query_map(params![day(FINE_KEPT), PRUNE_MOST], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    let found = found.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut update = transaction.prepare("UPDATE rollup SET hourly = 1, cells = ?2 WHERE number = ?1")?;
    for (number, cells) in found {
        // What this version cannot read stays as it is.
        let hours = Rollup::read(&cells).map_or(cells, |day| day.hourly());
        update.execute(params![number, hours])?;
    }
    Ok(())
}

/// Days of one link from `first` to `last`, in order.
pub(super) fn rollups(
    connection: &Connection,
    link: &str,
    [first, last]: [&str; 2],
) -> rusqlite::Result<Readable<PointDay>> {
    let mut statement = connection.prepare(
        "SELECT role, vantage, day, cells FROM rollup WHERE link = ?1 AND day BETWEEN ?2 AND ?3 ORDER BY day, number",
    )?;
    let mut rows = statement.query([link, first, last])?;
    let (mut days, mut unreadable) = (vec![], vec![]);
    while let Some(row) = rows.next()? {
        let (role, vantage, date): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let known = Role::ALL.into_iter().find(|known| known.as_str() == role);
        match (known, Rollup::read(row.get_ref(3)?.as_bytes().unwrap_or_default())) {
            (Some(role), Ok(cells)) => days.push(PointDay { role, vantage, date, cells }),
            _ => unreadable.push(format!("rollup {link} {role} {date}")),
        }
    }
    Ok((days, unreadable))
}

pub(super) fn heartbeat(connection: &Connection) -> rusqlite::Result<Option<Heartbeat>> {
    connection
        .query_row("SELECT utc, boottime, boot_id FROM heartbeat", [], |row| {
            Ok(Heartbeat { utc: Timestamp(row.get(0)?), boottime: row.get(1)?, boot_id: row.get(2)? })
        })
        .optional()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        judge::Tally,
        ledger::rollup::{Evidence, Record},
        store::StoredRollup,
        units::Counts,
    };

    fn rollup(day: &str, slice: u16, answered: u64) -> StoredRollup {
        let up = Counts { answered, ..Counts::default() };
        let mut records = vec![];
        Record::Evidence(Evidence { tally: Tally { up, ..Tally::default() }, ..Evidence::default() })
            .put(slice, &mut records);
        Record::Time([answered, 0, 0, 0]).put(slice, &mut records);
        StoredRollup { link: LinkId::parse("LL-0001").unwrap(), role: Role::Far, day: day.into(), records }
    }

    fn answered(database: &mut Database, day: &str) -> Vec<(u64, u64)> {
        let (days, unreadable) = database.read(|file| rollups(file, "LL-0001", [day, day])).unwrap();
        assert_eq!(unreadable, Vec::<String>::new());
        let cells = |day: &PointDay| -> Vec<_> {
            day.cells.cells(Timestamp(0)).map(|(_, cell)| (cell.evidence.tally.up.answered, cell.millis[0])).collect()
        };
        days.iter().flat_map(cells).collect()
    }

    #[test]
    fn days_are_added_to_then_become_hours_and_leave() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = open(folder.path()).unwrap();
        for (slice, count) in [(0, 5), (1, 7), (1, 1), (12, 200)] {
            let rollups = [rollup("2026-08-01", slice, count), rollup("2026-11-22", slice, count)].into();
            database.write(|file| write(file, &SeriesRows { rollups, ..SeriesRows::default() })).unwrap();
        }
        let rollups = [rollup("2024-09-01", 0, 1)].into();
        database.write(|file| write(file, &SeriesRows { rollups, ..SeriesRows::default() })).unwrap();
        let fine = [(5, 5), (8, 1), (200, 200)];
        assert_eq!(answered(&mut database, "2026-08-01"), fine, "counts are added, time is replaced");

        // 2026-11-22.
        let now = Timestamp(1_795_300_000_000);
        for _ in 0..2 {
            database.write(|file| prune(file, now)).unwrap();
            assert_eq!(answered(&mut database, "2026-08-01"), [(13, 6), (200, 200)]);
            assert_eq!(answered(&mut database, "2026-11-22"), fine);
            assert_eq!(answered(&mut database, "2024-09-01"), []);
        }
    }
}
