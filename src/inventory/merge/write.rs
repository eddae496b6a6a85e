//! The bytes of a ledger after a merge: what did not change stays as it was, to the byte.

use std::{collections::HashMap, sync::Arc};

use super::{Key, Merged, Ours, Written};
use crate::{
    diagnostic::{Findings, Source},
    inventory::sheet::Cells,
};

/// The one ledger that changes. `None` when none does, or a finding is an error.
pub(super) fn written(ours: &[Ours<'_>], merged: &[Merged], findings: &Findings) -> Option<Written> {
    let at = merged.first().filter(|_| !findings.has_errors())?.at.0;
    let ledger = &ours[at];
    let file = Arc::clone(&ledger.file);
    Some(Written { file, before: ledger.source.bytes.clone(), after: encoded(ledger.source, &text(ledger, merged)) })
}

fn text(ledger: &Ours<'_>, merged: &[Merged]) -> String {
    let changed: HashMap<usize, &Merged> = merged.iter().filter_map(|row| Some((row.at.1?, row))).collect();
    let mut out = String::with_capacity(ledger.text.len() + 256 * merged.len());
    let headings = ledger.rows.first().map_or(ledger.text.len(), |row| row.span.start);
    let headings = ledger.text[..headings].trim_end_matches(['\r', '\n']);
    out.push_str(headings);
    for key in &ledger.keys[ledger.own..] {
        out.push(',');
        out.push_str(&quoted(std::iter::once(Key::heading(key))));
    }
    let mut done = headings.len();
    for (nth, row) in ledger.rows.iter().enumerate() {
        out.push_str(&ledger.text[done..row.span.start]);
        match changed.get(&nth) {
            Some(merged) => out.push_str(&line(&merged.cells, ledger)),
            None => {
                out.push_str(&ledger.text[row.span.clone()]);
                out.push_str(&",".repeat(ledger.keys.len() - ledger.own));
            }
        }
        done = row.span.end;
    }
    out.push_str(&ledger.text[done..]);
    let end = if ledger.text.contains("\r\n") { "\r\n" } else { "\n" };
    for new in merged.iter().filter(|row| row.at.1.is_none()) {
        if !out.ends_with('\n') {
            out.push_str(end);
        }
        out.push_str(&line(&new.cells, ledger));
        out.push_str(end);
    }
    out
}

/// As many cells as the ledger has columns now.
fn line(cells: &Cells, ledger: &Ours<'_>) -> String {
    let missing = ledger.keys.len().saturating_sub(cells.texts.len());
    quoted(cells.texts.iter().chain(std::iter::repeat_n("", missing)))
}

/// Cells with commas between, without an end of line.
pub fn quoted<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let mut writer = csv::WriterBuilder::new().from_writer(vec![]);
    // Cannot fail: it is memory.
    let _ = writer.write_record(cells);
    let line = String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default();
    line.trim_end_matches('\n').to_owned()
}

/// In the encoding of `source`.
fn encoded(source: &Source, text: &str) -> Vec<u8> {
    if source.utf8().is_err() {
        return encoding_rs::GB18030.encode(text).0.into_owned();
    }
    let mark: &[u8] = if source.bytes.starts_with(b"\xEF\xBB\xBF") { b"\xEF\xBB\xBF" } else { b"" };
    [mark, text.as_bytes()].concat()
}
