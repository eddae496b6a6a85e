//! One service as the patrol visits it: when, what becomes of each visit, and when nothing happens.

use std::{sync::Arc, time::Duration};

use super::world::World;
use crate::{
    profile::services::Service,
    sample::service::{Ending, Fault, Phase, Reason, Report},
};

/// What a visitor remembers between its visits.
pub struct Visitor {
    pub service: Arc<Service>,
    number: usize,
    /// When turn 0 is.
    phase: i64,
    pub interval: i64,
    /// The first turn that is not played yet.
    pub next: i64,
    /// The turn that waits in the queue.
    pub due: i64,
    /// When the next visit begins; what the queue has at other times is of before.
    pub at: i64,
    /// A visit is at work: when it began, and whether it was beside the plan.
    running: Option<(i64, bool, Report)>,
    was_good: bool,
    course: Course,
    /// Somebody wants it looked at as soon as it is free.
    asked: bool,
    is_asked: bool,
}

/// Why the next visit is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Course {
    Turn,
    /// The first failure after a good visit is looked into at once.
    Confirming {
        left: u8,
    },
    /// So is the first good one after a failure.
    Proving,
}

impl Visitor {
    /// Turns are spread over the interval, as the patrol does it.
    pub fn new(service: &Arc<Service>, number: usize, count: usize) -> Self {
        let interval = millis(service.pace.interval).max(1);
        Self {
            service: Arc::clone(service),
            number,
            phase: interval * number as i64 / count.max(1) as i64,
            interval,
            next: 0,
            due: 0,
            at: i64::MAX,
            running: None,
            was_good: false,
            course: Course::Turn,
            asked: false,
            is_asked: false,
        }
    }

    /// A process begins at `at`, and visits it for the first time somewhat later.
    pub fn begin(&mut self, at: i64, is_good: bool) {
        self.next = self.first_from(at);
        (self.due, self.at) = (self.next, self.turn(self.next));
        (self.was_good, self.course, self.running) = (is_good, Course::Turn, None);
        (self.asked, self.is_asked) = (false, false);
    }

    pub fn turn(&self, number: i64) -> i64 {
        self.phase + number * self.interval
    }

    /// The first turn at or after `at`.
    pub fn first_from(&self, at: i64) -> i64 {
        ((at - self.phase).max(0) as u64).div_ceil(self.interval.unsigned_abs()) as i64
    }

    /// Somebody wants it looked at now. `true`: that visit begins at `self.at`.
    pub fn ask(&mut self, at: i64) -> bool {
        let is_free = self.running.is_none() && self.course == Course::Turn && self.at > at;
        match is_free {
            true => (self.at, self.is_asked) = (at, true),
            false => self.asked = self.at > at,
        }
        is_free
    }

    /// A visit begins now; returns when it ends.
    pub fn visit(&mut self, at: i64, world: &World) -> i64 {
        let report = self.outcome(at, world);
        let ends = at + millis(report.took);
        let is_confirm = self.is_asked || self.course != Course::Turn;
        self.running = Some((at, is_confirm, report));
        self.at = i64::MAX;
        ends
    }

    /// The visit at work ended now: when it began, whether it was beside the plan, and what it saw. `self.at` is when the
    /// next one begins; `true`: that is a turn, and quiet ones may be left out.
    pub fn ended(&mut self, at: i64) -> Option<((i64, bool, Report), bool)> {
        let ended = self.running.take()?;
        let good = match ended.2.ending {
            Ending::Passed => Some(true),
            Ending::Failed(_) => Some(false),
            Ending::Unmeasured(_) => None,
        };
        let confirms = self.service.pace.confirm;
        let (course, is_good) = match self.course {
            Course::Turn => match (self.was_good, good.unwrap_or(self.was_good)) {
                (true, false) if confirms > 0 => (Course::Confirming { left: confirms }, true),
                (false, true) => (Course::Proving, false),
                (_, is_good) => (Course::Turn, is_good),
            },
            Course::Confirming { left } => match good.unwrap_or(false) {
                false if left > 1 => (Course::Confirming { left: left - 1 }, true),
                is_good => (Course::Turn, is_good),
            },
            Course::Proving => (Course::Turn, good.unwrap_or(true)),
        };
        (self.course, self.was_good) = (course, is_good);
        if course != Course::Turn {
            self.at = at + millis(self.service.pace.spacing);
            return Some((ended, false));
        }
        // What was done out of turn leaves its turn; a turn that came meanwhile is left out.
        let taken = i64::from(!std::mem::take(&mut self.is_asked));
        self.next = (self.next + taken).max(self.first_from(at + 1));
        self.due = self.next;
        self.at = self.turn(self.due);
        if std::mem::take(&mut self.asked) {
            (self.at, self.is_asked) = (at, true);
            return Some((ended, false));
        }
        Some((ended, true))
    }

    /// The last visit was good, and nothing is looked into.
    pub fn is_calm(&self) -> bool {
        self.was_good && self.course == Course::Turn && self.running.is_none()
    }

    /// Turns are left out up to the first that may be no quiet one.
    pub fn rest(&mut self, world: &World) {
        self.due = self.next_event(self.next, world);
        self.at = self.turn(self.due);
    }

    /// What a visit that begins now will see.
    fn outcome(&self, at: i64, world: &World) -> Report {
        let fate = &world.services[self.number];
        let failed = |phase, reason, text: &str| Ending::Failed(Fault::new(phase, reason, text));
        let patience = millis(self.service.check.deadline);
        let is_cut = fate.link.is_some_and(|link| world.links[link].cuts.has(at));
        let (ending, took) = if world.blind.has(at) {
            (Ending::Unmeasured("no socket".to_owned()), 1)
        } else if world.isolated.has(at) || is_cut {
            (failed(Phase::Connect, Reason::Timeout, "silent"), patience)
        } else if fate.before.is_some_and(|before| world.services[before].silent.has(at)) {
            (failed(Phase::Processing, Reason::Status, "502"), 80)
        } else if let Some(stop) = fate.stops.next(at).filter(|stop| stop.has(at)) {
            match stop.from % 2 {
                0 => (failed(Phase::Connect, Reason::Refused, "refused"), 5),
                _ => (failed(Phase::Processing, Reason::Timeout, "no answer"), patience),
            }
        } else if fate.wrong.has(at) {
            (failed(Phase::Content, Reason::BodyMismatch, "another page"), 200)
        } else if fate.slow.has(at) {
            (Ending::Passed, patience * 7 / 10)
        } else {
            return Self::quiet();
        };
        Report { ending, took: Duration::from_millis(took.unsigned_abs()), ..Report::default() }
    }

    /// What a quiet visit sees.
    pub fn quiet() -> Report {
        Report { took: Duration::from_millis(120), ..Report::default() }
    }

    /// The first turn from `number` on that may be no quiet one.
    fn next_event(&self, number: i64, world: &World) -> i64 {
        let (at, fate) = (self.turn(number), &world.services[self.number]);
        let spans = [&fate.silent, &fate.wrong, &fate.slow, &world.isolated, &world.blind, &world.dead];
        let next = spans.into_iter().filter_map(|spans| spans.next(at)).map(|span| span.from.max(at)).min();
        next.map_or(i64::MAX / (2 * self.interval), |next| self.first_from(next)).max(number)
    }
}

pub fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}
