//! Operators' own alarms: rules that files beside the contract hold, over what is measured of each link.
//!
//! In: `rules/*.yaml` of an inventory folder, and what is known of a link now. Out: [`Alarm`]s that fire and clear.
//! An alarm tells operators; it opens no incident, stops no clock and breaches nothing. Pure.
//!
//! [`Condition`] is the CEL of a rule, [`Alarms`] its life on every link, `promql` the same rule for Prometheus and
//! `story` its test without a network.

mod alarm;
mod condition;
mod kept;
mod message;
mod promql;
mod read;
mod story;
mod variables;

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

#[cfg(test)]
pub(crate) use self::read::fixture;
pub use self::{
    alarm::{Alarm, Alarms, Change, Phase, PhaseName},
    condition::{Condition, Root, Truth},
    kept::AlarmRecord,
    message::Template,
    promql::{Exported, NotExportable, export},
    read::{load, read_files},
    story::{Happening, Outcome, StoryFile, Told},
    variables::{Facts, Reading, Value, Variable},
};
use crate::diagnostic::Place;

/// Most rules of one contract; each is looked at for every link.
const MOST_RULES: usize = 100;

/// One rule, compiled.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Unique over all files of the contract, such as `loss-high`.
    pub name: String,
    pub when: Condition,
    /// Ends the alarm; `None`: that `when` is known not to hold.
    pub clear: Option<Condition>,
    /// How long `when` must hold without a break.
    pub hold: Duration,
    pub level: Level,
    /// A free word, such as `quality`.
    pub class: String,
    /// Time between two tellings while it fires; `None`: told once.
    pub repeat: Option<Duration>,
    pub message: Texts,
    pub place: Place,
}

/// What people are told, by language.
#[derive(Clone, Debug, PartialEq)]
pub struct Texts {
    pub zh_cn: Template,
    pub en: Template,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Info,
    Warning,
    Critical,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl Rule {
    /// Whether it judges as `other` does, so that what is pending or firing goes on under it.
    fn judges_like(&self, other: &Self) -> bool {
        let sources = |rule: &Self| {
            (rule.when.source().to_owned(), rule.clear.as_ref().map(|clear| clear.source().to_owned()), rule.hold)
        };
        self.name == other.name && sources(self) == sources(other)
    }
}

/// All rules of a contract.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub list: Vec<Arc<Rule>>,
    /// What any of them asks for, by name.
    uses: Vec<&'static Variable>,
    /// By rule: where in `uses` the variables of its `when` are.
    asked: Vec<Vec<usize>>,
}

impl Rules {
    pub fn new(list: Vec<Rule>) -> Self {
        let list: Vec<_> = list.into_iter().map(Arc::new).collect();
        let conditions = list.iter().flat_map(|rule| std::iter::once(&rule.when).chain(&rule.clear));
        let needed = conditions.flat_map(|condition| condition.uses.iter().copied());
        let told = list.iter().flat_map(|rule| [&rule.message.zh_cn, &rule.message.en]).flat_map(Template::uses);
        let mut uses: Vec<_> = needed.chain(told).collect();
        uses.sort_by_key(|variable| variable.name);
        uses.dedup_by_key(|variable| variable.name);
        let place = |variable: &&Variable| uses.binary_search_by_key(&variable.name, |used| used.name).ok();
        let asked = list.iter().map(|rule| rule.when.uses.iter().filter_map(place).collect()).collect();
        Self { list, uses, asked }
    }

    /// What they ask of a link.
    pub fn reading<'a>(&self, facts: &Facts<'a>) -> Reading<'a> {
        Reading::of(&self.uses, facts)
    }

    /// What the `when` of a rule sees of a reading.
    fn asked_by<'a>(&self, rule: usize, reading: &Reading<'a>) -> impl Iterator<Item = Option<Value<'a>>> {
        self.asked[rule].iter().map(|&place| reading.values[place].1)
    }

    pub fn uses(&self) -> &[&'static Variable] {
        &self.uses
    }
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name)
    }
}
