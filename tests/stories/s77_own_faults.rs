//! Faults of the watching machine under a running daemon: it says that it cannot look, and accuses no line.

use std::{fs, time::Duration};

use crate::{
    harness::{Namespace, peer, skip},
    site::{Site, name},
};

/// A thread of another process that stands still until this ends.
struct Frozen(libc::pid_t);

impl Frozen {
    /// `None`, said aloud, where this machine lets nobody trace.
    fn stop(process: u32, thread: &str) -> Option<Self> {
        let of = |task: &fs::DirEntry| fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("the daemon's threads");
        let task = tasks.flatten().find(|task| of(task).trim() == thread).expect("a thread of this name");
        let id: libc::pid_t = task.file_name().to_string_lossy().parse().expect("a number");
        let none = std::ptr::null_mut::<libc::c_void>();
        // SAFETY: acts on a thread of our own child only; nothing of ours is written to.
        let stopped = unsafe {
            libc::ptrace(libc::PTRACE_SEIZE, id, none, none) == 0
                && libc::ptrace(libc::PTRACE_INTERRUPT, id, none, none) == 0
                && libc::waitpid(id, std::ptr::null_mut(), libc::__WALL) == id
        };
        if !stopped {
            skip("this machine lets nobody trace a process");
        }
        stopped.then_some(Self(id))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let none = std::ptr::null_mut::<libc::c_void>();
        // SAFETY: lets go of the thread that `stop` holds; it fails only when that is gone.
        unsafe { libc::ptrace(libc::PTRACE_DETACH, self.0, none, none) };
    }
}

fn total(site: &Site, links: u8, outcome: &str) -> f64 {
    let series = |n| format!("linkpatrol_link_probes_total{{link=\"{}\",outcome=\"{outcome}\"}}", name(n));
    (1..=links).filter_map(|n| site.metric(&series(n))).sum()
}

#[test]
fn a_scheduler_or_a_loop_that_stands_still_fails_the_watchdog_and_accuses_no_line() {
    let Some(mut site) = Site::make(10) else { return };
    site.start(&[]);
    site.all_up(10);
    for (thread, reason) in [("icmp", "scheduler_stalled"), ("loop", "loop_stalled")] {
        // `ip netns exec` becomes what it starts.
        let process = site.daemon().pid();
        let Some(frozen) = Frozen::stop(process, thread) else { return };
        let told = site.wait("the watchdog says so", |site| {
            let healthy = site.get("/-/healthy");
            (healthy.status == 503).then_some(healthy.body)
        });
        assert_eq!(told, format!("not healthy\n{reason}\n"), "{thread} alone stands still");
        let ready = site.get("/-/ready");
        assert!(ready.status == 503 && ready.body.contains(reason), "{thread}: {ready:?}");
        if thread == "icmp" {
            site.wait("the loop opens an incident of it", |site| (!site.incidents().is_empty()).then_some(()));
        }
        drop(frozen);
        site.wait("it is healthy again", |site| site.get("/-/healthy").is_ok().then_some(()));
    }
    let before = total(&site, 10, "answered");
    site.wait("it measures on", |site| (total(site, 10, "answered") >= before + 30.0).then_some(()));
    assert_eq!(total(&site, 10, "lost"), 0.0, "time in which nobody looked is no loss");
    let told: Vec<_> = site.incidents().iter().map(|it| (it["kind"].clone(), it["scope_id"].clone())).collect();
    assert_eq!(told, [("own".into(), "engine".into())], "the scheduler that stood still, and no line");
    site.all_up(10);
}

#[test]
fn a_daemon_without_the_right_to_raw_sockets_knows_nothing_and_measures_once_it_may() {
    let Some(mut site) = Site::make(5) else { return };
    let Some(_) = peer("setpriv") else { return };
    let served = site.serve(&[]);
    let rest: Vec<_> = served.get_args().skip(3).map(|word| word.to_string_lossy().into_owned()).collect();
    let mut line = vec!["setpriv", "--bounding-set", "-net_raw"];
    line.extend(rest.iter().map(String::as_str));
    let command = site.namespace.command(&line);
    site.start_as(command);
    site.wait("every turn is unmeasured", |site| (total(site, 5, "unmeasured") >= 15.0).then_some(()));
    assert_eq!(total(&site, 5, "answered") + total(&site, 5, "lost"), 0.0);
    assert!((1..=5).all(|number| site.state(number) == "unknown"));
    let ready = site.get("/-/ready");
    assert!(ready.status == 503 && ready.body.contains("no_raw_socket_right"), "{ready:?}");
    assert_eq!(site.metric("linkpatrol_prober_info{mode=\"no_right\"}"), Some(1.0));
    assert_eq!(site.metric("linkpatrol_coverage_links{status=\"never_verified\"}"), Some(5.0));
    assert!(site.incidents().iter().all(|incident| incident["kind"] == "own"), "{:?}", site.incidents());

    site.namespace.run(&["sh", "-c", "echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range"]);
    site.all_up(5);
    assert_eq!(site.metric("linkpatrol_prober_info{mode=\"ping\"}"), Some(1.0));
    site.wait("it is ready", |site| site.get("/-/ready").is_ok().then_some(()));
    site.cut(3);
    site.wait("a cut is seen through ping sockets", |site| (site.state(3) == "down").then_some(()));
    assert_eq!(site.state(4), "up");
}

#[test]
fn an_interface_that_vanishes_makes_its_lines_unknown_and_they_are_up_again_when_it_is_back() {
    let Some(mut site) = Site::make(3) else { return };
    let Some(far) = Namespace::make() else { return };
    site.join(&far);
    let ledger = site.read("site/links.csv").replace("127.10.0.2\n", "10.77.0.2,near\n");
    let ledger = ledger.replace(",far_address\n", ",far_address,interface\n");
    site.write(
        "site/links.csv",
        &ledger.replace("127.10.0.1\n", "127.10.0.1,\n").replace("127.10.0.3\n", "127.10.0.3,\n"),
    );
    site.start(&[]);
    site.all_up(3);
    site.namespace.run(&["ip", "link", "del", "near"]);
    site.wait("nobody can look", |site| (site.state(2) == "unknown").then_some(()));
    let unmeasured = "linkpatrol_link_probes_total{link=\"LL-0002\",outcome=\"unmeasured\"}";
    site.wait("and every turn says so", |site| (site.metric(unmeasured) >= Some(5.0)).then_some(()));
    assert_eq!(site.metric("linkpatrol_link_up{link=\"LL-0002\"}"), None, "unknown has no sample");
    assert_eq!((site.state(1), site.state(3)), ("up".into(), "up".into()));
    std::thread::sleep(Duration::from_secs(3));
    let about = |site: &Site| site.incidents().into_iter().filter(|it| it["kind"] != "own").collect::<Vec<_>>();
    assert_eq!(about(&site), Vec::<serde_json::Value>::new());

    site.join(&far);
    site.all_up(3);
    assert_eq!(site.metric("linkpatrol_link_probes_total{link=\"LL-0002\",outcome=\"lost\"}"), Some(0.0));
    assert_eq!(about(&site), Vec::<serde_json::Value>::new());
}
