//! The bare-socket floor: what sending echo requests and taking the answers costs, with kernel timestamps on both
//! sides, when nothing is judged, kept or shown. Read beside the figure of the whole product in docs/performance.md.
//!
//! `cargo bench --bench floor -- [SECONDS]` prints one line of JSON for each tick length. Needs CAP_NET_RAW.

use std::{
    io,
    mem::{size_of, zeroed},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    time::Duration,
};

use linkpatrol::clock;

/// 127.1.x.y, as many as the city has links; one probe a second each.
const TARGETS: usize = 1631;
/// ICMP header and 56 bytes of payload, as ping and fping send.
const PACKET: usize = 64;
/// Messages of one system call.
const BATCH: usize = 64;
/// Room for the control messages of both timestamps and of the error queue.
const CONTROL: usize = 256;

fn main() {
    let seconds = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(5);
    for tick in [10, 20, 100].map(Duration::from_millis) {
        match run(tick, Duration::from_secs(seconds)) {
            Ok((sent, answered, stamped, cpu)) => println!(
                "{{\"tick_ms\": {}, \"sent\": {sent}, \"answered\": {answered}, \"stamped\": {stamped}, \"cpu_micros_per_probe\": {:.2}}}",
                tick.as_millis(),
                1e6 * cpu.as_secs_f64() / (answered.max(1) as f64)
            ),
            Err(error) => println!("SKIPPED: {error}"),
        }
    }
}

/// Probes for `span`; returns probes sent, answers, send timestamps taken, and CPU time used.
fn run(tick: Duration, span: Duration) -> io::Result<(usize, usize, usize, Duration)> {
    let socket = open()?;
    let mut messages = Messages::new();
    let a_tick = u64::try_from(tick.as_nanos()).unwrap_or(u64::MAX);
    let (began, cpu) = (clock::monotonic_nanos(), clock::process_cpu());
    let (mut sent, mut answered, mut stamped) = (0, 0, 0);
    for turn in 1.. {
        clock::sleep_until(began + turn * a_tick);
        stamped += messages.receive(&socket, libc::MSG_ERRQUEUE);
        answered += messages.receive(&socket, 0);
        let passed = Duration::from_nanos(clock::monotonic_nanos() - began);
        if passed > span {
            break;
        }
        let due = (passed.as_secs_f64() * TARGETS as f64) as usize;
        while sent < due {
            sent += messages.send(&socket, sent, BATCH.min(due - sent))?;
        }
    }
    Ok((sent, answered, stamped, clock::process_cpu() - cpu))
}

/// A raw ICMP socket that takes only echo replies, stamped on both sides.
fn open() -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is new and owned by nobody else.
    let socket = unsafe {
        let number = libc::socket(libc::AF_INET, libc::SOCK_RAW | libc::SOCK_NONBLOCK, libc::IPPROTO_ICMP);
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(number)
    };
    let stamps = libc::SOF_TIMESTAMPING_TX_SOFTWARE
        | libc::SOF_TIMESTAMPING_RX_SOFTWARE
        | libc::SOF_TIMESTAMPING_SOFTWARE
        | libc::SOF_TIMESTAMPING_OPT_ID
        | libc::SOF_TIMESTAMPING_OPT_TSONLY;
    // ICMP_FILTER is option 1 of SOL_RAW (linux/icmp.h); bit 0 lets echo replies pass.
    for (level, option, value) in [
        (libc::SOL_SOCKET, libc::SO_TIMESTAMPING, stamps),
        (libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, 8 << 20),
        (libc::SOL_RAW, 1, !1_u32),
    ] {
        // SAFETY: `value` is four bytes that outlive the call.
        let result = unsafe {
            libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), size_of::<u32>() as u32)
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(socket)
}

/// Buffers of one system call, and the headers that point into them.
struct Messages {
    packets: Box<[[u8; 256]; BATCH]>,
    controls: Box<[[u64; CONTROL / 8]; BATCH]>,
    names: Box<[libc::sockaddr_in; BATCH]>,
    vectors: Box<[libc::iovec; BATCH]>,
    headers: Box<[libc::mmsghdr; BATCH]>,
}

impl Messages {
    fn new() -> Self {
        // SAFETY: all of these are plain data for which zero is a value.
        unsafe {
            Self {
                packets: Box::new([[0; 256]; BATCH]),
                controls: Box::new([[0; CONTROL / 8]; BATCH]),
                names: Box::new(zeroed()),
                vectors: Box::new(zeroed()),
                headers: Box::new(zeroed()),
            }
        }
    }

    /// Points the first `count` headers at their buffers, `length` bytes of packet each.
    fn point(&mut self, count: usize, length: usize, with_control: bool) {
        for number in 0..count {
            self.vectors[number] = libc::iovec { iov_base: self.packets[number].as_mut_ptr().cast(), iov_len: length };
            let header = &mut self.headers[number].msg_hdr;
            header.msg_name = (&raw mut self.names[number]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
            header.msg_iov = &raw mut self.vectors[number];
            header.msg_iovlen = 1;
            header.msg_control =
                if with_control { self.controls[number].as_mut_ptr().cast() } else { std::ptr::null_mut() };
            header.msg_controllen = if with_control { CONTROL } else { 0 };
        }
    }

    /// Sends probes `first..first + count`; returns how many left.
    fn send(&mut self, socket: &OwnedFd, first: usize, count: usize) -> io::Result<usize> {
        for number in 0..count {
            let target = (first + number) % TARGETS;
            let address = [127, 1, 1 + (target / 250) as u8, 1 + (target % 250) as u8];
            self.names[number].sin_family = libc::AF_INET as u16;
            self.names[number].sin_addr.s_addr = u32::from_ne_bytes(address);
            let packet = &mut self.packets[number][..PACKET];
            packet.fill(0);
            packet[0] = 8;
            packet[6..8].copy_from_slice(&((first + number) as u16).to_be_bytes());
            let sum = checksum(packet);
            packet[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        self.point(count, PACKET, false);
        // SAFETY: the headers point into boxes of `self`, which outlive the call.
        let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), self.headers.as_mut_ptr(), count as u32, 0) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    /// Takes everything that waits; returns how many messages that were.
    fn receive(&mut self, socket: &OwnedFd, flags: i32) -> usize {
        let mut taken = 0;
        loop {
            self.point(BATCH, 256, true);
            // SAFETY: the headers point into boxes of `self`, which outlive the call.
            let got = unsafe {
                libc::recvmmsg(socket.as_raw_fd(), self.headers.as_mut_ptr(), BATCH as u32, flags, std::ptr::null_mut())
            };
            taken += usize::try_from(got).unwrap_or(0);
            if got < BATCH as i32 {
                return taken;
            }
        }
    }
}

/// The Internet checksum (RFC 1071) of an even number of bytes.
fn checksum(bytes: &[u8]) -> u16 {
    let sum: u32 = bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = (sum & 0xFFFF) + (sum >> 16);
    !((folded & 0xFFFF) + (folded >> 16)) as u16
}
