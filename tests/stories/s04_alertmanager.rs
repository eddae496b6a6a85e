//! An outage as other systems hear of it: Debian's Alertmanager and a webhook, with the duty officer at the command line.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    process::{Command, Output},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    harness::{Running, linkpatrol, peer, request, words},
    site::Site,
};

pub const ALERTMANAGER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9093);
const DESK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// A webhook receiver that keeps every document. Its first answers are failures, so that a retry is seen too.
struct Desk(Arc<Mutex<Vec<Value>>>);

impl Desk {
    fn open(site: &Site) -> Self {
        let listener = site.within(|| TcpListener::bind(DESK).expect("the desk's port"));
        let (taken, kept) = (Arc::new(Mutex::new(vec![])), 2);
        let desk = Self(Arc::clone(&taken));
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let answer = if number < kept { "503 Service Unavailable" } else { "204 No Content" };
                if let (Some(document), true) = (take(stream, answer), number >= kept) {
                    taken.lock().expect("the documents").push(document);
                }
            }
        });
        desk
    }

    /// Event and key of every document, in order.
    fn events(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let documents = self.0.lock().expect("the documents");
        documents.iter().map(|document| (text(&document["event"]), text(&document["key"]))).collect()
    }
}

/// One request: its JSON body.
fn take(mut stream: impl Read + Write, answer: &str) -> Option<Value> {
    let mut bytes = vec![];
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).ok()?;
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length? || count == 0 {
            write!(stream, "HTTP/1.1 {answer}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").ok()?;
            return serde_json::from_str(body).ok();
        }
    }
}

/// Debian's Alertmanager inside the site. `None`: said why it is skipped.
pub fn start_alertmanager(site: &Site) -> Option<Running> {
    let program = peer("prometheus-alertmanager")?;
    site.write("alertmanager.yml", "route: {receiver: none}\nreceivers: [{name: none}]\n");
    let mut command = site.namespace.command(&[&program.to_string_lossy()]);
    command
        .arg(format!("--config.file={}", site.path("alertmanager.yml").display()))
        .arg(format!("--storage.path={}", site.path("alertmanager").display()))
        .arg(format!("--web.listen-address={ALERTMANAGER}"))
        .arg("--cluster.listen-address=");
    let running = Running::start("alertmanager", site.folder.path(), &mut command);
    site.wait("Alertmanager answers", |site| alerts(site).map(|_| ()));
    Some(running)
}

/// The alerts that Alertmanager believes to fire.
pub fn alerts(site: &Site) -> Option<Vec<Value>> {
    let answer = site.within(|| request(ALERTMANAGER, "GET", "/api/v2/alerts", &[], "")).ok()?;
    answer.json().as_array().cloned()
}

/// The duty officer's command line.
fn incident(site: &Site, arguments: &[&str]) -> Output {
    let program = linkpatrol();
    let mut command: Command = site.namespace.command(&[&program.get_program().to_string_lossy()]);
    command.args(["--lang", "en", "incident"]).args(arguments).output().expect("linkpatrol incident")
}

#[test]
fn a_cut_fires_through_a_kill_is_acknowledged_resolved_and_closed() {
    let Some(mut site) = Site::make(20) else { return };
    let Some(_alertmanager) = start_alertmanager(&site) else { return };
    let desk = Desk::open(&site);
    let config = std::fs::read_to_string(site.path("linkpatrol.yaml")).expect("the configuration");
    let receivers = format!(
        "alertmanagers: [{{name: main, url: \"http://{ALERTMANAGER}\"}}]\n\
         webhooks: [{{name: desk, url: \"http://{DESK}/notices\"}}]\nclosed_incidents_leave_after: 2s\n"
    );
    site.write("linkpatrol.yaml", &(config + &receivers));
    site.start(&[]);
    site.all_up(20);

    site.cut(7);
    let firing = |site: &Site| alerts(site)?.into_iter().find(|alert| alert["labels"]["scope_id"] == "LL-0007");
    let alert = site.wait("Alertmanager fires", firing);
    let id = alert["labels"]["incident"].as_str().expect("the incident's id").to_owned();
    for (label, value) in
        [("alertname", "LinkOutage"), ("tier", "2"), ("scope", "link"), ("carrier", "one"), ("unit", "U1")]
    {
        assert_eq!(alert["labels"][label], value, "{alert:#}");
    }
    let shown = site.get(&format!("/api/v1/incidents/{id}")).json();
    let began = |text: &Value| chrono::DateTime::parse_from_rfc3339(text.as_str().unwrap_or_default()).expect("a time");
    assert_eq!(began(&alert["startsAt"]), began(&shown["began"]), "dated from the first lost probe");

    // Nobody sends any more, and it fires on: silence is no recovery.
    site.daemon().signal(libc::SIGKILL);
    site.daemon().wait(Duration::from_secs(10));
    let alert = firing(&site).expect("it still fires");
    let ends = began(&alert["endsAt"]) - began(&alert["updatedAt"]);
    assert!(ends > chrono::TimeDelta::hours(20), "{alert:#}");
    site.start(&[]);

    let listed = incident(&site, &["list"]);
    assert!(listed.status.success() && words(&listed).contains(&format!("{id} 2 open")), "{}", words(&listed));
    let early = incident(&site, &["close", &id, "--actor", "Li"]);
    assert_eq!(early.status.code(), Some(1), "{}", words(&early));
    assert!(words(&early).contains("not_restored"), "{}", words(&early));
    let done = incident(&site, &["acknowledge", &id, "--actor", "Li", "--note", "carrier called"]);
    assert!(done.status.success(), "{}", words(&done));
    let again = incident(&site, &["acknowledge", &id, "--actor", "Wang"]);
    assert_eq!(again.status.code(), Some(1), "{}", words(&again));
    let missing = incident(&site, &["show", "01ARZ3NDEKTSV4RRFFQ69G5FAV"]);
    assert_eq!(missing.status.code(), Some(1), "{}", words(&missing));
    let shown = incident(&site, &["show", &id]);
    for part in ["LL-0007 down", "carrier called", "response", "stopped at"] {
        assert!(words(&shown).contains(part), "{part} in {}", words(&shown));
    }

    site.heal(7);
    site.wait("Alertmanager resolves", |site| alerts(site)?.is_empty().then_some(()));
    site.wait("the command line closes it", |site| {
        incident(site, &["close", &id, "--actor", "Li"]).status.success().then_some(())
    });
    let told = site.wait("the desk hears of the end", |_| {
        let events = desk.events();
        (events.last()?.0 == "closed").then_some(events)
    });
    let mut events: Vec<_> = told.iter().map(|(event, _)| event.as_str()).filter(|event| *event != "changed").collect();
    // A notice that was accepted just before the kill may come twice, under the same key.
    events.dedup();
    assert_eq!(events, ["opened", "acknowledged", "restored", "closed"]);
    assert!(
        desk.0
            .lock()
            .expect("the documents")
            .iter()
            .all(|document| { document["simulated"] == json!(false) && document["incident"]["id"] == id.as_str() })
    );
    let delivered = "linkpatrol_notices_total{channel=\"main\",kind=\"restored\",outcome=\"delivered\"}";
    assert_eq!(site.metric(delivered), Some(1.0));
    site.wait("the closed incident leaves", |site| site.incidents().is_empty().then_some(()));
    assert!(!site.get("/metrics").body.contains(&id));

    site.daemon().signal(libc::SIGTERM);
    site.daemon().wait(Duration::from_secs(10));
    let alone = incident(&site, &["list"]);
    assert_eq!(alone.status.code(), Some(2), "{}", words(&alone));
}
