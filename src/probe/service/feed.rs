//! What is told of groups, of data-exchange tasks or of devices: by a feed that is read, or by systems that tell of themselves.
//!
//! A feed is read once for all groups that it tells of. What cannot be read or understood is no fault of a group: the newest
//! that was told stands until it is too old, then nothing is known.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::Read,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{task::spawn_blocking, time::timeout};

use super::{Checker, Progress, http};
use crate::{
    clock::monotonic_nanos,
    profile::service::{BODY, Check, Family, Feed},
    sample::service::Ending,
    units::{Now, Timestamp},
};

/// What is counted of a group, and the form in which a feed tells it.
pub trait Counted: Copy + Send + 'static {
    /// When it was counted.
    fn at(&self) -> Timestamp;

    /// What a document says of each group, whole or not at all.
    fn understood(bytes: &[u8]) -> Result<HashMap<String, Self>, String>;
}

/// Clocks of others may be so far ahead of ours.
const AHEAD: Duration = Duration::from_mins(5);

/// What all feeds have told. Groups and feeds that are gone are let go by [`Feeds::keep`].
pub struct Feeds<T> {
    /// By group.
    posted: Mutex<HashMap<String, T>>,
    /// By address; whoever reads one makes the others wait for it.
    read: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Heard<T>>>>>,
}

impl<T> Default for Feeds<T> {
    fn default() -> Self {
        Self { posted: Mutex::default(), read: Mutex::default() }
    }
}

/// What a feed said when it could last be read.
struct Heard<T> {
    /// When the last attempt to read it ended, on the steady clock.
    asked: Option<u64>,
    /// By group.
    told: HashMap<String, T>,
    /// Why the last attempt failed; empty: it did not.
    error: String,
}

impl<T> Default for Heard<T> {
    fn default() -> Self {
        Self { asked: None, told: HashMap::new(), error: String::new() }
    }
}

impl<T: Counted> Feeds<T> {
    /// Takes what a group told of itself.
    pub fn post(&self, group: &str, told: T) {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner).insert(group.to_owned(), told);
    }

    /// The newest that a group told of itself.
    pub fn posted(&self, group: &str) -> Option<T> {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner).get(group).copied()
    }

    /// Lets go of all but these.
    pub fn keep<'a>(&self, kept: impl Iterator<Item = (&'a str, &'a Feed)>) {
        let (groups, feeds): (HashSet<&str>, HashSet<Option<String>>) =
            kept.map(|(group, feed)| (group, address(feed))).unzip();
        self.posted.lock().unwrap_or_else(PoisonError::into_inner).retain(|group, _| groups.contains(group.as_str()));
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.retain(|feed, _| feeds.contains(&Some(feed.clone())));
    }

    fn feed(&self, address: String) -> Arc<tokio::sync::Mutex<Heard<T>>> {
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

/// What is known of a group now, read anew when that is due, and why the last reading failed. The source: group, feed, and
/// what another group read of it is read again after this long.
pub async fn heard<T: Counted>(
    checker: &Checker,
    feeds: &Feeds<T>,
    check: &Check,
    (group, feed, shared_for): (&str, &Feed, Duration),
    progress: &mut Progress,
) -> (Option<T>, String) {
    let Some(address) = address(feed) else { return (feeds.posted(group), String::new()) };
    // Whoever waits for another one's reading has not failed either.
    progress.standing = Some(Ending::Unmeasured("the feed does not answer in time".to_owned()));
    let shared = feeds.feed(address);
    let mut heard = shared.lock().await;
    let age = heard.asked.map(|asked| Duration::from_nanos(monotonic_nanos().saturating_sub(asked)));
    if age.is_none_or(|age| age >= shared_for) {
        heard.hear(read(checker, check, feed).await);
    }
    progress.standing = None;
    (heard.told.get(group).copied(), heard.error.clone())
}

/// What was told, as long as it is not too old and not of the future. `Err`: why nothing is known.
pub fn recent<T: Counted>(
    group: &str,
    told: Option<T>,
    silent_after: Duration,
    error: &str,
    now: Now,
) -> Result<T, String> {
    let because = if error.is_empty() { String::new() } else { format!(" ({error})") };
    let unknown = |text: String| Err(format!("{text}{because}").chars().take(300).collect());
    let Some(told) = told else { return unknown(format!("nothing is told of {group}")) };
    let at = told.at().rfc3339(chrono_tz::UTC);
    if told.at().since(now.utc) > AHEAD {
        return unknown(format!("what is told is of {at}, which is yet to come"));
    }
    if now.utc.since(told.at()) > silent_after {
        return unknown(format!("nothing new is told since {at}"));
    }
    Ok(told)
}

/// `None`: it is not written as RFC 3339 has it.
pub fn moment(text: &str) -> Option<Timestamp> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| Timestamp(time.timestamp_millis()))
}

impl<T: Counted> Heard<T> {
    /// What cannot be understood changes nothing of what is known.
    fn hear(&mut self, read: Result<Vec<u8>, String>) {
        self.asked = Some(monotonic_nanos());
        match read.and_then(|bytes| T::understood(&bytes)) {
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
