//! One measuring point under watch: its window and its judge, fed alike.

use super::{PointChange, PointJudge};
use crate::{
    profile::Measure,
    sample::{Run, Sample},
    units::Mono,
    window::PointWindow,
};

/// Window and judge of one point. What the judge settles, the window books.
#[derive(Clone, Debug)]
pub struct PointWatch {
    pub window: PointWindow,
    pub judge: PointJudge,
}

impl PointWatch {
    /// Takes one event of one probe.
    pub fn take(&mut self, sample: &Sample, measure: &Measure) -> Option<PointChange> {
        self.window.take(sample);
        let change = self.judge.take(sample, measure);
        self.book();
        change
    }

    /// Takes a quiet stretch: the same as each of its answers, with the window rolled at the send time of each.
    pub fn take_run(&mut self, run: &Run, measure: &Measure) -> Option<PointChange> {
        self.window.take_run(run);
        let change = self.judge.take_run(run, measure);
        self.book();
        change
    }

    /// Looks for missing evidence.
    pub fn tick(&mut self, now: Mono, measure: &Measure) -> Option<PointChange> {
        let change = self.judge.tick(now, measure);
        self.book();
        change
    }

    /// Our witnesses are silent since then: see [`PointJudge::doubt`].
    pub fn doubt(&mut self, since: Mono) -> Option<PointChange> {
        let change = self.judge.doubt(since);
        self.book();
        change
    }

    fn book(&mut self) {
        if let Some(losses) = self.judge.settled_losses() {
            self.window.settle(losses);
        }
    }
}
