//! `linkpatrol round`: which rounds are due, and signing for those that were made, at the running daemon.

use std::{collections::BTreeMap, process::ExitCode};

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};

use super::{
    Global,
    client::{Failure, answer, call, done, word},
};
use crate::text::{DutyText, Language, Message};

/// Most turns that `list` shows: a page of the API.
const LISTED: usize = 200;

/// Lists rounds of the running daemon, and signs their records.
#[derive(Debug, clap::Args)]
pub struct RoundCommand {
    /// Where the daemon serves.
    #[arg(long, global = true, default_value = "http://127.0.0.1:9815", value_name = "URL")]
    url: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Turns by when they are due, the newest first.
    List {
        /// Only those that are `planned`, `due`, `late`, `done` or `missed`.
        #[arg(long, value_name = "STATUS")]
        status: Option<String>,
        /// Only of this round.
        #[arg(long, value_name = "ID")]
        round: Option<String>,
    },
    /// Signs the record of a round that was made.
    Done {
        id: String,
        /// Whose signature it bears.
        #[arg(long, value_name = "NAME")]
        actor: String,
        /// Which turn, by when it is due; the oldest open one when left out.
        #[arg(long, value_name = "TIME")]
        due: Option<String>,
        /// What others should know.
        #[arg(long, value_name = "TEXT", default_value = "")]
        notes: String,
        /// A field of the form as FIELD=TEXT; may be given several times.
        #[arg(long = "field", value_name = "FIELD=TEXT", value_parser = field)]
        fields: Vec<(String, String)>,
    },
}

fn field(text: &str) -> Result<(String, String), String> {
    let split = text.split_once('=').ok_or_else(|| format!("`{text}` has no `=`"));
    split.map(|(field, text)| (field.to_owned(), text.to_owned()))
}

impl RoundCommand {
    pub fn run(self, global: &Global) -> ExitCode {
        answer(global, &self.url, self.ask(), |answer, language| self.text(answer, language))
    }

    async fn ask(&self) -> Result<Value, Failure> {
        match &self.action {
            Action::List { status, round } => {
                let filters = [("status", status), ("round", round)];
                let filters = filters.iter().filter_map(|(key, value)| Some(format!("&{key}={}", value.as_ref()?)));
                let path = format!("/api/v1/rounds?limit={LISTED}{}", filters.collect::<String>());
                call(&self.url, Method::GET, &path, None).await
            }
            Action::Done { id, actor, due, notes, fields } => {
                let fields: BTreeMap<_, _> = fields.iter().cloned().collect();
                let mut body = json!({"actor": actor, "way": "cli", "notes": notes, "fields": fields});
                if let Some(due) = due {
                    body["due"] = due.as_str().into();
                }
                call(&self.url, Method::POST, &format!("/api/v1/rounds/{id}/done"), Some(body)).await
            }
        }
    }

    fn text(&self, answer: &Value, language: Language) -> String {
        let Action::List { .. } = self.action else {
            return done(answer, language);
        };
        let list = |key: &str| answer[key].as_array().map_or(&[][..], Vec::as_slice);
        if list("turns").is_empty() {
            return format!("{}\n", Message::Duty(DutyText::NoRounds).say(language));
        }
        let key = if language == Language::ZhCn { "zh" } else { "en" };
        let name = |id: &str| {
            let round = list("rounds").iter().find(|round| round["id"] == id);
            round.map(|round| word(&round["name"][key])).unwrap_or_default()
        };
        list("turns").iter().map(|turn| line(turn, name(word(&turn["round"])), language)).collect()
    }
}

/// One turn, and below it who signed and what is still to be supplied.
fn line(turn: &Value, name: &str, language: Language) -> String {
    let say = |text: DutyText| Message::Duty(text).say(language).to_string();
    let status = say(DutyText::Status { status: word(&turn["status"]).into() });
    let due = say(DutyText::DueAt { due: word(&turn["due"]).into() });
    let mut out = format!("{status:8} {due} {} {name}\n", word(&turn["round"]));
    let done = &turn["done"];
    if done.is_object() {
        let signed = DutyText::SignedBy { actor: word(&done["actor"]).into(), at: word(&done["signed"]).into() };
        out += &format!("  {}\n", say(signed));
        let blank: Vec<String> =
            done["blank"].as_array().into_iter().flatten().map(|field| word(field).to_owned()).collect();
        if !blank.is_empty() {
            out += &format!("  {}\n", say(DutyText::ByHand { fields: blank }));
        }
    }
    out
}
