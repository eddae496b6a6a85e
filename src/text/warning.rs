//! What is said of ends that come, and of sites that stand badly.

use std::fmt;

/// A sentence about one of them, and how many more there are. Moments are as files write them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WarningText {
    pub simulated: bool,
    /// Of the service or entry; empty: nobody's.
    pub name: String,
    /// Its finding, by its name in metrics.
    pub what: String,
    /// It is over: renewed, or mended.
    pub over: bool,
    /// Empty: it has no end.
    pub ends: String,
    /// Whole days until then; negative: it has passed.
    pub days: i64,
    /// When it was seen like this; empty: nobody looks.
    pub seen: String,
    /// Certificate, by the first digits of its SHA-256.
    pub sha256: String,
    /// Of so many, so many were bad.
    pub looked: u32,
    pub bad: u32,
    /// Further ones of which something is said.
    pub more: usize,
}

impl WarningText {
    pub(super) fn zh_cn(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let Self { name, ends, days, seen, sha256, looked, bad, .. } = self;
        if self.simulated {
            write!(out, "【模拟】")?;
        }
        if !name.is_empty() {
            write!(out, "{name}：")?;
        }
        let subject = match self.what.as_str() {
            "certificate_expiring" => "证书",
            "domain_expiring" => "域名注册",
            _ => "",
        };
        match (self.what.as_str(), self.over) {
            ("certificate_expiring" | "domain_expiring" | "register_expiring", true) => {
                write!(out, "{subject}已续期，{ends} 到期")?;
            }
            ("certificate_expiring" | "domain_expiring" | "register_expiring", false) if *days < 0 => {
                write!(out, "{subject}已于 {ends} 到期")?;
            }
            ("certificate_expiring" | "domain_expiring" | "register_expiring", false) => {
                write!(out, "{subject}将于 {ends} 到期，剩 {days} 天")?;
            }
            ("certificate_not_renewed", true) => write!(out, "已出示新证书")?,
            ("certificate_not_renewed", false) => write!(out, "同组其他主机证书已更新，该站仍出示旧证书")?,
            ("site_unreachable", true) => write!(out, "站点无法访问一项已低于否决线")?,
            ("site_unreachable", false) => write!(out, "站点无法访问一项已达否决线")?,
            ("home_page_stale", true) => write!(out, "首页已更新")?,
            ("home_page_stale", false) => write!(out, "首页长期未更新")?,
            ("dead_links", true) => write!(out, "首页已无死链")?,
            ("dead_links", false) => write!(out, "首页有死链")?,
            ("missing_images", true) => write!(out, "首页已无缺图")?,
            ("missing_images", false) => write!(out, "首页有缺图")?,
            (other, over) => write!(out, "{other}{}", if over { "（已解除）" } else { "" })?,
        }
        if *looked > 0 {
            write!(out, "（查 {looked}，不合格 {bad}）")?;
        }
        if !sha256.is_empty() {
            write!(out, "（SHA-256 {sha256}…）")?;
        }
        if !seen.is_empty() {
            write!(out, "，{seen} 所见")?;
        }
        if self.more > 0 { write!(out, "；另有 {} 项", self.more) } else { Ok(()) }
    }

    pub(super) fn en(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let Self { name, ends, days, seen, sha256, looked, bad, .. } = self;
        if self.simulated {
            write!(out, "[simulated] ")?;
        }
        if !name.is_empty() {
            write!(out, "{name}: ")?;
        }
        let subject = match self.what.as_str() {
            "certificate_expiring" => "the certificate ",
            "domain_expiring" => "the registration of the domain ",
            _ => "",
        };
        match (self.what.as_str(), self.over) {
            ("certificate_expiring" | "domain_expiring" | "register_expiring", true) => {
                write!(out, "{subject}was renewed and ends {ends}")?;
            }
            ("certificate_expiring" | "domain_expiring" | "register_expiring", false) if *days < 0 => {
                write!(out, "{subject}ended {ends}")?;
            }
            ("certificate_expiring" | "domain_expiring" | "register_expiring", false) => {
                write!(out, "{subject}ends {ends}, {days} days are left")?;
            }
            ("certificate_not_renewed", true) => write!(out, "shows the new certificate")?,
            ("certificate_not_renewed", false) => {
                write!(out, "shows an old certificate, others of its group a newer one")?;
            }
            ("site_unreachable", true) => write!(out, "failed visits are below the share of the veto")?,
            ("site_unreachable", false) => write!(out, "failed visits have reached the share of the veto")?,
            ("home_page_stale", true) => write!(out, "the home page has changed")?,
            ("home_page_stale", false) => write!(out, "the home page was the same for too long")?,
            ("dead_links", true) => write!(out, "no dead links on the home page any more")?,
            ("dead_links", false) => write!(out, "dead links on the home page")?,
            ("missing_images", true) => write!(out, "no missing images on the home page any more")?,
            ("missing_images", false) => write!(out, "missing images on the home page")?,
            (other, over) => write!(out, "{other}{}", if over { " (over)" } else { "" })?,
        }
        if *looked > 0 {
            write!(out, " ({bad} of {looked})")?;
        }
        if !sha256.is_empty() {
            write!(out, " (SHA-256 {sha256}…)")?;
        }
        if !seen.is_empty() {
            write!(out, ", seen {seen}")?;
        }
        if self.more > 0 { write!(out, "; and {} more", self.more) } else { Ok(()) }
    }
}
