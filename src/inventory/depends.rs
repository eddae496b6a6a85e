//! What does not work without what: links and units name links, and nothing depends on itself.

use std::collections::HashMap;

use super::{
    Dependency, Inventory, LinkId,
    columns::{Column, Headed},
    sheet::Cell,
};
use crate::{
    diagnostic::{Code, Findings, Place, closest, yaml::shortened},
    text::Message,
};

/// The links that a cell names, with spaces between. `None`: one of them cannot be a link.
pub(super) fn of_cell(cell: Option<Cell<'_>>, findings: &mut Findings) -> Option<Vec<Dependency>> {
    let Some(cell) = cell else { return Some(vec![]) };
    let names = cell.text.split([' ', ';', '；', '、']).filter(|name| !name.is_empty());
    parsed(names.map(|name| (cell.place.clone(), name)), findings)
}

/// `None`: one of them cannot be a link.
pub(super) fn parsed<'a>(
    names: impl Iterator<Item = (Place, &'a str)>,
    findings: &mut Findings,
) -> Option<Vec<Dependency>> {
    let mut dependencies = Some(vec![]);
    for (place, name) in names {
        match LinkId::parse(name) {
            Some(on) => {
                dependencies.iter_mut().for_each(|all| all.push(Dependency { on: on.clone(), place: place.clone() }))
            }
            None => {
                findings.error(place, Code::BAD_LINK_ID, Message::BadId { id: shortened(name) }, Message::BadIdHelp);
                dependencies = None;
            }
        }
    }
    dependencies
}

/// Every link that is named exists, and none is its own parent.
pub(super) fn check(inventory: &Inventory, findings: &mut Findings) {
    let places: HashMap<&LinkId, usize> = inventory.links.iter().map(|link| &link.id).zip(0..).collect();
    let of_units = inventory.units.iter().flat_map(|unit| &unit.depends_on);
    for dependency in of_units.chain(inventory.links.iter().flat_map(|link| &link.depends_on)) {
        if !places.contains_key(&dependency.on) {
            let name = dependency.on.to_string();
            let closest = closest(&name, places.keys().map(|id| id.as_str())).map(str::to_owned);
            let message = Message::UnknownReference { column: Column::DependsOn.heading(), name };
            let help = Message::DependsOnHelp { closest };
            findings.error(dependency.place.clone(), Code::UNKNOWN_REFERENCE, message, help);
        }
    }
    if let Some(ring) = ring(inventory, &places) {
        let links = &inventory.links;
        let next = |nth: usize| &links[ring[(nth + 1) % ring.len()]].id;
        let place = inventory.dependencies_of(&links[ring[0]]).find(|dependency| dependency.on == *next(0));
        let place = place.map_or(&links[ring[0]].place, |dependency| &dependency.place);
        let message = Message::DependsOnItself {
            links: ring.iter().chain(&ring[..1]).map(|at| links[*at].id.to_string()).collect(),
        };
        findings.error(place.clone(), Code::DEPENDS_ON_ITSELF, message, Message::DependsOnItselfHelp);
    }
}

/// Links each of which depends on the next, and the last on the first.
fn ring(inventory: &Inventory, places: &HashMap<&LinkId, usize>) -> Option<Vec<usize>> {
    let parents = |at: usize| {
        inventory.dependencies_of(&inventory.links[at]).filter_map(|dependency| places.get(&dependency.on).copied())
    };
    // Whoever depends only on what is not part of a ring is not part of one.
    let mut waits: Vec<usize> = (0..inventory.links.len()).map(|at| parents(at).count()).collect();
    let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
    for at in 0..inventory.links.len() {
        parents(at).for_each(|parent| children.entry(parent).or_default().push(at));
    }
    let mut free: Vec<usize> = (0..waits.len()).filter(|at| waits[*at] == 0).collect();
    while let Some(at) = free.pop() {
        for child in children.get(&at).into_iter().flatten() {
            waits[*child] -= 1;
            if waits[*child] == 0 {
                free.push(*child);
            }
        }
    }
    // Each that is left has a parent that is left: going up ends in a ring.
    let mut path = vec![waits.iter().position(|waiting| *waiting > 0)?];
    loop {
        let next = parents(path[path.len() - 1]).find(|parent| waits[*parent] > 0)?;
        if let Some(begin) = path.iter().position(|at| *at == next) {
            return Some(path.split_off(begin));
        }
        path.push(next);
    }
}
