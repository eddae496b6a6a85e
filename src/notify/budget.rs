//! What messages that cost money may cost in a day. Until somebody sets a budget it is empty.
//!
//! A limit never eats the first notice of an incident to a recipient, a step of a ladder, or what must be looked at at
//! once: the whole network, what we cannot see the size of, ourselves. What it eats is kept and listed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Channel, Notice, NoticeKind, is_critical};

/// What happens once in a civil day, or so many times. Outlives a restart: a crash gives no second budget.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Daily {
    /// By channel: the civil day, and how many notices counted on it.
    spent: BTreeMap<String, (String, u32)>,
    /// The civil day of the last digest of dead letters.
    pub digested: Option<String>,
}

impl Daily {
    /// Whether `notice` may leave over `channel` on this day; counts it.
    pub fn takes(&mut self, channel: &Channel, notice: &Notice, day: &str) -> bool {
        let Some(most) = channel.a_day else { return true };
        let is_first = matches!(notice.kind, NoticeKind::Opened | NoticeKind::Climbed);
        if is_first || notice.incident().is_some_and(is_critical) {
            return true;
        }
        let spent = self.spent.entry(channel.name.clone()).or_default();
        if spent.0 != day {
            *spent = (day.to_owned(), 0);
        }
        spent.1 = spent.1.saturating_add(1);
        spent.1 <= most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        incident::{Incident, fixture},
        notify::{ChannelKind, route},
        units::Timestamp,
    };

    #[test]
    fn an_empty_budget_lets_first_notices_and_the_worst_through_and_nothing_else() {
        let channel = |a_day| Channel { a_day, ..Channel::to_machine("sms", ChannelKind::Webhook) };
        let notice = |incident: &Incident, kind| {
            let mut told = route(incident, kind, &[channel(None)], |_| false, Timestamp(1));
            told.remove(0)
        };
        let mut budgets = Daily::default();
        let usual = fixture::incident();
        let worst = Incident { tier: 1, ..fixture::incident() };
        let mut takes =
            |a_day, incident: &Incident, kind, day: &str| budgets.takes(&channel(a_day), &notice(incident, kind), day);
        assert!(takes(Some(0), &usual, NoticeKind::Opened, "2026-01-01"));
        assert!(takes(Some(0), &worst, NoticeKind::Changed, "2026-01-01"));
        assert!(!takes(Some(0), &usual, NoticeKind::Changed, "2026-01-01"));
        assert!(takes(None, &usual, NoticeKind::Changed, "2026-01-01"));
        let day = |takes: &mut dyn FnMut(&str) -> bool| [takes("2026-01-02"), takes("2026-01-02"), takes("2026-01-03")];
        assert_eq!(day(&mut |on| takes(Some(1), &usual, NoticeKind::Restored, on)), [true, false, true]);
    }
}
