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

    /// Appends filled buckets, rising: each as its distance from the one before, and its count.
    pub fn put_buckets(&mut self, buckets: impl Iterator<Item = (u16, u32)>) {
        let mut next = 0;
        for (bucket, count) in buckets {
            self.put(u64::from(bucket) + 1 - next);
            self.put(count.into());
            next = u64::from(bucket) + 1;
        }
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
        let mut next = 0;
        std::iter::from_fn(move || {
            // No distance is zero: that is the end, or the free half of its last byte.
            let distance = Some(self.number()).filter(|distance| *distance > 0)?;
            next += distance;
            Some((u16::try_from(next - 1).ok()?, u32::try_from(self.number()).unwrap_or(u32::MAX)))
        })
    }
}
