//! Notes of carriers become planned work, or wait in an inbox for a person.
//!
//! In: notes as `maintnote` read them. Out: windows of planned work, which still need what the contract asks for — a note
//! is no approval — and [`Noted`]s. Later notes of a maintenance (`UID`, ordered by `SEQUENCE` and `DTSTAMP`) take the
//! place of earlier ones. Pure.
//!
//! ```text
//!   note ──▶ readable, carrier and circuits known ──▶ window   ──cancelled, completed, moved──▶ window taken back
//!     └────▶ anything else ─────────────────────────▶ inbox ──a person names links, or says why not──▶ settled
//! ```

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{ActedBy, Incidents, ScopeKind, World, incidents::ulid, windows::Windows};
use crate::{
    command::{MaintNote, NoteOutcome, NoteStatus, NoteTaken, NotesTaken, Planned, ReadNote, Refusal, Reply, Waits},
    inventory::CarrierIndex,
    units::Now,
};

/// Records held, and those among them that may wait for a person.
pub const MOST_NOTES: usize = 2_000;
const MOST_WAITING: usize = 200;
/// Circuits of a note that are named to a person.
const MOST_NAMED: usize = 20;

/// The newest note of a maintenance, or one that cannot be read, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    /// ULID.
    pub id: String,
    /// Id of the carrier; `None`: it is not known which.
    pub carrier: Option<String>,
    pub note: ReadNote,
    /// Who brought it, when, and by which way.
    pub received: ActedBy,
    pub outcome: NoteOutcome,
    /// Planned work that stands because of it.
    pub windows: Vec<String>,
    /// Why a person has to look.
    pub waits: Option<Waits>,
    pub settled: Option<ActedBy>,
}

impl Noted {
    /// Nobody has settled it.
    pub fn is_waiting(&self) -> bool {
        self.waits.is_some() && self.settled.is_none()
    }

    fn readable(&self) -> Option<&MaintNote> {
        match &self.note {
            ReadNote::Note(note) => Some(note),
            ReadNote::Unreadable { .. } => None,
        }
    }

    fn taken(&self, outcome: NoteOutcome) -> NoteTaken {
        let waits = self.waits.clone().filter(|_| self.is_waiting());
        NoteTaken { maintnote: self.id.clone(), outcome, windows: self.windows.clone(), waits }
    }
}

impl Incidents {
    /// Takes in what a carrier has sent. `carrier`: who it is; empty: as the notes say.
    pub(super) fn take_notes(
        &mut self,
        carrier: &str,
        notes: &[ReadNote],
        by: &ActedBy,
        now: Now,
        world: &World<'_>,
    ) -> Result<Reply, Refusal> {
        let named = match carrier.trim() {
            "" => None,
            id => {
                let unknown = || Refusal::NoSuchScope { scope: format!("carrier/{id}").chars().take(100).collect() };
                Some(world.inventory.carriers.iter().position(|carrier| carrier.id == id).ok_or_else(unknown)?)
            }
        };
        if self.desk.inbox() + notes.len() > MOST_WAITING {
            return Err(Refusal::InboxFull);
        }
        let mut taken = vec![];
        for note in notes {
            self.make_room(notes.len(), now, world);
            taken.push(self.take_note(named, note, by, now, world));
        }
        Ok(self.notes_reply(taken, now, world))
    }

    /// A person says which links a note is about (`on`), or why nothing has to be planned.
    pub(super) fn settle_note(
        &mut self,
        id: &str,
        on: &[String],
        by: ActedBy,
        now: Now,
        world: &World<'_>,
    ) -> Result<Reply, Refusal> {
        let noted = self.desk.notes.get(id).filter(|noted| noted.is_waiting()).ok_or(Refusal::NothingToSettle)?;
        if on.is_empty() && by.note.is_empty() {
            return Err(Refusal::NothingToSettle);
        }
        let mut noted = (**noted).clone();
        if !on.is_empty() {
            let note = noted.readable().ok_or(Refusal::NoteUnreadable)?;
            let window = self.plan_note(note, on.to_vec(), &by, now, world)?;
            noted.windows.push(window);
        }
        noted.outcome = NoteOutcome::Settled;
        noted.settled = Some(by);
        let taken = noted.taken(NoteOutcome::Settled);
        self.keep_note(noted);
        Ok(self.notes_reply(vec![taken], now, world))
    }

    fn notes_reply(&mut self, notes: Vec<NoteTaken>, now: Now, world: &World<'_>) -> Reply {
        let windows = Arc::make_mut(&mut self.windows);
        windows.compare(now.utc, world);
        let concerns = |window: &String| notes.iter().any(|note| note.windows.contains(window));
        let overlaps = windows.overlaps().iter().filter(|overlap| overlap.windows.iter().any(concerns)).cloned();
        Reply::Maintnotes(NotesTaken { at: now.utc, overlaps: overlaps.collect(), notes })
    }

    fn take_note(
        &mut self,
        named: Option<usize>,
        read: &ReadNote,
        by: &ActedBy,
        now: Now,
        world: &World<'_>,
    ) -> NoteTaken {
        let note = match read {
            ReadNote::Note(note) => note,
            ReadNote::Unreadable { reason, .. } => {
                let same = |noted: &&Arc<Noted>| noted.is_waiting() && noted.note == *read;
                if let Some(known) = self.desk.notes.values().find(same) {
                    return known.taken(NoteOutcome::Known);
                }
                let carrier = named.map(|at| world.inventory.carriers[at].id.clone());
                let waits = Waits::Unreadable { reason: reason.clone() };
                return self.write_note(None, carrier, read, by, (NoteOutcome::Inbox, vec![], Some(waits)), now);
            }
        };
        let carrier = named.or_else(|| carrier_of(note, world));
        let id = carrier.map(|at| world.inventory.carriers[at].id.clone());
        let is_same = |noted: &Noted| {
            let known = noted.readable().filter(|known| known.uid == note.uid);
            known.is_some_and(|known| match (&noted.carrier, &id) {
                (Some(one), Some(other)) => one == other,
                // One of them came without a carrier that is known.
                _ => known.provider == note.provider,
            })
        };
        let earlier = self.desk.notes.values().rev().find(|noted| is_same(noted)).cloned();
        let order = |note: &MaintNote| (note.sequence, note.stamp);
        if let Some(known) = &earlier
            && known.readable().is_some_and(|known| order(known) >= order(note))
        {
            return known.taken(NoteOutcome::Known);
        }
        let became = match carrier {
            None => {
                let waits = Waits::UnknownProvider { provider: note.provider.clone() };
                (NoteOutcome::Inbox, vec![], Some(waits))
            }
            Some(carrier) => self.plan_by(note, carrier, earlier.as_deref(), by, now, world),
        };
        self.write_note(earlier, id, read, by, became, now)
    }

    /// What a note of this carrier changes about planned work.
    fn plan_by(
        &mut self,
        note: &MaintNote,
        carrier: usize,
        earlier: Option<&Noted>,
        by: &ActedBy,
        now: Now,
        world: &World<'_>,
    ) -> (NoteOutcome, Vec<String>, Option<Waits>) {
        let standing = earlier.map(|noted| noted.windows.clone()).unwrap_or_default();
        if note.status == NoteStatus::NoChange {
            let waits = earlier.and_then(|noted| noted.waits.clone().filter(|_| noted.is_waiting()));
            let outcome = if waits.is_some() { NoteOutcome::Inbox } else { NoteOutcome::Recorded };
            return (outcome, standing, waits);
        }
        let is_on = matches!(note.status, NoteStatus::Confirmed | NoteStatus::InProcess | NoteStatus::ReScheduled);
        let felt: BTreeSet<&str> = note
            .objects
            .iter()
            .filter(|object| is_on && object.impact.is_felt())
            .map(|object| object.id.as_str())
            .collect();
        let (mut on, mut unknown) = (vec![], vec![]);
        for cid in felt {
            let is_it = |link: &&crate::inventory::Link| {
                link.carrier == CarrierIndex(carrier as _) && link.cid == cid && world.scopes.link(&link.id).is_some()
            };
            match world.inventory.links.iter().find(is_it) {
                Some(link) => on.push(format!("{}/{}", ScopeKind::Link.as_str(), link.id)),
                None => unknown.push(cid.to_owned()),
            }
        }
        on.sort_unstable();
        if !on.is_empty() && self.windows.holds(&standing, note, &on, now, world) {
            return (
                if unknown.is_empty() { NoteOutcome::Planned } else { NoteOutcome::Inbox },
                standing,
                circuits(unknown),
            );
        }
        let withdrew = standing.iter().filter(|window| self.withdraw(window, by, now, world)).count() > 0;
        if on.is_empty() {
            let outcome = match (unknown.is_empty(), withdrew) {
                (false, _) => NoteOutcome::Inbox,
                (true, true) => NoteOutcome::Withdrawn,
                (true, false) => NoteOutcome::Recorded,
            };
            return (outcome, vec![], circuits(unknown));
        }
        match self.plan_note(note, on, by, now, world) {
            Ok(window) if unknown.is_empty() => (NoteOutcome::Planned, vec![window], None),
            Ok(window) => (NoteOutcome::Inbox, vec![window], circuits(unknown)),
            Err(refusal) => {
                let reason = match refusal {
                    Refusal::WrongWindow { reason } => reason,
                    _ => "as much work is planned as is held at a time".to_owned(),
                };
                (NoteOutcome::Inbox, vec![], Some(Waits::NotPlanned { reason }))
            }
        }
    }

    /// Announced by the note that came now: what a carrier had in mind before is no notice.
    fn plan_note(
        &mut self,
        note: &MaintNote,
        scopes: Vec<String>,
        by: &ActedBy,
        now: Now,
        world: &World<'_>,
    ) -> Result<String, Refusal> {
        let planned = Planned {
            scopes,
            from: note.from,
            to: note.to,
            every: None,
            until: None,
            requester: note.provider.chars().take(64).collect(),
            approver: String::new(),
            announced: None,
            drill: false,
            reason: format!("{} {}", note.maintenance, note.summary),
        };
        let id = self.write_window(&planned, by.clone(), now, world)?;
        Arc::make_mut(&mut self.windows).provided(&id);
        Ok(id)
    }

    /// `true`: it was not over.
    fn withdraw(&mut self, window: &str, by: &ActedBy, now: Now, world: &World<'_>) -> bool {
        let done = Arc::make_mut(&mut self.windows).cancel(window, by.clone(), now, world).is_ok();
        if done {
            self.changed.windows.insert(window.to_owned());
        }
        done
    }

    fn write_note(
        &mut self,
        earlier: Option<Arc<Noted>>,
        carrier: Option<String>,
        note: &ReadNote,
        by: &ActedBy,
        (outcome, windows, waits): (NoteOutcome, Vec<String>, Option<Waits>),
        now: Now,
    ) -> NoteTaken {
        let id = earlier.map(|noted| noted.id.clone()).unwrap_or_else(|| self.desk_id(now));
        let received = by.clone();
        let noted = Noted { id, carrier, note: note.clone(), received, outcome, windows, waits, settled: None };
        let taken = noted.taken(outcome);
        self.keep_note(noted);
        taken
    }

    fn keep_note(&mut self, noted: Noted) {
        self.changed.desk.insert(noted.id.clone());
        Arc::make_mut(&mut self.desk).notes.insert(noted.id.clone(), Arc::new(noted));
    }

    /// Ids of the desk rise, and are none of an incident.
    pub(super) fn desk_id(&mut self, now: Now) -> String {
        let desk = Arc::make_mut(&mut self.desk);
        desk.made += 1;
        ulid(!self.seed, desk.made, now.utc)
    }

    /// Notes that nobody waits for and whose work is over leave, the oldest first.
    fn make_room(&mut self, more: usize, now: Now, world: &World<'_>) {
        let excess = (self.desk.notes.len() + more).saturating_sub(MOST_NOTES);
        if excess == 0 {
            return;
        }
        let zone = world.contract.time_zone;
        let windows = &self.windows;
        let runs = |id: &String| windows.get(id).is_some_and(|window| window.turn(now.utc, zone).is_some());
        let over = |noted: &&Arc<Noted>| !noted.is_waiting() && !noted.windows.iter().any(runs);
        let gone: Vec<String> =
            self.desk.notes.values().filter(over).take(excess).map(|noted| noted.id.clone()).collect();
        let desk = Arc::make_mut(&mut self.desk);
        gone.iter().for_each(|id| _ = desk.notes.remove(id));
    }
}

impl Windows {
    /// These windows are to come, and are about the same links and times as the note: an approval of them stands.
    fn holds(&self, windows: &[String], note: &MaintNote, on: &[String], now: Now, world: &World<'_>) -> bool {
        let [id] = windows else { return false };
        self.get(id).is_some_and(|window| {
            let scopes = window.scopes.iter().map(|scope| format!("{}/{}", scope.kind, scope.id));
            let is_same = (window.from, window.to) == (note.from, note.to) && scopes.eq(on.iter().cloned());
            is_same && window.cancelled.is_none() && window.turn(now.utc, world.contract.time_zone).is_some()
        })
    }
}

fn circuits(mut unknown: Vec<String>) -> Option<Waits> {
    unknown.truncate(MOST_NAMED);
    (!unknown.is_empty()).then_some(Waits::UnknownCircuits { circuits: unknown })
}

/// The one carrier that goes by the provider's name.
fn carrier_of(note: &MaintNote, world: &World<'_>) -> Option<usize> {
    let is_it = |name: &str| name.eq_ignore_ascii_case(&note.provider);
    let mut found = world.inventory.carriers.iter().enumerate().filter(|(_, carrier)| {
        is_it(&carrier.id) || is_it(&carrier.name) || carrier.maintnote.iter().any(|name| is_it(name))
    });
    let (at, _) = found.next()?;
    found.next().is_none().then_some(at)
}

#[cfg(test)]
mod tests;
