//! Every metric about links, incidents, coverage and ourselves, in Prometheus text format, written from a snapshot.
//!
//! In: a [`Snapshot`]. Out: text. Label text is rendered once per reload ([`labels`]), so a scrape only copies bytes
//! and digits. HTTP and notice metrics are not here: they live in a `prometheus::Registry`, and no family is in both.

mod families;
#[cfg(test)]
pub(crate) mod fixture;
mod links;
mod services;
mod sites;
mod text;

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::Arc,
};

use self::{
    families::*,
    text::{Value, escape, family, sample},
};
use crate::{
    duty,
    incident::IncidentPhase,
    inventory::{Inventory, Link, Registered},
    judge::rule::PhaseName,
    snapshot::{LinkLabels, ServiceView, ServicesView, Snapshot},
    units::{Timestamp, billionths},
};

/// Most series that one link with one point may have: the budget is 45.
const SERIES_PER_LINK: usize = 42;
/// Families of incidents, coverage and ourselves, with four witnesses and a dozen reasons.
const SERIES_BESIDE_LINKS: usize = 100;
/// Most series that firing alarms, and links of open incidents, add for each link on the whole: more at once is one alarm, not many.
const PER_LINK: usize = 2;
/// Mean length of a sample of the shipped inventory, its share of HELP and TYPE lines included.
const BYTES_PER_SERIES: usize = 66;

/// Room for one family of one chunk of links; the histogram alone needs more.
const PART: usize = 128 << 10;

/// Scopes that are always shown, at zero if need be, so that an alert on their rise has a start.
const SCOPES: [&str; 7] = ["link", "group", "segment", "carrier", "unit", "network", "prober"];

/// Name of every family that this module writes.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|family| family.name)
}

/// Names of the families that have a series of this service now, in the order in which they are written.
pub fn of_service(services: &ServicesView, view: &ServiceView) -> Vec<String> {
    let id = &view.service.id;
    let site = services.sites.get(id).map(|site| (id.clone(), Arc::clone(site)));
    let one = ServicesView { list: vec![view.clone()], sites: site.into_iter().collect(), ..ServicesView::default() };
    let mut written = String::new();
    services::write(&one, &mut written);
    sites::write(&one, &mut written);
    let series = written.lines().filter(|line| !line.starts_with('#'));
    let mut names: Vec<String> =
        series.filter_map(|line| line.split_once("{service=")).map(|(name, _)| name.to_owned()).collect();
    names.dedup();
    names
}

/// Series and bytes that a scrape of so many links and points will have, for `check`.
pub fn expected(links: usize, points: usize) -> (usize, usize) {
    let series = links * SERIES_PER_LINK + points.saturating_sub(links) + SERIES_BESIDE_LINKS;
    (series, series * BYTES_PER_SERIES)
}

/// A share as a number, truncated after nine places like every ratio of a scrape; `None` without evidence.
pub fn ratio((part, whole): (u64, u64)) -> Option<f64> {
    (whole > 0).then(|| billionths(part, whole) as f64 / 1e9)
}

/// Label text of every link, in ledger order.
pub fn labels(inventory: &Inventory) -> Arc<[LinkLabels]> {
    inventory.links.iter().map(|link| link_labels(inventory, link)).collect()
}

fn link_labels(inventory: &Inventory, link: &Link) -> LinkLabels {
    let (carrier, unit) = (&inventory.carriers[link.carrier.at()], &inventory.units[link.unit.at()]);
    let bandwidth = link.bandwidth.0.to_string();
    let mut info = format!("link=\"{}\"", link.id);
    let link_length = info.len();
    for (name, value) in [
        ("cid", link.cid.as_str()),
        ("carrier", &carrier.id),
        ("carrier_name", &carrier.name),
        ("unit", &unit.id),
        ("unit_name", &unit.name),
        ("kind", link.kind.as_str()),
        ("a_end", &link.a_end),
        ("z_end", &link.z_end),
        ("bandwidth_bps", &bandwidth),
        ("group", link.group.as_deref().unwrap_or_default()),
        ("priority", link.priority.as_str()),
    ] {
        _ = write!(info, ",{name}=\"{}\"", escape(value));
    }
    LinkLabels { info: info.into(), link_length }
}

/// One scrape, in parts of at most some hundred kilobytes: whoever reads slowly makes nobody hold all of it.
pub struct Scrape {
    snapshot: Arc<Snapshot>,
    next: usize,
}

impl Scrape {
    pub fn of(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot, next: 0 }
    }
}

impl Iterator for Scrape {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let (snapshot, number) = (&*self.snapshot, self.next);
        let mut out = String::with_capacity(PART);
        match number.cmp(&links::parts(snapshot)) {
            Ordering::Less => links::write_part(snapshot, number, &mut out),
            Ordering::Equal => {
                write_incidents(snapshot, &mut out);
                write_work(snapshot, &mut out);
                write_rules(snapshot, &mut out);
                write_rounds(snapshot, &mut out);
                write_desk(snapshot, &mut out);
                write_devices(snapshot, &mut out);
                services::write(&snapshot.services, &mut out);
                sites::write(&snapshot.services, &mut out);
                write_register(snapshot, &mut out);
                write_coverage(snapshot, &mut out);
                write_ourselves(snapshot, &mut out);
            }
            Ordering::Greater => return None,
        }
        self.next += 1;
        Some(out)
    }
}

/// Planned work that runs now.
fn write_work(snapshot: &Snapshot, out: &mut String) {
    let mut counts: BTreeMap<(&str, &str, bool), u64> = SCOPES.map(|scope| ((scope, "valid", false), 0)).into();
    for window in snapshot.windows.list() {
        let turn =
            window.turn(snapshot.at.utc, snapshot.contract.time_zone).filter(|turn| turn.from <= snapshot.at.utc);
        if let (Some(turn), Some(scope)) = (turn, window.scopes.first()) {
            let standing = window.standing(turn.from, &snapshot.contract).as_str();
            *counts.entry((&scope.kind, standing, window.drill)).or_default() += 1;
        }
    }
    family(out, &MAINTENANCE);
    for ((scope, standing, drill), count) in counts {
        let pieces = [scope, "\",standing=\"", standing, "\",drill=\"", if drill { "true\"" } else { "false\"" }];
        sample(out, &MAINTENANCE, "", "scope=\"", &pieces, Value::Whole(count));
    }
}

fn write_incidents(snapshot: &Snapshot, out: &mut String) {
    let tiers = [snapshot.contract.tiers.network.level, snapshot.contract.tiers.partial.level];
    let phases = [IncidentPhase::Open, IncidentPhase::Restored, IncidentPhase::Closed];
    let mut counts: BTreeMap<(u8, &str, &str), u64> = BTreeMap::new();
    for tier in tiers {
        for scope in SCOPES {
            counts.extend(phases.map(|phase| ((tier, scope, phase.as_str()), 0)));
        }
    }
    for incident in snapshot.incidents.iter() {
        *counts.entry((incident.tier, &incident.scope.kind, incident.phase.as_str())).or_default() += 1;
    }
    family(out, &INCIDENTS);
    for ((tier, scope, phase), count) in counts {
        let pieces = [&tier.to_string(), "\",scope=\"", scope, "\",phase=\"", phase, "\""];
        sample(out, &INCIDENTS, "", "tier=\"", &pieces, Value::Whole(count));
    }
    family(out, &INCIDENT_LINK);
    let open = snapshot.incidents.iter().filter(|incident| incident.phase == IncidentPhase::Open);
    let down = open.flat_map(|incident| {
        let told = incident.parent.as_ref().map_or(&incident.id, |parent| &parent.incident);
        incident.links.iter().filter(|(_, down)| *down).map(move |(link, _)| (told, link))
    });
    for (incident, link) in down.collect::<BTreeSet<_>>().into_iter().take(snapshot.inventory.links.len() * PER_LINK) {
        sample(out, &INCIDENT_LINK, "", "incident=\"", &[incident, "\",link=\"", link.as_str(), "\""], Value::Whole(1));
    }
    family(out, &DEADLINE);
    for incident in snapshot.incidents.iter() {
        // Two clauses may run the same clock: the stricter one is shown.
        let mut first: BTreeMap<(u8, &str, &str), i64> = BTreeMap::new();
        for clock in incident.clocks.iter().filter(|clock| clock.stopped.is_none()) {
            let known = first.entry((clock.tier, &clock.clock, &clock.party)).or_insert(clock.deadline.0);
            *known = clock.deadline.0.min(*known);
        }
        for ((tier, clock, party), deadline) in first {
            let (tier, party) = (tier.to_string(), escape(party));
            let pieces = [&incident.id, "\",tier=\"", &tier, "\",clock=\"", clock, "\",party=\"", &party, "\""];
            sample(out, &DEADLINE, "", "incident=\"", &pieces, Value::Millis(deadline));
        }
    }
}

fn write_rules(snapshot: &Snapshot, out: &mut String) {
    let firing = snapshot.alarms.iter().filter(|alarm| alarm.phase == PhaseName::Firing);
    family(out, &RULE_FIRING);
    for alarm in firing.take(snapshot.inventory.links.len() * PER_LINK) {
        let pieces = ["=\"", &alarm.rule.name, "\",link=\"", alarm.link.as_str(), "\""];
        sample(out, &RULE_FIRING, "", "rule", &pieces, Value::Whole(1));
    }
    alone(out, &RULE_EVALUATIONS, Value::Whole(snapshot.engine.rule_evaluations));
}

fn write_rounds(snapshot: &Snapshot, out: &mut String) {
    let open = [duty::Status::Planned, duty::Status::Due, duty::Status::Late];
    let count = |status: duty::Status| (status.as_str(), Value::Whole(snapshot.register.count(status) as u64));
    labelled(out, &ROUNDS, "status", open.map(count));
    let ended = snapshot.register.ended().map(|(outcome, count)| (outcome, Value::Whole(count)));
    labelled(out, &ROUNDS_ENDED, "outcome", ended);
}

fn write_desk(snapshot: &Snapshot, out: &mut String) {
    let waiting = snapshot.desk.waiting().map(|(kind, count)| (kind, Value::Whole(count as u64)));
    labelled(out, &DESK, "kind", waiting);
}

fn write_devices(snapshot: &Snapshot, out: &mut String) {
    let (devices, swaps) = (&snapshot.devices, &snapshot.register.swaps);
    let coverage = devices.coverage(swaps);
    alone(out, &SPARES, Value::Ratio(coverage.with_spare as u64, coverage.models as u64));
    let overdue = swaps.out().filter(|out| out.overdue).count();
    let out_in_time = swaps.out().count() - overdue;
    let in_use = devices.list.iter().filter(|device| swaps.of(&device.id).is_none()).count();
    let statuses = [("in_use", in_use), ("out", out_in_time), ("overdue", overdue)];
    labelled(out, &DEVICES, "status", statuses.map(|(status, count)| (status, Value::Whole(count as u64))));
    let (in_time, late) = swaps.ended();
    let swapped = [("in_time", in_time), ("late", late)];
    labelled(out, &SWAPS, "outcome", swapped.map(|(outcome, count)| (outcome, Value::Whole(count))));
    let deadlines = swaps.out().filter_map(|one| Some((one.device.as_str(), one.swap.as_ref()?.deadline)));
    labelled(out, &SWAP_DEADLINE, "device", deadlines.map(|(device, at)| (device, Value::Millis(at.0))));
}

fn write_register(snapshot: &Snapshot, out: &mut String) {
    if snapshot.expiries.list.is_empty() {
        return;
    }
    let label = |one: &Registered| format!("entry=\"{}\",kind=\"{}\"", escape(&one.id), one.kind.as_str());
    family(out, &REGISTER_EXPIRY);
    for (one, ..) in snapshot.registered() {
        sample(out, &REGISTER_EXPIRY, "", &label(one), &[], Value::Millis(one.ends.0));
    }
    family(out, &REGISTER_RUNG);
    for (one, _, rung) in snapshot.registered() {
        if let Some(rung) = rung {
            sample(out, &REGISTER_RUNG, "", &label(one), &[], Value::Whole(rung.into()));
        }
    }
}

fn write_coverage(snapshot: &Snapshot, out: &mut String) {
    let (coverage, engine) = (&snapshot.coverage, &snapshot.engine);
    let statuses = [
        ("measured", coverage.measured),
        ("never_verified", coverage.never_verified),
        ("not_measurable", coverage.not_measurable),
    ];
    labelled(out, &COVERAGE, "status", statuses.map(|(status, count)| (status, Value::Whole(count.into()))));
    labelled(out, &VANTAGE_UP, "vantage", [("local", engine.vantage_up.into())]);
    labelled(out, &WITNESS_UP, "witness", engine.witnesses.iter().map(|(name, up)| (name.as_str(), (*up).into())));
}

fn write_ourselves(snapshot: &Snapshot, out: &mut String) {
    let (engine, reload) = (&snapshot.engine, &snapshot.reload);
    let counted = |&(reason, count): &(&'static str, u64)| (reason, Value::Whole(count));
    let stamps = [
        ("kernel", engine.stamps_kernel),
        ("kernel_receive", engine.stamps_kernel_receive),
        ("user", engine.stamps_user),
    ];
    labelled(out, &PROBER, "mode", [(engine.mode.as_str(), Value::Whole(1))]);
    alone(out, &SIMULATED, snapshot.simulated.into());
    alone(out, &LAG, Value::Float(engine.scheduler_lag_seconds));
    labelled(out, &TIMESTAMPS, "source", stamps.iter().map(counted));
    labelled(out, &DROPS, "reason", engine.local_drops.iter().map(counted));
    labelled(out, &REJECTED, "reason", engine.rejected.iter().map(counted));
    alone(out, &NAMES_FAILING, Value::Whole(engine.names_failing as u64));
    alone(out, &BUFFER, Value::Whole(engine.socket_buffer_bytes));
    labelled(out, &CPU, "stage", engine.cpu_seconds.iter().map(|&(stage, seconds)| (stage, Value::Float(seconds))));
    if let Some(journal) = &snapshot.journal {
        for (about, at) in [(&JOURNAL_OLDEST, journal.oldest), (&ANCHOR_AT, journal.anchored)] {
            if let Some(Timestamp(at)) = at {
                alone(out, about, Value::Millis(at));
            }
        }
        alone(out, &JOURNAL_ENTRIES, Value::Whole(journal.entries));
        alone(out, &ANCHORS_MISSED, Value::Whole(journal.anchors_missed));
    }
    alone(out, &SNAPSHOT_AT, Value::Millis(snapshot.at.utc.0));
    alone(out, &RELOAD_OK, reload.successful.into());
    alone(out, &RELOAD_AT, Value::Millis(reload.last_success.0));
    labelled(out, &BUILD, "version", [(env!("CARGO_PKG_VERSION"), Value::Whole(1))]);
}

/// A family without labels.
fn alone(out: &mut String, about: &Family, value: Value) {
    family(out, about);
    sample(out, about, "", "", &[], value);
}

/// A family with one label.
fn labelled<'a>(out: &mut String, about: &Family, label: &str, samples: impl IntoIterator<Item = (&'a str, Value)>) {
    family(out, about);
    for (value_of_label, value) in samples {
        sample(out, about, "", label, &["=\"", &escape(value_of_label), "\""], value);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, io::Write as _, process};

    use super::*;

    fn written(snapshot: &Snapshot) -> String {
        Scrape::of(Arc::new(snapshot.clone())).collect()
    }

    fn samples(text: &str) -> impl Iterator<Item = &str> {
        text.lines().filter(|line| !line.starts_with('#'))
    }

    #[test]
    fn seven_links_in_every_state_read_like_this() {
        insta::assert_snapshot!(written(&fixture::snapshot(7)));
    }

    #[test]
    fn every_link_is_in_every_scrape_and_none_that_left() {
        let links = |snapshot: &Snapshot| -> BTreeSet<String> {
            let text = written(snapshot);
            let ids = text.match_indices("link=\"").map(|(at, key)| text[at + key.len()..].split('"').next().unwrap());
            ids.map(str::to_owned).collect()
        };
        let of = |count| fixture::snapshot(count).inventory.links.iter().map(|link| link.id.to_string()).collect();
        assert_eq!(links(&fixture::snapshot(9)), of(9));
        assert_eq!(links(&fixture::snapshot(8)), of(8));
    }

    #[test]
    fn a_link_that_is_not_known_to_be_up_or_down_has_no_link_up() {
        let text = written(&fixture::snapshot(7));
        let up: Vec<_> = samples(&text).filter(|line| line.starts_with("linkpatrol_link_up{")).collect();
        assert_eq!(
            up,
            [
                "linkpatrol_link_up{link=\"LL-0000\"} 1",
                "linkpatrol_link_up{link=\"LL-0001\"} 1",
                "linkpatrol_link_up{link=\"LL-0002\"} 0"
            ]
        );
    }

    #[test]
    fn a_link_costs_what_check_announces_and_at_most_45_series() {
        let (few, many) = (written(&fixture::snapshot(1_000)), written(&fixture::snapshot(2_000)));
        let per_link = (samples(&many).count() - samples(&few).count()) / 1_000;
        // Two points a link; two more may follow, and one with all five kinds of points has one series more.
        assert!(per_link + 2 <= 45, "{per_link}");
        let (series, bytes) = expected(2_000, 4_000);
        assert!(series.abs_diff(samples(&many).count()) * 50 < series, "{series} {}", samples(&many).count());
        assert!(bytes.abs_diff(many.len()) * 10 < bytes, "{bytes} {}", many.len());
    }

    #[test]
    fn a_closed_incident_leaves_no_deadline_behind() {
        let mut snapshot = fixture::snapshot(3);
        assert!(written(&snapshot).contains("clock_deadline_timestamp_seconds{incident="));
        snapshot.incidents = [].into();
        let text = written(&snapshot);
        assert!(!text.contains("clock_deadline_timestamp_seconds{incident="));
        assert!(text.contains("linkpatrol_incidents{tier=\"2\",scope=\"segment\",phase=\"open\"} 0\n"));
    }

    #[test]
    fn promtool_finds_nothing_to_say() {
        let promtool = process::Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(process::Stdio::piped())
            .stderr(process::Stdio::piped())
            .spawn();
        let Ok(mut promtool) = promtool else {
            eprintln!("SKIPPED: promtool is not installed");
            return;
        };
        promtool.stdin.take().unwrap().write_all(written(&fixture::snapshot(7)).as_bytes()).unwrap();
        let output = promtool.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
