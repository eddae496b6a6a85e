//! Pages in the Chinese national encodings (GB18030, and GBK and GB 2312 within it), as UTF-8.

use encoding_rs::{Encoding, GB18030, GBK};
use hyper::{HeaderMap, header::CONTENT_TYPE};

/// So far into a page its own word on its encoding is looked for (HTML Living Standard, 13.2.3.2).
const PRESCAN: usize = 1_024;

/// The page in UTF-8. `None`: nothing says that it is in another encoding that we know.
pub(super) fn as_utf8(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let said = headers.get(CONTENT_TYPE).and_then(|value| named(value.as_bytes()));
    let encoding = said.or_else(|| named(&body[..body.len().min(PRESCAN)]))?;
    (encoding == GB18030 || encoding == GBK).then(|| GB18030.decode_without_bom_handling(body).0.into_owned())
}

/// The encoding whose name follows `charset=`.
fn named(text: &[u8]) -> Option<&'static Encoding> {
    let lower = text.to_ascii_lowercase();
    let at = lower.windows(8).position(|window| window == b"charset=")? + 8;
    let rest = lower[at..].trim_ascii_start();
    let rest = rest.strip_prefix(b"\"").or_else(|| rest.strip_prefix(b"'")).unwrap_or(rest);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-:.".contains(byte);
    let length = rest.iter().position(|byte| !is_name(byte)).unwrap_or(rest.len());
    Encoding::for_label(&rest[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_says_of_its_encoding_is_believed_and_its_header_first() {
        let (chinese, ..) = GB18030.encode("<meta charset='gb2312'>许昌");
        let headers = |value: &str| HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
        let read = |value, body: &[u8]| as_utf8(&headers(value), body);
        assert_eq!(read("text/html", &chinese).as_deref(), Some("<meta charset='gb2312'>许昌"));
        for header in ["text/html; charset=GBK", "text/html;charset=\"gb18030\"", "text/html; charset=gb2312; x=1"] {
            assert_eq!(read(header, &chinese[23..]).as_deref(), Some("许昌"), "{header}");
        }
        for header in ["text/html; charset=utf-8", "text/html; charset=", "text/html; charset=klingon", "text/plain"] {
            assert_eq!(read(header, "许昌".as_bytes()), None, "{header}");
        }
        assert_eq!(read("text/html; charset=utf-8", &chinese), None, "the header comes first");
        let late = [&[b' '; PRESCAN][..], &chinese].concat();
        assert_eq!(read("text/html", &late), None);
    }
}
