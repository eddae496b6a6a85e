//! `linkpatrol roster`: who is on duty by the files, with or without a daemon.

use std::process::ExitCode;

use super::{Global, Output, print_findings};
use crate::{
    clock::{Clock, SystemClock},
    duty::roster::View,
    patrol::load::from_file,
    text::{DutyText, Language, Message},
    units::{At, Timestamp},
};

/// Shows who is on duty for each role, and until when.
#[derive(Debug, clap::Args)]
pub struct RosterCommand {
    /// Such as 2026-11-20T03:00:00+08:00; now when left out.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

impl RosterCommand {
    /// Exit code 1: nobody is on duty for a role that must be covered; 2: nothing could be shown.
    pub fn run(self, global: &Global) -> ExitCode {
        let (loaded, findings) = from_file(global.config_file.as_deref());
        let language = global.language(loaded.as_ref().map(|loaded| &*loaded.config));
        let Some(loaded) = loaded else {
            print_findings(&findings, language);
            return ExitCode::from(2);
        };
        let refuse = |text: DutyText| {
            anstream::eprintln!("{}", Message::Duty(text).say(language));
            ExitCode::from(2)
        };
        let read =
            |text: &str| chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| Timestamp(time.timestamp_millis()));
        let at = match &self.at {
            Some(text) => read(text),
            None => Some(SystemClock::start().now().utc),
        };
        let Some(at) = at else { return refuse(DutyText::BadTime) };
        if loaded.roster.roles.is_empty() {
            return refuse(DutyText::NoRoster);
        }
        let view = loaded.roster.view(at, loaded.contract.time_zone);
        match global.output {
            Output::Json => anstream::println!("{:#}", serde_json::json!(view)),
            Output::Text => anstream::print!("{}", text(&view, language)),
        }
        ExitCode::from(u8::from(loaded.roster.uncovered(at).next().is_some()))
    }
}

fn text(view: &View<'_>, language: Language) -> String {
    let say = |text: DutyText| Message::Duty(text).say(language).to_string();
    let mut out = String::new();
    for role in &view.roles {
        let names: Vec<&str> = role.people.iter().map(|person| person.name.as_str()).collect();
        let names = if names.is_empty() { say(DutyText::Nobody) } else { names.join(" ") };
        let until = role.until.as_ref().map(|At(next, zone)| DutyText::Until { next: next.rfc3339(*zone) });
        out += &format!("{} {names} {}\n", role.name.say(language), until.map(say).unwrap_or_default());
        for instead in role.shifts.iter().filter_map(|shift| shift.instead) {
            out += &format!("  {instead}\n");
        }
    }
    out
}
