//! The first day of a whole city: 300 of its 1631 addresses are stale. Nobody is told of anything, and one list says what is
//! to be looked after.

use std::{fmt::Write, time::Duration};

use serde_json::json;

use crate::{harness::wait_for, site::Site};

const LINKS: u32 = 1_631;
const STALE: u32 = 300;
/// Longer than every grace of the contract: whatever would be told would be by then.
const QUIET: Duration = Duration::from_secs(40);

/// On loopback; 200 a block.
fn address(link: u32) -> String {
    format!("127.11.{}.{}", link / 200, link % 200 + 1)
}

#[test]
fn a_city_with_300_stale_addresses_alarms_nobody_and_has_one_list_of_work() {
    let Some(mut site) = Site::make(2) else { return };
    let mut links = String::from("id,cid,kind,carrier,unit,a_end,z_end,bandwidth,far_address,segments\n");
    for n in 1..=LINKS {
        let (carrier, unit) = if n % 2 == 0 { ("two", "U2") } else { ("one", "U1") };
        writeln!(links, "LL-{n:04},C-{n},private,{carrier},{unit},枢纽,远端{n},100M,{},duct-{}", address(n), n % 40)
            .expect("a line");
    }
    site.write("site/links.csv", &links);
    let ducts: String = (0..40).map(|n| format!("  - {{id: duct-{n}, kind: duct, name: 管道{n}}}\n")).collect();
    site.write("site/segments.yaml", &format!("segments:\n{ducts}"));
    site.write(
        "site/contacts.yaml",
        "contacts:\n  - {id: noc, party: operator, name: 值班台, to: {sms: \"1\"}, verified: 2026-10-01}\n  \
         - {id: desk-one, party: carrier/one, name: 甲台, to: {sms: \"2\"}, verified: 2026-10-01}\n  \
         - {id: desk-two, party: carrier/two, name: 乙台, to: {sms: \"3\"}, verified: 2026-10-01}\n  \
         - {id: office, party: unit/U1, name: 甲单位, to: {sms: \"4\"}, verified: 2026-10-01}\n",
    );
    let program = format!("{{ cat; echo; }} >> {}", site.path("sms.txt").display());
    let channel =
        format!("channels: [{{name: sms, to: {{duty: \"5\"}}, command: {{run: [sh, -c, \"{program}\"]}}}}]\n");
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + &channel));
    // Whole ducts of carrier one, and single lines of both: stale addresses look like cuts.
    let stale: Vec<u32> =
        (1..=LINKS).filter(|n| n % 40 < 7 && n % 2 == 1).chain((1..=LINKS).filter(|n| n % 40 == 8)).collect();
    let stale: Vec<u32> = stale.into_iter().chain((1..=LINKS).filter(|n| n % 40 > 8)).take(STALE as usize).collect();
    let silent: Vec<String> = stale.iter().map(|n| address(*n)).collect();
    site.namespace.run(&["nft", &format!("add element inet cut down {{ {} }}", silent.join(", "))]);
    site.start(&[]);
    let status = |site: &Site, status: &str| site.metric(&format!("linkpatrol_coverage_links{{status=\"{status}\"}}"));
    wait_for("all others are measured", Duration::from_secs(60), || {
        (status(&site, "measured") == Some(f64::from(LINKS - STALE))).then_some(())
    });
    std::thread::sleep(QUIET);

    assert!(!site.path("sms.txt").exists(), "{}", site.read("sms.txt"));
    let notices = site.get("/api/v1/notices").json();
    assert_eq!((&notices["notices"], site.incidents().len()), (&json!([]), 0), "not even kept: {notices}");
    assert_eq!(status(&site, "never_verified"), Some(f64::from(STALE)));
    let listed = site.get("/api/v1/links?state=never_verified&limit=1000").json();
    let mut ids: Vec<&str> =
        listed["links"].as_array().expect("links").iter().filter_map(|link| link["id"].as_str()).collect();
    ids.sort_unstable();
    let mut wanted: Vec<String> = stale.iter().map(|n| format!("LL-{n:04}")).collect();
    wanted.sort_unstable();
    assert_eq!(ids, wanted, "one list of work");
    let sheet = site.get("/links?state=never_verified&format=csv&lang=zh-CN").body;
    assert_eq!(sheet.lines().filter(|line| line.contains("LL-")).count(), stale.len(), "to take along");

    // One of them is mended: from its first answer on it is watched like the others.
    let first = stale[0];
    site.namespace.run(&["nft", &format!("delete element inet cut down {{ {} }}", address(first))]);
    site.wait("it is watched", |site| (status(site, "never_verified") == Some(f64::from(STALE - 1))).then_some(()));
    assert!(!site.path("sms.txt").exists());
    site.namespace.run(&["nft", &format!("add element inet cut down {{ {} }}", address(first))]);
    let told = site.wait("now its carrier is told", |site| {
        std::fs::read_to_string(site.path("sms.txt")).ok().filter(|text| text.contains("/desk-one"))
    });
    assert!(told.contains(&format!("C-{first}")), "{told}");
}
