//! Whether a point's measuring values can work at all.

use std::time::Duration;

use super::{Effective, effective::Family, effective::family};
use crate::{
    diagnostic::{Code, Findings, Place},
    inventory::Point,
    text::Message,
};

/// Index, nonce, check and version: docs/architecture.md, "Payload".
const LEAST_SIZE: u16 = 24;
/// Ethernet's 1500 bytes less the IPv4 or IPv6 header and 8 bytes of ICMP: larger echoes are fragmented.
const MOST_SIZE_V4: u16 = 1472;
const MOST_SIZE_V6: u16 = 1452;
/// More probes of one point on their way at a time are no longer told apart from loss by people reading the figures,
/// and each takes memory until its time-out.
const MOST_INTERVALS_IN_FLIGHT: u32 = 10;
/// Shorter intervals look like an attack to the far end.
const USUAL_LEAST_INTERVAL: Duration = Duration::from_millis(100);
/// The engine's wheel turns no finer.
const LEAST_INTERVAL: Duration = Duration::from_millis(10);

/// Reports what cannot work, at the value to change.
pub(super) fn check(effective: &Effective<'_>, point: &Point, findings: &mut Findings) {
    let measure = &effective.measure;
    let mut refuse = |key: &'static str, code: Code, message: Message, help: Message| {
        findings.error(place(effective, key, point), code, message, help);
    };
    let (interval, timeout) = (measure.interval, measure.timeout);
    if interval < LEAST_INTERVAL {
        let help = Message::IntervalTooShortHelp { least: USUAL_LEAST_INTERVAL };
        refuse("interval", Code::INTERVAL_TOO_SHORT, Message::IntervalTooShort { interval }, help);
    }
    if timeout.is_zero() {
        refuse("timeout", Code::TIMEOUT_CANNOT_WORK, Message::TimeoutZero, Message::TimeoutHelp { interval });
    } else if timeout > interval.saturating_mul(MOST_INTERVALS_IN_FLIGHT) {
        let message = Message::TimeoutTooLong { timeout, interval };
        refuse("timeout", Code::TIMEOUT_CANNOT_WORK, message, Message::TimeoutHelp { interval });
    }
    let most = if family(point) == Some(Family::V4) { MOST_SIZE_V4 } else { MOST_SIZE_V6 };
    if !(LEAST_SIZE..=most).contains(&measure.size) {
        let message = Message::PayloadSize { size: measure.size };
        refuse("size", Code::PAYLOAD_SIZE, message, Message::PayloadSizeHelp { least: LEAST_SIZE, most });
    }
    if measure.hop_limit == 0 {
        refuse("hop_limit", Code::PAYLOAD_SIZE, Message::HopLimitZero, Message::HopLimitZeroHelp);
    }
    let confirm = measure.confirm;
    if confirm.probes == 0 {
        refuse("confirm.probes", Code::CONFIRM_CANNOT_WORK, Message::NoConfirmProbes, Message::NoConfirmProbesHelp);
    }
    if confirm.floor >= timeout && !timeout.is_zero() {
        let message = Message::ConfirmAfterTimeout { floor: confirm.floor, timeout };
        refuse("confirm.floor", Code::CONFIRM_CANNOT_WORK, message, Message::ConfirmAfterTimeoutHelp);
    }
    let train = confirm.spacing.saturating_mul(u32::from(confirm.probes));
    if train > interval.saturating_mul(MOST_INTERVALS_IN_FLIGHT) {
        let message = Message::ConfirmTrain { train, interval };
        refuse("confirm.spacing", Code::CONFIRM_CANNOT_WORK, message, Message::ConfirmTrainHelp);
    }
    if measure.restore.answers == 0 {
        refuse("restore.answers", Code::RESTORE_CANNOT_WORK, Message::NoRestoreAnswers, Message::NoRestoreAnswersHelp);
    }
    if let (Some(source), Some(target)) = (measure.source, family(point))
        && Family::of(source) != target
    {
        let message = Message::SourceFamily { source, target: point.target.to_string() };
        refuse("source", Code::SOURCE_FAMILY, message, Message::SourceFamilyHelp);
    }
    let unexplained = effective.profile.is_none_or(|profile| profile.reason.is_none());
    if (LEAST_INTERVAL..USUAL_LEAST_INTERVAL).contains(&interval) && unexplained {
        let place = place(effective, "interval", point);
        let help = Message::IntervalNeedsReason { least: USUAL_LEAST_INTERVAL };
        findings.warning(place, Code::INTERVAL_TOO_SHORT, Message::IntervalTooShort { interval }, help);
    }
}

/// Where the value was written; a default that does not fit is reported at the profile, else at the point.
fn place(effective: &Effective<'_>, key: &str, point: &Point) -> Place {
    let profile = || effective.profile.map(|profile| profile.place.clone());
    effective.place(key).cloned().or_else(profile).unwrap_or_else(|| point.place.clone())
}
