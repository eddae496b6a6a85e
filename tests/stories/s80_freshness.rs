//! How old a file and the newest record of a page are, behind a real nginx: good, too old, told wrongly, and good again.

#![expect(clippy::unwrap_used, reason = "a story may stop at what should not happen")]

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    time::{Duration, SystemTime},
};

use linkpatrol::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::{
    harness::{Running, linkpatrol, peer, words},
    site::Site,
};

const SERVICES: &str = r#"defaults: {interval: 1s, timeout: 1s, confirm: 1, spacing: 100ms}
services:
  - {id: daily, name: 示例日报文件, url: "http://127.0.0.1:8080/daily.csv", freshness: {within: 1h}}
  - {id: alarms, url: "http://127.0.0.1:8080/alarms.json", freshness: {within: 15m, record: /data/0/time}}
  - {id: sensors, url: "http://127.0.0.1:8080/sensors.json", freshness: {within: 15m, record: "body.rows.map(row, row.seen)"}}
  - {id: yearbook, url: "ftp://127.0.0.1:2121/pub/yearbook.zip", freshness: {within: 1d}}
"#;

fn nginx(site: &Site) -> Running {
    let folder = site.folder.path().display();
    site.nginx(&format!("server {{ listen 127.0.0.1:8080; root {folder}/www; }}"))
}

/// A server that knows one file, made when `yearbook.date` says.
fn files(site: &Site) {
    let listener = site.within(|| TcpListener::bind("127.0.0.1:2121").unwrap());
    let date = site.path("yearbook.date");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let _ = stream.write_all(b"220-welcome\r\n220 files\r\n");
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|length| length > 0) {
                let answer = match line.trim_end() {
                    "USER anonymous" => "331 your address".to_owned(),
                    "PASS linkpatrol@" => "230 welcome".to_owned(),
                    "MDTM pub/yearbook.zip" => format!("213 {}", fs::read_to_string(&date).unwrap()),
                    "QUIT" => "221 bye".to_owned(),
                    other => format!("500 {other}"),
                };
                let _ = stream.write_all(format!("{answer}\r\n").as_bytes());
                line.clear();
            }
        }
    });
}

/// Milliseconds since 1970, so many seconds ago.
fn ago(seconds: i64) -> i64 {
    SystemClock::start().now().utc.0 - seconds * 1_000
}

fn rfc3339(seconds: i64) -> String {
    linkpatrol::units::Timestamp(ago(seconds)).rfc3339(chrono_tz::Asia::Shanghai)
}

/// Sets when the file was last written, in seconds before now.
fn touch(site: &Site, seconds: i64) {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(ago(seconds).unsigned_abs());
    File::options().write(true).open(site.path("www/daily.csv")).unwrap().set_modified(at).unwrap();
}

/// Whoever reads it sees the old or the new, whole.
fn put(site: &Site, name: &str, text: &str) {
    site.write("new", text);
    fs::rename(site.path("new"), site.path(name)).unwrap();
}

fn yearbook(site: &Site, seconds: i64) {
    let time = chrono::DateTime::from_timestamp_millis(ago(seconds)).unwrap();
    put(site, "yearbook.date", &time.format("%Y%m%d%H%M%S").to_string());
}

fn alarms(site: &Site, time: &Value) {
    put(site, "www/alarms.json", &json!({"data": [{"time": time, "text": "示例"}]}).to_string());
}

fn sensors(site: &Site, seen: &[Value]) {
    let rows: Vec<Value> = seen.iter().map(|seen| json!({ "seen": seen })).collect();
    put(site, "www/sensors.json", &json!({ "rows": rows }).to_string());
}

fn service(site: &Site, id: &str) -> Value {
    site.get(&format!("/api/v1/services/{id}")).json()
}

fn failing(site: &Site, id: &str, reason: &str) -> Value {
    site.wait(&format!("{id} is {reason}"), |site| {
        Some(service(site, id)).filter(|one| one["state"] == "degraded" && one["reason"] == reason)
    })
}

fn up(site: &Site, id: &str) -> Value {
    site.wait(&format!("{id} is up"), |site| Some(service(site, id)).filter(|one| one["state"] == "up"))
}

fn age(site: &Site, id: &str) -> f64 {
    let at = site.metric(&format!("linkpatrol_freshness_timestamp_seconds{{service=\"{id}\"}}"));
    ago(0) as f64 / 1e3 - at.unwrap_or_else(|| panic!("no time of {id}"))
}

fn about(seconds: f64, wanted: f64) -> bool {
    (wanted - 2.0..wanted + 60.0).contains(&seconds)
}

#[test]
fn what_is_too_old_is_stale_with_its_age_and_recovers() {
    let Some(mut site) = Site::make(1) else { return };
    if peer("nginx").is_none() {
        return;
    }
    site.write("site/services.yaml", SERVICES);
    fs::create_dir(site.path("www")).unwrap();
    site.write("www/daily.csv", "日期,数量\n");
    touch(&site, 600);
    alarms(&site, &json!(rfc3339(60)));
    sensors(&site, &[json!(ago(90_000) / 1_000), json!(ago(120) / 1_000)]);
    yearbook(&site, 7_200);
    files(&site);
    let _nginx = nginx(&site);
    site.start(&[]);

    // All are fresh: the newest of several records counts, whatever the form of its time.
    for (id, wanted) in [("daily", 600.0), ("alarms", 60.0), ("sensors", 120.0), ("yearbook", 7_200.0)] {
        let shown = up(&site, id);
        assert!(about(shown["freshness"]["age_seconds"].as_f64().unwrap(), wanted), "{shown}");
        assert!(about(age(&site, id), wanted), "{id}: {}", age(&site, id));
    }
    let shown = service(&site, "sensors")["freshness"].clone();
    assert_eq!([&shown["within_seconds"], &shown["record"]], [&json!(900.0), &json!("body.rows.map(row, row.seen)")]);
    assert_eq!(service(&site, "daily")["freshness"]["record"], Value::Null);

    // All grow old: the service is there, and not as it should be, with the age in the text.
    touch(&site, 7_500);
    alarms(&site, &json!(ago(1_000)));
    sensors(&site, &[json!((ago(3_000) / 1_000).to_string()), json!(rfc3339(2_000))]);
    yearbook(&site, 100_000);
    for (id, wanted, bound) in [
        ("daily", 7_500.0, 3_600),
        ("alarms", 1_000.0, 900),
        ("sensors", 2_000.0, 900),
        ("yearbook", 100_000.0, 86_400),
    ] {
        let stale = failing(&site, id, "stale");
        let text = stale["text"].as_str().unwrap();
        let seconds = text.split(", ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
        assert!(about(seconds.parse().unwrap(), wanted), "{text}");
        assert!(text.ends_with(&format!(", {bound} s allowed")) && stale["phase"] == "content", "{stale}");
        assert!(about(age(&site, id), wanted), "{id}: {}", age(&site, id));
        let series = format!("linkpatrol_probe_failure_reason{{service=\"{id}\",phase=\"content\",reason=\"stale\"}}");
        site.wait("the reason is exported", |site| (site.metric(&series) == Some(1.0)).then_some(()));
    }
    let incident = site.wait("it has an incident", |site| {
        site.incidents().into_iter().find(|one| one["scope"] == "service" && one["scope_id"] == "daily")
    });
    assert_eq!(incident["service"]["reason"], "stale", "{incident}");

    let explained =
        linkpatrol().arg("--config.file").arg(site.path("linkpatrol.yaml")).args(["explain", "sensors"]).output();
    assert!(words(&explained.unwrap()).contains("body.rows.map(row, row.seen)"));

    // By hand the same, with its exit code.
    let once = |url: &str, more: &[&str]| {
        let program = linkpatrol();
        let mut command = site.namespace.command(&[&program.get_program().to_string_lossy()]);
        command.env("LANG", "en_US.UTF-8").args(["--output", "json", "once", url]).args(more);
        command.output().unwrap()
    };
    let output = once("http://127.0.0.1:8080/daily.csv", &["--within", "1h"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", words(&output)));
    assert_eq!((output.status.code(), &told["reason"]), (Some(1), &json!("stale")));
    assert!(about(told["freshness"]["age_seconds"].as_f64().unwrap(), 7_500.0), "{told}");
    let record = ["--within", "1h", "--record", "/data/0/time"];
    assert_eq!(once("http://127.0.0.1:8080/alarms.json", &record).status.code(), Some(0));
    let output = once("tcp://127.0.0.1:8080", &["--within", "1h"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(words(&output).contains("tcp"), "{}", words(&output));

    // Times that cannot be read, or lie ahead, are faults of their own; an unread one has no sample.
    alarms(&site, &json!("2026-11-27 08:00:00"));
    sensors(&site, &[json!(rfc3339(10)), json!(rfc3339(-3_600))]);
    put(&site, "yearbook.date", "yesterday");
    let unread = failing(&site, "alarms", "time_unreadable");
    assert_eq!(unread["text"], "/data/0/time: \"2026-11-27 08:00:00\" is no time");
    assert_eq!(unread["freshness"]["at"], Value::Null);
    assert_eq!(site.metric("linkpatrol_freshness_timestamp_seconds{service=\"alarms\"}"), None);
    let ahead = failing(&site, "sensors", "time_in_future");
    assert!(ahead["freshness"]["age_seconds"].as_f64().unwrap() < -3_500.0, "{ahead}");
    assert!(ahead["text"].as_str().unwrap().ends_with(" s ahead"), "{ahead}");
    assert_eq!(failing(&site, "yearbook", "time_unreadable")["text"], "213 yesterday");

    // All recover, and the incident with them.
    touch(&site, 5);
    alarms(&site, &json!(ago(5) / 1_000));
    sensors(&site, &[json!(rfc3339(-30))]);
    yearbook(&site, 5);
    for id in ["daily", "alarms", "sensors", "yearbook"] {
        up(&site, id);
    }
    site.wait("its incident is over", |site| {
        let over = |one: &Value| one["scope_id"] == "daily" && one["phase"] == "restored";
        site.incidents().into_iter().find(over).map(drop)
    });
}
