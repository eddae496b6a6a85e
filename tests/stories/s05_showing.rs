//! What the daemon shows: a real Prometheus scrapes it, promtool reads it, people look at its pages.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use crate::{
    harness::{Answer, Running, peer, request},
    site::Site,
};

const PROMETHEUS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9090);

fn start_prometheus(site: &Site) -> Option<Running> {
    let program = peer("prometheus")?;
    let job = format!("  - {{job_name: linkpatrol, static_configs: [{{targets: [\"{}\"]}}]}}\n", site.address);
    site.write("prometheus.yml", &format!("global: {{scrape_interval: 1s}}\nscrape_configs:\n{job}"));
    let mut command = site.namespace.command(&[&program.to_string_lossy()]);
    command
        .arg(format!("--config.file={}", site.path("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", site.path("tsdb").display()))
        .arg(format!("--web.listen-address={PROMETHEUS}"));
    Some(Running::start("prometheus", site.folder.path(), &mut command))
}

/// The single number that a query gives.
fn query(site: &Site, query: &str) -> Option<f64> {
    let encode = |byte: u8| format!("%{byte:02X}");
    let path = format!("/api/v1/query?query={}", query.bytes().map(encode).collect::<String>());
    // It refuses queries until its own store is open.
    let answer = site.within(|| request(PROMETHEUS, "GET", &path, &[], "")).ok().filter(Answer::is_ok)?;
    answer.json()["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

#[test]
fn a_real_prometheus_has_every_link_in_every_scrape() {
    let Some(mut site) = Site::make(20) else { return };
    site.start(&[]);
    site.all_up(20);
    let Some(_prometheus) = start_prometheus(&site) else { return };
    site.cut(5);
    site.wait("ten scrapes", |site| query(site, "count_over_time(up[60s]) >= 10"));
    let in_every = "count(count_over_time(linkpatrol_link_info[10s]) == scalar(count_over_time(up[10s])))";
    assert_eq!(query(&site, in_every), Some(20.0));
    assert_eq!(query(&site, "count(sum by (link) (linkpatrol_link_state) == 1)"), Some(20.0), "one state each");
    assert_eq!(query(&site, "sum(linkpatrol_coverage_links)"), Some(20.0));
    site.wait("the cut is seen", |site| query(site, "linkpatrol_link_up{link=\"LL-0005\"} == 0"));
    site.wait("its incident too", |site| {
        query(site, "linkpatrol_incidents{tier=\"2\",scope=\"link\",phase=\"open\"} == 1")
    });
    site.wait("and its clocks", |site| {
        query(site, "count(linkpatrol_incident_clock_deadline_timestamp_seconds > time()) == 2")
    });
    // The median: a test machine that stands still for a moment is not what this is about.
    let median = "histogram_quantile(0.5, sum by (le) (rate(linkpatrol_link_rtt_seconds_bucket[30s]))) > 0";
    let median = site.wait("round trips", |site| query(site, median));
    assert!(median < 0.05, "{median} s on loopback: faster than the objective");
    let series = query(&site, "scrape_samples_scraped").expect("a scrape");
    assert!(series < 20.0 * 45.0 + 200.0, "{series} samples for 20 links");
}

#[test]
fn promtool_finds_nothing_to_say_about_a_running_daemon() {
    let Some(mut site) = Site::make(3) else { return };
    let Some(promtool) = peer("promtool") else { return };
    site.start(&[]);
    site.all_up(3);
    let mut command = std::process::Command::new(promtool);
    let mut promtool = command
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool");
    let text = site.get("/metrics").body;
    std::io::Write::write_all(&mut promtool.stdin.take().expect("its input"), text.as_bytes()).expect("its input");
    let output = promtool.wait_with_output().expect("promtool's verdict");
    assert!(output.status.success(), "{}", crate::harness::words(&output));
}

#[test]
fn the_pages_and_the_api_say_the_same() {
    let Some(mut site) = Site::make(10) else { return };
    let config = site.read("linkpatrol.yaml");
    site.write("linkpatrol.yaml", &format!("{config}web: {{grafana: 'https://grafana.example/noc/'}}\n"));
    site.start(&[]);
    site.all_up(10);
    site.cut(4);
    site.wait("the cut is seen", |site| (site.state(4) == "down").then_some(()));
    let page = site.get("/?lang=zh-CN").body;
    let first = page.split("href=\"/links/").nth(1).expect("a row");
    assert!(first.starts_with("LL-0004") && page.contains("中断"), "{page}");
    assert!(!page.contains("【模拟】"));
    // Nobody has looked for a while: what is shown is of now all the same.
    std::thread::sleep(Duration::from_secs(3));
    let status = site.get("/api/v1/status").json();
    assert!(status["age_seconds"].as_f64().is_some_and(|age| age < 1.1), "{status}");
    let states = status["links"].as_object().expect("counts by state");
    let sum: u64 = states.values().filter_map(serde_json::Value::as_u64).sum();
    assert_eq!((sum, states["down"].as_u64()), (10, Some(1)));
    assert_eq!(site.get("/api/v1/links?state=down").json()["total"], 1);
    let page = site.get("/links/LL-0004?lang=en").body;
    assert!(page.contains("127.10.0.4"));
    let boards = crate::harness::root().join("grafana/dashboards-en/lp-link.json");
    let board: serde_json::Value = serde_json::from_slice(&std::fs::read(boards).expect("a board")).expect("JSON");
    let uid = board["uid"].as_str().expect("its uid");
    assert!(page.contains(&format!("https://grafana.example/noc/d/{uid}?var-link=LL%2D0004")), "{page}");
    assert!(board["templating"]["list"].to_string().contains("\"name\":\"link\""), "the board has that variable");
    assert!(site.get("/api/v1/openapi.json").json()["paths"]["/metrics"].is_object());
    let forged = site.within(|| {
        let headers = [("Origin", "http://evil.example")];
        request(site.address, "POST", "/-/reload", &headers, "")
    });
    assert_eq!(forged.expect("an answer").status, 403);
}
