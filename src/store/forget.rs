//! A person's right to be forgotten: the name goes, the chain stays.

use std::path::Path;

use rusqlite::params;
use serde_json::Value;

use super::{StoreError, journal, key, lock::Lock};
use crate::journal::anonymous;

/// Puts the opaque id of `name` wherever that stands beside the chain. Returns in how many records.
///
/// # Errors
/// While a daemon runs on this folder, or when its files cannot be written.
pub fn forget(folder: &Path, name: &str) -> Result<u64, StoreError> {
    let _lock = Lock::take(folder)?;
    let names = key::open(folder)?.pseudonyms();
    let mut file = journal::open(folder)?;
    let mut records = 0;
    let written = file.write(|file| {
        records += file.execute("DELETE FROM person WHERE name = ?1", [name])?;
        for (table, key, column) in [
            ("incident", "id", "json"),
            ("maintenance", "id", "json"),
            ("outbox", "key", "json"),
            ("meta", "key", "value"),
        ] {
            let mut select =
                file.prepare(&format!("SELECT {key}, {column} FROM {table} WHERE instr({column}, ?1) > 0"))?;
            let rows = select.query_map([name], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
            let found = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            for (row, json) in found {
                // What this version cannot read, it does not touch.
                let Ok(mut record) = serde_json::from_str::<Value>(&json) else { continue };
                if !record.is_object() {
                    continue;
                }
                anonymous(&mut record, &mut |found| if found == name { names.of(name) } else { found.to_owned() });
                let update = format!("UPDATE {table} SET {column} = ?2 WHERE {key} = ?1");
                records += file.execute(&update, params![row, record.to_string()])?;
            }
        }
        Ok(())
    });
    written.map_err(|source| StoreError::database(file.path(), source))?;
    // What was deleted and replaced, now and before, must not stay behind in free pages.
    file.read(|file| file.execute_batch("VACUUM"))?;
    file.shrink_log();
    Ok(records as u64)
}
