//! Changes: who asked, who agreed, when it was carried out, and what came of it.
//!
//! In: commands. Out: [`Change`]s. Pure. Nobody agrees to a change of their own. A change with times and scopes is planned
//! work too: one window, which is approved and taken back with it, and is judged by the contract's notice like any other.
//!
//! ```text
//!   Requested ──approve──▶ Approved ──done, failed──▶ Done, Failed
//!       └──reject──▶ Rejected └──withdraw (also before)──▶ Withdrawn
//! ```

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    ActedBy, Incidents, Scope, World,
    desk::{DeskEntry, Ticket, full},
    people::name,
};
use crate::{
    command::{Planned, Refusal, Reply, RequestedChange, Verdict, person},
    units::{Now, Timestamp},
};

/// Changes held; those that came to an end leave when there are more, the oldest first.
pub const MOST_CHANGES: usize = 2_000;
const TEXT: usize = 1_000;

/// A change (变更), from its request on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// ULID.
    pub id: String,
    pub what: String,
    /// Why, and how it is taken back.
    pub reason: String,
    pub requester: String,
    /// What it is about; empty: no planned work follows.
    pub scopes: Vec<Scope>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    /// The problem that it is to end.
    pub problem: Option<String>,
    /// Its planned work.
    pub window: Option<String>,
    pub phase: ChangePhase,
    /// Who agreed or did not, when and why.
    pub decision: Option<ActedBy>,
    pub entries: Vec<DeskEntry>,
    pub tickets: Vec<Ticket>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangePhase {
    Requested,
    Approved,
    Rejected,
    Withdrawn,
    Done,
    Failed,
}

impl ChangePhase {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// Nothing more is to be done about it.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Requested | Self::Approved)
    }
}

impl Incidents {
    pub(super) fn request_change(
        &mut self,
        asked: &RequestedChange,
        by: ActedBy,
        now: Now,
        world: &World<'_>,
    ) -> Result<Reply, Refusal> {
        let wrong = |reason: &str| Refusal::WrongChange { reason: reason.to_owned() };
        let text = |text: &str| text.trim().chars().take(TEXT).collect::<String>();
        let requester =
            name(&asked.requester).ok_or_else(|| wrong("requester: who asks for it, 1 to 64 characters"))?;
        let (what, reason) = (text(&asked.what), text(&asked.reason));
        if what.is_empty() || reason.is_empty() {
            return Err(wrong("what, reason: what is to be changed, and why"));
        }
        let problem = Some(asked.problem.trim().to_owned()).filter(|problem| !problem.is_empty());
        if problem.as_ref().is_some_and(|problem| !self.desk.problems.contains_key(problem)) {
            return Err(Refusal::NoSuchProblem);
        }
        self.leave_changes();
        if self.desk.changes.len() >= MOST_CHANGES {
            return Err(Refusal::TooManyChanges);
        }
        let (window, scopes) = match (asked.on.is_empty(), asked.from, asked.to) {
            (true, _, _) => (None, vec![]),
            (false, Some(from), Some(to)) => {
                let planned = Planned {
                    scopes: asked.on.clone(),
                    from,
                    to,
                    every: None,
                    until: None,
                    requester: requester.clone(),
                    approver: String::new(),
                    announced: None,
                    drill: false,
                    reason: what.clone(),
                };
                let id = self.write_window(&planned, by.clone(), now, world)?;
                let scopes = self.windows.get(&id).map(|window| window.scopes.clone()).unwrap_or_default();
                (Some(id), scopes)
            }
            (false, ..) => return Err(wrong("from, to: when, where `on` names what is worked on")),
        };
        let id = self.desk_id(now);
        let change = Change {
            id: id.clone(),
            what,
            reason,
            requester,
            scopes,
            from: asked.from,
            to: asked.to,
            problem,
            window,
            phase: ChangePhase::Requested,
            decision: None,
            entries: vec![DeskEntry { event: ChangePhase::Requested.as_str().to_owned(), by }],
            tickets: vec![],
        };
        Arc::make_mut(&mut self.desk).changes.insert(id.clone(), Arc::new(change));
        self.tell_change(&id);
        Ok(self.changed_reply(id, now))
    }

    /// Somebody agrees, does not, or says what came of it.
    pub(super) fn judge_change(
        &mut self,
        id: &str,
        verdict: Verdict,
        by: ActedBy,
        now: Now,
        world: &World<'_>,
    ) -> Result<Reply, Refusal> {
        let change = self.desk.changes.get(id).ok_or(Refusal::NoSuchChange)?;
        let (phase, window) = (change.phase, change.window.clone());
        let next = match (phase, verdict) {
            (ChangePhase::Requested, Verdict::Approve | Verdict::Reject)
                if person::is_same(&change.requester, &by.actor) =>
            {
                return Err(Refusal::OwnChange);
            }
            (ChangePhase::Requested, Verdict::Approve) => ChangePhase::Approved,
            (ChangePhase::Requested, Verdict::Reject) => ChangePhase::Rejected,
            (ChangePhase::Requested | ChangePhase::Approved, Verdict::Withdraw) => ChangePhase::Withdrawn,
            (ChangePhase::Approved, Verdict::Done) => ChangePhase::Done,
            (ChangePhase::Approved, Verdict::Failed) => ChangePhase::Failed,
            _ => return Err(Refusal::WrongPhase),
        };
        if verdict != Verdict::Approve && verdict != Verdict::Done && by.note.is_empty() {
            return Err(Refusal::NothingReported);
        }
        if let Some(window) = window {
            let windows = Arc::make_mut(&mut self.windows);
            if next == ChangePhase::Approved {
                windows.approve(&window, &by, now, world)?;
            } else {
                // It may be over, or was cancelled by hand.
                _ = windows.cancel(&window, by.clone(), now, world);
            }
            windows.compare(now.utc, world);
            self.changed.windows.insert(window);
        }
        if let Some(change) = Arc::make_mut(&mut self.desk).changes.get_mut(id) {
            let change = Arc::make_mut(change);
            change.phase = next;
            if matches!(verdict, Verdict::Approve | Verdict::Reject) {
                change.decision = Some(by.clone());
            }
            change.entries.push(DeskEntry { event: next.as_str().to_owned(), by });
            full(&mut change.entries);
        }
        self.tell_change(id);
        Ok(self.changed_reply(id.to_owned(), now))
    }

    fn changed_reply(&self, change: String, now: Now) -> Reply {
        let window = self.desk.changes.get(&change).and_then(|change| change.window.clone());
        Reply::Changed { at: now.utc, change, window }
    }

    fn tell_change(&mut self, id: &str) {
        self.changed.desk.insert(id.to_owned());
        self.changed.told.insert(id.to_owned());
    }

    fn leave_changes(&mut self) {
        let excess = (self.desk.changes.len() + 1).saturating_sub(MOST_CHANGES);
        let over = self.desk.changes.values().filter(|change| change.phase.is_over()).take(excess);
        let gone: Vec<String> = over.map(|change| change.id.clone()).collect();
        if !gone.is_empty() {
            let desk = Arc::make_mut(&mut self.desk);
            gone.iter().for_each(|id| _ = desk.changes.remove(id));
        }
    }
}

#[cfg(test)]
mod tests;
