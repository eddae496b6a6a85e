//! Whether two names are of two people. Names are kept as they were written; only this comparison reads them otherwise.

use icu_normalizer::ComposingNormalizerBorrowed;

/// What of a name tells people apart: not how wide its letters are, how they are composed or whether they are small, and
/// no blank or sign that cannot be seen. Empty: nothing of it can be read.
pub fn key(name: &str) -> String {
    let normalised = ComposingNormalizerBorrowed::new_nfkc().normalize(name).to_lowercase();
    let seen = |character: &char| !character.is_whitespace() && !character.is_control() && !is_ignorable(*character);
    let seen: String = normalised.chars().filter(seen).collect();
    // What was parted by a sign may compose now, and small letters may compose otherwise.
    ComposingNormalizerBorrowed::new_nfkc().normalize(&seen).into_owned()
}

/// Signs without a picture: soft hyphens, joiners, marks of direction and variation, fillers, tags.
fn is_ignorable(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether both are one person, however each was typed.
pub fn is_same(one: &str, other: &str) -> bool {
    one == other || key(one) == key(other)
}

/// Whether anything of it can be read.
pub fn is_readable(name: &str) -> bool {
    !key(name).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_stays_one_however_the_name_is_typed() {
        let alike = [
            ("张三", "张三 "),
            ("张三", "张　三"),
            ("张三", "张\u{200b}三\u{feff}"),
            ("Li Wei", "ＬＩ ｗｅｉ"),
            ("ops1", "ops①"),
            ("José", "Jose\u{301}"),
            ("José", "Jose\u{200d}\u{301}"),
            ("高島", "高島\u{fe00}"),
            ("ﬁona", "FIONA"),
            ("塚本", "\u{fa10}本"),
        ];
        for (one, other) in alike {
            assert!(is_same(one, other) && is_same(other, one), "{one:?} {other:?}");
        }
        for (one, other) in [("张三", "李四"), ("张三", "张三丰"), ("Jose", "José"), ("高島", "高嶋"), ("ops1", "ops2")]
        {
            assert!(!is_same(one, other), "{one:?} {other:?}");
        }
        for (name, readable) in [("张", true), ("", false), (" \u{3000}", false), ("\u{200b}\u{ad}\u{202e}", false)] {
            assert_eq!(is_readable(name), readable, "{name:?}");
        }
    }
}
