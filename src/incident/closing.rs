//! The end of an incident by people's word: the contract's conditions, closing, annulment.

use super::{
    ActedBy, Annulment, Confirmation, EffectKind, IncidentPhase, Incidents, TimelineEntry, World,
    case::{Case, OURSELVES},
    people::name,
};
use crate::{
    command::{Refusal, person},
    contract::words::Source,
    units::Now,
};

impl Incidents {
    /// A person confirms a condition for closing.
    pub(super) fn confirm(
        &mut self,
        incident: &str,
        condition: &str,
        by: ActedBy,
        world: &World<'_>,
    ) -> Result<(), Refusal> {
        let (number, case) = self.spoken_of(incident)?;
        let known = conditions(world);
        if !known.iter().any(|known| known == condition) {
            return Err(Refusal::NoSuchCondition { known });
        }
        match case.incident.phase {
            IncidentPhase::Open => return Err(Refusal::NotRestored),
            IncidentPhase::Closed => return Err(Refusal::AlreadyClosed),
            IncidentPhase::Restored => {}
        }
        case.write(said("confirmed", condition, &by));
        case.record().confirmations.push(Confirmation { condition: condition.to_owned(), by });
        self.tell(number, EffectKind::Noted);
        Ok(())
    }

    pub(super) fn close_by(&mut self, incident: &str, by: ActedBy, now: Now, world: &World<'_>) -> Result<(), Refusal> {
        let (number, case) = self.spoken_of(incident)?;
        match case.incident.phase {
            IncidentPhase::Open => return Err(Refusal::NotRestored),
            IncidentPhase::Closed => return Err(Refusal::AlreadyClosed),
            IncidentPhase::Restored => {}
        }
        let missing = unconfirmed(case, world);
        if !missing.is_empty() {
            return Err(Refusal::Unconfirmed { missing });
        }
        confirm_measured(case, world);
        self.close(number, Some(by), now);
        Ok(())
    }

    /// Takes an incident back: two people say that it was false or wrongly classed. It ends, and stays in the record.
    pub(super) fn annul(&mut self, incident: &str, second: &str, by: ActedBy, now: Now) -> Result<(), Refusal> {
        let (number, case) = self.spoken_of(incident)?;
        if case.incident.annulled.is_some() {
            return Err(Refusal::AlreadyAnnulled);
        }
        let second = name(second).filter(|second| !person::is_same(second, &by.actor) && !by.note.is_empty());
        let second = second.ok_or(Refusal::NeedsTwo)?;
        case.write(said("annulled", "", &by));
        case.stop_all(now.utc);
        let record = case.record();
        record.annulled = Some(Annulment { by: by.clone(), second });
        if record.phase != IncidentPhase::Closed {
            self.close(number, Some(by), now);
        }
        self.tell(number, EffectKind::Annulled);
        Ok(())
    }
}

/// Conditions of the contract for closing that a person has to confirm; what we measure has been.
fn conditions(world: &World<'_>) -> Vec<String> {
    let rules = world.contract.terms.closing.conditions.iter().filter(|rule| rule.source != Source::Measured);
    rules.map(|rule| rule.id.as_str().to_owned()).collect()
}

/// Conditions that nobody has confirmed yet.
pub(super) fn unconfirmed(case: &Case, world: &World<'_>) -> Vec<String> {
    let confirmed = |condition: &String| case.incident.confirmations.iter().any(|one| one.condition == *condition);
    conditions(world).into_iter().filter(|condition| !confirmed(condition)).collect()
}

/// Writes down, before it closes, what we measured of the conditions: that its links answered, and since when.
pub(super) fn confirm_measured(case: &mut Case, world: &World<'_>) {
    let Some(restored) = case.incident.restored else { return };
    for rule in world.contract.terms.closing.conditions.iter().filter(|rule| rule.source == Source::Measured) {
        let by = ActedBy { actor: OURSELVES.to_owned(), at: restored, note: String::new(), way: "probe".to_owned() };
        let condition = rule.id.as_str();
        if !case.incident.confirmations.iter().any(|one| one.condition == condition) {
            case.write(said("confirmed", condition, &by));
            case.record().confirmations.push(Confirmation { condition: condition.to_owned(), by });
        }
    }
}

pub(super) fn said(event: &str, note: &str, by: &ActedBy) -> TimelineEntry {
    TimelineEntry {
        at: by.at,
        event: event.to_owned(),
        actor: by.actor.clone(),
        note: if by.note.is_empty() { note.to_owned() } else { format!("{note} {}", by.note).trim().to_owned() },
        way: by.way.clone(),
        ..TimelineEntry::default()
    }
}
