//! 简体中文。Wording follows `docs/glossary.md`.

use std::fmt::{Formatter, Result};

use super::{Message, Message::*, milliseconds};

pub(super) fn write(message: &Message, out: &mut Formatter<'_>) -> Result {
    match message {
        // ---- diagnostic
        Help => write!(out, "改法"),
        Error => write!(out, "错误"),
        Warning => write!(out, "警告"),
        // ---- once
        RoundTrip(rtt) => write!(out, "往返时延 {}", milliseconds(*rtt)),
    }
}
