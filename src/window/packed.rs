//! Whole numbers in few bytes (LEB128), for what is kept by the million.

use smallvec::SmallVec;

/// Appends `number`.
pub fn put(bytes: &mut impl Extend<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.extend([(number & 0x7f) as u8 | 0x80]);
        number >>= 7;
    }
    bytes.extend([number as u8]);
}

/// Takes a number from the head of `rest`; zero at its end.
pub fn number(rest: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    while let Some((byte, after)) = rest.split_first() {
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 || shift > 63 {
            break;
        }
    }
    value
}

/// Empty buckets that end a stretch: what its head costs, two half bytes.
const GAP: u64 = 3;

/// Numbers in half bytes, three bits of a number in each: most gaps and counts of a short histogram are below eight.
#[derive(Default)]
pub(super) struct Halves {
    pub bytes: SmallVec<[u8; 256]>,
    /// The upper half of the last byte is free.
    has_room: bool,
}

impl Halves {
    pub fn put(&mut self, mut number: u64) {
        while number >= 8 {
            self.push((number & 7) as u8 | 8);
            number >>= 3;
        }
        self.push(number as u8);
    }

    /// Appends filled buckets, rising, in stretches without a gap of [`GAP`]: each stretch as its distance from the one
    /// before, how many buckets lie between its first and its last, and the count of every bucket, also of empty ones.
    pub fn put_buckets(&mut self, buckets: impl Iterator<Item = (u16, u32)>) {
        let mut stretch = SmallVec::<[u32; 64]>::new();
        let (mut begins, mut next) = (0_u64, 0_u64);
        for (bucket, count) in buckets {
            let empty = u64::from(bucket).saturating_sub(begins + stretch.len() as u64);
            if stretch.is_empty() || empty >= GAP {
                next = self.put_stretch(begins, next, &mut stretch);
                begins = bucket.into();
            } else {
                stretch.extend((0..empty).map(|_| 0));
            }
            stretch.push(count);
        }
        self.put_stretch(begins, next, &mut stretch);
    }

    /// `next`: the bucket after the stretch before; returns the one after this.
    fn put_stretch(&mut self, begins: u64, next: u64, stretch: &mut SmallVec<[u32; 64]>) -> u64 {
        if stretch.is_empty() {
            return next;
        }
        let length = stretch.len() as u64;
        self.put(begins + 1 - next);
        self.put(length - 1);
        stretch.drain(..).for_each(|count| self.put(count.into()));
        begins + length
    }

    fn push(&mut self, half: u8) {
        match self.bytes.last_mut().filter(|_| self.has_room) {
            Some(last) => *last |= half << 4,
            None => self.bytes.push(half),
        }
        self.has_room = !self.has_room;
    }
}

/// Reads what [`Halves`] wrote.
pub(super) struct Rest<'a> {
    bytes: &'a [u8],
    halves_read: usize,
}

impl<'a> Rest<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, halves_read: 0 }
    }

    /// Zero at its end.
    pub fn number(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        while let Some(byte) = self.bytes.get(self.halves_read / 2) {
            let half = if self.halves_read.is_multiple_of(2) { byte & 15 } else { byte >> 4 };
            self.halves_read += 1;
            value |= u64::from(half & 7) << shift;
            shift += 3;
            if half & 8 == 0 || shift > 63 {
                break;
            }
        }
        value
    }

    /// Filled buckets to its end, rising.
    pub fn buckets(mut self) -> impl Iterator<Item = (u16, u32)> {
        let (mut next, mut left) = (0_u64, 0_u64);
        let counts = std::iter::from_fn(move || {
            if left == 0 {
                // No distance is zero: that is the end, or the free half of its last byte.
                next += Some(self.number()).filter(|distance| *distance > 0)? - 1;
                left = self.number() + 1;
            }
            let bucket = u16::try_from(next).ok()?;
            (next, left) = (next + 1, left - 1);
            Some((bucket, u32::try_from(self.number()).unwrap_or(u32::MAX)))
        });
        counts.filter(|(_, count)| *count > 0)
    }
}
