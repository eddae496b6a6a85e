//! Probing: the only I/O that measures. One file or folder per kind.
//!
//! In: a [`Plan`]. Out: blocks of samples over a bounded channel, and counters about the prober itself.

pub mod icmp;
pub mod resolve;
pub mod service;

use std::{net::IpAddr, sync::Arc, time::Duration};

use crate::{inventory::PointIndex, schedule::Plan, units::Mono};

/// What `patrol` asks of whatever measures: the ICMP engine, the simulated city without rights, a fake in tests.
///
/// Blocks arrive on the channel that the prober was made with.
pub trait Prober: Send {
    /// Takes a new plan. Probes in flight to kept points go on; the next block carries the new generation.
    fn replace(&mut self, plan: Arc<Plan>);
    /// The address that a named target has now; `None`: none.
    fn resolved(&mut self, generation: u32, point: PointIndex, address: Option<IpAddr>);
    /// Probes these points once at once, besides their schedule, within all limits. A prober that cannot hurry does
    /// nothing: their own turn comes.
    fn probe_now(&mut self, generation: u32, points: &[PointIndex]) {
        let _ = (generation, points);
    }
    fn status(&self) -> Status;
    /// Stops probing and books nothing more. Returns when its threads have ended.
    fn stop(self: Box<Self>);
}

/// Counters about the prober itself, all since its start.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// `raw`, `ping`, `simulated`, `no_right`.
    pub mode: &'static str,
    /// When the scheduler last turned: the watchdog looks here.
    pub last_tick: Mono,
    /// How late the last ticks were, worst of the last ten seconds.
    pub lag: Duration,
    /// Answers by [`crate::sample::Stamps`]: kernel, kernel receive only, user.
    pub stamps: [u64; 3],
    /// Probes that ended unmeasured by [`crate::sample::LocalFault::reason`], and overflows of our own bounds.
    pub drops: Vec<(&'static str, u64)>,
    /// Packets that were ours in form only, by reason.
    pub rejected: Vec<(&'static str, u64)>,
    pub socket_buffer_bytes: u64,
    pub cpu: Duration,
}
