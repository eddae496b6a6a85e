//! Devices that are out, and what became of them: the state that is stored.
//!
//! ```text
//!   in use ──fault──▶ out ──deadline──▶ overdue
//!      ▲               │                   │
//!      └────swapped────┴─────swapped───────┘
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Device, Devices};
use crate::{
    command::Refusal,
    contract::words::Start,
    units::{Ppm, Timestamp},
};

/// Swaps that are kept: years of a city. The journal keeps them all.
const MOST_SWAPPED: usize = 1_000;
/// A fault that began earlier is no news: 31 days.
const OLDEST: i64 = 31 * 86_400_000;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Swaps {
    /// By device.
    out: BTreeMap<String, Out>,
    /// The oldest first.
    swapped: Vec<Swapped>,
    /// Since the state folder was begun: in time, late.
    ended: (u64, u64),
}

/// A device that failed and is not swapped yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Out {
    pub device: String,
    pub model: String,
    /// When it failed, as told; and when that was written down.
    pub began: Timestamp,
    pub told: Timestamp,
    pub actor: String,
    /// Who says so: `operator`, `customer`, `unit/<id>`.
    pub party: String,
    pub way: String,
    pub note: String,
    pub key: String,
    /// `None`: no clock of the contract runs for it.
    pub swap: Option<Swap>,
    /// The deadline has passed.
    pub overdue: bool,
}

/// The clock that runs out first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swap {
    pub started: Timestamp,
    /// Which event started it.
    pub starts: String,
    pub deadline: Timestamp,
    /// Late at the deadline itself.
    pub strict: bool,
    pub calendar: String,
    pub clause: String,
}

/// A device that was swapped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Swapped {
    pub device: String,
    pub model: String,
    pub began: Timestamp,
    pub at: Timestamp,
    pub actor: String,
    pub note: String,
    pub key: String,
    pub swap: Option<Swap>,
    pub late: bool,
    /// The place from which a spare was taken. `None`: another device, or none was left.
    pub spare: Option<String>,
}

/// Something that happened to a device, for the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceFact {
    Out(Out),
    Overdue(Out),
    Swapped(Swapped),
}

/// What a person says of a device that failed.
#[derive(Debug, Clone, Copy)]
pub struct Fault<'a> {
    pub device: &'a str,
    pub at: Option<Timestamp>,
    pub actor: &'a str,
    pub party: &'a str,
    pub way: &'a str,
    pub note: &'a str,
    pub key: &'a str,
}

impl Swaps {
    /// Devices that are out, by id.
    pub fn out(&self) -> impl Iterator<Item = &Out> {
        self.out.values()
    }

    pub fn of(&self, device: &str) -> Option<&Out> {
        self.out.get(device)
    }

    /// Whether a swap is overdue, or has used up `warning`, a share of its time.
    pub fn is_due(&self, warning: Option<Ppm>, now: Timestamp) -> bool {
        let swaps = self.out.values().filter_map(|out| out.swap.as_ref());
        swaps.into_iter().any(|swap| swap.is_late(now) || warning.is_some_and(|share| swap.has_used(share, now)))
    }

    /// What was swapped, the oldest first.
    pub fn done(&self) -> &[Swapped] {
        &self.swapped
    }

    /// Swaps since the state folder was begun: in time, late.
    pub fn ended(&self) -> (u64, u64) {
        self.ended
    }

    /// A device has failed: its clock starts. The same key again changes nothing.
    ///
    /// # Errors
    /// No such device, it is out already, or the time is not one that can be told now.
    pub fn fail(&mut self, fault: Fault<'_>, devices: &Devices, now: Timestamp) -> Result<DeviceFact, Refusal> {
        let device = devices.get(fault.device).ok_or(Refusal::NoSuchDevice)?;
        match self.out.get(fault.device) {
            Some(out) if out.key == fault.key => return Ok(DeviceFact::Out(out.clone())),
            Some(out) => return Err(Refusal::DeviceOut { by: out.actor.clone() }),
            None => {}
        }
        let began = fault.at.unwrap_or(now);
        if began > now || now.0 - began.0 > OLDEST {
            return Err(Refusal::WrongTime);
        }
        let party = if fault.party.is_empty() { "operator" } else { fault.party };
        let out = Out {
            device: device.id.clone(),
            model: device.model.clone(),
            began,
            told: now,
            actor: fault.actor.to_owned(),
            party: party.to_owned(),
            way: fault.way.to_owned(),
            note: fault.note.to_owned(),
            key: fault.key.to_owned(),
            swap: swap(device, began, now, party != "operator"),
            overdue: false,
        };
        self.out.insert(device.id.clone(), out.clone());
        Ok(DeviceFact::Out(out))
    }

    /// A device was swapped: its clock stops. With `spare` one of its model is taken from the first place that has one.
    ///
    /// # Errors
    /// It is not out, or the time is not one that can be told now.
    pub fn swap(
        &mut self,
        said: Fault<'_>,
        spare: bool,
        devices: &Devices,
        now: Timestamp,
    ) -> Result<DeviceFact, Refusal> {
        if let Some(done) = self.swapped.iter().rfind(|done| done.device == said.device && done.key == said.key) {
            return Ok(DeviceFact::Swapped(done.clone()));
        }
        let out = self.out.get(said.device).ok_or(Refusal::DeviceNotOut)?;
        let at = said.at.unwrap_or(now);
        if !(out.began..=now).contains(&at) {
            return Err(Refusal::WrongTime);
        }
        let from = devices.spares.iter().find(|one| spare && one.model == out.model && one.left(self) > 0);
        let late = out.swap.as_ref().is_some_and(|swap| swap.is_late(at));
        let done = Swapped {
            device: out.device.clone(),
            model: out.model.clone(),
            began: out.began,
            at,
            actor: said.actor.to_owned(),
            note: said.note.to_owned(),
            key: said.key.to_owned(),
            swap: out.swap.clone(),
            late,
            spare: from.map(|spare| spare.place.clone()),
        };
        self.out.remove(said.device);
        if self.swapped.len() == MOST_SWAPPED {
            self.swapped.remove(0);
        }
        self.swapped.push(done.clone());
        *(if late { &mut self.ended.1 } else { &mut self.ended.0 }) += 1;
        Ok(DeviceFact::Swapped(done))
    }

    /// Lets time pass. Each clock that ran out is told once.
    pub fn advance(&mut self, now: Timestamp) -> Vec<DeviceFact> {
        let ran_out = |out: &&mut Out| !out.overdue && out.swap.as_ref().is_some_and(|swap| swap.is_late(now));
        let late = self.out.values_mut().filter(ran_out);
        late.map(|out| {
            out.overdue = true;
            DeviceFact::Overdue(out.clone())
        })
        .collect()
    }
}

impl Swap {
    /// Of the time between its start and its deadline, whatever the calendar.
    fn has_used(&self, Ppm(share): Ppm, at: Timestamp) -> bool {
        let (used, all) = (at.since(self.started).as_millis(), self.deadline.since(self.started).as_millis());
        used * 1_000_000 >= u128::from(share) * all
    }

    fn is_late(&self, at: Timestamp) -> bool {
        if self.strict { at >= self.deadline } else { at > self.deadline }
    }
}

/// The clock of a device that runs out first, as far as what starts it is known.
fn swap(device: &Device, began: Timestamp, told: Timestamp, by_customer: bool) -> Option<Swap> {
    let started = |start: Start| match start {
        Start::Earliest | Start::Occurred => Some((Start::Occurred, began)),
        Start::Detected | Start::Alarmed => Some((Start::Detected, told)),
        Start::CustomerReported => by_customer.then_some((start, told)),
        // These belong to an incident, whose own swap clock they start.
        Start::NoticeDelivered | Start::Restored | Start::RestoreOverdue => None,
    };
    let clocks = device.clocks.iter().filter_map(|clock| {
        let (starts, at) = started(clock.starts.value)?;
        clock.runs_from(at).then(|| Swap {
            started: at,
            starts: starts.as_str().to_owned(),
            deadline: clock.deadline(at),
            strict: clock.strict,
            calendar: clock.calendar.id.clone(),
            clause: clock.clause.clone(),
        })
    });
    clocks.min_by_key(|swap| swap.deadline)
}
