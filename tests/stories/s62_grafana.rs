//! Dashboards: every query of every panel and variable, asked of a real Prometheus that scrapes a real city.

#![expect(clippy::unwrap_used, reason = "a story may stop at what should not happen")]

use std::{fs, net::SocketAddr, path::Path, process::Command, time::Duration};

use linkpatrol::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::{
    harness::{Running, free_port, get, linkpatrol, peer, root, skip, wait_for, words},
    site::Site,
};

/// A cut that lasts: its clocks run, and its links are down.
const STORY: &str = "name: a lasting cut\nevents:\n  - {at: 4s, for: 300s, where: {carrier: random}, what: cut}\n";
/// A day must end before there is an anchor, and nobody reports a broken device in the city.
const MAY_BE_EMPTY: [&str; 2] = [
    "time() - linkpatrol_journal_anchor_timestamp_seconds",
    "sort(linkpatrol_device_swap_deadline_timestamp_seconds - time())",
];
/// The city has no websites: another story asks these ([`returns_data`]).
const OF_SERVICES: [&str; 3] = ["lp-services", "lp-sites", "lp-certificates"];

#[test]
fn every_query_of_every_dashboard_returns_data() {
    let Some(prometheus) = peer("prometheus") else { return };
    let folder = tempfile::tempdir().unwrap();
    let [city, asked]: [SocketAddr; 2] = [(); 2].map(|()| ([127, 0, 0, 1], free_port()).into());
    fs::write(folder.path().join("story.yaml"), STORY).unwrap();
    let mut demo = linkpatrol();
    demo.args(["demo", "--links", "60", "--listen", &city.to_string(), "--story"]);
    demo.arg(folder.path().join("story.yaml")).arg("--data-dir").arg(folder.path().join("data"));
    let mut demo = Running::start("demo", folder.path(), &mut demo);
    demo.wait_until_serving(city, "/-/healthy", Duration::from_secs(20));

    let scrape = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: linkpatrol\n    static_configs: [{{targets: \
         ['{city}']}}]\n"
    );
    fs::write(folder.path().join("prometheus.yml"), scrape).unwrap();
    let mut command = Command::new(prometheus);
    command.arg(format!("--web.listen-address={asked}")).current_dir(folder.path());
    command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=tsdb"]);
    let mut prometheus = Running::start("prometheus", folder.path(), &mut command);
    prometheus.wait_until_serving(asked, "/-/ready", Duration::from_secs(20));
    let deadlines = "count(linkpatrol_incident_clock_deadline_timestamp_seconds)";
    wait_for("clocks run", Duration::from_secs(40), || (!ask(asked, deadlines).is_empty()).then_some(()));
    wait_for("a rate can be had", Duration::from_secs(40), || {
        (!ask(asked, "count_over_time(up[8s]) >= 7").is_empty()).then_some(())
    });
    // Windows are summed up every ten seconds.
    let measured = "linkpatrol_link_loss_ratio and on (link) (linkpatrol_link_state{state=\"down\"} == 1)";
    let down = wait_for("windows of a link that is down", Duration::from_secs(30), || {
        Some(ask(asked, measured)).filter(|rows| !rows.is_empty())
    });
    let link = down[0]["metric"]["link"].as_str().unwrap().to_owned();

    let output = linkpatrol().args(["grafana", "export"]).arg(folder.path().join("grafana")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    let mut empty = vec![];
    let mut count = 0;
    let of_links = |board: &Value| !OF_SERVICES.contains(&board["uid"].as_str().unwrap());
    for board in boards(&folder.path().join("grafana/dashboards")).into_iter().filter(of_links) {
        for query in queries(&board) {
            let told = substituted(&query, &link);
            let answered = match told.strip_prefix("label_values(") {
                Some(rest) => values(asked, rest.strip_suffix(')').unwrap()),
                None => ask(asked, &told).len(),
            };
            count += 1;
            if answered == 0 && !MAY_BE_EMPTY.contains(&query.as_str()) {
                empty.push(format!("{}: {query}", board["uid"]));
            }
        }
    }
    assert!(count > 80, "{count}");
    assert!(empty.is_empty(), "{} of {count} queries return nothing:\n{}", empty.len(), empty.join("\n"));
    let shipped = boards(&root().join("grafana/dashboards")).len();
    assert_eq!(shipped, 10);
}

/// Where [`beside`] serves.
const BESIDE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9090);

/// A Prometheus beside the site's daemon, once a rate can be had. `None`, said aloud: it is not installed.
pub fn beside(site: &Site) -> Option<Running> {
    let program = peer("prometheus")?;
    let scrape = "scrape_configs: [{job_name: linkpatrol, scrape_interval: 500ms, static_configs: [{targets: ['127.0.0.1:9815']}]}]\n";
    site.write("prometheus.yml", scrape);
    let mut command = site.namespace.command(&[&program.to_string_lossy()]);
    command.arg(format!("--web.listen-address={BESIDE}")).current_dir(site.folder.path());
    command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=tsdb"]);
    let prometheus = Running::start("prometheus", site.folder.path(), &mut command);
    site.wait("Prometheus is ready", |site| {
        site.within(|| get(BESIDE, "/-/ready")).ok().filter(|answer| answer.is_ok()).map(|_| ())
    });
    site.wait("a rate can be had", |site| {
        (!site.within(|| ask(BESIDE, "count_over_time(up[10s]) >= 4")).is_empty()).then_some(())
    });
    Some(prometheus)
}

/// Every query of this shipped board, asked of the Prometheus [`beside`] the site's daemon.
pub fn returns_data(site: &Site, uid: &str) {
    let boards = boards(&root().join("grafana/dashboards"));
    let board = boards.iter().find(|board| board["uid"] == uid).unwrap_or_else(|| panic!("no board {uid}"));
    for query in queries(board) {
        // What has just happened is there with the next scrape.
        site.wait(&format!("{uid} shows {query}"), |site| {
            (!site.within(|| ask(BESIDE, &substituted(&query, ""))).is_empty()).then_some(())
        });
    }
}

/// What the shipped panel of this metric of one link gets from the Prometheus [`beside`] the site's daemon.
pub fn shown(site: &Site, metric: &str, link: &str) -> Vec<Value> {
    let boards = boards(&root().join("grafana/dashboards"));
    let board = boards.iter().find(|board| board["uid"] == "lp-link").unwrap();
    let query = queries(board).into_iter().find(|query| query.starts_with(&format!("{metric}{{")));
    let query = substituted(&query.unwrap_or_else(|| panic!("no panel shows {metric}")), link);
    site.within(|| ask(BESIDE, &query))
}

#[test]
fn a_cut_and_planned_work_are_marked_in_every_plot() {
    let Some(mut site) = Site::make(3) else { return };
    site.start(&[]);
    site.all_up(3);
    let Some(_prometheus) = beside(&site) else { return };
    let marks: Vec<String> = boards(&root().join("grafana/dashboards"))
        .iter()
        .flat_map(|board| board["annotations"]["list"].as_array().unwrap().clone())
        .map(|mark| mark["expr"].as_str().unwrap().to_owned())
        .collect();
    let (cut, work) = (&marks[0], &marks[1]);
    assert!(marks.iter().all(|mark| mark == cut || mark == work), "the same on every board");
    let marked = |site: &Site, mark: &str| site.within(|| ask(BESIDE, mark));
    // A rise is seen against what was before.
    let known = "count_over_time(linkpatrol_incidents{scope=\"link\",phase=\"open\"}[1m:15s]) >= 2";
    wait_for("half a minute is known", Duration::from_secs(60), || (!marked(&site, known).is_empty()).then_some(()));
    assert_eq!((marked(&site, cut), marked(&site, work)), (vec![], vec![]));
    site.cut(1);
    let now = SystemClock::start().now().utc;
    let at = |seconds| now.plus(Duration::from_secs(seconds)).rfc3339(chrono_tz::Asia::Shanghai);
    let planned = site.post("/api/v1/windows", &json!({
        "scopes": ["link/LL-0002"], "from": at(1), "to": at(600), "requester": "甲", "reason": "割接", "actor": "值班"
    }));
    assert!(planned.is_ok(), "{planned:?}");
    for (mark, what) in [(cut, "the cut is marked"), (work, "the work is marked")] {
        let rows =
            wait_for(what, Duration::from_secs(90), || Some(marked(&site, mark)).filter(|rows| !rows.is_empty()));
        assert_eq!((rows.len(), &rows[0]["metric"]["scope"]), (1, &json!("link")), "{rows:?}");
    }
    let (late, valid) = ("standing=\"late\",drill=\"false\"", "standing=\"valid\",drill=\"false\"");
    let running = |which| site.metric(&format!("linkpatrol_maintenance_windows{{scope=\"link\",{which}}}"));
    assert_eq!((running(late), running(valid)), (Some(1.0), Some(0.0)), "announced a second before it began");
}

/// Where `tests/run` puts Grafana's own schema types.
const SCHEMA: &str = "target/grafana-schema";

#[test]
fn every_dashboard_survives_the_official_schema_without_loss() {
    if !root().join(SCHEMA).join("grafana_foundation_sdk").exists() {
        return skip("PyPI grafana-foundation-sdk is not there (tests/run installs it)");
    }
    let mut command = Command::new("python3");
    command
        .env("PYTHONPATH", root().join(SCHEMA))
        .arg("tests/grafana_schema.py")
        .args(["grafana/dashboards", "grafana/dashboards-en"])
        .current_dir(root());
    let output = command.output().unwrap();
    assert!(output.status.success() && words(&output).contains("20 dashboards, 0 losses"), "{}", words(&output));
}

fn boards(folder: &Path) -> Vec<Value> {
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    files.map(|text| serde_json::from_str(&text).unwrap()).collect()
}

/// Of panels and variables.
fn queries(board: &Value) -> Vec<String> {
    let panels = board["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap()).map(|target| &target["expr"]);
    let variables = board["templating"]["list"].as_array().unwrap().iter().map(|one| &one["query"]["query"]);
    targets.chain(variables).filter_map(|query| query.as_str().map(str::to_owned)).collect()
}

/// As Grafana does before it asks.
fn substituted(query: &str, link: &str) -> String {
    let all = query.replace("$__rate_interval", "10s").replace("$link", link);
    ["$carrier", "$unit", "$kind"].iter().fold(all, |query, name| query.replace(name, ".+"))
}

fn ask(prometheus: SocketAddr, query: &str) -> Vec<Value> {
    let answer = get(prometheus, &format!("/api/v1/query?query={}", encoded(query))).unwrap().json();
    assert_eq!(answer["status"], "success", "{query}: {answer}");
    answer["data"]["result"].as_array().unwrap().clone()
}

/// How many values `metric{…}, label` has.
fn values(prometheus: SocketAddr, inside: &str) -> usize {
    let (metric, label) = inside.rsplit_once(", ").unwrap();
    let path = format!("/api/v1/label/{label}/values?match[]={}", encoded(metric));
    get(prometheus, &path).unwrap().json()["data"].as_array().unwrap().len()
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
