//! `journal.db`: what must not be lost. Synced at every commit.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, Transaction, params};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::{
    duty::{MOST_GIVEN_UP, Unsent},
    incident::{DeskRecord, Incident, Window},
    inventory::{LinkId, Role},
    journal::SigningKey,
    notify::{Notice, log::NoticeState},
    store::{
        StoreError,
        batch::{Attempt, StoredPoint, StoredService, Whole},
        chain,
        database::{Database, Format},
        pending::JournalRows,
    },
    units::Timestamp,
};

/// The database's name in the state folder.
pub(super) const FILE: &str = "journal.db";

pub(super) static FORMAT: Format = Format {
    file: FILE,
    application: 0x4C50_4A4C, // "LPJL"
    steps: &[
        "
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE incident (id TEXT PRIMARY KEY, phase TEXT NOT NULL, began INTEGER NOT NULL, closed INTEGER,
                               json TEXT NOT NULL) WITHOUT ROWID;
        CREATE INDEX incident_closed ON incident (closed);
        CREATE TABLE point (link TEXT NOT NULL, role TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY (link, role))
            WITHOUT ROWID;
        -- `done` is NULL while a notice waits.
        CREATE TABLE outbox (key TEXT PRIMARY KEY, channel TEXT NOT NULL, created INTEGER NOT NULL, json TEXT NOT NULL,
                             attempts INTEGER NOT NULL DEFAULT 0, done INTEGER, outcome TEXT) WITHOUT ROWID;
        CREATE INDEX outbox_done ON outbox (done);
        CREATE TABLE log (number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, event TEXT NOT NULL,
                          subject TEXT NOT NULL, detail TEXT NOT NULL);
        CREATE INDEX log_at ON log (at);
    ",
        chain::TABLES,
        "CREATE TABLE maintenance (id TEXT PRIMARY KEY, ends INTEGER NOT NULL, json TEXT NOT NULL) WITHOUT ROWID;",
        "CREATE TABLE desk (id TEXT PRIMARY KEY, settled INTEGER, json TEXT NOT NULL) WITHOUT ROWID;",
        // What was written before has its key for an id.
        "
        ALTER TABLE outbox ADD COLUMN id TEXT NOT NULL DEFAULT '';
        ALTER TABLE outbox ADD COLUMN incident TEXT NOT NULL DEFAULT '';
        ALTER TABLE outbox ADD COLUMN recipient TEXT NOT NULL DEFAULT '';
        ALTER TABLE outbox ADD COLUMN state TEXT NOT NULL DEFAULT 'waiting';
        UPDATE outbox SET id = lower(hex(key)), incident = substr(key, 1, instr(key, '/') - 1),
            state = CASE WHEN done IS NULL THEN 'waiting' WHEN outcome LIKE 'delivered%' THEN 'delivered'
                         ELSE 'given_up' END;
        CREATE INDEX outbox_id ON outbox (id);
        CREATE INDEX outbox_created ON outbox (created, id);
        CREATE INDEX outbox_incident ON outbox (incident, created);
    ",
        "CREATE TABLE service (id TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;",
    ],
    synchronous: "FULL",
};

/// Closed incidents, and notices about them, are kept for 26 months: two contract years and the settlement after them.
const INCIDENTS_KEPT: Duration = Duration::from_hours(26 * 31 * 24);
/// So is the journal. Format 1 had a log of events instead of it: raw evidence, which is kept for 184 days.
const ENTRIES_KEPT: Duration = INCIDENTS_KEPT;
const LOG_KEPT: Duration = Duration::from_hours(184 * 24);
/// Rows that one pruning may delete from a table, so that it never holds up commits for long.
const PRUNE_MOST: u32 = 10_000;

pub(super) fn open(folder: &Path) -> Result<Database, StoreError> {
    Database::open(folder, &FORMAT)
}

pub(super) fn path(folder: &Path) -> std::path::PathBuf {
    folder.join(FILE)
}

/// Writes all rows in one transaction. Writing the same rows again changes nothing: a commit whose sync failed may have
/// reached the disk all the same.
pub(super) fn write(transaction: &Transaction, rows: &JournalRows) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO incident (id, phase, began, closed, json) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE \
         SET phase = excluded.phase, began = excluded.began, closed = excluded.closed, json = excluded.json",
    )?;
    for (id, incident) in &rows.incidents {
        let closed = incident.closed.map(|closed| closed.0);
        statement.execute(params![id, incident.phase.as_str(), incident.began.0, closed, json(incident)?])?;
    }
    let mut statement = transaction.prepare_cached(
        "INSERT INTO maintenance (id, ends, json) VALUES (?1, ?2, ?3) \
         ON CONFLICT (id) DO UPDATE SET json = excluded.json",
    )?;
    for (id, window) in &rows.windows {
        statement.execute(params![id, window.ends().0, json(window)?])?;
    }
    let mut statement = transaction.prepare_cached(
        "INSERT INTO desk (id, settled, json) VALUES (?1, ?2, ?3) \
         ON CONFLICT (id) DO UPDATE SET settled = excluded.settled, json = excluded.json",
    )?;
    for (id, record) in &rows.desk {
        statement.execute(params![id, record.settled().map(|at| at.0), json(record)?])?;
    }
    let mut statement = transaction.prepare_cached(
        "INSERT INTO point (link, role, json) VALUES (?1, ?2, ?3) \
         ON CONFLICT (link, role) DO UPDATE SET json = excluded.json",
    )?;
    for ((link, role), state) in &rows.points {
        statement.execute(params![link.as_str(), role.as_str(), state])?;
    }
    let mut statement = transaction.prepare_cached(
        "INSERT INTO service (id, json) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET json = excluded.json",
    )?;
    for (service, state) in &rows.services {
        statement.execute(params![service, state])?;
    }
    let mut statement = transaction.prepare_cached(
        "INSERT INTO outbox (key, channel, created, json, id, incident, recipient) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
         ON CONFLICT (key) DO NOTHING",
    )?;
    for (key, notice) in &rows.notices {
        let (about, recipient) = notice.thread();
        let (channel, at) = (&notice.channel, notice.created.0);
        statement.execute(params![key, channel, at, json(notice)?, notice.id(), about, recipient])?;
    }
    for (whole, value) in &rows.whole {
        transaction.execute(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            params![whole.key(), value],
        )?;
    }
    write_deliveries(transaction, rows)?;
    chain::append(transaction, rows)
}

fn write_deliveries(transaction: &Transaction, rows: &JournalRows) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "UPDATE outbox SET attempts = ?2, done = ?3, outcome = ?4, state = ?5 WHERE key = ?1 AND done IS NULL",
    )?;
    for (key, delivery) in &rows.deliveries {
        let (state, outcome) = match &delivery.result {
            Attempt::Delivered { receipt } => {
                (NoticeState::Delivered, format!("delivered {receipt}").trim_end().to_owned())
            }
            Attempt::Failed { reason } => (NoticeState::Waiting, reason.clone()),
            Attempt::GivenUp { reason } => (NoticeState::GivenUp, reason.clone()),
            Attempt::Held { door } => (NoticeState::Held, door.clone()),
            Attempt::Replaced { by } => (NoticeState::Replaced, by.clone()),
        };
        let done = (state != NoticeState::Waiting).then_some(delivery.at.0);
        statement.execute(params![key, delivery.attempts, done, outcome, state.as_str()])?;
    }
    Ok(())
}

/// Changes one row of no meaning: shows whether the disk takes writes again.
pub(super) fn prove(transaction: &Transaction) -> rusqlite::Result<()> {
    transaction
        .execute(
            "INSERT INTO meta (key, value) VALUES ('proved', '1') ON CONFLICT (key) DO UPDATE SET value = value + 1",
            [],
        )
        .map(|_| ())
}

/// Deletes what is older than it has to be kept.
pub(super) fn prune(transaction: &Transaction, key: &SigningKey, now: Timestamp) -> rusqlite::Result<()> {
    let before = |kept: Duration| now.0.saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX));
    chain::prune(transaction, key, Timestamp(before(ENTRIES_KEPT)), PRUNE_MOST, now)?;
    // An incident stays as long as the journal speaks of it.
    let oldest = chain::oldest(transaction)?.map_or(i64::MAX, |at| at.0);
    let (incidents, log) = (before(INCIDENTS_KEPT).min(oldest), before(LOG_KEPT));
    for (sql, limit) in [
        ("DELETE FROM incident WHERE id IN (SELECT id FROM incident WHERE closed < ?1 LIMIT ?2)", incidents),
        ("DELETE FROM maintenance WHERE id IN (SELECT id FROM maintenance WHERE ends < ?1 LIMIT ?2)", incidents),
        ("DELETE FROM desk WHERE id IN (SELECT id FROM desk WHERE settled < ?1 LIMIT ?2)", incidents),
        ("DELETE FROM outbox WHERE key IN (SELECT key FROM outbox WHERE done < ?1 LIMIT ?2)", incidents),
        ("DELETE FROM log WHERE number IN (SELECT number FROM log WHERE at < ?1 LIMIT ?2)", log),
    ] {
        transaction.execute(sql, params![limit, PRUNE_MOST])?;
    }
    Ok(())
}

/// Rows that could be read, and a description of each that could not.
pub(super) type Readable<T> = (Vec<T>, Vec<String>);

/// Incidents that are open, or were closed at or after `closed_since`; oldest first.
pub(super) fn incidents(connection: &Connection, closed_since: Timestamp) -> rusqlite::Result<Readable<Incident>> {
    decoded(
        connection,
        "SELECT id, json FROM incident WHERE closed IS NULL OR closed >= ?1 ORDER BY began, id",
        params![closed_since.0],
        "incident",
    )
}

/// Planned work, that which ends last first.
pub(super) fn windows(connection: &Connection, most: usize) -> rusqlite::Result<Readable<Window>> {
    let last = "SELECT id, json FROM maintenance ORDER BY ends DESC, id LIMIT ?1";
    decoded(connection, last, params![i64::try_from(most).unwrap_or(i64::MAX)], "window")
}

/// What people have to act on, that which is not settled first.
pub(super) fn desk(connection: &Connection, most: usize) -> rusqlite::Result<Readable<DeskRecord>> {
    let last = "SELECT id, json FROM desk ORDER BY settled IS NULL DESC, id DESC LIMIT ?1";
    decoded(connection, last, params![i64::try_from(most).unwrap_or(i64::MAX)], "desk")
}

/// What is kept as one piece; nothing before it was first written.
pub(super) fn whole<T: DeserializeOwned>(connection: &Connection, whole: Whole) -> rusqlite::Result<Readable<T>> {
    decoded(connection, "SELECT key, value FROM meta WHERE key = ?1", params![whole.key()], "meta")
}

/// Notices of incidents that are not over: incident, key, and whether it left or waits.
pub(super) fn told(connection: &Connection) -> rusqlite::Result<Vec<(String, String, bool)>> {
    let sql = "SELECT outbox.incident, outbox.key, outbox.state IN ('waiting', 'delivered') FROM outbox \
               LEFT JOIN incident ON incident.id = outbox.incident \
               WHERE incident.phase <> 'closed' OR outbox.incident >= 'digest-' AND outbox.incident < 'digest.'";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

/// Notices that wait, oldest first, with the attempts of earlier processes.
pub(super) fn outbox(connection: &Connection) -> rusqlite::Result<Readable<Notice>> {
    let waiting =
        "SELECT key, json_set(json, '$.attempts', attempts) FROM outbox WHERE done IS NULL ORDER BY created, key";
    decoded(connection, waiting, [], "notice")
}

/// The last notices that nobody took, oldest first.
pub(super) fn given_up(connection: &Connection) -> rusqlite::Result<Vec<Unsent>> {
    let newest = "SELECT key, channel, done FROM outbox WHERE state = 'given_up' ORDER BY done DESC, key LIMIT ?1";
    let mut statement = connection.prepare(newest)?;
    let rows = statement.query_map([i64::try_from(MOST_GIVEN_UP).unwrap_or(i64::MAX)], |row| {
        Ok(Unsent { notice: row.get(0)?, channel: row.get(1)?, at: Timestamp(row.get(2)?), given_up: true })
    })?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    rows.reverse();
    Ok(rows)
}

pub(super) fn points(connection: &Connection) -> rusqlite::Result<Readable<StoredPoint>> {
    let mut statement = connection.prepare("SELECT link, role, json FROM point")?;
    let mut rows = statement.query([])?;
    let (mut points, mut unreadable) = (vec![], vec![]);
    while let Some(row) = rows.next()? {
        let (link, role, json): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let known = Role::ALL.into_iter().find(|known| known.as_str() == role);
        match (LinkId::parse(&link), known, serde_json::from_str::<IgnoredAny>(&json)) {
            (Some(link), Some(role), Ok(_)) => points.push(StoredPoint { link, role, state: json }),
            _ => unreadable.push(format!("point {link} {role}")),
        }
    }
    Ok((points, unreadable))
}

pub(super) fn services(connection: &Connection) -> rusqlite::Result<Vec<StoredService>> {
    let mut statement = connection.prepare("SELECT id, json FROM service")?;
    let rows = statement.query_map([], |row| Ok(StoredService { service: row.get(0)?, state: row.get(1)? }))?;
    rows.collect()
}

/// Rows of `sql`, which selects a name and a JSON text.
pub(super) fn decoded<T: DeserializeOwned>(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
    what: &str,
) -> rusqlite::Result<Readable<T>> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query(values)?;
    let (mut values, mut unreadable) = (vec![], vec![]);
    while let Some(row) = rows.next()? {
        let (name, json): (String, String) = (row.get(0)?, row.get(1)?);
        match serde_json::from_str(&json) {
            Ok(value) => values.push(value),
            Err(error) => unreadable.push(format!("{what} {name}: {error}")),
        }
    }
    Ok((values, unreadable))
}

fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pruning_takes_what_is_old_and_never_what_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = open(folder.path()).unwrap();
        let hours = |hours: i64| hours * 3_600_000;
        journal
            .write(|file| {
                file.execute_batch(&format!(
                    "INSERT INTO incident VALUES ('open', 'open', 0, NULL, ''), ('old', 'closed', 0, 0, ''),
                                                 ('young', 'closed', 0, {}, '');
                     INSERT INTO outbox (key, channel, created, json, done)
                         VALUES ('waits', '', 0, '', NULL), ('old', '', 0, '', 0);
                     INSERT INTO log VALUES (1, 0, '', '', ''), (2, {}, '', '', '');",
                    hours(24),
                    hours(26 * 31 * 24 - 184 * 24 + 1)
                ))?;
                prune(file, &SigningKey::generate().unwrap(), Timestamp(hours(26 * 31 * 24 + 1)))
            })
            .unwrap();
        let mut left = |sql: &str| journal.read(|file| file.query_row(sql, [], |row| row.get::<_, String>(0))).unwrap();
        assert_eq!(left("SELECT group_concat(id, ' ' ORDER BY id) FROM incident"), "open young");
        assert_eq!(left("SELECT group_concat(key) FROM outbox"), "waits");
        assert_eq!(left("SELECT group_concat(number) FROM log"), "2");
    }
}
