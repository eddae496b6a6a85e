//! `rules/*.yaml` of an inventory folder.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use super::{
    Condition, Level, MOST_RULES, Rule, Rules, Template, Texts,
    condition::{FaultKind, Type, Word},
    variables::Words,
};
use crate::{
    diagnostic::{
        Code, Findings, Place, Source, closest,
        yaml::{self, Document, Lasting, place_within},
    },
    inventory::Inventory,
    text::{Message, RuleMessage},
};

/// Letters of a message: what fits into a short message and is read at a glance.
const MOST_MESSAGE: usize = 500;
/// Letters of a rule's name and class.
const MOST_NAME: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    rules: Vec<WrittenRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    name: String,
    when: String,
    #[serde(default)]
    clear: Option<String>,
    #[serde(default, rename = "for")]
    hold: Option<Lasting>,
    level: Level,
    class: String,
    #[serde(default)]
    repeat: Option<Lasting>,
    message: WrittenTexts,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTexts {
    #[serde(rename = "zh-CN")]
    zh_cn: String,
    en: String,
}

/// Reads every rule beside a contract. A contract without a folder `rules` has none.
pub fn load(folder: &Path, inventory: &Inventory, findings: &mut Findings) -> Rules {
    let folder = folder.join("rules");
    let Ok(entries) = fs::read_dir(&folder) else { return Rules::default() };
    let is_yaml = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_yaml).collect();
    files.sort();
    read_files(&files, Some(inventory), findings)
}

/// Reads files of rules. Without an inventory, names of carriers, units, groups and links are taken as they stand.
pub fn read_files(files: &[PathBuf], inventory: Option<&Inventory>, findings: &mut Findings) -> Rules {
    let rules: Vec<Rule> = files.iter().flat_map(|file| read_file(file, inventory, findings)).collect();
    let mut first: HashMap<&str, &Place> = HashMap::new();
    for rule in &rules {
        if let Some(first) = first.insert(&rule.name, &rule.place) {
            let message = Message::Rule(RuleMessage::Duplicate { name: rule.name.clone(), first: first.clone() });
            let help = Message::Rule(RuleMessage::DuplicateHelp);
            findings.error(rule.place.clone(), Code::DUPLICATE_RULE, message, help);
        }
    }
    if let Some(rule) = rules.get(MOST_RULES) {
        let message = Message::Rule(RuleMessage::TooMany { most: MOST_RULES });
        let help = Message::Rule(RuleMessage::TooManyHelp);
        findings.error(rule.place.clone(), Code::RULE_TOO_LARGE, message, help);
    }
    Rules::new(rules)
}

fn read_file(file: &Path, inventory: Option<&Inventory>, findings: &mut Findings) -> Vec<Rule> {
    let Some(source) = Source::read(file, findings) else { return vec![] };
    let Some(document) = yaml::decode::<Written>(&source, findings) else { return vec![] };
    let mut reader = Reader { source: &source, document: &document, inventory, findings };
    document.value.rules.iter().enumerate().filter_map(|(number, rule)| reader.rule(number, rule)).collect()
}

/// One file on its way to rules.
struct Reader<'a> {
    source: &'a Source,
    document: &'a Document<Written>,
    inventory: Option<&'a Inventory>,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    fn rule(&mut self, number: usize, written: &WrittenRule) -> Option<Rule> {
        let path = |key: &str| format!("rules.{number}.{key}");
        let name = self.name(&path("name"), &written.name);
        let class = self.name(&path("class"), &written.class);
        let when = self.condition(&path("when"), &written.when);
        let clear = written.clear.as_ref().map(|clear| self.condition(&path("clear"), clear));
        let zh_cn = self.text(&path("message.zh-CN"), &written.message.zh_cn);
        let en = self.text(&path("message.en"), &written.message.en);
        let repeat = written.repeat.map(|Lasting(repeat)| repeat);
        if repeat.is_some_and(|repeat| repeat.is_zero()) {
            self.error(&path("repeat"), Code::FIGURE_OF_NOTHING, RuleMessage::RepeatZero, RuleMessage::RepeatZeroHelp);
        }
        Some(Rule {
            name: name?,
            when: when?,
            clear: clear.map_or(Some(None), |clear| clear.map(Some))?,
            hold: written.hold.map_or(Duration::ZERO, |Lasting(hold)| hold),
            level: written.level,
            class: class?,
            repeat: repeat.filter(|repeat| !repeat.is_zero()),
            message: Texts { zh_cn: zh_cn?, en: en? },
            place: self.document.place(&path("name")),
        })
    }

    /// A word that labels and URLs carry unescaped.
    fn name(&mut self, path: &str, written: &str) -> Option<String> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        let is_good = !written.is_empty() && written.len() <= MOST_NAME && written.chars().all(plain);
        if !is_good {
            let message = RuleMessage::BadName { name: yaml::shortened(written) };
            self.error(path, Code::BAD_RULE_NAME, message, RuleMessage::BadNameHelp { most: MOST_NAME });
        }
        is_good.then(|| written.to_owned())
    }

    fn condition(&mut self, path: &str, written: &str) -> Option<Condition> {
        let condition = match Condition::compile(written) {
            Ok(condition) => condition,
            Err(faults) => {
                for fault in faults {
                    let (code, message, help) = words(fault.kind);
                    self.error_within(path, written, fault.at, code, message, help);
                }
                return None;
            }
        };
        let before = self.findings.errors();
        for word in &condition.words {
            self.word(path, written, word);
        }
        (self.findings.errors() == before).then_some(condition)
    }

    /// A word that a variable can never be: the rule would never fire, and nobody would know.
    fn word(&mut self, path: &str, written: &str, word: &Word) {
        let Some(known) = self.known(word.of) else { return };
        if known.contains(&word.text.as_str()) {
            return;
        }
        let closest = closest(&word.text, known.iter().copied()).map(str::to_owned);
        let message = RuleMessage::UnknownWord { word: word.text.clone() };
        let known = known.into_iter().map(str::to_owned).collect();
        let help = Message::Known { closest, known };
        let place = place_within(self.source, &self.document.place(path), written, word.at);
        self.findings.error(place, Code::RULE_WORD, Message::Rule(message), help);
    }

    fn known(&self, words: Words) -> Option<Vec<&str>> {
        let inventory = self.inventory;
        Some(match words {
            Words::Any => return None,
            Words::These(words) => words.to_vec(),
            Words::Links => inventory?.links.iter().map(|link| link.id.as_str()).collect(),
            Words::Carriers => inventory?.carriers.iter().map(|carrier| carrier.id.as_str()).collect(),
            Words::Units => inventory?.units.iter().map(|unit| unit.id.as_str()).collect(),
            // A link of no group has the empty one.
            Words::Groups => {
                let mut groups: Vec<&str> = inventory?.links.iter().filter_map(|link| link.group.as_deref()).collect();
                groups.push("");
                groups
            }
        })
    }

    fn text(&mut self, path: &str, written: &str) -> Option<Template> {
        if written.chars().count() > MOST_MESSAGE {
            let message = RuleMessage::MessageTooLong { most: MOST_MESSAGE };
            self.error(path, Code::RULE_TOO_LARGE, message, RuleMessage::MessageTooLongHelp);
            return None;
        }
        match Template::parse(written) {
            Ok(template) => Some(template),
            Err(unknown) => {
                for part in unknown {
                    let (code, message, help) =
                        words(FaultKind::UnknownName { name: part.name, closest: part.closest });
                    self.error_within(path, written, part.at, code, message, help);
                }
                None
            }
        }
    }

    fn error(&mut self, path: &str, code: Code, message: RuleMessage, help: RuleMessage) {
        self.findings.error(self.document.place(path), code, Message::Rule(message), Message::Rule(help));
    }

    fn error_within(
        &mut self,
        path: &str,
        written: &str,
        at: usize,
        code: Code,
        message: RuleMessage,
        help: RuleMessage,
    ) {
        let place = place_within(self.source, &self.document.place(path), written, at);
        self.findings.error(place, code, Message::Rule(message), Message::Rule(help));
    }
}

fn words(fault: FaultKind) -> (Code, RuleMessage, RuleMessage) {
    use RuleMessage as Say;
    match fault {
        FaultKind::Syntax(cause) => (Code::RULE_SYNTAX, Say::Syntax { cause }, Say::SyntaxHelp),
        FaultKind::UnknownName { name, closest } => {
            (Code::RULE_NAME, Say::UnknownName { name }, Say::UnknownNameHelp { closest })
        }
        FaultKind::NotAvailable(what) => (Code::RULE_NOT_AVAILABLE, Say::NotAvailable { what }, Say::NotAvailableHelp),
        FaultKind::WrongType { found, wanted } => {
            let name = |of| match of {
                Type::Truth => "true or false",
                Type::Number => "number",
                Type::Text => "text",
            };
            (Code::RULE_TYPE, Say::WrongType { found: name(found), wanted: name(wanted) }, Say::WrongTypeHelp)
        }
        FaultKind::Divisor => (Code::RULE_TYPE, Say::Divisor, Say::DivisorHelp),
        FaultKind::Constant => (Code::RULE_TYPE, Say::Constant, Say::ConstantHelp),
        FaultKind::TooLong { most } => (Code::RULE_TOO_LARGE, Say::TooLong { most }, Say::TooLargeHelp),
        FaultKind::TooDeep { most } => (Code::RULE_TOO_LARGE, Say::TooDeep { most }, Say::TooLargeHelp),
        FaultKind::TooManyParts { most } => (Code::RULE_TOO_LARGE, Say::TooManyParts { most }, Say::TooLargeHelp),
    }
}

/// One rule for tests, named `loss`, from the keys that matter.
#[cfg(test)]
pub(crate) fn fixture(keys: &str) -> Rules {
    let rest = [("level: ", "level: warning"), ("class: ", "class: quality"), ("name: ", "name: loss")];
    let rest = rest.iter().filter(|(key, _)| !keys.contains(key)).map(|(_, rest)| format!(", {rest}"));
    let text =
        format!("rules: [{{{keys}{}, message: {{zh-CN: '{{link}}', en: '{{link}}'}}}}]", rest.collect::<String>());
    let mut findings = Findings::default();
    let source = Source { file: Path::new("rules.yaml").into(), bytes: text.into_bytes() };
    let document = yaml::decode::<Written>(&source, &mut findings).unwrap();
    let mut reader = Reader { source: &source, document: &document, inventory: None, findings: &mut findings };
    let rule = reader.rule(0, &document.value.rules[0]);
    Rules::new(vec![rule.unwrap_or_else(|| panic!("{:?}", findings.into_sorted()))])
}
