//! Stories of failing links with the incidents that people expect: `tests/scenarios/*.yaml`.
//!
//! To add last night's case, copy a file, list what went down and up and when, run `cargo test --test scenarios`, and
//! read what it says was told instead of what you wrote. `tests/scenarios/README.md` explains the fields.
//!
//! A story runs through `incident` alone: a link is known to be down 1.3 s after its first lost probe and up 5 s after
//! the first answer, as at one probe a second.

#![expect(clippy::unwrap_used, reason = "a story that cannot be read or played fails its test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::Path,
    sync::Arc,
    time::Duration,
};

use linkpatrol::{
    command::Command,
    contract::Contract,
    diagnostic::{Findings, Place},
    incident::{Clock, EffectKind, Incident, IncidentPhase, Incidents, Input, LinkChange, OwnFault, Scopes, World},
    inventory::{
        Carrier, CarrierIndex, Declared, Dependency, Inventory, Kind, Link, LinkId, LinkIndex, Overrides, PointIndex,
        Priority, Segment, SegmentIndex, SegmentKind, Set, Status, Unit, UnitIndex,
    },
    judge::{LinkState, Unknown},
    text::Language,
    units::{BitRate, Mono, Now, Timestamp, parse_duration},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// 2026-11-21 03:00 in Shanghai, a Saturday: second zero of every story.
const START: i64 = 1_795_201_200_000;
const DOWN_PROOF: i64 = 1_300;
const UP_PROOF: i64 = 5_000;
/// How long after a restart the first evidence is there.
const RESTART_PROOF: i64 = 2_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    story: String,
    /// Links of the story's own city; without it the shipped one.
    #[serde(default)]
    links: Vec<LinkRow>,
    /// Sections that stand in place of those of the shipped contract.
    #[serde(default)]
    contract: BTreeMap<String, serde_yaml::Value>,
    /// Other answers to switches of the contract than the shipped ones.
    #[serde(default)]
    answers: BTreeMap<String, String>,
    /// What the carriers agreed to, as in `agreements.yaml`; without it the shipped ones hold.
    #[serde(default)]
    agreements: Option<serde_yaml::Value>,
    events: Vec<Happening>,
    /// What people were told, in order.
    told: Vec<String>,
    /// How the incidents stand at the end, newest first.
    #[serde(default)]
    end: Vec<String>,
    /// The clocks of the incidents at the end, in order of starting. Not looked at when empty.
    #[serde(default)]
    clocks: Vec<String>,
    /// What the outages meant for redundancy groups, as the timelines say. Not looked at when empty.
    #[serde(default)]
    impact: Vec<String>,
    /// When the story ends.
    until: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkRow {
    /// `A1` or `A1..A8`.
    ids: String,
    carrier: String,
    unit: String,
    #[serde(default)]
    segments: Vec<String>,
    #[serde(default)]
    group: Option<String>,
    /// Calendar in whose hours the links' units may be silent.
    #[serde(default)]
    absence: Option<String>,
    /// Links without which these do not work.
    #[serde(default)]
    depends_on: Vec<String>,
}

/// One line of the timeline: a time and one thing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Happening {
    at: String,
    /// The links fail one after the other over this long.
    #[serde(default)]
    over: Option<String>,
    #[serde(default)]
    down: Vec<String>,
    #[serde(default)]
    up: Vec<String>,
    #[serde(default)]
    unknown: Vec<String>,
    /// Planned work: not measured, and in no count.
    #[serde(default)]
    maintenance: Vec<String>,
    /// Silent in hours in which they may be: as the calendar of their absence has it.
    #[serde(default)]
    absent: Vec<String>,
    /// Links that do not take part although they are named.
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    acknowledge: Option<String>,
    #[serde(default)]
    close: Option<String>,
    /// Any command, as the API takes it; times are times of the story.
    #[serde(default)]
    say: Option<Value>,
    #[serde(default)]
    by: Option<String>,
    /// A notice of this incident was accepted for its `party`.
    #[serde(default)]
    notified: Option<Told>,
    #[serde(default)]
    isolated: bool,
    #[serde(default)]
    reconnected: bool,
    #[serde(default)]
    store_broken: bool,
    #[serde(default)]
    store_mended: bool,
    /// The process dies here and starts again after this long.
    #[serde(default)]
    restart: Option<String>,
    /// Civil time jumps by this many seconds.
    #[serde(default)]
    clock_step: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    incident: String,
    party: String,
}

/// A thing to do at its millisecond.
enum Cue {
    Down(LinkIndex, i64),
    Up(LinkIndex, i64),
    Unknown(LinkIndex, i64),
    Maintenance(LinkIndex, i64),
    Absent(LinkIndex, i64),
    Person(Value, String),
    Tell(Input),
    Notified(String, String),
    Die,
    Restart,
    Step(i64),
}

#[test]
fn every_story_ends_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let mut wrong = String::new();
    for path in &files {
        let story: Story = serde_yaml::from_str(&fs::read_to_string(path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut night = Night::new(&story);
        night.play(&story);
        let (end, clocks, impact) = (night.end(), night.clocks(), night.impact());
        let other = |found: &[String], wanted: &[String]| !wanted.is_empty() && found != wanted;
        if night.told != story.told
            || other(&end, &story.end)
            || other(&clocks, &story.clocks)
            || other(&impact, &story.impact)
        {
            writeln!(wrong, "{} ({})\n told:", path.display(), story.story).unwrap();
            night.told.iter().for_each(|line| writeln!(wrong, "  - {line:?}").unwrap());
            writeln!(wrong, " end:").unwrap();
            end.iter().for_each(|line| writeln!(wrong, "  - {line:?}").unwrap());
            writeln!(wrong, " clocks:").unwrap();
            clocks.iter().for_each(|line| writeln!(wrong, "  - {line:?}").unwrap());
            writeln!(wrong, " impact:").unwrap();
            impact.iter().for_each(|line| writeln!(wrong, "  - {line:?}").unwrap());
        }
    }
    assert!(wrong.is_empty(), "stories that went otherwise, as they went:\n{wrong}");
    assert!(files.len() >= 10, "{} stories", files.len());
}

/// A city, its incidents, and what people were told.
struct Night {
    inventory: Inventory,
    contract: Contract,
    scopes: Scopes,
    states: Vec<LinkState>,
    incidents: Incidents,
    /// Milliseconds from the start of the story; steps of civil time are beside it.
    millis: i64,
    stepped: i64,
    /// What was stored when the process died; `None` while one runs.
    dead: Option<Vec<Incident>>,
    numbers: BTreeMap<String, usize>,
    /// By incident: the scope that people were last told.
    scopes_told: BTreeMap<String, String>,
    told: Vec<String>,
}

impl Night {
    fn new(story: &Story) -> Self {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/xuchang");
        let mut findings = Findings::default();
        let contract = contract(&shipped, story);
        let inventory =
            if story.links.is_empty() { Inventory::load(&shipped, &mut findings).unwrap() } else { city(&story.links) };
        let in_service = |link: &Link| if link.status == Status::Active { LinkState::Up } else { LinkState::Suspended };
        Self {
            scopes: Scopes::of(&inventory),
            states: inventory.links.iter().map(in_service).collect(),
            inventory,
            contract,
            incidents: Incidents::new(1, Duration::from_secs(86_400)),
            millis: 0,
            stepped: 0,
            dead: None,
            numbers: BTreeMap::new(),
            scopes_told: BTreeMap::new(),
            told: vec![],
        }
    }

    fn play(&mut self, story: &Story) {
        let mut cues: Vec<(i64, Cue)> = story.events.iter().flat_map(|event| self.cues(event)).collect();
        cues.sort_by_key(|(at, _)| *at);
        for (at, cue) in cues {
            self.wait_until(at);
            self.cue(cue);
        }
        self.wait_until(millis(&story.until));
    }

    /// Lets timers run, each at its own time.
    fn wait_until(&mut self, at: i64) {
        loop {
            let due = self.incidents.due().0.max(self.millis + 1);
            if due > at || self.dead.is_some() {
                break;
            }
            self.millis = due;
            self.step(Input::Tick);
        }
        self.millis = at.max(self.millis);
    }

    fn now(&self) -> Now {
        Now { mono: Mono(self.millis), utc: self.civil(self.millis) }
    }

    fn civil(&self, millis: i64) -> Timestamp {
        Timestamp(START + millis + self.stepped)
    }

    fn cue(&mut self, cue: Cue) {
        match cue {
            Cue::Down(link, since) => self.change(link, LinkState::Down, since),
            Cue::Up(link, since) => self.change(link, LinkState::Up, since),
            Cue::Unknown(link, since) => self.change(link, LinkState::Unknown(Unknown::NotMeasured), since),
            Cue::Maintenance(link, since) => self.change(link, LinkState::Maintenance, since),
            Cue::Absent(link, since) => self.change(link, LinkState::Absent, since),
            Cue::Tell(input) => self.step(input),
            Cue::Notified(number, party) => {
                let (incident, at) = (self.id(&number), self.now().utc);
                self.step(Input::Notified { incident, party, channel: "sms".to_owned(), at });
            }
            Cue::Step(seconds) => self.stepped += seconds * 1_000,
            Cue::Person(action, actor) => self.person(action, actor),
            Cue::Die => {
                let list = self.incidents.list();
                let stored = list.iter().map(|incident| serde_json::to_string(&**incident).unwrap());
                self.dead = Some(stored.map(|text| serde_json::from_str(&text).unwrap()).collect());
            }
            Cue::Restart => {
                let stored = self.dead.take().unwrap();
                self.incidents = Incidents::restore(stored, 2, Duration::from_secs(86_400), self.now());
                self.step(Input::Reloaded);
            }
        }
    }

    fn change(&mut self, link: LinkIndex, state: LinkState, since: i64) {
        self.states[link.at()] = state;
        let since = self.civil(since);
        let link = self.inventory.links[link.at()].id.clone();
        self.step(Input::Links(vec![LinkChange { link, state, since }]));
    }

    fn person(&mut self, action: Value, actor: String) {
        let mut written = action;
        written["incident"] = self.id(written["incident"].as_str().unwrap()).into();
        for key in ["at", "eta"] {
            if let Some(text) = written[key].as_str() {
                written[key] = self.civil(millis(text)).0.into();
            }
        }
        let action = serde_json::from_value(written).unwrap_or_else(|error| panic!("{error}"));
        let command = Command { actor, key: self.millis.to_string(), way: "story".to_owned(), action };
        let world =
            World { inventory: &self.inventory, contract: &self.contract, scopes: &self.scopes, states: &self.states };
        let (reply, effects) = self.incidents.obey(&command, self.now(), &world);
        if let linkpatrol::command::Reply::Refused(refusal) = reply {
            self.told.push(format!("{} refused {refusal:?}", clock(self.millis)));
        }
        effects.into_iter().for_each(|effect| self.hear(&effect.incident, &effect.kind));
    }

    /// The incident that opened as this number, such as `#1`.
    fn id(&self, number: &str) -> String {
        let wanted: usize = number.trim_start_matches('#').parse().unwrap();
        self.numbers.iter().find(|(_, known)| **known == wanted).map_or(number.to_owned(), |(id, _)| id.clone())
    }

    fn step(&mut self, input: Input) {
        if self.dead.is_some() {
            return;
        }
        let world =
            World { inventory: &self.inventory, contract: &self.contract, scopes: &self.scopes, states: &self.states };
        let now = self.now();
        for effect in self.incidents.step(input, now, &world) {
            self.hear(&effect.incident, &effect.kind);
        }
    }

    /// Writes down what people hear: from the announcement on.
    fn hear(&mut self, id: &str, kind: &EffectKind) {
        let next = self.numbers.len() + 1;
        let number = *self.numbers.entry(id.to_owned()).or_insert(next);
        let Some(incident) = self.incidents.get(id) else { return };
        let scope = format!("{} {}", incident.scope.kind, incident.scope.id);
        let known = incident.announced.and_then(|_| self.scopes_told.insert(id.to_owned(), scope.clone()));
        let what = match kind {
            EffectKind::Changed if known.is_some_and(|known| known != scope) => format!("now {}", headline(incident)),
            EffectKind::Opened
            | EffectKind::Changed
            | EffectKind::Noted
            | EffectKind::Reprobe { .. }
            | EffectKind::Left => {
                return;
            }
            EffectKind::Merged { .. } if incident.announced.is_none() => return,
            // As in `notify::route`: the cause is told.
            EffectKind::Restored | EffectKind::Closed if incident.is_covered(true) => return,
            _ if !matches!(kind, EffectKind::Restored | EffectKind::Closed) && incident.is_covered(false) => return,
            EffectKind::Announced => format!("announced {}", headline(incident)),
            EffectKind::TierRaised => format!("tier raised {}", headline(incident)),
            EffectKind::Merged { into } => format!("merged into #{}", self.numbers[into]),
            EffectKind::Acknowledged { party } => format!("acknowledged{}", whose(party)),
            EffectKind::Overdue { clock, tier, party } => format!("overdue {clock} tier {tier}{}", whose(party)),
            EffectKind::Disputed { party } => format!("disputed{}", whose(party)),
            EffectKind::Unanswered { party } => format!("unanswered{}", whose(party)),
            EffectKind::PromiseDue { party } => format!("promise due{}", whose(party)),
            EffectKind::Annulled => "annulled".to_owned(),
            EffectKind::Resolved { verdict, since, .. } => {
                format!("resolved {verdict:?} since {}", clock(since.0 - START))
            }
            EffectKind::Restored => format!("restored since {}", clock(incident.restored.unwrap().0 - START)),
            EffectKind::Relapsed => "relapsed".to_owned(),
            EffectKind::Flapping => "flapping".to_owned(),
            EffectKind::Closed => "closed".to_owned(),
        };
        self.told.push(format!("{} #{number} {what}", clock(self.millis)));
    }

    fn end(&self) -> Vec<String> {
        let line = |incident: &Arc<Incident>| {
            let number = self.numbers[&incident.id];
            let until = incident.restored.map(|at| format!(" to {}", clock(at.0 - START))).unwrap_or_default();
            let began = clock(incident.began.0 - START);
            format!("#{number} {} {}, from {began}{until}", incident.phase.as_str(), headline(incident))
        };
        let told = |incident: &&Arc<Incident>| incident.announced.is_some();
        self.incidents.list().iter().filter(told).map(line).collect()
    }

    /// `#1 operator response tier 2 from occurred 00:00:10.0 to 00:30:10.0, met (001 L133)`.
    fn clocks(&self) -> Vec<String> {
        let mut all: Vec<_> = self.incidents.list();
        all.sort_by_key(|incident| self.numbers[&incident.id]);
        let line = |incident: &Incident, one: &Clock| {
            let Clock { clock: name, tier, party, starts, clause, .. } = one;
            let [from, to] = [one.started, one.deadline].map(|at| clock(at.0 - START));
            let outcome = match (one.met(), one.overdue) {
                (Some(true), _) => "met",
                (Some(false), _) => "missed",
                (None, Some(_)) => "runs, overdue",
                (None, None) => "runs",
            };
            let number = self.numbers[&incident.id];
            format!("#{number} {party} {name} tier {tier} from {starts} {from} to {to}, {outcome} ({clause})")
        };
        let told = all.iter().filter(|incident| incident.announced.is_some());
        told.flat_map(|incident| incident.clocks.iter().map(move |clock| line(incident, clock))).collect()
    }

    /// `#1 redundancy_lost hospital`.
    fn impact(&self) -> Vec<String> {
        let mut all: Vec<_> = self.incidents.list();
        all.sort_by_key(|incident| self.numbers[&incident.id]);
        let of = |incident: &Arc<Incident>| {
            let number = self.numbers[&incident.id];
            let ours = incident.timeline.iter().filter(|entry| entry.event.ends_with("_lost"));
            let lines =
                ours.map(|entry| format!("{} #{number} {} {}", clock(entry.at.0 - START), entry.event, entry.note));
            lines.collect::<Vec<_>>()
        };
        let mut lines: Vec<_> = all.iter().flat_map(of).collect();
        lines.sort();
        lines
    }

    fn cues(&self, event: &Happening) -> Vec<(i64, Cue)> {
        let at = millis(&event.at);
        let over = event.over.as_deref().map_or(0, millis);
        let spread = |names: &[String], proof: i64, cue: fn(LinkIndex, i64) -> Cue| {
            let links = self.links(names, &event.except);
            let count = links.len().max(1) as i64;
            let since = move |place: usize| at + over * place as i64 / count;
            let cues =
                links.into_iter().enumerate().map(move |(place, link)| (since(place) + proof, cue(link, since(place))));
            cues.collect::<Vec<_>>()
        };
        let mut cues = spread(&event.down, DOWN_PROOF, Cue::Down);
        cues.extend(spread(&event.up, UP_PROOF, Cue::Up));
        cues.extend(spread(&event.unknown, 4_000, Cue::Unknown));
        cues.extend(spread(&event.maintenance, 0, Cue::Maintenance));
        cues.extend(spread(&event.absent, DOWN_PROOF, Cue::Absent));
        let by = || event.by.clone().unwrap_or_else(|| "duty".to_owned());
        let told = [("acknowledge", &event.acknowledge), ("close", &event.close)];
        for (action, incident) in told.into_iter().filter_map(|(action, incident)| Some((action, incident.as_ref()?))) {
            cues.push((at, Cue::Person(json!({"action": action, "incident": incident}), by())));
        }
        let notified = event.notified.iter().map(|told| (told.incident.clone(), told.party.clone()));
        cues.extend(notified.map(|(incident, party)| (at, Cue::Notified(incident, party))));
        cues.extend(event.say.iter().map(|action| (at, Cue::Person(action.clone(), by()))));
        let since = self.civil(at);
        let inputs = [
            (event.isolated, 1_500, Input::Isolated { since }),
            (event.reconnected, 100, Input::Reconnected { since }),
            (event.store_broken, 0, Input::Broken { fault: OwnFault::StoreUnusable }),
            (event.store_mended, 0, Input::Mended { fault: OwnFault::StoreUnusable }),
        ];
        cues.extend(
            inputs.into_iter().filter(|(happens, ..)| *happens).map(|(_, proof, input)| (at + proof, Cue::Tell(input))),
        );
        if event.clock_step != 0 {
            cues.push((at, Cue::Step(event.clock_step)));
        }
        if let Some(pause) = &event.restart {
            let back = at + millis(pause);
            cues.extend([(at, Cue::Die), (back, Cue::Restart)]);
            let links = self.links(&["all".to_owned()], &event.except);
            cues.extend(links.into_iter().map(|link| (back + 1, Cue::Unknown(link, at))));
            // What is down now has been proved again by then; `except` names what came up meanwhile.
            let down = self.links(&event.down, &[]);
            cues.retain(|(_, cue)| !matches!(cue, Cue::Down(..)));
            let evidence = |link: LinkIndex| match down.contains(&link) {
                true => (back + RESTART_PROOF, Cue::Down(link, back + 500)),
                false => (back + RESTART_PROOF, Cue::Up(link, back + 500)),
            };
            cues.extend(self.links(&["all".to_owned()], &[]).into_iter().map(evidence));
        }
        cues
    }

    /// Links named by id, range of ids, `segment x`, `carrier x`, `unit x` or `all`.
    fn links(&self, names: &[String], except: &[String]) -> Vec<LinkIndex> {
        let mut found = BTreeSet::new();
        for name in names {
            found.extend(self.named(name));
        }
        except.iter().flat_map(|name| self.named(name)).for_each(|link| {
            found.remove(&link);
        });
        found.into_iter().collect()
    }

    fn named(&self, name: &str) -> Vec<LinkIndex> {
        let (kind, id) = name.split_once(' ').unwrap_or(("link", name));
        let carrier = |link: &Link| self.inventory.carriers[link.carrier.at()].id == id;
        let unit = |link: &Link| self.inventory.units[link.unit.at()].id == id;
        let segment = |link: &Link| link.segments.iter().any(|place| self.inventory.segments[place.at()].id == id);
        let ids = range(id);
        let is_in = |link: &Link| match kind {
            "carrier" => carrier(link),
            "unit" => unit(link),
            "segment" => segment(link),
            _ => name == "all" || ids.iter().any(|id| id == link.id.as_str()),
        };
        let all = (0..).map(LinkIndex).zip(&self.inventory.links);
        let found: Vec<_> =
            all.filter(|(_, link)| link.status == Status::Active && is_in(link)).map(|(index, _)| index).collect();
        assert!(!found.is_empty(), "no link is {name}");
        found
    }
}

/// `segment duct-1 (inferred) tier 2, 8 of 8 down`.
fn headline(incident: &Incident) -> String {
    let scope = format!("{} {}", incident.scope.kind, incident.scope.id);
    let kind = match incident.kind {
        linkpatrol::incident::IncidentKind::Outage => "",
        linkpatrol::incident::IncidentKind::Isolation => "isolation ",
        linkpatrol::incident::IncidentKind::Own => "own ",
        linkpatrol::incident::IncidentKind::Service => "service ",
        linkpatrol::incident::IncidentKind::Reported => "reported ",
    };
    let doubt = match (incident.unit_power_suspected, incident.inferred) {
        (true, _) => " (unit power?)",
        (false, true) => " (inferred)",
        (false, false) => "",
    };
    let down = incident.links.iter().filter(|(_, down)| *down).count();
    let links = match incident.links.len() {
        0 => String::new(),
        all if incident.phase == IncidentPhase::Open => format!(", {down} of {all} down"),
        all => format!(", {all} links"),
    };
    format!("{kind}{}{doubt} tier {}{links}", scope.trim_end(), incident.tier)
}

/// ` by carrier/x`; nothing for ourselves.
fn whose(party: &str) -> String {
    if party == "operator" { String::new() } else { format!(" by {party}") }
}

/// `A1..A8` as ids; a single id as itself.
fn range(text: &str) -> Vec<String> {
    let Some((first, last)) = text.split_once("..") else { return vec![text.to_owned()] };
    let digits = first.len() - first.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
    let (prefix, start) = first.split_at(first.len() - digits);
    let end: u32 = last.trim_start_matches(prefix).parse().unwrap();
    (start.parse().unwrap()..=end).map(|number: u32| format!("{prefix}{number:0digits$}")).collect()
}

fn millis(text: &str) -> i64 {
    parse_duration(text).unwrap_or_else(|| panic!("{text} is no time")).as_millis().try_into().unwrap()
}

/// `01:02:03.4` into the story.
fn clock(millis: i64) -> String {
    let (seconds, rest) = (millis.div_euclid(1_000), millis.rem_euclid(1_000));
    format!("{:02}:{:02}:{:02}.{}", seconds / 3_600, seconds / 60 % 60, seconds % 60, rest / 100)
}

/// The shipped contract with some sections of the story's own.
fn contract(shipped: &Path, story: &Story) -> Contract {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("story");
    fs::create_dir(&own).unwrap();
    fs::create_dir(folder.path().join("calendars")).unwrap();
    copy(&shipped.join("../calendars"), &folder.path().join("calendars"));
    copy(shipped, &own);
    let text = fs::read_to_string(shipped.join("contract.yaml")).unwrap();
    let mut written: BTreeMap<String, serde_yaml::Value> = serde_yaml::from_str(&text).unwrap();
    written.extend(story.contract.clone());
    for switch in written.get_mut("switches").and_then(|all| all.as_sequence_mut()).into_iter().flatten() {
        let id = switch["id"].as_str().unwrap_or_default();
        if let Some(answer) = story.answers.get(id).cloned() {
            switch["chosen"] = answer.into();
        }
    }
    fs::write(own.join("contract.yaml"), serde_yaml::to_string(&written).unwrap()).unwrap();
    if let Some(agreements) = &story.agreements {
        let agreements = BTreeMap::from([("agreements", agreements)]);
        fs::write(own.join("agreements.yaml"), serde_yaml::to_string(&agreements).unwrap()).unwrap();
    }
    let mut findings = Findings::default();
    let contract = Contract::load(&own, &mut findings);
    let findings: Vec<String> = findings.into_sorted().iter().map(|finding| finding.print(Language::En)).collect();
    contract.unwrap_or_else(|| panic!("{}", findings.join("\n")))
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        fs::copy(&entry, to.join(entry.file_name().unwrap())).unwrap();
    }
}

/// A city with these links and nothing else.
fn city(rows: &[LinkRow]) -> Inventory {
    let place = || Place::whole(Path::new("story.yaml"));
    let names = |all: Vec<&String>| all.into_iter().cloned().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
    let carriers = names(rows.iter().map(|row| &row.carrier).collect());
    let units = names(rows.iter().map(|row| &row.unit).collect());
    let segments = names(rows.iter().flat_map(|row| &row.segments).collect());
    let index = |all: &[String], name: &String| all.binary_search(name).unwrap() as u32;
    let depends_on = |names: &[String]| {
        names.iter().map(|name| Dependency { on: LinkId::parse(name).unwrap(), place: place() }).collect()
    };
    let mut links = vec![];
    for row in rows {
        for id in range(&row.ids) {
            links.push(Link {
                cid: format!("c-{id}"),
                id: LinkId::parse(&id).unwrap(),
                kind: Kind::Private,
                carrier: CarrierIndex(index(&carriers, &row.carrier)),
                unit: UnitIndex(index(&units, &row.unit)),
                a_end: String::new(),
                z_end: String::new(),
                bandwidth: BitRate(1),
                priority: Priority::Normal,
                status: Status::Active,
                installed: None,
                group: row.group.as_deref().map(Arc::from),
                segments: row.segments.iter().map(|name| SegmentIndex(index(&segments, name))).collect(),
                points: vec![],
                first_point: PointIndex(0),
                overrides: std::sync::Arc::default(),
                absence: None,
                depends_on: depends_on(&row.depends_on),
                place: place(),
            });
        }
    }
    let carrier = |id: String| Carrier {
        name: id.clone(),
        id,
        maintnote: vec![],
        overrides: Overrides::default(),
        place: place(),
    };
    let unit = |id: String| {
        let row = rows.iter().filter(|row| row.unit == id).find_map(|row| row.absence.clone());
        let absence = row.map(|value| Set { value, place: place() });
        Unit { name: id.clone(), id, overrides: Overrides::default(), absence, depends_on: vec![], place: place() }
    };
    let segment = |id: String| Segment { name: id.clone(), id, kind: SegmentKind::Duct, place: place() };
    Inventory {
        name: "story".into(),
        folder: Path::new(".").into(),
        synthetic: true,
        declared: Declared::default(),
        carriers: carriers.into_iter().map(carrier).collect(),
        units: units.into_iter().map(unit).collect(),
        segments: segments.into_iter().map(segment).collect(),
        links,
        fingerprint: 0,
    }
}
