//! The accounts played without sockets: sends, answers and time are arguments.

use std::{net::Ipv4Addr, sync::atomic::AtomicU32, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    probe::icmp::class::Mode,
    profile::{Confirm, Measure},
    sample::{Explanation, Stamps},
    schedule::{Limits, PlannedPoint},
};

const MS: u64 = 1_000_000;

fn at(millis: u64) -> Tick {
    Tick { now: 1_000 * MS + millis * MS, mono: Mono(millis as i64), offset: 0 }
}

fn plan(points: u32, limits: Limits) -> Plan {
    let point = |seed: u32| PlannedPoint {
        address: Some(Ipv4Addr::from(0xc612_0000 + seed).into()),
        expected: true,
        measure: Arc::new(Measure::default()),
        carrier: 0,
        phase_seed: u64::from(seed),
        kept: None,
    };
    Plan {
        generation: 1,
        points: (0..points).map(point).collect(),
        limits,
        p99_micros: (0..points).map(|_| AtomicU32::new(0)).collect(),
    }
}

/// Books that are played without sockets.
struct Play {
    books: Books,
    governor: Governor,
    counters: Arc<Counters>,
}

impl Play {
    fn with(points: u32, limits: Limits) -> Self {
        let counters = Arc::new(Counters::default());
        let mut books = Books::new(Roster::new(Mode::Auto), counters.clone(), None);
        books.adopt(Arc::new(plan(points, limits)));
        books.lanes[0].identifier = 7;
        Self { books, governor: Governor::new(limits, 1, points as usize, Duration::from_millis(20)), counters }
    }

    fn new(points: u32) -> Self {
        Self::with(points, Limits::default())
    }

    /// Sends a probe and returns its number.
    fn send(&mut self, point: u32, purpose: Purpose, millis: u64) -> Option<u32> {
        self.leave(Request { point: PointIndex(point), purpose, due: at(millis).now }, millis)
    }

    fn leave(&mut self, request: Request, millis: u64) -> Option<u32> {
        self.governor.open(at(millis).now);
        match self.books.attempt(request, &self.governor, &at(millis)) {
            Attempt::Send(number) => {
                self.books.leaving(&[number], &at(millis));
                self.books.sent(&[number]);
                Some(number)
            }
            Attempt::Done | Attempt::Full => None,
        }
    }

    fn echo(&self, number: u32) -> (Echo, IpAddr) {
        let flight = self.books.flight(number).unwrap();
        let echo = Echo { identifier: 7, sequence: number as u16, mark: self.books.mark(flight), size: 56 };
        (echo, flight.address)
    }

    fn answer(&mut self, echo: &Echo, source: IpAddr, millis: u64) -> Result<(), Reject> {
        let received = Moment { steady: at(millis).now, offset: 0, kernel: None };
        self.books.reply(0, source, echo, 64, &received, &at(millis))
    }

    fn expire(&mut self, millis: u64) {
        self.books.expire(&at(millis), |_| false);
    }

    /// Confirm probes that leave up to `millis`.
    fn confirm(&mut self, millis: u64) -> usize {
        let mut left = 0;
        while let Some(errand) = self.books.errands.next(at(millis).now) {
            match errand {
                Errand::Confirm { point, trigger, .. } => {
                    if self.books.roster.points[point.at()].chain.send(trigger) {
                        self.send(point.0, Purpose::Confirm, millis);
                        left += 1;
                    }
                }
                Errand::Look(number) => self.books.look(number, &at(millis)),
                Errand::PutOff(request) => {
                    self.leave(request, millis);
                }
            }
        }
        left
    }

    fn told(&mut self) -> Vec<Event> {
        self.books.samples.drain(..).map(|sample| sample.event).collect()
    }
}

const LOST: Event = Event::Ended(Outcome::Failed(Failure::Timeout(None)));

fn unmeasured(fault: LocalFault) -> Event {
    Event::Ended(Outcome::Unmeasured(fault))
}

#[test]
fn an_answer_ends_a_probe_and_a_second_one_is_a_duplicate() {
    let mut play = Play::new(1);
    let number = play.send(0, Purpose::Scheduled, 0).unwrap();
    let (echo, source) = play.echo(number);
    assert_eq!(play.answer(&echo, source, 20), Ok(()));
    assert_eq!(play.answer(&echo, source, 21), Ok(()));
    play.expire(5_000);
    let reply = Reply { rtt: crate::units::Rtt(Duration::from_millis(20)), hop_limit: 64, stamps: Stamps::User };
    assert_eq!(play.told(), [Event::Ended(Outcome::Answered(reply)), Event::Duplicate]);
}

#[test]
fn a_late_answer_leaves_the_loss_standing() {
    let mut play = Play::new(1);
    let number = play.send(0, Purpose::Scheduled, 0).unwrap();
    let (echo, source) = play.echo(number);
    play.expire(999);
    assert_eq!(play.told(), []);
    play.expire(1_000);
    assert_eq!(play.answer(&echo, source, 1_200), Ok(()));
    assert_eq!(play.told(), [LOST, Event::Late(crate::units::Rtt(Duration::from_millis(1_200)))]);
    assert_eq!(play.answer(&echo, source, 1_300), Ok(()));
    assert_eq!(play.told(), [Event::Duplicate]);
}

#[test]
fn what_only_looks_like_an_answer_ends_nothing() {
    let mut play = Play::new(2);
    let number = play.send(0, Purpose::Scheduled, 0).unwrap();
    let (echo, source) = play.echo(number);
    let forged = Echo { mark: Mark { nonce: echo.mark.nonce ^ 1, ..echo.mark }, ..echo };
    assert_eq!(play.answer(&forged, source, 1), Err(Reject::BadPayload));
    let forged = Echo { mark: Mark { tag: 1, ..echo.mark }, ..echo };
    assert_eq!(play.answer(&forged, source, 1), Err(Reject::BadPayload));
    let other = Ipv4Addr::from(0xc612_0001).into();
    assert_eq!(play.answer(&echo, other, 1), Err(Reject::WrongSource));
    assert_eq!(play.answer(&Echo { size: 40, ..echo }, source, 1), Err(Reject::Truncated));
    assert_eq!(play.told(), []);
}

#[test]
fn an_answer_from_beyond_memory_is_counted_and_nothing_else() {
    let mut play = Play::with(1, Limits { per_target: 10_000, ..Limits::default() });
    let first = play.send(0, Purpose::Scheduled, 0).unwrap();
    let (echo, source) = play.echo(first);
    play.expire(1_000);
    for round in 1..=5 {
        for _ in 0..1_000 {
            play.send(0, Purpose::Scheduled, round * 1_000).unwrap();
        }
        play.expire(round * 1_000 + 1_000);
    }
    play.told();
    assert_eq!(play.answer(&echo, source, 9_000), Err(Reject::UnknownProbe));
    assert_eq!(play.told(), []);
}

#[test]
fn an_error_explains_a_time_out_and_ends_nothing() {
    let mut play = Play::new(1);
    let number = play.send(0, Purpose::Scheduled, 0).unwrap();
    let destination = play.echo(number).1;
    let explanation = Explanation::Unreachable(1);
    let quote = Quote { explanation, source: None, destination, identifier: 7, sequence: number as u16 };
    assert_eq!(play.books.explain(0, &quote, None), Ok(()));
    assert_eq!(play.books.explain(0, &Quote { identifier: 8, ..quote }, None), Err(Reject::Foreign));
    assert_eq!(play.told(), []);
    play.expire(1_000);
    assert_eq!(play.told(), [Event::Ended(Outcome::Failed(Failure::Timeout(Some(explanation))))]);
}

#[test]
fn what_was_in_flight_when_the_kernel_dropped_packets_is_unmeasured_unless_answered() {
    let mut play = Play::new(3);
    let [first, second] = [0, 1].map(|point| play.send(point, Purpose::Scheduled, 0).unwrap());
    play.books.lanes[0].blind = Some((at(20).now, LocalFault::ReceiveOverflow));
    play.send(2, Purpose::Scheduled, 40);
    let (echo, source) = play.echo(second);
    play.answer(&echo, source, 50).unwrap();
    assert_ne!(first, second);
    play.told();
    play.expire(2_000);
    assert_eq!(play.told(), [unmeasured(LocalFault::ReceiveOverflow), LOST]);
}

#[test]
fn a_silent_next_hop_is_our_own_fault() {
    let mut play = Play::new(1);
    play.send(0, Purpose::Scheduled, 0);
    play.books.expire(&at(1_000), |_| true);
    assert_eq!(play.told(), [unmeasured(LocalFault::NextHopSilent)]);
}

#[test]
fn a_cut_is_confirmed_by_three_probes_100_ms_apart() {
    let mut play = Play::new(1);
    play.send(0, Purpose::Scheduled, 0);
    let mut left = vec![];
    for millis in (20..=1_300).step_by(20) {
        play.expire(millis);
        left.extend((0..play.confirm(millis)).map(|_| millis));
    }
    assert_eq!(left, [100, 200, 300]);
    assert_eq!(play.told(), [LOST; 4]);
    play.send(0, Purpose::Scheduled, 1_400);
    play.expire(2_400);
    assert_eq!(play.confirm(3_000), 0, "known to be down");
}

#[test]
fn a_slow_point_is_given_three_times_its_99th_percentile() {
    let mut play = Play::new(1);
    play.books.roster.plan.p99_micros[0].store(80_000, std::sync::atomic::Ordering::Relaxed);
    let number = play.send(0, Purpose::Scheduled, 0).unwrap();
    play.expire(230);
    assert_eq!(play.confirm(230), 0);
    play.expire(240);
    assert_eq!(play.confirm(240), 1);
    let (echo, source) = play.echo(number);
    play.answer(&echo, source, 250).unwrap();
    assert_eq!(play.confirm(1_000), 0, "called off");
}

#[test]
fn what_a_limit_holds_back_is_late_or_unmeasured_but_never_forgotten() {
    let mut play = Play::with(2, Limits { per_target: 2, ..Limits::default() });
    for _ in 0..6 {
        play.send(0, Purpose::Scheduled, 0);
    }
    assert_eq!(play.told(), [], "two left, four put off by half a second");
    for millis in [500, 1_000] {
        play.confirm(millis);
        play.expire(millis);
    }
    let told = play.told();
    assert_eq!(told.iter().filter(|&&event| event == unmeasured(LocalFault::RateLimited)).count(), 3, "{told:?}");
}

#[test]
fn points_above_a_limit_share_what_it_leaves() {
    let mut play = Play::with(8, Limits { per_carrier: 5, ..Limits::default() });
    let mut sent = [0; 8];
    for millis in (0..120_000).step_by(10) {
        // Each has its turn once a second, at a moment of its own.
        let (turn, own) = (millis / 10 % 100 / 12, millis / 10 % 100 % 12 == 0);
        let has_turn = own && turn < 8 && !play.books.roster.leaves_out(PointIndex(turn as u32));
        let scheduled = has_turn.then(|| Request {
            point: PointIndex(turn as u32),
            purpose: Purpose::Scheduled,
            due: at(millis).now,
        });
        let put_off: Vec<_> = std::iter::from_fn(|| play.books.errands.next(at(millis).now)).collect();
        let requests = put_off.into_iter().filter_map(|errand| match errand {
            Errand::PutOff(request) => Some(request),
            _ => None,
        });
        for request in requests.chain(scheduled) {
            if let Some(number) = play.leave(request, millis) {
                sent[request.point.at()] += 1;
                let (echo, source) = play.echo(number);
                play.answer(&echo, source, millis).unwrap();
            }
        }
        play.expire(millis);
    }
    let all: usize = sent.iter().sum();
    assert!((500..=610).contains(&all), "five a second: {sent:?}");
    assert!(sent.iter().all(|sent| (45..=110).contains(sent)), "75 each: {sent:?}");
}

#[test]
fn a_reload_keeps_what_is_in_flight_to_kept_points() {
    let mut play = Play::new(3);
    let numbers: Vec<_> = (0..3).map(|point| play.send(point, Purpose::Scheduled, 0).unwrap()).collect();
    let kept = play.echo(numbers[2]);
    let dropped = play.echo(numbers[0]);
    let mut next = plan(3, Limits::default());
    next.points.remove(0);
    next.points[0].kept = Some(PointIndex(1));
    next.points[1].kept = Some(PointIndex(2));
    play.books.adopt(Arc::new(next));
    play.answer(&kept.0, kept.1, 20).unwrap();
    play.answer(&dropped.0, dropped.1, 20).unwrap();
    play.expire(5_000);
    let told: Vec<_> = play.books.samples.iter().map(|sample| (sample.point.0, sample.event == LOST)).collect();
    assert_eq!(told, [(1, false), (0, true)]);
}

proptest! {
    #[test]
    fn every_probe_ends_exactly_once(story in prop::collection::vec((0_u8..6, 0_u32..8, 1_u64..400), 1..300)) {
        let mut play = Play::with(8, Limits { per_target: 1_000, ..Limits::default() });
        let (mut now, mut numbers, mut launched) = (0, vec![], 0);
        for (action, which, wait) in story {
            now += wait;
            play.expire(now);
            match action {
                0..=2 => {
                    launched += 1;
                    numbers.extend(play.send(which, Purpose::Scheduled, now));
                }
                3 if !numbers.is_empty() => {
                    let number = numbers[which as usize % numbers.len()];
                    let (echo, source) = play.echo(number);
                    play.answer(&echo, source, now).unwrap();
                }
                4 => play.books.lanes[0].blind = Some((at(now).now, LocalFault::ReceiveOverflow)),
                5 => launched += play.confirm(now),
                _ => {}
            }
        }
        play.expire(now + 10_000);
        let told = play.told();
        let ended = told.iter().filter(|event| matches!(event, Event::Ended(_))).count();
        prop_assert_eq!(ended, launched);
        let status = play.counters.status();
        prop_assert_eq!(status.stamps[2] as usize, told.iter().filter(|event| matches!(event, Event::Ended(Outcome::Answered(_)))).count());
    }
}

/// Whoever asks out of turn is served within the limits, and a point that is gone is nobody.
#[test]
fn points_in_a_hurry_are_probed_once_more() {
    let mut play = Play::new(3);
    play.books.hurry(&[PointIndex(1), PointIndex(2), PointIndex(9)], &at(500));
    play.confirm(500);
    assert!(play.books.errands.next(at(600).now).is_none());
    play.expire(2_000);
    let points: Vec<_> = play.books.samples.iter().map(|sample| (sample.point.0, sample.purpose)).collect();
    assert_eq!(points, [(1, Purpose::Urgent), (2, Purpose::Urgent)]);
}

#[test]
fn no_confirm_probes_when_the_profile_wants_none() {
    let mut play = Play::new(1);
    let mut next = plan(1, Limits::default());
    let confirm = Confirm { probes: 0, ..Measure::default().confirm };
    next.points[0].measure = Arc::new(Measure { confirm, ..Measure::default() });
    play.books.adopt(Arc::new(next));
    play.send(0, Purpose::Scheduled, 0);
    play.expire(1_000);
    assert_eq!(play.confirm(2_000), 0);
}
