//! What is told of groups of data-exchange tasks.
//!
//! In: an [`Exchange`]. Out: how its records fared.
//!
//! A feed: `{"at": "2026-11-27T08:00:00+08:00", "tasks": [{"task": "X-1", "sent": 120, "received": 120, "rejected": 0,
//! "mismatched": 0, "last_success": "2026-11-27T07:58:00+08:00"}]}`; `at` may stand in a task as well, and is then its own.

use std::collections::HashMap;

use serde::Deserialize;

use super::{
    Checker, Progress, Stopped,
    feed::{Counted, heard, moment, recent},
};
use crate::{
    clock::{Clock, SystemClock},
    inventory::Told,
    profile::{
        service::{Check, Exchange},
        services::MOST_SERVICES,
    },
    sample::service::{Ending, Fault, Phase, Reason},
    units::{Now, Timestamp},
};

/// Looks at what is told of a group now.
pub(super) async fn ask(checker: &Checker, check: &Check, exchange: &Exchange, progress: &mut Progress) -> Stopped<()> {
    let source = (&*exchange.group, &exchange.feed, exchange.shared_for);
    let (told, error) = heard(checker, &checker.exchanges, check, source, progress).await;
    progress.enter(Phase::Content);
    progress.report.exchange = told;
    judge(exchange, told, &error, SystemClock::start().now())
}

#[derive(Deserialize)]
struct Document {
    at: Option<String>,
    tasks: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    task: String,
    at: Option<String>,
    sent: u64,
    received: u64,
    rejected: u64,
    mismatched: u64,
    last_success: String,
}

impl Counted for Told {
    fn at(&self) -> Timestamp {
        self.at
    }

    fn understood(bytes: &[u8]) -> Result<HashMap<String, Self>, String> {
        let document: Document = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if document.tasks.len() > MOST_SERVICES {
            return Err(format!("more than {MOST_SERVICES} tasks"));
        }
        let mut groups = HashMap::new();
        for row in document.tasks {
            let wrong = |what: &str| format!("task {}: {what}", row.task.chars().take(64).collect::<String>());
            let time = |text: &str, key: &str| {
                moment(text).ok_or_else(|| wrong(&format!("{key} is no time such as 2026-11-20T03:00:00+08:00")))
            };
            let at = row.at.as_ref().or(document.at.as_ref());
            let at = at.ok_or_else(|| wrong("nothing says when it was counted"))?;
            let (at, last_success) = (time(at, "at")?, time(&row.last_success, "last_success")?);
            if last_success > at {
                return Err(wrong("last_success is after at"));
            }
            let Row { sent, received, rejected, mismatched, .. } = row;
            let told = Self { at, sent, received, rejected, mismatched, last_success };
            if groups.insert(row.task.clone(), told).is_some() {
                return Err(wrong("it is there twice"));
            }
        }
        Ok(groups)
    }
}

/// How the records of a group fared. Staleness is what the feed knew when it counted: its own silence accuses nobody.
fn judge(exchange: &Exchange, told: Option<Told>, error: &str, now: Now) -> Stopped<()> {
    let told = recent(&exchange.group, told, exchange.silent_after, error, now).map_err(Ending::Unmeasured)?;
    let extra = told.received.saturating_sub(told.sent);
    let since = told.last_success.rfc3339(chrono_tz::UTC);
    let is_stale = told.at.since(told.last_success) > exchange.stale_after;
    let faults = [
        (Reason::ExchangeStale, is_stale, format!("no success since {since}")),
        (Reason::ExchangeLost, told.lost() > 0, format!("{} of {} lost", told.lost(), told.sent)),
        (Reason::ExchangeRejected, told.rejected > 0, format!("{} rejected", told.rejected)),
        (Reason::ExchangeMismatched, told.mismatched > 0, format!("{} mismatched", told.mismatched)),
        (Reason::ExchangeMismatched, extra > 0, format!("{extra} more than sent")),
    ];
    // The worst first; the text has them all.
    let found = || faults.iter().filter(|(_, is_so, _)| *is_so);
    let Some((reason, ..)) = found().next() else { return Ok(()) };
    let texts: Vec<&str> = found().map(|(.., text)| text.as_str()).collect();
    Err(Ending::Failed(Fault::new(Phase::Content, *reason, texts.join(", "))))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::{inventory::ExchangeKind, profile::service::Feed};

    const HOUR: i64 = 3_600_000;

    fn exchange() -> Exchange {
        Exchange {
            group: "X".to_owned(),
            kind: ExchangeKind::Collect,
            tasks: 1,
            feed: Feed::Posted,
            stale_after: Duration::from_hours(2),
            silent_after: Duration::from_hours(1),
            shared_for: Duration::from_secs(5),
        }
    }

    /// How it ends at hour 100, of something that was told so many minutes before.
    fn ending(minutes: i64, change: impl Fn(&mut Told)) -> String {
        let now = Now { utc: Timestamp(100 * HOUR), ..Now::default() };
        let at = Timestamp(now.utc.0 - minutes * 60_000);
        let mut told = Told { at, sent: 10, received: 10, rejected: 0, mismatched: 0, last_success: at };
        change(&mut told);
        match judge(&exchange(), Some(told), "", now) {
            Ok(()) => "passed".to_owned(),
            Err(Ending::Failed(fault)) => format!("{} {}", fault.reason.as_str(), fault.text),
            Err(_) => "unknown".to_owned(),
        }
    }

    #[test]
    fn any_loss_is_a_breach_and_the_worst_is_the_reason() {
        assert_eq!(ending(0, |_| ()), "passed");
        assert_eq!(ending(0, |told| told.received = 9), "exchange_lost 1 of 10 lost");
        assert_eq!(ending(0, |told| told.rejected = 2), "exchange_rejected 2 rejected");
        assert_eq!(ending(0, |told| told.received = 13), "exchange_mismatched 3 more than sent");
        let all = |told: &mut Told| {
            *told = Told { received: 0, rejected: 3, mismatched: 4, last_success: Timestamp(0), ..*told };
        };
        let expected =
            "exchange_stale no success since 1970-01-01T00:00:00.000+00:00, 10 of 10 lost, 3 rejected, 4 mismatched";
        assert_eq!(ending(0, all), expected);
    }

    #[test]
    fn silence_is_unknown_and_accuses_nobody() {
        let before = |minutes: i64| move |told: &mut Told| told.last_success.0 = told.at.0 - minutes * 60_000;
        assert_eq!(ending(60, before(120)), "passed");
        assert_eq!(ending(61, before(0)), "unknown");
        assert_eq!(ending(61, |told| told.received = 0), "unknown");
        assert_eq!(ending(-6, |_| ()), "unknown");
        assert!(ending(59, before(121)).starts_with("exchange_stale"));
    }

    #[test]
    fn a_document_is_taken_whole_or_not_at_all() {
        let row = |task: &str, rest: &str| {
            format!(r#"{{"task":"{task}","sent":3,"received":2,"rejected":0,"mismatched":1,{rest}}}"#)
        };
        let of = |rows: &str| {
            Told::understood(format!(r#"{{"at":"2026-11-27T08:00:00+08:00","tasks":[{rows}]}}"#).as_bytes())
        };
        let good = row("A", r#""last_success":"2026-11-27T00:00:00Z","more":1"#);
        let told = of(&good).unwrap();
        assert_eq!((told["A"].at, told["A"].lost()), (told["A"].last_success, 1));
        for wrong in [
            format!("{good},{good}"),
            row("B", r#""last_success":"gestern""#),
            row("B", r#""last_success":"2026-11-27T08:00:01+08:00""#),
            row("B", r#""last_success":null"#),
            row("B", r#""at":"","last_success":"2026-11-27T00:00:00Z""#),
            r#"{"task":"B"}"#.to_owned(),
        ] {
            assert!(of(&wrong).is_err(), "{wrong}");
        }
        assert!(Told::understood(format!(r#"{{"tasks":[{good}]}}"#).as_bytes()).is_err(), "nothing says when");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            let _ = Told::understood(&bytes);
        }
    }
}
