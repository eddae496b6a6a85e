//! `contract.yaml` and `agreements.yaml` as they are written, before names of calendars and switches are looked up.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::{
    Applies, Evidence, Guard, Ladder, Obligor, Span, Switch, Term, Words,
    assessment::WrittenAssessment,
    holidays::Date,
    limit::WrittenBound,
    switch::Setting,
    terms,
    words::{ClockKind, DutyKind, Exclusion, FaultKind, Impact, Measure, Party, Scope, Source},
};
use crate::{
    diagnostic::yaml::{self, Lasting},
    inventory::{Kind, Role},
    units::Ppm,
};

/// `contract.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub name: String,
    pub time_zone: String,
    #[serde(default)]
    pub term: Option<Term>,
    #[serde(default)]
    pub parties: Vec<Obligor>,
    /// Files of holidays, from the folder of the contract on.
    #[serde(default)]
    pub holidays: Vec<String>,
    pub calendars: Vec<WrittenCalendar>,
    #[serde(default)]
    pub guards: Vec<Guard>,
    #[serde(default)]
    pub objectives: Vec<WrittenObjective>,
    pub classes: Vec<WrittenClass>,
    #[serde(default)]
    pub overrides: Vec<WrittenClass>,
    #[serde(default)]
    pub links: Option<WrittenLinks>,
    #[serde(default)]
    pub ladders: Vec<Ladder>,
    #[serde(default)]
    pub acknowledgement: WrittenAnswering,
    pub closing: WrittenClosing,
    pub flaps: WrittenFlaps,
    pub maintenance: WrittenMaintenance,
    #[serde(default)]
    pub problems: Option<WrittenProblems>,
    #[serde(default)]
    pub duties: Vec<WrittenDuty>,
    #[serde(default)]
    pub assessment: WrittenAssessment,
    #[serde(default)]
    pub switches: Vec<Switch>,
    #[serde(default)]
    pub by_hand: Vec<Evidence>,
}

/// [`super::Duty`] before its switch is looked up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenDuty {
    pub id: String,
    pub kind: DutyKind,
    pub name: Words,
    #[serde(default, rename = "for")]
    pub applies: Applies,
    #[serde(default)]
    pub every: Option<Setting>,
    #[serde(default)]
    pub times: Option<u32>,
    #[serde(default)]
    pub within: Option<Span>,
    #[serde(default)]
    pub due: Option<Words>,
    pub source: Source,
    #[serde(default)]
    pub clause: Option<String>,
}

/// `agreements.yaml`: what carriers promised us.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenAgreements {
    pub agreements: Vec<WrittenAgreement>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenAgreement {
    pub id: String,
    pub carrier: String,
    pub from: Date,
    pub to: Date,
    #[serde(default)]
    pub objectives: Vec<WrittenObjective>,
    #[serde(default)]
    pub clocks: Vec<WrittenClock>,
    #[serde(default)]
    pub contacts: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenCalendar {
    pub id: String,
    #[serde(default)]
    pub days: Option<WrittenDays>,
    #[serde(default)]
    pub hours: Option<WrittenHours>,
    /// Open when the other calendar is closed.
    #[serde(default)]
    pub except: Option<String>,
    #[serde(default)]
    pub clause: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`every`, `working`, or a list such as `[mon, fri]`")]
pub(super) enum WrittenDays {
    Word(DaysWord),
    /// `mon` to `sun`.
    Week(Vec<chrono::Weekday>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DaysWord {
    Every,
    Working,
}

/// `always`, or a list of spans. One span may stand without the list.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`always`, or spans such as `\"08:00-18:00\"`")]
pub(super) enum WrittenHours {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenObjective {
    pub id: String,
    pub name: Words,
    #[serde(default, rename = "for")]
    pub applies: Applies,
    pub measure: Measure,
    pub limit: WrittenBound,
    #[serde(default)]
    pub period: Option<Setting>,
    #[serde(default)]
    pub statistic: Option<Setting>,
    #[serde(default)]
    pub point: Option<Setting>,
    #[serde(default)]
    pub exclude: BTreeMap<Exclusion, Setting>,
    #[serde(default)]
    pub rounding: Option<Setting>,
    #[serde(default)]
    pub reach: Option<Setting>,
    pub source: Source,
    #[serde(default)]
    pub clause: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenClass {
    pub id: String,
    pub name: Words,
    #[serde(default, rename = "for")]
    pub applies: Applies,
    pub tiers: Vec<WrittenTier>,
    #[serde(default)]
    pub clause: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenTier {
    pub id: String,
    #[serde(default)]
    pub level: Option<u8>,
    pub name: Words,
    #[serde(default)]
    pub when: WrittenCondition,
    #[serde(default)]
    pub clocks: Vec<WrittenClock>,
    #[serde(default)]
    pub clause: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenCondition {
    pub scope: Option<Scope>,
    pub share: Option<Setting>,
    pub kind: Option<FaultKind>,
    pub impact: Option<Impact>,
    pub service_class: Option<String>,
    pub case: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenClock {
    pub clock: ClockKind,
    #[serde(default)]
    pub party: Option<Party>,
    pub limit: Setting,
    #[serde(default)]
    pub strict: bool,
    #[serde(default)]
    pub starts: Option<Setting>,
    #[serde(default)]
    pub calendar: Option<Setting>,
    #[serde(default)]
    pub during: Option<String>,
    #[serde(default)]
    pub workaround: Option<Setting>,
    #[serde(default)]
    pub beside_looser: Option<Setting>,
    #[serde(default)]
    pub clause: Option<String>,
}

/// How links are judged: which of the objectives and tiers are theirs, and what only a prober needs to know.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenLinks {
    pub requirement: String,
    /// Class and its two tiers.
    pub class: String,
    pub network: String,
    pub partial: String,
    /// Objectives.
    pub availability: String,
    pub rtt: String,
    pub loss: String,
    #[serde(default)]
    pub jitter: Option<String>,
    pub measuring_point: WrittenMeasuringPoint,
    #[serde(default)]
    pub proof: Option<WrittenProof>,
    pub degraded: WrittenDegraded,
    pub grouping: WrittenGrouping,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenMeasuringPoint {
    pub default: Setting,
    #[serde(default)]
    pub by_kind: BTreeMap<Kind, Role>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenProof {
    #[serde(deserialize_with = "yaml::percent")]
    pub confidence: Ppm,
    #[serde(deserialize_with = "yaml::percent")]
    pub alarm: Ppm,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenDegraded {
    pub loss: WrittenBound,
    pub loss_clear: WrittenBound,
    #[serde(deserialize_with = "yaml::duration")]
    pub rtt: Duration,
    #[serde(default)]
    pub rtt_clear: Option<yaml::Lasting>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenGrouping {
    #[serde(deserialize_with = "yaml::duration")]
    pub grace: Duration,
    #[serde(deserialize_with = "yaml::duration")]
    pub grace_most: Duration,
    #[serde(deserialize_with = "yaml::percent")]
    pub scope_share: Ppm,
    #[serde(default)]
    pub next_within: Option<yaml::Lasting>,
    #[serde(default)]
    pub regroup_within: Option<yaml::Lasting>,
    #[serde(default)]
    pub parent_late: Option<yaml::Lasting>,
    #[serde(default)]
    pub network_settle: Option<yaml::Lasting>,
    #[serde(default)]
    pub recovery_proof: Option<yaml::Lasting>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenAnswering {
    #[serde(default)]
    pub stale_after: Option<Lasting>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenClosing {
    #[serde(default)]
    pub conditions: Vec<terms::Condition>,
    #[serde(default)]
    pub after: Option<Lasting>,
    #[serde(default)]
    pub clause: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenFlaps {
    pub gap: Setting,
    #[serde(default)]
    pub relapses: Option<u32>,
    #[serde(default)]
    pub clause: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenProblems {
    pub faults: Setting,
    pub within: Setting,
    #[serde(default)]
    pub clause: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenMaintenance {
    pub notice: Setting,
    #[serde(default)]
    pub calendar: Option<String>,
    pub approval: Setting,
    #[serde(default)]
    pub guards: Option<Setting>,
    #[serde(default)]
    pub clause: Option<String>,
}
