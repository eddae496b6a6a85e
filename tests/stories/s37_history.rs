//! What was counted of a line stays: five minutes at a time, beyond a restart and a kill.

use std::{process::Output, time::Duration};

use serde_json::Value;

use crate::{
    harness::{linkpatrol, words},
    site::Site,
};

/// `linkpatrol ledger history` of link 3.
fn history(site: &Site, arguments: &[&str]) -> Output {
    let program = linkpatrol();
    let mut command = site.namespace.command(&[&program.get_program().to_string_lossy()]);
    command.args(["ledger", "history", "LL-0003"]).args(arguments);
    command.args(["--lang", "en", "--config.file"]).arg(site.path("linkpatrol.yaml"));
    command.output().expect("the program")
}

/// The sum over rows of what stands at this pointer.
fn sum(rows: &[Value], pointer: &str) -> u64 {
    rows.iter()
        .map(|row| row.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer}: {row}")))
        .sum()
}

fn rows(answer: &Value) -> Vec<Value> {
    answer["rows"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

fn stop(site: &mut Site, signal: i32) {
    site.daemon().signal(signal);
    site.daemon().wait(Duration::from_secs(20));
}

fn probes(site: &Site, outcome: &str) -> u64 {
    let series = format!("linkpatrol_link_probes_total{{link=\"LL-0003\",outcome=\"{outcome}\"}}");
    site.metric(&series).unwrap_or_else(|| panic!("no {series}")) as u64
}

#[test]
fn history_holds_exactly_what_the_counters_said() {
    let Some(mut site) = Site::make(4) else { return };
    site.start(&[]);
    site.all_up(4);
    site.cut(3);
    site.wait("the link is down", |site| (site.state(3) == "down").then_some(()));
    site.heal(3);
    site.wait("the link is up", |site| (site.state(3) == "up").then_some(()));
    // From here on nothing is lost, and answers only add up.
    let (lost, answered) = (probes(&site, "lost"), probes(&site, "answered"));
    stop(&mut site, libc::SIGTERM);

    let shown = history(&site, &["--step", "5m", "--output", "json"]);
    let stored = rows(&serde_json::from_slice(&shown.stdout).unwrap_or_else(|_| panic!("{}", words(&shown))));
    let all_lost =
        sum(&stored, "/probes/up/lost") + sum(&stored, "/probes/down/lost") + sum(&stored, "/probes/unverified");
    assert_eq!(all_lost, lost, "{stored:?}");
    let all_answered = sum(&stored, "/probes/up/answered") + sum(&stored, "/probes/down/answered");
    assert!((answered..answered + 60).contains(&all_answered), "{all_answered} of {answered}");
    assert!(sum(&stored, "/millis/down") > 1_000 && sum(&stored, "/millis/up") > 5_000, "{stored:?}");

    // The next run adds to the same slices. The API tells what is stored, whatever the step.
    site.start(&[]);
    site.all_up(4);
    for step in ["5m", "1h", "1d"] {
        let answer = site.get(&format!("/api/v1/links/LL-0003/history?step={step}"));
        let again = rows(&serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{}", answer.body)));
        let lost =
            sum(&again, "/probes/up/lost") + sum(&again, "/probes/down/lost") + sum(&again, "/probes/unverified");
        assert_eq!(lost, all_lost, "{step}");
        assert_eq!(sum(&again, "/millis/down"), sum(&stored, "/millis/down"), "{step}");
    }
    stop(&mut site, libc::SIGTERM);
    let shown = history(&site, &["--step", "1d", "--output", "json"]);
    let both = rows(&serde_json::from_slice(&shown.stdout).unwrap_or_else(|_| panic!("{}", words(&shown))));
    assert!(sum(&both, "/counted_millis") > sum(&stored, "/counted_millis"), "{both:?}");
    assert!(
        sum(&both, "/millis/unknown") > sum(&stored, "/millis/unknown"),
        "nobody looked between the runs: {both:?}"
    );

    // A run that was killed adds nothing of its last slice, and takes nothing away.
    site.start(&[]);
    site.all_up(4);
    stop(&mut site, libc::SIGKILL);
    let shown = history(&site, &["--step", "1d", "--output", "json"]);
    let killed = rows(&serde_json::from_slice(&shown.stdout).unwrap_or_else(|_| panic!("{}", words(&shown))));
    assert_eq!(sum(&killed, "/probes/down/lost"), sum(&both, "/probes/down/lost"));
    let text = history(&site, &[]);
    assert!(text.status.success() && words(&text).contains(" far: answered "), "{}", words(&text));
    assert_eq!(history(&site, &["--step", "2h"]).status.code(), Some(2));
}
