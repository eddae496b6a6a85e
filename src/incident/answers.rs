//! What parties answer besides taking an incident on: that it is not theirs, that it is over, that they take their word
//! back; and what becomes of a word that nothing follows.
//!
//! In: commands of people, and the passing of time. Out: entries of the timeline, and effects. Pure. An acknowledgement
//! that was taken back never stopped the response clock; one that lapsed did, and the party is asked again.

use std::time::Duration;

use super::{
    ActedBy, EffectKind, Incident, IncidentPhase, Incidents, TimelineEntry, World,
    case::{Case, OURSELVES},
    closing::said,
    people::party_of,
    promises::is_of,
};
use crate::{
    command::Refusal,
    inventory::LinkId,
    units::{Mono, Now, duration_text},
};

/// After a party says that it is over, so long until we say what we see: several turns of every probe, and the answer is
/// on the party's page within 30 s.
const RETEST: Duration = Duration::from_secs(20);
/// Links that are named in what we say.
const NAMED: usize = 20;

impl Incidents {
    /// A party takes its acknowledgement back.
    pub(super) fn take_back(
        &mut self,
        incident: &str,
        party: &str,
        by: ActedBy,
        world: &World<'_>,
    ) -> Result<(), Refusal> {
        let (number, case) = self.spoken_of(incident)?;
        let party = party_of(case, party, world)?;
        if case.incident.phase == IncidentPhase::Closed {
            return Err(Refusal::AlreadyClosed);
        }
        if case.incident.acknowledged_by(&party).is_none() {
            return Err(Refusal::NotAcknowledged);
        }
        if by.note.is_empty() {
            return Err(Refusal::NoReason);
        }
        case.write(TimelineEntry { party: party.clone(), ..said("withdrawn", "", &by) });
        case.record().acknowledgements.retain(|one| one.party != party);
        case.resume_response(&party);
        self.tell(number, EffectKind::Unanswered { party });
        Ok(())
    }

    /// A link to the page of a party was given out by hand.
    pub(super) fn link_issued(
        &mut self,
        incident: &str,
        party: &str,
        by: ActedBy,
        world: &World<'_>,
    ) -> Result<(), Refusal> {
        let (number, case) = self.spoken_of(incident)?;
        let party = party_of(case, party, world)?;
        if case.incident.phase == IncidentPhase::Closed {
            return Err(Refusal::AlreadyClosed);
        }
        case.write(TimelineEntry { party, ..said("link_issued", "", &by) });
        self.tell(number, EffectKind::Noted);
        Ok(())
    }

    /// A party says that these links work again: they are probed at once, and what we see is written down soon.
    pub(super) fn test_again(&mut self, number: u64, party: &str, links: Vec<LinkId>, now: Now, world: &World<'_>) {
        let Some(case) = self.cases.get_mut(&number) else { return };
        case.retests.retain(|(waits, _)| waits != party);
        case.retests.push((party.to_owned(), now.mono.plus(RETEST)));
        let links = if links.is_empty() { own(&case.incident, party, world) } else { links };
        self.tell(number, EffectKind::Changed);
        self.tell(number, EffectKind::Reprobe { links });
    }

    /// Lets time pass over what parties said.
    pub(super) fn listen(&mut self, now: Now, world: &World<'_>) {
        let stale_after = world.contract.terms.acknowledgement.stale_after;
        let mut told = vec![];
        for (number, case) in &mut self.cases {
            for party in case.tested(now) {
                let links = own(&case.incident, &party, world);
                let down: Vec<&str> =
                    links.iter().filter(|link| case.is_down(link) == Some(true)).map(LinkId::as_str).collect();
                let mut note = format!("{} of {} up", links.len() - down.len(), links.len());
                if !down.is_empty() {
                    note = format!("{note}; down: {}", down[..down.len().min(NAMED)].join(" "));
                }
                case.write(TimelineEntry { party, way: "probe".to_owned(), ..ours("retested", note, now) });
                told.push((*number, EffectKind::Changed));
            }
            for party in case.lapsed(now, stale_after) {
                let after = stale_after.map(duration_text).unwrap_or_default();
                let note = format!("nothing was heard for {after}");
                case.write(TimelineEntry { party: party.clone(), ..ours("lapsed", note, now) });
                case.record().acknowledgements.retain(|one| one.party != party);
                told.push((*number, EffectKind::Unanswered { party }));
            }
        }
        told.into_iter().for_each(|(number, kind)| self.tell(number, kind));
    }
}

impl Case {
    /// A party said something.
    pub(super) fn hear(&mut self, party: &str, now: Now) {
        self.heard.insert(party.to_owned(), now.mono);
    }

    /// Parties whose links were tested again for long enough.
    fn tested(&mut self, now: Now) -> Vec<String> {
        let (due, waiting) = std::mem::take(&mut self.retests).into_iter().partition(|(_, due)| *due <= now.mono);
        self.retests = waiting;
        let due: Vec<(String, Mono)> = due;
        let open = self.incident.phase != IncidentPhase::Closed;
        due.into_iter().filter(|_| open).map(|(party, _)| party).collect()
    }

    /// Parties that took it on, and of which nothing was heard for so long.
    fn lapsed(&mut self, now: Now, stale_after: Option<Duration>) -> Vec<String> {
        let Some(after) = stale_after.filter(|_| self.incident.phase == IncidentPhase::Open) else { return vec![] };
        // Of whom we know nothing else, we hear now: what came from another incident.
        for one in &self.incident.acknowledgements {
            self.heard.entry(one.party.clone()).or_insert(now.mono);
        }
        let parties = self.incident.acknowledgements.iter().map(|one| &one.party);
        parties.filter(|party| self.lapses(party, after) <= now.mono).cloned().collect()
    }

    /// When the word of a party lapses: so long after it was heard, and after what it promised.
    fn lapses(&self, party: &str, after: Duration) -> Mono {
        let heard = self.heard.get(party).copied().unwrap_or(Mono(i64::MAX));
        let promises = self.incident.promises.iter().zip(&self.promised);
        let promised = promises.filter(|(promise, _)| promise.party == party).map(|(_, due)| *due).max();
        Mono(
            heard.max(promised.unwrap_or(heard)).0.saturating_add(i64::try_from(after.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// When something that a party said is due next.
    pub(super) fn next_lapse(&self, stale_after: Option<Duration>) -> Option<Mono> {
        let open = self.incident.phase == IncidentPhase::Open;
        let lapses = stale_after
            .into_iter()
            .filter(|_| open)
            .flat_map(|after| self.incident.acknowledgements.iter().map(move |one| self.lapses(&one.party, after)));
        lapses.chain(self.retests.iter().map(|(_, due)| *due)).min()
    }
}

/// The links of an incident that are a party's matter.
fn own(incident: &Incident, party: &str, world: &World<'_>) -> Vec<LinkId> {
    let is_own = |id: &LinkId| {
        let link = world.scopes.link(id).map(|link| &world.inventory.links[link.at()]);
        link.is_some_and(|link| is_of(party, link, world.inventory))
    };
    incident.links.iter().map(|(id, _)| id).filter(|id| is_own(id)).cloned().collect()
}

/// Links that a party names: each must be its own, and of the incident.
pub(super) fn named(
    incident: &Incident,
    party: &str,
    links: &[String],
    world: &World<'_>,
) -> Result<Vec<LinkId>, Refusal> {
    let own = own(incident, party, world);
    let find = |name: &String| {
        let id = own.iter().find(|id| id.as_str() == name).cloned();
        id.ok_or_else(|| Refusal::NoSuchLink { link: name.chars().take(64).collect() })
    };
    let mut named = links.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    named.sort_unstable();
    named.dedup();
    Ok(named)
}

fn ours(event: &str, note: String, now: Now) -> TimelineEntry {
    TimelineEntry {
        at: now.utc,
        event: event.to_owned(),
        actor: OURSELVES.to_owned(),
        note,
        ..TimelineEntry::default()
    }
}
