//! `cargo bench --bench ledger`: how long the shipped inventory of 1631 links takes to read, and a ledger of 20 000 links.
//!
//! Prints the median and the range of 31 rounds, by the clock and as processor time; fails when the shipped inventory needs
//! 50 ms of processor time or more (reading has one thread, so on an idle machine both are the same).

use std::{fs, path::Path, process::ExitCode, time::Duration};

use linkpatrol::{
    clock::{monotonic_nanos, thread_cpu},
    config::Config,
    diagnostic::Findings,
    inventory::Inventory,
    patrol::load,
};

const ROUNDS: usize = 31;
const MOST: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shipped = root.join("inventories/xuchang");
    let config = Config { inventory: shipped.clone(), probes: root.join("probes"), ..Config::default() };
    let large = twenty_thousand(&shipped);

    let ledger = measure("1631 links, inventory folder", || {
        let inventory = Inventory::load(&shipped, &mut Findings::default());
        assert_eq!(inventory.map(|inventory| inventory.links.len()), Some(1631));
    });
    measure("1631 links, everything that serve reads", || {
        assert!(load::load(config.clone(), Findings::default()).0.is_some());
    });
    measure("20 000 links, inventory folder", || {
        let inventory = Inventory::load(large.path(), &mut Findings::default());
        assert_eq!(inventory.map(|inventory| inventory.links.len()), Some(20_000));
    });
    if ledger < MOST { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Median processor time of the rounds, printed beside the time by the clock.
fn measure(what: &str, mut work: impl FnMut()) -> Duration {
    let (mut by_clock, mut processor) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        let (began, used) = (monotonic_nanos(), thread_cpu());
        work();
        by_clock.push(Duration::from_nanos(monotonic_nanos() - began));
        processor.push(thread_cpu() - used);
    }
    let [clock, processor] = [by_clock, processor].map(|mut rounds| {
        rounds.sort();
        (rounds[ROUNDS / 2], rounds[0], rounds[ROUNDS - 1])
    });
    for (kind, (median, least, most)) in [("clock", clock), ("processor", processor)] {
        println!("{what}, {kind}: median {median:.1?} (from {least:.1?} to {most:.1?}, {ROUNDS} rounds)");
    }
    processor.0
}

/// The shipped folder with its private lines repeated under new names.
fn twenty_thousand(shipped: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["inventory.yaml", "carriers.yaml", "units.yaml", "segments.yaml"] {
        fs::copy(shipped.join(file), folder.path().join(file)).expect("a copy");
    }
    let ledger = fs::read_to_string(shipped.join("links.csv")).expect("the ledger");
    let rows: Vec<&str> = ledger.lines().skip(1).collect();
    let mut large = ledger.lines().next().expect("headings").to_owned();
    for number in 0..20_000 {
        let (_, row) = rows[number % rows.len()].split_once(',').expect("a row");
        let (cid, rest) = row.split_once(',').expect("a row");
        large += &format!("\nL-{number},{cid}-{number},{rest}");
    }
    fs::write(folder.path().join("links.csv"), large).expect("a ledger");
    folder
}
