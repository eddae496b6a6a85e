//! `linkpatrol rule`: rules tried on series from a file, and written for Prometheus.

mod own;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use serde_json::json;

use super::{Global, Output, print_findings};
use crate::{
    diagnostic::Findings,
    judge::rule::{self, Exported, Happening, Outcome, Rule, Rules, StoryFile, Template, Told},
    patrol::load::from_file,
    text::{Language, Message, RuleMessage},
    units::duration_text,
};

/// Tries operators' rules, and writes them for Prometheus.
#[derive(Debug, clap::Args)]
pub struct RuleCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Plays the stories of a file against its rules (docs/rules.md); prints where they differ from what is expected.
    Test {
        /// The stories; they name their rules.
        file: PathBuf,
    },
    /// Writes Prometheus alerting rules for every rule that Prometheus can judge exactly as we do; lists the others.
    Export {
        /// Rule files; without any, those of the configured contract.
        files: Vec<PathBuf>,
        /// The shipped alerts and recording rules over linkpatrol itself, instead of operators' rules.
        #[arg(long, conflicts_with_all = ["files", "strict"])]
        second_line: bool,
        /// Name of the scrape job that the shipped rules look at.
        #[arg(long, default_value = "linkpatrol", requires = "second_line", value_parser = job)]
        job: String,
        /// A rule that cannot be exported is an error.
        #[arg(long)]
        strict: bool,
    },
}

impl RuleCommand {
    pub fn run(self, global: &Global) -> ExitCode {
        match self.action {
            Action::Test { file } => test(&file, global),
            Action::Export { second_line: true, job, .. } => {
                anstream::print!("{}", own::rules(&job));
                ExitCode::SUCCESS
            }
            Action::Export { files, strict, .. } => export(&files, strict, global),
        }
    }
}

/// What needs no escaping in a selector.
fn job(text: &str) -> Result<String, String> {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:".contains(character);
    if !text.is_empty() && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("letters, digits and -_./: only".into())
    }
}

/// The rules of some files. `None`, with the findings printed, when one of them is wrong.
fn read(files: &[PathBuf], mut findings: Findings, language: Language) -> Option<Rules> {
    let rules = rule::read_files(files, None, &mut findings);
    let refused = findings.has_errors();
    print_findings(&findings.into_sorted(), language);
    (!refused).then_some(rules)
}

fn test(file: &std::path::Path, global: &Global) -> ExitCode {
    let (language, mut findings) = (global.language(None), Findings::default());
    let stories = StoryFile::read(file, &mut findings);
    let Some(stories) = stories else {
        print_findings(&findings.into_sorted(), language);
        return ExitCode::from(2);
    };
    let Some(rules) = read(&stories.rules, findings, language) else { return ExitCode::from(2) };
    if let Some(name) = stories.unknown_rules(&rules).next() {
        let message = Message::Rule(RuleMessage::NoSuchRule { name: name.to_owned() });
        anstream::eprintln!("{}", message.say(language));
        return ExitCode::from(2);
    }
    let outcomes = stories.play(&Arc::new(rules));
    match global.output {
        Output::Text => outcomes.iter().for_each(|outcome| print(outcome, language)),
        Output::Json => anstream::println!("{:#}", json!(outcomes.iter().map(as_json).collect::<Vec<_>>())),
    }
    ExitCode::from(u8::from(!outcomes.iter().all(Outcome::is_fine)))
}

/// As a difference: `-` was expected, `+` happened, blank both.
fn print(outcome: &Outcome, language: Language) {
    let fine = Message::Rule(RuleMessage::StoryEnded { fine: outcome.is_fine() });
    anstream::println!("{}: {}", outcome.story, fine.say(language));
    let mut lines: Vec<(Duration, char, &Told)> = vec![];
    lines.extend(outcome.told.iter().map(|told| (told.at, ' ', told)));
    for (_, sign, told) in &mut lines {
        if outcome.unexpected.contains(told) {
            *sign = '+';
        }
    }
    lines.extend(outcome.missing.iter().map(|told| (told.at, '-', told)));
    lines.sort_by_key(|(at, sign, told)| (*at, *sign, told.rule.clone()));
    for (at, sign, Told { rule, happening, .. }) in lines {
        anstream::println!("  {sign} {:>6}  {rule} {}", duration_text(at), word(*happening));
    }
    for (rule, raised, most) in &outcome.flaps {
        let message = Message::Rule(RuleMessage::Flaps { rule: rule.clone(), raised: *raised, most: *most });
        anstream::println!("  + {}", message.say(language));
    }
}

/// As the file of stories writes it.
fn word(happening: Happening) -> &'static str {
    match happening {
        Happening::Fires => "fires",
        Happening::Clears => "clears",
    }
}

fn as_json(outcome: &Outcome) -> serde_json::Value {
    let told =
        |told: &Told| json!({ "at_seconds": told.at.as_secs_f64(), "rule": told.rule, "what": word(told.happening) });
    let list = |list: &[Told]| list.iter().map(told).collect::<Vec<_>>();
    json!({
        "story": outcome.story,
        "fine": outcome.is_fine(),
        "told": list(&outcome.told),
        "missing": list(&outcome.missing),
        "unexpected": list(&outcome.unexpected),
        "flaps": outcome.flaps.iter().map(|(rule, raised, most)| json!({ "rule": rule, "raised": raised, "most": most }))
            .collect::<Vec<_>>(),
    })
}

fn export(files: &[PathBuf], strict: bool, global: &Global) -> ExitCode {
    let (rules, language) = if files.is_empty() {
        let (loaded, findings) = from_file(global.config_file.as_deref());
        let language = global.language(loaded.as_ref().map(|loaded| &*loaded.config));
        let Some(loaded) = loaded else {
            print_findings(&findings, language);
            return ExitCode::from(2);
        };
        (loaded.rules, language)
    } else {
        let language = global.language(None);
        let Some(rules) = read(files, Findings::default(), language) else { return ExitCode::from(2) };
        (Arc::new(rules), language)
    };
    let message: fn(&Rule) -> &Template = match language {
        Language::ZhCn => |rule| &rule.message.zh_cn,
        Language::En => |rule| &rule.message.en,
    };
    let Exported { yaml, exported, left_out } = rule::export(&rules, message);
    match global.output {
        Output::Text => {
            anstream::print!("{yaml}");
            for one in &left_out {
                let message = RuleMessage::NotExportable { rule: one.rule.clone(), because: one.because.clone() };
                anstream::eprintln!("{}", Message::Rule(message).say(language));
            }
        }
        Output::Json => {
            let left_out: Vec<_> =
                left_out.iter().map(|one| json!({ "rule": one.rule, "because": one.because })).collect();
            anstream::println!("{:#}", json!({ "rules": yaml, "exported": exported, "left_out": left_out }));
        }
    }
    ExitCode::from(u8::from(strict && !left_out.is_empty()))
}
