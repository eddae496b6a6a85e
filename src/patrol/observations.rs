//! What other systems observe of our links, data exchanges and devices, into the books as evidence beside our probes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{quality::is_control_plane, turn::Loop};
use crate::{
    command::{
        ExchangeCounts, InterfaceCounts, NotTaken, Observation, Observed, OnlineCounts, Refusal, RefusedObservation,
        Reply,
    },
    inventory::{LinkId, LinkIndex},
    ledger::{ClosedMonth, Share, Terms},
    units::Now,
};

/// Links of which something was taken, and whether their month that is over was proved by two witnesses before.
type Touched = BTreeMap<LinkIndex, Option<bool>>;

/// How far the clock of a teller may be ahead of ours.
const AHEAD: Duration = Duration::from_secs(60);

impl Loop {
    /// Takes in what is evidence, each by itself.
    pub(super) fn observe(&mut self, source: &str, observations: &[Observation], now: Now) -> Reply {
        if self.keeping.is_none() {
            return Reply::Refused(Refusal::NotKept);
        }
        let mut observed = Observed { at: now.utc, taken: 0, repeated: 0, refused: vec![] };
        let mut touched = Touched::new();
        for (index, observation) in observations.iter().enumerate() {
            let taken = match observation {
                Observation::Interface(counts) => self.count_interface(source, counts, &mut touched, now),
                Observation::Exchange(counts) => self.count_exchange(counts, now),
                Observation::Online(counts) => self.count_online(counts, now),
            };
            match taken {
                Ok(()) => observed.taken += 1,
                Err(NotTaken::Repeated) => observed.repeated += 1,
                Err(code) => observed.refused.push(RefusedObservation { index, code }),
            }
        }
        for (link, agreed) in touched {
            self.keep_evidence(link, agreed, now);
        }
        Reply::Observed(observed)
    }

    fn count_interface(
        &mut self,
        source: &str,
        counts: &InterfaceCounts,
        touched: &mut Touched,
        now: Now,
    ) -> Result<(), NotTaken> {
        let id = LinkId::parse(&counts.link).ok_or(NotTaken::NoSuchLink)?;
        let link = self.scopes.link(&id).ok_or(NotTaken::NoSuchLink)?;
        let account = &mut self.accounts[link.at()];
        let begins = account.month().begins;
        if counts.from >= begins {
            account.count_interface(source, counts, now.utc)?;
            touched.entry(link).or_insert(None);
            return Ok(());
        }
        let agrees = self.closed.get(&id).map(|month| self.agrees(link, month));
        let month = self.closed.get_mut(&id).filter(|month| month.month.ends == begins).ok_or(NotTaken::WrongSpan)?;
        month.count_interface(source, counts)?;
        let before = touched.entry(link).or_insert(None);
        *before = before.or(agrees);
        Ok(())
    }

    fn count_exchange(&mut self, counts: &ExchangeCounts, now: Now) -> Result<(), NotTaken> {
        // Clocks of others are not ours to the millisecond.
        if counts.at > now.utc.plus(AHEAD) || counts.last_success > counts.at {
            return Err(NotTaken::WrongSpan);
        }
        self.services.post(&counts.task, counts.told())
    }

    fn count_online(&mut self, counts: &OnlineCounts, now: Now) -> Result<(), NotTaken> {
        let told = counts.told();
        if counts.at > now.utc.plus(AHEAD) {
            return Err(NotTaken::WrongSpan);
        }
        told.expected().ok_or(NotTaken::WrongCounts)?;
        self.services.post_online(&counts.group, told)
    }

    fn agrees(&self, link: LinkIndex, month: &ClosedMonth) -> bool {
        let (terms, id) = (Terms::of(&self.field.loaded.contract), &self.field.loaded.inventory.links[link.at()].id);
        let ended = self.periods.ended(Share::Loss, id, self.closed.get(id), month);
        ended.is_some_and(|(_, quality)| quality.agrees(Share::Loss, &terms, is_control_plane(&self.field, link)))
    }

    /// Stores the books of a link. A verdict that is another one now is said again. `agreed`: whether two witnesses
    /// agreed before on the month that is over; `None`: nothing of it was told.
    fn keep_evidence(&mut self, link: LinkIndex, agreed: Option<bool>, now: Now) {
        let id = Arc::clone(&self.field.loaded).inventory.links[link.at()].id.clone();
        if let (Some(before), Some(month)) = (agreed, self.closed.get(&id).cloned()) {
            self.accounts[link.at()].recount_last(&month);
            if self.agrees(link, &month) != before {
                self.log_verdicts(link.at(), &month, now);
            }
            self.close_month(id, month);
        }
        self.store_account(link.at());
        self.field.mark(link);
    }
}
