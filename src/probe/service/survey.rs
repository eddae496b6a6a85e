//! A server that rustls cannot agree with is asked again by hand: what does it speak, and which certificates does it show?
//!
//! Each first flight has a connection of its own and a bound in time and bytes. What is found makes the report richer and
//! its reason sharper; what is not found changes nothing.

use std::{io, net::SocketAddr, time::Duration};

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    Checker, Progress, certificate,
    hello::{self, Flight, Heard, Offer},
    starttls, tlcp,
    tls::{CHAIN, Trust},
};
use crate::{
    profile::service::TlsSettings,
    sample::service::{Ending, Fault, Phase, Reason, TlsSeen},
};

/// For one first flight and its answer.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of an answer: long chains stay below.
const ANSWER: usize = 64 * 1024;

/// How the check ends when the server at `address` is found to speak something older; `None`: no more is known.
pub async fn look(
    checker: &Checker,
    settings: &TlsSettings,
    trust: &Trust,
    name: &ServerName<'_>,
    address: SocketAddr,
    progress: &mut Progress,
) -> Option<Ending> {
    for offer in [Offer::Legacy, Offer::Tlcp] {
        let random = random(checker)?;
        let asked = timeout(PATIENCE, ask(settings, offer, &random, name, address)).await;
        let Some(flight) = asked.ok().flatten() else { continue };
        let reason = match offer {
            Offer::Tlcp => Reason::OnlyTlcp,
            Offer::Legacy | Offer::Old if flight.is_old() => Reason::TlsTooOld,
            Offer::Legacy | Offer::Old => Reason::CipherTooOld,
        };
        let verdict = match offer {
            Offer::Legacy | Offer::Old => trust.verdict(&chain(&flight), name, UnixTime::now()),
            Offer::Tlcp => tlcp::judge(&flight, &random, &trust.roots, name, UnixTime::now()),
        };
        progress.report.tls = Some(seen(&flight, verdict));
        let text = format!("{}, {}", flight.version_name(), flight.suite_name());
        return Some(Ending::Failed(Fault::new(Phase::Tls, reason, text)));
    }
    None
}

/// What the server shows upon `offer`; `None`: nothing with a certificate.
async fn ask(
    settings: &TlsSettings,
    offer: Offer,
    random: &[u8; 32],
    name: &ServerName<'_>,
    address: SocketAddr,
) -> Option<Flight> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    if let Some(with) = settings.starttls {
        // Its time is not the visit's.
        starttls::ask(with, &mut stream, &mut Progress::start(0)).await.ok()?;
    }
    let named = match name {
        ServerName::DnsName(name) => Some(name.as_ref()),
        _ => None,
    };
    match exchange(&mut stream, &hello::client(offer, random, named)).await.ok()? {
        Heard::Whole(flight) | Heard::More(flight) => Some(flight).filter(|flight| !flight.certificates.is_empty()),
        Heard::Alert(_) | Heard::Nonsense => None,
    }
}

/// For one ClientHello; `None`: this host has none.
pub fn random(checker: &Checker) -> Option<[u8; 32]> {
    let mut random = [0; 32];
    checker.provider.secure_random.fill(&mut random).ok().map(|()| random)
}

/// Says `hello` and hears what comes back. [`Heard::More`]: the far end closed, or says too much.
pub async fn exchange(stream: &mut TcpStream, hello: &[u8]) -> io::Result<Heard> {
    stream.write_all(hello).await?;
    let (mut heard, mut buffer) = (vec![], [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).await?;
        heard.extend_from_slice(&buffer[..count]);
        match hello::read(&heard) {
            Heard::More(_) if count > 0 && heard.len() < ANSWER => {}
            other => return Ok(other),
        }
    }
}

fn chain(flight: &Flight) -> Vec<CertificateDer<'static>> {
    flight.certificates.iter().take(CHAIN).map(|der| CertificateDer::from(der.clone())).collect()
}

/// `verdict`: of its chain; `None`: good.
pub fn seen(flight: &Flight, verdict: Option<(Reason, String)>) -> TlsSeen {
    let (verdict, detail) = verdict.unzip();
    TlsSeen {
        version: flight.version_name(),
        cipher: flight.suite_name(),
        certificates: chain(flight).iter().filter_map(|der| certificate::read(der)).collect(),
        verdict,
        detail: detail.unwrap_or_default(),
        ..TlsSeen::default()
    }
}
