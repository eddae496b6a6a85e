//! What a template may speak of: the recipient's own circuits, and nothing else of the incident.

use std::{cmp::Reverse, collections::BTreeSet};

use minijinja::{Value, value::Serde};
use serde::Serialize;

use super::{
    Facts, Letter, Probes, breach,
    evidence::{Seers, Shown},
    warning,
};
use crate::{
    duty::Contact,
    incident::{Clock, Incident},
    inventory::{Link, LinkId, LinkIndex, UnitIndex},
    notify::{reply, scope, summary},
    text::Language,
    units::{Ppm, Timestamp},
};

/// Most circuits that a letter names; the page behind its link has the others.
const NAMED: usize = 20;

#[derive(Serialize, Default, Clone)]
struct Context {
    /// Whom it is for: its name as a person or desk, and that of its party.
    name: String,
    party: String,
    incident: String,
    /// Only inside the house.
    scope: String,
    circuits: Vec<Circuit>,
    /// Own circuits that are not named.
    more: usize,
    /// Circuits of others in the same incident: how many, never which.
    others: usize,
    count: usize,
    down: usize,
    first: String,
    since: String,
    since_short: String,
    restored: String,
    annulled: bool,
    /// What fails, where that is no circuit.
    service: Option<Failing>,
    power_suspected: bool,
    near_up: usize,
    gateway_up: usize,
    siblings_up: usize,
    sites: Vec<Site>,
    clocks: Vec<Limit>,
    step: Option<Step>,
    work_order: String,
    link: String,
    code: String,
    head: String,
    ourselves: Seers,
}

#[derive(Serialize, Default, Clone)]
struct Circuit {
    id: String,
    cid: String,
    a_end: String,
    z_end: String,
    down: bool,
    probes: Option<Probes>,
    evidence: Shown,
}

#[derive(Serialize, Default, Clone)]
struct Failing {
    id: String,
    name: String,
    url: String,
    /// In a sentence.
    said: String,
}

#[derive(Serialize, Default, Clone)]
struct Site {
    unit: String,
    contact: String,
}

#[derive(Serialize, Default, Clone)]
struct Limit {
    name: &'static str,
    deadline: String,
    clause: String,
}

#[derive(Serialize, Default, Clone)]
struct Step {
    #[serde(flatten)]
    limit: Limit,
    owner: String,
    percent: u32,
}

/// A clock and how much of it is over, for letters about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passed<'a> {
    pub clock: &'a Clock,
    pub share: Ppm,
}

/// A link of an incident that is a party's own, and whether it is down.
#[derive(Clone, Copy)]
pub(super) struct Own<'a> {
    number: LinkIndex,
    pub link: &'a Link,
    down: bool,
}

/// Links of an incident that are a party's own; the operator's are all.
pub(super) fn own<'a>(incident: &Incident, party: &str, facts: Facts<'a>) -> Vec<Own<'a>> {
    let is_own = |link: &Link| match party.split_once('/') {
        Some(("carrier", id)) => facts.inventory.carriers[link.carrier.at()].id == id,
        Some(("unit", id)) => facts.inventory.units[link.unit.at()].id == id,
        _ => true,
    };
    let links = (0..).map(LinkIndex).zip(&facts.inventory.links).filter(|(_, link)| is_own(link));
    links.filter_map(|(number, link)| Some(Own { number, link, down: down(incident, &link.id)? })).collect()
}

/// `None`: it is no part of the incident, whose links are in the order of their ids.
fn down(incident: &Incident, link: &LinkId) -> Option<bool> {
    let place = incident.links.binary_search_by(|(id, _)| id.cmp(link)).ok()?;
    Some(incident.links[place].1)
}

/// What a letter to `party` may say.
pub(super) fn context(
    incident: &Incident,
    (party, name, language): (&str, &str, Language),
    links: &[Own],
    passed: Option<Passed>,
    facts: Facts,
    now: Timestamp,
) -> Value {
    let limit = |clock: &Clock| Limit {
        name: clock_name(&clock.clock, language),
        deadline: clock.deadline.rfc3339(facts.zone),
        clause: clock.clause.clone(),
    };
    let is_outside = party.contains('/');
    let seen: Vec<_> = links.iter().map(|own| facts.sight.of(own.number)).collect();
    let circuits = links.iter().zip(&seen).take(NAMED).map(|(Own { number, link, down }, seen)| Circuit {
        id: link.id.to_string(),
        cid: link.cid.clone(),
        a_end: link.a_end.clone(),
        z_end: link.z_end.clone(),
        down: *down,
        probes: seen.probes,
        evidence: Shown::of(&facts.sight.evidence(*number, now)),
    });
    let (short, since) = (incident.began.rfc3339(facts.zone), incident.began.rfc3339(facts.zone));
    let answers = party.starts_with("carrier/");
    let link = facts.passes.filter(|_| answers).map(|passes| passes.link(party, &incident.id, now, nonce(incident)).0);
    let context = Context {
        name: name.to_owned(),
        party: party_name(party, facts),
        incident: incident.id.clone(),
        scope: if is_outside { String::new() } else { scope(incident, facts.inventory).say(language).to_string() },
        circuits: circuits.collect(),
        more: links.len().saturating_sub(NAMED),
        others: incident.links.len().saturating_sub(links.len()),
        count: links.len(),
        down: links.iter().filter(|own| own.down).count(),
        first: links.first().map(|own| own.link.cid.clone()).unwrap_or_default(),
        since_short: short.get(11..16).unwrap_or_default().to_owned(),
        since,
        restored: incident.restored.map(|at| at.rfc3339(facts.zone)).unwrap_or_default(),
        annulled: incident.annulled.is_some(),
        service: incident.service.as_ref().map(|service| Failing {
            id: service.id.clone(),
            name: service.name.clone(),
            url: service.url.clone(),
            said: summary(incident, facts.inventory, false).say(language).to_string(),
        }),
        power_suspected: incident.unit_power_suspected,
        near_up: seen.iter().filter(|seen| seen.near).count(),
        gateway_up: seen.iter().filter(|seen| seen.gateway).count(),
        siblings_up: if is_outside { siblings_up(incident, links, facts) } else { 0 },
        sites: if answers { sites(links, facts) } else { vec![] },
        clocks: incident.clocks.iter().filter(|one| one.party == party && one.stopped.is_none()).map(limit).collect(),
        step: passed.map(|Passed { clock, share }| Step {
            limit: limit(clock),
            owner: party_name(&clock.party, facts),
            percent: share.0 / 10_000,
        }),
        work_order: incident.work_order_of(party).to_owned(),
        link: link.unwrap_or_default(),
        code: reply::code(&incident.id),
        head: facts.head.to_owned(),
        ourselves: Seers::of(&facts.sight.ourselves(), language),
    };
    Value::from(Serde(context))
}

/// Names that a template may ask for.
pub(super) fn variables(letter: Option<Letter>) -> BTreeSet<String> {
    let context = match letter {
        Some(Letter::Warning) => serde_json::to_value(warning::Context::default()),
        Some(Letter::Breach) => serde_json::to_value(breach::Context::default()),
        _ => serde_json::to_value(Context::default()),
    };
    let context = context.unwrap_or_default();
    context.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
}

/// Contexts with all and with the least that a letter of this kind has: what its template must stand.
pub(super) fn samples(letter: Letter) -> [Value; 2] {
    match letter {
        Letter::Warning => return warning::samples(),
        Letter::Breach => return breach::samples(),
        _ => {}
    }
    let word = || "word".to_owned();
    let limit = || Limit { name: "restore", deadline: word(), clause: word() };
    let step = || Step { limit: limit(), owner: word(), percent: 50 };
    let may_have_step = matches!(letter, Letter::Urge | Letter::Overdue | Letter::Escalation | Letter::Information);
    let always = Context {
        name: word(),
        party: word(),
        incident: word(),
        scope: word(),
        count: 1,
        first: word(),
        since: word(),
        since_short: word(),
        restored: word(),
        code: word(),
        service: (letter == Letter::Service).then(Failing::default),
        step: matches!(letter, Letter::Overdue | Letter::Escalation).then(step),
        ..Context::default()
    };
    let full = Context {
        circuits: vec![Circuit { probes: Some(Probes::default()), ..Circuit::default() }; 2],
        count: 2,
        more: 1,
        others: 1,
        power_suspected: true,
        near_up: 1,
        gateway_up: 1,
        siblings_up: 1,
        sites: vec![Site::default()],
        clocks: vec![limit()],
        step: may_have_step.then(step),
        work_order: "W".into(),
        link: "https://noc.example/a/x".into(),
        head: "1 aa".into(),
        ..always.clone()
    };
    [Value::from(Serde(full)), Value::from(Serde(always))]
}

/// Circuits at the same units that are up and no part of it: the unit has power.
fn siblings_up(incident: &Incident, links: &[Own], facts: Facts) -> usize {
    let units = units(links);
    let beside = (0..).map(LinkIndex).zip(&facts.inventory.links).filter(|(_, link)| units.contains(&link.unit));
    let others = beside.filter(|(_, link)| down(incident, &link.id).is_none());
    others.filter(|(number, _)| facts.sight.of(*number).is_up).count()
}

fn units(links: &[Own]) -> BTreeSet<UnitIndex> {
    links.iter().map(|own| own.link.unit).collect()
}

fn sites(links: &[Own], facts: Facts) -> Vec<Site> {
    let site = |unit: UnitIndex| {
        let unit = &facts.inventory.units[unit.at()];
        let contact = facts.contacts.on_site(&unit.id)?.to_owned();
        Some(Site { unit: unit.name.clone(), contact })
    };
    units(links).into_iter().filter_map(site).take(NAMED).collect()
}

/// Names and numbers of contacts that these texts of a letter hold, the longest first.
pub(super) fn of_contacts(contact: &Contact, links: &[Own], facts: Facts, texts: &[&str]) -> Vec<String> {
    let sites = sites(links, facts).into_iter().map(|site| site.contact);
    let mut private: Vec<String> = sites.chain([contact.name.clone()]).collect();
    private.retain(|said| !said.trim().is_empty() && texts.iter().any(|text| text.contains(said.as_str())));
    private.sort_by_key(|said| Reverse(said.len()));
    private.dedup();
    private
}

/// The same for the same incident, so that a letter that is made anew says the same.
fn nonce(incident: &Incident) -> u64 {
    incident.id.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

pub(super) fn party_name(party: &str, facts: Facts) -> String {
    let name = match party.split_once('/') {
        Some(("carrier", id)) => facts.inventory.carriers.iter().find(|one| one.id == id).map(|one| &one.name),
        Some(("unit", id)) => facts.inventory.units.iter().find(|one| one.id == id).map(|one| &one.name),
        _ => None,
    };
    name.map_or_else(|| party.to_owned(), Clone::clone)
}

fn clock_name(clock: &str, language: Language) -> &'static str {
    let (zh, en) = match clock {
        "response" => ("响应", "response"),
        "restore" => ("恢复", "restoration"),
        "report" => ("报告", "report"),
        "on_site" => ("到场", "arrival on site"),
        _ => ("处理", "work"),
    };
    match language {
        Language::ZhCn => zh,
        Language::En => en,
    }
}
