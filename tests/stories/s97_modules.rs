//! Services that are visited as a module of blackbox_exporter says, in the same file that its owner has, by a running daemon.

use serde_json::Value;

use crate::{harness::peer, site::Site};

const SERVICES: &str = "modules: blackbox.yml
services:
  - {id: page, url: 'http://127.0.0.1:8080/', module: page, interval: 1s, confirm: 1, spacing: 100ms}
  - {id: nowhere, url: '198.18.7.7:80', module: port, interval: 1s, confirm: 1, spacing: 100ms}
  - {id: port, url: '127.0.0.1:8080', module: port, interval: 1s, confirm: 1, spacing: 100ms}
";

fn modules(site: &Site, wanted: &str) {
    site.write("site/blackbox.yml", &format!("modules:
  page: {{prober: http, timeout: 900ms, http: {{headers: {{X-Asked-By: module}}, fail_if_body_not_matches_regexp: ['{wanted}'], preferred_ip_protocol: ip4}}}}
  port: {{prober: tcp, timeout: 900ms, tcp: {{query_response: [{{send: \"GET / HTTP/1.0\\r\\n\\r\"}}, {{expect: '^HTTP/1.. 200'}}]}}}}
"));
}

fn service(site: &Site, id: &str) -> Value {
    site.get(&format!("/api/v1/services/{id}")).json()
}

fn is(site: &Site, id: &str, state: &str) -> Value {
    site.wait(&format!("{id} is {state}"), |site| Some(service(site, id)).filter(|one| one["state"] == state))
}

#[test]
fn a_service_is_visited_by_the_module_it_names_and_by_another_after_a_reload() {
    let Some(mut site) = Site::make(1) else { return };
    if peer("nginx").is_none() {
        return;
    }
    // The page says who asked for it.
    let _nginx = site.nginx("server { listen 127.0.0.1:8080; return 200 \"by $http_x_asked_by\"; }");
    modules(&site, "by module");
    site.namespace.run(&["ip", "route", "add", "unreachable", "198.18.7.7/32"]);
    site.write("site/services.yaml", SERVICES);
    site.start(&[]);
    is(&site, "page", "up");
    is(&site, "port", "up");
    site.wait("no road leads there", |site| (service(site, "nowhere")["reason"] == "unreachable").then_some(()));

    modules(&site, "by nobody");
    // It is another check now, which has never passed.
    let wrong = site.wait("it is visited otherwise", |site| {
        Some(service(site, "page")).filter(|page| page["reason"] == "body_mismatch")
    });
    assert_eq!((&wrong["phase"], &wrong["state"]), (&"content".into(), &"never_verified".into()), "{wrong}");
    is(&site, "port", "up");

    // A file that is wrong takes nothing away.
    site.write("site/services.yaml", &SERVICES.replace("module: port", "module: prot"));
    site.wait("the reload is refused", |site| {
        (site.metric("linkpatrol_config_last_reload_successful") == Some(0.0)).then_some(())
    });
    is(&site, "port", "up");
    site.write("site/services.yaml", SERVICES);
    modules(&site, "by module");
    is(&site, "page", "up");
}
