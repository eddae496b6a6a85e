//! Alarms that outlive the process that raised them.
//!
//! In: what fires, as it was stored. Out: the same alarms firing on, or ended where the new files have no rule that
//! judges as theirs did, or no such link in service. A pending alarm is not kept: its time begins anew.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    Alarm, Level, Rule,
    alarm::{Alarms, Change, Lit, Phase, PhaseName},
};
use crate::{
    inventory::{LinkId, LinkIndex},
    units::{Mono, Now, Timestamp},
};

/// An alarm that fired, as it is stored and told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlarmRecord {
    pub rule: String,
    /// What the rule asked, so that another one of the same name is not taken for it.
    judges: String,
    pub level: Level,
    pub class: String,
    pub link: LinkId,
    pub since: Timestamp,
    pub fired: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared: Option<Timestamp>,
    pub zh_cn: String,
    pub en: String,
}

impl AlarmRecord {
    /// `None`: it only pends.
    pub fn of(alarm: &Alarm) -> Option<Self> {
        let Rule { name, level, class, .. } = &*alarm.rule;
        Some(Self {
            rule: name.clone(),
            judges: judges(&alarm.rule),
            level: *level,
            class: class.clone(),
            link: alarm.link.clone(),
            since: alarm.since,
            fired: alarm.fired?,
            cleared: alarm.cleared,
            zh_cn: alarm.zh_cn.clone(),
            en: alarm.en.clone(),
        })
    }
}

impl Alarms {
    /// All that fire. Pure copies: at most as many as there are rules times links.
    pub fn firing(&self) -> Vec<AlarmRecord> {
        let fires = |lit: &&Lit| lit.alarm.phase == PhaseName::Firing;
        self.lit.values().filter(fires).filter_map(|lit| AlarmRecord::of(&lit.alarm)).collect()
    }

    /// Goes on where another process ended. Returns what ended meanwhile.
    pub fn resume(
        &mut self,
        kept: Vec<AlarmRecord>,
        link: impl Fn(&LinkId) -> Option<LinkIndex>,
        now: Now,
    ) -> Vec<(Change, AlarmRecord)> {
        let rules = Arc::clone(self.rules());
        let numbers: HashMap<&str, usize> =
            rules.list.iter().enumerate().map(|(number, rule)| (rule.name.as_str(), number)).collect();
        let mut ended = vec![];
        for record in kept {
            let number =
                numbers.get(record.rule.as_str()).filter(|&&number| judges(&rules.list[number]) == record.judges);
            let (Some(number), Some(link)) = (number, link(&record.link)) else {
                ended.push((Change::Cleared, AlarmRecord { cleared: Some(now.utc), ..record }));
                continue;
            };
            let then = |at: Timestamp| Now { mono: Mono(now.mono.0 - (now.utc.0 - at.0)), utc: at };
            let phase = Phase::Firing { since: then(record.since), fired: then(record.fired), told: now };
            let alarm = Alarm {
                rule: Arc::clone(&rules.list[*number]),
                link: record.link,
                phase: PhaseName::Firing,
                since: record.since,
                fired: Some(record.fired),
                cleared: None,
                zh_cn: record.zh_cn,
                en: record.en,
            };
            self.light(link.at() * rules.list.len() + number, Lit { phase, alarm: Arc::new(alarm) });
        }
        ended
    }
}

fn judges(rule: &Rule) -> String {
    let clear = rule.clear.as_ref().map_or("", |clear| clear.source());
    format!("{} / {clear} / {} s", rule.when.source(), rule.hold.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::rule::{Rules, fixture};

    fn rules(when: &str) -> Arc<Rules> {
        Arc::new(fixture(&format!("when: '{when}', clear: 'loss_1m < 0.01'")))
    }

    fn record() -> AlarmRecord {
        let rule = Arc::clone(&rules("loss_1m > 0.05").list[0]);
        AlarmRecord {
            rule: rule.name.clone(),
            judges: judges(&rule),
            level: rule.level,
            class: rule.class.clone(),
            link: LinkId::parse("LL-0007").expect("an id"),
            since: Timestamp(40_000),
            fired: Timestamp(100_000),
            cleared: None,
            zh_cn: "丢包".into(),
            en: "loss".into(),
        }
    }

    #[test]
    fn an_alarm_fires_on_after_a_restart_and_ends_with_its_rule_or_link() {
        let now = Now { mono: Mono(5_000), utc: Timestamp(900_000) };
        let place = |_: &LinkId| Some(LinkIndex(1));
        let mut alarms = Alarms::new(rules("loss_1m > 0.05"), 3);
        assert_eq!(alarms.resume(vec![record()], place, now), []);
        assert_eq!(alarms.firing(), [record()], "as it was, its start included");
        assert_eq!(alarms.shown().len(), 1);
        let left = alarms.leave(LinkIndex(1), now);
        assert_eq!(
            left.iter().map(|(change, alarm)| (*change, alarm.fired)).collect::<Vec<_>>(),
            [(Change::Cleared, Some(Timestamp(100_000)))]
        );

        let ended = AlarmRecord { cleared: Some(now.utc), ..record() };
        let mut changed = Alarms::new(rules("loss_1m > 0.5"), 3);
        assert_eq!(changed.resume(vec![record()], place, now), [(Change::Cleared, ended.clone())], "another rule");
        let mut alarms = Alarms::new(rules("loss_1m > 0.05"), 3);
        assert_eq!(alarms.resume(vec![record()], |_| None, now), [(Change::Cleared, ended)], "no such link");
        assert!(alarms.firing().is_empty() && changed.firing().is_empty());
    }
}
