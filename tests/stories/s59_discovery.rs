//! A real Prometheus asks `/sd` what there is, and checks it through `/probe`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::Value;

use crate::{
    harness::{Answer, Running, linkpatrol, peer, request, words},
    site::Site,
};

const STORE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);
/// Two that can be checked, one whose address nobody has written yet, and one that no module checks.
const SERVICES: &str = "\
services:
  - {id: page, name: 页面, url: 'http://127.0.0.1:9815/-/healthy', zone: core}
  - {id: port, name: 端口, url: 'tcp://127.0.0.1:1'}
  - {id: later, name: 以后, url: 'http://later.example/'}
  - {id: names, name: 域名, url: 'dns://127.0.0.1/localhost'}
";
const MODULES: &str = "modules: {http_2xx: {prober: http, timeout: 2s}, tcp_connect: {prober: tcp, timeout: 2s}}\n";
const SCRAPES: &str = "\
scrape_configs:
  - job_name: services
    metrics_path: /probe
    scrape_interval: 1s
    http_sd_configs: [{url: 'http://127.0.0.1:9815/sd', refresh_interval: 1s}]
    relabel_configs:
      - {source_labels: [__address__], target_label: __param_target}
      - {source_labels: [__param_target], target_label: instance}
      - {target_label: __address__, replacement: '127.0.0.1:9815'}
";

#[test]
fn prometheus_learns_from_us_what_there_is_and_checks_it_through_us() {
    let Some(mut site) = Site::make(1) else { return };
    let Some(program) = peer("prometheus") else { return };
    site.write("site/services.yaml", SERVICES);
    site.write("modules.yml", MODULES);
    let config = site.read("linkpatrol.yaml");
    site.write("linkpatrol.yaml", &(config + "probe: {modules: modules.yml}\n"));
    site.start(&[]);

    let served = site.get("/sd").json();
    let ids: Vec<&str> =
        served.as_array().unwrap().iter().filter_map(|one| one["labels"]["service"].as_str()).collect();
    assert_eq!(ids, ["page", "port"]);
    assert_eq!(
        (&served[0]["targets"][0], &served[0]["labels"]["zone"]),
        (&"http://127.0.0.1:9815/-/healthy".into(), &"core".into())
    );
    let mut command = linkpatrol();
    let printed =
        command.arg("sd").arg("--config.file").arg(site.path("linkpatrol.yaml")).output().expect("the program");
    assert!(printed.status.success(), "{}", words(&printed));
    assert_eq!(serde_json::from_slice::<Value>(&printed.stdout).ok().as_ref(), Some(&served), "{}", words(&printed));

    site.write("store.yml", SCRAPES);
    let mut command = site.namespace.command(&[&*program.to_string_lossy()]);
    command.arg(format!("--web.listen-address={STORE}"));
    command.arg(format!("--config.file={}", site.path("store.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", site.path("store").display()));
    let _store = Running::start("store", site.folder.path(), &mut command);
    let success = |service: &str| {
        let query = format!("/api/v1/query?query=probe_success%7Bservice%3D%22{service}%22%7D");
        let answer = site.within(|| request(STORE, "GET", &query, &[], "").ok().filter(Answer::is_ok))?.json();
        answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
    };
    assert_eq!(site.wait("the page is checked", |_| success("page")), "1");
    assert_eq!(site.wait("the port is checked", |_| success("port")), "0");
    assert_eq!(success("names"), None);
}
