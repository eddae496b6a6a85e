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
    inventory::{LinkId, PointIndex},
    ledger::{Account, ClosedMonth, Measured, SixStates},
    patrol::{self, Running, Setup, load},
    probe::{Prober, Status},
    sample::{Block, Event, Failure, Outcome, Purpose, Reply, Sample, Stamps},
    schedule::Plan,
    store::{self, Batch, Options, Store, StoredAccount},
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
    /// The first link answers nothing.
    silent: bool,
    /// Every other answer comes 38 ms later.
    shaky: bool,
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
        let again = config.clone();
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
            loader: Arc::new(move || {
                let (loaded, findings) = load::load(again.clone(), Findings::default());
                loaded.ok_or(findings)
            }),
            watched: (vec![], vec![]),
            facts: None,
            visiting: None,
        });
        let running = running.unwrap_or_else(|error| panic!("{error}"));
        Self { running, clock, blocks: receiver.recv().unwrap(), booted: utc, mono: 0, silent: false, shaky: false }
    }

    /// Every point answers now, or the first of them does not, nor to what is asked again.
    fn answer(&self) {
        let millis = if self.shaky && self.mono / SECOND % 2 == 1 { 40 } else { 2 };
        let reply = Reply { rtt: Rtt(Duration::from_millis(millis)), hop_limit: 64, stamps: Stamps::Kernel };
        let sample = |point, purpose, outcome| Sample {
            point: PointIndex(point),
            purpose,
            sent: Mono(self.mono),
            event: Event::Ended(outcome),
        };
        let lost = Outcome::Failed(Failure::Timeout(None));
        let mut samples = vec![sample(1, Purpose::Scheduled, Outcome::Answered(reply))];
        if self.silent {
            samples.push(sample(0, Purpose::Scheduled, lost));
            samples.extend([sample(0, Purpose::Confirm, lost); 3]);
        } else {
            samples.push(sample(0, Purpose::Scheduled, Outcome::Answered(reply)));
        }
        self.blocks.send(Block { generation: 0, at: Mono(self.mono), samples }).unwrap();
    }

    /// Lets so many seconds pass, each of them seen by the loop.
    fn pass(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.mono += SECOND;
            self.set();
            self.answer();
            let published = Mono(self.mono);
            wait("the loop to publish", || {
                self.running.feed.ask();
                self.running.feed.load().at.mono >= published
            });
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

    fn get(&self, path: &str) -> String {
        let address = self.running.listening[0];
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// Reads all files again, and waits until the earlier months of its period are read too.
    fn reload(&mut self) {
        assert_eq!(self.post("/-/reload", &json!({})).0, 200);
        let is_read = |daemon: &Self| {
            let snapshot = daemon.running.feed.load();
            snapshot.links().next().is_some_and(|link| snapshot.judged(link).is_some())
        };
        for second in 0.. {
            if is_read(self) {
                break;
            }
            assert!(second < 20, "waited in vain for the earlier months");
            self.pass(1);
        }
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
    assert_eq!(exclude(&with(&json!({ "second": "张\u{3000}三" }))).1["code"], "needs_two");
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
    assert_eq!((of("clock_step"), of("exclude")), (2, 6), "refused ones too");
    assert!(entries.iter().all(|link| !link.entry.payload.contains("张三") && !link.entry.payload.contains("李四")));
}

/// The contract of the site judges by this period.
fn by(folder: &Path, period: &str) {
    let file = folder.join("site/contract.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let switch = "  - {id: availability-period,";
    let answered = |line: &str| match line.strip_prefix(switch) {
        Some(rest) => {
            let known = ["month", "quarter", "year"].map(|known| format!("default: {known}"));
            let default = known.iter().find(|known| rest.contains(*known)).unwrap();
            format!("{switch}{}\n", rest.replace(default, &format!("default: {period}")))
        }
        None => format!("{line}\n"),
    };
    assert!(text.contains(switch));
    fs::write(file, text.lines().map(answered).collect::<String>()).unwrap();
}

/// An hour of October and one of November were down; from April on, this is what is stored.
fn earlier(folder: &Path) {
    let (store, _) = Store::open(&folder.join("state"), &Options::default()).unwrap();
    let begins = MIDNIGHT - 244 * 24 * HOUR;
    let mut account = Account::open(Timestamp(begins), chrono_tz::Asia::Shanghai);
    account.measure(Measured::Up, Timestamp(begins), Timestamp(begins));
    let mut batch = Batch::default();
    let link = LinkId::parse("LL-0001").unwrap();
    let mut store_row = |month: String, account: String| {
        batch.accounts.push(StoredAccount { link: link.clone(), month, account });
    };
    for hour in 1..=(MIDNIGHT - begins) / HOUR - 2 {
        let now = Timestamp(begins + hour * HOUR);
        // 22 October and 21 November.
        let into = [40, 10].map(|days| now.0 - (MIDNIGHT - days * 24 * HOUR));
        if into.contains(&0) {
            account.measure(Measured::Down, now, now);
        } else if into.contains(&HOUR) {
            account.measure(Measured::Up, now, now);
        }
        for closed in account.advance(now, chrono_tz::Asia::Shanghai) {
            store_row(closed.month.to_string(), serde_json::to_string(&closed).unwrap());
        }
    }
    store_row(account.month().to_string(), serde_json::to_string(&account).unwrap());
    batch.heartbeat = Some(account.seen());
    store.commit(batch);
}

/// What the command says of the newest period of LL-0001.
fn shown(folder: &Path) -> Value {
    fs::write(folder.join("linkpatrol.yaml"), "inventory: site\nprobes: probes\ndata_dir: state\n").unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_linkpatrol"))
        .args(["ledger", "show", "LL-0001", "--output", "json", "--config.file"])
        .arg(folder.join("linkpatrol.yaml"))
        .output()
        .unwrap();
    let rows: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    rows["links"][0].clone()
}

/// API, metrics and page of a running daemon show the contract's own period, to the digit as the command does: over a
/// start, a reload of the contract, the end of a quarter, and what two people tell of the month before.
#[test]
fn a_quarter_and_a_year_are_shown_by_all_alike() {
    let folder = tempfile::tempdir().unwrap();
    site(folder.path());
    let probes = Path::new(env!("CARGO_MANIFEST_DIR")).join("probes");
    std::os::unix::fs::symlink(probes, folder.path().join("probes")).unwrap();
    earlier(folder.path());
    by(folder.path(), "quarter");
    // Back an hour before the end of November; nothing was seen for an hour.
    let mut daemon = Daemon::start(folder.path(), MIDNIGHT - HOUR);
    daemon.pass(10);
    let ask = json!({
        "actor": "张三", "second": "李四", "links": ["LL-0001"], "reason": "force_majeure", "note": "洪水",
        "from": "2026-11-21T00:10:00+08:00", "to": "2026-11-21T00:30:00+08:00",
    });
    for (period, name, down) in [("quarter", "2026-Q4", 100 * 60_000), ("year", "2026", 100 * 60_000)] {
        by(folder.path(), period);
        daemon.reload();
        if period == "quarter" {
            assert_eq!(daemon.post("/api/v1/ledger/exclude", &ask).0, 200);
        } else {
            // November is over, and still is what it was.
            daemon.jump(HOUR + 400 * SECOND);
            daemon.pass(70);
        }
        daemon.pass(1);
        let link: Value = serde_json::from_str(&daemon.get("/api/v1/links/LL-0001")).unwrap();
        let metrics = daemon.get("/metrics");
        let page = daemon.get("/links/LL-0001?lang=en");
        daemon.running.stop();
        let told = &link["period"];
        assert_eq!(
            (&told["name"], &told["kind"], &told["down"]),
            (&name.into(), &period.into(), &down.into()),
            "{told}"
        );
        let row = shown(folder.path());
        assert_eq!((&row["month"], &row["period"]), (&told["name"], &told["period"]), "{row}");
        let same = [
            ("failures", "failures"),
            ("mtbf", "mtbf_milliseconds"),
            ("mttr", "mttr_milliseconds"),
            ("missing", "missing_milliseconds"),
            ("error_budget_remaining", "error_budget_remaining_milliseconds"),
            ("availability", "verdict"),
        ];
        for (shown, called) in same {
            assert_eq!(row[shown], told[called], "{shown}: {row} {told}");
        }
        let sum = |keys: &[&str]| keys.iter().map(|key| told[*key].as_u64().unwrap()).sum::<u64>();
        assert_eq!(row["elapsed"], sum(&["up", "degraded", "down", "unknown", "excluded"]));
        assert_eq!(
            row["unknown_as_down"],
            json!([sum(&["up", "degraded"]), sum(&["up", "degraded", "down", "unknown"])])
        );
        // As a metric, and on the page.
        let left = row["error_budget_remaining"].as_i64().unwrap();
        let budget = metrics.lines().find(|line| line.contains("error_budget_remaining_seconds{link=\"LL-0001\""));
        let expected = format!("period=\"{period}\"}} {}", left as f64 / 1e3);
        assert!(budget.is_some_and(|line| line.ends_with(&expected)), "{budget:?} {expected}");
        let verdict = format!("objective=\"availability\",verdict=\"{}\"", row["availability"].as_str().unwrap());
        assert!(metrics.lines().any(|line| line.contains("{link=\"LL-0001\",") && line.contains(&verdict)));
        assert!(page.contains(&format!("<dt>{name}</dt>")), "{page}");
        daemon = Daemon::start(folder.path(), daemon.booted + daemon.mono);
    }
    daemon.running.stop();
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

/// An outage over midnight of the last day, in which the process ends and begins again, with work that was planned before and
/// told after: what the journal holds is judged alike again, entry by entry.
#[test]
fn a_journal_over_the_end_of_a_month_is_played_again_with_the_same_effects() {
    let folder = tempfile::tempdir().unwrap();
    site(folder.path());
    let mut daemon = Daemon::start(folder.path(), MIDNIGHT - 60 * SECOND);
    daemon.pass(15);
    let work = json!({
        "actor": "张三", "scopes": ["link/LL-0002"], "requester": "王五", "reason": "割接 王五",
        "from": "2026-11-30T23:59:40+08:00", "to": "2026-12-01T00:00:20+08:00",
    });
    let (status, told) = daemon.post("/api/v1/windows", &work);
    assert_eq!(status / 100, 2, "{told}");
    daemon.silent = true;
    daemon.pass(12);
    let open = |daemon: &Daemon| daemon.running.feed.load().open_incidents().next().cloned();
    let incident = open(&daemon).unwrap();
    let acknowledge = json!({ "actor": "李四", "note": "已派单" });
    assert_eq!(daemon.post(&format!("/api/v1/incidents/{}/acknowledge", incident.id), &acknowledge).0, 200);
    daemon.pass(3);
    daemon.running.stop();

    // The month ends while nobody looks.
    let mut daemon = Daemon::start(folder.path(), MIDNIGHT + 10 * SECOND);
    daemon.silent = true;
    daemon.pass(15);
    assert_eq!(open(&daemon).map(|open| open.id.clone()), Some(incident.id.clone()), "the same outage goes on");
    daemon.silent = false;
    daemon.pass(12);
    assert_eq!(open(&daemon).map(|open| open.id.clone()), None);
    daemon.jump(300 * SECOND);
    daemon.pass(70);
    wait("November on the disk", || closed(folder.path(), "LL-0001", "2026-11").is_some());
    let november = closed(folder.path(), "LL-0001", "2026-11").unwrap().accounted;
    assert!((12_000..=16_000).contains(&november.down), "it was down before midnight: {november:?}");
    daemon.running.stop();

    let journal = |action: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_linkpatrol"));
        let state = folder.path().join("state");
        let output = command.args(["journal", action, "--output", "json", "--data-dir"]).arg(state).output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        assert!(output.status.success(), "{action}: {told}");
        told
    };
    let audit = journal("verify")["journal"].clone();
    assert!(audit["records"].as_u64() >= Some(1) && audit["incidents"] == 1, "the work and the outage: {audit}");
    let played = journal("replay")["replayed"].clone();
    assert_eq!((&played["starts"], &played["passed_over"]), (&json!(2), &json!(0)), "{played}");
    assert!(played["steps"].as_u64() > Some(5), "{played}");
}

/// Each pair of answers is held against the limit of its time, and counted once.
#[test]
fn jitter_is_counted_against_the_limit_that_is_in_force() {
    let folder = tempfile::tempdir().unwrap();
    site(folder.path());
    let file = folder.path().join("site/contract.yaml");
    let shipped = fs::read_to_string(&file).unwrap();
    let promise = |limit: &str| {
        let objective = format!(
            "\nobjectives:\n  - {{id: shake, name: 抖动, measure: jitter, limit: {{at_most: {limit}}}, statistic: p95, period: month, source: measured}}\n"
        );
        let contract = shipped.replacen("\nobjectives:\n", &objective, 1);
        fs::write(&file, contract.replacen("\nlinks:\n", "\nlinks:\n  jitter: shake\n", 1)).unwrap();
    };
    promise("10ms");
    let mut daemon = Daemon::start(folder.path(), MIDNIGHT - HOUR);
    let counted = |daemon: &Daemon| {
        let quality = daemon.running.feed.load().links().next().unwrap().quality.clone();
        quality.jitter.counts()
    };
    daemon.pass(31);
    let (bad, all) = counted(&daemon);
    assert!(bad == 0 && (15..=30).contains(&all), "{bad} of {all}");
    daemon.shaky = true;
    daemon.pass(20);
    daemon.shaky = false;
    daemon.pass(11);
    let (shaken, more) = counted(&daemon);
    assert!((18..=21).contains(&shaken) && more >= all + 20, "{shaken} of {more}");
    promise("50ms");
    daemon.reload();
    daemon.shaky = true;
    daemon.pass(31);
    let (after, _) = counted(&daemon);
    assert!(after <= shaken + 1, "38 ms are no longer too much: {shaken} {after}");
    daemon.running.stop();
}
