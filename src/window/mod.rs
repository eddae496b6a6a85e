//! Recent evidence of one measuring point, bounded: loss as exact counts, RTT quantiles, jitter, freshness.
//!
//! In: the samples of one point, in the order they ended, and what the judge made of its losses. Out: [`Summary`]s
//! over 10 s, 1 m, 5 m and 1 h, and counters. Pure.
//!
//! A window is made of whole slices: `10s` and `1m` of the last one and six of 10 s; `5m` and `1h` of the last five of
//! 1 m and twelve of 5 m and the shorter slices since, so that they reach back their length and at most 50 s or
//! 4 m 50 s more, and speak from the tenth second on. [`PointWindow::roll`] ends a slice; the caller spreads the
//! points' turns over the ten seconds.
//!
//! Memory: 0.7 KB a point at one probe a second when it is young, 1.3 KB after an hour of RTTs within a fifth of each other,
//! 1.9 KB where they are spread over two octaves. The bound is what one slice can hold, one packed bucket (2 to 4 bytes)
//! per answer and at most [`buckets::BUCKETS`]: 11 KB at one probe a second when every answer falls into a bucket of its
//! own.
//!
//! Each lost probe is counted once, as loss or as down-time (docs/architecture.md, "Down"). [`PointWindow::counts`] are
//! raw and only rise. A loss enters a [`Summary`] when the judge has settled which of the two it is, a second or two
//! after it ended.

mod buckets;
mod histogram;
pub mod packed;
mod run;
mod slice;

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use crate::{
    sample::{Event, Outcome, Purpose, Reply, Sample},
    units::{Counts, Mono, Rtt},
};
pub use histogram::Histogram;
use slice::{Length, Past, Slice, Sum};

/// The windows that every point keeps: label value and length.
pub const WINDOWS: [(&str, Duration); 4] = [
    ("10s", Duration::from_secs(10)),
    ("1m", Duration::from_secs(60)),
    ("5m", Duration::from_secs(300)),
    ("1h", Duration::from_secs(3600)),
];

/// Places in [`WINDOWS`] and in [`PointWindow::summaries`].
pub const ONE_MINUTE: usize = 1;
pub const FIVE_MINUTES: usize = 2;
pub const HOUR: usize = 3;

/// Upper edges of the RTT histogram: metro dark fibre (0.05-2 ms) to the time-out, with one edge at the 50 ms objective.
pub const RTT_EDGES_NANOS: [u64; 11] = [
    50_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    500_000_000,
];

/// Answers between two edges of [`RTT_EDGES_NANOS`] each, those above the last at the end: at one probe a second the room
/// lasts 136 years.
pub type Edges = [u32; RTT_EDGES_NANOS.len() + 1];

/// Answers at most as slow as each edge, then all.
pub fn cumulative(edges: &Edges) -> [u64; RTT_EDGES_NANOS.len() + 1] {
    let mut below = 0;
    edges.map(|count| {
        below += u64::from(count);
        below
    })
}

/// Length of the shortest slice: how often [`PointWindow::roll`] has work.
pub const SLICE: Duration = Duration::from_secs(10);
/// The last minute of short slices, five slices of a minute, twelve of five minutes.
const TENS: usize = 6;
const MINUTES: usize = 5;
const FIVES: usize = 12;

/// One window in summary. RTT figures are over answered scheduled probes; quantiles are within 3 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    pub answered: u32,
    /// What was settled as loss; down-time's lost probes are not in it.
    pub lost: u32,
    pub unmeasured: u32,
    /// Lost probes that belong to down-time.
    pub lost_in_downtime: u32,
    /// Nanoseconds; zero when nothing was answered.
    pub rtt_min: u64,
    pub rtt_mean: u64,
    pub rtt_p50: u64,
    pub rtt_p95: u64,
    pub rtt_p99: u64,
    pub rtt_max: u64,
    /// Mean of consecutive differences of RTT (two-point IPDV, absolute). A probe between that was not answered breaks
    /// the pair.
    pub ipdv_mean: u64,
}

impl Summary {
    pub fn counts(&self) -> Counts {
        Counts { answered: self.answered.into(), lost: self.lost.into(), unmeasured: self.unmeasured.into() }
    }
}

/// Figures of a piece of the last hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    pub seconds: u32,
    pub answered: u64,
    /// Lost probes, whatever the judge made of them.
    pub lost: u64,
    pub unmeasured: u64,
    /// Nanoseconds; zero when nothing was answered.
    pub rtt_mean: u64,
}

/// A [`Piece`] that is small enough to be kept of every point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    pub seconds: u16,
    /// Lost of what was answered or lost, in ten-thousandths and rounded up: a single loss is never zero.
    pub lost: u16,
    /// Mean in microseconds, rounded up; zero when nothing was answered.
    pub rtt_micros: u32,
}

impl Beat {
    fn of(piece: &Piece) -> Self {
        let Piece { seconds, answered, lost, rtt_mean, .. } = *piece;
        // A ratio is at most one, and no probe waits for an hour.
        let lost = (lost * 10_000).div_ceil((answered + lost).max(1)) as u16;
        Self { seconds: seconds as u16, lost, rtt_micros: u32::try_from(rtt_mean.div_ceil(1_000)).unwrap_or(u32::MAX) }
    }
}

/// What the judge made of lost probes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettledLosses {
    pub loss: u32,
    pub downtime: u32,
}

/// Recent evidence of one measuring point.
#[derive(Clone, Debug)]
pub struct PointWindow {
    counts: Counts,
    late: u32,
    duplicates: u32,
    confirms: u32,
    /// By edge, not cumulative; above the last edge at the end.
    histogram: Edges,
    rtt_sum_nanos: u64,
    /// Smoothed jitter times 16 (RFC 3550 appendix A.8), nanoseconds.
    jitter_16: u64,
    /// Pairs of consecutive answers, and those whose RTTs differ by more than what they are held against, in nanoseconds.
    pairs: u64,
    shaken: u64,
    shaken_above: u64,
    consecutive_losses: u32,
    last_reply: Option<Reply>,
    /// The probe before was answered, so that its RTT and the next make a pair.
    paired: bool,
    last_probe: Option<Mono>,
    running: Slice,
    /// RTTs of finished slices since they were last taken, packed, and those of the running one that were taken already.
    rtts: Vec<u8>,
    taken: Histogram,
    past: Past,
    /// Slices of ten seconds ended so far.
    ended: u64,
    next_roll: Mono,
    /// Shared with the picture that outsiders see.
    summaries: Arc<[Summary; WINDOWS.len()]>,
    /// Of [`PointWindow::last_hour`] the pieces of a minute and more, as of the last full minute.
    beats: Arc<[Beat]>,
}

impl PointWindow {
    /// `next_roll`: when the first slice ends.
    pub fn new(next_roll: Mono) -> Self {
        Self {
            counts: Counts::default(),
            late: 0,
            duplicates: 0,
            confirms: 0,
            histogram: [0; RTT_EDGES_NANOS.len() + 1],
            rtt_sum_nanos: 0,
            jitter_16: 0,
            pairs: 0,
            shaken: 0,
            shaken_above: u64::MAX,
            consecutive_losses: 0,
            last_reply: None,
            paired: false,
            last_probe: None,
            running: Slice::default(),
            rtts: vec![],
            taken: Histogram::default(),
            past: Past::default(),
            ended: 0,
            next_roll,
            summaries: Arc::default(),
            beats: Arc::default(),
        }
    }

    /// Counts one event of one probe. The hot path of the whole product.
    pub fn take(&mut self, sample: &Sample) {
        match (sample.purpose, sample.event) {
            (Purpose::Scheduled, Event::Ended(outcome)) => self.end(sample.sent, outcome),
            (Purpose::Scheduled, Event::Late(_)) => self.late = self.late.wrapping_add(1),
            (Purpose::Scheduled, Event::Duplicate) => self.duplicates = self.duplicates.wrapping_add(1),
            // They decide state only.
            (Purpose::Confirm | Purpose::Urgent, Event::Ended(_)) => self.confirms = self.confirms.wrapping_add(1),
            (Purpose::Confirm | Purpose::Urgent, Event::Late(_) | Event::Duplicate) => {}
        }
    }

    /// Books lost probes, counted by [`PointWindow::take`] before, as loss or as down-time.
    pub fn settle(&mut self, losses: SettledLosses) {
        self.running.figures.lost += u64::from(losses.loss);
        self.running.figures.lost_in_downtime += u64::from(losses.downtime);
    }

    /// Ends the running slice when its time is over. `true`: the summaries are new.
    pub fn roll(&mut self, now: Mono) -> bool {
        if now < self.next_roll {
            return false;
        }
        let skipped = self.end_slices(now) > 1;
        if self.hour_is_due(skipped) {
            self.summarise_hour();
        }
        self.summarise();
        true
    }

    /// Scheduled probes since the process started, as they ended. `lost` is raw: down-time's losses are in it.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Scheduled probes answered after their time-out had been booked.
    pub fn late(&self) -> u32 {
        self.late
    }

    /// Further answers to scheduled probes already answered.
    pub fn duplicates(&self) -> u32 {
        self.duplicates
    }

    /// Confirm probes and those out of turn, ended in whatever way.
    pub fn confirms(&self) -> u32 {
        self.confirms
    }

    pub fn last_rtt(&self) -> Option<Rtt> {
        self.last_reply.map(|reply| reply.rtt)
    }

    /// TTL or hop limit of the last answer.
    pub fn hop_limit(&self) -> Option<u8> {
        self.last_reply.map(|reply| reply.hop_limit)
    }

    /// RFC 3550 smoothed jitter. `None` before the first answer.
    pub fn jitter(&self) -> Option<Rtt> {
        self.last_reply.map(|_| Rtt(Duration::from_nanos(self.jitter_16 >> 4)))
    }

    /// Holds the difference of consecutive RTTs against a limit from now on; `None`: against nothing.
    pub fn hold_jitter(&mut self, limit: Option<Rtt>) {
        self.shaken_above = limit.map_or(u64::MAX, Rtt::nanos);
    }

    /// Pairs of consecutive answers without a lost probe between them, and those that differed by more than the limit.
    pub fn pairs(&self) -> (u64, u64) {
        (self.pairs, self.shaken)
    }

    /// Freshness: when the last scheduled probe was sent that ended answered or lost.
    pub fn last_probe(&self) -> Option<Mono> {
        self.last_probe
    }

    /// Scheduled probes lost since the last answer. Unmeasured ones neither add nor end the run.
    pub fn consecutive_losses(&self) -> u32 {
        self.consecutive_losses
    }

    /// By place in [`WINDOWS`], as of the last roll.
    pub fn summaries(&self) -> &Arc<[Summary; WINDOWS.len()]> {
        &self.summaries
    }

    /// Answers at most as slow as each edge of [`RTT_EDGES_NANOS`], then all: cumulative, since the process started.
    pub fn histogram(&self) -> [u64; RTT_EDGES_NANOS.len() + 1] {
        cumulative(&self.histogram)
    }

    /// Answers between the edges: not cumulative.
    pub fn edges(&self) -> &Edges {
        &self.histogram
    }

    /// Sum of all RTTs since the process started; nanoseconds of five centuries fit in.
    pub fn rtt_sum_nanos(&self) -> u64 {
        self.rtt_sum_nanos
    }

    /// 99th percentile over five minutes in microseconds: when an answer is overdue. Zero while unknown.
    pub fn p99_micros(&self) -> u32 {
        u32::try_from(self.summaries[FIVE_MINUTES].rtt_p99.div_ceil(1_000)).unwrap_or(u32::MAX)
    }

    /// The last hour, oldest first: at most twelve pieces of five minutes, and since the last of them at most four of a
    /// minute, five of ten seconds and the running one.
    pub fn last_hour(&self) -> Vec<Piece> {
        let since =
            self.newest(Length::Ten, self.tens_since()).chain([self.running.figures.piece(Length::Ten.seconds())]);
        self.full_minutes().chain(since).collect()
    }

    /// The last hour as it was at its last full minute, oldest first.
    pub fn beats(&self) -> &Arc<[Beat]> {
        &self.beats
    }

    fn full_minutes(&self) -> impl Iterator<Item = Piece> {
        self.newest(Length::Five, FIVES).chain(self.newest(Length::Minute, self.minutes_since()))
    }

    fn newest(&self, length: Length, count: usize) -> impl Iterator<Item = Piece> {
        let left_out = self.past.slices(length).saturating_sub(count);
        self.past.figures(length).skip(left_out).map(move |figures| figures.piece(length.seconds()))
    }

    /// RTTs answered since the last call.
    pub fn take_rtts(&mut self) -> Histogram {
        let mut rtts = Histogram::unpacked(&std::mem::take(&mut self.rtts));
        rtts.merge(&self.running.histogram);
        rtts.remove(&self.taken);
        self.taken = Histogram::default();
        self.taken.merge(&self.running.histogram);
        rtts
    }

    /// Heap and inline bytes of this point, for the memory budget.
    pub fn bytes(&self) -> usize {
        let rtts = self.rtts.capacity() + self.taken.heap_bytes();
        size_of::<Self>() + self.past.heap_bytes() + rtts + self.running.heap_bytes()
    }

    fn end(&mut self, sent: Mono, outcome: Outcome) {
        match outcome {
            Outcome::Answered(reply) => {
                self.last_probe = Some(sent);
                self.answer(reply);
            }
            Outcome::Failed(_) => {
                self.last_probe = Some(sent);
                self.counts.lost += 1;
                self.consecutive_losses = self.consecutive_losses.saturating_add(1);
                self.paired = false;
            }
            Outcome::Unmeasured(_) => {
                self.counts.unmeasured += 1;
                self.running.figures.unmeasured += 1;
                self.paired = false;
            }
        }
    }

    fn answer(&mut self, reply: Reply) {
        let nanos = reply.rtt.nanos();
        if let Some(last) = self.last_reply.replace(reply) {
            let difference = last.rtt.nanos().abs_diff(nanos);
            self.smooth(difference);
            if self.paired {
                self.running.figures.ipdv_sum += difference;
                self.running.figures.ipdv_pairs += 1;
                self.count_pairs(1, difference);
            }
        }
        self.paired = true;
        self.counts.answered += 1;
        self.consecutive_losses = 0;
        self.rtt_sum_nanos = self.rtt_sum_nanos.wrapping_add(nanos);
        self.fill_edge(nanos, 1);
        self.running.answers(nanos, 1);
    }

    /// So many pairs, the first with this difference and the others alike.
    fn count_pairs(&mut self, pairs: u64, difference: u64) {
        self.pairs += pairs;
        self.shaken += u64::from(difference > self.shaken_above);
    }

    /// J += (|D| - J) / 16, in sixteenths and rounded as RFC 3550 appendix A.8 does.
    fn smooth(&mut self, difference: u64) {
        self.jitter_16 = self.jitter_16.saturating_add(difference) - ((self.jitter_16 + 8) >> 4);
    }

    fn fill_edge(&mut self, nanos: u64, count: u64) {
        let place = &mut self.histogram[Self::edge_of(nanos)];
        *place = place.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// Place in the histogram.
    fn edge_of(nanos: u64) -> usize {
        RTT_EDGES_NANOS.partition_point(|edge| *edge < nanos)
    }

    /// Ends every slice whose time is over. Returns how many there were: at least one.
    fn end_slices(&mut self, now: Mono) -> i64 {
        let length = SLICE.as_millis() as i64;
        let slices = 1 + (now.0 - self.next_roll.0) / length;
        self.next_roll = Mono(self.next_roll.0 + slices * length);
        // 390: an hour and five minutes of silence empty every window; more change nothing.
        for _ in 0..slices.min(390) {
            self.end_slice();
        }
        slices
    }

    fn end_slice(&mut self) {
        self.past.push(Length::Ten, &self.running);
        self.keep_rtts();
        self.running.clear();
        self.ended += 1;
        if self.ended.is_multiple_of(TENS as u64) {
            self.end_minute();
        }
        if self.ended.is_multiple_of((TENS * MINUTES) as u64) {
            self.end_five();
        }
    }

    fn end_minute(&mut self) {
        let mut minute = Sum::new();
        self.past.add_newest(Length::Ten, TENS, &mut minute);
        self.past.push_sum(Length::Minute, &minute);
    }

    fn end_five(&mut self) {
        let mut five = Sum::new();
        self.past.add_newest(Length::Minute, MINUTES, &mut five);
        self.past.push_sum(Length::Five, &five);
    }

    /// Those of the running slice that nobody took yet, to the others.
    fn keep_rtts(&mut self) {
        let mut rtts = Histogram::unpacked(&self.rtts);
        rtts.merge(&self.running.histogram);
        rtts.remove(&std::mem::take(&mut self.taken));
        self.set_rtts(&rtts);
    }

    fn set_rtts(&mut self, rtts: &Histogram) {
        let packed = rtts.packed();
        slice::reserve(&mut self.rtts, packed.len());
        self.rtts.clear();
        self.rtts.extend(packed);
    }

    fn summarise(&mut self) {
        let (tens, minutes) = (self.tens_since(), self.minutes_since());
        let [ten, minute, five] = [self.over(1, 0, 0), self.over(TENS, 0, 0), self.over(tens, MINUTES, 0)];
        let hour =
            if self.past.slices(Length::Five) == 0 { self.over(tens, minutes, FIVES) } else { self.summaries[3] };
        self.set_summaries([ten, minute, five, hour]);
    }

    /// In place, where no picture holds them.
    fn set_summaries(&mut self, summaries: [Summary; WINDOWS.len()]) {
        match Arc::get_mut(&mut self.summaries) {
            Some(own) => *own = summaries,
            None => self.summaries = Arc::new(summaries),
        }
    }

    /// The hour is the dear one, and moves slowly: once a minute, each turn while it is young, and after a gap.
    fn hour_is_due(&self, skipped: bool) -> bool {
        skipped || self.tens_since() == 0
    }

    fn summarise_hour(&mut self) {
        self.set_hour(self.over(self.tens_since(), self.minutes_since(), FIVES));
    }

    fn set_hour(&mut self, hour: Summary) {
        Arc::make_mut(&mut self.summaries)[HOUR] = hour;
        self.beats = self.full_minutes().map(|piece| Beat::of(&piece)).collect();
    }

    /// The newest slices of each length in one summary.
    fn over(&self, tens: usize, minutes: usize, fives: usize) -> Summary {
        let mut sum = Sum::new();
        self.past.add_newest(Length::Ten, tens, &mut sum);
        self.past.add_newest(Length::Minute, minutes, &mut sum);
        self.past.add_newest(Length::Five, fives, &mut sum);
        sum.summary()
    }

    /// Slices of ten seconds since the last full minute.
    fn tens_since(&self) -> usize {
        (self.ended % TENS as u64) as usize
    }

    /// Full minutes since the last full five.
    fn minutes_since(&self) -> usize {
        (self.ended / TENS as u64) as usize % MINUTES
    }
}

#[cfg(test)]
mod tests;
