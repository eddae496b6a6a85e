//! A stretch of evidence: counts, RTT figures and a sparse histogram; packed when it is over.
//!
//! The running slice is filled in place. A finished one becomes a few dozen bytes (LEB128 numbers, buckets as
//! distances), because a point keeps 23 of them: one short slice with ten answers packs into about 30 bytes.

use std::ops::Range;

use smallvec::SmallVec;

use super::{
    Histogram, Summary, buckets,
    packed::{number, put},
};
use crate::units::Counts;

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
        let [rtt_p50, rtt_p95, rtt_p99] = self.quantiles([50, 95, 99]);
        Summary {
            counts: Counts { answered: figures.answered, lost: figures.lost, unmeasured: figures.unmeasured },
            lost_in_downtime: figures.lost_in_downtime,
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

/// Finished slices of one length, oldest first, packed one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    bytes: Box<[u8]>,
    slices: u8,
}

impl Past {
    /// Adds a finished slice and forgets the oldest beyond `most`.
    pub fn push(&mut self, slice: &Slice, most: usize) {
        self.pack(&slice.figures, slice.histogram.iter(), most);
    }

    /// As [`Past::push`], for what was added up from shorter slices.
    pub fn push_sum(&mut self, sum: &Sum, most: usize) {
        self.pack(&sum.figures, sum.filled(), most);
    }

    /// Adds the newest `slices` to `sum`.
    pub fn add_newest(&self, slices: usize, sum: &mut Sum) {
        let mut rest = &*self.bytes;
        for _ in slices..self.slices() {
            let length = usize::try_from(number(&mut rest)).unwrap_or(usize::MAX);
            rest = rest.get(length..).unwrap_or_default();
        }
        while !rest.is_empty() {
            unpack(&mut rest, sum);
        }
    }

    pub fn slices(&self) -> usize {
        self.slices.into()
    }

    /// The slice that `push` adds, so many times.
    pub fn alike(push: impl FnOnce(&mut Self), most: usize) -> Self {
        let mut one = Self::default();
        push(&mut one);
        Self { bytes: one.bytes.repeat(most).into(), slices: most as u8 }
    }

    pub fn heap_bytes(&self) -> usize {
        self.bytes.len()
    }

    fn pack(&mut self, figures: &Figures, histogram: impl Iterator<Item = (u16, u32)>, most: usize) {
        let mut packed = SmallVec::<[u8; 256]>::new();
        // Nothing answered, lost or unmeasured: an empty slice is its length, zero.
        let array = figures.as_array();
        if array[..4].iter().any(|figure| *figure > 0) {
            let figures_used = if figures.answered > 0 { array.len() } else { 4 };
            array[..figures_used].iter().for_each(|figure| put(&mut packed, *figure));
            let mut last = 0;
            for (bucket, count) in histogram {
                put(&mut packed, u64::from(bucket - last));
                put(&mut packed, u64::from(count));
                last = bucket;
            }
        }
        let mut kept = &*self.bytes;
        if self.slices() == most {
            let length = usize::try_from(number(&mut kept)).unwrap_or(usize::MAX);
            kept = kept.get(length..).unwrap_or_default();
        } else {
            self.slices += 1;
        }
        let mut prefix = SmallVec::<[u8; 4]>::new();
        put(&mut prefix, packed.len() as u64);
        self.bytes = [kept, &prefix, &packed].concat().into();
    }
}

/// Adds the packed slice at the head of `rest` to `sum`, and steps over it.
fn unpack(rest: &mut &[u8], sum: &mut Sum) {
    let length = usize::try_from(number(rest)).unwrap_or(usize::MAX);
    let (mut packed, after) = rest.split_at(length.min(rest.len()));
    *rest = after;
    if packed.is_empty() {
        return;
    }
    let mut array = [0; 9];
    array[..4].iter_mut().for_each(|figure| *figure = number(&mut packed));
    if array[0] > 0 {
        array[4..].iter_mut().for_each(|figure| *figure = number(&mut packed));
    }
    sum.figures.add(&Figures::of_array(array));
    let mut bucket = 0;
    while !packed.is_empty() {
        bucket += usize::try_from(number(&mut packed)).unwrap_or(0);
        let count = u32::try_from(number(&mut packed)).unwrap_or(u32::MAX);
        sum.fill(bucket, count);
    }
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
            for (rtts, lost, unmeasured) in &slices {
                let mut slice = Slice::default();
                rtts.iter().for_each(|nanos| slice.answers(*nanos, 1));
                slice.figures.lost = *lost;
                slice.figures.unmeasured = *unmeasured;
                past.push(&slice, 4);
            }
            for (rtts, lost, unmeasured) in slices.iter().rev().take(4) {
                let mut slice = Slice::default();
                rtts.iter().for_each(|nanos| slice.answers(*nanos, 1));
                slice.figures.lost = *lost;
                slice.figures.unmeasured = *unmeasured;
                direct.figures.add(&slice.figures);
                slice.histogram.iter().for_each(|(bucket, count)| direct.fill(usize::from(bucket), count));
            }
            let mut unpacked = Sum::new();
            past.add_newest(4, &mut unpacked);
            prop_assert_eq!(unpacked.figures, direct.figures);
            prop_assert_eq!(unpacked.histogram.to_vec(), direct.histogram.to_vec());
        }
    }
}
