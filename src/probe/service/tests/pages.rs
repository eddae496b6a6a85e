//! Ports and pages: slow, endless, broken, packed too well, or simply wrong.

use std::io::Write;

use flate2::{Compression as Level, write::GzEncoder};
use regex::bytes::Regex;

use super::*;
use crate::profile::service::{Authorization, Compression, Endpoint, Freshness, HeaderRule, Record, Step, Tcp};

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(vec![], Level::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn pattern(text: &str) -> Vec<Regex> {
    vec![Regex::new(text).unwrap()]
}

fn rule(header: &str, text: &str) -> Vec<HeaderRule> {
    vec![HeaderRule { header: header.into(), pattern: Regex::new(text).unwrap(), allow_missing: false }]
}

/// At most an hour old, by its own date or by `record`.
fn hour(record: Option<&str>) -> Option<Freshness> {
    let record = record.map(|text| Record::parse(text).unwrap());
    Some(Freshness { within: Duration::from_hours(1), record })
}

#[tokio::test]
async fn every_faulty_page_gives_its_own_reason() {
    use {Phase::*, Reason::*, Then::*};
    let flood = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-Flood: aaaaaaaaaaaaaaaa\r\n".repeat(10_000));
    let lines = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: a\r\n".repeat(300));
    let bomb = page("200 OK\r\nContent-Encoding: gzip", packed(&vec![0; 20 << 20]));
    let plain = |http| http;
    let unpacking = |http: Http| Http { compression: Some(Compression::Gzip), ..http };
    type Change = fn(Http) -> Http;
    type Case = (&'static str, Vec<u8>, Then, Change, Phase, Reason);
    let zoo: Vec<Case> = vec![
        ("never answers", vec![], Hang, plain, Processing, Timeout),
        ("stops within its head", b"HTTP/1.1 200 OK\r\nX: y".to_vec(), Hang, plain, Processing, Timeout),
        ("says 100 for ever", vec![], Repeat(b"HTTP/1.1 100 Continue\r\n\r\n"), plain, Processing, Timeout),
        (
            "stops within its body",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_vec(),
            Hang,
            plain,
            Transfer,
            Timeout,
        ),
        (
            "closes within its body",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_vec(),
            Close,
            plain,
            Transfer,
            BodyIncomplete,
        ),
        (
            "promises too much",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_vec(),
            Hang,
            plain,
            Transfer,
            BodyTooLarge,
        ),
        ("never ends", b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), Repeat(&[b'a'; 16_384]), plain, Transfer, BodyTooLarge),
        (
            "endless chunks",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
            Repeat(b"10\r\naaaaaaaaaaaaaaaa\r\n"),
            |http| Http { body_limit: 100_000, ..http },
            Transfer,
            BodyTooLarge,
        ),
        (
            "chunks that are none",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec(),
            Close,
            plain,
            Transfer,
            BadAnswer,
        ),
        ("floods headers", flood.into_bytes(), Close, plain, Processing, HeadersTooLarge),
        ("has too many headers", lines.into_bytes(), Close, plain, Processing, HeadersTooLarge),
        ("speaks something else", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), Close, plain, Processing, BadAnswer),
        ("closes at once", vec![], Close, plain, Processing, Closed),
        ("resets", vec![], Then::Reset, plain, Processing, Reason::Reset),
        ("bomb", bomb, Close, unpacking, Content, CompressionBomb),
        (
            "broken packing",
            page("200 OK\r\nContent-Encoding: gzip", "no gzip"),
            Close,
            unpacking,
            Content,
            BadCompression,
        ),
        ("unknown packing", page("200 OK\r\nContent-Encoding: br", "x"), Close, unpacking, Content, BadCompression),
        ("redirects to itself", page("302 Found\r\nLocation: /", ""), Close, plain, Content, Redirects),
        ("redirects nowhere", page("302 Found\r\nLocation: ftp://x/", ""), Close, plain, Content, BadRedirect),
        ("is gone", page("404 Not Found", "x"), Close, plain, Content, Status),
        ("fails", page("503 Service Unavailable", "x"), Close, plain, Content, Status),
        (
            "is defaced",
            page("200 OK", "hacked by"),
            Close,
            |http| Http { body_must_not: pattern("(?i)HACKED"), ..http },
            Content,
            BodyMismatch,
        ),
        (
            "is another page",
            page("200 OK", "x"),
            Close,
            |http| Http { body_must: pattern("许昌"), ..http },
            Content,
            BodyMismatch,
        ),
        (
            "is defaced in another encoding",
            page("200 OK\r\nContent-Type: text/html; charset=gbk", encoding_rs::GB18030.encode("网站维护中").0),
            Close,
            |http| Http { body_must_not: pattern("维护"), ..http },
            Content,
            BodyMismatch,
        ),
        (
            "lacks a header",
            page("200 OK", "x"),
            Close,
            |http| Http { header_must: rule("Server", "."), ..http },
            Content,
            HeaderMismatch,
        ),
        (
            "has a bad header",
            page("200 OK\r\nX-Debug: 1", "x"),
            Close,
            |http| Http { header_must_not: rule("X-Debug", "1"), ..http },
            Content,
            HeaderMismatch,
        ),
        (
            "is too old",
            b"HTTP/1.0 200 OK\r\n\r\n".to_vec(),
            Close,
            |http| Http { versions: vec!["HTTP/1.1".into()], ..http },
            Content,
            Version,
        ),
        (
            "was written long ago",
            page("200 OK\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT", "x"),
            Close,
            |http| Http { freshness: hour(None), ..http },
            Content,
            Stale,
        ),
        (
            "does not say when it was written",
            page("200 OK\r\nLast-Modified: yesterday", "x"),
            Close,
            |http| Http { freshness: hour(None), ..http },
            Content,
            BadTime,
        ),
        (
            "has an old record",
            page("200 OK", r#"{"rows": [{"t": 1445412480}, {"t": 1445412480000}]}"#),
            Close,
            |http| Http { freshness: hour(Some("body.rows.map(row, row.t)")), ..http },
            Content,
            Stale,
        ),
        (
            "has a record of the future",
            page("200 OK", r#"{"last": "2999-01-01T00:00:00+08:00"}"#),
            Close,
            |http| Http { freshness: hour(Some("/last")), ..http },
            Content,
            FutureTime,
        ),
        (
            "has records without a time",
            page("200 OK", r#"{"last": null}"#),
            Close,
            |http| Http { freshness: hour(Some("/last")), ..http },
            Content,
            BadTime,
        ),
        (
            "has no records",
            page("200 OK", "<html>"),
            Close,
            |http| Http { freshness: hour(Some("/last")), ..http },
            Content,
            BadTime,
        ),
        ("has no TLS", page("200 OK", "x"), Close, |http| Http { tls_wanted: Some(true), ..http }, Content, TlsMissing),
    ];
    for (name, words, then, change, phase, reason) in zoo {
        let report = visit(change(get(server(words, then).await))).await;
        assert_eq!(fault(&report), Some((phase, reason)), "{name}: {:?}", report.ending);
    }
}

#[tokio::test]
async fn a_good_page_is_good_and_its_times_add_up() {
    let words = page(
        "200 OK\r\nContent-Encoding: gzip\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT",
        packed("许昌".as_bytes()),
    );
    let address = server(words, Then::Close).await;
    let report =
        visit(Http { compression: Some(Compression::Gzip), body_must: pattern("^许昌$"), ..get(address) }).await;
    assert_eq!(report.ending, Ending::Passed);
    let http = report.http.unwrap();
    assert_eq!((http.status, http.version, http.body_bytes), (200, "1.1", 6));
    assert_eq!(http.last_modified.unwrap().0, 1_445_412_480_000);
    let parts = report.durations;
    let sum = parts.resolve + parts.connect + parts.tls + parts.processing + parts.transfer;
    assert!(sum <= report.took && parts.processing > Duration::ZERO && parts.tls.is_zero(), "{parts:?}");
}

#[tokio::test]
async fn a_page_in_a_national_encoding_is_read_as_what_it_says() {
    let chinese = |text: &str| encoding_rs::GB18030.encode(text).0.into_owned();
    let html = page("200 OK\r\nContent-Type: text/html", chinese("<meta charset=\"gb2312\"><title>许昌</title>"));
    let address = server(html, Then::Close).await;
    let report = visit(Http { body_must: pattern("<title>许昌</title>"), ..get(address) }).await;
    assert_eq!(report.ending, Ending::Passed);
    // Whoever wrote down the bytes finds them as well.
    let bytes = Regex::new(r"(?-u:\xd0\xed\xb2\xfd)").unwrap();
    let report = visit(Http { body_must: vec![bytes], ..get(address) }).await;
    assert_eq!(report.ending, Ending::Passed);
    let json = page("200 OK\r\nContent-Type: application/json;charset=GBK", chinese(r#"{"state": "正常"}"#));
    let expression = crate::profile::service::Cel::parse("body.state == '正常'").unwrap();
    let report = visit(Http { json_must: vec![expression], ..get(server(json, Then::Close).await) }).await;
    assert_eq!(report.ending, Ending::Passed);
}

#[tokio::test]
async fn secrets_and_the_own_host_stay_at_home() {
    let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let stranger = echoing(sender.clone(), page("200 OK", "x")).await;
    let home = echoing(sender, page(&format!("302 Found\r\nLocation: http://{stranger}/"), "")).await;
    let http = Http {
        authorization: Some(Authorization::Basic { user: "a".into(), password: "b".into() }),
        headers: vec![("Host".into(), "www.city.test".into()), ("X-Key".into(), "k".into())],
        ..get(home)
    };
    assert_eq!(visit(http).await.ending, Ending::Passed);
    let (first, second) = (heard.recv().await.unwrap(), heard.recv().await.unwrap());
    for secret in ["host: www.city.test", "x-key: k", "authorization: Basic YTpi"] {
        assert!(first.contains(secret) && !second.contains(secret), "{secret}: {first} then {second}");
    }
    assert!(second.contains(&format!("host: {stranger}")));
}

/// A server that also tells what it was asked.
async fn echoing(told: tokio::sync::mpsc::UnboundedSender<String>, words: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = vec![0; 4096];
            let count = stream.read(&mut buffer).await.unwrap();
            told.send(String::from_utf8_lossy(&buffer[..count]).into_owned()).unwrap();
            say(&mut stream, &words, Then::Close).await;
        }
    });
    address
}

fn port(address: SocketAddr, steps: Vec<Step>) -> Kind {
    let endpoint = Endpoint { host: address.ip().to_string(), port: address.port(), pinned: None };
    Kind::Tcp(Tcp { steps, ..Tcp::open(endpoint) })
}

#[tokio::test]
async fn a_port_says_what_it_must_or_why_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(fault(&check(port(closed, vec![])).await), Some((Phase::Connect, Reason::Refused)));

    let expect = |text| {
        vec![
            Step { send: Some("ehlo x".into()), ..Step::default() },
            Step { expect: Some(Regex::new(text).unwrap()), ..Step::default() },
        ]
    };
    let mail = server("220 mail.city.test ready\r\n", Then::Close).await;
    assert_eq!(fault(&check(port(mail, expect("^220 .* ready$"))).await), None);
    let report = check(port(mail, expect("^250"))).await;
    assert_eq!(fault(&report), Some((Phase::Processing, Reason::ExpectMismatch)));
    let chatter = server("", Then::Repeat(b"x\n")).await;
    let report = check(port(chatter, expect("^250"))).await;
    assert_eq!(fault(&report), Some((Phase::Processing, Reason::ExpectMismatch)));
    let silent = server("", Then::Hang).await;
    assert_eq!(fault(&check(port(silent, expect("^250"))).await), Some((Phase::Processing, Reason::Timeout)));
}
