//! Targets and modules of other probers come in: what can be said here is, and everything else is told of.

use std::fs;

use serde_json::{Value, json};

use crate::s74_import::{City, counts, found};

/// Id and address of each new entry.
fn new(shown: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let url = |entry: &Value| {
        let changes = entry["changes"].as_array().into_iter().flatten();
        changes.filter(|change| change["column"] == "url").map(|change| text(&change["to"])).collect()
    };
    shown["new"].as_array().into_iter().flatten().map(|entry| (text(&entry["id"]), url(entry))).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(id, url)| ((*id).to_owned(), (*url).to_owned())).collect()
}

fn codes(shown: &Value, file: &str) -> Vec<(u64, String)> {
    found(shown, file).into_iter().map(|(line, _, code)| (line, code)).collect()
}

#[test]
fn targets_of_prometheus_become_services_behind_those_there_are() {
    let city = City::copy();
    let before = fs::read_to_string(city.path("xuchang/services.yaml")).expect("the services");
    let groups = json!([
        {"targets": ["https://www.city.test/", "https://r1.xc.example/"], "labels": {"zone": "internet", "team": "web"}},
        {"targets": ["192.0.2.7"], "labels": {"__param_module": "icmp", "instance": "核心 \"一\""}},
        {"targets": ["db.city.test:5432", "api.city.test"], "labels": {"module": "http_2xx"}},
        {"targets": ["192.0.2.53"], "labels": {"module": "dns_soa"}},
    ]);
    city.write("targets.json", serde_json::to_string_pretty(&groups).expect("JSON"));
    let (code, plan) = city.import("targets.json", &["--dry-run"]);
    let expected = pairs(&[
        ("www.city.test", "https://www.city.test/"),
        ("192.0.2.7", "icmp://192.0.2.7"),
        ("db.city.test-5432", "http://db.city.test:5432"),
        ("api.city.test", "http://api.city.test"),
    ]);
    assert_eq!((code, counts(&plan), new(&plan)), (0, [4, 0, 1, 0], expected), "{plan}");
    let told: Vec<String> = codes(&plan, "targets.json").into_iter().map(|(_, code)| code).collect();
    assert_eq!(told, ["LP2506", "LP2506"], "the label `team`, and a name server without a question: {plan}");
    let same = fs::read_to_string(city.path("xuchang/services.yaml")).expect("the services");
    assert!(same == before, "--dry-run changed something");

    let (code, done) = city.import("targets.json", &[]);
    assert_eq!((code, counts(&done)), (0, [4, 0, 1, 0]), "{done}");
    let after = fs::read_to_string(city.path("xuchang/services.yaml")).expect("the services");
    let added: Vec<&str> = after.lines().filter(|line| !before.contains(line)).collect();
    assert_eq!(added[0], r#"  - {id: "www.city.test", url: "https://www.city.test/", zone: "internet"}"#);
    assert_eq!(added[1], r#"  - {id: "192.0.2.7", name: "核心 \"一\"", url: "icmp://192.0.2.7"}"#);
    let kept: String = after.lines().filter(|line| !added.contains(line)).map(|line| format!("{line}\n")).collect();
    assert!(kept == before, "what was there is not as it was");
    let (code, again) = city.import("targets.json", &[]);
    assert_eq!((code, counts(&again), &again["written"]), (0, [0, 0, 5, 0], &Value::Null), "{again}");
    let checked = city.run(&["check", "--output", "json"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));

    // A requirement that the contract does not have is an error at its place, and nothing is written.
    city.write(
        "wrong.yml",
        "- targets: [\"https://a.city.test/\"]\n- targets: [\"https://b.city.test/\"]\n  labels: {owner: U99}\n",
    );
    let (code, wrong) = city.import("wrong.yml", &["--as", "file_sd"]);
    assert_eq!((code, counts(&wrong)), (1, [1, 0, 0, 1]), "{wrong}");
    assert_eq!(codes(&wrong, "wrong.yml").first().map(|(line, _)| *line), Some(2), "{wrong}");
    city.write("broken.json", "[{\"targets\": [\"a:1\"], \"label\": {}}]");
    let (code, broken) = city.import("broken.json", &[]);
    assert_eq!((code, codes(&broken, "broken.json")), (1, vec![(1, "LP1005".to_owned())]), "{broken}");
    assert_eq!(fs::read_to_string(city.path("xuchang/services.yaml")).expect("the services"), after);
}

#[test]
fn targets_of_both_smokepings_become_services() {
    let city = City::copy();
    city.write(
        "prober.yml",
        "targets:\n- hosts: [gw.city.test, \"2001:db8::1\", 192.0.2.9]\n  interval: 5s\n  size: 1000\n- hosts: [slow.city.test]\n  interval: 100ms\n  network: ip4\n",
    );
    let (code, shown) = city.import("prober.yml", &["--as", "smokeping"]);
    let expected = pairs(&[
        ("gw.city.test", "icmp://gw.city.test"),
        ("2001-db8--1", "icmp://[2001:db8::1]"),
        ("192.0.2.9", "icmp://192.0.2.9"),
        ("slow.city.test", "icmp://slow.city.test"),
    ]);
    assert_eq!((code, new(&shown)), (0, expected), "{shown}");
    let mut told = codes(&shown, "prober.yml");
    told.sort();
    assert_eq!(told, [(4, "LP2506".to_owned()), (6, "LP2506".to_owned()), (7, "LP2506".to_owned())], "{shown}");
    let services = fs::read_to_string(city.path("xuchang/services.yaml")).expect("the services");
    assert!(
        services.contains(
            r#"- {id: "gw.city.test", url: "icmp://gw.city.test", interval: 5s, timeout: 5s, spacing: 100ms}"#
        )
    );
    assert!(services.contains(
        r#"- {id: "slow.city.test", url: "icmp://slow.city.test", interval: 1s, timeout: 1s, spacing: 100ms}"#
    ));

    city.write(
        "Targets",
        "*** Targets ***\n\nprobe = FPing\nmenu = Top\ntitle = Latency\n\n\
         + City\nmenu = City\ntitle = The city\n\n\
         ++ Portal\ntitle = 门户\nprobe = EchoPingHttps\nhost = portal.city.test\nurl = /index.html\n\n\
         ++ Core\nmenu = 核心\nhost = 192.0.2.1\nalerts = bigloss,\\\n  someloss\n\n\
         ++ Both\nhost = /City/Portal /City/Core\n\n\
         + Names\nprobe = DNS\n++ NS1\nhost = ns1.city.test\nlookup = city.test\n\
         ++ Radius\nprobe = Radius\nhost = aaa.city.test\n",
    );
    let (code, shown) = city.import("Targets", &[]);
    let expected = pairs(&[
        ("City.Portal", "https://portal.city.test/index.html"),
        ("City.Core", "icmp://192.0.2.1"),
        ("Names.NS1", "dns://ns1.city.test/city.test?type=A"),
    ]);
    assert_eq!((code, new(&shown)), (0, expected), "{shown}");
    assert_eq!(shown["new"][0]["changes"][0], json!({"column": "name", "from": "", "to": "门户"}));
    let told = codes(&shown, "Targets");
    assert_eq!(told, [(20, "LP2506".to_owned()), (24, "LP2506".to_owned()), (33, "LP2506".to_owned())], "{shown}");

    let before = fs::read_to_string(city.path("xuchang/services.yaml")).expect("the services");
    city.write("deep", "+ a\n+++ b\nhost = c\nno sense\n");
    let (code, shown) = city.import("deep", &["--as", "smokeping"]);
    assert_eq!((code, codes(&shown, "deep")), (1, vec![(2, "LP2507".to_owned()), (4, "LP2507".to_owned())]), "{shown}");
    city.write("twice", "+ City\n++ Core\nhost = 192.0.2.99\n");
    let (code, shown) = city.import("twice", &["--as", "smokeping"]);
    assert_eq!((code, codes(&shown, "twice")), (1, vec![(3, "LP2509".to_owned())]), "{shown}");
    city.write(
        "hostile",
        (0..20_000).map(|nth| format!("{} x{nth}\nhost\n", "+".repeat(2 + nth % 50))).collect::<String>(),
    );
    let (code, shown) = city.import("hostile", &["--as", "smokeping"]);
    let most = shown["findings"].as_array().map_or(0, Vec::len);
    assert!(code == 1 && (1_000..=1_001).contains(&most), "exit {code}, {most} findings");
    assert_eq!(fs::read_to_string(city.path("xuchang/services.yaml")).expect("the services"), before);
}

#[test]
fn modules_of_blackbox_exporter_are_taken_whole_or_not_at_all() {
    let city = City::copy();
    city.write("modules.yml", "modules:\n  http_2xx: {prober: http, timeout: 5s}\n  icmp: {prober: icmp}\n");
    let (code, shown) = city.import("modules.yml", &["--as", "blackbox"]);
    assert_eq!((code, codes(&shown, "modules.yml")), (1, vec![(0, "LP2511".to_owned())]), "{shown}");
    let config = fs::read_to_string(city.path("linkpatrol.yaml")).expect("the configuration");
    city.write("linkpatrol.yaml", config + "probe: {modules: ours.yaml}\n");
    let (code, shown) = city.import("modules.yml", &["--as", "blackbox"]);
    assert_eq!((code, counts(&shown), &shown["backup"]), (0, [2, 0, 0, 0], &Value::Null), "{shown}");
    let taken = fs::read(city.path("ours.yaml")).expect("our modules");
    assert_eq!(taken, fs::read(city.path("modules.yml")).expect("their modules"));

    city.write("more.yml", "modules:\n  http_2xx: {prober: http, timeout: 9s, http: {basic_auth: {username: a, password: geheim}}}\n  icmp: {prober: icmp}\n  tcp: {prober: tcp}\n");
    let (code, shown) = city.import("more.yml", &["--as", "blackbox", "--dry-run"]);
    assert_eq!((code, counts(&shown)), (0, [1, 1, 1, 0]), "{shown}");
    assert!(!shown.to_string().contains("geheim"), "a secret was shown");
    for (text, line, expected) in [
        ("modules:\n  tcp: {prober: tcp}\n", 2, "LP2512"),
        ("modules:\n  http_2xx: {prober: http}\n  icmp: {prober: icmp, icmpp: {}}\n", 3, "LP1005"),
        ("modules:\n  http_2xx: {prober: gopher}\n  icmp: {prober: icmp}\n", 2, "LP1008"),
    ] {
        city.write("bad.yml", text);
        let (code, shown) = city.import("bad.yml", &["--as", "blackbox"]);
        let told = codes(&shown, "bad.yml");
        assert!(code == 1 && told.contains(&(line, expected.to_owned())), "{text}: {shown}");
        assert_eq!(fs::read(city.path("ours.yaml")).expect("our modules"), taken);
    }
}
