//! What is said of websites: in the simulated city, and of what is asked of them besides being up.

use std::fmt::{Formatter, Result};

use crate::text::Language;

#[derive(Clone, Debug, PartialEq)]
pub enum SiteText {
    /// `known`: ids that there are.
    NoSuchSite {
        known: Vec<String>,
    },
    TooMany {
        most: usize,
    },
    TooManyHelp,
    /// Days of a ladder, out of their order.
    Ladder {
        key: String,
    },
    LadderHelp {
        most: u32,
    },
    /// A demo visits so many sites of its own.
    Stand {
        sites: usize,
    },
    /// What goes wrong at a site of a story, or ends. `reason` as metrics have it.
    Turn {
        begins: bool,
        id: String,
        reason: &'static str,
        sites: usize,
    },
    /// What the product said of a service.
    Said {
        id: String,
        reason: String,
    },
    Score {
        faults: usize,
        missed: usize,
        wrong: usize,
    },
}

impl SiteText {
    pub(in crate::text) fn write(&self, language: Language, out: &mut Formatter<'_>) -> Result {
        match language {
            Language::ZhCn => self.zh_cn(out),
            Language::En => self.en(out),
        }
    }

    fn en(&self, out: &mut Formatter<'_>) -> Result {
        use SiteText::*;
        match self {
            NoSuchSite { known } if known.is_empty() => write!(out, "the story has none"),
            NoSuchSite { known } => write!(out, "write one of: {}", known.join(", ")),
            TooMany { most } => write!(out, "more than {most} sites"),
            TooManyHelp => write!(out, "leave some out"),
            Ladder { key } => write!(out, "the days of `{key}` do not fall"),
            LadderHelp { most } => {
                write!(out, "write each once, most days first, at most {most}: [60, 30, 14, 7, 3, 1]")
            }
            Stand { sites } => write!(out, "{sites} sites stand on loopback, and are visited every 2 s"),
            Turn { begins, id, reason, sites } => {
                let end = if *begins { "" } else { "end of " };
                write!(out, "site {id}{}: {end}{}", more(*sites, " (", " sites)"), super::reason_en(reason))
            }
            Said { id, reason } => write!(out, "noticed: {id}, {}", super::reason_en(reason)),
            Score { faults, missed, wrong } => {
                write!(out, "{faults} faults of sites, {missed} missed, {wrong} false ones")
            }
        }
    }

    fn zh_cn(&self, out: &mut Formatter<'_>) -> Result {
        use SiteText::*;
        match self {
            NoSuchSite { known } if known.is_empty() => write!(out, "故事中没有网站"),
            NoSuchSite { known } => write!(out, "写其中之一：{}", known.join("，")),
            TooMany { most } => write!(out, "网站超过 {most} 个"),
            TooManyHelp => write!(out, "去掉一些"),
            Ladder { key } => write!(out, "`{key}` 的天数没有从大到小排列"),
            LadderHelp { most } => write!(out, "每个天数写一次，从大到小，不超过 {most}：[60, 30, 14, 7, 3, 1]"),
            Stand { sites } => write!(out, "{sites} 个网站架在本机回环地址上，每 2 秒访问一次"),
            Turn { begins, id, reason, sites } => {
                let end = if *begins { "" } else { "结束" };
                write!(out, "网站 {id}{}：{}{end}", more(*sites, "（", " 个网站）"), super::reason_zh(reason))
            }
            Said { id, reason } => write!(out, "发现：{id}，{}", super::reason_zh(reason)),
            Score { faults, missed, wrong } => write!(out, "网站故障 {faults} 个，漏报 {missed} 个，误报 {wrong} 个"),
        }
    }
}

/// How many, where it is more than one.
fn more(count: usize, before: &str, after: &str) -> String {
    if count > 1 { format!("{before}{count}{after}") } else { String::new() }
}
