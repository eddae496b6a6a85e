//! Civil months in the contract's time zone: the period of the availability objective.

use chrono::{Datelike, NaiveDate, TimeZone};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::units::Timestamp;

/// One civil month and where it lies in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Month {
    pub year: i32,
    /// 1 to 12.
    pub month: u32,
    /// First millisecond of it.
    pub begins: Timestamp,
    /// First millisecond after it.
    pub ends: Timestamp,
}

impl Month {
    /// The month that `moment` falls into where clocks show `zone`.
    pub fn containing(moment: Timestamp, zone: Tz) -> Self {
        // Out of chrono's range (year 262 000) only by a broken clock: any month is as wrong as any other.
        let local = chrono::DateTime::from_timestamp_millis(moment.0).unwrap_or_default().with_timezone(&zone);
        Self::of(local.year(), local.month(), zone)
    }

    /// `2026-11`; `None`: it is none.
    pub fn parse(text: &str, zone: Tz) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let month: u32 = month.parse().ok().filter(|month| (1..=12).contains(month))?;
        let found = Self::of(year.parse().ok().filter(|year| (1970..10_000).contains(year))?, month, zone);
        (found.to_string() == text).then_some(found)
    }

    /// The month after this one.
    pub fn next(self, zone: Tz) -> Self {
        Self::containing(self.ends, zone)
    }

    /// Milliseconds in it.
    pub fn length(self) -> u64 {
        u64::try_from(self.ends.0 - self.begins.0).unwrap_or(0)
    }

    pub(super) fn of(year: i32, month: u32, zone: Tz) -> Self {
        let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        let (begins, ends) = (first_instant(year, month, zone), first_instant(next_year, next_month, zone));
        Self { year, month, begins, ends }
    }
}

/// `2026-11`.
impl std::fmt::Display for Month {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:04}-{:02}", self.year, self.month)
    }
}

fn first_instant(year: i32, month: u32, zone: Tz) -> Timestamp {
    let midnight = NaiveDate::from_ymd_opt(year, month, 1).unwrap_or_default().and_time(chrono::NaiveTime::MIN);
    let instant = zone.from_local_datetime(&midnight).earliest().unwrap_or_else(|| zone.from_utc_datetime(&midnight));
    Timestamp(instant.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_at_midnight_of_the_contract_not_of_greenwich() {
        let november = Month::containing(Timestamp(1_795_300_000_000), chrono_tz::Asia::Shanghai);
        assert_eq!(november.to_string(), "2026-11");
        assert_eq!(november.begins.rfc3339(chrono_tz::Asia::Shanghai), "2026-11-01T00:00:00.000+08:00");
        assert_eq!(november.length(), 30 * 86_400_000);
        assert_eq!(november.next(chrono_tz::Asia::Shanghai).to_string(), "2026-12");
    }
}
