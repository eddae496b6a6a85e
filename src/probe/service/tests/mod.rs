//! A zoo of servers on loopback, each with a fault of its own, and the reason that a check must give for it.

mod crowd;
mod dns;
mod pages;
mod shown;
mod talks;
mod upgrades;
mod zoo;

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{Checker, stream::Duplex};
use crate::{
    profile::service::{Check, Http, Kind, TlsSettings},
    sample::service::{Ending, Fault, Phase, Reason, Report},
};

/// Long enough for loopback on a busy machine, short enough to wait for.
const DEADLINE: Duration = Duration::from_millis(1_500);

/// What a server of the zoo does once it has read the head of a request.
#[derive(Clone)]
enum Then {
    Close,
    Hang,
    Reset,
    /// Says this again and again.
    Repeat(&'static [u8]),
}

/// A server that says `words` to everybody.
async fn server(words: impl Into<Vec<u8>>, then: Then) -> SocketAddr {
    let words = words.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (words, then) = (words.clone(), then.clone());
            tokio::spawn(async move {
                hear(&mut stream).await;
                if matches!(then, Then::Reset) {
                    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
                }
                say(&mut stream, &words, then).await;
            });
        }
    });
    address
}

/// Reads up to the empty line that ends a request, or whatever else comes first.
async fn hear(stream: &mut impl Duplex) {
    let (mut heard, mut buffer) = (vec![], [0; 4096]);
    while !heard.windows(4).any(|end| end == b"\r\n\r\n") && heard.first().is_none_or(u8::is_ascii_uppercase) {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => heard.extend_from_slice(&buffer[..count]),
        }
    }
}

async fn say(stream: &mut impl Duplex, words: &[u8], then: Then) {
    let _ = stream.write_all(words).await;
    let _ = stream.flush().await;
    match then {
        Then::Close => _ = stream.shutdown().await,
        // Dropped with unsent bytes thrown away.
        Then::Reset => {}
        Then::Hang => std::future::pending().await,
        Then::Repeat(words) => while stream.write_all(words).await.is_ok() {},
    }
}

/// A page with this head and body.
fn page(head: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn get(address: SocketAddr) -> Http {
    Http::get(format!("http://{address}/").parse().unwrap())
}

/// A certificate authority for the whole zoo would be trusted by nobody.
fn nobody() -> TlsSettings {
    TlsSettings { roots: Some(vec![]), ..TlsSettings::default() }
}

async fn check(kind: Kind) -> Report {
    let report = Checker::new(None).run(&Check { deadline: DEADLINE, ..Check::new(kind) }).await;
    assert!(report.took < DEADLINE + Duration::from_millis(500), "outlived its deadline: {:?}", report.took);
    report
}

async fn visit(http: Http) -> Report {
    check(Kind::Http(Box::new(http))).await
}

fn fault(report: &Report) -> Option<(Phase, Reason)> {
    match &report.ending {
        Ending::Failed(Fault { phase, reason, .. }) => Some((*phase, *reason)),
        Ending::Passed => None,
        Ending::Unmeasured(text) => panic!("unmeasured: {text}"),
    }
}
