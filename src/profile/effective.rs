//! What each point is measured with, after all who may say so have spoken.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

use super::{Confirm, Measure, Profile, Profiles, Restore, sound};
use crate::{
    diagnostic::{Code, Findings, Place, closest},
    inventory::{Inventory, Kind, Link, Overrides, Point, Role, Set, Target},
    text::Message,
};

/// The measuring values of one point and where each comes from.
#[derive(Debug, Clone)]
pub struct Effective<'a> {
    /// `None`: no profile serves this point; defaults hold.
    pub profile: Option<&'a Profile>,
    pub measure: Measure,
    pub origins: Vec<Origin>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// Its key, such as `confirm.floor`.
    pub key: &'static str,
    /// `None`: the default.
    pub place: Option<Place>,
}

impl Effective<'_> {
    /// Where the value of `key` was written.
    pub fn place(&self, key: &str) -> Option<&Place> {
        self.origins.iter().find(|origin| origin.key == key)?.place.as_ref()
    }
}

/// The measure of every point of every link, by dense point number. Few differ, so points share them.
///
/// `machine` holds the values that nobody set. Findings: profiles that are missing, unused or unknown, and values that
/// cannot work, once per place that causes them.
pub fn effective(
    inventory: &Inventory,
    profiles: &Profiles,
    machine: &Measure,
    findings: &mut Findings,
) -> Vec<Arc<Measure>> {
    let mut shared: HashMap<Measure, Arc<Measure>> = HashMap::new();
    let mut checked = HashSet::new();
    let mut unserved = BTreeSet::new();
    let mut measures = vec![];
    named_profiles(inventory, profiles, findings);
    for link in &inventory.links {
        for point in &link.points {
            let effective = of_point(inventory, profiles, machine, link, point);
            if effective.profile.is_none() && effective.place("profile").is_none() {
                unserved.insert((link.kind, point.role));
            }
            let ipv6 = family(point).map(|family| family == Family::V6);
            let places = effective.origins.iter().filter_map(|origin| origin.place.clone()).collect::<Vec<_>>();
            if checked.insert((effective.measure.clone(), ipv6, places)) {
                sound::check(&effective, point, findings);
            }
            let measure = effective.measure;
            let measure = shared.entry(measure).or_insert_with_key(|measure| Arc::new(measure.clone()));
            measures.push(Arc::clone(measure));
        }
    }
    if profiles.whole {
        not_served(profiles, &unserved, findings);
    }
    measures
}

/// Precedence: link > unit > carrier > profile > machine. The profile is the one that a link, unit or carrier names,
/// else the one that serves the link's kind and the point's role.
pub fn of_point<'a>(
    inventory: &Inventory,
    profiles: &'a Profiles,
    machine: &Measure,
    link: &Link,
    point: &Point,
) -> Effective<'a> {
    let mut layers = Layers::of(inventory, link);
    let named = layers.over.iter().find_map(|layer| layer.profile.as_ref());
    let profile = match named {
        Some(set) => profiles.named(&set.value),
        None => profiles.serving(link.kind, point.role),
    };
    layers.origins.push(Origin {
        key: "profile",
        place: named.map(|set| set.place.clone()).or(profile.map(|profile| profile.place.clone())),
    });
    let measure = layers.measure(profile, machine, family_of(&point.target));
    Effective { profile, measure, origins: layers.origins }
}

/// What a point is measured with by `profile`, whatever profile is named or serves it.
pub fn of_point_by(inventory: &Inventory, profile: &Profile, machine: &Measure, link: &Link, point: &Point) -> Measure {
    Layers::of(inventory, link).measure(Some(profile), machine, family_of(&point.target))
}

/// What a target that is no point of a link is measured with by `profile`.
pub fn of_target_by(profile: &Profile, machine: &Measure, target: &Target) -> Measure {
    let none = Overrides::default();
    Layers { over: [&none; 3], origins: vec![] }.measure(Some(profile), machine, family_of(target))
}

/// What stands above the profile, nearest first, and where each value came from so far.
struct Layers<'a> {
    over: [&'a Overrides; 3],
    origins: Vec<Origin>,
}

impl<'a> Layers<'a> {
    /// What may be said of a link by itself, its unit and its carrier.
    fn of(inventory: &'a Inventory, link: &'a Link) -> Self {
        let unit = &inventory.units[link.unit.at()].overrides;
        let carrier = &inventory.carriers[link.carrier.at()].overrides;
        Self { over: [&link.overrides, unit, carrier], origins: vec![] }
    }

    /// Every value, of the nearest that says so. `family`: of the target; `None`: a name.
    fn measure(&mut self, profile: Option<&'a Profile>, machine: &Measure, family: Option<Family>) -> Measure {
        let none = super::Settings::default();
        let own = profile.map_or(&none, |profile| &profile.settings);
        let machine_source = machine.source.filter(|source| family == Some(Family::of(*source)));
        Measure {
            interval: self.pick("interval", |over| over.interval.as_ref(), &own.interval, machine.interval),
            timeout: self.pick("timeout", |over| over.timeout.as_ref(), &own.timeout, machine.timeout),
            size: self.own("size", &own.size, machine.size),
            dscp: self.pick("dscp", |over| over.dscp.as_ref(), &own.dscp, machine.dscp),
            hop_limit: self.own("hop_limit", &own.hop_limit, machine.hop_limit),
            dont_fragment: self.own("dont_fragment", &own.dont_fragment, machine.dont_fragment),
            source: self.optional("source", |over| over.source.as_ref(), &own.source, machine_source),
            interface: self.optional("interface", |over| over.interface.as_ref(), &own.interface, None),
            confirm: Confirm {
                probes: self.own("confirm.probes", &own.confirm_probes, machine.confirm.probes),
                spacing: self.own("confirm.spacing", &own.confirm_spacing, machine.confirm.spacing),
                factor: self.own("confirm.factor", &own.confirm_factor, machine.confirm.factor),
                floor: self.own("confirm.floor", &own.confirm_floor, machine.confirm.floor),
            },
            restore: Restore {
                answers: self.own("restore.answers", &own.restore_answers, machine.restore.answers),
                span: self.own("restore.span", &own.restore_span, machine.restore.span),
            },
        }
    }

    fn optional<T: Clone + 'a>(
        &mut self,
        key: &'static str,
        field: impl Fn(&'a Overrides) -> Option<&'a Set<T>>,
        own: &Option<Set<T>>,
        machine: Option<T>,
    ) -> Option<T> {
        let set = self.over.iter().find_map(|over| field(over)).or(own.as_ref());
        self.origins.push(Origin { key, place: set.map(|set| set.place.clone()) });
        set.map(|set| set.value.clone()).or(machine)
    }

    fn pick<T: Clone + 'a>(
        &mut self,
        key: &'static str,
        field: impl Fn(&'a Overrides) -> Option<&'a Set<T>>,
        own: &Option<Set<T>>,
        machine: T,
    ) -> T {
        self.optional(key, field, own, None).unwrap_or(machine)
    }

    /// A value that only a profile can set.
    fn own<T: Clone + 'a>(&mut self, key: &'static str, own: &Option<Set<T>>, machine: T) -> T {
        self.pick(key, |_| None, own, machine)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// `None` while a name has not been resolved.
pub(super) fn family(point: &Point) -> Option<Family> {
    family_of(&point.target)
}

fn family_of(target: &Target) -> Option<Family> {
    match target {
        Target::Address(address) => Some(Family::of(*address)),
        Target::Name(_) => None,
    }
}

/// Names that nobody defines, and profiles that nobody asks for.
fn named_profiles(inventory: &Inventory, profiles: &Profiles, findings: &mut Findings) {
    let units = inventory.units.iter().map(|unit| &unit.overrides);
    let carriers = inventory.carriers.iter().map(|carrier| &carrier.overrides);
    let links = inventory.links.iter().map(|link| &*link.overrides);
    let named: Vec<_> = units.chain(carriers).chain(links).filter_map(|overrides| overrides.profile.as_ref()).collect();
    for set in named.iter().filter(|set| profiles.whole && profiles.named(&set.value).is_none()) {
        let known: Vec<String> = profiles.list.iter().map(|profile| profile.name.clone()).collect();
        let closest = closest(&set.value, known.iter().map(String::as_str)).map(str::to_owned);
        let message = Message::UnknownProfile { name: set.value.clone() };
        findings.error(set.place.clone(), Code::UNKNOWN_PROFILE, message, Message::Known { closest, known });
    }
    for profile in profiles.list.iter().filter(|profile| profile.serves.is_empty()) {
        if !named.iter().any(|set| set.value == profile.name) {
            let message = Message::UnusedProfile { name: profile.name.clone() };
            findings.warning(profile.place.clone(), Code::UNUSED_PROFILE, message, Message::UnusedProfileHelp);
        }
    }
}

fn not_served(profiles: &Profiles, unserved: &BTreeSet<(Kind, Role)>, findings: &mut Findings) {
    for (kind, role) in unserved {
        let (kind, role) = (kind.as_str(), role.as_str());
        let place = Place::whole(Arc::clone(&profiles.folder));
        let (message, help) = (Message::NotServed { kind, role }, Message::NotServedHelp { kind, role });
        findings.error(place, Code::NOT_SERVED, message, help);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn shipped(findings: &mut Findings) -> (Inventory, Profiles) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let inventory = Inventory::load(&root.join("inventories/xuchang"), findings).unwrap();
        (inventory, Profiles::load(&root.join("probes"), findings))
    }

    fn set<T>(value: T, line: u32) -> Option<Set<T>> {
        Some(Set { value, place: Place { line, ..Place::whole(Path::new("by")) } })
    }

    #[test]
    fn the_shipped_files_have_no_findings_and_few_distinct_measures() {
        let mut findings = Findings::default();
        let (inventory, profiles) = shipped(&mut findings);
        let measures = effective(&inventory, &profiles, &Measure::default(), &mut findings);
        assert_eq!(findings.into_sorted(), []);
        assert_eq!((inventory.links.len(), measures.len()), (1631, 2111));
        let distinct: HashSet<_> = measures.iter().map(Arc::as_ptr).collect();
        assert_eq!(distinct.len(), 2);
    }

    #[test]
    fn the_nearest_who_speaks_wins_and_its_place_is_known() {
        let (mut inventory, profiles) = shipped(&mut Findings::default());
        let (unit, carrier) = (inventory.links[0].unit, inventory.links[0].carrier);
        let second = std::time::Duration::from_secs;
        Arc::make_mut(&mut inventory.links[0].overrides).interval = set(second(2), 1);
        inventory.units[unit.at()].overrides.interval = set(second(3), 2);
        inventory.units[unit.at()].overrides.timeout = set(second(4), 2);
        inventory.carriers[carrier.at()].overrides.timeout = set(second(5), 3);
        inventory.carriers[carrier.at()].overrides.dscp = set(46, 3);
        let link = &inventory.links[0];
        let of =
            of_point(&inventory, &profiles, &Measure { hop_limit: 9, ..Measure::default() }, link, &link.points[1]);
        let Measure { interval, timeout, dscp, hop_limit, .. } = of.measure;
        assert_eq!((interval, timeout, dscp, hop_limit), (second(2), second(4), 46, 9));
        let line = |key| of.place(key).map(|place| place.line);
        assert_eq!([line("interval"), line("timeout"), line("dscp")], [Some(1), Some(2), Some(3)]);
        assert_eq!((line("size"), line("hop_limit")), (Some(7), None));
        assert_eq!(of.profile.unwrap().name, "dark-fibre-far");
    }

    #[test]
    fn a_named_profile_replaces_the_one_that_serves() {
        let (mut inventory, profiles) = shipped(&mut Findings::default());
        Arc::make_mut(&mut inventory.links[0].overrides).profile = set("internet-public".to_owned(), 1);
        let link = &inventory.links[0];
        let of = of_point(&inventory, &profiles, &Measure::default(), link, &link.points[0]);
        assert_eq!(of.measure.interval, std::time::Duration::from_secs(5));
    }

    #[test]
    fn the_source_of_the_machine_serves_its_own_family_only() {
        let (inventory, profiles) = shipped(&mut Findings::default());
        let machine = Measure { source: Some([198, 18, 255, 1].into()), ..Measure::default() };
        let of = |link: usize| {
            let link = &inventory.links[link];
            of_point(&inventory, &profiles, &machine, link, &link.points[0]).measure.source
        };
        assert_eq!((of(0), of(6)), (machine.source, None));
    }
}
