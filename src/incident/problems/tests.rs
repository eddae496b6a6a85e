use super::*;
use crate::{
    command::{Action, Command, Reply},
    contract::{Contract, fixture::contract},
    incident::{DeskRecord, Input, LinkChange, Scopes},
    inventory::{Inventory, fixture::inventory},
    judge::LinkState,
    units::Mono,
};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Three links of one unit and carrier, whose outages are over and closed a minute after their end.
struct Town {
    inventory: Inventory,
    contract: Contract,
    scopes: Scopes,
    states: Vec<LinkState>,
    incidents: Incidents,
    told: u32,
}

impl Town {
    fn new() -> Self {
        let inventory = inventory(3);
        let mut contract = contract();
        contract.close_after = Duration::from_secs(60);
        contract.terms.closing.conditions.clear();
        let states = vec![LinkState::Up; inventory.links.len()];
        let scopes = Scopes::of(&inventory);
        let incidents = Incidents::new(7, Duration::from_secs(60));
        Self { inventory, contract, scopes, states, incidents, told: 0 }
    }

    fn play(&mut self, at: i64, input: Input) {
        let Self { inventory, contract, scopes, states, incidents, .. } = self;
        let world = World { inventory, contract, scopes, states };
        let now = Now { mono: Mono(at), utc: Timestamp(at) };
        incidents.step(input, now, &world);
    }

    fn set(&mut self, link: usize, state: LinkState, at: i64) {
        self.states[link] = state;
        let change = LinkChange { link: self.inventory.links[link].id.clone(), state, since: Timestamp(at) };
        self.play(at, Input::Links(vec![change]));
    }

    /// Link number `link` is down for five minutes from then on.
    fn cut(&mut self, link: usize, at: i64) {
        self.set(link, LinkState::Down, at);
        self.play(at + MINUTE, Input::Tick);
        self.set(link, LinkState::Up, at + 5 * MINUTE);
        for minute in 6..12 {
            self.play(at + minute * MINUTE, Input::Tick);
        }
    }

    fn record(&mut self, at: i64, problem: &str, step: ProblemStep, note: &str) -> Reply {
        self.told += 1;
        let action = Action::RecordProblem { problem: problem.into(), step, note: note.into() };
        let command = Command { actor: "李工".into(), key: self.told.to_string(), way: "cli".into(), action };
        let Self { inventory, contract, scopes, states, incidents, .. } = self;
        let world = World { inventory, contract, scopes, states };
        incidents.obey(&command, Now { mono: Mono(at), utc: Timestamp(at) }, &world).0
    }

    fn problems(&self) -> Vec<(ProblemPhase, usize)> {
        self.incidents.desk().problems().map(|problem| (problem.phase, problem.faults.len())).collect()
    }
}

#[test]
fn three_faults_of_one_link_within_the_contracts_time_are_a_problem() {
    let mut town = Town::new();
    town.cut(0, DAY);
    town.cut(0, 5 * DAY);
    town.cut(1, 6 * DAY);
    assert_eq!(town.problems(), [(ProblemPhase::Watched, 1), (ProblemPhase::Watched, 2)]);
    assert!(town.incidents.take_changed().told.is_empty(), "nothing is told of what is only watched");
    // The third begins: it is told at once, while the link is down.
    town.set(0, LinkState::Down, 20 * DAY);
    town.play(20 * DAY + MINUTE, Input::Tick);
    let told = town.incidents.take_changed().told;
    let [DeskRecord::Problem(problem)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((problem.phase, problem.faults.len()), (ProblemPhase::Open, 3));
    assert_eq!(problem.scope, ScopeKind::Link.scope(town.inventory.links[0].id.as_str()));
    assert_eq!((problem.faults[0].from, problem.faults[2].to), (Timestamp(DAY), None));
    town.set(0, LinkState::Up, 20 * DAY + 5 * MINUTE);
    town.play(20 * DAY + 10 * MINUTE, Input::Tick);
    let open = town.incidents.desk().problems().find(|problem| problem.phase == ProblemPhase::Open).unwrap();
    assert_eq!(open.faults[2].to, Some(Timestamp(20 * DAY + 5 * MINUTE)));
}

#[test]
fn faults_that_lie_too_far_apart_are_none() {
    let mut town = Town::new();
    for day in [1, 2, 33, 34, 70] {
        town.cut(0, day * DAY);
    }
    assert_eq!(town.problems(), [(ProblemPhase::Watched, 1)]);
    town.cut(0, 71 * DAY);
    town.cut(0, 99 * DAY);
    assert_eq!(town.problems(), [(ProblemPhase::Open, 3)]);
}

#[test]
fn what_flaps_within_the_contracts_gap_failed_once() {
    let mut town = Town::new();
    town.contract.terms.flaps.gap.value = Duration::from_secs(3_600);
    for turn in 0..4 {
        town.cut(0, DAY + turn * 20 * MINUTE);
    }
    assert_eq!(town.problems(), [(ProblemPhase::Watched, 4)]);
}

#[test]
fn a_problem_is_diagnosed_and_closed_by_people_and_what_fails_later_is_another() {
    let mut town = Town::new();
    let none = town.record(1, "01KDVDNK00000000000000TEST", ProblemStep::Note, "?");
    assert_eq!(none, Reply::Refused(Refusal::NoSuchProblem));
    [1, 2].into_iter().for_each(|day| town.cut(0, day * DAY));
    let id = town.incidents.desk().problems().next().unwrap().id.clone();
    assert_eq!(town.record(3 * DAY, &id, ProblemStep::Note, "?"), Reply::Refused(Refusal::ProblemNotOpen));
    [3, 4].into_iter().for_each(|day| town.cut(0, day * DAY));
    assert_eq!(town.record(5 * DAY, &id, ProblemStep::Cause, " "), Reply::Refused(Refusal::NothingReported));
    assert!(matches!(town.record(5 * DAY, &id, ProblemStep::Cause, "接头进水"), Reply::Done { .. }));
    assert_eq!(town.problems(), [(ProblemPhase::KnownError, 4)]);
    assert!(matches!(town.record(6 * DAY, &id, ProblemStep::Close, "已换接头盒"), Reply::Done { .. }));
    town.cut(0, 7 * DAY);
    assert_eq!(town.problems(), [(ProblemPhase::Watched, 1), (ProblemPhase::Closed, 4)]);
    let events: Vec<String> =
        town.incidents.desk().problems().last().unwrap().entries.iter().map(|entry| entry.event.clone()).collect();
    assert_eq!(events, ["opened", "fault", "cause", "closed"]);
}

#[test]
fn a_restart_watches_on() {
    let mut town = Town::new();
    [1, 2].into_iter().for_each(|day| town.cut(0, day * DAY));
    let stored = town.incidents.take_changed().desk;
    let read: Vec<DeskRecord> = serde_json::from_str(&serde_json::to_string(&stored).unwrap()).unwrap();
    town.incidents = Incidents::new(8, Duration::from_secs(60)).with_desk(read);
    town.cut(0, 3 * DAY);
    assert_eq!(town.problems(), [(ProblemPhase::Open, 3)]);
}

#[test]
fn a_contract_that_says_nothing_of_problems_makes_none() {
    let mut town = Town::new();
    town.contract.terms.problems = None;
    (1..6).for_each(|day| town.cut(0, day * DAY));
    assert_eq!(town.problems(), []);
}
