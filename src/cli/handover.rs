//! `linkpatrol handover`: what is open at the running daemon, and the signatures of both who hand the watch over.

use std::process::ExitCode;

use hyper::Method;
use serde_json::{Value, json};

use super::{
    Global, Output,
    client::{Failure, call, refusal, word},
};
use crate::text::{DutyText, Language, Message};

/// Shows what is open; with --actor and --second, signs that the watch was handed over.
#[derive(Debug, clap::Args)]
pub struct Handover {
    /// Where the daemon serves.
    #[arg(long, default_value = "http://127.0.0.1:9815", value_name = "URL")]
    url: String,
    /// Who leaves.
    #[arg(long, value_name = "NAME", requires = "second")]
    actor: Option<String>,
    /// Who takes over.
    #[arg(long, value_name = "NAME", requires = "actor")]
    second: Option<String>,
    /// What the next one should know.
    #[arg(long, value_name = "TEXT", default_value = "", requires = "actor")]
    note: String,
}

impl Handover {
    pub fn run(self, global: &Global) -> ExitCode {
        let language = global.language(None);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let answer = match runtime {
            Ok(runtime) => runtime.block_on(self.ask()),
            Err(error) => Err(Failure::NotReached(error.to_string())),
        };
        match answer {
            Ok(answer) => {
                match global.output {
                    Output::Json => anstream::println!("{answer:#}"),
                    Output::Text if self.actor.is_some() => {
                        anstream::println!("{} {}", Message::Done.say(language), word(&answer["at"]));
                    }
                    Output::Text => anstream::print!("{}", text(&answer, language)),
                }
                ExitCode::SUCCESS
            }
            Err(Failure::Problem(problem)) => {
                anstream::eprintln!("{}", refusal(&problem, language));
                ExitCode::from(1)
            }
            Err(Failure::NotReached(reason)) => {
                anstream::eprintln!("{}", Message::DaemonNotReached { url: self.url, reason }.say(language));
                ExitCode::from(2)
            }
        }
    }

    async fn ask(&self) -> Result<Value, Failure> {
        match (&self.actor, &self.second) {
            (Some(actor), Some(second)) => {
                let body = json!({"actor": actor, "second": second, "note": self.note, "way": "cli"});
                call(&self.url, Method::POST, "/api/v1/handover/sign", Some(body)).await
            }
            _ => call(&self.url, Method::GET, "/api/v1/handover", None).await,
        }
    }
}

/// One heading for each kind of open thing, and what is open below it.
fn text(note: &Value, language: Language) -> String {
    let say = |text: DutyText| Message::Duty(text).say(language).to_string();
    let mut out = String::new();
    for (key, heading, columns) in [
        ("incidents", DutyText::OpenIncidents, &["incident", "kind", "phase", "began"][..]),
        ("clocks", DutyText::RunningClocks, &["deadline", "incident", "clock", "party", "clause"]),
        ("promises", DutyText::OpenPromises, &["eta", "incident", "party"]),
        ("rounds", DutyText::OpenRounds, &["due", "status", "round"]),
        ("notices", DutyText::UnsentNotices, &["at", "channel", "notice"]),
    ] {
        let rows = note[key].as_array().map_or(&[][..], Vec::as_slice);
        out += &format!("{} {}\n", say(heading), rows.len());
        for row in rows {
            let cells: Vec<&str> = columns.iter().map(|column| word(&row[*column])).collect();
            let late = row["overdue"] == true || row["given_up"] == true;
            out += &format!("  {}{}\n", if late { "! " } else { "" }, cells.join(" "));
        }
    }
    if let (Some(actor), Some(second)) = (note["last"]["actor"].as_str(), note["last"]["second"].as_str()) {
        let at = word(&note["last"]["at"]).to_owned();
        out += &format!("{}\n", say(DutyText::HandedOver { actor: actor.into(), second: second.into(), at }));
        out += &format!("  {}\n", word(&note["last"]["note"]));
    }
    out
}
