//! `/notices`: what was to be said to whom and what became of it, one of them in full, and the doors on the way out.

use askama::Template;
use axum::{
    body::Bytes,
    extract::Path,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    Frame, Opened,
    forms::{Form, Sent, done},
    incidents::party,
    sheet::{Asked, Cell, Choices, Sheet},
    show,
};
use crate::{
    api::{
        Api,
        notices::{find, next, place},
        problem::Problem,
    },
    command::ContactSheet,
    notify::{
        log::{Logged, NoticeState, Wanted},
        message,
    },
    snapshot::Snapshot,
    text::{DoorText, Message, NoticesText, PageText, SheetText},
};

/// Notices of a page, and of the CSV.
const ROWS: usize = 100;
const CSV_ROWS: usize = 1_000;

/// What the page may be asked for. Optional, and what makes no sense is ignored: people edit addresses.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::api) struct NoticesAsked {
    format: String,
    incident: String,
    recipient: String,
    channel: String,
    state: String,
    cursor: String,
}

impl NoticesAsked {
    fn state(&self) -> Option<NoticeState> {
        NoticeState::ALL.into_iter().find(|state| state.as_str() == self.state)
    }

    /// Address of what follows `last`, by the same wishes.
    fn after(&self, last: &Logged) -> String {
        let Self { incident, recipient, channel, state, .. } = self;
        let fields = [("incident", incident), ("recipient", recipient), ("channel", channel), ("state", state)];
        let mut fields: Vec<_> = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let cursor = next(last);
        fields.push(("cursor", &cursor));
        serde_urlencoded::to_string(fields).unwrap_or_default()
    }
}

#[derive(Template)]
#[template(path = "notices.html")]
struct Page {
    frame: Frame,
    doors: Vec<Door>,
    /// Value and words of each.
    named: Vec<(String, String)>,
    choices: Vec<Choices>,
    asked: NoticesAsked,
    sheet: Sheet,
    older: Option<String>,
}

struct Door {
    name: String,
    party: String,
    is_open: bool,
    turned: String,
}

pub(in crate::api) async fn notices(Opened { api, frame, asked, .. }: Opened<NoticesAsked>) -> Response {
    list(&api, frame, asked).await
}

/// Opens or closes a door.
pub(in crate::api) async fn turn_door(
    Opened { api, frame, asked, headers, .. }: Opened<NoticesAsked>,
    body: Bytes,
) -> Response {
    let sent = Sent::read(&body).of("door");
    match turn(&api, &frame, &headers, &sent).await {
        Ok(()) => done(&frame, "/notices"),
        Err(problem) => {
            let shown = list(&api, frame.refusing(&problem, sent), asked).await;
            (problem.status(), shown).into_response()
        }
    }
}

async fn turn(api: &Api, frame: &Frame, headers: &HeaderMap, sent: &Sent) -> Result<(), Problem> {
    let mut form = Form::read(sent, headers, frame.zone)?;
    let opens = match sent.wish.as_str() {
        "open" => true,
        "close" => false,
        _ => return Err(Problem::NotFound),
    };
    form.set("open", opens);
    form.carry_out(api, headers, "turn_door").await.map(|_| ())
}

async fn list(api: &Api, frame: Frame, asked: NoticesAsked) -> Response {
    let frame = frame.at("/notices").with_forms();
    let is_csv = asked.format == "csv";
    let most = if is_csv { CSV_ROWS } else { ROWS };
    let wanted = Wanted {
        incident: asked.incident.clone(),
        recipient: asked.recipient.clone(),
        channel: asked.channel.clone(),
        state: asked.state(),
        after: place(&asked.cursor),
        most: most + 1,
        ..Wanted::default()
    };
    let mut found = match find(api, wanted).await {
        Ok(found) => found,
        Err(problem) => return problem.into_response(),
    };
    let more = found.len() > most;
    found.truncate(most);
    let snapshot = api.feed.load();
    let sheet = sheet(&frame, &snapshot, &found);
    if is_csv {
        return sheet.csv();
    }
    let older = found.last().filter(|_| more).map(|last| asked.after(last));
    let states = NoticeState::ALL.map(|one| (one.as_str(), frame.notices(state(one))));
    let channels = snapshot.doors.iter().filter_map(|door| door.door.strip_prefix("channel/"));
    let choices = vec![
        Choices::new("state", frame.say(Message::StateName), &asked.state, states),
        Choices::new(
            "channel",
            frame.sheet(SheetText::Channel),
            &asked.channel,
            channels.map(|name| (name, name.to_owned())),
        ),
    ];
    let doors = doors(&frame, &snapshot);
    let named = doors.iter().map(|door| (door.name.clone(), format!("{} {}", door.name, door.party))).collect();
    show(&Page { doors, named, choices, asked, sheet, older, frame })
}

fn doors(frame: &Frame, snapshot: &Snapshot) -> Vec<Door> {
    let door = |view: &crate::notify::doors::DoorView| Door {
        name: view.door.clone(),
        party: if view.door.starts_with("carrier/") {
            party(frame, &view.door, &snapshot.inventory)
        } else {
            String::new()
        },
        is_open: view.is_open(),
        turned: view
            .turn
            .as_ref()
            .map(|turn| format!("{} {} {}", frame.clock(turn.at), turn.by, turn.note))
            .unwrap_or_default(),
    };
    snapshot.doors.iter().map(door).collect()
}

fn sheet(frame: &Frame, snapshot: &Snapshot, found: &[Logged]) -> Sheet {
    let labels = [
        frame.notices(NoticesText::Created),
        frame.say(Message::StateName),
        frame.notices(NoticesText::Event),
        frame.notices(NoticesText::Title),
        frame.notices(NoticesText::Recipient),
        frame.notices(NoticesText::Party),
        frame.sheet(SheetText::Channel),
        frame.notices(NoticesText::About),
        format!("#{}", frame.notices(NoticesText::Attempts)),
        frame.notices(NoticesText::Done),
        frame.notices(NoticesText::Words),
    ];
    let mut sheet = Sheet::new("notices", frame.notices(NoticesText::Notices)).columns(labels);
    for logged in found {
        let Logged { id, notice, state, attempts, done, words } = logged;
        let (about, recipient) = notice.thread();
        let title = notice.message.as_ref().map(|message| message.without_contacts(&message.subject));
        sheet.row([
            frame.clock(notice.created).into(),
            shown_state(frame, state),
            frame.page(PageText::Event(notice.kind.as_str().to_owned())).into(),
            Cell::to(title.unwrap_or_else(|| "–".to_owned()), format!("/notices/{id}?lang={}", frame.lang())),
            recipient.into(),
            whose(frame, snapshot, &notice.party).into(),
            notice.channel.as_str().into(),
            match notice.incident() {
                Some(_) => Cell::to(about, format!("/incidents/{about}?lang={}", frame.lang())),
                None => about.into(),
            },
            (*attempts as usize).into(),
            frame.maybe(*done).into(),
            Cell { class: "text", ..Cell::from(words.as_str()) },
        ]);
    }
    sheet
}

fn whose(frame: &Frame, snapshot: &Snapshot, name: &str) -> String {
    party(frame, if name.is_empty() { "operator" } else { name }, &snapshot.inventory)
}

fn state(state: NoticeState) -> NoticesText {
    match state {
        NoticeState::Waiting => NoticesText::Waiting,
        NoticeState::Delivered => NoticesText::Delivered,
        NoticeState::Held => NoticesText::Held,
        NoticeState::GivenUp => NoticesText::GivenUp,
        NoticeState::Replaced => NoticesText::Replaced,
    }
}

/// As the store has it; one that is not ours to know is shown as it is.
fn shown_state(frame: &Frame, stored: &str) -> Cell {
    let Some(known) = NoticeState::ALL.into_iter().find(|one| one.as_str() == stored) else { return stored.into() };
    let class = match known {
        NoticeState::Delivered => "up",
        NoticeState::Waiting => "degraded",
        NoticeState::GivenUp => "down",
        NoticeState::Held | NoticeState::Replaced => "suspended",
    };
    Cell::state(frame.notices(state(known)), class)
}

#[derive(Template)]
#[template(path = "notice.html")]
struct WholePage {
    frame: Frame,
    title: String,
    /// Of the notice.
    id: String,
    facts: Vec<(String, Cell)>,
    /// As it was, or would have been, sent; empty: for a machine.
    text: String,
    short: String,
    /// With names and numbers of contacts.
    revealed: bool,
}

pub(in crate::api) async fn notice(
    Path(id): Path<String>,
    Opened { api, snapshot, frame, .. }: Opened<Asked>,
) -> Response {
    match one(&api, id).await {
        Ok(logged) => whole(frame, &snapshot, logged, false),
        Err(problem) => problem.into_response(),
    }
}

/// Shows the letter with names and numbers on the answer to this request, and nowhere else.
pub(in crate::api) async fn reveal_notice(
    Path(id): Path<String>,
    Opened { api, snapshot, frame, headers, .. }: Opened<Asked>,
    body: Bytes,
) -> Response {
    let logged = match one(&api, id).await {
        Ok(logged) => logged,
        Err(problem) => return problem.into_response(),
    };
    let sent = Sent::read(&body);
    match sent.reveal(&api, &headers, frame.zone, (ContactSheet::Notice, &logged.id)).await {
        Ok(_) => whole(Frame { refresh: 0, ..frame }, &snapshot, logged, true),
        Err(problem) => {
            let shown = whole(frame.refusing(&problem, sent), &snapshot, logged, false);
            (problem.status(), shown).into_response()
        }
    }
}

async fn one(api: &Api, id: String) -> Result<Logged, Problem> {
    let found = find(api, Wanted { id, most: 1, ..Wanted::default() }).await?;
    found.into_iter().next().ok_or(Problem::NotFound)
}

fn whole(frame: Frame, snapshot: &Snapshot, logged: Logged, revealed: bool) -> Response {
    let frame = frame.at("/notices").with_forms();
    let mut row = sheet(&frame, snapshot, std::slice::from_ref(&logged));
    let labels = row.columns.drain(..).map(|column| column.label);
    let mut facts: Vec<(String, Cell)> = labels.zip(row.rows.remove(0)).collect();
    let message = logged.notice.message.as_ref();
    let said = |text: fn(&message::Message) -> String| {
        message.map(|message| match revealed {
            true => text(message),
            false => message.without_contacts(&text(message)),
        })
    };
    let to =
        |message: &message::Message| if revealed { message.to.reveal().to_owned() } else { message.to.to_string() };
    let to = message.map(to);
    facts.push((frame.notices(NoticesText::To), to.unwrap_or_else(|| "–".to_owned()).into()));
    show(&WholePage {
        title: said(message::Message::marked_subject).unwrap_or_else(|| frame.notices(NoticesText::Notices)),
        facts,
        text: said(message::Message::marked_text).unwrap_or_default(),
        short: said(message::Message::marked_short).unwrap_or_default(),
        revealed,
        id: logged.id,
        frame,
    })
}
