//! `rounds.yaml` of a contract.

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde::Deserialize;

use super::{Field, LinksOf, Round, Rounds, Scope, Season};
use crate::{
    contract::{Applies, Cadence, Duty, NOT_FROM_CONTRACT, Span, Terms, Words},
    diagnostic::{
        Code, Findings, closest,
        yaml::{self, Document, Lasting},
    },
    inventory::{Inventory, LinkId, usable_id},
    text::{ContractText, DutyText, Message},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Forms of records by name: fields that a person fills in.
    #[serde(default)]
    forms: BTreeMap<String, Vec<Field>>,
    rounds: Vec<WrittenRound>,
}

/// A round: of a duty of the contract, whose words, period and clause hold then, or of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRound {
    id: String,
    #[serde(default)]
    duty: Option<String>,
    #[serde(default)]
    name: Option<Words>,
    #[serde(default)]
    every: Option<Cadence>,
    #[serde(default)]
    times: Option<u32>,
    #[serde(default)]
    links: Option<LinksOf>,
    #[serde(default)]
    requirements: Vec<String>,
    #[serde(default)]
    what: Option<Words>,
    #[serde(default)]
    calendar: Option<String>,
    #[serde(default)]
    seasons: Vec<WrittenSeason>,
    #[serde(default)]
    within: Option<Span>,
    #[serde(default)]
    late_for: Option<Lasting>,
    #[serde(default)]
    form: Option<String>,
    #[serde(default)]
    clause: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSeason {
    from: String,
    to: String,
}

/// So often may a round come in one period: twice an hour for a day.
const MOST_TIMES: u32 = 48;

impl Rounds {
    /// Reads the rounds of a folder; none without the file. Without an inventory, names of links are taken as they stand.
    pub fn load(folder: &Path, terms: &Terms, inventory: Option<&Inventory>, findings: &mut Findings) -> Self {
        let mut rounds = Self {
            list: vec![],
            zone: terms.time_zone,
            holidays: terms.holidays.clone(),
            term: terms.term.as_ref().map_or((None, None), |term| (term.from(), term.to())),
        };
        let file = folder.join("rounds.yaml");
        let document = file.is_file().then(|| yaml::read::<Written>(&file, findings)).flatten();
        if let Some(document) = document {
            let mut reader = Reader { document: &document, terms, inventory, findings };
            reader.forms();
            for (nth, written) in document.value.rounds.iter().enumerate() {
                let Some(round) = reader.round(nth, written) else { continue };
                match rounds.get(&round.id) {
                    Some(first) => {
                        let message = Message::DuplicateId { id: round.id.clone(), first: first.place.clone() };
                        reader.findings.error(round.place, Code::DUPLICATE_ID, message, Message::DuplicateIdHelp);
                    }
                    None => rounds.list.push(round),
                }
            }
        }
        rounds
    }
}

struct Reader<'a> {
    document: &'a Document<Written>,
    terms: &'a Terms,
    inventory: Option<&'a Inventory>,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    /// Fields have ids of their own.
    fn forms(&mut self) {
        for (form, fields) in &self.document.value.forms {
            for (nth, field) in fields.iter().enumerate() {
                let is_double = fields[..nth].iter().any(|other| other.id == field.id);
                if is_double || LinkId::parse(&field.id).is_none() {
                    let message = DutyText::BadField { id: yaml::shortened(&field.id) };
                    self.error(&format!("forms.{form}.{nth}.id"), Code::ROUND_FORM, message, DutyText::BadFieldHelp);
                }
            }
        }
    }

    fn round(&mut self, nth: usize, written: &WrittenRound) -> Option<Round> {
        let before = self.findings.errors();
        let at = |key: &str| format!("rounds.{nth}.{key}");
        usable_id(&written.id, &self.document.place(&at("id")), self.findings);
        let terms = self.terms;
        let duties = &terms.duties;
        let duty = written.duty.as_ref().and_then(|id| {
            let known = duties.iter().map(|duty| duty.id.as_str());
            self.named(&at("duty"), id, known)?;
            duties.iter().find(|duty| duty.id == *id)
        });
        let calendar = written.calendar.as_ref().and_then(|id| {
            self.named(&at("calendar"), id, terms.calendars.iter().map(|calendar| calendar.id.as_str()))?;
            terms.calendars.iter().find(|calendar| calendar.id == *id).cloned()
        });
        let forms = &self.document.value.forms;
        let form = written.form.as_ref().and_then(|name| {
            self.named(&at("form"), name, forms.keys().map(String::as_str))?;
            forms.get(name).cloned()
        });
        let scope = self.scope(nth, written, duty);
        let seasons = self.seasons(nth, written);
        let clause = written.clause.clone().or_else(|| duty.and_then(|duty| duty.clause.clone()));
        let round = Round {
            id: written.id.clone(),
            name: written.name.clone().or_else(|| duty.map(|duty| duty.name.clone())).unwrap_or_default(),
            every: written.every.or_else(|| duty.and_then(|duty| duty.every)).unwrap_or(Cadence::Event),
            times: written.times.or_else(|| duty.and_then(|duty| duty.times)).unwrap_or(1),
            scope,
            calendar,
            seasons,
            within: written.within.or_else(|| duty.and_then(|duty| duty.within)),
            late_for: written.late_for.map_or(Duration::ZERO, |Lasting(late)| late),
            form: form.unwrap_or_default(),
            clause: clause.unwrap_or_else(|| NOT_FROM_CONTRACT.to_owned()),
            place: self.document.place(&at("id")),
        };
        let whole = written.duty.is_none() || duty.is_some();
        if whole && (round.name.zh.is_empty() || !round.can_be_planned() || !(1..=MOST_TIMES).contains(&round.times)) {
            self.error(&at("id"), Code::ROUND_WITHOUT_PERIOD, DutyText::NoPeriod, DutyText::NoPeriodHelp);
        }
        if round.calendar.is_none() && matches!(round.within, Some(Span::SameDay | Span::WorkingDays(_))) {
            self.error(&at("within"), Code::ROUND_DATES, DutyText::NeedsCalendar, DutyText::NeedsCalendarHelp);
        }
        (self.findings.errors() == before).then_some(round)
    }

    fn scope(&mut self, nth: usize, written: &WrittenRound, duty: Option<&Duty>) -> Scope {
        let at = |key: String| format!("rounds.{nth}.{key}");
        let terms = self.terms;
        if let (Some(links), Some(inventory)) = (&written.links, self.inventory) {
            for (number, id) in links.ids.iter().enumerate() {
                let known = inventory.links.iter().map(|link| link.id.as_str());
                self.named(&at(format!("links.ids.{number}")), id, known);
            }
            for (number, id) in links.units.iter().enumerate() {
                let known = inventory.units.iter().map(|unit| unit.id.as_str());
                self.named(&at(format!("links.units.{number}")), id, known);
            }
            for (number, id) in links.carriers.iter().enumerate() {
                let known = inventory.carriers.iter().map(|carrier| carrier.id.as_str());
                self.named(&at(format!("links.carriers.{number}")), id, known);
            }
        }
        for (number, id) in written.requirements.iter().enumerate() {
            let known = terms.services.iter().map(|service| service.id.as_str());
            self.named(&at(format!("requirements.{number}")), id, known);
        }
        let of_duty = || {
            let covered = |duty: &Duty| {
                let all = terms.services.iter().filter(|service| duty.applies.covers(&service.target()));
                all.map(|service| service.id.clone()).collect()
            };
            // A duty of everything is said in words, not in a list of all that there is.
            duty.filter(|duty| duty.applies != Applies::default()).map(covered).unwrap_or_default()
        };
        let requirements = match written.requirements.is_empty() {
            true => of_duty(),
            false => written.requirements.clone(),
        };
        Scope { links: written.links.clone(), requirements, text: written.what.clone() }
    }

    fn seasons(&mut self, nth: usize, written: &WrittenRound) -> Vec<Season> {
        let mut seasons = vec![];
        for (number, season) in written.seasons.iter().enumerate() {
            match (day_of_year(&season.from), day_of_year(&season.to)) {
                (Some(from), Some(to)) => seasons.push(Season { from, to }),
                (from, _) => {
                    let key = if from.is_none() { "from" } else { "to" };
                    let path = format!("rounds.{nth}.seasons.{number}.{key}");
                    self.error(&path, Code::ROUND_DATES, DutyText::BadSeason, DutyText::BadSeasonHelp);
                }
            }
        }
        seasons
    }

    /// `None`, with a finding, when nothing has this name.
    fn named<'n>(&mut self, path: &str, name: &str, known: impl Iterator<Item = &'n str>) -> Option<()> {
        let known: Vec<&str> = known.collect();
        if known.contains(&name) {
            return Some(());
        }
        let closest = closest(name, known.iter().copied()).map(str::to_owned);
        let message = ContractText::UnknownName { name: name.to_owned() }.into();
        let help = Message::Known { closest, known: known.into_iter().map(str::to_owned).collect() };
        self.findings.error(self.document.place(path), Code::UNKNOWN_NAME, message, help);
        None
    }

    fn error(&mut self, path: &str, code: Code, message: DutyText, help: DutyText) {
        self.findings.error(self.document.place(path), code, Message::Duty(message), Message::Duty(help));
    }
}

/// `03-15`: a day that some year has.
fn day_of_year(text: &str) -> Option<(u32, u32)> {
    let (month, day) = text.split_once('-')?;
    let day = (month.parse().ok()?, day.parse().ok()?);
    // A leap year has every day.
    chrono::NaiveDate::from_ymd_opt(2024, day.0, day.1).map(|_| day)
}
