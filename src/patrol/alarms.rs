//! Operators' rules in the loop: every link is looked at each ten seconds, a tenth of them a second.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;

use super::{
    field::{Field, kept_links},
    letters::Eyes,
    load::Loaded,
    turn::Loop,
};
use crate::{
    inventory::{LinkIndex, Status},
    judge::{
        self,
        rule::{Alarm, AlarmRecord, Change, Facts},
    },
    ledger::{Accounted, Standard},
    notify::AlarmsTold,
    store::Whole,
    units::Now,
};

/// Each link is looked at once in so many seconds.
const EVERY_SECONDS: usize = 10;

impl Loop {
    /// Looks at this second's share of the links.
    pub(super) fn look_for_alarms(&mut self, now: Now) {
        if self.alarms.rules().list.is_empty() {
            return;
        }
        let loaded = Arc::clone(&self.field.loaded);
        if self.periods.are_unread() {
            // No evidence moves nothing.
            return;
        }
        let stretch = self.periods.running(now.utc);
        let (first, mut changes) = (self.seconds % EVERY_SECONDS, vec![]);
        for number in (first..loaded.inventory.links.len()).step_by(EVERY_SECONDS) {
            let (link, index) = (&loaded.inventory.links[number], LinkIndex(number as u32));
            let of_link = if link.status == Status::Active {
                let month = || {
                    let standard = Standard::of(&loaded.contract);
                    self.accounts[number].accounted_by(&standard, now.utc, loaded.contract.time_zone)
                };
                let period = self.whole(number, stretch.as_ref(), now).map_or_else(month, |whole| whole.accounted);
                let reading = loaded.rules.reading(&asked(&self.field, period, &loaded, index, now));
                self.alarms.look(index, &link.id, &reading, now)
            } else {
                self.alarms.leave(index, now)
            };
            changes.extend(of_link);
        }
        self.tell_of_alarms(changes, now);
    }

    /// New files: what judges as before goes on.
    pub(super) fn adopt_rules(&mut self, before: &Loaded, now: Now) {
        let loaded = Arc::clone(&self.field.loaded);
        let kept = kept_links(before, &loaded);
        let changes = self.alarms.adopt(Arc::clone(&loaded.rules), loaded.inventory.links.len(), kept, now);
        self.tell_of_alarms(changes, now);
    }

    /// What fired when the last process ended fires on, or ends.
    pub(super) fn resume_alarms(&mut self, kept: Option<serde_json::Value>, now: Now) {
        let kept = kept.map(serde_json::from_value).transpose().unwrap_or_else(|error| {
            tracing::warn!(%error, "alarms of the last process cannot be read: they begin anew");
            None
        });
        let (inventory, scopes) = (&self.field.loaded.inventory, &self.scopes);
        let in_service = |link: &LinkIndex| inventory.links[link.at()].status == Status::Active;
        let ended = self.alarms.resume(kept.unwrap_or_default(), |id| scopes.link(id).filter(in_service), now);
        self.record_alarms(ended, now);
    }

    fn tell_of_alarms(&mut self, changes: Vec<(Change, Arc<Alarm>)>, now: Now) {
        for (change, alarm) in &changes {
            let (rule, link) = (&alarm.rule.name, alarm.link.as_str());
            tracing::info!(rule, link, ?change, level = alarm.rule.level.as_str(), alarm.en, "alarm");
        }
        let record = |(change, alarm): (Change, Arc<Alarm>)| Some((change, AlarmRecord::of(&alarm)?));
        self.record_alarms(changes.into_iter().filter_map(record).collect(), now);
    }

    /// Writes down what became of alarms, and tells systems of it: one notice for each rule, however many links.
    fn record_alarms(&mut self, changes: Vec<(Change, AlarmRecord)>, now: Now) {
        if changes.is_empty() {
            return;
        }
        let mut told: BTreeMap<(String, &str), AlarmsTold> = BTreeMap::new();
        for (change, alarm) in changes {
            let AlarmRecord { rule, link, since, zh_cn, .. } = &alarm;
            let detail = json!({ "rule": rule, "change": change, "since": since, "message": zh_cn });
            self.log(now, "alarm", link.as_str(), detail);
            let key = (rule.clone(), change.as_str());
            told.entry(key).or_insert_with(|| AlarmsTold { change, alarms: vec![] }).alarms.push(alarm);
        }
        let firing = self.alarms.firing();
        let eyes = Eyes { field: &self.field, accounts: &self.accounts };
        let facts = self.letterhead.facts(&eyes);
        let Some(keeping) = &mut self.keeping else { return };
        // Cannot fail: records are plain data.
        keeping.batch.whole.extend(serde_json::to_string(&firing).ok().map(|text| (Whole::Alarms, text)));
        keeping.tell_alarms(told.into_values(), facts, now);
    }
}

/// All that rules may ask of a link.
fn asked<'a>(field: &'a Field, period: Accounted, loaded: &'a Loaded, index: LinkIndex, now: Now) -> Facts<'a> {
    let link = &loaded.inventory.links[index.at()];
    let deciding = judge::deciding_point(&link.points, loaded.contract.measuring_point(link.kind));
    Facts {
        link,
        carrier: &loaded.inventory.carriers[link.carrier.at()].id,
        unit: &loaded.inventory.units[link.unit.at()].id,
        state: field.states[index.at()],
        state_since: field.since[index.at()],
        window: deciding.map(|place| &field.points_of(index)[place].window),
        availability: period.known(),
        budget_left: period.budget_left(loaded.contract.objectives.availability),
        now,
    }
}
