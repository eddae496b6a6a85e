//! The points of a plan as the engine works with them: what a probe needs, ready to use.
//!
//! Pure. Socket classes are collected here and only ever added to, so that their places stay valid across reloads.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use super::{
    batch::Ancillary,
    class::{Family, Mode, SocketClass},
    confirm::Chain,
    wire,
};
use crate::{
    inventory::PointIndex,
    profile::Measure,
    schedule::{Plan, nanos},
};

/// All points, by dense number.
#[derive(Default)]
pub struct Roster {
    pub plan: Arc<Plan>,
    pub points: Vec<Point>,
    shapes: Vec<Shape>,
    /// Every socket class that has been asked for since the start.
    pub classes: Vec<SocketClass>,
    /// Rate-limit cell of each address.
    cells: HashMap<IpAddr, u32>,
    /// Carriers that the plan names, at least one.
    pub carriers: usize,
    mode: Mode,
}

/// One point.
pub struct Point {
    pub address: Option<IpAddr>,
    pub expected: bool,
    /// Place of its class; meaningful while there is an address.
    pub lane: u16,
    shape: u32,
    pub carrier: usize,
    pub cell: usize,
    pub chain: Chain,
    /// Of its turns, what the limits of its carrier and its target let through.
    share: f32,
}

/// What all points with the same [`Measure`] share.
pub struct Shape {
    pub measure: Arc<Measure>,
    pub interval: u64,
    pub timeout: u64,
    /// Least age at which an answer may be overdue.
    pub floor: u64,
    pub payload: usize,
    ancillary: [Ancillary; 2],
}

impl Shape {
    fn new(measure: &Arc<Measure>) -> Self {
        let ancillary = [Family::V4, Family::V6].map(|family| ancillary(measure, family));
        Self {
            measure: measure.clone(),
            interval: nanos(measure.interval),
            timeout: nanos(measure.timeout),
            floor: nanos(measure.confirm.floor),
            payload: usize::from(measure.size).max(wire::MARK),
            ancillary,
        }
    }

    pub fn ancillary(&self, family: Family) -> &Ancillary {
        &self.ancillary[family as usize]
    }

    fn class(&self, family: Family, mode: Mode) -> SocketClass {
        let device = self.measure.interface.as_deref().map(Arc::from);
        SocketClass { family, device, dont_fragment: self.measure.dont_fragment, mode }
    }
}

/// Control messages only for what differs from the socket's own defaults: each costs the kernel time.
fn ancillary(measure: &Measure, family: Family) -> Ancillary {
    let (mut ancillary, usual) = (Ancillary::default(), Measure::default());
    if let Some(source) = measure.source.filter(|source| Family::of(*source) == family) {
        ancillary.set_source(source);
    }
    if measure.hop_limit != usual.hop_limit {
        ancillary.set_hop_limit(family, measure.hop_limit);
    }
    if measure.dscp != usual.dscp {
        ancillary.set_dscp(family, measure.dscp);
    }
    ancillary
}

impl Roster {
    pub fn new(mode: Mode) -> Self {
        Self { mode, ..Self::default() }
    }

    /// Takes a new plan; points that it keeps go on with their confirm state. Returns the new number of each old point.
    pub fn adopt(&mut self, plan: Arc<Plan>) -> Vec<Option<PointIndex>> {
        let old = std::mem::take(&mut self.points);
        let mut moved = vec![None; old.len()];
        let mut shapes: HashMap<Arc<Measure>, u32> = HashMap::new();
        let mut carriers: HashMap<u32, usize> = HashMap::new();
        (self.shapes, self.cells) = (vec![], HashMap::new());
        self.points.reserve_exact(plan.points.len());
        for (index, planned) in (0..).zip(&plan.points) {
            let shape = *shapes.entry(planned.measure.clone()).or_insert_with(|| {
                self.shapes.push(Shape::new(&planned.measure));
                self.shapes.len() as u32 - 1
            });
            let next = carriers.len();
            let carrier = *carriers.entry(planned.carrier).or_insert(next);
            let kept = planned.kept.filter(|kept| kept.at() < old.len());
            if let Some(kept) = kept {
                moved[kept.at()] = Some(PointIndex(index));
            }
            self.points.push(Point {
                address: None,
                expected: planned.expected,
                lane: 0,
                shape,
                carrier,
                cell: index as usize,
                chain: Chain::default(),
                share: 1.0,
            });
            self.readdress(PointIndex(index), planned.address);
            if let Some(kept) = kept.map(|kept| &old[kept.at()]).filter(|kept| kept.address == planned.address) {
                self.points[index as usize].chain = kept.chain;
            }
        }
        (self.plan, self.carriers) = (plan, carriers.len().max(1));
        self.share_out();
        moved
    }

    /// Divides what the limits let through evenly between those who want it.
    pub fn share_out(&mut self) {
        let (mut carriers, mut cells) = (vec![0.0; self.carriers], vec![0.0; self.points.len()]);
        let wanted = |point: &Point| point.expected || point.address.is_some();
        for point in self.points.iter().filter(|point| wanted(point)) {
            let rate = 1e9 / self.shapes[point.shape as usize].interval.max(1) as f64;
            carriers[point.carrier] += rate;
            cells[point.cell] += rate;
        }
        let part = |limit: u32, rate: f64| (f64::from(limit) / rate).min(1.0) as f32;
        let limits = self.plan.limits;
        for point in &mut self.points {
            let (carrier, target) = (carriers[point.carrier], cells[point.cell]);
            point.share = part(limits.per_carrier, carrier).min(part(limits.per_target, target));
        }
    }

    /// Whether a turn of this point is left out, because more is planned than a limit lets through. Which turns is left to
    /// chance: in the order of their phases the same points would always come last.
    pub fn leaves_out(&self, point: PointIndex) -> bool {
        let share = self.points[point.at()].share;
        share < 1.0 && rand::random::<f32>() >= share
    }

    /// The point is probed at `address` from now on. What was being confirmed at another one says nothing about it.
    pub fn readdress(&mut self, point: PointIndex, address: Option<IpAddr>) {
        let Some(entry) = self.points.get_mut(point.at()) else { return };
        if entry.address != address {
            (entry.address, entry.chain) = (address, Chain::default());
        }
        let Some(address) = address else { return };
        let class = self.shapes[entry.shape as usize].class(Family::of(address), self.mode);
        let lane = self.classes.iter().position(|known| *known == class).unwrap_or_else(|| {
            self.classes.push(class);
            self.classes.len() - 1
        });
        entry.lane = lane as u16;
        entry.cell = *self.cells.entry(address).or_insert(point.0) as usize;
    }

    pub fn shape(&self, point: PointIndex) -> &Shape {
        &self.shapes[self.points[point.at()].shape as usize]
    }

    /// Age at which an answer from `point` is overdue.
    pub fn overdue_after(&self, point: PointIndex) -> u64 {
        let shape = self.shape(point);
        let p99 = self.plan.p99_micros.get(point.at()).map_or(0, |micros| micros.load(Relaxed));
        shape.floor.max(u64::from(p99) * 1_000 * u64::from(shape.measure.confirm.factor))
    }

    /// Whether any point uses the class at `lane`.
    pub fn uses(&self, lane: usize) -> bool {
        self.points.iter().any(|point| point.address.is_some() && usize::from(point.lane) == lane)
    }

    /// Longest message of any point.
    pub fn longest(&self) -> usize {
        wire::HEADER + self.shapes.iter().map(|shape| shape.payload).max().unwrap_or(wire::MARK)
    }

    /// Records that cover a time-out and a second and a half of late answers at the planned rate, and a quarter more for what is
    /// probed out of turn.
    pub fn flights_needed(&self) -> usize {
        let rate: f64 = self
            .points
            .iter()
            .map(|point| 1.0 / self.shapes[point.shape as usize].measure.interval.as_secs_f64().max(1e-6))
            .sum();
        let timeout = self.shapes.iter().map(|shape| shape.measure.timeout).max().unwrap_or(Duration::ZERO);
        (rate.min(f64::from(self.plan.limits.total)) * 1.25 * (timeout.as_secs_f64() + 1.5)) as usize
    }
}
