//! All planned work that is known: announced, approved, taken back by people; and what runs now.
//!
//! In: commands, and moments. Out: the links that are under work ([`Windows::at_work`]), and the redundancy groups that
//! planned work would leave without a link ([`Windows::overlaps`]). Pure. Bounded: when as many windows are held as
//! may be, those that are over leave, and then new ones are refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::Hasher,
};

use siphasher::sip::SipHasher13;
use ulid::Ulid;

use super::{
    ActedBy, Scope, ScopeKind, World,
    people::name,
    window::{Approval, Repeat, Turn, Window},
};
use crate::{
    command::{Overlap, Planned, Refusal, Standing, person},
    inventory::LinkIndex,
    units::{Now, Timestamp},
};

/// Windows held at a time. 2 000: every carrier of a city with a night a week for a year.
pub const MOST_WINDOWS: usize = 2_000;
/// Scopes of one window.
const MOST_SCOPES: usize = 256;
/// Longest single turn, and how long work may go on coming again: what is planned further ahead is planned anew.
const LONGEST_MILLIS: i64 = 31 * 86_400_000;
const REPEATS_MILLIS: i64 = 400 * 86_400_000;
/// So many turns of each window are held against the others, and so many overlaps are told.
const TURNS_COMPARED: usize = 64;
const MOST_OVERLAPS: usize = 100;
const REASON: usize = 1_000;

/// Planned work.
#[derive(Clone, Debug, Default)]
pub struct Windows {
    /// By id: in the order in which they were written down.
    windows: BTreeMap<String, Window>,
    overlaps: Vec<Overlap>,
    made: u64,
}

/// A link is under work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    pub turn: Turn,
    /// All of it is an exercise.
    pub drill: bool,
}

impl Windows {
    /// As they were stored.
    pub fn restore(stored: Vec<Window>) -> Self {
        let windows = stored.into_iter().map(|window| (window.id.clone(), window)).collect();
        Self { windows, ..Self::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    pub fn get(&self, id: &str) -> Option<&Window> {
        self.windows.get(id)
    }

    /// Newest first.
    pub fn list(&self) -> impl Iterator<Item = &Window> {
        self.windows.values().rev()
    }

    /// Redundancy groups of which planned work takes every link that is left, valid or not: whoever plans should know.
    pub fn overlaps(&self) -> &[Overlap] {
        &self.overlaps
    }

    /// Links under valid work at `now`.
    pub fn at_work(&self, now: Timestamp, world: &World<'_>) -> BTreeMap<LinkIndex, Work> {
        let mut links: BTreeMap<LinkIndex, Work> = BTreeMap::new();
        for window in self.windows.values() {
            let turn = window.turn(now, world.contract.time_zone).filter(|turn| turn.from <= now);
            let Some(turn) = turn else { continue };
            if window.standing(turn.from, world.contract) != Standing::Valid {
                continue;
            }
            for link in members(window, world) {
                let work = links.entry(link).or_insert(Work { turn, drill: window.drill });
                work.turn.from = work.turn.from.min(turn.from);
                work.turn.to = work.turn.to.max(turn.to);
                work.drill &= window.drill;
            }
        }
        links
    }

    /// Writes new planned work down. Returns its id.
    pub(super) fn add(
        &mut self,
        planned: &Planned,
        by: ActedBy,
        seed: u64,
        now: Now,
        world: &World<'_>,
    ) -> Result<String, Refusal> {
        let window = self.read(planned, by, seed, now, world)?;
        if self.windows.len() >= MOST_WINDOWS {
            self.windows.retain(|_, window| window.turn(now.utc, world.contract.time_zone).is_some());
        }
        if self.windows.len() >= MOST_WINDOWS {
            return Err(Refusal::TooManyWindows);
        }
        self.made += 1;
        let id = window.id.clone();
        self.windows.insert(id.clone(), window);
        Ok(id)
    }

    pub(super) fn approve(&mut self, id: &str, by: &ActedBy, now: Now, world: &World<'_>) -> Result<(), Refusal> {
        let window = self.coming(id, now, world)?;
        if person::is_same(&window.requester, &by.actor) {
            return Err(wrong("approver: another person than who asks for it"));
        }
        if window.approval.is_some() {
            return Err(wrong("approver: somebody has agreed before"));
        }
        window.approval = Some(Approval { approver: by.actor.clone(), at: by.at });
        Ok(())
    }

    pub(super) fn cancel(&mut self, id: &str, by: ActedBy, now: Now, world: &World<'_>) -> Result<(), Refusal> {
        self.coming(id, now, world)?.cancelled = Some(by);
        Ok(())
    }

    /// A note of a carrier asked for it.
    pub(super) fn provided(&mut self, id: &str) {
        if let Some(window) = self.windows.get_mut(id) {
            window.provided = true;
        }
    }

    /// Looks again for groups without a reserve. Call it when windows or the inventory changed.
    pub(super) fn compare(&mut self, now: Timestamp, world: &World<'_>) {
        let mut found: BTreeSet<Overlap> = BTreeSet::new();
        // Who works on which of the group's links, and when.
        let mut groups: BTreeMap<&str, Vec<(LinkIndex, &str, Turn)>> = BTreeMap::new();
        for window in self.windows.values() {
            let turns: Vec<Turn> = window.turns(now, world.contract.time_zone).take(TURNS_COMPARED).collect();
            for link in members(window, world) {
                if let Some(group) = &world.inventory.links[link.at()].group {
                    let row = turns.iter().map(|turn| (link, window.id.as_str(), *turn));
                    groups.entry(group).or_default().extend(row);
                }
            }
        }
        for (group, mut work) in groups {
            let legs = world.scopes.members(&ScopeKind::Group.scope(group)).len();
            work.sort_unstable_by_key(|(link, _, turn)| (turn.from, *link));
            // Whatever leaves no link begins with the beginning of a turn.
            let mut running: BTreeSet<(Timestamp, LinkIndex, &str)> = BTreeSet::new();
            for (link, id, turn) in work.into_iter().filter(|_| legs > 1) {
                while running.first().is_some_and(|(to, ..)| *to <= turn.from) {
                    running.pop_first();
                }
                running.insert((turn.to, link, id));
                let taken: BTreeSet<LinkIndex> = running.iter().map(|(_, link, _)| *link).collect();
                if taken.len() < legs || found.len() == MOST_OVERLAPS {
                    continue;
                }
                let windows: BTreeSet<&str> = running.iter().map(|(_, _, id)| *id).collect();
                let to = running.first().map_or(turn.to, |(to, ..)| *to);
                let windows = windows.into_iter().map(str::to_owned).collect();
                found.insert(Overlap { group: group.to_owned(), windows, from: turn.from, to });
            }
        }
        self.overlaps = found.into_iter().collect();
    }

    /// A window that is not over.
    fn coming(&mut self, id: &str, now: Now, world: &World<'_>) -> Result<&mut Window, Refusal> {
        let window = self.windows.get_mut(id).ok_or(Refusal::NoSuchWindow)?;
        match window.turn(now.utc, world.contract.time_zone) {
            Some(_) if window.cancelled.is_none() => Ok(window),
            _ => Err(Refusal::WindowOver),
        }
    }

    fn read(&self, planned: &Planned, by: ActedBy, seed: u64, now: Now, world: &World<'_>) -> Result<Window, Refusal> {
        let Planned { from, to, .. } = *planned;
        if !(1..=MOST_SCOPES).contains(&planned.scopes.len()) {
            return Err(wrong(&format!("scopes: 1 to {MOST_SCOPES}, such as link/LL-0412 or segment/duct-017")));
        }
        let scopes = planned.scopes.iter().map(|scope| known(scope, world)).collect::<Result<Vec<_>, _>>()?;
        let requester =
            name(&planned.requester).ok_or_else(|| wrong("requester: who wants to work, 1 to 64 characters"))?;
        if from >= to || to.0.saturating_sub(from.0) > LONGEST_MILLIS {
            return Err(wrong("to: after from, by 31 days at most"));
        }
        let repeat = match (planned.every, planned.until) {
            (None, None) => None,
            (Some(every), Some(until)) if (from.0..=from.0.saturating_add(REPEATS_MILLIS)).contains(&until.0) => {
                if to.since(from) > every.shortest() {
                    return Err(wrong("every: each turn ends before the next one begins"));
                }
                Some(Repeat { every, until })
            }
            _ => return Err(wrong("until: with every, the last moment at which a turn may begin, within 400 days")),
        };
        let announced = planned.announced.unwrap_or(now.utc);
        if announced > now.utc {
            return Err(wrong("announced: not later than now"));
        }
        let approval = match planned.approver.trim() {
            "" => None,
            approver => {
                let approver = name(approver).filter(|approver| !person::is_same(approver, &requester));
                let approver = approver.ok_or_else(|| wrong("approver: another person than who asks for it"))?;
                Some(Approval { approver, at: now.utc })
            }
        };
        let reason: String = planned.reason.trim().chars().take(REASON).collect();
        if reason.is_empty() {
            return Err(wrong("reason: what is done, and why"));
        }
        let mut hasher = SipHasher13::new_with_keys(seed, !self.made);
        hasher.write_i64(now.utc.0);
        let random = u128::from(self.made & 0xffff) << 64 | u128::from(hasher.finish());
        let window = Window {
            id: Ulid::from_parts(u64::try_from(now.utc.0).unwrap_or(0), random).to_string(),
            scopes,
            from,
            to,
            repeat,
            requester,
            provided: false,
            approval,
            announced,
            drill: planned.drill,
            reason,
            written: by,
            cancelled: None,
        };
        match window.turn(now.utc, world.contract.time_zone) {
            Some(_) => Ok(window),
            None => Err(wrong("to: it is over")),
        }
    }
}

/// Links in service that a window is about.
fn members(window: &Window, world: &World<'_>) -> BTreeSet<LinkIndex> {
    let of = |scope: &Scope| match ScopeKind::parse(&scope.kind) {
        Some(ScopeKind::Link) => {
            let link = crate::inventory::LinkId::parse(&scope.id).and_then(|id| world.scopes.link(&id));
            link.into_iter().collect()
        }
        _ => world.scopes.members(scope).to_vec(),
    };
    window.scopes.iter().flat_map(of).collect()
}

/// A scope as people write it.
fn known(written: &str, world: &World<'_>) -> Result<Scope, Refusal> {
    let unknown = || Refusal::NoSuchScope { scope: written.chars().take(REASON).collect() };
    let (kind, id) = written.trim().split_once('/').ok_or_else(unknown)?;
    let kind = ScopeKind::parse(kind).ok_or_else(unknown)?;
    let scope = kind.scope(id);
    let exists = match kind {
        ScopeKind::Link => world.inventory.links.iter().any(|link| link.id.as_str() == id),
        ScopeKind::Network | ScopeKind::Prober | ScopeKind::Service => false,
        _ => !world.scopes.members(&scope).is_empty(),
    };
    if exists { Ok(scope) } else { Err(unknown()) }
}

fn wrong(reason: &str) -> Refusal {
    Refusal::WrongWindow { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
