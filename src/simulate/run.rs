//! Plays the world against the station, moment by moment; quiet stretches of a line are skipped and handed over as runs.
//!
//! A turn is a tick of the prober, 50 ms. What is not quiet is played probe by probe: losses, what surrounds them, confirm
//! probes, and everything until a line has been calm for a minute. Played with [`Pace::EveryProbe`], nothing is
//! skipped; a test holds the two against each other.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc, time::Duration};

use super::{
    checks::Checks,
    line::Line,
    people::People,
    station::{Remains, Station},
    visitor::Visitor,
    world::{DAY, World},
};
use crate::{
    inventory::{PointIndex, Role},
    ledger::{Exclusion, Fact},
    patrol::load::Loaded,
    probe::service::Visit,
    sample::{Event, Outcome, Purpose, Run, Sample, service::Report},
};

const TICK: i64 = 50;

/// How quiet lines are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Quiet stretches as runs.
    Runs,
    /// Each probe by itself.
    EveryProbe,
}

/// What happens next, in the order in which things of one moment happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    /// The world changes for everybody: what was quiet until now is played.
    Settle,
    Die,
    Revive,
    SetClock,
    Announce,
    /// A person does something.
    Act,
    /// The accounts' turn.
    Midnight,
    /// The station wants to be woken.
    Wake,
    /// A probe that was sent ends; the number is its place among those in flight.
    Ended(u32),
    Probe,
    /// A visit of a service ends, or begins.
    Visited,
    Visit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: i64,
    next: Next,
    line: u32,
}

/// A probe on its way.
#[derive(Clone, Copy)]
struct Flying {
    sample: Sample,
    /// A confirm probe that is the last of its train, all of them lost.
    ends_train: bool,
}

/// A simulation in the middle of its time.
pub struct Player {
    pub world: World,
    pub station: Station,
    pub checks: Checks,
    people: People,
    lines: Vec<Line>,
    visitors: Vec<Visitor>,
    queue: BinaryHeap<Reverse<Due>>,
    flying: Vec<Flying>,
    free: Vec<u32>,
    pace: Pace,
    remains: Option<Remains>,
    /// When the station is woken, as it stands in the queue.
    wake: i64,
}

impl Player {
    pub fn new(loaded: Arc<Loaded>, world: World, pace: Pace) -> Self {
        let station = Station::new(Arc::clone(&loaded), world.seed);
        let links = loaded.inventory.links.iter().enumerate();
        let points = links.flat_map(|(number, link)| {
            link.numbered_points().map(move |(point, kind)| (point, Some(number), kind.role))
        });
        let witnesses = (loaded.measures.len()..station.field.points.len())
            .map(|number| (PointIndex(crate::diagnostic::count(number)), None, Role::Near));
        let plan = loaded.plan(None);
        let lines: Vec<Line> = points
            .chain(witnesses)
            .map(|(point, link, role)| Line::new(&world, point, link, role, &plan.points[point.at()].measure))
            .collect();
        let services = &loaded.services.list;
        let visitors = services.iter().enumerate().map(|(number, one)| Visitor::new(one, number, services.len()));
        let mut player = Self {
            visitors: visitors.collect(),
            checks: Checks::new(&loaded),
            people: People::new(world.seed),
            station,
            lines,
            queue: BinaryHeap::new(),
            flying: vec![],
            free: vec![],
            pace,
            remains: None,
            wake: i64::MAX,
            world,
        };
        player.plan();
        player
    }

    /// What is known to happen.
    fn plan(&mut self) {
        for line in 0..self.lines.len() {
            self.push(self.lines[line].sent(0), Next::Probe, line as u32);
        }
        self.begin_visits(0);
        let world = &self.world;
        let mut events: Vec<(i64, Next)> = vec![];
        for span in world.isolated.iter().chain(world.blind.iter()) {
            events.extend([(span.from, Next::Settle), (span.to, Next::Settle)]);
        }
        for span in world.dead.iter() {
            events.extend([(span.from, Next::Die), (span.to, Next::Revive)]);
        }
        events.extend(world.steps.iter().map(|(at, _)| (*at, Next::SetClock)));
        // Some minutes after midnight, when the accounts of a month are final.
        events.extend((1..).map(|day| (day * DAY + 400_000, Next::Midnight)).take_while(|(at, _)| *at < world.length));
        events.into_iter().for_each(|(at, next)| self.push(at, next, 0));
        for number in 0..self.world.works.len() {
            self.push(self.world.works[number].announced, Next::Announce, number as u32);
        }
    }

    fn push(&mut self, at: i64, next: Next, line: u32) {
        self.queue.push(Reverse(Due { at, next, line }));
    }

    /// Plays to the end, and holds everything against the truth.
    pub fn play(&mut self, mut began: impl FnMut(u64)) {
        let mut days = 0;
        while let Some(Reverse(due)) = self.queue.peek().copied() {
            if due.at >= self.world.length {
                break;
            }
            let day = due.at.div_euclid(DAY).unsigned_abs();
            if day > days {
                days = day;
                began(day);
            }
            // The prober hands over what happened in a tick at its end.
            let turn = due.at.div_euclid(TICK) * TICK + TICK;
            while let Some(Reverse(due)) = self.queue.peek().copied().filter(|due| due.0.at < turn) {
                self.queue.pop();
                self.happens(due, turn);
            }
            if self.remains.is_none() {
                self.turn(turn);
            }
        }
        let end = self.world.length;
        self.flush_all(end);
        let now = self.station.now(end).utc;
        self.station.advance_all(now);
        self.station.close(now);
        self.checks.finish(&self.world, &self.station, now);
    }

    fn turn(&mut self, turn: i64) {
        let told = self.station.turn(turn);
        if !told.effects.is_empty() {
            self.people.hear(&told, turn).into_iter().for_each(|at| self.push(at, Next::Act, 0));
            self.checks.hear(&told, turn, &self.world, &self.station);
        }
        told.around.into_iter().for_each(|service| self.visit_now(service, turn));
        // The first tick that does not end before it is due.
        let wake = (self.station.due() - 1).max(turn);
        if wake < self.world.length && (wake < self.wake || self.wake < turn) {
            self.wake = wake;
            self.push(wake, Next::Wake, 0);
        }
    }

    fn happens(&mut self, due: Due, turn: i64) {
        let dead = self.remains.is_some();
        match due.next {
            Next::Probe => self.probe(due.line as usize, due.at),
            Next::Visit => self.visit(due.line as usize, due.at),
            Next::Visited => self.visited(due.line as usize, due.at),
            Next::Ended(number) => self.ended(due.line as usize, number),
            Next::Settle if !dead => self.flush_all(due.at),
            Next::Die => self.die(due.at),
            Next::Revive => self.revive(due.at),
            Next::SetClock => self.set_clock(due.at),
            Next::Announce if !dead => self.announce(due.line as usize, due.at),
            Next::Act if !dead => self.act(turn),
            // They come to work when there is something to work with.
            Next::Act => self.push(due.at + 60_000, Next::Act, 0),
            Next::Midnight if !dead => {
                let now = self.station.now(due.at).utc;
                self.station.advance_all(now);
            }
            Next::Wake | Next::Settle | Next::Announce | Next::Midnight => {}
        }
    }

    /// Hands over what was quiet before `at`.
    fn flush(&mut self, line: usize, at: i64) {
        let line = &mut self.lines[line];
        let until = line.first_from(at).min(line.due);
        if until <= line.next {
            return;
        }
        let first = line.sent(line.next);
        let run = Run {
            first: self.station.mono(first),
            interval: std::time::Duration::from_millis(line.interval.unsigned_abs()),
            count: (until - line.next).unsigned_abs(),
            reply: line.reply(first),
        };
        line.next = until;
        self.station.take_run(line.point, &run);
    }

    fn flush_all(&mut self, at: i64) {
        (0..self.lines.len()).for_each(|line| self.flush(line, at));
        (0..self.visitors.len()).for_each(|service| self.flush_visits(service, at));
    }

    /// Hands over the visits that were quiet before `at`.
    fn flush_visits(&mut self, number: usize, at: i64) {
        let visitor = &mut self.visitors[number];
        let until = visitor.first_from(at).min(visitor.due);
        if until <= visitor.next {
            return;
        }
        let (count, began) = ((until - visitor.next).unsigned_abs(), visitor.turn(until - 1));
        visitor.next = until;
        let last = ended(visitor, false, Visitor::quiet());
        self.station.take_visits(count, began, last, at);
    }

    /// A service is visited, unless that visit was put off or brought forward.
    fn visit(&mut self, number: usize, at: i64) {
        if self.visitors[number].at == at {
            self.flush_visits(number, at);
            let ends = self.visitors[number].visit(at, &self.world);
            self.push(ends, Next::Visited, number as u32);
        }
    }

    fn visited(&mut self, number: usize, at: i64) {
        let visitor = &mut self.visitors[number];
        let Some(((began, is_confirm, report), is_turn)) = visitor.ended(at) else { return };
        let is_quiet = report == Visitor::quiet();
        self.station.visited(began, ended(visitor, is_confirm, report));
        let may_rest = self.pace == Pace::Runs && is_turn && is_quiet && visitor.is_calm();
        if may_rest && self.station.is_service_up(number) {
            visitor.rest(&self.world);
        }
        let at = visitor.at;
        self.push(at, Next::Visit, number as u32);
    }

    fn visit_now(&mut self, number: usize, at: i64) {
        if self.visitors[number].ask(at) {
            self.push(at, Next::Visit, number as u32);
        }
    }

    fn begin_visits(&mut self, at: i64) {
        for number in 0..self.visitors.len() {
            let is_good = self.station.is_service_up(number);
            self.visitors[number].begin(at, is_good);
            self.push(self.visitors[number].at, Next::Visit, number as u32);
        }
    }

    /// A scheduled probe is sent.
    fn probe(&mut self, number: usize, at: i64) {
        self.flush(number, at);
        let line = &mut self.lines[number];
        let (outcome, unlucky) = line.scheduled(line.due, &self.world);
        let (point, probe) = (line.point, line.due);
        line.next = probe + 1;
        let sent = self.station.mono(at);
        self.station.field.look_at(point, sent);
        let sample = Sample { point, purpose: Purpose::Scheduled, sent, event: Event::Ended(outcome) };
        match outcome {
            Outcome::Answered(_) => {
                line.quiet_until = i64::MIN;
                self.station.take(sample);
            }
            Outcome::Unmeasured(_) => {
                line.trouble = at;
                line.quiet_until = i64::MIN;
                self.station.take(sample);
            }
            Outcome::Failed(_) => {
                line.trouble = at;
                self.fly(number, at + self.timeout(point), Flying { sample, ends_train: false });
                self.confirm(number, at, unlucky);
            }
        }
        self.schedule(number);
    }

    fn timeout(&self, point: PointIndex) -> i64 {
        self.station.field.plan.points[point.at()].measure.timeout.as_millis() as i64
    }

    /// An answer is overdue: confirm probes follow, until one is answered.
    fn confirm(&mut self, number: usize, lost: i64, unlucky: bool) {
        let line = &self.lines[number];
        let point = line.point;
        let first = lost + self.station.overdue_after(point);
        if first < line.quiet_until {
            return;
        }
        let confirm = self.station.field.plan.points[point.at()].measure.confirm;
        let (mut all_lost, mut by_chance) = (true, unlucky);
        for probe in 0..i64::from(confirm.probes) {
            let at = first + probe * confirm.spacing.as_millis() as i64;
            let line = &self.lines[number];
            let (outcome, unlucky) = line.confirm(at, &self.world);
            by_chance |= unlucky;
            let ends = match outcome {
                Outcome::Answered(reply) => at + reply.rtt.0.as_millis() as i64,
                Outcome::Failed(_) | Outcome::Unmeasured(_) => at + self.timeout(point),
            };
            all_lost &= matches!(outcome, Outcome::Failed(_));
            let ends_train = all_lost && probe + 1 == i64::from(confirm.probes);
            let sent = self.station.mono(at);
            let sample = Sample { point, purpose: Purpose::Confirm, sent, event: Event::Ended(outcome) };
            self.fly(number, ends, Flying { sample, ends_train });
            if matches!(outcome, Outcome::Answered(_)) {
                break;
            }
        }
        if all_lost && by_chance {
            // Four in a row without a cause: rare, and as silent as a cut.
            self.checks.bad_luck(self.lines[number].link, lost, first);
        }
        self.lines[number].quiet_until = first + confirm.spacing.as_millis() as i64 * 3 + self.timeout(point);
    }

    fn fly(&mut self, line: usize, ends: i64, flying: Flying) {
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.flying.push(flying);
                crate::diagnostic::count(self.flying.len() - 1)
            }
        };
        self.flying[place as usize] = flying;
        self.lines[line].flying += 1;
        self.push(ends, Next::Ended(place), line as u32);
    }

    fn ended(&mut self, number: usize, place: u32) {
        let Flying { sample, ends_train } = self.flying[place as usize];
        self.free.push(place);
        let line = &mut self.lines[number];
        line.flying -= 1;
        if ends_train {
            // Asking four times as often would tell nobody anything new.
            line.quiet_until = self.station.at(sample.sent) + 10 * line.interval;
        }
        self.station.take(sample);
    }

    /// When the line is probed next with something to see.
    fn schedule(&mut self, number: usize) {
        let line = &mut self.lines[number];
        let next = line.next;
        line.due = if self.pace == Pace::EveryProbe || line.flying > 0 || !self.station.is_settled(line.point) {
            next
        } else if line.calm(line.sent(next)) && line.link.is_none_or(|link| self.station.is_up(link)) {
            line.next_event(next, &self.world)
        } else {
            line.next_event(next, &self.world).min(line.next_look(next))
        };
        let at = line.sent(line.due);
        self.push(at, Next::Probe, number as u32);
    }

    fn set_clock(&mut self, at: i64) {
        let Some((_, step)) = self.world.steps.iter().find(|(moment, _)| *moment == at).copied() else { return };
        if self.remains.is_none() {
            let now = self.station.now(at - 1).utc;
            self.station.advance_all(now);
        }
        self.station.set_clock(step);
        if self.remains.is_none() {
            self.station.now(at);
        }
    }

    fn announce(&mut self, number: usize, at: i64) {
        let work = self.world.works[number];
        let now = self.station.now(at).utc;
        let civil = |moment: i64| crate::units::Timestamp(now.0 + moment - at);
        let (from, to) = (civil(work.window.from), civil(work.window.to));
        let fact = Fact { from, to, reason: Exclusion::PlannedWork };
        if self.station.accounts[work.link].exclude_fact(fact, now).is_ok() {
            self.checks.excluded(work);
        }
    }

    fn act(&mut self, turn: i64) {
        for command in self.people.act(turn) {
            let (reply, told) = self.station.obey(&command, turn);
            self.checks.answered(&command, &reply, turn);
            self.checks.hear(&told, turn, &self.world, &self.station);
        }
    }

    fn die(&mut self, at: i64) {
        self.flush_all(at);
        let now = self.station.now(at).utc;
        self.station.advance_all(now);
        self.remains = Some(self.station.die(at));
        // What it had sent nobody will hear of.
        self.queue.retain(|due| {
            !matches!(due.0.next, Next::Probe | Next::Ended(_) | Next::Wake | Next::Visit | Next::Visited)
        });
        self.flying.clear();
        self.free.clear();
        self.wake = i64::MAX;
    }

    fn revive(&mut self, at: i64) {
        let Some(remains) = self.remains.take() else { return };
        let told = self.station.revive(remains, at);
        self.checks.hear(&told, at, &self.world, &self.station);
        self.begin_visits(at);
        for number in 0..self.lines.len() {
            let line = &mut self.lines[number];
            (line.next, line.flying, line.trouble, line.quiet_until) = (line.first_from(at), 0, at, i64::MIN);
            line.due = line.next;
            let at = line.sent(line.due);
            self.push(at, Next::Probe, number as u32);
        }
    }
}

fn ended(visitor: &Visitor, is_confirm: bool, report: Report) -> Visit {
    let (service, age, late) = (Arc::clone(&visitor.service), Duration::ZERO, Duration::ZERO);
    Visit { service, age, late, is_confirm, report }
}
