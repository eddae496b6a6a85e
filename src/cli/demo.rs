//! `linkpatrol demo`: the product on a simulated city, scored against the truth.

use std::{io::IsTerminal, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::ValueEnum;

use super::{Global, Output, print_findings};
use crate::{
    config::Config,
    demo::{
        namespace::own_user_namespace,
        narrator::Out,
        run::{Failed, Options, run},
        summary::Summary,
    },
    diagnostic::Findings,
    text::{Language, Message},
    units::parse_duration,
};

/// Runs a simulated city with real ICMP, and scores itself against the truth.
///
/// The city lives in a network namespace of its own: not one packet leaves this machine. Where a right for that is
/// missing, the same story is played without packets (mode: simulated); with `--summary json` only when
/// `--allow-simulated` says so. Exit code 0: everything that was cut was noticed, and nothing else.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Where the pages, the API and the metrics are served. Loopback only.
    #[arg(long, default_value = "127.0.0.1:9815", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// What happens in the city; docs/demo.md has the format, tests/cities examples.
    #[arg(long, value_name = "FILE")]
    story: Option<PathBuf>,
    /// Of everything random in the city: the same seed gives the same delays, losses and places.
    #[arg(long, default_value_t = 1631)]
    seed: u64,
    /// So many links of the inventory, evenly chosen.
    #[arg(long, value_name = "N")]
    links: Option<usize>,
    /// Ends by itself after this long, such as `50s`; else at Ctrl-C.
    #[arg(long, value_name = "DURATION", value_parser = time_limit)]
    time_limit: Option<Duration>,
    /// Lets `--summary json` report a run without packets.
    #[arg(long)]
    allow_simulated: bool,
    /// Prints how it went on standard output at the end, and nothing else there.
    #[arg(long, value_name = "FORM")]
    summary: Option<SummaryForm>,
    /// Where truth, verdicts and state go; a fresh folder when it is left out.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SummaryForm {
    Json,
}

fn time_limit(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text).ok_or("write a whole number and a unit, such as `50s` or `3m`")
}

impl Demo {
    pub fn run(self, global: &Global) -> ExitCode {
        // First of all: the kernel refuses it once there is a second thread.
        let right = own_user_namespace();
        let mut findings = Findings::default();
        let config = match &global.config_file {
            Some(file) => Config::load(Some(file), &mut findings),
            None => Some(Config::shipped()),
        };
        let language = global.language(config.as_ref());
        print_findings(&findings.into_sorted(), language);
        let Some(config) = config else { return ExitCode::from(1) };
        if !self.listen.ip().is_loopback() {
            anstream::eprintln!("{}", Message::ListenNotLoopback { address: self.listen }.say(language));
            return ExitCode::from(1);
        }
        let data_dir = match self.data_dir() {
            Ok(folder) => folder,
            Err(error) => return could_not_run(&format!("--data-dir: {error}")),
        };
        let json = self.summary == Some(SummaryForm::Json) || global.output == Output::Json;
        let options = Options {
            config,
            listen: self.listen,
            story: self.story,
            seed: self.seed,
            links: self.links,
            time_limit: self.time_limit,
            simulated_will_do: self.allow_simulated || !json,
            data_dir,
            language,
            out: if json { Out::Terminal } else { Out::Stdout },
            right,
        };
        match run(options) {
            Ok(summary) => report(&summary, json, language),
            Err(failed) => explain(failed, language),
        }
    }

    /// Exists afterwards.
    fn data_dir(&self) -> std::io::Result<PathBuf> {
        let fresh = || std::env::temp_dir().join(format!("linkpatrol-demo-{:08x}", rand::random::<u32>()));
        let folder = self.data_dir.clone().unwrap_or_else(fresh);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

fn report(summary: &Summary, json: bool, language: Language) -> ExitCode {
    if json {
        match serde_json::to_string_pretty(summary) {
            Ok(text) => println!("{text}"),
            Err(error) => return could_not_run(&error.to_string()),
        }
    }
    if !json || std::io::stderr().is_terminal() {
        let (mark, score) = (Message::Simulated, summary.message());
        anstream::eprintln!("{}{}", mark.say(language), score.say(language));
        if let Some(sites) = summary.of_sites() {
            anstream::eprintln!("{}{}", mark.say(language), sites.say(language));
        }
    }
    ExitCode::from(if summary.matches() { 0 } else { 1 })
}

fn explain(failed: Failed, language: Language) -> ExitCode {
    match failed {
        Failed::Findings(findings) => {
            print_findings(&findings, language);
            ExitCode::from(1)
        }
        Failed::NoRight(missing) => {
            let cause = missing.to_string();
            could_not_run(&Message::DemoRightWanted { cause }.say(language).to_string())
        }
        other => could_not_run(&other.to_string()),
    }
}

fn could_not_run(why: &str) -> ExitCode {
    anstream::eprintln!("{why}");
    ExitCode::from(2)
}
