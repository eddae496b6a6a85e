//! The ways out: one task per channel, fed from a bounded queue, reporting what became of each notice.
//!
//! In: notices from the loop, and the picture of all incidents that it publishes. Out: requests to receivers, and
//! [`Outcome`]s that the loop records. A receiver that is down delays its own channel only. What waits here stands in
//! the store too, so a crash repeats at most what was accepted but not yet recorded, under the same key.

mod alertmanager;
mod client;
#[cfg(test)]
mod tests;
mod waiting;
mod webhook;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use chrono_tz::Tz;
use prometheus::{IntCounterVec, Opts, Registry};
use tokio::{
    sync::{mpsc, watch},
    time::Duration,
};

use self::{client::Client, waiting::Waiting};
use super::{Channel, ChannelKind, Notice};
use crate::{
    clock::Clock, incident::Incident, inventory::Inventory, judge::rule::Alarm, text::Language, units::Timestamp,
};

/// Most notices that wait in one channel; more are refused, and stay in the store until the loop offers them again.
const QUEUE: usize = 1_024;
/// First and longest pause between two attempts.
const BACK_OFF: Duration = Duration::from_secs(1);
const BACK_OFF_MOST: Duration = Duration::from_secs(60);

/// All configured channels.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    pub alertmanagers: Vec<Alertmanager>,
    pub webhooks: Vec<Webhook>,
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub name: String,
    pub url: String,
}

impl Setup {
    /// For [`super::route`].
    pub fn channels(&self) -> Vec<Channel> {
        let channel = |name: &String, kind| Channel { name: name.clone(), kind };
        let alertmanagers = self.alertmanagers.iter().map(|one| channel(&one.name, ChannelKind::Alertmanager));
        let webhooks = self.webhooks.iter().map(|one| channel(&one.name, ChannelKind::Webhook));
        alertmanagers.chain(webhooks).collect()
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
}

/// What became of a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub key: String,
    pub channel: String,
    pub result: Delivery,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    Delivered,
    /// The receiver will never take it.
    Refused,
    /// Nobody took it in time.
    Expired,
}

impl Delivery {
    fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Expired => "expired",
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
    #[error("cannot register the metrics of notices")]
    Metrics(#[from] prometheus::Error),
}

/// The loop's end of all channels. Dropping it ends them.
pub struct Outbox {
    queues: BTreeMap<String, mpsc::Sender<Notice>>,
    world: watch::Sender<World>,
    waiting: Arc<Waiting>,
}

/// Starts one task per channel on the current tokio runtime. What becomes of each notice is sent to `outcomes`.
pub fn start(
    setup: &Setup,
    world: World,
    clock: Arc<dyn Clock>,
    registry: &Registry,
    outcomes: mpsc::Sender<Outcome>,
) -> Result<Outbox, ChannelError> {
    let help = "Notices by channel, kind and outcome: delivered, refused, expired; and failed, which counts attempts.";
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
        let url = client::url(&settings.name, &format!("{}/api/v2/alerts", settings.url.trim_end_matches('/')))?;
        let words = alertmanager::Words { own_url: setup.own_url.clone(), language: setup.language };
        tokio::spawn(alertmanager::Worker::new(post(&settings.name), settings, url, words).run());
    }
    for settings in &setup.webhooks {
        let url = client::url(&settings.name, &settings.url)?;
        tokio::spawn(webhook::run(post(&settings.name), url, setup.language));
    }
    Ok(Outbox { queues, world: publish, waiting })
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

    /// Notices that channels hold and their receivers do not have yet: key, channel, and when it was made.
    pub fn waiting(&self) -> Vec<(String, String, Timestamp)> {
        self.waiting.list()
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

/// Where a worker says what became of its notices.
struct Report {
    channel: String,
    outcomes: mpsc::Sender<Outcome>,
    counted: IntCounterVec,
    waiting: Arc<Waiting>,
}

impl Report {
    async fn ended(&self, notice: &Notice, result: Delivery) {
        self.count(notice, result.as_str());
        self.waiting.remove(&notice.key);
        let outcome = Outcome { key: notice.key.clone(), channel: self.channel.clone(), result };
        // The loop has gone: the daemon stops, and the store still holds the notice.
        _ = self.outcomes.send(outcome).await;
    }

    fn failed(&self, notice: &Notice) {
        self.count(notice, "failed");
    }

    fn count(&self, notice: &Notice, outcome: &str) {
        self.counted.with_label_values(&[&*self.channel, notice.kind.as_str(), outcome]).inc();
    }
}

/// The pause after so many failures in a row: doubling, and never longer than a minute.
fn back_off(failures: u32) -> Duration {
    BACK_OFF.saturating_mul(1 << failures.min(6)).min(BACK_OFF_MOST)
}
