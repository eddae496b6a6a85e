//! A duct of 37 links of two carriers is cut in a city of which ten addresses were wrong from the start.

use std::{fmt::Write, time::Duration};

use serde_json::{Value, json};

use crate::{
    harness::wait_for,
    site::{Site, name},
};

const LINKS: u8 = 60;
/// Those that answer.
const RIGHT: u8 = 50;
const IN_DUCT: u8 = 37;

const CONTACTS: &str = "contacts:
  - {id: desk-one, party: carrier/one, name: 甲台, to: {sms: \"13800000011\"}, verified: 2026-10-01}
  - {id: desk-two, party: carrier/two, name: 乙台, to: {sms: \"13800000012\"}, verified: 2026-10-01}
  - {id: office, party: unit/U1, name: 甲单位, to: {sms: \"13800000021\"}, on_site: room 101, verified: 2026-10-01}
";

/// What the program that sends SMS was given for a contact.
fn sent(site: &Site, contact: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(site.path("sms.txt")).unwrap_or_default();
    let all = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    all.filter(|one| one["key"].as_str().is_some_and(|key| key.ends_with(&format!("/{contact}")))).collect()
}

fn set(site: &Site, verb: &str, links: std::ops::RangeInclusive<u8>) {
    let addresses: Vec<String> = links.map(|link| format!("127.10.0.{link}")).collect();
    site.namespace.run(&["nft", &format!("{verb} element inet cut down {{ {} }}", addresses.join(", "))]);
}

/// Circuits that a letter names.
const NAMED: usize = 20;

/// What a letter lays on the table for a circuit adds up, and its picture ends in silence.
fn proves_itself(letter: &str, cid: &str) {
    let pattern = format!(
        r"- {cid}: availability this month (\d+)/(\d+) ms = [\d.]+ % \(unknown taken as down\) to (\d+)/(\d+) ms = [\d.]+ % \(unknown taken as up\); down (\d+)\.(\d+) s, unknown (\d+)\.(\d+) s, left out \d+\.\d+ s
  last hour: RTT \S+ \([\d.]+ to [\d.]+ ms\), loss \S*([▁-█])\n"
    );
    let found = regex::Regex::new(&pattern).expect("a pattern").captures(letter);
    let found = found.unwrap_or_else(|| panic!("no evidence for {cid} in {letter}"));
    let number = |at: usize| found[at].parse::<u64>().expect("digits");
    let [least, whole, most, same] = [1, 2, 3, 4].map(number);
    let [down, unknown] = [5, 7].map(|at| 1_000 * number(at) + number(at + 1));
    assert_eq!((whole, most - least, whole - most), (same, unknown, down), "{letter}");
    assert!(down > 1_000, "{letter}");
}

#[test]
fn each_carrier_reads_one_letter_about_its_own_circuits_and_stale_addresses_alarm_nobody() {
    let Some(mut site) = Site::make(LINKS) else { return };
    let mut links = String::from("id,cid,kind,carrier,unit,a_end,z_end,bandwidth,far_address,segments\n");
    for n in 1..=LINKS {
        let (carrier, unit) = if n.is_multiple_of(2) { ("two", "U2") } else { ("one", "U1") };
        let duct = if n <= IN_DUCT { "duct-1" } else { "" };
        writeln!(links, "{},C-{n},private,{carrier},{unit},枢纽,远端{n},100M,127.10.0.{n},{duct}", name(n)).unwrap();
    }
    site.write("site/links.csv", &links);
    site.write("site/segments.yaml", "segments: [{id: duct-1, kind: duct, name: 管道一}]\n");
    site.write("site/contacts.yaml", CONTACTS);
    let program = format!("{{ cat; echo; }} >> {}", site.path("sms.txt").display());
    let channel = format!("channels: [{{name: sms, command: {{run: [sh, -c, \"{program}\"]}}}}]\n");
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + &channel));
    set(&site, "add", RIGHT + 1..=LINKS);
    site.start(&[]);
    site.all_up(RIGHT);
    let stale = "linkpatrol_coverage_links{status=\"never_verified\"}";
    assert_eq!(site.metric(stale), Some(f64::from(LINKS - RIGHT)), "the work list");

    set(&site, "add", 1..=IN_DUCT);
    let told = |contact: &str| wait_for(contact, Duration::from_secs(30), || sent(&site, contact).pop());
    for (contact, rest, foreign) in [("desk-one", 1, "C-2 ("), ("desk-two", 0, "C-1 (")] {
        let letter = told(contact);
        let text = letter["text"].as_str().unwrap();
        let own = (1..=IN_DUCT).filter(|n| n % 2 == rest).collect::<Vec<_>>();
        assert!(own.iter().all(|n| text.contains(&format!("C-{n} ("))), "{text}");
        assert!(!text.contains(foreign) && !text.contains("127.10.") && !text.contains("管道"), "{text}");
        let page = text.lines().find_map(|line| line.strip_prefix("Answer here, without a password: ")).unwrap();
        assert!(page.contains("/a/"), "{page}");
        assert!(letter["short"].as_str().unwrap().starts_with("fault: C-"), "{letter}");
        own.iter().take(NAMED).for_each(|n| proves_itself(text, &format!("C-{n}")));
        assert!(text.contains("no witness is configured; clock "), "{text}");
    }
    assert!(told("desk-one")["text"].as_str().unwrap().contains("On site: 甲单位 room 101"));
    assert!(told("office")["subject"].as_str().unwrap().contains("19 of 甲单位"), "{}", told("office"));
    // Its clock starts at the proven hand-over of its own letter.
    let incident = site.incidents()[0]["id"].as_str().unwrap().to_owned();
    let handed = |site: &Site| {
        let timeline = site.get(&format!("/api/v1/incidents/{incident}")).json()["timeline"].clone();
        timeline.as_array()?.iter().any(|one| one["event"] == "notified" && one["party"] == "carrier/one").then_some(())
    };
    site.wait("the hand-over is on record", handed);

    // All of its circuits are answered for in one press, from the page of the letter.
    let page = told("desk-one")["text"].as_str().unwrap().split("http://127.0.0.1:9815").nth(1).unwrap().to_owned();
    let page = page.split_whitespace().next().unwrap();
    let shown = site.get(page).body;
    assert_eq!(shown.matches("type=\"checkbox\" name=\"link\"").count(), 19, "{shown}");
    let pass = shown.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let answer = [("form", pass), ("do", "acknowledge"), ("person", "赵工"), ("work_order", "GD-1"), ("eta", "60")];
    assert_eq!(site.submit(page, &answer).status, 303);
    let clocks = site.get(&format!("/api/v1/incidents/{incident}")).json()["clocks"].clone();
    let clocks: Vec<&Value> = clocks.as_array().unwrap().iter().filter(|clock| clock["clock"] == "response").collect();
    let stopped = clocks.iter().filter(|clock| clock["stopped"].is_string()).map(|clock| clock["party"].as_str());
    assert_eq!(stopped.collect::<Vec<_>>(), [], "without an agreement it has no clock, and nobody else's is stopped");
    let record = site.get(&format!("/api/v1/incidents/{incident}")).json()["acknowledgements"].clone();
    assert_eq!((record.as_array().map(Vec::len), &record[0]["party"]), (Some(1), &json!("carrier/one")), "{record}");

    set(&site, "delete", 1..=IN_DUCT);
    let ended = |contact: &str| {
        let ends = |one: &Value| one["key"].as_str().unwrap().contains("/restored/");
        wait_for(contact, Duration::from_secs(40), || sent(&site, contact).into_iter().find(ends))
    };
    assert!(ended("desk-one")["subject"].as_str().unwrap().starts_with("restored: 19 circuits"));
    for contact in ["desk-one", "desk-two", "office"] {
        ended(contact);
        assert_eq!(sent(&site, contact).len(), 2, "one beginning and one end: {:?}", sent(&site, contact));
    }
    let listed = site.wait("both letters are on record as delivered", |site| {
        let listed = site.get("/api/v1/notices?recipient=desk-two&state=delivered").json();
        (listed["notices"].as_array().map(Vec::len) == Some(2)).then_some(listed)
    });
    assert_eq!(listed["notices"][0]["party"], json!("carrier/two"));
}

#[test]
fn a_restart_fills_no_budget() {
    let Some(mut site) = Site::make(2) else { return };
    let carriers: String = CONTACTS.lines().take(3).map(|line| format!("{line}\n")).collect();
    site.write("site/contacts.yaml", &carriers);
    let program = format!("{{ cat; echo; }} >> {}", site.path("sms.txt").display());
    let channel = format!("channels: [{{name: sms, a_day: 1, command: {{run: [sh, -c, \"{program}\"]}}}}]\n");
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + &channel));
    site.start(&[]);
    // The end of the first fault spends what there is; that of the second, after a restart, is only kept.
    for (number, contact, state) in [(1, "desk-one", "delivered"), (2, "desk-two", "held")] {
        site.all_up(2);
        site.cut(number);
        site.wait("its beginning is told", |site| sent(site, contact).pop());
        site.heal(number);
        let of_state = format!("/api/v1/notices?recipient={contact}&state={state}");
        let ended = site.wait("its end is kept", |site| {
            let listed = site.get(&of_state).json();
            listed["notices"].as_array()?.iter().find(|one| one["event"] == "restored").cloned()
        });
        assert_eq!(state == "held", ended["words"] == "budget/sms", "{ended}");
        site.daemon().signal(libc::SIGKILL);
        site.daemon().wait(Duration::from_secs(10));
        site.start(&[]);
    }
    assert_eq!(sent(&site, "desk-two").len(), 1, "{:?}", sent(&site, "desk-two"));
}
