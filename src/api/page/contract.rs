//! `/contract`: which rule applies here, from which clause, and which switch decided what the text leaves open. And
//! `/settings`: what this daemon was started with and how it is doing.

use std::path::Path;

use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use super::{
    Frame, Opened,
    sheet::{Asked, Cell, Sheet, answer, chosen},
    show,
};
use crate::{
    api::Api,
    contract::{Explained, ExplainedSection, NOT_FROM_CONTRACT},
    diagnostic::Place,
    snapshot::Snapshot,
    text::{DoorText, Message, PageText, SheetText},
};

#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::api) struct Wanted {
    /// Id or circuit id of a link, or a row of requirements.csv. Empty: everything.
    about: String,
    format: String,
    part: String,
}

#[derive(Template)]
#[template(path = "contract.html")]
struct Page {
    frame: Frame,
    title: String,
    about: String,
    unknown: bool,
    sheets: Vec<Sheet>,
}

pub(in crate::api) async fn contract(Opened { snapshot, frame, asked: wanted, .. }: Opened<Wanted>) -> Response {
    let frame = frame.at("/contract");
    let about = wanted.about.trim();
    let explained = explained(&snapshot, about);
    let unknown = explained.is_none();
    let sheets =
        explained.map(|explained| sheets(&frame, &explained, &snapshot.inventory.folder, about)).unwrap_or_default();
    let asked = Asked { format: wanted.format, part: wanted.part, ..Asked::default() };
    if let Some(sheet) = chosen(&asked, &sheets) {
        return sheet.csv();
    }
    let frame = Frame { refresh: 0, ..frame };
    show(&Page { title: frame.sheet(SheetText::Contract), about: about.to_owned(), unknown, sheets, frame })
}

/// `None`: nothing is called so.
fn explained(snapshot: &Snapshot, about: &str) -> Option<Explained> {
    let (inventory, contract) = (&*snapshot.inventory, &*snapshot.contract);
    if about.is_empty() {
        return Some(Explained::whole(&inventory.folder, &contract.terms));
    }
    let mut links = inventory.links.iter();
    if let Some(link) = links.find(|link| link.id.as_str() == about || link.cid == about) {
        return Some(Explained::of_link(&inventory.folder, contract, link, &inventory.carriers[link.carrier.at()]));
    }
    let service = contract.terms.services.iter().find(|service| service.id == about)?;
    Some(Explained::of_service(&inventory.folder, &contract.terms, service))
}

/// A place as it is found from the inventory's folder.
fn beside(place: &Place, folder: &Path) -> String {
    let (place, folder) = (place.to_string(), folder.display().to_string());
    place.strip_prefix(&folder).map_or(place.clone(), |rest| rest.trim_start_matches('/').to_owned())
}

fn sheets(frame: &Frame, explained: &Explained, folder: &Path, about: &str) -> Vec<Sheet> {
    let query = serde_urlencoded::to_string([("about", about)]).map(|about| format!("&{about}")).unwrap_or_default();
    let labels =
        [SheetText::Key, SheetText::Rule, SheetText::Value, SheetText::Clause, SheetText::Switch, SheetText::Place];
    let filled = explained.sections.iter().filter(|section| !section.rows.is_empty() || section.part == "agreement");
    let sheet = |(nth, section): (usize, &ExplainedSection)| {
        let title = frame.say(section.title.clone().into());
        let key = format!("{}-{nth}", section.part);
        let mut sheet = Sheet::new(key, title).columns(labels.map(|text| frame.sheet(text)));
        sheet.query = query.clone();
        for row in &section.rows {
            let clause = match row.clause.as_deref() {
                Some(NOT_FROM_CONTRACT) => frame.sheet(SheetText::NotFromContract),
                clause => clause.unwrap_or_default().to_owned(),
            };
            let text = |text: &str| Cell { class: "text", ..Cell::from(text) };
            sheet.row([
                row.key.as_str().into(),
                text(row.name.as_ref().map_or("", |name| name.say(frame.language))),
                text(&row.value),
                text(&clause),
                row.switch.as_deref().unwrap_or_default().into(),
                row.place.as_ref().map(|place| beside(place, folder)).unwrap_or_default().into(),
            ]);
        }
        sheet
    };
    filled.enumerate().map(sheet).collect()
}

pub(in crate::api) async fn settings(Opened { api, snapshot, frame, asked, .. }: Opened<Asked>) -> Response {
    let frame = frame.at("/settings");
    let sheets = vec![daemon(&frame, &api, &snapshot), engine(&frame, &snapshot), witnesses(&frame, &snapshot)];
    let title = frame.sheet(SheetText::Settings);
    let hint = frame.sheet(SheetText::SettingsHint);
    answer(frame, &asked, title, vec![hint], sheets)
}

/// Key and value. Keys are those of logs and metrics.
fn pairs(frame: &Frame, key: &'static str, title: SheetText, rows: Vec<(&str, String)>) -> Sheet {
    let labels = [SheetText::Key, SheetText::Value].map(|text| frame.sheet(text));
    let mut sheet = Sheet::new(key, frame.sheet(title)).columns(labels);
    for (key, value) in rows {
        sheet.row([key.into(), Cell { class: "text", ..Cell::from(value) }]);
    }
    sheet
}

fn daemon(frame: &Frame, api: &Api, snapshot: &Snapshot) -> Sheet {
    let (inventory, contract) = (&*snapshot.inventory, &*snapshot.contract);
    let users = api.web.load().web().map_or(0, |web| web.basic_auth_users.len());
    let mut rows = vec![
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("inventory", inventory.folder.display().to_string()),
        ("inventory_fingerprint", format!("{:016x}", inventory.fingerprint)),
        ("synthetic", inventory.synthetic.to_string()),
        ("links", inventory.links.len().to_string()),
        ("carriers", inventory.carriers.len().to_string()),
        ("units", inventory.units.len().to_string()),
        ("segments", inventory.segments.len().to_string()),
        ("services", snapshot.services.list.len().to_string()),
        ("rounds", snapshot.rounds.list.len().to_string()),
        ("contract", contract.name.clone()),
        ("time_zone", contract.time_zone.to_string()),
        ("language", frame.lang().to_owned()),
        ("web_users", users.to_string()),
        ("tls", api.web.load().tls().is_some().to_string()),
        ("history_kept", api.archive.is_some().to_string()),
        ("answer_links", api.passes.is_some().to_string()),
        ("probe_on_demand", api.probing.is_some().to_string()),
        ("keeps_incidents", snapshot.keeps_incidents.to_string()),
        ("last_reload_successful", snapshot.reload.successful.to_string()),
        ("last_reload", frame.clock(snapshot.reload.last_success)),
    ];
    if let Some(journal) = &snapshot.journal {
        rows.push(("journal_entries", journal.entries.to_string()));
        rows.push(("journal_head", journal.head.clone()));
        rows.push(("journal_oldest", frame.maybe(journal.oldest)));
        rows.push(("journal_anchored", frame.maybe(journal.anchored)));
    }
    pairs(frame, "daemon", SheetText::Daemon, rows)
}

fn engine(frame: &Frame, snapshot: &Snapshot) -> Sheet {
    let engine = &snapshot.engine;
    let counted = |rows: &[(&'static str, u64)]| {
        rows.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    let seconds = engine.cpu_seconds.iter().map(|(stage, seconds)| format!("{stage} {seconds:.1} s"));
    let rows = vec![
        ("mode", engine.mode.clone()),
        ("measured", snapshot.coverage.measured.to_string()),
        ("never_verified", snapshot.coverage.never_verified.to_string()),
        ("not_measurable", snapshot.coverage.not_measurable.to_string()),
        ("scheduler_lag", format!("{:.3} s", engine.scheduler_lag_seconds)),
        ("socket_buffer", format!("{} B", engine.socket_buffer_bytes)),
        ("stamps_kernel", engine.stamps_kernel.to_string()),
        ("stamps_kernel_receive", engine.stamps_kernel_receive.to_string()),
        ("stamps_user", engine.stamps_user.to_string()),
        ("local_drops", counted(&engine.local_drops)),
        ("rejected", counted(&engine.rejected)),
        ("cpu", seconds.collect::<Vec<_>>().join(", ")),
        ("names_failing", engine.names_failing.to_string()),
        ("rule_evaluations", engine.rule_evaluations.to_string()),
        ("ready", snapshot.ready.reasons.join(", ")),
    ];
    pairs(frame, "engine", SheetText::Engine, rows)
}

fn witnesses(frame: &Frame, snapshot: &Snapshot) -> Sheet {
    let labels = [SheetText::Witness, SheetText::Phase].map(|text| frame.sheet(text));
    let mut sheet = Sheet::new("witnesses", frame.sheet(SheetText::Witnesses)).columns(labels);
    for (name, up) in &snapshot.engine.witnesses {
        let state = match up {
            true => Cell::state(frame.say(Message::StateUp), "up"),
            false => Cell::state(frame.say(Message::StateDown), "down"),
        };
        sheet.row([name.as_str().into(), state]);
    }
    sheet
}
