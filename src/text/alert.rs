//! What the alerts of the second line say. `{{ … }}` is Prometheus' own notation.

use super::Language;

/// Declares each alert's summary once with both of its texts.
macro_rules! summaries {
    ($($name:ident $zh_cn:literal $en:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum AlertText {
            $($name,)*
        }

        impl AlertText {
            /// The summary, for an annotation.
            pub fn say(self, language: Language) -> &'static str {
                let (zh_cn, en) = match self {
                    $(Self::$name => ($zh_cn, $en),)*
                };
                match language {
                    Language::ZhCn => zh_cn,
                    Language::En => en,
                }
            }
        }
    };
}

summaries! {
    Watchdog "值守信号：本告警必须一直存在，消失即告警链路中断" "dead-man's switch: always firing; its silence means that alerts no longer arrive";
    Unreachable "巡检程序抓取失败，链路无人监视" "linkpatrol cannot be scraped: nobody watches the links";
    ScrapeGaps "近十分钟抓取成功率仅 {{ $value | humanizePercentage }}，第二道告警有缺口" "only {{ $value | humanizePercentage }} of the scrapes of ten minutes came through: the second line has gaps";
    Stale "巡检数据停滞 {{ $value | humanizeDuration }}，页面与指标不是现状" "figures are {{ $value | humanizeDuration }} old: pages and metrics are not the present";
    Isolated "探测点看不到任何见证点：可能是自身出口故障，也可能是全网中断" "the vantage sees none of its witnesses: our own uplink, or the whole network";
    TierOneOpen "一级故障 {{ $value }} 起未恢复" "{{ $value }} incidents of tier 1 are open";
    ClockRunsOut "事件 {{ $labels.incident }} 的 {{ $labels.clock }} 时限（{{ $labels.party }}）还剩 {{ $value | humanizeDuration }}" "{{ $labels.clock }} of incident {{ $labels.incident }} ({{ $labels.party }}) runs out in {{ $value | humanizeDuration }}";
    ClockOverdue "事件 {{ $labels.incident }} 的 {{ $labels.clock }} 时限（{{ $labels.party }}）已超 {{ $value | humanizeDuration }}" "{{ $labels.clock }} of incident {{ $labels.incident }} ({{ $labels.party }}) is overdue by {{ $value | humanizeDuration }}";
    LinkDown "链路 {{ $labels.link }} 中断" "link {{ $labels.link }} is down";
    BudgetSpent "链路 {{ $labels.link }} 本月可中断时间已用完" "link {{ $labels.link }} has spent its down-time of the month";
    ManyUnknown "{{ $value | humanizePercentage }} 的链路状态未知" "the state of {{ $value | humanizePercentage }} of the links is unknown";
    ServiceDown "服务 {{ $labels.service }} 不可用" "service {{ $labels.service }} is down";
    CertificateEnds "服务 {{ $labels.service }} 的证书还剩 {{ $value | humanizeDuration }}" "a certificate of service {{ $labels.service }} ends in {{ $value | humanizeDuration }}";
    RegisterEnds "到期台账 {{ $labels.entry }}（{{ $labels.kind }}）还剩 {{ $value | humanizeDuration }}" "{{ $labels.kind }} {{ $labels.entry }} of the register ends in {{ $value | humanizeDuration }}";
    NoticesWait "最早的未送达通知已等待 {{ $value | humanizeDuration }}" "the oldest undelivered notice has waited for {{ $value | humanizeDuration }}";
    ProbesLate "探测发送滞后 {{ $value | humanizeDuration }}" "probes leave {{ $value | humanizeDuration }} late";
    LocalDrops "本机丢弃（{{ $labels.reason }}）每秒 {{ $value | humanize }} 次，相应探测不计入" "this host drops {{ $value | humanize }} a second ({{ $labels.reason }}): those probes are unmeasured";
    ReloadRefused "上次重载被拒绝，仍按旧配置运行" "the last reload was refused: the old configuration is in force";
    AnchorMissed "日志的每日锚点缺失" "a daily anchor of the journal is missing";
    Simulated "抓取到的是模拟城市，不是真实链路" "what is scraped is a simulated city, not the links";
}
