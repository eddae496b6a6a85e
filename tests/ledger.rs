//! Ledgers as people save them: encodings, headings of other books, damage.

#![expect(clippy::unwrap_used, reason = "a test may stop at what should not happen")]

use std::{fmt::Write as _, time::Duration};

use linkpatrol::{
    diagnostic::Findings,
    inventory::{CarrierIndex, Inventory, Kind, Link, PointIndex, Responder, Role, Status, UnitIndex},
    text::Language,
};
use proptest::prelude::*;

const HEADINGS: &str = "id,cid,kind,carrier,unit,bandwidth,far_address";

/// An inventory of two carriers and two units around this ledger, and what is found in it.
fn read(ledger: &[u8]) -> (Inventory, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
    write("inventory.yaml", b"synthetic: true\n");
    write(
        "carriers.yaml",
        "carriers:\n  - {id: carrier-a, name: 运营商甲}\n  - {id: carrier-b, name: 运营商乙}\n".as_bytes(),
    );
    write("units.yaml", "units:\n  - {id: U01, name: 示例单位01}\n  - {id: U02, name: 示例单位02}\n".as_bytes());
    write("segments.yaml", "segments:\n  - {id: duct-001, kind: duct, name: 示例管道}\n".as_bytes());
    write("links.csv", ledger);
    let mut findings = Findings::default();
    let inventory = Inventory::load(folder.path(), &mut findings).unwrap();
    let told = findings.into_sorted().iter().map(|finding| finding.print(Language::En)).collect::<Vec<_>>();
    (inventory, told.iter().map(|told| told.replace(&format!("{}/", folder.path().display()), "")).collect())
}

#[test]
fn the_register_of_the_bureau_is_read_in_any_encoding_it_is_saved_in() {
    let register = "链路编号,光纤编号,类型,运营商,单位名称,单位地址,光纤带宽,IP 地址,联系人,联系电话\r\n\
                    LL-0001,甲-001,裸光纤,运营商甲,示例单位02,示例路 1 号,1G,198.18.0.1,某,000\r\n";
    let (gb, _, wrong) = encoding_rs::GB18030.encode(register);
    assert!(!wrong);
    for bytes in [register.as_bytes(), format!("\u{FEFF}{register}").as_bytes(), &gb] {
        let (inventory, told) = read(bytes);
        let [link] = inventory.links.as_slice() else { panic!("{told:?}") };
        assert_eq!((link.kind, link.carrier, link.unit), (Kind::DarkFibre, CarrierIndex(0), UnitIndex(1)));
        assert_eq!((link.cid.as_str(), link.z_end.as_str()), ("甲-001", "示例路 1 号"));
        assert_eq!(link.points[0].target.to_string(), "198.18.0.1");
        let [told] = told.as_slice() else { panic!("{told:?}") };
        assert!(told.starts_with("links.csv:1:39: warning LP1304:") && !told.contains("000"), "{told}");
    }
}

#[test]
fn an_export_of_netbox_is_read() {
    let netbox = "cid,provider,type,status,tenant,install_date,commit_rate,id,far_address\n\
                  C-1,carrier-b,internet,active,U01,2025-06-01,100000,LL-0001,gw.example.test\n\
                  C-2,carrier-b,private,planned,U01,,64,LL-0002,\n";
    let (inventory, told) = read(netbox.as_bytes());
    assert_eq!(told, Vec::<String>::new());
    let [first, second] = inventory.links.as_slice() else { panic!() };
    assert_eq!((first.bandwidth.to_string(), second.bandwidth.to_string()), ("100M".into(), "64k".into()));
    assert_eq!((first.status, second.status), (Status::Active, Status::Planned));
    assert_eq!(first.installed.unwrap().to_string(), "2025-06-01");
    assert_eq!((second.points.len(), second.first_point), (0, PointIndex(1)));
}

#[test]
fn an_empty_cell_is_reported_in_whichever_column_the_ledger_has() {
    let (inventory, told) =
        read("id,cid,kind,carrier,unit_name,commit_rate\nLL-0001,C-1,private,carrier-a,,\n".as_bytes());
    assert_eq!(inventory.links, []);
    assert!(told[0].starts_with("links.csv:2:31: error LP1306: `unit_name` is empty"), "{told:?}");
    assert!(told[1].starts_with("links.csv:2:32: error LP1306: `commit_rate` is empty"), "{told:?}");
}

#[test]
fn cells_are_found_behind_quotes_line_breaks_and_chinese() {
    let ledger = format!(
        "{HEADINGS},a_end\n\nLL-0001,\"A,1\",private,carrier-a,U01,1G,198.18.0.1,\"上\n下\"\n 5\" x,A-2,private,carrier-a,U01,1G,0.0.0.0,中\n"
    );
    let (inventory, told) = read(ledger.as_bytes());
    assert_eq!((inventory.links.len(), inventory.links[0].cid.as_str()), (1, "A,1"));
    assert_eq!(inventory.links[0].place.to_string().rsplit('/').next(), Some("links.csv:3:1"));
    let places: Vec<&str> = told.iter().map(|told| told.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["links.csv:5:1", "links.csv:5:36"]);
}

#[test]
fn a_row_sets_what_holds_for_its_own_points() {
    let ledger = format!(
        "{HEADINGS},near_address,interval,timeout,source,interface,dscp,profile,responder\n\
                          LL-0001,A-1,private,carrier-a,U01,1G,198.18.0.1,198.18.64.1,2s,500ms,198.18.255.1,eth1,46,slow,firewall\n"
    );
    let (inventory, told) = read(ledger.as_bytes());
    assert_eq!(told, Vec::<String>::new());
    let Link { overrides, points, .. } = &inventory.links[0];
    let interval = overrides.interval.as_ref().unwrap();
    assert_eq!((interval.value, interval.place.line, interval.place.column), (Duration::from_secs(2), 2, 61));
    assert_eq!(overrides.timeout.as_ref().unwrap().value, Duration::from_millis(500));
    assert_eq!(
        (overrides.dscp.as_ref().unwrap().value, overrides.profile.as_ref().unwrap().value.as_str()),
        (46, "slow")
    );
    assert_eq!(points.iter().map(|point| point.role).collect::<Vec<_>>(), [Role::Near, Role::Far]);
    assert!(points.iter().all(|point| point.responder == Responder::Firewall));
}

#[test]
fn twenty_thousand_rows_with_every_kind_of_error_give_a_bounded_list() {
    let wrong = [
        "LL-1,A-1,private,carrier-a,U01,1G,198.18.0.1",
        "bad id,A-2,private,carrier-a,U01,1G,198.18.0.2",
        "LL-3,,private,carrier-a,U01,1G,198.18.0.3",
        "LL-4,A-4,fibre,carrier-z,U99,fast,300.1.1.1",
        "LL-5,A-5,private,carrier-a,U01,1G",
        "LL-6,A-6,private,carrier-a,U01,1G,ff02::1,more",
        "LL-7,\"A-7,private,carrier-a,U01,1G,198.18.0.7",
    ];
    let mut ledger = format!("{HEADINGS}\n");
    // The open quotation mark swallows the rest: it stands in the last row only.
    for row in 0..19_999 {
        writeln!(ledger, "{}", wrong[row % 6]).unwrap();
    }
    writeln!(ledger, "{}", wrong[6]).unwrap();
    let (inventory, told) = read(ledger.as_bytes());
    assert_eq!((inventory.links.len(), told.len()), (1, Findings::MOST + 1));
    assert!(told[0].starts_with("links.csv:3:1: error LP1308"), "{}", told[0]);
    assert!(told[Findings::MOST].contains("error LP1011: "), "{}", told[Findings::MOST]);
}

#[test]
fn the_fingerprint_changes_with_any_byte() {
    let of = |row: &str| read(format!("{HEADINGS}\n{row}\n").as_bytes()).0.fingerprint;
    let row = "LL-1,A-1,private,carrier-a,U01,1G,198.18.0.1";
    assert_eq!(of(row), of(row));
    assert_ne!(of(row), of("LL-1,A-1,private,carrier-a,U01,1G,198.18.0.2"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_bring_a_ledger_down(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read(&bytes);
        read(&[format!("{HEADINGS}\n").as_bytes(), &bytes].concat());
    }

    #[test]
    fn findings_lie_inside_the_ledger(rows in "[A-C1-3a-z,\"\r\n .:甲-]{0,300}") {
        let ledger = format!("{HEADINGS}\n{rows}");
        let lines = ledger.matches('\n').count() + 1;
        for told in read(ledger.as_bytes()).1.iter().filter(|told| told.starts_with("links.csv:")) {
            let line: usize = told.split(':').nth(1).unwrap().parse().unwrap_or(0);
            prop_assert!(line <= lines, "{told}");
        }
    }
}
