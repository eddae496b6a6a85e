//! The story file of a city: what goes wrong, where, and when.
//!
//! In: the text of a `tests/cities/*.yaml`. Out: a [`Story`]. Places are still names or `random` here; [`super::cast`]
//! finds them in an inventory.
//!
//! docs/demo.md has the format for those who write one.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Deserializer};
use serde_yaml::with::singleton_map;

use super::sites::plan::{Shared, Site, SiteEvent};
use crate::{
    diagnostic::{
        Findings, Source,
        yaml::{self, Document, duration, percent},
    },
    units::Ppm,
};

/// What happens in a city.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Story {
    pub name: String,
    /// Random loss of every point at all times.
    #[serde(default, deserialize_with = "percent")]
    pub loss: Ppm,
    #[serde(default)]
    pub events: Vec<Event>,
    /// Government sites, served on loopback.
    #[serde(default)]
    pub sites: Vec<Site>,
    #[serde(default)]
    pub site_events: Vec<SiteEvent>,
    pub shared_certificate: Option<Shared>,
}

impl Story {
    /// The story in `file`, or the one that is built in. `None`, with findings, when it cannot be used.
    pub fn read(file: Option<&Path>, findings: &mut Findings) -> Option<Document<Self>> {
        match file {
            Some(file) => yaml::read(file, findings),
            None => {
                let bytes = include_bytes!("default.yaml").to_vec();
                yaml::decode(&Source { file: Path::new("default.yaml").into(), bytes }, findings)
            }
        }
    }
}

/// One thing that goes wrong, and comes right again.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    #[serde(deserialize_with = "duration")]
    pub at: Duration,
    #[serde(rename = "for", deserialize_with = "duration")]
    pub lasts: Duration,
    #[serde(rename = "where", default, with = "singleton_map")]
    pub place: Where,
    #[serde(with = "singleton_map")]
    pub what: Fault,
}

/// Where it happens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Where {
    #[default]
    Everything,
    /// So many links, chosen at random.
    Links(usize),
    Link(Pick),
    /// A segment that is a duct.
    Duct(Pick),
    /// Any shared risk: a duct, a POP, a provider's edge.
    Segment(Pick),
    Carrier(Pick),
    Unit(Pick),
}

/// One of its kind: by id, or any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    Random,
    Id(String),
}

impl<'de> Deserialize<'de> for Pick {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Ok(if text == "random" { Self::Random } else { Self::Id(text) })
    }
}

/// What goes wrong. The table in docs/demo.md says what each does.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    Cut,
    Isolate,
    Flap(#[serde(deserialize_with = "duration")] Duration),
    Loss(#[serde(deserialize_with = "percent")] Ppm),
    Burst(Burst),
    Delay(Delay),
    Duplicate(#[serde(deserialize_with = "percent")] Ppm),
    Reorder(Held),
    Late(Held),
    Corrupt(#[serde(deserialize_with = "percent")] Ppm),
    WrongSource(#[serde(deserialize_with = "percent")] Ppm),
    Hops(u8),
    AnswersPerSecond(u32),
}

impl Fault {
    /// As the story writes it: `answers_per_second`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Isolate => "isolate",
            Self::Flap(_) => "flap",
            Self::Loss(_) => "loss",
            Self::Burst(_) => "burst",
            Self::Delay(_) => "delay",
            Self::Duplicate(_) => "duplicate",
            Self::Reorder(_) => "reorder",
            Self::Late(_) => "late",
            Self::Corrupt(_) => "corrupt",
            Self::WrongSource(_) => "wrong_source",
            Self::Hops(_) => "hops",
            Self::AnswersPerSecond(_) => "answers_per_second",
        }
    }
}

/// A Gilbert-Elliott channel in continuous time: both states last exponentially long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// Mean time from the end of one burst to the start of the next.
    #[serde(deserialize_with = "duration")]
    pub every: Duration,
    /// Mean length of a burst.
    #[serde(deserialize_with = "duration")]
    pub lasting: Duration,
    /// Loss inside a burst.
    #[serde(deserialize_with = "percent")]
    pub lose: Ppm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    #[serde(deserialize_with = "duration")]
    pub by: Duration,
    /// Mean of a further, exponential delay.
    #[serde(default, deserialize_with = "duration")]
    pub jitter: Duration,
}

/// A share of answers that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    #[serde(deserialize_with = "percent")]
    pub share: Ppm,
    #[serde(deserialize_with = "duration")]
    pub by: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        demo::cast::{cast, unknown},
        inventory::Inventory,
        text::Language,
    };

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    #[test]
    fn every_shipped_story_plays_in_the_shipped_city() {
        let mut findings = Findings::default();
        let city = Inventory::load(&root().join("inventories/xuchang"), &mut findings).unwrap();
        let files = std::fs::read_dir(root().join("tests/cities")).unwrap();
        let files: Vec<_> = files.map(|entry| Some(entry.unwrap().path())).chain([None]).collect();
        for file in files {
            let mut findings = Findings::default();
            let story = Story::read(file.as_deref(), &mut findings);
            assert!(!findings.has_errors(), "{:?}", findings.into_sorted());
            let happenings = cast(&story.unwrap().value, &city, 1).unwrap();
            assert!(happenings.iter().all(|happening| !happening.links.is_empty()));
        }
    }

    #[test]
    fn the_built_in_story_shows_every_fault_within_three_minutes() {
        let story = Story::read(None, &mut Findings::default()).unwrap().value;
        let told: std::collections::BTreeSet<_> = story.events.iter().map(|event| event.what.name()).collect();
        assert_eq!(told.len(), 13, "{told:?}");
        assert!(story.events.iter().all(|event| event.at + event.lasts <= Duration::from_secs(180)));
        let early =
            |event: &&Event| event.at >= Duration::from_secs(5) && event.at + event.lasts <= Duration::from_secs(40);
        assert!(story.events.iter().filter(early).filter(|event| event.what == Fault::Cut).count() >= 8);
    }

    #[test]
    fn a_wrong_story_names_every_place() {
        let text = "name: wrong\nevents:\n  - { at: soon, for: 5s, what: cut }\n  - { at: 1s, for: 5s, where: { road: 1 }, what: cut }\n  - { at: 1s, for: 5s, what: { loss: most } }\n  - { at: 1s, for: 5s, where: { unit: U99 }, what: cut }\n";
        let source = Source { file: Path::new("wrong.yaml").into(), bytes: text.into() };
        let mut findings = Findings::default();
        let story = yaml::decode::<Story>(&source, &mut findings).unwrap();
        let missing = cast(&story.value, &crate::demo::town::town(4), 1).unwrap_err();
        missing.iter().for_each(|missing| unknown(missing, &story, &mut findings));
        let told: Vec<_> = findings.into_sorted().iter().map(|finding| finding.print(Language::En)).collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
