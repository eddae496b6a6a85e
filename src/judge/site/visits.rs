//! Whether a site can be opened, as the State Council counts it: visits of some days, each opened in time or not.
//!
//! In: visits with their moments, and [`Reachability`]. Out: a [`Standing`], at any moment, with what is left before a
//! veto. Figures are the rule's; nothing is counted twice, and what proves nothing is not counted.
//!
//! Kept by civil day, so that a week is a few numbers: visits, failed ones, and those spaced as the rule wants them.

use std::{collections::BTreeMap, time::Duration};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    contract::sites::Reachability,
    sample::service::{Ending, Reason, Report},
};

/// What one visit says by the rule; `None`: nothing, for it was given up before the rule would.
pub fn opened(report: &Report, rule: &Reachability) -> Option<bool> {
    match &report.ending {
        Ending::Unmeasured(_) => None,
        _ if report.took >= rule.not_open_after => Some(false),
        Ending::Passed => Some(true),
        Ending::Failed(fault) => match fault.reason {
            Reason::Timeout => None,
            // The page was there; it did not say what we want of it.
            Reason::BodyMismatch
            | Reason::HeaderMismatch
            | Reason::Version
            | Reason::TlsUnwanted
            | Reason::TlsMissing
            | Reason::Stale
            | Reason::BadTime
            | Reason::FutureTime => Some(true),
            _ => Some(false),
        },
    }
}

/// Visits of one civil day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    pub visits: u32,
    pub failed: u32,
    /// Visits that lie as far apart as the rule wants them.
    pub spaced: u32,
    /// Milliseconds since 1970 of the last spaced one.
    pub last_spaced: i64,
}

/// The days of one site, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record(pub BTreeMap<NaiveDate, Day>);

/// What the rule makes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub verdict: Verdict,
    pub visits: u32,
    pub failed: u32,
    /// Days of the window with as many spaced visits as the rule wants.
    pub days_watched: u32,
    /// Days that are missing until the window is whole; today counts once it has its visits.
    pub days_missing: u32,
    /// So many failed visits more, and the share of the veto is reached; zero: it is.
    pub failures_left: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Kept,
    Veto,
    /// Too few days were watched to say.
    NotProvable,
}

impl Verdict {
    pub const ALL: [Self; 3] = [Self::Kept, Self::Veto, Self::NotProvable];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Veto => "veto",
            Self::NotProvable => "not_provable",
        }
    }
}

impl Record {
    /// Books a visit that began at `at`, which is `day` here.
    pub fn book(&mut self, day: NaiveDate, at: i64, opened: bool, rule: &Reachability) {
        let last = self.0.values().map(|day| day.last_spaced).max().unwrap_or_default();
        let today = self.0.entry(day).or_default();
        today.visits = today.visits.saturating_add(1);
        today.failed = today.failed.saturating_add(u32::from(!opened));
        if at - last >= millis(rule.spacing) {
            today.spaced = today.spaced.saturating_add(1);
            today.last_spaced = at;
        }
        self.forget(day, rule);
    }

    /// Only the window is kept.
    pub fn forget(&mut self, today: NaiveDate, rule: &Reachability) {
        let first = today - chrono::Days::new(u64::from(rule.days.saturating_sub(1)));
        self.0 = self.0.split_off(&first);
    }

    /// How the site stands on `today`.
    pub fn standing(&self, today: NaiveDate, rule: &Reachability) -> Standing {
        let first = today - chrono::Days::new(u64::from(rule.days.saturating_sub(1)));
        let window = || self.0.range(first..=today).map(|(_, day)| day);
        let (visits, failed) = window()
            .fold((0_u32, 0_u32), |(all, bad), day| (all.saturating_add(day.visits), bad.saturating_add(day.failed)));
        let days_watched = window().filter(|day| day.spaced >= rule.visits_a_day).count() as u32;
        let days_missing = rule.days.saturating_sub(days_watched);
        let reached = visits > 0 && at_least(failed, visits, rule.veto.0);
        let verdict = match (reached, days_missing) {
            (true, 0) => Verdict::Veto,
            (false, 0) => Verdict::Kept,
            _ => Verdict::NotProvable,
        };
        Standing {
            verdict,
            visits,
            failed,
            days_watched,
            days_missing,
            failures_left: left(failed, visits, rule.veto.0),
        }
    }
}

/// Whether `failed` of `all` is the share or more. Exact.
fn at_least(failed: u32, all: u32, share: u32) -> bool {
    u64::from(failed) * 1_000_000 >= u64::from(share) * u64::from(all)
}

/// Failures more until the share is reached when for each of them an old good visit leaves the window: the soonest that it
/// can happen.
fn left(failed: u32, all: u32, share: u32) -> u32 {
    let needed = (u64::from(share) * u64::from(all)).div_ceil(1_000_000).max(1);
    u32::try_from(needed.saturating_sub(u64::from(failed))).unwrap_or(u32::MAX)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        sample::service::{Fault, Phase},
        units::Ppm,
    };

    /// The figures of the standard.
    fn rule() -> Reachability {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Reachability {
            days: 7,
            visits_a_day: 20,
            spacing: minutes(10),
            not_open_after: Duration::from_secs(15),
            veto: Ppm(50_000),
        }
    }

    fn day(number: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, number).unwrap()
    }

    /// Days from the first on with a visit every `minutes`, of which every `nth` fails.
    fn record(days: u32, minutes: i64, nth: i64) -> Record {
        let mut record = Record::default();
        for number in 1..=days {
            for visit in 0..1_440 / minutes {
                let at = (i64::from(number) * 1_440 + visit * minutes) * 60_000;
                record.book(day(number), at, visit % nth != 0, &rule());
            }
        }
        record
    }

    #[test]
    fn five_in_a_hundred_is_a_veto_and_less_is_not() {
        let vetoed = record(7, 10, 20).standing(day(7), &rule());
        // 144 visits a day, of which 8 fail.
        assert_eq!((vetoed.verdict, vetoed.visits, vetoed.failed, vetoed.failures_left), (Verdict::Veto, 1_008, 56, 0));
        let kept = record(7, 10, 24).standing(day(7), &rule());
        assert_eq!((kept.verdict, kept.failed, kept.failures_left), (Verdict::Kept, 42, 9));
        assert!(at_least(1, 20, 50_000) && !at_least(49_999, 1_000_000, 50_000), "the limit itself is a veto");
    }

    #[test]
    fn a_week_must_be_watched_twenty_times_a_day_before_anybody_is_accused() {
        let short = record(6, 10, 2).standing(day(6), &rule());
        assert_eq!((short.verdict, short.days_watched, short.days_missing), (Verdict::NotProvable, 6, 1));
        assert_eq!(record(7, 90, 2).standing(day(7), &rule()).verdict, Verdict::NotProvable, "sixteen a day");
        // A burst is not twenty spaced visits.
        let mut burst = record(6, 10, 2);
        (0..500).for_each(|visit| burst.book(day(7), i64::from(7 * 1_440) * 60_000 + visit * 1_000, false, &rule()));
        assert_eq!(burst.standing(day(7), &rule()).days_watched, 6);
        let none = Record::default().standing(day(7), &rule());
        assert_eq!((none.verdict, none.days_missing, none.failures_left), (Verdict::NotProvable, 7, 1));
    }

    #[test]
    fn only_the_window_is_kept() {
        let record = record(20, 60, 2);
        assert_eq!(record.0.len(), 7);
        assert_eq!(record.standing(day(20), &rule()).visits, 7 * 24);
        assert_eq!(record.standing(day(28), &rule()).visits, 0);
    }

    #[test]
    fn late_is_failed_and_what_we_gave_up_sooner_proves_nothing() {
        let ended = |ending, seconds| Report { ending, took: Duration::from_secs(seconds), ..Report::default() };
        let failed = |reason| Ending::Failed(Fault::new(Phase::Processing, reason, ""));
        for (report, wanted) in [
            (ended(Ending::Passed, 14), Some(true)),
            (ended(Ending::Passed, 15), Some(false)),
            (ended(failed(Reason::Timeout), 15), Some(false)),
            (ended(failed(Reason::Timeout), 5), None),
            (ended(failed(Reason::Status), 1), Some(false)),
            (ended(failed(Reason::Expired), 1), Some(false)),
            (ended(failed(Reason::BodyMismatch), 1), Some(true)),
            (ended(Ending::Unmeasured("no socket".into()), 1), None),
        ] {
            assert_eq!(opened(&report, &rule()), wanted, "{report:?}");
        }
    }
}
