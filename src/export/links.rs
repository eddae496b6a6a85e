//! The families of links. Samples of one family must come together, so each goes once over all links.

use super::{
    families::*,
    text::{Value, family, sample},
};
use crate::{
    judge::LinkState,
    ledger::{Accounted, Course},
    snapshot::{CHUNK, LinkLabels, LinkView, PointView, Snapshot},
    units::{Rtt, Timestamp},
    window::{RTT_EDGES_NANOS, WINDOWS, cumulative},
};

/// Writes the samples of one link in one family.
type Write = fn(&mut Row<'_>);

const FAMILIES: [(Family, Write); 18] = [
    (LINK_INFO, info),
    (LINK_UP, up),
    (LINK_STATE, states),
    (POINT_UP, other_points),
    (PROBES, |row| row.of_point(probes)),
    (LATE, |row| row.of_point(|row, point| row.value(Value::Whole(point.late.into())))),
    (DUPLICATE, |row| row.of_point(|row, point| row.value(Value::Whole(point.duplicates.into())))),
    (CONFIRM, |row| row.of_point(|row, point| row.value(Value::Whole(point.confirms.into())))),
    (RTT, |row| row.of_point(histogram)),
    (RTT_LAST, |row| row.of_point(|row, point| row.rtt(point.last_rtt))),
    (JITTER, |row| row.of_point(|row, point| row.rtt(point.jitter))),
    (LOSS, |row| row.of_point(loss)),
    (LAST_PROBE, |row| row.of_point(last_probe)),
    (AVAILABILITY, |row| row.availability(Accounted::known)),
    (AVAILABILITY_LOWER, |row| row.availability(Accounted::unknown_as_down)),
    (AVAILABILITY_UPPER, |row| row.availability(Accounted::unknown_as_up)),
    (BUDGET, budget),
    (OBJECTIVE, objective),
];

/// Upper edges of the RTT histogram as Prometheus itself prints them, then the one above all.
const EDGES: [&str; RTT_EDGES_NANOS.len() + 1] = [
    ",le=\"5e-05\"",
    ",le=\"0.0002\"",
    ",le=\"0.0005\"",
    ",le=\"0.001\"",
    ",le=\"0.002\"",
    ",le=\"0.005\"",
    ",le=\"0.01\"",
    ",le=\"0.02\"",
    ",le=\"0.05\"",
    ",le=\"0.1\"",
    ",le=\"0.5\"",
    ",le=\"+Inf\"",
];

/// How many parts the families of links have: one for each chunk of links in each family.
pub(super) fn parts(snapshot: &Snapshot) -> usize {
    FAMILIES.len() * chunks(snapshot)
}

/// Every family is shown, also when there are no links.
fn chunks(snapshot: &Snapshot) -> usize {
    snapshot.links.len().max(1)
}

/// Appends one part; parts in rising order are the whole text.
pub(super) fn write_part(snapshot: &Snapshot, number: usize, out: &mut String) {
    let ((about, write_one), chunk) = (&FAMILIES[number / chunks(snapshot)], number % chunks(snapshot));
    if chunk == 0 {
        family(out, about);
    }
    let views = snapshot.links.get(chunk).into_iter().flat_map(|views| views.iter());
    for (labels, view) in snapshot.labels.iter().skip(chunk * CHUNK).zip(views) {
        write_one(&mut Row { out, about, labels, view, snapshot });
    }
}

/// One link's place in one family.
struct Row<'a> {
    out: &'a mut String,
    about: &'a Family,
    labels: &'a LinkLabels,
    view: &'a LinkView,
    snapshot: &'a Snapshot,
}

impl Row<'_> {
    fn value(&mut self, value: Value) {
        self.with(&[], value);
    }

    /// A sample with further labels.
    fn with(&mut self, more: &[&str], value: Value) {
        sample(self.out, self.about, "", self.labels.link(), more, value);
    }

    /// Nothing when the link has no deciding point.
    fn of_point(&mut self, write: fn(&mut Self, &PointView)) {
        if let Some(point) = self.view.deciding_point() {
            write(self, point);
        }
    }

    fn rtt(&mut self, rtt: Option<Rtt>) {
        if let Some(Rtt(length)) = rtt {
            self.value(Value::Nanos(length.as_nanos()));
        }
    }

    fn availability(&mut self, share: fn(&Accounted) -> (u64, u64)) {
        if let Some(whole) = self.snapshot.judged(self.view) {
            let (up, whole) = share(&whole.accounted);
            self.of_period(Value::Ratio(up, whole));
        }
    }

    /// A sample of the contract's period.
    fn of_period(&mut self, value: Value) {
        let period = self.snapshot.contract.objectives.period.as_str();
        self.with(&[",period=\"", period, "\""], value);
    }
}

fn info(row: &mut Row<'_>) {
    sample(row.out, row.about, "", &row.labels.info, &[], Value::Whole(1));
}

fn up(row: &mut Row<'_>) {
    match row.view.state {
        LinkState::Up | LinkState::Degraded => row.value(Value::Whole(1)),
        LinkState::Down => row.value(Value::Whole(0)),
        LinkState::Unknown(_) | LinkState::Maintenance | LinkState::Suspended | LinkState::Absent => {}
    }
}

fn states(row: &mut Row<'_>) {
    for state in LinkState::NAMES {
        let here = row.view.state.name() == state;
        row.with(&[",state=\"", state, "\""], here.into());
    }
}

fn other_points(row: &mut Row<'_>) {
    for (place, point) in row.view.points.iter().enumerate() {
        let decides = row.view.deciding.map(usize::from) == Some(place);
        if let (false, Some(up)) = (decides, point.up) {
            row.with(&[",role=\"", point.role.as_str(), "\""], up.into());
        }
    }
}

fn probes(row: &mut Row<'_>, point: &PointView) {
    row.with(&[",outcome=\"answered\""], Value::Whole(point.counts.answered));
    row.with(&[",outcome=\"lost\""], Value::Whole(point.counts.lost));
    row.with(&[",outcome=\"unmeasured\""], Value::Whole(point.counts.unmeasured));
}

fn histogram(row: &mut Row<'_>, point: &PointView) {
    let link = row.labels.link();
    let counts = cumulative(&point.histogram);
    for (edge, count) in EDGES.iter().zip(counts) {
        sample(row.out, row.about, "_bucket", link, &[edge], Value::Whole(count));
    }
    sample(row.out, row.about, "_sum", link, &[], Value::Nanos(point.rtt_sum_nanos.into()));
    sample(row.out, row.about, "_count", link, &[], Value::Whole(counts[RTT_EDGES_NANOS.len()]));
}

fn loss(row: &mut Row<'_>, point: &PointView) {
    for ((window, _), summary) in WINDOWS.iter().zip(point.windows.iter()) {
        let counts = summary.counts();
        row.with(&[",window=\"", window, "\""], Value::Ratio(counts.lost, counts.answered + counts.lost));
    }
}

fn last_probe(row: &mut Row<'_>, point: &PointView) {
    if let Some(Timestamp(at)) = point.last_probe {
        row.value(Value::Millis(at));
    }
}

fn budget(row: &mut Row<'_>) {
    if let Some(whole) = row.snapshot.judged(row.view) {
        let promised = row.snapshot.contract.objectives.availability;
        row.of_period(Value::Millis(whole.accounted.budget_left(promised)));
    }
}

fn objective(row: &mut Row<'_>) {
    let promised = row.snapshot.contract.objectives.availability;
    let verdict = row.snapshot.weighed(row.view).map(|weighed| weighed.verdict(promised).as_str());
    let view = row.view;
    let quality = |course: &Course| course.running(view.is_control_plane).as_str();
    let verdicts = [
        ("availability", verdict),
        ("loss", Some(quality(&view.quality.loss))),
        ("rtt", Some(quality(&view.quality.rtt))),
        ("jitter", row.snapshot.contract.objectives.jitter.as_ref().map(|_| quality(&view.quality.jitter))),
    ];
    for (objective, verdict) in verdicts.into_iter().filter_map(|(objective, verdict)| Some((objective, verdict?))) {
        row.with(&[",objective=\"", objective, "\",verdict=\"", verdict, "\""], Value::Whole(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_are_those_of_the_window() {
        for (text, nanos) in EDGES.iter().zip(RTT_EDGES_NANOS) {
            let seconds: f64 = text.trim_start_matches(",le=\"").trim_end_matches('"').parse().unwrap();
            assert_eq!((seconds * 1e9).round() as u64, nanos, "{text}");
        }
    }
}
