//! The note of a shift's handover: everything that is open, so that nothing depends on memory.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Register, Roster, Status, devices::Out, roster::Role};
use crate::{
    command::Standing,
    contract::Contract,
    incident::{Incident, IncidentKind, IncidentPhase, Windows},
    units::Timestamp,
};

/// Rows of each kind in a note: more is a disaster, and its incident says so.
const MOST: usize = 200;

/// What is open at a moment. Whoever signs it has seen it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Handover {
    pub at: Timestamp,
    /// Of each role. Filled in when somebody looks: [`Handover::with_roster`].
    #[serde(default)]
    pub on_duty: Vec<OnDuty>,
    /// Not closed yet, the oldest last, as the API lists them.
    pub incidents: Vec<Open>,
    /// Clocks that run, by deadline.
    pub clocks: Vec<Running>,
    /// Promises that are not kept yet, by when they are due.
    pub promises: Vec<Promised>,
    /// Turns that are due, late, or were missed within the last day.
    pub rounds: Vec<Turn>,
    /// Planned work that goes on, whether it counts as such or not. Filled in when somebody looks.
    #[serde(default)]
    pub windows: Vec<AtWork>,
    /// Open incidents of which people are not told, and why.
    #[serde(default)]
    pub muted: Vec<Muted>,
    /// Devices that failed and are not swapped, by deadline.
    #[serde(default)]
    pub devices: Vec<DeviceOut>,
    /// Notices that wait for their receiver or were given up since the daemon started, the newest last.
    pub notices: Vec<Unsent>,
    /// Rows that did not fit.
    pub left_out: usize,
}

/// Who is on duty for a role, as ids, and until when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OnDuty {
    pub role: String,
    pub people: Vec<String>,
    pub until: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Open {
    pub incident: String,
    pub kind: IncidentKind,
    pub phase: IncidentPhase,
    pub tier: u8,
    /// Kind and id.
    pub scope: (String, String),
    pub began: Timestamp,
    pub links_down: usize,
    pub acknowledged: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    pub incident: String,
    pub clock: String,
    pub party: String,
    pub deadline: Timestamp,
    pub overdue: bool,
    pub clause: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promised {
    pub incident: String,
    pub party: String,
    pub eta: Timestamp,
    pub overdue: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    pub round: String,
    pub status: Status,
    pub due: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AtWork {
    pub window: String,
    /// Kind and id of each.
    pub scopes: Vec<(String, String)>,
    pub until: Timestamp,
    #[serde(flatten)]
    pub standing: Standing,
    pub drill: bool,
}

/// An open incident that is kept from people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Muted {
    pub incident: String,
    pub why: Why,
    /// The incident that explains it.
    pub by: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It comes and goes.
    Flapping,
    /// What its links depend on is down, and that is told instead.
    Explained,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceOut {
    pub device: String,
    pub model: String,
    pub began: Timestamp,
    /// `None`: no clock of the contract runs for it.
    pub deadline: Option<Timestamp>,
    pub overdue: bool,
}

/// Notices that were given up, of a handover.
pub const MOST_GIVEN_UP: usize = 50;

/// A notice that its receiver does not have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unsent {
    pub notice: String,
    pub channel: String,
    /// When it was made, or when it was given up.
    pub at: Timestamp,
    pub given_up: bool,
}

/// A missed turn stands in the notes of a day.
const DAY: i64 = 86_400_000;

impl Handover {
    pub fn of(incidents: &[Arc<Incident>], register: &Register, notices: Vec<Unsent>, now: Timestamp) -> Self {
        let mut note = Self { at: now, notices, ..Self::default() };
        for incident in incidents.iter().filter(|incident| incident.phase != IncidentPhase::Closed) {
            note.take(incident, now);
        }
        let stands = |status, due: Timestamp| match status {
            Status::Due | Status::Late => true,
            Status::Missed => now.0 - due.0 <= DAY,
            Status::Planned | Status::Done => false,
        };
        let open = register.entries().iter().filter(|entry| stands(entry.status, entry.due));
        note.rounds =
            open.map(|entry| Turn { round: entry.round.clone(), status: entry.status, due: entry.due }).collect();
        note.devices = register.swaps.out().map(DeviceOut::of).collect();
        note.devices.sort_by_key(|out| out.deadline.unwrap_or(Timestamp(i64::MAX)));
        note.clocks.sort_by_key(|clock| clock.deadline);
        note.promises.sort_by_key(|promise| promise.eta);
        note.rounds.sort_by_key(|turn| turn.due);
        note.left_out = cut(&mut note.incidents)
            + cut(&mut note.clocks)
            + cut(&mut note.promises)
            + cut(&mut note.rounds)
            + cut(&mut note.muted)
            + cut(&mut note.devices)
            + cut(&mut note.notices);
        note
    }

    /// Who is on duty at its moment. A handover is shown each second, and a roster changes twice a day.
    pub fn with_roster(mut self, roster: &Roster) -> Self {
        let of = |role: &Role| OnDuty {
            role: role.id.clone(),
            people: roster.on_duty(&role.id, self.at).into_iter().map(|person| person.id.clone()).collect(),
            until: roster.next_change(&role.id, self.at),
        };
        self.on_duty = roster.roles.iter().map(of).collect();
        self
    }

    /// Planned work at its moment.
    pub fn with_windows(mut self, windows: &Windows, contract: &Contract) -> Self {
        let at_work = windows.list().filter_map(|window| {
            let turn = window.turn(self.at, contract.time_zone).filter(|turn| turn.from <= self.at)?;
            Some(AtWork {
                window: window.id.clone(),
                scopes: window.scopes.iter().map(|scope| (scope.kind.clone(), scope.id.clone())).collect(),
                until: turn.to,
                standing: window.standing(turn.from, contract),
                drill: window.drill,
            })
        });
        self.windows = at_work.collect();
        self.windows.sort_by_key(|window| window.until);
        self.left_out += cut(&mut self.windows);
        self
    }

    fn take(&mut self, incident: &Incident, now: Timestamp) {
        let id = || incident.id.clone();
        self.incidents.push(Open {
            incident: id(),
            kind: incident.kind,
            phase: incident.phase,
            tier: incident.tier,
            scope: (incident.scope.kind.clone(), incident.scope.id.clone()),
            began: incident.began,
            links_down: incident.links.iter().filter(|(_, down)| *down).count(),
            acknowledged: !incident.acknowledgements.is_empty(),
        });
        let why = match &incident.parent {
            Some(_) if incident.is_covered(false) => Some(Why::Explained),
            _ => incident.flapping.map(|_| Why::Flapping),
        };
        if let Some(why) = why {
            let by = incident.parent.as_ref().map(|parent| parent.incident.clone());
            self.muted.push(Muted { incident: id(), why, by });
        }
        let running = incident.clocks.iter().filter(|clock| clock.stopped.is_none());
        self.clocks.extend(running.map(|clock| Running {
            incident: id(),
            clock: clock.clock.clone(),
            party: clock.party.clone(),
            deadline: clock.deadline,
            overdue: now > clock.deadline,
            clause: clock.clause.clone(),
        }));
        if incident.phase == IncidentPhase::Open {
            self.promises.extend(incident.promises.iter().map(|promise| Promised {
                incident: id(),
                party: promise.party.clone(),
                eta: promise.eta,
                overdue: now > promise.eta,
            }));
        }
    }
}

impl DeviceOut {
    fn of(out: &Out) -> Self {
        Self {
            device: out.device.clone(),
            model: out.model.clone(),
            began: out.began,
            deadline: out.swap.as_ref().map(|swap| swap.deadline),
            overdue: out.overdue,
        }
    }
}

/// Returns how many rows did not fit.
fn cut<T>(rows: &mut Vec<T>) -> usize {
    let surplus = rows.len().saturating_sub(MOST);
    rows.truncate(MOST);
    surplus
}
