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
    Written {
        window: String,
        standing: String,
        earliest: Option<String>,
    },
    Overlap {
        group: String,
        windows: String,
        from: String,
        to: String,
    },
    NoNotes,
    NoteLine(Box<NoteLine>),
    /// `waits`: code of why a person has to look, and what it is about.
    NoteTaken {
        note: String,
        outcome: String,
        windows: String,
        waits: Option<(String, String)>,
    },
}

/// One note of a carrier in a line.
#[derive(Clone, Debug, PartialEq)]
pub struct NoteLine {
    pub id: String,
    pub received: String,
    /// Its id, else as the note names it.
    pub carrier: String,
    /// Empty, as the next three, when it cannot be read.
    pub maintenance: String,
    pub status: String,
    pub from: String,
    pub to: String,
    pub outcome: String,
    pub windows: String,
    pub waits: Option<(String, String)>,
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
            Self::NoNotes => write!(out, "no note of a carrier waits"),
            Self::NoteLine(line) => {
                let NoteLine { id, received, carrier, maintenance, status, from, to, .. } = &**line;
                write!(out, "{id} {received} {carrier} {maintenance} {status}")?;
                if !from.is_empty() {
                    write!(out, " {from} – {to}")?;
                }
                write!(out, ": ")?;
                note_en(&line.outcome, &line.windows, line.waits.as_ref(), out)
            }
            Self::NoteTaken { note, outcome, windows, waits } => {
                write!(out, "{note}: ")?;
                note_en(outcome, windows, waits.as_ref(), out)
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
            Self::NoNotes => write!(out, "没有待处理的运营商通知"),
            Self::NoteLine(line) => {
                let NoteLine { id, received, carrier, maintenance, status, from, to, .. } = &**line;
                write!(out, "{id} {received} {carrier} {maintenance} {status}")?;
                if !from.is_empty() {
                    write!(out, " {from} 至 {to}")?;
                }
                write!(out, "：")?;
                note_zh(&line.outcome, &line.windows, line.waits.as_ref(), out)
            }
            Self::NoteTaken { note, outcome, windows, waits } => {
                write!(out, "{note}：")?;
                note_zh(outcome, windows, waits.as_ref(), out)
            }
        }
    }
}

fn note_en(outcome: &str, windows: &str, waits: Option<&(String, String)>, out: &mut impl fmt::Write) -> fmt::Result {
    match outcome {
        "planned" => write!(out, "planned work, not approved by it")?,
        "withdrawn" => write!(out, "the planned work is taken back")?,
        "recorded" => write!(out, "written down; nothing is planned")?,
        "inbox" => write!(out, "waits for a person")?,
        "known" => write!(out, "known before, or overtaken by a newer one")?,
        "settled" => write!(out, "settled")?,
        other => write!(out, "{other}")?,
    }
    if !windows.is_empty() {
        write!(out, " ({windows})")?;
    }
    let Some((code, about)) = waits else { return Ok(()) };
    match code.as_str() {
        "unreadable" => write!(out, ": cannot be read: {about}"),
        "unknown_provider" => write!(out, ": no carrier, or more than one, is called {about}"),
        "unknown_circuits" => write!(out, ": the carrier has no circuits {about} in service"),
        "not_planned" => write!(out, ": cannot be planned work: {about}"),
        other => write!(out, ": {other} {about}"),
    }
}

fn note_zh(outcome: &str, windows: &str, waits: Option<&(String, String)>, out: &mut impl fmt::Write) -> fmt::Result {
    match outcome {
        "planned" => write!(out, "已登记为计划作业（通知不等于批准）")?,
        "withdrawn" => write!(out, "计划作业已撤回")?,
        "recorded" => write!(out, "已记录，不产生计划作业")?,
        "inbox" => write!(out, "待人工处理")?,
        "known" => write!(out, "此前已收到，或已有更新的通知")?,
        "settled" => write!(out, "已处理")?,
        other => write!(out, "{other}")?,
    }
    if !windows.is_empty() {
        write!(out, "（{windows}）")?;
    }
    let Some((code, about)) = waits else { return Ok(()) };
    match code.as_str() {
        "unreadable" => write!(out, "：无法读取：{about}"),
        "unknown_provider" => write!(out, "：没有或不止一个运营商名为 {about}"),
        "unknown_circuits" => write!(out, "：该运营商没有在用的电路 {about}"),
        "not_planned" => write!(out, "：无法登记为计划作业：{about}"),
        other => write!(out, "：{other} {about}"),
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
        "guarded" => write!(out, "in a guard period: stops no clock and excludes nothing"),
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
        "guarded" => write!(out, "处于重保期：不停计时，不剔除"),
        "after_start" => write!(out, "开始之后才登记：不停计时，不剔除"),
        "cancelled" => write!(out, "已取消"),
        other => write!(out, "{other}"),
    }
}
