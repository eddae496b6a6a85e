//! One immutable picture of the world: all that outsiders may see.
//!
//! `patrol` makes it when somebody asks, at most twice a second and chunk by chunk, and also while nothing changes: an old
//! picture in an answer means that the loop stands still. `export`, `api` and pages read only this, through a [`crate::feed::Feed`].

mod sites;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Serialize;

use crate::{
    contract::{
        Contract,
        sites::SiteRules,
        words::{Period, Reach},
    },
    duty::{Devices, Handover, Register, Roster, Rounds},
    incident::{Desk, Incident, IncidentPhase, Windows},
    inventory::{Expiries, Inventory, Registered, Role},
    judge::{LinkState, rule::Alarm, service::ServiceState, site::days},
    ledger::{Accounted, ClosedMonth, Ended, Month, Quality, Stretch, Whole, online::OnlineStanding, transaction},
    notify::{doors::DoorView, letter::Letters},
    profile::services::Service,
    sample::service::{Ending, Report},
    units::{Counts, Mono, Now, Rtt, Timestamp},
    window::{Beat, Edges, Summary, WINDOWS},
};

pub use self::sites::SiteView;

/// 1024 links a chunk: a chunk is copied whole when one of its links changed.
pub const CHUNK: usize = 1024;

#[derive(Clone)]
pub struct Snapshot {
    /// When it was published, on both clocks: age is measured on the steady one.
    pub at: Now,
    pub inventory: Arc<Inventory>,
    pub contract: Arc<Contract>,
    /// By [`crate::export::labels`], once per reload.
    pub labels: Arc<[LinkLabels]>,
    /// In ledger order, [`CHUNK`] links each.
    pub links: Vec<Arc<[LinkView]>>,
    /// The period of the availability objective that runs.
    pub period: Stretch,
    /// What all links together come to in it, where the objective is about that. `None` while it is being read too.
    pub together: Option<Accounted>,
    /// Open ones first, then restored, then closed ones that have not left yet; newest first.
    pub incidents: Arc<[Arc<Incident>]>,
    /// Planned work.
    pub windows: Arc<Windows>,
    /// What people have to act on besides.
    pub desk: Arc<Desk>,
    /// Of operators' rules: firing, then pending, then those that ended.
    pub alarms: Arc<[Arc<Alarm>]>,
    pub rounds: Arc<Rounds>,
    pub roster: Arc<Roster>,
    pub devices: Arc<Devices>,
    pub services: Arc<ServicesView>,
    pub site_rules: Arc<SiteRules>,
    pub expiries: Arc<Expiries>,
    /// In which words parties read.
    pub letters: Arc<Letters>,
    /// What became of the rounds. Empty: `--exporter-only`.
    pub register: Arc<Register>,
    /// What is open, for those who take over the watch.
    pub handover: Arc<Handover>,
    /// What may leave, of channels and parties.
    pub doors: Arc<[DoorView]>,
    pub coverage: Coverage,
    pub engine: EngineView,
    /// `None`: `--exporter-only`.
    pub journal: Option<JournalView>,
    pub reload: ReloadView,
    /// `false`: `--exporter-only`.
    pub keeps_incidents: bool,
    /// Carried out on a simulated city: every text shows 【模拟】.
    pub simulated: bool,
    pub ready: Ready,
}

impl Snapshot {
    pub fn open_incidents(&self) -> impl Iterator<Item = &Arc<Incident>> {
        self.incidents.iter().filter(|incident| incident.phase == IncidentPhase::Open)
    }

    /// What a link's running period comes to, by the contract. `None`: it is being read.
    pub fn judged(&self, view: &LinkView) -> Option<Whole> {
        match self.contract.objectives.period {
            Period::Quarter | Period::Year => view.whole.as_deref().copied(),
            _ => Some(Whole { accounted: view.month, failures: view.failures }),
        }
    }

    /// What a link's verdict on availability is about: its own period, or that of all links together.
    pub fn weighed(&self, view: &LinkView) -> Option<Accounted> {
        match self.contract.objectives.reach {
            Reach::Link => self.judged(view).map(|whole| whole.accounted),
            Reach::Fleet => self.together,
        }
    }

    /// What the register of expiries has, what ends first first: each with the whole days left and the rung of the ladder
    /// that is reached.
    pub fn registered(&self) -> impl Iterator<Item = (&Registered, i64, Option<u32>)> {
        let (now, ladder) = (self.at.utc, self.site_rules.days_left.as_ref().map_or(&[][..], |days| &days.register));
        self.expiries.list.iter().map(move |one| (one, days::left(one.ends, now), days::rung(ladder, one.ends, now)))
    }

    /// In ledger order.
    pub fn links(&self) -> impl Iterator<Item = &LinkView> {
        self.links.iter().flat_map(|chunk| chunk.iter())
    }
}

/// Text that never changes between two reloads, in exposition escape.
pub struct LinkLabels {
    /// `link="LL-0412",cid="…",carrier="…",…`: all labels of `linkpatrol_link_info`.
    pub info: Box<str>,
    /// Length of the first of them.
    pub link_length: usize,
}

impl LinkLabels {
    /// `link="LL-0412"`.
    pub fn link(&self) -> &str {
        &self.info[..self.link_length]
    }
}

/// What is known of one link now. Cheap to copy: no strings, no tables without a bound.
#[derive(Clone)]
pub struct LinkView {
    pub state: LinkState,
    pub state_since: Timestamp,
    /// By point, in role order; at most five.
    pub points: Box<[PointView]>,
    /// Place in `points` of the measuring point.
    pub deciding: Option<u8>,
    /// Milliseconds of the current civil month by measured state.
    pub month: Accounted,
    /// Outages of that month, merged as the contract says; `None`: there were too many to tell apart.
    pub failures: Option<u32>,
    /// What the contract's period comes to where it is no month; see [`Snapshot::judged`].
    pub whole: Option<Box<Whole>>,
    /// Loss and RTT of the current civil month, and of the one before.
    pub quality: Arc<Quality>,
    pub last_month: Option<Arc<(Month, Quality)>>,
    /// Where loss and RTT are not judged by month: the period of each that the last month ended, if it did.
    pub ended: Option<Arc<Ended>>,
    /// A router's control plane is the point that decides: what it shows of loss and RTT is a suspicion.
    pub is_control_plane: bool,
}

impl LinkView {
    /// The point whose figures are the link's; `None`: the link cannot be measured.
    pub fn deciding_point(&self) -> Option<&PointView> {
        self.deciding.and_then(|place| self.points.get(usize::from(place)))
    }
}

/// What one measuring point has seen.
#[derive(Clone)]
pub struct PointView {
    pub role: Role,
    /// `None`: unknown.
    pub up: Option<bool>,
    /// Scheduled probes since the process started.
    pub counts: Counts,
    pub late: u32,
    pub duplicates: u32,
    pub confirms: u32,
    pub last_rtt: Option<Rtt>,
    /// RFC 3550 smoothed.
    pub jitter: Option<Rtt>,
    pub last_probe: Option<Timestamp>,
    pub hop_limit: Option<u8>,
    pub consecutive_losses: u32,
    /// Over 10 s, 1 m, 5 m, 1 h.
    pub windows: Arc<[Summary; WINDOWS.len()]>,
    /// The last hour, oldest first.
    pub beats: Arc<[Beat]>,
    /// RTTs since the process started, by [`crate::window::RTT_EDGES_NANOS`], and their sum in nanoseconds.
    pub histogram: Edges,
    pub rtt_sum_nanos: u64,
}

/// All services, in the order of their file.
#[derive(Clone, Debug, Default)]
pub struct ServicesView {
    pub list: Vec<ServiceView>,
    /// Turns and visits left out, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// What is known of them besides, by id.
    pub sites: BTreeMap<String, Arc<SiteView>>,
    /// Visits that a limit held back, by limit; and by how much all of them began after their turn.
    pub waits: [(&'static str, u64); 5],
    pub late: Duration,
}

/// What is known of one service now.
#[derive(Clone, Debug)]
pub struct ServiceView {
    pub service: Arc<Service>,
    pub state: ServiceState,
    /// Milliseconds of the running civil month.
    pub month: Accounted,
    pub last_month: Option<Arc<ClosedMonth>>,
    /// Of the business transaction that some of its steps are.
    pub transaction: Option<transaction::Standing>,
    /// Of a group of devices.
    pub online: Option<OnlineStanding>,
    pub since: Timestamp,
    pub visits: Visits,
    /// When the last visit began, and what it told.
    pub last: Option<(Timestamp, Arc<Report>)>,
}

/// Visits that ended since the process started. `confirms` are in none of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Visits {
    pub passed: u64,
    pub failed: u64,
    pub unmeasured: u64,
    pub confirms: u64,
}

impl Visits {
    pub fn count(&mut self, ending: &Ending, is_confirm: bool) {
        *match ending {
            _ if is_confirm => &mut self.confirms,
            Ending::Passed => &mut self.passed,
            Ending::Failed(_) => &mut self.failed,
            Ending::Unmeasured(_) => &mut self.unmeasured,
        } += 1;
    }
}

/// Every link is in exactly one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    pub measured: u32,
    pub never_verified: u32,
    pub not_measurable: u32,
}

/// How the engine and the loop themselves are doing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct EngineView {
    pub mode: String,
    /// When its scheduler last turned; `None`: nothing is scheduled.
    #[serde(skip)]
    pub last_tick: Option<Mono>,
    /// Seconds behind the schedule, worst of the last ten.
    pub scheduler_lag_seconds: f64,
    pub stamps_kernel: u64,
    pub stamps_kernel_receive: u64,
    pub stamps_user: u64,
    /// By [`crate::sample::LocalFault::reason`], and `blocks_overflow`, `journal_overflow` and the like.
    pub local_drops: Vec<(&'static str, u64)>,
    /// Replies that were ours in form only: wrong source, broken payload, unknown probe.
    pub rejected: Vec<(&'static str, u64)>,
    pub socket_buffer_bytes: u64,
    /// Processor seconds by stage.
    pub cpu_seconds: Vec<(&'static str, f64)>,
    /// By witness: up.
    pub witnesses: Vec<(String, bool)>,
    pub vantage_up: bool,
    /// How often the conditions of a rule were asked for a link.
    pub rule_evaluations: u64,
    /// Named targets whose last lookup failed.
    pub names_failing: usize,
}

/// How far the journal reaches.
#[derive(Clone, Debug, Default)]
pub struct JournalView {
    /// Number and hash of its newest entry.
    pub entries: u64,
    pub head: String,
    /// Of the oldest entry that is kept.
    pub oldest: Option<Timestamp>,
    /// When the newest anchor was laid into its folder.
    pub anchored: Option<Timestamp>,
    /// Days without an anchor that this process came upon.
    pub anchors_missed: u64,
    /// Why the newest anchor is not in its folder.
    pub anchor_error: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct ReloadView {
    pub successful: bool,
    pub last_success: Timestamp,
}

/// What `/-/ready` says: every reason it is not.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Ready {
    pub reasons: Vec<&'static str>,
}
