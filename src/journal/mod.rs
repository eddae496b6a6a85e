//! What was taken in and what came of it, in a form that others can hold us to.
//!
//! In: inputs of the loop as [`Record`]s. Out: [`Entry`]s in a hash chain, [`Seal`]s over its head, and a [`Replay`] that
//! rebuilds the same incidents from the inputs alone. Pure: files and tables belong to `store`.
//!
//! ```text
//!   start ─▶ verdicts ─▶ step {input, effects, hash of each incident it changed} ─▶ … ─▶ stop
//!     └ every entry holds: SHA-256 over its number, the hash before it, time, kind and payload
//! ```
//!
//! docs/journal.md describes the form for those who check it without this program.

mod audit;
mod chain;
mod people;
mod replay;
mod seal;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::{
    audit::{Audit, Fault},
    chain::{Digest, Head, Link, digest_of},
    people::{Private, Pseudonyms, anonymous, is_person, said_in, without_names, without_texts},
    replay::{Contents, Difference, Replay, Replayed},
    seal::{Purpose, Seal, SigningKey},
};
use crate::{
    command::{Command, Reply},
    incident::{DeskRecord, Effect, EffectKind, Input, Window},
    inventory::LinkId,
    judge::LinkState,
    units::{Now, Timestamp},
};

/// One entry on its way into the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub at: Timestamp,
    /// Kind of [`Record`], such as `step`.
    pub kind: String,
    /// JSON. Kept to the byte as it was written.
    pub payload: String,
}

/// Bytes that entries refer to by their hash: files that people wrote, and incidents that a start found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub hash: Digest,
    pub bytes: Vec<u8>,
}

impl Content {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { hash: digest_of(&bytes), bytes }
    }
}

/// Whose name, or what text, an opaque id of the journal stands for. Kept beside the chain, where it can be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub id: String,
    pub name: String,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub enum Record {
    Start(Start),
    /// New files are in force.
    Reload {
        now: Now,
        world: Digest,
    },
    /// Links whose state changed. The step that takes them in follows, in the same turn.
    Verdicts {
        now: Now,
        links: Vec<Verdict>,
    },
    Step(Step),
    Command(Commanded),
    /// Two people took time out of the objective.
    Exclude {
        now: Now,
        /// Names in it are opaque ids.
        command: Command,
        reply: Reply,
        /// By link: milliseconds that it took.
        took: BTreeMap<LinkId, u64>,
    },
    /// The wall clock jumped from one reading to the other.
    ClockStep {
        now: Now,
        from: Timestamp,
        to: Timestamp,
    },
    /// The process ended in order.
    Stop {
        now: Now,
    },
    /// So many entries did not fit in memory while the disk refused.
    Gap {
        lost: u64,
    },
    /// Something happened of which no incident follows, such as a rule's alarm.
    Note {
        now: Now,
        event: String,
        /// Id of what it is about; empty when it is about this process.
        subject: String,
        detail: Value,
    },
    /// A day's anchor was due at `due` and could not be made then.
    AnchorMissed {
        now: Now,
        day: String,
    },
    /// A person's name was erased beside the chain.
    Forgotten {
        at: Timestamp,
        person: String,
        /// As in [`Outcome`], of the incidents in whose texts it stood.
        texts: BTreeMap<String, Digest>,
    },
    /// A kind that this version does not know.
    #[serde(skip)]
    Unknown,
}

/// A process began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    pub now: Now,
    /// Of the program.
    pub version: String,
    /// Of the ids of incidents.
    pub seed: u64,
    /// Closed incidents stay in the list this long, milliseconds.
    pub leave_after: u64,
    /// Hash of a [`World`].
    pub world: Digest,
    /// Hash of the stored incidents that it went on with.
    pub incidents: Digest,
    /// Hash of the planned work that was known.
    #[serde(default)]
    pub windows: Option<Digest>,
    /// Hash of what lay on the desk.
    #[serde(default)]
    pub desk: Option<Digest>,
    /// The last sign of life before: from then to now nobody looked.
    pub alive: Option<Timestamp>,
    /// Incidents and records are hashed without what people wrote in them, which stands beside the chain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub texts_apart: bool,
    /// Planned work that changed is hashed too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub windows_held: bool,
}

/// Files in force, and the links that were taken from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// Folder of the inventory, as it stands in the paths of `files`.
    pub folder: String,
    pub files: Vec<WorldFile>,
    /// In ledger order. A demo takes some of the links only.
    pub links: Vec<LinkId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorldFile {
    /// Absolute.
    pub path: String,
    pub hash: Digest,
}

/// A new state of a link and the evidence so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub link: LinkId,
    #[serde(flatten)]
    pub state: LinkState,
    pub since: Timestamp,
    /// Scheduled probes of the deciding point since the process started; zero without such a point.
    pub answered: u64,
    pub lost: u64,
    pub unmeasured: u64,
}

/// The incidents took something in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub now: Now,
    /// As [`taken_in`] writes it.
    pub input: Value,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A person asked for something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Commanded {
    pub now: Now,
    /// Names and free texts in it are opaque ids.
    pub command: Command,
    pub reply: Reply,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of an input.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub effects: Vec<Told>,
    /// Hash of each incident that changed, as it is after all the effects, names being opaque ids.
    pub incidents: BTreeMap<String, Digest>,
    /// Of those in which people wrote something: hash of the form with ids in the place of what they wrote. A replay takes
    /// it as it is, for it knows ids alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<String, Digest>,
    /// Hash of each record of the desk that changed, in the same form.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub desk: BTreeMap<String, Digest>,
    /// The same of planned work.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub windows: BTreeMap<String, Digest>,
}

/// Equal effects in a row: a thousand links that come back in one turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    pub incident: String,
    pub effect: EffectKind,
    pub times: u32,
}

impl Outcome {
    /// `incident` gives an incident's stored form, names being opaque ids, and the hash of what people wrote in it;
    /// `None`: it left the list.
    pub fn of(effects: &[Effect], mut incident: impl FnMut(&str) -> Option<(Value, Option<Digest>)>) -> Self {
        let mut outcome = Self::default();
        for Effect { incident: id, kind } in effects {
            match outcome.effects.last_mut() {
                Some(last) if last.incident == *id && last.effect == *kind => last.times += 1,
                _ => outcome.effects.push(Told { incident: id.clone(), effect: kind.clone(), times: 1 }),
            }
        }
        for Effect { incident: id, .. } in effects {
            // One that left may live on as part of another, which answers to its id.
            if !outcome.incidents.contains_key(id)
                && let Some((record, texts)) = incident(id).filter(|(record, _)| record["id"] == id.as_str())
            {
                outcome.incidents.insert(id.clone(), digest_of(record.to_string().as_bytes()));
                outcome.texts.extend(texts.map(|texts| (id.clone(), texts)));
            }
        }
        outcome
    }

    /// With the planned work and the records of the desk that changed. `stored` gives of one, as plain data, what
    /// [`Outcome::of`] asks of an incident.
    pub fn with_records(
        mut self,
        windows: &[Window],
        desk: &[DeskRecord],
        stored: impl Fn(&Value) -> (Value, Option<Digest>),
    ) -> Self {
        // Cannot fail: records are plain data.
        let plain = |record: Result<Value, serde_json::Error>| stored(&record.unwrap_or_default());
        for window in windows {
            let (form, texts) = plain(serde_json::to_value(window));
            self.windows.insert(window.id.clone(), digest_of(form.to_string().as_bytes()));
            self.texts.extend(texts.map(|texts| (window.id.clone(), texts)));
        }
        for record in desk {
            let (form, texts) = plain(serde_json::to_value(record));
            self.desk.insert(record.id().to_owned(), digest_of(form.to_string().as_bytes()));
            self.texts.extend(texts.map(|texts| (record.id().to_owned(), texts)));
        }
        self
    }
}

/// The input of a step: link changes stand in the verdicts before it already.
pub fn taken_in(input: &Input) -> Value {
    match input {
        Input::Links(_) => Value::from(VERDICTS),
        // Cannot fail: an input is plain data.
        other => serde_json::to_value(other).unwrap_or_default(),
    }
}

const VERDICTS: &str = "verdicts";
/// Kinds of [`Record`] that this version knows.
const KINDS: [&str; 12] = [
    "start",
    "reload",
    "verdicts",
    "step",
    "command",
    "exclude",
    "clock_step",
    "stop",
    "gap",
    "note",
    "anchor_missed",
    "forgotten",
];

impl Record {
    /// As it goes into the chain. `at`: time of the record.
    pub fn into_entry(self, at: Timestamp) -> Entry {
        // Cannot fail: a record is plain data, and its keys are strings.
        let mut value = serde_json::to_value(&self).unwrap_or_default();
        let kind = value["kind"].as_str().unwrap_or_default().to_owned();
        Entry { at, kind, payload: value["payload"].take().to_string() }
    }

    /// What an entry says; `Err`: why it cannot be read.
    pub fn read(entry: &Entry) -> Result<Self, serde_json::Error> {
        let payload: Value = serde_json::from_str(&entry.payload)?;
        if !KINDS.contains(&entry.kind.as_str()) {
            return Ok(Self::Unknown);
        }
        serde_json::from_value(serde_json::json!({ "kind": entry.kind, "payload": payload }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Mono;

    #[test]
    fn a_record_is_read_as_it_was_written_and_an_unknown_kind_is_no_error() {
        let now = Now { mono: Mono(-5), utc: Timestamp(1_795_300_000_000) };
        let verdict = Verdict {
            link: LinkId::parse("LL-0001").unwrap(),
            state: LinkState::Unknown(crate::judge::Unknown::NotMeasured),
            since: Timestamp(7),
            answered: u64::MAX,
            lost: 1,
            unmeasured: 0,
        };
        let record = Record::Verdicts { now, links: vec![verdict] };
        let entry = record.clone().into_entry(now.utc);
        assert_eq!(entry.kind, "verdicts");
        assert_eq!(Record::read(&entry).unwrap(), record);
        let later = Entry { kind: "of_tomorrow".into(), ..entry };
        assert_eq!(Record::read(&later).unwrap(), Record::Unknown);
    }
}
