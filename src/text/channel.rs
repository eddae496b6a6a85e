//! What is said of channels to people, and what `doctor` says of this machine.

use std::fmt;

use super::some;

#[derive(Clone, Debug, PartialEq)]
pub enum ChannelText {
    Transports {
        channel: String,
        transports: usize,
    },
    TransportsHelp,
    Rights {
        is_fine: bool,
    },
    Time {
        is_fine: bool,
        /// As the kernel estimates it.
        error_millis: u128,
    },
    Disk {
        is_fine: bool,
        folder: String,
        mebibytes: u64,
    },
    /// Families of Chinese fonts; `None`: nothing here knows of fonts.
    Fonts(Option<usize>),
    Channel {
        channel: String,
        /// Empty: only its set-up was looked at.
        recipient: String,
        is_fine: bool,
        /// The receiver's own words, or why not.
        words: String,
    },
    /// A channel or a party that notices pass on their way out.
    Door {
        door: String,
        open: bool,
        by: String,
        since: String,
    },
    Notice(Box<NoticeLine>),
    NoNotices,
    /// Of `doctor`: those that nobody has made sure of for half a year.
    Contacts {
        all: usize,
        old: Vec<String>,
    },
    /// Of a day: notices that nobody took.
    DeadLetters {
        day: String,
        keys: Vec<String>,
    },
    /// Before the subject of a message whose beginning nobody took in time.
    Late,
    /// Subject and text of a test message.
    TestMessage {
        channel: String,
    },
}

/// One notice in a line.
#[derive(Clone, Debug, PartialEq)]
pub struct NoticeLine {
    pub id: String,
    pub created: String,
    pub event: String,
    pub channel: String,
    pub recipient: String,
    pub state: String,
    pub words: String,
    pub subject: String,
    pub about: String,
}

impl NoticeLine {
    fn write(&self, out: &mut fmt::Formatter<'_>, state: &str) -> fmt::Result {
        let Self { id, created, event, channel, recipient, words, subject, about, .. } = self;
        let to = if recipient.is_empty() { channel.clone() } else { format!("{channel}:{recipient}") };
        let what = if subject.is_empty() { about } else { subject };
        let why = if words.is_empty() { String::new() } else { format!(" ({words})") };
        write!(out, "{id} {created} {event} {to} {state}{why} {what}")
    }
}

impl ChannelText {
    pub(super) fn zh_cn(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transports { channel, transports } => write!(out, "渠道 `{channel}` 有 {transports} 种发送方式"),
            Self::TransportsHelp => write!(out, "每个渠道只写一种：smtp、cloud_mas、http、modem、command 或 robot"),
            Self::Rights { is_fine: true } => write!(out, "有权打开原始套接字"),
            Self::Rights { is_fine: false } => {
                write!(out, "无权打开原始套接字（请授予 CAP_NET_RAW）：只能用 ping 套接字")
            }
            Self::Time { is_fine: true, error_millis } => {
                write!(out, "时钟已同步，误差不超过 {error_millis} ms")
            }
            Self::Time { is_fine: false, .. } => {
                write!(out, "时钟未同步：时限和中断起止时间不可信，请启用 chrony 或 ntpd")
            }
            Self::Disk { is_fine: true, folder, mebibytes } => write!(out, "{folder} 可用空间 {mebibytes} MiB"),
            Self::Disk { folder, mebibytes, .. } => write!(out, "{folder} 只剩 {mebibytes} MiB"),
            Self::Fonts(None) => write!(out, "本机没有 fontconfig：显示页面的电脑需要中文字体"),
            Self::Fonts(Some(0)) => {
                write!(out, "本机没有中文字体：若在此显示页面，请安装 fonts-noto-cjk 或 fonts-wqy-microhei")
            }
            Self::Fonts(Some(families)) => write!(out, "中文字体 {families} 种"),
            Self::Channel { channel, recipient, is_fine: true, .. } if recipient.is_empty() => {
                write!(out, "渠道 {channel} 配置可用（未发送；--send {channel} 发送测试消息）")
            }
            Self::Channel { channel, recipient, is_fine: true, words } => {
                write!(out, "渠道 {channel} 已把测试消息交给 {recipient}：{words}")
            }
            Self::Channel { channel, recipient, words, .. } => {
                write!(out, "渠道 {channel} {recipient} 不可用：{words}")
            }
            Self::Door { door, by, .. } if by.is_empty() => write!(out, "{door} 关闭（试运行）"),
            Self::Door { door, open: true, by, since } => write!(out, "{door} 开启：{by}，{since}"),
            Self::Door { door, by, since, .. } => write!(out, "{door} 关闭：{by}，{since}"),
            Self::Notice(line) => line.write(
                out,
                match line.state.as_str() {
                    "waiting" => "待送达",
                    "delivered" => "已送达",
                    "held" => "试运行未发",
                    "replaced" => "已被后续通知取代",
                    "given_up" => "死信",
                    other => other,
                },
            ),
            Self::NoNotices => write!(out, "没有通知"),
            Self::Contacts { all, old } if old.is_empty() => write!(out, "{all} 个联系人均在半年内核实过"),
            Self::Contacts { old, .. } => write!(out, "半年内未核实的联系人：{}", some(old)),
            Self::DeadLetters { day, keys } => {
                write!(out, "{day} 有 {} 条通知无人接收：{}", keys.len(), some(keys))
            }
            Self::Late => write!(out, "【迟到】"),
            Self::TestMessage { channel } => write!(out, "渠道 {channel} 的测试消息，无需处理"),
        }
    }

    pub(super) fn en(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transports { channel, transports } => write!(out, "channel `{channel}` has {transports} transports"),
            Self::TransportsHelp => write!(out, "write one of: smtp, cloud_mas, http, modem, command, robot"),
            Self::Rights { is_fine: true } => write!(out, "raw sockets may be opened"),
            Self::Rights { is_fine: false } => {
                write!(out, "raw sockets may not be opened (grant CAP_NET_RAW): only ping sockets are left")
            }
            Self::Time { is_fine: true, error_millis } => {
                write!(out, "the clock is synchronised, within {error_millis} ms")
            }
            Self::Time { is_fine: false, .. } => {
                write!(
                    out,
                    "the clock is not synchronised: no deadline and no start of an outage can be trusted; run chrony or ntpd"
                )
            }
            Self::Disk { is_fine: true, folder, mebibytes } => write!(out, "{folder} has room for {mebibytes} MiB"),
            Self::Disk { folder, mebibytes, .. } => write!(out, "{folder} has only {mebibytes} MiB left"),
            Self::Fonts(None) => write!(out, "no fontconfig here: whatever shows the pages needs Chinese fonts"),
            Self::Fonts(Some(0)) => {
                write!(out, "no Chinese font here: where pages are shown, install fonts-noto-cjk or fonts-wqy-microhei")
            }
            Self::Fonts(Some(families)) => write!(out, "{families} families of Chinese fonts"),
            Self::Channel { channel, recipient, is_fine: true, .. } if recipient.is_empty() => {
                write!(out, "channel {channel} is set up (nothing sent; --send {channel} sends a test message)")
            }
            Self::Channel { channel, recipient, is_fine: true, words } => {
                write!(out, "channel {channel} took a test message for {recipient}: {words}")
            }
            Self::Channel { channel, recipient, words, .. } => {
                write!(out, "channel {channel} {recipient} cannot be used: {words}")
            }
            Self::Door { door, by, .. } if by.is_empty() => write!(out, "{door} closed (trial)"),
            Self::Door { door, open: true, by, since } => write!(out, "{door} open: {by}, {since}"),
            Self::Door { door, by, since, .. } => write!(out, "{door} closed: {by}, {since}"),
            Self::Notice(line) => line.write(
                out,
                match line.state.as_str() {
                    "held" => "would have been sent",
                    "given_up" => "dead letter",
                    other => other,
                },
            ),
            Self::NoNotices => write!(out, "no notices"),
            Self::Contacts { all, old } if old.is_empty() => {
                write!(out, "{all} contacts, each verified within half a year")
            }
            Self::Contacts { old, .. } => write!(out, "not verified within half a year: {}", some(old)),
            Self::DeadLetters { day, keys } => {
                write!(out, "{day}: nobody took {} notices: {}", keys.len(), some(keys))
            }
            Self::Late => write!(out, "[late] "),
            Self::TestMessage { channel } => write!(out, "a test message of channel {channel}; nothing to do"),
        }
    }
}
