//! `/links`: the ledger with what is known of each link now: searched, filtered, sorted, paged, and whole as CSV.

use std::cmp::Reverse;

use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use super::{
    Frame, Opened,
    plot::spark,
    sheet::{Cell, Choices, Sheet},
    show, spell,
    start::{kind, measured_loss, measured_rtt, states, trouble},
};
use crate::{
    api::links::{Filter, is_state},
    inventory::{Inventory, Kind, Link},
    judge::LinkState,
    ledger::{Accounted, Course, Standard, Verdict},
    snapshot::{LinkView, Snapshot},
    text::{DoorText, Message, PageText, SheetText},
    units::Ppm,
};

/// Rows of a page.
const ROWS: usize = 100;

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
pub(in crate::api) struct Wanted {
    q: String,
    state: String,
    carrier: String,
    unit: String,
    kind: String,
    segment: String,
    /// A column; with `-` before it from the other end.
    sort: String,
    page: String,
    format: String,
}

#[derive(Template)]
#[template(path = "links.html")]
struct Page {
    frame: Frame,
    wanted: Wanted,
    choices: Vec<Choices>,
    found: String,
    sheet: Sheet,
    page: usize,
    pages: usize,
    previous: String,
    next: String,
    csv: String,
}

impl Wanted {
    /// The address of this list with one part of it changed.
    fn with(&self, frame: &Frame, name: &str, value: &str) -> String {
        let mut parts = vec![
            ("lang", frame.lang()),
            ("q", &self.q),
            ("state", &self.state),
            ("carrier", &self.carrier),
            ("unit", &self.unit),
            ("kind", &self.kind),
            ("segment", &self.segment),
            ("sort", &self.sort),
        ];
        parts.retain(|(own, value)| *own != name && !value.is_empty());
        parts.push((name, value));
        format!("/links?{}", serde_urlencoded::to_string(parts).unwrap_or_default())
    }
}

/// One row: a link, what is known of it.
type Row<'a> = (&'a Link, &'a LinkView);

pub(in crate::api) async fn links(Opened { snapshot, frame, asked: wanted, .. }: Opened<Wanted>) -> Response {
    let frame = frame.at("/links");
    let inventory = &*snapshot.inventory;
    let said = |text: &'_ str| !text.is_empty();
    let filter = Filter {
        state: Some(wanted.state.as_str()).filter(|state| is_state(state)),
        carrier: Some(wanted.carrier.as_str()).filter(|id| said(id)),
        unit: Some(wanted.unit.as_str()).filter(|id| said(id)),
        kind: Kind::ALL.into_iter().find(|kind| kind.as_str() == wanted.kind),
        segment: Some(wanted.segment.as_str()).filter(|id| said(id)),
        part: Some(wanted.q.trim().to_lowercase()).filter(|part| !part.is_empty()),
    };
    let rows = inventory.links.iter().zip(snapshot.links());
    let mut rows: Vec<Row<'_>> = rows.filter(|(link, view)| filter.passes(inventory, link, view)).collect();
    sort(&mut rows, &wanted.sort, &snapshot);
    let found = rows.len();
    let mut sheet = Sheet::new("links", frame.say(Message::Links)).columns(COLUMNS.map(|(_, label)| label(&frame)));
    if wanted.format == "csv" {
        rows.iter().for_each(|row| sheet.row(cells(&frame, &snapshot, *row)));
        sheet.leave_out(|place| COLUMNS[place].0 == DRAWN);
        return sheet.csv();
    }
    let pages = found.div_ceil(ROWS).max(1);
    let page = wanted.page.parse().unwrap_or(1).clamp(1, pages);
    rows.iter().skip((page - 1) * ROWS).take(ROWS).for_each(|row| sheet.row(cells(&frame, &snapshot, *row)));
    for (column, (key, _)) in sheet.columns.iter_mut().zip(COLUMNS).filter(|(_, (key, _))| *key != DRAWN) {
        let (mark, next) = match wanted.sort.strip_prefix('-') {
            None if wanted.sort == key => (" ▲", format!("-{key}")),
            Some(sorted) if sorted == key => (" ▼", String::new()),
            _ => ("", key.to_owned()),
        };
        column.label.push_str(mark);
        column.href = wanted.with(&frame, "sort", &next);
    }
    // What finds no room at 1280 pixels stands in the CSV.
    sheet.leave_out(|place| NARROW.contains(&COLUMNS[place].0));
    show(&Page {
        choices: choices(&frame, &snapshot, &wanted),
        found: frame.say(Message::Found(found)),
        sheet,
        page,
        pages,
        previous: wanted.with(&frame, "page", &(page - 1).to_string()),
        next: wanted.with(&frame, "page", &(page + 1).to_string()),
        csv: wanted.with(&frame, "format", "csv"),
        wanted,
        frame,
    })
}

/// What stands above a column.
type Label = fn(&Frame) -> String;

/// Key to sort by, and what stands above.
const COLUMNS: [(&str, Label); 19] = [
    ("state", |frame| frame.say(Message::StateName)),
    ("id", |frame| frame.say(Message::LinkName)),
    ("cid", |frame| frame.say(Message::CircuitId)),
    ("unit", |frame| frame.say(Message::UnitName)),
    ("carrier", |frame| frame.say(Message::CarrierName)),
    ("kind", |frame| frame.say(Message::KindName)),
    ("since", |frame| frame.say(Message::Since)),
    ("lasts", |frame| format!("#{}", frame.say(Message::Lasts))),
    ("rtt", |frame| format!("#{}", frame.say(Message::RttName))),
    ("loss", |frame| format!("#{}", frame.say(Message::LossMinute))),
    (DRAWN, |frame| frame.sheet(SheetText::LastHour)),
    ("availability", |frame| format!("#{}", frame.say(Message::AvailabilityMonth))),
    ("lower", |frame| format!("#{}", frame.sheet(SheetText::Lower))),
    ("upper", |frame| format!("#{}", frame.sheet(SheetText::Upper))),
    ("month_loss", |frame| format!("#{}", frame.sheet(SheetText::LossJudged))),
    ("month_rtt", |frame| format!("#{}", frame.sheet(SheetText::RttJudged))),
    ("down", |frame| format!("#{}", frame.sheet(SheetText::DownTime))),
    ("budget", |frame| format!("#{}", frame.say(Message::BudgetLeft))),
    ("failures", |frame| format!("#{}", frame.sheet(SheetText::Failures))),
];

/// Left out of the CSV, and no order by it.
const DRAWN: &str = "hour";

/// Left out of the page.
const NARROW: [&str; 7] = ["cid", "since", "lower", "upper", "month_loss", "month_rtt", "failures"];

fn cells(frame: &Frame, snapshot: &Snapshot, (link, view): Row<'_>) -> [Cell; COLUMNS.len()] {
    let (inventory, promised) = (&snapshot.inventory, snapshot.contract.objectives.availability);
    let whole = snapshot.judged(view).unwrap_or_default();
    let standard = Standard::of(&snapshot.contract);
    let (rtt, loss) = (frame.say(Message::RttName), frame.sheet(SheetText::Loss));
    [
        Cell::state(frame.state(view.state), view.state.name()),
        Cell::to(link.id.as_str(), format!("/links/{}?lang={}", link.id, frame.lang())),
        link.cid.as_str().into(),
        inventory.units[link.unit.at()].name.as_str().into(),
        inventory.carriers[link.carrier.at()].name.as_str().into(),
        frame.say(kind(link.kind)).into(),
        frame.clock(view.state_since).into(),
        frame.since(view.state_since).into(),
        measured_rtt(view).into(),
        measured_loss(view).into(),
        Cell::drawn(view.deciding_point().map(|point| spark(&point.beats, [&rtt, &loss])).unwrap_or_default()),
        standard.percent(whole.accounted.known()).into(),
        standard.percent(whole.accounted.unknown_as_down()).into(),
        standard.percent(whole.accounted.unknown_as_up()).into(),
        judged(frame, view, &view.quality.loss).into(),
        judged(frame, view, &view.quality.rtt).into(),
        spell(whole.accounted.down / 1_000).into(),
        budget(&whole.accounted, promised).into(),
        whole.failures.map_or("–".to_owned(), |failures| failures.to_string()).into(),
    ]
}

/// Bad probes of the running month, all of them, and what that proves so far.
pub(super) fn judged(frame: &Frame, view: &LinkView, course: &Course) -> String {
    let (bad, all) = course.counts();
    let verdict = match course.running(view.is_control_plane) {
        Verdict::Met => SheetText::JudgedMet,
        Verdict::Breached => SheetText::JudgedBreached,
        Verdict::Pending => SheetText::JudgedPending,
        Verdict::NotProvable => SheetText::JudgedNotProvable,
        Verdict::AtRisk => SheetText::JudgedAtRisk,
        Verdict::Suspected => SheetText::JudgedSuspected,
    };
    format!("{bad} / {all} {}", frame.sheet(verdict))
}

/// Down-time that the objective still allows; with a sign when it is overdrawn.
pub(super) fn budget(month: &Accounted, promised: Ppm) -> String {
    let left = month.budget_left(promised);
    format!("{}{}", if left < 0 { "−" } else { "" }, spell(left.unsigned_abs() / 1_000))
}

/// By the column that is asked for; what somebody must look at stands first otherwise. Stable: ledger order within.
fn sort(rows: &mut [Row<'_>], by: &str, snapshot: &Snapshot) {
    let (inventory, promised) = (&*snapshot.inventory, snapshot.contract.objectives.availability);
    let judged = |view: &LinkView| snapshot.judged(view).unwrap_or_default();
    let (column, reversed) = by.strip_prefix('-').map_or((by, false), |column| (column, true));
    let rtt = |view: &LinkView| {
        let point = view.deciding_point().filter(|_| view.state != LinkState::Down);
        point.and_then(|point| point.last_rtt).map(|rtt| rtt.0)
    };
    let share = |(part, whole): (u64, u64)| (u128::from(part) << 64).checked_div(whole.into());
    match column {
        "id" => rows.sort_by_key(|(link, _)| &link.id),
        "cid" => rows.sort_by_key(|(link, _)| &link.cid),
        "unit" => rows.sort_by_key(|(link, _)| &inventory.units[link.unit.at()].name),
        "carrier" => rows.sort_by_key(|(link, _)| &inventory.carriers[link.carrier.at()].name),
        "kind" => rows.sort_by_key(|(link, _)| link.kind.as_str()),
        "since" => rows.sort_by_key(|(_, view)| view.state_since),
        "lasts" => rows.sort_by_key(|(_, view)| Reverse(view.state_since)),
        "rtt" => rows.sort_by_key(|(_, view)| rtt(view)),
        "loss" => rows.sort_by_key(|(_, view)| {
            let counts = view.deciding_point().map(|point| point.windows[1].counts()).unwrap_or_default();
            share((counts.lost, counts.lost + counts.answered))
        }),
        "availability" => rows.sort_by_key(|(_, view)| share(judged(view).accounted.known())),
        "lower" => rows.sort_by_key(|(_, view)| share(judged(view).accounted.unknown_as_down())),
        "upper" => rows.sort_by_key(|(_, view)| share(judged(view).accounted.unknown_as_up())),
        "month_loss" => rows.sort_by_key(|(_, view)| share(view.quality.loss.counts())),
        "month_rtt" => rows.sort_by_key(|(_, view)| share(view.quality.rtt.counts())),
        "down" => rows.sort_by_key(|(_, view)| judged(view).accounted.down),
        "budget" => rows.sort_by_key(|(_, view)| judged(view).accounted.budget_left(promised)),
        "failures" => rows.sort_by_key(|(_, view)| judged(view).failures),
        _ => rows.sort_by_key(|(link, view)| (trouble(view.state), link.priority)),
    }
    if reversed {
        rows.reverse();
    }
}

fn choices(frame: &Frame, snapshot: &Snapshot, wanted: &Wanted) -> Vec<Choices> {
    let inventory = &*snapshot.inventory;
    let states = states(frame, snapshot).into_iter().map(|(name, label, count)| (name, format!("{label} ({count})")));
    let kinds = Kind::ALL.map(|one| (one.as_str(), frame.say(kind(one))));
    let mut choices = vec![Choices::new("state", frame.say(Message::StateName), &wanted.state, states)];
    choices.extend(of_ledger(frame, inventory, [&wanted.carrier, &wanted.unit, &wanted.segment]));
    choices.push(Choices::new("kind", frame.say(Message::KindName), &wanted.kind, kinds));
    choices
}

/// Carriers, units and shared routes, with what is chosen of each.
pub(super) fn of_ledger(frame: &Frame, inventory: &Inventory, [carrier, unit, segment]: [&str; 3]) -> [Choices; 3] {
    let carriers = inventory.carriers.iter().map(|one| (one.id.as_str(), one.name.clone()));
    let units = inventory.units.iter().map(|one| (one.id.as_str(), one.name.clone()));
    let segments = inventory.segments.iter().map(|one| (one.id.as_str(), one.name.clone()));
    [
        Choices::new("carrier", frame.say(Message::CarrierName), carrier, carriers),
        Choices::new("unit", frame.say(Message::UnitName), unit, units),
        Choices::new("segment", frame.say(Message::SharedRoutes), segment, segments),
    ]
}
