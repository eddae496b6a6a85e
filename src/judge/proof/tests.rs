use super::*;

const LIMIT: Limit = Limit::AtMost(Ppm(1_000));
const CONFIDENCE: Ppm = Ppm(999_900);
const ALARM: Ppm = Ppm(100);
/// One probe a second, thirty days.
const HOUR: u64 = 3_600;
const HOURS: usize = 720;
const MONTHS: usize = 10_000;

#[test]
fn the_chances_are_those_of_the_tables() {
    for (a, x, expected) in [
        (1.0, 1.0, 0.632_120_558_8),
        (0.5, 2.0, 0.954_499_736_1),
        (10.0, 5.0, 0.031_828_057_3),
        (100.0, 110.0, 0.841_722_202_6),
        (2_600.0, 2_592.0, 0.440_2),
    ] {
        assert!((gamma(a, x) - expected).abs() < 1e-4, "{a} {x}: {}", gamma(a, x));
    }
    // Garwood's interval for ten events, 97.5 % each side.
    let mut blocks = Blocks::default();
    (0..10_000).for_each(|hour| blocks.add(u64::from(hour % 1_000 == 0), 100));
    let proof = blocks.prove(LIMIT, Ppm(975_000));
    assert_eq!((proof.bad, proof.all, proof.low, proof.high), (10, 1_000_000, Ppm(4), Ppm(19)));
}

#[test]
fn a_day_without_a_loss_proves_the_promise_and_an_hour_proves_nothing() {
    let mut blocks = Blocks::default();
    blocks.add(0, HOUR);
    assert_eq!(blocks.prove(LIMIT, CONFIDENCE).standing, Standing::NotProvable);
    (1..24).for_each(|_| blocks.add(0, HOUR));
    assert_eq!(blocks.prove(LIMIT, CONFIDENCE).standing, Standing::Met);
    assert_eq!(Blocks::default().prove(LIMIT, CONFIDENCE).standing, Standing::NotProvable);
}

#[test]
fn losses_in_bursts_are_worth_fewer_probes() {
    let (mut even, mut bursts) = (Blocks::default(), Blocks::default());
    for hour in 0..720 {
        even.add(7, HOUR);
        bursts.add(if hour % 90 == 0 { 630 } else { 0 }, HOUR);
    }
    let (even, bursts) = (even.prove(LIMIT, CONFIDENCE), bursts.prove(LIMIT, CONFIDENCE));
    assert_eq!((even.bad, even.all), (bursts.bad, bursts.all));
    assert_eq!((even.standing, bursts.standing), (Standing::Breached, Standing::NotProvable));
    assert!(bursts.effective * 100 < even.effective && bursts.low < even.low && bursts.high > even.high);
}

#[test]
fn at_the_limit_its_strictness_decides() {
    let month = |limit| {
        let mut blocks = Blocks::default();
        (0..720).for_each(|_| blocks.add(0, HOUR));
        blocks.prove(limit, CONFIDENCE).standing
    };
    assert_eq!((month(Limit::AtMost(Ppm(0))), month(Limit::Below(Ppm(0)))), (Standing::Met, Standing::Breached));
}

/// How a line loses packets.
#[derive(Clone, Copy)]
enum Loss {
    Independent,
    /// Gilbert-Elliott: bursts of this mean length in which everything is lost, and nothing between them.
    Bursts(f64),
}

/// SplitMix64: seven million hours a case need a generator that is quick without an optimiser.
struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Draws how much is lost in an hour.
struct Line {
    loss: Loss,
    /// Chances of at most 0, 1, 2 … losses (or bursts) an hour.
    table: Vec<f64>,
    /// By 64th of a chance: where to begin in the table.
    guide: Vec<usize>,
}

impl Line {
    fn new(loss: Loss, share: f64) -> Self {
        let mean = HOUR as f64 * share / if let Loss::Bursts(length) = loss { length } else { 1.0 };
        let (mut chance, mut sum, mut table) = ((-mean).exp(), 0.0, vec![]);
        for count in 1.. {
            sum += chance;
            table.push(sum);
            chance *= mean / f64::from(count);
            if chance < 1e-15 && f64::from(count) > mean {
                break;
            }
        }
        let guide = (0..64).map(|part| table.partition_point(|chance| *chance <= f64::from(part) / 64.0)).collect();
        Self { loss, table, guide }
    }

    fn hour(&self, random: &mut Random) -> u64 {
        let drawn = random.next();
        let mut events = self.guide[(drawn * 64.0) as usize];
        while events < self.table.len() && self.table[events] <= drawn {
            events += 1;
        }
        let events = events as u64;
        match self.loss {
            Loss::Independent => events,
            Loss::Bursts(length) => {
                let stay = (1.0 - 1.0 / length).ln();
                let burst = |random: &mut Random| 1 + ((1.0 - random.next()).ln() / stay) as u64;
                (0..events).map(|_| burst(random)).sum::<u64>().min(HOUR)
            }
        }
    }
}

/// Link-months by what was said of them.
#[derive(Default)]
struct Said {
    months: usize,
    met: usize,
    breached: usize,
    alarmed: usize,
    /// Sum of the hours until the alarm.
    hours: usize,
}

fn play(loss: Loss, share: f64, months: usize) -> Said {
    let line = Line::new(loss, share);
    let mut random = Random((share * 1e7) as u64);
    let mut said = Said::default();
    for _ in 0..months {
        let (mut blocks, mut watch, mut alarmed) = (Blocks::default(), Watch::default(), None);
        for hour in 0..HOURS {
            let bad = line.hour(&mut random);
            blocks.add(bad, HOUR);
            if alarmed.is_none() && watch.bet(bad, HOUR, LIMIT, ALARM) {
                alarmed = Some(hour + 1);
            }
        }
        match blocks.standing(LIMIT, 1e-4) {
            Standing::Met => said.met += 1,
            Standing::Breached => said.breached += 1,
            Standing::NotProvable => {}
        }
        said.alarmed += usize::from(alarmed.is_some());
        said.hours += alarmed.unwrap_or(0);
    }
    said
}

#[test]
fn ten_thousand_link_months_at_half_of_the_limit_at_it_and_above() {
    println!("link-months of one probe a second; limit 0.1 %, confidence 99.99 %, alarm 0.01 % a month");
    println!("loss           share  months      met  breached  not provable   alarmed  after, hours");
    let cases = [
        ("independent", Loss::Independent),
        ("bursts of 20", Loss::Bursts(20.0)),
        ("bursts of 200", Loss::Bursts(200.0)),
    ];
    for (name, loss) in cases {
        let [half, limit, double, five] = [0.000_5, 0.001, 0.002, 0.005].map(|share| {
            // Errors are rare, so that finding them takes many months; what is found in every month does not.
            let is_rare = share < 0.0015 && !matches!(loss, Loss::Bursts(length) if length > 100.0);
            let months = if is_rare { MONTHS } else { MONTHS / 20 };
            let said = play(loss, share, months);
            let percent = |count: usize| format!("{:.2} %", count as f64 * 100.0 / months as f64);
            let hours = said.hours.checked_div(said.alarmed).map_or("-".to_owned(), |hours| hours.to_string());
            println!(
                "{name:<14}{:>6}{months:>8}{:>9}{:>10}{:>14}{:>10}{hours:>14}",
                format!("{:.2} %", share * 100.0),
                percent(said.met),
                percent(said.breached),
                percent(months - said.met - said.breached),
                percent(said.alarmed)
            );
            Said { months, ..said }
        });
        // Ten thousand months at an error of 0.01 % each: one is expected, more than six come once in ten thousand tests.
        for (what, false_ones) in [
            ("breached at half of the limit", half.breached),
            ("breached at the limit", limit.breached),
            ("alarmed at half of the limit", half.alarmed),
            ("alarmed at the limit", limit.alarmed),
        ] {
            assert!(false_ones <= 6, "{name}: {false_ones} {what}");
        }
        let share = |count: usize, said: &Said| count as f64 / said.months as f64;
        match loss {
            Loss::Independent => {
                assert!(half.met == half.months && double.breached == double.months && double.alarmed == double.months);
            }
            Loss::Bursts(length) if length < 100.0 => {
                assert!(share(half.met, &half) > 0.7 && share(double.breached, &double) > 0.99);
                assert!(share(double.alarmed, &double) > 0.98 && five.alarmed == five.months);
            }
            Loss::Bursts(_) => assert!(share(five.breached, &five) > 0.98 && share(five.alarmed, &five) > 0.98),
        }
    }
}
