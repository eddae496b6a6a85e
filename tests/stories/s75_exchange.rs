//! Data exchange: what a page, a file and posted counts tell of groups of tasks; losses, staleness, silence and recovery.

#![expect(clippy::unwrap_used, reason = "a story may stop at what should not happen")]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono_tz::Asia::Shanghai;
use linkpatrol::{
    clock::{Clock, SystemClock},
    units::Timestamp,
};
use serde_json::{Value, json};

use crate::{
    gateway::Gateway,
    harness::{linkpatrol, root, words},
    site::Site,
};

const HEAD: &str = "编号,类别,名称,任务数,需求编号,责任单位,数据来源,查看间隔,成功时限,静默时限,备注\n";

/// A page that answers with whatever it holds, and counts its readers. Empty: it hangs up.
#[derive(Clone, Default)]
struct Page {
    text: Arc<Mutex<String>>,
    readers: Arc<Mutex<u32>>,
}

impl Page {
    fn open(site: &Site, port: u16) -> Self {
        let listener = site.within(|| TcpListener::bind(("127.0.0.1", port)).unwrap());
        let page = Self::default();
        let own = page.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
                    line.clear();
                }
                *own.readers.lock().unwrap() += 1;
                let text = own.text.lock().unwrap().clone();
                if !text.is_empty() {
                    let head =
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", text.len());
                    let _ = stream.write_all((head + &text).as_bytes());
                }
            }
        });
        page
    }

    fn say(&self, text: &str) {
        text.clone_into(&mut self.text.lock().unwrap());
    }
}

/// So many seconds ago.
fn ago(seconds: i64) -> String {
    before(SystemClock::start().now().utc, seconds)
}

fn before(moment: Timestamp, seconds: i64) -> String {
    Timestamp(moment.0 - seconds * 1_000).rfc3339(Shanghai)
}

/// What is told of a group: sent, received, rejected, mismatched; counted now, succeeded so many seconds ago.
fn task(id: &str, [sent, received, rejected, mismatched]: [u64; 4], success: i64) -> Value {
    // One look at the clock: no success is later than the count.
    let now = SystemClock::start().now().utc;
    json!({
        "task": id, "at": before(now, 0), "sent": sent, "received": received, "rejected": rejected, "mismatched": mismatched,
        "last_success": before(now, success),
    })
}

fn document(tasks: &[Value]) -> String {
    json!({"tasks": tasks}).to_string()
}

fn group(site: &Site, id: &str) -> Value {
    site.get(&format!("/api/v1/services/{id}")).json()
}

fn in_state(site: &Site, id: &str, state: &str) -> Value {
    site.wait(&format!("{id} is {state}"), |site| Some(group(site, id)).filter(|group| group["state"] == state))
}

fn records(site: &Site, id: &str, outcome: &str) -> Option<f64> {
    site.metric(&format!("linkpatrol_exchange_records{{service=\"{id}\",outcome=\"{outcome}\"}}"))
}

fn incident_of(site: &Site, id: &str) -> Option<Value> {
    site.incidents().into_iter().find(|one| one["scope"] == "service" && one["scope_id"] == id)
}

fn post(site: &Site, tasks: &[Value]) -> Value {
    let named = tasks.iter().cloned().map(|mut task| {
        task["kind"] = json!("exchange");
        task
    });
    let body = json!({"actor": "示例交换平台", "source": "bus", "observations": named.collect::<Vec<_>>()});
    let answer = site.post("/api/v1/observations", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

#[test]
fn records_that_are_lost_are_a_breach_and_silence_is_unknown() {
    let Some(mut site) = Site::make(1) else { return };
    fs::copy(root().join("inventories/xuchang/requirements.csv"), site.path("site/requirements.csv")).unwrap();
    let file = site.path("tasks.json");
    let ledger = format!(
        "{HEAD}P-1,采集,示例采集组一,104,1,U1,http://127.0.0.1:7001/tasks,1s,1h,4s,\n\
         P-2,治理,示例治理组,67,1,,http://127.0.0.1:7001/tasks,1s,1h,4s,\n\
         F-1,融合,示例融合组,44,,,file://{},1s,1h,1h,\n\
         H-1,共享,示例共享组,71,,,posted,1s,1h,1h,\n",
        file.display()
    );
    site.write("site/exchange.csv", &ledger);
    let desk = Gateway::open(&site, ([127, 0, 0, 1], 9999).into());
    let webhook = "webhooks: [{name: desk, url: \"http://127.0.0.1:9999/\"}]\n";
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + webhook));
    let page = Page::open(&site, 7001);
    site.start(&[]);

    // Nobody has told anything: unknown, with the reason, and no incident.
    let shown = in_state(&site, "F-1", "unknown");
    site.wait("the file is looked for", |site| {
        group(site, "F-1")["text"].as_str().filter(|text| text.contains("No such file")).map(drop)
    });
    assert_eq!(
        [&shown["exchange"]["kind"], &shown["exchange"]["tasks"], &shown["exchange"]["stale_after_seconds"]],
        [&json!("fuse"), &json!(44), &json!(3_600.0)]
    );
    assert_eq!((records(&site, "F-1", "sent"), site.incidents().len()), (None, 0));

    // All is well, by all three ways; the page is read once for both of its groups.
    let good = |id: &str| task(id, [120, 120, 0, 0], 60);
    let tell = |tasks: &[Value]| page.say(&document(tasks));
    tell(&[good("P-1"), good("P-2"), good("of-others")]);
    fs::write(&file, document(&[good("F-1")])).unwrap();
    assert_eq!(post(&site, &[good("H-1")])["taken"], 1);
    for id in ["F-1", "H-1"] {
        in_state(&site, id, "up");
    }
    let told = in_state(&site, "H-1", "up")["exchange"]["told"].clone();
    assert_eq!([&told["sent"], &told["received"], &told["lost"]], [&json!(120), &json!(120), &json!(0)]);

    // A loss on the file, rejected ones on the posted: each is a breach with its count, its reason and an incident.
    fs::write(&file, document(&[task("F-1", [120, 117, 0, 2], 60)])).unwrap();
    assert_eq!(post(&site, &[task("H-1", [50, 50, 4, 0], 60)])["taken"], 1);
    let lost = in_state(&site, "F-1", "degraded");
    assert_eq!(
        [&lost["reason"], &lost["phase"], &lost["text"]],
        ["exchange_lost", "content", "3 of 120 lost, 2 mismatched"]
    );
    let rejected = in_state(&site, "H-1", "degraded");
    assert_eq!([&rejected["reason"], &rejected["text"]], ["exchange_rejected", "4 rejected"]);
    site.wait("the lost are counted", |site| (records(site, "F-1", "lost") == Some(3.0)).then_some(()));
    assert_eq!(records(&site, "F-1", "mismatched"), Some(2.0));
    let series = "linkpatrol_probe_failure_reason{service=\"F-1\",phase=\"content\",reason=\"exchange_lost\"}";
    assert_eq!(site.metric(series), Some(1.0));
    let incident = site
        .wait("its incident is told of", |site| incident_of(site, "F-1").filter(|one| one["announced"].is_string()));
    assert_eq!([&incident["kind"], &incident["service"]["reason"]], ["service", "exchange_lost"]);
    let id = incident["id"].as_str().unwrap();
    site.wait("the desk was told", |_| desk.transcript().iter().any(|sent| sent.key.starts_with(id)).then_some(()));

    // A page that cannot be understood, or has no word of a group, accuses nobody: unknown once it is too old.
    tell(&[good("P-1"), task("P-2", [9, 9, 0, 0], 7_200)]);
    let stale = in_state(&site, "P-2", "down");
    assert_eq!(stale["reason"], "exchange_stale");
    assert!(stale["text"].as_str().unwrap().starts_with("no success since "), "{stale}");
    in_state(&site, "P-1", "up");
    page.say("{\"tasks\": [{\"task\": \"P-1\", \"sent\": -1}]}");
    let silent = in_state(&site, "P-1", "unknown");
    let why = silent["text"].as_str().unwrap();
    assert!(why.starts_with("nothing new is told since ") && why.contains("invalid value: integer `-1`"), "{why}");
    assert_eq!((records(&site, "P-1", "sent"), incident_of(&site, "P-1")), (None, None));
    in_state(&site, "P-2", "unknown");
    let open = incident_of(&site, "P-2").unwrap();
    assert_eq!(open["phase"], "open", "silence is no recovery: {open}");
    let shown = site.get("/services?format=csv&lang=en").body;
    let row = shown.lines().find(|line| line.contains("示例采集组一")).unwrap_or_default();
    assert!(row.starts_with("unknown,"), "{shown}");
    page.say("");
    site.wait("who hangs up is named", |site| {
        group(site, "P-1")["text"].as_str().filter(|text| text.contains("connection_closed")).map(drop)
    });

    // What is no observation is refused, each by itself.
    let mut late = task("H-1", [1, 1, 0, 0], 0);
    let then = json!(ago(3_000));
    (late["at"], late["last_success"]) = (then.clone(), then);
    let mut early = task("H-1", [1, 1, 0, 0], 0);
    early["at"] = json!("2099-01-01T00:00:00+08:00");
    let refused = post(&site, &[good("X-9"), good("P-1"), early, task("H-1", [1, 1, 0, 0], -600), late]);
    let codes: Vec<_> = refused["refused"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
    assert_eq!(codes, ["no_such_task", "no_such_task", "wrong_span", "wrong_span"]);
    assert_eq!((&refused["taken"], &refused["repeated"]), (&json!(0), &json!(1)));
    let wrong = json!({"actor": "a", "source": "b", "observations": [{"kind": "exchange", "task": "H-1", "sent": -1}]});
    assert_eq!(site.post("/api/v1/observations", &wrong).status, 400);

    // A restart keeps what was posted, and the incident.
    site.daemon().signal(libc::SIGTERM);
    assert_eq!(site.daemon().wait(Duration::from_secs(20)), 0, "{}", site.printed());
    site.start(&[]);
    let again = site.wait("what was posted is known again", |site| {
        Some(group(site, "H-1")).filter(|group| group["exchange"]["told"]["rejected"] == 4)
    });
    assert_eq!([&again["state"], &again["reason"]], ["degraded", "exchange_rejected"]);

    // All recover, and the incidents with them.
    tell(&[good("P-1"), good("P-2")]);
    fs::write(&file, document(&[good("F-1")])).unwrap();
    assert_eq!(post(&site, &[good("H-1")])["taken"], 1);
    for id in ["F-1", "H-1"] {
        in_state(&site, id, "up");
        site.wait("its incident is over", |site| {
            incident_of(site, id).filter(|one| one["phase"] == "restored").map(drop)
        });
    }
    // What the page said is too old after seconds: it is said again until it is seen.
    site.wait("what was stale is over too", |site| {
        tell(&[good("P-1"), good("P-2")]);
        incident_of(site, "P-2").filter(|one| one["phase"] == "restored").map(drop)
    });
    assert!(*page.readers.lock().unwrap() > 0);

    site.daemon().signal(libc::SIGTERM);
    site.daemon().wait(Duration::from_secs(20));
    let replayed = linkpatrol().args(["journal", "replay", "--data-dir"]).arg(site.path("state")).output().unwrap();
    assert!(replayed.status.success(), "{}", words(&replayed));
}
