//! The daemon on a small site: what it measures, what it does with changed files, and what a restart keeps.

use std::{
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    process::Command,
    time::Duration,
};

use serde_json::json;

use crate::{
    gateway::{Gateway, Mood, Sent},
    harness::{Running, peer, words},
    site::{Site, name},
};

#[test]
fn a_reload_takes_all_or_nothing_and_keeps_the_history_of_unchanged_links() {
    let Some(mut site) = Site::make(20) else { return };
    site.start(&[]);
    site.all_up(20);
    let answered = |site: &Site, number| {
        site.metric(&format!("linkpatrol_link_probes_total{{link=\"{}\",outcome=\"answered\"}}", name(number)))
    };
    let before = answered(&site, 2).expect("a series of an old link");

    // The file is written; nobody says anything to the daemon.
    site.write_links(&(2..=21).collect::<Vec<_>>());
    site.wait("the new link is up", |site| (site.state(21) == "up").then_some(()));
    assert!(answered(&site, 2) >= Some(before), "the old link's counter goes on");
    assert!(!site.get("/metrics").body.contains("LL-0001"), "no series of the link that is gone");

    site.write(
        "site/links.csv",
        "id,cid,kind,carrier,unit,a_end,z_end,bandwidth,far_address\nLL-0001,C,private,nobody,U1,a,z,1M,127.10.0.999\n",
    );
    let refused = site.post("/-/reload", &json!({}));
    assert!(!refused.is_ok(), "{refused:?}");
    for finding in ["links.csv:2:19: error LP1311", "links.csv:2:36: error LP1312"] {
        assert!(refused.body.contains(finding), "{finding} in {}", refused.body);
    }
    site.wait("the metric says so", |site| {
        (site.metric("linkpatrol_config_last_reload_successful") == Some(0.0)).then_some(())
    });
    assert_eq!(site.state(21), "up", "the old files stay in force");

    site.write_links(&(2..=22).collect::<Vec<_>>());
    site.daemon().signal(libc::SIGHUP);
    site.wait("the mended file is in force", |site| (site.state(22) == "up").then_some(()));
    assert_eq!(site.metric("linkpatrol_config_last_reload_successful"), Some(1.0));
}

#[test]
fn an_outage_that_began_before_a_kill_keeps_its_incident_its_start_and_its_deadlines() {
    let Some(mut site) = Site::make(20) else { return };
    site.start(&[]);
    site.all_up(20);
    site.cut(7);
    let open = |site: &Site| {
        let open = site.incidents().into_iter().find(|incident| incident["phase"] == "open")?;
        (!open["announced"].is_null()).then_some(open)
    };
    let before = site.wait("an incident is announced", open);
    assert_eq!((&before["tier"], &before["scope_id"]), (&json!(2), &json!("LL-0007")));
    assert_eq!(site.metric("linkpatrol_link_up{link=\"LL-0007\"}"), Some(0.0));

    site.daemon().signal(libc::SIGKILL);
    site.daemon().wait(Duration::from_secs(10));
    site.start(&[]);
    let after = site.wait("the incident is there again", open);
    for key in ["id", "began", "opened", "clocks"] {
        assert_eq!(before[key], after[key], "{key}");
    }
    site.wait("the link is down again", |site| (site.state(7) == "down").then_some(()));

    let id = before["id"].as_str().expect("an id");
    let done = site.post(&format!("/api/v1/incidents/{id}/acknowledge"), &json!({"actor": "张三", "note": "已派单"}));
    assert!(done.is_ok(), "{done:?}");
    site.heal(7);
    let restored = site.wait("it is restored", |site| {
        site.incidents().into_iter().find(|incident| incident["id"] == id && incident["phase"] == "restored")
    });
    assert_eq!(restored["acknowledged"]["actor"], "张三");
    assert_eq!(site.incidents().len(), 1, "one cause, one incident");
    let done = site.post(&format!("/api/v1/incidents/{id}/close"), &json!({"actor": "张三", "note": ""}));
    assert!(done.is_ok(), "{done:?}");
}

#[test]
fn a_second_daemon_on_the_same_state_is_refused_and_the_first_ends_in_order() {
    let Some(mut site) = Site::make(5) else { return };
    site.start(&[]);
    let second = site.serve(&["--web.listen-address", "127.0.0.1:9816"]).output().expect("a second daemon");
    assert_eq!(second.status.code(), Some(2), "{}", words(&second));
    assert!(words(&second).contains("in use by another process"), "{}", words(&second));
    (1..=5).for_each(|number| site.cut(number));
    site.daemon().signal(libc::SIGTERM);
    assert_eq!(site.daemon().wait(Duration::from_secs(10)), 0, "{}", site.printed());
}

#[test]
fn an_exporter_only_keeps_no_incidents_and_writes_no_state() {
    let Some(mut site) = Site::make(5) else { return };
    site.start(&["--exporter-only"]);
    site.all_up(5);
    site.cut(3);
    site.wait("the link is down", |site| (site.state(3) == "down").then_some(()));
    assert!(site.incidents().is_empty() && !site.path("state").exists());
}

#[test]
fn a_name_is_looked_up_without_holding_up_the_start_and_followed_when_it_moves() {
    let Some(mut site) = Site::make(3) else { return };
    let Some(unbound) = peer("unbound") else { return };
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + "name_server: 127.0.0.1:5353\n"));
    site.write("site/links.csv", &site.read("site/links.csv").replace("127.10.0.2", "far.test"));
    site.start(&[]);
    site.wait("the others are up", |site| (site.state(1) == "up" && site.state(3) == "up").then_some(()));
    assert_eq!(site.state(2), "unknown", "nobody knows the name yet");
    site.wait("the name server's silence shows", |site| {
        (site.metric("linkpatrol_names_failing") == Some(1.0)).then_some(())
    });
    let unmeasured = "linkpatrol_link_probes_total{link=\"LL-0002\",outcome=\"unmeasured\"}";
    assert!(site.metric(unmeasured) > Some(0.0), "its turns are counted, as unmeasured");

    let serve_name = |site: &Site, address: &str| {
        let settings = format!(
            "server:\n  interface: 127.0.0.1@5353\n  chroot: \"\"\n  username: \"\"\n  pidfile: \"\"\n  use-syslog: no\n  \
             local-zone: \"test.\" static\n  local-data: \"far.test. 5 IN A {address}\"\n"
        );
        site.write("unbound.conf", &settings);
        let mut command = site.namespace.command(&[&unbound.to_string_lossy(), "-d", "-c"]);
        Running::start("unbound", site.folder.path(), command.arg(site.path("unbound.conf")))
    };
    let first = serve_name(&site, "127.10.0.2");
    site.wait("it is up under its name", |site| (site.state(2) == "up").then_some(()));
    drop(first);
    site.cut(2);
    let _second = serve_name(&site, "127.10.0.77");
    site.wait("it is up at its new address", |site| {
        let far = &site.get("/api/v1/links/LL-0002").json()["points"][0];
        (site.state(2) == "up"
            && far["consecutive_losses"] == 0
            && site.metric("linkpatrol_names_failing") == Some(0.0))
        .then_some(())
    });
}

/// A disk of 16 MB at `state`, unmounted when dropped.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(site: &Site) -> Self {
        let place = site.path("state");
        std::fs::create_dir(&place).expect("a place to mount on");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "small"]).arg(&place).status();
        assert!(mounted.expect("mount").success());
        Self(place)
    }

    /// Takes all space that is left.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("full")).expect("a file on the small disk");
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.join("full")).expect("the file that fills the disk");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the daemon may still hold its files.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_stops_neither_measuring_nor_alarms_and_is_an_incident_of_our_own() {
    let Some(mut site) = Site::make(10) else { return };
    let disk = SmallDisk::mount(&site);
    let desk = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    let gateway = Gateway::open(&site, desk);
    let receivers = format!("webhooks: [{{name: desk, url: \"http://{desk}/notices\"}}]\n");
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + &receivers));
    site.start(&[]);
    site.all_up(10);
    disk.fill();
    let own = |site: &Site, phase: &str| {
        let is = |incident: &serde_json::Value| incident["kind"] == "own" && incident["phase"] == phase;
        site.incidents().into_iter().find(is)
    };
    let broken = site.wait("an incident about ourselves", |site| own(site, "open"));
    assert_eq!(broken["scope_id"], "store");
    let ready = site.get("/-/ready");
    assert!(ready.status == 503 && ready.body.contains("store_unusable"), "{ready:?}");

    gateway.set(Mood::Busy);
    site.cut(4);
    let outage = |site: &Site, phase: &str| {
        let is = |incident: &serde_json::Value| incident["scope_id"] == "LL-0004" && incident["phase"] == phase;
        site.incidents().into_iter().find(is)
    };
    let cut = site.wait("a cut is still seen", |site| outage(site, "open"));
    assert_eq!(site.metric("linkpatrol_link_up{link=\"LL-0004\"}"), Some(0.0));
    // Its notice waits for a gateway that is away, and leaves while the disk is still full.
    let id = cut["id"].as_str().expect("an id");
    let told = |mood: Mood| {
        let is = |sent: &Sent| sent.body["incident"]["id"] == id && sent.body["event"] == "opened" && sent.mood == mood;
        gateway.transcript().into_iter().filter(is).map(|sent| sent.key).collect::<Vec<_>>()
    };
    let waited = site.wait("the notice is refused", |_| Some(told(Mood::Busy)).filter(|keys| keys.len() > 1));
    gateway.set(Mood::Takes);
    let taken = site.wait("the notice is taken", |_| Some(told(Mood::Takes)).filter(|keys| !keys.is_empty()));
    assert!(own(&site, "open").is_some() && waited.iter().all(|key| *key == taken[0]), "{waited:?} {taken:?}");

    disk.empty();
    site.wait("our own incident is over", |site| own(site, "restored"));
    site.wait("it is ready again", |site| site.get("/-/ready").is_ok().then_some(()));
    // What happened while the disk was full is in the store now.
    site.daemon().signal(libc::SIGKILL);
    site.daemon().wait(Duration::from_secs(10));
    site.start(&[]);
    site.wait("the outage outlived the kill", |site| outage(site, "open"));
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(told(Mood::Takes), taken, "nobody is told of it again");
}
