//! What ends soon is told by itself: kept in trial, one notice to each of those it concerns once a door is open, nothing
//! anew by a restart, and its end to those who were told.

use std::{process::Command, time::Duration};

use chrono::{Days, NaiveDate};
use chrono_tz::Asia::Shanghai;
use linkpatrol::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::{
    gateway::Gateway,
    harness::{peer, words},
    site::Site,
};

const RULES: &str = "days_left: {certificate: [7], register: [30, 7, 1]}\nwarnings: {again: 24h, gather: 10s}\n";
const SERVICES: &str = r#"defaults: {interval: 1s, timeout: 1s, confirm: 2, spacing: 100ms}
services: [{id: portal, name: 示例门户网站, url: "https://127.0.0.1:8443/", owner: U2, zone: internet}]
"#;
const CONTACTS: &str = r#"contacts:
  - {id: noc, party: operator, name: 示例值班台, to: {sms: "13800000011"}, verified: 2026-10-01}
  - {id: office, party: unit/U1, name: 甲单位信息科, to: {sms: "13800000012"}, verified: 2026-10-01}
  - {id: other, party: unit/U2, name: 乙单位信息科, to: {sms: "13800000013"}, verified: 2026-10-01}
  - {id: desk-one, party: carrier/one, name: 甲台, to: {sms: "13800000014"}, verified: 2026-10-01}
"#;
/// Longer than what is new waits for others.
const QUIET: Duration = Duration::from_secs(20);

fn day(from_now: u64) -> NaiveDate {
    let now = SystemClock::start().now().utc.rfc3339(Shanghai);
    let today: NaiveDate = now[..10].parse().expect("a day");
    today + Days::new(from_now)
}

/// What the program that sends SMS was given for a contact, by key.
fn sent(site: &Site, contact: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(site.path("sms.txt")).unwrap_or_default();
    let all = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    all.filter(|one| one["key"].as_str().is_some_and(|key| key.ends_with(&format!("/{contact}")))).collect()
}

fn held(site: &Site) -> Vec<Value> {
    let page = site.get("/api/v1/notices?state=held").json();
    page["notices"].as_array().cloned().unwrap_or_else(|| panic!("{page}"))
}

/// A certificate of a portal that ends in five days.
fn certificate(site: &Site) {
    std::fs::write(site.path("san"), "subjectAltName=IP:127.0.0.1").expect("a file");
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for arguments in [
        format!("req -x509 {key} -keyout ca.key -out ca.pem -days 99 -subj /CN=Desk"),
        format!("req {key} -keyout site.key -out site.csr -subj /CN=site"),
        "x509 -req -in site.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile san -days 5 -out good.pem".to_owned(),
    ] {
        let mut openssl = Command::new("openssl");
        let output = openssl.args(arguments.split(' ')).current_dir(site.folder.path()).output().expect("openssl");
        assert!(output.status.success(), "openssl {arguments}: {}", words(&output));
    }
}

fn start(site: &mut Site) {
    let mut daemon = site.serve(&[]);
    daemon.env("SSL_CERT_FILE", site.path("ca.pem"));
    site.start_as(daemon);
}

#[test]
fn what_ends_soon_is_told_once_to_those_it_concerns() {
    let Some(mut site) = Site::make(1) else { return };
    if peer("nginx").is_none() || peer("openssl").is_none() {
        return;
    }
    certificate(&site);
    let server = "server { listen 127.0.0.1:8443 ssl; ssl_certificate good.pem; ssl_certificate_key site.key; return 200 'welcome'; }";
    let _nginx = site.nginx(server);
    let gateway = Gateway::open(&site, ([127, 0, 0, 1], 9200).into());
    let program = format!("{{ cat; echo; }} >> {}", site.path("sms.txt").display());
    let channels = format!(
        "channels: [{{name: sms, command: {{run: [sh, -c, \"{program}\"]}}}}]\n\
         webhooks: [{{name: desk, url: \"http://127.0.0.1:9200/\"}}]\n"
    );
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + &channels));
    site.write("site/sites.yaml", RULES);
    site.write("site/services.yaml", SERVICES);
    site.write("site/contacts.yaml", CONTACTS);
    let ledger = |licence: NaiveDate| {
        format!(
            "编号,类别,名称,责任单位,到期日,备注\nX-1,软件许可,示例杀毒软件,甲单位,{licence},需求 67\nX-2,合同,示例短信合同,乙单位,{},\n",
            day(400)
        )
    };
    let ends = day(5);
    site.write("site/expiry.csv", &ledger(ends));
    site.trial = true;
    start(&mut site);

    // In trial it is kept, as it would have been sent, and why it was not.
    let kept = site.wait("the warnings are kept", |site| Some(held(site)).filter(|held| held.len() >= 4));
    let field = |notice: &Value, name: &str| notice[name].as_str().unwrap_or_default().to_owned();
    let mut ways: Vec<_> =
        kept.iter().map(|one| ["event", "channel", "recipient", "words"].map(|name| field(one, name))).collect();
    ways.sort();
    assert_eq!(
        ways,
        [
            ["warning", "desk", "", "channel/desk"],
            ["warning", "sms", "noc", "channel/sms"],
            ["warning", "sms", "office", "channel/sms"],
            ["warning", "sms", "other", "channel/sms"]
        ]
    );
    let noc = kept.iter().find(|one| one["recipient"] == "noc").expect("that of the operator");
    let whole = site.get(&format!("/api/v1/notices/{}", field(noc, "id"))).json();
    let text = field(&whole, "text");
    assert!(text.contains("示例门户网站: the certificate ends") && text.contains("示例杀毒软件: ends"), "{text}");
    let page = site.get("/notices?lang=zh-CN").body;
    assert!(page.contains("到期与站点提醒") && page.contains("试运行：未发"), "{page}");
    std::thread::sleep(QUIET);
    assert_eq!(held(&site).len(), 4, "kept once");
    assert!(!site.path("sms.txt").exists() && gateway.transcript().is_empty(), "nothing left the house");

    // The doors open: one to each, of what concerns it.
    site.open_doors();
    let [noc, office, other] = ["noc", "office", "other"].map(|contact| {
        site.wait("the contact is told", |site| sent(site, contact).pop())["text"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    });
    let licence =
        regex::Regex::new(&format!(r"示例杀毒软件: ends {ends}T23:59:59\S* [45] days are left \(X-1, 需求 67\)"));
    let licence = licence.expect("a pattern");
    let portal = regex::Regex::new(
        r"示例门户网站: the certificate ends (\S{10})T\S+ [45] days are left \(SHA-256 [0-9a-f]{16}…\), seen \S+ \(portal, https://127\.0\.0\.1:8443/\)",
    )
    .expect("a pattern");
    assert!(licence.is_match(&noc) && portal.is_match(&noc) && !noc.contains("X-2"), "{noc}");
    assert!(licence.is_match(&office) && !portal.is_match(&office) && office.contains("甲单位信息科"), "{office}");
    assert!(portal.is_match(&other) && !licence.is_match(&other), "{other}");
    let end = &portal.captures(&noc).expect("it matched")[1];
    assert!([day(5), day(4)].map(|day| day.to_string()).contains(&end.to_owned()), "{end}");
    let told = site.wait("the webhook is told", |_| gateway.transcript().pop()).body;
    let by_id = |id: &str| told["warning"].as_array().and_then(|all| all.iter().find(|one| one["id"] == id)).cloned();
    let licence_told = by_id("X-1").unwrap_or_else(|| panic!("{told}"));
    assert_eq!(
        ["finding", "name", "owner", "over"].map(|name| licence_told[name].clone()),
        [json!("register_expiring"), json!("示例杀毒软件"), json!("U1"), json!(false)]
    );
    assert_eq!(by_id("portal").unwrap_or_default()["finding"], "certificate_expiring");

    // A crash repeats nothing.
    site.wait("what left stands as delivered", |site| {
        let left = site.get("/api/v1/notices?state=delivered").json();
        (left["notices"].as_array().map(Vec::len) == Some(4)).then_some(())
    });
    site.daemon().signal(libc::SIGKILL);
    site.daemon().wait(Duration::from_secs(10));
    start(&mut site);
    let counts = |site: &Site| ["noc", "office", "other", "desk-one"].map(|contact| sent(site, contact).len());
    std::thread::sleep(QUIET);
    assert_eq!((counts(&site), gateway.transcript().len()), ([1, 1, 1, 0], 1));

    // The licence is renewed: whoever was told of it hears so, once, and nobody of anything else.
    site.write("site/expiry.csv", &ledger(day(500)));
    assert!(site.post("/-/reload", &json!({})).is_ok());
    site.wait("the unit is told", |site| (counts(site)[..2] == [2, 2]).then_some(()));
    std::thread::sleep(QUIET);
    assert_eq!((counts(&site), gateway.transcript().len()), ([2, 2, 1, 0], 2));
    for contact in ["noc", "office"] {
        let over = sent(&site, contact).pop().unwrap_or_default();
        let text = over["text"].as_str().unwrap_or_default();
        let renewed = format!("示例杀毒软件: was renewed and ends {}T23:59:59", day(500));
        assert!(text.contains(&renewed) && text.contains("(X-1)") && !text.contains("portal"), "{text}");
    }
    let over = gateway.transcript().pop().expect("the last document").body;
    assert_eq!((&over["warning"][0]["id"], &over["warning"][0]["over"]), (&json!("X-1"), &json!(true)), "{over}");
}
