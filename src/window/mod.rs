//! Recent evidence of one measuring point, bounded: loss as exact counts, RTT quantiles, jitter, freshness.
//!
//! In: the samples of one point, in the order they ended. Out: [`Summary`]s over 10 s, 1 m, 5 m and 1 h, and counters.
//! Pure; at most 2.5 KB a point.

use std::time::Duration;

use serde::Serialize;

use crate::units::Counts;

/// The windows that every point keeps: label value and length.
pub const WINDOWS: [(&str, Duration); 4] = [
    ("10s", Duration::from_secs(10)),
    ("1m", Duration::from_secs(60)),
    ("5m", Duration::from_secs(300)),
    ("1h", Duration::from_secs(3600)),
];

/// Upper edges of the RTT histogram: metro dark fibre (0.05-2 ms) to the time-out, with one edge at the 50 ms objective.
pub const RTT_EDGES_NANOS: [u64; 11] = [
    50_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    500_000_000,
];

/// One window in summary. RTT figures are over answered scheduled probes; quantiles are within 3 %.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Summary {
    #[serde(flatten)]
    pub counts: Counts,
    /// Nanoseconds; zero when nothing was answered.
    pub rtt_min: u64,
    pub rtt_mean: u64,
    pub rtt_p50: u64,
    pub rtt_p95: u64,
    pub rtt_p99: u64,
    pub rtt_max: u64,
    /// Mean of consecutive differences of RTT (two-point IPDV, absolute).
    pub ipdv_mean: u64,
}
