//! What `linkpatrol ledger` says.

use std::fmt;

#[derive(Clone, Debug, PartialEq)]
pub enum LedgerMessage {
    NoAccounts,
    Row(Box<LedgerRow>),
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
}

impl LedgerMessage {
    pub(super) fn en(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::NoAccounts => write!(out, "nothing is stored of this link and month"),
            Self::Row(row) => {
                let LedgerRow { link, month, states, bounds: [low, high], availability, tiers, missing, budget } =
                    &**row;
                let names = ["up", "degraded", "down", "unknown", "maintenance", "suspended"];
                write!(out, "{link} {month}:")?;
                names.iter().zip(states).try_for_each(|(name, time)| write!(out, " {name} {time}"))?;
                write!(out, "\n  availability {low} to {high}: {availability}")?;
                if let Some(minutes) = missing {
                    write!(out, ", {minutes} minutes of unknown time are missing")?;
                }
                write!(out, "; error budget left {budget}; tiers: {tiers}")
            }
        }
    }

    pub(super) fn zh_cn(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::NoAccounts => write!(out, "没有该链路该月的记录"),
            Self::Row(row) => {
                let LedgerRow { link, month, states, bounds: [low, high], availability, tiers, missing, budget } =
                    &**row;
                let names = ["正常", "劣化", "中断", "未知", "维护", "停用"];
                write!(out, "{link} {month}：")?;
                names.iter().zip(states).try_for_each(|(name, time)| write!(out, " {name} {time}"))?;
                write!(out, "\n  可用率 {low} 至 {high}：{}", verdict(availability))?;
                if let Some(minutes) = missing {
                    write!(out, "，缺 {minutes} 分钟的已知时间")?;
                }
                write!(out, "；剩余允许中断 {budget}；时限：{}", verdict(tiers))
            }
        }
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
