//! `linkpatrol journal`: the record that others can hold us to, checked, shown, handed over and played again.
//!
//! All of it reads the state folder alone: no daemon is asked, and none is disturbed.

mod recorded;

use std::{
    collections::HashMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Subcommand;
use serde_json::{Value, json};

use self::recorded::Recorded;
use super::{Global, Output, print_findings, progress};
use crate::{
    clock,
    config::Config,
    diagnostic::Findings,
    journal::{Audit, Difference, Fault, Link, Replay, Replayed, Seal},
    store::{self, Reader, StoreError},
    text::{JournalMessage, Language, Message},
    units::Timestamp,
};

/// Checks, shows, exports and replays the journal.
#[derive(Debug, clap::Args)]
pub struct Journal {
    /// The state folder, instead of `data_dir` of the configuration.
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Whether everything is as it was written.
    Verify {
        /// An anchor that left the house. May be given several times.
        #[arg(long, value_name = "ANCHOR_FILE")]
        against: Vec<PathBuf>,
        /// The public key that seals must be of, instead of that in the state folder.
        #[arg(long, value_name = "HEX")]
        key: Option<String>,
    },
    /// The newest entries, or those after a number.
    Show {
        /// Entries with a number above this.
        #[arg(long, value_name = "NUMBER")]
        after: Option<u64>,
        /// Only entries of this kind, such as `command`.
        #[arg(long)]
        kind: Option<String>,
        /// Most entries to show.
        #[arg(long, default_value_t = 20)]
        most: usize,
    },
    /// Every entry and seal as one JSON document a line, for those who check it without this program.
    Export {
        /// Writes what entries refer to into this folder too, in files named by their hash.
        #[arg(long, value_name = "FOLDER")]
        contents: Option<PathBuf>,
    },
    /// Rebuilds the incidents from the recorded inputs, and compares.
    Replay,
    /// Erases a person's name wherever it stands beside the chain; an opaque id stays. The daemon must be stopped.
    Forget { name: String },
}

/// Why nothing could be said.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    NotAnchor(String),
}

/// Longest payload that `show` prints whole.
const MOST_SHOWN: usize = 400;

impl Journal {
    pub fn run(self, global: &Global) -> ExitCode {
        let mut findings = Findings::default();
        let config = Config::load(global.config_file.as_deref(), &mut findings);
        let language = global.language(config.as_ref());
        let folder = match (&self.data_dir, &config) {
            (Some(folder), _) => folder.clone(),
            (None, Some(config)) => config.data_dir.clone(),
            (None, None) => {
                print_findings(&findings.into_sorted(), language);
                return ExitCode::from(2);
            }
        };
        if let Action::Forget { name } = &self.action {
            return exit(forget(&folder, name, language));
        }
        exit(Reader::open(&folder).map_err(Failure::from).and_then(|reader| match &self.action {
            Action::Forget { .. } => Ok(false),
            Action::Verify { against, key } => verify(&reader, &folder, against, key.clone(), global.output, language),
            Action::Show { after, kind, most } => show(&reader, *after, kind.as_deref(), *most, global.output),
            Action::Export { contents } => export(&reader, contents.as_deref()),
            Action::Replay => replay(reader, global.output, language),
        }))
    }
}

pub(super) fn exit(done: Result<bool, Failure>) -> ExitCode {
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            anstream::eprintln!("{failure}");
            ExitCode::from(2)
        }
    }
}

fn forget(folder: &Path, name: &str, language: Language) -> Result<bool, Failure> {
    let records = store::forget(folder, name, Timestamp(clock::realtime_nanos() / 1_000_000))?;
    anstream::println!("{}", say(JournalMessage::Forgotten { records }, language));
    Ok(records > 0)
}

pub(super) fn say(message: JournalMessage, language: Language) -> String {
    Message::Journal(message).say(language).to_string()
}

fn verify(
    reader: &Reader,
    folder: &Path,
    against: &[PathBuf],
    key: Option<String>,
    output: Output,
    language: Language,
) -> Result<bool, Failure> {
    let anchors = against.iter().map(|file| read_anchor(file, language)).collect::<Result<Vec<_>, _>>()?;
    let key = key.or_else(|| store::public_hex(folder));
    let audit = progress::during(|| reader.audit(anchors, key.as_deref()))?;
    let whole = audit.faults.is_empty();
    match output {
        Output::Json => anstream::println!("{:#}", json!({ "whole": whole, "public_key": key, "journal": audit })),
        Output::Text => print_audit(&audit, key, &folder.join("journal.pub"), language),
    }
    Ok(whole)
}

fn print_audit(audit: &Audit, key: Option<String>, file: &Path, language: Language) {
    let time = |at: Option<Timestamp>| at.unwrap_or_default().rfc3339(chrono_tz::UTC);
    let say = |message| anstream::println!("{}", say(message, language));
    say(match key {
        Some(key) => JournalMessage::Key { key },
        None => JournalMessage::NoKey { file: file.display().to_string() },
    });
    if audit.seals_pruned > 0 {
        say(JournalMessage::SealsPruned { seals: audit.seals_pruned });
    }
    say(JournalMessage::Head { number: audit.head.number, hash: audit.head.hash.to_string() });
    let faults = audit.faults.len() as u64 + audit.more;
    say(match (faults, audit.entries) {
        (0, 0) => JournalMessage::Empty,
        (0, _) => JournalMessage::Whole {
            entries: audit.entries,
            oldest: time(audit.oldest),
            newest: time(audit.newest),
            seals: audit.seals,
            contents: audit.contents,
            incidents: audit.incidents,
        },
        _ => JournalMessage::Faulty { faults },
    });
    if audit.texts_unchecked > 0 {
        say(JournalMessage::TextsUnchecked { incidents: audit.texts_unchecked });
    }
    audit.faults.iter().cloned().for_each(|fault| say(message(fault)));
}

/// What a fault is in words.
pub(super) fn message(fault: Fault) -> JournalMessage {
    match fault {
        Fault::Changed { entry } => JournalMessage::Changed { entry },
        Fault::Missing { from, to } => JournalMessage::Missing { from, to },
        Fault::Unreadable { entry, cause } => JournalMessage::Unreadable { entry, cause },
        Fault::BadSignature { seal } => JournalMessage::BadSignature { seal },
        Fault::ForeignKey { seal, key } => JournalMessage::ForeignKey { seal, key },
        Fault::Disagrees { seal, entry } => JournalMessage::Disagrees { seal, entry },
        Fault::TailMissing { seal, entry, ends } => JournalMessage::TailMissing { seal, entry, ends },
        Fault::ContentMissing { entry, hash } => JournalMessage::ContentMissing { entry, hash: hash.to_string() },
        Fault::ContentChanged { hash } => JournalMessage::ContentChanged { hash: hash.to_string() },
        Fault::RecordDiffers { record, entry } => JournalMessage::RecordDiffers { record, entry },
        Fault::TextDiffers { incident, entry } => JournalMessage::TextDiffers { incident, entry },
        Fault::IncidentDiffers { incident, entry } => JournalMessage::IncidentDiffers { incident, entry },
        Fault::IncidentMissing { incident, entry } => JournalMessage::IncidentMissing { incident, entry },
    }
}

pub(super) fn read_anchor(file: &Path, language: Language) -> Result<Seal, Failure> {
    let refused = |cause: String| {
        Failure::NotAnchor(say(JournalMessage::NotAnchor { file: file.display().to_string(), cause }, language))
    };
    let bytes = fs::read(file).map_err(|error| refused(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| refused(error.to_string()))
}

fn show(reader: &Reader, after: Option<u64>, kind: Option<&str>, most: usize, output: Output) -> Result<bool, Failure> {
    let mut shown = std::collections::VecDeque::new();
    reader
        .each_entry(|link| {
            let wanted =
                kind.is_none_or(|kind| kind == link.entry.kind) && after.is_none_or(|after| link.number > after);
            if wanted {
                shown.push_back(link);
            }
            if shown.len() > most {
                // After a number the first ones are asked for, else the last ones.
                match after {
                    Some(_) => return Err(shown.pop_back()),
                    None => _ = shown.pop_front(),
                }
            }
            Ok(())
        })?
        .unwrap_or_else(drop);
    let people = reader.people()?;
    match output {
        Output::Json => {
            let entries: Vec<_> = shown.iter().map(|link| as_json(link, payload(link))).collect();
            anstream::println!("{:#}", json!({ "entries": entries, "people": people }));
        }
        Output::Text => shown.iter().for_each(|link| anstream::println!("{}", line(link, &people))),
    }
    Ok(true)
}

/// One entry in a line, with the names of people that are still known.
fn line(link: &Link, people: &HashMap<String, String>) -> String {
    let Link { number, entry, .. } = link;
    let mut payload = entry.payload.clone();
    for (id, name) in people.iter().filter(|(id, _)| entry.payload.contains(id.as_str())) {
        payload = payload.replace(id, name);
    }
    if let Some((end, _)) = payload.char_indices().nth(MOST_SHOWN) {
        payload.truncate(end);
        payload.push('…');
    }
    format!("{number:>8} {} {:13} {payload}", entry.at.rfc3339(chrono_tz::UTC), entry.kind)
}

fn payload(link: &Link) -> Value {
    serde_json::from_str(&link.entry.payload).unwrap_or_else(|_| Value::from(link.entry.payload.as_str()))
}

fn as_json(link: &Link, payload: Value) -> Value {
    let Link { number, entry, hash } = link;
    json!({ "number": number, "at": entry.at, "kind": entry.kind, "payload": payload, "hash": hash })
}

/// The payload is a string here: its bytes are what was hashed.
fn export(reader: &Reader, contents: Option<&Path>) -> Result<bool, Failure> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let (checkpoint, anchors) = reader.seals()?;
    let head = json!({ "format": "linkpatrol journal 1", "checkpoint": checkpoint, "anchors": anchors });
    writeln!(out, "{head}")?;
    reader.each_entry(|link| writeln!(out, "{}", as_json(&link, link.entry.payload.as_str().into())))??;
    out.flush()?;
    if let Some(folder) = contents {
        fs::create_dir_all(folder)?;
        let mut written = Ok(());
        reader.each_content(|hash, bytes| {
            if written.is_ok() {
                written = fs::write(folder.join(hash.to_string()), bytes);
            }
        })?;
        written?;
    }
    Ok(true)
}

fn replay(reader: Reader, output: Output, language: Language) -> Result<bool, Failure> {
    let mut contents = Recorded::new(reader)?;
    let mut replay = Replay::default();
    let reader = contents.reader();
    let played = progress::during(|| reader.each_entry(|link| replay.take(&link, &mut contents)))?;
    let done = replay.end();
    match (output, &played) {
        (Output::Json, _) => {
            anstream::println!(
                "{:#}",
                json!({ "same": played.is_ok(), "replayed": done, "difference": played.as_ref().err() })
            );
        }
        (Output::Text, Ok(())) => print_replayed(&done, language),
        (Output::Text, Err(difference)) => print_difference(difference, language),
    }
    Ok(played.is_ok())
}

fn print_replayed(done: &Replayed, language: Language) {
    let Replayed { steps, starts, incidents, passed_over, .. } = *done;
    anstream::println!("{}", say(JournalMessage::Replayed { steps, starts, incidents }, language));
    if passed_over > 0 {
        anstream::println!("{}", say(JournalMessage::PassedOver { entries: passed_over }, language));
    }
}

fn print_difference(difference: &Difference, language: Language) {
    let Difference { entry, recorded, rebuilt, version } = difference.clone();
    anstream::println!("{}", say(JournalMessage::Differs { entry, recorded, rebuilt }, language));
    if let Some(version) = version {
        anstream::println!("{}", say(JournalMessage::OtherVersion { version }, language));
    }
}
