//! Confirm probes: what follows an overdue answer, so that the judge can tell one lost packet from a cut.
//!
//! One [`Chain`] per point. Pure.
//!
//! ```text
//!   idle ──overdue──▶ running ──any answer──▶ idle
//!     ▲                  └──all lost──▶ quiet ──answer, local fault, or ten intervals──┐
//!     └────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Quiet: the point is known to be down, and asking four times as often would tell nobody anything new. A chain is
//! repeated every ten intervals, so that a judge that lost its memory learns of the outage again.

/// Confirm probes of one point.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chain {
    /// Number of the scheduled probe that the chain follows.
    trigger: Option<u32>,
    unsent: u8,
    flying: u8,
    /// None was answered and none went unmeasured.
    all_lost: bool,
    /// Steady clock, nanoseconds.
    quiet_until: u64,
}

/// Intervals between two chains of a point that stays down.
pub const QUIET_INTERVALS: u64 = 10;

impl Chain {
    /// Starts a chain of `probes` after the scheduled probe `trigger`, unless it has had one, another is running, or
    /// the point is quiet. The caller then sends as many, each when [`Self::send`] agrees.
    pub fn start(&mut self, trigger: u32, probes: u8, now: u64) -> bool {
        let free = self.unsent == 0 && self.flying == 0 && self.trigger != Some(trigger) && now >= self.quiet_until;
        if free && probes > 0 {
            *self = Self { trigger: Some(trigger), unsent: probes, flying: 0, all_lost: true, quiet_until: 0 };
        }
        free && probes > 0
    }

    /// Whether the next confirm probe after `trigger` is still wanted.
    pub fn send(&mut self, trigger: u32) -> bool {
        let wanted = self.unsent > 0 && self.trigger == Some(trigger);
        if wanted {
            (self.unsent, self.flying) = (self.unsent - 1, self.flying + 1);
        }
        wanted
    }

    /// A confirm probe ended without an answer.
    pub fn ended(&mut self, lost: bool, now: u64, interval: u64) {
        self.flying = self.flying.saturating_sub(1);
        self.all_lost &= lost;
        if self.unsent == 0 && self.flying == 0 && self.all_lost {
            self.quiet_until = now.saturating_add(interval.saturating_mul(QUIET_INTERVALS));
        }
    }

    /// The point answered a probe; `confirm`: one of this chain's.
    pub fn answered(&mut self, confirm: bool) {
        self.flying -= u8::from(confirm && self.flying > 0);
        (self.unsent, self.all_lost, self.quiet_until) = (0, false, 0);
    }

    /// We could not look: when we can again, an outage must be confirmed again.
    pub fn blinded(&mut self) {
        self.quiet_until = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_chain_runs_once_per_overdue_probe_and_then_keeps_quiet() {
        let mut chain = Chain::default();
        assert!(chain.start(7, 3, SECOND));
        assert!(!chain.start(8, 3, SECOND), "one at a time");
        for _ in 0..3 {
            assert!(chain.send(7));
        }
        assert!(!chain.send(7));
        for _ in 0..3 {
            chain.ended(true, 2 * SECOND, SECOND);
        }
        assert!(!chain.start(9, 3, 11 * SECOND), "quiet");
        assert!(chain.start(10, 3, 12 * SECOND), "repeated");
    }

    #[test]
    fn an_answer_calls_off_what_is_unsent_and_ends_the_quiet() {
        let mut chain = Chain::default();
        assert!(chain.start(7, 3, SECOND) && chain.send(7));
        chain.answered(false);
        assert!(!chain.send(7));
        chain.ended(true, SECOND, SECOND);
        assert!(!chain.start(7, 3, 2 * SECOND), "the same probe never starts two");
        assert!(chain.start(8, 3, 2 * SECOND));
    }

    #[test]
    fn an_unmeasured_confirm_proves_nothing() {
        let mut chain = Chain::default();
        assert!(chain.start(7, 1, SECOND) && chain.send(7));
        chain.ended(false, SECOND, SECOND);
        assert!(chain.start(8, 1, SECOND));
    }
}
