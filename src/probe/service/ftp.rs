//! The date of a file of an FTP server (RFC 959, MDTM of RFC 3659): greeting, log-in as `anonymous`, the question, QUIT.
//!
//! No file is opened, and no data connection is made.

use super::{
    Checker, Progress, Stopped, fresh,
    starttls::{answer, lines, say},
    stream::connect,
};
use crate::{
    profile::service::{Family, Ftp},
    sample::service::{Phase, Reason},
    units::Timestamp,
};

pub async fn ask(checker: &Checker, family: Family, ftp: &Ftp, progress: &mut Progress) -> Stopped<()> {
    let mut stream = connect(checker, &ftp.endpoint, family, progress).await?;
    progress.enter(Phase::Processing);
    lines(&mut stream, "220", Reason::TalkStatus, progress).await?;
    progress.enter(Phase::Transfer);
    say(&mut stream, b"USER anonymous\r\n", progress).await?;
    let said = answer(&mut stream, progress).await?;
    if said.starts_with("331") {
        say(&mut stream, b"PASS linkpatrol@\r\n", progress).await?;
        lines(&mut stream, "230", Reason::TalkStatus, progress).await?;
    } else if !said.starts_with("230") {
        return Err(progress.failed(Reason::TalkStatus, said));
    }
    say(&mut stream, format!("MDTM {}\r\n", ftp.path).as_bytes(), progress).await?;
    let said = answer(&mut stream, progress).await?;
    let Some(time) = said.strip_prefix("213 ") else {
        return Err(progress.failed(Reason::TalkStatus, said));
    };
    // It has answered: what becomes of our good-bye is no matter.
    let _ = say(&mut stream, b"QUIT\r\n", progress).await;
    progress.enter(Phase::Content);
    let at = moment(time).ok_or_else(|| progress.failed(Reason::BadTime, &said))?;
    fresh::judge(ftp.freshness.as_ref(), "it", at, progress)
}

/// `YYYYMMDDhhmmss[.sss]`, in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let (digits, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
    let plain =
        digits.len() == 14 && [digits, fraction].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let time = chrono::NaiveDateTime::parse_from_str(digits, "%Y%m%d%H%M%S").ok().filter(|_| plain)?;
    Some(Timestamp(time.and_utc().timestamp_millis())).filter(|time| time.0 >= 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_has_fourteen_digits() {
        assert_eq!(moment("20261125080000"), Some(Timestamp(1_795_593_600_000)));
        assert_eq!(moment("20261125080000.123 "), Some(Timestamp(1_795_593_600_000)));
        for text in ["", "2026", "20261325080000", "191261125080000", "20261125080000.x", "19011125080000"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text: String) {
            let _ = moment(&text);
        }
    }
}
