//! Dashboards: every query of every panel and variable, asked of a real Prometheus that scrapes a real city.

#![expect(clippy::unwrap_used, reason = "a story may stop at what should not happen")]

use std::{fs, net::SocketAddr, path::Path, process::Command, time::Duration};

use serde_json::Value;

use crate::harness::{Running, free_port, get, linkpatrol, peer, root, wait_for, words};

/// A cut that lasts: its clocks run, and its links are down.
const STORY: &str = "name: a lasting cut\nevents:\n  - {at: 4s, for: 300s, where: {carrier: random}, what: cut}\n";
/// A day must end before there is an anchor.
const MAY_BE_EMPTY: [&str; 1] = ["time() - linkpatrol_journal_anchor_timestamp_seconds"];

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
    for board in boards(&folder.path().join("grafana/dashboards")) {
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
    assert_eq!(shipped, 7);
}

fn boards(folder: &Path) -> Vec<Value> {
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    files.map(|text| serde_json::from_str(&text).unwrap()).collect()
}

/// Of panels and variables.
fn queries(board: &Value) -> Vec<String> {
    let panels = board["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap()).map(|target| &target["expr"]);
    let variables = board["templating"]["list"].as_array().unwrap().iter().map(|one| &one["definition"]);
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
