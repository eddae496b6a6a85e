//! What one recipient reads of an incident: rendered when the notice is made, so that it says what was true then.
//!
//! In: an incident, what happened to it, and whom it concerns. Out: [`Notice`]s with their words. A recipient outside
//! reads of its own circuits alone: nothing else of the incident reaches its template. Pure: the same incident and facts
//! give the same words.

pub mod breach;
mod context;
mod evidence;
mod read;
pub mod route;
mod templates;
#[cfg(test)]
mod tests;
pub mod warning;

pub use self::{
    evidence::{Drawn, Evidence, Ourselves},
    templates::{Letters, Written},
};
use chrono_tz::Tz;

use super::{
    Channel, ChannelKind, Notice, description, mark_of,
    message::{Address, Message, Short, Thread},
    pass::Passes,
    summary,
};
use crate::{
    contract::Ladder,
    duty::{Contacts, Roster},
    incident::Incident,
    inventory::{Inventory, LinkIndex},
    text::Language,
    units::Timestamp,
};

/// What letters are written from besides the incident.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub inventory: &'a Inventory,
    pub ladders: &'a [Ladder],
    pub contacts: &'a Contacts,
    pub roster: &'a Roster,
    pub letters: &'a Letters,
    pub sight: &'a dyn Sight,
    /// `None`: nobody can answer on a page.
    pub passes: Option<&'a Passes>,
    /// Where the journal stands: number and hash.
    pub head: &'a str,
    pub zone: Tz,
    pub simulated: bool,
    pub language: Language,
}

/// What was measured of a link, for the evidence in a letter.
pub trait Sight {
    fn of(&self, link: LinkIndex) -> Seen;

    /// Classes of the contract that hold for what the incident is about.
    fn classes(&self, incident: &Incident) -> Vec<&str>;

    fn evidence(&self, link: LinkIndex, now: Timestamp) -> Evidence;

    fn ourselves(&self) -> Ourselves;
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    pub is_up: bool,
    /// Of the measuring point since this process began, exactly; `None`: it has none.
    pub probes: Option<Probes>,
    /// Whether the near end and the carrier's gateway answer.
    pub near: bool,
    pub gateway: bool,
}

/// Exact counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Probes {
    pub sent: u64,
    pub lost: u64,
    pub in_a_row: u32,
}

/// What a letter is for; names of templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letter {
    /// 报障.
    Fault,
    /// Please test: the unit's power is suspected.
    Test,
    /// 催修.
    Urge,
    /// 时限已超.
    Overdue,
    Recovery,
    /// To a unit.
    Information,
    /// Inside the house.
    Escalation,
    /// 更正.
    Correction,
    /// To the unit whose service fails, works again or was said to fail wrongly.
    Service,
    /// What ends, and which sites stand badly.
    Warning,
    /// 违约通知书, or 质量通报 where no agreement was in force.
    Breach,
}

impl Letter {
    pub const ALL: [Self; 11] = [
        Self::Fault,
        Self::Test,
        Self::Urge,
        Self::Overdue,
        Self::Recovery,
        Self::Information,
        Self::Escalation,
        Self::Correction,
        Self::Service,
        Self::Warning,
        Self::Breach,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Test => "test",
            Self::Urge => "urge",
            Self::Overdue => "overdue",
            Self::Recovery => "recovery",
            Self::Information => "information",
            Self::Escalation => "escalation",
            Self::Correction => "correction",
            Self::Service => "service",
            Self::Warning => "warning",
            Self::Breach => "breach",
        }
    }
}

/// A notice for people gets its words; one for a machine gets them from its channel.
pub fn rendered(mut notice: Notice, channels: &[Channel], facts: Facts) -> Notice {
    let people = channels.iter().find(|one| one.name == notice.channel && one.kind == ChannelKind::People);
    if let Some(channel) = people
        && notice.message.is_none()
    {
        let to = channel.to.get(notice.thread().1);
        notice.message = to.and_then(|to| of_everything(&notice, to, facts));
    }
    notice
}

/// What whoever is told of every incident reads of it: the same words as everywhere, without contact data of anybody.
/// `None`: it is about no incident, or the address is none.
pub fn of_everything(notice: &Notice, to: &str, facts: Facts) -> Option<Message> {
    let incident = notice.incident()?;
    let (_, recipient) = notice.thread();
    let said = summary(incident, facts.inventory, facts.simulated).say(facts.language).to_string();
    let subject = format!("{said} [{}]", notice.kind.as_str());
    let text = format!("{said}\n{}\n{}\n", description(incident, facts.zone).say(facts.language), incident.id);
    let first = format!("{}/{}/{recipient}", incident.id, notice.channel);
    Some(Message {
        key: notice.key.clone(),
        channel: notice.channel.clone(),
        to: Address::parse(to)?,
        mark: mark_of(incident, facts.simulated),
        short: Some(Short { text: subject.clone(), template: None }),
        subject,
        text,
        thread: Some(Thread { incident: incident.id.clone(), first }),
        private: vec![],
    })
}

#[cfg(test)]
pub(crate) mod fixture {
    use super::*;
    use crate::{clock::Discipline, ledger::Accounted, units::Ppm, window::Piece};

    /// Sees that the near end answers, and every link beside those of an incident.
    pub struct Whole;

    impl Sight for Whole {
        fn of(&self, _: LinkIndex) -> Seen {
            let probes = Some(Probes { sent: 1_000, lost: 7, in_a_row: 7 });
            Seen { is_up: true, probes, near: true, gateway: false }
        }

        fn classes(&self, _: &Incident) -> Vec<&str> {
            vec!["link"]
        }

        fn evidence(&self, _: LinkIndex, _: Timestamp) -> Evidence {
            let month =
                Accounted { up: 999_000, down: 600, unknown: 400, period: 2_592_000_000, ..Accounted::default() };
            let piece = |answered, lost| Piece { seconds: 10, answered, lost, unmeasured: 0, rtt_mean: 1_230_000 };
            let agreed = Some((Ppm(999_000), "AGR-1 section 3".to_owned()));
            Evidence { month, agreed, hour: vec![piece(10, 0), piece(3, 7)] }
        }

        fn ourselves(&self) -> Ourselves {
            let clock = Discipline { is_synchronised: true, most_error: std::time::Duration::from_millis(12) };
            Ourselves { witnesses: 2, witnesses_up: 2, clock }
        }
    }

    pub fn facts<'a>(
        inventory: &'a Inventory,
        contacts: &'a Contacts,
        roster: &'a Roster,
        letters: &'a Letters,
    ) -> Facts<'a> {
        Facts {
            inventory,
            ladders: &[],
            contacts,
            roster,
            letters,
            sight: &Whole,
            passes: None,
            head: "4711 ba78",
            zone: chrono_tz::Asia::Shanghai,
            simulated: false,
            language: Language::En,
        }
    }
}
