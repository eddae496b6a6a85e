//! Sockets: one per class (family, device, DF), opened raw where we may and as a ping socket where we may not.
//!
//! An [`Opener`] only creates the socket, in the right network namespace and with the right to; everything else is set
//! here by the engine, which needs no right for it.

use std::{
    io,
    mem::{MaybeUninit, size_of},
    os::fd::{AsRawFd, RawFd},
    sync::Arc,
};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::filter;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub fn of(address: std::net::IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// Which sockets may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Raw, and ping sockets where raw is refused.
    #[default]
    Auto,
    Raw,
    Ping,
}

/// Probes of one class share a socket: what the kernel can only set per socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SocketClass {
    pub family: Family,
    pub device: Option<Arc<str>>,
    pub dont_fragment: bool,
    pub mode: Mode,
}

/// A bare socket of a class.
#[derive(Debug)]
pub struct OpenedSocket {
    pub socket: Socket,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Raw,
    /// `SOCK_DGRAM`: the kernel owns the identifier and hands us only our own replies, without an IPv4 header.
    Ping,
}

/// Creates sockets in the network namespace that is to be probed.
pub trait Opener: Send {
    /// Called by the engine thread, at start, at reloads, and with a back-off while a class cannot be opened.
    fn open(&mut self, class: &SocketClass) -> io::Result<OpenedSocket>;
}

/// Opens in the calling thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostOpener;

impl Opener for HostOpener {
    fn open(&mut self, class: &SocketClass) -> io::Result<OpenedSocket> {
        OpenedSocket::create(class)
    }
}

impl OpenedSocket {
    /// Creates the socket in the calling thread's namespace and binds it to its device.
    pub fn create(class: &SocketClass) -> io::Result<Self> {
        let kinds: &[Kind] = match class.mode {
            Mode::Auto => &[Kind::Raw, Kind::Ping],
            Mode::Raw => &[Kind::Raw],
            Mode::Ping => &[Kind::Ping],
        };
        let mut refused = io::Error::from_raw_os_error(libc::EPERM);
        for &kind in kinds {
            match Self::create_kind(class.family, kind) {
                Ok(opened) => {
                    opened.socket.bind_device(class.device.as_ref().map(|name| name.as_bytes()))?;
                    return Ok(opened);
                }
                Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES)) => refused = error,
                Err(error) => return Err(error),
            }
        }
        Err(refused)
    }

    fn create_kind(family: Family, kind: Kind) -> io::Result<Self> {
        let (domain, protocol) = match family {
            Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
            Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
        };
        let sort = match kind {
            Kind::Raw => Type::RAW,
            Kind::Ping => Type::DGRAM,
        };
        Ok(Self { socket: Socket::new(domain, sort.cloexec().nonblocking(), Some(protocol))?, kind })
    }

    /// Sets every option, and returns the identifier that its probes carry and the receive buffer that took effect.
    pub fn configure(&self, class: &SocketClass, receive_buffer: usize) -> io::Result<(u16, usize)> {
        let buffer = self.grow_buffer(receive_buffer)?;
        self.set_timestamps()?;
        self.set_family_options(class)?;
        let identifier = match self.kind {
            Kind::Raw => {
                let identifier = rand::random();
                filter::attach(&self.socket, class.family, identifier)?;
                self.discard_queue();
                identifier
            }
            Kind::Ping => self.bind_any(class.family)?,
        };
        Ok((identifier, buffer))
    }

    /// Packets that have been dropped for want of room in the receive buffer, since the socket was made.
    pub(super) fn drops(&self) -> Option<u32> {
        const SK_MEMINFO_DROPS: usize = 8;
        get_option::<[u32; 9]>(self.socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_MEMINFO)
            .ok()
            .map(|memory| memory[SK_MEMINFO_DROPS])
    }

    /// Index of the device that the socket is bound to; zero: none.
    pub(super) fn device_index(&self) -> u32 {
        get_option(self.socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX).unwrap_or(0)
    }

    /// The forced size needs CAP_NET_ADMIN; the plain one stops at `net.core.rmem_max`. The kernel doubles both.
    fn grow_buffer(&self, wanted: usize) -> io::Result<usize> {
        let size = i32::try_from(wanted).unwrap_or(i32::MAX);
        if set_option(self.socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &size).is_err() {
            self.socket.set_recv_buffer_size(wanted)?;
        }
        Ok(self.socket.recv_buffer_size()? / 2)
    }

    /// Software stamps on both sides. Send stamps come back with the packet itself (no OPT_TSONLY), so that one can be
    /// told from another even when a send failed in between.
    fn set_timestamps(&self) -> io::Result<()> {
        let flags =
            libc::SOF_TIMESTAMPING_TX_SOFTWARE | libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;
        set_option(self.socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPING, &flags)
    }

    /// RECVERR: without it Linux hides ENOBUFS. PROBE sets DF and, unlike DO, goes on asking the path instead of
    /// failing here on what it answered once.
    fn set_family_options(&self, class: &SocketClass) -> io::Result<()> {
        let fd = self.socket.as_raw_fd();
        match class.family {
            Family::V4 => {
                let discover = if class.dont_fragment { libc::IP_PMTUDISC_PROBE } else { libc::IP_PMTUDISC_DONT };
                set_option(fd, libc::SOL_IP, libc::IP_MTU_DISCOVER, &discover)?;
                set_option(fd, libc::SOL_IP, libc::IP_TTL, &USUAL_HOPS)?;
                set_option(fd, libc::SOL_IP, libc::IP_RECVTTL, &1_i32)?;
                set_option(fd, libc::SOL_IP, libc::IP_RECVERR, &1_i32)
            }
            Family::V6 => {
                let discover = if class.dont_fragment { libc::IPV6_PMTUDISC_PROBE } else { libc::IPV6_PMTUDISC_DONT };
                set_option(fd, libc::SOL_IPV6, libc::IPV6_MTU_DISCOVER, &discover)?;
                set_option(fd, libc::SOL_IPV6, libc::IPV6_DONTFRAG, &i32::from(class.dont_fragment))?;
                set_option(fd, libc::SOL_IPV6, libc::IPV6_UNICAST_HOPS, &USUAL_HOPS)?;
                set_option(fd, libc::SOL_IPV6, libc::IPV6_RECVHOPLIMIT, &1_i32)?;
                set_option(fd, libc::SOL_IPV6, libc::IPV6_RECVERR, &1_i32)
            }
        }
    }

    /// A ping socket's identifier is its port.
    fn bind_any(&self, family: Family) -> io::Result<u16> {
        let any: std::net::SocketAddr = match family {
            Family::V4 => (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
            Family::V6 => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        self.socket.bind(&SockAddr::from(any))?;
        let local = self.socket.local_addr()?;
        Ok(local.as_socket().map_or(0, |address| address.port()))
    }

    /// What came in before the filter stood.
    fn discard_queue(&self) {
        let mut scrap = [MaybeUninit::uninit(); 1];
        while self.socket.recv(&mut scrap).is_ok() {}
    }
}

/// Default of [`crate::profile::Measure::hop_limit`]: what probes without a control message leave with.
const USUAL_HOPS: i32 = 64;

/// Sets a socket option that `socket2` has no call for.
pub(super) fn set_option<T>(fd: RawFd, level: i32, name: i32, value: &T) -> io::Result<()> {
    // SAFETY: the kernel reads `size_of::<T>()` bytes from a live reference.
    let answer = unsafe {
        libc::setsockopt(fd, level, name, std::ptr::from_ref(value).cast(), size_of::<T>() as libc::socklen_t)
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// `T` must be plain integers: the kernel may fill any part of it.
pub(super) fn get_option<T: Default>(fd: RawFd, level: i32, name: i32) -> io::Result<T> {
    let mut value = T::default();
    let mut length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to a live, exclusive reference.
    let answer = unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &raw mut length) };
    if answer == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}
