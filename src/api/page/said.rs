//! Notes of a timeline in the reader's language. What we wrote is stored as a short English fact and read here; what a
//! person wrote stays as it is.

use super::{Frame, incidents::party, services::reason};
use crate::{
    incident::{OURSELVES, TimelineEntry},
    inventory::Inventory,
    notify,
    sample::service::Reason,
    text::{PageText, TimelineText},
};

/// The note of `entry`; as it is stored where it is no such fact.
pub(super) fn said(frame: &Frame, entry: &TimelineEntry, inventory: &Inventory) -> String {
    let translated = if entry.actor == OURSELVES { fact(frame, entry, inventory) } else { None };
    translated.unwrap_or_else(|| entry.note.clone())
}

fn fact(frame: &Frame, entry: &TimelineEntry, inventory: &Inventory) -> Option<String> {
    let note = entry.note.as_str();
    let text = match entry.event.as_str() {
        "tier_raised" => tier(note, String::new())?,
        event if event.ends_with("_overdue") => match note.split_once(", ") {
            Some((level, whose)) => tier(level, party(frame, whose, inventory))?,
            None => tier(note, String::new())?,
        },
        "promise_due" => return Some(party(frame, note, inventory)),
        "grouped" => {
            let (kind, id) = note.split_once(' ').unwrap_or((note, ""));
            return Some(frame.say(notify::scope_named(kind, id, inventory)));
        }
        "reason" => {
            let (phase, name) = note.split_once(' ')?;
            let known = Reason::ALL.iter().find(|reason| reason.as_str() == name)?;
            return Some(format!("{phase} · {}", reason(frame, *known)));
        }
        "retested" => {
            let (counts, down) = note.split_once("; down: ").unwrap_or((note, ""));
            let (up, links) = counts.strip_suffix(" up")?.split_once(" of ")?;
            TimelineText::Retested { up: up.to_owned(), links: links.to_owned(), down: down.to_owned() }
        }
        "lapsed" => TimelineText::Unheard(note.strip_prefix("nothing was heard for ")?.to_owned()),
        _ => return None,
    };
    Some(frame.page(PageText::Timeline(text)))
}

fn tier(note: &str, party: String) -> Option<TimelineText> {
    note.strip_prefix("tier ").map(|level| TimelineText::Tier { level: level.to_owned(), party })
}
