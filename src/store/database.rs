//! One SQLite file with a format number, reopened after trouble.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction};

use crate::store::StoreError;

/// What one of our files is and how it is written.
pub(super) struct Format {
    pub(super) file: &'static str,
    /// In the header of the file (`PRAGMA application_id`): a file of another program is never touched.
    pub(super) application: i64,
    /// Step `n` leads from format `n` to `n + 1`. Never changed once released, only added to.
    pub(super) steps: &'static [&'static str],
    /// `FULL`: every commit is synced. `NORMAL`: a power cut may lose the last ones, a crash of the process none.
    pub(super) synchronous: &'static str,
}

/// A connection of the writer.
pub(super) struct Database {
    path: PathBuf,
    format: &'static Format,
    /// `None` after trouble, until the next try.
    connection: Option<Connection>,
}

/// Pages of the write-ahead log before it is folded into the file: 1 MiB, so that the reserve is worth more than a log.
const CHECKPOINT_PAGES: u32 = 256;

impl Database {
    /// Opens or creates the file and brings it to the newest format.
    pub(super) fn open(folder: &Path, format: &'static Format) -> Result<Self, StoreError> {
        let path = folder.join(format.file);
        let failed = |source| StoreError::database(&path, source);
        // The format is checked before anything is written, also before the switch to WAL.
        let mut connection = Connection::open(&path).map_err(failed)?;
        let found = check_format(&connection, &path, format)?;
        configure(&connection, format).map_err(failed)?;
        upgrade(&mut connection, format, found).map_err(failed)?;
        Ok(Self { path, format, connection: Some(connection) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` as one transaction. After an error the connection is opened anew: what an interrupted sync has left
    /// in the page cache is not trusted.
    pub(super) fn write(&mut self, work: impl FnOnce(&Transaction) -> rusqlite::Result<()>) -> rusqlite::Result<()> {
        let result = self.connection().and_then(|connection| {
            let transaction = connection.transaction()?;
            work(&transaction)?;
            transaction.commit()
        });
        if result.is_err() {
            self.connection = None;
        }
        result
    }

    /// Runs `work` on the connection.
    pub(super) fn read<T>(&mut self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let path = self.path.clone();
        self.connection().and_then(|connection| work(connection)).map_err(|source| StoreError::database(&path, source))
    }

    /// Gives the space of the write-ahead log back to the disk. Best effort: a full disk may refuse.
    pub(super) fn shrink_log(&mut self) {
        if let Ok(connection) = self.connection() {
            // The answer says how many pages moved; a failure leaves the log as it was.
            let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }

    fn connection(&mut self) -> rusqlite::Result<&mut Connection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                // Without CREATE: a file that vanished is trouble, not a reason to begin an empty one.
                let connection = Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
                configure(&connection, self.format)?;
                connection
            }
        };
        Ok(self.connection.insert(connection))
    }
}

/// Whether the file is one of ours that this version can read. Nothing is written.
pub(super) fn known(path: &Path, format: &Format) -> Result<(), StoreError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(|source| StoreError::database(path, source))?;
    check_format(&connection, path, format).map(|_| ())
}

/// Number of the format that the file is of; 0 when it was just created.
fn check_format(connection: &Connection, path: &Path, format: &Format) -> Result<i64, StoreError> {
    let failed = |source| StoreError::database(path, source);
    let pragma = |name| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)).map_err(failed);
    let (application, found) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    let known = i64::try_from(format.steps.len()).unwrap_or(i64::MAX);
    if (tables > 0 || application != 0) && application != format.application {
        return Err(StoreError::Foreign { path: path.into() });
    }
    if found > known {
        let written_by = connection
            .query_row("SELECT value FROM meta WHERE key = 'written_by'", [], |row| row.get(0))
            .optional()
            .unwrap_or_default();
        return Err(StoreError::Newer { path: path.into(), found, known, written_by });
    }
    Ok(found)
}

fn configure(connection: &Connection, format: &Format) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {}; PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}; \
         PRAGMA journal_size_limit = 1048576;",
        format.synchronous
    ))
}

fn upgrade(connection: &mut Connection, format: &Format, found: i64) -> rusqlite::Result<()> {
    let steps = format.steps.get(usize::try_from(found).unwrap_or_default()..).unwrap_or_default();
    if steps.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for step in steps {
        transaction.execute_batch(step)?;
    }
    transaction.execute_batch(&format!(
        "PRAGMA application_id = {}; PRAGMA user_version = {}; \
         INSERT INTO meta (key, value) VALUES ('written_by', '{}') ON CONFLICT (key) DO UPDATE SET value = excluded.value;",
        format.application,
        format.steps.len(),
        env!("CARGO_PKG_VERSION")
    ))?;
    transaction.commit()
}
