//! Every point under watch and every link's state: samples in, link changes out.
//!
//! No clock, no I/O: the loop hands in blocks and the time, and carries out what comes back.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, atomic::Ordering},
};

use crate::{
    incident::Work,
    inventory::{LinkIndex, PointIndex},
    judge::{self, LinkState, PointChange, PointJudge, PointReading, PointVerdict, PointWatch, Unknown},
    patrol::{absences::Absences, load::Loaded},
    sample::{Block, Event, LocalFault, Outcome, Run, Sample},
    schedule::Plan,
    snapshot::CHUNK,
    units::{Mono, Now, Timestamp},
    window::{PointWindow, SLICE},
};

/// A tenth of the points is looked at for missing evidence in each step, and a hundredth has its window rolled.
const STEP_MILLIS: i64 = 100;
const STEPS: usize = (SLICE.as_millis() as i64 / STEP_MILLIS) as usize;

/// A new state of a link, and from when it holds: for an outage the send time of the first lost probe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    pub link: LinkIndex,
    pub state: LinkState,
    pub since: Timestamp,
}

/// All points and links of one plan.
pub struct Field {
    pub loaded: Arc<Loaded>,
    pub plan: Arc<Plan>,
    /// By point number: the links' points, then the witnesses.
    pub points: Vec<PointWatch>,
    /// By link number: state, and since when.
    pub states: Vec<LinkState>,
    pub since: Vec<Timestamp>,
    /// Link of each of the links' points.
    owners: Vec<LinkIndex>,
    /// Of a block from the plan before: number then, number now.
    renumbered: Vec<Option<PointIndex>>,
    /// Changes of this turn, and since when.
    touched: Vec<(LinkIndex, Mono)>,
    absences: Absences,
    /// Links under planned work, and states that its beginning or end has changed.
    work: BTreeMap<LinkIndex, Work>,
    worked: Vec<Change>,
    /// Since when every witness is silent.
    isolated: Option<Mono>,
    /// When the last isolation ended.
    reconnected: Mono,
    /// Probes that ended unanswered while no witness answered.
    doubted: u64,
    next_step: Mono,
    step: usize,
    /// Chunks of links that changed since they were last published.
    dirty: Vec<bool>,
}

impl Field {
    pub fn new(loaded: Arc<Loaded>, plan: Arc<Plan>, now: Now) -> Self {
        let mut points: Vec<PointWatch> = (0..plan.points.len()).map(|number| watch(number, now.mono)).collect();
        hold_jitter(&mut points, &loaded);
        let owners = owners(&loaded);
        let links = loaded.inventory.links.len();
        let dirty = vec![true; links.div_ceil(CHUNK)];
        let mut field = Self {
            absences: Absences::of(&loaded),
            loaded,
            plan,
            points,
            states: vec![LinkState::UNSEEN; links],
            since: vec![now.utc; links],
            owners,
            renumbered: vec![],
            touched: vec![],
            work: BTreeMap::new(),
            worked: vec![],
            isolated: None,
            reconnected: Mono(i64::MIN),
            doubted: 0,
            next_step: now.mono,
            step: 0,
            dirty,
        };
        field.touch_all(now.mono);
        field
    }

    /// Goes on under a new plan: kept points keep their windows and verdicts, kept links their states.
    pub fn replan(&mut self, loaded: Arc<Loaded>, plan: Arc<Plan>, now: Now) {
        let mut next = Self::new(loaded, plan, now);
        let mut old: Vec<_> = std::mem::take(&mut self.points).into_iter().map(Some).collect();
        next.renumbered = vec![None; old.len()];
        for (number, planned) in next.plan.points.iter().enumerate() {
            let Some(kept) = planned.kept else { continue };
            if let Some(watch) = old.get_mut(kept.at()).and_then(Option::take) {
                next.points[number] = watch;
                next.renumbered[kept.at()] = Some(PointIndex(number as u32));
            }
        }
        hold_jitter(&mut next.points, &next.loaded);
        for (number, kept) in kept_links(&self.loaded, &next.loaded) {
            next.states[number] = self.states[kept];
            next.since[number] = self.since[kept];
        }
        (next.isolated, next.reconnected, next.doubted) = (self.isolated, self.reconnected, self.doubted);
        *self = next;
    }

    /// Feeds one block. A sample of a point that is gone says nothing any more.
    pub fn take(&mut self, block: &Block) {
        let current = block.generation == self.plan.generation;
        for sample in &block.samples {
            let number = match current {
                true => Some(sample.point),
                false => self.renumbered.get(sample.point.at()).copied().flatten(),
            };
            let Some(number) = number.filter(|number| number.at() < self.points.len()) else { continue };
            let sample = if number.at() < self.owners.len() { self.in_doubt(*sample) } else { *sample };
            let measure = &self.plan.points[number.at()].measure;
            let change = self.points[number.at()].take(&sample, measure);
            if let Some(link) = self.owners.get(number.at()) {
                self.dirty[link.at() / CHUNK] = true;
            }
            if let Some(change) = change {
                self.note(number, change);
            }
        }
    }

    /// Feeds a quiet stretch of one point: the same as each of its answers by itself, with the point looked at between
    /// them.
    pub fn take_run(&mut self, number: PointIndex, run: &Run) {
        let change = self.points[number.at()].take_run(run, &self.plan.points[number.at()].measure);
        let Some(link) = self.owners.get(number.at()) else { return };
        self.dirty[link.at() / CHUNK] = true;
        match change {
            Some(change) => self.note(number, change),
            // Its windows are others, and may change the state.
            None => self.touched.push((*link, run.sent(run.count))),
        }
    }

    /// Looks for missing evidence of one point, and ends its slice when it is time.
    pub fn look_at(&mut self, number: PointIndex, now: Mono) {
        self.tick(number.at(), now);
        self.roll(number.at(), now);
    }

    /// Looks for missing evidence and rolls windows, a slice of the points at a time.
    pub fn look_around(&mut self, now: Mono) {
        while self.next_step <= now {
            // By its own time and not by ours: slices end ten seconds apart, however late a turn is taken.
            let due = self.next_step;
            self.next_step = Mono(due.0 + STEP_MILLIS);
            self.step = (self.step + 1) % STEPS;
            for number in (self.step % 10..self.points.len()).step_by(10) {
                self.tick(number, now);
            }
            for number in (self.step..self.points.len()).step_by(STEPS) {
                self.roll(number, due);
            }
        }
    }

    /// Takes over which links are under planned work now.
    pub fn set_work(&mut self, work: BTreeMap<LinkIndex, Work>, now: Now) {
        let before = std::mem::replace(&mut self.work, work);
        let begun: Vec<_> = self.work.iter().filter(|(link, _)| !before.contains_key(link)).collect();
        let begun: Vec<_> = begun.into_iter().map(|(link, work)| (*link, work.turn.from)).collect();
        let over: Vec<_> = before.iter().filter(|(link, _)| !self.work.contains_key(link)).collect();
        let over = over.into_iter().map(|(link, work)| (*link, work.turn.to.min(now.utc)));
        for (link, since) in over.chain(begun) {
            let since = Mono(now.mono.0.saturating_add(since.0.saturating_sub(now.utc.0)));
            let change = self.judge_link(link, since, now);
            self.worked.extend(change);
        }
    }

    /// The planned work that a link is under.
    pub fn work_on(&self, link: LinkIndex) -> Option<Work> {
        self.work.get(&link).copied()
    }

    /// Judges every link that was touched; says what changed: by planned work, then in ledger order.
    pub fn judge(&mut self, now: Now) -> Vec<Change> {
        self.watch_witnesses(now.mono);
        self.touched.extend(self.absences.pass(now.utc).into_iter().map(|link| (link, now.mono)));
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup_by_key(|(link, _)| *link);
        let mut changes = std::mem::take(&mut self.worked);
        changes.extend(touched.into_iter().filter_map(|(link, since)| self.judge_link(link, since, now)));
        changes
    }

    /// Since when every witness is silent; `None` also without witnesses.
    pub fn isolated(&self) -> Option<Mono> {
        self.isolated
    }

    /// The last process was isolated when it ended: so is this one, until a witness answers.
    pub fn stay_isolated(&mut self, since: Mono) {
        self.isolated = Some(since);
    }

    fn witnesses(&self) -> &[PointWatch] {
        &self.points[self.owners.len()..]
    }

    /// Probes that ended unanswered while no witness answered: unmeasured.
    pub fn doubted(&self) -> u64 {
        self.doubted
    }

    /// Whether somebody near us answers; `true` where no witness is configured.
    pub fn sees_a_witness(&self) -> bool {
        self.witnesses().is_empty() || self.witnesses_up().any(|up| up)
    }

    /// Whether each witness answers.
    pub fn witnesses_up(&self) -> impl Iterator<Item = bool> + '_ {
        self.witnesses().iter().map(|witness| witness.judge.verdict() == PointVerdict::Up)
    }

    /// Points of one link, in the link's order.
    pub fn points_of(&self, link: LinkIndex) -> &[PointWatch] {
        let link = &self.loaded.inventory.links[link.at()];
        &self.points[link.first_point.at()..][..link.points.len()]
    }

    /// The point whose figures are the link's; `None`: it cannot be measured.
    pub fn deciding(&self, index: LinkIndex) -> Option<&PointWatch> {
        let link = &self.loaded.inventory.links[index.at()];
        let place = judge::deciding_point(&link.points, self.loaded.contract.measuring_point(link.kind))?;
        self.points_of(index).get(place)
    }

    /// Something about the link changed that samples do not tell.
    pub fn mark(&mut self, link: LinkIndex) {
        self.dirty[link.at() / CHUNK] = true;
    }

    /// Chunks that changed since the last call.
    pub fn take_dirty(&mut self) -> Vec<bool> {
        let clean = vec![false; self.dirty.len()];
        std::mem::replace(&mut self.dirty, clean)
    }

    fn tick(&mut self, number: usize, now: Mono) {
        if let Some(change) = self.points[number].tick(now, &self.plan.points[number].measure) {
            self.note(PointIndex(number as u32), change);
        }
    }

    fn roll(&mut self, number: usize, now: Mono) {
        if !self.points[number].window.roll(now) {
            return;
        }
        if let Some(cell) = self.plan.p99_micros.get(number) {
            cell.store(self.points[number].window.p99_micros(), Ordering::Relaxed);
        }
        // Degraded comes from windows, so a new window may change the state.
        if let Some(link) = self.owners.get(number) {
            self.touched.push((*link, now));
        }
    }

    fn note(&mut self, number: PointIndex, change: PointChange) {
        let (PointChange::Verified { since }
        | PointChange::Down { since }
        | PointChange::Up { since }
        | PointChange::Unknown { since }) = change;
        if let Some(link) = self.owners.get(number.at()) {
            self.touched.push((*link, since));
        }
    }

    fn touch_all(&mut self, since: Mono) {
        self.touched.extend((0..self.states.len() as u32).map(|link| (LinkIndex(link), since)));
    }

    /// While no witness answers, silence may be ours: it is not held against a link.
    fn in_doubt(&mut self, sample: Sample) -> Sample {
        let doubtful = self.isolated.is_some() || sample.sent < self.reconnected;
        match sample.event {
            Event::Ended(Outcome::Failed(_)) if doubtful => {
                self.doubted += 1;
                Sample { event: Event::Ended(Outcome::Unmeasured(LocalFault::Isolated)), ..sample }
            }
            _ => sample,
        }
    }

    fn watch_witnesses(&mut self, now: Mono) {
        let first = self.owners.len();
        let outages: Option<Vec<Mono>> = self.points[first..]
            .iter()
            .zip(&self.plan.points[first..])
            .map(|(witness, planned)| {
                let outage = witness.judge.outage().filter(|_| witness.judge.verdict() == PointVerdict::Down)?;
                // It fell silent somewhere in the interval before its first lost probe.
                Some(Mono(outage.0 - planned.measure.interval.as_millis() as i64))
            })
            .collect();
        let isolated = outages.and_then(|outages| outages.into_iter().max());
        match (self.isolated, isolated) {
            (None, Some(since)) => {
                self.isolated = isolated;
                for number in 0..first {
                    if let Some(change) = self.points[number].doubt(since) {
                        self.note(PointIndex(number as u32), change);
                    }
                }
            }
            // A witness that this process has not heard yet proves nothing.
            (Some(_), None) if self.sees_a_witness() => (self.isolated, self.reconnected) = (None, now),
            _ => {}
        }
    }

    fn judge_link(&mut self, index: LinkIndex, since: Mono, now: Now) -> Option<Change> {
        let link = &self.loaded.inventory.links[index.at()];
        let contract = &self.loaded.contract;
        let readings: Vec<_> = self
            .points_of(index)
            .iter()
            .map(|watch| PointReading { verdict: watch.judge.verdict(), windows: watch.window.summaries() })
            .collect();
        let before = self.states[index.at()];
        let role = contract.measuring_point(link.kind);
        let outage = self.deciding(index).and_then(|point| point.judge.outage());
        let after = match judge::link_state(link, &readings, role, before, &contract.degraded) {
            LinkState::Suspended => LinkState::Suspended,
            _ if self.work.contains_key(&index) => LinkState::Maintenance,
            LinkState::Down | LinkState::Unknown(Unknown::NotMeasured)
                if outage.is_some() && self.absences.expects(index) =>
            {
                LinkState::Absent
            }
            measured => measured,
        };
        if after == before {
            return None;
        }
        // What failed under planned work is an outage from its end on.
        let fails = matches!(after, LinkState::Down | LinkState::Absent) && before != LinkState::Maintenance;
        let since = match outage.filter(|_| fails) {
            Some(outage) => self.absences.counts_from(index, now.utc_of(outage), now.utc),
            None => now.utc_of(since),
        };
        (self.states[index.at()], self.since[index.at()]) = (after, since);
        self.dirty[index.at() / CHUNK] = true;
        Some(Change { link: index, state: after, since })
    }
}

/// What differs from one answer to the next is held against what the contract allows.
fn hold_jitter(points: &mut [PointWatch], loaded: &Loaded) {
    let limit = loaded.contract.objectives.jitter.as_ref().map(|jitter| jitter.limit);
    points.iter_mut().for_each(|watch| watch.window.hold_jitter(limit));
}

/// Windows end at different times, so that the work is spread over the length of a slice.
fn watch(number: usize, now: Mono) -> PointWatch {
    let first_roll = Mono(now.0 + (number % STEPS) as i64 * STEP_MILLIS);
    PointWatch { window: PointWindow::new(first_roll), judge: PointJudge::new(now) }
}

/// Numbers of the links that both have: in `next`, and in `before`.
pub fn kept_links<'a>(before: &'a Loaded, next: &'a Loaded) -> impl Iterator<Item = (usize, usize)> + 'a {
    let numbers: HashMap<_, _> = before.inventory.links.iter().map(|link| &link.id).zip(0..).collect();
    let links = next.inventory.links.iter().enumerate();
    links.filter_map(move |(number, link)| Some((number, *numbers.get(&link.id)?)))
}

fn owners(loaded: &Loaded) -> Vec<LinkIndex> {
    let links = loaded.inventory.links.iter().enumerate();
    links.flat_map(|(number, link)| std::iter::repeat_n(LinkIndex(number as u32), link.points.len())).collect()
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Duration};

    use super::*;
    use crate::{
        config::{Config, Witness},
        diagnostic::Findings,
        inventory::{Inventory, Set},
        patrol::load,
        sample::{Failure, Purpose, Reply, Stamps},
        units::Rtt,
    };

    /// The shipped city with one witness, every point answered once at second 0.
    fn city() -> Field {
        city_where(|_| {})
    }

    fn city_where(change: impl FnOnce(&mut Inventory)) -> Field {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let witness = Witness { name: "gateway".into(), address: [198, 19, 255, 1].into() };
        let config = Config {
            inventory: root.join("inventories/xuchang"),
            probes: root.join("probes"),
            witnesses: vec![witness],
            ..Config::default()
        };
        let (loaded, findings) = load::load(config, Findings::default());
        let mut loaded = loaded.unwrap_or_else(|| panic!("{findings:?}"));
        change(Arc::get_mut(&mut loaded.inventory).unwrap());
        let plan = Arc::new(loaded.plan(None));
        let mut field = Field::new(Arc::new(loaded), plan, Now::default());
        for number in 0..field.points.len() {
            probe(&mut field, number, 0, true);
        }
        field.judge(Now::default());
        field
    }

    /// One scheduled probe of a point at this second; a lost one brings its three confirms.
    fn probe(field: &mut Field, number: usize, second: i64, answered: bool) {
        let reply = Reply { rtt: Rtt(Duration::from_millis(2)), hop_limit: 64, stamps: Stamps::Kernel };
        let outcome = if answered { Outcome::Answered(reply) } else { Outcome::Failed(Failure::Timeout(None)) };
        let sample = |purpose, after: i64| Sample {
            point: PointIndex(number as u32),
            purpose,
            sent: Mono(second * 1_000 + after),
            event: Event::Ended(outcome),
        };
        let mut samples = vec![sample(Purpose::Scheduled, 0)];
        if !answered {
            samples.extend([100, 200, 300].map(|after| sample(Purpose::Confirm, after)));
        }
        field.take(&Block { generation: field.plan.generation, at: Mono(second * 1_000 + 1_300), samples });
    }

    fn at(second: i64) -> Now {
        Now { mono: Mono(second * 1_000), utc: Timestamp(second * 1_000) }
    }

    /// Place of the point that decides link `number`.
    fn deciding(field: &Field, number: usize) -> usize {
        let link = &field.loaded.inventory.links[number];
        let role = field.loaded.contract.measuring_point(link.kind);
        link.first_point.at() + judge::deciding_point(&link.points, role).unwrap()
    }

    #[test]
    fn a_cut_link_is_down_from_its_first_lost_probe() {
        let mut field = city();
        let point = deciding(&field, 7);
        probe(&mut field, point, 5, false);
        let changes = field.judge(at(7));
        let expected = Change { link: LinkIndex(7), state: LinkState::Down, since: Timestamp(5_000) };
        assert_eq!(changes, [expected]);
    }

    #[test]
    fn silence_in_hours_of_expected_absence_is_no_outage_until_they_end() {
        // From 2 to 6 o'clock in Shanghai.
        let (begin, end) = (64_800, 79_200);
        let mut field = city_where(|inventory| {
            let place = inventory.links[7].place.clone();
            inventory.links[7].absence = Some(Set { value: "backup-hours".into(), place });
        });
        let point = deciding(&field, 7);
        let mut turn = |second: i64, answers: Option<bool>, judged: i64| {
            if let Some(answered) = answers {
                probe(&mut field, point, second, answered);
            }
            field.judge(at(judged)).into_iter().map(|change| (change.state, change.since.0 / 1_000)).collect::<Vec<_>>()
        };
        assert_eq!(turn(begin - 10, Some(false), begin - 8), [(LinkState::Down, begin - 10)], "it is early");
        assert_eq!(turn(0, None, begin + 1), [(LinkState::Absent, begin)]);
        let recovery: Vec<_> = (begin + 5..=begin + 10).flat_map(|second| turn(second, Some(true), second)).collect();
        assert_eq!(recovery, [(LinkState::Up, begin + 5)], "it answers, although it need not");
        assert_eq!(turn(begin + 20, Some(false), begin + 22), [(LinkState::Absent, begin + 20)]);
        assert_eq!(turn(0, None, end - 1), []);
        assert_eq!(turn(0, None, end + 1), [(LinkState::Down, end)], "and not from when it fell silent");
    }

    #[test]
    fn while_every_witness_is_silent_no_link_is_called_down() {
        let mut field = city();
        let (point, witness) = (deciding(&field, 7), field.points.len() - 1);
        probe(&mut field, witness, 4, false);
        probe(&mut field, point, 4, false);
        field.judge(at(6));
        assert_eq!(field.isolated(), Some(Mono(3_000)), "it fell silent after its last answer");
        assert_eq!(field.states[7], LinkState::Unknown(Unknown::NotMeasured), "its silence may be ours");
        probe(&mut field, point, 6, false);
        assert_eq!(field.judge(at(8)), []);

        (8..=13).for_each(|second| probe(&mut field, witness, second, true));
        field.judge(at(14));
        assert_eq!(field.isolated(), None);
        assert_eq!(field.states[7], LinkState::Unknown(Unknown::NotMeasured), "nobody has looked since");
        probe(&mut field, point, 13, false);
        assert_eq!(field.judge(at(15)), [], "this probe left before we were sure of ourselves");
        probe(&mut field, point, 15, false);
        let down = Change { link: LinkIndex(7), state: LinkState::Down, since: Timestamp(15_000) };
        assert_eq!(field.judge(at(17)), [down]);
    }

    #[test]
    fn a_slice_is_ten_seconds_long_however_late_the_turn_is_taken_that_ends_it() {
        let mut field = city();
        let (first, last) = (deciding(&field, 0), deciding(&field, 99));
        for step in 1..=600_i64 {
            if step % 10 == 0 {
                [first, last].into_iter().for_each(|point| probe(&mut field, point, step / 10, true));
            }
            field.look_around(Mono(step * 100 + [0, 1, 99, 2][step as usize % 4]));
            // The first slice of a point is longer.
            for point in [first, last].into_iter().filter(|_| step > 350) {
                let newest = field.points[point].window.summaries()[0].answered;
                assert!((9..=11).contains(&newest), "{newest} answers of ten seconds at step {step}");
            }
        }
    }

    #[test]
    fn samples_of_the_plan_before_reach_the_points_under_their_new_numbers() {
        let mut field = city();
        let (old, before) = (Arc::clone(&field.plan), Arc::clone(&field.loaded));
        let plan = Arc::new(before.plan(Some((&before, &old))));
        field.replan(Arc::clone(&before), plan, at(2));
        let counted = field.points[3].window.counts().answered;
        let late = Sample {
            point: PointIndex(3),
            purpose: Purpose::Scheduled,
            sent: Mono(1_500),
            event: Event::Ended(Outcome::Answered(Reply {
                rtt: Rtt(Duration::from_millis(2)),
                hop_limit: 64,
                stamps: Stamps::Kernel,
            })),
        };
        field.take(&Block { generation: old.generation, at: Mono(2_100), samples: vec![late] });
        assert_eq!(field.points[3].window.counts().answered, counted + 1);
    }
}
