//! `linkpatrol ledger`: where every millisecond of a month went, and taking time out of the objective.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use clap::Subcommand;
use hyper::Method;
use serde::Serialize;
use serde_json::json;

use super::{
    Global, Output,
    client::{answer, call, done},
    print_findings,
};
use crate::{
    incident::Incident,
    inventory::LinkId,
    ledger::{
        Account, Accounting, Cell, ClosedMonth, Exclusion, Measured, Month, SixStates, Standard, Stretch, tier_verdict,
    },
    patrol::load::{Loaded, from_file},
    store::{self, Reader, StoreError},
    text::{Language, LedgerMessage, LedgerRow, Message},
    units::{Timestamp, billionths},
};

/// Shows the months of links, and takes time out of the objective.
#[derive(Debug, clap::Args)]
pub struct Ledger {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Where the time of a month went: six states, both bounds, both verdicts and what is left of the allowance.
    Show {
        /// Id of a link; without it all links.
        link: Option<String>,
        /// Such as 2026-11; without it the newest. A quarter or year is shown where the contract's period is one.
        #[arg(long, value_name = "MONTH")]
        month: Option<String>,
        /// The state folder, instead of `data_dir` of the configuration.
        #[arg(long, value_name = "FOLDER")]
        data_dir: Option<PathBuf>,
    },
    /// What was counted of a link's points, step by step.
    History(super::history::History),
    /// Takes a span of time of links out of the availability objective, also after the fact. Takes two people.
    Exclude(Exclude),
}

#[derive(Debug, clap::Args)]
struct Exclude {
    /// May be given several times.
    #[arg(long = "link", value_name = "ID", required = true)]
    links: Vec<String>,
    /// Such as 2026-11-20T03:00:00+08:00.
    #[arg(long, value_name = "TIME")]
    from: String,
    #[arg(long, value_name = "TIME")]
    to: String,
    /// `planned_work`, `drill`, `force_majeure`, `customer_fault` or `ordered`.
    #[arg(long, value_name = "REASON")]
    reason: String,
    /// Who does this: it stands in the record.
    #[arg(long, value_name = "NAME")]
    actor: String,
    /// Another person who agrees.
    #[arg(long, value_name = "NAME")]
    second: String,
    /// What it rests on.
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// Where the daemon serves.
    #[arg(long, default_value = "http://127.0.0.1:9815", value_name = "URL")]
    url: String,
}

/// One link's period: a month, or a quarter or year of months where the contract says so.
#[derive(Debug, Serialize)]
struct Row {
    link: LinkId,
    month: String,
    /// Up to when; the end of the month once it is final.
    until: Timestamp,
    is_final: bool,
    /// Milliseconds; sum to `elapsed`.
    states: SixStates,
    elapsed: u64,
    period: u64,
    cells: Vec<Cell>,
    /// Part and whole, milliseconds: every unknown moment was down, and was up.
    unknown_as_down: (u64, u64),
    unknown_as_up: (u64, u64),
    availability: &'static str,
    /// Milliseconds of unknown time that would have to be known to be up.
    missing: u64,
    error_budget_remaining: i64,
    tiers: &'static str,
}

impl Ledger {
    pub fn run(self, global: &Global) -> ExitCode {
        match self.action {
            Action::Show { link, month, data_dir } => show(link.as_deref(), month, data_dir, global),
            Action::History(history) => history.run(global),
            Action::Exclude(exclude) => exclude.run(global),
        }
    }
}

impl Exclude {
    fn run(self, global: &Global) -> ExitCode {
        let Self { links, from, to, reason, actor, second, note, url } = self;
        let body = json!({
            "links": links, "from": from, "to": to, "reason": reason, "actor": actor, "second": second, "note": note,
            "way": "cli",
        });
        answer(global, &url, call(&url, Method::POST, "/api/v1/ledger/exclude", Some(body)), done)
    }
}

/// Exit code 1 when an objective of what is shown is breached.
fn show(link: Option<&str>, month: Option<String>, data_dir: Option<PathBuf>, global: &Global) -> ExitCode {
    let (loaded, findings) = from_file(global.config_file.as_deref());
    let language = global.language(loaded.as_ref().map(|loaded| &*loaded.config));
    let Some(loaded) = loaded else {
        print_findings(&findings, language);
        return ExitCode::from(2);
    };
    let folder = data_dir.unwrap_or_else(|| loaded.config.data_dir.clone());
    let rows = match read(&folder, link, month.as_deref(), &loaded) {
        Ok(rows) => rows,
        Err(error) => {
            anstream::eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    match global.output {
        Output::Json => anstream::println!("{:#}", json!({ "links": rows })),
        Output::Text => rows.iter().for_each(|row| print(row, language)),
    }
    if rows.is_empty() {
        anstream::eprintln!("{}", Message::Ledger(LedgerMessage::NoAccounts).say(language));
        return ExitCode::from(2);
    }
    let breached = rows.iter().any(|row| row.availability == "breached" || row.tiers == "breached");
    if breached { ExitCode::from(1) } else { ExitCode::SUCCESS }
}

fn read(
    folder: &std::path::Path,
    link: Option<&str>,
    month: Option<&str>,
    loaded: &Loaded,
) -> Result<Vec<Row>, StoreError> {
    let stored = store::accounts(folder)?;
    let newest = stored.iter().map(|row| row.month.as_str()).max();
    let month = month.or(newest).map(str::to_owned);
    let incidents = incidents(folder)?;
    let standard = Standard::of(&loaded.contract);
    let mut months: BTreeMap<&LinkId, Vec<Booked>> = BTreeMap::new();
    for row in stored.iter().filter(|row| link.is_none_or(|link| link == row.link.as_str())) {
        months.entry(&row.link).or_default().extend(Booked::read(&row.account));
    }
    let asked = |booked: &&Booked| month.as_deref() == Some(booked.month.to_string().as_str());
    let row = |(link, months): (&LinkId, Vec<Booked>)| {
        let stretch = standard.stretch(months.iter().find(asked)?.month);
        let mut months: Vec<Booked> = months.into_iter().filter(|booked| stretch.holds(booked.month)).collect();
        months.sort_by_key(|booked| booked.month.begins);
        Some(line(link.clone(), &stretch, &months, &incidents, &standard))
    };
    Ok(months.into_iter().filter_map(row).collect())
}

/// A month of a link as it is stored.
pub(super) struct Booked {
    pub month: Month,
    until: Timestamp,
    is_final: bool,
    pub cells: Vec<Cell>,
}

impl Booked {
    pub fn read(stored: &str) -> Option<Self> {
        if let Ok(closed) = serde_json::from_str::<ClosedMonth>(stored) {
            let month = closed.month;
            return Some(Self { month, until: month.ends, is_final: true, cells: closed.cells });
        }
        let account: Account = serde_json::from_str(stored).ok()?;
        let until = account.seen();
        Some(Self { month: account.month(), until, is_final: false, cells: account.cells(until) })
    }
}

/// The months of one period, which are in order.
fn line(link: LinkId, stretch: &Stretch, months: &[Booked], incidents: &[Incident], standard: &Standard) -> Row {
    let sums = standard.whole(stretch, months.iter().map(|booked| (booked.month, booked.cells.as_slice())));
    let mut cells = before_the_first(stretch, months);
    for cell in months.iter().flat_map(|booked| &booked.cells) {
        let same = |other: &&mut Cell| (other.measured, other.accounting) == (cell.measured, cell.accounting);
        match cells.iter_mut().find(same) {
            Some(other) => other.millis += cell.millis,
            None => cells.push(*cell),
        }
    }
    cells.sort_by_key(|cell| (cell.measured, cell.accounting));
    let until = months.last().map_or(stretch.begins, |booked| booked.until);
    let promised = standard.promised;
    Row {
        tiers: tier_verdict(incidents, &link, stretch.begins..stretch.ends).as_str(),
        link,
        month: stretch.name.clone(),
        until,
        is_final: until >= stretch.ends && months.iter().all(|booked| booked.is_final),
        states: SixStates::of(&cells),
        elapsed: sums.elapsed(),
        period: sums.period,
        unknown_as_down: sums.unknown_as_down(),
        unknown_as_up: sums.unknown_as_up(),
        availability: standard.verdict(&sums).as_str(),
        missing: sums.missing(promised),
        error_budget_remaining: sums.budget_left(promised),
        cells,
    }
}

/// Months of the period that nobody has booked: before the link was in service with us, or lost.
fn before_the_first(stretch: &Stretch, months: &[Booked]) -> Vec<Cell> {
    let mut known = stretch.begins;
    let mut millis = 0;
    for booked in months {
        millis += u64::try_from(booked.month.begins.0 - known.0).unwrap_or(0);
        known = booked.month.ends;
    }
    let accounting = Accounting::Excluded(Exclusion::NotInService);
    if millis > 0 { vec![Cell { measured: Measured::Unknown, accounting, millis }] } else { vec![] }
}

/// Incidents that this version can read.
fn incidents(folder: &std::path::Path) -> Result<Vec<Incident>, StoreError> {
    let mut incidents = vec![];
    Reader::open(folder)?.each_incident(|_, record| incidents.extend(serde_json::from_value(record).ok()))?;
    Ok(incidents)
}

fn print(row: &Row, language: Language) {
    let seconds = |millis: u64| format!("{}.{:03}s", millis / 1_000, millis % 1_000);
    let share = |(part, whole)| {
        let ppm = billionths(part, whole) / 1_000;
        format!("{}.{:04} %", ppm / 10_000, ppm % 10_000)
    };
    let SixStates { up, degraded, down, unknown, maintenance, suspended } = row.states;
    let states = [up, degraded, down, unknown, maintenance, suspended].map(seconds);
    let row = LedgerRow {
        link: row.link.to_string(),
        month: row.month.clone(),
        states,
        bounds: [share(row.unknown_as_down), share(row.unknown_as_up)],
        availability: row.availability.to_owned(),
        missing: (row.missing > 0).then(|| format!("{}", row.missing.div_ceil(60_000))),
        budget: format!(
            "{}{}",
            if row.error_budget_remaining < 0 { "-" } else { "" },
            seconds(row.error_budget_remaining.unsigned_abs())
        ),
        tiers: row.tiers.to_owned(),
    };
    anstream::println!("{}", Message::Ledger(LedgerMessage::Row(Box::new(row))).say(language));
}
