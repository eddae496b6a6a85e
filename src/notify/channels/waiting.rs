//! What waits in the channels, as metrics.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use prometheus::{Gauge, IntGaugeVec, Opts, Registry};

use crate::units::Timestamp;

/// Notices handed to a channel and not yet ended: at most the queues and the hands of all workers.
pub(super) struct Waiting {
    /// By key: channel and when it was made.
    notices: Mutex<BTreeMap<String, (String, Timestamp)>>,
    pending: IntGaugeVec,
    oldest: Gauge,
}

impl Waiting {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let pending = Opts::new("linkpatrol_outbox_pending", "Notices that wait for their receiver.");
        let oldest = Opts::new("linkpatrol_outbox_oldest_seconds", "Age of the notice that waits longest; 0 for none.");
        let waiting = Self {
            notices: Mutex::default(),
            pending: IntGaugeVec::new(pending, &["channel"])?,
            oldest: Gauge::with_opts(oldest)?,
        };
        registry.register(Box::new(waiting.pending.clone()))?;
        registry.register(Box::new(waiting.oldest.clone()))?;
        Ok(waiting)
    }

    pub(super) fn add(&self, key: String, channel: String, created: Timestamp) {
        self.notices().insert(key, (channel, created));
    }

    pub(super) fn remove(&self, key: &str) {
        self.notices().remove(key);
    }

    pub(super) fn show<'a>(&self, channels: impl Iterator<Item = &'a String>, now: Timestamp) {
        let notices = self.notices();
        for name in channels {
            let count = notices.values().filter(|(channel, _)| channel == name).count();
            self.pending.with_label_values(&[name]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let oldest = notices.values().map(|(_, created)| now.since(*created)).max().unwrap_or_default();
        self.oldest.set(oldest.as_secs_f64());
    }

    /// Key, channel and when it was made, by key.
    pub(super) fn list(&self) -> Vec<(String, String, Timestamp)> {
        let row = |(key, (channel, created)): (&String, &(String, Timestamp))| (key.clone(), channel.clone(), *created);
        self.notices().iter().map(row).collect()
    }

    fn notices(&self) -> MutexGuard<'_, BTreeMap<String, (String, Timestamp)>> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
