//! What is due now: which points are probed, when, and how fast at most.
//!
//! In: an inventory with its effective [`Measure`]s. Out: a [`Plan`], and from a [`Plan`] the points due at each tick,
//! spread evenly by a random phase per point. Pure: ticks are arguments.

mod limits;
mod wheel;

pub use limits::{Governor, NoRoom};
pub use wheel::{Turn, Wheel, nanos};

use std::{
    net::IpAddr,
    sync::{Arc, atomic::AtomicU32},
};

pub use crate::config::Limits;
use crate::{inventory::PointIndex, profile::Measure};

/// All points to probe. The engine is handed a new one at each reload and keeps the probes in flight of kept points.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Rises by one at each reload; blocks of samples carry it.
    pub generation: u32,
    /// By dense point number.
    pub points: Vec<PlannedPoint>,
    pub limits: Limits,
    /// By dense point number: 99th percentile of RTT in microseconds, zero while unknown. Written by the loop as
    /// windows roll, read by the engine to know when an answer is overdue.
    pub p99_micros: Arc<[AtomicU32]>,
}

/// One point as the engine sees it.
#[derive(Debug, Clone)]
pub struct PlannedPoint {
    /// `None`: not to be probed now (no address yet, or not in service); counted as [`crate::sample::LocalFault::NoAddress`] when `expected`.
    pub address: Option<IpAddr>,
    /// In service: an answer is expected, and a turn without an address is booked as unmeasured.
    pub expected: bool,
    pub measure: Arc<Measure>,
    /// Dense carrier number, for the carrier's rate limit.
    pub carrier: u32,
    /// Stable over restarts and reloads: seeds the phase.
    pub phase_seed: u64,
    /// Its number in the plan before this one, when it is the same point.
    pub kept: Option<PointIndex>,
}
