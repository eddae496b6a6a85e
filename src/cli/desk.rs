//! `linkpatrol problem`, `change` and `ticket`: faults that come again, changes and who agreed to them, and how other
//! systems call them, at the running daemon.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use hyper::Method;
use serde_json::{Value, json};

use super::{
    Global,
    client::{Failure, answer, call, done, word},
};
use crate::text::{DeskLine, DeskMessage, Language, Message};

/// Most records that `list` shows: a page of the API.
const LISTED: usize = 1_000;

/// Lists problems (faults of one scope that come again) and writes down what is known of them.
#[derive(Debug, Args)]
pub struct Problem {
    #[command(flatten)]
    daemon: Daemon,
    #[command(subcommand)]
    action: ProblemAction,
}

/// Asks for changes, agrees to them and says what came of them.
#[derive(Debug, Args)]
pub struct Change {
    #[command(flatten)]
    daemon: Daemon,
    #[command(subcommand)]
    action: ChangeAction,
}

/// Says how another system calls an incident, a problem or a change.
#[derive(Debug, Args)]
pub struct Ticket {
    #[command(flatten)]
    daemon: Daemon,
    /// Id of the incident, the problem or the change.
    id: String,
    /// Such as itsm.
    #[arg(long, value_name = "NAME")]
    system: String,
    #[arg(long, value_name = "NUMBER")]
    number: String,
    #[command(flatten)]
    signed: Signed,
}

#[derive(Debug, Args)]
struct Daemon {
    /// Where the daemon serves.
    #[arg(long, global = true, default_value = "http://127.0.0.1:9815", value_name = "URL")]
    url: String,
}

#[derive(Debug, Args)]
struct Signed {
    /// Who does this: it stands in the record.
    #[arg(long, value_name = "NAME")]
    actor: String,
    /// By which way it was said.
    #[arg(long, value_name = "WAY", default_value = "cli")]
    way: String,
}

#[derive(Debug, Subcommand)]
enum ProblemAction {
    /// Open problems and known errors, newest first.
    List {
        /// Also closed ones, and scopes that failed too seldom yet.
        #[arg(long)]
        all: bool,
    },
    /// Writes down what is known, or that it is over.
    Record {
        id: String,
        #[arg(long)]
        step: Step,
        #[arg(long, value_name = "TEXT")]
        note: String,
        #[command(flatten)]
        signed: Signed,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Step {
    Note,
    Cause,
    Workaround,
    Close,
}

#[derive(Debug, Subcommand)]
enum ChangeAction {
    /// Changes under way, newest first.
    List {
        /// Also those that are over.
        #[arg(long)]
        all: bool,
    },
    /// Asks for a change. With --on, --from and --to it is planned work too.
    Request {
        #[arg(long, value_name = "TEXT")]
        what: String,
        /// Why, and how it is taken back when it fails.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Who asks for it.
        #[arg(long, value_name = "NAME")]
        requester: String,
        /// `link/ID`, `segment/ID`, …; may be given several times.
        #[arg(long = "on", value_name = "SCOPE", requires = "from")]
        scopes: Vec<String>,
        #[arg(long, value_name = "TIME", requires = "to")]
        from: Option<String>,
        #[arg(long, value_name = "TIME", requires = "from")]
        to: Option<String>,
        /// Id of the problem that it is to end.
        #[arg(long, value_name = "ID", default_value = "")]
        problem: String,
        #[command(flatten)]
        signed: Signed,
    },
    /// Agrees: another person than who asks for it.
    Approve(Judged),
    /// Does not agree, and says why.
    Reject(Judged),
    /// Takes it back, and says why.
    Withdraw(Judged),
    /// Says that it was carried out.
    Done(Judged),
    /// Says that it failed and was taken back.
    Failed(Judged),
}

#[derive(Debug, Args)]
struct Judged {
    id: String,
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    #[command(flatten)]
    signed: Signed,
}

impl Problem {
    pub fn run(self, global: &Global) -> ExitCode {
        answer(global, &self.daemon.url, self.ask(), |answer, language| match &self.action {
            ProblemAction::List { .. } => said(&answer["problems"], problem, DeskMessage::NoProblems, language),
            ProblemAction::Record { .. } => done(answer, language),
        })
    }

    async fn ask(&self) -> Result<Value, Failure> {
        let (url, path) = (&self.daemon.url, "/api/v1/problems");
        match &self.action {
            ProblemAction::List { all } => {
                call(url, Method::GET, &format!("{path}?limit={LISTED}&all={all}"), None).await
            }
            ProblemAction::Record { id, step, note, signed } => {
                let step = step.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
                let body = signed.body(json!({ "note": note }));
                call(url, Method::POST, &format!("{path}/{id}/{step}"), Some(body)).await
            }
        }
    }
}

impl Change {
    pub fn run(self, global: &Global) -> ExitCode {
        answer(global, &self.daemon.url, self.ask(), |answer, language| match &self.action {
            ChangeAction::List { .. } => said(&answer["changes"], change, DeskMessage::NoChanges, language),
            _ => {
                let window = answer["window"].as_str().map(str::to_owned);
                let message = DeskMessage::Changed { change: word(&answer["change"]).to_owned(), window };
                format!("{}\n", Message::Desk(message).say(language))
            }
        })
    }

    async fn ask(&self) -> Result<Value, Failure> {
        let (url, path) = (&self.daemon.url, "/api/v1/changes");
        let (judged, verdict) = match &self.action {
            ChangeAction::List { all } => {
                return call(url, Method::GET, &format!("{path}?limit={LISTED}&all={all}"), None).await;
            }
            ChangeAction::Request { what, reason, requester, scopes, from, to, problem, signed } => {
                let mut body = json!({
                    "what": what, "reason": reason, "requester": requester, "on": scopes, "problem": problem,
                });
                for (key, time) in [("from", from), ("to", to)] {
                    if let Some(time) = time {
                        body[key] = time.as_str().into();
                    }
                }
                return call(url, Method::POST, path, Some(signed.body(body))).await;
            }
            ChangeAction::Approve(judged) => (judged, "approve"),
            ChangeAction::Reject(judged) => (judged, "reject"),
            ChangeAction::Withdraw(judged) => (judged, "withdraw"),
            ChangeAction::Done(judged) => (judged, "done"),
            ChangeAction::Failed(judged) => (judged, "failed"),
        };
        let body = judged.signed.body(json!({ "note": judged.note }));
        call(url, Method::POST, &format!("{path}/{}/{verdict}", judged.id), Some(body)).await
    }
}

impl Ticket {
    pub fn run(self, global: &Global) -> ExitCode {
        let body = self.signed.body(json!({ "about": self.id, "system": self.system, "number": self.number }));
        answer(global, &self.daemon.url, call(&self.daemon.url, Method::POST, "/api/v1/tickets", Some(body)), done)
    }
}

impl Signed {
    fn body(&self, mut body: Value) -> Value {
        body["actor"] = self.actor.as_str().into();
        body["way"] = self.way.as_str().into();
        body
    }
}

fn said(rows: &Value, line: fn(&Value) -> DeskMessage, none: DeskMessage, language: Language) -> String {
    let mut lines: Vec<DeskMessage> = rows.as_array().into_iter().flatten().map(line).collect();
    if lines.is_empty() {
        lines.push(none);
    }
    lines.into_iter().map(|message| format!("{}\n", Message::Desk(message).say(language))).collect()
}

fn problem(row: &Value) -> DeskMessage {
    let faults = row["faults"].as_array().map_or(0, Vec::len);
    DeskMessage::Problem { line: line(row, word(&row["scope"])), faults }
}

fn change(row: &Value) -> DeskMessage {
    let (requester, decided) = (word(&row["requester"]).to_owned(), row["decided_by"].as_str().map(str::to_owned));
    DeskMessage::Change { line: line(row, word(&row["what"])), requester, decided }
}

fn line(row: &Value, about: &str) -> Box<DeskLine> {
    let ticket = |ticket: &Value| format!("{} {}", word(&ticket["system"]), word(&ticket["number"]));
    let tickets: Vec<String> = row["tickets"].as_array().into_iter().flatten().map(ticket).collect();
    Box::new(DeskLine {
        id: word(&row["id"]).to_owned(),
        phase: word(&row["phase"]).to_owned(),
        about: about.to_owned(),
        tickets: tickets.join(", "),
    })
}
