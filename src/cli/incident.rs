//! `linkpatrol incident`: what is broken, and answering for it, at the running daemon.

use std::process::ExitCode;

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};

use super::{
    Global,
    client::{Failure, answer, call, word},
};
use crate::text::{Language, Message};

/// Most incidents that `list` shows: a page of the API.
const LISTED: usize = 200;

/// Lists and shows incidents of the running daemon, and writes down what people do about them.
#[derive(Debug, clap::Args)]
pub struct Incident {
    /// Where the daemon serves.
    #[arg(long, global = true, default_value = "http://127.0.0.1:9815", value_name = "URL")]
    url: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Open incidents, then restored ones, then closed ones that have not left yet.
    List,
    /// One incident with its clocks, links and timeline.
    Show { id: String },
    /// Reports a fault that somebody has seen: it joins a measured incident of the link, or stands as reported.
    Open {
        /// Id of a link; may be given several times.
        #[arg(long = "link", value_name = "ID", required = true)]
        links: Vec<String>,
        /// What is wrong.
        #[arg(long, value_name = "TEXT")]
        what: String,
        /// Who reports it: it stands in the record.
        #[arg(long, value_name = "NAME")]
        actor: String,
        /// Whom the actor speaks for: operator, customer or unit/ID.
        #[arg(long, value_name = "PARTY", default_value = "operator")]
        party: String,
        /// Since when, if not now.
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// By which way it was said.
        #[arg(long, value_name = "WAY", default_value = "cli")]
        way: String,
        /// An exercise: everything runs and is told as if it were true, marked 【演练】.
        #[arg(long)]
        drill: bool,
    },
    /// Says that a reported fault is over which no probe has seen.
    Restore {
        #[command(flatten)]
        signed: Signed,
        /// When it was, if not now.
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// Says that somebody works on it: stops the response clock of the party.
    Acknowledge {
        #[command(flatten)]
        signed: Signed,
        #[command(flatten)]
        party: Party,
        /// As the party numbers its own work.
        #[arg(long, value_name = "NUMBER")]
        work_order: Option<String>,
        /// By when it means to be done.
        #[arg(long, value_name = "TIME")]
        eta: Option<String>,
    },
    /// Takes an acknowledgement back, with --note saying why: the response clock of the party runs on.
    Withdraw {
        #[command(flatten)]
        signed: Signed,
        #[command(flatten)]
        party: Party,
    },
    /// Prints a signed link to the page on which a party answers without a log-in.
    Link {
        #[command(flatten)]
        signed: Signed,
        /// Whose page: carrier/ID or unit/ID.
        #[arg(long, value_name = "PARTY")]
        party: String,
    },
    /// Replies from telephones that were not plain and wait for a person.
    Replies,
    /// Says that a reply was dealt with.
    SettleReply {
        id: String,
        /// Who did: it stands in the journal.
        #[arg(long, value_name = "NAME")]
        actor: String,
        /// What came of it.
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
    },
    /// Makes a new key for signed links: those given out before open nothing.
    RotateLinks {
        /// Who does this: it stands in the journal.
        #[arg(long, value_name = "NAME")]
        actor: String,
    },
    /// Writes down a step of the work, such as on_site, workaround, or promised with --eta.
    Record {
        #[command(flatten)]
        signed: Signed,
        #[command(flatten)]
        party: Party,
        /// `notified`, `diagnosed`, `on_site`, `workaround`, `promised`, `device_swapped`, `report_received`, …
        #[arg(long, value_name = "STEP")]
        step: String,
        /// When it was, if not now, such as 2026-11-20T03:00:00+08:00.
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// Of a promise: by when.
        #[arg(long, value_name = "TIME")]
        eta: Option<String>,
        /// Of which of the party's links; all of them when absent. May be given several times.
        #[arg(long = "link", value_name = "ID")]
        links: Vec<String>,
    },
    /// Says what an entry of the timeline should have said. The entry stays.
    Correct {
        #[command(flatten)]
        signed: Signed,
        /// Its number, as `show` prints it.
        #[arg(long, value_name = "NUMBER")]
        entry: u32,
        /// When it really was.
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// Confirms a condition of the contract for closing, such as users_working.
    Confirm {
        #[command(flatten)]
        signed: Signed,
        #[arg(long, value_name = "CONDITION")]
        condition: String,
    },
    /// Ends a restored incident for good.
    Close {
        #[command(flatten)]
        signed: Signed,
    },
    /// Takes a false or wrongly classed incident back. It stays in the record.
    Annul {
        id: String,
        /// Who does this.
        #[arg(long, value_name = "NAME")]
        actor: String,
        /// Another person who agrees.
        #[arg(long, value_name = "NAME")]
        second: String,
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Says what a possible whole-network outage was: `outage` or `own_fault`.
    Resolve {
        #[command(flatten)]
        signed: Signed,
        #[arg(long, value_name = "VERDICT")]
        verdict: String,
    },
}

#[derive(Debug, clap::Args)]
struct Signed {
    id: String,
    /// Who does this: it stands in the record.
    #[arg(long, value_name = "NAME")]
    actor: String,
    /// What others should know.
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// By which way it was said.
    #[arg(long, value_name = "WAY", default_value = "cli")]
    way: String,
}

#[derive(Debug, clap::Args)]
struct Party {
    /// Whom the actor speaks for: operator, customer, carrier/ID or unit/ID.
    #[arg(long, value_name = "PARTY", default_value = "operator")]
    party: String,
}

/// A command as the API takes it: incident, action and body.
type Asked<'a> = (&'a str, &'static str, Value);

impl Incident {
    pub fn run(self, global: &Global) -> ExitCode {
        answer(global, &self.url, self.ask(), |answer, language| self.text(answer, language))
    }

    async fn ask(&self) -> Result<Value, Failure> {
        match &self.action {
            Action::List => self.call(Method::GET, &format!("?limit={LISTED}"), None).await,
            Action::Show { id } => self.call(Method::GET, &format!("/{id}"), None).await,
            Action::Open { links, what, actor, party, at, way, drill } => {
                let mut body = json!({"links": links, "what": what, "actor": actor, "party": party, "way": way});
                if *drill {
                    body["drill"] = true.into();
                }
                if let Some(at) = at {
                    body["at"] = at.as_str().into();
                }
                self.call(Method::POST, "", Some(body)).await
            }
            Action::Replies => call(&self.url, Method::GET, "/api/v1/replies", None).await,
            Action::SettleReply { id, actor, note } => {
                let body = json!({"actor": actor, "way": "cli", "note": note});
                call(&self.url, Method::POST, &format!("/api/v1/replies/{id}/settle"), Some(body)).await
            }
            Action::RotateLinks { actor } => {
                let body = json!({"actor": actor, "way": "cli"});
                call(&self.url, Method::POST, "/api/v1/answer-links/rotate", Some(body)).await
            }
            action => {
                let Some((id, name, body)) = action.asked() else { return Ok(Value::Null) };
                self.call(Method::POST, &format!("/{id}/{name}"), Some(body)).await
            }
        }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Failure> {
        call(&self.url, method, &format!("/api/v1/incidents{path}"), body).await
    }

    fn text(&self, answer: &Value, language: Language) -> String {
        match &self.action {
            Action::List => match answer["incidents"].as_array().map(Vec::as_slice) {
                None | Some([]) => format!("{}\n", Message::NoIncidents.say(language)),
                Some(incidents) => incidents.iter().map(|incident| line(incident, language)).collect(),
            },
            Action::Show { .. } => show(answer, language),
            Action::Open { .. } => {
                let ids: Vec<&str> = answer["incidents"].as_array().into_iter().flatten().map(word).collect();
                format!("{} {}\n", Message::Done.say(language), ids.join(" "))
            }
            Action::Replies => answer["replies"].as_array().into_iter().flatten().map(reply_line).collect(),
            Action::Link { .. } => format!("{}\n", word(&answer["url"])),
            _ => format!("{} {}\n", Message::Done.say(language), word(&answer["at"])),
        }
    }
}

impl Action {
    /// `None`: it only looks.
    fn asked(&self) -> Option<Asked<'_>> {
        let said = |signed: &Signed, fields: Value| {
            let mut body = json!({"actor": signed.actor, "way": signed.way, "note": signed.note});
            for (key, value) in fields.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
                body[key] = value.clone();
            }
            body
        };
        Some(match self {
            Self::List
            | Self::Show { .. }
            | Self::Open { .. }
            | Self::Replies
            | Self::SettleReply { .. }
            | Self::RotateLinks { .. } => return None,
            Self::Restore { signed, at } => (&signed.id, "restore", said(signed, json!({"at": at}))),
            Self::Acknowledge { signed, party, work_order, eta } => {
                let fields = json!({"party": party.party, "work_order": work_order, "eta": eta});
                (&signed.id, "acknowledge", said(signed, fields))
            }
            Self::Withdraw { signed, party } => (&signed.id, "withdraw", said(signed, json!({"party": party.party}))),
            Self::Link { signed, party } => (&signed.id, "link", said(signed, json!({"party": party}))),
            Self::Record { signed, party, step, at, eta, links } => {
                let fields = json!({"party": party.party, "step": step, "at": at, "eta": eta, "links": links});
                (&signed.id, "record", said(signed, fields))
            }
            Self::Correct { signed, entry, at } => {
                (&signed.id, "correct", said(signed, json!({"entry": entry, "at": at})))
            }
            Self::Confirm { signed, condition } => {
                (&signed.id, "confirm", said(signed, json!({"condition": condition})))
            }
            Self::Close { signed } => (&signed.id, "close", said(signed, json!({}))),
            Self::Annul { id, actor, second, reason } => {
                (id, "annul", json!({"actor": actor, "way": "cli", "second": second, "reason": reason}))
            }
            Self::Resolve { signed, verdict } => (&signed.id, "resolve", said(signed, json!({"verdict": verdict}))),
        })
    }
}

/// One incident in a line: what lines up first, names last.
fn line(incident: &Value, language: Language) -> String {
    let links = members(incident);
    let down = links.iter().filter(|link| link["down"] == true).count();
    let scope = Message::Scope { kind: word(&incident["scope"]).into(), name: word(&incident["scope_id"]).into() };
    let inferred = match incident["inferred"] == true {
        true => format!(" ({})", Message::IsInferred.say(language)),
        false => String::new(),
    };
    format!(
        "{} {} {:8} {} {down}/{} {}{inferred}\n",
        word(&incident["id"]),
        incident["tier"],
        word(&incident["phase"]),
        word(&incident["began"]),
        links.len(),
        scope.say(language),
    )
}

/// A reply that waits, in a line: what lines up first, its text last.
fn reply_line(reply: &Value) -> String {
    let [id, at, number, party, person, why, text] =
        ["id", "at", "number", "party", "person", "why", "text"].map(|key| word(&reply[key]));
    format!("{id} {at} {number} {why} {party} {person} {text}\n")
}

fn show(incident: &Value, language: Language) -> String {
    let mut out = line(incident, language);
    for clock in incident["clocks"].as_array().into_iter().flatten() {
        let label = Message::ClockName { clock: word(&clock["clock"]).into(), party: word(&clock["party"]).into() };
        let ended = match clock["stopped"].as_str() {
            Some(stopped) => Message::ClockStopped { at: stopped.into() },
            None => Message::ClockRuns,
        };
        let (label, deadline, ended) = (label.say(language), word(&clock["deadline"]), ended.say(language));
        out += &format!("  {label} {deadline} {ended} ({})\n", word(&clock["clause"]));
    }
    for link in members(incident) {
        let state = if link["down"] == true { Message::StateDown } else { Message::StateUp };
        out += &format!("  {} {}\n", word(&link["link"]), state.say(language));
    }
    for entry in incident["timeline"].as_array().into_iter().flatten() {
        let [at, event, party, actor, way, note] =
            ["at", "event", "party", "actor", "way", "note"].map(|key| word(&entry[key]));
        let mut line = format!("  {:>3} {at} {event}", entry["number"]);
        for (mark, text) in [(" → ", word(&entry["eta"])), (" ", party), (" ", actor), (" @", way), (" ", note)] {
            if !text.is_empty() {
                line = line + mark + text;
            }
        }
        if let Some(wrong) = entry["corrects"].as_u64() {
            line += &format!(" ({})", Message::Corrects { entry: wrong }.say(language));
        }
        out += &line;
        out.push('\n');
    }
    out
}

fn members(incident: &Value) -> &[Value] {
    incident["links"].as_array().map_or(&[], Vec::as_slice)
}
