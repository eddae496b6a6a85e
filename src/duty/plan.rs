//! When rounds are due: a function of the calendar and nothing else.

use std::ops::Range;

use chrono::{Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::{Round, Rounds, Season};
use crate::{
    contract::{Cadence, Span},
    units::Timestamp,
};

/// One turn of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// From here on it can be made.
    pub opens: Timestamp,
    /// Made by then it is in time.
    pub due: Timestamp,
    /// Not made by then it is missed.
    pub closes: Timestamp,
}

/// Periods that are looked at for the next turn: three years of days, so that every season comes by.
const MOST_PERIODS: usize = 1_100;

/// A cadence as days of the civil calendar.
#[derive(Clone, Copy)]
enum Unit {
    Day,
    Week,
    Months(u32),
}

impl Rounds {
    /// Turns of a round that open in `within`, in order.
    pub fn due_rounds<'a>(&'a self, round: &'a Round, within: Range<Timestamp>) -> impl Iterator<Item = Due> + 'a {
        self.from(round, within.start).take_while(move |turn| turn.opens < within.end)
    }

    /// The turn that is open at a moment.
    pub fn turn_at(&self, round: &Round, now: Timestamp) -> Option<Due> {
        let day = civil(now, self.zone);
        let (unit, parts) = round.unit()?;
        let turns = self.parts(round, unit.start(day), unit, parts);
        turns.into_iter().find(|turn| turn.opens <= now && now < turn.closes)
    }

    /// Turns that open at or after a moment. None for what no calendar can plan.
    pub(super) fn from<'a>(&'a self, round: &'a Round, from: Timestamp) -> impl Iterator<Item = Due> + 'a {
        let first = civil(from, self.zone);
        round
            .unit()
            .into_iter()
            .flat_map(move |(unit, parts)| {
                let starts = std::iter::successors(Some(unit.start(first)), move |day| unit.next(*day));
                starts.take(MOST_PERIODS).flat_map(move |start| self.parts(round, start, unit, parts))
            })
            .skip_while(move |turn| turn.opens < from)
    }

    /// The turns of one period, which begins on this day.
    fn parts(&self, round: &Round, start: NaiveDate, unit: Unit, parts: u32) -> Vec<Due> {
        let Some(end) = unit.next(start) else { return vec![] };
        let days = (end - start).num_days();
        let edge = |part: u32| {
            let (part, parts) = (i64::from(part), i64::from(parts));
            if days >= parts {
                // Whole days: half a month is the 1st to the 15th and the 16th on.
                let day = start + TimeDelta::days(part * days / parts);
                midnight(day, self.zone)
            } else {
                let (from, to) = (midnight(start, self.zone), midnight(end, self.zone));
                Timestamp(from.0 + (to.0 - from.0) * part / parts)
            }
        };
        (0..parts).filter_map(|part| self.turn(round, edge(part), edge(part + 1), unit)).collect()
    }

    /// `None`: nothing is due in this part.
    fn turn(&self, round: &Round, opens: Timestamp, end: Timestamp, unit: Unit) -> Option<Due> {
        let day = civil(opens, self.zone);
        let (from, to) = self.term;
        let in_term = from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to);
        let in_season = round.seasons.is_empty() || round.seasons.iter().any(|season| season.covers(day));
        let works = round.every != Cadence::WorkingDay || self.holidays.is_working(day);
        if !(in_term && in_season && works) {
            return None;
        }
        let mut due = end;
        if let Some(calendar) = &round.calendar {
            let hours = calendar.elapsed(opens, end);
            if !hours.is_zero() {
                // The moment at which the last of its hours in this period closes.
                due = calendar.deadline(opens, hours);
            } else if matches!(unit, Unit::Day) {
                return None;
            }
        }
        if let Some(within) = round.within {
            // Working days are counted from the day after: the first of the period is day 1.
            let just_before = Timestamp(opens.0 - 1);
            due = match (&round.calendar, within) {
                (Some(calendar), within) => calendar.due(just_before, within),
                (None, Span::Time(length)) => opens.plus(length),
                (None, _) => due,
            }
            .min(end);
        }
        Some(Due { opens, due, closes: due.plus(round.late_for) })
    }
}

impl Round {
    /// Its period and into how many parts that falls. `None`: no calendar can plan it.
    fn unit(&self) -> Option<(Unit, u32)> {
        let (unit, parts) = match self.every {
            Cadence::HalfHourly => (Unit::Day, 48),
            Cadence::Hourly => (Unit::Day, 24),
            Cadence::Daily | Cadence::WorkingDay => (Unit::Day, 1),
            Cadence::Weekly => (Unit::Week, 1),
            Cadence::HalfMonthly => (Unit::Months(1), 2),
            Cadence::Monthly => (Unit::Months(1), 1),
            Cadence::Quarterly => (Unit::Months(3), 1),
            Cadence::TwoQuarters | Cadence::HalfYearly => (Unit::Months(6), 1),
            Cadence::Yearly => (Unit::Months(12), 1),
            Cadence::Always | Cadence::Term | Cadence::Event => return None,
        };
        Some((unit, parts * self.times))
    }

    /// Whether a calendar says when it is due.
    pub fn can_be_planned(&self) -> bool {
        self.unit().is_some()
    }
}

impl Unit {
    /// First day of the period that a day lies in.
    fn start(self, day: NaiveDate) -> NaiveDate {
        let start = match self {
            Self::Day => Some(day),
            Self::Week => day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into())),
            Self::Months(months) => NaiveDate::from_ymd_opt(day.year(), day.month0() / months * months + 1, 1),
        };
        start.unwrap_or(day)
    }

    fn next(self, start: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => start.succ_opt(),
            Self::Week => start.checked_add_days(Days::new(7)),
            Self::Months(months) => start.checked_add_months(Months::new(months)),
        }
    }
}

impl Season {
    fn covers(self, day: NaiveDate) -> bool {
        let day = (day.month(), day.day());
        match self.from <= self.to {
            true => self.from <= day && day <= self.to,
            false => self.from <= day || day <= self.to,
        }
    }
}

fn civil(at: Timestamp, zone: Tz) -> NaiveDate {
    chrono::DateTime::from_timestamp_millis(at.0).unwrap_or_default().with_timezone(&zone).date_naive()
}

/// The first moment of a civil day: some zones begin a few days of their history at one o'clock.
fn midnight(day: NaiveDate, zone: Tz) -> Timestamp {
    let midnight = day.and_time(NaiveTime::MIN);
    let local = (0..24).find_map(|hour| zone.from_local_datetime(&(midnight + TimeDelta::hours(hour))).earliest());
    Timestamp(local.map_or(midnight.and_utc().timestamp_millis(), |moment| moment.timestamp_millis()))
}
