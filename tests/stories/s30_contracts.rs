//! Somebody asks what was promised: `contract explain` says which rule applies to what, from which clause, what the text
//! leaves open and what people must supply; `check` reads a folder that has a contract and no links.

use std::{fs, process::Output};

use serde_json::Value;

use crate::harness::{linkpatrol, root, words};

fn run(arguments: &[&str]) -> Output {
    linkpatrol().current_dir(root()).args(arguments).output().expect("the program starts")
}

fn explained(arguments: &[&str]) -> Value {
    let output = run(&[&["contract", "explain"], arguments, &["--output", "json", "--lang", "en"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", words(&output)))
}

/// Rows of all parts of one kind.
fn rows<'a>(explained: &'a Value, part: &str) -> Vec<&'a Value> {
    let parts = explained["parts"].as_array().expect("a list of parts");
    let wanted = parts.iter().filter(|one| one["part"] == part);
    wanted.flat_map(|one| one["rows"].as_array().expect("a list of rows")).collect()
}

/// Values of all rows with this key, and the clause of each.
fn of(explained: &Value, part: &str, key: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let wanted = rows(explained, part).into_iter().filter(|row| row["key"] == key);
    wanted.map(|row| (text(&row["value"]), text(&row["clause"]))).collect()
}

fn pair(value: &str, clause: &str) -> (String, String) {
    (value.to_owned(), clause.to_owned())
}

#[test]
fn a_link_is_judged_by_its_own_clauses_and_by_the_agreement_of_its_carrier_alone() {
    let link = explained(&["xuchang", "--link", "LL-0159"]);
    assert_eq!(link["target"]["requirement"], "109");
    let operator = "party=operator calendar=7x24";
    let clock = |key: &str| of(&link, "class", key);
    assert_eq!(clock("link.network.response"), [pair(&format!("<= 15m  {operator}"), "001 L132")]);
    assert_eq!(clock("link.partial.restore"), [pair(&format!("<= 4h  {operator}"), "001 L133")]);
    assert_eq!(clock("link.network"), [pair("level=1 scope=network share=80 % kind=outage", "001 L132")]);
    assert_eq!(of(&link, "objectives", "link-availability"), [pair("availability >= 99.9 %", "001 L101")]);
    // The text does not say over which period: a switch does, and says that it is no word of the contract.
    assert_eq!(of(&link, "objectives", "link-availability.period"), [pair("month", "default, not from contract")]);
    let asked: Vec<&Value> = rows(&link, "switches").into_iter().map(|row| &row["key"]).collect();
    assert!(asked.contains(&&"availability-period".into()) && asked.contains(&&"whole-network-share".into()));
    assert!(!asked.contains(&&"req36-on-site".into()), "a switch of another requirement");
    let keys: Vec<&str> = rows(&link, "class").iter().filter_map(|row| row["key"].as_str()).collect();
    assert!(keys.iter().all(|key| !key.starts_with("req-") && !key.starts_with("system")), "{keys:?}");
    let agreement: Vec<&str> = rows(&link, "agreement").iter().filter_map(|row| row["clause"].as_str()).collect();
    assert!(agreement.iter().any(|clause| clause.starts_with("示例协议-甲")), "{agreement:?}");
    assert!(!agreement.iter().any(|clause| clause.starts_with("示例协议-乙")), "another carrier's: {agreement:?}");
    let by_hand: Vec<&Value> = rows(&link, "by_hand").into_iter().map(|row| &row["key"]).collect();
    assert!(by_hand.contains(&&"spares".into()) && by_hand.contains(&&"network-logs".into()), "{by_hand:?}");
}

#[test]
fn every_place_that_is_printed_holds_what_is_said_of_it() {
    let link = explained(&["xuchang", "--link", "LL-0159"]);
    let mut seen = 0;
    for row in rows(&link, "general").into_iter().chain(rows(&link, "links")).filter(|row| row["switch"].is_null()) {
        let (place, value) = (row["place"].as_str().expect("a place"), row["value"].as_str().expect("a value"));
        let mut parts = place.rsplitn(3, ':');
        let mut number = || parts.next().and_then(|part| part.parse::<usize>().ok()).expect("a number");
        let (column, line) = (number(), number());
        let text = fs::read_to_string(root().join(parts.next().expect("a file"))).expect("the file");
        let rest: String = text.lines().nth(line - 1).expect("the line").chars().skip(column - 1).collect();
        assert!(rest.trim_start_matches('"').starts_with(value), "{place}: `{rest}` is not `{value}`");
        seen += 1;
    }
    assert!(seen > 10, "only {seen} places");
}

#[test]
fn a_service_has_the_general_clocks_and_its_own_and_nobody_elses() {
    let service = explained(&["xuchang", "--service", "98.Y076"]);
    assert_eq!(service["target"]["requirement"], "98");
    let clocks = of(&service, "class", "req-98.level-4.response");
    let clause = "001 L5628-5631";
    let expected = [
        pair("<= 30m  party=operator calendar=7x24 during=key-hours", clause),
        pair("<= 60m  party=operator calendar=7x24 during=other-hours", clause),
    ];
    assert_eq!(clocks, expected);
    let general = of(&service, "class", "system.level-1.response");
    assert_eq!(general, [pair("<= 10m  party=operator calendar=7x24", "001 L119-124")]);
    let classes: Vec<&str> = rows(&service, "class").iter().filter_map(|row| row["key"].as_str()).collect();
    assert!(!classes.iter().any(|key| key.starts_with("req-89") || key.starts_with("link")), "{classes:?}");
    let calendars: Vec<&Value> = rows(&service, "calendars").into_iter().map(|row| &row["key"]).collect();
    assert!(calendars.contains(&&"key-hours".into()) && calendars.contains(&&"holidays.2026".into()), "{calendars:?}");
}

#[test]
fn contracts_without_links_are_explained_and_checked() {
    let seal = explained(&["sichuan-courts", "--service", "seal-txn"]);
    assert_eq!(of(&seal, "objectives", "seal-time"), [pair("response_time <= 5s", "004 L276")]);
    let slow = of(&seal, "class", "seal-time.slow.restore");
    assert_eq!(slow, [pair("<= 72h  party=operator calendar=7x24", "004 L276")]);
    let firewall = explained(&["beijing-civil-affairs", "--service", "fw-llq"]);
    let spare = of(&firewall, "class", "security-spare.any.response");
    assert_eq!(spare, [pair("<= 15m  party=operator calendar=7x24", "003 L8269")]);
    let whole = explained(&["beijing-civil-affairs"]);
    assert!(rows(&whole, "assessment").iter().any(|row| row["value"] == "19910000" && row["clause"] == "003 L149"));
    assert!(rows(&whole, "links").is_empty(), "the text has no figure for a link");

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("linkpatrol.yaml");
    for (name, facts) in
        [("sichuan-courts", "1 objectives, 4 classes"), ("xinjiang-credentials", "10 objectives, 1 classes")]
    {
        let inventory = root().join("inventories").join(name);
        let (inventory, probes) = (inventory.display(), root().join("probes"));
        let text = format!("inventory: {inventory}\nprobes: {}\ndata_dir: data\n", probes.display());
        fs::write(&file, text).expect("a configuration");
        let config = file.to_str().expect("a path");
        let output = run(&["check", "--config.file", config, "--lang", "en"]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{}", words(&output));
        assert!(text.contains("a contract without links") && text.contains(facts), "{text}");
        assert!(text.contains("services") && !text.contains("links are measurable"), "{text}");
    }
}

#[test]
fn people_read_it_in_their_language_and_slips_are_answered() {
    let chinese = run(&["contract", "explain", "xinjiang-credentials"]);
    let text = String::from_utf8_lossy(&chinese.stdout);
    for line in ["系统有效工作时间  availability >= 99 %  ［002 L84］", "开关：合同文本未定之处", "须人工提供的证据"]
    {
        assert!(text.contains(line), "no `{line}` in:\n{text}");
    }
    let nowhere = run(&["contract", "explain", "xuchangg", "--lang", "en"]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&nowhere.stderr).contains("there are: beijing-civil-affairs"),
        "{}",
        words(&nowhere)
    );
    let unknown = run(&["contract", "explain", "sichuan-courts", "--service", "seal-tnx", "--lang", "en"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("did you mean `seal-txn`"), "{}", words(&unknown));
    let no_links = run(&["contract", "explain", "beijing-civil-affairs", "--link", "LL-0001", "--lang", "en"]);
    assert_eq!(no_links.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&no_links.stderr).contains("LP1201"), "{}", words(&no_links));
}
