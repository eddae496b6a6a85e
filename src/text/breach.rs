//! Notices of broken periods (违约通知书) and of poor quality (质量通报) as people read them.

use std::fmt;

/// A notice in words. Without an agreement nothing was promised, and the word breach is not said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PaperText {
    pub quality: bool,
    /// 文号; `None`: a draft.
    pub number: Option<String>,
    pub carrier: String,
    pub period: String,
    pub agreement: Option<String>,
    pub clause: String,
    /// Parts per million.
    pub promised: u64,
    pub judged: u64,
    pub breached: u64,
    pub lines: Vec<PaperLine>,
    /// SHA-256 of the sealed document.
    pub seal: Option<String>,
}

/// One link. Times are milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct PaperLine {
    pub link: String,
    pub cid: String,
    pub ends: String,
    pub down: u64,
    pub unknown: u64,
    pub excluded: u64,
    /// Down-time beyond what the objective allows.
    pub over: u64,
    /// Up and all of the counted time: every unknown moment was down, and was up.
    pub lower: [u64; 2],
    pub upper: [u64; 2],
    pub sent: u64,
    pub lost: u64,
    pub sent_down: u64,
    pub lost_down: u64,
}

impl PaperText {
    pub(super) fn en(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let title = if self.quality { "Quality notice" } else { "Notice of breach" };
        writeln!(out, "{title} {}", self.number.as_deref().unwrap_or("(draft)"))?;
        writeln!(out, "To: {}, period {}", self.carrier, self.period)?;
        let promised = percent(self.promised);
        match &self.agreement {
            Some(agreement) => {
                writeln!(out, "Agreement {agreement}, {}: availability at least {promised}", self.clause)?
            }
            None => writeln!(out, "No agreement was in force; measured against availability of {promised}")?,
        }
        let said = if self.quality { "below it" } else { "broke it" };
        writeln!(out, "{} of {} links {said}:", self.breached, self.judged)?;
        for line in &self.lines {
            let PaperLine { link, cid, ends, sent, lost, sent_down, lost_down, .. } = line;
            writeln!(out, "- {cid} ({link}, {ends})")?;
            let (down, over) = (seconds(line.down), seconds(line.over));
            writeln!(
                out,
                "  down {down}, {over} more than allowed; unknown {}, left out {}",
                seconds(line.unknown),
                seconds(line.excluded)
            )?;
            writeln!(out, "  availability {} to {}", share(line.lower), share(line.upper))?;
            writeln!(out, "  probes: {lost} of {sent} lost while up, {lost_down} of {sent_down} while down")?;
        }
        match self.breached.saturating_sub(self.lines.len() as u64) {
            0 => {}
            others => writeln!(out, "and {others} others")?,
        }
        self.seal.as_ref().map_or(Ok(()), |seal| write!(out, "SHA-256 {seal}"))
    }

    pub(super) fn zh_cn(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let title = if self.quality { "质量通报" } else { "违约通知书" };
        writeln!(out, "{title} {}", self.number.as_deref().unwrap_or("（草稿）"))?;
        writeln!(out, "致：{}　考核期：{}", self.carrier, self.period)?;
        let promised = percent(self.promised);
        match &self.agreement {
            Some(agreement) => writeln!(out, "依据：协议 {agreement} {}，可用率不低于 {promised}", self.clause)?,
            None => writeln!(out, "考核期内无生效协议；对照值：可用率 {promised}")?,
        }
        writeln!(out, "{} 条电路中 {} 条不达标：", self.judged, self.breached)?;
        for line in &self.lines {
            let PaperLine { link, cid, ends, sent, lost, sent_down, lost_down, .. } = line;
            writeln!(out, "- {cid}（{link}，{ends}）")?;
            let (down, over) = (seconds(line.down), seconds(line.over));
            writeln!(
                out,
                "  中断 {down}，超出允许 {over}；未知 {}，不计 {}",
                seconds(line.unknown),
                seconds(line.excluded)
            )?;
            writeln!(out, "  可用率 {} 至 {}", share(line.lower), share(line.upper))?;
            writeln!(out, "  探测：通时发 {sent} 丢 {lost}，断时发 {sent_down} 丢 {lost_down}")?;
        }
        match self.breached.saturating_sub(self.lines.len() as u64) {
            0 => {}
            others => writeln!(out, "另有 {others} 条")?,
        }
        self.seal.as_ref().map_or(Ok(()), |seal| write!(out, "SHA-256 {seal}"))
    }
}

/// To the millisecond, as the ledger counts.
pub fn seconds(millis: u64) -> String {
    format!("{}.{:03} s", millis / 1_000, millis % 1_000)
}

/// The sum itself, and what it comes to: truncated, never rounded.
pub fn share([part, whole]: [u64; 2]) -> String {
    let ppm = u128::from(part) * 1_000_000 / u128::from(whole.max(1));
    format!("{part}/{whole} ms = {}.{:04} %", ppm / 10_000, ppm % 10_000)
}

fn percent(ppm: u64) -> String {
    let text = format!("{}.{:04}", ppm / 10_000, ppm % 10_000);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paper(quality: bool) -> PaperText {
        PaperText {
            quality,
            number: None,
            carrier: "carrier-a".into(),
            period: "2026-10".into(),
            agreement: (!quality).then(|| "协议 1".to_owned()),
            clause: "第 3 条".into(),
            promised: 999_000,
            judged: 40,
            breached: 2,
            lines: vec![PaperLine {
                link: "LL-1".into(),
                cid: "C-1".into(),
                ends: "甲 → 乙".into(),
                down: 7_200_001,
                unknown: 0,
                excluded: 0,
                over: 4_521_601,
                lower: [2_671_199_999, 2_678_400_000],
                upper: [2_671_199_999, 2_678_400_000],
                sent: 100,
                lost: 1,
                sent_down: 9,
                lost_down: 9,
            }],
            seal: None,
        }
    }

    #[test]
    fn without_an_agreement_nobody_is_told_of_a_breach() {
        for quality in [true, false] {
            let (mut zh, mut en) = (String::new(), String::new());
            paper(quality).zh_cn(&mut zh).unwrap();
            paper(quality).en(&mut en).unwrap();
            assert_eq!((zh.contains("违约"), en.contains("breach")), (!quality, !quality), "{zh}{en}");
            assert!(zh.contains("7200.001 s") && zh.contains("= 99.7311 %") && zh.contains("另有 1 条"), "{zh}");
            assert!(en.contains("at least 99.9 %") || quality, "{en}");
        }
    }
}
