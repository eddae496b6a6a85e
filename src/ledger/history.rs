//! What is kept of a link's points, in steps that people ask for.
//!
//! In: stored days of points. Out: one row for each point and step that something is known of, oldest first. Pure.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::Serialize;

use super::rollup::{Day, Evidence, Measures, Rollup, SLICE_MILLIS};
use crate::{
    inventory::Role,
    judge::Tally,
    units::{At, Timestamp},
    window::{Histogram, Piece},
};

const HOUR_MILLIS: i64 = 3_600_000;
const DAY_MILLIS: i64 = 24 * HOUR_MILLIS;

/// Percentiles of a smoke plot: pairs around the median.
pub const SMOKE: [u64; 9] = [1, 5, 10, 25, 50, 75, 90, 95, 99];

/// Length of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    FiveMinutes,
    Hour,
    /// A civil day.
    Day,
}

impl Step {
    pub const NAMES: [&str; 3] = ["5m", "1h", "1d"];

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "5m" => Some(Self::FiveMinutes),
            "1h" => Some(Self::Hour),
            "1d" => Some(Self::Day),
            _ => None,
        }
    }

    /// The longest time that can be asked for at once: some 9000 rows of each point.
    pub fn most_days(self) -> i64 {
        match self {
            Self::FiveMinutes => 31,
            Self::Hour => 366,
            Self::Day => 800,
        }
    }
}

/// A stored civil day of one measuring point.
#[derive(Clone, Debug, PartialEq)]
pub struct PointDay {
    pub role: Role,
    /// From where it was measured.
    pub vantage: String,
    /// `2026-11-22`.
    pub date: String,
    pub cells: Rollup,
}

/// What is asked for: cells that begin from `from` on and before `to`.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub from: Timestamp,
    pub to: Timestamp,
    pub step: Step,
    pub zone: Tz,
}

impl Span {
    /// `None`: it ends before it begins, or is longer than its step allows.
    pub fn new(from: Timestamp, to: Timestamp, step: Step, zone: Tz) -> Option<Self> {
        (from < to && to.0 - from.0 <= step.most_days() * DAY_MILLIS).then_some(Self { from, to, step, zone })
    }

    /// First and last civil day of it, as they are stored.
    pub fn days(self) -> [String; 2] {
        [self.from, Timestamp(self.to.0 - 1)].map(|moment| Day::containing(moment, self.zone).to_string())
    }

    /// The rows of these days.
    pub fn rows(self, days: impl IntoIterator<Item = PointDay>) -> Vec<HistoryRow> {
        let mut sums: BTreeMap<(Timestamp, Role, String), Sum> = BTreeMap::new();
        for PointDay { role, vantage, date, cells } in days {
            let Some(day) = Day::parse(&date, self.zone) else { continue };
            for (begins, cell) in cells.cells(day.begins).filter(|(begins, _)| (self.from..self.to).contains(begins)) {
                let (from, to) = self.step_of(begins, day, cells.cell_millis());
                let sum = sums.entry((from, role, vantage.clone())).or_default();
                sum.to = sum.to.max(to);
                sum.evidence.add(&cell.evidence);
                sum.millis.iter_mut().zip(cell.millis).for_each(|(sum, millis)| *sum += millis);
                sum.profile = cell.profile.or(sum.profile);
            }
        }
        sums.into_iter().map(|((from, role, vantage), sum)| sum.row(from, role, vantage, self.zone)).collect()
    }

    /// What the deciding point of a link saw from the first to the last day of this span.
    pub fn course(self, stored: impl IntoIterator<Item = PointDay>) -> PeriodCourse {
        let mut days: BTreeMap<Timestamp, Evidence> = BTreeMap::new();
        for PointDay { date, cells, .. } in stored {
            let Some(day) = Day::parse(&date, self.zone) else { continue };
            // Only the point that decides has measured time.
            let deciding = cells.cells(day.begins).filter(|(_, cell)| cell.millis.iter().any(|millis| *millis > 0));
            for (_, cell) in deciding.filter(|(begins, _)| (self.from..self.to).contains(begins)) {
                days.entry(day.begins).or_default().add(&cell.evidence);
            }
        }
        let mut whole = Evidence::default();
        days.values().for_each(|day| whole.add(day));
        let mut pieces = vec![];
        let mut day = Day::containing(self.from, self.zone);
        while day.begins < self.to {
            let next = day.next(self.zone);
            pieces.push(piece(days.get(&day.begins), next.begins.0 - day.begins.0));
            day = next;
        }
        PeriodCourse { rtt_nanos: RttNanos::of(&whole.rtts), days: pieces }
    }

    /// Begin and end of the row that a cell of this length is in. Old cells are hours, also where less is asked for.
    fn step_of(self, cell: Timestamp, day: Day, cell_millis: i64) -> (Timestamp, Timestamp) {
        let even = |length: i64| {
            let begins = cell.0 - (cell.0 - day.begins.0).rem_euclid(length);
            (Timestamp(begins), Timestamp(begins + length))
        };
        match self.step {
            Step::FiveMinutes => even(cell_millis.max(SLICE_MILLIS)),
            Step::Hour => even(HOUR_MILLIS),
            Step::Day => (day.begins, day.next(self.zone).begins),
        }
    }
}

/// A row in the making.
#[derive(Default)]
struct Sum {
    to: Timestamp,
    evidence: Evidence,
    millis: Measures,
    profile: Option<u64>,
}

impl Sum {
    fn row(self, from: Timestamp, role: Role, vantage: String, zone: Tz) -> HistoryRow {
        let Evidence { tally, late, duplicates, covered, rtts } = self.evidence;
        let [up, degraded, down, unknown] = self.millis;
        let rtt_nanos = RttNanos::of(&rtts);
        let smoke = (rtts.total() > 0).then(|| SMOKE.map(|percent| rtts.quantile(percent).unwrap_or_default()));
        HistoryRow {
            from: At(from, zone),
            to: At(self.to, zone),
            role,
            vantage,
            probes: tally,
            late,
            duplicates,
            counted_millis: covered,
            millis: Millis { up, degraded, down, unknown },
            rtt_nanos,
            smoke,
            profile: self.profile.map(|hash| format!("{hash:016x}")),
        }
    }
}

/// One point in one step.
#[derive(Debug, Serialize)]
pub struct HistoryRow {
    pub from: At,
    pub to: At,
    pub role: Role,
    pub vantage: String,
    /// By the measured state that they were finally booked on.
    pub probes: Tally,
    pub late: u64,
    pub duplicates: u64,
    /// Time in which the counts were taken; what is missing was lost with a process, or is not stored yet.
    pub counted_millis: u64,
    /// Measured time of the link, at its deciding point; zero at other points.
    pub millis: Millis,
    /// Within 3 %; absent when nothing was answered.
    pub rtt_nanos: Option<RttNanos>,
    /// The same by [`SMOKE`], for plots.
    #[serde(skip)]
    pub smoke: Option<[u64; SMOKE.len()]>,
    /// Changes when the way the point is measured does; absent in steps in which it was not told.
    pub profile: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct Millis {
    pub up: u64,
    pub degraded: u64,
    pub down: u64,
    pub unknown: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RttNanos {
    pub p50: u64,
    pub p95: u64,
    pub p99: u64,
}

impl RttNanos {
    /// `None`: nothing was answered.
    fn of(rtts: &Histogram) -> Option<Self> {
        let p50 = rtts.quantile(50)?;
        Some(Self { p50, p95: rtts.quantile(95).unwrap_or(p50), p99: rtts.quantile(99).unwrap_or(p50) })
    }
}

/// What the deciding point of a link saw over a period.
#[derive(Clone, Debug, PartialEq)]
pub struct PeriodCourse {
    /// Of all of it; `None`: nothing was answered, or nothing of it is kept.
    pub rtt_nanos: Option<RttNanos>,
    /// One for each civil day, in order, with its median in the place of the mean; of one of which nothing is kept all
    /// counts are zero. Lost is what was lost up and down.
    pub days: Vec<Piece>,
}

fn piece(day: Option<&Evidence>, millis: i64) -> Piece {
    let Evidence { tally, rtts, .. } = day.cloned().unwrap_or_default();
    Piece {
        seconds: u32::try_from(millis / 1_000).unwrap_or(0),
        answered: tally.up.answered + tally.down.answered,
        lost: tally.up.lost + tally.down.lost + tally.unverified,
        unmeasured: tally.up.unmeasured + tally.down.unmeasured,
        rtt_mean: rtts.quantile(50).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ledger::rollup::{HEADER, Record},
        units::Counts,
    };

    const ZONE: Tz = chrono_tz::Asia::Shanghai;

    /// A day of which each hour lost a probe in its second slice, and was down for a second.
    fn day(date: &str, is_old: bool) -> PointDay {
        let mut bytes = HEADER.to_vec();
        for slice in 0..288 {
            let lost = u64::from(slice % 12 == 1);
            let up = Counts { answered: 300 - lost, lost, unmeasured: 0 };
            let tally = Tally { up, ..Tally::default() };
            let covered = SLICE_MILLIS as u64;
            Record::Evidence(Evidence { tally, covered, ..Evidence::default() }).put(slice, &mut bytes);
            Record::Time([300_000 - lost * 1_000, 0, lost * 1_000, 0]).put(slice, &mut bytes);
        }
        let fine = Rollup::read(&bytes).unwrap();
        let cells = if is_old { Rollup::read(&fine.hourly()).unwrap() } else { fine };
        PointDay { role: Role::Far, vantage: "local".into(), date: date.into(), cells }
    }

    #[test]
    fn steps_are_civil_and_sum_to_the_same() {
        let begins = Day::parse("2026-11-21", ZONE).unwrap().begins;
        let to = Timestamp(begins.0 + 2 * DAY_MILLIS);
        for (step, rows) in [("5m", 288 + 24), ("1h", 48), ("1d", 2)] {
            let span = Span::new(begins, to, Step::parse(step).unwrap(), ZONE).unwrap();
            assert_eq!(span.days(), ["2026-11-21", "2026-11-22"]);
            let found = span.rows([day("2026-11-21", true), day("2026-11-22", false)]);
            assert_eq!(found.len(), rows, "{step}");
            assert_eq!(found.iter().map(|row| row.probes.up.lost).sum::<u64>(), 48);
            assert_eq!(found.iter().map(|row| row.millis.down).sum::<u64>(), 48_000);
            assert_eq!((found[0].from.0, found[rows - 1].to.0), (begins, to));
            assert!(found.iter().all(|row| row.counted_millis as i64 == row.to.0.0 - row.from.0.0));
        }
    }

    #[test]
    fn a_course_has_a_piece_for_each_civil_day_also_where_nothing_is_kept() {
        let begins = Day::parse("2026-11-21", ZONE).unwrap().begins;
        let span = Span::new(begins, Timestamp(begins.0 + 3 * DAY_MILLIS), Step::Day, ZONE).unwrap();
        let beside = PointDay { cells: Rollup::read(&HEADER).unwrap(), ..day("2026-11-23", false) };
        let course = span.course([day("2026-11-21", true), day("2026-11-22", false), beside]);
        let counts: Vec<_> = course.days.iter().map(|day| (day.seconds, day.answered, day.lost)).collect();
        assert_eq!(counts, [(86_400, 86_376, 24), (86_400, 86_376, 24), (86_400, 0, 0)]);
        assert_eq!(course.rtt_nanos, None, "nothing was timed");
    }

    #[test]
    fn what_is_too_much_at_once_is_refused() {
        let from = Timestamp(1_795_300_000_000);
        assert!(Span::new(from, Timestamp(from.0 + 32 * DAY_MILLIS), Step::FiveMinutes, ZONE).is_none());
        assert!(Span::new(from, from, Step::Day, ZONE).is_none());
    }
}
