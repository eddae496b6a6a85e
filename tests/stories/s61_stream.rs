//! The wall's stream: it always adds up, begins anew after a restart, and a wall that hears nothing says so until it does.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use serde_json::Value;

use crate::{
    browser::Browser,
    harness::{Running, free_port, linkpatrol, root},
};

const LINKS: u64 = 60;

fn city(folder: &Path, address: SocketAddr) -> Running {
    let mut command = linkpatrol();
    command.args(["demo", "--allow-simulated", "--listen", &address.to_string(), "--links", &LINKS.to_string()]);
    command.arg("--story").arg(root().join("tests/cities/quiet.yaml")).args(["--time-limit", "60s", "--data-dir"]);
    let mut demo = Running::start("demo", folder, command.arg(folder));
    demo.wait_until_serving(address, "/-/healthy", Duration::from_secs(20));
    demo
}

/// A listener of `/api/v1/events`.
pub struct Stream(BufReader<TcpStream>);

impl Stream {
    pub fn open(address: SocketAddr, query: &str) -> Self {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2)).expect("the daemon listens");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
        write!(stream, "GET /api/v1/events?{query} HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("a request");
        Self(BufReader::new(stream))
    }

    /// `None`: it has ended.
    pub fn next(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).expect("JSON in an event"));
            }
        }
    }

    /// The first event: every link once, and counters that add up.
    fn whole(&mut self) -> Value {
        let event = self.next().expect("an event");
        let counts = event["counts"].as_object().expect("counters");
        assert_eq!(counts.values().filter_map(Value::as_u64).sum::<u64>(), LINKS, "{event}");
        assert_eq!((&event["total"], event["cells"].as_str().map(str::len)), (&LINKS.into(), Some(60)), "{event}");
        event
    }
}

#[test]
fn a_wall_adds_up_says_when_it_is_deaf_and_recovers_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let demo = city(folder.path(), address);
    let mut stream = Stream::open(address, "lang=en");
    let first = stream.whole();
    // Counters are said again whenever they change, and still add up.
    let mut at = first["at"].as_i64().expect("a time");
    for _ in 0..2 {
        let event = stream.next().expect("one a second");
        assert!(event["at"].as_i64() > Some(at) && event["age"].as_u64() < Some(5_000), "{event}");
        at = event["at"].as_i64().expect("a time");
        if let Some(counts) = event["counts"].as_object() {
            assert_eq!(counts.values().filter_map(Value::as_u64).sum::<u64>(), LINKS, "{event}");
        }
    }
    let browser = Browser::open(folder.path(), 1920, 1080);
    if let Some(browser) = &browser {
        browser.go(&format!("http://{address}/wall?lang=en"));
        browser.wait("the wall is live", |wall| (wall.words("#n-up") == "60").then_some(()));
        // It stands still: nothing new can be told, and the wall must not look as if all were well.
        demo.signal(libc::SIGSTOP);
        browser.wait("it says loudly that it is deaf", |wall| {
            (wall.count("#stale:not([hidden])") == 1 && wall.words("#stale").starts_with("STALE")).then_some(())
        });
        demo.signal(libc::SIGCONT);
        browser.wait("and hears again", |wall| (wall.count("#stale[hidden]") == 1).then_some(()));
    }
    demo.signal(libc::SIGKILL);
    drop(demo);
    while stream.next().is_some() {}
    let _demo = city(folder.path(), address);
    Stream::open(address, "lang=en").whole();
    if let Some(browser) = &browser {
        let live = "const age = document.getElementById('age').textContent; return parseFloat(age) < 4;";
        browser.wait("it recovers by itself", |wall| {
            (wall.run(live) == true && wall.count("#stale[hidden]") == 1 && wall.words("#n-total") == "60")
                .then_some(())
        });
    }
}
