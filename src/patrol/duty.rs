//! Rounds in the loop: time passes over them, people sign them, and what was measured stands beside the signature.

use std::{collections::VecDeque, sync::Arc};

use serde_json::json;

use super::{
    keeping::Keeping,
    turn::{Loop, text},
};
use crate::{
    command::{Action, Command, Refusal, Reply, person},
    duty::{DeviceFact, Fact, Fault, HandedOver, Handover, LinksOf, MOST_GIVEN_UP, Measured, Signed, Unsent},
    inventory::{LinkIndex, Status},
    journal::Record,
    judge::LinkState,
    ledger::Standard,
    notify::channels::{Delivery, Outcome},
    store::Whole,
    units::{Now, billionths},
    window::HOUR,
};

/// Links that are not up and are named in a record: the first page of a work list.
const MOST_NOT_UP: usize = 20;
/// Longest name of a person, as for every command.
pub(super) const ACTOR: usize = 64;
/// Longest text of a record, in characters.
const NOTE: usize = 1_000;

impl Loop {
    /// Lets time pass over the rounds.
    pub(super) fn look_at_rounds(&mut self, now: Now) {
        let rounds = Arc::clone(&self.field.loaded.rounds);
        let Some(keeping) = &mut self.keeping else { return };
        if !keeping.register.is_due(now.utc) {
            return;
        }
        let facts = Arc::make_mut(&mut keeping.register).advance(&rounds, now.utc);
        if facts.is_empty() {
            return;
        }
        keeping.batch.whole.insert(Whole::Duty, text(&keeping.register));
        for fact in facts {
            tracing::info!(round = fact.round, status = fact.status.as_str(), "round");
            self.log(now, "round", &fact.round.clone(), json!(fact));
        }
    }

    /// New files: what is planned follows them.
    pub(super) fn adopt_rounds(&mut self, now: Now) {
        let rounds = Arc::clone(&self.field.loaded.rounds);
        if let Some(keeping) = &mut self.keeping {
            Arc::make_mut(&mut keeping.register).adopt(&rounds);
        }
        self.look_at_rounds(now);
    }

    /// Carries out what is about duty. `None`: the command is about something else.
    pub(super) fn obey_duty(&mut self, command: &Command, now: Now) -> Option<Reply> {
        match &command.action {
            Action::HandoverSigned { second, note } => Some(self.hand_over(command, second, note, now)),
            Action::RoundDone { .. } => self.sign_round(command, now),
            Action::DeviceFault { .. } | Action::DeviceSwapped { .. } => Some(self.hear_of_device(command, now)),
            _ => None,
        }
    }

    /// What both saw stands in the journal with their signatures.
    fn hand_over(&mut self, command: &Command, second: &str, note: &str, now: Now) -> Reply {
        let (roster, contract) = (Arc::clone(&self.field.loaded.roster), Arc::clone(&self.field.loaded.contract));
        let Some(keeping) = &mut self.keeping else { return Reply::Refused(Refusal::NotKept) };
        let (actor, second) = (command.actor.trim(), second.trim());
        let is_name = |name: &str| person::is_readable(name) && name.chars().count() <= ACTOR;
        let signed = HandedOver {
            at: now.utc,
            actor: actor.to_owned(),
            second: second.to_owned(),
            note: note.chars().take(NOTE).collect(),
            key: command.key.clone(),
        };
        let result = if is_name(actor) && second.chars().count() <= ACTOR {
            Arc::make_mut(&mut keeping.register).hand_over(signed)
        } else {
            Err(Refusal::NoActor)
        };
        let reply = match result {
            Ok(false) => return Reply::Done { at: now.utc },
            Ok(true) => Reply::Done { at: now.utc },
            Err(refusal) => Reply::Refused(refusal),
        };
        let open = keeping.handover(now).with_roster(&roster).with_windows(keeping.incidents.windows(), &contract);
        let mut detail = json!({ "command": command, "reply": reply, "open": open });
        keeping.hide_people(&mut detail);
        keeping.batch.whole.insert(Whole::Duty, text(&keeping.register));
        let event = "handover_signed".to_owned();
        keeping.record(Record::Note { now, event, subject: String::new(), detail }, now);
        reply
    }

    fn sign_round(&mut self, command: &Command, now: Now) -> Option<Reply> {
        let Action::RoundDone { round, due, notes, fields } = &command.action else { return None };
        if self.keeping.is_none() {
            return Some(Reply::Refused(Refusal::NotKept));
        }
        let (actor, rounds) = (command.actor.trim(), Arc::clone(&self.field.loaded.rounds));
        let links = rounds.get(round).and_then(|round| round.scope.links.as_ref());
        let measured = links.map(|links| self.measured(links, now));
        let keeping = self.keeping.as_mut()?;
        let too_long = |text: &String| text.chars().count() > NOTE;
        let signed = Signed { actor, key: &command.key, way: &command.way, round, due: *due, notes, fields };
        let result = if actor.is_empty() || actor.chars().count() > ACTOR || fields.values().any(too_long) {
            Err(Refusal::NoActor)
        } else {
            Arc::make_mut(&mut keeping.register).sign(&rounds, signed, measured, now.utc)
        };
        let (reply, fact): (_, Option<Fact>) = match result {
            Ok(fact) => (Reply::Done { at: now.utc }, Some(fact)),
            Err(refusal) => (Reply::Refused(refusal), None),
        };
        let record = keeping
            .register
            .entries()
            .iter()
            .find(|entry| fact.as_ref().is_some_and(|fact| entry.round == fact.round && entry.due == fact.due));
        let mut detail = json!({ "command": command, "reply": reply, "record": record });
        keeping.hide_people(&mut detail);
        keeping.batch.whole.insert(Whole::Duty, text(&keeping.register));
        keeping.record(Record::Note { now, event: "round_signed".to_owned(), subject: round.clone(), detail }, now);
        Some(reply)
    }

    /// Lets time pass over devices that are out.
    pub(super) fn look_at_devices(&mut self, now: Now) {
        let Some(keeping) = &mut self.keeping else { return };
        if keeping.register.swaps.out().next().is_none() {
            return;
        }
        let facts = Arc::make_mut(&mut keeping.register).swaps.advance(now.utc);
        if facts.is_empty() {
            return;
        }
        keeping.batch.whole.insert(Whole::Duty, text(&keeping.register));
        for fact in facts {
            let DeviceFact::Overdue(out) = &fact else { continue };
            tracing::warn!(device = out.device, model = out.model, "the swap of a device is overdue");
            let (device, mut detail) = (out.device.clone(), json!(fact));
            if let Some(keeping) = &mut self.keeping {
                keeping.hide_people(&mut detail);
            }
            self.log(now, "device", &device, detail);
        }
    }

    /// A device failed, or was swapped: both are a person's word.
    fn hear_of_device(&mut self, command: &Command, now: Now) -> Reply {
        let devices = Arc::clone(&self.field.loaded.devices);
        let Some(keeping) = &mut self.keeping else { return Reply::Refused(Refusal::NotKept) };
        let actor = command.actor.trim();
        if actor.is_empty() || actor.chars().count() > ACTOR {
            return Reply::Refused(Refusal::NoActor);
        }
        let swaps = &mut Arc::make_mut(&mut keeping.register).swaps;
        let cut = |text: &str, most: usize| text.trim().chars().take(most).collect::<String>();
        let (way, key) = (cut(&command.way, ACTOR), command.key.as_str());
        let result = match &command.action {
            Action::DeviceFault { device, at, party, note } => {
                let (party, note) = (cut(party, ACTOR), cut(note, NOTE));
                let fault = Fault { device, at: *at, actor, party: &party, way: &way, note: &note, key };
                swaps.fail(fault, &devices, now.utc)
            }
            Action::DeviceSwapped { device, at, spare, note } => {
                let note = cut(note, NOTE);
                let said = Fault { device, at: *at, actor, party: "", way: &way, note: &note, key };
                swaps.swap(said, *spare, &devices, now.utc)
            }
            _ => Err(Refusal::NoSuchDevice),
        };
        let (reply, fact) = match result {
            Ok(fact) => (Reply::Done { at: now.utc }, Some(fact)),
            Err(refusal) => (Reply::Refused(refusal), None),
        };
        let mut detail = json!({ "command": command, "reply": reply, "fact": fact });
        keeping.hide_people(&mut detail);
        keeping.batch.whole.insert(Whole::Duty, text(&keeping.register));
        let device = match &command.action {
            Action::DeviceFault { device, .. } | Action::DeviceSwapped { device, .. } => cut(device, ACTOR),
            _ => String::new(),
        };
        keeping.record(Record::Note { now, event: "device".to_owned(), subject: device, detail }, now);
        reply
    }

    /// What is known of these links now.
    fn measured(&self, links: &LinksOf, now: Now) -> Measured {
        let loaded = &self.field.loaded;
        let standard = Standard::of(&loaded.contract);
        let mut measured = Measured { at: now.utc, ..Measured::default() };
        let mut worst = 0;
        for (number, link) in loaded.inventory.links.iter().enumerate() {
            if !links.covers(link, &loaded.inventory) {
                continue;
            }
            let (index, state) = (LinkIndex(number as u32), self.field.states[number]);
            measured.links += 1;
            *measured.states.entry(state_word(state).to_owned()).or_default() += 1;
            let ails = matches!(state, LinkState::Degraded | LinkState::Down | LinkState::Unknown(_));
            if link.status == Status::Active && ails && measured.not_up.len() < MOST_NOT_UP {
                measured.not_up.push(link.id.clone());
            }
            let month = self.accounts[number].accounted_by(&standard, now.utc, loaded.contract.time_zone);
            measured.month += month;
            let Some(point) = self.field.deciding(index) else { continue };
            let hour = &point.window.summaries()[HOUR];
            let counts = hour.counts();
            measured.probes += counts;
            let share = billionths(counts.lost, counts.lost + counts.answered);
            if share > worst {
                (worst, measured.worst_loss) = (share, Some(link.id.clone()));
            }
            if measured.slowest.as_ref().map_or(0, |(_, slowest)| *slowest) < hour.rtt_p95 {
                measured.slowest = Some((link.id.clone(), hour.rtt_p95));
            }
        }
        measured
    }
}

impl Keeping {
    /// Everything that is open.
    pub(super) fn handover(&self, now: Now) -> Handover {
        let held = self.outbox.waiting().into_iter();
        let given_back = self.waiting.iter().map(|(_, one)| (one.key.clone(), one.channel.clone(), one.created));
        let waiting = held.chain(given_back);
        let unsent = |(notice, channel, at)| Unsent { notice, channel, at, given_up: false };
        let notices = self.given_up.iter().cloned().chain(waiting.map(unsent)).collect();
        Handover::of(&self.incidents.list(), &self.register, notices, now.utc)
    }

    /// A notice that nobody took stays in the handovers, and after a restart for a day.
    pub(super) fn remember_failure(&mut self, outcome: &Outcome, now: Now) {
        if !matches!(outcome.result, Delivery::Refused | Delivery::Expired) {
            return;
        }
        let (notice, channel) = (outcome.notice.key.clone(), outcome.notice.channel.clone());
        remember(&mut self.given_up, Unsent { notice, channel, at: now.utc, given_up: true });
    }
}

fn remember(given_up: &mut VecDeque<Unsent>, one: Unsent) {
    if given_up.len() == MOST_GIVEN_UP {
        given_up.pop_front();
    }
    given_up.push_back(one);
}

/// As the API writes it.
fn state_word(state: LinkState) -> &'static str {
    match state {
        LinkState::Up => "up",
        LinkState::Degraded => "degraded",
        LinkState::Down => "down",
        LinkState::Unknown(_) => "unknown",
        LinkState::Maintenance => "maintenance",
        LinkState::Suspended | LinkState::Absent => "suspended",
    }
}
