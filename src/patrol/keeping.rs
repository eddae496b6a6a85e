//! What the loop keeps incidents with: their state, the store, and notices on their way to the channels.
//!
//! In: effects of incidents, and what became of notices. Out: rows of the next batch, and notices handed over in order.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use tokio::sync::oneshot;

use super::{load::Loaded, recorder::Recorder};
use crate::{
    command::Reply,
    duty::{Register, Unsent},
    incident::{EffectKind, Incident, IncidentKind, IncidentPhase, Incidents, OwnFault},
    notify::{
        self, Channel, Notice, NoticeKind,
        channels::{self, Outbox, Outcome},
    },
    store::{Attempt, Batch, Delivery, Recovered, Store, Ticket},
    units::Now,
};

/// Most notices that wait in memory for a channel: a night of a city in flames on ten channels.
const WAITING: usize = 10_000;

/// What the loop keeps incidents with; absent in an exporter.
pub(super) struct Keeping {
    pub incidents: Incidents,
    pub store: Store,
    pub outbox: Outbox,
    pub channels: Vec<Channel>,
    pub batch: Batch,
    /// Notices that a full channel gave back, oldest first: offered again each second.
    pub waiting: VecDeque<Notice>,
    /// Notices that did not fit in `waiting`.
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
}

impl Keeping {
    /// Goes on where the last run stopped: incidents keep their start and deadlines, notices that wait are offered.
    pub fn new(
        store: Store,
        recovered: Recovered,
        outbox: Outbox,
        channels: Vec<Channel>,
        loaded: &Loaded,
        now: Now,
    ) -> Self {
        let (leave_after, seed) = (loaded.config.closed_incidents_leave_after, rand::random());
        let mut batch = Batch::default();
        let recorder = Recorder::start(&mut batch, &recovered, loaded, seed, now);
        let incidents = Incidents::restore(recovered.incidents, seed, leave_after, now).with_windows(recovered.windows);
        let configured = |notice: &Notice| channels.iter().any(|channel| channel.name == notice.channel);
        let (waiting, orphans): (Vec<_>, Vec<_>) = recovered.outbox.into_iter().partition(configured);
        let gone = |notice: Notice| Delivery {
            key: notice.key,
            at: now.utc,
            attempts: 0,
            result: Attempt::GivenUp { reason: "its channel is no longer configured".to_owned() },
        };
        batch.deliveries = orphans.into_iter().map(gone).collect();
        let (waiting, broken, answers) = (waiting.into(), vec![], VecDeque::new());
        let mut register = recovered.duty;
        register.adopt(&loaded.rounds);
        let register = Arc::new(register);
        Self {
            incidents,
            store,
            outbox,
            channels,
            batch,
            waiting,
            overflow: 0,
            broken,
            recorder,
            register,
            given_up: VecDeque::new(),
            answers,
        }
    }

    /// An isolation is open.
    pub fn has_isolation(&self) -> bool {
        let is_open = |incident: &Arc<Incident>| {
            incident.kind == IncidentKind::Isolation && incident.phase == IncidentPhase::Open
        };
        self.incidents.list().iter().any(is_open)
    }

    /// Writes what people are told about an effect into the outbox, and hands it to the channels.
    pub fn send(&mut self, incident: &Incident, kind: &EffectKind, now: Now) {
        let Some(kind) = NoticeKind::of(kind) else { return };
        for notice in notify::route(incident, kind, &self.channels, now.utc) {
            self.batch.notices.push(notice.clone());
            self.waiting.push_back(notice);
        }
        while self.waiting.len() > WAITING {
            // It stands in the store, and the next start offers it again.
            self.waiting.pop_front();
            self.overflow += 1;
        }
        self.offer_again();
    }

    /// Commits the facts of this turn. Who asked for something is answered when it is on the disk: what was said to be
    /// done outlives a crash. A disk that refuses holds nobody up.
    pub fn commit(&mut self) {
        if !self.batch.is_empty() {
            let ticket = self.store.commit(std::mem::take(&mut self.batch));
            self.answers.iter_mut().for_each(|(waits, ..)| *waits = Some(waits.unwrap_or(ticket)));
        }
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

    /// In order: a notice must not overtake an older one of its channel.
    pub fn offer_again(&mut self) {
        let mut full = BTreeSet::new();
        for notice in std::mem::take(&mut self.waiting) {
            let given = if full.contains(&notice.channel) { Err(Box::new(notice)) } else { self.outbox.give(notice) };
            if let Err(notice) = given {
                full.insert(notice.channel.clone());
                self.waiting.push_back(*notice);
            }
        }
    }
}

pub(super) fn delivery(outcome: Outcome, now: Now) -> Delivery {
    let result = match outcome.result {
        channels::Delivery::Delivered => Attempt::Delivered,
        channels::Delivery::Refused => Attempt::GivenUp { reason: "the receiver refused it".to_owned() },
        channels::Delivery::Expired => Attempt::GivenUp { reason: "nobody took it in time".to_owned() },
    };
    Delivery { key: outcome.key, at: now.utc, attempts: 1, result }
}
