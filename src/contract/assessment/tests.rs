//! Worked examples of the shipped contracts, as their texts give them.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    contract::{
        Chosen, Clock, Facts, Moments,
        fixture::terms,
        words::{ClockKind, FaultKind, Scope, Start},
    },
    units::{Ppm, Timestamp},
};

fn beijing() -> Assessment {
    terms("beijing-civil-affairs").assessment
}

fn courts() -> Score {
    terms("sichuan-courts").assessment.score.expect("a table of points")
}

fn event<'a>(item: &'a str, facts: &[(&'a str, bool)], lengths: &[(&'a str, u64)]) -> Event<'a> {
    Event {
        item,
        facts: facts.iter().copied().collect(),
        lengths: lengths.iter().map(|(name, hours)| (*name, Duration::from_secs(hours * 3_600))).collect(),
        in_a_row: 1,
        overruns: vec![],
    }
}

/// What one rule makes of an event: its amount in yuan and what is missing.
fn judged(assessment: &Assessment, rule: &str, event: &Event<'_>) -> Option<(Option<f64>, Vec<String>)> {
    let penalty = assessment.penalties.iter().find(|penalty| penalty.id == rule).expect("a rule of this name");
    let candidate = assessment.candidate(penalty, event)?;
    Some((candidate.fen.map(|fen| fen as f64 / 100.0), candidate.missing))
}

#[test]
fn item_prices_sum_to_the_contract() {
    let assessment = beijing();
    let sum: u64 = assessment.items.iter().filter_map(|item| item.quote).sum();
    assert_eq!((assessment.items.len(), Some(sum)), (17, assessment.total.map(|total| total.yuan)));
}

#[test]
fn a_total_outage_with_public_effect_costs_three_percent_of_the_item() {
    let facts = [("total_outage", true), ("severe_public_effect", true)];
    let (yuan, missing) = judged(&beijing(), "total-outage", &event("data", &facts, &[])).unwrap();
    assert_eq!((yuan, missing), (Some(122_700.0), vec![]));
    let third = Event { in_a_row: 3, ..event("data", &facts, &[]) };
    let repeated = |event: &Event<'_>| beijing().candidates(event).iter().any(|candidate| candidate.repeated);
    assert!(repeated(&third) && !repeated(&Event { in_a_row: 2, ..third.clone() }));
}

#[test]
fn what_nobody_stated_is_missing_and_never_taken_for_no() {
    let half = event("data", &[("total_outage", true)], &[]);
    let (yuan, missing) = judged(&beijing(), "total-outage", &half).unwrap();
    assert_eq!((yuan, missing), (None, vec!["severe_public_effect".to_owned()]));
    let no = event("data", &[("total_outage", true), ("severe_public_effect", false)], &[]);
    assert_eq!(judged(&beijing(), "total-outage", &no), None);
}

#[test]
fn a_fault_found_late_is_judged_by_how_late_and_by_its_effect() {
    let at = |hours, effect| {
        let facts = [("inspection_not_done", true), ("serious_result", true), ("public_effect", effect)];
        judged(&beijing(), "found-late", &event("data", &facts, &[("found_after", hours)])).unwrap()
    };
    assert_eq!((at(24, false).0, at(25, false).0, at(72, false).0), (Some(5_000.0), Some(10_000.0), Some(10_000.0)));
    // The second base of money is not in the document.
    let budget = vec!["assessment.items.data.budget".to_owned()];
    assert_eq!(at(73, false), (None, budget.clone()));
    assert_eq!(at(1, true), (None, budget));
    let mut supplied = beijing();
    supplied.items.iter_mut().for_each(|item| item.budget = Some(1_000_000));
    let facts = [("inspection_not_done", true), ("serious_result", true), ("public_effect", true)];
    let worst = judged(&supplied, "found-late", &event("data", &facts, &[("found_after", 1)])).unwrap();
    assert_eq!(worst.0, Some(50_000.0));
}

#[test]
fn a_late_deliverable_costs_by_the_day_up_to_its_cap() {
    let mut supplied = beijing();
    supplied.items.iter_mut().for_each(|item| item.budget = Some(200_000));
    let at = |hours| {
        let late = event("video", &[("deliverable_late", true)], &[("late_by", hours)]);
        judged(&supplied, "late-deliverable", &late).unwrap().0
    };
    assert_eq!((at(24), at(25), at(240), at(24 * 40)), (Some(2_000.0), Some(4_000.0), Some(20_000.0), Some(20_000.0)));
}

#[test]
fn leaks_are_shares_of_the_whole_contract_and_other_rules_their_own() {
    let yuan =
        |rule: &str, facts: &[(&'static str, bool)]| judged(&beijing(), rule, &event("data", facts, &[])).unwrap().0;
    assert_eq!(yuan("leak-low", &[("leak", true), ("leak_low", true)]), Some(19_910.0));
    assert_eq!(yuan("leak-higher", &[("leak", true), ("leak_higher", true)]), Some(99_550.0));
    assert_eq!(yuan("leak-key", &[("leak", true), ("leak_key", true)]), Some(995_500.0));
    assert_eq!(yuan("partial-failure", &[("partial_failure", true), ("severe_public_effect", false)]), Some(5_000.0));
    assert_eq!(yuan("not-corrected", &[("not_corrected_in_time", true)]), Some(3_000.0));
    let low = [("vulnerability_not_fixed", true), ("vulnerability_low", true)];
    assert_eq!(yuan("vulnerability-low", &low), Some(10_000.0));
}

fn year(score: &Score, quarters: [&[(&str, u32)]; 4]) -> Outcome {
    let quarters = quarters.map(|counts| score.quarter(&counts.iter().copied().collect()));
    score.year(&quarters).expect("four quarters")
}

/// So many quarters with a late class-1 fault.
fn overruns(score: &Score, quarters: usize) -> Outcome {
    let late: &[(&str, u32)] = &[("late_class_1", 1)];
    year(score, std::array::from_fn(|nth| if nth < quarters { late } else { &[] }))
}

#[test]
fn overruns_in_one_to_four_quarters_cost_what_the_table_says() {
    let score = courts();
    let told = |quarters| {
        let outcome = overruns(&score, quarters);
        (outcome.mean, outcome.withheld)
    };
    assert_eq!(told(0), (10_000, Ppm(0)));
    assert_eq!(told(1), (9_250, Ppm(0)));
    assert_eq!(told(2), (8_500, Ppm(500_000)));
    assert_eq!(told(3), (7_750, Ppm(1_000_000)));
    assert_eq!(told(4), (7_000, Ppm(1_000_000)));
}

#[test]
fn one_inspection_and_one_complaint_cost_little_in_one_reading_and_more_in_the_other() {
    let (weighted, mut straight) = (courts(), courts());
    straight.reading = Chosen::written(score::Reading::Straight);
    let points = |score: &Score, name| score.quarter(&BTreeMap::from([(name, 1)])).total;
    assert_eq!((points(&weighted, "missed_inspections"), points(&straight, "missed_inspections")), (9_800, 9_500));
    assert_eq!((points(&weighted, "complaints"), points(&straight, "complaints")), (9_980, 9_900));
    assert_eq!(points(&weighted, "staff_missing"), 9_000);
    let one: &[(&str, u32)] = &[("missed_inspections", 1)];
    assert_eq!(year(&weighted, [one, &[], &[], &[]]).mean, 9_950);
}

#[test]
fn no_points_takes_the_item_or_by_the_switch_only_the_rule() {
    let mut rule = courts();
    rule.zero = Chosen::written(score::ZeroScope::Rule);
    let counts = BTreeMap::from([("late_class_1", 1)]);
    assert_eq!((courts().quarter(&counts).total, rule.quarter(&counts).total), (7_000, 9_500));
}

#[test]
fn edges_of_bands_and_the_gap_below_them_are_decided_by_switches() {
    let at = |score: &Score, points: u32| {
        let quarter = score::QuarterScore {
            items: vec![],
            total: points * 100,
            missing: vec![],
            vetoed: vec![],
            towards: vec![],
        };
        let outcome = score.year(&[quarter]).unwrap();
        (outcome.withheld.0 / 10_000, outcome.decided_by)
    };
    let score = courts();
    assert_eq!((at(&score, 91), at(&score, 90)), ((0, None), (50, None)));
    assert_eq!(at(&score, 80), (50, Some("band-edge".into())));
    assert_eq!(at(&score, 69), (100, Some("below-bands".into())));
    let mut other = courts();
    other.edge.value = score::Edge::Stricter;
    other.below.value = score::Below::NoBand;
    assert_eq!((at(&other, 80).0, at(&other, 69).0), (100, 0));
}

#[test]
fn five_larger_events_are_a_veto_and_unknown_counts_are_named() {
    let counts = BTreeMap::from([("larger_events", 5)]);
    let quarter = courts().quarter(&counts);
    assert_eq!(quarter.vetoed, ["larger-events"]);
    assert!(
        quarter.missing.contains(&"complaints".to_owned()) && !quarter.missing.contains(&"larger_events".to_owned())
    );
    assert_eq!(courts().quarter(&BTreeMap::from([("larger_events", 4)])).vetoed, [""; 0]);
}

#[test]
fn more_faults_never_raise_a_score() {
    let score = courts();
    let names: Vec<&str> = score.items.iter().flat_map(|item| &item.rules).map(|rule| rule.counts.as_str()).collect();
    let counts = prop::collection::vec(0_u32..30, names.len());
    proptest!(|(counts in counts, which in 0..names.len())| {
        let mut given: BTreeMap<&str, u32> = names.iter().copied().zip(counts).collect();
        let before = score.quarter(&given).total;
        *given.get_mut(names[which]).unwrap() += 1;
        prop_assert!(score.quarter(&given).total <= before && before <= 10_000);
    });
}

#[test]
fn no_penalty_exceeds_its_cap_or_overflows() {
    let shipped = beijing();
    proptest!(|(budget in any::<u64>(), hours in 0_u64..1_000_000)| {
        let mut supplied = shipped.clone();
        supplied.items.iter_mut().for_each(|item| item.budget = Some(budget));
        let late = event("video", &[("deliverable_late", true)], &[("late_by", hours)]);
        let all = supplied.candidates(&late);
        let fen = all.iter().find(|one| one.penalty == "late-deliverable").unwrap().fen;
        prop_assert!(fen.is_none_or(|fen| u128::from(fen) <= u128::from(budget) * 10));
    });
}

/// Requirement 92 of the city: two hours, else a swap, and two more hours from then on.
#[test]
fn a_clock_that_waits_for_another_to_run_out_runs_only_then_and_wherever_the_file_has_it() {
    let mut terms = terms("xuchang");
    let waits = |clock: &Clock| clock.starts.value == Start::RestoreOverdue;
    let class = terms.overrides.iter_mut().find(|class| class.tiers.iter().any(|tier| tier.clocks.iter().any(waits)));
    let class = class.expect("a class with such a clock");
    let id = class.applies.requirements[0].clone();
    class.tiers[0].clocks.reverse();
    let row = terms.services.iter().find(|service| service.id == id).unwrap().clone();
    let began = Timestamp(1_795_190_400_000);
    let after = |hours: u64| began.plus(Duration::from_secs(hours * 3_600));
    let runs = |hours: u64| {
        let restored = after(hours);
        let fault = Fault {
            target: row.target(),
            facts: Facts {
                scope: Scope::Service,
                failing: 1,
                measured: 1,
                kind: FaultKind::Outage,
                impact: None,
                service_class: None,
                case: None,
            },
            moments: Moments {
                restored: Some(restored),
                notice_delivered: Some(began),
                customer_reported: Some(began),
                alarmed: Some(began),
                detected: Some(began),
                ..Moments::begun(began)
            },
            done: BTreeMap::from([(ClockKind::Restore, restored)]),
        };
        let runs = terms.runs(&fault).into_iter().filter(|run| waits(run.clock));
        runs.map(|run| (run.started.unwrap(), run.late().is_some())).collect::<Vec<_>>()
    };
    assert_eq!(runs(2), []);
    assert_eq!(runs(3), [((Start::RestoreOverdue, after(2)), false)]);
    assert_eq!(runs(5), [((Start::RestoreOverdue, after(2)), true)]);
}
