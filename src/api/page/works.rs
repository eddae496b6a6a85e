//! `/maintenance`: planned work by day and by row, and forms to announce, approve and cancel it.

use askama::Template;
use axum::{
    body::Bytes,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use chrono::{Datelike, NaiveDate, TimeDelta};

use super::{
    Frame, Opened,
    forms::{Form, Sent, done},
    sheet::{Asked, Cell, Sheet, chosen},
    show,
};
use crate::{
    api::{Api, problem::Problem},
    command::Standing,
    incident::Window,
    snapshot::Snapshot,
    text::{DoorText, Message, PageText, SheetText},
    units::Timestamp,
};

/// Weeks that the calendar shows, from this one on.
const WEEKS: i64 = 5;
/// Works of a day that find room.
const MOST: usize = 4;

#[derive(Template)]
#[template(path = "works.html")]
struct Page {
    frame: Frame,
    title: String,
    weeks: Vec<Vec<Day>>,
    sheets: Vec<Sheet>,
    /// Id and words of works that nobody has agreed to, and of those that can be taken back.
    waiting: Vec<(String, String)>,
    running: Vec<(String, String)>,
    all: bool,
}

struct Day {
    label: String,
    is_today: bool,
    is_guarded: bool,
    works: Vec<(String, &'static str)>,
    more: usize,
}

pub(in crate::api) async fn works(Opened { snapshot, frame, asked, .. }: Opened<Asked>) -> Response {
    answer(frame, &snapshot, &asked)
}

pub(in crate::api) async fn plan(Opened { api, frame, asked, headers, .. }: Opened<Asked>, body: Bytes) -> Response {
    let sent = Sent::read(&body);
    match carry_out(&api, &frame, &headers, &sent).await {
        Ok(()) => done(&frame, "/maintenance"),
        Err(problem) => {
            let shown = answer(frame.refusing(&problem, sent), &api.feed.load(), &asked);
            (problem.status(), shown).into_response()
        }
    }
}

async fn carry_out(api: &Api, frame: &Frame, headers: &HeaderMap, sent: &Sent) -> Result<(), Problem> {
    let mut form = Form::read(sent, headers, frame.zone)?;
    let action = match sent.wish.as_str() {
        "announce" => "window",
        "approve" => "approve_window",
        "cancel" => "cancel_window",
        _ => return Err(Problem::NotFound),
    };
    form.tick("drill");
    form.carry_out(api, headers, action).await.map(|_| ())
}

fn answer(frame: Frame, snapshot: &Snapshot, asked: &Asked) -> Response {
    let frame = frame.at("/maintenance").with_forms();
    let all = !asked.all.is_empty();
    let (now, zone) = (frame.now.utc, frame.zone);
    let mut windows: Vec<&Window> =
        snapshot.windows.list().filter(|window| all || window.turn(now, zone).is_some()).collect();
    windows.sort_by_key(|window| window.turn(now, zone).map_or(window.from, |turn| turn.from));
    let sheet = sheet(&frame, snapshot, &windows);
    let sheets = vec![sheet, overlaps(&frame, snapshot)];
    if let Some(sheet) = chosen(asked, &sheets) {
        return sheet.csv();
    }
    let row = |window: &&Window| (window.id.clone(), format!("{} {}", frame.clock(window.from), window.reason));
    let current = || windows.iter().filter(|window| window.cancelled.is_none() && window.turn(now, zone).is_some());
    show(&Page {
        title: frame.sheet(SheetText::Maintenance),
        weeks: weeks(&frame, snapshot),
        waiting: current().filter(|window| window.approval.is_none()).map(row).collect(),
        running: current().map(row).collect(),
        sheets,
        all,
        frame,
    })
}

fn sheet(frame: &Frame, snapshot: &Snapshot, windows: &[&Window]) -> Sheet {
    let labels = [
        SheetText::From,
        SheetText::To,
        SheetText::Scope,
        SheetText::Reason,
        SheetText::Requester,
        SheetText::Approver,
        SheetText::Counts,
        SheetText::Announced,
        SheetText::Drill,
        SheetText::Work,
    ];
    let labels = labels.map(|text| frame.sheet(text));
    let mut sheet = Sheet::new("maintenance", frame.sheet(SheetText::Maintenance)).columns(labels);
    for window in windows {
        let turn = window.turn(frame.now.utc, frame.zone);
        let (from, to) = turn.map_or((window.from, window.to), |turn| (turn.from, turn.to));
        let scopes = window.scopes.iter().map(|scope| format!("{}/{}", scope.kind, scope.id));
        sheet.row([
            frame.clock(from).into(),
            frame.clock(to).into(),
            Cell { class: "text", ..Cell::from(scopes.collect::<Vec<_>>().join("、")) },
            Cell { class: "text", ..Cell::from(window.reason.as_str()) },
            window.requester.as_str().into(),
            window.approval.as_ref().map_or("–", |approval| &approval.approver).into(),
            frame.standing(window.standing(from, &snapshot.contract)),
            frame.clock(window.announced).into(),
            frame.sheet(if window.drill { SheetText::Yes } else { SheetText::No }).into(),
            window.id.as_str().into(),
        ]);
    }
    sheet
}

fn overlaps(frame: &Frame, snapshot: &Snapshot) -> Sheet {
    let labels = [SheetText::From, SheetText::To, SheetText::Group, SheetText::Work].map(|text| frame.sheet(text));
    let mut sheet = Sheet::new("overlaps", frame.sheet(SheetText::Overlaps)).columns(labels);
    for overlap in snapshot.windows.overlaps() {
        sheet.row([
            frame.clock(overlap.from).into(),
            frame.clock(overlap.to).into(),
            overlap.group.as_str().into(),
            overlap.windows.join(" ").into(),
        ]);
    }
    sheet
}

/// From Monday of this week on.
fn weeks(frame: &Frame, snapshot: &Snapshot) -> Vec<Vec<Day>> {
    let today = frame.civil(frame.now.utc).date_naive();
    let monday = today - TimeDelta::days(today.weekday().num_days_from_monday().into());
    let day = |day: NaiveDate| {
        let [begins, ends] = [day, day + TimeDelta::days(1)].map(|day| midnight(day, frame.zone));
        let works = snapshot.windows.list().filter_map(|window| {
            let turn = window.turn(begins, frame.zone).filter(|turn| turn.from < ends)?;
            let class = match window.standing(turn.from, &snapshot.contract) {
                Standing::Valid => "up",
                Standing::Cancelled => "suspended",
                _ => "degraded",
            };
            let from = frame.civil(turn.from.max(begins)).format("%H:%M");
            Some((format!("{from} {}", window.reason), class))
        });
        let mut works: Vec<_> = works.collect();
        works.sort_unstable();
        let more = works.len().saturating_sub(MOST);
        works.truncate(MOST);
        let is_guarded = snapshot.contract.guards([day, day]);
        Day { label: day.format("%m-%d").to_string(), is_today: day == today, is_guarded, works, more }
    };
    (0..WEEKS).map(|week| monday.iter_days().skip(week as usize * 7).take(7).map(day).collect()).collect()
}

/// The first moment of a civil day.
fn midnight(day: NaiveDate, zone: chrono_tz::Tz) -> Timestamp {
    use chrono::TimeZone;
    let begins = zone.from_local_datetime(&day.and_time(chrono::NaiveTime::MIN)).earliest();
    Timestamp(begins.map_or(0, |begins| begins.timestamp_millis()))
}
