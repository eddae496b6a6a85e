//! Whether a service is up: a plain function of how its visits ended.
//!
//! ```text
//!   NeverVerified ──passed──▶ Up ──failed, and every confirming visit too──▶ Degraded | Down
//!                              ▲                                                  │
//!                              └───────────────────passed twice──────────────────┘
//! ```
//!
//! Down-time is dated from the first visit that failed, recovery from the first that passed. A visit that this host could
//! not make says nothing. A service that never passed is not down: its address may be wrong, and it is on a work list.
//! A data exchange of which nothing new is told is unknown, until something is.
//! Degraded: it answers, and not as it should, such as with a certificate that has ended.

use serde::{Deserialize, Serialize};

use crate::{profile::services::Pace, sample::service::Ending, units::Timestamp};

/// What is known of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    Up,
    Degraded,
    Down,
    /// Nothing is told of it any more, or not yet.
    Unknown,
    /// It never passed a visit.
    #[default]
    NeverVerified,
}

impl ServiceState {
    pub const ALL: [Self; 5] = [Self::Up, Self::Degraded, Self::Down, Self::Unknown, Self::NeverVerified];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Unknown => "unknown",
            Self::NeverVerified => "never_verified",
        }
    }

    /// What one visit showed; `None`: nothing.
    fn shown_by(ending: &Ending) -> Option<Self> {
        match ending {
            Ending::Passed => Some(Self::Up),
            Ending::Failed(fault) if fault.reason.is_partial() => Some(Self::Degraded),
            Ending::Failed(_) => Some(Self::Down),
            Ending::Unmeasured(_) => None,
        }
    }
}

/// Visits in a row that prove a recovery, or that it fails otherwise now.
const PROOF: u8 = 2;

/// Judges one service. Stored as it is: a restart goes on where it stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceJudge {
    state: ServiceState,
    since: Timestamp,
    /// Visits in a row that speak against the state, and when the first of them began.
    against: u8,
    first: Timestamp,
    /// What the last of them showed.
    toward: ServiceState,
}

impl ServiceJudge {
    /// Of something that is told of: what is not told is unknown.
    pub fn unknown() -> Self {
        Self { state: ServiceState::Unknown, ..Self::default() }
    }

    /// Nothing is told of it any more since `at`. `true`: the state is another now.
    pub fn lose_sight(&mut self, at: Timestamp) -> bool {
        let is_new = self.state != ServiceState::Unknown;
        if is_new {
            *self = Self { since: at, ..Self::unknown() };
        }
        is_new
    }

    pub fn state(self) -> ServiceState {
        self.state
    }

    /// Since when; zero before anything is known.
    pub fn since(self) -> Timestamp {
        self.since
    }

    /// Takes a visit that began at `at`. `true`: the state is another now.
    pub fn take(&mut self, ending: &Ending, at: Timestamp, pace: Pace) -> bool {
        use ServiceState::{Degraded, Down, NeverVerified, Unknown, Up};
        let Some(seen) = ServiceState::shown_by(ending) else { return false };
        let needed = match (self.state, seen) {
            (Up | Unknown, Degraded | Down) => pace.confirm.saturating_add(1),
            (Degraded | Down, _) => PROOF,
            (NeverVerified | Unknown, Up) => 1,
            (Up | NeverVerified | Unknown, _) => 0,
        };
        if seen == self.state || needed == 0 {
            self.against = 0;
            return false;
        }
        // One that fails in two ways fails all the same.
        if self.against == 0 || !matches!(self.state, Up | Unknown) && self.toward != seen {
            (self.against, self.first) = (0, at);
        }
        (self.against, self.toward) = (self.against.saturating_add(1), seen);
        if self.against < needed {
            return false;
        }
        *self = Self { state: seen, since: self.first, against: 0, ..*self };
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sample::service::{Fault, Phase, Reason};

    const PACE: Pace = Pace { interval: Duration::from_secs(60), confirm: 2, spacing: Duration::from_secs(2) };

    fn failed() -> Ending {
        Ending::Failed(Fault::new(Phase::Connect, Reason::Refused, "refused"))
    }

    /// The states that a service goes through, each with its since, by visits a second apart.
    fn course(visits: &[Ending]) -> Vec<(&'static str, i64)> {
        let mut judge = ServiceJudge::default();
        let mut changes = vec![];
        for (ending, second) in visits.iter().zip(1..) {
            if judge.take(ending, Timestamp(second), PACE) {
                changes.push((judge.state().as_str(), judge.since().0));
            }
        }
        changes
    }

    #[test]
    fn one_failure_is_no_outage_and_three_are_one_from_the_first_on() {
        let passed = Ending::Passed;
        let story = [passed.clone(), failed(), passed.clone(), failed(), failed(), failed(), failed()];
        assert_eq!(course(&story), [("up", 1), ("down", 4)]);
    }

    #[test]
    fn it_is_up_again_from_the_first_of_two_good_visits() {
        let passed = Ending::Passed;
        let story = [passed.clone(), failed(), failed(), failed(), passed.clone(), failed(), passed.clone(), passed];
        assert_eq!(course(&story), [("up", 1), ("down", 2), ("up", 7)]);
    }

    #[test]
    fn what_answers_wrongly_is_degraded_and_may_go_down_from_there() {
        let wrong = || Ending::Failed(Fault::new(Phase::Tls, Reason::Expired, "ended"));
        let story = [Ending::Passed, wrong(), wrong(), wrong(), failed(), wrong(), failed(), failed(), wrong()];
        assert_eq!(course(&story), [("up", 1), ("degraded", 2), ("down", 7)]);
    }

    #[test]
    fn what_is_told_of_is_unknown_in_silence_and_whatever_it_says_afterwards() {
        let pace = Pace { confirm: 0, ..PACE };
        let mut judge = ServiceJudge::unknown();
        assert!(!judge.lose_sight(Timestamp(1)), "nothing was known before");
        assert!(judge.take(&failed(), Timestamp(2), pace));
        assert!(judge.lose_sight(Timestamp(3)));
        assert_eq!((judge.state(), judge.since()), (ServiceState::Unknown, Timestamp(3)));
        assert!(judge.take(&Ending::Passed, Timestamp(4), pace));
        assert_eq!((judge.state(), judge.since()), (ServiceState::Up, Timestamp(4)));
    }

    #[test]
    fn what_was_never_good_is_not_down_and_what_we_could_not_see_says_nothing() {
        let blind = || Ending::Unmeasured("no socket".into());
        assert_eq!(course(&[failed(), failed(), failed(), failed()]), []);
        assert_eq!(course(&[Ending::Passed, failed(), blind(), failed(), blind()]), [("up", 1)]);
    }
}
