//! What is said of checked services: where the time went, which certificates were shown, and why a check failed.

mod site;
mod step;

use std::{
    fmt::{Formatter, Result},
    time::Duration,
};

pub use self::{site::SiteText, step::StepText};
use super::{Language, argument::mark};

#[derive(Clone, Debug, PartialEq)]
pub enum ServiceText {
    /// In a file of its own.
    Step(StepText),
    NoModules,
    /// Profiles are for links and addresses.
    NoProfile,
    /// An address that nobody has written yet.
    Placeholder {
        url: String,
    },
    /// `addresses`: everything that was connected to.
    Reached {
        target: String,
        addresses: String,
    },
    Durations {
        resolve: Duration,
        connect: Duration,
        tls: Duration,
        processing: Duration,
        transfer: Duration,
    },
    Http {
        version: &'static str,
        status: u16,
        bytes: usize,
        redirects: u32,
    },
    Tls {
        version: String,
        cipher: String,
    },
    /// `status` and `by` as JSON writes them.
    Revocation {
        status: &'static str,
        by: &'static str,
    },
    Certificate {
        subject: String,
        issuer: String,
        not_after: String,
        days: i64,
    },
    Dns {
        rcode: String,
        answers: usize,
    },
    /// `registrar`: empty when it is not told.
    Domain {
        registrar: String,
        expires: String,
        days: i64,
    },
    Talk {
        status: u16,
        phrase: String,
    },
    /// When a file, or the newest record of a page, was made; negative: it is yet to come.
    Dated {
        at: String,
        age_seconds: f64,
    },
    Passed {
        took: Duration,
    },
    /// Phase and reason by their names in metrics and JSON.
    Failed {
        phase: &'static str,
        reason: &'static str,
        text: String,
    },
    Unmeasured {
        text: String,
    },
    Site(SiteText),
    /// An incident: phase and reason as above; empty when it is not known.
    Incident {
        simulated: bool,
        id: String,
        name: String,
        phase: String,
        reason: String,
    },
    BadUrl {
        url: String,
    },
    UrlHelp,
    FeedHelp,
    /// `error`: why it leads to no time.
    BadRecord {
        text: String,
        error: String,
    },
    RecordHelp,
    /// `kind`: as addresses begin; `key`: what cannot be asked of it.
    NoFreshness {
        kind: &'static str,
        key: &'static str,
    },
    NoFreshnessHelp,
    /// `placeholders`: those without an address of their own.
    ExpectedVisits {
        services: usize,
        placeholders: usize,
        per_second: f64,
    },
    /// One line below it.
    VisitedEvery {
        kind: &'static str,
        interval_seconds: f64,
        services: usize,
    },
    ExplainService {
        id: String,
    },
    ExplainVisits,
}

impl ServiceText {
    pub(super) fn write(&self, language: Language, out: &mut Formatter<'_>) -> Result {
        match language {
            Language::ZhCn => self.zh_cn(out),
            Language::En => self.en(out),
        }
    }

    fn en(&self, out: &mut Formatter<'_>) -> Result {
        use ServiceText::*;
        match self {
            Step(text) => text.write(Language::En, out),
            Placeholder { url } => {
                write!(out, "`{url}` is a placeholder, which is never visited: write the address of the service")
            }
            NoProfile => write!(
                out,
                "`--profile` is for links and addresses, which are measured with ICMP; a service is checked as its address says"
            ),
            NoModules => write!(out, "no modules: name a file under `probe.modules` of linkpatrol.yaml"),
            Reached { target, addresses } if addresses.is_empty() => write!(out, "{target}"),
            Reached { target, addresses } => write!(out, "{target} at {addresses}"),
            Durations { resolve, connect, tls, processing, transfer } => write!(
                out,
                "  resolve {resolve:.1?}, connect {connect:.1?}, tls {tls:.1?}, processing {processing:.1?}, transfer {transfer:.1?}"
            ),
            Http { version, status, bytes, redirects } => {
                write!(out, "  HTTP/{version} {status}, {bytes} bytes of body, {redirects} redirects")
            }
            Tls { version, cipher } => write!(out, "  {version}, {cipher}"),
            Revocation { status, by } => write!(out, "  revocation: {status} ({by})"),
            Certificate { subject, issuer, not_after, days } if *days < 0 => {
                write!(out, "  certificate of {subject}, by {issuer}, ended {not_after}, {} days ago", -days)
            }
            Certificate { subject, issuer, not_after, days } => {
                write!(out, "  certificate of {subject}, by {issuer}, until {not_after}, {days} days left")
            }
            Dns { rcode, answers } => write!(out, "  {rcode}, {answers} answers"),
            Domain { registrar, expires, days } => {
                write!(out, "  registered until {expires}, {days} days left, by {registrar}")
            }
            Talk { status, phrase } => write!(out, "  {status} {phrase}"),
            Dated { at, age_seconds } => write!(out, "  made at {at}, {age_seconds:.0} s ago"),
            Passed { took } => write!(out, "verdict: good, after {took:.1?}"),
            Failed { phase, reason, text } => write!(out, "verdict: failed in {phase}: {} ({text})", reason_en(reason)),
            Unmeasured { text } => write!(out, "verdict: not measured, this host could not: {text}"),
            Site(text) => text.write(Language::En, out),
            Incident { simulated, id, name, phase, reason } => {
                write!(out, "{}service {id} ({name}) fails in {phase}: {}", mark(*simulated), reason_en(reason))
            }
            BadUrl { url } => write!(out, "`{url}` is nothing that can be visited"),
            FeedHelp => write!(out, "write `posted`, `file:///path`, `http://host/path` or `https://host/path`"),
            BadRecord { text, error } => write!(out, "`{text}` leads to no time: {error}"),
            RecordHelp => write!(
                out,
                "write a JSON pointer such as `/data/0/time`, or an expression such as `body.data.map(row, row.time)`"
            ),
            NoFreshness { kind, key } => write!(out, "`{key}` cannot be asked of a check of `{kind}`"),
            NoFreshnessHelp => write!(
                out,
                "`within` is for `http://…`, `https://…` and `ftp://…`, `record` for pages of JSON alone; leave it out here"
            ),
            UrlHelp => write!(
                out,
                "write `https://host/path`, `http://…`, `tls://host:port`, `tcp://host:port` or `dns://server/name`"
            ),
            ExpectedVisits { services, placeholders, per_second } => write!(
                out,
                "{services} services: {per_second:.1} visits per second; {placeholders} stand under .example and are not visited"
            ),
            VisitedEvery { kind, interval_seconds, services } => {
                write!(out, "  {kind:<8} every {interval_seconds} s: {services}, from this host")
            }
            ExplainService { id } => write!(out, "service {id}"),
            ExplainVisits => write!(out, "visits"),
        }
    }

    fn zh_cn(&self, out: &mut Formatter<'_>) -> Result {
        use ServiceText::*;
        match self {
            Step(text) => text.write(Language::ZhCn, out),
            Placeholder { url } => write!(out, "`{url}` 是占位地址，不会访问：请写明服务的地址"),
            NoProfile => write!(out, "`--profile` 只用于以 ICMP 测量的链路和地址；服务按其地址检查"),
            NoModules => write!(out, "没有探测模块：请在 linkpatrol.yaml 的 `probe.modules` 中写明模块文件"),
            Reached { target, addresses } if addresses.is_empty() => write!(out, "{target}"),
            Reached { target, addresses } => write!(out, "{target}，地址 {addresses}"),
            Durations { resolve, connect, tls, processing, transfer } => write!(
                out,
                "  解析 {resolve:.1?}，连接 {connect:.1?}，TLS 握手 {tls:.1?}，等待首字节 {processing:.1?}，传输 {transfer:.1?}"
            ),
            Http { version, status, bytes, redirects } => {
                write!(out, "  HTTP/{version} {status}，正文 {bytes} 字节，重定向 {redirects} 次")
            }
            Tls { version, cipher } => write!(out, "  {version}，{cipher}"),
            Revocation { status, by } => write!(out, "  吊销状态：{}（{}）", status_zh(status), by_zh(by)),
            Certificate { subject, issuer, not_after, days } if *days < 0 => {
                write!(out, "  证书 {subject}，签发者 {issuer}，已于 {not_after} 过期 {} 天", -days)
            }
            Certificate { subject, issuer, not_after, days } => {
                write!(out, "  证书 {subject}，签发者 {issuer}，有效至 {not_after}，剩余 {days} 天")
            }
            Dns { rcode, answers } => write!(out, "  {rcode}，应答记录 {answers} 条"),
            Domain { registrar, expires, days } => {
                write!(out, "  注册有效至 {expires}，剩余 {days} 天，注册商 {registrar}")
            }
            Talk { status, phrase } => write!(out, "  {status} {phrase}"),
            Dated { at, age_seconds } => write!(out, "  生成于 {at}，{age_seconds:.0} 秒前"),
            Passed { took } => write!(out, "结论：正常，用时 {took:.1?}"),
            Failed { phase, reason, text } => {
                write!(out, "结论：失败，环节：{}，原因：{}（{text}）", phase_zh(phase), reason_zh(reason))
            }
            Unmeasured { text } => write!(out, "结论：未测量，本机无法拨测：{text}"),
            Site(text) => text.write(Language::ZhCn, out),
            Incident { simulated, id, name, phase, reason } => {
                let (phase, reason) = (phase_zh(phase), reason_zh(reason));
                write!(out, "{}服务异常：{name}（{id}），环节：{phase}，原因：{reason}", mark(*simulated))
            }
            BadUrl { url } => write!(out, "`{url}` 不是可以访问的地址"),
            FeedHelp => write!(out, "写成 `posted`、`file:///路径`、`http://主机/路径` 或 `https://主机/路径`"),
            BadRecord { text, error } => write!(out, "`{text}` 得不到时间：{error}"),
            RecordHelp => write!(out, "写成 JSON 指针，如 `/data/0/time`，或表达式，如 `body.data.map(row, row.time)`"),
            NoFreshness { kind, key } => write!(out, "`{kind}` 检查不能要求 `{key}`"),
            NoFreshnessHelp => write!(
                out,
                "`within` 只用于 `http://…`、`https://…` 和 `ftp://…`，`record` 只用于 JSON 页面；此处请删去"
            ),
            UrlHelp => {
                write!(
                    out,
                    "写成 `https://主机/路径`、`http://…`、`tls://主机:端口`、`tcp://主机:端口` 或 `dns://服务器/域名`"
                )
            }
            ExpectedVisits { services, placeholders, per_second } => write!(
                out,
                "{services} 个服务：每秒访问 {per_second:.1} 次；{placeholders} 个的地址是 .example 占位，不访问"
            ),
            VisitedEvery { kind, interval_seconds, services } => {
                write!(out, "  {kind:<8} 每 {interval_seconds} 秒：{services} 个，从本机访问")
            }
            ExplainService { id } => write!(out, "服务 {id}"),
            ExplainVisits => write!(out, "访问"),
        }
    }
}

fn reason_en(name: &str) -> String {
    name.replace('_', " ")
}

fn status_zh(name: &str) -> &str {
    match name {
        "good" => "未吊销",
        "revoked" => "已吊销",
        "unknown" => "签发者不认识此证书",
        "unusable" => "无法确认",
        other => other,
    }
}

fn by_zh(name: &str) -> &str {
    match name {
        "staple" => "服务器装订的 OCSP",
        "ocsp" => "OCSP 查询",
        "crl" => "吊销列表",
        other => other,
    }
}

fn phase_zh(name: &str) -> &str {
    match name {
        "resolve" => "域名解析",
        "connect" => "建立连接",
        "tls" => "TLS 握手",
        "processing" => "等待应答",
        "transfer" => "传输正文",
        "content" => "内容检查",
        other => other,
    }
}

/// Every reason of the closed list; `cli` holds the two lists together in a test.
pub fn reason_zh(name: &str) -> &str {
    match name {
        "timeout" => "超时",
        "name_not_found" => "域名不存在",
        "no_address" => "域名没有所需类型的地址",
        "resolver_failed" => "域名服务器故障",
        "connection_refused" => "连接被拒绝",
        "unreachable" => "主机不可达",
        "connection_reset" => "连接被重置",
        "connection_closed" => "连接被提前关闭",
        "not_tls" => "对端没有使用 TLS",
        "tls_alert" => "对端拒绝 TLS 握手",
        "tls_failed" => "TLS 握手失败",
        "tls_version_outdated" => "只支持 TLS 1.1 及更早版本",
        "tls_cipher_outdated" => "只支持过时的加密套件",
        "tls_only_tlcp" => "只支持国密 TLCP",
        "starttls_refused" => "拒绝升级到 TLS",
        "certificate_expired" => "证书已过期",
        "certificate_not_yet_valid" => "证书尚未生效",
        "certificate_wrong_name" => "证书与域名不符",
        "certificate_self_signed" => "自签名证书",
        "certificate_chain_incomplete" => "证书链不完整",
        "certificate_unknown_issuer" => "证书签发者不受信任",
        "certificate_revoked" => "证书已吊销",
        "certificate_bad_signature" => "证书签名错误",
        "certificate_weak_signature" => "证书签名算法过弱",
        "certificate_weak_key" => "证书密钥过弱",
        "certificate_wrong_validation" => "证书类型低于要求（如应为 OV）",
        "certificate_wrong_purpose" => "证书用途不符",
        "certificate_malformed" => "证书格式错误",
        "tls_not_wanted" => "不应使用 TLS",
        "tls_missing" => "应使用 TLS 而未使用",
        "malformed_answer" => "应答格式错误",
        "headers_too_large" => "应答头过大",
        "body_too_large" => "正文过大",
        "body_incomplete" => "正文不完整",
        "bad_compression" => "压缩数据错误",
        "compression_bomb" => "解压后过大",
        "too_many_redirects" => "重定向过多",
        "bad_redirect" => "重定向地址错误",
        "http_status" => "状态码不符",
        "http_version" => "协议版本不符",
        "header_mismatch" => "应答头不符",
        "body_mismatch" => "正文不符",
        "expect_mismatch" => "未收到预期内容",
        "dns_rcode" => "域名服务器返回错误码",
        "dns_answer_mismatch" => "解析结果不符",
        "domain_expired" => "域名注册已到期",
        "domain_not_registered" => "域名未注册",
        "answer_status" => "应答状态码不符",
        "certificate_expiring" => "证书即将到期",
        "certificate_not_renewed" => "证书未随同组更新",
        "domain_expiring" => "域名注册即将到期",
        "site_unreachable" => "站点无法访问",
        "home_page_stale" => "首页不更新",
        "dead_links" => "首页有死链",
        "missing_images" => "首页图片缺失",
        "bytes_mismatch" => "收到的字节与预期不符",
        "proxy_refused" => "代理拒绝转发",
        "token_refused" => "未取得访问令牌",
        "not_serving" => "服务未就绪",
        "exchange_lost" => "数据交换丢失",
        "exchange_rejected" => "数据交换被拒收",
        "exchange_mismatched" => "数据交换不一致",
        "exchange_stale" => "数据交换超时未成功",
        "transaction_slow" => "业务耗时超过约定",
        "online_rate_low" => "设备在线率低于约定",
        "stale" => "数据过旧",
        "time_unreadable" => "时间无法读取",
        "time_in_future" => "时间在未来",
        other => other,
    }
}
