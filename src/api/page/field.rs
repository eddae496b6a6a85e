//! A labelled field of a form, which keeps what was typed when the form is refused.

use askama::Template;

use super::{
    Frame,
    forms::{Sent, TIMES},
};
use crate::{api::problem::Problem, text::Message};

/// A form that was refused, for the page that shows it again.
pub(super) struct Refused {
    sent: Sent,
    /// Fields that it may be about.
    about: Vec<String>,
}

impl Refused {
    pub fn new(sent: Sent, problem: &Problem) -> Self {
        let mut about: Vec<String> = problem.fields().into_iter().map(str::to_owned).collect();
        // Of several times the one that was left empty is not wrong.
        let is_empty = |name: &str| sent.typed(name).is_none_or(str::is_empty);
        let is_one = about.len() == 1;
        about.retain(|name| is_one || !TIMES.contains(&name.as_str()) || !is_empty(name));
        Self { sent, about }
    }

    pub fn is_of(&self, form: &str) -> bool {
        self.sent.is_of(form)
    }
}

#[derive(Template)]
#[template(path = "field.html")]
pub(super) struct Field {
    form: String,
    name: &'static str,
    label: String,
    kind: Kind,
    typed: String,
    /// What is wrong with it.
    wrong: Option<String>,
    is_needed: bool,
    most: u16,
    hint: &'static str,
    completes: &'static str,
    options: Vec<(String, String)>,
}

enum Kind {
    Line,
    Lines,
    Time,
    Month,
    Tick,
    Choice,
}

impl Frame {
    /// A line of text of this form, which the templates make into what they need.
    pub fn field(&self, form: impl AsRef<str>, name: &'static str, label: impl Into<Message>) -> Field {
        let form = form.as_ref().to_owned();
        let refused = self.refused.as_ref().filter(|refused| refused.sent.is_of(&form));
        let wrong = refused.filter(|refused| refused.about.iter().any(|about| about == name));
        Field {
            typed: refused.and_then(|refused| refused.sent.typed(name)).unwrap_or_default().to_owned(),
            wrong: wrong.and_then(|_| self.said.as_ref().map(|(_, words)| words.clone())),
            form,
            name,
            label: self.say(label.into()),
            kind: Kind::Line,
            is_needed: false,
            most: 1_000,
            hint: "",
            completes: "",
            options: vec![],
        }
    }

    /// Whether this form was refused: then it is shown although it may make no sense any more, and opened.
    pub fn holds(&self, form: impl AsRef<str>) -> bool {
        self.refused.as_ref().is_some_and(|refused| refused.is_of(form.as_ref()))
    }
}

impl Field {
    pub fn needed(self) -> Self {
        Self { is_needed: true, ..self }
    }

    pub fn most(self, most: u16) -> Self {
        Self { most, ..self }
    }

    pub fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    pub fn completes(self, completes: &'static str) -> Self {
        Self { completes, ..self }
    }

    pub fn lines(self) -> Self {
        Self { kind: Kind::Lines, ..self }
    }

    pub fn time(self) -> Self {
        Self { kind: Kind::Time, ..self }
    }

    pub fn month(self) -> Self {
        Self { kind: Kind::Month, ..self }
    }

    pub fn tick(self) -> Self {
        Self { kind: Kind::Tick, ..self }
    }

    /// What stands in it until something was typed.
    pub fn from(self, text: impl AsRef<str>) -> Self {
        let typed = if self.typed.is_empty() { text.as_ref().to_owned() } else { self.typed };
        Self { typed, ..self }
    }

    /// A choice of value and words; what was chosen before stays one.
    pub fn of(self, options: &[(impl AsRef<str>, String)]) -> Self {
        let mut options: Vec<_> =
            options.iter().map(|(value, words)| (value.as_ref().to_owned(), words.clone())).collect();
        if !self.typed.is_empty() && options.iter().all(|(value, _)| *value != self.typed) {
            options.push((self.typed.clone(), self.typed.clone()));
        }
        Self { kind: Kind::Choice, options, ..self }
    }
}
