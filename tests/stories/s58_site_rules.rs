//! What is asked of websites besides being up, by real nginx and unbound: opened often enough, home page fresh, links alive,
//! images there, IPv6 ready, certificates with days left, TLS well spoken.

#![expect(clippy::unwrap_used, reason = "a story may stop at what should not happen")]

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::{
    harness::{Running, peer, words},
    s61_stream::Stream,
    s62_grafana,
    site::Site,
};

const SERVICES: &str = r#"defaults: {interval: 1s, timeout: 1s, confirm: 0, spacing: 100ms}
services:
  - {id: portal, url: "http://www.city.test/"}
  - {id: secure, url: "https://www.city.test:8443/"}
  - {id: old, url: "https://www.city.test:8444/"}
  - {id: nobody, url: "http://www.city.test:81/"}
  - {id: backed, url: "http://www.city.test:81/", backup: 7x24}
"#;

/// A week of the rule in a moment: the figures are data.
const RULES: &str = "reachability: {days: 1, visits_a_day: 3, spacing: 500ms, not_open_after: 15s, veto: 5 %}
home_page: {unchanged_most: 1s}
days_left: {certificate: [60, 30, 14, 7, 3, 1]}
tls_posture: {every: 7d, deductions: {outdated_versions: 30, no_organisation: 10, no_tls13: 5}}
crawl: {every: 2s, hours: 00:00-00:00, links: 5, a_second: 10, timeout: 2s}
";

const HOME: &str = "<title>示例市</title><img src=/logo.png><img src=/gone.png><a href=ok.html>要闻</a><a href='/dead.html'>旧闻</a>
<a href=/four.html>公告</a><a href=/private/list.html>内部</a><a href='https://elsewhere.invalid/'>友情链接</a><a href=/zz.html>更多</a>";

const NGINX: &str = r"daemon off; master_process off; error_log stderr; pid nginx.pid; events {}
http { access_log access.log; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  ssl_certificate site.pem; ssl_certificate_key site.key; default_type text/html;
  server { listen 127.0.0.1:80; root www; }
  server { listen [::1]:80; root www; location = /four.html { return 404; } }
  server { listen 127.0.0.1:8443 ssl; ssl_protocols TLSv1.2 TLSv1.3; return 200 'secure'; }
  server { listen 127.0.0.1:8444 ssl; ssl_protocols TLSv1.1 TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0; return 200 'old'; } }
";

const UNBOUND: &str = r#"server:
 pidfile: ""
 username: ""
 chroot: ""
 use-syslog: no
 do-daemonize: no
 interface: 127.0.0.1
 interface: ::1
 local-zone: "city.test." static
 local-data: "city.test. SOA ns.city.test. root.city.test. 1 60 60 60 60"
 local-data: "city.test. NS ns.city.test."
 local-data: "ns.city.test. AAAA ::1"
 local-data: "www.city.test. A 127.0.0.1"
 local-data: "www.city.test. AAAA ::1"
remote-control:
 control-enable: no
"#;

fn files(site: &Site) {
    let openssl = |arguments: &str| {
        let output =
            Command::new("openssl").args(arguments.split(' ')).current_dir(site.folder.path()).output().unwrap();
        assert!(output.status.success(), "openssl {arguments}: {}", words(&output));
    };
    let key = "-newkey rsa:2048 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 9 -subj /CN=Desk"));
    fs::write(site.path("san"), "subjectAltName=DNS:www.city.test").unwrap();
    openssl(&format!("req {key} -keyout site.key -out site.csr -subj /CN=www.city.test"));
    openssl("x509 -req -in site.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile san -days 5 -out site.pem");
    fs::create_dir(site.path("www")).unwrap();
    for page in ["ok.html", "four.html", "logo.png", "zz.html"] {
        site.write(&format!("www/{page}"), "here");
    }
    site.write("www/robots.txt", "User-agent: *\nDisallow: /private/\n");
    site.write("www/index.html", HOME);
    site.write("nginx.conf", NGINX);
    site.write("unbound.conf", UNBOUND);
    site.write("site/services.yaml", SERVICES);
    site.write("site/sites.yaml", RULES);
    let configuration = site.read("linkpatrol.yaml");
    site.write("linkpatrol.yaml", &format!("{configuration}name_server: 127.0.0.1:53\n"));
}

fn start(site: &Site, name: &str, command: &[&str]) -> Running {
    let mut command = site.namespace.command(command);
    Running::start(name, site.folder.path(), command.current_dir(site.folder.path()))
}

/// What is told of a site besides its state.
fn of(site: &Site, id: &str) -> Value {
    site.get(&format!("/api/v1/services/{id}")).json()["site"].clone()
}

#[test]
fn a_site_is_held_to_what_is_asked_of_it_besides_being_up() {
    let Some(mut site) = Site::make(1) else { return };
    let [Some(nginx), Some(unbound), Some(_)] = ["nginx", "unbound", "openssl"].map(peer) else { return };
    files(&site);
    let folder = format!("{}/", site.folder.path().display());
    let _nginx = start(&site, "nginx", &[&nginx.to_string_lossy(), "-p", &folder, "-c", "nginx.conf", "-e", "stderr"]);
    let _unbound = start(&site, "unbound", &[&unbound.to_string_lossy(), "-d", "-c", "unbound.conf"]);
    let mut daemon = site.serve(&[]);
    daemon.env("SSL_CERT_FILE", site.path("ca.pem"));
    site.start_as(daemon);

    let portal = site.wait("the portal was looked at twice", |site| {
        let portal = of(site, "portal");
        (portal["home_page"]["unchanged_seconds"].as_u64() >= Some(1)).then_some(portal)
    });
    let look = &portal["look"];
    let counts = ["links", "images", "checked", "dead_links", "missing_images", "disallowed", "elsewhere", "left_out"];
    assert_eq!(counts.map(|name| look[name].as_u64().unwrap()), [6, 2, 5, 1, 1, 1, 1, 1], "{look:#}");
    let broken: Vec<_> =
        look["broken"].as_array().unwrap().iter().map(|one| (&one["url"], &one["image"], &one["status"])).collect();
    let dead = |url: &str| Value::from(format!("http://www.city.test/{url}"));
    let wanted = [(dead("gone.png"), json!(true), json!(404)), (dead("dead.html"), json!(false), json!(404))];
    assert_eq!(broken, wanted.iter().map(|(url, image, status)| (url, image, status)).collect::<Vec<_>>());
    assert_eq!(look["robots"], "obeyed");
    let six = json!({"address": true, "opens": true, "name_servers": true, "same_content": true});
    assert_eq!(look["ipv6"], six, "{look:#}");
    assert_eq!(look["ipv6_links"], json!({"reached": 1, "tried": 2}), "one page is not served over IPv6");
    let log = site.read("access.log");
    assert!(log.contains("linkpatrol/") && !log.contains("/private/"), "{log}");
    for finding in ["dead_links", "missing_images", "home_page_stale"] {
        let series = format!("linkpatrol_site_finding{{service=\"portal\",finding=\"{finding}\"}}");
        assert_eq!(site.metric(&series), Some(1.0), "{finding}");
    }
    assert_eq!(site.metric("linkpatrol_site_ipv6_links_ratio{service=\"portal\"}"), Some(0.5));

    // News, and what was broken mended.
    site.write("www/gone.png", "here");
    site.write("www/index.html", &HOME.replace("<a href='/dead.html'>旧闻</a>", "<a href='/ok.html'>新闻</a>"));
    let fresh = site.wait("the new page was seen", |site| {
        let portal = of(site, "portal");
        (portal["findings"] == json!([])).then_some(portal)
    });
    assert_eq!(fresh["look"]["broken"], json!([]));

    // Three spaced visits make a day of this rule; nobody's site fails them all.
    let nobody = site.wait("the rule speaks", |site| {
        Some(of(site, "nobody")).filter(|nobody| nobody["reachability"]["verdict"] == "veto")
    });
    assert_eq!(
        (&nobody["reachability"]["failures_left"], &nobody["findings"]),
        (&json!(0), &json!(["site_unreachable"]))
    );
    // A backup excuses a site from its account, and not from this rule.
    let backed = site.wait("the rule speaks of what is backed up", |site| {
        let backed = site.get("/api/v1/services/backed").json();
        (backed["site"]["reachability"]["verdict"] == "veto").then_some(backed)
    });
    assert_eq!((&backed["visits"]["failed"], &backed["state"]), (&json!(0), &json!("never_verified")), "{backed:#}");
    // The wall says so, and to visitors without its name.
    for (query, name) in [("lang=en", "nobody"), ("lang=en&visitor=1", "")] {
        let event = site.within(|| Stream::open(site.address, query).next()).unwrap();
        let first = &event["veto"][0];
        assert_eq!((&first["name"], &first["left"]), (&json!(name), &json!("veto reached")), "{event}");
        assert_eq!((&first["share"], &first["reached"]), (&json!("100.0000 %"), &json!(true)));
    }
    let kept = &of(&site, "portal")["reachability"];
    assert_eq!((&kept["verdict"], &kept["failed"], &kept["days_missing"]), (&json!("kept"), &json!(0), &json!(0)));
    assert!(kept["failures_left"].as_u64() >= Some(1) && kept["days_left"].as_f64() > Some(0.0), "{kept}");

    // Five days are left, and old TLS costs what the file says, with its reason.
    let secure = of(&site, "secure");
    assert_eq!(secure["certificate_left"], json!({"days": 4, "rung": 7}));
    assert_eq!(secure["tls_posture"]["score"], 90, "{secure:#}");
    let old = site.wait("the old site was asked for TLS 1.1", |site| {
        Some(of(site, "old")).filter(|old| old["look"]["old_tls"] == true && old["tls_posture"]["score"] == 55)
    });
    let reasons: Vec<_> =
        old["tls_posture"]["reasons"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["outdated_versions", "no_tls13", "no_organisation"]);
    assert_eq!(secure["look"]["old_tls"], false);
    // A restart goes on counting.
    let before = of(&site, "portal")["reachability"]["visits"].as_u64().unwrap();
    site.daemon().signal(libc::SIGTERM);
    site.daemon().wait(std::time::Duration::from_secs(10));
    let mut again = site.serve(&[]);
    again.env("SSL_CERT_FILE", site.path("ca.pem"));
    site.start_as(again);
    let after = site.wait("visits go on", |site| {
        Some(of(site, "portal")).filter(|portal| portal["reachability"]["visits"].as_u64() > Some(before))
    });
    assert_eq!(after["reachability"]["verdict"], "kept", "{after:#}");
    if let Some(_prometheus) = s62_grafana::beside(&site) {
        s62_grafana::returns_data(&site, "lp-sites");
    }
    site.wait("the old site is scored again", |site| {
        (of(site, "old")["look"]["old_tls"] == true && of(site, "old")["tls_posture"]["score"] == 55).then_some(())
    });

    let deduction = "linkpatrol_site_tls_deduction{service=\"old\",reason=\"outdated_versions\"}";
    assert_eq!(site.metric(deduction), Some(30.0));
}
