//! `linkpatrol contract simulate`: what a draft would have made of months that are stored.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use serde::Serialize;
use serde_json::json;

use crate::{
    cli::{Global, Output, ledger::Booked, print_findings},
    config::Config,
    contract::{
        Contract,
        assessment::{Candidate, Event},
    },
    diagnostic::Findings,
    inventory::LinkId,
    ledger::{Standard, Verdict},
    store::{self, StoreError},
    text::{ContractText, Message},
};

/// Facts and lengths that stored accounts state about a link and period; a penalty of the draft may ask for them.
const BREACHED: &str = "availability_breached";
const DOWN: &str = "down";

/// Judges stored months of links by a draft contract: verdicts per link and period, and deductions that may follow.
#[derive(Debug, clap::Args)]
pub(super) struct Simulate {
    /// The draft: a contract.yaml, or the folder that it stands in.
    draft: PathBuf,
    /// First month, such as 2026-07.
    #[arg(long, value_name = "MONTH")]
    from: String,
    /// Last month; without it the newest.
    #[arg(long, value_name = "MONTH")]
    to: Option<String>,
    /// The state folder, instead of `data_dir` of the configuration.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

/// One link and period under the draft.
#[derive(Debug, Serialize)]
struct Row {
    link: LinkId,
    period: String,
    availability: &'static str,
    down: u64,
    unknown: u64,
    excluded: u64,
    elapsed: u64,
    error_budget_remaining: i64,
    /// Alternatives, for the customer to decide: never a sum.
    deductions: Vec<Deduction>,
}

#[derive(Debug, Serialize)]
struct Deduction {
    penalty: String,
    clause: String,
    /// Hundredths of a yuan. `null`: something is missing.
    fen: Option<u64>,
    missing: Vec<String>,
}

impl Simulate {
    /// Exit code 1: the draft would have been broken, or has errors; 2: nothing could be judged.
    pub(super) fn run(self, global: &Global) -> ExitCode {
        let mut findings = Findings::default();
        let config = Config::load(global.config_file.as_deref(), &mut findings);
        let language = global.language(config.as_ref());
        let folder =
            if self.draft.is_dir() { self.draft.as_path() } else { self.draft.parent().unwrap_or(Path::new(".")) };
        let contract = Contract::load(folder, &mut findings);
        let failed = findings.has_errors();
        print_findings(&findings.into_sorted(), language);
        let (Some(config), Some(contract), false) = (config, contract, failed) else { return ExitCode::from(1) };
        let data_dir = self.data_dir.clone().unwrap_or(config.data_dir);
        let rows = match self.rows(&data_dir, &contract) {
            Ok(rows) => rows,
            Err(error) => {
                anstream::eprintln!("{error}");
                return ExitCode::from(2);
            }
        };
        match global.output {
            Output::Json => anstream::println!("{:#}", json!({ "contract": contract.name, "rows": rows })),
            Output::Text => rows.iter().for_each(|row| {
                let text = ContractText::Simulated {
                    link: row.link.to_string(),
                    period: row.period.clone(),
                    verdict: row.availability,
                    down: row.down / 1_000,
                    unknown: row.unknown / 1_000,
                    deductions: row.deductions.iter().map(Deduction::text).collect(),
                };
                anstream::println!("{}", Message::from(text).say(language));
            }),
        }
        if rows.is_empty() {
            anstream::eprintln!("{}", Message::from(ContractText::NothingSimulated).say(language));
            return ExitCode::from(2);
        }
        ExitCode::from(u8::from(rows.iter().any(|row| row.availability == Verdict::Breached.as_str())))
    }

    /// Every period of the draft that has a month between the two.
    fn rows(&self, folder: &Path, contract: &Contract) -> Result<Vec<Row>, StoreError> {
        let standard = Standard::of(contract);
        let mut links: BTreeMap<LinkId, Vec<Booked>> = BTreeMap::new();
        for row in store::accounts(folder)? {
            links.entry(row.link.clone()).or_default().extend(Booked::read(&row.account));
        }
        let mut rows = vec![];
        for (link, mut months) in links {
            months.sort_by_key(|booked| booked.month.begins);
            let mut periods: Vec<_> = vec![];
            for booked in &months {
                let name = booked.month.to_string();
                let asked = name >= self.from && self.to.as_ref().is_none_or(|to| name <= *to);
                let stretch = standard.stretch(booked.month);
                if asked && !periods.contains(&stretch) {
                    periods.push(stretch);
                }
            }
            for stretch in periods {
                let cells = months.iter().map(|booked| (booked.month, booked.cells.as_slice()));
                let sums = standard.whole(&stretch, cells);
                let verdict = standard.verdict(&sums);
                let down = Duration::from_millis(sums.down);
                rows.push(Row {
                    link: link.clone(),
                    period: stretch.name,
                    availability: verdict.as_str(),
                    down: sums.down,
                    unknown: sums.unknown,
                    excluded: sums.excluded,
                    elapsed: sums.elapsed(),
                    error_budget_remaining: sums.budget_left(standard.promised),
                    deductions: if verdict == Verdict::Breached { deductions(contract, down) } else { vec![] },
                });
            }
        }
        Ok(rows)
    }
}

/// What may follow from a broken period: penalties that ask whether it is broken. Whatever else they need is missing.
fn deductions(contract: &Contract, down: Duration) -> Vec<Deduction> {
    let assessment = &contract.terms.assessment;
    let event = Event {
        facts: BTreeMap::from([(BREACHED, true)]),
        lengths: BTreeMap::from([(DOWN, down)]),
        in_a_row: 1,
        ..Event::default()
    };
    let about = assessment.penalties.iter().filter(|penalty| penalty.needs.iter().any(|fact| fact == BREACHED));
    let candidates = about.filter_map(|penalty| assessment.candidate(penalty, &event));
    candidates
        .map(|Candidate { penalty, clause, fen, missing, .. }| Deduction { penalty, clause, fen, missing })
        .collect()
}

impl Deduction {
    fn text(&self) -> String {
        let yuan = self.fen.map_or_else(|| "?".to_owned(), |fen| format!("{}.{:02}", fen / 100, fen % 100));
        let missing = if self.missing.is_empty() { String::new() } else { format!(" ({})", self.missing.join(", ")) };
        format!("{} {yuan}{missing} [{}]", self.penalty, self.clause)
    }
}
