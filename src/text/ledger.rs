//! What `linkpatrol ledger` says.

use std::fmt;

#[derive(Clone, Debug, PartialEq)]
pub enum LedgerMessage {
    NoAccounts,
    /// A span that is none, or too long for its step.
    BadSpan {
        days: i64,
    },
    NoSuchStep,
    Unreadable {
        row: String,
    },
    History(Box<HistoryLine>),
    Row(Box<LedgerRow>),
}

/// One point in one step.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryLine {
    pub from: String,
    pub role: &'static str,
    /// While up: answered and lost. While down: lost.
    pub answered: u64,
    pub lost: u64,
    pub lost_down: u64,
    pub unmeasured: u64,
    /// Up, degraded, down, unknown.
    pub states: [String; 4],
    pub rtt: Option<String>,
}

/// One link's month.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerRow {
    pub link: String,
    pub month: String,
    /// Up, degraded, down, unknown, maintenance, suspended.
    pub states: [String; 6],
    /// Every unknown moment was down, and was up.
    pub bounds: [String; 2],
    /// Verdict on the availability, and on the tiers of its incidents.
    pub availability: String,
    pub tiers: String,
    /// Minutes.
    pub missing: Option<String>,
    pub budget: String,
    /// Outages; `None`: too many to tell apart.
    pub failures: Option<u32>,
    /// MTBF and MTTR.
    pub means: [Option<String>; 2],
}

impl LedgerMessage {
    pub(super) fn en(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::NoAccounts => write!(out, "nothing is stored of this link and month"),
            Self::BadSpan { days } => write!(out, "the span must not be empty, and at this step at most {days} days"),
            Self::NoSuchStep => write!(out, "a step is 5m, 1h or 1d"),
            Self::Unreadable { row } => write!(out, "cannot be read by this version: {row}"),
            Self::History(line) => line.say(
                out,
                ["answered", "lost", "lost in down-time", "unmeasured", "median"],
                ["up", "degraded", "down", "unknown"],
            ),
            Self::Row(row) => {
                let LedgerRow {
                    link, month, states, bounds: [low, high], availability, tiers, missing, budget, ..
                } = &**row;
                let names = ["up", "degraded", "down", "unknown", "maintenance", "suspended"];
                write!(out, "{link} {month}:")?;
                names.iter().zip(states).try_for_each(|(name, time)| write!(out, " {name} {time}"))?;
                write!(out, "\n  availability {low} to {high}: {availability}")?;
                if let Some(minutes) = missing {
                    write!(out, ", {minutes} minutes of unknown time are missing")?;
                }
                write!(out, "; error budget left {budget}; tiers: {tiers}")?;
                row.say_reliability(out, ["; failures", "MTBF", "MTTR"])
            }
        }
    }

    pub(super) fn zh_cn(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::NoAccounts => write!(out, "没有该链路该月的记录"),
            Self::BadSpan { days } => write!(out, "时间段不能为空，此步长最多 {days} 天"),
            Self::NoSuchStep => write!(out, "步长为 5m、1h 或 1d"),
            Self::Unreadable { row } => write!(out, "本版本无法读取：{row}"),
            Self::History(line) => {
                line.say(out, ["应答", "丢失", "中断期间丢失", "未测", "中位数"], ["正常", "劣化", "中断", "未知"])
            }
            Self::Row(row) => {
                let LedgerRow {
                    link, month, states, bounds: [low, high], availability, tiers, missing, budget, ..
                } = &**row;
                let names = ["正常", "劣化", "中断", "未知", "维护", "停用"];
                write!(out, "{link} {month}：")?;
                names.iter().zip(states).try_for_each(|(name, time)| write!(out, " {name} {time}"))?;
                write!(out, "\n  可用率 {low} 至 {high}：{}", verdict(availability))?;
                if let Some(minutes) = missing {
                    write!(out, "，缺 {minutes} 分钟的已知时间")?;
                }
                write!(out, "；剩余允许中断 {budget}；时限：{}", verdict(tiers))?;
                row.say_reliability(out, ["；故障次数", "平均无故障时间", "平均修复时间"])
            }
        }
    }
}

impl LedgerRow {
    fn say_reliability(&self, out: &mut impl fmt::Write, [count, mtbf, mttr]: [&str; 3]) -> fmt::Result {
        let Some(failures) = self.failures else { return Ok(()) };
        write!(out, "{count} {failures}")?;
        [mtbf, mttr]
            .iter()
            .zip(&self.means)
            .try_for_each(|(name, mean)| mean.as_ref().map_or(Ok(()), |mean| write!(out, ", {name} {mean}")))
    }
}

impl HistoryLine {
    fn say(&self, out: &mut impl fmt::Write, counts: [&str; 5], states: [&str; 4]) -> fmt::Result {
        let Self { from, role, answered, lost, lost_down, unmeasured, states: times, rtt } = self;
        write!(out, "{from} {role}:")?;
        let [counts @ .., median] = counts;
        for (name, count) in counts.iter().zip([answered, lost, lost_down, unmeasured]) {
            write!(out, " {name} {count}")?;
        }
        write!(out, ";")?;
        states.iter().zip(times).try_for_each(|(name, time)| write!(out, " {name} {time}"))?;
        rtt.as_ref().map_or(Ok(()), |rtt| write!(out, "; {median} {rtt}"))
    }
}

fn verdict(word: &str) -> &str {
    match word {
        "met" => "达标",
        "breached" => "未达标",
        "pending" => "未定",
        "not_provable" => "无法证明",
        other => other,
    }
}
