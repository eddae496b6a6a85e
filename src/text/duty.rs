//! What is said of rounds and other duties, in both languages.

use std::fmt::{Formatter, Result};

use super::Language;
use crate::diagnostic::Place;

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
    OpenWindows,
    DevicesOut,
    NoSpare {
        models: Vec<String>,
        with_spare: usize,
        all: usize,
    },
    NoSpareHelp,
    /// Of a contact.
    BadAddress {
        channel: String,
    },
    BadAddressHelp,
    /// A contact on a channel that this machine does not have.
    NoSuchChannel {
        channel: String,
        contact: String,
    },
    NoSuchLetter {
        name: String,
    },
    BadLetter {
        cause: String,
    },
    BadLetterHelp,
    NoDevices,
    SpareCoverage {
        with_spare: usize,
        all: usize,
        without: Vec<String>,
    },
    SpareLeft {
        left: u64,
        place: String,
    },
    DeviceStatus {
        status: String,
    },
    MutedIncidents,
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
    DaysReversed,
    DaysReversedHelp,
    BadHours {
        hours: String,
    },
    BadHoursHelp,
    BadTurn,
    BadTurnHelp,
    NoTurns,
    NoTurnsHelp,
    NotOfRole {
        person: String,
        role: String,
    },
    NotOfRoleHelp {
        role: String,
    },
    OverridesOverlap {
        shift: String,
        first: Place,
    },
    OverridesOverlapHelp,
    NobodyOnDuty {
        role: String,
        from: String,
        to: String,
        others: usize,
    },
    NobodyOnDutyHelp,
    NoRoster,
    OnDuty,
    Nobody,
    Until {
        next: String,
    },
    BadTime,
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
            DevicesOut => write!(out, "devices that failed and are not swapped:"),
            NoSpare { models, with_spare, all } => {
                write!(out, "no spare for {}: {with_spare} of {all} models in use have one", models.join(", "))
            }
            NoSpareHelp => {
                write!(out, "write under `spares` where one lies, with `count` and the day it was `counted`")
            }
            BadAddress { channel } => write!(out, "the address for `{channel}` is empty or has a line break"),
            BadAddressHelp => write!(out, "write a mail address, a telephone number or what a robot's group is called"),
            NoSuchChannel { channel, contact } => {
                write!(out, "`{contact}` has an address for `{channel}`, which linkpatrol.yaml does not have")
            }
            NoSuchLetter { name } => write!(out, "no letter is called `{name}`"),
            BadLetter { cause } => write!(out, "this letter cannot be written: {cause}"),
            BadLetterHelp => {
                write!(
                    out,
                    "subject, short text and text with a line `---` between; docs/channels.md lists what a letter may speak of"
                )
            }
            NoDevices => write!(out, "no devices: devices.yaml does not stand beside the contract, or names none"),
            SpareCoverage { with_spare, all, without } => {
                write!(out, "models in use with a spare: {with_spare} of {all}")?;
                if without.is_empty() { Ok(()) } else { write!(out, "; without: {}", without.join(", ")) }
            }
            SpareLeft { left, place } => write!(out, "{left} left at {place}"),
            DeviceStatus { status } => write!(out, "{status}"),
            OpenWindows => write!(out, "planned work that goes on:"),
            MutedIncidents => write!(out, "incidents that people are not told of:"),
            UnsentNotices => write!(out, "notices that nobody has taken:"),
            HandedOver { actor, second, at } => write!(out, "last handed over by {actor} to {second} at {at}"),
            Status { status } => write!(out, "{status}"),
            DueAt { due } => write!(out, "due {due}"),
            SignedBy { actor, at } => write!(out, "signed by {actor} at {at}"),
            ByHand { fields } => write!(out, "to be supplied by hand: {}", fields.join(", ")),
            DaysReversed => write!(out, "the last day lies before the first"),
            DaysReversedHelp => write!(out, "write `to` as the same day or a later one"),
            BadHours { hours } => write!(out, "`{hours}` are no hours of a shift"),
            BadHoursHelp => write!(
                out,
                "write `\"08:00-20:00\"`; `\"20:00-08:00\"` ends on the next day, `\"08:00-08:00\"` is a whole day"
            ),
            BadTurn => write!(out, "a turn cannot have so many days"),
            BadTurnHelp => write!(out, "write 1 to 366: 1 changes daily, 7 weekly"),
            NoTurns => write!(out, "nobody takes this shift"),
            NoTurnsHelp => write!(out, "write a list of people for each turn: `[[p-01], [p-02, p-03]]`"),
            NotOfRole { person, role } => write!(out, "`{person}` does not have the role `{role}` of this shift"),
            NotOfRoleHelp { role } => write!(out, "add `{role}` to the person's `roles`, or name somebody who has it"),
            OverridesOverlap { shift, first } => {
                write!(out, "others stand in for `{shift}` on some of these days already, at {first}")
            }
            OverridesOverlapHelp => write!(out, "give each day of a shift one override at most"),
            NobodyOnDuty { role, from, to, others } => {
                write!(out, "nobody is on duty as `{role}` from {from} to {to}")?;
                if *others > 0 { write!(out, ", and {others} more times within 400 days") } else { Ok(()) }
            }
            NobodyOnDutyHelp => write!(
                out,
                "let shifts meet, name people for the days, or give the role a calendar in `covers` that is true"
            ),
            NoRoster => write!(out, "no roster: roster.yaml does not stand beside the contract"),
            OnDuty => write!(out, "on duty:"),
            Nobody => write!(out, "nobody"),
            Until { next } => write!(out, "until {next}"),
            BadTime => write!(out, "not a time; write it such as 2026-11-20T03:00:00+08:00"),
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
            DevicesOut => write!(out, "已故障待替换的设备："),
            NoSpare { models, with_spare, all } => {
                write!(out, "{} 没有备件：在用型号 {all} 种，有备件的 {with_spare} 种", models.join("、"))
            }
            NoSpareHelp => write!(out, "在 `spares` 中写明存放地点、数量 `count` 和盘点日期 `counted`"),
            BadAddress { channel } => write!(out, "`{channel}` 的地址为空或含有换行"),
            BadAddressHelp => write!(out, "写邮箱、电话号码或群机器人的群名"),
            NoSuchChannel { channel, contact } => {
                write!(out, "`{contact}` 写了 `{channel}` 的地址，而 linkpatrol.yaml 中没有这个渠道")
            }
            NoSuchLetter { name } => write!(out, "没有名为 `{name}` 的通知模板"),
            BadLetter { cause } => write!(out, "该模板无法生成通知：{cause}"),
            BadLetterHelp => {
                write!(out, "依次写主题、短文本、正文，中间以单独一行 `---` 隔开；可用内容见 docs/channels.md")
            }
            NoDevices => write!(out, "没有设备：合同目录中没有 devices.yaml，或其中未列设备"),
            SpareCoverage { with_spare, all, without } => {
                write!(out, "有备件的在用型号：{with_spare}/{all}")?;
                if without.is_empty() { Ok(()) } else { write!(out, "；缺：{}", without.join("、")) }
            }
            SpareLeft { left, place } => write!(out, "余 {left}，存放于 {place}"),
            DeviceStatus { status } => write!(
                out,
                "{}",
                match status.as_str() {
                    "in_use" => "在用",
                    "out" => "故障待替换",
                    "overdue" => "替换超时",
                    other => other,
                }
            ),
            OpenWindows => write!(out, "进行中的计划作业："),
            MutedIncidents => write!(out, "暂不通知的事件："),
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
            DaysReversed => write!(out, "末日早于首日"),
            DaysReversedHelp => write!(out, "`to` 写同一天或更晚的日期"),
            BadHours { hours } => write!(out, "`{hours}` 不是班次的时段"),
            BadHoursHelp => write!(out, "写 `\"08:00-20:00\"`；`\"20:00-08:00\"` 止于次日，`\"08:00-08:00\"` 为一整天"),
            BadTurn => write!(out, "一轮不能有这么多天"),
            BadTurnHelp => write!(out, "写 1 至 366：1 每日轮换，7 每周轮换"),
            NoTurns => write!(out, "这个班次无人值守"),
            NoTurnsHelp => write!(out, "为每一轮写出人员：`[[p-01], [p-02, p-03]]`"),
            NotOfRole { person, role } => write!(out, "`{person}` 不具有该班次的岗位 `{role}`"),
            NotOfRoleHelp { role } => write!(out, "在该人员的 `roles` 中加上 `{role}`，或改用具有该岗位的人员"),
            OverridesOverlap { shift, first } => write!(out, "班次 `{shift}` 在其中某些日期已有替班，见 {first}"),
            OverridesOverlapHelp => write!(out, "一个班次的一天最多一条替班"),
            NobodyOnDuty { role, from, to, others } => {
                write!(out, "岗位 `{role}` 自 {from} 至 {to} 无人值班")?;
                if *others > 0 { write!(out, "，400 天内另有 {others} 处") } else { Ok(()) }
            }
            NobodyOnDutyHelp => write!(out, "让班次首尾相接，为这些日期安排人员，或在 `covers` 中写符合实际的日历"),
            NoRoster => write!(out, "没有排班表：合同目录中没有 roster.yaml"),
            OnDuty => write!(out, "值班人员："),
            Nobody => write!(out, "无人"),
            Until { next } => write!(out, "至 {next}"),
            BadTime => write!(out, "不是时间；请写成 2026-11-20T03:00:00+08:00 的形式"),
        }
    }
}
