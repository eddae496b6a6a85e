use std::path::Path;

use chrono::{NaiveDateTime, TimeZone};
use chrono_tz::Asia::Shanghai;

use super::*;
use crate::{contract::fixture::terms, diagnostic::Findings, text::Language};

/// Two people by day and by night, handed over at 8 and 20; a leader for a week each from Monday at 8; an engineer on
/// working days.
const ROSTER: &str = r#"from: 2026-01-05
people:
  - {id: p-01, name: 示例甲, contacts: [desk], roles: [duty_officer]}
  - {id: p-02, name: 示例乙, contacts: [desk], roles: [duty_officer]}
  - {id: p-03, name: 示例丙, contacts: [leader], roles: [leader, engineer]}
  - {id: p-04, name: 示例丁, contacts: [leader], roles: [leader]}
roles:
  - {id: duty_officer, name: 值班员, covers: 7x24}
  - {id: leader, name: 带班领导}
  - {id: engineer, name: 工程师, covers: working-hours}
shifts:
  - {id: day, role: duty_officer, hours: "08:00-20:00", turns: [[p-01], [p-02]]}
  - {id: night, role: duty_officer, hours: "20:00-08:00", turns: [[p-02], [p-01]]}
  - {id: week, role: leader, hours: "08:00-08:00", every: 7, turns: [[p-03], [p-04]]}
  - {id: office, role: engineer, calendar: working-hours, turns: [[p-03]]}
"#;

fn read(text: &str) -> (Roster, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("roster.yaml"), text).unwrap();
    let mut findings = Findings::default();
    let roster = Roster::load(folder.path(), &terms("xuchang"), &mut findings);
    let told = findings.into_sorted().iter().map(|finding| finding.print(Language::En)).collect();
    (roster, told)
}

fn roster(text: &str) -> Roster {
    let (roster, told) = read(text);
    assert_eq!(told, [""; 0]);
    roster
}

fn at(text: &str) -> Timestamp {
    let civil = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    Timestamp(Shanghai.from_local_datetime(&civil).unwrap().timestamp_millis())
}

fn on(roster: &Roster, role: &str, when: &str) -> Vec<String> {
    roster.on_duty(role, at(when)).into_iter().map(|person| person.id.clone()).collect()
}

#[test]
fn people_take_turns_and_a_night_belongs_to_the_day_it_begins_on() {
    let roster = roster(ROSTER);
    assert_eq!(on(&roster, "duty_officer", "2026-01-05 08:00"), ["p-01"]);
    assert_eq!(on(&roster, "duty_officer", "2026-01-05 19:59"), ["p-01"]);
    assert_eq!(on(&roster, "duty_officer", "2026-01-05 20:00"), ["p-02"]);
    assert_eq!(on(&roster, "duty_officer", "2026-01-06 07:59"), ["p-02"]);
    // The second day is the other's, and so its first is whose night it was: nothing changes at 8.
    assert_eq!(on(&roster, "duty_officer", "2026-01-06 08:00"), ["p-02"]);
    assert_eq!(roster.next_change("duty_officer", at("2026-01-05 21:00")), Some(at("2026-01-06 20:00")));
    assert_eq!(on(&roster, "duty_officer", "2026-01-05 07:59"), [""; 0], "the roster has not begun");
    assert_eq!(roster.next_change("duty_officer", at("2026-01-01 00:00")), Some(at("2026-01-05 08:00")));
    assert_eq!(on(&roster, "carrier_desk", "2026-01-05 12:00"), [""; 0]);
}

#[test]
fn a_turn_of_a_week_ends_at_its_handover() {
    let roster = roster(ROSTER);
    assert_eq!(on(&roster, "leader", "2026-01-12 07:59"), ["p-03"]);
    assert_eq!(on(&roster, "leader", "2026-01-12 08:00"), ["p-04"]);
    assert_eq!(roster.next_change("leader", at("2026-01-06 12:00")), Some(at("2026-01-12 08:00")));
    assert_eq!(roster.next_change("leader", at("2026-01-12 08:00")), Some(at("2026-01-19 08:00")));
}

#[test]
fn a_shift_on_a_calendar_rests_on_holidays_and_works_on_make_up_days() {
    let roster = roster(ROSTER);
    assert_eq!(on(&roster, "engineer", "2026-01-16 10:00"), ["p-03"]);
    assert_eq!(on(&roster, "engineer", "2026-01-17 10:00"), [""; 0], "a Saturday");
    // Saturday 14 February 2026 is made up; the Spring Festival begins on the day after.
    assert_eq!(on(&roster, "engineer", "2026-02-14 10:00"), ["p-03"]);
    assert_eq!(on(&roster, "engineer", "2026-02-17 10:00"), [""; 0]);
    assert_eq!(roster.next_change("engineer", at("2026-02-14 18:00")), Some(at("2026-02-24 08:00")));
}

#[test]
fn others_stand_in_on_days_that_are_named_and_nobody_does_when_nobody_is() {
    let text = format!(
        "{ROSTER}overrides:\n  - {{shift: night, from: 2026-02-16, to: 2026-02-17, people: [p-01, p-02], reason: 春节}}\n  \
         - {{shift: day, from: 2026-03-01, to: 2026-03-01, people: [], reason: 演练}}\n"
    );
    let (roster, told) = read(&text);
    assert_eq!(on(&roster, "duty_officer", "2026-02-17 03:00"), ["p-01", "p-02"]);
    assert_eq!(roster.stretches("duty_officer", at("2026-02-17 03:00"))[0].instead, Some("春节"));
    assert_eq!(on(&roster, "duty_officer", "2026-03-01 12:00"), [""; 0]);
    let missing: Vec<_> = roster.uncovered(at("2026-03-01 12:00")).map(|role| role.id.as_str()).collect();
    assert_eq!(missing, ["duty_officer"]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("LP2006") && told[0].contains("2026-03-01T08:00:00.000+08:00"), "{told:?}");
    assert!(told[0].contains("2026-03-01T20:00:00.000+08:00"), "{told:?}");
}

#[test]
fn a_role_that_must_be_there_all_the_time_is_looked_after_for_a_year() {
    let half = ROSTER.replace("hours: \"20:00-08:00\"", "hours: \"20:00-07:30\"");
    let (roster, told) = read(&half);
    assert_eq!(roster.gaps(&roster.roles[0]).len(), 399, "each morning but the first, of 400 days");
    assert!(told[0].contains("and 398 more"), "{told:?}");
    let (_, told) = read(&ROSTER.replace("covers: working-hours", "covers: 7x24"));
    assert!(told[0].contains("`engineer`") && told[0].contains("2026-01-05T18:00:00.000+08:00"), "{told:?}");
}

#[test]
fn the_shipped_roster_has_somebody_on_duty_at_every_moment() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/xuchang");
    let mut findings = Findings::default();
    let roster = Roster::load(&folder, &terms("xuchang"), &mut findings);
    assert_eq!(findings.into_sorted(), []);
    for hour in 0..24 * 400 {
        let when = Timestamp(at("2026-01-05 08:00").0 + hour * 3_600_000);
        assert!(!roster.on_duty("duty_officer", when).is_empty() && !roster.on_duty("leader", when).is_empty());
        if hour % 100 == 0 {
            let next = roster.next_change("duty_officer", when).unwrap();
            let ids = |when| roster.on_duty("duty_officer", when);
            assert!(ids(next) != ids(when) && ids(Timestamp(next.0 - 1)) == ids(when));
        }
    }
}
