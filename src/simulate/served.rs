//! Services as they were told of, held against what was true.
//!
//! No outage that visits could prove is missed and none is told of that was not; what stands behind a link that is down is
//! told of as that link's; accounts sum, and their bounds hold the truth.

use std::collections::HashMap;

use super::{
    accounts,
    checks::{GRACE, Held, Outages},
    span::{Span, Spans},
    station::{Station, Told},
    visitor::millis,
    world::World,
};
use crate::{
    incident::{EffectKind, Incident, IncidentKind, IncidentPhase},
    patrol::load::Loaded,
    units::Timestamp,
};

/// Without a verdict after the dark for so long: witnesses come first.
const DARK_LASTS: i64 = 35_000;

/// How fast a service is proved down and up, milliseconds, at the latest.
#[derive(Clone, Copy, Debug)]
struct Proof {
    interval: i64,
    /// One visit.
    patience: i64,
    /// From the beginning of an outage, before which all was well.
    down: i64,
    /// From a moment of which nothing is known.
    down_after_dark: i64,
    /// From its end.
    up: i64,
}

/// The books of services.
pub struct Services {
    proofs: Vec<Proof>,
    held: Vec<Held>,
    places: HashMap<String, usize>,
    pub incidents: u64,
    pub explained: u64,
    pub outages: Outages,
}

impl Services {
    pub fn new(loaded: &Loaded) -> Self {
        let list = &loaded.services.list;
        let proof = |service: &std::sync::Arc<crate::profile::services::Service>| {
            let (interval, patience) = (millis(service.pace.interval), millis(service.check.deadline));
            let (confirm, spacing) = (i64::from(service.pace.confirm), millis(service.pace.spacing));
            Proof {
                interval,
                patience,
                down: interval + (confirm + 2) * patience + confirm * spacing + 1_000,
                down_after_dark: (confirm + 2) * (interval + patience) + confirm * spacing + 1_000,
                up: interval + 2 * patience + spacing + 1_000,
            }
        };
        Self {
            proofs: list.iter().map(proof).collect(),
            held: vec![Held::default(); list.len()],
            places: list.iter().map(|service| service.id.clone()).zip(0..).collect(),
            incidents: 0,
            explained: 0,
            outages: Outages::default(),
        }
    }

    /// What a turn told; returns what is wrong with it.
    pub fn hear(&mut self, told: &Told, at: i64, world: &World, station: &Station) -> Vec<String> {
        let mut wrong = vec![];
        for incident in told.incidents.iter().filter(|incident| incident.kind == IncidentKind::Service) {
            let id = incident.service.as_ref().map_or("", |service| service.id.as_str());
            let Some(number) = self.places.get(id).copied() else { continue };
            let is_open = incident.phase == IncidentPhase::Open;
            self.held[number].see(&incident.id, is_open && incident.announced.is_some(), !is_open, at);
            let is_told = |kind: EffectKind| {
                told.effects.iter().any(|effect| effect.incident == incident.id && effect.kind == kind)
            };
            self.incidents += u64::from(is_told(EffectKind::Opened));
            if is_told(EffectKind::Announced) {
                self.explained += u64::from(incident.parent.is_some());
                wrong.extend(explained_wrongly(incident, number, at, world, station));
            }
        }
        wrong
    }

    /// The time is over; returns what is wrong, and when it was.
    pub fn finish(&mut self, world: &World, station: &Station, now: Timestamp) -> Vec<(i64, String)> {
        let mut wrong = vec![];
        let dark = [&world.isolated, &world.blind, &world.dead];
        let dark = dark.into_iter().flat_map(Spans::iter).map(|span| Span { to: span.to + DARK_LASTS, ..span });
        let dark = Spans::of(dark.collect());
        for number in 0..world.services.len() {
            let fate = &world.services[number];
            let truth: Vec<Span> = fate.silent.iter().chain(fate.wrong.iter()).collect();
            let truth = Spans::of(truth);
            let outages = Spans::bridged(truth.iter().collect(), self.proofs[number].up);
            let held = self.held[number].end(world.length);
            for outage in outages.iter() {
                wrong.extend(self.outage_is_found(number, outage, &held, [&truth, &dark]));
            }
            wrong.extend(self.nothing_is_invented(number, &held, &truth, &dark));
            wrong.extend(self.account_is_right(number, [&truth, &outages], world, station, now));
        }
        wrong
    }

    fn outage_is_found(
        &mut self,
        number: usize,
        outage: Span,
        held: &[Span],
        [truth, dark]: [&Spans; 2],
    ) -> Option<(i64, String)> {
        let proof = self.proofs[number];
        let told = |span: &Span| held.iter().any(|held| held.from < span.to + proof.up + GRACE && held.to > span.from);
        let was_well =
            !dark.meets(Span { from: outage.from - 2 * proof.interval - 2 * proof.patience, to: outage.from });
        let is_visible = |span: &Span| match span.from == outage.from && was_well {
            true => span.length() >= proof.down,
            false => span.length() >= proof.down_after_dark,
        };
        let inside = truth.iter().filter(|span| span.from >= outage.from && span.to <= outage.to);
        let visible: Vec<Span> = inside.flat_map(|span| dark.gaps(span)).filter(is_visible).collect();
        self.outages.injected += 1;
        if told(&outage) {
            self.outages.found += 1;
        } else if visible.is_empty() {
            self.outages.masked += 1;
        }
        let missed = visible.into_iter().find(|span| !told(span))?;
        let what = format!("service {number} was down for {} ms, and nothing was told", missed.length());
        Some((missed.from, what))
    }

    fn nothing_is_invented(&self, number: usize, held: &[Span], truth: &Spans, dark: &Spans) -> Option<(i64, String)> {
        let proof = self.proofs[number];
        let is_invented = |held: &&Span| {
            let mut reach = Span { from: held.from - proof.down_after_dark - GRACE, to: held.from };
            if let Some(dark) = dark.next(reach.from).filter(|dark| dark.from < held.from) {
                reach.from = reach.from.min(dark.from - proof.down_after_dark);
            }
            !truth.meets(reach)
        };
        let invented = held.iter().find(is_invented)?;
        Some((invented.from, format!("service {number} is accused and was fine")))
    }

    fn account_is_right(
        &self,
        number: usize,
        [truth, outages]: [&Spans; 2],
        world: &World,
        station: &Station,
        now: Timestamp,
    ) -> Vec<(i64, String)> {
        let what = format!("service {number}");
        let (_, _, account) = station.services.known(number);
        let (booked, mut wrong) = accounts::booked(&what, (account, &station.closed_of_services[number]), station, now);
        let proof = self.proofs[number];
        let hidden = world.hidden();
        // It is seen up to an interval late, its end as well, and visits take their time.
        let slack = 2 * (proof.up + proof.patience);
        let most = outages.iter().map(|outage| outage.length() + slack).sum();
        let visible = truth.iter().flat_map(|span| hidden.gaps(span));
        let least = visible.map(|span| (span.length() - slack - proof.down_after_dark).max(0)).sum();
        let down = (booked.down + booked.degraded).cast_signed();
        wrong.extend(accounts::outside(&what, (least, most), (down, booked.unknown.cast_signed())));
        wrong.into_iter().map(|what| (world.length, what)).collect()
    }
}

/// What is told of a service says which link explains it, when that is down, and nothing else does.
fn explained_wrongly(incident: &Incident, number: usize, at: i64, world: &World, station: &Station) -> Option<String> {
    let fate = &world.services[number];
    let cuts = fate.link.map(|link| &world.links[link].cuts);
    let Some(parent) = &incident.parent else {
        let cut = cuts?.next(at).filter(|cut| cut.from + super::checks::SURE_DOWN <= at)?;
        let sight = Span { from: cut.from - super::checks::SURE_DOWN, to: at + 1 };
        let dark = [&world.isolated, &world.blind, &world.dead];
        // Set back meanwhile, the clock says that the link failed after the service.
        let is_back = world.steps.iter().any(|(moment, step)| *step < 0 && sight.has(*moment));
        let is_dark =
            is_back || dark.into_iter().any(|dark| dark.meets(Span { from: sight.from - DARK_LASTS, ..sight }));
        return (!is_dark)
            .then(|| format!("service {number} is told of, and its link is down for {} ms", at - cut.from));
    };
    let other = station.incidents().get(&parent.incident)?;
    let is_right = match &other.service {
        Some(service) => fate.before.is_some_and(|before| station.loaded.services.list[before].id == service.id),
        None => {
            let link = fate.link.map(|link| &station.loaded.inventory.links[link].id);
            let stands_there = other.links.iter().any(|(one, _)| Some(one) == link);
            stands_there && cuts.is_some_and(|cuts| cuts.meets(Span { from: at - GRACE - 60_000, to: at + 1 }))
        }
    };
    (!is_right).then(|| format!("service {number} is explained by {}, which it does not stand behind", parent.incident))
}
