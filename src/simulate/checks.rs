//! What was told, held against what was true.
//!
//! Each raise has at most one clear; no outage that could be seen is missed, none is told of that was not; deadlines are
//! the first moment that the calendar allows; every account sums to its period, and its bounds hold the truth.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    accounts, served,
    span::{Span, Spans},
    station::{Station, Told},
    world::{Work, World},
};
use crate::{
    command::{Action, Command, Refusal, Reply},
    contract::Contract,
    incident::{EffectKind, Incident, IncidentKind},
    ledger::{Accounting, Measured},
    patrol::load::Loaded,
    units::Timestamp,
};

/// Most violations that are told one by one.
const MOST_TOLD: usize = 20;

/// The longest grace of a storm, and the wait after an isolation: told of later than understood, milliseconds.
pub const GRACE: i64 = 25_000;
/// A cut that has lasted so long stands in an incident, unless nobody could look.
pub const SURE_DOWN: i64 = 30_000;

/// How fast a link is proved down and up, milliseconds.
#[derive(Clone, Copy, Debug)]
struct Proof {
    interval: i64,
    /// From the beginning of a cut to the verdict, at the latest.
    down: i64,
    /// From its end to the verdict, when nothing is lost meanwhile.
    up: i64,
}

/// Times at which a link stood as down in an incident.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// From when on, and in which incident.
    since: Option<(i64, String)>,
    spans: Vec<Span>,
}

impl Held {
    /// It stands as down in an incident that people know of, or that is over.
    pub fn see(&mut self, incident: &str, stands: bool, is_over: bool, at: i64) {
        match &self.since {
            None if stands => self.since = Some((at, incident.to_owned())),
            // An earlier one may have something to tell still.
            Some((since, holder)) if !stands && is_over && holder == incident => {
                self.spans.push(Span { from: *since, to: at });
                self.since = None;
            }
            _ => {}
        }
    }

    /// The time is over.
    pub fn end(&mut self, at: i64) -> Vec<Span> {
        let last = self.since.take().map(|(since, _)| Span { from: since, to: at });
        std::mem::take(&mut self.spans).into_iter().chain(last).collect()
    }
}

/// The books of a simulation.
pub struct Checks {
    proofs: Vec<Proof>,
    held: Vec<Held>,
    /// Incident, and whether it was told of as open last.
    open: BTreeMap<String, bool>,
    /// Incidents that flap, and are told of no more until they are calm.
    damped: BTreeSet<String>,
    acknowledged: BTreeSet<String>,
    /// Links that lost so many packets without a cause that it looked like a cut.
    bad_luck: Vec<Vec<Span>>,
    works: Vec<Work>,
    pub services: served::Services,
    clocks_seen: BTreeSet<(String, usize)>,
    pub incidents: u64,
    pub outages: Outages,
    pub violations: u64,
    /// The first of them.
    pub first: Vec<String>,
    /// When the first of them was.
    worst: Option<i64>,
    /// Everything told: when, of which incident, what.
    pub told: Vec<(i64, String, EffectKind)>,
}

/// Stretches during which one link was down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outages {
    pub injected: u64,
    pub found: u64,
    /// Nobody could have seen them: too short, or while we were blind, isolated or dead.
    pub masked: u64,
}

impl Checks {
    pub fn new(loaded: &Loaded) -> Self {
        let proof = |link: &crate::inventory::Link| {
            let role = loaded.contract.measuring_point(link.kind);
            let place = crate::judge::deciding_point(&link.points, role).unwrap_or(0);
            let measure = loaded.measures.get(link.first_point.at() + place).cloned().unwrap_or_default();
            let millis = |length: std::time::Duration| length.as_millis() as i64;
            let interval = millis(measure.interval);
            let confirm = millis(measure.confirm.spacing) * i64::from(measure.confirm.probes);
            Proof {
                interval,
                down: interval + millis(measure.timeout) + confirm + 200,
                up: millis(measure.restore.span).max(interval * i64::from(measure.restore.answers)) + interval,
            }
        };
        let links = &loaded.inventory.links;
        Self {
            proofs: links.iter().map(proof).collect(),
            held: vec![Held::default(); links.len()],
            open: BTreeMap::new(),
            damped: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            bad_luck: vec![vec![]; links.len()],
            works: vec![],
            services: served::Services::new(loaded),
            clocks_seen: BTreeSet::new(),
            incidents: 0,
            outages: Outages::default(),
            violations: 0,
            first: vec![],
            worst: None,
            told: vec![],
        }
    }

    pub fn bad_luck(&mut self, link: Option<usize>, from: i64, to: i64) {
        if let Some(link) = link {
            self.bad_luck[link].push(Span { from, to: to.max(from + 1) });
        }
    }

    pub fn excluded(&mut self, work: Work) {
        self.works.push(work);
    }

    /// What happened, and what was told, around the first violation.
    pub fn story(&self, world: &World) -> Vec<String> {
        let Some(worst) = self.worst else { return vec![] };
        // What shows only in the books at the end happened at any time.
        let near = match worst < world.length {
            true => Span { from: worst - 1_800_000, to: worst + 300_000 },
            false => Span { from: 0, to: world.length },
        };
        let told = self.told.iter().filter(|(at, ..)| near.has(*at));
        let mut story = world.story(near);
        story.extend(told.map(|(at, incident, kind)| (*at, format!("told: {incident} {kind:?}"))));
        story.sort();
        story.into_iter().map(|(at, what)| format!("{}  {what}", clock(at))).collect()
    }

    fn violation(&mut self, at: i64, what: &str) {
        self.violations += 1;
        if self.first.len() < MOST_TOLD {
            self.worst.get_or_insert(at);
            self.first.push(format!("{}: {what}", clock(at)));
        }
    }

    /// What a turn told.
    pub fn hear(&mut self, told: &Told, at: i64, world: &World, station: &Station) {
        let wrong = self.services.hear(told, at, world, station);
        wrong.into_iter().for_each(|what| self.violation(at, &what));
        for effect in &told.effects {
            self.each_raise_has_one_clear(&effect.incident, &effect.kind, at);
            self.told.push((at, effect.incident.clone(), effect.kind.clone()));
        }
        for incident in &told.incidents {
            // One that nobody stands by any more lapses, on record.
            let has_lapsed = || incident.timeline.iter().any(|entry| entry.event == "lapsed");
            if self.acknowledged.contains(&incident.id) && incident.acknowledged().is_none() && !has_lapsed() {
                self.violation(at, &format!("the acknowledgement of {} is lost", incident.id));
            }
            self.deadlines_are_right(incident, at, &station.loaded.contract);
            if incident.kind == IncidentKind::Outage {
                self.hold(incident, at, station);
            }
        }
    }

    fn each_raise_has_one_clear(&mut self, id: &str, kind: &EffectKind, at: i64) {
        let (expected, now) = match kind {
            EffectKind::Opened => {
                self.incidents += 1;
                (None, true)
            }
            EffectKind::Relapsed => (Some(false), true),
            EffectKind::Restored => {
                self.damped.remove(id);
                (Some(true), false)
            }
            // From now on its ends and relapses are only noted.
            EffectKind::Flapping => {
                self.damped.insert(id.to_owned());
                return;
            }
            EffectKind::Closed if self.damped.remove(id) => {
                self.open.insert(id.to_owned(), false);
                return;
            }
            EffectKind::Closed => (Some(false), false),
            EffectKind::Left => {
                self.open.remove(id);
                return;
            }
            _ => return,
        };
        let before = self.open.insert(id.to_owned(), now);
        if before != expected {
            self.violation(at, &format!("{kind:?} of {id}, which was told of as open: {before:?}"));
        }
    }

    fn deadlines_are_right(&mut self, incident: &Incident, at: i64, contract: &Contract) {
        for (place, clock) in incident.clocks.iter().enumerate() {
            if !self
                .clocks_seen
                .insert((format!("{}{}{}{}", incident.id, clock.clock, clock.party, clock.started.0), place))
            {
                continue;
            }
            let classes = contract.terms.classes.iter().chain(&contract.terms.overrides);
            let own = classes.flat_map(|class| &class.tiers).flat_map(|tier| &tier.clocks);
            let agreed = contract.terms.agreements.iter().flat_map(|agreement| &agreement.clocks);
            let promised = own
                .chain(agreed)
                .filter(|promised| promised.kind.as_str() == clock.clock && promised.calendar.id == clock.calendar);
            let fits = promised.clone().any(|promised| is_due(promised, clock.started, clock.deadline));
            if !fits && promised.count() > 0 {
                self.violation(at, &format!("{} of {}: no promise is due at its deadline", clock.clock, incident.id));
            }
        }
        if self.clocks_seen.len() > 20_000 {
            self.clocks_seen.clear();
        }
    }

    fn hold(&mut self, incident: &Incident, at: i64, station: &Station) {
        for (link, down) in &incident.links {
            let Some(link) = station.link(link) else { continue };
            // Before its grace is over nobody is told of it.
            let stands = *down && incident.merged_into.is_none() && incident.announced.is_some();
            // A link goes over from one to another when they merge.
            self.held[link].see("", stands, !*down, at);
        }
    }

    /// What became of a command.
    pub fn answered(&mut self, command: &Command, reply: &Reply, at: i64) {
        match (&command.action, reply) {
            (Action::Acknowledge { incident, .. }, Reply::Done { .. }) => {
                self.acknowledged.insert(incident.clone());
            }
            (_, Reply::Refused(Refusal::NoActor | Refusal::NotKept | Refusal::NoSuchParty { .. })) => {
                self.violation(at, &format!("{command:?} was refused: {reply:?}"));
            }
            _ => {}
        }
    }

    /// The time is over.
    pub fn finish(&mut self, world: &World, station: &Station, now: Timestamp) {
        let dark = [&world.isolated, &world.blind, &world.dead];
        let dark: Vec<Span> = dark.into_iter().flat_map(Spans::iter).collect();
        for link in 0..world.links.len() {
            let Proof { interval, up, .. } = self.proofs[link];
            let cuts = &world.links[link].cuts;
            // A gap that is too short to prove a recovery is none.
            let outages = Spans::bridged(cuts.iter().collect(), up + 2 * interval);
            // After the dark, a link proves itself anew, and what is said of it then may be of before.
            let seen_late = |span: &Span| Span { from: span.from - 2 * interval, to: span.to + 30_000 + 3 * interval };
            let dark = Spans::of(dark.iter().map(seen_late).collect());
            let held = self.held[link].end(world.length);
            for outage in outages.iter() {
                self.outage_is_found(link, outage, &held, cuts, &dark);
            }
            self.nothing_is_invented(link, held, cuts, &dark);
            self.account_is_right(link, &outages, world, station, now);
        }
        for (at, what) in self.services.finish(world, station, now) {
            self.violation(at, &what);
        }
    }

    fn outage_is_found(&mut self, link: usize, outage: Span, held: &[Span], cuts: &Spans, dark: &Spans) {
        self.outages.injected += 1;
        let Proof { down, up, .. } = self.proofs[link];
        let told = |span: &Span| held.iter().any(|held| held.from < span.to + up + GRACE && held.to > span.from);
        let lit = |cut: Span| dark.gaps(cut).into_iter().filter(|span| span.length() >= down);
        let inside = cuts.iter().filter(|cut| cut.from >= outage.from && cut.to <= outage.to);
        let visible: Vec<Span> = inside.flat_map(lit).collect();
        if told(&outage) {
            self.outages.found += 1;
        } else if visible.is_empty() {
            self.outages.masked += 1;
        }
        if let Some(missed) = visible.into_iter().find(|span| !told(span)) {
            self.violation(
                missed.from,
                &format!("link {link} was down for {} ms, and nothing was told", missed.length()),
            );
        }
    }

    /// No line is accused that was fine.
    fn nothing_is_invented(&mut self, link: usize, held: Vec<Span>, cuts: &Spans, dark: &Spans) {
        let Proof { interval, down, up } = self.proofs[link];
        let bad_luck = Spans::of(std::mem::take(&mut self.bad_luck[link]));
        for held in held {
            // The grace of a storm, and the wait after an isolation, come before it is told.
            let mut reach = Span { from: held.from - down - up - GRACE - 2 * interval, to: held.from };
            if let Some(dark) = dark.next(reach.from).filter(|dark| dark.from < held.from) {
                reach.from = reach.from.min(dark.from - down - up);
            }
            if !cuts.meets(reach) && !bad_luck.meets(reach) {
                self.violation(held.from, &format!("link {link} is accused and was fine"));
            }
        }
        self.bad_luck[link] = bad_luck.iter().collect();
    }

    fn account_is_right(&mut self, link: usize, outages: &Spans, world: &World, station: &Station, now: Timestamp) {
        let (account, what) = (&station.accounts[link], format!("link {link}"));
        let (booked, wrong) = accounts::booked(&what, (account, &station.closed[link]), station, now);
        wrong.into_iter().for_each(|what| self.violation(world.length, &what));
        let excluded_down: u64 = station.closed[link]
            .iter()
            .flat_map(|closed| closed.cells.clone())
            // A month that has ended is among the others already.
            .chain(if account.month().ends > now { account.cells(now) } else { vec![] })
            .filter(|cell| cell.measured == Measured::Down && cell.accounting != Accounting::Counted)
            .map(|cell| cell.millis)
            .sum();
        let (down, unknown) = ((booked.down + excluded_down).cast_signed(), booked.unknown.cast_signed());
        let Proof { interval, down: proof, up } = self.proofs[link];
        let hidden = world.hidden();
        // A cut is seen up to an interval late, its end as well; a loss meanwhile begins the proof of it anew.
        let slack = 2 * interval + 8 * up;
        let windows = Spans::of(self.works.iter().filter(|work| work.link == link).map(|work| work.window).collect());
        let most: i64 = outages.iter().map(|outage| outage.length() + slack).sum::<i64>()
            + self.bad_luck[link].len() as i64 * (slack + proof);
        let cuts = world.links[link].cuts.iter();
        let lit = cuts.flat_map(|cut| hidden.gaps(cut)).flat_map(|cut| windows.gaps(cut));
        let least: i64 = lit.map(|cut| (cut.length() - slack - proof).max(0)).sum();
        if let Some(what) = accounts::outside(&what, (least, most), (down, unknown)) {
            self.violation(world.length, &what);
        }
    }
}

/// `day 3 04:05:06.700`, counted from 0.
fn clock(at: i64) -> String {
    let (day, rest) = (at.div_euclid(86_400_000), at.rem_euclid(86_400_000));
    let (hours, minutes, seconds) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60);
    format!("day {day} {hours:02}:{minutes:02}:{seconds:02}.{:03}", rest % 1_000)
}

/// Whether a promise that began at `started` is due at `deadline`, and not a moment before.
fn is_due(promised: &crate::contract::Clock, started: Timestamp, deadline: Timestamp) -> bool {
    match promised.length() {
        Some(length) => {
            let before = Timestamp(deadline.0 - 1);
            promised.calendar.elapsed(started, deadline) == length
                && (length.is_zero() || promised.calendar.elapsed(started, before) < length)
        }
        None => promised.deadline(started) == deadline,
    }
}
