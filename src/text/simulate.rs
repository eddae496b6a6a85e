//! What `linkpatrol simulate` says.

use std::fmt;

/// One thing to say about a simulation.
#[derive(Clone, Debug, PartialEq)]
pub enum SimulateMessage {
    Result {
        days: u32,
        links: usize,
        probes: u64,
        samples: u64,
        runs: u64,
        events: u64,
        incidents: u64,
        notices: u64,
        injected: u64,
        found: u64,
        masked: u64,
        violations: u64,
        seconds: f64,
    },
    NoServices {
        services: u32,
    },
    WrongStorm,
    Repeat {
        command: String,
    },
}

impl SimulateMessage {
    pub(super) fn en(&self, out: &mut impl fmt::Write) -> fmt::Result {
        use SimulateMessage::*;
        match self {
            Result {
                days,
                links,
                probes,
                samples,
                runs,
                events,
                incidents,
                notices,
                injected,
                found,
                masked,
                violations,
                seconds,
            } => write!(
                out,
                "{days} days of {links} links in {seconds:.1} s: {probes} probes as {runs} quiet runs and {samples} \
                 single samples\n{events} events, {incidents} incidents, {notices} notices\n\
                 {injected} outages of single links: {found} found, {masked} that nobody could have seen\n\
                 {violations} violations"
            ),
            NoServices { services } => {
                write!(out, "--services {services}: this version watches no services, so nothing is simulated for them")
            }
            WrongStorm => write!(out, "--storm: write a number from 0 to 1000"),
            Repeat { command } => write!(out, "play it again with: {command}"),
        }
    }

    pub(super) fn zh_cn(&self, out: &mut impl fmt::Write) -> fmt::Result {
        use SimulateMessage::*;
        match self {
            Result {
                days,
                links,
                probes,
                samples,
                runs,
                events,
                incidents,
                notices,
                injected,
                found,
                masked,
                violations,
                seconds,
            } => write!(
                out,
                "{links} 条链路 {days} 天，用时 {seconds:.1} 秒：{probes} 次探测，其中平稳段 {runs} 个、逐个样本 {samples} 个\n\
                 {events} 项变故，{incidents} 个事件，{notices} 条通知\n\
                 单链路中断 {injected} 次：发现 {found} 次，{masked} 次无从察觉\n违例 {violations} 项"
            ),
            NoServices { services } => {
                write!(out, "--services {services}：本版本尚不监测服务，未对其进行任何模拟")
            }
            WrongStorm => write!(out, "--storm：请填写 0 至 1000 之间的数"),
            Repeat { command } => write!(out, "重现命令：{command}"),
        }
    }
}
