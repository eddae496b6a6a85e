//! Metrics pushed to a store that takes Prometheus' remote write (protocol 1.0), for where nothing may scrape us.
//!
//! In: the newest snapshot and what others registered. Out: requests to each target of `remote_write`. Two tasks a target:
//!
//! ```text
//!  every `interval`: scrape ▶ protobuf, snappy ▶ Wal (bounded, on the disk) ──oldest first──▶ POST until it is taken
//! ```
//!
//! A target that is away costs disk up to its bound, then the oldest samples, which are counted. It delays nobody else.

mod wal;
mod write;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hyper::{Request, Uri, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};
use tokio::{
    runtime::Handle,
    sync::Notify,
    task::spawn_blocking,
    time::{Duration, MissedTickBehavior, interval, sleep},
};

use self::{
    wal::Wal,
    write::{Body, Encoder},
};
use crate::{
    clock::Clock,
    config::{Config, RemoteWrite},
    export::Scrape,
    feed::Feed,
    notify::channels::{Answer, ChannelError, Client, back_off},
};

/// Folder below the state folder.
const FOLDER: &str = "remote-write";

/// Why pushing cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error(transparent)]
    Channel(#[from] ChannelError),
    #[error("cannot keep what waits for {target}: {source}")]
    Wal { target: String, source: std::io::Error },
    #[error("`{url}` is no address: {source}")]
    Url { url: String, source: hyper::http::uri::InvalidUri },
    #[error("cannot register the metrics of remote write")]
    Metrics(#[from] prometheus::Error),
}

/// What became of samples, by target.
#[derive(Clone)]
struct Counted {
    samples: IntCounterVec,
    waiting: IntGaugeVec,
}

impl Counted {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let samples = Opts::new(
            "linkpatrol_remote_write_samples_total",
            "Samples for a remote store, by outcome: sent, refused (it will not take them however often we ask) or dropped \
             (too many waited, or the disk refused).",
        );
        let waiting = Opts::new("linkpatrol_remote_write_waiting_bytes", "What waits on the disk for a remote store.");
        let counted = Self {
            samples: IntCounterVec::new(samples, &["target", "outcome"])?,
            waiting: IntGaugeVec::new(waiting, &["target"])?,
        };
        registry.register(Box::new(counted.samples.clone()))?;
        registry.register(Box::new(counted.waiting.clone()))?;
        Ok(counted)
    }
}

/// One target, shared by the task that collects and the one that sends.
struct Target {
    settings: RemoteWrite,
    url: Uri,
    wal: Mutex<Wal>,
    /// Something waits.
    news: Notify,
    counted: Counted,
}

impl Target {
    fn wal(&self) -> MutexGuard<'_, Wal> {
        self.wal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, outcome: &str, samples: u64) {
        self.counted.samples.with_label_values(&[self.settings.name.as_str(), outcome]).inc_by(samples);
    }

    fn shown(&self) {
        let bytes = i64::try_from(self.wal().bytes()).unwrap_or(i64::MAX);
        self.counted.waiting.with_label_values(&[self.settings.name.as_str()]).set(bytes);
    }
}

/// Begins to push to every target of `config`, on `runtime`. `here` is label `instance` where a target names none.
///
/// # Errors
/// An address or a folder cannot be used.
pub fn start(
    config: &Config,
    state: &Path,
    here: &str,
    feed: &Feed,
    registry: &Registry,
    clock: &Arc<dyn Clock>,
    runtime: &Handle,
) -> Result<(), PushError> {
    if config.remote_write.is_empty() {
        return Ok(());
    }
    let (counted, client) = (Counted::new(registry)?, Client::new(config.trusted_roots.as_deref())?);
    for settings in &config.remote_write {
        // A name is free text; a folder is not.
        let folder = state.join(FOLDER).join(utf8_percent_encode(&settings.name, NON_ALPHANUMERIC).to_string());
        let wal = Wal::open(&folder, settings.most_waiting)
            .map_err(|source| PushError::Wal { target: settings.name.clone(), source })?;
        let url = settings.url.parse().map_err(|source| PushError::Url { url: settings.url.clone(), source })?;
        let counted = counted.clone();
        for outcome in ["sent", "refused", "dropped"] {
            counted.samples.with_label_values(&[settings.name.as_str(), outcome]);
        }
        let target = Target { settings: settings.clone(), url, wal: Mutex::new(wal), news: Notify::new(), counted };
        let target = Arc::new(target);
        let instance = settings.instance.as_deref().unwrap_or(here);
        let encoder = Encoder::new(&[("job", &settings.job), ("instance", instance)]);
        runtime.spawn(collect(Arc::clone(&target), encoder, feed.clone(), registry.clone(), Arc::clone(clock)));
        runtime.spawn(send(target, client.clone()));
    }
    Ok(())
}

/// Scrapes ourselves at the target's pace, off the threads that answer requests.
async fn collect(target: Arc<Target>, mut encoder: Encoder, feed: Feed, registry: Registry, clock: Arc<dyn Clock>) {
    let mut pace = interval(target.settings.interval);
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        pace.tick().await;
        feed.fresh(clock.now().mono).await;
        let (feed, registry, clock, kept) = (feed.clone(), registry.clone(), Arc::clone(&clock), Arc::clone(&target));
        let work = move || {
            let mut others = String::new();
            if let Err(error) = TextEncoder::new().encode_utf8(&registry.gather(), &mut others) {
                tracing::error!(%error, "cannot write the metrics about ourselves");
            }
            let bodies = encoder.encode(Scrape::of(feed.load()).chain([others]), clock.now().utc.0);
            let samples: u64 = bodies.iter().map(|body| u64::from(body.samples)).sum();
            let kept_it = kept.wal().append(&bodies);
            match kept_it {
                Ok(lost) => kept.count("dropped", lost),
                Err(error) => {
                    tracing::error!(target = kept.settings.name, %error, "a push cannot be kept");
                    kept.count("dropped", samples);
                }
            }
            kept.shown();
            encoder
        };
        encoder = match spawn_blocking(work).await {
            Ok(encoder) => encoder,
            // The runtime ends.
            Err(_) => return,
        };
        target.news.notify_one();
    }
}

/// Sends what waits, oldest first, each request until it is taken or refused.
async fn send(target: Arc<Target>, client: Client) {
    loop {
        let oldest = target.wal().oldest();
        let Some(oldest) = oldest else {
            target.news.notified().await;
            continue;
        };
        let read = target.wal().read(oldest);
        match read {
            Ok(bodies) => {
                for body in bodies {
                    if !deliver(&target, &client, body, oldest.number).await {
                        break;
                    }
                }
            }
            Err(error) => {
                tracing::error!(target = target.settings.name, %error, "a push that waited cannot be read");
                target.count("dropped", oldest.samples);
            }
        }
        target.wal().remove(oldest.number);
        target.shown();
    }
}

/// `false`: its scrape was given up meanwhile, and counted with it.
async fn deliver(target: &Target, client: &Client, body: Body, number: u64) -> bool {
    let name = &target.settings.name;
    let mut failures = 0;
    loop {
        match post(target, client, &body.bytes).await {
            Answer::Accepted(_) => {
                target.count("sent", u64::from(body.samples));
                return true;
            }
            Answer::Refused(reason) => {
                tracing::error!(target = name, reason, "the remote store refused samples");
                target.count("refused", u64::from(body.samples));
                return true;
            }
            Answer::Later { reason, wait } => {
                if failures == 0 {
                    tracing::warn!(target = name, reason, "the remote store takes nothing now");
                }
                sleep(wait.unwrap_or_else(|| back_off(failures))).await;
                failures += 1;
            }
        }
        if !target.wal().holds(number) {
            return false;
        }
    }
}

async fn post(target: &Target, client: &Client, bytes: &[u8]) -> Answer {
    let mut request = Request::post(&target.url)
        .header(header::CONTENT_TYPE, "application/x-protobuf")
        .header(header::CONTENT_ENCODING, "snappy")
        .header("X-Prometheus-Remote-Write-Version", "0.1.0");
    match target.settings.token.read() {
        Ok(Some(token)) => request = request.header(header::AUTHORIZATION, format!("Bearer {token}")),
        Ok(None) => {}
        Err(error) => return Answer::Later { reason: error.to_string(), wait: Some(Duration::from_secs(30)) },
    }
    client.put(request, bytes.to_vec()).await
}
