//! One point's civil day in cells of five minutes, or of an hour once it is old: what was counted, and how long it was
//! in which measured state.
//!
//! In: what a point settled since it was last looked at ([`Evidence`]), and the measured time of its link's account. Out:
//! bytes that are only added to ([`Record::put`]), and the day that they come to ([`Rollup::read`]). Pure.
//!
//! ```text
//! day = version, slices a cell, record…
//! record = slice of the day, kind (0 evidence: added; 1 time: replaces; 2 profile: replaces), length, payload
//! ```
//!
//! Time replaces, because outages are dated back: the account is asked again for every slice that it painted over.
//! A kind that is not known is skipped; a version that is not known is refused.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, TimeZone};
use chrono_tz::Tz;

use crate::{
    judge::Tally,
    units::{Counts, Timestamp},
    window::{
        Histogram,
        packed::{number, put},
    },
};

/// Five minutes.
pub const SLICE_MILLIS: i64 = 300_000;
/// Slices of an hour: how old days are kept.
const HOURLY: u16 = 12;
const VERSION: u8 = 1;
/// What stands before the records of a day that is new.
pub const HEADER: [u8; 2] = [VERSION, 1];

/// What one point settled in a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    pub tally: Tally,
    pub late: u64,
    pub duplicates: u64,
    /// Milliseconds that the counts were taken in: what is missing was lost with a process that was killed.
    pub covered: u64,
    pub rtts: Histogram,
}

impl Evidence {
    pub fn add(&mut self, other: &Self) {
        self.tally += other.tally;
        self.late += other.late;
        self.duplicates += other.duplicates;
        self.covered += other.covered;
        self.rtts.merge(&other.rtts);
    }
}

/// Milliseconds up, degraded, down and unknown.
pub type Measures = [u64; 4];

/// Something about one slice of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    Evidence(Evidence),
    Time(Measures),
    /// Hash of how the point is measured, from this slice on.
    Profile(u64),
}

impl Record {
    /// Appends it to the bytes of a day.
    pub fn put(&self, slice: u16, day: &mut Vec<u8>) {
        let mut payload = Vec::with_capacity(64);
        let kind = match self {
            Self::Evidence(Evidence { tally, late, duplicates, covered, rtts }) => {
                let Tally { up, down, unverified } = tally;
                for figure in [up.answered, up.lost, up.unmeasured, down.answered, down.lost, down.unmeasured] {
                    put(&mut payload, figure);
                }
                [*unverified, *late, *duplicates, *covered].into_iter().for_each(|figure| put(&mut payload, figure));
                rtts.pack(&mut payload);
                0
            }
            Self::Time(millis) => {
                let used = millis.iter().rposition(|millis| *millis > 0).map_or(0, |last| last + 1);
                millis[..used].iter().for_each(|millis| put(&mut payload, *millis));
                1
            }
            Self::Profile(hash) => {
                payload.extend(hash.to_be_bytes());
                2
            }
        };
        put(day, u64::from(slice));
        day.push(kind);
        put(day, payload.len() as u64);
        day.extend(payload);
    }

    /// `None`: not known to this version. An `Err` is no record at all.
    fn read(kind: u8, mut payload: &[u8]) -> Result<Option<Self>, Unreadable> {
        Ok(match kind {
            0 => {
                let rest = &mut payload;
                let figures: [u64; 10] = std::array::from_fn(|_| number(rest));
                let [answered, lost, unmeasured, down_answered, down_lost, down_unmeasured, ..] = figures;
                let [.., unverified, late, duplicates, covered] = figures;
                let up = Counts { answered, lost, unmeasured };
                let down = Counts { answered: down_answered, lost: down_lost, unmeasured: down_unmeasured };
                let rtts = Histogram::unpack(rest).ok_or(Unreadable)?;
                let tally = Tally { up, down, unverified };
                Some(Self::Evidence(Evidence { tally, late, duplicates, covered, rtts }))
            }
            1 => Some(Self::Time(std::array::from_fn(|_| number(&mut payload)))),
            2 => Some(Self::Profile(u64::from_be_bytes(payload.try_into().map_err(|_| Unreadable)?))),
            _ => None,
        })
    }
}

/// What is stored is damaged, or of a version that this one does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a day that this version can read")]
pub struct Unreadable;

/// One cell of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollupCell {
    pub evidence: Evidence,
    pub millis: Measures,
    pub profile: Option<u64>,
}

/// A point's day, by the first slice of each cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollup {
    slices_a_cell: u16,
    cells: BTreeMap<u16, RollupCell>,
}

impl Rollup {
    /// # Errors
    /// When the bytes are damaged, or of a version that is not known.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let [VERSION, slices, rest @ ..] = bytes else { return Err(Unreadable) };
        if *slices == 0 {
            return Err(Unreadable);
        }
        let mut day = Self { slices_a_cell: u16::from(*slices), cells: BTreeMap::new() };
        let mut rest = rest;
        while !rest.is_empty() {
            let slice = u16::try_from(number(&mut rest)).map_err(|_| Unreadable)?;
            let (kind, after) = rest.split_first().ok_or(Unreadable)?;
            rest = after;
            let length = usize::try_from(number(&mut rest)).map_err(|_| Unreadable)?;
            let (payload, after) = rest.split_at_checked(length).ok_or(Unreadable)?;
            rest = after;
            let cell = day.cells.entry(slice - slice % day.slices_a_cell).or_default();
            match Record::read(*kind, payload)? {
                Some(Record::Evidence(evidence)) => cell.evidence.add(&evidence),
                Some(Record::Time(millis)) => cell.millis = millis,
                Some(Record::Profile(hash)) => cell.profile = Some(hash),
                None => {}
            }
        }
        Ok(day)
    }

    /// The same day in cells of an hour, which is how old days are kept.
    pub fn hourly(&self) -> Vec<u8> {
        let mut hours: BTreeMap<u16, RollupCell> = BTreeMap::new();
        for (slice, cell) in &self.cells {
            let hour = hours.entry(slice - slice % HOURLY).or_default();
            hour.evidence.add(&cell.evidence);
            hour.millis.iter_mut().zip(cell.millis).for_each(|(sum, millis)| *sum += millis);
            hour.profile = cell.profile.or(hour.profile);
        }
        let mut bytes = vec![VERSION, HOURLY as u8];
        for (slice, cell) in hours {
            Record::Evidence(cell.evidence).put(slice, &mut bytes);
            Record::Time(cell.millis).put(slice, &mut bytes);
            if let Some(hash) = cell.profile {
                Record::Profile(hash).put(slice, &mut bytes);
            }
        }
        bytes
    }

    /// Cells with when they begin, in order, on a day that began then.
    pub fn cells(&self, begins: Timestamp) -> impl Iterator<Item = (Timestamp, &RollupCell)> {
        self.cells.iter().map(move |(slice, cell)| (Timestamp(begins.0 + i64::from(*slice) * SLICE_MILLIS), cell))
    }

    /// Milliseconds of one cell.
    pub fn cell_millis(&self) -> i64 {
        i64::from(self.slices_a_cell) * SLICE_MILLIS
    }
}

/// A civil day and where it lies in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    date: NaiveDate,
    pub begins: Timestamp,
}

impl Day {
    /// The day that `moment` falls into where clocks show `zone`.
    pub fn containing(moment: Timestamp, zone: Tz) -> Self {
        let local = chrono::DateTime::from_timestamp_millis(moment.0).unwrap_or_default().with_timezone(&zone);
        Self::of(local.date_naive(), zone)
    }

    /// As it is printed; `None` when `text` is no day.
    pub fn parse(text: &str, zone: Tz) -> Option<Self> {
        text.parse().ok().map(|date| Self::of(date, zone))
    }

    /// The day after it: no civil day is longer than 25 hours, and none shorter than 23.
    pub fn next(self, zone: Tz) -> Self {
        Self::containing(Timestamp(self.begins.0 + 26 * 3_600_000), zone)
    }

    /// Number of the slice of this day that holds `moment`.
    pub fn slice(self, moment: Timestamp) -> u16 {
        u16::try_from((moment.0 - self.begins.0).div_euclid(SLICE_MILLIS)).unwrap_or(0)
    }

    fn of(date: NaiveDate, zone: Tz) -> Self {
        let midnight = date.and_time(chrono::NaiveTime::MIN);
        let begins = zone.from_local_datetime(&midnight).earliest();
        let begins = begins.unwrap_or_else(|| zone.from_utc_datetime(&midnight));
        Self { date, begins: Timestamp(begins.timestamp_millis()) }
    }
}

/// `2026-11-22`.
impl std::fmt::Display for Day {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:04}-{:02}-{:02}", self.date.year(), self.date.month(), self.date.day())
    }
}

/// When the slice begins that holds `moment`. Civil days begin with one in every time zone of whole quarters.
pub fn slice_of(moment: Timestamp) -> Timestamp {
    Timestamp(moment.0 - moment.0.rem_euclid(SLICE_MILLIS))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::{Account, Measured};

    const ZONE: Tz = chrono_tz::Asia::Shanghai;

    fn evidence() -> impl Strategy<Value = Evidence> {
        (proptest::array::uniform10(0_u64..400), proptest::collection::vec((1_u64..2_000_000_000, 1_u32..300), 0..20))
            .prop_map(|([a, b, c, d, e, f, unverified, late, duplicates, covered], rtts)| {
                let mut histogram = Histogram::default();
                rtts.iter().for_each(|(nanos, count)| histogram.add(*nanos, *count));
                let up = Counts { answered: a, lost: b, unmeasured: c };
                let down = Counts { answered: d, lost: e, unmeasured: f };
                let tally = Tally { up, down, unverified };
                Evidence { tally, late, duplicates, covered, rtts: histogram }
            })
    }

    fn sum<'a>(parts: impl IntoIterator<Item = &'a Evidence>) -> Evidence {
        let mut sum = Evidence::default();
        parts.into_iter().for_each(|part| sum.add(part));
        sum
    }

    fn total(day: &Rollup) -> (Evidence, Measures) {
        let mut millis = [0; 4];
        day.cells.values().for_each(|cell| (0..4).for_each(|place| millis[place] += cell.millis[place]));
        (sum(day.cells.values().map(|cell| &cell.evidence)), millis)
    }

    proptest! {
        /// Whatever is appended in whatever order: the day holds the sum of it, also once it is hourly.
        #[test]
        fn a_day_is_the_sum_of_what_was_added(parts in proptest::collection::vec((0_u16..288, evidence()), 0..40)) {
            let mut bytes = HEADER.to_vec();
            for (slice, part) in &parts {
                Record::Evidence(part.clone()).put(*slice, &mut bytes);
                Record::Time([1, 2, 0, u64::from(*slice)]).put(*slice, &mut bytes);
            }
            let day = Rollup::read(&bytes).unwrap();
            prop_assert_eq!(total(&day).0, sum(parts.iter().map(|(_, part)| part)));
            prop_assert_eq!(total(&day).0, sum(parts.iter().rev().map(|(_, part)| part)));
            let hourly = Rollup::read(&day.hourly()).unwrap();
            prop_assert_eq!(total(&hourly), total(&day));
            prop_assert!(hourly.cells.len() <= 24 && hourly.cell_millis() == 3_600_000);
            prop_assert_eq!(Rollup::read(&hourly.hourly()).unwrap(), hourly);
        }

        /// Damaged bytes are refused or read as something; they never stop the program.
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Rollup::read(&[&HEADER[..], &bytes].concat());
        }

        /// Outages dated back over slices that were told already: at the end, the cells sum to the account.
        #[test]
        fn the_time_of_all_days_is_that_of_the_account(story in proptest::collection::vec(
            (0_u8..4, 1_000_i64..900_000, 0_i64..800_000, any::<bool>()), 1..150,
        )) {
            let opened = Day::parse("2026-11-01", ZONE).unwrap().begins;
            let mut account = Account::open(opened, ZONE);
            let (mut days, mut now) = (BTreeMap::<Day, Vec<u8>>::new(), opened);
            let mut tell = |account: &mut Account, now| {
                for (slice, millis) in account.tell_time(now) {
                    let day = Day::containing(slice, ZONE);
                    let bytes = days.entry(day).or_insert_with(|| HEADER.to_vec());
                    Record::Time(millis).put(day.slice(slice), bytes);
                }
            };
            for (state, step, back, restarts) in story {
                let next = Timestamp(now.0 + step);
                let mut boundary = slice_of(now).0 + SLICE_MILLIS;
                while boundary <= next.0 {
                    account.advance(Timestamp(boundary), ZONE);
                    tell(&mut account, Timestamp(boundary));
                    boundary += SLICE_MILLIS;
                }
                now = next;
                if restarts {
                    let seen = account.seen();
                    account = serde_json::from_str(&serde_json::to_string(&account).unwrap()).unwrap();
                    account.skip(seen, now);
                    account.tell_again(Timestamp(seen.0 - 3_600_000));
                }
                let measured = [Measured::Up, Measured::Degraded, Measured::Down, Measured::Unknown][usize::from(state)];
                account.measure(measured, Timestamp(now.0 - back).max(opened), now);
            }
            tell(&mut account, now);
            let mut sums = [0; 4];
            for bytes in days.values() {
                let (_, millis) = total(&Rollup::read(bytes).unwrap());
                (0..4).for_each(|place| sums[place] += millis[place]);
            }
            let month = account.accounted(now, ZONE);
            prop_assert_eq!(sums, [month.up, month.degraded, month.down, month.unknown]);
        }
    }

    #[test]
    fn days_are_those_of_the_contract() {
        let day = Day::containing(Timestamp(1_795_300_000_000), ZONE);
        assert_eq!(day.begins.rfc3339(ZONE), format!("{day}T00:00:00.000+08:00"));
        assert_eq!(day.slice(Timestamp(day.begins.0 + 86_399_999)), 287);
        assert_eq!(Day::containing(Timestamp(day.begins.0 - 1), ZONE).slice(Timestamp(day.begins.0 - 1)), 287);
        assert_eq!(slice_of(Timestamp(day.begins.0 + 299_999)), day.begins);
    }

    /// One probe a second, RTTs within a fifth of 5 ms, one in two thousand lost.
    #[test]
    fn a_day_of_a_point_fits_its_budget() {
        let mut seed = 7_u64;
        let mut random = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed >> 33
        };
        let mut bytes = HEADER.to_vec();
        for slice in 0..288 {
            let mut evidence = Evidence { covered: SLICE_MILLIS as u64, ..Evidence::default() };
            for _ in 0..300 {
                if random() % 2_000 == 0 {
                    evidence.tally.up.lost += 1;
                } else {
                    evidence.tally.up.answered += 1;
                    evidence.rtts.add((4_000 + random() % 2_000) * 1_000, 1);
                }
            }
            Record::Evidence(evidence).put(slice, &mut bytes);
            Record::Time([SLICE_MILLIS as u64, 0, 0, 0]).put(slice, &mut bytes);
        }
        let hours = Rollup::read(&bytes).unwrap().hourly();
        println!("{} bytes in slices of five minutes, {} in hours", bytes.len(), hours.len());
        assert!(bytes.len() <= 18 * 1024 && hours.len() <= 2 * 1024, "{} and {}", bytes.len(), hours.len());
    }

    /// These bytes were written by version 1: they are read for as long as days are kept.
    #[test]
    fn a_day_of_version_1_is_read() {
        let bytes = [
            1, 1, // version, slices a cell
            3, 0, 16, 5, 1, 0, 0, 2, 0, 0, 1, 0, 0xE0, 0xA7, 0x12, 1, 0x80, 4, 5, // evidence of slice 3
            3, 1, 4, 0x90, 0x4E, 0, 1, // time
            3, 2, 8, 0, 0, 0, 0, 0, 0, 0, 7, // profile
            3, 9, 1, 0, // of a later version
        ];
        let day = Rollup::read(&bytes).unwrap();
        let cell = &day.cells[&3];
        let up = Counts { answered: 5, lost: 1, unmeasured: 0 };
        let down = Counts { answered: 0, lost: 2, unmeasured: 0 };
        assert_eq!(cell.evidence.tally, Tally { up, down, unverified: 0 });
        assert_eq!((cell.evidence.late, cell.evidence.covered, cell.evidence.rtts.total()), (1, 300_000, 5));
        assert_eq!((cell.millis, cell.profile), ([10_000, 0, 1, 0], Some(7)));
        assert_eq!(Rollup::read(&[2, 1]), Err(Unreadable));
    }
}
