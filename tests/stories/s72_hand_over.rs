//! The carrier's gateway is down when its line is cut: its clock waits for the proven hand-over, ours does not.

use chrono::{DateTime, FixedOffset, TimeDelta};
use serde_json::Value;

use crate::site::{Site, name};

fn moment(text: &Value) -> DateTime<FixedOffset> {
    text.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no moment: {text}"))
}

/// Response clocks of a party in the incident of a link.
fn clock(site: &Site, party: &str) -> Option<Value> {
    let id = site.incidents().first()?["id"].as_str()?.to_owned();
    let incident = site.get(&format!("/api/v1/incidents/{id}")).json();
    let clocks = incident["clocks"].as_array()?.iter();
    clocks.rev().find(|clock| clock["party"] == party && clock["clock"] == "response").cloned()
}

#[test]
fn a_carriers_clock_starts_when_its_letter_is_handed_over_and_not_when_it_is_queued() {
    let Some(mut site) = Site::make(3) else { return };
    site.write(
        "site/agreements.yaml",
        "agreements:\n  - id: 协议-甲-001\n    carrier: one\n    from: 2020-01-01\n    to: 2199-12-31\n    clocks:\n      \
         - {clock: response, limit: 15m, starts: notice_delivered, clause: 第 4 条}\n",
    );
    site.write(
        "site/contacts.yaml",
        "contacts:\n  - {id: desk-one, party: carrier/one, name: 甲台, to: {sms: '1'}, verified: 2026-10-01}\n",
    );
    let (open, sent) = (site.path("open"), site.path("sms.txt"));
    let program = format!("test -e {} || exit 75; {{ cat; echo; }} >> {}", open.display(), sent.display());
    let channel = format!("channels: [{{name: sms, command: {{run: [sh, -c, \"{program}\"]}}}}]\n");
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + &channel));
    site.start(&[]);
    site.all_up(3);

    site.cut(1);
    let tried = |site: &Site| {
        let queued = site.get("/api/v1/notices?recipient=desk-one").json()["notices"][0].clone();
        (queued["state"] == "waiting" && queued["attempts"].as_u64()? >= 1).then_some(queued)
    };
    let queued = site.wait("the gateway refuses the letter", tried);
    let ours = clock(&site, "operator").expect("our own clock");
    assert!(ours["deadline"].is_string(), "ours runs since the first loss: {ours}");
    assert!(
        clock(&site, "carrier/one").is_none_or(|clock| clock["started"].is_null()),
        "theirs does not run: {queued}"
    );

    site.write("open", "");
    let theirs = site.wait("the carrier's clock runs", |site| {
        clock(site, "carrier/one").filter(|clock| clock["started"].is_string())
    });
    let delivered = site.get("/api/v1/notices?recipient=desk-one").json()["notices"][0].clone();
    assert_eq!(delivered["state"], "delivered", "{delivered}");
    let began = moment(&site.incidents()[0]["began"]);
    let (started, deadline) = (moment(&theirs["started"]), moment(&theirs["deadline"]));
    assert_eq!(started, moment(&delivered["done"]), "{theirs} {delivered}");
    assert_eq!(deadline - started, TimeDelta::minutes(15));
    assert!(started > moment(&queued["created"]) && moment(&ours["started"]) == began, "{theirs} {ours} {queued}");
    assert_eq!((&theirs["starts"], &theirs["clause"]), (&"notice_delivered".into(), &"协议-甲-001 第 4 条".into()));
    assert!(std::fs::read_to_string(sent).unwrap().contains("C-1"), "{}", name(1));
}
