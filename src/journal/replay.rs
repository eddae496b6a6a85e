//! The incidents once more, from the recorded inputs alone, compared with what was recorded of them byte for byte.
//!
//! In: entries in order, and the contents that they refer to. Out: the first [`Difference`], or what was rebuilt. A replay
//! begins at a start: what is before the first one that is kept, or after a gap until the next one, is passed over and
//! counted.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Commanded, Digest, Entry, Link, Outcome, Record, Start, Step, VERDICTS, World as Files, digest_of, taken_in,
    without_texts,
};
use crate::{
    contract::Contract,
    incident::{Changed, DeskRecord, Effect, Incident, Incidents, Input, LinkChange, Scopes, Window, World},
    inventory::{Inventory, LinkId},
    judge::LinkState,
};

/// Where a replay finds what entries refer to.
pub trait Contents {
    /// `None`: it is not there.
    fn bytes(&mut self, hash: Digest) -> Option<Vec<u8>>;

    /// Reads the recorded files as they were read then; `Err`: what is wrong with them.
    fn read(&mut self, files: &Files) -> Result<(Inventory, Contract), String>;
}

/// Where the rebuilt first differs from the recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub entry: u64,
    /// Payload, or what is wrong with it.
    pub recorded: String,
    pub rebuilt: String,
    /// Version of the program that recorded it, when it is not this one.
    pub version: Option<String>,
}

/// What was rebuilt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    pub entries: u64,
    /// Inputs and commands that were played again, each with the same outcome.
    pub steps: u64,
    pub starts: u64,
    /// Entries that could not be played: before the first start, or between a gap and the next start.
    pub passed_over: u64,
    pub incidents: usize,
}

/// A replay at work.
#[derive(Default)]
pub struct Replay {
    world: Option<Scene>,
    incidents: Option<Incidents>,
    /// Verdicts that the next step takes in.
    verdicts: Vec<LinkChange>,
    /// What was rebuilt of each incident last.
    known: BTreeMap<String, Digest>,
    version: Option<String>,
    /// The version that recorded it kept a desk.
    has_desk: bool,
    /// It hashed planned work that changed.
    windows_held: bool,
    /// It hashed incidents without what people wrote in them.
    texts_apart: bool,
    done: Replayed,
}

/// The files in force and the state of every link of them.
struct Scene {
    inventory: Inventory,
    contract: Contract,
    scopes: Scopes,
    states: Vec<LinkState>,
    places: HashMap<LinkId, usize>,
}

impl Replay {
    /// Plays one entry.
    ///
    /// # Errors
    /// The rebuilt differs from the recorded, or what the entry refers to is missing.
    pub fn take(&mut self, link: &Link, contents: &mut dyn Contents) -> Result<(), Box<Difference>> {
        self.done.entries += 1;
        let played = match Record::read(&link.entry) {
            Ok(record) => self.play(record, &link.entry, contents),
            Err(error) => Err((format!("unreadable: {error}"), String::new())),
        };
        played.map_err(|(recorded, rebuilt)| {
            let version = self.version.clone().filter(|version| version != env!("CARGO_PKG_VERSION"));
            Box::new(Difference { entry: link.number, recorded, rebuilt, version })
        })
    }

    /// Everything was played.
    pub fn end(self) -> Replayed {
        Replayed { incidents: self.known.len(), ..self.done }
    }

    /// `Err`: recorded, and rebuilt.
    fn play(&mut self, record: Record, entry: &Entry, contents: &mut dyn Contents) -> Result<(), (String, String)> {
        let missing = |what: String| (what, String::new());
        if !matches!(record, Record::Start(_)) && self.incidents.is_none() {
            self.done.passed_over += 1;
            return Ok(());
        }
        match record {
            Record::Start(start) => {
                self.done.starts += 1;
                self.world = Some(Scene::read(start.world, None, contents).map_err(missing)?);
                self.start(start, contents).map_err(missing)
            }
            Record::Reload { world, .. } => {
                self.world = Some(Scene::read(world, self.world.take(), contents).map_err(missing)?);
                Ok(())
            }
            Record::Verdicts { links, .. } => {
                let Some(scene) = &mut self.world else { return Ok(()) };
                for verdict in links {
                    let place = scene.places.get(&verdict.link);
                    let place = place.ok_or_else(|| missing(format!("{} is in no recorded file", verdict.link)))?;
                    scene.states[*place] = verdict.state;
                    let (link, state, since) = (verdict.link, verdict.state, verdict.since);
                    self.verdicts.push(LinkChange { link, state, since });
                }
                Ok(())
            }
            Record::Step(step) => self.step(step, entry),
            Record::Command(command) => self.command(command, entry),
            Record::Gap { .. } => {
                self.incidents = None;
                Ok(())
            }
            Record::ClockStep { .. }
            | Record::Exclude { .. }
            | Record::Stop { .. }
            | Record::Note { .. }
            | Record::AnchorMissed { .. }
            | Record::Forgotten { .. }
            | Record::Unknown => Ok(()),
        }
    }

    fn start(&mut self, start: Start, contents: &mut dyn Contents) -> Result<(), String> {
        let gone = || format!("content {} is missing", start.incidents);
        let bytes = contents.bytes(start.incidents).ok_or_else(gone)?;
        let stored: Vec<Incident> = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        // A version that hashes otherwise than the one before says nothing of what that one left.
        let is_comparable = std::mem::replace(&mut self.texts_apart, start.texts_apart) == start.texts_apart;
        for incident in &stored {
            let now = digest_of(stored_form(incident, self.texts_apart).to_string().as_bytes());
            let before = self.known.insert(incident.id.clone(), now);
            if is_comparable && before.is_some_and(|before| before != now) {
                return Err(format!("incident {} was stored otherwise than the last run left it", incident.id));
            }
        }
        let leave_after = Duration::from_millis(start.leave_after);
        let windows: Vec<Window> = stored_before(start.windows, contents)?;
        (self.has_desk, self.windows_held) = (start.desk.is_some(), start.windows_held);
        let desk: Vec<DeskRecord> = stored_before(start.desk, contents)?;
        let incidents = Incidents::restore(stored, start.seed, leave_after, start.now);
        self.incidents = Some(incidents.with_windows(windows).with_desk(desk));
        self.verdicts.clear();
        self.version = Some(start.version);
        Ok(())
    }

    fn step(&mut self, recorded: Step, entry: &Entry) -> Result<(), (String, String)> {
        let (Some(incidents), Some(scene)) = (&mut self.incidents, &self.world) else { return Ok(()) };
        let input = match &recorded.input {
            Value::String(word) if word == VERDICTS => Input::Links(std::mem::take(&mut self.verdicts)),
            other => serde_json::from_value(other.clone())
                .map_err(|error| (format!("unreadable: {error}"), String::new()))?,
        };
        let written = taken_in(&input);
        let effects = incidents.step(input, recorded.now, &scene.world());
        let outcome = Outcome { texts: recorded.outcome.texts, ..self.outcome(&effects) };
        self.compare(Record::Step(Step { now: recorded.now, input: written, outcome }), entry)
    }

    fn command(&mut self, recorded: Commanded, entry: &Entry) -> Result<(), (String, String)> {
        let (Some(incidents), Some(scene)) = (&mut self.incidents, &self.world) else { return Ok(()) };
        let (reply, effects) = incidents.obey(&recorded.command, recorded.now, &scene.world());
        let outcome = Outcome { texts: recorded.outcome.texts, ..self.outcome(&effects) };
        let Commanded { now, command, .. } = recorded;
        self.compare(Record::Command(Commanded { now, command, reply, outcome }), entry)
    }

    fn outcome(&mut self, effects: &[Effect]) -> Outcome {
        let apart = self.texts_apart;
        let Some(incidents) = &mut self.incidents else { return Outcome::default() };
        let Changed { windows, desk, .. } = incidents.take_changed();
        let desk = if self.has_desk { &desk[..] } else { &[] };
        let windows = if self.windows_held { &windows[..] } else { &[] };
        Outcome::of(effects, |id| incidents.get(id).map(|incident| (stored_form(&**incident, apart), None)))
            .with_records(windows, desk, |record| (stored_form(record, apart), None))
    }

    fn compare(&mut self, rebuilt: Record, entry: &Entry) -> Result<(), (String, String)> {
        if let Record::Step(Step { outcome, .. }) | Record::Command(Commanded { outcome, .. }) = &rebuilt {
            self.known.extend(outcome.incidents.iter().map(|(id, hash)| (id.clone(), *hash)));
        }
        let rebuilt = rebuilt.into_entry(entry.at).payload;
        if rebuilt != entry.payload {
            return Err((entry.payload.clone(), rebuilt));
        }
        self.done.steps += 1;
        Ok(())
    }
}

/// Nothing where an older version had nothing to say.
fn stored_before<T: DeserializeOwned>(hash: Option<Digest>, contents: &mut dyn Contents) -> Result<Vec<T>, String> {
    let Some(hash) = hash else { return Ok(vec![]) };
    let bytes = contents.bytes(hash).ok_or_else(|| format!("content {hash} is missing"))?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

/// Its names are opaque ids already. `texts_apart`: it was hashed without free texts.
fn stored_form(record: &impl Serialize, texts_apart: bool) -> Value {
    // Cannot fail: records are plain data.
    let mut value = serde_json::to_value(record).unwrap_or_default();
    if texts_apart {
        without_texts(&mut value);
    }
    value
}

impl Scene {
    /// Links that were known before keep their state.
    fn read(hash: Digest, before: Option<Self>, contents: &mut dyn Contents) -> Result<Self, String> {
        let bytes = contents.bytes(hash).ok_or_else(|| format!("content {hash} is missing"))?;
        let files: Files = serde_json::from_slice(&bytes).map_err(|error| format!("content {hash}: {error}"))?;
        let (mut inventory, contract) = contents.read(&files)?;
        let known: HashMap<&LinkId, usize> = files.links.iter().zip(0..).collect();
        inventory.links.retain(|link| known.contains_key(&link.id));
        if inventory.links.len() != files.links.len() {
            return Err(format!("the recorded files have {} of {} links", inventory.links.len(), files.links.len()));
        }
        let state = |link: &LinkId| {
            let before = before.as_ref()?;
            before.places.get(link).map(|place| before.states[*place])
        };
        let states = files.links.iter().map(|link| state(link).unwrap_or(LinkState::UNSEEN)).collect();
        let places = files.links.iter().cloned().zip(0..).collect();
        let scopes = Scopes::of(&inventory);
        Ok(Self { inventory, contract, scopes, states, places })
    }

    fn world(&self) -> World<'_> {
        World { inventory: &self.inventory, contract: &self.contract, scopes: &self.scopes, states: &self.states }
    }
}
