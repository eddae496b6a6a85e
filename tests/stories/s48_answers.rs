//! A carrier is woken at three in the morning and answers from its phone: a signed link, its own circuits, a work order, a
//! promise; and what it says that is not so. Scanners open links too, and change nothing.

#![expect(clippy::unwrap_used, reason = "what is missing fails the story")]

use std::{os::unix::fs::PermissionsExt, process::Command, time::Duration};

use linkpatrol::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::{
    harness::{Answer, linkpatrol, request, words},
    site::Site,
};

/// Links 1 to 4 run through one duct: 1 and 3 of carrier `one`, 2 and 4 of carrier `two`, both with agreements.
fn ledger(site: &Site) {
    let row = |n: u8| {
        let segment = if n <= 4 { "duct-9" } else { "" };
        let carrier = if n % 2 == 1 { "one" } else { "two" };
        let unit = if n <= 2 || n >= 9 { "U1" } else { "U2" };
        format!("LL-{n:04},C-{n},private,{carrier},{unit},枢纽{n},远端{n},100M,127.10.0.{n},{segment}\n")
    };
    let rows: String = (1..=12).map(row).collect();
    site.write(
        "site/links.csv",
        &format!("id,cid,kind,carrier,unit,a_end,z_end,bandwidth,far_address,segments\n{rows}"),
    );
    site.write("site/segments.yaml", "segments: [{id: duct-9, kind: duct, name: 示例管道}]\n");
    let clocks = "[{clock: response, party: carrier, limit: 20m, clause: 第 8 条}, \
                  {clock: restore, party: carrier, limit: 4h, clause: 第 9 条}]";
    let agreement = |carrier: &str| {
        format!("{{id: HT-{carrier}, carrier: {carrier}, from: 2020-01-01, to: 2039-12-31, clocks: {clocks}}}")
    };
    site.write("site/agreements.yaml", &format!("agreements: [{}, {}]\n", agreement("one"), agreement("two")));
}

fn cli(site: &Site, arguments: &[&str]) -> String {
    let program = linkpatrol();
    let mut command: Command = site.namespace.command(&[&program.get_program().to_string_lossy()]);
    let output = command.args(["--lang", "en"]).args(arguments).output().expect("linkpatrol");
    assert!(output.status.success(), "{arguments:?}: {}", words(&output));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Path of a link to the page of a party.
fn link(site: &Site, incident: &str, party: &str) -> String {
    let url = cli(site, &["incident", "link", incident, "--party", party, "--actor", "李工"]);
    url.strip_prefix("http://127.0.0.1:9815").unwrap_or_else(|| panic!("{url}")).to_owned()
}

/// What the page said to a form that was sent.
fn said(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.body);
    let place = answer.headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value.clone()).unwrap();
    place.split("said=").nth(1).unwrap().trim_end_matches("#said").to_owned()
}

/// The pass of the form that a page shows.
fn form(page: &str) -> String {
    page.split("name=\"form\" value=\"")
        .nth(1)
        .unwrap_or_else(|| panic!("no form: {page}"))
        .split('"')
        .next()
        .unwrap()
        .to_owned()
}

fn shown(site: &Site, id: &str) -> Value {
    site.get(&format!("/api/v1/incidents/{id}")).json()
}

fn clock<'a>(incident: &'a Value, party: &str, name: &str) -> &'a Value {
    let is_it = |clock: &&Value| clock["party"] == party && clock["clock"] == name;
    incident["clocks"].as_array().unwrap().iter().find(is_it).unwrap_or_else(|| panic!("{party} {name}: {incident:#}"))
}

fn entries<'a>(incident: &'a Value, event: &str) -> Vec<&'a Value> {
    incident["timeline"].as_array().unwrap().iter().filter(|entry| entry["event"] == event).collect()
}

/// A cut of four links of two carriers, told of, and its id.
fn cut(site: &mut Site) -> String {
    ledger(site);
    site.start(&[]);
    site.all_up(12);
    (1..=4).for_each(|number| site.cut(number));
    site.wait("the cut is told of", |site| {
        let all = site.incidents();
        let one = all.iter().find(|one| one["scope_id"] == "duct-9" && one["announced"].is_string())?;
        (one["links"].as_array()?.len() == 4).then(|| one["id"].as_str().unwrap().to_owned())
    })
}

#[test]
fn a_carrier_answers_from_its_phone_and_sees_nothing_of_others() {
    let Some(mut site) = Site::make(12) else { return };
    let id = cut(&mut site);
    let path = link(&site, &id, "carrier/one");
    let secret = std::fs::metadata(site.path("state/links.key")).unwrap();
    assert_eq!((secret.permissions().mode() & 0o777, secret.len()), (0o600, 32));

    // Its own circuits, and nothing of others but their number.
    let page = site.get(&format!("{path}?lang=zh-CN"));
    assert_eq!(page.status, 200);
    let html = &page.body;
    for own in ["C-1", "C-3", "枢纽1", "贵方电路", "接单", "另有他方电路 2 条", "复制通报文本", "响应时限", "zh-CN"]
    {
        assert!(html.contains(own), "{own}: {html}");
    }
    for foreign in ["C-2", "C-4", "枢纽2", "LL-0002", "LL-0004", "127.10", "单位", "carrier/two", "<script", "http://"]
    {
        assert!(!html.contains(foreign), "{foreign}: {html}");
    }
    assert!(html.len() < 30_000, "{} bytes", html.len());

    // Mail scanners open what they find.
    let before = shown(&site, &id);
    for method in ["HEAD", "GET", "HEAD"] {
        let answer = site.within(|| request(site.address, method, &path, &[], "")).unwrap();
        assert_eq!(answer.status, 200, "{method}");
    }
    assert_eq!(shown(&site, &id)["timeline"], before["timeline"]);

    // A name is asked for; then the work order and a time, in one press, and a second press changes nothing.
    let pass = form(html);
    let fields = |person| {
        [
            ("form", pass.as_str()),
            ("do", "acknowledge"),
            ("person", person),
            ("work_order", "GD-7781"),
            ("eta", "60"),
            ("cause", "光缆被挖断"),
        ]
    };
    assert_eq!(said(&site.submit(&path, &fields(" "))), "no_actor");
    let pass = form(&site.get(&path).body);
    let fields = [
        ("form", pass.as_str()),
        ("do", "acknowledge"),
        ("person", "赵工"),
        ("work_order", "GD-7781"),
        ("eta", "60"),
        ("cause", "光缆被挖断"),
    ];
    assert_eq!(said(&site.submit(&path, &fields)), "acknowledge");
    assert_eq!(said(&site.submit(&path, &fields)), "acknowledge");
    let taken = shown(&site, &id);
    assert!(clock(&taken, "carrier/one", "response")["stopped"].is_string(), "{taken:#}");
    for (party, name) in [("carrier/one", "restore"), ("carrier/two", "response"), ("operator", "response")] {
        assert!(clock(&taken, party, name)["stopped"].is_null(), "{party} {name}: {taken:#}");
    }
    let acknowledged = entries(&taken, "acknowledged");
    assert_eq!(acknowledged.len(), 1);
    let [entry] = acknowledged[..] else { unreachable!() };
    assert_eq!(
        ["actor", "way", "party", "work_order"].map(|key| entry[key].as_str().unwrap()),
        ["赵工", "page", "carrier/one", "GD-7781"]
    );
    assert_eq!((taken["promises"][0]["party"].as_str(), entries(&taken, "diagnosed").len()), (Some("carrier/one"), 1));
    assert!(site.get(&format!("{path}?lang=zh-CN")).body.contains("赵工 已于"));

    // Not theirs, they say of one circuit: the officer is alarmed, and no clock stops.
    let pass = form(&site.get(&path).body);
    let dispute = |reason| {
        [("form", pass.as_str()), ("do", "dispute"), ("person", "赵工"), ("link", "LL-0003"), ("reason", reason)]
    };
    assert_eq!(said(&site.submit(&path, &dispute(""))), "no_reason");
    let pass = form(&site.get(&path).body);
    let dispute =
        [("form", pass.as_str()), ("do", "dispute"), ("person", "赵工"), ("link", "LL-0003"), ("reason", "用户侧掉电")];
    assert_eq!(said(&site.submit(&path, &dispute)), "dispute");
    let disputed = shown(&site, &id);
    assert_eq!(entries(&disputed, "disputed")[0]["links"], json!(["LL-0003"]));
    assert!(clock(&disputed, "carrier/one", "restore")["stopped"].is_null());
    // Another's circuit is not theirs to speak of.
    let pass = form(&site.get(&path).body);
    let stranger = [("form", pass.as_str()), ("do", "claim"), ("person", "赵工"), ("link", "LL-0002")];
    assert_eq!(said(&site.submit(&path, &stranger)), "again");

    // Restored, they say; one of two is. The page has the answer within 30 s.
    site.heal(1);
    let pass = form(&site.get(&path).body);
    assert_eq!(said(&site.submit(&path, &[("form", pass.as_str()), ("do", "claim"), ("person", "赵工")])), "claim");
    assert!(site.get(&format!("{path}?lang=en")).body.contains("http-equiv=\"refresh\""));
    site.wait("the result of the test", |site| {
        site.get(&format!("{path}?lang=en")).body.contains("1 of 2 are back").then_some(())
    });
    let tested = shown(&site, &id);
    assert_eq!(entries(&tested, "retested")[0]["note"], "1 of 2 up; down: LL-0003");
    // The desk reads in its own language what the daemon wrote; names of parties and places are the ledger's.
    let desk = site.get(&format!("/incidents/{id}?lang=zh-CN")).body;
    for said in ["2 条中 1 条已通；仍断：LL-0003", "共路由 示例管道"] {
        assert!(desk.contains(said), "{said}: {desk}");
    }
    assert!(clock(&tested, "carrier/one", "restore")["stopped"].is_null());

    // Work that is announced after the fact stops no clock.
    let minutes = |add: i64| {
        linkpatrol::units::Timestamp(SystemClock::start().now().utc.0 + add * 60_000).rfc3339(chrono_tz::UTC)
    };
    let work = site.post(
        "/api/v1/windows",
        &json!({
            "actor": "值班", "requester": "赵工", "scopes": ["link/LL-0003"], "from": minutes(-10), "to": minutes(60),
            "reason": "割接",
        }),
    );
    assert!(!work.body.contains("\"valid\""), "{}", work.body);
    let after = shown(&site, &id);
    assert!(clock(&after, "carrier/one", "restore")["stopped"].is_null(), "{}\n{after:#}", work.body);

    // They take their word back: the response clock runs on.
    let pass = form(&site.get(&path).body);
    let fields = [("form", pass.as_str()), ("do", "withdraw"), ("person", "赵工"), ("withdrawn", "派错单")];
    assert_eq!(said(&site.submit(&path, &fields)), "withdraw");
    let withdrawn = shown(&site, &id);
    assert!(clock(&withdrawn, "carrier/one", "response")["stopped"].is_null());
    assert_eq!((entries(&withdrawn, "withdrawn").len(), &withdrawn["acknowledgements"]), (1, &json!([])));

    // What they all said is in the journal and plays again.
    site.daemon().signal(libc::SIGTERM);
    site.daemon().wait(Duration::from_secs(10));
    let state = site.path("state").display().to_string();
    cli(&site, &["journal", "replay", "--data-dir", &state]);
}

#[test]
fn an_acknowledgement_that_nothing_follows_lapses_and_says_so() {
    let Some(mut site) = Site::make(12) else { return };
    let contract = site.read("site/contract.yaml").replace("stale_after: 4h", "stale_after: 6s");
    site.write("site/contract.yaml", &contract);
    let id = cut(&mut site);
    let take = |person| {
        let words = ["incident", "acknowledge", id.as_str(), "--party", "carrier/one", "--actor", person];
        cli(&site, &words);
    };
    take("赵工");
    let taken = shown(&site, &id);
    let stopped = clock(&taken, "carrier/one", "response")["stopped"].clone();
    assert!(stopped.is_string() && taken["acknowledgements"][0]["actor"] == "赵工", "{taken:#}");
    let lapsed = site.wait("six seconds without a word", |site| {
        Some(shown(site, &id)).filter(|incident| !entries(incident, "lapsed").is_empty())
    });
    let entry = entries(&lapsed, "lapsed")[0];
    assert_eq!(
        ["party", "actor", "note"].map(|key| entry[key].as_str().unwrap()),
        ["carrier/one", "linkpatrol", "nothing was heard for 6s"]
    );
    assert_eq!(lapsed["acknowledgements"], json!([]), "{lapsed:#}");
    assert_eq!(clock(&lapsed, "carrier/one", "response")["stopped"], stopped, "it did answer");
    let desk = site.get(&format!("/incidents/{id}?lang=zh-CN")).body;
    assert!(desk.contains("6s 内没有进展消息"), "{desk}");
    // Another of them takes it on, and says how it goes: that is heard.
    take("钱工");
    cli(
        &site,
        &[
            "incident",
            "record",
            &id,
            "--step",
            "diagnosed",
            "--party",
            "carrier/one",
            "--actor",
            "钱工",
            "--note",
            "已到现场",
        ],
    );
    let again = shown(&site, &id);
    assert_eq!((entries(&again, "lapsed").len(), again["acknowledgements"][0]["actor"].as_str()), (1, Some("钱工")));
}

#[test]
fn carrier_a_cannot_read_or_answer_for_carrier_b() {
    let Some(mut site) = Site::make(12) else { return };
    let id = cut(&mut site);
    let [one, two] = ["carrier/one", "carrier/two"].map(|party| link(&site, &id, party));
    let [page_one, page_two] = [&one, &two].map(|path| site.get(path).body);
    assert!(page_two.contains("C-2") && !page_two.contains("C-1\"") && !page_two.contains("C-3"), "{page_two}");

    // The form of one sent to the address of the other is not taken, nor is a link as a form.
    let mixed = [("form", form(&page_one)), ("form", one.trim_start_matches("/a/").to_owned())];
    for (_, pass) in mixed {
        let fields = [("form", pass.as_str()), ("do", "acknowledge"), ("person", "赵工")];
        assert_eq!(said(&site.submit(&two, &fields)), "stale_form");
    }
    // A form's pass opens no page; a changed link opens nothing.
    assert_eq!(site.get(&format!("/a/{}", form(&page_one))).status, 404);
    let mut changed = one.clone();
    let last = changed.pop().unwrap();
    changed.push(if last == 'A' { 'B' } else { 'A' });
    let half = &one[..one.len() - 8];
    assert_eq!([&changed, half, "/a/x", "/a/"].map(|path| site.get(path).status), [404; 4]);
    assert_eq!(shown(&site, &id)["acknowledgements"], json!([]));

    // A promise that passes is due, on the page too.
    let eta = SystemClock::start().now().utc.plus(Duration::from_secs(3)).rfc3339(chrono_tz::UTC);
    let order = ["--work-order", "GD-1", "--eta", &eta, "--party", "carrier/two", "--way", "phone"];
    cli(&site, &[&["incident", "acknowledge", &id, "--actor", "钱工"], &order[..]].concat());
    site.wait("the promise is due", |site| (!entries(&shown(site, &id), "promise_due").is_empty()).then_some(()));
    assert!(site.get(&format!("{two}?lang=en")).body.contains("which has passed"));

    // A new key, and nothing that was given out opens.
    cli(&site, &["incident", "rotate-links", "--actor", "李工"]);
    assert_eq!([&one, &two].map(|path| site.get(path).status), [404; 2]);
    let again = link(&site, &id, "carrier/two");
    assert_eq!(site.get(&again).status, 200);
}

/// A registered number and the code of the incident acknowledge; a telephone that answers by itself does not.
#[test]
fn an_acknowledgement_by_text_message_takes_the_code_and_a_known_number() {
    let Some(mut site) = Site::make(12) else { return };
    let config = site.read("linkpatrol.yaml");
    let numbers = "[{number: '+8613800000001', party: carrier/one, person: 赵工}, \
                   {number: '13800000002', party: carrier/two, person: 钱工}]";
    site.write("linkpatrol.yaml", &format!("{config}replies: {{numbers: {numbers}}}\n"));
    let id = cut(&mut site);
    let code = linkpatrol::notify::reply::code(&id);
    let reply = |from: &str, text: &str, id: &str| {
        let body = json!({"actor": "sms-gateway", "number": from, "text": text, "id": id});
        let answer = site.post("/api/v1/replies", &body);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let answer = answer.json();
        answer["why"].as_str().or(answer["result"].as_str()).unwrap().to_owned()
    };
    let quoting = format!("【自动回复】正在开会。原文：故障通报，回复 {code} 接单");
    for (nth, (from, text, why)) in [
        ("13800000001", "收到", "no_code"),
        ("13800000001", quoting.as_str(), "automatic"),
        ("13800000001", "TD", "unsubscribes"),
        ("13800000001", "099999", "no_such_code"),
        ("13900000009", code.as_str(), "unknown_number"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(reply(from, text, &format!("g{nth}")), why, "{text}");
    }
    assert_eq!(shown(&site, &id)["acknowledgements"], json!([]), "none of these is an answer");
    assert_eq!(reply("13800000001", "收到", "g0"), "no_code", "the gateway says it twice");
    assert_eq!(site.metric("linkpatrol_replies_waiting"), Some(5.0));
    let listed = cli(&site, &["incident", "replies"]);
    assert!(listed.contains("138****0001") && !listed.contains("13800000001"), "{listed}");
    cli(&site, &["incident", "settle-reply", "reply-g0", "--actor", "李工", "--note", "电话确认"]);
    assert_eq!(site.get("/api/v1/replies").json()["waiting"], 4);

    assert_eq!(reply("+86 138 0000 0001", &format!("收到 {code}"), "g9"), "done");
    // A key in a call says which incident the call was about: only the one that takes it on, of whoever it is about.
    let press = |number: &str, key: &str, incident: &str, id: &str| {
        let body = json!({"actor": "voice-gateway", "number": number, "key": key, "incident": incident, "id": id});
        site.post("/api/v1/replies", &body).json()
    };
    for (nth, (number, key, incident, why)) in [
        ("13800000002", "2", id.as_str(), "other_key"),
        ("13900000009", "1", id.as_str(), "unknown_number"),
        ("13800000002", "1", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "not_theirs"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = press(number, key, incident, &format!("k{nth}"));
        assert_eq!((&answer["result"], &answer["why"]), (&json!("listed"), &json!(why)), "{answer}");
    }
    assert_eq!(shown(&site, &id)["acknowledgements"].as_array().map(Vec::len), Some(1), "none of these took it on");
    assert_eq!(press("13800000002", "1", &id, "c1")["result"], "done");
    let taken = shown(&site, &id);
    let said: Vec<_> = entries(&taken, "acknowledged")
        .into_iter()
        .map(|entry| ["party", "actor", "way"].map(|key| entry[key].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(
        said,
        [["carrier/one", "赵工", "sms"], ["carrier/two", "钱工", "voice"]].map(|row| row.map(str::to_owned))
    );
    assert!(clock(&taken, "carrier/one", "response")["stopped"].is_string());
    site.daemon().signal(libc::SIGTERM);
    site.daemon().wait(Duration::from_secs(10));
    let state = site.path("state").display().to_string();
    cli(&site, &["journal", "replay", "--data-dir", &state]);
}

/// A unit and an officer report faults by text message; whoever else does, or is not plain, is left to the duty officer.
#[test]
fn a_fault_is_reported_by_text_message_from_a_known_number() {
    let Some(mut site) = Site::make(12) else { return };
    let config = site.read("linkpatrol.yaml");
    let numbers = "[{number: '13800000001', party: carrier/one, person: 赵工}, \
                   {number: '13800000003', party: unit/U1, person: 周科}, \
                   {number: '13800000004', party: operator, person: 李工}]";
    site.write("linkpatrol.yaml", &format!("{config}replies: {{numbers: {numbers}}}\n"));
    ledger(&site);
    site.start(&[]);
    site.all_up(12);
    let mut sent = 0;
    let mut text = |site: &Site, from: &str, text: &str| {
        sent += 1;
        let body = json!({"actor": "sms-gateway", "number": from, "text": text, "id": format!("f{sent}")});
        let answer = site.post("/api/v1/replies", &body);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    };

    // Anything that is not plain, or of somebody who has no say in it, waits for a person.
    for (from, words, why) in [
        ("13900000009", "报障 LL-0009 网页打不开", "unknown_number"),
        ("13800000001", "报障 LL-0009 网页打不开", "not_theirs"),
        ("13800000003", "报障 LL-0005 网页打不开", "not_theirs"),
        ("13800000003", "报障 断网了", "no_such_link"),
        ("13800000003", "报障 LL-0009 LL-0010 都断了", "no_such_link"),
        ("13800000003", "LL-0009 断了", "no_code"),
    ] {
        let answer = text(&site, from, words);
        assert_eq!((&answer["result"], &answer["why"]), (&json!("listed"), &json!(why)), "{words}");
    }
    assert_eq!((site.incidents().len(), site.metric("linkpatrol_replies_waiting")), (0, Some(6.0)));

    // Nobody measures it: it stands as reported, once, with its own words.
    let words = "报障 LL-0009 网页打不开";
    let opened = text(&site, "+86 138 0000 0003", words);
    let id = opened["incidents"][0].as_str().unwrap_or_else(|| panic!("{opened}")).to_owned();
    assert_eq!((&opened["result"], &opened["joined"]), (&json!("done"), &json!(false)));
    let again = text(&site, "13800000003", "报障：ＬＬ－０００９ 还是打不开");
    assert_eq!((&again["incidents"][0], &again["joined"]), (&json!(id), &json!(true)));
    let stands = shown(&site, &id);
    assert_eq!((&stands["kind"], &stands["scope_id"]), (&json!("reported"), &json!("LL-0009")), "{stands:#}");
    let told = entries(&stands, "customer_reported");
    let [entry] = told[..] else { panic!("{stands:#}") };
    assert_eq!(
        ["party", "actor", "way", "note"].map(|key| entry[key].as_str().unwrap()),
        ["unit/U1", "周科", "sms", words]
    );
    // An officer names the circuit as its carrier does.
    let officer = text(&site, "13800000004", "报修 C-10");
    let by_circuit = shown(&site, officer["incidents"][0].as_str().unwrap());
    assert_eq!((&by_circuit["scope_id"], entries(&by_circuit, "reported").len()), (&json!("LL-0010"), 1));

    // What probes have seen already, it joins.
    site.cut(12);
    let measured = site.wait("the cut is told of", |site| {
        let all = site.incidents();
        let one = all.iter().find(|one| one["scope_id"] == "LL-0012" && one["announced"].is_string())?;
        Some(one["id"].as_str().unwrap().to_owned())
    });
    let joined = text(&site, "13800000003", "报障 LL-0012");
    assert_eq!((&joined["incidents"], &joined["joined"]), (&json!([measured]), &json!(true)));
    assert_eq!(entries(&shown(&site, &measured), "customer_reported").len(), 1);
    assert_eq!((site.incidents().len(), site.metric("linkpatrol_replies_waiting")), (3, Some(6.0)));

    site.daemon().signal(libc::SIGTERM);
    site.daemon().wait(Duration::from_secs(10));
    let state = site.path("state").display().to_string();
    cli(&site, &["journal", "replay", "--data-dir", &state]);
}
