//! The simulated city: what comes back when an address is asked at a moment. Pure and seeded.
//!
//! In: an inventory, a story, a seed; then requests and moments. Out: the answers, each with its delay; and
//! the truth about every cut. Never: a packet, a clock, or anything that the product concluded.
//!
//! Each place has random numbers of its own, so how it answers does not depend on what else was asked.

use std::{collections::HashMap, hash::Hasher, net::IpAddr, time::Duration};

use rand::{SeedableRng, rngs::SmallRng};
use siphasher::sip::SipHasher13;

use super::{
    cast::{Happening, NoSuchPlace, cast},
    story::{Fault, Story},
    weather::{Answer, Bucket, Channel, Nature, bend, hits},
};
use crate::{
    inventory::{Inventory, Kind, LinkIndex, Role, Target},
    units::Ppm,
};

/// Inside the city, beside our own end: they answer unless the vantage is isolated.
pub const WITNESSES: [IpAddr; 2] = [
    IpAddr::V4(std::net::Ipv4Addr::new(198, 19, 254, 2)),
    IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 2, 0, 0xffff, 0, 0, 0, 2)),
];

pub struct World {
    spots: HashMap<IpAddr, Spot>,
    happenings: Vec<Happening>,
    /// By happening: what its control plane has left to answer.
    buckets: Vec<Bucket>,
    loss: Ppm,
}

/// Whatever answers at one address: a point of a link, or of several that share the device.
struct Spot {
    owners: Vec<(LinkIndex, Role)>,
    nature: Nature,
    random: SmallRng,
    touches: Vec<Touch>,
}

/// A happening that reaches a spot.
struct Touch {
    happening: usize,
    /// Owners of the spot that lose their way to it while this cuts.
    owners: Vec<usize>,
    channel: Channel,
}

impl World {
    /// `decides` names the measuring point of a kind of link.
    pub fn build(
        inventory: &Inventory,
        decides: &dyn Fn(Kind) -> Role,
        story: &Story,
        seed: u64,
    ) -> Result<Self, Vec<NoSuchPlace>> {
        let happenings = cast(story, inventory, seed)?;
        let mut spots = spots(inventory, seed);
        for (number, happening) in happenings.iter().enumerate() {
            touch(&mut spots, number, happening, inventory, decides);
        }
        let buckets = vec![Bucket::default(); happenings.len()];
        Ok(Self { spots, happenings, buckets, loss: story.loss })
    }

    pub fn happenings(&self) -> &[Happening] {
        &self.happenings
    }

    /// What comes back to an echo request that reaches `to` at `now`. Nobody answers at unknown addresses.
    pub fn answer(&mut self, to: IpAddr, now: Duration) -> Vec<Answer> {
        let Self { spots, happenings, buckets, loss } = self;
        let Some(spot) = spots.get_mut(&to) else { return vec![] };
        if spot.cut_at(now, happenings) || hits(*loss, &mut spot.random) {
            return vec![];
        }
        let mut answers = vec![spot.nature.answer(&mut spot.random)];
        for Touch { happening, channel, .. } in &mut spot.touches {
            if happenings[*happening].lasts_at(now) {
                let fault = &happenings[*happening].fault;
                bend(fault, &mut answers, now, channel, &mut buckets[*happening], &mut spot.random);
            }
        }
        answers
    }
}

impl Spot {
    fn new(owner: &str, nature: impl FnOnce(&mut SmallRng) -> Nature, seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(mix(seed, owner));
        Self { owners: vec![], nature: nature(&mut random), random, touches: vec![] }
    }

    /// A spot is silent when none of its owners can reach it.
    fn cut_at(&self, now: Duration, happenings: &[Happening]) -> bool {
        let mut reached = vec![true; self.owners.len()];
        for touch in self.touches.iter().filter(|touch| happenings[touch.happening].cuts_at(now)) {
            if touch.owners.is_empty() {
                return true;
            }
            touch.owners.iter().for_each(|owner| reached[*owner] = false);
        }
        !reached.is_empty() && reached.iter().all(|reached| !reached)
    }
}

/// A spot for every address of the inventory, and the witnesses.
fn spots(inventory: &Inventory, seed: u64) -> HashMap<IpAddr, Spot> {
    let mut spots = HashMap::new();
    for (index, link) in (0..).map(LinkIndex).zip(&inventory.links) {
        for point in &link.points {
            let Target::Address(address) = point.target else { continue };
            let name = format!("{}/{}", link.id, point.role.as_str());
            let nature = |random: &mut SmallRng| Nature::draw(link.kind, point.role, random);
            let spot = spots.entry(address).or_insert_with(|| Spot::new(&name, nature, seed));
            spot.owners.push((index, point.role));
        }
    }
    for address in WITNESSES {
        let nature = |random: &mut SmallRng| Nature::draw(Kind::Private, Role::Near, random);
        spots.insert(address, Spot::new(&address.to_string(), nature, seed));
    }
    spots
}

/// Ties a happening to the spots that it reaches.
fn touch(
    spots: &mut HashMap<IpAddr, Spot>,
    number: usize,
    happening: &Happening,
    inventory: &Inventory,
    decides: &dyn Fn(Kind) -> Role,
) {
    let mut reach = |address: IpAddr, owner: Option<(LinkIndex, Role)>| {
        let Some(spot) = spots.get_mut(&address) else { return };
        if spot.touches.last().is_none_or(|touch| touch.happening != number) {
            spot.touches.push(Touch { happening: number, owners: vec![], channel: Channel::default() });
        }
        let place = spot.owners.iter().position(|other| Some(*other) == owner);
        if let (Some(touch), Some(place)) = (spot.touches.last_mut(), place) {
            touch.owners.push(place);
        }
    };
    for index in &happening.links {
        let link = &inventory.links[index.at()];
        let broken = broken_from(happening, link.id.as_str(), decides(link.kind));
        for point in link.points.iter().filter(|point| point.role >= broken) {
            if let Target::Address(address) = point.target {
                reach(address, Some((*index, point.role)));
            }
        }
    }
    if happening.fault == Fault::Isolate {
        WITNESSES.into_iter().for_each(|address| reach(address, None));
    }
}

/// The first role of a link that a happening reaches: all behind it are reached too.
///
/// Never behind the measuring point, so that each cut is one for the contract.
fn broken_from(happening: &Happening, link: &str, measuring_point: Role) -> Role {
    let gateway_side = || mix(0, link) & 1 == 0;
    let wanted = match happening.scope {
        _ if happening.fault == Fault::Isolate => Role::Near,
        "carrier" | "everything" => Role::CarrierGateway,
        "link" if gateway_side() => Role::CarrierGateway,
        _ => Role::Far,
    };
    wanted.min(measuring_point)
}

fn mix(seed: u64, name: &str) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(seed, 0);
    hasher.write(name.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::{
        town::{address, town},
        weather::Reply,
    };

    fn second(second: f64) -> Duration {
        Duration::from_secs_f64(second)
    }

    /// A town of 40 links with these events.
    fn world(events: &str, seed: u64) -> World {
        let story = serde_yaml::from_str(&format!("{{ name: test, events: [{events}] }}")).unwrap();
        World::build(&town(40), &|_| Role::Far, &story, seed).unwrap()
    }

    /// Asks the far end of a link every 100 ms for a minute: answers by request.
    fn minute(world: &mut World, link: u32) -> Vec<Vec<Answer>> {
        (0..600).map(|tick| world.answer(address(link, Role::Far), second(f64::from(tick) / 10.0))).collect()
    }

    fn share(answers: &[Vec<Answer>], counts: impl Fn(&Vec<Answer>) -> bool) -> f64 {
        answers.iter().filter(|answers| counts(answers)).count() as f64 / answers.len() as f64
    }

    #[test]
    fn the_same_seed_gives_the_same_city_whatever_else_is_asked() {
        let events = "{ at: 0s, for: 1m, where: { links: 20 }, what: { loss: 20 % } }";
        let (mut one, mut other) = (world(events, 7), world(events, 7));
        minute(&mut other, 4);
        assert_eq!(minute(&mut one, 3), minute(&mut other, 3));
        assert_ne!(minute(&mut one, 3), minute(&mut world(events, 8), 3));
    }

    #[test]
    fn delays_are_those_of_the_kind_of_line() {
        let mut city = world("", 1);
        for link in 0..40 {
            let (least, most) = [(0.1, 2.0), (5.0, 30.0), (2.0, 20.0)][link as usize % 3];
            for answer in minute(&mut city, link).concat() {
                let millis = answer.after.as_secs_f64() * 1e3;
                assert!((least..most * 2.0).contains(&millis), "link {link}: {millis} ms");
            }
        }
    }

    #[test]
    fn nobody_lives_at_an_unknown_address() {
        assert_eq!(world("", 1).answer("198.18.200.200".parse().unwrap(), second(1.0)), vec![]);
    }

    #[test]
    fn a_cut_silences_its_links_from_its_first_to_its_last_moment() {
        let mut city = world("{ at: 5s, for: 8s, where: { segment: duct-1 }, what: cut }", 1);
        let inside = |link: u32| link % 4 == 1;
        for link in 0..40 {
            let mut answers = |at| city.answer(address(link, Role::Far), second(at)).len();
            assert_eq!([answers(4.999), answers(13.0)], [1, 1]);
            assert_eq!([answers(5.0), answers(12.999)], if inside(link) { [0, 0] } else { [1, 1] });
        }
        assert_eq!(city.answer(address(1, Role::Near), second(6.0)).len(), 1, "our own end still answers");
    }

    #[test]
    fn only_isolation_silences_the_witnesses() {
        let mut city = world("{ at: 1s, for: 2s, what: cut }, { at: 5s, for: 2s, what: isolate }", 1);
        for (at, answers) in [(2.0, [1, 0]), (6.0, [0, 0]), (8.0, [1, 1])] {
            let found = [WITNESSES[0], address(7, Role::Far)].map(|to| city.answer(to, second(at)).len());
            assert_eq!(found, answers, "at {at} s");
        }
    }

    #[test]
    fn a_flap_is_cut_for_the_first_half_of_each_period() {
        let mut city = world("{ at: 2s, for: 12s, where: { link: LL-0009 }, what: { flap: 4s } }", 1);
        let up = [2.1, 3.9, 4.1, 5.9, 6.1, 13.9, 14.1].map(|at| city.answer(address(9, Role::Far), second(at)).len());
        assert_eq!(up, [0, 0, 1, 1, 0, 1, 1]);
        let cuts = city.happenings()[0].cuts();
        assert_eq!(cuts, [(2.0, 4.0), (6.0, 8.0), (10.0, 12.0)].map(|(from, to)| (second(from), second(to))));
    }

    #[test]
    fn random_loss_has_its_share_and_bursts_have_their_length() {
        let everywhere = |what: &str| world(&format!("{{ at: 0s, for: 1m, what: {what} }}"), 3);
        let lost = |city: &mut World| (0..40).flat_map(|link| minute(city, link)).collect::<Vec<_>>();
        let random = lost(&mut everywhere("{ loss: 5 % }"));
        assert!((share(&random, Vec::is_empty) - 0.05).abs() < 0.005);

        let mut city = everywhere("{ burst: { every: 4s, lasting: 1s, lose: 80 % } }");
        let burst = lost(&mut city);
        // In the bad state a fifth of the time, less the start in the good one.
        assert!((0.13..0.19).contains(&share(&burst, Vec::is_empty)), "{}", share(&burst, Vec::is_empty));
        let after_loss: Vec<_> =
            burst.windows(2).filter(|pair| pair[0].is_empty()).map(|pair| pair[1].clone()).collect();
        // 100 ms later the channel is still bad with about 0.9, and loses with 0.8.
        assert!((0.66..0.80).contains(&share(&after_loss, Vec::is_empty)), "{}", share(&after_loss, Vec::is_empty));
    }

    #[test]
    fn answers_are_bent_as_the_story_says() {
        let bent = |what: &str| {
            let mut city = world(&format!("{{ at: 0s, for: 1m, where: {{ link: LL-0002 }}, what: {what} }}"), 5);
            (minute(&mut world("", 5), 2)[0][0].clone(), minute(&mut city, 2))
        };
        let near = |share: f64, wanted: f64| assert!((share - wanted).abs() < 0.05, "{share} is not about {wanted}");
        near(share(&bent("{ duplicate: 30 % }").1, |answers| answers.len() == 2), 0.3);
        near(share(&bent("{ corrupt: 30 % }").1, |answers| answers[0].kind == Reply::Corrupt), 0.3);
        let held = bent("{ late: { share: 30 %, by: 1500ms } }").1;
        near(share(&held, |answers| answers[0].after > second(1.5)), 0.3);
        let (fine, far) = bent("{ hops: 3 }");
        assert!(far.iter().all(|answers| answers[0].hop_limit == fine.hop_limit - 3));
        let slow = bent("{ delay: { by: 40ms, jitter: 5ms } }").1;
        assert!(slow.iter().all(|answers| answers[0].after > second(0.042)));
        near(share(&bent("{ answers_per_second: 4 }").1, Vec::is_empty), 0.6);
        near(share(&bent("{ wrong_source: 30 % }").1, |answers| answers[0].kind == Reply::WrongSource), 0.3);
    }

    #[test]
    fn random_places_keep_clear_of_each_other() {
        let cut = |at: u32, place: &str| format!("{{ at: {at}s, for: 5s, where: {{ {place}: random }}, what: cut }}");
        let events = [cut(5, "link"), cut(6, "link"), cut(7, "duct"), cut(9, "link")].join(",");
        for seed in 0..50 {
            let city = world(&events, seed);
            let mut links: Vec<_> = city.happenings().iter().flat_map(|happening| happening.links.clone()).collect();
            let all = links.len();
            links.sort_unstable();
            links.dedup();
            assert_eq!(links.len(), all, "seed {seed}");
        }
    }
}
