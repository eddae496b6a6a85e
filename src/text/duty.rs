//! What is said of rounds and other duties, in both languages.

use std::fmt::{Formatter, Result};

use super::Language;

#[derive(Clone, Debug, PartialEq)]
pub enum DutyText {
    NoPeriod,
    NoPeriodHelp,
    NeedsCalendar,
    NeedsCalendarHelp,
    BadSeason,
    BadSeasonHelp,
    BadField {
        id: String,
    },
    BadFieldHelp,
    NoRounds,
    OpenIncidents,
    RunningClocks,
    OpenPromises,
    OpenRounds,
    UnsentNotices,
    HandedOver {
        actor: String,
        second: String,
        at: String,
    },
    /// A status as files and JSON write it.
    Status {
        status: String,
    },
    DueAt {
        due: String,
    },
    SignedBy {
        actor: String,
        at: String,
    },
    ByHand {
        fields: Vec<String>,
    },
}

impl DutyText {
    pub(super) fn write(&self, language: Language, out: &mut Formatter<'_>) -> Result {
        match language {
            Language::ZhCn => self.zh_cn(out),
            Language::En => self.en(out),
        }
    }

    fn en(&self, out: &mut Formatter<'_>) -> Result {
        use DutyText::*;
        match self {
            NoPeriod => write!(out, "nothing says what this round is called or how often it is due"),
            NoPeriodHelp => write!(
                out,
                "write `name`, `every` (daily, weekly, monthly, …) and `times` (1 to 48), or a `duty` of contract.yaml \
                 that has a name and a period"
            ),
            NeedsCalendar => write!(out, "days are counted here, and no calendar says which"),
            NeedsCalendarHelp => {
                write!(out, "name a `calendar` of contract.yaml, or write a length of time such as `5d`")
            }
            BadSeason => write!(out, "this is no day of a year"),
            BadSeasonHelp => write!(out, "write month and day in quotation marks: `\"03-15\"`"),
            BadField { id } => write!(out, "`{id}` cannot be a field of this form"),
            BadFieldHelp => write!(out, "give each field its own id of `A-Z a-z 0-9 . _ -`, at most 64 of them"),
            NoRounds => write!(out, "no rounds"),
            OpenIncidents => write!(out, "incidents that are not closed:"),
            RunningClocks => write!(out, "clocks that run:"),
            OpenPromises => write!(out, "promises that are due:"),
            OpenRounds => write!(out, "rounds due, late or missed within a day:"),
            UnsentNotices => write!(out, "notices that nobody has taken:"),
            HandedOver { actor, second, at } => write!(out, "last handed over by {actor} to {second} at {at}"),
            Status { status } => write!(out, "{status}"),
            DueAt { due } => write!(out, "due {due}"),
            SignedBy { actor, at } => write!(out, "signed by {actor} at {at}"),
            ByHand { fields } => write!(out, "to be supplied by hand: {}", fields.join(", ")),
        }
    }

    fn zh_cn(&self, out: &mut Formatter<'_>) -> Result {
        use DutyText::*;
        match self {
            NoPeriod => write!(out, "这项巡检没有名称，或没有写明周期"),
            NoPeriodHelp => write!(
                out,
                "写出 `name`、`every`（daily、weekly、monthly……）和 `times`（1 至 48），或引用 contract.yaml 中有名称和周期的 `duty`"
            ),
            NeedsCalendar => write!(out, "此处按日计算，却没有指定日历"),
            NeedsCalendarHelp => write!(out, "用 `calendar` 指定 contract.yaml 中的日历，或写时长，如 `5d`"),
            BadSeason => write!(out, "这不是一年中的某一天"),
            BadSeasonHelp => write!(out, "用引号写月和日：`\"03-15\"`"),
            BadField { id } => write!(out, "`{id}` 不能作为记录单的栏目"),
            BadFieldHelp => write!(out, "每个栏目用自己的编号，由 `A-Z a-z 0-9 . _ -` 组成，最多 64 个字符"),
            NoRounds => write!(out, "没有巡检"),
            OpenIncidents => write!(out, "未关闭事件："),
            RunningClocks => write!(out, "计时中的时限："),
            OpenPromises => write!(out, "待兑现的承诺："),
            OpenRounds => write!(out, "待完成、逾期及一日内漏检的巡检："),
            UnsentNotices => write!(out, "未送达的通知："),
            HandedOver { actor, second, at } => write!(out, "上次交接班：{actor} 交 {second} 接，{at}"),
            Status { status } => write!(
                out,
                "{}",
                match status.as_str() {
                    "planned" => "已计划",
                    "due" => "待完成",
                    "late" => "已逾期",
                    "done" => "已完成",
                    "missed" => "漏检",
                    other => other,
                }
            ),
            DueAt { due } => write!(out, "应于 {due} 前完成"),
            SignedBy { actor, at } => write!(out, "{actor} 于 {at} 签字"),
            ByHand { fields } => write!(out, "待人工填写：{}", fields.join("、")),
        }
    }
}
