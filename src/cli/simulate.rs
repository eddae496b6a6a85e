//! `linkpatrol simulate`: half a year of a city in a minute, held against its truth.

use std::{process::ExitCode, sync::Arc};

use clap::ValueEnum;

use super::{Global, Output, print_findings, progress};
use crate::{
    clock::monotonic_nanos,
    config::Config,
    demo::stage,
    diagnostic::Findings,
    simulate::{Outcome, Pace, Plan, play, serve},
    text::{Language, Message, SimulateMessage},
};

/// Plays months of a simulated city against the shipped code from samples to notices, without a packet.
///
/// Quiet stretches advance as runs; every loss, burst and change is a sample of its own. What is told is held against
/// what was true. Exit code 0: nothing was missed, invented or booked wrongly.
#[derive(Debug, clap::Args)]
pub struct Simulate {
    #[arg(long, default_value_t = 180, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    days: u32,
    /// So many links of the inventory, evenly chosen; all of them when it has fewer.
    #[arg(long, value_name = "N")]
    links: Option<usize>,
    /// So many of the services that the inventory has visited, evenly chosen; all of them when it has fewer.
    #[arg(long, default_value_t = 0, value_name = "N")]
    services: usize,
    /// Of everything that happens: the same seed plays the same.
    #[arg(long, default_value_t = 1631)]
    seed: u64,
    /// How many times as often as in a real city things happen.
    #[arg(long, default_value_t = 1.0, value_name = "FACTOR")]
    storm: f64,
    /// Plays every probe by itself instead of quiet stretches as runs: for a day or two of some links.
    #[arg(long)]
    every_probe: bool,
    /// Prints how it went on standard output at the end, and nothing else there.
    #[arg(long, value_name = "FORM")]
    summary: Option<SummaryForm>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SummaryForm {
    Json,
}

impl Simulate {
    pub fn run(self, global: &Global) -> ExitCode {
        let mut findings = Findings::default();
        let config = match &global.config_file {
            Some(file) => Config::load(Some(file), &mut findings),
            None => Some(Config::shipped()),
        };
        let language = global.language(config.as_ref());
        print_findings(&findings.into_sorted(), language);
        let Some(config) = config else { return ExitCode::from(1) };
        if !(self.storm.is_finite() && (0.0..=1_000.0).contains(&self.storm)) {
            anstream::eprintln!("{}", Message::Simulate(SimulateMessage::WrongStorm).say(language));
            return ExitCode::from(2);
        }
        let mut loaded = match stage::load(&config, self.links, None) {
            Ok(loaded) => loaded,
            Err(findings) => {
                print_findings(&findings, language);
                return ExitCode::from(1);
            }
        };
        serve(&mut loaded, self.services);
        let pace = if self.every_probe { Pace::EveryProbe } else { Pace::Runs };
        let plan = Plan { seed: self.seed, days: self.days, storm: self.storm, pace };
        let (links, services) = (loaded.inventory.links.len(), loaded.services.list.len());
        let began = monotonic_nanos();
        let bar = progress::bar(self.days.into());
        let mut outcome = play(&Arc::new(loaded), plan, |day| bar.set_position(day));
        bar.finish_and_clear();
        // Milliseconds are enough to compare.
        outcome.summary.wall_seconds = ((monotonic_nanos() - began) / 1_000_000) as f64 / 1_000.0;
        self.report(&outcome, [links, services], global, language)
    }

    fn report(
        &self,
        outcome: &Outcome,
        [links, services]: [usize; 2],
        global: &Global,
        language: Language,
    ) -> ExitCode {
        let say = |message: SimulateMessage| anstream::eprintln!("{}", Message::Simulate(message).say(language));
        if self.services > services {
            say(SimulateMessage::FewerServices { asked: self.services, services });
        }
        if self.summary == Some(SummaryForm::Json) || global.output == Output::Json {
            match serde_json::to_string_pretty(&outcome.summary) {
                Ok(text) => println!("{text}"),
                Err(error) => {
                    anstream::eprintln!("{error}");
                    return ExitCode::from(2);
                }
            }
        } else {
            let result = SimulateMessage::Result {
                days: self.days,
                links,
                services,
                probes: outcome.probes,
                samples: outcome.summary.samples,
                runs: outcome.summary.runs,
                visits: outcome.summary.service_visits,
                events: outcome.summary.events,
                incidents: outcome.summary.incidents,
                notices: outcome.notices,
                injected: outcome.summary.outages_injected,
                found: outcome.summary.outages_found,
                masked: outcome.summary.injected_but_masked,
                violations: outcome.summary.violations,
                seconds: outcome.summary.wall_seconds,
            };
            anstream::println!("{}", Message::Simulate(result).say(language));
        }
        if outcome.summary.violations == 0 {
            return ExitCode::SUCCESS;
        }
        outcome.violations.iter().chain(&outcome.story).for_each(|violation| anstream::eprintln!("{violation}"));
        say(SimulateMessage::Repeat { command: self.command(links, services) });
        ExitCode::from(1)
    }

    /// The command that plays the same again.
    fn command(&self, links: usize, services: usize) -> String {
        let Self { days, seed, storm, every_probe, .. } = self;
        let every_probe = if *every_probe { " --every-probe" } else { "" };
        let services = if services > 0 { format!(" --services {services}") } else { String::new() };
        format!(
            "linkpatrol simulate --days {days} --links {links}{services} --seed {seed} --storm {storm}{every_probe}"
        )
    }
}
