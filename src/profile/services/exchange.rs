//! Groups of data-exchange tasks and of devices as services: what is told of a group is a visit.

use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

use super::{INTERVAL, INTERVALS, MOST_SERVICES, Pace, SPACING, Service, Services, TIMEOUT, unknown};
use crate::{
    contract::Terms,
    diagnostic::{Code, Findings, Place, yaml::shortened},
    inventory::{ExchangeGroup, ExchangeKind, Inventory, OnlineGroup},
    profile::service::{Check, Exchange, Feed, Kind, OnlineRate},
    text::{Message, ServiceText},
};

/// What one group read of a feed serves the others for so long: 439 of them ask it some twelve times a minute.
const SHARED: Duration = Duration::from_secs(5);

impl Services {
    /// Adds the groups of `exchange.csv` and `online.csv`.
    pub(super) fn exchanging(
        mut self,
        folder: &Path,
        terms: &Terms,
        inventory: Option<&Inventory>,
        findings: &mut Findings,
    ) -> Self {
        let mut taken: HashMap<String, Place> =
            self.list.iter().map(|service| (service.id.clone(), service.place.clone())).collect();
        let exchanges = ExchangeGroup::load(folder, findings).into_iter().map(Group::from);
        let devices = OnlineGroup::load(folder, findings).into_iter().map(Group::from);
        for group in exchanges.chain(devices).collect::<Vec<_>>() {
            let [id, ..] = &group.places;
            if let Some(first) = taken.insert(group.id.clone(), id.clone()) {
                let message = Message::DuplicateId { id: group.id.clone(), first };
                findings.error(id.clone(), Code::DUPLICATE_ID, message, Message::DuplicateIdHelp);
            } else if self.list.len() == MOST_SERVICES {
                let help = Message::OutOfRangeHelp { least: "1".to_owned(), most: MOST_SERVICES.to_string() };
                let message = Message::OutOfRange { key: group.counted.file().to_owned() };
                findings.error(id.clone(), Code::OUT_OF_RANGE, message, help);
                break;
            } else {
                self.list.extend(service(group, terms, inventory, findings).map(Arc::new));
            }
        }
        self
    }
}

/// What every group says of itself, whatever is counted of it.
struct Group {
    id: String,
    name: String,
    requirement: String,
    owner: String,
    feed: String,
    interval: Option<Duration>,
    places: [Place; 5],
    counted: Counted,
}

/// What is counted of a group.
enum Counted {
    Exchange { kind: ExchangeKind, tasks: u32, stale_after: Duration, silent_after: Duration },
    Online { devices: u32, silent_after: Duration },
}

impl Counted {
    fn file(&self) -> &'static str {
        match self {
            Self::Exchange { .. } => "exchange.csv",
            Self::Online { .. } => "online.csv",
        }
    }

    fn check(&self, group: String, feed: Feed, shared_for: Duration) -> Kind {
        match *self {
            Self::Exchange { kind, tasks, stale_after, silent_after } => {
                Kind::Exchange(Box::new(Exchange { group, kind, tasks, feed, stale_after, silent_after, shared_for }))
            }
            Self::Online { devices, silent_after } => {
                Kind::Online(Box::new(OnlineRate { group, devices, feed, silent_after, shared_for }))
            }
        }
    }
}

impl From<ExchangeGroup> for Group {
    fn from(group: ExchangeGroup) -> Self {
        let ExchangeGroup {
            id,
            kind,
            name,
            tasks,
            requirement,
            owner,
            feed,
            interval,
            stale_after,
            silent_after,
            places,
        } = group;
        let counted = Counted::Exchange { kind, tasks, stale_after, silent_after };
        Self { id, name, requirement, owner, feed, interval, places, counted }
    }
}

impl From<OnlineGroup> for Group {
    fn from(group: OnlineGroup) -> Self {
        let OnlineGroup { id, name, devices, requirement, owner, feed, interval, silent_after, places } = group;
        let counted = Counted::Online { devices, silent_after };
        Self { id, name, requirement, owner, feed, interval, places, counted }
    }
}

fn service(group: Group, terms: &Terms, inventory: Option<&Inventory>, findings: &mut Findings) -> Option<Service> {
    let [id, requirement, owner, feed_place, interval_place] = group.places;
    let row = terms.services.iter().find(|row| row.id == group.requirement);
    if row.is_none() && !group.requirement.is_empty() {
        let known = terms.services.iter().map(|row| row.id.as_str()).collect();
        unknown(requirement, &group.requirement, known, findings);
    }
    if let Some(inventory) = inventory
        && !group.owner.is_empty()
        && !inventory.units.iter().any(|unit| unit.id == group.owner)
    {
        unknown(owner, &group.owner, inventory.units.iter().map(|unit| unit.id.as_str()).collect(), findings);
    }
    let feed = Feed::parse(&group.feed);
    if feed.is_none() {
        let message = Message::Service(ServiceText::BadUrl { url: shortened(&group.feed) });
        findings.error(feed_place, Code::BAD_URL, message, Message::Service(ServiceText::FeedHelp));
    }
    let interval = group.interval.unwrap_or(INTERVAL);
    let [least, most] = INTERVALS;
    if interval < least || interval > most {
        let help = Message::OutOfRangeHelp { least: "1s".to_owned(), most: "24h".to_owned() };
        findings.error(interval_place, Code::OUT_OF_RANGE, Message::OutOfRange { key: "interval".to_owned() }, help);
    }
    let url = format!("{}#{}", group.feed, group.id);
    let kind = group.counted.check(group.id.clone(), feed?, SHARED.min(interval));
    let check = Check { deadline: TIMEOUT.min(interval), ..Check::new(kind) };
    Some(Service {
        id: group.id,
        name: group.name,
        url,
        criticality: row.map_or_else(String::new, |row| row.class.clone()),
        requirement: group.requirement,
        owner: group.owner,
        zone: String::new(),
        certificate_group: String::new(),
        certificate_type: None,
        address: None,
        depends_on: vec![],
        backup: None,
        class: String::new(),
        check,
        // What was counted stands as it was told: asking again proves nothing.
        pace: Pace { interval, confirm: 0, spacing: SPACING.min(interval) },
        module: None,
        said: [None, None, None, None],
        place: id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::fixture::terms;

    #[test]
    fn the_shipped_groups_are_all_there_each_with_its_requirement() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/beijing-civil-affairs");
        let mut findings = Findings::default();
        let terms = terms("beijing-civil-affairs");
        let services = Services::default().exchanging(&folder, &terms, None, &mut findings);
        assert!(findings.into_sorted().is_empty());
        assert!(services.list.iter().all(|service| !service.requirement.is_empty() && service.name.contains("示例")));
        let mut tasks: HashMap<&str, (usize, u32)> = HashMap::new();
        for service in &services.list {
            let Some(exchange) = service.exchange() else { panic!("{}", service.id) };
            let (groups, all) = tasks.entry(exchange.kind.as_str()).or_default();
            (*groups, *all) = (*groups + 1, *all + exchange.tasks);
        }
        // Printed in document 003 for each kind.
        let expected = [("collect", (96, 3_440)), ("govern", (49, 715)), ("fuse", (261, 2_210)), ("share", (33, 309))];
        assert_eq!(tasks, HashMap::from(expected));
    }
}
