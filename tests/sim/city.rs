//! A day of a small city: the true world beside the pipeline that watches it.
//!
//! Links of the shipped inventory, a probe every ten seconds each. Things are cut at random and come back; this host
//! goes blind, loses its witnesses, restarts, and has its clock set. What the pipeline says is held against the truth.

use std::{collections::BTreeMap, path::Path, time::Duration};

use linkpatrol::{
    contract::Contract,
    diagnostic::Findings,
    incident::{EffectKind, Incident, IncidentKind, Incidents, Input, LinkChange, Scopes, World},
    inventory::{Inventory, PointIndex, Status},
    judge::{LinkState, PointChange, PointJudge, PointReading, PointWatch, StoredPoint, Tally, Unknown, link_state},
    ledger::{Account, Accounted, Month, Terms},
    profile::Measure,
    sample::{Event, Failure, LocalFault, Outcome, Purpose, Reply, Sample, Stamps},
    units::{Mono, Now, Rtt, Timestamp},
    window::PointWindow,
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

const LINKS: usize = 40;
const INTERVAL: i64 = 10_000;
const DAY: i64 = 86_400_000;
/// What was sent a second and a half ago has ended: how far the pipeline is behind the truth here.
const LAG: i64 = 1_500;
/// 2026-11-20 00:00 in Shanghai.
const MIDNIGHT: i64 = 1_795_190_400_000;
/// Random loss, far above what a good line has.
const LOSS: f64 = 0.005;
const CUTS: usize = 14;

/// A stretch of true time, milliseconds of the day.
#[derive(Clone, Copy)]
struct Span {
    from: i64,
    to: i64,
}

impl Span {
    fn has(self, at: i64) -> bool {
        (self.from..self.to).contains(&at)
    }

    fn overlaps(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }
}

/// What is true.
struct Truth {
    cuts: Vec<(Span, Vec<usize>)>,
    blind: Vec<Span>,
    isolated: Span,
    dead: Vec<Span>,
    /// At that time civil time jumps by so many milliseconds.
    steps: BTreeMap<i64, i64>,
}

impl Truth {
    fn of(random: &mut StdRng, inventory: &Inventory) -> Self {
        let mut span = |from: i64, hours: i64, minutes: std::ops::Range<i64>| {
            let from = random.random_range(from * 3_600_000..(from + hours) * 3_600_000) / 1_000 * 1_000;
            Span { from, to: from + random.random_range(minutes) * 60_000 }
        };
        // Disturbances of our own have hours of their own, so that each can be told from the next.
        let blind = vec![span(2, 1, 1..10), span(8, 1, 1..10)];
        let isolated = span(5, 1, 2..30);
        let dead = vec![span(11, 1, 1..3), span(15, 1, 1..3)];
        let steps = [(18, 3_600_000), (20, -3_600_000), (22, 90_000)];
        let steps = steps.map(|(hour, step)| (span(hour, 1, 1..2).from, step)).into();
        let spans: Vec<Span> = (0..CUTS).map(|_| span(1, 22, 3..40)).collect();
        let cuts = spans.into_iter().map(|span| (span, victims(random, inventory))).collect();
        Self { cuts, blind, isolated, dead, steps }
    }

    fn is_down(&self, link: usize, at: i64) -> bool {
        self.cuts.iter().any(|(span, links)| span.has(at) && links.contains(&link))
    }

    /// This host could not see well at some time of the span.
    fn disturbed(&self, span: Span) -> bool {
        self.blind.iter().chain(&self.dead).chain([&self.isolated]).any(|trouble| {
            // A few intervals after it, things are as they were.
            Span { from: trouble.from, to: trouble.to + 60_000 }.overlaps(span)
        })
    }
}

/// One link, a segment, a carrier or everything.
fn victims(random: &mut StdRng, inventory: &Inventory) -> Vec<usize> {
    let one = random.random_range(0..LINKS);
    let like = &inventory.links[one];
    let what = *[0, 0, 1, 1, 1, 2, 3].choose(random).unwrap();
    let fails = |place: &usize| {
        let link = &inventory.links[*place];
        match what {
            0 => *place == one,
            1 => like.segments.first().is_some_and(|segment| link.segments.contains(segment)),
            2 => link.carrier == like.carrier,
            _ => true,
        }
    };
    (0..LINKS).filter(fails).collect()
}

/// One link in the pipeline.
struct Line {
    watch: PointWatch,
    account: Account,
    counted: Tally,
}

/// A day: the truth, the pipeline, and what it told.
pub struct Day {
    seed: u64,
    random: StdRng,
    truth: Truth,
    inventory: Inventory,
    contract: Contract,
    scopes: Scopes,
    measure: Measure,
    lines: Vec<Line>,
    states: Vec<LinkState>,
    incidents: Incidents,
    /// When this process started, and by how much civil time was set since midnight.
    started: i64,
    stepped: i64,
    isolated: bool,
    /// Link, and when it was told to be down, by announced incidents.
    accused: Vec<(usize, i64)>,
    /// Everything told: when, of which incident, what.
    pub told: Vec<(i64, String, EffectKind)>,
}

impl Day {
    pub fn new(seed: u64) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/xuchang");
        let mut findings = Findings::default();
        let mut inventory = Inventory::load(&folder, &mut findings).unwrap();
        inventory.links.truncate(LINKS);
        assert!(inventory.links.iter().all(|link| link.status == Status::Active));
        let mut random = StdRng::seed_from_u64(seed);
        let truth = Truth::of(&mut random, &inventory);
        let contract = Contract::load(&folder, &mut findings).unwrap();
        let line = |_| Line {
            watch: PointWatch { window: PointWindow::new(Mono(INTERVAL)), judge: PointJudge::new(Mono(0)) },
            account: Account::open(Timestamp(MIDNIGHT), contract.time_zone),
            counted: Tally::default(),
        };
        Self {
            seed,
            random,
            truth,
            scopes: Scopes::of(&inventory),
            lines: (0..LINKS).map(line).collect(),
            inventory,
            contract,
            measure: Measure { interval: Duration::from_millis(INTERVAL.unsigned_abs()), ..Measure::default() },
            states: vec![LinkState::Unknown(Unknown::NeverVerified); LINKS],
            incidents: Incidents::new(seed, Duration::from_secs(86_400)),
            started: 0,
            stepped: 0,
            isolated: false,
            accused: vec![],
            told: vec![],
        }
    }

    /// Plays so many hours of the day.
    pub fn play(&mut self, hours: i64) {
        let mut at = 0;
        while at < hours * 3_600_000 {
            if let Some(dead) = self.truth.dead.iter().copied().find(|dead| dead.has(at)) {
                self.restart(dead);
                at = dead.to;
            }
            if let Some(step) = self.truth.steps.get(&at).copied() {
                self.set_clock(at, step);
            }
            self.second(at);
            at += 1_000;
        }
    }

    /// Holds what was told against the truth.
    pub fn check(&self) {
        let seed = self.seed;
        self.each_open_has_one_restore();
        for (link, at) in &self.accused {
            // A recovery takes some intervals to prove, and longer when we were dead or blind meanwhile.
            let disturbed = self.truth.disturbed(Span { from: at - 120_000, to: *at });
            let reach = if disturbed { 60 } else { 12 };
            let was_down = (0..reach).any(|intervals| self.truth.is_down(*link, at - intervals * INTERVAL));
            assert!(was_down, "seed {seed}: link {link} accused at {at}, and was fine");
        }
        for (span, links) in &self.truth.cuts {
            if self.truth.disturbed(Span { from: span.from - 120_000, to: span.to }) || span.to > DAY {
                continue;
            }
            for link in links {
                let told = self.accused.iter().any(|(accused, at)| accused == link && span.has(*at));
                let before = self.truth.is_down(*link, span.from - 120_000) || self.truth.is_down(*link, span.from - 1);
                assert!(told || before, "seed {seed}: the cut of link {link} at {} was missed", span.from);
            }
        }
        (0..LINKS).for_each(|link| self.check_account(link));
    }

    fn each_open_has_one_restore(&self) {
        let mut open: BTreeMap<&str, bool> = BTreeMap::new();
        for (at, id, kind) in &self.told {
            let place = format!("seed {}: incident {id} at {at}: {kind:?}", self.seed);
            match kind {
                EffectKind::Opened => assert_eq!(open.insert(id, true), None, "{place}"),
                EffectKind::Relapsed => assert_eq!(open.insert(id, true), Some(false), "{place}"),
                EffectKind::Restored => assert_eq!(open.insert(id, false), Some(true), "{place}"),
                EffectKind::Closed => assert_eq!(open.insert(id, false), Some(false), "{place}"),
                _ => {}
            }
        }
    }

    fn check_account(&self, link: usize) {
        let zone = self.contract.time_zone;
        let end = self.now(DAY - 1_000).utc;
        let booked: Accounted = self.lines[link].account.accounted(end, zone);
        let month = Month::containing(end, zone);
        let context = format!("seed {} link {link}: {booked:?}", self.seed);
        assert_eq!(booked.elapsed().cast_signed(), end.0 - month.begins.0, "{context}");

        let down = (0..DAY).step_by(1_000).filter(|at| self.truth.is_down(link, *at)).count() as i64 * 1_000;
        let cuts = self.truth.cuts.iter().filter(|(_, links)| links.contains(&link)).count() as i64;
        // A cut is seen up to an interval late, and its end up to one early or late; while the clock is set back an hour
        // of civil time is not booked again.
        let slack = (cuts + 2) * 2 * INTERVAL + 120_000;
        let hidden = 3_600_000;
        let (least, most) = (booked.down.cast_signed(), (booked.down + booked.unknown).cast_signed());
        assert!(least <= down + slack, "{context}: {down} ms were down");
        assert!(most >= down - slack - hidden, "{context}: {down} ms were down");
    }

    fn now(&self, at: i64) -> Now {
        let at = at + LAG;
        Now { mono: Mono(at - self.started), utc: Timestamp(MIDNIGHT + at + self.stepped) }
    }

    /// Everything that ends within one second.
    fn second(&mut self, at: i64) {
        let now = self.now(at);
        // The witnesses are given up three seconds after the first went silent: links may be ahead of them.
        let isolated = Span { from: self.truth.isolated.from + 3_000, to: self.truth.isolated.to }.has(at);
        if isolated != self.isolated {
            self.isolate(isolated, now);
        }
        let mut changes = vec![];
        for link in 0..LINKS {
            if (at / 1_000 + link as i64 * 7) % (INTERVAL / 1_000) == 0 {
                changes.extend(self.probe(link, at, now));
            }
        }
        let input = if changes.is_empty() { Input::Tick } else { Input::Links(changes) };
        self.step(at, input, now);
    }

    fn isolate(&mut self, isolated: bool, now: Now) {
        self.isolated = isolated;
        let at = now.mono.0 + self.started - LAG;
        let mut changes = vec![];
        if isolated {
            let since = Mono(self.truth.isolated.from - self.started);
            self.step(at, Input::Isolated { since: now.utc_of(since) }, now);
            for link in 0..LINKS {
                let change = self.lines[link].watch.doubt(since);
                changes.extend(self.judged(link, change, now));
            }
            self.step(at, Input::Links(changes), now);
        } else {
            self.step(at, Input::Reconnected { since: now.utc }, now);
        }
    }

    fn probe(&mut self, link: usize, at: i64, now: Now) -> Option<LinkChange> {
        let outcome = self.outcome(link, at);
        let mut changes = vec![self.take(link, Purpose::Scheduled, at, outcome)];
        if matches!(outcome, Outcome::Failed(_)) {
            for confirm in 1..=i64::from(self.measure.confirm.probes) {
                let outcome = self.outcome(link, at + confirm * 100);
                changes.push(self.take(link, Purpose::Confirm, at + confirm * 100, outcome));
            }
        }
        let line = &mut self.lines[link];
        changes.push(line.watch.tick(now.mono, &self.measure));
        // Six slices at once: a day of rolling is most of the work in a build without optimisation.
        if at % 60_000 < INTERVAL && line.watch.window.roll(now.mono) {
            let probes = line.watch.judge.tally().since(line.counted);
            line.account.count(probes, None, &Terms::of(&self.contract), now.utc);
            line.counted = line.watch.judge.tally();
            line.account.advance(now.utc, self.contract.time_zone);
        }
        let change = changes.into_iter().flatten().last();
        self.judged(link, change, now)
    }

    fn take(&mut self, link: usize, purpose: Purpose, at: i64, outcome: Outcome) -> Option<PointChange> {
        let sent = Mono(at - self.started);
        let sample = Sample { point: PointIndex(0), purpose, sent, event: Event::Ended(outcome) };
        self.lines[link].watch.take(&sample, &self.measure)
    }

    fn outcome(&mut self, link: usize, at: i64) -> Outcome {
        let unlucky = self.random.random_bool(LOSS);
        let micros = self.random.random_range(4_000..6_000);
        let unseen = self.truth.isolated.has(at) || self.truth.is_down(link, at);
        if self.truth.blind.iter().any(|blind| blind.has(at)) {
            Outcome::Unmeasured(LocalFault::ReceiveOverflow)
        } else if self.isolated {
            Outcome::Unmeasured(LocalFault::NextHopSilent)
        } else if unseen || unlucky {
            Outcome::Failed(Failure::Timeout(None))
        } else {
            let rtt = Rtt(Duration::from_micros(micros));
            Outcome::Answered(Reply { rtt, hop_limit: 60, stamps: Stamps::Kernel })
        }
    }

    /// Works out the state of a link and books it when it changed.
    fn judged(&mut self, link: usize, change: Option<PointChange>, now: Now) -> Option<LinkChange> {
        let of = &self.inventory.links[link];
        let line = &mut self.lines[link];
        let reading = PointReading { verdict: line.watch.judge.verdict(), windows: line.watch.window.summaries() };
        let readings = vec![reading; of.points.len()];
        let role = self.contract.measuring_point(of.kind);
        let before = self.states[link];
        let state = link_state(of, &readings, role, before, &self.contract.degraded);
        if state == before && change.is_none() {
            return None;
        }
        let since = match change {
            Some(PointChange::Verified { since } | PointChange::Down { since }) => since,
            Some(PointChange::Up { since } | PointChange::Unknown { since }) => since,
            None => now.mono,
        };
        let since = now.utc_of(since);
        self.states[link] = state;
        line.account.book(state, since, now.utc);
        Some(LinkChange { link: of.id.clone(), state, since })
    }

    fn step(&mut self, at: i64, input: Input, now: Now) {
        let world =
            World { inventory: &self.inventory, contract: &self.contract, scopes: &self.scopes, states: &self.states };
        for effect in self.incidents.step(input, now, &world) {
            let incident = self.incidents.get(&effect.incident).cloned();
            if let Some(incident) = incident.filter(|incident| incident.kind == IncidentKind::Outage) {
                let down = incident.links.iter().filter(|(_, down)| *down && incident.announced.is_some());
                let down = down.filter_map(|(link, _)| self.scopes.link(link));
                self.accused.extend(down.map(|link| (link.at(), at)));
            }
            self.told.push((at, effect.incident, effect.kind));
        }
    }

    /// The process dies, and another starts with what was stored.
    fn restart(&mut self, dead: Span) {
        let (died, alive) = (self.now(dead.from), self.now(dead.from).utc);
        let points: Vec<String> = self.lines.iter().map(|line| text(&line.watch.judge.store(died))).collect();
        let accounts: Vec<String> = self.lines.iter().map(|line| text(&line.account)).collect();
        let incidents: Vec<String> = self.incidents.list().iter().map(|incident| text(&**incident)).collect();

        self.started = dead.to + LAG;
        let now = self.now(dead.to);
        let incidents: Vec<Incident> = incidents.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        self.incidents = Incidents::restore(incidents, self.seed + 1, Duration::from_secs(86_400), now);
        let mut changes = vec![];
        for (place, (point, account)) in points.iter().zip(&accounts).enumerate() {
            let stored: StoredPoint = serde_json::from_str(point).unwrap();
            let watch =
                PointWatch { window: PointWindow::new(Mono(INTERVAL)), judge: PointJudge::restore(stored, now) };
            let account = serde_json::from_str(account).unwrap();
            self.lines[place] = Line { watch, account, counted: Tally::default() };
            let state = LinkState::Unknown(Unknown::NotMeasured);
            self.states[place] = state;
            self.lines[place].account.book(state, alive, now.utc);
            changes.push(LinkChange { link: self.inventory.links[place].id.clone(), state, since: alive });
        }
        self.step(dead.to, Input::Reloaded, now);
        self.step(dead.to, Input::Links(changes), now);
    }

    /// Civil time is set. What it jumps over, nobody saw.
    fn set_clock(&mut self, at: i64, step: i64) {
        let before = self.now(at).utc;
        self.stepped += step;
        let after = self.now(at).utc;
        self.lines.iter_mut().for_each(|line| line.account.skip(before, after));
    }
}

fn text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap()
}
