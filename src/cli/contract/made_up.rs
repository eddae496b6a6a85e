//! A month that somebody made up: faults with their moments, and what people would have counted.
//!
//! In: a YAML file, and what the contract says. Out: [`MadeUp`], or findings with places. Whatever it names must be in the
//! contract; lengths count from the beginning of their fault.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use serde::{Deserialize, Deserializer};

use super::points::Counts;
use crate::{
    contract::{
        Facts, Moments, Service, Target, Terms,
        assessment::{Event, Fault, Run},
        words::{ClockKind, FaultKind, Impact, Scope, TargetKind},
    },
    diagnostic::{
        Code, Findings, closest,
        yaml::{self, Document, Lasting, Percent},
    },
    text::{AssessedText, ContractText, Message},
    units::Timestamp,
};

/// 1000: thirty a day for a month; a file of more is no story that a person made up.
const MOST_FAULTS: usize = 1_000;
/// Ten years: what accounts of the made-up links are kept for.
const MOST_SPAN: Duration = Duration::from_secs(10 * 366 * 86_400);
/// 2000-01-01 and 2100-01-01.
const TIMES: std::ops::Range<i64> = 946_684_800_000..4_102_444_800_000;

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    faults: Vec<WrittenFault>,
    /// By quarter: counts that people keep.
    #[serde(default)]
    counts: BTreeMap<String, BTreeMap<String, u32>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFault {
    #[serde(deserialize_with = "moment")]
    at: Timestamp,
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    target: Option<TargetKind>,
    #[serde(default)]
    kind: Option<FaultKind>,
    #[serde(default)]
    impact: Option<Impact>,
    #[serde(default)]
    scope: Option<Scope>,
    /// Of the members of the scope; none: all.
    #[serde(default)]
    share: Option<Percent>,
    #[serde(default)]
    case: Option<String>,
    #[serde(default)]
    detected: Option<Lasting>,
    #[serde(default)]
    alarmed: Option<Lasting>,
    #[serde(default)]
    notice_delivered: Option<Lasting>,
    #[serde(default)]
    customer_reported: Option<Lasting>,
    #[serde(default)]
    done: BTreeMap<String, Lasting>,
    #[serde(default)]
    facts: BTreeMap<String, bool>,
    #[serde(default)]
    lengths: BTreeMap<String, Lasting>,
    #[serde(default)]
    item: Option<String>,
    #[serde(default)]
    in_a_row: Option<u32>,
}

fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    yaml::parsed(from, "a moment such as `2026-10-08T09:00:00+08:00`", |text| {
        let moment = chrono::DateTime::parse_from_rfc3339(text).ok()?;
        Some(Timestamp(moment.timestamp_millis()))
    })
}

/// Three months of a civil year: `2026-Q4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Quarter {
    pub year: i32,
    /// 1 to 4.
    pub number: u32,
}

impl Quarter {
    /// The one of a moment, where clocks show the contract's zone.
    pub fn of(at: Timestamp, zone: chrono_tz::Tz) -> Self {
        use chrono::Datelike;
        let day = chrono::DateTime::from_timestamp_millis(at.0).unwrap_or_default().with_timezone(&zone);
        Self { year: day.year(), number: day.month0() / 3 + 1 }
    }

    fn parse(text: &str) -> Option<Self> {
        let (year, number) = text.split_once("-Q")?;
        let found = Self { year: year.parse().ok()?, number: number.parse().ok()? };
        ((2000..2100).contains(&found.year) && (1..=4).contains(&found.number) && found.to_string() == text)
            .then_some(found)
    }
}

impl std::fmt::Display for Quarter {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:04}-Q{}", self.year, self.number)
    }
}

/// All that a file makes up.
pub(super) struct MadeUp {
    file: Document<Written>,
    /// Counts by quarter.
    pub counts: Counts,
}

impl MadeUp {
    /// `None`, with findings, when nothing of it can be judged by these terms.
    pub fn read(file: &Path, terms: &Terms, findings: &mut Findings) -> Option<Self> {
        let before = findings.errors();
        let file: Document<Written> = yaml::read(file, findings)?;
        let mut counts = BTreeMap::new();
        for (quarter, own) in &file.value.counts {
            match Quarter::parse(quarter) {
                Some(found) => _ = counts.insert(found, own.clone()),
                None => {
                    let message = AssessedText::NotAQuarter { text: yaml::shortened(quarter) };
                    let place = file.place(&format!("counts.{quarter}"));
                    findings.error(place, Code::WRONG_VALUE, message.into(), AssessedText::NotAQuarterHelp.into());
                }
            }
        }
        Checked { file: &file, terms, findings }.all();
        (findings.errors() == before).then_some(Self { file, counts })
    }

    /// Whether it has counts and no faults.
    pub fn only_counts(&self) -> bool {
        self.file.value.faults.is_empty()
    }

    pub fn is_empty(&self) -> bool {
        self.file.value.faults.is_empty() && self.counts.is_empty()
    }

    /// The faults in file order. `requirement`: that of the contract's links.
    pub fn faults<'a>(&'a self, terms: &'a Terms, requirement: &'a str) -> Vec<Made<'a>> {
        self.file.value.faults.iter().map(|written| Made::of(written, terms, requirement)).collect()
    }
}

/// Names that the contract knows, and one file that names them.
struct Checked<'a> {
    file: &'a Document<Written>,
    terms: &'a Terms,
    findings: &'a mut Findings,
}

impl Checked<'_> {
    fn all(&mut self) {
        let (file, terms) = (self.file, self.terms);
        let Written { faults, counts } = &file.value;
        if faults.len() > MOST_FAULTS {
            let message = AssessedText::TooMany { most: MOST_FAULTS }.into();
            let place = file.place(&format!("faults.{MOST_FAULTS}"));
            self.findings.error(place, Code::WRONG_VALUE, message, AssessedText::TooManyHelp.into());
            return;
        }
        let assessment = &terms.assessment;
        let penalties = &assessment.penalties;
        let facts = penalties.iter().flat_map(|one| one.needs.iter().chain(&one.unless).chain(&one.worst_if));
        let facts: BTreeSet<&str> = facts.map(String::as_str).collect();
        let lengths: BTreeSet<&str> = penalties.iter().filter_map(|one| one.by.as_deref()).collect();
        let items: BTreeSet<&str> = assessment.items.iter().map(|item| item.id.as_str()).collect();
        let services: BTreeSet<&str> = terms.services.iter().map(|service| service.id.as_str()).collect();
        let clocks: BTreeSet<&str> = ClockKind::ALL.iter().map(|kind| kind.as_str()).collect();
        let first = faults.iter().map(|fault| fault.at).min().unwrap_or_default();
        for (nth, fault) in faults.iter().enumerate() {
            let at = |key: &str| format!("faults.{nth}.{key}");
            let both = fault.link.is_some() && fault.service.is_some();
            if both || fault.link.is_none() && fault.service.is_none() && fault.target.is_none() {
                let help = AssessedText::NoTargetHelp.into();
                let place = file.place(&format!("faults.{nth}"));
                self.findings.error(place, Code::WRONG_VALUE, AssessedText::NoTarget.into(), help);
            }
            if !TIMES.contains(&fault.at.0) || fault.at.since(first) > MOST_SPAN {
                let help = AssessedText::OutOfTimeHelp.into();
                self.findings.error(file.place(&at("at")), Code::WRONG_VALUE, AssessedText::OutOfTime.into(), help);
            }
            let named = |name: &Option<String>| name.clone().into_iter().collect::<Vec<_>>();
            self.known(&at("service"), named(&fault.service), &services);
            self.known(&at("item"), named(&fault.item), &items);
            fault.facts.keys().for_each(|name| self.known(&at(&format!("facts.{name}")), vec![name.clone()], &facts));
            fault.done.keys().for_each(|name| self.known(&at(&format!("done.{name}")), vec![name.clone()], &clocks));
            let own = fault.lengths.keys();
            own.for_each(|name| self.known(&at(&format!("lengths.{name}")), vec![name.clone()], &lengths));
        }
        let score = assessment.score.as_ref();
        let counted: BTreeSet<&str> = score.map(|score| score.counted().collect()).unwrap_or_default();
        for (quarter, own) in counts {
            own.keys().for_each(|name| self.known(&format!("counts.{quarter}.{name}"), vec![name.clone()], &counted));
        }
    }

    fn known(&mut self, path: &str, names: Vec<String>, known: &BTreeSet<&str>) {
        for name in names.into_iter().filter(|name| !known.contains(name.as_str())) {
            let closest = closest(&name, known.iter().copied()).map(str::to_owned);
            let help = Message::Known { closest, known: known.iter().map(|&name| name.to_owned()).collect() };
            let message = ContractText::UnknownName { name }.into();
            self.findings.error(self.file.place(path), Code::UNKNOWN_NAME, message, help);
        }
    }
}

/// One fault of the file.
pub(super) struct Made<'a> {
    written: &'a WrittenFault,
    pub fault: Fault<'a>,
}

impl<'a> Made<'a> {
    fn of(written: &'a WrittenFault, terms: &'a Terms, requirement: &'a str) -> Self {
        let row: Option<&Service> =
            written.service.as_ref().and_then(|id| terms.services.iter().find(|service| service.id == *id));
        let of_link = Target { kind: TargetKind::Link, ..no_target(requirement, "link") };
        let target = match (row, &written.link) {
            (Some(row), _) => row.target(),
            (None, Some(_)) => of_link,
            (None, None) => no_target("", ""),
        };
        let kind = written.target.unwrap_or(target.kind);
        let is_link = kind == TargetKind::Link;
        let share = written.share.map_or(1_000_000, |Percent(share)| share.0);
        let after = |Lasting(length): Lasting| written.at.plus(length);
        let done = |kind: &ClockKind| Some((*kind, after(*written.done.get(kind.as_str())?)));
        let done: BTreeMap<ClockKind, Timestamp> = ClockKind::ALL.iter().filter_map(done).collect();
        let moments = Moments {
            detected: written.detected.map(after),
            alarmed: written.alarmed.map(after),
            notice_delivered: written.notice_delivered.map(after),
            customer_reported: written.customer_reported.map(after),
            restored: done.get(&ClockKind::Restore).copied(),
            ..Moments::begun(written.at)
        };
        let facts = Facts {
            scope: written.scope.unwrap_or(if is_link { Scope::Link } else { Scope::Service }),
            failing: share,
            measured: 1_000_000,
            kind: written.kind.unwrap_or(FaultKind::Outage),
            impact: written.impact,
            service_class: row.map(|row| row.class.as_str()).filter(|class| !class.is_empty()),
            case: written.case.as_deref(),
        };
        Self { written, fault: Fault { target: Target { kind, ..target }, facts, moments, done } }
    }

    /// As the file calls it.
    pub fn target(&self) -> &'a str {
        let WrittenFault { link, service, .. } = self.written;
        let named = link.as_deref().or(service.as_deref());
        named.unwrap_or(self.fault.target.kind.as_str())
    }

    /// The link that was down, from when to when. No end: nobody stated it.
    pub fn outage(&self) -> Option<(&'a str, Timestamp, Option<Timestamp>)> {
        let link = self.written.link.as_deref().filter(|_| self.fault.facts.kind == FaultKind::Outage)?;
        let Moments { occurred, restored, .. } = self.fault.moments;
        Some((link, occurred, restored))
    }

    /// As penalties ask about it. `runs`: its clocks.
    pub fn event(&self, runs: &'a [Run<'a>]) -> Event<'a> {
        let WrittenFault { facts, lengths, item, in_a_row, .. } = self.written;
        Event {
            item: item.as_deref().unwrap_or_default(),
            facts: facts.iter().map(|(name, holds)| (name.as_str(), *holds)).collect(),
            lengths: lengths.iter().map(|(name, Lasting(length))| (name.as_str(), *length)).collect(),
            overruns: runs.iter().filter_map(Run::overrun).collect(),
            in_a_row: in_a_row.unwrap_or(1),
        }
    }
}

fn no_target<'a>(id: &'a str, category: &'a str) -> Target<'a> {
    Target { kind: TargetKind::Service, id, requirement: id, category, class: "", groups: &[], link_kind: None }
}
