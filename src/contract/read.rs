//! `contract.yaml`.

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde::Deserialize;

use super::{Contract, Degraded, Figure, Grouping, LinkTiers, MeasuringPoints, Objectives, Tier};
use crate::{
    diagnostic::{
        Code, Findings,
        yaml::{self, Document, Percent},
    },
    inventory::{Kind, Role},
    text::{Expected, Message},
    units::{Limit, Ppm, Rtt},
};

/// What a figure without `clause` is: nobody promised it.
const NOT_FROM_CONTRACT: &str = "default, not from contract";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    time_zone: String,
    objectives: WrittenObjectives,
    tiers: WrittenTiers,
    whole_network: WholeNetwork,
    measuring_point: MeasuringPoint,
    degraded: WrittenDegraded,
    grouping: WrittenGrouping,
    closing: Closing,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenObjectives {
    #[serde(deserialize_with = "yaml::percent")]
    availability: Ppm,
    #[serde(deserialize_with = "yaml::duration")]
    rtt: Duration,
    loss: WrittenLimit,
    #[serde(default)]
    clause: Option<String>,
}

/// A limit says how strict it is.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
struct WrittenLimit {
    #[serde(default)]
    at_most: Option<Percent>,
    #[serde(default)]
    below: Option<Percent>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTiers {
    network: WrittenTier,
    partial: WrittenTier,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTier {
    level: u8,
    #[serde(deserialize_with = "yaml::duration")]
    response: Duration,
    #[serde(deserialize_with = "yaml::duration")]
    restore: Duration,
    #[serde(default)]
    clause: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WholeNetwork {
    #[serde(deserialize_with = "yaml::percent")]
    share: Ppm,
    #[serde(default)]
    clause: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MeasuringPoint {
    default: Role,
    #[serde(default)]
    by_kind: BTreeMap<Kind, Role>,
    #[serde(default)]
    clause: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDegraded {
    loss: WrittenLimit,
    loss_clear: WrittenLimit,
    #[serde(deserialize_with = "yaml::duration")]
    rtt: Duration,
    #[serde(default)]
    clause: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGrouping {
    #[serde(deserialize_with = "yaml::duration")]
    grace: Duration,
    #[serde(deserialize_with = "yaml::duration")]
    grace_most: Duration,
    #[serde(deserialize_with = "yaml::percent")]
    scope_share: Ppm,
    #[serde(default)]
    clause: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Closing {
    #[serde(deserialize_with = "yaml::duration")]
    after: Duration,
    #[serde(default)]
    clause: Option<String>,
}

impl Contract {
    /// Reads `contract.yaml` of an inventory folder. `None`, with findings, when a figure is missing or wrong.
    pub fn load(folder: &Path, findings: &mut Findings) -> Option<Self> {
        let file: Document<Written> = yaml::read(&folder.join("contract.yaml"), findings)?;
        let mut checks = Checks { file: &file, findings };
        checks.figures();
        let time_zone = checks.time_zone();
        let loss = checks.limit("objectives.loss", file.value.objectives.loss);
        let degraded_loss = checks.limit("degraded.loss", file.value.degraded.loss);
        let loss_clear = checks.limit("degraded.loss_clear", file.value.degraded.loss_clear);
        let written = &file.value;
        Some(Self {
            name: written.name.clone(),
            time_zone: time_zone?,
            objectives: Objectives {
                availability: written.objectives.availability,
                rtt: Rtt(written.objectives.rtt),
                loss: loss?,
                clause: clause(written.objectives.clause.as_deref()),
            },
            tiers: LinkTiers {
                network_share: written.whole_network.share,
                network: tier(&written.tiers.network),
                partial: tier(&written.tiers.partial),
            },
            measuring_points: MeasuringPoints {
                default: written.measuring_point.default,
                by_kind: written.measuring_point.by_kind.iter().map(|(kind, role)| (*kind, *role)).collect(),
            },
            degraded: Degraded { loss: degraded_loss?, loss_clear: loss_clear?, rtt: Rtt(written.degraded.rtt) },
            grouping: Grouping {
                grace: written.grouping.grace,
                grace_most: written.grouping.grace_most,
                scope_share: written.grouping.scope_share,
            },
            close_after: written.closing.after,
            figures: figures(&file),
        })
    }
}

fn tier(written: &WrittenTier) -> Tier {
    let WrittenTier { level, response, restore, clause: own } = written;
    Tier { level: *level, response: *response, restore: *restore, clause: clause(own.as_deref()) }
}

fn clause(written: Option<&str>) -> String {
    written.unwrap_or(NOT_FROM_CONTRACT).to_owned()
}

/// What the types cannot say: figures that contradict each other or make no sense.
struct Checks<'a> {
    file: &'a Document<Written>,
    findings: &'a mut Findings,
}

impl Checks<'_> {
    fn figures(&mut self) {
        let Written { objectives, tiers, whole_network, degraded, grouping, .. } = &self.file.value;
        for (path, time) in [
            ("objectives.rtt", objectives.rtt),
            ("tiers.network.response", tiers.network.response),
            ("tiers.partial.response", tiers.partial.response),
            ("degraded.rtt", degraded.rtt),
        ] {
            self.require(!time.is_zero(), path, Message::FigureIsZero);
        }
        for (path, share) in [
            ("objectives.availability", objectives.availability),
            ("whole_network.share", whole_network.share),
            ("grouping.scope_share", grouping.scope_share),
        ] {
            self.require(share.0 > 0, path, Message::FigureIsZero);
        }
        for (shorter, longer, holds) in [
            ("tiers.network.response", "tiers.network.restore", tiers.network.response <= tiers.network.restore),
            ("tiers.partial.response", "tiers.partial.restore", tiers.partial.response <= tiers.partial.restore),
            ("tiers.network.response", "tiers.partial.response", tiers.network.response <= tiers.partial.response),
            ("tiers.network.restore", "tiers.partial.restore", tiers.network.restore <= tiers.partial.restore),
            ("tiers.network.level", "tiers.partial.level", tiers.network.level < tiers.partial.level),
            ("grouping.grace", "grouping.grace_most", grouping.grace <= grouping.grace_most),
        ] {
            self.in_order(holds, shorter, longer);
        }
    }

    fn require(&mut self, holds: bool, path: &'static str, message: Message) {
        if !holds {
            self.findings.error(self.file.place(path), Code::FIGURE_OF_NOTHING, message, Message::FigureIsZeroHelp);
        }
    }

    fn in_order(&mut self, holds: bool, smaller: &'static str, larger: &'static str) {
        if !holds {
            let message = Message::FiguresOutOfOrder { smaller, larger };
            let help = Message::FiguresOutOfOrderHelp { smaller, larger };
            self.findings.error(self.file.place(smaller), Code::ORDER_OF_FIGURES, message, help);
        }
    }

    fn time_zone(&mut self) -> Option<chrono_tz::Tz> {
        let written = &self.file.value.time_zone;
        let zone = written.parse().ok();
        if zone.is_none() {
            let found = Box::new(Message::FoundText(yaml::shortened(written)));
            let message = Message::WrongValue { found, expected: Expected::TimeZone };
            let place = self.file.place("time_zone");
            self.findings.error(place, Code::WRONG_VALUE, message, Message::Write(Expected::TimeZone));
        }
        zone
    }

    /// Exactly one strictness.
    fn limit(&mut self, path: &str, written: WrittenLimit) -> Option<Limit> {
        match (written.at_most, written.below) {
            (Some(Percent(most)), None) => Some(Limit::AtMost(most)),
            (None, Some(Percent(edge))) => Some(Limit::Below(edge)),
            _ => {
                let place = self.file.place(path);
                self.findings.error(place, Code::WRONG_VALUE, Message::LimitNotOne, Message::LimitNotOneHelp);
                None
            }
        }
    }
}

/// Every figure as written, with its clause.
fn figures(file: &Document<Written>) -> Vec<Figure> {
    let Written { objectives, tiers, whole_network, measuring_point, degraded, grouping, closing, .. } = &file.value;
    let sections: [(&str, &[&str], &Option<String>); 8] = [
        ("objectives", &["availability", "rtt", "loss.at_most", "loss.below"], &objectives.clause),
        ("tiers.network", &["level", "response", "restore"], &tiers.network.clause),
        ("tiers.partial", &["level", "response", "restore"], &tiers.partial.clause),
        ("whole_network", &["share"], &whole_network.clause),
        (
            "measuring_point",
            &["default", "by_kind.dark_fibre", "by_kind.internet", "by_kind.private"],
            &measuring_point.clause,
        ),
        (
            "degraded",
            &["loss.at_most", "loss.below", "loss_clear.at_most", "loss_clear.below", "rtt"],
            &degraded.clause,
        ),
        ("grouping", &["grace", "grace_most", "scope_share"], &grouping.clause),
        ("closing", &["after"], &closing.clause),
    ];
    let keys =
        sections.into_iter().flat_map(|(section, keys, clause)| keys.iter().map(move |key| (section, key, clause)));
    let figure = |(section, key, own): (&str, &&str, &Option<String>)| {
        let key = format!("{section}.{key}");
        let value = file.written(&key)?.to_owned();
        Some(Figure { value, clause: clause(own.as_deref()), place: file.place(&key), key })
    };
    keys.filter_map(figure).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Kind;

    #[test]
    fn the_shipped_contract_says_what_its_clauses_say() {
        let mut findings = Findings::default();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/xuchang");
        let contract = Contract::load(&folder, &mut findings).unwrap();
        assert_eq!(findings.into_sorted(), []);
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let Objectives { availability, rtt, loss, clause } = &contract.objectives;
        assert_eq!((availability.0, rtt.0, *loss), (999_000, Duration::from_millis(50), Limit::AtMost(Ppm(1_000))));
        assert_eq!(clause, "001 L101");
        let LinkTiers { network, partial, network_share } = &contract.tiers;
        assert_eq!((network.response, network.restore), (minutes(15), minutes(120)));
        assert_eq!((partial.response, partial.restore), (minutes(30), minutes(240)));
        assert_eq!((network.clause.as_str(), partial.clause.as_str()), ("001 L132", "001 L133"));
        assert_eq!(network_share.0, 800_000);
        assert_eq!(contract.measuring_point(Kind::Internet), Role::CarrierGateway);
        assert_eq!(contract.measuring_point(Kind::Private), Role::Far);
        assert_eq!(contract.time_zone, chrono_tz::Asia::Shanghai);
    }

    #[test]
    fn every_figure_is_shown_with_its_clause_or_as_a_default() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/xuchang");
        let contract = Contract::load(&folder, &mut Findings::default()).unwrap();
        let figure = |key: &str| contract.figures.iter().find(|figure| figure.key == key).unwrap();
        let share = figure("whole_network.share");
        assert_eq!((share.value.as_str(), share.clause.as_str()), ("80 %", NOT_FROM_CONTRACT));
        assert_eq!((figure("tiers.partial.restore").value.as_str(), figure("objectives.rtt").place.line), ("4h", 8));
    }
}
