//! Ladders of days before an end: of a certificate, of a domain's registration.

use crate::units::Timestamp;

const DAY: i64 = 86_400_000;

/// Whole days from `now` to `end`; negative when it has passed.
pub fn left(end: Timestamp, now: Timestamp) -> i64 {
    (end.0 - now.0).div_euclid(DAY)
}

/// The lowest rung that is reached: `7` from the moment on at which 7 days are left. `None`: more are left than the ladder
/// is long.
pub fn rung(ladder: &[u32], end: Timestamp, now: Timestamp) -> Option<u32> {
    let reached = |rung: &&u32| end.0 - now.0 <= i64::from(**rung) * DAY;
    ladder.iter().filter(reached).min().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rung_is_reached_when_so_many_days_are_left_and_not_a_moment_before() {
        const LADDER: [u32; 6] = [60, 30, 14, 7, 3, 1];
        let now = Timestamp(1_790_000_000_000);
        let end = |days: i64, more: i64| Timestamp(now.0 + days * DAY + more);
        for (end, wanted, days) in [
            (end(60, 1), None, 60),
            (end(60, 0), Some(60), 60),
            (end(30, 1), Some(60), 30),
            (end(7, 0), Some(7), 7),
            (end(0, 1), Some(1), 0),
            (end(0, -1), Some(1), -1),
        ] {
            assert_eq!((rung(&LADDER, end, now), left(end, now)), (wanted, days));
        }
        assert_eq!(rung(&[], end(-3, 0), now), None);
    }
}
