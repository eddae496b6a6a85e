//! What really happened to the links, written by the city itself: `truth.jsonl`, one line per beginning and end of a cut.
//!
//! ```json
//! {"event":"cut","at":1790000005000,"boot_ms":5012,"cut":3,"fault":"cut","scope":"segment","id":"duct-017","links":["LL-0001"]}
//! {"event":"mend","at":1790000013000,"boot_ms":13012,"cut":3}
//! {"event":"service_fault","at":1790000006000,"boot_ms":6012,"number":7,"what":"refuse","id":"portal","reason":"connection_refused","services":["portal"]}
//! {"event":"service_mend","at":1790000014000,"boot_ms":14012,"number":7}
//! {"event":"end","at":1790000050000,"boot_ms":50012}
//! ```
//!
//! `at` is UTC in milliseconds, `boot_ms` the same moment on CLOCK_BOOTTIME from the start of the process. An isolation
//! cuts the one "link" `@vantage`. The product never sees this file; `tests/score.py` holds `verdicts.jsonl` against it.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Write},
    path::Path,
    time::Duration,
};

use serde::Serialize;

use super::{cast::Happening, story::Fault};
use crate::{
    inventory::Inventory,
    units::{Now, Timestamp},
};

/// Stands for our own way into the city, which an isolation cuts.
pub const VANTAGE: &str = "@vantage";

/// Begins or ends one cut.
#[derive(Debug, Clone)]
pub struct Turn {
    pub at: Duration,
    /// Number of the cut, in order of beginning. A flap is several.
    pub cut: usize,
    pub begins: bool,
    /// Number of its happening in the world.
    pub happening: usize,
}

/// All turns of a story, in order of time; what ends comes before what begins then.
pub fn turns(happenings: &[Happening]) -> Vec<Turn> {
    let spans = |(number, happening): (usize, &Happening)| {
        happening.cuts().into_iter().map(move |(from, until)| (from, until, number)).collect::<Vec<_>>()
    };
    let mut cuts: Vec<_> = happenings.iter().enumerate().flat_map(spans).collect();
    cuts.sort_unstable();
    let both = |(cut, (from, until, happening)): (usize, (Duration, Duration, usize))| {
        [(from, true), (until, false)].map(|(at, begins)| Turn { at, cut, begins, happening })
    };
    let mut turns: Vec<_> = cuts.into_iter().enumerate().flat_map(both).collect();
    turns.sort_by_key(|turn| (turn.at, turn.begins));
    turns
}

/// What a happening cuts, by the names that the score uses.
pub fn names(happening: &Happening, inventory: &Inventory) -> Vec<String> {
    match happening.fault {
        Fault::Isolate => vec![VANTAGE.into()],
        _ => happening.links.iter().map(|link| inventory.links[link.at()].id.to_string()).collect(),
    }
}

/// The open file, and what is still to come.
pub struct Truth {
    file: File,
    ahead: VecDeque<(Duration, Line)>,
}

impl Truth {
    pub fn create(path: &Path, happenings: &[Happening], inventory: &Inventory) -> io::Result<Self> {
        let line = |turn: Turn| {
            let what = turn.begins.then(|| What::of(&happenings[turn.happening], inventory));
            let event = if turn.begins { "cut" } else { "mend" };
            (turn.at, Line { event, at: Timestamp(0), boot_ms: 0, cut: Some(turn.cut), what })
        };
        File::create(path)?;
        Ok(Self { file: append(path)?, ahead: turns(happenings).into_iter().map(line).collect() })
    }

    /// When the next line is due.
    pub fn next(&self) -> Option<Duration> {
        self.ahead.front().map(|(at, _)| *at)
    }

    /// Writes what has happened until the city's moment `passed`, which both clocks call `now`.
    pub fn write(&mut self, passed: Duration, now: Now) -> io::Result<()> {
        while self.next().is_some_and(|at| at <= passed) {
            let Some((at, line)) = self.ahead.pop_front() else { break };
            let ago = i64::try_from((passed - at).as_millis()).unwrap_or(i64::MAX);
            self.put(&Line { at: Timestamp(now.utc.0 - ago), boot_ms: now.mono.0 - ago, ..line })?;
        }
        Ok(())
    }

    fn put(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        self.file.write_all(text.as_bytes())
    }
}

/// Writes that the run is over: what happens later does not count. The city may go on until it is stopped.
pub fn end(path: &Path, now: Now) -> io::Result<()> {
    let mut truth = Truth { file: append(path)?, ahead: VecDeque::new() };
    truth.put(&Line { event: "end", at: now.utc, boot_ms: now.mono.0, cut: None, what: None })
}

/// Adds a line of somebody else's.
pub fn add(path: &Path, line: &serde_json::Value) -> io::Result<()> {
    append(path)?.write_all(format!("{line}\n").as_bytes())
}

/// Lines of two writers do not overwrite each other.
fn append(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

/// One line of the file.
#[derive(Debug, Clone, Serialize)]
struct Line {
    event: &'static str,
    at: Timestamp,
    boot_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<usize>,
    #[serde(flatten)]
    what: Option<What>,
}

/// What begins.
#[derive(Debug, Clone, Serialize)]
struct What {
    fault: &'static str,
    scope: &'static str,
    id: String,
    links: Vec<String>,
}

impl What {
    fn of(happening: &Happening, inventory: &Inventory) -> Self {
        let Happening { fault, scope, id, .. } = happening;
        Self { fault: fault.name(), scope, id: id.clone(), links: names(happening, inventory) }
    }
}
