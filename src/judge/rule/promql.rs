//! The same rule for Prometheus, where that can be said exactly: alerting rules over our own metrics.
//!
//! In: rules. Out: a rule file, and the rules that cannot be said, each with its reason; never an approximation.
//!
//! A condition becomes two vectors with the one label `link`: the links of which it is true, and those of which it is
//! false. A link without a sample is in neither, just as a variable without a value makes a condition unknown here, so
//! `!` swaps the two and `unless` is not needed for it. An alarm that fires is held by its own `ALERTS` until `clear`
//! is true, which is what [`super::Phase`] does.

use std::fmt::Write;

use cel::{
    IdedExpr,
    common::ast::{CallExpr, Expr, LiteralValue, operators},
};

use super::{
    Rule, Rules, Template,
    condition::literal_number,
    message::Part,
    variables::{self, Kind, Metric, Unit, Variable},
};
use crate::units::duration_text;

/// Rules for Prometheus.
#[derive(Debug)]
pub struct Exported {
    /// A rule file.
    pub yaml: String,
    pub exported: usize,
    pub left_out: Vec<NotExportable>,
}

/// A rule that Prometheus cannot judge as we do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotExportable {
    pub rule: String,
    /// The variable or operator that no metric or PromQL shows exactly.
    pub because: String,
}

/// Writes alerting rules, in the language `language` of the messages.
pub fn export(rules: &Rules, message: fn(&Rule) -> &Template) -> Exported {
    let mut yaml = String::from(
        "# Written by `linkpatrol rule export`: edit the rules, not this file.\ngroups:\n  - name: linkpatrol\n    \
         interval: 10s\n    rules:",
    );
    let (mut exported, mut left_out) = (0, vec![]);
    for rule in &rules.list {
        match alert(rule, message(rule)) {
            Ok(text) => {
                yaml.push_str(&text);
                exported += 1;
            }
            Err(because) => left_out.push(NotExportable { rule: rule.name.clone(), because }),
        }
    }
    yaml.push_str(if exported == 0 { " []\n" } else { "\n" });
    Exported { yaml, exported, left_out }
}

/// One alerting rule.
fn alert(rule: &Rule, message: &Template) -> Result<String, String> {
    let when = truth(rule.when.expression(), true)?;
    let clear = match &rule.clear {
        Some(clear) => truth(clear.expression(), true)?,
        None => truth(rule.when.expression(), false)?,
    };
    let name = &rule.name;
    let mut text = String::new();
    // Cannot fail: writing into text.
    _ = write!(
        text,
        "\n      - alert: {name}\n        expr: |-\n          (\n            {when}\n          or\n            \
         (max by (link) (ALERTS{{alertname=\"{name}\",alertstate=\"firing\"}}) unless {clear})\n          )\n          \
         and (max by (link) (linkpatrol_link_state{{state=\"suspended\"}}) == 0)\n",
    );
    if !rule.hold.is_zero() {
        _ = writeln!(text, "        for: {}", duration_text(rule.hold));
    }
    _ = write!(
        text,
        "        labels:\n          severity: {}\n          class: {}\n        annotations:\n          summary: {}",
        rule.level.as_str(),
        rule.class,
        quoted(&annotation(message)?),
    );
    Ok(text)
}

/// The links of which the expression is true, or of which it is false.
fn truth(expression: &IdedExpr, wanted: bool) -> Result<String, String> {
    let Expr::Call(CallExpr { func_name, target, args }) = &expression.expr else {
        return Err("true, false".to_owned());
    };
    let joined = |word: &str| -> Result<String, String> {
        let parts = args.iter().map(|part| truth(part, wanted)).collect::<Result<Vec<_>, _>>()?;
        Ok(format!("({})", parts.join(&format!(" {word} "))))
    };
    match (func_name.as_str(), target, args.as_slice()) {
        (operators::LOGICAL_AND, ..) => joined(if wanted { "and" } else { "or" }),
        (operators::LOGICAL_OR, ..) => joined(if wanted { "or" } else { "and" }),
        (operators::LOGICAL_NOT, _, [part]) => truth(part, !wanted),
        (operators::EQUALS | operators::NOT_EQUALS, _, [one, other])
            if text(one).is_some() || text(other).is_some() =>
        {
            let (variable, word) = match (text(one), text(other)) {
                (None, Some(word)) => (one, word),
                (Some(word), None) => (other, word),
                _ => return Err("==".to_owned()),
            };
            among(variable, &plain(word), (func_name == operators::EQUALS) == wanted)
        }
        (operators::IN, _, [one, IdedExpr { expr: Expr::List(list), .. }]) => {
            let words: Option<Vec<_>> = list.elements.iter().map(text).collect();
            // Of numbers it could be said, but nobody asks whether a measured number is one of three.
            let words = words.filter(|words| !words.is_empty()).ok_or("in")?;
            let pattern = words.into_iter().map(plain).collect::<Vec<_>>().join("|");
            among(one, &pattern, wanted)
        }
        ("startsWith" | "endsWith" | "contains", Some(target), [part]) => {
            let part = plain(text(part).ok_or(func_name.as_str())?);
            let pattern = match func_name.as_str() {
                "startsWith" => format!("{part}.*"),
                "endsWith" => format!(".*{part}"),
                _ => format!(".*{part}.*"),
            };
            among(target, &pattern, wanted)
        }
        (operator, _, [one, other]) => {
            let sign = comparison(operator, wanted).ok_or_else(|| operator.trim_matches('_').to_owned())?;
            if is_constant(one) && is_constant(other) {
                return Err(sign.to_owned());
            }
            Ok(format!("({} {sign} {})", number(one)?, number(other)?))
        }
        (operator, ..) => Err(operator.trim_matches('_').to_owned()),
    }
}

/// The sign of a comparison, or of its contrary.
fn comparison(operator: &str, wanted: bool) -> Option<&'static str> {
    Some(match (operator, wanted) {
        (operators::GREATER, true) | (operators::LESS_EQUALS, false) => ">",
        (operators::GREATER_EQUALS, true) | (operators::LESS, false) => ">=",
        (operators::LESS, true) | (operators::GREATER_EQUALS, false) => "<",
        (operators::LESS_EQUALS, true) | (operators::GREATER, false) => "<=",
        (operators::EQUALS, true) | (operators::NOT_EQUALS, false) => "==",
        (operators::NOT_EQUALS, true) | (operators::EQUALS, false) => "!=",
        _ => return None,
    })
}

/// Links whose text variable matches the whole pattern, or does not.
fn among(variable: &IdedExpr, pattern: &str, matches: bool) -> Result<String, String> {
    let variable = variable_of(variable).ok_or("==")?;
    let pattern = quoted(pattern);
    match variable.metric {
        Some(Metric::Label(label)) => {
            let sign = if matches { "=~" } else { "!~" };
            Ok(format!("max by (link) (linkpatrol_link_info{{{label}{sign}{pattern}}})"))
        }
        Some(Metric::State) => {
            let wanted = u8::from(matches);
            Ok(format!("(max by (link) (linkpatrol_link_state{{state=~{pattern}}}) == {wanted})"))
        }
        _ => Err(variable.name.to_owned()),
    }
}

/// A number, of each link or the same for all.
fn number(expression: &IdedExpr) -> Result<String, String> {
    if let Some(number) = literal_number(expression) {
        return Ok(number.to_string());
    }
    match &expression.expr {
        Expr::Ident(_) => {
            let variable = variable_of(expression).ok_or("?")?;
            gauge(variable).ok_or_else(|| variable.name.to_owned())
        }
        Expr::Call(CallExpr { func_name, args, .. }) => {
            let sign = match func_name.as_str() {
                operators::ADD => "+",
                operators::SUBSTRACT => "-",
                operators::MULTIPLY => "*",
                operators::DIVIDE => "/",
                operators::NEGATE => "-1 *",
                other => return Err(other.trim_matches('_').to_owned()),
            };
            match args.as_slice() {
                [one] => Ok(format!("({sign} {})", number(one)?)),
                [one, other] => Ok(format!("({} {sign} {})", number(one)?, number(other)?)),
                _ => Err(sign.to_owned()),
            }
        }
        _ => Err("?".to_owned()),
    }
}

/// A variable's figure of each link.
fn gauge(variable: &Variable) -> Option<String> {
    Some(match variable.metric? {
        Metric::Gauge { selector, millis: true } => format!("(max by (link) ({selector}) * 1000)"),
        Metric::Gauge { selector, millis: false } => format!("max by (link) ({selector})"),
        Metric::Since(selector) => format!("(time() - max by (link) ({selector}))"),
        Metric::Label(_) | Metric::State => return None,
    })
}

/// The text with Prometheus' own variables: looked up when the alert fires.
fn annotation(message: &Template) -> Result<String, String> {
    let mut text = String::new();
    for part in &message.parts {
        match part {
            Part::Text(part) => text.push_str(&part.replace("{{", "{ {")),
            Part::Variable(variable) if variable.name == "link" => text.push_str("{{ $labels.link }}"),
            Part::Variable(variable) => text.push_str(&looked_up(variable)?),
        }
    }
    Ok(text)
}

fn looked_up(variable: &Variable) -> Result<String, String> {
    let not_exported = || variable.name.to_owned();
    let (selector, show) = match (variable.metric.ok_or_else(not_exported)?, variable.kind) {
        (Metric::Label(label), _) => ("linkpatrol_link_info".to_owned(), format!("label \"{label}\"")),
        (Metric::State, _) => ("linkpatrol_link_state == 1".to_owned(), "label \"state\"".to_owned()),
        (_, Kind::Number(unit)) => {
            let show = match unit {
                Unit::Ratio => "value | humanizePercentage",
                Unit::Millis => "value | printf \"%.3g ms\"",
                Unit::Seconds => "value | printf \"%.3g s\"",
                Unit::Count | Unit::BitsPerSecond => "value",
            };
            (gauge(variable).ok_or_else(not_exported)?, show.to_owned())
        }
        (_, Kind::Text(_)) => return Err(not_exported()),
    };
    let query = quoted(&format!("({selector}) and on (link) linkpatrol_link_info{{link=\"%s\"}}"));
    Ok(format!(
        "{{{{ with printf {query} $labels.link | query }}}}{{{{ . | first | {show} }}}}{{{{ else }}}}-{{{{ end }}}}"
    ))
}

fn variable_of(expression: &IdedExpr) -> Option<&'static Variable> {
    match &expression.expr {
        Expr::Ident(name) => variables::named(name),
        _ => None,
    }
}

fn text(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// Whether no variable stands in it.
fn is_constant(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Call(call) => call.args.iter().all(is_constant),
        Expr::Literal(_) => true,
        _ => false,
    }
}

/// A text as a pattern that only it matches.
fn plain(text: &str) -> String {
    let mut pattern = String::new();
    for letter in text.chars() {
        if r"\.+*?()|[]{}^$".contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

/// In double quotes, as PromQL and YAML both read it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n"))
}

#[cfg(test)]
mod tests {
    use super::{super::read::fixture, *};

    fn exported(keys: &str) -> Exported {
        export(&fixture(keys), |rule| &rule.message.en)
    }

    #[test]
    fn a_rule_reads_like_this_in_prometheus() {
        let keys = "when: \"loss_1m > 0.05 && !(kind == 'private') || rtt_last_ms * 2 >= 50\", clear: loss_5m < 0.01, for: 30s";
        insta::assert_snapshot!(exported(keys).yaml);
    }

    #[test]
    fn what_no_metric_shows_is_named_and_left_out() {
        for (when, because) in [
            ("rtt_p95_5m_ms > 50", "rtt_p95_5m_ms"),
            ("loss_1m > 0.05 && consecutive_losses > 3", "consecutive_losses"),
            ("loss_1m > (kind == 'private' ? 0.1 : 0.2)", "?_:"),
            ("kind == carrier", "kind"),
        ] {
            let exported = exported(&format!("when: \"{when}\""));
            assert_eq!(exported.exported, 0, "{when}");
            assert_eq!(exported.left_out[0].because, because, "{when}");
        }
    }
}
