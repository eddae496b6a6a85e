//! Whether incidents of a link were answered and repaired in time: a verdict of its own beside the availability.
//!
//! In: incidents. Out: [`Verdict`]. Pure. An outage that was repaired within its tier may still break the month, and a link
//! within its allowance may have been repaired too late: neither verdict says anything of the other.

use std::ops::Range;

use super::Verdict;
use crate::{
    incident::{Clock, Incident},
    inventory::LinkId,
    units::Timestamp,
};

/// Whose clocks the contract holds us to.
const OPERATOR: &str = "operator";

/// The verdict over all incidents of the link that began in the period.
pub fn tier_verdict<'a>(
    incidents: impl IntoIterator<Item = &'a Incident>,
    link: &LinkId,
    period: Range<Timestamp>,
) -> Verdict {
    let ours = |incident: &&Incident| {
        period.contains(&incident.began) && incident.links.iter().any(|(member, _)| member == link)
    };
    let clocks = incidents.into_iter().filter(ours).flat_map(|incident| &incident.clocks);
    let mut verdict = Verdict::Met;
    for clock in clocks.filter(|clock| clock.party == OPERATOR) {
        if missed(clock) {
            return Verdict::Breached;
        }
        if clock.stopped.is_none() {
            verdict = Verdict::Pending;
        }
    }
    verdict
}

fn missed(clock: &Clock) -> bool {
    let late = |stopped| if clock.strict { stopped >= clock.deadline } else { stopped > clock.deadline };
    clock.stopped.map_or(clock.overdue.is_some(), late)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        incident::fixture::{AT, incident},
        ledger::Month,
    };

    #[test]
    fn a_tier_is_judged_by_the_operators_clocks_of_incidents_that_began_in_the_month() {
        let month = Month::containing(AT.utc, chrono_tz::Asia::Shanghai);
        let mut one = incident();
        let (link, _) = one.links[0].clone();
        one.began = AT.utc;
        one.clocks.truncate(1);
        let told = |one: &Incident| tier_verdict([one], &link, month.begins..month.ends);
        let clock = &mut one.clocks[0];
        (clock.party, clock.deadline, clock.stopped, clock.overdue) = (OPERATOR.into(), Timestamp(9), None, None);
        assert_eq!(told(&one), Verdict::Pending);
        one.clocks[0].stopped = Some(Timestamp(9));
        assert_eq!(told(&one), Verdict::Met);
        one.clocks[0].stopped = Some(Timestamp(10));
        assert_eq!(told(&one), Verdict::Breached);
        one.clocks[0].party = "carrier/one".into();
        assert_eq!(told(&one), Verdict::Met, "another party's clock is no breach of ours");
        one.clocks[0].party = OPERATOR.into();
        assert_eq!(tier_verdict([&one], &LinkId::parse("LL-9999").unwrap(), month.begins..month.ends), Verdict::Met);
        one.began = Timestamp(month.ends.0);
        assert_eq!(told(&one), Verdict::Met, "the next month's");
    }
}
