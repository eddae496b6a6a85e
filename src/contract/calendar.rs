//! When a clock runs: all the time, or in hours of certain days of the contract's time zone.
//!
//! In: a moment and a length of time. Out: the moment when that much of the calendar's time has passed, or how much of
//! it has. Pure: time zone, hours and holidays are data. A day on which the zone changes its offset has as many hours
//! as it really has.

use std::{sync::Arc, time::Duration};

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Weekday};

use super::{holidays::Holidays, limit::Span};
use crate::{diagnostic::Place, units::Timestamp};

/// One calendar of a contract.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    /// Such as `7x24` or `working-hours`.
    pub id: String,
    pub zone: chrono_tz::Tz,
    pub(super) open: Open,
    pub clause: String,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Open {
    Always,
    /// Windows of minutes of the day; one that ends beyond 1440 goes on into the next day.
    Hours {
        days: OpenDays,
        windows: Vec<(u32, u32)>,
        holidays: Arc<Holidays>,
    },
    /// All the time when the other is closed.
    Except(Arc<Calendar>),
}

/// Which days have hours.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum OpenDays {
    Every,
    /// Working days with holidays and make-up working days.
    Working,
    Week(Vec<Weekday>),
}

/// More days than any promise spans (82 years): a search that finds nothing ends here.
const MOST_DAYS: u32 = 30_000;
const DAY_MINUTES: u32 = 24 * 60;

impl Calendar {
    /// The calendar of a promise that names none.
    pub fn always(zone: chrono_tz::Tz, place: Place) -> Self {
        Self { id: "7x24".into(), zone, open: Open::Always, clause: super::NOT_FROM_CONTRACT.into(), place }
    }

    /// The first moment, not before `start`, by which `limit` of this calendar's time has passed.
    /// [`Timestamp`]'s largest when it never has.
    pub fn deadline(&self, start: Timestamp, limit: Duration) -> Timestamp {
        if limit.is_zero() || self.open == Open::Always {
            return start.plus(limit);
        }
        let mut left = milliseconds(limit);
        for (opens, closes) in self.openings(start) {
            let opens = opens.max(start.0);
            if closes - opens >= left {
                return Timestamp(opens + left);
            }
            left -= closes - opens;
        }
        Timestamp(i64::MAX)
    }

    /// How much of this calendar's time lies between the two. Zero when `to` is not later.
    pub fn elapsed(&self, from: Timestamp, to: Timestamp) -> Duration {
        if self.open == Open::Always {
            return to.since(from);
        }
        let within = self.openings(from).take_while(|(opens, _)| *opens < to.0);
        let passed = within.map(|(opens, closes)| (closes.min(to.0) - opens.max(from.0)).max(0)).sum::<i64>();
        Duration::from_millis(passed.max(0).unsigned_abs())
    }

    /// When a limit that began at `start` ends. `same day` and working days end when the hours of that day end.
    pub fn due(&self, start: Timestamp, limit: Span) -> Timestamp {
        match limit {
            Span::Time(length) => self.deadline(start, length),
            Span::SameDay => self.end_of_day(start, 0),
            Span::WorkingDays(days) => self.end_of_day(start, days),
        }
    }

    /// Whether the moment lies in its hours.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.openings(at).next().is_some_and(|(opens, _)| opens <= at.0)
    }

    /// When its hours begin or end next. `None`: they never do again.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let (opens, closes) = self.openings(now).next()?;
        Some(Timestamp(if opens > now.0 { opens } else { closes }))
    }

    /// When the hours that run at `now` began, or when the last ones that ran at `from` or later ended. `None`: there were
    /// none.
    pub fn last_change(&self, from: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let mut run: Option<(i64, i64)> = None;
        for (opens, closes) in self.openings(from).take_while(|(opens, _)| *opens <= now.0) {
            // Hours that follow on each other are one run.
            let began = run.filter(|(_, ended)| *ended == opens).map_or(opens, |(began, _)| began);
            run = Some((began, closes));
        }
        run.map(|(began, ended)| Timestamp(if ended > now.0 { began } else { ended }))
    }

    /// Whether holidays matter to it.
    pub(super) fn needs_holidays(&self) -> bool {
        match &self.open {
            Open::Hours { days, .. } => *days == OpenDays::Working,
            Open::Except(other) => other.needs_holidays(),
            Open::Always => false,
        }
    }

    /// Whether the holidays of this moment's year are known, where they matter.
    pub fn knows(&self, at: Timestamp) -> bool {
        match &self.open {
            Open::Hours { days: OpenDays::Working, holidays, .. } => holidays.covers(self.day(at).year()),
            Open::Except(other) => other.knows(at),
            Open::Always | Open::Hours { .. } => true,
        }
    }

    /// Its hours that begin on a civil day, in order.
    pub fn openings_on(&self, day: NaiveDate) -> Vec<(Timestamp, Timestamp)> {
        self.openings_of(day).into_iter().map(|(opens, closes)| (Timestamp(opens), Timestamp(closes))).collect()
    }

    /// When a minute of a civil day begins; beyond 1440 it is one of the next day.
    pub fn minute_of(&self, day: NaiveDate, minute: u32) -> Timestamp {
        Timestamp(self.utc(day, minute))
    }

    /// Civil day of a moment; the ends of chrono's range for moments outside of it.
    pub fn day_of(&self, at: Timestamp) -> NaiveDate {
        self.day(at)
    }

    /// Whether it ever opens: a promise on one that never does would never be due.
    pub(super) fn opens(&self) -> bool {
        // A leap year and a day from a Monday on: every weekday and season.
        let monday = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap_or_default();
        monday.iter_days().take(367).any(|day| !self.openings_of(day).is_empty())
    }

    /// End of the last opening of the `nth` day with hours after the day of `start`; 0: of that day itself, or of the
    /// first one that still has time after `start`.
    fn end_of_day(&self, start: Timestamp, nth: u32) -> Timestamp {
        let first = self.day(start);
        let days = first.iter_days().skip(usize::from(nth > 0)).take(MOST_DAYS as usize);
        let mut ends = days.filter_map(|day| self.openings_of(day).last().map(|(_, closes)| *closes));
        let end = if nth == 0 { ends.find(|end| *end > start.0) } else { ends.nth(nth as usize - 1) };
        Timestamp(end.unwrap_or(i64::MAX))
    }

    /// Openings that end after `from`, in order, none overlapping another.
    fn openings(&self, from: Timestamp) -> impl Iterator<Item = (i64, i64)> {
        // An opening of the day before may reach into this one.
        let first = self.day(from).checked_sub_days(Days::new(1)).unwrap_or_default();
        let mut covered = from.0;
        let days = first.iter_days().take(MOST_DAYS as usize);
        days.flat_map(|day| self.openings_of(day)).filter_map(move |(opens, closes)| {
            let fresh = closes > covered;
            let opens = if covered == from.0 { opens } else { opens.max(covered) };
            covered = covered.max(closes);
            fresh.then_some((opens, closes))
        })
    }

    /// Openings that begin on this day, in milliseconds of UTC, in order.
    fn openings_of(&self, day: NaiveDate) -> Vec<(i64, i64)> {
        let whole = (self.utc(day, 0), self.utc(day, DAY_MINUTES));
        match &self.open {
            Open::Always => vec![whole],
            Open::Hours { days, windows, holidays } => {
                let open = match days {
                    OpenDays::Every => true,
                    OpenDays::Working => holidays.is_working(day),
                    OpenDays::Week(week) => week.contains(&day.weekday()),
                };
                let windows = windows.iter().filter(|_| open);
                windows.map(|(from, to)| (self.utc(day, *from), self.utc(day, *to))).collect()
            }
            Open::Except(other) => {
                let before = day.checked_sub_days(Days::new(1)).unwrap_or(day);
                let mut closed = other.openings_of(before);
                closed.extend(other.openings_of(day));
                let mut gaps = vec![];
                let mut at = whole.0;
                for (opens, closes) in closed {
                    if opens > at {
                        gaps.push((at, opens.min(whole.1)));
                    }
                    at = at.max(closes);
                }
                if at < whole.1 {
                    gaps.push((at, whole.1));
                }
                gaps
            }
        }
    }

    fn day(&self, at: Timestamp) -> NaiveDate {
        let utc = chrono::DateTime::from_timestamp_millis(at.0.clamp(0, FARTHEST)).unwrap_or_default();
        utc.with_timezone(&self.zone).date_naive()
    }

    /// A minute of a civil day. One that the zone leaves out is the first after the gap; of one that it has twice, the
    /// first.
    fn utc(&self, day: NaiveDate, minute: u32) -> i64 {
        let midnight = NaiveDateTime::new(day, NaiveTime::MIN);
        let mut civil = midnight + TimeDelta::minutes(i64::from(minute));
        for _ in 0..DAY_MINUTES {
            if let Some(moment) = self.zone.from_local_datetime(&civil).earliest() {
                return moment.timestamp_millis();
            }
            civil += TimeDelta::minutes(1);
        }
        midnight.and_utc().timestamp_millis()
    }
}

/// End of the year 9000: nothing that people promise lies beyond.
const FARTHEST: i64 = 221_876_928_000_000;

fn milliseconds(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use chrono_tz::{Asia::Shanghai, Tz};
    use proptest::prelude::*;

    use super::*;
    use crate::diagnostic::Findings;

    fn holidays() -> Arc<Holidays> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/calendars");
        let files = [2024, 2025, 2026].map(|year| folder.join(format!("cn-{year}.yaml")));
        let mut findings = Findings::default();
        let holidays = Holidays::load(&files, &mut findings);
        assert_eq!(findings.into_sorted(), []);
        Arc::new(holidays)
    }

    fn hours(days: OpenDays, windows: &[(u32, u32)], zone: Tz) -> Calendar {
        let open = Open::Hours { days, windows: windows.to_vec(), holidays: holidays() };
        Calendar { open, ..Calendar::always(zone, Place::whole(Path::new("test"))) }
    }

    /// Working days from 8 to 18.
    fn working() -> Calendar {
        hours(OpenDays::Working, &[(480, 1_080)], Shanghai)
    }

    fn outside() -> Calendar {
        Calendar { open: Open::Except(Arc::new(working())), ..working() }
    }

    /// A civil time in Shanghai.
    fn at(text: &str) -> Timestamp {
        let civil = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
        Timestamp(Shanghai.from_local_datetime(&civil).unwrap().timestamp_millis())
    }

    fn hour(hours: u64) -> Duration {
        Duration::from_secs(3_600 * hours)
    }

    #[test]
    fn a_clock_of_working_hours_waits_for_the_morning_and_over_the_weekend() {
        let calendar = working();
        // A Friday.
        assert_eq!(calendar.deadline(at("2025-03-14 17:00"), hour(1)), at("2025-03-14 18:00"));
        assert_eq!(calendar.deadline(at("2025-03-14 17:00"), hour(2)), at("2025-03-17 09:00"));
        assert_eq!(calendar.deadline(at("2025-03-15 12:00"), hour(2)), at("2025-03-17 10:00"));
        assert_eq!(calendar.elapsed(at("2025-03-14 17:00"), at("2025-03-17 09:00")), hour(2));
    }

    #[test]
    fn holidays_are_no_working_days_and_make_up_days_are() {
        let calendar = working();
        // Tuesday before the National Day of 2025; work begins again on Thursday 9 October, and Saturday 11 is made up.
        assert_eq!(calendar.deadline(at("2025-09-30 17:00"), hour(2)), at("2025-10-09 09:00"));
        assert_eq!(calendar.deadline(at("2025-10-10 17:00"), hour(2)), at("2025-10-11 09:00"));
        // Sunday 26 January 2025 works, the eve of the Spring Festival does not.
        assert!(calendar.is_open(at("2025-01-26 10:00")) && !calendar.is_open(at("2025-01-28 10:00")));
        // New Year's holiday of 2026 reaches over a weekend whose Sunday is made up.
        assert_eq!(calendar.deadline(at("2025-12-31 17:00"), hour(2)), at("2026-01-04 09:00"));
    }

    #[test]
    fn hours_say_when_they_began_and_when_they_change() {
        let nights = hours(OpenDays::Every, &[(1_320, 1_800)], Shanghai);
        let (night, morning) = (at("2025-03-14 22:00"), at("2025-03-15 06:00"));
        assert_eq!(nights.next_change(at("2025-03-14 12:00")), Some(night));
        assert_eq!(nights.next_change(at("2025-03-15 01:00")), Some(morning));
        assert_eq!(nights.last_change(at("2025-03-14 21:00"), at("2025-03-15 01:00")), Some(night));
        assert_eq!(nights.last_change(at("2025-03-15 00:30"), at("2025-03-15 01:00")), Some(night));
        assert_eq!(nights.last_change(at("2025-03-12 01:00"), at("2025-03-15 07:00")), Some(morning));
        assert_eq!(nights.last_change(at("2025-03-15 07:00"), at("2025-03-15 08:00")), None);
        // A Saturday and a Sunday outside working hours are one run.
        let began = outside().last_change(at("2025-03-14 19:00"), at("2025-03-16 12:00"));
        assert_eq!(began, Some(at("2025-03-14 18:00")));
    }

    #[test]
    fn the_rest_of_the_time_is_a_calendar_too() {
        let calendar = outside();
        assert!(!calendar.is_open(at("2025-03-14 09:00")) && calendar.is_open(at("2025-03-15 09:00")));
        assert_eq!(calendar.deadline(at("2025-03-14 09:00"), hour(8)), at("2025-03-15 02:00"));
        assert_eq!(calendar.elapsed(at("2025-03-17 00:00"), at("2025-03-18 00:00")), hour(14));
    }

    #[test]
    fn days_end_at_midnight_in_shanghai_and_leap_days_count() {
        let days = hours(OpenDays::Every, &[(0, 1_440)], Shanghai);
        assert_eq!(days.due(at("2025-06-24 23:59"), Span::SameDay), at("2025-06-25 00:00"));
        // 16:30 in London, half past midnight of the next day in Shanghai.
        assert_eq!(days.due(at("2025-06-25 00:30"), Span::SameDay), at("2025-06-26 00:00"));
        assert_eq!(days.deadline(at("2024-02-28 12:00"), hour(48)), at("2024-03-01 12:00"));
        assert_eq!(days.deadline(at("2025-02-28 12:00"), hour(48)), at("2025-03-02 12:00"));
        assert_eq!(working().due(at("2024-02-29 19:00"), Span::SameDay), at("2024-03-01 18:00"));
    }

    #[test]
    fn working_days_are_counted_from_the_day_after() {
        let calendar = working();
        assert_eq!(calendar.due(at("2025-09-29 09:00"), Span::WorkingDays(1)), at("2025-09-30 18:00"));
        assert_eq!(calendar.due(at("2025-09-29 09:00"), Span::WorkingDays(3)), at("2025-10-10 18:00"));
        // Fifteen of them from 20 January 2025 on: the Spring Festival lies between.
        assert_eq!(calendar.due(at("2025-01-20 09:00"), Span::WorkingDays(15)), at("2025-02-14 18:00"));
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_it_begins_on() {
        let night = hours(OpenDays::Week(vec![Weekday::Fri]), &[(1_320, 1_800)], Shanghai);
        assert!(night.is_open(at("2025-03-15 05:59")) && !night.is_open(at("2025-03-15 06:00")));
        assert_eq!(night.elapsed(at("2025-03-15 01:00"), at("2025-03-20 00:00")), hour(5));
        assert_eq!(night.deadline(at("2025-03-15 05:00"), hour(2)), at("2025-03-21 23:00"));
    }

    #[test]
    fn a_day_has_the_hours_that_its_zone_gives_it() {
        let berlin = hours(OpenDays::Every, &[(0, 1_440)], chrono_tz::Europe::Berlin);
        let moment = |text: &str| Timestamp(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis());
        let (spring, after) = (moment("2025-03-30T00:00:00+01:00"), moment("2025-03-31T00:00:00+02:00"));
        assert_eq!(berlin.elapsed(spring, after), hour(23));
        assert_eq!(berlin.deadline(spring, hour(23)), after);
    }

    #[test]
    fn a_year_without_a_file_is_known_as_such() {
        assert!(working().knows(at("2026-12-31 23:59")) && !working().knows(at("2027-01-01 00:00")));
        assert!(!outside().knows(at("2027-01-01 00:00")));
    }

    fn calendars() -> impl Strategy<Value = Calendar> {
        let always = Calendar::always(Shanghai, Place::whole(Path::new("test")));
        let two_shifts = hours(OpenDays::Working, &[(540, 720), (780, 1_080)], Shanghai);
        let nights = hours(OpenDays::Every, &[(1_320, 1_800)], Shanghai);
        let berlin = hours(OpenDays::Working, &[(90, 200), (480, 1_440)], chrono_tz::Europe::Berlin);
        prop::sample::select(vec![always, working(), outside(), two_shifts, nights, berlin])
    }

    /// From 2023-11-14 for about three and a half years, over every file and both its ends.
    fn moments() -> impl Strategy<Value = Timestamp> {
        (1_700_000_000_000_i64..1_810_000_000_000).prop_map(Timestamp)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn what_has_passed_at_the_deadline_is_the_limit(calendar in calendars(), start in moments(), seconds in 0_u64..2_000_000) {
            let limit = Duration::from_millis(seconds * 500);
            let deadline = calendar.deadline(start, limit);
            prop_assert!(deadline >= start);
            prop_assert_eq!(calendar.elapsed(start, deadline), limit);
            if deadline > start {
                prop_assert!(calendar.elapsed(start, Timestamp(deadline.0 - 1)) < limit, "not the first such moment");
            }
        }

        #[test]
        fn time_adds_up_wherever_it_is_cut(calendar in calendars(), mut cuts in prop::array::uniform3(moments())) {
            cuts.sort();
            let [from, between, to] = cuts;
            prop_assert_eq!(calendar.elapsed(from, between) + calendar.elapsed(between, to), calendar.elapsed(from, to));
            prop_assert_eq!(calendar.elapsed(to, from), Duration::ZERO);
        }

        #[test]
        fn a_later_start_or_a_longer_limit_is_never_due_earlier(
            calendar in calendars(), start in moments(), later in 0_i64..500_000_000, limit in 0_u64..500_000, more in 0_u64..500_000,
        ) {
            let due = |start: i64, seconds: u64| calendar.deadline(Timestamp(start), Duration::from_secs(seconds));
            prop_assert!(due(start.0, limit) <= due(start.0 + later, limit));
            prop_assert!(due(start.0, limit) <= due(start.0, limit + more));
            for days in 0..3 {
                let span = if days == 0 { Span::SameDay } else { Span::WorkingDays(days) };
                prop_assert!(calendar.due(start, span) > start);
                prop_assert!(calendar.due(start, span) <= calendar.due(Timestamp(start.0 + later), span));
            }
        }
    }
}
