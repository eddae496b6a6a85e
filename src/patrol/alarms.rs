//! Operators' rules in the loop: every link is looked at each ten seconds, a tenth of them a second.

use std::sync::Arc;

use serde_json::json;

use super::{
    field::{Field, kept_links},
    load::Loaded,
    turn::Loop,
};
use crate::{
    inventory::{LinkIndex, Status},
    judge::{
        self,
        rule::{Alarm, Change, Facts},
    },
    ledger::{Account, Standard},
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
        let first = self.seconds % EVERY_SECONDS;
        for number in (first..loaded.inventory.links.len()).step_by(EVERY_SECONDS) {
            let (link, index) = (&loaded.inventory.links[number], LinkIndex(number as u32));
            let changes = if link.status == Status::Active {
                let reading = loaded.rules.reading(&facts(&self.field, &self.accounts[number], &loaded, index, now));
                self.alarms.look(index, &link.id, &reading, now)
            } else {
                self.alarms.leave(index, now)
            };
            self.tell_of_alarms(changes, now);
        }
    }

    /// New files: what judges as before goes on.
    pub(super) fn adopt_rules(&mut self, before: &Loaded, now: Now) {
        let loaded = Arc::clone(&self.field.loaded);
        let kept = kept_links(before, &loaded);
        let changes = self.alarms.adopt(Arc::clone(&loaded.rules), loaded.inventory.links.len(), kept, now);
        self.tell_of_alarms(changes, now);
    }

    fn tell_of_alarms(&mut self, changes: Vec<(Change, Arc<Alarm>)>, now: Now) {
        for (change, alarm) in changes {
            let (rule, link) = (&alarm.rule.name, alarm.link.as_str());
            tracing::info!(rule, link, ?change, level = alarm.rule.level.as_str(), alarm.en, "alarm");
            let detail = json!({ "rule": rule, "change": change, "since": alarm.since, "message": alarm.zh_cn });
            self.log(now, "alarm", link, detail);
        }
    }
}

/// All that rules may ask of a link.
fn facts<'a>(field: &'a Field, account: &Account, loaded: &'a Loaded, index: LinkIndex, now: Now) -> Facts<'a> {
    let link = &loaded.inventory.links[index.at()];
    let deciding = judge::deciding_point(&link.points, loaded.contract.measuring_point(link.kind));
    let month = account.accounted_by(&Standard::of(&loaded.contract), now.utc, loaded.contract.time_zone);
    Facts {
        link,
        carrier: &loaded.inventory.carriers[link.carrier.at()].id,
        unit: &loaded.inventory.units[link.unit.at()].id,
        state: field.states[index.at()],
        state_since: field.since[index.at()],
        window: deciding.map(|place| &field.points_of(index)[place].window),
        availability: month.known(),
        budget_left: month.budget_left(loaded.contract.objectives.availability),
        now,
    }
}
