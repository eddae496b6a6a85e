//! Problems and changes as outsiders read them, in the API and in webhooks: English keys, times with an offset.

use chrono_tz::Tz;
use serde::Serialize;

use super::{
    ActedBy, Breach, BreachPhase, Change, ChangePhase, DeskEntry, DeskRecord, Problem, ProblemPhase, Scope, Sealed,
    Ticket,
};
use crate::{command::Paper, units::At};

/// A problem or a change; notes of carriers have a view of their own.
#[derive(Serialize)]
#[serde(untagged)]
pub enum DeskView<'a> {
    Problem(ProblemView<'a>),
    Change(ChangeView<'a>),
    Breach(BreachView<'a>),
    Other {},
}

#[derive(Serialize)]
pub struct ProblemView<'a> {
    id: &'a str,
    phase: ProblemPhase,
    scope: String,
    opened: Option<At>,
    faults: Vec<FaultView<'a>>,
    entries: Vec<EntryView<'a>>,
    tickets: Vec<TicketView<'a>>,
}

#[derive(Serialize)]
struct FaultView<'a> {
    incident: &'a str,
    from: At,
    to: Option<At>,
}

#[derive(Serialize)]
pub struct ChangeView<'a> {
    id: &'a str,
    phase: ChangePhase,
    what: &'a str,
    reason: &'a str,
    requester: &'a str,
    on: Vec<String>,
    from: Option<At>,
    to: Option<At>,
    problem: Option<&'a str>,
    /// Its planned work.
    window: Option<&'a str>,
    /// Who agreed, or did not.
    decided_by: Option<&'a str>,
    decided: Option<At>,
    entries: Vec<EntryView<'a>>,
    tickets: Vec<TicketView<'a>>,
}

/// A notice of a broken period, or of poor quality.
#[derive(Serialize)]
pub struct BreachView<'a> {
    id: &'a str,
    phase: BreachPhase,
    /// `breach` under an agreement, else `quality`.
    kind: &'static str,
    title: &'static str,
    number: Option<&'a str>,
    begins: At,
    ends: At,
    paper: &'a Paper,
    sealed: Option<&'a Sealed>,
    entries: Vec<EntryView<'a>>,
}

impl<'a> BreachView<'a> {
    pub fn new(breach: &'a Breach, zone: Tz) -> Self {
        Self {
            id: &breach.id,
            phase: breach.phase,
            kind: breach.kind(),
            title: breach.title(),
            number: breach.number.as_deref(),
            begins: At(breach.paper.begins, zone),
            ends: At(breach.paper.ends, zone),
            paper: &breach.paper,
            sealed: breach.sealed.as_ref(),
            entries: entries(&breach.entries, zone),
        }
    }
}

#[derive(Serialize)]
struct EntryView<'a> {
    at: At,
    event: &'a str,
    actor: &'a str,
    way: &'a str,
    note: &'a str,
}

/// How another system calls it.
#[derive(Serialize)]
pub struct TicketView<'a> {
    system: &'a str,
    number: &'a str,
    at: At,
    actor: &'a str,
}

impl<'a> DeskView<'a> {
    pub fn new(record: &'a DeskRecord, zone: Tz) -> Self {
        match record {
            DeskRecord::Problem(problem) => Self::Problem(ProblemView::new(problem, zone)),
            DeskRecord::Change(change) => Self::Change(ChangeView::new(change, zone)),
            DeskRecord::Breach(breach) => Self::Breach(BreachView::new(breach, zone)),
            DeskRecord::Maintnote(_) => Self::Other {},
        }
    }
}

impl<'a> ProblemView<'a> {
    pub fn new(problem: &'a Problem, zone: Tz) -> Self {
        let fault = |fault: &'a super::Fault| FaultView {
            incident: &fault.incident,
            from: At(fault.from, zone),
            to: fault.to.map(|to| At(to, zone)),
        };
        Self {
            id: &problem.id,
            phase: problem.phase,
            scope: written(&problem.scope),
            opened: problem.opened.map(|at| At(at, zone)),
            faults: problem.faults.iter().map(fault).collect(),
            entries: entries(&problem.entries, zone),
            tickets: tickets(&problem.tickets, zone),
        }
    }
}

impl<'a> ChangeView<'a> {
    pub fn new(change: &'a Change, zone: Tz) -> Self {
        let decision: Option<&ActedBy> = change.decision.as_ref();
        Self {
            id: &change.id,
            phase: change.phase,
            what: &change.what,
            reason: &change.reason,
            requester: &change.requester,
            on: change.scopes.iter().map(written).collect(),
            from: change.from.map(|at| At(at, zone)),
            to: change.to.map(|at| At(at, zone)),
            problem: change.problem.as_deref(),
            window: change.window.as_deref(),
            decided_by: decision.map(|by| by.actor.as_str()),
            decided: decision.map(|by| At(by.at, zone)),
            entries: entries(&change.entries, zone),
            tickets: tickets(&change.tickets, zone),
        }
    }
}

/// As people write it: `link/LL-0412`.
fn written(scope: &Scope) -> String {
    format!("{}/{}", scope.kind, scope.id)
}

fn entries(entries: &[DeskEntry], zone: Tz) -> Vec<EntryView<'_>> {
    let rows = entries.iter().map(|DeskEntry { event, by }| EntryView {
        at: At(by.at, zone),
        event,
        actor: &by.actor,
        way: &by.way,
        note: &by.note,
    });
    rows.collect()
}

/// Tickets of an incident, a problem or a change.
pub fn tickets(tickets: &[Ticket], zone: Tz) -> Vec<TicketView<'_>> {
    let rows = tickets.iter().map(|Ticket { system, number, by }| TicketView {
        system,
        number,
        at: At(by.at, zone),
        actor: &by.actor,
    });
    rows.collect()
}
