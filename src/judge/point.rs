//! Whether one measuring point answers: design of "Down" (docs/architecture.md).
//!
//! In: the samples of one point and, now and then, the time. Out: [`PointChange`]s, each dated from the first sign.
//! Pure.
//!
//! ```text
//!  NeverVerified ──answer──▶ Up ◀──answer── Suspected ──scheduled and all confirms lost──▶ Down
//!                            ▲  ──loss────▶     ▲                                          │ ▲
//!                            │                  │ loss                              answer │ │ loss
//!                            ├────answer──── Unknown ◀──nothing ended── (any)              ▼ │
//!                            └──────────5 answers in a row over 5 s or more─────────── Recovering
//! ```
//!
//! Unmeasured probes never move a point towards down: a scheduled one drops a suspicion, a confirm probe voids its
//! train. Where trains stay void, as many scheduled losses in a row are the same proof. A point that loses much anyway
//! needs further scheduled losses ([`Lossy`]). A late reply undoes nothing.
//! A point that was down when it became unknown keeps the start of its outage, and needs the full proof of recovery.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::lossy::Lossy;
use crate::{
    profile::Measure,
    sample::{Event, Outcome, Purpose, Run, Sample},
    units::{Counts, Mono, Now, Timestamp},
    window::SettledLosses,
};

/// What happened to a point. `since` is always the first sign, not the moment it was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointChange {
    /// The first answer ever: the point is up.
    Verified { since: Mono },
    /// From the send time of the first lost probe.
    Down { since: Mono },
    /// From the send time of the first answered probe of the run that proved it.
    Up { since: Mono },
    /// From the time the first missing probe was due.
    Unknown { since: Mono },
}

/// What is known of a point now. A suspicion is not knowledge: a suspected point is what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointVerdict {
    NeverVerified,
    Up,
    Down,
    /// `was_down`: an outage that began before is neither proved over nor proved to go on.
    Unknown {
        was_down: bool,
    },
}

/// What survives a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum StoredPoint {
    NeverVerified,
    Up,
    Down { since: Timestamp },
}

/// Probes by the measured state they were finally booked on. Only rises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// While the point was up: the only ones that count as loss.
    pub up: Counts,
    /// While it was down: lost ones are down-time, answered ones a recovery that failed.
    pub down: Counts,
    /// Lost before the point had ever answered.
    pub unverified: u64,
}

impl Tally {
    /// What was booked after `earlier`, a tally of the same judge.
    pub fn since(self, earlier: Self) -> Self {
        let less = |now: Counts, then: Counts| Counts {
            answered: now.answered - then.answered,
            lost: now.lost - then.lost,
            unmeasured: now.unmeasured - then.unmeasured,
        };
        Self {
            up: less(self.up, earlier.up),
            down: less(self.down, earlier.down),
            unverified: self.unverified - earlier.unverified,
        }
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.up += other.up;
        self.down += other.down;
        self.unverified += other.unverified;
    }
}

/// Judges one point.
#[derive(Clone, Debug)]
pub struct PointJudge {
    state: State,
    /// Send time of the youngest answered probe, confirm probes included.
    last_answer: Mono,
    /// Of the last scheduled probe that ended answered or lost: when it was sent, and when it ended.
    evidence: (Mono, Mono),
    /// Ended, and waiting to be booked as up or down: losses of a suspicion, answers of a recovery.
    pending: u32,
    tally: Tally,
    settled: SettledLosses,
    lossy: Lossy,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    NeverVerified,
    Up,
    Suspected(Suspicion),
    Down { since: Mono },
    Recovering(Recovery),
    Unknown { outage: Option<Mono> },
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Suspicion {
    /// Send time of the first loss.
    since: Mono,
    /// Scheduled losses in a row.
    scheduled: u8,
    /// Send time of the scheduled probe whose confirms are counted.
    train: Mono,
    confirms: u8,
    /// A confirm probe of the train could not be sent.
    void: bool,
    /// Where a suspicion that was wrong returns to.
    before: Before,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Before {
    Up,
    Unknown { outage: Option<Mono> },
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Recovery {
    first: Mono,
    answers: u8,
    /// Start of the outage.
    outage: Mono,
    /// It was unknown whether the outage went on.
    unknown: bool,
}

impl PointJudge {
    /// A point that never answered. `now`: from when on evidence is missed.
    pub fn new(now: Mono) -> Self {
        Self {
            state: State::NeverVerified,
            last_answer: Mono(i64::MIN),
            evidence: (now, now),
            pending: 0,
            tally: Tally::default(),
            settled: SettledLosses::default(),
            lossy: Lossy::default(),
        }
    }

    /// A point as it was stored. What it is now is unknown until there is evidence; an outage keeps its start.
    pub fn restore(stored: StoredPoint, now: Now) -> Self {
        let state = match stored {
            StoredPoint::NeverVerified => State::NeverVerified,
            StoredPoint::Up => State::Unknown { outage: None },
            StoredPoint::Down { since } => State::Unknown { outage: Some(mono_of(since, now)) },
        };
        Self { state, ..Self::new(now.mono) }
    }

    pub fn store(&self, now: Now) -> StoredPoint {
        match (self.state, self.outage()) {
            (State::NeverVerified, _) => StoredPoint::NeverVerified,
            (_, Some(since)) => StoredPoint::Down { since: now.utc_of(since) },
            (_, None) => StoredPoint::Up,
        }
    }

    pub fn verdict(&self) -> PointVerdict {
        match self.state {
            State::NeverVerified => PointVerdict::NeverVerified,
            State::Up | State::Suspected(Suspicion { before: Before::Up, .. }) => PointVerdict::Up,
            State::Down { .. } | State::Recovering(Recovery { unknown: false, .. }) => PointVerdict::Down,
            State::Unknown { outage } | State::Suspected(Suspicion { before: Before::Unknown { outage }, .. }) => {
                PointVerdict::Unknown { was_down: outage.is_some() }
            }
            State::Recovering(Recovery { unknown: true, .. }) => PointVerdict::Unknown { was_down: true },
        }
    }

    /// Start of the outage that is not proved over.
    pub fn outage(&self) -> Option<Mono> {
        match self.state {
            State::Down { since } => Some(since),
            State::Recovering(recovery) => Some(recovery.outage),
            State::Unknown { outage } | State::Suspected(Suspicion { before: Before::Unknown { outage }, .. }) => {
                outage
            }
            State::NeverVerified | State::Up | State::Suspected(Suspicion { before: Before::Up, .. }) => None,
        }
    }

    /// Probes booked since this value was made. Those still [`PointJudge::pending`] are not in it.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Scheduled probes that ended and wait to be booked on up or down.
    pub fn pending(&self) -> u32 {
        self.pending
    }

    /// Losses settled since the last call, for [`crate::window::PointWindow::settle`]. `None`: none.
    pub fn settled_losses(&mut self) -> Option<SettledLosses> {
        let settled = std::mem::take(&mut self.settled);
        (settled != SettledLosses::default()).then_some(settled)
    }

    /// Weighs one event of one probe.
    pub fn take(&mut self, sample: &Sample, measure: &Measure) -> Option<PointChange> {
        let Event::Ended(outcome) = sample.event else {
            // Late and further answers undo nothing.
            return None;
        };
        match (sample.purpose, outcome) {
            (Purpose::Scheduled, Outcome::Answered(reply)) => {
                self.saw(sample.sent, reply.rtt.0);
                self.answered(sample.sent, measure)
            }
            (Purpose::Scheduled, Outcome::Failed(_)) => {
                self.saw(sample.sent, measure.timeout);
                self.lost(sample.sent, measure)
            }
            (Purpose::Scheduled, Outcome::Unmeasured(_)) => {
                self.unmeasured();
                None
            }
            (Purpose::Confirm, Outcome::Answered(_)) => {
                self.confirm_answered(sample.sent);
                None
            }
            (Purpose::Confirm, Outcome::Failed(_)) => self.confirm_lost(sample.sent, measure),
            (Purpose::Urgent, Outcome::Answered(_)) => self.urgent_answered(sample.sent),
            (Purpose::Urgent, Outcome::Failed(_)) => self.urgent_lost(sample.sent, measure),
            (Purpose::Urgent, Outcome::Unmeasured(_)) => None,
            (Purpose::Confirm, Outcome::Unmeasured(_)) => {
                if let State::Suspected(suspicion) = &mut self.state {
                    suspicion.void = true;
                }
                None
            }
        }
    }

    /// Weighs a run of answers: the same as each of them by [`PointJudge::take`].
    pub fn take_run(&mut self, run: &Run, measure: &Measure) -> Option<PointChange> {
        let mut change = None;
        for number in 0..run.count {
            let sent = run.sent(number);
            if self.state == State::Up {
                // One answer is as good as the next.
                let last = run.sent(run.count - 1);
                self.saw(last, run.reply.rtt.0);
                self.last_answer = self.last_answer.max(last);
                self.book_answers(run.count - number);
                break;
            }
            self.saw(sent, run.reply.rtt.0);
            change = self.answered(sent, measure).or(change);
        }
        change
    }

    /// Looks for missing evidence: no scheduled probe ended answered or lost for three intervals and a time-out.
    pub fn tick(&mut self, now: Mono, measure: &Measure) -> Option<PointChange> {
        let (sent, ended) = self.evidence;
        if now.since(ended) <= measure.interval * 3 + measure.timeout {
            return None;
        }
        let was_known = matches!(self.verdict(), PointVerdict::Up | PointVerdict::Down);
        let outage = self.outage();
        match self.state {
            State::NeverVerified | State::Unknown { .. } => return None,
            State::Suspected(_) => self.settle_lost_as_loss(),
            State::Recovering(_) => self.settle_answered_as_down(),
            State::Up | State::Down { .. } => {}
        }
        self.state = State::Unknown { outage };
        was_known.then(|| PointChange::Unknown { since: sent.plus(measure.interval) })
    }

    /// Our witnesses are silent since `since`: nothing that this point said from then on counts, and until there is new
    /// evidence it is unknown. An outage that began before stays. The shell gives what ends meanwhile as unmeasured.
    pub fn doubt(&mut self, since: Mono) -> Option<PointChange> {
        let outage = self.outage().filter(|outage| *outage < since);
        match self.state {
            State::NeverVerified => return None,
            State::Suspected(_) => self.settle_lost_as_loss(),
            State::Recovering(_) => self.settle_answered_as_down(),
            State::Up | State::Down { .. } | State::Unknown { .. } => {}
        }
        let was_known = matches!(self.verdict(), PointVerdict::Up | PointVerdict::Down);
        self.state = State::Unknown { outage };
        was_known.then_some(PointChange::Unknown { since })
    }

    fn saw(&mut self, sent: Mono, took: Duration) {
        self.evidence = (sent.max(self.evidence.0), sent.plus(took).max(self.evidence.1));
    }

    fn answered(&mut self, sent: Mono, measure: &Measure) -> Option<PointChange> {
        self.last_answer = self.last_answer.max(sent);
        match self.state {
            // NeverVerified => Up.
            State::NeverVerified => {
                self.state = State::Up;
                self.book_answers(1);
                Some(PointChange::Verified { since: sent })
            }
            State::Up => {
                self.book_answers(1);
                None
            }
            // Suspected => (what it was | Suspected). An answer to an older probe clears nothing.
            State::Suspected(Suspicion { since, .. }) if sent < since => {
                self.book_answers(1);
                None
            }
            State::Suspected(suspicion) => {
                self.drop_suspicion(suspicion);
                self.answered(sent, measure)
            }
            // Unknown => (Up | Recovering). Nothing spoke of an outage: one answer is enough.
            State::Unknown { outage: None } => {
                self.state = State::Up;
                self.book_answers(1);
                Some(PointChange::Up { since: sent })
            }
            State::Unknown { outage: Some(outage) } => self.recover(sent, outage, true, measure),
            // Down => Recovering.
            State::Down { since } if sent < since => {
                self.tally.down.answered += 1;
                None
            }
            State::Down { since } => self.recover(sent, since, false, measure),
            // Recovering => (Recovering | Up).
            State::Recovering(recovery) => {
                self.pending += 1;
                self.prove(Recovery { answers: recovery.answers.saturating_add(1), ..recovery }, sent, measure)
            }
        }
    }

    fn recover(&mut self, sent: Mono, outage: Mono, unknown: bool, measure: &Measure) -> Option<PointChange> {
        self.pending = 1;
        self.prove(Recovery { first: sent, answers: 1, outage, unknown }, sent, measure)
    }

    fn prove(&mut self, recovery: Recovery, sent: Mono, measure: &Measure) -> Option<PointChange> {
        let proved = recovery.answers >= measure.restore.answers && sent.since(recovery.first) >= measure.restore.span;
        if !proved {
            self.state = State::Recovering(recovery);
            return None;
        }
        self.state = State::Up;
        self.tally.up.answered += u64::from(std::mem::take(&mut self.pending));
        Some(PointChange::Up { since: recovery.first })
    }

    fn lost(&mut self, sent: Mono, measure: &Measure) -> Option<PointChange> {
        match self.state {
            // No evidence that there is a line at all.
            State::NeverVerified => {
                self.tally.unverified += 1;
                None
            }
            State::Up => self.suspect(sent, Before::Up, measure),
            State::Unknown { outage } => self.suspect(sent, Before::Unknown { outage }, measure),
            // Suspected => (Suspected | Down).
            State::Suspected(mut suspicion) => {
                self.pending += 1;
                suspicion.scheduled = suspicion.scheduled.saturating_add(1);
                if suspicion.void {
                    suspicion = Suspicion { train: sent, confirms: 0, void: false, ..suspicion };
                }
                self.state = State::Suspected(suspicion);
                self.convict(suspicion, sent, measure)
            }
            State::Down { .. } => {
                self.book_downtime(1);
                None
            }
            // Recovering => Down, or back to not knowing.
            State::Recovering(recovery) => {
                self.settle_answered_as_down();
                let outage = recovery.outage;
                if recovery.unknown {
                    return self.suspect(sent, Before::Unknown { outage: Some(outage) }, measure);
                }
                self.state = State::Down { since: outage };
                self.book_downtime(1);
                None
            }
        }
    }

    fn suspect(&mut self, sent: Mono, before: Before, measure: &Measure) -> Option<PointChange> {
        if sent < self.last_answer {
            // A younger probe was answered meanwhile: one lost packet, and no sign of an outage.
            self.book_loss(1);
            return None;
        }
        self.pending = 1;
        self.begin_suspicion(sent, before, measure)
    }

    fn begin_suspicion(&mut self, sent: Mono, before: Before, measure: &Measure) -> Option<PointChange> {
        let suspicion = Suspicion { since: sent, scheduled: 1, train: sent, confirms: 0, void: false, before };
        self.state = State::Suspected(suspicion);
        self.convict(suspicion, sent, measure)
    }

    /// An answer out of turn clears a suspicion and ends not knowing; a recovery is proved by scheduled probes alone.
    fn urgent_answered(&mut self, sent: Mono) -> Option<PointChange> {
        self.confirm_answered(sent);
        if self.state != (State::Unknown { outage: None }) {
            return None;
        }
        self.state = State::Up;
        self.saw(sent, Duration::ZERO);
        Some(PointChange::Up { since: sent })
    }

    /// A loss out of turn is suspected and confirmed as any other, and booked nowhere.
    fn urgent_lost(&mut self, sent: Mono, measure: &Measure) -> Option<PointChange> {
        let before = match self.state {
            State::Up => Before::Up,
            State::Unknown { outage } => Before::Unknown { outage },
            State::NeverVerified | State::Suspected(_) | State::Down { .. } | State::Recovering(_) => return None,
        };
        if sent < self.last_answer {
            return None;
        }
        self.begin_suspicion(sent, before, measure)
    }

    fn confirm_answered(&mut self, sent: Mono) {
        self.last_answer = self.last_answer.max(sent);
        if let State::Suspected(suspicion) = self.state
            && sent >= suspicion.since
        {
            self.drop_suspicion(suspicion);
        }
    }

    fn confirm_lost(&mut self, sent: Mono, measure: &Measure) -> Option<PointChange> {
        let State::Suspected(suspicion) = &mut self.state else {
            return None;
        };
        if sent <= suspicion.train {
            return None;
        }
        suspicion.confirms = suspicion.confirms.saturating_add(1);
        let suspicion = *suspicion;
        self.convict(suspicion, suspicion.since, measure)
    }

    /// Suspected => Down when the proof is complete. `sent`: of the last scheduled loss.
    fn convict(&mut self, suspicion: Suspicion, sent: Mono, measure: &Measure) -> Option<PointChange> {
        let Suspicion { since, scheduled, confirms, void, .. } = suspicion;
        let train = !void && confirms >= measure.confirm.probes;
        // Without a whole train, the same number of scheduled losses is the same proof, once a train would have ended.
        let train_time = measure.confirm.spacing * u32::from(measure.confirm.probes) + measure.timeout;
        let run = scheduled > measure.confirm.probes && sent.since(since) >= train_time;
        let further = self.lossy.further_losses();
        let proved = train && scheduled > further || run && scheduled - measure.confirm.probes > further;
        if !proved {
            return None;
        }
        self.state = State::Down { since };
        let lost = std::mem::take(&mut self.pending);
        self.book_downtime(lost);
        Some(PointChange::Down { since })
    }

    fn unmeasured(&mut self) {
        let counts = match self.verdict() {
            PointVerdict::Down => &mut self.tally.down,
            PointVerdict::NeverVerified | PointVerdict::Up | PointVerdict::Unknown { .. } => &mut self.tally.up,
        };
        counts.unmeasured += 1;
        if let State::Suspected(suspicion) = self.state {
            self.drop_suspicion(suspicion);
        }
    }

    fn drop_suspicion(&mut self, suspicion: Suspicion) {
        self.settle_lost_as_loss();
        self.state = match suspicion.before {
            Before::Up => State::Up,
            Before::Unknown { outage } => State::Unknown { outage },
        };
    }

    fn settle_lost_as_loss(&mut self) {
        let lost = std::mem::take(&mut self.pending);
        self.book_loss(lost);
    }

    fn settle_answered_as_down(&mut self) {
        self.tally.down.answered += u64::from(std::mem::take(&mut self.pending));
    }

    fn book_answers(&mut self, count: u64) {
        self.tally.up.answered += count;
        self.lossy.answered(count);
    }

    fn book_loss(&mut self, lost: u32) {
        (0..lost).for_each(|_| self.lossy.lost());
        self.tally.up.lost += u64::from(lost);
        self.settled.loss += lost;
    }

    fn book_downtime(&mut self, lost: u32) {
        self.tally.down.lost += u64::from(lost);
        self.settled.downtime += lost;
    }
}

/// When `moment` was on the steady clock: negative for what happened before this process.
fn mono_of(moment: Timestamp, now: Now) -> Mono {
    Mono(now.mono.0.saturating_add(moment.0.saturating_sub(now.utc.0)))
}

#[cfg(test)]
mod tests;
