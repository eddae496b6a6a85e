//! Months that somebody makes up, and what each of four contracts comes to say of them: every clock, every deduction and
//! every point, against figures that were worked out by hand.

#![expect(clippy::unwrap_used, reason = "a story may stop at what should not happen")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::Value;

use crate::harness::{linkpatrol, root, words};

/// A folder with the small good contract, and penalties of clocks that nobody but this draft knows.
fn draft(folder: &Path, assessment: &str) -> PathBuf {
    let good = root().join("tests/bad/good/inventory");
    let draft = folder.join("draft");
    fs::create_dir_all(&draft).unwrap();
    fs::copy(good.join("holidays.yaml"), draft.join("holidays.yaml")).unwrap();
    let contract = fs::read_to_string(good.join("contract.yaml")).unwrap();
    fs::write(draft.join("contract.yaml"), contract + assessment).unwrap();
    draft
}

fn simulated(folder: &Path, draft: &Path, story: &str, more: &[&str]) -> Output {
    let file = folder.join("month.yaml");
    fs::write(&file, story).unwrap();
    let mut command = linkpatrol();
    command.args(["--lang", "en", "contract", "simulate"]).arg(draft).arg("--faults").arg(file);
    command.args(more).output().unwrap()
}

fn told(folder: &Path, draft: &Path, story: &str) -> Value {
    let output = simulated(folder, draft, story, &["--output", "json"]);
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", words(&output)))
}

/// The clocks of a fault that ran out: tier, clock and by how many minutes.
fn late(fault: &Value) -> Vec<String> {
    let clocks = fault["clocks"].as_array().unwrap().iter().filter(|clock| !clock["late_ms"].is_null());
    clocks
        .map(|clock| {
            let minutes = clock["late_ms"].as_u64().unwrap() / 60_000;
            format!("{} {} {minutes}", clock["tier"].as_str().unwrap(), clock["clock"].as_str().unwrap())
        })
        .collect()
}

const PENALTIES: &str = "assessment:
  penalties:
    - {id: answered-late, name: 响应超时, late: {class: link, clock: response}, by: late_by, amounts: [{up_to: 30m, yuan: 500}, {yuan: 1500}], clause: draft 7.1}
    - {id: restored-late, name: 恢复超时, late: {class: link, tier: partial, clock: restore}, by: late_by, amounts: [{up_to: 1h, yuan: 1000}, {yuan: 5000}], clause: draft 7.2}
    - {id: network-late, name: 全网恢复超时, late: {class: link, tier: network, clock: restore}, amounts: [{yuan: 20000}], clause: draft 7.3}
    - {id: month, name: 月可用率, needs: [availability_breached], by: down, amounts: [{up_to: 90m, yuan: 700}, {yuan: 2000}], clause: draft 7.4}
    - {id: leak, name: 泄露, needs: [leak], amounts: [{yuan: 9000}], clause: draft 7.5}
";

/// Two outages of five hours, of which one was answered 40 minutes late: a response of 70 minutes where 30 are allowed, and
/// two restorations an hour late. Ten of the 744 hours of October are gone. In November the whole network was out for just
/// the two hours that are allowed, and answered within just 15 minutes: nothing is late, and the month is broken.
#[test]
fn late_responses_and_restorations_of_each_tier_cost_what_their_clauses_say() {
    let place = tempfile::tempdir().unwrap();
    let draft = draft(place.path(), PENALTIES);
    let story = "faults:
  - {at: 2026-10-08T09:00:00+08:00, link: LL-0001, done: {response: 70m, restore: 5h}}
  - {at: 2026-10-20T21:00:00+08:00, link: LL-0001, done: {response: 10m, restore: 5h}}
  - {at: 2026-11-05T08:00:00+08:00, link: LL-0002, scope: network, share: 81 %, done: {response: 15m, restore: 2h}}
";
    let json = told(place.path(), &draft, story);
    let faults = json["faults"].as_array().unwrap();
    assert_eq!(late(&faults[0]), ["partial response 40", "partial restore 60"]);
    assert_eq!(late(&faults[1]), ["partial restore 60"]);
    assert_eq!((late(&faults[2]), &faults[2]["clocks"][0]["tier"]), (vec![], &"network".into()));
    assert_eq!(faults[0]["clocks"][0]["deadline"], "2026-10-08T09:30:00.000+08:00");
    assert_eq!(faults[0]["clocks"][0]["clause"], "001 L133");
    let of = |list: &Value| -> Vec<String> {
        let told = list.as_array().unwrap().iter();
        told.map(|one| format!("{} {} [{}]", one["penalty"], one["fen"], one["clause"]).replace('"', "")).collect()
    };
    assert_eq!(of(&faults[0]["deductions"]), ["answered-late 150000 [draft 7.1]", "restored-late 100000 [draft 7.2]"]);
    assert_eq!(of(&faults[1]["deductions"]), ["restored-late 100000 [draft 7.2]"]);
    assert_eq!(of(&faults[2]["deductions"]), [""; 0]);
    let rows: Vec<String> = json["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            format!("{} {} {} {}", row["link"], row["period"], row["availability"], row["down"]).replace('"', "")
        })
        .collect();
    assert_eq!(
        rows,
        [
            "LL-0001 2026-10 breached 36000000",
            "LL-0001 2026-11 met 0",
            "LL-0002 2026-10 met 0",
            "LL-0002 2026-11 breached 7200000"
        ]
    );
    // 1500; twice 1000; twice 2000. Of three clauses, and never one sum of them.
    assert_eq!(
        of(&json["sums"]),
        ["answered-late 150000 [draft 7.1]", "month 400000 [draft 7.4]", "restored-late 200000 [draft 7.2]"]
    );
    assert_eq!(json["sums"][2]["events"], 2);
    assert_eq!((&json["quarters"], &json["years"]), (&Value::Array(vec![]), &Value::Array(vec![])));

    // One minute more, and the network is late as well.
    let json = told(place.path(), &draft, &story.replace("restore: 2h", "restore: 121m"));
    assert_eq!(late(&json["faults"][2]), ["network restore 1"]);
    assert_eq!(of(&json["faults"][2]["deductions"]), ["network-late 2000000 [draft 7.3]"]);

    let output = simulated(place.path(), &draft, story, &[]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    for line in [
        "  link/partial  response  operator  late by 40m: due 2026-10-08T09:30:00.000+08:00, done 2026-10-08T10:10:00.000+08:00  [001 L133]",
        "  may be deducted (the customer decides; never summed with others): answered-late 1500.00 [draft 7.1]",
        "LL-0001  2026-10  breached  down 36000 s  unknown 0 s",
        "restored-late  2 x  2000.00 yuan  [draft 7.2]",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}\n{}", words(&output));
    }
}

/// Overlapping outages of one link are one time; what nobody stated is neither kept nor missed, and its time is unknown.
#[test]
fn what_nobody_stated_is_said_and_costs_nothing() {
    let place = tempfile::tempdir().unwrap();
    let draft = draft(place.path(), PENALTIES);
    let story = "faults:
  - {at: 2026-10-08T09:00:00+08:00, link: LL-0001, done: {response: 5m, restore: 2h}}
  - {at: 2026-10-08T10:00:00+08:00, link: LL-0001, done: {response: 5m, restore: 2h}, facts: {leak: false}}
  - {at: 2026-10-30T00:00:00+08:00, link: LL-0002}
";
    let json = told(place.path(), &draft, story);
    let row = |nth: usize| {
        let row = &json["rows"][nth];
        (row["availability"].as_str().unwrap(), row["down"].as_u64().unwrap(), row["unknown"].as_u64().unwrap())
    };
    assert_eq!(row(0), ("breached", 3 * 3_600_000, 0));
    assert_eq!(row(1), ("not_provable", 0, 2 * 86_400_000));
    assert_eq!((&json["faults"][2]["deductions"], late(&json["faults"][2])), (&Value::Array(vec![]), vec![]));
    let output = simulated(place.path(), &draft, story, &[]);
    let unknown = "partial  restore  operator  due 2026-10-30T04:00:00.000+08:00: nobody stated when it was done";
    assert!(words(&output).contains(unknown), "{}", words(&output));
}

/// The table of 004 in its default reading. Fourth quarter: one fault of class 1 restored within just an hour, which "less
/// than 1 h" does not allow, three complaints and one missed inspection. 0 of 30, 40 x 95 %, 20 x 97 %, 10: 67.40 points;
/// with three untouched quarters the year is (300 + 67.40) / 4 = 91.85, and nothing is withheld.
#[test]
fn the_points_of_the_courts_table_are_those_that_a_hand_works_out() {
    let place = tempfile::tempdir().unwrap();
    let courts = root().join("inventories/sichuan-courts");
    let story = "faults:
  - {at: 2026-10-08T09:00:00+08:00, service: seal-app, impact: stopped, done: {response: 30m, report: 121m, restore: 1h, analysis: 49h}}
counts:
  2026-Q4: {complaints: 3, missed_inspections: 1, bad_deliverables: 0, breaches_of_conduct: 0, staff_missing: 0, crimes: 0}
";
    let json = told(place.path(), &courts, story);
    // The two sets of clocks run side by side: grade I has 8 h, the scored class 1 less than 1 h. 49 h is within 48 of the end.
    assert_eq!(late(&json["faults"][0]), ["grade-1 report 1", "scored-1 restore 0"]);
    let quarter = &json["quarters"][0];
    let items: Vec<&str> =
        quarter["items"].as_array().unwrap().iter().map(|item| item["points"].as_str().unwrap()).collect();
    assert_eq!(items, ["0.00", "38.00", "19.40", "10.00"]);
    let taken: Vec<String> = quarter["taken"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {} {} {}", one["rule"], one["count"], one["each"], one["clause"]).replace('"', ""))
        .collect();
    assert_eq!(taken, ["class-1 1 null 004 L265-276", "inspections 1 5 004 L257-315", "complaints 3 1 004 L257-315"]);
    assert_eq!((&quarter["total"], &quarter["missing"]), (&"67.40".into(), &Value::Array(vec![])));
    let year = |json: &Value| {
        let year = &json["years"][0];
        ["mean", "band", "withheld"].map(|key| year[key].as_str().unwrap_or("-").to_owned()).join(" ")
    };
    assert_eq!(year(&json), "91.85 free 0 %");

    // A millisecond less than an hour, and an analysis that came late takes the same item.
    let kept = story.replace("restore: 1h", "restore: 3599999ms").replace("analysis: 49h", "analysis: 50h");
    let json = told(place.path(), &courts, &kept);
    assert_eq!(late(&json["faults"][0]), ["grade-1 report 1", "scored-1 analysis 60"]);
    assert_eq!(json["quarters"][0]["taken"][0]["rule"], "analysis");

    // One overrun in each of two, three and four quarters: 85, 77.5 and 70, as the domain's check values have it.
    let overruns = |quarters: usize| {
        let fault = |month: &&str| {
            format!(
                "  - {{at: 2026-{month}-05T09:00:00+08:00, service: seal-db, impact: degraded, done: {{restore: 4h}}}}\n"
            )
        };
        let faults: String = ["02", "05", "08", "11"].iter().take(quarters).map(fault).collect();
        year(&told(place.path(), &courts, &format!("faults:\n{faults}")))
    };
    assert_eq!([1, 2, 3, 4].map(overruns), ["92.50 free 0 %", "85.00 half 50 %", "77.50 all 100 %", "70.00 all 100 %"]);
}

/// Five larger events of one year are a veto though no quarter has five of them, unless the switch counts by quarter; grade II
/// counts unless the switch says grade I alone.
#[test]
fn larger_events_are_counted_over_the_period_and_to_the_grade_that_the_switches_say() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let courts = folder.join("courts");
    fs::create_dir_all(folder.join("calendars")).unwrap();
    fs::create_dir_all(&courts).unwrap();
    let shipped = root().join("inventories");
    for file in ["cn-2025.yaml", "cn-2026.yaml"] {
        fs::copy(shipped.join("calendars").join(file), folder.join("calendars").join(file)).unwrap();
    }
    fs::copy(shipped.join("sichuan-courts/requirements.csv"), courts.join("requirements.csv")).unwrap();
    let text = fs::read_to_string(shipped.join("sichuan-courts/contract.yaml")).unwrap();
    let answered = |switch: &str, answer: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("  - {{id: {switch},"))).unwrap();
        text.replace(line, &line.replace("default: ", &format!("chosen: \"{answer}\", default: ")))
    };
    let fault = |month: &str, impact: &str| {
        format!(
            "  - {{at: 2026-{month}T09:00:00+08:00, service: seal-app, impact: {impact}, done: {{response: 1m, report: 1h, restore: 30m, analysis: 1h}}}}\n"
        )
    };
    let five = ["02-01", "05-01", "05-02", "08-01"].map(|day| fault(day, "stopped")).concat();
    let story = format!("faults:\n{five}{}counts:\n  2026-Q1: {{complaints: 1}}\n", fault("11-01", "degraded"));
    let vetoed = |contract: &str| {
        fs::write(courts.join("contract.yaml"), contract).unwrap();
        told(folder, &courts, &story)["years"][0]["vetoed"].clone()
    };
    assert_eq!(vetoed(&text), serde_json::json!(["larger-events"]));
    assert_eq!(vetoed(&answered("veto-period", "quarter")), serde_json::json!([]));
    assert_eq!(vetoed(&answered("larger-event", "1")), serde_json::json!([]));
    assert_eq!(vetoed(&answered("veto-count", "6")), serde_json::json!([]));
}

/// 003 has no price of clocks: a person states the facts, and what nobody stated is named. The item's quote is 4,090,000.
#[test]
fn facts_of_the_civil_affairs_contract_are_priced_by_the_item() {
    let place = tempfile::tempdir().unwrap();
    let story = "faults:
  - {at: 2025-03-08T09:00:00+08:00, service: sso, item: data, notice_delivered: 3m, done: {response: 20m, restore: 4h}, facts: {total_outage: true, severe_public_effect: true}, in_a_row: 3}
  - {at: 2025-03-09T09:00:00+08:00, service: sso, item: data, facts: {total_outage: true}}
  - {at: 2025-03-10T09:00:00+08:00, service: sso, item: data, facts: {partial_failure: true, severe_public_effect: false}}
";
    let json = told(place.path(), &root().join("inventories/beijing-civil-affairs"), story);
    let sums: Vec<String> = json["sums"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sum| format!("{} {} {}", sum["penalty"], sum["events"], sum["fen"]).replace('"', ""))
        .collect();
    assert_eq!(sums, ["partial-failure 1 500000", "total-outage 2 null"]);
    assert_eq!(json["faults"][0]["deductions"][0]["fen"], 12_270_000);
    assert_eq!(json["faults"][1]["deductions"][0]["missing"], serde_json::json!(["severe_public_effect"]));
}

/// Nothing is half applied: all findings at once, each with its place and what to write instead.
#[test]
fn a_story_that_names_what_is_not_there_is_refused_with_the_place() {
    let place = tempfile::tempdir().unwrap();
    let courts = root().join("inventories/sichuan-courts");
    let story = "faults:
  - {at: yesterday, service: seal-app}
  - {at: 2026-10-08T09:00:00+08:00, service: seal-ap, impact: stopped}
  - {at: 2026-10-08T09:00:00+08:00, impact: stopped}
  - {at: 2026-10-08T09:00:00+08:00, service: seal-app, done: {restore: 500d, restored: 1h}}
  - {at: 2039-10-08T09:00:00+08:00, service: seal-app, facts: {leak: true}}
counts:
  2026-Q5: {}
  2026-Q4: {complaint: 1}
";
    let output = simulated(place.path(), &courts, story, &[]);
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    for told in [
        "month.yaml:2:10: error LP1007: `yesterday` is not usable: a moment such as `2026-10-08T09:00:00+08:00`",
        "month.yaml:3:46: error LP1403: ",
        "did you mean `seal-app`?",
        "month.yaml:4:5: error LP1007: nothing says just what failed",
        "month.yaml:5:72: error LP1007: `500d` is not a length of time",
        "month.yaml:5:88: error LP1403: nothing here is called `restored`",
        "did you mean `restore`?",
        "month.yaml:6:10: error LP1007: this fault is more than ten years",
        "month.yaml:6:70: error LP1403: nothing here is called `leak`",
        "month.yaml:8:12: error LP1007: `2026-Q5` is no quarter",
        "month.yaml:9:24: error LP1403: nothing here is called `complaint`",
        "did you mean `complaints`?",
    ] {
        assert!(said.contains(told), "{told}\n{said}");
    }
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert_eq!(simulated(place.path(), &courts, "faults: []\n", &[]).status.code(), Some(2));
    // Two ways at once, and a class, tier or clock that is not there.
    let both = simulated(place.path(), &courts, "faults: []\n", &["--from", "2026-10"]);
    assert_eq!(both.status.code(), Some(2), "{}", words(&both));
    let wrong = draft(
        place.path(),
        "assessment:
  penalties:
    - {id: a, name: a, late: {class: lnk, clock: restore}, amounts: [{yuan: 1}]}
    - {id: b, name: b, late: {class: link, tier: parts, clock: restore}, amounts: [{yuan: 1}]}
    - {id: c, name: c, late: {class: link, clock: analysis}, amounts: [{yuan: 1}]}
",
    );
    let output = simulated(place.path(), &wrong, "faults: []\n", &[]);
    for told in ["did you mean `link`?", "allowed: network, partial", "allowed: response, restore"] {
        assert!(words(&output).contains(told), "{told}: {}", words(&output));
    }
}

/// Turned in a copy of the shipped city: the health report is planned by quarter, and systems that nobody has classed are
/// patrolled as core systems, monthly.
#[test]
fn the_period_of_the_report_and_the_class_of_patrols_are_planned_as_the_switches_say() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let shipped = root().join("inventories");
    for name in ["calendars", "xuchang"] {
        fs::create_dir_all(folder.join(name)).unwrap();
        for entry in fs::read_dir(shipped.join(name)).unwrap() {
            let file = entry.unwrap().path();
            if file.is_file() {
                fs::copy(&file, folder.join(name).join(file.file_name().unwrap())).unwrap();
            }
        }
    }
    let explained = |more: &[&str]| {
        let mut command = linkpatrol();
        command.args(["--lang", "en", "contract", "explain"]).arg(folder.join("xuchang"));
        let output = command.args(more).output().unwrap();
        assert!(output.status.success(), "{}", words(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let contract = folder.join("xuchang/contract.yaml");
    let text = fs::read_to_string(&contract).unwrap();
    let answer = |switch: &str, answer: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("  - {{id: {switch},"))).unwrap();
        let chosen = line.replace("default: ", &format!("chosen: {answer}, clause: minutes of a meeting, default: "));
        fs::write(&contract, text.replace(line, &chosen)).unwrap();
    };
    let patrols = |service: &str| {
        let text = explained(&["--service", service]);
        ["patrol-core", "patrol-general"].map(|duty| text.contains(duty))
    };
    // Requirement 36 is of no class.
    assert_eq!(patrols("36"), [false, true]);
    let report = |text: &str| text.lines().find(|line| line.contains("health-report  ")).unwrap().to_owned();
    assert!(report(&explained(&[])).contains("monthly"), "{}", report(&explained(&[])));
    answer("patrol-class", "core");
    assert_eq!(patrols("36"), [true, false]);
    answer("health-report-period", "quarterly");
    assert!(report(&explained(&[])).contains("quarterly"), "{}", report(&explained(&[])));
    answer("health-report-period", "weekly");
    let refused =
        linkpatrol().args(["--lang", "en", "contract", "explain"]).arg(folder.join("xuchang")).output().unwrap();
    assert!(words(&refused).contains("`weekly` is not among the answers of this switch"), "{}", words(&refused));
}
