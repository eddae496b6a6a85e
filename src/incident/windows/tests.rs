use super::*;
use crate::{
    command::Every,
    contract::{Contract, InGuards, fixture::contract},
    incident::Scopes,
    inventory::{Inventory, fixture::inventory},
    units::Mono,
};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Monday 2026-03-02 09:00 in Shanghai.
const MONDAY: i64 = 1_772_413_200_000;

/// Four links; the first two are the legs of a redundancy group.
struct Town {
    inventory: Inventory,
    contract: Contract,
    scopes: Scopes,
    windows: Windows,
}

impl Town {
    fn new() -> Self {
        let mut inventory = inventory(4);
        inventory.links[..2].iter_mut().for_each(|link| link.group = Some("G1".into()));
        let scopes = Scopes::of(&inventory);
        Self { inventory, contract: contract(), scopes, windows: Windows::default() }
    }

    fn tell<T>(&mut self, ask: impl FnOnce(&mut Windows, &World<'_>) -> T) -> T {
        let Self { inventory, contract, scopes, windows } = self;
        ask(windows, &World { inventory, contract, scopes, states: &[] })
    }

    fn add(&mut self, planned: &Planned, at: i64) -> Result<String, Refusal> {
        let id = self.tell(|windows, world| windows.add(planned, by("李四", at), 1, now(at), world))?;
        self.tell(|windows, world| windows.compare(now(at).utc, world));
        Ok(id)
    }

    fn standing(&self, id: &str) -> Standing {
        let window = self.windows.get(id).unwrap();
        window.standing(window.from, &self.contract)
    }

    /// Places of the links that are under valid work.
    fn at_work(&mut self, at: i64) -> Vec<usize> {
        let links = self.tell(|windows, world| windows.at_work(Timestamp(at), world));
        links.into_keys().map(LinkIndex::at).collect()
    }
}

fn now(at: i64) -> Now {
    Now { mono: Mono(at - MONDAY), utc: Timestamp(at) }
}

fn by(actor: &str, at: i64) -> ActedBy {
    ActedBy { actor: actor.into(), at: Timestamp(at), note: String::new(), way: "cli".into() }
}

fn planned(scope: &str, from: i64, to: i64) -> Planned {
    Planned {
        scopes: vec![scope.into()],
        from: Timestamp(from),
        to: Timestamp(to),
        every: None,
        until: None,
        requester: "运营商甲".into(),
        approver: "王处".into(),
        announced: None,
        drill: false,
        reason: "割接".into(),
    }
}

#[test]
fn work_counts_with_the_notice_and_the_approval_of_the_contract_only() {
    let mut town = Town::new();
    // Two working days: told on Monday, it may begin when Wednesday's hours are over.
    let thursday = MONDAY + 3 * DAY;
    let in_time = town.add(&planned("link/LL-0002", thursday, thursday + HOUR), MONDAY).unwrap();
    assert_eq!(town.standing(&in_time), Standing::Valid);
    let late = town.add(&planned("link/LL-0003", thursday, thursday + HOUR), MONDAY + DAY).unwrap();
    assert!(matches!(town.standing(&late), Standing::Late { earliest } if earliest.0 > thursday));
    let alone = Planned { approver: String::new(), ..planned("link/LL-0000", thursday, thursday + HOUR) };
    let unapproved = town.add(&alone, MONDAY).unwrap();
    assert_eq!(town.standing(&unapproved), Standing::Unapproved);
    assert_eq!(town.at_work(thursday - 1), [0; 0]);
    assert_eq!(town.at_work(thursday), [2]);
    assert_eq!(town.at_work(thursday + HOUR), [0; 0], "the end is the first millisecond after it");

    let own = town.tell(|windows, world| windows.approve(&unapproved, &by("运营商甲", MONDAY), now(MONDAY), world));
    assert!(matches!(own, Err(Refusal::WrongWindow { .. })), "nobody approves what he asks for");
    let agreed = town.tell(|windows, world| windows.approve(&unapproved, &by("王处", MONDAY), now(MONDAY), world));
    assert_eq!(agreed, Ok(()));
    assert_eq!(town.at_work(thursday), [0, 2]);
}

#[test]
fn what_is_written_down_or_approved_after_the_start_excludes_nothing() {
    let mut town = Town::new();
    let told = |from| Planned {
        announced: Some(Timestamp(MONDAY - 30 * DAY)),
        ..planned("carrier/carrier-a", from, from + DAY)
    };
    let id = town.add(&told(MONDAY - 1), MONDAY).unwrap();
    assert_eq!(town.standing(&id), Standing::AfterStart, "however early somebody claims to have been told");
    let id = town.add(&Planned { approver: String::new(), ..told(MONDAY + HOUR) }, MONDAY).unwrap();
    let late = MONDAY + 2 * HOUR;
    assert_eq!(town.tell(|windows, world| windows.approve(&id, &by("王处", late), now(late), world)), Ok(()));
    assert_eq!(town.standing(&id), Standing::Unapproved);
    assert_eq!(town.at_work(late), [0; 0]);
    let over = Planned { from: Timestamp(MONDAY - DAY), ..planned("carrier/carrier-a", 0, MONDAY - HOUR) };
    assert!(matches!(town.add(&over, MONDAY), Err(Refusal::WrongWindow { .. })));
}

#[test]
fn work_that_comes_again_is_judged_turn_by_turn() {
    let mut town = Town::new();
    // Told an hour before the first night: that one is late, the later ones are not.
    let nightly = Planned {
        every: Some(Every::Day),
        until: Some(Timestamp(MONDAY + 30 * DAY)),
        ..planned("segment/duct-017", MONDAY + HOUR, MONDAY + 2 * HOUR)
    };
    let id = town.add(&nightly, MONDAY).unwrap();
    assert!(matches!(town.standing(&id), Standing::Late { .. }));
    assert_eq!(town.at_work(MONDAY + HOUR), [0; 0]);
    assert_eq!(town.at_work(MONDAY + 4 * DAY + HOUR), [0, 1, 2, 3]);
    assert_eq!(town.at_work(MONDAY + 4 * DAY + 2 * HOUR), [0; 0]);
    assert_eq!(town.at_work(MONDAY + 29 * DAY + HOUR), [0, 1, 2, 3]);
    assert_eq!(town.at_work(MONDAY + 30 * DAY + HOUR), [0; 0], "its time is over");
    let running = MONDAY + 5 * DAY + HOUR + 1_000;
    assert_eq!(town.tell(|windows, world| windows.cancel(&id, by("李四", running), now(running), world)), Ok(()));
    assert_eq!(town.at_work(running), [0; 0], "what is cancelled ends");
    assert_eq!(town.at_work(running - 1), [0, 1, 2, 3], "and was planned work until then");
    let again = town.tell(|windows, world| windows.cancel(&id, by("李四", running), now(running + 1), world));
    assert_eq!(again, Err(Refusal::WindowOver));

    let monthly = Planned {
        every: Some(Every::Month),
        // 2026-03-31 in Shanghai: April has no such day.
        until: Some(Timestamp(MONDAY + 100 * DAY)),
        ..planned("link/LL-0003", MONDAY + 29 * DAY, MONDAY + 29 * DAY + HOUR)
    };
    town.add(&monthly, MONDAY).unwrap();
    assert_eq!(town.at_work(MONDAY + 59 * DAY), [3], "on the last day of a shorter month");
}

#[test]
fn both_legs_of_a_group_at_once_are_warned_of_and_one_after_the_other_are_not() {
    let mut town = Town::new();
    let from = MONDAY + 7 * DAY;
    let first = town.add(&planned("link/LL-0000", from, from + 2 * HOUR), MONDAY).unwrap();
    town.add(&planned("link/LL-0001", from + 2 * HOUR, from + 3 * HOUR), MONDAY).unwrap();
    assert_eq!(town.windows.overlaps(), []);
    let weekly = Planned {
        every: Some(Every::Week),
        until: Some(Timestamp(MONDAY + 60 * DAY)),
        ..planned("link/LL-0001", MONDAY + HOUR, MONDAY + 2 * HOUR)
    };
    let weekly = town.add(&weekly, MONDAY + 1).unwrap();
    let mut windows = vec![first, weekly.clone()];
    windows.sort_unstable();
    let (begins, ends) = (Timestamp(from + HOUR), Timestamp(from + 2 * HOUR));
    assert_eq!(town.windows.overlaps(), [Overlap { group: "G1".into(), windows, from: begins, to: ends }]);
    town.tell(|windows, world| windows.cancel(&weekly, by("李四", MONDAY + 2), now(MONDAY + 2), world)).unwrap();
    town.tell(|windows, world| windows.compare(Timestamp(MONDAY + 3), world));
    assert_eq!(town.windows.overlaps(), []);
}

#[test]
fn nonsense_is_refused_with_what_to_write_instead() {
    let mut town = Town::new();
    let good = planned("link/LL-0000", MONDAY + DAY, MONDAY + DAY + HOUR);
    let unknown = Planned { scopes: vec!["link/LL-9999".into()], ..good.clone() };
    assert!(matches!(town.add(&unknown, MONDAY), Err(Refusal::NoSuchScope { .. })));
    let network = Planned { scopes: vec!["network/".into()], ..good.clone() };
    assert!(matches!(town.add(&network, MONDAY), Err(Refusal::NoSuchScope { .. })));
    for wrong in [
        Planned { scopes: vec![], ..good.clone() },
        Planned { to: good.from, ..good.clone() },
        Planned { to: Timestamp(i64::MAX), ..good.clone() },
        Planned { requester: " ".into(), ..good.clone() },
        Planned { approver: good.requester.clone(), ..good.clone() },
        Planned { approver: format!("{}\u{3000}", good.requester), ..good.clone() },
        Planned { approver: format!("\u{feff}{}", good.requester), ..good.clone() },
        Planned { reason: String::new(), ..good.clone() },
        Planned { announced: Some(Timestamp(MONDAY + 1)), ..good.clone() },
        Planned { every: Some(Every::Day), ..good.clone() },
        Planned { every: Some(Every::Day), until: Some(Timestamp(i64::MAX)), ..good.clone() },
        Planned {
            every: Some(Every::Day),
            until: Some(good.to),
            to: Timestamp(good.from.0 + 30 * HOUR),
            ..good.clone()
        },
    ] {
        assert!(matches!(town.add(&wrong, MONDAY), Err(Refusal::WrongWindow { .. })), "{wrong:?}");
    }
}

#[test]
fn as_many_as_may_be_are_held_and_those_that_are_over_leave_first() {
    let mut town = Town::new();
    let short = planned("link/LL-0000", MONDAY + HOUR, MONDAY + 2 * HOUR);
    for at in 0..MOST_WINDOWS as i64 {
        town.tell(|windows, world| windows.add(&short, by("李四", MONDAY + at), 1, now(MONDAY + at), world)).unwrap();
    }
    assert_eq!(town.add(&short, MONDAY + 9_000), Err(Refusal::TooManyWindows));
    let later = planned("link/LL-0000", MONDAY + DAY, MONDAY + 2 * DAY);
    assert!(town.add(&later, MONDAY + 3 * HOUR).is_ok());
    assert_eq!(town.windows.list().count(), 1);
}

#[test]
fn in_a_guard_period_work_needs_an_approval_or_there_is_none() {
    let mut town = Town::new();
    town.contract.terms.maintenance.approval.value = false;
    let monday = chrono::NaiveDate::from_ymd_opt(2026, 3, 2).unwrap();
    // Of the contract's guards, none is about links: this one is.
    let guard = serde_json::json!({
        "id": "two-sessions", "name": {"zh": "两会", "en": "two sessions"},
        "dates": [{"from": monday + chrono::Days::new(10), "to": monday + chrono::Days::new(12)}],
    });
    assert!(!town.contract.guards([monday, monday + chrono::Days::new(400)]));
    town.contract.terms.guards.push(serde_json::from_value(guard).unwrap());
    // From the evening before the first guarded day into it; and the day after the last.
    let into = Planned {
        approver: String::new(),
        ..planned("carrier/carrier-a", MONDAY + 9 * DAY + 12 * HOUR, MONDAY + 10 * DAY)
    };
    let into = town.add(&into, MONDAY).unwrap();
    let after = Planned {
        approver: String::new(),
        ..planned("carrier/carrier-a", MONDAY + 13 * DAY, MONDAY + 13 * DAY + HOUR)
    };
    let after = town.add(&after, MONDAY).unwrap();
    assert_eq!([&into, &after].map(|id| town.standing(id)), [Standing::Unapproved, Standing::Valid]);
    assert_eq!(town.tell(|windows, world| windows.approve(&into, &by("王处", MONDAY), now(MONDAY), world)), Ok(()));
    assert_eq!(town.standing(&into), Standing::Valid);
    town.contract.terms.maintenance.guards.value = InGuards::Refused;
    assert_eq!([&into, &after].map(|id| town.standing(id)), [Standing::Guarded, Standing::Valid]);
    assert_eq!(town.at_work(MONDAY + 9 * DAY + 13 * HOUR), [0; 0]);
    town.contract.terms.maintenance.guards.value = InGuards::Allowed;
    assert_eq!(town.standing(&into), Standing::Valid);
}
