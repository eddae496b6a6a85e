//! A group of data-exchange tasks, and where what is told of it comes from.

use std::{path::PathBuf, time::Duration};

use super::{Http, usable_url};
use crate::inventory::ExchangeKind;

/// The records of a group of tasks.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// As the feed calls it: the id of the group.
    pub group: String,
    pub kind: ExchangeKind,
    /// Tasks in the group.
    pub tasks: u32,
    pub feed: Feed,
    /// How old the last success may be when it is told of.
    pub stale_after: Duration,
    /// How old what is told may be.
    pub silent_after: Duration,
    /// What another group read of the same feed is read again after this long.
    pub shared_for: Duration,
}

/// Who tells.
#[derive(Clone, Debug)]
pub enum Feed {
    /// Other systems, by themselves (`POST /api/v1/observations`).
    Posted,
    /// A JSON document on this host.
    File(PathBuf),
    /// The same elsewhere.
    Http(Box<Http>),
}

impl Feed {
    /// `posted`, `file:///path`, `http://…` or `https://…`. `None`: none of these.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "posted" {
            return Some(Self::Posted);
        }
        match text.strip_prefix("file://") {
            Some(path) => Some(path).filter(|path| path.starts_with('/')).map(|path| Self::File(path.into())),
            None => Some(Self::Http(Box::new(Http::get(usable_url(text)?)))),
        }
    }

    /// Of whom an answer is awaited; `localhost` when nobody is asked.
    pub fn host(&self) -> &str {
        match self {
            Self::Http(http) => http.url.host().unwrap_or_default(),
            Self::Posted | Self::File(_) => "localhost",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_posted_or_a_document() {
        assert!(matches!(Feed::parse("posted"), Some(Feed::Posted)));
        assert!(matches!(Feed::parse("file:///var/x.json"), Some(Feed::File(path)) if path.ends_with("x.json")));
        let feed = Feed::parse("https://exchange.example/tasks.json");
        assert_eq!(feed.as_ref().map(Feed::host), Some("exchange.example"));
        for text in ["", "Posted", "file://x.json", "ftp://x/", "/var/x.json", "https://user:secret@x/"] {
            assert!(Feed::parse(text).is_none(), "{text}");
        }
    }
}
