//! How long an exchange took, and which clock says so.
//!
//! Kernel stamps are the exact ones, but they are written in CLOCK_REALTIME, which may jump. Every probe therefore also
//! keeps CLOCK_MONOTONIC readings that enclose the truth; the kernel's pair is believed only when it fits between them.
//! Pure.

use std::{num::NonZero, time::Duration};

use crate::{sample::Stamps, units::Rtt};

/// One end of an exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// CLOCK_MONOTONIC, nanoseconds: read before a send and after a receive.
    pub steady: u64,
    /// CLOCK_REALTIME less CLOCK_MONOTONIC at about that time.
    pub offset: i64,
    /// The kernel's stamp, CLOCK_REALTIME in nanoseconds; `None` when it was lost.
    pub kernel: Option<NonZero<i64>>,
}

/// 100 µs: two readings of `offset` differ by less, unless somebody set the clock.
const STEP: u64 = 100_000;

/// RTT between `sent` and `received`. Never longer than the steady clock allows.
pub fn round_trip(sent: &Moment, received: &Moment) -> (Rtt, Stamps) {
    let enclosing = received.steady.saturating_sub(sent.steady);
    let stepped = sent.offset.abs_diff(received.offset) > STEP;
    let kernel = match (sent.kernel, received.kernel) {
        (Some(left), Some(came)) => Some((came.get().checked_sub(left.get()), Stamps::Kernel)),
        (None, Some(came)) => {
            let left = i64::try_from(sent.steady).ok().and_then(|steady| steady.checked_add(sent.offset));
            Some((left.and_then(|left| came.get().checked_sub(left)), Stamps::KernelReceive))
        }
        (_, None) => None,
    };
    let believed = kernel.and_then(|(length, stamps)| Some((u64::try_from(length?).ok()?, stamps)));
    match believed {
        Some((length, stamps)) if length <= enclosing && !stepped => (Rtt(Duration::from_nanos(length)), stamps),
        _ => (Rtt(Duration::from_nanos(enclosing)), Stamps::User),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600_000_000_000;
    const UTC: i64 = 1_800_000_000_000_000_000;

    fn moment(steady: u64, offset: i64, kernel: Option<i64>) -> Moment {
        Moment { steady, offset, kernel: kernel.and_then(NonZero::new) }
    }

    #[test]
    fn the_kernel_pair_is_used_when_it_fits() {
        let sent = moment(1_000, UTC, Some(UTC + 1_500));
        let received = moment(20_000, UTC, Some(UTC + 4_000));
        assert_eq!(round_trip(&sent, &received), (Rtt(Duration::from_nanos(2_500)), Stamps::Kernel));
    }

    #[test]
    fn a_lost_send_stamp_falls_back_to_the_time_of_the_call() {
        let sent = moment(1_000, UTC, None);
        let received = moment(20_000, UTC, Some(UTC + 4_000));
        assert_eq!(round_trip(&sent, &received), (Rtt(Duration::from_nanos(3_000)), Stamps::KernelReceive));
    }

    #[test]
    fn a_clock_set_by_an_hour_or_by_milliseconds_harms_nothing() {
        for step in [HOUR, -HOUR, 3_000_000, -3_000_000] {
            let sent = moment(1_000_000, UTC, Some(UTC + 1_000_500));
            let received = moment(21_000_000, UTC + step, Some(UTC + step + 10_000_000));
            assert_eq!(round_trip(&sent, &received), (Rtt(Duration::from_millis(20)), Stamps::User), "{step}");
        }
    }

    proptest! {
        #[test]
        fn never_longer_than_the_steady_clock_says(
            left in any::<u32>(), took in any::<u32>(), offsets in any::<(i64, i64)>(), kernel in any::<(Option<i64>, Option<i64>)>(),
        ) {
            let sent = moment(u64::from(left), offsets.0, kernel.0);
            let received = moment(u64::from(left) + u64::from(took), offsets.1, kernel.1);
            prop_assert!(round_trip(&sent, &received).0.nanos() <= u64::from(took));
        }
    }
}
