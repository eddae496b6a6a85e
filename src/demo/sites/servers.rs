//! The servers themselves: pages over TLS and without, a reverse proxy, an old server and name servers, on loopback.
//!
//! How a server behaves now it reads in the [`Plan`]; a refusal is a real one: nobody listens.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HOST, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rustls::{
    ServerConfig,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    time::sleep,
};
use tokio_rustls::TlsAcceptor;

use super::{
    names::{self, Directory},
    plan::{Plan, SitePlace, Trouble},
};
use crate::clock::monotonic_nanos;

/// What all servers look at.
pub struct Scene {
    pub plan: Plan,
    /// The city's first moment, on the monotonic clock.
    pub started: u64,
}

impl Scene {
    /// The story's time.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(monotonic_nanos().saturating_sub(self.started))
    }

    fn trouble(&self, place: &SitePlace) -> Option<Trouble> {
        self.plan.trouble(place, self.now())
    }

    /// Until something changes at `place`; for ever when nothing does.
    async fn turn(&self, place: &SitePlace) {
        let now = self.now();
        match self.plan.next_turn(place, now) {
            Some(at) => sleep(at.saturating_sub(now)).await,
            None => std::future::pending().await,
        }
    }

    /// Lets the trouble of `place` do what it does to an answer; `Some`: this code is the answer.
    async fn suffer(&self, place: &SitePlace) -> Option<StatusCode> {
        match self.trouble(place) {
            Some(Trouble::Hang) => std::future::pending().await,
            Some(Trouble::Slow(by)) => sleep(by).await,
            Some(Trouble::Status(status)) => return StatusCode::from_u16(status).ok(),
            Some(Trouble::Refuse) | None => {}
        }
        None
    }
}

/// Listens at `address` whenever `place` does not refuse, and hands each connection to `serve`.
pub async fn stand<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    scene: Arc<Scene>,
    place: SitePlace,
    serve: impl Fn(TcpStream) -> F,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let mut listener = Some(listener);
    loop {
        if scene.trouble(&place) == Some(Trouble::Refuse) {
            listener = None;
        }
        let open = match &listener {
            None if scene.trouble(&place) == Some(Trouble::Refuse) => {
                scene.turn(&place).await;
                continue;
            }
            None => listener.insert(TcpListener::bind(address).await?),
            Some(open) => open,
        };
        tokio::select! {
            accepted = open.accept() => {
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(serve(stream));
                }
            }
            () = scene.turn(&place) => {}
        }
    }
}

/// Shakes hands, then serves with `serve`.
pub async fn over_tls<F: Future<Output = ()>>(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    serve: impl FnOnce(tokio_rustls::server::TlsStream<TcpStream>) -> F,
) {
    // Whoever does not like the certificate leaves here.
    if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
        serve(stream).await;
    }
}

/// The home page of a site.
pub async fn page(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    scene: Arc<Scene>,
    place: SitePlace,
    title: Arc<str>,
) {
    let answer = |_: Request<Incoming>| {
        let (scene, place, title) = (&scene, &place, &title);
        async move {
            let status = scene.suffer(place).await.unwrap_or(StatusCode::OK);
            Ok::<_, Infallible>(html(status, title))
        }
    };
    // A visitor that leaves is nobody's trouble.
    let _ = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}

fn html(status: StatusCode, title: &str) -> Response<Full<Bytes>> {
    let text =
        format!("<!doctype html><html lang=zh-CN><meta charset=utf-8><title>【模拟】{title}</title><h1>{title}</h1>");
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// Passes each request on to the site it is for, and says 502 when that does not answer.
pub async fn proxy(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    scene: Arc<Scene>,
    place: SitePlace,
    behind: Arc<HashMap<String, SocketAddr>>,
) {
    let answer = |request: Request<Incoming>| {
        let (scene, place, behind) = (&scene, &place, &behind);
        async move {
            let status = match scene.suffer(place).await {
                Some(status) => status,
                None => match forward(request, behind).await {
                    Some(response) => return Ok::<_, Infallible>(response),
                    None => StatusCode::BAD_GATEWAY,
                },
            };
            Ok(html(status, "proxy"))
        }
    };
    let _ = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}

async fn forward(request: Request<Incoming>, behind: &HashMap<String, SocketAddr>) -> Option<Response<Full<Bytes>>> {
    let host = request.headers().get(HOST)?.to_str().ok()?.split(':').next()?.to_ascii_lowercase();
    let stream = TcpStream::connect(behind.get(&host)?).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    let mover = tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await.ok()?.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    mover.abort();
    Some(Response::from_parts(parts, Full::from(body)))
}

/// Speaks TLS 1.0 and nothing newer, as far as its certificate.
pub async fn old_tls(mut stream: TcpStream, flight: Arc<[u8]>) {
    let mut hello = vec![0; 4096];
    let Ok(length) = stream.read(&mut hello).await else { return };
    // protocol_version (70), fatal.
    let words = if offers_versions(&hello[..length]) { &[21, 3, 1, 0, 2, 2, 70][..] } else { &flight };
    let _ = stream.write_all(words).await;
    let _ = stream.read(&mut hello).await;
}

/// The flight of an old server that shows `certificate`: its hello, the certificate, and its end.
pub fn old_flight(certificate: &[u8]) -> Vec<u8> {
    let long = |content: &[u8]| [&(content.len() as u32).to_be_bytes()[1..], content].concat();
    // TLS 1.0, TLS_RSA_WITH_AES_128_CBC_SHA.
    let hello = [&[2][..], &long(&[&[3, 1][..], &[7; 32], &[0, 0, 0x2f, 0]].concat())].concat();
    let chain = [&[11][..], &long(&long(&long(certificate)))].concat();
    let whole = [hello, chain, vec![14, 0, 0, 0]].concat();
    [&[22, 3, 1][..], &(whole.len() as u16).to_be_bytes(), &whole].concat()
}

/// Whether a ClientHello has `supported_versions`, as all newer than TLS 1.2 do (RFC 8446, 4.2.1).
fn offers_versions(hello: &[u8]) -> bool {
    /// Record and message heads, version and random.
    const HEAD: usize = 5 + 4 + 2 + 32;
    let skip = |from: &'_ [u8], size: usize| -> Option<Vec<u8>> {
        let length = from.get(..size)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        Some(from.get(size + length..)?.to_vec())
    };
    let extensions = hello.get(HEAD..).and_then(|rest| skip(&skip(&skip(rest, 1)?, 2)?, 1));
    let mut rest = extensions.and_then(|rest| Some(rest.get(2..)?.to_vec())).unwrap_or_default();
    while rest.len() >= 4 {
        if rest.starts_with(&[0, 0x2b]) {
            return true;
        }
        rest = skip(&rest[2..], 2).unwrap_or_default();
    }
    false
}

/// Answers every question until the runtime ends.
pub async fn name_server(socket: UdpSocket, scene: Arc<Scene>, place: Option<SitePlace>, directory: Directory) {
    let mut buffer = [0; 1500];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        let fails = match place.as_ref().and_then(|place| scene.trouble(place)) {
            Some(Trouble::Hang) => continue,
            Some(Trouble::Slow(by)) => {
                sleep(by).await;
                false
            }
            Some(Trouble::Status(_) | Trouble::Refuse) => true,
            None => false,
        };
        if let Some(answer) = names::answer(&buffer[..length], &directory, fails) {
            // Whoever asked asks again.
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

/// Which certificate each name shows, and from when on.
pub struct Wardrobe {
    pub scene: Arc<Scene>,
    pub by_name: HashMap<String, Vec<(Duration, Arc<CertifiedKey>)>>,
}

impl std::fmt::Debug for Wardrobe {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Wardrobe")
    }
}

impl ResolvesServerCert for Wardrobe {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let (now, shown) = (self.scene.now(), self.by_name.get(hello.server_name()?)?);
        shown.iter().rfind(|(from, _)| *from <= now).map(|(_, key)| Arc::clone(key))
    }
}

/// `SO_REUSEADDR` is set: a site that comes back listens where it did.
pub async fn listen(address: IpAddr, port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((address, port)).await
}
