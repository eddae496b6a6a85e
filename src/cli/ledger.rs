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
    contract::words::Reach,
    incident::Incident,
    inventory::LinkId,
    ledger::{Accounted, Booked, Month, SixStates, Standard, Statement, Verdict, tier_verdict},
    patrol::load::{Loaded, from_file},
    store::{self, Reader, StoreError},
    text::{Language, LedgerMessage, LedgerRow, Message},
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
    #[serde(flatten)]
    statement: Statement,
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
    let (rows, together) = match read(&folder, link, month.as_deref(), &loaded) {
        Ok(read) => read,
        Err(error) => {
            anstream::eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    match global.output {
        Output::Json => anstream::println!("{:#}", json!({ "links": rows, "together": together })),
        Output::Text => {
            let standard = Standard::of(&loaded.contract);
            rows.iter().for_each(|row| print(row, &standard, language));
        }
    }
    if rows.is_empty() {
        anstream::eprintln!("{}", Message::Ledger(LedgerMessage::NoAccounts).say(language));
        return ExitCode::from(2);
    }
    let breached = rows.iter().any(|row| row.statement.availability == Verdict::Breached || row.tiers == "breached");
    if breached { ExitCode::from(1) } else { ExitCode::SUCCESS }
}

fn read(
    folder: &std::path::Path,
    link: Option<&str>,
    month: Option<&str>,
    loaded: &Loaded,
) -> Result<(Vec<Row>, Option<Accounted>), StoreError> {
    let (standard, gap) = (Standard::of(&loaded.contract), loaded.contract.terms.flaps.gap.value);
    let incidents = incidents(folder)?;
    let mut months: BTreeMap<LinkId, Vec<Booked>> = BTreeMap::new();
    let mut newest: Option<Month> = None;
    for row in store::accounts(folder)? {
        let booked = Booked::read(&row.account, &standard);
        newest = newest.into_iter().chain(booked.iter().map(|booked| booked.month)).max_by_key(|month| month.begins);
        let shown = link.is_none_or(|link| link == row.link.as_str());
        if shown || standard.reach == Reach::Fleet {
            months.entry(row.link).or_default().extend(booked);
        }
    }
    let month = month.map(str::to_owned).or(newest.map(|month| month.to_string()));
    let month = month.and_then(|month| Month::parse(&month, loaded.contract.time_zone));
    let Some(stretch) = month.map(|month| standard.stretch(month)) else { return Ok((vec![], None)) };
    let row = |(link, mut months): (LinkId, Vec<Booked>)| {
        months.iter().find(|booked| stretch.holds(booked.month))?;
        months.sort_by_key(|booked| booked.month.begins);
        let tiers = tier_verdict(&incidents, &link, stretch.begins..stretch.ends).as_str();
        Some(Row { statement: Statement::of(&standard, &stretch, &months, gap), link, tiers })
    };
    let mut rows: Vec<Row> = months.into_iter().filter_map(row).collect();
    let together = standard.together(rows.iter().map(|row| &row.statement.sums));
    rows.retain(|row| link.is_none_or(|link| link == row.link.as_str()));
    if let Some(together) = &together {
        rows.iter_mut().for_each(|row| row.statement.judge_by(&standard, together));
    }
    Ok((rows, together))
}

/// Incidents that this version can read.
fn incidents(folder: &std::path::Path) -> Result<Vec<Incident>, StoreError> {
    let mut incidents = vec![];
    Reader::open(folder)?.each_incident(|_, record| incidents.extend(serde_json::from_value(record).ok()))?;
    Ok(incidents)
}

fn print(row: &Row, standard: &Standard, language: Language) {
    let seconds = |millis: u64| format!("{}.{:03}s", millis / 1_000, millis % 1_000);
    let statement = &row.statement;
    let SixStates { up, degraded, down, unknown, maintenance, suspended } = statement.states;
    let states = [up, degraded, down, unknown, maintenance, suspended].map(seconds);
    let budget = statement.error_budget_remaining;
    let row = LedgerRow {
        link: row.link.to_string(),
        month: statement.period_name.clone(),
        states,
        bounds: [statement.unknown_as_down, statement.unknown_as_up].map(|share| standard.percent(share)),
        availability: statement.availability.as_str().to_owned(),
        missing: (statement.missing > 0).then(|| format!("{}", statement.missing.div_ceil(60_000))),
        budget: format!("{}{}", if budget < 0 { "-" } else { "" }, seconds(budget.unsigned_abs())),
        tiers: row.tiers.to_owned(),
        failures: statement.failures,
        means: [statement.mtbf, statement.mttr].map(|mean| mean.map(seconds)),
    };
    anstream::println!("{}", Message::Ledger(LedgerMessage::Row(Box::new(row))).say(language));
}
