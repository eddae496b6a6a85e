//! Two lines of alarms on the shipped Prometheus and Alertmanager configuration: with both up the second is silent about
//! what the first speaks of; with either one dead the other still reaches people.

use std::{
    fs,
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex},
};

use serde_json::Value;

use crate::{
    harness::{Answer, Running, peer, request, root, words},
    site::Site,
};

const fn local(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

const PROMETHEUS: SocketAddr = local(9090);
const ALERTMANAGER: SocketAddr = local(9093);
/// Where the shipped configuration sends everybody's notifications.
const PEOPLE: SocketAddr = local(8080);

/// The people: which receiver heard of which alert on which link or instance, and that it fires or is resolved, in order.
#[derive(Clone)]
struct People(Arc<Mutex<Vec<[String; 4]>>>);

impl People {
    fn listen(site: &Site) -> Self {
        let listener = site.within(|| TcpListener::bind(PEOPLE).expect("the people's port"));
        let people = Self(Arc::default());
        let heard = people.clone();
        std::thread::spawn(move || {
            listener.incoming().flatten().for_each(|stream| heard.take(stream).unwrap_or_default())
        });
        people
    }

    fn take(&self, mut stream: impl Read + Write) -> Option<()> {
        let (mut bytes, mut part) = (vec![], [0; 8192]);
        let (path, body) = loop {
            let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
            bytes.extend_from_slice(&part[..read]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length? {
                break (head.split(' ').nth(1)?.trim_start_matches('/').to_owned(), body.to_owned());
            }
        };
        write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").ok()?;
        let told: Value = serde_json::from_str(&body).ok()?;
        for alert in told["alerts"].as_array()? {
            let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
            let about = [label("link"), label("scope_id")].concat();
            let status = alert["status"].as_str().unwrap_or_default().to_owned();
            self.0.lock().expect("what was heard").push([path.clone(), label("alertname"), about, status]);
        }
        Some(())
    }

    fn heard(&self, receiver: &str, alert: &str, about: &str) -> Option<()> {
        (self.times([receiver, alert, about, "firing"]) > 0).then_some(())
    }

    fn times(&self, said: [&str; 4]) -> usize {
        self.0.lock().expect("what was heard").iter().filter(|told| **told == said).count()
    }
}

/// A shipped file at the pace of a story, which has no minutes.
fn shipped(site: &Site, name: &str) {
    let text = fs::read_to_string(root().join("deploy/prometheus").join(name)).expect("a shipped file");
    let quick = [
        ("_interval: 15s", "_interval: 1s"),
        ("for: 1m", "for: 2s"),
        ("group_wait: 10s", "group_wait: 1s"),
        ("group_interval: 1m", "group_interval: 1s"),
        ("repeat_interval: 1m", "repeat_interval: 1s"),
        ("[45s]", "[3s]"),
    ];
    site.write(name, &quick.iter().fold(text, |text, (long, short)| text.replace(long, short)));
}

fn start(site: &Site, name: &str, program: &str, config: &str, storage: &str, address: SocketAddr) -> Option<Running> {
    shipped(site, config);
    start_with(site, name, program, config, storage, address)
}

/// With a file of the site.
fn start_with(
    site: &Site,
    name: &str,
    program: &str,
    config: &str,
    storage: &str,
    address: SocketAddr,
) -> Option<Running> {
    let program = peer(program)?;
    let mut command = site.namespace.command(&[&program.to_string_lossy()]);
    command.arg(format!("--config.file={}", site.path(config).display()));
    command.arg(format!("{storage}={}", site.path(name).display())).arg(format!("--web.listen-address={address}"));
    // Prometheus offers an alert again after a minute, and what it has before it knows an Alertmanager is not taken.
    command.arg(if name == "alertmanager" { "--cluster.listen-address=" } else { "--rules.alert.resend-delay=1s" });
    let running = Running::start(name, site.folder.path(), &mut command);
    let ready = || request(address, "GET", "/-/ready", &[], "").ok().filter(Answer::is_ok).map(|_| ());
    site.wait(name, |site| site.within(ready));
    Some(running)
}

/// By how many alerts this one is inhibited in Alertmanager; `None` while it does not fire.
fn inhibited(site: &Site, alert: &str, link: &str) -> Option<usize> {
    let answer = site.within(|| request(ALERTMANAGER, "GET", "/api/v2/alerts", &[], "")).ok()?;
    let is = |told: &&Value| told["labels"]["alertname"] == alert && told["labels"]["link"] == link;
    // Under another incident's label an alert of a moment ago may still stand there.
    answer
        .json()
        .as_array()?
        .iter()
        .filter(is)
        .map(|told| told["status"]["inhibitedBy"].as_array().map_or(0, Vec::len))
        .max()
}

#[test]
fn amtool_takes_the_shipped_routes() {
    let Some(mut amtool) = peer("amtool").map(std::process::Command::new) else { return };
    let file = root().join("deploy/prometheus/alertmanager.yml");
    let output = amtool.arg("check-config").arg(&file).output().expect("amtool");
    assert!(output.status.success(), "{}", words(&output));
    for (labels, receiver) in [
        ("alertname=LinkpatrolWatchdog line=second severity=none", "dead-man"),
        ("alertname=NetworkOutage incident=I tier=1 severity=critical", "tier-1"),
        ("alertname=LinkOutage incident=I tier=2 severity=warning", "tier-2"),
        ("alertname=LinkOutage incident=I tier=1 simulated=true", "nobody"),
        ("alertname=LinkpatrolUnreachable line=second severity=critical", "tier-1"),
        ("alertname=LinkpatrolLinkDown line=second severity=warning link=LL-1", "second-line"),
        ("alertname=loss-high rule=loss-high severity=warning", "operators"),
    ] {
        let mut amtool = std::process::Command::new(peer("amtool").expect("it was there"));
        let output = amtool.args(["config", "routes", "test"]).arg(format!("--config.file={}", file.display()));
        let output = output.args(labels.split(' ')).output().expect("amtool");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), receiver, "{labels}: {}", words(&output));
    }
}

#[test]
fn the_second_line_is_silent_while_the_first_speaks_and_each_speaks_alone() {
    let Some(mut site) = Site::make(12) else { return };
    let people = People::listen(&site);
    let started = |site: &Site| {
        Some([
            start(site, "alertmanager", "prometheus-alertmanager", "alertmanager.yml", "--storage.path", ALERTMANAGER)?,
            {
                shipped(site, "linkpatrol.rules.yml");
                start(site, "prometheus", "prometheus", "prometheus.yml", "--storage.tsdb.path", PROMETHEUS)?
            },
        ])
    };
    let Some([_alertmanager, prometheus]) = started(&site) else { return };

    // The first line is dead: the daemon measures, and its own alerts go nowhere.
    site.start(&[]);
    site.all_up(12);
    site.cut(1);
    site.wait("the second line speaks alone", |_| people.heard("second-line", "LinkpatrolLinkDown", "LL-0001"));
    site.wait("the dead-man's switch beats", |_| people.heard("dead-man", "LinkpatrolWatchdog", ""));

    // Both are up: the first speaks, the second fires and is inhibited by it.
    let config =
        site.read("linkpatrol.yaml") + &format!("alertmanagers: [{{name: main, url: \"http://{ALERTMANAGER}\"}}]\n");
    site.write("linkpatrol.yaml", &config);
    site.daemon().signal(libc::SIGKILL);
    site.start(&[]);
    site.cut(2);
    site.wait("the first line speaks", |_| people.heard("tier-2", "LinkOutage", "LL-0002"));
    site.wait("the second line is inhibited", |site| {
        inhibited(site, "LinkpatrolLinkDown", "LL-0002").filter(|sources| *sources > 0)
    });
    assert_eq!(people.heard("second-line", "LinkpatrolLinkDown", "LL-0002"), None, "one fault, told once");

    // Prometheus is dead: the first line goes on.
    drop(prometheus);
    site.cut(3);
    site.wait("the first line speaks alone", |_| {
        people.heard("tier-2", "LinkOutage", "LL-0003").or_else(|| people.heard("tier-1", "NetworkOutage", ""))
    });

    // The daemon is dead too, and Prometheus is back: it says that nobody watches.
    site.daemon().signal(libc::SIGKILL);
    let prometheus = start(&site, "prometheus", "prometheus", "prometheus.yml", "--storage.tsdb.path", PROMETHEUS);
    assert!(prometheus.is_some());
    site.wait("nobody watches", |_| people.heard("tier-1", "LinkpatrolUnreachable", ""));
}

/// Every second it is offered again, by this process and the next, taken on meanwhile; a page is a page once.
#[test]
fn one_cut_pages_once_however_often_alertmanager_is_told_of_it() {
    let Some(mut site) = Site::make(12) else { return };
    let people = People::listen(&site);
    shipped(&site, "alertmanager.yml");
    // People are reminded after an hour, and the story is shorter.
    let patient = site.read("alertmanager.yml").replace("repeat_interval: 1s", "repeat_interval: 1h");
    site.write("alertmanager.yml", &patient);
    let program = "prometheus-alertmanager";
    let alertmanager = start_with(&site, "alertmanager", program, "alertmanager.yml", "--storage.path", ALERTMANAGER);
    let Some(_alertmanager) = alertmanager else { return };
    let line = format!("alertmanagers: [{{name: main, url: \"http://{ALERTMANAGER}\", resend: 1s}}]\n");
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + &line));
    site.start(&[]);
    site.all_up(12);
    site.cut(2);
    let [page, end] = ["firing", "resolved"].map(|status| ["tier-2", "LinkOutage", "LL-0002", status]);
    site.wait("the duty officer is paged", |_| (people.times(page) > 0).then_some(()));
    let offered = |site: &Site| {
        let answer = site.within(|| request(ALERTMANAGER, "GET", "/api/v2/alerts", &[], "")).ok()?.json();
        let ours = answer.as_array()?.iter().find(|alert| alert["labels"]["scope_id"] == "LL-0002").cloned()?;
        Some((ours["labels"]["incident"].as_str()?.to_owned(), ours["updatedAt"].as_str()?.to_owned()))
    };
    let offered_again = |site: &Site, times: usize| {
        for _ in 0..times {
            let before = offered(site);
            site.wait("it is offered again", |site| offered(site).filter(|_| offered(site) != before));
        }
    };
    offered_again(&site, 3);
    site.daemon().signal(libc::SIGKILL);
    site.daemon().wait(std::time::Duration::from_secs(10));
    site.start(&[]);
    offered_again(&site, 2);
    let (incident, _) = offered(&site).expect("it fires");
    let taken = serde_json::json!({"actor": "示例值班", "note": "已联系运营商"});
    let answer = site.post(&format!("/api/v1/incidents/{incident}/acknowledge"), &taken);
    assert!(answer.is_ok(), "{answer:?}");
    offered_again(&site, 2);
    assert_eq!((people.times(page), people.times(end)), (1, 0), "{:?}", people.0);
    site.heal(2);
    site.wait("and told that it is over", |_| (people.times(end) > 0).then_some(()));
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!((people.times(page), people.times(end)), (1, 1), "{:?}", people.0);
}
