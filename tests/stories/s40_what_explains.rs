//! Outages that something else explains, and time that the contract counts all the same, at a daemon that measures real
//! lines.

use serde_json::{Value, json};

use crate::{
    harness::{linkpatrol, words},
    site::{Site, name},
};

/// A site whose ledger has one more column; `cells` are those of link 1, 2 and so on.
fn site(column: &str, cells: &[&str]) -> Option<Site> {
    let site = Site::make(u8::try_from(cells.len()).expect("a small site"))?;
    let ledger = site.read("site/links.csv");
    let lines = ledger.lines().zip(std::iter::once(&column).chain(cells));
    let wider: String = lines.map(|(line, cell)| format!("{line},{cell}\n")).collect();
    site.write("site/links.csv", &wider);
    Some(site)
}

/// The incident that a link is part of.
fn incident_of(site: &Site, number: u8) -> Option<Value> {
    let has = |one: &Value| {
        let links = one["links"].as_array().expect("links");
        links.iter().any(|link| link["link"] == name(number).as_str())
    };
    let ids = site.incidents().into_iter().filter_map(|one| Some(one["id"].as_str()?.to_owned()));
    ids.map(|id| site.get(&format!("/api/v1/incidents/{id}")).json()).find(has)
}

#[test]
fn what_hangs_on_a_link_that_is_down_is_told_of_when_it_outlasts_it() {
    let Some(mut site) = site("depends_on", &["", "LL-0001", ""]) else { return };
    site.start(&[]);
    site.all_up(3);
    site.cut(1);
    site.cut(2);
    let child = site.wait("the cause is known", |site| incident_of(site, 2).filter(|one| one["parent"].is_string()));
    let parent = incident_of(&site, 1).expect("an incident of the cause");
    assert_eq!((&child["parent"], &parent["parent"]), (&parent["id"], &Value::Null));
    let clocks = child["clocks"].as_array().expect("clocks");
    assert!(clocks.len() >= 2 && clocks.iter().all(|clock| clock["stopped"].is_null()), "its clocks run: {child}");
    let noted = |incident: &Value, event: &str| {
        incident["timeline"].as_array().expect("a timeline").iter().any(|entry| entry["event"] == event)
    };
    assert!(noted(&child, "explained") && !noted(&parent, "explained"));

    site.heal(1);
    let alone = site.wait("it outlasts its cause", |site| incident_of(site, 2).filter(|one| one["parent"].is_null()));
    assert!(noted(&alone, "unexplained") && alone["phase"] == "open", "{alone}");
    assert_eq!(incident_of(&site, 1).expect("the cause")["phase"], "restored");
}

#[test]
fn silence_in_hours_of_expected_absence_is_nobodys_outage() {
    let Some(mut site) = site("absence", &["7x24", ""]) else { return };
    site.start(&[]);
    site.all_up(2);
    site.cut(1);
    site.wait("the link is absent", |site| (site.state(1) == "suspended").then_some(()));
    let link = site.get("/api/v1/links/LL-0001").json();
    assert_eq!((&link["reason"], &link["month"]["down"]), (&json!("expected_absence"), &json!(0)), "{link}");
    assert_eq!(site.incidents(), Vec::<Value>::new());
    site.heal(1);
    site.wait("it is back, and counts", |site| (site.state(1) == "up").then_some(()));
    let before = site.get("/api/v1/links/LL-0001").json()["month"]["excluded"].clone();
    site.wait("its time counts", |site| {
        let link = site.get("/api/v1/links/LL-0001").json();
        (link["month"]["up"].as_u64() > Some(1_000)).then(|| assert_eq!(link["month"]["excluded"], before))
    });
}

/// `exclude: {ordered: false}`: two people may sign it, and the objective has the time all the same.
#[test]
fn a_reason_that_the_contract_counts_takes_nothing_out_of_the_objective() {
    let Some(mut site) = Site::make(4) else { return };
    let contract = site.read("site/contract.yaml");
    let counted = contract.replacen("    exclude:\n", "    exclude:\n      ordered: false\n", 1);
    assert_ne!(contract, counted);
    site.write("site/contract.yaml", &counted);
    site.start(&[]);
    site.all_up(4);
    site.cut(3);
    site.wait("the link is down", |site| (site.state(3) == "down").then_some(()));
    site.heal(3);
    site.wait("the link is up", |site| (site.state(3) == "up").then_some(()));
    let month = |site: &Site| site.get("/api/v1/links/LL-0003").json()["month"].clone();
    let before = month(&site);
    let incident = incident_of(&site, 3).expect("an incident");
    let (from, to) = (incident["began"].as_str().expect("a time"), incident["restored"].as_str().expect("a time"));
    let command = |arguments: &[&str]| {
        let mut command = site.namespace.command(&[&linkpatrol().get_program().to_string_lossy()]);
        command.args(arguments).args(["--lang", "en", "--config.file"]).arg(site.path("linkpatrol.yaml"));
        command.output().expect("the program")
    };
    let done = command(&[
        "ledger",
        "exclude",
        "--link",
        "LL-0003",
        "--reason",
        "ordered",
        "--actor",
        "Zhang",
        "--second",
        "Li",
        "--from",
        from,
        "--to",
        to,
        "--note",
        "switched off by order 2026-17",
    ]);
    assert!(done.status.success(), "{}", words(&done));
    let row = site.wait("it stands in the books", |_| {
        let shown = command(&["ledger", "show", "LL-0003", "--output", "json"]);
        let row = serde_json::from_slice::<Value>(&shown.stdout).ok()?["links"][0].clone();
        let ordered = |cell: &Value| cell["accounting"] == json!({"excluded": "ordered"});
        row["cells"].as_array()?.iter().any(ordered).then_some(row)
    });
    let after = month(&site);
    assert_eq!((&after["down"], &after["excluded"]), (&before["down"], &before["excluded"]), "{before} {after}");
    assert!(before["down"].as_u64() > Some(0) && after["availability_ratio"].as_f64() < Some(1.0), "{after}");
    assert_eq!(row["failures"], 1, "and it is a failure: {row}");
    let series = "linkpatrol_link_error_budget_remaining_seconds{link=\"LL-0003\",period=\"month\"}";
    let left = after["error_budget_remaining_milliseconds"].as_i64().expect("milliseconds");
    assert_eq!(site.metric(series).map(|seconds| (seconds * 1_000.0).round() as i64), Some(left));
}
