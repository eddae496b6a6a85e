//! The life of every rule on every link.
//!
//! ```text
//!            when holds               held for `for`
//!   Idle ─────────────────▶ Pending ─────────────────▶ Firing ──clear holds and when does not──▶ Idle
//!     ▲                        │
//!     └──when does not hold────┘   (also: is not known)
//! ```
//!
//! What is not known lets nothing begin and nothing end: a pending alarm starts anew, a firing one goes on. Without
//! `clear`, an alarm ends when `when` is known not to hold. It also ends when its link leaves service or the inventory.
//! The same words, in the same order, are what Prometheus makes of an exported rule.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use super::{Reading, Root, Rule, Rules, Truth, Value};
use crate::{
    inventory::{LinkId, LinkIndex},
    units::{Now, Timestamp},
};

/// Most alarms told of to outsiders at once; the rest is counted.
const MOST_SHOWN: usize = 10_000;
/// Ended alarms stay in sight until there are more.
const MOST_ENDED: usize = 1_000;

/// Where one rule stands on one link.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Phase {
    #[default]
    Idle,
    /// Since `when` was first found to hold.
    Pending {
        since: Now,
    },
    Firing {
        since: Now,
        fired: Now,
        told: Now,
    },
}

/// What became of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Fired,
    /// It still fires, and `repeat` has passed.
    Repeated,
    Cleared,
}

impl Change {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Repeated => "repeated",
            Self::Cleared => "cleared",
        }
    }
}

impl Phase {
    /// One evaluation. `when` and `clear` are what they say now.
    pub fn step(self, when: Truth, clear: Truth, rule: &Rule, now: Now) -> (Self, Option<Change>) {
        match (self, when) {
            // Idle => (Idle | Pending), Pending => (Idle | Pending)
            (Self::Idle | Self::Pending { .. }, Truth::False | Truth::Unknown) => (Self::Idle, None),
            (Self::Idle, Truth::True) => Self::Pending { since: now }.fire(rule.hold, now),
            // Pending => (Pending | Firing)
            (pending @ Self::Pending { .. }, Truth::True) => pending.fire(rule.hold, now),
            // Firing => (Firing | Idle)
            (Self::Firing { .. }, Truth::False | Truth::Unknown) if clear == Truth::True => {
                (Self::Idle, Some(Change::Cleared))
            }
            (Self::Firing { since, fired, told }, _) => match rule.repeat {
                Some(repeat) if now.mono.since(told.mono) >= repeat => {
                    (Self::Firing { since, fired, told: now }, Some(Change::Repeated))
                }
                _ => (self, None),
            },
        }
    }

    fn fire(self, hold: Duration, now: Now) -> (Self, Option<Change>) {
        match self {
            Self::Pending { since } if now.mono.since(since.mono) >= hold => {
                (Self::Firing { since, fired: now, told: now }, Some(Change::Fired))
            }
            other => (other, None),
        }
    }
}

/// An alarm as outsiders see it.
#[derive(Clone, Debug)]
pub struct Alarm {
    pub rule: Arc<Rule>,
    pub link: LinkId,
    pub phase: PhaseName,
    /// Since when its condition holds.
    pub since: Timestamp,
    pub fired: Option<Timestamp>,
    pub cleared: Option<Timestamp>,
    /// As it stood when it fired.
    pub zh_cn: String,
    pub en: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseName {
    Firing,
    Pending,
    Cleared,
}

/// Every rule on every link.
pub struct Alarms {
    rules: Arc<Rules>,
    root: Root,
    /// By link and rule: what `when` said last.
    said: Vec<Truth>,
    /// By link and rule: what the variables of `when` were then.
    inputs: Vec<u32>,
    /// By place in `said`: those that are pending or firing. All others are idle.
    pub(super) lit: BTreeMap<usize, Lit>,
    ended: VecDeque<Arc<Alarm>>,
    shown: Arc<[Arc<Alarm>]>,
    is_stale: bool,
    evaluations: u64,
    left_out: u64,
}

/// No fingerprint is this: what was never asked has it.
const UNASKED: u32 = 0;

/// Where an alarm that is not idle stands, and how outsiders see it.
pub(super) struct Lit {
    pub phase: Phase,
    pub alarm: Arc<Alarm>,
}

impl Alarms {
    pub fn new(rules: Arc<Rules>, links: usize) -> Self {
        Self {
            said: vec![Truth::Unknown; links * rules.list.len()],
            inputs: vec![UNASKED; links * rules.list.len()],
            rules,
            root: Root::default(),
            lit: BTreeMap::new(),
            ended: VecDeque::new(),
            shown: Arc::from([]),
            is_stale: false,
            evaluations: 0,
            left_out: 0,
        }
    }

    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// How often a rule's `when` was asked.
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// Alarms that did not fit into [`Alarms::shown`].
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Looks at one link. `when` is asked only when a variable of it changed, `clear` only of what fires; time passes in
    /// any case.
    pub fn look(&mut self, link: LinkIndex, id: &LinkId, reading: &Reading<'_>, now: Now) -> Vec<(Change, Arc<Alarm>)> {
        let (rules, mut changes) = (Arc::clone(&self.rules), vec![]);
        for (number, rule) in rules.list.iter().enumerate() {
            let place = link.at() * rules.list.len() + number;
            let input = fingerprint(rules.asked_by(number, reading));
            if std::mem::replace(&mut self.inputs[place], input) != input {
                self.evaluations += 1;
                self.said[place] = rule.when.holds(reading, &self.root);
            }
            let when = self.said[place];
            let before = self.lit.get(&place).map(|lit| lit.phase).unwrap_or_default();
            let clear = match (&rule.clear, before) {
                (Some(clear), Phase::Firing { .. }) => clear.holds(reading, &self.root),
                (None, _) if when == Truth::False => Truth::True,
                _ => Truth::False,
            };
            let (phase, change) = before.step(when, clear, rule, now);
            if phase != before {
                self.show(place, rule, id, phase, reading, now);
            }
            if let Some(change) = change {
                let alarm = match change {
                    Change::Cleared => self.ended.back(),
                    Change::Fired | Change::Repeated => self.lit.get(&place).map(|lit| &lit.alarm),
                };
                changes.extend(alarm.map(|alarm| (change, Arc::clone(alarm))));
            }
        }
        changes
    }

    pub(super) fn light(&mut self, place: usize, lit: Lit) {
        self.is_stale = true;
        self.lit.insert(place, lit);
    }

    /// The link left service: its alarms end, whatever their conditions say.
    pub fn leave(&mut self, link: LinkIndex, now: Now) -> Vec<(Change, Arc<Alarm>)> {
        let width = self.rules.list.len();
        let places = link.at() * width..(link.at() + 1) * width;
        self.inputs[places.clone()].fill(UNASKED);
        let lit: Vec<usize> = self.lit.range(places).map(|(place, _)| *place).collect();
        lit.into_iter().filter_map(|place| self.end(place, now)).collect()
    }

    /// New rules, or a new inventory. `kept` says which link was which; what rules that judge as before had pending or
    /// firing on a kept link goes on, the rest ends.
    pub fn adopt(
        &mut self,
        rules: Arc<Rules>,
        links: usize,
        kept: impl Iterator<Item = (usize, usize)>,
        now: Now,
    ) -> Vec<(Change, Arc<Alarm>)> {
        let before = std::mem::replace(self, Self::new(Arc::clone(&rules), links));
        (self.ended, self.is_stale) = (before.ended, true);
        (self.evaluations, self.left_out) = (before.evaluations, before.left_out);
        let (old_width, width) = (before.rules.list.len(), rules.list.len());
        let old_rules: HashMap<&str, usize> =
            before.rules.list.iter().enumerate().map(|(number, rule)| (rule.name.as_str(), number)).collect();
        let same: Vec<Option<usize>> = rules
            .list
            .iter()
            .map(|rule| {
                let old = *old_rules.get(rule.name.as_str())?;
                before.rules.list[old].judges_like(rule).then_some(old)
            })
            .collect();
        let mut lit = before.lit;
        for (link, old_link) in kept {
            for (number, old) in same.iter().enumerate() {
                let Some(old) = old else { continue };
                let (place, old_place) = (link * width + number, old_link * old_width + old);
                (self.said[place], self.inputs[place]) = (before.said[old_place], before.inputs[old_place]);
                if let Some(Lit { phase, alarm }) = lit.remove(&old_place) {
                    let alarm = Alarm { rule: Arc::clone(&rules.list[number]), ..(*alarm).clone() };
                    self.lit.insert(place, Lit { phase, alarm: Arc::new(alarm) });
                }
            }
        }
        let gone = lit.into_values().filter_map(|lit| self.ended(&lit.alarm, now));
        gone.collect::<Vec<_>>()
    }

    /// Firing ones first, then pending ones, then those that ended, newest first.
    pub fn shown(&mut self) -> Arc<[Arc<Alarm>]> {
        if std::mem::take(&mut self.is_stale) {
            let mut lit: Vec<_> = self.lit.values().map(|lit| Arc::clone(&lit.alarm)).collect();
            lit.sort_by_key(|alarm| (alarm.phase, std::cmp::Reverse(alarm.fired.unwrap_or(alarm.since))));
            self.left_out += lit.len().saturating_sub(MOST_SHOWN) as u64;
            lit.truncate(MOST_SHOWN);
            self.shown = lit.into_iter().chain(self.ended.iter().rev().map(Arc::clone)).collect();
        }
        Arc::clone(&self.shown)
    }

    fn show(&mut self, place: usize, rule: &Arc<Rule>, link: &LinkId, phase: Phase, reading: &Reading<'_>, now: Now) {
        self.is_stale = true;
        let (name, since, fired) = match phase {
            Phase::Idle => {
                self.end(place, now);
                return;
            }
            Phase::Pending { since } => (PhaseName::Pending, since, None),
            Phase::Firing { since, fired, .. } => (PhaseName::Firing, since, Some(fired)),
        };
        match self.lit.get_mut(&place) {
            // A repeat changes nothing but when it was told.
            Some(lit) if lit.alarm.phase == name => lit.phase = phase,
            _ => {
                let alarm = Alarm {
                    rule: Arc::clone(rule),
                    link: link.clone(),
                    phase: name,
                    since: since.utc,
                    fired: fired.map(|fired| fired.utc),
                    cleared: None,
                    zh_cn: rule.message.zh_cn.fill(reading),
                    en: rule.message.en.fill(reading),
                };
                self.lit.insert(place, Lit { phase, alarm: Arc::new(alarm) });
            }
        }
    }

    /// Takes an alarm out; one that fired is kept as ended.
    fn end(&mut self, place: usize, now: Now) -> Option<(Change, Arc<Alarm>)> {
        let lit = self.lit.remove(&place)?;
        self.is_stale = true;
        self.ended(&lit.alarm, now)
    }

    fn ended(&mut self, alarm: &Alarm, now: Now) -> Option<(Change, Arc<Alarm>)> {
        if alarm.phase != PhaseName::Firing {
            return None;
        }
        let ended = Arc::new(Alarm { phase: PhaseName::Cleared, cleared: Some(now.utc), ..alarm.clone() });
        if self.ended.len() == MOST_ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back(Arc::clone(&ended));
        Some((Change::Cleared, ended))
    }
}

/// Never zero, which stands for a link that was not looked at.
fn fingerprint<'a>(values: impl Iterator<Item = Option<Value<'a>>>) -> u32 {
    let mut hasher = SipHasher13::new();
    for value in values {
        match value {
            None => 0_u8.hash(&mut hasher),
            Some(Value::Number(number)) => (1_u8, number.to_bits()).hash(&mut hasher),
            Some(Value::Text(text)) => (2_u8, text).hash(&mut hasher),
        }
    }
    hasher.finish() as u32 | 1
}

#[cfg(test)]
mod tests {
    use super::{super::read::fixture, *};
    use crate::{judge::rule::Level, units::Mono};

    fn at(second: i64) -> Now {
        Now { mono: Mono(second * 1_000), utc: Timestamp(second * 1_000) }
    }

    /// Plays losses of one link, one every ten seconds from second 0; tells what happened and when.
    fn told(alarms: &mut Alarms, losses: &[Option<f64>], from: i64) -> Vec<(i64, Change)> {
        let id = LinkId::parse("LL-0001").unwrap();
        let mut told = vec![];
        for (&loss, nth) in losses.iter().zip(0..) {
            let now = at(from + nth * 10);
            let values = vec![("link", Some(Value::Text("LL-0001"))), ("loss_1m", loss.map(Value::Number))];
            let changes = alarms.look(LinkIndex(0), &id, &Reading { values }, now);
            told.extend(changes.into_iter().map(|(change, _)| (now.mono.0 / 1_000, change)));
        }
        told
    }

    fn alarms(rule: &str) -> Alarms {
        Alarms::new(Arc::new(fixture(rule)), 1)
    }

    const RULE: &str = "when: loss_1m > 0.05, clear: loss_1m < 0.01, for: 20s";

    #[test]
    fn it_fires_after_its_time_and_clears_at_its_own_threshold() {
        let story = [0.0, 0.06, 0.06, 0.06, 0.03, 0.06, 0.005].map(Some);
        assert_eq!(told(&mut alarms(RULE), &story, 0), [(30, Change::Fired), (60, Change::Cleared)]);
    }

    #[test]
    fn what_is_not_known_neither_begins_nor_ends_an_alarm() {
        let bad = Some(0.06);
        let broken = [bad, bad, None, bad, bad, bad, None, None, Some(0.0)];
        assert_eq!(told(&mut alarms(RULE), &broken, 0), [(50, Change::Fired), (80, Change::Cleared)]);
        let without_clear = [bad, None, Some(0.05)];
        assert_eq!(
            told(&mut alarms("when: loss_1m > 0.05, for: 0s"), &without_clear, 0),
            [(0, Change::Fired), (20, Change::Cleared)]
        );
    }

    #[test]
    fn a_firing_alarm_is_told_again_after_its_repeat() {
        let mut alarms = alarms("when: loss_1m > 0.05, for: 0s, repeat: 1m");
        let story = [Some(0.06); 14];
        let expected = [(0, Change::Fired), (60, Change::Repeated), (120, Change::Repeated)];
        assert_eq!(told(&mut alarms, &story, 0), expected);
    }

    #[test]
    fn conditions_are_asked_only_when_something_changed_and_time_passes_all_the_same() {
        let mut alarms = alarms(RULE);
        assert_eq!(told(&mut alarms, &[Some(0.06); 4], 0), [(20, Change::Fired)]);
        assert_eq!(alarms.evaluations(), 1);
    }

    #[test]
    fn a_reload_keeps_what_judges_as_before_and_ends_the_rest() {
        let mut alarms = alarms(RULE);
        told(&mut alarms, &[Some(0.06); 3], 0);
        let kept = || [(0, 0)].into_iter();
        let louder = fixture(&RULE.replace("for:", "level: critical, for:"));
        assert_eq!(alarms.adopt(Arc::new(louder), 1, kept(), at(30)).len(), 0);
        let shown = alarms.shown();
        assert_eq!((shown[0].phase, shown[0].rule.level), (PhaseName::Firing, Level::Critical));
        assert_eq!(told(&mut alarms, &[Some(0.0)], 40), [(40, Change::Cleared)]);

        told(&mut alarms, &[Some(0.06); 3], 50);
        let stricter = fixture(&RULE.replace("0.05", "0.5"));
        assert_eq!(alarms.adopt(Arc::new(stricter), 1, kept(), at(80)).len(), 1, "the old rule's alarm ended");
        assert_eq!(alarms.shown()[0].cleared, Some(Timestamp(80_000)));
    }

    #[test]
    fn a_link_that_leaves_service_takes_its_alarms_along() {
        let mut alarms = alarms(RULE);
        told(&mut alarms, &[Some(0.06); 3], 0);
        assert_eq!(alarms.leave(LinkIndex(0), at(30)).len(), 1);
        assert_eq!(told(&mut alarms, &[Some(0.06); 3], 40), [(60, Change::Fired)]);
    }
}
