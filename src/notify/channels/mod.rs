//! The ways out: one task per channel, fed from a bounded queue, reporting what became of each notice.
//!
//! In: notices from the loop, and the picture of all incidents that it publishes. Out: requests to receivers, and
//! [`Outcome`]s that the loop records. A receiver that is down delays its own channel only. What waits here stands in
//! the store too, so a crash repeats at most what was accepted but not yet recorded, under the same key.

mod alertmanager;
mod carry;
mod client;
#[cfg(test)]
mod tests;
mod transport;
mod trial;
mod waiting;
mod webhook;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use chrono_tz::Tz;
use prometheus::{IntCounterVec, IntGauge, Opts, Registry};
use tokio::{
    sync::{mpsc, watch},
    time::Duration,
};

pub(super) use self::transport::sign::name_of;
pub use self::{
    client::{Answer, Client},
    trial::{Trial, try_out},
};
use self::{transport::Transport, waiting::Waiting};
use super::{Channel, ChannelKind, Notice, doors::Doors};
use crate::{
    clock::Clock,
    config,
    incident::Incident,
    inventory::{Inventory, LinkId},
    judge::rule::Alarm,
    text::Language,
    units::Timestamp,
};

/// Most notices that wait in one channel; more are refused, and stay in the store until the loop offers them again.
const QUEUE: usize = 1_024;
/// Older news than this helps nobody at a receiver that has been away: it may be so for a whole day.
const EXPIRES: Duration = Duration::from_hours(36);
/// More attempts than fit into that time.
const MOST_ATTEMPTS: u32 = 36 * 75;
/// First and longest pause between two attempts.
const BACK_OFF: Duration = Duration::from_secs(1);
const BACK_OFF_MOST: Duration = Duration::from_secs(60);

/// All configured channels.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    pub alertmanagers: Vec<Alertmanager>,
    pub webhooks: Vec<config::Webhook>,
    /// To people.
    pub people: Vec<config::Channel>,
    /// PEM file of the authorities that https receivers are checked against. Without it: those of the system.
    pub trusted_roots: Option<PathBuf>,
    /// Where people reach this process, such as `http://127.0.0.1:9815`.
    pub own_url: String,
    pub language: Language,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alertmanager {
    pub name: String,
    /// Without `/api/v2/alerts`.
    pub url: String,
    /// Time between two sendings of a firing alert.
    pub resend: Duration,
    /// A firing alert ends by itself only after this long without us: far longer than any outage of ours.
    pub lifetime: Duration,
}

impl Alertmanager {
    /// Where alerts are posted, and asked for.
    fn alerts(&self) -> Result<hyper::Uri, ChannelError> {
        client::url(&self.name, &format!("{}{}", self.url.trim_end_matches('/'), alertmanager::ALERTS))
    }
}

impl Setup {
    /// For [`super::route`].
    pub fn channels(&self) -> Vec<Channel> {
        let machine = |name: &String, kind| Channel::to_machine(name, kind);
        let alertmanagers = self.alertmanagers.iter().map(|one| machine(&one.name, ChannelKind::Alertmanager));
        let webhooks = self.webhooks.iter().map(|one| machine(&one.name, ChannelKind::Webhook));
        let people = self.people.iter().map(|one| Channel {
            to: one.to.clone(),
            rides_on: one.rides_on.iter().filter_map(|link| LinkId::parse(link)).collect(),
            next: one.next.clone(),
            a_day: one.budget(),
            ..Channel::to_machine(&one.name, ChannelKind::People)
        });
        alertmanagers.chain(webhooks).chain(people).collect()
    }
}

/// What channels know of the world besides their notices: published by the loop with each snapshot.
#[derive(Clone)]
pub struct World {
    pub incidents: Arc<[Arc<Incident>]>,
    /// Of operators' rules.
    pub alarms: Arc<[Arc<Alarm>]>,
    pub inventory: Arc<Inventory>,
    pub zone: Tz,
    pub simulated: bool,
    /// What may leave.
    pub doors: Arc<Doors>,
}

/// What became of a notice.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub notice: Notice,
    pub result: Delivery,
    /// How often it was tried, in earlier processes too.
    pub attempts: u32,
    /// What the receiver said: a receipt, or why not.
    pub words: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    Delivered,
    /// The receiver will never take it.
    Refused,
    /// Nobody took it in time.
    Expired,
    /// Not yet: it is tried again.
    Failed,
    /// A door on its way is closed: it would have been sent.
    Held,
    /// A later one says all of it.
    Replaced,
}

impl Delivery {
    fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Held => "held",
            Self::Replaced => "replaced",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    #[error("cannot read trusted roots {}", path.display())]
    Roots { path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("a certificate in {} cannot be trusted", path.display())]
    Root { path: PathBuf, source: rustls::Error },
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    #[error("`{url}` of channel {channel} is not a URL")]
    Url { channel: String, url: String, source: hyper::http::uri::InvalidUri },
    #[error("channel {channel} has no transport")]
    NoTransport { channel: String },
    #[error("channel {channel} cannot be used: {reason}")]
    Unusable { channel: String, reason: String },
    #[error("cannot register the metrics of notices")]
    Metrics(#[from] prometheus::Error),
}

/// The loop's end of all channels. Dropping it ends them.
pub struct Outbox {
    queues: BTreeMap<String, mpsc::Sender<Notice>>,
    world: watch::Sender<World>,
    waiting: Arc<Waiting>,
    untold: IntGauge,
    counted: IntCounterVec,
}

/// Starts one task per channel on the current tokio runtime. What becomes of each notice is sent to `outcomes`.
pub fn start(
    setup: &Setup,
    world: World,
    clock: Arc<dyn Clock>,
    registry: &Registry,
    outcomes: mpsc::Sender<Outcome>,
) -> Result<Outbox, ChannelError> {
    let help = "Notices by channel, kind and outcome: delivered, refused, expired, held, replaced; and failed, which counts attempts.";
    let counted = IntCounterVec::new(Opts::new("linkpatrol_notices_total", help), &["channel", "kind", "outcome"])?;
    registry.register(Box::new(counted.clone()))?;
    let client = Client::new(setup.trusted_roots.as_deref())?;
    let waiting = Arc::new(Waiting::new(registry)?);
    let (publish, watched) = watch::channel(world);
    let mut queues = BTreeMap::new();
    let mut post = |name: &str| {
        let (sender, notices) = mpsc::channel(QUEUE);
        queues.insert(name.to_owned(), sender);
        let report = Report {
            channel: name.to_owned(),
            outcomes: outcomes.clone(),
            counted: counted.clone(),
            waiting: waiting.clone(),
        };
        Post { notices, report, client: client.clone(), world: watched.clone(), clock: clock.clone() }
    };
    for settings in &setup.alertmanagers {
        let url = settings.alerts()?;
        let words = alertmanager::Words { own_url: setup.own_url.clone(), language: setup.language };
        tokio::spawn(alertmanager::Worker::new(post(&settings.name), settings, url, words).run());
    }
    for settings in &setup.webhooks {
        let url = client::url(&settings.name, &settings.url)?;
        tokio::spawn(webhook::run(post(&settings.name), url, settings.secret.clone(), setup.language));
    }
    let help = "SMS that accepted messages took, by channel: 70 UCS-2 characters alone, 67 in parts.";
    let segments = IntCounterVec::new(Opts::new("linkpatrol_sms_segments_total", help), &["channel"])?;
    registry.register(Box::new(segments.clone()))?;
    for keys in &setup.people {
        let transport = Transport::new(keys, &client, setup.trusted_roots.as_deref())?;
        let (post, segments) = (post(&keys.name), segments.clone());
        tokio::spawn(carry::Worker { post, transport, segments, language: setup.language }.run());
    }
    let untold = IntGauge::new("linkpatrol_notices_untold", "Open incidents that no channel could tell anybody.")?;
    registry.register(Box::new(untold.clone()))?;
    Ok(Outbox { queues, world: publish, waiting, untold, counted })
}

impl Outbox {
    /// Hands a notice to its channel. Given back when the queue is full: offer it again later. A notice of a channel
    /// that is no longer configured is given back too.
    pub fn give(&self, notice: Notice) -> Result<(), Box<Notice>> {
        let Some(queue) = self.queues.get(&notice.channel) else { return Err(Box::new(notice)) };
        let (key, channel, created) = (notice.key.clone(), notice.channel.clone(), notice.created);
        match queue.try_send(notice) {
            Ok(()) => {
                self.waiting.add(key, channel, created);
                Ok(())
            }
            Err(mpsc::error::TrySendError::Full(notice) | mpsc::error::TrySendError::Closed(notice)) => {
                Err(Box::new(notice))
            }
        }
    }

    /// Counts a notice that did not leave: a door on its way is closed.
    pub fn count_held(&self, notice: &Notice) {
        let labels = [&*notice.channel, notice.kind.as_str(), Delivery::Held.as_str()];
        self.counted.with_label_values(&labels).inc();
    }

    /// Notices that channels hold and their receivers do not have yet: key, channel, and when it was made.
    pub fn waiting(&self) -> Vec<(String, String, Timestamp)> {
        self.waiting.list()
    }

    /// Open incidents that nobody could be told.
    pub fn show_untold(&self, count: usize) {
        self.untold.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Shows the channels the newest incidents.
    pub fn publish(&self, world: World, now: Timestamp) {
        self.world.send_replace(world);
        self.waiting.show(self.queues.keys(), now);
    }
}

/// What every worker works with.
struct Post {
    notices: mpsc::Receiver<Notice>,
    report: Report,
    client: Client,
    world: watch::Receiver<World>,
    clock: Arc<dyn Clock>,
}

impl Post {
    /// The closed door that keeps `notice` in: it may have been closed since it was made.
    fn holding(&self, notice: &Notice) -> Option<String> {
        self.world.borrow().doors.holding(notice)
    }
}

/// Where a worker says what became of its notices.
struct Report {
    channel: String,
    outcomes: mpsc::Sender<Outcome>,
    counted: IntCounterVec,
    waiting: Arc<Waiting>,
}

impl Report {
    async fn ended(&self, notice: &Notice, result: Delivery, words: String) {
        self.waiting.remove(&notice.key);
        self.say(notice, result, words).await;
    }

    /// An attempt in vain: kept, so that a restart goes on counting.
    async fn failed(&self, notice: &Notice, words: String) {
        self.say(notice, Delivery::Failed, words).await;
    }

    async fn say(&self, notice: &Notice, result: Delivery, words: String) {
        self.counted.with_label_values(&[&*self.channel, notice.kind.as_str(), result.as_str()]).inc();
        let outcome = Outcome { notice: notice.clone(), result, attempts: notice.attempts, words };
        // The loop has gone: the daemon stops, and the store still holds the notice.
        _ = self.outcomes.send(outcome).await;
    }
}

/// The pause after so many failures in a row: doubling, never much longer than a minute, and a fifth more or less, so that
/// channels which failed together do not come back together.
pub fn back_off(failures: u32) -> Duration {
    let pause = BACK_OFF.saturating_mul(1 << failures.min(6)).min(BACK_OFF_MOST);
    let pause = pause.mul_f64(rand::random_range(0.8..1.2));
    #[cfg(test)]
    let pause = pause / HURRY.get();
    pause
}

#[cfg(test)]
thread_local! {
    /// A test of a day divides pauses by this.
    static HURRY: std::cell::Cell<u32> = const { std::cell::Cell::new(1) };
}
