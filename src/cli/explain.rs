//! `linkpatrol explain`: where every value that holds for a link or a service was written.

use std::process::ExitCode;

use serde_json::json;

use super::{Global, Output, find_link, print_findings};
use crate::{
    diagnostic::Place,
    inventory::{Link, Point},
    patrol::load::{Loaded, from_file},
    profile::{Effective, Measure, of_point, services::Service},
    text::{Language, Message, ServiceText},
    units::duration_text,
};

/// Shows every effective value of one link or service with the place it came from.
#[derive(Debug, clap::Args)]
pub struct Explain {
    /// Id of the link in the ledger, such as LL-0412 (its circuit id does too), or of a service.
    #[arg(value_name = "TARGET")]
    link: String,
}

impl Explain {
    pub fn run(self, global: &Global) -> ExitCode {
        let (loaded, findings) = from_file(global.config_file.as_deref());
        let language = global.language(loaded.as_ref().map(|loaded| &*loaded.config));
        let Some(loaded) = loaded else {
            print_findings(&findings, language);
            return ExitCode::from(1);
        };
        if let Some(service) = loaded.services.list.iter().find(|service| service.id == self.link) {
            let (subject, parts) = (Subject::Service(&service.id), service_parts(&loaded, service));
            match global.output {
                Output::Text => print_text(&parts, language),
                Output::Json => anstream::println!("{:#}", as_json(&subject, &parts)),
            }
            return ExitCode::SUCCESS;
        }
        let link = match find_link(&loaded.inventory.links, &self.link) {
            Ok(link) => link,
            Err(message) => {
                anstream::eprintln!("{}", message.say(language));
                return ExitCode::from(2);
            }
        };
        let parts = parts(&loaded, link);
        match global.output {
            Output::Text => print_text(&parts, language),
            Output::Json => anstream::println!("{:#}", as_json(&Subject::Link(link.id.as_str()), &parts)),
        }
        ExitCode::SUCCESS
    }
}

/// Values that belong together, such as those of one point.
struct Part {
    title: Title,
    values: Vec<Value>,
}

/// What is explained.
enum Subject<'a> {
    Link(&'a str),
    Service(&'a str),
}

enum Title {
    Link { id: String },
    Service { id: String },
    Visits,
    Point { role: &'static str, target: String, deciding: bool },
    Contract,
}

struct Value {
    key: String,
    value: String,
    /// `None`: the default.
    place: Option<Place>,
    /// Where the contract says so.
    clause: Option<String>,
}

impl Value {
    fn at(key: &str, value: impl ToString, place: &Place) -> Self {
        Self { key: key.to_owned(), value: value.to_string(), place: Some(place.clone()), clause: None }
    }
}

fn parts(loaded: &Loaded, link: &Link) -> Vec<Part> {
    let mut parts = vec![Part { title: Title::Link { id: link.id.to_string() }, values: of_link(loaded, link) }];
    for point in &link.points {
        let effective = of_point(&loaded.inventory, &loaded.profiles, &loaded.machine, link, point);
        let title = Title::Point {
            role: point.role.as_str(),
            target: point.target.to_string(),
            deciding: point.role == loaded.contract.measuring_point(link.kind),
        };
        parts.push(Part { title, values: of_effective(&effective, point) });
    }
    let figures = loaded.contract.link_figures().into_iter().map(|figure| Value {
        clause: Some(figure.clause.clone()),
        ..Value::at(&figure.key, &figure.value, &figure.place)
    });
    parts.push(Part { title: Title::Contract, values: figures.collect() });
    parts
}

fn service_parts(loaded: &Loaded, service: &Service) -> Vec<Part> {
    let (terms, place) = (&loaded.contract.terms, &service.place);
    let row = terms.services.iter().find(|row| row.id == service.requirement);
    let unit = loaded.inventory.units.iter().find(|unit| unit.id == service.owner);
    let mut values = vec![Value::at("name", &service.name, place), Value::at("url", &service.url, place)];
    values.extend(service.address.map(|address| Value::at("address", address, place)));
    values.extend(row.map(|row| Value::at("requirement", format!("{} {}", row.id, row.name), &row.place)));
    values.extend(unit.map(|unit| Value::at("owner", format!("{} {}", unit.id, unit.name), &unit.place)));
    for (key, value) in [
        ("zone", &service.zone),
        ("class", &service.class),
        ("criticality", &service.criticality),
        ("certificate_group", &service.certificate_group),
    ] {
        let whose = row.filter(|row| key == "criticality" && row.class == *value).map_or(place, |row| &row.place);
        values.extend((!value.is_empty()).then(|| Value::at(key, value, whose)));
    }
    values.extend(service.depends_on.iter().map(|parent| Value::at("depends_on", parent, place)));
    if let Some(steps) = service.check.steps() {
        let names: Vec<&str> = steps.list.iter().map(|step| step.name.as_str()).collect();
        values.push(Value::at("steps", names.join(" → "), place));
        if !steps.transaction.is_empty() {
            values.push(Value::at("transaction", steps.transaction.join(" + "), place));
            let promised = loaded.contract.service_response(&service.id, &service.requirement);
            values.extend(promised.map(|(limit, objective)| Value {
                clause: Some(objective.clause.clone()),
                ..Value::at(&objective.id, duration_text(limit), &objective.place)
            }));
        }
    }
    if let Some(freshness) = service.check.freshness() {
        values.push(Value::at("freshness.within", duration_text(freshness.within), place));
        values.extend(freshness.record.as_ref().map(|record| Value::at("freshness.record", record.as_str(), place)));
    }
    values.extend(
        service
            .backup
            .as_ref()
            .map(|hours| Value { clause: Some(hours.clause.clone()), ..Value::at("backup", &hours.id, place) }),
    );
    let [interval, timeout, confirm, spacing] = &service.said;
    let visits = [
        ("interval", duration_text(service.pace.interval), interval),
        ("timeout", duration_text(service.check.deadline), timeout),
        ("confirm", service.pace.confirm.to_string(), confirm),
        ("spacing", duration_text(service.pace.spacing), spacing),
    ];
    let visits =
        visits.map(|(key, value, place)| Value { key: key.to_owned(), value, place: place.clone(), clause: None });
    let target = loaded.contract.service_target(&service.id, &service.requirement);
    let paths = terms.classes_of(&target).into_iter().map(|class| class.path.as_str());
    let paths = paths.chain(terms.objectives_of(&target).into_iter().map(|objective| objective.path.as_str()));
    let figures = paths.flat_map(|path| terms.figures_of(path)).map(|figure| Value {
        clause: Some(figure.clause.clone()),
        ..Value::at(&figure.key, &figure.value, &figure.place)
    });
    vec![
        Part { title: Title::Service { id: service.id.clone() }, values },
        Part { title: Title::Visits, values: visits.into() },
        Part { title: Title::Contract, values: figures.collect() },
    ]
}

fn of_link(loaded: &Loaded, link: &Link) -> Vec<Value> {
    let (carrier, unit) = (&loaded.inventory.carriers[link.carrier.at()], &loaded.inventory.units[link.unit.at()]);
    let segments = link.segments.iter().map(|segment| &loaded.inventory.segments[segment.at()]);
    let mut values = vec![
        Value::at("cid", &link.cid, &link.place),
        Value::at("kind", link.kind.as_str(), &link.place),
        Value::at("carrier", format!("{} {}", carrier.id, carrier.name), &carrier.place),
        Value::at("unit", format!("{} {}", unit.id, unit.name), &unit.place),
        Value::at("a_end", &link.a_end, &link.place),
        Value::at("z_end", &link.z_end, &link.place),
        Value::at("bandwidth", link.bandwidth, &link.place),
        Value::at("priority", link.priority.as_str(), &link.place),
        Value::at("status", link.status.as_str(), &link.place),
    ];
    values.extend(link.installed.iter().map(|date| Value::at("install_date", date, &link.place)));
    values.extend(link.group.iter().map(|group| Value::at("group", group, &link.place)));
    let depends_on = loaded.inventory.dependencies_of(link);
    values.extend(depends_on.map(|parent| Value::at("depends_on", &parent.on, &parent.place)));
    values.extend(loaded.inventory.absence_of(link).map(|absence| {
        let calendar = loaded.contract.absence(&loaded.inventory, link);
        let clause = calendar.map(|calendar| calendar.clause.clone());
        Value { clause, ..Value::at("absence", &absence.value, &absence.place) }
    }));
    values.extend(
        segments.map(|segment| Value::at("segment", format!("{} {}", segment.id, segment.name), &segment.place)),
    );
    values
}

/// In the order of [`Measure`]'s fields, the profile first.
fn of_effective(effective: &Effective<'_>, point: &Point) -> Vec<Value> {
    let Measure { interval, timeout, size, dscp, hop_limit, dont_fragment, source, interface, confirm, restore } =
        &effective.measure;
    let profile = effective.profile.map_or("-", |profile| profile.name.as_str());
    let values = [
        ("profile", profile.to_owned()),
        ("interval", duration_text(*interval)),
        ("timeout", duration_text(*timeout)),
        ("size", size.to_string()),
        ("dscp", dscp.to_string()),
        ("hop_limit", hop_limit.to_string()),
        ("dont_fragment", dont_fragment.to_string()),
        ("source", source.map_or("-".to_owned(), |source| source.to_string())),
        ("interface", interface.clone().unwrap_or_else(|| "-".to_owned())),
        ("confirm.probes", confirm.probes.to_string()),
        ("confirm.spacing", duration_text(confirm.spacing)),
        ("confirm.factor", confirm.factor.to_string()),
        ("confirm.floor", duration_text(confirm.floor)),
        ("restore.answers", restore.answers.to_string()),
        ("restore.span", duration_text(restore.span)),
    ];
    let address = Value::at("address", &point.target, &point.place);
    let values = values.map(|(key, value)| Value {
        key: key.to_owned(),
        value,
        place: effective.place(key).cloned(),
        clause: None,
    });
    std::iter::once(address).chain(values).collect()
}

fn print_text(parts: &[Part], language: Language) {
    for part in parts {
        let title = match &part.title {
            Title::Link { id } => Message::ExplainLink { link: id.clone() },
            Title::Service { id } => Message::Service(ServiceText::ExplainService { id: id.clone() }),
            Title::Visits => Message::Service(ServiceText::ExplainVisits),
            Title::Point { role, target, deciding } => {
                Message::ExplainPoint { role, target: target.clone(), deciding: *deciding }
            }
            Title::Contract => Message::ExplainContract,
        };
        anstream::println!("{}", title.say(language));
        for Value { key, value, place, clause } in &part.values {
            let place = place.as_ref().map_or(Message::ByDefault.say(language).to_string(), Place::to_string);
            let clause = clause.as_ref().map_or(String::new(), |clause| format!("  [{clause}]"));
            anstream::println!("  {key:<34} {value:<24} {place}{clause}");
        }
    }
}

fn as_json(subject: &Subject<'_>, parts: &[Part]) -> serde_json::Value {
    let value = |Value { key, value, place, clause }: &Value| {
        let place = place.as_ref().map(Place::to_string);
        json!({ "key": key, "value": value, "place": place, "clause": clause })
    };
    let part = |part: &Part| {
        let values = part.values.iter().map(value).collect::<Vec<_>>();
        match &part.title {
            Title::Link { .. } => json!({ "part": "link", "values": values }),
            Title::Service { .. } => json!({ "part": "service", "values": values }),
            Title::Visits => json!({ "part": "visits", "values": values }),
            Title::Point { role, target, deciding } => {
                json!({ "part": "point", "role": role, "target": target, "deciding": deciding, "values": values })
            }
            Title::Contract => json!({ "part": "contract", "values": values }),
        }
    };
    let parts = parts.iter().map(part).collect::<Vec<_>>();
    match subject {
        Subject::Link(id) => json!({ "link": id, "parts": parts }),
        Subject::Service(id) => json!({ "service": id, "parts": parts }),
    }
}
