//! What comes back by text message or key press: whether it takes an incident on, and which one.
//!
//! In: a text, and the open incidents of whoever has this number. Out: one of them, or why nobody can tell; or the circuit
//! that it reports as faulty. Strict on
//! purpose: "收到" may mean any of three incidents, an automatic answer quotes our own text, and a wrong guess stops a clock
//! for nothing. What is not plain goes to the duty officer.

use aws_lc_rs::digest::{SHA256, digest};

use crate::command::Unclear;

/// Digits of a code.
const DIGITS: usize = 6;
/// What may stand beside a code.
const FILLERS: [&str; 13] =
    ["收到", "已收到", "确认", "已确认", "接单", "已接单", "处理中", "正在处理", "知道了", "好的", "ok", "ack", "回复"];
/// Of telephones that answer by themselves.
const AUTOMATIC: [&str; 14] = [
    "自动回复",
    "自动应答",
    "自动答复",
    "正在开会",
    "正在开车",
    "正忙",
    "稍后",
    "不方便",
    "暂时无法",
    "auto-reply",
    "auto reply",
    "autoreply",
    "automatic",
    "out of office",
];
/// Whoever wants no more of this.
const UNSUBSCRIBES: [&str; 9] = ["td", "t", "qx", "n", "退订", "取消", "拒收", "stop", "unsubscribe"];
/// Longest text that is looked at, in characters: a code and a few words.
const MOST: usize = 40;
/// First word of a report of a fault.
const REPORTS: [&str; 3] = ["报障", "报修", "fault"];
/// Longest report, in characters: three text messages.
const MOST_REPORT: usize = 200;

/// The code that an answer to a text message must carry: six digits, of this incident.
pub fn code(incident: &str) -> String {
    let digested = digest(&SHA256, incident.as_bytes());
    let number = digested.as_ref().iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    (100_000 + number % 900_000).to_string()
}

/// Which of the open incidents a text takes on.
///
/// # Errors
/// Why a person has to look.
pub fn read<'a>(text: &str, open: impl IntoIterator<Item = &'a str>) -> Result<&'a str, Unclear> {
    let text = plain(text);
    if UNSUBSCRIBES.contains(&text.trim()) || text.contains("退订") || text.contains("unsubscribe") {
        return Err(Unclear::Unsubscribes);
    }
    if AUTOMATIC.iter().any(|word| text.contains(word)) {
        return Err(Unclear::Automatic);
    }
    let (codes, rest) = codes(&text);
    let code = match &codes[..] {
        [] => return Err(Unclear::NoCode),
        [code, others @ ..] if others.iter().all(|other| other == code) => code,
        _ => return Err(Unclear::SeveralCodes),
    };
    if text.chars().count() > MOST || !rest.iter().all(|word| FILLERS.contains(&word.as_str())) {
        return Err(Unclear::MoreThanACode);
    }
    let mut meant = open.into_iter().filter(|incident| self::code(incident) == *code);
    match (meant.next(), meant.next()) {
        (Some(incident), None) => Ok(incident),
        (Some(_), Some(_)) => Err(Unclear::SeveralCodes),
        (None, _) => Err(Unclear::NoSuchCode),
    }
}

/// Which of the circuits a text reports as faulty: `报障 LL-0412 打不开网页`, by our name of the link or the carrier's number
/// of the circuit. `None`: it reports nothing.
///
/// # Errors
/// Why a person has to look.
pub fn reported<'a, T: Copy + Eq>(
    text: &str,
    circuits: impl Iterator<Item = (T, [&'a str; 2])>,
) -> Option<Result<T, Unclear>> {
    let (length, text) = (text.chars().count(), plain(text));
    let rest = REPORTS.iter().find_map(|word| text.trim().strip_prefix(word))?;
    if AUTOMATIC.iter().any(|word| text.contains(word)) {
        return Some(Err(Unclear::Automatic));
    }
    if length > MOST_REPORT {
        return Some(Err(Unclear::MoreThanACode));
    }
    let is_apart =
        |character: char| !character.is_ascii() || character.is_whitespace() || ",;:()[]".contains(character);
    let words: Vec<&str> =
        rest.split(is_apart).map(|word| word.trim_matches('.')).filter(|word| !word.is_empty()).collect();
    let mut named = vec![];
    for (circuit, names) in circuits {
        let place = words.iter().position(|word| names.iter().any(|name| name.eq_ignore_ascii_case(word)));
        named.extend(place.map(|place| (place, circuit)));
    }
    // The first word names it, and nothing after it names another.
    Some(match named[..] {
        [(0, circuit)] => Ok(circuit),
        _ => Err(Unclear::NoSuchLink),
    })
}

/// A telephone number without its country and what people write between digits.
pub fn bare(number: &str) -> String {
    let digits: String = plain(number).chars().filter(char::is_ascii_digit).collect();
    let local = digits.strip_prefix("0086").or_else(|| digits.strip_prefix("86")).filter(|local| local.len() >= 11);
    local.unwrap_or(&digits).to_owned()
}

/// A number that tells two apart and calls nobody: `138****0001`.
pub fn masked(number: &str) -> String {
    let digits = bare(number);
    let characters: Vec<char> = digits.chars().collect();
    match characters.len() {
        0..8 => "****".to_owned(),
        length => {
            let of = |range: std::ops::Range<usize>| characters[range].iter().collect::<String>();
            format!("{}****{}", of(0..3), of(length - 4..length))
        }
    }
}

/// Wide digits and letters as their narrow ones, small letters.
fn plain(text: &str) -> String {
    let narrow = |character: char| match character {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character),
        '\u{3000}' => ' ',
        other => other,
    };
    text.chars().map(narrow).collect::<String>().to_lowercase()
}

/// Runs of six digits, and the words between and around them.
fn codes(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut codes, mut words, mut run) = (vec![], vec![], String::new());
    let mut digits = false;
    for character in text.chars().chain([' ']) {
        let part = character.is_alphanumeric() || character == '-';
        if !run.is_empty() && (!part || character.is_ascii_digit() != digits) {
            let run = std::mem::take(&mut run);
            if digits && run.len() == DIGITS { codes.push(run) } else { words.push(run) }
        }
        if part {
            digits = character.is_ascii_digit();
            run.push(character);
        }
    }
    (codes, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: [&str; 2] = ["01KDVDNK00000000000000TEST", "01KDVDNK00000000000000TES2"];

    fn meant(text: &str) -> Result<&'static str, Unclear> {
        let [one, two] = OPEN.map(code);
        read(&text.replace("$1", &one).replace("$2", &two), OPEN)
    }

    #[test]
    fn its_code_takes_an_incident_on() {
        for text in ["$1", " $1 ", "确认$1", "$1 收到", "ACK $1", "【$1】", "收到，$1。", "$1 $1"] {
            assert_eq!(meant(text), Ok(OPEN[0]), "{text}");
        }
        let wide: String =
            code(OPEN[1]).chars().map(|digit| char::from_u32(u32::from(digit) + 0xfee0).unwrap()).collect();
        assert_eq!(read(&wide, OPEN), Ok(OPEN[1]));
    }

    #[test]
    fn anything_else_is_for_a_person() {
        for (text, why) in [
            ("收到", Unclear::NoCode),
            ("", Unclear::NoCode),
            ("1", Unclear::NoCode),
            ("13800000001", Unclear::NoCode),
            ("TD", Unclear::Unsubscribes),
            ("退订 $1", Unclear::Unsubscribes),
            ("【自动回复】我正在开会，原文：故障 $1", Unclear::Automatic),
            ("Out of Office: $1", Unclear::Automatic),
            ("$1 不是我们的电路", Unclear::MoreThanACode),
            ("$1 明天处理", Unclear::MoreThanACode),
            ("$1 $2", Unclear::SeveralCodes),
            ("999", Unclear::NoCode),
            ("099999", Unclear::NoSuchCode),
        ] {
            assert_eq!(meant(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_report_names_one_circuit_first() {
        let circuits = [(1, ["LL-0412", "C-7"]), (2, ["LL-0413", "C-8"]), (3, ["LL-0500", "C-8"])];
        let meant = |text: &str| reported(text, circuits.into_iter());
        for text in [
            "报障 LL-0412 打不开网页",
            "报障LL-0412打不开网页",
            "报障：ＬＬ－０４１２，全部业务中断。",
            " 报修 c-7",
            "FAULT ll-0412: no light since 03:00",
        ] {
            assert_eq!(meant(text), Some(Ok(1)), "{text}");
        }
        for text in ["收到 123456", "LL-0412 断了", "请报障 LL-0412", ""] {
            assert_eq!(meant(text), None, "{text}");
        }
        for (text, why) in [
            ("报障", Unclear::NoSuchLink),
            ("报障 网络不通", Unclear::NoSuchLink),
            ("报障 LL-9999", Unclear::NoSuchLink),
            ("报障 断了 LL-0412 LL-0413", Unclear::NoSuchLink),
            ("报障 LL-0412 LL-0413", Unclear::NoSuchLink),
            ("报障 please look at LL-0412", Unclear::NoSuchLink),
            ("报障 C-8", Unclear::NoSuchLink),
            ("报障 LL-0412 自动回复", Unclear::Automatic),
        ] {
            assert_eq!(meant(text), Some(Err(why)), "{text}");
        }
        assert_eq!(meant(&format!("报障 LL-0412 {}", "断".repeat(200))), Some(Err(Unclear::MoreThanACode)));
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        for number in ["13800000001", "+8613800000001", "0086 138-0000-0001", "１３８００００００００１"] {
            assert_eq!(bare(number).len(), if number.starts_with('１') { 12 } else { 11 }, "{number}");
        }
        assert_eq!(bare("+86 138 0000 0001"), "13800000001");
        assert_eq!((masked("+8613800000001").as_str(), masked("10086").as_str()), ("138****0001", "****"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_without_the_code_takes_anything_on(text in "[^0-9０-９]{0,60}") {
            proptest::prop_assert!(read(&text, OPEN).is_err());
        }
    }
}
