//! Websites and ports of an inventory, visited by a running daemon: good, expired, gone, hanging, and back again.

#![expect(clippy::unwrap_used, reason = "a story may stop at what should not happen")]

use std::{fs, net::TcpListener, process::Command};

use serde_json::Value;

use crate::{
    harness::{Running, linkpatrol, peer, root, words},
    s62_grafana,
    site::Site,
};

const SERVICES: &str = r#"defaults: {interval: 1s, timeout: 1s, confirm: 2, spacing: 100ms}
services:
  - {id: portal, name: 示例门户网站, url: "https://127.0.0.1:8443/", requirement: "1", owner: U1, zone: internet}
  - {id: old, name: 证书到期的网站, url: "https://127.0.0.1:8444/"}
  - {id: nobody, url: "tcp://127.0.0.1:9"}
  - {id: hanging, url: "http://127.0.0.1:8445/"}
  - {id: own, url: "http://127.0.0.1:9815/-/healthy"}
  - {id: told, url: "http://127.0.0.1:9815/api/v1/services", freshness: {within: 1h, record: /at}}
  - {id: walked, requirement: "2", url: "http://127.0.0.1:9815/", interval: 1s, spacing: 1s, steps: [{name: healthy, url: /-/healthy}, {name: absent, url: /no-such-page}], transaction: [healthy]}
  - {id: later, url: "https://not-written-yet.example/"}
"#;

/// An authority, and a certificate of it that is good or has ended.
fn certificates(site: &Site) {
    let openssl = |arguments: &str| {
        let output =
            Command::new("openssl").args(arguments.split(' ')).current_dir(site.folder.path()).output().unwrap();
        assert!(output.status.success(), "openssl {arguments}: {}", words(&output));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 9 -subj /CN=Desk"));
    fs::write(site.path("san"), "subjectAltName=IP:127.0.0.1").unwrap();
    openssl(&format!("req {key} -keyout site.key -out site.csr -subj /CN=site"));
    for (days, name) in [(5, "good"), (-1, "expired")] {
        let sign = "x509 -req -in site.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile san";
        openssl(&format!("{sign} -days {days} -out {name}.pem"));
    }
}

fn nginx(site: &Site) -> Running {
    let server = |port: u16, name: &str| {
        format!(
            "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {name}.pem; ssl_certificate_key site.key; return 200 'welcome'; }}"
        )
    };
    site.nginx(&(server(8443, "good") + &server(8444, "expired")))
}

fn service(site: &Site, id: &str) -> Value {
    site.get(&format!("/api/v1/services/{id}")).json()
}

fn count(site: &Site, id: &str, outcome: &str) -> f64 {
    site.metric(&format!("linkpatrol_service_visits_total{{service=\"{id}\",outcome=\"{outcome}\"}}")).unwrap_or(0.0)
}

#[test]
fn a_website_that_falls_over_is_down_after_three_visits_and_up_again_after_two() {
    let Some(mut site) = Site::make(1) else { return };
    if peer("nginx").is_none() || peer("openssl").is_none() {
        return;
    }
    certificates(&site);
    fs::copy(root().join("inventories/xuchang/requirements.csv"), site.path("site/requirements.csv")).unwrap();
    site.write("site/services.yaml", SERVICES);
    let objective = "  - {id: quick, name: {zh: 耗时, en: time}, for: {requirements: ['2']}, measure: response_time, limit: {at_most: 5s}, statistic: mean, source: measured, clause: 002 L91}\n";
    let contract = site.read("site/contract.yaml");
    site.write("site/contract.yaml", &contract.replacen("\nobjectives:\n", &format!("\nobjectives:\n{objective}"), 1));
    // The board of what ends shows the register as well.
    site.write("site/expiry.csv", "id,kind,name,owner,expires,note\nEX-1,licence,示例许可,U1,2199-01-01,\n");
    // And that of services a data exchange that loses records.
    let at = linkpatrol::clock::Clock::now(&linkpatrol::clock::SystemClock::start()).utc.rfc3339(chrono_tz::UTC);
    let task = serde_json::json!({"task": "XC-1", "at": at, "sent": 2, "received": 1, "rejected": 0, "mismatched": 0, "last_success": at});
    site.write("tasks.json", &serde_json::json!({"tasks": [task]}).to_string());
    let feed = format!(
        "id,kind,name,feed,interval,stale_after\nXC-1,share,示例,file://{},1s,1d\n",
        site.path("tasks.json").display()
    );
    site.write("site/exchange.csv", &feed);
    // And devices, of which one is missing.
    let group = serde_json::json!({"group": "XG-1", "online": 8, "total": 10, "absent": 1});
    site.write("devices.json", &serde_json::json!({"at": at, "groups": [group]}).to_string());
    let feed =
        format!("id,name,feed,interval,silent_after\nXG-1,示例,file://{},1s,1d\n", site.path("devices.json").display());
    site.write("site/online.csv", &feed);
    // Whoever connects waits for ever.
    let _hanging = site.within(|| TcpListener::bind("127.0.0.1:8445").unwrap());
    let mut server = nginx(&site);
    let mut daemon = site.serve(&[]);
    daemon.env("SSL_CERT_FILE", site.path("ca.pem"));
    site.start_as(daemon);
    let portal = "linkpatrol_service_state{service=\"portal\",state=\"up\"}";
    site.wait("the portal is up", |site| (site.metric(portal) == Some(1.0)).then_some(()));

    // What was never good is on a work list, with its reason, and its certificate is known all the same.
    let old = site
        .wait("the old site was visited", |site| Some(service(site, "old")).filter(|old| old["reason"].is_string()));
    assert_eq!(
        (&old["state"], &old["phase"], &old["reason"]),
        (&"never_verified".into(), &"tls".into(), &"certificate_expired".into())
    );
    assert_eq!(
        old["last"]["certificates"][0]["not_after"].as_str().unwrap()[..4],
        old["certificate_expires"].as_str().unwrap()[..4]
    );
    let refused = "linkpatrol_probe_failure_reason{service=\"nobody\",phase=\"connect\",reason=\"connection_refused\"}";
    site.wait("a port that nobody listens on refused", |site| (site.metric(refused) == Some(1.0)).then_some(()));
    let later = service(&site, "later");
    assert_eq!(
        (&later["state"], &later["last_visit"]),
        (&"never_verified".into(), &Value::Null),
        "nobody visits a placeholder"
    );
    let good = service(&site, "portal");
    assert_eq!(
        (&good["requirement"], &good["owner"], &good["last"]["success"]),
        (&"1".into(), &"U1".into(), &true.into())
    );
    let leaf = "linkpatrol_certificate_expiry_timestamp_seconds{service=\"portal\",chain=\"leaf\"}";
    assert!(site.metric(leaf).is_some_and(|at| at > 1.7e9));

    // The page of each says the same, and every table that names a service leads there.
    let page = |id: &str| site.get(&format!("/services/{id}?lang=en")).body;
    let shown = page("portal");
    for words in ["示例门户网站", "TLS handshake", "<td>127.0.0.1</td>", "CN=site", "class=\"state up\">passed"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let days = shown.split("id=\"certificates\"").nth(1).unwrap().split("class=\"state ").nth(1).unwrap();
    assert!(days.starts_with("down\">4<") || days.starts_with("down\">5<"), "five days are late: {days}");
    let csv = site.get("/services/portal?lang=en&format=csv&part=metrics").body;
    let exported = site.get("/metrics").body;
    assert!(csv.lines().count() > 9, "{csv}");
    for series in csv.lines().skip(1) {
        let name = series.trim_matches('"').split('{').next().unwrap();
        assert!(exported.contains(&format!("\n{name}{{service=\"portal\"")), "{series}");
    }
    let shown = page("old");
    assert!(shown.contains("never verified") && shown.contains("certificate expired"), "{shown}");
    assert!(shown.contains("<td>TLS handshake</td><td>certificate expired</td>"), "{shown}");
    assert_eq!(site.get("/services/none").status, 404);
    for path in ["/services?lang=en", "/certificates?lang=en", "/wall?lang=en"] {
        assert!(site.get(path).body.contains("<a href=\"/services/portal?lang=en\">"), "{path}");
    }
    let visitors = site.get("/wall?lang=en&visitor=1").body;
    assert!(!visitors.contains("/services/portal"), "visitors are led nowhere");

    // One that hangs holds up nobody: it is visited once at a time, and the portal keeps its pace.
    let (before, hung) = (count(&site, "portal", "passed"), count(&site, "hanging", "failed"));
    site.wait("five more visits of the portal", |site| (count(site, "portal", "passed") >= before + 5.0).then_some(()));
    let hung = count(&site, "hanging", "failed") - hung;
    assert!((1.0..=6.0).contains(&hung), "{hung}");
    assert_eq!(service(&site, "hanging")["reason"], "timeout");

    let prometheus = s62_grafana::beside(&site);
    if prometheus.is_some() {
        s62_grafana::returns_data(&site, "lp-certificates");
    }
    let passed = count(&site, "portal", "passed");
    server.signal(libc::SIGKILL);
    server.wait(std::time::Duration::from_secs(5));
    let down = site
        .wait("the portal is down", |site| Some(service(site, "portal")).filter(|portal| portal["state"] == "down"));
    assert_eq!((&down["phase"], &down["reason"]), (&"connect".into(), &"connection_refused".into()));
    assert!(down["visits"]["confirms"].as_u64() >= Some(2), "two more visits had to fail: {down}");
    let page = site.get("/api/v1/services?state=down").json();
    assert_eq!((&page["total"], &page["services"][0]["id"]), (&1.into(), &"portal".into()));

    if prometheus.is_some() {
        s62_grafana::returns_data(&site, "lp-services");
    }

    let _server = nginx(&site);
    site.wait("the portal is up again", |site| (site.metric(portal) == Some(1.0)).then_some(()));

    // A reload keeps what is known of those that are visited as before.
    site.write(
        "site/services.yaml",
        &SERVICES
            .replace("示例门户网站", "改名的网站")
            .replace("{id: nobody, url: \"tcp://127.0.0.1:9\"}", "{id: fresh, url: \"tcp://127.0.0.1:8443\"}"),
    );
    assert!(site.post("/-/reload", &Value::Null).is_ok());
    site.wait("the new service is up", |site| (service(site, "fresh")["state"] == "up").then_some(()));
    let renamed = service(&site, "portal");
    assert_eq!((&renamed["name"], &renamed["state"]), (&"改名的网站".into(), &"up".into()));
    assert!(count(&site, "portal", "passed") >= passed);
    assert_eq!(site.get("/api/v1/services/nobody").status, 404);

    let mut command = linkpatrol();
    let shown = command
        .args(["--config.file"])
        .arg(site.path("linkpatrol.yaml"))
        .args(["journal", "show", "--output", "json"])
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("connection_refused") && shown.contains("\"portal\""), "the journal tells of it: {shown}");
}
