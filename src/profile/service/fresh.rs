//! How old a file, or the newest record of a page, may be; and files of FTP servers, of which nothing but the date is asked.

use std::time::Duration;

use super::{Cel, Check, Endpoint, Kind};

/// Older than this is stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    pub within: Duration,
    /// `None`: the date of the file or page itself.
    pub record: Option<Record>,
}

/// Where in a body of JSON the time of the newest record stands; of a list of times the newest counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// RFC 6901.
    Pointer(String),
    /// Over `body`.
    Cel(Cel),
}

/// Bytes of a pointer.
const MOST_POINTER: usize = 1_000;

impl Record {
    /// What begins with `/` is a JSON pointer, all else an expression of CEL. `Err`: why it is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            return Cel::parse(text).map(Self::Cel).map_err(|error| Cel::short(&error).to_owned());
        }
        if text.len() > MOST_POINTER {
            return Err(format!("longer than {MOST_POINTER} bytes"));
        }
        match text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1'])) {
            true => Ok(Self::Pointer(text.to_owned())),
            false => Err("`~` of a JSON pointer is written `~0`, and `/` inside a name `~1`".to_owned()),
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pointer(text) => text,
            Self::Cel(cel) => &cel.source,
        }
    }
}

impl Check {
    /// The same, failing when what it sees is older. `None`: nothing that it sees has a date, or has records.
    pub fn asking_for(mut self, freshness: Freshness) -> Option<Self> {
        match &mut self.kind {
            Kind::Http(http) => http.freshness = Some(freshness),
            Kind::Ftp(ftp) if freshness.record.is_none() => ftp.freshness = Some(freshness),
            _ => return None,
        }
        Some(self)
    }

    /// How old what it sees may be. `None`: as old as it will.
    pub fn freshness(&self) -> Option<&Freshness> {
        match &self.kind {
            Kind::Http(http) => http.freshness.as_ref(),
            Kind::Ftp(ftp) => ftp.freshness.as_ref(),
            _ => None,
        }
    }
}

/// The date of one file of an FTP server (MDTM of RFC 3659), which we enter as `anonymous`.
#[derive(Clone, Debug)]
pub struct Ftp {
    pub endpoint: Endpoint,
    /// As it is sent: where the server leads us in, unless it begins with `/`.
    pub path: String,
    pub freshness: Option<Freshness>,
}

impl Ftp {
    /// `host[:21]/path`. Escapes with `%` are not undone.
    pub(super) fn parse(rest: &str) -> Option<Self> {
        let (place, path) = rest.split_once('/')?;
        let plain = !path.is_empty() && !path.ends_with('/') && !path.contains(char::is_control);
        let endpoint = Endpoint::parse(place, Some(21)).filter(|_| plain)?;
        Some(Self { endpoint, path: path.to_owned(), freshness: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_pointer_or_an_expression() {
        assert_eq!(Record::parse("/data/0/time"), Ok(Record::Pointer("/data/0/time".into())));
        assert!(matches!(Record::parse("body.data.map(row, row.time)"), Ok(Record::Cel(_))));
        assert!(Record::parse("/a~1b/~0").is_ok());
        for text in ["", "/a~2", "/a~", "body.", "body.data["] {
            assert!(Record::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_what_has_a_date_can_be_stale() {
        let freshness = |record: Option<&str>| Freshness {
            within: Duration::from_hours(1),
            record: record.map(|text| Record::parse(text).unwrap()),
        };
        let asked = |url: &str, record| Check::parse(url).unwrap().asking_for(freshness(record));
        assert!(asked("https://a.test/x", Some("/time")).is_some());
        assert_eq!(asked("ftp://a.test/x", None).unwrap().freshness(), Some(&freshness(None)));
        assert!(asked("ftp://a.test/x", Some("/time")).is_none());
        assert!(asked("tls://a.test", None).is_none());
    }

    #[test]
    fn a_file_of_ftp_has_a_name_and_no_second_line() {
        let Some(Kind::Ftp(ftp)) = Check::parse("ftp://a.test/日报/x y.csv").map(|check| check.kind) else {
            panic!()
        };
        assert_eq!((ftp.endpoint.port, ftp.path.as_str()), (21, "日报/x y.csv"));
        for text in
            ["ftp://a.test", "ftp://a.test/", "ftp://a.test/x/", "ftp://a.test/x\r\nDELE y", "ftp://u:p@a.test/x"]
        {
            assert!(Check::parse(text).is_none(), "{text}");
        }
    }
}
