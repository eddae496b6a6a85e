//! The only file that reads the time.
//!
//! Three clocks, each for what it is good at: CLOCK_MONOTONIC times exchanges and time-outs, CLOCK_BOOTTIME says
//! how long (it goes on through a suspend), CLOCK_REALTIME is what people and kernel timestamps speak. `clippy.toml`
//! bans reading them elsewhere; pure stages are handed a [`Now`].

use std::time::Duration;

use crate::units::{Mono, Now, Timestamp};

/// Where `patrol` takes its time from: the machine, or a test.
pub trait Clock: Send + Sync {
    fn now(&self) -> Now;
}

/// The machine's clocks. `mono` starts at zero when this value is made.
pub struct SystemClock {
    started: i64,
}

impl SystemClock {
    pub fn start() -> Self {
        Self { started: boottime_millis() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let mono = Mono(boottime_millis() - self.started);
        Now { mono, utc: Timestamp(read(libc::CLOCK_REALTIME) / 1_000_000) }
    }
}

/// A clock that a test sets.
#[derive(Default)]
pub struct ManualClock(std::sync::Mutex<Now>);

impl ManualClock {
    pub fn set(&self, now: Now) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = now;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// CLOCK_MONOTONIC in nanoseconds: for time-outs and the length of an exchange.
pub fn monotonic_nanos() -> u64 {
    read(libc::CLOCK_MONOTONIC).unsigned_abs()
}

/// CLOCK_REALTIME in nanoseconds: what kernel timestamps are written in.
pub fn realtime_nanos() -> i64 {
    read(libc::CLOCK_REALTIME)
}

/// CLOCK_BOOTTIME in milliseconds since the machine started: goes on while it sleeps, and no clock step changes it.
pub fn boottime_millis() -> i64 {
    read(libc::CLOCK_BOOTTIME) / 1_000_000
}

/// Processor time that the calling thread has used.
pub fn thread_cpu() -> Duration {
    Duration::from_nanos(read(libc::CLOCK_THREAD_CPUTIME_ID).unsigned_abs())
}

/// Processor time that this process has used, all threads, user and system.
pub fn process_cpu() -> Duration {
    Duration::from_nanos(read(libc::CLOCK_PROCESS_CPUTIME_ID).unsigned_abs())
}

/// How far the wall clock can be trusted, by the kernel's word (`adjtimex`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discipline {
    /// Something such as chrony or ntpd corrects it.
    pub is_synchronised: bool,
    /// It is no further than this from the truth, while that is so.
    pub most_error: Duration,
}

pub fn discipline() -> Discipline {
    // SAFETY: all zeros asks for nothing to be changed, and the kernel fills in the rest.
    let (state, error) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex.maxerror)
    };
    let is_synchronised = state != -1 && state != libc::TIME_ERROR;
    Discipline { is_synchronised, most_error: Duration::from_micros(u64::try_from(error).unwrap_or(0)) }
}

/// Sleeps until CLOCK_MONOTONIC reads `deadline` nanoseconds; returns at once when that is past.
pub fn sleep_until(deadline: u64) {
    let until = libc::timespec {
        tv_sec: (deadline / 1_000_000_000).cast_signed(),
        tv_nsec: (deadline % 1_000_000_000).cast_signed(),
    };
    // SAFETY: `until` outlives the call; a null remainder is allowed for absolute sleeps.
    while unsafe {
        libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &raw const until, std::ptr::null_mut())
    } == libc::EINTR
    {}
}

/// Nanoseconds on `clock`. The ids used here exist on every Linux that can run this program, so the call cannot fail.
fn read(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place to write to for the length of the call.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
