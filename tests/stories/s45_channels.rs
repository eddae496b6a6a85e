//! Notices on bad nights: gateways that fail in every documented way, and mail that rides on the link that is cut.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, Mood},
    harness::{linkpatrol, peer, wait_for, words},
    site::Site,
};

const DESK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// A program that sends SMS: it writes down what it was given, a document a line.
const SMS: &str = "{ cat; echo; } >> ";

fn configure(site: &Site, receivers: &str) {
    let config = site.read("linkpatrol.yaml");
    site.write("linkpatrol.yaml", &(config + receivers));
}

/// What the program was given.
fn documents(site: &Site, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(site.path(name)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// A fault that somebody reports: an incident without waiting for probes.
fn report(site: &Site, link: u8) -> String {
    let link = crate::site::name(link);
    let body = json!({"links": [link], "what": "no light", "actor": "Li", "way": "phone"});
    let answer = site.post("/api/v1/incidents", &body);
    assert!(answer.is_ok(), "{answer:?}");
    answer.json()["incidents"][0].as_str().expect("an incident").to_owned()
}

#[test]
fn a_tier_1_night_with_mail_behind_the_cut_link() {
    let Some(mut site) = Site::make(5) else { return };
    let sms = format!("{SMS}{}", site.path("sms.txt").display());
    // The mail server would take nothing: nobody listens there.
    configure(
        &site,
        &format!(
            "channels:\n  - name: mail\n    to: {{duty: duty@example.org}}\n    rides_on: [LL-0001]\n    next: sms\n    \
             smtp: {{host: 127.0.0.1, port: 2525, security: plain, from: noc@example.org}}\n  - name: sms\n    \
             to: {{leader: \"13800000001\"}}\n    command: {{run: [sh, -c, \"{sms}\"]}}\n"
        ),
    );
    site.start(&[]);
    site.all_up(5);
    (1..=5).for_each(|link| site.cut(link));
    let told = site.wait("the leader has an SMS", |site| documents(site, "sms.txt").into_iter().next());
    assert_eq!(told["to"], "13800000001");
    assert!(told["key"].as_str().is_some_and(|key| key.contains("/sms/opened/") && key.ends_with("/leader")), "{told}");
    let page = site.get("/metrics").body;
    assert!(!page.contains("channel=\"mail\",kind=\"opened\""), "mail was not even tried: {page}");
    assert!(!site.printed().contains("13800000001"), "numbers stay out of the log");
    assert_eq!(site.metric("linkpatrol_notices_untold"), Some(0.0));
    // Mail is back, and dead: after four attempts the SMS tells what comes later too.
    (1..=5).for_each(|link| site.heal(link));
    let ends = |site: &Site| {
        documents(site, "sms.txt").iter().any(|one| one["key"].as_str().is_some_and(|key| key.contains("/restored/")))
    };
    wait_for("whoever heard of the beginning hears of the end", Duration::from_secs(60), || ends(&site).then_some(()));
}

#[test]
fn gateways_busy_slow_hanging_up_and_forgetting_cost_no_notice() {
    let Some(mut site) = Site::make(4) else { return };
    let gateway = Gateway::open(&site, DESK);
    configure(&site, &format!("webhooks: [{{name: desk, url: \"http://{DESK}/notices\"}}]\n"));
    site.start(&[]);
    site.all_up(4);
    for (link, mood) in (1..).zip([Mood::Busy, Mood::HangsUp, Mood::Forgets, Mood::Slow]) {
        gateway.set(mood);
        let incident = report(&site, link);
        std::thread::sleep(Duration::from_millis(1_500));
        if mood != Mood::Slow {
            gateway.set(Mood::Takes);
        }
        let taken = site.wait("the notice is taken", |_| {
            let sent = gateway.transcript();
            let ours = sent.into_iter().filter(|sent| sent.key.starts_with(&incident)).collect::<Vec<_>>();
            ours.iter().any(|sent| matches!(sent.mood, Mood::Takes | Mood::Slow)).then_some(ours)
        });
        assert!(taken.iter().all(|sent| sent.key == taken[0].key && sent.body == taken[0].body), "{mood:?} {taken:?}");
    }
    gateway.set(Mood::Refuses);
    let body = json!({"actor": "Li", "way": "phone"});
    let incident = &gateway.transcript()[0].body["incident"]["id"];
    let path = format!("/api/v1/incidents/{}/acknowledge", incident.as_str().expect("an id"));
    assert!(site.post(&path, &body).is_ok());
    let refused = "linkpatrol_notices_total{channel=\"desk\",kind=\"acknowledged\",outcome=\"refused\"}";
    site.wait("what is refused is not sent again", |site| (site.metric(refused) == Some(1.0)).then_some(()));
    site.wait("it stands in the handover", |site| {
        site.get("/api/v1/handover").json().to_string().contains("/acknowledged/").then_some(())
    });
}

#[test]
fn when_nobody_can_be_told_that_is_an_incident_of_its_own_until_somebody_can() {
    let Some(mut site) = Site::make(2) else { return };
    let gateway = Gateway::open(&site, DESK);
    gateway.set(Mood::Busy);
    configure(&site, &format!("webhooks: [{{name: desk, url: \"http://{DESK}/notices\"}}]\n"));
    site.start(&[]);
    site.all_up(2);
    let incident = report(&site, 1);
    let own = |site: &Site| site.incidents().into_iter().find(|one| one["scope_id"] == "nobody_told");
    let loud = wait_for("an incident about ourselves", Duration::from_secs(90), || own(&site));
    assert_eq!((&loud["phase"], site.metric("linkpatrol_notices_untold")), (&json!("open"), Some(1.0)), "{loud}");
    // A restart forgets neither the notice nor how often it was tried.
    site.daemon().signal(libc::SIGKILL);
    site.daemon().wait(Duration::from_secs(10));
    gateway.set(Mood::Takes);
    site.start(&[]);
    site.wait("the notice is taken", |_| {
        gateway
            .transcript()
            .iter()
            .any(|sent| sent.mood == Mood::Takes && sent.key.starts_with(&incident))
            .then_some(())
    });
    site.wait("the alarm about ourselves ends", |site| {
        own(site).is_none_or(|one| one["phase"] != "open").then_some(())
    });
    assert_eq!(site.metric("linkpatrol_notices_untold"), Some(0.0));
}

#[test]
fn a_doctor_tries_a_channel_when_asked_to_and_no_credential_is_ever_printed() {
    let Some(mut site) = Site::make(2) else { return };
    site.write("password.txt", "hunter2-of-the-mail\n");
    let program = format!("{SMS}{}", site.path("sms.txt").display());
    configure(
        &site,
        &format!(
            "channels:\n  - {{name: sms, to: {{duty: \"13800000001\"}}, command: {{run: [sh, -c, \"{program}\"]}}}}\n  \
             - {{name: mail, smtp: {{host: 127.0.0.1, port: 2525, security: plain, from: noc@example.org, user: noc, \
             password: {{file: password.txt}}}}, to: {{duty: duty@example.org}}}}\n  \
             - {{name: robot, robot: {{kind: wecom, url: {{file: no-such-file}}}}}}\n"
        ),
    );
    let doctor = |site: &Site, arguments: &[&str]| {
        let mut command = linkpatrol();
        command.arg("doctor").arg("--config.file").arg(site.path("linkpatrol.yaml")).args(arguments);
        command.output().expect("linkpatrol doctor")
    };
    let looked = words(&doctor(&site, &[]));
    assert!(looked.contains("channel sms is set up") && looked.contains("no-such-file"), "{looked}");
    assert_eq!(documents(&site, "sms.txt"), [] as [Value; 0], "nothing is sent unasked");
    if peer("fc-list").is_some() {
        site.write("fonts.conf", "<fontconfig/>");
        let mut bare = linkpatrol();
        bare.env("FONTCONFIG_FILE", site.path("fonts.conf")).arg("--config.file").arg(site.path("linkpatrol.yaml"));
        let bare = words(&bare.arg("doctor").output().expect("linkpatrol doctor"));
        assert!(bare.contains("✗ no Chinese font here"), "{bare}");
    }
    let tried = words(&doctor(&site, &["--send", "sms", "--send", "mail", "--send", "smss"]));
    let sent = documents(&site, "sms.txt");
    assert!(sent[0]["subject"].as_str().is_some_and(|subject| subject.starts_with("【测试】")), "{sent:?}");
    for part in ["channel sms took a test message for duty", "channel mail duty cannot be used", "channel smss"] {
        assert!(tried.contains(part), "{part}: {tried}");
    }
    site.start(&["--log.level", "debug"]);
    report(&site, 1);
    site.wait("mail is tried in vain", |site| {
        site.metric("linkpatrol_notices_total{channel=\"mail\",kind=\"opened\",outcome=\"failed\"}")
    });
    let pages = ["/metrics", "/api/v1/incidents", "/api/v1/handover", "/"].map(|path| site.get(path).body).concat();
    for secret in ["hunter2-of-the-mail", "13800000001", "duty@example.org"] {
        for text in [&looked, &tried, &pages, &site.printed()] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
