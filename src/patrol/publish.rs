//! From the live state to the one picture that outsiders may see.

use std::sync::Arc;

use crate::{
    inventory::LinkIndex,
    judge::{self, LinkState, PointVerdict, PointWatch, Unknown},
    ledger::Account,
    patrol::field::Field,
    snapshot::{CHUNK, Coverage, LinkView, PointView},
    units::Now,
};

/// Pictures of all links, chunk by chunk. Chunks that are not dirty are those of the picture before.
pub fn links<'a>(
    field: &mut Field,
    before: &[Arc<[LinkView]>],
    account: impl Fn(LinkIndex) -> &'a Account,
    now: Now,
) -> Vec<Arc<[LinkView]>> {
    let dirty = field.take_dirty();
    let chunk = |number: usize| -> Arc<[LinkView]> {
        match before.get(number) {
            Some(same) if !dirty[number] => Arc::clone(same),
            _ => {
                let links = number * CHUNK..((number + 1) * CHUNK).min(field.states.len());
                links.map(|link| view(field, LinkIndex(link as u32), account(LinkIndex(link as u32)), now)).collect()
            }
        }
    };
    (0..dirty.len()).map(chunk).collect()
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
    let points = link.points.iter().zip(field.points_of(index));
    LinkView {
        state: field.states[index.at()],
        state_since: field.since[index.at()],
        points: points.map(|(point, watch)| point_view(point.role, watch, now)).collect(),
        deciding: judge::deciding_point(&link.points, role).map(|place| place as u8),
        month: account.accounted(now.utc, field.loaded.contract.time_zone),
        quality: *account.quality(now.utc),
        last_month: account.last_month().copied(),
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
        windows: *window.summaries(),
        histogram: window.histogram(),
        rtt_sum_nanos: window.rtt_sum_nanos(),
    }
}
