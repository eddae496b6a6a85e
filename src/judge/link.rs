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
    let lossy = windows[ONE_MINUTE].counts().loss().is_some_and(|loss| loss.breaks(loss_limit));
    let Rtt(slow_above) = if already { limits.rtt_clear } else { limits.rtt };
    lossy || u128::from(windows[FIVE_MINUTES].rtt_p95) > slow_above.as_nanos()
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Duration};

    use super::*;
    use crate::{
        diagnostic::Place,
        inventory::{CarrierIndex, Kind, LinkId, PointIndex, Priority, Responder, Target, UnitIndex},
        units::{BitRate, Limit, Ppm},
    };

    const LIMITS: Degraded = Degraded {
        loss: Limit::AtMost(Ppm(50_000)),
        loss_clear: Limit::AtMost(Ppm(20_000)),
        rtt: Rtt(Duration::from_millis(50)),
        rtt_clear: Rtt(Duration::from_millis(40)),
    };

    fn point(role: Role) -> Point {
        Point {
            role,
            target: Target::Name("far.example".into()),
            responder: Responder::Host,
            place: Place::whole(Path::new("links.csv")),
        }
    }

    fn link(roles: &[Role]) -> Link {
        Link {
            id: LinkId::parse("LL-0001").unwrap(),
            cid: "c1".into(),
            kind: Kind::Private,
            carrier: CarrierIndex(0),
            unit: UnitIndex(0),
            a_end: String::new(),
            z_end: String::new(),
            bandwidth: BitRate(1),
            priority: Priority::Normal,
            status: Status::Active,
            installed: None,
            group: None,
            segments: vec![],
            points: roles.iter().map(|role| point(*role)).collect(),
            first_point: PointIndex(0),
            overrides: std::sync::Arc::default(),
            absence: None,
            depends_on: vec![],
            place: Place::whole(Path::new("links.csv")),
        }
    }

    fn windows(lost: u32, p95_millis: u64) -> [Summary; 4] {
        [Summary { answered: 60 - lost, lost, rtt_p95: p95_millis * 1_000_000, ..Summary::default() }; 4]
    }

    fn state(link: &Link, verdicts: &[PointVerdict]) -> LinkState {
        let windows = windows(0, 5);
        let readings: Vec<_> =
            verdicts.iter().map(|verdict| PointReading { verdict: *verdict, windows: &windows }).collect();
        link_state(link, &readings, Role::Far, LinkState::Up, &LIMITS)
    }

    #[test]
    fn the_measuring_point_decides_and_the_others_localise() {
        let line = link(&[Role::Near, Role::CarrierGateway, Role::Far]);
        let silent_far = [PointVerdict::Up, PointVerdict::Up, PointVerdict::Down];
        assert_eq!(state(&line, &silent_far), LinkState::Down);
        assert_eq!(state(&line, &[PointVerdict::Down, PointVerdict::Up, PointVerdict::Up]), LinkState::Up);

        let windows = windows(0, 5);
        let readings = silent_far.map(|verdict| PointReading { verdict, windows: &windows });
        let between = Localisation { answers: Some(Role::CarrierGateway), silent: Role::Far };
        assert_eq!(localise(&line.points, &readings), Some(between));
    }

    #[test]
    fn a_link_without_the_contracts_point_is_decided_by_the_next_best() {
        let internet = link(&[Role::CarrierGateway, Role::Public]);
        assert_eq!(state(&internet, &[PointVerdict::Up, PointVerdict::Down]), LinkState::Up);
        assert_eq!(state(&link(&[]), &[]), LinkState::Unknown(Unknown::NotMeasurable));
    }

    #[test]
    fn only_links_in_service_have_a_state_of_their_own() {
        let mut line = link(&[Role::Far]);
        line.status = Status::Planned;
        assert_eq!(state(&line, &[PointVerdict::Down]), LinkState::Suspended);
    }

    #[test]
    fn not_knowing_keeps_its_reason() {
        let line = link(&[Role::Far]);
        assert_eq!(state(&line, &[PointVerdict::NeverVerified]), LinkState::Unknown(Unknown::NeverVerified));
        let unknown = PointVerdict::Unknown { was_down: true };
        assert_eq!(state(&line, &[unknown]), LinkState::Unknown(Unknown::NotMeasured));
    }

    #[test]
    fn degraded_begins_above_its_limit_and_ends_below_a_lower_one() {
        let line = link(&[Role::Far]);
        let now = |lost, p95, before| {
            let windows = windows(lost, p95);
            let reading = PointReading { verdict: PointVerdict::Up, windows: &windows };
            link_state(&line, &[reading], Role::Far, before, &LIMITS)
        };
        assert_eq!(now(2, 5, LinkState::Up), LinkState::Up, "3.3 % is under the 5 % where it begins");
        assert_eq!(now(4, 5, LinkState::Up), LinkState::Degraded);
        assert_eq!(now(2, 5, LinkState::Degraded), LinkState::Degraded, "and above the 2 % where it ends");
        assert_eq!(now(1, 5, LinkState::Degraded), LinkState::Up);
        assert_eq!(now(0, 51, LinkState::Up), LinkState::Degraded);
        assert_eq!(now(0, 41, LinkState::Degraded), LinkState::Degraded);
        assert_eq!(now(0, 41, LinkState::Up), LinkState::Up, "it never was above the 50 ms where it begins");
        assert_eq!(now(0, 40, LinkState::Degraded), LinkState::Up);
    }
}
