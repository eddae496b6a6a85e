//! A notice of a broken period (违约通知书) or of poor quality (质量通报) as the contacts of its carrier read it: figures,
//! clause and seal, of its own circuits only, by the template `breach`.
//!
//! Pure: the same notice and facts give the same words.

use minijinja::{Value, value::Serde};
use serde::Serialize;

use super::{
    Facts, Letter, Letters, Ourselves,
    evidence::{Seers, millis},
    templates::Written,
};
use crate::{
    clock::Discipline,
    command::{PaperCourse, PaperLine},
    duty::Contact,
    incident::{Breach, DeskRecord},
    inventory::Inventory,
    notify::{
        Channel, ChannelKind, Notice, NoticeKind, Subject,
        message::{Address, Mark, Message, Short},
    },
    text::{Language, seconds, share},
    units::Timestamp,
};

/// What the template may speak of.
#[derive(Serialize, Default, Clone)]
pub(super) struct Context {
    /// Whom it is for: its name as a person or desk, and that of its carrier.
    name: String,
    party: String,
    /// No agreement was in force: nothing was promised, and nobody is told of a breach.
    quality: bool,
    /// 文号; empty: a draft.
    number: String,
    period: String,
    agreement: String,
    clause: String,
    promised: String,
    judged: u64,
    breached: u64,
    lines: Vec<Line>,
    /// Those that are not listed.
    more: u64,
    /// `None`: it was not written down.
    ourselves: Option<Seers>,
    /// SHA-256 of the sealed document, and where the journal stood then.
    seal: String,
    head: String,
}

/// One circuit. Sums are written out, so that whoever doubts one can do it again.
#[derive(Serialize, Default, Clone)]
struct Line {
    id: String,
    cid: String,
    a_end: String,
    z_end: String,
    down: String,
    unknown: String,
    excluded: String,
    /// Down-time beyond what the objective allows.
    over: String,
    /// Every unknown moment was down, and was up.
    lower: String,
    upper: String,
    sent: u64,
    lost: u64,
    sent_down: u64,
    lost_down: u64,
    unmeasured: u64,
    /// `None`: no history of the period is kept.
    course: Option<Course>,
}

/// RTTs are milliseconds.
#[derive(Serialize, Default, Clone)]
struct Course {
    p50: String,
    p95: String,
    p99: String,
    /// Civil days of a character.
    days: u32,
    rtt: String,
    rtt_least: String,
    rtt_most: String,
    loss: String,
}

impl Course {
    fn of(course: &PaperCourse) -> Self {
        Self {
            p50: millis(course.p50),
            p95: millis(course.p95),
            p99: millis(course.p99),
            days: course.days,
            rtt: course.rtt.clone(),
            rtt_least: millis(course.least),
            rtt_most: millis(course.most),
            loss: course.loss.clone(),
        }
    }
}

impl Line {
    fn of(line: &PaperLine) -> Self {
        Self {
            id: line.link.to_string(),
            cid: line.cid.clone(),
            a_end: line.a_end.clone(),
            z_end: line.z_end.clone(),
            down: seconds(line.down),
            unknown: seconds(line.unknown),
            excluded: seconds(line.excluded),
            over: seconds(line.error_budget_remaining.min(0).unsigned_abs()),
            lower: share(line.unknown_as_down.into()),
            upper: share(line.unknown_as_up.into()),
            sent: line.sent,
            lost: line.lost,
            sent_down: line.sent_down,
            lost_down: line.lost_down,
            unmeasured: line.unmeasured,
            course: line.course.as_ref().map(Course::of),
        }
    }
}

/// Contexts with all, and with the least of a quality notice.
pub(super) fn samples() -> [Value; 2] {
    let word = || "word".to_owned();
    let least = Context {
        name: word(),
        party: word(),
        quality: true,
        period: word(),
        promised: word(),
        judged: 1,
        breached: 1,
        ..Context::default()
    };
    let line = Line { course: Some(Course::default()), ..Line::default() };
    let full = Context {
        quality: false,
        number: word(),
        agreement: word(),
        clause: word(),
        lines: vec![line, Line::default()],
        more: 1,
        ourselves: Some(Seers::default()),
        seal: word(),
        head: word(),
        ..least.clone()
    };
    [Value::from(Serde(full)), Value::from(Serde(least))]
}

/// Line, from 1, of words that speak of a breach: never said where nothing was promised.
pub(super) fn accuses(said: &str) -> Option<usize> {
    let does = |line: &str| line.contains("违约") || line.to_lowercase().contains("breach");
    said.lines().position(does).map(|at| at + 1)
}

/// A notice in the words of a language. `name`: of the contact; empty: that of its carrier.
pub fn written(
    breach: &Breach,
    name: &str,
    language: Language,
    inventory: &Inventory,
    letters: &Letters,
) -> Option<Written> {
    let paper = &breach.paper;
    let carrier = inventory.carriers.iter().find(|carrier| carrier.id == paper.carrier);
    let party = carrier.map_or(&paper.carrier, |carrier| &carrier.name);
    let sealed = breach.sealed.as_ref();
    let document = sealed.and_then(|sealed| serde_json::from_str::<serde_json::Value>(&sealed.content).ok());
    let stood = document.and_then(|document| {
        let (entry, head) = (document["journal"]["entry"].as_u64()?, document["journal"]["head"].as_str()?.to_owned());
        Some(format!("{entry} {head}"))
    });
    let ourselves = paper.ourselves.as_ref().map(|eyes| Ourselves {
        witnesses: eyes.witnesses as usize,
        witnesses_up: eyes.witnesses_up as usize,
        clock: Discipline {
            is_synchronised: eyes.clock_is_synchronised,
            most_error: std::time::Duration::from_millis(eyes.clock_error_millis),
        },
    });
    let quality = paper.agreement.is_none();
    let context = Context {
        name: if name.is_empty() { party.clone() } else { name.to_owned() },
        party: party.clone(),
        quality,
        number: breach.number.clone().unwrap_or_default(),
        period: paper.period.clone(),
        agreement: paper.agreement.clone().unwrap_or_default(),
        clause: paper.clause.clone(),
        promised: paper.promised.to_string(),
        judged: paper.judged.into(),
        breached: paper.breached.into(),
        more: u64::from(paper.breached).saturating_sub(paper.lines.len() as u64),
        lines: paper.lines.iter().map(Line::of).collect(),
        ourselves: ourselves.map(|ourselves| Seers::of(&ourselves, language)),
        seal: sealed.map(|sealed| sealed.sha256.clone()).unwrap_or_default(),
        head: stood.unwrap_or_default(),
    };
    // A template may accuse in a branch that `check` did not see.
    let may_say = |said: &str| !quality || accuses(said).is_none();
    letters.write_if(Letter::Breach, language, &paper.carrier, &Value::from(Serde(context)), may_say)
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
    let to = Address::parse(contact.to.get(&channel.name)?)?;
    let language = contact.language.unwrap_or(facts.language);
    let kind = NoticeKind::Breach;
    let key = format!("{}/{}/{}/{}/{}", breach.id, channel.name, kind.as_str(), record.steps(), contact.id);
    let Written { subject, short, text } = written(breach, &contact.name, language, facts.inventory, facts.letters)?;
    let names_them = [&subject, &short, &text].into_iter().any(|text| text.contains(&contact.name));
    Some(Notice {
        key: key.clone(),
        channel: channel.name.clone(),
        party: contact.party.clone(),
        kind,
        subject: Subject::Desk(record.clone()),
        created: now,
        message: Some(Message {
            key,
            channel: channel.name.clone(),
            to,
            mark: facts.simulated.then_some(Mark::Simulated),
            short: Some(Short { text: short, template: None }),
            subject,
            text,
            thread: None,
            private: names_them.then(|| contact.name.clone()).into_iter().collect(),
        }),
        attempts: 0,
    })
}
