//! Units of the field: one newtype per quantity, the unit in its name and the doubt in its constructor.
//!
//! Ratios stay whole numbers here; they become floats in [`crate::export`] and nowhere earlier.

mod targets;

use std::{fmt, num::NonZeroU64, time::Duration};

use serde::{Deserialize, Serialize};

pub use self::targets::{Allowed, Network};

/// Round-trip time of one request and its answer (RFC 2681), between kernel timestamps where there are any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rtt(pub Duration);

impl Rtt {
    /// Whole nanoseconds; saturates at 584 years.
    pub fn nanos(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Parts per million. Files write percent (`0.1 %`, `99.99 %`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ppm(pub u32);

impl Ppm {
    /// `None` unless `text` is a number from 0 to 100 with at most four decimals, with or without a percent sign.
    pub fn parse_percent(text: &str) -> Option<Self> {
        let number = text.trim().trim_end_matches('%').trim_end();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 3 || fraction.len() > 4 || !digits(whole) || !digits(fraction) {
            return None;
        }
        let ppm = format!("{whole}{fraction:0<4}").parse().ok()?;
        (ppm <= 1_000_000).then_some(Self(ppm))
    }
}

/// Percent without needless zeros: `99.9 %`.
impl fmt::Display for Ppm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / 10_000, self.0 % 10_000);
        match fraction {
            0 => write!(out, "{whole} %"),
            _ => write!(out, "{whole}.{} %", format!("{fraction:04}").trim_end_matches('0')),
        }
    }
}

/// A limit on a share and its strictness, which is contract data: "<= 0.1 %" is broken above, ">= 5 %" at the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    AtMost(Ppm),
    Below(Ppm),
}

/// Share of probes without a usable answer (IPLR of ITU-T Y.1540), kept as exact counts.
///
/// Cannot be NaN, negative or above one, and cannot exist for zero probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossRatio {
    lost: u64,
    sent: NonZeroU64,
}

impl LossRatio {
    /// `None` when nothing was sent: no evidence is not the same as no loss.
    pub fn of(lost: u64, answered: u64) -> Option<Self> {
        NonZeroU64::new(lost.saturating_add(answered)).map(|sent| Self { lost, sent })
    }

    /// Whether the share breaks `limit`. Exact: whole numbers, no rounding.
    pub fn breaks(self, limit: Limit) -> bool {
        let (lost, sent) = (u128::from(self.lost) * 1_000_000, u128::from(self.sent.get()));
        match limit {
            Limit::AtMost(Ppm(most)) => lost > u128::from(most) * sent,
            Limit::Below(Ppm(edge)) => lost >= u128::from(edge) * sent,
        }
    }

    /// Lost probes, and probes answered or lost.
    pub fn counts(self) -> (u64, u64) {
        (self.lost, self.sent.get())
    }
}

/// `part` of `whole` in billionths, truncated: how every ratio leaves the house. Zero of nothing.
pub fn billionths(part: u64, whole: u64) -> u128 {
    (u128::from(part) * 1_000_000_000).checked_div(u128::from(whole)).unwrap_or(0)
}

/// Exact counts of probes by how they ended. `lost` never exceeds what was sent: a probe counts once it has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub answered: u64,
    pub lost: u64,
    /// This host could not probe: never loss, never down-time.
    pub unmeasured: u64,
}

impl Counts {
    pub fn loss(self) -> Option<LossRatio> {
        LossRatio::of(self.lost, self.answered)
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.answered += other.answered;
        self.lost += other.lost;
        self.unmeasured += other.unmeasured;
    }
}

/// Bits per second. Files write `100M`, `1G`, `2.5G` or a whole number of bits per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BitRate(pub u64);

impl BitRate {
    /// `None` unless `text` is a positive number with an optional decimal suffix k, M, G or T (powers of 1000) and an optional `bps` or `b`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches("bps").trim_end_matches('b').trim_end();
        let (number, scale) = match text.char_indices().next_back()? {
            (end, 'k' | 'K') => (&text[..end], 1_000),
            (end, 'm' | 'M') => (&text[..end], 1_000_000),
            (end, 'g' | 'G') => (&text[..end], 1_000_000_000),
            (end, 't' | 'T') => (&text[..end], 1_000_000_000_000),
            _ => (text, 1),
        };
        let (whole, fraction) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
        let thousandths = format!("{whole}{fraction:0<3}");
        let digits = !whole.is_empty() && fraction.len() <= 3 && thousandths.bytes().all(|byte| byte.is_ascii_digit());
        let milli: u64 = digits.then(|| thousandths.parse().ok())??;
        milli.checked_mul(scale).map(|bits| bits / 1_000).filter(|bits| *bits > 0).map(Self)
    }
}

/// Largest unit that divides the rate: `100M`, `1G`.
impl fmt::Display for BitRate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (scale, suffix) in [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")] {
            if self.0.is_multiple_of(scale) {
                return write!(out, "{}{suffix}", self.0 / scale);
            }
        }
        write!(out, "{}", self.0)
    }
}

/// A length of time as files write it: a whole number and one of `ms`, `s`, `m`, `h`, `d`. `None` for anything else,
/// and beyond 400 days.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let count: u64 = text[..text.len() - unit.len()].parse().ok()?;
    let (_, milliseconds) = DURATION_UNITS.into_iter().find(|(name, _)| *name == unit.trim_start())?;
    count.checked_mul(milliseconds).filter(|total| *total <= 400 * 86_400_000).map(Duration::from_millis)
}

/// Largest unit that divides it: `500ms`, `90s`, `2h`. What [`parse_duration`] reads back.
pub fn duration_text(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let fits = |(_, scale): &(&str, u64)| milliseconds.is_multiple_of(*scale);
    match DURATION_UNITS.into_iter().find(fits) {
        Some((unit, scale)) if milliseconds > 0 => format!("{}{unit}", milliseconds / scale),
        _ => "0s".to_owned(),
    }
}

/// Largest first. A day is 24 hours here: no calendar.
const DURATION_UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Milliseconds from the start of this process on CLOCK_BOOTTIME; negative for what happened before it.
///
/// Steady, and goes on while the machine sleeps, but meaningless after a restart: `store` keeps the [`Timestamp`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mono(pub i64);

impl Mono {
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Zero when `earlier` is in fact later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

/// Milliseconds since 1970-01-01 UTC. For records and people; may jump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Zero when `earlier` is in fact later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// RFC 3339 with milliseconds and the offset of `zone`.
    pub fn rfc3339(self, zone: chrono_tz::Tz) -> String {
        match chrono::DateTime::from_timestamp_millis(self.0) {
            Some(time) => time.with_timezone(&zone).to_rfc3339_opts(chrono::SecondsFormat::Millis, false),
            None => format!("{} ms", self.0),
        }
    }
}

/// A moment in a time zone, for JSON: RFC 3339 with milliseconds and offset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At(pub Timestamp, pub chrono_tz::Tz);

impl Serialize for At {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.rfc3339(self.1))
    }
}

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    pub mono: Mono,
    pub utc: Timestamp,
}

impl Now {
    /// When `moment` was or will be, by this reading of both clocks.
    pub fn utc_of(self, moment: Mono) -> Timestamp {
        Timestamp(self.utc.0.saturating_add(moment.0 - self.mono.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_is_read_exactly_or_not_at_all() {
        assert_eq!(Ppm::parse_percent("99.9 %"), Some(Ppm(999_000)));
        assert_eq!(Ppm::parse_percent("0.1%"), Some(Ppm(1_000)));
        for wrong in ["", "%", "100.1", "-1", "1e2", "0.00001", "５"] {
            assert_eq!(Ppm::parse_percent(wrong), None, "{wrong}");
        }
        assert_eq!(Ppm(999_000).to_string(), "99.9 %");
    }

    #[test]
    fn bit_rates_read_as_carriers_write_them() {
        assert_eq!(BitRate::parse("100M"), Some(BitRate(100_000_000)));
        assert_eq!(BitRate::parse("2.5 Gbps"), Some(BitRate(2_500_000_000)));
        assert_eq!(BitRate::parse("64k"), Some(BitRate(64_000)));
        for wrong in ["", "M", "0", "一百兆", "1.2345G", "-1M"] {
            assert_eq!(BitRate::parse(wrong), None, "{wrong}");
        }
        assert_eq!(BitRate(2_500_000_000).to_string(), "2500M");
    }

    #[test]
    fn durations_carry_their_unit() {
        for (text, milliseconds) in [("100ms", 100), ("5s", 5_000), ("15 m", 900_000), ("2h", 7_200_000), ("0s", 0)] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for wrong in ["", "5", "s", "-1s", "1.5s", "5 min", "５s", "99999999999999999999s", "401d"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
        let texts = [100, 90_000, 7_200_000, 0].map(|millis| duration_text(Duration::from_millis(millis)));
        assert_eq!(texts, ["100ms", "90s", "2h", "0s"]);
    }

    #[test]
    fn a_limit_keeps_its_strictness() {
        let at_the_limit = LossRatio::of(1, 999).unwrap();
        assert!(!at_the_limit.breaks(Limit::AtMost(Ppm(1_000))));
        assert!(at_the_limit.breaks(Limit::Below(Ppm(1_000))));
        assert_eq!(LossRatio::of(0, 0), None);
    }
}
