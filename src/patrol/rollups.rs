//! Rollups: at the end of each slice of five minutes, what every point settled in it goes to the store.
//!
//! All points are looked at within a few turns of the end of a slice, a share of them each turn; a probe is in the slice
//! in which it was settled. Nothing is done per sample.

use std::sync::Arc;

use super::{field::Field, turn::Loop};
use crate::{
    inventory::{LinkId, PointIndex, Role},
    journal::digest_of,
    judge::{self, Tally},
    ledger::rollup::{Day, Evidence, Record, SLICE_MILLIS, slice_of},
    profile::Measure,
    store::StoredRollup,
    units::{Now, Timestamp},
};

/// Links that are looked at in one turn: a few milliseconds. 100 000 take five seconds.
const LINKS_A_TURN: usize = 1_000;
/// Looked at later than this, a point's next slice begins when it was looked at: a clock was set, or we stood still.
const LATE_MILLIS: i64 = 60_000;

/// What of each point is stored already.
#[derive(Debug, Default)]
pub(super) struct Rollups {
    /// By point number.
    seen: Vec<Seen>,
    /// Begin of the slice that runs.
    slice: Timestamp,
    /// The next link to look at, while a slice that ended is being told.
    next: Option<usize>,
}

/// One point when it was last looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    at: Timestamp,
    tally: Tally,
    late: u32,
    duplicates: u32,
    /// The day on which its profile was told.
    day: Option<Day>,
}

impl Rollups {
    /// Counts from now on.
    pub fn from(field: &Field, now: Timestamp) -> Self {
        let links = field.loaded.inventory.links.iter();
        let points = links.flat_map(|link| link.numbered_points().map(|(point, _)| point.at() + 1));
        let count = points.max().unwrap_or(0);
        let seen = field.points[..count].iter().map(|watch| Seen {
            at: now,
            tally: watch.judge.tally(),
            late: watch.window.late(),
            duplicates: watch.window.duplicates(),
            day: None,
        });
        Self { seen: seen.collect(), slice: slice_of(now), next: None }
    }
}

impl Loop {
    /// Tells a slice that has ended, this turn's share of it.
    pub(super) fn roll_up(&mut self, now: Now) {
        let slice = slice_of(now.utc);
        if slice != self.rollups.slice {
            (self.rollups.slice, self.rollups.next) = (slice, Some(0));
        }
        let Some(first) = self.rollups.next else { return };
        let end = (first + LINKS_A_TURN).min(self.accounts.len());
        // What went on beyond the slice that ended is told with the next one.
        (first..end).for_each(|number| self.roll_up_link(number, now.utc, slice));
        self.rollups.next = (end < self.accounts.len()).then_some(end);
    }

    /// Tells everything up to now, also of a slice that is not over.
    pub(super) fn roll_up_all(&mut self, now: Now) {
        (0..self.accounts.len()).for_each(|number| self.roll_up_link(number, now.utc, now.utc));
    }

    fn roll_up_link(&mut self, number: usize, now: Timestamp, time_until: Timestamp) {
        let loaded = Arc::clone(&self.field.loaded);
        let zone = loaded.contract.time_zone;
        let link = &loaded.inventory.links[number];
        let deciding = judge::deciding_point(&link.points, loaded.contract.measuring_point(link.kind));
        let mut days = Days { link: &link.id, days: vec![] };
        for (place, (index, point)) in link.numbered_points().enumerate() {
            let seen = &mut self.rollups.seen[index.at()];
            let slice = slice_of(seen.at);
            let day = Day::containing(slice, zone);
            let evidence = evidence(&mut self.field, index, seen, now);
            if seen.day.replace(day) != Some(day) {
                let profile = profile_hash(&self.field.plan.points[index.at()].measure);
                days.put(point.role, day, slice, &Record::Profile(profile));
            }
            days.put(point.role, day, slice, &Record::Evidence(evidence));
            if deciding == Some(place) {
                for (slice, millis) in self.accounts[number].tell_time(time_until) {
                    days.put(point.role, Day::containing(slice, zone), slice, &Record::Time(millis));
                }
            }
        }
        if let Some(keeping) = &mut self.keeping {
            keeping.batch.rollups.extend(days.days.into_iter().map(|(_, row)| row));
        }
    }
}

/// What the point settled since it was last looked at, all of it in the slice of that moment.
fn evidence(field: &mut Field, index: PointIndex, seen: &mut Seen, now: Timestamp) -> Evidence {
    let watch = &mut field.points[index.at()];
    let ends = Timestamp(slice_of(seen.at).0 + SLICE_MILLIS);
    let (tally, late, duplicates) = (watch.judge.tally(), watch.window.late(), watch.window.duplicates());
    let evidence = Evidence {
        tally: tally.since(seen.tally),
        late: late.wrapping_sub(seen.late).into(),
        duplicates: duplicates.wrapping_sub(seen.duplicates).into(),
        covered: u64::try_from(ends.min(now).0 - seen.at.0).unwrap_or(0),
        rtts: watch.window.take_rtts(),
    };
    let at = if (ends.0..ends.0 + LATE_MILLIS).contains(&now.0) { ends } else { now };
    *seen = Seen { at, tally, late, duplicates, day: seen.day };
    evidence
}

/// The first eight bytes of a digest of every value that it is measured by.
fn profile_hash(measure: &Measure) -> u64 {
    let digest = digest_of(format!("{measure:?}").as_bytes());
    digest.0.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

/// Rows of one link in the making.
struct Days<'a> {
    link: &'a LinkId,
    days: Vec<(Day, StoredRollup)>,
}

impl Days<'_> {
    fn put(&mut self, role: Role, day: Day, slice: Timestamp, record: &Record) {
        let found = self.days.iter().position(|(known, row)| (*known, row.role) == (day, role));
        let place = found.unwrap_or_else(|| {
            let row = StoredRollup { link: self.link.clone(), role, day: day.to_string(), records: vec![] };
            self.days.push((day, row));
            self.days.len() - 1
        });
        record.put(day.slice(slice), &mut self.days[place].1.records);
    }
}
