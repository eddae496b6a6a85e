//! Availability of one period from its milliseconds: two bounds, what is left of the allowance, the verdict.
//!
//! All whole numbers: a share is a pair (part, whole), so that nothing is rounded before it is shown.

use serde::Serialize;

use super::Accounted;
use crate::units::Ppm;

/// What the counted time so far says about the availability objective of the whole period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Whatever the rest of the period brings.
    Met,
    /// More is down than the whole period allows.
    Breached,
    /// The period still runs, and both are possible.
    Pending,
    /// The period is over, and it depends on time that nobody measured, or on chance.
    NotProvable,
    /// The period still runs, and loss or RTT is proved to be worse than the limit now.
    AtRisk,
    /// Loss or RTT is worse than the limit, as far as a router's control plane tells.
    Suspected,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Breached => "breached",
            Self::Pending => "pending",
            Self::NotProvable => "not_provable",
            Self::AtRisk => "at_risk",
            Self::Suspected => "suspected",
        }
    }
}

impl Accounted {
    /// Up over counted time whose state is known. The whole is zero when none is.
    pub fn known(&self) -> (u64, u64) {
        let up = self.up + self.degraded;
        (up, up + self.down)
    }

    /// Lower bound: every unknown moment was down.
    pub fn unknown_as_down(&self) -> (u64, u64) {
        (self.up + self.degraded, self.counted())
    }

    /// Upper bound: every unknown moment was up.
    pub fn unknown_as_up(&self) -> (u64, u64) {
        (self.up + self.degraded + self.unknown, self.counted())
    }

    /// Milliseconds of down-time that the objective still allows in this period; negative once it is spent.
    pub fn budget_left(&self, promised: Ppm) -> i64 {
        self.allowed_down(promised).cast_signed() - self.down.cast_signed()
    }

    /// Milliseconds of unknown time that would have to be known to be up before the objective was met; zero where the
    /// verdict does not hang on it.
    pub fn missing(&self, promised: Ppm) -> u64 {
        match self.verdict(promised) {
            Verdict::NotProvable => self.down + self.unknown - self.allowed_down(promised),
            _ => 0,
        }
    }

    pub fn verdict(&self, promised: Ppm) -> Verdict {
        let to_come = self.period.saturating_sub(self.elapsed());
        let allowed = self.allowed_down(promised);
        match self.down + self.unknown + to_come {
            _ if self.down > allowed => Verdict::Breached,
            worst if worst <= allowed => Verdict::Met,
            _ if to_come > 0 => Verdict::Pending,
            _ => Verdict::NotProvable,
        }
    }

    /// Milliseconds passed in the period.
    pub fn elapsed(&self) -> u64 {
        self.counted() + self.excluded
    }

    fn counted(&self) -> u64 {
        self.up + self.degraded + self.down + self.unknown
    }

    fn allowed_down(&self, Ppm(promised): Ppm) -> u64 {
        let in_service = u128::from(self.period.saturating_sub(self.excluded));
        let allowed = in_service * u128::from(1_000_000 - promised.min(1_000_000)) / 1_000_000;
        u64::try_from(allowed).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMISED: Ppm = Ppm(999_000);
    const MINUTE: u64 = 60_000;
    const DAY: u64 = 1_440 * MINUTE;

    #[test]
    fn thirty_days_at_three_nines_allow_43_minutes_and_12_seconds() {
        let month = Accounted { up: DAY, period: 30 * DAY, ..Accounted::default() };
        assert_eq!(month.budget_left(PROMISED), 43 * 60_000 + 12_000);
        assert_eq!(month.verdict(PROMISED), Verdict::Pending);
    }

    /// A whole-network outage repaired within its two hours still breaks the month.
    #[test]
    fn an_outage_within_its_tier_may_break_the_month() {
        let month = Accounted { up: DAY, down: 120 * MINUTE, period: 30 * DAY, ..Accounted::default() };
        assert_eq!(month.verdict(PROMISED), Verdict::Breached);
        assert!(month.budget_left(PROMISED) < 0);
    }

    #[test]
    fn unknown_time_widens_the_bounds_and_withholds_the_verdict() {
        let month = Accounted { up: 29 * DAY, unknown: DAY, period: 30 * DAY, ..Accounted::default() };
        assert_eq!((month.unknown_as_down(), month.unknown_as_up()), ((29 * DAY, 30 * DAY), (30 * DAY, 30 * DAY)));
        assert_eq!(month.verdict(PROMISED), Verdict::NotProvable);
        assert_eq!(month.missing(PROMISED), DAY - (43 * MINUTE + 12_000), "so much of the day must have been up");
    }

    #[test]
    fn a_month_out_of_service_has_no_availability_and_no_breach() {
        let month = Accounted { excluded: 30 * DAY, period: 30 * DAY, ..Accounted::default() };
        assert_eq!((month.known(), month.unknown_as_up()), ((0, 0), (0, 0)));
        assert_eq!(month.verdict(PROMISED), Verdict::Met);
    }
}
