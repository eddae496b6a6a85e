//! What survives a restart: incidents, the outbox, point states, accounts and the last sign of life, in embedded SQLite.
//!
//! In: [`Batch`]es from `patrol`, which never waits. Out: [`Recovered`] at the start, [`StoreStatus`] while running.
//!
//! ```text
//!  patrol ──commit──▶ Pending (latest value per key, bounded) ──writer thread, one transaction──▶ journal.db (every
//!                       ▲ kept in memory while the disk refuses ◀──┘                              commit synced)
//!                                                                                                 series.db (synced late)
//! ```
//!
//! Two files, because they have different worth: `journal.db` holds what must not be lost (incidents, outbox, point
//! states, the journal's chain) and is synced at every commit; `series.db` holds what can be a second old (accounts, rollups, heartbeat). When
//! the disk is full, a reserve file gives its space to the journal alone.
//!
//! The store never invents a fact, never overwrites a file that it does not understand, and never blocks the caller.

mod backup;
mod batch;
mod chain;
mod database;
mod error;
mod forget;
mod journal;
mod key;
mod lock;
mod notices;
mod pending;
mod reader;
mod recover;
mod reserve;
mod series;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

pub use backup::{BackupError, Manifest, Restoring, backup, restore};
pub use batch::{Attempt, Batch, Delivery, Heartbeat, StoredAccount, StoredPoint, StoredRollup, StoredService, Whole};
pub use error::StoreError;
pub use forget::forget;
pub use key::{new_pass_key, pass_key, public_hex};
pub use notices::notices;
pub use reader::{Reader, accounts, each_account, rollups};
pub use recover::Recovered;
pub use reserve::room;
pub use writer::{JournalStatus, StoreStatus};

use crate::{store::writer::Writer, units::Timestamp};

/// How the store is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Closed incidents younger than this are part of [`Recovered`]; open ones always are.
    pub closed_since: Timestamp,
    /// Space kept for the journal and the outbox when the disk is full.
    pub reserve_bytes: u64,
}

impl Default for Options {
    /// 4 MiB: about 2000 incidents of 2 KB, more than a night of a burning city makes.
    fn default() -> Self {
        Self { closed_since: Timestamp(i64::MAX), reserve_bytes: 4 << 20 }
    }
}

/// Number of a commit; grows with every [`Store::commit`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// The one owner of the state folder. Dropping it writes what is pending, as far as the disk lets it.
pub struct Store {
    folder: PathBuf,
    shared: Arc<writer::Shared>,
    writer: Option<std::thread::JoinHandle<()>>,
    boot_id: Arc<str>,
    /// Held as long as this value lives; the kernel lets go of it when the process dies.
    _lock: lock::Lock,
}

/// Longest wait for the last write when the store is dropped. A disk that hangs must not keep the process alive.
const LAST_WRITE: Duration = Duration::from_secs(5);

impl Store {
    /// Opens or creates the state files in `folder`, which is created when missing, and reads what they hold.
    ///
    /// # Errors
    /// When another process owns the folder, it cannot be written, or a file is from a newer version, foreign or damaged.
    /// Nothing is overwritten then.
    pub fn open(folder: &Path, options: &Options) -> Result<(Self, Recovered), StoreError> {
        std::fs::create_dir_all(folder).map_err(|source| StoreError::folder(folder, source))?;
        let lock = lock::Lock::take(folder)?;
        backup::finish(folder)?;
        let mut reserve = reserve::Reserve::new(folder, options.reserve_bytes);
        let files = || Ok((journal::open(folder)?, series::open(folder)?));
        let (mut journal, mut series) = files().or_else(|error| match error {
            // A disk that was full when the last run ended: its reserve lets this run see what is stored.
            StoreError::Database { .. } => {
                reserve.release();
                files()
            }
            other => Err(other),
        })?;
        let boot_id = recover::boot_id();
        let mut recovered = recover::recover(&mut journal, &mut series, &boot_id, options)?;
        let key = key::open(folder)?;
        recovered.pseudonyms = Some(key.pseudonyms());
        let shared = Arc::new(writer::Shared::new(journal.read(chain::taken)?));
        let writer = Writer::start(Arc::clone(&shared), folder.into(), key, journal, series, reserve)
            .map_err(|source| StoreError::Thread { source })?;
        let store = Self { folder: folder.into(), shared, writer: Some(writer), boot_id, _lock: lock };
        Ok((store, recovered))
    }

    /// Hands facts to the writer and returns at once. What does not fit in the bounded memory is counted as lost.
    pub fn commit(&self, batch: Batch) -> Ticket {
        self.shared.commit(batch, &self.boot_id)
    }

    /// Whether everything up to `ticket` is in the journal, synced.
    pub fn is_durable(&self, ticket: Ticket) -> bool {
        self.shared.durable() >= ticket
    }

    /// Waits until `ticket` is durable; `false` when that took longer than `most`. For shutdown and tests.
    pub fn wait(&self, ticket: Ticket, most: Duration) -> bool {
        self.shared.wait(ticket, most)
    }

    pub fn status(&self) -> StoreStatus {
        self.shared.status()
    }

    /// A reader with a connection of its own.
    ///
    /// # Errors
    /// When the journal cannot be opened for reading.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.folder)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if self.shared.stop(LAST_WRITE)
            && let Some(writer) = self.writer.take()
        {
            // A writer that panicked has nothing left to write.
            let _ = writer.join();
        }
        let StoreStatus { pending, error, .. } = self.status();
        if pending > 0 {
            tracing::error!(pending, error, "ended with rows that could not be stored");
        }
    }
}
