//! A unit hears of its own site: that it fails and works again, that its home page has dead links, and that they are mended.
//! A warning that a channel refuses is told by the next one.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::Value;

use crate::{
    gateway::{Gateway, Mood},
    harness::peer,
    site::Site,
};

const CALLS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9201);
const RULES: &str = "warnings: {again: 24h, gather: 2s}\n\
                     crawl: {every: 2s, hours: 00:00-00:00, links: 5, a_second: 10, timeout: 2s}\n";
const SERVICES: &str = r#"defaults: {interval: 1s, timeout: 1s, confirm: 1, spacing: 100ms}
services:
  - {id: portal, name: 示例门户网站, url: "http://127.0.0.1:8000/", owner: U1}
  - {id: other, name: 别家网站, url: "http://127.0.0.1:8001/", owner: U2}
"#;
const CONTACTS: &str = r#"contacts:
  - {id: noc, party: operator, name: 示例值班台, to: {voice: "1", sms: "13800000011"}, verified: 2026-10-01}
  - {id: office, party: unit/U1, name: 甲单位信息科, to: {sms: "13800000012"}, verified: 2026-10-01}
  - {id: desk-one, party: carrier/one, name: 甲台, to: {sms: "13800000014"}, verified: 2026-10-01}
"#;
const GOOD: &str = "<title>示例市</title><a href=ok.html>要闻</a>";
const DEAD: &str = "<title>示例市</title><a href=ok.html>要闻</a><a href=gone.html>旧闻</a>";

/// Texts that the program that sends SMS was given for a contact, of one kind of notice.
fn sent(site: &Site, contact: &str, kind: &str) -> Vec<String> {
    let text = std::fs::read_to_string(site.path("sms.txt")).unwrap_or_default();
    let all = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let is_it = |one: &Value| {
        let key = one["key"].as_str().unwrap_or_default();
        key.ends_with(&format!("/{contact}")) && key.contains(&format!("/{kind}/"))
    };
    all.filter(is_it).map(|one| one["text"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_unit_hears_of_its_own_site_and_the_next_channel_tells_what_one_refuses() {
    let Some(mut site) = Site::make(1) else { return };
    if peer("nginx").is_none() {
        return;
    }
    std::fs::create_dir(site.path("www")).expect("a folder");
    site.write("www/index.html", DEAD);
    site.write("www/ok.html", "here");
    let root = site.path("www");
    let server =
        |port: u16| format!("server {{ listen 127.0.0.1:{port}; default_type text/html; root {}; }}", root.display());
    let _nginx = site.nginx(&(server(8000) + &server(8001)));
    let calls = Gateway::open(&site, CALLS);
    calls.set(Mood::Refuses);
    let program = format!("{{ cat; echo; }} >> {}", site.path("sms.txt").display());
    let channels = format!(
        "channels:\n  - {{name: voice, next: sms, http: {{url: \"http://{CALLS}/\", body: '{{\"key\":\"{{key}}\",\"say\":\"{{short}}\"}}'}}}}\n  \
         - {{name: sms, command: {{run: [sh, -c, \"{program}\"]}}}}\n"
    );
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + &channels));
    site.write("site/sites.yaml", RULES);
    site.write("site/services.yaml", SERVICES);
    site.write("site/contacts.yaml", CONTACTS);
    site.start(&[]);

    // Each is warned of its own; what the call refused came by SMS.
    let says = |texts: &[String], parts: &[&str]| texts.iter().any(|text| parts.iter().all(|part| text.contains(part)));
    let dead = ["示例门户网站: dead links on the home page (1 of ", "(portal, http://127.0.0.1:8000/)"];
    for contact in ["noc", "office"] {
        site.wait("the contact is warned", |site| says(&sent(site, contact, "warning"), &dead).then_some(()));
    }
    let refused = "linkpatrol_notices_total{channel=\"voice\",kind=\"warning\",outcome=\"refused\"}";
    assert!(site.metric(refused) >= Some(1.0), "the call was tried first");
    let all = sent(&site, "noc", "warning");
    assert!(says(&all, &["别家网站: dead links"]), "{all:?}");
    assert!(!says(&sent(&site, "office", "warning"), &["别家网站"]), "another's");

    // Mended: those who were told hear so, over the channel that told them.
    site.write("www/index.html", GOOD);
    for contact in ["noc", "office"] {
        let mended = ["示例门户网站: no dead links on the home page any more"];
        site.wait("the contact hears of the end", |site| says(&sent(site, contact, "warning"), &mended).then_some(()));
    }

    // Its own site fails, and works again.
    std::fs::rename(site.path("www/index.html"), site.path("www/away.html")).expect("the page");
    let failed = site.wait("the unit is told", |site| sent(site, "office", "opened").pop());
    assert!(
        failed.contains("示例门户网站 (portal, http://127.0.0.1:8000/)") && failed.contains("甲单位信息科"),
        "{failed}"
    );
    std::fs::rename(site.path("www/away.html"), site.path("www/index.html")).expect("the page");
    let over = site.wait("the unit is told", |site| sent(site, "office", "restored").pop());
    assert!(over.contains("is restored at") && over.contains("(portal, "), "{over}");
    for kind in ["opened", "restored"] {
        let told = sent(&site, "office", kind);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(!told[0].contains("别家"), "of its own: {told:?}");
        assert!(sent(&site, "desk-one", kind).is_empty(), "no carrier hears of it");
    }
}
