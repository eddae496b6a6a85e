//! Whoever scrapes blackbox_exporter today scrapes us tomorrow: the packaged 0.23 and ours visit the same servers with
//! the same module file, and say the same.

#![expect(clippy::unwrap_used, reason = "a test may stop at what should not happen")]

use std::{collections::BTreeMap, process::Command, time::Duration};

use crate::{
    harness::{Answer, Running, get, peer, request, wait_for},
    site::Site,
};

const MODULES: &str = r#"
modules:
  http_2xx: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}
  http_stays: {prober: http, http: {no_follow_redirects: true, valid_status_codes: [301]}}
  http_stays_wrongly: {prober: http, http: {no_follow_redirects: true}}
  http_welcome: {prober: http, http: {fail_if_body_not_matches_regexp: ["^wel.ome$"]}}
  http_defaced: {prober: http, http: {fail_if_body_matches_regexp: ["welcome"]}}
  http_header: {prober: http, http: {fail_if_header_not_matches: [{header: Server, regexp: "^nginx"}]}}
  http_no_header: {prober: http, http: {fail_if_header_not_matches: [{header: X-None, regexp: "."}]}}
  http_post: {prober: http, http: {method: POST, headers: {Accept: text/html}, body: "a=b"}}
  http_needs_tls: {prober: http, http: {fail_if_not_ssl: true}}
  https_insecure: {prober: http, http: {tls_config: {insecure_skip_verify: true}}}
  https_ca: {prober: http, http: {tls_config: {ca_file: ca.pem}}}
  https_one: {prober: http, http: {enable_http2: false, valid_http_versions: ["HTTP/1.1"], tls_config: {ca_file: ca.pem}}}
  https_unwanted: {prober: http, http: {fail_if_ssl: true, tls_config: {ca_file: ca.pem}}}
  tcp: {prober: tcp}
  tcp_tls: {prober: tcp, tcp: {tls: true, tls_config: {ca_file: ca.pem}}}
  tcp_tls_stranger: {prober: tcp, tcp: {tls: true}}
  tcp_talk: {prober: tcp, tcp: {query_response: [{send: "GET / HTTP/1.0\r\n\r"}, {expect: "^HTTP/1.1 200"}]}}
  tcp_wrong_talk: {prober: tcp, tcp: {query_response: [{send: "GET / HTTP/1.0\r\n\r"}, {expect: "^SSH"}]}}
  dns: {prober: dns, dns: {query_name: www.city.test, query_type: A}}
  dns_tcp: {prober: dns, dns: {query_name: www.city.test, query_type: A, transport_protocol: tcp}}
  dns_soa: {prober: dns, dns: {query_name: city.test, query_type: SOA}}
  dns_none: {prober: dns, dns: {query_name: no.city.test, query_type: A}}
  dns_none_wanted: {prober: dns, dns: {query_name: no.city.test, query_type: A, valid_rcodes: [NXDOMAIN]}}
  dns_right: {prober: dns, dns: {query_name: www.city.test, query_type: A, validate_answer_rrs: {fail_if_not_matches_regexp: ["IN\tA\t198.18.0.7$"]}}}
  dns_wrong: {prober: dns, dns: {query_name: www.city.test, query_type: A, validate_answer_rrs: {fail_if_matches_regexp: ["198.18"]}}}
"#;

/// Module, target, and whether it is good.
const VISITS: [(&str, &str, bool); 31] = [
    ("http_2xx", "http://127.0.0.1:8080/", true),
    ("http_2xx", "127.0.0.1:8080", true),
    ("http_2xx", "http://127.0.0.1:8080/gone", false),
    ("http_2xx", "http://127.0.0.1:8081/", true),
    ("http_2xx", "http://127.0.0.1:1/", false),
    ("http_2xx", "https://127.0.0.1:8443/", false),
    ("http_stays", "http://127.0.0.1:8081/", true),
    ("http_stays_wrongly", "http://127.0.0.1:8081/", false),
    ("http_welcome", "http://127.0.0.1:8080/", true),
    ("http_defaced", "http://127.0.0.1:8080/", false),
    ("http_header", "http://127.0.0.1:8080/", true),
    ("http_no_header", "http://127.0.0.1:8080/", false),
    ("http_post", "http://127.0.0.1:8080/", true),
    ("http_needs_tls", "http://127.0.0.1:8080/", false),
    ("https_insecure", "https://127.0.0.1:8443/", true),
    ("https_ca", "https://127.0.0.1:8443/", true),
    ("https_one", "https://127.0.0.1:8443/", true),
    ("https_unwanted", "https://127.0.0.1:8443/", false),
    ("tcp", "127.0.0.1:8080", true),
    ("tcp", "127.0.0.1:1", false),
    ("tcp_tls", "127.0.0.1:8443", true),
    ("tcp_tls_stranger", "127.0.0.1:8443", false),
    ("tcp_talk", "127.0.0.1:8080", true),
    ("tcp_wrong_talk", "127.0.0.1:8080", false),
    ("dns", "127.0.0.1:5353", true),
    ("dns_tcp", "127.0.0.1:5353", true),
    ("dns_soa", "127.0.0.1:5353", true),
    ("dns_none", "127.0.0.1:5353", false),
    ("dns_none_wanted", "127.0.0.1:5353", true),
    ("dns_right", "127.0.0.1:5353", true),
    ("dns_wrong", "127.0.0.1:5353", false),
];

const NGINX: &str = "daemon off; master_process off; error_log stderr; pid nginx.pid; events {}
 http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
 server { listen 127.0.0.1:8080; location / { default_type text/html; return 200 welcome; } location /gone { return 410; } }
 server { listen 127.0.0.1:8081; return 301 http://127.0.0.1:8080/; }
 server { listen 127.0.0.1:8443 ssl http2; ssl_certificate site.pem; ssl_certificate_key site.key; return 200 welcome; } }";

const UNBOUND: &str = r#"server:
 interface: 127.0.0.1@5353
 do-daemonize: no
 username: ""
 chroot: ""
 directory: "."
 pidfile: "unbound.pid"
 use-syslog: no
 local-zone: "city.test." static
 local-data: "city.test. 60 IN SOA ns.city.test. duty.city.test. 2026 1 1 1 1"
 local-data: "www.city.test. 60 IN A 198.18.0.7"
remote-control:
 control-enable: no
"#;

/// One program inside the site's network, in its folder.
fn start(site: &Site, name: &str, line: &[&str]) -> Running {
    let mut command = site.namespace.command(line);
    Running::start(name, site.folder.path(), command.current_dir(site.folder.path()))
}

fn certificates(site: &Site) {
    site.write("san", "subjectAltName=IP:127.0.0.1,DNS:www.city.test");
    for line in [
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 9 -subj /CN=Desk",
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout site.key -out site.csr -subj /C=CN/O=Desk/CN=site",
        "x509 -req -in site.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile san -days 5 -out site.pem",
    ] {
        let done = Command::new("openssl").args(line.split(' ')).current_dir(site.folder.path()).output().unwrap();
        assert!(done.status.success(), "openssl {line}");
    }
}

/// Series and values of an answer.
fn series(answer: &Answer) -> BTreeMap<String, f64> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let lines = answer.body.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(series, value)| (series.to_owned(), value.parse().unwrap()))
        .collect()
}

#[test]
fn the_packaged_exporter_and_ours_say_the_same() {
    let peers = ["openssl", "nginx", "unbound", "prometheus-blackbox-exporter"].map(peer);
    let [Some(_), Some(nginx), Some(unbound), Some(blackbox)] = peers else { return };
    let Some(mut site) = Site::make(1) else { return };
    certificates(&site);
    for (name, text) in [("modules.yml", MODULES), ("nginx.conf", NGINX), ("unbound.conf", UNBOUND)] {
        site.write(name, text);
    }
    let folder = site.folder.path().display().to_string();
    let _nginx = start(&site, "nginx", &[&nginx.to_string_lossy(), "-p", &folder, "-c", "nginx.conf", "-e", "stderr"]);
    let _unbound = start(&site, "unbound", &[&unbound.to_string_lossy(), "-c", "unbound.conf"]);
    let _blackbox = start(
        &site,
        "blackbox",
        &[&blackbox.to_string_lossy(), "--config.file=modules.yml", "--web.listen-address=127.0.0.1:9115"],
    );
    let file = site.path("modules.yml").display().to_string();
    site.start(&["--exporter-only", "--probe.config.file", &file]);

    let (ours, theirs) = (site.address, "127.0.0.1:9115".parse().unwrap());
    site.within(|| {
        for port in [8080, 8443, 5353, 9115] {
            wait_for("a server", Duration::from_secs(10), || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        }
        let mut differing = vec![];
        for (module, target, good) in VISITS {
            let path = format!("/probe?module={module}&target={target}");
            let [ours, theirs] = [ours, theirs].map(|address| series(&get(address, &path).unwrap()));
            assert_eq!(theirs["probe_success"], f64::from(u8::from(good)), "{path}: what this story expects of 0.23");
            differing.extend(differences(&ours, &theirs).into_iter().map(|line| format!("{path}: {line}")));
        }
        assert!(differing.is_empty(), "{} differences:\n{}", differing.len(), differing.join("\n"));
    });

    let asked = |path: &str, header: &str| {
        site.within(|| request(ours, "GET", path, &[("X-Prometheus-Scrape-Timeout-Seconds", header)], "").unwrap())
    };
    let good = "/probe?target=http://127.0.0.1:8080/&hostname=www.city.test&debug=true";
    let debug = asked(good, "10");
    assert!(
        debug.body.starts_with("Probe of http://127.0.0.1:8080/ by module http_2xx, at most 5 s"),
        "{}",
        debug.body
    );
    assert!(asked(good, "3").body.contains("at most 2.5 s"));
    assert_eq!(asked(good, "soon").status, 500);
    assert_eq!(asked("/probe?module=none&target=x", "5").body, "Unknown module \"none\"\n");
    assert_eq!(asked("/probe", "5").body, "Target parameter is missing\n");
    assert_eq!(asked("/probe?target=http://198.18.0.9/", "5").status, 403, "only loopback until somebody says more");
    assert_eq!(site.metric("linkpatrol_probe_requests_total{outcome=\"forbidden\"}"), Some(1.0));
}

/// Series that only one has, and values that are not equal; lengths of time within a quarter of a second of each other: the machine is busy.
fn differences(ours: &BTreeMap<String, f64>, theirs: &BTreeMap<String, f64>) -> Vec<String> {
    let mut found: Vec<String> =
        theirs.keys().filter(|key| !ours.contains_key(*key)).map(|key| format!("we lack {key}")).collect();
    for (key, value) in ours {
        let is_time = key.contains("duration_seconds") || key.contains("lookup_time");
        match theirs.get(key) {
            None => found.push(format!("only we have {key}")),
            Some(their) if is_time && (value - their).abs() < 0.25 => {}
            Some(their) if value == their => {}
            Some(their) => found.push(format!("{key}: ours {value}, theirs {their}")),
        }
    }
    found
}
