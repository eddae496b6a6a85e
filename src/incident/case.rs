//! One incident at work: the record that is stored and shown, and what only lives in memory beside it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    ActedBy, Clock, EffectKind, Incident, IncidentKind, IncidentPhase, ScopeKind, TimelineEntry, correlate::Explanation,
};
use crate::{
    contract::Tier,
    inventory::LinkId,
    units::{Mono, Now, Timestamp},
};

/// Who acts when no person does.
pub(super) const OURSELVES: &str = "linkpatrol";
pub(super) const RESPONSE: &str = "response";
pub(super) const RESTORE: &str = "restore";
/// A person has said what the cause is.
pub(super) const DIAGNOSED: &str = "diagnosed";
/// 128: a link that flaps all night must not fill the record. The first 32 entries and the newest stay.
const MOST_ENTRIES: usize = 128;
const FIRST_ENTRIES: usize = 32;
/// A restore deadline is called missed this long after it passed, milliseconds: a recovery just before it takes some
/// seconds to prove.
const PROOF_MILLIS: i64 = 10_000;

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub incident: Arc<Incident>,
    /// When the incident was restored, and closed, on the steady clock.
    pub restored: Option<Mono>,
    pub closed: Option<Mono>,
    /// By clock: its deadline on the steady clock, so that a step of civil time accuses nobody.
    deadlines: Vec<Mono>,
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
        let entry = |at, event: &str| TimelineEntry {
            at,
            event: event.to_owned(),
            actor: OURSELVES.to_owned(),
            note: String::new(),
        };
        let incident = Incident {
            id,
            merged_into: None,
            phase: IncidentPhase::Open,
            tier: 0,
            scope,
            inferred: false,
            unit_power_suspected: false,
            kind,
            began,
            opened: now.utc,
            announced: None,
            restored: None,
            closed: None,
            acknowledged: None,
            closed_by: None,
            clocks: vec![],
            links: vec![],
            timeline: vec![entry(began, "occurred"), entry(now.utc, "detected")],
            timeline_dropped: 0,
        };
        Self {
            incident: Arc::new(incident),
            restored: None,
            closed: None,
            deadlines: vec![],
            failed: began,
            recovered: Timestamp(i64::MIN),
            down: 0,
            aliases: vec![],
        }
    }

    /// An incident as it was stored: its start and its deadlines stay.
    pub fn restore(incident: Incident, now: Now) -> Self {
        let mono = |at: Timestamp| Mono(now.mono.0 + (at.0 - now.utc.0));
        Self {
            restored: incident.restored.map(mono),
            closed: incident.closed.map(mono),
            deadlines: incident.clocks.iter().map(|clock| mono(clock.deadline)).collect(),
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

    /// Open, or restored and not closed yet.
    pub fn is_live_outage(&self) -> bool {
        self.incident.phase != IncidentPhase::Closed && self.incident.kind == IncidentKind::Outage
    }

    pub fn waits_for_announcement(&self) -> bool {
        self.incident.announced.is_none() && self.incident.phase == IncidentPhase::Open
    }

    /// When it leaves the list: some time after it was closed, or at once when nobody was told that it was there.
    pub fn leaves(&self, after: Duration) -> Option<Mono> {
        let told = self.incident.announced.is_some();
        self.closed.map(|closed| if told { closed.plus(after) } else { Mono(closed.0 + 1) })
    }

    pub fn note(&mut self, at: Timestamp, event: &str, actor: &str, note: impl Into<String>) {
        let record = self.record();
        if record.timeline.len() == MOST_ENTRIES {
            record.timeline.remove(FIRST_ENTRIES);
            record.timeline_dropped += 1;
        }
        let (event, actor, note) = (event.to_owned(), actor.to_owned(), note.into());
        record.timeline.push(TimelineEntry { at, event, actor, note });
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

    pub fn last_failed(&self) -> Timestamp {
        self.failed
    }

    /// Told of, young, and nobody has said what caused it.
    pub fn may_be_regrouped(&self, now: Now, within: i64) -> bool {
        let incident = &self.incident;
        self.is_open_outage()
            && incident.announced.is_some()
            && incident.scope.kind != ScopeKind::Network.as_str()
            && now.utc.0 - incident.began.0 <= within
            && !incident.timeline.iter().any(|entry| entry.event == DIAGNOSED)
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
        let acknowledged = whole.incident.acknowledged.clone();
        let record = self.record();
        (record.tier, record.clocks, record.acknowledged) = (tier, clocks, acknowledged);
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

    /// Replaces the clocks by those of `tier`, started at `started`.
    pub fn set_tier(&mut self, tier: &Tier, started: Timestamp, now: Now) {
        let acknowledged = self.incident.acknowledged.as_ref().map(|acted| acted.at);
        self.record().clocks.clear();
        self.deadlines.clear();
        self.add_tier(tier, started, now);
        let response = self.record().clocks.iter_mut().filter(|clock| clock.clock == RESPONSE);
        response.for_each(|clock| clock.stopped = acknowledged);
    }

    /// Starts the clocks of `tier` beside those that run.
    pub fn add_tier(&mut self, tier: &Tier, started: Timestamp, now: Now) {
        let record = Arc::make_mut(&mut self.incident);
        record.tier = tier.level;
        for (name, length) in [(RESPONSE, tier.response), (RESTORE, tier.restore)] {
            let deadline = started.plus(length);
            record.clocks.push(Clock {
                clock: name.to_owned(),
                tier: tier.level,
                party: "operator".to_owned(),
                started,
                deadline,
                stopped: None,
                overdue: None,
                clause: tier.clause.clone(),
            });
            self.deadlines.push(Mono(now.mono.0 + (deadline.0 - now.utc.0)));
        }
    }

    /// Clocks that another incident had running earlier run on in this one: merging never lengthens a deadline.
    pub fn inherit_clocks(&mut self, other: &Self) {
        for (clock, deadline) in other.incident.clocks.iter().zip(&other.deadlines) {
            let same = |mine: &Clock| (&mine.clock, mine.tier) == (&clock.clock, clock.tier);
            match self.incident.clocks.iter().position(same) {
                Some(place) if self.incident.clocks[place].deadline > clock.deadline => {
                    self.record().clocks[place] = clock.clone();
                    self.deadlines[place] = *deadline;
                }
                Some(_) => {}
                None => {
                    self.record().clocks.push(clock.clone());
                    self.deadlines.push(*deadline);
                }
            }
        }
    }

    /// A person took it on: response clocks stop.
    pub fn acknowledge(&mut self, acted: ActedBy) {
        self.stop_clocks(|clock| clock.clock == RESPONSE, acted.at);
        self.note(acted.at, "acknowledged", &acted.actor, acted.note.clone());
        self.record().acknowledged = Some(acted);
    }

    /// A response clock still runs.
    pub fn wants_acknowledgement(&self) -> bool {
        self.incident.clocks.iter().any(|clock| clock.clock == RESPONSE && clock.stopped.is_none())
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
        self.stop_clocks(|_| true, at);
        self.note(at, "restored", OURSELVES, "");
        let record = self.record();
        record.phase = IncidentPhase::Restored;
        record.restored = Some(at);
        self.restored = Some(now.mono);
    }

    /// It fails again before it was closed: the same incident goes on, and so do the restore clocks.
    pub fn relapse(&mut self, at: Timestamp, note: &str) {
        let acknowledged = self.incident.acknowledged.as_ref().map(|acted| acted.at);
        self.note(at, "relapsed", OURSELVES, note);
        let record = self.record();
        record.phase = IncidentPhase::Open;
        record.restored = None;
        for clock in &mut record.clocks {
            clock.stopped = if clock.clock == RESPONSE { acknowledged } else { None };
        }
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
        self.stop_clocks(|_| true, now.utc);
        let record = self.record();
        record.merged_into = Some(into.to_owned());
        record.phase = IncidentPhase::Closed;
        record.closed = Some(now.utc);
        self.closed = Some(now.mono);
    }

    /// Tells clocks that ran out, each once.
    pub fn overdue(&mut self, now: Now) -> Vec<EffectKind> {
        let mut told = vec![];
        for place in 0..self.deadlines.len() {
            let clock = &self.incident.clocks[place];
            if clock.stopped.is_none() && clock.overdue.is_none() && now.mono >= self.due(place) {
                let (name, tier, deadline) = (clock.clock.clone(), clock.tier, clock.deadline);
                self.note(deadline, &format!("{name}_overdue"), OURSELVES, format!("tier {tier}"));
                self.record().clocks[place].overdue = Some(now.utc);
                told.push(EffectKind::Overdue { clock: name, tier });
            }
        }
        told
    }

    /// When a clock runs out next.
    pub fn next_overdue(&self) -> Option<Mono> {
        let runs = |place: &usize| {
            let clock = &self.incident.clocks[*place];
            clock.stopped.is_none() && clock.overdue.is_none()
        };
        (0..self.deadlines.len()).filter(runs).map(|place| self.due(place)).min()
    }

    fn due(&self, place: usize) -> Mono {
        let proof = if self.incident.clocks[place].clock == RESTORE { PROOF_MILLIS } else { 0 };
        Mono(self.deadlines[place].0 + proof)
    }

    /// The condition of its tier ended: the tier's clocks stop, those of a lower tier run on.
    pub fn stop_tier(&mut self, at: Timestamp) {
        let tier = self.incident.tier;
        self.stop_clocks(|clock| clock.tier == tier, at);
    }

    fn stop_clocks(&mut self, which: impl Fn(&Clock) -> bool, at: Timestamp) {
        let running = self.record().clocks.iter_mut().filter(|clock| clock.stopped.is_none() && which(clock));
        running.for_each(|clock| clock.stopped = Some(at));
    }
}
