//! What the wall and the pages beside it say.

use std::fmt;

use super::Language;

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
    /// A kind of scope, where its name is not for everyone.
    Scope(String),
    /// An event of a timeline, by its name in the journal.
    Event(String),
}

impl PageText {
    pub(super) fn write(&self, language: Language, out: &mut impl fmt::Write) -> fmt::Result {
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
            Self::WorstBudget => ("本月中断余量最少", "least down-time left this month"),
            Self::NoneSpent => ("本月没有链路中断过", "no link was down this month"),
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
                other => (other, other),
            },
            Self::Event(event) => said(event),
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
        "promise_due" => ("承诺时间已到", "promise due"),
        "response_overdue" => ("响应超时", "response overdue"),
        "restore_overdue" => ("恢复超时", "restore overdue"),
        "report_overdue" => ("报告超时", "report overdue"),
        other => (other, other),
    }
}
