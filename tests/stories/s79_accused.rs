//! Embarrassments that must not happen: nobody is accused of what is our own fault, the unit's power, or planned too late.

use std::time::Duration;

use linkpatrol::{
    clock::{Clock, SystemClock},
    units::Timestamp,
};
use serde_json::{Value, json};

use crate::site::Site;

const WITNESS: &str = "127.20.0.1";

/// Every message that left, in the order of leaving.
fn sent(site: &Site) -> Vec<Value> {
    let text = std::fs::read_to_string(site.path("sms.txt")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn sent_to(site: &Site, contact: &str) -> Vec<Value> {
    let is_theirs = |one: &Value| one["key"].as_str().is_some_and(|key| key.ends_with(&format!("/{contact}")));
    sent(site).into_iter().filter(is_theirs).collect()
}

fn subject(message: &Value) -> &str {
    message["subject"].as_str().unwrap_or_default()
}

/// A site with people to tell. Links 1 to 4 are those of U2, of both carriers in turn; 5 to 8 those of U1.
fn site() -> Option<Site> {
    let site = Site::make(8)?;
    let rows: String = (1..=8)
        .map(|n: u8| {
            let (carrier, unit) = (if n.is_multiple_of(2) { "two" } else { "one" }, if n <= 4 { "U2" } else { "U1" });
            format!("{},C-{n},private,{carrier},{unit},枢纽,远端{n},100M,127.10.0.{n}\n", crate::site::name(n))
        })
        .collect();
    site.write("site/links.csv", &format!("id,cid,kind,carrier,unit,a_end,z_end,bandwidth,far_address\n{rows}"));
    let contact = |id: &str, party: &str, number: u8| {
        format!(
            "  - {{id: {id}, party: {party}, name: {id}, to: {{sms: \"138000000{number}\"}}, verified: 2026-10-01}}\n"
        )
    };
    let contacts = [
        contact("noc", "operator", 10),
        contact("desk-one", "carrier/one", 11),
        contact("desk-two", "carrier/two", 12),
        contact("office-two", "unit/U2", 22),
    ];
    site.write("site/contacts.yaml", &format!("contacts:\n{}", contacts.concat()));
    let program = format!("{{ cat; echo; }} >> {}", site.path("sms.txt").display());
    let more = format!(
        "channels: [{{name: sms, command: {{run: [sh, -c, \"{program}\"]}}}}]\nwitnesses: [{{name: gateway, address: {WITNESS}}}]\n"
    );
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + &more));
    Some(site)
}

fn set(site: &Site, verb: &str, addresses: &[String]) {
    site.namespace.run(&["nft", &format!("{verb} element inet cut down {{ {} }}", addresses.join(", "))]);
}

fn links(numbers: std::ops::RangeInclusive<u8>) -> Vec<String> {
    numbers.map(|n| format!("127.10.0.{n}")).collect()
}

#[test]
fn when_our_own_uplink_dies_no_carrier_hears_of_it_and_no_down_time_is_theirs() {
    let Some(mut site) = site() else { return };
    site.start(&[]);
    site.all_up(8);
    let all = [links(1..=8), vec![WITNESS.to_owned()]].concat();
    set(&site, "add", &all);
    let blind = site
        .wait("sight is lost", |site| site.incidents().into_iter().find(|incident| incident["kind"] == "isolation"));
    assert_eq!((&blind["tier"], &blind["scope"]), (&json!(1), &json!("network")), "{blind}");
    let told = site.wait("the house is told at once", |site| sent_to(site, "noc").pop());
    assert!(subject(&told).contains("cannot tell"), "{told}");
    // A grace and a while more: nothing is thought of that could accuse somebody.
    std::thread::sleep(Duration::from_secs(12));
    assert_eq!(site.incidents().len(), 1, "{:?}", site.incidents());
    assert!((1..=8).all(|n| site.state(n) == "unknown"), "{}", site.state(1));
    assert!(sent(&site).iter().all(|one| sent_to(&site, "noc").contains(one)), "{:?}", sent(&site));

    set(&site, "delete", &all);
    site.all_up(8);
    let id = blind["id"].as_str().unwrap();
    let own = site.post(
        &format!("/api/v1/incidents/{id}/resolve"),
        &json!({"actor": "李工", "verdict": "own_fault", "note": "机房交换机重启"}),
    );
    assert!(own.is_ok(), "{}", own.body);
    let ended = |site: &Site| {
        let incident = site.get(&format!("/api/v1/incidents/{id}")).json();
        (incident["phase"] != "open").then_some(incident)
    };
    let ended = site.wait("it has ended", ended);
    assert_eq!(ended["resolution"], "own_fault", "{ended}");
    for n in 1..=8 {
        let month = site.get(&format!("/api/v1/links/{}", crate::site::name(n))).json()["month"].clone();
        assert_eq!(month["down"], 0, "{month}");
        assert!(month["unknown"].as_u64().unwrap() > 10_000, "what nobody saw is unknown: {month}");
    }
    let to_others = ["desk-one", "desk-two", "office-two"].map(|contact| sent_to(&site, contact).len());
    assert_eq!(to_others, [0; 3], "{:?}", sent(&site));
}

#[test]
fn when_a_unit_goes_dark_it_is_asked_and_its_carriers_are_begged_to_test() {
    let Some(mut site) = site() else { return };
    site.start(&[]);
    site.all_up(8);
    set(&site, "add", &links(1..=4));
    let asked = site.wait("the unit is asked", |site| sent_to(site, "office-two").pop());
    assert!(subject(&asked).starts_with("please look at your power: 4 of 乙单位"), "{asked}");
    for (desk, carrier, own, foreign) in [("desk-one", "甲", "C-1 ", "C-2 "), ("desk-two", "乙", "C-2 ", "C-1 ")] {
        let letter = site.wait(desk, |site| sent_to(site, desk).pop());
        let text = letter["text"].as_str().unwrap();
        assert!(
            subject(&letter).starts_with(&format!("please test: 2 circuits of {carrier} do not answer")),
            "{letter}"
        );
        assert!(letter["short"].as_str().unwrap().contains("no fault of yours is claimed"), "{letter}");
        assert!(text.contains(own) && !text.contains(foreign), "{text}");
    }
    let incident = &site.incidents()[0];
    assert_eq!((&incident["scope"], &incident["unit_power_suspected"]), (&json!("unit"), &json!(true)), "{incident}");
    let clocks = incident["clocks"].as_array().unwrap();
    assert!(clocks.iter().all(|clock| !clock["party"].as_str().unwrap().starts_with("carrier/")), "{incident}");
    set(&site, "delete", &links(1..=4));
    site.wait("carriers hear of the end", |site| {
        sent_to(site, "desk-two").into_iter().find(|one| subject(one).starts_with("restored"))
    });
    assert!(sent(&site).iter().all(|one| !subject(one).starts_with("fault:")), "{:?}", sent(&site));
}

#[test]
fn work_that_is_written_down_after_the_cut_takes_nothing_back() {
    let Some(mut site) = site() else { return };
    site.start(&[]);
    site.all_up(8);
    set(&site, "add", &links(1..=1));
    let fault = site.wait("the fault is reported", |site| sent_to(site, "desk-one").pop());
    assert!(subject(&fault).starts_with("fault: 1 circuits of 甲"), "{fault}");
    let month = |site: &Site| site.get("/api/v1/links/LL-0001").json()["month"].clone();
    let before = month(&site)["excluded"].clone();
    let now = SystemClock::start().now().utc;
    let civil = |at: i64| Timestamp(at).rfc3339(chrono_tz::Asia::Shanghai);
    let work = json!({
        "actor": "值班", "scopes": ["link/LL-0001"], "from": civil(now.0 - 3_600_000), "to": civil(now.0 + 3_600_000),
        "requester": "甲施工", "approver": "李局", "reason": "割接",
    });
    let late = site.post("/api/v1/windows", &work).json();
    assert_eq!(late["standing"], "after_start", "{late}");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(site.state(1), "down", "it is an outage, whatever was written down since");
    let incident = &site.incidents()[0];
    assert_eq!(incident["phase"], "open", "{incident}");
    let running = |clock: &&Value| clock["clock"] == "restore" && clock["stopped"].is_null();
    assert!(incident["clocks"].as_array().unwrap().iter().any(|clock| running(&clock)), "{incident}");
    set(&site, "delete", &links(1..=1));
    site.all_up(8);
    let month = month(&site);
    assert_eq!(month["excluded"], before, "nothing is left out beyond the days before it was watched: {month}");
    assert!(month["down"].as_u64().unwrap() > 3_000, "{month}");
    let corrections = sent(&site).iter().filter(|one| subject(one).starts_with("correction")).count();
    assert_eq!(corrections, 0, "{:?}", sent(&site));
}
