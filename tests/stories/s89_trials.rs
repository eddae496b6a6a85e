//! Every channel is tried by `doctor` and carries a drill: Debian's Alertmanager, a webhook, SMS, a voice call and the robots of
//! three group chats. Each says 【测试】 or 【演练】, once, and what is real beside it says neither.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::Output,
};

use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, Mood},
    harness::{linkpatrol, words},
    s04_alertmanager::{ALERTMANAGER, alerts, start_alertmanager},
    site::Site,
};

const DESK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const ROBOTS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);
const VOICE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8082);

/// Everything that can be told without a modem.
fn configure(site: &Site) {
    for kind in ["wecom", "dingtalk", "feishu"] {
        site.write(&format!("{kind}.url"), &format!("http://{ROBOTS}/{kind}?token=t0ken\n"));
    }
    site.write("secret.txt", "of-the-desk\n");
    let program = format!("{{ cat; echo; }} >> {}", site.path("sms.txt").display());
    let robot = |kind: &str| {
        format!("  - {{name: {kind}, to: {{group: all}}, robot: {{kind: {kind}, url: {{file: {kind}.url}}}}}}\n")
    };
    let channels = format!(
        "alertmanagers: [{{name: main, url: \"http://{ALERTMANAGER}\"}}]\nwebhooks: [{{name: desk, url: \
         \"http://{DESK}/notices\", secret: {{file: secret.txt}}}}]\nchannels:\n  - {{name: sms, to: {{duty: \
         \"13800000001\"}}, command: {{run: [sh, -c, \"{program}\"]}}}}\n  - {{name: voice, to: {{leader: \
         \"13800000002\"}}, http: {{url: \"http://{VOICE}/call\", body: '{{\"to\":\"{{to}}\",\"say\":\"{{short}}\"}}'}}}}\n{}{}{}",
        robot("wecom"),
        robot("dingtalk"),
        robot("feishu")
    );
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + &channels));
}

/// What all five said the nth time: each of three robots, the call and the SMS; `None`: not all of them did.
fn said(site: &Site, robots: &Gateway, voice: &Gateway, nth: usize) -> Option<Vec<String>> {
    let text = |body: &Value| {
        let text = [&body["text"]["content"], &body["content"]["text"], &body["say"], &body["subject"]];
        text.into_iter().find_map(Value::as_str).unwrap_or_default().to_owned()
    };
    let sms = std::fs::read_to_string(site.path("sms.txt")).unwrap_or_default();
    let sms: Vec<Value> = sms.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let (robots, voice) = (robots.transcript(), voice.transcript());
    let all = robots.get(3 * nth..3 * nth + 3)?.iter().chain([voice.get(nth)?]).map(|sent| &sent.body);
    Some(all.chain([sms.get(nth)?]).map(text).collect())
}

#[test]
fn a_doctor_tries_every_channel_and_a_drill_is_marked_on_each() {
    let Some(mut site) = Site::make(4) else { return };
    let Some(_alertmanager) = start_alertmanager(&site) else { return };
    let [desk, robots, voice] = [DESK, ROBOTS, VOICE].map(|address| Gateway::open(&site, address));
    robots.set(Mood::Says);
    configure(&site);
    let doctor = |names: &[&str]| -> Output {
        let program = linkpatrol();
        let mut command = site.namespace.command(&[&program.get_program().to_string_lossy()]);
        command.arg("doctor").arg("--config.file").arg(site.path("linkpatrol.yaml"));
        names.iter().for_each(|name| _ = command.args(["--send", name]));
        command.output().expect("linkpatrol doctor")
    };
    let looked = words(&doctor(&[]));
    for name in ["main", "desk", "sms", "voice", "wecom", "dingtalk", "feishu"] {
        assert!(looked.contains(&format!("channel {name} is set up")), "{name}: {looked}");
    }
    assert_eq!((desk.transcript().len(), alerts(&site).map(|alerts| alerts.len())), (0, Some(0)), "nothing unasked");

    let tried = words(&doctor(&["main", "desk", "sms", "voice", "wecom", "dingtalk", "feishu"]));
    for part in [
        "channel main took a test message for alertmanager: 200 OK; it fires there",
        "channel desk took a test message for webhook: 204 No Content",
        "channel sms took a test message for duty",
        "channel voice took a test message for leader",
        "channel wecom took a test message for group",
        "channel dingtalk took a test message for group",
        "channel feishu took a test message for group",
    ] {
        assert!(tried.contains(part), "{part}: {tried}");
    }
    let shown = alerts(&site).expect("alerts");
    assert_eq!((shown.len(), &shown[0]["labels"]["alertname"]), (1, &json!("Test")), "{shown:?}");
    let test = &desk.transcript()[0];
    assert_eq!((&test.body["event"], test.key.starts_with("test/desk/test/")), (&json!("test"), true), "{test:?}");
    let summaries =
        [&shown[0]["annotations"]["summary"], &test.body["summary"]].map(|said| said.as_str().unwrap().to_owned());
    let tests = said(&site, &robots, &voice, 0).expect("five tests");
    for said in tests.iter().chain(&summaries) {
        assert!(said.starts_with("【测试】") && said.matches("【测试】").count() == 1, "{said}");
    }
    desk.set(Mood::Refuses);
    let refused = doctor(&["desk"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(words(&refused).contains("channel desk webhook cannot be used: 400 Bad Request"), "{}", words(&refused));
    for secret in ["t0ken", "of-the-desk"] {
        assert!(!tried.contains(secret) && !words(&refused).contains(secret), "{secret} in {tried}");
    }
    desk.set(Mood::Takes);

    site.start(&[]);
    site.all_up(4);
    let report = |link: &str, drill: bool| {
        let body = json!({"actor": "示例甲", "links": [link], "what": "光缆中断", "drill": drill});
        let answer = site.post("/api/v1/incidents", &body);
        assert!(answer.is_ok(), "{}", answer.body);
        answer.json()["incidents"][0].as_str().expect("an id").to_owned()
    };
    let of = |id: &str| alerts(&site)?.into_iter().find(|alert| alert["labels"]["incident"] == *id);
    let events = |id: &str| -> Vec<String> {
        let sent = desk.transcript().into_iter().filter(|sent| sent.key.starts_with(id));
        sent.map(|sent| sent.body["summary"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let drill = report("LL-0001", true);
    let firing = site.wait("Alertmanager fires", |_| of(&drill));
    assert_eq!(firing["labels"]["alertname"], "Drill");
    let summary = firing["annotations"]["summary"].as_str().expect("a summary");
    assert!(summary.starts_with("【演练】"), "{firing}");
    let begun = site.wait("all five say so", |site| said(site, &robots, &voice, 1));
    assert!(site.post(&format!("/api/v1/incidents/{drill}/restore"), &json!({"actor": "示例甲"})).is_ok());
    let over = site.wait("all five say that it is over", |site| said(site, &robots, &voice, 2));
    site.wait("it fires no more", |_| of(&drill).is_none().then_some(()));
    let told = site.wait("the desk knows both", |_| Some(events(&drill)).filter(|events| events.len() >= 2));
    for said in begun.iter().chain(&over).chain(&told) {
        assert!(said.starts_with("【演练】") && said.matches("【演练】【演练】").count() == 0, "{said}");
    }

    let real = report("LL-0002", false);
    let firing = site.wait("Alertmanager fires", |_| of(&real));
    let all = site.wait("all five say so", |site| said(site, &robots, &voice, 3));
    for said in all.iter().chain(&events(&real)).chain([&firing.to_string()]) {
        assert!(!said.contains("演练") && !said.contains("测试"), "{said}");
    }
}
