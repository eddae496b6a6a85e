//! What a contract makes of a month that is made up: its clocks, what may be deducted, and its points.
//!
//! In: the contract's folder and a file ([`super::made_up`]). Out: every clock with its deadline, every deduction with its
//! clause, and sums: of one penalty over several events, and of points over items and quarters. Availability is booked in
//! accounts as the ledger keeps them, and judged by the code that judges those that are stored.

use std::{collections::BTreeMap, path::Path, process::ExitCode, time::Duration};

use chrono_tz::Tz;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    made_up::{Made, MadeUp},
    points::Table,
    simulate::{Row, rows},
};
use crate::{
    cli::{Global, Output, print_findings},
    config::Config,
    contract::{
        Contract, Terms,
        assessment::{Candidate, Run},
    },
    diagnostic::Findings,
    inventory::LinkId,
    ledger::{Account, Measured, Standard},
    store::StoredAccount,
    text::{AssessedText, Message, RunSaid},
    units::{Timestamp, duration_text},
};

/// An account holds the end of a month open for what is told later: well beyond that.
const UNTIL_CLOSED: Duration = Duration::from_secs(4 * 86_400);

/// A penalty that an event may fall under.
#[derive(Debug, Serialize)]
pub(super) struct Deduction {
    penalty: String,
    clause: String,
    /// Hundredths of a yuan. `null`: something is missing.
    fen: Option<u64>,
    missing: Vec<String>,
}

impl From<Candidate> for Deduction {
    fn from(Candidate { penalty, clause, fen, missing, .. }: Candidate) -> Self {
        Self { penalty, clause, fen, missing }
    }
}

impl Deduction {
    pub fn text(&self) -> String {
        let yuan = self.fen.map_or_else(|| "?".to_owned(), hundredths);
        let missing = if self.missing.is_empty() { String::new() } else { format!(" ({})", self.missing.join(", ")) };
        format!("{} {yuan}{missing} [{}]", self.penalty, self.clause)
    }
}

/// `12.30`.
pub(super) fn hundredths(number: impl Into<u64>) -> String {
    let number: u64 = number.into();
    format!("{}.{:02}", number / 100, number % 100)
}

/// One fault and what follows from it.
struct Judged<'a> {
    made: &'a Made<'a>,
    runs: Vec<Run<'a>>,
    deductions: Vec<Deduction>,
}

/// One penalty over all events.
#[derive(Debug, Serialize)]
struct Sum {
    penalty: String,
    clause: String,
    events: usize,
    /// Hundredths of a yuan. `null`: something is missing of one of them.
    fen: Option<u64>,
}

/// All of it.
struct Assessed<'a> {
    terms: &'a Terms,
    faults: Vec<Judged<'a>>,
    rows: Vec<Row>,
    sums: Vec<Sum>,
    points: Table,
}

/// Exit code 1: a clock ran out, something may be deducted, or there are findings; 2: nothing is made up.
pub(super) fn run(folder: &Path, file: &Path, global: &Global) -> ExitCode {
    let mut findings = Findings::default();
    let config = Config::load(global.config_file.as_deref(), &mut Findings::default());
    let language = global.language(config.as_ref());
    // Only a contract that says so has links to judge.
    let peeked = Terms::load(folder, &mut Findings::default());
    let has_links = peeked.is_some_and(|terms| terms.figures_of("links").next().is_some());
    let contract = has_links.then(|| Contract::load(folder, &mut findings)).flatten();
    let terms = match &contract {
        Some(contract) => Some(contract.terms.clone()),
        None if has_links => None,
        None => Terms::load(folder, &mut findings),
    };
    let made_up = terms.as_ref().and_then(|terms| MadeUp::read(file, terms, &mut findings));
    let failed = findings.has_errors();
    print_findings(&findings.into_sorted(), language);
    let (Some(terms), Some(made_up), false) = (terms, made_up, failed) else { return ExitCode::from(1) };
    if made_up.is_empty() {
        anstream::eprintln!("{}", Message::from(AssessedText::NothingMadeUp).say(language));
        return ExitCode::from(2);
    }
    let faults = made_up.faults(&terms, contract.as_ref().map_or("", |contract| &contract.requirement));
    let assessed = Assessed::of(&terms, contract.as_ref(), &faults, &made_up);
    match global.output {
        Output::Json => anstream::println!("{:#}", assessed.json()),
        Output::Text => assessed.lines().iter().for_each(|line| anstream::println!("{}", line.say(language))),
    }
    ExitCode::from(u8::from(assessed.costs()))
}

impl<'a> Assessed<'a> {
    fn of(terms: &'a Terms, contract: Option<&Contract>, made: &'a [Made<'a>], made_up: &MadeUp) -> Self {
        let faults: Vec<Judged<'a>> = made.iter().map(|made| Judged::of(terms, made)).collect();
        let rows = contract.map(|contract| rows(&booked(made, contract), contract, None, |_| true)).unwrap_or_default();
        let deductions = faults.iter().flat_map(|fault| &fault.deductions);
        let sums = sums(deductions.chain(rows.iter().flat_map(|row| &row.deductions)));
        let points = Table::of(terms, made.iter().map(|made| &made.fault), &made_up.counts, None);
        Self { terms, faults, rows, sums, points }
    }

    /// Whether anything was late, broken or cost points.
    fn costs(&self) -> bool {
        let late = self.faults.iter().flat_map(|fault| &fault.runs).any(|run| run.late().is_some());
        late || !self.sums.is_empty() || self.rows.iter().any(Row::is_breached) || self.points.costs()
    }

    fn at(&self, at: Timestamp) -> String {
        at.rfc3339(self.terms.time_zone)
    }

    fn json(&self) -> Value {
        let fault = |fault: &Judged<'_>| {
            json!({
                "target": fault.made.target(), "at": self.at(fault.made.fault.moments.occurred),
                "clocks": fault.runs.iter().map(|run| run_json(run, self.terms.time_zone)).collect::<Vec<_>>(), "deductions": fault.deductions,
            })
        };
        json!({
            "contract": self.terms.name, "faults": self.faults.iter().map(fault).collect::<Vec<_>>(), "rows": self.rows,
            "sums": self.sums, "quarters": self.points.quarters(), "years": self.points.years(),
        })
    }

    fn lines(&self) -> Vec<Message> {
        let mut lines: Vec<Message> = vec![];
        for (nth, Judged { made, runs, deductions }) in self.faults.iter().enumerate() {
            let (target, at) = (made.target().to_owned(), self.at(made.fault.moments.occurred));
            lines.push(AssessedText::Fault { number: nth + 1, target, at }.into());
            lines.extend(runs.iter().map(|run| run_line(run, self.terms.time_zone)));
            lines.extend(deductions.iter().map(|one| AssessedText::Deduction { text: one.text() }.into()));
        }
        lines.extend(self.rows.iter().map(Row::message));
        for Sum { penalty, clause, events, fen } in &self.sums {
            let (penalty, clause, yuan) = (penalty.clone(), clause.clone(), fen.map(hundredths));
            lines.push(AssessedText::Sum { penalty, count: *events, yuan, clause }.into());
        }
        if self.sums.len() > 1 {
            lines.push(AssessedText::NeverSummed.into());
        }
        lines.extend(self.points.lines(self.terms));
        lines
    }
}

/// One clock of one fault, for programs.
pub(super) fn run_json(run: &Run<'_>, zone: Tz) -> Value {
    let at = |moment: Option<Timestamp>| moment.map(|moment| moment.rfc3339(zone));
    json!({
        "class": run.class.id, "tier": run.tier.id, "clock": run.clock.kind, "party": run.clock.party,
        "starts": run.started.map_or(run.clock.starts.value, |(start, _)| start),
        "switch": run.clock.starts.switch, "started": at(run.started.map(|(_, start)| start)),
        "deadline": at(run.deadline()), "done": at(run.done), "clause": run.clock.clause,
        "late_ms": run.late().map(|by| u64::try_from(by.as_millis()).unwrap_or(u64::MAX)),
    })
}

/// The same for people.
pub(super) fn run_line(run: &Run<'_>, zone: Tz) -> Message {
    let at = |moment: Timestamp| moment.rfc3339(zone);
    let due = run.deadline().map(at).unwrap_or_default();
    let said = match (run.started, run.done, run.late()) {
        (None, ..) => RunSaid::StartNotStated { event: run.clock.starts.value.as_str() },
        (_, None, _) => RunSaid::EndNotStated { due },
        (_, Some(done), None) => RunSaid::Kept { due, done: at(done) },
        (_, Some(done), Some(by)) => RunSaid::Late { due, done: at(done), by: duration_text(by) },
    };
    let tier = format!("{}/{}", run.class.id, run.tier.id);
    let (clock, party, clause) = (run.clock.kind.as_str(), run.clock.party.as_str(), run.clock.clause.clone());
    AssessedText::Run { tier, clock, party, said, clause }.into()
}

impl<'a> Judged<'a> {
    fn of(terms: &'a Terms, made: &'a Made<'a>) -> Self {
        let runs = terms.runs(&made.fault);
        let deductions = terms.assessment.spoken_for(&made.event(&runs)).into_iter().map(Deduction::from).collect();
        Self { made, runs, deductions }
    }
}

/// Of each penalty over all events, in order of their names.
fn sums<'a>(deductions: impl Iterator<Item = &'a Deduction>) -> Vec<Sum> {
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    for Deduction { penalty, clause, fen, .. } in deductions {
        let none = || Sum { penalty: penalty.clone(), clause: clause.clone(), events: 0, fen: Some(0) };
        let sum = sums.entry(penalty).or_insert_with(none);
        sum.events += 1;
        sum.fen = sum.fen.zip(*fen).and_then(|(sum, more)| sum.checked_add(more));
    }
    sums.into_values().collect()
}

/// Accounts of the links that are named: up but for their outages, over every period of the objective that has one.
fn booked(made: &[Made<'_>], contract: &Contract) -> Vec<StoredAccount> {
    let standard = Standard::of(contract);
    let mut outages: BTreeMap<&str, Vec<(Timestamp, Option<Timestamp>)>> = BTreeMap::new();
    for (link, from, to) in made.iter().filter_map(Made::outage) {
        outages.entry(link).or_default().push((from, to));
    }
    let all = || outages.values().flatten();
    let Some(begins) = all().map(|(from, _)| standard.stretch_at(*from).begins).min() else { return vec![] };
    let last = all().map(|(from, to)| to.unwrap_or(*from)).max().unwrap_or(begins);
    let ends = standard.stretch_at(last).ends;
    let links = outages.into_iter().filter_map(|(link, outages)| Some((LinkId::parse(link)?, outages)));
    let booked = links.flat_map(|(link, mut outages)| {
        outages.sort();
        let mut account = Account::open(begins, contract.time_zone);
        let mut months = vec![];
        let mut told = begins;
        account.measure(Measured::Up, begins, begins);
        for (from, to) in outages {
            // What overlaps with an earlier one is the same time.
            let from = from.max(told);
            months.extend(account.advance(from, contract.time_zone));
            // Nobody stated its end: nobody knows.
            account.measure(if to.is_some() { Measured::Down } else { Measured::Unknown }, from, from);
            told = to.map_or(ends, |to| to.max(from));
            months.extend(account.advance(told, contract.time_zone));
            account.measure(Measured::Up, told, told);
        }
        months.extend(account.advance(ends.max(told).plus(UNTIL_CLOSED), contract.time_zone));
        let stored = months.into_iter().filter(move |closed| closed.month.begins < ends).map(move |closed| {
            let month = closed.month.to_string();
            // Cannot fail: it is plain data.
            let account = serde_json::to_string(&closed).unwrap_or_default();
            StoredAccount { link: link.clone(), month, account }
        });
        stored.collect::<Vec<_>>()
    });
    booked.collect()
}
