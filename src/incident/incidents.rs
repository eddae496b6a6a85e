//! All incidents that are open, restored or lately closed, and what moves them.
//!
//! In: [`Input`]s in the order of their time, and commands. Out: [`Effect`]s. Deterministic: the same inputs give the
//! same effects, ids included. Bounded: closed incidents, timelines and remembered keys have a limit each, and a link
//! stands in one incident at a time.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    hash::Hasher,
    sync::Arc,
    time::Duration,
};

use siphasher::sip::SipHasher13;
use ulid::Ulid;

use super::{
    ActedBy, Desk, DeskRecord, Effect, EffectKind, Incident, IncidentKind, IncidentPhase, Input, LinkChange, OwnFault,
    Scope, ScopeKind, TimelineEntry, Window, Windows, World,
    case::{Case, OURSELVES, RELAPSED},
    closing::{confirm_measured, unconfirmed},
    isolation::Isolation,
    leftovers::Calm,
    storm::Storm,
};
use crate::{
    command::{Reply, Step},
    inventory::LinkId,
    judge::LinkState,
    units::{Mono, Now, Timestamp},
};

/// Closed incidents kept in the list; the oldest leaves when there are more.
const MOST_CLOSED: usize = 1_000;
/// Ids of what changed.
#[derive(Debug, Default)]
pub(super) struct ChangedIds {
    pub windows: BTreeSet<String>,
    pub desk: BTreeSet<String>,
    /// Desk records of which others are told.
    pub told: BTreeSet<String>,
}

/// Planned work and desk records that are new or changed, whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changed {
    pub windows: Vec<Window>,
    pub desk: Vec<DeskRecord>,
    /// Those among them of which others are told.
    pub told: Vec<DeskRecord>,
}

/// Every incident that is not over and gone.
#[derive(Debug)]
pub struct Incidents {
    /// By opening order.
    pub(super) cases: BTreeMap<u64, Case>,
    /// The incident, open or restored, that a link belongs to.
    pub(super) by_link: HashMap<LinkId, u64>,
    /// The same of a service.
    pub(super) by_service: HashMap<String, u64>,
    /// Incidents of services that nobody was told of yet, and when that is due.
    pub(super) told_later: BTreeMap<u64, Mono>,
    pub(super) storm: Option<Storm>,
    /// Ids of incidents in the list, and of those that became part of one before anybody was told of them.
    pub(super) ids: HashMap<String, u64>,
    /// A whole-network outage whose condition has ended, and may have ended for good.
    pub(super) calm: Option<Calm>,
    pub(super) isolation: Option<Isolation>,
    /// Links that fail again after their incident was restored: since when, and when that is told of.
    pub(super) relapsing: BTreeMap<LinkId, (Timestamp, Mono)>,
    pub(super) effects: Vec<Effect>,
    /// Answers to the last commands, by key.
    pub(super) keys: VecDeque<(String, Reply)>,
    /// Planned work. Shared with whoever looks.
    pub(super) windows: Arc<Windows>,
    /// Shared too.
    pub(super) desk: Arc<Desk>,
    /// What of both changed and was not fetched yet, by id.
    pub(super) changed: ChangedIds,
    opened: u64,
    /// A link's state changed since scopes were last held against it.
    moved: bool,
    pub(super) seed: u64,
    closed_leave_after: Duration,
    /// Nothing happens by itself before.
    pub(super) due: Mono,
}

impl Incidents {
    /// `seed`: makes ids differ between processes. `closed_leave_after`: how long closed incidents stay in the list.
    pub fn new(seed: u64, closed_leave_after: Duration) -> Self {
        Self {
            cases: BTreeMap::new(),
            by_link: HashMap::new(),
            by_service: HashMap::new(),
            told_later: BTreeMap::new(),
            storm: None,
            ids: HashMap::new(),
            calm: None,
            isolation: None,
            relapsing: BTreeMap::new(),
            effects: vec![],
            keys: VecDeque::new(),
            windows: Arc::default(),
            desk: Arc::default(),
            changed: ChangedIds::default(),
            opened: 0,
            moved: false,
            seed,
            closed_leave_after,
            due: Mono(i64::MIN),
        }
    }

    /// Incidents as they were stored. Outages keep their start and their deadlines; the gap changes nothing.
    pub fn restore(mut stored: Vec<Incident>, seed: u64, closed_leave_after: Duration, now: Now) -> Self {
        let mut incidents = Self::new(seed, closed_leave_after);
        stored.sort_by(|one, other| one.id.cmp(&other.id));
        for incident in stored {
            let number = incidents.number(incident.id.clone());
            // What nobody measures holds no link.
            if incident.phase != IncidentPhase::Closed && incident.kind != IncidentKind::Reported {
                incident.links.iter().for_each(|(link, _)| {
                    incidents.by_link.insert(link.clone(), number);
                });
            }
            if let Some(service) = incident.service.as_ref().filter(|_| incident.phase != IncidentPhase::Closed) {
                incidents.by_service.insert(service.id.clone(), number);
            }
            if incident.phase == IncidentPhase::Open && incident.kind == IncidentKind::Isolation {
                incidents.isolation = Some(Isolation::new(number, BTreeMap::new()));
            }
            incidents.cases.insert(number, Case::restore(incident, now));
        }
        // What was still being grouped when the last process ended is told of as it stood.
        let mut storm = Storm::new(now.mono);
        storm.hold(incidents.cases.iter().filter(|(_, case)| case.waits_for_announcement()).map(|(number, _)| *number));
        incidents.storm = Some(storm);
        incidents
    }

    /// With the planned work that was stored.
    pub fn with_windows(mut self, stored: Vec<Window>) -> Self {
        self.windows = Arc::new(Windows::restore(stored));
        self
    }

    /// With what was stored beside incidents.
    pub fn with_desk(mut self, stored: Vec<DeskRecord>) -> Self {
        self.desk = Arc::new(Desk::restore(stored));
        self
    }

    pub fn windows(&self) -> &Arc<Windows> {
        &self.windows
    }

    pub fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// Planned work and desk records to store: as they are now.
    pub fn take_changed(&mut self) -> Changed {
        let ChangedIds { windows, desk, told } = std::mem::take(&mut self.changed);
        Changed {
            windows: windows.iter().filter_map(|id| self.windows.get(id).cloned()).collect(),
            desk: desk.iter().filter_map(|id| self.desk.record(id)).collect(),
            told: told.iter().filter_map(|id| self.desk.record(id)).collect(),
        }
    }

    /// Takes one input, lets time pass until `now`, and returns what to store and tell.
    pub fn step(&mut self, input: Input, now: Now, world: &World<'_>) -> Vec<Effect> {
        let idle = input == Input::Tick && now.mono < self.due;
        if idle {
            return vec![];
        }
        self.relapse(now, world);
        match input {
            Input::Links(changes) => {
                self.moved = true;
                changes.into_iter().for_each(|change| self.link(change, now, world));
            }
            Input::Services(changes) => {
                changes.into_iter().for_each(|change| self.service(change, now, world));
            }
            Input::Isolated { since } => self.isolated(since, now, world),
            Input::Reconnected { since } => self.reconnected(since, now),
            Input::Broken { fault } => self.broken(fault, now, world),
            Input::Mended { fault } => self.mended(fault, now),
            Input::Notified { incident, party, channel, at } => self.notified(&incident, &party, channel, at),
            Input::Reloaded => self.reloaded(now, world),
            Input::Tick => {}
        }
        self.pass(now, world);
        self.look_for_problems(now, world);
        std::mem::take(&mut self.effects)
    }

    pub fn get(&self, id: &str) -> Option<&Arc<Incident>> {
        self.ids.get(id).and_then(|number| self.cases.get(number)).map(|case| &case.incident)
    }

    /// Open ones first, then restored, then closed ones that have not left yet; newest first.
    pub fn list(&self) -> Vec<Arc<Incident>> {
        let mut all: Vec<_> = self.cases.values().rev().map(|case| Arc::clone(&case.incident)).collect();
        all.sort_by_key(|incident| incident.phase);
        all
    }

    /// Links that are down in an open incident, with the incident.
    pub fn of_link(&self, link: &LinkId) -> Option<&Arc<Incident>> {
        self.by_link.get(link).and_then(|number| self.cases.get(number)).map(|case| &case.incident)
    }

    /// When something happens by itself next: the shell may sleep until then.
    pub fn due(&self) -> Mono {
        self.due
    }

    pub(super) fn tell(&mut self, number: u64, kind: EffectKind) {
        if let Some(case) = self.cases.get(&number) {
            let turn = matches!(kind, EffectKind::Restored | EffectKind::Relapsed);
            let kind = if turn && case.incident.flapping.is_some() { EffectKind::Noted } else { kind };
            self.effects.push(Effect { incident: case.incident.id.clone(), kind });
        }
    }

    /// Told as a relapse the last time before it is called flapping.
    pub(super) fn tell_relapse(&mut self, number: u64, flaps: bool) {
        let Some(id) = self.cases.get(&number).map(|case| case.incident.id.clone()) else { return };
        match flaps {
            true => self
                .effects
                .extend([EffectKind::Relapsed, EffectKind::Flapping].map(|kind| Effect { incident: id.clone(), kind })),
            false => self.tell(number, EffectKind::Relapsed),
        }
    }

    /// Makes a new incident. The caller tells of it when it is complete.
    pub(super) fn open(&mut self, kind: IncidentKind, scope: Scope, began: Timestamp, now: Now) -> u64 {
        let id = self.new_id(now.utc);
        let number = self.number(id.clone());
        self.cases.insert(number, Case::open(id, kind, scope, began, now));
        number
    }

    pub(super) fn announce(&mut self, number: u64, now: Now) {
        if let Some(case) = self.cases.get_mut(&number)
            && case.incident.announced.is_none()
            && case.incident.merged_into.is_none()
        {
            case.record().announced = Some(now.utc);
            case.note(now.utc, "alarmed", OURSELVES, "");
            self.tell(number, EffectKind::Announced);
        }
    }

    /// `part` was part of `whole`, which keeps its earlier deadlines.
    pub(super) fn merge(&mut self, part: u64, whole: u64, now: Now) {
        let Some(into) = self.cases.get(&whole).map(|case| case.incident.id.clone()) else { return };
        let Some(case) = self.cases.get_mut(&part) else { return };
        case.merge_into(&into, now);
        let merged = case.clone();
        // Nobody was told of a deadline before the announcement.
        if merged.incident.announced.is_some()
            && let Some(case) = self.cases.get_mut(&whole)
        {
            case.inherit_clocks(&merged);
        }
        self.tell(part, EffectKind::Merged { into });
    }

    fn number(&mut self, id: String) -> u64 {
        self.opened += 1;
        self.ids.insert(id, self.opened);
        self.opened
    }

    fn new_id(&self, at: Timestamp) -> String {
        ulid(self.seed, self.opened, at)
    }

    fn link(&mut self, change: LinkChange, now: Now, world: &World<'_>) {
        let LinkChange { link: id, state, since } = change;
        match state {
            LinkState::Down => self.link_down(id, since, now, world),
            LinkState::Up | LinkState::Degraded => self.link_up(&id, since, now),
            // Out of service: its outage ends with its service.
            LinkState::Suspended | LinkState::Maintenance => {
                self.out_of_service(&id, state, since);
                self.link_up(&id, since, now);
            }
            // What failed before may have lasted: an outage ends with an answer.
            LinkState::Unknown(_) | LinkState::Absent => self.link_unseen(&id, state, since),
        }
    }

    pub(super) fn link_down(&mut self, id: LinkId, since: Timestamp, now: Now, world: &World<'_>) {
        if let Some(isolation) = &mut self.isolation {
            isolation.hold(id, since);
            return;
        }
        if let Some(storm) = &mut self.storm {
            storm.relapses(&id);
        }
        let known = self.by_link.get(&id).copied();
        let Some((number, case)) = known.and_then(|number| Some((number, self.cases.get_mut(&number)?))) else {
            self.fails(id, since, now, world);
            return;
        };
        if case.is_down(&id) != Some(false) {
            return;
        }
        if case.incident.phase == IncidentPhase::Restored && case.incident.scope.kind != ScopeKind::Link.as_str() {
            // One link of many is no relapse of them all. If they all fail again, the storm finds this incident.
            self.by_link.remove(&id);
            self.fails(id, since, now, world);
            return;
        }
        if case.incident.phase == IncidentPhase::Restored {
            // The silence may turn out to be ours: it is told of when the grace is over, as that of any other link.
            self.relapsing.entry(id).or_insert((since, now.mono.plus(world.contract.grouping.grace)));
            return;
        }
        case.set_down(&id, true);
        case.failed(since);
        case.note(since, RELAPSED, OURSELVES, id.as_str());
        self.tell(number, EffectKind::Changed);
    }

    /// Links that failed again, and whose grace is over: their incidents go on.
    fn relapse(&mut self, now: Now, world: &World<'_>) {
        let due: Vec<LinkId> =
            self.relapsing.iter().filter(|(_, (_, due))| *due <= now.mono).map(|(link, _)| link.clone()).collect();
        for id in due {
            let Some((since, _)) = self.relapsing.remove(&id) else { continue };
            let known = self.by_link.get(&id).copied();
            let Some((number, case)) = known.and_then(|number| Some((number, self.cases.get_mut(&number)?))) else {
                // It was closed meanwhile.
                self.fails(id, since, now, world);
                continue;
            };
            if case.incident.phase == IncidentPhase::Restored && case.is_down(&id) == Some(false) {
                case.set_down(&id, true);
                case.failed(since);
                case.relapse(since, id.as_str());
                let flaps = case.flaps(now, &world.contract.terms.flaps);
                self.tell_relapse(number, flaps);
            }
        }
    }

    fn fails(&mut self, id: LinkId, since: Timestamp, now: Now, world: &World<'_>) {
        let storm = self.storm.get_or_insert_with(|| Storm::new(now.mono));
        storm.fails(id, since, now.mono, world);
    }

    /// What ends the outage of a link is no recovery, and the record says so.
    fn out_of_service(&mut self, id: &LinkId, state: LinkState, since: Timestamp) {
        if let Some(case) = self.by_link.get(id).and_then(|number| self.cases.get_mut(number))
            && case.is_down(id) == Some(true)
        {
            case.note(since, state.name(), OURSELVES, id.as_str());
        }
    }

    fn link_up(&mut self, id: &LinkId, since: Timestamp, now: Now) {
        self.relapsing.remove(id);
        if let Some(isolation) = &mut self.isolation {
            isolation.forget(id);
        }
        let grouping = self.storm.as_mut().is_some_and(|storm| storm.recovers(id, since));
        let Some(number) = self.by_link.get(id).copied() else { return };
        let Some(case) = self.cases.get_mut(&number).filter(|case| case.is_down(id) == Some(true)) else {
            return;
        };
        let last = case.recover(id, since);
        if last && !grouping {
            self.end(number, now);
        } else {
            self.tell(number, EffectKind::Changed);
        }
    }

    /// The last link of an incident is up again.
    pub(super) fn end(&mut self, number: u64, now: Now) {
        let Some(case) = self.cases.get_mut(&number) else { return };
        if let Some(calm) = self.calm.take_if(|calm| calm.case == number) {
            case.stop_tier(calm.at);
        }
        case.end(now);
        self.announce(number, now);
        self.tell(number, EffectKind::Restored);
    }

    fn link_unseen(&mut self, id: &LinkId, state: LinkState, since: Timestamp) {
        let event = if state == LinkState::Absent { "absent" } else { "unknown" };
        let Some(number) = self.by_link.get(id).copied() else { return };
        let Some(case) = self.cases.get_mut(&number).filter(|case| case.is_down(id) == Some(true)) else {
            return;
        };
        // Once, and not for each of a thousand links.
        if case.incident.timeline.last().is_none_or(|entry| entry.event != event) {
            case.note(since, event, OURSELVES, id.as_str());
            self.tell(number, EffectKind::Changed);
        }
    }

    fn broken(&mut self, fault: OwnFault, now: Now, world: &World<'_>) {
        let known = self.own(fault);
        let restored = |case: &Case| case.incident.phase == IncidentPhase::Restored;
        match known.and_then(|number| self.cases.get_mut(&number).map(|case| (number, case))) {
            Some((number, case)) if restored(case) => {
                case.relapse(now.utc, "");
                self.tell(number, EffectKind::Relapsed);
            }
            Some(_) => {}
            None => {
                let number = self.open(IncidentKind::Own, ScopeKind::Prober.scope(fault.as_str()), now.utc, now);
                if let Some(case) = self.cases.get_mut(&number) {
                    case.record().tier = world.contract.tiers.partial.level;
                }
                self.tell(number, EffectKind::Opened);
                self.announce(number, now);
            }
        }
    }

    fn mended(&mut self, fault: OwnFault, now: Now) {
        let Some(number) = self.own(fault) else { return };
        if let Some(case) = self.cases.get_mut(&number).filter(|case| case.incident.phase == IncidentPhase::Open) {
            case.end_at(now.utc, now);
            self.tell(number, EffectKind::Restored);
        }
    }

    /// The incident about `fault` that is not closed.
    fn own(&self, fault: OwnFault) -> Option<u64> {
        let ours = |incident: &Incident| {
            incident.kind == IncidentKind::Own
                && incident.phase != IncidentPhase::Closed
                && incident.scope.id == fault.as_str()
        };
        self.cases.iter().find(|(_, case)| ours(&case.incident)).map(|(number, _)| *number)
    }

    /// The first notice by each channel is an event: it starts clocks, and somebody will ask for it.
    fn notified(&mut self, incident: &str, party: &str, channel: String, at: Timestamp) {
        let Some(number) = self.ids.get(incident).copied() else { return };
        let Some(case) = self.cases.get_mut(&number) else { return };
        let known = |entry: &TimelineEntry| entry.is(Step::Notified) && entry.party == party && entry.way == channel;
        if case.incident.timeline.iter().any(known) {
            return;
        }
        case.write(TimelineEntry {
            at,
            event: Step::Notified.as_str().to_owned(),
            actor: OURSELVES.to_owned(),
            party: party.to_owned(),
            way: channel,
            ..TimelineEntry::default()
        });
        self.tell(number, EffectKind::Noted);
    }

    /// Links that are gone or out of service leave their incidents.
    fn reloaded(&mut self, now: Now, world: &World<'_>) {
        Arc::make_mut(&mut self.windows).compare(now.utc, world);
        let mut gone: Vec<LinkId> =
            self.by_link.keys().filter(|link| world.scopes.link(link).is_none()).cloned().collect();
        gone.sort_unstable();
        gone.iter().for_each(|link| self.link_up(link, now.utc, now));
    }

    pub(super) fn close(&mut self, number: u64, by: Option<ActedBy>, now: Now) {
        let Some(case) = self.cases.get_mut(&number) else { return };
        let note = by.as_ref().map(|acted| acted.note.clone()).unwrap_or_default();
        case.close(by, &note, now);
        for (link, _) in &case.incident.links {
            if self.by_link.get(link) == Some(&number) {
                self.by_link.remove(link);
            }
        }
        self.by_service.retain(|_, known| *known != number);
        self.told_later.remove(&number);
        self.tell(number, EffectKind::Closed);
    }

    /// Lets time pass: grace, isolation, deadlines, closing, leaving.
    fn pass(&mut self, now: Now, world: &World<'_>) {
        self.release(now, world);
        self.weather(now, world);
        self.join_reports(now);
        if self.storm.is_none() && self.isolation.is_none() && std::mem::take(&mut self.moved) {
            self.split(now, world);
            self.redundancy(world, now.utc);
        }
        self.tell_of_services(now, world);
        self.look_for_parents(now, world);
        self.calm_down(now, world);
        self.leftovers(now, world);
        self.wind(now, world);
        self.listen(now, world);
        let close_after = world.contract.close_after;
        let (mut closing, mut leaving, mut overdue) = (vec![], vec![], vec![]);
        for (number, case) in &mut self.cases {
            if case.leaves(self.closed_leave_after).is_some_and(|at| at <= now.mono) {
                leaving.push(*number);
            } else if case.closes(close_after).is_some_and(|at| at <= now.mono) && unconfirmed(case, world).is_empty() {
                confirm_measured(case, world);
                closing.push(*number);
            }
            if self.calm.is_none_or(|calm| calm.case != *number) {
                overdue.extend(
                    case.overdue(now, world.contract.grouping.recovery_proof).into_iter().map(|kind| (*number, kind)),
                );
            }
        }
        overdue.into_iter().for_each(|(number, kind)| self.tell(number, kind));
        // A deadline that was missed may start another clock.
        self.wind(now, world);
        closing.into_iter().for_each(|number| self.close(number, None, now));
        let closed: Vec<u64> =
            self.cases.iter().filter(|(_, case)| case.closed.is_some()).map(|(number, _)| *number).collect();
        leaving.extend(closed.iter().take(closed.len().saturating_sub(MOST_CLOSED)));
        leaving.sort_unstable();
        leaving.dedup();
        leaving.into_iter().for_each(|number| self.leave(number));
        self.due = self.next_due(world);
    }

    /// Starts clocks whose start has become known.
    fn wind(&mut self, now: Now, world: &World<'_>) {
        let wound: Vec<u64> =
            self.cases.iter_mut().filter_map(|(number, case)| case.wind(now, world).then_some(*number)).collect();
        for number in wound {
            let told = |id: &String| self.effects.iter().any(|effect| effect.incident == *id);
            if self.cases.get(&number).is_some_and(|case| !told(&case.incident.id)) {
                self.tell(number, EffectKind::Noted);
            }
        }
    }

    fn leave(&mut self, number: u64) {
        self.tell(number, EffectKind::Left);
        let Some(case) = self.cases.remove(&number) else { return };
        let Incident { id, merged_into, announced, .. } = &*case.incident;
        let whole = merged_into.as_ref().and_then(|into| self.ids.get(into)).copied();
        match whole.and_then(|whole| self.cases.get_mut(&whole).map(|case| (whole, case))) {
            // A person may still speak of it by the id that was shown for some seconds.
            Some((whole, into)) if announced.is_none() => {
                into.aliases.push(id.clone());
                into.aliases.extend(case.aliases);
                into.aliases.iter().for_each(|alias| {
                    self.ids.insert(alias.clone(), whole);
                });
            }
            _ => {
                self.ids.remove(id);
                case.aliases.iter().for_each(|alias| {
                    self.ids.remove(alias);
                });
            }
        }
    }

    fn next_due(&self, world: &World<'_>) -> Mono {
        let close_after = world.contract.close_after;
        let proof = world.contract.grouping.recovery_proof;
        let of_case = |(number, case): (&u64, &Case)| {
            let leaves = case.leaves(self.closed_leave_after);
            let closes = case.closes(close_after).filter(|_| unconfirmed(case, world).is_empty());
            let steady = case.steady(world.contract.terms.flaps.gap.value);
            // While its end is being proved, what ran out meanwhile waits.
            let overdue = case.next_overdue(proof).filter(|_| self.calm.is_none_or(|calm| calm.case != *number));
            let lapses = case.next_lapse(world.contract.terms.acknowledgement.stale_after);
            [leaves, closes, overdue, steady, lapses, self.uncovered(case, world)].into_iter().flatten().min()
        };
        let isolation = self.isolation.as_ref().and_then(|isolation| isolation.due(proof));
        let storm = self.storm.as_ref().map(Storm::due);
        let calm = self.calm.map(|calm| calm.settles(world.contract.grouping.network_settle));
        let relapsing = self.relapsing.values().map(|(_, due)| *due).chain(self.told_later.values().copied());
        let others = isolation.into_iter().chain(storm).chain(calm).chain(relapsing);
        self.cases.iter().filter_map(of_case).chain(others).min().unwrap_or(Mono(i64::MAX))
    }
}

/// A ULID from the time, the seed and how many there were: ids of one millisecond rise.
pub(super) fn ulid(seed: u64, number: u64, at: Timestamp) -> String {
    let mut hasher = SipHasher13::new_with_keys(seed, number);
    hasher.write_i64(at.0);
    let random = u128::from(number & 0xffff) << 64 | u128::from(hasher.finish());
    Ulid::from_parts(u64::try_from(at.0).unwrap_or(0), random).to_string()
}
