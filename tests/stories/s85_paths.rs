//! What lies on the way to a line: a router that falls silent, a line that is slow, a limit that holds one target back.

use std::{process::Command, time::Duration};

use serde_json::Value;

use crate::{
    harness::{Namespace, Running, peer, wait_for},
    site::{Site, name},
};

/// Probes of a line by how they ended.
fn probes(site: &Site, number: u8, outcome: &str) -> f64 {
    let series = format!("linkpatrol_link_probes_total{{link=\"{}\",outcome=\"{outcome}\"}}", name(number));
    site.metric(&series).unwrap_or_else(|| panic!("no {series}"))
}

fn about_links(site: &Site) -> Vec<Value> {
    site.incidents().into_iter().filter(|incident| incident["kind"] != "own").collect()
}

#[test]
fn a_router_of_ours_that_falls_silent_makes_the_lines_behind_it_unknown_and_accuses_none() {
    let Some(mut site) = Site::make(3) else { return };
    let Some(far) = Namespace::make() else { return };
    site.join(&far);
    site.namespace.run(&["ip", "route", "add", "198.18.0.0/16", "via", "10.77.0.2"]);
    far.run(&["ip", "addr", "add", "198.18.0.1/32", "dev", "lo"]);
    site.write("site/links.csv", &site.read("site/links.csv").replace("127.10.0.2\n", "198.18.0.1\n"));
    site.start(&[]);
    site.all_up(3);
    // The router answers no question of ARP any more, and what was known of it is forgotten.
    far.run(&["ip", "addr", "del", "10.77.0.2/24", "dev", "far"]);
    site.namespace.run(&["ip", "neigh", "flush", "dev", "near"]);
    site.wait("nobody can look beyond the router", |site| (site.state(2) == "unknown").then_some(()));
    site.wait("turns are unmeasured", |site| (probes(site, 2, "unmeasured") >= 5.0).then_some(()));
    let silent = site.metric("linkpatrol_local_drops_total{reason=\"next_hop_silent\"}");
    assert!(silent >= Some(5.0), "each says why: {silent:?}");
    assert_eq!(probes(&site, 2, "lost"), 0.0, "its silence is ours");
    assert_eq!(site.metric("linkpatrol_link_up{link=\"LL-0002\"}"), None, "unknown has no sample");
    assert_eq!((site.state(1), site.state(3)), ("up".into(), "up".into()));
    assert_eq!(about_links(&site), Vec::<Value>::new());

    far.run(&["ip", "addr", "add", "10.77.0.2/24", "dev", "far"]);
    site.all_up(3);
    let month = site.get("/api/v1/links/LL-0002").json()["month"].clone();
    assert_eq!(month["down"], 0, "{month:#}");
    assert!(month["unknown"].as_u64() >= Some(5_000), "{month:#}");
    assert_eq!(about_links(&site), Vec::<Value>::new());
}

#[test]
fn a_line_that_is_slow_is_degraded_by_its_round_trip_time_and_is_not_down() {
    let (Some(python), Some(mut site)) = (peer("python3"), Site::make(3)) else { return };
    let Some(far) = Namespace::make() else { return };
    site.join(&far);
    // The kernel over there stays quiet, and a program answers each request 80 ms late.
    far.run(&["sysctl", "-qw", "net.ipv4.icmp_echo_ignore_all=1"]);
    site.write("late.py", include_str!("late.py"));
    let mut late = Command::new("ip");
    late.args(["netns", "exec", &far.name]).arg(python).arg(site.path("late.py")).args(["0.08"]);
    let _late = Running::start("late", site.folder.path(), &mut late);
    site.write("site/links.csv", &site.read("site/links.csv").replace("127.10.0.2\n", "10.77.0.2\n"));
    site.start(&[]);
    let slow = wait_for("the line is degraded", Duration::from_secs(60), || {
        Some(site.get("/api/v1/links/LL-0002").json()).filter(|link| link["state"] == "degraded")
    });
    let windows = slow["points"][0]["windows"].as_array().expect("windows");
    let five = windows.iter().find(|window| window["window"] == "5m").expect("a window");
    let [least, middle] = ["min", "p50"].map(|figure| five["rtt_seconds"][figure].as_f64().expect("a figure"));
    // Quantiles are within 3 %.
    assert!(least >= 0.08 && (0.0776..0.2).contains(&middle), "{five:#}");
    assert_eq!((&five["lost"], &slow["month"]["down"]), (&0.into(), &0.into()), "{slow:#}");
    let state = "linkpatrol_link_up{link=\"LL-0002\"}";
    assert_eq!(site.metric(state), Some(1.0), "slow is up");
    assert_eq!((site.state(1), site.state(3)), ("up".into(), "up".into()));
    let clocks = about_links(&site)
        .into_iter()
        .filter(|incident| incident["clocks"].as_array().is_some_and(|all| !all.is_empty()));
    assert_eq!(clocks.count(), 0, "nobody owes anything for a slow answer");
}

#[test]
fn a_limit_of_one_target_holds_back_what_goes_there_and_nothing_else() {
    let Some(mut site) = Site::make(4) else { return };
    // Lines 1 and 2 end at one device, which is asked at most once a second.
    site.write("site/links.csv", &site.read("site/links.csv").replace("127.10.0.2\n", "127.10.0.1\n"));
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + "limits: {per_target: 1}\n"));
    site.start(&[]);
    let held = "linkpatrol_local_drops_total{reason=\"rate_limited\"}";
    site.wait("probes are held back", |site| site.metric(held).filter(|held| *held >= 10.0));
    site.wait("they share what the device is asked", |site| {
        [1, 2].iter().all(|number| probes(site, *number, "answered") >= 3.0).then_some(())
    });
    let spared = |number| (probes(&site, number, "unmeasured"), probes(&site, number, "lost"));
    assert_eq!([spared(3), spared(4)], [(0.0, 0.0); 2]);
    assert_eq!(probes(&site, 1, "lost") + probes(&site, 2, "lost"), 0.0);
    assert!(site.incidents().is_empty(), "{:?}", site.incidents());
}
