//! One incident at work: the record that is stored and shown, and what only lives in memory beside it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    Acknowledgement, ActedBy, Incident, IncidentKind, IncidentPhase, ScopeKind, TimelineEntry, correlate::Explanation,
};
use crate::{
    command::Step,
    inventory::LinkId,
    units::{Mono, Now, Timestamp},
};

/// Who acts when no person does.
pub const OURSELVES: &str = "linkpatrol";
/// Event of the timeline: it failed again.
pub const RELAPSED: &str = "relapsed";
/// 128: a link that flaps all night must not fill the record. The first 32 entries, the newest, and whatever people wrote
/// stay.
const MOST_ENTRIES: usize = 128;
const FIRST_ENTRIES: usize = 32;
/// Entries by people that one incident holds: a long night of calls with five parties.
const MOST_WRITTEN: usize = 512;

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub incident: Arc<Incident>,
    /// When the incident was restored, and closed, on the steady clock.
    pub restored: Option<Mono>,
    pub closed: Option<Mono>,
    /// By clock, and by promise: its deadline on the steady clock, so that a step of civil time accuses nobody.
    pub(super) deadlines: Vec<Mono>,
    pub(super) promised: Vec<Mono>,
    /// When it last failed again, and how often in short order.
    pub(super) turned: Option<Mono>,
    pub(super) turns: u32,
    /// When each party was last heard of, on the steady clock.
    pub(super) heard: BTreeMap<String, Mono>,
    /// Parties that say it is over, and when we say what we see.
    pub(super) retests: Vec<(String, Mono)>,
    /// Something happened that may start a clock.
    pub(super) unwound: bool,
    /// Latest failure and latest recovery among its links.
    failed: Timestamp,
    recovered: Timestamp,
    /// How many of its links are down.
    down: usize,
    /// Ids of incidents that became part of it before anybody was told of them.
    pub aliases: Vec<String>,
}

impl Case {
    /// An incident that opens now.
    pub fn open(id: String, kind: IncidentKind, scope: super::Scope, began: Timestamp, now: Now) -> Self {
        let entry = |number, at, event: &str| TimelineEntry {
            number,
            at,
            event: event.to_owned(),
            actor: OURSELVES.to_owned(),
            way: "probe".to_owned(),
            ..TimelineEntry::default()
        };
        let incident = Incident {
            id,
            merged_into: None,
            phase: IncidentPhase::Open,
            tier: 0,
            levels: vec![],
            scope,
            inferred: false,
            unit_power_suspected: false,
            kind,
            source: None,
            drill: false,
            began,
            opened: now.utc,
            announced: None,
            restored: None,
            closed: None,
            acknowledgements: vec![],
            promises: vec![],
            confirmations: vec![],
            closed_by: None,
            annulled: None,
            resolution: None,
            clocks: vec![],
            redundancy: vec![],
            relapses: 0,
            flapping: None,
            parent: None,
            links: vec![],
            service: None,
            tickets: vec![],
            timeline: vec![entry(1, began, "occurred"), entry(2, now.utc, "detected")],
            timeline_dropped: 0,
        };
        Self {
            incident: Arc::new(incident),
            restored: None,
            closed: None,
            deadlines: vec![],
            promised: vec![],
            turned: None,
            turns: 0,
            heard: BTreeMap::new(),
            retests: vec![],
            unwound: false,
            failed: began,
            recovered: Timestamp(i64::MIN),
            down: 0,
            aliases: vec![],
        }
    }

    /// An incident as it was stored: its start and its deadlines stay.
    pub fn restore(incident: Incident, now: Now) -> Self {
        let mono = |at: Timestamp| Mono(now.mono.0 + (at.0 - now.utc.0));
        let last_word = |one: &Acknowledgement| {
            let own = incident.timeline.iter().filter(|entry| entry.party == one.party && entry.actor != OURSELVES);
            own.map(|entry| entry.recorded.unwrap_or(entry.at)).max().unwrap_or(one.by.at)
        };
        let heard = incident.acknowledgements.iter().map(|one| (one.party.clone(), mono(last_word(one)))).collect();
        Self {
            restored: incident.restored.map(mono),
            closed: incident.closed.map(mono),
            deadlines: incident.clocks.iter().map(|clock| mono(clock.deadline)).collect(),
            promised: incident.promises.iter().map(|promise| mono(promise.eta)).collect(),
            turned: incident.flapping.map(|_| now.mono),
            turns: 0,
            heard,
            retests: vec![],
            unwound: true,
            failed: incident.began,
            recovered: incident.restored.unwrap_or(Timestamp(i64::MIN)),
            down: incident.links.iter().filter(|(_, down)| *down).count(),
            aliases: vec![],
            incident: Arc::new(incident),
        }
    }

    pub fn record(&mut self) -> &mut Incident {
        Arc::make_mut(&mut self.incident)
    }

    pub fn is_open_outage(&self) -> bool {
        self.incident.phase == IncidentPhase::Open && self.incident.kind == IncidentKind::Outage
    }

    /// Open, and something else may explain it.
    pub fn is_open_fault(&self) -> bool {
        self.is_open_outage()
            || self.incident.phase == IncidentPhase::Open && self.incident.kind == IncidentKind::Service
    }

    /// Open, or restored and not closed yet.
    pub fn is_live_outage(&self) -> bool {
        self.incident.phase != IncidentPhase::Closed && self.incident.kind == IncidentKind::Outage
    }

    pub fn waits_for_announcement(&self) -> bool {
        self.incident.announced.is_none() && self.incident.phase == IncidentPhase::Open
    }

    /// When it closes by itself.
    pub fn closes(&self, after: Duration) -> Option<Mono> {
        let settled = self.closed.is_none() && self.incident.flapping.is_none();
        self.restored.filter(|_| settled).map(|at| at.plus(after))
    }

    /// When it leaves the list: some time after it was closed and its last clock ended, or at once when nobody was told
    /// that it was there.
    pub fn leaves(&self, after: Duration) -> Option<Mono> {
        let told = self.incident.announced.is_some();
        if told && self.waits() {
            return None;
        }
        self.closed.map(|closed| if told { closed.plus(after) } else { Mono(closed.0 + 1) })
    }

    /// Writes down something that we did or saw.
    pub fn note(&mut self, at: Timestamp, event: &str, actor: &str, note: impl Into<String>) {
        let (event, actor, note) = (event.to_owned(), actor.to_owned(), note.into());
        self.write(TimelineEntry { at, event, actor, note, ..TimelineEntry::default() });
    }

    /// Adds an entry. What is there is never changed, and what people wrote is never left out.
    pub fn write(&mut self, entry: TimelineEntry) {
        self.unwound = true;
        let record = self.record();
        let number = u32::try_from(record.steps() + 1).unwrap_or(u32::MAX);
        if record.timeline.len() >= MOST_ENTRIES {
            let ours = |entry: &TimelineEntry| entry.actor == OURSELVES;
            if let Some(place) = record.timeline.iter().skip(FIRST_ENTRIES).position(ours) {
                record.timeline.remove(FIRST_ENTRIES + place);
                record.timeline_dropped += 1;
            }
        }
        record.timeline.push(TimelineEntry { number, ..entry });
    }

    /// Whether people have written as much as it holds.
    pub fn is_full(&self) -> bool {
        self.incident.timeline.iter().filter(|entry| entry.actor != OURSELVES).count() >= MOST_WRITTEN
    }

    /// It began earlier than was known.
    pub fn began_at(&mut self, at: Timestamp) {
        if at < self.incident.began {
            self.note(at, "occurred", OURSELVES, "");
            self.record().began = at;
        }
    }

    /// Takes the scope and the links that explain it. `true`: something changed.
    pub fn explain(&mut self, explanation: &Explanation, links: Vec<(LinkId, bool)>, began: Timestamp) -> bool {
        let before = (&self.incident.scope, &self.incident.links, self.incident.began);
        if before == (&explanation.scope, &links, began) {
            return false;
        }
        self.rename(explanation);
        let record = self.record();
        record.links = links;
        record.began = began;
        if record.timeline.first().is_some_and(|first| first.event == "occurred") {
            record.timeline[0].at = began;
        }
        self.count_down();
        true
    }

    /// Takes the scope that explains it now.
    pub fn rename(&mut self, explanation: &Explanation) {
        let record = self.record();
        record.scope = explanation.scope.clone();
        record.inferred = record.scope.kind == ScopeKind::Segment.as_str() || explanation.unit_power_suspected;
        record.unit_power_suspected = explanation.unit_power_suspected;
    }

    /// Adds links, each with whether it is down; the last of them failed at `last`.
    pub fn take_in(&mut self, links: impl IntoIterator<Item = (LinkId, bool)>, last: Timestamp) {
        let record = self.record();
        let mut all: BTreeMap<_, _> = std::mem::take(&mut record.links).into_iter().collect();
        all.extend(links);
        record.links = all.into_iter().collect();
        self.count_down();
        self.failed(last);
    }

    /// One of its links failed at this time.
    pub fn failed(&mut self, at: Timestamp) {
        self.failed = self.failed.max(at);
    }

    /// Whether something that failed at `began` may be why this one fails: it came before, or not long after, or while
    /// another one explained it.
    pub fn may_follow_from(&self, began: Timestamp, late: Duration) -> bool {
        self.incident.parent.is_some() || began <= self.fails_since().plus(late)
    }

    /// When it began, or began again last: what explained it then may be over.
    fn fails_since(&self) -> Timestamp {
        let relapse = self.incident.timeline.iter().rev().find(|entry| entry.event == RELAPSED);
        relapse.map_or(self.incident.began, |entry| entry.at)
    }

    pub fn last_failed(&self) -> Timestamp {
        self.failed
    }

    /// Told of, young, and nobody has said what caused it.
    pub fn may_be_regrouped(&self, now: Now, within: Duration) -> bool {
        let incident = &self.incident;
        self.is_open_outage()
            && incident.announced.is_some()
            && incident.scope.kind != ScopeKind::Network.as_str()
            && now.utc <= incident.began.plus(within)
            && !incident.timeline.iter().any(|entry| entry.is(Step::Diagnosed))
    }

    fn count_down(&mut self) {
        self.down = self.incident.links.iter().filter(|(_, down)| *down).count();
    }

    /// Whether the link is still down in this incident; `None`: not one of its links.
    pub fn is_down(&self, link: &LinkId) -> Option<bool> {
        let links = &self.incident.links;
        links.binary_search_by(|entry| entry.0.cmp(link)).ok().map(|place| links[place].1)
    }

    pub fn set_down(&mut self, link: &LinkId, down: bool) {
        let links = &mut Arc::make_mut(&mut self.incident).links;
        if let Ok(place) = links.binary_search_by(|entry| entry.0.cmp(link))
            && links[place].1 != down
        {
            links[place].1 = down;
            self.down = if down { self.down + 1 } else { self.down - 1 };
        }
    }

    /// These links go on in an incident of their own. Returns them, with whether they are down.
    pub fn release(&mut self, gone: &BTreeSet<LinkId>) -> Vec<(LinkId, bool)> {
        let links = std::mem::take(&mut self.record().links);
        let (left, kept) = links.into_iter().partition(|(link, _)| gone.contains(link));
        self.record().links = kept;
        self.count_down();
        left
    }

    /// Goes on with the clocks and acknowledgements of the incident that it was part of.
    pub fn go_on_from(&mut self, whole: &Self) {
        let (tier, clocks) = (whole.incident.tier, whole.incident.clocks.clone());
        let record = self.record();
        (record.tier, record.clocks) = (tier, clocks);
        record.levels.clone_from(&whole.incident.levels);
        record.acknowledgements.clone_from(&whole.incident.acknowledgements);
        self.deadlines.clone_from(&whole.deadlines);
        self.failed = whole.failed;
        self.recovered = whole.recovered;
    }

    /// Links still down.
    pub fn down(&self) -> impl Iterator<Item = &LinkId> {
        self.incident.links.iter().filter(|(_, down)| *down).map(|(link, _)| link)
    }

    pub fn has_down(&self) -> bool {
        self.down > 0
    }

    /// A person took it on for a party. The first one stands.
    pub fn acknowledge(&mut self, party: &str, by: ActedBy, work_order: String, eta: Option<Timestamp>) {
        self.stop_response(party, by.at);
        let (at, actor, note, way) = (by.at, by.actor.clone(), by.note.clone(), by.way.clone());
        let (event, party) = ("acknowledged".to_owned(), party.to_owned());
        self.write(TimelineEntry {
            at,
            event,
            actor,
            note,
            way,
            party: party.clone(),
            eta,
            work_order: work_order.clone(),
            ..TimelineEntry::default()
        });
        if self.incident.acknowledged_by(&party).is_none() {
            self.record().acknowledgements.push(Acknowledgement { party, by, work_order });
        }
    }

    /// One of its links is up again. `true`: it was the last.
    pub fn recover(&mut self, link: &LinkId, since: Timestamp) -> bool {
        self.set_down(link, false);
        self.recovered = self.recovered.max(since);
        !self.has_down()
    }

    /// The latest recovery among its links, as far as this process saw one.
    pub fn recovered(&self) -> Option<Timestamp> {
        Some(self.recovered).filter(|recovered| *recovered >= self.incident.began)
    }

    /// Everything is up again since the last recovery: all clocks stop.
    pub fn end(&mut self, now: Now) {
        self.end_at(self.recovered.max(self.incident.began), now);
    }

    /// As [`Case::end`], at this time.
    pub fn end_at(&mut self, at: Timestamp, now: Now) {
        self.stop_work(at);
        self.note(at, "restored", OURSELVES, "");
        let record = self.record();
        record.phase = IncidentPhase::Restored;
        record.restored = Some(at);
        self.restored = Some(now.mono);
    }

    /// It fails again before it was closed: the same incident goes on, and so do the clocks that its end had stopped.
    pub fn relapse(&mut self, at: Timestamp, note: &str) {
        self.note(at, RELAPSED, OURSELVES, note);
        self.resume_work();
        let record = self.record();
        record.phase = IncidentPhase::Open;
        record.restored = None;
        // Whoever said that it worked spoke of another moment.
        record.confirmations.clear();
        self.restored = None;
    }

    pub fn close(&mut self, by: Option<ActedBy>, note: &str, now: Now) {
        let actor = by.as_ref().map_or(OURSELVES, |acted| &acted.actor).to_owned();
        self.note(now.utc, "closed", &actor, note);
        let record = self.record();
        record.phase = IncidentPhase::Closed;
        record.closed = Some(now.utc);
        record.closed_by = by;
        self.closed = Some(now.mono);
    }

    /// It was part of `into`.
    pub fn merge_into(&mut self, into: &str, now: Now) {
        self.note(now.utc, "merged", OURSELVES, into);
        self.stop_all(now.utc);
        let record = self.record();
        record.merged_into = Some(into.to_owned());
        record.phase = IncidentPhase::Closed;
        record.closed = Some(now.utc);
        self.closed = Some(now.mono);
    }
}
