//! The first days of an installation: everything is rendered and kept, and nothing leaves until a named person says so.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    harness::{linkpatrol, words},
    site::Site,
};

/// What the program that sends SMS was given.
fn sent(site: &Site) -> Vec<Value> {
    let text = std::fs::read_to_string(site.path("sms.txt")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn notices(site: &Site, query: &str) -> Vec<Value> {
    let page = site.get(&format!("/api/v1/notices?{query}")).json();
    page["notices"].as_array().cloned().unwrap_or_else(|| panic!("{page}"))
}

/// `linkpatrol notice …` beside the daemon.
fn notice(site: &Site, arguments: &[&str]) -> String {
    let program = linkpatrol();
    let mut command = site.namespace.command(&[&program.get_program().to_string_lossy(), "notice", "--lang", "en"]);
    words(&command.args(arguments).output().expect("linkpatrol notice"))
}

/// A fault that somebody reports: an incident without waiting for probes.
fn report(site: &Site, link: u8) -> String {
    let body = json!({"links": [crate::site::name(link)], "what": "no light", "actor": "示例甲", "way": "phone"});
    site.post("/api/v1/incidents", &body).json()["incidents"][0].as_str().expect("an incident").to_owned()
}

#[test]
fn nothing_leaves_a_new_installation_until_a_named_person_opens_a_door() {
    let Some(mut site) = Site::make(3) else { return };
    let program = format!("{{ cat; echo; }} >> {}", site.path("sms.txt").display());
    let channel = format!(
        "channels: [{{name: sms, to: {{duty: \"13800000001\"}}, command: {{run: [sh, -c, \"{program}\"]}}}}]\n"
    );
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + &channel));
    site.trial = true;
    site.start(&[]);
    site.all_up(3);

    let first = report(&site, 1);
    let kept = site.wait("the notice is kept", |site| notices(site, "state=held").pop());
    let fields = ["about", "channel", "recipient", "to", "words", "mark"].map(|field| kept[field].as_str().unwrap());
    assert_eq!(fields, [&*first, "sms", "duty", "138****0001", "channel/sms", "trial"]);
    let id = kept["id"].as_str().unwrap();
    let whole = site.get(&format!("/api/v1/notices/{id}")).json();
    assert!(whole["text"].as_str().unwrap().contains("LL-0001"), "rendered as it would have been sent: {whole}");
    let held = "linkpatrol_notices_total{channel=\"sms\",kind=\"opened\",outcome=\"held\"}";
    assert_eq!(site.metric(held), Some(1.0));
    assert!(notice(&site, &["list"]).contains("would have been sent (channel/sms)"));
    assert!(notice(&site, &["doors"]).contains("channel/sms closed (trial)"));
    let journal = |site: &Site| {
        let mut command = linkpatrol();
        command.args(["journal", "export", "--config.file"]).arg(site.path("linkpatrol.yaml"));
        words(&command.output().expect("linkpatrol journal"))
    };
    assert!(journal(&site).contains("notice_held"), "{}", journal(&site));

    // The same on the desk: the list, the letter in full, the doors.
    let list = site.get("/notices?lang=zh-CN&state=held").body;
    for part in ["试运行：未发", "新故障", "channel/sms", &format!("/notices/{id}?lang=zh-CN"), &first] {
        assert!(list.contains(part), "{part} in {list}");
    }
    let nothing = site.get("/notices?lang=zh-CN&state=delivered").body;
    assert!(!nothing.contains(id) && nothing.contains("channel/sms"), "{nothing}");
    let letter = site.get(&format!("/notices/{id}?lang=zh-CN")).body;
    for part in ["138****0001", "LL-0001", "<pre class=\"letter\">"] {
        assert!(letter.contains(part), "{part} in {letter}");
    }
    assert!(!letter.contains("13800000001"), "{letter}");
    let csv = site.get("/notices?lang=zh-CN&format=csv&state=held").body;
    assert_eq!(csv.lines().count(), 2, "{csv}");
    let unsigned = site.submit("/notices", &[("door", "channel/sms"), ("do", "open")]);
    let no_door = site.submit("/notices", &[("door", "channel/smss"), ("do", "open"), ("actor", "示例甲")]);
    assert_eq!((unsigned.status, no_door.status), (400, 404), "{}", no_door.body);

    let nobody = site.post("/api/v1/notices/open", &json!({"door": "channel/sms"}));
    let unknown = site.post("/api/v1/notices/open", &json!({"actor": "示例甲", "door": "channel/smss"}));
    assert_eq!((nobody.status, unknown.status), (400, 404), "{unknown:?}");
    notice(&site, &["open", "channel/sms", "--actor", "示例甲", "--note", "agreed with the bureau"]);
    let second = report(&site, 2);
    let told = site.wait("the duty officer has an SMS", |site| sent(site).pop());
    assert!(told["key"].as_str().unwrap().starts_with(&second), "{told}");

    // Who opened it is on record, and a restart opens and closes nothing.
    site.daemon().signal(libc::SIGKILL);
    site.daemon().wait(Duration::from_secs(10));
    site.start(&[]);
    let doors = site.get("/api/v1/notices/doors").json();
    let door = doors["doors"].as_array().unwrap().iter().find(|door| door["door"] == "channel/sms").unwrap();
    assert_eq!(
        (&door["open"], &door["by"], &door["note"]),
        (&json!(true), &json!("示例甲"), &json!("agreed with the bureau"))
    );
    let chain = journal(&site);
    assert!(chain.contains("door_opened") && !chain.contains("示例甲"), "no name stands in the chain: {chain}");
    let turned =
        site.submit("/notices", &[("door", "channel/sms"), ("do", "close"), ("actor", "示例乙"), ("note", "夜间")]);
    assert_eq!(turned.status, 303, "{}", turned.body);
    let doors = site.get("/notices?lang=zh-CN").body;
    assert!(doors.contains("示例乙 夜间"), "{doors}");
    let third = report(&site, 3);
    site.wait("it is kept", |site| notices(site, &format!("incident={third}")).pop());
    // A repeat after the kill is of the second, under its key.
    assert!(sent(&site).iter().all(|sent| sent["key"] == told["key"]), "{:?}", sent(&site));
    assert_eq!(notices(&site, "limit=1").len(), 1);
}
