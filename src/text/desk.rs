//! What is said of problems and changes.

use std::fmt;

/// What all of them have in a line.
#[derive(Clone, Debug, PartialEq)]
pub struct DeskLine {
    pub id: String,
    pub phase: String,
    /// The scope of a problem; what a change is.
    pub about: String,
    /// Systems and numbers.
    pub tickets: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum DeskMessage {
    NoProblems,
    Problem {
        line: Box<DeskLine>,
        faults: usize,
    },
    NoChanges,
    Change {
        line: Box<DeskLine>,
        requester: String,
        /// Who agreed, or did not.
        decided: Option<String>,
    },
    Changed {
        change: String,
        window: Option<String>,
    },
    NoBreaches,
    Breach {
        line: Box<DeskLine>,
        quality: bool,
        /// Links.
        breached: u64,
    },
    BreachWritten {
        breach: String,
        number: Option<String>,
        seal: Option<String>,
    },
    /// First sentence of a sealed notice.
    BreachSummary {
        simulated: bool,
        quality: bool,
        number: String,
        carrier: String,
        period: String,
        breached: u32,
    },
    /// The journal's entry that holds it.
    SealHolds {
        seal: String,
        entry: u64,
    },
    SealBroken {
        seal: String,
    },
    /// First sentence of what a system that keeps tickets is told.
    ProblemSummary {
        simulated: bool,
        scope: String,
        phase: String,
        faults: usize,
    },
    ChangeSummary {
        simulated: bool,
        what: String,
        phase: String,
    },
}

impl DeskMessage {
    pub(super) fn en(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let mark = |simulated: bool| if simulated { "[simulated] " } else { "" };
        match self {
            Self::NoProblems => write!(out, "no problem is open"),
            Self::Problem { line, faults } => {
                let DeskLine { id, phase, about, tickets } = &**line;
                write!(out, "{id} {phase} {about}: failed {faults} times")?;
                if tickets.is_empty() { Ok(()) } else { write!(out, " [{tickets}]") }
            }
            Self::NoChanges => write!(out, "no change is under way"),
            Self::Change { line, requester, decided } => {
                let DeskLine { id, phase, about, tickets } = &**line;
                write!(out, "{id} {phase} {about}: asked for by {requester}")?;
                if let Some(decided) = decided {
                    write!(out, ", decided by {decided}")?;
                }
                if tickets.is_empty() { Ok(()) } else { write!(out, " [{tickets}]") }
            }
            Self::Changed { change, window } => {
                write!(out, "change {change}")?;
                window.as_ref().map_or(Ok(()), |window| write!(out, ", planned work {window}"))
            }
            Self::NoBreaches => write!(out, "no notice waits"),
            Self::Breach { line, quality, breached } => {
                let DeskLine { id, phase, about, tickets } = &**line;
                let kind = if *quality { "quality notice" } else { "notice of breach" };
                write!(out, "{id} {phase} {kind}: {about}, {breached} links")?;
                if tickets.is_empty() { Ok(()) } else { write!(out, " [{tickets}]") }
            }
            Self::BreachWritten { breach, number, seal } => {
                write!(out, "notice {breach}")?;
                if let Some(number) = number {
                    write!(out, ", {number}")?;
                }
                seal.as_ref().map_or(Ok(()), |seal| write!(out, ", SHA-256 {seal}"))
            }
            Self::BreachSummary { simulated, quality, number, carrier, period, breached } => {
                let kind = if *quality { "quality notice" } else { "notice of breach" };
                write!(out, "{}{kind} {number}: {carrier} {period}, {breached} links", mark(*simulated))
            }
            Self::SealHolds { seal, entry } => write!(out, "sealed: entry {entry} of the journal holds SHA-256 {seal}"),
            Self::SealBroken { seal } => {
                write!(out, "NOT what was sealed: no entry of the journal holds SHA-256 {seal}")
            }
            Self::ProblemSummary { simulated, scope, phase, faults } => {
                write!(out, "{}problem {phase}: {scope} failed {faults} times", mark(*simulated))
            }
            Self::ChangeSummary { simulated, what, phase } => {
                write!(out, "{}change {phase}: {what}", mark(*simulated))
            }
        }
    }

    pub(super) fn zh_cn(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let mark = |simulated: bool| if simulated { "【模拟】" } else { "" };
        match self {
            Self::NoProblems => write!(out, "没有未结的问题"),
            Self::Problem { line, faults } => {
                let DeskLine { id, phase, about, tickets } = &**line;
                write!(out, "{id} {} {about}：重复故障 {faults} 次", phase_zh(phase))?;
                if tickets.is_empty() { Ok(()) } else { write!(out, "〔{tickets}〕") }
            }
            Self::NoChanges => write!(out, "没有进行中的变更"),
            Self::Change { line, requester, decided } => {
                let DeskLine { id, phase, about, tickets } = &**line;
                write!(out, "{id} {} {about}：申请人 {requester}", phase_zh(phase))?;
                if let Some(decided) = decided {
                    write!(out, "，审批人 {decided}")?;
                }
                if tickets.is_empty() { Ok(()) } else { write!(out, "〔{tickets}〕") }
            }
            Self::Changed { change, window } => {
                write!(out, "变更 {change}")?;
                window.as_ref().map_or(Ok(()), |window| write!(out, "，计划作业 {window}"))
            }
            Self::NoBreaches => write!(out, "没有待办的通知书"),
            Self::Breach { line, quality, breached } => {
                let DeskLine { id, phase, about, tickets } = &**line;
                let kind = if *quality { "质量通报" } else { "违约通知书" };
                write!(out, "{id} {} {kind}：{about}，{breached} 条电路", phase_zh(phase))?;
                if tickets.is_empty() { Ok(()) } else { write!(out, "〔{tickets}〕") }
            }
            Self::BreachWritten { breach, number, seal } => {
                write!(out, "通知书 {breach}")?;
                if let Some(number) = number {
                    write!(out, "，文号 {number}")?;
                }
                seal.as_ref().map_or(Ok(()), |seal| write!(out, "，SHA-256 {seal}"))
            }
            Self::BreachSummary { simulated, quality, number, carrier, period, breached } => {
                let kind = if *quality { "质量通报" } else { "违约通知书" };
                write!(out, "{}{kind} {number}：{carrier} {period}，{breached} 条电路", mark(*simulated))
            }
            Self::SealHolds { seal, entry } => write!(out, "封存有效：日志第 {entry} 条记有 SHA-256 {seal}"),
            Self::SealBroken { seal } => write!(out, "与封存内容不符：日志中没有 SHA-256 {seal}"),
            Self::ProblemSummary { simulated, scope, phase, faults } => {
                write!(out, "{}问题（{}）：{scope} 重复故障 {faults} 次", mark(*simulated), phase_zh(phase))
            }
            Self::ChangeSummary { simulated, what, phase } => {
                write!(out, "{}变更（{}）：{what}", mark(*simulated), phase_zh(phase))
            }
        }
    }
}

fn phase_zh(phase: &str) -> &str {
    match phase {
        "watched" => "观察",
        "open" => "未结",
        "known_error" => "已知错误",
        "closed" => "已关闭",
        "requested" => "待审批",
        "approved" => "已批准",
        "rejected" => "未批准",
        "withdrawn" => "已撤回",
        "done" => "已完成",
        "failed" => "失败回退",
        "draft" => "草稿",
        "reviewed" => "已复核",
        "sent" => "已发出",
        other => other,
    }
}
