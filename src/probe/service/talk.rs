//! Short talks that show that a server is alive, and change nothing there: an echo over UDP, the greeting of a mail server,
//! OPTIONS of SIP (RFC 3261) and RTSP (RFC 2326), DESCRIBE of a stream.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use super::{
    Checker, Progress, Stopped, starttls,
    stream::{connect, find, io_ending},
    survey,
};
use crate::{
    profile::service::{Endpoint, Family, Rtsp, Sip},
    sample::service::{Ending, Phase, Reason, TalkSeen},
};

/// Largest datagram, and bytes of the head of an answer.
const MOST: usize = 64 * 1024;
/// First wait for an answer to a datagram; doubled with each repetition (T1 of RFC 3261).
const AGAIN: Duration = Duration::from_millis(500);
/// Words that make a branch one of RFC 3261.
const BRANCH: &str = "z9hG4bK";

/// The server must send back what it was sent.
pub async fn echo(checker: &Checker, family: Family, endpoint: &Endpoint, progress: &mut Progress) -> Stopped<()> {
    let words = nonce(checker)?;
    let socket = socket(checker, family, endpoint, progress).await?;
    let answer = repeat(&socket, words.as_bytes(), progress, |answer| answer == words.as_bytes()).await?;
    debug_assert_eq!(answer, words.as_bytes());
    Ok(())
}

/// Greeting, EHLO, QUIT: nothing is sent to anybody.
pub async fn smtp(checker: &Checker, family: Family, endpoint: &Endpoint, progress: &mut Progress) -> Stopped<()> {
    let mut stream = connect(checker, endpoint, family, progress).await?;
    progress.enter(Phase::Processing);
    starttls::lines(&mut stream, "220", Reason::ExpectMismatch, progress).await?;
    progress.enter(Phase::Transfer);
    for (words, code) in [("EHLO linkpatrol\r\n", "250"), ("QUIT\r\n", "221")] {
        starttls::say(&mut stream, words.as_bytes(), progress).await?;
        starttls::lines(&mut stream, code, Reason::ExpectMismatch, progress).await?;
    }
    Ok(())
}

pub async fn sip(checker: &Checker, family: Family, sip: &Sip, progress: &mut Progress) -> Stopped<()> {
    let nonce = nonce(checker)?;
    let belongs = |answer: &[u8]| {
        let call = head(answer).and_then(|head| head.header("call-id", "i").map(str::to_owned));
        call.is_some_and(|call| call == nonce)
    };
    let answer = if sip.tcp {
        let mut stream = connect(checker, &sip.endpoint, family, progress).await?;
        let own = stream.local_addr().map_err(|error| Ending::Unmeasured(error.to_string()))?;
        progress.enter(Phase::Processing);
        let words = options(&sip.endpoint, own, "TCP", &nonce);
        stream.write_all(words.as_bytes()).await.map_err(|error| io_ending(&error, progress))?;
        let answer = read_head(&mut stream, progress).await?;
        if !belongs(&answer) {
            return Err(progress.failed(Reason::BadAnswer, "no answer of SIP to our question"));
        }
        answer
    } else {
        let socket = socket(checker, family, &sip.endpoint, progress).await?;
        let own = socket.local_addr().map_err(|error| Ending::Unmeasured(error.to_string()))?;
        let words = options(&sip.endpoint, own, "UDP", &nonce);
        // A provisional answer is not yet one.
        let last = |answer: &[u8]| belongs(answer) && head(answer).is_some_and(|head| head.status >= 200);
        repeat(&socket, words.as_bytes(), progress, last).await?
    };
    judge(&answer, "SIP/2.0", progress)
}

fn options(to: &Endpoint, own: SocketAddr, transport: &str, nonce: &str) -> String {
    let host = if to.host.contains(':') { format!("[{}]", to.host) } else { to.host.clone() };
    format!(
        "OPTIONS sip:{host}:{} SIP/2.0\r\nVia: SIP/2.0/{transport} {own};branch={BRANCH}{nonce};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:linkpatrol@{own}>;tag={nonce}\r\nTo: <sip:{host}:{}>\r\nCall-ID: {nonce}\r\nCSeq: 1 OPTIONS\r\n\
         Contact: <sip:linkpatrol@{own}>\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n",
        to.port, to.port
    )
}

/// OPTIONS, and DESCRIBE where a stream is named: the server must describe at least one medium.
pub async fn rtsp(checker: &Checker, family: Family, rtsp: &Rtsp, progress: &mut Progress) -> Stopped<()> {
    let mut stream = connect(checker, &rtsp.endpoint, family, progress).await?;
    progress.enter(Phase::Processing);
    let ask = |method: &str, number: u32| {
        format!(
            "{method} {} RTSP/1.0\r\nCSeq: {number}\r\nUser-Agent: linkpatrol\r\nAccept: application/sdp\r\n\r\n",
            rtsp.url
        )
    };
    stream.write_all(ask("OPTIONS", 1).as_bytes()).await.map_err(|error| io_ending(&error, progress))?;
    let answer = read_head(&mut stream, progress).await?;
    judge(&answer, "RTSP/1.0", progress)?;
    if !rtsp.describes {
        return Ok(());
    }
    progress.enter(Phase::Transfer);
    stream.write_all(ask("DESCRIBE", 2).as_bytes()).await.map_err(|error| io_ending(&error, progress))?;
    let answer = read_head(&mut stream, progress).await?;
    judge(&answer, "RTSP/1.0", progress)?;
    let length = head(&answer).and_then(|head| head.header("content-length", "l")?.parse().ok()).unwrap_or(0_usize);
    if length > MOST {
        return Err(progress.failed(Reason::BodyTooLarge, format!("more than {MOST} bytes")));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.map_err(|error| io_ending(&error, progress))?;
    let medium = body.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"m="));
    if medium { Ok(()) } else { Err(progress.failed(Reason::BodyMismatch, "it describes no medium")) }
}

/// Words that nobody can guess.
fn nonce(checker: &Checker) -> Stopped<String> {
    let random = survey::random(checker).ok_or_else(|| Ending::Unmeasured("no randomness".to_owned()))?;
    Ok(random[..16].iter().map(|byte| format!("{byte:02x}")).collect())
}

async fn socket(checker: &Checker, family: Family, endpoint: &Endpoint, progress: &mut Progress) -> Stopped<UdpSocket> {
    let server = find(checker, endpoint, family, progress).await?;
    progress.enter(Phase::Connect);
    let any = if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let any: SocketAddr = any;
    let socket = UdpSocket::bind(any).await.map_err(|error| Ending::Unmeasured(error.to_string()))?;
    socket.connect(server).await.map_err(|error| io_ending(&error, progress))?;
    progress.enter(Phase::Processing);
    Ok(socket)
}

/// Sends `words` again and again, until an answer is the `wanted` one; the deadline of the check ends it.
async fn repeat(
    socket: &UdpSocket,
    words: &[u8],
    progress: &Progress,
    wanted: impl Fn(&[u8]) -> bool,
) -> Stopped<Vec<u8>> {
    let (mut buffer, mut wait) = (vec![0; MOST], AGAIN);
    loop {
        socket.send(words).await.map_err(|error| io_ending(&error, progress))?;
        let answer = async {
            loop {
                let length = socket.recv(&mut buffer).await?;
                if wanted(&buffer[..length]) {
                    return Ok(buffer[..length].to_vec());
                }
            }
        };
        match timeout(wait, answer).await {
            Ok(answer) => return answer.map_err(|error| io_ending(&error, progress)),
            Err(_) => wait *= 2,
        }
    }
}

/// Up to the empty line, byte by byte: what follows it may be a body.
async fn read_head(stream: &mut TcpStream, progress: &Progress) -> Stopped<Vec<u8>> {
    let mut bytes = vec![];
    while !bytes.ends_with(b"\r\n\r\n") {
        if bytes.len() == MOST {
            return Err(progress.failed(Reason::HeadersTooLarge, format!("more than {MOST} bytes")));
        }
        bytes.push(stream.read_u8().await.map_err(|error| io_ending(&error, progress))?);
    }
    Ok(bytes)
}

fn judge(answer: &[u8], protocol: &str, progress: &mut Progress) -> Stopped<()> {
    let Some(head) = head(answer).filter(|head| head.protocol == protocol) else {
        return Err(progress.failed(Reason::BadAnswer, String::from_utf8_lossy(answer)));
    };
    let said = TalkSeen { status: head.status, phrase: head.phrase.chars().take(100).collect() };
    let text = format!("{} {}", said.status, said.phrase);
    progress.report.talk = Some(said);
    if (200..300).contains(&head.status) { Ok(()) } else { Err(progress.failed(Reason::TalkStatus, text)) }
}

/// The head of an answer of SIP or RTSP.
#[derive(Debug, PartialEq, Eq)]
struct Head<'a> {
    protocol: &'a str,
    status: u16,
    phrase: &'a str,
    lines: Vec<(&'a str, &'a str)>,
}

impl Head<'_> {
    /// Of a header, by its long or short name.
    fn header(&self, long: &str, short: &str) -> Option<&str> {
        let named = |name: &str| name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short);
        self.lines.iter().find(|(name, _)| named(name)).map(|(_, value)| *value)
    }
}

/// `None`: the bytes begin with no status line.
fn head(bytes: &[u8]) -> Option<Head<'_>> {
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap_or(bytes.len());
    let text = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let (first, rest) = text.split_once("\r\n").unwrap_or((text, ""));
    let (protocol, rest_of_line) = first.split_once(' ')?;
    let (status, phrase) = rest_of_line.split_once(' ').unwrap_or((rest_of_line, ""));
    let status = Some(status).filter(|digits| digits.len() == 3)?.parse().ok()?;
    let lines = rest.split("\r\n").filter_map(|line| line.split_once(':'));
    Some(Head { protocol, status, phrase, lines: lines.map(|(name, value)| (name.trim(), value.trim())).collect() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_head_has_a_status_and_headers_by_both_their_names() {
        let read = head(b"SIP/2.0 200 OK\r\ni: abc\r\nContent-Length : 0\r\n\r\nbody").unwrap();
        assert_eq!((read.protocol, read.status, read.phrase), ("SIP/2.0", 200, "OK"));
        assert_eq!((read.header("call-id", "i"), read.header("Content-Length", "l")), (Some("abc"), Some("0")));
        for none in [&b""[..], b"SIP/2.0", b"SIP/2.0 x OK\r\n\r\n", b"SIP/2.0 99999 OK\r\n\r\n", b"\xff 200 OK\r\n\r\n"]
        {
            assert_eq!(head(none), None, "{none:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            head(&bytes);
            head(&[b"RTSP/1.0 200 OK\r\n", &bytes[..]].concat());
        }
    }
}
