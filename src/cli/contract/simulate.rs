//! `linkpatrol contract simulate`: what a draft would have made of months that are stored, or makes of one that is made up.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use serde::Serialize;
use serde_json::json;

use super::{
    assessed::{self, Deduction},
    made_up::MadeUp,
    points::{Counts, Table},
    stored::{self, Stored},
};
use crate::{
    cli::{Global, Output, print_findings},
    clock::{Clock, SystemClock},
    config::Config,
    contract::{self, Contract, assessment::Event},
    diagnostic::{Code, Findings, Place},
    inventory::{Inventory, LinkId, Responder},
    judge,
    ledger::{self, Accounted, Booked, ClosedMonth, Elapsed, Spans, Standard, Statement, Stretch, Terms, Verdict},
    patrol::load,
    store::{self, StoreError, StoredAccount},
    text::{AssessedText, Beside, ContractText, Message},
    units::Timestamp,
};

/// Facts and lengths that stored accounts state about a link and period; a penalty of the draft may ask for them.
const BREACHED: &str = "availability_breached";
const DOWN: &str = "down";

/// Judges stored months of links and the clocks of stored incidents, or faults that somebody makes up, by a draft contract:
/// verdicts, and deductions that may follow.
#[derive(Debug, clap::Args)]
pub(super) struct Simulate {
    /// The draft: a contract.yaml, or the folder that it stands in.
    draft: PathBuf,
    /// First month, such as 2026-07.
    #[arg(long, value_name = "MONTH", required_unless_present = "faults")]
    from: Option<String>,
    /// Last month; without it the newest.
    #[arg(long, value_name = "MONTH", requires = "from")]
    to: Option<String>,
    /// The state folder, instead of `data_dir` of the configuration.
    #[arg(long, value_name = "FOLDER", conflicts_with = "faults")]
    data_dir: Option<PathBuf>,
    /// Instead of stored months: a YAML file of faults and counts that are made up (docs/contracts.md).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "to"])]
    faults: Option<PathBuf>,
    /// Counts that people keep, by quarter, for the points of a table: a YAML file with `counts` alone.
    #[arg(long, value_name = "FILE", requires = "from")]
    counts: Option<PathBuf>,
}

/// One link and period under the draft.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    link: LinkId,
    period: String,
    availability: &'static str,
    down: u64,
    unknown: u64,
    excluded: u64,
    elapsed: u64,
    error_budget_remaining: i64,
    /// Of each period of loss and RTT whose last stored month is in this one.
    quality: Vec<Counted>,
    /// Alternatives, for the customer to decide: never a sum.
    pub deductions: Vec<Deduction>,
}

/// Loss and RTT of a period under the draft.
#[derive(Debug, Serialize)]
struct Counted {
    /// `2026-10`, `2026-Q4`, `2026`.
    month: String,
    /// `null`: the draft judges it over another period.
    loss: Option<Share>,
    /// `null`: so too, or the draft has another limit than the one that answers were counted against, or a mean.
    rtt: Option<Share>,
    /// `null`: so too, or the draft promises none.
    jitter: Option<Share>,
}

/// Scheduled probes of counted up-time that were lost, or answered too slowly, and what they prove.
#[derive(Debug, Serialize)]
struct Share {
    verdict: &'static str,
    bad: u64,
    all: u64,
}

/// By what loss, RTT and jitter are judged.
struct Judge {
    terms: Terms,
    spans: Spans,
    /// What was counted against the draft's own limit.
    same_limit: Vec<ledger::Share>,
}

impl Judge {
    /// The periods of a link whose last month is in `stretch`, in order. `months`: those that are over, in order.
    fn counted(&self, months: &[ClosedMonth], stretch: &Stretch, is_control_plane: bool) -> Vec<Counted> {
        let mut found: BTreeMap<(Timestamp, String), Counted> = BTreeMap::new();
        for share in self.same_limit.iter().copied() {
            let mut elapsed = Elapsed::default();
            for (nth, month) in months.iter().enumerate() {
                elapsed.add(month, &self.spans);
                let own = self.spans.stretch(share, month.month);
                let goes_on = months.get(nth + 1).is_some_and(|next| own.holds(next.month));
                if goes_on || !stretch.holds(month.month) {
                    continue;
                }
                let quality = elapsed.clone().so_far(share);
                let Some((verdict, proof)) = quality.judge(share, &self.terms, is_control_plane) else { continue };
                if proof.all == 0 {
                    continue;
                }
                let verdict = if month.month.ends < own.ends { Verdict::Pending } else { verdict };
                let judged = Some(Share { verdict: verdict.as_str(), bad: proof.bad, all: proof.all });
                let name = own.name;
                let entry = found.entry((own.begins, name.clone())).or_insert_with(|| Counted {
                    month: name,
                    loss: None,
                    rtt: None,
                    jitter: None,
                });
                match share {
                    ledger::Share::Loss => entry.loss = judged,
                    ledger::Share::Rtt => entry.rtt = judged,
                    ledger::Share::Jitter => entry.jitter = judged,
                }
            }
        }
        found.into_values().collect()
    }
}

impl Counted {
    fn is_breached(&self) -> bool {
        let breached = |share: &Share| share.verdict == Verdict::Breached.as_str();
        [&self.loss, &self.rtt, &self.jitter].into_iter().flatten().any(breached)
    }

    fn text(&self) -> String {
        let share = |name: &str, share: &Share| format!("  {name} {} {}/{}", share.verdict, share.bad, share.all);
        let told = |name, judged: &Option<Share>| judged.as_ref().map(|judged| share(name, judged)).unwrap_or_default();
        let jitter = told("jitter", &self.jitter);
        format!("{}{}{}{jitter}", self.month, told("loss", &self.loss), told("rtt", &self.rtt))
    }
}

impl Simulate {
    /// Exit code 1: the draft would have been broken, or has errors; 2: nothing could be judged.
    pub(super) fn run(self, global: &Global) -> ExitCode {
        if let Some(faults) = &self.faults {
            return assessed::run(self.folder(), faults, global);
        }
        let mut findings = Findings::default();
        let config = Config::load(global.config_file.as_deref(), &mut findings);
        let language = global.language(config.as_ref());
        let contract = Contract::load(self.folder(), &mut findings);
        let counts = match (&self.counts, &contract) {
            (Some(file), Some(contract)) => counts(file, &contract.terms, &mut findings),
            _ => Counts::new(),
        };
        let failed = findings.has_errors();
        print_findings(&findings.into_sorted(), language);
        let (Some(config), Some(contract), false) = (config, contract, failed) else { return ExitCode::from(1) };
        let mut beside = Findings::default();
        let inventory = load::inventory(&config.inventory, &mut beside);
        let in_force = inventory.as_ref().and_then(|inventory| Contract::load(&inventory.folder, &mut beside));
        let known = inventory.zip(in_force);
        let data_dir = self.data_dir.clone().unwrap_or(config.data_dir);
        let asked = |month: &str| {
            self.from.as_deref().is_none_or(|from| month >= from) && self.to.as_deref().is_none_or(|to| month <= to)
        };
        let zone = contract.time_zone;
        let read = || Ok((store::accounts(&data_dir)?, stored::incidents(&data_dir, zone, asked)?));
        let (rows, incidents) = match read() {
            Ok((_, incidents)) if !contract.has_links() => (vec![], incidents),
            Ok((accounts, incidents)) => (rows(&accounts, &contract, known.as_ref(), asked), incidents),
            Err(error) => {
                let error: StoreError = error;
                anstream::eprintln!("{error}");
                return ExitCode::from(2);
            }
        };
        let links = known.as_ref().map(|(inventory, _)| inventory);
        let faults: Vec<Stored<'_>> = incidents.iter().map(|incident| Stored::of(incident, &contract, links)).collect();
        let now = SystemClock::start().now().utc;
        let points = Table::of(&contract.terms, faults.iter().map(|one| &one.fault), &counts, Some(now));
        match global.output {
            Output::Json => {
                let faults: Vec<_> = faults.iter().map(|fault| fault.json(zone)).collect();
                let told = json!({
                    "contract": contract.name, "rows": rows, "incidents": faults,
                    "quarters": points.quarters(), "years": points.years(),
                });
                anstream::println!("{told:#}");
            }
            Output::Text => {
                let lines = faults.iter().zip(1..).flat_map(|(fault, number)| fault.lines(number, zone));
                rows.iter()
                    .map(Row::message)
                    .chain(lines)
                    .chain(points.lines(&contract.terms))
                    .for_each(|line| anstream::println!("{}", line.say(language)));
            }
        }
        if rows.is_empty() && faults.is_empty() && points.is_empty() {
            anstream::eprintln!("{}", Message::from(ContractText::NothingSimulated).say(language));
            return ExitCode::from(2);
        }
        let is_broken = rows.iter().any(Row::is_breached) || faults.iter().any(Stored::is_late) || points.costs();
        ExitCode::from(u8::from(is_broken))
    }

    fn folder(&self) -> &Path {
        if self.draft.is_dir() { self.draft.as_path() } else { self.draft.parent().unwrap_or(Path::new(".")) }
    }
}

/// Counts that people keep, of a file that makes no fault up.
fn counts(file: &Path, terms: &contract::Terms, findings: &mut Findings) -> Counts {
    let Some(told) = MadeUp::read(file, terms, findings) else { return Counts::new() };
    if !told.only_counts() {
        let (message, help) = (AssessedText::OnlyCounts.into(), AssessedText::OnlyCountsHelp.into());
        findings.error(Place::whole(file), Code::WRONG_VALUE, message, help);
    }
    told.counts
}

impl Row {
    pub fn is_breached(&self) -> bool {
        self.availability == Verdict::Breached.as_str() || self.quality.iter().any(Counted::is_breached)
    }

    pub fn message(&self) -> Message {
        let text = ContractText::Simulated {
            link: self.link.to_string(),
            period: self.period.clone(),
            verdict: self.availability,
            down: self.down / 1_000,
            unknown: self.unknown / 1_000,
            beside: Box::new(Beside {
                quality: self.quality.iter().map(Counted::text).collect(),
                deductions: self.deductions.iter().map(Deduction::text).collect(),
            }),
        };
        text.into()
    }
}

/// Every period of the draft with a month that is `asked` for. `known`: the links, and the contract that their answers
/// were counted by.
pub(super) fn rows(
    stored: &[StoredAccount],
    contract: &Contract,
    known: Option<&(Inventory, Contract)>,
    asked: impl Fn(&str) -> bool,
) -> Vec<Row> {
    let standard = Standard::of(contract);
    let judge = Judge {
        terms: Terms::of(contract),
        spans: Spans::of(contract),
        same_limit: counted_alike(contract, known.map(|(_, in_force)| in_force)),
    };
    let mut counted: BTreeMap<LinkId, Vec<ClosedMonth>> = BTreeMap::new();
    let mut links: BTreeMap<LinkId, Vec<Booked>> = BTreeMap::new();
    for row in stored {
        if let Ok(closed) = serde_json::from_str::<ClosedMonth>(&row.account) {
            counted.entry(row.link.clone()).or_default().push(closed);
        }
        links.entry(row.link.clone()).or_default().extend(Booked::read(&row.account, &standard));
    }
    links.values_mut().for_each(|months| months.sort_by_key(|booked| booked.month.begins));
    counted.values_mut().for_each(|months| months.sort_by_key(|closed| closed.month.begins));
    let gap = contract.terms.flaps.gap.value;
    let together = |stretch: &Stretch| {
        let sums: Vec<_> =
            links.values().map(|months| Statement::of(&standard, stretch, months, gap)).map(|one| one.sums).collect();
        standard.together(sums.iter())
    };
    let mut fleet: BTreeMap<String, Option<Accounted>> = BTreeMap::new();
    let mut rows = vec![];
    for (link, months) in &links {
        let mut periods: Vec<_> = vec![];
        for booked in months {
            let stretch = standard.stretch(booked.month);
            if asked(&booked.month.to_string()) && !periods.contains(&stretch) {
                periods.push(stretch);
            }
        }
        for stretch in periods {
            let mut statement = Statement::of(&standard, &stretch, months, gap);
            if let Some(together) = fleet.entry(stretch.name.clone()).or_insert_with(|| together(&stretch)) {
                statement.judge_by(&standard, together);
            }
            let (sums, verdict) = (statement.sums, statement.availability);
            let down = Duration::from_millis(sums.down);
            let months = counted.get(link).map_or(&[][..], Vec::as_slice);
            let is_control_plane = known.is_none_or(|(inventory, _)| by_a_control_plane(inventory, contract, link));
            rows.push(Row {
                quality: judge.counted(months, &stretch, is_control_plane),
                link: link.clone(),
                period: stretch.name,
                availability: verdict.as_str(),
                down: sums.down,
                unknown: sums.unknown,
                excluded: sums.excluded,
                elapsed: sums.elapsed(),
                error_budget_remaining: statement.error_budget_remaining,
                deductions: if verdict == Verdict::Breached { deductions(contract, down) } else { vec![] },
            });
        }
    }
    rows
}

/// What the draft can be asked of: loss, and what was counted against the limit that is its own too.
fn counted_alike(draft: &Contract, in_force: Option<&Contract>) -> Vec<ledger::Share> {
    let limit = |contract: &Contract| contract.objectives.jitter.as_ref().map(|jitter| jitter.limit);
    let is_alike = |share: &ledger::Share| match share {
        ledger::Share::Loss => true,
        ledger::Share::Rtt => in_force.is_some_and(|own| own.objectives.rtt == draft.objectives.rtt),
        ledger::Share::Jitter => in_force.is_some_and(|own| limit(own) == limit(draft)),
    };
    ledger::Share::ALL.into_iter().filter(is_alike).collect()
}

/// Whether the point that decides by the draft is a router's control plane. A link that is gone is taken for one.
fn by_a_control_plane(inventory: &Inventory, contract: &Contract, id: &LinkId) -> bool {
    inventory.links.iter().find(|link| link.id == *id).is_none_or(|link| {
        let place = judge::deciding_point(&link.points, contract.measuring_point(link.kind));
        place.is_some_and(|place| link.points[place].responder == Responder::RouterControlPlane)
    })
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
    about.filter_map(|penalty| assessment.candidate(penalty, &event)).map(Deduction::from).collect()
}
