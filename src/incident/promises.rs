//! Which promises hold for an incident: the contract's classes and tiers, and what its carriers agreed to with us.
//!
//! In: an incident and the world. Out: every clock that may run for it, each for one party. Pure. A carrier is held only
//! to its own agreement of that day, and to nothing while the unit's own power is the first suspect.

use std::{collections::BTreeSet, rc::Rc};

use super::{Incident, ServicePart, World, record::OPERATOR, services};
use crate::{
    contract::{
        Clock, Contract, Facts, Target,
        words::{FaultKind, Party, Scope},
    },
    inventory::{CarrierIndex, Inventory, Kind, Link, UnitIndex},
    units::Timestamp,
};

/// A clock of the contract that may run for one party.
pub(super) struct Promised<'a> {
    pub clock: &'a Clock,
    pub party: String,
    pub tier: u8,
    pub clause: String,
    /// So many promises that differ in nothing else but their start or length come before it.
    pub nth: u32,
    /// Clocks that the same requirement has by itself: a general one may give way to them.
    pub own: Rc<[&'a Clock]>,
}

impl<'a> Promised<'a> {
    fn new(clock: &'a Clock, party: String, tier: u8, own: Rc<[&'a Clock]>) -> Self {
        Self { clock, party, tier, clause: clock.clause.clone(), nth: 0, own }
    }

    /// Whether they differ in their start and length at most.
    fn is_alike(&self, other: &Self) -> bool {
        let of = |one: &Self| (one.clock.kind, one.tier, one.clock.calendar.id.clone());
        of(self) == of(other) && self.party == other.party && self.clause == other.clause
    }

    /// Whether a clock is of this promise.
    pub fn is_kept_by(&self, clock: &super::Clock) -> bool {
        let Self { party, tier, clause, nth, .. } = self;
        (clock.clock.as_str(), &clock.calendar) == (self.clock.kind.as_str(), &self.clock.calendar.id)
            && (&clock.party, &clock.tier, &clock.clause, &clock.nth) == (party, tier, clause, nth)
    }
}

/// Who has a part in an incident besides us and the customer.
#[derive(Default)]
pub(super) struct Parties {
    carriers: BTreeSet<CarrierIndex>,
    units: BTreeSet<UnitIndex>,
    kinds: BTreeSet<Kind>,
}

impl Parties {
    pub fn of(incident: &Incident, world: &World<'_>) -> Self {
        let mut parties = Self::default();
        for link in incident.links.iter().filter_map(|(id, _)| world.scopes.link(id)) {
            let link = &world.inventory.links[link.at()];
            parties.carriers.insert(link.carrier);
            parties.units.insert(link.unit);
            parties.kinds.insert(link.kind);
        }
        if let Some(service) = &incident.service {
            let owner = world.inventory.units.iter().position(|unit| unit.id == service.owner);
            parties.units.extend(owner.map(|place| UnitIndex(crate::diagnostic::count(place))));
        }
        parties
    }

    /// As records name those of a kind.
    pub fn names(&self, party: Party, world: &World<'_>) -> Vec<String> {
        match party {
            Party::Operator => vec![OPERATOR.to_owned()],
            Party::Customer => vec!["customer".to_owned()],
            Party::Carrier => self.carriers.iter().map(|carrier| carrier_name(*carrier, world)).collect(),
            Party::Unit => {
                let name = |unit: &UnitIndex| format!("unit/{}", world.inventory.units[unit.at()].id);
                self.units.iter().map(name).collect()
            }
        }
    }

    /// All of them.
    pub fn all(&self, world: &World<'_>) -> Vec<String> {
        Party::ALL.iter().flat_map(|party| self.names(*party, world)).collect()
    }
}

/// Whether a link is this party's matter: a carrier's its own circuits, a unit's its own lines, all of them ours.
pub fn is_of(party: &str, link: &Link, inventory: &Inventory) -> bool {
    match party.split_once('/') {
        Some(("carrier", id)) => inventory.carriers[link.carrier.at()].id == id,
        Some(("unit", id)) => inventory.units[link.unit.at()].id == id,
        _ => true,
    }
}

fn carrier_name(carrier: CarrierIndex, world: &World<'_>) -> String {
    format!("carrier/{}", world.inventory.carriers[carrier.at()].id)
}

/// Every promise that holds for the incident while it is of this level.
pub(super) fn promised<'a>(incident: &Incident, level: u8, world: &World<'a>) -> Vec<Promised<'a>> {
    let mut found = all_promised(incident, level, world);
    for place in 1..found.len() {
        let (before, own) = found.split_at_mut(place);
        let alike = before.iter().filter(|other| other.is_alike(&own[0])).count();
        own[0].nth = crate::diagnostic::count(alike);
    }
    found
}

fn all_promised<'a>(incident: &Incident, level: u8, world: &World<'a>) -> Vec<Promised<'a>> {
    let parties = Parties::of(incident, world);
    let facts = Facts {
        scope: scope(incident, level, world),
        // The share of the scope was weighed when the level was found.
        failing: 1,
        measured: 1,
        kind: FaultKind::Outage,
        impact: None,
        service_class: None,
        case: None,
    };
    let contract = world.contract;
    if let Some(service) = &incident.service {
        return promised_of(service, level, &parties, world);
    }
    let mut found: Vec<Promised<'a>> = vec![];
    // An incident without links is of the whole network: the general rules hold.
    let kinds = parties.kinds.iter().copied().map(Some).chain(parties.kinds.is_empty().then_some(None));
    for kind in kinds {
        let target = contract.target(kind.unwrap_or(Kind::Private));
        let own = own_clocks(contract, &target, &facts);
        for class in contract.terms.classes_of(&target) {
            let Some(tier) = class.tier(&facts) else { continue };
            for clock in &tier.clocks {
                let tier = tier.level.unwrap_or(level);
                let add = |party| Promised::new(clock, party, tier, Rc::clone(&own));
                let known = |one: &Promised<'_>| std::ptr::eq(one.clock, clock);
                if !found.iter().any(known) {
                    found.extend(parties.names(clock.party, world).into_iter().map(add));
                }
            }
        }
    }
    if !incident.unit_power_suspected {
        found.extend(agreed(incident.began, level, &parties, world));
    }
    found
}

/// The same of a service: no carrier has a part in it.
fn promised_of<'a>(service: &ServicePart, level: u8, parties: &Parties, world: &World<'a>) -> Vec<Promised<'a>> {
    let contract = world.contract;
    let impact = services::impact(service, level, contract);
    let (target, facts) = (services::target(service, contract), services::facts(service, impact));
    let own = own_clocks(contract, &target, &facts);
    let tiers = contract.terms.classes_of(&target).into_iter().filter_map(|class| class.tier(&facts));
    let clocks = tiers.flat_map(|tier| tier.clocks.iter().map(move |clock| (clock, tier.level.unwrap_or(level))));
    let of_parties = |(clock, tier): (&'a Clock, u8)| {
        let promise = |party| Promised::new(clock, party, tier, Rc::clone(&own));
        parties.names(clock.party, world).into_iter().map(promise).collect::<Vec<_>>()
    };
    clocks.flat_map(of_parties).collect()
}

/// Clocks of the classes of single requirements.
fn own_clocks<'a>(contract: &'a Contract, target: &Target<'_>, facts: &Facts<'_>) -> Rc<[&'a Clock]> {
    let overrides = contract.terms.overrides.iter().filter(|class| class.applies.covers(target));
    overrides.filter_map(|class| class.tier(facts)).flat_map(|tier| &tier.clocks).collect()
}

/// What the carriers of its links agreed to.
fn agreed<'a>(began: Timestamp, level: u8, parties: &Parties, world: &World<'a>) -> Vec<Promised<'a>> {
    let zone = world.contract.time_zone;
    let Some(day) = chrono::DateTime::from_timestamp_millis(began.0).map(|at| at.with_timezone(&zone).date_naive())
    else {
        return vec![];
    };
    let of_carrier = |carrier: &CarrierIndex| {
        let id = &world.inventory.carriers[carrier.at()].id;
        let agreement = world.contract.terms.agreement(id, day)?;
        let party = carrier_name(*carrier, world);
        let clocks = agreement.clocks.iter().filter(|clock| clock.party == Party::Carrier);
        Some(clocks.map(move |clock| {
            let clause = format!("{} {}", agreement.number, clock.clause);
            Promised { clause, ..Promised::new(clock, party.clone(), level, Rc::from([])) }
        }))
    };
    parties.carriers.iter().filter_map(of_carrier).flatten().collect()
}

fn scope(incident: &Incident, level: u8, world: &World<'_>) -> Scope {
    if level == world.contract.tiers.network.level {
        return Scope::Network;
    }
    incident.part_of_network()
}
