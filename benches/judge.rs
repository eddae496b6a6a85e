//! `cargo bench --bench judge`: what the pure engine costs per sample, and the share of one core for 100 000 links.
//!
//! A sample goes through window and judge, as the loop feeds them; every tenth second of a point its slice ends and its
//! link is judged. Processor time of this thread, so that other work on the machine does not change what is measured.
//! Fails when a sample costs 200 ns or more.

use std::{process::ExitCode, sync::Arc, time::Duration};

use linkpatrol::{
    clock::thread_cpu,
    config::Config,
    demo::stage,
    inventory::{Link, LinkId, PointIndex},
    patrol::{field::Field, load::Loaded},
    sample::{Block, Event, Failure, Outcome, Purpose, Reply, Sample, Stamps},
    units::{Mono, Now, Rtt, Timestamp},
};

const MOST_NANOS: f64 = 200.0;
/// Answers lost: 0.05 %.
const ONE_IN: u64 = 2_000;

fn main() -> ExitCode {
    let shipped = measure("1631 links", &Arc::new(city(None)), 300);
    let large = measure("100 000 links", &Arc::new(city(Some(100_000))), 40);
    if shipped < MOST_NANOS && large < MOST_NANOS { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The shipped city, or its links over and over.
fn city(links: Option<usize>) -> Loaded {
    let mut loaded = stage::load(&Config::shipped(), None, None).unwrap_or_else(|findings| panic!("{findings:?}"));
    let Some(links) = links else { return loaded };
    let inventory = Arc::get_mut(&mut loaded.inventory).expect("nobody else has it");
    let shipped = inventory.links.clone();
    for number in shipped.len()..links {
        let like = &shipped[number % shipped.len()];
        let first_point = PointIndex(loaded.measures.len() as u32);
        loaded.measures.extend(
            (0..like.points.len())
                .map(|place| Arc::clone(&loaded.measures[like.first_point.at() + place]))
                .collect::<Vec<_>>(),
        );
        let id = LinkId::parse(&format!("X-{number}")).expect("a name");
        inventory.links.push(Link { id, first_point, ..like.clone() });
    }
    loaded
}

/// Nanoseconds per sample, of so many seconds at one probe a second of every point.
fn measure(what: &str, loaded: &Arc<Loaded>, seconds: i64) -> f64 {
    let plan = Arc::new(loaded.plan(None));
    let now = |millis: i64| Now { mono: Mono(millis), utc: Timestamp(1_795_190_400_000 + millis) };
    let mut field = Field::new(Arc::clone(loaded), Arc::clone(&plan), now(0));
    let (points, mut samples, mut changes, mut spent) = (plan.points.len(), 0_u64, 0, Duration::ZERO);
    for second in 0..seconds {
        let blocks: Vec<Block> = (0..20).map(|tick| block(second * 1_000 + tick * 50, tick, points)).collect();
        samples += blocks.iter().map(|block| block.samples.len() as u64).sum::<u64>();
        // What the loop does between two commits, without incidents: there are none.
        let began = thread_cpu();
        for block in &blocks {
            field.take(block);
            field.look_around(block.at);
            changes += field.judge(now(block.at.0)).len();
        }
        spent += thread_cpu() - began;
    }
    let each = spent.as_nanos() as f64 / samples as f64;
    let share = spent.as_secs_f64() / seconds as f64 * 100.0;
    println!(
        "{what}, {points} points at 1 probe/s: {each:.0} ns per sample, {share:.1} % of one core; {changes} changes"
    );
    each
}

/// The samples of one tick: a twentieth of the points.
fn block(at: i64, tick: i64, points: usize) -> Block {
    let sample = |point: usize| {
        let draw = (point as u64 ^ at.unsigned_abs()).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        let rtt = Rtt(Duration::from_micros(4_000 + draw % 1_500));
        let outcome = match draw.is_multiple_of(ONE_IN) {
            true => Outcome::Failed(Failure::Timeout(None)),
            false => Outcome::Answered(Reply { rtt, hop_limit: 60, stamps: Stamps::Kernel }),
        };
        let (sent, event) = (Mono(at), Event::Ended(outcome));
        Sample { point: PointIndex(point as u32), purpose: Purpose::Scheduled, sent, event }
    };
    Block { generation: 0, at: Mono(at + 50), samples: (tick as usize..points).step_by(20).map(sample).collect() }
}
