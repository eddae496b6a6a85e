//! Devices, spares and swaps, as the API and the command line write them.

use chrono_tz::Tz;
use serde::Serialize;

use super::{Coverage, Devices, Out, Swap, Swapped, Swaps};
use crate::units::{At, Timestamp};

/// Swaps that are shown: a year of a city.
const MOST_SHOWN: usize = 200;

#[derive(Debug, Serialize)]
pub struct View<'a> {
    pub at: At,
    pub coverage: Coverage,
    pub devices: Vec<DeviceView<'a>>,
    pub spares: Vec<SpareView<'a>>,
    /// The newest first.
    pub swapped: Vec<SwappedView<'a>>,
}

#[derive(Debug, Serialize)]
pub struct DeviceView<'a> {
    pub id: &'a str,
    pub model: &'a str,
    pub site: &'a str,
    pub links: &'a [String],
    pub requirement: &'a str,
    /// Clauses of the clocks that run when it fails.
    pub clauses: Vec<&'a str>,
    /// `in_use`, `out`, `overdue`.
    pub status: &'static str,
    pub out: Option<OutView<'a>>,
}

#[derive(Debug, Serialize)]
pub struct OutView<'a> {
    pub began: At,
    pub told: At,
    pub actor: &'a str,
    pub party: &'a str,
    pub way: &'a str,
    pub note: &'a str,
    pub swap: Option<SwapView<'a>>,
}

#[derive(Debug, Serialize)]
pub struct SwapView<'a> {
    pub started: At,
    pub starts: &'a str,
    pub deadline: At,
    pub calendar: &'a str,
    pub clause: &'a str,
}

#[derive(Debug, Serialize)]
pub struct SpareView<'a> {
    pub model: &'a str,
    pub place: &'a str,
    pub counted: String,
    pub count: u32,
    pub left: u32,
}

#[derive(Debug, Serialize)]
pub struct SwappedView<'a> {
    pub device: &'a str,
    pub model: &'a str,
    pub began: At,
    pub at: At,
    pub actor: &'a str,
    pub note: &'a str,
    pub late: bool,
    pub spare: Option<&'a str>,
    pub swap: Option<SwapView<'a>>,
}

impl Devices {
    pub fn view<'a>(&'a self, swaps: &'a Swaps, at: Timestamp, zone: Tz) -> View<'a> {
        let device = |device: &'a super::Device| {
            let out = swaps.of(&device.id);
            let status = out.map_or("in_use", |out| if out.overdue { "overdue" } else { "out" });
            DeviceView {
                id: &device.id,
                model: &device.model,
                site: &device.site,
                links: &device.links,
                requirement: &device.requirement,
                clauses: device.clocks.iter().map(|clock| clock.clause.as_str()).collect(),
                status,
                out: out.map(|out| OutView::new(out, zone)),
            }
        };
        let spare = |spare: &'a super::Spare| SpareView {
            model: &spare.model,
            place: &spare.place,
            counted: spare.counted.to_string(),
            count: spare.count,
            left: spare.left(swaps),
        };
        View {
            at: At(at, zone),
            coverage: self.coverage(swaps),
            devices: self.list.iter().map(device).collect(),
            spares: self.spares.iter().map(spare).collect(),
            swapped: swaps.done().iter().rev().take(MOST_SHOWN).map(|done| SwappedView::new(done, zone)).collect(),
        }
    }
}

impl<'a> OutView<'a> {
    fn new(out: &'a Out, zone: Tz) -> Self {
        Self {
            began: At(out.began, zone),
            told: At(out.told, zone),
            actor: &out.actor,
            party: &out.party,
            way: &out.way,
            note: &out.note,
            swap: out.swap.as_ref().map(|swap| SwapView::new(swap, zone)),
        }
    }
}

impl<'a> SwapView<'a> {
    fn new(swap: &'a Swap, zone: Tz) -> Self {
        Self {
            started: At(swap.started, zone),
            starts: &swap.starts,
            deadline: At(swap.deadline, zone),
            calendar: &swap.calendar,
            clause: &swap.clause,
        }
    }
}

impl<'a> SwappedView<'a> {
    fn new(done: &'a Swapped, zone: Tz) -> Self {
        Self {
            device: &done.device,
            model: &done.model,
            began: At(done.began, zone),
            at: At(done.at, zone),
            actor: &done.actor,
            note: &done.note,
            late: done.late,
            spare: done.spare.as_deref(),
            swap: done.swap.as_ref().map(|swap| SwapView::new(swap, zone)),
        }
    }
}
