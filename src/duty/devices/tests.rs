use std::path::Path;

use chrono::{NaiveDateTime, TimeZone};
use chrono_tz::Asia::Shanghai;

use super::*;
use crate::{
    command::Refusal,
    contract::fixture::{contract, terms},
    diagnostic::Findings,
    text::Language,
};

const DEVICES: &str = "devices:
  - {id: sw-1, model: SX-24, site: 示例机房, links: [LL-0001]}
  - {id: sw-2, model: SX-24, site: 示例机房}
  - {id: otn-1, model: SX-OTN, site: 示例枢纽机房}
spares:
  - {model: SX-24, place: 一号备件库, count: 1, counted: 2026-03-01}
  - {model: SX-24, place: 二号备件库, count: 1, counted: 2026-03-01}
";

fn read(text: &str) -> (Devices, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("devices.yaml"), text).unwrap();
    let (contract, mut findings) = (contract(), Findings::default());
    let devices = Devices::load(folder.path(), &contract.terms, &contract.requirement, None, &mut findings);
    (devices, findings.into_sorted().iter().map(|finding| finding.print(Language::En)).collect())
}

fn at(text: &str) -> Timestamp {
    let civil = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    Timestamp(Shanghai.from_local_datetime(&civil).unwrap().timestamp_millis())
}

fn said<'a>(device: &'a str, when: Option<&str>, key: &'a str) -> Fault<'a> {
    Fault { device, at: when.map(at), actor: "示例甲", party: "", way: "cli", note: "", key }
}

#[test]
fn a_fault_starts_the_clock_that_the_contract_has_and_a_swap_stops_it() {
    let (devices, _) = read(DEVICES);
    let mut swaps = Swaps::default();
    // The contract's switch says: from its detection, which is when we were told.
    let fact = swaps.fail(said("sw-1", Some("2026-03-10 08:00"), "k1"), &devices, at("2026-03-10 09:00")).unwrap();
    let DeviceFact::Out(out) = fact else { panic!("{fact:?}") };
    let swap = out.swap.unwrap();
    assert_eq!((swap.started, swap.deadline), (at("2026-03-10 09:00"), at("2026-03-10 13:00")));
    assert_eq!((swap.starts.as_str(), swap.clause.as_str()), ("detected", "001 L101, L6320"));

    assert_eq!(swaps.advance(at("2026-03-10 13:00")), []);
    let late = swaps.advance(Timestamp(at("2026-03-10 13:00").0 + 1));
    assert!(matches!(&late[..], [DeviceFact::Overdue(out)] if out.device == "sw-1"), "{late:?}");
    assert_eq!(swaps.advance(at("2026-03-10 14:00")), [], "each clock that ran out is told once");

    let stored: Swaps = serde_json::from_str(&serde_json::to_string(&swaps).unwrap()).unwrap();
    assert_eq!(stored, swaps);
    // It was swapped in time, and told late.
    let fact = swaps.swap(said("sw-1", Some("2026-03-10 12:30"), "k2"), true, &devices, at("2026-03-10 15:00"));
    let Ok(DeviceFact::Swapped(done)) = fact else { panic!("{fact:?}") };
    assert_eq!((done.late, done.spare.as_deref()), (false, Some("一号备件库")));
    assert_eq!((swaps.ended(), swaps.out().count()), ((1, 0), 0));
}

#[test]
fn a_spare_is_taken_from_where_one_is_left_until_none_is_and_a_new_count_begins_anew() {
    let (mut devices, told) = read(DEVICES);
    assert!(told[0].contains("LP2007") && told[0].contains("SX-OTN: 1 of 2 models"), "{told:?}");
    let mut swaps = Swaps::default();
    let mut take = |number: u32, spare| {
        let (day, fault, swap) = (format!("2026-03-{number:02} 09:00"), format!("f{number}"), format!("s{number}"));
        swaps.fail(said("sw-1", None, &fault), &devices, at(&day)).unwrap();
        match swaps.swap(said("sw-1", None, &swap), spare, &devices, at(&day)) {
            Ok(DeviceFact::Swapped(done)) => done.spare,
            other => panic!("{other:?}"),
        }
    };
    // By another device than a spare: nothing is taken.
    assert_eq!(take(10, false), None);
    assert_eq!(take(11, true).as_deref(), Some("一号备件库"));
    assert_eq!(take(12, true).as_deref(), Some("二号备件库"));
    assert_eq!(take(13, true), None);
    assert_eq!((devices.left("SX-24", &swaps), devices.coverage(&swaps).without.len()), (0, 2));
    // Somebody has counted anew after a delivery: what was taken before is in that count.
    devices.spares[0].count = 3;
    devices.spares[0].since = at("2026-03-20 00:00");
    assert_eq!(devices.left("SX-24", &swaps), 3);
    assert_eq!(devices.coverage(&swaps), Coverage { models: 2, with_spare: 1, without: vec!["SX-OTN".into()] });
}

#[test]
fn what_makes_no_sense_changes_nothing_and_a_repeat_is_answered_alike() {
    let (devices, _) = read(DEVICES);
    let (mut swaps, now) = (Swaps::default(), at("2026-03-10 09:00"));
    assert_eq!(swaps.fail(said("sw-9", None, "k"), &devices, now), Err(Refusal::NoSuchDevice));
    assert_eq!(swaps.fail(said("sw-1", Some("2026-03-11 09:00"), "k"), &devices, now), Err(Refusal::WrongTime));
    assert_eq!(swaps.fail(said("sw-1", Some("2026-01-11 09:00"), "k"), &devices, now), Err(Refusal::WrongTime));
    assert_eq!(swaps.swap(said("sw-1", None, "k"), true, &devices, now), Err(Refusal::DeviceNotOut));
    let first = swaps.fail(said("sw-1", None, "k"), &devices, now);
    assert_eq!(swaps.fail(said("sw-1", None, "k"), &devices, at("2026-03-10 10:00")), first);
    let other = swaps.fail(said("sw-1", None, "l"), &devices, now);
    assert_eq!(other, Err(Refusal::DeviceOut { by: "示例甲".into() }));
    assert_eq!(swaps.swap(said("sw-1", Some("2026-03-10 08:59"), "s"), true, &devices, now), Err(Refusal::WrongTime));
    let done = swaps.swap(said("sw-1", None, "s"), true, &devices, now);
    assert_eq!(swaps.swap(said("sw-1", None, "s"), true, &devices, at("2026-03-10 10:00")), done);
    assert_eq!((swaps.ended(), devices.left("SX-24", &swaps)), ((1, 0), 1));
}

#[test]
fn a_device_of_a_requirement_without_a_rule_has_no_clock() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("devices.yaml"),
        "devices: [{id: d-1, model: M, site: S, requirement: \"1\"}]\nspares: [{model: M, place: P, count: 1, counted: 2026-03-01}]\n",
    )
    .unwrap();
    let mut findings = Findings::default();
    let devices = Devices::load(folder.path(), &terms("xuchang"), "109", None, &mut findings);
    assert_eq!(findings.into_sorted(), []);
    let mut swaps = Swaps::default();
    let fact = swaps.fail(said("d-1", None, "k"), &devices, at("2026-03-10 09:00"));
    assert!(matches!(&fact, Ok(DeviceFact::Out(out)) if out.swap.is_none()), "{fact:?}");
    assert_eq!(swaps.advance(at("2027-03-10 09:00")), []);
}

#[test]
fn every_model_of_the_shipped_city_has_a_spare_and_every_device_a_clock() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/xuchang");
    let mut findings = Findings::default();
    let devices = Devices::load(&folder, &terms("xuchang"), "109", None, &mut findings);
    assert_eq!(findings.into_sorted(), []);
    let coverage = devices.coverage(&Swaps::default());
    assert!(coverage.models >= 4 && coverage.without.is_empty(), "{coverage:?}");
    assert!(devices.list.iter().all(|device| device.clocks.iter().any(|clock| clock.written == "4h")));
}
