//! The cookies of one visit, kept by the rules of RFC 6265 and handed back to whom they are for.

use cookie_store::CookieStore;
use hyper::{
    Uri,
    header::{HeaderMap, HeaderValue, SET_COOKIE},
};
use url::Url;

/// Cookies that a visit carries, and bytes of each: as many of each size as browsers must hold for one host.
const MOST: usize = 50;
const MOST_BYTES: usize = 4_096;

/// Handed out so far; forgotten with the visit.
#[derive(Default)]
pub struct Cookies {
    store: CookieStore,
    /// Those that were not taken, for there were too many or too large ones.
    pub refused: u32,
}

impl Cookies {
    /// What goes along to `url`. `None`: nothing.
    pub fn header(&self, url: &Uri) -> Option<HeaderValue> {
        let url = Url::parse(&url.to_string()).ok()?;
        let mut found = self.store.matches(&url);
        // Of one name, the one of the longest path comes first (RFC 6265, 5.4); then in an order that is always the same.
        found.sort_by_key(|cookie| (std::cmp::Reverse(cookie.path.len()), cookie.name().to_owned()));
        let pairs: Vec<String> = found.iter().map(|cookie| format!("{}={}", cookie.name(), cookie.value())).collect();
        let mut header = HeaderValue::try_from(pairs.join("; ")).ok().filter(|header| !header.is_empty())?;
        header.set_sensitive(true);
        Some(header)
    }

    /// Takes what an answer of `url` hands out.
    pub fn take(&mut self, url: &Uri, headers: &HeaderMap) {
        let Ok(url) = Url::parse(&url.to_string()) else { return };
        for cookie in headers.get_all(SET_COOKIE) {
            // The store forgets what is taken back: a log-out makes room.
            let has_room = cookie.len() <= MOST_BYTES && self.store.iter_unexpired().count() < MOST;
            match cookie.to_str() {
                Ok(text) if has_room => _ = self.store.parse(text, &url),
                _ => self.refused = self.refused.saturating_add(1),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(cookies: &[&str]) -> HeaderMap {
        cookies.iter().map(|cookie| (SET_COOKIE, HeaderValue::from_str(cookie).unwrap())).collect()
    }

    fn sent(cookies: &Cookies, url: &str) -> String {
        let header = cookies.header(&url.parse().unwrap());
        header.map_or_else(String::new, |header| header.to_str().unwrap().to_owned())
    }

    #[test]
    fn cookies_go_to_those_alone_that_they_are_for() {
        let mut cookies = Cookies::default();
        let here: Uri = "https://a.city.test/app/login".parse().unwrap();
        cookies.take(&here, &answer(&["one=1; Path=/", "two=2; Path=/app; Secure", "other=x; Domain=evil.test"]));
        assert_eq!(sent(&cookies, "https://a.city.test/app/x"), "two=2; one=1");
        assert_eq!(sent(&cookies, "http://a.city.test/app/x"), "one=1");
        assert_eq!(sent(&cookies, "https://a.city.test/"), "one=1");
        assert_eq!(sent(&cookies, "https://b.city.test/app/x"), "");
        cookies.take(&here, &answer(&["one=; Path=/; Max-Age=0"]));
        assert_eq!(sent(&cookies, "https://a.city.test/"), "");
    }

    #[test]
    fn a_flood_of_cookies_is_bounded_and_counted() {
        let mut cookies = Cookies::default();
        let here: Uri = "http://a.city.test/".parse().unwrap();
        let many: Vec<String> = (0..MOST + 7).map(|nth| format!("c{nth}=x")).collect();
        cookies.take(&here, &answer(&many.iter().map(String::as_str).collect::<Vec<_>>()));
        cookies.take(&here, &answer(&[&format!("large={}", "x".repeat(MOST_BYTES))]));
        assert_eq!((cookies.store.iter_unexpired().count(), cookies.refused), (MOST, 8));
    }
}
