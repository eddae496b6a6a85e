//! One window of planned work: what, when, who asked, who agreed, and since when that is known.
//!
//! In: the record and a moment. Out: the turn of it that runs then, and whether that turn counts as planned work
//! ([`Standing`]). Pure. A turn counts when it was written down before it began, with the notice of the contract, and with
//! the approval that the contract asks for.

use std::time::Duration;

use chrono::{DateTime, Days, Months, TimeZone};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{ActedBy, Scope};
use crate::{
    command::{Every, Standing},
    contract::{Contract, InGuards},
    units::Timestamp,
};

/// Planned work, once or again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// ULID.
    pub id: String,
    pub scopes: Vec<Scope>,
    /// The first turn; `to` is the first millisecond after it.
    pub from: Timestamp,
    pub to: Timestamp,
    pub repeat: Option<Repeat>,
    pub requester: String,
    /// A carrier's system asked for it, by a note: `requester` is no person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub provided: bool,
    pub approval: Option<Approval>,
    /// When notice was given: as told, never later than it was written down.
    pub announced: Timestamp,
    pub drill: bool,
    pub reason: String,
    /// Who wrote it down, and when.
    pub written: ActedBy,
    pub cancelled: Option<ActedBy>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeat {
    pub every: Every,
    /// No turn begins after it.
    pub until: Timestamp,
}

/// Somebody agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    pub approver: String,
    pub at: Timestamp,
}

/// One turn of planned work; `to` is the first millisecond after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Turn {
    pub fn meets(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }
}

impl Window {
    /// The turn that runs at `now`, else the next one; `None`: it is over.
    pub fn turn(&self, now: Timestamp, zone: Tz) -> Option<Turn> {
        self.turns(now, zone).next()
    }

    /// Turns that are not over at `now`, in order.
    pub fn turns(&self, now: Timestamp, zone: Tz) -> impl Iterator<Item = Turn> {
        let ended = self.cancelled.as_ref().map(|by| by.at);
        let first = self.repeat.map_or(0, |repeat| passed(repeat.every, self.from, now));
        let turns = (first..).map_while(move |number| self.nth(number, zone));
        let turns = turns.map(move |turn| Turn { to: ended.map_or(turn.to, |ended| turn.to.min(ended)), ..turn });
        turns.take_while(move |turn| ended.is_none_or(|ended| turn.from < ended)).filter(move |turn| turn.to > now)
    }

    /// No turn goes on for longer.
    pub fn ends(&self) -> Timestamp {
        self.repeat.map_or(self.to, |repeat| repeat.until.plus(self.to.since(self.from)).max(self.to))
    }

    /// Whether the turn that begins at `from` counts as planned work.
    pub fn standing(&self, from: Timestamp, contract: &Contract) -> Standing {
        let terms = &contract.terms.maintenance;
        if self.cancelled.as_ref().is_some_and(|by| by.at <= from) {
            return Standing::Cancelled;
        }
        if self.written.at >= from {
            return Standing::AfterStart;
        }
        let earliest = terms.calendar.due(self.announced, terms.notice.value);
        if earliest > from {
            return Standing::Late { earliest };
        }
        let approved = self.approval.as_ref().is_some_and(|approval| approval.at < from);
        let guarded = terms.guards.value != InGuards::Allowed && self.is_guarded(from, contract);
        match (guarded, terms.guards.value) {
            (true, InGuards::Refused) => Standing::Guarded,
            _ if (terms.approval.value || guarded) && !approved => Standing::Unapproved,
            _ => Standing::Valid,
        }
    }

    /// Whether the turn that begins at `from` touches a day of a guard period.
    fn is_guarded(&self, from: Timestamp, contract: &Contract) -> bool {
        let day = |at: Timestamp| {
            DateTime::from_timestamp_millis(at.0).map(|at| at.with_timezone(&contract.time_zone).date_naive())
        };
        let last = Timestamp(from.plus(self.to.since(self.from)).0 - 1);
        day(from).zip(day(last)).is_some_and(|(first, last)| contract.guards([first, last]))
    }

    fn nth(&self, number: u32, zone: Tz) -> Option<Turn> {
        let Some(repeat) = self.repeat else {
            return (number == 0).then_some(Turn { from: self.from, to: self.to });
        };
        let first = DateTime::from_timestamp_millis(self.from.0)?.with_timezone(&zone).naive_local();
        let local = match repeat.every {
            Every::Day => first.checked_add_days(Days::new(number.into())),
            Every::Week => first.checked_add_days(Days::new(u64::from(number) * 7)),
            // On a day that a month lacks: on its last day.
            Every::Month => first.checked_add_months(Months::new(number)),
        };
        // Where the clock is set forward over it, it begins an hour later.
        let at = |local| zone.from_local_datetime(&local).earliest();
        let from = at(local?).or_else(|| at(local? + chrono::TimeDelta::hours(1)))?;
        let from = Timestamp(from.timestamp_millis());
        (from <= repeat.until).then(|| Turn { from, to: from.plus(self.to.since(self.from)) })
    }
}

impl Every {
    /// Shortest time between two turns.
    pub(super) fn shortest(self) -> Duration {
        Duration::from_hours(match self {
            Self::Day => 23,
            Self::Week => 7 * 24 - 1,
            Self::Month => 28 * 24 - 1,
        })
    }
}

/// Turns that are surely over at `now`: fewer than really are.
fn passed(every: Every, first: Timestamp, now: Timestamp) -> u32 {
    let longest = match every {
        Every::Day => 25,
        Every::Week => 7 * 24 + 1,
        Every::Month => 31 * 24 + 1,
    };
    let turns = now.since(first).as_millis() / Duration::from_hours(longest).as_millis();
    u32::try_from(turns).unwrap_or(u32::MAX).saturating_sub(1)
}
