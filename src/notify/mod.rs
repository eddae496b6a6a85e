//! Telling people and machines: what is said to whom (pure), and `channels/` that carry it (I/O).
//!
//! In: an incident that changed. Out: [`Notice`]s for the outbox, each under a key that is never used twice on
//! purpose. A notice carries the incident as it stood, so that a late one still tells the true times.

pub mod budget;
pub mod channels;
pub mod doors;
pub mod letter;
pub mod log;
pub mod message;
pub mod pass;
pub mod reply;
pub mod segments;
pub mod warning;

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::{
    command::Step,
    duty::Contacts,
    incident::{DeskRecord, EffectKind, Incident, IncidentKind, Scope, ServicePart},
    inventory::{Inventory, Link, LinkId},
    judge::rule::{self, AlarmRecord},
    text::{DeskMessage, Mark, Message, RuleMessage, ServiceText},
    units::Timestamp,
};

/// One message for one channel, as it waits in the outbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// (incident, recipient, channel, kind, step): the same key is never sent twice on purpose.
    pub key: String,
    /// Name of the channel in linkpatrol.yaml.
    pub channel: String,
    /// Whom it is for, where that is not the operator: `carrier/<id>`, `unit/<id>`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub party: String,
    pub kind: NoticeKind,
    /// As it stood when the notice was made.
    #[serde(flatten)]
    pub subject: Subject,
    pub created: Timestamp,
    /// To one person, rendered and addressed. `None`: to a machine, whose channel renders it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<message::Message>,
    /// How often it was tried, in earlier processes too. Kept beside it by the store.
    #[serde(default, skip_serializing)]
    pub attempts: u32,
}

/// What a notice is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Incident(Box<Incident>),
    /// A problem or a change: for systems that keep tickets.
    Desk(DeskRecord),
    /// Dead letters of a day.
    Digest(DeadLetters),
    /// What a rule says of links.
    Alarms(AlarmsTold),
    /// What ends, and which sites stand badly. Never empty.
    Warnings(Vec<warning::Warned>),
}

/// What became of alarms of one rule in one turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmsTold {
    pub change: rule::Change,
    pub alarms: Vec<AlarmRecord>,
}

/// How many notices were given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetters {
    pub given_up: usize,
}

impl Notice {
    /// `None`: it is about something else.
    pub fn incident(&self) -> Option<&Incident> {
        match &self.subject {
            Subject::Incident(incident) => Some(incident),
            Subject::Desk(_) | Subject::Digest(_) | Subject::Alarms(_) | Subject::Warnings(_) => None,
        }
    }

    /// Notices of one thread leave in order: what they are about and, in a channel to people, recipient.
    pub fn thread(&self) -> (&str, &str) {
        let mut parts = self.key.splitn(5, '/');
        (parts.next().unwrap_or_default(), parts.nth(3).unwrap_or_default())
    }
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
    /// A party says that it is not its fault.
    Disputed,
    /// A party took its word back, or let nothing be heard.
    Unanswered,
    Restored,
    /// Links failed again before it was closed.
    Relapsed,
    /// A running clock reached a step of a ladder.
    Climbed,
    /// It comes and goes; the next notice comes when it is steady.
    Flapping,
    /// It goes on as a part of another one.
    Merged,
    Closed,
    /// Taken back (更正): it was false or wrongly classed.
    Annulled,
    /// Something happened to a problem, or was said of it.
    Problem,
    /// The same of a change.
    Change,
    /// What nobody took in a day.
    DeadLetters,
    /// A sealed notice of a broken period, or of poor quality.
    Breach,
    /// A rule's alarms fired, fire on or are cleared.
    Alarm,
    /// A certificate, a domain or an entry of the register ends, or a site stands badly; or that is over.
    Warning,
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
            EffectKind::Disputed { .. } => Some(Self::Disputed),
            EffectKind::Unanswered { .. } => Some(Self::Unanswered),
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
            Self::Climbed => "climbed",
            Self::PromiseDue => "promise_due",
            Self::Disputed => "disputed",
            Self::Unanswered => "unanswered",
            Self::Merged => "merged",
            Self::Closed => "closed",
            Self::Annulled => "annulled",
            Self::Problem => "problem",
            Self::Change => "change",
            Self::DeadLetters => "dead_letters",
            Self::Breach => "breach",
            Self::Alarm => "alarm",
            Self::Warning => "warning",
        }
    }
}

/// A configured way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name in linkpatrol.yaml: unique over all channels.
    pub name: String,
    pub kind: ChannelKind,
    /// Names and addresses of the people whom it tells by itself; of machines it has none.
    pub to: BTreeMap<String, String>,
    /// Links that carry it.
    pub rides_on: Vec<LinkId>,
    /// Who speaks when it cannot.
    pub next: Option<String>,
    /// Most messages in a day beyond those that no limit eats; `None`: it costs nothing.
    pub a_day: Option<u32>,
}

impl Channel {
    /// To a machine that is told of everything.
    pub fn to_machine(name: &str, kind: ChannelKind) -> Self {
        Self { name: name.to_owned(), kind, to: BTreeMap::new(), rides_on: vec![], next: None, a_day: None }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelKind {
    Alertmanager,
    Webhook,
    People,
}

impl ChannelKind {
    /// Alertmanager knows firing and resolved; who acknowledged is not its matter.
    fn takes(self, kind: NoticeKind) -> bool {
        match self {
            Self::Alertmanager => {
                use NoticeKind::{Acknowledged, Alarm, Breach, Change, DeadLetters, Problem, Warning};
                // It is sent every alarm that fires, again and again, beside the outbox.
                !matches!(kind, Acknowledged | Problem | Change | DeadLetters | Breach | Alarm | Warning)
            }
            Self::Webhook => true,
            // Tickets and alarms are for systems that keep them.
            Self::People => {
                use NoticeKind::{Alarm, Breach, Change, Problem};
                !matches!(kind, Problem | Change | Breach | Alarm)
            }
        }
    }
}

/// The notices that tell all `channels` what happened to `incident`.
///
/// None before its failures are grouped: until then it is only shown. None while another incident explains it: the cause
/// is told, and the timeline says why this is not. The step in the key is the length of its timeline:
/// an incident that restores, relapses and restores again tells so twice, and a repeat of the same change after a crash
/// does not.
///
/// A channel that rides on a link for which `is_down` holds is silent, and the one that it names as its `next` speaks at
/// once. When none of them can, it keeps the notice: the link may come back. An end is told wherever the beginning was taken.
pub fn route(
    incident: &Incident,
    kind: NoticeKind,
    channels: &[Channel],
    is_down: impl Fn(&LinkId) -> bool,
    now: Timestamp,
) -> Vec<Notice> {
    let is_end = matches!(kind, NoticeKind::Restored | NoticeKind::Closed | NoticeKind::Annulled);
    if incident.announced.is_none() || incident.is_covered(is_end) {
        return vec![];
    }
    let speaking = speaking(channels, &is_down);
    let took_the_beginning = channels.iter().filter(|channel| {
        is_end && incident.timeline.iter().any(|entry| entry.is(Step::Notified) && entry.way == channel.name)
    });
    let mut told: Vec<&Channel> = vec![];
    for channel in speaking.into_iter().chain(took_the_beginning).filter(|channel| channel.kind.takes(kind)) {
        if !told.iter().any(|known| known.name == channel.name) {
            told.push(channel);
        }
    }
    told.into_iter().flat_map(|channel| notices(incident, kind, channel, now)).collect()
}

/// The notices of one channel, each under its own key.
fn notices(incident: &Incident, kind: NoticeKind, channel: &Channel, now: Timestamp) -> Vec<Notice> {
    let key = format!("{}/{}/{}/{}", incident.id, channel.name, kind.as_str(), incident.steps());
    let notice = |key| Notice {
        key,
        channel: channel.name.clone(),
        party: String::new(),
        kind,
        subject: Subject::Incident(Box::new(incident.clone())),
        created: now,
        message: None,
        attempts: 0,
    };
    match channel.kind {
        ChannelKind::Alertmanager | ChannelKind::Webhook => vec![notice(key)],
        ChannelKind::People => channel.to.keys().map(|name| notice(format!("{key}/{name}"))).collect(),
    }
}

/// Those of `channels` that stand in for no other of them, or whoever speaks for them.
pub fn speaking(channels: &[Channel], is_down: impl Fn(&LinkId) -> bool) -> Vec<&Channel> {
    let stands_by = |channel: &Channel| channels.iter().any(|other| other.next.as_ref() == Some(&channel.name));
    let first = channels.iter().filter(|channel| !stands_by(channel));
    first.map(|channel| speaker(channel, channels, &is_down).unwrap_or(channel)).collect()
}

/// The first of `channel`, its `next` and so on that rides on no link that is down; `None`: nobody can speak.
pub fn speaker<'a>(
    channel: &'a Channel,
    channels: &'a [Channel],
    is_down: impl Fn(&LinkId) -> bool,
) -> Option<&'a Channel> {
    let after = |channel: &&Channel| {
        let next = channel.next.as_ref()?;
        channels.iter().find(|other| other.name == *next)
    };
    // linkpatrol.yaml lets a channel name only a later one, so this ends.
    std::iter::successors(Some(channel), after).find(|channel| !channel.rides_on.iter().any(&is_down))
}

/// What the next channel tells when this one could not deliver `notice`; empty where nobody stands by.
pub fn hand_on(notice: &Notice, channels: &[Channel], contacts: &Contacts, now: Timestamp) -> Vec<Notice> {
    let channel = channels.iter().find(|channel| channel.name == notice.channel);
    let next = channel.and_then(|channel| channels.iter().find(|other| channel.next.as_ref() == Some(&other.name)));
    let Some(next) = next else { return vec![] };
    let (_, recipient) = notice.thread();
    let contact = contacts.list.iter().find(|contact| contact.id == recipient);
    let same_words = |name: &str, to: &str| {
        let words = notice.message.as_ref()?;
        let parts: Vec<&str> = notice.key.splitn(5, '/').collect();
        let [about, _, kind, step, _] = parts[..] else { return None };
        let key = [about, &next.name, kind, step, name].join("/");
        let to = message::Address::parse(to)?;
        let words = message::Message { key: key.clone(), channel: next.name.clone(), to, ..words.clone() };
        let (channel, message) = (next.name.clone(), Some(words));
        Some(Notice { key, channel, message, created: now, attempts: 0, ..notice.clone() })
    };
    match (&notice.message, contact) {
        // The same words, by the other address of the same contact.
        (Some(_), Some(contact)) if !channel.is_some_and(|channel| channel.to.contains_key(recipient)) => {
            contact.to.get(&next.name).and_then(|to| same_words(recipient, to)).into_iter().collect()
        }
        _ => match &notice.subject {
            Subject::Incident(incident) => notices(incident, notice.kind, next, now),
            // To whoever that channel tells by itself.
            Subject::Warnings(_) => next.to.iter().filter_map(|(name, to)| same_words(name, to)).collect(),
            Subject::Desk(_) | Subject::Digest(_) | Subject::Alarms(_) => vec![],
        },
    }
}

/// The notices that tell the channels of systems what happened to a problem or a change.
pub fn route_desk(record: &DeskRecord, channels: &[Channel], now: Timestamp) -> Vec<Notice> {
    let kind = match record {
        DeskRecord::Maintnote(_) => return vec![],
        DeskRecord::Problem(_) => NoticeKind::Problem,
        DeskRecord::Change(_) => NoticeKind::Change,
        DeskRecord::Breach(_) => NoticeKind::Breach,
    };
    // It is for the carrier: its door must be open.
    let party = match record {
        DeskRecord::Breach(breach) => format!("carrier/{}", breach.paper.carrier),
        _ => String::new(),
    };
    let notice = |channel: &Channel| Notice {
        key: format!("{}/{}/{}/{}", record.id(), channel.name, kind.as_str(), record.steps()),
        channel: channel.name.clone(),
        party: party.clone(),
        kind,
        subject: Subject::Desk(record.clone()),
        created: now,
        message: None,
        attempts: 0,
    };
    channels.iter().filter(|channel| channel.kind.takes(kind)).map(notice).collect()
}

/// The notices that tell systems what became of alarms of one rule: one for all of its links. `told` is not empty.
pub fn route_alarms(told: &AlarmsTold, channels: &[Channel], now: Timestamp) -> Vec<Notice> {
    let kind = NoticeKind::Alarm;
    let Some(first) = told.alarms.first() else { return vec![] };
    let notice = |channel: &Channel| Notice {
        // One turn tells of a rule and change once, and no two turns are of one millisecond and link.
        key: format!(
            "{}/{}/{}/{}-{}-{}",
            first.rule,
            channel.name,
            kind.as_str(),
            told.change.as_str(),
            first.link,
            now.0
        ),
        channel: channel.name.clone(),
        party: String::new(),
        kind,
        subject: Subject::Alarms(told.clone()),
        created: now,
        message: None,
        attempts: 0,
    };
    channels.iter().filter(|channel| channel.kind.takes(kind)).map(notice).collect()
}

/// One sentence for people about alarms of one rule: what the first says, and how many more there are.
pub fn alarms_summary(told: &AlarmsTold, simulated: bool) -> Message {
    let text = |of: fn(&AlarmRecord) -> &String| told.alarms.first().map(of).cloned().unwrap_or_default();
    Message::Rule(RuleMessage::AlarmSummary {
        simulated,
        cleared: told.change == rule::Change::Cleared,
        zh_cn: text(|alarm| &alarm.zh_cn),
        en: text(|alarm| &alarm.en),
        more: told.alarms.len().saturating_sub(1),
    })
}

/// The incident that a notice of this key announces; `None`: it tells of something else.
pub fn announces(key: &str) -> Option<&str> {
    let mut parts = key.split('/');
    let (incident, _channel, kind) = (parts.next()?, parts.next()?, parts.next()?);
    (kind == NoticeKind::Opened.as_str()).then_some(incident)
}

/// One sentence for people about a problem or a change.
pub fn desk_summary(record: &DeskRecord, simulated: bool) -> Message {
    Message::Desk(match record {
        DeskRecord::Problem(problem) => DeskMessage::ProblemSummary {
            simulated,
            scope: format!("{}/{}", problem.scope.kind, problem.scope.id),
            phase: problem.phase.as_str().to_owned(),
            faults: problem.faults.len(),
        },
        DeskRecord::Change(change) => {
            DeskMessage::ChangeSummary { simulated, what: change.what.clone(), phase: change.phase.as_str().to_owned() }
        }
        DeskRecord::Breach(breach) => DeskMessage::BreachSummary {
            simulated,
            quality: breach.paper.agreement.is_none(),
            number: breach.number.clone().unwrap_or_default(),
            carrier: breach.paper.carrier.clone(),
            period: breach.paper.period.clone(),
            breached: breach.paper.breached,
        },
        // Nobody is sent one.
        DeskRecord::Maintnote(_) => DeskMessage::NoChanges,
    })
}

/// What is not the plain truth of today says so.
pub fn mark_of(incident: &Incident, simulated: bool) -> Option<Mark> {
    let drill = incident.drill.then_some(Mark::Drill);
    if simulated { Some(Mark::Simulated) } else { drill }
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
        IncidentKind::Reported => {
            Message::ReportedSummary { mark: mark_of(incident, simulated), scope: Box::new(scope(incident, inventory)) }
        }
        IncidentKind::Isolation => Message::IsolationSummary { simulated },
        IncidentKind::Service => {
            let service = incident.service.as_deref();
            let text = |field: fn(&ServicePart) -> &String| service.map(field).cloned().unwrap_or_default();
            Message::Service(ServiceText::Incident {
                simulated,
                id: incident.scope.id.clone(),
                name: text(|service| &service.name),
                phase: text(|service| &service.phase),
                reason: text(|service| &service.reason),
            })
        }
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
        service: incident.service.as_ref().map(|service| service.url.clone()),
    }
}

/// What an incident is about, under its name for people; under its key when the inventory has none.
pub fn scope(incident: &Incident, inventory: &Inventory) -> Message {
    let Scope { kind, id } = &incident.scope;
    match &incident.service {
        Some(service) if kind == "service" => Message::Scope { kind: kind.clone(), name: service.name.clone() },
        _ => scope_named(kind, id, inventory),
    }
}

/// A scope by its kind and key, as timelines keep it.
pub fn scope_named(kind: &str, id: &str, inventory: &Inventory) -> Message {
    let name = match kind {
        "carrier" => inventory.carriers.iter().find(|carrier| carrier.id == id).map(|carrier| carrier.name.as_str()),
        "unit" => inventory.units.iter().find(|unit| unit.id == id).map(|unit| unit.name.as_str()),
        "segment" => inventory.segments.iter().find(|segment| segment.id == id).map(|segment| segment.name.as_str()),
        _ => None,
    };
    Message::Scope { kind: kind.to_owned(), name: name.unwrap_or(id).to_owned() }
}

/// The links of an incident that the inventory still has.
fn members<'a>(incident: &'a Incident, inventory: &'a Inventory) -> impl Iterator<Item = &'a Link> {
    let is_member = |link: &&Link| incident.links.iter().any(|(id, _)| *id == link.id);
    inventory.links.iter().filter(is_member)
}

/// Whether somebody must look at once: the whole network, an outage that we cannot see the size of, or ourselves.
fn is_critical(incident: &Incident) -> bool {
    !matches!(incident.kind, IncidentKind::Outage | IncidentKind::Reported | IncidentKind::Service)
        || incident.tier <= 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::{Parent, fixture};

    fn channel(name: &str, kind: ChannelKind) -> Channel {
        Channel::to_machine(name, kind)
    }

    #[test]
    fn every_channel_is_told_once_and_under_its_own_key() {
        let channels = [channel("am-1", ChannelKind::Alertmanager), channel("desk", ChannelKind::Webhook)];
        let mut incident = fixture::incident();
        let keys = |incident: &Incident, kind| -> Vec<String> {
            route(incident, kind, &channels, |_| false, fixture::AT.utc).into_iter().map(|notice| notice.key).collect()
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
            route(&incident, kind, &channels, |_| false, fixture::AT.utc).len()
        };
        assert_eq!([told(false, NoticeKind::Opened), told(false, NoticeKind::Restored)], [0, 0]);
        assert_eq!([told(true, NoticeKind::Overdue), told(true, NoticeKind::Restored)], [0, 1]);
    }

    fn rides(name: &str, link: &str, next: &str) -> Channel {
        Channel {
            to: [("duty".to_owned(), "13800000001".to_owned())].into(),
            rides_on: LinkId::parse(link).into_iter().collect(),
            next: Some(next.to_owned()).filter(|next| !next.is_empty()),
            ..Channel::to_machine(name, ChannelKind::People)
        }
    }

    #[test]
    fn a_channel_behind_the_cut_link_is_silent_and_the_next_one_speaks_at_once() {
        let channels = [rides("mail", "LL-0001", "robot"), rides("robot", "LL-0002", "sms"), rides("sms", "", "")];
        let incident = fixture::incident();
        let told = |down: &[&str], kind| -> Vec<String> {
            let is_down = |link: &LinkId| down.contains(&link.as_str());
            let channel = |notice: Notice| notice.key.replace(&incident.id, "");
            route(&incident, kind, &channels, is_down, fixture::AT.utc).into_iter().map(channel).collect()
        };
        assert_eq!(told(&[], NoticeKind::Opened), ["/mail/opened/1/duty"]);
        assert_eq!(told(&["LL-0001"], NoticeKind::Opened), ["/robot/opened/1/duty"]);
        assert_eq!(told(&["LL-0001", "LL-0002"], NoticeKind::Opened), ["/sms/opened/1/duty"]);
        let alone = [rides("mail", "LL-0001", "")];
        let kept = route(&incident, NoticeKind::Opened, &alone, |_| true, fixture::AT.utc);
        assert_eq!(kept.len(), 1, "it waits for the link");
        let notice = route(&incident, NoticeKind::Opened, &channels, |_| false, fixture::AT.utc).remove(0);
        assert_eq!(hand_on(&notice, &channels, &Contacts::default(), fixture::AT.utc)[0].channel, "robot");
    }

    #[test]
    fn a_warning_that_a_channel_refuses_is_told_by_the_next_one_in_the_same_words() {
        let warned = warning::Warned {
            what: "dead_links".into(),
            id: "S-1".into(),
            name: "甲站".into(),
            url: String::new(),
            owner: String::new(),
            over: false,
            ends: None,
            rung: None,
            proof: warning::Proof::default(),
        };
        let refused = |recipient: &str| {
            let key = format!("warnings-1/mail/warning/1/{recipient}");
            let message = message::Message {
                key: key.clone(),
                channel: "mail".into(),
                to: message::Address::parse("a@example.org").unwrap(),
                mark: None,
                subject: "提醒".into(),
                text: "死链\n".into(),
                thread: None,
                short: None,
                private: vec![],
            };
            Notice {
                key,
                channel: "mail".into(),
                party: String::new(),
                kind: NoticeKind::Warning,
                subject: Subject::Warnings(vec![warned.clone()]),
                created: fixture::AT.utc,
                message: Some(message),
                attempts: 3,
            }
        };
        let mail = Channel {
            next: Some("sms".into()),
            to: [("duty".to_owned(), "a@example.org".to_owned())].into(),
            ..Channel::to_machine("mail", ChannelKind::People)
        };
        let sms = Channel {
            to: [("leader".to_owned(), "13800000001".to_owned())].into(),
            ..Channel::to_machine("sms", ChannelKind::People)
        };
        let handed = hand_on(&refused("duty"), &[mail, sms], &Contacts::default(), fixture::AT.utc);
        let words: Vec<_> = handed.iter().map(|one| (one.key.as_str(), one.attempts, one.message.as_ref())).collect();
        let [("warnings-1/sms/warning/1/leader", 0, Some(message))] = words[..] else { panic!("{handed:?}") };
        assert_eq!(
            (message.to.reveal(), message.text.as_str(), message.channel.as_str()),
            ("13800000001", "死链\n", "sms")
        );
        let desk = Channel::to_machine("mail", ChannelKind::Webhook);
        assert_eq!(hand_on(&refused("duty"), &[desk], &Contacts::default(), fixture::AT.utc), []);
    }

    #[test]
    fn the_end_is_told_wherever_the_beginning_was_taken() {
        let channels = [rides("mail", "LL-0001", "sms"), rides("sms", "", "")];
        let mut incident = fixture::incident();
        incident.timeline[0].event = Step::Notified.as_str().to_owned();
        incident.timeline[0].way = "sms".into();
        let told = route(&incident, NoticeKind::Restored, &channels, |_| false, fixture::AT.utc);
        assert_eq!(told.iter().map(|notice| &*notice.channel).collect::<Vec<_>>(), ["mail", "sms"]);
    }
}
