//! What the last run left behind.

use std::{sync::Arc, time::Duration};

use crate::{
    clock,
    duty::{Register, Unsent},
    incident::{DeskRecord, Incident, MOST_ON_DESK, MOST_WINDOWS, Window},
    journal::Pseudonyms,
    notify::{Notice, budget::Daily, doors::Doors, warning::Warnings},
    store::{
        Heartbeat, Options, StoreError, StoredAccount, StoredPoint, StoredService, Whole,
        database::Database,
        journal::{self, Readable},
        series,
    },
};

/// Everything that `patrol` needs to go on where the last run stopped.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Open ones, and closed ones that are still shown; oldest first.
    pub incidents: Vec<Incident>,
    /// Planned work.
    pub windows: Vec<Window>,
    /// What people have to act on besides.
    pub desk: Vec<DeskRecord>,
    pub points: Vec<StoredPoint>,
    pub services: Vec<StoredService>,
    /// Of the two newest months.
    pub accounts: Vec<StoredAccount>,
    /// Notices that wait, oldest first.
    pub outbox: Vec<Notice>,
    /// What became of the rounds so far.
    pub duty: Register,
    /// What may leave.
    pub doors: Doors,
    /// Budgets of the day, and its digest.
    pub daily: Daily,
    /// What was warned of.
    pub warnings: Warnings,
    /// The last notices that were given up, oldest first.
    pub given_up: Vec<Unsent>,
    /// What was counted of websites, as `patrol` wrote it; `None` before the first.
    pub sites: Option<serde_json::Value>,
    /// Notices of incidents that are not over: incident, key, and whether it left or waits.
    pub told: Vec<(String, String, bool)>,
    /// Rules' alarms that fired, as `patrol` wrote them.
    pub alarms: Option<serde_json::Value>,
    /// How names of people become opaque ids; `None` only where nothing was opened.
    pub pseudonyms: Option<Pseudonyms>,
    /// The last sign of life; `None` on the first run.
    pub heartbeat: Option<Heartbeat>,
    /// How long ago that was by CLOCK_BOOTTIME, which no clock step changes; `None` when the machine was restarted since.
    pub away: Option<Duration>,
    /// Rows that this version cannot read, such as `incident 01K…: missing field`. They stay in the file.
    pub unreadable: Vec<String>,
}

pub(super) fn recover(
    journal: &mut Database,
    series: &mut Database,
    boot_id: &str,
    options: &Options,
) -> Result<Recovered, StoreError> {
    let mut recovered = Recovered::default();
    let unreadable = &mut recovered.unreadable;
    recovered.incidents = keep(journal.read(|file| journal::incidents(file, options.closed_since))?, unreadable);
    recovered.windows = keep(journal.read(|file| journal::windows(file, MOST_WINDOWS))?, unreadable);
    recovered.desk = keep(journal.read(|file| journal::desk(file, MOST_ON_DESK))?, unreadable);
    recovered.points = keep(journal.read(journal::points)?, unreadable);
    recovered.services = journal.read(journal::services)?;
    recovered.outbox = keep(journal.read(journal::outbox)?, unreadable);
    recovered.duty =
        keep(journal.read(|file| journal::whole(file, Whole::Duty))?, unreadable).pop().unwrap_or_default();
    recovered.doors =
        keep(journal.read(|file| journal::whole(file, Whole::Doors))?, unreadable).pop().unwrap_or_default();
    recovered.daily =
        keep(journal.read(|file| journal::whole(file, Whole::Daily))?, unreadable).pop().unwrap_or_default();
    recovered.warnings =
        keep(journal.read(|file| journal::whole(file, Whole::Warnings))?, unreadable).pop().unwrap_or_default();
    recovered.sites = keep(journal.read(|file| journal::whole(file, Whole::Sites))?, unreadable).pop();
    recovered.given_up = journal.read(journal::given_up)?;
    recovered.told = journal.read(journal::told)?;
    recovered.alarms = keep(journal.read(|file| journal::whole(file, Whole::Alarms))?, unreadable).pop();
    recovered.accounts = keep(series.read(|file| series::accounts(file, series::MONTHS))?, unreadable);
    recovered.heartbeat = series.read(series::heartbeat)?;
    recovered.away = recovered.heartbeat.as_ref().filter(|beat| beat.boot_id == boot_id).map(|beat| {
        let passed = clock::boottime_millis().saturating_sub(beat.boottime);
        Duration::from_millis(u64::try_from(passed).unwrap_or(0))
    });
    Ok(recovered)
}

fn keep<T>((values, bad): Readable<T>, unreadable: &mut Vec<String>) -> Vec<T> {
    unreadable.extend(bad);
    values
}

/// Names this boot of the machine. Empty where `/proc` is missing: every start then counts as after a restart.
pub(super) fn boot_id() -> Arc<str> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().into()
}
