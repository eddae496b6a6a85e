//! A daemon that runs over the end of a month, on a clock that the test moves: the month is closed on the disk, time that
//! nobody saw is unknown, anchors follow the civil days, and facts that are told later reach back.

#![expect(clippy::unwrap_used, reason = "a test may stop at what should not happen")]

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    sync::{Arc, mpsc::SyncSender},
    time::Duration,
};

use linkpatrol::{
    clock::ManualClock,
    config::Config,
    diagnostic::Findings,
    inventory::PointIndex,
    ledger::{ClosedMonth, SixStates},
    patrol::{self, Running, Setup, load},
    probe::{Prober, Status},
    sample::{Block, Event, Outcome, Purpose, Reply, Sample, Stamps},
    schedule::Plan,
    store,
    units::{Mono, Now, Rtt, Timestamp},
};
use serde_json::{Value, json};

/// 2026-12-01T00:00:00+08:00.
const MIDNIGHT: i64 = 1_796_054_400_000;
const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;

/// Probes nothing: the test says what was seen.
struct Told(Arc<ManualClock>);

impl Prober for Told {
    fn replace(&mut self, _plan: Arc<Plan>) {}

    fn resolved(&mut self, _generation: u32, _point: PointIndex, _address: Option<std::net::IpAddr>) {}

    fn status(&self) -> Status {
        use linkpatrol::clock::Clock;
        Status { mode: "simulated", last_tick: self.0.now().mono, ..Status::default() }
    }

    fn stop(self: Box<Self>) {}
}

/// A daemon of two links, whose clock only the test moves.
struct Daemon {
    running: Running,
    clock: Arc<ManualClock>,
    blocks: SyncSender<Block>,
    /// Civil time when its steady clock was at zero.
    booted: i64,
    mono: i64,
}

impl Daemon {
    fn start(folder: &Path, utc: i64) -> Self {
        let clock = Arc::new(ManualClock::default());
        clock.set(Now { mono: Mono(0), utc: Timestamp(utc) });
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let config = Config {
            inventory: folder.join("site"),
            probes: root.join("probes"),
            data_dir: folder.join("state"),
            ..Config::default()
        };
        let (loaded, findings) = load::load(config, Findings::default());
        let loaded = loaded.unwrap_or_else(|| panic!("{findings:?}"));
        let (sender, receiver) = std::sync::mpsc::channel();
        let told = Told(Arc::clone(&clock));
        let running = patrol::start(Setup {
            loaded,
            clock: clock.clone(),
            prober: Box::new(move |_plan, blocks| {
                sender.send(blocks).unwrap();
                Ok(Box::new(told))
            }),
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
            data_dir: folder.join("state"),
            keeps_incidents: true,
            simulated: false,
            loader: Arc::new(|| Err(vec![])),
            watched: (vec![], vec![]),
            facts: None,
            probing: None,
        });
        let running = running.unwrap_or_else(|error| panic!("{error}"));
        Self { running, clock, blocks: receiver.recv().unwrap(), booted: utc, mono: 0 }
    }

    /// Every point answers now.
    fn answer(&self) {
        let reply = Reply { rtt: Rtt(Duration::from_millis(2)), hop_limit: 64, stamps: Stamps::Kernel };
        let sample = |point| Sample {
            point: PointIndex(point),
            purpose: Purpose::Scheduled,
            sent: Mono(self.mono),
            event: Event::Ended(Outcome::Answered(reply)),
        };
        let samples = (0..2).map(sample).collect();
        self.blocks.send(Block { generation: 0, at: Mono(self.mono), samples }).unwrap();
    }

    /// Lets so many seconds pass, each of them seen by the loop.
    fn pass(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.mono += SECOND;
            self.set();
            self.answer();
            let published = Mono(self.mono);
            wait("the loop to publish", || self.running.feed.load().at.mono >= published);
        }
    }

    /// The wall clock jumps; the steady one does not.
    fn jump(&mut self, by: i64) {
        self.booted += by;
        self.set();
    }

    fn set(&self) {
        self.clock.set(Now { mono: Mono(self.mono), utc: Timestamp(self.booted + self.mono) });
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let address = self.running.listening[0];
        let body = body.to_string();
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n");
        write!(stream, "{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
    }
}

#[expect(clippy::disallowed_methods, reason = "the loop runs on a thread of its own, in real time")]
fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn site(folder: &Path) {
    let site = folder.join("site");
    fs::create_dir(&site).unwrap();
    fs::create_dir(folder.join("calendars")).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories");
    for (name, to) in [
        ("xuchang/contract.yaml", "site/contract.yaml"),
        ("calendars/cn-2025.yaml", "calendars/cn-2025.yaml"),
        ("calendars/cn-2026.yaml", "calendars/cn-2026.yaml"),
    ] {
        fs::copy(shipped.join(name), folder.join(to)).unwrap();
    }
    let write = |name: &str, text: &str| fs::write(site.join(name), text).unwrap();
    write("inventory.yaml", "synthetic: false\n");
    write("carriers.yaml", "carriers:\n  - {id: one, name: 运营商甲}\n");
    write("units.yaml", "units:\n  - {id: U1, name: 示例单位01}\n");
    write("segments.yaml", "segments: []\n");
    write(
        "links.csv",
        "id,cid,kind,carrier,unit,bandwidth,far_address\nLL-0001,C-1,private,one,U1,1G,127.10.0.1\n\
         LL-0002,C-2,private,one,U1,1G,127.10.0.2\n",
    );
}

fn closed(folder: &Path, link: &str, month: &str) -> Option<ClosedMonth> {
    let rows = store::accounts(&folder.join("state")).unwrap();
    let row = rows.into_iter().find(|row| row.link.as_str() == link && row.month == month)?;
    serde_json::from_str(&row.account).ok()
}

#[test]
fn a_month_is_closed_while_the_daemon_runs_and_facts_reach_back_into_it() {
    let folder = tempfile::tempdir().unwrap();
    site(folder.path());
    let mut daemon = Daemon::start(folder.path(), MIDNIGHT - HOUR);
    daemon.pass(10);
    // Nobody sees the better part of the hour.
    daemon.jump(HOUR - 60 * SECOND);
    daemon.pass(120);
    // Past the horizon until when the month may still change.
    daemon.jump(300 * SECOND);
    daemon.pass(70);
    let month = || closed(folder.path(), "LL-0001", "2026-11");
    wait("November on the disk", || month().is_some());
    let november = month().unwrap();
    assert_eq!(november.accounted.elapsed(), november.accounted.period);
    assert_eq!(SixStates::of(&november.cells).total(), 30 * 24 * HOUR as u64);
    let before = november.accounted;
    assert_eq!(before.up + before.unknown, HOUR as u64, "{before:?}");
    assert!((50_000..=70_000).contains(&before.up), "the seconds that were seen: {before:?}");
    assert!(folder.path().join("state/anchors/2026-12-01.json").exists());

    // Two people agree, after the month, on work that was done in its last minute and a bit beyond.
    let ask = json!({
        "actor": "张三", "second": "李四", "links": ["LL-0001"], "reason": "force_majeure", "note": "洪水",
        "from": "2026-11-30T23:59:30+08:00", "to": "2026-12-01T00:00:30+08:00",
    });
    let alone = json!({ "second": "张三" });
    let with = |change: &Value| {
        let mut ask = ask.clone();
        change.as_object().unwrap().iter().for_each(|(key, value)| ask[key] = value.clone());
        ask
    };
    let exclude = |ask: &Value| daemon.post("/api/v1/ledger/exclude", ask);
    assert_eq!(exclude(&with(&alone)).1["code"], "needs_two");
    assert_eq!(exclude(&with(&json!({ "links": ["LL-0001", "LL-9"] }))).1["code"], "no_such_link");
    let (status, told) = exclude(&with(&json!({ "from": "2026-10-31T00:00:00+08:00" })));
    assert_eq!((status, &told["code"]), (422, &json!("not_excluded")), "{told}");
    assert_eq!(exclude(&ask).0, 200);
    assert_eq!(exclude(&ask).0, 200, "told twice, it takes nothing twice");
    wait("November without its last half minute", || month().unwrap().accounted.excluded > before.excluded);
    let after = month().unwrap();
    assert_eq!(after.accounted.excluded, before.excluded + 30_000);
    assert_eq!(after.accounted.elapsed(), after.accounted.period);
    let excluded = daemon.running.feed.load().links().next().unwrap().month.excluded;
    assert_eq!(excluded, 30_000, "and December without its first");
    assert_eq!(daemon.running.feed.load().links().nth(1).unwrap().month.excluded, 0);
    daemon.running.stop();

    let reader = store::Reader::open(&folder.path().join("state")).unwrap();
    let audit = reader.audit(vec![], None).unwrap();
    assert!(audit.faults.is_empty() && audit.entries > 5, "{audit:?}");
    let entries = reader.entries(0, u32::MAX).unwrap();
    let of = |kind: &str| entries.iter().filter(|link| link.entry.kind == kind).count();
    assert_eq!((of("clock_step"), of("exclude")), (2, 5), "refused ones too");
    assert!(entries.iter().all(|link| !link.entry.payload.contains("张三") && !link.entry.payload.contains("李四")));
}

#[test]
fn days_without_a_process_are_days_without_an_anchor_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    site(folder.path());
    let mut daemon = Daemon::start(folder.path(), MIDNIGHT - HOUR);
    daemon.pass(3);
    daemon.running.stop();
    // Off over the end of November and three days of December.
    let mut daemon = Daemon::start(folder.path(), MIDNIGHT + 75 * HOUR);
    daemon.pass(70);
    let view = daemon.running.feed.load().journal.clone().unwrap();
    assert_eq!(view.anchors_missed, 3);
    let november = closed(folder.path(), "LL-0002", "2026-11").unwrap();
    assert_eq!(november.accounted.elapsed(), november.accounted.period);
    daemon.running.stop();
    let anchors = fs::read_dir(folder.path().join("state/anchors")).unwrap();
    let mut days: Vec<_> = anchors.map(|anchor| anchor.unwrap().file_name().into_string().unwrap()).collect();
    days.sort();
    assert_eq!(days, ["2026-11-30.json", "2026-12-04.json"]);
    let reader = store::Reader::open(&folder.path().join("state")).unwrap();
    let entries = reader.entries(0, u32::MAX).unwrap();
    let missed = entries.iter().filter(|link| link.entry.kind == "anchor_missed");
    assert_eq!(missed.count(), 3);
}
