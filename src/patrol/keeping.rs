//! What the loop keeps incidents with: their state, the store, and notices on their way to the channels.
//!
//! In: effects of incidents, and what became of notices. Out: rows of the next batch, and notices handed over in order.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use serde::Serialize;
use serde_json::json;
use tokio::sync::oneshot;

use super::{contacts::Reveals, load::Loaded, recorder::Recorder};
use crate::{
    command::{Command, Refusal, Reply},
    contract::sites::Warn,
    duty::{Register, Unsent},
    incident::{Changed, EffectKind, Incident, IncidentKind, IncidentPhase, Incidents, OwnFault},
    inventory::LinkId,
    journal::Record,
    notify::{
        self, AlarmsTold, Channel, Notice, NoticeKind,
        budget::Daily,
        channels::{self, Outbox, Outcome},
        doors::{DoorView, Doors, Turn},
        letter::{
            Facts, rendered,
            route::{Ways, climbed, digest, letters},
            warning::warnings,
        },
        log::Told,
        message::Mark,
        warning::{Found, Warnings},
    },
    store::{Attempt, Batch, Delivery, Recovered, Store, Ticket, Whole},
    units::{Now, Timestamp},
};

/// Most notices that wait in memory for a channel: a night of a city in flames on ten channels.
const WAITING: usize = 10_000;
/// Attempts in vain after which the next channel speaks too: some fifteen seconds of a gateway that is away.
const HANDED_ON_AFTER: u32 = 4;
/// How long nobody can be told before that is an alarm of its own: a gateway that restarts is none.
const UNTOLD: Duration = Duration::from_secs(60);

/// When dead letters of a day are told: at the change of the watch.
const DIGEST_HOUR: &str = "08";
const DAY: Duration = Duration::from_hours(24);

/// What the loop keeps incidents with; absent in an exporter.
pub(super) struct Keeping {
    pub incidents: Incidents,
    pub store: Store,
    pub outbox: Outbox,
    pub channels: Vec<Channel>,
    /// What may leave.
    pub doors: Arc<Doors>,
    /// What was made of each incident, and whether it left.
    told: Told,
    /// Budgets of the day, and its digest.
    daily: Daily,
    /// What was warned of.
    warnings: Warnings,
    pub batch: Batch,
    /// Notices that no channel has yet, oldest first, with the commit that they wait for; `None`: of this turn. What was sent
    /// and then forgotten in a crash would be sent again under another key.
    pub waiting: VecDeque<(Option<Ticket>, Notice)>,
    /// Incidents that nobody took a notice of yet, and since when.
    untold: BTreeMap<String, Timestamp>,
    /// Notices that did not fit in `waiting`; they stand in the store.
    pub overflow: u64,
    /// Own faults told of and not mended yet.
    pub broken: Vec<OwnFault>,
    pub recorder: Recorder,
    /// What became of the rounds.
    pub register: Arc<Register>,
    /// Notices that were given up, the newest last.
    pub given_up: VecDeque<Unsent>,
    /// Answers to commands that are not on the disk yet, oldest first; `None`: of this turn.
    pub answers: VecDeque<(Option<Ticket>, oneshot::Sender<Reply>, Reply)>,
    /// Contacts that were shown lately.
    pub reveals: Reveals,
}

impl Keeping {
    /// Goes on where the last run stopped: incidents keep their start and deadlines, notices that wait are offered.
    pub fn new(
        store: Store,
        recovered: Recovered,
        outbox: Outbox,
        channels: Vec<Channel>,
        loaded: &Loaded,
        facts: Facts,
        now: Now,
    ) -> Self {
        let (leave_after, seed) = (loaded.config.closed_incidents_leave_after, rand::random());
        let mut batch = Batch::default();
        let recorder = Recorder::start(&mut batch, &recovered, loaded, seed, now);
        let incidents = Incidents::restore(recovered.incidents, seed, leave_after, now);
        let incidents = incidents.with_windows(recovered.windows).with_desk(recovered.desk);
        let configured = |notice: &Notice| channels.iter().any(|channel| channel.name == notice.channel);
        let (waiting, orphans): (Vec<_>, Vec<_>) = recovered.outbox.into_iter().partition(configured);
        let mut warnings = recovered.warnings;
        if orphans.iter().filter(|notice| warnings.lost(notice)).count() > 0 {
            keep_whole(&mut batch, Whole::Warnings, &warnings);
        }
        let gone = |notice: Notice| Delivery {
            key: notice.key,
            at: now.utc,
            attempts: 0,
            result: Attempt::GivenUp { reason: "its channel is no longer configured".to_owned() },
        };
        batch.deliveries = orphans.into_iter().map(gone).collect();
        let first = waiting.iter().filter(|notice| notice.kind == NoticeKind::Opened);
        let untold = first.filter_map(|notice| Some((notice.incident()?.id.clone(), now.utc))).collect();
        let waiting = waiting.into_iter().map(|notice| (Some(Ticket::default()), rendered(notice, &channels, facts)));
        let waiting = waiting.collect();
        let is_open = |fault: &OwnFault| {
            let ours = |one: &&Arc<Incident>| one.kind == IncidentKind::Own && one.scope.id == fault.as_str();
            incidents.list().iter().filter(ours).any(|one| one.phase == IncidentPhase::Open)
        };
        // What broke in the last run and works again is mended in this one.
        let broken = OwnFault::ALL.into_iter().filter(is_open).collect();
        let answers = VecDeque::new();
        let mut register = recovered.duty;
        register.adopt(&loaded.rounds);
        let register = Arc::new(register);
        Self {
            incidents,
            store,
            outbox,
            channels,
            doors: Arc::new(recovered.doors),
            told: Told::from(recovered.told),
            daily: recovered.daily,
            warnings,
            batch,
            waiting,
            untold,
            overflow: 0,
            broken,
            recorder,
            register,
            given_up: recovered.given_up.into_iter().filter(|one| now.utc.since(one.at) <= DAY).collect(),
            answers,
            reveals: Reveals::default(),
        }
    }

    /// An isolation is open.
    pub fn has_isolation(&self) -> bool {
        let is_open = |incident: &Arc<Incident>| {
            incident.kind == IncidentKind::Isolation && incident.phase == IncidentPhase::Open
        };
        self.incidents.list().iter().any(is_open)
    }

    /// Writes what people are told about an effect into the outbox: the channels get it when it is on the disk.
    pub fn send(&mut self, incident: &Incident, effect: &EffectKind, facts: Facts, now: Now) {
        let Some(kind) = NoticeKind::of(effect) else { return };
        let is_end = matches!(kind, NoticeKind::Restored | NoticeKind::Closed | NoticeKind::Annulled);
        let is_down = links_down(&self.incidents);
        let ways = Ways { channels: &self.channels, is_down: &|link| is_down.contains(link), facts, now: now.utc };
        let mut notices = notify::route(incident, kind, &self.channels, ways.is_down, now.utc);
        notices.extend(letters(incident, effect, ways));
        // An end follows every beginning that left, and nothing else.
        notices.retain(|notice| !is_end || self.told.knows(notice));
        if let EffectKind::Merged { into } = effect {
            self.told.merge(&incident.id, into);
        }
        let leaves = self.post(notices, facts, now);
        // That nobody can be told is itself told in vain; that nothing may leave is meant so.
        if kind == NoticeKind::Opened && incident.kind != IncidentKind::Own && leaves {
            self.untold.insert(incident.id.clone(), now.utc);
        }
    }

    /// Tells whom ladders call once a running clock has reached their step.
    pub fn climb(&mut self, facts: Facts, now: Now) {
        let list = self.incidents.list();
        let open: Vec<_> = list.iter().filter(|incident| incident.phase == IncidentPhase::Open).collect();
        if open.is_empty() || facts.ladders.is_empty() {
            return;
        }
        let is_down = links_down(&self.incidents);
        let channels = self.channels.clone();
        let ways = Ways { channels: &channels, is_down: &|link| is_down.contains(link), facts, now: now.utc };
        let climbed = |incident: &&Arc<Incident>| -> Vec<Notice> {
            incident.clocks.iter().flat_map(|clock| climbed(incident, clock, ways)).collect()
        };
        let notices = open.iter().flat_map(climbed).collect();
        self.post(notices, facts, now);
    }

    /// Renders them for people, and puts them into the outbox; what may not leave is only kept. `true`: one may leave.
    fn post(&mut self, notices: Vec<Notice>, facts: Facts, now: Now) -> bool {
        let mut leaves = false;
        for notice in notices {
            let mut notice = rendered(notice, &self.channels, facts);
            if !self.told.make(&notice) {
                continue;
            }
            if let Some(door) = self.doors.holding(&notice) {
                if let Some(message) = &mut notice.message {
                    message.mark = Some(Mark::Trial);
                }
                self.batch.notices.push(notice.clone());
                self.hold(&notice, door, now);
                continue;
            }
            let channel = self.channels.iter().find(|channel| channel.name == notice.channel);
            let before = self.daily.clone();
            let is_over = channel.is_some_and(|channel| !self.daily.takes(channel, &notice, &civil_day(facts, now)));
            if self.daily != before {
                self.keep_daily();
            }
            if is_over {
                self.batch.notices.push(notice.clone());
                let budget = format!("budget/{}", notice.channel);
                self.hold(&notice, budget, now);
                continue;
            }
            leaves = true;
            self.batch.notices.push(notice.clone());
            self.waiting.push_back((None, notice));
        }
        while self.waiting.len() > WAITING {
            // It stands in the store, and the next start offers it again.
            self.waiting.pop_front();
            self.overflow += 1;
        }
        leaves
    }

    /// On the disk with what it was spent on.
    fn keep_daily(&mut self) {
        keep_whole(&mut self.batch, Whole::Daily, &self.daily);
    }

    /// It would have been sent: kept with the door that is closed.
    fn hold(&mut self, notice: &Notice, door: String, now: Now) {
        self.told.left(&notice.key, false);
        self.lost(notice);
        self.outbox.count_held(notice);
        let detail = json!({ "id": notice.id(), "channel": notice.channel, "party": notice.party, "kind": notice.kind, "door": door });
        let (event, subject) = ("notice_held".to_owned(), notice.thread().0.to_owned());
        self.record(Record::Note { now, event, subject, detail }, now);
        let (key, attempts) = (notice.key.clone(), notice.attempts);
        self.batch.deliveries.push(Delivery { key, at: now.utc, attempts, result: Attempt::Held { door } });
    }

    /// A person opens or closes a door.
    pub fn turn_door(
        &mut self,
        command: &Command,
        door: &str,
        open: bool,
        note: &str,
        loaded: &Loaded,
        now: Now,
    ) -> Reply {
        let actor = command.actor.trim();
        if actor.is_empty() {
            return Reply::Refused(Refusal::NoActor);
        }
        let known = self.doors(loaded);
        let Some(before) = known.iter().find(|known| known.door == door) else {
            return Reply::Refused(Refusal::NoSuchDoor { known: known.into_iter().map(|known| known.door).collect() });
        };
        if before.is_open() == open {
            return Reply::Done { at: now.utc };
        }
        let turn = Turn { open, by: actor.to_owned(), at: now.utc, note: note.to_owned() };
        Arc::make_mut(&mut self.doors).turn(door, turn);
        keep_whole(&mut self.batch, Whole::Doors, &*self.doors);
        if open && self.warnings.forget_untold() {
            keep_whole(&mut self.batch, Whole::Warnings, &self.warnings);
        }
        let mut detail = json!({ "command": command });
        self.hide_people(&mut detail);
        let event = if open { "door_opened" } else { "door_closed" };
        tracing::warn!(door, open, "what may leave was changed");
        self.record(Record::Note { now, event: event.to_owned(), subject: door.to_owned(), detail }, now);
        Reply::Done { at: now.utc }
    }

    /// Every door, as outsiders see it.
    pub fn doors(&self, loaded: &Loaded) -> Vec<DoorView> {
        self.doors.list(&self.channels, &loaded.inventory)
    }

    /// Once a day, from eight o'clock on: which notices nobody took in the last 24 hours.
    pub fn digest(&mut self, facts: Facts, now: Now) {
        let day = civil_day(facts, now);
        let local = now.utc.rfc3339(facts.zone);
        let hour = local.get(11..13).unwrap_or_default();
        if hour < DIGEST_HOUR || self.daily.digested.as_deref() == Some(&*day) {
            return;
        }
        self.daily.digested = Some(day.clone());
        self.keep_daily();
        let lately = self.given_up.iter().filter(|one| now.utc.since(one.at) <= DAY);
        let keys: Vec<String> = lately.map(|one| one.notice.clone()).collect();
        let channels = self.channels.clone();
        let ways = Ways { channels: &channels, is_down: &|_| false, facts, now: now.utc };
        self.post(digest(&day, &keys, ways), facts, now);
    }

    /// Tells what ends and which sites stand badly, as far as that is new.
    pub fn warn(&mut self, found: Vec<Found>, rule: Warn, facts: Facts, now: Now) {
        let Some(look) = self.warnings.look(found, rule.again, rule.gather, now.utc) else { return };
        let is_down = links_down(&self.incidents);
        let ways = Ways { channels: &self.channels, is_down: &|link| is_down.contains(link), facts, now: now.utc };
        let notices = warnings(&look, ways);
        let before = self.warnings.clone();
        self.warnings.told(&look, &notices, now.utc);
        if self.warnings != before {
            keep_whole(&mut self.batch, Whole::Warnings, &self.warnings);
        }
        self.post(notices, facts, now);
    }

    /// It did not leave: whoever it warned was not warned by it.
    fn lost(&mut self, notice: &Notice) {
        if self.warnings.lost(notice) {
            keep_whole(&mut self.batch, Whole::Warnings, &self.warnings);
        }
    }

    /// Keeps what became of a notice. When its channel fails, the next one speaks.
    pub fn delivered(&mut self, outcome: Outcome, facts: Facts, now: Now) {
        let is_lost = matches!(outcome.result, channels::Delivery::Refused | channels::Delivery::Expired);
        let is_stuck = outcome.result == channels::Delivery::Failed && outcome.attempts == HANDED_ON_AFTER;
        if is_lost || is_stuck {
            let handed = notify::hand_on(&outcome.notice, &self.channels, facts.contacts, now.utc);
            let before = self.warnings.clone();
            handed.iter().for_each(|notice| self.warnings.handed(notice));
            if self.warnings != before {
                keep_whole(&mut self.batch, Whole::Warnings, &self.warnings);
            }
            self.post(handed, facts, now);
        }
        if matches!(
            outcome.result,
            channels::Delivery::Refused | channels::Delivery::Expired | channels::Delivery::Held
        ) {
            self.told.left(&outcome.notice.key, false);
            self.lost(&outcome.notice);
        }
        if outcome.result == channels::Delivery::Delivered
            && let Some(incident) = outcome.notice.incident()
        {
            self.untold.remove(&incident.id);
        }
        self.batch.deliveries.push(delivery(outcome, now));
    }

    /// Whether an incident is open of which no channel could tell anybody. The loudest alarm: everybody sleeps.
    pub fn nobody_told(&mut self, now: Now) -> bool {
        let incidents = &self.incidents;
        let is_open = |id: &String| incidents.get(id).is_some_and(|incident| incident.phase == IncidentPhase::Open);
        self.untold.retain(|id, _| is_open(id));
        let digests = &self.daily.digested;
        self.told.retain(|id| incidents.get(id).is_some() || digests.as_deref().is_some_and(|day| id.ends_with(day)));
        let untold = self.untold.values().filter(|since| now.utc.since(**since) > UNTOLD).count();
        self.outbox.show_untold(untold);
        untold > 0
    }

    /// Planned work and what lies on the desk, as far as it changed, and whom that is told.
    pub fn store_changed(&mut self, changed: Changed, facts: Facts, now: Now) {
        let Changed { windows, desk, told } = changed;
        self.batch.windows.extend(windows);
        self.batch.desk.extend(desk);
        for record in told {
            let mut notices = notify::route_desk(&record, &self.channels, now.utc);
            notices.extend(notify::letter::breach::letters(&record, &self.channels, facts, now.utc));
            self.post(notices, facts, now);
        }
    }

    /// Whom it is told that alarms fired or are cleared.
    pub fn tell_alarms(&mut self, told: impl Iterator<Item = AlarmsTold>, facts: Facts, now: Now) {
        for told in told {
            self.post(notify::route_alarms(&told, &self.channels, now.utc), facts, now);
        }
    }

    /// Commits the facts of this turn. Who asked for something is answered when it is on the disk: what was said to be
    /// done outlives a crash. A disk that refuses holds nobody up.
    pub fn commit(&mut self, now: Now) {
        self.hold_closed(now);
        if !self.batch.is_empty() {
            let ticket = self.store.commit(std::mem::take(&mut self.batch));
            self.answers.iter_mut().for_each(|(waits, ..)| *waits = Some(waits.unwrap_or(ticket)));
            self.waiting.iter_mut().for_each(|(waits, _)| *waits = Some(waits.unwrap_or(ticket)));
        }
        self.offer_again();
        if self.answers.is_empty() {
            return;
        }
        let refuses = !self.store.status().healthy;
        while let Some((ticket, ..)) = self.answers.front() {
            if !refuses && ticket.is_some_and(|ticket| !self.store.is_durable(ticket)) {
                break;
            }
            if let Some((_, reply, answer)) = self.answers.pop_front() {
                // Whoever asked may have gone.
                let _ = reply.send(answer);
            }
        }
    }

    /// What waits here when its door is closed does not leave any more.
    fn hold_closed(&mut self, now: Now) {
        let doors = Arc::clone(&self.doors);
        let holding = |(_, notice): &(Option<Ticket>, Notice)| doors.holding(notice);
        if !self.waiting.iter().any(|waiting| holding(waiting).is_some()) {
            return;
        }
        for waiting in std::mem::take(&mut self.waiting) {
            match holding(&waiting) {
                Some(door) => self.hold(&waiting.1, door, now),
                None => self.waiting.push_back(waiting),
            }
        }
    }

    /// In order: a notice must not overtake an older one of its channel. What is not on the disk waits for it, unless the
    /// disk refuses: that holds no alarm up.
    fn offer_again(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let refuses = !self.store.status().healthy;
        let mut full = BTreeSet::new();
        for (ticket, notice) in std::mem::take(&mut self.waiting) {
            let is_kept = refuses || ticket.is_some_and(|ticket| self.store.is_durable(ticket));
            if !is_kept || full.contains(&notice.channel) {
                full.insert(notice.channel.clone());
                self.waiting.push_back((ticket, notice));
            } else if let Err(notice) = self.outbox.give(notice) {
                full.insert(notice.channel.clone());
                self.waiting.push_back((ticket, *notice));
            }
        }
    }
}

fn keep_whole(batch: &mut Batch, whole: Whole, value: &impl Serialize) {
    // Cannot fail: these are plain data.
    batch.whole.extend(serde_json::to_string(value).ok().map(|text| (whole, text)));
}

/// Links that are down in an open incident that is told of: what rides on them cannot speak.
fn links_down(incidents: &Incidents) -> BTreeSet<LinkId> {
    let list = incidents.list();
    let holds = |incident: &&Arc<Incident>| incident.phase == IncidentPhase::Open && incident.announced.is_some();
    let down = list.iter().filter(holds).flat_map(|incident| &incident.links);
    down.filter(|(_, is_down)| *is_down).map(|(link, _)| link.clone()).collect()
}

/// `2026-11-27`, as the calendars of the contract show it.
fn civil_day(facts: Facts, now: Now) -> String {
    now.utc.rfc3339(facts.zone).chars().take(10).collect()
}

fn delivery(outcome: Outcome, now: Now) -> Delivery {
    let (attempts, words) = (outcome.attempts, outcome.words);
    let result = match outcome.result {
        channels::Delivery::Delivered => Attempt::Delivered { receipt: words },
        channels::Delivery::Held => Attempt::Held { door: words },
        channels::Delivery::Replaced => Attempt::Replaced { by: words },
        channels::Delivery::Failed => Attempt::Failed { reason: words },
        channels::Delivery::Refused => Attempt::GivenUp { reason: format!("the receiver refused it: {words}") },
        channels::Delivery::Expired => Attempt::GivenUp { reason: format!("nobody took it in time: {words}") },
    };
    Delivery { key: outcome.notice.key, at: now.utc, attempts, result }
}
