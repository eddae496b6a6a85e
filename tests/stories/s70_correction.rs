//! An incident that was none is taken back by two people: the 更正 reaches exactly those who were told of it, in the thread of
//! what they were told, and the incident stays on record.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use crate::{
    harness::{Running, linkpatrol, skip, wait_for, words},
    site::Site,
};

/// A real SMTP server that takes everything and prints it, a mail a line. While the file `HOLD` is there it does not say so.
const SINK: &str = r#"
import asyncio, email, email.policy, json, os
from aiosmtpd.smtp import SMTP
class Sink:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        print(json.dumps({'to': envelope.rcpt_tos, 'subject': str(mail['Subject']), 'id': mail['Message-ID'],
            'thread': mail['References'], 'answers': mail['In-Reply-To'], 'key': mail['X-Linkpatrol-Key'],
            'text': mail.get_content()}), flush=True)
        while os.path.exists(os.environ['HOLD']):
            await asyncio.sleep(0.05)
        return '250 2.0.0 queued'
async def main():
    await asyncio.get_running_loop().create_server(lambda: SMTP(Sink()), '127.0.0.1', 2525)
    print('ready', flush=True)
    await asyncio.sleep(3600)
asyncio.run(main())
"#;

const CONTACTS: &str = "contacts:
  - {id: desk-one, party: carrier/one, name: 甲报障台, language: zh-CN, to: {mail: noc@one.example}, verified: 2026-10-01}
  - {id: desk-two, party: carrier/two, name: 乙报障台, to: {mail: noc@two.example}, verified: 2026-10-01}
  - {id: office-one, party: unit/U1, name: 甲单位信息科, language: zh-CN, to: {mail: it@u1.example}, verified: 2026-10-01}
  - {id: office-two, party: unit/U2, name: 乙单位信息科, to: {mail: it@u2.example}, verified: 2026-10-01}
";

/// Mails about an incident, of a kind of notice where one is named.
pub fn mails(sink: &Running, incident: &str, kind: &str) -> Vec<Value> {
    let printed = sink.printed();
    let all = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    all.filter(|mail| {
        let key = mail["key"].as_str().unwrap_or_default();
        key.starts_with(incident) && (kind.is_empty() || key.contains(&format!("/{kind}/")))
    })
    .collect()
}

fn receivers(mails: &[Value]) -> BTreeSet<String> {
    mails.iter().map(|mail| mail["to"][0].as_str().unwrap_or_default().to_owned()).collect()
}

/// A mail server, a channel to it and contacts of both carriers and units. `None`: said why it is skipped.
pub fn with_mail(site: &Site) -> Option<Running> {
    let mut server = site.namespace.command(&["/usr/bin/python3", "-u", "-c", SINK]);
    server.env("HOLD", site.path("hold"));
    let mut sink = Running::start("sink", site.folder.path(), &mut server);
    let is_up = |sink: &mut Running| sink.printed().contains("ready") || sink.ended().is_some();
    wait_for("a mail server", Duration::from_secs(30), || is_up(&mut sink).then_some(()));
    if !sink.printed().contains("ready") {
        skip("python3-aiosmtpd is not installed");
        return None;
    }
    site.write("site/contacts.yaml", CONTACTS);
    let channel = "channels: [{name: mail, to: {duty: duty@house.example}, smtp: {host: 127.0.0.1, port: 2525, \
                   security: plain, from: noc@house.example}}]\n";
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + channel));
    Some(sink)
}

/// An exercise is told to all who would be told of the real thing, marked on every message, and stays apart from it.
#[test]
fn a_drill_is_marked_wherever_it_is_told_and_a_real_fault_beside_it_is_not() {
    let Some(mut site) = Site::make(4) else { return };
    let Some(sink) = with_mail(&site) else { return };
    site.start(&[]);
    site.all_up(4);
    let report = |site: &Site, drill: bool| {
        let body = json!({"actor": "示例甲", "links": ["LL-0001"], "what": "光缆中断", "drill": drill});
        let answer = site.post("/api/v1/incidents", &body);
        assert!(answer.is_ok(), "{}", answer.body);
        answer.json()["incidents"][0].as_str().unwrap().to_owned()
    };
    let drill = report(&site, true);
    let told = ["duty@house.example", "it@u1.example", "noc@one.example"].map(str::to_owned);
    let all_told =
        |id: &str, kind: &str| (receivers(&mails(&sink, id, kind)) == BTreeSet::from(told.clone())).then_some(());
    site.wait("all are told of the drill", |_| all_told(&drill, "opened"));

    // The real thing, on the very same link.
    site.cut(1);
    let real = site.wait("it has an incident of its own", |site| {
        let found = site.incidents().into_iter().find(|one| one["kind"] == "outage" && one["announced"].is_string())?;
        Some(found["id"].as_str()?.to_owned())
    });
    site.wait("all are told of it", |_| all_told(&real, "opened"));
    let of = |id: &str| site.get(&format!("/api/v1/incidents/{id}")).json();
    assert_eq!((&of(&drill)["phase"], &of(&drill)["drill"]), (&json!("open"), &json!(true)));
    assert_eq!((&of(&real)["drill"], &of(&real)["merged_into"]), (&json!(false), &Value::Null));
    assert_eq!(report(&site, false), real, "what is no drill joins what was measured");

    let over = site.post(&format!("/api/v1/incidents/{drill}/restore"), &json!({"actor": "示例甲"}));
    assert!(over.is_ok(), "{}", over.body);
    site.wait("all are told that the drill is over", |_| all_told(&drill, "restored"));
    for mail in mails(&sink, &drill, "") {
        let (subject, text) = (mail["subject"].as_str().unwrap(), mail["text"].as_str().unwrap());
        assert!(subject.starts_with("【演练】") && text.starts_with("【演练】"), "{mail}");
        assert_eq!((subject.matches("【演练】").count(), text.matches("【演练】【演练】").count()), (1, 0), "{mail}");
    }
    let unmarked = mails(&sink, &real, "");
    assert!(unmarked.len() >= 3 && unmarked.iter().all(|mail| !mail.to_string().contains("演练")), "{unmarked:#?}");
}

#[test]
fn a_correction_reaches_exactly_those_who_were_told_in_the_same_thread() {
    let Some(mut site) = Site::make(4) else { return };
    let Some(sink) = with_mail(&site) else { return };
    site.start(&[]);
    site.all_up(4);
    site.cut(1);
    let told = ["duty@house.example", "it@u1.example", "noc@one.example"].map(str::to_owned);
    let incident = site.wait("carrier, unit and house are told", |site| {
        let id = site.incidents().first()?["id"].as_str()?.to_owned();
        (receivers(&mails(&sink, &id, "opened")) == BTreeSet::from(told.clone())).then_some(id)
    });

    // Meanwhile the shift has changed: who was told listens no more by itself, and who listens was not told.
    let changed = CONTACTS.replace(
        "verified: 2026-10-01}\n  - {id: desk-two",
        "steps: [night], verified: 2026-10-01}\n  - {id: desk-two",
    );
    let fresh =
        "  - {id: desk-new, party: carrier/one, name: 甲白班, to: {mail: day@one.example}, verified: 2026-10-01}\n";
    site.write("site/contacts.yaml", &(changed + fresh));
    let reloaded = site.post("/-/reload", &json!({}));
    assert!(reloaded.is_ok(), "{}", reloaded.body);

    let annul = |second: &str, reason: &str| {
        let body = json!({"actor": "示例甲", "second": second, "reason": reason});
        site.post(&format!("/api/v1/incidents/{incident}/annul"), &body)
    };
    for (second, reason) in [("示例甲", "测试仪表误接"), ("", "测试仪表误接"), ("示例乙", "")] {
        let refused = annul(second, reason);
        assert!(!refused.is_ok() && refused.body.contains("needs_two"), "{}", refused.body);
    }
    assert!(mails(&sink, &incident, "annulled").is_empty());
    let done = annul("示例乙", "测试仪表误接");
    assert!(done.is_ok(), "{}", done.body);
    site.wait("all of them read that it is taken back", |_| {
        (receivers(&mails(&sink, &incident, "annulled")) == BTreeSet::from(told.clone())).then_some(())
    });
    assert!(annul("示例乙", "测试仪表误接").body.contains("already_annulled"));

    // Nothing waits any more: whoever was to be told was told.
    site.wait("nothing waits", |site| {
        let waiting = site.get(&format!("/api/v1/notices?incident={incident}&state=waiting")).json();
        waiting["notices"].as_array()?.is_empty().then_some(())
    });
    let corrections = mails(&sink, &incident, "annulled");
    assert_eq!(corrections.len(), 3, "each once: {corrections:#?}");
    for correction in &corrections {
        let originals = mails(&sink, &incident, "opened");
        let original = originals.iter().find(|mail| mail["to"] == correction["to"]).expect("an original");
        assert!(correction["thread"].is_string() && correction["thread"] == original["thread"], "{correction}");
        assert_eq!(correction["answers"], original["answers"]);
        assert_ne!(correction["id"], original["id"]);
    }
    let one = corrections.iter().find(|mail| mail["to"][0] == "noc@one.example").expect("the carrier's");
    let (subject, text) = (one["subject"].as_str().expect("a subject"), one["text"].as_str().expect("a text"));
    assert!(subject.starts_with("更正") && text.contains("特此撤回") && text.contains("C-1"), "{subject}\n{text}");
    for foreign in ["C-2", "C-3", "乙", "127.10."] {
        assert!(!text.contains(foreign), "{foreign}: {text}");
    }
    for stranger in ["two.example", "u2.example", "day@one.example"] {
        assert!(!sink.printed().contains(stranger), "{stranger} was told: {}", sink.printed());
    }

    // It stays on record, with both names and why, and can be lived again.
    let kept = site.get(&format!("/api/v1/incidents/{incident}")).json();
    let annulled = &kept["annulled"];
    assert_eq!((&annulled["actor"], &annulled["second"]), (&json!("示例甲"), &json!("示例乙")), "{kept:#}");
    assert!(kept.to_string().contains("测试仪表误接") && kept["phase"] == "closed", "{kept:#}");
    site.daemon().signal(libc::SIGTERM);
    assert_eq!(site.daemon().wait(Duration::from_secs(20)), 0, "{}", site.printed());
    for what in ["verify", "replay"] {
        let output = linkpatrol().args(["journal", what, "--data-dir"]).arg(site.path("state")).output();
        let output = output.expect("the program");
        assert!(output.status.success(), "{}", words(&output));
    }
}
