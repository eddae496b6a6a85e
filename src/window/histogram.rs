//! A sparse histogram of round-trip times that can be added to another: buckets of [`super::buckets`], filled ones only.

use smallvec::SmallVec;

use super::{
    buckets,
    packed::{Halves, Rest, number, put},
};

/// How many answers fell into each bucket. Figures told back are within 3 %. So many buckets lie in place: what is touched
/// with every answer costs one miss of the cache then, not two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram<const IN_PLACE: usize = 0>(SmallVec<[(u16, u32); IN_PLACE]>);

impl<const IN_PLACE: usize> Histogram<IN_PLACE> {
    /// Adds so many answers of this RTT.
    pub fn add(&mut self, nanos: u64, count: u32) {
        self.fill(buckets::bucket_of(nanos), count);
    }

    pub fn merge<const N: usize>(&mut self, other: &Histogram<N>) {
        other.0.iter().for_each(|(bucket, count)| self.fill(*bucket, *count));
    }

    /// Answers in it.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// Nearest-rank quantile in nanoseconds; `None` of nothing.
    pub fn quantile(&self, percent: u64) -> Option<u64> {
        let (total, mut seen) = (self.total(), 0);
        let reached = |(_, count): &&(u16, u32)| {
            seen += u64::from(*count);
            seen * 100 >= percent * total
        };
        self.0.iter().find(reached).map(|(bucket, _)| buckets::middle(*bucket))
    }

    /// Appends it: how many buckets, then each as its distance from the one before, and its count.
    pub fn pack(&self, bytes: &mut impl Extend<u8>) {
        put(bytes, self.0.len() as u64);
        let mut last = 0;
        for (bucket, count) in &self.0 {
            put(bytes, u64::from(bucket - last));
            put(bytes, u64::from(*count));
            last = *bucket;
        }
    }

    /// Filled buckets, rising.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, u32)> + '_ {
        self.0.iter().copied()
    }

    /// Takes away what is part of it.
    pub(super) fn remove<const N: usize>(&mut self, part: &Histogram<N>) {
        for (bucket, count) in part.iter() {
            if let Ok(place) = self.0.binary_search_by_key(&bucket, |entry| entry.0) {
                self.0[place].1 = self.0[place].1.saturating_sub(count);
            }
        }
        self.0.retain(|(_, count)| *count > 0);
    }

    /// Empties it, and gives back what it took beyond its place.
    pub(super) fn clear(&mut self) {
        self.0 = SmallVec::new();
    }

    pub(super) fn heap_bytes(&self) -> usize {
        if self.0.spilled() { self.0.capacity() * size_of::<(u16, u32)>() } else { 0 }
    }

    fn fill(&mut self, bucket: u16, count: u32) {
        match self.0.binary_search_by_key(&bucket, |entry| entry.0) {
            Ok(place) => self.0[place].1 = self.0[place].1.saturating_add(count),
            Err(place) => self.0.insert(place, (bucket, count)),
        }
    }
}

impl Histogram {
    /// An eighth of its room, for one that is kept by the hundred thousand; nothing for an empty one.
    pub(super) fn packed(&self) -> SmallVec<[u8; 256]> {
        let mut packed = Halves::default();
        packed.put_buckets(self.iter());
        packed.bytes
    }

    /// What [`Self::packed`] made.
    pub(super) fn unpacked(bytes: &[u8]) -> Self {
        Self(Rest::of(bytes).buckets().collect())
    }

    /// Takes it from the head of `rest`; `None` when that is not one.
    pub fn unpack(rest: &mut &[u8]) -> Option<Self> {
        let (mut histogram, mut bucket) = (Self::default(), 0_u64);
        for place in 0..number(rest) {
            let distance = number(rest);
            if rest.is_empty() || (place > 0 && distance == 0) {
                return None;
            }
            bucket = bucket.checked_add(distance).filter(|bucket| *bucket < buckets::BUCKETS as u64)?;
            histogram.0.push((bucket as u16, u32::try_from(number(rest)).ok()?));
        }
        Some(histogram)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn histogram() -> impl Strategy<Value = Histogram> {
        proptest::collection::vec((1_u64..5_000_000_000, 1_u32..400), 0..40).prop_map(|answers| {
            let mut histogram = Histogram::default();
            answers.iter().for_each(|(nanos, count)| histogram.add(*nanos, *count));
            histogram
        })
    }

    fn sum(one: &Histogram, other: &Histogram) -> Histogram {
        let mut sum = one.clone();
        sum.merge(other);
        sum
    }

    proptest! {
        #[test]
        fn they_add_up_in_any_order_and_packing_loses_nothing(one in histogram(), two in histogram(), three in histogram()) {
            prop_assert_eq!(sum(&sum(&one, &two), &three), sum(&one, &sum(&two, &three)));
            prop_assert_eq!(sum(&one, &two), sum(&two, &one));
            let mut rest = sum(&one, &two);
            rest.remove(&two);
            prop_assert_eq!(&rest, &one);
            let mut bytes = vec![];
            one.pack(&mut bytes);
            prop_assert_eq!(Histogram::unpack(&mut bytes.as_slice()), Some(one));
        }
    }

    #[test]
    fn a_cut_text_is_no_histogram() {
        assert_eq!(Histogram::unpack(&mut [3, 1, 1].as_slice()), None);
    }
}
