//! What a person at the terminal is told while the story unfolds: what the city does, and what the product noticed.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::IsTerminal,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use super::{cast::Happening, sites::plan::SiteFault, story::Fault, truth::Turn};
use crate::{
    incident::IncidentKind,
    inventory::{Inventory, LinkId},
    judge::LinkState,
    patrol::Fact,
    snapshot::{Coverage, Snapshot},
    text::{Language, Message, ServiceText, SiteText},
};

pub struct Narrator {
    language: Language,
    /// `http://127.0.0.1:9815`.
    url: String,
    to: Out,
    bar: ProgressBar,
    /// Links that are down by what the product said.
    down: BTreeSet<LinkId>,
    since: News,
    told: Duration,
    measured: bool,
}

/// What the product said since the last line about it.
#[derive(Default)]
struct News {
    /// Incidents opened, the links they hold, and how soon the first was noticed.
    opened: Vec<String>,
    links: usize,
    soonest: Option<Duration>,
    /// Incidents that took over links of others: how many they hold now.
    grown: BTreeMap<String, usize>,
    back: usize,
}

/// Where lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Out {
    Stdout,
    /// Standard output is for the summary: standard error, when somebody sits there.
    Terminal,
}

/// News is told once a second: links of one cut fail and come back one by one.
const EVERY: Duration = Duration::from_secs(1);

impl Narrator {
    pub fn new(language: Language, url: String, to: Out) -> Self {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.set_style(ProgressStyle::default_spinner());
        Self {
            language,
            url,
            to,
            bar,
            down: BTreeSet::new(),
            since: News::default(),
            told: Duration::ZERO,
            measured: false,
        }
    }

    pub fn say(&self, message: &Message) {
        self.print(&message.say(self.language).to_string());
    }

    /// Where to look.
    pub fn look(&self) {
        self.say(&Message::DemoLook { url: self.url.clone() });
    }

    /// What the city does, with the place to look at.
    pub fn turn(&self, turn: &Turn, happening: &Happening, inventory: &Inventory) {
        let Happening { fault, scope, id, links, .. } = happening;
        let (fault, id) = (fault.name(), id.clone());
        let message = Message::DemoTurn { begins: turn.begins, fault, scope, id, links: links.len() };
        let look = match links.first().filter(|_| turn.begins) {
            _ if turn.begins && happening.fault == Fault::Isolate => format!("  {}/api/v1/status", self.url),
            Some(link) => format!("  {}/api/v1/links/{}", self.url, inventory.links[link.at()].id),
            None => String::new(),
        };
        self.at(turn.at, &format!("{}{look}", message.say(self.language)));
    }

    /// What goes wrong at a site, or is over.
    pub fn site(&self, at: Duration, begins: bool, fault: &SiteFault) {
        let SiteFault { place, reason, sites, .. } = fault;
        let text = of_sites(SiteText::Turn { begins, id: place.clone(), reason, sites: sites.len() });
        let look = sites.first().filter(|_| begins).map(|id| format!("  {}", self.service(id))).unwrap_or_default();
        self.at(at, &format!("{}{look}", text.say(self.language)));
    }

    /// What the product said. `fresh`: links that an incident holds anew.
    pub fn fact(&mut self, now: Duration, fact: &Fact, fresh: &[LinkId]) {
        let news = &mut self.since;
        match fact {
            Fact::LinkChanged { link, state: LinkState::Down, .. } => {
                self.down.insert(link.clone());
            }
            Fact::LinkChanged { link, state: LinkState::Up | LinkState::Degraded, .. } => {
                news.back += usize::from(self.down.remove(link));
            }
            Fact::LinkChanged { .. } => {}
            Fact::IncidentOpened { id, kind: IncidentKind::Isolation, .. } => {
                self.tell(now, &Message::DemoIsolation, &self.incident(id));
            }
            Fact::IncidentOpened { id, began, at, .. } => {
                let delay = at.since(*began);
                news.opened.push(id.clone());
                news.links += fresh.len();
                news.soonest = Some(news.soonest.map_or(delay, |soonest| soonest.min(delay)));
            }
            Fact::IncidentChanged { id, links, .. } if !fresh.is_empty() => {
                news.grown.insert(id.clone(), links.len());
            }
            Fact::IncidentChanged { .. } => {}
            Fact::ServiceSaid { reason, .. } if reason.is_empty() => {}
            Fact::ServiceSaid { service, reason, .. } => {
                let said = SiteText::Said { id: service.clone(), reason: reason.clone() };
                self.tell(now, &of_sites(said), &self.service(service));
            }
        }
    }

    /// The news and the state of things, at most once a second.
    pub fn state(&mut self, now: Duration, snapshot: &Snapshot) {
        if now < self.told + EVERY {
            return;
        }
        self.told = now;
        let Coverage { measured, not_measurable, .. } = snapshot.coverage;
        if !self.measured && (measured + not_measurable) as usize == snapshot.inventory.links.len() {
            self.measured = true;
            self.tell(now, &Message::DemoMeasured { measured }, "");
        }
        self.tell_news(now);
        let count = |wanted: fn(LinkState) -> bool| snapshot.links().filter(|link| wanted(link.state)).count();
        let states = Message::DemoStates {
            up: count(|state| matches!(state, LinkState::Up | LinkState::Degraded)),
            down: count(|state| state == LinkState::Down),
            unknown: count(|state| matches!(state, LinkState::Unknown(_))),
            incidents: snapshot.open_incidents().count(),
        };
        self.bar.set_message(format!("{} {}", clock(now), states.say(self.language)));
        self.bar.tick();
    }

    fn tell_news(&mut self, now: Duration) {
        let News { opened, links, soonest, grown, back } = std::mem::take(&mut self.since);
        if let Some(delay) = soonest {
            let place = match &opened[..] {
                [id] => self.incident(id),
                _ => format!("{}/api/v1/incidents", self.url),
            };
            self.tell(now, &Message::DemoNoticed { links, delay }, &place);
        }
        if let Some((id, links)) = grown.into_iter().max_by_key(|(_, links)| *links) {
            self.tell(now, &Message::DemoGrouped { links }, &self.incident(&id));
        }
        if back > 0 {
            self.tell(now, &Message::DemoBack { links: back }, "");
        }
    }

    fn incident(&self, id: &str) -> String {
        format!("{}/api/v1/incidents/{id}", self.url)
    }

    fn service(&self, id: &str) -> String {
        format!("{}/api/v1/services/{id}", self.url)
    }

    /// Something that the product said: indented, with the place to look at.
    fn tell(&self, now: Duration, message: &Message, place: &str) {
        self.at(now, format!("  {}  {place}", message.say(self.language)).trim_end());
    }

    /// Leaves the terminal as it was.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn at(&self, now: Duration, text: &str) {
        self.print(&format!("{} {text}", clock(now)));
    }

    fn print(&self, text: &str) {
        let line = format!("{}{text}", Message::Simulated.say(self.language));
        self.bar.suspend(|| match self.to {
            Out::Stdout => anstream::println!("{line}"),
            Out::Terminal if std::io::stderr().is_terminal() => anstream::eprintln!("{line}"),
            Out::Terminal => {}
        });
    }
}

fn of_sites(text: SiteText) -> Message {
    Message::Service(ServiceText::Site(text))
}

/// `01:23`.
fn clock(now: Duration) -> String {
    format!("{:02}:{:02}", now.as_secs() / 60, now.as_secs() % 60)
}
