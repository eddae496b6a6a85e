//! How many SMS a text becomes: what is paid for, and what a budget counts.
//!
//! 3GPP TS 23.038: 140 octets are 160 characters of the GSM 7-bit alphabet or 70 UTF-16 units. A longer text is cut
//! into parts with a header of 6 octets each, which leaves 153 and 67. A character of the extension table takes two
//! places, and neither it nor a surrogate pair may be cut in two.

/// The basic alphabet besides ASCII letters, digits and the signs below 0x80 that it shares with ASCII.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
/// Reached by an escape, so of two places.
const EXTENDED: &str = "\u{c}^{}\\[~]|€";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    Gsm7,
    /// One character that GSM 7-bit lacks makes the whole message UCS-2.
    Ucs2,
}

/// The alphabet of a text and the number of SMS it takes; at least one.
pub fn segments(text: &str) -> (Alphabet, usize) {
    let alphabet = if text.chars().all(is_gsm7) { Alphabet::Gsm7 } else { Alphabet::Ucs2 };
    let (alone, part) = match alphabet {
        Alphabet::Gsm7 => (160, 153),
        Alphabet::Ucs2 => (70, 67),
    };
    let places = |character: char| match alphabet {
        Alphabet::Gsm7 => 1 + usize::from(EXTENDED.contains(character)),
        Alphabet::Ucs2 => character.len_utf16(),
    };
    if text.chars().map(places).sum::<usize>() <= alone {
        return (alphabet, 1);
    }
    let (mut parts, mut filled) = (1, 0);
    for character in text.chars() {
        if filled + places(character) > part {
            (parts, filled) = (parts + 1, 0);
        }
        filled += places(character);
    }
    (alphabet, parts)
}

fn is_gsm7(character: char) -> bool {
    character.is_ascii_alphanumeric() || BASIC.contains(character) || EXTENDED.contains(character)
}

#[cfg(test)]
mod tests {
    use super::{Alphabet::*, *};

    #[test]
    fn a_text_is_cut_where_the_standard_cuts_it() {
        for (text, expected) in [
            ("a".repeat(160), (Gsm7, 1)),
            ("a".repeat(161), (Gsm7, 2)),
            ("a".repeat(306), (Gsm7, 2)),
            ("a".repeat(307), (Gsm7, 3)),
            ("断".repeat(70), (Ucs2, 1)),
            ("断".repeat(71), (Ucs2, 2)),
            ("断".repeat(134), (Ucs2, 2)),
            ("断".repeat(135), (Ucs2, 3)),
            ("€".repeat(80), (Gsm7, 1)),
            ("€".repeat(81), (Gsm7, 2)),
            // 153 places hold 76 whole ones: 152 and one are lost to the cut.
            ("€".repeat(153), (Gsm7, 3)),
            ("a".repeat(159) + "`", (Ucs2, 3)),
            ("𠮷".repeat(35), (Ucs2, 1)),
            ("𠮷".repeat(67), (Ucs2, 3)),
            (String::new(), (Gsm7, 1)),
        ] {
            assert_eq!(segments(&text), expected, "{text}");
        }
    }
}
