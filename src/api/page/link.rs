//! `/links/{id}`: what the ledger says of one link, and what each of its points has seen.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::{IntoResponse, Response},
};

use super::{
    Frame, percent, show, spell,
    start::{Wanted, kind},
};
use crate::{
    api::{Api, problem::Problem},
    inventory::Target,
    snapshot::PointView,
    text::{Message, milliseconds},
    units::Rtt,
    window::{Summary, WINDOWS},
};

#[derive(Template)]
#[template(path = "link.html")]
struct Page {
    frame: Frame,
    id: String,
    class: &'static str,
    state: String,
    since: String,
    lasts: String,
    /// Label and value of each ledger field.
    facts: Vec<(String, String)>,
    /// Label and value of the month's account.
    month: Vec<(String, String)>,
    points: Vec<Point>,
    incidents: Vec<String>,
}

struct Point {
    role: &'static str,
    target: String,
    decides: bool,
    up: Option<bool>,
    last: String,
    jitter: String,
    consecutive_losses: u32,
    late: u64,
    duplicates: u64,
    windows: Vec<Window>,
}

struct Window {
    name: &'static str,
    answered: u64,
    lost: u64,
    unmeasured: u64,
    loss: String,
    /// Minimum, median, p95, p99, maximum.
    rtt: [String; 5],
}

pub(in crate::api) async fn link(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let snapshot = api.feed.load();
    let inventory = &*snapshot.inventory;
    let mut rows = inventory.links.iter().zip(snapshot.links());
    let Some((link, view)) = rows.find(|(link, _)| link.id.as_str() == id) else {
        return Problem::NoSuchLink.into_response();
    };
    let frame = Frame::new(&api, &snapshot, wanted.as_ref().ok().and_then(|wanted| wanted.lang.as_deref()), &headers);
    let (carrier, unit) = (&inventory.carriers[link.carrier.at()], &inventory.units[link.unit.at()]);
    let segments: Vec<_> = link.segments.iter().map(|segment| inventory.segments[segment.at()].name.as_str()).collect();
    let facts = [
        (Message::CircuitId, link.cid.clone()),
        (Message::UnitName, unit.name.clone()),
        (Message::CarrierName, carrier.name.clone()),
        (Message::KindName, frame.say(kind(link.kind))),
        (Message::Ends, format!("{} → {}", link.a_end, link.z_end)),
        (Message::Bandwidth, link.bandwidth.to_string()),
        (Message::SharedRoutes, segments.join("、")),
        (Message::GroupName, link.group.as_deref().unwrap_or("–").to_owned()),
    ];
    let month = &view.month;
    let account = [
        (
            Message::AvailabilityBounds,
            format!("{} – {}", percent(month.unknown_as_down()), percent(month.unknown_as_up())),
        ),
        (Message::StateDown, spell(month.down / 1_000)),
        (Message::StateUnknown, spell(month.unknown / 1_000)),
        (Message::BudgetLeft, {
            let left = month.budget_left(snapshot.contract.objectives.availability);
            format!("{}{}", if left < 0 { "−" } else { "" }, spell(left.unsigned_abs() / 1_000))
        }),
    ];
    let say = |(label, value)| (frame.say(label), value);
    let about =
        snapshot.incidents.iter().filter(|incident| incident.links.iter().any(|(member, _)| *member == link.id));
    show(&Page {
        id,
        class: view.state.name(),
        state: frame.state(view.state),
        since: frame.clock(view.state_since),
        lasts: frame.since(view.state_since),
        facts: facts.map(say).into(),
        month: account.map(say).into(),
        points: link
            .points
            .iter()
            .zip(&view.points)
            .enumerate()
            .map(|(place, (point, seen))| {
                Point::new(&point.target, seen, view.deciding.map(usize::from) == Some(place))
            })
            .collect(),
        incidents: about.map(|incident| incident.id.clone()).collect(),
        frame,
    })
}

impl Point {
    fn new(target: &Target, seen: &PointView, decides: bool) -> Self {
        let rtt = |rtt: Option<Rtt>| rtt.map_or("–".into(), milliseconds);
        Self {
            role: seen.role.as_str(),
            target: match target {
                Target::Address(address) => address.to_string(),
                Target::Name(name) => name.clone(),
            },
            decides,
            up: seen.up,
            last: rtt(seen.last_rtt),
            jitter: rtt(seen.jitter),
            consecutive_losses: seen.consecutive_losses,
            late: seen.late,
            duplicates: seen.duplicates,
            windows: WINDOWS.iter().zip(&seen.windows).map(|((name, _), summary)| Window::new(name, summary)).collect(),
        }
    }
}

impl Window {
    fn new(name: &'static str, summary: &Summary) -> Self {
        let counts = summary.counts;
        let rtt = |nanos| match counts.answered {
            0 => "–".into(),
            _ => milliseconds(Rtt(std::time::Duration::from_nanos(nanos))),
        };
        let figures = [summary.rtt_min, summary.rtt_p50, summary.rtt_p95, summary.rtt_p99, summary.rtt_max];
        Self {
            name,
            answered: counts.answered,
            lost: counts.lost,
            unmeasured: counts.unmeasured,
            loss: percent((counts.lost, counts.lost + counts.answered)),
            rtt: figures.map(rtt),
        }
    }
}
