//! The independent witness of round-trip times: an AF_PACKET socket on the TUN device, with the kernel's own stamps.
//!
//! In: every packet on the device, and the engine's [`Trace`]s. Out: how far the engine's RTT is from the tap's, matched
//! by the nonce in the payload. It takes packets in batches, late and cheaply: the kernel has stamped them on time.

use std::{
    collections::HashMap,
    io,
    mem::{size_of, zeroed},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::Receiver,
    },
    thread::JoinHandle,
};

use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::tun;
use crate::{
    clock::{monotonic_nanos, sleep_until},
    probe::icmp::{Trace, wire},
};

pub struct Tap {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Errors>,
}

impl Tap {
    pub fn start(socket: OwnedFd, traces: Receiver<Trace>) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let listen = move || listen(&socket, &traces, &told);
        Ok(Self { stop, thread: std::thread::Builder::new().name("tap".into()).spawn(listen)? })
    }

    pub fn stop(self) -> Errors {
        self.stop.store(true, Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

/// Distances between the engine's RTT and the tap's, in nanoseconds: a random sample of bounded size.
#[derive(Debug, Default)]
pub struct Errors {
    sample: Vec<u64>,
    pub matched: u64,
    /// Traces whose packets the tap has not seen.
    pub unmatched: u64,
}

/// 65 536: 99th percentile within a tenth of a percentile.
const SAMPLE: usize = 65_536;

impl Errors {
    fn add(&mut self, error: u64, random: &mut SmallRng) {
        self.matched += 1;
        if self.sample.len() < SAMPLE {
            self.sample.push(error);
        } else if let Some(place) = self.sample.get_mut(random.random_range(0..self.matched) as usize) {
            *place = error;
        }
    }

    /// Seconds; `None` without a match.
    pub fn quantile(&mut self, share: f64) -> Option<f64> {
        self.sample.sort_unstable();
        let place = (self.sample.len() as f64 * share) as usize;
        self.sample.get(place.min(self.sample.len().saturating_sub(1))).map(|nanos| *nanos as f64 / 1e9)
    }
}

/// Opens the socket in the calling thread's namespace.
pub fn open() -> io::Result<OwnedFd> {
    // SAFETY: plain call; the result is checked before it becomes an owned descriptor.
    let socket = unsafe {
        let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        let socket = libc::socket(libc::AF_PACKET, kind, i32::from((libc::ETH_P_ALL as u16).to_be()));
        if socket < 0 {
            return Err(io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(socket)
    };
    set(&socket, libc::SO_TIMESTAMPNS, 1)?;
    set(&socket, libc::SO_RCVBUFFORCE, BUFFER).or_else(|_| set(&socket, libc::SO_RCVBUF, BUFFER))?;
    // SAFETY: all zeroes is a valid sockaddr_ll; the name is a C string.
    let address = unsafe {
        libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
            sll_ifindex: libc::if_nametoindex(tun::NAME.as_ptr()).cast_signed(),
            ..zeroed()
        }
    };
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: `address` lives through the call and has the length said.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) })?;
    Ok(socket)
}

/// 16 MiB: twenty thousand packets, several rounds of a large city.
const BUFFER: i32 = 16 << 20;

fn set(socket: &OwnedFd, option: i32, value: i32) -> io::Result<()> {
    let length = size_of::<i32>() as libc::socklen_t;
    // SAFETY: `value` lives through the call and has the length said.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const value).cast(), length) })
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// 50 ms between rounds: few wakes, and a round fits the buffer by far.
const ROUND: u64 = 50_000_000;
/// 100 rounds of 50 ms: far longer than any answer takes.
const GENERATION: u32 = 100;

fn listen(socket: &OwnedFd, traces: &Receiver<Trace>, stop: &AtomicBool) -> Errors {
    let (mut errors, mut random) = (Errors::default(), SmallRng::seed_from_u64(0));
    let (mut seen, mut round) = (Seen::default(), 0);
    while !stop.load(Relaxed) {
        sleep_until(monotonic_nanos() + ROUND);
        round += 1;
        if round % GENERATION == 0 {
            seen.forget();
        }
        // Traces first: the packets of each are then in the buffer for certain.
        let traces: Vec<_> = traces.try_iter().collect();
        seen.take(socket);
        for trace in traces {
            match seen.rtt(trace.nonce) {
                Some(rtt) => errors.add(rtt.abs_diff(trace.rtt_nanos), &mut random),
                None => errors.unmatched += 1,
            }
        }
    }
    errors
}

/// Probes on the wire: two generations, so that memory is bounded whatever happens.
#[derive(Default)]
struct Seen {
    now: HashMap<u64, Times>,
    before: HashMap<u64, Times>,
}

/// Kernel stamps of request and first answer, nanoseconds of CLOCK_REALTIME.
struct Times {
    request: i64,
    answer: Option<i64>,
}

impl Seen {
    fn forget(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }

    fn rtt(&self, nonce: u64) -> Option<u64> {
        let times = self.now.get(&nonce).or_else(|| self.before.get(&nonce))?;
        u64::try_from(times.answer? - times.request).ok()
    }

    /// Everything that the buffer holds.
    fn take(&mut self, socket: &OwnedFd) {
        let mut batch = Batch::new();
        loop {
            let packets = batch.receive(socket);
            for place in 0..packets {
                let Some((nonce, stamp, leaving)) = batch.packet(place) else { continue };
                if leaving {
                    self.now.insert(nonce, Times { request: stamp, answer: None });
                } else if let Some(times) = self.now.get_mut(&nonce).or_else(|| self.before.get_mut(&nonce)) {
                    times.answer.get_or_insert(stamp);
                }
            }
            if packets < BATCH {
                return;
            }
        }
    }
}

const BATCH: usize = 64;
/// IPv6 header, ICMP header, the mark, and room for IPv4 options.
const HEAD: usize = 128;

/// Places for one `recvmmsg`.
struct Batch {
    heads: [[u8; HEAD]; BATCH],
    /// `u64`: control messages want their alignment.
    controls: [[u64; 8]; BATCH],
    senders: [libc::sockaddr_ll; BATCH],
    headers: [libc::mmsghdr; BATCH],
}

impl Batch {
    fn new() -> Box<Self> {
        // SAFETY: all zeroes is valid for plain C structs and bytes.
        unsafe { Box::new(zeroed()) }
    }

    /// How many packets came, without waiting.
    fn receive(&mut self, socket: &OwnedFd) -> usize {
        let mut vectors =
            self.heads.each_mut().map(|head| libc::iovec { iov_base: head.as_mut_ptr().cast(), iov_len: HEAD });
        for (place, header) in self.headers.iter_mut().enumerate() {
            header.msg_hdr.msg_name = (&raw mut self.senders[place]).cast();
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            header.msg_hdr.msg_iov = &raw mut vectors[place];
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = self.controls[place].as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = size_of::<[u64; 8]>() as _;
        }
        // SAFETY: every pointer in `headers` leads to a live buffer of the length said.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        usize::try_from(received).unwrap_or(0)
    }

    /// Nonce, kernel stamp, and whether it leaves us; `None` when it is not a probe of ours.
    fn packet(&self, place: usize) -> Option<(u64, i64, bool)> {
        let header = &self.headers[place];
        let packet = &self.heads[place][..(header.msg_len as usize).min(HEAD)];
        let ip = match packet.first()? >> 4 {
            4 => usize::from(packet[0] & 15) * 4,
            _ => 40,
        };
        let mark = wire::Mark::read(packet.get(ip + wire::HEADER..)?)?;
        Some((mark.nonce, stamp(&header.msg_hdr)?, self.senders[place].sll_pkttype == libc::PACKET_OUTGOING))
    }
}

fn stamp(header: &libc::msghdr) -> Option<i64> {
    // SAFETY: the kernel has filled the control buffer of `header`, which still lives.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while let Some(message) = control.as_ref() {
            if (message.cmsg_level, message.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
                let time: libc::timespec = libc::CMSG_DATA(control).cast::<libc::timespec>().read_unaligned();
                return Some(time.tv_sec * 1_000_000_000 + time.tv_nsec);
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;
    use crate::{
        clock::SystemClock,
        demo::{
            city::City,
            namespace::Namespace,
            town::{plan, town},
            truth::Truth,
            world::World,
        },
        inventory::Role,
        probe::{
            Prober,
            icmp::{Engine, Options},
        },
        sample::{Block, Event, Outcome},
    };

    #[test]
    fn the_engine_measures_the_city_as_the_tap_does() {
        let (namespace, device) = match Namespace::create() {
            Ok(made) => made,
            Err(missing) => return eprintln!("SKIPPED: {missing}"),
        };
        let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(SystemClock::start()));
        let inventory = town(40);
        let story = serde_yaml::from_str("{ name: quiet }").unwrap();
        let world = World::build(&inventory, &|_| Role::Far, &story, 1).unwrap();
        let truth = Truth::create(&folder.path().join("truth.jsonl"), &[], &inventory).unwrap();
        let (trace, traces) = mpsc::sync_channel(10_000);
        let tap = Tap::start(namespace.run(open).unwrap().unwrap(), traces).unwrap();
        let city = City::start(device, world, truth, clock.clone(), monotonic_nanos()).unwrap();
        let (sender, blocks) = mpsc::sync_channel(1_000);
        let options = Options { trace: Some(trace), ..Options::default() };
        let engine = Engine::start(plan(&inventory).into(), options, clock, Box::new(namespace), sender);
        // 120 points at one probe a second.
        let ended = |block: Block| {
            block
                .samples
                .into_iter()
                .filter_map(|sample| match sample.event {
                    Event::Ended(outcome) => Some(outcome),
                    _ => None,
                })
                .collect::<Vec<_>>()
        };
        let outcomes: Vec<_> = blocks.iter().flat_map(ended).take(240).collect();
        Box::new(engine).stop();
        sleep_until(monotonic_nanos() + Duration::from_millis(200).as_nanos() as u64);
        let (figures, mut errors) = (city.stop(), tap.stop());
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Answered(_))), "{outcomes:?}");
        assert_eq!(figures.refused, 0);
        assert!(errors.matched >= 240 && errors.unmatched == 0, "{errors:?}");
        // Both use the kernel's stamps: microseconds apart even while other tests keep the machine busy.
        assert!(errors.quantile(0.5).unwrap() < 100e-6, "{:?}", errors.quantile(0.5));
    }
}
