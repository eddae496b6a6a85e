//! The way to a service: its address, and a connection that notes when its first byte came.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpSocket, TcpStream},
};

use super::{Checker, Progress, Stopped};
use crate::{
    clock::monotonic_nanos,
    probe::resolve::Answer,
    profile::service::{Endpoint, Family},
    sample::service::{Ending, Phase, Reason},
};

/// Finds the address of `endpoint` and notes it in the report.
pub async fn find(
    checker: &Checker,
    endpoint: &Endpoint,
    family: Family,
    progress: &mut Progress,
) -> Stopped<SocketAddr> {
    progress.enter(Phase::Resolve);
    let address = match endpoint.pinned.or_else(|| endpoint.host.parse().ok()) {
        Some(address) => address,
        None => look_up(checker, &endpoint.host, family, progress).await?,
    };
    if progress.report.addresses.is_empty() {
        progress.report.first_lookup = Duration::from_nanos(monotonic_nanos().saturating_sub(progress.since));
    }
    // After the look-up, so that no name can lead to where its address may not.
    if !progress.trusted && checker.allowed.as_ref().is_some_and(|allowed| !allowed.has(address)) {
        return Err(forbidden(address, progress));
    }
    progress.report.addresses.push(address);
    Ok(SocketAddr::new(address, endpoint.port))
}

/// It may not be visited, and nothing is sent.
pub fn forbidden(target: impl std::fmt::Display, progress: &mut Progress) -> Ending {
    progress.report.forbidden = true;
    Ending::Unmeasured(format!("{target} is not among the targets that may be probed"))
}

/// The way to what a person wrote beside the target, such as a proxy: not a target itself, so neither judged nor noted.
pub async fn connect_aside(
    checker: &Checker,
    endpoint: &Endpoint,
    family: Family,
    progress: &mut Progress,
) -> Stopped<TcpStream> {
    progress.enter(Phase::Resolve);
    let address = match endpoint.pinned.or_else(|| endpoint.host.parse().ok()) {
        Some(address) => address,
        None => look_up(checker, &endpoint.host, family, progress).await?,
    };
    open(SocketAddr::new(address, endpoint.port), progress).await
}

async fn look_up(checker: &Checker, name: &str, family: Family, progress: &Progress) -> Stopped<IpAddr> {
    let resolvers = checker.resolvers.as_ref().map_err(|error| Ending::Unmeasured(error.clone()))?;
    match resolvers[usize::from(family.six)].lookup(name).await {
        Answer::Addresses(found, _) => {
            let wanted = |address: &IpAddr| address.is_ipv6() == family.six;
            let other = found.first().copied().filter(|_| family.fallback);
            found.iter().copied().find(wanted).or(other).ok_or_else(|| {
                let version = if family.six { 6 } else { 4 };
                progress.failed(Reason::NoAddress, format!("{name} has no address of IPv{version}"))
            })
        }
        Answer::NoSuchName => Err(progress.failed(Reason::NameNotFound, format!("no such name: {name}"))),
        Answer::Failed(error) => Err(progress.failed(Reason::ResolverFailed, error)),
    }
}

/// A TCP connection to `endpoint`.
pub async fn connect(
    checker: &Checker,
    endpoint: &Endpoint,
    family: Family,
    progress: &mut Progress,
) -> Stopped<TcpStream> {
    let address = find(checker, endpoint, family, progress).await?;
    open(address, progress).await
}

/// A TCP connection, from the address that the check names.
pub async fn open(address: SocketAddr, progress: &mut Progress) -> Stopped<TcpStream> {
    progress.enter(Phase::Connect);
    let connecting = async {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if let Some(source) = progress.source {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        socket.connect(address).await
    };
    let stream = connecting.await.map_err(|error| io_ending(&error, progress))?;
    // Small requests must not wait for a full packet. A socket without it works all the same.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// What an error of a socket says: of the far end, or only of this host.
pub fn io_ending(error: &io::Error, progress: &Progress) -> Ending {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
    match error.raw_os_error() {
        // Without a route, a port, a descriptor or the right, nothing was sent.
        Some(
            libc::ENETUNREACH
            | libc::EADDRNOTAVAIL
            | libc::EMFILE
            | libc::ENFILE
            | libc::ENOBUFS
            | libc::ENOMEM
            | libc::EACCES
            | libc::EPERM
            | libc::EINVAL
            | libc::EAFNOSUPPORT,
        ) => return Ending::Unmeasured(error.to_string()),
        Some(libc::ECONNREFUSED) => return progress.failed(Reason::Refused, error),
        Some(libc::EHOSTUNREACH) => return progress.failed(Reason::Unreachable, error),
        _ => {}
    }
    match error.kind() {
        ConnectionReset | ConnectionAborted | io::ErrorKind::BrokenPipe => progress.failed(Reason::Reset, error),
        TimedOut => progress.failed(Reason::Timeout, error),
        UnexpectedEof => progress.failed(Reason::Closed, error),
        _ => progress.failed(Reason::Closed, error),
    }
}

/// Anything that HTTP can be spoken over.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

/// A stream that notes when the first byte of the answer came.
pub struct Watched {
    inner: Box<dyn Duplex>,
    first: FirstByte,
}

/// When the first byte came, in nanoseconds of the steady clock; zero: not yet.
#[derive(Clone, Default)]
pub struct FirstByte(Arc<AtomicU64>);

impl FirstByte {
    /// `None`: nothing has come.
    pub fn at(&self) -> Option<u64> {
        Some(self.0.load(Relaxed)).filter(|nanos| *nanos > 0)
    }
}

impl Watched {
    pub fn new(inner: impl Duplex + 'static) -> (Self, FirstByte) {
        let first = FirstByte::default();
        (Self { inner: Box::new(inner), first: first.clone() }, first)
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = ready!(Pin::new(&mut *self.inner).poll_read(context, into));
        if into.filled().len() > before && self.first.at().is_none() {
            self.first.0.store(monotonic_nanos(), Relaxed);
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.inner).poll_shutdown(context)
    }
}
