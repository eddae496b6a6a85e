//! Time that adds up, whatever happens to clocks, processes and minds: property tests over months in Asia/Shanghai.

#![expect(clippy::unwrap_used, reason = "a test may stop at what should not happen")]

use std::path::Path;

use chrono::{TimeZone, Utc};
use linkpatrol::{
    contract::Contract,
    diagnostic::Findings,
    incident::Spell,
    judge::{LinkState, Unknown},
    ledger::{
        Account, Accounting, Cell, ClosedMonth, Exclusion, Fact, Measured, Month, NotBooked, SixStates, Standard,
    },
    units::Timestamp,
};
use proptest::prelude::*;

const ZONE: chrono_tz::Tz = chrono_tz::Asia::Shanghai;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Two days before midnight of a border of months, where clocks show Shanghai.
fn before(year: i32, month: u32) -> Timestamp {
    let midnight = ZONE.with_ymd_and_hms(year, month, 1, 0, 0, 0).unwrap();
    Timestamp(midnight.with_timezone(&Utc).timestamp_millis() - 2 * DAY)
}

/// Leap day, no leap day, a century that has none, a year's end, and a month of 31 days after one of 30.
fn borders() -> impl Strategy<Value = Timestamp> {
    prop::sample::select(vec![(2028, 3), (2027, 3), (2100, 3), (2027, 1), (2026, 12)])
        .prop_map(|(year, month)| before(year, month))
}

/// What happens to a link, its process and its clock.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A new state, understood so much later than it began.
    State(LinkState, i64),
    /// The process is killed, and another begins so much later.
    Restart(i64),
    /// The wall clock jumps.
    Forward(i64),
    Back(i64),
    Quiet,
}

fn events() -> impl Strategy<Value = Vec<(i64, Event)>> {
    let state = prop::sample::select(vec![
        LinkState::Up,
        LinkState::Degraded,
        LinkState::Down,
        LinkState::Unknown(Unknown::NotMeasured),
        LinkState::Suspended,
        LinkState::Absent,
    ]);
    let event = prop_oneof![
        6 => (state, 0..30_000_i64).prop_map(|(state, late)| Event::State(state, late)),
        1 => (1_000..2 * HOUR).prop_map(Event::Restart),
        1 => (1_000..3 * HOUR).prop_map(Event::Forward),
        1 => (1_000..HOUR).prop_map(Event::Back),
        2 => Just(Event::Quiet),
    ];
    prop::collection::vec((1_000..3 * HOUR, event), 5..60)
}

fn facts() -> impl Strategy<Value = Vec<(i64, i64, Exclusion)>> {
    let reason = prop::sample::select(vec![Exclusion::PlannedWork, Exclusion::Drill, Exclusion::ForceMajeure]);
    prop::collection::vec((0..4 * DAY, 1..DAY, reason), 0..4)
}

/// One link's account as the loop keeps it.
struct Book {
    account: Account,
    closed: Vec<ClosedMonth>,
    now: i64,
}

impl Book {
    fn play(opened: Timestamp, events: &[(i64, Event)], mut early: impl FnMut(&mut Account)) -> Self {
        let mut book = Self { account: Account::open(opened, ZONE), closed: vec![], now: opened.0 };
        early(&mut book.account);
        for (wait, event) in events {
            // The loop lets time pass every minute.
            let until = book.now + wait;
            while book.now < until {
                book.now = (book.now + MINUTE).min(until);
                book.pass();
            }
            let now = Timestamp(book.now);
            match *event {
                Event::State(state, late) => book.account.book(state, Timestamp(book.now - late), now),
                Event::Restart(dead) => {
                    let stored = serde_json::to_string(&book.account).unwrap();
                    book.account = serde_json::from_str(&stored).unwrap();
                    book.now += dead;
                    book.account.skip(now, Timestamp(book.now));
                }
                Event::Forward(by) => {
                    book.now += by;
                    book.account.skip(now, Timestamp(book.now));
                }
                Event::Back(by) => book.now -= by,
                Event::Quiet => {}
            }
            book.pass();
        }
        book
    }

    fn pass(&mut self) {
        self.closed.extend(self.account.advance(Timestamp(self.now), ZONE));
    }
}

fn by_measured(cells: &[Cell]) -> [u64; 4] {
    [Measured::Up, Measured::Degraded, Measured::Down, Measured::Unknown]
        .map(|state| cells.iter().filter(|cell| cell.measured == state).map(|cell| cell.millis).sum())
}

/// What the shipped city promises.
fn standard() -> Standard {
    let mut findings = Findings::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/xuchang");
    Standard::of(&Contract::load(&folder, &mut findings).unwrap())
}

fn excluded(cells: &[Cell]) -> u64 {
    cells.iter().filter(|cell| cell.accounting != Accounting::Counted).map(|cell| cell.millis).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every millisecond once, and the six states, both axes and the bounds tell of the same time.
    #[test]
    fn every_month_adds_up(opened in borders(), events in events(), facts in facts()) {
        let mut book = Book::play(opened, &events, |_| ());
        for (from, length, reason) in facts {
            let from = Timestamp(opened.0 + from);
            let fact = Fact { from, to: Timestamp(from.0 + length), reason };
            let _ = book.account.exclude_fact(fact, Timestamp(book.now));
            for month in &mut book.closed {
                let before = (by_measured(&month.cells), excluded(&month.cells));
                let took = month.exclude_fact(fact).unwrap_or(0);
                prop_assert_eq!(before.0, by_measured(&month.cells), "what was measured stays");
                prop_assert_eq!(before.1 + took, excluded(&month.cells));
            }
        }
        let standard = standard();
        let down = |spells: Option<Vec<Spell>>| {
            spells.map(|spells| spells.iter().map(|spell| spell.to.since(spell.from).as_millis() as u64).sum::<u64>())
        };
        for month in &book.closed {
            prop_assert_eq!(down(month.spells(&standard)), Some(standard.sums(&month.cells, 0).down));
            prop_assert_eq!(month.accounted.elapsed(), month.accounted.period);
            prop_assert_eq!(SixStates::of(&month.cells).total(), month.accounted.period);
            let (low, high) = (month.accounted.unknown_as_down(), month.accounted.unknown_as_up());
            prop_assert!(low.0 <= high.0 && low.1 == high.1 && high.0 <= high.1);
        }
        let now = Timestamp(book.now);
        let running = book.account.accounted(now, ZONE);
        let counted = book.account.accounted_by(&standard, now, ZONE).down;
        prop_assert_eq!(down(book.account.spells(&standard, now)), Some(counted), "spells are the down-time");
        let cells = book.account.cells(now);
        if book.account.month() == Month::containing(now, ZONE) {
            prop_assert_eq!(SixStates::of(&cells).total(), running.elapsed());
            prop_assert_eq!(excluded(&cells), running.excluded);
        }
    }

    /// When people agree on an exclusion does not matter: told before, or after the month is over, it comes to the same.
    #[test]
    fn an_exclusion_told_late_is_one_told_in_time(opened in borders(), events in events(), facts in facts()) {
        let facts: Vec<Fact> = facts
            .into_iter()
            .map(|(from, length, reason)| {
                let from = Timestamp(opened.0 + from);
                Fact { from, to: Timestamp(from.0 + length), reason }
            })
            .collect();
        let early = Book::play(opened, &events, |account| {
            facts.iter().for_each(|fact| _ = account.exclude_fact(*fact, opened).unwrap());
        });
        let mut late = Book::play(opened, &events, |_| ());
        let now = Timestamp(late.now);
        for fact in &facts {
            let _ = late.account.exclude_fact(*fact, now);
            late.closed.iter_mut().for_each(|month| _ = month.exclude_fact(*fact));
        }
        prop_assert_eq!(early.closed.len(), late.closed.len());
        for (early, late) in early.closed.iter().zip(&late.closed) {
            prop_assert_eq!((&early.cells, early.accounted), (&late.cells, late.accounted));
        }
        prop_assert_eq!(early.account.cells(now), late.account.cells(now));
    }
}

#[test]
fn february_has_a_day_more_in_a_leap_year() {
    for (year, days) in [(2027, 28), (2028, 29), (2100, 28)] {
        let quiet: Vec<_> = (0..60).map(|_| (HOUR, Event::Quiet)).collect();
        let book = Book::play(before(year, 3), &quiet, |_| ());
        assert_eq!(book.closed[0].month.to_string(), format!("{year}-02"));
        assert_eq!(book.closed[0].accounted.period, days * DAY as u64);
        assert_eq!(book.closed[0].accounted.unknown, 2 * DAY as u64, "the two days that were ours");
    }
}

#[test]
fn an_exclusion_that_cannot_be_placed_to_the_millisecond_is_refused() {
    let opened = before(2027, 1);
    let mut account = Account::open(opened, ZONE);
    // A link that flaps for a day and a night: more stretches than are kept.
    for number in 0..5_000 {
        let at = Timestamp(opened.0 + number * 20_000);
        account.book(if number % 2 == 0 { LinkState::Up } else { LinkState::Down }, at, at);
        account.advance(at, ZONE);
    }
    let now = Timestamp(opened.0 + 5_000 * 20_000);
    let cells = account.cells(now);
    let fact = |from, to| Fact { from, to, reason: Exclusion::Ordered };
    assert_eq!(account.exclude_fact(fact(opened, now), now), Err(NotBooked::TooOld));
    assert_eq!(account.exclude_fact(fact(now, now), now), Err(NotBooked::Empty));
    assert_eq!(account.cells(now), cells, "nothing is half booked");
    let lately = Timestamp(now.0 - HOUR);
    assert_eq!(account.exclude_fact(fact(lately, now), now), Ok(HOUR as u64));
    assert_eq!(account.exclude_fact(fact(lately, now), now), Ok(0), "once");
}
