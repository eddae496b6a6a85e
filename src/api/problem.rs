//! What went wrong with a request, as a problem document (RFC 9457): for the caller, with a `code` that never changes.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{
    command::Refusal,
    text::{Language, Message, RefusedText, WebText},
};

#[derive(Debug)]
pub(super) enum Problem {
    NotFound,
    NoSuchLink,
    MethodNotAllowed,
    BadQuery(String),
    BadBody(String),
    /// A field of the body, and what is wrong with it.
    BadField {
        field: String,
        why: String,
    },
    /// The page that a cursor points at has left.
    CursorGone,
    NotLoopback,
    /// No name and password, or wrong ones.
    NoPassword,
    /// Too many wrong passwords from this address.
    TooManyTries,
    /// The role of who asks does not have this.
    NotYours,
    /// A command is signed with another name than the user's.
    NotYou,
    ForeignOrigin,
    /// What a page of ours sends along with a change is missing or wrong.
    NoToken,
    BadHost,
    QueueFull,
    TooManyListeners,
    NoAnswer,
    Timeout,
    /// What is stored cannot be read now.
    Unreadable(String),
    Refused(Refusal),
}

impl Problem {
    pub(super) fn field(field: &str, why: impl Into<String>) -> Self {
        Self::BadField { field: field.to_owned(), why: why.into() }
    }

    /// Which fields of a form it may be about; empty: about none in particular.
    pub(super) fn fields(&self) -> Vec<&str> {
        match self {
            Self::BadField { field, .. } => vec![field],
            Self::NotYou => vec!["actor"],
            Self::Refused(refusal) => match refusal {
                Refusal::NoActor => vec!["actor"],
                Refusal::NoReason => vec!["note", "reason"],
                Refusal::NeedsTwo => vec!["second", "reason"],
                Refusal::WrongTime => vec!["at", "eta"],
                Refusal::NoSuchParty { .. } => vec!["party"],
                Refusal::NoSuchCondition { .. } => vec!["condition"],
                Refusal::NoSuchLink { .. } => vec!["links"],
                Refusal::NoSuchScope { .. } => vec!["scopes", "links"],
                Refusal::NothingReported => vec!["what"],
                Refusal::NoSuchDoor { .. } => vec!["door"],
                Refusal::NothingToDraft { .. } | Refusal::NotBreached => vec!["month"],
                Refusal::NoSuchWindow | Refusal::WindowOver => vec!["window"],
                // Its reason begins with the name of the field.
                Refusal::WrongWindow { reason } => reason.split_once(':').map(|(field, _)| field).into_iter().collect(),
                _ => vec![],
            },
            _ => vec![],
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound
            | Self::NoSuchLink
            | Self::Refused(
                Refusal::NoSuchIncident
                | Refusal::NoSuchReply
                | Refusal::NoSuchDoor { .. }
                | Refusal::NoSuchRound { .. }
                | Refusal::NoSuchDevice
                | Refusal::NoSuchProblem
                | Refusal::NoSuchBreach
                | Refusal::NoSuchChange,
            ) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BadQuery(_) | Self::BadBody(_) | Self::BadField { .. } | Self::Refused(Refusal::NoActor) => {
                StatusCode::BAD_REQUEST
            }
            Self::CursorGone => StatusCode::GONE,
            Self::NoPassword => StatusCode::UNAUTHORIZED,
            Self::TooManyTries => StatusCode::TOO_MANY_REQUESTS,
            Self::NotYours | Self::NotYou | Self::NotLoopback | Self::ForeignOrigin | Self::NoToken | Self::BadHost => {
                StatusCode::FORBIDDEN
            }
            Self::QueueFull
            | Self::TooManyListeners
            | Self::Timeout
            | Self::Unreadable(_)
            | Self::Refused(Refusal::NotStored { .. }) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoAnswer => StatusCode::GATEWAY_TIMEOUT,
            Self::Refused(
                Refusal::Findings { .. }
                | Refusal::NoSuchParty { .. }
                | Refusal::WrongTime
                | Refusal::NoSuchEntry
                | Refusal::NoSuchCondition { .. }
                | Refusal::NoSuchLink { .. }
                | Refusal::NotExcluded { .. }
                | Refusal::NoSuchField { .. }
                | Refusal::NeedsTwo
                | Refusal::NoReason
                | Refusal::NothingReported
                | Refusal::NoSuchScope { .. }
                | Refusal::WrongWindow { .. }
                | Refusal::WrongChange { .. }
                | Refusal::NothingToDraft { .. }
                | Refusal::WrongTicket,
            ) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Refused(_) => StatusCode::CONFLICT,
        }
    }

    pub(super) fn code(&self) -> &'static str {
        self.words().0
    }

    /// Stable code and title.
    pub(super) fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::NotFound => ("not_found", "There is nothing at this path"),
            Self::NoSuchLink => ("no_such_link", "No link in service has this id"),
            Self::MethodNotAllowed => ("method_not_allowed", "This path does not take this method"),
            Self::BadQuery(_) => ("bad_query", "The query cannot be read"),
            Self::BadBody(_) | Self::BadField { .. } => ("bad_body", "The body cannot be read"),
            Self::CursorGone => ("cursor_gone", "The cursor points at something that has left: start again"),
            Self::NotLoopback => {
                ("not_loopback", "Changes are taken only from this machine until users are configured")
            }
            Self::NoPassword => ("no_password", "This takes the name and password of a user"),
            Self::TooManyTries => ("too_many_tries", "Too many passwords from this address: wait a minute"),
            Self::NotYours => ("not_yours", "The role of this user does not reach here"),
            Self::NotYou => ("not_you", "A command is signed with the name of the user who sends it"),
            Self::ForeignOrigin => ("foreign_origin", "Changes are not taken from pages of other sites"),
            Self::NoToken => {
                ("no_token", "A change under a cookie carries the session's token (X-CSRF-Token, or csrf)")
            }
            Self::BadHost => ("bad_host", "Changes are taken only under a loopback address or localhost"),
            Self::QueueFull => ("queue_full", "Too many commands are waiting: try again"),
            Self::TooManyListeners => ("too_many_listeners", "As many listen to events as may: try again"),
            Self::NoAnswer => {
                ("no_answer", "The command was handed over, but nobody has answered: look before repeating")
            }
            Self::Unreadable(_) => ("unreadable", "What is stored cannot be read now"),
            Self::Timeout => ("timeout", "The request took too long"),
            Self::Refused(refusal) => match refusal {
                Refusal::NoSuchIncident => ("no_such_incident", "No incident has this id"),
                Refusal::AlreadyAcknowledged { .. } => ("already_acknowledged", "Somebody has acknowledged it before"),
                Refusal::NotAcknowledged => ("not_acknowledged", "The party has not acknowledged it, or not any more"),
                Refusal::NoReason => ("no_reason", "This takes a reason in words"),
                Refusal::NotRestored => ("not_restored", "An incident can be closed once it is restored"),
                Refusal::AlreadyClosed => ("already_closed", "The incident is closed"),
                Refusal::NoSuchParty { .. } => ("no_such_party", "This party has no part in the incident"),
                Refusal::WrongTime => {
                    ("wrong_time", "A step lies between the start of the incident and now, a promise (eta) after now")
                }
                Refusal::NoSuchEntry => ("no_such_entry", "No entry by a person has this number"),
                Refusal::TimelineFull => ("timeline_full", "People have written as much about it as it holds"),
                Refusal::NoSuchCondition { .. } => {
                    ("no_such_condition", "The contract has no such condition for closing")
                }
                Refusal::Unconfirmed { .. } => {
                    ("unconfirmed", "The contract asks for more to be confirmed before closing")
                }
                Refusal::AlreadyAnnulled => ("already_annulled", "The incident has been annulled before"),
                Refusal::NeedsTwo => ("needs_two", "This takes a reason in words and two different people"),
                Refusal::NoSuchLink { .. } => ("no_such_link", "No link in the ledger has this id"),
                Refusal::NotExcluded { .. } => ("not_excluded", "The span cannot be excluded on every link: none was"),
                Refusal::NothingToResolve => {
                    ("nothing_to_resolve", "Only a possible whole-network outage that nobody has resolved can be")
                }
                Refusal::NoSuchRound { .. } => ("no_such_round", "No round of the contract has this id"),
                Refusal::RoundNotOpen => ("round_not_open", "No such turn of the round can be made now"),
                Refusal::AlreadyDone { .. } => ("already_done", "The record of this round is signed already"),
                Refusal::NoSuchField { .. } => ("no_such_field", "The form of the round has no such field"),
                Refusal::NoSuchDevice => ("no_such_device", "No device in use has this id"),
                Refusal::DeviceOut { .. } => ("device_out", "The device is out already"),
                Refusal::DeviceNotOut => ("device_not_out", "Nobody said that this device failed"),
                Refusal::Measured => ("measured", "Probes say when this fault is over, or it is over"),
                Refusal::TooManyReports => ("too_many_reports", "As many reports are open as are held at a time"),
                Refusal::NothingReported => ("nothing_reported", "A report says what is wrong"),
                Refusal::NoSuchScope { .. } => ("no_such_scope", "Nothing in service has this name"),
                Refusal::WrongWindow { .. } => ("wrong_window", "The planned work lacks something, or has it wrong"),
                Refusal::NoSuchWindow => ("no_such_window", "No planned work has this id"),
                Refusal::WindowOver => ("window_over", "The planned work is over or cancelled"),
                Refusal::TooManyWindows => ("too_many_windows", "As much work is planned as is held at a time"),
                Refusal::NoActor => ("no_actor", "A command needs an actor of 1 to 64 characters"),
                Refusal::WrongChange { .. } => ("wrong_change", "The change lacks something, or has it wrong"),
                Refusal::NoSuchChange => ("no_such_change", "No change has this id"),
                Refusal::OwnChange => ("own_change", "Who asks for a change does not agree to it"),
                Refusal::WrongPhase => {
                    ("wrong_phase", "A change is approved before it is carried out, and comes to an end once")
                }
                Refusal::TooManyChanges => ("too_many_changes", "As many changes are under way as are held at a time"),
                Refusal::NoSuchBreach => ("no_such_breach", "No notice has this id"),
                Refusal::OwnBreach => ("own_breach", "Who drafted or reviewed a notice does not approve it"),
                Refusal::AlreadyDrafted => ("already_drafted", "A notice of this carrier and period is there"),
                Refusal::NotBreached => ("not_breached", "No link of the carrier is breached in this period"),
                Refusal::NothingToDraft { .. } => ("nothing_to_draft", "The period cannot be drafted"),
                Refusal::NoSuchProblem => ("no_such_problem", "No problem has this id"),
                Refusal::ProblemNotOpen => ("problem_not_open", "It is closed, or has failed too seldom yet"),
                Refusal::WrongTicket => {
                    ("wrong_ticket", "System and number have 1 to 64 characters, and a record 8 systems at most")
                }
                Refusal::InboxFull => ("inbox_full", "As many notes wait for a person as are held: settle some first"),
                Refusal::NothingToSettle => {
                    ("nothing_to_settle", "No note of this id waits, or nothing was said about it")
                }
                Refusal::NoteUnreadable => {
                    ("note_unreadable", "The note has no times that can be read: plan the work by hand, then settle it")
                }
                Refusal::Findings { .. } => ("findings", "The files have errors; the old ones stay in force"),
                Refusal::NoSuchReply => ("no_such_reply", "No reply that waits has this id"),
                Refusal::NoSuchDoor { .. } => ("no_such_door", "No channel or party has this door"),
                Refusal::NotStored { .. } => ("not_stored", "It cannot be written to the disk: the old stays in force"),
                Refusal::NotKept => ("not_kept", "This process keeps no incidents (--exporter-only)"),
            },
        }
    }

    /// What it is about, in words of the reader's language.
    pub(super) fn detail(&self) -> Option<RefusedText> {
        Some(match self {
            Self::BadField { field, why } => RefusedText::Field { field: field.clone(), why: why.clone() },
            Self::BadQuery(detail) | Self::BadBody(detail) | Self::Unreadable(detail) => {
                RefusedText::AsIs(detail.clone())
            }
            Self::Refused(refusal) => match refusal {
                Refusal::AlreadyAcknowledged { by } | Refusal::AlreadyDone { by } | Refusal::DeviceOut { by } => {
                    RefusedText::By(by.clone())
                }
                Refusal::NoSuchParty { known }
                | Refusal::NoSuchCondition { known }
                | Refusal::NoSuchRound { known }
                | Refusal::NoSuchField { known }
                | Refusal::NoSuchDoor { known } => RefusedText::Known(known.clone()),
                Refusal::NoSuchScope { scope } => RefusedText::Scope(scope.clone()),
                Refusal::WrongWindow { reason }
                | Refusal::NotStored { reason }
                | Refusal::WrongChange { reason }
                | Refusal::NothingToDraft { reason } => RefusedText::Reason(reason.clone()),
                Refusal::Unconfirmed { missing } => RefusedText::Missing(missing.clone()),
                Refusal::NoSuchLink { link } => RefusedText::AsIs(link.clone()),
                Refusal::NotExcluded { link, why } => RefusedText::Link { link: link.clone(), why: why.clone() },
                Refusal::Findings { findings } => RefusedText::AsIs(findings.join("\n")),
                _ => return None,
            },
            _ => return None,
        })
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, (code, title)) = (self.status(), self.words());
        let mut document = json!({
            "type": format!("urn:linkpatrol:problem:{code}"), "title": title, "status": status.as_u16(), "code": code,
        });
        if let Some(detail) = self.detail() {
            document["detail"] = Message::Web(WebText::Refused(detail)).say(Language::En).to_string().into();
        }
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/problem+json")], Json(document)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let asks = HeaderValue::from_static("Basic realm=\"linkpatrol\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, asks);
        }
        response
    }
}
