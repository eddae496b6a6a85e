//! Half a year of a city in a minute: the shipped code from samples to notices, against a world whose truth is known.
//!
//! ```text
//!   seed ─▶ world ──fate──▶ lines ──losses, changes: samples; quiet: runs──▶ station ──effects──▶ people
//!             └─────────────────────────── truth ────────────────▶ checks ◀───────────┘
//! ```
//!
//! In: files, days, a seed. Out: a [`Summary`] and the story of what went wrong. The same seed plays the same.

mod accounts;
mod cast;
mod checks;
mod line;
mod people;
mod run;
mod served;
mod span;
mod station;
mod visitor;
mod world;

use std::sync::Arc;

use serde::Serialize;

pub use self::{cast::serve, run::Pace};
use self::{run::Player, world::World};
use crate::{
    incident::{EffectKind, Incident},
    patrol::load::Loaded,
};

/// What to play.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    pub days: u32,
    /// How many times as often as in a real city things happen.
    pub storm: f64,
    pub pace: Pace,
}

/// How it went.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    pub seed: u64,
    /// Things that happened in the world.
    pub events: u64,
    /// Probes that were played one by one, confirm probes included.
    pub samples: u64,
    /// Quiet stretches that were played at one stroke.
    pub runs: u64,
    /// That were opened.
    pub incidents: u64,
    /// Stretches during which one link or service was down.
    pub outages_injected: u64,
    pub outages_found: u64,
    /// Nobody could have seen them: too short, or while we were blind, isolated or dead.
    pub injected_but_masked: u64,
    /// How often services were visited, quiet visits included.
    pub service_visits: u64,
    /// Of the incidents, those of services; and of these, such that said at once what they stand behind that is down.
    pub service_incidents: u64,
    pub service_incidents_explained: u64,
    /// Of the outages, those of services.
    pub service_outages_injected: u64,
    pub service_outages_found: u64,
    pub violations: u64,
    pub wall_seconds: f64,
}

/// How it went, and what is needed to understand it.
pub struct Outcome {
    pub summary: Summary,
    /// The first violations, each with its time.
    pub violations: Vec<String>,
    /// What happened, and what was told, around the first of them.
    pub story: Vec<String>,
    pub notices: u64,
    /// Everything told: when, of which incident, what.
    pub told: Vec<(i64, String, EffectKind)>,
    /// Probes that the runs stand for, and those played one by one.
    pub probes: u64,
    /// Incidents that are in the list at the end.
    pub incidents: Vec<Arc<Incident>>,
}

/// Plays it, and says of each day that it has begun. `wall_seconds` is the caller's to measure.
pub fn play(loaded: &Arc<Loaded>, plan: Plan, began: impl FnMut(u64)) -> Outcome {
    let world = World::of(plan.seed, &loaded.inventory, &loaded.services, plan.days, plan.storm);
    let mut player = Player::new(Arc::clone(loaded), world, plan.pace);
    player.play(began);
    let Player { world, station, checks, .. } = player;
    let probes = station.probes();
    let summary = Summary {
        seed: plan.seed,
        events: world.events,
        samples: station.samples,
        runs: station.runs,
        incidents: checks.incidents,
        outages_injected: checks.outages.injected + checks.services.outages.injected,
        outages_found: checks.outages.found + checks.services.outages.found,
        injected_but_masked: checks.outages.masked + checks.services.outages.masked,
        service_visits: station.visited + station.visited_in_runs,
        service_incidents: checks.services.incidents,
        service_incidents_explained: checks.services.explained,
        service_outages_injected: checks.services.outages.injected,
        service_outages_found: checks.services.outages.found,
        violations: checks.violations,
        wall_seconds: 0.0,
    };
    let incidents = station.incidents().list();
    Outcome {
        summary,
        story: checks.story(&world),
        violations: checks.first,
        told: checks.told,
        notices: station.notices,
        probes,
        incidents,
    }
}
