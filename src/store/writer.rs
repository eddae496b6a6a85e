//! The one thread that writes: everything that waits goes to the disk as one transaction.
//!
//! ```text
//!            ┌── a write fails ──▶ Refusing ──── a write works ───▶ Short ──reserve taken back──┐
//!   Healthy ─┘      (everything waits in memory,      (journal and outbox are written,          ├──▶ Healthy
//!      ▲             the reserve is released,          accounts wait in memory)                 │
//!      │             tries again, ever more rarely)                                             │
//!      └────────────────────────────────────────────────────────────────────────────────────────┘
//! ```

use std::{
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use serde::Serialize;

use crate::{
    clock,
    journal::{Head, Purpose, Seal, SigningKey},
    store::{Batch, Ticket, chain, database::Database, journal, key, pending::Pending, reserve::Reserve, series},
    units::Timestamp,
};

/// How the store is doing.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StoreStatus {
    /// Everything is written soon after it was handed over, and the reserve is in place.
    pub healthy: bool,
    /// What the disk said last; `None` while healthy.
    pub error: Option<String>,
    /// Rows that wait in memory.
    pub pending: usize,
    /// Facts that did not fit in memory while the disk refused.
    pub lost: u64,
    /// The space kept for the journal is in use.
    pub reserve_released: bool,
    /// Transactions of the journal since the start.
    pub commits: u64,
    pub journal: JournalStatus,
}

/// How far the journal's chain reaches.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct JournalStatus {
    pub head: Head,
    /// Time of the oldest entry that is kept.
    pub oldest: Option<Timestamp>,
    /// Civil day of the newest anchor that lies in its folder, and when it was made.
    pub anchored: Option<(String, Timestamp)>,
    /// Why the newest anchor does not.
    pub anchor_error: Option<String>,
}

/// First and longest wait between two tries while the disk refuses.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// Old rows are deleted this long after the start and then as often: a wrong clock gets this much time to be noticed
/// before it can delete evidence.
const PRUNE_EVERY: Duration = Duration::from_hours(6);

/// What the callers and the writer share.
#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something to do.
    work: Condvar,
    /// Something is durable, or the writer has ended.
    done: Condvar,
}

#[derive(Default)]
struct State {
    incoming: Pending,
    stopping: bool,
    ended: bool,
    durable: Ticket,
    status: StoreStatus,
}

impl Shared {
    /// `handed`: how many entries of the journal were ever handed over.
    pub(super) fn new(handed: i64) -> Self {
        let incoming = Pending { handed, ..Pending::default() };
        Self { state: Mutex::new(State { incoming, ..State::default() }), ..Self::default() }
    }

    pub(super) fn commit(&self, batch: Batch, boot_id: &str) -> Ticket {
        let ticket = self.lock().incoming.add(batch, boot_id);
        self.work.notify_one();
        ticket
    }

    pub(super) fn durable(&self) -> Ticket {
        self.lock().durable
    }

    pub(super) fn wait(&self, ticket: Ticket, most: Duration) -> bool {
        let waiting = |state: &mut State| state.durable < ticket && !state.ended;
        let (state, _) =
            self.done.wait_timeout_while(self.lock(), most, waiting).unwrap_or_else(PoisonError::into_inner);
        state.durable >= ticket
    }

    pub(super) fn status(&self) -> StoreStatus {
        let state = self.lock();
        let mut status = state.status.clone();
        status.pending += state.incoming.rows();
        status.lost += state.incoming.lost;
        status
    }

    /// Tells the writer to write once more and end; `false` when it did not end within `most`.
    pub(super) fn stop(&self, most: Duration) -> bool {
        let mut state = self.lock();
        state.stopping = true;
        self.work.notify_one();
        let (state, _) =
            self.done.wait_timeout_while(state, most, |state| !state.ended).unwrap_or_else(PoisonError::into_inner);
        state.ended
    }

    /// A poisoned lock is no reason to stop: every holder leaves the state whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for work, at most for `most`. Returns it, and whether this is the last time.
    fn next(&self, most: Duration, awaits_work: bool) -> (Pending, bool) {
        let idle = |state: &mut State| !(state.stopping || awaits_work && state.incoming.rows() > 0);
        let (mut state, _) =
            self.work.wait_timeout_while(self.lock(), most, idle).unwrap_or_else(PoisonError::into_inner);
        let &Pending { ticket, handed, .. } = &state.incoming;
        let taken = std::mem::replace(&mut state.incoming, Pending { ticket, handed, ..Pending::default() });
        // Until the writer says what became of it, what it has in hand waits.
        state.status.pending += taken.rows();
        state.status.lost += taken.lost;
        (taken, state.stopping)
    }
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    folder: PathBuf,
    key: SigningKey,
    chain: JournalStatus,
    journal: Database,
    series: Database,
    reserve: Reserve,
    /// What was taken from `shared` and is not on the disk yet.
    unwritten: Pending,
    health: Health,
    /// CLOCK_MONOTONIC nanoseconds of the next pruning.
    prune_at: u64,
    /// The series are pruned after the journal, as of this time.
    prune_series: Option<Timestamp>,
    commits: u64,
}

enum Health {
    Healthy,
    /// The journal is written; the reserve or the series are not in order. Looks again at `again` (CLOCK_MONOTONIC).
    Short {
        error: String,
        again: u64,
    },
    /// The journal cannot be written.
    Refusing {
        error: String,
        wait: Duration,
    },
}

impl Writer {
    pub(super) fn start(
        shared: Arc<Shared>,
        folder: PathBuf,
        key: SigningKey,
        mut journal: Database,
        series: Database,
        reserve: Reserve,
    ) -> std::io::Result<JoinHandle<()>> {
        // What cannot be read now is read after the first commit.
        let anchored = journal.read(chain::last_anchor).ok().flatten();
        let chain = JournalStatus { anchored: anchored.and_then(day), ..JournalStatus::default() };
        let mut writer = Self {
            shared,
            folder,
            key,
            chain,
            journal,
            series,
            reserve,
            unwritten: Pending::default(),
            health: Health::Healthy,
            prune_at: after(PRUNE_EVERY),
            prune_series: None,
            commits: 0,
        };
        // Before the thread: the first status that a caller sees is true.
        writer.look_at_chain();
        writer.turn();
        writer.publish();
        if !matches!(writer.health, Health::Healthy) {
            writer.say();
        }
        std::thread::Builder::new().name("store".into()).spawn(move || writer.run())
    }

    fn run(mut self) {
        loop {
            let (most, awaits_work) = match &self.health {
                Health::Healthy => (PRUNE_EVERY, true),
                Health::Short { again, .. } => (until(*again), true),
                Health::Refusing { wait, .. } => (*wait, false),
            };
            let (incoming, last) = self.shared.next(most, awaits_work);
            self.unwritten.absorb(incoming);
            let before = std::mem::discriminant(&self.health);
            self.turn();
            if std::mem::discriminant(&self.health) != before {
                self.say();
            }
            if last {
                self.shared.lock().ended = true;
            }
            self.publish();
            if last {
                return;
            }
        }
    }

    /// Tries to write everything that waits.
    fn turn(&mut self) {
        if let Err(error) = self.write_journal() {
            let wait = match &self.health {
                Health::Refusing { wait, .. } => (*wait * 2).min(RETRY.1),
                Health::Healthy | Health::Short { .. } => RETRY.0,
            };
            self.give_space();
            self.health = Health::Refusing { error, wait };
            return;
        }
        if matches!(self.health, Health::Short { again, .. } if until(again) > Duration::ZERO) {
            return;
        }
        self.health = match self.write_series() {
            Ok(()) => Health::Healthy,
            Err(error) => {
                self.give_space();
                Health::Short { error, again: after(RETRY.1) }
            }
        };
    }

    fn write_journal(&mut self) -> Result<(), String> {
        let (rows, proving) = (&self.unwritten.journal, !matches!(self.health, Health::Healthy));
        let (key, mut seal) = (&self.key, None);
        let beat = self.unwritten.series.heartbeat.as_ref().map(|beat| beat.utc);
        let prune = beat.filter(|_| until(self.prune_at) == Duration::ZERO);
        if rows.rows() > 0 || proving || prune.is_some() {
            let written = self.journal.write(|transaction| {
                journal::write(transaction, rows)?;
                if proving {
                    journal::prove(transaction)?;
                }
                if let Some(day) = &rows.anchor {
                    seal = Some(chain::anchor(transaction, key, day)?);
                }
                prune.map_or(Ok(()), |now: Timestamp| journal::prune(transaction, key, now))
            });
            written.map_err(|error| format!("{}: {error}", self.journal.path().display()))?;
            self.commits += 1;
            self.look_at_chain();
        }
        if let Some(seal) = seal {
            self.lay_anchor(seal);
        }
        if prune.is_some() {
            self.prune_series = prune;
            self.prune_at = after(PRUNE_EVERY);
        }
        self.unwritten.journal = Default::default();
        Ok(())
    }

    /// Signed and stored; outside the house it can be held against us.
    fn lay_anchor(&mut self, seal: Seal) {
        match key::lay_anchor(&self.folder, &seal) {
            Ok(()) => (self.chain.anchored, self.chain.anchor_error) = (day(seal), None),
            Err(error) => {
                tracing::error!(%error, seal = %seal.purpose, "the anchor cannot be laid into its folder");
                self.chain.anchor_error = Some(error.to_string());
            }
        }
    }

    /// What cannot be read leaves the picture as it was; the next write will say so.
    fn look_at_chain(&mut self) {
        if let Ok((head, oldest)) = self.journal.read(|file| Ok((chain::head(file)?, chain::oldest(file)?))) {
            (self.chain.head, self.chain.oldest) = (head, oldest);
        }
    }

    /// Only with the reserve in place: otherwise what space there is belongs to the journal.
    fn write_series(&mut self) -> Result<(), String> {
        self.reserve.hold().map_err(|error| format!("cannot keep space in reserve: {error}"))?;
        let rows = &self.unwritten.series;
        if rows.rows() > 0 {
            let prune = self.prune_series.take();
            let written = self.series.write(|transaction| {
                series::write(transaction, rows)?;
                prune.map_or(Ok(()), |now| series::prune(transaction, now))
            });
            written.map_err(|error| format!("{}: {error}", self.series.path().display()))?;
            self.unwritten.series = Default::default();
        }
        Ok(())
    }

    /// Gives the journal all the space that is ours.
    fn give_space(&mut self) {
        if self.reserve.is_held() {
            self.reserve.release();
            self.journal.shrink_log();
            self.series.shrink_log();
        }
    }

    fn say(&self) {
        match &self.health {
            Health::Healthy => tracing::info!("the state is stored again"),
            Health::Short { error, .. } => {
                tracing::error!(error, "incidents and notices are stored, accounts wait in memory");
            }
            Health::Refusing { error, .. } => {
                tracing::error!(error, "the state cannot be stored; it waits in memory");
            }
        }
    }

    fn publish(&self) {
        let error = match &self.health {
            Health::Healthy => None,
            Health::Short { error, .. } | Health::Refusing { error, .. } => Some(error.clone()),
        };
        let mut state = self.shared.lock();
        if !matches!(self.health, Health::Refusing { .. }) {
            state.durable = self.unwritten.ticket;
        }
        state.status = StoreStatus {
            healthy: error.is_none(),
            error,
            pending: self.unwritten.rows(),
            lost: self.unwritten.lost,
            reserve_released: !self.reserve.is_held(),
            commits: self.commits,
            journal: self.chain.clone(),
        };
        self.shared.done.notify_all();
    }
}

/// Whose day an anchor is, and when it was made.
fn day(seal: Seal) -> Option<(String, Timestamp)> {
    match seal.purpose {
        Purpose::Anchor { day } => Some((day, seal.at)),
        Purpose::Checkpoint => None,
    }
}

/// CLOCK_MONOTONIC nanoseconds after `wait`.
fn after(wait: Duration) -> u64 {
    clock::monotonic_nanos().saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX))
}

/// Time left until `moment`; zero when it has passed.
fn until(moment: u64) -> Duration {
    Duration::from_nanos(moment.saturating_sub(clock::monotonic_nanos()))
}
