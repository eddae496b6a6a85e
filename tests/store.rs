//! The store against real trouble: killed writers, full and read-only disks, a sync that fails, files of others.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is missing fails the test")]

use std::{
    ffi::CString,
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use linkpatrol::{
    incident::{Incident, IncidentKind, IncidentPhase, Scope},
    inventory::{LinkId, Role},
    journal::{Content, Digest, Entry, Record, Start},
    notify::{Notice, NoticeKind, Subject},
    store::{Attempt, Batch, Delivery, Options, Recovered, Store, StoreError, StoredAccount, StoredPoint},
    units::{Now, Timestamp},
};
use rusqlite::Connection;
use serde_json::json;

/// Long enough for any disk of a test machine.
const SOON: Duration = Duration::from_secs(20);

fn incident(id: &str, closed: Option<i64>) -> Incident {
    Incident {
        id: id.into(),
        merged_into: None,
        phase: if closed.is_some() { IncidentPhase::Closed } else { IncidentPhase::Open },
        tier: 2,
        scope: Scope { kind: "link".into(), id: "LL-0001".into() },
        source: None,
        drill: false,
        inferred: false,
        unit_power_suspected: false,
        kind: IncidentKind::Outage,
        began: Timestamp(1_000),
        opened: Timestamp(2_000),
        announced: None,
        restored: None,
        closed: closed.map(Timestamp),
        levels: vec![],
        redundancy: vec![],
        relapses: 0,
        flapping: None,
        parent: None,
        acknowledgements: vec![],
        promises: vec![],
        confirmations: vec![],
        closed_by: None,
        annulled: None,
        resolution: None,
        clocks: vec![],
        links: vec![],
        service: None,
        tickets: vec![],
        timeline: vec![],
        timeline_dropped: 0,
    }
}

fn notice(key: &str) -> Notice {
    Notice {
        key: key.into(),
        channel: "am".into(),
        party: String::new(),
        kind: NoticeKind::Opened,
        subject: Subject::Incident(Box::new(incident("01A", None))),
        created: Timestamp(3_000),
        message: None,
        attempts: 0,
    }
}

fn entry(number: u64) -> Entry {
    Entry { at: Timestamp(1), kind: "test".into(), payload: json!({ "number": number }).to_string() }
}

fn logged(number: u64) -> Batch {
    Batch { entries: vec![entry(number)], heartbeat: Some(Timestamp(1_000)), ..Batch::default() }
}

fn point(link: &str, losses: u64) -> StoredPoint {
    StoredPoint { link: LinkId::parse(link).unwrap(), role: Role::Far, state: json!({ "losses": losses }).to_string() }
}

fn open(folder: &Path) -> (Store, Recovered) {
    Store::open(folder, &Options { reserve_bytes: 1 << 20, ..Options::default() }).unwrap()
}

fn refused(folder: &Path) -> StoreError {
    match Store::open(folder, &Options::default()) {
        Ok(_) => panic!("opened"),
        Err(error) => error,
    }
}

/// Numbers of [`logged`] that the journal in `folder` holds.
fn numbers(store: &Store) -> Vec<u64> {
    let links = store.reader().unwrap().entries(0, u32::MAX).unwrap();
    let payloads = links.iter().map(|link| serde_json::from_str::<serde_json::Value>(&link.entry.payload).unwrap());
    payloads.filter_map(|payload| payload["number"].as_u64()).collect()
}

#[expect(clippy::disallowed_methods, reason = "a test of real disks lives in real time")]
fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < SOON, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_restart_finds_everything_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (store, first) = open(folder.path());
    assert!(first.heartbeat.is_none() && first.incidents.is_empty());
    let account = StoredAccount {
        link: LinkId::parse("LL-0001").unwrap(),
        month: "2026-11".into(),
        account: json!({ "up": 7 }).to_string(),
    };
    store.commit(Batch {
        incidents: vec![incident("01A", None), incident("01B", Some(5_000)), incident("01C", Some(90_000))],
        points: vec![point("LL-0001", 3)],
        accounts: vec![account.clone()],
        notices: vec![notice("a"), notice("b"), notice("c")],
        ..logged(1)
    });
    let failed = Attempt::Failed { reason: "connection refused".into() };
    let tried = |key: &str, result| Delivery { key: key.into(), at: Timestamp(4_000), attempts: 1, result };
    let last = store.commit(Batch {
        points: vec![point("LL-0001", 4)],
        deliveries: vec![
            tried("a", Attempt::Delivered { receipt: "250 ok".into() }),
            tried("b", failed),
            tried("c", Attempt::GivenUp { reason: "overtaken".into() }),
        ],
        notices: vec![notice("a")],
        ..Batch::default()
    });
    assert!(store.wait(last, SOON) && store.is_durable(last));
    let status = store.status();
    assert!(status.healthy && status.error.is_none() && status.lost == 0 && !status.reserve_released, "{status:?}");
    drop(store);

    let options = Options { closed_since: Timestamp(80_000), ..Options::default() };
    let (store, found) = Store::open(folder.path(), &options).unwrap();
    let ids: Vec<&str> = found.incidents.iter().map(|incident| incident.id.as_str()).collect();
    assert_eq!(ids, ["01A", "01C"], "open ones and those closed lately");
    assert_eq!(found.incidents[0], incident("01A", None));
    assert_eq!(found.points, [point("LL-0001", 4)]);
    assert_eq!(found.accounts, [account]);
    assert_eq!(found.outbox, [Notice { attempts: 1, ..notice("b") }], "delivered and given up ones have left");
    assert_eq!(found.heartbeat.unwrap().utc, Timestamp(1_000));
    assert!(found.away.unwrap() < SOON, "the same boot: the time away is known exactly");
    assert_eq!(numbers(&store), [1]);
    assert_eq!(store.reader().unwrap().incident("01B").unwrap(), Some(incident("01B", Some(5_000))));
}

#[test]
fn the_chain_goes_on_over_a_restart_and_anchors_are_laid_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let files = Content::new(b"id,cid\n".to_vec());
    let found = Content::new(b"[]".to_vec());
    let start = Start {
        now: Now::default(),
        version: "1".into(),
        seed: 7,
        leave_after: 0,
        world: files.hash,
        incidents: found.hash,
        windows: None,
        desk: None,
        alive: None,
        texts_apart: true,
        windows_held: true,
    };
    let started = Record::Start(start).into_entry(Timestamp(5));
    let (store, _) = open(folder.path());
    let anchor = Some(("2026-11-22".to_owned(), Timestamp(9)));
    let contents = vec![files.clone(), found.clone()];
    let ticket = store.commit(Batch { entries: vec![started], contents, anchor, ..Batch::default() });
    assert!(store.wait(ticket, SOON));
    let status = store.status().journal;
    assert_eq!((status.head.number, status.oldest), (1, Some(Timestamp(5))));
    assert_eq!(status.anchored, Some(("2026-11-22".to_owned(), Timestamp(9))));
    drop(store);

    let (store, _) = open(folder.path());
    assert_eq!(store.status().journal.anchored, Some(("2026-11-22".to_owned(), Timestamp(9))));
    assert!(store.wait(store.commit(logged(2)), SOON));
    let reader = store.reader().unwrap();
    let laid = fs::read(folder.path().join("anchors/2026-11-22.json")).unwrap();
    let audit = reader.audit(vec![serde_json::from_slice(&laid).unwrap()], None).unwrap();
    assert_eq!((audit.entries, audit.seals, audit.contents, audit.faults), (2, 2, 2, vec![]));
    assert_eq!(reader.content(files.hash).unwrap(), Some(files.bytes));
    assert_eq!(reader.content(Digest::default()).unwrap(), None);
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("journal.key"), mode("journal.pub")), (0o600, 0o644));

    // A folder that takes no anchors is told of, and tried again.
    drop(store);
    fs::remove_dir_all(folder.path().join("anchors")).unwrap();
    fs::write(folder.path().join("anchors"), "").unwrap();
    let (store, _) = open(folder.path());
    let anchor = |day: &str| Batch { anchor: Some((day.into(), Timestamp(10))), ..Batch::default() };
    assert!(store.wait(store.commit(anchor("2026-11-23")), SOON));
    assert!(store.status().journal.anchor_error.is_some() && store.status().healthy);
    fs::remove_file(folder.path().join("anchors")).unwrap();
    assert!(store.wait(store.commit(anchor("2026-11-23")), SOON));
    let status = store.status().journal;
    assert_eq!((status.anchored.unwrap().0.as_str(), status.anchor_error), ("2026-11-23", None));
}

/// The state files as the first version wrote them (format 1 of both), with a row in each table.
const OLDEST: [(&str, &str); 2] =
    [("journal.db", include_str!("store/journal-1.sql")), ("series.db", include_str!("store/series-1.sql"))];

/// Every format that there ever was leads to today's, in one go and with everything that it held.
#[test]
fn the_oldest_state_files_are_brought_up_to_date_with_all_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| Connection::open(folder.path().join(name)).unwrap();
    for (name, sql) in OLDEST {
        file(name).execute_batch(sql).unwrap();
    }
    let (store, found) = open(folder.path());
    assert_eq!(found.unreadable, Vec::<String>::new());
    assert_eq!(found.incidents.iter().map(|incident| incident.id.as_str()).collect::<Vec<_>>(), ["01A"]);
    assert_eq!(found.points, [point("LL-0001", 3)]);
    assert_eq!(found.outbox.iter().map(|notice| notice.key.as_str()).collect::<Vec<_>>(), ["waits"]);
    assert_eq!((found.accounts.len(), found.heartbeat.unwrap().utc), (1, Timestamp(1_000)));
    // What came later works on it: the chain begins, planned work and the desk have their tables.
    assert!(store.wait(store.commit(logged(1)), SOON));
    assert_eq!(numbers(&store), [1]);
    let reader = store.reader().unwrap();
    assert_eq!(reader.incident("01B").unwrap().unwrap().closed, Some(Timestamp(5_000)));
    assert_eq!(reader.audit(vec![], None).unwrap().faults, []);
    drop((store, reader));

    // The same tables and indices as in a folder that today's version made, and nothing of the old ones is lost.
    let fresh = tempfile::tempdir().unwrap();
    drop(open(fresh.path()));
    for (name, _) in OLDEST {
        let schema = |folder: &Path| {
            let file = Connection::open(folder.join(name)).unwrap();
            let version: i64 = file.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
            let mut statement = file.prepare("SELECT name FROM sqlite_schema ORDER BY name").unwrap();
            let names = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
            (version, names.collect::<Result<Vec<_>, _>>().unwrap())
        };
        assert_eq!(schema(folder.path()), schema(fresh.path()), "{name}");
    }
    let kept: i64 = file("journal.db").query_row("SELECT count(*) FROM log", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 2, "the log of events of format 1");
}

#[test]
fn a_restart_of_the_machine_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path());
    store.commit(logged(1));
    drop(store);
    let series = Connection::open(folder.path().join("series.db")).unwrap();
    series.execute("UPDATE heartbeat SET boot_id = 'another'", []).unwrap();
    let (_store, found) = open(folder.path());
    assert!(found.away.is_none() && found.heartbeat.is_some());
}

#[test]
fn rows_that_cannot_be_read_are_named_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path());
    store.commit(Batch { incidents: vec![incident("01A", None)], ..Batch::default() });
    drop(store);
    let journal = Connection::open(folder.path().join("journal.db")).unwrap();
    journal.execute("UPDATE incident SET json = '{}'", []).unwrap();
    let (store, found) = open(folder.path());
    assert!(found.incidents.is_empty() && found.unreadable[0].starts_with("incident 01A: "), "{:?}", found.unreadable);
    drop(store);
    let rows: i64 = journal.query_row("SELECT count(*) FROM incident", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1);
}

#[test]
fn a_folder_in_use_names_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path());
    let error = refused(folder.path());
    let pid = std::process::id();
    assert!(error.to_string().contains(&format!("is in use by another process (pid {pid})")), "{error}");
    drop(store);
    open(folder.path());
}

#[test]
fn files_of_others_are_refused_and_left_as_they_were() {
    let newer = |folder: &Path| {
        drop(open(folder));
        let file = Connection::open(folder.join("journal.db")).unwrap();
        file.execute_batch("UPDATE meta SET value = '9.9.9'; PRAGMA user_version = 99;").unwrap();
    };
    let foreign = |folder: &Path| {
        let file = Connection::open(folder.join("journal.db")).unwrap();
        file.execute_batch("CREATE TABLE somebody_elses (x)").unwrap();
    };
    let garbage = |folder: &Path| fs::write(folder.join("journal.db"), "not a database at all\n".repeat(100)).unwrap();
    let cases = [
        (
            &newer as &dyn Fn(&Path),
            "is of format 99, written by a newer linkpatrol (9.9.9); this one knows up to format ",
        ),
        (&foreign, "is not a state file of linkpatrol"),
        (&garbage, "is damaged"),
    ];
    for (prepare, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let file = folder.path().join("journal.db");
        let before = fs::read(&file).unwrap();
        let error = refused(folder.path());
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(fs::read(&file).unwrap(), before, "{expected}: the file was changed");
    }
}

#[test]
fn a_read_only_folder_is_said_to_be_so() {
    let Some(disk) = SmallDisk::mount("size=8m") else { return };
    drop(open(&disk.0));
    disk.make_read_only();
    let error = refused(&disk.0);
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
    assert!(error.to_string().contains("is read-only"), "{error}");
}

/// Full disk: the reserve carries the journal; when that is used up too, facts wait in memory; space brings all back.
#[test]
fn a_full_disk_loses_no_incident_and_heals_by_itself() {
    let Some(disk) = SmallDisk::mount("size=6m") else { return };
    let (store, _) = open(&disk.0);
    assert!(store.wait(store.commit(logged(0)), SOON));
    // A second start has small logs: those of the first, folded in, would give enough space to take the reserve back.
    drop(store);
    let (store, _) = open(&disk.0);

    disk.fill();
    // Accounts and log lines until the disk notices; the journal then goes on in the reserve.
    let mut number = 0;
    wait_for("the reserve to be released", || {
        number += 1;
        store.commit(logged(number));
        store.status().reserve_released
    });
    let opened = store.commit(Batch { incidents: vec![incident("01A", None)], ..logged(0) });
    assert!(store.wait(opened, SOON), "the journal lives on in the reserve: {:?}", store.status());
    let status = store.status();
    assert!(!status.healthy && status.error.is_some() && status.pending > 0, "accounts wait: {status:?}");

    // The reserve is eaten by somebody else: nothing can be written, everything waits, nobody is blocked.
    disk.fill();
    let block = Batch { entries: (0..2_000).map(|_| entry(0)).collect(), ..Batch::default() };
    wait_for("the journal to be refused", || {
        let ticket = store.commit(block.clone());
        !store.wait(ticket, Duration::from_millis(300))
    });
    for losses in 0..60_000 {
        store.commit(Batch { points: vec![point("LL-0001", losses)], ..logged(losses) });
    }
    let last = store.commit(Batch { incidents: vec![incident("01B", None)], ..Batch::default() });
    assert!(!store.wait(last, Duration::from_millis(300)));
    let status = store.status();
    assert!(status.pending < 80_000 && status.lost > 0, "bounded, and what did not fit is counted: {status:?}");

    disk.empty();
    assert!(store.wait(last, SOON), "{:?}", store.status());
    wait_for("the store to be healthy", || store.status().healthy);
    let status = store.status();
    assert!(status.error.is_none() && !status.reserve_released && status.pending == 0, "{status:?}");
    drop(store);
    let (_store, found) = open(&disk.0);
    assert_eq!(found.incidents.len(), 2);
    assert_eq!(found.points, [point("LL-0001", 59_999)]);
}

#[test]
fn a_start_on_a_full_disk_still_knows_what_is_open() {
    let Some(disk) = SmallDisk::mount("size=6m") else { return };
    let (store, _) = open(&disk.0);
    store.commit(Batch { incidents: vec![incident("01A", None)], ..Batch::default() });
    drop(store);
    disk.fill();
    let (store, found) = open(&disk.0);
    assert_eq!(found.incidents, [incident("01A", None)]);
    let status = store.status();
    assert!(!status.healthy && status.reserve_released, "{status:?}");
    assert!(store.wait(store.commit(logged(1)), SOON), "the reserve carries the journal: {:?}", store.status());
}

/// A child that commits until it is killed, and prints each number once it is durable.
#[test]
fn child_commits_until_killed() {
    let Some(folder) = std::env::var_os("STORE_OF_CHILD") else { return };
    let (store, _) = open(Path::new(&folder));
    for number in 0.. {
        let points = vec![point("LL-0001", number)];
        let incidents = vec![incident(&format!("{number:08}"), None)];
        let ticket = store.commit(Batch { points, incidents, ..logged(number) });
        if store.wait(ticket, SOON) {
            println!("durable {number}");
        } else {
            println!("refused {:?}", store.status().error);
            return;
        }
    }
}

fn child(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env("STORE_OF_CHILD", folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[test]
fn a_kill_in_the_middle_keeps_every_acknowledged_commit() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=5 {
        let begun = open(folder.path()).1.incidents.len();
        let mut process = child("child_commits_until_killed", folder.path()).spawn().unwrap();
        let mut acknowledged = None;
        for line in BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok) {
            acknowledged = line.strip_prefix("durable ").map_or(acknowledged, |number| number.parse::<u64>().ok());
            if acknowledged == Some(40 * round) {
                process.kill().unwrap();
            }
        }
        process.wait().unwrap();
        let acknowledged = acknowledged.unwrap();
        let (store, found) = open(folder.path());
        let numbers = numbers(&store);
        assert!(numbers.contains(&acknowledged), "round {round}: {acknowledged} was acknowledged and is not there");
        assert!(found.incidents.len() > usize::try_from(acknowledged).unwrap() && found.incidents.len() >= begun);
        let state: serde_json::Value = serde_json::from_str(&found.points[0].state).unwrap();
        let state = state["losses"].as_u64().unwrap();
        assert!(state >= acknowledged, "round {round}: state {state} is older than what was acknowledged");
    }
}

/// A child whose `fsync` fails while a file says so; it must not crash, and must go on when the sync works again.
#[test]
fn child_meets_a_failing_sync() {
    let Some(folder) = std::env::var_os("STORE_OF_CHILD") else { return };
    let folder = PathBuf::from(folder);
    let (store, _) = open(&folder.join("state"));
    assert!(store.wait(store.commit(logged(1)), SOON));
    fs::write(folder.join("fail"), "").unwrap();
    let ticket = store.commit(logged(2));
    wait_for("the failing sync to be noticed", || !store.status().healthy);
    println!("noticed {}", store.status().error.unwrap());
    assert!(!store.is_durable(ticket));
    fs::remove_file(folder.join("fail")).unwrap();
    assert!(store.wait(ticket, SOON));
    wait_for("health", || store.status().healthy);
    println!("numbers {:?}", numbers(&store));
}

#[test]
fn a_failing_sync_is_trouble_and_never_a_commit() {
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("shim.c"), folder.path().join("shim.so"));
    let text = "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <errno.h>\n#include <unistd.h>\n#include <stdlib.h>\n\
                static int sync_with(const char *name, int fd) {\n\
                  const char *flag = getenv(\"FAIL_SYNC\");\n\
                  if (flag && access(flag, F_OK) == 0) { errno = EIO; return -1; }\n\
                  return ((int (*)(int))dlsym(RTLD_NEXT, name))(fd);\n}\n\
                int fsync(int fd) { return sync_with(\"fsync\", fd); }\n\
                int fdatasync(int fd) { return sync_with(\"fdatasync\", fd); }\n";
    fs::write(&source, text).unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl").status();
    if !built.is_ok_and(|status| status.success()) {
        return eprintln!("SKIPPED: no C compiler to make a failing fsync with");
    }
    let mut command = child("child_meets_a_failing_sync", folder.path());
    command.env("LD_PRELOAD", &library).env("FAIL_SYNC", folder.path().join("fail"));
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("noticed ") && printed.contains("I/O error"), "{printed}");
    assert!(printed.contains("numbers [1, 2]"), "{printed}");
}

/// A small disk that only this thread and its children see; gone with the thread.
struct SmallDisk(PathBuf, #[expect(dead_code, reason = "the mount point lives as long as the disk")] tempfile::TempDir);

impl SmallDisk {
    /// `None`, said aloud, without the right to mount.
    fn mount(options: &str) -> Option<Self> {
        // SAFETY: no memory is shared with the kernel; only this thread gets mounts of its own.
        if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
            eprintln!("SKIPPED: a disk of its own needs root");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let disk = Self(folder.path().join("disk"), folder);
        fs::create_dir(&disk.0).unwrap();
        mount_with("none", Path::new("/"), "", libc::MS_REC | libc::MS_PRIVATE, "");
        mount_with("tmpfs", &disk.0, "tmpfs", 0, options);
        Some(disk)
    }

    fn make_read_only(&self) {
        mount_with("tmpfs", &self.0, "tmpfs", libc::MS_REMOUNT | libc::MS_RDONLY, "");
    }

    /// Takes all the space there is.
    fn fill(&self) {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(self.0.join("filling")).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }

    fn empty(&self) {
        fs::remove_file(self.0.join("filling")).unwrap();
    }
}

fn mount_with(source: &str, target: &Path, kind: &str, flags: libc::c_ulong, options: &str) {
    let text = |text: &str| CString::new(text).unwrap();
    let (source, kind, options) = (text(source), text(kind), text(options));
    let target = text(target.to_str().unwrap());
    // SAFETY: all four are strings that end with a zero byte and outlive the call.
    let result =
        unsafe { libc::mount(source.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, options.as_ptr().cast()) };
    assert_eq!(result, 0, "mount: {}", std::io::Error::last_os_error());
}
