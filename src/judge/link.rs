//! The state of a link from its points: the measuring point decides, the others localise. Pure.

use super::{LinkState, PointVerdict, Unknown};
use crate::{
    contract::Degraded,
    inventory::{Link, Point, Role, Status},
    units::Rtt,
    window::{FIVE_MINUTES, ONE_MINUTE, Summary, WINDOWS},
};

/// What is known of one point of a link, in the link's order of points.
#[derive(Clone, Copy, Debug)]
pub struct PointReading<'a> {
    pub verdict: PointVerdict,
    pub windows: &'a [Summary; WINDOWS.len()],
}

/// Where on a link it fails, as far as its points tell: between the last that answers and the first that is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Localisation {
    /// `None`: no point nearer to us answers.
    pub answers: Option<Role>,
    pub silent: Role,
}

/// Place of the point that decides: of the contract's role or, where a link has no such point, the first that it has of
/// far end, carrier gateway, near end, beyond, public target.
pub fn deciding_point(points: &[Point], role: Role) -> Option<usize> {
    [role, Role::Far, Role::CarrierGateway, Role::Near, Role::Beyond, Role::Public]
        .into_iter()
        .find_map(|role| points.iter().position(|point| point.role == role))
}

/// The state of `link` now. `readings` are in the order of its points; `before` is the state it had, for hysteresis.
pub fn link_state(
    link: &Link,
    readings: &[PointReading<'_>],
    role: Role,
    before: LinkState,
    limits: &Degraded,
) -> LinkState {
    if link.status != Status::Active {
        return LinkState::Suspended;
    }
    let Some(reading) = deciding_point(&link.points, role).and_then(|place| readings.get(place)) else {
        return LinkState::Unknown(Unknown::NotMeasurable);
    };
    match reading.verdict {
        PointVerdict::NeverVerified => LinkState::Unknown(Unknown::NeverVerified),
        PointVerdict::Unknown { .. } => LinkState::Unknown(Unknown::NotMeasured),
        PointVerdict::Down => LinkState::Down,
        PointVerdict::Up if is_degraded(reading.windows, before == LinkState::Degraded, limits) => LinkState::Degraded,
        PointVerdict::Up => LinkState::Up,
    }
}

/// Where it fails; `None` when no point is silent.
pub fn localise(points: &[Point], readings: &[PointReading<'_>]) -> Option<Localisation> {
    let roles = || points.iter().map(|point| point.role).zip(readings);
    let (silent, _) = roles().find(|(_, reading)| reading.verdict == PointVerdict::Down)?;
    let mut nearer = roles().filter(|(role, reading)| *role < silent && reading.verdict == PointVerdict::Up);
    Some(Localisation { answers: nearer.next_back().map(|(role, _)| role), silent })
}

/// Loss over a minute or RTT over five. It begins above the limit and ends below a lower one, so that it does not flap.
fn is_degraded(windows: &[Summary; WINDOWS.len()], already: bool, limits: &Degraded) -> bool {
    let loss_limit = if already { limits.loss_clear } else { limits.loss };
    let lossy = windows[ONE_MINUTE].counts.loss().is_some_and(|loss| loss.breaks(loss_limit));
    let Rtt(limit) = limits.rtt;
    let slow_above = if already { limit * 9 / 10 } else { limit };
    lossy || u128::from(windows[FIVE_MINUTES].rtt_p95) > slow_above.as_nanos()
}
