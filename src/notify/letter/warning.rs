//! Letters about what is warned of: to the operator's people all of it, to a unit what is its own, to machines as data.

use std::collections::BTreeSet;

use minijinja::{Value, value::Serde};
use serde::Serialize;

use super::{
    Facts, Letter,
    route::{Ways, tells},
};
use crate::{
    duty::Contact,
    notify::{
        Channel, ChannelKind, Notice, NoticeKind, Subject,
        message::{Address, Mark, Message, Short},
        speaking,
        warning::{Look, Warned},
    },
    text,
    units::Timestamp,
};

/// Most things that a letter names.
const NAMED: usize = 50;

#[derive(Serialize, Default, Clone)]
pub(super) struct Context {
    /// Whom it is for: its name as a person or desk, and that of its party.
    name: String,
    party: String,
    /// The first of them in a sentence, and how many more there are.
    headline: String,
    due: Vec<Item>,
    over: Vec<Item>,
    /// Those that are not named.
    more: usize,
    head: String,
}

#[derive(Serialize, Default, Clone)]
struct Item {
    what: String,
    id: String,
    name: String,
    url: String,
    /// In a sentence.
    said: String,
    ends: String,
    days: i64,
    note: String,
}

/// Contexts with all and with the least that a letter has.
pub(super) fn samples() -> [Value; 2] {
    let word = || "word".to_owned();
    let least = Context { name: word(), party: word(), headline: word(), ..Context::default() };
    let item = Item { url: word(), note: word(), ..Item::default() };
    let full = Context { due: vec![item.clone(); 2], over: vec![item], more: 1, head: "1 aa".into(), ..least.clone() };
    [Value::from(Serde(full)), Value::from(Serde(least))]
}

/// One of those who are told.
#[derive(Clone, Copy)]
struct Reader<'a> {
    channel: &'a Channel,
    /// Of the key; empty: a machine.
    id: &'a str,
    to: &'a str,
    /// `None`: it is told by its channel.
    contact: Option<&'a Contact>,
    /// It hears of what is new.
    listens: bool,
}

/// One notice to everybody who is to hear something of `look`.
pub fn warnings(look: &Look, ways: Ways) -> Vec<Notice> {
    let facts = ways.facts;
    let parties = facts.contacts.parties();
    let awake = parties.iter().flat_map(|party| facts.contacts.listening(party, facts.roster, ways.now));
    let awake: BTreeSet<&str> = awake.map(|contact| contact.id.as_str()).collect();
    let speaks = |own: &[Channel]| -> BTreeSet<String> {
        speaking(own, ways.is_down).into_iter().map(|channel| channel.name.clone()).collect()
    };
    let first = speaks(ways.channels);
    let by_channels = ways.channels.iter().flat_map(|channel| -> Vec<Reader> {
        let machine = Reader { channel, id: "", to: "", contact: None, listens: first.contains(&channel.name) };
        match channel.kind {
            // It asks for what fires, and this fires in Prometheus.
            ChannelKind::Alertmanager => vec![],
            ChannelKind::Webhook => vec![machine],
            ChannelKind::People => channel.to.iter().map(|(id, to)| Reader { id, to, ..machine }).collect(),
        }
    });
    let by_contacts = facts.contacts.list.iter().flat_map(|contact| {
        let own: Vec<Channel> = ways.channels.iter().filter(|channel| tells(channel, contact)).cloned().collect();
        let (id, speaks, is_awake) = (contact.id.as_str(), speaks(&own), awake.contains(contact.id.as_str()));
        ways.channels.iter().filter(|channel| tells(channel, contact)).filter_map(move |channel| {
            let (to, listens) = (contact.to.get(&channel.name)?, is_awake && speaks.contains(&channel.name));
            Some(Reader { channel, id, to, contact: Some(contact), listens })
        })
    });
    let readers = by_channels.chain(by_contacts);
    readers.filter_map(|reader| notice(look, &reader, facts, ways.now)).collect()
}

fn notice(look: &Look, reader: &Reader, facts: Facts, now: Timestamp) -> Option<Notice> {
    let Reader { channel, id, to, contact, listens } = *reader;
    let party = contact.map_or("operator", |contact| contact.party.as_str());
    let is_theirs = |warned: &Warned| match party.split_once('/') {
        None => party == "operator",
        Some(("unit", unit)) => warned.owner == unit,
        Some(_) => false,
    };
    let way = format!("{}/{id}", channel.name);
    let due = look.due.iter().filter(|warned| listens && is_theirs(warned));
    let over = look.over.iter().filter(|(_, ways)| ways.contains_key(&way)).map(|(warned, _)| warned);
    let list: Vec<Warned> = due.chain(over).cloned().collect();
    let (first, kind) = (list.first()?, NoticeKind::Warning);
    // One look says so once.
    let key = format!("warnings-{}/{}/{}/1/{id}", now.0, channel.name, kind.as_str());
    let message = match channel.kind {
        ChannelKind::People => {
            let language = contact.and_then(|contact| contact.language).unwrap_or(facts.language);
            let name = contact.map_or(id, |contact| &contact.name);
            let say = |warned: &Warned, simulated, more| {
                let said = warned.text(simulated, more, facts.zone, now);
                text::Message::Warned(Box::new(said)).say(language).to_string()
            };
            let headline = say(first, false, list.len() - 1);
            let context = context(&list, (name, party, headline), |one| say(one, false, 0), facts, now);
            let written = facts.letters.write(Letter::Warning, language, "", &context)?;
            let private = if written.text.contains(name) { vec![name.to_owned()] } else { vec![] };
            Some(Message {
                key: key.clone(),
                channel: channel.name.clone(),
                to: Address::parse(to)?,
                mark: facts.simulated.then_some(Mark::Simulated),
                subject: written.subject,
                text: written.text,
                thread: None,
                short: Some(Short { text: written.short, template: None }),
                private,
            })
        }
        _ => None,
    };
    Some(Notice {
        key,
        channel: channel.name.clone(),
        party: if party.contains('/') { party.to_owned() } else { String::new() },
        kind,
        subject: Subject::Warnings(list),
        created: now,
        message,
        attempts: 0,
    })
}

fn context(
    list: &[Warned],
    (name, party, headline): (&str, &str, String),
    say: impl Fn(&Warned) -> String,
    facts: Facts,
    now: Timestamp,
) -> Value {
    let item = |warned: &Warned| {
        let said = warned.text(false, 0, facts.zone, now);
        Item {
            what: warned.what.clone(),
            id: warned.id.clone(),
            name: warned.name.clone(),
            url: warned.url.clone(),
            said: say(warned),
            ends: said.ends,
            days: said.days,
            note: warned.proof.note.clone(),
        }
    };
    let named = || list.iter().take(NAMED);
    Value::from(Serde(Context {
        name: name.to_owned(),
        party: super::context::party_name(party, facts),
        headline,
        due: named().filter(|one| !one.over).map(item).collect(),
        over: named().filter(|one| one.over).map(item).collect(),
        more: list.len().saturating_sub(NAMED),
        head: facts.head.to_owned(),
    }))
}
