//! State that cannot be used, and an orderly end in the middle of a storm: a clear error, and nothing lost.

use std::{fs, path::Path, process::Command, time::Duration};

use rusqlite::Connection;
use serde_json::json;

use crate::{harness::words, site::Site};

#[test]
fn state_of_a_newer_version_of_others_or_on_a_read_only_disk_is_refused_and_left_as_it_was() {
    let Some(mut site) = Site::make(2) else { return };
    site.start(&[]);
    site.all_up(2);
    site.daemon().signal(libc::SIGTERM);
    assert_eq!(site.daemon().wait(Duration::from_secs(10)), 0, "{}", site.printed());
    let journal = site.path("state/journal.db");
    let good = fs::read(&journal).expect("the journal");
    let newer = |file: &Path| {
        let file = Connection::open(file).expect("the journal");
        file.execute_batch("UPDATE meta SET value = '9.9.9'; PRAGMA user_version = 99;").expect("another format");
    };
    let garbage = |file: &Path| fs::write(file, "not a database at all\n".repeat(100)).expect("other contents");
    let cases = [
        (&newer as &dyn Fn(&Path), "is of format 99, written by a newer linkpatrol (9.9.9)"),
        (&garbage, "is damaged"),
    ];
    for (spoil, expected) in cases {
        spoil(&journal);
        let before = fs::read(&journal).expect("the journal");
        let output = site.serve(&[]).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(2), "{}", words(&output));
        assert!(words(&output).contains(expected) && words(&output).contains("journal.db"), "{}", words(&output));
        assert!(!words(&output).contains("panicked"), "{}", words(&output));
        assert!(fs::read(&journal).expect("the journal") == before, "{expected}: the file was changed");
        fs::write(&journal, &good).expect("the journal as it was");
    }

    let state = site.path("state");
    let mount = |words: &[&str]| {
        let done = Command::new("mount").args(words).arg(&state).arg(&state).output().expect("mount");
        assert!(done.status.success(), "{}", crate::harness::words(&done));
    };
    mount(&["--bind"]);
    let remounted = Command::new("mount").args(["-o", "remount,ro,bind"]).arg(&state).status();
    let output = site.serve(&[]).output().expect("the program starts");
    let _ = Command::new("umount").arg("-l").arg(&state).status();
    assert!(remounted.expect("mount").success());
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
    assert!(words(&output).contains("is read-only"), "{}", words(&output));

    site.start(&[]);
    site.all_up(2);
}

#[test]
fn an_orderly_end_in_a_storm_keeps_what_was_seen() {
    let Some(mut site) = Site::make(20) else { return };
    site.start(&[]);
    site.all_up(20);
    (1..=20).for_each(|number| site.cut(number));
    let open = |site: &Site| {
        let found = site.incidents().into_iter().find(|it| it["kind"] != "own" && it["phase"] == "open")?;
        Some(json!({"id": found["id"], "began": found["began"], "tier": found["tier"], "clocks": found["clocks"]}))
    };
    let mut seen = site
        .wait("the storm is one incident of the whole network", |site| open(site).filter(|found| found["tier"] == 1));
    // In the grace of the incident, before anybody was told.
    site.daemon().signal(libc::SIGTERM);
    assert_eq!(site.daemon().wait(Duration::from_secs(10)), 0, "{}", site.printed());
    assert!(!site.printed().contains("panicked"), "{}", site.printed());
    site.start(&[]);
    let mut kept = site.wait("the incident is there again", open);
    for found in [&mut seen, &mut kept] {
        found["clocks"].as_array_mut().into_iter().flatten().for_each(|clock| {
            clock.as_object_mut().expect("a clock").retain(|key, _| key != "remaining_seconds");
        });
    }
    assert_eq!(seen, kept);
    assert_eq!(site.incidents().iter().filter(|it| it["kind"] != "own").count(), 1);
}
