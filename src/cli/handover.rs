//! `linkpatrol handover`: what is open at the running daemon, and the signatures of both who hand the watch over.

use std::process::ExitCode;

use hyper::Method;
use serde_json::{Value, json};

use super::{
    Global,
    client::{Failure, answer, call, done, word},
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
        answer(global, &self.url, self.ask(), |answer, language| match self.actor {
            Some(_) => done(answer, language),
            None => text(answer, language),
        })
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
    let mut out = on_duty(note, language);
    for (key, heading, columns) in [
        ("incidents", DutyText::OpenIncidents, &["incident", "kind", "phase", "began"][..]),
        ("clocks", DutyText::RunningClocks, &["deadline", "incident", "clock", "party", "clause"]),
        ("promises", DutyText::OpenPromises, &["eta", "incident", "party"]),
        ("rounds", DutyText::OpenRounds, &["due", "status", "round"]),
        ("windows", DutyText::OpenWindows, &["until", "window", "standing"]),
        ("muted", DutyText::MutedIncidents, &["incident", "why", "by"]),
        ("devices", DutyText::DevicesOut, &["deadline", "device", "model"]),
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

/// Who is there, role by role.
fn on_duty(note: &Value, language: Language) -> String {
    let say = |text: DutyText| Message::Duty(text).say(language).to_string();
    let rows = note["on_duty"].as_array().map_or(&[][..], Vec::as_slice);
    if rows.is_empty() {
        return String::new();
    }
    let mut out = format!("{}\n", say(DutyText::OnDuty));
    for row in rows {
        let names: Vec<&str> = row["names"].as_array().into_iter().flatten().map(word).collect();
        let names = if names.is_empty() { say(DutyText::Nobody) } else { names.join(" ") };
        let until = row["until"].as_str().map(|next| say(DutyText::Until { next: next.to_owned() }));
        out += &format!("  {} {names} {}\n", word(&row["role"]), until.unwrap_or_default());
    }
    out
}
