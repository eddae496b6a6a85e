//! Which switches steer something, and which are recorded and decide nothing yet; which ladders nobody climbs.
//!
//! In: a contract. Out: the switches that no part of the program asks, as the folder is, or if it had links. Pure. Said aloud, because a switch that is answered
//! and steers nothing looks like a promise that is kept. A test turns every switch of the shipped city and compares what
//! the engine works with.

use std::collections::BTreeSet;

use super::{
    Contract, Figure, Ladder, Objective, Switch, Target, Terms,
    terms::{PATROL_CLASS, UPGRADE_REBASE},
    words::Measure,
};
use crate::inventory::Kind;

impl Contract {
    /// Ladders that no incident climbs: nothing that is watched is of their classes. `kinds`: of the links; `services`: id and
    /// requirement of each.
    pub fn idle_ladders(&self, kinds: &BTreeSet<Kind>, services: &[(&str, &str)]) -> Vec<&Ladder> {
        let links = kinds.iter().map(|kind| self.target(*kind));
        let services = services.iter().map(|(id, requirement)| self.service_target(id, requirement));
        let watched: Vec<Target<'_>> = links.chain(services).collect();
        let classes = || self.terms.classes.iter().chain(&self.terms.overrides);
        let opens = |id: &String| {
            classes().filter(|class| class.id == *id).any(|class| watched.iter().any(|one| class.applies.covers(one)))
        };
        let idle = |ladder: &&Ladder| !ladder.classes.is_empty() && !ladder.classes.iter().any(opens);
        self.terms.ladders.iter().filter(idle).collect()
    }
}

impl Terms {
    /// Switches that steer nothing, in file order; `with_links`: nor would, if the folder had links.
    pub fn idle_switches(&self, with_links: bool) -> impl Iterator<Item = &Switch> {
        self.switches.iter().filter(move |switch| !self.is_asked(&switch.id, with_links))
    }

    /// Whether something depends on the answer of a switch.
    fn is_asked(&self, switch: &str, with_links: bool) -> bool {
        let has_links = with_links || self.links_figure("requirement").is_some();
        let named = |figure: &&Figure| figure.switch.as_deref() == Some(switch);
        let agreed = self.agreements.iter().flat_map(|agreement| &agreement.clocks);
        let mut agreed = agreed.flat_map(|clock| {
            let switches =
                [&clock.limit_switch, &clock.starts.switch, &clock.workaround.switch, &clock.beside_looser.switch];
            switches.map(Option::as_deref)
        });
        self.figures.iter().filter(named).any(|figure| self.steers(&figure.key, has_links))
            || switch == PATROL_CLASS && self.duties.iter().any(|duty| !duty.applies.classes.is_empty())
            || has_links && (switch == UPGRADE_REBASE || agreed.any(|asked| asked == Some(switch)))
    }

    /// Whether the program works with the figure at this key. Without links, services are visited and judged, rounds are made
    /// and faults that are made up are judged (`contract simulate`).
    fn steers(&self, key: &str, has_links: bool) -> bool {
        let (part, rest) = key.split_once('.').unwrap_or((key, ""));
        match part {
            "assessment" | "classes" | "overrides" => true,
            "acknowledgement" | "closing" | "flaps" | "maintenance" | "problems" => true,
            "duties" => rest.ends_with(".every"),
            "links" => has_links,
            "objectives" => self.steers_objective(key, rest, has_links),
            _ => false,
        }
    }

    fn steers_objective(&self, key: &str, rest: &str, has_links: bool) -> bool {
        let Some((nth, what)) = rest.split_once('.') else { return false };
        let Some(objective) = nth.parse().ok().and_then(|nth: usize| self.objectives.get(nth)) else { return false };
        // Without a section `links` nobody has said yet which of them is that of the links.
        let of_links = |measure: Measure| match self.links_figure("requirement") {
            Some(_) => self.links_figure(measure.as_str()) == Some(objective.id.as_str()),
            None => has_links && objective.measure == measure,
        };
        let [availability, rtt, loss] = [Measure::Availability, Measure::Rtt, Measure::Loss].map(of_links);
        let jitter = self.judges_jitter(objective);
        let of_services = matches!(objective.measure, Measure::ResponseTime | Measure::OnlineRate);
        let what = what.split('.').next().unwrap_or(key);
        match what {
            "limit" | "period" => availability || rtt || loss || jitter || of_services,
            "exclude" | "rounding" | "reach" => availability,
            "statistic" => rtt || jitter || objective.measure == Measure::ResponseTime,
            _ => false,
        }
    }

    /// Whether the objective is that of the jitter of links.
    fn judges_jitter(&self, objective: &Objective) -> bool {
        objective.measure == Measure::Jitter && self.links_figure("jitter") == Some(objective.id.as_str())
    }

    /// Objectives that are measured and that nothing judges.
    pub fn unjudged(&self) -> impl Iterator<Item = &Objective> {
        self.objectives.iter().filter(|one| one.is_shown_alone() && !self.judges_jitter(one))
    }

    fn links_figure(&self, key: &str) -> Option<&str> {
        let key = format!("links.{key}");
        self.figures.iter().find(|figure| figure.key == key).map(|figure| figure.value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::{Path, PathBuf},
    };

    use super::*;
    use crate::{
        contract::{Clock, Contract, fixture},
        diagnostic::Findings,
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
        for tier in terms.classes.iter().chain(&terms.overrides).flat_map(|class| &class.tiers) {
            text += &format!("{}\n{}", tier.when, tier.clocks.iter().map(clock).collect::<String>());
        }
        text += &format!("{:?}\n", terms.duties.iter().map(|duty| duty.every).collect::<Vec<_>>());
        text += &format!("{:?}\n", terms.services.iter().map(|service| &service.patrol).collect::<Vec<_>>());
        for agreement in &terms.agreements {
            text += &agreement.clocks.iter().map(clock).collect::<String>();
        }
        text
    }

    /// Another answer than the one in force. `None`: there is none.
    fn other(switch: &Switch) -> Option<String> {
        let now = switch.value();
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

    /// A folder with a shipped contract, in which a switch can be answered otherwise.
    fn answered(place: &Path, name: &str, switch: &str, answer: &str) -> PathBuf {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories");
        let folder = place.join(name);
        for folder in [&place.join("calendars"), &folder] {
            fs::create_dir_all(folder).unwrap();
        }
        for entry in fs::read_dir(shipped.join("calendars")).unwrap() {
            let file = entry.unwrap().path();
            fs::copy(&file, place.join("calendars").join(file.file_name().unwrap())).unwrap();
        }
        for file in ["requirements.csv", "agreements.yaml"].map(|file| shipped.join(name).join(file)) {
            if file.is_file() {
                fs::copy(&file, folder.join(file.file_name().unwrap())).unwrap();
            }
        }
        let text = fs::read_to_string(shipped.join(name).join("contract.yaml")).unwrap();
        let answered = |line: &str| match line.starts_with(&format!("  - {{id: {switch},")) {
            true => line.replace("default: ", &format!("chosen: \"{answer}\", default: ")),
            false => line.to_owned(),
        };
        let text: String = text.lines().map(|line| answered(line) + "\n").collect();
        fs::write(folder.join("contract.yaml"), text).unwrap();
        folder
    }

    #[test]
    fn every_switch_of_the_shipped_city_changes_what_the_engine_works_with() {
        let terms = fixture::terms("xuchang");
        assert_eq!(terms.idle_switches(false).map(|switch| switch.id.as_str()).collect::<Vec<_>>(), [""; 0]);
        let before = worked_with(&fixture::contract());
        let place = tempfile::tempdir().unwrap();
        for switch in &terms.switches {
            let answer = other(switch).unwrap_or_else(|| panic!("{}: there is no other answer", switch.id));
            let mut findings = Findings::default();
            let contract = Contract::load(&answered(place.path(), "xuchang", &switch.id, &answer), &mut findings);
            let findings = findings.into_sorted();
            let contract = contract.unwrap_or_else(|| panic!("{} {answer}: {findings:?}", switch.id));
            assert!(worked_with(&contract) != before, "{} turned to {answer} changes nothing", switch.id);
        }
    }

    /// An answer that is listed is one that can be given.
    #[test]
    fn every_answer_that_a_shipped_switch_lists_is_taken() {
        let place = tempfile::tempdir().unwrap();
        for name in fixture::SHIPPED {
            for switch in &fixture::terms(name).switches {
                for answer in switch.values.iter().filter(|answer| *answer != switch.value()) {
                    let folder = answered(place.path(), name, &switch.id, answer);
                    let mut findings = Findings::default();
                    match name {
                        "xuchang" => _ = Contract::load(&folder, &mut findings),
                        _ => _ = Terms::load(&folder, &mut findings),
                    }
                    assert_eq!(findings.into_sorted(), [], "{name}: {} {answer}", switch.id);
                }
            }
        }
    }

    #[test]
    fn a_ladder_that_nothing_watched_can_climb_is_known() {
        let contract = fixture::contract();
        let ladders = |services: &[(&str, &str)]| -> Vec<String> {
            let idle = contract.idle_ladders(&[Kind::Private].into(), services);
            idle.into_iter().map(|ladder| ladder.id.clone()).collect()
        };
        assert_eq!(ladders(&[("portal", "1")]), ["security"], "events of security are no links and no services");
        assert!(ladders(&[]).contains(&"security".to_owned()));
    }

    #[test]
    fn without_links_whatever_is_about_links_waits_for_them() {
        let waiting = |name: &str| -> Vec<String> {
            fixture::terms(name).idle_switches(false).map(|switch| switch.id.clone()).collect()
        };
        assert_eq!(waiting("sichuan-courts"), [""; 0]);
        assert_eq!(waiting("xinjiang-credentials"), ["availability-period", "planned-work-excluded"]);
        for name in fixture::SHIPPED {
            let idle: Vec<String> = fixture::terms(name).idle_switches(true).map(|switch| switch.id.clone()).collect();
            assert_eq!(idle, [""; 0], "{name}: decide nothing even with links");
        }
    }

    /// What a contract needs besides to judge links, where it has an objective of availability.
    const LINKS: [(&str, &str); 3] = [
        (
            "objectives:\n",
            "  - {id: l-rtt, name: 时延, measure: rtt, limit: {at_most: 50ms}, source: measured}\n  \
             - {id: l-loss, name: 丢包, measure: loss, limit: {at_most: 1 %}, source: measured}\n",
        ),
        (
            "classes:\n",
            "  - id: l-cut\n    name: 中断\n    for: {targets: [link]}\n    tiers:\n      \
             - {id: l-network, level: 1, name: 全网, when: {scope: network, share: 80 %}, clocks: [{clock: response, limit: 15m}, {clock: restore, limit: 2h}]}\n      \
             - {id: l-part, level: 2, name: 局部, clocks: [{clock: response, limit: 30m}, {clock: restore, limit: 4h}]}\n",
        ),
        (
            "flaps:\n",
            "LINKS{requirement: app, class: l-cut, network: l-network, partial: l-part, availability: availability, rtt: l-rtt, loss: l-loss, \
             measuring_point: {default: far}, degraded: {loss: {below: 5 %}, loss_clear: {below: 2 %}, rtt: 50ms}, \
             grouping: {grace: 3s, grace_most: 15s, scope_share: 80 %}}\n",
        ),
    ];

    #[test]
    fn what_waits_for_links_decides_once_the_folder_has_them() {
        let (place, name) = (tempfile::tempdir().unwrap(), "xinjiang-credentials");
        let with_links = |switch: &str, answer: &str| {
            let folder = answered(place.path(), name, switch, answer);
            let mut text = fs::read_to_string(folder.join("contract.yaml")).unwrap();
            for (section, more) in LINKS {
                let put = match more.strip_prefix("LINKS") {
                    Some(links) => format!("\nlinks: {links}\n{section}"),
                    None => format!("\n{section}{more}"),
                };
                assert!(text.contains(&format!("\n{section}")), "{section}");
                text = text.replacen(&format!("\n{section}"), &put, 1);
            }
            fs::write(folder.join("contract.yaml"), text).unwrap();
            let mut findings = Findings::default();
            let contract = Contract::load(&folder, &mut findings);
            let findings = findings.into_sorted();
            assert!(findings.is_empty(), "{switch} {answer}: {findings:?}");
            contract.unwrap()
        };
        let terms = fixture::terms(name);
        let before = with_links("nothing", "");
        assert_eq!(before.terms.idle_switches(false).count(), 0, "nothing waits for what is there");
        for switch in terms.idle_switches(false) {
            let answer = other(switch).unwrap();
            let turned = with_links(&switch.id, &answer);
            assert!(worked_with(&turned) != worked_with(&before), "{} turned to {answer} changes nothing", switch.id);
        }
    }
}
