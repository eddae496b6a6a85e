//! How old a file, or the newest record of a page, is.
//!
//! In: what the far end says of its time. Out: the time in the report, and a failure when it is older than it may be, lies
//! in the future, or cannot be read. Times are RFC 3339, or seconds or milliseconds since 1970, as numbers or as digits.

use std::time::Duration;

use serde_json::Value;

use super::{
    Progress, Stopped,
    http::content::{context, evaluated, parsed},
};
use crate::{
    clock::{Clock, SystemClock},
    profile::service::{Freshness, Record},
    sample::service::{Dated, Reason},
    units::Timestamp,
};

/// Clocks of others may be so far ahead of ours.
const AHEAD: Duration = Duration::from_mins(1);
/// End of the year 9999, in milliseconds: what lies beyond is no time.
const LAST: i64 = 253_402_300_799_999;
/// Numbers below are seconds (until the year 5138), others milliseconds (since March 1973).
const SECONDS_BELOW: f64 = 1e11;

/// Judges a page by its own date (`Last-Modified`), or by the newest record in its body.
pub fn page(freshness: &Freshness, modified: Option<Timestamp>, body: &[u8], progress: &mut Progress) -> Stopped<()> {
    let found = match &freshness.record {
        None => modified.ok_or_else(|| "no Last-Modified that can be read".to_owned()),
        Some(record) => newest(record, body),
    };
    let at = found.map_err(|text| progress.failed(Reason::BadTime, text))?;
    let what = if freshness.record.is_some() { "the newest record" } else { "it" };
    judge(Some(freshness), what, at, progress)
}

/// Judges `what` was made at `at`; without a bound it is only told of.
pub fn judge(freshness: Option<&Freshness>, what: &str, at: Timestamp, progress: &mut Progress) -> Stopped<()> {
    let seen = SystemClock::start().now().utc;
    progress.report.dated = Some(Dated { at, seen });
    verdict(freshness, what, at, seen).map_err(|(reason, text)| progress.failed(reason, text))
}

fn verdict(freshness: Option<&Freshness>, what: &str, at: Timestamp, now: Timestamp) -> Result<(), (Reason, String)> {
    let Some(Freshness { within, .. }) = freshness else { return Ok(()) };
    let (ahead, age) = (at.since(now), now.since(at));
    let made = at.rfc3339(chrono_tz::UTC);
    if ahead > AHEAD {
        return Err((Reason::FutureTime, format!("{what} is of {made}, which is {} s ahead", ahead.as_secs())));
    }
    if age > *within {
        let (age, most) = (age.as_secs(), within.as_secs());
        return Err((Reason::Stale, format!("{what} is of {made}, {age} s old, {most} s allowed")));
    }
    Ok(())
}

/// The time that `record` leads to in a body of JSON; the newest of several. `Err`: why there is none.
fn newest(record: &Record, body: &[u8]) -> Result<Timestamp, String> {
    let body = parsed(body)?;
    let found = match record {
        Record::Pointer(pointer) => body.pointer(pointer).cloned().ok_or_else(|| format!("nothing at {pointer}"))?,
        Record::Cel(expression) => plain(&evaluated(expression, &context(body)?)?),
    };
    let read = |value: &Value| {
        let shown: String = value.to_string().chars().take(100).collect();
        moment(value).ok_or_else(|| format!("{}: {shown} is no time", record.as_str()))
    };
    match &found {
        Value::Array(list) => {
            let times: Vec<Timestamp> = list.iter().map(read).collect::<Result<_, _>>()?;
            times.into_iter().max().ok_or_else(|| format!("{}: no records", record.as_str()))
        }
        one => read(one),
    }
}

/// A time, or a list of times, that an expression has found.
fn plain(value: &cel::Value) -> Value {
    match value {
        cel::Value::Int(number) => (*number).into(),
        cel::Value::UInt(number) => (*number).into(),
        cel::Value::Float(number) => (*number).into(),
        cel::Value::String(text) => text.as_str().into(),
        cel::Value::List(list) => list.iter().map(plain).collect(),
        _ => Value::Null,
    }
}

fn moment(value: &Value) -> Option<Timestamp> {
    let milliseconds = match value {
        Value::Number(number) => epoch(number.as_f64()?)?,
        Value::String(text) => match chrono::DateTime::parse_from_rfc3339(text.trim()) {
            Ok(time) => time.timestamp_millis(),
            Err(_) => epoch(text.trim().parse().ok()?)?,
        },
        _ => return None,
    };
    (0..=LAST).contains(&milliseconds).then_some(Timestamp(milliseconds))
}

/// Milliseconds since 1970.
fn epoch(number: f64) -> Option<i64> {
    let milliseconds = if number.abs() < SECONDS_BELOW { number * 1e3 } else { number };
    (0.0..=LAST as f64).contains(&milliseconds).then_some(milliseconds as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn found(record: &str, body: &Value) -> Result<i64, String> {
        newest(&Record::parse(record).unwrap(), body.to_string().as_bytes()).map(|time| time.0)
    }

    #[test]
    fn times_are_read_in_all_their_forms() {
        let at = 1_795_564_800_000;
        for time in [
            json!("2026-11-25T08:00:00+08:00"),
            json!(" 2026-11-25T00:00:00Z"),
            json!(1_795_564_800),
            json!(1_795_564_800.0),
            json!("1795564800"),
            json!(1_795_564_800_000_i64),
            json!("1795564800000"),
        ] {
            assert_eq!(found("/t", &json!({ "t": time })), Ok(at), "{time}");
        }
        for wrong in [
            json!("2026-11-25 08:00:00"),
            json!("gestern"),
            json!("NaN"),
            json!("inf"),
            json!(""),
            json!(-1),
            json!(1e300),
            json!(null),
            json!(true),
            json!([]),
            json!([1, "x"]),
            json!([[1]]),
            json!({}),
        ] {
            assert!(found("/t", &json!({ "t": wrong })).is_err(), "{wrong}");
        }
        assert!(found("/other", &json!({ "t": 1 })).is_err());
    }

    #[test]
    fn of_several_records_the_newest_counts() {
        let body = json!({"rows": [{"t": 100, "ok": true}, {"t": 300, "ok": false}, {"t": 200, "ok": true}]});
        assert_eq!(found("body.rows.map(row, row.t)", &body), Ok(300_000));
        assert_eq!(found("body.rows.filter(row, row.ok).map(row, row.t)", &body), Ok(200_000));
        assert_eq!(found("body.rows[2].t", &body), Ok(200_000));
        assert_eq!(found("/rows/1/t", &body), Ok(300_000));
        let error = found("body.rows.map(row, row.absent)", &body).unwrap_err();
        assert!(error.contains("absent"), "{error}");
    }

    #[test]
    fn the_bound_itself_is_fresh_and_a_minute_ahead_is_forgiven() {
        let freshness = Freshness { within: Duration::from_secs(60), record: None };
        let ended = |at: i64| {
            verdict(Some(&freshness), "it", Timestamp(at), Timestamp(1_000_000)).map_err(|(reason, _)| reason)
        };
        assert_eq!((ended(940_000), ended(939_999)), (Ok(()), Err(Reason::Stale)));
        assert_eq!((ended(1_060_000), ended(1_060_001)), (Ok(()), Err(Reason::FutureTime)));
        assert_eq!(verdict(None, "it", Timestamp(0), Timestamp(1_000_000)), Ok(()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>, text: String, number: f64) {
            let _ = newest(&Record::Pointer("/a".to_owned()), &bytes);
            let _ = moment(&json!(text));
            let _ = moment(&json!(number));
        }
    }
}
