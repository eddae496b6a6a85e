//! The second line: the shipped scrape configuration and rules, on a real Prometheus that scrapes the daemon.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::Command,
};

use serde_json::Value;

use crate::{
    harness::{Answer, Running, peer, request, root, words},
    site::Site,
};

const PROMETHEUS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);

fn shipped(name: &str) -> PathBuf {
    root().join("deploy/prometheus").join(name)
}

fn read(path: PathBuf) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What follows `key` on the lines that have it.
fn after<'a>(text: &'a str, key: &str) -> BTreeSet<&'a str> {
    text.lines().filter_map(|line| line.trim_start().strip_prefix(key)).map(str::trim).collect()
}

/// Names of our metrics in the rules' expressions.
fn metrics(rules: &str) -> BTreeSet<&str> {
    let expressions = rules.lines().filter(|line| line.trim_start().starts_with("expr:"));
    let words = expressions
        .flat_map(|line| line.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != ':'));
    // What a recording rule makes has colons in its name.
    words.filter(|word| word.starts_with("linkpatrol_") && !word.contains(':')).collect()
}

#[test]
fn promtool_takes_the_shipped_files_and_every_alert_fires_when_it_should() {
    let Some(promtool) = peer("promtool") else { return };
    for arguments in [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "linkpatrol.rules.yml"],
        ["test", "rules", "linkpatrol.rules.test.yml"],
    ] {
        let mut command = Command::new(&promtool);
        let output = command.args(arguments).current_dir(root().join("deploy/prometheus")).output().expect("promtool");
        assert!(output.status.success(), "{arguments:?}: {}", words(&output));
    }
}

#[test]
fn every_alert_has_a_unit_test_a_heading_in_the_runbook_and_both_languages() {
    let rules = read(shipped("linkpatrol.rules.yml"));
    let alerts = after(&rules, "- alert:");
    assert!(alerts.contains("LinkpatrolWatchdog"), "the dead-man's switch");
    let tests = read(shipped("linkpatrol.rules.test.yml"));
    let fired: BTreeSet<_> = after(&tests, "- name:").iter().filter_map(|name| name.strip_suffix(" fires")).collect();
    assert_eq!(fired, alerts, "each has a test in which it fires");
    let runbook = read(root().join("docs/operations.md"));
    assert_eq!(after(&runbook, "### "), alerts, "each has its heading, and no heading is of an alert that is gone");
    let anchors: BTreeSet<_> =
        alerts.iter().map(|alert| format!("docs/operations.md#{}", alert.to_lowercase())).collect();
    assert_eq!(after(&rules, "runbook:"), anchors.iter().map(String::as_str).collect());
    for key in ["summary:", "summary_en:"] {
        assert_eq!(after(&rules, key).len(), alerts.len(), "{key} of each, no two alike");
    }
}

#[test]
fn the_shipped_rules_speak_of_a_cut_link_without_the_daemons_own_notices() {
    let Some(mut site) = Site::make(3) else { return };
    let Some(program) = peer("prometheus") else { return };
    site.start(&[]);
    site.all_up(3);
    let rules = read(shipped("linkpatrol.rules.yml"));
    let scraped = site.get("/metrics").body;
    let names: BTreeSet<_> =
        scraped.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    // Families of services and of the register are there where the inventory has them.
    let families = ["linkpatrol_service_", "linkpatrol_certificate_", "linkpatrol_register_"];
    let of_services = |name: &str| families.iter().any(|family| name.starts_with(family));
    let lacking: Vec<_> =
        metrics(&rules).into_iter().filter(|name| !names.contains(name) && !of_services(name)).collect();
    assert!(lacking.is_empty(), "no rule asks for a metric that the daemon lacks: {lacking:?}");

    // Only the pace is another: a story has no minutes.
    let quick = |text: String| text.replace("_interval: 15s", "_interval: 1s").replace("for: 1m", "for: 3s");
    site.write("prometheus.yml", &quick(read(shipped("prometheus.yml"))));
    site.write("linkpatrol.rules.yml", &quick(rules));
    let mut command = site.namespace.command(&[&program.to_string_lossy()]);
    command
        .arg(format!("--config.file={}", site.path("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", site.path("tsdb").display()))
        .arg(format!("--web.listen-address={PROMETHEUS}"));
    let _prometheus = Running::start("prometheus", site.folder.path(), &mut command);
    let firing = |site: &Site| -> Option<Vec<Value>> {
        let answer =
            site.within(|| request(PROMETHEUS, "GET", "/api/v1/alerts", &[], "")).ok().filter(Answer::is_ok)?;
        let alerts = answer.json()["data"]["alerts"].as_array()?.clone();
        Some(alerts.into_iter().filter(|alert| alert["state"] == "firing").collect())
    };
    let is = |alert: &Value, name: &str| alert["labels"]["alertname"] == name;
    site.wait("the dead-man's switch", |site| {
        firing(site)?.iter().any(|alert| is(alert, "LinkpatrolWatchdog")).then_some(())
    });
    site.cut(2);
    let alert = site
        .wait("the cut link's alert", |site| firing(site)?.into_iter().find(|alert| is(alert, "LinkpatrolLinkDown")));
    assert_eq!(alert["labels"]["link"], "LL-0002");
    assert_eq!(alert["annotations"]["summary"], "链路 LL-0002 中断");
    let others = firing(&site).expect("alerts");
    let expected = ["LinkpatrolWatchdog", "LinkpatrolLinkDown"];
    assert!(others.iter().all(|alert| expected.iter().any(|name| is(alert, name))), "{others:?}");

    site.daemon().signal(libc::SIGKILL);
    site.wait("the daemon's own death", |site| {
        firing(site)?.iter().any(|alert| is(alert, "LinkpatrolUnreachable")).then_some(())
    });
}
