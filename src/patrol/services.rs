//! The services under watch: visits in; states, accounts and pictures out.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

use tokio::runtime::Handle;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    Fact,
    promised::Promises,
    sites::Sites,
    transactions,
    turn::{Loop, text},
};
use crate::{
    command::NotTaken,
    contract::{Contract, sites::SiteRules},
    incident::{IncidentKind, IncidentPhase, Input, ServiceChange, ServicePart},
    inventory::{LinkId, Online, Told},
    judge::service::{ServiceJudge, ServiceState},
    ledger::{
        Account, ClosedMonth, Measured,
        online::{OnlineBook, OnlineStanding},
        transaction::{Standing, Transactions},
    },
    notify::warning::Found,
    probe::service::{Checker, Patrol, Skipped, Visit},
    profile::{
        service::Feed,
        services::{Service, Services},
    },
    sample::service::{Ending, Fault, Report},
    snapshot::{ServiceView, ServicesView, Visits},
    store::{Recovered, StoredAccount, StoredService},
    units::{Now, Timestamp},
};

/// Visits that may wait for the loop: some seconds of all that can end at once.
const VISITS: usize = 1024;
/// Every service is stored this often, a share of them each second, besides when its state changes.
const STORED_EVERY_SECONDS: usize = 60;
/// Periods that just ended are looked for so often, and whether what was broken is kept again.
const PROMISES_EVERY_SECONDS: usize = 10;

/// Everything that the loop knows of services.
pub struct Watched {
    services: Arc<Services>,
    /// By place in `services`.
    watches: Vec<Watch>,
    /// By id: place in `services`.
    places: HashMap<String, usize>,
    visits: (SyncSender<Visit>, Receiver<Visit>),
    skipped: Arc<Skipped>,
    /// `None`: nobody is visited. Kept alive for its tasks.
    patrol: Option<Patrol>,
    /// What is asked of them besides.
    sites: Sites,
    /// How long visits began after their turn, summed.
    late: Duration,
    shown: Arc<ServicesView>,
    is_stale: bool,
}

#[derive(Clone)]
struct Watch {
    judge: ServiceJudge,
    visits: Visits,
    account: Account,
    closed: Option<Arc<ClosedMonth>>,
    last: Option<(Timestamp, Arc<Report>)>,
    /// Of a group of data-exchange tasks.
    told: Option<Told>,
    /// Of steps that are a business transaction.
    transactions: Option<Transactions>,
    /// Of a group of devices.
    online: Option<OnlineBook>,
    promises: Promises,
}

impl Watch {
    fn new(service: &Service, now: Timestamp, zone: Tz) -> Self {
        let judge = service.feed().map_or_else(ServiceJudge::default, |_| ServiceJudge::unknown());
        let account = Account::open(now, zone);
        let transactions = transactions::of(service);
        let online = service.online().map(|_| OnlineBook::default());
        Self {
            judge,
            visits: Visits::default(),
            account,
            closed: None,
            last: None,
            told: None,
            transactions,
            online,
            promises: Promises::default(),
        }
    }

    /// Its state went on until the last sign of life; nobody saw what came after.
    fn restore(service: &Service, stored: Stored, heartbeat: Timestamp, now: Timestamp, zone: Tz) -> Self {
        let Stored { judge, mut account, mut closed, told, transactions: kept, online, promises, .. } = stored;
        let fresh = transactions::of(service);
        // Runs of other steps are no runs of these.
        let is_same = |kept: &Transactions| fresh.as_ref().is_some_and(|fresh| fresh.steps == kept.steps);
        let transactions = kept.filter(is_same).or(fresh);
        closed = account.advance(heartbeat, zone).pop().or(closed);
        account.skip(heartbeat, now);
        let closed = closed.map(Arc::new);
        let online = service.online().map(|_| online.unwrap_or_default());
        Self { judge, visits: Visits::default(), account, closed, last: None, told, transactions, online, promises }
    }

    /// What works is degraded all the same while a promise about it is broken.
    fn promised(&self, service: &Service, change: ServiceChange) -> ServiceChange {
        match self.promises.broken() {
            Some((since, fault)) if change.state == ServiceState::Up => {
                let (state, since) = (ServiceState::Degraded, since.max(change.since));
                ServiceChange { state, since, service: part(service, Some(&fault)) }
            }
            _ => change,
        }
    }

    fn transaction(&self, service: &Service, contract: &Contract, now: Timestamp) -> Option<Standing> {
        let own = self.transactions.as_ref()?;
        own.standing(contract.service_response(&service.id, &service.requirement), now, contract.time_zone)
    }

    fn online(&self, service: &Service, contract: &Contract, now: Timestamp) -> Option<OnlineStanding> {
        let own = self.online.as_ref()?;
        own.standing(contract.service_online(&service.id, &service.requirement), now, contract.time_zone)
    }
}

/// What a restart goes on with.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// What is visited: of another address nothing is known.
    url: String,
    judge: ServiceJudge,
    account: Account,
    closed: Option<ClosedMonth>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<Told>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transactions: Option<Transactions>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    online: Option<OnlineBook>,
    #[serde(default, skip_serializing_if = "Promises::is_empty")]
    promises: Promises,
}

impl Watched {
    /// Goes on where the last run stopped.
    pub fn new(
        (services, rules): (Arc<Services>, Arc<SiteRules>),
        recovered: Option<&Recovered>,
        now: Timestamp,
        zone: Tz,
    ) -> Self {
        let rows = recovered.iter().flat_map(|recovered| &recovered.services);
        let read = |row: &StoredService| Some((row.service.clone(), serde_json::from_str::<Stored>(&row.state).ok()?));
        let mut stored: HashMap<String, Stored> = rows.filter_map(read).collect();
        let heartbeat = recovered.and_then(|recovered| recovered.heartbeat.as_ref()).map_or(now, |beat| beat.utc);
        let watch = |service: &Arc<Service>| match stored.remove(&service.id) {
            Some(stored) if stored.url == service.url => Watch::restore(service, stored, heartbeat, now, zone),
            _ => Watch::new(service, now, zone),
        };
        let watches = services.list.iter().map(watch).collect();
        let places = places(&services);
        Self {
            services,
            watches,
            places,
            visits: sync_channel(VISITS),
            skipped: Arc::default(),
            patrol: None,
            sites: Sites::new(rules, zone),
            late: Duration::ZERO,
            shown: Arc::default(),
            is_stale: true,
        }
    }

    /// Begins to visit.
    pub fn start(&mut self, runtime: &Handle, checker: Arc<Checker>) {
        self.sites.start(runtime, &checker, &self.services);
        let patrol = Patrol::new(runtime, checker, self.visits.0.clone(), Arc::clone(&self.skipped));
        // What was posted before stands until it is too old.
        for (service, watch) in self.services.list.iter().zip(&self.watches) {
            if matches!(service.feed(), Some(Feed::Posted)) {
                watch.told.map(|told| patrol.post(&service.id, told));
                watch.online.as_ref().and_then(OnlineBook::last).map(|told| patrol.post_online(&service.id, told));
            }
        }
        self.patrol = Some(patrol);
        self.visit();
    }

    /// Visits those that are in the list now.
    fn visit(&mut self) {
        let watches = &self.watches;
        let is_good = |place: usize| watches[place].judge.state() == ServiceState::Up;
        if let Some(patrol) = &mut self.patrol {
            patrol.adopt(&self.services, is_good);
        }
    }

    /// New files: what is visited as before goes on with what is known of it.
    pub fn adopt(&mut self, (next, rules): (&Arc<Services>, &Arc<SiteRules>), now: Timestamp, zone: Tz) {
        self.sites.adopt(rules, next);
        let known: HashMap<&str, (&Arc<Service>, &Watch)> = self
            .services
            .list
            .iter()
            .zip(&self.watches)
            .map(|(service, watch)| (&*service.id, (service, watch)))
            .collect();
        let watch = |service: &Arc<Service>| match known.get(&*service.id) {
            Some((before, watch)) if before.is_visited_like(service) => (*watch).clone(),
            _ => Watch::new(service, now, zone),
        };
        self.watches = next.list.iter().map(watch).collect();
        (self.services, self.places, self.is_stale) = (Arc::clone(next), places(next), true);
        self.visit();
    }

    /// Takes what has ended; says which states changed.
    fn take(&mut self, now: Now, blind: bool, contract: &Contract) -> Vec<(usize, ServiceChange)> {
        self.is_stale |= self.sites.take(now);
        let visits: Vec<Visit> = self.visits.1.try_iter().take(VISITS).collect();
        visits.into_iter().filter_map(|visit| self.take_visit(visit, now, blind, contract)).collect()
    }

    /// Takes a visit that ended now; says of which service, by its place, the state changed. `blind`: our own sight is
    /// gone, and failures say nothing.
    pub fn take_visit(
        &mut self,
        visit: Visit,
        now: Now,
        blind: bool,
        contract: &Contract,
    ) -> Option<(usize, ServiceChange)> {
        let number = *self.places.get(&visit.service.id)?;
        let (service, watch) = (self.services.list.get(number)?, self.watches.get_mut(number)?);
        // It was another one's.
        if !service.is_visited_like(&visit.service) {
            return None;
        }
        self.late += visit.late;
        self.is_stale = true;
        let began = Timestamp(now.utc.0 - visit.age.as_millis() as i64);
        let mut report = visit.report;
        let is_backed_up = service.backup.as_ref().is_some_and(|hours| hours.is_open(began));
        // Whoever inspects websites knows of no backup: for that rule the visit counts as it ended.
        let inspected = (is_backed_up && !blind).then(|| report.ending.clone());
        // What is backed up, or behind our own fault, may be silent.
        if let Ending::Failed(fault) = &report.ending
            && (blind || is_backed_up)
        {
            report.ending = Ending::Unmeasured(fault.text.clone());
        }
        watch.visits.count(&report.ending, visit.is_confirm);
        watch.told = report.exchange.or(watch.told);
        if let Some(transactions) = watch.transactions.as_mut().filter(|_| !visit.is_confirm)
            && let Some(run) = transactions::run(transactions, &report)
        {
            let limit = contract.service_response(&service.id, &service.requirement).map(|(limit, _)| limit);
            transactions.take(run, limit, began, contract.time_zone);
        }
        if let (Some(book), Some(rate), Some(told)) = (&mut watch.online, service.online(), report.online) {
            book.take(told, rate.silent_after, now.utc, contract.time_zone);
        }
        let (is_unmeasured, is_told_of) = (matches!(report.ending, Ending::Unmeasured(_)), service.feed().is_some());
        let changed = match is_unmeasured && is_told_of {
            true => watch.judge.lose_sight(began),
            false => watch.judge.take(&report.ending, began, service.pace),
        };
        let (state, since) = (watch.judge.state(), watch.judge.since());
        // While a backup runs it stays what it was; while we see nothing, nobody knows.
        let unseen = is_unmeasured && (blind || !is_backed_up);
        let is = if unseen { Measured::Unknown } else { measured(state) };
        if changed || is != watch.account.measured() {
            watch.account.measure(is, if changed { since } else { began }, now.utc);
        }
        let change = changed.then(|| {
            let change = ServiceChange { state, since, service: part(service, fault(&report.ending)) };
            (number, watch.promised(service, change))
        });
        match inspected.filter(|ending| *ending != report.ending) {
            Some(ending) => {
                let report = Report { ending, ..report.clone() };
                self.sites.see(service, &report, visit.is_confirm, state, began, now);
            }
            None => self.sites.see(service, &report, visit.is_confirm, state, began, now),
        }
        watch.last = Some((began, Arc::new(report)));
        change
    }

    /// Takes visits in a row, an interval apart, that all passed like the last one, `last`: what each by itself would do.
    pub fn take_run(&mut self, count: u64, last: Visit, now: Now, contract: &Contract) {
        let Some(number) = self.places.get(&last.service.id).copied() else { return };
        let (service, watch) = (&self.services.list[number], &mut self.watches[number]);
        let counts_alone = watch.judge.state() == ServiceState::Up
            && watch.account.measured() == Measured::Up
            && watch.transactions.is_none()
            && service.feed().is_none()
            && last.report == Report { took: last.report.took, ..Report::default() }
            && !self.sites.counts_visits();
        let before = count.saturating_sub(1);
        if counts_alone {
            watch.visits.passed += before;
        } else {
            let interval = service.pace.interval;
            for ago in (1..=before).rev() {
                let age = last.age + interval.saturating_mul(u32::try_from(ago).unwrap_or(u32::MAX));
                let (service, report) = (Arc::clone(&last.service), last.report.clone());
                let visit = Visit { service, age, late: last.late, is_confirm: false, report };
                self.take_visit(visit, now, false, contract);
            }
        }
        self.take_visit(last, now, false, contract);
    }

    /// Civil time that nobody saw: the clock was set forward.
    pub fn skip(&mut self, from: Timestamp, to: Timestamp) {
        self.watches.iter_mut().for_each(|watch| watch.account.skip(from, to));
    }

    /// Lets the time of an account pass. Returns the months that ended and are final.
    pub fn advance(&mut self, number: usize, now: Timestamp, zone: Tz) -> Vec<ClosedMonth> {
        let watch = &mut self.watches[number];
        let ended = watch.account.advance(now, zone);
        watch.closed = ended.last().cloned().map(Arc::new).or(watch.closed.take());
        ended
    }

    /// What is known of a service, by its place.
    pub fn known(&self, number: usize) -> (ServiceState, Visits, &Account) {
        let watch = &self.watches[number];
        (watch.judge.state(), watch.visits, &watch.account)
    }

    /// Takes what a group of data-exchange tasks told of itself.
    pub fn post(&self, group: &str, told: Told) -> Result<(), NotTaken> {
        let number = self.places.get(group).ok_or(NotTaken::NoSuchTask)?;
        match (self.services.list[*number].exchange(), &self.patrol) {
            (Some(exchange), Some(patrol)) if matches!(exchange.feed, Feed::Posted) => {
                patrol.post(group, told).then_some(()).ok_or(NotTaken::Repeated)
            }
            _ => Err(NotTaken::NoSuchTask),
        }
    }

    /// Takes what a group of devices told of itself.
    pub fn post_online(&self, group: &str, told: Online) -> Result<(), NotTaken> {
        let number = self.places.get(group).ok_or(NotTaken::NoSuchGroup)?;
        match (self.services.list[*number].online(), &self.patrol) {
            (Some(rate), Some(patrol)) if matches!(rate.feed, Feed::Posted) => {
                patrol.post_online(group, told).then_some(()).ok_or(NotTaken::Repeated)
            }
            _ => Err(NotTaken::NoSuchGroup),
        }
    }

    /// Services that stand behind one of `ids`, and those that these stand behind: they are looked at out of turn.
    /// With their places.
    pub fn around(&self, ids: &[String]) -> impl Iterator<Item = (usize, &Arc<Service>)> {
        let list = &self.services.list;
        let changed: HashSet<&String> = ids.iter().collect();
        let above: HashSet<&String> = list
            .iter()
            .filter(|service| changed.contains(&service.id))
            .flat_map(|service| &service.depends_on)
            .collect();
        list.iter().enumerate().filter(move |(_, service)| {
            above.contains(&service.id) || service.depends_on.iter().any(|on| changed.contains(on))
        })
    }

    fn look_around(&self, ids: &[String]) {
        if let Some(patrol) = &self.patrol {
            self.around(ids).for_each(|(_, service)| patrol.visit_now(&service.id));
        }
    }

    /// What a restart goes on with.
    pub fn store(&self, number: usize) -> StoredService {
        let (service, watch) = (&self.services.list[number], &self.watches[number]);
        let state = text(&Stored {
            url: service.url.clone(),
            judge: watch.judge,
            account: watch.account.clone(),
            closed: watch.closed.as_deref().cloned(),
            told: watch.told,
            transactions: watch.transactions.clone(),
            online: watch.online.clone(),
            promises: watch.promises.clone(),
        });
        StoredService { service: service.id.clone(), state }
    }

    /// Verdicts on what is promised of one, of periods that are over, each once.
    fn verdicts(&mut self, number: usize, contract: &Contract, now: Now) -> Vec<serde_json::Value> {
        let (service, watch) = (&self.services.list[number], &mut self.watches[number]);
        if let (Some(book), Some(rate)) = (&mut watch.online, service.online()) {
            book.advance(now.utc, rate.silent_after, contract.time_zone);
        }
        let transaction = watch.transaction(service, contract, now.utc);
        let online = watch.online(service, contract, now.utc);
        watch.promises.judge(transaction.as_ref(), online.as_ref(), now.utc)
    }

    /// All of them, for outsiders.
    pub fn shown(&mut self, now: Now, contract: &Contract) -> Arc<ServicesView> {
        let zone = contract.time_zone;
        if std::mem::take(&mut self.is_stale) {
            for (service, watch) in self.services.list.iter().zip(&mut self.watches) {
                if let (Some(book), Some(rate)) = (&mut watch.online, service.online()) {
                    book.advance(now.utc, rate.silent_after, zone);
                }
            }
            let view = |(service, watch): (&Arc<Service>, &Watch)| ServiceView {
                service: Arc::clone(service),
                state: watch.judge.state(),
                since: watch.judge.since(),
                visits: watch.visits,
                month: watch.account.accounted(now.utc, zone),
                last_month: watch.closed.clone(),
                online: watch.online(service, contract, now.utc),
                transaction: watch.transaction(service, contract, now.utc),
                last: watch.last.clone(),
            };
            self.shown = Arc::new(ServicesView {
                sites: self.sites.shown(now),
                list: self.services.list.iter().zip(&self.watches).map(view).collect(),
                skipped: BTreeMap::from([
                    ("turn", self.skipped.turns.load(Ordering::Relaxed)),
                    ("overflow", self.skipped.visits.load(Ordering::Relaxed)),
                ]),
                waits: self.skipped.waits.counts(),
                late: self.late,
            });
        }
        Arc::clone(&self.shown)
    }
}

fn places(services: &Services) -> HashMap<String, usize> {
    services.list.iter().map(|service| service.id.clone()).zip(0..).collect()
}

fn measured(state: ServiceState) -> Measured {
    match state {
        ServiceState::Up => Measured::Up,
        ServiceState::Degraded => Measured::Degraded,
        ServiceState::Down => Measured::Down,
        ServiceState::Unknown | ServiceState::NeverVerified => Measured::Unknown,
    }
}

fn fault(ending: &Ending) -> Option<&Fault> {
    match ending {
        Ending::Failed(fault) => Some(fault),
        Ending::Passed | Ending::Unmeasured(_) => None,
    }
}

fn part(service: &Service, fault: Option<&Fault>) -> ServicePart {
    ServicePart {
        id: service.id.clone(),
        name: service.name.clone(),
        url: service.url.clone(),
        requirement: service.requirement.clone(),
        owner: service.owner.clone(),
        zone: service.zone.clone(),
        criticality: service.criticality.clone(),
        phase: fault.map_or("", |fault| fault.phase.as_str()).to_owned(),
        reason: fault.map_or("", |fault| fault.reason.as_str()).to_owned(),
        text: fault.map_or("", |fault| &fault.text).to_owned(),
        depends_on: service.depends_on.clone(),
        interval: u64::try_from(service.pace.interval.as_millis()).unwrap_or(u64::MAX),
    }
}

impl Watched {
    /// What there is to warn of.
    pub fn found(&self, now: Now) -> Vec<Found> {
        self.sites.found(&self.services, now)
    }

    /// What a restart must not forget of websites.
    pub fn kept(&self) -> Option<String> {
        self.sites.kept()
    }

    /// Takes what the process before kept of websites.
    pub fn recall(&mut self, kept: serde_json::Value) {
        self.sites.recall(kept, &self.services);
    }
}

impl Loop {
    /// Takes the visits that ended, and tells what they changed.
    pub(super) fn look_at_services(&mut self, now: Now) {
        let changes = self.services.take(now, self.was_isolated, &self.field.loaded.contract);
        self.services.sites.said().into_iter().for_each(|fact| self.fact(fact));
        if changes.is_empty() {
            return;
        }
        let zone = self.field.loaded.contract.time_zone;
        let mut told = Vec::with_capacity(changes.len());
        for (number, change) in changes {
            let ServiceChange { state, since, service } = &change;
            let (state, reason) = (state.as_str(), &service.reason);
            tracing::info!(service = service.id, state, reason, "service changed");
            let detail = serde_json::json!({
                "state": state, "since": since.rfc3339(zone), "reason": reason, "url": service.url,
            });
            self.log(now, "service", &service.id, detail);
            let (service, reason, since) = (service.id.clone(), reason.clone(), *since);
            self.fact(Fact::ServiceSaid { service, state, reason, since, at: now.utc });
            let row = self.services.store(number);
            self.keep(|keeping| keeping.batch.services.push(row));
            told.push(change);
        }
        let ids: Vec<String> = told.iter().map(|change| change.service.id.clone()).collect();
        self.services.look_around(&ids);
        self.tell(Input::Services(told), now);
    }

    /// Incidents of services that are gone, or are others under the same id, end.
    pub(super) fn let_go_of_services(&mut self, now: Now) {
        let Some(keeping) = &self.keeping else { return };
        let watched: HashMap<&str, &Arc<Service>> =
            self.services.services.list.iter().map(|service| (&*service.id, service)).collect();
        let is_gone = |part: &ServicePart| watched.get(&*part.id).is_none_or(|service| service.url != part.url);
        let open = keeping.incidents.list();
        let open = open
            .iter()
            .filter(|incident| incident.kind == IncidentKind::Service && incident.phase == IncidentPhase::Open);
        let gone = open.filter_map(|incident| incident.service.as_deref()).filter(|part| is_gone(part));
        let state = ServiceState::NeverVerified;
        let gone: Vec<ServiceChange> =
            gone.map(|part| ServiceChange { state, since: now.utc, service: part.clone() }).collect();
        if !gone.is_empty() {
            self.tell(Input::Services(gone), now);
        }
    }

    /// Books time, closes months and stores a share of all services.
    pub(super) fn keep_services(&mut self, now: Now) {
        let zone = self.field.loaded.contract.time_zone;
        for number in (self.seconds % STORED_EVERY_SECONDS..self.services.watches.len()).step_by(STORED_EVERY_SECONDS) {
            let id = LinkId::parse(&format!("service/{}", self.services.services.list[number].id));
            let ended = self.services.advance(number, now.utc, zone);
            let month = |closed: &ClosedMonth| {
                Some(StoredAccount { link: id.clone()?, month: closed.month.to_string(), account: text(closed) })
            };
            self.services.is_stale = true;
            let rows: Vec<StoredAccount> = ended.iter().filter_map(month).collect();
            self.keep(|keeping| keeping.batch.accounts.extend(rows));
            self.store_service(number);
        }
        if self.seconds.is_multiple_of(PROMISES_EVERY_SECONDS) {
            (0..self.services.watches.len()).for_each(|number| self.keep_promises(number, now));
        }
    }

    /// Journals verdicts on what is promised of one; a broken promise opens an incident, and a mended one ends it.
    fn keep_promises(&mut self, number: usize, now: Now) {
        let loaded = Arc::clone(&self.field.loaded);
        let service = Arc::clone(&self.services.services.list[number]);
        let was_broken = self.services.watches[number].promises.broken();
        for verdict in self.services.verdicts(number, &loaded.contract, now) {
            self.log(now, "objective", &service.id, verdict);
        }
        let watch = &self.services.watches[number];
        let is_open = matches!(watch.judge.state(), ServiceState::Up | ServiceState::Unknown);
        if is_open && watch.promises.broken() != was_broken {
            let change = ServiceChange { state: ServiceState::Up, since: now.utc, service: part(&service, None) };
            let change = watch.promised(&service, change);
            self.tell(Input::Services(vec![change]), now);
        }
    }

    fn store_service(&mut self, number: usize) {
        let row = self.keeping.is_some().then(|| self.services.store(number));
        self.keep(|keeping| keeping.batch.services.extend(row));
    }

    pub(super) fn store_services(&mut self) {
        (0..self.services.watches.len()).for_each(|number| self.store_service(number));
    }
}
