//! From `contract.yaml` and `agreements.yaml` to [`Terms`].

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::Datelike;

use super::{
    Agreement, Answering, Calendar, Chosen, Class, ClassTier, Clock, Closing, Condition, Contract, Duty, Figure, Flaps,
    Holidays, InGuards, Maintenance, NOT_FROM_CONTRACT, Objective, Problems, Service, Span, Switch, Terms,
    calendar::{Open, OpenDays},
    links,
    resolve::Resolver,
    terms::{PATROL_CLASS, UNCLASSED},
    words::{Measure, Party, Reach, Start},
    written::{
        DaysWord, Written, WrittenAgreements, WrittenCalendar, WrittenClass, WrittenClock, WrittenDays, WrittenDuty,
        WrittenHours, WrittenObjective, WrittenProblems, WrittenTier,
    },
};
use crate::{
    diagnostic::{
        Code, Findings,
        yaml::{self, Document},
    },
    text::{ContractText, Expected, Message},
};

/// Where a file does not say how many relapses are a flap: two may be a repair at work.
const RELAPSES: u32 = 3;
/// Years that one finding names.
const MOST_YEARS: usize = 20;

impl Contract {
    /// Reads the contract of a folder: how its links are judged, or, without links and `inventory.yaml`, its services alone.
    /// `None`, with findings, when a figure is missing or wrong.
    pub fn load(folder: &Path, findings: &mut Findings) -> Option<Self> {
        let before = findings.errors();
        let (file, terms) = load(folder, findings)?;
        // What is missing because it is wrong says nothing new.
        let whole = findings.errors() == before;
        if file.value.links.is_none() && !folder.join("inventory.yaml").is_file() {
            return Some(links::none(terms));
        }
        links::contract(&file, terms, whole, findings)
    }
}

impl Terms {
    /// Reads the contract of any folder. `None`, with findings, when nothing of it can be used.
    pub fn load(folder: &Path, findings: &mut Findings) -> Option<Self> {
        load(folder, findings).map(|(_, terms)| terms)
    }
}

fn load(folder: &Path, findings: &mut Findings) -> Option<(Document<Written>, Terms)> {
    let file: Document<Written> = yaml::read(&folder.join("contract.yaml"), findings)?;
    let written = &file.value;
    answers(&file, findings);
    let time_zone = time_zone(&file, findings)?;
    let files: Vec<PathBuf> = written.holidays.iter().map(|file| folder.join(file)).collect();
    let holidays = Arc::new(Holidays::load(&files, findings));
    let calendars = calendars(&file, time_zone, &holidays, findings);
    years(&file, &holidays, &calendars, findings);
    guards(&file, findings);
    let mut resolver =
        Resolver { file: &file, contract: &file, switches: &written.switches, calendars: &calendars, findings };
    resolver.unique("calendars", written.calendars.iter().map(|calendar| calendar.id.as_str()));
    resolver.unique("switches", written.switches.iter().map(|switch| switch.id.as_str()));
    resolver.unique("objectives", written.objectives.iter().map(|objective| objective.id.as_str()));
    resolver.unique("duties", written.duties.iter().map(|duty| duty.id.as_str()));
    resolver.unique("by_hand", written.by_hand.iter().map(|evidence| evidence.id.as_str()));
    resolver.unique("guards", written.guards.iter().map(|guard| guard.id.as_str()));
    let classes = resolver.classes("classes", &written.classes);
    let overrides = resolver.classes("overrides", &written.overrides);
    let objectives = resolver.objectives("objectives", &written.objectives);
    let ids = || written.classes.iter().chain(&written.overrides).map(|class| class.id.as_str());
    for (nth, ladder) in written.ladders.iter().enumerate() {
        for (at, class) in ladder.classes.iter().enumerate() {
            if !ids().any(|id| id == class) {
                resolver.unknown(file.place(&format!("ladders.{nth}.classes.{at}")), class, ids());
            }
        }
    }
    if written.flaps.relapses == Some(0) {
        let place = file.place("flaps.relapses");
        resolver.findings.error(place, Code::FIGURE_OF_NOTHING, Message::FigureIsZero, Message::FigureIsZeroHelp);
    }
    let flaps = resolver.chosen::<yaml::Lasting>("flaps.gap", &written.flaps.gap);
    let maintenance = &written.maintenance;
    let notice = resolver.chosen("maintenance.notice", &maintenance.notice);
    let notice_calendar = resolver.calendar("maintenance.calendar", maintenance.calendar.as_deref());
    let approval = resolver.chosen("maintenance.approval", &maintenance.approval);
    let in_guards = resolver.chosen_or("maintenance.guards", maintenance.guards.as_ref(), InGuards::Allowed);
    let problems = written.problems.as_ref().map(|problems| resolver.problems(problems));
    let clocked: Vec<&Class> = classes.iter().chain(&overrides).collect();
    let assessment = resolver.assessment(&written.assessment, &clocked);
    let agreements = agreements(folder, &file, &calendars, resolver.findings);
    let duties = written.duties.iter().enumerate().map(|(nth, duty)| resolver.duty(nth, duty)).collect();
    let mut services = Service::load(folder, findings);
    let unclassed = written.switches.iter().find(|switch| switch.id == PATROL_CLASS).map(Switch::value);
    let of_unclassed = services.iter_mut().filter(|service| service.class == UNCLASSED);
    of_unclassed.for_each(|service| service.patrol = unclassed.unwrap_or(UNCLASSED).to_owned());
    let places = written.switches.iter().enumerate();
    let places = places.map(|(nth, switch)| (switch.id.clone(), file.place(&format!("switches.{nth}"))));
    let terms = Terms {
        name: written.name.clone(),
        time_zone,
        term: written.term.clone(),
        parties: written.parties.clone(),
        holidays,
        guards: written.guards.clone(),
        objectives,
        classes,
        overrides,
        agreements,
        ladders: written.ladders.clone(),
        acknowledgement: Answering {
            stale_after: written.acknowledgement.stale_after.map(|yaml::Lasting(after)| after),
        },
        closing: Closing {
            conditions: written.closing.conditions.clone(),
            after: written.closing.after.map(|yaml::Lasting(after)| after),
            clause: clause(written.closing.clause.as_deref()),
        },
        flaps: Flaps {
            gap: flaps.map(|Chosen { value: yaml::Lasting(value), switch }| Chosen { value, switch })?,
            relapses: written.flaps.relapses.unwrap_or(RELAPSES),
            clause: clause(written.flaps.clause.as_deref()),
        },
        maintenance: Maintenance {
            notice: notice?,
            calendar: notice_calendar?,
            approval: approval?,
            guards: in_guards?,
            clause: clause(maintenance.clause.as_deref()),
        },
        problems: problems.map_or(Some(None), |problems| problems.map(Some))?,
        duties,
        assessment,
        services,
        switches: written.switches.clone(),
        switch_places: places.collect(),
        by_hand: written.by_hand.clone(),
        figures: figures(&file, &written.switches),
        calendars,
    };
    Some((file, terms))
}

/// Dates that end before they begin would guard no day, and nobody would see it.
fn guards(file: &Document<Written>, findings: &mut Findings) {
    for (guard, written) in file.value.guards.iter().enumerate() {
        let reversed = written.dates.iter().enumerate().filter(|(_, dates)| dates.from.0 > dates.to.0);
        for (nth, _) in reversed {
            let message = Message::FiguresOutOfOrder { smaller: "from", larger: "to" };
            let help = Message::FiguresOutOfOrderHelp { smaller: "from", larger: "to" };
            let place = file.place(&format!("guards.{guard}.dates.{nth}.from"));
            findings.error(place, Code::ORDER_OF_FIGURES, message, help);
        }
    }
}

/// A whole number from 1 on, written as text: a switch may answer it.
#[derive(serde::Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Count(pub u32);

impl TryFrom<String> for Count {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().ok().filter(|count| *count > 0).map(Self).ok_or("a whole number from 1 on")
    }
}

impl Resolver<'_, Written> {
    fn duty(&mut self, nth: usize, written: &WrittenDuty) -> Duty {
        let every = self.optional(&format!("duties.{nth}.every"), written.every.as_ref());
        let WrittenDuty { id, kind, name, applies, times, within, due, source, clause, .. } = written.clone();
        Duty { id, kind, name, applies, every: every.map(|every| every.value), times, within, due, source, clause }
    }

    /// `None`, with a finding, when a switch does not exist or answers something else.
    fn problems(&mut self, written: &WrittenProblems) -> Option<Problems> {
        let faults = self.chosen::<Count>("problems.faults", &written.faults);
        let within = self.chosen::<yaml::Lasting>("problems.within", &written.within);
        let Chosen { value: yaml::Lasting(within), switch } = within?;
        let within = Chosen { value: within, switch };
        let Chosen { value: Count(faults), switch } = faults?;
        let faults = Chosen { value: faults, switch };
        Some(Problems { faults, within, clause: clause(written.clause.as_deref()) })
    }
}

/// In a year of the term without a file of holidays, clocks on working days would run through the holidays.
fn years(file: &Document<Written>, holidays: &Holidays, calendars: &[Arc<Calendar>], findings: &mut Findings) {
    let term = file.value.term.as_ref();
    let Some((from, to)) = term.and_then(|term| Some((term.from()?, term.to()?))) else { return };
    if !calendars.iter().any(|calendar| calendar.needs_holidays()) {
        return;
    }
    let missing: Vec<i32> = (from.year()..=to.year()).filter(|year| !holidays.covers(*year)).take(MOST_YEARS).collect();
    if !missing.is_empty() {
        let (message, help) = (ContractText::YearsWithoutHolidays { years: missing }, ContractText::YearsHelp);
        findings.warning(file.place("term"), Code::YEAR_WITHOUT_HOLIDAYS, message.into(), help.into());
    }
}

pub(super) fn clause(written: Option<&str>) -> String {
    written.unwrap_or(NOT_FROM_CONTRACT).to_owned()
}

fn time_zone(file: &Document<Written>, findings: &mut Findings) -> Option<chrono_tz::Tz> {
    let written = &file.value.time_zone;
    let zone = written.parse().ok();
    if zone.is_none() {
        let found = Box::new(Message::FoundText(yaml::shortened(written)));
        let message = Message::WrongValue { found, expected: Expected::TimeZone };
        let place = file.place("time_zone");
        findings.error(place, Code::WRONG_VALUE, message, Message::Write(Expected::TimeZone));
    }
    zone
}

/// Switches answer what they ask.
fn answers(file: &Document<Written>, findings: &mut Findings) {
    for (nth, switch) in file.value.switches.iter().enumerate() {
        let given = [("default", Some(&switch.default)), ("chosen", switch.chosen.as_ref())];
        for (key, value) in given.into_iter().filter_map(|(key, value)| Some((key, value?))) {
            if !switch.values.is_empty() && !switch.values.contains(value) {
                let message = ContractText::NotAnAnswer { value: value.clone() }.into();
                let closest = crate::diagnostic::closest(value, switch.values.iter().map(String::as_str));
                let help = Message::Known { closest: closest.map(str::to_owned), known: switch.values.clone() };
                findings.error(file.place(&format!("switches.{nth}.{key}")), Code::SWITCH_ANSWER, message, help);
            }
        }
    }
}

/// In file order; `except` names one that stands before.
fn calendars(
    file: &Document<Written>,
    zone: chrono_tz::Tz,
    holidays: &Arc<Holidays>,
    findings: &mut Findings,
) -> Vec<Arc<Calendar>> {
    let mut calendars: Vec<Arc<Calendar>> = vec![];
    for (nth, written) in file.value.calendars.iter().enumerate() {
        let path = format!("calendars.{nth}");
        let open = match (&written.hours, &written.except) {
            (Some(hours), None) => open(file, &path, written.days.as_ref(), hours, holidays, findings),
            (None, Some(name)) => {
                let switches = &file.value.switches;
                let mut resolver =
                    Resolver { file, contract: file, switches, calendars: &calendars, findings: &mut *findings };
                resolver.calendar(&format!("{path}.except"), Some(name)).map(Open::Except)
            }
            _ => {
                let help = ContractText::CalendarWithoutHoursHelp.into();
                findings.error(file.place(&path), Code::CALENDAR, ContractText::CalendarWithoutHours.into(), help);
                None
            }
        };
        let WrittenCalendar { id, clause: own, .. } = written;
        // One that is wrong keeps its name, so that those who use it are not reported as well.
        let (open, clause) = (open.unwrap_or(Open::Always), clause(own.as_deref()));
        let calendar = Calendar { id: id.clone(), zone, open, clause, place: file.place(&path) };
        if !calendar.opens() {
            let help = ContractText::CalendarNeverOpensHelp.into();
            findings.error(calendar.place.clone(), Code::CALENDAR, ContractText::CalendarNeverOpens.into(), help);
        }
        calendars.push(Arc::new(calendar));
    }
    calendars
}

fn open(
    file: &Document<Written>,
    path: &str,
    days: Option<&WrittenDays>,
    hours: &WrittenHours,
    holidays: &Arc<Holidays>,
    findings: &mut Findings,
) -> Option<Open> {
    let days = match days {
        None | Some(WrittenDays::Word(DaysWord::Every)) => OpenDays::Every,
        Some(WrittenDays::Word(DaysWord::Working)) => OpenDays::Working,
        Some(WrittenDays::Week(week)) => OpenDays::Week(week.clone()),
    };
    let texts: Vec<(String, &str)> = match hours {
        WrittenHours::One(text) if text == "always" && days == OpenDays::Every => return Some(Open::Always),
        WrittenHours::One(text) if text == "always" => vec![(format!("{path}.hours"), "00:00-24:00")],
        WrittenHours::One(text) => vec![(format!("{path}.hours"), text)],
        WrittenHours::Several(texts) => {
            texts.iter().enumerate().map(|(nth, text)| (format!("{path}.hours.{nth}"), text.as_str())).collect()
        }
    };
    let (mut windows, mut whole) = (vec![], true);
    for (at, text) in texts {
        let before = windows.last().map_or(0, |(_, to)| *to);
        match window(text).filter(|(from, _)| *from >= before) {
            Some(window) => windows.push(window),
            None => {
                whole = false;
                let message = ContractText::HoursWrong { text: yaml::shortened(text) }.into();
                findings.error(file.place(&at), Code::CALENDAR, message, ContractText::HoursWrongHelp.into());
            }
        }
    }
    whole.then(|| Open::Hours { days, windows, holidays: Arc::clone(holidays) })
}

/// `08:00-18:00` as minutes of the day; an end not after the beginning is on the next day.
pub fn window(text: &str) -> Option<(u32, u32)> {
    let minutes = |text: &str| {
        let (hour, minute) = text.trim().split_once(':')?;
        let two_digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let (hour, minute): (u32, u32) =
            (two_digits(hour) && two_digits(minute)).then(|| Some((hour.parse().ok()?, minute.parse().ok()?)))??;
        (minute < 60 && hour * 60 + minute <= 1_440).then_some(hour * 60 + minute)
    };
    let (from, to) = text.split_once('-')?;
    let (from, to) = (minutes(from)?, minutes(to)?);
    Some((from, if to > from { to } else { to + 1_440 })).filter(|_| from < 1_440)
}

fn agreements(
    folder: &Path,
    contract: &Document<Written>,
    calendars: &[Arc<Calendar>],
    findings: &mut Findings,
) -> Vec<Agreement> {
    let path = folder.join("agreements.yaml");
    // Most contracts have none.
    let there = path.is_file();
    let Some(file) = there.then(|| yaml::read::<WrittenAgreements>(&path, findings)).flatten() else { return vec![] };
    let switches = &contract.value.switches;
    let mut resolver = Resolver { file: &file, contract, switches, calendars, findings };
    let list = &file.value.agreements;
    resolver.unique("agreements", list.iter().map(|agreement| agreement.id.as_str()));
    let mut agreements = vec![];
    for (nth, written) in list.iter().enumerate() {
        let path = format!("agreements.{nth}");
        let objectives = resolver.objectives(&format!("{path}.objectives"), &written.objectives);
        objectives.iter().for_each(|objective| resolver.of_a_circuit(objective));
        agreements.push(Agreement {
            number: written.id.clone(),
            carrier: written.carrier.clone(),
            from: written.from.0,
            to: written.to.0,
            objectives,
            clocks: resolver.clocks(&path, &written.clocks, Party::Carrier, &written.id),
            contacts: written.contacts.clone(),
            place: file.place(&format!("{path}.carrier")),
        });
    }
    agreements
}

impl<T> Resolver<'_, T> {
    /// Reports what an agreement cannot promise: a carrier is judged circuit by circuit, and over whole civil months.
    fn of_a_circuit(&mut self, objective: &Objective) {
        if objective.reach.as_ref().is_some_and(|reach| reach.value == Reach::Fleet) {
            let place = self.file.place(&format!("{}.reach", objective.path));
            let (message, help) = (ContractText::ReachOfAgreement.into(), ContractText::ReachOfAgreementHelp.into());
            self.findings.error(place, Code::LINK_TERMS, message, help);
        }
        if objective.measure == Measure::Availability {
            objective.civil_period(self.file, self.findings);
        }
    }

    fn classes(&mut self, list: &str, written: &[WrittenClass]) -> Vec<Class> {
        self.unique(list, written.iter().map(|class| class.id.as_str()));
        written.iter().enumerate().map(|(nth, class)| self.class(format!("{list}.{nth}"), class)).collect()
    }

    fn class(&mut self, path: String, written: &WrittenClass) -> Class {
        let tiers = format!("{path}.tiers");
        self.unique(&tiers, written.tiers.iter().map(|tier| tier.id.as_str()));
        let own = clause(written.clause.as_deref());
        let tiers = written.tiers.iter().enumerate().map(|(nth, tier)| self.tier(format!("{tiers}.{nth}"), tier, &own));
        Class {
            id: written.id.clone(),
            name: written.name.clone(),
            applies: written.applies.clone(),
            tiers: tiers.collect(),
            clause: own,
            place: self.file.place(&path),
            path,
        }
    }

    /// `around`: the clause of the class, for a tier without one.
    fn tier(&mut self, path: String, written: &WrittenTier, around: &str) -> ClassTier {
        let own = written.clause.clone().unwrap_or_else(|| around.to_owned());
        let when = &written.when;
        ClassTier {
            id: written.id.clone(),
            level: written.level,
            name: written.name.clone(),
            when: Condition {
                scope: when.scope,
                share: self
                    .optional::<yaml::Percent>(&format!("{path}.when.share"), when.share.as_ref())
                    .map(|Chosen { value: yaml::Percent(value), switch }| Chosen { value, switch }),
                kind: when.kind,
                impact: when.impact,
                service_class: when.service_class.clone(),
                case: when.case.clone(),
            },
            clocks: self.clocks(&path, &written.clocks, Party::Operator, &own),
            clause: own,
            place: self.file.place(&path),
            path,
        }
    }

    /// `around`: the clause of what holds them, for a clock without one.
    fn clocks(&mut self, path: &str, written: &[WrittenClock], party: Party, around: &str) -> Vec<Clock> {
        let clocks = written.iter().enumerate();
        clocks.filter_map(|(nth, clock)| self.clock(format!("{path}.clocks.{nth}"), clock, party, around)).collect()
    }

    fn clock(&mut self, path: String, written: &WrittenClock, party: Party, around: &str) -> Option<Clock> {
        let starts = self.chosen_or(&format!("{path}.starts"), written.starts.as_ref(), Start::Earliest);
        let at_calendar = format!("{path}.calendar");
        let calendar = match &written.calendar {
            Some(setting) => {
                let name = self.chosen::<String>(&at_calendar, setting);
                name.and_then(|name| self.calendar(&at_calendar, Some(&name.value)))
            }
            None => self.calendar(&at_calendar, None),
        };
        let during = written.during.as_deref().map(|name| self.calendar(&format!("{path}.during"), Some(name)));
        let workaround = self.chosen_or(&format!("{path}.workaround"), written.workaround.as_ref(), false);
        let beside = self.chosen_or(&format!("{path}.beside_looser"), written.beside_looser.as_ref(), true);
        let limit = self.chosen_as::<Span>(&format!("{path}.limit"), &written.limit, &Expected::Span);
        if limit.as_ref().and_then(|limit| limit.value.time()).is_some_and(|limit| limit.is_zero()) {
            let place = self.file.place(&format!("{path}.limit"));
            self.findings.error(place, Code::FIGURE_OF_NOTHING, Message::FigureIsZero, Message::FigureIsZeroHelp);
        }
        let limit = limit?;
        Some(Clock {
            kind: written.clock,
            party: written.party.unwrap_or(party),
            limit: limit.value,
            written: self.text(&written.limit),
            limit_switch: limit.switch,
            strict: written.strict,
            starts: starts?,
            calendar: calendar?,
            during: match during {
                Some(during) => Some(during?),
                None => None,
            },
            workaround: workaround?,
            beside_looser: beside?,
            clause: written.clause.clone().unwrap_or_else(|| around.to_owned()),
            place: self.file.place(&path),
            path,
        })
    }

    fn objectives(&mut self, list: &str, written: &[WrittenObjective]) -> Vec<Objective> {
        let objectives = written.iter().enumerate();
        objectives.filter_map(|(nth, objective)| self.objective(format!("{list}.{nth}"), objective)).collect()
    }

    fn objective(&mut self, path: String, written: &WrittenObjective) -> Option<Objective> {
        let at = |key: &str| format!("{path}.{key}");
        let bound = self.bound(&at("limit"), &written.limit);
        let exclusions = written.exclude.iter().filter_map(|(reason, setting)| {
            let chosen = self.chosen(&at(&format!("exclude.{}", reason.as_str())), setting);
            chosen.map(|chosen| (*reason, chosen))
        });
        Some(Objective {
            exclusions: exclusions.collect(),
            period: self.optional(&at("period"), written.period.as_ref()),
            statistic: self.optional(&at("statistic"), written.statistic.as_ref()),
            point: self.optional(&at("point"), written.point.as_ref()),
            rounding: self.optional(&at("rounding"), written.rounding.as_ref()),
            reach: self.optional(&at("reach"), written.reach.as_ref()),
            id: written.id.clone(),
            name: written.name.clone(),
            applies: written.applies.clone(),
            measure: written.measure,
            bound: bound?,
            source: written.source,
            clause: clause(written.clause.as_deref()),
            place: self.file.place(&path),
            path,
        })
    }
}

/// Every figure as written, with the nearest clause around it. Names and other words are no figures.
fn figures(file: &Document<Written>, switches: &[Switch]) -> Vec<Figure> {
    const WORDS: [&str; 8] = ["clause", "name", "zh", "en", "id", "about", "what", "for"];
    let leaves = file.leaves();
    let mut figures = vec![];
    for (path, text, place) in &leaves {
        let mut steps = path.rsplit('.');
        let wordy = steps.any(|step| WORDS.contains(&step)) && !path.starts_with("closing.");
        if path.starts_with("switches.") || wordy || path.ends_with(".clause") {
            continue;
        }
        let switch = path.strip_suffix(".switch").and_then(|key| {
            let switch = switches.iter().find(|switch| switch.id == *text)?;
            Some((key, switch))
        });
        figures.push(match switch {
            Some((key, switch)) => Figure {
                key: key.to_owned(),
                value: switch.value().to_owned(),
                clause: clause(switch.clause.as_deref()),
                switch: Some(switch.id.clone()),
                place: place.clone(),
            },
            None => Figure {
                key: path.clone(),
                value: (*text).to_owned(),
                clause: clause(nearest_clause(file, path)),
                switch: None,
                place: place.clone(),
            },
        });
    }
    figures
}

fn nearest_clause<'a>(file: &'a Document<Written>, path: &str) -> Option<&'a str> {
    let ends = path.match_indices('.').map(|(end, _)| end).rev();
    ends.map(|end| format!("{}.clause", &path[..end])).find_map(|key| file.written(&key))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        contract::{LinkTiers, Objectives, fixture},
        inventory::{Kind, Role},
        units::{Limit, Ppm},
    };

    #[test]
    fn the_shipped_contract_says_what_its_clauses_say() {
        let contract = fixture::contract();
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let Objectives { availability, rtt, loss, clause, .. } = &contract.objectives;
        assert_eq!((availability.0, rtt.0, *loss), (999_000, Duration::from_millis(50), Limit::AtMost(Ppm(1_000))));
        assert_eq!(clause, "001 L101");
        let LinkTiers { network, partial, network_share } = &contract.tiers;
        assert_eq!((network.response, network.restore), (minutes(15), minutes(120)));
        assert_eq!((partial.response, partial.restore), (minutes(30), minutes(240)));
        assert_eq!((network.clause.as_str(), partial.clause.as_str()), ("001 L132", "001 L133"));
        assert_eq!(network_share.0, 800_000);
        assert_eq!(contract.measuring_point(Kind::Internet), Role::CarrierGateway);
        assert_eq!(contract.measuring_point(Kind::Private), Role::Far);
        assert_eq!(contract.time_zone, chrono_tz::Asia::Shanghai);
    }

    #[test]
    fn every_figure_is_shown_with_its_clause_or_as_a_default() {
        let contract = fixture::contract();
        let figure = |value: &str| {
            let figures = contract.link_figures();
            figures.into_iter().find(|figure| figure.value == value).unwrap_or_else(|| panic!("{value}")).clone()
        };
        let share = figure("80 %");
        assert_eq!((share.switch.as_deref(), share.clause.as_str()), (Some("whole-network-share"), NOT_FROM_CONTRACT));
        assert_eq!((figure("99.9 %").clause.as_str(), figure("30m").clause.as_str()), ("001 L101", "001 L133"));
    }

    #[test]
    fn what_a_file_leaves_out_is_shown_with_what_holds_instead() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad/good/inventory");
        let contract = Contract::load(&folder, &mut Findings::default()).unwrap();
        assert_eq!(contract.degraded.rtt_clear.0, Duration::from_millis(45), "nine tenths of 50 ms");
        let shown = |key: &str| {
            let figures = contract.link_figures();
            let figure = figures.into_iter().find(|figure| figure.key == key).unwrap_or_else(|| panic!("{key}"));
            (figure.value.clone(), figure.clause.clone(), figure.place.line)
        };
        let default = |value: &str, line| (value.to_owned(), NOT_FROM_CONTRACT.to_owned(), line);
        assert_eq!(shown("links.degraded.rtt_clear"), default("45ms", 37));
        assert_eq!(shown("links.grouping.recovery_proof"), default("10s", 38));
        assert_eq!(shown("links.degraded.rtt"), default("50ms", 37), "what it says is shown as it stands");
        let shipped = fixture::contract();
        let keys: Vec<&str> = shipped.link_figures().into_iter().map(|figure| figure.key.as_str()).collect();
        assert_eq!(keys.iter().filter(|key| **key == "links.degraded.rtt_clear").count(), 1);
    }

    #[test]
    fn every_shipped_contract_is_read_without_a_finding() {
        for name in fixture::SHIPPED {
            let terms = fixture::terms(name);
            assert!(!terms.classes.is_empty() && !terms.services.is_empty() && !terms.by_hand.is_empty(), "{name}");
        }
    }

    #[test]
    fn hours_are_read_as_people_write_them() {
        assert_eq!(window("08:00-18:00"), Some((480, 1_080)));
        assert_eq!(window("22:00 - 06:00"), Some((1_320, 1_800)));
        assert_eq!(window("00:00-24:00"), Some((0, 1_440)));
        for wrong in ["", "8-18", "08:00", "08:60-09:00", "24:00-25:00", "+8:00-09:00", "08:00-24:01"] {
            assert_eq!(window(wrong), None, "{wrong}");
        }
    }
}
