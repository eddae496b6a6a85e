//! What is said about a made-up month: its clocks, what may be deducted, and its points.

use std::fmt;

use super::{ContractText, Message};

/// How a clock of a made-up fault went.
#[derive(Clone, Debug, PartialEq)]
pub enum RunSaid {
    Kept {
        due: String,
        done: String,
    },
    Late {
        due: String,
        done: String,
        by: String,
    },
    /// `event`: as contracts call it.
    StartNotStated {
        event: &'static str,
    },
    EndNotStated {
        due: String,
    },
}

/// One line about a made-up month.
#[derive(Clone, Debug, PartialEq)]
pub enum AssessedText {
    /// `number` counts from 1.
    Fault {
        number: usize,
        target: String,
        at: String,
    },
    /// `tier`: class and tier, such as `link/network`.
    Run {
        tier: String,
        clock: &'static str,
        party: &'static str,
        said: RunSaid,
        clause: String,
    },
    Deduction {
        text: String,
    },
    /// One penalty over all events. `yuan`: `None` while something is missing of one of them.
    Sum {
        penalty: String,
        count: usize,
        yuan: Option<String>,
        clause: String,
    },
    NeverSummed,
    /// `runs`: it is not over.
    Quarter {
        quarter: String,
        runs: bool,
    },
    /// Points as `12.00`.
    Item {
        item: String,
        points: String,
        full: u32,
    },
    /// `each`: points for each; `None`: the first takes all.
    Taken {
        rule: String,
        count: u32,
        each: Option<u32>,
        clause: String,
    },
    Total {
        total: String,
        lost: String,
        missing: Vec<String>,
        vetoed: Vec<String>,
    },
    Year {
        year: i32,
        mean: String,
        band: Option<String>,
        withheld: String,
        decided_by: Option<String>,
        vetoed: Vec<String>,
    },
    NothingMadeUp,
    OnlyCounts,
    OnlyCountsHelp,
    NoTarget,
    NoTargetHelp,
    NotAQuarter {
        text: String,
    },
    NotAQuarterHelp,
    TooMany {
        most: usize,
    },
    TooManyHelp,
    OutOfTime,
    OutOfTimeHelp,
}

impl From<AssessedText> for Message {
    fn from(text: AssessedText) -> Self {
        Self::Contract(ContractText::Assessed(Box::new(text)))
    }
}

impl AssessedText {
    pub(super) fn en(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault { number, target, at } => write!(out, "fault {number}  {target}  {at}"),
            Self::Run { tier, clock, party, said, clause } => {
                write!(out, "  {tier}  {clock}  {party}  ")?;
                match said {
                    RunSaid::Kept { due, done } => write!(out, "kept: due {due}, done {done}")?,
                    RunSaid::Late { due, done, by } => write!(out, "late by {by}: due {due}, done {done}")?,
                    RunSaid::StartNotStated { event } => write!(out, "does not run: nobody stated when `{event}` was")?,
                    RunSaid::EndNotStated { due } => write!(out, "due {due}: nobody stated when it was done")?,
                }
                write!(out, "  [{clause}]")
            }
            Self::Deduction { text } => {
                write!(out, "  may be deducted (the customer decides; never summed with others): {text}")
            }
            Self::Sum { penalty, count, yuan: Some(yuan), clause } => {
                write!(out, "{penalty}  {count} x  {yuan} yuan  [{clause}]")
            }
            Self::Sum { penalty, count, yuan: None, clause } => {
                write!(out, "{penalty}  {count} x  ? yuan, something is missing  [{clause}]")
            }
            Self::NeverSummed => write!(
                out,
                "sums are of one penalty over several events; whether two penalties hit one event is for the customer to say"
            ),
            Self::Quarter { quarter, runs: false } => write!(out, "points of {quarter}"),
            Self::Quarter { quarter, runs: true } => write!(out, "points of {quarter}, which is not over"),
            Self::Item { item, points, full } => write!(out, "  {item}  {points} of {full}"),
            Self::Taken { rule, count, each: Some(each), clause } => {
                write!(out, "    {rule}  {count} x {each}  [{clause}]")
            }
            Self::Taken { rule, count, each: None, clause } => {
                write!(out, "    {rule}  {count} x, the first takes all  [{clause}]")
            }
            Self::Total { total, lost, missing, vetoed } => {
                write!(out, "  total {total}, lost {lost}")?;
                if !vetoed.is_empty() {
                    write!(out, "; veto: {}", vetoed.join(", "))?;
                }
                match missing.as_slice() {
                    [] => Ok(()),
                    missing => write!(out, "; taken as none, for nobody stated it: {}", missing.join(", ")),
                }
            }
            Self::Year { year, mean, band, withheld, decided_by, vetoed } => {
                let band = band.as_deref().unwrap_or("–");
                write!(out, "{year}  mean {mean} of its quarters  band {band}  withheld {withheld} of the bond")?;
                if let Some(switch) = decided_by {
                    write!(out, "  (switch {switch})")?;
                }
                if !vetoed.is_empty() {
                    write!(out, "  veto: {}", vetoed.join(", "))?;
                }
                Ok(())
            }
            Self::NothingMadeUp => write!(out, "the file has neither faults nor counts"),
            Self::OnlyCounts => write!(out, "the file makes up faults beside those that are stored"),
            Self::OnlyCountsHelp => write!(out, "leave `counts` only, or judge the whole file with `--faults`"),
            Self::NoTarget => write!(out, "nothing says just what failed"),
            Self::NoTargetHelp => write!(
                out,
                "write `link: LL-0001` or `service:` with an id of requirements.csv; `target: device` beside or without them"
            ),
            Self::NotAQuarter { text } => write!(out, "`{text}` is no quarter"),
            Self::NotAQuarterHelp => write!(out, "write a year and a quarter, such as `2026-Q4`"),
            Self::TooMany { most } => write!(out, "there are more than {most} faults"),
            Self::TooManyHelp => write!(out, "leave some out, or judge them in several files"),
            Self::OutOfTime => {
                write!(out, "this fault is more than ten years from the first, or not between 2000 and 2100")
            }
            Self::OutOfTimeHelp => write!(out, "write times of one story, such as `2026-10-08T09:00:00+08:00`"),
        }
    }

    pub(super) fn zh_cn(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault { number, target, at } => write!(out, "故障 {number}  {target}  {at}"),
            Self::Run { tier, clock, party, said, clause } => {
                write!(out, "  {tier}  {clock}  {party}  ")?;
                match said {
                    RunSaid::Kept { due, done } => write!(out, "按时：时限 {due}，完成 {done}")?,
                    RunSaid::Late { due, done, by } => write!(out, "超时 {by}：时限 {due}，完成 {done}")?,
                    RunSaid::StartNotStated { event } => write!(out, "不计时：未说明 `{event}` 的时间")?,
                    RunSaid::EndNotStated { due } => write!(out, "时限 {due}：未说明何时完成")?,
                }
                write!(out, "  ［{clause}］")
            }
            Self::Deduction { text } => write!(out, "  可能扣款（待甲方认定，不与其他项相加）：{text}"),
            Self::Sum { penalty, count, yuan: Some(yuan), clause } => {
                write!(out, "{penalty}  {count} 次  {yuan} 元  ［{clause}］")
            }
            Self::Sum { penalty, count, yuan: None, clause } => {
                write!(out, "{penalty}  {count} 次  金额待定，缺少材料  ［{clause}］")
            }
            Self::NeverSummed => write!(out, "合计只是同一条款对多次事件之和；两条款能否并罚待甲方认定"),
            Self::Quarter { quarter, runs: false } => write!(out, "{quarter} 考核得分"),
            Self::Quarter { quarter, runs: true } => write!(out, "{quarter} 考核得分（季度未结束）"),
            Self::Item { item, points, full } => write!(out, "  {item}  {points} 分，满分 {full}"),
            Self::Taken { rule, count, each: Some(each), clause } => {
                write!(out, "    {rule}  {count} 次，每次扣 {each} 分  ［{clause}］")
            }
            Self::Taken { rule, count, each: None, clause } => {
                write!(out, "    {rule}  {count} 次，出现即不得分  ［{clause}］")
            }
            Self::Total { total, lost, missing, vetoed } => {
                write!(out, "  总得分 {total}，失分 {lost}")?;
                if !vetoed.is_empty() {
                    write!(out, "；一票否决：{}", vetoed.join("、"))?;
                }
                match missing.as_slice() {
                    [] => Ok(()),
                    missing => write!(out, "；未提供而按零计：{}", missing.join("、")),
                }
            }
            Self::Year { year, mean, band, withheld, decided_by, vetoed } => {
                let band = band.as_deref().unwrap_or("–");
                write!(out, "{year} 年  各季度平均 {mean}  档次 {band}  扣履约保证金的 {withheld}")?;
                if let Some(switch) = decided_by {
                    write!(out, "（开关 {switch}）")?;
                }
                if !vetoed.is_empty() {
                    write!(out, "  一票否决：{}", vetoed.join("、"))?;
                }
                Ok(())
            }
            Self::NothingMadeUp => write!(out, "文件中既没有故障也没有计数"),
            Self::OnlyCounts => write!(out, "文件在已记录的事件之外又虚构了故障"),
            Self::OnlyCountsHelp => write!(out, "只保留 `counts`，或用 `--faults` 单独试算整个文件"),
            Self::NoTarget => write!(out, "没有写明是什么故障"),
            Self::NoTargetHelp => {
                write!(out, "写 `link: LL-0001`，或 `service:` 加 requirements.csv 的编号；也可写 `target: device`")
            }
            Self::NotAQuarter { text } => write!(out, "`{text}` 不是季度"),
            Self::NotAQuarterHelp => write!(out, "写年份和季度，例如 `2026-Q4`"),
            Self::TooMany { most } => write!(out, "故障超过 {most} 条"),
            Self::TooManyHelp => write!(out, "删去一些，或分几个文件"),
            Self::OutOfTime => write!(out, "该故障与第一条相隔十年以上，或不在 2000 至 2100 年之间"),
            Self::OutOfTimeHelp => write!(out, "写同一段时间内的时刻，例如 `2026-10-08T09:00:00+08:00`"),
        }
    }
}
