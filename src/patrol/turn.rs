//! The loop: one thread that owns all state.
//!
//! ```text
//! each turn:  now = clock.read()
//!             blocks ▶ field ▶ link changes ▶ accounts, incidents
//!             effects ▶ store, channels, facts
//!             publish when somebody looks, and before a command is answered
//! ```

use std::{
    collections::HashMap,
    net::IpAddr,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender},
    },
    time::Duration,
};

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::{
    Control, Fact, Loader,
    breaches::Drafting,
    civil::{CivilClock, Step},
    field::{Change, Field, kept_links},
    keeping::Keeping,
    letters::{Eyes, Letterhead},
    load::Loaded,
    memory,
    naming::Naming,
    periods::Periods,
    quality::Counted,
    rollups::Rollups,
    services::Watched,
};
use crate::{
    api::Asked,
    api::Probing,
    clock::Clock,
    command::{Action, Command, Refusal, Reply, Resolution},
    diagnostic::Diagnostic,
    export,
    feed::Feed,
    incident::{Effect, EffectKind, Incident, Input, LinkChange, OwnFault, Scopes, World},
    inventory::{LinkId, PointIndex},
    journal::{Record, taken_in},
    judge::{LinkState, rule::Alarms},
    ledger::{Account, Accounting, ClosedMonth, Exclusion, Measured},
    notify::{
        self,
        channels::{Delivery, Outcome},
    },
    probe::Prober,
    sample::Block,
    snapshot::{LinkLabels, ReloadView},
    store::{StoredAccount, StoredPoint, Whole},
    text::Language,
    units::{Allowed, Mono, Now, Timestamp},
};

/// Longest wait for a block: commands and timers are looked at as often, also when nothing probes. Longer than a tick of
/// the engine, so that a loop that has blocks wakes for nothing else.
const IDLE: Duration = Duration::from_millis(150);
/// Most blocks taken in one turn, so that commands and publishing keep their turn in a storm.
const BLOCKS_A_TURN: usize = 64;
/// How often channels get a new picture and a sign of life is stored.
const SECOND: Duration = Duration::from_secs(1);
/// Every account is stored this often, a share of them at a time, besides when its link changes.
const ACCOUNTS_EVERY_SECONDS: usize = 60;
/// So many at a time are worth a transaction: fewer wait for the next ones, at most this long.
const ACCOUNTS_AT_ONCE: usize = 128;
const ACCOUNTS_WAIT_SECONDS: usize = 5;
/// How often free memory is given back.
const MEMORY_EVERY_SECONDS: usize = 20;
/// How often what was counted of websites is stored, whole.
const SITES_EVERY_SECONDS: usize = 300;
/// The scheduler turns every tick: five seconds of silence is a stall.
const STALLED: Duration = Duration::from_secs(5);

/// JSON text of what is stored whole. Our own types always have one: no maps with keys that are not text.
pub(super) fn text(stored: &impl Serialize) -> String {
    serde_json::to_string(stored).unwrap_or_default()
}

/// The loop's state.
pub(super) struct Loop {
    pub clock: Arc<dyn Clock>,
    pub civil: CivilClock,
    pub field: Field,
    pub scopes: Scopes,
    /// By link number.
    pub accounts: Vec<Account>,
    /// The last month that is over, where it is known: facts that are told later reach into it.
    pub closed: HashMap<LinkId, ClosedMonth>,
    pub periods: Periods,
    pub drafting: Drafting,
    /// Of the store; `None`: an exporter.
    pub folder: Option<PathBuf>,
    pub keeping: Option<Keeping>,
    pub prober: Box<dyn Prober>,
    pub loader: Loader,
    pub itself: SyncSender<Control>,
    pub facts: Option<SyncSender<Fact>>,
    pub labels: Arc<[LinkLabels]>,
    pub reload: ReloadView,
    pub next_second: Mono,
    pub seconds: usize,
    pub facts_dropped: u64,
    pub was_isolated: bool,
    pub alarms: Alarms,
    pub counted: Counted,
    pub rollups: Rollups,
    /// `None`: names cannot be looked up on this machine.
    pub naming: Option<Naming>,
    pub services: Watched,
    /// Checks on demand.
    pub probing: Arc<Probing>,
    pub letterhead: Letterhead,
}

impl Loop {
    /// Turns until told to stop, or until nobody is left who could tell.
    pub fn run(
        mut self,
        feed: Feed,
        blocks: &Receiver<Block>,
        controls: &Receiver<Control>,
        mut commands: mpsc::Receiver<Asked>,
        mut outcomes: mpsc::Receiver<Outcome>,
    ) {
        // Stored incidents may be of links that are gone, or of an isolation that is over.
        let now = self.read_clock();
        self.was_isolated = self.keeping.as_ref().is_some_and(|keeping| keeping.has_isolation());
        if self.was_isolated {
            self.field.stay_isolated(now.mono);
        }
        self.tell(Input::Reloaded, now);
        self.let_go_of_services(now);
        self.look_at_work(now);
        loop {
            // Whoever looks holds a sender, too: it never disconnects.
            let first = blocks.recv_timeout(IDLE);
            let now = self.read_clock();
            for block in first.into_iter().chain(blocks.try_iter().take(BLOCKS_A_TURN)) {
                self.field.take(&block);
            }
            self.field.look_around(now.mono);
            self.judge(now);
            self.look_at_services(now);
            while let Ok(Asked { command, reply }) = commands.try_recv() {
                self.obey(command, reply, &feed, now);
            }
            while let Ok(outcome) = outcomes.try_recv() {
                self.delivered(outcome, now);
            }
            for control in controls.try_iter() {
                match control {
                    Control::Reloaded { result, reply } => self.reloaded(result, reply, &feed, now),
                    Control::Resolved { name, address } => self.resolved(&name, address),
                    Control::Months { reading, months } => self.months_read(reading, months, now),
                    Control::Drafted(drafted) => self.drafted(drafted, &feed, now),
                    Control::Stop => return self.stop(&feed, now),
                }
            }
            self.tell(Input::Tick, now);
            self.roll_up(now);
            if now.mono >= self.next_second {
                self.each_second(now);
            }
            if feed.turn(now.mono) {
                self.publish(&feed, now);
            }
            self.commit(now);
        }
    }

    /// An accepted first notice is an event of its incident; how every notice ended is stored.
    fn delivered(&mut self, outcome: Outcome, now: Now) {
        if matches!(outcome.result, Delivery::Delivered)
            && let Some(incident) = notify::announces(&outcome.notice.key)
        {
            let (incident, channel) = (incident.to_owned(), outcome.notice.channel.clone());
            // A proven hand-over, which may start the party's clocks.
            let party = match outcome.notice.party.as_str() {
                "" => "operator".to_owned(),
                party => party.to_owned(),
            };
            self.tell(Input::Notified { incident, party, channel, at: now.utc }, now);
        }
        let eyes = Eyes { field: &self.field, accounts: &self.accounts };
        let facts = self.letterhead.facts(&eyes);
        if let Some(keeping) = &mut self.keeping {
            keeping.remember_failure(&outcome, now);
            keeping.delivered(outcome, facts, now);
        }
    }

    fn read_clock(&mut self) -> Now {
        let before = self.civil.last();
        let (now, step) = self.civil.read(self.clock.now());
        if let Some(step) = step {
            tracing::warn!(?step, "the wall clock was stepped");
            if let Step::Forward(_) = step {
                self.accounts.iter_mut().for_each(|account| account.skip(before, now.utc));
                self.services.skip(before, now.utc);
            }
            let step = Record::ClockStep { now, from: before, to: now.utc };
            self.keep(|keeping| keeping.record(step, now));
        }
        now
    }

    /// Link changes of this turn, to everybody whom they concern.
    fn judge(&mut self, now: Now) {
        let changes = self.field.judge(now);
        if let Some(keeping) = self.keeping.as_mut().filter(|_| !changes.is_empty()) {
            keeping.record_verdicts(&changes, &self.field, now);
        }
        let isolated = self.field.isolated();
        match (self.was_isolated, isolated) {
            (false, Some(since)) => {
                self.was_isolated = true;
                self.tell(Input::Isolated { since: now.utc_of(since) }, now);
            }
            // After a restart an isolation may be open that nobody has seen the end of.
            (true, None) if self.field.sees_a_witness() => {
                self.was_isolated = false;
                self.tell(Input::Reconnected { since: now.utc }, now);
            }
            _ => {}
        }
        if changes.is_empty() {
            return;
        }
        let mut told = Vec::with_capacity(changes.len());
        for change in &changes {
            let account = &mut self.accounts[change.link.at()];
            account.book(change.state, change.since, now.utc);
            if change.state == LinkState::Maintenance && self.field.work_on(change.link).is_some_and(|work| work.drill)
            {
                account.exclude(Accounting::Excluded(Exclusion::Drill), change.since, now.utc);
            }
            self.store_link(change, now);
            let Change { link, state, since } = *change;
            let link = self.field.loaded.inventory.links[link.at()].id.clone();
            told.push(LinkChange { link: link.clone(), state, since });
            self.fact(Fact::LinkChanged { link, state, since, noticed: now.utc });
        }
        self.tell(Input::Links(told), now);
    }

    /// Gives the incidents an input, and carries out what follows.
    pub(super) fn tell(&mut self, input: Input, now: Now) {
        let Some(keeping) = &mut self.keeping else { return };
        if input == Input::Tick && now.mono < keeping.incidents.due() {
            return;
        }
        let taken = taken_in(&input);
        let world = World {
            inventory: &self.field.loaded.inventory,
            contract: &self.field.loaded.contract,
            scopes: &self.scopes,
            states: &self.field.states,
        };
        let effects = keeping.incidents.step(input, now, &world);
        let changed = keeping.incidents.take_changed();
        keeping.record_step(taken, &effects, &changed, now);
        let eyes = Eyes { field: &self.field, accounts: &self.accounts };
        keeping.store_changed(changed, self.letterhead.facts(&eyes), now);
        self.carry_out(effects, now);
    }

    /// An incident is stored and told of once, as it is after all of its effects: a thousand links that come back in one
    /// turn are a thousand effects of one incident that holds a thousand links.
    fn carry_out(&mut self, effects: Vec<Effect>, now: Now) {
        let mut changed: Vec<(String, bool)> = vec![];
        for Effect { incident, kind } in effects {
            let Some(keeping) = &mut self.keeping else { return };
            let Some(record) = keeping.incidents.get(&incident).map(Arc::clone) else { continue };
            tracing::info!(incident = record.id, ?kind, tier = record.tier, scope = record.scope.kind, "incident");
            let eyes = Eyes { field: &self.field, accounts: &self.accounts };
            keeping.send(&record, &kind, self.letterhead.facts(&eyes), now);
            if let EffectKind::Reprobe { links } = &kind {
                self.probe_now(links);
                continue;
            }
            if let EffectKind::Resolved { verdict: Resolution::Outage, since, .. } = kind {
                self.call_down(since, now);
            }
            let opened = matches!(kind, EffectKind::Opened);
            match changed.iter_mut().find(|(id, _)| *id == incident) {
                Some((_, known)) => *known |= opened,
                None => changed.push((incident, opened)),
            }
        }
        for (incident, opened) in changed {
            let Some(keeping) = &mut self.keeping else { return };
            let Some(record) = keeping.incidents.get(&incident).map(Arc::clone) else { continue };
            keeping.batch.incidents.retain(|waiting| waiting.id != record.id);
            keeping.batch.incidents.push((*record).clone());
            self.tell_of(&record, opened, now);
        }
    }

    /// Points whose own turn comes before the grace ends need no hurry, and their figures no further probe.
    fn probe_now(&mut self, links: &[LinkId]) {
        let grace = self.field.loaded.contract.grouping.grace;
        let plan = Arc::clone(&self.field.plan);
        let late = |point: &PointIndex| plan.points[point.at()].measure.interval > grace;
        let of_link = |id: &LinkId| {
            let link = self.scopes.link(id).map(|link| &self.field.loaded.inventory.links[link.at()]);
            link.into_iter().flat_map(|link| link.numbered_points().map(|(point, _)| point))
        };
        let points: Vec<_> = links.iter().flat_map(of_link).filter(late).collect();
        if !points.is_empty() {
            self.prober.probe_now(plan.generation, &points);
        }
    }

    /// A loss of sight was an outage: what nobody could see since then was down.
    fn call_down(&mut self, since: Timestamp, now: Now) {
        for number in 0..self.accounts.len() {
            if self.accounts[number].measured() == Measured::Unknown {
                self.accounts[number].measure(Measured::Down, since, now.utc);
                self.store_account(number);
            }
        }
    }

    fn tell_of(&mut self, record: &Incident, opened: bool, now: Now) {
        let links = record.links.iter().filter(|(_, down)| *down).map(|(link, _)| link.clone()).collect();
        let (id, kind, began, at) = (record.id.clone(), record.kind, record.began, now.utc);
        self.fact(if opened {
            Fact::IncidentOpened { id, kind, began, at, links }
        } else {
            Fact::IncidentChanged { id, at, links }
        });
    }

    fn obey(&mut self, command: Command, reply: oneshot::Sender<Reply>, feed: &Feed, now: Now) {
        let command = match &mut self.keeping {
            Some(keeping) => keeping.recorder.spelled(command),
            None => command,
        };
        if command.action == Action::Reload {
            return self.start_reload(Some(reply));
        }
        if command.action == Action::RotateLinks {
            return self.rotate_links(&command, reply, now);
        }
        if let Action::Exclude { .. } = command.action {
            let answer = self.exclude(&command, now);
            return self.answer(reply, answer, feed, now);
        }
        if let Action::DraftBreach { .. } = command.action {
            return self.draft_breach(command, reply, feed, now);
        }
        if let Some(answer) = self.obey_duty(&command, now) {
            return self.answer(reply, answer, feed, now);
        }
        let answer = match &command.action {
            Action::Heard(heard) => self.hear(&command, heard, now),
            Action::TurnDoor { door, open, note } => match &mut self.keeping {
                Some(keeping) => keeping.turn_door(&command, door, *open, note, &self.field.loaded, now),
                None => Reply::Refused(Refusal::NotKept),
            },
            Action::Observe { source, observations } => self.observe(source, observations, now),
            Action::RevealContacts { sheet, of } => {
                self.publish(feed, now);
                self.reveal(&command, (*sheet, of.as_str()), &feed.load(), now)
            }
            Action::SettleReply { reply, note } => self.settle_reply(&command, reply, note, now),
            Action::KeepBreach { .. } | Action::JudgeBreach { .. } => self.obey_breach(command, now),
            _ => self.obey_incidents(&command, now),
        };
        self.answer(reply, answer, feed, now);
    }

    /// Carries out what is about incidents.
    pub(super) fn obey_incidents(&mut self, command: &Command, now: Now) -> Reply {
        let Some(keeping) = &mut self.keeping else { return Reply::Refused(Refusal::NotKept) };
        let world = World {
            inventory: &self.field.loaded.inventory,
            contract: &self.field.loaded.contract,
            scopes: &self.scopes,
            states: &self.field.states,
        };
        let (answer, effects) = keeping.incidents.obey(command, now, &world);
        let changed = keeping.incidents.take_changed();
        keeping.record_command((command, &answer), &effects, &changed, now);
        let eyes = Eyes { field: &self.field, accounts: &self.accounts };
        keeping.store_changed(changed, self.letterhead.facts(&eyes), now);
        self.carry_out(effects, now);
        answer
    }

    /// Published first, so that whoever asked sees what it did.
    pub(super) fn answer(&mut self, reply: oneshot::Sender<Reply>, answer: Reply, feed: &Feed, now: Now) {
        self.publish(feed, now);
        match &mut self.keeping {
            Some(keeping) => keeping.answers.push_back((None, reply, answer)),
            None => {
                // Whoever asked may have gone.
                let _ = reply.send(answer);
            }
        }
    }

    /// Files are read on a thread of their own: the loop never waits for a disk.
    fn start_reload(&self, reply: Option<oneshot::Sender<Reply>>) {
        super::reload(Arc::clone(&self.loader), self.itself.clone(), reply);
    }

    fn reloaded(
        &mut self,
        result: Result<Box<Loaded>, Vec<Diagnostic>>,
        reply: Option<oneshot::Sender<Reply>>,
        feed: &Feed,
        now: Now,
    ) {
        let answer = match result {
            Ok(loaded) => {
                self.adopt(*loaded, now);
                self.reload = ReloadView { successful: true, last_success: now.utc };
                tracing::info!(links = self.field.states.len(), "reloaded");
                Reply::Done { at: now.utc }
            }
            Err(findings) => {
                self.reload.successful = false;
                let findings: Vec<_> = findings.iter().map(|finding| finding.print(Language::En)).collect();
                tracing::error!(
                    findings = findings.len(),
                    first = findings.first(),
                    "reload refused; the old files stay in force"
                );
                Reply::Refused(Refusal::Findings { findings })
            }
        };
        if let Some(reply) = reply {
            self.answer(reply, answer, feed, now);
        }
    }

    /// Takes new files into force: kept links and points keep their history.
    fn adopt(&mut self, loaded: Loaded, now: Now) {
        self.roll_up_all(now);
        let before = Arc::clone(&self.field.loaded);
        let plan = Arc::new(loaded.plan(Some((&before, &self.field.plan))));
        let loaded = Arc::new(loaded);
        let zone = loaded.contract.time_zone;
        let mut old: Vec<_> = std::mem::take(&mut self.accounts).into_iter().map(Some).collect();
        self.accounts = loaded.inventory.links.iter().map(|_| Account::open(now.utc, zone)).collect();
        for (number, kept) in kept_links(&before, &loaded) {
            if let Some(account) = old[kept].take() {
                self.accounts[number] = account;
            }
        }
        self.prober.replace(Arc::clone(&plan));
        self.scopes = Scopes::of(&loaded.inventory);
        self.labels = export::labels(&loaded.inventory);
        if let Some(naming) = &mut self.naming {
            naming.replan(&loaded);
        }
        self.field.replan(Arc::clone(&loaded), plan, now);
        self.counted = Counted::from(&self.field, now);
        self.adopt_periods(now);
        self.look_at_work(now);
        self.rollups = Rollups::from(&self.field, now.utc);
        self.adopt_rules(&before, now);
        self.services.adopt((&loaded.services, &loaded.site_rules), now.utc, zone);
        self.adopt_rounds(now);
        self.adopt_modules(&loaded);
        self.keep(|keeping| keeping.record_reload(&loaded, now));
        self.judge(now);
        self.tell(Input::Reloaded, now);
        self.let_go_of_services(now);
    }

    pub(super) fn adopt_modules(&self, loaded: &Loaded) {
        let config = &loaded.config;
        let allowed = Allowed::these(config.probe.targets.clone());
        let limits = (config.probe.at_once, config.probe.per_second);
        self.probing.adopt(loaded.modules.clone(), allowed, limits, config.name_server);
    }

    fn resolved(&mut self, name: &str, address: Option<IpAddr>) {
        let points = self.naming.as_ref().map_or(&[][..], |naming| naming.points(name));
        let plan = Arc::make_mut(&mut self.field.plan);
        for point in points {
            plan.points[point.at()].address = address;
            self.prober.resolved(plan.generation, *point, address);
        }
        tracing::info!(name, ?address, "resolved");
    }

    fn each_second(&mut self, now: Now) {
        self.next_second = now.mono.plus(SECOND);
        self.seconds += 1;
        self.count_quality(now);
        let count = self.accounts.len();
        let wait = (ACCOUNTS_AT_ONCE * ACCOUNTS_EVERY_SECONDS / count.max(1)).clamp(1, ACCOUNTS_WAIT_SECONDS);
        if self.seconds.is_multiple_of(wait) {
            // Neighbours: their rows share pages.
            let shares = ACCOUNTS_EVERY_SECONDS / wait;
            let share = count.div_ceil(shares);
            let first = self.seconds / wait % shares * share;
            for number in first..(first + share).min(count) {
                self.pass_time(number, now);
            }
        }
        self.look_at_work(now);
        self.keep_services(now);
        self.look_for_alarms(now);
        self.look_for_breaches(now);
        self.look_for_warnings(now);
        self.look_at_rounds(now);
        self.look_at_devices(now);
        self.look_at_ourselves(now);
        self.look_at_head();
        self.climb(now);
        self.keep(|keeping| keeping.batch.heartbeat = Some(now.utc));
        self.show_channels(now);
        if self.seconds.is_multiple_of(SITES_EVERY_SECONDS) {
            self.keep_sites();
        }
        if self.seconds.is_multiple_of(MEMORY_EVERY_SECONDS) {
            memory::give_back();
        }
    }

    /// Books time up to now, closes months that are over, and stores the account.
    fn pass_time(&mut self, number: usize, now: Now) {
        for closed in self.accounts[number].advance(now.utc, self.field.loaded.contract.time_zone) {
            let link = self.field.loaded.inventory.links[number].id.clone();
            self.log_verdicts(number, &closed, now);
            self.close_month(link, closed);
        }
        self.store_account(number);
    }

    /// Planned work begins and ends by itself.
    fn look_at_work(&mut self, now: Now) {
        let Some(keeping) = &self.keeping else { return };
        let world = World {
            inventory: &self.field.loaded.inventory,
            contract: &self.field.loaded.contract,
            scopes: &self.scopes,
            states: &self.field.states,
        };
        let work = keeping.incidents.windows().at_work(now.utc, &world);
        self.field.set_work(work, now);
    }

    /// Opens an incident about ourselves when the store or the engine fails, and ends it when they work again.
    fn look_at_ourselves(&mut self, now: Now) {
        let zone = self.field.loaded.contract.time_zone;
        let Some(keeping) = &mut self.keeping else { return };
        let anchor_missed = keeping.look_at_anchor(zone, now);
        let warning = self.field.loaded.contract.terms.last_warning();
        let swap_due = keeping.register.swaps.is_due(warning, now.utc);
        let stalled = now.mono.since(self.prober.status().last_tick) > STALLED;
        let nobody_told = keeping.nobody_told(now);
        for (fault, is_broken) in [
            (OwnFault::StoreUnusable, !keeping.store.status().healthy),
            (OwnFault::EngineStalled, stalled),
            (OwnFault::AnchorMissed, anchor_missed),
            (OwnFault::NobodyTold, nobody_told),
            (OwnFault::SwapDue, swap_due),
        ] {
            let Some(keeping) = &mut self.keeping else { return };
            let was_broken = keeping.broken.contains(&fault);
            match (was_broken, is_broken) {
                (false, true) => keeping.broken.push(fault),
                (true, false) => keeping.broken.retain(|broken| *broken != fault),
                _ => continue,
            }
            tracing::error!(fault = fault.as_str(), is_broken, "own fault");
            self.tell(if is_broken { Input::Broken { fault } } else { Input::Mended { fault } }, now);
        }
    }

    fn store_link(&mut self, change: &Change, now: Now) {
        let Some(keeping) = &mut self.keeping else { return };
        let link = &self.field.loaded.inventory.links[change.link.at()];
        for (point, watch) in link.points.iter().zip(self.field.points_of(change.link)) {
            keeping.batch.points.push(StoredPoint {
                link: link.id.clone(),
                role: point.role,
                state: text(&watch.judge.store(now)),
            });
        }
        self.store_account(change.link.at());
    }

    pub(super) fn store_account(&mut self, number: usize) {
        let Some(keeping) = &mut self.keeping else { return };
        let account = &self.accounts[number];
        keeping.batch.accounts.push(StoredAccount {
            link: self.field.loaded.inventory.links[number].id.clone(),
            month: account.month().to_string(),
            account: text(account),
        });
    }

    /// Running clocks reach the steps of ladders, and a day its digest.
    fn climb(&mut self, now: Now) {
        let eyes = Eyes { field: &self.field, accounts: &self.accounts };
        let facts = self.letterhead.facts(&eyes);
        if let Some(keeping) = &mut self.keeping {
            keeping.climb(facts, now);
            keeping.digest(facts, now);
        }
    }

    /// Something that happened, for the journal; no incident follows from it.
    pub(super) fn log(&mut self, now: Now, event: &str, subject: &str, detail: serde_json::Value) {
        let note = Record::Note { now, event: event.to_owned(), subject: subject.to_owned(), detail };
        self.keep(|keeping| keeping.record(note, now));
    }

    pub fn keep(&mut self, note: impl FnOnce(&mut Keeping)) {
        if let Some(keeping) = &mut self.keeping {
            note(keeping);
        }
    }

    /// Stores what was counted of websites.
    fn keep_sites(&mut self) {
        if let Some(kept) = self.services.kept() {
            self.keep(|keeping| {
                keeping.batch.whole.insert(Whole::Sites, kept);
            });
        }
    }

    pub(super) fn fact(&mut self, fact: Fact) {
        if let Some(facts) = &self.facts
            && facts.try_send(fact).is_err()
        {
            self.facts_dropped += 1;
        }
    }

    /// One transaction a turn, and only when there are facts.
    fn commit(&mut self, now: Now) {
        self.keep(|keeping| keeping.commit(now));
    }

    /// Stores what is known, so that the next start knows how long nobody looked.
    fn stop(mut self, feed: &Feed, now: Now) {
        (0..self.accounts.len()).for_each(|number| self.pass_time(number, now));
        self.store_services();
        self.roll_up_all(now);
        self.keep_sites();
        self.keep(|keeping| {
            keeping.record(Record::Stop { now }, now);
            keeping.batch.heartbeat = Some(now.utc);
        });
        self.commit(now);
        self.publish(feed, now);
        self.prober.stop();
    }
}
