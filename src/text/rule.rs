//! What is said of operators' rules, in both languages.

use std::fmt::{Formatter, Result};

use super::Language;
use crate::diagnostic::Place;

#[derive(Clone, Debug, PartialEq)]
pub enum RuleMessage {
    /// What alarms of one rule say, in the rule's own words.
    AlarmSummary {
        simulated: bool,
        cleared: bool,
        zh_cn: String,
        en: String,
        /// Further links of which the same is said.
        more: usize,
    },
    /// In the compiler's words, English only.
    Syntax {
        cause: String,
    },
    SyntaxHelp,
    UnknownName {
        name: String,
    },
    UnknownNameHelp {
        closest: Option<&'static str>,
    },
    NotAvailable {
        what: String,
    },
    NotAvailableHelp,
    WrongType {
        found: &'static str,
        wanted: &'static str,
    },
    WrongTypeHelp,
    Divisor,
    DivisorHelp,
    Constant,
    ConstantHelp,
    TooLong {
        most: usize,
    },
    TooDeep {
        most: usize,
    },
    TooManyParts {
        most: usize,
    },
    TooLargeHelp,
    MessageTooLong {
        most: usize,
    },
    MessageTooLongHelp,
    UnknownWord {
        word: String,
    },
    BadName {
        name: String,
    },
    BadNameHelp {
        most: usize,
    },
    Duplicate {
        name: String,
        first: Place,
    },
    DuplicateHelp,
    TooMany {
        most: usize,
    },
    TooManyHelp,
    RepeatZero,
    RepeatZeroHelp,
    BadSeries {
        text: String,
    },
    BadSeriesHelp,
    BadRecord,
    BadRecordHelp,
    NoSuchRule {
        name: String,
    },
    StoryEnded {
        fine: bool,
    },
    Flaps {
        rule: String,
        raised: usize,
        most: usize,
    },
    NotExportable {
        rule: String,
        because: String,
    },
}

impl RuleMessage {
    pub(super) fn write(&self, language: Language, out: &mut Formatter<'_>) -> Result {
        match language {
            Language::ZhCn => self.zh_cn(out),
            Language::En => self.en(out),
        }
    }

    fn en(&self, out: &mut Formatter<'_>) -> Result {
        use RuleMessage::*;
        match self {
            AlarmSummary { simulated, cleared, en, more, .. } => {
                let mark = if *simulated { "[simulated] " } else { "" };
                let over = if *cleared { "over: " } else { "" };
                write!(out, "{mark}{over}{en}")?;
                if *more > 0 { write!(out, ", and {more} more") } else { Ok(()) }
            }
            Syntax { cause } => write!(out, "the condition is not CEL: {cause}"),
            SyntaxHelp => {
                write!(out, "compare variables, and join with `&&`, `||` and `!`: loss_1m > 0.05 && state != 'down'")
            }
            UnknownName { name } => write!(out, "there is no variable `{name}`"),
            UnknownNameHelp { closest: Some(closest) } => {
                write!(out, "did you mean `{closest}`? docs/rules.md lists all variables")
            }
            UnknownNameHelp { closest: None } => write!(out, "docs/rules.md lists all variables"),
            NotAvailable { what } => write!(out, "`{what}` is not available in a condition"),
            NotAvailableHelp => write!(
                out,
                "available are variables, numbers, texts, && || ! == != < <= > >= + - * / ?: in, startsWith, endsWith and \
                 contains"
            ),
            WrongType { found, wanted } => write!(out, "this is {found}, and {wanted} is needed here"),
            WrongTypeHelp => write!(out, "numbers stand bare, texts in quotation marks; a condition is true or false"),
            Divisor => write!(out, "a quotient that may have no value"),
            DivisorHelp => write!(out, "divide only by a number other than zero; instead of a / b > 2 write a > 2 * b"),
            Constant => write!(out, "the condition asks nothing of the link"),
            ConstantHelp => write!(out, "compare a variable; docs/rules.md lists them"),
            TooLong { most } => write!(out, "the condition is longer than {most} letters"),
            TooDeep { most } => write!(out, "brackets nest deeper than {most}"),
            TooManyParts { most } => write!(out, "the condition has more than {most} parts"),
            TooLargeHelp => write!(out, "make several rules of it"),
            MessageTooLong { most } => write!(out, "the message is longer than {most} letters"),
            MessageTooLongHelp => write!(out, "say what is wrong and what to do in one or two sentences"),
            UnknownWord { word } => write!(out, "nothing has the name `{word}`, so this is never so"),
            BadName { name } => write!(out, "`{name}` cannot be a name"),
            BadNameHelp { most } => write!(out, "use letters, digits, `-` and `_`, at most {most} of them"),
            Duplicate { name, first } => write!(out, "rule `{name}` exists already, at {first}"),
            DuplicateHelp => write!(out, "give each rule of a contract its own name"),
            TooMany { most } => write!(out, "more than {most} rules"),
            TooManyHelp => write!(out, "each rule is judged for every link: take out what nobody acts on"),
            RepeatZero => write!(out, "told again after no time"),
            RepeatZeroHelp => write!(out, "write a length of time such as `4h`, or leave `repeat` out to be told once"),
            BadSeries { text } => write!(out, "`{text}` is not a series"),
            BadSeriesHelp => {
                write!(out, "write values with blanks between: `0.001x5 _x3 0.08` is six values, three gaps, one value")
            }
            BadRecord => write!(out, "this is not a row of a recording"),
            BadRecordHelp => {
                write!(out, "the first line is `at` and names of variables, then rising seconds and a value each")
            }
            NoSuchRule { name } => write!(out, "the stories expect rule `{name}`, which none of their rule files has"),
            StoryEnded { fine: true } => write!(out, "as expected"),
            StoryEnded { fine: false } => write!(out, "not as expected (- expected, + happened)"),
            Flaps { rule, raised, most } => write!(out, "{rule} fires {raised} times; the story allows {most}"),
            NotExportable { rule, because } => {
                write!(out, "not exported: {rule}, because Prometheus cannot judge `{because}` exactly as we do")
            }
        }
    }

    fn zh_cn(&self, out: &mut Formatter<'_>) -> Result {
        use RuleMessage::*;
        let kind = |kind: &str| match kind {
            "number" => "数字",
            "text" => "文本",
            _ => "真假值",
        };
        match self {
            AlarmSummary { simulated, cleared, zh_cn, more, .. } => {
                let mark = if *simulated { "【模拟】" } else { "" };
                let over = if *cleared { "已解除：" } else { "" };
                write!(out, "{mark}{over}{zh_cn}")?;
                if *more > 0 { write!(out, "，另有 {more} 条") } else { Ok(()) }
            }
            Syntax { cause } => write!(out, "条件不是合法的 CEL：{cause}"),
            SyntaxHelp => write!(out, "请比较变量，并用 `&&`、`||`、`!` 连接：loss_1m > 0.05 && state != 'down'"),
            UnknownName { name } => write!(out, "没有变量 `{name}`"),
            UnknownNameHelp { closest: Some(closest) } => {
                write!(out, "是否想写 `{closest}`？全部变量见 docs/rules.md")
            }
            UnknownNameHelp { closest: None } => write!(out, "全部变量见 docs/rules.md"),
            NotAvailable { what } => write!(out, "条件中不能使用 `{what}`"),
            NotAvailableHelp => write!(
                out,
                "可用：变量、数字、文本，&& || ! == != < <= > >= + - * / ?: in，以及 startsWith、endsWith、contains"
            ),
            WrongType { found, wanted } => write!(out, "此处是{}，需要{}", kind(found), kind(wanted)),
            WrongTypeHelp => write!(out, "数字直接书写，文本加引号；条件的结果须为真或假"),
            Divisor => write!(out, "这个商可能没有值"),
            DivisorHelp => write!(out, "只能除以非零数字；请把 a / b > 2 写成 a > 2 * b"),
            Constant => write!(out, "条件没有用到链路的任何变量"),
            ConstantHelp => write!(out, "请比较一个变量，见 docs/rules.md"),
            TooLong { most } => write!(out, "条件超过 {most} 个字符"),
            TooDeep { most } => write!(out, "括号嵌套超过 {most} 层"),
            TooManyParts { most } => write!(out, "条件超过 {most} 个部分"),
            TooLargeHelp => write!(out, "请拆成几条规则"),
            MessageTooLong { most } => write!(out, "消息超过 {most} 个字符"),
            MessageTooLongHelp => write!(out, "用一两句话说明问题和处理办法"),
            UnknownWord { word } => write!(out, "没有名为 `{word}` 的对象，此比较永远不成立"),
            BadName { name } => write!(out, "`{name}` 不能作名称"),
            BadNameHelp { most } => write!(out, "请用字母、数字、`-`、`_`，最多 {most} 个"),
            Duplicate { name, first } => write!(out, "规则 `{name}` 已在 {first} 定义"),
            DuplicateHelp => write!(out, "同一合同内每条规则须有唯一名称"),
            TooMany { most } => write!(out, "规则超过 {most} 条"),
            TooManyHelp => write!(out, "每条规则都要对每条链路计算：请删去无人处理的规则"),
            RepeatZero => write!(out, "重复间隔为零"),
            RepeatZeroHelp => write!(out, "请写时长，如 `4h`；省略 `repeat` 则只通知一次"),
            BadSeries { text } => write!(out, "`{text}` 不是数列"),
            BadSeriesHelp => write!(out, "用空格分隔各值：`0.001x5 _x3 0.08` 为六个值、三个空缺、一个值"),
            BadRecord => write!(out, "此行不是记录"),
            BadRecordHelp => write!(out, "首行为 `at` 和变量名，其后为递增的秒数及各变量的值"),
            NoSuchRule { name } => write!(out, "测试提到规则 `{name}`，但其规则文件中没有"),
            StoryEnded { fine: true } => write!(out, "符合预期"),
            StoryEnded { fine: false } => write!(out, "不符合预期（- 预期，+ 实际）"),
            Flaps { rule, raised, most } => write!(out, "{rule} 触发 {raised} 次，测试只允许 {most} 次"),
            NotExportable { rule, because } => {
                write!(out, "未导出：{rule}，Prometheus 无法与本系统完全一致地判断 `{because}`")
            }
        }
    }
}
