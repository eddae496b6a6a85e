//! Log-linear buckets for round-trip times: 32 of equal width in every octave of nanoseconds.
//!
//! A value is told back as the middle of its bucket, at most 1/64 (1.6 %) from the truth. Values above 137 s share the
//! last bucket: no probe waits that long.

/// Bits of a value kept below its leading one.
const SUB_BITS: u32 = 5;
const SUB: u64 = 1 << SUB_BITS;
/// 2^37 ns = 137 s.
const MOST: u64 = (1 << 37) - 1;

/// How many buckets there are.
pub(super) const BUCKETS: usize = bucket_of(MOST) as usize + 1;

/// The bucket that holds `nanos`.
pub(super) const fn bucket_of(nanos: u64) -> u16 {
    let nanos = if nanos > MOST { MOST } else { nanos };
    if nanos < SUB {
        return nanos as u16;
    }
    let shift = nanos.ilog2() - SUB_BITS;
    ((shift as u64 + 1) * SUB + (nanos >> shift) - SUB) as u16
}

/// Middle of a bucket, in nanoseconds.
pub(super) fn middle(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    if bucket < SUB {
        return bucket;
    }
    let shift = bucket / SUB - 1;
    ((bucket % SUB + SUB) << shift) + ((1 << shift) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_bucket_is_within_three_percent_of_every_value_in_it() {
        let mut nanos = 1_u64;
        while nanos < MOST {
            let error = middle(bucket_of(nanos)).abs_diff(nanos);
            assert!(error * 100 <= nanos * 3, "{nanos} is told as {}", middle(bucket_of(nanos)));
            nanos += nanos / 97 + 1;
        }
    }

    #[test]
    fn buckets_rise_with_their_values_and_never_leave_the_table() {
        let mut last = 0;
        for nanos in [0, 1, 31, 32, 33, 63, 64, 1_000, 1_000_000, 999_999_999, MOST, u64::MAX] {
            assert!(bucket_of(nanos) >= last);
            last = bucket_of(nanos);
        }
        assert_eq!(usize::from(last), BUCKETS - 1);
    }
}
