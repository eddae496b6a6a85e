//! What the product said, held against what the city did. Pure; `tests/score.py` does the same sum from the same files.
//!
//! In: the lines of `truth.jsonl` ([`super::truth`]) and of `verdicts.jsonl`. Out: a [`Score`].
//!
//! - A cut is scored when it lasted 3 s before it ended or the run did: the product needs so long to be sure.
//! - Cuts of one link less than 10 s apart are one outage: recovery is proved over 5 s, and settles.
//! - An outage is noticed by the first incident that holds the link as down, at the latest 3 s after its end. A scored
//!   cut is missed when one of its links was not noticed.
//! - A link held as down without an outage is a false alarm. In the first 3 s of an isolation that is left open: nobody
//!   could tell yet that it was our own fault, and notices wait as long.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::truth::VANTAGE;

/// Milliseconds.
const SURE: i64 = 3_000;
const APART: i64 = 10_000;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    pub cuts: usize,
    pub missed_cuts: usize,
    pub false_alarms: usize,
    pub detection_seconds: Spread,
}

impl Score {
    pub fn matches(&self) -> bool {
        self.missed_cuts == 0 && self.false_alarms == 0
    }
}

/// Over the links that were cut: from the cut to the incident that holds the link. `null` without one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Spread {
    pub p50: Option<f64>,
    pub max: Option<f64>,
}

#[derive(Deserialize)]
struct TruthLine {
    event: String,
    at: i64,
    cut: Option<usize>,
    #[serde(default)]
    links: Vec<String>,
}

#[derive(Deserialize)]
struct VerdictLine {
    event: String,
    at: i64,
    #[serde(default)]
    links: Vec<String>,
}

struct Cut {
    number: usize,
    from: i64,
    until: i64,
}

impl Cut {
    fn scored(&self) -> bool {
        self.until - self.from >= SURE
    }
}

/// Cuts of one link that the product may tell as one.
struct Outage {
    cuts: Vec<Cut>,
    until: i64,
    noticed: Option<i64>,
}

impl Outage {
    fn holds(&self, at: i64) -> bool {
        self.cuts[0].from <= at && at <= self.until + SURE
    }
}

/// Fails on a line that is not one of ours.
pub fn score(truth: &str, verdicts: &str) -> Result<Score, serde_json::Error> {
    let mut outages = outages(truth)?;
    let false_alarms = notice(&mut outages, verdicts)?;
    let (mut missed, mut delays) = (BTreeMap::new(), vec![]);
    for outage in outages.values().flatten() {
        let mut scored = outage.cuts.iter().filter(|cut| cut.scored()).peekable();
        if let (Some(first), Some(noticed)) = (scored.peek(), outage.noticed) {
            delays.push((noticed - first.from).max(0));
        }
        for cut in scored {
            *missed.entry(cut.number).or_default() |= outage.noticed.is_none();
        }
    }
    delays.sort_unstable();
    let seconds = |at: Option<usize>| at.and_then(|at| delays.get(at)).map(|delay| *delay as f64 / 1e3);
    Ok(Score {
        cuts: missed.len(),
        missed_cuts: missed.values().filter(|missed| **missed).count(),
        false_alarms,
        detection_seconds: Spread { p50: seconds(Some(delays.len() / 2)), max: seconds(delays.len().checked_sub(1)) },
    })
}

/// By link, in order of time.
fn outages(truth: &str) -> Result<BTreeMap<String, Vec<Outage>>, serde_json::Error> {
    let lines = truth.lines().map(serde_json::from_str).collect::<Result<Vec<TruthLine>, _>>()?;
    let ended =
        |number| lines.iter().find(|line| line.cut == Some(number) && line.event == "mend" || line.event == "end");
    let mut outages: BTreeMap<String, Vec<Outage>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.event == "cut") {
        let Some(number) = line.cut else { continue };
        let until = ended(number).map_or(i64::MAX, |line| line.at);
        for link in &line.links {
            let (cut, known) = (Cut { number, from: line.at, until }, outages.entry(link.clone()).or_default());
            match known.last_mut() {
                Some(last) if cut.from < last.until.saturating_add(APART) => {
                    last.until = last.until.max(until);
                    last.cuts.push(cut);
                }
                _ => known.push(Outage { cuts: vec![cut], until, noticed: None }),
            }
        }
    }
    Ok(outages)
}

/// Marks what was noticed, and counts what was not there.
fn notice(outages: &mut BTreeMap<String, Vec<Outage>>, verdicts: &str) -> Result<usize, serde_json::Error> {
    let isolations: Vec<i64> = outages.get(VANTAGE).into_iter().flatten().map(|outage| outage.cuts[0].from).collect();
    let mut false_alarms = 0;
    for line in verdicts.lines() {
        let line: VerdictLine = serde_json::from_str(line)?;
        for link in line.links.iter().filter(|_| line.event == "incident") {
            let known = outages.get_mut(link).and_then(|known| known.iter_mut().find(|outage| outage.holds(line.at)));
            match known {
                Some(outage) => outage.noticed = outage.noticed.or(Some(line.at)),
                None if isolations.iter().any(|from| (*from..=from + SURE).contains(&line.at)) => {}
                None => false_alarms += 1,
            }
        }
    }
    Ok(false_alarms)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts as (from, until, links); incidents as (at, links); the run ends at 60 s. Seconds.
    fn scored(cuts: &[(f64, f64, &[&str])], incidents: &[(f64, &[&str])]) -> Score {
        let millis = |second: f64| (second * 1e3) as i64;
        let line = |value: serde_json::Value| value.to_string() + "\n";
        let mut truth = String::new();
        for (number, (from, until, links)) in cuts.iter().enumerate() {
            truth += &line(serde_json::json!({ "event": "cut", "at": millis(*from), "cut": number, "links": links }));
            if *until < 60.0 {
                truth += &line(serde_json::json!({ "event": "mend", "at": millis(*until), "cut": number }));
            }
        }
        truth += &line(serde_json::json!({ "event": "end", "at": 60_000 }));
        let incident = |(at, links): &(f64, &[&str])| {
            line(serde_json::json!({ "event": "incident", "at": millis(*at), "links": links }))
        };
        score(&truth, &incidents.iter().map(incident).collect::<String>()).unwrap()
    }

    #[test]
    fn every_cut_link_needs_an_incident_and_every_incident_a_cut() {
        let cuts: [(f64, f64, &[&str]); 2] = [(5.0, 13.0, &["a", "b"]), (20.0, 28.0, &["c"])];
        let score = scored(&cuts, &[(7.0, &["a"]), (6.5, &["b"]), (40.0, &["c"]), (41.0, &["d"])]);
        let detection_seconds = Spread { p50: Some(2.0), max: Some(2.0) };
        assert_eq!(score, Score { cuts: 2, missed_cuts: 1, false_alarms: 2, detection_seconds });
        assert!(!score.matches());
    }

    #[test]
    fn a_cut_too_short_to_be_sure_about_is_neither_missed_nor_a_false_alarm() {
        let short: [(f64, f64, &[&str]); 2] = [(5.0, 7.0, &["a"]), (58.0, 70.0, &["b"])];
        let (silent, told) = (scored(&short, &[]), scored(&short, &[(6.5, &["a"]), (59.9, &["b"])]));
        assert_eq!((silent.cuts, silent.missed_cuts, told.false_alarms), (0, 0, 0));
    }

    #[test]
    fn an_isolation_is_noticed_as_such_and_accuses_nobody_once_that_is_certain() {
        let isolation: [(f64, f64, &[&str]); 1] = [(5.0, 17.0, &[VANTAGE])];
        let score = scored(&isolation, &[(6.5, &["a"]), (7.5, &[VANTAGE]), (8.5, &["b"])]);
        assert_eq!((score.cuts, score.missed_cuts, score.false_alarms), (1, 0, 1));
    }

    #[test]
    fn a_flap_is_one_outage_for_whoever_notices_it_once() {
        let flap: [(f64, f64, &[&str]); 3] = [(5.0, 9.0, &["a"]), (13.0, 17.0, &["a"]), (21.0, 25.0, &["a"])];
        let score = scored(&flap, &[(7.0, &["a"])]);
        assert_eq!((score.cuts, score.missed_cuts, score.detection_seconds.max), (3, 0, Some(2.0)));
    }
}
