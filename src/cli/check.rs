//! `linkpatrol check`: what is wrong in the files, and what measuring by them will mean.

use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use super::{Global, Output};
use crate::{
    config::Config,
    contract::Terms,
    diagnostic::{Code, Diagnostic, Severity},
    export,
    inventory::Reconciled,
    patrol::load::{Loaded, contract_only, from_file},
    profile::services::Services,
    text::{ContractText, Language, Message, ServiceText},
};

/// Reads everything and prints every finding, then coverage and expected load.
#[derive(Debug, clap::Args)]
pub struct Check {}

impl Check {
    pub fn run(self, global: &Global) -> ExitCode {
        if let Some((config, terms, findings)) = contract_only(global.config_file.as_deref()) {
            return contract_alone(global, &config, terms.as_ref(), &findings);
        }
        let (loaded, findings) = from_file(global.config_file.as_deref());
        let language = global.language(loaded.as_ref().map(|loaded| &*loaded.config));
        let facts = loaded.as_ref().map(Facts::of);
        match global.output {
            Output::Text => print_text(&findings, facts.as_ref(), language),
            Output::Json => anstream::println!("{:#}", as_json(&findings, facts.as_ref(), language)),
        }
        exit_code(&findings)
    }
}

/// What a contract without links comes to.
fn checked(terms: &Terms) -> ContractText {
    ContractText::CheckedContract {
        name: terms.name.clone(),
        classes: terms.classes.len() + terms.overrides.len(),
        objectives: terms.objectives.len(),
        switches: terms.switches.len(),
        services: terms.services.len(),
    }
}

/// A folder with a contract, and neither links nor services yet: what there is of it is checked.
fn contract_alone(global: &Global, config: &Config, terms: Option<&Terms>, findings: &[Diagnostic]) -> ExitCode {
    let language = global.language(Some(config));
    let facts = terms.map(checked);
    match global.output {
        Output::Text => {
            print_found(findings, language);
            if let Some(facts) = facts {
                anstream::println!("{}", Message::from(facts).say(language));
            }
            print_counts(findings, language);
        }
        Output::Json => anstream::println!("{:#}", as_json(findings, None, language)),
    }
    exit_code(findings)
}

/// 1 with errors; 2 when the file that was named on the command line could not even be read.
fn exit_code(findings: &[Diagnostic]) -> ExitCode {
    let mut errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    match errors.next() {
        None => ExitCode::SUCCESS,
        Some(only) if only.code == Code::UNREADABLE && findings.len() == 1 => ExitCode::from(2),
        Some(_) => ExitCode::from(1),
    }
}

/// What the files come to.
#[derive(Debug, Serialize)]
struct Facts {
    inventory: String,
    synthetic: bool,
    clause: String,
    declared_total: Option<u32>,
    reconciliation: Vec<Reconciled>,
    links: usize,
    /// Links with the point that decides their state.
    measurable: usize,
    not_measurable: Vec<String>,
    points: usize,
    probes_per_second: f64,
    services: usize,
    placeholders: usize,
    visits_per_second: f64,
    visits: Vec<Visits>,
    /// Those that nothing watched can climb, with their classes.
    ladders_waiting: Vec<(String, Vec<String>)>,
    /// Of one scrape of `/metrics`.
    series: usize,
    bytes: usize,
    /// Said instead of what there is to say of links.
    #[serde(skip)]
    alone: Option<ContractText>,
}

/// Services of one kind that are visited equally often.
#[derive(Debug, Serialize)]
struct Visits {
    kind: &'static str,
    interval_seconds: f64,
    services: usize,
    per_second: f64,
    /// The vantage: this machine.
    from: &'static str,
}

impl Visits {
    fn of(services: &Services) -> Vec<Self> {
        let line = |((kind, interval), services): ((&'static str, std::time::Duration), usize)| {
            let interval_seconds = interval.as_secs_f64();
            Self { kind, interval_seconds, services, per_second: services as f64 / interval_seconds, from: "local" }
        };
        services.paces().into_iter().map(line).collect()
    }
}

impl Facts {
    fn of(loaded: &Loaded) -> Self {
        let inventory = &loaded.inventory;
        let blind = inventory.links.iter().filter(|link| !loaded.contract.measures(link));
        let not_measurable: Vec<String> = blind.map(|link| link.id.to_string()).collect();
        let (links, points) = (inventory.links.len(), loaded.measures.len());
        let (series, bytes) = export::expected(links, points);
        let kinds = inventory.links.iter().map(|link| link.kind).collect();
        let services: Vec<(&str, &str)> =
            loaded.services.list.iter().map(|service| (service.id.as_str(), service.requirement.as_str())).collect();
        let idle = loaded.contract.idle_ladders(&kinds, &services);
        Self {
            inventory: inventory.name.clone(),
            synthetic: inventory.synthetic,
            clause: inventory.declared.clause.clone(),
            declared_total: inventory.declared.total,
            reconciliation: inventory.reconciliation(),
            links,
            measurable: links - not_measurable.len(),
            not_measurable,
            points,
            probes_per_second: loaded.probes_per_second(),
            services: loaded.services.list.len(),
            placeholders: loaded.services.list.len() - loaded.services.visited().count(),
            visits_per_second: loaded.services.visits_per_second(),
            visits: Visits::of(&loaded.services),
            ladders_waiting: idle.into_iter().map(|one| (one.id.clone(), one.classes.clone())).collect(),
            series,
            bytes,
            alone: (!loaded.contract.has_links()).then(|| checked(&loaded.contract.terms)),
        }
    }

    fn print(&self, language: Language) {
        let say = |message: Message| anstream::println!("{}", message.say(language));
        if let Some(alone) = &self.alone {
            say(alone.clone().into());
        } else {
            self.print_links(language);
        }
        if self.services > 0 {
            say(Message::Service(ServiceText::ExpectedVisits {
                services: self.services,
                placeholders: self.placeholders,
                per_second: self.visits_per_second,
            }));
            for Visits { kind, interval_seconds, services, .. } in &self.visits {
                let (kind, interval_seconds, services) = (*kind, *interval_seconds, *services);
                say(Message::Service(ServiceText::VisitedEvery { kind, interval_seconds, services }));
            }
        }
        for (ladder, classes) in &self.ladders_waiting {
            let (ladder, classes) = (ladder.clone(), classes.clone());
            say(ContractText::LadderWaits { ladder, classes }.into());
        }
        say(Message::ExpectedScrape { series: self.series, bytes: self.bytes });
    }

    fn print_links(&self, language: Language) {
        let say = |message: Message| anstream::println!("{}", message.say(language));
        say(Message::CheckedInventory { name: self.inventory.clone(), synthetic: self.synthetic });
        if self.declared_total.is_some() || self.reconciliation.iter().any(|line| line.declared.is_some()) {
            say(Message::Reconciliation { clause: self.clause.clone() });
            for line in &self.reconciliation {
                self.print_line(line.kind.as_str(), line.in_ledger, line.declared, line.inferred, language);
            }
            let total = self.reconciliation.iter().map(|line| line.in_ledger).sum();
            self.print_line("total", total, self.declared_total, None, language);
        }
        say(Message::Coverage { links: self.links, measurable: self.measurable });
        say(Message::ExpectedLoad { points: self.points, per_second: self.probes_per_second });
    }

    fn print_line(&self, kind: &str, ledger: u32, declared: Option<u32>, inferred: Option<u32>, language: Language) {
        let declared = declared.map_or("-".to_owned(), |count| count.to_string());
        let note = inferred.map(|inferred| Message::Inferred { inferred }.say(language).to_string());
        let note = note.map_or(String::new(), |note| format!("  {note}"));
        anstream::println!("  {kind:<12}{ledger:>8}{declared:>8}{note}");
    }
}

fn print_text(findings: &[Diagnostic], facts: Option<&Facts>, language: Language) {
    print_found(findings, language);
    if let Some(facts) = facts {
        if !findings.is_empty() {
            anstream::println!();
        }
        facts.print(language);
    }
    print_counts(findings, language);
}

fn print_found(findings: &[Diagnostic], language: Language) {
    for finding in findings {
        anstream::println!("{}", finding.print_coloured(language));
    }
}

fn print_counts(findings: &[Diagnostic], language: Language) {
    let (errors, warnings) = counts(findings);
    anstream::println!("{}", Message::CheckedCounts { errors, warnings }.say(language));
}

fn as_json(findings: &[Diagnostic], facts: Option<&Facts>, language: Language) -> serde_json::Value {
    let (errors, warnings) = counts(findings);
    json!({
        "findings": findings.iter().map(|finding| finding_json(finding, language)).collect::<Vec<_>>(),
        "errors": errors,
        "warnings": warnings,
        "facts": facts,
    })
}

/// A finding as all commands print it.
pub(super) fn finding_json(finding: &Diagnostic, language: Language) -> serde_json::Value {
    json!({
        "file": finding.place.file.display().to_string(),
        "line": finding.place.line,
        "column": finding.place.column,
        "severity": finding.severity.as_str(),
        "code": finding.code.to_string(),
        "message": finding.message.say(language).to_string(),
        "help": finding.help.say(language).to_string(),
    })
}

fn counts(findings: &[Diagnostic]) -> (usize, usize) {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    (errors, findings.len() - errors)
}
