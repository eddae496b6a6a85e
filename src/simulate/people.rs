//! People on duty: they take incidents on, late as often as in time or never, say what an isolation was, and close.

use std::{cmp::Reverse, collections::BinaryHeap};

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::station::Told;
use crate::{
    command::{Action, Command, Resolution},
    incident::{EffectKind, IncidentKind},
};

const MINUTE: i64 = 60_000;

/// What they mean to do, and when.
pub struct People {
    random: StdRng,
    plans: BinaryHeap<Reverse<(i64, u64, Plan)>>,
    made: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Plan {
    Acknowledge(String),
    Resolve(String),
    Close(String),
}

impl People {
    pub fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(!seed), plans: BinaryHeap::new(), made: 0 }
    }

    /// Learns what was told. Returns when somebody means to act on it.
    pub fn hear(&mut self, told: &Told, at: i64) -> Vec<i64> {
        let mut times = vec![];
        for effect in &told.effects {
            let Some(incident) = told.incidents.iter().find(|incident| incident.id == effect.incident) else {
                continue;
            };
            let id = incident.id.clone();
            let plan = match effect.kind {
                // In time, late, or never.
                EffectKind::Announced => match self.random.random_range(0..10) {
                    0..6 => Some((Plan::Acknowledge(id), 1..14)),
                    6..9 => Some((Plan::Acknowledge(id), 16..180)),
                    _ => None,
                },
                EffectKind::Restored if incident.kind == IncidentKind::Isolation => Some((Plan::Resolve(id), 5..60)),
                EffectKind::Restored => self.random.random_bool(0.5).then_some((Plan::Close(id), 2..60)),
                _ => None,
            };
            if let Some((plan, minutes)) = plan {
                let when = at + self.random.random_range(minutes.start * MINUTE..minutes.end * MINUTE);
                self.made += 1;
                self.plans.push(Reverse((when, self.made, plan)));
                times.push(when);
            }
        }
        times
    }

    /// What is asked for by now.
    pub fn act(&mut self, now: i64) -> Vec<Command> {
        let mut commands = vec![];
        while let Some(Reverse((_, made, plan))) = self.plans.peek().cloned().filter(|plan| plan.0.0 <= now) {
            self.plans.pop();
            let note = String::new();
            let action = match plan {
                Plan::Acknowledge(incident) => {
                    Action::Acknowledge { incident, party: String::new(), note, work_order: String::new(), eta: None }
                }
                Plan::Resolve(incident) => Action::Resolve { incident, verdict: Resolution::OwnFault, note },
                Plan::Close(incident) => Action::Close { incident, note },
            };
            let (actor, key, way) = ("值班员".to_owned(), made.to_string(), "phone".to_owned());
            commands.push(Command { actor, key, way, action });
        }
        commands
    }
}
