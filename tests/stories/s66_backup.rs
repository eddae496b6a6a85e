//! The disk is lost in the middle of an outage: a backup that was made beside the running daemon brings everything back.

use std::{fs, path::Path, process::Output, time::Duration};

use serde_json::json;

use crate::{
    harness::{linkpatrol, words},
    site::Site,
};

/// A command over the state folder of the site.
fn told(site: &Site, command: &str, arguments: &[&str], file: &Path) -> Output {
    let mut program = linkpatrol();
    program.arg(command).args(arguments).arg(file).args(["--lang", "en", "--data-dir"]).arg(site.path("state"));
    program.output().expect("the program")
}

#[test]
fn a_backup_beside_a_running_daemon_brings_a_lost_disk_back() {
    let Some(mut site) = Site::make(3) else { return };
    site.start(&[]);
    site.all_up(3);
    site.cut(2);
    let open =
        site.wait("an incident", |site| site.incidents().pop().filter(|incident| !incident["announced"].is_null()));
    let id = open["id"].as_str().expect("an id").to_owned();
    let done = site.post(&format!("/api/v1/incidents/{id}/acknowledge"), &json!({"actor": "Li", "note": "called"}));
    assert!(done.is_ok(), "{done:?}");
    site.wait("an anchor", |site| site.metric("linkpatrol_journal_anchor_timestamp_seconds"));

    let copy = site.path("backup");
    let made = told(&site, "backup", &[], &copy);
    assert!(made.status.success() && words(&made).contains("held against itself"), "{}", words(&made));
    for name in ["journal.db", "series.db", "journal.key", "journal.pub", "links.key", "backup.json", "anchors"] {
        assert!(copy.join(name).exists(), "{name}");
    }
    let again = told(&site, "backup", &[], &copy);
    assert_eq!(again.status.code(), Some(2), "{}", words(&again));

    let running = told(&site, "restore", &[], &copy);
    assert_eq!(running.status.code(), Some(2), "{}", words(&running));
    assert!(words(&running).contains(&format!("(pid {})", site.daemon().pid())), "{}", words(&running));
    site.daemon().signal(libc::SIGTERM);
    site.daemon().wait(Duration::from_secs(10));
    let ahead = told(&site, "restore", &[], &copy);
    assert_eq!(ahead.status.code(), Some(1), "{}", words(&ahead));
    assert!(words(&ahead).contains("entries of the journal that the backup lacks"), "{}", words(&ahead));

    fs::remove_dir_all(site.path("state")).expect("the disk is lost");
    let anchor = fs::read_dir(copy.join("anchors")).expect("anchors").next().expect("one").expect("a file").path();
    let back = told(&site, "restore", &["--against", &anchor.to_string_lossy()], &copy);
    assert!(back.status.success(), "{}", words(&back));
    site.start(&[]);
    let found = site.get(&format!("/api/v1/incidents/{id}")).json();
    assert_eq!((&found["phase"], &found["began"]), (&json!("open"), &open["began"]), "{found:#}");
    assert_eq!(found["acknowledgements"][0]["note"], "called", "{found:#}");
    site.heal(2);
    site.wait("it ends as if nothing had been", |site| {
        (site.get(&format!("/api/v1/incidents/{id}")).json()["phase"] == "restored").then_some(())
    });
    let verified =
        linkpatrol().args(["journal", "verify", "--data-dir"]).arg(site.path("state")).output().expect("verify");
    assert!(verified.status.success(), "{}", words(&verified));
}
