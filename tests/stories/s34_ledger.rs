//! Where the time of a month went, and time that two people take out of the objective afterwards.

use std::process::Output;

use serde_json::{Value, json};

use crate::{
    harness::{linkpatrol, words},
    site::Site,
};

/// `linkpatrol` with these arguments, inside the site's network.
fn run(site: &Site, arguments: &[&str]) -> Output {
    let program = linkpatrol();
    let mut command = site.namespace.command(&[&program.get_program().to_string_lossy()]);
    command.args(arguments).args(["--lang", "en", "--config.file"]).arg(site.path("linkpatrol.yaml"));
    command.output().expect("the program")
}

pub fn row(site: &Site, link: &str) -> Value {
    let shown = run(site, &["ledger", "show", link, "--output", "json"]);
    let rows: Value =
        serde_json::from_slice(&shown.stdout).unwrap_or_else(|error| panic!("{error}: {}", words(&shown)));
    rows["links"][0].clone()
}

#[test]
fn an_outage_that_was_ordered_leaves_the_objective_and_stays_in_the_measured_time() {
    let Some(mut site) = Site::make(4) else { return };
    site.start(&[]);
    site.all_up(4);
    site.cut(3);
    site.wait("the link is down", |site| (site.state(3) == "down").then_some(()));
    site.heal(3);
    site.wait("the link is up", |site| (site.state(3) == "up").then_some(()));
    let incident = site.incidents().into_iter().next().expect("an incident");
    let before = site.wait("the outage is in the books on the disk", |site| {
        let row = row(site, "LL-0003");
        (row["states"]["down"].as_u64() > Some(0) && row["states"]["up"].as_u64() > Some(0)).then_some(row)
    });
    let sum = |row: &Value| -> u64 {
        row["states"].as_object().expect("states").values().map(|millis| millis.as_u64().expect("milliseconds")).sum()
    };
    assert_eq!(Some(sum(&before)), before["elapsed"].as_u64());
    let down = before["states"]["down"].as_u64().expect("milliseconds");

    let (from, to) = (incident["began"].as_str().expect("a time"), incident["restored"].as_str().expect("a time"));
    let arguments = |second: &'static str| {
        ["ledger", "exclude", "--link", "LL-0003", "--reason", "ordered", "--actor", "Zhang", "--second", second]
    };
    let span = ["--from", from, "--to", to, "--note", "switched off by order 2026-17"];
    let alone = run(&site, &[&arguments("Zhang")[..], &span].concat());
    assert_eq!(alone.status.code(), Some(1), "{}", words(&alone));
    let done = run(&site, &[&arguments("Li")[..], &span].concat());
    assert!(done.status.success(), "{}", words(&done));
    let after = site.wait("the books on the disk say so", |site| {
        let row = row(site, "LL-0003");
        (row["states"]["down"] == 0).then_some(row)
    });
    assert_eq!(Some(sum(&after)), after["elapsed"].as_u64());
    let ordered = json!({"measured": "down", "accounting": {"excluded": "ordered"}, "millis": down});
    assert!(after["cells"].as_array().expect("cells").contains(&ordered), "measured down all the same: {after}");
    assert!(after["error_budget_remaining"].as_i64() > before["error_budget_remaining"].as_i64());
    let shown = run(&site, &["ledger", "show", "LL-0003"]);
    assert!(shown.status.success() && words(&shown).contains("tiers: "), "{}", words(&shown));
    let nobody = run(&site, &["ledger", "show", "LL-9999"]);
    assert_eq!(nobody.status.code(), Some(2), "{}", words(&nobody));
    let verified = run(&site, &["journal", "verify"]);
    assert!(verified.status.success(), "{}", words(&verified));
}
