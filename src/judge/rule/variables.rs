//! What a rule may ask about a link: each variable with its type, its unit and the metric that shows the same figure.
//!
//! docs/rules.md explains each of them to those who write rules; a test holds the page to this table.

use std::sync::LazyLock;

use cel::{
    common::{
        types::{CelDouble, CelString},
        value::CowVal,
    },
    context::VariableResolver,
};

use crate::{
    inventory::Link,
    judge::LinkState,
    units::{Now, Timestamp, billionths},
    window::{PointWindow, Summary},
};

/// One variable of a condition.
pub struct Variable {
    pub name: &'static str,
    pub kind: Kind,
    /// The metric that shows the same figure; `None`: no rule that asks for it can be judged outside.
    pub metric: Option<Metric>,
    /// It changes although nothing is measured.
    pub is_clock: bool,
    read: for<'a> fn(&Facts<'a>) -> Option<Value<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text(Words),
    Number(Unit),
}

/// Which words a text can be: a rule that compares with any other is about nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    Any,
    These(&'static [&'static str]),
    Links,
    Carriers,
    Units,
    Groups,
}

/// How a number is shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Ratio,
    Millis,
    Seconds,
    Count,
    BitsPerSecond,
}

/// Where Prometheus finds the same figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A gauge of one sample a link, with its matchers; in thousandths of the variable's unit where `millis`.
    Gauge { selector: &'static str, millis: bool },
    /// Seconds since the moment that a gauge shows.
    Since(&'static str),
    /// A label of `linkpatrol_link_info`.
    Label(&'static str),
    /// `linkpatrol_link_state`.
    State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Number(f64),
    Text(&'a str),
}

/// All that is known of one link now.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub link: &'a Link,
    pub carrier: &'a str,
    pub unit: &'a str,
    pub state: LinkState,
    pub state_since: Timestamp,
    /// Of the deciding point; `None`: the link has none.
    pub window: Option<&'a PointWindow>,
    /// Up over known counted time of the running period, parts and whole.
    pub availability: (u64, u64),
    /// Milliseconds of down-time that the period still allows.
    pub budget_left: i64,
    pub now: Now,
}

impl Facts<'_> {
    fn summary(&self, window: usize) -> Option<&Summary> {
        self.window?.summaries().get(window)
    }

    /// An RTT figure of a window, in milliseconds; `None` when nothing was answered in it.
    fn rtt(&self, window: usize, figure: fn(&Summary) -> u64) -> Option<Value<'static>> {
        let summary = self.summary(window).filter(|summary| summary.answered > 0)?;
        Some(millis(figure(summary)))
    }

    fn loss(&self, window: usize) -> Option<Value<'static>> {
        let counts = self.summary(window)?.counts();
        ratio((counts.lost, counts.answered + counts.lost))
    }

    fn count(&self, window: usize, figure: fn(&Summary) -> u64) -> Option<Value<'static>> {
        Some(Value::Number(figure(self.summary(window)?) as f64))
    }
}

/// As a scrape shows it: truncated after nine places, so that rules judge alike here and in Prometheus.
fn ratio((part, whole): (u64, u64)) -> Option<Value<'static>> {
    (whole > 0).then(|| Value::Number(billionths(part, whole) as f64 / 1e9))
}

/// By way of seconds, which is what a scrape shows: the same double comes out here and in Prometheus.
fn millis(nanos: u64) -> Value<'static> {
    Value::Number(nanos as f64 / 1e9 * 1e3)
}

const KINDS: &[&str] = &["dark_fibre", "internet", "private"];
const PRIORITIES: &[&str] = &["lifeline", "important", "normal"];

const fn text(
    name: &'static str,
    words: Words,
    metric: Option<Metric>,
    read: for<'a> fn(&Facts<'a>) -> Option<Value<'a>>,
) -> Variable {
    Variable { name, kind: Kind::Text(words), metric, is_clock: false, read }
}

const fn number(
    name: &'static str,
    unit: Unit,
    metric: Option<Metric>,
    read: for<'a> fn(&Facts<'a>) -> Option<Value<'a>>,
) -> Variable {
    Variable { name, kind: Kind::Number(unit), metric, is_clock: false, read }
}

const fn gauge(selector: &'static str, millis: bool) -> Option<Metric> {
    Some(Metric::Gauge { selector, millis })
}

/// The variables that each window has.
macro_rules! of_window {
    ($table:ident, $($at:literal $window:literal),*) => {$(
        let loss = concat!("linkpatrol_link_loss_ratio{window=\"", $window, "\"}");
        $table.extend([
            number(concat!("loss_", $window), Unit::Ratio, gauge(loss, false), |facts| facts.loss($at)),
            number(concat!("probes_", $window), Unit::Count, None, |facts| {
                facts.count($at, |summary| (summary.answered + summary.lost).into())
            }),
            number(concat!("lost_", $window), Unit::Count, None, |facts| facts.count($at, |summary| summary.lost.into())),
            number(concat!("unmeasured_", $window), Unit::Count, None, |facts| {
                facts.count($at, |summary| summary.unmeasured.into())
            }),
            number(concat!("rtt_min_", $window, "_ms"), Unit::Millis, None, |facts| {
                facts.rtt($at, |summary| summary.rtt_min)
            }),
            number(concat!("rtt_mean_", $window, "_ms"), Unit::Millis, None, |facts| {
                facts.rtt($at, |summary| summary.rtt_mean)
            }),
            number(concat!("rtt_p50_", $window, "_ms"), Unit::Millis, None, |facts| {
                facts.rtt($at, |summary| summary.rtt_p50)
            }),
            number(concat!("rtt_p95_", $window, "_ms"), Unit::Millis, None, |facts| {
                facts.rtt($at, |summary| summary.rtt_p95)
            }),
            number(concat!("rtt_p99_", $window, "_ms"), Unit::Millis, None, |facts| {
                facts.rtt($at, |summary| summary.rtt_p99)
            }),
            number(concat!("rtt_max_", $window, "_ms"), Unit::Millis, None, |facts| {
                facts.rtt($at, |summary| summary.rtt_max)
            }),
            number(concat!("ipdv_", $window, "_ms"), Unit::Millis, None, |facts| {
                facts.rtt($at, |summary| summary.ipdv_mean)
            }),
        ]);
    )*};
}

/// By name.
static VARIABLES: LazyLock<Vec<Variable>> = LazyLock::new(|| {
    use Metric::{Label, Since, State};
    let mut table = vec![
        text("link", Words::Links, Some(Label("link")), |facts| Some(Value::Text(facts.link.id.as_str()))),
        text("cid", Words::Any, Some(Label("cid")), |facts| Some(Value::Text(&facts.link.cid))),
        text("carrier", Words::Carriers, Some(Label("carrier")), |facts| Some(Value::Text(facts.carrier))),
        text("unit", Words::Units, Some(Label("unit")), |facts| Some(Value::Text(facts.unit))),
        text("kind", Words::These(KINDS), Some(Label("kind")), |facts| Some(Value::Text(facts.link.kind.as_str()))),
        text("a_end", Words::Any, Some(Label("a_end")), |facts| Some(Value::Text(&facts.link.a_end))),
        text("z_end", Words::Any, Some(Label("z_end")), |facts| Some(Value::Text(&facts.link.z_end))),
        text("group", Words::Groups, Some(Label("group")), |facts| {
            Some(Value::Text(facts.link.group.as_deref().unwrap_or_default()))
        }),
        text("priority", Words::These(PRIORITIES), Some(Label("priority")), |facts| {
            Some(Value::Text(facts.link.priority.as_str()))
        }),
        text("state", Words::These(&LinkState::NAMES), Some(State), |facts| Some(Value::Text(facts.state.name()))),
        Variable {
            is_clock: true,
            ..number("state_s", Unit::Seconds, None, |facts| {
                Some(Value::Number(facts.now.utc.since(facts.state_since).as_millis() as f64 / 1e3))
            })
        },
        Variable {
            is_clock: true,
            ..number(
                "probe_age_s",
                Unit::Seconds,
                Some(Since("linkpatrol_link_last_probe_timestamp_seconds")),
                |facts| {
                    let sent = facts.window?.last_probe()?;
                    Some(Value::Number(facts.now.mono.since(sent).as_millis() as f64 / 1e3))
                },
            )
        },
        number("bandwidth_bps", Unit::BitsPerSecond, None, |facts| Some(Value::Number(facts.link.bandwidth.0 as f64))),
        number("rtt_last_ms", Unit::Millis, gauge("linkpatrol_link_rtt_last_seconds", true), |facts| {
            Some(millis(facts.window?.last_rtt()?.nanos()))
        }),
        number("jitter_ms", Unit::Millis, gauge("linkpatrol_link_jitter_seconds", true), |facts| {
            Some(millis(facts.window?.jitter()?.nanos()))
        }),
        number("consecutive_losses", Unit::Count, None, |facts| {
            Some(Value::Number(facts.window?.consecutive_losses().into()))
        }),
        number("availability", Unit::Ratio, gauge("linkpatrol_link_availability_ratio", false), |facts| {
            ratio(facts.availability)
        }),
        number(
            "error_budget_s",
            Unit::Seconds,
            gauge("linkpatrol_link_error_budget_remaining_seconds", false),
            |facts| Some(Value::Number(facts.budget_left as f64 / 1e3)),
        ),
    ];
    of_window!(table, 0 "10s", 1 "1m", 2 "5m", 3 "1h");
    table.sort_by_key(|variable| variable.name);
    table
});

/// Every variable, by name.
pub fn all() -> &'static [Variable] {
    &VARIABLES
}

/// The variable of this name.
pub fn named(name: &str) -> Option<&'static Variable> {
    VARIABLES.binary_search_by_key(&name, |variable| variable.name).ok().map(|at| &VARIABLES[at])
}

/// What some variables are for one link now.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading<'a> {
    /// By name.
    pub values: Vec<(&'static str, Option<Value<'a>>)>,
}

impl<'a> Reading<'a> {
    /// `variables` are by name.
    pub fn of(variables: &[&'static Variable], facts: &Facts<'a>) -> Self {
        Self { values: variables.iter().map(|variable| (variable.name, (variable.read)(facts))).collect() }
    }

    pub fn value(&self, name: &str) -> Option<Value<'a>> {
        let at = self.values.binary_search_by_key(&name, |(name, _)| name).ok()?;
        self.values[at].1
    }
}

impl VariableResolver for Reading<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        Some(match self.value(variable)? {
            Value::Number(number) => CowVal::owned(CelDouble::from(number)),
            Value::Text(text) => CowVal::owned(CelString::from(text)),
        })
    }
}

/// A number with its unit, for people.
pub fn shown(number: f64, unit: Unit) -> String {
    match unit {
        Unit::Ratio => format!("{} %", short(number * 100.0)),
        Unit::Millis => format!("{} ms", short(number)),
        Unit::Seconds => format!("{} s", short(number)),
        Unit::Count => short(number),
        Unit::BitsPerSecond => crate::units::BitRate(number as u64).to_string(),
    }
}

/// At most three places, without needless zeros.
fn short(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        inventory::{Kind as LinkKind, Priority},
        window::WINDOWS,
    };

    #[test]
    fn the_words_are_those_of_the_ledger() {
        assert_eq!(KINDS, LinkKind::ALL.map(LinkKind::as_str));
        assert_eq!(PRIORITIES, [Priority::Lifeline, Priority::Important, Priority::Normal].map(Priority::as_str));
    }

    #[test]
    fn the_page_of_rules_explains_every_variable() {
        let page = include_str!("../../../docs/rules.md");
        for variable in all() {
            let windowed = WINDOWS.iter().find_map(|(window, _)| {
                let (before, after) = variable.name.split_once(&format!("_{window}"))?;
                Some(format!("`{before}_<window>{after}`"))
            });
            let name = windowed.unwrap_or_else(|| format!("`{}`", variable.name));
            assert!(page.contains(&name), "docs/rules.md says nothing of {name}");
        }
    }

    #[test]
    fn every_variable_has_a_name_of_its_own_and_is_found_by_it() {
        assert!(all().is_sorted_by(|one, other| one.name < other.name));
        assert_eq!(named("loss_1m").map(|found| found.kind), Some(Kind::Number(Unit::Ratio)));
        assert!(named("los_1m").is_none());
    }

    #[test]
    fn numbers_are_shown_with_their_unit() {
        assert_eq!(shown(0.0667, Unit::Ratio), "6.67 %");
        assert_eq!(shown(51.25, Unit::Millis), "51.25 ms");
        assert_eq!(shown(120.0, Unit::Seconds), "120 s");
    }
}
