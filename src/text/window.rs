//! What is said of planned work.

use std::fmt;

/// One window in a line: its times, what it is about, and whether it counts.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowLine {
    pub id: String,
    /// Of the turn that runs or comes next.
    pub from: String,
    pub to: String,
    pub every: Option<String>,
    pub scopes: String,
    pub reason: String,
    pub drill: bool,
    pub phase: String,
    pub standing: String,
    /// Of late notice: when it could begin.
    pub earliest: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum WindowMessage {
    None,
    Line(Box<WindowLine>),
    Written { window: String, standing: String, earliest: Option<String> },
    Overlap { group: String, windows: String, from: String, to: String },
}

impl WindowMessage {
    pub(super) fn en(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::None => write!(out, "no work is planned"),
            Self::Line(line) => {
                write!(out, "{} {} – {}", line.id, line.from, line.to)?;
                if let Some(every) = &line.every {
                    write!(out, " every {every}")?;
                }
                let drill = if line.drill { " (drill)" } else { "" };
                write!(out, " {}{drill} {}: {}; ", line.phase, line.scopes, line.reason)?;
                standing_en(&line.standing, line.earliest.as_deref(), out)
            }
            Self::Written { window, standing, earliest } => {
                write!(out, "{window}: ")?;
                standing_en(standing, earliest.as_deref(), out)
            }
            Self::Overlap { group, windows, from, to } => {
                write!(out, "warning: from {from} to {to} work on every link of redundancy group {group} ({windows})")
            }
        }
    }

    pub(super) fn zh_cn(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::None => write!(out, "没有计划作业"),
            Self::Line(line) => {
                write!(out, "{} {} 至 {}", line.id, line.from, line.to)?;
                if let Some(every) = &line.every {
                    let every = match every.as_str() {
                        "day" => "日",
                        "week" => "周",
                        "month" => "月",
                        other => other,
                    };
                    write!(out, "，每{every}一次")?;
                }
                let phase = match line.phase.as_str() {
                    "planned" => "未开始",
                    "running" => "进行中",
                    "over" => "已结束",
                    other => other,
                };
                let drill = if line.drill { "（演练）" } else { "" };
                write!(out, "，{phase}{drill}，{}：{}；", line.scopes, line.reason)?;
                standing_zh(&line.standing, line.earliest.as_deref(), out)
            }
            Self::Written { window, standing, earliest } => {
                write!(out, "{window}：")?;
                standing_zh(standing, earliest.as_deref(), out)
            }
            Self::Overlap { group, windows, from, to } => {
                write!(out, "注意：{from} 至 {to} 冗余组 {group} 的所有链路都在作业（{windows}）")
            }
        }
    }
}

fn standing_en(standing: &str, earliest: Option<&str>, out: &mut impl fmt::Write) -> fmt::Result {
    match standing {
        "valid" => write!(out, "counts as planned work"),
        "late" => {
            write!(out, "announced too late: stops no clock and excludes nothing")?;
            earliest.map_or(Ok(()), |earliest| write!(out, "; it could begin at {earliest}"))
        }
        "unapproved" => write!(out, "not approved: stops no clock and excludes nothing"),
        "after_start" => write!(out, "written down after it began: stops no clock and excludes nothing"),
        "cancelled" => write!(out, "cancelled"),
        other => write!(out, "{other}"),
    }
}

fn standing_zh(standing: &str, earliest: Option<&str>, out: &mut impl fmt::Write) -> fmt::Result {
    match standing {
        "valid" => write!(out, "按计划作业计"),
        "late" => {
            write!(out, "申报过晚：不停计时，不剔除")?;
            earliest.map_or(Ok(()), |earliest| write!(out, "；最早可于 {earliest} 开始"))
        }
        "unapproved" => write!(out, "未经批准：不停计时，不剔除"),
        "after_start" => write!(out, "开始之后才登记：不停计时，不剔除"),
        "cancelled" => write!(out, "已取消"),
        other => write!(out, "{other}"),
    }
}
