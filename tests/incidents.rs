//! Incidents met from outside: commands, bounds, cost.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::{path::Path, time::Duration};

use linkpatrol::{
    clock,
    command::{Action, Command, Refusal, Reply, Step},
    contract::Contract,
    diagnostic::Findings,
    incident::{Effect, EffectKind, Incident, IncidentPhase, Incidents, Input, LinkChange, Scopes, World},
    inventory::{Inventory, LinkId},
    judge::LinkState,
    units::{Mono, Now, Timestamp},
};

/// The shipped city, all up.
struct City {
    inventory: Inventory,
    contract: Contract,
    scopes: Scopes,
    states: Vec<LinkState>,
    incidents: Incidents,
}

fn now(millis: i64) -> Now {
    Now { mono: Mono(millis), utc: Timestamp(1_795_190_400_000 + millis) }
}

impl City {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/xuchang");
        let mut findings = Findings::default();
        let inventory = Inventory::load(&folder, &mut findings).unwrap();
        Self::of(inventory, Contract::load(&folder, &mut findings).unwrap())
    }

    fn of(inventory: Inventory, contract: Contract) -> Self {
        Self {
            scopes: Scopes::of(&inventory),
            states: vec![LinkState::Up; inventory.links.len()],
            incidents: Incidents::new(7, Duration::from_secs(3_600)),
            inventory,
            contract,
        }
    }

    fn step(&mut self, input: Input, at: i64) -> Vec<Effect> {
        let world =
            World { inventory: &self.inventory, contract: &self.contract, scopes: &self.scopes, states: &self.states };
        self.incidents.step(input, now(at), &world)
    }

    /// These links are in this state from `at` on, understood 1.3 s later.
    fn set(&mut self, links: impl IntoIterator<Item = u32>, state: LinkState, at: i64) -> Vec<Effect> {
        let since = now(at).utc;
        let change = |link: u32| {
            self.states[link as usize] = state;
            LinkChange { link: self.inventory.links[link as usize].id.clone(), state, since }
        };
        let changes: Vec<_> = links.into_iter().map(change).collect();
        self.step(Input::Links(changes), at + 1_300)
    }

    fn only(&self) -> Incident {
        let list = self.incidents.list();
        assert_eq!(list.len(), 1, "{list:#?}");
        Incident::clone(&list[0])
    }

    fn ask(&mut self, key: &str, action: Action, at: i64) -> Reply {
        let command = Command { actor: "王工".into(), key: key.into(), way: "phone".into(), action };
        self.obey(&command, at)
    }

    fn obey(&mut self, command: &Command, at: i64) -> Reply {
        let world =
            World { inventory: &self.inventory, contract: &self.contract, scopes: &self.scopes, states: &self.states };
        self.incidents.obey(command, now(at), &world).0
    }
}

fn acknowledge(incident: &str) -> Action {
    Action::Acknowledge {
        incident: incident.into(),
        party: String::new(),
        note: "on it".into(),
        work_order: String::new(),
        eta: None,
    }
}

fn close(incident: &str) -> Action {
    Action::Close { incident: incident.into(), note: String::new() }
}

#[test]
fn an_incident_opens_at_once_and_is_announced_after_the_grace() {
    let mut city = City::new();
    let kinds = |effects: Vec<Effect>| effects.into_iter().map(|effect| effect.kind).collect::<Vec<_>>();
    let opened = kinds(city.set([5], LinkState::Down, 10_000));
    assert_eq!(opened[0], EffectKind::Opened);
    let [_, EffectKind::Reprobe { links }] = &opened[..] else { panic!("{opened:?}") };
    assert_eq!(links[0], city.inventory.links[5].id, "its other points tell where it fails");
    assert!((2..=64).contains(&links.len()), "and its neighbours whether it is alone: {links:?}");
    let incident = city.only();
    assert_eq!((incident.began, incident.opened), (now(10_000).utc, now(11_300).utc));
    // The carrier of the link has its own, of its agreement.
    let ours = incident.clocks.iter().filter(|clock| clock.party == "operator");
    let deadlines: Vec<_> = ours.map(|clock| clock.deadline.since(incident.began).as_secs()).collect();
    assert_eq!((incident.tier, deadlines), (2, vec![1_800, 14_400]));
    assert_eq!(kinds(city.step(Input::Tick, 14_299)), []);
    assert_eq!(kinds(city.step(Input::Tick, 14_300)), [EffectKind::Announced]);
}

#[test]
fn all_links_that_fail_within_two_seconds_are_one_incident_of_tier_1_within_five() {
    let mut city = City::new();
    let links = city.inventory.links.len() as u32;
    for step in 0..20 {
        let failing = (0..links).filter(|link| link % 20 == step);
        city.set(failing, LinkState::Down, i64::from(step) * 100);
    }
    // The last is understood 3.3 s after the first cut; what follows is time alone.
    let ripe = (3_300..=5_000).step_by(100).find(|at| {
        city.step(Input::Tick, *at);
        let incident = Incident::clone(&city.incidents.list()[0]);
        let down = incident.links.iter().filter(|(_, is_down)| *is_down).count();
        (city.incidents.list().len(), incident.tier, down) == (1, 1, 1_631)
    });
    assert!(ripe.is_some(), "{} incidents after 5 s", city.incidents.list().len());
    let incident = city.only();
    assert_eq!((incident.scope.kind.as_str(), incident.began), ("network", now(0).utc));
}

#[test]
fn a_command_is_obeyed_once_and_refused_with_a_reason() {
    let mut city = City::new();
    city.set([5], LinkState::Down, 0);
    let id = city.only().id;
    assert_eq!(city.ask("k0", acknowledge("nope"), 1), Reply::Refused(Refusal::NoSuchIncident));
    assert_eq!(city.ask("k1", close(&id), 2), Reply::Refused(Refusal::NotRestored));
    let done = city.ask("k2", acknowledge(&id), 60_000);
    assert_eq!(done, Reply::Done { at: now(60_000).utc });
    assert_eq!(city.ask("k2", acknowledge(&id), 90_000), done, "the same key is answered like the first time");
    let by = "王工".to_owned();
    assert_eq!(city.ask("k3", acknowledge(&id), 95_000), Reply::Refused(Refusal::AlreadyAcknowledged { by }));
    let response = &city.only().clocks[0];
    assert_eq!((response.clock.as_str(), response.stopped), ("response", Some(now(60_000).utc)));
    assert_eq!(city.only().timeline.iter().filter(|entry| entry.event == "acknowledged").count(), 1);

    city.set([5], LinkState::Up, 120_000);
    assert_eq!(city.only().phase, IncidentPhase::Restored);
    assert_eq!(city.ask("k4", close(&id), 130_000), Reply::Done { at: now(130_000).utc });
    assert_eq!(city.ask("k5", close(&id), 131_000), Reply::Refused(Refusal::AlreadyClosed));
    let nobody = Command { actor: "  ".into(), key: "k6".into(), way: String::new(), action: close(&id) };
    assert_eq!(city.obey(&nobody, 1), Reply::Refused(Refusal::NoActor));
    assert!(city.step(Input::Tick, 130_000 + 3_600_000).iter().any(|effect| effect.kind == EffectKind::Left));
    assert!(city.incidents.list().is_empty());
}

/// An incident that was shown for a second and became part of another can still be spoken of.
#[test]
fn an_id_that_was_merged_in_the_grace_means_the_incident_that_it_became() {
    let mut city = City::new();
    let duct = city.inventory.links[0].segments[0];
    let members: Vec<u32> = (0..city.inventory.links.len() as u32)
        .filter(|link| city.inventory.links[*link as usize].segments.contains(&duct))
        .collect();
    let (last, others) = members.split_last().unwrap();
    city.set(others.iter().copied(), LinkState::Down, 0);
    city.step(Input::Tick, 20_000);
    let opened = city.set([*last], LinkState::Down, 60_000);
    assert_eq!(opened[0].kind, EffectKind::Opened);
    let second = opened[0].incident.clone();
    city.step(Input::Tick, 80_000);
    city.step(Input::Tick, 80_001);
    let whole = city.only();
    assert_eq!((whole.scope.kind.as_str(), whole.links.len()), ("segment", members.len()));
    assert_eq!(city.ask("k", acknowledge(&second), 90_000), Reply::Done { at: now(90_000).utc });
    assert!(city.only().acknowledged().is_some());
}

#[test]
fn a_link_that_never_answered_opens_nothing() {
    let mut city = City::new();
    let never = LinkState::Unknown(linkpatrol::judge::Unknown::NeverVerified);
    assert_eq!(city.set(0..1_631, never, 0), []);
}

/// A link that flaps all night fills neither the record nor the list.
#[test]
fn a_timeline_has_a_bound_and_says_what_it_left_out() {
    let mut city = City::new();
    for minute in 0..200 {
        city.set([5], LinkState::Down, minute * 60_000);
        city.step(Input::Tick, minute * 60_000 + 10_000);
        city.set([5], LinkState::Up, minute * 60_000 + 30_000);
    }
    let incident = city.only();
    assert_eq!(incident.timeline.len(), 128);
    assert_eq!(incident.timeline[0].event, "occurred");
    let response_overdue = 1;
    let (alarmed, flapping) = (1, 1);
    let all = 2 + alarmed + flapping + 200 * 2 - 1 + response_overdue;
    assert_eq!(incident.timeline.len() + incident.timeline_dropped as usize, all);
}

/// A link that leaves the inventory while it is down ends its incident.
#[test]
fn a_link_that_is_gone_after_a_reload_leaves_its_incident() {
    let mut city = City::new();
    city.set([5, 900], LinkState::Down, 0);
    city.step(Input::Tick, 20_000);
    city.inventory.links[5].status = linkpatrol::inventory::Status::Decommissioned;
    city.scopes = Scopes::of(&city.inventory);
    let effects = city.step(Input::Reloaded, 60_000);
    assert_eq!(effects.len(), 1, "{effects:?}");
    assert_eq!(effects[0].kind, EffectKind::Restored);
}

#[test]
fn what_was_stored_goes_on_with_its_deadlines() {
    let mut city = City::new();
    city.set([5], LinkState::Down, 0);
    city.step(Input::Tick, 20_000);
    let stored: Vec<Incident> = vec![serde_json::from_str(&serde_json::to_string(&city.only()).unwrap()).unwrap()];
    let before = city.only();
    // A new process, whose steady clock starts at zero an hour and a half later.
    let later = Now { mono: Mono(0), utc: now(5_400_000).utc };
    city.incidents = Incidents::restore(stored, 8, Duration::from_secs(3_600), later);
    assert_eq!(city.only(), before);
    let world =
        World { inventory: &city.inventory, contract: &city.contract, scopes: &city.scopes, states: &city.states };
    let told = city.incidents.step(Input::Tick, later, &world);
    let kinds: Vec<_> = told.into_iter().map(|effect| effect.kind).collect();
    assert_eq!(
        kinds,
        [EffectKind::Overdue { clock: "response".into(), tier: 2, party: "operator".into() }],
        "and not the restore clock yet"
    );
}

/// Processor milliseconds of a cut of everything that arrives over one second in turns of 20 ms, until it is announced.
fn whole_cut(city: &mut City) -> u128 {
    let all = city.inventory.links.len() as u32;
    let started = clock::thread_cpu();
    for turn in 0..50 {
        city.set((0..all).filter(|link| link % 50 == turn), LinkState::Down, i64::from(turn) * 20);
    }
    for turn in 0..200 {
        city.step(Input::Tick, 2_300 + turn * 20);
    }
    let spent = clock::thread_cpu() - started;
    let incident = city.only();
    assert_eq!((incident.scope.kind.as_str(), incident.tier, incident.links.len()), ("network", 1, all as usize));
    spent.as_millis()
}

/// 50 ms in a release build; a build without optimisation has ten times that.
#[test]
fn a_cut_of_the_whole_city_is_cheap() {
    let budget = if cfg!(debug_assertions) { 500 } else { 50 };
    let spent = whole_cut(&mut City::new());
    println!("1631 links down within a second: {spent} ms");
    assert!(spent < budget, "{spent} ms");
}

#[test]
fn a_hundred_thousand_links_do_not_explode() {
    let City { mut inventory, contract, .. } = City::new();
    let shipped = inventory.links.clone();
    while inventory.links.len() < 100_000 {
        let number = inventory.links.len();
        let like = &shipped[number % shipped.len()];
        let id = LinkId::parse(&format!("X-{number}")).unwrap();
        inventory.links.push(linkpatrol::inventory::Link { id, ..like.clone() });
    }
    let budget = if cfg!(debug_assertions) { 30_000 } else { 3_000 };
    let spent = whole_cut(&mut City::of(inventory, contract));
    println!("100 000 links down within a second: {spent} ms");
    assert!(spent < budget, "{spent} ms");
}

/// What the journal keeps of a night is enough to live it again: inputs survive being written, and give the same effects.
#[test]
fn written_inputs_played_again_give_the_same_effects() {
    let mut first = City::new();
    let inventory = &first.inventory;
    let change =
        |link: usize, state, at| LinkChange { link: inventory.links[link].id.clone(), state, since: now(at).utc };
    let night = vec![
        (0, Input::Reloaded),
        (11_300, Input::Links((0..40).map(|link| change(link, LinkState::Down, 10_000)).collect())),
        (20_000, Input::Tick),
        (30_000, Input::Isolated { since: now(29_000).utc }),
        (60_000, Input::Reconnected { since: now(60_000).utc }),
        (61_000, Input::Broken { fault: linkpatrol::incident::OwnFault::StoreUnusable }),
        (90_000, Input::Links((0..40).map(|link| change(link, LinkState::Up, 85_000)).collect())),
        (3_000_000, Input::Tick),
    ];
    let written: Vec<String> = night.iter().map(|(_, input)| serde_json::to_string(input).unwrap()).collect();
    let mut told: Vec<String> = vec![];
    for (at, input) in night {
        told.extend(first.step(input, at).iter().map(|effect| serde_json::to_string(effect).unwrap()));
    }
    let mut again = City::new();
    let times = [0, 11_300, 20_000, 30_000, 60_000, 61_000, 90_000, 3_000_000];
    let mut retold: Vec<String> = vec![];
    for (at, input) in times.into_iter().zip(&written) {
        let input: Input = serde_json::from_str(input).unwrap();
        retold.extend(again.step(input, at).iter().map(|effect| serde_json::to_string(effect).unwrap()));
    }
    assert!(told.len() > 8, "{told:?}");
    assert_eq!(retold, told);
    let read: Vec<Effect> = told.iter().map(|effect| serde_json::from_str(effect).unwrap()).collect();
    assert_eq!(read.last().unwrap().kind, EffectKind::Closed);
}

/// Who, when, by which way; and an entry that was wrong stays beside the one that puts it right.
#[test]
fn what_people_write_is_added_and_never_changed() {
    let mut city = City::new();
    city.set([5], LinkState::Down, 0);
    city.step(Input::Tick, 20_000);
    let id = city.only().id;
    let notified =
        Input::Notified { incident: id.clone(), party: "operator".into(), channel: "desk".into(), at: now(21_000).utc };
    city.step(notified.clone(), 21_000);
    assert_eq!(city.step(notified, 22_000), [], "each channel is written down once");
    let on_site = Action::Record {
        incident: id.clone(),
        step: Step::OnSite,
        party: String::new(),
        at: Some(now(600_000).utc),
        eta: None,
        note: "两人".into(),
        links: vec![],
    };
    city.ask("k1", on_site, 900_000);
    let before = city.only().timeline;
    let entry = before.last().unwrap();
    let told = (entry.event.as_str(), entry.actor.as_str(), entry.way.as_str(), entry.at, entry.recorded);
    assert_eq!(told, ("on_site", "王工", "phone", now(600_000).utc, Some(now(900_000).utc)));
    let right =
        Action::Correct { incident: id, entry: entry.number, at: Some(now(540_000).utc), note: "早一分钟".into() };
    city.ask("k2", right, 960_000);
    let after = city.only().timeline;
    assert_eq!(after[..before.len()], before, "what was written stays");
    let newest = after.last().unwrap();
    assert_eq!((newest.corrects, newest.at, newest.event.as_str()), (Some(entry.number), now(540_000).utc, "on_site"));
    let numbers: Vec<_> = after.iter().map(|entry| entry.number as usize).collect();
    assert_eq!(numbers, (1..=after.len()).collect::<Vec<_>>());
    let events: Vec<_> = after.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(events, ["occurred", "detected", "alarmed", "notified", "on_site", "on_site"]);
}

/// A night of calls fills the record; what is there stays, and the next one is told so.
#[test]
fn people_have_room_for_a_long_night_and_no_more() {
    let mut city = City::new();
    city.set([5], LinkState::Down, 0);
    let id = city.only().id;
    let note = |incident: String| Action::Record {
        incident,
        step: Step::Notified,
        party: "customer".into(),
        at: None,
        eta: None,
        note: "电话".into(),
        links: vec![],
    };
    for call in 0..512 {
        assert!(matches!(city.ask(&format!("k{call}"), note(id.clone()), 1_000 + call), Reply::Done { .. }));
    }
    assert_eq!(city.ask("last", note(id), 9_000), Reply::Refused(Refusal::TimelineFull));
    assert_eq!(city.only().timeline.iter().filter(|entry| entry.actor == "王工").count(), 512);
}

fn taken_on(incident: &str, eta: Option<i64>) -> Action {
    Action::Acknowledge {
        incident: incident.into(),
        party: "operator".into(),
        note: String::new(),
        work_order: "GD-7".into(),
        eta: eta.map(|at| now(at).utc),
    }
}

fn response(city: &City) -> Option<Timestamp> {
    let incident = city.only();
    incident.clocks.iter().find(|clock| clock.clock == "response" && clock.party == "operator").unwrap().stopped
}

#[test]
fn a_word_that_is_taken_back_never_stopped_the_clock() {
    let mut city = City::new();
    city.set([5], LinkState::Down, 0);
    city.step(Input::Tick, 20_000);
    let id = city.only().id;
    let withdraw = |note: &str| Action::Withdraw { incident: id.clone(), party: String::new(), note: note.into() };
    assert_eq!(city.ask("k0", withdraw("?"), 25_000), Reply::Refused(Refusal::NotAcknowledged));
    city.ask("k1", taken_on(&id, None), 30_000);
    assert_eq!(response(&city), Some(now(30_000).utc));
    assert_eq!(city.ask("k2", withdraw(" "), 40_000), Reply::Refused(Refusal::NoReason));
    city.ask("k3", withdraw("派错单"), 50_000);
    assert_eq!((response(&city), city.only().acknowledgements.len()), (None, 0));
    let deadline = city.only().clocks.iter().find(|clock| clock.clock == "response").unwrap().deadline;
    let late = city.step(Input::Tick, deadline.0 - now(0).utc.0 + 1);
    assert!(late.iter().any(|effect| matches!(&effect.kind, EffectKind::Overdue { clock, .. } if clock == "response")));
}

#[test]
fn a_word_that_nothing_follows_lapses_and_the_clock_that_it_stopped_stays_stopped() {
    let stale = i64::try_from({
        let terms = City::new().contract.terms;
        terms.acknowledgement.stale_after.unwrap().as_millis()
    });
    let stale = stale.unwrap();
    let lapsed = |eta: Option<i64>| {
        let mut city = City::new();
        city.set([5], LinkState::Down, 0);
        city.step(Input::Tick, 20_000);
        let id = city.only().id;
        city.ask("k1", taken_on(&id, eta), 30_000);
        let mut at = 30_000;
        // The shell sleeps until something is due.
        while city.only().acknowledgements.len() == 1 && at < 3 * stale {
            at = city.incidents.due().0.max(at + 1);
            let told = city.step(Input::Tick, at);
            if told.iter().any(|effect| matches!(effect.kind, EffectKind::Unanswered { .. })) {
                assert!(city.only().timeline.iter().any(|entry| entry.event == "lapsed" && !entry.note.is_empty()));
                assert_eq!(response(&city), Some(now(30_000).utc));
            }
        }
        at
    };
    assert_eq!(lapsed(None), 30_000 + stale);
    let eta = 3_600_000;
    assert_eq!(lapsed(Some(eta)), eta + stale, "until then nothing is expected of it");
}

#[test]
fn a_claim_is_tested_and_the_record_says_what_was_seen() {
    let mut city = City::new();
    city.set([5], LinkState::Down, 0);
    city.step(Input::Tick, 20_000);
    let (id, link) = (city.only().id, city.inventory.links[5].id.clone());
    let say = |step, note: &str, links: Vec<String>| Action::Record {
        incident: id.clone(),
        step,
        party: String::new(),
        at: None,
        eta: None,
        note: note.into(),
        links,
    };
    let clocks = city.only().clocks;
    assert_eq!(city.ask("k1", say(Step::Disputed, "", vec![]), 30_000), Reply::Refused(Refusal::NoReason));
    city.ask("k2", say(Step::Disputed, "用户侧掉电", vec![]), 31_000);
    let foreign = city.inventory.links[6].id.to_string();
    assert!(matches!(
        city.ask("k3", say(Step::ClaimsRestored, "", vec![foreign]), 32_000),
        Reply::Refused(Refusal::NoSuchLink { .. })
    ));
    let claim = Command {
        actor: "赵工".into(),
        key: "k4".into(),
        way: "page".into(),
        action: say(Step::ClaimsRestored, "", vec![]),
    };
    let world =
        World { inventory: &city.inventory, contract: &city.contract, scopes: &city.scopes, states: &city.states };
    let (_, effects) = city.incidents.obey(&claim, now(33_000), &world);
    assert!(effects.iter().any(|effect| effect.kind == EffectKind::Reprobe { links: vec![link.clone()] }));
    assert_eq!(city.only().clocks, clocks, "neither stops a clock");
    city.step(Input::Tick, 52_999);
    assert!(!city.only().timeline.iter().any(|entry| entry.event == "retested"));
    city.step(Input::Tick, 53_000);
    let entry = city.only().timeline.last().unwrap().clone();
    assert_eq!((entry.event.as_str(), entry.note), ("retested", format!("0 of 1 up; down: {link}")));
}
