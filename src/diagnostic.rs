//! Findings for people who edit our files: where, how bad, what, and what to write instead.
//!
//! Readers of files return what they could read together with all findings, never the first one only.

use std::{fmt, path::Path, sync::Arc};

use crate::text::{Language, Message};

/// Line and column from 1, as editors count. Zero where a finding is about a whole file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub file: Arc<Path>,
    pub line: u32,
    pub column: u32,
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

/// `LP1203`: stable, listed in `docs/diagnostics.md`. The first two digits say which kind of file, the rest which rule.
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
    /// `file:line:column: error LP1203: message`, and the help indented below.
    pub fn print(&self, language: Language) -> String {
        let severity = match self.severity {
            Severity::Error => Message::Error,
            Severity::Warning => Message::Warning,
        };
        format!(
            "{}: {} {}: {}\n  {}: {}",
            self.place,
            severity.say(language),
            self.code,
            self.message.say(language),
            Message::Help.say(language),
            self.help.say(language)
        )
    }
}
