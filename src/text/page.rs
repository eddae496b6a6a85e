//! What the wall and the pages beside it say.

/// Each word once, with Chinese and English beside it.
macro_rules! words {
    ($words:ident; $($name:ident: $zh_cn:literal, $en:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $words {
            $($name,)*
        }

        impl $words {
            /// Chinese and English.
            pub(in crate::text) fn both(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$name => ($zh_cn, $en),)*
                }
            }
        }
    };
}

mod door;
mod notices;
mod phone;
mod sheet;
mod timeline;

use std::fmt;

pub use self::{
    door::DoorText,
    notices::NoticesText,
    phone::{Bulletin, PhoneText},
    sheet::SheetText,
    timeline::TimelineText,
};

use super::{Language, Message};

#[derive(Clone, Debug, PartialEq)]
pub enum PageText {
    Wall,
    Desk,
    /// For those who are shown around.
    Visitors,
    LatestEvents,
    NoEvents,
    WorstBudget,
    NoneSpent,
    Expiring,
    NothingExpires,
    VetoForecast,
    VetoReached,
    Certificate,
    Domain,
    Days,
    DataAge,
    Vantage,
    SeesWitnesses,
    Isolated,
    NoWitness,
    /// The wall has heard nothing of the daemon for so long; the page puts the seconds in.
    NoNews,
    Connecting,
    SoundBlocked,
    SoundReady,
    Mute,
    Muted,
    NeedsScript,
    Unacknowledged,
    /// In files of their own.
    Door(DoorText),
    Phone(PhoneText),
    Sheet(SheetText),
    Notices(NoticesText),
    /// A kind of scope, where its name is not for everyone.
    Scope(String),
    /// An event of a timeline, by its name in the journal.
    Event(String),
    Timeline(TimelineText),
}

impl From<SheetText> for Message {
    fn from(text: SheetText) -> Self {
        Self::Page(PageText::Sheet(text))
    }
}

impl From<NoticesText> for Message {
    fn from(text: NoticesText) -> Self {
        Self::Page(PageText::Notices(text))
    }
}

impl PageText {
    pub(super) fn write(&self, language: Language, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Phone(text) => return text.write(language, out),
            Self::Timeline(text) => return text.write(language, out),
            _ => {}
        }
        let (zh_cn, en) = self.both();
        out.write_str(match language {
            Language::ZhCn => zh_cn,
            Language::En => en,
        })
    }

    fn both(&self) -> (&str, &str) {
        match self {
            Self::Wall => ("大屏", "wall"),
            Self::Desk => ("值班台", "desk"),
            Self::Visitors => ("参观模式：不显示单位与地址", "visitors: units and addresses are not shown"),
            Self::LatestEvents => ("最近动态", "latest events"),
            Self::NoEvents => ("暂无动态", "nothing has happened"),
            Self::WorstBudget => ("考核期中断余量最少", "least down-time left in the period"),
            Self::NoneSpent => ("考核期内没有链路中断过", "no link was down in the period"),
            Self::Expiring => ("即将到期", "what ends first"),
            Self::NothingExpires => ("尚未见到证书", "no certificate has been seen"),
            Self::VetoForecast => {
                ("网站打不开：距一票否决还可失败次数", "sites that do not open: failures left before the veto")
            }
            Self::VetoReached => ("已达否决线", "veto reached"),
            Self::Certificate => ("证书", "certificate"),
            Self::Domain => ("域名", "domain"),
            Self::Days => ("天", "days"),
            Self::DataAge => ("数据延迟", "data age"),
            Self::Vantage => ("监测点", "vantage"),
            Self::SeesWitnesses => ("正常", "sees its witnesses"),
            Self::Isolated => {
                ("孤立：看不到任何见证点，状态不可信", "isolated: no witness answers, states cannot be trusted")
            }
            Self::NoWitness => ("未配置见证点", "no witness is configured"),
            Self::NoNews => ("数据已过期：秒数", "STALE: seconds without news"),
            Self::Connecting => ("正在重新连接……", "connecting again…"),
            Self::SoundBlocked => ("声音未启用：点此试音", "SOUND BLOCKED: click to test"),
            Self::SoundReady => ("声音正常，点此试音", "sound tested; click to test again"),
            Self::Mute => ("静音 5 分钟", "mute for 5 min"),
            Self::Muted => ("静音中", "muted"),
            Self::NeedsScript => {
                ("此页需要脚本才能实时更新；请用值班台页面", "this page needs scripts to stay live; use the desk page")
            }
            Self::Unacknowledged => ("未响应", "not acknowledged"),
            Self::Scope(kind) => match kind.as_str() {
                "link" => ("单条链路", "one link"),
                "group" => ("冗余组", "a redundancy group"),
                "segment" => ("共用路由", "a shared route"),
                "carrier" => ("一家运营商", "a carrier"),
                "unit" => ("一个单位", "a unit"),
                "network" => ("全网", "the whole network"),
                "prober" => ("监测系统自身", "the monitor itself"),
                "service" => ("一项服务", "a service"),
                other => (other, other),
            },
            Self::Event(event) => said(event),
            Self::Door(text) => text.both(),
            Self::Sheet(text) => text.both(),
            Self::Notices(text) => text.both(),
            Self::Phone(_) | Self::Timeline(_) => ("", ""),
        }
    }
}

/// Names that nobody has words for yet are shown as the journal has them.
fn said(event: &str) -> (&str, &str) {
    match event {
        "occurred" => ("发生", "occurred"),
        "detected" => ("发现", "detected"),
        "alarmed" => ("告警", "alarmed"),
        "grouped" => ("归并", "grouped"),
        "merged" => ("并入", "merged"),
        "split" => ("拆分", "split"),
        "tier_raised" => ("升级", "tier raised"),
        "acknowledged" => ("已响应", "acknowledged"),
        "confirmed" => ("已确认", "confirmed"),
        "redundancy_lost" => ("冗余丧失", "redundancy lost"),
        "service_lost" => ("业务中断", "service lost"),
        "reason" => ("故障表现", "how it fails"),
        "suspended" => ("不再监测", "no longer watched"),
        "relapsed" => ("再次中断", "relapsed"),
        "restored" => ("已恢复", "restored"),
        "left_over" => ("遗留链路", "left over"),
        "closed" => ("已关闭", "closed"),
        "annulled" => ("已更正", "annulled"),
        "resolved" => ("已判明", "resolved"),
        "unknown" => ("无法判断", "unknown"),
        "absent" => ("预期停用", "expected absence"),
        "explained" => ("由其他故障引起", "explained by another"),
        "unexplained" => ("独立故障", "stands alone again"),
        "promised" => ("承诺恢复时间", "promised"),
        "diagnosed" => ("原因", "diagnosed"),
        "notified" => ("已通知", "notified"),
        "disputed" => ("称非我方原因", "disputed"),
        "claims_restored" => ("称已修复", "claims to be restored"),
        "retested" => ("复测", "tested again"),
        "withdrawn" => ("撤回接单", "withdrawn"),
        "lapsed" => ("接单失效", "lapsed"),
        "link_issued" => ("发出回执链接", "link issued"),
        "promise_due" => ("承诺时间已到", "promise due"),
        "response_overdue" => ("响应超时", "response overdue"),
        "restore_overdue" => ("恢复超时", "restore overdue"),
        "report_overdue" => ("报告超时", "report overdue"),
        "customer_reported" => ("用户报障", "the customer reported it"),
        "registered" => ("已登记", "registered"),
        "plan_given" => ("给出方案", "plan given"),
        "remote" => ("远程处理", "worked on remotely"),
        "on_site" => ("到场", "on site"),
        "begun" => ("开始恢复", "recovery begun"),
        "workaround" => ("应急措施", "workaround"),
        "device_swapped" => ("更换设备", "device swapped"),
        "data_restored" => ("数据已恢复", "data restored"),
        "report_received" => ("收到报告", "report received"),
        "feedback_received" => ("收到反馈", "feedback received"),
        "analysis_received" => ("收到分析", "analysis received"),
        "link_up" => ("链路已通", "link up"),
        "database_usable" => ("数据库可用", "database usable"),
        "users_working" => ("用户可用", "users working"),
        "tested" => ("已测试", "tested"),
        "opened" => ("新故障", "began"),
        "changed" => ("有变化", "changed"),
        "overdue" => ("时限已超", "overdue"),
        "unanswered" => ("无人响应", "unanswered"),
        "climbed" => ("升级", "escalated"),
        "flapping" => ("时通时断", "flapping"),
        "problem" => ("问题单", "problem"),
        "change" => ("变更单", "change"),
        "dead_letters" => ("未送达汇总", "dead letters"),
        "breach" => ("违约或质量通报", "breach or quality notice"),
        "alarm" => ("规则告警", "alarm of a rule"),
        "warning" => ("到期与站点提醒", "warning of ends and sites"),
        "draft" => ("草稿", "draft"),
        "reviewed" => ("已复核", "reviewed"),
        "approved" => ("已批准", "approved"),
        "sent" => ("已发出", "sent"),
        other => (other, other),
    }
}
