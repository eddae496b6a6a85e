//! `linkpatrol maintnote`: what carriers write about their maintenance, at the running daemon.

use std::{path::PathBuf, process::ExitCode};

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};

use super::{
    Global,
    client::{Failure, answer, call, send, word},
    window::overlap,
};
use crate::text::{Language, Message, NoteLine, WindowMessage};

/// Most notes that `list` shows: a page of the API.
const LISTED: usize = 1_000;

/// Takes notes of carriers in (MAINTNOTE calendars), and shows and settles those that wait for a person.
#[derive(Debug, clap::Args)]
pub struct Maintnote {
    /// Where the daemon serves.
    #[arg(long, global = true, default_value = "http://127.0.0.1:9815", value_name = "URL")]
    url: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Notes that wait for a person, newest first.
    List {
        /// All that are held.
        #[arg(long)]
        all: bool,
    },
    /// Takes a calendar in. A note of a carrier is no approval.
    Take {
        /// The calendar; `-`: from standard input.
        file: PathBuf,
        /// Id of the carrier that it is from, if it does not say so itself.
        #[arg(long, value_name = "ID")]
        carrier: Option<String>,
        /// Who brings it: it stands in the record.
        #[arg(long, value_name = "NAME")]
        actor: String,
        /// By which way it came.
        #[arg(long, value_name = "WAY", default_value = "cli")]
        way: String,
    },
    /// Says what a note that waits is about, or why nothing has to be planned for it.
    Settle {
        id: String,
        /// It is planned work on this: `link/ID`, `segment/ID`, …; may be given several times.
        #[arg(long = "on", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// Who says so.
        #[arg(long, value_name = "NAME")]
        actor: String,
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
        #[arg(long, value_name = "WAY", default_value = "cli")]
        way: String,
    },
}

impl Maintnote {
    pub fn run(self, global: &Global) -> ExitCode {
        answer(global, &self.url, self.ask(), |answer, language| self.text(answer, language))
    }

    async fn ask(&self) -> Result<Value, Failure> {
        let notes = "/api/v1/maintnotes";
        match &self.action {
            Action::List { all } => {
                call(&self.url, Method::GET, &format!("{notes}?limit={LISTED}&all={all}"), None).await
            }
            Action::Take { file, carrier, actor, way } => {
                let bytes = read(file).map_err(|error| Failure::Unreadable(format!("{}: {error}", file.display())))?;
                let said = [("actor", actor.as_str()), ("way", way), ("carrier", carrier.as_deref().unwrap_or(""))];
                let query =
                    serde_urlencoded::to_string(said).map_err(|error| Failure::Unreadable(error.to_string()))?;
                send(&self.url, &format!("{notes}?{query}"), "text/calendar", bytes).await
            }
            Action::Settle { id, scopes, actor, note, way } => {
                let body = json!({"on": scopes, "actor": actor, "note": note, "way": way});
                call(&self.url, Method::POST, &format!("{notes}/{id}/settle"), Some(body)).await
            }
        }
    }

    fn text(&self, answer: &Value, language: Language) -> String {
        let notes = answer["maintnotes"].as_array().into_iter().flatten();
        let mut said: Vec<WindowMessage> = match &self.action {
            Action::List { .. } => notes.map(line).collect(),
            _ => notes
                .map(|note| WindowMessage::NoteTaken {
                    note: word(&note["maintnote"]).into(),
                    outcome: word(&note["outcome"]).into(),
                    windows: words(&note["windows"]),
                    waits: waits(&note["waits"]),
                })
                .collect(),
        };
        if said.is_empty() {
            said.push(WindowMessage::NoNotes);
        }
        said.extend(answer["overlaps"].as_array().into_iter().flatten().map(overlap));
        said.into_iter().map(|message| format!("{}\n", Message::Window(message).say(language))).collect()
    }
}

fn read(file: &std::path::Path) -> std::io::Result<Vec<u8>> {
    if file.as_os_str() == "-" {
        let mut bytes = vec![];
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes)?;
        return Ok(bytes);
    }
    std::fs::read(file)
}

fn line(note: &Value) -> WindowMessage {
    let text = |key: &str| word(&note[key]).to_owned();
    WindowMessage::NoteLine(Box::new(NoteLine {
        id: text("id"),
        received: text("received"),
        carrier: note["carrier"].as_str().or(note["provider"].as_str()).unwrap_or_default().to_owned(),
        maintenance: text("maintenance"),
        status: text("status"),
        from: text("from"),
        to: text("to"),
        outcome: text("outcome"),
        windows: words(&note["windows"]),
        waits: waits(&note["waits"]),
    }))
}

fn words(list: &Value) -> String {
    list.as_array().into_iter().flatten().map(word).collect::<Vec<_>>().join(", ")
}

/// Code, and what it is about.
fn waits(waits: &Value) -> Option<(String, String)> {
    let about = match &waits["circuits"] {
        Value::Null => word(&waits["reason"]).to_owned() + word(&waits["provider"]),
        circuits => words(circuits),
    };
    waits["code"].as_str().map(|code| (code.to_owned(), about))
}
