//! The tables of the journal's chain: entries, what they refer to, and seals over them.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::pending::JournalRows;
use crate::{
    journal::{Digest, Entry, Head, Link, Purpose, Record, Seal, SigningKey},
    units::Timestamp,
};

/// Second step of the format of `journal.db`.
pub(super) const TABLES: &str = "
    CREATE TABLE entry (number INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, payload TEXT NOT NULL,
                        hash BLOB NOT NULL);
    -- `entry`: the last one that was written together with it.
    CREATE TABLE content (hash BLOB PRIMARY KEY, bytes BLOB NOT NULL, entry INTEGER NOT NULL) WITHOUT ROWID;
    -- Outside the chain, so that it can be erased.
    CREATE TABLE person (id TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
    -- `day` is empty for the checkpoint.
    CREATE TABLE seal (day TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
";

/// Key in `meta`: number that the newest entry had when it was handed over. Entries of a commit whose sync failed may
/// have reached the disk all the same, and must not be appended twice.
const TAKEN: &str = "journal_taken";

/// Where the chain ends.
pub(super) fn head(connection: &Connection) -> rusqlite::Result<Head> {
    let newest = connection.query_row("SELECT * FROM entry ORDER BY number DESC LIMIT 1", [], link).optional()?;
    match newest {
        Some(link) => Ok(link.head()),
        None => Ok(checkpoint(connection)?.map(|seal| seal.head).unwrap_or_default()),
    }
}

/// Time of the oldest entry that is kept.
pub(super) fn oldest(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let at = connection.query_row("SELECT at FROM entry ORDER BY number LIMIT 1", [], |row| row.get(0));
    Ok(at.optional()?.map(Timestamp))
}

pub(super) fn taken(connection: &Connection) -> rusqlite::Result<i64> {
    let taken = connection.query_row("SELECT value FROM meta WHERE key = ?1", [TAKEN], |row| row.get::<_, String>(0));
    Ok(taken.optional()?.and_then(|taken| taken.parse().ok()).unwrap_or(0))
}

/// Appends what waits, in order, and says where something was lost on the way.
pub(super) fn append(transaction: &Transaction, rows: &JournalRows) -> rusqlite::Result<()> {
    let (mut head, mut taken) = (head(transaction)?, taken(transaction)?);
    let before = taken;
    let mut statement = transaction
        .prepare_cached("INSERT INTO entry (number, at, kind, payload, hash) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut insert = |entry: Entry| {
        let Link { number, entry, hash } = head.append(entry);
        head = Head { number, hash };
        statement.execute(params![number.cast_signed(), entry.at.0, entry.kind, entry.payload, hash.0]).map(|_| ())
    };
    for (number, entry) in &rows.entries {
        if *number <= taken {
            continue;
        }
        if let Some(lost) = u64::try_from(number - taken - 1).ok().filter(|lost| *lost > 0) {
            insert(Record::Gap { lost }.into_entry(entry.at))?;
        }
        insert(entry.clone())?;
        taken = *number;
    }
    if taken > before {
        transaction.execute(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            params![TAKEN, taken.to_string()],
        )?;
    }
    let mut statement = transaction.prepare_cached(
        "INSERT INTO content (hash, bytes, entry) VALUES (?1, ?2, ?3) \
         ON CONFLICT (hash) DO UPDATE SET entry = excluded.entry",
    )?;
    for (hash, bytes) in &rows.contents {
        statement.execute(params![hash.0, bytes, head.number.cast_signed()])?;
    }
    let mut statement = transaction.prepare_cached("INSERT OR IGNORE INTO person (id, name) VALUES (?1, ?2)")?;
    for (id, name) in &rows.people {
        statement.execute(params![id, name])?;
    }
    Ok(())
}

/// Appends an entry that no daemon hands over.
pub(super) fn append_one(transaction: &Transaction, entry: Entry) -> rusqlite::Result<()> {
    let Link { number, entry, hash } = head(transaction)?.append(entry);
    let values = params![number.cast_signed(), entry.at.0, entry.kind, entry.payload, hash.0];
    transaction.execute("INSERT INTO entry (number, at, kind, payload, hash) VALUES (?1, ?2, ?3, ?4, ?5)", values)?;
    Ok(())
}

/// Signs where the chain stands at the beginning of `day`.
pub(super) fn anchor(
    transaction: &Transaction,
    key: &SigningKey,
    (day, at): &(String, Timestamp),
) -> rusqlite::Result<Seal> {
    let seal = key.seal(Purpose::Anchor { day: day.clone() }, head(transaction)?, *at);
    store_seal(transaction, day, &seal)?;
    Ok(seal)
}

/// Deletes entries from the front that are older than `limit`, at most `most`, and leaves a checkpoint for them.
pub(super) fn prune(
    transaction: &Transaction,
    key: &SigningKey,
    limit: Timestamp,
    most: u32,
    now: Timestamp,
) -> rusqlite::Result<()> {
    // Only a prefix, so that a clock that was wrong for a while leaves no hole; and never the newest entry.
    let number = |sql: &str, values: &[i64]| {
        transaction.query_row(sql, rusqlite::params_from_iter(values), |row| row.get::<_, i64>(0)).optional()
    };
    let Some(first) = number("SELECT number FROM entry ORDER BY number LIMIT 1", &[])? else { return Ok(()) };
    let young = number("SELECT number FROM entry WHERE at >= ?1 ORDER BY number LIMIT 1", &[limit.0])?;
    let stop = match young {
        Some(young) => young,
        None => number("SELECT max(number) FROM entry", &[])?.unwrap_or(first),
    };
    let last = stop.min(first + i64::from(most)) - 1;
    let last = transaction.query_row("SELECT * FROM entry WHERE number = ?1", [last], link).optional()?;
    let Some(last) = last else { return Ok(()) };
    store_seal(transaction, "", &key.seal(Purpose::Checkpoint, last.head(), now))?;
    transaction.execute("DELETE FROM entry WHERE number <= ?1", [last.number.cast_signed()])?;
    transaction.execute("DELETE FROM content WHERE entry <= ?1", [last.number.cast_signed()])?;
    Ok(())
}

fn store_seal(transaction: &Transaction, day: &str, seal: &Seal) -> rusqlite::Result<()> {
    let json = serde_json::to_string(seal).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    transaction
        .execute(
            "INSERT INTO seal (day, json) VALUES (?1, ?2) ON CONFLICT (day) DO UPDATE SET json = excluded.json",
            params![day, json],
        )
        .map(|_| ())
}

pub(super) fn checkpoint(connection: &Connection) -> rusqlite::Result<Option<Seal>> {
    let json = connection.query_row("SELECT json FROM seal WHERE day = ''", [], |row| row.get::<_, String>(0));
    Ok(json.optional()?.and_then(|json| serde_json::from_str(&json).ok()))
}

/// By day, oldest first. What cannot be read is no seal.
pub(super) fn anchors(connection: &Connection) -> rusqlite::Result<Vec<Seal>> {
    let mut statement = connection.prepare("SELECT json FROM seal WHERE day <> '' ORDER BY day")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    rows.filter_map(|json| json.map(|json| serde_json::from_str(&json).ok()).transpose()).collect()
}

/// The newest anchor.
pub(super) fn last_anchor(connection: &Connection) -> rusqlite::Result<Option<Seal>> {
    let newest = "SELECT json FROM seal WHERE day <> '' ORDER BY day DESC LIMIT 1";
    let json = connection.query_row(newest, [], |row| row.get::<_, String>(0));
    Ok(json.optional()?.and_then(|json| serde_json::from_str(&json).ok()))
}

/// An entry from `SELECT *`.
pub(super) fn link(row: &Row<'_>) -> rusqlite::Result<Link> {
    let hash: Vec<u8> = row.get("hash")?;
    Ok(Link {
        number: row.get::<_, i64>("number")?.cast_unsigned(),
        entry: Entry { at: Timestamp(row.get("at")?), kind: row.get("kind")?, payload: row.get("payload")? },
        // A hash of another length is no hash, and compares with none.
        hash: Digest::from_bytes(&hash).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::{Audit, Fault},
        store::journal,
    };

    fn rows(numbers: impl Iterator<Item = i64>) -> JournalRows {
        let entry = |number| Entry {
            at: Timestamp(number * 1_000),
            kind: "gap".into(),
            payload: format!("{{\"lost\":{number}}}"),
        };
        JournalRows { entries: numbers.map(|number| (number, entry(number))).collect(), ..JournalRows::default() }
    }

    fn links(connection: &Connection) -> rusqlite::Result<Vec<Link>> {
        connection.prepare("SELECT * FROM entry ORDER BY number")?.query_map([], link)?.collect()
    }

    #[test]
    fn what_was_written_is_not_written_twice_and_what_was_lost_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = journal::open(folder.path()).unwrap();
        file.write(|file| append(file, &rows(1..=3))).unwrap();
        // The sync of that failed, as far as the writer knows; then memory ran short.
        file.write(|file| append(file, &rows([2, 3, 4, 9, 10].into_iter()))).unwrap();
        let links = file.read(links).unwrap();
        let said: Vec<_> = links.iter().map(|link| (link.number, link.entry.payload.as_str())).collect();
        let lost = |number: usize| said[number].1;
        assert_eq!(said.len(), 7, "{said:?}");
        assert_eq!((lost(3), lost(4), lost(5)), ("{\"lost\":4}", "{\"lost\":4}", "{\"lost\":9}"));
        assert_eq!(file.read(taken).unwrap(), 10);
        assert_eq!(file.read(head).unwrap(), links[6].head());
    }

    #[test]
    fn pruning_leaves_a_checkpoint_and_a_chain_that_still_verifies() {
        let (folder, key) = (tempfile::tempdir().unwrap(), SigningKey::generate().unwrap());
        let mut file = journal::open(folder.path()).unwrap();
        file.write(|file| append(file, &rows(1..=20))).unwrap();
        let mut prune_to = |limit, most| {
            file.write(|file| prune(file, &key, Timestamp(limit), most, Timestamp(0))).unwrap();
            let kept = file.read(links).unwrap();
            let mut audit = Audit::begin(file.read(checkpoint).unwrap(), vec![], Some(&key.public()));
            kept.iter().for_each(|link| audit.take(link));
            (audit.end().faults, kept.first().map(|link| link.number))
        };
        assert_eq!(prune_to(0, 5), (vec![], Some(1)));
        assert_eq!(prune_to(9_000, 5), (vec![], Some(6)), "five at a time");
        assert_eq!(prune_to(9_000, 5), (vec![], Some(9)));
        assert_eq!(prune_to(i64::MAX, 500), (vec![], Some(20)), "the newest stays");
        // Somebody prunes by hand.
        file.write(|file| {
            append(file, &rows(21..=25))
                .and_then(|()| file.execute("DELETE FROM entry WHERE number < 22", []).map(drop))
        })
        .unwrap();
        let mut audit = Audit::begin(file.read(checkpoint).unwrap(), vec![], None);
        file.read(links).unwrap().iter().for_each(|link| audit.take(link));
        assert_eq!(audit.end().faults, [Fault::Missing { from: 20, to: 21 }]);
    }
}
