//! What is said about contract files, in both languages.

mod assessed;

use std::fmt;

use chrono::NaiveDate;

pub use self::assessed::{AssessedText, RunSaid};
use super::{Language, Message, some};
use crate::diagnostic::Place;

/// What is said below one period of a draft.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beside {
    /// Loss and RTT by month.
    pub quality: Vec<String>,
    pub deductions: Vec<String>,
}

/// One thing to say about a contract.
#[derive(Clone, Debug, PartialEq)]
pub enum ContractText {
    HolidayYearTwice {
        year: i32,
        first: Place,
    },
    HolidayOutside {
        year: i32,
    },
    HolidayTwice {
        day: NaiveDate,
        other: String,
    },
    WorkingDayIsNone {
        day: NaiveDate,
    },
    HolidaysHelp,
    YearsWithoutHolidays {
        years: Vec<i32>,
    },
    YearsHelp,
    UnknownName {
        name: String,
    },
    NotAnAnswer {
        value: String,
    },
    CalendarWithoutHours,
    CalendarWithoutHoursHelp,
    HoursWrong {
        text: String,
    },
    HoursWrongHelp,
    CalendarNeverOpens,
    CalendarNeverOpensHelp,
    BoundNotOne,
    BoundNotOneHelp,
    NoLinksSection,
    NoLinksSectionHelp,
    WrongMeasure {
        objective: String,
        measure: &'static str,
    },
    WrongMeasureHelp,
    PeriodNotJudged {
        measure: &'static str,
        period: &'static str,
    },
    PeriodNotJudgedHelp,
    ReachOfAgreement,
    ReachOfAgreementHelp,
    PeriodNotCounted {
        period: &'static str,
    },
    PeriodNotCountedHelp,
    Assessed(Box<AssessedText>),
    ExplainIdle,
    ExplainWaits,
    /// A ladder that nothing watched can climb.
    LadderWaits {
        ladder: String,
        classes: Vec<String>,
    },
    ExplainUnjudged,
    /// `beside`: loss and RTT by month, and deductions.
    Simulated {
        link: String,
        period: String,
        verdict: &'static str,
        down: u64,
        unknown: u64,
        beside: Box<Beside>,
    },
    NothingSimulated,
    NoSuchClock {
        clock: &'static str,
    },
    NoSuchClockHelp,
    AmountUnclear,
    AmountUnclearHelp,
    AmountsOutOfOrder,
    AmountsOutOfOrderHelp,
    NoSuchCarrier {
        carrier: String,
    },
    NoSuchCarrierHelp,
    NoSuchContract {
        name: String,
        known: Vec<String>,
    },
    NoSuchService {
        service: String,
        closest: Option<String>,
    },
    ExplainObjectives,
    ExplainClass {
        id: String,
        zh: String,
        en: String,
    },
    ExplainAgreement {
        number: String,
        from: NaiveDate,
        to: NaiveDate,
    },
    ExplainNoAgreement {
        carrier: String,
    },
    ExplainLinks,
    ExplainAssessment,
    ExplainDuties,
    ExplainGeneral,
    ExplainByHand,
    ExplainCalendars,
    ExplainSwitches,
    ExplainBySwitch {
        switch: String,
    },
    ExplainSource {
        source: &'static str,
    },
    ExplainClause {
        clause: String,
    },
    CheckedContract {
        name: String,
        classes: usize,
        objectives: usize,
        switches: usize,
        services: usize,
    },
}

impl From<ContractText> for Message {
    fn from(text: ContractText) -> Self {
        Self::Contract(text)
    }
}

impl ContractText {
    pub(super) fn write(&self, language: Language, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match language {
            Language::ZhCn => self.zh_cn(out),
            Language::En => self.en(out),
        }
    }

    fn en(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HolidayYearTwice { year, first } => write!(out, "{year} was read from {first} already"),
            Self::HolidayOutside { year } => {
                write!(out, "this holiday does not lie in {year}, or ends before it begins")
            }
            Self::HolidayTwice { day, other } => write!(out, "{day} is a day of {other} already"),
            Self::WorkingDayIsNone { day } => write!(out, "{day} is no weekend day that work could be made up on"),
            Self::YearsWithoutHolidays { years } => {
                let years = years.iter().map(i32::to_string).collect::<Vec<_>>().join(", ");
                write!(out, "no file of holidays for {years}: clocks on working days would run through the holidays")
            }
            Self::YearsHelp => write!(
                out,
                "add the file of the year to `holidays` as soon as it is decreed; until then Monday to Friday count"
            ),
            Self::HolidaysHelp => write!(out, "compare with the decree that `source` names; one file per year"),
            Self::UnknownName { name } => write!(out, "nothing here is called `{name}`"),
            Self::NotAnAnswer { value } => write!(out, "`{value}` is not among the answers of this switch"),
            Self::CalendarWithoutHours => write!(out, "a calendar has either `hours` or `except`"),
            Self::CalendarWithoutHoursHelp => {
                write!(out, "write `hours: always`, `hours: [\"08:00-18:00\"]` or `except: other-calendar`")
            }
            Self::HoursWrong { text } => write!(out, "`{text}` is not a span of hours"),
            Self::HoursWrongHelp => {
                write!(
                    out,
                    "write `\"08:00-18:00\"`, in order and apart; the last may end after midnight: `\"22:00-06:00\"`"
                )
            }
            Self::CalendarNeverOpens => write!(out, "this calendar never opens: no clock on it would ever run out"),
            Self::CalendarNeverOpensHelp => write!(out, "give it days and hours"),
            Self::BoundNotOne => write!(out, "a limit is one of `at_least`, `above`, `at_most` and `below`"),
            Self::BoundNotOneHelp => {
                write!(out, "write `{{at_least: 99.9 %}}`, or `{{below: 5 %}}` for one that is broken at the limit")
            }
            Self::NoLinksSection => {
                write!(out, "the folder has links, and the contract does not say how to judge them")
            }
            Self::NoLinksSectionHelp => write!(out, "add a section `links:`; docs/contracts.md shows one"),
            Self::WrongMeasure { objective, measure } => {
                write!(out, "objective `{objective}` has no limit for `{measure}` of links")
            }
            Self::PeriodNotJudged { measure, period } => {
                write!(out, "{measure} of links cannot be judged over `{period}`")
            }
            Self::PeriodNotJudgedHelp => {
                write!(
                    out,
                    "write month, quarter or year: accounts are kept by civil month, and a period is made of whole ones"
                )
            }
            Self::ReachOfAgreement => {
                write!(out, "an agreement is judged circuit by circuit: it promises nothing of all of them together")
            }
            Self::ReachOfAgreementHelp => write!(
                out,
                "leave `reach` out or write `link`; what the city is promised of all links together stands in contract.yaml"
            ),
            Self::PeriodNotCounted { period } => write!(out, "nothing is counted over `{period}` here"),
            Self::PeriodNotCountedHelp => write!(out, "write quarter or year"),
            Self::Assessed(text) => text.en(out),
            Self::Simulated { link, period, verdict, down, unknown, beside } => {
                let Beside { quality, deductions } = &**beside;
                write!(out, "{link}  {period}  {verdict}  down {down} s  unknown {unknown} s")?;
                quality.iter().try_for_each(|month| write!(out, "\n  {month}"))?;
                deductions
                    .iter()
                    .try_for_each(|one| write!(out, "\n  may be deducted (the customer decides; never summed): {one}"))
            }
            Self::NothingSimulated => write!(out, "no account is stored of these months"),
            Self::ExplainIdle => write!(out, "(recorded, decides nothing yet)"),
            Self::LadderWaits { ladder, classes } => {
                write!(out, "ladder {ladder} calls nobody: no link or service is of {}", some(classes))
            }
            Self::ExplainWaits => write!(out, "(decides once the folder has links)"),
            Self::ExplainUnjudged => write!(out, "(shown, judged by nothing here)"),
            Self::WrongMeasureHelp => {
                write!(
                    out,
                    "availability is a share `at_least`, rtt a length of time `at_most`, loss `at_most` or `below`"
                )
            }
            Self::NoSuchClock { clock } => write!(out, "this tier of links has no operator's clock `{clock}`"),
            Self::NoSuchClockHelp => {
                write!(out, "tiers of links have a level, and `response` and `restore` as lengths of time")
            }
            Self::AmountUnclear => write!(out, "this is neither an amount nor a share of one"),
            Self::AmountUnclearHelp => write!(
                out,
                "write `{{yuan: 5000}}`, `{{share: 3 %, of: item_quote}}` or `{{share: 1 %, of: item_budget, a_day: started, at_most: 10 %}}`"
            ),
            Self::AmountsOutOfOrder => write!(out, "of several amounts each but the last has its `up_to`, rising"),
            Self::AmountsOutOfOrderHelp => write!(out, "begin with the shortest time; the last holds for all beyond"),
            Self::NoSuchCarrier { carrier } => write!(out, "the inventory has no carrier `{carrier}`"),
            Self::NoSuchCarrierHelp => {
                write!(out, "write an id of carriers.yaml: an agreement is cited to its carrier only")
            }
            Self::NoSuchContract { name, known } => {
                write!(out, "no folder `{name}` with a contract; there are: {}", some(known))
            }
            Self::NoSuchService { service, closest: Some(closest) } => {
                write!(out, "requirements.csv has no `{service}`; did you mean `{closest}`?")
            }
            Self::NoSuchService { service, closest: None } => write!(out, "requirements.csv has no `{service}`"),
            Self::ExplainObjectives => write!(out, "objectives"),
            Self::ExplainClass { id, en, .. } => write!(out, "incidents: {en} ({id})"),
            Self::ExplainAgreement { number, from, to } => {
                write!(out, "agreement with the carrier: {number}, {from} to {to}")
            }
            Self::ExplainNoAgreement { carrier } => {
                write!(out, "no agreement with {carrier} was supplied: no clock of the carrier runs")
            }
            Self::ExplainLinks => write!(out, "how links are judged"),
            Self::ExplainAssessment => {
                write!(out, "penalties and points: candidates, for the customer to decide; never summed")
            }
            Self::ExplainDuties => write!(out, "duties"),
            Self::ExplainGeneral => write!(out, "closing, flaps and planned work"),
            Self::ExplainByHand => write!(out, "evidence to be supplied by hand: never shown as met without it"),
            Self::ExplainCalendars => write!(out, "calendars"),
            Self::ExplainSwitches => write!(out, "switches: what the text leaves open"),
            Self::ExplainBySwitch { switch } => write!(out, "(switch {switch})"),
            Self::ExplainSource { source: "by_hand" } => write!(out, "(evidence by hand)"),
            Self::ExplainSource { source: "imported" } => write!(out, "(from other systems)"),
            Self::ExplainSource { .. } => write!(out, "(measured)"),
            Self::ExplainClause { clause } => write!(out, "[{clause}]"),
            Self::CheckedContract { name, classes, objectives, switches, services } => write!(
                out,
                "{name}: a contract without links: {objectives} objectives, {classes} classes of incidents, {switches} switches, {services} requirements"
            ),
        }
    }

    fn zh_cn(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HolidayYearTwice { year, first } => write!(out, "{year} 年已在 {first} 写过"),
            Self::HolidayOutside { year } => write!(out, "该假期不在 {year} 年内，或结束早于开始"),
            Self::HolidayTwice { day, other } => write!(out, "{day} 已属于{other}假期"),
            Self::WorkingDayIsNone { day } => write!(out, "{day} 不是可以调休上班的周末"),
            Self::YearsWithoutHolidays { years } => {
                let years = years.iter().map(i32::to_string).collect::<Vec<_>>().join("、");
                write!(out, "没有 {years} 年的节假日文件：按工作日计的时限会把节假日也算进去")
            }
            Self::YearsHelp => {
                write!(out, "国务院办公厅通知发布后把当年文件加入 `holidays`；在此之前按周一至周五计")
            }
            Self::HolidaysHelp => write!(out, "对照 `source` 所写的通知；每年一个文件"),
            Self::UnknownName { name } => write!(out, "此处没有名为 `{name}` 的项"),
            Self::NotAnAnswer { value } => write!(out, "`{value}` 不是该开关的可选值"),
            Self::CalendarWithoutHours => write!(out, "日历应写 `hours` 或 `except` 之一"),
            Self::CalendarWithoutHoursHelp => {
                write!(out, "写 `hours: always`、`hours: [\"08:00-18:00\"]` 或 `except: 另一日历`")
            }
            Self::HoursWrong { text } => write!(out, "`{text}` 不是时段"),
            Self::HoursWrongHelp => {
                write!(out, "写 `\"08:00-18:00\"`，按先后且不重叠；最后一段可跨过午夜：`\"22:00-06:00\"`")
            }
            Self::CalendarNeverOpens => write!(out, "该日历从不开放：其上的时钟永不到期"),
            Self::CalendarNeverOpensHelp => write!(out, "写明日期和时段"),
            Self::BoundNotOne => write!(out, "限值应为 `at_least`、`above`、`at_most`、`below` 之一"),
            Self::BoundNotOneHelp => write!(out, "写 `{{at_least: 99.9 %}}`；达到即违反的写 `{{below: 5 %}}`"),
            Self::NoLinksSection => write!(out, "目录中有链路，而合同没有写如何判定链路"),
            Self::NoLinksSectionHelp => write!(out, "补上 `links:` 一节，见 docs/contracts.md"),
            Self::WrongMeasure { objective, measure } => write!(out, "目标 `{objective}` 没有链路 `{measure}` 的限值"),
            Self::PeriodNotJudged { measure, period } => write!(out, "链路的 {measure} 不能按 `{period}` 判定"),
            Self::PeriodNotJudgedHelp => write!(out, "写 month、quarter 或 year：台账按自然月记，周期由整月组成"),
            Self::ReachOfAgreement => write!(out, "运营商协议按每条电路判定，不能对全部电路合并承诺"),
            Self::ReachOfAgreementHelp => {
                write!(out, "不写 `reach` 或写 `link`；对全部链路合并的承诺写在 contract.yaml")
            }
            Self::PeriodNotCounted { period } => write!(out, "此处不按 `{period}` 计数"),
            Self::PeriodNotCountedHelp => write!(out, "写 quarter 或 year"),
            Self::Assessed(text) => text.zh_cn(out),
            Self::Simulated { link, period, verdict, down, unknown, beside } => {
                let Beside { quality, deductions } = &**beside;
                write!(out, "{link}  {period}  {verdict}  中断 {down} 秒  未知 {unknown} 秒")?;
                quality.iter().try_for_each(|month| write!(out, "\n  {month}"))?;
                deductions.iter().try_for_each(|one| write!(out, "\n  可能扣款（待甲方认定，不相加）：{one}"))
            }
            Self::NothingSimulated => write!(out, "所选月份没有已存的台账"),
            Self::ExplainIdle => write!(out, "（已记录，尚不影响任何判定）"),
            Self::LadderWaits { ladder, classes } => {
                write!(out, "升级阶梯 {ladder} 不会呼叫任何人：没有链路或服务属于 {}", some(classes))
            }
            Self::ExplainWaits => write!(out, "（目录中有链路后即起作用）"),
            Self::ExplainUnjudged => write!(out, "（仅展示，本程序不据此判定）"),
            Self::WrongMeasureHelp => {
                write!(
                    out,
                    "availability 为 `at_least` 百分数，rtt 为 `at_most` 时长，loss 为 `at_most` 或 `below` 百分数"
                )
            }
            Self::NoSuchClock { clock } => write!(out, "该链路等级没有运维方的 `{clock}` 时钟"),
            Self::NoSuchClockHelp => write!(out, "链路等级要有 level，并以时长写明 `response` 和 `restore`"),
            Self::AmountUnclear => write!(out, "这既不是金额，也不是某金额的比例"),
            Self::AmountUnclearHelp => write!(
                out,
                "写 `{{yuan: 5000}}`、`{{share: 3 %, of: item_quote}}` 或 `{{share: 1 %, of: item_budget, a_day: started, at_most: 10 %}}`"
            ),
            Self::AmountsOutOfOrder => write!(out, "写多个金额时，除最后一个外都要有递增的 `up_to`"),
            Self::AmountsOutOfOrderHelp => write!(out, "从最短的时间写起；最后一个适用于更长的时间"),
            Self::NoSuchCarrier { carrier } => write!(out, "清册中没有运营商 `{carrier}`"),
            Self::NoSuchCarrierHelp => write!(out, "写 carriers.yaml 中的编号：协议只对其运营商引用"),
            Self::NoSuchContract { name, known } => write!(out, "没有带合同的目录 `{name}`；现有：{}", some(known)),
            Self::NoSuchService { service, closest: Some(closest) } => {
                write!(out, "requirements.csv 中没有 `{service}`；是否为 `{closest}`？")
            }
            Self::NoSuchService { service, closest: None } => write!(out, "requirements.csv 中没有 `{service}`"),
            Self::ExplainObjectives => write!(out, "目标"),
            Self::ExplainClass { id, zh, .. } => write!(out, "事件：{zh}（{id}）"),
            Self::ExplainAgreement { number, from, to } => write!(out, "运营商协议：{number}，{from} 至 {to}"),
            Self::ExplainNoAgreement { carrier } => write!(out, "未提供与{carrier}的协议：运营商的时钟不走"),
            Self::ExplainLinks => write!(out, "链路如何判定"),
            Self::ExplainAssessment => write!(out, "扣款与考核：候选项，待甲方认定，绝不相加"),
            Self::ExplainDuties => write!(out, "义务"),
            Self::ExplainGeneral => write!(out, "关闭条件、抖动合并与计划作业"),
            Self::ExplainByHand => write!(out, "须人工提供的证据：没有证据绝不显示为达标"),
            Self::ExplainCalendars => write!(out, "日历"),
            Self::ExplainSwitches => write!(out, "开关：合同文本未定之处"),
            Self::ExplainBySwitch { switch } => write!(out, "（开关 {switch}）"),
            Self::ExplainSource { source: "by_hand" } => write!(out, "（人工提供证据）"),
            Self::ExplainSource { source: "imported" } => write!(out, "（来自其他系统）"),
            Self::ExplainSource { .. } => write!(out, "（实测）"),
            Self::ExplainClause { clause } if clause == "default, not from contract" => write!(out, "［默认，非合同］"),
            Self::ExplainClause { clause } => write!(out, "［{clause}］"),
            Self::CheckedContract { name, classes, objectives, switches, services } => write!(
                out,
                "{name}：没有链路的合同：{objectives} 项目标、{classes} 类事件、{switches} 个开关、{services} 项需求"
            ),
        }
    }
}
