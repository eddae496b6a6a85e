//! The last word of a demo: `--summary json`.

use std::{collections::BTreeMap, fs, time::Duration};

use serde::Serialize;

use super::{
    score::{Score, Spread},
    service_score::ServiceScore,
    tap::Errors,
};
use crate::{
    snapshot::Snapshot,
    text::{Message, ServiceText, SiteText},
};

#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Where it ran: nothing of this is real.
    pub notice: &'static str,
    /// `raw`, `ping`, or `simulated` where a right is missing.
    pub mode: String,
    pub seed: u64,
    pub links: usize,
    /// Links that have been measured at least once.
    pub measured: u32,
    #[serde(flatten)]
    pub score: Score,
    #[serde(flatten)]
    pub service_score: ServiceScore,
    pub rtt_error_seconds: RttError,
    pub probes: Probes,
    pub cpu_seconds: Cpu,
    pub rss_bytes: u64,
    /// Where truth and verdicts lie.
    pub data_dir: String,
}

impl Summary {
    /// Nothing was missed and nobody was accused.
    pub fn matches(&self) -> bool {
        self.score.matches() && self.service_score.matches()
    }

    /// Of the sites, in one line for people; `None` without any.
    pub fn of_sites(&self) -> Option<Message> {
        let ServiceScore { services, service_faults: faults, missed_service_faults: missed, .. } = self.service_score;
        let text = SiteText::Score { faults, missed, wrong: self.service_score.false_service_faults };
        (services > 0).then_some(Message::Service(ServiceText::Site(text)))
    }

    /// In one line for people.
    pub fn message(&self) -> Message {
        let Score { cuts, missed_cuts, false_alarms, detection_seconds: Spread { p50, max } } = self.score;
        let detection = p50.zip(max).map(|(p50, max)| (Duration::from_secs_f64(p50), Duration::from_secs_f64(max)));
        Message::DemoScore { cuts, missed: missed_cuts, false_alarms, detection }
    }
}

/// Distance from the tap's RTT; `null` without packets.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RttError {
    p50: Option<f64>,
    p99: Option<f64>,
    /// Probes compared.
    compared: u64,
}

impl RttError {
    pub fn of(mut errors: Errors) -> Self {
        Self { p50: errors.quantile(0.5), p99: errors.quantile(0.99), compared: errors.matched }
    }
}

/// Scheduled probes of all points of all links. `sent` are those answered or lost.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Probes {
    sent: u64,
    answered: u64,
    lost: u64,
    unmeasured: u64,
    late: u64,
    duplicate: u64,
    confirm: u64,
}

impl Probes {
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut all = Self::default();
        for point in snapshot.links().flat_map(|link| &link.points) {
            all.sent += point.counts.answered + point.counts.lost;
            all.answered += point.counts.answered;
            all.lost += point.counts.lost;
            all.unmeasured += point.counts.unmeasured;
            all.late += u64::from(point.late);
            all.duplicate += u64::from(point.duplicates);
            all.confirm += u64::from(point.confirms);
        }
        all
    }
}

/// Processor seconds by kind of thread.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Cpu {
    engine: f64,
    #[serde(rename = "loop")]
    main: f64,
    http: f64,
    city: f64,
    /// Visits of the sites, and the sites themselves.
    visits: f64,
    sites: f64,
}

impl Cpu {
    /// Of the threads that live now, by their names; zero where the kernel does not say.
    pub fn now() -> Self {
        let threads = threads();
        let of = |names: &[&str]| names.iter().filter_map(|name| threads.get(*name)).sum();
        Self {
            engine: of(&["icmp", "simulated"]),
            main: of(&["loop"]),
            http: of(&["io"]),
            city: of(&["city"]),
            visits: of(&["visits"]),
            sites: of(&["sites"]),
        }
    }
}

/// User and system time by name of thread.
fn threads() -> BTreeMap<String, f64> {
    let mut threads = BTreeMap::new();
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    for stat in tasks.filter_map(|task| fs::read_to_string(task.path().join("stat")).ok()) {
        // `pid (name) state …`: utime and stime are fields 14 and 15, the eleventh and twelfth after the state.
        let Some((head, rest)) = stat.rsplit_once(") ") else { continue };
        let name = head.split_once('(').map_or("", |(_, name)| name);
        let ticks: u64 = rest.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        *threads.entry(name.to_owned()).or_default() += ticks as f64 / ticks_per_second();
    }
    threads
}

fn ticks_per_second() -> f64 {
    // SAFETY: sysconf reads a constant of the system.
    unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1) as f64
}

/// Resident memory of this process now; zero where the kernel does not say.
pub fn rss_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
