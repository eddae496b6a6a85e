//! Counters of interfaces through a month: a witness that is no probe.
//!
//! In: increases of counters over spans in which the link was up. Out: whether they prove the loss that probes saw.
//! Pure.
//!
//! Errors are made by the line, and discards by the queue of the device that counts them: those of the carrier's device
//! are the carrier's, while those of our own say that we sent more than the line takes, and accuse nobody.

use serde::{Deserialize, Serialize};

use super::quality::{Course, Terms, is_default};
use crate::{
    command::{InterfaceCounts, NotTaken, Owner, Traffic},
    judge::proof::Standing,
    units::{LossRatio, Ppm, Timestamp},
};

/// Both ends of a link, told of by two systems.
const MOST: usize = 4;
/// Longest name, in characters.
const NAME: usize = 64;
/// Longest span: the hour is what loss is judged by.
const SPAN_MILLIS: i64 = 3_600_000;
/// More packets than an interface of 1.6 Tbit/s forwards in an hour, and octets of as many full frames.
const MOST_PACKETS: u64 = 10_000_000_000_000;
const MOST_OCTETS: u64 = 1_000_000_000_000_000;

/// One interface through a month.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Interface {
    source: String,
    name: String,
    owner: Owner,
    /// What it has told of ends here.
    until: Timestamp,
    inward: Direction,
    outward: Direction,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Direction {
    counted: Traffic,
    /// Lost by whoever runs the line.
    line: Course,
    /// Discarded by our own device.
    #[serde(default, skip_serializing_if = "is_default")]
    queue: Course,
}

/// What an interface says of a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InterfaceEvidence {
    pub source: String,
    pub interface: String,
    pub owner: Owner,
    #[serde(rename = "in")]
    pub inward: Traffic,
    #[serde(rename = "out")]
    pub outward: Traffic,
    /// Its counters prove the loss too.
    pub agrees: bool,
}

/// Whether a span can be an hour's evidence.
///
/// # Errors
/// Why it cannot.
pub(super) fn check(source: &str, counts: &InterfaceCounts, now: Timestamp) -> Result<(), NotTaken> {
    let is_name = |name: &str| (1..=NAME).contains(&name.trim().chars().count());
    let sane = |traffic: &Traffic| {
        let Traffic { octets, packets, discards, errors } = *traffic;
        octets <= MOST_OCTETS && [packets, discards, errors].iter().all(|count| *count <= MOST_PACKETS)
    };
    let outward = &counts.outward;
    if !is_name(source) || !is_name(&counts.interface) {
        return Err(NotTaken::WrongName);
    }
    if !(1..=SPAN_MILLIS).contains(&counts.to.0.saturating_sub(counts.from.0)) || counts.to > now {
        return Err(NotTaken::WrongSpan);
    }
    if !sane(&counts.inward) || !sane(outward) || outward.discards + outward.errors > outward.packets {
        return Err(NotTaken::WrongCounts);
    }
    Ok(())
}

/// Adds what was counted.
///
/// # Errors
/// It was told of before, or as many interfaces are known as are held.
pub(super) fn count(known: &mut Vec<Interface>, source: &str, counts: &InterfaceCounts) -> Result<(), NotTaken> {
    let (source, name) = (source.trim(), counts.interface.trim());
    let is_it = |one: &Interface| (one.source.as_str(), one.name.as_str(), one.owner) == (source, name, counts.owner);
    let place = match known.iter().position(is_it) {
        Some(place) if counts.from < known[place].until => return Err(NotTaken::Repeated),
        Some(place) => place,
        None if known.len() >= MOST => return Err(NotTaken::TooManyInterfaces),
        None => {
            known.push(Interface {
                source: source.to_owned(),
                name: name.to_owned(),
                owner: counts.owner,
                until: counts.from,
                inward: Direction::default(),
                outward: Direction::default(),
            });
            known.len() - 1
        }
    };
    let interface = &mut known[place];
    interface.until = counts.to;
    let Traffic { packets, discards, errors, .. } = counts.inward;
    interface.inward.count(counts.inward, packets + discards + errors, counts.owner, counts.from);
    interface.outward.count(counts.outward, counts.outward.packets, counts.owner, counts.from);
    Ok(())
}

/// Adds those of a later month.
pub(super) fn add(known: &mut Vec<Interface>, month: &[Interface]) {
    for later in month {
        let is_it =
            |one: &&mut Interface| (&one.source, &one.name, one.owner) == (&later.source, &later.name, later.owner);
        match known.iter_mut().find(is_it) {
            Some(interface) => {
                interface.until = later.until;
                interface.inward.add(&later.inward);
                interface.outward.add(&later.outward);
            }
            None => known.push(later.clone()),
        }
    }
}

/// Whether counters prove loss that probes prove over so many hours: those of one interface at least, and none that says
/// that the loss is our own.
pub(super) fn agree(known: &[Interface], terms: &Terms, hours: u32) -> bool {
    let is_ours = |one: &Interface| one.directions().iter().any(|direction| direction.breaks_by_queue(terms));
    !known.iter().any(is_ours) && known.iter().any(|one| one.agrees(terms, hours))
}

impl Interface {
    fn directions(&self) -> [&Direction; 2] {
        [&self.inward, &self.outward]
    }

    /// A witness saw at least half of what the probes saw: a bad afternoon is no month.
    fn agrees(&self, terms: &Terms, hours: u32) -> bool {
        let proves = |direction: &&Direction| {
            let line = direction.line.so_far();
            line.hours.saturating_mul(2) >= hours
                && line.prove(terms.loss, terms.confidence).standing == Standing::Breached
        };
        self.directions().iter().any(proves)
    }

    pub(super) fn evidence(&self, terms: &Terms, hours: u32) -> InterfaceEvidence {
        InterfaceEvidence {
            source: self.source.clone(),
            interface: self.name.clone(),
            owner: self.owner,
            inward: self.inward.counted,
            outward: self.outward.counted,
            agrees: self.agrees(terms, hours),
        }
    }
}

impl Direction {
    fn count(&mut self, traffic: Traffic, offered: u64, owner: Owner, at: Timestamp) {
        self.counted += traffic;
        let (line, queue) = match owner {
            Owner::Carrier => (traffic.errors + traffic.discards, 0),
            Owner::Customer => (traffic.errors, traffic.discards),
        };
        self.line.count(line, offered, None, Ppm::default(), at);
        self.queue.count(queue, offered, None, Ppm::default(), at);
    }

    fn add(&mut self, month: &Self) {
        self.counted += month.counted;
        self.line.add(&month.line);
        self.queue.add(&month.queue);
    }

    /// Whatever the statistics: as soon as our own share alone is too large, the fault may be ours.
    fn breaks_by_queue(&self, terms: &Terms) -> bool {
        let (bad, all) = self.queue.counts();
        LossRatio::of(bad, all - bad).is_some_and(|ratio| ratio.breaks(terms.loss))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ledger::Quality, units::Limit};

    const HOUR: i64 = 3_600_000;
    const TERMS: Terms =
        Terms { loss: Limit::AtMost(Ppm(1_000)), slow: None, shaken: None, confidence: Ppm(999_900), alarm: Ppm(100) };

    /// Of a thousand packets, in and out.
    fn hour(nth: i64, owner: Owner, (errors, discards): (u64, u64)) -> InterfaceCounts {
        let inward = Traffic { octets: 64_000, packets: 1_000_000 - errors - discards, discards, errors };
        InterfaceCounts {
            link: "LL-0001".into(),
            interface: "Gi0/0/1".into(),
            owner,
            from: Timestamp(nth * HOUR),
            to: Timestamp((nth + 1) * HOUR),
            inward,
            outward: Traffic { packets: 1_000_000, ..inward },
        }
    }

    /// Whether an interface that told so many hours agrees with probes that measured 72.
    fn agreed(hours: i64, owner: Owner, bad: (u64, u64)) -> bool {
        let mut known = vec![];
        (0..hours).for_each(|nth| count(&mut known, "nms", &hour(nth, owner, bad)).unwrap());
        agree(&known, &TERMS, 72)
    }

    #[test]
    fn errors_of_the_line_and_discards_of_the_carrier_agree_and_our_own_queue_does_not() {
        assert!(agreed(72, Owner::Carrier, (10_000, 0)) && agreed(72, Owner::Carrier, (0, 10_000)));
        assert!(agreed(72, Owner::Customer, (10_000, 0)), "faulty packets came in from the line");
        assert!(!agreed(72, Owner::Customer, (0, 10_000)), "we sent more than the line takes");
        assert!(!agreed(72, Owner::Customer, (10_000, 10_000)), "it may be ours");
        assert!(!agreed(72, Owner::Carrier, (0, 0)) && !agreed(72, Owner::Carrier, (500, 500)), "at the limit");
        assert!(agreed(36, Owner::Carrier, (10_000, 0)) && !agreed(35, Owner::Carrier, (10_000, 0)), "half of it");
        assert!(!agree(&[], &TERMS, 72), "nobody counted");
    }

    #[test]
    fn what_is_told_twice_counts_once_and_no_link_has_many_interfaces() {
        let mut quality = Quality::default();
        let counts = hour(5, Owner::Carrier, (1, 2));
        assert_eq!(quality.count_interface("nms", &counts), Ok(()));
        assert_eq!(quality.count_interface(" nms ", &counts), Err(NotTaken::Repeated));
        let earlier = hour(4, Owner::Carrier, (1, 2));
        assert_eq!(quality.count_interface("nms", &earlier), Err(NotTaken::Repeated), "oldest first");
        for source in ["a", "b", "c"] {
            assert_eq!(quality.count_interface(source, &counts), Ok(()));
        }
        assert_eq!(quality.count_interface("d", &counts), Err(NotTaken::TooManyInterfaces));
        let stored: Quality = serde_json::from_str(&serde_json::to_string(&quality).unwrap()).unwrap();
        assert_eq!(stored, quality);
        let evidence = stored.evidence(&TERMS);
        assert_eq!((evidence.len(), evidence[0].inward.errors, evidence[0].agrees), (4, 1, false));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let (good, now) = (hour(1, Owner::Carrier, (0, 0)), Timestamp(2 * HOUR));
        assert_eq!(check("nms", &good, now), Ok(()));
        assert_eq!(check(" ", &good, now), Err(NotTaken::WrongName));
        assert_eq!(
            check("nms", &InterfaceCounts { interface: "x".repeat(65), ..good.clone() }, now),
            Err(NotTaken::WrongName)
        );
        assert_eq!(check("nms", &good, Timestamp(now.0 - 1)), Err(NotTaken::WrongSpan), "of the future");
        for (from, to) in [(HOUR, HOUR), (HOUR, 0), (HOUR - 1, 2 * HOUR), (i64::MIN, i64::MAX)] {
            let span = InterfaceCounts { from: Timestamp(from), to: Timestamp(to), ..good.clone() };
            assert_eq!(check("nms", &span, Timestamp(i64::MAX)), Err(NotTaken::WrongSpan));
        }
        let of = |inward, outward| check("nms", &InterfaceCounts { inward, outward, ..good.clone() }, now);
        let none = Traffic::default();
        assert_eq!(of(Traffic { errors: u64::MAX, ..none }, none), Err(NotTaken::WrongCounts));
        assert_eq!(of(none, Traffic { packets: 5, errors: 3, discards: 3, ..none }), Err(NotTaken::WrongCounts));
        assert_eq!(of(Traffic { errors: 9, ..none }, none), Ok(()), "nothing but faulty packets came in");
    }
}
