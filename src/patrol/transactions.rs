//! What a visit shows of the business transaction that some of its steps are.

use crate::{
    ledger::transaction::{Run, Transactions},
    profile::services::Service,
    sample::service::{Ending, Reason, Report, StepSeen},
};

/// Of a service that has such a transaction, before any run.
pub(super) fn of(service: &Service) -> Option<Transactions> {
    let steps = service.check.steps().filter(|steps| !steps.transaction.is_empty())?;
    Some(Transactions::of(&steps.transaction))
}

/// The run of `transactions` in a visit. `None`: the visit ended before it, or this host could not look.
pub(super) fn run(transactions: &Transactions, report: &Report) -> Option<Run> {
    let is_part = |name: &String| transactions.steps.contains(name);
    let parts: Vec<&StepSeen> = report.steps.iter().filter(|seen| is_part(&seen.name)).collect();
    let took = parts.iter().map(|seen| seen.took).sum();
    match &report.ending {
        Ending::Unmeasured(_) => None,
        Ending::Failed(fault) if fault.step.as_ref().is_some_and(is_part) => Some(match fault.reason {
            Reason::Timeout => Run::Cut(took),
            _ => Run::Failed,
        }),
        Ending::Passed | Ending::Failed(_) => transactions
            .steps
            .iter()
            .all(|name| parts.iter().any(|seen| seen.name == *name))
            .then_some(Run::Whole(took)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sample::service::{Durations, Fault, Phase};

    fn report(steps: &[(&str, u64)], ending: Ending) -> Report {
        let seen = |(name, took): &(&str, u64)| StepSeen {
            name: (*name).to_owned(),
            passed: Some(true),
            status: 200,
            took: Duration::from_millis(*took),
            durations: Durations::default(),
        };
        Report { steps: steps.iter().map(seen).collect(), ending, ..Report::default() }
    }

    fn failed(step: &str, reason: Reason) -> Ending {
        Ending::Failed(Fault::new(Phase::Content, reason, "x").of_step(step))
    }

    #[test]
    fn a_run_is_as_long_as_its_steps_together_whatever_comes_before_and_after() {
        let all = Transactions::of(&["check".to_owned(), "seal".to_owned()]);
        let steps = [("open", 10), ("check", 20), ("seal", 30), ("out", 40)];
        let whole = Some(Run::Whole(Duration::from_millis(50)));
        assert_eq!(run(&all, &report(&steps, Ending::Passed)), whole);
        assert_eq!(run(&all, &report(&steps, failed("out", Reason::Status))), whole);
        assert_eq!(run(&all, &report(&steps[..3], failed("seal", Reason::Status))), Some(Run::Failed));
        let cut = Some(Run::Cut(Duration::from_millis(50)));
        assert_eq!(run(&all, &report(&steps[..3], failed("seal", Reason::Timeout))), cut);
        assert_eq!(run(&all, &report(&steps[..1], failed("open", Reason::Timeout))), None);
        assert_eq!(run(&all, &report(&steps, Ending::Unmeasured("x".into()))), None);
    }
}
