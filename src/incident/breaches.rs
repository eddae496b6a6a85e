//! Notices of broken periods (违约通知书) and of poor quality (质量通报): always a draft first.
//!
//! In: what the ledger says of a carrier's links in a period that is over, and commands. Out: [`Breach`]es. Pure. Nobody
//! approves what they drafted or reviewed; an approved notice has a number and a seal, and nothing in it changes any more.
//!
//! ```text
//!   Draft ──review──▶ Reviewed ──approve (another person)──▶ Approved ──send──▶ Sent
//!     └─────────────────┴── withdraw ──▶ Withdrawn ◀────────────┘
//! ```

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use chrono::Datelike;
use serde::{Deserialize, Serialize};

use super::{
    ActedBy, Incidents, World,
    case::OURSELVES,
    desk::{DeskEntry, full},
};
use crate::{
    command::{BreachStep, Paper, Refusal, Reply, SealedAt, person},
    units::{Now, Timestamp},
};

/// Notices held; those that came to an end leave when there are more, the oldest first. Ten carriers for eight years.
pub const MOST_BREACHES: usize = 1_000;

/// A notice, from its draft on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Breach {
    /// ULID.
    pub id: String,
    pub paper: Paper,
    pub phase: BreachPhase,
    /// 文号, such as `违约〔2026〕0001号`: given when it is approved.
    pub number: Option<String>,
    pub sealed: Option<Sealed>,
    /// What was done, by whom: the first entry is its author's.
    pub entries: Vec<DeskEntry>,
}

/// A notice as it was approved, to the byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sealed {
    /// JSON. Names nobody: who approved it stands in the journal's entry that holds the seal.
    pub content: String,
    /// SHA-256 of it, in hexadecimal. It stands in the journal.
    pub sha256: String,
}

/// What a seal is over.
#[derive(Serialize)]
struct Content<'a> {
    number: &'a str,
    kind: &'static str,
    title: &'static str,
    #[serde(flatten)]
    paper: &'a Paper,
    reviewed: Option<Timestamp>,
    approved: Timestamp,
    journal: &'a SealedAt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreachPhase {
    Draft,
    Reviewed,
    Approved,
    Sent,
    Withdrawn,
}

impl BreachPhase {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Reviewed => "reviewed",
            Self::Approved => "approved",
            Self::Sent => "sent",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Nothing more is to be done about it.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Sent | Self::Withdrawn)
    }
}

impl Breach {
    /// `breach` under an agreement; else `quality`.
    pub fn kind(&self) -> &'static str {
        if self.paper.agreement.is_some() { "breach" } else { "quality" }
    }

    /// What it calls itself: without an agreement the word breach is not said.
    pub fn title(&self) -> &'static str {
        if self.paper.agreement.is_some() { "违约通知书" } else { "质量通报" }
    }

    /// Who did this last.
    pub fn by(&self, phase: BreachPhase) -> Option<&ActedBy> {
        self.entries.iter().rev().find(|entry| entry.event == phase.as_str()).map(|entry| &entry.by)
    }

    fn seal(&self, number: &str, at: Timestamp, journal: &SealedAt) -> Sealed {
        let content = Content {
            number,
            kind: self.kind(),
            title: self.title(),
            paper: &self.paper,
            reviewed: self.by(BreachPhase::Reviewed).map(|by| by.at),
            approved: at,
            journal,
        };
        // Cannot fail: it is plain data.
        let content = serde_json::to_string(&content).unwrap_or_default();
        let sha256 = digest(&SHA256, content.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Sealed { content, sha256 }
    }
}

impl Incidents {
    /// Whether a notice of this carrier and period was drafted, and perhaps withdrawn.
    pub fn knows_breach(&self, carrier: &str, period: &str) -> bool {
        self.breaches_of(carrier, period).next().is_some()
    }

    fn breaches_of(&self, carrier: &str, period: &str) -> impl Iterator<Item = &Arc<Breach>> {
        let breaches = self.desk.breaches.values();
        breaches.filter(move |breach| breach.paper.carrier == carrier && breach.paper.period == period)
    }

    /// Takes a draft in.
    pub(super) fn keep_breach(&mut self, paper: &Paper, by: ActedBy, now: Now) -> Result<Reply, Refusal> {
        if self.breaches_of(&paper.carrier, &paper.period).any(|breach| breach.phase != BreachPhase::Withdrawn) {
            return Err(Refusal::AlreadyDrafted);
        }
        self.leave_breaches();
        if self.desk.breaches.len() >= MOST_BREACHES {
            return Err(Refusal::TooManyChanges);
        }
        let id = self.desk_id(now);
        let breach = Breach {
            id: id.clone(),
            paper: paper.clone(),
            phase: BreachPhase::Draft,
            number: None,
            sealed: None,
            entries: vec![DeskEntry { event: BreachPhase::Draft.as_str().to_owned(), by }],
        };
        Arc::make_mut(&mut self.desk).breaches.insert(id.clone(), Arc::new(breach));
        self.changed.desk.insert(id.clone());
        Ok(Reply::Breached { at: now.utc, breach: id, number: None, seal: None })
    }

    /// Somebody reviews, approves, sends or withdraws a notice. `journal`: where it stands, of an approval.
    pub(super) fn judge_breach(
        &mut self,
        id: &str,
        step: BreachStep,
        journal: Option<&SealedAt>,
        by: ActedBy,
        now: Now,
        world: &World<'_>,
    ) -> Result<Reply, Refusal> {
        let breach = self.desk.breaches.get(id).ok_or(Refusal::NoSuchBreach)?;
        let next = match (breach.phase, step) {
            (BreachPhase::Draft, BreachStep::Review) => BreachPhase::Reviewed,
            (BreachPhase::Reviewed, BreachStep::Approve) => BreachPhase::Approved,
            (BreachPhase::Approved, BreachStep::Send) => BreachPhase::Sent,
            (BreachPhase::Draft | BreachPhase::Reviewed | BreachPhase::Approved, BreachStep::Withdraw) => {
                BreachPhase::Withdrawn
            }
            _ => return Err(Refusal::WrongPhase),
        };
        if person::is_same(&by.actor, OURSELVES) {
            return Err(Refusal::NoActor);
        }
        if step == BreachStep::Withdraw && by.note.is_empty() {
            return Err(Refusal::NoReason);
        }
        let mut signed = breach.number.clone().zip(breach.sealed.clone());
        if step == BreachStep::Approve {
            if breach.entries.iter().any(|entry| person::is_same(&entry.by.actor, &by.actor)) {
                return Err(Refusal::OwnBreach);
            }
            let journal = journal.ok_or(Refusal::NotKept)?;
            let number = self.next_number(breach, now, world);
            let sealed = breach.seal(&number, by.at, journal);
            signed = Some((number, sealed));
        }
        if let Some(breach) = Arc::make_mut(&mut self.desk).breaches.get_mut(id) {
            let breach = Arc::make_mut(breach);
            breach.phase = next;
            (breach.number, breach.sealed) = signed.clone().unzip();
            breach.entries.push(DeskEntry { event: next.as_str().to_owned(), by });
            full(&mut breach.entries);
        }
        self.changed.desk.insert(id.to_owned());
        if next == BreachPhase::Sent {
            self.changed.told.insert(id.to_owned());
        }
        let (number, seal) = signed.map(|(number, sealed)| (number, sealed.sha256)).unzip();
        Ok(Reply::Breached { at: now.utc, breach: id.to_owned(), number, seal })
    }

    /// Counted by kind and civil year, without gaps: a withdrawn one keeps its number.
    fn next_number(&self, breach: &Breach, now: Now, world: &World<'_>) -> String {
        let zone = world.contract.time_zone;
        let year = chrono::DateTime::from_timestamp_millis(now.utc.0).unwrap_or_default().with_timezone(&zone).year();
        let head = format!("{}〔{year}〕", if breach.paper.agreement.is_some() { "违约" } else { "通报" });
        let given = self.desk.breaches.values().filter_map(|one| one.number.as_deref()?.strip_prefix(&head));
        let last = given.filter_map(|rest| rest.trim_end_matches('号').parse::<u32>().ok()).max().unwrap_or(0);
        format!("{head}{:04}号", last + 1)
    }

    fn leave_breaches(&mut self) {
        let excess = (self.desk.breaches.len() + 1).saturating_sub(MOST_BREACHES);
        let over = self.desk.breaches.values().filter(|breach| breach.phase.is_over()).take(excess);
        let gone: Vec<String> = over.map(|breach| breach.id.clone()).collect();
        if !gone.is_empty() {
            let desk = Arc::make_mut(&mut self.desk);
            gone.iter().for_each(|id| _ = desk.breaches.remove(id));
        }
    }
}
