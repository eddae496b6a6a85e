//! A CSV file as rows of cells that know their line and column.

use std::{borrow::Cow, ops::Range, sync::Arc};

use super::columns::{Headed, Word};
use crate::{
    diagnostic::{Code, Findings, Place, Source, closest, count, yaml::shortened},
    text::{Expected, Message},
};

/// The text of a ledger in whichever encoding it was saved.
pub(super) fn decoded<'a>(source: &'a Source, findings: &mut Findings) -> Option<Cow<'a, str>> {
    let readable = match source.utf8() {
        Ok(text) => return Some(Cow::Borrowed(text)),
        Err(readable) => readable,
    };
    // UTF-16 would decode as GB18030 nonsense: office programs call it "Unicode text".
    let utf16 = source.bytes.starts_with(&[0xFF, 0xFE]) || source.bytes.starts_with(&[0xFE, 0xFF]);
    let (text, wrong) = encoding_rs::GB18030.decode_without_bom_handling(&source.bytes);
    if utf16 || wrong {
        findings.error(source.place_after(readable), Code::ENCODING, Message::NotUtf8OrGb, Message::NotUtf8OrGbHelp);
        return None;
    }
    Some(text)
}

/// An open ledger, read row by row.
pub(super) struct Sheet<'a, C> {
    file: Arc<std::path::Path>,
    records: csv::Reader<&'a [u8]>,
    record: csv::StringRecord,
    cursor: Cursor<'a>,
    columns: Vec<Option<C>>,
    headings: Vec<String>,
}

/// One row. Cells are trimmed; an empty one is no cell.
pub(super) struct Row<'s, C> {
    file: &'s Arc<std::path::Path>,
    columns: &'s [Option<C>],
    record: &'s csv::StringRecord,
    starts: &'s [(u32, u32)],
}

/// A whole ledger: what a merge compares and writes.
pub(super) struct Table<C> {
    pub file: Arc<std::path::Path>,
    /// What each heading means; `None`: our own by `#`, or of no use here.
    pub columns: Vec<Option<C>>,
    pub headings: Vec<String>,
    pub rows: Vec<Cells>,
    /// Rows that had another number of cells, and are not among `rows`.
    pub wrong: u32,
}

/// The cells of a row, as they stood, and where.
pub(super) struct Cells {
    pub texts: csv::StringRecord,
    /// Line and column of each cell.
    pub starts: Vec<(u32, u32)>,
    /// Where the row stands in the decoded text, without the ends of lines around it.
    pub span: Range<usize>,
}

pub(super) struct Cell<'s> {
    pub text: &'s str,
    pub place: Place,
}

impl Cell<'_> {
    /// For messages.
    pub fn shortened(&self) -> String {
        shortened(self.text)
    }

    /// What its word means, or a finding.
    pub fn word<W: Word>(&self, findings: &mut Findings) -> Option<W> {
        let word = W::of(self.text);
        if word.is_none() {
            let known = W::known();
            let closest = closest(self.text, known.iter().map(String::as_str)).map(str::to_owned);
            let message = Message::UnknownWord { word: self.shortened() };
            findings.error(self.place.clone(), Code::WRONG_FIELD, message, Message::Known { closest, known });
        }
        word
    }
}

impl<'a, C: Headed> Sheet<'a, C> {
    /// Reads the headings. `None`, with findings, when the rows could not be understood by them.
    pub fn open(source: &Source, text: &'a str, findings: &mut Findings) -> Option<Self> {
        Self::open_with(C::REQUIRED, source, text, findings)
    }

    /// The same of a ledger that needs these columns only: one of each group.
    pub fn open_with(required: &[&[C]], source: &Source, text: &'a str, findings: &mut Findings) -> Option<Self> {
        let records = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(text.as_bytes());
        let cursor = Cursor { text, byte: 0, line: 1, starts: vec![] };
        let mut sheet = Self {
            file: Arc::clone(&source.file),
            records,
            record: csv::StringRecord::new(),
            cursor,
            columns: vec![],
            headings: vec![],
        };
        if !sheet.advance(findings) {
            findings.error(
                Place::whole(sheet.file),
                Code::MISSING_COLUMN,
                Message::NoHeadings,
                Message::HeadingsHelp(needed(required)),
            );
            return None;
        }
        sheet.read_headings(required, findings).then_some(sheet)
    }

    /// The next row with as many cells as there are headings; others are reported and passed over.
    pub fn next_row(&mut self, findings: &mut Findings) -> Option<Row<'_, C>> {
        while self.advance(findings) {
            let (wanted, found) = (self.columns.len(), self.record.len());
            if wanted == found {
                let Self { file, columns, record, cursor, .. } = self;
                return Some(Row { file, columns, record, starts: &cursor.starts });
            }
            // Where the first cell is missing or one too many: the last good place in a short row.
            let place = self.place(wanted.min(found.saturating_sub(1)));
            findings.error(place, Code::ROW_LENGTH, Message::RowLength { wanted, found }, Message::RowLengthHelp);
        }
        None
    }

    /// Reads one record and finds where its cells begin. `false` at the end.
    fn advance(&mut self, findings: &mut Findings) -> bool {
        match self.records.read_record(&mut self.record) {
            Ok(true) => {}
            Ok(false) => return false,
            Err(error) => {
                let message = Message::Syntax { cause: error.to_string() };
                findings.error(
                    Place::whole(Arc::clone(&self.file)),
                    Code::SYNTAX,
                    message,
                    Message::HeadingsHelp(needed(C::REQUIRED)),
                );
                return false;
            }
        }
        self.cursor.find(self.record.position().map_or(0, csv::Position::byte), self.record.len());
        true
    }

    fn place(&self, cell: usize) -> Place {
        place(&self.file, &self.cursor.starts, cell)
    }

    /// All rows that are left.
    pub fn into_table(mut self, findings: &mut Findings) -> Table<C> {
        let (mut rows, before) = (vec![], findings.errors());
        while let Some(row) = self.next_row(findings) {
            let (texts, starts) = (row.record.clone(), row.starts.to_vec());
            let span = self.span();
            rows.push(Cells { texts, starts, span });
        }
        let wrong = findings.errors() - before;
        let Self { file, columns, headings, .. } = self;
        Table { file, columns, headings, rows, wrong }
    }

    /// The record that was read last.
    fn span(&self) -> Range<usize> {
        let end = usize::try_from(self.records.position().byte()).unwrap_or(usize::MAX).min(self.cursor.text.len());
        let record = &self.cursor.text[self.cursor.byte..end];
        let begin = end - record.trim_start_matches(['\r', '\n']).len();
        begin..begin.max(self.cursor.byte + record.trim_end_matches(['\r', '\n']).len())
    }

    /// Matches the headings to columns. `false` when a row could make no link.
    fn read_headings(&mut self, required: &[&[C]], findings: &mut Findings) -> bool {
        let mut unused = vec![];
        self.headings = self.record.iter().map(|heading| heading.trim().to_owned()).collect();
        for (at, heading) in self.record.iter().enumerate() {
            // A heading that begins with `#` is the operator's own column.
            let heading = heading.trim();
            if heading.starts_with('#') {
                self.columns.push(None);
                continue;
            }
            let (column, place) = (C::of(heading), self.place(at));
            match column {
                None => {
                    let message = Message::UnknownColumn { heading: shortened(heading) };
                    let known = C::headings().map(str::to_owned).collect();
                    let closest = closest(heading, C::headings()).map(str::to_owned);
                    findings.error(place, Code::UNKNOWN_COLUMN, message, Message::KnownColumns { closest, known });
                }
                Some(column) if !column.is_used() => unused.push((heading.to_owned(), place)),
                Some(column) if self.columns.contains(&Some(column)) => {
                    let message = Message::DuplicateColumn { heading: shortened(heading), column: column.heading() };
                    findings.error(place, Code::DUPLICATE_COLUMN, message, Message::DuplicateColumnHelp);
                }
                Some(_) => {}
            }
            self.columns.push(column.filter(|column| column.is_used()));
            // A first line of a million commas is no ledger.
            if findings.is_full() {
                return false;
            }
        }
        if let Some((_, place)) = unused.first() {
            let message = Message::UnusedColumns(unused.iter().map(|(heading, _)| heading.clone()).collect());
            findings.warning(place.clone(), Code::UNUSED_COLUMN, message, Message::UnusedColumnsHelp);
        }
        let missing = required.iter().filter(|any| !any.iter().any(|column| self.columns.contains(&Some(*column))));
        let missing: Vec<&str> = missing.map(|any| any[0].heading()).collect();
        for column in &missing {
            let place = self.place(0);
            findings.error(
                place,
                Code::MISSING_COLUMN,
                Message::MissingColumn { column },
                Message::HeadingsHelp(needed(required)),
            );
        }
        missing.is_empty()
    }
}

impl<'s, C: Headed> Row<'s, C> {
    /// A row that was put together elsewhere; `starts` are places in `file`.
    pub fn of(file: &'s Arc<std::path::Path>, columns: &'s [Option<C>], cells: &'s Cells) -> Self {
        Self { file, columns, record: &cells.texts, starts: &cells.starts }
    }

    pub fn cell(&self, column: C) -> Option<Cell<'s>> {
        let at = self.columns.iter().position(|own| *own == Some(column))?;
        let text = self.record.get(at)?.trim();
        (!text.is_empty()).then(|| Cell { text, place: place(self.file, self.starts, at) })
    }

    /// Where the cell of `column` begins, empty or not. `None` when the ledger has no such column.
    pub fn place(&self, column: C) -> Option<Place> {
        let at = self.columns.iter().position(|own| *own == Some(column))?;
        Some(place(self.file, self.starts, at))
    }

    /// The first of these cells that is not empty, or a finding. A ledger has one of the columns: [`Sheet`] sees to it.
    pub fn required(&self, columns: &[C], findings: &mut Findings) -> Option<Cell<'s>> {
        let cell = columns.iter().find_map(|column| self.cell(*column));
        let empty = columns.iter().find_map(|column| Some((column, self.place(*column)?)));
        if let (None, Some((column, place))) = (&cell, empty) {
            let message = Message::MissingField { column: column.heading() };
            findings.error(place, Code::MISSING_FIELD, message, Message::MissingFieldHelp);
        }
        cell
    }

    /// The value of a cell of `column`, or a finding.
    pub fn value<T>(
        &self,
        cell: &Cell<'_>,
        column: C,
        expected: Expected,
        parse: impl Fn(&str) -> Option<T>,
        findings: &mut Findings,
    ) -> Option<T> {
        let value = parse(cell.text);
        if value.is_none() {
            let found = Box::new(Message::FoundText(cell.shortened()));
            let message = Message::WrongField { column: column.heading(), found, expected: expected.clone() };
            findings.error(cell.place.clone(), Code::WRONG_FIELD, message, Message::Write(expected));
        }
        value
    }
}

/// Our own names of the columns that are needed.
fn needed<C: Headed>(required: &[&[C]]) -> Vec<&'static str> {
    required.iter().map(|any| any[0].heading()).collect()
}

fn place(file: &Arc<std::path::Path>, starts: &[(u32, u32)], cell: usize) -> Place {
    let (line, column) = starts.get(cell).or(starts.last()).copied().unwrap_or((0, 0));
    Place { file: Arc::clone(file), line, column }
}

/// Finds lines and columns of cells: the CSV reader only knows where a record begins.
struct Cursor<'a> {
    text: &'a str,
    byte: usize,
    line: u32,
    /// Line and column, from 1, of each cell of the current record.
    starts: Vec<(u32, u32)>,
}

impl Cursor<'_> {
    /// Looks at the record that begins at `byte` and has this many `cells`.
    fn find(&mut self, byte: u64, cells: usize) {
        let begin = usize::try_from(byte).unwrap_or(usize::MAX).min(self.text.len());
        self.line += lines(&self.text[self.byte..begin]);
        self.byte = begin;
        self.starts.clear();
        // Empty lines before the record are part of it for the reader.
        let record = self.text[begin..].trim_start_matches(['\r', '\n']);
        let mut line = self.line + lines(&self.text[begin..self.text.len() - record.len()]);
        let (mut column, mut quoted) = (1, false);
        self.starts.push((line, column));
        let mut before = ',';
        for letter in record.chars() {
            column += 1;
            // A quotation mark opens a cell only at its beginning, or doubled inside; elsewhere it is a letter.
            let opens = before == ',' || before == '"';
            before = letter;
            match letter {
                '"' if quoted || opens => quoted = !quoted,
                ',' if !quoted => {
                    if self.starts.len() == cells {
                        return;
                    }
                    self.starts.push((line, column));
                }
                '\n' if quoted => (line, column) = (line + 1, 1),
                '\r' | '\n' if !quoted => return,
                _ => {}
            }
        }
    }
}

fn lines(text: &str) -> u32 {
    count(text.bytes().filter(|byte| *byte == b'\n').count())
}
