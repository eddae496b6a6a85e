//! The ICMP engine: echo probes to every point of a plan, with kernel timestamps on both sides.
//!
//! One thread owns everything: it sleeps from tick to tick, and at each tick hears, books and sends (`turn`). In: a
//! [`Plan`] and commands over a channel. Out: one [`Block`] of samples a tick over a bounded channel, and counters.
//! Nothing is judged here, and nothing but the far end's silence is ever called a loss.
//!
//! ```text
//! schedule ──▶ turn ──sendmmsg──▶ sockets, one per class (family, device, DF)
//!               │ ▲◀──recvmmsg───  error queue (send stamps, ICMP errors), answers
//!               ▼ │
//!              books ── samples ──▶ blocks
//! ```

pub mod batch;
mod books;
mod class;
mod confirm;
mod counters;
mod doors;
mod errands;
mod filter;
mod flight;
mod lag;
mod next_hop;
mod roster;
mod stamps;
mod turn;
pub mod wire;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        mpsc::{self, Sender, SyncSender},
    },
    thread::JoinHandle,
    time::Duration,
};

pub use class::{Family, HostOpener, Kind, Mode, OpenedSocket, Opener, SocketClass};

use super::{Prober, Status};
use crate::{
    clock::Clock,
    inventory::PointIndex,
    sample::{Block, Stamps},
    schedule::Plan,
};
use counters::Counters;

/// How the engine works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Between two looks at the schedule and the sockets; at most 50 ms while an answer is overdue, and at most half an interval. Shorter costs processor time,
    /// longer makes sends bunch.
    pub tick: Duration,
    /// Bytes asked of the kernel for each socket.
    pub receive_buffer: usize,
    pub mode: Mode,
    /// Told of every answered scheduled probe, as far as there is room.
    pub trace: Option<SyncSender<Trace>>,
}

impl Default for Options {
    /// 8 MiB: 10 000 answers with their send stamps, six seconds of 1631 links.
    fn default() -> Self {
        Self { tick: Duration::from_millis(100), receive_buffer: 8 << 20, mode: Mode::Auto, trace: None }
    }
}

/// One answered scheduled probe, for comparison with an independent measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// As in the payload: [`wire::Mark::nonce`].
    pub nonce: u64,
    pub rtt_nanos: u64,
    pub stamps: Stamps,
}

/// A running engine.
pub struct Engine {
    commands: Sender<Command>,
    counters: Arc<Counters>,
    thread: JoinHandle<()>,
}

/// What the engine's thread is told; carried out at its next tick.
enum Command {
    Replace(Arc<Plan>),
    Resolved { generation: u32, point: PointIndex, address: Option<IpAddr> },
    ProbeNow { generation: u32, points: Vec<PointIndex> },
    Stop,
}

impl Engine {
    /// Opens the sockets and starts probing. Without the right to, it starts all the same and books every turn as
    /// unmeasured.
    pub fn start(
        plan: Arc<Plan>,
        options: Options,
        clock: Arc<dyn Clock>,
        opener: Box<dyn Opener>,
        blocks: SyncSender<Block>,
    ) -> Self {
        let counters = Arc::new(Counters::default());
        let (commands, orders) = mpsc::channel();
        let shared = counters.clone();
        shared.tick(clock.now().mono, Duration::ZERO, Duration::ZERO);
        let thread = std::thread::Builder::new()
            .name("icmp".into())
            .spawn(move || turn::Worker::new(plan, options, clock, opener, shared, orders, blocks).run())
            .expect("a machine that cannot start a thread cannot probe");
        Self { commands, counters, thread }
    }

    /// A thread that has ended takes no orders; [`Status::last_tick`] shows it.
    fn tell(&self, command: Command) {
        let _ = self.commands.send(command);
    }
}

impl Prober for Engine {
    fn replace(&mut self, plan: Arc<Plan>) {
        self.tell(Command::Replace(plan));
    }

    fn resolved(&mut self, generation: u32, point: PointIndex, address: Option<IpAddr>) {
        self.tell(Command::Resolved { generation, point, address });
    }

    fn probe_now(&mut self, generation: u32, points: &[PointIndex]) {
        self.tell(Command::ProbeNow { generation, points: points.to_vec() });
    }

    fn status(&self) -> Status {
        self.counters.status()
    }

    fn stop(self: Box<Self>) {
        self.tell(Command::Stop);
        if self.thread.join().is_err() {
            tracing::error!("the ICMP engine's thread had panicked");
        }
    }
}
