//! How to measure: `probes/*.yaml`, one profile per link kind and point role. No thresholds live here.
//!
//! In: the profile files, and an inventory whose points they serve. Out: [`Measure`] for every point, each value with
//! the place it came from. Precedence: link > unit > carrier > kind and role > default.

use std::{net::IpAddr, time::Duration};

/// Every effective measuring value of one point.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Measure {
    pub interval: Duration,
    pub timeout: Duration,
    /// ICMP payload, bytes: at least 24.
    pub size: u16,
    pub dscp: u8,
    pub hop_limit: u8,
    pub dont_fragment: bool,
    pub source: Option<IpAddr>,
    pub interface: Option<String>,
    pub confirm: Confirm,
    pub restore: Restore,
}

/// Confirm probes: they decide state only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Confirm {
    pub probes: u8,
    pub spacing: Duration,
    /// A reply is overdue after the larger of `factor` x p99 of RTT and `floor`.
    pub factor: u8,
    pub floor: Duration,
}

/// Proof of recovery: this many answers in a row over at least this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Restore {
    pub answers: u8,
    pub span: Duration,
}

impl Default for Measure {
    /// Defaults at one probe a second (docs/architecture.md, "Down").
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            size: 56,
            dscp: 0,
            hop_limit: 64,
            dont_fragment: false,
            source: None,
            interface: None,
            confirm: Confirm {
                probes: 3,
                spacing: Duration::from_millis(100),
                factor: 3,
                floor: Duration::from_millis(100),
            },
            restore: Restore { answers: 5, span: Duration::from_secs(5) },
        }
    }
}
