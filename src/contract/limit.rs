//! How much is promised: lengths of time, shares and numbers, each with its strictness.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{resolve::Resolver, switch::Setting};
use crate::{
    diagnostic::{Code, yaml},
    text::ContractText,
    units::{Ppm, duration_text, parse_duration},
};

/// How long a party has: `2h`, `same day`, `15 working days`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Span {
    Time(Duration),
    /// By the end of the first day of the calendar that still has hours.
    SameDay,
    /// By the end of that many of the calendar's days after the one it began on.
    WorkingDays(u32),
}

impl Span {
    /// `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["same", "day"] => Some(Self::SameDay),
            [days, "working", "day" | "days"] => {
                days.parse().ok().filter(|days| (1..=400).contains(days)).map(Self::WorkingDays)
            }
            _ => parse_duration(text).map(Self::Time),
        }
    }

    /// Its length where it has one without a calendar.
    pub fn time(self) -> Option<Duration> {
        match self {
            Self::Time(length) => Some(length),
            Self::SameDay | Self::WorkingDays(_) => None,
        }
    }
}

/// As files write it.
impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(length) => out.write_str(&duration_text(*length)),
            Self::SameDay => out.write_str("same day"),
            Self::WorkingDays(days) => write!(out, "{days} working days"),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        yaml::parsed(from, "span", Self::parse)
    }
}

/// One figure: `99.9 %`, `50ms`, `3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Quantity {
    Share(Ppm),
    Time(Duration),
    Number(u64),
}

impl Quantity {
    fn parse(text: &str) -> Option<Self> {
        if text.contains('%') {
            return Ppm::parse_percent(text).map(Self::Share);
        }
        text.parse().ok().map(Self::Number).or_else(|| parse_duration(text).map(Self::Time))
    }

    pub(super) fn is_zero(self) -> bool {
        match self {
            Self::Share(share) => share == Ppm::default(),
            Self::Time(time) => time.is_zero(),
            Self::Number(number) => number == 0,
        }
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        yaml::parsed(from, "quantity", Self::parse)
    }
}

/// A figure and on which side of it the promise is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Bound {
    AtLeast(Quantity),
    Above(Quantity),
    AtMost(Quantity),
    Below(Quantity),
}

impl Bound {
    pub fn quantity(self) -> Quantity {
        let (Self::AtLeast(quantity) | Self::Above(quantity) | Self::AtMost(quantity) | Self::Below(quantity)) = self;
        quantity
    }
}

/// As people read it: `>= 99.9 %`.
impl fmt::Display for Bound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self {
            Self::AtLeast(_) => ">=",
            Self::Above(_) => ">",
            Self::AtMost(_) => "<=",
            Self::Below(_) => "<",
        };
        match self.quantity() {
            Quantity::Share(share) => write!(out, "{sign} {share}"),
            Quantity::Time(time) => write!(out, "{sign} {}", duration_text(time)),
            Quantity::Number(number) => write!(out, "{sign} {number}"),
        }
    }
}

/// [`Bound`] as written: exactly one of these.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenBound {
    at_least: Option<Setting>,
    above: Option<Setting>,
    at_most: Option<Setting>,
    below: Option<Setting>,
}

impl<T> Resolver<'_, T> {
    /// `None`, with a finding, unless just one side of one figure is written.
    pub(super) fn bound(&mut self, path: &str, written: &WrittenBound) -> Option<Bound> {
        type Side = fn(Quantity) -> Bound;
        let all: [(&str, &Option<Setting>, Side); 4] = [
            ("at_least", &written.at_least, Bound::AtLeast),
            ("above", &written.above, Bound::Above),
            ("at_most", &written.at_most, Bound::AtMost),
            ("below", &written.below, Bound::Below),
        ];
        let mut sides = all.into_iter().filter_map(|(key, setting, side)| Some((key, setting.as_ref()?, side)));
        let (Some((key, setting, side)), None) = (sides.next(), sides.next()) else {
            let (message, help) = (ContractText::BoundNotOne.into(), ContractText::BoundNotOneHelp.into());
            self.findings.error(self.file.place(path), Code::WRONG_VALUE, message, help);
            return None;
        };
        self.chosen(&format!("{path}.{key}"), setting).map(|chosen| side(chosen.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_figures_read_as_people_write_them() {
        assert_eq!(Span::parse("15 working days"), Some(Span::WorkingDays(15)));
        assert_eq!(Span::parse("same day"), Some(Span::SameDay));
        assert_eq!(Span::parse("90m").unwrap().to_string(), "90m");
        for wrong in ["", "day", "0 working days", "two working days", "same week", "5"] {
            assert_eq!(Span::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Quantity::parse("99.99 %"), Some(Quantity::Share(Ppm(999_900))));
        assert_eq!(Quantity::parse("50"), Some(Quantity::Number(50)));
        assert_eq!(Quantity::parse("50 ms"), Some(Quantity::Time(Duration::from_millis(50))));
        assert_eq!(Quantity::parse("-1"), None);
    }
}
