//! A contract for services alone, without a link: it is served like any other, and its table of points is told by quarter and
//! by year from what the running daemon has stored.

#![expect(clippy::unwrap_used, reason = "a story may stop at what should not happen")]

use std::{
    fs,
    process::{Command, Output},
    time::Duration,
};

use linkpatrol::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::{
    harness::{Running, linkpatrol, peer, root, words},
    site::Site,
};

const SERVICES: &str = "defaults: {interval: 1s, timeout: 900ms, confirm: 2, spacing: 100ms}
services:
  - {id: S-seal-app, name: 电子印章签章服务器, url: 'http://127.0.0.1:8081/', requirement: seal-app, owner: U9}
  - {id: S-seal-verify, name: 验证服务系统, url: 'http://127.0.0.1:8082/', requirement: seal-verify}
";

/// A folder as it ships, with two services of this machine; the first class must be over within a second.
fn made() -> Option<(Site, Running)> {
    let site = Site::make(0)?;
    peer("nginx")?;
    for file in ["inventory.yaml", "carriers.yaml", "segments.yaml", "links.csv"] {
        fs::remove_file(site.path(&format!("site/{file}"))).unwrap();
    }
    for file in ["contract.yaml", "requirements.csv", "rounds.yaml"] {
        fs::copy(root().join("inventories/sichuan-courts").join(file), site.path(&format!("site/{file}"))).unwrap();
    }
    let contract = site.read("site/contract.yaml");
    let strict = "when: {impact: stopped}, clocks: [{clock: restore, limit: 1h, strict: true";
    assert!(contract.contains(strict));
    site.write("site/contract.yaml", &contract.replace(strict, &strict.replace("1h", "1s")));
    site.write("site/units.yaml", "units: [{id: U9, name: 示例法院}]\n");
    site.write("site/services.yaml", SERVICES);
    let nginx = nginx(&site);
    Some((site, nginx))
}

fn nginx(site: &Site) -> Running {
    site.nginx("server { listen 127.0.0.1:8081; return 200 ok; } server { listen 127.0.0.1:8082; return 200 ok; }")
}

fn run(site: &Site, arguments: &[&str]) -> Output {
    let mut command: Command = linkpatrol();
    command.args(["--config.file", &site.path("linkpatrol.yaml").display().to_string()]);
    command.args(arguments).output().unwrap()
}

fn state(site: &Site, service: &str) -> String {
    site.get(&format!("/api/v1/services/{service}")).json()["state"].as_str().unwrap_or_default().to_owned()
}

fn all(site: &Site, wanted: &str) {
    let both = |site: &Site| ["S-seal-app", "S-seal-verify"].iter().all(|id| state(site, id) == wanted);
    site.wait(&format!("both are {wanted}"), |site| both(site).then_some(()));
}

/// Year and quarter that run, and those before, as people write them.
fn quarters() -> (i64, [String; 2]) {
    let now = SystemClock::start().now().utc.rfc3339(chrono_tz::Asia::Shanghai);
    let (year, month): (i64, i64) = (now[..4].parse().unwrap(), now[5..7].parse().unwrap());
    let number = (month - 1) / 3 + 1;
    let before = if number == 1 { format!("{}-Q4", year - 1) } else { format!("{year}-Q{}", number - 1) };
    (year, [format!("{year}-Q{number}"), before])
}

#[test]
fn a_contract_for_services_alone_is_served_and_its_points_are_told_by_quarter_and_year() {
    let Some((mut site, nginx_before)) = made() else { return };
    let checked = run(&site, &["--lang", "en", "check"]);
    let text = String::from_utf8(checked.stdout.clone()).unwrap();
    assert!(checked.status.success() && text.contains("a contract without links"), "{}", words(&checked));
    assert!(text.contains("2 services") && text.contains("every 1 s"), "{text}");

    site.start(&[]);
    all(&site, "up");
    assert_eq!(site.metric("linkpatrol_coverage_links{status=\"measured\"}"), Some(0.0));
    assert!(site.get("/-/ready").is_ok());
    for page in [
        "/",
        "/wall",
        "/links",
        "/services",
        "/services/S-seal-app",
        "/incidents",
        "/contract",
        "/topology",
        "/notices",
        "/down",
        "/handover",
        "/maintenance",
        "/certificates",
        "/breaches",
        "/settings",
    ] {
        let answer = site.get(&format!("{page}?lang=en"));
        let text = &answer.body;
        assert!(answer.is_ok() && !text.contains("NaN") && !text.contains("inf%"), "{page}: {text}");
    }

    drop(nginx_before);
    all(&site, "down");
    let incident = site.wait("one incident each", |site| {
        let found = site.incidents();
        (found.len() == 2).then(|| found.into_iter().find(|one| one["scope_id"] == "S-seal-app")).flatten()
    });
    assert_eq!((&incident["kind"], &incident["tier"]), (&"service".into(), &1.into()), "{incident}");
    let clocks: Vec<String> = incident["clocks"].as_array().unwrap().iter().map(clock).collect();
    let grades = ["response 1800 [004 L222-241]", "report 7200 [004 L222-241]", "restore 28800 [004 L222-241]"];
    for wanted in grades.into_iter().chain(["restore 1 [004 L265-276]"]) {
        assert!(clocks.iter().any(|own| own == wanted), "{wanted}: {clocks:?}");
    }
    std::thread::sleep(Duration::from_secs(2));
    let nginx = nginx(&site);
    all(&site, "up");
    site.wait("both are over", |site| site.incidents().iter().all(|one| one["phase"] != "open").then_some(()));

    let (year, [this, before]) = quarters();
    let counts = format!("counts: {{{before}: {{complaints: 3, missed_inspections: 1}}, {this}: {{complaints: 0}}}}\n");
    site.write("counts.yaml", &counts);
    let folder = site.path("site").display().to_string();
    let counts = site.path("counts.yaml").display().to_string();
    let from = format!("{year}-01");
    let asked = ["contract", "simulate", &folder, "--from", &from, "--counts", &counts];
    let told = run(&site, &[&asked[..], &["--output", "json"]].concat());
    assert_eq!(told.status.code(), Some(1), "{}", words(&told));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!((&told["rows"], told["incidents"].as_array().unwrap().len()), (&json!([]), 2));
    let quarter = |name: &str| {
        let quarters = told["quarters"].as_array().unwrap().iter();
        quarters.clone().find(|one| one["quarter"] == name).unwrap_or_else(|| panic!("{name}: {told}")).clone()
    };
    // Two of the first class were late: the first takes all of 30. Three complaints of 20, and an inspection of 40, by hundredths.
    let (now, then) = (quarter(&this), quarter(&before));
    assert_eq!((&now["total"], &now["runs"]), (&"70.00".into(), &true.into()), "{now}");
    assert_eq!((&then["total"], &then["runs"]), (&"97.40".into(), &false.into()), "{then}");
    assert_eq!((&now["taken"][0]["rule"], &now["taken"][0]["count"]), (&"class-1".into(), &2.into()), "{now}");
    assert!(now["missing"].as_array().unwrap().contains(&"missed_inspections".into()), "{now}");
    let mean = if before.starts_with(&year.to_string()) { "91.85" } else { "92.50" };
    let years = told["years"].as_array().unwrap();
    let own = years.iter().find(|own| own["year"] == year).unwrap();
    assert_eq!((&own["mean"], &own["band"], &own["vetoed"]), (&mean.into(), &"free".into(), &json!([])), "{own}");

    let text = run(&site, &[&["--lang", "en"], &asked[..]].concat());
    let text = String::from_utf8(text.stdout).unwrap();
    for line in
        [&format!("points of {this}, which is not over"), &format!("points of {before}"), "  faults  0.00 of 30"]
    {
        assert!(text.lines().any(|own| own == line), "{line}\n{text}");
    }

    // A file that makes faults up is for another command.
    site.write("counts.yaml", "faults: [{at: 2026-10-08T09:00:00+08:00, service: seal-app}]\n");
    let refused = run(&site, &[&["--lang", "en"], &asked[..]].concat());
    assert_eq!(refused.status.code(), Some(1));
    assert!(words(&refused).contains("leave `counts` only"), "{}", words(&refused));

    // Another service is taken in while it runs, and what the journal holds is judged alike again.
    let more = "  - {id: S-seal-issue, name: 制发系统, url: 'http://127.0.0.1:8081/', requirement: seal-issue}\n";
    site.write("site/services.yaml", &(SERVICES.to_owned() + more));
    site.wait("the third is visited", |site| (state(site, "S-seal-issue") == "up").then_some(()));
    site.daemon().signal(libc::SIGTERM);
    assert_eq!(site.daemon().wait(Duration::from_secs(10)), 0);
    for action in ["verify", "replay"] {
        let output = run(&site, &["--lang", "en", "journal", action]);
        assert!(output.status.success(), "{action}: {}", words(&output));
    }
    drop(nginx);
}

/// `restore 28800 [004 L222-241]`: kind, seconds from start to deadline, clause.
fn clock(clock: &Value) -> String {
    let at = |key: &str| chrono::DateTime::parse_from_rfc3339(clock[key].as_str().unwrap()).unwrap();
    let seconds = (at("deadline") - at("started")).num_seconds();
    format!("{} {seconds} [{}]", clock["clock"].as_str().unwrap(), clock["clause"].as_str().unwrap())
}
