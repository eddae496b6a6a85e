//! What people have to act on besides incidents: notes of carriers, problems, changes, and tickets of another system.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Output,
    sync::{Arc, Mutex},
    time::Duration,
};

use linkpatrol::{
    clock::{Clock, SystemClock},
    units::Timestamp,
};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    harness::{linkpatrol, request, words},
    site::Site,
};

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

/// So many days from now, as a calendar writes it.
fn day(days: u64) -> String {
    let at = SystemClock::start().now().utc.plus(Duration::from_secs(days * 86_400));
    let Timestamp(millis) = at;
    chrono::DateTime::from_timestamp_millis(millis).expect("a time").format("%Y%m%dT%H%M%SZ").to_string()
}

/// A note of carrier 甲 (`noc.example`) about work on a circuit, on the tenth day from now.
fn note(sequence: u32, status: &str, circuit: &str, last: u64) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//noc.example//maintenance//\r\nBEGIN:VEVENT\r\nSUMMARY:Line card\r\n  \
         swap\r\nDTSTAMP:{}\r\nDTSTART:{}\r\nDTEND:{}\r\nUID:{circuit}@noc.example\r\nSEQUENCE:{sequence}\r\n\
         ORGANIZER;CN=\"李工\":mailto:li@noc.example\r\nX-MAINTNOTE-PROVIDER:NOC.example\r\n\
         X-MAINTNOTE-ACCOUNT:137.035999173\r\nX-MAINTNOTE-MAINTENANCE-ID:WorkOrder-31415\r\n\
         X-MAINTNOTE-OBJECT-ID:{circuit}\r\nX-MAINTNOTE-IMPACT:OUTAGE\r\nX-MAINTNOTE-STATUS:{status}\r\nEND:VEVENT\r\n\
         END:VCALENDAR\r\n",
        day(0),
        day(10),
        day(last)
    )
}

fn post(site: &Site, calendar: &str) -> Value {
    let headers = [("Content-Type", "text/calendar; charset=utf-8")];
    let answer = site
        .within(|| {
            request(site.address, "POST", "/api/v1/maintnotes?actor=%E9%82%AE%E4%BB%B6&way=mail", &headers, calendar)
        })
        .expect("an answer to a POST");
    assert!(answer.is_ok(), "{answer:?}");
    answer.json()["maintnotes"][0].clone()
}

fn ends_and_proves(site: &mut Site) {
    site.daemon().signal(libc::SIGTERM);
    assert_eq!(site.daemon().wait(Duration::from_secs(10)), 0, "{}", site.printed());
    for what in ["verify", "replay"] {
        let proved = run(site, &["journal", what]);
        assert!(proved.status.success(), "{}", words(&proved));
    }
    // Neither a word nor a figure of a record can be changed without being seen.
    let file = Connection::open(site.path("state/journal.db")).expect("the journal");
    let change = |was: &str, is: &str| {
        let change = format!("UPDATE desk SET json = replace(json, '{was}', '{is}') WHERE instr(json, '{was}') > 0");
        file.execute(&change, []).expect("a change")
    };
    let changed = change("接头进水", "接头受潮");
    let changed = if changed > 0 { changed } else { change("\"at\":", "\"at\":1") };
    let told = words(&run(site, &["journal", "verify", "--output", "json"]));
    assert!(changed > 0 && told.contains("record_differs"), "{changed}: {told}");
}

#[test]
fn a_carriers_note_becomes_planned_work_and_what_nobody_understands_waits_in_the_inbox() {
    let Some(mut site) = Site::make(4) else { return };
    site.write(
        "site/carriers.yaml",
        "carriers: [{id: one, name: 甲, maintnote: [noc.example]}, {id: two, name: 乙}]\n",
    );
    site.start(&[]);
    // Posted by a mail gateway: planned work, which nobody has approved yet.
    let planned = post(&site, &note(0, "CONFIRMED", "C-1", 11));
    assert_eq!(planned["outcome"], "planned", "{planned}");
    let window_of = |site: &Site, id: &Value| {
        let all = site.get("/api/v1/windows?all=true").json();
        all["windows"].as_array().expect("windows").iter().find(|window| window["id"] == *id).cloned().expect("a row")
    };
    let window = window_of(&site, &planned["windows"][0]);
    assert_eq!((&window["scopes"], &window["standing"]), (&json!(["link/LL-0001"]), &json!("unapproved")));
    assert_eq!((&window["requester"], &window["way"]), (&json!("NOC.example"), &json!("mail")));
    assert_eq!(window["reason"], "WorkOrder-31415 Line card swap");
    let id = window["id"].as_str().expect("an id");
    let approved = run(&site, &["window", "approve", id, "--actor", "王处"]);
    assert!(approved.status.success() && words(&approved).contains("counts as planned work"), "{}", words(&approved));
    // It takes longer: other work, without that approval. Then it is taken back.
    let moved = post(&site, &note(1, "RE-SCHEDULED", "C-1", 12));
    assert_ne!(moved["windows"], planned["windows"]);
    assert_eq!(window_of(&site, &planned["windows"][0])["standing"], "cancelled");
    assert_eq!(window_of(&site, &moved["windows"][0])["standing"], "unapproved");
    let late = post(&site, &note(0, "CONFIRMED", "C-1", 11));
    assert_eq!((&late["outcome"], &late["windows"]), (&json!("known"), &moved["windows"]));
    let gone = post(&site, &note(2, "CANCELLED", "C-1", 12));
    assert_eq!(gone["outcome"], "withdrawn", "{gone}");
    assert_eq!(window_of(&site, &moved["windows"][0])["standing"], "cancelled");

    // A circuit of the other carrier, and half a calendar, brought by hand.
    site.write("other.ics", &note(0, "CONFIRMED", "C-2", 11));
    let file = site.path("other.ics").display().to_string();
    let taken = run(&site, &["maintnote", "take", &file, "--actor", "值班"]);
    assert!(words(&taken).contains("no circuits C-2 in service"), "{}", words(&taken));
    site.write("torn.ics", note(0, "CONFIRMED", "C-3", 11).split("X-MAINTNOTE-IMPACT").next().expect("a part"));
    let file = site.path("torn.ics").display().to_string();
    let torn =
        json_of(&run(&site, &["maintnote", "take", &file, "--actor", "值班", "--carrier", "one", "--output", "json"]));
    assert_eq!(torn["maintnotes"][0]["waits"]["reason"], "it ends in the middle", "{torn}");
    site.daemon().signal(libc::SIGKILL);
    site.daemon().wait(Duration::from_secs(10));
    site.start(&[]);
    let inbox = site.get("/api/v1/maintnotes").json();
    assert_eq!((&inbox["total"], &inbox["waiting"]), (&json!(2), &json!(2)), "{inbox}");
    let waiting = |site: &Site| site.metric("linkpatrol_desk_waiting{kind=\"maintnote\"}");
    assert_eq!(waiting(&site), Some(2.0));
    let unread = &inbox["maintnotes"][0];
    assert!(
        unread["text"].as_str().is_some_and(|text| text.contains("WorkOrder-31415") && !text.contains("li@noc")),
        "{unread}"
    );
    // A person settles them: one is about a link after all, the other needs nothing.
    let [unread, other] = [0, 1].map(|at| inbox["maintnotes"][at]["id"].as_str().expect("an id").to_owned());
    let on = [
        "maintnote",
        "settle",
        &other,
        "--on",
        "link/LL-0003",
        "--actor",
        "值班",
        "--note",
        "旧编号",
        "--output",
        "json",
    ];
    let settled = json_of(&run(&site, &on));
    let window = window_of(&site, &settled["maintnotes"][0]["windows"][0]);
    assert_eq!((&window["scopes"], &window["requester"]), (&json!(["link/LL-0003"]), &json!("NOC.example")));
    let silent = run(&site, &["maintnote", "settle", &unread, "--actor", "值班"]);
    assert_eq!(silent.status.code(), Some(1), "{}", words(&silent));
    let done = run(&site, &["maintnote", "settle", &unread, "--actor", "值班", "--note", "电话核实"]);
    assert!(words(&done).contains("settled"), "{}", words(&done));
    assert!(words(&run(&site, &["maintnote", "list"])).contains("no note of a carrier waits"));
    site.wait("nothing waits", |site| (waiting(site) == Some(0.0)).then_some(()));
    let all = words(&run(&site, &["maintnote", "list", "--all"]));
    assert!(all.contains("WorkOrder-31415 CANCELLED") && all.contains("taken back"), "{all}");
    ends_and_proves(&mut site);
    let exported = words(&run(&site, &["journal", "export"]));
    assert!(exported.contains("WorkOrder-31415") && !exported.contains("li@noc") && !exported.contains("值班"));
}

/// A system that keeps tickets: takes what a webhook brings, after it has been away for the first two requests.
struct Itsm(Arc<Mutex<Vec<Value>>>);

impl Itsm {
    const ADDRESS: &str = "127.0.0.1:9200";

    fn start(site: &Site) -> Self {
        let listener = site.within(|| TcpListener::bind(Self::ADDRESS)).expect("a port of the site");
        let taken: Arc<Mutex<Vec<Value>>> = Arc::default();
        let keep = Arc::clone(&taken);
        // It ends with the process of the test.
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { continue };
                let Some(body) = Self::read(&stream) else { continue };
                let away = number < 2;
                let status = if away { "503 Service Unavailable" } else { "200 OK" };
                if !away {
                    keep.lock().expect("nobody panics").push(body);
                }
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                _ = (&stream).write_all(answer.as_bytes());
            }
        });
        Self(taken)
    }

    fn read(stream: &TcpStream) -> Option<Value> {
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        serde_json::from_slice(&body).ok()
    }

    /// What it was told of this kind, oldest first.
    fn told(&self, event: &str) -> Vec<Value> {
        let taken = self.0.lock().expect("nobody panics");
        taken.iter().filter(|body| body["event"] == event).cloned().collect()
    }
}

/// A site whose incidents close two seconds after their end, and where a second parts two faults.
fn site_with_tickets() -> Option<Site> {
    let site = Site::make(2)?;
    let mut contract = site.read("site/contract.yaml");
    let closing = contract.find("\nclosing:").expect("closing")..contract.find("\nflaps:").expect("flaps");
    contract.replace_range(closing, "\nclosing: {after: 2s}\n");
    let (long, short) = ("are one}, default: 5m}", "are one}, default: 1s}");
    assert!(contract.contains(long) && contract.contains("faults: {switch: problem-faults}"));
    site.write("site/contract.yaml", &contract.replace(long, short));
    let config = site.read("linkpatrol.yaml");
    site.write("linkpatrol.yaml", &format!("{config}webhooks: [{{name: itsm, url: \"http://{}/\"}}]\n", Itsm::ADDRESS));
    Some(site)
}

#[test]
fn faults_that_come_again_are_a_problem_and_changes_need_another_persons_word() {
    let Some(mut site) = site_with_tickets() else { return };
    let itsm = Itsm::start(&site);
    site.start(&[]);
    site.all_up(2);
    // Link 1 is cut three times; link 2 once.
    let phases = |site: &Site| {
        let incidents = site.incidents();
        let of = |phase: &str| incidents.iter().filter(|incident| incident["phase"] == phase).count();
        (incidents.len(), of("closed"))
    };
    for (number, link) in [(1, 2), (2, 1), (3, 1), (4, 1)] {
        site.cut(link);
        site.wait("the cut is an incident", |site| (phases(site) == (number, number - 1)).then_some(()));
        site.wait("which is told of", |site| {
            site.incidents().iter().all(|one| one["announced"].is_string()).then_some(())
        });
        if number == 4 {
            break;
        }
        assert_eq!(site.get("/api/v1/problems").json()["total"], 0, "after cut {number}");
        site.heal(link);
        site.wait("and over", |site| (phases(site) == (number, number)).then_some(()));
    }
    let problem = site.wait("the third fault makes a problem", |site| {
        site.get("/api/v1/problems").json()["problems"].as_array().and_then(|all| all.first().cloned())
    });
    assert_eq!((&problem["scope"], &problem["phase"]), (&json!("link/LL-0001"), &json!("open")), "{problem}");
    assert_eq!(problem["faults"].as_array().map(Vec::len), Some(3), "{problem}");
    let problem_id = problem["id"].as_str().expect("an id").to_owned();

    // A change is to end it. Who asks does not agree; its planned work is approved with it.
    let begins = SystemClock::start().now().utc.plus(Duration::from_secs(10 * 86_400));
    let [from, to] = [0, 3_600].map(|more| begins.plus(Duration::from_secs(more)).rfc3339(chrono_tz::Asia::Shanghai));
    let request = ["change", "request", "--what", "更换接头盒", "--reason", "接头进水", "--requester", "李工"];
    let more = ["--on", "link/LL-0001", "--from", &from, "--to", &to, "--problem", &problem_id, "--actor", "值班"];
    let asked = run(&site, &[&request[..], &more, &["--output", "json"]].concat());
    assert!(asked.status.success(), "{}", words(&asked));
    let asked = json_of(&asked);
    let (change, window) = (asked["change"].as_str().expect("an id").to_owned(), asked["window"].clone());
    let own = run(&site, &["change", "approve", &change, "--actor", "李工"]);
    assert!(own.status.code() == Some(1) && words(&own).contains("own_change"), "{}", words(&own));
    let early = run(&site, &["change", "done", &change, "--actor", "李工"]);
    assert!(words(&early).contains("wrong_phase"), "{}", words(&early));
    let standing = |site: &Site| {
        let all = site.get("/api/v1/windows?all=true").json();
        all["windows"].as_array().expect("windows").iter().find(|one| one["id"] == window).expect("a row")["standing"]
            .clone()
    };
    assert_eq!(standing(&site), "unapproved");
    let agreed = run(&site, &["change", "approve", &change, "--actor", "王处"]);
    assert!(agreed.status.success(), "{}", words(&agreed));
    assert_eq!(standing(&site), "valid");
    let listed = words(&run(&site, &["change", "list"]));
    assert!(listed.contains("approved 更换接头盒: asked for by 李工, decided by 王处"), "{listed}");

    // The ticket system says how it calls all three.
    let incident = problem["faults"][2]["incident"].as_str().expect("an id").to_owned();
    for (about, number) in [(&incident, "INC-7"), (&problem_id, "PRB-1"), (&change, "CHG-3")] {
        let answer =
            site.post("/api/v1/tickets", &json!({"about": about, "system": "itsm", "number": number, "actor": "itsm"}));
        assert!(answer.is_ok(), "{answer:?}");
    }
    let cause = ["problem", "record", &problem_id, "--step", "cause", "--note", "接头进水", "--actor", "李工"];
    assert!(run(&site, &cause).status.success());
    // Killed in the middle: nothing of it is lost.
    site.daemon().signal(libc::SIGKILL);
    site.daemon().wait(Duration::from_secs(10));
    site.start(&[]);
    assert!(run(&site, &["change", "done", &change, "--actor", "李工"]).status.success());
    let close = ["problem", "record", &problem_id, "--step", "close", "--note", "已更换", "--actor", "李工"];
    assert!(run(&site, &close).status.success());
    assert_eq!(run(&site, &close).status.code(), Some(1), "it is closed");
    let shown = site.get(&format!("/api/v1/incidents/{incident}")).json();
    assert_eq!(shown["tickets"][0]["number"], "INC-7", "{shown}");

    // What the ticket system was told, although it was away at first.
    let told = |event: &str, phases: &[&str]| {
        site.wait(event, |_| {
            let mut told: Vec<String> = vec![];
            for body in itsm.told(event) {
                let phase = body[event]["phase"].as_str().expect("a phase").to_owned();
                // After a kill the last one may come twice, under the same key.
                if told.last() != Some(&phase) {
                    told.push(phase);
                }
            }
            (told == phases).then_some(())
        });
    };
    told("problem", &["open", "known_error", "closed"]);
    told("change", &["requested", "approved", "done"]);
    let opened = itsm.told("opened");
    assert!(opened.len() >= 4 && opened.iter().all(|body| body["incident"]["id"].is_string()), "{opened:?}");
    let closed = &itsm.told("problem").pop().expect("a problem");
    assert_eq!(
        (&closed["problem"]["tickets"][0]["number"], &closed["summary"]),
        (&json!("PRB-1"), &json!("problem closed: link/LL-0001 failed 3 times"))
    );
    ends_and_proves(&mut site);
    let exported = words(&run(&site, &["journal", "export"]));
    assert!(exported.contains("text-"), "{exported}");
    for apart in ["更换接头盒", "李工", "王处"] {
        assert!(!exported.contains(apart), "{apart} stands in the chain");
    }
}
