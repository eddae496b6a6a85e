//! Jitter is judged where a contract promises it, by the pairs of consecutive answers that differ by more than it allows.

use serde_json::Value;

use crate::site::Site;

/// The contract of the site with an objective of jitter; without `links.jitter` nothing judges it.
fn promise(site: &Site, shipped: &str, limit: &str, is_named: bool) {
    let objective = format!(
        "\nobjectives:\n  - {{id: shake, name: 抖动, measure: jitter, limit: {{at_most: {limit}}}, statistic: p95, period: month, source: measured, clause: 示例 7}}\n"
    );
    let contract = shipped.replacen("\nobjectives:\n", &objective, 1);
    let named = if is_named { "\nlinks:\n  jitter: shake\n" } else { "\nlinks:\n" };
    site.write("site/contract.yaml", &contract.replacen("\nlinks:\n", named, 1));
}

fn jitter(site: &Site) -> Option<Value> {
    let link = site.get("/api/v1/links/LL-0001").json();
    link["objectives"].as_array()?.iter().find(|one| one["objective"] == "jitter").cloned()
}

fn verdict(site: &Site) -> Option<f64> {
    site.metric("linkpatrol_link_objective{link=\"LL-0001\",objective=\"jitter\",verdict=\"pending\"}")
}

#[test]
fn jitter_is_judged_where_the_contract_promises_it_and_nowhere_else() {
    let Some(mut site) = Site::make(1) else { return };
    let shipped = site.read("site/contract.yaml");
    promise(&site, &shipped, "1ms", true);
    site.start(&[]);
    site.all_up(1);
    let seen =
        site.wait("pairs of answers are counted", |site| jitter(site).filter(|seen| seen["all"].as_u64() > Some(5)));
    assert!(seen["bad"].as_u64() <= seen["all"].as_u64(), "{seen}");
    assert_eq!((&seen["verdict"], verdict(&site)), (&"pending".into(), Some(1.0)), "{seen}");
    let page = site.get("/links/LL-0001?lang=en").body;
    assert!(page.contains("jitter objective") && page.contains("示例 7"), "{page}");

    // A wider limit, taken in while it runs.
    promise(&site, &shipped, "10s", true);
    site.wait("the new limit is shown", |site| site.get("/links/LL-0001?lang=en").body.contains("10000").then_some(()));
    let before = jitter(&site).expect("it is judged as before");
    assert!(before["all"].as_u64() >= seen["all"].as_u64(), "what was counted stays: {seen} {before}");

    // Nobody names it: it is shown in the contract, and judged by nothing.
    promise(&site, &shipped, "10s", false);
    site.wait("nothing judges it", |site| jitter(site).is_none().then_some(()));
    assert_eq!(verdict(&site), None);
}
