//! `linkpatrol notice`: what was to be said to whom, and what may leave at all, at the running daemon.

use std::process::ExitCode;

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};

use super::{
    Global,
    client::{Failure, answer, call, done, word},
};
use crate::text::{ChannelText, Language, Message, NoticeLine};

/// Lists and shows notices; opens and closes the doors that they pass on their way out.
#[derive(Debug, clap::Args)]
pub struct Notice {
    /// Where the daemon serves.
    #[arg(long, global = true, default_value = "http://127.0.0.1:9815", value_name = "URL")]
    url: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Notices, newest first, those that would have been sent among them.
    List(List),
    /// One notice as it was, or would have been, sent.
    Show { id: String },
    /// What may leave: one door for each channel and carrier, and one for all units.
    Doors,
    /// Lets notices through a door. Until every door on its way is open, a notice is only kept.
    Open(Turn),
    /// Keeps notices in again, those that wait among them.
    Close(Turn),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Of this incident, problem or change.
    #[arg(long, value_name = "ID")]
    incident: Option<String>,
    #[arg(long, value_name = "NAME")]
    recipient: Option<String>,
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// `waiting`, `delivered`, `held`, `given_up` or `replaced`.
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    limit: u32,
}

#[derive(Debug, clap::Args)]
struct Turn {
    /// `channel/NAME`, `carrier/ID` or `units`.
    door: String,
    /// Who does this: it stands in the record.
    #[arg(long, value_name = "NAME")]
    actor: String,
    /// Why.
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// By which way it was said.
    #[arg(long, value_name = "WAY", default_value = "cli")]
    way: String,
}

impl Notice {
    pub fn run(self, global: &Global) -> ExitCode {
        answer(global, &self.url, self.ask(), |answer, language| self.text(answer, language))
    }

    async fn ask(&self) -> Result<Value, Failure> {
        let turn = |turn: &Turn| json!({"actor": turn.actor, "way": turn.way, "note": turn.note, "door": turn.door});
        let get = async |path: &str| call(&self.url, Method::GET, path, None).await;
        let post = async |path: &str, body| call(&self.url, Method::POST, path, Some(body)).await;
        match &self.action {
            Action::List(list) => get(&list.path()).await,
            Action::Show { id } => get(&format!("/api/v1/notices/{id}")).await,
            Action::Doors => get("/api/v1/notices/doors").await,
            Action::Open(door) => post("/api/v1/notices/open", turn(door)).await,
            Action::Close(door) => post("/api/v1/notices/close", turn(door)).await,
        }
    }

    fn text(&self, answer: &Value, language: Language) -> String {
        let rows = |key: &str, row: fn(&Value) -> ChannelText| -> Vec<ChannelText> {
            answer[key].as_array().into_iter().flatten().map(row).collect()
        };
        let mut said = match &self.action {
            Action::List(_) => rows("notices", line),
            Action::Doors => rows("doors", door),
            Action::Show { .. } => {
                let text = answer["text"].as_str().map(|text| format!("\n{text}"));
                let line = Message::Channel(line(answer));
                return format!("{}\n{}", line.say(language), text.unwrap_or_default());
            }
            Action::Open(_) | Action::Close(_) => return done(answer, language),
        };
        if said.is_empty() {
            said.push(ChannelText::NoNotices);
        }
        said.into_iter().map(|text| format!("{}\n", Message::Channel(text).say(language))).collect()
    }
}

impl List {
    fn path(&self) -> String {
        let optional = [
            ("incident", &self.incident),
            ("recipient", &self.recipient),
            ("channel", &self.channel),
            ("state", &self.state),
        ];
        let mut query: Vec<(&str, String)> = vec![("limit", self.limit.to_string())];
        query.extend(optional.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))));
        // Cannot fail: these are plain texts.
        format!("/api/v1/notices?{}", serde_urlencoded::to_string(query).unwrap_or_default())
    }
}

fn line(notice: &Value) -> ChannelText {
    let text = |key: &str| word(&notice[key]).to_owned();
    ChannelText::Notice(Box::new(NoticeLine {
        id: text("id"),
        created: text("created"),
        event: text("event"),
        channel: text("channel"),
        recipient: text("recipient"),
        state: text("state"),
        words: text("words"),
        subject: text("subject"),
        about: text("about"),
    }))
}

fn door(door: &Value) -> ChannelText {
    let text = |key: &str| word(&door[key]).to_owned();
    ChannelText::Door { door: text("door"), open: door["open"] == true, by: text("by"), since: text("since") }
}
