//! Titles of dashboards and panels.

use std::fmt;

use super::Language;

/// Declares each title once with both of its texts.
macro_rules! titles {
    ($($name:ident $zh_cn:literal $en:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum GrafanaText {
            $($name,)*
            /// A variable, by its name.
            Variable(&'static str),
        }

        impl GrafanaText {
            fn both(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$name => ($zh_cn, $en),)*
                    Self::Variable("carrier") => ("运营商", "carrier"),
                    Self::Variable("unit") => ("单位", "unit"),
                    Self::Variable("kind") => ("类型", "kind"),
                    Self::Variable(other) => ("链路", other),
                }
            }
        }
    };
}

titles! {
    Wall "链路大屏" "Links on the wall";
    Carriers "按运营商看链路" "Links by carrier";
    Units "按单位看链路" "Links by unit";
    OneLink "单条链路" "One link";
    IncidentsAndClocks "事件与时限" "Incidents and clocks";
    Scorecard "运营商考核" "Carrier scorecard";
    Ourselves "巡检系统自身" "linkpatrol itself";
    LinksByState "链路状态" "Links by state";
    AllLinks "链路总数" "All links";
    OpenIncidents "未恢复事件" "Open incidents";
    NextDeadline "最近时限剩余" "Left until the next deadline";
    Coverage "监测覆盖" "Coverage";
    Vantage "监测点与见证点" "Vantage and witnesses";
    DataAge "数据延迟" "Data age";
    NotUp "非正常链路" "Links that are not up";
    LinksDown "中断链路" "Links that are down";
    LeastBudget "本月中断余量最少" "Least down-time left this month";
    SlowestLinks "时延最大" "Slowest links";
    WorstLoss "丢包最多（5 分钟）" "Most loss (5 min)";
    Loss "丢包率" "Loss ratio";
    Rtt "时延与抖动" "RTT and jitter";
    RttP95 "时延 P95" "RTT, 95th percentile";
    Probes "探测" "Probes";
    StatesOfUnits "各单位链路状态" "States by unit";
    UpOrDown "通断" "Up or down";
    Facts "台账" "Ledger";
    States "状态" "States";
    Smoke "时延分布" "RTT distribution";
    AvailabilityMonth "本月可用率" "Availability this month";
    BoundsMonth "本月可用率上下限" "Bounds of availability this month";
    BudgetMonth "本月中断余量" "Down-time left this month";
    Verdicts "指标判定" "Verdicts on objectives";
    OtherPoints "其他测点" "Other points";
    LastProbe "距上次探测" "Since the last probe";
    Overdue "超时时限" "Clocks overdue";
    AlarmsFiring "规则告警" "Alarms of rules";
    Rounds "巡检" "Rounds";
    RoundsEnded "巡检完成情况" "Rounds that ended";
    Countdowns "时限倒计时" "Countdowns";
    Incidents "事件" "Incidents";
    WorstAvailability "最差链路可用率" "Availability of the worst link";
    BudgetSpent "中断余量用尽的链路" "Links whose down-time is spent";
    Version "版本" "Version";
    Sending "探测方式" "Way of probing";
    Simulated "模拟" "Simulated";
    ReloadOk "配置加载成功" "Last reload taken";
    ReloadAge "距上次加载" "Since the last reload";
    NamesFailing "解析失败的域名" "Names that do not resolve";
    SocketBuffer "接收缓冲区" "Receive buffer";
    JournalEntries "日志条数" "Journal entries";
    JournalAge "日志最早条目与锚点" "Age of the journal and its anchor";
    AnchorsMissed "缺失的锚点" "Anchors missed";
    Lag "调度滞后" "Scheduler lag";
    Stamps "时间戳来源" "Time stamps by source";
    LocalDrops "本机原因未测" "Not measured for reasons of our own";
    Rejected "拒收报文" "Packets rejected";
    Cpu "处理器占用" "Processor time";
    RuleEvaluations "规则求值" "Rule evaluations";
    OpenLink "查看链路" "Open the link";
}

impl GrafanaText {
    pub(super) fn write(self, language: Language, out: &mut impl fmt::Write) -> fmt::Result {
        let (zh_cn, en) = self.both();
        out.write_str(match language {
            Language::ZhCn => zh_cn,
            Language::En => en,
        })
    }
}
