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
  dns_all: {prober: dns, dns: {query_name: www.city.test, query_type: A, validate_answer_rrs: {fail_if_all_match_regexp: ["198.18"]}}}
  dns_not_one: {prober: dns, dns: {query_name: www.city.test, query_type: A, validate_answer_rrs: {fail_if_none_matches_regexp: ["203.0"]}}}
  dns_zone: {prober: dns, dns: {query_name: no.city.test, valid_rcodes: [NXDOMAIN], validate_authority_rrs: {fail_if_not_matches_regexp: ["SOA"]}}}
  dns_more: {prober: dns, dns: {query_name: www.city.test, query_type: A, validate_additional_rrs: {fail_if_none_matches_regexp: ["x"]}}}
  dns_chaos: {prober: dns, dns: {query_name: id.server, query_type: TXT, query_class: CH}}
  dns_tls: {prober: dns, dns: {query_name: www.city.test, query_type: A, transport_protocol: tcp, dns_over_tls: true, tls_config: {ca_file: ca.pem}}}
  dns_tls_stranger: {prober: dns, dns: {query_name: www.city.test, query_type: A, transport_protocol: tcp, dns_over_tls: true}}
  icmp: {prober: icmp, icmp: {preferred_ip_protocol: ip4}}
  icmp_own: {prober: icmp, icmp: {source_ip_address: 127.0.0.9, dont_fragment: true, payload_size: 100, ttl: 7}}
  icmp_silent: {prober: icmp, timeout: 1s}
  tcp_own: {prober: tcp, tcp: {source_ip_address: 127.0.0.9}}
  http_basic: {prober: http, http: {basic_auth: {username: duty, password_file: word}}}
  http_no_basic: {prober: http, http: {basic_auth: {username: duty, password: wrong}}}
  http_token: {prober: http, http: {authorization: {credentials: t0k}}}
  http_token_file: {prober: http, http: {bearer_token_file: token}}
  http_oauth: {prober: http, http: {oauth2: {client_id: a, client_secret: b, token_url: "http://127.0.0.1:8080/token"}}}
  http_no_oauth: {prober: http, http: {oauth2: {client_id: a, client_secret: b, token_url: "http://127.0.0.1:8080/gone"}}}
  http_proxy: {prober: http, http: {proxy_url: "http://127.0.0.1:8082"}}
  http_no_proxy: {prober: http, http: {proxy_url: "http://127.0.0.1:1"}}
  http_packed: {prober: http, http: {headers: {Accept-Encoding: gzip}, compression: gzip, fail_if_body_not_matches_regexp: ["^welcome"]}}
  http_not_packed: {prober: http, http: {compression: gzip}}
  http_large: {prober: http, http: {body_size_limit: 3B}}
  https_known: {prober: http, http: {tls_config: {ca_file: ca.pem, cert_file: site.pem, key_file: site.key}}}
  https_new: {prober: http, http: {tls_config: {ca_file: ca.pem, min_version: TLS13}}}
  https_old: {prober: http, http: {tls_config: {ca_file: ca.pem, max_version: TLS12}}}
"#;

/// Module, target, and whether it is good.
const VISITS: [(&str, &str, bool); 59] = [
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
    ("dns_all", "127.0.0.1:5353", true),
    ("dns_not_one", "127.0.0.1:5353", false),
    ("dns_zone", "127.0.0.1:5353", true),
    ("dns_more", "127.0.0.1:5353", false),
    ("dns_chaos", "127.0.0.1:5353", true),
    ("dns_tls", "127.0.0.1:8853", true),
    ("dns_tls_stranger", "127.0.0.1:8853", false),
    ("icmp", "127.0.0.1", true),
    ("icmp", "::1", true),
    ("icmp_own", "127.0.0.1", true),
    ("icmp_silent", "127.10.0.1", false),
    ("tcp_own", "127.0.0.1:8080", true),
    ("tcp_own", "127.0.0.1:1", false),
    ("http_basic", "http://127.0.0.1:8080/basic", true),
    ("http_no_basic", "http://127.0.0.1:8080/basic", false),
    ("http_token", "http://127.0.0.1:8080/guarded", true),
    ("http_token_file", "http://127.0.0.1:8080/guarded", true),
    ("http_oauth", "http://127.0.0.1:8080/guarded", true),
    ("http_no_oauth", "http://127.0.0.1:8080/guarded", false),
    ("http_proxy", "http://127.0.0.1:8080/", true),
    ("http_no_proxy", "http://127.0.0.1:8080/", false),
    ("http_packed", "http://127.0.0.1:8080/packed", true),
    ("http_not_packed", "http://127.0.0.1:8080/", false),
    ("http_large", "http://127.0.0.1:8080/", false),
    ("https_known", "https://127.0.0.1:8444/", true),
    ("https_ca", "https://127.0.0.1:8444/", false),
    ("https_new", "https://127.0.0.1:8444/", false),
    ("https_old", "https://127.0.0.1:8443/", true),
];

const NGINX: &str = r#"daemon off; master_process off; error_log stderr; pid nginx.pid; events {}
 http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
 server { listen 127.0.0.1:8080; location / { default_type text/html; return 200 welcome; } location /gone { return 410; }
  location /basic { auth_basic desk; auth_basic_user_file users; alias page; }
  location /guarded { if ($http_authorization != "Bearer t0k") { return 403; } return 200 welcome; }
  location /token { default_type application/json; return 200 '{"access_token": "t0k", "token_type": "bearer", "expires_in": 60}'; }
  location /packed { gzip on; gzip_min_length 1; gzip_types *; alias page; } }
 server { listen 127.0.0.1:8082; location / { proxy_pass http://127.0.0.1:8080; } }
 server { listen 127.0.0.1:8444 ssl; ssl_certificate site.pem; ssl_certificate_key site.key; ssl_protocols TLSv1.2;
  ssl_client_certificate ca.pem; ssl_verify_client on; return 200 welcome; }
 server { listen 127.0.0.1:8081; return 301 http://127.0.0.1:8080/; }
 server { listen 127.0.0.1:8443 ssl http2; ssl_certificate site.pem; ssl_certificate_key site.key; return 200 welcome; } }"#;

const UNBOUND: &str = r#"server:
 interface: 127.0.0.1@5353
 interface: 127.0.0.1@8853
 tls-port: 8853
 tls-service-key: "site.key"
 tls-service-pem: "site.pem"
 identity: "desk"
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
    let users = ("users", "duty:{PLAIN}word\n");
    let words = [users, ("word", "word\n"), ("token", "t0k\n"), ("page", "welcome, welcome, welcome\n")];
    for (name, text) in
        [("modules.yml", MODULES), ("nginx.conf", NGINX), ("unbound.conf", UNBOUND)].into_iter().chain(words)
    {
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
    site.cut(1);
    let written = site.read("linkpatrol.yaml");
    site.write("linkpatrol.yaml", &format!("{written}probe: {{modules: modules.yml}}\n"));
    site.start(&["--exporter-only"]);

    let (ours, theirs) = (site.address, "127.0.0.1:9115".parse().unwrap());
    site.within(|| {
        for port in [8080, 8443, 5353, 8853, 9115] {
            wait_for("a server", Duration::from_secs(10), || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        }
        let mut differing = vec![];
        for (module, target, good) in VISITS {
            let path = format!("/probe?module={module}&target={target}");
            let [ours, theirs] = [ours, theirs].map(|address| series(&get(address, &path).unwrap()));
            if (theirs["probe_success"] > 0.0) != good {
                differing.push(format!("{path}: this story expects of 0.23 that it is {good}"));
            }
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

    // Another whole takes its place when the files are read again, or none at all.
    let reload = || site.within(|| request(ours, "POST", "/-/reload", &[], "").unwrap());
    let limited = format!("{written}probe: {{modules: modules.yml, targets: [127.0.0.0/8], per_second: 3}}\n");
    site.write(
        "modules.yml",
        "modules:\n  fresh: {prober: tcp}\n  broken: {prober: http, http: {enable_http3: true}}\n",
    );
    site.write("linkpatrol.yaml", &limited);
    let refused = reload();
    assert!(refused.status == 422 && refused.body.contains("LP2401"), "{} {}", refused.status, refused.body);
    assert_eq!(
        get_within(&site, "/probe?module=tcp&target=127.0.0.1:8080").status,
        200,
        "the old modules stay in force"
    );
    site.write("modules.yml", "modules:\n  fresh: {prober: tcp}\n");
    assert_eq!(reload().status, 200);
    assert_eq!(get_within(&site, "/probe?module=tcp&target=127.0.0.1:8080").status, 400, "no such module any more");
    let answers: Vec<_> =
        (0..8).map(|_| get_within(&site, "/probe?module=fresh&target=127.0.0.1:8080").status).collect();
    assert!(answers.starts_with(&[200, 200, 200]) && answers.contains(&429), "{answers:?}");
    let limited = answers.iter().filter(|status| **status == 429).count();
    assert_eq!(site.metric("linkpatrol_probe_requests_total{outcome=\"rate_limited\"}"), Some(limited as f64));
}

fn get_within(site: &Site, path: &str) -> Answer {
    site.within(|| get(site.address, path).unwrap())
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
