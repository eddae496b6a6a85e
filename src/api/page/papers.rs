//! `/breaches`: drafts of notices for carriers (违约通知书, 质量通报), and one of them from its figures to its seal.

use askama::Template;
use axum::{
    body::Bytes,
    extract::Path,
    http::HeaderMap,
    response::{IntoResponse, Response},
};

use super::{
    Frame, Opened,
    forms::{Form, Sent, done},
    incidents::party,
    sheet::{Asked, Cell, Sheet, chosen},
    show,
};
use crate::{
    api::{Api, problem::Problem},
    command::Refusal,
    incident::{Breach, BreachPhase},
    notify::letter::breach,
    snapshot::Snapshot,
    text::{DoorText, Message, NoticesText, PageText, SheetText},
};

#[derive(Template)]
#[template(path = "papers.html")]
struct Page {
    frame: Frame,
    title: String,
    sheets: Vec<Sheet>,
    /// Id and name.
    carriers: Vec<(String, String)>,
    all: bool,
}

pub(in crate::api) async fn papers(Opened { snapshot, frame, asked, .. }: Opened<Asked>) -> Response {
    list(frame, &snapshot, &asked)
}

/// Drafts the paper of a carrier and month by somebody's wish.
pub(in crate::api) async fn draft_paper(
    Opened { api, frame, asked, headers, .. }: Opened<Asked>,
    body: Bytes,
) -> Response {
    let sent = Sent::read(&body);
    let drafted = match Form::read(&sent, &headers, frame.zone) {
        Ok(form) => form.carry_out(&api, &headers, "draft_breach").await.map(|_| ()),
        Err(problem) => Err(problem),
    };
    match drafted {
        Ok(()) => done(&frame, "/breaches"),
        Err(problem) => {
            (problem.status(), list(frame.refusing(&problem, sent), &api.feed.load(), &asked)).into_response()
        }
    }
}

fn list(frame: Frame, snapshot: &Snapshot, asked: &Asked) -> Response {
    let frame = frame.at("/breaches").with_forms();
    let all = !asked.all.is_empty();
    let labels = [
        frame.notices(NoticesText::Period),
        frame.say(Message::CarrierName),
        frame.notices(NoticesText::Kind),
        frame.sheet(SheetText::Phase),
        frame.notices(NoticesText::FileNumber),
        format!("#{}", frame.notices(NoticesText::Judged)),
        format!("#{}", frame.notices(NoticesText::Breached)),
        frame.notices(NoticesText::Agreement),
    ];
    let mut sheet = Sheet::new("breaches", frame.notices(NoticesText::Papers)).columns(labels);
    for breach in snapshot.desk.breaches().filter(|breach| all || !breach.phase.is_over()) {
        let paper = &breach.paper;
        sheet.row([
            Cell::to(paper.period.as_str(), format!("/breaches/{}?lang={}", breach.id, frame.lang())),
            carrier(&frame, snapshot, &paper.carrier).into(),
            kind(&frame, breach).into(),
            phase(&frame, breach.phase),
            breach.number.as_deref().unwrap_or("–").into(),
            (paper.judged as usize).into(),
            (paper.breached as usize).into(),
            paper.agreement.as_deref().unwrap_or("–").into(),
        ]);
    }
    let sheets = vec![sheet];
    if let Some(sheet) = chosen(asked, &sheets) {
        return sheet.csv();
    }
    let carriers = snapshot.inventory.carriers.iter().map(|one| (one.id.clone(), one.name.clone())).collect();
    show(&Page { title: frame.notices(NoticesText::Papers), sheets, carriers, all, frame })
}

#[derive(Template)]
#[template(path = "paper.html")]
struct OnePage {
    frame: Frame,
    title: String,
    id: String,
    phase: Cell,
    /// As the carrier reads it.
    text: String,
    sealed: bool,
    steps: Sheet,
    /// What can be done now: the step, and what its button says.
    may: Vec<(&'static str, String)>,
}

pub(in crate::api) async fn paper(
    Path(id): Path<String>,
    Opened { snapshot, frame, asked, .. }: Opened<Asked>,
) -> Response {
    one(frame, &snapshot, &id, &asked)
}

/// Reviews, approves, sends or withdraws it.
pub(in crate::api) async fn judge_paper(
    Path(id): Path<String>,
    Opened { api, frame, asked, headers, .. }: Opened<Asked>,
    body: Bytes,
) -> Response {
    let sent = Sent::read(&body).of("judge");
    match judge(&api, &frame, &headers, &id, &sent).await {
        Ok(()) => done(&frame, &format!("/breaches/{id}")),
        Err(problem) => {
            let shown = one(frame.refusing(&problem, sent), &api.feed.load(), &id, &asked);
            (problem.status(), shown).into_response()
        }
    }
}

async fn judge(api: &Api, frame: &Frame, headers: &HeaderMap, id: &str, sent: &Sent) -> Result<(), Problem> {
    let mut form = Form::read(sent, headers, frame.zone)?;
    let step = STEPS.into_iter().find(|(step, ..)| *step == sent.wish).ok_or(Problem::NotFound)?.0;
    form.set("breach", id);
    form.set("step", step);
    form.carry_out(api, headers, "judge_breach").await.map(|_| ())
}

/// Each step, its button, and the phases that it follows.
const STEPS: [(&str, NoticesText, &[BreachPhase]); 4] = [
    ("review", NoticesText::Review, &[BreachPhase::Draft]),
    ("approve", NoticesText::ApproveSeal, &[BreachPhase::Reviewed]),
    ("send", NoticesText::Send, &[BreachPhase::Approved]),
    ("withdraw", NoticesText::Withdraw, &[BreachPhase::Draft, BreachPhase::Reviewed, BreachPhase::Approved]),
];

fn one(frame: Frame, snapshot: &Snapshot, id: &str, asked: &Asked) -> Response {
    let frame = frame.at("/breaches").with_forms();
    let Some(breach) = snapshot.desk.breaches().find(|breach| breach.id == id) else {
        return Problem::Refused(Refusal::NoSuchBreach).into_response();
    };
    let labels = [SheetText::When, SheetText::What, SheetText::Who, SheetText::Note].map(|text| frame.sheet(text));
    let mut steps = Sheet::new("steps", frame.sheet(SheetText::Timeline)).columns(labels);
    for entry in &breach.entries {
        steps.row([
            frame.clock(entry.by.at).into(),
            frame.page(PageText::Event(entry.event.clone())).into(),
            entry.by.actor.as_str().into(),
            Cell { class: "text", ..Cell::from(entry.by.note.as_str()) },
        ]);
    }
    let sheets = [steps];
    if let Some(sheet) = chosen(asked, &sheets) {
        return sheet.csv();
    }
    let [steps] = sheets;
    let seal = breach.sealed.as_ref().map(|sealed| sealed.sha256.as_str());
    let written = breach::written(breach, "", frame.language, &snapshot.inventory, &snapshot.letters);
    let party = carrier(&frame, snapshot, &breach.paper.carrier);
    let may = STEPS.into_iter().filter(|(_, _, after)| after.contains(&breach.phase));
    show(&OnePage {
        title: format!("{} {party} {}", kind(&frame, breach), breach.paper.period),
        id: breach.id.clone(),
        phase: phase(&frame, breach.phase),
        text: written.map(|letter| letter.text).unwrap_or_default(),
        sealed: seal.is_some(),
        steps,
        may: may.map(|(step, text, _)| (step, frame.notices(text))).collect(),
        frame,
    })
}

fn carrier(frame: &Frame, snapshot: &Snapshot, id: &str) -> String {
    party(frame, &format!("carrier/{id}"), &snapshot.inventory)
}

/// Without an agreement the word breach is not said.
fn kind(frame: &Frame, breach: &Breach) -> String {
    frame.notices(if breach.paper.agreement.is_some() { NoticesText::Breach } else { NoticesText::Quality })
}

fn phase(frame: &Frame, phase: BreachPhase) -> Cell {
    let class = match phase {
        BreachPhase::Draft | BreachPhase::Reviewed => "degraded",
        BreachPhase::Approved | BreachPhase::Sent => "up",
        BreachPhase::Withdrawn => "suspended",
    };
    Cell::state(frame.page(PageText::Event(phase.as_str().to_owned())), class)
}
