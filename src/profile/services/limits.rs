//! How much of us others must bear.

use std::num::NonZeroU32;

use serde::Deserialize;

/// Politeness: visits a second, and visits at once, that others must bear from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// One name, whatever many services stand on it.
    pub per_host: NonZeroU32,
    /// One address, whatever many names lead to it.
    pub per_address: NonZeroU32,
    pub per_zone: NonZeroU32,
    pub total: NonZeroU32,
    /// 500 services that hang, each for a quarter of its minute and while it is confirmed.
    pub at_once: usize,
    /// A machine that hangs need not hold more of us.
    pub at_once_per_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            per_host: number(10),
            per_address: number(20),
            per_zone: number(100),
            total: number(500),
            at_once: 1024,
            at_once_per_address: 64,
        }
    }
}
