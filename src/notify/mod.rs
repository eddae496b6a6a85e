//! Telling people and machines: what is said to whom (pure), and `channels/` that carry it (I/O).
//!
//! In: an incident that changed. Out: [`Notice`]s for the outbox, each under a key that is never used twice on
//! purpose. A notice carries the incident as it stood, so that a late one still tells the true times.

pub mod channels;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::{
    incident::{EffectKind, Incident, IncidentKind},
    inventory::{Inventory, Link},
    text::Message,
    units::Timestamp,
};

/// One message for one channel, as it waits in the outbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// (incident, recipient, channel, kind, step): the same key is never sent twice on purpose.
    pub key: String,
    /// Name of the channel in linkpatrol.yaml.
    pub channel: String,
    pub kind: NoticeKind,
    /// The incident as it stood when the notice was made.
    pub incident: Incident,
    pub created: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    Opened,
    /// Scope, tier or links changed.
    Changed,
    Acknowledged,
    Overdue,
    /// A party promised to be done by now.
    PromiseDue,
    Restored,
    /// Links failed again before it was closed.
    Relapsed,
    /// It comes and goes; the next notice comes when it is steady.
    Flapping,
    /// It goes on as a part of another one.
    Merged,
    Closed,
    /// Taken back (更正): it was false or wrongly classed.
    Annulled,
}

impl NoticeKind {
    /// What people are told of an effect; `None`: nothing.
    pub fn of(effect: &EffectKind) -> Option<Self> {
        match effect {
            // Told when its grace ends.
            EffectKind::Opened | EffectKind::Noted | EffectKind::Reprobe { .. } | EffectKind::Left => None,
            EffectKind::Announced => Some(Self::Opened),
            EffectKind::Changed | EffectKind::TierRaised => Some(Self::Changed),
            EffectKind::Merged { .. } => Some(Self::Merged),
            EffectKind::Acknowledged { .. } => Some(Self::Acknowledged),
            EffectKind::Overdue { .. } => Some(Self::Overdue),
            EffectKind::Restored => Some(Self::Restored),
            EffectKind::Relapsed => Some(Self::Relapsed),
            EffectKind::Flapping => Some(Self::Flapping),
            EffectKind::Closed => Some(Self::Closed),
            EffectKind::PromiseDue { .. } => Some(Self::PromiseDue),
            EffectKind::Annulled => Some(Self::Annulled),
            EffectKind::Resolved { .. } => Some(Self::Changed),
        }
    }

    /// As keys, labels and JSON write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Changed => "changed",
            Self::Acknowledged => "acknowledged",
            Self::Overdue => "overdue",
            Self::Restored => "restored",
            Self::Relapsed => "relapsed",
            Self::Flapping => "flapping",
            Self::PromiseDue => "promise_due",
            Self::Merged => "merged",
            Self::Closed => "closed",
            Self::Annulled => "annulled",
        }
    }
}

/// A configured way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name in linkpatrol.yaml: unique over all channels.
    pub name: String,
    pub kind: ChannelKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelKind {
    Alertmanager,
    Webhook,
}

impl ChannelKind {
    /// Alertmanager knows firing and resolved; who acknowledged is not its matter.
    fn takes(self, kind: NoticeKind) -> bool {
        match self {
            Self::Alertmanager => kind != NoticeKind::Acknowledged,
            Self::Webhook => true,
        }
    }
}

/// The notices that tell all `channels` what happened to `incident`.
///
/// None before its failures are grouped: until then it is only shown. None while another incident explains it: the cause
/// is told, and the timeline says why this is not. The step in the key is the length of its timeline:
/// an incident that restores, relapses and restores again tells so twice, and a repeat of the same change after a crash
/// does not.
pub fn route(incident: &Incident, kind: NoticeKind, channels: &[Channel], now: Timestamp) -> Vec<Notice> {
    let notice = |channel: &Channel| Notice {
        key: format!("{}/{}/{}/{}", incident.id, channel.name, kind.as_str(), incident.steps()),
        channel: channel.name.clone(),
        kind,
        incident: incident.clone(),
        created: now,
    };
    let is_end = matches!(kind, NoticeKind::Restored | NoticeKind::Closed | NoticeKind::Annulled);
    let is_told = incident.announced.is_some() && !incident.is_covered(is_end);
    let told = channels.iter().filter(|channel| is_told && channel.kind.takes(kind));
    told.map(notice).collect()
}

/// The incident that a notice of this key announces; `None`: it tells of something else.
pub fn announces(key: &str) -> Option<&str> {
    let mut parts = key.split('/');
    let (incident, _channel, kind) = (parts.next()?, parts.next()?, parts.next()?);
    (kind == NoticeKind::Opened.as_str()).then_some(incident)
}

/// One sentence for people: what is broken, where, and how much of it.
pub fn summary(incident: &Incident, inventory: &Inventory, simulated: bool) -> Message {
    match incident.kind {
        IncidentKind::Outage => Message::OutageSummary {
            simulated,
            network: incident.scope.kind == "network",
            scope: Box::new(scope(incident, inventory)),
            inferred: incident.inferred,
            links: incident.links.len(),
        },
        IncidentKind::Reported => Message::ReportedSummary { simulated, scope: Box::new(scope(incident, inventory)) },
        IncidentKind::Isolation => Message::IsolationSummary { simulated },
        IncidentKind::Own => Message::OwnSummary { simulated, fault: incident.scope.id.clone() },
    }
}

/// When it began, which deadlines run, and which links it is about.
pub fn description(incident: &Incident, zone: Tz) -> Message {
    let deadline = |name: &str| incident.running(name).map(|clock| clock.deadline.rfc3339(zone));
    Message::IncidentDescription {
        began: incident.began.rfc3339(zone),
        response: deadline("response"),
        restore: deadline("restore"),
        links: incident.links.iter().map(|(link, _)| link.to_string()).collect(),
    }
}

/// What an incident is about, under its name for people; under its key when the inventory has none.
pub fn scope(incident: &Incident, inventory: &Inventory) -> Message {
    let id = &incident.scope.id;
    let name = match incident.scope.kind.as_str() {
        "carrier" => inventory.carriers.iter().find(|carrier| carrier.id == *id).map(|carrier| &carrier.name),
        "unit" => inventory.units.iter().find(|unit| unit.id == *id).map(|unit| &unit.name),
        "segment" => inventory.segments.iter().find(|segment| segment.id == *id).map(|segment| &segment.name),
        _ => None,
    };
    Message::Scope { kind: incident.scope.kind.clone(), name: name.unwrap_or(id).clone() }
}

/// The links of an incident that the inventory still has.
fn members<'a>(incident: &'a Incident, inventory: &'a Inventory) -> impl Iterator<Item = &'a Link> {
    let is_member = |link: &&Link| incident.links.iter().any(|(id, _)| *id == link.id);
    inventory.links.iter().filter(is_member)
}

/// Whether somebody must look at once: the whole network, an outage that we cannot see the size of, or ourselves.
fn is_critical(incident: &Incident) -> bool {
    !matches!(incident.kind, IncidentKind::Outage | IncidentKind::Reported) || incident.tier <= 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::{Parent, fixture};

    fn channel(name: &str, kind: ChannelKind) -> Channel {
        Channel { name: name.into(), kind }
    }

    #[test]
    fn every_channel_is_told_once_and_under_its_own_key() {
        let channels = [channel("am-1", ChannelKind::Alertmanager), channel("desk", ChannelKind::Webhook)];
        let mut incident = fixture::incident();
        let keys = |incident: &Incident, kind| -> Vec<String> {
            route(incident, kind, &channels, fixture::AT.utc).into_iter().map(|notice| notice.key).collect()
        };
        let opened = keys(&incident, NoticeKind::Opened);
        assert_eq!(opened, [format!("{}/am-1/opened/1", incident.id), format!("{}/desk/opened/1", incident.id)]);
        assert_eq!(keys(&incident, NoticeKind::Opened), opened, "the same change has the same key");
        assert_eq!(announces(&opened[1]), Some(incident.id.as_str()));
        assert_eq!(announces(&keys(&incident, NoticeKind::Restored)[0]), None);
        assert_eq!(keys(&incident, NoticeKind::Acknowledged).len(), 1);
        let restored = keys(&incident, NoticeKind::Restored);
        incident.timeline.push(incident.timeline[0].clone());
        assert_ne!(keys(&incident, NoticeKind::Restored), restored, "a second restoration is told again");
        incident.announced = None;
        assert_eq!(keys(&incident, NoticeKind::Opened), [""; 0], "failures are still being grouped");
    }

    #[test]
    fn what_another_incident_explains_is_not_told_but_whoever_knew_of_it_hears_of_its_end() {
        let channels = [channel("desk", ChannelKind::Webhook)];
        let mut incident = fixture::incident();
        let mut told = |told, kind| {
            incident.parent = Some(Parent { incident: "01J".into(), told });
            route(&incident, kind, &channels, fixture::AT.utc).len()
        };
        assert_eq!([told(false, NoticeKind::Opened), told(false, NoticeKind::Restored)], [0, 0]);
        assert_eq!([told(true, NoticeKind::Overdue), told(true, NoticeKind::Restored)], [0, 1]);
    }
}
