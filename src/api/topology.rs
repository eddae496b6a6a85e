//! `/api/v1/topology`: the network as a graph, hub to unit, in the fields that Grafana's node graph panel reads.
//!
//! A link runs from the hub through its POPs, ducts and provider edges, in this order, to its unit. Links that run the
//! same way are one edge: the graph is as large as the inventory's places, not as its links.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{Api, links::Filter, paging::Asked, problem::Problem};
use crate::{
    inventory::{Inventory, Link, SegmentKind},
    judge::LinkState,
    snapshot::Snapshot,
    units::At,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    carrier: Option<String>,
    unit: Option<String>,
}

#[derive(Serialize)]
struct Graph {
    at: At,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

/// Names as the panel wants them: `arc__` are shares of the ring and sum to one, `detail__` stand in the menu.
#[derive(Serialize)]
struct Node {
    id: String,
    title: String,
    subtitle: &'static str,
    /// Links that are down, and all.
    mainstat: String,
    #[serde(rename = "arc__up")]
    arc_up: f64,
    #[serde(rename = "arc__degraded")]
    arc_degraded: f64,
    #[serde(rename = "arc__down")]
    arc_down: f64,
    #[serde(rename = "arc__unknown")]
    arc_unknown: f64,
    #[serde(rename = "arc__other")]
    arc_other: f64,
    /// Open incident whose scope this place is.
    #[serde(rename = "detail__incident")]
    detail_incident: Option<String>,
}

#[derive(Serialize)]
struct Edge {
    id: String,
    source: String,
    target: String,
    mainstat: String,
    #[serde(rename = "detail__links")]
    detail_links: u32,
    #[serde(rename = "detail__down")]
    detail_down: u32,
}

/// Links at a place, by what they are.
#[derive(Default)]
struct Counts {
    all: u32,
    up: u32,
    degraded: u32,
    down: u32,
    unknown: u32,
}

impl Counts {
    fn add(&mut self, state: LinkState) {
        self.all += 1;
        match state {
            LinkState::Up => self.up += 1,
            LinkState::Degraded => self.degraded += 1,
            LinkState::Down => self.down += 1,
            LinkState::Unknown(_) => self.unknown += 1,
            LinkState::Maintenance | LinkState::Suspended | LinkState::Absent => {}
        }
    }

    fn share(&self, part: u32) -> f64 {
        f64::from(part) / f64::from(self.all.max(1))
    }

    fn text(&self) -> String {
        format!("{}/{}", self.down, self.all)
    }
}

/// In the order in which a link passes them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Stop {
    Hub,
    Pop(String),
    Duct(String),
    ProviderEdge(String),
    Unit(String),
}

impl Stop {
    /// Kind of the incident scope that this place is, and its key.
    fn scope(&self) -> (&'static str, &str) {
        match self {
            Self::Hub => ("network", ""),
            Self::Pop(id) | Self::Duct(id) | Self::ProviderEdge(id) => ("segment", id),
            Self::Unit(id) => ("unit", id),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::Pop(_) => "pop",
            Self::Duct(_) => "duct",
            Self::ProviderEdge(_) => "provider_edge",
            Self::Unit(_) => "unit",
        }
    }

    /// Unique in the graph: a duct and a unit may have the same key.
    fn id(&self) -> String {
        format!("{}:{}", self.kind(), self.scope().1)
    }
}

fn way(inventory: &Inventory, link: &Link) -> Vec<Stop> {
    let stop = |segment: &crate::inventory::Segment| match segment.kind {
        SegmentKind::Pop => Stop::Pop(segment.id.clone()),
        SegmentKind::Duct => Stop::Duct(segment.id.clone()),
        SegmentKind::ProviderEdge => Stop::ProviderEdge(segment.id.clone()),
    };
    let mut way: Vec<_> = link.segments.iter().map(|index| stop(&inventory.segments[index.at()])).collect();
    way.extend([Stop::Hub, Stop::Unit(inventory.units[link.unit.at()].id.clone())]);
    way.sort();
    way
}

pub(super) async fn show(State(api): State<Arc<Api>>, Asked(wanted): Asked<Wanted>) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let filter = Filter { carrier: wanted.carrier.as_deref(), unit: wanted.unit.as_deref(), ..Filter::default() };
    Ok(Json(graph(&snapshot, &filter)).into_response())
}

fn graph(snapshot: &Snapshot, filter: &Filter<'_>) -> Graph {
    let inventory = &snapshot.inventory;
    let (mut stops, mut ways) = (BTreeMap::<Stop, Counts>::new(), BTreeMap::<(Stop, Stop), Counts>::new());
    for (link, view) in inventory.links.iter().zip(snapshot.links()) {
        if !filter.passes(inventory, link, view) {
            continue;
        }
        let way = way(inventory, link);
        for pair in way.windows(2) {
            if let [from, to] = pair {
                ways.entry((from.clone(), to.clone())).or_default().add(view.state);
            }
        }
        way.into_iter().for_each(|stop| stops.entry(stop).or_default().add(view.state));
    }
    let titles: BTreeMap<(&str, &str), &str> = inventory
        .segments
        .iter()
        .map(|segment| (("segment", segment.id.as_str()), segment.name.as_str()))
        .chain(inventory.units.iter().map(|unit| (("unit", unit.id.as_str()), unit.name.as_str())))
        .collect();
    let open: BTreeMap<(&str, &str), &str> = snapshot
        .open_incidents()
        .map(|incident| ((incident.scope.kind.as_str(), incident.scope.id.as_str()), incident.id.as_str()))
        .collect();
    let node = |(stop, counts): (&Stop, &Counts)| {
        let scope = stop.scope();
        let title = titles.get(&scope).copied().filter(|title| !title.is_empty());
        Node {
            id: stop.id(),
            title: title.unwrap_or(if scope.1.is_empty() { "hub" } else { scope.1 }).to_owned(),
            subtitle: stop.kind(),
            mainstat: counts.text(),
            arc_up: counts.share(counts.up),
            arc_degraded: counts.share(counts.degraded),
            arc_down: counts.share(counts.down),
            arc_unknown: counts.share(counts.unknown),
            arc_other: counts.share(counts.all - counts.up - counts.degraded - counts.down - counts.unknown),
            detail_incident: open.get(&scope).map(|id| (*id).to_owned()),
        }
    };
    let edge = |((from, to), counts): (&(Stop, Stop), &Counts)| Edge {
        id: format!("{} {}", from.id(), to.id()),
        source: from.id(),
        target: to.id(),
        mainstat: counts.text(),
        detail_links: counts.all,
        detail_down: counts.down,
    };
    Graph {
        at: At(snapshot.at.utc, snapshot.contract.time_zone),
        nodes: stops.iter().map(node).collect(),
        edges: ways.iter().map(edge).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::export::fixture;

    #[test]
    fn every_link_runs_from_the_hub_to_its_unit_and_rings_are_whole() {
        let snapshot = fixture::snapshot(40);
        let graph = graph(&snapshot, &Filter::default());
        let hub = graph.nodes.iter().find(|node| node.id == "hub:").unwrap();
        assert_eq!(hub.mainstat, "1/40");
        let units: u32 = graph
            .nodes
            .iter()
            .filter(|node| node.subtitle == "unit")
            .map(|node| node.mainstat.split('/').nth(1).unwrap().parse::<u32>().unwrap())
            .sum();
        assert_eq!(units, 40, "each link ends at one unit");
        let out: u32 = graph.edges.iter().filter(|edge| edge.source == "hub:").map(|edge| edge.detail_links).sum();
        assert_eq!(out, 40);
        let ids: BTreeSet<_> = graph.nodes.iter().map(|node| node.id.as_str()).collect();
        assert_eq!(ids.len(), graph.nodes.len());
        assert!(
            graph.edges.iter().all(|edge| ids.contains(edge.source.as_str()) && ids.contains(edge.target.as_str()))
        );
        for node in &graph.nodes {
            let ring = node.arc_up + node.arc_degraded + node.arc_down + node.arc_unknown + node.arc_other;
            assert!((ring - 1.0).abs() < 1e-9, "{}: {ring}", node.id);
        }
        let of_one = Filter { unit: Some(&snapshot.inventory.units[0].id), ..Filter::default() };
        let fewer = super::graph(&snapshot, &of_one);
        assert!(fewer.nodes.iter().filter(|node| node.subtitle == "unit").count() == 1);
    }
}
