//! Whole numbers in few bytes (LEB128), for what is kept by the million.

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
