//! From the live state to the one picture that outsiders may see.

use std::sync::Arc;

use super::{field::Field, keeping::Keeping, naming::Naming, turn::Loop};
use crate::{
    clock::thread_cpu,
    feed::Feed,
    incident::{Incident, failures},
    inventory::LinkIndex,
    judge::{self, LinkState, PointVerdict, PointWatch, Unknown},
    ledger::{Account, Standard, Stretch},
    notify::channels,
    snapshot::{CHUNK, Coverage, EngineView, LinkView, PointView, Ready, Snapshot},
    units::Now,
};

impl Loop {
    /// Shows outsiders and channels the world as it is now.
    pub fn publish(&mut self, feed: &Feed, now: Now) {
        let before = feed.load();
        let same_plan = Arc::ptr_eq(&before.inventory, &self.field.loaded.inventory);
        feed.publish(self.picture(if same_plan { &before.links } else { &[] }, now));
        self.show_channels(now);
    }

    /// What they send is of the world as it is.
    pub fn show_channels(&mut self, now: Now) {
        let world = self.world();
        self.keep(|keeping| {
            keeping.outbox.publish(world, now.utc);
        });
    }

    /// The one picture for outsiders; `before` are the chunks of the last one, of the same plan.
    pub fn picture(&mut self, before: &[Arc<[LinkView]>], now: Now) -> Snapshot {
        let stretch = self.periods.running(now.utc);
        let links = self.views(before, stretch.as_ref(), now);
        let standard = Standard::of(&self.field.loaded.contract);
        let mut picture = Snapshot {
            at: now,
            inventory: Arc::clone(&self.field.loaded.inventory),
            contract: Arc::clone(&self.field.loaded.contract),
            labels: Arc::clone(&self.labels),
            coverage: coverage(&links),
            links,
            period: stretch.unwrap_or_else(|| standard.stretch_at(now.utc)),
            together: None,
            incidents: self.incidents(),
            windows: self.keeping.as_ref().map(|keeping| Arc::clone(keeping.incidents.windows())).unwrap_or_default(),
            desk: self.keeping.as_ref().map(|keeping| Arc::clone(keeping.incidents.desk())).unwrap_or_default(),
            alarms: self.alarms.shown(),
            rounds: Arc::clone(&self.field.loaded.rounds),
            roster: Arc::clone(&self.field.loaded.roster),
            devices: Arc::clone(&self.field.loaded.devices),
            services: self.services.shown(now, &self.field.loaded.contract),
            site_rules: Arc::clone(&self.field.loaded.site_rules),
            expiries: Arc::clone(&self.field.loaded.expiries),
            letters: Arc::clone(&self.field.loaded.letters),
            register: self.keeping.as_ref().map(|keeping| Arc::clone(&keeping.register)).unwrap_or_default(),
            handover: self.keeping.as_ref().map(|keeping| Arc::new(keeping.handover(now))).unwrap_or_default(),
            doors: self.keeping.as_ref().map(|keeping| keeping.doors(&self.field.loaded).into()).unwrap_or_default(),
            engine: self.engine_view(),
            journal: self.keeping.as_ref().map(Keeping::journal_view),
            reload: self.reload,
            keeps_incidents: self.keeping.is_some(),
            simulated: self.letterhead.simulated,
            ready: self.readiness(),
        };
        let judged: Option<Vec<_>> =
            picture.links().map(|view| picture.judged(view).map(|whole| whole.accounted)).collect();
        picture.together = judged.and_then(|links| standard.together(links.iter()));
        picture
    }

    /// What the channels know of the world.
    pub fn world(&mut self) -> channels::World {
        channels::World {
            alarms: self.alarms.shown(),
            incidents: self.incidents(),
            inventory: Arc::clone(&self.field.loaded.inventory),
            zone: self.field.loaded.contract.time_zone,
            simulated: self.letterhead.simulated,
            doors: self.keeping.as_ref().map(|keeping| Arc::clone(&keeping.doors)).unwrap_or_default(),
        }
    }

    /// Pictures of all links, chunk by chunk. Chunks that are not dirty are those of the picture before.
    fn views(&mut self, before: &[Arc<[LinkView]>], stretch: Option<&Stretch>, now: Now) -> Vec<Arc<[LinkView]>> {
        let dirty = self.field.take_dirty();
        let chunk = |number: usize| -> Arc<[LinkView]> {
            match before.get(number) {
                Some(same) if !dirty[number] => Arc::clone(same),
                _ => {
                    let links = number * CHUNK..((number + 1) * CHUNK).min(self.field.states.len());
                    links.map(|link| self.view(link, stretch, now)).collect()
                }
            }
        };
        (0..dirty.len()).map(chunk).collect()
    }

    fn view(&self, number: usize, stretch: Option<&Stretch>, now: Now) -> LinkView {
        let view = view(&self.field, LinkIndex(number as u32), &self.accounts[number], now);
        LinkView { whole: self.whole(number, stretch, now).map(Box::new), ended: self.ended(number), ..view }
    }

    fn incidents(&self) -> Arc<[Arc<Incident>]> {
        self.keeping.as_ref().map_or_else(|| Arc::from([]), |keeping| keeping.incidents.list().into())
    }

    fn engine_view(&self) -> EngineView {
        let status = self.prober.status();
        let names = self.field.loaded.config.witnesses.iter().map(|witness| witness.name.clone());
        let witnesses = names.zip(self.field.witnesses_up()).collect::<Vec<_>>();
        let mut local_drops = status.drops;
        local_drops.push(("isolated", self.field.doubted()));
        local_drops.push(("facts_overflow", self.facts_dropped));
        local_drops.push(("alarms_overflow", self.alarms.left_out()));
        if let Some(keeping) = &self.keeping {
            local_drops.push(("store_overflow", keeping.store.status().lost));
            local_drops.push(("notices_overflow", keeping.overflow));
        }
        EngineView {
            mode: status.mode.to_owned(),
            last_tick: Some(status.last_tick),
            scheduler_lag_seconds: status.lag.as_secs_f64(),
            stamps_kernel: status.stamps[0],
            stamps_kernel_receive: status.stamps[1],
            stamps_user: status.stamps[2],
            local_drops,
            rejected: status.rejected,
            socket_buffer_bytes: status.socket_buffer_bytes,
            cpu_seconds: vec![("engine", status.cpu.as_secs_f64()), ("loop", thread_cpu().as_secs_f64())],
            vantage_up: self.field.isolated().is_none(),
            witnesses,
            rule_evaluations: self.alarms.evaluations(),
            names_failing: self.naming.as_ref().map_or(0, Naming::failing),
        }
    }

    fn readiness(&self) -> Ready {
        let mut reasons = vec![];
        if self.keeping.as_ref().is_some_and(|keeping| !keeping.store.status().healthy) {
            reasons.push("store_unusable");
        }
        if self.prober.status().mode == "no_right" {
            reasons.push("no_raw_socket_right");
        }
        Ready { reasons }
    }
}

/// How many links are measured, by the states in `links`.
pub fn coverage(links: &[Arc<[LinkView]>]) -> Coverage {
    let mut coverage = Coverage::default();
    for link in links.iter().flat_map(|chunk| chunk.iter()) {
        match link.state {
            LinkState::Unknown(Unknown::NeverVerified) => coverage.never_verified += 1,
            LinkState::Unknown(Unknown::NotMeasurable) => coverage.not_measurable += 1,
            LinkState::Suspended if link.points.is_empty() => coverage.not_measurable += 1,
            _ => coverage.measured += 1,
        }
    }
    coverage
}

fn view(field: &Field, index: LinkIndex, account: &Account, now: Now) -> LinkView {
    let link = &field.loaded.inventory.links[index.at()];
    let role = field.loaded.contract.measuring_point(link.kind);
    let standard = Standard::of(&field.loaded.contract);
    let (zone, gap) = (field.loaded.contract.time_zone, field.loaded.contract.terms.flaps.gap.value);
    let points = link.points.iter().zip(field.points_of(index));
    LinkView {
        state: field.states[index.at()],
        state_since: field.since[index.at()],
        points: points.map(|(point, watch)| point_view(point.role, watch, now)).collect(),
        deciding: judge::deciding_point(&link.points, role).map(|place| place as u8),
        month: account.accounted_by(&standard, now.utc, zone),
        whole: None,
        failures: account.spells(&standard, now.utc).map(|spells| failures(&spells, gap)),
        quality: account.quality(now.utc),
        last_month: account.last_month().map(Arc::clone),
        ended: None,
        is_control_plane: super::quality::is_control_plane(field, index),
    }
}

fn point_view(role: crate::inventory::Role, watch: &PointWatch, now: Now) -> PointView {
    let window = &watch.window;
    PointView {
        role,
        up: match watch.judge.verdict() {
            PointVerdict::Up => Some(true),
            PointVerdict::Down => Some(false),
            PointVerdict::NeverVerified | PointVerdict::Unknown { .. } => None,
        },
        counts: window.counts(),
        late: window.late(),
        duplicates: window.duplicates(),
        confirms: window.confirms(),
        last_rtt: window.last_rtt(),
        jitter: window.jitter(),
        last_probe: window.last_probe().map(|sent| now.utc_of(sent)),
        hop_limit: window.hop_limit(),
        consecutive_losses: window.consecutive_losses(),
        windows: Arc::clone(window.summaries()),
        beats: Arc::clone(window.beats()),
        histogram: *window.edges(),
        rtt_sum_nanos: window.rtt_sum_nanos(),
    }
}
