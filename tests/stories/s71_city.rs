//! A whole city of 1631 links: its first day, of which 300 addresses are wrong, and the night on which all of it goes dark.

use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use linkpatrol::clock::{Clock, SystemClock};
use serde_json::Value;

use crate::{harness::wait_for, site::Site};

const LINKS: usize = 1631;
const STALE: usize = 300;
const CARRIERS: [&str; 4] = ["甲", "乙", "丙", "丁"];
const UNITS: usize = 35;

fn address(link: usize) -> String {
    format!("127.20.{}.{}", link / 250, link % 250 + 1)
}

fn id(link: usize) -> String {
    format!("LL-{link:04}")
}

/// Everybody has an SMS number: the duty, each carrier and each unit.
fn city() -> Option<Site> {
    let site = Site::make(0)?;
    let link = |n: usize| {
        let (carrier, unit) = (n % CARRIERS.len(), n % UNITS);
        format!("{},C-{n},private,c{carrier},U{unit},枢纽,远端{n},100M,{}\n", id(n), address(n))
    };
    let links: String = (1..=LINKS).map(link).collect();
    site.write("site/links.csv", &format!("id,cid,kind,carrier,unit,a_end,z_end,bandwidth,far_address\n{links}"));
    let carriers = CARRIERS.iter().enumerate().map(|(n, name)| format!("{{id: c{n}, name: {name}}}"));
    site.write("site/carriers.yaml", &format!("carriers: [{}]\n", carriers.collect::<Vec<_>>().join(", ")));
    let units = (0..UNITS).map(|n| format!("{{id: U{n}, name: 示例单位{n}}}"));
    site.write("site/units.yaml", &format!("units: [{}]\n", units.collect::<Vec<_>>().join(", ")));
    let contact = |party: &str, key: char, n: usize| {
        let to = format!("to: {{sms: \"138000{}{n:04}\"}}, verified: 2026-10-01", usize::from(key == 'U'));
        format!("  - {{id: {party}-{n}, party: {party}/{key}{n}, name: 示例{n}, {to}}}\n")
    };
    let desks = (0..CARRIERS.len()).map(|n| contact("carrier", 'c', n));
    let contacts: String = desks.chain((0..UNITS).map(|n| contact("unit", 'U', n))).collect();
    site.write("site/contacts.yaml", &format!("contacts:\n{contacts}"));
    let program = format!("{{ cat; echo; }} >> {}", site.path("sms.txt").display());
    let channel = format!(
        "channels: [{{name: sms, to: {{duty: \"13700000001\"}}, command: {{run: [sh, -c, \"{program}\"]}}}}]\n\
         limits: {{total: 200000, per_carrier: 200000}}\n"
    );
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + &channel));
    Some(site)
}

/// What the program that sends SMS was given, with when it had it.
fn sent(site: &Site) -> Vec<Value> {
    let text = std::fs::read_to_string(site.path("sms.txt")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn covered(site: &Site, status: &str, links: usize) {
    let series = format!("linkpatrol_coverage_links{{status=\"{status}\"}}");
    site.wait(status, |site| (site.metric(&series) == Some(links as f64)).then_some(()));
}

fn notices(site: &Site) -> Vec<Value> {
    let page = site.get("/api/v1/notices?limit=1000").json();
    page["notices"].as_array().cloned().unwrap_or_else(|| panic!("{page}"))
}

/// Milliseconds since 1970-01-01 UTC.
fn moment(text: &Value) -> i64 {
    let moment = text.as_str().and_then(|text| text.parse::<DateTime<FixedOffset>>().ok());
    moment.unwrap_or_else(|| panic!("no moment: {text}")).timestamp_millis()
}

#[test]
fn of_three_hundred_stale_addresses_there_is_one_work_list_and_not_one_message() {
    let Some(mut site) = city() else { return };
    let stale: Vec<_> = (1..=STALE).map(|nth| nth * 5).collect();
    let addresses: Vec<_> = stale.iter().map(|link| address(*link)).collect();
    site.namespace.run(&["nft", &format!("add element inet cut down {{ {} }}", addresses.join(", "))]);
    site.start(&[]);
    covered(&site, "measured", LINKS - STALE);
    covered(&site, "never_verified", STALE);
    // Long enough for a link that was ever up to be called down, grouped and told of.
    let lost = format!("linkpatrol_link_probes_total{{link=\"{}\",outcome=\"lost\"}}", id(stale[STALE - 1]));
    site.wait("twenty probes of the last one are lost", |site| (site.metric(&lost) >= Some(20.0)).then_some(()));

    let list = site.get("/api/v1/links?state=never_verified&limit=1000").json();
    let listed: Vec<_> = list["links"].as_array().unwrap().iter().map(|link| link["id"].as_str().unwrap()).collect();
    assert_eq!(listed, stale.iter().map(|link| id(*link)).collect::<Vec<_>>(), "exactly these");
    let page = site.get("/?state=never_verified&lang=en").body;
    assert!(page.contains(">300 found<") && page.contains(&id(stale[0])) && !page.contains(&id(1)), "{page}");
    assert_eq!((site.incidents(), notices(&site), sent(&site)), (vec![], vec![], vec![]), "nobody hears of it");
}

#[test]
fn a_city_that_goes_dark_is_one_incident_and_one_message_for_each_recipient() {
    let Some(mut site) = city() else { return };
    site.start(&[]);
    covered(&site, "measured", LINKS);
    site.wait("all are up", |site| {
        let list = site.get("/api/v1/links?state=up&limit=1").json();
        (list["total"] == LINKS).then_some(())
    });

    let cut = SystemClock::start().now().utc.0;
    site.namespace.run(&["nft", "add rule inet cut input ip daddr 127.20.0.0/16 drop"]);
    let incident = site.wait("a whole-network outage is open", |site| {
        site.incidents().into_iter().find(|incident| incident["tier"] == 1)
    });
    let opened = moment(&incident["opened"]) - cut;
    let first = wait_for("somebody is told", Duration::from_secs(60), || {
        notices(&site).iter().filter(|notice| notice["state"] == "delivered").map(|one| moment(&one["done"])).min()
    });
    let handed = first - cut;
    site.wait("every link is in it", |site| {
        let whole = site.get(&format!("/api/v1/incidents/{}", incident["id"].as_str()?)).json();
        (whole["links"].as_array()?.len() == LINKS).then_some(())
    });
    let everybody = 1 + CARRIERS.len() + UNITS;
    wait_for("everybody is told", Duration::from_secs(60), || {
        notices(&site).iter().all(|notice| notice["state"] == "delivered").then_some(())
    });
    let open: Vec<_> = site.incidents().into_iter().filter(|incident| incident["phase"] == "open").collect();
    assert_eq!(open.len(), 1, "{open:?}");
    let told = sent(&site);
    let mut keys: Vec<_> = told.iter().map(|one| one["key"].as_str().unwrap()).collect();
    keys.sort_unstable();
    let recipients: std::collections::BTreeSet<_> = keys.iter().filter_map(|key| key.rsplit('/').next()).collect();
    assert_eq!((keys.len(), recipients.len()), (everybody, everybody), "one for each: {keys:?}");
    // Of a carrier's message each circuit is its own.
    let desk = told.iter().find(|one| one["key"].as_str().unwrap().ends_with("/carrier-1")).unwrap();
    let text = desk["text"].as_str().unwrap();
    assert!(text.contains("C-1 (") && !text.contains("C-2 ("), "{text}");
    eprintln!("opened {opened} ms after the cut, first hand-over after {handed} ms");
    assert!(opened < 10_000, "5 s on a machine that does nothing else: {opened} ms");
    assert!(handed < 20_000, "8 s on a machine that does nothing else: {handed} ms");
}
