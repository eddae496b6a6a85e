//! Writes what the loop takes in, and what came of it, into the journal: in the same commit as the state.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::absolute,
    time::Duration,
};

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::Value;

use super::{
    field::{Change, Field},
    keeping::Keeping,
    load::Loaded,
};
use crate::{
    command::{Command, Reply, person},
    incident::{Changed, Effect},
    journal::{
        Commanded, Content, Digest, Outcome, Person, Private, Pseudonyms, Record, Start, Step, Verdict, World,
        WorldFile, anonymous, said_in, without_names, without_texts,
    },
    snapshot::JournalView,
    store::{Batch, Recovered},
    units::{Mono, Now, Timestamp},
};

/// An anchor that cannot be made is asked for again so often.
const ASK_AGAIN: Duration = Duration::from_secs(60);
/// An anchor that is not there so long after it was due is missed.
const MISSED_AFTER: Duration = Duration::from_secs(600);
/// Missed days that one start tells of: a daemon that was off for longer tells of the newest.
const MOST_MISSED: u64 = 31;

/// Spellings of names that are remembered; of a name beyond them each spelling stays as it is.
const MOST_NAMES: usize = 10_000;

/// What the journal needs to know besides what it is told.
pub(super) struct Recorder {
    pseudonyms: Option<Pseudonyms>,
    /// Since when today's anchor is due, and when it was last asked for.
    due: Option<(Mono, Mono)>,
    /// Days whose anchor was missed in this process.
    missed: BTreeSet<NaiveDate>,
    /// How each name was spelled first: one person has one id in the journal, so that a replay finds the same two people
    /// that we found.
    spellings: BTreeMap<String, String>,
}

impl Recorder {
    /// Writes down that a process begins, and with what.
    pub fn start(batch: &mut Batch, recovered: &Recovered, loaded: &Loaded, seed: u64, now: Now) -> Self {
        let mut recorder = Self {
            pseudonyms: recovered.pseudonyms.clone(),
            due: None,
            missed: BTreeSet::new(),
            spellings: BTreeMap::new(),
        };
        recovered.incidents.iter().for_each(|incident| recorder.spell(&mut serde_json::json!(incident)));
        recovered.windows.iter().for_each(|window| recorder.spell(&mut serde_json::json!(window)));
        recovered.desk.iter().for_each(|record| recorder.spell(&mut serde_json::json!(record)));
        let recorder = recorder;
        let incidents: Vec<Value> =
            recovered.incidents.iter().map(|incident| recorder.stored_form(incident).0).collect();
        let incidents = content(batch, Value::from(incidents).to_string().into_bytes());
        let windows: Vec<Value> = recovered.windows.iter().map(|window| recorder.stored_form(window).0).collect();
        let windows = Some(content(batch, Value::from(windows).to_string().into_bytes()));
        let desk: Vec<Value> = recovered.desk.iter().map(|record| recorder.stored_form(record).0).collect();
        let desk = Some(content(batch, Value::from(desk).to_string().into_bytes()));
        let world = world(batch, loaded);
        let leave_after = loaded.config.closed_incidents_leave_after.as_millis();
        let start = Start {
            now,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed,
            leave_after: u64::try_from(leave_after).unwrap_or(u64::MAX),
            world,
            incidents,
            windows,
            desk,
            alive: recovered.heartbeat.as_ref().map(|beat| beat.utc),
            texts_apart: true,
            windows_held: true,
        };
        batch.entries.push(Record::Start(start).into_entry(now.utc));
        recorder
    }

    /// A command in which every name is spelled as it was first.
    pub fn spelled(&mut self, command: Command) -> Command {
        // Cannot fail: a command is plain data, and only names in it change.
        let mut written = serde_json::json!(command);
        self.spell(&mut written);
        serde_json::from_value(written).unwrap_or(command)
    }

    fn spell(&mut self, value: &mut Value) {
        let spellings = &mut self.spellings;
        without_names(value, &mut |name| {
            let key = person::key(name);
            match spellings.get(&key) {
                Some(first) => first.clone(),
                None => {
                    if spellings.len() < MOST_NAMES && !key.is_empty() {
                        spellings.insert(key, name.trim().to_owned());
                    }
                    name.to_owned()
                }
            }
        });
    }

    fn id(&self, private: Private, said: &str) -> String {
        self.pseudonyms.as_ref().map_or_else(String::new, |pseudonyms| pseudonyms.hide(private, said))
    }

    /// A record as it is stored, with opaque ids for people and without what they wrote; and the hash of that, if any.
    fn stored_form(&self, record: &impl Serialize) -> (Value, Option<Digest>) {
        // Cannot fail: records are plain data.
        let mut value = serde_json::to_value(record).unwrap_or_default();
        let texts = self.pseudonyms.as_ref().and_then(|names| said_in(&mut value, names));
        without_texts(&mut value);
        (value, texts)
    }
}

impl Keeping {
    pub fn record(&mut self, record: Record, now: Now) {
        self.batch.entries.push(record.into_entry(now.utc));
    }

    /// New files are in force.
    pub fn record_reload(&mut self, loaded: &Loaded, now: Now) {
        let world = world(&mut self.batch, loaded);
        self.record(Record::Reload { now, world }, now);
    }

    /// Link changes of one turn, before anybody acts on them.
    pub fn record_verdicts(&mut self, changes: &[Change], field: &Field, now: Now) {
        let links = changes.iter().map(|change| verdict(change, field)).collect();
        self.record(Record::Verdicts { now, links }, now);
    }

    /// An input and its effects. `input` as [`taken_in`] wrote it before.
    pub fn record_step(&mut self, input: Value, effects: &[Effect], changed: &Changed, now: Now) {
        let outcome = self.outcome(effects, changed);
        self.record(Record::Step(Step { now, input, outcome }), now);
    }

    pub fn record_command(
        &mut self,
        (command, reply): (&Command, &Reply),
        effects: &[Effect],
        changed: &Changed,
        now: Now,
    ) {
        let outcome = self.outcome(effects, changed);
        let (command, reply) = self.opaque(command, reply);
        self.record(Record::Command(Commanded { now, command, reply, outcome }), now);
    }

    /// Both with opaque ids for people and the command for what they wrote, which is kept beside the chain.
    pub fn opaque(&mut self, command: &Command, reply: &Reply) -> (Command, Reply) {
        // Cannot fail: a command and a reply are plain data, and only texts in them change.
        let mut written = serde_json::json!(command);
        self.hide_people(&mut written);
        let mut answer = serde_json::json!(reply);
        let (people, recorder) = (&mut self.batch.people, &self.recorder);
        // What a reply says besides is ours.
        without_names(&mut answer, &mut |name| hidden(people, recorder, Private::Name, name));
        let command = serde_json::from_value(written).unwrap_or_else(|_| command.clone());
        (command, serde_json::from_value(answer).unwrap_or_else(|_| reply.clone()))
    }

    /// Puts opaque ids in the place of names and free texts, and remembers beside the chain what they stand for.
    pub fn hide_people(&mut self, written: &mut Value) {
        let (people, recorder) = (&mut self.batch.people, &self.recorder);
        anonymous(written, &mut |private, said| hidden(people, recorder, private, said));
    }

    fn outcome(&self, effects: &[Effect], changed: &Changed) -> Outcome {
        Outcome::of(effects, |id| self.incidents.get(id).map(|incident| self.recorder.stored_form(&**incident)))
            .with_records(&changed.windows, &changed.desk, |record| self.recorder.stored_form(record))
    }

    /// Asks for the anchor of the civil day once it has begun. `true`: it is missed.
    pub fn look_at_anchor(&mut self, zone: Tz, now: Now) -> bool {
        let (today, status) = (civil_day(now.utc, zone), self.store.status().journal);
        let last: Option<NaiveDate> = status.anchored.and_then(|(day, _)| day.parse().ok());
        if last.is_some_and(|last| last >= today) {
            self.recorder.due = None;
            return false;
        }
        let (since, asked) = match self.recorder.due {
            Some(due) => due,
            None => {
                self.tell_missed(last, today, now);
                (now.mono, Mono(now.mono.0 - ASK_AGAIN.as_millis() as i64))
            }
        };
        let asks = now.mono.since(asked) >= ASK_AGAIN;
        if asks {
            self.batch.anchor = Some((today.to_string(), now.utc));
        }
        self.recorder.due = Some((since, if asks { now.mono } else { asked }));
        now.mono.since(since) >= MISSED_AFTER
    }

    /// Days between the last anchor and today that have none.
    fn tell_missed(&mut self, last: Option<NaiveDate>, today: NaiveDate, now: Now) {
        let Some(last) = last else { return };
        let first = today.checked_sub_days(Days::new(MOST_MISSED)).map_or(last, |earliest| earliest.max(last));
        let missed: Vec<NaiveDate> = first.iter_days().skip(1).take_while(|day| *day < today).collect();
        for day in missed {
            if self.recorder.missed.insert(day) {
                tracing::error!(%day, "no anchor of the journal was made on this day");
                self.record(Record::AnchorMissed { now, day: day.to_string() }, now);
            }
        }
    }

    /// For outsiders.
    pub fn journal_view(&self) -> JournalView {
        let status = self.store.status().journal;
        JournalView {
            entries: status.head.number,
            head: status.head.hash.to_string(),
            oldest: status.oldest,
            anchored: status.anchored.map(|(_, at)| at),
            anchors_missed: self.recorder.missed.len() as u64,
            anchor_error: status.anchor_error,
        }
    }
}

/// The id of a name or text, which is remembered.
fn hidden(people: &mut Vec<Person>, recorder: &Recorder, private: Private, said: &str) -> String {
    let (id, name) = (recorder.id(private, said), said.trim());
    if id != name {
        people.push(Person { id: id.clone(), name: name.to_owned() });
    }
    id
}

/// Files that were read, and the links that were taken from them.
fn world(batch: &mut Batch, loaded: &Loaded) -> Digest {
    let path = |path: &std::path::Path| absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
    let mut files = vec![];
    for source in &loaded.sources {
        files.push(WorldFile { path: path(&source.file), hash: content(batch, source.bytes.clone()) });
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files.dedup();
    let links = loaded.inventory.links.iter().map(|link| link.id.clone()).collect();
    let world = World { folder: path(&loaded.inventory.folder), files, links };
    // Cannot fail: it is plain data.
    content(batch, serde_json::to_vec(&world).unwrap_or_default())
}

fn content(batch: &mut Batch, bytes: Vec<u8>) -> Digest {
    let content = Content::new(bytes);
    let hash = content.hash;
    batch.contents.push(content);
    hash
}

fn verdict(change: &Change, field: &Field) -> Verdict {
    let link = &field.loaded.inventory.links[change.link.at()];
    let counts = field.deciding(change.link).map(|watch| watch.window.counts()).unwrap_or_default();
    Verdict {
        link: link.id.clone(),
        state: change.state,
        since: change.since,
        answered: counts.answered,
        lost: counts.lost,
        unmeasured: counts.unmeasured,
    }
}

/// The date that calendars of the contract show.
fn civil_day(at: Timestamp, zone: Tz) -> NaiveDate {
    chrono::DateTime::from_timestamp_millis(at.0).unwrap_or_default().with_timezone(&zone).date_naive()
}
