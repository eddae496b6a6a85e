//! The links in forms that others read: our own ledger, circuits of NetBox, target groups of Prometheus.

use std::{collections::BTreeMap, path::Path};

use serde::Serialize;

use super::{
    Inventory,
    columns::{Column, Headed},
    merge::quoted,
    sheet::{Sheet, decoded},
};
use crate::diagnostic::Findings;

/// Headings of a ledger that is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Headings {
    English,
    Chinese,
}

/// One target group of `file_sd_configs`.
#[derive(Debug, Serialize)]
pub struct TargetGroup {
    pub targets: Vec<String>,
    pub labels: BTreeMap<&'static str, String>,
}

/// All ledgers of a folder as one CSV text, cells as they stand, and its number of rows. Columns that nothing here uses
/// are left out: they may hold names and numbers of people. `None`, with findings, when a ledger cannot be read.
pub fn ledger(folder: &Path, headings: Headings, findings: &mut Findings) -> Option<(String, usize)> {
    let (_, sources) = Inventory::load_with_ledgers(folder, findings)?;
    let (mut names, mut rows) = (vec![], vec![]);
    for source in &sources {
        let text = decoded(source, findings)?;
        let table =
            Sheet::<Column>::open(source, &text, &mut Findings::default())?.into_table(&mut Findings::default());
        let own = table.columns.iter().zip(&table.headings).map(|(column, heading)| match (column, headings) {
            (Some(column), Headings::English) => Some(column.heading().to_owned()),
            (Some(column), Headings::Chinese) => Some(column.heading_zh().to_owned()),
            (None, _) => heading.starts_with('#').then(|| heading.clone()),
        });
        let places: Vec<Option<usize>> = own.map(|name| Some(place_of(name?, &mut names))).collect();
        for cells in &table.rows {
            let mut row = vec![String::new(); names.len()];
            for (cell, place) in cells.texts.iter().zip(&places) {
                if let Some(place) = place {
                    row[*place] = cell.trim().to_owned();
                }
            }
            rows.push(row);
        }
    }
    let line = |cells: &[String]| {
        let missing = names.len() - cells.len();
        quoted(cells.iter().map(String::as_str).chain(std::iter::repeat_n("", missing))) + "\n"
    };
    let text = std::iter::once(line(&names)).chain(rows.iter().map(|row| line(row))).collect();
    Some((text, rows.len()))
}

/// Where the column of this name stands; a new one comes to the end.
fn place_of(name: String, names: &mut Vec<String>) -> usize {
    names.iter().position(|own| *own == name).unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    })
}

/// CSV as NetBox takes circuits in, with our id as description. NetBox counts `commit_rate` in whole kbit/s.
pub fn netbox(inventory: &Inventory) -> String {
    let headings = [
        "cid",
        "provider",
        "type",
        "status",
        "tenant",
        "install_date",
        "commit_rate",
        "description",
        "termination_a",
        "termination_z",
    ];
    let rows = inventory.links.iter().map(|link| {
        let installed = link.installed.map_or_else(String::new, |day| day.to_string());
        let rate = (link.bandwidth.0 / 1_000).to_string();
        let (carrier, unit) = (&inventory.carriers[link.carrier.at()], &inventory.units[link.unit.at()]);
        let (kind, status) = (link.kind.as_str(), link.status.as_str());
        let cells = [
            &link.cid,
            &carrier.name,
            kind,
            status,
            &unit.name,
            &installed,
            &rate,
            link.id.as_str(),
            &link.a_end,
            &link.z_end,
        ];
        quoted(cells.into_iter()) + "\n"
    });
    std::iter::once(quoted(headings.into_iter()) + "\n").chain(rows).collect()
}

/// One group for each measuring point, with the labels of `linkpatrol_link_info`. A link without an address has none.
pub fn target_groups(inventory: &Inventory) -> Vec<TargetGroup> {
    let groups = inventory.links.iter().flat_map(|link| {
        link.points.iter().map(|point| TargetGroup {
            targets: vec![point.target.to_string()],
            labels: BTreeMap::from([
                ("link", link.id.to_string()),
                ("role", point.role.as_str().to_owned()),
                ("cid", link.cid.clone()),
                ("carrier", inventory.carriers[link.carrier.at()].id.clone()),
                ("unit", inventory.units[link.unit.at()].id.clone()),
                ("kind", link.kind.as_str().to_owned()),
            ]),
        })
    });
    groups.collect()
}
