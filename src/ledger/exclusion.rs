//! Exclusions as facts: they can be added later, and never touch what was measured.
//!
//! In: a [`Fact`] that two people agreed on. Out: the milliseconds that it took out of the objective. Time that is outside
//! the objective already, such as that before a link was in service, stays as it is.

use serde::{Deserialize, Serialize};

use super::{Accounting, Cell, Exclusion, Measured, Standard};
use crate::{incident::Spell, units::Timestamp};

/// Finished stretches kept of one link and month: of a link that changes three times an hour all of them.
const MOST_STRETCHES: usize = 2_048;

/// A span of time that does not count, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    pub from: Timestamp,
    /// The first millisecond after it.
    pub to: Timestamp,
    pub reason: Exclusion,
}

/// A stretch of time with one value on each axis. Ends where the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    pub(super) from: Timestamp,
    pub(super) measured: Measured,
    pub(super) accounting: Accounting,
}

impl Segment {
    /// Takes it out of the objective, if it counts.
    pub(super) fn exclude(&mut self, reason: Exclusion) {
        if self.accounting == Accounting::Counted {
            self.accounting = Accounting::Excluded(reason);
        }
    }
}

/// Why a fact cannot be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBooked {
    #[error("it does not end after it begins")]
    Empty,
    #[error("it begins before what is still known to the millisecond")]
    TooOld,
    #[error("as many exclusions lie ahead as one account holds")]
    TooMany,
}

/// Finished stretches of a month, in order and without gaps, so that they can still be excluded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct History(Vec<Segment>);

impl History {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the stretch behind the others. The oldest are let go when there are too many.
    pub fn push(&mut self, segment: Segment) {
        if self.0.last().is_some_and(|last| same(last, &segment)) {
            return;
        }
        if self.0.len() == MOST_STRETCHES {
            self.0.drain(..MOST_STRETCHES / 4);
        }
        self.0.push(segment);
    }

    /// From when on every stretch is known; `None`: none is.
    pub fn begins(&self) -> Option<Timestamp> {
        self.0.first().map(|first| first.from)
    }

    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Excludes what counts of it, up to `ends` where the last stretch ends, and books that in `cells`. Returns the
    /// milliseconds that were excluded.
    pub fn exclude(&mut self, fact: Fact, ends: Timestamp, cells: &mut Vec<Cell>) -> u64 {
        let (from, to) = (fact.from, fact.to.min(ends));
        if from >= to || self.0.is_empty() {
            return 0;
        }
        let begin = split(&mut self.0, from);
        let end = if to < ends { split(&mut self.0, to) } else { self.0.len() };
        let mut excluded = 0;
        for place in begin..end {
            let until = self.0.get(place + 1).map_or(ends, |next| next.from);
            let segment = &mut self.0[place];
            let millis = u64::try_from(until.0 - segment.from.0).unwrap_or(0);
            let before = *segment;
            segment.exclude(fact.reason);
            if segment.accounting != before.accounting {
                take(cells, before, millis);
                book(cells, *segment, millis);
                excluded += millis;
            }
        }
        self.0.dedup_by(|next, kept| same(next, kept));
        excluded
    }
}

/// Whether the link was up, and time counted, all the while from `from` to `to`, as far as that is known.
pub(super) fn is_counted_up(segments: impl Iterator<Item = Segment> + Clone, from: Timestamp, to: Timestamp) -> bool {
    let is_known = segments.clone().next().is_some_and(|first| first.from <= from);
    let ends = segments.clone().skip(1).map(|segment| segment.from).chain([to]);
    let is_good = |segment: Segment| {
        segment.accounting == Accounting::Counted && matches!(segment.measured, Measured::Up | Measured::Degraded)
    };
    is_known && segments.zip(ends).all(|(segment, end)| end <= from || segment.from >= to || is_good(segment))
}

/// Stretches of down-time that count by `standard`, from `begins` to `ends`, where the last segment ends.
pub(super) fn spells(
    segments: impl Iterator<Item = Segment> + Clone,
    begins: Timestamp,
    ends: Timestamp,
    standard: &Standard,
) -> Vec<Spell> {
    let until = segments.clone().skip(1).map(|segment| segment.from).chain([ends]);
    let is_down = |segment: &Segment| {
        segment.measured == Measured::Down && standard.accounting(segment.accounting) == Accounting::Counted
    };
    let spell = |(segment, to): (Segment, Timestamp)| Spell { from: segment.from.max(begins), to: to.min(ends) };
    segments
        .zip(until)
        .filter(|(segment, _)| is_down(segment))
        .map(spell)
        .filter(|spell| spell.from < spell.to)
        .collect()
}

/// Makes a segment begin at `at`, and returns its place: the first one's when `at` is before them all.
pub(super) fn split(segments: &mut Vec<Segment>, at: Timestamp) -> usize {
    let place = segments.partition_point(|segment| segment.from < at);
    match segments.get(place) {
        Some(segment) if segment.from == at => place,
        _ if place == 0 => 0,
        _ => {
            segments.insert(place, Segment { from: at, ..segments[place - 1] });
            place
        }
    }
}

/// Whether both have the same value on each axis.
pub(super) fn same(one: &Segment, other: &Segment) -> bool {
    (one.measured, one.accounting) == (other.measured, other.accounting)
}

/// Adds milliseconds to the cell of this segment's values. Cells are sorted.
pub(super) fn book(cells: &mut Vec<Cell>, segment: Segment, millis: u64) {
    let Segment { measured, accounting, .. } = segment;
    match cells.binary_search_by_key(&(measured, accounting), |cell| (cell.measured, cell.accounting)) {
        Ok(place) => cells[place].millis += millis,
        Err(place) => cells.insert(place, Cell { measured, accounting, millis }),
    }
}

/// Takes milliseconds out of the cell of this segment's values, which holds them.
fn take(cells: &mut Vec<Cell>, segment: Segment, millis: u64) {
    let key = (segment.measured, segment.accounting);
    if let Ok(place) = cells.binary_search_by_key(&key, |cell| (cell.measured, cell.accounting)) {
        cells[place].millis = cells[place].millis.saturating_sub(millis);
        if cells[place].millis == 0 {
            cells.remove(place);
        }
    }
}
