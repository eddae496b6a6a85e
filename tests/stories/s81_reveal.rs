//! Contacts on the sheet of what is down, and in letters: hidden until somebody who may asks by name, and then shown once and on record.

use std::{process::Output, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::{
    harness::{Answer, linkpatrol, request, words},
    site::Site,
};

const CONTACTS: &str = r#"contacts:
  - {id: one-desk, party: carrier/one, name: 甲台钱工, to: {sms: "13800000011"}, verified: 2026-10-01}
  - {id: two-desk, party: carrier/two, name: 乙台孙工, to: {sms: "13800000012"}, verified: 2026-10-01}
  - {id: u1-desk, party: unit/U1, name: 信息科周工, to: {sms: "13800000021"}, on_site: 机房吴工 0374-0000001, verified: 2026-10-02}
  - {id: duty-desk, party: operator, name: 值班郑工, to: {sms: "13800000001"}, verified: 2026-10-03}
"#;
/// Names and numbers of the contacts, in parts that stand in nothing else.
const PRIVATE: [&str; 7] = ["钱工", "孙工", "周工", "吴工", "郑工", "138000000", "0374-0000001"];

/// A part of a contact that stands in this text.
fn leak(text: &str) -> Option<&'static str> {
    PRIVATE.into_iter().find(|part| text.contains(part))
}

/// The first value of a hidden field of the form that reveals.
fn hidden(page: &str, name: &str) -> String {
    let form = page.split("id=\"reveal\"").nth(1).unwrap_or_else(|| panic!("no form: {page}"));
    let value = form.split(&format!("name=\"{name}\" value=\"")).nth(1).and_then(|rest| rest.split('"').next());
    value.unwrap_or_else(|| panic!("no {name}: {form}")).to_owned()
}

fn journal(site: &Site, arguments: &[&str]) -> Output {
    let mut command = linkpatrol();
    command.arg("journal").args(arguments).args(["--lang", "en", "--data-dir"]).arg(site.path("state"));
    command.output().expect("linkpatrol journal")
}

/// Entries of the chain that say that contacts were shown, and the whole chain as it is exported.
fn chain(site: &Site) -> (Vec<Value>, String) {
    let exported = journal(site, &["export"]);
    assert!(exported.status.success(), "{}", words(&exported));
    let text = String::from_utf8(exported.stdout).expect("UTF-8");
    let payloads = text.lines().skip(1).filter_map(|line| {
        let entry: Value = serde_json::from_str(line).expect("JSON");
        serde_json::from_str::<Value>(entry["payload"].as_str()?).ok()
    });
    (payloads.filter(|entry| entry["event"] == "contacts_revealed").collect(), text)
}

#[test]
fn contacts_are_hidden_until_somebody_asks_by_name_and_then_it_is_on_record() {
    let Some(mut site) = Site::make(4) else { return };
    site.write("site/contacts.yaml", CONTACTS);
    let channel = "channels: [{name: sms, command: {run: [sh, -c, 'cat > /dev/null']}}]\n";
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + channel));
    site.start(&[]);
    site.all_up(4);
    site.cut(1);
    site.wait("link 1 is down", |site| (site.state(1) == "down").then_some(()));

    // Looked at, exported or asked for without a name, the sheet holds nobody's number.
    let sheet = site.get("/down?lang=en").body;
    assert!(sheet.contains("LL-0001") && sheet.contains("show contacts"), "{sheet}");
    let tables = ["incidents", "carriers", "on-duty", "services", "links", "contacts"];
    let tables = tables.map(|part| site.get(&format!("/down?lang=en&format=csv&part={part}")).body);
    let nameless = site.submit("/down?lang=en", &[]);
    let blank = site.submit("/down?lang=en", &[("actor", "  ")]);
    assert_eq!((nameless.status, blank.status), (400, 400), "{}", blank.body);
    assert!(blank.body.contains("id=\"reveal-actor-wrong\""), "{}", blank.body);
    for text in [sheet.as_str(), &nameless.body, &blank.body].into_iter().chain(tables.iter().map(String::as_str)) {
        assert_eq!(leak(text), None, "{text}");
    }
    assert_eq!(chain(&site).0, [] as [Value; 0]);

    // Shown to whoever signs: those of what is down and our own, not of others.
    let key = hidden(&sheet, "key");
    let press = |site: &Site| site.submit("/down?lang=en", &[("key", &key), ("actor", "示例甲")]);
    let shown = press(&site);
    assert_eq!(shown.status, 200, "{}", shown.body);
    assert!(shown.headers.contains(&("cache-control".to_owned(), "no-store".to_owned())), "{:?}", shown.headers);
    for part in ["甲台钱工", "sms: 13800000011", "机房吴工 0374-0000001", "值班郑工", "sms: 13800000001", "2026-10-03"]
    {
        assert!(shown.body.contains(part), "{part} in {}", shown.body);
    }
    assert!(!shown.body.contains("孙工") && !shown.body.contains("13800000012"), "{}", shown.body);
    assert!(!shown.body.contains("data-refresh") && !shown.body.contains("http-equiv"), "it stays: {}", shown.body);
    assert_eq!(leak(&site.get("/down?lang=en").body), None, "and only there");
    // Pressed twice it is one look; a new form is another.
    assert_eq!(press(&site).status, 200);
    let later = site.submit("/down?lang=zh-CN", &[("actor", "示例乙")]);
    assert!(later.body.contains("仅显示这一次") && later.body.contains("13800000021"), "{}", later.body);
    let (looks, text) = chain(&site);
    assert_eq!(looks.len(), 2, "{looks:?}");
    assert_eq!(leak(&text), None, "no number stands in the chain");
    for look in &looks {
        assert_eq!((&look["subject"], &look["detail"]["command"]["way"]), (&"down".into(), &"page".into()), "{look}");
        assert_eq!(look["detail"]["contacts"], serde_json::json!(["one-desk", "u1-desk", "duty-desk"]));
        let person = look["detail"]["command"]["actor"].as_str().expect("somebody");
        assert!(person.starts_with("person-") && look["now"]["utc"].is_number(), "{look}");
    }
    assert_ne!(looks[0]["detail"]["command"]["actor"], looks[1]["detail"]["command"]["actor"]);
    assert_eq!(looks[0]["detail"]["command"]["key"], format!("page-{key}-reveal_contacts"));
    let notes = words(&journal(&site, &["show", "--kind", "note"]));
    assert!(notes.contains("contacts_revealed") && notes.contains("示例甲") && notes.contains("示例乙"), "{notes}");

    letters(&site);
    roles(&mut site);
    assert!(leak(&site.printed()).is_none(), "{}", site.printed());
}

/// A letter in full names nobody but its circuits either, on its page and in the API.
fn letters(site: &Site) {
    let list = || site.get("/api/v1/notices?recipient=one-desk").json();
    let listed = site.wait("the carrier is told", |_| list()["notices"][0]["id"].as_str().map(str::to_owned));
    let path = format!("/notices/{listed}?lang=en");
    let (page, document) = (site.get(&path).body, site.get(&format!("/api/v1/notices/{listed}")).body);
    let nameless = site.submit(&path, &[]);
    assert_eq!((nameless.status, site.submit("/notices/none", &[("actor", "示例甲")]).status), (400, 404));
    for text in [&page, &document, &nameless.body, &site.get("/notices?lang=en").body] {
        assert_eq!(leak(text), None, "{text}");
    }
    assert!(page.contains("LL-0001") && page.contains("▒▒▒") && document.contains("▒▒▒"), "{page}");
    assert!(page.contains("138****0011"), "{page}");
    let shown = site.submit(&path, &[("key", &hidden(&page, "key")), ("actor", "示例甲")]);
    for part in ["甲台钱工", "13800000011", "甲单位 机房吴工 0374-0000001"] {
        assert!(shown.body.contains(part), "{part} in {}", shown.body);
    }
    assert_eq!(leak(&site.get(&path).body), None, "and only there");
    let (looks, text) = chain(site);
    assert_eq!((looks.len(), leak(&text)), (3, None), "{looks:?}");
    assert_eq!(
        (&looks[2]["subject"], &looks[2]["detail"]["contacts"]),
        (&format!("notice/{listed}").into(), &serde_json::json!([]))
    );
}

/// Where users are known, only an operator may, as themselves.
fn roles(site: &mut Site) {
    site.daemon().signal(libc::SIGTERM);
    assert_eq!(site.daemon().wait(Duration::from_secs(10)), 0, "{}", site.printed());
    let hashed = |user: &&str| format!("  {user}: {}\n", bcrypt::hash(format!("{user}{user}"), 4).expect("a hash"));
    let users: String = ["duty", "view", "audit", "noc-one"].iter().map(hashed).collect();
    let roster = "from: 2026-01-05\npeople: [{id: p-01, name: 示例孙工, roles: [duty_officer], contacts: [sun-phone]}]\n\
        roles: [{id: duty_officer, name: 值班员, covers: 7x24}]\n\
        shifts: [{id: all-day, role: duty_officer, hours: \"08:00-08:00\", turns: [[p-01]]}]\n";
    site.write("site/roster.yaml", roster);
    let roles = "{duty: operator, audit: auditor, noc-one: carrier/one}";
    site.write("web.yaml", &format!("basic_auth_users:\n{users}roles: {roles}\n"));
    let web = site.path("web.yaml").display().to_string();
    site.start_unseen(&["--web.config.file", &web, "--web.allow-anonymous-read"]);
    site.wait("everybody may look", |site| site.try_get("/down?lang=en").filter(Answer::is_ok));

    // Who is on duty is for those who have a name themselves.
    let read = |path: &str, user: Option<&str>| {
        let word = user.map(|user| format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{user}{user}"))));
        let headers: Vec<_> = word.iter().map(|word| ("Authorization", word.as_str())).collect();
        site.within(|| request(site.address, "GET", path, &headers, "")).expect("an answer")
    };
    for path in ["/api/v1/roster", "/api/v1/handover", "/down?lang=en", "/handover?lang=en"] {
        let (nobody, somebody) = (read(path, None), read(path, Some("view")));
        assert!(nobody.is_ok() && somebody.is_ok(), "{path}: {} {}", nobody.status, somebody.status);
        assert!(somebody.body.contains("示例孙工"), "{path}: {}", somebody.body);
        assert!(!nobody.body.contains("示例孙工") && !nobody.body.contains("sun-phone"), "{path}: {}", nobody.body);
        assert!(nobody.body.contains("▒▒▒"), "{path}: {}", nobody.body);
    }

    let submit = |site: &Site, user: Option<&str>, fields: &str| {
        let word = user.map(|user| format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{user}{user}"))));
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        let headers: Vec<_> = word.iter().map(|word| ("Authorization", word.as_str())).chain([kind]).collect();
        site.within(|| request(site.address, "POST", "/down?lang=en", &headers, fields)).expect("an answer")
    };
    // Whoever is nobody is asked for a password, as at every change.
    let table = [(None, 401), (Some("view"), 403), (Some("audit"), 403), (Some("noc-one"), 403), (Some("duty"), 200)];
    for (user, status) in table {
        let answer = submit(site, user, "actor=duty");
        assert_eq!(answer.status, status, "{user:?}: {}", answer.body);
        assert_eq!(answer.body.contains("13800000001"), status == 200, "{user:?}: {}", answer.body);
    }
    assert_eq!(leak(&site.get("/down?lang=en").body), None);
    // Another's name on the form does not hide who it was.
    assert_eq!(submit(site, Some("duty"), "actor=view").status, 200);
    let (looks, text) = chain(site);
    assert_eq!((looks.len(), leak(&text)), (5, None), "{looks:?}");
    assert_eq!(looks[3]["detail"]["command"]["actor"], looks[4]["detail"]["command"]["actor"]);
}
