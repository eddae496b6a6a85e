//! What outsiders may ask for: by API, CLI or page. Each command names who asks; `patrol` carries it out on its own thread.

mod window;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::window::{Every, Overlap, Planned, Standing};
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
    },
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
            Self::Notified | Self::CustomerReported | Self::Promised => None,
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
    /// The reload was refused; findings as printed by `check`.
    Findings {
        findings: Vec<String>,
    },
    /// This process keeps no incidents (`--exporter-only`).
    NotKept,
}
