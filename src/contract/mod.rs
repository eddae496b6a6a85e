//! What was promised: objectives, incident tiers and the clocks of each party, calendars, agreements, assessment.
//! Contracts are data; no figure of one stands in Rust.
//!
//! In: `contract.yaml` of one folder of `inventories/`, and the files beside it that docs/contracts.md names. Out:
//! [`Terms`], everything that the contract says, and a [`Contract`], which says how links are judged by it where the folder
//! has any. Each figure keeps the clause it comes from, or says "default, not from contract".

pub mod assessment;
mod calendar;
mod class;
mod explained;
#[cfg(test)]
pub(crate) mod fixture;
mod holidays;
mod idle;
mod limit;
mod links;
mod moments;
mod money;
mod objective;
mod read;
mod resolve;
mod service;
pub mod sites;
mod switch;
mod terms;
pub mod words;
mod written;

use std::time::Duration;

pub use self::{
    assessment::Assessment,
    calendar::Calendar,
    class::{Applies, Class, Clock, Condition, Facts, Target, Tier as ClassTier},
    explained::{Explained, Section as ExplainedSection},
    holidays::Holidays,
    limit::{Bound, Quantity, Span},
    moments::Moments,
    objective::Objective,
    read::window,
    service::Service,
    switch::{Chosen, Switch, Words},
    terms::{
        Agreement, Answering, Cadence, Closing, Condition as ClosingRule, Duty, Evidence, Flaps, Guard, InGuards,
        Ladder, Maintenance, Obligor, Problems, Step, Term, Terms,
    },
};
use crate::{
    diagnostic::Place,
    inventory::{Kind, Link, Role},
    units::{Limit, Ppm, Rtt},
};

/// What a figure without `clause` is: nobody promised it.
pub const NOT_FROM_CONTRACT: &str = "default, not from contract";

/// A contract, and how links are judged by it.
#[derive(Debug, Clone)]
pub struct Contract {
    pub name: String,
    pub time_zone: chrono_tz::Tz,
    /// Everything that the contract says, about links and others.
    pub terms: Terms,
    /// Requirement that the links belong to, such as `109`; empty without links.
    pub requirement: String,
    pub objectives: Objectives,
    pub tiers: LinkTiers,
    pub measuring_points: MeasuringPoints,
    pub proof: Proof,
    pub degraded: Degraded,
    pub grouping: Grouping,
    /// A restored incident closes itself after this long without a relapse, unless a person closes it first.
    pub close_after: Duration,
}

impl Contract {
    /// Whether the contract says how links are judged.
    pub fn has_links(&self) -> bool {
        self.terms.figures_of("links").next().is_some()
    }

    /// The point that decides the state of a link of this kind; the others localise.
    pub fn measuring_point(&self, kind: Kind) -> Role {
        let own = self.measuring_points.by_kind.iter().find(|(own, _)| *own == kind);
        own.map_or(self.measuring_points.default, |(_, role)| *role)
    }

    /// Which figure of RTT the limit is about; `None`: the file does not say.
    pub fn rtt_statistic(&self) -> Option<words::Statistic> {
        let mut rtt = self.terms.objectives.iter().filter(|objective| objective.measure == words::Measure::Rtt);
        rtt.find_map(|objective| objective.statistic.as_ref().map(|chosen| chosen.value))
    }

    /// Whether the link has the point that decides its state.
    pub fn measures(&self, link: &Link) -> bool {
        link.points.iter().any(|point| point.role == self.measuring_point(link.kind))
    }

    /// A link as rules are looked up for it.
    pub fn target(&self, kind: Kind) -> Target<'_> {
        Target {
            kind: words::TargetKind::Link,
            id: &self.requirement,
            requirement: &self.requirement,
            category: "link",
            class: "",
            groups: &[],
            link_kind: Some(kind),
        }
    }

    /// As rules are looked up for a service that is visited: `requirement` as its entry names it.
    pub fn service_target<'a>(&'a self, id: &'a str, requirement: &'a str) -> Target<'a> {
        let row = self.terms.services.iter().find(|row| row.id == requirement);
        Target {
            kind: words::TargetKind::Service,
            id,
            requirement: row.map_or(requirement, |row| &row.requirement),
            category: row.map_or("", |row| &row.category),
            class: row.map_or("", |row| &row.patrol),
            groups: row.map_or(&[], |row| &row.groups),
            link_kind: None,
        }
    }

    /// What is promised of a service's availability, and where; `None`: nothing.
    pub fn service_availability<'a>(&'a self, id: &'a str, requirement: &'a str) -> Option<(Ppm, &'a Objective)> {
        let objective = self.promised(words::Measure::Availability, id, requirement).next()?;
        match objective.bound {
            Bound::AtLeast(Quantity::Share(share)) => Some((share, objective)),
            _ => None,
        }
    }

    /// How long what a service does may take, and where that is promised; `None`: nothing is.
    pub fn service_response<'a>(&'a self, id: &'a str, requirement: &'a str) -> Option<(Duration, &'a Objective)> {
        // One that says `below` is that of pages that open (judge::site), not of what is done there.
        self.promised(words::Measure::ResponseTime, id, requirement).find_map(|objective| match objective.bound {
            Bound::AtMost(Quantity::Time(limit)) => Some((limit, objective)),
            _ => None,
        })
    }

    /// What is promised of how many devices of a group are online; `None`: nothing.
    pub fn service_online<'a>(&'a self, id: &'a str, requirement: &'a str) -> Option<&'a Objective> {
        self.promised(words::Measure::OnlineRate, id, requirement).next()
    }

    /// Objectives of a service, in the order of the file.
    fn promised<'a>(
        &'a self,
        measure: words::Measure,
        id: &'a str,
        requirement: &'a str,
    ) -> impl Iterator<Item = &'a Objective> {
        let target = self.service_target(id, requirement);
        let is_own = move |objective: &&Objective| objective.measure == measure && objective.applies.covers(&target);
        self.terms.objectives.iter().filter(is_own)
    }

    /// Whether one of these days, the last included, is in a guard period that is about links.
    pub fn guards(&self, [first, last]: [chrono::NaiveDate; 2]) -> bool {
        let about_links = |guard: &&Guard| Kind::ALL.iter().any(|kind| guard.applies.covers(&self.target(*kind)));
        let mut guards = self.terms.guards.iter().filter(about_links);
        guards.any(|guard| first.iter_days().take_while(|day| *day <= last).any(|day| guard.covers(day)))
    }
}

/// How sure verdicts on loss and RTT must be: docs/rules.md, "Verdicts". Statistics, and no promise of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// Of a verdict on a month that is over.
    pub confidence: Ppm,
    /// Share of months in which a link that keeps its limit may be called at risk all the same.
    pub alarm: Ppm,
}

/// One false verdict in ten thousand link-months.
impl Default for Proof {
    fn default() -> Self {
        Self { confidence: Ppm(999_900), alarm: Ppm(100) }
    }
}

/// Which point decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasuringPoints {
    pub default: Role,
    pub by_kind: Vec<(Kind, Role)>,
}

/// One figure of the contract and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Its key in the file, such as `objectives.0.limit.at_least`.
    pub key: String,
    /// As written, such as `99.9 %`; of a switch, its answer.
    pub value: String,
    /// Such as `001 L101`, or "default, not from contract".
    pub clause: String,
    /// The switch that gave the value.
    pub switch: Option<String>,
    pub place: Place,
}

/// Link objectives, as the engine needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objectives {
    /// At least this share of service time up.
    pub availability: Ppm,
    /// Over which this is judged: `month`, `quarter` or `year`.
    pub period: words::Period,
    /// Reasons that the contract names and whose time counts all the same.
    pub counting: Vec<words::Exclusion>,
    /// How printed shares of availability end. Verdicts are exact.
    pub rounding: words::Rounding,
    /// Whether it is promised of each link, or of all of them together.
    pub reach: words::Reach,
    /// RTT at most this.
    pub rtt: Rtt,
    pub loss: Limit,
    /// Over which these two are judged: `month`, `quarter` or `year`.
    pub rtt_period: words::Period,
    pub loss_period: words::Period,
    /// `None`: nobody promised any.
    pub jitter: Option<Jitter>,
    pub clause: String,
}

/// How much the RTT may change from one answer to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jitter {
    pub limit: Rtt,
    pub statistic: Option<words::Statistic>,
    pub period: words::Period,
    pub clause: String,
}

/// The two link tiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkTiers {
    /// Share of measured links in service that must be down for "whole network": a printed switch.
    pub network_share: Ppm,
    /// Whole-network outage (level 1).
    pub network: Tier,
    /// Partial outage (level 2).
    pub partial: Tier,
}

/// A link tier with the operator's two clocks; all its clocks stand in [`Terms::classes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// 1 is the most severe.
    pub level: u8,
    pub response: Duration,
    pub restore: Duration,
    /// Where the figures stand, such as `001 L131`.
    pub clause: String,
}

/// When an answering link is called degraded. Alarms operators; never a breach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Degraded {
    /// Loss over the last minute that makes it so, and below which it ends.
    pub loss: Limit,
    pub loss_clear: Limit,
    /// 95th percentile of RTT over the last five minutes above which it is so, and down to which it stays so.
    pub rtt: Rtt,
    pub rtt_clear: Rtt,
}

/// Regrouping of failures into one incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouping {
    /// Wait after the first failure before notices leave.
    pub grace: Duration,
    /// Longest wait while failures keep arriving.
    pub grace_most: Duration,
    /// Share of a scope's measured members that must fail for the scope to explain them.
    pub scope_share: Ppm,
    /// Failures this close after each other may be one slow cut.
    pub next_within: Duration,
    /// This long after its first failure an incident is what it is.
    pub regroup_within: Duration,
    /// A parent's outage may be dated this much later than that of what depends on it.
    pub parent_late: Duration,
    /// So long the condition of a whole-network outage must have ended before it is restored.
    pub network_settle: Duration,
    /// What a link that works again needs to prove it: after a loss of sight, and at a deadline.
    pub recovery_proof: Duration,
}
