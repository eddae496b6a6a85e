//! What a demo plays with: the files of a synthetic inventory, cut to size, and the world that a story makes of it.

use std::{path::Path, sync::Arc, time::Duration};

use super::{cast::unknown, sites::plan::Plan, story::Story, world::WITNESSES, world::World};
use crate::{
    config::{Config, Witness},
    contract::sites::{Group, SiteRules},
    diagnostic::{Code, Diagnostic, Findings, Place},
    patrol::load::{self, Loaded},
    profile::services::Services,
    text::Message,
};

/// Reads the files. The city's own witnesses take the place of those of the configuration, and the services in the folder
/// `sites` that of the inventory's, which stand nowhere.
pub fn load(config: &Config, links: Option<usize>, sites: Option<&Path>) -> Result<Loaded, Vec<Diagnostic>> {
    let witness = |(name, address): (&str, _)| Witness { name: name.into(), address };
    let witnesses = ["city-v4", "city-v6"].into_iter().zip(WITNESSES).map(witness).collect();
    let (loaded, mut findings) = load::load(Config { witnesses, ..config.clone() }, Findings::default());
    let Some(mut loaded) = loaded else { return Err(findings) };
    if !loaded.inventory.synthetic {
        let mut refused = Findings::default();
        let place = Place::whole(loaded.inventory.folder.join("inventory.yaml"));
        refused.error(place, Code::NOT_SYNTHETIC, Message::DemoNotSynthetic, Message::DemoNotSyntheticHelp);
        findings.extend(refused.into_sorted());
        return Err(findings);
    }
    if let Some(links) = links {
        shorten(&mut loaded, links);
    }
    if let Some(folder) = sites {
        settle(&mut loaded, folder)?;
    }
    Ok(loaded)
}

/// A city renews a certificate in a moment, where people take a day.
const RENEWED_WITHIN: Duration = Duration::from_secs(5);

/// Lets the services in `folder` be those that are visited.
pub fn settle(loaded: &mut Loaded, folder: &Path) -> Result<(), Vec<Diagnostic>> {
    let mut findings = Findings::default();
    let services = Services::load(folder, &loaded.contract.terms, None, &mut findings);
    if findings.has_errors() {
        return Err(findings.into_sorted());
    }
    loaded.services = Arc::new(services);
    let mut rules = SiteRules::clone(&loaded.site_rules);
    // Nothing but visits: the sites of a city are poor reading.
    rules.crawl = None;
    rules.certificate_group = rules.certificate_group.map(|_| Group { renewed_within: RENEWED_WITHIN });
    loaded.site_rules = Arc::new(rules);
    Ok(())
}

/// Reads the story, the built-in one without a file, and casts it.
pub fn world(file: Option<&Path>, loaded: &Loaded, seed: u64) -> Result<(String, World, Plan), Vec<Diagnostic>> {
    let mut findings = Findings::default();
    let story = Story::read(file, &mut findings);
    let plan = story.as_ref().map(|story| Plan::of(story, &mut findings)).unwrap_or_default();
    let Some(story) = story.filter(|_| !findings.has_errors()) else { return Err(findings.into_sorted()) };
    let decides = |kind| loaded.contract.measuring_point(kind);
    match World::build(&loaded.inventory, &decides, &story.value, seed) {
        Ok(world) => Ok((story.value.name, world, plan)),
        Err(missing) => {
            missing.iter().for_each(|missing| unknown(missing, &story, &mut findings));
            Err(findings.into_sorted())
        }
    }
}

/// Keeps so many links, evenly chosen, so that every kind and duct keeps its share.
fn shorten(loaded: &mut Loaded, links: usize) {
    let Some(inventory) = Arc::get_mut(&mut loaded.inventory) else { return };
    let all = std::mem::take(&mut inventory.links);
    let wanted = links.min(all.len());
    let (mut place, mut point, mut measures) = (0, 0, vec![]);
    for (number, mut link) in all.iter().cloned().enumerate() {
        if number != place * all.len() / wanted.max(1) || place == wanted {
            continue;
        }
        let first = link.first_point.at();
        measures.extend_from_slice(&loaded.measures[first..first + link.points.len()]);
        link.first_point.0 = point;
        point += crate::diagnostic::count(link.points.len());
        inventory.links.push(link);
        place += 1;
    }
    loaded.measures = measures;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{Kind, LinkIndex};

    #[test]
    fn a_smaller_city_keeps_its_shares_and_its_numbers_are_dense() {
        let loaded = load(&Config::shipped(), Some(300), None).unwrap();
        let inventory = &loaded.inventory;
        let count = |kind| inventory.links.iter().filter(|link| link.kind == kind).count();
        assert_eq!((inventory.links.len(), Kind::ALL.map(count)), (300, [29, 23, 248]));
        let mut next = 0;
        for link in &inventory.links {
            assert_eq!(link.first_point.at(), next);
            next += link.points.len();
        }
        assert_eq!(loaded.measures.len(), next);
        assert_eq!(loaded.plan(None).points.len(), next + WITNESSES.len());
    }

    #[test]
    fn the_same_seed_casts_the_same_story() {
        let loaded = load(&Config::shipped(), None, None).unwrap();
        let cast = |seed| -> Vec<Vec<LinkIndex>> {
            let (_, world, _) = world(None, &loaded, seed).unwrap();
            world.happenings().iter().map(|happening| happening.links.clone()).collect()
        };
        assert_eq!(cast(3), cast(3));
        assert_ne!(cast(3), cast(4));
    }
}
