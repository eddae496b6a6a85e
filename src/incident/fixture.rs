//! An open incident for tests, and the moment at which it is looked at.

use std::time::Duration;

use super::{Clock, Incident, IncidentKind, IncidentPhase, Level, Scope, TimelineEntry};
use crate::{
    inventory::fixture::id,
    units::{Mono, Now, Timestamp},
};

/// 2026-01-01 08:00:00 in Shanghai.
pub(crate) const AT: Now = Now { mono: Mono(60_000), utc: Timestamp(1_767_225_600_000) };

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
        starts: "occurred".into(),
        switch: None,
        calendar: "7x24".into(),
        strict: false,
        workaround: false,
        nth: 0,
    };
    Incident {
        id: "01KDVDNK00000000000000TEST".into(),
        merged_into: None,
        phase: IncidentPhase::Open,
        tier: 2,
        levels: vec![Level { level: 2, since: began }],
        scope: Scope { kind: "segment".into(), id: "duct-017".into() },
        inferred: true,
        unit_power_suspected: false,
        kind: IncidentKind::Outage,
        source: None,
        drill: false,
        began,
        opened: began.plus(Duration::from_secs(1)),
        announced: Some(began.plus(Duration::from_secs(4))),
        restored: None,
        closed: None,
        acknowledgements: vec![],
        promises: vec![],
        confirmations: vec![],
        closed_by: None,
        annulled: None,
        resolution: None,
        clocks: vec![clock("response", 30), clock("restore", 240)],
        redundancy: vec![],
        relapses: 0,
        flapping: None,
        parent: None,
        links: vec![(id(2), true)],
        service: None,
        tickets: vec![],
        timeline: vec![TimelineEntry {
            at: began,
            event: "occurred".into(),
            actor: "linkpatrol".into(),
            note: String::new(),
            number: 1,
            way: "probe".into(),
            ..TimelineEntry::default()
        }],
        timeline_dropped: 0,
    }
}
