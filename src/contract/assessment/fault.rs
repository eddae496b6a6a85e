//! The clocks of one fault as it went, and which of them ran out: what money and points are counted from.
//!
//! In: what the contract says, and one [`Fault`] with all its moments. Out: [`Run`]s. Pure. Clocks start, run and end by the
//! same rules as those of incidents do; what nobody stated is told as not stated, and is neither kept nor missed.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use crate::{
    contract::{
        Chosen, Class, ClassTier, Clock, Facts, Moments, Target, Terms,
        words::{ClockKind, Start},
    },
    units::Timestamp,
};

/// One fault from its beginning to its last report.
#[derive(Debug, Clone)]
pub struct Fault<'a> {
    pub target: Target<'a>,
    pub facts: Facts<'a>,
    /// `restored`: its end.
    pub moments: Moments,
    /// When each step of the work was done, by the clock that it stops.
    pub done: BTreeMap<ClockKind, Timestamp>,
}

/// One clock of one fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Run<'a> {
    pub class: &'a Class,
    pub tier: &'a ClassTier,
    pub clock: &'a Clock,
    /// What started it, and when. `None`: nobody stated that.
    pub started: Option<(Start, Timestamp)>,
    /// When it was stopped. `None`: nobody stated that.
    pub done: Option<Timestamp>,
}

impl Run<'_> {
    pub fn deadline(&self) -> Option<Timestamp> {
        self.started.map(|(_, at)| self.clock.deadline(at))
    }

    /// How long after its deadline it was stopped: zero where "less than" was missed at the limit. `None`: it was kept, or
    /// something was not stated.
    pub fn late(&self) -> Option<Duration> {
        let ((_, start), done) = (self.started?, self.done?);
        let over = || u64::try_from(done.0 - self.clock.deadline(start).0).unwrap_or(0);
        self.clock.is_late(start, done).then(|| Duration::from_millis(over()))
    }

    /// As money and points ask for it.
    pub fn overrun(&self) -> Option<Overrun<'_>> {
        let (class, tier, clock) = (self.class.id.as_str(), self.tier.id.as_str(), self.clock.kind);
        self.late().map(|by| Overrun { class, tier, clock, by })
    }
}

impl Terms {
    /// Every clock that a fault starts, in file order, the overrides last.
    pub fn runs<'a>(&'a self, fault: &Fault<'_>) -> Vec<Run<'a>> {
        let tiers = self.classes_of(&fault.target).into_iter();
        let tiers: Vec<_> = tiers.filter_map(|class| Some((class, class.tier(&fault.facts)?))).collect();
        let is_own = |class: &Class| self.overrides.iter().any(|one| std::ptr::eq(one, class));
        let own: Vec<&Clock> =
            tiers.iter().filter(|(class, _)| is_own(class)).flat_map(|(_, tier)| &tier.clocks).collect();
        let mut runs: Vec<Run<'a>> = vec![];
        for (class, tier) in tiers {
            // Those that wait for another to run out come after it, wherever the file has them.
            let waits = |clock: &&Clock| clock.starts.value == Start::RestoreOverdue;
            let first = tier.clocks.iter().filter(|clock| !waits(clock));
            for clock in first.chain(tier.clocks.iter().filter(waits)) {
                let missed = runs.iter().filter(|run| run.clock.kind == ClockKind::Restore && run.late().is_some());
                let mut missed = missed.filter(|run| std::ptr::eq(run.tier, tier) && run.clock.party == clock.party);
                let restore_overdue = missed.next().and_then(Run::deadline);
                let started = Moments { restore_overdue, ..fault.moments }.start(clock.starts.value);
                // An event that follows only from another, which did not happen.
                let never = started.is_none() && waits(&clock);
                if !never && started.is_none_or(|(_, at)| fault.runs(clock, &own, at)) {
                    let done = fault.stopped(clock).map(|at| started.map_or(at, |(_, start)| at.max(start)));
                    runs.push(Run { class, tier, clock, started, done });
                }
            }
        }
        runs
    }
}

impl Fault<'_> {
    /// Whether a clock whose start event was at this time runs at all.
    fn runs(&self, clock: &Clock, own: &[&Clock], start: Timestamp) -> bool {
        let over = self.moments.restored.is_some_and(|restored| restored < start);
        clock.runs_from(start) && !clock.gives_way(own, start) && (clock.kind.is_follow_up() || !over)
    }

    /// When a clock was stopped: by its own step, and what is no report at the latest by the end of the fault.
    fn stopped(&self, clock: &Clock) -> Option<Timestamp> {
        let step = self.done.get(&clock.kind).copied();
        let around = self.done.get(&ClockKind::Workaround).copied();
        let around = around.filter(|_| clock.kind == ClockKind::Restore && clock.workaround.value);
        let end = self.moments.restored.filter(|_| !clock.kind.is_follow_up());
        [step, around, end].into_iter().flatten().min()
    }
}

/// A clock that ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overrun<'a> {
    pub class: &'a str,
    pub tier: &'a str,
    pub clock: ClockKind,
    /// How late.
    pub by: Duration,
}

/// Whose overruns are counted, or cost.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Late {
    pub clock: ClockKind,
    /// Id of a class or override; none: any.
    #[serde(default)]
    pub class: Option<String>,
    /// Id of a tier of it; none: any.
    #[serde(default)]
    pub tier: Option<String>,
}

impl Late {
    pub fn covers(&self, overrun: &Overrun<'_>) -> bool {
        self.clock == overrun.clock && self.is_of(overrun.class, overrun.tier)
    }

    pub(in crate::contract) fn is_of(&self, class: &str, tier: &str) -> bool {
        self.class.as_ref().is_none_or(|own| own == class) && self.tier.as_ref().is_none_or(|own| own == tier)
    }
}

/// Faults of a class that are counted, down to a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grades {
    /// Id of a class or override.
    pub class: String,
    /// 1 is the most severe.
    pub level: Chosen<u32>,
}

impl Grades {
    /// Whether a fault is one of them.
    pub fn covers(&self, fault: &Fault<'_>, terms: &Terms) -> bool {
        let classes = terms.classes_of(&fault.target).into_iter().filter(|class| class.id == self.class);
        let mut levels = classes.filter_map(|class| class.tier(&fault.facts)?.level);
        levels.any(|level| u32::from(level) <= self.level.value)
    }
}
