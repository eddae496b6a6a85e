//! Simulated time at the level of samples, through `window`, `judge`, `incident`, `ledger` and `notify`, from seeds.
//!
//! A failure prints its seed, its story, and the command that plays it again; `LINKPATROL_SEED=<seed> cargo test --test sim`
//! plays only that one.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

#[path = "sim/losses.rs"]
mod losses;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use linkpatrol::{
    config::Config,
    demo::stage,
    incident::Incident,
    patrol::load::Loaded,
    simulate::{Outcome, Pace, Plan, Summary, play, serve},
};

const MONTH_SECONDS: u32 = 30 * 86_400;
/// 0.05 %.
const LOSS: f64 = 0.000_5;

/// The seeds of a run: the given one, or these.
fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("LINKPATROL_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (1..=count).collect(),
    }
}

/// 4.2e9 probes, of which 2.1e6 are lost: the loss of three confirm probes after one of them is to be expected once in
/// 3800 such months.
#[test]
fn a_month_of_random_loss_raises_no_false_alarm() {
    for seed in seeds(1) {
        let month = losses::play(seed, 1631, MONTH_SECONDS, LOSS);
        assert_eq!(month.changes, [], "seed {seed}");
        let expected = 1631.0 * f64::from(MONTH_SECONDS) * LOSS;
        let off = (month.lost as f64 - expected).abs() / expected;
        assert!(off < 0.01, "seed {seed}: {} losses, {expected} expected", month.lost);
    }
}

/// What makes the month above cheap is sound: the judge says the same of runs of answers as of each by itself.
#[test]
fn runs_of_answers_are_the_same_as_playing_them() {
    for seed in seeds(8) {
        let (runs, each) = (losses::play(seed, 3, 20_000, 0.7), losses::play_each(seed, 3, 20_000, 0.7));
        assert!(!runs.changes.is_empty(), "seed {seed}: {} changes", runs.changes.len());
        assert_eq!((&runs.changes, runs.lost), (&each.changes, each.lost), "seed {seed}");
    }
}

/// A city of so many links and services.
fn city(links: usize, services: usize) -> Arc<Loaded> {
    let mut city = stage::load(&Config::shipped(), Some(links), None).unwrap();
    serve(&mut city, services);
    Arc::new(city)
}

fn assert_fine(outcome: &Outcome, [links, services]: [usize; 2], plan: Plan) {
    let Plan { seed, days, storm, .. } = plan;
    let command = format!(
        "linkpatrol simulate --days {days} --links {links} --services {services} --storm {storm} --seed {seed}"
    );
    let story = [outcome.violations.join("\n"), outcome.story.join("\n")].join("\n");
    assert_eq!(outcome.summary.violations, 0, "seed {seed}:\n{story}\nplay it again with: {command}");
}

/// Everything at once, and often: cuts, flaps, ducts, carriers, isolation, clock steps, restarts, late people.
#[test]
fn a_thousand_stormy_days_break_no_rule() {
    const SIZE: [usize; 2] = [5, 3];
    let (city, seeds) = (city(SIZE[0], SIZE[1]), seeds(1_000));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut sums = [0; 6];
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
            let plan = Plan { seed, days: 1, storm: 25.0, pace: Pace::Runs };
            let outcome = play(&city, plan, |_| {});
            assert_fine(&outcome, SIZE, plan);
            let Summary { outages_injected, outages_found, injected_but_masked, incidents, .. } = outcome.summary;
            let Summary { service_outages_found, service_incidents_explained, .. } = outcome.summary;
            let links = [outages_injected, outages_found, injected_but_masked, incidents];
            let of_seed = [links.as_slice(), &[service_outages_found, service_incidents_explained]].concat();
            sums = std::array::from_fn(|place| sums[place] + of_seed[place]);
        }
        sums
    };
    let [injected, found, masked, incidents, of_services, explained] = std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let (mine, other) = (work(), other.join().unwrap());
        std::array::from_fn(|place| mine[place] + other[place])
    });
    println!("{incidents} incidents; {injected} outages: {found} found, {masked} that nobody could have seen");
    println!("of services {of_services} found, {explained} explained at once");
    assert_eq!(injected, found + masked);
    assert!(seeds.len() < 1_000 || found > 5_000 && masked > 100 && of_services > 500 && explained > 50);
}

/// What makes half a year cheap is sound: a day of fifty links, probe by probe, gives the same incidents to the millisecond.
#[test]
fn runs_are_the_same_as_every_probe_by_itself() {
    for seed in seeds(1) {
        let (city, plan) = (city(50, 40), Plan { seed, days: 1, storm: 25.0, pace: Pace::Runs });
        let (runs, every) = (play(&city, plan, |_| {}), play(&city, Plan { pace: Pace::EveryProbe, ..plan }, |_| {}));
        assert_fine(&runs, [50, 40], plan);
        let list = |outcome: &Outcome| -> Vec<Incident> {
            outcome.incidents.iter().map(|incident| Incident::clone(incident)).collect()
        };
        assert_eq!((every.summary.runs, every.summary.violations), (0, 0), "seed {seed}: {:?}", every.violations);
        assert_eq!(runs.probes, every.probes, "seed {seed}");
        assert_eq!(runs.told, every.told, "seed {seed}");
        assert_eq!(runs.summary.service_visits, every.summary.service_visits, "seed {seed}");
        assert_eq!(list(&runs), list(&every), "seed {seed}");
        assert!(runs.summary.incidents > 10 && runs.summary.samples * 4 < every.summary.samples, "{:?}", runs.summary);
    }
}

#[test]
fn the_same_seed_plays_the_same() {
    for seed in seeds(1) {
        let (city, plan) = (city(20, 20), Plan { seed, days: 2, storm: 25.0, pace: Pace::Runs });
        let (one, other) = (play(&city, plan, |_| {}), play(&city, plan, |_| {}));
        assert!(one.told.len() > 10, "seed {seed}: {} effects", one.told.len());
        assert_eq!((one.summary, one.told), (other.summary, other.told), "seed {seed}");
    }
}
