//! What one probe told us: the three truths of the product, kept apart.
//!
//! "The line is down" and "we could not look" are different facts. How a probe ended is data, never an `Err`.
//! Kept outside `probe`, so that judging is read and tested without any I/O code.

pub mod service;
pub mod site;

use std::time::Duration;

use crate::{
    inventory::PointIndex,
    units::{Mono, Rtt},
};

/// One event of one probe, small enough to pass in blocks of thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub point: PointIndex,
    pub purpose: Purpose,
    /// When the probe was sent or, for [`Outcome::Unmeasured`], was due.
    pub sent: Mono,
    pub event: Event,
}

/// Why a probe was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// On the schedule: counts in loss, RTT and availability.
    Scheduled,
    /// After an overdue reply: decides state only, counted apart, in no statistic.
    Confirm,
    /// Out of turn, because something near it failed: decides state only, counted with the confirms, in no statistic.
    Urgent,
}

/// `Ended` comes exactly once per probe; the others only after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Ended(Outcome),
    /// The answer came after the time-out had been booked. The loss stands.
    Late(Rtt),
    /// A further answer to a probe already answered.
    Duplicate,
}

/// How a probe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The far end answered, and the answer passed every check.
    Answered(Reply),
    /// The far end was silent or wrong. Counts as loss.
    Failed(Failure),
    /// This host could not probe. Says nothing about the link; never counts as loss or down-time.
    Unmeasured(LocalFault),
}

/// A good answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    pub rtt: Rtt,
    /// TTL or hop limit that the answer arrived with.
    pub hop_limit: u8,
    pub stamps: Stamps,
}

/// A quiet stretch: scheduled probes at an even interval, all answered alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// When the first was sent.
    pub first: Mono,
    pub interval: Duration,
    pub count: u64,
    pub reply: Reply,
}

impl Run {
    /// When probe `number` was sent, counted from 0.
    pub fn sent(&self, number: u64) -> Mono {
        let millis = i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX);
        Mono(self.first.0.saturating_add(millis.saturating_mul(i64::try_from(number).unwrap_or(i64::MAX))))
    }

    /// Probe `number` of it, by itself.
    pub fn sample(&self, point: PointIndex, number: u64) -> Sample {
        let event = Event::Ended(Outcome::Answered(self.reply));
        Sample { point, purpose: Purpose::Scheduled, sent: self.sent(number), event }
    }
}

/// Which clock timed an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamps {
    /// Kernel timestamps on both sides.
    Kernel,
    /// Kernel receive stamp, user-space send time: the send stamp was lost.
    KernelReceive,
    /// CLOCK_MONOTONIC in user space: the kernel's pair was impossible (a clock step) or missing.
    User,
}

/// Closed list: a new probe kind adds to it, and the compiler shows every place that must decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No usable answer in time, and the ICMP error that explains it, if one came.
    Timeout(Option<Explanation>),
}

/// An ICMP error that quoted the probe. It explains a time-out, and never by itself ends a probe or opens an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Explanation {
    /// Destination unreachable with this code (RFC 792, RFC 4443).
    Unreachable(u8),
    TimeExceeded,
    PacketTooBig,
    Other,
}

/// Why this host could not probe. Closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LocalFault {
    NoRawSocketRight,
    /// The target's name has no address (yet).
    NoAddress,
    /// The kernel refused to send: EPERM, ENOBUFS, ENETUNREACH, ENODEV … (errno).
    SendRefused(i32),
    /// The source interface or address is gone.
    InterfaceGone,
    /// The receive buffer overflowed while the probe was in flight.
    ReceiveOverflow,
    /// The next hop towards the target is silent: our side, not the link.
    NextHopSilent,
    /// No witness near us answered: the silence may be ours.
    Isolated,
    /// A rate limit left no room for the probe within its interval.
    RateLimited,
    /// The scheduler fell behind and the probe's turn passed.
    Overrun,
}

impl LocalFault {
    /// Value of label `reason`: bounded, English.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoRawSocketRight => "no_raw_socket_right",
            Self::NoAddress => "no_address",
            Self::SendRefused(libc::EPERM) => "send_eperm",
            Self::SendRefused(libc::ENOBUFS) => "send_enobufs",
            Self::SendRefused(libc::ENETUNREACH) => "send_enetunreach",
            Self::SendRefused(_) => "send_other",
            Self::InterfaceGone => "interface_gone",
            Self::ReceiveOverflow => "receive_overflow",
            Self::NextHopSilent => "next_hop_silent",
            Self::Isolated => "isolated",
            Self::RateLimited => "rate_limited",
            Self::Overrun => "overrun",
        }
    }
}

/// What one engine thread saw since its last tick. At most [`BLOCK`] samples; more follow in further blocks.
#[derive(Debug, Default, Clone)]
pub struct Block {
    /// Of the [`crate::schedule::Plan`] whose point numbers the samples use.
    pub generation: u32,
    /// Time of the tick.
    pub at: Mono,
    pub samples: Vec<Sample>,
}

/// 4096: 160 KB; a tick of 50 ms at 80 000 probes a second.
pub const BLOCK: usize = 4096;
