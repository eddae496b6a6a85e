//! `kill -9` at random moments with deliveries in flight: nothing is lost, and repeats have the same key.
//!
//! The proof are two books that share nothing: the outbox on the disk, and the transcript that the gateway kept.
//! `LINKPATROL_KILLS` says how many times (300 takes some six minutes): docs/simulate.md has the command.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;

use crate::{
    gateway::{Gateway, Mood},
    harness::{post, wait_for},
    site::Site,
};

const DESK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const LINKS: u8 = 20;

#[test]
fn nothing_is_lost_and_repeats_have_the_same_key() {
    let Some(mut site) = Site::make(LINKS) else { return };
    let gateway = Gateway::open(&site, DESK);
    let receivers = format!("webhooks: [{{name: desk, url: \"http://{DESK}/notices\"}}]\n");
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + &receivers));
    let kills = std::env::var("LINKPATROL_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(25);
    let seed = rand::random();
    eprintln!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let moods = [Mood::Takes, Mood::Takes, Mood::Slow, Mood::Busy, Mood::HangsUp, Mood::Forgets];
    for round in 0..kills {
        gateway.set(moods[chance.random_range(0..moods.len())]);
        site.start(&[]);
        act(&site, round);
        std::thread::sleep(Duration::from_millis(chance.random_range(0..1_200)));
        site.daemon().signal(libc::SIGKILL);
        site.daemon().wait(Duration::from_secs(10));
    }
    gateway.set(Mood::Takes);
    site.start(&[]);
    let outbox = wait_for("the outbox is empty", Duration::from_secs(150), || {
        let rows = outbox(&site);
        rows.values().all(|outcome| outcome.is_some()).then_some(rows)
    });
    let transcript = gateway.transcript();
    let taken: BTreeSet<&str> = transcript
        .iter()
        .filter(|sent| !matches!(sent.mood, Mood::Busy | Mood::Refuses))
        .map(|sent| sent.key.as_str())
        .collect();
    let recorded: BTreeSet<&str> = outbox.keys().map(String::as_str).collect();
    assert!(outbox.len() >= kills as usize, "{} notices in {kills} rounds", outbox.len());
    assert_eq!(recorded.difference(&taken).collect::<Vec<_>>(), [] as [&&str; 0], "recorded, and never taken");
    assert_eq!(taken.difference(&recorded).collect::<Vec<_>>(), [] as [&&str; 0], "taken, and not on record");
    let mut bodies = BTreeMap::new();
    for sent in &transcript {
        let first = bodies.entry(sent.key.as_str()).or_insert(&sent.body["incident"]);
        assert_eq!(*first, &sent.body["incident"], "a repeat under {} says something else", sent.key);
    }
    assert!(outbox.values().flatten().all(|outcome| outcome.starts_with("delivered")), "{outbox:?}");
    eprintln!("{kills} kills, {} notices, {} requests", outbox.len(), transcript.len());
}

/// Somebody reports a fault, and takes back the one before.
fn act(site: &Site, round: u32) {
    let link = crate::site::name(u8::try_from(round % u32::from(LINKS)).expect("a link") + 1);
    let open: Vec<_> = site.incidents().into_iter().filter(|one| one["phase"] == "open").collect();
    let report = json!({"links": [link], "what": format!("fault {round}"), "actor": "Li", "way": "phone"});
    let annul = json!({"actor": "Li", "second": "Wang", "reason": "a mistake", "way": "cli"});
    site.within(|| {
        // A daemon that is killed meanwhile answers nothing: then nothing was promised.
        let _ = post(site.address, "/api/v1/incidents", &report);
        for incident in open {
            let _ = post(
                site.address,
                &format!("/api/v1/incidents/{}/annul", incident["id"].as_str().expect("an id")),
                &annul,
            );
        }
    });
}

/// Key and outcome of every notice on the disk; `None`: it waits.
fn outbox(site: &Site) -> BTreeMap<String, Option<String>> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let file = rusqlite::Connection::open_with_flags(site.path("state/journal.db"), flags).expect("the journal");
    let rows = file.prepare("SELECT key, CASE WHEN done IS NULL THEN NULL ELSE outcome END FROM outbox");
    let mut rows = rows.expect("the outbox");
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("the rows");
    rows.map(|row| row.expect("a row")).collect()
}
