//! Devices in use, their spares, and the swap of those that fail.
//!
//! In: `devices.yaml` beside a contract, and what people say of devices. Out: for how many models there is a spare, which
//! devices are out, and by when each must be swapped ([`Swaps`]). Pure. No probe knows a device from its link: who says
//! that one is out is a person.

mod read;
mod swaps;
#[cfg(test)]
mod tests;
mod view;

use chrono::NaiveDate;
use serde::Serialize;

pub use self::{
    swaps::{DeviceFact, Fault, Out, Swap, Swapped, Swaps},
    view::View,
};
use crate::{
    contract::{
        Clock, Facts, Target, Terms,
        words::{ClockKind, FaultKind, Scope, TargetKind},
    },
    diagnostic::Place,
    units::Timestamp,
};

/// Devices and spares of a contract. Empty without the file.
#[derive(Debug, Default, PartialEq)]
pub struct Devices {
    pub list: Vec<Device>,
    pub spares: Vec<Spare>,
}

/// One device in use.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    pub id: String,
    pub model: String,
    pub site: String,
    /// Ids of links that it serves.
    pub links: Vec<String>,
    /// Requirement whose rules hold for it.
    pub requirement: String,
    /// By when it must be swapped when it fails; the contract may have several clocks for it.
    pub clocks: Vec<Clock>,
    pub place: Place,
}

/// Spares of a model at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spare {
    pub model: String,
    pub place: String,
    /// So many there were on that day; what was taken since is subtracted.
    pub count: u32,
    pub counted: NaiveDate,
    /// The first moment after that day.
    pub since: Timestamp,
}

/// Models in use, and those of them that have a spare.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    pub models: usize,
    pub with_spare: usize,
    /// Models without one, sorted.
    pub without: Vec<String>,
}

impl Devices {
    pub fn get(&self, id: &str) -> Option<&Device> {
        self.list.iter().find(|device| device.id == id)
    }

    /// Spares of a model that are left, over all places.
    pub fn left(&self, model: &str, swaps: &Swaps) -> u32 {
        let of_model = self.spares.iter().filter(|spare| spare.model == model);
        of_model.map(|spare| spare.left(swaps)).sum()
    }

    /// For how many models in use there is a spare.
    pub fn coverage(&self, swaps: &Swaps) -> Coverage {
        let mut models: Vec<&str> = self.list.iter().map(|device| device.model.as_str()).collect();
        models.sort_unstable();
        models.dedup();
        let without: Vec<String> =
            models.iter().filter(|model| self.left(model, swaps) == 0).map(|model| (*model).to_owned()).collect();
        Coverage { models: models.len(), with_spare: models.len() - without.len(), without }
    }
}

impl Spare {
    pub fn left(&self, swaps: &Swaps) -> u32 {
        let is_ours = |swap: &&Swapped| {
            swap.model == self.model && swap.spare.as_ref() == Some(&self.place) && swap.at >= self.since
        };
        let taken = swaps.done().iter().filter(is_ours).count();
        self.count.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX))
    }
}

/// Swap clocks of the contract for a device of this requirement.
fn clocks(terms: &Terms, id: &str, requirement: &str) -> Vec<Clock> {
    let service = terms.services.iter().find(|service| service.id == requirement);
    let target = Target {
        kind: TargetKind::Device,
        id,
        requirement,
        category: service.map_or("device", |service| service.category.as_str()),
        class: service.map_or("", |service| service.patrol.as_str()),
        groups: service.map_or(&[], |service| service.groups.as_slice()),
        link_kind: None,
    };
    let facts = Facts {
        scope: Scope::Link,
        failing: 1,
        measured: 1,
        kind: FaultKind::Device,
        impact: None,
        service_class: None,
        case: None,
    };
    let tiers = terms.classes_of(&target).into_iter().filter_map(|class| class.tier(&facts));
    tiers.flat_map(|tier| tier.clocks_of(ClockKind::DeviceSwap).cloned().collect::<Vec<_>>()).collect()
}
