//! Templates of letters: shipped ones, and what stands in their place in a contract's folder or for one carrier.
//!
//! A template has three parts with a line `---` between: subject, text for transports with little room, text.

use std::{error::Error, fmt};

use minijinja::{Environment, UndefinedBehavior, Value};

use super::{
    Letter, breach,
    context::{samples, variables},
};
use crate::text::Language;

const LANGUAGES: [Language; 2] = [Language::ZhCn, Language::En];
/// What a notice of quality may not do.
const ACCUSES: &str = "a letter may not speak of a breach (违约) there";
/// Folder of what ships.
const SHIPPED: &str = "shipped";

/// All templates, compiled.
pub struct Letters(Environment<'static>);

/// A rendered letter.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Written {
    pub subject: String,
    pub short: String,
    pub text: String,
}

impl Default for Letters {
    fn default() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (language, name, text) in TEXTS {
            for folder in [format!("{SHIPPED}/{language}"), language.to_owned()] {
                // The shipped ones compile: a test renders each.
                let _ = environment.add_template_owned(format!("{folder}/{name}"), text.to_owned());
            }
        }
        // A part is looked for in the language of whoever includes it.
        environment.set_path_join_callback(|name, parent| {
            let folder = parent.rsplit_once('/').map_or("", |(folder, _)| folder);
            let language = folder.rsplit('/').next().unwrap_or_default();
            format!("{language}/{name}").into()
        });
        Self(environment)
    }
}

impl fmt::Debug for Letters {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Letters")
    }
}

impl Letters {
    /// Puts a template in the place of a shipped one. `carrier`: only for its letters; empty: for all.
    ///
    /// # Errors
    /// Line, from 1, and what is wrong: it does not compile, has not three parts, or asks for what is not there.
    pub(super) fn replace(
        &mut self,
        carrier: &str,
        language: Language,
        name: &str,
        text: &str,
    ) -> Result<(), (usize, String)> {
        let path = path(carrier, language, name);
        self.0.add_template_owned(path.clone(), text.to_owned()).map_err(wrong)?;
        // Also what is asked for only in a branch that no sample takes.
        let asked = self.0.get_template(&path).map_err(wrong)?.undeclared_variables(false);
        let letter = Letter::ALL.into_iter().find(|letter| letter.as_str() == name);
        let mut known = variables(letter);
        known.extend(self.0.globals().map(|(name, _)| name.to_owned()));
        if let Some(unknown) = asked.iter().filter(|asked| !known.contains(*asked)).min() {
            let line = text.lines().position(|line| line.contains(unknown.as_str())).map_or(1, |at| at + 1);
            return Err((line, format!("`{unknown}` is nothing that a letter may speak of")));
        }
        if name.starts_with('_') {
            // It is in letters of every kind that include it; those are ours, or are tried when they are read.
            return Letter::ALL.into_iter().try_for_each(|letter| {
                let shipped = format!("{SHIPPED}/{}", self::path("", language, letter.as_str()));
                self.try_out(&shipped, letter)
            });
        }
        letter.map_or(Ok(()), |letter| self.try_out(&path, letter))
    }

    /// Whether a template can be written with all and with the least that its kind of letter has.
    fn try_out(&self, path: &str, letter: Letter) -> Result<(), (usize, String)> {
        let mut last = String::new();
        for sample in samples(letter) {
            last = self.0.get_template(path).and_then(|template| template.render(sample)).map_err(wrong)?;
            parts(&last).ok_or((1, "not three parts".to_owned()))?;
        }
        // The least of a notice is one of quality.
        match breach::accuses(&last).filter(|_| letter == Letter::Breach) {
            Some(line) => Err((line, format!("where `quality` holds nobody was promised anything: {ACCUSES}"))),
            None => Ok(()),
        }
    }

    /// Names that a template may have.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        TEXTS.iter().filter(|(language, ..)| *language == "en").map(|(_, name, _)| *name)
    }

    /// The letter in a carrier's own words, else in those of the contract, else in ours. `None`: not even ours can be
    /// rendered, which tests exclude.
    pub fn write(&self, letter: Letter, language: Language, carrier: &str, context: &Value) -> Option<Written> {
        self.write_if(letter, language, carrier, context, |_| true)
    }

    /// The same. Templates other than ours may only say what `may_say` allows.
    pub fn write_if(
        &self,
        letter: Letter,
        language: Language,
        carrier: &str,
        context: &Value,
        may_say: impl Fn(&str) -> bool,
    ) -> Option<Written> {
        let own = [path(carrier, language, letter.as_str()), path("", language, letter.as_str())];
        let shipped = format!("{SHIPPED}/{}", path("", language, letter.as_str()));
        own.into_iter().chain([shipped]).find_map(|path| {
            let template = self.0.get_template(&path).ok()?;
            match template.render(context.clone()) {
                Ok(text) if path.starts_with(SHIPPED) || may_say(&text) => parts(&text),
                Ok(_) => {
                    tracing::error!(path, "a letter says what it may not say here; the next template is used");
                    None
                }
                Err(error) => {
                    tracing::error!(path, %error, "a letter cannot be rendered; the next template is used");
                    None
                }
            }
        })
    }
}

/// Line and cause, where it happened: in a part, not where that is included.
fn wrong(error: minijinja::Error) -> (usize, String) {
    let mut inner = &error;
    while let Some(cause) = inner.source().and_then(|cause| cause.downcast_ref::<minijinja::Error>()) {
        inner = cause;
    }
    let words = inner.detail().map_or_else(|| inner.kind().to_string(), str::to_owned);
    (inner.line().unwrap_or(1), words)
}

pub(super) fn languages() -> impl Iterator<Item = Language> {
    LANGUAGES.into_iter()
}

fn path(carrier: &str, language: Language, name: &str) -> String {
    let folder = language.as_str();
    if carrier.is_empty() { format!("{folder}/{name}") } else { format!("{carrier}/{folder}/{name}") }
}

fn parts(rendered: &str) -> Option<Written> {
    let mut parts = rendered.split("\n---\n").map(|part| part.trim().to_owned());
    let (subject, short, text) = (parts.next()?, parts.next()?, parts.next()?);
    let is_whole = parts.next().is_none() && ![&subject, &short, &text].into_iter().any(String::is_empty);
    is_whole.then(|| Written { subject, short, text: text + "\n" })
}

macro_rules! texts {
    ($($language:literal: $($name:literal),*;)*) => {
        [$($(($language, $name, include_str!(concat!($language, "/", $name, ".txt")))),*),*]
    };
}

/// Language, name and text.
const TEXTS: [(&str, &str, &str); 30] = texts! {
    "zh-CN": "_circuits", "_evidence", "_excluded", "_foot", "breach", "correction", "escalation", "fault", "information",
        "overdue", "recovery", "service", "test", "urge", "warning";
    "en": "_circuits", "_evidence", "_excluded", "_foot", "breach", "correction", "escalation", "fault", "information",
        "overdue", "recovery", "service", "test", "urge", "warning";
};
