//! Findings for people who edit our files: where, how bad, what, and what to write instead.
//!
//! Readers of files return what they could read together with all findings, never the first one only. Findings are
//! bounded: a broken file of any size gives at most [`Findings::MOST`] of them and a count of the rest.

mod code;
mod source;
pub mod yaml;

use std::{fmt, path::Path, sync::Arc};

use anstyle::{AnsiColor, Style};

pub use self::source::{Source, count};
use crate::text::{Language, Message};

/// Line and column from 1, as editors count. Zero where a finding is about a whole file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub file: Arc<Path>,
    pub line: u32,
    pub column: u32,
}

impl Place {
    /// The file as a whole.
    pub fn whole(file: impl Into<Arc<Path>>) -> Self {
        Self { file: file.into(), line: 0, column: 0 }
    }
}

/// `inventories/xuchang/links.csv:118:31`.
impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.file.display())?;
        match self.line {
            0 => Ok(()),
            line => write!(out, ":{line}:{}", self.column),
        }
    }
}

/// Errors refuse the whole load; warnings do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

impl Severity {
    /// As JSON writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }

    /// For people.
    pub fn message(self) -> Message {
        match self {
            Self::Error => Message::Error,
            Self::Warning => Message::Warning,
        }
    }
}

/// `LP1307`: stable, listed in `docs/diagnostics.md`. The first two digits say which kind of file, the rest which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code(pub u16);

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "LP{:04}", self.0)
    }
}

/// One finding in a file that a person wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    pub place: Place,
    pub severity: Severity,
    pub code: Code,
    pub message: Message,
    /// What to write instead.
    pub help: Message,
}

impl Diagnostic {
    /// `file:line:column: error LP1307: message`, and the help indented below.
    pub fn print(&self, language: Language) -> String {
        self.styled(language, Style::new(), Style::new())
    }

    /// The same with colours, for terminals.
    pub fn print_coloured(&self, language: Language) -> String {
        let colour = match self.severity {
            Severity::Error => AnsiColor::Red,
            Severity::Warning => AnsiColor::Yellow,
        };
        self.styled(language, colour.on_default().bold(), AnsiColor::Cyan.on_default())
    }

    fn styled(&self, language: Language, severity: Style, help: Style) -> String {
        format!(
            "{}: {severity}{} {}{severity:#}: {}\n  {help}{}{help:#}: {}",
            self.place,
            self.severity.message().say(language),
            self.code,
            self.message.say(language),
            Message::Help.say(language),
            self.help.say(language)
        )
    }
}

/// Findings of one load, as they are made.
#[derive(Debug, Default)]
pub struct Findings {
    kept: Vec<Diagnostic>,
    /// How many more there were once `kept` was full, and the place of the first.
    more: u32,
    first_more: Option<Place>,
    errors: u32,
    /// Every file that was read, as it was read.
    sources: Vec<Source>,
}

impl Findings {
    /// More than anybody reads at once; bounds memory and output for a file that is wrong on every line.
    pub const MOST: usize = 1_000;

    pub fn error(&mut self, place: Place, code: Code, message: Message, help: Message) {
        self.errors += 1;
        self.keep(Diagnostic { place, severity: Severity::Error, code, message, help });
    }

    pub fn warning(&mut self, place: Place, code: Code, message: Message, help: Message) {
        self.keep(Diagnostic { place, severity: Severity::Warning, code, message, help });
    }

    fn keep(&mut self, diagnostic: Diagnostic) {
        if self.kept.len() < Self::MOST {
            self.kept.push(diagnostic);
        } else {
            self.more += 1;
            self.first_more.get_or_insert(diagnostic.place);
        }
    }

    /// The files that were read so far, in order; a file that was read twice is in here twice.
    pub fn take_sources(&mut self) -> Vec<Source> {
        std::mem::take(&mut self.sources)
    }

    fn keep_source(&mut self, source: &Source) {
        self.sources.push(source.clone());
    }

    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Errors so far: a reader compares before and after to know whether a part of it is whole.
    pub fn errors(&self) -> u32 {
        self.errors
    }

    /// No room left: a reader may stop looking for more of the same.
    pub fn is_full(&self) -> bool {
        self.kept.len() >= Self::MOST
    }

    /// By place and each once, the count of those left out at the end.
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let severity = if self.errors > 0 { Severity::Error } else { Severity::Warning };
        let mut sorted = self.kept;
        sorted.sort_by(|one, other| (&one.place, one.code).cmp(&(&other.place, other.code)));
        // Points of one profile find the same fault in it.
        sorted.dedup();
        if let Some(place) = self.first_more {
            let (message, help) = (Message::MoreFindings(self.more), Message::MoreFindingsHelp);
            sorted.push(Diagnostic { place, severity, code: Code::MORE_FINDINGS, message, help });
        }
        sorted
    }
}

/// The candidate that `word` is most likely a slip of: at most a third of its letters differ.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = word.chars().count();
    let most = (letters / 3).clamp(1, 3);
    // A cell of megabytes is a slip of no word, and is compared with none.
    let candidates = candidates.into_iter().filter(|candidate| candidate.chars().count().abs_diff(letters) <= most);
    let distances = candidates.map(|candidate| (edits(word, candidate), candidate));
    distances.filter(|(distance, _)| *distance <= most).min().map(|(_, candidate)| candidate)
}

/// Letters to insert, delete or change to turn one word into the other (Levenshtein), case aside.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (done, letter) in one.to_lowercase().chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], done + 1);
        for (at, wanted) in other.iter().enumerate() {
            let change = diagonal + usize::from(letter != *wanted);
            diagonal = row[at + 1];
            row[at + 1] = change.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_word_that_was_meant() {
        let known = ["interval", "timeout", "size"];
        assert_eq!(closest("intervall", known), Some("interval"));
        assert_eq!(closest("Time-out", known), Some("timeout"));
        assert_eq!(closest("dscp", known), None);
        assert_eq!(closest("", known), None);
    }

    #[test]
    fn findings_are_bounded_and_the_rest_is_counted() {
        let mut findings = Findings::default();
        for line in (0..1_500).rev() {
            let place = Place { line, ..Place::whole(Path::new("a")) };
            findings.error(place, Code::SYNTAX, Message::Help, Message::Help);
        }
        let sorted = findings.into_sorted();
        assert_eq!(sorted.len(), Findings::MOST + 1);
        assert_eq!(sorted[0].place.line, 500);
        assert_eq!(sorted[Findings::MOST].message, Message::MoreFindings(500));
    }

    #[test]
    fn codes_rise_and_are_never_used_twice() {
        assert!(Code::ALL.is_sorted_by(|one, other| one < other));
    }
}
