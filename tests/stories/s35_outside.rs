//! What comes from outside: planned work, reported faults and alerts of another monitor, at a daemon that measures real lines.

use std::{process::Output, time::Duration};

use linkpatrol::{
    clock::{Clock, SystemClock},
    units::Timestamp,
};
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Running, linkpatrol, peer, request, words},
    site::Site,
};

/// A site whose contract asks for five seconds of notice, around the clock.
fn site(links: u8) -> Option<Site> {
    let site = Site::make(links)?;
    let contract = site.read("site/contract.yaml");
    let short =
        contract.replace("notice of planned work}, default: 2 working days}", "notice of planned work}, default: 5s}");
    let short = short.replace(
        "  notice: {switch: maintenance-notice}\n  calendar: working-hours\n",
        "  notice: {switch: maintenance-notice}\n  calendar: 7x24\n",
    );
    assert_ne!(contract, short);
    site.write("site/contract.yaml", &short);
    Some(site)
}

/// `linkpatrol` with these arguments, inside the site's network.
fn run(site: &Site, arguments: &[&str]) -> Output {
    let program = linkpatrol();
    let mut command = site.namespace.command(&[&program.get_program().to_string_lossy()]);
    command.args(arguments).args(["--lang", "en", "--config.file"]).arg(site.path("linkpatrol.yaml"));
    command.output().expect("the program")
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", words(output)))
}

fn now() -> Timestamp {
    SystemClock::start().now().utc
}

fn at(seconds: u64) -> String {
    now().plus(Duration::from_secs(seconds)).rfc3339(chrono_tz::Asia::Shanghai)
}

/// Announces work on a link that begins and ends so many seconds from now.
fn plan(site: &Site, link: &str, from: u64, to: u64, more: &[&str]) -> Value {
    let (from, to) = (at(from), at(to));
    let on = format!("link/{link}");
    let arguments = ["window", "add", "--on", &on, "--from", &from, "--to", &to, "--output", "json"];
    let who = ["--requester", "甲施工", "--actor", "值班", "--reason", "割接"];
    let output = run(site, &[&arguments[..], &who, more].concat());
    assert!(output.status.success(), "{}", words(&output));
    json_of(&output)
}

fn incident_of(site: &Site, link: &str) -> Option<Value> {
    let holds =
        |incident: &Value| incident["links"].as_array().is_some_and(|all| all.iter().any(|one| one["link"] == link));
    site.incidents().into_iter().find(holds)
}

#[test]
fn a_cut_in_a_valid_window_is_planned_work_and_the_same_cut_in_a_late_one_is_an_outage() {
    let Some(mut site) = site(6) else { return };
    let rows = site.read("site/links.csv").replace("far_address\n", "far_address,group\n");
    let rows = rows.lines().map(|row| match row {
        _ if row.starts_with("LL-0005") || row.starts_with("LL-0006") => format!("{row},G1\n"),
        _ if row.starts_with("id,") => format!("{row}\n"),
        _ => format!("{row},\n"),
    });
    site.write("site/links.csv", &rows.collect::<String>());
    site.start(&[]);
    site.all_up(6);

    // Announced in time and approved; announced in time and not approved; announced too late.
    let valid = plan(&site, "LL-0002", 7, 19, &["--approver", "王处"]);
    assert_eq!(valid["standing"], "valid", "{valid}");
    let unapproved = plan(&site, "LL-0003", 7, 60, &[]);
    assert_eq!(unapproved["standing"], "unapproved", "{unapproved}");
    let late = plan(&site, "LL-0004", 4, 60, &["--approver", "王处", "--drill"]);
    assert!(late["standing"] == "late" && late["earliest"].is_string(), "{late}");
    // Work on one leg, then on the other at the same time: whoever plans is told.
    let leg = plan(&site, "LL-0005", 600, 900, &["--approver", "王处"]);
    assert_eq!(leg["overlaps"], json!([]));
    let other = plan(&site, "LL-0006", 700, 1_000, &["--approver", "王处"]);
    assert_eq!(other["overlaps"][0]["group"], "G1", "{other}");
    assert_eq!(other["overlaps"][0]["windows"], json!([leg["window"], other["window"]]));
    let listed = run(&site, &["window", "list"]);
    let listed = words(&listed);
    assert!(
        listed.contains("announced too late: stops no clock") && listed.contains("redundancy group G1"),
        "{listed}"
    );
    // The requester cannot agree to his own work, and nonsense is told where it is wrong.
    let id = unapproved["window"].as_str().expect("an id").to_owned();
    let own = run(&site, &["window", "approve", &id, "--actor", "甲施工"]);
    assert_eq!(own.status.code(), Some(1), "{}", words(&own));
    let nobody = site.post("/api/v1/windows", &json!({
        "scopes": ["link/LL-9999"], "from": at(10), "to": at(20), "requester": "甲", "reason": "割接", "actor": "值班"
    }));
    assert_eq!(nobody.json()["code"], "no_such_scope", "{nobody:?}");

    site.wait("the window runs", |site| (site.state(2) == "maintenance").then_some(()));
    [2, 3, 4].into_iter().for_each(|number| site.cut(number));
    for number in [3, 4] {
        site.wait("what is no planned work is an outage", |site| (site.state(number) == "down").then_some(()));
        let incident = site.wait("with an incident", |site| {
            incident_of(site, &format!("LL-000{number}")).filter(|incident| !incident["announced"].is_null())
        });
        let clocks = incident["clocks"].as_array().expect("clocks");
        assert!(clocks.iter().any(|clock| clock["stopped"].is_null()), "{incident}");
    }
    assert_eq!(site.state(2), "maintenance");
    assert_eq!(incident_of(&site, "LL-0002"), None);
    let windows = site.get("/api/v1/windows").json();
    let shown =
        |id: &Value| windows["windows"].as_array().expect("windows").iter().find(|window| window["id"] == *id).cloned();
    let (valid_row, late_row) = (shown(&valid["window"]).expect("a row"), shown(&late["window"]).expect("a row"));
    assert_eq!((&valid_row["phase"], &valid_row["standing"]), (&json!("running"), &json!("valid")));
    assert!(late_row["standing"] == "late" && late_row["drill"] == true && late_row["announced"].is_string());

    // It lasts longer than was planned: an outage from the end of the window on.
    let ends = valid_row["to"].as_str().expect("a time").to_owned();
    let overrun = site.wait("the window is over", |site| incident_of(site, "LL-0002"));
    assert_eq!(overrun["began"], json!(ends), "{overrun}");
    // A restart finds its windows again.
    site.daemon().signal(libc::SIGTERM);
    assert_eq!(site.daemon().wait(Duration::from_secs(10)), 0, "{}", site.printed());
    let row = |site: &Site, link: &str| {
        json_of(&run(site, &["ledger", "show", link, "--output", "json"]))["links"][0].clone()
    };
    let (planned, outage) = (row(&site, "LL-0002"), row(&site, "LL-0004"));
    // Its ends are civil times, which the steady clock knows to a millisecond.
    let maintenance = planned["states"]["maintenance"].as_u64().expect("milliseconds");
    assert!(maintenance.abs_diff(12_000) <= 1, "{planned}");
    assert_eq!(outage["states"]["maintenance"], 0, "{outage}");
    assert!(outage["states"]["down"].as_u64() > Some(0), "{outage}");
    site.start(&[]);
    let kept = site.get("/api/v1/windows?all=true").json();
    assert_eq!(kept["total"], 5, "{kept}");
    let cancelled = run(&site, &["window", "cancel", leg["window"].as_str().expect("an id"), "--actor", "值班"]);
    assert!(cancelled.status.success(), "{}", words(&cancelled));
    assert_eq!(site.get("/api/v1/windows").json()["overlaps"], json!([]));
    site.daemon().signal(libc::SIGTERM);
    assert_eq!(site.daemon().wait(Duration::from_secs(10)), 0, "{}", site.printed());
    for what in ["verify", "replay"] {
        let proved = run(&site, &["journal", what]);
        assert!(proved.status.success(), "{}", words(&proved));
    }
    let exported = words(&run(&site, &["journal", "export"]));
    assert!(exported.contains("text-"), "{exported}");
    for apart in ["割接", "王处", "甲施工"] {
        assert!(!exported.contains(apart), "{apart} stands in the chain");
    }
}

#[test]
fn what_people_and_other_monitors_report_stands_beside_what_was_measured() {
    let Some(mut site) = site(4) else { return };
    site.start(&[]);
    site.all_up(4);
    let report = |site: &Site, link: &str, what: &str| {
        let arguments = ["incident", "open", "--link", link, "--what", what, "--actor", "陈科", "--party", "unit/U1"];
        run(site, &[&arguments[..], &["--way", "phone", "--output", "json"]].concat())
    };
    // Nobody measures it: an incident of its own, whose clocks run from the report.
    let told = report(&site, "LL-0001", "网页打不开");
    assert!(told.status.success(), "{}", words(&told));
    let told = json_of(&told);
    assert_eq!(told["joined"], false, "{told}");
    let stands = site.wait("the report stands", |site| {
        incident_of(site, "LL-0001").filter(|incident| incident["clocks"].as_array().is_some_and(|all| !all.is_empty()))
    });
    assert_eq!((&stands["kind"], &stands["phase"]), (&json!("reported"), &json!("open")));
    let first = &stands["timeline"][0];
    assert_eq!(
        (&first["event"], &first["party"], &first["way"]),
        (&json!("customer_reported"), &json!("unit/U1"), &json!("phone"))
    );
    assert_eq!(site.state(1), "up");
    // Then a probe sees it: one cause, one incident, and the customer's word stands in it.
    let reported = stands["id"].as_str().expect("an id").to_owned();
    let link_1_is_measured = |site: &Site| {
        let of = |incident: &Value| incident["kind"] == "outage" && incident["links"][0]["link"] == "LL-0001";
        site.incidents()
            .into_iter()
            .find(|incident| of(incident) && incident["timeline"].to_string().contains("customer_reported"))
    };
    site.cut(1);
    let whole = site.wait("the report is part of the measured outage", link_1_is_measured);
    let part = site.get(&format!("/api/v1/incidents/{reported}")).json();
    assert_eq!((&part["merged_into"], &part["phase"]), (&whole["id"], &json!("closed")));
    // Another call about it joins.
    let again = json_of(&report(&site, "LL-0001", "还是打不开"));
    assert_eq!((&again["joined"], &again["incidents"]), (&json!(true), &json!([whole["id"]])));
    // What no probe sees ends by a person's word; what a probe sees does not.
    let other = json_of(&report(&site, "LL-0003", "很慢"))["incidents"][0].as_str().expect("an id").to_owned();
    let measured = run(&site, &["incident", "restore", whole["id"].as_str().expect("an id"), "--actor", "值班"]);
    assert_eq!(measured.status.code(), Some(1), "{}", words(&measured));
    let restored = run(&site, &["incident", "restore", &other, "--actor", "值班", "--note", "用户确认"]);
    assert!(restored.status.success(), "{}", words(&restored));
    assert_eq!(site.get(&format!("/api/v1/incidents/{other}")).json()["phase"], "restored");
    assert_eq!(report(&site, "LL-9999", "无").status.code(), Some(1));

    another_monitor_reports_through_alertmanager(&site);
    site.daemon().signal(libc::SIGTERM);
    assert_eq!(site.daemon().wait(Duration::from_secs(10)), 0, "{}", site.printed());
    for what in ["verify", "replay"] {
        let proved = run(&site, &["journal", what]);
        assert!(proved.status.success(), "{}", words(&proved));
    }
}

/// Of the site's Alertmanager.
const ALERTMANAGER: &str = "127.0.0.1:9093";

fn another_monitor_reports_through_alertmanager(site: &Site) {
    let Some(program) = peer("prometheus-alertmanager") else { return };
    let config = format!(
        "route: {{receiver: patrol, group_wait: 0s, group_interval: 1s, repeat_interval: 1s}}\n\
         receivers: [{{name: patrol, webhook_configs: [{{url: \"http://{}/api/v1/alerts\"}}]}}]\n",
        site.address
    );
    site.write("alertmanager.yml", &config);
    let mut command = site.namespace.command(&[&program.to_string_lossy()]);
    command
        .arg(format!("--config.file={}", site.path("alertmanager.yml").display()))
        .arg(format!("--storage.path={}", site.path("alertmanager").display()))
        .arg(format!("--web.listen-address={ALERTMANAGER}"))
        .arg("--cluster.listen-address=");
    let _running = Running::start("alertmanager", site.folder.path(), &mut command);
    let address = ALERTMANAGER.parse().expect("an address");
    let fire = |alerts: &Value| {
        let headers = [("Content-Type", "application/json")];
        site.within(|| request(address, "POST", "/api/v2/alerts", &headers, &alerts.to_string()))
            .ok()
            .filter(Answer::is_ok)
    };
    let alert = |name: &str, more: Value| {
        let mut labels = json!({"alertname": name});
        labels.as_object_mut().expect("labels").extend(more.as_object().expect("labels").clone());
        json!({"labels": labels, "startsAt": at(0), "annotations": {"summary": "机房温度高"}})
    };
    let (hot, slow) = (alert("Hot", json!({"room": "3"})), alert("Slow", json!({"link": "LL-0004"})));
    let ours = alert("LinkOutage", json!({"incident": "01KDVDNK00000000000000TEST"}));
    site.wait("Alertmanager takes alerts", |_| fire(&json!([hot, slow, ours])));
    let of = |site: &Site, scope: &str| {
        site.incidents().into_iter().find(|incident| incident["scope"] == scope && incident["source"].is_string())
    };
    let outside = site.wait("the alert without a link stands", |site| of(site, "outside"));
    assert!(outside["kind"] == "reported" && outside["clocks"] == json!([]), "{outside}");
    assert!(outside["timeline"][0]["note"].as_str().is_some_and(|note| note.contains("机房温度高")), "{outside}");
    let link = site.wait("the alert about a link stands", |site| of(site, "link"));
    assert_eq!(link["links"], json!([{"link": "LL-0004", "down": false}]));
    let count =
        |site: &Site, outcome: &str| site.metric(&format!("linkpatrol_alerts_received_total{{outcome=\"{outcome}\"}}"));
    site.wait("it was told again and again", |site| (count(site, "repeated") > Some(2.0)).then_some(()));
    assert_eq!(count(site, "opened"), Some(2.0), "each once");
    assert!(count(site, "own") >= Some(1.0), "our own words are refused");
    let mut over = hot.clone();
    over["endsAt"] = at(0).into();
    site.wait("Alertmanager takes the end", |_| fire(&json!([over])));
    site.wait("the alert is over, and so is its incident", |site| {
        of(site, "outside").filter(|incident| incident["phase"] == "restored")
    });
    assert_eq!(of(site, "link").expect("the other")["phase"], "open");
}
