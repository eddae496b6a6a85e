//! Services that fall over: their incidents, the contract's clocks, who is told, what explains what, and a restart.

#![expect(clippy::unwrap_used, reason = "a story may stop at what should not happen")]

use std::{fs, net::TcpListener, time::Duration};

use serde_json::Value;

use crate::{
    gateway::{Gateway, Sent},
    harness::{linkpatrol, root, words},
    site::Site,
};

const SERVICES: &str = r#"defaults: {interval: 1s, timeout: 500ms, confirm: 2, spacing: 100ms}
services:
  - {id: app, name: 示例业务系统, url: "tcp://127.0.0.1:7002", requirement: "1", owner: U1, depends_on: [proxy]}
  - {id: proxy, name: 示例反向代理, url: "tcp://127.0.0.1:7001", requirement: "1"}
  - {id: far, name: 示例远端系统, url: "tcp://127.10.0.1:7003", depends_on: [LL-0001]}
"#;

const SUPERIOR: &str = "contacts:
  - {id: above, party: operator, name: 上级主管, steps: [superior-department], to: {sms: '1'}, verified: 2026-10-01}
";

fn open(site: &Site, port: u16) -> TcpListener {
    site.within(|| TcpListener::bind(("0.0.0.0", port)).unwrap())
}

fn all_are_up(site: &Site) {
    site.wait("all services are up", |site| (site.get("/api/v1/services?state=up").json()["total"] == 3).then_some(()));
}

fn incident_of(site: &Site, service: &str) -> Option<Value> {
    site.incidents().into_iter().find(|one| one["scope"] == "service" && one["scope_id"] == service)
}

/// What the webhook was told of it: kinds of notice.
fn told(sent: &[Sent], incident: &Value) -> Vec<String> {
    let id = incident["id"].as_str().unwrap();
    let mine = sent.iter().filter(|one| one.key.starts_with(id));
    mine.map(|one| one.key.split('/').nth(2).unwrap().to_owned()).collect()
}

fn clock<'a>(incident: &'a Value, name: &str, clause: &str) -> Option<&'a Value> {
    let is_it = |clock: &&Value| clock["clock"] == name && clock["clause"] == clause;
    incident["clocks"].as_array().unwrap().iter().find(is_it)
}

fn minutes(clock: &Value) -> i64 {
    let at = |key: &str| chrono::DateTime::parse_from_rfc3339(clock[key].as_str().unwrap()).unwrap();
    (at("deadline") - at("started")).num_minutes()
}

#[test]
fn a_service_that_fails_opens_an_incident_of_its_contract_and_a_restart_keeps_it() {
    let Some(mut site) = Site::make(1) else { return };
    fs::copy(root().join("inventories/xuchang/requirements.csv"), site.path("site/requirements.csv")).unwrap();
    site.write("site/services.yaml", SERVICES);
    let desk = Gateway::open(&site, ([127, 0, 0, 1], 9999).into());
    let webhook = "webhooks: [{name: desk, url: \"http://127.0.0.1:9999/\"}]\n";
    // Whom the contract's ladder for faults of systems calls (重大故障), and nobody else.
    site.write("site/contacts.yaml", SUPERIOR);
    let calls = site.path("calls");
    let program = format!("{{ cat; echo; }} >> {}", calls.display());
    let command = format!("channels: [{{name: sms, command: {{run: [sh, -c, \"{program}\"]}}}}]\n");
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + webhook + &command));
    let (proxy, app, _far) = (open(&site, 7001), open(&site, 7002), open(&site, 7003));
    site.start(&[]);
    all_are_up(&site);

    // The proxy falls over, and with it what stands behind it.
    drop((proxy, app));
    let down = site.wait("the proxy's incident is told of", |site| {
        incident_of(site, "proxy").filter(|one| one["announced"].is_string())
    });
    assert_eq!(
        (&down["kind"], &down["tier"], &down["service"]["reason"]),
        (&"service".into(), &1.into(), &"connection_refused".into())
    );
    let (response, restore) = (clock(&down, "response", "001 L119-124"), clock(&down, "restore", "001 L119-124"));
    assert_eq!((response.map(minutes), restore.map(minutes)), (Some(10), Some(60)), "{}", down["clocks"]);
    assert!(clock(&down, "on_site", "001 L228").is_some(), "requirement 1 has a clock of its own: {}", down["clocks"]);
    let behind = site.wait("the cause of the other is known", |site| {
        incident_of(site, "app").filter(|one| one["parent"].is_string())
    });
    assert_eq!((&behind["parent"], behind["clocks"].as_array().unwrap().is_empty()), (&down["id"], false));
    let told_of = |incident| told(&desk.transcript(), incident);
    site.wait("the desk was told", |_| (!told_of(&down).is_empty()).then_some(()));
    assert_eq!(told_of(&down), ["opened"]);

    // Its page names the incident, and the incident leads to its page and to what it stands behind.
    let (page, id) = (site.get("/services/proxy?lang=en").body, down["id"].as_str().unwrap());
    assert!(
        page.contains(&format!("<a href=\"/incidents/{id}?lang=en\">")) && page.contains("connection refused"),
        "{page}"
    );
    assert!(site.get("/services/app?lang=en").body.contains("<a href=\"/services/proxy?lang=en\">proxy</a>"));
    assert!(site.get(&format!("/incidents/{id}?lang=en")).body.contains("href=\"/services/proxy?lang=en\""));

    // A restart keeps the start, the deadlines and the state; what nobody saw is unknown.
    site.daemon().signal(libc::SIGKILL);
    site.daemon().wait(Duration::from_secs(5));
    site.start(&[]);
    let again = incident_of(&site, "proxy").unwrap();
    assert_eq!((&again["id"], &again["began"], &again["phase"]), (&down["id"], &down["began"], &"open".into()));
    assert_eq!(again["clocks"], down["clocks"]);
    assert_eq!(site.get("/api/v1/services/proxy").json()["state"], "down");

    let (_proxy, _app) = (open(&site, 7001), open(&site, 7002));
    let over =
        site.wait("the proxy is back", |site| incident_of(site, "proxy").filter(|one| one["phase"] == "restored"));
    assert_eq!(clock(&over, "restore", "001 L119-124").unwrap()["met"], true);
    site.wait("what stood behind it too", |site| incident_of(site, "app").filter(|one| one["phase"] == "restored"));
    site.wait("the end was told", |_| (told_of(&down).last()? == "restored").then_some(()));
    assert_eq!(told_of(&behind), [""; 0], "the cause alone is told of");

    // A link that is cut takes along what is reached over it.
    all_are_up(&site);
    site.cut(1);
    let far =
        site.wait("the far service fails", |site| incident_of(site, "far").filter(|one| one["parent"].is_string()));
    let link = site.incidents().into_iter().find(|one| one["scope"] == "link").unwrap();
    assert_eq!((&far["parent"], &far["tier"]), (&link["id"], &1.into()));
    assert_eq!(told_of(&far), [""; 0]);

    // One call in all: of what stands behind another, and of links, that ladder says nothing.
    let listed = site.get("/api/v1/notices?recipient=above").json();
    let kinds: Vec<_> = listed["notices"].as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap()).collect();
    let id = down["id"].as_str().unwrap();
    let expected = ["climbed/operator-major", "restored/"].map(|kind| format!("{id}/sms/{kind}"));
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    assert!(expected.iter().all(|start| kinds.iter().any(|key| key.starts_with(start.as_str()))), "{kinds:?}");
    let heard = site.wait("it was handed over", |_| fs::read_to_string(&calls).ok().filter(|text| !text.is_empty()));
    assert!(heard.contains("示例反向代理"), "{heard}");

    site.daemon().signal(libc::SIGTERM);
    site.daemon().wait(Duration::from_secs(5));
    let mut command = linkpatrol();
    let replayed = command.args(["journal", "replay", "--data-dir"]).arg(site.path("state")).output().unwrap();
    assert!(replayed.status.success(), "{}", words(&replayed));
}

/// Requirement 82 has 30 minutes of its own, and all systems have 10: which of them run is the contract's answer.
#[test]
fn a_looser_clock_of_its_own_runs_beside_the_general_one_or_instead_of_it() {
    let Some(mut site) = Site::make(1) else { return };
    fs::copy(root().join("inventories/xuchang/requirements.csv"), site.path("site/requirements.csv")).unwrap();
    let hotline = |id: &str, port: u16| {
        format!("  - {{id: {id}, name: 示例热线, url: \"tcp://127.0.0.1:{port}\", requirement: \"82\"}}\n")
    };
    let head = "defaults: {interval: 1s, timeout: 500ms, confirm: 2, spacing: 100ms}\nservices:\n";
    site.write("site/services.yaml", &format!("{head}{}{}", hotline("one", 7001), hotline("two", 7002)));
    let (one, two) = (open(&site, 7001), open(&site, 7002));
    site.start(&[]);
    let all_up = |site: &Site| {
        site.wait("both are up", |site| (site.get("/api/v1/services?state=up").json()["total"] == 2).then_some(()))
    };
    let responses = |site: &Site, service: &str| {
        let incident =
            site.wait("it is told of", |site| incident_of(site, service).filter(|one| one["announced"].is_string()));
        let clocks = incident["clocks"].as_array().unwrap().iter().filter(|clock| clock["clock"] == "response");
        let mut clocks: Vec<(i64, String)> =
            clocks.map(|clock| (minutes(clock), clock["clause"].as_str().unwrap().to_owned())).collect();
        clocks.sort();
        clocks
    };
    let general = (10, "001 L119-124".to_owned());
    let own = (30, "001 L4459".to_owned());
    all_up(&site);
    drop(one);
    assert_eq!(responses(&site, "one"), [general, own.clone()]);

    site.daemon().signal(libc::SIGTERM);
    site.daemon().wait(Duration::from_secs(5));
    let text = site.read("site/contract.yaml");
    let answered = text.replace("{id: looser-own-clock,", "{id: looser-own-clock, chosen: \"false\",");
    assert_ne!(text, answered);
    site.write("site/contract.yaml", &answered);
    site.start(&[]);
    drop(two);
    assert_eq!(responses(&site, "two"), [own]);
}

#[test]
fn classes_say_what_is_checked_and_check_and_explain_say_where_that_is_written() {
    let config = tempfile::tempdir().unwrap();
    let file = config.path().join("linkpatrol.yaml");
    let (inventory, probes) = (root().join("inventories/xuchang"), root().join("probes"));
    fs::write(&file, format!("inventory: {}\nprobes: {}\nlanguage: en\n", inventory.display(), probes.display()))
        .unwrap();
    let run = |arguments: &[&str]| {
        let mut command = linkpatrol();
        let output =
            command.arg("--config.file").arg(&file).args(arguments).args(["--output", "json"]).output().unwrap();
        assert!(output.status.success(), "{}", words(&output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    // All of its addresses stand for others: none is visited, and what would be is known all the same. Of one group of
    // devices somebody tells.
    let facts = &run(&["check"])["facts"];
    let [services, placeholders] = ["services", "placeholders"].map(|key| facts[key].as_u64().unwrap());
    assert_eq!(services, placeholders + 1);
    assert!(services > 160, "{services}");

    let explained = run(&["explain", "S-5-domain"]);
    let value = |part: &str, key: &str| {
        let parts = explained["parts"].as_array().unwrap();
        let part = parts.iter().find(|one| one["part"] == part).unwrap();
        part["values"].as_array().unwrap().iter().find(|one| one["key"] == key).cloned().unwrap_or_default()
    };
    assert_eq!(value("service", "url")["value"], "whois://whois.xc.example/r5.xc.example");
    assert_eq!(
        (&value("visits", "interval")["value"], &value("visits", "interval")["place"]),
        (&"1d".into(), &Value::Null)
    );
    assert!(value("visits", "timeout")["place"].as_str().unwrap().contains("services.yaml:2:"));
    assert_eq!(value("service", "backup")["clause"], "001 L381");
    assert_eq!(run(&["explain", "S-23-sip"])["service"], "S-23-sip");
    assert_eq!(run(&["explain", "S-26-rtsp"])["service"], "S-26-rtsp");
}
