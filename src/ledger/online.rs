//! The daily mean of how many devices of a group are online.
//!
//! In: counts, each with the time at which it was taken; a count holds until the next one, and no longer than `silent_after`.
//! Out: a [`Day`] in device-milliseconds, and the [`Verdict`] on a share. Pure; serde keeps it over a restart.
//!
//! Time of which nobody told is neither online nor absent: a verdict holds whatever those devices did meanwhile, or is
//! `not_provable`. Percentages are never averaged: sums are divided once.

use std::{collections::BTreeMap, time::Duration};

use chrono::{NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::Verdict;
use crate::{
    contract::{Bound, Objective, Quantity},
    inventory::Online,
    units::Timestamp,
};

/// Days that are kept: today, yesterday, and one more for what is told late.
const MOST_DAYS: usize = 3;

/// The books of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnlineBook {
    /// What was told last, and until when it is booked.
    last: Option<(Online, Timestamp)>,
    days: BTreeMap<NaiveDate, Day>,
}

/// One civil day so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// Milliseconds of which something was told.
    pub known: u64,
    /// Device-milliseconds.
    online: u64,
    expected: u64,
}

/// A day and how long it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldDay {
    pub name: String,
    pub day: Day,
    /// Milliseconds.
    pub length: u64,
    pub is_running: bool,
}

/// How a group stands, and what is promised of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnlineStanding {
    /// `None`: the contract promises nothing.
    pub bound: Option<Bound>,
    /// Where the contract says so; empty: nowhere.
    pub clause: String,
    /// Today and yesterday.
    pub told: [ToldDay; 2],
}

impl OnlineBook {
    /// Takes what was told, if it is newer than what is known. `now`: nothing is booked ahead of it.
    pub fn take(&mut self, told: Online, silent_after: Duration, now: Timestamp, zone: Tz) {
        if self.last.is_some_and(|(last, _)| last.at >= told.at) {
            return;
        }
        self.advance(told.at.min(now), silent_after, zone);
        self.last = Some((told, told.at));
    }

    /// What was told last holds until `now`, and no longer than `silent_after`.
    pub fn advance(&mut self, now: Timestamp, silent_after: Duration, zone: Tz) {
        let Some((last, booked)) = &mut self.last else { return };
        let until = now.min(last.at.plus(silent_after));
        let (online, expected) = (u64::from(last.online), u64::from(last.expected().unwrap_or(0)));
        while *booked < until {
            let Some((day, ends)) = day(*booked, zone) else { return };
            let end = ends.min(until);
            let millis = u64::try_from(end.0 - booked.0).unwrap_or(0);
            let book = self.days.entry(day).or_default();
            book.known = book.known.saturating_add(millis);
            book.online = book.online.saturating_add(online.saturating_mul(millis));
            book.expected = book.expected.saturating_add(expected.saturating_mul(millis));
            *booked = end;
        }
        while self.days.len() > MOST_DAYS {
            self.days.pop_first();
        }
    }

    /// What was told last.
    pub fn last(&self) -> Option<Online> {
        self.last.map(|(told, _)| told)
    }

    /// How it stands by what is promised. `None`: `now` is no time of the calendar.
    pub fn standing(&self, promised: Option<&Objective>, now: Timestamp, zone: Tz) -> Option<OnlineStanding> {
        let (today, ends) = day(now, zone)?;
        let begins = midnight(today, zone)?;
        let before = today.pred_opt()?;
        let told = |date: NaiveDate, [from, to]: [Timestamp; 2], is_running| ToldDay {
            name: date.to_string(),
            day: self.days.get(&date).copied().unwrap_or_default(),
            length: u64::try_from(to.0 - from.0).unwrap_or(0),
            is_running,
        };
        Some(OnlineStanding {
            bound: promised.map(|objective| objective.bound),
            clause: promised.map_or_else(String::new, |objective| objective.clause.clone()),
            told: [told(today, [begins, ends], true), told(before, [midnight(before, zone)?, begins], false)],
        })
    }
}

impl OnlineStanding {
    /// Of one of its days. `None`: no share is promised.
    pub fn verdict(&self, told: &ToldDay) -> Option<Verdict> {
        let keeps: fn(u128, u128, u128) -> bool = match self.bound? {
            Bound::AtLeast(_) => |part, whole, share| part * 1_000_000 >= whole * share,
            Bound::Above(_) => |part, whole, share| part * 1_000_000 > whole * share,
            Bound::AtMost(_) | Bound::Below(_) => return None,
        };
        let Quantity::Share(share) = self.bound?.quantity() else { return None };
        if told.is_running {
            return Some(Verdict::Pending);
        }
        let Day { known, online, expected } = told.day;
        if expected == 0 {
            return Some(Verdict::NotProvable);
        }
        // As many were expected in the time of which nobody told as in the rest: none or all of them online.
        let [known, online, expected] = [known, online, expected].map(u128::from);
        let (length, unknown) = (u128::from(told.length), u128::from(told.length).saturating_sub(known));
        let (part, whole, share) = (online * known, expected * length.max(known), u128::from(share.0));
        Some(match () {
            () if keeps(part, whole, share) => Verdict::Met,
            () if !keeps(part + expected * unknown, whole, share) => Verdict::Breached,
            () => Verdict::NotProvable,
        })
    }
}

impl Day {
    /// Online over expected, both in device-milliseconds.
    pub fn rate(&self) -> (u64, u64) {
        (self.online, self.expected)
    }
}

/// The civil day of a moment, and the first moment after it.
fn day(at: Timestamp, zone: Tz) -> Option<(NaiveDate, Timestamp)> {
    let day = zone.timestamp_millis_opt(at.0).single()?.date_naive();
    Some((day, midnight(day.succ_opt()?, zone)?))
}

fn midnight(day: NaiveDate, zone: Tz) -> Option<Timestamp> {
    let midnight = zone.from_local_datetime(&day.and_time(NaiveTime::MIN)).earliest()?;
    Some(Timestamp(midnight.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Shanghai;

    use super::*;
    use crate::units::Ppm;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    fn midnight_of(day: i64) -> i64 {
        chrono::DateTime::parse_from_rfc3339("2026-11-27T00:00:00+08:00").unwrap().timestamp_millis() + day * DAY
    }

    fn told(hour: i64, online: u32, total: u32, absent: u32) -> Online {
        Online { at: Timestamp(midnight_of(0) + hour * HOUR), online, total, absent }
    }

    /// The verdict on yesterday and its mean in percent, of counts that each hold for so many hours.
    fn yesterday(bound: Bound, holds: u64, counts: &[Online]) -> (Verdict, u64) {
        let (mut book, silent) = (OnlineBook::default(), Duration::from_hours(holds));
        for count in counts {
            book.take(*count, silent, count.at, Shanghai);
        }
        let now = Timestamp(midnight_of(1) + HOUR);
        book.advance(now, silent, Shanghai);
        let mut standing = book.standing(None, now, Shanghai).unwrap();
        standing.bound = Some(bound);
        let [_, told] = &standing.told;
        assert_eq!((&*told.name, told.length), ("2026-11-27", DAY as u64));
        let (online, expected) = told.day.rate();
        (standing.verdict(told).unwrap(), online * 100 / expected.max(1))
    }

    #[test]
    fn the_mean_is_weighed_by_time_and_whoever_may_be_absent_is_left_out() {
        let above = Bound::Above(Quantity::Share(Ppm(900_000)));
        // Half of the day 100 of 100, the other half 80 of 100: 90 %, which is not above 90 %.
        let half = [told(0, 100, 100, 0), told(12, 80, 100, 0)];
        assert_eq!(yesterday(above, 24, &half), (Verdict::Breached, 90));
        assert_eq!(yesterday(Bound::AtLeast(Quantity::Share(Ppm(900_000))), 24, &half), (Verdict::Met, 90));
        // Of the 20 that are not there, one is in repair.
        assert_eq!(yesterday(above, 24, &[told(0, 100, 100, 0), told(12, 80, 100, 1)]), (Verdict::Met, 90));
        // What is told again, or late, changes nothing.
        assert_eq!(yesterday(above, 24, &[half[0], half[1], told(12, 0, 100, 0), told(3, 0, 100, 0)]).1, 90);
    }

    #[test]
    fn time_of_which_nobody_told_proves_nothing_unless_it_cannot_matter() {
        let above = Bound::Above(Quantity::Share(Ppm(900_000)));
        assert_eq!(yesterday(above, 6, &[told(0, 100, 100, 0)]), (Verdict::NotProvable, 100));
        assert_eq!(yesterday(above, 23, &[told(0, 100, 100, 0)]), (Verdict::Met, 100));
        assert_eq!(yesterday(above, 6, &[told(0, 10, 100, 0)]), (Verdict::Breached, 10));
        assert_eq!(yesterday(above, 6, &[]).0, Verdict::NotProvable);
        assert_eq!(yesterday(above, 24, &[told(0, 0, 5, 5)]).0, Verdict::NotProvable);
    }

    #[test]
    fn a_count_that_holds_over_midnight_is_of_both_days() {
        let (mut book, silent) = (OnlineBook::default(), Duration::from_hours(2));
        book.take(told(23, 3, 4, 0), silent, Timestamp(midnight_of(1)), Shanghai);
        let now = Timestamp(midnight_of(1) + 5 * HOUR);
        book.advance(now, silent, Shanghai);
        book.advance(now, silent, Shanghai);
        let [today, before] = book.standing(None, now, Shanghai).unwrap().told;
        let expected = Day { known: HOUR as u64, online: 3 * HOUR as u64, expected: 4 * HOUR as u64 };
        assert_eq!((today.day, before.day, today.is_running), (expected, expected, true));
        assert_eq!(serde_json::from_str::<OnlineBook>(&serde_json::to_string(&book).unwrap()).unwrap(), book);
    }
}
