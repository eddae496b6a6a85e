//! What the page says that carriers open from a signed link, on a phone, at three in the morning.

use std::fmt;

use crate::text::Language;

#[derive(Clone, Debug, PartialEq)]
pub enum PhoneText {
    Title,
    /// Titles of what can be sent.
    Acknowledge,
    Update,
    Dispute,
    ClaimRestored,
    Withdraw,
    /// Labels.
    Incident,
    Began,
    Circuits,
    Person,
    WorkOrder,
    Eta,
    Cause,
    /// Why it is not theirs.
    DisputeReason,
    WithdrawReason,
    NoEta,
    Within {
        minutes: u32,
    },
    Record,
    Bulletin,
    CopyHint,
    Required,
    /// Which circuits an answer is about.
    TickHint {
        circuits: usize,
    },
    MoreCircuits {
        more: usize,
    },
    OtherCircuits {
        others: usize,
    },
    DisputeHint,
    ClaimHint,
    ResponseClock {
        deadline: String,
        overdue: bool,
    },
    ResponseStopped {
        at: String,
    },
    AcknowledgedBy {
        actor: String,
        at: String,
        work_order: String,
    },
    PromisedBy {
        eta: String,
        due: bool,
    },
    /// What became of a claim that it is over.
    Testing,
    Tested {
        at: String,
        up: usize,
        circuits: usize,
    },
    Phase {
        phase: &'static str,
    },
    /// What became of what was sent, by its code.
    Said(&'static str),
    /// The link opens nothing.
    Expired,
    Forged,
    Gone,
    /// For a group chat.
    BulletinText(Box<Bulletin>),
}

/// Facts of a bulletin, as text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bulletin {
    pub simulated: bool,
    pub contract: String,
    pub incident: String,
    pub began: String,
    pub circuits: Vec<String>,
    pub more: usize,
    pub down: usize,
    pub up: usize,
    pub person: String,
    pub work_order: String,
    pub eta: String,
    pub now: String,
}

impl PhoneText {
    pub(super) fn write(&self, language: Language, out: &mut impl fmt::Write) -> fmt::Result {
        match language {
            Language::ZhCn => self.zh_cn(out),
            Language::En => self.en(out),
        }
    }

    fn zh_cn(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Title => write!(out, "故障回执"),
            Self::Acknowledge => write!(out, "接单"),
            Self::Update => write!(out, "更新进展"),
            Self::Dispute => write!(out, "非我方原因"),
            Self::ClaimRestored => write!(out, "已修复，请复测"),
            Self::Withdraw => write!(out, "撤回接单"),
            Self::Incident => write!(out, "事件"),
            Self::Began => write!(out, "开始"),
            Self::Circuits => write!(out, "贵方电路"),
            Self::Person => write!(out, "处理人（必填）"),
            Self::WorkOrder => write!(out, "工单号"),
            Self::Eta => write!(out, "预计恢复"),
            Self::Cause => write!(out, "原因"),
            Self::DisputeReason => write!(out, "理由（必填）"),
            Self::WithdrawReason => write!(out, "撤回理由（必填）"),
            Self::NoEta => write!(out, "暂不确定"),
            Self::Within { minutes } if minutes % 60 == 0 => write!(out, "{} 小时内", minutes / 60),
            Self::Within { minutes } => write!(out, "{minutes} 分钟内"),
            Self::Record => write!(out, "贵方记录"),
            Self::Bulletin => write!(out, "复制通报文本"),
            Self::CopyHint => write!(out, "长按下框，全选并复制，可粘贴到群聊"),
            Self::Required => write!(out, "必填"),
            Self::TickHint { circuits } => write!(out, "不勾选电路即对全部 {circuits} 条生效"),
            Self::MoreCircuits { more } => write!(out, "另有贵方电路 {more} 条未列出"),
            Self::OtherCircuits { others } => write!(out, "本事件另有他方电路 {others} 条"),
            Self::DisputeHint => write!(out, "不停表；值班员会核实并联系您"),
            Self::ClaimHint => write!(out, "立即复测，30 秒内在本页给出结果；不停表"),
            Self::ResponseClock { deadline, overdue: false } => write!(out, "响应时限 {deadline}，计时中"),
            Self::ResponseClock { deadline, overdue: true } => write!(out, "响应时限 {deadline}，已超时"),
            Self::ResponseStopped { at } => write!(out, "响应计时已于 {at} 停止"),
            Self::AcknowledgedBy { actor, at, work_order } if work_order.is_empty() => {
                write!(out, "{actor} 已于 {at} 接单")
            }
            Self::AcknowledgedBy { actor, at, work_order } => write!(out, "{actor} 已于 {at} 接单，工单 {work_order}"),
            Self::PromisedBy { eta, due: false } => write!(out, "承诺 {eta} 前恢复"),
            Self::PromisedBy { eta, due: true } => write!(out, "承诺 {eta} 前恢复，已过"),
            Self::Testing => write!(out, "正在复测，结果 30 秒内显示……"),
            Self::Tested { at, up, circuits } => write!(out, "{at} 复测：{circuits} 条中 {up} 条已恢复"),
            Self::Phase { phase } => out.write_str(match *phase {
                "open" => "中断中",
                "restored" => "已恢复，观察中",
                _ => "已关闭",
            }),
            Self::Said(code) => out.write_str(said(code).0),
            Self::Expired => write!(out, "此链接已过期，请向值班员索取新链接"),
            Self::Forged => write!(out, "此链接无效，请检查是否复制完整"),
            Self::Gone => write!(out, "该事件已结束，不再接收回执"),
            Self::BulletinText(facts) => facts.zh_cn(out),
        }
    }

    fn en(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Title => write!(out, "Answer to a fault"),
            Self::Acknowledge => write!(out, "Take it on"),
            Self::Update => write!(out, "Progress"),
            Self::Dispute => write!(out, "Not ours"),
            Self::ClaimRestored => write!(out, "Repaired: test again"),
            Self::Withdraw => write!(out, "Take the answer back"),
            Self::Incident => write!(out, "incident"),
            Self::Began => write!(out, "began"),
            Self::Circuits => write!(out, "your circuits"),
            Self::Person => write!(out, "person (required)"),
            Self::WorkOrder => write!(out, "work order"),
            Self::Eta => write!(out, "restored by"),
            Self::Cause => write!(out, "cause"),
            Self::DisputeReason => write!(out, "because (required)"),
            Self::WithdrawReason => write!(out, "why (required)"),
            Self::NoEta => write!(out, "not known yet"),
            Self::Within { minutes } if minutes % 60 == 0 => write!(out, "within {} h", minutes / 60),
            Self::Within { minutes } => write!(out, "within {minutes} min"),
            Self::Record => write!(out, "your record"),
            Self::Bulletin => write!(out, "text to copy"),
            Self::CopyHint => write!(out, "press long, select all and copy"),
            Self::Required => write!(out, "required"),
            Self::TickHint { circuits } => write!(out, "tick none and it holds for all {circuits} circuits"),
            Self::MoreCircuits { more } => write!(out, "and {more} more circuits of yours"),
            Self::OtherCircuits { others } => write!(out, "and {others} circuits of others"),
            Self::DisputeHint => write!(out, "no clock stops; the duty officer looks into it and calls you"),
            Self::ClaimHint => write!(out, "tested at once, with the result on this page within 30 s; no clock stops"),
            Self::ResponseClock { deadline, overdue: false } => write!(out, "response by {deadline}, running"),
            Self::ResponseClock { deadline, overdue: true } => write!(out, "response by {deadline}, overdue"),
            Self::ResponseStopped { at } => write!(out, "the response clock stopped at {at}"),
            Self::AcknowledgedBy { actor, at, work_order } if work_order.is_empty() => {
                write!(out, "taken on by {actor} at {at}")
            }
            Self::AcknowledgedBy { actor, at, work_order } => {
                write!(out, "taken on by {actor} at {at}, work order {work_order}")
            }
            Self::PromisedBy { eta, due: false } => write!(out, "promised by {eta}"),
            Self::PromisedBy { eta, due: true } => write!(out, "promised by {eta}, which has passed"),
            Self::Testing => write!(out, "testing; the result shows within 30 s…"),
            Self::Tested { at, up, circuits } => write!(out, "tested at {at}: {up} of {circuits} are back"),
            Self::Phase { phase } => out.write_str(match *phase {
                "open" => "down",
                "restored" => "restored, watched",
                _ => "closed",
            }),
            Self::Said(code) => out.write_str(said(code).1),
            Self::Expired => write!(out, "this link has expired: ask the duty officer for a new one"),
            Self::Forged => write!(out, "this link is not valid: was it copied whole?"),
            Self::Gone => write!(out, "this incident is over and takes no answers"),
            Self::BulletinText(facts) => facts.en(out),
        }
    }
}

/// What is said of what was sent, in both languages.
fn said(code: &str) -> (&'static str, &'static str) {
    match code {
        "acknowledge" => ("已接单", "taken on"),
        "update" => ("进展已记录", "written down"),
        "dispute" => {
            ("已记录，值班员已收到提醒；计时不停", "written down; the duty officer is told, and clocks run on")
        }
        "claim" => ("已开始复测", "the test has begun"),
        "withdraw" => ("已撤回", "taken back"),
        "no_actor" => ("未提交：请填写处理人", "not sent: a person is needed"),
        "no_reason" => ("未提交：请填写理由", "not sent: a reason is needed"),
        "nothing_reported" => ("未提交：请选择预计恢复时间或填写原因", "not sent: choose a time or say a cause"),
        "already_acknowledged" => ("已有人接单；可更新进展", "somebody has taken it on; progress can be added"),
        "not_acknowledged" => ("尚未接单", "nobody has taken it on"),
        "already_closed" | "no_such_incident" | "no_such_party" => ("事件已结束，未提交", "not sent: it is over"),
        "timeline_full" => ("记录已满，请致电值班员", "the record is full: call the duty officer"),
        "stale_form" => ("页面已过期，请重新填写并提交", "not sent: this form was too old, please send it again"),
        _ => ("未提交，请稍后重试或致电值班员", "not sent: try again, or call the duty officer"),
    }
}

impl Bulletin {
    fn zh_cn(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let mark = if self.simulated { "【模拟】" } else { "" };
        writeln!(out, "{mark}【故障通报】{}", self.contract)?;
        writeln!(out, "事件：{}", self.incident)?;
        writeln!(out, "开始：{}", self.began)?;
        let more = if self.more > 0 { format!(" 等 {} 条", self.circuits.len() + self.more) } else { String::new() };
        writeln!(out, "电路：{}{more}", self.circuits.join("、"))?;
        writeln!(out, "现状：中断 {} 条，恢复 {} 条", self.down, self.up)?;
        for (label, value) in [("处理人", &self.person), ("工单", &self.work_order), ("预计恢复", &self.eta)] {
            if !value.is_empty() {
                writeln!(out, "{label}：{value}")?;
            }
        }
        write!(out, "截至：{}", self.now)
    }

    fn en(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let mark = if self.simulated { "[SIMULATED] " } else { "" };
        writeln!(out, "{mark}[fault] {}", self.contract)?;
        writeln!(out, "incident: {}", self.incident)?;
        writeln!(out, "began: {}", self.began)?;
        let more = if self.more > 0 { format!(" and {} more", self.more) } else { String::new() };
        writeln!(out, "circuits: {}{more}", self.circuits.join(", "))?;
        writeln!(out, "now: {} down, {} back", self.down, self.up)?;
        for (label, value) in [("person", &self.person), ("work order", &self.work_order), ("restored by", &self.eta)] {
            if !value.is_empty() {
                writeln!(out, "{label}: {value}")?;
            }
        }
        write!(out, "as of: {}", self.now)
    }
}
