//! `linkpatrol device`: devices in use, spares, and the swap of what failed, at the running daemon.

use std::process::ExitCode;

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};

use super::{
    Global,
    client::{Failure, answer, call, done, word},
};
use crate::text::{DutyText, Language, Message};

/// Lists devices and spares of the running daemon, and says that one failed or was swapped.
#[derive(Debug, clap::Args)]
pub struct DeviceCommand {
    /// Where the daemon serves.
    #[arg(long, global = true, default_value = "http://127.0.0.1:9815", value_name = "URL")]
    url: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Coverage by spares, and every device with its status.
    List,
    /// Says that a device failed: the clock of its swap starts.
    Fault {
        id: String,
        #[command(flatten)]
        said: Said,
        /// Who says so: `customer` or `unit/ID`; `operator` when left out.
        #[arg(long, value_name = "PARTY", default_value = "")]
        party: String,
    },
    /// Says that it was swapped: the clock stops, and a spare of its model is taken.
    Swapped {
        id: String,
        #[command(flatten)]
        said: Said,
        /// It was not swapped by one of our spares.
        #[arg(long)]
        no_spare: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Said {
    /// Who does this: it stands in the record.
    #[arg(long, value_name = "NAME")]
    actor: String,
    /// When it was; now when left out.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

impl Said {
    fn body(&self) -> Value {
        let mut body = json!({"actor": self.actor, "way": "cli", "note": self.note});
        if let Some(at) = &self.at {
            body["at"] = at.as_str().into();
        }
        body
    }
}

impl DeviceCommand {
    pub fn run(self, global: &Global) -> ExitCode {
        answer(global, &self.url, self.ask(), |answer, language| match self.action {
            Action::List => text(answer, language),
            Action::Fault { .. } | Action::Swapped { .. } => done(answer, language),
        })
    }

    async fn ask(&self) -> Result<Value, Failure> {
        let (path, body) = match &self.action {
            Action::List => return call(&self.url, Method::GET, "/api/v1/devices", None).await,
            Action::Fault { id, said, party } => {
                let mut body = said.body();
                body["party"] = party.as_str().into();
                (format!("/api/v1/devices/{id}/fault"), body)
            }
            Action::Swapped { id, said, no_spare } => {
                let mut body = said.body();
                body["spare"] = (!no_spare).into();
                (format!("/api/v1/devices/{id}/swapped"), body)
            }
        };
        call(&self.url, Method::POST, &path, Some(body)).await
    }
}

fn text(answer: &Value, language: Language) -> String {
    let say = |text: DutyText| Message::Duty(text).say(language).to_string();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let devices = list(&answer["devices"]);
    if devices.is_empty() {
        return format!("{}\n", say(DutyText::NoDevices));
    }
    let count = |key: &str| answer["coverage"][key].as_u64().and_then(|count| usize::try_from(count).ok());
    let mut out = format!(
        "{}\n",
        say(DutyText::SpareCoverage {
            with_spare: count("with_spare").unwrap_or(0),
            all: count("models").unwrap_or(0),
            without: list(&answer["coverage"]["without"]).iter().map(|model| word(model).to_owned()).collect(),
        })
    );
    for spare in list(&answer["spares"]) {
        let left =
            DutyText::SpareLeft { left: spare["left"].as_u64().unwrap_or(0), place: word(&spare["place"]).to_owned() };
        out += &format!("  {} {}\n", word(&spare["model"]), say(left));
    }
    for device in devices {
        let status = say(DutyText::DeviceStatus { status: word(&device["status"]).to_owned() });
        let deadline = device["out"]["swap"]["deadline"].as_str();
        let due = deadline.map(|due| say(DutyText::DueAt { due: due.to_owned() })).unwrap_or_default();
        let [id, model, site] = ["id", "model", "site"].map(|key| word(&device[key]));
        out += format!("{status:8} {id} {model} {site} {due}").trim_end();
        out.push('\n');
    }
    out
}
