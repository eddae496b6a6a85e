//! Which links may be silent now: mobile stations, planned switch-offs. Silence then is no outage.
//!
//! In: the calendars that the inventory names, and the time. Out: the links for which that has changed, and from when a
//! silence counts. Pure.

use std::{collections::HashMap, ops::Range, sync::Arc};

use super::load::Loaded;
use crate::{contract::Calendar, inventory::LinkIndex, units::Timestamp};

/// The hours of expected absence of all links that have some.
pub struct Absences {
    /// Each calendar once, and whether it was open when it was last looked at.
    calendars: Vec<(Arc<Calendar>, bool)>,
    /// Places in `calendars`.
    of_link: HashMap<LinkIndex, usize>,
    /// Nothing changes between these moments.
    settled: Range<Timestamp>,
}

impl Absences {
    pub fn of(loaded: &Loaded) -> Self {
        let (mut calendars, mut of_link) = (Vec::<(Arc<Calendar>, bool)>::new(), HashMap::new());
        for (link, index) in loaded.inventory.links.iter().zip((0..).map(LinkIndex)) {
            let Some(calendar) = loaded.contract.absence(&loaded.inventory, link) else { continue };
            let known = calendars.iter().position(|(known, _)| known.id == calendar.id);
            let place = known.unwrap_or_else(|| {
                calendars.push((Arc::clone(calendar), false));
                calendars.len() - 1
            });
            of_link.insert(index, place);
        }
        Self { calendars, of_link, settled: Timestamp(0)..Timestamp(0) }
    }

    /// Looks at the calendars when it is time, also after a step of the clock; returns the links whose hours began or
    /// ended.
    pub fn pass(&mut self, now: Timestamp) -> Vec<LinkIndex> {
        if self.calendars.is_empty() || self.settled.contains(&now) {
            return vec![];
        }
        let mut changed = vec![];
        for (calendar, open) in &mut self.calendars {
            let before = std::mem::replace(open, calendar.is_open(now));
            changed.push(*open != before);
        }
        let next = self.calendars.iter().filter_map(|(calendar, _)| calendar.next_change(now)).min();
        self.settled = now..next.unwrap_or(Timestamp(i64::MAX));
        self.of_link.iter().filter(|(_, place)| changed[**place]).map(|(link, _)| *link).collect()
    }

    /// Whether the link may be silent now.
    pub fn expects(&self, link: LinkIndex) -> bool {
        self.of_link.get(&link).is_some_and(|place| self.calendars[*place].1)
    }

    /// From when a silence since `silent` is what it is now: an absence begins with its hours, and an outage does not
    /// reach back into them.
    pub fn counts_from(&self, link: LinkIndex, silent: Timestamp, now: Timestamp) -> Timestamp {
        let calendar = self.of_link.get(&link).map(|place| &self.calendars[*place].0);
        calendar.and_then(|calendar| calendar.last_change(silent, now)).map_or(silent, |change| silent.max(change))
    }
}
