//! Places inside a scalar: a language within the file has findings of its own.

use crate::diagnostic::{Place, Source};

/// Where the letter stands that has `before` letters of the scalar's `text` before it. `scalar` is where the scalar
/// begins in `source`; quoted, folded and literal ones are followed letter by letter.
pub fn place_within(source: &Source, scalar: &Place, text: &str, before: usize) -> Place {
    let Ok(file) = source.utf8() else { return scalar.clone() };
    let line = usize::try_from(scalar.line).unwrap_or(1).saturating_sub(1);
    let column = usize::try_from(scalar.column).unwrap_or(1).saturating_sub(1);
    let line_starts: usize = file.split_inclusive('\n').take(line).map(str::len).sum();
    let start = line_starts + file[line_starts..].chars().take(column).map(char::len_utf8).sum::<usize>();
    let end = walk(file, start, text, before);
    source.place_after(&file[..end])
}

/// The byte of `file` where letter number `before` of `text` stands.
fn walk(file: &str, start: usize, text: &str, before: usize) -> usize {
    let mut at = start;
    let quote = file[at..].chars().next().filter(|first| "'\"|>".contains(*first));
    match quote {
        Some('|' | '>') => at += file[at..].find('\n').map_or(0, |end| end + 1),
        Some(_) => at += 1,
        None => {}
    }
    for (number, letter) in text.chars().enumerate() {
        if letter.is_whitespace() {
            // Folding makes one blank of any: what counts is the letter behind it.
            if number == before {
                return at;
            }
            continue;
        }
        at += file[at..].len() - file[at..].trim_start().len();
        if number == before {
            return at;
        }
        let rest = &file[at..];
        at += match (quote, rest.chars().next()) {
            (Some('\''), Some('\'')) => 2,
            (Some('"'), Some('\\')) => 1 + escape(&rest[1..]),
            (_, Some(written)) => written.len_utf8(),
            (_, None) => 0,
        };
        at = at.min(file.len());
    }
    at
}

/// Bytes of an escape of a double-quoted scalar, behind its backslash.
fn escape(rest: &str) -> usize {
    match rest.chars().next() {
        Some('x') => 3,
        Some('u') => 5,
        Some('U') => 9,
        Some(letter) => letter.len_utf8(),
        None => 0,
    }
    .min(rest.len())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::diagnostic::{Findings, yaml};

    /// Where `needle` is found when it is looked for in the value of `key`.
    fn place(file: &str, needle: &str) -> String {
        let source = Source { file: Path::new("f").into(), bytes: file.as_bytes().to_vec() };
        let document: yaml::Document<serde_yaml::Value> = yaml::decode(&source, &mut Findings::default()).unwrap();
        let text = document.written("key").unwrap();
        let before = text[..text.find(needle).unwrap()].chars().count();
        place_within(&source, &document.place("key"), text, before).to_string()
    }

    #[test]
    fn every_style_of_scalar_leads_back_to_the_letter_in_the_file() {
        assert_eq!(place("key: 许昌 > x\n", "x"), "f:1:11");
        assert_eq!(place("a: 1\nkey: 'it''s > x'\n", "x"), "f:2:15");
        assert_eq!(place("key: \"a \\\"b\\\" x\"\n", "x"), "f:1:15");
        assert_eq!(place("key: >-\n  kind == 'a' &&\n  x > 1\n", "x"), "f:3:3");
        assert_eq!(place("key: |\n  a\n  && x > 1\n", "x"), "f:3:6");
        assert_eq!(place("key: a &&\n  x > 1\n", "x"), "f:2:3");
        assert_eq!(place("{key: a > x}\n", "x"), "f:1:11");
    }
}
