//! Politeness: whoever wants to visit waits here, and how often that happens is counted.
//!
//! Visits a second are limited for a host, an address, a zone and in all; visits at once for an address and in all, so
//! that a hundred services on one machine that hangs do not pile up on it.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::profile::services::Limits;

/// What a visit waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    Host,
    Address,
    Zone,
    Total,
    /// A place among those that run at once.
    Place,
}

impl Gate {
    pub const ALL: [Self; 5] = [Self::Host, Self::Address, Self::Zone, Self::Total, Self::Place];

    /// Value of label `limit`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Address => "address",
            Self::Zone => "zone",
            Self::Total => "total",
            Self::Place => "place",
        }
    }
}

/// How often visits had to wait, by [`Gate::ALL`]. Outlives the gates.
#[derive(Debug, Default)]
pub struct Waits([AtomicU64; 5]);

impl Waits {
    pub fn counts(&self) -> [(&'static str, u64); 5] {
        Gate::ALL.map(|gate| (gate.as_str(), self.0[gate as usize].load(Ordering::Relaxed)))
    }

    fn add(&self, gate: Gate) {
        self.0[gate as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// What one host, address or zone must bear.
#[derive(Debug)]
pub(super) struct Bound {
    rate: DefaultDirectRateLimiter,
    places: Arc<Semaphore>,
}

impl Bound {
    fn new(per_second: NonZeroU32, at_once: usize) -> Arc<Self> {
        let rate = RateLimiter::direct(Quota::per_second(per_second));
        Arc::new(Self { rate, places: Arc::new(Semaphore::new(at_once)) })
    }

    /// Lets `requests` through, one after the other.
    async fn pass(&self, gate: Gate, requests: u32, waits: &Waits) {
        for _ in 0..requests {
            if self.rate.check().is_err() {
                waits.add(gate);
                self.rate.until_ready().await;
            }
        }
    }

    async fn enter(&self, gate: Gate, waits: &Waits) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(place);
        }
        waits.add(gate);
        // Never closed.
        Arc::clone(&self.places).acquire_owned().await.ok()
    }
}

/// All bounds of a patrol. Those that no visitor holds any more are forgotten.
#[derive(Debug)]
pub(super) struct Gates {
    pub limits: Limits,
    total: Arc<Bound>,
    hosts: Mutex<HashMap<String, Arc<Bound>>>,
    zones: Mutex<HashMap<String, Arc<Bound>>>,
    addresses: Mutex<HashMap<IpAddr, Arc<Bound>>>,
    waits: Arc<Waits>,
}

/// Held while a visit runs.
pub(super) struct Places {
    _at_address: Option<OwnedSemaphorePermit>,
    _at_all: OwnedSemaphorePermit,
}

impl Gates {
    pub fn new(limits: Limits, waits: Arc<Waits>) -> Self {
        let total = Bound::new(limits.total, limits.at_once);
        let (hosts, zones, addresses) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { limits, total, hosts, zones, addresses, waits }
    }

    pub fn host(&self, name: &str) -> Arc<Bound> {
        bound(&self.hosts, name.to_owned(), self.limits.per_host, self.limits.at_once)
    }

    /// `None`: it is in no zone.
    pub fn zone(&self, name: &str) -> Option<Arc<Bound>> {
        (!name.is_empty()).then(|| bound(&self.zones, name.to_owned(), self.limits.per_zone, self.limits.at_once))
    }

    pub fn address(&self, address: IpAddr) -> Arc<Bound> {
        bound(&self.addresses, address, self.limits.per_address, self.limits.at_once_per_address)
    }

    /// Waits until all of them let all `requests` of a visit through. `address`: where it went last; the first visit of a
    /// name does not know.
    pub async fn pass(
        &self,
        host: &Bound,
        address: Option<&Bound>,
        zone: Option<&Bound>,
        requests: u32,
    ) -> Option<Places> {
        let waits = &self.waits;
        host.pass(Gate::Host, requests, waits).await;
        let mut at_address = None;
        if let Some(address) = address {
            address.pass(Gate::Address, requests, waits).await;
            at_address = Some(address.enter(Gate::Address, waits).await?);
        }
        if let Some(zone) = zone {
            zone.pass(Gate::Zone, requests, waits).await;
        }
        self.total.pass(Gate::Total, requests, waits).await;
        let at_all = self.total.enter(Gate::Place, waits).await?;
        Some(Places { _at_address: at_address, _at_all: at_all })
    }
}

fn bound<K: Eq + Hash>(
    known: &Mutex<HashMap<K, Arc<Bound>>>,
    key: K,
    per_second: NonZeroU32,
    at_once: usize,
) -> Arc<Bound> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(bound) = known.get(&key) {
        return Arc::clone(bound);
    }
    known.retain(|_, bound| Arc::strong_count(bound) > 1);
    let bound = Bound::new(per_second, at_once);
    known.insert(key, Arc::clone(&bound));
    bound
}
