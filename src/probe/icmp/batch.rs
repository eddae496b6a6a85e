//! Many packets per system call: `sendmmsg` and `recvmmsg` with their control messages.
//!
//! All buffers are made once and used again; the raw pointers that the kernel wants point into this module's own vectors,
//! whose length never changes after [`Inbox::new`] and [`Outbox::new`].

use std::{
    io,
    mem::{size_of, zeroed},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::RawFd,
};

use super::class::Family;

/// Packets per call: enough to make the call's own cost vanish, and a batch of replies fits the smallest buffers.
pub const BATCH: usize = 128;

/// Room for control messages, in words: two timestamps, extended error with offender, hop limit.
const CONTROL: usize = 40;

/// Receives up to [`BATCH`] packets at once.
pub struct Inbox {
    headers: Vec<libc::mmsghdr>,
    // The kernel reaches these through `headers`.
    _places: Vec<libc::iovec>,
    names: Vec<libc::sockaddr_in6>,
    control: Vec<[u64; CONTROL]>,
    data: Vec<u8>,
    stride: usize,
}

// SAFETY: the raw pointers lead into vectors of the same value, which move with it and are reached through it alone.
unsafe impl Send for Inbox {}

/// One received packet.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    pub bytes: &'a [u8],
    /// Sender; on the error queue, whom the failed packet was meant for.
    pub source: Option<IpAddr>,
    pub control: Control,
}

/// What the kernel says about a packet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Control {
    /// CLOCK_REALTIME, nanoseconds.
    pub stamp: Option<i64>,
    pub hop_limit: Option<u8>,
    pub error: Option<Extended>,
}

/// Fields of `sock_extended_err`.
#[derive(Clone, Copy, Debug)]
pub struct Extended {
    pub origin: u8,
    pub kind: u8,
    pub code: u8,
}

impl Inbox {
    /// `stride`: most bytes of a packet that are kept.
    pub fn new(stride: usize) -> Self {
        let mut data = vec![0; BATCH * stride];
        let mut names = vec![zero_name(); BATCH];
        let mut control = vec![[0; CONTROL]; BATCH];
        let mut places: Vec<libc::iovec> = data
            .chunks_exact_mut(stride)
            .map(|room| libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: stride })
            .collect();
        let headers = (0..BATCH)
            .map(|at| {
                let mut header = zero_header();
                header.msg_hdr.msg_iov = &raw mut places[at];
                header.msg_hdr.msg_iovlen = 1;
                header.msg_hdr.msg_name = (&raw mut names[at]).cast();
                header.msg_hdr.msg_control = control[at].as_mut_ptr().cast();
                header
            })
            .collect();
        Self { headers, _places: places, names, control, data, stride }
    }

    /// Reads what waits, without waiting itself. `flags`: MSG_ERRQUEUE or none.
    pub fn receive(&mut self, fd: RawFd, flags: i32) -> io::Result<usize> {
        for header in &mut self.headers {
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
            header.msg_hdr.msg_controllen = size_of::<[u64; CONTROL]>();
        }
        // SAFETY: every pointer in `headers` leads into a vector of this value, none of which has moved or shrunk.
        let count = unsafe {
            libc::recvmmsg(
                fd,
                self.headers.as_mut_ptr(),
                BATCH as u32,
                flags | libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        match usize::try_from(count) {
            Ok(count) => Ok(count),
            Err(_) => match io::Error::last_os_error() {
                nothing if nothing.kind() == io::ErrorKind::WouldBlock => Ok(0),
                error => Err(error),
            },
        }
    }

    /// One of the packets that the last [`Self::receive`] counted.
    pub fn packet(&self, at: usize) -> Received<'_> {
        let header = &self.headers[at];
        let length = (header.msg_len as usize).min(self.stride);
        let start = at * self.stride;
        Received {
            bytes: &self.data[start..start + length],
            source: address(&self.names[at], header.msg_hdr.msg_namelen),
            control: read_control(&self.control[at], header.msg_hdr.msg_controllen),
        }
    }
}

/// Collects up to [`BATCH`] packets and sends them at once.
pub struct Outbox {
    headers: Vec<libc::mmsghdr>,
    places: Vec<libc::iovec>,
    names: Vec<libc::sockaddr_in6>,
    control: Vec<Ancillary>,
    data: Vec<u8>,
    stride: usize,
    /// Number of the probe in each packet.
    numbers: Vec<u32>,
}

impl Outbox {
    /// `stride`: longest message. `prepare` is called once on each buffer.
    pub fn new(stride: usize, prepare: impl Fn(&mut [u8])) -> Self {
        let mut data = vec![0; BATCH * stride];
        let mut places: Vec<libc::iovec> = data
            .chunks_exact_mut(stride)
            .map(|room| {
                prepare(room);
                libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: stride }
            })
            .collect();
        let mut names = vec![zero_name(); BATCH];
        let mut control = vec![Ancillary::default(); BATCH];
        let headers = (0..BATCH)
            .map(|at| {
                let mut header = zero_header();
                header.msg_hdr.msg_iov = &raw mut places[at];
                header.msg_hdr.msg_iovlen = 1;
                header.msg_hdr.msg_name = (&raw mut names[at]).cast();
                header.msg_hdr.msg_control = control[at].words.as_mut_ptr().cast();
                header
            })
            .collect();
        Self { headers, places, names, control, data, stride, numbers: Vec::with_capacity(BATCH) }
    }

    /// Adds a packet of `length` bytes, which `write` fills. Only while not full.
    pub fn push(
        &mut self,
        number: u32,
        to: IpAddr,
        length: usize,
        ancillary: &Ancillary,
        write: impl FnOnce(&mut [u8]),
    ) {
        let at = self.numbers.len();
        let header = &mut self.headers[at].msg_hdr;
        header.msg_namelen = set_name(&mut self.names[at], to);
        header.msg_controllen = ancillary.length;
        if ancillary.length > 0 {
            self.control[at].words = ancillary.words;
        }
        self.places[at].iov_len = length;
        let start = at * self.stride;
        write(&mut self.data[start..start + length]);
        self.numbers.push(number);
    }

    pub fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    pub fn is_full(&self) -> bool {
        self.numbers.len() == BATCH
    }

    pub fn clear(&mut self) {
        self.numbers.clear();
    }

    /// Sends the packets from number `first` on; returns how many left. An error speaks of the packet at `first`.
    pub fn send(&mut self, fd: RawFd, first: usize) -> io::Result<usize> {
        let waiting = &mut self.headers[first..self.numbers.len()];
        // SAFETY: every pointer in `headers` leads into a vector of this value, none of which has moved or shrunk.
        let count = unsafe { libc::sendmmsg(fd, waiting.as_mut_ptr(), waiting.len() as u32, libc::MSG_DONTWAIT) };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }
}

/// Control messages of one kind of probe: source, hop limit, traffic class. Built once per plan.
#[derive(Clone, Debug, Default)]
pub struct Ancillary {
    words: [u64; 14],
    length: usize,
}

impl Ancillary {
    /// Sends from this address; the route decides the device.
    pub fn set_source(&mut self, source: IpAddr) {
        match source {
            IpAddr::V4(v4) => {
                let address = libc::in_addr { s_addr: u32::from_ne_bytes(v4.octets()) };
                let info =
                    libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: address, ipi_addr: libc::in_addr { s_addr: 0 } };
                self.add(libc::SOL_IP, libc::IP_PKTINFO, &info);
            }
            IpAddr::V6(v6) => {
                let address = libc::in6_addr { s6_addr: v6.octets() };
                let info = libc::in6_pktinfo { ipi6_addr: address, ipi6_ifindex: 0 };
                self.add(libc::SOL_IPV6, libc::IPV6_PKTINFO, &info);
            }
        }
    }

    pub fn set_hop_limit(&mut self, family: Family, hops: u8) {
        match family {
            Family::V4 => self.add(libc::SOL_IP, libc::IP_TTL, &i32::from(hops)),
            Family::V6 => self.add(libc::SOL_IPV6, libc::IPV6_HOPLIMIT, &i32::from(hops)),
        }
    }

    pub fn set_dscp(&mut self, family: Family, dscp: u8) {
        let class = i32::from(dscp) << 2;
        match family {
            Family::V4 => self.add(libc::SOL_IP, libc::IP_TOS, &class),
            Family::V6 => self.add(libc::SOL_IPV6, libc::IPV6_TCLASS, &class),
        }
    }

    /// Appends one control message: `cmsghdr`, data, padding to a word.
    fn add<T>(&mut self, level: i32, kind: i32, data: &T) {
        let header = size_of::<libc::cmsghdr>();
        let space = (header + size_of::<T>()).next_multiple_of(size_of::<u64>());
        assert!(self.length + space <= size_of_val(&self.words), "three control messages always fit");
        let start = self.length / size_of::<u64>();
        self.words[start] = (header + size_of::<T>()) as u64;
        let place = (&raw mut self.words[start]).cast::<libc::cmsghdr>();
        // SAFETY: the assertion has shown that header and data lie within `words`, which is aligned for both.
        unsafe {
            (*place).cmsg_len = header + size_of::<T>();
            (*place).cmsg_level = level;
            (*place).cmsg_type = kind;
            place.add(1).cast::<T>().write_unaligned(std::ptr::from_ref(data).read());
        }
        self.length += space;
    }
}

fn read_control(control: &[u64; CONTROL], length: usize) -> Control {
    let mut found = Control::default();
    let header = libc::msghdr {
        msg_control: control.as_ptr().cast_mut().cast(),
        msg_controllen: length.min(size_of::<[u64; CONTROL]>()),
        ..zero_header().msg_hdr
    };
    // SAFETY: CMSG_* stay within `msg_controllen` bytes of `control`, and the kernel has written whole messages there.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(&raw const header);
        while let Some(head) = message.as_ref() {
            let data = libc::CMSG_DATA(message);
            match (head.cmsg_level, head.cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING) => found.stamp = stamp(data.cast()),
                (libc::SOL_IP, libc::IP_TTL) | (libc::SOL_IPV6, libc::IPV6_HOPLIMIT) => {
                    found.hop_limit = u8::try_from(data.cast::<i32>().read_unaligned()).ok();
                }
                (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR) => {
                    let error = data.cast::<libc::sock_extended_err>().read_unaligned();
                    found.error = Some(Extended { origin: error.ee_origin, kind: error.ee_type, code: error.ee_code });
                }
                _ => {}
            }
            message = libc::CMSG_NXTHDR(&raw const header, message);
        }
    }
    found
}

/// The first of three stamps is the software one.
///
/// # Safety
/// `data` must lead to a `scm_timestamping`.
unsafe fn stamp(data: *const libc::timespec) -> Option<i64> {
    // SAFETY: promised by the caller.
    let time = unsafe { data.read_unaligned() };
    (time.tv_sec != 0).then_some(time.tv_sec * 1_000_000_000 + time.tv_nsec)
}

fn address(name: &libc::sockaddr_in6, length: libc::socklen_t) -> Option<IpAddr> {
    match i32::from(name.sin6_family) {
        _ if length == 0 => None,
        libc::AF_INET6 => Some(Ipv6Addr::from(name.sin6_addr.s6_addr).into()),
        libc::AF_INET => {
            // SAFETY: `sockaddr_in` is smaller, laid over the same bytes, and any bytes are a valid one.
            let v4 = unsafe { std::ptr::from_ref(name).cast::<libc::sockaddr_in>().read_unaligned() };
            Some(Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes()).into())
        }
        _ => None,
    }
}

fn set_name(name: &mut libc::sockaddr_in6, to: IpAddr) -> libc::socklen_t {
    *name = zero_name();
    match to {
        IpAddr::V4(v4) => {
            name.sin6_family = libc::AF_INET as u16;
            // `sin_addr` lies where IPv6 has its flow label.
            name.sin6_flowinfo = u32::from_ne_bytes(v4.octets());
            size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        IpAddr::V6(v6) => {
            name.sin6_family = libc::AF_INET6 as u16;
            name.sin6_addr.s6_addr = v6.octets();
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}

fn zero_name() -> libc::sockaddr_in6 {
    // SAFETY: all zeroes are a valid socket address: no family, no pointers.
    unsafe { zeroed() }
}

fn zero_header() -> libc::mmsghdr {
    // SAFETY: all zeroes are a valid header: null pointers with zero lengths.
    unsafe { zeroed() }
}
