//! Stories of one point. Times are in milliseconds; a probe a second, time-out a second, three confirms.

use proptest::prelude::*;

use super::*;
use crate::{
    inventory::PointIndex,
    sample::{Failure, LocalFault, Reply, Stamps},
    units::Rtt,
};

/// A point at the defaults, and everything its judge said.
struct Line {
    judge: PointJudge,
    measure: Measure,
    said: Vec<PointChange>,
}

const LOST: Outcome = Outcome::Failed(Failure::Timeout(None));
const BLIND: Outcome = Outcome::Unmeasured(LocalFault::ReceiveOverflow);

fn answer() -> Outcome {
    let rtt = Rtt(Duration::from_millis(5));
    Outcome::Answered(Reply { rtt, hop_limit: 60, stamps: Stamps::Kernel })
}

fn since(millis: i64) -> Mono {
    Mono(millis)
}

impl Line {
    fn new() -> Self {
        Self { judge: PointJudge::new(Mono(0)), measure: Measure::default(), said: vec![] }
    }

    /// A line that has answered once a second up to `millis`, and what it said so far forgotten.
    fn up_until(millis: i64) -> Self {
        let mut line = Self::new();
        line.each((0..=millis).step_by(1_000), answer());
        line.said.clear();
        line
    }

    fn probe(&mut self, purpose: Purpose, sent: i64, outcome: Outcome) -> &mut Self {
        let sample = Sample { point: PointIndex(0), purpose, sent: Mono(sent), event: Event::Ended(outcome) };
        self.said.extend(self.judge.take(&sample, &self.measure));
        self
    }

    fn scheduled(&mut self, sent: i64, outcome: Outcome) -> &mut Self {
        self.probe(Purpose::Scheduled, sent, outcome)
    }

    fn each(&mut self, sent: impl Iterator<Item = i64>, outcome: Outcome) -> &mut Self {
        for sent in sent {
            self.scheduled(sent, outcome);
        }
        self
    }

    /// The confirm train of the scheduled probe sent at `scheduled`.
    fn confirms(&mut self, scheduled: i64, outcomes: [Outcome; 3]) -> &mut Self {
        for (sent, outcome) in (scheduled + 100..).step_by(100).zip(outcomes) {
            self.probe(Purpose::Confirm, sent, outcome);
        }
        self
    }

    fn tick(&mut self, at: i64) -> &mut Self {
        self.said.extend(self.judge.tick(Mono(at), &self.measure));
        self
    }

    fn cut(&mut self, sent: i64) -> &mut Self {
        self.scheduled(sent, LOST).confirms(sent, [LOST; 3])
    }
}

#[test]
fn probes_out_of_turn_decide_the_state_and_are_booked_nowhere() {
    let mut line = Line::up_until(10_000);
    let before = line.judge.tally();
    line.probe(Purpose::Urgent, 10_200, answer());
    line.probe(Purpose::Urgent, 10_400, LOST).probe(Purpose::Confirm, 10_500, answer());
    assert_eq!((line.said.len(), line.judge.verdict()), (0, PointVerdict::Up), "one lost packet is no outage");
    line.probe(Purpose::Urgent, 10_600, LOST).confirms(10_600, [LOST; 3]);
    assert_eq!(line.said, [PointChange::Down { since: since(10_600) }], "four losses are, whoever asked for the first");
    assert_eq!((line.judge.tally(), line.judge.pending()), (before, 0));
    assert_eq!(line.judge.settled_losses(), None);
    for sent in (11_000..20_000).step_by(100) {
        line.probe(Purpose::Urgent, sent, answer());
    }
    assert_eq!(line.judge.verdict(), PointVerdict::Down, "its recovery is proved by its own turns");
    line.scheduled(20_000, LOST);
    assert_eq!(line.judge.tally().down.lost, before.down.lost + 1);
}

#[test]
fn an_answer_out_of_turn_ends_not_knowing() {
    let mut line = Line::up_until(10_000);
    line.tick(20_000);
    assert_eq!(line.judge.verdict(), PointVerdict::Unknown { was_down: false });
    line.said.clear();
    let before = line.judge.tally();
    line.probe(Purpose::Urgent, 20_500, answer());
    assert_eq!(
        (line.said.as_slice(), line.judge.tally()),
        ([PointChange::Up { since: since(20_500) }].as_slice(), before)
    );
}

#[test]
fn a_line_that_never_answered_is_not_down() {
    let mut line = Line::new();
    line.cut(0).cut(1_000).cut(2_000).tick(60_000);
    assert_eq!(line.said, []);
    assert_eq!(line.judge.verdict(), PointVerdict::NeverVerified);
    assert_eq!(line.judge.tally(), Tally { unverified: 3, ..Tally::default() });
}

#[test]
fn the_first_answer_verifies() {
    let mut line = Line::new();
    line.cut(0).scheduled(1_000, answer());
    assert_eq!(line.said, [PointChange::Verified { since: since(1_000) }]);
}

#[test]
fn an_outage_is_dated_from_the_send_time_of_its_first_lost_probe() {
    let mut line = Line::up_until(9_000);
    line.cut(10_000).cut(11_000);
    assert_eq!(line.said, [PointChange::Down { since: since(10_000) }]);
}

#[test]
fn three_losses_are_not_four() {
    let mut line = Line::up_until(9_000);
    line.scheduled(10_000, LOST).confirms(10_000, [LOST, LOST, answer()]).scheduled(11_000, answer());
    assert_eq!(line.said, []);
    assert_eq!(line.judge.tally().up, Counts { answered: 11, lost: 1, unmeasured: 0 });
}

#[test]
fn an_unmeasured_confirm_probe_voids_its_train() {
    let mut line = Line::up_until(9_000);
    line.scheduled(10_000, LOST).confirms(10_000, [LOST, BLIND, LOST]);
    assert_eq!(line.said, []);
    line.cut(11_000);
    assert_eq!(line.said, [PointChange::Down { since: since(10_000) }], "the next whole train proves it");
}

#[test]
fn four_scheduled_losses_prove_what_no_train_could() {
    let mut line = Line::up_until(9_000);
    for sent in [10_000, 11_000, 12_000] {
        line.scheduled(sent, LOST).confirms(sent, [BLIND; 3]);
    }
    assert_eq!(line.said, []);
    line.scheduled(13_000, LOST);
    assert_eq!(line.said, [PointChange::Down { since: since(10_000) }]);
}

#[test]
fn an_unmeasured_probe_drops_the_suspicion() {
    let mut line = Line::up_until(9_000);
    line.scheduled(10_000, LOST).scheduled(11_000, BLIND).confirms(10_000, [LOST; 3]);
    assert_eq!(line.said, []);
    assert_eq!(line.judge.tally().up.lost, 1, "one lost probe, and no outage");
}

#[test]
fn a_late_reply_undoes_nothing() {
    let mut line = Line::up_until(9_000);
    line.cut(10_000);
    let event = Event::Late(Rtt(Duration::from_millis(1_200)));
    let late = Sample { point: PointIndex(0), purpose: Purpose::Scheduled, sent: Mono(10_000), event };
    assert_eq!(line.judge.take(&late, &line.measure), None);
    assert_eq!(line.judge.verdict(), PointVerdict::Down);
}

#[test]
fn a_lost_probe_older_than_an_answer_is_one_lost_packet() {
    let mut line = Line::up_until(9_000);
    line.probe(Purpose::Confirm, 10_100, answer()).scheduled(10_000, LOST).confirms(10_100, [LOST; 3]);
    assert_eq!(line.said, []);
    assert_eq!(line.judge.tally().up.lost, 1);
}

#[test]
fn recovery_takes_five_answers_over_five_seconds_and_is_dated_from_the_first() {
    let mut line = Line::up_until(9_000);
    line.cut(10_000).each((11_000..20_000).step_by(1_000), LOST).each((20_000..=24_000).step_by(1_000), answer());
    assert_eq!(line.said, [PointChange::Down { since: since(10_000) }], "five answers, but over four seconds");
    line.scheduled(25_000, answer());
    assert_eq!(line.said[1..], [PointChange::Up { since: since(20_000) }]);
    let tally = Tally {
        up: Counts { answered: 16, ..Counts::default() },
        down: Counts { lost: 10, ..Counts::default() },
        unverified: 0,
    };
    assert_eq!(line.judge.tally(), tally, "no lost probe of the outage counts as loss");
}

#[test]
fn a_recovery_that_fails_was_down_time() {
    let mut line = Line::up_until(9_000);
    line.cut(10_000).scheduled(11_000, answer()).scheduled(12_000, LOST);
    assert_eq!(line.judge.tally().down, Counts { answered: 1, lost: 2, unmeasured: 0 });
    assert_eq!(line.judge.outage(), Some(since(10_000)));
}

#[test]
fn silence_of_our_own_makes_a_point_unknown_from_its_first_missing_probe() {
    let mut line = Line::up_until(9_000);
    line.each((10_000..14_000).step_by(1_000), BLIND).tick(13_005);
    assert_eq!(line.said, [], "three intervals and a time-out are not over");
    line.tick(13_006);
    assert_eq!(line.said, [PointChange::Unknown { since: since(10_000) }]);
    line.scheduled(15_000, answer());
    assert_eq!(line.said[1..], [PointChange::Up { since: since(15_000) }]);
}

#[test]
fn an_outage_goes_through_unmeasured_time_with_its_start() {
    let mut line = Line::up_until(9_000);
    line.cut(10_000).each((11_000..30_000).step_by(1_000), BLIND).tick(30_000);
    assert_eq!(line.said[1..], [PointChange::Unknown { since: since(11_000) }]);
    assert_eq!(line.judge.verdict(), PointVerdict::Unknown { was_down: true });
    line.scheduled(31_000, answer());
    assert_eq!(line.judge.verdict(), PointVerdict::Unknown { was_down: true }, "one answer is no proof of recovery");
    line.cut(32_000);
    assert_eq!(line.said[2..], [PointChange::Down { since: since(32_000) }]);
}

#[test]
fn a_restart_keeps_the_start_of_an_outage_and_calls_the_gap_unknown() {
    let mut line = Line::up_until(9_000);
    line.cut(10_000);
    let before = Now { mono: Mono(20_000), utc: Timestamp(1_000_020_000) };
    let stored = line.judge.store(before);
    assert_eq!(stored, StoredPoint::Down { since: Timestamp(1_000_010_000) });

    let after = Now { mono: Mono(0), utc: Timestamp(1_000_120_000) };
    line.judge = PointJudge::restore(stored, after);
    line.said.clear();
    assert_eq!(line.judge.verdict(), PointVerdict::Unknown { was_down: true });
    assert_eq!(line.judge.store(after), stored);
    line.cut(1_000);
    assert_eq!(line.said, [PointChange::Down { since: since(1_000) }], "down again from the first new evidence");
}

#[test]
fn a_restart_of_a_good_line_needs_one_answer() {
    let after = Now { mono: Mono(0), utc: Timestamp(1_000_120_000) };
    let mut line = Line::new();
    line.judge = PointJudge::restore(StoredPoint::Up, after);
    line.scheduled(1_000, answer());
    assert_eq!(line.said, [PointChange::Up { since: since(1_000) }]);
}

#[test]
fn a_loss_of_sight_takes_back_what_it_looked_like() {
    let mut line = Line::up_until(9_000);
    line.cut(10_000);
    assert_eq!(line.judge.doubt(since(9_500)), Some(PointChange::Unknown { since: since(9_500) }));
    assert_eq!(line.judge.verdict(), PointVerdict::Unknown { was_down: false });
    line.scheduled(60_000, answer());
    assert_eq!(line.said[1..], [PointChange::Up { since: since(60_000) }]);

    let mut line = Line::up_until(9_000);
    line.cut(10_000);
    line.judge.doubt(since(30_000));
    assert_eq!(line.judge.outage(), Some(since(10_000)), "an outage that began before stays");
}

fn outcomes() -> impl Strategy<Value = Vec<(u8, bool)>> {
    proptest::collection::vec((0_u8..4, any::<bool>()), 1..200)
}

proptest! {
    /// Whatever happens, each probe is booked once, and losses settled are losses counted.
    #[test]
    fn every_probe_is_booked_once(story in outcomes()) {
        let mut line = Line::new();
        let (mut sent, mut raw, mut settled) = (0, Counts::default(), SettledLosses::default());
        for (what, confirmed) in story {
            sent += 1_000;
            match what {
                0 => { raw.answered += 1; line.scheduled(sent, answer()); }
                1 => { raw.unmeasured += 1; line.scheduled(sent, BLIND); }
                2 => { line.tick(sent); }
                _ => {
                    raw.lost += 1;
                    line.scheduled(sent, LOST);
                    line.confirms(sent, if confirmed { [LOST; 3] } else { [LOST, answer(), LOST] });
                }
            }
            if let Some(losses) = line.judge.settled_losses() {
                settled.loss += losses.loss;
                settled.downtime += losses.downtime;
            }
            let Tally { up, down, unverified } = line.judge.tally();
            let booked = up.answered + down.answered + up.lost + down.lost + unverified;
            prop_assert_eq!(booked + u64::from(line.judge.pending()), raw.answered + raw.lost);
            prop_assert_eq!(up.unmeasured + down.unmeasured, raw.unmeasured);
            prop_assert_eq!((u64::from(settled.loss), u64::from(settled.downtime)), (up.lost, down.lost));
        }
    }

    /// A run of answers, wherever it begins, leaves what as many single answers leave.
    #[test]
    fn a_run_is_as_many_singles(story in outcomes(), count in 0_u64..20, step in 1_u64..3) {
        let mut line = Line::new();
        let mut sent = 0;
        for (what, confirmed) in story {
            sent += 1_000;
            match what {
                0 => { line.scheduled(sent, answer()); }
                1 => { line.scheduled(sent, BLIND); }
                2 => { line.tick(sent + 4_000); }
                _ => { line.scheduled(sent, LOST).confirms(sent, if confirmed { [LOST; 3] } else { [LOST, BLIND, LOST] }); }
            }
        }
        let Outcome::Answered(reply) = answer() else { unreachable!() };
        let run = Run { first: Mono(sent + 1_000), interval: Duration::from_secs(step), count, reply };
        let mut by_run = line.judge.clone();
        let change = by_run.take_run(&run, &line.measure);
        line.said.clear();
        line.each((0..count).map(|number| run.sent(number).0), answer());
        prop_assert_eq!(format!("{by_run:?}"), format!("{:?}", line.judge));
        prop_assert_eq!(change, line.said.last().copied());
    }

    /// Changes alternate and never go back in time.
    #[test]
    fn an_outage_never_begins_before_the_last_recovery(story in outcomes()) {
        let mut line = Line::new();
        for (sent, (what, confirmed)) in (1_000..).step_by(1_000).zip(story) {
            match what {
                0 => { line.scheduled(sent, answer()); }
                1 => { line.scheduled(sent, BLIND).tick(sent); }
                _ if confirmed => { line.cut(sent); }
                _ => { line.scheduled(sent, LOST); }
            }
        }
        let dates: Vec<_> = line.said.iter().map(|change| match *change {
            PointChange::Verified { since } | PointChange::Down { since } | PointChange::Up { since } | PointChange::Unknown { since } => since,
        }).collect();
        prop_assert!(dates.is_sorted(), "{:?}", line.said);
        let repeats = line.said.windows(2).any(|pair| std::mem::discriminant(&pair[0]) == std::mem::discriminant(&pair[1]));
        prop_assert!(!repeats, "{:?}", line.said);
    }
}

#[test]
fn a_busy_control_plane_needs_more_than_four_losses_in_a_row_and_a_cut_behind_it_is_still_found() {
    let mut line = Line::up_until(600_000);
    for sent in (601_000..1_200_000).step_by(3_000) {
        line.scheduled(sent, LOST).confirms(sent, [answer(), LOST, answer()]);
        line.each([sent + 1_000, sent + 2_000].into_iter(), answer());
    }
    line.scheduled(1_201_000, LOST).confirms(1_201_000, [LOST; 3]).scheduled(1_202_000, answer());
    assert_eq!(line.said, [], "four in a row are nothing new here");

    line.scheduled(1_203_000, LOST).confirms(1_203_000, [LOST; 3]).each((1_204_000..1_213_000).step_by(1_000), LOST);
    assert_eq!(line.said, [], "ten in a row could still be chance");
    line.each((1_213_000..1_216_000).step_by(1_000), LOST);
    assert_eq!(line.said, [PointChange::Down { since: since(1_203_000) }]);
}

/// Printed with `--nocapture`: a day of one point that loses at random, each confirm probe as well.
#[test]
fn a_point_that_loses_at_random_is_not_called_down() {
    use rand::{Rng, SeedableRng, rngs::SmallRng};
    let mut random = SmallRng::seed_from_u64(11);
    for percent in [5, 10, 33] {
        let mut line = Line::up_until(0);
        for sent in (1_000..86_400_000).step_by(1_000) {
            let mut outcome = || if random.random_ratio(percent, 100) { LOST } else { answer() };
            match outcome() {
                LOST => line.scheduled(sent, LOST).confirms(sent, [outcome(), outcome(), outcome()]),
                answered => line.scheduled(sent, answered),
            };
        }
        println!("{percent} % lost at random for a day: {:?}", line.said);
        assert_eq!(line.said, []);
    }
}
