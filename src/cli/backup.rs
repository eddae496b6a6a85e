//! `linkpatrol backup` and `linkpatrol restore`: the state folder, copied beside a running daemon and put back.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::json;

use super::{
    Global, Output,
    journal::{Failure, exit, message, read_anchor, say},
    print_findings, progress,
};
use crate::{
    clock,
    config::Config,
    diagnostic::Findings,
    journal::{Audit, Fault},
    store::{self, BackupError, Restoring},
    text::{JournalMessage, Language},
    units::Timestamp,
};

/// Copies the state folder, also beside a running daemon, and holds the copy against itself.
#[derive(Debug, clap::Args)]
pub struct Backup {
    /// A folder that does not exist yet. It holds private keys: keep it as you keep them.
    target: PathBuf,
    /// The state folder, instead of `data_dir` of the configuration.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

/// Puts a backup in the place of the state folder's files, which are moved aside. The daemon must be stopped.
#[derive(Debug, clap::Args)]
pub struct Restore {
    /// What `linkpatrol backup` made.
    source: PathBuf,
    /// The state folder, instead of `data_dir` of the configuration.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// An anchor that left the house, held against the backup's journal. May be given several times.
    #[arg(long, value_name = "ANCHOR_FILE")]
    against: Vec<PathBuf>,
    /// Also when the folder holds entries that the backup lacks, or another journal.
    #[arg(long)]
    replace: bool,
    /// Also when the backup's journal is not as it was written.
    #[arg(long)]
    even_if_faulty: bool,
}

/// The state folder and the language to speak. `None`, with the findings printed, when the configuration is wrong.
fn folder(data_dir: Option<PathBuf>, global: &Global) -> Option<(PathBuf, Language)> {
    let mut findings = Findings::default();
    let config = Config::load(global.config_file.as_deref(), &mut findings);
    let language = global.language(config.as_ref());
    let folder = data_dir.or_else(|| config.map(|config| config.data_dir));
    if folder.is_none() {
        print_findings(&findings.into_sorted(), language);
    }
    Some((folder?, language))
}

fn now() -> Timestamp {
    Timestamp(clock::realtime_nanos() / 1_000_000)
}

fn time(at: Timestamp) -> String {
    at.rfc3339(chrono_tz::UTC)
}

impl Backup {
    pub fn run(self, global: &Global) -> ExitCode {
        let Some((folder, language)) = folder(self.data_dir, global) else { return ExitCode::from(2) };
        let target = self.target.display().to_string();
        match progress::during(|| store::backup(&folder, &self.target, now())) {
            Ok((manifest, audit)) => {
                let whole = audit.faults.is_empty();
                let bytes = manifest.files.keys().map(|name| size(&self.target.join(name))).sum();
                match global.output {
                    Output::Json => {
                        anstream::println!("{:#}", json!({ "whole": whole, "backup": manifest, "journal": audit }));
                    }
                    Output::Text if whole => {
                        let entries = manifest.head.number;
                        let done = JournalMessage::BackedUp { folder: target, entries, bytes };
                        anstream::println!("{}", say(done, language));
                    }
                    Output::Text => {
                        anstream::eprintln!("{}", say(JournalMessage::BackupFaulty { folder: target }, language));
                        print_faults(audit.faults, language);
                    }
                }
                ExitCode::from(u8::from(!whole))
            }
            Err(error) => refused(error, language),
        }
    }
}

impl Restore {
    pub fn run(self, global: &Global) -> ExitCode {
        let Some((folder, language)) = folder(self.data_dir, global) else { return ExitCode::from(2) };
        let against = self.against.iter().map(|file| read_anchor(file, language)).collect::<Result<Vec<_>, Failure>>();
        let against = match against {
            Ok(against) => against,
            Err(failure) => return exit(Err(failure)),
        };
        let restoring = Restoring { against, replace: self.replace, faulty: self.even_if_faulty };
        match progress::during(|| store::restore(&self.source, &folder, restoring, now())) {
            Ok((manifest, audit, aside)) => {
                match global.output {
                    Output::Json => {
                        anstream::println!("{:#}", json!({ "backup": manifest, "journal": audit, "moved_to": aside }));
                    }
                    Output::Text => {
                        let (folder, made) = (folder.display().to_string(), time(manifest.made));
                        let done = JournalMessage::Restored { folder, entries: audit.head.number, made };
                        anstream::println!("{}", say(done, language));
                        if let Some(aside) = aside {
                            let folder = aside.display().to_string();
                            anstream::println!("{}", say(JournalMessage::MovedAside { folder }, language));
                        }
                    }
                }
                ExitCode::SUCCESS
            }
            Err(error) => refused(error, language),
        }
    }
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map(|file| file.len()).unwrap_or_default()
}

fn print_faults(faults: Vec<Fault>, language: Language) {
    faults.into_iter().for_each(|fault| anstream::eprintln!("  {}", say(message(fault), language)));
}

/// 1: what is there speaks against it. 2: it could not be done.
fn refused(error: BackupError, language: Language) -> ExitCode {
    anstream::eprintln!("{error}");
    match error {
        BackupError::Faulty(audit) => {
            let Audit { faults, .. } = *audit;
            print_faults(faults, language);
            ExitCode::from(1)
        }
        BackupError::Changed { .. } | BackupError::Ahead { .. } | BackupError::Other { .. } => ExitCode::from(1),
        _ => ExitCode::from(2),
    }
}
