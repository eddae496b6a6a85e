//! `/api/v1/links`: the ledger with what is known of each link now, filtered and paged.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    Api,
    paging::{Asked, Size, cut},
    problem::Problem,
    view::{LinkDetail, LinkRow},
};
use crate::{
    inventory::{Inventory, Kind, Link},
    judge::LinkState,
    snapshot::LinkView,
    units::At,
};

const PAGE: Size = Size(100, 1_000);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    state: Option<String>,
    /// Its key, such as `carrier-a`.
    carrier: Option<String>,
    unit: Option<String>,
    kind: Option<Kind>,
    segment: Option<String>,
    /// Part of an id, a circuit id, an end, or a name, in any case.
    q: Option<String>,
    /// From `next` of the page before.
    cursor: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Page<'a> {
    at: At,
    /// Links that pass the filters, on all pages.
    total: usize,
    links: Vec<LinkRow<'a>>,
    next: Option<String>,
}

pub(super) async fn list(State(api): State<Arc<Api>>, Asked(wanted): Asked<Wanted>) -> Result<Response, Problem> {
    if let Some(state) = &wanted.state
        && !is_state(state)
    {
        let known = [&LinkState::NAMES[..], &LinkState::REASONS].concat().join(", ");
        return Err(Problem::BadQuery(format!("state is one of {known}")));
    }
    let snapshot = api.feed.load();
    let (inventory, zone) = (&*snapshot.inventory, snapshot.contract.time_zone);
    let start = match &wanted.cursor {
        None => 0,
        Some(cursor) => {
            inventory.links.iter().position(|link| link.id.as_str() == cursor).ok_or(Problem::CursorGone)?
        }
    };
    let filter = Filter::new(&wanted);
    let rows = inventory.links.iter().zip(snapshot.links()).enumerate();
    let passing: Vec<_> = rows.filter(|(_, (link, view))| filter.passes(inventory, link, view)).collect();
    // The link of the cursor may not pass any more; those after it are still to be shown.
    let rest = &passing[passing.partition_point(|(place, _)| *place < start)..];
    let (shown, next) = cut(rest, None, wanted.limit, PAGE, |(_, (link, _))| link.id.to_string())?;
    let links = shown.iter().map(|(_, (link, view))| LinkRow::new(inventory, link, view, zone)).collect();
    Ok(Json(Page { at: At(snapshot.at.utc, zone), total: passing.len(), links, next }).into_response())
}

pub(super) async fn show(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let mut rows = snapshot.inventory.links.iter().zip(snapshot.links());
    let (link, view) = rows.find(|(link, _)| link.id.as_str() == id).ok_or(Problem::NoSuchLink)?;
    Ok(Json(LinkDetail::new(&snapshot, link, view)).into_response())
}

/// Whether links can be listed by it: a state, or a reason for one.
pub(super) fn is_state(name: &str) -> bool {
    LinkState::NAMES.contains(&name) || LinkState::REASONS.contains(&name)
}

/// What a list leaves out.
#[derive(Default)]
pub(super) struct Filter<'a> {
    /// A state, or a reason for one.
    pub(super) state: Option<&'a str>,
    pub(super) carrier: Option<&'a str>,
    pub(super) unit: Option<&'a str>,
    pub(super) kind: Option<Kind>,
    /// Key of a shared route.
    pub(super) segment: Option<&'a str>,
    /// In lower case.
    pub(super) part: Option<String>,
}

impl<'a> Filter<'a> {
    fn new(wanted: &'a Wanted) -> Self {
        Self {
            state: wanted.state.as_deref(),
            carrier: wanted.carrier.as_deref(),
            unit: wanted.unit.as_deref(),
            kind: wanted.kind,
            segment: wanted.segment.as_deref(),
            part: wanted.q.as_deref().map(str::to_lowercase),
        }
    }

    pub(super) fn passes(&self, inventory: &Inventory, link: &Link, view: &LinkView) -> bool {
        let (carrier, unit) = (&inventory.carriers[link.carrier.at()], &inventory.units[link.unit.at()]);
        let found = |part: &str| {
            let texts = [link.id.as_str(), &link.cid, &link.a_end, &link.z_end, &carrier.name, &unit.name];
            texts.iter().any(|text| text.to_lowercase().contains(part))
        };
        self.state.is_none_or(|state| view.state.name() == state || view.state.reason() == Some(state))
            && self.carrier.is_none_or(|id| carrier.id == id)
            && self.unit.is_none_or(|id| unit.id == id)
            && self.kind.is_none_or(|kind| link.kind == kind)
            && self.segment.is_none_or(|id| link.segments.iter().any(|one| inventory.segments[one.at()].id == id))
            && self.part.as_deref().is_none_or(found)
    }
}
