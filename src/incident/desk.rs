//! What is kept beside incidents and planned work because people have to act on it: notes of carriers, problems, changes.
//!
//! In: commands, and what happens to incidents. Out: [`DeskRecord`]s, each stored whole under its id. Pure, and bounded by
//! kind: what is settled leaves when room is needed, and what waits for a person never does.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    ActedBy, EffectKind, Incidents, TimelineEntry,
    breaches::{Breach, MOST_BREACHES},
    case::OURSELVES,
    changes::{Change, MOST_CHANGES},
    notes::{MOST_NOTES, Noted},
    problems::{MOST_PROBLEMS, Problem, ProblemPhase, key},
};
use crate::{
    command::Refusal,
    units::{Now, Timestamp},
};

/// Records of all kinds that a start takes up again.
pub const MOST_ON_DESK: usize = MOST_NOTES + MOST_PROBLEMS + MOST_CHANGES + MOST_BREACHES;
/// Entries of one record; the oldest but the first leave.
const MOST_ENTRIES: usize = 128;
/// Tickets of one record: one of each system.
const MOST_TICKETS: usize = 8;
/// Longest name of a system and number of a ticket, in characters.
const WORD: usize = 64;

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "record", rename_all = "snake_case")]
pub enum DeskRecord {
    Maintnote(Arc<Noted>),
    Problem(Arc<Problem>),
    Change(Arc<Change>),
    Breach(Arc<Breach>),
}

/// Something that was done about a problem or a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeskEntry {
    /// `opened`, `fault`, a step of a problem, or a phase of a change.
    pub event: String,
    pub by: ActedBy,
}

/// How another system calls it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    pub system: String,
    pub number: String,
    pub by: ActedBy,
}

impl DeskEntry {
    pub(super) fn ours(event: &str, at: Timestamp, note: &str) -> Self {
        let by = ActedBy { actor: OURSELVES.to_owned(), at, note: note.to_owned(), way: String::new() };
        Self { event: event.to_owned(), by }
    }
}

/// Lets the oldest entry but the first go when there are too many.
pub(super) fn full(entries: &mut Vec<DeskEntry>) {
    if entries.len() > MOST_ENTRIES {
        entries.remove(1);
    }
}

impl DeskRecord {
    /// ULID.
    pub fn id(&self) -> &str {
        match self {
            Self::Maintnote(noted) => &noted.id,
            Self::Problem(problem) => &problem.id,
            Self::Change(change) => &change.id,
            Self::Breach(breach) => &breach.id,
        }
    }

    /// Since when nobody has to act on it; `None`: somebody has.
    pub fn settled(&self) -> Option<Timestamp> {
        let last = |entries: &[DeskEntry]| entries.last().map_or(Timestamp(0), |entry| entry.by.at);
        match self {
            Self::Maintnote(noted) if noted.is_waiting() => None,
            Self::Maintnote(noted) => Some(noted.settled.as_ref().unwrap_or(&noted.received).at),
            Self::Problem(problem) => match problem.phase {
                ProblemPhase::Watched => problem.faults.last().map(|fault| fault.from).or(Some(Timestamp(0))),
                ProblemPhase::Open | ProblemPhase::KnownError => None,
                ProblemPhase::Closed => Some(last(&problem.entries)),
            },
            Self::Change(change) => change.phase.is_over().then(|| last(&change.entries)),
            Self::Breach(breach) => breach.phase.is_over().then(|| last(&breach.entries)),
        }
    }

    /// How often something was written down about it: part of the key of what is told of it.
    pub fn steps(&self) -> usize {
        match self {
            Self::Maintnote(_) => 0,
            Self::Problem(problem) => problem.entries.len(),
            Self::Change(change) => change.entries.len(),
            Self::Breach(breach) => breach.entries.len(),
        }
    }
}

/// Everything on the desk. Shared with whoever looks.
#[derive(Clone, Debug, Default)]
pub struct Desk {
    /// What carriers wrote, by id: in the order in which it came.
    pub(super) notes: BTreeMap<String, Arc<Noted>>,
    pub(super) problems: BTreeMap<String, Arc<Problem>>,
    pub(super) changes: BTreeMap<String, Arc<Change>>,
    pub(super) breaches: BTreeMap<String, Arc<Breach>>,
    /// The problem, not closed, of a scope, and the problem that names an incident.
    pub(super) watched: BTreeMap<(String, String), String>,
    pub(super) fault_of: HashMap<String, String>,
    /// Records that this process has made.
    pub(super) made: u64,
}

impl Desk {
    /// As it was stored.
    pub fn restore(stored: Vec<DeskRecord>) -> Self {
        let mut desk = Self::default();
        for record in stored {
            match record {
                DeskRecord::Maintnote(noted) => _ = desk.notes.insert(noted.id.clone(), noted),
                DeskRecord::Breach(breach) => _ = desk.breaches.insert(breach.id.clone(), breach),
                DeskRecord::Change(change) => _ = desk.changes.insert(change.id.clone(), change),
                DeskRecord::Problem(problem) => {
                    let faults = problem.faults.iter();
                    desk.fault_of.extend(faults.map(|fault| (fault.incident.clone(), problem.id.clone())));
                    if problem.phase != ProblemPhase::Closed {
                        desk.watched.insert(key(&problem.scope), problem.id.clone());
                    }
                    desk.problems.insert(problem.id.clone(), problem);
                }
            }
        }
        desk
    }

    pub(super) fn record(&self, id: &str) -> Option<DeskRecord> {
        let note = || self.notes.get(id).map(|noted| DeskRecord::Maintnote(Arc::clone(noted)));
        let problem = || self.problems.get(id).map(DeskRecord::from);
        let change = || self.changes.get(id).map(|change| DeskRecord::Change(Arc::clone(change)));
        let breach = || self.breaches.get(id).map(|breach| DeskRecord::Breach(Arc::clone(breach)));
        note().or_else(problem).or_else(change).or_else(breach)
    }

    pub(super) fn forget_problem(&mut self, problem: &Problem) {
        self.problems.remove(&problem.id);
        self.watched.retain(|_, id| *id != problem.id);
        problem.faults.iter().for_each(|fault| _ = self.fault_of.remove(&fault.incident));
    }

    /// What carriers wrote, newest first.
    pub fn notes(&self) -> impl Iterator<Item = &Arc<Noted>> {
        self.notes.values().rev()
    }

    /// Notes that wait for a person.
    pub fn inbox(&self) -> usize {
        self.notes.values().filter(|noted| noted.is_waiting()).count()
    }

    /// How much of each kind waits for a person: `maintnote`, `problem`, `change`, `breach`.
    pub fn waiting(&self) -> [(&'static str, usize); 4] {
        let problems = self.problems.values().filter(|problem| problem.phase.is_open()).count();
        let changes = self.changes.values().filter(|change| !change.phase.is_over()).count();
        let breaches = self.breaches.values().filter(|breach| !breach.phase.is_over()).count();
        [("maintnote", self.inbox()), ("problem", problems), ("change", changes), ("breach", breaches)]
    }

    /// Newest first, scopes that are only watched among them.
    pub fn problems(&self) -> impl Iterator<Item = &Arc<Problem>> {
        self.problems.values().rev()
    }

    /// Newest first.
    pub fn breaches(&self) -> impl Iterator<Item = &Arc<Breach>> {
        self.breaches.values().rev()
    }

    /// Newest first.
    pub fn changes(&self) -> impl Iterator<Item = &Arc<Change>> {
        self.changes.values().rev()
    }
}

impl Incidents {
    /// Another system keeps a ticket of an incident, a problem or a change. Its newest number stands.
    pub(super) fn ticket(
        &mut self,
        about: &str,
        system: &str,
        number: &str,
        by: ActedBy,
        now: Now,
    ) -> Result<(), Refusal> {
        let word = |text: &str| {
            let text = text.trim();
            (1..=WORD).contains(&text.chars().count()).then(|| text.to_owned()).ok_or(Refusal::WrongTicket)
        };
        let ticket = Ticket { system: word(system)?, number: word(number)?, by };
        if let Some(problem) = self.desk.problems.get(about).filter(|one| one.phase != ProblemPhase::Watched) {
            let tickets = put(problem.tickets.clone(), ticket)?;
            self.change_problem(about, |problem| problem.tickets = tickets);
            return Ok(());
        }
        if let Some(change) = self.desk.changes.get(about) {
            let tickets = put(change.tickets.clone(), ticket)?;
            if let Some(change) = Arc::make_mut(&mut self.desk).changes.get_mut(about) {
                Arc::make_mut(change).tickets = tickets;
            }
            self.changed.desk.insert(about.to_owned());
            return Ok(());
        }
        let (number, case) = self.spoken_of(about)?;
        let tickets = put(case.incident.tickets.clone(), ticket.clone())?;
        case.write(TimelineEntry {
            at: now.utc,
            event: "ticket".to_owned(),
            actor: ticket.by.actor,
            note: format!("{} {}", ticket.system, ticket.number),
            way: ticket.by.way,
            ..TimelineEntry::default()
        });
        case.record().tickets = tickets;
        self.tell(number, EffectKind::Noted);
        Ok(())
    }
}

fn put(mut tickets: Vec<Ticket>, ticket: Ticket) -> Result<Vec<Ticket>, Refusal> {
    tickets.retain(|known| known.system != ticket.system);
    if tickets.len() == MOST_TICKETS {
        return Err(Refusal::WrongTicket);
    }
    tickets.push(ticket);
    Ok(tickets)
}
