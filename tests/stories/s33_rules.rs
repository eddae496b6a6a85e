//! Operators' rules: tried on series, written for Prometheus, and fired by a real line that loses packets.

#![expect(clippy::unwrap_used, reason = "a story may stop at what should not happen")]

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    gateway::Gateway,
    harness::{linkpatrol, peer, root, words},
    site::Site,
};

/// Hears of alarms.
const DESK: &str = "127.0.0.1:9099";

#[test]
fn the_shipped_rules_pass_their_stories_and_a_wrong_expectation_is_shown_as_a_difference() {
    let stories = root().join("inventories/xuchang/rules/stories");
    let month = linkpatrol().args(["rule", "test"]).arg(stories.join("contract.yaml")).output().unwrap();
    assert_eq!(month.status.code(), Some(0), "{}", words(&month));
    let shipped = stories.join("quality.yaml");
    let output = linkpatrol().args(["--lang", "en", "rule", "test"]).arg(&shipped).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout).matches(": as expected").count(), 5, "{}", words(&output));

    let folder = tempfile::tempdir().unwrap();
    let rules = root().join("inventories/xuchang/rules/quality.yaml");
    let wrong = fs::read_to_string(shipped).unwrap().replace("../quality.yaml", &rules.display().to_string());
    let wrong = wrong.replace("{rule: loss-high, fires: 90s, clears: 370s}", "{rule: loss-high, fires: 100s}");
    let file = folder.path().join("wrong.yaml");
    fs::write(&file, &wrong).unwrap();
    let output = linkpatrol().args(["--lang", "en", "rule", "test"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in ["+    90s  loss-high fires", "-   100s  loss-high fires", "+   370s  loss-high clears"] {
        assert!(text.contains(line), "{line} in {text}");
    }

    fs::write(&file, wrong.replace("loss_5m", "los_5m").replace("rule: rtt-jump", "rule: rtt-jmp")).unwrap();
    let output = linkpatrol().args(["--lang", "en", "rule", "test"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("error LP1902: there is no variable `los_5m`"));
}

#[test]
fn a_recorded_night_is_played_like_a_written_one() {
    let folder = tempfile::tempdir().unwrap();
    let rules = root().join("inventories/xuchang/rules/quality.yaml");
    let story = format!(
        "rules: [{}]\nstories:\n  - name: last night\n    record: night.csv\n    series: {{state: up}}\n    expect: \
         [{{rule: loss-high, fires: 70s, clears: 150s}}]\n",
        rules.display()
    );
    fs::write(folder.path().join("story.yaml"), story).unwrap();
    let night = "at,loss_1m,loss_5m\n0,0.001,0.001\n35,0.08,0.02\n120,0,0.02\n150,0,0.001\n";
    fs::write(folder.path().join("night.csv"), night).unwrap();
    let output = linkpatrol().args(["rule", "test"]).arg(folder.path().join("story.yaml")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
}

/// Every form of the exportable subset.
const RULES: &str = r#"rules:
  - {name: plain, when: "loss_1m > 0.05"}
  - {name: held, when: "loss_1m > 0.05", for: 30s}
  - {name: hysteresis, when: "loss_1m > 0.05", clear: "loss_1m < 0.01", for: 20s}
  - {name: other-window, when: "loss_1m >= 0.05 && loss_5m > 0.01", clear: "loss_5m <= 0.001"}
  - {name: either, when: "loss_1m > 0.1 || rtt_last_ms > 50", clear: "!(loss_1m > 0.05) && rtt_last_ms < 40", for: 10s}
  - {name: denied, when: "!(loss_1m <= 0.05 || kind == 'internet')", for: 20s}
  - {name: worded, when: "kind in ['private', 'dark_fibre'] && link.endsWith('3') && loss_1m != 0"}
  - {name: stated, when: "state != 'down' && loss_1m > 0.05", clear: "loss_1m == 0 || state == 'down'", for: 20s}
  - {name: any-state, when: "state in ['unknown', 'down']", for: 40s}
  - {name: reckoned, when: "loss_1m * 100 - 2 > 3 + loss_5m / 2 && -loss_5m < 0", for: 10s}
  - {name: aged, when: "probe_age_s > 25", clear: "probe_age_s < 15"}
  - {name: compared, when: "loss_1m > 3 * loss_5m", for: 20s}
"#;

const STEPS: usize = 90;
const LINKS: usize = 150;

#[test]
fn prometheus_judges_exported_rules_exactly_as_we_do() {
    let Some(promtool) = peer("promtool") else { return };
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let rules = RULES.replace("}\n", ", level: warning, class: quality, message: {zh-CN: '{link}', en: '{link}'}}\n");
    fs::write(place("rules.yaml"), rules).unwrap();
    let exported = linkpatrol().args(["rule", "export", "--strict"]).arg(place("rules.yaml")).output().unwrap();
    assert_eq!(exported.status.code(), Some(0), "{}", words(&exported));
    fs::write(place("exported.yaml"), &exported.stdout).unwrap();

    let mut random = StdRng::seed_from_u64(33);
    let lines: Vec<Line> = (0..LINKS).map(|number| Line::random(number, &mut random)).collect();
    let told = ours(&lines, folder.path());
    let (firings, clears) = (count(&told, "fires"), count(&told, "clears"));
    println!("{LINKS} stories of {STEPS} steps: {firings} firings, {clears} clears");
    assert!(firings > 500 && clears > 300, "the stories are too quiet to prove anything: {firings} {clears}");

    fs::write(place("promtool.yaml"), promtool_test(&lines, &told)).unwrap();
    for arguments in [["check", "rules", "exported.yaml"], ["test", "rules", "promtool.yaml"]] {
        let output = Command::new(&promtool).args(arguments).current_dir(&folder).output().unwrap();
        let text = words(&output);
        assert!(output.status.success(), "{arguments:?}: {}", text.chars().take(4_000).collect::<String>());
    }
}

#[test]
fn an_exported_message_names_what_prometheus_finds() {
    let Some(promtool) = peer("promtool") else { return };
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let rule = "rules:\n  - name: loss-high\n    when: loss_1m > 0.05\n    level: critical\n    class: quality\n    \
                message: {zh-CN: '链路 {link}（{carrier}）{state} 丢包 {loss_1m}，时延 {rtt_last_ms}', en: x}\n";
    fs::write(place("rules.yaml"), rule).unwrap();
    let exported = linkpatrol().args(["rule", "export"]).arg(place("rules.yaml")).output().unwrap();
    fs::write(place("exported.yaml"), &exported.stdout).unwrap();
    let test = json!({
        "rule_files": ["exported.yaml"], "evaluation_interval": "10s",
        "tests": [{
            "interval": "10s",
            "input_series": [
                {"series": "linkpatrol_link_info{link=\"LL-1\",carrier=\"carrier-b\"}", "values": "1x5"},
                {"series": "linkpatrol_link_loss_ratio{link=\"LL-1\",window=\"1m\"}", "values": "0.0625x5"},
                {"series": "linkpatrol_link_loss_ratio{link=\"LL-2\",window=\"1m\"}", "values": "0.5x5"},
                {"series": "linkpatrol_link_rtt_last_seconds{link=\"LL-1\"}", "values": "0.0125x5"},
                {"series": "linkpatrol_link_state{link=\"LL-1\",state=\"up\"}", "values": "1x5"},
                {"series": "linkpatrol_link_state{link=\"LL-1\",state=\"suspended\"}", "values": "0x5"},
                {"series": "linkpatrol_link_state{link=\"LL-2\",state=\"suspended\"}", "values": "1x5"}
            ],
            "alert_rule_test": [{"eval_time": "30s", "alertname": "loss-high", "exp_alerts": [{
                "exp_labels": {"link": "LL-1", "severity": "critical", "class": "quality"},
                "exp_annotations": {"summary": "链路 LL-1（carrier-b）up 丢包 6.25%，时延 12.5 ms"}
            }]}]
        }]
    });
    fs::write(place("promtool.yaml"), test.to_string()).unwrap();
    let output =
        Command::new(&promtool).args(["test", "rules", "promtool.yaml"]).current_dir(&folder).output().unwrap();
    assert!(output.status.success(), "{}", words(&output));
}

/// One line's night: what is measured at each step.
struct Line {
    id: String,
    kind: &'static str,
    loss_1m: Vec<Option<f64>>,
    loss_5m: Vec<Option<f64>>,
    rtt_ms: Vec<Option<f64>>,
    age: Vec<f64>,
    state: Vec<&'static str>,
}

impl Line {
    /// Good stretches, bad ones, flaps around the limits, gaps, and time out of service.
    fn random(number: usize, random: &mut StdRng) -> Self {
        let kind = ["private", "internet", "dark_fibre"][number % 3];
        let mut line = Self {
            id: format!("S-{number:03}"),
            kind,
            loss_1m: vec![],
            loss_5m: vec![],
            rtt_ms: vec![],
            age: vec![],
            state: vec![],
        };
        while line.state.len() < STEPS {
            let (mood, length) = (random.random_range(0..7), random.random_range(1..9));
            let state = match mood {
                5 => ["down", "unknown"][random.random_range(0..2)],
                6 if random.random_bool(0.3) => "suspended",
                _ => ["up", "degraded"][random.random_range(0..2)],
            };
            for _ in 0..length {
                let loss: f64 = match mood {
                    0 => [0.0, 0.001][random.random_range(0..2)],
                    1 => 0.08,
                    2 => [0.04, 0.05, 0.06][random.random_range(0..3)],
                    3 => [0.005, 0.01, 0.2][random.random_range(0..3)],
                    _ => random.random_range(0..100) as f64 / 500.0,
                };
                let is_gap = mood == 4 && random.random_bool(0.6);
                line.loss_1m.push((!is_gap).then_some(loss));
                line.loss_5m.push((!is_gap).then_some([0.0, 0.001, 0.02, loss][random.random_range(0..4)]));
                line.rtt_ms.push((!is_gap).then_some([5.0, 39.5, 45.0, 50.0, 50.5][random.random_range(0..5)]));
                line.age.push(f64::from([1, 14, 15, 25, 26, 40][random.random_range(0..6)]));
                line.state.push(state);
            }
        }
        line.state.truncate(STEPS);
        line
    }
}

/// What the built binary tells of each line, by link.
fn ours(lines: &[Line], folder: &Path) -> BTreeMap<String, Vec<Value>> {
    let numbers = |values: &[Option<f64>]| -> String {
        values.iter().take(STEPS).map(|value| value.map_or("_ ".to_owned(), |value| format!("{value} "))).collect()
    };
    let story = |line: &Line| {
        json!({
            "name": line.id,
            "series": {
                "link": line.id, "kind": line.kind, "state": line.state.join(" "),
                "loss_1m": numbers(&line.loss_1m), "loss_5m": numbers(&line.loss_5m),
                "rtt_last_ms": numbers(&line.rtt_ms),
                "probe_age_s": line.age.iter().take(STEPS).map(|age| format!("{age} ")).collect::<String>(),
            }
        })
    };
    let stories = json!({"rules": ["rules.yaml"], "stories": lines.iter().map(story).collect::<Vec<_>>()});
    let file = folder.join("stories.yaml");
    fs::write(&file, stories.to_string()).unwrap();
    let output = linkpatrol().args(["--output", "json", "rule", "test"]).arg(file).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "nothing is expected, so all is unexpected: {}", words(&output));
    let outcomes: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let told =
        |outcome: Value| (outcome["story"].as_str().unwrap().to_owned(), outcome["told"].as_array().unwrap().clone());
    outcomes.into_iter().map(told).collect()
}

fn count(told: &BTreeMap<String, Vec<Value>>, what: &str) -> usize {
    told.values().flatten().filter(|told| told["what"] == what).count()
}

/// A promtool test that expects, at every single evaluation, exactly the alerts that we told of.
fn promtool_test(lines: &[Line], told: &BTreeMap<String, Vec<Value>>) -> String {
    let mut series = vec![];
    let mut add = |name: String, values: Vec<Option<f64>>| {
        // A sample that a scrape lacks is marked stale by Prometheus itself.
        let word = |value: &Option<f64>| value.map_or("stale ".to_owned(), |value| format!("{value} "));
        let values: String = values.iter().take(STEPS).map(word).collect();
        series.push(json!({"series": name, "values": values}));
    };
    for line in lines {
        let id = &line.id;
        let seconds = |values: &[Option<f64>]| values.iter().map(|value| value.map(|value| value / 1000.0)).collect();
        add(format!("linkpatrol_link_info{{link=\"{id}\",kind=\"{}\"}}", line.kind), vec![Some(1.0); STEPS]);
        add(format!("linkpatrol_link_loss_ratio{{link=\"{id}\",window=\"1m\"}}"), line.loss_1m.clone());
        add(format!("linkpatrol_link_loss_ratio{{link=\"{id}\",window=\"5m\"}}"), line.loss_5m.clone());
        add(format!("linkpatrol_link_rtt_last_seconds{{link=\"{id}\"}}"), seconds(&line.rtt_ms));
        let probed = line.age.iter().zip(0_i32..).map(|(age, step)| Some(f64::from(step * 10) - age)).collect();
        add(format!("linkpatrol_link_last_probe_timestamp_seconds{{link=\"{id}\"}}"), probed);
        for state in ["up", "degraded", "down", "unknown", "maintenance", "suspended"] {
            let here = line.state.iter().map(|now| Some(f64::from(u8::from(*now == state)))).collect();
            add(format!("linkpatrol_link_state{{link=\"{id}\",state=\"{state}\"}}"), here);
        }
    }
    let names: Vec<&str> = RULES.lines().filter_map(|line| line.split("name: ").nth(1)?.split(',').next()).collect();
    let mut checks = vec![];
    for step in 0..STEPS {
        let now = step as f64 * 10.0;
        for name in &names {
            let fires = |told: &Vec<Value>| {
                let mut before =
                    told.iter().filter(|told| told["rule"] == *name && told["at_seconds"].as_f64() <= Some(now));
                before.next_back().is_some_and(|told| told["what"] == "fires")
            };
            let firing = told.iter().filter(|(_, told)| fires(told)).map(|(link, _)| {
                json!({
                    "exp_labels": {"link": link, "severity": "warning", "class": "quality"},
                    "exp_annotations": {"summary": link}
                })
            });
            checks.push(
                json!({"eval_time": format!("{now}s"), "alertname": name, "exp_alerts": firing.collect::<Vec<_>>()}),
            );
        }
    }
    json!({
        "rule_files": ["exported.yaml"], "evaluation_interval": "10s",
        "tests": [{"interval": "10s", "input_series": series, "alert_rule_test": checks}]
    })
    .to_string()
}

#[test]
fn a_line_that_loses_a_quarter_fires_a_rule_that_clears_when_it_is_clean() {
    let Some(mut site) = Site::make(6) else { return };
    fs::create_dir(site.path("site/rules")).unwrap();
    let rule = |limit: &str| {
        format!(
            "rules:\n  - name: lossy\n    when: loss_10s > {limit} && kind == 'private'\n    clear: loss_10s == 0\n    \
             level: warning\n    class: quality\n    message: {{zh-CN: '链路 {{link}} 丢包', en: 'link {{link}} of \
             {{carrier}} is lossy'}}\n"
        )
    };
    site.write("site/rules/own.yaml", &rule("0.05"));
    let config = site.read("linkpatrol.yaml");
    site.write("linkpatrol.yaml", &format!("{config}webhooks: [{{name: desk, url: \"http://{DESK}/alarms\"}}]\n"));
    let desk = Gateway::open(&site, DESK.parse().unwrap());
    let told = |change: &str| -> Vec<Value> {
        let alarms = desk.transcript().into_iter().filter(|sent| sent.body["event"] == "alarm");
        alarms.map(|sent| sent.body).filter(|body| body["alarm"]["change"] == change).collect()
    };
    site.start(&[]);
    site.all_up(6);
    let chain = "add rule inet cut input ip daddr 127.10.0.3 numgen random mod 100 < 25 drop";
    site.namespace.run(&["nft", chain]);
    let alarms = |site: &Site, phase: &str| -> Vec<Value> {
        let page = site.get(&format!("/api/v1/alarms?phase={phase}")).json();
        page["alarms"].as_array().cloned().unwrap_or_default()
    };
    let fired = site.wait("the rule fires", |site| alarms(site, "firing").into_iter().next());
    assert_eq!((&fired["rule"], &fired["link"]), (&json!("lossy"), &json!("LL-0003")));
    assert_eq!(fired["message"]["en"], "link LL-0003 of one is lossy");
    assert!(fired["place"].as_str().unwrap().ends_with("site/rules/own.yaml:2:11"), "{fired}");
    let series = "linkpatrol_rule_firing{rule=\"lossy\",link=\"LL-0003\"}";
    assert_eq!(site.metric(series), Some(1.0));

    // A wrong rule is refused to the letter, and the old one goes on.
    site.write("site/rules/own.yaml", &rule("0.05").replace("loss_10s ==", "los_10s =="));
    let refused = site.post("/-/reload", &json!({}));
    assert!(refused.body.contains("own.yaml:4:12: error LP1902"), "{refused:?}");
    // Another text, the same judgement: it keeps firing since the same moment.
    site.write("site/rules/own.yaml", &rule("0.05").replace("is lossy", "loses"));
    assert!(site.post("/-/reload", &json!({})).is_ok());
    let kept = alarms(&site, "firing");
    assert_eq!((kept.len(), &kept[0]["fired"]), (1, &fired["fired"]));

    // Other systems were told once, and a killed daemon goes on with the alarm that it had.
    site.wait("the desk is told", |_| told("fired").into_iter().next());
    site.daemon().signal(libc::SIGKILL);
    site.daemon().wait(std::time::Duration::from_secs(10));
    site.start(&[]);
    let kept = alarms(&site, "firing");
    assert_eq!((kept.len(), &kept[0]["fired"]), (1, &fired["fired"]), "{kept:?}");
    assert_eq!(told("fired").len(), 1, "it did not fire anew");

    site.namespace.run(&["nft", "flush chain inet cut input"]);
    let cleared = site.wait("the rule clears", |site| alarms(site, "cleared").into_iter().next());
    assert_eq!((&cleared["fired"], &cleared["link"]), (&fired["fired"], &json!("LL-0003")));
    site.wait("its series is gone", |site| site.metric(series).is_none().then_some(()));
    let over = site.wait("the desk hears of the end", |_| told("cleared").into_iter().next());
    let (rule, link) = (&over["alarm"]["rule"], &over["alarm"]["links"][0]);
    assert_eq!((rule, &link["link"], &link["fired"]), (&json!("lossy"), &json!("LL-0003"), &fired["fired"]));
    assert_eq!(over["summary"], "over: link LL-0003 of one is lossy");
    let of_the_rule = |incident: &Value| incident.to_string().contains("lossy");
    assert!(!site.incidents().iter().any(of_the_rule), "a rule opens no incident");
}
