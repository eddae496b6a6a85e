//! Sums as letters write them: nobody is asked to believe a rounded figure.

/// To the millisecond, as the ledger counts.
pub fn seconds(millis: u64) -> String {
    format!("{}.{:03} s", millis / 1_000, millis % 1_000)
}

/// The sum itself, and what it comes to: truncated, never rounded.
pub fn share([part, whole]: [u64; 2]) -> String {
    let ppm = u128::from(part) * 1_000_000 / u128::from(whole.max(1));
    format!("{part}/{whole} ms = {}.{:04} %", ppm / 10_000, ppm % 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_truncated_and_never_rounded_up() {
        assert_eq!(share([2_671_199_999, 2_678_400_000]), "2671199999/2678400000 ms = 99.7311 %");
        assert_eq!(share([0, 0]), "0/0 ms = 0.0000 %");
        assert_eq!(seconds(7_200_001), "7200.001 s");
    }
}
