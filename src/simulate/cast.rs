//! Which services a simulation plays with, and what they stand behind.

use std::sync::Arc;

use crate::{
    contract::sites::SiteRules,
    patrol::load::Loaded,
    profile::services::{Service, Services},
};

/// Keeps so many services, evenly chosen; all that are visited where there are fewer. Three of four stand behind a link,
/// spread over all of them; three of ten behind the first of their ten.
pub fn serve(loaded: &mut Loaded, wanted: usize) {
    loaded.services = Arc::new(chosen(loaded, wanted));
    // The rule on sites asks for each visit by itself.
    loaded.site_rules = Arc::new(SiteRules::default());
}

fn chosen(loaded: &Loaded, wanted: usize) -> Services {
    // What others tell of is not visited, and steps are several pages.
    let is_visited = |service: &&Arc<Service>| service.feed().is_none() && service.check.steps().is_none();
    let all: Vec<&Arc<Service>> = loaded.services.list.iter().filter(is_visited).collect();
    let (wanted, links) = (wanted.min(all.len()), &loaded.inventory.links);
    let mut list: Vec<Service> = (0..wanted).map(|number| Service::clone(all[number * all.len() / wanted])).collect();
    let ids: Vec<String> = list.iter().map(|service| service.id.clone()).collect();
    for (number, service) in list.iter_mut().enumerate() {
        let link = links.get(number * links.len() / wanted).filter(|_| number % 4 != 3);
        let before = (1..=3).contains(&(number % 10)).then(|| ids[number - number % 10].clone());
        service.depends_on = link.map(|link| link.id.to_string()).into_iter().chain(before).collect();
        // Nothing may be silent without being told of.
        service.backup = None;
    }
    Services { list: list.into_iter().map(Arc::new).collect(), limits: loaded.services.limits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, diagnostic::Findings, patrol::load};

    #[test]
    fn two_hundred_services_stand_behind_links_and_each_other() {
        let (loaded, _) = load::load(Config::shipped(), Findings::default());
        let mut loaded = loaded.unwrap();
        serve(&mut loaded, 200);
        let list = &loaded.services.list;
        let behind = |count| list.iter().filter(|service| service.depends_on.len() == count).count();
        assert_eq!((list.len(), behind(0), behind(1), behind(2)), (200, 30, 130, 40));
        serve(&mut loaded, 0);
        assert!(loaded.services.list.is_empty());
    }
}
