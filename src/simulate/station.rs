//! The watching side: the shipped code from samples to notices, with the little around it that the loop of a daemon does.
//!
//! It knows nothing of the world but what it is given. It dies and is started again from what it had stored, as JSON.

use std::{sync::Arc, time::Duration};

use crate::{
    command::{Command, Reply},
    incident::{
        Effect, Incident, IncidentKind, IncidentPhase, Incidents, Input, LinkChange, Scopes, ServiceChange, World,
    },
    inventory::PointIndex,
    judge::{LinkState, PointVerdict, service::ServiceState},
    ledger::{Account, ClosedMonth},
    notify::{self, Channel, ChannelKind, NoticeKind},
    patrol::{
        civil::{CivilClock, Step},
        field::{Change, Field},
        load::Loaded,
        recover,
        services::Watched,
    },
    probe::service::Visit,
    sample::{Block, Run, Sample},
    schedule::Plan,
    store::{Heartbeat, Recovered, StoredAccount, StoredPoint},
    units::{Mono, Now, Timestamp},
};

/// 2026-01-30 00:00 in Shanghai: the second day crosses a month, the third week a long holiday.
const EPOCH: i64 = 1_769_702_400_000;
/// An account holds the end of a month open for what is told later: well beyond that.
const UNTIL_FINAL: Duration = Duration::from_secs(4 * 86_400);
/// Closed incidents stay in the list for an hour: a day of a city in flames is long.
const CLOSED_LEAVE_AFTER: Duration = Duration::from_secs(3_600);

/// What a turn made known.
pub struct Told {
    pub effects: Vec<Effect>,
    /// Incidents that the effects are about, as they stand now.
    pub incidents: Vec<Arc<Incident>>,
    /// Services, by their places, that are to be looked at out of turn.
    pub around: Vec<usize>,
}

/// A running process.
pub struct Station {
    pub loaded: Arc<Loaded>,
    pub field: Field,
    plan: Arc<Plan>,
    scopes: Scopes,
    pub accounts: Vec<Account>,
    /// By link: months that are over and final.
    pub closed: Vec<Vec<ClosedMonth>>,
    pub services: Watched,
    /// By service.
    pub closed_of_services: Vec<Vec<ClosedMonth>>,
    /// Visits that ended, and when they began.
    visits: Vec<(i64, Visit)>,
    incidents: Incidents,
    channels: [Channel; 2],
    civil: CivilClock,
    was_isolated: bool,
    seed: u64,
    /// True time at which the process started, and by how much its civil time is wrong.
    started: i64,
    stepped: i64,
    /// The latest civil time that any process has seen.
    pub latest: Timestamp,
    pub runs: u64,
    pub samples: u64,
    /// Scheduled probes of the processes before this one.
    probes_before: u64,
    /// Visits of services that were played one by one, and those that runs stand for.
    pub visited: u64,
    pub visited_in_runs: u64,
    pub notices: u64,
    block: Block,
}

/// What is left of a process that died.
pub struct Remains {
    recovered: Recovered,
    died: i64,
}

impl Station {
    pub fn new(loaded: Arc<Loaded>, seed: u64) -> Self {
        let plan = Arc::new(loaded.plan(None));
        let now = Now { mono: Mono(0), utc: Timestamp(EPOCH) };
        let (links, zone) = (loaded.inventory.links.len(), loaded.contract.time_zone);
        let mut station = Self {
            field: Field::new(Arc::clone(&loaded), Arc::clone(&plan), now),
            scopes: Scopes::of(&loaded.inventory),
            accounts: vec![Account::open(now.utc, zone); links],
            closed: vec![vec![]; links],
            services: watched(&loaded, None, now.utc),
            closed_of_services: vec![vec![]; loaded.services.list.len()],
            visits: vec![],
            incidents: Incidents::new(seed, CLOSED_LEAVE_AFTER),
            channels: [
                Channel::to_machine("alertmanager", ChannelKind::Alertmanager),
                Channel::to_machine("desk", ChannelKind::Webhook),
            ],
            civil: CivilClock::default(),
            was_isolated: false,
            seed,
            started: 0,
            stepped: 0,
            latest: now.utc,
            runs: 0,
            samples: 0,
            probes_before: 0,
            visited: 0,
            visited_in_runs: 0,
            notices: 0,
            block: Block { generation: plan.generation, at: now.mono, samples: vec![] },
            plan,
            loaded,
        };
        station.now(0);
        station
    }

    /// Reads the clocks at `at`. What civil time jumps over, nobody saw.
    pub fn now(&mut self, at: i64) -> Now {
        let before = self.civil.last();
        let (now, step) = self.civil.read(self.clocks(at));
        if let Some(Step::Forward(_)) = step {
            self.accounts.iter_mut().for_each(|account| account.skip(before, now.utc));
            self.services.skip(before, now.utc);
        }
        self.latest = self.latest.max(now.utc);
        now
    }

    /// The steady clock at this true time.
    pub fn mono(&self, at: i64) -> Mono {
        Mono(at - self.started)
    }

    /// True time of a moment on the steady clock.
    pub fn at(&self, mono: Mono) -> i64 {
        mono.0.saturating_add(self.started)
    }

    pub fn set_clock(&mut self, step: i64) {
        self.stepped += step;
    }

    fn clocks(&self, at: i64) -> Now {
        Now { mono: self.mono(at), utc: Timestamp(EPOCH + at + self.stepped) }
    }

    /// One event of one probe; `at` is when the probe was sent.
    pub fn take(&mut self, sample: Sample) {
        self.samples += 1;
        self.block.samples.clear();
        self.block.samples.push(sample);
        self.field.take(&self.block);
    }

    pub fn take_run(&mut self, point: PointIndex, run: &Run) {
        self.runs += 1;
        self.field.take_run(point, run);
    }

    /// A visit that began at `began` has ended in this turn.
    pub fn visited(&mut self, began: i64, visit: Visit) {
        self.visited += 1;
        self.visits.push((began, visit));
    }

    /// So many visits passed like the last one, which began at `began`.
    pub fn take_visits(&mut self, count: u64, began: i64, mut last: Visit, at: i64) {
        let now = self.now(at);
        last.age = Duration::from_millis((at - began).unsigned_abs());
        self.visited_in_runs += count;
        self.services.take_run(count, last, now, &self.loaded.contract);
    }

    /// The point is up, and nothing about it waits to be settled.
    pub fn is_settled(&self, point: PointIndex) -> bool {
        let judge = &self.field.points[point.at()].judge;
        judge.verdict() == PointVerdict::Up && judge.pending() == 0
    }

    pub fn is_service_up(&self, service: usize) -> bool {
        self.services.known(service).0 == ServiceState::Up
    }

    pub fn is_up(&self, link: usize) -> bool {
        self.field.states[link] == LinkState::Up
    }

    /// An answer is overdue after so many milliseconds.
    pub fn overdue_after(&self, point: PointIndex) -> i64 {
        let confirm = self.plan.points[point.at()].measure.confirm;
        let usual = self.field.points[point.at()].window.p99_micros() / 1_000 * u32::from(confirm.factor);
        i64::from(usual).max(confirm.floor.as_millis() as i64)
    }

    /// Judges what the turn brought, and lets time pass.
    pub fn turn(&mut self, at: i64) -> Told {
        let now = self.now(at);
        let mut effects = vec![];
        let changes = self.field.judge(now);
        match (self.was_isolated, self.field.isolated()) {
            (false, Some(since)) => {
                self.was_isolated = true;
                effects.extend(self.step(Input::Isolated { since: now.utc_of(since) }, now));
            }
            (true, None) if self.field.sees_a_witness() => {
                self.was_isolated = false;
                effects.extend(self.step(Input::Reconnected { since: now.utc }, now));
            }
            _ => {}
        }
        if !changes.is_empty() {
            let links = changes.iter().map(|change| self.book(change, now)).collect();
            effects.extend(self.step(Input::Links(links), now));
        }
        let changes: Vec<(usize, ServiceChange)> = std::mem::take(&mut self.visits)
            .into_iter()
            .filter_map(|(began, mut visit)| {
                visit.age = Duration::from_millis((at - began).unsigned_abs());
                self.services.take_visit(visit, now, self.was_isolated, &self.loaded.contract)
            })
            .collect();
        let mut around = vec![];
        if !changes.is_empty() {
            let changes: Vec<ServiceChange> = changes.into_iter().map(|(_, change)| change).collect();
            let ids: Vec<String> = changes.iter().map(|change| change.service.id.clone()).collect();
            around = self.services.around(&ids).map(|(place, _)| place).collect();
            effects.extend(self.step(Input::Services(changes), now));
        }
        effects.extend(self.step(Input::Tick, now));
        Told { around, ..self.tell(effects, now) }
    }

    fn book(&mut self, change: &Change, now: Now) -> LinkChange {
        let Change { link, state, since } = *change;
        self.accounts[link.at()].book(state, since, now.utc);
        self.advance(link.at(), now.utc);
        LinkChange { link: self.loaded.inventory.links[link.at()].id.clone(), state, since }
    }

    /// Lets the time of every account pass.
    pub fn advance_all(&mut self, now: Timestamp) {
        (0..self.accounts.len()).for_each(|link| self.advance(link, now));
        for (service, closed) in self.closed_of_services.iter_mut().enumerate() {
            closed.extend(self.services.advance(service, now, self.loaded.contract.time_zone));
        }
    }

    /// The time is over: months that have ended count, though something might still be told of them.
    pub fn close(&mut self, now: Timestamp) {
        let zone = self.loaded.contract.time_zone;
        let ended = |account: &Account| {
            let months = account.clone().advance(now.plus(UNTIL_FINAL), zone);
            months.into_iter().filter(|closed| closed.month.ends <= now).collect::<Vec<_>>()
        };
        for (closed, account) in self.closed.iter_mut().zip(&self.accounts) {
            closed.extend(ended(account));
        }
        for (service, closed) in self.closed_of_services.iter_mut().enumerate() {
            closed.extend(ended(self.services.known(service).2));
        }
    }

    fn advance(&mut self, link: usize, now: Timestamp) {
        let closed = self.accounts[link].advance(now, self.loaded.contract.time_zone);
        self.closed[link].extend(closed);
    }

    fn step(&mut self, input: Input, now: Now) -> Vec<Effect> {
        let world = World {
            inventory: &self.loaded.inventory,
            contract: &self.loaded.contract,
            scopes: &self.scopes,
            states: &self.field.states,
        };
        self.incidents.step(input, now, &world)
    }

    /// A person asks for something.
    pub fn obey(&mut self, command: &Command, at: i64) -> (Reply, Told) {
        let now = self.now(at);
        let world = World {
            inventory: &self.loaded.inventory,
            contract: &self.loaded.contract,
            scopes: &self.scopes,
            states: &self.field.states,
        };
        let (reply, effects) = self.incidents.obey(command, now, &world);
        (reply, self.tell(effects, now))
    }

    /// When something happens by itself next.
    pub fn due(&self) -> i64 {
        self.at(self.incidents.due())
    }

    pub fn incidents(&self) -> &Incidents {
        &self.incidents
    }

    /// Place of a link by its id.
    pub fn link(&self, id: &crate::inventory::LinkId) -> Option<usize> {
        self.scopes.link(id).map(|link| link.at())
    }

    /// Every effect is told of by its notices.
    fn tell(&mut self, effects: Vec<Effect>, now: Now) -> Told {
        let mut incidents: Vec<Arc<Incident>> = vec![];
        for effect in &effects {
            let Some(incident) = self.incidents.get(&effect.incident) else { continue };
            if let Some(kind) = NoticeKind::of(&effect.kind) {
                self.notices += notify::route(incident, kind, &self.channels, |_| false, now.utc).len() as u64;
            }
            if !incidents.iter().any(|known| known.id == incident.id) {
                incidents.push(Arc::clone(incident));
            }
        }
        Told { effects, incidents, around: vec![] }
    }

    /// Scheduled probes that were counted.
    pub fn probes(&self) -> u64 {
        self.probes_before + self.counted()
    }

    fn counted(&self) -> u64 {
        let counts = self.field.points.iter().map(|point| point.window.counts());
        counts.map(|counts| counts.answered + counts.lost + counts.unmeasured).sum()
    }

    /// The process dies: what it had stored is left.
    pub fn die(&mut self, at: i64) -> Remains {
        let now = self.now(at);
        self.probes_before += self.counted();
        let links = &self.loaded.inventory.links;
        let points = links.iter().flat_map(|link| link.numbered_points().map(move |point| (link, point)));
        let points = points.map(|(link, (number, point))| StoredPoint {
            link: link.id.clone(),
            role: point.role,
            state: text(&self.field.points[number.at()].judge.store(now)),
        });
        let accounts = links.iter().zip(&self.accounts).map(|(link, account)| StoredAccount {
            link: link.id.clone(),
            month: account.month().to_string(),
            account: text(account),
        });
        let incidents = self.incidents.list();
        let incidents = incidents.iter().filter_map(|incident| serde_json::from_str(&text(&**incident)).ok());
        let heartbeat = Heartbeat { utc: now.utc, boottime: at, boot_id: String::new() };
        let recovered = Recovered {
            incidents: incidents.collect(),
            points: points.collect(),
            accounts: accounts.collect(),
            services: (0..self.closed_of_services.len()).map(|service| self.services.store(service)).collect(),
            heartbeat: Some(heartbeat),
            ..Recovered::default()
        };
        // Whom it was visiting nobody will hear of.
        self.visits.clear();
        Remains { recovered, died: at }
    }

    /// Another process goes on with what was left.
    pub fn revive(&mut self, Remains { mut recovered, died }: Remains, at: i64) -> Told {
        self.started = at;
        self.civil = CivilClock::default();
        let now = self.now(at);
        self.plan = Arc::new(self.loaded.plan(None));
        self.field = Field::new(Arc::clone(&self.loaded), Arc::clone(&self.plan), now);
        recover::points(&mut self.field, &recovered, now);
        let zone = self.loaded.contract.time_zone;
        let books = recover::books(&self.loaded.inventory, zone, Some(&recovered), now.utc);
        self.accounts = books.accounts;
        for (link, month) in books.ended {
            if let Some(link) = self.link(&link) {
                self.closed[link].push(month);
            }
        }
        self.services = watched(&self.loaded, Some(&recovered), now.utc);
        let stored = std::mem::take(&mut recovered.incidents);
        let seed = self.seed ^ died.unsigned_abs();
        self.incidents = Incidents::restore(stored, seed, CLOSED_LEAVE_AFTER, now);
        self.was_isolated = self
            .incidents
            .list()
            .iter()
            .any(|incident| incident.kind == IncidentKind::Isolation && incident.phase == IncidentPhase::Open);
        if self.was_isolated {
            self.field.stay_isolated(now.mono);
        }
        let effects = self.step(Input::Reloaded, now);
        self.tell(effects, now)
    }
}

fn watched(loaded: &Loaded, recovered: Option<&Recovered>, now: Timestamp) -> Watched {
    let files = (Arc::clone(&loaded.services), Arc::clone(&loaded.site_rules));
    Watched::new(files, recovered, now, loaded.contract.time_zone)
}

fn text(stored: &impl serde::Serialize) -> String {
    serde_json::to_string(stored).unwrap_or_default()
}
