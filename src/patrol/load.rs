//! Everything that people wrote, read and checked together.
//!
//! In: the place of linkpatrol.yaml. Out: [`Loaded`] when nothing in it is an error, and all findings in any case. Half
//! a load does not exist: `serve` starts with a whole one, and a reload takes a whole one into force or none.

use std::{
    collections::HashMap,
    hash::Hasher,
    net::IpAddr,
    path::Path,
    sync::{Arc, atomic::AtomicU32, atomic::Ordering},
};

use siphasher::sip::SipHasher13;

use crate::{
    config::{Config, Limits},
    contract::{Contract, Terms, sites::SiteRules},
    diagnostic::{Code, Diagnostic, Findings, Place, Source, closest},
    duty::{Contacts, Devices, Roster, Rounds},
    inventory::{Expiries, Inventory, LinkId, PointIndex, Role, Status, Target},
    judge::rule::{self, Rules},
    notify::letter::Letters,
    profile::{self, Measure, Profiles, module::Modules, services::Services},
    schedule::{Plan, PlannedPoint},
    text::{DutyText, Message},
};

/// What a daemon runs on.
#[derive(Debug)]
pub struct Loaded {
    pub config: Arc<Config>,
    pub inventory: Arc<Inventory>,
    pub contract: Arc<Contract>,
    pub rules: Arc<Rules>,
    pub rounds: Arc<Rounds>,
    pub roster: Arc<Roster>,
    pub contacts: Arc<Contacts>,
    pub letters: Arc<Letters>,
    pub devices: Arc<Devices>,
    pub services: Arc<Services>,
    pub site_rules: Arc<SiteRules>,
    pub expiries: Arc<Expiries>,
    /// How targets are checked on demand; `None`: nobody may ask.
    pub modules: Option<Arc<Modules>>,
    pub profiles: Arc<Profiles>,
    /// By dense point number; the same for witnesses and whatever no file speaks of.
    pub measures: Vec<Arc<Measure>>,
    pub machine: Arc<Measure>,
    /// The files, as they were read.
    pub sources: Vec<Source>,
}

/// Reads linkpatrol.yaml from `file`, or where [`Config::load`] looks for it, and all that it refers to.
pub fn from_file(file: Option<&Path>) -> (Option<Loaded>, Vec<Diagnostic>) {
    from_file_but(file, |_| ())
}

/// The same with what a command line says instead.
pub fn from_file_but(file: Option<&Path>, change: impl FnOnce(&mut Config)) -> (Option<Loaded>, Vec<Diagnostic>) {
    let mut findings = Findings::default();
    match Config::load(file, &mut findings) {
        Some(mut config) => {
            change(&mut config);
            load(config, findings)
        }
        None => (None, findings.into_sorted()),
    }
}

/// Whether a folder is a contract for services alone: it has no links, and nobody forgot them.
fn is_without_links(folder: &Path) -> bool {
    let has = |name| folder.join(name).is_file();
    !has("inventory.yaml") && has("contract.yaml") && has("services.yaml")
}

/// What exists in a folder, also where that is services alone. `None`, with findings, when it is no inventory at all.
pub fn inventory(folder: &Path, findings: &mut Findings) -> Option<Inventory> {
    if is_without_links(folder) {
        return Some(Inventory::without_links(folder, findings));
    }
    Inventory::load(folder, findings)
}

/// The contract of a folder that has neither links nor services yet. `None`: the folder is an inventory, or nothing at all.
pub fn contract_only(file: Option<&Path>) -> Option<(Arc<Config>, Option<Terms>, Vec<Diagnostic>)> {
    let mut findings = Findings::default();
    let config = Config::load(file, &mut findings)?;
    let folder = &config.inventory;
    let has = |name| folder.join(name).is_file();
    if has("inventory.yaml") || has("services.yaml") || !has("contract.yaml") {
        return None;
    }
    let terms = Terms::load(folder, &mut findings);
    if let Some(terms) = &terms {
        Rounds::load(folder, terms, None, &mut findings);
        Roster::load(folder, terms, &mut findings);
        Devices::load(folder, terms, "", None, &mut findings);
        SiteRules::load(folder, &mut findings);
        Expiries::load(folder, terms.time_zone, &mut findings);
    }
    Some((Arc::new(config), terms, findings.into_sorted()))
}

/// Reads all that `config` refers to. `findings` are those of the configuration itself.
pub fn load(config: Config, mut findings: Findings) -> (Option<Loaded>, Vec<Diagnostic>) {
    let inventory = self::inventory(&config.inventory, &mut findings);
    with_inventory(config, inventory, findings)
}

/// The same with an inventory that is not, or not yet, the one in the folder.
pub fn with_inventory(
    config: Config,
    inventory: Option<Inventory>,
    mut findings: Findings,
) -> (Option<Loaded>, Vec<Diagnostic>) {
    let machine = Measure { source: config.icmp.source, ..Measure::default() };
    let profiles = Profiles::load(&config.probes, &mut findings);
    let contract = inventory.as_ref().and_then(|inventory| Contract::load(&inventory.folder, &mut findings));
    let (mut measures, mut rules) = (vec![], Rules::default());
    if let Some(inventory) = &inventory {
        rules = rule::load(&inventory.folder, inventory, &mut findings);
        measures = profile::effective(inventory, &profiles, &machine, &mut findings);
        inventory.reconcile(&mut findings);
        over_limits(inventory, &measures, config.limits, &config, &mut findings);
        unknown_roads(inventory, &config, &mut findings);
    }
    let (mut rounds, mut roster, mut devices) = (Rounds::default(), Roster::default(), Devices::default());
    let (mut services, mut site_rules) = (Services::default(), SiteRules::default());
    let (mut contacts, mut letters, mut expiries) = (Contacts::default(), Letters::default(), Expiries::default());
    let modules = config.probe.modules.as_ref().and_then(|file| Modules::load(file, &mut findings));
    if let (Some(inventory), Some(contract)) = (&inventory, &contract) {
        rounds = Rounds::load(&inventory.folder, &contract.terms, Some(inventory), &mut findings);
        roster = Roster::load(&inventory.folder, &contract.terms, &mut findings);
        let (folder, terms, requirement) = (&inventory.folder, &contract.terms, &contract.requirement);
        devices = Devices::load(folder, terms, requirement, Some(inventory), &mut findings);
        services = Services::load(folder, terms, Some(inventory), &mut findings);
        site_rules = SiteRules::load(folder, &mut findings);
        expiries = Expiries::load(folder, terms.time_zone, &mut findings);
        contacts = Contacts::load(folder, terms, &roster, inventory, &mut findings);
        letters = Letters::load(folder, inventory, &mut findings);
        unknown_channels(&contacts, &config, &mut findings);
        not_measurable(inventory, contract, &mut findings);
        contract.check_carriers(inventory, &mut findings);
        contract.check_absences(inventory, &mut findings);
        // With a section `links:` its inventory was forgotten; without services there is nothing to watch.
        if is_without_links(folder) && (contract.has_links() || services.list.is_empty()) {
            let (message, help) = (Message::NoInventory, Message::NoInventoryHelp);
            findings.error(Place::whole(&**folder), Code::NO_INVENTORY, message, help);
        }
    }
    let loaded = match (inventory, contract) {
        (Some(inventory), Some(contract)) if !findings.has_errors() => Some(Loaded {
            config: Arc::new(config),
            inventory: Arc::new(inventory),
            contract: Arc::new(contract),
            rules: Arc::new(rules),
            rounds: Arc::new(rounds),
            roster: Arc::new(roster),
            contacts: Arc::new(contacts),
            letters: Arc::new(letters),
            devices: Arc::new(devices),
            services: Arc::new(services),
            site_rules: Arc::new(site_rules),
            expiries: Arc::new(expiries),
            modules: modules.map(Arc::new),
            profiles: Arc::new(profiles),
            measures,
            machine: Arc::new(machine),
            sources: findings.take_sources(),
        }),
        _ => None,
    };
    (loaded, findings.into_sorted())
}

impl Loaded {
    /// What to probe: the points of all links, then the witnesses. What `previous` had of a point (its place in the
    /// engine, the address of its name, its 99th percentile) goes on when link and role are the same.
    pub fn plan(&self, previous: Option<(&Self, &Plan)>) -> Plan {
        let before = previous.map(|(loaded, _)| loaded.numbers()).unwrap_or_default();
        let links = self.inventory.links.iter().flat_map(|link| link.points.iter().map(move |point| (link, point)));
        let mut points: Vec<PlannedPoint> = links
            .zip(&self.measures)
            .map(|((link, point), measure)| {
                let kept = before.get(&(Owner::Link(&link.id), point.role)).copied();
                let in_service = link.status == Status::Active;
                let address = match &point.target {
                    Target::Address(address) => Some(*address),
                    Target::Name(_) => previous.zip(kept).and_then(|((loaded, plan), kept)| {
                        (loaded.target(kept)? == &point.target).then(|| plan.points.get(kept.at())?.address)?
                    }),
                };
                PlannedPoint {
                    address: address.filter(|_| in_service),
                    expected: in_service,
                    measure: Arc::clone(measure),
                    carrier: link.carrier.0,
                    phase_seed: seed(link.id.as_str(), point.role.as_str()),
                    kept,
                }
            })
            .collect();
        points.extend(self.config.witnesses.iter().map(|witness| PlannedPoint {
            address: Some(witness.address),
            expected: true,
            measure: self.witness_measure(witness.address),
            // No carrier's limit holds back what tells our own faults apart.
            carrier: crate::diagnostic::count(self.inventory.carriers.len()),
            phase_seed: seed(&witness.name, "witness"),
            kept: before.get(&(Owner::Witness(&witness.name), Role::Near)).copied(),
        }));
        let p99 = |point: &PlannedPoint| {
            let known = previous.zip(point.kept).and_then(|((_, plan), kept)| plan.p99_micros.get(kept.at()));
            AtomicU32::new(known.map_or(0, |micros| micros.load(Ordering::Relaxed)))
        };
        Plan {
            generation: previous.map_or(0, |(_, plan)| plan.generation.wrapping_add(1)),
            p99_micros: points.iter().map(p99).collect(),
            points,
            limits: self.config.limits,
        }
    }

    /// Scheduled probes of all links in service.
    pub fn probes_per_second(&self) -> f64 {
        let links = self.inventory.links.iter().filter(|link| link.status == Status::Active);
        let points = links.flat_map(|link| link.numbered_points());
        points.map(|(number, _)| self.measures[number.at()].interval.as_secs_f64().recip()).sum()
    }

    /// Dense numbers of all points, witnesses behind the links.
    fn numbers(&self) -> HashMap<(Owner<'_>, Role), PointIndex> {
        let links = self.inventory.links.iter();
        let points = links.flat_map(|link| link.points.iter().map(|point| (Owner::Link(&link.id), point.role)));
        let witnesses = self.config.witnesses.iter().map(|witness| (Owner::Witness(&witness.name), Role::Near));
        points.chain(witnesses).zip((0..).map(PointIndex)).collect()
    }

    /// The target of a link's point by its dense number.
    fn target(&self, point: PointIndex) -> Option<&Target> {
        let link = self.inventory.links.partition_point(|link| link.first_point <= point).checked_sub(1)?;
        let link = &self.inventory.links[link];
        link.points.get(point.at() - link.first_point.at()).map(|point| &point.target)
    }

    fn witness_measure(&self, address: IpAddr) -> Arc<Measure> {
        match self.machine.source {
            Some(source) if source.is_ipv4() != address.is_ipv4() => {
                Arc::new(Measure { source: None, ..Measure::clone(&self.machine) })
            }
            _ => Arc::clone(&self.machine),
        }
    }
}

/// Whose point. A witness has one, kept under [`Role::Near`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Owner<'a> {
    Link(&'a LinkId),
    Witness(&'a str),
}

/// The same on every machine and after every restart.
fn seed(owner: &str, role: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(owner.as_bytes());
    hasher.write(b"/");
    hasher.write(role.as_bytes());
    hasher.finish()
}

/// Links that have no deciding point: accepted, counted, named once, and never up.
fn not_measurable(inventory: &Inventory, contract: &Contract, findings: &mut Findings) {
    let blind = inventory.links.iter().filter(|link| !contract.measures(link)).collect::<Vec<_>>();
    if let Some(first) = blind.first() {
        let ids = blind.iter().map(|link| link.id.to_string()).collect();
        let message = Message::NotMeasurable { links: ids };
        findings.warning(first.place.clone(), Code::NOT_MEASURABLE, message, Message::NotMeasurableHelp);
    }
}

/// Links that channels claim to ride on and that nobody watches: such a channel would count as whole for ever.
fn unknown_roads(inventory: &Inventory, config: &Config, findings: &mut Findings) {
    let place = Place::whole(config.file.as_deref().unwrap_or(Path::new("linkpatrol.yaml")));
    let is_known = |name: &str| inventory.links.iter().any(|link| link.id.as_str() == name);
    for name in config.channels.iter().flat_map(|channel| &channel.rides_on).filter(|name| !is_known(name)) {
        let closest = closest(name, inventory.links.iter().map(|link| link.id.as_str())).map(str::to_owned);
        let message = Message::UnknownReference { column: "rides_on", name: name.clone() };
        findings.error(place.clone(), Code::UNKNOWN_REFERENCE, message, Message::DependsOnHelp { closest });
    }
}

/// Contacts on channels that this machine does not have: nobody would be told there. Without any channel it tells nobody.
fn unknown_channels(contacts: &Contacts, config: &Config, findings: &mut Findings) {
    let known: Vec<&str> = config.channels.iter().map(|channel| channel.name.as_str()).collect();
    if known.is_empty() {
        return;
    }
    for contact in &contacts.list {
        for channel in contact.to.keys().filter(|channel| !known.contains(&channel.as_str())) {
            let message = DutyText::NoSuchChannel { channel: channel.clone(), contact: contact.id.clone() };
            let closest = closest(channel, known.iter().copied()).map(str::to_owned);
            let help = Message::Known { closest, known: known.iter().map(|name| (*name).to_owned()).collect() };
            findings.warning(contact.place.clone(), Code::CONTACT_CHANNEL, Message::Duty(message), help);
        }
    }
}

/// Scheduled probes alone that exceed a limit: a share of them would never be sent.
fn over_limits(
    inventory: &Inventory,
    measures: &[Arc<Measure>],
    limits: Limits,
    config: &Config,
    findings: &mut Findings,
) {
    let (mut total, mut carriers, mut targets) = (0.0, HashMap::new(), HashMap::new());
    for link in inventory.links.iter().filter(|link| link.status == Status::Active) {
        for (number, point) in link.numbered_points() {
            let rate = measures[number.at()].interval.as_secs_f64().recip();
            total += rate;
            *carriers.entry(link.carrier).or_insert(0.0) += rate;
            targets.entry(&point.target).or_insert((0.0, &point.place)).0 += rate;
        }
    }
    let whole = Place::whole(config.file.as_deref().unwrap_or(Path::new("linkpatrol.yaml")));
    let mut warn = |place: &Place, what: String, rate: f64, limit: u32| {
        if rate > f64::from(limit) {
            let message = Message::OverLimit { what, rate: rate.ceil() as u64, limit };
            findings.warning(place.clone(), Code::OVER_LIMIT, message, Message::OverLimitHelp);
        }
    };
    warn(&whole, "limits.total".into(), total, limits.total);
    for (carrier, rate) in carriers {
        let carrier = &inventory.carriers[carrier.at()];
        warn(&carrier.place, carrier.name.clone(), rate, limits.per_carrier);
    }
    // One finding for all targets: a profile that is too fast is too fast for each of them.
    targets.retain(|_, (rate, _)| *rate > f64::from(limits.per_target));
    let worst = targets.iter().max_by(|(_, one), (_, other)| one.0.total_cmp(&other.0).then(other.1.cmp(one.1)));
    if let Some((target, (rate, place))) = worst {
        let others = targets.len() - 1;
        let what = if others > 0 { format!("{target} (+{others})") } else { target.to_string() };
        warn(place, what, *rate, limits.per_target);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shipped files, with ten links before them when asked.
    fn shipped() -> Loaded {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let config =
            Config { inventory: root.join("inventories/xuchang"), probes: root.join("probes"), ..Config::default() };
        let (loaded, findings) = load(config, Findings::default());
        loaded.unwrap_or_else(|| panic!("{findings:?}"))
    }

    #[test]
    fn a_contract_for_services_alone_is_whole_and_one_for_links_needs_them() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (place, config) =
            (tempfile::tempdir().unwrap(), Config { probes: root.join("probes"), ..Config::default() });
        for name in ["beijing-civil-affairs", "sichuan-courts", "xinjiang-credentials"] {
            let config = Config { inventory: root.join("inventories").join(name), ..config.clone() };
            let (loaded, findings) = load(config, Findings::default());
            let loaded = loaded.unwrap_or_else(|| panic!("{name}: {findings:?}"));
            assert!(loaded.inventory.links.is_empty() && loaded.plan(None).points.is_empty(), "{name}");
            assert!(!loaded.contract.has_links() && !loaded.services.list.is_empty(), "{name}");
        }
        for file in ["contract.yaml", "holidays.yaml"] {
            std::fs::copy(root.join("tests/bad/good/inventory").join(file), place.path().join(file)).unwrap();
        }
        std::fs::write(place.path().join("services.yaml"), "services: []\n").unwrap();
        let (loaded, findings) = load(Config { inventory: place.path().into(), ..config }, Findings::default());
        assert!(loaded.is_none());
        assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::NO_INVENTORY]);
    }

    #[test]
    fn a_reload_keeps_points_by_link_and_role_wherever_they_stand_now() {
        let before = shipped();
        let plan = before.plan(None);
        plan.p99_micros[2110].store(77, Ordering::Relaxed);
        let mut after = shipped();
        let inventory = Arc::get_mut(&mut after.inventory).unwrap();
        let gone = inventory.links.remove(0).points.len();
        inventory.links.iter_mut().for_each(|link| link.first_point.0 -= gone as u32);
        after.measures.drain(..gone);

        let next = after.plan(Some((&before, &plan)));
        assert_eq!((next.generation, next.points.len()), (1, 2111 - gone));
        let kept = |number: usize| next.points[number].kept;
        assert_eq!((kept(0), kept(2110 - gone)), (Some(PointIndex(gone as u32)), Some(PointIndex(2110))));
        assert_eq!(next.p99_micros[2110 - gone].load(Ordering::Relaxed), 77);
        assert_eq!(next.points[0].phase_seed, plan.points[gone].phase_seed);
    }

    #[test]
    fn names_keep_their_address_and_witnesses_stand_last() {
        let name = |loaded: &mut Loaded, name: &str| {
            Arc::get_mut(&mut loaded.inventory).unwrap().links[0].points[0].target = Target::Name(name.into());
        };
        let (mut before, mut same, mut other) = (shipped(), shipped(), shipped());
        for (loaded, target) in [(&mut before, "a.test"), (&mut same, "a.test"), (&mut other, "b.test")] {
            name(loaded, target);
            let witness = crate::config::Witness { name: "gateway".into(), address: [198, 18, 255, 1].into() };
            Arc::get_mut(&mut loaded.config).unwrap().witnesses.push(witness);
        }
        let mut plan = before.plan(None);
        assert_eq!(plan.points[0].address, None);
        plan.points[0].address = Some([198, 18, 255, 9].into());
        assert_eq!(same.plan(Some((&before, &plan))).points[0].address, plan.points[0].address);
        assert_eq!(other.plan(Some((&before, &plan))).points[0].address, None);
        assert_eq!(same.plan(Some((&before, &plan))).points[2111].kept, Some(PointIndex(2111)));
    }

    #[test]
    fn a_contact_on_a_channel_that_is_not_there_is_told_of() {
        let mut config = Config::default();
        let told = |config: &Config| {
            let mut findings = Findings::default();
            unknown_channels(&shipped().contacts, config, &mut findings);
            findings.into_sorted().iter().map(|finding| finding.print(crate::text::Language::En)).collect::<Vec<_>>()
        };
        assert_eq!(told(&config), [""; 0], "without any channel nobody is told anyway");
        config.channels = vec![crate::config::Channel { name: "mail".into(), ..crate::config::Channel::default() }];
        let told = told(&config);
        let words = "warning LP2009: `duty-desk` has an address for `sms`, which linkpatrol.yaml does not have";
        assert!(told[0].contains(words), "{told:?}");
    }
}
