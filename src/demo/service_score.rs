//! What the product said of services, held against what their servers did. Pure; `tests/score.py` does the same sum.
//!
//! - A fault of a service is scored when it lasted 6 s before it ended or the run did: a visit every 2 s, its time-out
//!   and one confirming visit fit in.
//! - It is noticed when the product gave its reason for that service while it lasted, or at the latest 3 s after its end.
//!   A fault with one service that was not noticed is missed.
//! - A reason given for a service without such a fault is a false one. A fault with a wrong reason is thus both.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Milliseconds.
const SURE: i64 = 6_000;
const LATE: i64 = 3_000;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ServiceScore {
    /// Services that there were.
    pub services: usize,
    pub service_faults: usize,
    pub missed_service_faults: usize,
    pub false_service_faults: usize,
}

impl ServiceScore {
    pub fn matches(&self) -> bool {
        self.missed_service_faults == 0 && self.false_service_faults == 0
    }
}

#[derive(Deserialize)]
struct TruthLine {
    event: String,
    at: i64,
    number: Option<usize>,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    services: Vec<String>,
}

#[derive(Deserialize)]
struct VerdictLine {
    event: String,
    at: i64,
    #[serde(default)]
    service: String,
    #[serde(default)]
    reason: String,
}

/// One fault of one service.
struct Trouble {
    fault: usize,
    from: i64,
    until: i64,
    noticed: bool,
}

/// Fails on a line that is not one of ours.
pub fn score(truth: &str, verdicts: &str) -> Result<ServiceScore, serde_json::Error> {
    let truth = truth.lines().map(serde_json::from_str).collect::<Result<Vec<TruthLine>, _>>()?;
    let services = truth.iter().filter(|line| line.event == "services").map(|line| line.services.len()).sum();
    let mut troubles = troubles(&truth);
    let mut score = ServiceScore { services, ..ServiceScore::default() };
    for line in verdicts.lines() {
        let line: VerdictLine = serde_json::from_str(line)?;
        if line.event != "service" || line.reason.is_empty() {
            continue;
        }
        let known = troubles.get_mut(&(line.service, line.reason)).into_iter().flatten();
        let mut held = known.filter(|one| one.from <= line.at && line.at <= one.until.saturating_add(LATE)).peekable();
        score.false_service_faults += usize::from(held.peek().is_none());
        held.for_each(|one| one.noticed = true);
    }
    let mut missed: BTreeMap<usize, bool> = BTreeMap::new();
    for one in troubles.into_values().flatten().filter(|one| one.until.saturating_sub(one.from) >= SURE) {
        *missed.entry(one.fault).or_default() |= !one.noticed;
    }
    score.service_faults = missed.len();
    score.missed_service_faults = missed.values().filter(|missed| **missed).count();
    Ok(score)
}

/// By service and reason.
fn troubles(truth: &[TruthLine]) -> BTreeMap<(String, String), Vec<Trouble>> {
    let ended = |number| {
        truth.iter().find(|line| line.number == Some(number) && line.event == "service_mend" || line.event == "end")
    };
    let mut troubles: BTreeMap<_, Vec<Trouble>> = BTreeMap::new();
    for line in truth.iter().filter(|line| line.event == "service_fault") {
        let Some(fault) = line.number else { continue };
        let until = ended(fault).map_or(i64::MAX, |line| line.at);
        for service in &line.services {
            let trouble = Trouble { fault, from: line.at, until, noticed: false };
            troubles.entry((service.clone(), line.reason.clone())).or_default().push(trouble);
        }
    }
    troubles
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Faults as (from, until, reason, services); what was said as (at, service, reason); the run ends at 60 s. Seconds.
    fn scored(faults: &[(f64, f64, &str, &[&str])], said: &[(f64, &str, &str)]) -> ServiceScore {
        let millis = |second: f64| (second * 1e3) as i64;
        let mut truth = json!({ "event": "services", "at": 0, "services": ["a", "b", "c"] }).to_string() + "\n";
        // What the city's lines suffer is another score's.
        truth += &format!("{}\n", json!({ "event": "cut", "at": 1, "cut": 0, "fault": "cut", "links": ["LL-0001"] }));
        for (fault, (from, until, reason, services)) in faults.iter().enumerate() {
            let begins = json!({ "event": "service_fault", "at": millis(*from), "number": fault, "reason": reason,
                "services": services });
            truth += &format!("{begins}\n");
            if *until < 60.0 {
                truth += &format!("{}\n", json!({ "event": "service_mend", "at": millis(*until), "number": fault }));
            }
        }
        truth += &json!({ "event": "end", "at": 60_000 }).to_string();
        let line = |(at, service, reason): &(f64, &str, &str)| {
            format!("{}\n", json!({ "event": "service", "at": millis(*at), "service": service, "reason": reason }))
        };
        score(&truth, &said.iter().map(line).collect::<String>()).unwrap()
    }

    #[test]
    fn every_service_of_a_fault_needs_its_reason_and_every_reason_a_fault() {
        let faults: [(f64, f64, &str, &[&str]); 2] =
            [(5.0, 15.0, "http_status", &["a", "b"]), (20.0, 90.0, "certificate_expired", &["c"])];
        let right = [(7.0, "a", "http_status"), (7.5, "b", "http_status"), (21.0, "c", "certificate_expired")];
        let wanted = ServiceScore { services: 3, service_faults: 2, ..ServiceScore::default() };
        assert_eq!(scored(&faults, &right), wanted);
        assert!(wanted.matches());
        let half = scored(&faults, &[right[0], right[2], (30.0, "a", "")]);
        assert_eq!((half.missed_service_faults, half.false_service_faults), (1, 0));
        let wrong = scored(&faults, &[right[0], (7.5, "b", "timeout"), right[2], (40.0, "a", "http_status")]);
        assert_eq!((wrong.missed_service_faults, wrong.false_service_faults), (1, 2));
    }

    #[test]
    fn what_was_too_short_to_be_sure_of_is_neither_missed_nor_false() {
        let short: [(f64, f64, &str, &[&str]); 2] = [(5.0, 9.0, "timeout", &["a"]), (56.0, 90.0, "timeout", &["b"])];
        assert_eq!(scored(&short, &[]).service_faults, 0);
        assert!(scored(&short, &[(7.0, "a", "timeout"), (11.9, "a", "timeout"), (59.0, "b", "timeout")]).matches());
    }
}
