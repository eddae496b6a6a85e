//! One echo request for whoever asks: a socket of its own, which carries nothing else. Links are measured by the engine.

use std::{io, os::fd::AsRawFd, time::Duration};

use tokio::io::{Interest, unix::AsyncFd};

use super::{
    Checker, Progress, Stopped,
    stream::{find, io_ending},
};
use crate::{
    clock::monotonic_nanos,
    probe::icmp::{self as engine, Kind, Mode, OpenedSocket, SocketClass, batch::Inbox, wire},
    profile::service::{Family, Icmp},
    sample::service::{Ending, IcmpSeen, Phase},
};

/// Room for answers: one of each kind, many times.
const BUFFER: usize = 65_536;
/// Longest header of IPv4.
const IP_HEADER: usize = 60;

pub async fn ping(checker: &Checker, family: Family, icmp: &Icmp, progress: &mut Progress) -> Stopped<()> {
    let to = find(checker, &icmp.target, family, progress).await?;
    progress.enter(Phase::Connect);
    let begun = monotonic_nanos();
    let here = |error: io::Error| Ending::Unmeasured(error.to_string());
    let version = engine::Family::of(to.ip());
    let class = SocketClass { family: version, device: None, dont_fragment: icmp.dont_fragment, mode: Mode::Auto };
    let opened = OpenedSocket::create(&class).map_err(here)?;
    let (identifier, _) = opened.configure(&class, BUFFER).map_err(here)?;
    let kind = opened.kind;
    if let (Some(source), Kind::Raw) = (progress.source, kind) {
        opened.socket.bind(&std::net::SocketAddr::new(source, 0).into()).map_err(here)?;
    }
    if let Some(hops) = icmp.hop_limit {
        let hops = u32::from(hops);
        let set = if to.is_ipv4() { opened.socket.set_ttl_v4(hops) } else { opened.socket.set_unicast_hops_v6(hops) };
        set.map_err(here)?;
    }
    let mut message = vec![0; wire::HEADER + icmp.size];
    wire::pad(&mut message);
    let sequence = rand::random();
    wire::write_plain(&mut message, version, identifier, sequence);
    // SAFETY: the socket owns its descriptor, and keeps it open as long as it is registered.
    let socket = unsafe { AsyncFd::register_with_interest(opened.socket, Interest::READABLE) };
    let socket = socket.map_err(|error| Ending::Unmeasured(error.to_string()))?;
    progress.report.icmp =
        Some(IcmpSeen { setup: Duration::from_nanos(monotonic_nanos() - begun), ..IcmpSeen::default() });
    progress.enter(Phase::Processing);
    let sent = monotonic_nanos();
    let to = std::net::SocketAddr::new(to.ip(), 0);
    socket.get_ref().send_to(&message, &to.into()).map_err(|error| io_ending(&error, progress))?;
    let mut inbox = Inbox::new(message.len() + IP_HEADER);
    loop {
        let mut ready = socket.readable().await.map_err(here)?;
        let fd = socket.get_ref().as_raw_fd();
        // Our own stamps and what routers say wait there, and would wake us again and again.
        while inbox.receive(fd, libc::MSG_ERRQUEUE).map_err(here)? > 0 {}
        let count = inbox.receive(fd, 0).map_err(|error| io_ending(&error, progress))?;
        for at in 0..count {
            let packet = inbox.packet(at);
            let (hops, answer) = match (kind, to.is_ipv4()) {
                (Kind::Raw, true) => match wire::unwrap_v4(packet.bytes) {
                    Some((hops, answer)) => (Some(hops), answer),
                    None => continue,
                },
                _ => (packet.control.hop_limit, packet.bytes),
            };
            if packet.source.map(|source| source.to_canonical()) == Some(to.ip())
                && wire::answers(answer, &message, version)
            {
                let rtt = Duration::from_nanos(monotonic_nanos() - sent);
                progress.report.icmp = progress.report.icmp.map(|seen| IcmpSeen { rtt, hop_limit: hops, ..seen });
                return Ok(());
            }
        }
        if count == 0 {
            ready.clear_ready();
        }
    }
}
