//! Accepting connections: bounded in number, in waiting for headers, and ended in order when the daemon stops.

use std::{convert::Infallible, future::Future, net::SocketAddr, pin::Pin, sync::Arc};

use axum::body::Body;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use prometheus::IntGauge;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{Duration, sleep, timeout},
};

use tokio_rustls::TlsAcceptor;
use tokio_util::either::Either;

use super::{
    Api,
    guard::Peer,
    router,
    seats::{Held, Seat, Seated, Seats},
};

/// Most connections at a time: a handful of Prometheus servers, proxies and browsers, twentyfold. Beyond it a new one takes
/// the place of whoever has sat longest without asking for anything.
pub(super) const CONNECTIONS: usize = 256;
/// Longest wait for the headers of a request, on a kept-alive connection too: above the usual scrape interval.
const HEADERS: Duration = Duration::from_secs(75);
/// Longest wait for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long requests in flight may finish when the daemon stops.
const GOODBYE: Duration = Duration::from_secs(3);
/// Pause after a failed accept: out of descriptors does not mend itself within a turn.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers on all `listeners` until `shutdown`, then lets requests in flight finish.
pub async fn serve(listeners: Vec<TcpListener>, api: Arc<Api>, shutdown: impl Future<Output = ()>) {
    let (stop, stopped) = watch::channel(false);
    let mut acceptors = JoinSet::new();
    let seats = Seats::new(CONNECTIONS);
    for listener in listeners {
        let door =
            Door { api: api.clone(), router: router(api.clone()), seats: seats.clone(), stopped: stopped.clone() };
        acceptors.spawn(door.accept(listener));
    }
    shutdown.await;
    _ = stop.send(true);
    // Beyond this time the sockets close under whoever still reads.
    _ = timeout(GOODBYE, async { while acceptors.join_next().await.is_some() {} }).await;
}

/// One listener's way in.
struct Door {
    api: Arc<Api>,
    router: axum::Router,
    seats: Arc<Seats>,
    stopped: watch::Receiver<bool>,
}

impl Door {
    async fn accept(mut self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
                _ = self.stopped.changed() => break,
            };
            match accepted {
                Ok((stream, peer)) => match self.seats.take() {
                    Seated::Free(seat) => _ = connections.spawn(self.talk(stream, peer, seat)),
                    Seated::InPlaceOfAnother(seat) => {
                        self.api.sent_away.inc();
                        connections.spawn(self.talk(stream, peer, seat));
                    }
                    Seated::Full => self.api.refused.inc(),
                },
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(PAUSE).await;
                }
            }
        }
        while connections.join_next().await.is_some() {}
    }

    /// Serves one connection to its end, or until another needs its place.
    fn talk(&self, stream: TcpStream, peer: SocketAddr, seat: Arc<Seat>) -> impl Future<Output = ()> + Send + 'static {
        let router = TowerToHyperService::new(self.router.clone());
        let service = WithPeer { router, peer: Peer(peer), seat: Arc::clone(&seat) };
        let (mut stopped, open) = (self.stopped.clone(), self.api.connections.clone());
        let tls = self.api.web.load().tls();
        let open_for = Open::one(&open);
        let talking = async move {
            let _open = open_for;
            let stream = match tls {
                None => Either::Left(stream),
                // Who does not finish a handshake holds a place no longer than who sends no headers.
                Some(tls) => match timeout(HANDSHAKE, TlsAcceptor::from(tls).accept(stream)).await {
                    Ok(Ok(stream)) => Either::Right(stream),
                    _ => return,
                },
            };
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEADERS);
            let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                _ = stopped.changed() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            // A client that left or talked nonsense is its own affair.
            if let Err(error) = ended {
                tracing::debug!(%error, %peer, "connection ended early");
            }
        };
        async move {
            tokio::select! {
                () = talking => {}
                () = seat.sent_away() => {}
            }
        }
    }
}

/// One open connection, until the value goes.
struct Open(IntGauge);

impl Open {
    fn one(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Tells the routes who is asking.
struct WithPeer {
    router: TowerToHyperService<axum::Router>,
    peer: Peer,
    seat: Arc<Seat>,
}

impl Service<Request<Incoming>> for WithPeer {
    type Response = Response<Held>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Held>, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        let (answering, answered) = (self.seat.answered(), self.router.call(request));
        Box::pin(async move { Ok(answered.await?.map(|body: Body| Held { body, _answering: answering })) })
    }
}
