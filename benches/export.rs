//! Time and size of one scrape of the shipped 1631 links: `cargo bench --bench export`.
//!
//! Every link has every sample that it can have. The figure to stay under is 20 ms.

use std::{hint::black_box, sync::Arc, time::Duration};

use linkpatrol::{
    clock::monotonic_nanos,
    export::{self, Scrape},
    judge::LinkState,
    ledger::{Accounted, Standard},
    patrol::load::{Loaded, from_file},
    snapshot::{CHUNK, Coverage, EngineView, LinkView, PointView, Ready, ReloadView, Snapshot},
    units::{Counts, Now, Rtt, Timestamp},
    window::{RTT_EDGES_NANOS, Summary},
};

const ROUNDS: usize = 50;

fn main() {
    let (loaded, findings) = from_file(None);
    let loaded = loaded.unwrap_or_else(|| panic!("the shipped inventory has errors: {findings:?}"));
    let snapshot = Arc::new(snapshot(&loaded));
    let mut nanos: Vec<u64> = (0..ROUNDS)
        .map(|_| {
            let began = monotonic_nanos();
            // Each part goes to the socket and is forgotten.
            Scrape::of(Arc::clone(&snapshot)).for_each(|part| drop(black_box(part)));
            monotonic_nanos() - began
        })
        .collect();
    let out: String = Scrape::of(snapshot).collect();
    let first = nanos[0];
    nanos.sort_unstable();
    let series = out.lines().filter(|line| !line.starts_with('#')).count();
    let points = loaded.inventory.links.iter().map(|link| link.points.len()).sum();
    let (expected_series, expected_bytes) = export::expected(loaded.inventory.links.len(), points);
    println!("links {}  points {points}", loaded.inventory.links.len());
    println!("series {series} (check announces {expected_series})  bytes {} ({expected_bytes})", out.len());
    let ms = |nanos: u64| nanos as f64 / 1e6;
    println!(
        "first {:.2} ms  median {:.2} ms  worst {:.2} ms",
        ms(first),
        ms(nanos[ROUNDS / 2]),
        ms(nanos[ROUNDS - 1])
    );
}

fn snapshot(loaded: &Loaded) -> Snapshot {
    let inventory = loaded.inventory.clone();
    let views: Vec<_> = inventory
        .links
        .iter()
        .map(|link| LinkView {
            state: LinkState::Up,
            state_since: Timestamp(1_767_225_600_000),
            deciding: (!link.points.is_empty()).then_some(0),
            points: link.points.iter().map(|point| seen(point.role, u64::from(link.first_point.0))).collect(),
            quality: Arc::default(),
            last_month: None,
            ended: None,
            is_control_plane: false,
            failures: Some(1),
            whole: None,
            month: Accounted { up: 2_591_999_123, down: 877, period: 2_678_400_000, ..Accounted::default() },
        })
        .collect();
    Snapshot {
        at: Now::default(),
        labels: export::labels(&inventory),
        links: views.chunks(CHUNK).map(Arc::from).collect(),
        period: Standard::of(&loaded.contract).stretch_at(Timestamp::default()),
        together: None,
        inventory,
        contract: loaded.contract.clone(),
        windows: Arc::default(),
        desk: Arc::default(),
        alarms: Arc::from([]),
        rounds: Arc::default(),
        roster: Arc::default(),
        devices: Arc::default(),
        site_rules: Arc::default(),
        expiries: Arc::default(),
        letters: Arc::default(),
        services: Arc::default(),
        register: Arc::default(),
        handover: Arc::default(),
        incidents: [].into(),
        coverage: Coverage::default(),
        engine: EngineView::default(),
        doors: Arc::from([]),
        journal: None,
        reload: ReloadView::default(),
        keeps_incidents: true,
        simulated: false,
        ready: Ready::default(),
    }
}

/// A point after a month of one probe a second, each with figures of its own.
fn seen(role: linkpatrol::inventory::Role, number: u64) -> PointView {
    let counts = Counts { answered: 2_590_000 + number, lost: 137 + number % 10, unmeasured: 3 };
    PointView {
        role,
        up: Some(true),
        counts,
        late: 12,
        duplicates: 1,
        confirms: 400,
        last_rtt: Some(Rtt(Duration::from_nanos(1_234_567 + number))),
        jitter: Some(Rtt(Duration::from_nanos(45_678 + number))),
        last_probe: Some(Timestamp(1_767_225_600_123)),
        hop_limit: Some(61),
        consecutive_losses: 0,
        windows: Arc::new([Summary { answered: counts.answered as u32, ..Summary::default() }; 4]),
        beats: Arc::default(),
        histogram: [counts.answered as u32 / (RTT_EDGES_NANOS.len() as u32 + 1); RTT_EDGES_NANOS.len() + 1],
        rtt_sum_nanos: counts.answered * 1_234_567,
    }
}
