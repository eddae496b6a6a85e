//! Which ways out are open. A new installation is in trial (试运行): every notice is rendered and kept, and none leaves
//! until a named person has opened its channel and, where it is for somebody outside, that party's door too.
//!
//! In: who opens or closes what. Out: the door that holds a notice back. Doors are few: one for each channel, one for
//! each carrier, one for all units.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Channel, Notice};
use crate::{incident::IncidentKind, inventory::Inventory, units::Timestamp};

/// The door of all units.
const UNITS: &str = "units";

/// Doors that somebody has turned; all others are closed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Doors(BTreeMap<String, Turn>);

/// Who opened or closed a door last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    pub open: bool,
    pub by: String,
    pub at: Timestamp,
    #[serde(default)]
    pub note: String,
}

/// A door as outsiders see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorView {
    /// `channel/<name>`, `carrier/<id>` or `units`.
    pub door: String,
    /// `None`: nobody has touched it, so it is closed.
    pub turn: Option<Turn>,
}

impl DoorView {
    pub fn is_open(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.open)
    }
}

impl Doors {
    /// Somebody opens or closes a door.
    pub fn turn(&mut self, door: &str, turn: Turn) {
        self.0.insert(door.to_owned(), turn);
    }

    /// The door of a channel or party that is closed and keeps `notice` in; `None`: it may leave.
    ///
    /// What is about ourselves accuses nobody and says that nobody may be watching: machines hear it in trial too.
    pub fn holding(&self, notice: &Notice) -> Option<String> {
        let is_own = notice.incident().is_some_and(|incident| incident.kind == IncidentKind::Own);
        if is_own && notice.message.is_none() {
            return None;
        }
        let channel = channel(&notice.channel);
        [Some(channel), of_party(&notice.party)].into_iter().flatten().find(|door| !self.is_open(door))
    }

    /// Whether a machine that asks for all there is may be told.
    pub fn lets_out(&self, name: &str) -> bool {
        self.is_open(&channel(name))
    }

    fn is_open(&self, door: &str) -> bool {
        self.0.get(door).is_some_and(|turn| turn.open)
    }

    /// Every door that there is: of channels, then of carriers, then of the units.
    pub fn list(&self, channels: &[Channel], inventory: &Inventory) -> Vec<DoorView> {
        let names = channels.iter().map(|one| channel(&one.name));
        let parties = inventory.carriers.iter().map(|carrier| format!("carrier/{}", carrier.id));
        let doors = names.chain(parties).chain([UNITS.to_owned()]);
        doors.map(|door| DoorView { turn: self.0.get(&door).cloned(), door }).collect()
    }
}

fn channel(name: &str) -> String {
    format!("channel/{name}")
}

/// The operator's own people have no door but their channel's.
fn of_party(party: &str) -> Option<String> {
    match party.split_once('/') {
        Some(("carrier", _)) => Some(party.to_owned()),
        Some(("unit", _)) => Some(UNITS.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod fixture {
    use super::*;

    /// Doors of which these are open.
    pub fn opened(doors: &[&str]) -> Doors {
        let turn = Turn { open: true, by: "王工".into(), at: Timestamp(1), note: String::new() };
        Doors(doors.iter().map(|door| ((*door).to_owned(), turn.clone())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{fixture::opened, *};
    use crate::{
        incident::fixture,
        notify::{ChannelKind, NoticeKind, route},
    };

    #[test]
    fn a_notice_leaves_when_every_door_on_its_way_is_open() {
        let channels = [Channel::to_machine("sms", ChannelKind::Webhook)];
        let mut notice = route(&fixture::incident(), NoticeKind::Opened, &channels, |_| false, Timestamp(1)).remove(0);
        assert_eq!(Doors::default().holding(&notice).as_deref(), Some("channel/sms"));
        assert_eq!(opened(&["channel/mail", "carrier/ct"]).holding(&notice).as_deref(), Some("channel/sms"));
        assert_eq!(opened(&["channel/sms"]).holding(&notice), None);
        notice.party = "carrier/ct".into();
        assert_eq!(opened(&["channel/sms", "carrier/cm"]).holding(&notice).as_deref(), Some("carrier/ct"));
        assert_eq!(opened(&["channel/sms", "carrier/ct"]).holding(&notice), None);
        notice.party = "unit/U7".into();
        assert_eq!(opened(&["channel/sms"]).holding(&notice).as_deref(), Some("units"));
    }

    #[test]
    fn what_is_closed_again_holds_and_machines_hear_of_ourselves_all_the_same() {
        let channels = [Channel::to_machine("sms", ChannelKind::Webhook)];
        let mut doors = opened(&["channel/sms"]);
        doors.turn("channel/sms", Turn { open: false, by: "李工".into(), at: Timestamp(2), note: String::new() });
        let mut incident = fixture::incident();
        let mut notice = |kind| {
            incident.kind = kind;
            route(&incident, NoticeKind::Opened, &channels, |_| false, Timestamp(1)).remove(0)
        };
        assert!(doors.holding(&notice(IncidentKind::Outage)).is_some());
        assert_eq!(doors.holding(&notice(IncidentKind::Own)), None);
    }
}
