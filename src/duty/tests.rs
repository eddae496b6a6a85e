use std::path::Path;

use chrono::{NaiveDateTime, TimeZone};
use chrono_tz::Asia::Shanghai;

use super::*;
use crate::{
    command::Refusal,
    contract::fixture::{SHIPPED, terms},
    diagnostic::Findings,
    incident::{
        Incident, IncidentPhase, Parent,
        fixture::{AT, incident},
    },
};

/// Rounds of a file with these entries, by the calendars of the city's contract.
fn rounds(entries: &str) -> Rounds {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rounds.yaml"), format!("rounds:\n{entries}")).unwrap();
    let mut findings = Findings::default();
    let mut rounds = Rounds::load(folder.path(), &terms("xuchang"), None, &mut findings);
    assert_eq!(findings.into_sorted(), []);
    rounds.term = (None, None);
    rounds
}

/// A civil time in Shanghai.
fn at(text: &str) -> Timestamp {
    let civil = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    Timestamp(Shanghai.from_local_datetime(&civil).unwrap().timestamp_millis())
}

/// When the turns between two days open and are due, for people.
fn turns(keys: &str, from: &str, to: &str) -> Vec<String> {
    let rounds = rounds(&format!("  - {{id: one, name: 巡检, {keys}}}\n"));
    let within = at(&format!("{from} 00:00"))..at(&format!("{to} 00:00"));
    let say = |at: Timestamp| at.rfc3339(Shanghai)[5..16].replace('T', " ");
    rounds.due_rounds(&rounds.list[0], within).map(|turn| format!("{} → {}", say(turn.opens), say(turn.due))).collect()
}

#[test]
fn months_and_halves_of_them_end_where_the_calendar_ends_them() {
    assert_eq!(
        turns("every: half_monthly", "2024-02-01", "2024-04-01"),
        [
            "02-01 00:00 → 02-15 00:00",
            "02-15 00:00 → 03-01 00:00",
            "03-01 00:00 → 03-16 00:00",
            "03-16 00:00 → 04-01 00:00"
        ]
    );
    assert_eq!(
        turns("every: monthly, times: 4", "2025-02-01", "2025-03-01"),
        [
            "02-01 00:00 → 02-08 00:00",
            "02-08 00:00 → 02-15 00:00",
            "02-15 00:00 → 02-22 00:00",
            "02-22 00:00 → 03-01 00:00"
        ]
    );
    assert_eq!(turns("every: monthly, times: 4", "2025-01-01", "2026-01-01").len(), 48);
    assert_eq!(
        turns("every: half_yearly", "2025-01-01", "2026-01-01"),
        ["01-01 00:00 → 07-01 00:00", "07-01 00:00 → 01-01 00:00"]
    );
    assert_eq!(turns("every: yearly, times: 4", "2025-01-01", "2026-01-01").len(), 4);
}

#[test]
fn twice_a_week_and_twice_a_day_fall_into_parts() {
    assert_eq!(
        turns("every: weekly, times: 2", "2025-03-10", "2025-03-17"),
        ["03-10 00:00 → 03-13 00:00", "03-13 00:00 → 03-17 00:00"]
    );
    assert_eq!(
        turns("every: daily, times: 2", "2025-03-10", "2025-03-11"),
        ["03-10 00:00 → 03-10 12:00", "03-10 12:00 → 03-11 00:00"]
    );
    assert_eq!(turns("every: half_hourly", "2025-03-10", "2025-03-11").len(), 48);
}

#[test]
fn holidays_make_no_daily_round_and_make_up_days_do() {
    // The Spring Festival of 2025: Sunday 26 January is made up, from 28 January to 4 February nobody works, and
    // Saturday 8 February is made up again.
    let days = turns("every: daily, calendar: working-hours", "2025-01-25", "2025-02-10");
    let opened: Vec<&str> = days.iter().map(|turn| &turn[..5]).collect();
    assert_eq!(opened, ["01-26", "01-27", "02-05", "02-06", "02-07", "02-08"]);
    assert_eq!(days[0], "01-26 00:00 → 01-26 18:00");
    assert_eq!(turns("every: working_day", "2025-01-25", "2025-02-10").len(), 6);
}

#[test]
fn a_weekly_round_is_due_when_the_last_working_hours_of_its_week_close() {
    let weeks = turns("every: weekly, calendar: working-hours", "2025-01-20", "2025-02-10");
    assert_eq!(
        weeks,
        // Sunday 26 January works. Of the next week only Monday does, and Saturday 8 February is made up.
        ["01-20 00:00 → 01-26 18:00", "01-27 00:00 → 01-27 18:00", "02-03 00:00 → 02-08 18:00"]
    );
    // The first week of October 2025 has no working hours at all from Wednesday on; a month that ends on a Sunday is due on Friday.
    assert_eq!(
        turns("every: monthly, calendar: working-hours", "2025-08-01", "2025-09-01"),
        ["08-01 00:00 → 08-29 18:00"]
    );
}

#[test]
fn days_of_grace_are_counted_from_the_first_of_the_period() {
    let within = "every: monthly, calendar: working-hours, within: 5 working days";
    // 1 to 3 January 2026 are free and Sunday 4 is made up: 4, 5, 6, 7, 8.
    assert_eq!(turns(within, "2026-01-01", "2026-02-01"), ["01-01 00:00 → 01-08 18:00"]);
    assert_eq!(turns("every: monthly, within: 5d", "2026-01-01", "2026-02-01"), ["01-01 00:00 → 01-06 00:00"]);
}

#[test]
fn a_season_comes_every_year_and_may_go_over_the_new_year() {
    let spring = turns("every: daily, seasons: [{from: \"03-15\", to: \"04-10\"}]", "2024-01-01", "2026-01-01");
    assert_eq!((spring.len(), &spring[0][..5], &spring[26][..5]), (54, "03-15", "04-10"));
    let winter = turns("every: monthly, seasons: [{from: \"11-01\", to: \"03-31\"}]", "2025-01-01", "2026-01-01");
    assert_eq!(winter.iter().map(|turn| &turn[..2]).collect::<Vec<_>>(), ["01", "02", "03", "11", "12"]);
}

#[test]
fn nothing_is_due_outside_the_term_of_the_contract() {
    let mut rounds = rounds("  - {id: one, name: 巡检, every: daily}\n");
    let last = chrono::NaiveDate::from_ymd_opt(2025, 6, 24);
    rounds.term = (None, last);
    let planned = rounds.due_rounds(&rounds.list[0], at("2025-06-20 00:00")..at("2026-06-20 00:00"));
    assert_eq!(planned.count(), 5);
}

#[test]
fn each_inspection_of_each_shipped_contract_has_a_round() {
    for name in SHIPPED {
        let (terms, mut findings) = (terms(name), Findings::default());
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories").join(name);
        let text = std::fs::read_to_string(folder.join("rounds.yaml")).unwrap();
        let rounds = Rounds::load(&folder, &terms, None, &mut findings);
        assert_eq!(findings.into_sorted(), []);
        assert!(rounds.list.iter().all(|round| round.clause.starts_with("00") && !round.form.is_empty()));
        for duty in &terms.duties {
            let inspects = matches!(
                duty.kind,
                crate::contract::words::DutyKind::Inspection | crate::contract::words::DutyKind::Check
            );
            let comes_again =
                duty.every.is_some_and(|every| !matches!(every, Cadence::Always | Cadence::Term | Cadence::Event));
            let has_one = text.contains(&format!("duty: {},", duty.id));
            assert!(!(inspects && comes_again) || has_one, "{name}: no round for {}", duty.id);
        }
    }
}

/// What the register tells of as time goes by, such as `due one`.
fn told(register: &mut Register, rounds: &Rounds, now: Timestamp) -> Vec<String> {
    register.advance(rounds, now).iter().map(|fact| format!("{} {}", fact.status.as_str(), fact.round)).collect()
}

fn signed<'a>(key: &'a str, fields: &'a BTreeMap<String, String>) -> Signed<'a> {
    Signed { actor: "示例甲", key, way: "cli", round: "one", due: None, notes: "", fields }
}

#[test]
fn a_round_is_planned_due_late_and_missed_and_each_is_told_once() {
    let rounds = rounds("  - {id: one, name: 巡检, every: daily, calendar: working-hours, late_for: 2h}\n");
    let mut register = Register::default();
    // A Friday.
    assert_eq!(told(&mut register, &rounds, at("2025-03-14 09:00")), ["planned one", "planned one", "due one"]);
    assert!(!register.is_due(at("2025-03-14 17:59")) && register.is_due(at("2025-03-14 18:00")));
    assert!(told(&mut register, &rounds, at("2025-03-14 17:59")).is_empty());
    assert_eq!(told(&mut register, &rounds, at("2025-03-14 18:00")), ["late one"]);
    assert_eq!(told(&mut register, &rounds, at("2025-03-14 20:00")), ["missed one"]);
    // Saturday and Sunday: nothing is due.
    assert!(told(&mut register, &rounds, at("2025-03-16 23:00")).is_empty());
    assert_eq!(told(&mut register, &rounds, at("2025-03-17 00:00")), ["planned one", "due one"]);
    assert_eq!(register.ended(), [("done", 0), ("late", 0), ("missed", 1)]);
    let stored: Register = serde_json::from_str(&serde_json::to_string(&register).unwrap()).unwrap();
    assert_eq!(stored.entries(), register.entries());
}

#[test]
fn what_came_to_an_end_while_nobody_looked_is_missed_and_nothing_before_the_first_look_is() {
    let rounds = rounds("  - {id: one, name: 巡检, every: daily, within: 18h, late_for: 1h}\n");
    let mut register = Register::default();
    // The turn of this day was due before anybody knew of it.
    assert_eq!(told(&mut register, &rounds, at("2025-03-14 18:30")), ["planned one"]);
    register.advance(&rounds, at("2025-03-18 12:00"));
    assert_eq!(
        (register.count(Status::Missed), register.count(Status::Due), register.count(Status::Planned)),
        (3, 1, 1)
    );
}

#[test]
fn a_signature_ends_a_turn_in_time_or_late_and_is_given_once() {
    let rounds = rounds("  - {id: one, name: 巡检, every: daily, within: 18h, late_for: 6h}\n");
    let (mut register, fields) = (Register::default(), BTreeMap::new());
    register.advance(&rounds, at("2025-03-14 10:00"));
    let done = register.sign(&rounds, signed("k1", &fields), None, at("2025-03-14 10:30")).unwrap();
    assert_eq!((done.status, done.due), (Status::Done, at("2025-03-14 18:00")));
    // The same key changes nothing, another one is refused.
    let again = register.sign(&rounds, signed("k1", &fields), None, at("2025-03-14 11:00")).unwrap();
    assert_eq!(again, done);
    let due = Some(done.due);
    let refused = register.sign(&rounds, Signed { due, ..signed("k2", &fields) }, None, at("2025-03-14 11:00"));
    assert_eq!(refused, Err(Refusal::AlreadyDone { by: "示例甲".into() }));
    let refused = register.sign(&rounds, signed("k3", &fields), None, at("2025-03-14 11:00"));
    assert_eq!(refused, Err(Refusal::RoundNotOpen));

    register.advance(&rounds, at("2025-03-15 18:10"));
    register.sign(&rounds, signed("k4", &fields), None, at("2025-03-15 18:20")).unwrap();
    assert_eq!(register.ended(), [("done", 1), ("late", 1), ("missed", 0)]);
    let unknown = Signed { round: "two", ..signed("k5", &fields) };
    let refused = register.sign(&rounds, unknown, None, at("2025-03-15 18:20"));
    assert_eq!(refused, Err(Refusal::NoSuchRound { known: vec!["one".into()] }));
}

#[test]
fn a_field_that_nobody_filled_in_stays_to_be_supplied_by_hand() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/sichuan-courts");
    let mut findings = Findings::default();
    let rounds = Rounds::load(&folder, &terms("sichuan-courts"), None, &mut findings);
    let mut register = Register::default();
    register.advance(&rounds, at("2025-03-12 10:00"));
    let fields = BTreeMap::from([("processes".to_owned(), "正常".to_owned()), ("logs".to_owned(), " ".to_owned())]);
    let signed = Signed { round: "weekly-patrol", ..signed("k", &fields) };
    register.sign(&rounds, signed, Some(Measured::default()), at("2025-03-12 10:30")).unwrap();
    let entry = register.entries().iter().find(|entry| entry.done.is_some()).unwrap();
    let done = entry.done.as_ref().unwrap();
    assert_eq!(done.blank, ["resources", "mirror", "logs", "result", "department"]);
    assert_eq!((entry.due, entry.closes), (at("2025-03-14 18:00"), at("2025-03-14 18:00")));
    let fields = BTreeMap::from([("disk".to_owned(), "x".to_owned())]);
    let refused = register.sign(&rounds, Signed { fields: &fields, ..signed }, None, at("2025-03-12 10:30"));
    assert!(matches!(refused, Err(Refusal::NoSuchField { known }) if known.len() == 6));
}

#[test]
fn a_reload_keeps_what_is_open_and_plans_the_rest_anew() {
    let daily = rounds("  - {id: one, name: 巡检, every: daily}\n");
    let mut register = Register::default();
    register.advance(&daily, at("2025-03-14 10:00"));
    let weekly = rounds("  - {id: one, name: 巡检, every: weekly}\n  - {id: two, name: 巡检, every: daily}\n");
    register.adopt(&weekly);
    assert_eq!(
        told(&mut register, &weekly, at("2025-03-14 10:00")),
        ["planned one", "planned two", "planned two", "due two"]
    );
    // The turn of the day stays as it was planned; the next one is that of the week.
    let opens: Vec<_> =
        register.entries().iter().filter(|entry| entry.round == "one").map(|entry| entry.opens).collect();
    assert_eq!(opens, [at("2025-03-14 00:00"), at("2025-03-17 00:00")]);
    register.adopt(&daily);
    assert!(register.entries().iter().all(|entry| entry.round == "one"));
}

#[test]
fn whoever_takes_over_is_told_of_what_people_are_not_told_of() {
    let flaps = Incident { flapping: Some(AT.utc), ..incident() };
    let parent = Parent { incident: "01KDVDNK00000000000000HUB1".into(), told: false };
    let explained = Incident { id: "01KDVDNK00000000000000EXP1".into(), parent: Some(parent), ..incident() };
    let closed = Incident { phase: IncidentPhase::Closed, flapping: Some(AT.utc), ..incident() };
    let incidents = [incident(), flaps, explained, closed].map(Arc::new);
    let note = Handover::of(&incidents, &Register::default(), vec![], AT.utc);
    let told: Vec<_> = note.muted.iter().map(|one| serde_json::to_value(one).unwrap()).collect();
    assert_eq!(told.len(), 2);
    assert_eq!((&told[0]["why"], &told[0]["by"]), (&"flapping".into(), &serde_json::Value::Null));
    assert_eq!((&told[1]["why"], &told[1]["by"]), (&"explained".into(), &"01KDVDNK00000000000000HUB1".into()));
    // A note that was stored before these were written down is still read.
    let mut stored = serde_json::to_value(&note).unwrap();
    for key in ["on_duty", "windows", "muted"] {
        stored.as_object_mut().unwrap().remove(key);
    }
    assert!(serde_json::from_value::<Handover>(stored).is_ok());
}
