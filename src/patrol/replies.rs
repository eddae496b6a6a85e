//! What comes back by text message or key press: taken for an acknowledgement when it is plain, else left for the duty
//! officer. So are reports of faults.

use serde_json::json;

use super::turn::{Loop, text};
use crate::{
    command::{Action, Command, Heard, Refusal, Reply, Reported, Unclear},
    duty::UnclearReply,
    incident::{Incident, IncidentKind, IncidentPhase},
    inventory::{LinkId, LinkIndex},
    journal::Record,
    notify::reply,
    store::Whole,
    units::Now,
};

/// The key that takes an incident on.
const TAKES: &str = "1";
/// Longest text that is kept of a reply, in characters.
const TEXT: usize = 200;

impl Loop {
    /// What came back from a number. An acknowledgement is a command of the person who has the number.
    pub(super) fn hear(&mut self, command: &Command, heard: &Heard, now: Now) -> Reply {
        let numbers = &self.field.loaded.config.replies.numbers;
        let bare = reply::bare(&heard.number);
        let known = numbers.iter().find(|known| !bare.is_empty() && reply::bare(&known.number) == bare).cloned();
        let Some(keeping) = &self.keeping else { return Reply::Refused(Refusal::NotKept) };
        let list = keeping.incidents.list();
        // What was told of under its own code may be part of another one since.
        let is_spoken_of = |one: &Incident| one.phase == IncidentPhase::Open || one.merged_into.is_some();
        let open: Vec<&str> = list.iter().filter(|one| is_spoken_of(one)).map(|one| one.id.as_str()).collect();
        let meant = match (&known, heard.key.as_str()) {
            (None, _) => Err(Unclear::UnknownNumber),
            (Some(_), "") => reply::read(&heard.text, open),
            (Some(_), TAKES) => Ok(heard.incident.as_str()),
            (Some(_), _) => Err(Unclear::OtherKey),
        };
        let is_known = known.is_some();
        let (party, person) = known.map(|known| (known.party, known.person)).unwrap_or_default();
        let inventory = std::sync::Arc::clone(&self.field.loaded.inventory);
        let circuits = (0..).map(LinkIndex).zip(&inventory.links);
        let circuits = circuits.map(|(link, known)| (link, [known.id.as_str(), known.cid.as_str()]));
        if let Some(link) = reply::reported(&heard.text, circuits).filter(|_| is_known && heard.key.is_empty()) {
            let taken = link.and_then(|link| self.hear_of_fault(command, heard, (&party, &person), link, &list, now));
            return taken.unwrap_or_else(|why| self.leave_for_a_person(command, heard, (party, person), why, now));
        }
        let unclear = match meant {
            Err(unclear) => unclear,
            Ok(incident) => {
                let (incident, note, work_order) = (incident.to_owned(), String::new(), String::new());
                let action = Action::Acknowledge { incident, party: party.clone(), note, work_order, eta: None };
                let way = if heard.key.is_empty() { "sms" } else { "voice" };
                let taken = Command {
                    actor: person.clone(),
                    key: format!("{way}-{}", command.key),
                    way: way.to_owned(),
                    action,
                };
                match self.obey_incidents(&taken, now) {
                    // Somebody said it before: nothing is unclear.
                    Reply::Refused(Refusal::AlreadyAcknowledged { .. }) => return Reply::Done { at: now.utc },
                    Reply::Refused(_) => Unclear::NotTheirs,
                    reply => return reply,
                }
            }
        };
        self.leave_for_a_person(command, heard, (party, person), unclear, now)
    }

    /// A unit or an officer reports a fault: as the form and the API do.
    fn hear_of_fault(
        &mut self,
        command: &Command,
        heard: &Heard,
        (party, person): (&str, &str),
        link: LinkIndex,
        open: &[std::sync::Arc<Incident>],
        now: Now,
    ) -> Result<Reply, Unclear> {
        let inventory = &self.field.loaded.inventory;
        let link = &inventory.links[link.at()];
        let is_theirs = match party.split_once('/') {
            Some(("unit", unit)) => inventory.units[link.unit.at()].id == unit,
            Some(_) => false,
            None => true,
        };
        if !is_theirs {
            return Err(Unclear::NotTheirs);
        }
        // Whoever sends it again says nothing new.
        let id: LinkId = link.id.clone();
        let is_same = |one: &&std::sync::Arc<Incident>| {
            let is_of_link = one.links.iter().any(|(known, _)| *known == id);
            one.kind == IncidentKind::Reported && one.phase == IncidentPhase::Open && is_of_link
        };
        if let Some(known) = open.iter().find(is_same) {
            return Ok(Reply::Reported { at: now.utc, incidents: vec![known.id.clone()], joined: true });
        }
        let (what, party) = (heard.text.trim().to_owned(), party.to_owned());
        let reported =
            Reported { links: vec![id.to_string()], what, party, at: None, source: String::new(), drill: false };
        let taken = Command {
            actor: person.to_owned(),
            key: format!("sms-{}", command.key),
            way: "sms".to_owned(),
            action: Action::Report(reported),
        };
        match self.obey_incidents(&taken, now) {
            Reply::Refused(_) => Err(Unclear::NotTaken),
            reply => Ok(reply),
        }
    }

    fn leave_for_a_person(
        &mut self,
        command: &Command,
        heard: &Heard,
        (party, person): (String, String),
        why: Unclear,
        now: Now,
    ) -> Reply {
        let unclear = UnclearReply {
            id: command.key.clone(),
            at: heard.at.unwrap_or(now.utc),
            number: reply::masked(&heard.number),
            party,
            person,
            text: heard.text.chars().take(TEXT).collect(),
            why,
            settled: None,
        };
        let answer = Reply::Listed { at: now.utc, why };
        let Some(keeping) = &mut self.keeping else { return answer };
        // The chain cannot be erased: what people write stays out of it.
        let detail = json!({ "number": unclear.number, "party": unclear.party, "why": why });
        let id = unclear.id.clone();
        if std::sync::Arc::make_mut(&mut keeping.register).list_reply(unclear) {
            keeping.batch.whole.insert(Whole::Duty, text(&keeping.register));
            tracing::warn!(?why, "a reply waits for the duty officer");
            self.log(now, "reply_unclear", &id, detail);
        }
        answer
    }

    /// A person has dealt with a reply.
    pub(super) fn settle_reply(&mut self, command: &Command, id: &str, note: &str, now: Now) -> Reply {
        let Some(keeping) = &mut self.keeping else { return Reply::Refused(Refusal::NotKept) };
        let actor = command.actor.trim();
        if actor.is_empty() {
            return Reply::Refused(Refusal::NoActor);
        }
        let register = std::sync::Arc::make_mut(&mut keeping.register);
        if let Err(refusal) = register.settle_reply(id, actor, note, now.utc) {
            return Reply::Refused(refusal);
        }
        let mut detail = json!({ "command": command });
        keeping.hide_people(&mut detail);
        keeping.batch.whole.insert(Whole::Duty, text(&keeping.register));
        let (event, subject) = ("reply_settled".to_owned(), id.to_owned());
        keeping.record(Record::Note { now, event, subject, detail }, now);
        Reply::Done { at: now.utc }
    }
}
