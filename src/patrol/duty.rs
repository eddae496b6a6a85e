//! Rounds in the loop: time passes over them, people sign them, and what was measured stands beside the signature.

use std::sync::Arc;

use serde_json::json;

use super::turn::{Loop, text};
use crate::{
    command::{Action, Command, Refusal, Reply},
    duty::{Fact, LinksOf, Measured, Signed},
    inventory::{LinkIndex, Status},
    journal::Record,
    judge::{self, LinkState},
    units::{Now, billionths},
    window::HOUR,
};

/// Links that are not up and are named in a record: the first page of a work list.
const MOST_NOT_UP: usize = 20;
/// Longest name of a person, as for every command.
const ACTOR: usize = 64;
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
        keeping.batch.duty = Some(text(&keeping.register));
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
        keeping.batch.duty = Some(text(&keeping.register));
        keeping.record(Record::Note { now, event: "round_signed".to_owned(), subject: round.clone(), detail }, now);
        Some(reply)
    }

    /// What is known of these links now.
    fn measured(&self, links: &LinksOf, now: Now) -> Measured {
        let loaded = &self.field.loaded;
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
            let month = self.accounts[number].accounted(now.utc, loaded.contract.time_zone);
            measured.month += month;
            let role = loaded.contract.measuring_point(link.kind);
            let Some(place) = judge::deciding_point(&link.points, role) else { continue };
            let hour = &self.field.points_of(index)[place].window.summaries()[HOUR];
            measured.probes += hour.counts;
            let share = billionths(hour.counts.lost, hour.counts.lost + hour.counts.answered);
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
