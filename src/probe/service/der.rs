//! The little of DER (X.690) that is read and written by hand, where no library of ours does.

/// One element, and what follows it. `None`: no whole element, or a length that DER does not write.
pub fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, first, rest @ ..] = bytes else { return None };
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// The content of an element with this tag, and what follows it.
pub fn tagged(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(tag, ..)| *tag == wanted).map(|(_, content, rest)| (content, rest))
}

/// An element with this tag.
pub fn written(tag: u8, content: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = content.len().to_be_bytes().into_iter().skip_while(|digit| *digit == 0).collect();
    let length = match content.len() {
        0 => vec![0],
        1..=0x7f => digits,
        _ => [&[0x80 | digits.len() as u8], &digits[..]].concat(),
    };
    [&[tag], &length[..], content].concat()
}

pub const INTEGER: u8 = 0x02;
pub const SEQUENCE: u8 = 0x30;

/// Both numbers of a signature over a curve of 256 bits, one after the other.
pub fn signature(bytes: &[u8]) -> Option<[u8; 64]> {
    let (both, _) = tagged(bytes, SEQUENCE)?;
    let (r, rest) = tagged(both, INTEGER)?;
    let (s, _) = tagged(rest, INTEGER)?;
    let mut out = [0; 64];
    let (first, second) = out.split_at_mut(32);
    for (number, place) in [(r, first), (s, second)] {
        let number = number.strip_prefix(&[0]).unwrap_or(number);
        let start = 32_usize.checked_sub(number.len())?;
        place[start..].copy_from_slice(number);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_signature_is_two_numbers_of_whatever_length() {
        let mut wanted = [0; 64];
        (wanted[31], wanted[63]) = (7, 0x80);
        assert_eq!(signature(&[0x30, 7, 2, 1, 7, 2, 2, 0, 0x80]), Some(wanted));
        for broken in [&[0x30, 7, 2, 1, 7][..], &[0x30, 0x80, 0, 0], &[0x31, 0], &[0x30, 3, 2, 1, 7], &[]] {
            assert_eq!(signature(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 70_000] {
            let content = vec![7; length];
            assert_eq!(element(&written(SEQUENCE, &content)), Some((SEQUENCE, &content[..], &[][..])), "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            signature(&bytes);
            signature(&[&[SEQUENCE, bytes.len() as u8][..], &bytes].concat());
        }
    }
}
