//! Who is told what of an incident: contacts of its parties, by what happened, by duty, and by the steps of ladders.

use std::cell::LazyCell;

use super::{
    Facts, Letter,
    context::{Own, Passed, context, of_contacts, own},
};
use crate::{
    command::Resolution,
    contract::{Ladder, words::Party},
    duty::Contact,
    incident::{Clock, EffectKind, Incident, IncidentKind},
    inventory::LinkId,
    notify::{Channel, ChannelKind, DeadLetters, Notice, NoticeKind, Subject, channels::name_of, message, speaking},
    text::{ChannelText, Message},
    units::{Ppm, Timestamp},
};

/// What notices of an incident are made from besides it.
#[derive(Clone, Copy)]
pub struct Ways<'a> {
    pub channels: &'a [Channel],
    pub is_down: &'a dyn Fn(&LinkId) -> bool,
    pub facts: Facts<'a>,
    pub now: Timestamp,
}

/// Letters to the contacts of every party that an effect concerns. The same news have the same key: a carrier is told of
/// a fault once for each set of its circuits, however often other circuits join or leave.
///
/// An end is for everybody who may have heard of the beginning, over whichever channel, off duty by now or not: the caller
/// knows who did.
pub fn letters(incident: &Incident, effect: &EffectKind, ways: Ways) -> Vec<Notice> {
    let Some(kind) = NoticeKind::of(effect) else { return vec![] };
    let is_end = is_end(kind);
    if incident.announced.is_none() || incident.is_covered(is_end) || !ChannelKind::People.takes(kind) {
        return vec![];
    }
    let facts = ways.facts;
    let overdue = match effect {
        EffectKind::Overdue { clock, tier, party } => {
            incident.clocks.iter().find(|one| (&one.clock, &one.tier, &one.party) == (clock, tier, party))
        }
        _ => None,
    };
    let passed = overdue.map(|clock| Passed { clock, share: Ppm(1_000_000) });
    let parties = facts.contacts.parties();
    parties
        .into_iter()
        .flat_map(|party| {
            let links = own(incident, party, facts);
            let said = what(incident, kind, effect, party, !links.is_empty());
            let contacts: Option<Vec<&Contact>> = said.map(|_| match is_end {
                true => facts.contacts.of(party).collect(),
                false => facts.contacts.listening(party, facts.roster, ways.now),
            });
            let step = if matches!(said, Some(Some(Letter::Fault | Letter::Test | Letter::Information)))
                && kind != NoticeKind::Relapsed
            {
                // Under one kind, whether it opened or changed.
                (NoticeKind::Opened, set_of(&links))
            } else {
                (kind, incident.steps().to_string())
            };
            contacts
                .unwrap_or_default()
                .into_iter()
                .flat_map(|contact| to_contact(incident, contact, (said.flatten(), &step), &links, passed, ways))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// It tells that an incident is over, or never was.
fn is_end(kind: NoticeKind) -> bool {
    matches!(kind, NoticeKind::Restored | NoticeKind::Closed | NoticeKind::Annulled)
}

/// Which letter a party gets; `Some(None)`: the words of the operator; `None`: nothing.
fn what(
    incident: &Incident,
    kind: NoticeKind,
    effect: &EffectKind,
    party: &str,
    has_links: bool,
) -> Option<Option<Letter>> {
    if !party.contains('/') {
        return Some(None);
    }
    if let Some(service) = &incident.service {
        // It hears when the service fails, and of the end: not of each reason in between.
        let is_owner = party.strip_prefix("unit/").is_some_and(|unit| unit == service.owner);
        let is_news = kind == NoticeKind::Opened || kind == NoticeKind::Relapsed || is_end(kind);
        return (is_owner && is_news && kind != NoticeKind::Closed).then_some(Some(Letter::Service));
    }
    // Nobody outside is told of what we cannot see, or of ourselves.
    let is_theirs = match incident.kind {
        IncidentKind::Outage | IncidentKind::Reported => true,
        IncidentKind::Isolation => incident.resolution == Some(Resolution::Outage),
        IncidentKind::Own | IncidentKind::Service => false,
    };
    if !is_theirs || !has_links {
        return None;
    }
    let is_carrier = party.starts_with("carrier/");
    let of_theirs = match effect {
        EffectKind::Overdue { party: whose, .. }
        | EffectKind::PromiseDue { party: whose }
        | EffectKind::Unanswered { party: whose } => whose == party,
        _ => false,
    };
    let letter = match kind {
        NoticeKind::Opened | NoticeKind::Changed | NoticeKind::Relapsed if !is_carrier => Letter::Information,
        NoticeKind::Opened | NoticeKind::Changed | NoticeKind::Relapsed if incident.unit_power_suspected => {
            Letter::Test
        }
        NoticeKind::Opened | NoticeKind::Changed | NoticeKind::Relapsed => Letter::Fault,
        NoticeKind::Restored => Letter::Recovery,
        NoticeKind::Annulled => Letter::Correction,
        NoticeKind::Overdue if of_theirs && is_carrier => Letter::Overdue,
        NoticeKind::PromiseDue | NoticeKind::Unanswered if of_theirs && is_carrier => Letter::Urge,
        _ => return None,
    };
    Some(Some(letter))
}

/// A step of a ladder that a running clock has reached: whom it calls, and the letters to them. Clocks are told of by share
/// of the time from their start to their deadline.
pub fn climbed(incident: &Incident, clock: &Clock, ways: Ways) -> Vec<Notice> {
    let share = share_of(clock, ways.now);
    if clock.stopped.is_some() || incident.announced.is_none() || incident.is_covered(false) {
        return vec![];
    }
    let (facts, kind) = (ways.facts, NoticeKind::Climbed);
    let classes = LazyCell::new(|| facts.sight.classes(incident));
    let holds = |ladder: &&Ladder| {
        let of_class = |class: &String| classes.contains(&class.as_str());
        of_party(ladder.party, &clock.party) && (ladder.classes.is_empty() || ladder.classes.iter().any(of_class))
    };
    let steps =
        facts.ladders.iter().filter(holds).flat_map(|ladder| ladder.steps.iter().map(move |step| (ladder, step)));
    // At its start the opening is told, and at its end that it ran out; who is called for one class only has heard neither.
    let reached = steps.filter(|(ladder, step)| {
        step.at <= share
            && (step.at > Ppm(0) || !ladder.classes.is_empty())
            && step.level.is_none_or(|level| incident.tier <= level)
    });
    reached
        .flat_map(|(ladder, step)| step.to.iter().map(move |name| (ladder, step.at, name)))
        .flat_map(|(ladder, at, name)| {
            let party = clock.party.replace('/', ".");
            let is_start = at == Ppm(0);
            // However many clocks start.
            let number = if is_start {
                format!("{party}-{}", ladder.id)
            } else {
                format!("{party}-{}-{}-{}", clock.clock, clock.tier, at.0 / 10_000)
            };
            let called = facts.contacts.called(name, facts.roster, ways.now);
            called.into_iter().flat_map(move |contact| {
                let links = own(incident, &contact.party, facts);
                let letter = match contact.party.split_once('/') {
                    None if is_start => None,
                    None => Some(Letter::Escalation),
                    Some(_) if links.is_empty() => return vec![],
                    Some(("carrier", _)) => Some(Letter::Urge),
                    Some(_) => Some(Letter::Information),
                };
                let passed = (!is_start).then_some(Passed { clock, share: at });
                to_contact(incident, contact, (letter, &(kind, number.clone())), &links, passed, ways)
            })
        })
        .collect()
}

/// What nobody took in a day, to the operator's people: `keys` of those notices. None when there are none.
pub fn digest(day: &str, keys: &[String], ways: Ways) -> Vec<Notice> {
    let facts = ways.facts;
    if keys.is_empty() {
        return vec![];
    }
    let people = ways.channels.iter().filter(|channel| channel.kind == ChannelKind::People);
    let of_channels = people.flat_map(|channel| channel.to.iter().map(move |(name, to)| (channel, name, to)));
    let listening = facts.contacts.listening("operator", facts.roster, ways.now);
    let of_contacts = listening.into_iter().flat_map(|contact| {
        let on =
            |name: &String| ways.channels.iter().find(|one| one.name == *name && !one.to.contains_key(&contact.id));
        contact.to.iter().filter_map(move |(name, to)| Some((on(name)?, &contact.id, to)))
    });
    let said = Message::Channel(ChannelText::DeadLetters { day: day.to_owned(), keys: keys.to_vec() });
    let text = said.say(facts.language).to_string();
    let notice = |(channel, name, to): (&Channel, &String, &String)| {
        let key = format!("digest-{day}/{}/{}/1/{name}", channel.name, NoticeKind::DeadLetters.as_str());
        let message = message::Message {
            key: key.clone(),
            channel: channel.name.clone(),
            to: message::Address::parse(to)?,
            mark: facts.simulated.then_some(message::Mark::Simulated),
            subject: text.clone(),
            text: format!("{text}\n"),
            thread: None,
            short: None,
            private: vec![],
        };
        Some(Notice {
            key,
            channel: channel.name.clone(),
            party: String::new(),
            kind: NoticeKind::DeadLetters,
            subject: Subject::Digest(DeadLetters { given_up: keys.len() }),
            created: ways.now,
            message: Some(message),
            attempts: 0,
        })
    };
    of_channels.chain(of_contacts).filter_map(notice).collect()
}

fn of_party(party: Party, whose: &str) -> bool {
    match party {
        Party::Operator => whose == "operator",
        Party::Carrier => whose.starts_with("carrier/"),
        Party::Unit => whose.starts_with("unit/"),
        Party::Customer => whose == "customer",
    }
}

fn share_of(clock: &Clock, now: Timestamp) -> Ppm {
    let (whole, passed) = (clock.deadline.0 - clock.started.0, now.0 - clock.started.0);
    let share = if whole <= 0 { 1_000_000 } else { passed.max(0).saturating_mul(1_000_000) / whole };
    Ppm(u32::try_from(share).unwrap_or(u32::MAX))
}

/// Whom a channel tells by itself it tells once.
pub(super) fn tells(channel: &Channel, contact: &Contact) -> bool {
    channel.kind == ChannelKind::People
        && contact.to.contains_key(&channel.name)
        && !channel.to.contains_key(&contact.id)
}

/// One notice on each of the contact's channels that speaks and is no stand-in for another of them.
fn to_contact(
    incident: &Incident,
    contact: &Contact,
    (letter, (kind, step)): (Option<Letter>, &(NoticeKind, String)),
    links: &[Own],
    passed: Option<Passed>,
    ways: Ways,
) -> Vec<Notice> {
    let own: Vec<Channel> = ways.channels.iter().filter(|channel| tells(channel, contact)).cloned().collect();
    let mut told: Vec<&Channel> = match is_end(*kind) {
        true => own.iter().collect(),
        false => speaking(&own, ways.is_down),
    };
    told.dedup_by(|one, other| one.name == other.name);
    let notice = |channel: &&Channel| {
        let mut notice = Notice {
            key: format!("{}/{}/{}/{step}/{}", incident.id, channel.name, kind.as_str(), contact.id),
            channel: channel.name.clone(),
            party: if contact.party.contains('/') { contact.party.clone() } else { String::new() },
            kind: *kind,
            subject: Subject::Incident(Box::new(incident.clone())),
            created: ways.now,
            message: None,
            attempts: 0,
        };
        notice.message = words(&notice, contact, letter, links, passed, ways);
        notice.message.is_some().then_some(notice)
    };
    told.iter().filter_map(notice).collect()
}

fn words(
    notice: &Notice,
    contact: &Contact,
    letter: Option<Letter>,
    links: &[Own],
    passed: Option<Passed>,
    ways: Ways,
) -> Option<message::Message> {
    let language = contact.language.unwrap_or(ways.facts.language);
    let facts = Facts { language, ..ways.facts };
    let to = contact.to.get(&notice.channel)?;
    let plain = super::of_everything(notice, to, facts)?;
    let Some(letter) = letter else { return Some(plain) };
    let incident = notice.incident()?;
    let context = context(incident, (&contact.party, &contact.name, language), links, passed, facts, ways.now);
    let carrier = contact.party.strip_prefix("carrier/").unwrap_or_default();
    let written = facts.letters.write(letter, language, carrier, &context)?;
    let private = of_contacts(contact, links, facts, &[&written.subject, &written.text, &written.short]);
    let short = Some(message::Short { text: written.short, template: None });
    Some(message::Message { subject: written.subject, text: written.text, short, private, ..plain })
}

/// Which circuits, whatever became of them.
fn set_of(links: &[Own]) -> String {
    let ids: Vec<&str> = links.iter().map(|own| own.link.id.as_str()).collect();
    name_of(&ids.join(" ")).chars().take(12).collect()
}
