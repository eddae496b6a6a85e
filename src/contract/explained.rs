//! What `contract explain` found, as sections of rows: printed as text for people and as JSON for programs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    path::Path,
};

use serde_json::{Value, json};

use super::{
    Agreement, Applies, Calendar, Class, Clock, Contract, Figure, NOT_FROM_CONTRACT, Objective, Service, Target, Terms,
    Words,
    words::{Source, TargetKind},
};
use crate::{
    diagnostic::Place,
    inventory::{Carrier, Link},
    text::{ContractText, Language, Message},
};

/// All that applies to a target, or the whole contract.
pub struct Explained {
    contract: String,
    folder: String,
    target: Option<Value>,
    pub sections: Vec<Section>,
    /// Switches that decide nothing yet; the word for it.
    idle: BTreeMap<String, ContractText>,
    /// Objectives that nothing judges.
    unjudged: BTreeSet<String>,
}

/// Rules of one kind.
pub struct Section {
    /// Stable key for programs.
    pub part: &'static str,
    pub title: ContractText,
    pub rows: Vec<Row>,
}

/// One figure, rule or thing to supply.
pub struct Row {
    pub key: String,
    pub name: Option<Words>,
    pub value: String,
    /// From the contract, or "default, not from contract". `None` where that says nothing.
    pub clause: Option<String>,
    pub switch: Option<String>,
    pub source: Option<Source>,
    pub place: Option<Place>,
}

impl Explained {
    /// Everything.
    pub fn whole(folder: &Path, terms: &Terms) -> Self {
        let mut explained = Self::new(folder, terms, None);
        explained.objectives(terms.objectives.iter());
        explained.classes(terms.classes.iter().chain(&terms.overrides));
        terms.agreements.iter().for_each(|agreement| explained.agreement(agreement));
        explained.figures("links", ContractText::ExplainLinks, terms.figures_of("links"));
        explained.figures("assessment", ContractText::ExplainAssessment, terms.figures_of("assessment"));
        explained.rest(terms, |_| true);
        explained.calendars(terms, |_| true);
        explained.switches(terms, |_| true);
        explained
    }

    /// What applies to one row of requirements.csv.
    pub fn of_service(folder: &Path, terms: &Terms, service: &Service) -> Self {
        let target = json!({
            "service": service.id, "requirement": service.requirement, "name": service.name,
            "category": service.category, "class": service.class, "zone": service.zone,
            "inspection": service.inspection, "place": service.place.to_string(),
        });
        let mut explained = Self::new(folder, terms, Some(target));
        explained.of_target(terms, &service.target());
        explained.end(terms);
        explained
    }

    /// What applies to one link, with the agreements of its carrier and nobody else's.
    pub fn of_link(folder: &Path, contract: &Contract, link: &Link, carrier: &Carrier) -> Self {
        let terms = &contract.terms;
        let target = json!({
            "link": link.id, "requirement": contract.requirement, "kind": link.kind.as_str(),
            "carrier": carrier.id, "place": link.place.to_string(),
        });
        let mut explained = Self::new(folder, terms, Some(target));
        explained.of_target(terms, &contract.target(link.kind));
        explained.figures("links", ContractText::ExplainLinks, terms.figures_of("links"));
        let own = terms.agreements.iter().filter(|agreement| agreement.carrier == carrier.id);
        let before = explained.sections.len();
        own.for_each(|agreement| explained.agreement(agreement));
        if explained.sections.len() == before {
            let title = ContractText::ExplainNoAgreement { carrier: carrier.name.clone() };
            explained.sections.push(Section { part: "agreement", title, rows: vec![] });
        }
        explained.end(terms);
        explained
    }

    fn new(folder: &Path, terms: &Terms, target: Option<Value>) -> Self {
        let waiting = terms.idle_switches(false).map(|switch| (switch.id.clone(), ContractText::ExplainWaits));
        let idle = terms.idle_switches(true).map(|switch| (switch.id.clone(), ContractText::ExplainIdle));
        let idle = waiting.chain(idle).collect();
        let unjudged = terms.unjudged().map(|one| one.id.clone()).collect();
        let (contract, folder) = (terms.name.clone(), folder.display().to_string());
        Self { contract, folder, target, sections: vec![], idle, unjudged }
    }

    /// Rules for the target itself, and for its devices, its security and questions about it.
    fn of_target(&mut self, terms: &Terms, target: &Target<'_>) {
        let kinds = [target.kind, TargetKind::Device, TargetKind::Security, TargetKind::Request];
        let covered = |applies: &Applies| kinds.iter().any(|kind| applies.covers(&Target { kind: *kind, ..*target }));
        self.objectives(terms.objectives.iter().filter(|objective| covered(&objective.applies)));
        self.classes(terms.classes.iter().chain(&terms.overrides).filter(|class| covered(&class.applies)));
        self.rest(terms, covered);
    }

    /// Only calendars and switches that the sections so far speak of.
    fn end(&mut self, terms: &Terms) {
        let rows = || self.sections.iter().flat_map(|section| &section.rows);
        let switches: BTreeSet<String> = rows().filter_map(|row| row.switch.clone()).collect();
        let words: BTreeSet<String> =
            rows().flat_map(|row| row.value.split(['=', ' ']).map(str::to_owned).collect::<Vec<_>>()).collect();
        self.calendars(terms, |calendar| words.contains(&calendar.id));
        self.switches(terms, |id| switches.contains(id));
    }

    fn objectives<'a>(&mut self, objectives: impl Iterator<Item = &'a Objective>) {
        let rows: Vec<Row> = objectives.flat_map(objective_rows).collect();
        self.sections.push(Section { part: "objectives", title: ContractText::ExplainObjectives, rows });
    }

    fn classes<'a>(&mut self, classes: impl Iterator<Item = &'a Class>) {
        for class in classes {
            let rows = class.tiers.iter().flat_map(|tier| {
                let head = Row {
                    key: format!("{}.{}", class.id, tier.id),
                    name: Some(tier.name.clone()),
                    value: [tier.level.map(|level| format!("level={level}")), Some(tier.when.to_string())]
                        .into_iter()
                        .flatten()
                        .filter(|part| !part.is_empty())
                        .collect::<Vec<_>>()
                        .join(" "),
                    // Its clocks may have clauses of their own.
                    clause: Some(tier.clause.clone()).filter(|clause| clause != NOT_FROM_CONTRACT),
                    switch: tier.when.share.as_ref().and_then(|share| share.switch.clone()),
                    source: None,
                    place: Some(tier.place.clone()),
                };
                let prefix = format!("{}.{}", class.id, tier.id);
                let clocks: Vec<Row> = tier.clocks.iter().flat_map(|clock| clock_rows(&prefix, clock)).collect();
                std::iter::once(head).chain(clocks)
            });
            let Words { zh, en } = class.name.clone();
            let title = ContractText::ExplainClass { id: class.id.clone(), zh, en };
            self.sections.push(Section { part: "class", title, rows: rows.collect() });
        }
    }

    fn agreement(&mut self, agreement: &Agreement) {
        let clocks = agreement.clocks.iter().flat_map(|clock| clock_rows(&agreement.carrier, clock));
        let rows = agreement.objectives.iter().flat_map(objective_rows).chain(clocks).collect();
        let title =
            ContractText::ExplainAgreement { number: agreement.number.clone(), from: agreement.from, to: agreement.to };
        self.sections.push(Section { part: "agreement", title, rows });
    }

    fn figures<'a>(&mut self, part: &'static str, title: ContractText, figures: impl Iterator<Item = &'a Figure>) {
        let rows: Vec<Row> = figures.map(figure_row).collect();
        if !rows.is_empty() {
            self.sections.push(Section { part, title, rows });
        }
    }

    /// Duties, acknowledgement, closing, flaps, maintenance and evidence.
    fn rest(&mut self, terms: &Terms, covered: impl Fn(&Applies) -> bool) {
        let duties = terms.duties.iter().enumerate().filter(|(_, duty)| covered(&duty.applies));
        let rows = duties.map(|(nth, duty)| {
            let path = format!("duties.{nth}");
            let figures = terms.figures_of(&path);
            let value = figures.filter_map(|figure| {
                let key = figure.key.strip_prefix(&path)?.trim_start_matches('.');
                ["every", "times", "within"].contains(&key).then(|| format!("{key}={}", figure.value))
            });
            Row {
                key: duty.id.clone(),
                name: Some(duty.name.clone()),
                value: value.collect::<Vec<_>>().join(" "),
                clause: Some(duty.clause.clone().unwrap_or_else(|| NOT_FROM_CONTRACT.to_owned())),
                switch: None,
                source: Some(duty.source),
                place: terms.figures_of(&path).next().map(|figure| figure.place.clone()),
            }
        });
        let rows = rows.collect();
        self.sections.push(Section { part: "duties", title: ContractText::ExplainDuties, rows });
        let general = ["acknowledgement", "closing", "flaps", "maintenance", "problems"]
            .into_iter()
            .flat_map(|path| terms.figures_of(path));
        self.figures("general", ContractText::ExplainGeneral, general);
        let evidence = terms.by_hand.iter().filter(|evidence| covered(&evidence.applies));
        let rows = evidence.map(|evidence| Row {
            key: evidence.id.clone(),
            name: Some(evidence.what.clone()),
            value: format!("from={}", evidence.from.as_str()),
            clause: Some(evidence.clause.clone().unwrap_or_else(|| NOT_FROM_CONTRACT.to_owned())),
            switch: None,
            source: Some(Source::ByHand),
            place: None,
        });
        let rows = rows.collect();
        self.sections.push(Section { part: "by_hand", title: ContractText::ExplainByHand, rows });
    }

    fn calendars(&mut self, terms: &Terms, shown: impl Fn(&Calendar) -> bool) {
        let rows = terms.calendars.iter().enumerate().filter(|(_, calendar)| shown(calendar)).map(|(nth, calendar)| {
            let path = format!("calendars.{nth}");
            let value = terms.figures_of(&path).map(|figure| figure.value.clone()).collect::<Vec<_>>().join(" ");
            Row {
                key: calendar.id.clone(),
                name: None,
                value: format!("{value} {}", calendar.zone),
                clause: Some(calendar.clause.clone()),
                switch: None,
                source: None,
                place: Some(calendar.place.clone()),
            }
        });
        let years = terms.holidays.years().map(|(year, place)| Row {
            key: format!("holidays.{year}"),
            name: None,
            value: String::new(),
            clause: None,
            switch: None,
            source: None,
            place: Some(place.clone()),
        });
        let rows = rows.chain(years).collect();
        self.sections.push(Section { part: "calendars", title: ContractText::ExplainCalendars, rows });
    }

    fn switches(&mut self, terms: &Terms, shown: impl Fn(&str) -> bool) {
        let rows = terms.switches.iter().filter(|switch| shown(&switch.id)).map(|switch| Row {
            key: switch.id.clone(),
            name: Some(switch.question.clone()),
            value: switch.value().to_owned(),
            clause: Some(switch.clause.clone().unwrap_or_else(|| NOT_FROM_CONTRACT.to_owned())),
            switch: None,
            source: None,
            place: terms.switch_place(&switch.id),
        });
        let rows = rows.collect();
        self.sections.push(Section { part: "switches", title: ContractText::ExplainSwitches, rows });
    }

    pub fn text(&self, language: Language) -> String {
        let mut text = String::new();
        let say = |message: ContractText| Message::from(message).say(language).to_string();
        // Writing into a string cannot fail.
        let mut line = |line: String| {
            let _ = writeln!(text, "{line}");
        };
        line(format!("{}  {}", self.contract, self.folder));
        if let Some(Value::Object(target)) = &self.target {
            let words = target.iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)));
            line(words.collect::<Vec<_>>().join("  "));
        }
        for section in self.sections.iter().filter(|section| !section.rows.is_empty() || section.part == "agreement") {
            line(String::new());
            line(say(section.title.clone()));
            for Row { key, name, value, clause, switch, source, place } in &section.rows {
                let mut parts = vec![format!("  {key}")];
                parts.extend(name.as_ref().map(|name| name.say(language).to_owned()));
                parts.extend(Some(value.clone()).filter(|value| !value.is_empty()));
                parts.extend(switch.as_ref().map(|id| say(ContractText::ExplainBySwitch { switch: id.clone() })));
                let own = section.part != "by_hand" && *source != Some(Source::Measured);
                parts.extend(
                    source.filter(|_| own).map(|source| say(ContractText::ExplainSource { source: source.as_str() })),
                );
                parts.extend(clause.as_ref().map(|clause| say(ContractText::ExplainClause { clause: clause.clone() })));
                parts.extend(place.as_ref().map(Place::to_string));
                let idle = self.idle.get(key).filter(|_| section.part == "switches");
                let unjudged = section.part == "objectives" && self.unjudged.contains(key);
                parts.extend(idle.cloned().or(unjudged.then_some(ContractText::ExplainUnjudged)).map(say));
                line(parts.join("  "));
            }
        }
        text
    }

    pub fn json(&self, language: Language) -> Value {
        let row = |row: &Row, part: &str| {
            json!({
                "key": row.key,
                "name": row.name.as_ref().map(|name| name.say(language)),
                "value": row.value,
                "clause": row.clause,
                "from_contract": row.clause.as_ref().map(|clause| clause != NOT_FROM_CONTRACT),
                "switch": row.switch,
                "source": row.source,
                "decides": (part == "switches").then(|| !self.idle.contains_key(&row.key)),
                "place": row.place.as_ref().map(Place::to_string),
            })
        };
        let section = |section: &Section| {
            json!({
                "part": section.part,
                "title": Message::from(section.title.clone()).say(language).to_string(),
                "rows": section.rows.iter().map(|one| row(one, section.part)).collect::<Vec<_>>(),
            })
        };
        json!({
            "contract": self.contract,
            "folder": self.folder,
            "target": self.target,
            "parts": self.sections.iter().map(section).collect::<Vec<_>>(),
        })
    }
}

fn figure_row(figure: &Figure) -> Row {
    Row {
        key: figure.key.clone(),
        name: None,
        value: figure.value.clone(),
        clause: Some(figure.clause.clone()),
        switch: figure.switch.clone(),
        source: None,
        place: Some(figure.place.clone()),
    }
}

/// The limit, and below it what a switch had to decide.
fn objective_rows(objective: &Objective) -> Vec<Row> {
    let row = |key: &str, value: String, switch: Option<&String>| Row {
        key: format!("{}{key}", objective.id),
        name: None,
        value,
        clause: Some(if switch.is_some() { NOT_FROM_CONTRACT.to_owned() } else { objective.clause.clone() }),
        switch: switch.cloned(),
        source: None,
        place: Some(objective.place.clone()),
    };
    let limit = Row {
        name: Some(objective.name.clone()),
        source: Some(objective.source),
        clause: Some(objective.clause.clone()),
        ..row("", format!("{} {}", objective.measure.as_str(), objective.bound), None)
    };
    let mut rows = vec![limit];
    rows.extend(objective.period.iter().map(|one| row(".period", one.value.as_str().into(), one.switch.as_ref())));
    rows.extend(
        objective.statistic.iter().map(|one| row(".statistic", one.value.as_str().into(), one.switch.as_ref())),
    );
    rows.extend(objective.point.iter().map(|one| row(".point", one.value.as_str().into(), one.switch.as_ref())));
    rows.extend(objective.rounding.iter().map(|one| row(".rounding", one.value.as_str().into(), one.switch.as_ref())));
    rows.extend(objective.reach.iter().map(|one| row(".reach", one.value.as_str().into(), one.switch.as_ref())));
    rows.extend(objective.exclusions.iter().map(|(reason, out)| {
        row(&format!(".exclude.{}", reason.as_str()), out.value.to_string(), out.switch.as_ref())
    }));
    rows
}

/// The limit with its party and calendar, and when it starts.
fn clock_rows(prefix: &str, clock: &Clock) -> [Row; 2] {
    let mut value = format!("{} {}", if clock.strict { "<" } else { "<=" }, clock.written);
    let during = clock.during.as_ref().map(|hours| format!(" during={}", hours.id)).unwrap_or_default();
    let workaround = if clock.workaround.value { " workaround=true" } else { "" };
    let beside = if clock.beside_looser.value { "" } else { " beside_looser=false" };
    let (party, calendar) = (clock.party.as_str(), &clock.calendar.id);
    // Writing into a string cannot fail.
    let _ = write!(value, "  party={party} calendar={calendar}{during}{workaround}{beside}");
    let key = format!("{prefix}.{}", clock.kind.as_str());
    let limit = Row {
        key: key.clone(),
        name: None,
        value,
        clause: Some(clock.clause.clone()),
        switch: [&clock.limit_switch, &clock.workaround.switch, &clock.beside_looser.switch]
            .into_iter()
            .flatten()
            .next()
            .cloned(),
        source: None,
        place: Some(clock.place.clone()),
    };
    // A start that the text does not name is a default, whatever clause stands around it.
    let named = clock.starts.switch.is_none() && clock.starts.value != super::words::Start::Earliest;
    let starts = Row {
        key: format!("{key}.starts"),
        value: clock.starts.value.as_str().into(),
        clause: Some(if named { clock.clause.clone() } else { NOT_FROM_CONTRACT.to_owned() }),
        switch: clock.starts.switch.clone(),
        name: None,
        source: None,
        place: Some(clock.place.clone()),
    };
    [limit, starts]
}
