//! `/links/{id}`: what the ledger says of one link, and what each of its points has seen.

use askama::Template;
use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::{
    Frame, Opened,
    incidents::IncidentRow,
    links::{budget, judged},
    percent,
    plot::Plot,
    sheet::{Cell, Sheet},
    show, spell,
    start::kind,
};
use crate::{
    api::{history, problem::Problem},
    inventory::{Link, Target},
    ledger::{HistoryRow, Span, Standard, Step},
    snapshot::{LinkView, PointView, Snapshot},
    text::{DoorText, Language, Message, PageText, SheetText, milliseconds},
    units::{At, Limit, Rtt, Timestamp},
    window::{Summary, WINDOWS},
};

/// Times that a plot may show: name, words, length in hours, and the step in which it is drawn.
const RANGES: [(&str, SheetText, i64, Step); 5] = [
    ("3h", SheetText::ThreeHours, 3, Step::FiveMinutes),
    ("1d", SheetText::OneDay, 24, Step::FiveMinutes),
    ("1w", SheetText::OneWeek, 7 * 24, Step::Hour),
    ("1m", SheetText::OneMonth, 31 * 24, Step::Hour),
    ("1y", SheetText::OneYear, 366 * 24, Step::Day),
];

#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::api) struct Wanted {
    range: String,
    format: String,
}

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
    /// Such as `2026-11`.
    period: String,
    points: Vec<Point>,
    incidents: Vec<IncidentRow>,
    /// Name and words of each range, and whether it is drawn.
    ranges: Vec<(&'static str, String, bool)>,
    /// Markup of ours.
    plot: Option<String>,
    /// What there is instead of a plot.
    no_plot: String,
    promised: Vec<(String, String)>,
    /// The link's dashboard, where there is a Grafana.
    grafana: Option<String>,
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
    /// Minimum, median, p95, p99, maximum, mean of consecutive differences.
    rtt: [String; 6],
}

pub(in crate::api) async fn link(
    Path(id): Path<String>,
    Opened { api, snapshot, frame, asked: wanted, .. }: Opened<Wanted>,
) -> Response {
    let mut rows = snapshot.inventory.links.iter().zip(snapshot.links());
    let Some((link, view)) = rows.find(|(link, _)| link.id.as_str() == id) else {
        return Problem::NoSuchLink.into_response();
    };
    let frame = frame.at("/links");
    let range = RANGES.iter().position(|(name, ..)| *name == wanted.range).unwrap_or(1);
    let (_, _, hours, step) = RANGES[range];
    let (zone, to) = (snapshot.contract.time_zone, frame.now.utc);
    let span = Span { from: Timestamp(to.0 - hours * 3_600_000), to, step, zone };
    let past = history::read(&api, id.clone(), span).await;
    let deciding = view.deciding.and_then(|place| view.points.get(usize::from(place))).map(|point| point.role);
    if wanted.format == "csv" {
        return past.map_or_else(IntoResponse::into_response, |past| past_sheet(&frame, &past).csv());
    }
    let no_plot = frame.sheet(if past.is_ok() { SheetText::NoPast } else { SheetText::NotKept });
    let drawn: Vec<HistoryRow> =
        past.unwrap_or_default().into_iter().filter(|row| Some(row.role) == deciding).collect();
    let names = [SheetText::Smoke, SheetText::Loss, SheetText::Timeline].map(|name| frame.sheet(name));
    let plot = Plot { rows: &drawn, span, limit: snapshot.contract.objectives.rtt, names };
    let about =
        snapshot.incidents.iter().filter(|incident| incident.links.iter().any(|(member, _)| *member == link.id));
    show(&Page {
        class: view.state.name(),
        state: frame.state(view.state),
        since: frame.clock(view.state_since),
        lasts: frame.since(view.state_since),
        facts: facts(&frame, &snapshot, link),
        month: month(&frame, &snapshot, view),
        period: snapshot.period.name.clone(),
        promised: promised(&frame, &snapshot),
        points: link
            .points
            .iter()
            .zip(&view.points)
            .enumerate()
            .map(|(place, (point, seen))| {
                Point::new(&point.target, seen, view.deciding.map(usize::from) == Some(place))
            })
            .collect(),
        incidents: about.map(|incident| IncidentRow::new(&frame, incident, &snapshot.inventory)).collect(),
        ranges: RANGES
            .iter()
            .enumerate()
            .map(|(place, (name, words, ..))| (*name, frame.sheet(*words), place == range))
            .collect(),
        plot: (!drawn.is_empty()).then(|| plot.svg()),
        no_plot,
        grafana: api.grafana.as_deref().map(|url| dashboard(url, frame.language, &id)),
        id,
        frame,
    })
}

/// The board of one link, as `linkpatrol grafana export` names it.
fn dashboard(grafana: &str, language: Language, id: &str) -> String {
    let board = match language {
        Language::ZhCn => "lp-link",
        Language::En => "lp-link-en",
    };
    let link = utf8_percent_encode(id, NON_ALPHANUMERIC);
    format!("{}/d/{board}?var-link={link}", grafana.trim_end_matches('/'))
}

fn facts(frame: &Frame, snapshot: &Snapshot, link: &Link) -> Vec<(String, String)> {
    let inventory = &*snapshot.inventory;
    let (carrier, unit) = (&inventory.carriers[link.carrier.at()], &inventory.units[link.unit.at()]);
    let segments: Vec<_> = link.segments.iter().map(|segment| inventory.segments[segment.at()].name.as_str()).collect();
    [
        (Message::CircuitId, link.cid.clone()),
        (Message::UnitName, unit.name.clone()),
        (Message::CarrierName, carrier.name.clone()),
        (Message::KindName, frame.say(kind(link.kind))),
        (Message::Ends, format!("{} → {}", link.a_end, link.z_end)),
        (Message::Bandwidth, link.bandwidth.to_string()),
        (Message::SharedRoutes, segments.join("、")),
        (Message::GroupName, link.group.as_deref().unwrap_or("–").to_owned()),
        (Message::Page(PageText::Sheet(SheetText::Priority)), frame.priority(link.priority)),
    ]
    .map(|(label, value)| (frame.say(label), value))
    .into()
}

/// Figures of the ledger, as everywhere else.
fn month(frame: &Frame, snapshot: &Snapshot, view: &LinkView) -> Vec<(String, String)> {
    // While it is being read nothing is known of it.
    let whole = snapshot.judged(view).unwrap_or_default();
    let (month, standard) = (&whole.accounted, Standard::of(&snapshot.contract));
    let mut rows = vec![
        (frame.say(Message::AvailabilityMonth), standard.percent(month.known())),
        (frame.sheet(SheetText::Lower), standard.percent(month.unknown_as_down())),
        (frame.sheet(SheetText::Upper), standard.percent(month.unknown_as_up())),
        (frame.sheet(SheetText::LossJudged), judged(frame, view, &view.quality.loss)),
        (frame.sheet(SheetText::RttJudged), judged(frame, view, &view.quality.rtt)),
    ];
    if snapshot.contract.objectives.jitter.is_some() {
        rows.push((frame.sheet(SheetText::JitterJudged), judged(frame, view, &view.quality.jitter)));
    }
    rows.extend([
        (frame.sheet(SheetText::DownTime), spell(month.down / 1_000)),
        (frame.sheet(SheetText::UnknownTime), spell(month.unknown / 1_000)),
        (frame.say(Message::BudgetLeft), budget(month, snapshot.contract.objectives.availability)),
        (frame.sheet(SheetText::Failures), whole.failures.map_or("–".to_owned(), |failures| failures.to_string())),
    ]);
    rows
}

fn promised(frame: &Frame, snapshot: &Snapshot) -> Vec<(String, String)> {
    let objectives = &snapshot.contract.objectives;
    let loss = match objectives.loss {
        Limit::AtMost(most) => format!("≤ {most}"),
        Limit::Below(edge) => format!("< {edge}"),
    };
    let mut rows = vec![
        (frame.say(Message::AvailabilityMonth), format!("≥ {}", objectives.availability)),
        (frame.say(Message::RttName), format!("≤ {}", milliseconds(objectives.rtt))),
        (frame.say(Message::LossName), loss),
        (frame.sheet(SheetText::Clause), objectives.clause.clone()),
    ];
    rows.extend(objectives.jitter.as_ref().map(|jitter| {
        let limit = format!("≤ {} ({})", milliseconds(jitter.limit), jitter.clause);
        (frame.sheet(SheetText::JitterJudged), limit)
    }));
    rows
}

/// All points, as they are stored.
fn past_sheet(frame: &Frame, past: &[HistoryRow]) -> Sheet {
    let names = ["from", "to", "role", "vantage", "#answered", "#lost", "#unmeasured", "#down_lost", "#late"];
    let more = ["#rtt_p50_seconds", "#rtt_p95_seconds", "#rtt_p99_seconds", "#up_ms", "#degraded_ms", "#down_ms"];
    let columns = names.iter().chain(&more).chain(&["#unknown_ms"]).map(|&name| name.to_owned());
    let mut sheet = Sheet::new("history", frame.sheet(SheetText::History)).columns(columns);
    for row in past {
        let rtt = |nanos: Option<u64>| nanos.map_or(String::new(), |nanos| format!("{:.9}", nanos as f64 / 1e9));
        let at = |At(at, zone): At| at.rfc3339(zone);
        let (up, millis, told) = (row.probes.up, &row.millis, row.rtt_nanos.as_ref());
        let numbers = [up.answered, up.lost, up.unmeasured, row.probes.down.lost, row.late];
        let times = [millis.up, millis.degraded, millis.down, millis.unknown];
        let texts = [at(row.from), at(row.to), row.role.as_str().to_owned(), row.vantage.clone()];
        let rtts = [told.map(|rtt| rtt.p50), told.map(|rtt| rtt.p95), told.map(|rtt| rtt.p99)].map(rtt);
        let numbers = numbers.into_iter().map(|number| number.to_string());
        let times = times.into_iter().map(|number| number.to_string());
        sheet.row(texts.into_iter().chain(numbers).chain(rtts).chain(times).map(Cell::from));
    }
    sheet
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
            late: seen.late.into(),
            duplicates: seen.duplicates.into(),
            windows: WINDOWS
                .iter()
                .zip(seen.windows.iter())
                .map(|((name, _), summary)| Window::new(name, summary))
                .collect(),
        }
    }
}

impl Window {
    fn new(name: &'static str, summary: &Summary) -> Self {
        let counts = summary.counts();
        let rtt = |nanos| match counts.answered {
            0 => "–".into(),
            _ => milliseconds(Rtt(std::time::Duration::from_nanos(nanos))),
        };
        let figures =
            [summary.rtt_min, summary.rtt_p50, summary.rtt_p95, summary.rtt_p99, summary.rtt_max, summary.ipdv_mean];
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
