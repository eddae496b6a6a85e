//! Who is on duty: shifts on calendars, people in turn, and days on which others stand in.
//!
//! In: `roster.yaml` beside a contract, and a moment. Out: the people of a role who are on duty then, and when that
//! changes next. Pure: nothing here knows what time it is. People are ids; names and contacts stand in the file alone.

mod read;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};

pub use self::view::View;
use crate::{
    contract::{Calendar, Words},
    diagnostic::Place,
    units::Timestamp,
};

/// The roster of a contract. Empty without the file.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Roster {
    pub people: Vec<Person>,
    pub roles: Vec<Role>,
    pub shifts: Vec<Shift>,
    pub overrides: Vec<Override>,
    /// First and last day that it speaks of.
    days: Option<(NaiveDate, Option<NaiveDate>)>,
}

/// Stands for the name of a person or the number of a contact.
pub const HIDDEN: &str = "▒▒▒";

/// Somebody who can be on duty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Opaque: what the journal and notes of handovers hold.
    pub id: String,
    pub name: String,
    /// How to reach them: names of receivers, resolved by whoever sends.
    pub contacts: Vec<String>,
    /// Roles that they may take.
    pub roles: Vec<String>,
}

/// What somebody on duty is there for, such as `duty_officer`.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    pub id: String,
    pub name: Words,
    /// Hours in which somebody must be on duty. `None`: nobody must.
    pub covers: Option<Arc<Calendar>>,
    pub place: Place,
}

/// Hours of days on which people take a role, one turn after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Shift {
    pub id: String,
    pub role: String,
    /// The days are those on which it has hours.
    calendar: Arc<Calendar>,
    /// Minutes of the day; `None`: the calendar's own hours.
    hours: Option<(u32, u32)>,
    /// First day of the first turn.
    first: NaiveDate,
    /// Days of a turn.
    every: u32,
    /// People of each turn, over and over.
    pub turns: Vec<Vec<String>>,
    pub place: Place,
}

/// Days on which others take a shift. An empty list of people: nobody does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    pub shift: String,
    /// First and last day on which the shift begins.
    #[serde(deserialize_with = "crate::diagnostic::yaml::date")]
    pub from: NaiveDate,
    #[serde(deserialize_with = "crate::diagnostic::yaml::date")]
    pub to: NaiveDate,
    pub people: Vec<String>,
    pub reason: String,
}

/// A stretch of time of one shift, and who is on duty in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch<'a> {
    pub shift: &'a str,
    pub from: Timestamp,
    /// Others take over then.
    pub to: Timestamp,
    pub people: &'a [String],
    /// Why it is not those whose turn it is.
    pub instead: Option<&'a str>,
}

/// Days that are looked at for the next change: more than a year, so that a shift of one season comes by.
const MOST_DAYS: usize = 400;

impl Roster {
    /// The same for those who may not know who they are.
    pub fn without_names(&self) -> Self {
        let nameless = |person: &Person| Person { name: HIDDEN.to_owned(), contacts: vec![], ..person.clone() };
        Self { people: self.people.iter().map(nameless).collect(), ..self.clone() }
    }

    /// People who are on duty for a role, in the order of the file. Empty: nobody is.
    pub fn on_duty(&self, role: &str, at: Timestamp) -> Vec<&Person> {
        let now = self.stretches(role, at);
        self.people.iter().filter(|person| now.iter().any(|stretch| stretch.people.contains(&person.id))).collect()
    }

    /// Shifts of a role that run at a moment.
    pub fn stretches(&self, role: &str, at: Timestamp) -> Vec<Stretch<'_>> {
        let shifts = self.shifts.iter().filter(|shift| shift.role == role);
        let day_before = |shift: &Shift| shift.calendar.day_of(at) - TimeDelta::days(1);
        shifts
            .flat_map(|shift| day_before(shift).iter_days().take(2).flat_map(|day| self.of_day(shift, day)))
            .filter(|stretch| stretch.from <= at && at < stretch.to)
            .collect()
    }

    /// When others are on duty for a role, or somebody at last, or nobody any more. `None`: never again.
    pub fn next_change(&self, role: &str, at: Timestamp) -> Option<Timestamp> {
        // Most change within a day, and a year is only looked through where nothing does.
        [3, 40, MOST_DAYS].into_iter().find_map(|days| self.change_within(days, role, at))
    }

    fn change_within(&self, days: usize, role: &str, at: Timestamp) -> Option<Timestamp> {
        let before = self.ids(role, at);
        let mut edges = vec![];
        for shift in self.shifts.iter().filter(|shift| shift.role == role) {
            let first = shift.calendar.day_of(at) - TimeDelta::days(1);
            let stretches = first.iter_days().take(days).flat_map(|day| self.of_day(shift, day));
            let edge = stretches.flat_map(|stretch| [stretch.from, stretch.to]);
            // What begins after the last of these days may come before the end of what begins on it.
            let last = first + TimeDelta::days(days as i64);
            edges.extend(edge.filter(|edge| *edge > at && shift.calendar.day_of(*edge) < last));
        }
        edges.sort_unstable();
        edges.dedup();
        edges.into_iter().find(|edge| self.ids(role, *edge) != before)
    }

    /// Roles without anybody on duty at a moment although somebody must be.
    pub fn uncovered(&self, at: Timestamp) -> impl Iterator<Item = &Role> {
        let must = move |role: &&Role| role.covers.as_ref().is_some_and(|covers| covers.is_open(at));
        self.roles.iter().filter(must).filter(move |role| self.ids(&role.id, at).is_empty())
    }

    /// Stretches in which somebody must be on duty for a role and nobody is, from the first shift on and for at most 400
    /// days, in order.
    pub fn gaps(&self, role: &Role) -> Vec<(Timestamp, Timestamp)> {
        let (Some(covers), Some((first, last))) = (&role.covers, self.days) else { return vec![] };
        let days = || first.iter_days().take(MOST_DAYS).take_while(move |day| last.is_none_or(|last| *day <= last));
        let of_role = || self.shifts.iter().filter(|shift| shift.role == role.id);
        let planned = days().flat_map(|day| of_role().flat_map(move |shift| self.of_day(shift, day)));
        let mut planned: Vec<(Timestamp, Timestamp, bool)> =
            planned.map(|stretch| (stretch.from, stretch.to, !stretch.people.is_empty())).collect();
        planned.sort_unstable();
        // Before its first shift and after its last one a roster says nothing.
        let Some(begins) = planned.first().map(|(from, ..)| *from) else {
            let all = days().flat_map(|day| covers.openings_on(day));
            return merged(all);
        };
        let ends = planned.iter().map(|(_, to, _)| *to).max().unwrap_or(begins);
        let manned = merged(planned.into_iter().filter(|(.., manned)| *manned).map(|(from, to, _)| (from, to)));
        let needed = merged(days().flat_map(|day| covers.openings_on(day)));
        let needed = needed.into_iter().map(|(from, to)| (from.max(begins), to.min(ends)));
        needed.filter(|(from, to)| from < to).flat_map(|stretch| without(stretch, &manned)).collect()
    }

    fn ids(&self, role: &str, at: Timestamp) -> Vec<&str> {
        self.on_duty(role, at).into_iter().map(|person| person.id.as_str()).collect()
    }

    /// What a shift has of a day on which it begins.
    fn of_day<'a>(&'a self, shift: &'a Shift, day: NaiveDate) -> Vec<Stretch<'a>> {
        let in_force = self.days.is_some_and(|(from, to)| from <= day && to.is_none_or(|to| day <= to));
        let openings = shift.calendar.openings_on(day);
        if !in_force || openings.is_empty() {
            return vec![];
        }
        let hours = match shift.hours {
            Some((from, to)) => vec![(shift.calendar.minute_of(day, from), shift.calendar.minute_of(day, to))],
            None => openings,
        };
        let instead = self.overrides.iter().find(|one| one.shift == shift.id && one.from <= day && day <= one.to);
        let people = instead.map_or_else(|| shift.turn(day), |one| one.people.as_slice());
        let instead = instead.map(|one| one.reason.as_str());
        hours.into_iter().map(|(from, to)| Stretch { shift: &shift.id, from, to, people, instead }).collect()
    }
}

impl Shift {
    /// People whose turn a day is.
    fn turn(&self, day: NaiveDate) -> &[String] {
        let days = (day - self.first).num_days();
        let turn = days.div_euclid(i64::from(self.every.max(1))).rem_euclid(self.turns.len().max(1) as i64);
        usize::try_from(turn).ok().and_then(|turn| self.turns.get(turn)).map_or(&[], Vec::as_slice)
    }
}

/// Stretches in order, those that touch or overlap as one.
fn merged(stretches: impl Iterator<Item = (Timestamp, Timestamp)>) -> Vec<(Timestamp, Timestamp)> {
    let mut merged: Vec<(Timestamp, Timestamp)> = vec![];
    for (from, to) in stretches {
        match merged.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// What is left of a stretch without those, which are in order and apart.
fn without((from, to): (Timestamp, Timestamp), those: &[(Timestamp, Timestamp)]) -> Vec<(Timestamp, Timestamp)> {
    let (mut at, mut left) = (from, vec![]);
    for (begins, ends) in those.iter().skip(those.partition_point(|(_, ends)| *ends <= from)) {
        if *begins >= to {
            break;
        }
        if *begins > at {
            left.push((at, *begins));
        }
        at = at.max(*ends);
    }
    if at < to {
        left.push((at, to));
    }
    left
}
