//! What we write into timelines, for readers.

use std::fmt;

use crate::text::Language;

#[derive(Clone, Debug, PartialEq)]
pub enum TimelineText {
    /// `party`: empty where it goes without saying.
    Tier { level: String, party: String },
    /// After a party claimed that its links work again; `down`: some that do not.
    Retested { up: String, links: String, down: String },
    /// Nothing was heard for so long.
    Unheard(String),
}

impl TimelineText {
    pub(super) fn write(&self, language: Language, out: &mut impl fmt::Write) -> fmt::Result {
        match (self, language) {
            (Self::Tier { level, party }, Language::ZhCn) if party.is_empty() => write!(out, "{level} 级"),
            (Self::Tier { level, party }, Language::ZhCn) => write!(out, "{level} 级，{party}"),
            (Self::Tier { level, party }, Language::En) if party.is_empty() => write!(out, "tier {level}"),
            (Self::Tier { level, party }, Language::En) => write!(out, "tier {level}, {party}"),
            (Self::Retested { up, links, down }, Language::ZhCn) => {
                write!(out, "{links} 条中 {up} 条已通")?;
                if down.is_empty() { Ok(()) } else { write!(out, "；仍断：{down}") }
            }
            (Self::Retested { up, links, down }, Language::En) => {
                write!(out, "{up} of {links} up")?;
                if down.is_empty() { Ok(()) } else { write!(out, "; down: {down}") }
            }
            (Self::Unheard(time), Language::ZhCn) => write!(out, "{time} 内没有进展消息"),
            (Self::Unheard(time), Language::En) => write!(out, "nothing was heard for {time}"),
        }
    }
}
