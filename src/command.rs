//! What outsiders may ask for: by API, CLI or page. Each command names who asks; `patrol` carries it out on its own thread.

mod breach;
mod contacts;
mod desk;
mod maintnote;
mod observation;
pub mod person;
mod window;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::{
    breach::{BreachStep, Paper, PaperCourse, PaperEyes, PaperLine, SealedAt},
    contacts::{ContactSheet, Reachable},
    desk::{ProblemStep, RequestedChange, Verdict},
    maintnote::{Impact, MaintNote, NoteObject, NoteOutcome, NoteStatus, NoteTaken, NotesTaken, ReadNote, Waits},
    observation::{
        ExchangeCounts, InterfaceCounts, NotTaken, Observation, Observed, OnlineCounts, Owner, RefusedObservation,
        Traffic,
    },
    window::{Every, Overlap, Planned, Standing},
};
use crate::units::Timestamp;

/// Something a person asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Who, as they signed: 1 to 64 characters.
    pub actor: String,
    /// A repeat of the same key is answered like the first and changes nothing.
    pub key: String,
    /// By which way it was said: `api`, `cli`, `phone`, `sms`, … At most 32 characters.
    #[serde(default)]
    pub way: String,
    pub action: Action,
}

/// What people may do about incidents. `party` is whom they speak for: `operator` when empty, else `carrier/<id>`,
/// `unit/<id>` or `customer`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Stops the response clocks of the party.
    Acknowledge {
        incident: String,
        #[serde(default)]
        party: String,
        #[serde(default)]
        note: String,
        /// As the party numbers its own work.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        work_order: String,
        /// By when it means to be done: a promise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        eta: Option<Timestamp>,
    },
    /// Takes an acknowledgement back: the response clocks of the party run on from their start.
    Withdraw {
        incident: String,
        #[serde(default)]
        party: String,
        /// Why.
        note: String,
    },
    /// Writes down that a signed link to the page of this party was given out.
    IssueLink {
        incident: String,
        party: String,
        #[serde(default)]
        note: String,
    },
    /// Something came back from a telephone.
    Heard(Heard),
    /// A person has dealt with a reply that was not plain.
    SettleReply {
        reply: String,
        #[serde(default)]
        note: String,
    },
    /// Makes a new key for signed links: those given out before open nothing.
    RotateLinks,
    /// Writes down a step of the work, which may have been taken earlier than it is told.
    Record {
        incident: String,
        step: Step,
        #[serde(default)]
        party: String,
        #[serde(default)]
        at: Option<Timestamp>,
        /// Of a promise: by when.
        #[serde(default)]
        eta: Option<Timestamp>,
        #[serde(default)]
        note: String,
        /// Ids of those links of the party that it is about; empty: all of them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        links: Vec<String>,
    },
    /// Says what an entry of the timeline should have said. The entry stays.
    Correct {
        incident: String,
        entry: u32,
        #[serde(default)]
        at: Option<Timestamp>,
        note: String,
    },
    /// Confirms a condition of the contract for closing.
    Confirm {
        incident: String,
        condition: String,
        #[serde(default)]
        note: String,
    },
    /// Ends a restored incident for good, once the conditions of the contract are confirmed.
    Close {
        incident: String,
        #[serde(default)]
        note: String,
    },
    /// Calls an incident false or wrongly classed. It stays in the record; `second` is another person who agrees.
    Annul { incident: String, second: String, reason: String },
    /// Says what a possible whole-network outage was.
    Resolve {
        incident: String,
        verdict: Resolution,
        #[serde(default)]
        note: String,
    },
    /// Takes a span of time of these links out of the availability objective, also after the fact; `second` is another
    /// person who agrees. What was measured stays.
    Exclude { links: Vec<String>, from: Timestamp, to: Timestamp, reason: Reason, second: String, note: String },
    /// Hands the watch over: `actor` leaves, `second` takes over, and both have seen what is open.
    HandoverSigned {
        second: String,
        #[serde(default)]
        note: String,
    },
    /// Signs the record of a round that was made. `due`: which turn, by when it is due; the oldest that is open when absent.
    RoundDone {
        round: String,
        #[serde(default)]
        due: Option<Timestamp>,
        #[serde(default)]
        notes: String,
        /// What the form asks for.
        #[serde(default)]
        fields: BTreeMap<String, String>,
    },
    /// Says that a device has failed: the clock of its swap starts.
    DeviceFault {
        device: String,
        #[serde(default)]
        at: Option<Timestamp>,
        /// Who says so: `operator` when empty.
        #[serde(default)]
        party: String,
        #[serde(default)]
        note: String,
    },
    /// Says that a failed device was swapped, by a spare unless told otherwise.
    DeviceSwapped {
        device: String,
        #[serde(default)]
        at: Option<Timestamp>,
        #[serde(default = "yes")]
        spare: bool,
        #[serde(default)]
        note: String,
    },
    /// Reports a fault that somebody outside has seen.
    Report(Reported),
    /// Says that a reported fault is over which nobody measures.
    Restore {
        incident: String,
        #[serde(default)]
        at: Option<Timestamp>,
        #[serde(default)]
        note: String,
    },
    /// Announces planned work.
    Window(Planned),
    /// Agrees to planned work: another person than who asked for it.
    ApproveWindow {
        window: String,
        #[serde(default)]
        note: String,
    },
    /// Takes planned work back or, once it has begun, ends it.
    CancelWindow {
        window: String,
        #[serde(default)]
        note: String,
    },
    /// Takes in what carriers wrote about their maintenance.
    TakeMaintnotes {
        /// Id of the carrier that they are from; empty: as they say themselves.
        #[serde(default)]
        carrier: String,
        notes: Vec<ReadNote>,
    },
    /// Says what a note in the inbox is about, or why nothing has to be planned for it.
    SettleMaintnote {
        maintnote: String,
        /// What is worked on, as in [`Planned::scopes`].
        #[serde(default)]
        on: Vec<String>,
        #[serde(default)]
        note: String,
    },
    /// Asks for a change.
    RequestChange(RequestedChange),
    /// Agrees to a change or not, or says what came of it. All but `approve` and `done` say why.
    JudgeChange {
        change: String,
        verdict: Verdict,
        #[serde(default)]
        note: String,
    },
    /// Writes down what is known of a problem.
    RecordProblem { problem: String, step: ProblemStep, note: String },
    /// Says how another system calls an incident, a problem or a change.
    Ticket { about: String, system: String, number: String },
    /// Opens or closes what a notice passes on its way out: `channel/<name>`, `carrier/<id>` or `units`.
    TurnDoor {
        door: String,
        open: bool,
        #[serde(default)]
        note: String,
    },
    /// Drafts the notice of a carrier and the period that a month is in.
    DraftBreach { carrier: String, month: String },
    /// Takes a draft in: the loop's own, and nobody else's.
    KeepBreach { paper: Paper },
    /// Reviews, approves, sends or withdraws a notice. `journal` is filled in by the loop.
    JudgeBreach {
        breach: String,
        step: BreachStep,
        #[serde(default)]
        note: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        journal: Option<SealedAt>,
    },
    /// Hands in what another system has counted or seen.
    Observe {
        /// How that system is called here.
        source: String,
        observations: Vec<Observation>,
    },
    /// Shows once how to reach those whom a sheet concerns. `of`: id of the notice; empty: there is only one.
    RevealContacts {
        sheet: ContactSheet,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        of: String,
    },
    /// Reads configuration, inventory, profiles and contract again: all or nothing.
    Reload,
}

fn yes() -> bool {
    true
}

/// Why a time is outside the objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    PlannedWork,
    Drill,
    ForceMajeure,
    CustomerFault,
    /// An authority had it switched off.
    Ordered,
}

/// What came back from a telephone: a text message, or a key that was pressed in a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heard {
    /// Of whoever answered, as the gateway writes it.
    pub number: String,
    #[serde(default)]
    pub text: String,
    /// Of a call: which key, and about which incident the call was.
    #[serde(default)]
    pub key: String,
    #[serde(default)]
    pub incident: String,
    /// As the gateway numbers it.
    #[serde(default)]
    pub id: String,
    #[serde(default)]
    pub at: Option<Timestamp>,
}

/// Why a reply was not taken for an acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unclear {
    /// Nobody has registered this number.
    UnknownNumber,
    /// No code of an incident stands in it.
    NoCode,
    /// No open incident has this code.
    NoSuchCode,
    SeveralCodes,
    /// It says something besides the code: a person should read it.
    MoreThanACode,
    /// A telephone or mailbox answered by itself.
    Automatic,
    Unsubscribes,
    /// Another key than the one that takes it on.
    OtherKey,
    /// Whoever has this number has no part in that incident, or it is over; or reports a circuit of others.
    NotTheirs,
    /// It reports a fault of no circuit that we know, or of several.
    NoSuchLink,
    /// A report that cannot be written down now.
    NotTaken,
}

/// A fault that somebody outside has seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    /// Ids. Only another system may name none.
    #[serde(default)]
    pub links: Vec<String>,
    pub what: String,
    /// Who says so: `operator` when empty, else `customer` or `unit/<id>`.
    #[serde(default)]
    pub party: String,
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// How another system calls it; the same fault has the same name. Empty: a person reports it.
    #[serde(default)]
    pub source: String,
    /// An exercise: everything runs and is told as if it were true, marked 【演练】.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drill: bool,
}

/// Steps of the work on an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Somebody was told, by hand.
    Notified,
    /// The customer reported it.
    CustomerReported,
    Registered,
    Diagnosed,
    PlanGiven,
    Remote,
    OnSite,
    /// Recovery has begun.
    Begun,
    Workaround,
    /// With the time by which the party means to be done.
    Promised,
    /// The party says that it is not its fault, and why. Its clocks run on.
    Disputed,
    /// The party says that it is over: its links are tested again.
    ClaimsRestored,
    DeviceSwapped,
    DataRestored,
    ReportReceived,
    FeedbackReceived,
    AnalysisReceived,
}

impl Step {
    /// Its event in the timeline.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notified => "notified",
            Self::CustomerReported => "customer_reported",
            Self::Registered => "registered",
            Self::Diagnosed => "diagnosed",
            Self::PlanGiven => "plan_given",
            Self::Remote => "remote",
            Self::OnSite => "on_site",
            Self::Begun => "begun",
            Self::Workaround => "workaround",
            Self::Promised => "promised",
            Self::Disputed => "disputed",
            Self::ClaimsRestored => "claims_restored",
            Self::DeviceSwapped => "device_swapped",
            Self::DataRestored => "data_restored",
            Self::ReportReceived => "report_received",
            Self::FeedbackReceived => "feedback_received",
            Self::AnalysisReceived => "analysis_received",
        }
    }

    /// The clock that it stops.
    pub fn stops(self) -> Option<&'static str> {
        match self {
            Self::Notified | Self::CustomerReported | Self::Promised | Self::Disputed | Self::ClaimsRestored => None,
            Self::Registered => Some("register"),
            Self::Diagnosed => Some("diagnosis"),
            Self::PlanGiven => Some("plan"),
            Self::Remote => Some("remote"),
            Self::OnSite => Some("on_site"),
            Self::Begun => Some("begin"),
            Self::Workaround => Some("workaround"),
            Self::DeviceSwapped => Some("device_swap"),
            Self::DataRestored => Some("data_restore"),
            Self::ReportReceived => Some("report"),
            Self::FeedbackReceived => Some("feedback"),
            Self::AnalysisReceived => Some("analysis"),
        }
    }
}

/// What a loss of sight turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The network was out: what was unknown was down, from its first loss.
    Outage,
    /// It was us: nothing is held against anybody.
    OwnFault,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Reply {
    Done {
        at: Timestamp,
    },
    /// The incidents that hold the report now; `joined`: they were there before.
    Reported {
        at: Timestamp,
        incidents: Vec<String>,
        joined: bool,
    },
    /// The planned work is written down; whether it counts as such, and what it leaves without a reserve.
    Planned {
        at: Timestamp,
        window: String,
        #[serde(flatten)]
        standing: Standing,
        overlaps: Vec<Overlap>,
    },
    /// The change as it is written down, and its planned work.
    Changed {
        at: Timestamp,
        change: String,
        window: Option<String>,
    },
    /// The notice as it is now.
    Breached {
        at: Timestamp,
        breach: String,
        number: Option<String>,
        /// SHA-256 of what was sealed.
        seal: Option<String>,
    },
    /// How to reach whom, for the page that asked. What is written of a reply never holds it.
    Revealed {
        at: Timestamp,
        #[serde(skip)]
        contacts: Vec<Reachable>,
    },
    /// A reply that was not plain waits for a person.
    Listed {
        at: Timestamp,
        why: Unclear,
    },
    /// What became of each note of a carrier.
    Maintnotes(NotesTaken),
    /// What became of observations.
    Observed(Observed),
    Refused(Refusal),
}

/// Why a command changed nothing. `code` in the API's problem documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Refusal {
    NoSuchIncident,
    AlreadyAcknowledged {
        by: String,
    },
    /// The party has not acknowledged it, or not any more.
    NotAcknowledged,
    /// This is said with a reason in words.
    NoReason,
    NotRestored,
    AlreadyClosed,
    NoActor,
    /// Nobody of this name has a part in the incident.
    NoSuchParty {
        known: Vec<String>,
    },
    /// Before the incident began, or later than now; a promise: not later than now.
    WrongTime,
    /// The entry is not there, or was not written by a person.
    NoSuchEntry,
    /// People have written as much about this incident as it holds.
    TimelineFull,
    NoSuchCondition {
        known: Vec<String>,
    },
    /// The contract asks for these before closing.
    Unconfirmed {
        missing: Vec<String>,
    },
    AlreadyAnnulled,
    /// Annulling takes two people and a reason.
    NeedsTwo,
    /// Only a possible whole-network outage that nobody has resolved can be.
    NothingToResolve,
    /// Of an exclusion: no link in the ledger has this id.
    NoSuchLink {
        link: String,
    },
    /// An exclusion that cannot be booked to the millisecond on this link is booked on none.
    NotExcluded {
        link: String,
        why: String,
    },
    NoSuchRound {
        known: Vec<String>,
    },
    /// No turn of the round can be made now, or not the one that was named.
    RoundNotOpen,
    /// Its record is signed already.
    AlreadyDone {
        by: String,
    },
    /// The form has no field of this name.
    NoSuchField {
        known: Vec<String>,
    },
    /// No device in use has this id.
    NoSuchDevice,
    /// It was said before that it failed.
    DeviceOut {
        by: String,
    },
    /// Nobody said that it failed.
    DeviceNotOut,
    /// Of the end of a report: probes say when that is.
    Measured,
    /// As many reports are open as are held at a time.
    TooManyReports,
    /// A report says what is wrong.
    NothingReported,
    /// Planned work on nothing that we know.
    NoSuchScope {
        scope: String,
    },
    /// What planned work lacks, or has wrong.
    WrongWindow {
        reason: String,
    },
    NoSuchWindow,
    /// It is over, or was cancelled.
    WindowOver,
    /// As much work is planned as is held at a time.
    TooManyWindows,
    /// As many notes of carriers wait for a person as are held: settle some first.
    InboxFull,
    /// Nothing of this id waits for a person, or nothing was said about it.
    NothingToSettle,
    /// A note that cannot be read has no times: plan the work by hand, then settle the note.
    NoteUnreadable,
    /// What the request of a change lacks.
    WrongChange {
        reason: String,
    },
    NoSuchChange,
    /// Who asks for a change does not agree to it.
    OwnChange,
    /// A change is approved before it is carried out, and over once.
    WrongPhase,
    /// As many changes are under way as are held at a time.
    TooManyChanges,
    NoSuchBreach,
    /// Who drafted or reviewed a notice does not approve it.
    OwnBreach,
    /// A notice of this carrier and period is there.
    AlreadyDrafted,
    /// No link of the carrier is breached in this period.
    NotBreached,
    NothingToDraft {
        reason: String,
    },
    NoSuchProblem,
    /// It is closed, or is no problem yet.
    ProblemNotOpen,
    /// System and number of a ticket have 1 to 64 characters, and a record has tickets of a few systems.
    WrongTicket,
    /// The reload was refused; findings as printed by `check`.
    Findings {
        findings: Vec<String>,
    },
    NoSuchReply,
    /// Nothing of this name stands in the way of notices.
    NoSuchDoor {
        known: Vec<String>,
    },
    /// A new key cannot be written to the disk.
    NotStored {
        reason: String,
    },
    /// This process keeps no incidents (`--exporter-only`).
    NotKept,
}
