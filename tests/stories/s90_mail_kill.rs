//! A mail that its server took while we were killed leaves once more, as the same mail: whoever keeps mails sees one.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use crate::{
    s70_correction::{mails, with_mail},
    site::Site,
};

#[test]
fn a_mail_has_the_same_message_id_before_and_after_a_kill() {
    let Some(mut site) = Site::make(2) else { return };
    let Some(sink) = with_mail(&site) else { return };
    fs::write(site.path("hold"), "").expect("a file");
    site.start(&[]);
    site.all_up(2);
    let body = json!({"actor": "示例甲", "links": ["LL-0001"], "what": "光缆中断"});
    let incident = site.post("/api/v1/incidents", &body).json()["incidents"][0].as_str().expect("an id").to_owned();
    // The server has the mail, and we do not know it.
    let to = |address: &str, kind: &str| -> Vec<Value> {
        mails(&sink, &incident, kind).into_iter().filter(|mail| mail["to"][0] == address).collect()
    };
    let first = site.wait("a mail is in flight", |_| mails(&sink, &incident, "opened").pop());
    let address = first["to"][0].as_str().expect("an address").to_owned();
    site.daemon().signal(libc::SIGKILL);
    site.daemon().wait(Duration::from_secs(10));
    fs::remove_file(site.path("hold")).expect("the file");
    site.start(&[]);
    let both = site.wait("it leaves once more", |_| Some(to(&address, "opened")).filter(|mails| mails.len() == 2));
    for same in ["id", "key", "subject", "text", "thread"] {
        assert_eq!(both[0][same], both[1][same], "{same} of {both:#?}");
    }
    assert!(both[0]["id"].as_str().is_some_and(|id| id.len() > 10), "{both:#?}");

    // Its end answers the same mail, and everybody else has one mail of each.
    site.wait("all are told", |_| (mails(&sink, &incident, "opened").len() == 4).then_some(()));
    assert!(site.post(&format!("/api/v1/incidents/{incident}/restore"), &json!({"actor": "示例甲"})).is_ok());
    let end = site.wait("the end is told", |_| to(&address, "restored").pop());
    assert!(end["thread"].is_string() && end["thread"] == both[0]["thread"], "{end}");
    assert_ne!(end["id"], both[0]["id"]);
    site.wait("all are told", |_| (mails(&sink, &incident, "restored").len() == 3).then_some(()));
    let mut ids: Vec<String> = mails(&sink, &incident, "").iter().map(|mail| mail["id"].to_string()).collect();
    ids.sort();
    let all = ids.len();
    ids.dedup();
    assert_eq!((all, ids.len()), (7, 6), "only the mail in flight came twice");
}
