//! `linkpatrol import`: a file of somebody else becomes part of the inventory, whole or not at all.
//!
//! What would change is worked out first (`inventory::merge`) and checked with all other files as `check` does; only
//! then the one file that changes is replaced, and as it was it stays beside under a name with the time.

mod modules;
mod replace;
mod services;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Value, json};

use super::{Global, Output, check::finding_json, print_findings};
use crate::{
    clock::{Clock, SystemClock},
    config::Config,
    diagnostic::{Code, Diagnostic, Findings, Place, Severity, Source},
    inventory::{
        Inventory,
        merge::{Origin, Plan, Touched, merge},
    },
    patrol::load,
    text::{ImportText, Language, Message, Touch},
};

/// Takes a file of links, services or modules into the inventory, whole or not at all.
///
/// Links are matched by id, else by carrier and circuit id; services by address; modules by name.
/// Exit code: 0 taken or nothing to do, 1 refused with findings, 2 could not run.
#[derive(Debug, clap::Args)]
pub struct Import {
    file: PathBuf,
    /// What the file is; by its name where this is not said.
    #[arg(long = "as", value_name = "FORM")]
    form: Option<Form>,
    /// Prints what would change, and changes nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// Our own ledger: CSV in UTF-8 or GB18030, English or Chinese headings.
    Ledger,
    /// CSV export of NetBox circuits; its `id` is NetBox's own and is passed over.
    Netbox,
    /// Target groups of Prometheus, JSON or YAML: each target becomes a service.
    #[value(name = "file_sd")]
    FileSd,
    /// Modules of blackbox_exporter, for `/probe`.
    Blackbox,
    /// Configuration of smokeping_prober, or `Targets` of SmokePing: each host becomes a service.
    Smokeping,
}

/// What came of it.
#[derive(Default)]
struct Done {
    written: Option<PathBuf>,
    backup: Option<PathBuf>,
}

impl Import {
    pub fn run(self, global: &Global) -> ExitCode {
        let mut findings = Findings::default();
        let Some(config) = Config::load(global.config_file.as_deref(), &mut findings) else {
            print_findings(&findings.into_sorted(), global.language(None));
            return ExitCode::from(2);
        };
        let language = global.language(Some(&config));
        let Some(form) = self.form.or_else(|| Form::by_name(&self.file)) else {
            let message = Message::from(ImportText::UnknownForm { file: self.file.display().to_string() });
            anstream::eprintln!("{}", message.say(language));
            return ExitCode::from(2);
        };
        let mut plan = Source::read(&self.file, &mut findings).and_then(|incoming| {
            let mut merged =
                |origin| merge(&config.inventory, &incoming, origin, &past(&config.inventory), &mut findings);
            match form {
                Form::Ledger => merged(Origin::Ledger),
                Form::Netbox => merged(Origin::NetBox),
                Form::FileSd | Form::Smokeping => services::plan(&config, form, &incoming, &mut findings),
                Form::Blackbox => modules::plan(&config, &incoming, &mut findings),
            }
        });
        if let Some(plan) = &mut plan {
            refuse_a_link(plan, &mut findings);
        }
        let beyond = plan.as_mut().filter(|_| !findings.has_errors());
        let beyond = beyond.map_or(vec![], |plan| beyond_the_ledger(&config, plan));
        let mut findings = findings.into_sorted();
        findings.extend(beyond);
        let mut done = Done::default();
        let is_good = !findings.iter().any(|finding| finding.severity == Severity::Error);
        if let Some(written) = plan.as_ref().and_then(|plan| plan.written.as_ref()).filter(|_| is_good && !self.dry_run)
        {
            match replace::replace(&written.file, &written.before, &written.after, SystemClock::start().now().utc) {
                Ok(replace::Outcome::Replaced { backup }) => {
                    done = Done { written: Some(written.file.to_path_buf()), backup };
                }
                Ok(replace::Outcome::ChangedMeanwhile) => findings.push(Diagnostic {
                    place: Place::whole(written.file.clone()),
                    severity: Severity::Error,
                    code: Code::LEDGER_CHANGED,
                    message: ImportText::LedgerChanged.into(),
                    help: ImportText::LedgerChangedHelp.into(),
                }),
                Err(error) => {
                    let (file, cause) = (written.file.display().to_string(), error.to_string());
                    anstream::eprintln!("{}", Message::from(ImportText::CannotWrite { file, cause }).say(language));
                    return ExitCode::from(2);
                }
            }
        }
        self.print(global.output, plan.as_ref(), &findings, &done, language);
        let mut errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
        match errors.next() {
            None => ExitCode::SUCCESS,
            Some(only) if only.code == Code::UNREADABLE && *only.place.file == *self.file => ExitCode::from(2),
            Some(_) => ExitCode::from(1),
        }
    }

    fn print(&self, output: Output, plan: Option<&Plan>, findings: &[Diagnostic], done: &Done, language: Language) {
        let is_good = !findings.iter().any(|finding| finding.severity == Severity::Error);
        if output == Output::Json {
            anstream::println!("{:#}", self.as_json(plan, findings, done, language));
            return;
        }
        print_findings(findings, language);
        let say = |text: ImportText| anstream::println!("{}", Message::from(text).say(language));
        let Some(plan) = plan else { return say(ImportText::Refused) };
        for touched in &plan.touched {
            let changes =
                touched.changes.iter().map(|change| [change.column.clone(), change.from.clone(), change.to.clone()]);
            let (id, is_new, line) = (touched.id.clone(), touched.is_new, touched.place.line);
            say(ImportText::Touched(Box::new(Touch { id, is_new, line, changes: changes.collect() })));
        }
        let new = plan.touched.iter().filter(|touched| touched.is_new).count();
        let changed = plan.touched.len() - new;
        say(ImportText::Counts { new, changed, unchanged: plan.unchanged, refused: plan.refused });
        if plan.absent > 0 {
            say(ImportText::Absent { links: plan.absent });
        }
        match (&done.written, &done.backup, &plan.written) {
            _ if !is_good => say(ImportText::Refused),
            (Some(file), backup, _) => {
                let backup = backup.as_ref().map(|backup| backup.display().to_string());
                say(ImportText::Written { file: file.display().to_string(), backup });
            }
            (_, _, Some(written)) => say(ImportText::WouldWrite { file: written.file.display().to_string() }),
            (_, _, None) => say(ImportText::NothingToWrite),
        }
    }

    fn as_json(&self, plan: Option<&Plan>, findings: &[Diagnostic], done: &Done, language: Language) -> Value {
        let touched = |is_new: bool| -> Vec<Value> {
            let all = plan.map_or(&[][..], |plan| &plan.touched);
            let row = |row: &Touched| json!({"id": row.id, "line": row.place.line, "changes": row.changes});
            all.iter().filter(|row| row.is_new == is_new).map(row).collect()
        };
        let (new, changed) = (touched(true), touched(false));
        json!({
            "file": self.file,
            "dry_run": self.dry_run,
            "new": new,
            "changed": changed,
            "unchanged": plan.map(|plan| plan.unchanged),
            "refused": plan.map(|plan| plan.refused),
            "absent": plan.map(|plan| plan.absent),
            "findings": findings.iter().map(|finding| finding_json(finding, language)).collect::<Vec<_>>(),
            "written": done.written,
            "backup": done.backup,
        })
    }
}

impl Form {
    fn by_name(file: &Path) -> Option<Self> {
        match file.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => Some(Self::Ledger),
            Some("json") => Some(Self::FileSd),
            None if file.file_name()? == "Targets" => Some(Self::Smokeping),
            _ => None,
        }
    }
}

/// Replacing a link would leave what it points to as it is, and nobody would see why.
fn refuse_a_link(plan: &Plan, findings: &mut Findings) {
    let Some(written) = &plan.written else { return };
    if let Ok(target) = fs::read_link(&written.file) {
        let place = Place::whole(written.file.clone());
        let message = ImportText::LedgerIsALink { target: target.display().to_string() };
        findings.error(place, Code::LEDGER_IS_A_LINK, message.into(), ImportText::LedgerIsALinkHelp.into());
    }
}

/// What all other files say to the new ledger and did not say to the old one.
fn beyond_the_ledger(config: &Config, plan: &mut Plan) -> Vec<Diagnostic> {
    let Some(new) = plan.inventory.take() else { return vec![] };
    let old = Inventory::load(&config.inventory, &mut Findings::default());
    let (_, before) = load::with_inventory(config.clone(), old, Findings::default());
    let (_, after) = load::with_inventory(config.clone(), Some(new), Findings::default());
    after.into_iter().filter(|finding| !before.contains(finding)).collect()
}

/// Ledgers as they were before earlier imports.
fn past(folder: &Path) -> Vec<Source> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| replace::is_backup(path) && path.is_file()).collect();
    files.sort();
    files.iter().filter_map(|file| Source::read(file, &mut Findings::default())).collect()
}
