//! The wall clock of the machine is set an hour forward and back under a running daemon.
//!
//! libfaketime stands between the daemon and the machine's wall clock only: its steady clock and the kernel's stamps of
//! packets go on as they are, which is what a step is.

use std::path::PathBuf;

use serde_json::Value;

use crate::{
    harness::{peer, skip},
    site::Site,
};

const HOUR: i64 = 3_600_000;

#[test]
fn a_step_of_an_hour_moves_no_deadline_cuts_no_link_and_books_no_time_twice() {
    let Some(library) = faketime() else { return };
    let Some(mut site) = Site::make(20) else { return };
    let step = |site: &Site, seconds: i64| site.write("time", &format!("{seconds:+}\n"));
    step(&site, 0);
    let mut command = site.serve(&[]);
    command.env("LD_PRELOAD", library).env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    command.env("FAKETIME_TIMESTAMP_FILE", site.path("time"));
    site.start_as(command);
    site.all_up(20);
    site.cut(7);
    let announced = |site: &Site| only(site).filter(|incident| !incident["announced"].is_null());
    let before = site.wait("the cut is announced", announced);
    let unknown = booked(&site, "unknown");

    step(&site, 3_600);
    site.wait("the daemon has seen it", |site| site.printed().contains("step=Forward(").then_some(()));
    site.wait("a picture from after the step", |site| (booked(site, "unknown") > unknown).then_some(()));
    let skipped = booked(&site, "unknown") - unknown;
    assert!((HOUR - 1_000..HOUR + 1_000).contains(&skipped), "nobody saw the hour that was skipped: {skipped} ms");
    same_story(&site, &before);

    let total = all_booked(&site);
    step(&site, 0);
    site.wait("the daemon has seen it", |site| site.printed().contains("step=Backward(").then_some(()));
    site.heal(7);
    let restored = site.wait("the link is back", |site| only(site).filter(|incident| incident["phase"] == "restored"));
    assert_eq!(restored["id"], before["id"]);
    same_story(&site, &before);
    assert!(all_booked(&site) <= total, "the hour that comes again is booked already: {} {total}", all_booked(&site));
    assert_eq!(
        site.metric("linkpatrol_timestamps_total{source=\"user\"}"),
        Some(0.0),
        "packets keep the kernel's stamps"
    );
}

/// The one incident there is.
fn only(site: &Site) -> Option<Value> {
    match site.incidents().as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        many => panic!("one cut, one incident: {many:#?}"),
    }
}

/// No other link went down, and the incident kept its start and its deadlines.
fn same_story(site: &Site, before: &Value) {
    let now = only(site).expect("the incident is still there");
    assert_eq!(now["began"], before["began"]);
    let deadlines = |incident: &Value| -> Vec<Value> {
        incident["clocks"].as_array().into_iter().flatten().map(|clock| clock["deadline"].clone()).collect()
    };
    assert_eq!(deadlines(&now), deadlines(before));
    for number in (1..=20).filter(|number| *number != 7) {
        assert_eq!(site.state(number), "up", "link {number}");
    }
}

/// Milliseconds of this month of link 1 in one state.
fn booked(site: &Site, state: &str) -> i64 {
    let link = site.get("/api/v1/links/LL-0001").json();
    link["month"][state].as_i64().unwrap_or_else(|| panic!("no {state} in {link}"))
}

fn all_booked(site: &Site) -> i64 {
    ["up", "degraded", "down", "unknown", "excluded"].map(|state| booked(site, state)).iter().sum()
}

/// The library for programs with threads, beside which Debian installs the command.
fn faketime() -> Option<PathBuf> {
    peer("faketime")?;
    let library = format!("/usr/lib/{}-linux-gnu/faketime/libfaketimeMT.so.1", std::env::consts::ARCH);
    let found = Some(PathBuf::from(library)).filter(|library| library.is_file());
    if found.is_none() {
        skip("libfaketime is not where Debian puts it");
    }
    found
}
