//! The account of one link and civil month.
//!
//! In: changes of either axis, each with the time from which it holds. Out: sums that are exact to the millisecond.
//! Pure; serde keeps it over a restart.
//!
//! What is final is in cells. The last few minutes stay a list of segments, because outages and recoveries are dated
//! back to their first sign: a change paints over the segments since then, so that nothing is lost or booked twice.
//! A change dated back further than the segments reach holds from where they begin. Stretches that are final stay known
//! beside the cells, so that a fact that is told later can still exclude them.

use std::sync::Arc;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    Accounted, Accounting, Booked, Exclusion, Fact, Measured, Month, NotBooked, Quality, Standard, Terms, Timed,
    Witness,
    exclusion::{History, Segment, book, is_counted_up, same, spells, split},
    interface,
    quality::is_default,
    rollup::{Measures, SLICE_MILLIS, slice_of},
};
use crate::{
    command::{InterfaceCounts, NotTaken},
    incident::Spell,
    judge::{LinkState, Tally},
    units::{Counts, Timestamp},
};

/// Finished segments older than this are final. 5 min: the slowest proof of an outage at the slowest shipped interval.
const HORIZON_MILLIS: i64 = 300_000;
/// Most segments kept open to change; the oldest becomes final when there are more.
const MOST_SEGMENTS: usize = 64;
/// How far back a change of what was measured is told: a night and a day of an isolation that was an outage.
const TOLD_MILLIS: i64 = 26 * 3_600_000;
/// Most exclusions that reach into the future.
const MOST_AHEAD: usize = 16;

/// The running account of one link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    month: Month,
    /// Final milliseconds of `month`.
    cells: Vec<Cell>,
    /// The stretches of `cells`, as far as they are kept.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    history: History,
    /// Exclusions that reach beyond what is final: they hold whatever is measured meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ahead: Vec<Fact>,
    /// Rising, without gaps; the first begins where the cells end, the last goes on. Never empty.
    segments: Vec<Segment>,
    /// Civil time already booked: a clock that is set back books none of it again.
    seen: Timestamp,
    probes: Tally,
    /// Shared with the picture that outsiders see.
    #[serde(default, skip_serializing_if = "is_default")]
    quality: Arc<Quality>,
    /// Counted since the month ended, while it is not final yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<Box<(Tally, Arc<Quality>)>>,
    /// The month before, with its counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<Arc<(Month, Quality)>>,
    /// From when on time was measured or painted over since it was last told.
    #[serde(skip)]
    untold: Option<Timestamp>,
}

/// A month that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClosedMonth {
    pub month: Month,
    pub accounted: Accounted,
    /// Milliseconds by both axes, sorted.
    pub cells: Vec<Cell>,
    /// Scheduled probes by the state they were finally booked on.
    pub probes: Tally,
    #[serde(default)]
    history: History,
    #[serde(default)]
    pub quality: Quality,
}

/// Milliseconds of one measured and one accounting state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    pub measured: Measured,
    pub accounting: Accounting,
    pub millis: u64,
}

impl Account {
    /// Opens an account. The month's time before `now` was not in service with us, and is excluded.
    pub fn open(now: Timestamp, zone: Tz) -> Self {
        let month = Month::containing(now, zone);
        let before = Accounting::Excluded(Exclusion::NotInService);
        let mut account = Self {
            month,
            cells: vec![],
            history: History::default(),
            ahead: vec![],
            segments: vec![Segment { from: month.begins, measured: Measured::Unknown, accounting: before }],
            seen: now,
            probes: Tally::default(),
            quality: Arc::default(),
            next: None,
            last: None,
            untold: None,
        };
        account.paint(now, None, |segment| segment.accounting = Accounting::Counted);
        account
    }

    /// The measured state is `measured` from `since` on, as was understood at `now`.
    pub fn measure(&mut self, measured: Measured, since: Timestamp, now: Timestamp) {
        self.see(since, now, |segment| segment.measured = measured);
    }

    /// The accounting state is `accounting` from `since` on.
    pub fn exclude(&mut self, accounting: Accounting, since: Timestamp, now: Timestamp) {
        self.see(since, now, |segment| segment.accounting = accounting);
    }

    /// Excludes a span that is told later, now or ahead. Returns the milliseconds of the past that it took out of the
    /// objective; what lies before this month is not this account's.
    ///
    /// # Errors
    /// Nothing is booked then.
    pub fn exclude_fact(&mut self, fact: Fact, now: Timestamp) -> Result<u64, NotBooked> {
        let fact = Fact { from: fact.from.max(self.month.begins), ..fact };
        let final_until = self.segments[0].from;
        if fact.from >= fact.to {
            return Err(NotBooked::Empty);
        }
        if fact.from < self.history.begins().unwrap_or(final_until) {
            return Err(NotBooked::TooOld);
        }
        let goes_on = fact.to > final_until;
        if goes_on && self.ahead.len() == MOST_AHEAD {
            return Err(NotBooked::TooMany);
        }
        let before = self.excluded_since(final_until, now);
        let mut excluded = self.history.exclude(fact, final_until, &mut self.cells);
        if goes_on {
            self.ahead.push(fact);
            self.hold_ahead(final_until);
            excluded += self.excluded_since(final_until, now) - before;
        }
        Ok(excluded)
    }

    /// Books a link state on both axes.
    pub fn book(&mut self, state: LinkState, since: Timestamp, now: Timestamp) {
        let (measured, accounting) = axes(state);
        self.see(since, now, |segment| {
            segment.accounting = accounting;
            segment.measured = measured;
        });
    }

    /// Civil time that nobody saw: a restart, or a clock set forward. It is unknown; the state goes on after it.
    pub fn skip(&mut self, from: Timestamp, to: Timestamp) {
        let from = from.max(self.seen);
        if to > from {
            self.paint(from, Some(to), |segment| segment.measured = Measured::Unknown);
            self.seen = to;
        }
    }

    /// Adds probes that were booked until `now` since the last call, and what they say of loss and RTT; that only where
    /// time counts.
    pub fn count(&mut self, probes: Tally, timed: Option<Timed>, terms: &Terms, now: Timestamp) {
        let is_over = now >= self.month.ends;
        let (of_month, quality) = if is_over {
            let next = self.next.get_or_insert_default();
            (&mut next.0, &mut next.1)
        } else {
            (&mut self.probes, &mut self.quality)
        };
        *of_month += probes;
        if self.segments.last().is_some_and(|segment| segment.accounting == Accounting::Counted) {
            Arc::make_mut(quality).count(probes.up, timed, terms, now);
        }
    }

    /// Adds probes of another point of the link than the one that decides, where time counts.
    pub fn count_beside(&mut self, witness: Witness, probes: Counts, timed: Option<Timed>, now: Timestamp) {
        if self.segments.last().is_some_and(|segment| segment.accounting == Accounting::Counted) {
            let quality = match now >= self.month.ends {
                true => &mut self.next.get_or_insert_default().1,
                false => &mut self.quality,
            };
            Arc::make_mut(quality).count_beside(witness, probes, timed, now);
        }
    }

    /// Adds pairs of consecutive answers, of the point that decides or of another, where time counts.
    pub fn count_pairs(&mut self, witness: Option<Witness>, paired: Timed, terms: &Terms, now: Timestamp) {
        if self.segments.last().is_some_and(|segment| segment.accounting == Accounting::Counted) {
            let quality = match now >= self.month.ends {
                true => &mut self.next.get_or_insert_default().1,
                false => &mut self.quality,
            };
            Arc::make_mut(quality).count_pairs(witness, paired, terms, now);
        }
    }

    /// Adds what an interface counted in the running month. Oldest first.
    ///
    /// # Errors
    /// Why it is no evidence.
    pub fn count_interface(&mut self, source: &str, counts: &InterfaceCounts, now: Timestamp) -> Result<(), NotTaken> {
        interface::check(source, counts, now)?;
        let stretches = self.history.segments().iter().chain(&self.segments).copied();
        let is_next = counts.from >= self.month.ends;
        if counts.from < self.month.begins || !is_next && counts.to > self.month.ends {
            return Err(NotTaken::WrongSpan);
        }
        if !is_counted_up(stretches, counts.from, counts.to) {
            return Err(NotTaken::NotUp);
        }
        let quality = if is_next { &mut self.next.get_or_insert_default().1 } else { &mut self.quality };
        Arc::make_mut(quality).count_interface(source, counts)
    }

    /// Counters of the month before were told after it was closed.
    pub fn recount_last(&mut self, closed: &ClosedMonth) {
        if let Some(last) = self.last.as_mut().filter(|last| last.0 == closed.month) {
            Arc::make_mut(last).1 = closed.quality.clone();
        }
    }

    /// Loss and RTT of the month of `now`.
    pub fn quality(&self, now: Timestamp) -> Arc<Quality> {
        match &self.next {
            _ if now < self.month.ends => Arc::clone(&self.quality),
            Some(next) => Arc::clone(&next.1),
            None => Arc::default(),
        }
    }

    /// The month before, closed.
    pub fn last_month(&self) -> Option<&Arc<(Month, Quality)>> {
        self.last.as_ref()
    }

    /// Probes of the running month.
    pub fn probes(&self) -> Tally {
        self.probes
    }

    /// The month that is running.
    pub fn month(&self) -> Month {
        self.month
    }

    /// Civil time that is booked.
    pub fn seen(&self) -> Timestamp {
        self.seen
    }

    /// The measured state that goes on.
    pub fn measured(&self) -> Measured {
        self.last().measured
    }

    /// Lets time pass. Returns the months that ended and are final.
    pub fn advance(&mut self, now: Timestamp, zone: Tz) -> Vec<ClosedMonth> {
        self.seen = self.seen.max(now);
        let final_until = self.segments[0].from;
        self.ahead.retain(|fact| fact.to > final_until);
        let mut closed = vec![];
        while self.seen.0 >= self.month.ends.0 + HORIZON_MILLIS {
            closed.push(self.close_month(zone));
        }
        let is_final = |segments: &[Segment], seen: Timestamp| match segments {
            [_, next, ..] => next.from.0 <= seen.0 - HORIZON_MILLIS || segments.len() > MOST_SEGMENTS,
            _ => false,
        };
        // A month that has just ended keeps its segments for the horizon: they may still be painted over.
        while is_final(&self.segments, self.seen) && self.segments[1].from <= self.month.ends {
            self.finish_oldest();
        }
        closed
    }

    /// What was measured in each slice of five minutes up to `now` that is new or other than when it was last told, by
    /// when the slice begins. Of the past at most [`TOLD_MILLIS`].
    pub fn tell_time(&mut self, now: Timestamp) -> Vec<(Timestamp, Measures)> {
        let untold = self.untold.replace(now).unwrap_or(now);
        let known = self.history.begins().unwrap_or(self.segments[0].from);
        let mut slice = slice_of(untold.max(known).max(Timestamp(now.0 - TOLD_MILLIS)));
        let mut told = vec![];
        while slice < now {
            let next = Timestamp(slice.0 + SLICE_MILLIS);
            told.push((slice, self.measured_in(slice, next.min(now))));
            slice = next;
        }
        told
    }

    /// Everything from `from` on is told once more.
    pub fn tell_again(&mut self, from: Timestamp) {
        self.untold = Some(self.untold.map_or(from, |untold| untold.min(from)));
    }

    /// Milliseconds by measured state, as far as the stretches are known.
    fn measured_in(&self, from: Timestamp, to: Timestamp) -> Measures {
        let mut millis = Measures::default();
        let stretches = || self.history.segments().iter().chain(&self.segments);
        let ends = stretches().skip(1).map(|segment| segment.from).chain([to]);
        for (segment, end) in stretches().zip(ends) {
            let place = match segment.measured {
                Measured::Up => 0,
                Measured::Degraded => 1,
                Measured::Down => 2,
                Measured::Unknown => 3,
            };
            let length = end.0.min(to.0) - segment.from.0.max(from.0);
            millis[place] += u64::try_from(length).unwrap_or(0);
        }
        millis
    }

    /// Milliseconds of the running month by both axes, sorted, up to `now`.
    pub fn cells(&self, now: Timestamp) -> Vec<Cell> {
        self.cells_in(self.month, now)
    }

    /// The same of this month or the one after it.
    fn cells_in(&self, month: Month, now: Timestamp) -> Vec<Cell> {
        let (begins, now) = (month.begins.0, now.max(self.seen).min(month.ends));
        let mut cells = if month == self.month { self.cells.clone() } else { vec![] };
        let ends = self.segments.iter().skip(1).map(|segment| segment.from).chain([now]);
        for (segment, end) in self.segments.iter().zip(ends) {
            if let Ok(millis @ 1..) = u64::try_from(end.0.min(now.0) - segment.from.0.max(begins)) {
                book(&mut cells, *segment, millis);
            }
        }
        cells
    }

    /// Its months up to `now`: two while the first is over and may still change.
    pub fn booked(&self, standard: &Standard, now: Timestamp) -> Vec<Booked> {
        let now = now.max(self.seen);
        let next = (now >= self.month.ends).then(|| {
            let month = self.month.next(standard.zone);
            let spells = self.spells(standard, now.min(month.ends));
            let probes = self.next.as_ref().map(|next| next.0).unwrap_or_default();
            Booked { month, until: now, is_final: false, cells: self.cells_in(month, now), spells, probes }
        });
        let until = now.min(self.month.ends);
        let spells = self.spells_in(self.month.begins, until, standard);
        let probes = self.probes;
        let first = Booked { month: self.month, until, is_final: false, cells: self.cells(until), spells, probes };
        [first].into_iter().chain(next).collect()
    }

    /// Stretches of down-time of the civil month of `now`, up to it, that count. `None`: there were so many that the first
    /// of them are no longer known apart.
    pub fn spells(&self, standard: &Standard, now: Timestamp) -> Option<Vec<Spell>> {
        let now = now.max(self.seen);
        let begins = if now < self.month.ends { self.month.begins } else { self.month.ends };
        self.spells_in(begins, now, standard)
    }

    fn spells_in(&self, begins: Timestamp, until: Timestamp, standard: &Standard) -> Option<Vec<Spell>> {
        let known = self.history.begins().unwrap_or(self.segments[0].from);
        let stretches = self.history.segments().iter().chain(&self.segments).copied();
        (known <= begins).then(|| spells(stretches, begins, until, standard))
    }

    /// Sums of the civil month of `now`, up to it: whatever is excluded is left out.
    pub fn accounted(&self, now: Timestamp, zone: Tz) -> Accounted {
        self.accounted_as(now, zone, |accounting| accounting)
    }

    /// The same as a contract counts it.
    pub fn accounted_by(&self, standard: &Standard, now: Timestamp, zone: Tz) -> Accounted {
        self.accounted_as(now, zone, |accounting| standard.accounting(accounting))
    }

    fn accounted_as(&self, now: Timestamp, zone: Tz, counts: impl Fn(Accounting) -> Accounting) -> Accounted {
        let now = now.max(self.seen);
        let mut month = self.month;
        while now >= month.ends {
            month = month.next(zone);
        }
        let mut sums = Accounted { period: month.length(), ..Accounted::default() };
        if month == self.month {
            self.cells.iter().for_each(|cell| add(&mut sums, cell.measured, counts(cell.accounting), cell.millis));
        }
        let ends = self.segments.iter().skip(1).map(|segment| segment.from).chain([now]);
        for (segment, end) in self.segments.iter().zip(ends) {
            let millis = end.0.min(now.0) - segment.from.0.max(month.begins.0);
            add(&mut sums, segment.measured, counts(segment.accounting), u64::try_from(millis).unwrap_or(0));
        }
        sums
    }

    fn last(&self) -> Segment {
        // Never empty: `paint` and `finish_oldest` keep at least the segment that goes on.
        self.segments[self.segments.len() - 1]
    }

    fn see(&mut self, since: Timestamp, now: Timestamp, change: impl Fn(&mut Segment)) {
        // A clock that was set back shows civil time that is booked: what changes now holds from the end of it.
        let since = if now < self.seen { self.seen } else { since.min(now) };
        self.seen = self.seen.max(now);
        self.paint(since, None, change);
        self.hold_ahead(since);
    }

    /// Exclusions hold against whatever else was said of the time from `since` on.
    fn hold_ahead(&mut self, since: Timestamp) {
        for Fact { from, to, reason } in self.ahead.clone() {
            if to > since {
                self.paint(from.max(since), Some(to), |segment| segment.exclude(reason));
            }
        }
    }

    /// Milliseconds from the first open segment to `now` that are outside the objective.
    fn excluded_since(&self, from: Timestamp, now: Timestamp) -> u64 {
        let ends = self.segments.iter().skip(1).map(|segment| segment.from).chain([now]);
        let outside = self.segments.iter().zip(ends).filter(|(segment, _)| segment.accounting != Accounting::Counted);
        outside.map(|(segment, end)| u64::try_from(end.0.min(now.0) - segment.from.0.max(from.0)).unwrap_or(0)).sum()
    }

    /// Changes every segment from `from` to `to`, or to the end.
    fn paint(&mut self, from: Timestamp, to: Option<Timestamp>, change: impl Fn(&mut Segment)) {
        self.tell_again(from);
        let begin = split(&mut self.segments, from);
        let end = to.map_or(self.segments.len(), |to| split(&mut self.segments, to));
        self.segments[begin..end].iter_mut().for_each(change);
        self.segments.dedup_by(|next, kept| same(next, kept));
    }

    /// Moves the oldest segment, which is followed by another, into the cells.
    fn finish_oldest(&mut self) {
        let oldest = self.segments.remove(0);
        let millis = u64::try_from(self.segments[0].from.0 - oldest.from.0).unwrap_or(0);
        book(&mut self.cells, oldest, millis);
        self.history.push(oldest);
    }

    fn close_month(&mut self, zone: Tz) -> ClosedMonth {
        let place = split(&mut self.segments, self.month.ends);
        (0..place).for_each(|_| self.finish_oldest());
        let accounted = Accounted::of(&self.cells, self.month.length());
        let (next_probes, next_quality) = *std::mem::take(&mut self.next).unwrap_or_default();
        let (cells, probes) = (std::mem::take(&mut self.cells), std::mem::replace(&mut self.probes, next_probes));
        let quality = Arc::unwrap_or_clone(std::mem::replace(&mut self.quality, next_quality)).close();
        let next = self.month.next(zone);
        let month = std::mem::replace(&mut self.month, next);
        self.last = Some(Arc::new((month, quality.clone())));
        ClosedMonth { month, accounted, cells, probes, history: std::mem::take(&mut self.history), quality }
    }
}

impl ClosedMonth {
    /// Stretches of down-time that count. `None`: they are no longer known apart.
    pub fn spells(&self, standard: &Standard) -> Option<Vec<Spell>> {
        let known = self.history.begins().is_some_and(|known| known <= self.month.begins);
        let stretches = self.history.segments().iter().copied();
        known.then(|| spells(stretches, self.month.begins, self.month.ends, standard))
    }

    /// Adds what an interface counted in this month and is told after it. Oldest first.
    ///
    /// # Errors
    /// Why it is no evidence.
    pub fn count_interface(&mut self, source: &str, counts: &InterfaceCounts) -> Result<(), NotTaken> {
        interface::check(source, counts, self.month.ends)?;
        if counts.from < self.month.begins {
            return Err(NotTaken::WrongSpan);
        }
        if !is_counted_up(self.history.segments().iter().copied(), counts.from, counts.to) {
            return Err(NotTaken::NotUp);
        }
        self.quality.count_interface(source, counts)
    }

    /// Excludes a span that is told after the month was over; what lies outside of it is not this month's. Returns the
    /// milliseconds that it took out of the objective.
    ///
    /// # Errors
    /// Nothing is booked then.
    pub fn exclude_fact(&mut self, fact: Fact) -> Result<u64, NotBooked> {
        let fact = Fact { from: fact.from.max(self.month.begins), ..fact };
        if fact.from >= fact.to.min(self.month.ends) {
            return Err(NotBooked::Empty);
        }
        if self.history.begins().is_none_or(|begins| fact.from < begins) {
            return Err(NotBooked::TooOld);
        }
        let excluded = self.history.exclude(fact, self.month.ends, &mut self.cells);
        self.accounted = Accounted::of(&self.cells, self.month.length());
        Ok(excluded)
    }
}

/// What a link state means on both axes.
fn axes(state: LinkState) -> (Measured, Accounting) {
    match state {
        LinkState::Up => (Measured::Up, Accounting::Counted),
        LinkState::Degraded => (Measured::Degraded, Accounting::Counted),
        LinkState::Down => (Measured::Down, Accounting::Counted),
        LinkState::Unknown(_) => (Measured::Unknown, Accounting::Counted),
        LinkState::Maintenance => (Measured::Unknown, Accounting::Excluded(Exclusion::PlannedWork)),
        LinkState::Suspended => (Measured::Unknown, Accounting::Excluded(Exclusion::Suspended)),
        LinkState::Absent => (Measured::Unknown, Accounting::Excluded(Exclusion::NotInService)),
    }
}

impl Accounted {
    /// The sums of these cells in a period of so many milliseconds.
    pub fn of(cells: &[Cell], period: u64) -> Self {
        let mut sums = Self { period, ..Self::default() };
        cells.iter().for_each(|cell| add(&mut sums, cell.measured, cell.accounting, cell.millis));
        sums
    }
}

pub(super) fn add(sums: &mut Accounted, measured: Measured, accounting: Accounting, millis: u64) {
    let sum = match (accounting, measured) {
        (Accounting::Excluded(_), _) => &mut sums.excluded,
        (Accounting::Counted, Measured::Up) => &mut sums.up,
        (Accounting::Counted, Measured::Degraded) => &mut sums.degraded,
        (Accounting::Counted, Measured::Down) => &mut sums.down,
        (Accounting::Counted, Measured::Unknown) => &mut sums.unknown,
    };
    *sum += millis;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ZONE: Tz = chrono_tz::Asia::Shanghai;
    const MINUTE: i64 = 60_000;
    const DAY: i64 = 1_440 * MINUTE;

    /// Moments of November 2026 in Shanghai, in milliseconds from its first.
    fn at(millis: i64) -> Timestamp {
        Timestamp(Month::containing(Timestamp(1_795_300_000_000), ZONE).begins.0 + millis)
    }

    /// An account open since the first of the month, up since then.
    fn account() -> Account {
        let mut account = Account::open(at(0), ZONE);
        account.measure(Measured::Up, at(0), at(0));
        account
    }

    fn sums(account: &Account, now: i64) -> [u64; 5] {
        let Accounted { up, degraded, down, unknown, excluded, .. } = account.accounted(at(now), ZONE);
        [up, degraded, down, unknown, excluded]
    }

    #[test]
    fn an_outage_is_dated_back_to_its_first_lost_probe() {
        let mut account = account();
        account.advance(at(60_000), ZONE);
        account.measure(Measured::Down, at(58_700), at(60_000));
        assert_eq!(sums(&account, 60_000), [58_700, 0, 1_300, 0, 0]);
    }

    #[test]
    fn a_recovery_is_dated_back_to_its_first_answer() {
        let mut account = account();
        account.measure(Measured::Down, at(10_000), at(11_300));
        account.measure(Measured::Up, at(70_000), at(75_020));
        assert_eq!(sums(&account, 100_000), [40_000, 0, 60_000, 0, 0]);
    }

    #[test]
    fn a_restart_is_unknown_from_the_last_heartbeat() {
        let mut account = account();
        account.advance(at(MINUTE), ZONE);
        let stored = serde_json::to_string(&account).unwrap();
        let mut account: Account = serde_json::from_str(&stored).unwrap();
        // The last heartbeat was at 90 s; the next process starts at 100 s and sees an answer at 103 s.
        account.measure(Measured::Unknown, at(90_000), at(100_000));
        account.measure(Measured::Up, at(103_000), at(103_005));
        assert_eq!(sums(&account, 110_000), [97_000, 0, 0, 13_000, 0]);
    }

    #[test]
    fn a_clock_set_forward_leaves_unknown_time_and_one_set_back_books_nothing_twice() {
        let mut account = account();
        account.advance(at(10_000), ZONE);
        account.skip(at(10_000), at(10_000 + 60 * MINUTE));
        assert_eq!(sums(&account, 60 * MINUTE + 20_000), [20_000, 0, 0, 60 * 60_000, 0]);

        let mut account = self::account();
        account.advance(at(60 * MINUTE), ZONE);
        account.advance(at(30 * MINUTE), ZONE);
        account.measure(Measured::Down, at(30 * MINUTE), at(30 * MINUTE + 1_300));
        assert_eq!(sums(&account, 61 * MINUTE), [60 * 60_000, 0, 60_000, 0, 0], "what was booked as up stays");
    }

    #[test]
    fn time_before_the_link_was_ours_is_excluded() {
        let mut account = Account::open(at(10 * DAY), ZONE);
        account.measure(Measured::Up, at(10 * DAY), at(10 * DAY));
        assert_eq!(sums(&account, 11 * DAY), [DAY as u64, 0, 0, 0, 10 * DAY as u64]);
    }

    #[test]
    fn an_exclusion_never_touches_what_was_measured() {
        let mut account = account();
        account.exclude(Accounting::Excluded(Exclusion::PlannedWork), at(10_000), at(10_000));
        account.measure(Measured::Down, at(12_000), at(13_000));
        account.exclude(Accounting::Counted, at(20_000), at(20_000));
        assert_eq!(sums(&account, 30_000), [10_000, 0, 10_000, 0, 10_000]);
    }

    #[test]
    fn an_outage_over_midnight_is_parted_between_the_months() {
        let mut account = account();
        let month = 30 * DAY;
        account.advance(at(month - 1_000), ZONE);
        // The first lost probe was sent 700 ms before midnight, and understood 600 ms after it.
        account.measure(Measured::Down, at(month - 700), at(month + 600));
        assert_eq!(sums(&account, month + 600), [0, 0, 600, 0, 0]);
        let closed = account.advance(at(month + HORIZON_MILLIS), ZONE);
        assert_eq!(closed.len(), 1);
        assert_eq!(closed[0].month.to_string(), "2026-11");
        assert_eq!((closed[0].accounted.up, closed[0].accounted.down), (month as u64 - 700, 700));
        assert_eq!(closed[0].accounted.elapsed(), closed[0].accounted.period);
        assert_eq!(sums(&account, month + HORIZON_MILLIS), [0, 0, HORIZON_MILLIS as u64, 0, 0]);
    }

    #[test]
    fn a_process_that_slept_two_months_closes_both() {
        let mut account = account();
        account.measure(Measured::Unknown, at(DAY), at(70 * DAY));
        let closed = account.advance(at(70 * DAY), ZONE);
        let months: Vec<_> = closed.iter().map(|closed| (closed.month.to_string(), closed.accounted.unknown)).collect();
        assert_eq!(months, [("2026-11".to_owned(), 29 * DAY as u64), ("2026-12".to_owned(), 31 * DAY as u64)]);
    }

    #[test]
    fn a_long_isolation_turns_out_to_be_an_outage_from_its_first_loss() {
        let mut account = account();
        account.measure(Measured::Unknown, at(MINUTE), at(MINUTE + 1_000));
        account.advance(at(180 * MINUTE), ZONE);
        account.measure(Measured::Down, at(MINUTE), at(180 * MINUTE));
        assert_eq!(sums(&account, 180 * MINUTE), [60_000, 0, 179 * 60_000, 0, 0]);
    }

    fn measured() -> impl Strategy<Value = Measured> {
        prop_oneof![Just(Measured::Up), Just(Measured::Degraded), Just(Measured::Down), Just(Measured::Unknown)]
    }

    proptest! {
        /// Every millisecond exactly once: whatever is painted, skipped, dated back or set back.
        #[test]
        fn sums_are_exact(story in proptest::collection::vec(
            (measured(), -20_000_i64..400_000, 0_i64..30_000, 0_u8..10), 1..200,
        )) {
            let opened = 20 * DAY;
            let mut account = Account::open(at(opened), ZONE);
            let (mut now, mut latest, mut closed) = (opened, opened, vec![]);
            for (measured, step, back, what) in story {
                // Some steps cross months; a few go back.
                let step = if what == 9 { step * 5_000 } else { step };
                now = (now + step).max(opened);
                match what {
                    0 => {
                        account.skip(at(now), at(now + 10 * step.max(0)));
                        now += 10 * step.max(0);
                    }
                    1 => account.exclude(Accounting::Excluded(Exclusion::Drill), at(now - back), at(now)),
                    2 => account.exclude(Accounting::Counted, at(now - back), at(now)),
                    3 => {}
                    _ => account.measure(measured, at(now - back), at(now)),
                }
                latest = latest.max(now);
                closed.extend(account.advance(at(now), ZONE));
                let sums = account.accounted(at(now), ZONE);
                let month = Month::containing(at(latest), ZONE);
                prop_assert_eq!(sums.elapsed(), (at(latest).0 - month.begins.0) as u64);
                prop_assert!(account.segments.len() <= MOST_SEGMENTS + 1);
            }
            for month in closed {
                prop_assert_eq!(month.accounted.elapsed(), month.accounted.period);
                prop_assert_eq!(month.cells.iter().map(|cell| cell.millis).sum::<u64>(), month.month.length());
            }
        }
    }
}
