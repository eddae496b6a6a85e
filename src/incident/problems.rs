//! Faults that come again are a problem: its cause is looked for once, and not with every outage anew.
//!
//! In: outages as they are told of, restored, merged and annulled. Out: one [`Problem`] per scope that failed as often
//! within a time as the contract says (`problems` of `contract.yaml`), and what people write down about it. Pure. Outages
//! with less than the contract's `flaps.gap` between them are one fault.
//!
//! ```text
//!   Watched ──as many faults as the contract says──▶ Open ──cause──▶ KnownError ──close──▶ Closed
//!      ▲ the first fault of a scope                    └───────────────close────────────────▲
//! ```

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    ActedBy, DeskRecord, EffectKind, Incident, IncidentKind, Incidents, Scope, ScopeKind, World,
    desk::{DeskEntry, Ticket, full},
};
use crate::{
    command::{ProblemStep, Refusal},
    units::{Now, Timestamp},
};

/// Scopes that are watched; the one that has been quiet for longest leaves. Problems do not leave before they are closed.
pub const MOST_PROBLEMS: usize = 20_000;
/// Outages that one problem names; the oldest leave.
const MOST_FAULTS: usize = 100;

/// A scope that failed, and may fail again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// ULID.
    pub id: String,
    pub scope: Scope,
    pub phase: ProblemPhase,
    /// Outages of the scope, by their start: while watched, those within the contract's time.
    pub faults: Vec<Fault>,
    /// When there were as many as the contract says.
    pub opened: Option<Timestamp>,
    pub entries: Vec<DeskEntry>,
    pub tickets: Vec<Ticket>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemPhase {
    /// Too few faults yet.
    Watched,
    Open,
    /// Its cause is known.
    KnownError,
    Closed,
}

impl ProblemPhase {
    /// Somebody has to act on it.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::KnownError)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Watched => "watched",
            Self::Open => "open",
            Self::KnownError => "known_error",
            Self::Closed => "closed",
        }
    }
}

/// One outage of the scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub incident: String,
    pub from: Timestamp,
    /// `None` while it lasts.
    pub to: Option<Timestamp>,
}

impl Problem {
    /// Faults within `within` before its newest, those with less than `gap` between them counted once.
    fn count(&self, gap: Duration) -> usize {
        let mut ended: Option<Timestamp> = None;
        let mut count = 0;
        for fault in &self.faults {
            let is_new = ended.is_none_or(|ended| fault.from > ended && fault.from.since(ended) >= gap);
            count += usize::from(is_new);
            ended = ended.max(Some(fault.to.unwrap_or(fault.from)));
        }
        count
    }

    fn last(&self) -> Option<Timestamp> {
        self.faults.last().map(|fault| fault.from)
    }
}

impl Incidents {
    /// Holds what happened in this step against the problems.
    pub(super) fn look_for_problems(&mut self, now: Now, world: &World<'_>) {
        if world.contract.terms.problems.is_none() {
            return;
        }
        let matters = |kind: &EffectKind| {
            matches!(
                kind,
                EffectKind::Announced | EffectKind::Restored | EffectKind::Merged { .. } | EffectKind::Annulled
            )
        };
        let mut ids: Vec<String> =
            self.effects.iter().filter(|effect| matters(&effect.kind)).map(|effect| effect.incident.clone()).collect();
        ids.dedup();
        for id in ids {
            if let Some(incident) = self.get(&id).map(Arc::clone) {
                self.fault(&incident, now, world);
            }
        }
    }

    fn fault(&mut self, incident: &Incident, now: Now, world: &World<'_>) {
        let Some(terms) = &world.contract.terms.problems else { return };
        let known = self.desk.fault_of.get(&incident.id).cloned();
        let kind = ScopeKind::parse(&incident.scope.kind);
        let counts = matches!(incident.kind, IncidentKind::Outage | IncidentKind::Service)
            && incident.merged_into.is_none()
            && incident.annulled.is_none()
            && incident.announced.is_some()
            && !matches!(kind, None | Some(ScopeKind::Network | ScopeKind::Prober));
        let meant = counts.then(|| self.desk.watched.get(&key(&incident.scope)).cloned()).flatten();
        // A problem keeps the outages that made it, also when it is closed before the last one ends.
        if let Some(before) = known.filter(|before| Some(before) != meant.as_ref()) {
            let is_over = self.desk.problems.get(&before).is_some_and(|one| one.phase == ProblemPhase::Closed);
            if is_over && counts {
                return;
            }
            self.change_problem(&before, |problem| problem.faults.retain(|fault| fault.incident != incident.id));
        }
        if !counts {
            return;
        }
        let id = meant.unwrap_or_else(|| self.watch(&incident.scope, now));
        Arc::make_mut(&mut self.desk).fault_of.insert(incident.id.clone(), id.clone());
        let fault = Fault { incident: incident.id.clone(), from: incident.began, to: incident.restored };
        let (most, within, gap) = (terms.faults.value, terms.within.value, world.contract.terms.flaps.gap.value);
        let mut opened = false;
        let mut is_news = false;
        let mut gone = vec![];
        self.change_problem(&id, |problem| {
            match problem.faults.iter_mut().find(|known| known.incident == fault.incident) {
                Some(known) => *known = fault.clone(),
                None => {
                    problem.faults.push(fault.clone());
                    is_news = problem.phase != ProblemPhase::Watched;
                }
            }
            problem.faults.sort_by(|one, other| (one.from, &one.incident).cmp(&(other.from, &other.incident)));
            let newest = problem.last().unwrap_or(fault.from);
            let excess = problem.faults.len().saturating_sub(MOST_FAULTS);
            gone.extend(problem.faults.drain(..excess).map(|fault| fault.incident));
            if problem.phase == ProblemPhase::Watched {
                let is_old = |fault: &Fault| newest.since(fault.from) > within;
                gone.extend(problem.faults.extract_if(.., |fault| is_old(fault)).map(|fault| fault.incident));
                if problem.count(gap) >= most as usize {
                    problem.phase = ProblemPhase::Open;
                    problem.opened = Some(now.utc);
                    problem.entries.push(DeskEntry::ours("opened", now.utc, ""));
                    opened = true;
                }
            } else if is_news {
                problem.entries.push(DeskEntry::ours("fault", now.utc, &fault.incident));
                full(&mut problem.entries);
            }
        });
        let desk = Arc::make_mut(&mut self.desk);
        gone.iter().for_each(|incident| _ = desk.fault_of.remove(incident));
        if opened || is_news {
            self.changed.told.insert(id);
        }
    }

    /// Begins to watch a scope.
    fn watch(&mut self, scope: &Scope, now: Now) -> String {
        let id = self.desk_id(now);
        let desk = Arc::make_mut(&mut self.desk);
        if desk.problems.len() >= MOST_PROBLEMS {
            let quiet = |problem: &&Arc<Problem>| !problem.phase.is_open();
            let oldest = desk.problems.values().filter(quiet).min_by_key(|problem| problem.last());
            if let Some(oldest) = oldest.map(Arc::clone) {
                desk.forget_problem(&oldest);
            }
        }
        let problem = Problem {
            id: id.clone(),
            scope: scope.clone(),
            phase: ProblemPhase::Watched,
            faults: vec![],
            opened: None,
            entries: vec![],
            tickets: vec![],
        };
        desk.watched.insert(key(scope), id.clone());
        desk.problems.insert(id.clone(), Arc::new(problem));
        id
    }

    pub(super) fn change_problem(&mut self, id: &str, change: impl FnOnce(&mut Problem)) {
        if let Some(problem) = Arc::make_mut(&mut self.desk).problems.get_mut(id) {
            change(Arc::make_mut(problem));
            self.changed.desk.insert(id.to_owned());
        }
    }

    /// A person writes down what is known of a problem.
    pub(super) fn record_problem(&mut self, id: &str, step: ProblemStep, by: ActedBy) -> Result<(), Refusal> {
        let problem = self.desk.problems.get(id).ok_or(Refusal::NoSuchProblem)?;
        if !problem.phase.is_open() {
            return Err(Refusal::ProblemNotOpen);
        }
        if by.note.is_empty() {
            return Err(Refusal::NothingReported);
        }
        let scope = key(&problem.scope);
        self.change_problem(id, |problem| {
            problem.entries.push(DeskEntry { event: step.as_str().to_owned(), by });
            full(&mut problem.entries);
            match step {
                ProblemStep::Cause => problem.phase = ProblemPhase::KnownError,
                ProblemStep::Close => problem.phase = ProblemPhase::Closed,
                ProblemStep::Note | ProblemStep::Workaround => {}
            }
        });
        if step == ProblemStep::Close {
            // What fails from now on is another problem.
            Arc::make_mut(&mut self.desk).watched.remove(&scope);
        }
        self.changed.told.insert(id.to_owned());
        Ok(())
    }
}

/// What stands for a scope in the index.
pub(super) fn key(scope: &Scope) -> (String, String) {
    (scope.kind.clone(), scope.id.clone())
}

impl From<&Arc<Problem>> for DeskRecord {
    fn from(problem: &Arc<Problem>) -> Self {
        Self::Problem(Arc::clone(problem))
    }
}

#[cfg(test)]
mod tests;
