//! The commands: argv in, exit code out. Each command has a file of its own in `cli/`.
//!
//! Exit codes: 0 fine (warnings allowed), 1 findings or violated, 2 usage or could not run.

mod backup;
mod breach;
mod check;
mod client;
mod contract;
mod demo;
mod desk;
mod device;
mod doctor;
mod explain;
mod export;
mod grafana;
mod handover;
mod history;
mod import;
mod incident;
mod journal;
mod ledger;
mod maintnote;
mod man;
mod notice;
mod once;
mod progress;
mod roster;
mod round;
mod rule;
mod sd;
mod serve;
mod simulate;
mod window;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::{
    config::Config,
    diagnostic::{Diagnostic, closest},
    inventory::Link,
    text::{Language, Message},
};

/// Network link management and synthetic probing for an operations centre.
#[derive(Debug, Parser)]
#[command(name = "linkpatrol", version, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Configuration of this machine. Without it: ./linkpatrol.yaml, else /etc/linkpatrol/linkpatrol.yaml, else the
    /// data beside Cargo.toml.
    #[arg(long = "config.file", global = true, value_name = "FILE")]
    pub config_file: Option<PathBuf>,
    /// Language for people; default from the configuration, else zh-CN.
    #[arg(long, global = true)]
    pub lang: Option<Language>,
    /// Form of what is printed.
    #[arg(long, global = true, default_value = "text")]
    pub output: Output,
}

impl Global {
    /// `--lang`, else what the configuration says, else the default.
    pub fn language(&self, config: Option<&Config>) -> Language {
        self.lang.or(config.map(|config| config.language)).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Backup(backup::Backup),
    Restore(backup::Restore),
    Check(check::Check),
    Contract(contract::ContractCommand),
    Explain(explain::Explain),
    Import(import::Import),
    Export(export::Export),
    Grafana(grafana::GrafanaCommand),
    Once(once::Once),
    Incident(incident::Incident),
    Handover(handover::Handover),
    Device(device::DeviceCommand),
    Doctor(doctor::Doctor),
    Roster(roster::RosterCommand),
    Round(round::RoundCommand),
    Rule(rule::RuleCommand),
    Journal(journal::Journal),
    Ledger(ledger::Ledger),
    Simulate(simulate::Simulate),
    Breach(breach::Breach),
    Problem(desk::Problem),
    Change(desk::Change),
    Ticket(desk::Ticket),
    Maintnote(maintnote::Maintnote),
    Notice(notice::Notice),
    Window(window::Window),
    Man(man::Man),
    Sd(sd::Sd),
    /// Prints the completion script of a shell.
    Completions {
        shell: clap_complete::Shell,
    },
}

pub fn run() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    match command {
        Command::Serve(serve) => serve.run(&global),
        Command::Demo(demo) => demo.run(&global),
        Command::Backup(backup) => backup.run(&global),
        Command::Restore(restore) => restore.run(&global),
        Command::Check(check) => check.run(&global),
        Command::Contract(contract) => contract.run(&global),
        Command::Explain(explain) => explain.run(&global),
        Command::Import(import) => import.run(&global),
        Command::Export(export) => export.run(&global),
        Command::Grafana(grafana) => grafana.run(&global),
        Command::Once(once) => once.run(&global),
        Command::Incident(incident) => incident.run(&global),
        Command::Handover(handover) => handover.run(&global),
        Command::Roster(roster) => roster.run(&global),
        Command::Doctor(doctor) => doctor.run(&global),
        Command::Device(device) => device.run(&global),
        Command::Round(round) => round.run(&global),
        Command::Rule(rule) => rule.run(&global),
        Command::Journal(journal) => journal.run(&global),
        Command::Ledger(ledger) => ledger.run(&global),
        Command::Simulate(simulate) => simulate.run(&global),
        Command::Breach(breach) => breach.run(&global),
        Command::Problem(problem) => problem.run(&global),
        Command::Change(change) => change.run(&global),
        Command::Ticket(ticket) => ticket.run(&global),
        Command::Maintnote(maintnote) => maintnote.run(&global),
        Command::Notice(notice) => notice.run(&global),
        Command::Window(window) => window.run(&global),
        Command::Man(man) => man.run(),
        Command::Sd(sd) => sd.run(&global),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "linkpatrol", &mut std::io::stdout());
            ExitCode::SUCCESS
        }
    }
}

/// Findings on standard error, for people.
fn print_findings(findings: &[Diagnostic], language: Language) {
    for finding in findings {
        anstream::eprintln!("{}", finding.print(language));
    }
}

/// A link by its id or circuit id, or what to say when there is none.
fn find_link<'a>(links: &'a [Link], name: &str) -> Result<&'a Link, Message> {
    let by_id = links.iter().find(|link| link.id.as_str() == name);
    by_id.or_else(|| links.iter().find(|link| link.cid == name)).ok_or_else(|| {
        let closest = closest(name, links.iter().map(|link| link.id.as_str())).map(str::to_owned);
        Message::NoSuchLink { link: name.to_owned(), closest }
    })
}
