//! What is said of the steps of a service.

use std::fmt::{Formatter, Result};

use super::ServiceText;
use crate::text::{Language, Message};

#[derive(Clone, Debug, PartialEq)]
pub enum StepText {
    /// `kind`: as addresses begin.
    NotPages {
        kind: &'static str,
    },
    NotPagesHelp,
    NoSteps,
    NoStepsHelp,
    BadName {
        name: String,
    },
    BadNameHelp,
    BadUrl {
        url: String,
    },
    BadUrlHelp,
    /// Two keys that say the same thing otherwise.
    Together {
        key: &'static str,
        other: &'static str,
    },
    TogetherHelp {
        key: &'static str,
        other: &'static str,
    },
    /// A method that carries no body.
    NoBody {
        method: &'static str,
    },
    NoBodyHelp,
    CharsetOfNothing,
    CharsetOfNothingHelp,
    BadHeader {
        name: String,
    },
    BadHeaderHelp,
    BadExpression {
        text: String,
        error: String,
    },
    BadExpressionHelp,
    /// One step, as `once` tells it; `status`: 0 without an answer; `passed`: nothing when this host could not look.
    Told {
        name: String,
        took: std::time::Duration,
        status: u16,
        passed: Option<bool>,
    },
}

impl From<StepText> for Message {
    fn from(text: StepText) -> Self {
        Self::Service(ServiceText::Step(text))
    }
}

impl StepText {
    pub(super) fn write(&self, language: Language, out: &mut Formatter<'_>) -> Result {
        match language {
            Language::En => self.en(out),
            Language::ZhCn => self.zh_cn(out),
        }
    }

    fn en(&self, out: &mut Formatter<'_>) -> Result {
        use StepText::*;
        match self {
            NotPages { kind } => write!(out, "`steps` cannot be asked of a check of `{kind}`"),
            NotPagesHelp => write!(out, "steps are pages: write `http://…` or `https://…` as `url`, or leave them out"),
            NoSteps => write!(out, "a transaction is made of steps, and there are none"),
            NoStepsHelp => write!(out, "write `steps` too, or leave this out"),
            BadName { name } => write!(out, "`{name}` cannot be a name here"),
            BadNameHelp => write!(out, "write 1 to 32 of `a-z 0-9 _ -`, such as `login`"),
            BadUrl { url } => write!(out, "`{url}` is no page of a step"),
            BadUrlHelp => write!(
                out,
                "write a path such as `/login`, or `https://host/path`; `${{name}}` may stand behind the host alone"
            ),
            Together { key, other } => write!(out, "`{key}` and `{other}` say the same thing otherwise"),
            TogetherHelp { key, other } => write!(out, "leave out `{key}` or `{other}`"),
            NoBody { method } => write!(out, "`{method}` carries no body"),
            NoBodyHelp => {
                write!(out, "write `method: POST`, or leave out `form`, `form_files`, `body` and `body_file`")
            }
            CharsetOfNothing => write!(out, "`charset` is that of a form or body, and there is none"),
            CharsetOfNothingHelp => write!(out, "write `form` or `body` too, or leave this out"),
            BadHeader { name } => write!(out, "`{name}` cannot be sent as a header"),
            BadHeaderHelp => write!(
                out,
                "names are letters, digits and `-`, values visible ASCII; cookies are carried by themselves, and `Host` follows `url`"
            ),
            BadExpression { text, error } => write!(out, "`{text}` cannot be asked: {error}"),
            BadExpressionHelp => write!(out, "write an expression over `body`, such as `body.code == 0`"),
            Told { name, took, status, passed } => {
                let word = match passed {
                    Some(true) => "passed",
                    Some(false) => "failed",
                    None => "not measured",
                };
                write!(out, "  step {name}: {word}, status {status}, {:.1} ms", took.as_secs_f64() * 1e3)
            }
        }
    }

    fn zh_cn(&self, out: &mut Formatter<'_>) -> Result {
        use StepText::*;
        match self {
            NotPages { kind } => write!(out, "`{kind}` 检查不能有 `steps`"),
            NotPagesHelp => write!(out, "步骤是网页：`url` 写成 `http://…` 或 `https://…`，否则请删去"),
            NoSteps => write!(out, "业务交易由步骤组成，此处没有步骤"),
            NoStepsHelp => write!(out, "同时写明 `steps`，或删去此项"),
            BadName { name } => write!(out, "`{name}` 不能用作名称"),
            BadNameHelp => write!(out, "写 1 到 32 个 `a-z 0-9 _ -` 字符，如 `login`"),
            BadUrl { url } => write!(out, "`{url}` 不是步骤可以访问的网页"),
            BadUrlHelp => {
                write!(out, "写成路径，如 `/login`，或 `https://主机/路径`；`${{名称}}` 只能写在主机之后")
            }
            Together { key, other } => write!(out, "`{key}` 与 `{other}` 是同一件事的两种写法"),
            TogetherHelp { key, other } => write!(out, "删去 `{key}` 或 `{other}`"),
            NoBody { method } => write!(out, "`{method}` 不带正文"),
            NoBodyHelp => write!(out, "写 `method: POST`，或删去 `form`、`form_files`、`body` 和 `body_file`"),
            CharsetOfNothing => write!(out, "`charset` 是表单或正文的编码，此处两者都没有"),
            CharsetOfNothingHelp => write!(out, "同时写明 `form` 或 `body`，或删去此项"),
            BadHeader { name } => write!(out, "`{name}` 不能作为请求头发送"),
            BadHeaderHelp => {
                write!(out, "名称用字母、数字和 `-`，值用可见的 ASCII 字符；Cookie 自动携带，`Host` 由 `url` 决定")
            }
            BadExpression { text, error } => write!(out, "`{text}` 不能使用：{error}"),
            BadExpressionHelp => write!(out, "写关于 `body` 的表达式，如 `body.code == 0`"),
            Told { name, took, status, passed } => {
                let word = match passed {
                    Some(true) => "通过",
                    Some(false) => "失败",
                    None => "未测",
                };
                write!(out, "  步骤 {name}：{word}，状态码 {status}，{:.1} 毫秒", took.as_secs_f64() * 1e3)
            }
        }
    }
}
