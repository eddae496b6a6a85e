//! `linkpatrol window`: planned work, at the running daemon.

use std::process::ExitCode;

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};

use super::{
    Global,
    client::{Failure, answer, call, word},
};
use crate::text::{Language, Message, WindowLine, WindowMessage};

/// Most windows that `list` shows: a page of the API.
const LISTED: usize = 1_000;

/// Announces, approves, cancels and lists planned work.
#[derive(Debug, clap::Args)]
pub struct Window {
    /// Where the daemon serves.
    #[arg(long, global = true, default_value = "http://127.0.0.1:9815", value_name = "URL")]
    url: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Planned work that runs or comes, newest first, and redundancy groups that it leaves without a link.
    List {
        /// Also what is over.
        #[arg(long)]
        all: bool,
    },
    /// Announces planned work. It counts as such only with the notice and the approval of the contract.
    Add(Add),
    /// Agrees to planned work: another person than who asked for it.
    Approve {
        #[command(flatten)]
        signed: Signed,
    },
    /// Takes planned work back or, once it has begun, ends it.
    Cancel {
        #[command(flatten)]
        signed: Signed,
    },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// `link/ID`, `group/ID`, `segment/ID`, `unit/ID` or `carrier/ID`; may be given several times.
    #[arg(long = "on", value_name = "SCOPE", required = true)]
    scopes: Vec<String>,
    /// Such as 2026-11-20T03:00:00+08:00.
    #[arg(long, value_name = "TIME")]
    from: String,
    #[arg(long, value_name = "TIME")]
    to: String,
    /// It comes again each `day`, `week` or `month`, until --until.
    #[arg(long, value_name = "PERIOD", requires = "until")]
    every: Option<String>,
    /// The last moment at which it may begin again.
    #[arg(long, value_name = "TIME", requires = "every")]
    until: Option<String>,
    /// Who wants to work.
    #[arg(long, value_name = "NAME")]
    requester: String,
    /// Who has agreed, if anybody has.
    #[arg(long, value_name = "NAME")]
    approver: Option<String>,
    /// When notice was given, if before now.
    #[arg(long, value_name = "TIME")]
    announced: Option<String>,
    /// An exercise.
    #[arg(long)]
    drill: bool,
    /// What is done, and why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who writes this down: it stands in the record.
    #[arg(long, value_name = "NAME")]
    actor: String,
    /// By which way it was said.
    #[arg(long, value_name = "WAY", default_value = "cli")]
    way: String,
}

#[derive(Debug, clap::Args)]
struct Signed {
    id: String,
    /// Who does this: it stands in the record.
    #[arg(long, value_name = "NAME")]
    actor: String,
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// By which way it was said.
    #[arg(long, value_name = "WAY", default_value = "cli")]
    way: String,
}

impl Window {
    pub fn run(self, global: &Global) -> ExitCode {
        answer(global, &self.url, self.ask(), |answer, language| self.text(answer, language))
    }

    async fn ask(&self) -> Result<Value, Failure> {
        let windows = "/api/v1/windows";
        let act = |signed: &Signed, action: &str| {
            let body = json!({"actor": signed.actor, "way": signed.way, "note": signed.note});
            (format!("{windows}/{}/{action}", signed.id), body)
        };
        let (path, body) = match &self.action {
            Action::List { all } => {
                return call(&self.url, Method::GET, &format!("{windows}?limit={LISTED}&all={all}"), None).await;
            }
            Action::Add(add) => (windows.to_owned(), add.body()),
            Action::Approve { signed } => act(signed, "approve"),
            Action::Cancel { signed } => act(signed, "cancel"),
        };
        call(&self.url, Method::POST, &path, Some(body)).await
    }

    fn text(&self, answer: &Value, language: Language) -> String {
        let mut said: Vec<WindowMessage> = match &self.action {
            Action::List { .. } => answer["windows"].as_array().into_iter().flatten().map(line).collect(),
            _ => vec![WindowMessage::Written {
                window: word(&answer["window"]).into(),
                standing: word(&answer["standing"]).into(),
                earliest: answer["earliest"].as_str().map(Into::into),
            }],
        };
        if said.is_empty() {
            said.push(WindowMessage::None);
        }
        said.extend(answer["overlaps"].as_array().into_iter().flatten().map(overlap));
        said.into_iter().map(|message| format!("{}\n", Message::Window(message).say(language))).collect()
    }
}

impl Add {
    fn body(&self) -> Value {
        let mut body = json!({
            "scopes": self.scopes, "from": self.from, "to": self.to, "requester": self.requester,
            "drill": self.drill, "reason": self.reason, "actor": self.actor, "way": self.way,
        });
        let optional = [("every", &self.every), ("until", &self.until), ("announced", &self.announced)];
        for (key, value) in optional.into_iter().chain([("approver", &self.approver)]) {
            if let Some(value) = value {
                body[key] = value.as_str().into();
            }
        }
        body
    }
}

fn line(window: &Value) -> WindowMessage {
    let text = |key: &str| word(&window[key]).to_owned();
    let turn = |key: &str, whole: &str| window[key].as_str().unwrap_or(word(&window[whole])).to_owned();
    let scopes: Vec<&str> = window["scopes"].as_array().into_iter().flatten().map(word).collect();
    WindowMessage::Line(Box::new(WindowLine {
        id: text("id"),
        from: turn("turn_from", "from"),
        to: turn("turn_to", "to"),
        every: window["every"].as_str().map(Into::into),
        scopes: scopes.join(", "),
        reason: text("reason"),
        drill: window["drill"] == true,
        phase: text("phase"),
        standing: text("standing"),
        earliest: window["earliest"].as_str().map(Into::into),
    }))
}

pub(super) fn overlap(overlap: &Value) -> WindowMessage {
    let windows: Vec<&str> = overlap["windows"].as_array().into_iter().flatten().map(word).collect();
    let text = |key: &str| word(&overlap[key]).to_owned();
    WindowMessage::Overlap { group: text("group"), windows: windows.join(", "), from: text("from"), to: text("to") }
}
