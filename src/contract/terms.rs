//! Everything that a contract says besides how its links are judged: read for any folder, with links or without.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;

use super::{
    Applies, Assessment, Calendar, Chosen, Class, Clock, Figure, Objective, Service, Span, Switch, Target, Words,
    holidays::{Date, Holidays},
    words::{ClosingCondition, DutyKind, Party, Source},
};
use crate::{diagnostic::Place, units::Ppm};

/// A switch that stands in place of no figure: the engine asks it by its name.
pub(super) const UPGRADE_REBASE: &str = "upgrade-rebase";
/// And the one that stands in place of a class that the customer has not said: of rows of requirements.csv.
pub(super) const PATROL_CLASS: &str = "patrol-class";
/// Their class until then.
pub(super) const UNCLASSED: &str = "unknown";

/// One contract as data.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    pub name: String,
    pub time_zone: chrono_tz::Tz,
    pub term: Option<Term>,
    pub parties: Vec<Obligor>,
    pub calendars: Vec<Arc<Calendar>>,
    pub holidays: Arc<Holidays>,
    pub guards: Vec<Guard>,
    pub objectives: Vec<Objective>,
    /// General classes.
    pub classes: Vec<Class>,
    /// Classes of single requirements. They stand beside the general ones: both run, the stricter alarms first.
    pub overrides: Vec<Class>,
    pub agreements: Vec<Agreement>,
    pub ladders: Vec<Ladder>,
    pub acknowledgement: Answering,
    pub closing: Closing,
    pub flaps: Flaps,
    pub maintenance: Maintenance,
    /// `None`: people say what is a problem.
    pub problems: Option<Problems>,
    pub duties: Vec<Duty>,
    pub assessment: Assessment,
    pub switches: Vec<Switch>,
    pub(super) switch_places: Vec<(String, Place)>,
    /// What no probe can know.
    pub by_hand: Vec<Evidence>,
    /// Requirements and their parts (`requirements.csv`).
    pub services: Vec<Service>,
    /// Every figure of the file as it was written, in file order, for people.
    pub figures: Vec<Figure>,
}

impl Terms {
    /// Share of a clock's time after which the operator is warned for the last time before it runs out. `None`: never.
    pub fn last_warning(&self) -> Option<Ppm> {
        let ours = self.ladders.iter().filter(|ladder| ladder.party == Party::Operator && ladder.classes.is_empty());
        ours.flat_map(|ladder| &ladder.steps).map(|step| step.at).filter(|at| *at < Ppm(1_000_000)).max()
    }

    /// General classes and overrides that hold for a target, the overrides last.
    pub fn classes_of(&self, target: &Target<'_>) -> Vec<&Class> {
        self.classes.iter().chain(&self.overrides).filter(|class| class.applies.covers(target)).collect()
    }

    pub fn objectives_of(&self, target: &Target<'_>) -> Vec<&Objective> {
        self.objectives.iter().filter(|objective| objective.applies.covers(target)).collect()
    }

    /// The agreement with a carrier that holds on a day. Nothing else may be cited to it.
    pub fn agreement(&self, carrier: &str, day: chrono::NaiveDate) -> Option<&Agreement> {
        self.agreements.iter().find(|agreement| agreement.carrier == carrier && agreement.holds_on(day))
    }

    pub fn switch(&self, id: &str) -> Option<&Switch> {
        self.switches.iter().find(|switch| switch.id == id)
    }

    /// Whether the clocks of the network's level count from the incident's start, and not from when it became that.
    pub fn rises_from_the_start(&self) -> bool {
        self.switch(UPGRADE_REBASE).is_some_and(|switch| switch.value() == "original_start")
    }

    /// Where a switch is asked and answered.
    pub fn switch_place(&self, id: &str) -> Option<Place> {
        self.switch_places.iter().find(|(own, _)| own == id).map(|(_, place)| place.clone())
    }

    /// Figures that stand below a key of the file.
    pub fn figures_of<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Figure> {
        let below =
            move |key: &str| key.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.figures.iter().filter(move |figure| below(&figure.key))
    }
}

/// From when to when the contract runs, as far as its text says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Term {
    pub(super) from: Option<Date>,
    pub(super) to: Option<Date>,
    /// As printed, such as 两年.
    pub length: Option<String>,
    pub clause: Option<String>,
}

impl Term {
    pub fn from(&self) -> Option<chrono::NaiveDate> {
        self.from.map(|date| date.0)
    }

    /// Last day.
    pub fn to(&self) -> Option<chrono::NaiveDate> {
        self.to.map(|date| date.0)
    }
}

/// A party and who that is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Obligor {
    pub party: Party,
    pub name: Words,
    #[serde(default)]
    pub clause: Option<String>,
}

/// Days on which the operator watches closer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    pub id: String,
    pub name: Words,
    #[serde(default, rename = "for")]
    pub applies: Applies,
    /// As the contract counts them. The dates of a year are data of that year.
    #[serde(default)]
    pub days: Option<u32>,
    #[serde(default)]
    pub(super) dates: Vec<Dates>,
    #[serde(default)]
    pub clause: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dates {
    pub from: Date,
    pub to: Date,
}

impl Guard {
    pub fn covers(&self, day: chrono::NaiveDate) -> bool {
        self.dates.iter().any(|dates| (dates.from.0..=dates.to.0).contains(&day))
    }
}

/// What one carrier promised us, apart from what we promised the customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// As printed on it: what a notice cites.
    pub number: String,
    /// Key in carriers.yaml.
    pub carrier: String,
    pub from: chrono::NaiveDate,
    /// Last day.
    pub to: chrono::NaiveDate,
    pub objectives: Vec<Objective>,
    pub clocks: Vec<Clock>,
    /// Names of recipients in linkpatrol.yaml: no numbers and addresses here.
    pub contacts: Vec<String>,
    pub place: Place,
}

impl Agreement {
    pub fn holds_on(&self, day: chrono::NaiveDate) -> bool {
        (self.from..=self.to).contains(&day)
    }
}

/// Whom to tell when a clock has used up a share of its time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    pub id: String,
    pub party: Party,
    /// Classes that it holds for. Empty: all.
    #[serde(default)]
    pub classes: Vec<String>,
    pub steps: Vec<Step>,
    #[serde(default)]
    pub clause: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Share of the clock's time that has passed: 100 % is its deadline.
    #[serde(deserialize_with = "crate::diagnostic::yaml::percent")]
    pub at: Ppm,
    /// Names of recipients in linkpatrol.yaml.
    pub to: Vec<String>,
    /// Only for incidents of this level or a more severe one.
    #[serde(default)]
    pub level: Option<u8>,
}

/// What an acknowledgement is worth.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answering {
    /// It lapses so long after its party was last heard of, and after what the party promised; none: never.
    pub stale_after: Option<Duration>,
}

/// When an incident may be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// Each must be confirmed, by whom and when.
    pub conditions: Vec<Condition>,
    /// A restored incident closes itself after this long without a relapse; none: only a person closes it.
    pub after: Option<Duration>,
    pub clause: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    pub id: ClosingCondition,
    pub source: Source,
}

/// When short interruptions are one failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaps {
    /// Outages with less between them are one, for MTBF and for penalties per event.
    pub gap: Chosen<Duration>,
    /// So many relapses, each within the gap of the one before, are a flap.
    pub relapses: u32,
    pub clause: String,
}

/// When faults that come again are a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// So many of one scope …
    pub faults: Chosen<u32>,
    /// … with so long between the first and the last of them.
    pub within: Chosen<Duration>,
    pub clause: String,
}

/// What makes planned work planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Maintenance {
    /// At least so long before its start.
    pub notice: Chosen<Span>,
    pub calendar: Arc<Calendar>,
    /// Without the approval of the customer it stops no clock.
    pub approval: Chosen<bool>,
    /// Whether there is any on days of a guard period.
    pub guards: Chosen<InGuards>,
    pub clause: String,
}

/// Planned work on days of a guard period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InGuards {
    /// As on other days.
    Allowed,
    /// Only what was approved, also where no approval is needed otherwise.
    Approved,
    /// None.
    Refused,
}

/// A duty that comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    pub id: String,
    pub kind: DutyKind,
    pub name: Words,
    pub applies: Applies,
    pub every: Option<Cadence>,
    /// So often in each.
    pub times: Option<u32>,
    pub within: Option<Span>,
    /// When it is due, as printed.
    pub due: Option<Words>,
    pub source: Source,
    pub clause: Option<String>,
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cadence {
    Always,
    HalfHourly,
    Hourly,
    Daily,
    WorkingDay,
    Weekly,
    HalfMonthly,
    Monthly,
    Quarterly,
    TwoQuarters,
    HalfYearly,
    Yearly,
    /// Once in the term of the contract.
    Term,
    /// After each event, incident or meeting.
    Event,
}

/// Something that a person has to supply.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    pub id: String,
    pub what: Words,
    #[serde(default, rename = "for")]
    pub applies: Applies,
    /// Who supplies it.
    pub from: Party,
    #[serde(default)]
    pub clause: Option<String>,
}
