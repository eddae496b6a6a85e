//! What is promised of a service besides being up: the verdict on each period that is over, and whether it is broken since.
//!
//! In: how the promises stand. Out: verdicts for the journal, each once, and the fault that an incident is opened for. A
//! broken promise is mended when the running period keeps it, on enough evidence to say so.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    ledger::{
        Verdict,
        online::{OnlineStanding, ToldDay},
        transaction::{Standing, Told},
    },
    sample::service::{Fault, Phase, Reason},
    units::Timestamp,
};

/// Runs that show that a transaction keeps its limit again.
const ENOUGH_RUNS: u64 = 10;
/// Time of which devices were told that shows the same of them.
const ENOUGH_TIME: Duration = Duration::from_hours(1);

/// The promises of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Promises {
    /// By what is promised: the last period whose verdict stands in the journal.
    judged: BTreeMap<String, String>,
    broken: Option<Broken>,
}

/// A period that was breached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Broken {
    objective: String,
    /// When that was known.
    since: Timestamp,
    text: String,
}

/// How one promise stands.
struct Stand {
    objective: &'static str,
    period: String,
    /// On the period that is over; `None`: nothing was seen of it.
    verdict: Option<Verdict>,
    /// The running period keeps it so far.
    keeps: bool,
    text: String,
    detail: Value,
}

impl Promises {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Since when a promise is broken, and how.
    pub fn broken(&self) -> Option<(Timestamp, Fault)> {
        let Broken { objective, since, text } = self.broken.as_ref()?;
        let reason = if objective == RESPONSE_TIME { Reason::SlowMean } else { Reason::FewOnline };
        Some((*since, Fault::new(Phase::Content, reason, text.clone())))
    }

    /// Takes how they stand; returns the verdicts that the journal lacks.
    pub fn judge(
        &mut self,
        transaction: Option<&Standing>,
        online: Option<&OnlineStanding>,
        now: Timestamp,
    ) -> Vec<Value> {
        let stands = [transaction.and_then(response_time), online.and_then(online_rate)];
        // What nobody promises any more is not broken.
        self.broken.take_if(|broken| !stands.iter().flatten().any(|stand| stand.objective == broken.objective));
        stands.into_iter().flatten().filter_map(|stand| self.take(stand, now)).collect()
    }

    fn take(&mut self, stand: Stand, now: Timestamp) -> Option<Value> {
        let Stand { objective, period, verdict, keeps, text, mut detail } = stand;
        self.broken.take_if(|broken| keeps && broken.objective == objective);
        let verdict = verdict?;
        let before = self.judged.insert(objective.to_owned(), period.clone());
        if before.is_some_and(|before| before == period) {
            return None;
        }
        if verdict == Verdict::Breached && !keeps {
            self.broken = Some(Broken { objective: objective.to_owned(), since: now, text });
        }
        detail["objective"] = objective.into();
        detail["period"] = period.into();
        detail["verdict"] = verdict.as_str().into();
        Some(detail)
    }
}

const RESPONSE_TIME: &str = "response_time";
const ONLINE_RATE: &str = "online_rate";

/// `None`: nothing is promised.
fn response_time(standing: &Standing) -> Option<Stand> {
    let [running, Told { name, runs, .. }] = &standing.told;
    let (limit, statistic) = (standing.limit?, standing.statistic);
    let verdict = (runs.timed() > 0 || runs.failed > 0).then(|| runs.verdict(statistic, limit, false));
    let keeps = running.runs.timed() >= ENOUGH_RUNS && running.runs.verdict(statistic, limit, false) == Verdict::Met;
    let mean = runs.mean().unwrap_or_default();
    Some(Stand {
        objective: RESPONSE_TIME,
        period: name.clone(),
        verdict,
        keeps,
        text: format!("{name}: {} {mean:.3?}, limit {limit:.3?} ({})", statistic.as_str(), standing.clause),
        detail: json!({
            "clause": standing.clause, "limit_seconds": limit.as_secs_f64(), "statistic": statistic.as_str(),
            "steps": standing.steps, "whole": runs.whole, "cut": runs.cut, "failed": runs.failed, "slow": runs.slow,
            "mean_seconds": runs.mean().map(|mean| mean.as_secs_f64()),
        }),
    })
}

/// `None`: nothing is promised.
fn online_rate(standing: &OnlineStanding) -> Option<Stand> {
    let [running, over] = &standing.told;
    let (bound, (online, expected)) = (standing.bound?, over.day.rate());
    // As if the day had ended when somebody told last.
    let known = u128::from(running.day.known);
    let so_far = ToldDay { length: running.day.known, is_running: false, ..running.clone() };
    Some(Stand {
        objective: ONLINE_RATE,
        period: over.name.clone(),
        verdict: standing.verdict(over).filter(|_| over.day.known > 0),
        keeps: known >= ENOUGH_TIME.as_millis() && standing.verdict(&so_far) == Some(Verdict::Met),
        text: format!("{}: {online}/{expected} device-ms online, limit {bound} ({})", over.name, standing.clause),
        detail: json!({
            "clause": standing.clause, "limit": bound.to_string(), "online_device_milliseconds": online,
            "expected_device_milliseconds": expected, "known_milliseconds": over.day.known, "day_milliseconds": over.length,
        }),
    })
}
