//! How links are judged: the objectives, tiers and switches of a contract that the engine works with.

use std::{sync::Arc, time::Duration};

use super::{
    Bound, Calendar, Class, ClassTier, Clock, Contract, Degraded, Figure, Grouping, Jitter, LinkTiers, MeasuringPoints,
    NOT_FROM_CONTRACT, Objective, Objectives, Proof, Quantity, Terms, Tier,
    limit::WrittenBound,
    resolve::Resolver,
    words::{ClockKind, Measure, Party, Period, Reach, Rounding},
    written::{Written, WrittenDegraded, WrittenLinks},
};
use crate::{
    diagnostic::{
        Code, Findings, Place, closest,
        yaml::{Document, Lasting, shortened},
    },
    inventory::{Inventory, Link, Role},
    text::{ContractText, Message},
    units::{Limit, Ppm, Rtt, duration_text},
};

// What holds where a file does not say: contracts were written, and journals kept, before these could be stated.
/// Tenths of `rtt`, so that a link at its limit does not flap.
const RTT_CLEAR_TENTHS: u32 = 9;
/// A digger, a fire or water needs minutes for a whole duct.
const NEXT_WITHIN: Duration = Duration::from_mins(2);
/// Then repair has begun.
const REGROUP_WITHIN: Duration = Duration::from_mins(30);
/// A parent may be probed that much less often than what depends on it.
const PARENT_LATE: Duration = Duration::from_mins(2);
/// A network comes back line by line: what still is down after that has a cause of its own.
const NETWORK_SETTLE: Duration = Duration::from_mins(5);
/// Five answers over five seconds, and as long again for a slow point.
const RECOVERY_PROOF: Duration = Duration::from_secs(10);
/// Of services whose folder has no links: what one stands behind is visited as often, and is known to fail by then.
const GRACE: Duration = Duration::from_secs(3);
const GRACE_MOST: Duration = Duration::from_secs(15);

/// The contract of a folder with links. `None`, with findings, when the section `links:` is missing or wrong.
///
/// `whole`: the rest was read without an error, so that a name which is not in it is a finding of its own.
pub(super) fn contract(
    file: &Document<Written>,
    mut terms: Terms,
    whole: bool,
    findings: &mut Findings,
) -> Option<Contract> {
    let Some(written) = &file.value.links else {
        let help = ContractText::NoLinksSectionHelp.into();
        findings.error(file.place(""), Code::NO_LINKS_SECTION, ContractText::NoLinksSection.into(), help);
        return None;
    };
    let mut links = Links { file, written, terms: &terms, whole, findings };
    let objectives = links.objectives();
    let tiers = links.tiers();
    links.figures();
    let mut resolver =
        Resolver { file, contract: file, switches: &terms.switches, calendars: &terms.calendars, findings };
    let default = resolver.chosen("links.measuring_point.default", &written.measuring_point.default)?;
    let loss = resolver.loss("links.degraded.loss", &written.degraded.loss);
    let loss_clear = resolver.loss("links.degraded.loss_clear", &written.degraded.loss_clear);
    let (objectives, tiers) = (objectives?, tiers?);
    let degraded = Degraded {
        loss: loss?,
        loss_clear: loss_clear?,
        rtt: Rtt(written.degraded.rtt),
        rtt_clear: Rtt(rtt_clear(&written.degraded)),
    };
    let grouping = Grouping {
        grace: written.grouping.grace,
        grace_most: written.grouping.grace_most,
        scope_share: written.grouping.scope_share,
        next_within: unless_said(written.grouping.next_within, NEXT_WITHIN),
        regroup_within: unless_said(written.grouping.regroup_within, REGROUP_WITHIN),
        parent_late: unless_said(written.grouping.parent_late, PARENT_LATE),
        network_settle: unless_said(written.grouping.network_settle, NETWORK_SETTLE),
        recovery_proof: unless_said(written.grouping.recovery_proof, RECOVERY_PROOF),
    };
    terms.figures.extend(left_out(file, &degraded, &grouping));
    Some(Contract {
        name: terms.name.clone(),
        time_zone: terms.time_zone,
        requirement: written.requirement.clone(),
        objectives,
        tiers,
        measuring_points: MeasuringPoints {
            default: default.value,
            by_kind: written.measuring_point.by_kind.iter().map(|(kind, role)| (*kind, *role)).collect(),
        },
        proof: written
            .proof
            .map_or_else(Proof::default, |proof| Proof { confidence: proof.confidence, alarm: proof.alarm }),
        degraded,
        grouping,
        close_after: terms.closing.after.unwrap_or(Duration::MAX),
        terms,
    })
}

/// The contract of a folder without links. What it says of services holds; of links it says nothing that could be broken.
pub(super) fn none(terms: Terms) -> Contract {
    let said = || NOT_FROM_CONTRACT.to_owned();
    let tier = || Tier { level: 0, response: Duration::MAX, restore: Duration::MAX, clause: said() };
    let (loss, rtt) = (Limit::AtMost(Ppm(1_000_000)), Rtt(Duration::from_hours(1)));
    Contract {
        name: terms.name.clone(),
        time_zone: terms.time_zone,
        requirement: String::new(),
        objectives: Objectives {
            availability: Ppm(0),
            period: Period::Month,
            counting: vec![],
            rounding: Rounding::Truncate,
            reach: Reach::Link,
            rtt,
            loss,
            rtt_period: Period::Month,
            loss_period: Period::Month,
            jitter: None,
            clause: said(),
        },
        tiers: LinkTiers { network_share: Ppm(1_000_000), network: tier(), partial: tier() },
        measuring_points: MeasuringPoints { default: Role::Far, by_kind: vec![] },
        proof: Proof::default(),
        degraded: Degraded { loss, loss_clear: loss, rtt, rtt_clear: rtt },
        grouping: Grouping {
            grace: GRACE,
            grace_most: GRACE_MOST,
            scope_share: Ppm(1_000_000),
            next_within: NEXT_WITHIN,
            regroup_within: REGROUP_WITHIN,
            parent_late: PARENT_LATE,
            network_settle: NETWORK_SETTLE,
            recovery_proof: RECOVERY_PROOF,
        },
        close_after: terms.closing.after.unwrap_or(Duration::MAX),
        terms,
    }
}

struct Links<'a> {
    file: &'a Document<Written>,
    written: &'a WrittenLinks,
    terms: &'a Terms,
    whole: bool,
    findings: &'a mut Findings,
}

impl<'a> Links<'a> {
    fn objectives(&mut self) -> Option<Objectives> {
        let WrittenLinks { availability, rtt, loss, jitter, .. } = self.written;
        let jitter = jitter.as_deref().map(|id| self.jitter(id));
        let up = self.objective("availability", availability, Measure::Availability);
        let rtt = self.objective("rtt", rtt, Measure::Rtt);
        let loss = self.objective("loss", loss, Measure::Loss);
        let clause = up?.clause.clone();
        let mut period = |objective: &Objective| objective.civil_period(self.file, self.findings);
        let (rtt_period, loss_period, period) = (period(rtt?), period(loss?), period(up?));
        let counting = up?.counting();
        let availability = match up?.bound {
            Bound::AtLeast(Quantity::Share(share)) => Some(share),
            _ => self.wrong(up?),
        };
        let rtt = match rtt?.bound {
            Bound::AtMost(Quantity::Time(time)) => Some(Rtt(time)),
            _ => self.wrong(rtt?),
        };
        let loss = share_limit(loss?.bound).or_else(|| self.wrong(loss?));
        Some(Objectives {
            availability: availability?,
            period: period?,
            counting,
            rounding: up?.rounding(),
            reach: up?.reach.as_ref().map_or(Reach::Link, |chosen| chosen.value),
            rtt: rtt?,
            loss: loss?,
            rtt_period: rtt_period?,
            loss_period: loss_period?,
            jitter: match jitter {
                Some(jitter) => Some(jitter?),
                None => None,
            },
            clause,
        })
    }

    fn jitter(&mut self, id: &str) -> Option<Jitter> {
        let objective = self.objective("jitter", id, Measure::Jitter)?;
        let limit = match objective.bound {
            Bound::AtMost(Quantity::Time(time)) => Some(Rtt(time)),
            _ => self.wrong(objective),
        };
        Some(Jitter {
            limit: limit?,
            statistic: objective.statistic.as_ref().map(|chosen| chosen.value),
            period: objective.civil_period(self.file, self.findings)?,
            clause: objective.clause.clone(),
        })
    }

    fn wrong<V>(&mut self, objective: &Objective) -> Option<V> {
        let (id, measure) = (objective.id.clone(), objective.measure.as_str());
        let message = ContractText::WrongMeasure { objective: id, measure }.into();
        self.findings.error(objective.place.clone(), Code::LINK_TERMS, message, ContractText::WrongMeasureHelp.into());
        None
    }

    fn objective(&mut self, key: &str, id: &str, measure: Measure) -> Option<&'a Objective> {
        let found = self.terms.objectives.iter().find(|objective| objective.id == id && objective.measure == measure);
        if found.is_none() {
            let known = self.terms.objectives.iter().filter(|objective| objective.measure == measure);
            self.unknown(key, id, known.map(|objective| objective.id.clone()).collect());
        }
        found.filter(|objective| {
            let nothing = objective.bound.quantity().is_zero() && measure != Measure::Loss;
            if nothing {
                let place = self.file.place(&format!("{}.limit", objective.path));
                self.findings.error(place, Code::FIGURE_OF_NOTHING, Message::FigureIsZero, Message::FigureIsZeroHelp);
            }
            !nothing
        })
    }

    fn tiers(&mut self) -> Option<LinkTiers> {
        let class = self.terms.classes.iter().find(|class| class.id == self.written.class);
        let Some(class) = class else {
            self.unknown(
                "class",
                &self.written.class,
                self.terms.classes.iter().map(|class| class.id.clone()).collect(),
            );
            return None;
        };
        let network = self.named_tier(class, "network", &self.written.network);
        let partial = self.named_tier(class, "partial", &self.written.partial);
        let share = network?.when.share.as_ref().map_or(Ppm(1_000_000), |share| share.value);
        if share.0 == 0 {
            let place = self.file.place(&format!("{}.when.share", network?.path));
            self.findings.error(place, Code::FIGURE_OF_NOTHING, Message::FigureIsZero, Message::FigureIsZeroHelp);
        }
        let (at_network, at_partial) = (network?.place.clone(), partial?.place.clone());
        let (network, partial) = (self.tier(network?), self.tier(partial?));
        let (network, partial) = (network?, partial?);
        for (place, shorter, longer, holds) in [
            (&at_network, "network.response", "network.restore", network.response <= network.restore),
            (&at_partial, "partial.response", "partial.restore", partial.response <= partial.restore),
            (&at_network, "network.response", "partial.response", network.response <= partial.response),
            (&at_network, "network.restore", "partial.restore", network.restore <= partial.restore),
            (&at_network, "network.level", "partial.level", network.level < partial.level),
        ] {
            self.in_order(holds, place, shorter, longer);
        }
        Some(LinkTiers { network_share: share, network, partial })
    }

    fn named_tier(&mut self, class: &'a Class, key: &str, id: &str) -> Option<&'a ClassTier> {
        let found = class.tiers.iter().find(|tier| tier.id == id);
        if found.is_none() {
            self.unknown(key, id, class.tiers.iter().map(|tier| tier.id.clone()).collect());
        }
        found
    }

    fn tier(&mut self, tier: &ClassTier) -> Option<Tier> {
        let response = self.clock(tier, ClockKind::Response);
        let restore = self.clock(tier, ClockKind::Restore);
        let level = tier.level.or_else(|| self.no_clock(tier, ClockKind::Response));
        Some(Tier { level: level?, response: response?, restore: restore?, clause: tier.clause.clone() })
    }

    fn clock(&mut self, tier: &ClassTier, kind: ClockKind) -> Option<Duration> {
        let clock = tier.clocks_of(kind).find(|clock| clock.party == Party::Operator && clock.during.is_none());
        clock.and_then(Clock::length).or_else(|| self.no_clock(tier, kind))
    }

    fn no_clock<V>(&mut self, tier: &ClassTier, kind: ClockKind) -> Option<V> {
        let message = ContractText::NoSuchClock { clock: kind.as_str() }.into();
        self.findings.error(tier.place.clone(), Code::LINK_TERMS, message, ContractText::NoSuchClockHelp.into());
        None
    }

    fn figures(&mut self) {
        let WrittenLinks { degraded, grouping, proof, .. } = self.written;
        for (path, holds) in [
            ("links.degraded.rtt", !degraded.rtt.is_zero()),
            ("links.degraded.rtt_clear", degraded.rtt_clear.is_none_or(|Lasting(clear)| !clear.is_zero())),
            ("links.grouping.scope_share", grouping.scope_share.0 > 0),
            ("links.grouping.recovery_proof", grouping.recovery_proof.is_none_or(|Lasting(proof)| !proof.is_zero())),
            ("links.proof.confidence", proof.is_none_or(|proof| (500_000..1_000_000).contains(&proof.confidence.0))),
            ("links.proof.alarm", proof.is_none_or(|proof| (1..500_000).contains(&proof.alarm.0))),
        ] {
            if !holds {
                let place = self.file.place(path);
                self.findings.error(place, Code::FIGURE_OF_NOTHING, Message::FigureIsZero, Message::FigureIsZeroHelp);
            }
        }
        let place = self.file.place("links.degraded.rtt_clear");
        self.in_order(rtt_clear(degraded) <= degraded.rtt, &place, "rtt_clear", "rtt");
        let place = self.file.place("links.grouping.grace");
        self.in_order(grouping.grace <= grouping.grace_most, &place, "grace", "grace_most");
        let next = unless_said(grouping.next_within, NEXT_WITHIN);
        let regroup = unless_said(grouping.regroup_within, REGROUP_WITHIN);
        let place = self.file.place("links.grouping.next_within");
        self.in_order(next <= regroup, &place, "next_within", "regroup_within");
    }

    fn in_order(&mut self, holds: bool, place: &Place, smaller: &'static str, larger: &'static str) {
        if !holds {
            let message = Message::FiguresOutOfOrder { smaller, larger };
            let help = Message::FiguresOutOfOrderHelp { smaller, larger };
            self.findings.error(place.clone(), Code::ORDER_OF_FIGURES, message, help);
        }
    }

    fn unknown(&mut self, key: &str, id: &str, known: Vec<String>) {
        if !self.whole {
            return;
        }
        let closest = crate::diagnostic::closest(id, known.iter().map(String::as_str)).map(str::to_owned);
        let message = ContractText::UnknownName { name: id.to_owned() }.into();
        let place = self.file.place(&format!("links.{key}"));
        self.findings.error(place, Code::UNKNOWN_NAME, message, Message::Known { closest, known });
    }
}

impl<T> Resolver<'_, T> {
    fn loss(&mut self, path: &str, written: &WrittenBound) -> Option<Limit> {
        let bound = self.bound(path, written)?;
        let limit = share_limit(bound);
        if limit.is_none() {
            let (message, help) = (ContractText::BoundNotOne.into(), ContractText::BoundNotOneHelp.into());
            self.findings.error(self.file.place(path), Code::WRONG_VALUE, message, help);
        }
        limit
    }
}

fn rtt_clear(written: &WrittenDegraded) -> Duration {
    unless_said(written.rtt_clear, written.rtt * RTT_CLEAR_TENTHS / 10)
}

/// What holds and is not in the file, for people: it stands where the section does that it belongs to.
fn left_out(file: &Document<Written>, degraded: &Degraded, grouping: &Grouping) -> impl Iterator<Item = Figure> {
    let holds = [
        ("links.degraded.rtt_clear", degraded.rtt_clear.0),
        ("links.grouping.next_within", grouping.next_within),
        ("links.grouping.regroup_within", grouping.regroup_within),
        ("links.grouping.parent_late", grouping.parent_late),
        ("links.grouping.network_settle", grouping.network_settle),
        ("links.grouping.recovery_proof", grouping.recovery_proof),
    ];
    holds.into_iter().filter(|(key, _)| file.written(key).is_none()).map(|(key, value)| Figure {
        key: key.to_owned(),
        value: duration_text(value),
        clause: NOT_FROM_CONTRACT.to_owned(),
        switch: None,
        place: file.place(key),
    })
}

fn unless_said(written: Option<Lasting>, otherwise: Duration) -> Duration {
    written.map_or(otherwise, |Lasting(said)| said)
}

fn share_limit(bound: Bound) -> Option<Limit> {
    match bound {
        Bound::AtMost(Quantity::Share(most)) => Some(Limit::AtMost(most)),
        Bound::Below(Quantity::Share(edge)) => Some(Limit::Below(edge)),
        _ => None,
    }
}

impl Contract {
    /// An agreement is cited to its carrier and nobody else, so there has to be one of that name.
    pub fn check_carriers(&self, inventory: &Inventory, findings: &mut Findings) {
        let known = || inventory.carriers.iter().map(|carrier| carrier.id.as_str());
        for agreement in self.terms.agreements.iter().filter(|agreement| !known().any(|id| id == agreement.carrier)) {
            let message = ContractText::NoSuchCarrier { carrier: agreement.carrier.clone() }.into();
            let help = ContractText::NoSuchCarrierHelp.into();
            findings.error(agreement.place.clone(), Code::NO_SUCH_CARRIER, message, help);
        }
    }

    /// Calendar in whose hours the link may be silent.
    pub fn absence(&self, inventory: &Inventory, link: &Link) -> Option<&Arc<Calendar>> {
        let named = inventory.absence_of(link)?;
        self.terms.calendars.iter().find(|calendar| calendar.id == named.value)
    }

    /// Hours of expected absence are those of a calendar that exists.
    pub fn check_absences(&self, inventory: &Inventory, findings: &mut Findings) {
        let known = || self.terms.calendars.iter().map(|calendar| calendar.id.as_str());
        let units = inventory.units.iter().filter_map(|unit| unit.absence.as_ref());
        for absence in units.chain(inventory.links.iter().filter_map(|link| link.absence.as_ref())) {
            if !known().any(|id| id == absence.value) {
                let closest = closest(&absence.value, known()).map(str::to_owned);
                let message = ContractText::UnknownName { name: shortened(&absence.value) }.into();
                let help = Message::Known { closest, known: known().map(str::to_owned).collect() };
                findings.error(absence.place.clone(), Code::UNKNOWN_NAME, message, help);
            }
        }
    }

    /// Figures that links are judged by, for people: theirs, and those that hold for everything.
    pub fn link_figures(&self) -> Vec<&Figure> {
        let terms = &self.terms;
        let judged = |objective: &&Objective| objective.applies.requirements.contains(&self.requirement);
        let mut paths: Vec<&str> = terms.objectives.iter().filter(judged).map(|objective| &*objective.path).collect();
        let link = self.target(crate::inventory::Kind::Private);
        paths.extend(terms.classes_of(&link).into_iter().map(|class| &*class.path));
        paths.extend(["links", "acknowledgement", "closing", "flaps", "maintenance"]);
        paths.into_iter().flat_map(|path| terms.figures_of(path)).collect()
    }
}
