//! The engine's sockets as time goes by: opened when a class is wanted, lost with their device, found again, let go.

use std::{
    io,
    os::fd::{AsRawFd, RawFd},
};

use super::{
    batch::{Inbox, Outbox},
    books::{Lane, Tick},
    class::{Kind, OpenedSocket, SocketClass},
    counters::EngineMode,
    turn::Worker,
    wire,
};
use crate::{clock, sample::LocalFault};

/// The socket of one class.
pub struct Door {
    pub class: SocketClass,
    pub state: DoorState,
    /// Steady clock, nanoseconds; `None`: in use.
    pub unused_since: Option<u64>,
    pub outbox: Outbox,
    /// Where our requests stand in looped-back frames.
    pub hint: usize,
}

pub enum DoorState {
    Open {
        opened: OpenedSocket,
        drops: u32,
        buffer: usize,
        /// Index of its device, where the next hop can be asked about.
        route_device: Option<u32>,
    },
    /// To be tried again at `retry` on the steady clock, then after twice `wait`.
    Closed { retry: u64, wait: u64 },
    /// No point of the plan uses it.
    Idle,
}

/// First wait before a class that cannot be opened is tried again.
const FIRST_WAIT: u64 = 500_000_000;
/// Longest wait: a device that comes back is noticed this late at most.
const LONGEST_WAIT: u64 = 8_000_000_000;
/// How long a class without points keeps its socket: answers to what is in flight still come, and a reload may want it.
const LINGER: u64 = 60_000_000_000;

impl Door {
    pub fn socket(&self) -> Option<(RawFd, Kind)> {
        match &self.state {
            DoorState::Open { opened, .. } => Some((opened.socket.as_raw_fd(), opened.kind)),
            DoorState::Closed { .. } | DoorState::Idle => None,
        }
    }
}

impl Worker {
    /// Gives every class that the plan uses a socket, and takes it from those that it does not use.
    pub fn furnish(&mut self, now: u64) {
        let longest = self.books.roster.longest();
        if self.longest < longest {
            self.longest = longest;
            // 60: the longest IPv4 header.
            self.inbox = Inbox::new(longest + 60);
            self.doors.iter_mut().for_each(|door| door.outbox = Outbox::new(longest, wire::pad));
        }
        for class in &self.books.roster.classes[self.doors.len()..] {
            let outbox = Outbox::new(self.longest, wire::pad);
            self.doors.push(Door { class: class.clone(), state: DoorState::Idle, unused_since: None, outbox, hint: 0 });
        }
        self.books.lanes.resize(self.doors.len(), Lane::default());
        for lane in 0..self.doors.len() {
            let (used, door) = (self.books.roster.uses(lane), &mut self.doors[lane]);
            door.unused_since = if used { None } else { door.unused_since.or(Some(now)) };
            if used && matches!(door.state, DoorState::Idle) {
                self.open(lane, FIRST_WAIT);
            }
        }
        self.report_sockets();
    }

    /// Tries again what could not be opened, and lets go of what nobody has used for a while.
    pub fn tend(&mut self, lane: usize, now: u64) {
        let door = &self.doors[lane];
        let unused = door.unused_since.is_some_and(|since| now.saturating_sub(since) > LINGER);
        match door.state {
            DoorState::Closed { .. } | DoorState::Open { .. } if unused => {
                self.close(lane, LocalFault::NoAddress, DoorState::Idle);
            }
            DoorState::Closed { retry, wait } if retry <= now => self.open(lane, wait),
            DoorState::Closed { .. } | DoorState::Open { .. } | DoorState::Idle => return,
        }
        self.report_sockets();
    }

    fn open(&mut self, lane: usize, wait: u64) {
        let door = &mut self.doors[lane];
        let opened = self.opener.open(&door.class).and_then(|opened| {
            let (identifier, buffer) = opened.configure(&door.class, self.options.receive_buffer)?;
            Ok((opened, identifier, buffer))
        });
        let known = &mut self.books.lanes[lane];
        match opened {
            Ok((opened, identifier, buffer)) => {
                (known.identifier, known.fault) = (identifier, None);
                if buffer < self.options.receive_buffer {
                    tracing::warn!(
                        buffer,
                        wanted = self.options.receive_buffer,
                        "receive buffer is smaller than asked for: raise it with `sysctl -w net.core.rmem_max={}`",
                        self.options.receive_buffer
                    );
                }
                tracing::info!(class = ?door.class, kind = ?opened.kind, buffer, "probe socket is open");
                let drops = opened.drops().unwrap_or(0);
                let route_device = self.next_hops.covers(&opened.socket).then(|| opened.device_index());
                door.state = DoorState::Open { opened, drops, buffer, route_device };
            }
            Err(error) => {
                let fault = fault_of_open(&error);
                if known.fault != Some(fault) {
                    tracing::warn!(class = ?door.class, %error, "cannot open a probe socket; its probes are unmeasured");
                }
                known.fault = Some(fault);
                let retry = clock::monotonic_nanos() + wait;
                door.state = DoorState::Closed { retry, wait: (wait * 2).min(LONGEST_WAIT) };
            }
        }
    }

    /// The device under a socket is gone; it may come back.
    pub fn lose(&mut self, lane: usize, fault: LocalFault) {
        let retry = clock::monotonic_nanos() + FIRST_WAIT;
        self.close(lane, fault, DoorState::Closed { retry, wait: FIRST_WAIT });
    }

    /// What was in flight through this socket can no longer be answered.
    fn close(&mut self, lane: usize, fault: LocalFault, state: DoorState) {
        self.doors[lane].state = state;
        let known = &mut self.books.lanes[lane];
        known.fault = Some(fault);
        known.blind = Some((clock::monotonic_nanos(), fault));
    }

    fn report_sockets(&self) {
        let mut mode = EngineMode::Raw;
        let mut smallest = usize::MAX;
        for (door, lane) in self.doors.iter().zip(&self.books.lanes) {
            match &door.state {
                DoorState::Open { opened, buffer, .. } => {
                    smallest = smallest.min(*buffer);
                    if opened.kind == Kind::Ping && mode == EngineMode::Raw {
                        mode = EngineMode::Ping;
                    }
                }
                DoorState::Closed { .. } if lane.fault == Some(LocalFault::NoRawSocketRight) => {
                    mode = EngineMode::NoRight
                }
                DoorState::Closed { .. } | DoorState::Idle => {}
            }
        }
        self.counters.sockets(mode, if smallest == usize::MAX { 0 } else { smallest });
    }

    /// When the kernel dropped packets, nobody knows whose.
    pub fn note_drops(&mut self, lane: usize, at: &Tick) {
        let DoorState::Open { opened, drops, .. } = &mut self.doors[lane].state else { return };
        if let Some(now) = opened.drops().filter(|now| now != drops) {
            *drops = now;
            self.books.lanes[lane].blind = Some((at.now, LocalFault::ReceiveOverflow));
        }
    }
}

/// The device under the socket is no more; a new one of the same name needs a new socket.
pub fn gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENXIO))
}

fn fault_of_open(error: &io::Error) -> LocalFault {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => LocalFault::NoRawSocketRight,
        Some(libc::ENODEV | libc::ENXIO) => LocalFault::InterfaceGone,
        code => LocalFault::SendRefused(code.unwrap_or(0)),
    }
}

/// EINVAL and EADDRNOTAVAIL: the source address that the probe asks for is not ours (any more).
pub fn fault_of_send(error: &io::Error) -> LocalFault {
    match error.raw_os_error() {
        Some(libc::ENODEV | libc::ENXIO | libc::ENETDOWN | libc::EADDRNOTAVAIL | libc::EINVAL) => {
            LocalFault::InterfaceGone
        }
        code => LocalFault::SendRefused(code.unwrap_or(0)),
    }
}
