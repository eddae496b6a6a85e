//! Which switches steer something, and which are recorded and decide nothing yet.
//!
//! In: a contract. Out: the switches that no part of the program asks. Pure. Said aloud, because a switch that is answered
//! and steers nothing looks like a promise that is kept. A test turns every switch of the shipped city and compares what
//! the engine works with.

use super::{
    Applies, Class, ClassTier, Facts, Figure, Switch, Target, Terms,
    terms::UPGRADE_REBASE,
    words::{ClockKind, FaultKind, Impact, Scope, TargetKind},
};

/// What a probe can tell of a service, and the kind of fault that its incident is of.
const OF_SERVICES: [(Impact, FaultKind); 2] =
    [(Impact::Stopped, FaultKind::Outage), (Impact::Degraded, FaultKind::Quality)];

/// Keys of a tier's clock that the clocks of incidents and swaps ask for.
const OF_CLOCKS: [&str; 6] = ["limit", "starts", "calendar", "during", "workaround", "beside_looser"];

impl Terms {
    /// Switches that steer nothing, in file order.
    pub fn idle_switches(&self) -> impl Iterator<Item = &Switch> {
        self.switches.iter().filter(|switch| !self.is_asked(&switch.id))
    }

    /// Whether something depends on the answer of a switch.
    fn is_asked(&self, switch: &str) -> bool {
        let named = |figure: &&Figure| figure.switch.as_deref() == Some(switch);
        let agreed = self.agreements.iter().flat_map(|agreement| &agreement.clocks);
        let mut agreed = agreed.flat_map(|clock| {
            let switches =
                [&clock.limit_switch, &clock.starts.switch, &clock.workaround.switch, &clock.beside_looser.switch];
            switches.map(Option::as_deref)
        });
        self.figures.iter().filter(named).any(|figure| self.steers(&figure.key))
            || self.links_figure("requirement").is_some()
                && (switch == UPGRADE_REBASE || agreed.any(|asked| asked == Some(switch)))
    }

    /// Whether the program works with the figure at this key. Without links nothing but rounds is carried out.
    fn steers(&self, key: &str) -> bool {
        let Some(requirement) = self.links_figure("requirement") else { return false };
        let (part, rest) = key.split_once('.').unwrap_or((key, ""));
        match part {
            "links" | "acknowledgement" | "closing" | "flaps" | "maintenance" | "problems" => true,
            "objectives" => self.steers_objective(key, rest),
            "classes" | "overrides" => {
                let classes = if part == "classes" { &self.classes } else { &self.overrides };
                let class = rest.split('.').next().and_then(|nth| classes.get(nth.parse::<usize>().ok()?));
                class.is_some_and(|class| self.steers_class(class, key, requirement))
            }
            _ => false,
        }
    }

    fn steers_objective(&self, key: &str, rest: &str) -> bool {
        let Some((nth, what)) = rest.split_once('.') else { return false };
        let Some(objective) = nth.parse().ok().and_then(|nth: usize| self.objectives.get(nth)) else { return false };
        let is = |measure: &str| self.links_figure(measure) == Some(objective.id.as_str());
        let what = what.split('.').next().unwrap_or(key);
        match what {
            "limit" => is("availability") || is("rtt") || is("loss"),
            "period" => is("availability") || is("rtt") || is("loss"),
            "exclude" | "rounding" | "reach" => is("availability"),
            "statistic" => is("rtt"),
            _ => false,
        }
    }

    fn steers_class(&self, class: &Class, key: &str, requirement: &str) -> bool {
        let Applies { targets, requirements, .. } = &class.applies;
        let of = |kind: TargetKind| targets.is_empty() || targets.contains(&kind);
        let of_links =
            of(TargetKind::Link) && (requirements.is_empty() || requirements.iter().any(|one| one == requirement));
        let tier = class.tiers.iter().find(|tier| key.starts_with(&format!("{}.", tier.path)));
        let Some(tier) = tier else { return false };
        let what = key.rsplit('.').next().unwrap_or(key);
        if key.contains(".when.") {
            // Of the whole network: the share that makes it one.
            let is_ours = self.links_figure("class") == Some(class.id.as_str());
            return is_ours && what == "share" && self.links_figure("network") == Some(tier.id.as_str());
        }
        let clock = tier.clocks.iter().find(|clock| key.starts_with(&format!("{}.", clock.path)));
        let swaps = clock.is_some_and(|clock| clock.kind == ClockKind::DeviceSwap);
        let steers = of_links || of(TargetKind::Device) && swaps || self.is_of_services(class, tier);
        OF_CLOCKS.contains(&what) && steers
    }

    /// Whether an incident of some service of the contract can be of this tier.
    fn is_of_services(&self, class: &Class, tier: &ClassTier) -> bool {
        let covers = |target| class.applies.covers(&Target { kind: TargetKind::Service, ..target });
        self.services.iter().filter(|service| covers(service.target())).any(|service| {
            let facts = OF_SERVICES.map(|(impact, kind)| Facts {
                scope: Scope::Link,
                failing: 1,
                measured: 1,
                kind,
                impact: Some(impact),
                service_class: Some(service.class.as_str()).filter(|class| !class.is_empty()),
                case: None,
            });
            facts.iter().any(|facts| class.tier(facts).is_some_and(|found| std::ptr::eq(found, tier)))
        })
    }

    fn links_figure(&self, key: &str) -> Option<&str> {
        let key = format!("links.{key}");
        self.figures.iter().find(|figure| figure.key == key).map(|figure| figure.value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;
    use crate::{
        contract::{Clock, Contract, fixture},
        diagnostic::Findings,
        inventory::Kind,
    };

    /// All that the engine works with, as text.
    fn worked_with(contract: &Contract) -> String {
        let clock = |clock: &Clock| {
            let during = clock.during.as_ref().map(|during| &during.id);
            let Clock { kind, party, limit, strict, starts, calendar, workaround, beside_looser, .. } = clock;
            format!(
                "{kind:?} {party:?} {limit:?} {strict} {:?} {} {during:?} {} {}\n",
                starts.value, calendar.id, workaround.value, beside_looser.value
            )
        };
        let clocks = |tiers: Vec<&ClassTier>| tiers.iter().flat_map(|tier| &tier.clocks).map(clock).collect::<String>();
        let mut text = format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}\n",
            contract.objectives,
            (&contract.tiers.network_share, contract.tiers.network.response, contract.tiers.network.restore),
            (contract.tiers.partial.response, contract.tiers.partial.restore),
            contract.measuring_points,
            contract.degraded,
            contract.grouping,
            contract.close_after,
            contract.rtt_statistic(),
        );
        let terms = &contract.terms;
        text += &format!("{:?} {:?}\n", terms.flaps.gap.value, terms.closing.conditions.len());
        text += &format!("{}\n", terms.rises_from_the_start());
        text += &format!("{:?}\n", terms.acknowledgement.stale_after);
        text += &format!("{:?} {:?}\n", terms.maintenance.notice.value, terms.maintenance.approval.value);
        let problems = terms.problems.as_ref().map(|problems| (problems.faults.value, problems.within.value));
        text += &format!("{problems:?} {:?}\n", terms.maintenance.guards.value);
        for kind in [Kind::Private, Kind::Internet, Kind::DarkFibre] {
            text += &clocks(terms.classes_of(&contract.target(kind)).iter().flat_map(|class| &class.tiers).collect());
        }
        // Swap clocks of any device that devices.yaml may name.
        let facts = Facts {
            scope: Scope::Link,
            failing: 1,
            measured: 1,
            kind: FaultKind::Device,
            impact: None,
            service_class: None,
            case: None,
        };
        let classes = terms.classes.iter().chain(&terms.overrides);
        let devices = classes.filter(|class| class.applies.targets.contains(&TargetKind::Device));
        text += &clocks(devices.filter_map(|class| class.tier(&facts)).collect());
        // Those of incidents of services.
        for service in &terms.services {
            let target = contract.service_target(&service.id, &service.id);
            for (impact, kind) in OF_SERVICES {
                let facts = Facts { kind, impact: Some(impact), service_class: Some(&service.class), ..facts };
                let tiers = terms.classes_of(&target).into_iter().filter_map(|class| class.tier(&facts));
                text += &clocks(tiers.collect());
            }
        }
        for agreement in &terms.agreements {
            text += &agreement.clocks.iter().map(clock).collect::<String>();
        }
        text
    }

    /// Another answer than the one in force. `None`: there is none.
    fn other(switch: &Switch) -> Option<String> {
        let now = switch.value();
        if switch.id == "loss-window" {
            // Days are no answer that links can be judged by, and `check` says so.
            return Some("quarter".to_owned());
        }
        let listed = switch.values.iter().find(|value| value.as_str() != now).cloned();
        let made_up = || match now {
            "80 %" => Some("70 %".to_owned()),
            "5m" => Some("6m".to_owned()),
            "2 working days" => Some("3 working days".to_owned()),
            "3" => Some("4".to_owned()),
            "30d" => Some("31d".to_owned()),
            _ => None,
        };
        listed.or_else(|| switch.values.is_empty().then(made_up)?)
    }

    #[test]
    fn a_switch_is_idle_just_when_turning_it_changes_nothing_that_the_engine_works_with() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories");
        let terms = fixture::terms("xuchang");
        let idle: BTreeSet<&str> = terms.idle_switches().map(|switch| switch.id.as_str()).collect();
        let before = worked_with(&fixture::contract());
        let text = fs::read_to_string(shipped.join("xuchang/contract.yaml")).unwrap();
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("xuchang");
        fs::create_dir_all(place.path().join("calendars")).unwrap();
        fs::create_dir_all(&folder).unwrap();
        for file in
            ["calendars/cn-2025.yaml", "calendars/cn-2026.yaml", "xuchang/requirements.csv", "xuchang/agreements.yaml"]
        {
            fs::copy(shipped.join(file), place.path().join(file)).unwrap();
        }
        let mut turned = 0;
        for switch in &terms.switches {
            let Some(answer) = other(switch) else {
                assert!(idle.contains(switch.id.as_str()), "{}: give this test another answer", switch.id);
                continue;
            };
            let answered = |line: &str| match line.starts_with(&format!("  - {{id: {},", switch.id)) {
                true => line.replace("default: ", &format!("chosen: \"{answer}\", default: ")),
                false => line.to_owned(),
            };
            let text: String = text.lines().map(|line| answered(line) + "\n").collect();
            fs::write(folder.join("contract.yaml"), text).unwrap();
            let mut findings = Findings::default();
            let contract = Contract::load(&folder, &mut findings);
            let findings = findings.into_sorted();
            let contract = contract.unwrap_or_else(|| panic!("{} {answer}: {findings:?}", switch.id));
            let changes = worked_with(&contract) != before;
            assert_eq!(changes, !idle.contains(switch.id.as_str()), "{} turned to {answer}", switch.id);
            turned += 1;
        }
        assert!(turned > 20 && idle.len() < terms.switches.len(), "{turned} {idle:?}");
        for steers in [
            "availability-period",
            "availability-scope",
            "rounding",
            "loss-window",
            "force-majeure-excluded",
            "latency-statistic",
        ] {
            assert!(!idle.contains(steers), "{steers}");
        }
        for steers in [
            "analysis-start",
            "workaround-counts",
            "looser-own-clock",
            "req36-on-site",
            "req72-start",
            "upgrade-rebase",
        ] {
            assert!(!idle.contains(steers), "{steers}");
        }
        for idles in ["extra-links", "log-retention"] {
            assert!(idle.contains(idles), "{idles}");
        }
    }

    #[test]
    fn nothing_is_steered_by_a_contract_without_links() {
        let terms = fixture::terms("sichuan-courts");
        assert_eq!(terms.idle_switches().count(), terms.switches.len());
    }
}
