//! What became of the rounds: the state that is stored, and the facts that the journal gets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Due, Measured, Rounds, Swaps, UnclearReply};
use crate::{
    command::{Refusal, person},
    units::Timestamp,
};

/// Turns that are kept: half a year of a contract with thirty rounds a day. The journal keeps them all.
const MOST_KEPT: usize = 6_000;
/// A daemon that was off for longer than this plans again from now on: 400 days.
const LONGEST_AWAY: i64 = 400 * 86_400_000;

/// Where a turn stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Planned,
    /// It can be made and is in time.
    Due,
    /// It can still be made, and is late.
    Late,
    /// It was made; [`Done::late`] says whether in time.
    Done,
    Missed,
}

impl Status {
    pub const ALL: [Self; 5] = [Self::Planned, Self::Due, Self::Late, Self::Done, Self::Missed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Due => "due",
            Self::Late => "late",
            Self::Done => "done",
            Self::Missed => "missed",
        }
    }

    /// Nothing happens to it any more.
    fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Missed)
    }
}

/// One turn of one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub round: String,
    pub opens: Timestamp,
    pub due: Timestamp,
    pub closes: Timestamp,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Done>,
}

/// A record, signed by hand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Done {
    pub at: Timestamp,
    /// Whose signature it bears.
    pub actor: String,
    pub key: String,
    pub way: String,
    pub late: bool,
    pub notes: String,
    /// What the person wrote, by field of the form.
    pub fields: BTreeMap<String, String>,
    /// Fields of the form that nobody filled in: still to be supplied by hand.
    pub blank: Vec<String>,
    /// `None`: the round has no links, so nothing was measured for it.
    pub measured: Option<Measured>,
}

/// Something that happened to a turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    pub round: String,
    pub status: Status,
    pub opens: Timestamp,
    pub due: Timestamp,
    pub closes: Timestamp,
}

/// What a person says of a round that was made.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    pub actor: &'a str,
    pub key: &'a str,
    pub way: &'a str,
    pub round: &'a str,
    /// Which turn, by when it is due. `None`: the oldest that is open.
    pub due: Option<Timestamp>,
    pub notes: &'a str,
    pub fields: &'a BTreeMap<String, String>,
}

/// A handover of the watch, signed by both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedOver {
    pub at: Timestamp,
    /// Who leaves.
    pub actor: String,
    /// Who takes over.
    pub second: String,
    pub note: String,
    pub key: String,
}

/// All turns that are planned, open or not long over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Register {
    /// In the order in which they were planned.
    entries: Vec<Entry>,
    /// By round: turns that open before this are planned.
    planned_to: BTreeMap<String, Timestamp>,
    /// Turns that came to an end, by outcome: `done`, `late` (done late) and `missed`.
    ended: BTreeMap<String, u64>,
    /// The handover that was signed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    handed_over: Option<HandedOver>,
    /// Devices that are out or were swapped.
    #[serde(default)]
    pub swaps: Swaps,
    /// What came back and was not plain, the oldest first; and how many were pushed out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) replies: Vec<UnclearReply>,
    #[serde(default)]
    pub(super) replies_dropped: u64,
    /// When something happens next without anybody doing anything.
    #[serde(skip)]
    wake: Timestamp,
}

impl Register {
    pub fn handed_over(&self) -> Option<&HandedOver> {
        self.handed_over.as_ref()
    }

    /// Writes down that the watch was handed over. `false`: it was under this key, and nothing changes.
    ///
    /// # Errors
    /// One person cannot hand over to themselves.
    pub fn hand_over(&mut self, signed: HandedOver) -> Result<bool, Refusal> {
        if self.handed_over.as_ref().is_some_and(|last| last.key == signed.key) {
            return Ok(false);
        }
        if !person::is_readable(&signed.second) || person::is_same(&signed.actor, &signed.second) {
            return Err(Refusal::NeedsTwo);
        }
        self.handed_over = Some(signed);
        Ok(true)
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Turns that came to an end since the register was begun: done in time, done late, missed.
    pub fn ended(&self) -> [(&'static str, u64); 3] {
        ["done", "late", "missed"].map(|outcome| (outcome, self.ended.get(outcome).copied().unwrap_or(0)))
    }

    pub fn count(&self, status: Status) -> usize {
        self.entries.iter().filter(|entry| entry.status == status).count()
    }

    /// Whether [`Self::advance`] has something to do.
    pub fn is_due(&self, now: Timestamp) -> bool {
        now >= self.wake
    }

    /// New files are in force: turns of rounds that are gone, and of those whose calendar changed before they opened, go.
    pub fn adopt(&mut self, rounds: &Rounds) {
        self.entries.retain(|entry| {
            entry.status.is_over() || (rounds.get(&entry.round).is_some() && entry.status != Status::Planned)
        });
        // What stays is not planned once more; what went is planned by the new calendar.
        self.planned_to.clear();
        for entry in &self.entries {
            let planned = self.planned_to.entry(entry.round.clone()).or_default();
            *planned = Timestamp(entry.opens.0 + 1).max(*planned);
        }
        self.wake = Timestamp(0);
    }

    /// Plans what comes, and lets time pass over what is planned.
    pub fn advance(&mut self, rounds: &Rounds, now: Timestamp) -> Vec<Fact> {
        let mut facts = vec![];
        for round in &rounds.list {
            // A round that is new in its middle is due in this period, unless it was due before anybody knew.
            let known = self.planned_to.get(&round.id).copied();
            let known = known.filter(|planned| now.0 - planned.0 <= LONGEST_AWAY);
            if known.is_some_and(|planned| planned.0 - 1 > now.0) {
                continue;
            }
            let running = rounds.turn_at(round, now).filter(|turn| known.is_none() && turn.due > now);
            for turn in running.into_iter().chain(rounds.from(round, known.unwrap_or(now))) {
                if self.planned_to.get(&round.id).is_some_and(|planned| turn.opens < *planned) {
                    continue;
                }
                facts.push(self.plan(&round.id, turn));
                if turn.opens > now {
                    break;
                }
            }
        }
        for entry in &mut self.entries {
            while let Some((status, at)) = entry.next().filter(|(_, at)| *at <= now) {
                entry.status = status;
                if status == Status::Missed {
                    *self.ended.entry("missed".to_owned()).or_insert(0) += 1;
                }
                // Nobody is told that a turn was late for no time at all.
                if at < entry.closes || status == Status::Missed {
                    facts.push(entry.fact());
                }
            }
        }
        self.forget_oldest();
        let next = self.entries.iter().filter_map(|entry| entry.next()).map(|(_, at)| at).min();
        self.wake = next.unwrap_or(Timestamp(i64::MAX));
        facts
    }

    /// Writes a record. What was signed under the same key before stays as it is.
    ///
    /// # Errors
    /// There is no such round, none of its turns is open, or the form has no such field.
    pub fn sign(
        &mut self,
        rounds: &Rounds,
        signed: Signed<'_>,
        measured: Option<Measured>,
        now: Timestamp,
    ) -> Result<Fact, Refusal> {
        let known = || rounds.list.iter().map(|round| round.id.clone()).collect();
        let round = rounds.get(signed.round).ok_or_else(|| Refusal::NoSuchRound { known: known() })?;
        let strange = signed.fields.keys().any(|field| round.form.iter().all(|known| known.id != *field));
        if strange {
            let known = round.form.iter().map(|field| field.id.clone()).collect();
            return Err(Refusal::NoSuchField { known });
        }
        let repeated = |entry: &&Entry| entry.done.as_ref().is_some_and(|done| done.key == signed.key);
        let mut of_round = self.entries.iter_mut().filter(|entry| entry.round == round.id);
        let entry = match signed.due {
            Some(due) => of_round.find(|entry| entry.due == due),
            None => of_round.find(|entry| matches!(entry.status, Status::Due | Status::Late) || repeated(&&**entry)),
        };
        let entry = entry.ok_or(Refusal::RoundNotOpen)?;
        match (&entry.done, entry.status) {
            (Some(done), _) if done.key == signed.key => return Ok(entry.fact()),
            (Some(done), _) => return Err(Refusal::AlreadyDone { by: done.actor.clone() }),
            (None, Status::Due | Status::Late) => {}
            (None, _) => return Err(Refusal::RoundNotOpen),
        }
        let late = now > entry.due;
        let is_blank = |id: &String| signed.fields.get(id).is_none_or(|text| text.trim().is_empty());
        entry.done = Some(Done {
            at: now,
            actor: signed.actor.to_owned(),
            key: signed.key.to_owned(),
            way: signed.way.to_owned(),
            late,
            notes: signed.notes.to_owned(),
            fields: signed.fields.clone(),
            blank: round.form.iter().map(|field| field.id.clone()).filter(is_blank).collect(),
            measured,
        });
        entry.status = Status::Done;
        let fact = entry.fact();
        *self.ended.entry(if late { "late" } else { "done" }.to_owned()).or_insert(0) += 1;
        Ok(fact)
    }

    fn plan(&mut self, round: &str, turn: Due) -> Fact {
        let Due { opens, due, closes } = turn;
        self.planned_to.insert(round.to_owned(), Timestamp(opens.0 + 1));
        let entry = Entry { round: round.to_owned(), opens, due, closes, status: Status::Planned, done: None };
        let fact = entry.fact();
        self.entries.push(entry);
        fact
    }

    /// What is over leaves, oldest first, once there is too much of it.
    fn forget_oldest(&mut self) {
        let mut surplus = self.entries.len().saturating_sub(MOST_KEPT);
        self.entries.retain(|entry| {
            let leaves = surplus > 0 && entry.status.is_over();
            surplus -= usize::from(leaves);
            !leaves
        });
    }
}

impl Entry {
    /// What time does to it next, and when.
    fn next(&self) -> Option<(Status, Timestamp)> {
        match self.status {
            Status::Planned => Some((Status::Due, self.opens)),
            Status::Due => Some((Status::Late, self.due)),
            Status::Late => Some((Status::Missed, self.closes)),
            Status::Done | Status::Missed => None,
        }
    }

    fn fact(&self) -> Fact {
        let Self { round, opens, due, closes, status, .. } = self;
        Fact { round: round.clone(), status: *status, opens: *opens, due: *due, closes: *closes }
    }
}
