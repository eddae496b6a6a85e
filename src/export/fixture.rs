//! A small world for tests: links in every state, an open incident, times that do not move.

use std::{sync::Arc, time::Duration};

use crate::{
    contract::fixture::contract,
    incident::fixture::{AT, incident},
    inventory::{Inventory, Role, fixture::inventory},
    judge::{
        LinkState, Unknown,
        rule::{self, Alarm, PhaseName},
    },
    ledger::Accounted,
    snapshot::{CHUNK, Coverage, EngineView, JournalView, LinkView, PointView, Ready, ReloadView, Snapshot},
    units::{Counts, Rtt, Timestamp},
    window::{RTT_EDGES_NANOS, Summary},
};

/// States of the first links, over and over; the next ones are up.
const STATES: [LinkState; 7] = [
    LinkState::Up,
    LinkState::Degraded,
    LinkState::Down,
    LinkState::Unknown(Unknown::NeverVerified),
    LinkState::Unknown(Unknown::NotMeasured),
    LinkState::Maintenance,
    LinkState::Suspended,
];

/// So many links; the first seven are in a state each, and the third, down, has an open incident.
pub(crate) fn snapshot(links: usize) -> Snapshot {
    let inventory = Arc::new(inventory(links));
    let views: Vec<LinkView> = (0..links).map(|nth| view(STATES.get(nth).copied().unwrap_or(LinkState::Up))).collect();
    let alarms = if links > 2 { vec![Arc::new(alarm(&inventory))] } else { vec![] };
    let incidents = if links > 2 { vec![Arc::new(incident())] } else { vec![] };
    Snapshot {
        at: AT,
        labels: super::labels(&inventory),
        links: views.chunks(CHUNK).map(Arc::from).collect(),
        period: crate::ledger::Standard::of(&contract()).stretch_at(AT.utc),
        together: None,
        contract: Arc::new(contract()),
        inventory,
        incidents: incidents.into(),
        windows: Arc::default(),
        desk: Arc::default(),
        alarms: alarms.into(),
        rounds: Arc::default(),
        roster: Arc::default(),
        devices: Arc::default(),
        services: Arc::default(),
        site_rules: Arc::default(),
        expiries: Arc::default(),
        letters: Arc::default(),
        register: Arc::default(),
        handover: Arc::default(),
        coverage: Coverage { measured: links as u32, ..Coverage::default() },
        engine: EngineView {
            mode: "raw".into(),
            last_tick: Some(AT.mono),
            local_drops: vec![("send_enobufs", 3)],
            witnesses: vec![("核心 \"A\"".into(), true)],
            vantage_up: true,
            names_failing: 0,
            cpu_seconds: vec![("engine", 1.5)],
            ..EngineView::default()
        },
        doors: Arc::from([]),
        journal: Some(JournalView {
            entries: 4_711,
            head: "ba78".repeat(16),
            oldest: Some(Timestamp(AT.utc.0 - 86_400_000)),
            anchored: Some(Timestamp(AT.utc.0 - 3_600_000)),
            ..JournalView::default()
        }),
        reload: ReloadView { successful: true, last_success: AT.utc },
        keeps_incidents: true,
        simulated: false,
        ready: Ready::default(),
    }
}

/// The rule of the fixture fires on the second link, which is degraded.
fn alarm(inventory: &Inventory) -> Alarm {
    Alarm {
        rule: Arc::clone(&rule::fixture("when: loss_1m > 0.05, for: 30s").list[0]),
        link: inventory.links[1].id.clone(),
        phase: PhaseName::Firing,
        since: Timestamp(AT.utc.0 - 60_000),
        fired: Some(Timestamp(AT.utc.0 - 30_000)),
        cleared: None,
        zh_cn: "链路 LL-0001 丢包 6 %".into(),
        en: "link LL-0001 loses 6 %".into(),
    }
}

fn view(state: LinkState) -> LinkView {
    let measured = !matches!(state, LinkState::Unknown(Unknown::NeverVerified));
    let counts = if measured { Counts { answered: 999, lost: 1, unmeasured: 2 } } else { Counts::default() };
    let seen = |role, up| PointView {
        role,
        up,
        counts,
        late: 1,
        duplicates: 2,
        confirms: 3,
        last_rtt: measured.then_some(Rtt(Duration::from_micros(1_234))),
        jitter: measured.then_some(Rtt(Duration::from_nanos(56_789))),
        last_probe: measured.then_some(AT.utc),
        hop_limit: Some(64),
        consecutive_losses: 0,
        windows: Arc::new(
            [Summary {
                answered: counts.answered as u32,
                lost: counts.lost as u32,
                unmeasured: counts.unmeasured as u32,
                rtt_p95: 1_500_000,
                ..Summary::default()
            }; 4],
        ),
        beats: Arc::default(),
        histogram: [counts.answered as u32 / (RTT_EDGES_NANOS.len() as u32 + 1); RTT_EDGES_NANOS.len() + 1],
        rtt_sum_nanos: 1_234_567_890,
    };
    LinkView {
        state,
        state_since: Timestamp(AT.utc.0 - 30_000),
        points: Box::new([seen(Role::Near, Some(true)), seen(Role::Far, measured.then_some(state != LinkState::Down))]),
        deciding: Some(1),
        quality: Arc::default(),
        last_month: None,
        ended: None,
        is_control_plane: false,
        failures: Some(1),
        whole: None,
        month: Accounted { up: 59_000, down: 1_000, period: 31 * 86_400_000, ..Accounted::default() },
    }
}
