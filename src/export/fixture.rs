//! A small world for tests: links in every state, an open incident, times that do not move.

use std::{net::Ipv4Addr, path::Path, sync::Arc, time::Duration};

use crate::{
    contract::{Contract, Degraded, Grouping, LinkTiers, MeasuringPoints, Objectives, Tier},
    diagnostic::Place,
    incident::{Clock, Incident, IncidentKind, IncidentPhase, Scope, TimelineEntry},
    inventory::*,
    judge::{LinkState, Unknown},
    ledger::Accounted,
    snapshot::{CHUNK, Coverage, EngineView, LinkView, PointView, Ready, ReloadView, Snapshot},
    units::{BitRate, Counts, Limit, Mono, Now, Ppm, Rtt, Timestamp},
    window::{RTT_EDGES_NANOS, Summary},
};

/// 2026-01-01 08:00:00 in Shanghai.
pub(crate) const AT: Now = Now { mono: Mono(60_000), utc: Timestamp(1_767_225_600_000) };

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
    let incidents = if links > 2 { vec![Arc::new(incident())] } else { vec![] };
    Snapshot {
        at: AT,
        labels: super::labels(&inventory),
        links: views.chunks(CHUNK).map(Arc::from).collect(),
        contract: Arc::new(contract()),
        inventory,
        incidents: incidents.into(),
        coverage: Coverage { measured: links as u32, ..Coverage::default() },
        engine: EngineView {
            mode: "raw".into(),
            last_tick: Some(AT.mono),
            local_drops: vec![("send_enobufs", 3)],
            witnesses: vec![("核心 \"A\"".into(), true)],
            vantage_up: true,
            cpu_seconds: vec![("engine", 1.5)],
            ..EngineView::default()
        },
        reload: ReloadView { successful: true, last_success: AT.utc },
        keeps_incidents: true,
        simulated: false,
        ready: Ready::default(),
    }
}

pub(crate) fn incident() -> Incident {
    let began = Timestamp(AT.utc.0 - 30_000);
    let clock = |clock: &str, minutes: u64| Clock {
        clock: clock.into(),
        tier: 2,
        party: "operator".into(),
        started: began,
        deadline: began.plus(Duration::from_secs(60 * minutes)),
        stopped: None,
        overdue: None,
        clause: "001 L131".into(),
    };
    Incident {
        id: "01KDVDNK00000000000000TEST".into(),
        merged_into: None,
        phase: IncidentPhase::Open,
        tier: 2,
        scope: Scope { kind: "segment".into(), id: "duct-017".into() },
        inferred: true,
        unit_power_suspected: false,
        kind: IncidentKind::Outage,
        began,
        opened: began.plus(Duration::from_secs(1)),
        announced: None,
        restored: None,
        closed: None,
        acknowledged: None,
        closed_by: None,
        clocks: vec![clock("response", 30), clock("restore", 240)],
        links: vec![(id(2), true)],
        timeline: vec![TimelineEntry {
            at: began,
            event: "occurred".into(),
            actor: "linkpatrol".into(),
            note: String::new(),
        }],
        timeline_dropped: 0,
    }
}

fn inventory(links: usize) -> Inventory {
    let place = Place { file: Path::new("links.csv").into(), line: 1, column: 1 };
    let link = |nth: usize| Link {
        id: id(nth),
        cid: format!("A/{nth}"),
        kind: Kind::ALL[nth % 3],
        carrier: CarrierIndex(0),
        unit: UnitIndex(0),
        a_end: "示例机房 \"1\"".into(),
        z_end: format!("示例单位 {nth}"),
        bandwidth: BitRate(100_000_000),
        priority: Priority::Normal,
        status: Status::Active,
        installed: None,
        group: None,
        segments: vec![SegmentIndex(0)],
        points: [Role::Near, Role::Far].map(|role| point(role, &place)).into(),
        first_point: PointIndex(2 * nth as u32),
        overrides: Overrides::default(),
        place: place.clone(),
    };
    Inventory {
        name: "示例".into(),
        folder: Path::new(".").into(),
        synthetic: false,
        declared: Declared::default(),
        carriers: vec![Carrier {
            id: "carrier-a".into(),
            name: "运营商甲".into(),
            overrides: Overrides::default(),
            place: place.clone(),
        }],
        units: vec![Unit {
            id: "U01".into(),
            name: "示例单位一".into(),
            overrides: Overrides::default(),
            place: place.clone(),
        }],
        segments: vec![Segment {
            id: "duct-017".into(),
            kind: SegmentKind::Duct,
            name: "示例管道".into(),
            place: place.clone(),
        }],
        links: (0..links).map(link).collect(),
        fingerprint: 1,
    }
}

fn id(nth: usize) -> LinkId {
    LinkId::parse(&format!("LL-{nth:04}")).unwrap()
}

fn point(role: Role, place: &Place) -> Point {
    Point {
        role,
        target: Target::Address(Ipv4Addr::LOCALHOST.into()),
        responder: Responder::Host,
        place: place.clone(),
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
        windows: [Summary { counts, rtt_p95: 1_500_000, ..Summary::default() }; 4],
        histogram: std::array::from_fn(|edge| counts.answered * (edge as u64 + 1) / (RTT_EDGES_NANOS.len() as u64 + 1)),
        rtt_sum_nanos: 1_234_567_890,
    };
    LinkView {
        state,
        state_since: Timestamp(AT.utc.0 - 30_000),
        points: vec![seen(Role::Near, Some(true)), seen(Role::Far, measured.then_some(state != LinkState::Down))],
        deciding: Some(1),
        month: Accounted { up: 59_000, down: 1_000, period: 31 * 86_400_000, ..Accounted::default() },
    }
}

fn contract() -> Contract {
    let tier = |level, response: u64, restore: u64| Tier {
        level,
        response: Duration::from_secs(60 * response),
        restore: Duration::from_secs(60 * restore),
        clause: "001 L131".into(),
    };
    Contract {
        name: "示例合同".into(),
        time_zone: chrono_tz::Asia::Shanghai,
        objectives: Objectives {
            availability: Ppm(999_000),
            rtt: Rtt(Duration::from_millis(50)),
            loss: Limit::AtMost(Ppm(1_000)),
            clause: "001 L101".into(),
        },
        tiers: LinkTiers { network_share: Ppm(800_000), network: tier(1, 15, 120), partial: tier(2, 30, 240) },
        measuring_points: MeasuringPoints { default: Role::Far, by_kind: vec![] },
        degraded: Degraded {
            loss: Limit::AtMost(Ppm(10_000)),
            loss_clear: Limit::AtMost(Ppm(5_000)),
            rtt: Rtt(Duration::from_millis(50)),
        },
        grouping: Grouping {
            grace: Duration::from_secs(3),
            grace_most: Duration::from_secs(15),
            scope_share: Ppm(800_000),
        },
        close_after: Duration::from_secs(3_600),
        figures: vec![],
    }
}
