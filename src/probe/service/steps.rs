//! Several pages one after the other, with the cookies that they hand out, each timed by itself.
//!
//! Every step opens its own connection, as every check does, and asks once: what was refused is not asked again.

use std::time::Duration;

use super::{
    Checker, Progress, Stopped,
    http::{self, Cookies},
};
use crate::{
    clock::monotonic_nanos,
    profile::service::{Family, Kept, PageStep, Steps},
    sample::service::{Durations, Ending, Reason, StepSeen},
};

/// Bytes of a value that is kept for later steps.
const MOST_KEPT: usize = 4_096;

/// A step that has begun.
pub struct Under {
    name: String,
    began: u64,
    /// What the steps before it took.
    before: Durations,
}

/// Goes through the steps in their order, up to the first that fails.
pub async fn walk(checker: &Checker, family: Family, steps: &Steps, progress: &mut Progress) -> Stopped<()> {
    let (mut cookies, mut kept) = (Cookies::default(), Kept::new());
    for step in &steps.list {
        progress.begin_step(&step.name);
        let unusable = || progress.failed(Reason::BadRedirect, "what was kept makes no address");
        let asked = step.filled(&kept).ok_or_else(unusable)?;
        let body = http::walked(checker, family, &asked, &mut cookies, progress).await?;
        keep(step, &body, &mut kept).map_err(|text| progress.failed(Reason::BodyMismatch, text))?;
        progress.end_of_step(monotonic_nanos());
    }
    Ok(())
}

/// `Err`: what is not there, or not as it can be handed back.
fn keep(step: &PageStep, body: &[u8], kept: &mut Kept) -> Result<(), String> {
    for (name, pattern) in &step.keep {
        let found = pattern.captures(body).ok_or_else(|| format!("nothing to keep as {name} matches {pattern}"))?;
        let value = found.get(1).or_else(|| found.get(0)).map_or(&[][..], |group| group.as_bytes());
        let plain = value.len() <= MOST_KEPT && value.iter().all(|byte| (0x20..0x7f).contains(byte));
        let value = std::str::from_utf8(value).ok().filter(|_| plain);
        let value = value.ok_or_else(|| format!("{name} is more than {MOST_KEPT} bytes of visible ASCII"))?;
        kept.insert(name.clone(), value.to_owned());
    }
    Ok(())
}

impl Progress {
    fn begin_step(&mut self, name: &str) {
        // What the step before was answered is not what this one is.
        (self.report.http, self.report.tls) = (None, None);
        let (began, before) = (monotonic_nanos(), self.report.durations);
        self.leave(began);
        self.step = Some(Under { name: name.to_owned(), began, before });
    }

    /// Notes the step under way, if any, and by its name how it ended the whole check.
    pub(super) fn end_of_step(&mut self, now: u64) {
        self.leave(now);
        let Some(Under { name, began, before }) = self.step.take() else { return };
        let passed = match &mut self.report.ending {
            Ending::Passed => Some(true),
            Ending::Failed(fault) => {
                *fault = fault.clone().of_step(&name);
                Some(false)
            }
            Ending::Unmeasured(_) => None,
        };
        self.report.steps.push(StepSeen {
            name,
            passed,
            status: self.report.http.as_ref().map_or(0, |http| http.status),
            took: Duration::from_nanos(now.saturating_sub(began)),
            durations: self.report.durations.since(&before),
        });
    }
}
