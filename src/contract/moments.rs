//! When what starts clocks happened.

use super::words::Start;
use crate::units::Timestamp;

/// The events of one fault that start clocks. `None`: it did not happen, or nobody knows when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moments {
    /// First failed sample, or when the condition of the tier was true: always known.
    pub occurred: Timestamp,
    pub detected: Option<Timestamp>,
    pub alarmed: Option<Timestamp>,
    /// To the party whose clock it is.
    pub notice_delivered: Option<Timestamp>,
    pub customer_reported: Option<Timestamp>,
    pub restored: Option<Timestamp>,
    /// Deadline of the restore clock of the same tier, once it was missed.
    pub restore_overdue: Option<Timestamp>,
}

impl Moments {
    /// Of something of which only its beginning is known.
    pub fn begun(occurred: Timestamp) -> Self {
        Self {
            occurred,
            detected: None,
            alarmed: None,
            notice_delivered: None,
            customer_reported: None,
            restored: None,
            restore_overdue: None,
        }
    }

    /// Which event starts a clock, and when it was. The earliest of the five is the first failed sample.
    pub fn start(&self, start: Start) -> Option<(Start, Timestamp)> {
        let at = match start {
            Start::Earliest | Start::Occurred => return Some((Start::Occurred, self.occurred)),
            Start::Detected => self.detected,
            Start::Alarmed => self.alarmed,
            Start::NoticeDelivered => self.notice_delivered,
            Start::CustomerReported => self.customer_reported,
            Start::Restored => self.restored,
            Start::RestoreOverdue => self.restore_overdue,
        };
        at.map(|at| (start, at))
    }
}
