//! Civil time for the ledger: an anchor plus the steady clock, so that a step of the wall clock books nothing twice.

use std::time::Duration;

use crate::units::{Now, Timestamp};

/// A smaller difference is the wall clock being slewed, and is followed silently.
const STEP: i64 = 1_000;

/// A jump of the wall clock by more than a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The skipped civil time was not seen by anybody: it is unknown.
    Forward(Duration),
    /// Civil time that has been booked already comes again, and is not booked again.
    Backward(Duration),
}

/// Turns readings of both clocks into readings whose civil time is fit for records.
#[derive(Debug, Default)]
pub struct CivilClock {
    /// Wall clock minus steady clock, milliseconds; `None` before the first reading.
    anchor: Option<i64>,
    last: Timestamp,
}

impl CivilClock {
    /// Civil time of the last reading.
    pub fn last(&self) -> Timestamp {
        self.last
    }

    /// Slewing never makes civil time run backwards; a step is followed and reported once.
    pub fn read(&mut self, raw: Now) -> (Now, Option<Step>) {
        let measured = raw.utc.0 - raw.mono.0;
        let drift = self.anchor.map_or(0, |anchor| measured - anchor);
        self.anchor = Some(measured);
        let step = match drift {
            ahead if ahead > STEP => Some(Step::Forward(Duration::from_millis(ahead.unsigned_abs()))),
            behind if behind < -STEP => Some(Step::Backward(Duration::from_millis(behind.unsigned_abs()))),
            _ => None,
        };
        let utc = if step.is_some() { raw.utc } else { raw.utc.max(self.last) };
        self.last = utc;
        (Now { mono: raw.mono, utc }, step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Mono;

    /// Reads the wall clock at these (steady, wall) seconds; returns the steps seen.
    fn steps(readings: &[(i64, i64)]) -> Vec<Step> {
        let mut clock = CivilClock::default();
        let read =
            |&(mono, utc): &(i64, i64)| clock.read(Now { mono: Mono(mono * 1_000), utc: Timestamp(utc * 1_000) }).1;
        readings.iter().filter_map(read).collect()
    }

    #[test]
    fn an_hour_forward_and_back_is_seen_once_each() {
        let hour = Duration::from_secs(3_600);
        assert_eq!(steps(&[(0, 100), (1, 101), (2, 3_702), (3, 3_703)]), [Step::Forward(hour)]);
        assert_eq!(steps(&[(0, 10_000), (1, 6_401), (2, 6_402)]), [Step::Backward(hour)]);
    }

    #[test]
    fn slewing_is_no_step_and_never_runs_backwards() {
        let mut clock = CivilClock::default();
        clock.read(Now { mono: Mono(0), utc: Timestamp(5_000) });
        let (now, step) = clock.read(Now { mono: Mono(100), utc: Timestamp(4_900) });
        assert_eq!((now.utc, step), (Timestamp(5_000), None));
    }
}
