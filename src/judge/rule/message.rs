//! The text of an alarm, with variables in braces: `链路 {link} 一分钟丢包 {loss_1m}`.

use super::variables::{self, Kind, Reading, Value, Variable, shown};
use crate::diagnostic::closest;

/// A text whose variables exist.
#[derive(Clone, Debug)]
pub struct Template {
    source: String,
    pub(super) parts: Vec<Part>,
}

#[derive(Clone, Debug)]
pub(super) enum Part {
    Text(String),
    Variable(&'static Variable),
}

/// A name in braces that is no variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPart {
    /// Letters of the text before the name.
    pub at: usize,
    pub name: String,
    pub closest: Option<&'static str>,
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Template {
    /// # Errors
    /// Every name in braces that is no variable; a brace that is never closed counts as one.
    pub fn parse(source: &str) -> Result<Self, Vec<UnknownPart>> {
        let (mut parts, mut unknown, mut rest) = (vec![], vec![], source);
        while let Some((before, after)) = rest.split_once('{') {
            parts.push(Part::Text(before.to_owned()));
            let (name, next) = after.split_once('}').unwrap_or((after, ""));
            match variables::named(name) {
                Some(variable) => parts.push(Part::Variable(variable)),
                None => unknown.push(UnknownPart {
                    at: source[..source.len() - after.len()].chars().count(),
                    name: name.to_owned(),
                    closest: closest(name, variables::all().iter().map(|variable| variable.name)),
                }),
            }
            rest = next;
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        if unknown.is_empty() { Ok(Self { source: source.to_owned(), parts }) } else { Err(unknown) }
    }

    pub fn uses(&self) -> impl Iterator<Item = &'static Variable> + '_ {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(variable) => Some(*variable),
            Part::Text(_) => None,
        })
    }

    /// What has no value is shown as a dash.
    pub fn fill(&self, reading: &Reading<'_>) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Variable(variable) => match (reading.value(variable.name), variable.kind) {
                (Some(Value::Text(text)), _) => text.to_owned(),
                (Some(Value::Number(number)), Kind::Number(unit)) => shown(number, unit),
                (Some(Value::Number(number)), Kind::Text(_)) => number.to_string(),
                (None, _) => "-".to_owned(),
            },
        };
        self.parts.iter().map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_shown_with_their_unit_and_what_is_not_known_as_a_dash() {
        let template = Template::parse("链路 {link} 丢包 {loss_1m}，抖动 {jitter_ms}").unwrap();
        let values =
            vec![("jitter_ms", None), ("link", Some(Value::Text("LL-0001"))), ("loss_1m", Some(Value::Number(0.0625)))];
        assert_eq!(template.fill(&Reading { values }), "链路 LL-0001 丢包 6.25 %，抖动 -");
    }

    #[test]
    fn a_name_that_is_no_variable_is_found_where_it_stands() {
        let unknown = Template::parse("链路 {lnk}，{loss").unwrap_err();
        let found: Vec<_> = unknown.iter().map(|part| (part.at, part.name.as_str(), part.closest)).collect();
        assert_eq!(found, [(4, "lnk", Some("link")), (10, "loss", None)]);
    }
}
