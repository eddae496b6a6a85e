//! A ledger from elsewhere merged into the ledgers of an inventory: rows are matched by id, else by carrier and circuit id.
//!
//! In: a folder, the file, and old ledgers whose ids nobody may have again. Out: a [`Plan`] with the inventory as it
//! would be and the bytes of the one ledger that changes, and every finding at its place in the file. Never: writes.
//!
//! A column that the file does not have keeps its values; an empty cell of a column that it has empties the value. No
//! row is ever taken out. Rows that stay as they are keep their bytes.

mod plan;
mod values;
mod write;

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
};

pub use self::plan::{Change, Plan, Touched, Written};
use self::values::Values;
pub(super) use self::write::quoted;
use super::{
    Inventory, LinkId,
    columns::{Column, Headed},
    depends, ledger,
    sheet::{Cells, Row, Sheet, Table, decoded},
};
use crate::{
    diagnostic::{Code, Findings, Place, Severity, Source, yaml::shortened},
    text::{ImportText, Message},
};

/// Longest cell that is taken over, in characters: an address of a street or a note, not a file.
pub const MOST_CELL: usize = 1_000;

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Our own form.
    Ledger,
    /// Its `id` is NetBox's own number of a row, and no name of a link.
    NetBox,
}

/// What a heading stands for.
#[derive(Clone, Debug, PartialEq)]
enum Key {
    Known(Column),
    /// The operator's own column, by its heading with `#`.
    Own(String),
    /// Of no use here: it stays in the ledger as it is.
    Other,
}

impl Key {
    fn of(column: Option<Column>, heading: &str) -> Self {
        match column {
            Some(column) => Self::Known(column),
            None if heading.starts_with('#') => Self::Own(heading.to_owned()),
            None => Self::Other,
        }
    }

    fn known(&self) -> Option<Column> {
        match self {
            Self::Known(column) => Some(*column),
            Self::Own(_) | Self::Other => None,
        }
    }

    fn heading(&self) -> &str {
        match self {
            Self::Known(column) => column.heading(),
            Self::Own(heading) => heading,
            Self::Other => "",
        }
    }
}

/// A ledger of the folder and what becomes of it.
struct Ours<'a> {
    source: &'a Source,
    text: &'a str,
    rows: Vec<Cells>,
    file: Arc<Path>,
    /// Those of the ledger, then those that the file adds.
    keys: Vec<Key>,
    columns: Vec<Option<Column>>,
    /// Length of the first part of `keys`.
    own: usize,
}

/// One row of the file as the ledger would have it.
struct Merged {
    /// Which ledger, and which of its rows. `None`: a new one.
    at: (usize, Option<usize>),
    cells: Cells,
    changes: Vec<Change>,
    place: Place,
}

/// Puts `incoming` into the ledgers of `folder`. `past`: old ledgers, whose ids stay taken. `None`, with findings, when
/// the ledgers in place have errors, or the file is none.
pub fn merge(
    folder: &Path,
    incoming: &Source,
    origin: Origin,
    past: &[Source],
    findings: &mut Findings,
) -> Option<Plan> {
    let (mut inventory, sources) = in_place(folder, findings)?;
    let texts: Vec<_> = sources.iter().map(|source| decoded(source, findings)).collect();
    let mut ours = vec![];
    for (source, text) in sources.iter().zip(&texts) {
        let text = text.as_deref()?;
        // Its own warnings are what `check` says.
        let table = Sheet::open(source, text, &mut Findings::default())?.into_table(&mut Findings::default());
        ours.push(Ours::new(source, text, table));
    }
    let text = decoded(incoming, findings)?;
    let table = open(incoming, origin, &text, findings)?;
    let values = Values::of(&inventory);
    let mut merge =
        Merge { known: Known::of(&ours, past, &values), values, taken: HashMap::new(), refused: vec![], unchanged: 0 };
    let merged = merge.rows(&table, &mut ours, findings);
    let Merge { mut refused, unchanged, .. } = merge;

    let replaced: HashMap<(usize, usize), &Merged> =
        merged.iter().filter_map(|row| Some(((row.at.0, row.at.1?), row))).collect();
    let kept = ours.iter().enumerate().flat_map(|(at, ledger)| {
        let rows = ledger.rows.iter().enumerate().filter({
            let replaced = &replaced;
            move |(row, _)| !replaced.contains_key(&(at, *row))
        });
        rows.map(|(_, cells)| Row::of(&ledger.file, &ledger.columns[..ledger.own], cells))
    });
    let touched = merged.iter().map(|row| Row::of(&incoming.file, &ours[row.at.0].columns, &row.cells));
    let good = ledger::read_rows(kept, touched, &incoming.file, &mut inventory, findings);
    refused.extend(merged.iter().zip(good).filter(|(_, good)| !good).map(|(row, _)| row.place.clone()));
    if !findings.has_errors() {
        depends::check(&inventory, findings);
    }
    let total: usize = ours.iter().map(|ledger| ledger.rows.len()).sum();
    let spoken_of = replaced.len() + unchanged;
    let written = write::written(&ours, &merged, findings);
    let touched = merged.into_iter().map(|row| {
        let id = row.cells.texts.get(ours[row.at.0].at(Column::Id).unwrap_or_default()).unwrap_or_default().to_owned();
        Touched { id, is_new: row.at.1.is_none(), place: row.place, changes: row.changes }
    });
    let wrong: HashSet<u32> = refused.iter().map(|place| place.line).collect();
    let touched = touched.filter(|row| !wrong.contains(&row.place.line)).collect();
    let wrong_rows = table.wrong as usize + refused.len();
    Some(Plan {
        touched,
        unchanged,
        refused: wrong_rows,
        absent: total.saturating_sub(spoken_of),
        written,
        inventory: Some(inventory),
    })
}

/// The inventory with its ledgers, which must be whole.
fn in_place(folder: &Path, findings: &mut Findings) -> Option<(Inventory, Vec<Source>)> {
    let mut found = Findings::default();
    let loaded = Inventory::load_with_ledgers(folder, &mut found);
    let before = findings.errors();
    for finding in found.into_sorted() {
        if finding.severity == Severity::Error && finding.code != Code::NO_LINKS {
            findings.error(finding.place, finding.code, finding.message, finding.help);
        }
    }
    loaded.filter(|_| findings.errors() == before)
}

/// Reads the file: it needs an id, or carrier and circuit id.
fn open(incoming: &Source, origin: Origin, text: &str, findings: &mut Findings) -> Option<Table<Column>> {
    let sheet = Sheet::<Column>::open_with(&[&[Column::Id, Column::Cid]], incoming, text, findings)?;
    let mut table = sheet.into_table(findings);
    if origin == Origin::NetBox {
        table.columns.iter_mut().for_each(|column| *column = column.filter(|column| *column != Column::Id));
    }
    let has = |column| table.columns.contains(&Some(column));
    if !has(Column::Id) && !has(Column::Carrier) {
        let place = Place { file: Arc::clone(&incoming.file), line: 1, column: 1 };
        let message = Message::MissingColumn { column: Column::Carrier.heading() };
        let needed = vec![Column::Cid.heading(), Column::Carrier.heading()];
        findings.error(place, Code::MISSING_COLUMN, message, Message::HeadingsHelp(needed));
        return None;
    }
    Some(table)
}

impl<'a> Ours<'a> {
    fn new(source: &'a Source, text: &'a str, table: Table<Column>) -> Self {
        let keys = table.columns.iter().zip(&table.headings).map(|(column, heading)| Key::of(*column, heading));
        let keys: Vec<Key> = keys.collect();
        let own = keys.len();
        Self { source, text, rows: table.rows, file: table.file, keys, columns: table.columns, own }
    }

    /// Where the column stands among the cells.
    fn at(&self, column: Column) -> Option<usize> {
        self.columns.iter().position(|own| *own == Some(column))
    }

    fn cell(&self, row: usize, column: Column) -> &str {
        let cell = self.at(column).and_then(|at| self.rows[row].texts.get(at));
        cell.unwrap_or_default().trim()
    }

    /// Where cells of `key` go; a column that the ledger lacks comes to its end.
    fn place_of(&mut self, key: &Key) -> usize {
        self.keys.iter().position(|own| own == key).unwrap_or_else(|| {
            self.keys.push(key.clone());
            self.columns.push(key.known());
            self.keys.len() - 1
        })
    }

    /// The column that holds in this ledger what `column` holds in the file, which has `others` too.
    fn instead_of(&self, column: Column, others: &[Option<Column>]) -> Option<Column> {
        let (lacks, file_has) = (|column| self.at(column).is_none(), |column| others.contains(&Some(column)));
        let pairs = [
            (Column::UnitName, Column::Unit),
            (Column::Unit, Column::UnitName),
            (Column::CommitRate, Column::Bandwidth),
            (Column::Bandwidth, Column::CommitRate),
        ];
        match pairs.into_iter().find(|(from, to)| *from == column && lacks(column) && !lacks(*to)) {
            // The code says it already.
            Some((Column::UnitName, to)) if file_has(to) => None,
            Some((_, to)) if !file_has(to) => Some(to),
            _ => Some(column),
        }
    }
}

/// What is known of the links before the file is read.
struct Known {
    /// Ledger and row.
    ids: HashMap<String, (usize, usize)>,
    circuits: HashMap<(String, String), (usize, usize)>,
    /// Ids of old ledgers, with the circuit that they stood for.
    past: HashMap<String, Place>,
    next: NextId,
}

impl Known {
    fn of(ours: &[Ours<'_>], past: &[Source], values: &Values) -> Self {
        let mut known =
            Self { ids: HashMap::new(), circuits: HashMap::new(), past: HashMap::new(), next: NextId::default() };
        for (nth, ledger) in ours.iter().enumerate() {
            for row in 0..ledger.rows.len() {
                let id = ledger.cell(row, Column::Id);
                known.next.see(id);
                known.ids.insert(id.to_owned(), (nth, row));
                let carrier = values.canonical(Column::Carrier, ledger.cell(row, Column::Carrier));
                known.circuits.insert((carrier, ledger.cell(row, Column::Cid).to_owned()), (nth, row));
            }
        }
        for source in past {
            let mut aside = Findings::default();
            let Some(text) = decoded(source, &mut aside) else { continue };
            let Some(mut sheet) = Sheet::<Column>::open_with(&[&[Column::Id]], source, &text, &mut aside) else {
                continue;
            };
            while let Some(row) = sheet.next_row(&mut aside) {
                if let Some(cell) = row.cell(Column::Id).filter(|cell| !known.ids.contains_key(cell.text)) {
                    known.next.see(cell.text);
                    known.past.insert(cell.text.to_owned(), cell.place);
                }
            }
        }
        known
    }
}

/// Makes ids for rows that have none: the commonest beginning, and a number above all that were seen.
#[derive(Default)]
struct NextId {
    /// By what stands before the number: how often, the largest number, its digits.
    seen: HashMap<String, (usize, u64, usize)>,
}

impl NextId {
    fn see(&mut self, id: &str) {
        let start = id.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let Ok(number) = id[start.len()..].parse::<u64>() else { return };
        let entry = self.seen.entry(start.to_owned()).or_default();
        *entry = (entry.0 + 1, entry.1.max(number), entry.2.max(id.len() - start.len()));
    }

    /// `LL-1632` after `LL-1631`; `LL-0001` when there is none yet.
    fn make(&mut self) -> String {
        let commonest = self.seen.iter().max_by_key(|(start, (count, ..))| (*count, std::cmp::Reverse(*start)));
        let (start, number, digits) =
            commonest.map_or(("LL-".to_owned(), 0, 4), |(start, (_, most, digits))| (start.clone(), *most, *digits));
        let id = format!("{start}{:0digits$}", number.saturating_add(1));
        self.see(&id);
        id
    }
}

/// One merge as it goes.
struct Merge {
    values: Values,
    known: Known,
    /// Rows of the ledgers that a row of the file spoke of already.
    taken: HashMap<(usize, usize), Place>,
    refused: Vec<Place>,
    unchanged: usize,
}

impl Merge {
    /// The rows that change something. Those that change a link come first: new ones go into the ledger that changes anyway.
    fn rows(&mut self, table: &Table<Column>, ours: &mut [Ours<'_>], findings: &mut Findings) -> Vec<Merged> {
        let keys: Vec<Key> =
            table.columns.iter().zip(&table.headings).map(|(column, heading)| Key::of(*column, heading)).collect();
        let (mut merged, mut new) = (vec![], vec![]);
        for cells in &table.rows {
            let place = place(table, cells, 0);
            if !readable(table, cells, findings) {
                self.refused.push(place);
                continue;
            }
            match self.matching(table, cells) {
                None => new.push(cells),
                Some(at) => {
                    if let Some(first) = self.taken.get(&at) {
                        let id = ours[at.0].cell(at.1, Column::Id).to_owned();
                        let message = Message::DuplicateId { id, first: first.clone() };
                        findings.error(place.clone(), Code::DUPLICATE_LINK_ID, message, Message::DuplicateIdHelp);
                        self.refused.push(place);
                        continue;
                    }
                    self.taken.insert(at, place.clone());
                    let row = self.merged((at.0, Some(at.1)), table, &keys, cells, &mut ours[at.0]);
                    match row.changes.is_empty() {
                        true => self.unchanged += 1,
                        false => merged.push(row),
                    }
                }
            }
        }
        if let Some(other) = merged.iter().find(|row| row.at.0 != merged[0].at.0) {
            let (file, other_file) = (&ours[merged[0].at.0].file, &ours[other.at.0].file);
            let message =
                ImportText::SeveralLedgers { one: file.display().to_string(), other: other_file.display().to_string() };
            findings.error(
                other.place.clone(),
                Code::SEVERAL_LEDGERS,
                message.into(),
                ImportText::SeveralLedgersHelp.into(),
            );
        }
        let home = merged.first().map_or(ours.len().saturating_sub(1), |row| row.at.0);
        for cells in new {
            let Some(ledger) = ours.get_mut(home) else { continue };
            let mut row = self.merged((home, None), table, &keys, cells, ledger);
            self.name(&mut row, ledger, findings);
            merged.push(row);
        }
        merged
    }

    /// The row of a ledger that a row of the file speaks of.
    fn matching(&self, table: &Table<Column>, cells: &Cells) -> Option<(usize, usize)> {
        let cell = |column| cell(table, cells, column);
        match cell(Column::Id) {
            "" => {
                let carrier = self.values.canonical(Column::Carrier, cell(Column::Carrier));
                self.known.circuits.get(&(carrier, cell(Column::Cid).to_owned())).copied()
            }
            id => self.known.ids.get(id).copied(),
        }
    }

    fn merged(
        &self,
        at: (usize, Option<usize>),
        table: &Table<Column>,
        keys: &[Key],
        cells: &Cells,
        ledger: &mut Ours<'_>,
    ) -> Merged {
        let mut texts: Vec<String> =
            at.1.map_or(vec![], |row| ledger.rows[row].texts.iter().map(str::to_owned).collect());
        texts.resize(ledger.keys.len().max(texts.len()), String::new());
        let begin = cells.starts.first().copied().unwrap_or_default();
        let mut starts = vec![begin; texts.len()];
        let mut changes = vec![];
        for (nth, key) in keys.iter().enumerate() {
            let text = cells.texts.get(nth).unwrap_or_default().trim();
            let (key, text) = match key {
                Key::Other => continue,
                // A link never loses its id.
                Key::Known(Column::Id) if text.is_empty() => continue,
                Key::Own(_) => (key.clone(), text.to_owned()),
                Key::Known(column) => {
                    let Some(into) = ledger.instead_of(*column, &table.columns) else { continue };
                    (Key::Known(into), self.values.stored(*column, into, text))
                }
            };
            // A column that the ledger lacks comes only with a value.
            if text.is_empty() && !ledger.keys.contains(&key) {
                continue;
            }
            let to = ledger.place_of(&key);
            texts.resize(ledger.keys.len(), String::new());
            starts.resize(ledger.keys.len(), begin);
            starts[to] = cells.starts.get(nth).copied().unwrap_or(begin);
            let from = texts[to].trim();
            let same = key.known().map_or(from == text, |column| self.values.same(column, from, &text));
            if !same {
                let column = key.heading().to_owned();
                changes.push(Change { column, from: from.to_owned(), to: text.clone() });
                texts[to] = text;
            }
        }
        let cells = Cells { texts: texts.into(), starts, span: cells.span.clone() };
        Merged { at, cells, changes, place: Place { file: Arc::clone(&table.file), line: begin.0, column: begin.1 } }
    }

    /// Gives a new row an id, or refuses the one that was another link's.
    fn name(&mut self, row: &mut Merged, ledger: &mut Ours<'_>, findings: &mut Findings) {
        let at = ledger.place_of(&Key::Known(Column::Id));
        let id = row.cells.texts.get(at).unwrap_or_default().to_owned();
        if id.is_empty() {
            let id = self.known.next.make();
            let cells =
                row.cells.texts.iter().enumerate().map(|(nth, text)| if nth == at { id.as_str() } else { text });
            row.cells.texts = cells.collect::<Vec<_>>().into();
            row.changes.insert(0, Change { column: Column::Id.heading().into(), from: String::new(), to: id });
        } else if let Some(past) = self.known.past.get(&id).filter(|_| LinkId::parse(&id).is_some()) {
            let (line, column) = row.cells.starts[at];
            let place = Place { line, column, ..row.place.clone() };
            let message = ImportText::ReusedId { id: shortened(&id), past: past.clone() };
            findings.error(place, Code::REUSED_ID, message.into(), ImportText::ReusedIdHelp.into());
            self.refused.push(row.place.clone());
        }
    }
}

/// Whether every cell is text that a person could have written; others are reported.
fn readable(table: &Table<Column>, cells: &Cells, findings: &mut Findings) -> bool {
    let wrong = cells.texts.iter().enumerate().find(|(nth, text)| {
        let used = table.columns[*nth].is_some() || table.headings[*nth].starts_with('#');
        used && (text.chars().nth(MOST_CELL).is_some() || text.chars().any(char::is_control))
    });
    if let Some((nth, _)) = wrong {
        let (message, help) = (ImportText::BadCell { most: MOST_CELL }, ImportText::BadCellHelp { most: MOST_CELL });
        findings.error(place(table, cells, nth), Code::CELL_TEXT, message.into(), help.into());
    }
    wrong.is_none()
}

fn cell<'s>(table: &Table<Column>, cells: &'s Cells, column: Column) -> &'s str {
    let at = table.columns.iter().position(|own| *own == Some(column));
    at.and_then(|at| cells.texts.get(at)).unwrap_or_default().trim()
}

fn place(table: &Table<Column>, cells: &Cells, nth: usize) -> Place {
    let (line, column) = cells.starts.get(nth).copied().unwrap_or_default();
    Place { file: Arc::clone(&table.file), line, column }
}
