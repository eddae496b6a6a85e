//! The demo's government sites: every fault of a certificate, a server, a proxy and a name server is found with its
//! reason, nothing else is, and a script that shares no code comes to the same score.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

use crate::harness::{free_port, linkpatrol, peer, root, words};

#[test]
fn every_fault_of_a_site_is_found_with_its_reason_and_no_other_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let listen = format!("127.0.0.1:{}", free_port());
    let mut command = linkpatrol();
    command.args(["demo", "--links", "20", "--listen", &listen, "--time-limit", "14s", "--summary", "json"]);
    command.args(["--allow-simulated", "--story"]).arg(root().join("tests/cities/sites.yaml"));
    let output = command.arg("--data-dir").arg(folder.path()).output().unwrap();
    let summary: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", words(&output)));
    let said = std::fs::read_to_string(folder.path().join("verdicts.jsonl")).unwrap();
    let keys = ["services", "service_faults", "missed_service_faults", "false_service_faults", "missed_cuts"];
    let figures = keys.map(|key| summary[key].as_u64().unwrap());
    // Six that are wrong from the start, the shared certificate three times, six events that fail.
    assert_eq!(figures, [16, 14, 0, 0, 0], "{summary:#}\n{said}");
    assert_eq!(output.status.code(), Some(0), "{summary:#}");
    for stage in ["visits", "sites"] {
        assert!(summary["cpu_seconds"][stage].as_f64().unwrap() > 0.0, "{summary:#}");
    }

    let of = |service: &str| -> BTreeSet<String> {
        let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter(|line| line["service"] == service && line["reason"] != "")
            .map(|line| line["reason"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(of("slow"), BTreeSet::new(), "late is not down");
    let reasons = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(of("archive"), reasons(&["certificate_expired", "certificate_expiring", "certificate_not_renewed"]));
    assert_eq!(of("legacy"), reasons(&["tls_version_outdated"]));
    assert_eq!(of("half-chain"), reasons(&["certificate_chain_incomplete"]));

    let Some(python) = peer("python3") else { return };
    let score = |folder: &std::path::Path| {
        let output = Command::new(&python).arg(root().join("tests/score.py")).arg(folder).output().unwrap();
        (serde_json::from_slice::<Value>(&output.stdout).unwrap(), output.status.code())
    };
    let (same, code) = score(folder.path());
    keys.iter().for_each(|key| assert_eq!(summary[key], same[key], "{key}"));
    assert_eq!(code, Some(0));
    // The truth without its faults: all that was said is false then.
    let truth = std::fs::read_to_string(folder.path().join("truth.jsonl")).unwrap();
    let bare: String =
        truth.lines().filter(|line| !line.contains("service_fault")).map(|line| format!("{line}\n")).collect();
    std::fs::write(folder.path().join("truth.jsonl"), bare).unwrap();
    let (other, code) = score(folder.path());
    assert!(other["false_service_faults"].as_u64() >= Some(14), "{other}");
    assert_eq!((&other["service_faults"], code), (&0.into(), Some(1)));
}
