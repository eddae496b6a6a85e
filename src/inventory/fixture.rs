//! A ledger for tests: so many links of one carrier and one unit, each with two points.

use std::{net::Ipv4Addr, path::Path};

use super::*;

pub(crate) fn inventory(links: usize) -> Inventory {
    let place = Place { file: Path::new("links.csv").into(), line: 1, column: 1 };
    let link = |nth: usize| Link {
        id: id(nth),
        cid: format!("A/{nth}"),
        kind: Kind::ALL[nth % 3],
        carrier: CarrierIndex(0),
        unit: UnitIndex(0),
        a_end: "示例机房 \"1\"".into(),
        z_end: format!("示例单位 {nth}"),
        bandwidth: BitRate(100_000_000),
        priority: Priority::Normal,
        status: Status::Active,
        installed: None,
        group: None,
        segments: vec![SegmentIndex(0)],
        points: [Role::Near, Role::Far].map(|role| point(role, &place)).into(),
        first_point: PointIndex(2 * nth as u32),
        overrides: Arc::default(),
        absence: None,
        depends_on: vec![],
        place: place.clone(),
    };
    Inventory {
        name: "示例".into(),
        folder: Path::new(".").into(),
        synthetic: false,
        declared: Declared::default(),
        carriers: vec![Carrier {
            id: "carrier-a".into(),
            name: "运营商甲".into(),
            maintnote: vec!["example.com".into()],
            overrides: Overrides::default(),
            place: place.clone(),
        }],
        units: vec![Unit {
            id: "U01".into(),
            name: "示例单位一".into(),
            overrides: Overrides::default(),
            absence: None,
            depends_on: vec![],
            place: place.clone(),
        }],
        segments: vec![Segment {
            id: "duct-017".into(),
            kind: SegmentKind::Duct,
            name: "示例管道".into(),
            place: place.clone(),
        }],
        links: (0..links).map(link).collect(),
        fingerprint: 1,
    }
}

pub(crate) fn id(nth: usize) -> LinkId {
    LinkId::parse(&format!("LL-{nth:04}")).unwrap()
}

fn point(role: Role, place: &Place) -> Point {
    Point {
        role,
        target: Target::Address(Ipv4Addr::LOCALHOST.into()),
        responder: Responder::Host,
        place: place.clone(),
    }
}
