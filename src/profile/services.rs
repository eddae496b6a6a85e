//! `services.yaml` of an inventory: websites, ports and name servers that are visited, each with its requirement.
//!
//! In: the file beside `contract.yaml`. Out: [`Services`], every interval and limit filled in, or findings. A service
//! needs only an address ([`Check::parse`]); the rest has defaults of the file, then of this module.

mod exchange;
mod fresh;
mod limits;
mod module;
mod steps;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;

pub use self::limits::Limits;
use self::{fresh::WrittenFreshness, steps::WrittenStep};
use super::{
    module::Modules,
    service::{Check, Endpoint, Exchange, Feed, Http, Kind, OnlineRate, Validation},
};
use crate::{
    contract::{Calendar, Terms},
    diagnostic::{
        Code, Findings, Place, Source, closest,
        yaml::{self, Document, Lasting},
    },
    inventory::{Inventory, usable_id},
    text::{ContractText, Message, ServiceText},
};

/// Everything that is visited, in the order of the file.
#[derive(Debug, Default)]
pub struct Services {
    pub list: Vec<Arc<Service>>,
    pub limits: Limits,
}

/// One website, endpoint or name server.
#[derive(Debug, Clone)]
pub struct Service {
    pub id: String,
    pub name: String,
    /// As written: what is visited, and what tells it from another of the same id after a reload.
    pub url: String,
    /// Of the contract; empty: none.
    pub requirement: String,
    /// Id of a unit of the inventory; empty: nobody's.
    pub owner: String,
    pub zone: String,
    /// Hosts that share one certificate.
    pub certificate_group: String,
    /// What its certificate must be at least.
    pub certificate_type: Option<Validation>,
    /// Where to connect, whatever the name says.
    pub address: Option<IpAddr>,
    /// How much hangs on it, as the contract's tiers call it; empty: nobody has said.
    pub criticality: String,
    /// What it stands behind: ids of links and of other services, such as a reverse proxy or a sign-on.
    pub depends_on: Vec<String>,
    /// Hours in which it may be silent.
    pub backup: Option<Arc<Calendar>>,
    /// Of the file; empty: none.
    pub class: String,
    /// Module of blackbox_exporter that it is visited by, and another number when that says something else.
    pub module: Option<(String, u64)>,
    pub check: Check,
    pub pace: Pace,
    /// Where `interval`, `timeout`, `confirm` and `spacing` were written; `None`: nowhere, they are ours.
    pub said: [Option<Place>; 4],
    pub place: Place,
}

impl Service {
    /// A service of nothing but an id and an address; panics where the address is none.
    #[cfg(test)]
    pub(crate) fn visiting(id: &str, url: &str, place: Place) -> Self {
        let Some(check) = Check::parse(url) else { panic!("{url}") };
        Self {
            id: id.to_owned(),
            name: id.to_owned(),
            url: url.to_owned(),
            requirement: String::new(),
            owner: String::new(),
            zone: String::new(),
            certificate_group: String::new(),
            certificate_type: None,
            address: None,
            criticality: String::new(),
            depends_on: vec![],
            backup: None,
            class: String::new(),
            module: None,
            said: [None, None, None, None],
            check,
            pace: Pace { interval: INTERVAL, confirm: CONFIRM, spacing: SPACING },
            place,
        }
    }

    /// Whether a visit of one tells the same as of the other: what people call it changes nothing.
    pub fn is_visited_like(&self, other: &Self) -> bool {
        let agent = |service: &Self| match &service.check.kind {
            Kind::Http(http) => http.headers.clone(),
            Kind::Steps(steps) => steps.list[0].rules.headers.clone(),
            _ => vec![],
        };
        let bounds = |service: &Self| {
            let exchange = service.exchange().map(|exchange| (exchange.stale_after, exchange.silent_after));
            (exchange, service.online().map(|rate| rate.silent_after))
        };
        let visit = |service: &Self| {
            (
                (service.address, service.certificate_type, service.check.deadline),
                (service.pace, bounds(service), agent(service), service.check.freshness().cloned()),
                (service.check.steps().map(|steps| steps.fingerprint), service.module.clone()),
            )
        };
        (&self.id, &self.url, &self.zone, visit(self)) == (&other.id, &other.url, &other.zone, visit(other))
    }

    /// What is exchanged, of a group of data-exchange tasks.
    pub fn exchange(&self) -> Option<&Exchange> {
        match &self.check.kind {
            Kind::Exchange(exchange) => Some(exchange),
            _ => None,
        }
    }

    /// Of a group of devices: how many are online.
    pub fn online(&self) -> Option<&OnlineRate> {
        match &self.check.kind {
            Kind::Online(rate) => Some(rate),
            _ => None,
        }
    }

    /// Who tells of it; `None`: nobody, it is visited.
    pub fn feed(&self) -> Option<&Feed> {
        let online = || self.online().map(|rate| &rate.feed);
        self.exchange().map(|exchange| &exchange.feed).or_else(online)
    }

    /// Where the visits go: limits of politeness are kept for each.
    pub fn host(&self) -> &str {
        match &self.check.kind {
            Kind::Http(http) => http.url.host().unwrap_or_default(),
            Kind::Steps(steps) => steps.base.host().unwrap_or_default(),
            Kind::Tls(tls) | Kind::Tlcp(tls) => &tls.endpoint.host,
            Kind::Udp(endpoint) | Kind::Smtp(endpoint) => &endpoint.host,
            Kind::Sip(sip) => &sip.endpoint.host,
            Kind::Rtsp(rtsp) => &rtsp.endpoint.host,
            Kind::Domain(domain) => &domain.name,
            Kind::Tcp(tcp) => &tcp.endpoint.host,
            Kind::Dns(dns) => &dns.server.host,
            Kind::Icmp(icmp) => &icmp.target.host,
            Kind::Grpc(grpc) => &grpc.endpoint.host,
            Kind::Ftp(ftp) => &ftp.endpoint.host,
            Kind::Unix(_) => "localhost",
            Kind::Exchange(exchange) => exchange.feed.host(),
            Kind::Online(rate) => rate.feed.host(),
        }
    }

    /// Its address stands for one that nobody has written yet (RFC 2606): it is never visited.
    pub fn is_placeholder(&self) -> bool {
        self.host() == "example" || self.host().ends_with(".example")
    }
}

/// How often it is visited, and how much proof a failure needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    pub interval: Duration,
    /// Visits that follow a failed one at once, `spacing` apart: down when they all fail.
    pub confirm: u8,
    pub spacing: Duration,
}

/// A site is looked at every minute, a slow answer is waited for as long as the State Council's rule does, and two more
/// visits must fail before anybody is called.
const INTERVAL: Duration = Duration::from_secs(60);
/// A certificate is renewed by the month, a registration by the year, and registries answer few questions a day.
const CERTIFICATE_INTERVAL: Duration = Duration::from_hours(1);
const DOMAIN_INTERVAL: Duration = Duration::from_hours(24);
/// Who logs in each minute fills the log of logins.
const STEPS_INTERVAL: Duration = Duration::from_mins(5);
const TIMEOUT: Duration = Duration::from_secs(15);
const CONFIRM: u8 = 2;
const SPACING: Duration = Duration::from_secs(2);
/// Politeness and reason bound what may be written.
const INTERVALS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(86_400)];
const MOST_CONFIRM: u8 = 10;
/// Each is an open socket.
const MOST_AT_ONCE: usize = 10_000;
/// Each is a task and a few kilobytes.
pub const MOST_SERVICES: usize = 20_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    defaults: WrittenPace,
    #[serde(default)]
    limits: Limits,
    /// Whom the owner of a site can ask about our visits: an address of mail or a page.
    #[serde(default)]
    contact: String,
    #[serde(default)]
    classes: BTreeMap<String, WrittenClass>,
    /// A module file of blackbox_exporter.
    modules: Option<PathBuf>,
    services: Vec<WrittenService>,
}

/// The four keys of a pace, of whatever has them.
macro_rules! paces {
    ($($written:ident)*) => {$(
        impl $written {
            fn pace(&self) -> WrittenPace {
                let Self { interval, timeout, confirm, spacing, .. } = self;
                WrittenPace { interval: *interval, timeout: *timeout, confirm: *confirm, spacing: *spacing }
            }
        }
    )*};
}

paces! { WrittenClass WrittenCheck WrittenService }

/// What many services have in common: their pace, and what else is checked of each.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenClass {
    interval: Option<Lasting>,
    timeout: Option<Lasting>,
    confirm: Option<u8>,
    spacing: Option<Lasting>,
    /// By the word that follows the id of the service.
    checks: BTreeMap<String, WrittenCheck>,
}

/// A check beside the address of a service itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCheck {
    /// With `{host}` for the host of the service.
    url: String,
    interval: Option<Lasting>,
    timeout: Option<Lasting>,
    confirm: Option<u8>,
    spacing: Option<Lasting>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenPace {
    interval: Option<Lasting>,
    timeout: Option<Lasting>,
    confirm: Option<u8>,
    spacing: Option<Lasting>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenService {
    id: String,
    #[serde(default)]
    name: String,
    url: String,
    #[serde(default)]
    requirement: String,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    zone: String,
    #[serde(default)]
    certificate_group: String,
    #[serde(default)]
    criticality: String,
    #[serde(default)]
    depends_on: Vec<String>,
    #[serde(default)]
    backup: String,
    #[serde(default)]
    class: String,
    /// What was ordered: `ov`, say.
    certificate_type: Option<Validation>,
    /// Connect here, whatever the name says.
    address: Option<IpAddr>,
    freshness: Option<WrittenFreshness>,
    /// By which module of `modules` it is visited; `url` is the target then.
    module: Option<String>,
    /// Pages that are asked for one after the other.
    steps: Option<Vec<WrittenStep>>,
    /// Those whose time together the contract's response time is about.
    #[serde(default)]
    transaction: Vec<String>,
    interval: Option<Lasting>,
    timeout: Option<Lasting>,
    confirm: Option<u8>,
    spacing: Option<Lasting>,
}

impl Services {
    /// Reads the services of a folder, and its groups of data-exchange tasks and of devices; none without the files.
    pub fn load(folder: &Path, terms: &Terms, inventory: Option<&Inventory>, findings: &mut Findings) -> Self {
        let file = folder.join("services.yaml");
        let source = file.is_file().then(|| Source::read(&file, findings)).flatten();
        let services = source.map_or_else(Self::default, |source| Self::of(&source, terms, inventory, findings));
        services.exchanging(folder, terms, inventory, findings)
    }

    /// The same of a file that was read, or is yet to be written.
    pub fn of(source: &Source, terms: &Terms, inventory: Option<&Inventory>, findings: &mut Findings) -> Self {
        let Some(document) = yaml::decode::<Written>(source, findings) else { return Self::default() };
        let modules = module::read(&document, findings);
        let mut reader = Reader { document: &document, terms, inventory, modules, findings };
        let (mut list, mut ids): (Vec<Arc<Service>>, HashMap<String, Place>) = (vec![], HashMap::new());
        for (nth, written) in document.value.services.iter().enumerate().take(MOST_SERVICES) {
            let Some(service) = reader.service(nth, written) else { continue };
            let checks = reader.checks(nth, written, &service);
            for service in std::iter::once(service).chain(checks) {
                if let Some(first) = ids.get(&service.id) {
                    let message = Message::DuplicateId { id: service.id.clone(), first: first.clone() };
                    reader.findings.error(service.place, Code::DUPLICATE_ID, message, Message::DuplicateIdHelp);
                    continue;
                }
                ids.insert(service.id.clone(), service.place.clone());
                list.push(Arc::new(service));
            }
        }
        reader.dependencies(&list);
        if document.value.services.len().max(list.len()) > MOST_SERVICES {
            reader.out_of_range("services", "1", &MOST_SERVICES.to_string());
        }
        reader.limits();
        Self { list, limits: document.value.limits }
    }

    /// Those that have an address of their own.
    pub fn visited(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.list.iter().filter(|service| !service.is_placeholder())
    }

    /// What is visited how often: by kind and interval, with how many services are.
    pub fn paces(&self) -> BTreeMap<(&'static str, Duration), usize> {
        let mut paces = BTreeMap::new();
        for service in self.visited() {
            *paces.entry((service.check.kind.as_str(), service.pace.interval)).or_insert(0) += 1;
        }
        paces
    }

    /// Visits a second, each step of one by itself, confirming ones left out.
    pub fn visits_per_second(&self) -> f64 {
        let requests = |service: &Service| f64::from(service.check.requests());
        self.visited()
            .map(|service| requests(service) / service.pace.interval.as_secs_f64())
            .fold(0.0, std::ops::Add::add)
    }
}

struct Reader<'a> {
    document: &'a Document<Written>,
    terms: &'a Terms,
    inventory: Option<&'a Inventory>,
    modules: Option<Modules>,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    /// `None`: it cannot be visited; findings say why.
    fn service(&mut self, nth: usize, written: &WrittenService) -> Option<Service> {
        let at = |key: &str| format!("services.{nth}.{key}");
        let place = self.document.place(&at("id"));
        usable_id(&written.id, &place, self.findings);
        self.requirement(&at("requirement"), &written.requirement);
        self.owner(&at("owner"), &written.owner);
        self.class(&at("class"), &written.class);
        let layers = [(format!("services.{nth}"), written.pace()), self.of_class(written)];
        let (check, module) = match &written.module {
            Some(name) => self.by_module(&format!("services.{nth}"), name, written)?,
            None => (Check::parse(&written.url), None),
        };
        let Some(check) = check else {
            self.bad_url(&at("url"), &written.url);
            // What else is wrong with it is said too.
            self.pace(None, &layers);
            return None;
        };
        let patience = module.is_some().then_some(check.deadline).filter(|time| !time.is_zero());
        let check = self.steps(&format!("services.{nth}"), check, written);
        let check = self.fresh(&at("freshness"), check, written);
        let (mut check, pace, said) = self.measured(check, (written.address, written.certificate_type), &layers);
        if let Some(patience) = patience.filter(|_| said[1].is_none()) {
            check.deadline = patience.min(pace.interval);
        }
        let name = if written.name.is_empty() { &written.id } else { &written.name };
        Some(Service {
            id: written.id.clone(),
            name: name.clone(),
            url: written.url.clone(),
            requirement: written.requirement.clone(),
            owner: written.owner.clone(),
            zone: written.zone.clone(),
            certificate_group: written.certificate_group.clone(),
            certificate_type: written.certificate_type,
            criticality: self.criticality(written),
            depends_on: written.depends_on.clone(),
            backup: self.backup(&at("backup"), &written.backup),
            address: written.address,
            class: written.class.clone(),
            module,
            check,
            pace,
            said,
            place,
        })
    }

    /// What else its class checks of a service, each as a service of its own under the same name.
    fn checks(&mut self, nth: usize, written: &WrittenService, whole: &Service) -> Vec<Service> {
        let Some(class) = self.document.value.classes.get(&written.class) else { return vec![] };
        let mut found = vec![];
        for (word, more) in &class.checks {
            let path = format!("classes.{}.checks.{word}", written.class);
            let url = more.url.replace("{host}", whole.host());
            let Some(check) = Check::parse(&url) else {
                self.bad_url(&format!("{path}.url"), &url);
                continue;
            };
            let id = format!("{}-{word}", whole.id);
            usable_id(&id, &self.document.place(&path), self.findings);
            // What an entry says of its pace is about its own address.
            let layers = [(path, more.pace()), self.of_class(written)];
            let (check, pace, said) = self.measured(check, (None, written.certificate_type), &layers);
            let place = self.document.place(&format!("services.{nth}.id"));
            found.push(Service { id, url, address: None, module: None, check, pace, said, place, ..whole.clone() });
        }
        found
    }

    fn of_class(&self, written: &WrittenService) -> (String, WrittenPace) {
        let class = self.document.value.classes.get(&written.class);
        (format!("classes.{}", written.class), class.map(WrittenClass::pace).unwrap_or_default())
    }

    fn class(&mut self, path: &str, id: &str) {
        if !id.is_empty() && !self.document.value.classes.contains_key(id) {
            self.unknown(path, id, self.document.value.classes.keys().map(String::as_str).collect());
        }
    }

    fn bad_url(&mut self, path: &str, url: &str) {
        let message = Message::Service(ServiceText::BadUrl { url: yaml::shortened(url) });
        let help = Message::Service(ServiceText::UrlHelp);
        self.findings.error(self.document.place(path), Code::BAD_URL, message, help);
    }

    /// The check with all that holds for it, its pace, and where that was written.
    fn measured(
        &mut self,
        mut check: Check,
        (address, validation): (Option<IpAddr>, Option<Validation>),
        layers: &[(String, WrittenPace)],
    ) -> (Check, Pace, [Option<Place>; 4]) {
        let (pace, timeout, said) = self.pace(slow_interval(&check.kind), layers);
        // No answer is cut before its own time because others were slow.
        let each = TIMEOUT.saturating_mul(check.requests()).min(pace.interval);
        check.deadline = if said[1].is_none() { each } else { timeout };
        let agent = self.agent();
        let page = |http: &mut Http| {
            let says = http.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("User-Agent"));
            let agent = agent.clone().filter(|_| !says);
            http.headers.extend(agent.map(|agent| ("User-Agent".to_owned(), agent)));
            http.tls.validation = validation;
        };
        if let Some(address) = address {
            pin(&mut check, address);
        }
        match &mut check.kind {
            Kind::Http(http) => page(http),
            Kind::Steps(steps) => steps.list.iter_mut().for_each(|step| page(&mut step.rules)),
            Kind::Tls(tls) => tls.settings.validation = validation,
            _ => {}
        }
        (check, pace, said)
    }

    /// The nearest layer that says so, then the defaults of the file, then ours. Certificates and registrations change
    /// slowly: the file's interval is not theirs.
    fn pace(&mut self, slow: Option<Duration>, own: &[(String, WrittenPace)]) -> (Pace, Duration, [Option<Place>; 4]) {
        let defaults = self.document.value.defaults;
        let interval = defaults.interval.filter(|_| slow.is_none());
        let mut layers = own.to_vec();
        layers.push(("defaults".to_owned(), WrittenPace { interval, ..defaults }));
        let find = |key: &str, value: fn(&WrittenPace) -> Option<Duration>| {
            layers.iter().find_map(|(path, pace)| Some((value(pace)?, format!("{path}.{key}"))))
        };
        let interval = find("interval", |pace| pace.interval.map(|Lasting(time)| time));
        let timeout = find("timeout", |pace| pace.timeout.map(|Lasting(time)| time));
        let spacing = find("spacing", |pace| pace.spacing.map(|Lasting(time)| time));
        let confirm = layers.iter().find_map(|(path, pace)| Some((pace.confirm?, format!("{path}.confirm"))));
        let every = interval.as_ref().map_or(slow.unwrap_or(INTERVAL), |(time, _)| *time);
        let deadline = timeout.as_ref().map_or(TIMEOUT.min(every), |(time, _)| *time);
        let between = spacing.as_ref().map_or(SPACING, |(time, _)| *time);
        let more = confirm.as_ref().map_or(CONFIRM, |(more, _)| *more);
        let at = |found: Option<String>, key: &str| found.unwrap_or_else(|| format!("{}.{key}", own[0].0));
        let paths = [
            interval.map(|(_, path)| path),
            timeout.map(|(_, path)| path),
            confirm.map(|(_, path)| path),
            spacing.map(|(_, path)| path),
        ];
        let said = paths.clone().map(|path| path.map(|path| self.document.place(&path)));
        let [interval, timeout, confirm, spacing] = paths;
        let [least, most] = INTERVALS;
        if every < least || every > most {
            self.out_of_range(&at(interval, "interval"), "1s", "24h");
        }
        let whole = format!("{}s", every.as_secs_f64());
        if deadline.is_zero() || deadline > every {
            self.out_of_range(&at(timeout, "timeout"), "1ms", &whole);
        }
        if more > MOST_CONFIRM {
            self.out_of_range(&at(confirm, "confirm"), "0", &MOST_CONFIRM.to_string());
        }
        if between > every {
            self.out_of_range(&at(spacing, "spacing"), "0s", &whole);
        }
        (Pace { interval: every, confirm: more, spacing: between }, deadline, said)
    }

    /// Who we are, and whom to ask about us. `None`: the file does not say.
    fn agent(&self) -> Option<String> {
        let contact = self.document.value.contact.trim();
        let usable = |contact: &&str| contact.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && contact.len() <= 200;
        let contact = Some(contact).filter(|contact| !contact.is_empty()).filter(usable)?;
        Some(format!("linkpatrol/{} ({contact})", env!("CARGO_PKG_VERSION")))
    }

    fn limits(&mut self) {
        let Limits { at_once, at_once_per_address, .. } = self.document.value.limits;
        for (path, wanted) in [("limits.at_once", at_once), ("limits.at_once_per_address", at_once_per_address)] {
            if wanted == 0 || wanted > MOST_AT_ONCE {
                self.out_of_range(path, "1", &MOST_AT_ONCE.to_string());
            }
        }
        let contact = &self.document.value.contact;
        if !contact.is_empty() && self.agent().is_none() {
            self.out_of_range("contact", "1", "200");
        }
    }

    /// Its own; that of its requirement otherwise.
    fn criticality(&self, written: &WrittenService) -> String {
        let row = || self.terms.services.iter().find(|row| row.id == written.requirement);
        match written.criticality.as_str() {
            "" => row().map_or("", |row| &row.class).to_owned(),
            own => own.to_owned(),
        }
    }

    fn backup(&mut self, path: &str, id: &str) -> Option<Arc<Calendar>> {
        let found = self.terms.calendars.iter().find(|calendar| calendar.id == id).cloned();
        if found.is_none() && !id.is_empty() {
            self.unknown(path, id, self.terms.calendars.iter().map(|calendar| calendar.id.as_str()).collect());
        }
        found
    }

    /// What a service stands behind has to be there, and must not stand behind it in turn.
    fn dependencies(&mut self, list: &[Arc<Service>]) {
        let links = self.inventory.map_or(&[][..], |inventory| &inventory.links);
        let is_link = |id: &str| links.iter().any(|link| link.id.as_str() == id);
        let places: HashMap<&str, usize> = list.iter().map(|service| &*service.id).zip(0..).collect();
        let written = self.document.value.services.iter().enumerate();
        let named: Vec<(usize, usize, &String)> = written
            .flat_map(|(nth, one)| one.depends_on.iter().enumerate().map(move |(which, on)| (nth, which, on)))
            .collect();
        for (nth, which, on) in named {
            if places.contains_key(on.as_str()) || is_link(on) || self.inventory.is_none() {
                continue;
            }
            let known = list.iter().map(|service| service.id.as_str());
            let known = known.chain(links.iter().map(|link| link.id.as_str())).collect();
            self.unknown(&format!("services.{nth}.depends_on.{which}"), on, known);
        }
        for service in list.iter().filter(|service| !service.depends_on.is_empty()) {
            let (mut above, mut seen) = (vec![&*service.id], HashSet::new());
            while let Some(id) = above.pop() {
                let parents = places.get(id).map_or(&[][..], |place| &list[*place].depends_on);
                if parents.iter().any(|parent| *parent == service.id) {
                    let cycle = vec![service.id.clone(), id.to_owned()];
                    let message = Message::DependsOnItself { links: cycle };
                    self.findings.error(
                        service.place.clone(),
                        Code::DEPENDS_ON_ITSELF,
                        message,
                        Message::DependsOnItselfHelp,
                    );
                    break;
                }
                above.extend(parents.iter().map(String::as_str).filter(|parent| seen.insert(*parent)));
            }
        }
    }

    fn requirement(&mut self, path: &str, id: &str) {
        if !id.is_empty() && !self.terms.services.iter().any(|service| service.id == id) {
            let known = self.terms.services.iter().map(|service| service.id.as_str()).collect();
            self.unknown(path, id, known);
        }
    }

    fn owner(&mut self, path: &str, id: &str) {
        let Some(inventory) = self.inventory.filter(|_| !id.is_empty()) else { return };
        if !inventory.units.iter().any(|unit| unit.id == id) {
            self.unknown(path, id, inventory.units.iter().map(|unit| unit.id.as_str()).collect());
        }
    }

    fn unknown(&mut self, path: &str, name: &str, known: Vec<&str>) {
        unknown(self.document.place(path), name, known, self.findings);
    }

    fn out_of_range(&mut self, path: &str, least: &str, most: &str) {
        let key = path.rsplit('.').next().unwrap_or(path).to_owned();
        let help = Message::OutOfRangeHelp { least: least.to_owned(), most: most.to_owned() };
        self.findings.error(self.document.place(path), Code::OUT_OF_RANGE, Message::OutOfRange { key }, help);
    }
}

fn unknown(place: Place, name: &str, known: Vec<&str>, findings: &mut Findings) {
    let closest = closest(name, known.iter().copied()).map(str::to_owned);
    let message = ContractText::UnknownName { name: yaml::shortened(name) }.into();
    let known = known.into_iter().take(20).map(str::to_owned).collect();
    findings.error(place, Code::UNKNOWN_NAME, message, Message::Known { closest, known });
}

/// How often what changes slowly is looked at; `None`: it does not.
fn slow_interval(kind: &Kind) -> Option<Duration> {
    match kind {
        Kind::Tls(_) | Kind::Tlcp(_) => Some(CERTIFICATE_INTERVAL),
        Kind::Domain(_) => Some(DOMAIN_INTERVAL),
        Kind::Steps(_) => Some(STEPS_INTERVAL),
        Kind::Http(_)
        | Kind::Tcp(_)
        | Kind::Dns(_)
        | Kind::Udp(_)
        | Kind::Smtp(_)
        | Kind::Sip(_)
        | Kind::Rtsp(_)
        | Kind::Icmp(_)
        | Kind::Grpc(_)
        | Kind::Unix(_)
        | Kind::Ftp(_)
        | Kind::Exchange(_)
        | Kind::Online(_) => None,
    }
}

fn pin(check: &mut Check, address: IpAddr) {
    let endpoint: &mut Endpoint = match &mut check.kind {
        Kind::Http(http) => {
            http.pinned = Some(address);
            return;
        }
        Kind::Steps(steps) => {
            steps.pin(address);
            return;
        }
        Kind::Tls(tls) | Kind::Tlcp(tls) => &mut tls.endpoint,
        Kind::Udp(endpoint) | Kind::Smtp(endpoint) => endpoint,
        Kind::Sip(sip) => &mut sip.endpoint,
        Kind::Rtsp(rtsp) => &mut rtsp.endpoint,
        Kind::Domain(_) | Kind::Unix(_) | Kind::Exchange(_) | Kind::Online(_) => return,
        Kind::Icmp(icmp) => &mut icmp.target,
        Kind::Grpc(grpc) => &mut grpc.endpoint,
        Kind::Ftp(ftp) => &mut ftp.endpoint,
        Kind::Tcp(tcp) => &mut tcp.endpoint,
        Kind::Dns(dns) => &mut dns.server,
    };
    endpoint.pinned = Some(address);
}
