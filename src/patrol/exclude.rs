//! Time taken out of the objective by two people, on every link that they name or on none.

use std::collections::{BTreeMap, HashMap};

use super::turn::Loop;
use crate::{
    command::{Action, Command, Reason, Refusal, Reply, person},
    inventory::{Inventory, LinkId, LinkIndex},
    journal::Record,
    ledger::{Account, ClosedMonth, Exclusion, Fact, NotBooked},
    store::StoredAccount,
    units::{Now, Timestamp},
};

/// What one link's books look like afterwards.
struct Booked {
    number: usize,
    account: Account,
    closed: Option<ClosedMonth>,
    millis: u64,
}

impl Loop {
    /// Carries out [`Action::Exclude`]: facts reach into the running month and the one before.
    pub(super) fn exclude(&mut self, command: &Command, now: Now) -> Reply {
        if self.keeping.is_none() {
            return Reply::Refused(Refusal::NotKept);
        }
        let (reply, booked) = match self.try_exclude(command, now.utc) {
            Ok(booked) => (Reply::Done { at: now.utc }, booked),
            Err(refusal) => (Reply::Refused(refusal), vec![]),
        };
        let mut took: BTreeMap<LinkId, u64> = BTreeMap::new();
        for Booked { number, account, closed, millis } in booked {
            let link = self.field.loaded.inventory.links[number].id.clone();
            self.accounts[number] = account;
            self.store_account(number);
            self.field.mark(LinkIndex(number as u32));
            if let Some(closed) = closed {
                self.close_month(link.clone(), closed);
            }
            took.insert(link, millis);
        }
        if let Some(keeping) = &mut self.keeping {
            let (command, reply) = keeping.opaque(command, &reply);
            keeping.record(Record::Exclude { now, command, reply, took }, now);
        }
        reply
    }

    /// Keeps a month that is over: on the disk, and here for facts that are told later.
    pub(super) fn close_month(&mut self, link: LinkId, closed: ClosedMonth) {
        let account = serde_json::to_string(&closed).unwrap_or_default();
        let stored = StoredAccount { link: link.clone(), month: closed.month.to_string(), account };
        if let Some(keeping) = &mut self.keeping {
            keeping.batch.accounts.push(stored);
        }
        self.keep_closed(link, closed);
    }

    fn try_exclude(&self, command: &Command, now: Timestamp) -> Result<Vec<Booked>, Refusal> {
        let Action::Exclude { links, from, to, reason, second, note } = &command.action else { return Ok(vec![]) };
        if person::is_same(&command.actor, second) || !person::is_readable(second) || note.trim().is_empty() {
            return Err(Refusal::NeedsTwo);
        }
        let fact = Fact { from: *from, to: *to, reason: exclusion(*reason) };
        let inventory = &self.field.loaded.inventory;
        let numbers = numbers(inventory, links)?;
        numbers
            .into_iter()
            .map(|number| {
                let link = &inventory.links[number].id;
                self.book(number, link, fact, now)
                    .map_err(|why| Refusal::NotExcluded { link: link.to_string(), why: why.to_string() })
            })
            .collect()
    }

    fn book(&self, number: usize, link: &LinkId, fact: Fact, now: Timestamp) -> Result<Booked, NotBooked> {
        let (mut account, mut millis) = (self.accounts[number].clone(), 0);
        let begins = account.month().begins;
        let mut closed = None;
        if fact.from < begins {
            let mut month = self.closed.get(link).filter(|month| month.month.ends == begins).cloned();
            let before = month.as_mut().filter(|month| fact.from >= month.month.begins).ok_or(NotBooked::TooOld)?;
            millis += before.exclude_fact(fact)?;
            closed = month;
        }
        if fact.to > begins || closed.is_none() {
            millis += account.exclude_fact(fact, now)?;
        }
        Ok(Booked { number, account, closed, millis })
    }
}

/// Places of the links in ledger order, each once.
fn numbers(inventory: &Inventory, links: &[String]) -> Result<Vec<usize>, Refusal> {
    let places: HashMap<&str, usize> = inventory.links.iter().map(|link| link.id.as_str()).zip(0..).collect();
    let place =
        |link: &String| places.get(link.as_str()).copied().ok_or_else(|| Refusal::NoSuchLink { link: link.clone() });
    let mut numbers = links.iter().map(place).collect::<Result<Vec<_>, _>>()?;
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

fn exclusion(reason: Reason) -> Exclusion {
    match reason {
        Reason::PlannedWork => Exclusion::PlannedWork,
        Reason::Drill => Exclusion::Drill,
        Reason::ForceMajeure => Exclusion::ForceMajeure,
        Reason::CustomerFault => Exclusion::CustomerFault,
        Reason::Ordered => Exclusion::Ordered,
    }
}
