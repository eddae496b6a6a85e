//! A person's right to be forgotten: the name goes, the chain stays.

use std::{collections::BTreeMap, path::Path};

use rusqlite::params;
use serde_json::Value;

use super::{StoreError, chain, journal, key, lock::Lock};
use crate::{
    journal::{Private, Record, anonymous, said_in, without_names},
    units::Timestamp,
};

/// Puts the opaque id of `name` wherever that stands beside the chain, also within what people wrote. Returns in how many
/// records.
///
/// # Errors
/// While a daemon runs on this folder, or when its files cannot be written.
pub fn forget(folder: &Path, name: &str, at: Timestamp) -> Result<u64, StoreError> {
    let _lock = Lock::take(folder)?;
    let names = key::open(folder)?.pseudonyms();
    let id = names.of(name);
    let mut file = journal::open(folder)?;
    let (mut records, mut texts) = (0, BTreeMap::new());
    let written = file.write(|file| {
        // A text is let go as a whole: what it said is no longer what was said.
        records +=
            file.execute("DELETE FROM person WHERE name = ?1 OR id LIKE 'text-%' AND instr(name, ?1) > 0", [name])?;
        // Incidents and records are held against the chain.
        for (table, key, column, is_chained) in [
            ("incident", "id", "json", true),
            ("maintenance", "id", "json", true),
            ("desk", "id", "json", true),
            ("outbox", "key", "json", false),
            ("meta", "key", "value", false),
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
                let mut in_the_place_of = |private, said: &str| match private {
                    Private::Name if said.trim() == name => id.clone(),
                    Private::Name => said.to_owned(),
                    Private::Text => said.replace(name, &id),
                };
                if is_chained {
                    anonymous(&mut record, &mut in_the_place_of);
                } else {
                    without_names(&mut record, &mut |said| in_the_place_of(Private::Name, said));
                    everywhere(&mut record, &mut |text| text.replace(name, &id));
                }
                let update = format!("UPDATE {table} SET {column} = ?2 WHERE {key} = ?1");
                records += file.execute(&update, params![row, record.to_string()])?;
                if is_chained {
                    texts.extend(said_in(&mut record, &names).map(|said| (row, said)));
                }
            }
        }
        // The chain vouches for what is left of the texts, as it did for the whole.
        if records > 0 {
            chain::append_one(file, Record::Forgotten { at, person: id.clone(), texts: texts.clone() }.into_entry(at))?;
        }
        Ok(())
    });
    written.map_err(|source| StoreError::database(file.path(), source))?;
    // What was deleted and replaced, now and before, must not stay behind in free pages.
    file.read(|file| file.execute_batch("VACUUM"))?;
    file.shrink_log();
    Ok(records as u64)
}

/// Changes every text of a record.
fn everywhere(value: &mut Value, change: &mut impl FnMut(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(values) => values.iter_mut().for_each(|value| everywhere(value, change)),
        Value::Object(fields) => fields.values_mut().for_each(|value| everywhere(value, change)),
        _ => {}
    }
}
