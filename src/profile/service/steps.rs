//! Several pages one after the other, as a person would go through them: open, log in, a page, log out.
//!
//! In: nothing; `services` reads them. Out: for each step an [`Http`] that asks just once, filled with what the steps
//! before it kept. Cookies are carried by whoever asks.

use std::{borrow::Cow, collections::BTreeMap, net::IpAddr, sync::LazyLock};

use hyper::Uri;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};
use regex::{Captures, Regex};

use super::{Check, Http, Kind, usable_url};

/// What steps have kept so far, by name.
pub type Kept = BTreeMap<String, String>;

/// Pages that are asked for in their order; the first that fails ends the visit.
#[derive(Clone, Debug)]
pub struct Steps {
    /// Of the service.
    pub base: Uri,
    /// 1 to [`Steps::MOST`].
    pub list: Vec<PageStep>,
    /// Names of the steps whose time together is that of the business transaction; empty: nobody asks for it.
    pub transaction: Vec<String>,
    /// Another one when anything of them was written otherwise, secrets in files included.
    pub fingerprint: u64,
}

impl Steps {
    /// Each is a connection, and all of them are one visit.
    pub const MOST: usize = 10;

    /// Whether the step of this name hands in a name and a password.
    pub fn is_login(&self, name: &str) -> bool {
        self.list.iter().any(|step| step.name == name && step.login)
    }

    /// Connects there for the pages of the service's own host, whatever the name says.
    pub fn pin(&mut self, address: IpAddr) {
        for step in self.list.iter_mut().filter(|step| step.is_at_home) {
            step.rules.pinned = Some(address);
        }
    }
}

impl Check {
    /// Requests that one visit makes, redirects left out.
    pub fn requests(&self) -> u32 {
        self.steps().map_or(1, |steps| steps.list.len() as u32)
    }

    /// The pages that are asked for one after the other.
    pub fn steps(&self) -> Option<&Steps> {
        match &self.kind {
            Kind::Steps(steps) => Some(steps),
            _ => None,
        }
    }
}

/// One page, and what its answer must be.
#[derive(Clone, Debug)]
pub struct PageStep {
    /// 1 to 32 of `a-z 0-9 _ -`, once among its steps.
    pub name: String,
    /// It hands in a name and a password: what is refused is not tried again at once, for that locks accounts.
    pub login: bool,
    /// Its address whole, with `${name}` behind the host.
    pub url: String,
    /// It is on the host of the service.
    pub is_at_home: bool,
    /// With `${name}` in the values.
    pub headers: Vec<(String, String)>,
    pub content: Content,
    /// In which what is sent is written.
    pub charset: Charset,
    /// What is kept of its body for the steps after it: the first group of the expression, else all of its match.
    pub keep: Vec<(String, regex::bytes::Regex)>,
    /// Method and rules. Address, headers and body are filled in by [`PageStep::filled`].
    pub rules: Http,
}

/// Encoding of what is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    #[default]
    Utf8,
    Gb18030,
}

impl Charset {
    /// GB18030 has every letter.
    fn bytes(self, text: &str) -> Cow<'_, [u8]> {
        match self {
            Self::Utf8 => text.as_bytes().into(),
            Self::Gb18030 => encoding_rs::GB18030.encode(text).0,
        }
    }

    /// Pairs as forms send them.
    fn form(self, pairs: &[(&String, String)]) -> Option<String> {
        let escaped = |text: &str| percent_encode(&self.bytes(text), NON_ALPHANUMERIC).to_string();
        match self {
            Self::Utf8 => serde_urlencoded::to_string(pairs).ok(),
            Self::Gb18030 => {
                let pairs = pairs.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
                Some(pairs.collect::<Vec<_>>().join("&"))
            }
        }
    }
}

/// The body of a request. Never printed: it has secrets.
#[derive(Clone)]
pub enum Content {
    Nothing,
    /// Pairs of an HTML form; `true`: a secret, taken as it is.
    Form(Vec<(String, String, bool)>),
    /// With `${name}`.
    Text(String),
}

impl std::fmt::Debug for Content {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Content(secret)")
    }
}

impl PageStep {
    /// What is asked for now. `None`: what was kept makes no address.
    pub fn filled(&self, kept: &Kept) -> Option<Http> {
        let url = fill(&self.url, kept, |value| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string().into());
        let plain = |text: &str| fill(text, kept, Cow::Borrowed);
        let body = match &self.content {
            Content::Nothing => vec![],
            Content::Text(text) => self.charset.bytes(&plain(text)).into_owned(),
            Content::Form(pairs) => {
                let filled = pairs.iter().map(|(name, value, is_secret)| match is_secret {
                    true => (name, value.clone()),
                    false => (name, plain(value)),
                });
                self.charset.form(&filled.collect::<Vec<_>>())?.into_bytes()
            }
        };
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), plain(value)));
        let headers = self.rules.headers.iter().cloned().chain(headers).collect();
        Some(Http { url: usable_url(&url)?, headers, body, ..self.rules.clone() })
    }
}

#[expect(clippy::unwrap_used, reason = "a constant that a test has tried")]
static NAMES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\$\{([A-Za-z0-9_-]*)\}").unwrap());

/// The names in `${name}`, in their order.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    NAMES.captures_iter(text).filter_map(|found| found.get(1)).map(|name| name.as_str())
}

/// `text` with what was kept in the place of `${name}`; what nobody kept stays as it is.
fn fill<'v>(text: &str, kept: &'v Kept, escape: impl Fn(&'v str) -> Cow<'v, str>) -> String {
    let value = |found: &Captures<'_>| match kept.get(&found[1]) {
        Some(value) => escape(value).into_owned(),
        None => found[0].to_owned(),
    };
    NAMES.replace_all(text, value).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(url: &str, content: Content) -> PageStep {
        PageStep {
            name: "page".into(),
            login: false,
            url: url.into(),
            is_at_home: true,
            headers: vec![("X-Token".into(), "t ${token}".into())],
            content,
            charset: Charset::Utf8,
            keep: vec![],
            rules: Http::get("http://city.test/".parse().unwrap()),
        }
    }

    #[test]
    fn what_was_kept_is_filled_in_and_cannot_leave_its_place() {
        let kept = Kept::from([("token".into(), "a/../b?c=@evil.test&d e".into())]);
        let form = vec![
            ("csrf".to_owned(), "${token}".to_owned(), false),
            ("password".to_owned(), "${token}".to_owned(), true),
            ("other".to_owned(), "${nobody}".to_owned(), false),
        ];
        let http = step("http://city.test/x?t=${token}", Content::Form(form)).filled(&kept).unwrap();
        assert_eq!(http.url.host(), Some("city.test"));
        assert_eq!(http.url.path_and_query().unwrap().as_str(), "/x?t=a%2F%2E%2E%2Fb%3Fc%3D%40evil%2Etest%26d%20e");
        assert_eq!(http.headers, [("X-Token".to_owned(), "t a/../b?c=@evil.test&d e".to_owned())]);
        // A secret is taken as it is, whatever stands in it.
        assert_eq!(
            String::from_utf8(http.body).unwrap(),
            "csrf=a%2F..%2Fb%3Fc%3D%40evil.test%26d+e&password=%24%7Btoken%7D&other=%24%7Bnobody%7D"
        );
        assert!(!format!("{:?}", step("/", Content::Text("secret word".into()))).contains("secret word"));
    }

    #[test]
    fn a_form_and_a_text_are_written_as_the_page_wants_them() {
        let kept = Kept::from([("token".into(), "a b".into())]);
        let old = |content| PageStep { charset: Charset::Gb18030, ..step("http://city.test/", content) };
        let form =
            vec![("城市".to_owned(), "许昌 ${token}".to_owned(), false), ("key".to_owned(), "昌&".to_owned(), true)];
        let http = old(Content::Form(form)).filled(&kept).unwrap();
        assert_eq!(http.body, b"%B3%C7%CA%D0=%D0%ED%B2%FD%20a%20b&key=%B2%FD%26");
        let http = old(Content::Text("许昌 ${token}".into())).filled(&kept).unwrap();
        assert_eq!(http.body, b"\xd0\xed\xb2\xfd a b");
    }
}
