//! What `linkpatrol simulate` says.

use std::fmt;

/// One thing to say about a simulation.
#[derive(Clone, Debug, PartialEq)]
pub enum SimulateMessage {
    Result {
        days: u32,
        links: usize,
        services: usize,
        probes: u64,
        samples: u64,
        runs: u64,
        visits: u64,
        events: u64,
        incidents: u64,
        notices: u64,
        injected: u64,
        found: u64,
        masked: u64,
        violations: u64,
        seconds: f64,
    },
    /// The inventory has only so many that are visited.
    FewerServices {
        asked: usize,
        services: usize,
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
                services,
                probes,
                samples,
                runs,
                visits,
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
                "{days} days of {links} links and {services} services in {seconds:.1} s: {probes} probes as {runs} quiet \
                 runs and {samples} single samples, {visits} visits\n{events} events, {incidents} incidents, {notices} \
                 notices\n{injected} outages of single links and services: {found} found, {masked} that nobody could have seen\n\
                 {violations} violations"
            ),
            FewerServices { asked, services } => {
                write!(
                    out,
                    "--services {asked}: the inventory has {services} that are visited, and those are simulated"
                )
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
                services,
                probes,
                samples,
                runs,
                visits,
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
                "{links} 条链路、{services} 个服务 {days} 天，用时 {seconds:.1} 秒：{probes} 次探测，其中平稳段 {runs} 个、\
                 逐个样本 {samples} 个；{visits} 次访问\n\
                 {events} 项变故，{incidents} 个事件，{notices} 条通知\n\
                 单链路与单服务中断 {injected} 次：发现 {found} 次，{masked} 次无从察觉\n违例 {violations} 项"
            ),
            FewerServices { asked, services } => {
                write!(out, "--services {asked}：清单中受访问的服务仅 {services} 个，已全部模拟")
            }
            WrongStorm => write!(out, "--storm：请填写 0 至 1000 之间的数"),
            Repeat { command } => write!(out, "重现命令：{command}"),
        }
    }
}
