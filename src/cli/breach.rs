//! `linkpatrol breach`: notices of broken periods (违约通知书) and of poor quality (质量通报), from the draft to the seal.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::{
    Global, Output,
    client::{Failure, answer, call, word},
};
use crate::{
    command::Reply,
    config::Config,
    diagnostic::Findings,
    journal::{Record, digest_of},
    store::{Reader, StoreError},
    text::{DeskLine, DeskMessage, Language, Message},
};

/// Most notices that `list` shows: a page of the API.
const LISTED: usize = 1_000;

/// Notices to carriers of periods in which an objective was broken: drafted, reviewed, approved by another person, sent.
#[derive(Debug, Args)]
pub struct Breach {
    /// Where the daemon serves.
    #[arg(long, global = true, default_value = "http://127.0.0.1:9815", value_name = "URL")]
    url: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Notices that wait for somebody, newest first.
    List {
        /// Also those that were sent or withdrawn.
        #[arg(long)]
        all: bool,
    },
    /// What a notice says.
    Show {
        id: String,
        /// The sealed document to the byte, for `verify` and for the carrier.
        #[arg(long)]
        document: bool,
    },
    /// Drafts the notice of a carrier and the period that a month is in.
    Draft {
        /// Its key in carriers.yaml.
        carrier: String,
        /// Such as 2026-10.
        #[arg(long, value_name = "MONTH")]
        month: String,
        #[command(flatten)]
        signed: Signed,
    },
    /// Says that its figures were looked at.
    Review(Judged),
    /// Gives it its number and its seal: another person than who drafted or reviewed it.
    Approve(Judged),
    /// Hands it to the channels.
    Send(Judged),
    /// It is not sent, and why.
    Withdraw(Judged),
    /// Holds a sealed document against the journal.
    Verify {
        /// As `show --document` printed it.
        file: PathBuf,
        /// The state folder, instead of `data_dir` of the configuration.
        #[arg(long, value_name = "FOLDER")]
        data_dir: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct Judged {
    id: String,
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    #[command(flatten)]
    signed: Signed,
}

#[derive(Debug, Args)]
struct Signed {
    /// Who does this: it stands in the record.
    #[arg(long, value_name = "NAME")]
    actor: String,
}

impl Breach {
    pub fn run(self, global: &Global) -> ExitCode {
        if let Action::Verify { file, data_dir } = &self.action {
            return verify(file, data_dir.as_deref(), global);
        }
        answer(global, &self.url, self.ask(), |answer, language| match &self.action {
            Action::List { .. } => listed(&answer["breaches"], language),
            Action::Show { document: true, .. } => word(&answer["sealed"]["content"]).to_owned(),
            Action::Show { .. } => word(&answer["letter"][language.as_str()]["text"]).to_owned(),
            _ => {
                let text = |key: &str| answer[key].as_str().map(str::to_owned);
                let breach = word(&answer["breach"]).to_owned();
                let message = DeskMessage::BreachWritten { breach, number: text("number"), seal: text("seal") };
                format!("{}\n", Message::Desk(message).say(language))
            }
        })
    }

    async fn ask(&self) -> Result<Value, Failure> {
        let (url, path) = (&self.url, "/api/v1/breaches");
        let (judged, step) = match &self.action {
            Action::List { all } => {
                return call(url, Method::GET, &format!("{path}?limit={LISTED}&all={all}"), None).await;
            }
            Action::Show { id, .. } => return call(url, Method::GET, &format!("{path}/{id}"), None).await,
            Action::Draft { carrier, month, signed } => {
                let body = json!({ "carrier": carrier, "month": month, "actor": signed.actor, "way": "cli" });
                return call(url, Method::POST, path, Some(body)).await;
            }
            Action::Review(judged) => (judged, "review"),
            Action::Approve(judged) => (judged, "approve"),
            Action::Send(judged) => (judged, "send"),
            Action::Withdraw(judged) => (judged, "withdraw"),
            // Asks nobody: it reads the journal.
            Action::Verify { .. } => return Ok(Value::Null),
        };
        let body = json!({ "note": judged.note, "actor": judged.signed.actor, "way": "cli" });
        call(url, Method::POST, &format!("{path}/{}/{step}", judged.id), Some(body)).await
    }
}

fn listed(rows: &Value, language: Language) -> String {
    let line = |row: &Value| {
        let line = DeskLine {
            id: word(&row["id"]).to_owned(),
            phase: word(&row["phase"]).to_owned(),
            about: format!("{} {}", word(&row["paper"]["carrier"]), word(&row["paper"]["period"])),
            tickets: word(&row["number"]).to_owned(),
        };
        let breached = row["paper"]["breached"].as_u64().unwrap_or(0);
        DeskMessage::Breach { line: Box::new(line), quality: row["kind"] == "quality", breached }
    };
    let mut lines: Vec<DeskMessage> = rows.as_array().into_iter().flatten().map(line).collect();
    if lines.is_empty() {
        lines.push(DeskMessage::NoBreaches);
    }
    lines.into_iter().map(|message| format!("{}\n", Message::Desk(message).say(language))).collect()
}

/// Exit code 1: the document is not what was sealed.
fn verify(file: &Path, data_dir: Option<&Path>, global: &Global) -> ExitCode {
    let mut findings = Findings::default();
    let config = Config::load(global.config_file.as_deref(), &mut findings);
    let language = global.language(config.as_ref());
    let folder = data_dir.map(Path::to_path_buf).or(config.map(|config| config.data_dir));
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            anstream::eprintln!("{}: {error}", file.display());
            return ExitCode::from(2);
        }
    };
    let seal = digest_of(&bytes).to_string();
    let found = folder.ok_or(None).and_then(|folder| sealed(&folder, &seal, &bytes).map_err(Some));
    let (message, code) = match found {
        Ok(Some(entry)) => (DeskMessage::SealHolds { seal, entry }, 0),
        Ok(None) => (DeskMessage::SealBroken { seal }, 1),
        Err(error) => {
            anstream::eprintln!("{}", error.map_or_else(String::new, |error| error.to_string()));
            return ExitCode::from(2);
        }
    };
    match global.output {
        Output::Json => {
            let entry = if let DeskMessage::SealHolds { entry, .. } = &message { Some(*entry) } else { None };
            anstream::println!(
                "{:#}",
                json!({ "holds": code == 0, "sha256": digest_of(&bytes).to_string(), "entry": entry })
            );
        }
        Output::Text => anstream::println!("{}", Message::Desk(message).say(language)),
    }
    ExitCode::from(code)
}

/// Number of the journal's entry that holds the seal, where the chain also stood as the document says.
fn sealed(folder: &Path, seal: &str, bytes: &[u8]) -> Result<Option<u64>, StoreError> {
    let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let (stood, head) = (document["journal"]["entry"].as_u64(), word(&document["journal"]["head"]).to_owned());
    let reader = Reader::open(folder)?;
    let (mut found, mut moved) = (None, false);
    reader
        .each_entry(|link| {
            // An entry that was pruned says nothing against it.
            moved |= Some(link.number) == stood && link.hash.to_string() != head;
            if let Ok(Record::Command(commanded)) = Record::read(&link.entry)
                && let Reply::Breached { seal: Some(said), .. } = &commanded.reply
                && said == seal
            {
                found = found.or(Some(link.number));
            }
            Ok::<_, std::convert::Infallible>(())
        })?
        .unwrap_or_else(|never| match never {});
    Ok(found.filter(|_| !moved))
}
