//! How long a business transaction takes, over a period of the contract: runs, their sum and their longest.
//!
//! In: runs, each with the time at which it began. Out: the [`Runs`] of a period, and the [`Verdict`] on a limit. Pure; serde
//! keeps it over a restart.
//!
//! The mean is taken of runs that came to their end, and of those that were cut by the time-out, which took at least as long
//! as we waited: with such runs a mean below the limit proves nothing. A run that failed otherwise has no length; it is
//! counted, and the availability of the service tells of it.

use std::{collections::BTreeMap, time::Duration};

use chrono::{Datelike, Months, NaiveDate, TimeZone};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::Verdict;
use crate::{
    contract::{
        Objective,
        words::{Period, Statistic},
    },
    units::Timestamp,
};

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// It came to its end after so long.
    Whole(Duration),
    /// We waited so long, and no longer.
    Cut(Duration),
    Failed,
}

/// All runs of some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    pub whole: u64,
    pub cut: u64,
    pub failed: u64,
    /// Of the whole and cut ones, those above the limit that held then.
    pub slow: u64,
    /// Microseconds of the whole and cut ones, summed.
    sum: u64,
    /// Microseconds.
    longest: u64,
}

/// Runs of one transaction, by day and by month; what no period needs any more is forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transactions {
    /// Steps that it is made of: other ones begin anew.
    pub steps: Vec<String>,
    days: BTreeMap<NaiveDate, Runs>,
    /// By their first day.
    months: BTreeMap<NaiveDate, Runs>,
}

/// A period with its runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Such as `2026-11` or `2026-Q4`.
    pub name: String,
    pub runs: Runs,
    /// It still runs.
    pub is_running: bool,
}

/// How a transaction stands, and what is promised of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub steps: Vec<String>,
    pub period: Period,
    /// What of the runs the limit is about.
    pub statistic: Statistic,
    /// Most that it may be; `None`: the contract promises nothing.
    pub limit: Option<Duration>,
    /// Where the contract says so; empty: nowhere.
    pub clause: String,
    /// The running period and the one before it.
    pub told: [Told; 2],
}

impl Standing {
    /// Of one of its periods. `None`: nothing is promised.
    pub fn verdict(&self, told: &Told) -> Option<Verdict> {
        self.limit.map(|limit| told.runs.verdict(self.statistic, limit, told.is_running))
    }
}

/// This year and the one before.
const MOST_MONTHS: usize = 24;
/// Today and yesterday.
const MOST_DAYS: usize = 2;

impl Transactions {
    /// Of these steps, none of which was run.
    pub fn of(steps: &[String]) -> Self {
        Self { steps: steps.to_vec(), ..Self::default() }
    }

    /// Books a run that began at `at`. `limit`: what is promised of one; `None`: nothing.
    pub fn take(&mut self, run: Run, limit: Option<Duration>, at: Timestamp, zone: Tz) {
        let Some(day) = day(at, zone) else { return };
        for (map, first, most) in
            [(&mut self.days, day, MOST_DAYS), (&mut self.months, first_of(day, Period::Month), MOST_MONTHS)]
        {
            map.entry(first).or_default().add(run, limit);
            while map.len() > most {
                map.pop_first();
            }
        }
    }

    /// How it stands by what is promised. `None`: `now` is no time of the calendar.
    pub fn standing(&self, promised: Option<(Duration, &Objective)>, now: Timestamp, zone: Tz) -> Option<Standing> {
        let objective = promised.map(|(_, objective)| objective);
        let period = objective.and_then(|objective| objective.period.as_ref()).map_or(Period::Month, |own| own.value);
        let statistic = objective.and_then(|objective| objective.statistic.as_ref());
        Some(Standing {
            steps: self.steps.clone(),
            period,
            statistic: statistic.map_or(Statistic::Mean, |own| own.value),
            limit: promised.map(|(limit, _)| limit),
            clause: objective.map_or_else(String::new, |objective| objective.clause.clone()),
            told: self.told(period, now, zone)?,
        })
    }

    /// The running period and the one before it. What is no day, quarter or year is a month.
    fn told(&self, period: Period, now: Timestamp, zone: Tz) -> Option<[Told; 2]> {
        let first = first_of(day(now, zone)?, period);
        let before = first_of(first.pred_opt()?, period);
        let (map, after) = match period {
            Period::Day => (&self.days, first.succ_opt()?),
            Period::Quarter => (&self.months, first.checked_add_months(Months::new(3))?),
            Period::Year => (&self.months, first.checked_add_months(Months::new(12))?),
            _ => (&self.months, first.checked_add_months(Months::new(1))?),
        };
        let sum = |from, to| map.range(from..to).fold(Runs::default(), |sum, (_, runs)| sum.plus(*runs));
        let told = |from: NaiveDate, to, is_running| Told { name: name(from, period), runs: sum(from, to), is_running };
        Some([told(first, after, true), told(before, first, false)])
    }
}

fn day(at: Timestamp, zone: Tz) -> Option<NaiveDate> {
    zone.timestamp_millis_opt(at.0).single().map(|time| time.date_naive())
}

/// First day of the period that `day` is in.
fn first_of(day: NaiveDate, period: Period) -> NaiveDate {
    let month = match period {
        Period::Day => return day,
        Period::Quarter => day.month0() / 3 * 3 + 1,
        Period::Year => 1,
        _ => day.month(),
    };
    NaiveDate::from_ymd_opt(day.year(), month, 1).unwrap_or(day)
}

fn name(first: NaiveDate, period: Period) -> String {
    match period {
        Period::Day => first.to_string(),
        Period::Quarter => format!("{:04}-Q{}", first.year(), first.month0() / 3 + 1),
        Period::Year => format!("{:04}", first.year()),
        _ => format!("{:04}-{:02}", first.year(), first.month()),
    }
}

impl Runs {
    fn add(&mut self, run: Run, limit: Option<Duration>) {
        let (count, took) = match run {
            Run::Whole(took) => (&mut self.whole, took),
            Run::Cut(took) => (&mut self.cut, took),
            Run::Failed => {
                self.failed = self.failed.saturating_add(1);
                return;
            }
        };
        *count = count.saturating_add(1);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.slow = self.slow.saturating_add(u64::from(limit.is_some_and(|limit| took > limit)));
        (self.sum, self.longest) = (self.sum.saturating_add(micros), self.longest.max(micros));
    }

    fn plus(self, other: Self) -> Self {
        Self {
            whole: self.whole.saturating_add(other.whole),
            cut: self.cut.saturating_add(other.cut),
            failed: self.failed.saturating_add(other.failed),
            slow: self.slow.saturating_add(other.slow),
            sum: self.sum.saturating_add(other.sum),
            longest: self.longest.max(other.longest),
        }
    }

    /// Those that have a length.
    pub fn timed(&self) -> u64 {
        self.whole.saturating_add(self.cut)
    }

    /// `None`: none has a length. To the microsecond, truncated.
    pub fn mean(&self) -> Option<Duration> {
        self.sum.checked_div(self.timed()).map(Duration::from_micros)
    }

    /// `None`: none has a length.
    pub fn longest(&self) -> Option<Duration> {
        (self.timed() > 0).then(|| Duration::from_micros(self.longest))
    }

    /// Whether they keep `limit`, which `statistic` of them must not be above. While the period runs, only a longest run
    /// that is too long is final.
    pub fn verdict(&self, statistic: Statistic, limit: Duration, is_running: bool) -> Verdict {
        let (slow, timed) = (u128::from(self.slow), u128::from(self.timed()));
        let breaks = match statistic {
            // Exact: no mean is rounded to below its limit.
            Statistic::Mean | Statistic::Ratio => u128::from(self.sum) > limit.as_micros() * timed,
            Statistic::P95 => slow * 100 > timed * 5,
            Statistic::P99 => slow * 100 > timed,
            Statistic::Max | Statistic::Each => slow > 0,
        };
        match () {
            () if is_running && !(breaks && matches!(statistic, Statistic::Max | Statistic::Each)) => Verdict::Pending,
            () if breaks => Verdict::Breached,
            () if timed == 0 || self.cut > 0 => Verdict::NotProvable,
            () => Verdict::Met,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Shanghai;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    fn at(text: &str) -> Timestamp {
        Timestamp(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
    }

    fn runs(list: &[Run]) -> Runs {
        let mut runs = Runs::default();
        list.iter().for_each(|run| runs.add(*run, Some(LIMIT)));
        runs
    }

    fn whole(milliseconds: u64) -> Run {
        Run::Whole(Duration::from_millis(milliseconds))
    }

    #[test]
    fn the_mean_at_the_limit_keeps_it_and_a_microsecond_more_breaks_it() {
        let verdict = |list: &[Run]| runs(list).verdict(Statistic::Mean, LIMIT, false);
        assert_eq!(verdict(&[whole(4_000), whole(6_000), Run::Failed]), Verdict::Met);
        assert_eq!(verdict(&[whole(5_000), Run::Whole(LIMIT + Duration::from_micros(1))]), Verdict::Breached);
        assert_eq!(verdict(&[Run::Failed]), Verdict::NotProvable);
        // What we did not wait for may have taken a day.
        assert_eq!(verdict(&[whole(1), Run::Cut(Duration::from_secs(8))]), Verdict::NotProvable);
        assert_eq!(verdict(&[whole(4_000), Run::Cut(Duration::from_secs(8))]), Verdict::Breached);
        assert_eq!(runs(&[whole(9_000)]).verdict(Statistic::Mean, LIMIT, true), Verdict::Pending);
        assert_eq!(runs(&[whole(9_000)]).verdict(Statistic::Max, LIMIT, true), Verdict::Breached);
        let twenty: Vec<Run> = std::iter::repeat_n(whole(1), 19).chain([whole(9_000)]).collect();
        assert_eq!(runs(&twenty).verdict(Statistic::P95, LIMIT, false), Verdict::Met);
        assert_eq!(runs(&twenty[1..]).verdict(Statistic::P95, LIMIT, false), Verdict::Breached);
    }

    #[test]
    fn periods_are_those_of_the_contract_s_zone() {
        let mut all = Transactions::of(&["seal".to_owned()]);
        for (time, took) in [
            ("2026-09-30T23:59:59+08:00", 1_000),
            ("2026-10-01T00:00:00+08:00", 2_000),
            ("2026-11-27T23:59:59+08:00", 3_000),
            ("2026-11-28T00:00:01+08:00", 4_000),
        ] {
            all.take(whole(took), None, at(time), Shanghai);
        }
        let told = |period| {
            let [now, before] = all.told(period, at("2026-11-28T12:00:00+08:00"), Shanghai).unwrap();
            let shown = |told: Told| (told.name, told.runs.whole, told.runs.sum / 1_000);
            [shown(now), shown(before)]
        };
        let expected = |name: &str, count, sum| (name.to_owned(), count, sum);
        assert_eq!(told(Period::Day), [expected("2026-11-28", 1, 4_000), expected("2026-11-27", 1, 3_000)]);
        assert_eq!(told(Period::Month), [expected("2026-11", 2, 7_000), expected("2026-10", 1, 2_000)]);
        assert_eq!(told(Period::Quarter), [expected("2026-Q4", 3, 9_000), expected("2026-Q3", 1, 1_000)]);
        assert_eq!(told(Period::Year), [expected("2026", 4, 10_000), expected("2025", 0, 0)]);
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Transactions>(&text).unwrap(), all);
    }
}
