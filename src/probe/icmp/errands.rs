//! What is to be done at a time of its own: probes that were put off, confirm probes, second looks. Pure.

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::{inventory::PointIndex, sample::Purpose};

/// A probe that wants to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    pub point: PointIndex,
    pub purpose: Purpose,
    pub due: u64,
}

/// Something to do at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// A rate limit had no room.
    PutOff(Request),
    /// See whether this probe is overdue by now.
    Look(u32),
    /// Send the next confirm probe after this scheduled one.
    Confirm { point: PointIndex, trigger: u32, due: u64 },
}

/// All that is still to be done.
#[derive(Default)]
pub struct Errands(BinaryHeap<Reverse<Timed>>);

impl Errands {
    pub fn add(&mut self, when: u64, errand: Errand) {
        self.0.push(Reverse(Timed(when, errand)));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next one that is due.
    pub fn next(&mut self, now: u64) -> Option<Errand> {
        self.0.peek().filter(|Reverse(Timed(when, _))| *when <= now)?;
        self.0.pop().map(|Reverse(Timed(_, errand))| errand)
    }

    /// Points have new numbers, or none.
    pub fn move_points(&mut self, to: impl Fn(PointIndex) -> Option<PointIndex>) {
        let moved = std::mem::take(&mut self.0).into_iter().filter_map(|Reverse(Timed(when, errand))| {
            let errand = match errand {
                Errand::PutOff(request) => Errand::PutOff(Request { point: to(request.point)?, ..request }),
                Errand::Confirm { point, trigger, due } => Errand::Confirm { point: to(point)?, trigger, due },
                look @ Errand::Look(_) => look,
            };
            Some(Reverse(Timed(when, errand)))
        });
        self.0 = moved.collect();
    }
}

/// In order of time only: what is due at the same nanosecond may go in any order.
struct Timed(u64, Errand);

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Timed {}
impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Timed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
