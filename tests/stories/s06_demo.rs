//! The demo: a city of 300 links is measured, cut and scored; without a right it is played without packets; and a cut
//! that no story knows of is found all the same.

use std::{
    fs::{self, Permissions},
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use serde_json::Value;

use super::harness::{Running, free_port, get, is_root, linkpatrol, peer, root, skip, wait_for, words};

fn address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

/// `linkpatrol demo` with a story of `tests/cities`, everything it writes in `folder`.
fn demo(story: &str, links: u32, folder: &Path, listen: SocketAddr) -> Command {
    let mut command = linkpatrol();
    command.args(["demo", "--links", &links.to_string(), "--listen", &listen.to_string(), "--story"]);
    command.arg(root().join("tests/cities").join(story)).arg("--data-dir").arg(folder);
    command
}

fn summary(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("no summary ({error}): {}", words(output)))
}

/// Exit code 2 and these words: the machine lacks a right, which other stories may need.
fn lacks_a_right(output: &Output) -> bool {
    let lacks =
        output.status.code() == Some(2) && String::from_utf8_lossy(&output.stderr).contains("--allow-simulated");
    if lacks {
        skip(&format!("no network namespace with a TUN device: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    lacks
}

/// What the separate script makes of the files of a run.
fn scored_by_script(folder: &Path) -> Option<(Value, bool)> {
    let output =
        Command::new(peer("python3")?).arg(root().join("tests/score.py")).arg(folder).output().expect("python3 runs");
    let score = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", words(&output)));
    Some((score, output.status.success()))
}

fn assert_same_score(summary: &Value, folder: &Path) {
    let Some((score, matches)) = scored_by_script(folder) else { return };
    for key in ["cuts", "missed_cuts", "false_alarms", "detection_seconds"] {
        assert_eq!(summary[key], score[key], "{key}");
    }
    assert!(matches);
}

#[test]
fn a_city_is_measured_cut_and_scored_and_the_script_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--time-limit", "20s", "--summary", "json"];
    let output = demo("short.yaml", 300, folder.path(), address()).args(arguments).output().unwrap();
    if lacks_a_right(&output) {
        return;
    }
    let summary = summary(&output);
    assert_eq!(output.status.code(), Some(0), "{summary:#}");
    assert_eq!([&summary["mode"], &summary["notice"]], ["raw", "【模拟】"]);
    let counts = ["links", "measured", "cuts", "missed_cuts", "false_alarms"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!(counts, [300, 300, 4, 0, 0], "{summary:#}");
    assert_same_score(&summary, folder.path());

    let number =
        |path: &str| summary.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path}: {summary:#}"));
    // Four probes must time out: 1.3 s at best, one interval more at worst. 4 s: a machine busy with other tests.
    assert!((1.0..2.5).contains(&number("/detection_seconds/p50")), "{summary:#}");
    assert!(number("/detection_seconds/max") < 4.0);
    assert!(
        number("/rtt_error_seconds/p50") < 100e-6 && number("/rtt_error_seconds/compared") > 3_000.0,
        "{summary:#}"
    );
    assert!(number("/probes/sent") > 300.0 * 15.0);
    assert_eq!(number("/probes/sent"), number("/probes/answered") + number("/probes/lost"));
    for some in ["lost", "late", "duplicate", "confirm"] {
        assert!(number(&format!("/probes/{some}")) > 0.0, "{some}: {summary:#}");
    }
    for stage in ["engine", "loop", "http", "city"] {
        assert!(number(&format!("/cpu_seconds/{stage}")) >= 0.0);
    }
    assert!(number("/rss_bytes") > 1e6);
}

#[test]
fn without_a_right_the_same_story_is_played_without_packets_but_only_when_allowed() {
    if !is_root() {
        return skip("taking a right away needs root");
    }
    let (Some(setpriv), folder) = (peer("setpriv"), tempfile::tempdir().unwrap()) else { return };
    let deprived = |more: &[&str]| {
        let demo = demo("short.yaml", 300, folder.path(), address());
        let mut command = Command::new(&setpriv);
        command.args(["--bounding-set", "-sys_admin"]).arg(demo.get_program()).args(demo.get_args());
        command.args(["--time-limit", "13s", "--summary", "json"]).args(more).output().unwrap()
    };
    let refused = deprived(&[]);
    assert_eq!(refused.status.code(), Some(2), "{}", words(&refused));
    assert!(refused.stdout.is_empty());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--allow-simulated"));

    let output = deprived(&["--allow-simulated"]);
    let summary = summary(&output);
    assert_eq!(output.status.code(), Some(0), "{summary:#}");
    assert_eq!([&summary["mode"], &summary["rtt_error_seconds"]["p50"]], [&Value::from("simulated"), &Value::Null]);
    let counts = ["links", "measured", "cuts", "missed_cuts", "false_alarms"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!(counts, [300, 300, 4, 0, 0], "{summary:#}");
    assert_same_score(&summary, folder.path());
}

/// Root lends a world-writable TUN device, as most machines have it, in a mount namespace; the demo runs as nobody.
const AS_NOBODY: &str = "mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200 &&
    exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all \"$@\"";

#[test]
fn a_user_without_rights_has_a_city_of_real_packets_too() {
    if !is_root() {
        return skip("becoming another user needs root");
    }
    let (Some(unshare), folder) = (peer("unshare"), tempfile::tempdir().unwrap()) else { return };
    // Where nobody may read it, wherever the repository lies.
    let (program, state) = (folder.path().join("linkpatrol"), folder.path().join("state"));
    fs::copy(env!("CARGO_BIN_EXE_linkpatrol"), &program).unwrap();
    fs::create_dir(&state).unwrap();
    for (path, mode) in [(folder.path(), 0o755), (&state, 0o777)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let demo = demo("short.yaml", 60, &state, address());
    let as_nobody = |program: &std::ffi::OsStr, arguments: &mut dyn Iterator<Item = &std::ffi::OsStr>| {
        let mut command = Command::new(&unshare);
        command.args(["--mount", "sh", "-c", AS_NOBODY, "sh"]).arg(program).args(arguments).output().unwrap()
    };
    let ledger = root().join("inventories/xuchang/links.csv");
    if !as_nobody("test".as_ref(), &mut ["-r".as_ref(), ledger.as_os_str()].into_iter()).status.success() {
        return skip(
            "this machine lends no TUN device in a mount namespace, or the repository is not readable by others",
        );
    }
    let limit = ["--time-limit", "12s", "--summary", "json"].map(std::ffi::OsStr::new);
    let output = as_nobody(program.as_os_str(), &mut demo.get_args().chain(limit));
    if lacks_a_right(&output) {
        return;
    }
    let summary = summary(&output);
    assert_eq!(output.status.code(), Some(0), "{summary:#}");
    assert_eq!([&summary["mode"], &summary["measured"]], [&Value::from("raw"), &Value::from(60)]);
}

/// The far end of LL-0001 in the shipped ledger.
fn far_address() -> String {
    let ledger = fs::read_to_string(root().join("inventories/xuchang/links.csv")).expect("the shipped ledger");
    let mut rows = ledger.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = rows.next().expect("a ledger has a head");
    let column = head.iter().position(|name| *name == "far_address").expect("a column of far ends");
    rows.find(|row| row[0] == "LL-0001").expect("the first link")[column].to_owned()
}

/// Runs `nft` with these rules in the namespace at `path`.
fn nft(path: &str, rules: &str) {
    let output = Command::new("nsenter").arg(format!("--net={path}")).args(["nft", rules]).output();
    let output = output.expect("nsenter runs");
    assert!(output.status.success(), "{}", words(&output));
}

#[test]
fn a_cut_that_no_story_knows_of_becomes_an_incident() {
    if !is_root() {
        return skip("entering the demo's namespace needs root");
    }
    if ["nft", "nsenter"].into_iter().any(|program| peer(program).is_none()) {
        return;
    }
    let (folder, listen) = (tempfile::tempdir().unwrap(), address());
    let mut command = demo("quiet.yaml", 100, folder.path(), listen);
    let mut demo = Running::start("demo", folder.path(), &mut command);
    demo.wait_until_serving(listen, "/-/healthy", Duration::from_secs(20));
    let printed = demo.printed();
    let Some((path, _)) = printed.split_once("--net=").and_then(|(_, rest)| rest.split_once(' ')) else {
        return skip(&format!("no network namespace with a TUN device: {printed}"));
    };
    let api = |path: &str| get(listen, path).unwrap().json();
    let state = || api("/api/v1/links/LL-0001")["state"].clone();
    wait_for("LL-0001 to be up", Duration::from_secs(10), || (state() == "up").then_some(()));

    // Answers are dropped as they come in: a refused send would be our own fault, not the line's.
    nft(
        path,
        &format!(
            "table ip outside {{ chain input {{ type filter hook input priority 0; ip saddr {} drop; }}; }}",
            far_address()
        ),
    );
    let holds = |incident: &Value| incident["links"].as_array().unwrap().iter().any(|link| link["link"] == "LL-0001");
    let incident = wait_for("an incident that holds LL-0001", Duration::from_secs(10), || {
        api("/api/v1/incidents")["incidents"].as_array().unwrap().iter().find(|incident| holds(incident)).cloned()
    });
    assert_eq!([&incident["phase"], &incident["kind"]], ["open", "outage"], "{incident:#}");
    nft(path, "delete table ip outside");
    wait_for("LL-0001 to be up again", Duration::from_secs(15), || (state() == "up").then_some(()));

    demo.signal(libc::SIGINT);
    assert_eq!(demo.wait(Duration::from_secs(15)), 1, "the city knows of no cut: {}", demo.printed());
    let (score, _) = scored_by_script(folder.path()).unwrap_or_default();
    assert_eq!([&score["cuts"], &score["false_alarms"]], [0, 1]);
}
