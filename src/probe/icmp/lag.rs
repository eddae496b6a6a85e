//! How late ticks are: the worst of the last ten seconds. Pure.

use std::time::Duration;

/// One second each.
#[derive(Debug, Default)]
pub struct Lag {
    seconds: [u64; 10],
    current: u64,
}

impl Lag {
    /// Notes that the tick at `now` came `late` nanoseconds late; returns the worst of the last ten seconds.
    pub fn note(&mut self, now: u64, late: u64) -> Duration {
        let second = now / 1_000_000_000;
        let passed = second.saturating_sub(self.current).min(10);
        for step in 0..passed {
            self.seconds[((second - step) % 10) as usize] = 0;
        }
        self.current = second;
        let place = &mut self.seconds[(second % 10) as usize];
        *place = late.max(*place);
        Duration::from_nanos(self.seconds.iter().copied().max().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_forgotten_after_ten_seconds() {
        let mut lag = Lag::default();
        let second = 1_000_000_000;
        assert_eq!(lag.note(5 * second, 7), Duration::from_nanos(7));
        assert_eq!(lag.note(5 * second, 3), Duration::from_nanos(7));
        assert_eq!(lag.note(14 * second, 3), Duration::from_nanos(7));
        assert_eq!(lag.note(15 * second, 2), Duration::from_nanos(3));
        assert_eq!(lag.note(1_000 * second, 1), Duration::from_nanos(1));
    }
}
