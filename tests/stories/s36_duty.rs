//! Rounds on a running daemon: planned by the calendar, signed by hand with what was measured beside it, missed by nobody
//! unnoticed, and the same after a kill -9.

#![expect(clippy::unwrap_used, reason = "a story may stop at what should not happen")]

use std::time::Duration;

use chrono_tz::Asia::Shanghai;
use linkpatrol::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::{
    harness::{linkpatrol, wait_for, words},
    site::{Site, name},
};

/// `short` falls into parts of 37.5 s, so that the story sees one go by.
const ROUNDS: &str = r#"forms:
  record:
    - {id: result, name: {zh: 结果, en: result}}
    - {id: hardware, name: {zh: 设备硬件, en: hardware}}
rounds:
  - {id: links, name: {zh: 链路巡检, en: link patrol}, every: daily, links: {}, form: record, clause: 001 L139}
  - {id: short, name: 短周期检查, every: half_hourly, times: 48, within: 1s, late_for: 1s}
"#;

#[test]
fn a_round_is_signed_with_what_was_measured_and_one_that_nobody_made_is_missed() {
    let Some(mut site) = Site::make(3) else { return };
    site.write("site/rounds.yaml", ROUNDS);
    site.start(&[]);
    site.all_up(3);
    site.cut(2);
    site.wait("the cut is seen", |site| (site.state(2) == "down").then_some(()));

    // Windows are summed up every ten seconds.
    let hour = "linkpatrol_link_loss_ratio{link=\"LL-0001\",window=\"1h\"}";
    site.wait("the first slice of the windows is over", |site| site.metric(hour));

    let due = turns(&site, "links", "due");
    assert_eq!(due.len(), 1, "{due:?}");
    // The short one is due for a second, twice a minute.
    assert!(site.metric("linkpatrol_rounds{status=\"due\"}") >= Some(1.0));

    // Nobody signs without a name, for a round that is not there, or in a field that the form has not.
    let refused = [
        ("links", json!({"actor": " "}), 400, "no_actor"),
        ("lines", json!({"actor": "示例甲"}), 404, "no_such_round"),
        ("links", json!({"actor": "示例甲", "fields": {"disk": "x"}}), 422, "no_such_field"),
        ("links", json!({"actor": "示例甲", "due": "2020-01-01T00:00:00+08:00"}), 409, "round_not_open"),
    ];
    for (round, body, status, code) in refused {
        let answer = site.post(&format!("/api/v1/rounds/{round}/done"), &body);
        assert_eq!((answer.status, answer.json()["code"].as_str().unwrap()), (status, code), "{}", answer.body);
    }

    let output =
        round(&site, &["done", "links", "--actor", "示例甲", "--field", "result=二号链路中断", "--notes", "已报障"]);
    assert!(output.starts_with("recorded "), "{output}");
    let done = turns(&site, "links", "done").remove(0)["done"].clone();
    assert_eq!(done["actor"], "示例甲");
    assert_eq!((&done["late"], &done["way"], &done["notes"]), (&json!(false), &json!("cli"), &json!("已报障")));
    assert_eq!((&done["fields"], &done["blank"]), (&json!({"result": "二号链路中断"}), &json!(["hardware"])));
    let measured = &done["measured"];
    assert_eq!((&measured["links"], &measured["states"]), (&json!(3), &json!({"down": 1, "up": 2})));
    assert_eq!(measured["not_up"], json!([name(2)]));
    assert!(measured["probes"]["answered"].as_u64().unwrap() > 0 && measured["month"]["down"].as_u64().unwrap() > 0);
    assert!(measured["slowest"][1].as_u64().unwrap() > 0, "{measured}");

    let again = site.post("/api/v1/rounds/links/done", &json!({"actor": "示例乙", "due": due[0]["due"]}));
    assert_eq!((again.status, again.json()["detail"].as_str()), (409, Some("by 示例甲")), "{}", again.body);
    let listed = round(&site, &["list", "--round", "links", "--status", "done"]);
    assert!(
        listed.contains("done") && listed.contains("signed by 示例甲") && listed.contains("by hand: hardware"),
        "{listed}"
    );

    wait_for("the short round is missed", Duration::from_secs(90), || {
        (site.metric("linkpatrol_rounds_ended_total{outcome=\"missed\"}")? >= 1.0).then_some(())
    });
    assert_eq!(site.metric("linkpatrol_rounds_ended_total{outcome=\"done\"}"), Some(1.0));

    site.daemon().signal(libc::SIGKILL);
    site.daemon().wait(Duration::from_secs(10));
    site.start(&[]);
    let kept = turns(&site, "links", "done");
    assert_eq!(kept[0]["done"], done, "a signature outlives the process");
    assert!(site.metric("linkpatrol_rounds_ended_total{outcome=\"missed\"}") >= Some(1.0));
    site.daemon().signal(libc::SIGTERM);
    site.daemon().wait(Duration::from_secs(20));

    let entries = journal(&site, "export");
    let told = |word: &str| entries.lines().filter(|line| line.contains("short") && line.contains(word)).count();
    assert!(["planned", "due", "late", "missed"].iter().all(|word| told(word) > 0), "{entries}");
    assert!(entries.contains("round_signed") && !entries.contains("示例甲"), "no name stands in the chain: {entries}");
    journal(&site, "verify");
    journal(&site, "replay");
}

#[test]
fn who_takes_over_the_watch_sees_what_is_open_and_both_sign_it() {
    let Some(mut site) = Site::make(3) else { return };
    site.write("site/rounds.yaml", ROUNDS);
    // Nobody takes notices here.
    let webhook = "webhooks: [{name: nobody, url: \"http://127.0.0.1:9/\"}]\n";
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + webhook));
    site.start(&[]);
    site.all_up(3);
    site.cut(2);
    let incident = site.wait("the cut is announced", |site| {
        let incident = site.incidents().pop()?;
        let waits = !site.get("/api/v1/handover").json()["notices"].as_array()?.is_empty();
        waits.then(|| incident["id"].as_str().unwrap().to_owned())
    });
    let promise =
        json!({"actor": "示例丙", "party": "carrier/two", "step": "promised", "eta": "2099-01-01T00:00:00+08:00"});
    let answer = site.post(&format!("/api/v1/incidents/{incident}/record"), &promise);
    assert!(answer.is_ok(), "{}", answer.body);

    let note = site.get("/api/v1/handover").json();
    assert_eq!(note["incidents"][0]["incident"], *incident);
    assert_eq!(
        (&note["incidents"][0]["links_down"], &note["incidents"][0]["acknowledged"]),
        (&json!(1), &json!(false))
    );
    let clocks = note["clocks"].as_array().unwrap();
    let restores = |clock: &&Value| clock["clock"] == "restore" && clock["party"] == "operator";
    let restore = clocks.iter().find(restores).unwrap();
    assert!(restore["overdue"] == false && restore["deadline"].as_str().unwrap().ends_with("+08:00"), "{restore}");
    assert!(clocks.is_sorted_by_key(|clock| clock["deadline"].as_str().unwrap().to_owned()));
    assert_eq!(note["promises"][0]["eta"], "2099-01-01T00:00:00.000+08:00");
    let is_open = |turn: &Value| turn["round"] == "links" && turn["status"] == "due";
    assert!(note["rounds"].as_array().unwrap().iter().any(is_open), "{note}");
    assert_eq!((&note["notices"][0]["channel"], &note["last"]), (&json!("nobody"), &Value::Null));

    // Work that was announced too late to count goes on all the same, and whoever takes over should know.
    let civil = |seconds| SystemClock::start().now().utc.plus(Duration::from_secs(seconds)).rfc3339(Shanghai);
    let work = json!({"scopes": ["link/LL-0003"], "from": civil(1), "to": civil(600), "requester": "甲施工",
        "reason": "割接", "actor": "值班"});
    assert!(site.post("/api/v1/windows", &work).is_ok());
    let work = site
        .wait("the work has begun", |site| site.get("/api/v1/handover").json()["windows"].as_array()?.first().cloned());
    assert_eq!((&work["scopes"], &work["standing"]), (&json!([["link", "LL-0003"]]), &json!("late")), "{work}");
    assert!(work["until"].as_str().unwrap().ends_with("+08:00") && work["earliest"].is_string(), "{work}");

    for same in ["示例甲", "示例　甲", "\u{200b}"] {
        let alone = site.post("/api/v1/handover/sign", &json!({"actor": "示例甲", "second": same}));
        assert_eq!((alone.status, alone.json()["code"].as_str()), (422, Some("needs_two")), "{}", alone.body);
    }
    let program = linkpatrol();
    let handover = |arguments: &[&str]| {
        let mut command = site.namespace.command(&[&program.get_program().to_string_lossy()]);
        let output = command.args(["--lang", "en", "handover"]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", words(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    handover(&["--actor", "示例甲", "--second", "示例乙", "--note", "二号链路待复测"]);
    let text = handover(&[]);
    for part in
        [&*incident, "restore operator", "2099-01-01", "links", "handed over by 示例甲 to 示例乙", "二号链路待复测"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }

    site.daemon().signal(libc::SIGKILL);
    site.daemon().wait(Duration::from_secs(10));
    site.start(&[]);
    assert_eq!(site.get("/api/v1/handover").json()["last"]["second"], "示例乙");
    site.daemon().signal(libc::SIGTERM);
    site.daemon().wait(Duration::from_secs(20));
    let entries = journal(&site, "export");
    let signed = entries.lines().find(|line| line.contains("handover_signed")).unwrap();
    assert!(signed.contains(&incident) && signed.contains("restore") && !signed.contains("示例"), "{signed}");
    journal(&site, "replay");
}

/// Who is on duty by the files of a machine without a daemon, and what a running one says of the same moment.
#[test]
fn the_roster_says_who_is_on_duty_with_a_daemon_and_without() {
    let ask = |at: &str| linkpatrol().args(["--lang", "en", "roster", "--at", at]).output().unwrap();
    let night = ask("2026-10-02T03:00:00+08:00");
    assert!(night.status.success(), "{}", words(&night));
    let text = String::from_utf8(night.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    // The third team has every third night from 7 January on, and 1 October is one of them.
    assert_eq!(lines[0], "duty officer 示例丙 示例丁 until 2026-10-02T08:00:00.000+08:00");
    assert_eq!(lines[2..], ["leader on call 示例壬 示例癸 until 2026-10-08T08:00:00.000+08:00", "  国庆假期双人带班"]);
    let before = ask("2026-01-04T03:00:00+08:00");
    assert_eq!(before.status.code(), Some(1), "nobody is on duty before the roster begins: {}", words(&before));
    assert_eq!(ask("tomorrow").status.code(), Some(2));

    let Some(mut site) = Site::make(1) else { return };
    let roster = "from: 2026-01-05\npeople: [{id: p-01, name: 示例甲, roles: [duty_officer]}]\n\
        roles: [{id: duty_officer, name: 值班员, covers: 7x24}]\n\
        shifts: [{id: all-day, role: duty_officer, hours: \"08:00-08:00\", turns: [[p-01]]}]\n";
    site.write("site/roster.yaml", roster);
    site.start(&[]);
    let shown = site.get("/api/v1/roster?at=2026-10-02T03:00:00%2B08:00").json();
    assert_eq!(shown["roles"][0]["people"][0]["name"], "示例甲");
    assert_eq!(shown["roles"][0]["shifts"][0]["from"], "2026-10-01T08:00:00.000+08:00");
    assert_eq!(site.get("/api/v1/roster?at=now").status, 400);
    let note = site.get("/api/v1/handover").json();
    assert_eq!((&note["on_duty"][0]["people"], &note["on_duty"][0]["names"]), (&json!(["p-01"]), &json!(["示例甲"])));

    let signed = site.post("/api/v1/handover/sign", &json!({"actor": "示例甲", "second": "示例乙"}));
    assert!(signed.is_ok(), "{}", signed.body);
    site.daemon().signal(libc::SIGTERM);
    site.daemon().wait(Duration::from_secs(20));
    let entries = journal(&site, "export");
    let signed = entries.lines().find(|line| line.contains("handover_signed")).unwrap();
    assert!(signed.contains("p-01") && !signed.contains("示例"), "{signed}");
}

/// The clock of a swap runs on the word of a person, is told when it runs out, and outlives a kill -9.
#[test]
fn a_device_that_failed_is_swapped_in_time_or_late_and_its_spare_is_gone() {
    let Some(mut site) = Site::make(1) else { return };
    let contract = site.read("site/contract.yaml");
    let short = contract.replace("{clock: device_swap, limit: 4h,", "{clock: device_swap, limit: 3s,");
    assert_ne!(contract, short);
    site.write("site/contract.yaml", &short);
    site.write(
        "site/devices.yaml",
        "devices:\n  - {id: sw-1, model: SX-24, site: 甲, links: [LL-0001]}\n  \
        - {id: sw-2, model: SX-48, site: 乙}\nspares:\n  \
        - {model: SX-24, place: 备件库, count: 1, counted: 2026-01-01}\n  \
        - {model: SX-48, place: 备件库, count: 1, counted: 2026-01-01}\n",
    );
    site.start(&[]);
    let coverage = "linkpatrol_spare_coverage_ratio";
    assert_eq!(site.metric(coverage), Some(1.0));

    let program = linkpatrol();
    let device = |site: &Site, arguments: &[&str]| {
        let mut command = site.namespace.command(&[&program.get_program().to_string_lossy()]);
        command.args(["--lang", "en", "device"]).args(arguments).output().unwrap()
    };
    let told = device(&site, &["fault", "sw-1", "--actor", "示例甲", "--note", "不加电"]);
    assert!(told.status.success(), "{}", words(&told));
    assert_eq!(device(&site, &["fault", "sw-1", "--actor", "示例乙"]).status.code(), Some(1), "it is out already");
    assert_eq!(site.post("/api/v1/devices/sw-9/fault", &json!({"actor": "示例甲"})).status, 404);
    let shown = |site: &Site| site.get("/api/v1/devices").json();
    let out = site.wait("the fault is shown", |site| shown(site)["devices"][0]["out"].as_object().cloned());
    assert_eq!((&out["swap"]["clause"], &out["swap"]["starts"]), (&json!("001 L101, L6320"), &json!("detected")));
    let note = site.get("/api/v1/handover").json();
    assert_eq!(
        (&note["devices"][0]["device"], &note["devices"][0]["deadline"]),
        (&json!("sw-1"), &out["swap"]["deadline"])
    );

    site.daemon().signal(libc::SIGKILL);
    site.daemon().wait(Duration::from_secs(10));
    site.start(&[]);
    let overdue = "linkpatrol_devices{status=\"overdue\"}";
    site.wait("the swap is overdue", |site| (site.metric(overdue) == Some(1.0)).then_some(()));
    assert!(site.metric("linkpatrol_device_swap_deadline_timestamp_seconds{device=\"sw-1\"}").is_some());

    let told = |site: &Site, phase: &str| {
        let swap = |one: &&Value| one["scope"] == "prober" && one["scope_id"] == "swap" && one["phase"] == phase;
        site.incidents().iter().find(swap).map(|one| one["kind"].clone())
    };
    assert_eq!(site.wait("the operator is told", |site| told(site, "open")), "own");

    let swapped = device(&site, &["swapped", "sw-1", "--actor", "示例甲"]);
    assert!(swapped.status.success(), "{}", words(&swapped));
    site.wait("no spare is left", |site| (site.metric(coverage) == Some(0.5)).then_some(()));
    assert_eq!(site.metric("linkpatrol_device_swaps_total{outcome=\"late\"}"), Some(1.0));
    site.wait("and that it is over", |site| told(site, "restored"));
    let done = shown(&site)["swapped"][0].clone();
    assert_eq!((&done["late"], &done["spare"], &done["device"]), (&json!(true), &json!("备件库"), &json!("sw-1")));
    let listed = String::from_utf8(device(&site, &["list"]).stdout).unwrap();
    assert!(
        listed.starts_with("models in use with a spare: 1 of 2; without: SX-24\n  SX-24 0 left at 备件库"),
        "{listed}"
    );
    assert!(listed.contains("in_use   sw-1 SX-24 甲"), "{listed}");

    site.daemon().signal(libc::SIGTERM);
    site.daemon().wait(Duration::from_secs(20));
    let entries = journal(&site, "export");
    let facts: Vec<&str> = entries.lines().filter(|line| line.contains("device") && line.contains("sw-1")).collect();
    for fact in ["device_fault", "overdue", "device_swapped"] {
        assert!(facts.iter().any(|line| line.contains(fact)), "{fact} in {facts:?}");
    }
    assert!(!entries.contains("示例甲"), "no name stands in the chain");
    journal(&site, "verify");
    journal(&site, "replay");
}

fn turns(site: &Site, round: &str, status: &str) -> Vec<Value> {
    let page = site.get(&format!("/api/v1/rounds?round={round}&status={status}")).json();
    page["turns"].as_array().cloned().unwrap_or_default()
}

/// `linkpatrol round` beside the daemon.
fn round(site: &Site, arguments: &[&str]) -> String {
    let program = linkpatrol();
    let mut command = site.namespace.command(&[&program.get_program().to_string_lossy()]);
    let output = command.args(["--lang", "en", "round"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", words(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn journal(site: &Site, action: &str) -> String {
    let output = linkpatrol().args(["journal", action, "--data-dir"]).arg(site.path("state")).output().unwrap();
    assert!(output.status.success(), "{}", words(&output));
    String::from_utf8(output.stdout).unwrap()
}
