//! A sealed notice as the contacts of its carrier read it: figures, clause and seal, of its own circuits only.
//!
//! Pure: the same notice and facts give the same words.

use super::{
    Channel, ChannelKind, Notice, NoticeKind, Subject, desk_summary,
    letter::Facts,
    message::{self, Mark, Short},
};
use crate::{
    command::Paper,
    duty::Contact,
    incident::{Breach, DeskRecord},
    text::{DeskMessage, Message, PaperLine, PaperText},
    units::Timestamp,
};

/// A paper in words. `seal`: SHA-256 of what was sealed.
pub fn words(paper: &Paper, number: Option<&str>, seal: Option<&str>) -> PaperText {
    let line = |line: &crate::command::PaperLine| PaperLine {
        link: line.link.to_string(),
        cid: line.cid.clone(),
        ends: format!("{} → {}", line.a_end, line.z_end),
        down: line.down,
        unknown: line.unknown,
        excluded: line.excluded,
        over: line.error_budget_remaining.min(0).unsigned_abs(),
        lower: line.unknown_as_down.into(),
        upper: line.unknown_as_up.into(),
        sent: line.sent,
        lost: line.lost,
        sent_down: line.sent_down,
        lost_down: line.lost_down,
    };
    PaperText {
        quality: paper.agreement.is_none(),
        number: number.map(str::to_owned),
        carrier: paper.carrier.clone(),
        period: paper.period.clone(),
        agreement: paper.agreement.clone(),
        clause: paper.clause.clone(),
        promised: paper.promised.0.into(),
        judged: paper.judged.into(),
        breached: paper.breached.into(),
        lines: paper.lines.iter().map(line).collect(),
        seal: seal.map(str::to_owned),
    }
}

/// Letters to the contacts of the carrier that a sent notice is for; empty for every other record.
pub fn letters(record: &DeskRecord, channels: &[Channel], facts: Facts, now: Timestamp) -> Vec<Notice> {
    let DeskRecord::Breach(breach) = record else { return vec![] };
    let party = format!("carrier/{}", breach.paper.carrier);
    let contacts = facts.contacts.listening(&party, facts.roster, now);
    let people = || channels.iter().filter(|channel| channel.kind == ChannelKind::People);
    contacts
        .into_iter()
        .flat_map(|contact| people().filter_map(move |channel| letter(record, breach, contact, channel, facts, now)))
        .collect()
}

fn letter(
    record: &DeskRecord,
    breach: &Breach,
    contact: &Contact,
    channel: &Channel,
    facts: Facts,
    now: Timestamp,
) -> Option<Notice> {
    let to = message::Address::parse(contact.to.get(&channel.name)?)?;
    let language = contact.language.unwrap_or(facts.language);
    let kind = NoticeKind::Breach;
    let key = format!("{}/{}/{}/{}/{}", breach.id, channel.name, kind.as_str(), record.steps(), contact.id);
    let subject = desk_summary(record, facts.simulated).say(language).to_string();
    let seal = breach.sealed.as_ref().map(|sealed| sealed.sha256.as_str());
    let mut paper = words(&breach.paper, breach.number.as_deref(), seal);
    let carrier = facts.inventory.carriers.iter().find(|carrier| carrier.id == breach.paper.carrier);
    paper.carrier = carrier.map_or(paper.carrier, |carrier| carrier.name.clone());
    let text = format!("{}\n", Message::Desk(DeskMessage::Paper(Box::new(paper))).say(language));
    Some(Notice {
        key: key.clone(),
        channel: channel.name.clone(),
        party: contact.party.clone(),
        kind,
        subject: Subject::Desk(record.clone()),
        created: now,
        message: Some(message::Message {
            key,
            channel: channel.name.clone(),
            to,
            mark: facts.simulated.then_some(Mark::Simulated),
            short: Some(Short { text: subject.clone(), template: None }),
            subject,
            text,
            thread: None,
            private: vec![],
        }),
        attempts: 0,
    })
}
