//! A small inventory for the tests of the city.

use std::{net::IpAddr, path::Path, sync::Arc};

use crate::{
    diagnostic::Place,
    inventory::{
        Carrier, CarrierIndex, Declared, Inventory, Kind, Link, LinkId, Overrides, Point, PointIndex, Priority, Role,
        Segment, SegmentIndex, SegmentKind, Status, Target, Unit, UnitIndex,
    },
    profile::Measure,
    schedule::{Plan, PlannedPoint},
    units::BitRate,
};

const ROLES: [Role; 3] = [Role::Near, Role::CarrierGateway, Role::Far];

/// `LL-0000` and so on: kinds in turn, four ducts, two carriers, five units.
pub fn town(links: u32) -> Inventory {
    let place = Place { file: Path::new("town").into(), line: 0, column: 0 };
    let overrides = Overrides::default();
    let carrier = |id: &str| Carrier {
        id: id.into(),
        name: id.into(),
        maintnote: vec![],
        overrides: overrides.clone(),
        place: place.clone(),
    };
    let unit = |id| Unit {
        id: format!("U{id}"),
        name: format!("U{id}"),
        overrides: overrides.clone(),
        absence: None,
        depends_on: vec![],
        place: place.clone(),
    };
    let duct =
        |id| Segment { id: format!("duct-{id}"), kind: SegmentKind::Duct, name: String::new(), place: place.clone() };
    Inventory {
        name: "town".into(),
        folder: Arc::from(Path::new("town")),
        synthetic: true,
        declared: Declared::default(),
        carriers: vec![carrier("carrier-a"), carrier("carrier-b")],
        units: (0..5).map(unit).collect(),
        segments: (0..4).map(duct).collect(),
        links: (0..links).map(|number| link(number, &place)).collect(),
        fingerprint: 0,
    }
}

pub fn address(link: u32, role: Role) -> IpAddr {
    let [.., high, low] = link.to_be_bytes();
    if link.is_multiple_of(2) {
        [198, 18 + role as u8 % 2, 1 + high + 16 * role as u8, low].into()
    } else {
        [0x2001, 2, 0, role as u16, 0, 0, 1, link as u16].into()
    }
}

fn link(number: u32, place: &Place) -> Link {
    let point = |role| Point {
        role,
        target: Target::Address(address(number, role)),
        responder: Default::default(),
        place: place.clone(),
    };
    Link {
        id: LinkId::parse(&format!("LL-{number:04}")).unwrap(),
        cid: format!("C{number}"),
        kind: Kind::ALL[number as usize % 3],
        carrier: CarrierIndex(number % 2),
        unit: UnitIndex(number % 5),
        a_end: String::new(),
        z_end: String::new(),
        bandwidth: BitRate(100_000_000),
        priority: Priority::Normal,
        status: Status::Active,
        installed: None,
        group: None,
        segments: vec![SegmentIndex(number % 4)],
        points: ROLES.map(point).to_vec(),
        first_point: PointIndex(number * 3),
        overrides: Arc::default(),
        absence: None,
        depends_on: vec![],
        place: place.clone(),
    }
}

/// Every point once a second, as the profiles have it by default.
pub fn plan(inventory: &Inventory) -> Plan {
    let measure = Arc::new(Measure::default());
    let points = inventory.links.iter().flat_map(|link| &link.points);
    let planned = |(seed, point): (u64, &Point)| PlannedPoint {
        address: if let Target::Address(address) = point.target { Some(address) } else { None },
        expected: true,
        measure: Arc::clone(&measure),
        carrier: 0,
        phase_seed: seed,
        kept: None,
    };
    let points: Vec<_> = (0..).zip(points).map(planned).collect();
    Plan { generation: 1, p99_micros: points.iter().map(|_| 0.into()).collect(), points, limits: Default::default() }
}
