//! Somebody edits the files: `check` says what is wrong and where, and what measuring by them will mean; `explain` says
//! where a value comes from.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::harness::{linkpatrol, peer, root, words};

/// The shipped files in a folder of their own, to be broken.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for part in ["inventories/xuchang", "inventories/xuchang/rules", "inventories/calendars", "probes"] {
        let to = folder.path().join(part);
        fs::create_dir_all(&to).expect("a folder");
        for file in fs::read_dir(root().join(part)).expect("shipped files") {
            let file = file.expect("a shipped file").path();
            if file.is_file() {
                fs::copy(&file, to.join(file.file_name().expect("a name"))).expect("a copy");
            }
        }
    }
    fs::write(folder.path().join("linkpatrol.yaml"), "data_dir: data\n").expect("a configuration");
    folder
}

/// Replaces the first `from` in a file of the copy.
fn edit(folder: &Path, file: &str, from: &str, to: &str) {
    let file = folder.join(file);
    let text = fs::read_to_string(&file).expect("a copied file");
    assert!(text.contains(from), "{from} is not in {}", file.display());
    fs::write(&file, text.replacen(from, to, 1)).expect("an edited file");
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    linkpatrol().current_dir(folder).args(arguments).output().expect("the program starts")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", words(output)))
}

#[test]
fn the_shipped_files_have_one_warning_and_their_facts_are_printed() {
    let output = run(root(), &["check", "--lang", "en"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    for line in [
        "inventories/xuchang/inventory.yaml:7:3: warning LP1701: the printed counts contradict each other",
        "  dark_fibre       154    1631  154 inferred; not in the text",
        "1631 links: 1631 measurable",
        "2111 points: 2011.8 probes per second",
        "ladder security calls nobody: no link or service is of security-event",
        "0 errors, 1 warnings",
    ] {
        assert!(text.contains(line), "no `{line}` in:\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "colour without a terminal");
    let facts = &json(&run(root(), &["check", "--output", "json"]))["facts"];
    assert_eq!(
        (&facts["links"], &facts["measurable"], &facts["reconciliation"][0]["inferred"]),
        (&1631.into(), &1631.into(), &154.into())
    );
    assert!(facts["series"].as_u64() > Some(0) && facts["bytes"].as_u64() > facts["series"].as_u64());
}

#[test]
fn findings_have_colours_on_terminals_only_and_only_where_they_are_welcome() {
    let Some(script) = peer("script") else { return };
    let line = format!("{} check --lang en", env!("CARGO_BIN_EXE_linkpatrol"));
    let on_a_terminal = |unwelcome: bool| {
        let mut command = Command::new(&script);
        command.args(["-qec", &line, "/dev/null"]).current_dir(root()).stdin(Stdio::null()).env("TERM", "xterm");
        command.env_remove("NO_COLOR").envs(unwelcome.then_some(("NO_COLOR", "1")));
        let output = command.output().expect("script");
        assert_eq!(output.status.code(), Some(0), "{}", words(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let (coloured, plain) = (on_a_terminal(false), on_a_terminal(true));
    let warning = coloured.lines().find(|line| line.contains("LP1701")).expect("the shipped warning");
    assert!(warning.contains("\u{1b}[1m\u{1b}[33mwarning"), "{warning:?}");
    assert!(plain.contains("warning LP1701") && !plain.contains('\u{1b}'), "{plain:?}");
}

#[test]
fn every_finding_of_a_broken_copy_is_printed_at_once() {
    let folder = copy();
    let here = folder.path();
    edit(here, "inventories/xuchang/links.csv", "LL-0005,", "LL-0004,");
    edit(here, "inventories/xuchang/contract.yaml", "{at_most: 50ms}", "{at_most: 5O}");
    edit(here, "inventories/xuchang/units.yaml", "name: 示例单位07", "nam: 示例单位07");
    edit(here, "probes/private-far.yaml", "timeout: 1s", "time-out: 1s");
    edit(here, "linkpatrol.yaml", "data_dir", "datadir");
    let contract = fs::read_to_string(here.join("inventories/xuchang/contract.yaml")).expect("the contract");
    let wrong = contract.lines().position(|line| line.contains("5O")).expect("the wrong figure") + 1;
    let output = run(here, &["check", "--output", "json", "--lang", "en"]);
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    let found = json(&output);
    let places: Vec<String> = found["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|finding| {
            format!(
                "{}:{} {}",
                finding["file"].as_str().expect("text"),
                finding["line"],
                finding["code"].as_str().expect("text")
            )
        })
        .collect();
    for expected in [
        &format!("inventories/xuchang/contract.yaml:{wrong} LP1007"),
        "inventories/xuchang/links.csv:6 LP1309",
        "inventories/xuchang/units.yaml:9 LP1005",
        "linkpatrol.yaml:1 LP1005",
        "probes/private-far.yaml:6 LP1005",
    ] {
        assert!(places.iter().any(|place| place == expected), "no {expected} in {places:#?}");
    }
    let help = found["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|finding| finding["code"] == "LP1309")
        .expect("found above");
    assert!(help["message"].as_str().expect("text").contains("links.csv:5:1"), "{help}");
}

#[test]
fn a_link_without_a_point_is_counted_and_named() {
    let folder = copy();
    let ledger = folder.path().join("inventories/xuchang/links.csv");
    let text = fs::read_to_string(&ledger).expect("the ledger");
    fs::write(&ledger, text.replace(",198.18.0.2,", ",,")).expect("an edited ledger");
    let output = run(folder.path(), &["check", "--lang", "en"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert!(text.contains("LP1703") && text.contains("LL-0001"), "{text}");
    assert!(text.contains("1631 links: 1630 measurable"), "{text}");
}

#[test]
fn explain_follows_the_precedence_from_link_to_default() {
    let folder = copy();
    let here = folder.path();
    edit(
        here,
        "inventories/xuchang/units.yaml",
        "name: 示例单位17}",
        "name: 示例单位17, measuring: {interval: 2s, dscp: 8}}",
    );
    edit(
        here,
        "inventories/xuchang/carriers.yaml",
        "name: 运营商甲}",
        "name: 运营商甲, measuring: {interval: 4s, timeout: 3s}}",
    );
    let explained = json(&run(here, &["explain", "LL-0159", "--output", "json"]));
    let deciding = explained["parts"].as_array().expect("a list").iter().find(|part| part["deciding"] == true);
    let values = deciding.expect("a deciding point")["values"].as_array().expect("a list");
    let of = |key: &str| {
        let value = values.iter().find(|value| value["key"] == key).unwrap_or_else(|| panic!("no {key}"));
        (value["value"].as_str().expect("text").to_owned(), value["place"].as_str().unwrap_or("default").to_owned())
    };
    assert_eq!(of("interval"), ("2s".into(), "inventories/xuchang/units.yaml:19:51".into()));
    assert_eq!(of("timeout"), ("3s".into(), "inventories/xuchang/carriers.yaml:4:68".into()));
    assert_eq!(of("size"), ("56".into(), "probes/internet-carrier-gateway.yaml:7:7".into()));
    assert_eq!(of("hop_limit"), ("64".into(), "default".into()));
    let contract = &explained["parts"].as_array().expect("a list").last().expect("a contract")["values"];
    assert_eq!((&contract[1]["value"], &contract[1]["clause"]), (&"99.9 %".into(), &"001 L101".into()));

    let unknown = run(here, &["explain", "LL-159", "--lang", "en"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("LL-0159"), "{}", words(&unknown));
}

#[test]
fn a_configuration_that_is_not_there_is_no_finding_but_a_failure() {
    let output = run(root(), &["check", "--config.file", "nowhere.yaml"]);
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
}

#[test]
fn the_shipped_inventory_is_what_its_generator_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = root().join("tests/make_inventory.py");
    let python = std::process::Command::new("python3").arg(&script).arg(folder.path()).output().expect("python3");
    assert!(python.status.success(), "{}", words(&python));
    for file in ["links.csv", "units.yaml", "segments.yaml"] {
        let [made, shipped] =
            [folder.path(), &root().join("inventories/xuchang")].map(|from| fs::read(from.join(file)));
        assert!(made.expect("made") == shipped.expect("shipped"), "{file} differs: run {} again", script.display());
    }
}
