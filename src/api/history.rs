//! `/api/v1/links/{id}/history`: what was counted of a link's points, step by step.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{Api, paging::Asked, problem::Problem};
use crate::{
    command::Refusal,
    ledger::{HistoryRow, PointDay, Span, Step},
    units::Timestamp,
};

const DAY_MILLIS: i64 = 86_400_000;

/// Where days of points are read: link, first and last civil day. Blocks, and says what is wrong with the disk.
pub type Archive = Arc<dyn Fn(&str, [&str; 2]) -> Result<Vec<PointDay>, String> + Send + Sync>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    from: Option<String>,
    to: Option<String>,
    step: Option<String>,
}

#[derive(Serialize)]
struct History {
    link: String,
    rows: Vec<HistoryRow>,
}

pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Path(link): Path<String>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let step = wanted.step.as_deref().map_or(Some(Step::FiveMinutes), Step::parse);
    let step = step.ok_or_else(|| Problem::BadQuery(format!("step is one of {}", Step::NAMES.join(", "))))?;
    let to = time("to", wanted.to)?.unwrap_or(snapshot.at.utc);
    let from = time("from", wanted.from)?.unwrap_or(Timestamp(to.0 - DAY_MILLIS));
    let too_long =
        || Problem::BadQuery(format!("from is before to, and at this step at most {} days", step.most_days()));
    let span = Span::new(from, to, step, snapshot.contract.time_zone).ok_or_else(too_long)?;
    // Links that have left have a past too.
    let is_known = snapshot.inventory.links.iter().any(|known| known.id.as_str() == link);
    let rows = read(&api, link.clone(), span).await?;
    if rows.is_empty() && !is_known {
        return Err(Problem::NoSuchLink);
    }
    Ok(Json(History { link, rows }).into_response())
}

/// What is stored of a link's points in this time.
pub(super) async fn read(api: &Api, link: String, span: Span) -> Result<Vec<HistoryRow>, Problem> {
    let archive = api.archive.clone().ok_or(Problem::Refused(Refusal::NotKept))?;
    let read = move || {
        let [first, last] = span.days();
        archive(&link, [&first, &last]).map(|days| span.rows(days))
    };
    let rows = tokio::task::spawn_blocking(read).await.map_err(|_| Problem::NoAnswer)?;
    rows.map_err(Problem::Unreadable)
}

pub(super) fn time(key: &str, text: Option<String>) -> Result<Option<Timestamp>, Problem> {
    let read = |text: String| {
        let time = chrono::DateTime::parse_from_rfc3339(&text).map_err(|_| {
            Problem::BadQuery(format!("{key} is a time such as 2026-11-20T03:00:00%2B08:00 or 2026-11-19T19:00:00Z"))
        })?;
        Ok(Timestamp(time.timestamp_millis()))
    };
    text.map(read).transpose()
}
