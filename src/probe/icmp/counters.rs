//! What the engine counts about itself. Written by its thread, read by anyone, no locks.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use super::wire::Reject;
use crate::{
    probe::Status,
    sample::{LocalFault, Stamps},
    units::Mono,
};

/// Reasons of [`Status::drops`]: those of [`LocalFault::reason`], then our own bounds.
const DROPS: [&str; 14] = [
    "no_raw_socket_right",
    "no_address",
    "send_eperm",
    "send_enobufs",
    "send_enetunreach",
    "send_other",
    "interface_gone",
    "receive_overflow",
    "next_hop_silent",
    "rate_limited",
    "overrun",
    BLOCKS_OVERFLOW,
    FLIGHTS_FULL,
    TURNS_UNNAMED,
];
/// Samples in blocks that nobody took.
pub const BLOCKS_OVERFLOW: &str = "blocks_overflow";
/// Probes for which the ring of flights had no room; each is booked as an overrun too.
pub const FLIGHTS_FULL: &str = "flights_full";
/// Turns so far back after a long stall that they were not booked one by one.
pub const TURNS_UNNAMED: &str = "turns_unnamed";

/// Values of [`Status::mode`].
const MODES: [&str; 3] = ["raw", "ping", "no_right"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineMode {
    Raw,
    Ping,
    NoRight,
}

/// All since the start of the engine.
#[derive(Debug, Default)]
pub struct Counters {
    mode: AtomicUsize,
    last_tick: AtomicI64,
    lag_nanos: AtomicU64,
    stamps: [AtomicU64; 3],
    drops: [AtomicU64; DROPS.len()],
    rejected: [AtomicU64; Reject::ALL.len()],
    socket_buffer_bytes: AtomicU64,
    cpu_nanos: AtomicU64,
}

impl Counters {
    pub fn answered(&self, stamps: Stamps) {
        self.stamps[stamps as usize].fetch_add(1, Relaxed);
    }

    pub fn unmeasured(&self, fault: LocalFault) {
        self.dropped(fault.reason(), 1);
    }

    pub fn dropped(&self, reason: &str, count: u64) {
        if let Some(place) = DROPS.iter().position(|known| *known == reason) {
            self.drops[place].fetch_add(count, Relaxed);
        }
    }

    pub fn rejected(&self, reject: Reject) {
        self.rejected[reject as usize].fetch_add(1, Relaxed);
    }

    pub fn tick(&self, at: Mono, lag: Duration, cpu: Duration) {
        self.last_tick.store(at.0, Relaxed);
        self.lag_nanos.store(crate::schedule::nanos(lag), Relaxed);
        self.cpu_nanos.store(crate::schedule::nanos(cpu), Relaxed);
    }

    pub fn sockets(&self, mode: EngineMode, smallest_buffer: usize) {
        self.mode.store(mode as usize, Relaxed);
        self.socket_buffer_bytes.store(smallest_buffer as u64, Relaxed);
    }

    pub fn status(&self) -> Status {
        let read = |counters: &[AtomicU64]| counters.iter().map(|counter| counter.load(Relaxed)).collect::<Vec<_>>();
        Status {
            mode: MODES[self.mode.load(Relaxed)],
            last_tick: Mono(self.last_tick.load(Relaxed)),
            lag: Duration::from_nanos(self.lag_nanos.load(Relaxed)),
            stamps: std::array::from_fn(|place| self.stamps[place].load(Relaxed)),
            drops: DROPS.into_iter().zip(read(&self.drops)).collect(),
            rejected: Reject::ALL.iter().map(|reject| reject.reason()).zip(read(&self.rejected)).collect(),
            socket_buffer_bytes: self.socket_buffer_bytes.load(Relaxed),
            cpu: Duration::from_nanos(self.cpu_nanos.load(Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_local_fault_has_a_counter() {
        use LocalFault::*;
        let counters = Counters::default();
        let faults = [
            NoRawSocketRight,
            NoAddress,
            SendRefused(libc::EPERM),
            SendRefused(libc::ENOBUFS),
            SendRefused(libc::ENETUNREACH),
            SendRefused(libc::EINVAL),
            InterfaceGone,
            ReceiveOverflow,
            NextHopSilent,
            RateLimited,
            Overrun,
        ];
        for fault in faults {
            counters.unmeasured(fault);
        }
        assert_eq!(counters.status().drops.iter().map(|(_, count)| count).sum::<u64>(), faults.len() as u64);
    }
}
