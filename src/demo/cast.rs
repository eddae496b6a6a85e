//! Who plays in a story: places found in an inventory, `random` ones by seed.
//!
//! In: a [`Story`], an [`Inventory`], a seed. Out: [`Happening`]s with their links, or the places that do not exist.
//! Pure: the same three give the same cast.

use std::{collections::BTreeSet, time::Duration};

use rand::{SeedableRng, rngs::SmallRng, seq::IndexedRandom};

use super::story::{Event, Fault, Pick, Story, Where};
use crate::{
    diagnostic::{Code, Findings, yaml::Document},
    inventory::{Inventory, Link, LinkIndex, SegmentKind},
    text::Message,
};

/// One event of the story with its links.
#[derive(Debug, Clone)]
pub struct Happening {
    pub from: Duration,
    pub until: Duration,
    pub fault: Fault,
    /// `link`, `links`, `duct`, `segment`, `carrier`, `unit`, `everything`.
    pub scope: &'static str,
    /// What the scope is of, such as `duct-017`; empty for `links` and `everything`.
    pub id: String,
    /// In ledger order. The faults of `isolate` also touch the witnesses.
    pub links: Vec<LinkIndex>,
}

impl Happening {
    pub fn lasts_at(&self, now: Duration) -> bool {
        (self.from..self.until).contains(&now)
    }

    /// Whether nothing comes back from here now.
    pub fn cuts_at(&self, now: Duration) -> bool {
        self.lasts_at(now)
            && match self.fault {
                Fault::Cut | Fault::Isolate => true,
                Fault::Flap(period) => {
                    (now - self.from).as_nanos() % period.as_nanos().max(1) < period.as_nanos().div_ceil(2)
                }
                _ => false,
            }
    }

    /// Every span of time in which nothing comes back: one for a cut, many for a flap.
    pub fn cuts(&self) -> Vec<(Duration, Duration)> {
        match self.fault {
            Fault::Cut | Fault::Isolate => vec![(self.from, self.until)],
            Fault::Flap(period) if !period.is_zero() => {
                let starts = std::iter::successors(Some(self.from), |start| Some(*start + period));
                let starts = starts.take_while(|start| *start < self.until);
                starts.map(|start| (start, (start + period / 2).min(self.until))).collect()
            }
            _ => vec![],
        }
    }
}

/// A place of the story that the inventory does not have.
#[derive(Debug)]
pub struct NoSuchPlace {
    /// Place of the event in the story, from 0.
    event: usize,
    scope: &'static str,
    id: String,
    /// Ids that there are, a few of them.
    known: Vec<String>,
}

/// Reports a missing place where the story names it.
pub fn unknown(missing: &NoSuchPlace, story: &Document<Story>, findings: &mut Findings) {
    let NoSuchPlace { event, scope, id, known } = missing;
    let message = Message::DemoNoSuchPlace { scope, id: id.clone() };
    let place = story.place(&format!("events.{event}.where.{scope}"));
    findings.error(place, Code::NO_SUCH_PLACE, message, Message::DemoNoSuchPlaceHelp { known: known.clone() });
}

/// One place that an event may name.
struct Candidate {
    id: String,
    links: Vec<LinkIndex>,
}

/// The happenings in the order of the story.
///
/// Wide places are found first, and a random place keeps clear of links that another event touches while it lasts,
/// as far as there is room: what the product says about one is then not mixed with the other.
pub fn cast(story: &Story, inventory: &Inventory, seed: u64) -> Result<Vec<Happening>, Vec<NoSuchPlace>> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..story.events.len()).collect();
    order.sort_by_key(|event| breadth(&story.events[*event].place));
    let (mut happenings, mut missing) = (vec![None; order.len()], vec![]);
    for event in order {
        let busy = Busy::with(&happenings, &story.events[event]);
        match find(event, &story.events[event], inventory, &busy, &mut random) {
            Ok(happening) => happenings[event] = Some(happening),
            Err(place) => missing.push(place),
        }
    }
    if missing.is_empty() { Ok(happenings.into_iter().flatten().collect()) } else { Err(missing) }
}

fn breadth(place: &Where) -> u8 {
    match place {
        Where::Everything => 0,
        Where::Carrier(_) => 1,
        Where::Unit(_) => 2,
        Where::Segment(_) => 3,
        Where::Duct(_) => 4,
        Where::Links(_) => 5,
        Where::Link(_) => 6,
    }
}

/// 10 s: what a link needs after one event until it is seen to be well again.
const REST: Duration = Duration::from_secs(10);

/// What other events have taken.
struct Busy {
    /// Links that are touched at the time.
    links: BTreeSet<LinkIndex>,
    /// Places that the story has shown at any time.
    places: BTreeSet<(&'static str, String)>,
}

impl Busy {
    fn with(happenings: &[Option<Happening>], event: &Event) -> Self {
        let (from, until) = (event.at.saturating_sub(REST), event.at + event.lasts + REST);
        let others = || happenings.iter().flatten().filter(|other| other.scope != "everything");
        let near = others().filter(|other| other.from < until && from < other.until);
        Self {
            links: near.flat_map(|other| other.links.clone()).collect(),
            places: others().map(|other| (other.scope, other.id.clone())).collect(),
        }
    }
}

fn find(
    number: usize,
    event: &Event,
    inventory: &Inventory,
    busy: &Busy,
    random: &mut SmallRng,
) -> Result<Happening, NoSuchPlace> {
    let all = || (0..).map(LinkIndex).take(inventory.links.len());
    let (scope, pick, candidates) = match &event.place {
        Where::Everything => return Ok(happening(event, "everything", String::new(), all().collect())),
        Where::Links(count) => {
            let free: Vec<_> = all().filter(|link| !busy.links.contains(link)).collect();
            let mut links: Vec<_> = free.choose_multiple(random, *count).copied().collect();
            links.sort_unstable();
            return Ok(happening(event, "links", String::new(), links));
        }
        Where::Link(pick) => {
            let one = |link: LinkIndex| Candidate { id: inventory.links[link.at()].id.to_string(), links: vec![link] };
            ("link", pick, all().map(one).collect())
        }
        Where::Duct(pick) => {
            let segments = inventory.segments.iter().enumerate();
            let ducts = segments.filter(|(_, segment)| segment.kind == SegmentKind::Duct);
            ("duct", pick, members(inventory, ducts.map(|(at, duct)| (at, &duct.id)), runs_through))
        }
        Where::Segment(pick) => {
            let segments = inventory.segments.iter().map(|segment| &segment.id).enumerate();
            ("segment", pick, members(inventory, segments, runs_through))
        }
        Where::Carrier(pick) => {
            let ids = inventory.carriers.iter().map(|carrier| &carrier.id).enumerate();
            ("carrier", pick, members(inventory, ids, |link, at| link.carrier.at() == at))
        }
        Where::Unit(pick) => {
            let ids = inventory.units.iter().map(|unit| &unit.id).enumerate();
            ("unit", pick, members(inventory, ids, |link, at| link.unit.at() == at))
        }
    };
    let known = candidates.iter().take(KNOWN).map(|candidate| candidate.id.clone()).collect();
    match (choose(candidates, scope, pick, busy, random), pick) {
        (Some(Candidate { id, links }), _) => Ok(happening(event, scope, id, links)),
        (None, Pick::Id(id)) => Err(NoSuchPlace { event: number, scope, id: id.clone(), known }),
        (None, Pick::Random) => Err(NoSuchPlace { event: number, scope, id: "random".into(), known }),
    }
}

/// Enough to see what ids look like.
const KNOWN: usize = 5;

fn happening(event: &Event, scope: &'static str, id: String, links: Vec<LinkIndex>) -> Happening {
    Happening { from: event.at, until: event.at + event.lasts, fault: event.what.clone(), scope, id, links }
}

fn runs_through(link: &Link, segment: usize) -> bool {
    link.segments.iter().any(|other| other.at() == segment)
}

/// Places with the links that `holds` gives them; each comes with its number in the inventory.
fn members<'a>(
    inventory: &Inventory,
    places: impl Iterator<Item = (usize, &'a String)>,
    holds: impl Fn(&Link, usize) -> bool,
) -> Vec<Candidate> {
    let of = |at| {
        let links = (0..).map(LinkIndex).zip(&inventory.links);
        links.filter(|(_, link)| holds(link, at)).map(|(link, _)| link).collect()
    };
    places.map(|(at, id)| Candidate { id: id.clone(), links: of(at) }).collect()
}

/// By id; or any that has links: at best one whose links are all free and that was not shown yet.
fn choose(
    candidates: Vec<Candidate>,
    scope: &'static str,
    pick: &Pick,
    busy: &Busy,
    random: &mut SmallRng,
) -> Option<Candidate> {
    if let Pick::Id(id) = pick {
        return candidates.into_iter().find(|candidate| candidate.id == *id);
    }
    let taken = |candidate: &Candidate| {
        let overlap = candidate.links.iter().filter(|link| busy.links.contains(link)).count();
        (overlap, busy.places.contains(&(scope, candidate.id.clone())))
    };
    let mut useful: Vec<_> = candidates.into_iter().filter(|candidate| !candidate.links.is_empty()).collect();
    let least = useful.iter().map(taken).min()?;
    useful.retain(|candidate| taken(candidate) == least);
    let chosen = *(0..useful.len()).collect::<Vec<_>>().choose(random)?;
    Some(useful.swap_remove(chosen))
}
