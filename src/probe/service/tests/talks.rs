//! Mail, telephony, streams, echoes and registries: what each says when it is well, and what is wrong with it otherwise.

use tokio::net::UdpSocket;

use super::{
    upgrades::{
        Turn::{self, Hear, Say},
        play,
    },
    *,
};
use crate::profile::service::Freshness;

/// How a check must fail; `None`: it passes.
type Wanted = Option<(Phase, Reason)>;

/// A server over TCP that plays `turns` to everybody and then hears until the other side closes.
async fn playing(turns: &'static [Turn]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Some(mut stream) = play(stream, turns).await else { return };
                while stream.read(&mut [0; 512]).await.is_ok_and(|count| count > 0) {}
            });
        }
    });
    address
}

/// A server over UDP that answers what `answer` makes of the question; `None`: not at all.
async fn answering(answer: fn(&str, u32) -> Option<String>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut buffer, mut turn) = ([0; 2048], 0);
        while let Ok((count, from)) = socket.recv_from(&mut buffer).await {
            if let Some(words) = answer(&String::from_utf8_lossy(&buffer[..count]), turn) {
                socket.send_to(words.as_bytes(), from).await.unwrap();
            }
            turn += 1;
        }
    });
    address
}

async fn asked(target: String) -> Report {
    check(Check::parse(&target).unwrap_or_else(|| panic!("{target}")).kind).await
}

/// An answer to `question` with this first line, as servers of SIP copy the headers.
fn sip(first: &str, question: &str) -> Option<String> {
    let copied =
        question.lines().filter(|line| ["Via", "From", "To", "Call-ID", "CSeq"].iter().any(|it| line.starts_with(it)));
    let copied: Vec<_> = copied.collect();
    Some(format!("{first}\r\n{}\r\nContent-Length: 0\r\n\r\n", copied.join("\r\n")))
}

#[tokio::test]
async fn datagrams_are_answered_by_whom_they_were_sent_to() {
    type Answer = fn(&str, u32) -> Option<String>;
    let zoo: [(&str, &str, Answer, Wanted); 9] = [
        ("udp", "echoes", |question, _| Some(question.to_owned()), None),
        ("udp", "loses the first", |question, turn| (turn > 0).then(|| question.to_owned()), None),
        ("udp", "says something else", |_, _| Some("hello".into()), Some((Phase::Processing, Reason::Timeout))),
        ("sip", "is well", |question, _| sip("SIP/2.0 200 OK", question), None),
        ("sip", "loses the first", |question, turn| sip("SIP/2.0 200 OK", question).filter(|_| turn > 0), None),
        (
            "sip",
            "is trying",
            |question, turn| sip(if turn > 0 { "SIP/2.0 200 OK" } else { "SIP/2.0 100 Trying" }, question),
            None,
        ),
        (
            "sip",
            "is busy",
            |question, _| sip("SIP/2.0 486 Busy Here", question),
            Some((Phase::Processing, Reason::TalkStatus)),
        ),
        (
            "sip",
            "answers somebody else",
            |_, _| sip("SIP/2.0 200 OK", "Call-ID: other"),
            Some((Phase::Processing, Reason::Timeout)),
        ),
        ("sip", "speaks nonsense", |_, _| Some("\u{fffd}\u{fffd}".into()), Some((Phase::Processing, Reason::Timeout))),
    ];
    for (scheme, name, answer, wanted) in zoo {
        let report = asked(format!("{scheme}://{}", answering(answer).await)).await;
        assert_eq!(fault(&report), wanted, "{scheme} {name}: {:?}", report.ending);
    }
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let closed = socket.local_addr().unwrap();
    drop(socket);
    assert_eq!(fault(&asked(format!("udp://{closed}")).await), Some((Phase::Processing, Reason::Refused)));
}

#[tokio::test]
async fn mail_servers_and_streams_say_whether_they_are_well() {
    const PLAIN: &[u8] = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, DESCRIBE\r\n\r\n";
    let zoo: [(&str, &str, &'static [Turn], Wanted); 12] = [
        ("smtp", "", &[Say(b"220-a\r\n220 b\r\n250-a\r\n250 b\r\n221 bye\r\n")], None),
        ("smtp", "", &[Say(b"421 too many\r\n")], Some((Phase::Processing, Reason::ExpectMismatch))),
        ("smtp", "", &[Say(b"220 a\r\n550 no\r\n")], Some((Phase::Transfer, Reason::ExpectMismatch))),
        ("smtp", "", &[], Some((Phase::Processing, Reason::Timeout))),
        ("rtsp", "", &[Say(PLAIN)], None),
        (
            "rtsp",
            "/cam1",
            &[Say(PLAIN), Say(b"RTSP/1.0 200 OK\r\nContent-Length: 20\r\n\r\nv=0\r\nm=video 0 RTP/0")],
            None,
        ),
        (
            "rtsp",
            "/cam1",
            &[Say(PLAIN), Say(b"RTSP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nv=0\r\n")],
            Some((Phase::Transfer, Reason::BodyMismatch)),
        ),
        (
            "rtsp",
            "/cam1",
            &[Say(PLAIN), Say(b"RTSP/1.0 200 OK\r\nContent-Length: 99999\r\n\r\n")],
            Some((Phase::Transfer, Reason::BodyTooLarge)),
        ),
        (
            "rtsp",
            "/cam1",
            &[Say(PLAIN), Say(b"RTSP/1.0 404 Not Found\r\n\r\n")],
            Some((Phase::Transfer, Reason::TalkStatus)),
        ),
        ("rtsp", "", &[Say(b"RTSP/1.0 401 Unauthorized\r\n\r\n")], Some((Phase::Processing, Reason::TalkStatus))),
        ("rtsp", "", &[Say(b"HTTP/1.1 400 Bad Request\r\n\r\n")], Some((Phase::Processing, Reason::BadAnswer))),
        ("rtsp", "", &[Say(&[b'x'; 70_000])], Some((Phase::Processing, Reason::HeadersTooLarge))),
    ];
    for (scheme, path, turns, wanted) in zoo {
        let report = asked(format!("{scheme}://{}{path}", playing(turns).await)).await;
        assert_eq!(fault(&report), wanted, "{scheme}{path}: {:?}", report.ending);
    }
}

#[tokio::test]
async fn a_server_of_files_says_when_one_was_written() {
    const IN: [Turn; 4] = [
        Say(b"220-hello\r\n220 files\r\n"),
        Hear(b"USER anonymous\r\n"),
        Say(b"331 who\r\n"),
        Hear(b"PASS linkpatrol@\r\n"),
    ];
    const ASKS: Turn = Hear("MDTM 日报/x y.csv\r\n".as_bytes());
    const OLD: [Turn; 7] = [IN[0], IN[1], IN[2], IN[3], Say(b"230 in\r\n"), ASKS, Say(b"213 20151021072800\r\n")];
    const OPEN: [Turn; 5] = [IN[0], IN[1], Say(b"230 in\r\n"), ASKS, Say(b"213 yesterday\r\n")];
    const CLOSED: [Turn; 3] = [IN[0], IN[1], Say(b"530 nobody\r\n")];
    const EMPTY: [Turn; 5] = [IN[0], IN[1], IN[2], IN[3], Say(b"230 in\r\n550 no such file\r\n")];
    let zoo: [(&'static [Turn], Option<Duration>, Wanted); 6] = [
        (&OLD, None, None),
        (&OLD, Some(Duration::from_hours(1)), Some((Phase::Content, Reason::Stale))),
        (&OPEN, None, Some((Phase::Content, Reason::BadTime))),
        (&[Say(b"421 too many\r\n")], None, Some((Phase::Processing, Reason::TalkStatus))),
        (&CLOSED, None, Some((Phase::Transfer, Reason::TalkStatus))),
        (&EMPTY, None, Some((Phase::Transfer, Reason::TalkStatus))),
    ];
    for (turns, within, wanted) in zoo {
        let target = format!("ftp://{}/日报/x y.csv", playing(turns).await);
        let mut asking = Check::parse(&target).unwrap();
        if let Some(within) = within {
            asking = asking.asking_for(Freshness { within, record: None }).unwrap();
        }
        let report = check(asking.kind).await;
        assert_eq!(fault(&report), wanted, "{:?}", report.ending);
        assert!(report.dated.is_none_or(|dated| dated.at.0 == 1_445_412_480_000), "{:?}", report.dated);
    }
}

#[tokio::test]
async fn a_registry_says_when_a_domain_ends() {
    let rdap = |moment: &str| {
        format!(
            r#"{{"objectClassName": "domain", "events": [{{"eventAction": "expiration", "eventDate": "{moment}"}}]}}"#
        )
    };
    let zoo: [(&str, Vec<u8>, Wanted); 9] = [
        ("whois", b"Expiration Time: 2099-03-17 12:48:36\r\n".to_vec(), None),
        ("whois", b"Expiration Time: 2020-03-17 12:48:36\r\n".to_vec(), Some((Phase::Content, Reason::DomainExpired))),
        ("whois", b"No matching record.\r\n".to_vec(), Some((Phase::Content, Reason::NotRegistered))),
        ("whois", b"% slow down\r\n".to_vec(), Some((Phase::Content, Reason::BadAnswer))),
        ("rdap+http", page("200 OK", rdap("2099-03-17T00:00:00Z")), None),
        ("rdap+http", page("200 OK", rdap("2020-03-17T00:00:00Z")), Some((Phase::Content, Reason::DomainExpired))),
        ("rdap+http", page("404 Not Found", "{}"), Some((Phase::Content, Reason::NotRegistered))),
        ("rdap+http", page("200 OK", "<html>"), Some((Phase::Content, Reason::BadAnswer))),
        ("rdap+http", page("500 Oops", "{}"), Some((Phase::Content, Reason::Status))),
    ];
    for (scheme, words, wanted) in zoo {
        let address = server(words, Then::Close).await;
        let report = asked(format!("{scheme}://{address}/city.cn")).await;
        assert_eq!(fault(&report), wanted, "{scheme}: {:?}", report.ending);
        let expected = matches!(wanted, None | Some((_, Reason::DomainExpired)));
        assert_eq!(report.domain.is_some(), expected, "{scheme}: the day is told also when it is past");
    }
    let endless = server("", Then::Repeat(b"Name Server: a\r\n")).await;
    let report = asked(format!("whois://{endless}/city.cn")).await;
    assert_eq!(fault(&report), Some((Phase::Content, Reason::BadAnswer)), "{:?}", report.ending);
}
