//! What is told of groups of data-exchange tasks: by a feed that is read, or by systems that tell of themselves.
//!
//! In: an [`Exchange`]. Out: how its records fared. A feed is read once for all groups that it tells of. What cannot be read
//! or understood is no fault of the exchange: the newest that was told stands until it is too old, then nothing is known.
//!
//! A feed: `{"at": "2026-11-27T08:00:00+08:00", "tasks": [{"task": "X-1", "sent": 120, "received": 120, "rejected": 0,
//! "mismatched": 0, "last_success": "2026-11-27T07:58:00+08:00"}]}`; `at` may stand in a task as well, and is then its own.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::Read,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use tokio::{task::spawn_blocking, time::timeout};

use super::{Checker, Progress, Stopped, http};
use crate::{
    clock::{Clock, SystemClock, monotonic_nanos},
    inventory::Told,
    profile::{
        service::{BODY, Check, Exchange, Family, Feed},
        services::{MOST_SERVICES, Services},
    },
    sample::service::{Ending, Fault, Phase, Reason},
    units::{Now, Timestamp},
};

/// Clocks of others may be so far ahead of ours.
const AHEAD: Duration = Duration::from_mins(5);

/// What all feeds have told. Groups and feeds that are gone are let go by [`Feeds::keep`].
#[derive(Default)]
pub struct Feeds {
    /// By group.
    posted: Mutex<HashMap<String, Told>>,
    /// By address; whoever reads one makes the others wait for it.
    read: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Heard>>>>,
}

/// What a feed said when it could last be read.
#[derive(Default)]
struct Heard {
    /// When the last attempt to read it ended, on the steady clock.
    asked: Option<u64>,
    /// By group.
    told: HashMap<String, Told>,
    /// Why the last attempt failed; empty: it did not.
    error: String,
}

impl Feeds {
    /// Takes what a group told of itself.
    pub fn post(&self, group: &str, told: Told) {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner).insert(group.to_owned(), told);
    }

    /// The newest that a group told of itself.
    pub fn posted(&self, group: &str) -> Option<Told> {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner).get(group).copied()
    }

    /// Lets go of all but these.
    pub fn keep(&self, services: &Services) {
        let exchanges = services.list.iter().filter_map(|service| service.exchange());
        let (groups, feeds): (HashSet<&str>, HashSet<Option<String>>) =
            exchanges.map(|exchange| (exchange.group.as_str(), address(&exchange.feed))).unzip();
        self.posted.lock().unwrap_or_else(PoisonError::into_inner).retain(|group, _| groups.contains(group.as_str()));
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.retain(|feed, _| feeds.contains(&Some(feed.clone())));
    }

    fn feed(&self, address: String) -> Arc<tokio::sync::Mutex<Heard>> {
        Arc::clone(self.read.lock().unwrap_or_else(PoisonError::into_inner).entry(address).or_default())
    }
}

/// What a feed is told from another by. `None`: nothing is read.
fn address(feed: &Feed) -> Option<String> {
    match feed {
        Feed::Posted => None,
        Feed::File(path) => Some(path.display().to_string()),
        Feed::Http(http) => Some(http.url.to_string()),
    }
}

/// Looks at what is told of a group now.
pub(super) async fn ask(checker: &Checker, check: &Check, exchange: &Exchange, progress: &mut Progress) -> Stopped<()> {
    let (told, error) = match address(&exchange.feed) {
        None => (checker.feeds.posted(&exchange.group), String::new()),
        Some(address) => {
            // Whoever waits for another one's reading has not failed either.
            progress.standing = Some(Ending::Unmeasured("the feed does not answer in time".to_owned()));
            let feed = checker.feeds.feed(address);
            let mut heard = feed.lock().await;
            let age = heard.asked.map(|asked| Duration::from_nanos(monotonic_nanos().saturating_sub(asked)));
            if age.is_none_or(|age| age >= exchange.shared_for) {
                heard.hear(read(checker, check, &exchange.feed).await);
            }
            progress.standing = None;
            (heard.told.get(&exchange.group).copied(), heard.error.clone())
        }
    };
    progress.enter(Phase::Content);
    progress.report.exchange = told;
    judge(exchange, told, &error, SystemClock::start().now())
}

impl Heard {
    /// What cannot be understood changes nothing of what is known.
    fn hear(&mut self, read: Result<Vec<u8>, String>) {
        self.asked = Some(monotonic_nanos());
        match read.and_then(|bytes| understood(&bytes)) {
            Ok(told) => (self.told, self.error) = (told, String::new()),
            Err(error) => self.error = error,
        }
    }
}

/// The document of a feed, in less than the time that the check has.
async fn read(checker: &Checker, check: &Check, feed: &Feed) -> Result<Vec<u8>, String> {
    let within = check.deadline.mul_f64(0.75);
    let ended = match feed {
        Feed::Posted => return Ok(vec![]),
        Feed::File(path) => {
            let path = path.clone();
            timeout(within, spawn_blocking(move || of_file(&path))).await.map(|ended| match ended {
                Ok(read) => read.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            })
        }
        Feed::Http(page) => {
            // Its times are those of the feed, and not of the exchange.
            let mut aside = Progress { source: check.source, ..Progress::start(monotonic_nanos()) };
            let body = http::body(checker, Family::default(), page, &mut aside);
            timeout(within, body).await.map(|ended| ended.map_err(|ending| said(&ending)))
        }
    };
    ended.unwrap_or_else(|_| Err(format!("no answer within {within:?}")))
}

fn said(ending: &Ending) -> String {
    match ending {
        Ending::Passed => String::new(),
        Ending::Failed(fault) => format!("{} {}: {}", fault.phase.as_str(), fault.reason.as_str(), fault.text),
        Ending::Unmeasured(text) => text.clone(),
    }
}

fn of_file(path: &Path) -> std::io::Result<Vec<u8>> {
    // A pipe would be waited for, a folder is none.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("this is no file"));
    }
    let mut bytes = vec![];
    File::open(path)?.take(BODY as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > BODY {
        return Err(std::io::Error::other(format!("longer than {BODY} bytes")));
    }
    Ok(bytes)
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

/// What a document says of each group, whole or not at all.
fn understood(bytes: &[u8]) -> Result<HashMap<String, Told>, String> {
    let document: Document = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if document.tasks.len() > MOST_SERVICES {
        return Err(format!("more than {MOST_SERVICES} tasks"));
    }
    let mut groups = HashMap::new();
    for row in document.tasks {
        let wrong = |what: &str| format!("task {}: {what}", row.task.chars().take(64).collect::<String>());
        let moment = |text: &str, key: &str| {
            let time = chrono::DateTime::parse_from_rfc3339(text);
            let time = time.map_err(|_| wrong(&format!("{key} is no time such as 2026-11-20T03:00:00+08:00")))?;
            Ok::<_, String>(Timestamp(time.timestamp_millis()))
        };
        let at = row.at.as_ref().or(document.at.as_ref()).ok_or_else(|| wrong("nothing says when it was counted"))?;
        let (at, last_success) = (moment(at, "at")?, moment(&row.last_success, "last_success")?);
        if last_success > at {
            return Err(wrong("last_success is after at"));
        }
        let Row { sent, received, rejected, mismatched, .. } = row;
        let told = Told { at, sent, received, rejected, mismatched, last_success };
        if groups.insert(row.task.clone(), told).is_some() {
            return Err(wrong("it is there twice"));
        }
    }
    Ok(groups)
}

/// How the records of a group fared. Staleness is what the feed knew when it counted: its own silence accuses nobody.
fn judge(exchange: &Exchange, told: Option<Told>, error: &str, now: Now) -> Stopped<()> {
    let because = if error.is_empty() { String::new() } else { format!(" ({error})") };
    let unknown = |text: String| Err(Ending::Unmeasured(format!("{text}{because}").chars().take(300).collect()));
    let Some(told) = told else { return unknown(format!("nothing is told of {}", exchange.group)) };
    let at = told.at.rfc3339(chrono_tz::UTC);
    if told.at.since(now.utc) > AHEAD {
        return unknown(format!("what is told is of {at}, which is yet to come"));
    }
    if now.utc.since(told.at) > exchange.silent_after {
        return unknown(format!("nothing new is told since {at}"));
    }
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
    use proptest::prelude::*;

    use super::*;
    use crate::inventory::ExchangeKind;

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
        let of =
            |rows: &str| understood(format!(r#"{{"at":"2026-11-27T08:00:00+08:00","tasks":[{rows}]}}"#).as_bytes());
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
        assert!(understood(format!(r#"{{"tasks":[{good}]}}"#).as_bytes()).is_err(), "nothing says when");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            let _ = understood(&bytes);
        }
    }
}
