//! What is true: when each line fails, loses, is worked on, and when this host is blind, isolated, dead or misled by its
//! clock. Made from a seed; known to nobody else but the checks.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use super::span::{Span, Spans};
use crate::{
    inventory::{Inventory, Link, LinkId},
    profile::services::Services,
};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
/// Milliseconds of a day.
pub const DAY: i64 = 24 * HOUR;

/// What happens a day: to each link, or to the city.
mod rates {
    pub const CUTS: f64 = 0.01;
    pub const FLAPS: f64 = 0.000_5;
    pub const LOSSY: f64 = 0.001;
    pub const WORKS: f64 = 0.000_5;
    pub const DUCTS: f64 = 0.03;
    pub const CARRIERS: f64 = 0.02;
    pub const UNITS: f64 = 0.02;
    pub const NETWORK: f64 = 0.01;
    pub const ISOLATIONS: f64 = 0.03;
    pub const BLIND: f64 = 0.05;
    pub const DEATHS: f64 = 0.05;
    pub const STEPS: f64 = 0.03;
    pub const STOPS: f64 = 0.02;
    pub const WRONG: f64 = 0.01;
    pub const SLOW: f64 = 0.02;
}

/// Work on a link that was announced before it began.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    pub link: usize,
    pub announced: i64,
    pub window: Span,
}

/// A line's own fate.
#[derive(Clone, Debug, Default)]
pub struct Fate {
    /// It answers nothing.
    pub cuts: Spans,
    /// It loses this share of packets, besides its own.
    pub lossy: Spans,
    pub lossy_share: f64,
    /// Share of packets that it always loses.
    pub loss: f64,
}

/// A service's own fate, and what it stands behind.
#[derive(Clone, Debug, Default)]
pub struct Served {
    /// It answers nobody.
    pub stops: Spans,
    /// It answers with another page.
    pub wrong: Spans,
    /// It answers late, and in time all the same.
    pub slow: Spans,
    pub link: Option<usize>,
    /// A service, such as a proxy.
    pub before: Option<usize>,
    /// Nobody gets through to it: it stopped, or what it stands behind did.
    pub silent: Spans,
}

/// The whole truth.
#[derive(Debug)]
pub struct World {
    pub seed: u64,
    pub length: i64,
    pub links: Vec<Fate>,
    pub services: Vec<Served>,
    pub works: Vec<Work>,
    /// Nothing that we send arrives anywhere.
    pub isolated: Spans,
    /// What we send is not measured.
    pub blind: Spans,
    /// Our process is not there.
    pub dead: Spans,
    /// At that time civil time jumps by so many milliseconds.
    pub steps: Vec<(i64, i64)>,
    /// Things that happened.
    pub events: u64,
}

impl World {
    /// `storm`: how many times as often as in a real city things happen.
    pub fn of(seed: u64, inventory: &Inventory, services: &Services, days: u32, storm: f64) -> Self {
        let mut dice = Dice { random: StdRng::seed_from_u64(seed), length: i64::from(days) * DAY, storm, events: 0 };
        let links = &inventory.links;
        let mut cuts: Vec<Vec<Span>> = vec![vec![]; links.len()];
        for cuts in &mut cuts {
            for _ in 0..dice.times(rates::CUTS) {
                // From a blink to four hours, as often short as long.
                cuts.extend(dice.span(300, 4 * HOUR));
            }
            for _ in 0..dice.times(rates::FLAPS) {
                let Some(mut flap) = dice.span(2 * SECOND, 40 * SECOND) else { continue };
                for _ in 0..dice.random.random_range(3..12) {
                    cuts.push(flap);
                    let from = flap.to + dice.between(5 * SECOND, 90 * SECOND);
                    flap = Span { from, to: from + dice.between(2 * SECOND, 40 * SECOND) };
                }
            }
        }
        type Alike = fn(&Link, &Link) -> bool;
        let scopes: [(f64, Alike, i64, i64); 4] = [
            (
                rates::DUCTS,
                |one, other| one.segments.first().is_some_and(|duct| other.segments.contains(duct)),
                10,
                300,
            ),
            (rates::CARRIERS, |one, other| one.carrier == other.carrier, 2, 40),
            (rates::UNITS, |one, other| one.unit == other.unit, 5, 90),
            (rates::NETWORK, |_, _| true, 2, 10),
        ];
        for (rate, alike, least, most) in scopes {
            for _ in 0..dice.times(rate) {
                let Some(span) = dice.span(least * MINUTE, most * MINUTE) else { continue };
                let Some(one) = links.choose(&mut dice.random) else { continue };
                for (cuts, link) in cuts.iter_mut().zip(links) {
                    // One in a hundred has another way, and not everything falls silent in the same moment.
                    if alike(one, link) && !dice.random.random_bool(0.01) {
                        cuts.push(Span {
                            from: span.from + dice.between(0, 2 * SECOND),
                            to: span.to + dice.between(0, 2 * SECOND),
                        });
                    }
                }
            }
        }
        let steps = dice.steps();
        let works = dice.works(links.len(), &steps);
        works.iter().for_each(|work| cuts[work.link].push(work.window.inner(5 * MINUTE)));
        let isolated = dice.spans(rates::ISOLATIONS, 30 * SECOND, 8 * MINUTE);
        let blind = dice.spans(rates::BLIND, 10 * SECOND, 2 * MINUTE);
        let dead = dice.spans(rates::DEATHS, 5 * SECOND, 10 * MINUTE);
        let fate = |cuts: Vec<Span>| Fate {
            cuts: Spans::of(cuts),
            lossy: dice.spans(rates::LOSSY, 5 * MINUTE, 40 * MINUTE),
            lossy_share: dice.random.random_range(0.005..0.04),
            // From one in a million to one in five thousand.
            loss: 10_f64.powf(dice.random.random_range(-6.0..-3.7)),
        };
        let links: Vec<Fate> = cuts.into_iter().map(fate).collect();
        let services = dice.services(inventory, services, &links);
        let events = dice.events;
        Self { seed, length: dice.length, links, services, works, isolated, blind, dead, steps, events }
    }
}

impl World {
    /// While the clock is set back, civil time that was booked comes again and is not booked again.
    pub fn hidden(&self) -> Spans {
        let back = self.steps.iter().filter(|(_, step)| *step < 0);
        Spans::of(back.map(|(at, step)| Span { from: *at, to: at - step }).collect())
    }

    /// What happens while `near`, in words.
    pub fn story(&self, near: Span) -> Vec<(i64, String)> {
        let mut story = vec![];
        let mut tell = |what: &str, spans: &Spans| {
            for span in spans.iter().filter(|span| span.from < near.to && near.from < span.to) {
                story.push((span.from, format!("{what} for {:.1} s", span.length() as f64 / 1_000.0)));
            }
        };
        tell("isolated", &self.isolated);
        tell("blind", &self.blind);
        tell("dead", &self.dead);
        for (link, fate) in self.links.iter().enumerate() {
            tell(&format!("link {link} cut"), &fate.cuts);
            tell(&format!("link {link} lossy ({:.3})", fate.lossy_share), &fate.lossy);
        }
        for (service, fate) in self.services.iter().enumerate() {
            tell(&format!("service {service} stopped"), &fate.stops);
            tell(&format!("service {service} wrong"), &fate.wrong);
            tell(&format!("service {service} slow"), &fate.slow);
        }
        let steps = self.steps.iter().filter(|(at, _)| near.has(*at));
        story.extend(steps.map(|(at, step)| (*at, format!("the clock is set by {step} ms"))));
        story
    }
}

/// Draws what happens.
struct Dice {
    random: StdRng,
    length: i64,
    storm: f64,
    events: u64,
}

impl Dice {
    /// How often something of this daily rate happens.
    fn times(&mut self, rate: f64) -> u32 {
        let expected = rate * self.storm * self.length as f64 / DAY as f64;
        let times = expected.floor() as u32 + u32::from(self.random.random_bool(expected.fract()));
        self.events += u64::from(times);
        times
    }

    fn between(&mut self, least: i64, most: i64) -> i64 {
        self.random.random_range(least..most)
    }

    /// Somewhere after the first ten minutes, in which every line proves that it is there; as often short as long.
    fn span(&mut self, least: i64, most: i64) -> Option<Span> {
        let from = self.between(10 * MINUTE, self.length - MINUTE);
        // More of everything, and each as much shorter that a storm is no longer than a quiet month.
        let most = ((most as f64 / self.storm.max(1.0).sqrt()) as i64).max(2 * least);
        let lasts = (least as f64 * (most as f64 / least as f64).powf(self.random.random_range(0.0..1.0))) as i64;
        let to = (from + lasts).min(self.length);
        (to > from).then_some(Span { from, to })
    }

    fn spans(&mut self, rate: f64, least: i64, most: i64) -> Spans {
        let times = self.times(rate);
        Spans::of((0..times).filter_map(|_| self.span(least, most)).collect())
    }

    fn services(&mut self, inventory: &Inventory, services: &Services, links: &[Fate]) -> Vec<Served> {
        let places: BTreeMap<&LinkId, usize> = inventory.links.iter().map(|link| &link.id).zip(0..).collect();
        let mut all: Vec<Served> = vec![];
        for service in &services.list {
            let on = || service.depends_on.iter();
            let link = on().find_map(|id| places.get(&LinkId::parse(id)?).copied());
            // What stands before others is ahead of them in the list.
            let before = on().find_map(|id| services.list[..all.len()].iter().position(|other| other.id == *id));
            let stops = self.spans(rates::STOPS, 2 * SECOND, 4 * HOUR);
            let cuts = link.into_iter().flat_map(|link| links[link].cuts.iter());
            let fallen = before.into_iter().flat_map(|before| all[before].silent.iter());
            let silent = Spans::of(stops.iter().chain(cuts).chain(fallen).collect());
            let wrong = self.spans(rates::WRONG, MINUTE, 4 * HOUR);
            let slow = self.spans(rates::SLOW, MINUTE, 4 * HOUR);
            all.push(Served { stops, wrong, slow, link, before, silent });
        }
        all
    }

    /// Most are of seconds, some of an hour, as a wrong zone makes them.
    fn steps(&mut self) -> Vec<(i64, i64)> {
        let times = self.times(rates::STEPS);
        let mut steps: Vec<(i64, i64)> = (0..times)
            .map(|_| {
                let size = if self.random.random_bool(0.3) { HOUR } else { self.between(2 * SECOND, 2 * MINUTE) };
                let sign = if self.random.random_bool(0.5) { 1 } else { -1 };
                (self.between(20 * MINUTE, self.length), sign * size)
            })
            .collect();
        steps.sort_unstable();
        steps.dedup_by_key(|(at, _)| *at);
        steps
    }

    /// A window is written in civil time: one that a step of the clock would move is left out.
    fn works(&mut self, links: usize, steps: &[(i64, i64)]) -> Vec<Work> {
        let mut works = vec![];
        for link in 0..links {
            for _ in 0..self.times(rates::WORKS) {
                let Some(window) = self.span(30 * MINUTE, 3 * HOUR) else { continue };
                let announced = (window.from - HOUR).max(5 * MINUTE);
                let whole = Span { from: announced, to: window.to + HOUR };
                if window.from > announced && !steps.iter().any(|(at, _)| whole.has(*at)) {
                    works.push(Work { link, announced, window });
                }
            }
        }
        works.sort_by_key(|work| work.announced);
        works
    }
}
