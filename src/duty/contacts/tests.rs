use std::path::Path;

use chrono::{NaiveDateTime, TimeZone};
use chrono_tz::Asia::Shanghai;

use super::*;
use crate::{contract::fixture::terms, diagnostic::Findings, inventory};

const ROSTER: &str = r#"from: 2026-01-05
people:
  - {id: p-01, name: 示例甲, contacts: [desk-a], roles: [duty_officer]}
  - {id: p-02, name: 示例乙, contacts: [desk-b], roles: [duty_officer]}
roles: [{id: duty_officer, name: 值班员, covers: 7x24}]
shifts:
  - {id: day, role: duty_officer, hours: "08:00-20:00", turns: [[p-01]]}
  - {id: night, role: duty_officer, hours: "20:00-08:00", turns: [[p-02]]}
"#;

const CONTACTS: &str = r#"contacts:
  - {id: desk-a, party: operator, name: 甲台, to: {sms: "13800000001"}, duty: duty_officer, verified: 2026-10-01}
  - {id: desk-b, party: operator, name: 乙台, to: {sms: "13800000002"}, duty: duty_officer, verified: 2026-10-01}
  - {id: lead, party: operator, name: 负责人, to: {sms: "13800000003"}, steps: [project-lead], verified: 2026-10-01}
  - {id: fault-desk, party: carrier/carrier-a, name: 报障台, to: {mail: a@example.org}, calendar: working-hours, verified: 2026-10-01}
  - {id: u1, party: unit/U01, name: 机房, to: {mail: u@example.org}, on_site: 机房值班, verified: 2026-10-01}
"#;

fn at(text: &str) -> Timestamp {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    Timestamp(Shanghai.from_local_datetime(&local).unwrap().timestamp_millis())
}

fn read() -> (Contacts, Roster) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("roster.yaml"), ROSTER).unwrap();
    std::fs::write(folder.path().join("contacts.yaml"), CONTACTS).unwrap();
    let (mut findings, terms) = (Findings::default(), terms("xuchang"));
    let roster = Roster::load(folder.path(), &terms, &mut findings);
    let contacts = Contacts::load(folder.path(), &terms, &roster, &inventory::fixture::inventory(1), &mut findings);
    assert!(!findings.has_errors(), "{:?}", findings.into_sorted());
    (contacts, roster)
}

#[test]
fn those_on_duty_are_told_and_a_ladder_calls_by_name() {
    let (contacts, roster) = read();
    let ids = |found: Vec<&Contact>| found.into_iter().map(|one| one.id.clone()).collect::<Vec<_>>();
    let operator = |text| ids(contacts.listening("operator", &roster, at(text)));
    assert_eq!(operator("2026-03-03 09:00"), ["desk-a"]);
    assert_eq!(operator("2026-03-03 23:00"), ["desk-b"]);
    assert_eq!(ids(contacts.called("project-lead", &roster, at("2026-03-03 23:00"))), ["lead"]);
    assert_eq!(contacts.on_site("U01"), Some("机房值班"));
    assert_eq!(contacts.parties(), ["carrier/carrier-a", "operator", "unit/U01"]);
}

#[test]
fn when_nobody_of_a_party_listens_all_are_told() {
    let (contacts, roster) = read();
    let told = contacts.listening("carrier/carrier-a", &roster, at("2026-03-03 23:00"));
    assert_eq!(told.len(), 1, "at night, outside of its hours");
    assert_eq!(contacts.listening("operator", &Roster::default(), at("2026-03-03 23:00")).len(), 2, "no roster");
    assert_eq!(contacts.listening("unit/U02", &roster, at("2026-03-03 23:00")), [] as [&Contact; 0]);
}

#[test]
fn the_shipped_contacts_have_no_findings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/xuchang");
    let mut findings = Findings::default();
    let inventory = inventory::Inventory::load(&folder, &mut findings).unwrap();
    let terms = terms("xuchang");
    let roster = Roster::load(&folder, &terms, &mut findings);
    let contacts = Contacts::load(&folder, &terms, &roster, &inventory, &mut findings);
    assert!(!findings.has_errors(), "{:?}", findings.into_sorted());
    // Every name that a ladder calls is somebody's.
    for step in terms.ladders.iter().filter(|ladder| ladder.classes.is_empty()).flat_map(|ladder| &ladder.steps) {
        for name in &step.to {
            assert!(!contacts.called(name, &roster, at("2026-03-03 09:00")).is_empty(), "nobody is called `{name}`");
        }
    }
}
