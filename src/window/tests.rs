use proptest::prelude::*;

use super::*;
use crate::{
    inventory::PointIndex,
    sample::{Failure, LocalFault, Stamps},
};

const LOST: Outcome = Outcome::Failed(Failure::Timeout(None));
const BLIND: Outcome = Outcome::Unmeasured(LocalFault::Overrun);

fn answer(micros: u64) -> Outcome {
    let rtt = Rtt(Duration::from_micros(micros));
    Outcome::Answered(Reply { rtt, hop_limit: 60, stamps: Stamps::Kernel })
}

fn ended(purpose: Purpose, sent: i64, outcome: Outcome) -> Sample {
    Sample { point: PointIndex(0), purpose, sent: Mono(sent), event: Event::Ended(outcome) }
}

/// A window fed with these outcomes, one a second, each loss settled as loss at once.
fn fed(outcomes: impl IntoIterator<Item = Outcome>) -> PointWindow {
    let mut window = PointWindow::new(Mono(10_000));
    for (sent, outcome) in (0..).step_by(1_000).zip(outcomes) {
        window.roll(Mono(sent));
        window.take(&ended(Purpose::Scheduled, sent, outcome));
        if outcome == LOST {
            window.settle(SettledLosses { loss: 1, downtime: 0 });
        }
    }
    window
}

#[test]
fn loss_is_exact_and_unmeasured_probes_are_no_loss() {
    let mut window = fed([answer(5_000), LOST, BLIND, answer(5_000), LOST, LOST]);
    window.roll(Mono(10_000));
    let counts = Counts { answered: 2, lost: 3, unmeasured: 1 };
    assert_eq!((window.counts(), window.summaries()[0].counts()), (counts, counts));
    assert_eq!(window.consecutive_losses(), 2);
    assert_eq!(window.last_probe(), Some(Mono(5_000)));
}

#[test]
fn quantiles_are_within_three_percent() {
    let mut window = fed((1..=60).map(|rank| answer(rank * 100)));
    window.roll(Mono(60_000));
    let minute = window.summaries()[ONE_MINUTE];
    let near = |told: u64, micros: u64| told.abs_diff(micros * 1_000) * 100 <= micros * 1_000 * 3;
    assert_eq!((minute.rtt_min, minute.rtt_max, minute.rtt_mean), (100_000, 6_000_000, 3_050_000));
    assert!(near(minute.rtt_p50, 3_000) && near(minute.rtt_p95, 5_700) && near(minute.rtt_p99, 6_000), "{minute:?}");
    assert!(near(u64::from(window.p99_micros()) * 1_000, 6_000));
}

#[test]
fn windows_forget_what_is_older_than_they_are() {
    let hour = 3_600;
    let mut window = fed(std::iter::repeat_n(LOST, 30).chain(std::iter::repeat_n(answer(1_000), 2 * hour)));
    window.roll(Mono(7_230_000));
    let lost = window.summaries().map(|summary| summary.lost);
    assert_eq!(lost, [0; 4]);
    let answered = window.summaries().map(|summary| summary.answered);
    assert_eq!(answered[..2], [10, 60]);
    assert!((300..360).contains(&answered[2]) && (3_600..3_900).contains(&answered[3]), "{answered:?}");
    assert_eq!(window.counts().lost, 30);
}

#[test]
fn the_long_windows_speak_from_the_tenth_second_on() {
    let mut window = fed(std::iter::repeat_n(answer(1_000), 10));
    assert!(window.roll(Mono(10_000)));
    assert_eq!(window.summaries().map(|summary| summary.answered), [10; 4]);
    assert!(!window.roll(Mono(19_999)));
}

#[test]
fn a_long_sleep_empties_every_window() {
    let mut window = fed(std::iter::repeat_n(answer(1_000), 100));
    window.roll(Mono(100_000_000));
    assert_eq!(window.summaries().map(|summary| summary.answered), [0; 4]);
    assert_eq!(window.counts().answered, 100);
}

#[test]
fn jitter_is_smoothed_and_pairs_break_at_a_lost_probe() {
    let mut window = fed([answer(1_000), answer(1_160), LOST, answer(3_000), answer(3_100)]);
    window.roll(Mono(10_000));
    assert_eq!(window.summaries()[0].ipdv_mean, 130_000, "160 and 100 µs; the 1840 µs across the loss is no pair");
    // RFC 3550: 160/16 = 10; 10 + (1840 - 10)/16 = 124.375; 124.375 + (100 - 124.375)/16 = 122.85 µs.
    let jitter = window.jitter().unwrap().nanos();
    assert!(jitter.abs_diff(122_851) < 3, "{jitter}");
    assert_eq!(window.pairs(), (2, 0), "held against nothing");
}

#[test]
fn pairs_that_differ_by_more_than_the_limit_are_counted() {
    let mut window = PointWindow::new(Mono(10_000));
    window.hold_jitter(Some(Rtt(Duration::from_micros(100))));
    for (sent, outcome) in [answer(1_000), answer(1_160), LOST, answer(3_000), answer(3_100)].into_iter().enumerate() {
        window.take(&ended(Purpose::Scheduled, sent as i64 * 1_000, outcome));
    }
    assert_eq!(window.pairs(), (2, 1), "160 µs is more, 100 µs is not, and there is no pair across a loss");
}

#[test]
fn confirm_probes_those_out_of_turn_late_and_further_answers_are_in_no_statistic() {
    let mut window = fed([answer(1_000)]);
    window.take(&ended(Purpose::Confirm, 100, LOST));
    window.take(&ended(Purpose::Confirm, 200, answer(9_000)));
    window.take(&ended(Purpose::Urgent, 300, LOST));
    window.take(&ended(Purpose::Urgent, 400, answer(9_000)));
    for event in [Event::Late(Rtt(Duration::from_secs(2))), Event::Duplicate] {
        window.take(&Sample { point: PointIndex(0), purpose: Purpose::Scheduled, sent: Mono(0), event });
    }
    window.roll(Mono(10_000));
    assert_eq!(window.summaries()[0].counts(), Counts { answered: 1, lost: 0, unmeasured: 0 });
    assert_eq!((window.confirms(), window.late(), window.duplicates()), (4, 1, 1));
    assert_eq!(window.last_rtt(), Some(Rtt(Duration::from_millis(1))));
}

#[test]
fn losses_of_an_outage_are_down_time_in_every_window() {
    let mut window = PointWindow::new(Mono(10_000));
    window.take(&ended(Purpose::Scheduled, 9_000, LOST));
    window.roll(Mono(10_000));
    assert_eq!(window.summaries()[0].counts().loss(), None, "not settled yet: neither loss nor down-time");
    window.settle(SettledLosses { loss: 0, downtime: 1 });
    window.roll(Mono(20_000));
    let summary = window.summaries()[0];
    assert_eq!((summary.lost, summary.lost_in_downtime, window.counts().lost), (0, 1, 1));
}

#[test]
fn the_histogram_is_cumulative_and_an_edge_belongs_below() {
    let window = fed([answer(50), answer(51), answer(50_000), answer(50_001), answer(700_000)]);
    assert_eq!(window.histogram(), [1, 2, 2, 2, 2, 2, 2, 2, 3, 4, 4, 5]);
    assert_eq!(window.rtt_sum_nanos(), 800_102_000);
}

/// RTTs within a fifth of 5 ms, 0.05 % lost: an hour and a half.
#[test]
fn a_point_fits_its_budget() {
    let mut seed = 7_u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    let window = fed((0..5_400).map(|_| if random() % 2_000 == 0 { LOST } else { answer(4_000 + random() % 2_000) }));
    assert!(window.bytes() <= 2_304, "{} bytes", window.bytes());
}

#[test]
fn a_wild_point_stays_within_the_stated_bound() {
    let window = fed((0..5_400_u64).map(|number| answer(1 + (number * 7_919_999) % 1_000_000)));
    assert!(window.bytes() <= 11 * 1024, "{} bytes", window.bytes());
}

proptest! {
    /// A probe counts once it has ended: what is lost was sent, in the counters and in every window.
    #[test]
    fn lost_never_exceeds_sent(story in proptest::collection::vec((0_u8..4, 1_u64..2_000_000), 0..400)) {
        let outcomes = story.iter().map(|(what, micros)| match what {
            0 => LOST,
            1 => BLIND,
            _ => answer(*micros),
        });
        let mut window = fed(outcomes);
        let counts = window.counts();
        prop_assert_eq!(counts.answered + counts.lost + counts.unmeasured, story.len() as u64);
        window.roll(Mono(story.len() as i64 * 1_000 + 10_000));
        for summary in window.summaries().iter() {
            prop_assert!(summary.counts().lost <= counts.lost && summary.counts().answered <= counts.answered);
            prop_assert!(summary.rtt_min <= summary.rtt_p50 && summary.rtt_p50 <= summary.rtt_p95);
            prop_assert!(summary.rtt_p95 <= summary.rtt_p99 && summary.rtt_p99 <= summary.rtt_max);
        }
    }
}

/// RTTs of a line lie within a fifth of each other, those of a loopback within two octaves.
#[test]
fn an_hour_of_a_point_takes_little_memory() {
    let mut seed = 7_u64;
    let mut chance = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f64 / f64::from(1 << 24)
    };
    let mut bytes_of = |micros: fn(f64) -> f64, minutes: usize| {
        let mut window = PointWindow::new(Mono(10_000));
        for sent in (0..minutes * 60_000).step_by(1_000).map(|sent| sent as i64) {
            let rtt = Rtt(Duration::from_nanos((micros(chance()) * 1_000.0) as u64));
            window.roll(Mono(sent));
            let answered = Outcome::Answered(Reply { rtt, hop_limit: 60, stamps: Stamps::Kernel });
            window.take(&ended(Purpose::Scheduled, sent, answered));
            if sent % 300_000 == 0 {
                // As rollups do.
                window.take_rtts();
            }
        }
        window.bytes()
    };
    let (line, loopback) = (|chance| 4_000.0 + 800.0 * chance, |chance: f64| 8.0 - 8.0 * (1.0 - chance).ln());
    let told = [bytes_of(line, 2), bytes_of(line, 65), bytes_of(loopback, 2), bytes_of(loopback, 65)];
    assert!(told.iter().zip([750, 1_300, 850, 1_900]).all(|(bytes, most)| *bytes <= most), "{told:?}");
}
