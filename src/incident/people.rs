//! What people ask of incidents: acknowledge, close. Each command has an answer, and a repeat has the same one.

use super::{ActedBy, Effect, EffectKind, IncidentPhase, Incidents};
use crate::{
    command::{Action, Command, Refusal, Reply},
    units::Now,
};

/// Commands whose answer is remembered: a repeat of the same key is answered like the first.
const MOST_KEYS: usize = 1_024;

impl Incidents {
    /// Carries out what a person asked for.
    pub fn obey(&mut self, command: &Command, now: Now) -> (Reply, Vec<Effect>) {
        if let Some((_, reply)) = self.keys.iter().find(|(key, _)| *key == command.key) {
            return (reply.clone(), vec![]);
        }
        let reply = match self.act(command, now) {
            Ok(()) => Reply::Done { at: now.utc },
            Err(refusal) => Reply::Refused(refusal),
        };
        if self.keys.len() == MOST_KEYS {
            self.keys.pop_front();
        }
        self.keys.push_back((command.key.clone(), reply.clone()));
        // A command moves what happens next: the coming tick works it out.
        self.due = now.mono;
        (reply, std::mem::take(&mut self.effects))
    }

    fn act(&mut self, command: &Command, now: Now) -> Result<(), Refusal> {
        let actor = command.actor.trim();
        if actor.is_empty() || actor.chars().count() > 64 {
            return Err(Refusal::NoActor);
        }
        let acted = |note: &str| ActedBy { actor: actor.to_owned(), at: now.utc, note: note.to_owned() };
        match &command.action {
            Action::Acknowledge { incident, note } => {
                let number = self.meant(incident).ok_or(Refusal::NoSuchIncident)?;
                let case = self.cases.get_mut(&number).ok_or(Refusal::NoSuchIncident)?;
                match &case.incident.acknowledged {
                    _ if case.incident.phase == IncidentPhase::Closed => return Err(Refusal::AlreadyClosed),
                    Some(by) if !case.wants_acknowledgement() => {
                        return Err(Refusal::AlreadyAcknowledged { by: by.actor.clone() });
                    }
                    _ => case.acknowledge(acted(note)),
                }
                self.tell(number, EffectKind::Acknowledged);
            }
            Action::Close { incident, note } => {
                let number = self.meant(incident).ok_or(Refusal::NoSuchIncident)?;
                let phase = self.cases.get(&number).map(|case| case.incident.phase);
                match phase.ok_or(Refusal::NoSuchIncident)? {
                    IncidentPhase::Open => return Err(Refusal::NotRestored),
                    IncidentPhase::Closed => return Err(Refusal::AlreadyClosed),
                    IncidentPhase::Restored => self.close(number, Some(acted(note)), now),
                }
            }
            // Not about incidents: the shell's own work.
            Action::Reload => return Err(Refusal::NoSuchIncident),
        }
        Ok(())
    }

    /// The incident with this id, or the one it was merged into.
    fn meant(&self, id: &str) -> Option<u64> {
        let mut number = *self.ids.get(id)?;
        while let Some(into) = self.cases.get(&number)?.incident.merged_into.as_ref() {
            number = *self.ids.get(into)?;
        }
        Some(number)
    }
}
