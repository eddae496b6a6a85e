//! Rules on trial: series that are given in a file, and what the rules should make of them.
//!
//! In: a file of stories (docs/rules.md). Out: what each rule did in each story, and where that differs from what the
//! story expects. Series are written as promtool has them: `0.001x5 _x3 0.08` is six values, three gaps and one value.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;

use super::{
    Alarms, Change, Reading, Rules, Value,
    variables::{self, Kind, Variable},
};
use crate::{
    diagnostic::{
        Code, Findings, Place, Source, closest,
        yaml::{self, Document, Lasting},
    },
    inventory::{LinkId, LinkIndex},
    text::{Message, RuleMessage},
    units::{Mono, Now, Timestamp, parse_duration},
};

/// Longest series: ten days at ten seconds.
const MOST_VALUES: usize = 100_000;

/// A file of stories.
#[derive(Debug)]
pub struct StoryFile {
    /// Rule files, from where the file of stories lies.
    pub rules: Vec<PathBuf>,
    stories: Vec<Story>,
}

#[derive(Debug)]
struct Story {
    name: String,
    interval: Duration,
    /// By variable.
    series: BTreeMap<&'static str, Vec<Option<Sample>>>,
    expects: Vec<Expected>,
    /// Alarms that a rule may raise in the story.
    most: BTreeMap<String, usize>,
}

#[derive(Debug, Clone, PartialEq)]
enum Sample {
    Number(f64),
    Text(Arc<str>),
}

#[derive(Debug, Clone)]
struct Expected {
    rule: String,
    fires: Duration,
    clears: Option<Duration>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    rules: Vec<PathBuf>,
    #[serde(default)]
    interval: Option<Lasting>,
    stories: Vec<WrittenStory>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStory {
    name: String,
    /// Variable and its series; or its one value, where it does not change.
    #[serde(default)]
    series: BTreeMap<String, String>,
    /// A file of comma-separated values: `at` in seconds, then one column a variable.
    #[serde(default)]
    record: Option<PathBuf>,
    #[serde(default)]
    expect: Vec<WrittenExpected>,
    #[serde(default)]
    alarms: BTreeMap<String, usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenExpected {
    rule: String,
    #[serde(deserialize_with = "yaml::duration")]
    fires: Duration,
    #[serde(default)]
    clears: Option<Lasting>,
}

/// One thing that was told or expected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    pub at: Duration,
    pub rule: String,
    pub happening: Happening,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happening {
    Fires,
    Clears,
}

/// What became of one story.
#[derive(Debug)]
pub struct Outcome {
    pub story: String,
    /// In order of time.
    pub told: Vec<Told>,
    /// Expected, and did not happen then.
    pub missing: Vec<Told>,
    /// Happened, and was not expected then.
    pub unexpected: Vec<Told>,
    /// Rules that raised more alarms than the story allows: how many, and how many it allows.
    pub flaps: Vec<(String, usize, usize)>,
}

impl Outcome {
    pub fn is_fine(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.flaps.is_empty()
    }
}

impl StoryFile {
    /// `None`, with findings, when it cannot be played.
    pub fn read(file: &Path, findings: &mut Findings) -> Option<Self> {
        let document: Document<Written> = yaml::read(file, findings)?;
        let (written, before) = (&document.value, findings.errors());
        let folder = file.parent().unwrap_or(Path::new(""));
        let interval = written.interval.map_or(Duration::from_secs(10), |Lasting(interval)| interval);
        let interval = interval.max(Duration::from_secs(1));
        let stories = written.stories.iter().enumerate().map(|(number, story)| {
            let mut reader = Reader { document: &document, number, findings };
            reader.story(story, interval, folder)
        });
        let stories = stories.collect();
        let rules = written.rules.iter().map(|rules| folder.join(rules)).collect();
        (findings.errors() == before).then_some(Self { rules, stories })
    }

    /// Expected rules that do not exist.
    pub fn unknown_rules<'a>(&'a self, rules: &'a Rules) -> impl Iterator<Item = &'a str> {
        let expected = self.stories.iter().flat_map(|story| {
            story.expects.iter().map(|expected| expected.rule.as_str()).chain(story.most.keys().map(String::as_str))
        });
        expected.filter(|name| !rules.list.iter().any(|rule| rule.name == *name))
    }

    /// Plays every story.
    pub fn play(&self, rules: &Arc<Rules>) -> Vec<Outcome> {
        self.stories.iter().map(|story| story.play(rules)).collect()
    }
}

impl Story {
    fn play(&self, rules: &Arc<Rules>) -> Outcome {
        let told = self.told(rules);
        let mut expected: Vec<Told> = vec![];
        for Expected { rule, fires, clears } in &self.expects {
            expected.push(Told { at: *fires, rule: rule.clone(), happening: Happening::Fires });
            let clears = clears.map(|at| Told { at, rule: rule.clone(), happening: Happening::Clears });
            expected.extend(clears);
        }
        expected.sort();
        let missing = expected.iter().filter(|one| !told.contains(one)).cloned().collect();
        // Of a rule that only has a number to keep, the moments are free.
        let is_counted = |one: &Told| {
            self.most.contains_key(&one.rule) && !self.expects.iter().any(|expected| expected.rule == one.rule)
        };
        let unexpected = told.iter().filter(|one| !expected.contains(one) && !is_counted(one)).cloned().collect();
        let raised =
            |rule: &str| told.iter().filter(|told| told.rule == rule && told.happening == Happening::Fires).count();
        let flaps = self.most.iter().map(|(rule, most)| (rule.clone(), raised(rule), *most));
        let flaps = flaps.filter(|(_, raised, most)| raised > most).collect();
        Outcome { story: self.name.clone(), told, missing, unexpected, flaps }
    }

    fn told(&self, rules: &Arc<Rules>) -> Vec<Told> {
        let id = match self.value("link", 0) {
            Some(Sample::Text(link)) => LinkId::parse(&link),
            _ => None,
        };
        let Some(id) = id.or_else(|| LinkId::parse("LL-TEST")) else { return vec![] };
        let mut alarms = Alarms::new(Arc::clone(rules), 1);
        let mut told = vec![];
        let steps = self.series.values().map(Vec::len).max().unwrap_or(0);
        for step in 0..steps {
            let at = self.interval * crate::diagnostic::count(step);
            let millis = at.as_millis() as i64;
            let now = Now { mono: Mono(millis), utc: Timestamp(millis) };
            let samples: Vec<_> = rules.uses().iter().map(|of| (of.name, self.value(of.name, step))).collect();
            let values = samples.iter().map(|(name, sample)| {
                let value = sample.as_ref().map(|sample| match sample {
                    Sample::Number(number) => Value::Number(*number),
                    Sample::Text(text) => Value::Text(text),
                });
                (*name, value)
            });
            let reading = Reading { values: values.collect() };
            let is_out = matches!(self.value("state", step), Some(Sample::Text(state)) if &*state == "suspended");
            let changes = match is_out {
                true => alarms.leave(LinkIndex(0), now),
                false => alarms.look(LinkIndex(0), &id, &reading, now),
            };
            told.extend(changes.into_iter().filter_map(|(change, alarm)| {
                let happening = match change {
                    Change::Fired => Happening::Fires,
                    Change::Cleared => Happening::Clears,
                    Change::Repeated => return None,
                };
                Some(Told { at, rule: alarm.rule.name.clone(), happening })
            }));
        }
        told.sort();
        told
    }

    /// A series that has ended has no values; a text goes on.
    fn value(&self, variable: &str, step: usize) -> Option<Sample> {
        let series = self.series.get(variable)?;
        match series.get(step) {
            Some(sample) => sample.clone(),
            None => series.last()?.clone().filter(|last| matches!(last, Sample::Text(_))),
        }
    }
}

/// One story on its way in.
struct Reader<'a> {
    document: &'a Document<Written>,
    number: usize,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    fn story(&mut self, written: &WrittenStory, interval: Duration, folder: &Path) -> Story {
        let mut series = BTreeMap::new();
        for (name, text) in &written.series {
            let path = format!("stories.{}.series.{name}", self.number);
            let place = self.document.place(&path);
            let Some(variable) = self.variable(name, &place) else { continue };
            match parse(text, variable) {
                Some(values) => _ = series.insert(variable.name, values),
                None => self.error(
                    place,
                    RuleMessage::BadSeries { text: yaml::shortened(text) },
                    RuleMessage::BadSeriesHelp,
                ),
            }
        }
        if let Some(record) = &written.record {
            self.record(&folder.join(record), interval, &mut series);
        }
        let expects = written.expect.iter().map(|WrittenExpected { rule, fires, clears }| Expected {
            rule: rule.clone(),
            fires: *fires,
            clears: clears.map(|Lasting(clears)| clears),
        });
        let (expects, most) = (expects.collect(), written.alarms.clone());
        Story { name: written.name.clone(), interval, series, expects, most }
    }

    fn variable(&mut self, name: &str, place: &Place) -> Option<&'static Variable> {
        let found = variables::named(name);
        if found.is_none() {
            let closest = closest(name, variables::all().iter().map(|variable| variable.name));
            let (message, help) =
                (RuleMessage::UnknownName { name: name.to_owned() }, RuleMessage::UnknownNameHelp { closest });
            self.findings.error(place.clone(), Code::RULE_NAME, Message::Rule(message), Message::Rule(help));
        }
        found
    }

    /// Reads recorded values into steps: each step shows the last row at or before it.
    fn record(&mut self, file: &Path, interval: Duration, series: &mut BTreeMap<&'static str, Vec<Option<Sample>>>) {
        let Some(source) = Source::read(file, self.findings) else { return };
        let place = |line: usize| Place { line: crate::diagnostic::count(line), column: 1, ..Place::whole(file) };
        let Ok(text) = source.utf8() else {
            self.error(place(1), RuleMessage::BadRecord, RuleMessage::BadRecordHelp);
            return;
        };
        let mut rows = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let header: Vec<&str> =
            rows.next().map(|(_, line)| line.split(',').map(str::trim).collect()).unwrap_or_default();
        let columns: Vec<_> = header.iter().skip(1).map(|name| self.variable(name, &place(1))).collect();
        if header.first() != Some(&"at") || columns.iter().any(Option::is_none) {
            self.error(place(1), RuleMessage::BadRecord, RuleMessage::BadRecordHelp);
            return;
        }
        let (mut step, mut last) = (0, Duration::ZERO);
        for (number, line) in rows {
            let mut fields = line.split(',').map(str::trim);
            let at = fields.next().and_then(|at| at.parse().ok()).map(Duration::from_secs);
            let values: Vec<&str> = fields.collect();
            let Some(at) = at.filter(|at| *at >= last && values.len() == columns.len()) else {
                self.error(place(number + 1), RuleMessage::BadRecord, RuleMessage::BadRecordHelp);
                return;
            };
            last = at;
            let due = (at.as_secs().div_ceil(interval.as_secs().max(1)) as usize).min(MOST_VALUES);
            for (variable, value) in columns.iter().flatten().zip(&values) {
                let line = series.entry(variable.name).or_default();
                let before = line.last().cloned().flatten();
                line.truncate(due);
                line.resize(due, before);
                line.push(sample(value, variable).flatten());
            }
            step = step.max(due);
        }
    }

    fn error(&mut self, place: Place, message: RuleMessage, help: RuleMessage) {
        self.findings.error(place, Code::BAD_SERIES, Message::Rule(message), Message::Rule(help));
    }
}

/// promtool's notation: `a`, `axn` (a, and n times more), `a+bxn`, `a-bxn`, `_` and `_xn` (nothing, n times).
fn parse(text: &str, variable: &Variable) -> Option<Vec<Option<Sample>>> {
    let mut values = vec![];
    for word in text.split_whitespace() {
        let (start, times) = match word.rsplit_once('x') {
            Some((start, times)) if times.bytes().all(|digit| digit.is_ascii_digit()) && !times.is_empty() => {
                (start, Some(times.parse::<usize>().ok()?))
            }
            _ => (word, None),
        };
        if start == "_" {
            values.extend(std::iter::repeat_n(None, times.unwrap_or(1)));
        } else if let (Kind::Number(_), Some((first, by))) = (variable.kind, progression(start)) {
            values.extend((0..=times?).map(|nth| Some(Sample::Number(first + by * nth as f64))));
        } else {
            let value = sample(start, variable)?;
            values.extend(std::iter::repeat_n(value, times.unwrap_or(0) + 1));
        }
        if values.len() > MOST_VALUES {
            return None;
        }
    }
    (!values.is_empty()).then_some(values)
}

/// `a+b` or `a-b`.
fn progression(text: &str) -> Option<(f64, f64)> {
    let at = text
        .char_indices()
        .skip(1)
        .find(|(at, letter)| "+-".contains(*letter) && !text[..*at].ends_with(['e', 'E']))?;
    Some((text[..at.0].parse().ok()?, text[at.0..].parse().ok()?))
}

/// `Some(None)`: an empty field, which has no value.
fn sample(text: &str, variable: &Variable) -> Option<Option<Sample>> {
    match variable.kind {
        _ if text.is_empty() => Some(None),
        Kind::Text(_) => Some(Some(Sample::Text(text.into()))),
        Kind::Number(_) => {
            let number = text.parse().ok().or_else(|| Some(parse_duration(text)?.as_secs_f64()));
            number.filter(|number: &f64| number.is_finite()).map(|number| Some(Sample::Number(number)))
        }
    }
}
