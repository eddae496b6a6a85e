//! Which days people work: holidays and make-up working days, one data file per year.
//!
//! A year without a file follows the week: Monday to Friday. [`Holidays::covers`] says whether a year has one.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use chrono::{Datelike, NaiveDate, Weekday};
use serde::Deserialize;

use crate::{
    diagnostic::{
        Code, Findings, Place,
        yaml::{self, Document},
    },
    text::ContractText,
};

/// The holidays of some years.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holidays {
    years: BTreeMap<i32, Place>,
    free: BTreeMap<NaiveDate, String>,
    made_up: BTreeSet<NaiveDate>,
}

/// One file, such as `inventories/calendars/cn-2026.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    year: i32,
    /// Who decreed it: for people who check it.
    #[expect(dead_code, reason = "required so that every file names its source")]
    source: String,
    holidays: Vec<WrittenHoliday>,
    #[serde(default)]
    working_days: Vec<Date>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenHoliday {
    name: String,
    from: Date,
    to: Date,
}

/// `2026-02-14`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Date(#[serde(deserialize_with = "yaml::date")] pub NaiveDate);

impl Holidays {
    /// Reads the files. What is wrong in one is a finding, and the rest of it is used.
    pub fn load(files: &[PathBuf], findings: &mut Findings) -> Self {
        let mut holidays = Self::default();
        for file in files {
            if let Some(document) = yaml::read::<Written>(file, findings) {
                holidays.take(&document, findings);
            }
        }
        holidays
    }

    pub fn is_working(&self, day: NaiveDate) -> bool {
        let weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
        self.made_up.contains(&day) || !(weekend || self.free.contains_key(&day))
    }

    /// Whether a file speaks of this year.
    pub fn covers(&self, year: i32) -> bool {
        self.years.contains_key(&year)
    }

    /// Years with a file, and where it is.
    pub fn years(&self) -> impl Iterator<Item = (i32, &Place)> {
        self.years.iter().map(|(year, place)| (*year, place))
    }

    fn take(&mut self, file: &Document<Written>, findings: &mut Findings) {
        let Written { year, holidays, working_days, .. } = &file.value;
        let mut wrong = |path: String, text: ContractText| {
            findings.error(file.place(&path), Code::HOLIDAYS, text.into(), ContractText::HolidaysHelp.into());
        };
        if let Some(first) = self.years.insert(*year, file.place("year")) {
            wrong("year".into(), ContractText::HolidayYearTwice { year: *year, first });
        }
        for (nth, holiday) in holidays.iter().enumerate() {
            let (from, to) = (holiday.from.0, holiday.to.0);
            // Holidays of the New Year may begin in December.
            if from > to || from.year() < year - 1 || to.year() != *year || (to - from).num_days() > 30 {
                wrong(format!("holidays.{nth}.from"), ContractText::HolidayOutside { year: *year });
                continue;
            }
            for day in from.iter_days().take_while(|day| *day <= to) {
                if let Some(other) = self.free.insert(day, holiday.name.clone()) {
                    wrong(format!("holidays.{nth}.from"), ContractText::HolidayTwice { day, other });
                }
            }
        }
        for (nth, Date(day)) in working_days.iter().enumerate() {
            let weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
            if !weekend || self.free.contains_key(day) || !(year - 1..=*year).contains(&day.year()) {
                wrong(format!("working_days.{nth}"), ContractText::WorkingDayIsNone { day: *day });
            }
            self.made_up.insert(*day);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_shipped_years_have_as_many_free_days_as_the_decrees_give() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/calendars");
        for (year, free, made_up) in [(2024, 28, 8), (2025, 28, 5), (2026, 33, 6)] {
            let mut findings = Findings::default();
            let holidays = Holidays::load(&[folder.join(format!("cn-{year}.yaml"))], &mut findings);
            assert_eq!(findings.into_sorted(), []);
            assert_eq!((holidays.free.len(), holidays.made_up.len()), (free, made_up), "{year}");
        }
    }

    #[test]
    fn without_a_file_the_week_decides() {
        let day = |day| NaiveDate::from_ymd_opt(2030, 10, day).unwrap();
        let holidays = Holidays::default();
        assert!(holidays.is_working(day(1)) && !holidays.is_working(day(5)) && !holidays.covers(2030));
    }
}
