//! A home page as its readers see it: where it leads, which images it shows, and a fingerprint of its words.
//!
//! In: bytes of HTML, whatever they are. Out: a [`Page`], bounded. What a browser would not show (scripts, styles, comments)
//! is left out; so are digits and white space, for a date of today or a counter of visitors is no new content.

use std::{collections::BTreeSet, hash::Hasher};

use html5gum::{DefaultEmitter, Token, Tokenizer};
use siphasher::sip::SipHasher13;

/// References that are kept of a page: the crawl visits far fewer.
const MOST: usize = 2_000;
/// Longest reference that anybody can follow.
const LONGEST: usize = 2_000;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// As written, each once, in order of the alphabet.
    pub links: BTreeSet<String>,
    pub images: BTreeSet<String>,
    /// Of the words, links included.
    pub fingerprint: u64,
    /// References beyond what is kept.
    pub left_out: usize,
}

impl Page {
    pub fn read(html: &[u8]) -> Self {
        let mut emitter = DefaultEmitter::<()>::default();
        emitter.naively_switch_states(true);
        let (mut page, mut hasher, mut hidden) = (Self::default(), SipHasher13::new(), None::<Vec<u8>>);
        for token in Tokenizer::new_with_emitter(html, emitter).flatten() {
            match token {
                Token::StartTag(tag) => {
                    let attribute = |name: &[u8]| tag.attributes.get(name).map(|value| value.value.0.as_slice());
                    match tag.name.as_slice() {
                        b"a" | b"area" => page.refer(attribute(b"href"), false, &mut hasher),
                        b"img" => page.refer(attribute(b"src"), true, &mut hasher),
                        b"script" | b"style" if !tag.self_closing => hidden = Some(tag.name.0),
                        _ => {}
                    }
                }
                Token::EndTag(tag) if hidden.as_ref() == Some(&tag.name.0) => hidden = None,
                Token::String(text) if hidden.is_none() => words(&text.value.0, &mut hasher),
                _ => {}
            }
        }
        page.fingerprint = hasher.finish();
        page
    }

    fn refer(&mut self, to: Option<&[u8]>, image: bool, hasher: &mut SipHasher13) {
        let Some(text) = to.and_then(|bytes| str::from_utf8(bytes).ok()).map(str::trim) else { return };
        let leads = text.split('#').next().unwrap_or_default();
        let scheme = leads.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        let is_web =
            scheme.is_none_or(|scheme| scheme.contains(['/', '?', '.']) || scheme == "http" || scheme == "https");
        if leads.is_empty() || !is_web || leads.len() > LONGEST {
            return;
        }
        hasher.write(leads.as_bytes());
        if self.links.len() + self.images.len() >= MOST {
            self.left_out += 1;
            return;
        }
        if image { &mut self.images } else { &mut self.links }.insert(leads.to_owned());
    }
}

/// All but digits and white space.
fn words(text: &[u8], hasher: &mut SipHasher13) {
    for byte in text.iter().filter(|byte| !byte.is_ascii_digit() && !byte.is_ascii_whitespace()) {
        hasher.write_u8(*byte);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOME: &str = "<!doctype html><title>示例市</title><style>a{}</style><script>var n=1; document.write('<a href=/no>')</script>
        <a href='/news/1.html'>要闻</a><A HREF=\"news/2.html#top\">公告</A><a href=javascript:void(0)>x</a><a href='mailto:a@b'>m</a>
        <img src=/logo.png><img><a href='#top'>top</a><a href='https://other.test/?q=a:b'>友情链接</a><!-- <a href=/hidden> -->
        <p>今天是 2026-11-27，访问量 1024</p>";

    #[test]
    fn a_page_leads_where_its_readers_can_go() {
        let page = Page::read(HOME.as_bytes());
        assert_eq!(page.links.iter().collect::<Vec<_>>(), ["/news/1.html", "https://other.test/?q=a:b", "news/2.html"]);
        assert_eq!(page.images.iter().collect::<Vec<_>>(), ["/logo.png"]);
    }

    #[test]
    fn a_new_date_is_no_news_and_a_new_headline_is() {
        let print = |html: &str| Page::read(html.as_bytes()).fingerprint;
        assert_eq!(
            print(HOME),
            print(&HOME.replace("2026-11-27", "2026-11-28").replace("1024", "99 999").replace("n=1", "n=2"))
        );
        assert_ne!(print(HOME), print(&HOME.replace("公告", "通知")));
        assert_ne!(print(HOME), print(&HOME.replace("news/2", "news/3")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            Page::read(&bytes);
        }
    }
}
