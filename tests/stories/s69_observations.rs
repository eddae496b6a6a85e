//! A router that answers badly is no proof; the carrier's own counters of the same hours are.

use std::time::Duration;

use chrono_tz::Asia::Shanghai;
use linkpatrol::{
    clock::{Clock, SystemClock},
    inventory::LinkId,
    judge::Tally,
    ledger::{Account, Measured, Month, Terms},
    store::{Batch, Options, Store},
    units::{Counts, Limit, Ppm, Timestamp},
};
use serde_json::{Value, json};

use crate::{
    harness::{linkpatrol, words},
    site::{Site, name, stored_account},
};

const HOUR: i64 = 3_600_000;
const TERMS: Terms =
    Terms { loss: Limit::AtMost(Ppm(1_000)), slow: None, shaken: None, confidence: Ppm(999_900), alarm: Ppm(100) };

/// Links 1 to 4 lost one probe of a hundred through the first three days of the month before this one.
fn lossy_month(site: &Site) -> Month {
    let this = Month::containing(SystemClock::start().now().utc, Shanghai);
    let month = Month::containing(Timestamp(this.begins.0 - 1), Shanghai);
    let (store, _) = Store::open(&site.path("state"), &Options::default()).expect("a store");
    let mut batch = Batch::default();
    let seen = Timestamp(this.begins.0 + HOUR);
    for number in 1..=4 {
        let link = LinkId::parse(&name(number)).expect("an id");
        let mut account = Account::open(month.begins, Shanghai);
        account.measure(Measured::Up, month.begins, month.begins);
        let up = Counts { answered: 3_564, lost: 36, unmeasured: 0 };
        for hour in 0..72 {
            let at = Timestamp(month.begins.0 + hour * HOUR);
            account.count(Tally { up, ..Tally::default() }, None, &TERMS, at);
        }
        let outage = [(Measured::Down, 100), (Measured::Up, 102)];
        for (measured, hour) in outage {
            let at = Timestamp(month.begins.0 + hour * HOUR);
            account.measure(measured, at, at);
        }
        let closed = account.advance(seen, Shanghai);
        batch.accounts.push(stored_account(&link, &month, &closed[0]));
        batch.accounts.push(stored_account(&link, &this, &account));
    }
    batch.heartbeat = Some(seen);
    store.commit(batch);
    month
}

/// One hour of an interface: a million packets each way, of which so many came in faulty or were discarded.
fn hour(month: Month, link: u8, owner: &str, hour: i64, (errors, discards): (u64, u64)) -> Value {
    let time = |hour: i64| Timestamp(month.begins.0 + hour * HOUR).rfc3339(Shanghai);
    let packets = 1_000_000 - errors - discards;
    json!({
        "kind": "interface", "link": name(link), "interface": "Gi0/0/1", "owner": owner,
        "from": time(hour), "to": time(hour + 1),
        "in": {"octets": packets * 64, "packets": packets, "discards": discards, "errors": errors},
        "out": {"octets": 64_000_000, "packets": 1_000_000, "discards": 0, "errors": 0},
    })
}

fn send(site: &Site, observations: &[Value]) -> Value {
    let body = json!({"actor": "示例采集器", "source": "nms", "observations": observations});
    let answer = site.post("/api/v1/observations", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// What is said of the loss of the month that is over.
fn loss(site: &Site, link: u8) -> Value {
    let shown = site.get(&format!("/api/v1/links/{}", name(link))).json();
    let is_it = |one: &&Value| one["objective"] == "loss" && one["month"].is_string();
    shown["objectives"].as_array().into_iter().flatten().find(is_it).unwrap_or_else(|| panic!("{shown:#}")).clone()
}

#[test]
fn counters_that_agree_make_a_suspected_month_breached_and_others_do_not() {
    let Some(mut site) = Site::make(4) else { return };
    let month = lossy_month(&site);
    site.start(&[]);
    let verdict = |site: &Site, link| loss(site, link)["verdict"].as_str().expect("a verdict").to_owned();
    assert_eq!([1, 2, 3, 4].map(|link| verdict(&site, link)), ["suspected"; 4]);

    // The carrier's own device counts the same; on link 2 it lost nothing, on link 3 the queue is ours, on link 4 it saw
    // one bad afternoon.
    let hours = |link, owner, hours: i64, bad| (0..hours).map(move |nth| hour(month, link, owner, nth, bad));
    let told: Vec<Value> = hours(1, "carrier", 72, (9_000, 1_000))
        .chain(hours(2, "carrier", 72, (0, 0)))
        .chain(hours(3, "customer", 72, (0, 10_000)))
        .chain(hours(4, "carrier", 30, (10_000, 0)))
        .collect();
    let taken = send(&site, &told);
    assert_eq!((&taken["taken"], &taken["repeated"], &taken["refused"]), (&json!(246), &json!(0), &json!([])));
    assert_eq!([1, 2, 3, 4].map(|link| verdict(&site, link)), ["breached", "suspected", "suspected", "suspected"]);
    let evidence = loss(&site, 1)["interfaces"].clone();
    let expected = json!([{
        "source": "nms", "interface": "Gi0/0/1", "owner": "carrier", "agrees": true,
        "in": {"octets": 72 * 990_000 * 64_u64, "packets": 72 * 990_000, "discards": 72_000, "errors": 648_000},
        "out": {"octets": 72 * 64_000_000_u64, "packets": 72_000_000, "discards": 0, "errors": 0},
    }]);
    assert_eq!(evidence, expected);
    assert_eq!(loss(&site, 4)["interfaces"][0]["agrees"], false, "less than half of the hours");

    // What is no evidence changes nothing, and says why.
    let mut of_tomorrow = hour(month, 1, "carrier", 80, (0, 0));
    of_tomorrow["to"] = json!("2099-01-01T00:00:00+08:00");
    let mut impossible = hour(month, 1, "carrier", 81, (0, 0));
    impossible["out"]["errors"] = json!(2_000_000);
    let wrong = [
        hour(month, 1, "carrier", 71, (0, 0)),
        hour(month, 9, "carrier", 80, (0, 0)),
        of_tomorrow,
        impossible,
        hour(month, 1, "carrier", 101, (0, 0)),
    ];
    let refused = send(&site, &wrong);
    assert_eq!((&refused["taken"], &refused["repeated"]), (&json!(0), &json!(1)));
    let codes: Vec<_> = refused["refused"].as_array().into_iter().flatten().map(|one| one["code"].clone()).collect();
    assert_eq!(codes, ["no_such_link", "wrong_span", "wrong_counts", "not_up"]);
    for (outcome, count) in [("taken", 246.0), ("repeated", 1.0), ("refused", 4.0)] {
        let series = format!("linkpatrol_observations_total{{outcome=\"{outcome}\"}}");
        assert_eq!(site.metric(&series), Some(count), "{series}");
    }
    for wrong in [json!([{"kind": "weather"}]), json!([{"kind": "interface", "from": "morgen"}]), json!({})] {
        let body = json!({"actor": "示例采集器", "source": "nms", "observations": wrong});
        assert_eq!(site.post("/api/v1/observations", &body).status, 400, "{wrong}");
    }

    // It stands in the journal, and outlives a restart.
    site.daemon().signal(libc::SIGTERM);
    assert_eq!(site.daemon().wait(Duration::from_secs(20)), 0, "{}", site.printed());
    let journal = |arguments: &[&str]| {
        let output = linkpatrol().arg("journal").args(arguments).arg("--data-dir").arg(site.path("state")).output();
        let output = output.expect("the program");
        assert!(output.status.success(), "{}", words(&output));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let exported = journal(&["export"]);
    let said: Vec<&str> = exported.lines().filter(|line| line.contains("objectives")).collect();
    assert_eq!(said.len(), 1, "only what changed is said again: {said:?}");
    for part in ["LL-0001", "breached", "648000", "Gi0/0/1"] {
        assert!(said[0].contains(part), "{part}: {}", said[0]);
    }
    journal(&["verify"]);
    site.start(&[]);
    assert_eq!(verdict(&site, 1), "breached");
    assert_eq!(loss(&site, 1)["interfaces"], expected);
    assert_eq!(send(&site, &told[..3])["repeated"], 3);
}
