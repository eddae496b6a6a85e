//! Somebody on call asks about one address, now: `once` measures it and says so, to people and to programs.

use std::process::Output;

use serde_json::Value;

use crate::harness::{Namespace, linkpatrol, words};

fn once(arguments: &[&str]) -> Output {
    linkpatrol().arg("once").args(arguments).output().expect("the program starts")
}

/// The same inside a namespace.
fn once_inside(namespace: &Namespace, arguments: &[&str]) -> Output {
    let line = [&[env!("CARGO_BIN_EXE_linkpatrol"), "once"], arguments].concat();
    namespace.command(&line).output().expect("the program starts")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", words(output)))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn an_address_that_answers() {
    let Some(namespace) = Namespace::make() else { return };
    for address in ["127.0.0.1", "::1"] {
        let output = once_inside(&namespace, &[address, "--count", "3", "--output", "json"]);
        assert_eq!(output.status.code(), Some(0), "{}", words(&output));
        let said = json(&output);
        let point = &said["points"][0];
        assert_eq!((&said["verdict"], &point["source"]), (&Value::from("answered"), &Value::from(address)));
        assert_eq!(point["probes"].as_array().map(Vec::len), Some(3));
        assert_eq!(point["probes"][0]["stamps"], "kernel");
        assert!(point["probes"][0]["rtt_seconds"].as_f64().is_some_and(|rtt| rtt < 0.1));
    }
    let output = once_inside(&namespace, &["127.0.0.1", "--count", "3", "--lang", "en"]);
    let figures = regex::Regex::new(
        r"least [\d.]+ ms, mean [\d.]+ ms, most [\d.]+ ms; mean difference of consecutive answers \(RFC 3393\) [\d.]+ ms",
    );
    assert!(figures.unwrap().is_match(&text(&output)), "{}", words(&output));
    let output = once_inside(&namespace, &["127.0.0.1", "--count", "1", "--lang", "en"]);
    assert!(text(&output).contains("kernel timestamps\n1 answered, 0 lost"), "{}", words(&output));
    let output = once_inside(&namespace, &["127.0.0.1", "--count", "1", "--lang", "zh-CN"]);
    assert!(text(&output).ends_with("结论：有应答\n"), "{}", words(&output));
}

#[test]
fn an_address_that_is_silent() {
    let Some(namespace) = Namespace::make() else { return };
    namespace.run(&["sh", "-c", "echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all"]);
    let output = once_inside(&namespace, &["127.0.0.1", "--count", "2", "--lang", "en"]);
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    assert!(
        text(&output).contains("0 answered, 2 lost, 0 not measured\nverdict: does not answer"),
        "{}",
        words(&output)
    );
}

#[test]
fn what_cannot_be_measured_is_not_called_silent() {
    let Some(namespace) = Namespace::make() else { return };
    let output = once_inside(&namespace, &["198.18.0.1", "--count", "2", "--output", "json"]);
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
    let said = json(&output);
    assert_eq!((&said["verdict"], &said["points"][0]["unmeasured"]), (&"not_measured".into(), &2.into()));
    assert_eq!(said["points"][0]["probes"][0]["reason"], "send_enetunreach");
}

#[test]
fn links_that_are_unknown_or_invented_are_not_measured() {
    let output = once(&["LL-99999", "--lang", "en"]);
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("LL-99999"), "{}", words(&output));
    let output = once(&["LL-0001", "--lang", "en"]);
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("synthetic"), "{}", words(&output));
}
