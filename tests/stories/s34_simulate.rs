//! Half a year in a minute, and a daemon that is killed again and again in a stormy night.

use std::{collections::BTreeMap, time::Duration};

use linkpatrol::clock::monotonic_nanos;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    harness::{Answer, linkpatrol, peer, words},
    site::{Site, name},
};

#[test]
fn months_of_a_city_are_told_in_figures_that_add_up() {
    let told = |seed: &str| {
        let mut command = linkpatrol();
        command.args(["simulate", "--days", "3", "--links", "30", "--services", "7", "--storm", "5", "--seed", seed]);
        let output = command.args(["--summary", "json", "--lang", "en"]).output().expect("the program");
        assert!(output.status.success(), "{}", words(&output));
        let mut figures: BTreeMap<String, Value> = serde_json::from_slice(&output.stdout).expect("one JSON object");
        assert!(figures.remove("wall_seconds").is_some_and(|seconds| seconds.as_f64() > Some(0.0)));
        figures
    };
    let figures = told("7");
    let keys: Vec<&str> = figures.keys().map(String::as_str).collect();
    let expected = "events incidents injected_but_masked outages_found outages_injected runs samples seed \
                    service_incidents service_incidents_explained service_outages_found service_outages_injected \
                    service_visits violations";
    assert_eq!(keys.join(" "), expected);
    let of = |key: &str| figures[key].as_u64().expect("a number");
    assert_eq!((of("seed"), of("violations")), (7, 0));
    assert_eq!(of("outages_injected"), of("outages_found") + of("injected_but_masked"));
    assert!(of("outages_found") > 3 && of("incidents") > 0 && of("runs") > 100 && of("samples") > 1_000, "{figures:?}");
    // Seven services, of which some are looked at by the hour: a site has 1440 visits a day, and more while it fails.
    assert!(of("service_visits") > 5_000 && of("service_incidents_explained") > 0, "{figures:?}");
    assert!(of("service_outages_found") > 1 && of("service_outages_injected") < of("outages_injected"), "{figures:?}");
    assert_eq!(told("7"), figures, "the same seed plays the same");
    assert_ne!(told("8"), figures);
}

#[test]
fn somebody_at_a_terminal_sees_how_far_it_is_and_a_file_does_not() {
    let Some(script) = peer("script") else { return };
    let simulate = ["simulate", "--days", "12", "--links", "20", "--summary", "json"];
    let line = format!("{} {}", env!("CARGO_BIN_EXE_linkpatrol"), simulate.join(" "));
    let mut command = std::process::Command::new(script);
    command.args(["-qec", &line, "/dev/null"]).stdin(std::process::Stdio::null()).env("TERM", "xterm");
    let seen = command.output().expect("script");
    let days = regex::Regex::new(r"(\d+)/12 \(-").expect("a pattern");
    let seen = String::from_utf8_lossy(&seen.stdout);
    let days: Vec<u32> = days.captures_iter(&seen).filter_map(|found| found[1].parse().ok()).collect();
    assert!(days.len() > 1 && days.is_sorted(), "{seen:?}");
    let apart = linkpatrol().args(simulate).output().expect("the program");
    assert_eq!(String::from_utf8_lossy(&apart.stderr), "");
}

#[test]
fn a_simulation_that_cannot_be_is_refused() {
    for arguments in [["--days", "0"], ["--storm", "-1"], ["--links", "many"]] {
        let output = linkpatrol().arg("simulate").args(arguments).output().expect("the program");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", words(&output));
    }
}

/// What people were told was written down.
#[derive(Default)]
struct Promised {
    /// Incidents that were announced.
    incidents: Vec<String>,
    acknowledged: Vec<String>,
    /// Incident and what was noted about it.
    notes: Vec<(String, String)>,
}

const LINKS: u8 = 8;
/// Never cut: what is unknown of it is the time in which nobody was there.
const UNTOUCHED: u8 = LINKS;

/// `LINKPATROL_KILLS` says how often; a quarter of a hundred without it.
#[test]
fn what_was_promised_outlives_every_kill() {
    let number = |name: &str, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (kills, seed) = (number("LINKPATROL_KILLS", 25), number("LINKPATROL_SEED", 1631));
    let Some(mut site) = Site::make(LINKS) else { return };
    let mut random = StdRng::seed_from_u64(seed);
    let mut cut = [false; LINKS as usize];
    let (mut promised, mut dead) = (Promised::default(), 0);
    site.start(&[]);
    site.all_up(LINKS);
    for kill in 1..=kills {
        for _ in 0..random.random_range(1..4) {
            let link = random.random_range(1..UNTOUCHED);
            let is_cut = &mut cut[usize::from(link)];
            *is_cut = !*is_cut;
            if *is_cut { site.cut(link) } else { site.heal(link) }
        }
        let pause = |random: &mut StdRng, most| std::thread::sleep(Duration::from_millis(random.random_range(0..most)));
        pause(&mut random, 900);
        if random.random_bool(0.2) {
            // Long enough for an incident to be told of.
            std::thread::sleep(Duration::from_secs(4));
        }
        people_work(&site, kill, &mut random, &mut promised);
        // Half of the time it dies with its answer on its lips.
        if random.random_bool(0.5) {
            pause(&mut random, 600);
        }
        site.daemon().signal(libc::SIGKILL);
        let died = monotonic_nanos();
        site.daemon().wait(Duration::from_secs(10));
        if kill % 10 == 0 || kill == kills {
            verify(&site, &["verify"], kill, seed);
        }
        dead += (monotonic_nanos() - died) / 1_000_000;
        site.start(&[]);
        assert_kept(&site, &promised, kill, seed);
    }
    assert!(!promised.incidents.is_empty() && !promised.acknowledged.is_empty(), "a night without incidents");
    site.wait("the untouched link is up", |site| (site.state(UNTOUCHED) == "up").then_some(()));
    let month = &site.get(&format!("/api/v1/links/{}", name(UNTOUCHED))).json()["month"];
    let millis = |state: &str| month[state].as_u64().unwrap_or_else(|| panic!("no `{state}` in {month}"));
    assert!(
        millis("unknown") >= dead && millis("up") > 0 && millis("down") == 0,
        "{dead} ms dead, and booked: {month}"
    );
    site.daemon().signal(libc::SIGTERM);
    assert_eq!(site.daemon().wait(Duration::from_secs(10)), 0, "{}", site.printed());
    verify(&site, &["verify"], kills, seed);
    verify(&site, &["replay"], kills, seed);
    let Promised { incidents, acknowledged, notes } = promised;
    println!(
        "{kills} kills, seed {seed}: {} incidents, {} acknowledgements, {} notes, none lost; {dead} ms dead",
        incidents.len(),
        acknowledged.len(),
        notes.len()
    );
}

/// Takes incidents on and writes about them. What is answered is promised.
fn people_work(site: &Site, kill: u64, random: &mut StdRng, promised: &mut Promised) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let announced = |incident: &Value| !incident["announced"].is_null() && incident["merged_into"].is_null();
    let incidents: Vec<Value> = site.incidents().into_iter().filter(announced).collect();
    for incident in &incidents {
        let id = text(&incident["id"]);
        if !promised.incidents.contains(&id) {
            promised.incidents.push(id);
        }
    }
    let open: Vec<&Value> = incidents.iter().filter(|incident| incident["phase"] == "open").collect();
    if open.is_empty() {
        return;
    }
    let incident = open[random.random_range(0..open.len())];
    let (id, note) = (text(&incident["id"]), format!("第 {kill} 次"));
    if incident["acknowledged"].is_null() {
        let body = json!({"actor": "张三", "note": note});
        if site.post(&format!("/api/v1/incidents/{id}/acknowledge"), &body).is_ok() {
            promised.acknowledged.push(id.clone());
        }
    } else {
        let body = json!({"actor": "李四", "step": "notified", "party": "customer", "note": note});
        if site.post(&format!("/api/v1/incidents/{id}/record"), &body).is_ok() {
            promised.notes.push((id, note));
        }
    }
}

fn assert_kept(site: &Site, promised: &Promised, kill: u64, seed: u64) {
    let lost = |what: &str| -> ! { panic!("kill {kill} of seed {seed}: {what} is lost") };
    let told = |id: &str| {
        // No answer, such as after a pause of this machine, says nothing of the incident.
        let answer = site.wait("an answer", |site| site.try_get(&format!("/api/v1/incidents/{id}")));
        Some(answer).filter(Answer::is_ok).unwrap_or_else(|| lost(&format!("incident {id}"))).json()
    };
    // What is said of a part that was just merged stands with the whole.
    let stands = |id: &str, is_it: &dyn Fn(&Value) -> bool| {
        std::iter::successors(Some(told(id)), |part| part["merged_into"].as_str().map(told)).any(|one| is_it(&one))
    };
    for id in &promised.incidents {
        told(id);
    }
    for id in &promised.acknowledged {
        if !stands(id, &|incident| incident["acknowledged"]["actor"] == "张三") {
            lost(&format!("the acknowledgement of {id}"));
        }
    }
    for (id, note) in &promised.notes {
        let is_noted = |incident: &Value| {
            incident["timeline"]
                .as_array()
                .is_some_and(|entries| entries.iter().any(|entry| entry["note"] == json!(note)))
        };
        if !stands(id, &is_noted) {
            lost(&format!("`{note}` about {id}"));
        }
    }
}

fn verify(site: &Site, action: &[&str], kill: u64, seed: u64) {
    let mut command = linkpatrol();
    command.arg("journal").args(action).args(["--lang", "en", "--data-dir"]).arg(site.path("state"));
    let output = command.output().expect("the program");
    assert!(output.status.success(), "kill {kill} of seed {seed}: {}", words(&output));
}
