//! Loss, RTT and jitter over the periods of their objectives: what months that are over add up to.
//!
//! In: closed months, in order. Out: the counts of the quarter or year so far, and those of one that ended. Pure. Each of the
//! objectives has its own period; a period that began before the link's time with us counts what there was.

use chrono_tz::Tz;

use super::{ClosedMonth, Month, Quality, Share, Stretch};
use crate::{
    contract::{Contract, words::Period},
    units::Timestamp,
};

/// Over what each objective is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spans {
    loss: Period,
    rtt: Period,
    jitter: Period,
    zone: Tz,
}

impl Spans {
    pub fn of(contract: &Contract) -> Self {
        let objectives = &contract.objectives;
        let jitter = objectives.jitter.as_ref().map_or(Period::Month, |jitter| jitter.period);
        Self { loss: objectives.loss_period, rtt: objectives.rtt_period, jitter, zone: contract.time_zone }
    }

    /// All are judged by month: nothing needs adding up.
    pub fn are_months(&self) -> bool {
        [self.loss, self.rtt, self.jitter].iter().all(|period| !matches!(period, Period::Quarter | Period::Year))
    }

    /// The period of an objective that a month belongs to.
    pub fn stretch(&self, share: Share, month: Month) -> Stretch {
        let period = match share {
            Share::Loss => self.loss,
            Share::Rtt => self.rtt,
            Share::Jitter => self.jitter,
        };
        Stretch::of(period, month, self.zone)
    }
}

/// The periods of [`Share::ALL`] that a month ended; `None`: the period goes on.
pub type Ended = [Option<(Stretch, Quality)>; 3];

/// Months of a link that are over, in the period of each objective.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Elapsed {
    loss: Sum,
    rtt: Sum,
    jitter: Sum,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Sum {
    begins: Timestamp,
    /// End of the last month.
    until: Timestamp,
    quality: Quality,
}

impl Elapsed {
    /// Adds the next month; one that is in it changes nothing, and a new period begins anew.
    pub fn add(&mut self, month: &ClosedMonth, spans: &Spans) {
        for (share, sum) in Share::ALL.into_iter().zip([&mut self.loss, &mut self.rtt, &mut self.jitter]) {
            let begins = spans.stretch(share, month.month).begins;
            if sum.begins != begins {
                *sum = Sum { begins, until: begins, quality: Quality::default() };
            }
            if month.month.begins >= sum.until {
                sum.until = month.month.ends;
                sum.quality.add(&month.quality);
            }
        }
    }

    /// The period that `month` ends, with that month, which need not have been added; `None`: it goes on.
    pub fn ended(&self, share: Share, month: &ClosedMonth, spans: &Spans) -> Option<(Stretch, Quality)> {
        let stretch = spans.stretch(share, month.month);
        if stretch.ends != month.month.ends {
            return None;
        }
        let mut whole = self.clone();
        whole.add(month, spans);
        Some((stretch, whole.so_far(share)))
    }

    /// The period that the last month added is in, so far.
    pub fn so_far(self, share: Share) -> Quality {
        match share {
            Share::Loss => self.loss.quality,
            Share::Rtt => self.rtt.quality,
            Share::Jitter => self.jitter.quality,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::fixture::contract,
        inventory::Role,
        judge::Tally,
        ledger::{Account, Terms, Verdict, Witness},
        units::Counts,
    };

    const HOUR: i64 = 3_600_000;

    /// 2208 hours from October on; in those of October 2 of 1000 probes were lost at both points.
    fn quarter() -> Vec<ClosedMonth> {
        let (zone, terms) = (chrono_tz::Asia::Shanghai, Terms::of(&contract()));
        let begins = Month::of(2026, 10, zone).begins;
        let mut account = Account::open(begins, zone);
        let mut months = vec![];
        for hour in 0..2208 {
            let now = Timestamp(begins.0 + hour * HOUR + HOUR / 2);
            months.extend(account.advance(now, zone));
            let lost = if hour < 744 { 2 } else { 0 };
            let up = Counts { answered: 1000 - lost, lost, unmeasured: 0 };
            account.count(Tally { up, ..Tally::default() }, None, &terms, now);
            account.count_beside(Witness { role: Role::Beyond, is_control_plane: false }, up, None, now);
        }
        months.extend(account.advance(Timestamp(begins.0 + 2300 * HOUR), zone));
        months
    }

    #[test]
    fn months_add_up_to_the_quarter_that_the_last_one_ends() {
        let mut contract = contract();
        let (months, terms) = (quarter(), Terms::of(&contract));
        assert_eq!(months.len(), 3);
        let judged = |spans: &Spans, nth: usize| {
            let mut elapsed = Elapsed::default();
            months[..nth].iter().for_each(|month| elapsed.add(month, spans));
            let (stretch, quality) = elapsed.ended(Share::Loss, &months[nth], spans)?;
            let again = {
                elapsed.add(&months[nth], spans);
                elapsed.ended(Share::Loss, &months[nth], spans)
            };
            assert_eq!(again, Some((stretch.clone(), quality.clone())), "a month is added once");
            let (verdict, proof) = quality.judge(Share::Loss, &terms, false)?;
            Some((stretch.name, verdict, proof.bad, proof.all))
        };
        let spans = Spans::of(&contract);
        assert!(spans.are_months());
        assert_eq!(judged(&spans, 0), Some(("2026-10".to_owned(), Verdict::Breached, 1_488, 744_000)));
        assert_eq!(judged(&spans, 2), Some(("2026-12".to_owned(), Verdict::Met, 0, 744_000)));
        contract.objectives.loss_period = Period::Quarter;
        let spans = Spans::of(&contract);
        assert_eq!((judged(&spans, 0), judged(&spans, 1)), (None, None));
        assert_eq!(judged(&spans, 2), Some(("2026-Q4".to_owned(), Verdict::Met, 1_488, 2_208_000)));
        contract.objectives.loss_period = Period::Year;
        let spans = Spans::of(&contract);
        assert_eq!(judged(&spans, 2), Some(("2026".to_owned(), Verdict::Met, 1_488, 2_208_000)));
    }

    /// A quarter at twice its limit is breached only because the other point proves it for the whole quarter too.
    #[test]
    fn witnesses_add_up_as_the_deciding_point_does() {
        let mut contract = contract();
        contract.objectives.loss_period = Period::Quarter;
        contract.objectives.loss = crate::units::Limit::AtMost(crate::units::Ppm(300));
        let (months, terms, spans) = (quarter(), Terms::of(&contract), Spans::of(&contract));
        let mut elapsed = Elapsed::default();
        months[..2].iter().for_each(|month| elapsed.add(month, &spans));
        let (_, quality) = elapsed.ended(Share::Loss, &months[2], &spans).unwrap();
        assert_eq!(quality.judge(Share::Loss, &terms, false).unwrap().0, Verdict::Breached);
        assert_eq!(
            quality.judge(Share::Loss, &terms, true).unwrap().0,
            Verdict::Breached,
            "the other is no control plane"
        );
    }
}
