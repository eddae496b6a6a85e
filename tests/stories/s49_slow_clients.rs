//! Two thousand clients that send their head a byte at a time hold no place that anybody else needs.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use linkpatrol::clock::monotonic_nanos;

use crate::{harness::get, site::Site};

const CLIENTS: usize = 2_000;
const SCRAPES: usize = 20;

/// As many descriptors as this process may have at all; `false`: too few for the story.
fn raise_descriptors() -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a valid structure of their own.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) == 0 && limit.rlim_cur as usize > CLIENTS + 256
    }
}

#[test]
fn two_thousand_slow_clients_do_not_hold_up_a_scrape() {
    let Some(mut site) = Site::make(2) else { return };
    if !raise_descriptors() {
        crate::harness::skip("too few file descriptors for two thousand clients");
        return;
    }
    site.start(&[]);
    let (address, over) = (site.address, AtomicBool::new(false));
    let begin = || {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).ok()?;
        stream.set_nonblocking(true).ok()?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nX-Slow: ").ok()?;
        Some(stream)
    };
    let (spent, text) = site.within(|| {
        let mut clients: Vec<TcpStream> = (0..CLIENTS).filter_map(|_| begin()).collect();
        assert!(clients.len() > CLIENTS * 9 / 10, "{} clients", clients.len());
        std::thread::scope(|scope| {
            let over = &over;
            // A byte each from whoever still has a place; whoever was sent away comes again.
            scope.spawn(move || {
                let count = clients.len();
                while !over.load(Ordering::Relaxed) {
                    for place in (0..count).step_by(20) {
                        let client = &mut clients[place];
                        let gone =
                            !matches!(client.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
                        if (gone || client.write_all(b"x").is_err())
                            && let Some(again) = begin()
                        {
                            *client = again;
                        }
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
            let mut spent: Vec<Duration> = vec![];
            let mut text = String::new();
            for _ in 0..SCRAPES {
                let began = monotonic_nanos();
                text = get(address, "/metrics").expect("a scrape").body;
                spent.push(Duration::from_nanos(monotonic_nanos() - began));
                std::thread::sleep(Duration::from_millis(100));
            }
            over.store(true, Ordering::Relaxed);
            spent.sort_unstable();
            (spent, text)
        })
    });
    // This machine may be busy with other things: one scrape of twenty is forgiven.
    assert!(spent[SCRAPES - 2] < Duration::from_millis(100), "{spent:?}");
    let count = |what: &str| -> usize {
        let name = format!("linkpatrol_http_connections_{what}_total ");
        text.lines().find_map(|line| line.strip_prefix(name.as_str())?.parse().ok()).unwrap_or_else(|| panic!("{text}"))
    };
    // Who waits makes room. Where the machine has no time to let them go, some of the flood are refused, and no scrape.
    assert!(count("sent_away") >= CLIENTS / 2 && count("refused") <= CLIENTS / 4, "{text}");
}
