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
    LeastBudget "考核期中断余量最少" "Least down-time left in the period";
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
    AvailabilityMonth "考核期可用率" "Availability of the period";
    BoundsMonth "考核期可用率上下限" "Bounds of availability of the period";
    BudgetMonth "考核期中断余量" "Down-time left in the period";
    Verdicts "指标判定" "Verdicts on objectives";
    OtherPoints "其他测点" "Other points";
    LastProbe "距上次探测" "Since the last probe";
    Overdue "超时时限" "Clocks overdue";
    AlarmsFiring "规则告警" "Alarms of rules";
    Rounds "巡检" "Rounds";
    RoundsEnded "巡检完成情况" "Rounds that ended";
    Countdowns "时限倒计时" "Countdowns";
    Incidents "事件" "Incidents";
    PlannedWork "计划作业" "Planned work";
    WorstAvailability "最差链路可用率" "Availability of the worst link";
    BudgetSpent "中断余量用尽的链路" "Links whose down-time is spent";
    Breached "已违约的指标" "Objectives breached";
    AtRisk "有风险的指标" "Objectives at risk";
    HeldDown "事件中的中断链路" "Links that incidents hold down";
    BreachNotices "待办违约通知书" "Notices of breach that wait";
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
    DeskWaits "待处理" "Waiting for a person";
    Devices "设备" "Devices";
    SpareCoverage "备件覆盖率" "Spare coverage";
    SwapsDue "设备更换时限" "Swaps of devices, time left";
    SwapsDone "已更换设备" "Devices swapped";
    Services "服务" "Services";
    ServicesByState "服务状态" "Services by state";
    AllServices "服务总数" "All services";
    ServicesDown "不可用服务" "Services that are down";
    WhyFailed "失败原因" "Why visits failed";
    LastVisit "最近一次访问" "Last visit";
    SlowestServices "耗时最长" "Slowest services";
    Phases "各阶段最长耗时" "Longest of each phase";
    Visits "访问" "Visits";
    VisitsSkipped "略过的访问" "Visits left out";
    StepDurations "各步骤耗时" "Duration of steps";
    StepsFailed "失败的步骤" "Steps that fail";
    TransactionMeans "业务交易平均耗时" "Mean of business transactions";
    TransactionLimits "业务交易合同上限" "Limits of business transactions";
    TransactionLongest "业务交易最长耗时" "Longest business transactions";
    TransactionSlow "超过上限的业务交易次数" "Business transactions above the limit";
    TransactionRuns "业务交易次数" "Runs of business transactions";
    OnlineRates "设备日平均在线率" "Daily mean of devices online";
    OnlineDevices "设备在线情况" "Devices online";
    OnlineTold "设备在线数距上次上报" "Since devices were last told of";
    ExchangesAtFault "有丢失、拒收或不一致的数据交换" "Exchanges with lost, rejected or mismatched records";
    ExchangeTasks "数据交换任务" "Tasks of data exchange";
    ExchangesLastSucceeded "数据交换距上次成功" "Since exchanges last succeeded";
    ExchangesTold "数据交换距上次上报" "Since exchanges were last told of";
    FreshnessAge "文件与最新记录距今" "Age of files and newest records";
    StatusCodes "状态码" "Status codes";
    ServiceAvailability "本月可用率" "Availability of the month";
    VisitsHeldBack "被限速的访问" "Visits that a limit held back";
    VisitsLate "访问推迟占比" "How late visits begin, share of the time";
    Sites "网站检查" "Websites";
    SitesByVerdict "站点无法访问判定" "Sites that cannot be opened, by verdict";
    DaysOfRule "判定窗口天数" "Days of the rule";
    FindingsCount "问题数" "Findings";
    VetoShare "打不开占比（一票否决）" "Share of failed visits (veto)";
    FailuresLeft "距否决还可失败次数" "Failed visits left before the veto";
    FindingsOfSites "有问题的网站" "Sites with findings";
    SiteDaysLeft "证书与域名剩余天数" "Days left of certificates and domains";
    WindowVisits "窗口内访问" "Visits of the rule";
    HomePageLinks "首页链接与图片" "Links and images of home pages";
    TlsScore "TLS 评分（本周最差）" "TLS score, worst of the week";
    TlsDeductions "TLS 扣分项" "Points that TLS weaknesses cost";
    Ipv6Items "IPv6 支持项" "Items of IPv6 readiness";
    Ipv6Links "IPv6 可达链接占比" "Links that work over IPv6";
    HomePageSame "首页未更新时长" "Since the home page is the same";
    Looked "距上次查看" "Since the last look";
    CertificatesAndDomains "证书与域名" "Certificates and domains";
    CertificatesEnded "已过期证书的服务" "Services with an ended certificate";
    CertificatesFortnight "14 天内到期" "Ending within 14 days";
    CertificatesMonth "30 天内到期" "Ending within 30 days";
    CertificatesLeft "证书剩余时间" "Time left of certificates";
    CertificatesByChain "按证书链查看" "By place in the chain";
    RegisterLeft "到期台账剩余时间" "Time left of what the register has";
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
