//! A stretch of evidence: counts, RTT figures and a sparse histogram; packed when it is over.
//!
//! The running slice is filled in place. A finished one becomes a few dozen bytes (numbers in half bytes, buckets
//! as distances), because a point keeps 23 of them: one short slice with ten answers packs into about 30 bytes.

use std::ops::Range;

use smallvec::SmallVec;

use super::{
    FIVES, Histogram, MINUTES, Piece, SLICE, Summary, TENS, buckets,
    packed::{Halves, Rest, number, put},
};

/// Figures of a stretch, without its histogram.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Figures {
    pub answered: u64,
    pub lost: u64,
    pub lost_in_downtime: u64,
    pub unmeasured: u64,
    pub rtt_min: u64,
    pub rtt_max: u64,
    pub rtt_sum: u64,
    pub ipdv_sum: u64,
    pub ipdv_pairs: u64,
}

impl Figures {
    fn as_array(&self) -> [u64; 9] {
        let Self { answered, lost, lost_in_downtime, unmeasured, rtt_min, rtt_max, rtt_sum, ipdv_sum, ipdv_pairs } =
            *self;
        [answered, lost, lost_in_downtime, unmeasured, rtt_min, rtt_max, rtt_sum, ipdv_sum, ipdv_pairs]
    }

    fn of_array(array: [u64; 9]) -> Self {
        let [answered, lost, lost_in_downtime, unmeasured, rtt_min, rtt_max, rtt_sum, ipdv_sum, ipdv_pairs] = array;
        Self { answered, lost, lost_in_downtime, unmeasured, rtt_min, rtt_max, rtt_sum, ipdv_sum, ipdv_pairs }
    }

    pub fn piece(&self, seconds: u32) -> Piece {
        let &Self { answered, unmeasured, rtt_sum, .. } = self;
        let lost = self.lost + self.lost_in_downtime;
        Piece { seconds, answered, lost, unmeasured, rtt_mean: rtt_sum.checked_div(answered).unwrap_or(0) }
    }

    fn add(&mut self, other: &Self) {
        let none_yet = self.answered == 0;
        if other.answered > 0 {
            self.rtt_min = if none_yet { other.rtt_min } else { self.rtt_min.min(other.rtt_min) };
            self.rtt_max = self.rtt_max.max(other.rtt_max);
        }
        self.answered += other.answered;
        self.lost += other.lost;
        self.lost_in_downtime += other.lost_in_downtime;
        self.unmeasured += other.unmeasured;
        self.rtt_sum += other.rtt_sum;
        self.ipdv_sum += other.ipdv_sum;
        self.ipdv_pairs += other.ipdv_pairs;
    }
}

/// The slice that is being filled. At one probe a second its buckets lie in place.
#[derive(Clone, Debug, Default)]
pub(super) struct Slice {
    pub figures: Figures,
    pub histogram: Histogram<12>,
}

impl Slice {
    /// Takes so many answers of the same RTT.
    pub fn answers(&mut self, nanos: u64, count: u32) {
        let figures = &mut self.figures;
        figures.rtt_min = if figures.answered == 0 { nanos } else { figures.rtt_min.min(nanos) };
        figures.rtt_max = figures.rtt_max.max(nanos);
        figures.rtt_sum += nanos * u64::from(count);
        figures.answered += u64::from(count);
        self.histogram.add(nanos, count);
    }

    /// Empties the slice, and keeps its room only while that is small.
    pub fn clear(&mut self) {
        self.figures = Figures::default();
        self.histogram.clear();
    }

    pub fn heap_bytes(&self) -> usize {
        self.histogram.heap_bytes()
    }
}

/// Several slices added up, with a dense histogram: lives for the length of one calculation.
pub(super) struct Sum {
    pub figures: Figures,
    histogram: [u32; buckets::BUCKETS],
    /// Buckets in use lie here: a few dozen of a thousand, so that nothing walks the whole table.
    used: Range<usize>,
}

impl Sum {
    pub fn new() -> Self {
        Self { figures: Figures::default(), histogram: [0; buckets::BUCKETS], used: 0..0 }
    }

    pub fn summary(&self) -> Summary {
        let figures = &self.figures;
        // An hour of probes, at any rate.
        let few = |probes| u32::try_from(probes).unwrap_or(u32::MAX);
        let [rtt_p50, rtt_p95, rtt_p99] = self.quantiles([50, 95, 99]);
        Summary {
            answered: few(figures.answered),
            lost: few(figures.lost),
            unmeasured: few(figures.unmeasured),
            lost_in_downtime: few(figures.lost_in_downtime),
            rtt_min: figures.rtt_min,
            rtt_mean: figures.rtt_sum.checked_div(figures.answered).unwrap_or(0),
            rtt_p50,
            rtt_p95,
            rtt_p99,
            rtt_max: figures.rtt_max,
            ipdv_mean: figures.ipdv_sum.checked_div(figures.ipdv_pairs).unwrap_or(0),
        }
    }

    /// Filled buckets, rising.
    fn filled(&self) -> impl Iterator<Item = (u16, u32)> + '_ {
        let counts = self.histogram.get(self.used.clone()).unwrap_or_default();
        (self.used.start as u16..).zip(counts.iter().copied()).filter(|(_, count)| *count > 0)
    }

    fn fill(&mut self, bucket: usize, count: u32) {
        if let Some(place) = self.histogram.get_mut(bucket) {
            *place = place.saturating_add(count);
            let start = if self.used.is_empty() { bucket } else { self.used.start.min(bucket) };
            self.used = start..self.used.end.max(bucket + 1);
        }
    }

    /// Nearest-rank quantiles at these rising percentages, held between the exact minimum and maximum.
    fn quantiles<const N: usize>(&self, percent: [u64; N]) -> [u64; N] {
        let figures = &self.figures;
        let mut found = [0; N];
        if figures.answered == 0 {
            return found;
        }
        let (mut seen, mut next) = (0, 0);
        for (bucket, count) in self.filled() {
            seen += u64::from(count);
            while next < N && seen * 100 >= percent[next] * figures.answered {
                found[next] = buckets::middle(bucket).clamp(figures.rtt_min, figures.rtt_max);
                next += 1;
            }
        }
        found
    }
}

/// Lengths of slices, as places in [`Past`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Length {
    Ten,
    Minute,
    Five,
}

impl Length {
    /// So many slices of this length are kept.
    pub fn most(self) -> usize {
        [TENS, MINUTES, FIVES][self as usize]
    }

    pub fn seconds(self) -> u32 {
        SLICE.as_secs() as u32 * [1, TENS as u32, (TENS * MINUTES) as u32][self as usize]
    }
}

/// Finished slices of each length, oldest first, packed one after the other in one room. The room is kept: a slice comes
/// every ten seconds, and blocks that grow and shrink by a few bytes would leave the allocator full of holes.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    bytes: Vec<u8>,
    /// Where the slices of each length end.
    ends: [u32; 3],
    slices: [u8; 3],
}

/// Room grows by so many bytes.
const ROOM: usize = 32;

impl Past {
    /// Adds a finished slice and forgets the oldest beyond [`Length::most`].
    pub fn push(&mut self, length: Length, slice: &Slice) {
        self.pack(length, &slice.figures, slice.histogram.iter());
    }

    /// As [`Past::push`], for what was added up from shorter slices.
    pub fn push_sum(&mut self, length: Length, sum: &Sum) {
        self.pack(length, &sum.figures, sum.filled());
    }

    /// Adds the newest `slices` to `sum`.
    pub fn add_newest(&self, length: Length, slices: usize, sum: &mut Sum) {
        let mut rest = self.bytes.get(self.place(length)).unwrap_or_default();
        for _ in slices..self.slices(length) {
            head(&mut rest);
        }
        while !rest.is_empty() {
            unpack(&mut rest, sum);
        }
    }

    /// Figures of each slice of this length, oldest first.
    pub fn figures(&self, length: Length) -> impl Iterator<Item = Figures> {
        let mut rest = self.bytes.get(self.place(length)).unwrap_or_default();
        std::iter::from_fn(move || (!rest.is_empty()).then(|| figures(&mut head(&mut rest))))
    }

    pub fn slices(&self, length: Length) -> usize {
        self.slices[length as usize].into()
    }

    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Where the slices of this length lie.
    fn place(&self, length: Length) -> Range<usize> {
        let end = |at: usize| self.ends[at] as usize;
        let at = length as usize;
        at.checked_sub(1).map_or(0, end)..end(at)
    }

    fn pack(&mut self, length: Length, figures: &Figures, histogram: impl Iterator<Item = (u16, u32)>) {
        let mut packed = Halves::default();
        // Nothing answered, lost or unmeasured: an empty slice is its length, zero.
        let array = figures.as_array();
        if array[..4].iter().any(|figure| *figure > 0) {
            let figures_used = if figures.answered > 0 { array.len() } else { 4 };
            array[..figures_used].iter().for_each(|figure| packed.put(*figure));
            packed.put_buckets(histogram);
        }
        let mut prefix = SmallVec::<[u8; 4]>::new();
        put(&mut prefix, packed.bytes.len() as u64);
        if self.slices(length) == length.most() {
            self.forget_oldest(length);
        }
        let (added, end) = (prefix.len() + packed.bytes.len(), self.place(length).end);
        let needed = self.bytes.len() + added;
        reserve(&mut self.bytes, needed);
        self.bytes.splice(end..end, prefix.into_iter().chain(packed.bytes));
        self.slices[length as usize] += 1;
        self.ends[length as usize..].iter_mut().for_each(|end| *end += added as u32);
    }

    fn forget_oldest(&mut self, length: Length) {
        let place = self.place(length);
        let mut rest = self.bytes.get(place.clone()).unwrap_or_default();
        let before = rest.len();
        head(&mut rest);
        let taken = before - rest.len();
        self.bytes.drain(place.start..place.start + taken);
        self.slices[length as usize] -= 1;
        self.ends[length as usize..].iter_mut().for_each(|end| *end -= taken as u32);
    }
}

/// Makes room for `needed` bytes in all, a little at a time.
pub(super) fn reserve(bytes: &mut Vec<u8>, needed: usize) {
    if needed > bytes.capacity() {
        bytes.reserve_exact(needed.next_multiple_of(ROOM) - bytes.len());
    }
}

/// Takes the packed slice at the head of `rest`.
fn head<'a>(rest: &mut &'a [u8]) -> Rest<'a> {
    let length = usize::try_from(number(rest)).unwrap_or(usize::MAX);
    let (packed, after) = rest.split_at(length.min(rest.len()));
    *rest = after;
    Rest::of(packed)
}

/// Its figures, which lie before its buckets; zeros in an empty one.
fn figures(packed: &mut Rest) -> Figures {
    let mut array = [0; 9];
    array[..4].iter_mut().for_each(|figure| *figure = packed.number());
    if array[0] > 0 {
        array[4..].iter_mut().for_each(|figure| *figure = packed.number());
    }
    Figures::of_array(array)
}

/// Adds the packed slice at the head of `rest` to `sum`, and steps over it.
fn unpack(rest: &mut &[u8], sum: &mut Sum) {
    let mut packed = head(rest);
    sum.figures.add(&figures(&mut packed));
    packed.buckets().for_each(|(bucket, count)| sum.fill(bucket.into(), count));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packing_loses_nothing(slices in proptest::collection::vec(
            (proptest::collection::vec(1_u64..5_000_000_000, 0..40), 0_u64..9, 0_u64..9), 1..9,
        )) {
            let (mut past, mut direct) = (Past::default(), Sum::new());
            // Neighbours in the same room.
            let mut other = Slice::default();
            other.answers(7_000, 3);
            (0..8).for_each(|_| past.push(Length::Ten, &other));
            past.push(Length::Five, &other);
            for (rtts, lost, unmeasured) in &slices {
                let mut slice = Slice::default();
                rtts.iter().for_each(|nanos| slice.answers(*nanos, 1));
                slice.figures.lost = *lost;
                slice.figures.unmeasured = *unmeasured;
                past.push(Length::Minute, &slice);
            }
            for (rtts, lost, unmeasured) in slices.iter().rev().take(5) {
                let mut slice = Slice::default();
                rtts.iter().for_each(|nanos| slice.answers(*nanos, 1));
                slice.figures.lost = *lost;
                slice.figures.unmeasured = *unmeasured;
                direct.figures.add(&slice.figures);
                slice.histogram.iter().for_each(|(bucket, count)| direct.fill(usize::from(bucket), count));
            }
            let mut unpacked = Sum::new();
            past.add_newest(Length::Minute, 5, &mut unpacked);
            prop_assert_eq!(unpacked.figures, direct.figures);
            prop_assert_eq!(unpacked.histogram.to_vec(), direct.histogram.to_vec());
        }
    }
}
