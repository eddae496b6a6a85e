//! One cause, one incident: a duct that goes down link by link, a pair that loses its reserve, and the people who answer
//! for it, seen from outside.

#![expect(clippy::unwrap_used, reason = "what is missing fails the story")]

use std::{
    process::{Command, Output},
    time::Duration,
};

use linkpatrol::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::{
    harness::{linkpatrol, words},
    site::Site,
};

/// Links 1 to 4 run through one duct of carrier `one`; 5 and 6 stand in for each other.
fn ledger(site: &Site) {
    let row = |n: u8| {
        let (segments, group) = match n {
            1..=4 => ("duct-9", ""),
            5 | 6 => ("", "hospital"),
            _ => ("", ""),
        };
        let carrier = if n <= 12 { "one" } else { "two" };
        let unit = if n.is_multiple_of(2) { "U2" } else { "U1" };
        format!("LL-{n:04},C-{n},private,{carrier},{unit},枢纽,远端,100M,127.10.0.{n},{segments},{group}\n")
    };
    let rows: String = (1..=20).map(row).collect();
    let headings = "id,cid,kind,carrier,unit,a_end,z_end,bandwidth,far_address,segments,group";
    site.write("site/links.csv", &format!("{headings}\n{rows}"));
    site.write("site/segments.yaml", "segments: [{id: duct-9, kind: duct, name: 示例管道}]\n");
    let clock = "{clock: response, party: carrier, limit: 20m, clause: 第 8 条}";
    let agreement = format!("{{id: HT-1, carrier: one, from: 2020-01-01, to: 2039-12-31, clocks: [{clock}]}}");
    site.write("site/agreements.yaml", &format!("agreements: [{agreement}]\n"));
    let shipped = site.read("site/contract.yaml");
    let contract = shipped.replace(
        "conditions: [{id: link_up, source: measured}]",
        "conditions: [{id: link_up, source: measured}, {id: users_working, source: by_hand}]",
    );
    assert_ne!(contract, shipped, "the shipped contract asks for a measured link");
    site.write("site/contract.yaml", &contract);
}

fn incident(site: &Site, arguments: &[&str]) -> Output {
    let program = linkpatrol();
    let mut command: Command = site.namespace.command(&[&program.get_program().to_string_lossy()]);
    command.args(["--lang", "en", "incident"]).args(arguments).output().expect("linkpatrol incident")
}

fn done(site: &Site, arguments: &[&str]) {
    let output = incident(site, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", words(&output));
}

/// The incident that is told of and has this scope.
fn about(site: &Site, scope: &str) -> Option<Value> {
    let told = |incident: &Value| {
        incident["scope_id"] == scope && incident["announced"].is_string() && incident["merged_into"].is_null()
    };
    site.incidents().into_iter().find(told)
}

fn events(incident: &Value) -> Vec<&str> {
    incident["timeline"].as_array().unwrap().iter().map(|entry| entry["event"].as_str().unwrap()).collect()
}

fn clock<'a>(incident: &'a Value, party: &str, name: &str) -> &'a Value {
    let is_it = |clock: &&Value| clock["party"] == party && clock["clock"] == name;
    incident["clocks"].as_array().unwrap().iter().find(is_it).unwrap_or(&Value::Null)
}

#[test]
fn a_slow_cut_is_one_incident_and_everybody_answers_for_himself() {
    let Some(mut site) = Site::make(20) else { return };
    ledger(&site);
    site.start(&[]);
    site.all_up(20);

    // Slower than the longest grace: the first links are told of one by one.
    for link in 1..=4 {
        site.cut(link);
        site.wait("the cut is told of", |site| about(site, &format!("LL-{link:04}")).or_else(|| about(site, "duct-9")));
    }
    let duct = site.wait("the duct explains them all", |site| about(site, "duct-9"));
    let id = duct["id"].as_str().unwrap().to_owned();
    assert_eq!(duct["links"].as_array().unwrap().len(), 4, "{duct:#}");
    let merged =
        |site: &Site| site.incidents().iter().filter(|incident| incident["merged_into"] == id.as_str()).count();
    assert!(merged(&site) >= 2, "{:#?}", site.incidents());
    assert_eq!(site.incidents().iter().filter(|incident| incident["phase"] == "open").count(), 1);

    // One of two is down: a breach for the link, and for what it carries the loss of its reserve.
    site.cut(5);
    let pair = site.wait("the pair has lost its reserve", |site| {
        about(site, "LL-0005").filter(|incident| !incident["redundancy"].as_array().unwrap().is_empty())
    });
    assert_eq!(pair["redundancy"], json!([{"group": "hospital", "links": 2, "up": 1, "down": 1}]));
    assert!(events(&pair).contains(&"redundancy_lost") && clock(&pair, "operator", "restore")["stopped"].is_null());

    // The carrier answers for itself, and promises; the promise passes.
    done(&site, &["acknowledge", &id, "--actor", "甲值班", "--party", "carrier/one", "--way", "phone"]);
    let eta = SystemClock::start().now().utc.plus(Duration::from_secs(3)).rfc3339(chrono_tz::UTC);
    let promise = ["record", &id, "--actor", "王", "--party", "carrier/one", "--step", "promised", "--eta", &eta];
    done(&site, &promise);
    let shown = |site: &Site| site.get(&format!("/api/v1/incidents/{id}")).json();
    let due =
        site.wait("the promise is due", |site| Some(shown(site)).filter(|one| events(one).contains(&"promise_due")));
    assert!(clock(&due, "carrier/one", "response")["stopped"].is_string(), "{due:#}");
    assert_eq!(clock(&due, "carrier/one", "response")["clause"], "HT-1 第 8 条");
    assert!(clock(&due, "operator", "response")["stopped"].is_null(), "ours runs on: {due:#}");
    let stranger = incident(&site, &["acknowledge", &id, "--actor", "乙", "--party", "carrier/two"]);
    assert!(!stranger.status.success() && words(&stranger).contains("no_such_party"), "{}", words(&stranger));

    // A slip of the pen is put right, and stays.
    done(&site, &["record", &id, "--actor", "王", "--step", "on_site", "--note", "三人"]);
    let entry = shown(&site)["timeline"].as_array().unwrap().last().unwrap()["number"].to_string();
    done(&site, &["correct", &id, "--actor", "王", "--entry", &entry, "--note", "两人"]);
    let timeline = words(&incident(&site, &["show", &id]));
    assert!(timeline.contains("三人") && timeline.contains("两人") && timeline.contains("corrects"), "{timeline}");

    // The end takes the users' word; what was false is taken back by two.
    (1..=5).for_each(|link| site.heal(link));
    site.wait("the duct is back", |site| (shown(site)["phase"] == "restored").then_some(()));
    let early = incident(&site, &["close", &id, "--actor", "王"]);
    assert!(words(&early).contains("users_working"), "{}", words(&early));
    done(&site, &["confirm", &id, "--actor", "用户李", "--condition", "users_working", "--way", "phone"]);
    done(&site, &["close", &id, "--actor", "王"]);
    let closed = shown(&site);
    let confirmed: Vec<_> = closed["confirmations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| [&one["condition"], &one["actor"], &one["way"]].map(|text| text.as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(
        confirmed,
        [["users_working", "用户李", "phone"], ["link_up", "linkpatrol", "probe"]].map(|row| row.map(str::to_owned))
    );
    let pair = pair["id"].as_str().unwrap();
    for same in ["王", "王　", "王\u{ad}"] {
        let alone = incident(&site, &["annul", pair, "--actor", "王", "--second", same, "--reason", "演练"]);
        assert!(words(&alone).contains("needs_two"), "{}", words(&alone));
    }
    done(&site, &["annul", pair, "--actor", "王", "--second", "李", "--reason", "演练"]);
    let annulled = site.get(&format!("/api/v1/incidents/{pair}")).json();
    assert_eq!((&annulled["phase"], &annulled["annulled"]["second"]), (&json!("closed"), &json!("李")));
}
