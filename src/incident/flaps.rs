//! Flap damping: a link that comes and goes is told of once, and then again when it is steady.
//!
//! Nothing is lost by it: every turn stands in the timeline and in the accounts, and clocks run as they do.

use std::time::Duration;

use super::{
    EffectKind, IncidentPhase, Incidents, World,
    case::{Case, OURSELVES},
};
use crate::{
    contract::Flaps,
    units::{Mono, Now},
};

impl Case {
    /// It has failed again. `true`: often enough by now to be called flapping.
    pub fn flaps(&mut self, now: Now, flaps: &Flaps) -> bool {
        let again = self.turned.is_some_and(|turned| now.mono.since(turned) < flaps.gap.value);
        self.turns = if again { self.turns + 1 } else { 1 };
        self.turned = Some(now.mono);
        let record = self.record();
        record.relapses += 1;
        if record.flapping.is_some() || self.turns < flaps.relapses {
            return false;
        }
        self.note(now.utc, "flapping", OURSELVES, "");
        self.record().flapping = Some(now.utc);
        true
    }

    /// When it has stood still for as long as the contract's gap; `None`: it does not flap.
    pub fn steady(&self, gap: Duration) -> Option<Mono> {
        self.incident.flapping?;
        let turned = self.turned.unwrap_or(Mono(i64::MIN));
        Some(self.restored.unwrap_or(turned).max(turned).plus(gap))
    }
}

impl Incidents {
    /// Tells how it stands of what flapped and is steady now.
    pub(super) fn calm_down(&mut self, now: Now, world: &World<'_>) {
        let gap = world.contract.terms.flaps.gap.value;
        let is_steady = |case: &Case| case.steady(gap).is_some_and(|at| at <= now.mono);
        let steady: Vec<u64> =
            self.cases.iter().filter(|(_, case)| is_steady(case)).map(|(number, _)| *number).collect();
        for number in steady {
            let Some(case) = self.cases.get_mut(&number) else { continue };
            case.note(now.utc, "steady", OURSELVES, "");
            case.record().flapping = None;
            let kind = match case.incident.phase {
                IncidentPhase::Open => EffectKind::Changed,
                IncidentPhase::Restored => EffectKind::Restored,
                IncidentPhase::Closed => EffectKind::Noted,
            };
            self.tell(number, kind);
        }
    }
}
