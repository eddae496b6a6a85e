//! English.

use std::fmt::{Formatter, Result};

use super::{Message, Message::*, milliseconds};

pub(super) fn write(message: &Message, out: &mut Formatter<'_>) -> Result {
    match message {
        // ---- diagnostic
        Help => write!(out, "help"),
        Error => write!(out, "error"),
        Warning => write!(out, "warning"),
        // ---- once
        RoundTrip(rtt) => write!(out, "round-trip time {}", milliseconds(*rtt)),
    }
}
