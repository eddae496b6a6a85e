//! Most probes a second: in total, per carrier and per target, so that a mistake in a file never becomes a flood.
//!
//! Pure: the tick says what time it is. One GCRA cell of [`governor`] per key; keys are dense, so the cells are a table.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::FakeRelativeClock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore},
};

use super::Limits;

/// Why a probe may not leave yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// Nothing may leave in this tick.
    Total,
    /// The carrier or the target has room again then: steady clock, nanoseconds.
    Until(u64),
}

/// The three limits of a plan at work.
pub struct Governor {
    /// Moved by hand, tick by tick.
    clock: FakeRelativeClock,
    now: u64,
    total: Limiter,
    carriers: Limiter,
    targets: Limiter,
}

type Limiter = RateLimiter<usize, Cells, FakeRelativeClock, NoOpMiddleware<Nanos>>;

impl Governor {
    /// `tick` is the longest time between two sends: a limit must let that much through at once.
    pub fn new(limits: Limits, carriers: usize, targets: usize, tick: Duration) -> Self {
        let clock = FakeRelativeClock::default();
        let limiter = |rate: u32, cells: usize, burst: u32| {
            let rate = NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN);
            let quota = Quota::per_second(rate).allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN));
            RateLimiter::new(quota, Cells((0..cells).map(|_| InMemoryState::default()).collect()), clock.clone())
        };
        // Four ticks: a batch that leaves a little late meets the next one.
        let burst = |rate: u32| (f64::from(rate) * tick.as_secs_f64() * 4.0).ceil() as u32;
        Self {
            total: limiter(limits.total, 1, burst(limits.total)),
            carriers: limiter(limits.per_carrier, carriers, burst(limits.per_carrier)),
            // A whole second's worth: confirm probes come three in 300 ms.
            targets: limiter(limits.per_target, targets, limits.per_target),
            clock,
            now: 0,
        }
    }

    /// Sets the time, on the steady clock. Never goes back.
    pub fn open(&mut self, now: u64) {
        self.clock.advance(Duration::from_nanos(now.saturating_sub(self.now)));
        self.now = self.now.max(now);
    }

    /// Lets one probe through or says when to ask again. The narrowest limit is asked first, so that what it holds back
    /// takes nothing from the others.
    pub fn admit(&self, carrier: usize, target: usize) -> Result<(), NoRoom> {
        self.targets.check_key(&target).map_err(|not| NoRoom::Until(not.earliest_possible().as_u64()))?;
        self.carriers.check_key(&carrier).map_err(|not| NoRoom::Until(not.earliest_possible().as_u64()))?;
        self.total.check_key(&0).map_err(|_| NoRoom::Total)
    }
}

/// One cell per dense key.
struct Cells(Vec<InMemoryState>);

impl StateStore for Cells {
    type Key = usize;

    fn measure_and_replace<T, F, E>(&self, key: &usize, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0[*key].measure_and_replace(&NotKeyed::NonKey, decide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn governor(total: u32, per_carrier: u32, per_target: u32) -> Governor {
        Governor::new(Limits { total, per_carrier, per_target }, 2, 8, Duration::from_millis(20))
    }

    /// Asks a thousand times a second for `seconds`; returns how many were let through.
    fn let_through(governor: &mut Governor, seconds: u64, carrier: usize, target: impl Fn(u64) -> usize) -> u64 {
        let mut passed = 0;
        for millisecond in 0..seconds * 1_000 {
            governor.open(SECOND + millisecond * 1_000_000);
            passed += u64::from(governor.admit(carrier, target(millisecond)).is_ok());
        }
        passed
    }

    #[test]
    fn each_limit_holds_over_time() {
        assert!((990..=1_010).contains(&let_through(&mut governor(100, 1_000, 1_000), 10, 0, |_| 0)));
        assert!((990..=1_010).contains(&let_through(&mut governor(1_000, 100, 1_000), 10, 0, |_| 0)));
        assert!((100..=110).contains(&let_through(&mut governor(1_000, 1_000, 10), 10, 0, |_| 3)));
    }

    #[test]
    fn a_full_target_leaves_the_others_alone() {
        let mut governor = governor(1_000, 1_000, 1);
        governor.open(SECOND);
        assert_eq!(governor.admit(0, 0), Ok(()));
        assert!(matches!(governor.admit(0, 0), Err(NoRoom::Until(when)) if when > SECOND));
        assert_eq!(governor.admit(0, 1), Ok(()));
    }

    #[test]
    fn a_rate_of_zero_is_read_as_one() {
        assert!(let_through(&mut governor(0, 0, 0), 10, 1, |_| 0) <= 11);
    }
}
