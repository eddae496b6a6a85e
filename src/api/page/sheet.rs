//! Tables: as a page, and as CSV that a spreadsheet opens and that runs nothing there.

use askama::Template;
use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{Frame, show};
use crate::text::{DoorText, Message, PageText, SheetText};

/// What every page of tables may be asked for. Optional, and what makes no sense is ignored: people edit addresses.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::api) struct Asked {
    /// `csv`.
    pub(super) format: String,
    /// Which table of the page, as CSV.
    pub(super) part: String,
    pub(super) all: String,
    pub(super) q: String,
}

/// A field of a search with what may be chosen; nothing chosen: any.
pub(super) struct Choices {
    pub name: &'static str,
    pub label: String,
    pub options: Vec<Choice>,
}

pub(super) struct Choice {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

impl Choices {
    /// `options`: value and label of each.
    pub fn new(
        name: &'static str,
        label: String,
        chosen: &str,
        options: impl IntoIterator<Item = (impl Into<String>, String)>,
    ) -> Self {
        let choice = |(value, label): (_, String)| {
            let value: String = Into::into(value);
            Choice { chosen: value == chosen, value, label }
        };
        Self { name, label, options: options.into_iter().map(choice).collect() }
    }
}

/// A table.
pub(super) struct Sheet {
    /// Its name in addresses and of its file.
    pub key: String,
    /// What its address needs besides, such as `&about=LL-0412`.
    pub query: String,
    pub title: String,
    pub note: String,
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Cell>>,
    /// Most rows that the page shows; the CSV has all.
    pub most: usize,
}

pub(super) struct Column {
    pub label: String,
    pub number: bool,
    /// Where a click on the head leads; empty: nowhere.
    pub href: String,
}

#[derive(Default)]
pub(super) struct Cell {
    pub text: String,
    /// Empty: leads nowhere.
    pub href: String,
    /// Of a state or tier; empty: plain.
    pub class: &'static str,
    /// Deadline of a clock that runs, in milliseconds of civil time.
    pub until: Option<i64>,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<usize> for Cell {
    fn from(number: usize) -> Self {
        number.to_string().into()
    }
}

impl Cell {
    pub fn to(text: impl Into<String>, href: String) -> Self {
        Self { text: text.into(), href, ..Self::default() }
    }

    pub fn state(text: String, class: &'static str) -> Self {
        Self { text, class, ..Self::default() }
    }

    /// Markup of our own.
    pub fn drawn(svg: String) -> Self {
        Self { text: svg, class: "drawn", ..Self::default() }
    }
}

impl Sheet {
    pub fn new(key: impl Into<String>, title: String) -> Self {
        Self {
            key: key.into(),
            query: String::new(),
            title,
            note: String::new(),
            columns: vec![],
            rows: vec![],
            most: usize::MAX,
        }
    }

    pub fn noting(mut self, note: String) -> Self {
        self.note = note;
        self
    }

    /// Columns in order; a label that begins with `#` is of numbers.
    pub fn columns(mut self, labels: impl IntoIterator<Item = String>) -> Self {
        let column = |label: String| match label.strip_prefix('#') {
            Some(label) => Column { label: label.to_owned(), number: true, href: String::new() },
            None => Column { label, number: false, href: String::new() },
        };
        self.columns = labels.into_iter().map(column).collect();
        self
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Drops columns by their place.
    pub fn leave_out(&mut self, is_left_out: impl Fn(usize) -> bool) {
        for place in (0..self.columns.len()).rev().filter(|place| is_left_out(*place)) {
            self.columns.remove(place);
            self.rows.iter_mut().for_each(|row| drop(row.remove(place)));
        }
    }

    pub fn is_number(&self, place: &usize) -> bool {
        self.columns.get(*place).is_some_and(|column| column.number)
    }

    pub fn shown(&self) -> &[Vec<Cell>] {
        &self.rows[..self.rows.len().min(self.most)]
    }

    /// With a mark that tells spreadsheets the encoding.
    pub fn csv(&self) -> Response {
        let mut writer = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
        let heads = self.columns.iter().map(|column| harmless(&column.label));
        let mut written = writer.write_record(heads);
        for row in &self.rows {
            written = written.and_then(|()| writer.write_record(row.iter().map(|cell| harmless(&cell.text))));
        }
        match (written, writer.into_inner()) {
            (Ok(()), Ok(bytes)) => {
                let name = format!("attachment; filename=\"{}.csv\"", self.key);
                let head = [
                    (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
                    (header::CONTENT_DISPOSITION, name),
                    (header::CACHE_CONTROL, "no-store".to_owned()),
                ];
                (head, bytes).into_response()
            }
            _ => axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

/// A text that begins like a formula is one to a spreadsheet, also in full width: an apostrophe makes it a text again.
fn harmless(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if is_formula { format!("'{text}") } else { text.to_owned() }
}

#[derive(Template)]
#[template(path = "sheets.html")]
struct Page {
    frame: Frame,
    title: String,
    lines: Vec<String>,
    sheets: Vec<Sheet>,
}

/// The page of these tables or, when that is asked for, one of them as CSV.
pub(super) fn answer(frame: Frame, asked: &Asked, title: String, lines: Vec<String>, sheets: Vec<Sheet>) -> Response {
    match chosen(asked, &sheets) {
        Some(sheet) => sheet.csv(),
        None => show(&Page { frame, title, lines, sheets }),
    }
}

/// The table that is asked for as CSV: the first unless one is named.
pub(super) fn chosen<'a>(asked: &Asked, sheets: &'a [Sheet]) -> Option<&'a Sheet> {
    let named = || sheets.iter().find(|sheet| sheet.key == asked.part).or(sheets.first());
    (asked.format == "csv").then(named).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, written) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2", "'-2"),
            ("＝cmd", "'＝cmd"),
            ("\tx", "'\tx"),
            ("99.9000 %", "99.9000 %"),
            ("", ""),
        ] {
            assert_eq!(harmless(text), written);
        }
    }
}
