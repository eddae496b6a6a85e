//! Every word that a person reads at run time.
//!
//! In: a [`Message`] with typed arguments. Out: its text in one [`Language`]. One exhaustive `match` per language, so a
//! missing text does not compile. Logs, metrics and JSON keys are English and do not come from here.

mod en;
mod zh_cn;

use std::fmt;

use crate::units::Rtt;

/// A language that the product speaks to people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
pub enum Language {
    /// Simplified Chinese: the default.
    #[default]
    #[serde(rename = "zh-CN")]
    #[value(name = "zh-CN")]
    ZhCn,
    #[serde(rename = "en")]
    #[value(name = "en")]
    En,
}

/// One thing to say. Grouped by the module that says it; add to your group, and the compiler asks for both languages.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    // ---- diagnostic
    Help,
    Error,
    Warning,
    // ---- once
    RoundTrip(Rtt),
}

impl Message {
    pub fn say(&self, language: Language) -> Said<'_> {
        Said { message: self, language }
    }
}

/// A message in a language, ready to print.
pub struct Said<'a> {
    message: &'a Message,
    language: Language,
}

impl fmt::Display for Said<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.language {
            Language::ZhCn => zh_cn::write(self.message, out),
            Language::En => en::write(self.message, out),
        }
    }
}

/// `0.123 ms`: three significant places are enough for people, and the unit never changes under them.
pub(crate) fn milliseconds(rtt: Rtt) -> String {
    format!("{:.3} ms", rtt.0.as_secs_f64() * 1_000.0)
}
