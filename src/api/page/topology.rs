//! `/topology`: hubs, POPs, ducts and units as the ledger has them, how many links run between them, and what of it failed.

use std::{collections::BTreeMap, fmt::Write};

use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use super::{
    Frame, Opened,
    links::of_ledger,
    sheet::{Asked, Cell, Choices, Sheet, chosen},
    show,
};
use crate::{
    api::links::Filter,
    inventory::{Inventory, Link, SegmentKind},
    judge::LinkState,
    snapshot::LinkView,
    text::{DoorText, Message, PageText, SheetText},
};

const WIDTH: usize = 1_240;
/// Of a column: where it begins, and how wide its nodes are.
const COLUMNS: [usize; 4] = [0, 330, 660, 990];
const NODE: usize = 220;
/// Height of a node, and of it with the room below.
const HEIGHT: usize = 18;
const PITCH: usize = 22;
/// Nodes of a column that find room; the table has all.
const MOST: usize = 60;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::api) struct Wanted {
    carrier: String,
    unit: String,
    segment: String,
    format: String,
}

#[derive(Template)]
#[template(path = "topology.html")]
struct Page {
    frame: Frame,
    title: String,
    /// Markup of ours: names of the ledger are escaped in it.
    plot: String,
    choices: [Choices; 3],
    sheet: Sheet,
}

/// Something that links run through.
#[derive(Default)]
struct Node {
    name: String,
    /// Where its links are listed; empty: nowhere.
    href: String,
    links: usize,
    measured: usize,
    down: usize,
}

impl Node {
    fn count(&mut self, view: &LinkView) {
        self.links += 1;
        self.measured += usize::from(matches!(view.state, LinkState::Up | LinkState::Degraded | LinkState::Down));
        self.down += usize::from(view.state == LinkState::Down);
    }

    /// Everything measured of it is down, and that is more than one link.
    fn has_failed(&self) -> bool {
        self.down > 1 && self.down == self.measured
    }
}

/// A place of the picture: column and key.
type Spot = (usize, String);

#[derive(Default)]
struct Map {
    nodes: BTreeMap<Spot, Node>,
    edges: BTreeMap<(Spot, Spot), Node>,
}

pub(in crate::api) async fn topology(Opened { snapshot, frame, asked: wanted, .. }: Opened<Wanted>) -> Response {
    let frame = frame.at("/topology");
    let inventory = &*snapshot.inventory;
    let said = |text: &'_ str| !text.is_empty();
    let filter = Filter {
        carrier: Some(wanted.carrier.as_str()).filter(|id| said(id)),
        unit: Some(wanted.unit.as_str()).filter(|id| said(id)),
        segment: Some(wanted.segment.as_str()).filter(|id| said(id)),
        ..Filter::default()
    };
    let mut map = Map::default();
    for (link, view) in inventory.links.iter().zip(snapshot.links()) {
        if filter.passes(inventory, link, view) {
            map.take(&frame, inventory, link, view);
        }
    }
    let sheet = sheet(&frame, &map);
    let asked = Asked { format: wanted.format.clone(), ..Asked::default() };
    if let Some(sheet) = chosen(&asked, std::slice::from_ref(&sheet)) {
        return sheet.csv();
    }
    show(&Page {
        title: frame.sheet(SheetText::Topology),
        plot: map.svg(&frame),
        choices: of_ledger(&frame, inventory, [&wanted.carrier, &wanted.unit, &wanted.segment]),
        sheet,
        frame,
    })
}

impl Map {
    fn take(&mut self, frame: &Frame, inventory: &Inventory, link: &Link, view: &LinkView) {
        let spots = spots(inventory, link);
        for (column, key, name) in &spots {
            let node = self.nodes.entry((*column, key.clone())).or_default();
            if node.name.is_empty() {
                name.clone_into(&mut node.name);
                node.href = match column {
                    0 => String::new(),
                    3 => format!("/links?lang={}&unit={key}", frame.lang()),
                    _ => format!("/links?lang={}&segment={key}", frame.lang()),
                };
            }
            node.count(view);
        }
        // From each to those of the next column that the link has.
        for pair in spots.chunk_by(|one, other| one.0 == other.0).collect::<Vec<_>>().windows(2) {
            for (from, to) in pair[0].iter().flat_map(|from| pair[1].iter().map(move |to| (from, to))) {
                let key = ((from.0, from.1.clone()), (to.0, to.1.clone()));
                self.edges.entry(key).or_default().count(view);
            }
        }
    }

    /// Nodes of a column: those with trouble first, then by name.
    fn column(&self, column: usize) -> Vec<(&Spot, &Node)> {
        let mut nodes: Vec<_> = self.nodes.iter().filter(|((own, _), _)| *own == column).collect();
        nodes.sort_by_key(|(_, node)| std::cmp::Reverse(node.down));
        nodes.truncate(MOST);
        nodes.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
        nodes
    }

    fn svg(&self, frame: &Frame) -> String {
        let columns = [0, 1, 2, 3].map(|column| self.column(column));
        let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
        let height = (rows + 2) * PITCH;
        let mut at: BTreeMap<&Spot, usize> = BTreeMap::new();
        for nodes in &columns {
            let room = (height - 2 * PITCH) / nodes.len().max(1);
            for (row, (spot, _)) in nodes.iter().enumerate() {
                at.insert(spot, 2 * PITCH + row * room + room / 2 - HEIGHT / 2);
            }
        }
        let mut out = String::new();
        let title = frame.sheet(SheetText::Topology);
        _ = write!(out, r#"<svg class="topology" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">"#);
        let heads = [SheetText::Hub, SheetText::PopOrEdge, SheetText::Duct, SheetText::Unit];
        for (x, head) in COLUMNS.into_iter().zip(heads) {
            _ = write!(out, r#"<text class="head" x="{x}" y="16">{}</text>"#, frame.sheet(head));
        }
        for ((from, to), edge) in &self.edges {
            let (Some(one), Some(other)) = (at.get(from), at.get(to)) else { continue };
            let (x, y) = (COLUMNS[from.0] + NODE, one + HEIGHT / 2);
            let (end, low) = (COLUMNS[to.0], other + HEIGHT / 2);
            let middle = usize::midpoint(x, end);
            // What is down is as thick as it is many, within the rest.
            for (class, count) in
                [("edge", edge.links), ("edge down", edge.down)].into_iter().filter(|(_, count)| *count > 0)
            {
                let width = (count as f64).sqrt().min(12.0) * (count as f64 / edge.links as f64).sqrt();
                _ = write!(
                    out,
                    r#"<path class="{class}" stroke-width="{width:.1}" d="M{x} {y}C{middle} {y} {middle} {low} {end} {low}"/>"#
                );
            }
        }
        for (spot, node) in columns.iter().flatten() {
            draw(&mut out, COLUMNS[spot.0], at[spot], node);
        }
        out.push_str("</svg>");
        out
    }
}

fn draw(out: &mut String, x: usize, y: usize, node: &Node) {
    let (class, on) = if node.has_failed() { ("down", " on") } else { ("", "") };
    let name = escaped(&node.name.chars().take(15).collect::<String>());
    let (base, end) = (y + 13, x + NODE - 5);
    let count = if node.down > 0 { format!("{} / {}", node.down, node.measured) } else { node.links.to_string() };
    if !node.href.is_empty() {
        _ = write!(out, r#"<a href="{}">"#, escaped(&node.href));
    }
    _ = write!(out, r#"<rect class="{class}" x="{x}" y="{y}" width="{NODE}" height="{HEIGHT}" rx="3"/>"#);
    if node.down > 0 && !node.has_failed() {
        let share = (NODE * node.down).div_ceil(node.measured.max(1)).min(NODE);
        _ = write!(out, r#"<rect class="hit" x="{x}" y="{y}" width="{share}" height="{HEIGHT}" rx="3"/>"#);
    }
    _ = write!(out, r#"<text class="t{on}" x="{}" y="{base}">{name}</text>"#, x + 5);
    _ = write!(out, r#"<text class="number{on}" x="{end}" y="{base}">{count}</text>"#);
    if !node.href.is_empty() {
        out.push_str("</a>");
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Column, key and name of everything that a link runs through, in the order of columns.
fn spots(inventory: &Inventory, link: &Link) -> Vec<(usize, String, String)> {
    let unit = &inventory.units[link.unit.at()];
    let mut spots = vec![(0, link.a_end.clone(), link.a_end.clone())];
    for segment in &link.segments {
        let segment = &inventory.segments[segment.at()];
        let column = if segment.kind == SegmentKind::Duct { 2 } else { 1 };
        spots.push((column, segment.id.clone(), segment.name.clone()));
    }
    spots.push((3, unit.id.clone(), unit.name.clone()));
    spots.sort_by_key(|(column, ..)| *column);
    spots
}

fn sheet(frame: &Frame, map: &Map) -> Sheet {
    let kinds = [SheetText::Hub, SheetText::PopOrEdge, SheetText::Duct, SheetText::Unit];
    let labels = [
        frame.sheet(SheetText::NodeKind),
        frame.sheet(SheetText::NodeName),
        format!("#{}", frame.say(Message::Links)),
        format!("#{}", frame.sheet(SheetText::DownShare)),
        frame.say(Message::StateName),
    ];
    let mut sheet = Sheet::new("topology", frame.sheet(SheetText::Topology)).columns(labels);
    let mut nodes: Vec<_> = map.nodes.iter().collect();
    nodes.sort_by_key(|(spot, node)| (std::cmp::Reverse(node.down), spot.0));
    for (spot, node) in nodes {
        let state = match node.down {
            0 => Cell::state(frame.say(Message::StateUp), "up"),
            _ if node.has_failed() => Cell::state(frame.say(Message::StateDown), "down"),
            _ => Cell::state(frame.say(Message::StateDegraded), "degraded"),
        };
        sheet.row([
            frame.sheet(kinds[spot.0]).into(),
            Cell::to(node.name.as_str(), node.href.clone()),
            node.links.into(),
            format!("{} / {}", node.down, node.measured).into(),
            state,
        ]);
    }
    sheet
}
