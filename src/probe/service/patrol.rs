//! Visits to all services, each at its own pace.
//!
//! In: [`Services`]. Out: [`Visit`]s over a bounded channel. One task a service, so that a far end that hangs holds up
//! nobody else and is never visited twice at once; a turn that it is too slow for is skipped and counted. Turns are
//! spread over the interval, and [`Gates`] spare hosts, addresses, zones and this machine.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{SyncSender, TrySendError},
    },
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::Notify,
    task::AbortHandle,
    time::{Instant, sleep, sleep_until},
};

use super::{
    Checker,
    feed::{Counted, Feeds},
    gates::{Bound, Gates, Waits},
};
use crate::{
    inventory::{Online, Told},
    profile::{
        service::Kind,
        services::{Service, Services},
    },
    sample::service::{Ending, Report},
};

/// One visit, ended.
#[derive(Debug)]
pub struct Visit {
    /// As it was visited.
    pub service: Arc<Service>,
    /// How long before it was handed over it had begun.
    pub age: Duration,
    /// How long after its turn it began.
    pub late: Duration,
    /// Confirms a failure, or was asked for: beside the plan.
    pub is_confirm: bool,
    pub report: Report,
}

/// What was left out and what waited, and why.
#[derive(Debug, Default)]
pub struct Skipped {
    /// A turn came while the visit before was still running.
    pub turns: AtomicU64,
    /// Nobody took the visit.
    pub visits: AtomicU64,
    pub waits: Arc<Waits>,
}

/// Visits that go on until this is dropped.
pub struct Patrol {
    runtime: Handle,
    checker: Arc<Checker>,
    visits: SyncSender<Visit>,
    skipped: Arc<Skipped>,
    gates: Arc<Gates>,
    /// By id.
    visitors: HashMap<String, Visiting>,
}

/// A visitor at work.
struct Visiting {
    service: Arc<Service>,
    /// Ends its wait.
    wake: Arc<Notify>,
    task: AbortHandle,
}

impl Drop for Visiting {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Patrol {
    /// Visits nobody yet.
    pub fn new(runtime: &Handle, checker: Arc<Checker>, visits: SyncSender<Visit>, skipped: Arc<Skipped>) -> Self {
        let gates = Arc::new(Gates::new(Services::default().limits, Arc::clone(&skipped.waits)));
        Self { runtime: runtime.clone(), checker, visits, skipped, gates, visitors: HashMap::new() }
    }

    /// Visits these from now on. Who is visited as before is not disturbed; all are when the limits are others.
    /// `is_good`: whether the last visit of a service was.
    pub fn adopt(&mut self, services: &Services, is_good: impl Fn(usize) -> bool) {
        if services.limits != self.gates.limits {
            self.gates = Arc::new(Gates::new(services.limits, Arc::clone(&self.skipped.waits)));
            self.visitors.clear();
        }
        let exchanges = services.list.iter().filter_map(|service| service.exchange());
        self.checker.exchanges.keep(exchanges.map(|exchange| (&*exchange.group, &exchange.feed)));
        let online = services.list.iter().filter_map(|service| service.online());
        self.checker.online.keep(online.map(|rate| (&*rate.group, &rate.feed)));
        let mut before = std::mem::take(&mut self.visitors);
        let count = services.list.len().max(1) as u32;
        for (number, service) in (0_u32..).zip(&services.list).filter(|(_, service)| !service.is_placeholder()) {
            let known = before.remove(&service.id).filter(|known| known.service.is_visited_like(service));
            let visiting = known.unwrap_or_else(|| {
                let phase = service.pace.interval.mul_f64(f64::from(number) / f64::from(count));
                self.begin(service, is_good(number as usize), phase)
            });
            self.visitors.insert(service.id.clone(), visiting);
        }
    }

    fn begin(&self, service: &Arc<Service>, was_good: bool, phase: Duration) -> Visiting {
        let wake = Arc::new(Notify::new());
        let visitor = Visitor {
            host: self.gates.host(service.host()),
            zone: self.gates.zone(&service.zone),
            gates: Arc::clone(&self.gates),
            address: None,
            was_good,
            was_refused: false,
            wake: Arc::clone(&wake),
            service: Arc::clone(service),
            checker: Arc::clone(&self.checker),
            visits: self.visits.clone(),
            skipped: Arc::clone(&self.skipped),
        };
        let task = self.runtime.spawn(visitor.go(phase)).abort_handle();
        Visiting { service: Arc::clone(service), wake, task }
    }

    /// Takes what a group of data-exchange tasks told of itself. `false`: of no later time than what is known.
    pub fn post(&self, group: &str, told: Told) -> bool {
        self.posted(&self.checker.exchanges, group, told)
    }

    /// The same of a group of devices.
    pub fn post_online(&self, group: &str, told: Online) -> bool {
        self.posted(&self.checker.online, group, told)
    }

    fn posted<T: Counted>(&self, feeds: &Feeds<T>, group: &str, told: T) -> bool {
        let is_new = feeds.posted(group).is_none_or(|known| known.at() < told.at());
        if is_new {
            feeds.post(group, told);
            self.visit_now(group);
        }
        is_new
    }

    /// Visits a service out of turn, unless a visit is at work.
    pub fn visit_now(&self, id: &str) {
        if let Some(visiting) = self.visitors.get(id) {
            visiting.wake.notify_one();
        }
    }
}

struct Visitor {
    gates: Arc<Gates>,
    host: Arc<Bound>,
    zone: Option<Arc<Bound>>,
    /// Where it went last.
    address: Option<(IpAddr, Arc<Bound>)>,
    was_good: bool,
    /// The last visit failed where it logged in: the next one waits for its turn, or the account gets locked.
    was_refused: bool,
    wake: Arc<Notify>,
    service: Arc<Service>,
    checker: Arc<Checker>,
    visits: SyncSender<Visit>,
    skipped: Arc<Skipped>,
}

impl Visitor {
    async fn go(mut self, phase: Duration) {
        let pace = self.service.pace;
        let mut due = Instant::now() + phase;
        // What was never good needs no confirming.
        let mut was_good = self.was_good;
        loop {
            let asked = tokio::select! {
                () = sleep_until(due) => false,
                () = self.wake.notified(), if !self.was_refused => true,
            };
            let turn = if asked { Instant::now() } else { due };
            let mut is_good = self.visit(turn, asked).await.unwrap_or(was_good);
            // The first failure after a good visit is looked into at once; later ones are waited for.
            if was_good && !is_good {
                for _ in 0..pace.confirm {
                    if self.was_refused {
                        break;
                    }
                    sleep(pace.spacing).await;
                    is_good = self.visit(Instant::now(), true).await.unwrap_or(false);
                    if is_good {
                        break;
                    }
                }
            } else if !was_good && is_good {
                // So is the first good one after a failure.
                sleep(pace.spacing).await;
                is_good = self.visit(Instant::now(), true).await.unwrap_or(true);
            }
            was_good = is_good;
            // What was done out of turn leaves its turn.
            if !asked {
                due += pace.interval;
            }
            let now = Instant::now();
            while due <= now {
                due += pace.interval;
                self.skipped.turns.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Whether it passed; `None`: this host could not look.
    async fn visit(&mut self, turn: Instant, is_confirm: bool) -> Option<bool> {
        let address = self.address.as_ref().map(|(_, bound)| &**bound);
        // A feed is read once for all its groups, and nobody is asked for what is posted.
        let places = match self.service.check.kind {
            Kind::Exchange(_) | Kind::Online(_) => None,
            _ => Some(self.gates.pass(&self.host, address, self.zone.as_deref(), self.service.check.requests()).await?),
        };
        let began = Instant::now();
        let report = self.checker.run(&self.service.check).await;
        drop(places);
        if let Some(address) =
            report.addresses.first().filter(|one| self.address.as_ref().is_none_or(|(known, _)| known != *one))
        {
            self.address = Some((*address, self.gates.address(*address)));
        }
        let is_good = match report.ending {
            Ending::Passed => Some(true),
            Ending::Failed(_) => Some(false),
            Ending::Unmeasured(_) => None,
        };
        self.was_refused = match (&report.ending, self.service.check.steps()) {
            (Ending::Failed(fault), Some(steps)) => fault.step.as_deref().is_some_and(|name| steps.is_login(name)),
            (Ending::Unmeasured(_), _) => self.was_refused,
            _ => false,
        };
        let (service, late) = (Arc::clone(&self.service), began.duration_since(turn));
        let visit = Visit { service, age: began.elapsed(), late, is_confirm, report };
        if let Err(TrySendError::Full(_)) = self.visits.try_send(visit) {
            self.skipped.visits.fetch_add(1, Ordering::Relaxed);
        }
        is_good
    }
}
