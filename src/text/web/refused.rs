//! Why something was not done, beyond the title of the refusal.

use std::fmt;

use crate::text::some;

#[derive(Clone, Debug, PartialEq)]
pub enum RefusedText {
    /// A field of what was sent, and what is wrong with it.
    Field {
        field: String,
        why: String,
    },
    /// Words of files, disks or queries, as they are.
    AsIs(String),
    By(String),
    /// What there is instead.
    Known(Vec<String>),
    Scope(String),
    Missing(Vec<String>),
    Link {
        link: String,
        why: String,
    },
    /// A sentence that begins with the fields it is about.
    Reason(String),
}

impl RefusedText {
    pub(super) fn en(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Field { field, why } => write!(out, "{field} {why}"),
            Self::AsIs(words) | Self::Reason(words) => out.write_str(words),
            Self::By(who) => write!(out, "by {who}"),
            Self::Known(known) if known.is_empty() => write!(out, "it has none"),
            Self::Known(known) => write!(out, "known are {}", known.join(", ")),
            Self::Scope(scope) => {
                write!(out, "`{scope}`; write link/ID, group/ID, segment/ID, unit/ID or carrier/ID")
            }
            Self::Missing(missing) => write!(out, "missing are {}", missing.join(", ")),
            Self::Link { link, why } => write!(out, "{link}: {why}"),
        }
    }

    pub(super) fn zh_cn(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Field { field, why } => {
                let most = why.strip_prefix("has more than ").and_then(|rest| rest.strip_suffix(" characters"));
                match (why.as_str(), most) {
                    ("is missing", _) => write!(out, "缺少 {field}"),
                    ("is not a string", _) => write!(out, "{field} 须为字符串"),
                    (_, Some(most)) => write!(out, "{field} 超过 {most} 个字符"),
                    (time, _) if time.starts_with("is a time such as ") => {
                        write!(out, "{field} 须为时间，例如 {}", time.trim_start_matches("is a time such as "))
                    }
                    (other, _) => write!(out, "{field} {other}"),
                }
            }
            Self::AsIs(words) => out.write_str(words),
            Self::By(who) => write!(out, "由 {who}"),
            Self::Known(known) if known.is_empty() => write!(out, "没有可用的"),
            Self::Known(known) => write!(out, "可用的有 {}", some(known)),
            Self::Scope(scope) => {
                write!(out, "`{scope}`；请写 link/编号、group/编号、segment/编号、unit/编号 或 carrier/编号")
            }
            Self::Missing(missing) => write!(out, "尚缺 {}", some(missing)),
            Self::Link { link, why } => write!(out, "{link}：{}", reason_zh(why)),
            Self::Reason(reason) => out.write_str(&reason_zh(reason)),
        }
    }
}

/// A sentence of ours in Chinese; words of disks and files as they are. A test finds every sentence that is missing.
fn reason_zh(reason: &str) -> String {
    let said = match reason {
        "approver: another person than who asks for it" => "approver：须由申请人以外的人批准",
        "approver: somebody has agreed before" => "approver：已有人批准",
        "requester: who wants to work, 1 to 64 characters" => "requester：写明谁要施工，1 至 64 个字",
        "requester: who asks for it, 1 to 64 characters" => "requester：写明申请人，1 至 64 个字",
        "to: after from, by 31 days at most" => "to：须晚于 from，且不超过 31 天",
        "every: each turn ends before the next one begins" => "every：每次须在下一次开始前结束",
        "until: with every, the last moment at which a turn may begin, within 400 days" => {
            "until：与 every 同写，为最后一次可开始的时刻，400 天以内"
        }
        "announced: not later than now" => "announced：不晚于现在",
        "reason: what is done, and why" => "reason：写明做什么、为什么",
        "to: it is over" => "to：已经结束",
        "what, reason: what is to be changed, and why" => "what、reason：写明变更内容和原因",
        "from, to: when, where `on` names what is worked on" => "from、to：写了 `on`（施工对象）就须写时间",
        "the period runs" => "考核期尚未结束",
        "the period is not final yet" => "考核期数据尚未定稿",
        "no link of the carrier has books of the period" => "该运营商在此考核期没有电路台账",
        "carrier, month: a carrier of the inventory, and a month such as 2026-10" => {
            "carrier、month：台账中的运营商，以及月份，例如 2026-10"
        }
        "it does not end after it begins" => "结束须晚于开始",
        "it begins before what is still known to the millisecond" => "开始时刻早于仍可精确到毫秒的记录",
        "as many exclusions lie ahead as one account holds" => "预先登记的剔除已达上限",
        other => match other.strip_prefix("scopes: 1 to ").and_then(|rest| rest.split_once(", such as ")) {
            Some((most, example)) => {
                return format!("scopes：1 至 {most} 个，例如 {}", example.replace(" or ", " 或 "));
            }
            None => other,
        },
    };
    said.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zh(text: &RefusedText) -> String {
        let mut said = String::new();
        text.zh_cn(&mut said).unwrap();
        said
    }

    /// All sentences in the sources that refuse with one.
    #[test]
    fn every_reason_of_a_refusal_is_said_in_chinese() {
        let sources = [
            ("src/incident/windows.rs", r#"wrong\((?:&format!\()?"([^"]+)""#),
            ("src/incident/changes.rs", r#"wrong\("([^"]+)""#),
            ("src/patrol/breaches.rs", r#"(?:nothing\(|let reason = )"([^"]+)""#),
            ("src/ledger/exclusion.rs", r#"#\[error\("([^"]+)""#),
        ];
        for (file, pattern) in sources {
            let source = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
            let found: Vec<String> = regex::Regex::new(pattern)
                .unwrap()
                .captures_iter(&source)
                .map(|found| found[1].replace("{MOST_SCOPES}", "64"))
                .collect();
            assert!(!found.is_empty(), "{file}");
            for reason in found {
                let said = zh(&RefusedText::Reason(reason.clone()));
                assert!(said != reason && said.contains(|letter: char| letter > '\u{2e80}'), "{file}: {reason}");
            }
        }
        for why in ["is missing", "is not a string", "has more than 64 characters", "is a time such as 2026-11-20"] {
            let said = zh(&RefusedText::Field { field: "at".into(), why: why.into() });
            assert!(said.contains("at") && !said.contains(why), "{said}");
        }
    }
}
