//! Classes of incidents, their tiers, and the clocks of each party.
//!
//! A class says what it applies to. A general class has no requirement; an override names the requirements whose own
//! clause it holds, and holds for nothing else.

use std::{fmt, sync::Arc, time::Duration};

use serde::Deserialize;

use super::{
    Calendar, Chosen, Span, Words,
    words::{ClockKind, FaultKind, Impact, Party, Scope, Start, TargetKind},
};
use crate::{
    diagnostic::Place,
    inventory::Kind,
    units::{Ppm, Timestamp},
};

/// Incidents that are counted by the same tiers.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    pub id: String,
    pub name: Words,
    pub applies: Applies,
    /// As in the file: the most severe first.
    pub tiers: Vec<Tier>,
    pub clause: String,
    /// Its key in the file, such as `classes.0`: figures below it begin with that.
    pub path: String,
    pub place: Place,
}

/// Which targets. Each list that is not empty must have the target in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Applies {
    pub targets: Vec<TargetKind>,
    /// Requirement numbers (需求) or ids of services.
    pub requirements: Vec<String>,
    /// Groups of requirements.csv.
    pub groups: Vec<String>,
    pub categories: Vec<String>,
    /// Classes of requirements.csv that patrols go by, such as `core`.
    pub classes: Vec<String>,
    pub kinds: Vec<Kind>,
}

/// What a rule is looked up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    pub kind: TargetKind,
    /// Of the service; of a link, its requirement.
    pub id: &'a str,
    /// The requirement that it is a part of.
    pub requirement: &'a str,
    pub category: &'a str,
    /// By which it is patrolled; empty: by none.
    pub class: &'a str,
    pub groups: &'a [String],
    pub link_kind: Option<Kind>,
}

impl Applies {
    pub fn covers(&self, target: &Target<'_>) -> bool {
        let requirement = |name: &String| name == target.id || name == target.requirement;
        (self.targets.is_empty() || self.targets.contains(&target.kind))
            && (self.requirements.is_empty() || self.requirements.iter().any(requirement))
            && (self.groups.is_empty() || self.groups.iter().any(|group| target.groups.contains(group)))
            && (self.categories.is_empty() || self.categories.iter().any(|category| category == target.category))
            && (self.classes.is_empty() || self.classes.iter().any(|class| class == target.class))
            && (self.kinds.is_empty() || target.link_kind.is_none_or(|kind| self.kinds.contains(&kind)))
    }
}

impl Class {
    /// The most severe tier whose condition holds.
    pub fn tier(&self, facts: &Facts<'_>) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.when.holds(facts))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Tier {
    pub id: String,
    /// 1 is the most severe. `None` where the text has no grades.
    pub level: Option<u8>,
    pub name: Words,
    pub when: Condition,
    pub clocks: Vec<Clock>,
    pub clause: String,
    pub path: String,
    pub place: Place,
}

impl Tier {
    /// Clocks of this kind, for moments in key hours and outside of them.
    pub fn clocks_of(&self, kind: ClockKind) -> impl Iterator<Item = &Clock> {
        self.clocks.iter().filter(move |clock| clock.kind == kind)
    }
}

/// When an incident belongs to a tier. What is not written does not matter; what is written and not known fails.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Condition {
    pub scope: Option<Scope>,
    /// Of the measured members of the scope, at least.
    pub share: Option<Chosen<Ppm>>,
    pub kind: Option<FaultKind>,
    pub impact: Option<Impact>,
    /// Criticality of the service, as requirements.csv has it.
    pub service_class: Option<String>,
    /// A word of the contract that no probe can know, such as `mobile_station` or `major`: the ledger or a person says it.
    pub case: Option<String>,
}

/// As the file writes it: `scope=network share=80 % kind=outage`; nothing when it always holds.
impl fmt::Display for Condition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("scope", self.scope.map(|scope| scope.as_str().to_owned())),
            ("share", self.share.as_ref().map(|share| share.value.to_string())),
            ("kind", self.kind.map(|kind| kind.as_str().to_owned())),
            ("impact", self.impact.map(|impact| impact.as_str().to_owned())),
            ("service_class", self.service_class.clone()),
            ("case", self.case.clone()),
        ];
        let written = parts.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value?)));
        out.write_str(&written.collect::<Vec<_>>().join(" "))
    }
}

/// What is known about an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'a> {
    pub scope: Scope,
    /// Failing and measured members of the scope.
    pub failing: u32,
    pub measured: u32,
    pub kind: FaultKind,
    pub impact: Option<Impact>,
    pub service_class: Option<&'a str>,
    pub case: Option<&'a str>,
}

impl Condition {
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        let enough = |share: &Chosen<Ppm>| {
            facts.measured > 0
                && u64::from(facts.failing) * 1_000_000 >= u64::from(share.value.0) * u64::from(facts.measured)
        };
        self.scope.is_none_or(|scope| scope == facts.scope)
            && self.share.as_ref().is_none_or(enough)
            && self.kind.is_none_or(|kind| kind == facts.kind)
            && self.impact.is_none_or(|impact| Some(impact) == facts.impact)
            && self.service_class.as_deref().is_none_or(|class| Some(class) == facts.service_class)
            && self.case.as_deref().is_none_or(|case| Some(case) == facts.case)
    }
}

/// One promise of one party: what, how fast, from when, on which calendar.
#[derive(Debug, Clone, PartialEq)]
pub struct Clock {
    pub kind: ClockKind,
    pub party: Party,
    pub limit: Span,
    /// The limit as it was written, such as `24h`: for people.
    pub written: String,
    /// The switch that gave the limit.
    pub limit_switch: Option<String>,
    /// "Less than": over at the limit itself.
    pub strict: bool,
    pub starts: Chosen<Start>,
    pub calendar: Arc<Calendar>,
    /// Holds only for what starts in these hours, such as key hours.
    pub during: Option<Arc<Calendar>>,
    /// Whether a workaround meets it as a restoration does.
    pub workaround: Chosen<bool>,
    /// Whether it runs for a requirement too that has a looser one of the same kind and party by itself.
    pub beside_looser: Chosen<bool>,
    pub clause: String,
    pub path: String,
    pub place: Place,
}

impl Clock {
    /// Whether it runs for something that starts at this moment.
    pub fn runs_from(&self, start: Timestamp) -> bool {
        self.during.as_ref().is_none_or(|hours| hours.is_open(start))
    }

    /// Whether it does not run from `start` on, because one of the requirement's `own` clocks is looser.
    pub fn gives_way(&self, own: &[&Clock], start: Timestamp) -> bool {
        let is_looser = |own: &&Clock| {
            (own.kind, own.party) == (self.kind, self.party)
                && own.runs_from(start)
                && own.deadline(start) > self.deadline(start)
        };
        !self.beside_looser.value && own.iter().any(is_looser)
    }

    pub fn deadline(&self, start: Timestamp) -> Timestamp {
        self.calendar.due(start, self.limit)
    }

    /// Whether what began at `start` and was done at `done` was late.
    pub fn is_late(&self, start: Timestamp, done: Timestamp) -> bool {
        let deadline = self.deadline(start);
        if self.strict { done >= deadline } else { done > deadline }
    }

    /// Its length, where that does not depend on a calendar's days.
    pub fn length(&self) -> Option<Duration> {
        self.limit.time()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::fixture;

    fn at(text: &str) -> Timestamp {
        Timestamp(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
    }

    /// All systems: 10 minutes. Requirement 89 at level 2: 10 minutes in key hours, 20 in others. Requirement 62: 5 minutes.
    #[test]
    fn ten_minutes_give_way_to_a_looser_clock_only_while_that_runs_and_only_where_the_contract_says_so() {
        let terms = fixture::terms("xuchang");
        let tier = |classes: &[Class], class: &str, tier: &str| -> Tier {
            let class = classes.iter().find(|one| one.id == class).unwrap();
            class.tiers.iter().find(|one| one.id == tier).unwrap().clone()
        };
        let general = tier(&terms.classes, "system", "level-2").clocks_of(ClockKind::Response).next().unwrap().clone();
        let yields = Clock { beside_looser: Chosen::written(false), ..general.clone() };
        let own = tier(&terms.overrides, "req-89", "level-2").clocks;
        let own: Vec<&Clock> = own.iter().collect();
        let hours = own.iter().find(|clock| clock.length() == Some(Duration::from_mins(20))).unwrap();
        let (morning, night) = (at("2026-11-24T10:00:00+08:00"), at("2026-11-24T03:00:00+08:00"));
        assert_eq!([morning, night].map(|at| hours.runs_from(at)), [false, true]);
        assert_eq!([morning, night].map(|at| yields.gives_way(&own, at)), [false, true]);
        assert_eq!([morning, night].map(|at| general.gives_way(&own, at)), [false, false]);
        let tighter = Clock { limit: Span::Time(Duration::from_mins(5)), during: None, ..general };
        assert!(!yields.gives_way(&[&tighter], night) && !yields.gives_way(&[], night));
    }
}
