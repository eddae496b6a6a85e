//! Prometheus text exposition format 0.0.4: families, samples, numbers and escapes.
//!
//! Numbers are written from whole ones and in full: no rounding, and nothing is allocated per sample.

use std::borrow::Cow;

use super::families::Family;
use crate::units::billionths;

/// The value of one sample.
#[derive(Clone, Copy)]
pub(super) enum Value {
    Whole(u64),
    /// Written in seconds.
    Nanos(u128),
    /// Written in seconds.
    Millis(i64),
    /// Truncated after nine places. Nothing is written when the whole is zero.
    Ratio(u64, u64),
    Float(f64),
}

impl From<bool> for Value {
    fn from(holds: bool) -> Self {
        Self::Whole(u64::from(holds))
    }
}

/// Begins a family.
pub(super) fn family(out: &mut String, family: &Family) {
    for part in ["# HELP ", family.name, " ", family.help, "\n# TYPE ", family.name, " ", family.kind.as_str(), "\n"] {
        out.push_str(part);
    }
}

/// One sample: `labels` and the pieces of `more` make one text such as `link="LL-0412",outcome="lost"`.
pub(super) fn sample(out: &mut String, family: &Family, suffix: &str, labels: &str, more: &[&str], value: Value) {
    if let Value::Ratio(_, 0) = value {
        return;
    }
    out.push_str(family.name);
    out.push_str(suffix);
    if !labels.is_empty() {
        out.push('{');
        out.push_str(labels);
        for piece in more {
            out.push_str(piece);
        }
        out.push('}');
    }
    out.push(' ');
    number(out, value);
    out.push('\n');
}

fn number(out: &mut String, value: Value) {
    match value {
        Value::Whole(whole) => digits(out, whole, 1),
        Value::Nanos(nanos) => {
            let (whole, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
            decimal(out, u64::try_from(whole).unwrap_or(u64::MAX), fraction as u64, 9);
        }
        Value::Millis(millis) => {
            if millis < 0 {
                out.push('-');
            }
            decimal(out, millis.unsigned_abs() / 1_000, millis.unsigned_abs() % 1_000, 3);
        }
        Value::Ratio(part, whole) => number(out, Value::Nanos(billionths(part, whole))),
        Value::Float(float) => out.push_str(&float.to_string()),
    }
}

/// `whole.fraction` with the fraction's leading zeros kept and its trailing ones dropped.
fn decimal(out: &mut String, whole: u64, mut fraction: u64, mut places: usize) {
    digits(out, whole, 1);
    if fraction > 0 {
        while fraction.is_multiple_of(10) {
            (fraction, places) = (fraction / 10, places - 1);
        }
        out.push('.');
        digits(out, fraction, places);
    }
}

/// Decimal digits of `number`, at least `width` of them. `u64::MAX` has 20.
fn digits(out: &mut String, mut number: u64, width: usize) {
    let mut buffer = [b'0'; 20];
    let mut start = buffer.len();
    while number > 0 {
        start -= 1;
        buffer[start] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    let start = start.min(buffer.len() - width);
    out.extend(buffer[start..].iter().map(|&digit| char::from(digit)));
}

/// A label value with backslash, quote and line feed escaped.
pub(super) fn escape(value: &str) -> Cow<'_, str> {
    if !value.contains(['\\', '"', '\n']) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: Value) -> String {
        let mut out = String::new();
        number(&mut out, value);
        out
    }

    #[test]
    fn numbers_are_exact_and_short() {
        for (value, text) in [
            (Value::Whole(0), "0"),
            (Value::Whole(u64::MAX), "18446744073709551615"),
            (Value::Nanos(50_000), "0.00005"),
            (Value::Nanos(1_500_000_000), "1.5"),
            (Value::Nanos(12_000_000_000_000_000_000_000_001), "12000000000000000.000000001"),
            (Value::Millis(-1), "-0.001"),
            (Value::Millis(1_767_225_600_123), "1767225600.123"),
            (Value::Float(0.25), "0.25"),
        ] {
            assert_eq!(written(value), text);
        }
    }

    /// 99.9 % is an objective: one lost in a million below it must not read as met.
    #[test]
    fn ratios_are_truncated_never_rounded_up() {
        assert_eq!(written(Value::Ratio(998_999_999_999, 1_000_000_000_000)), "0.998999999");
        assert_eq!(written(Value::Ratio(7, 7)), "1");
        let (mut out, loss) = (String::new(), &crate::export::families::LOSS);
        sample(&mut out, loss, "", "", &[], Value::Ratio(0, 0));
        assert_eq!(out, "", "no evidence is no sample");
    }

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(escape("示例 \"A\"\\\n"), "示例 \\\"A\\\"\\\\\\n");
        assert_eq!(escape("plain"), "plain");
    }
}
