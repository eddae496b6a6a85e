//! Remote write to a real Prometheus that is away at first: what was measured meanwhile arrives, also over a kill.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::Value;

use crate::{
    harness::{Answer, Running, peer, request},
    site::Site,
};

const STORE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);

fn store(site: &Site, program: &str) -> Running {
    site.write("store.yml", "global: {}\n");
    let mut command = site.namespace.command(&[program]);
    command.arg("--web.enable-remote-write-receiver").arg(format!("--web.listen-address={STORE}"));
    command.arg(format!("--config.file={}", site.path("store.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", site.path("store").display()));
    let running = Running::start("store", site.folder.path(), &mut command);
    let ready = || request(STORE, "GET", "/-/ready", &[], "").ok().filter(Answer::is_ok).map(|_| ());
    site.wait("the store is ready", |site| site.within(ready));
    running
}

fn ask(site: &Site, query: &str) -> Vec<Value> {
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let body = format!("query={}", query.replace('+', "%2B"));
    let answer = site.within(|| request(STORE, "POST", "/api/v1/query", &form, &body)).expect("an answer of the store");
    answer.json()["data"]["result"].as_array().cloned().unwrap_or_default()
}

fn value(site: &Site, query: &str) -> Option<f64> {
    ask(site, query).first()?["value"][1].as_str()?.parse().ok()
}

#[test]
fn a_store_that_was_away_gets_what_was_measured_meanwhile_also_over_a_kill() {
    let Some(mut site) = Site::make(3) else { return };
    let Some(program) = peer("prometheus") else { return };
    let config = site.read("linkpatrol.yaml");
    let push = format!(
        "remote_write: [{{name: store/1, url: \"http://{STORE}/api/v1/write\", interval: 1s, instance: here}}]\n"
    );
    site.write("linkpatrol.yaml", &(config + &push));
    site.start(&[]);
    site.all_up(3);
    let waiting = "linkpatrol_remote_write_waiting_bytes{target=\"store/1\"}";
    let before = site.wait("samples wait on the disk", |site| site.metric(waiting).filter(|bytes| *bytes > 0.0));
    site.wait("more of them", |site| site.metric(waiting).filter(|bytes| *bytes > before));
    site.daemon().signal(libc::SIGKILL);
    site.daemon().wait(std::time::Duration::from_secs(5));
    site.start(&[]);
    site.all_up(3);
    let restarted = site.metric("linkpatrol_snapshot_timestamp_seconds").expect("a time");
    let waited = site.metric(waiting).expect("bytes");
    assert!(waited > before, "what waited before the kill waits still: {before} {waited}");

    let _store = store(&site, &program.to_string_lossy());
    let sent = "linkpatrol_remote_write_samples_total{outcome=\"sent\",target=\"store/1\"}";
    site.wait("all of it is sent", |site| (site.metric(waiting) == Some(0.0)).then_some(()));
    assert!(site.metric(sent) > Some(100.0), "{:?}", site.metric(sent));
    let here = "job=\"linkpatrol\",instance=\"here\"";
    assert_eq!(value(&site, &format!("count(linkpatrol_link_up{{{here}}} == 1)")), Some(3.0));
    let oldest = value(&site, &format!("min(min_over_time(linkpatrol_snapshot_timestamp_seconds{{{here}}}[10m]))"));
    assert!(oldest.is_some_and(|oldest| oldest < restarted - 1.0), "{oldest:?} {restarted}: from before the kill");
    let info = ask(&site, &format!("linkpatrol_link_info{{{here},link=\"LL-0001\"}}"));
    assert_eq!(info[0]["metric"]["carrier_name"], "甲", "{info:?}");

    // A link that leaves ends at once in the store, and does not linger for five minutes.
    site.write_links(&[1, 2]);
    assert!(site.post("/-/reload", &Value::Null).is_ok());
    let nothing_lost = |site: &Site| {
        for outcome in ["refused", "dropped"] {
            let lost = format!("linkpatrol_remote_write_samples_total{{outcome=\"{outcome}\",target=\"store/1\"}}");
            assert_eq!(site.metric(&lost), Some(0.0), "{outcome}");
        }
    };
    site.wait("its series ends", |site| {
        nothing_lost(site);
        ask(site, "linkpatrol_link_up{link=\"LL-0003\"}").is_empty().then_some(())
    });
    nothing_lost(&site);
}
