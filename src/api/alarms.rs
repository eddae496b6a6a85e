//! `/api/v1/alarms`: what operators' rules say now, and what they said.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    Api,
    paging::{Asked, Size, cut},
    problem::Problem,
};
use crate::{
    judge::rule::{Alarm, Level, PhaseName},
    units::At,
};

const PAGE: Size = Size(100, 1_000);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    phase: Option<PhaseName>,
    rule: Option<String>,
    link: Option<String>,
    /// From `next` of the page before.
    cursor: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Page<'a> {
    at: At,
    /// Alarms that pass the filters, on all pages.
    total: usize,
    alarms: Vec<AlarmView<'a>>,
    next: Option<String>,
}

#[derive(Serialize)]
struct AlarmView<'a> {
    rule: &'a str,
    link: &'a str,
    phase: PhaseName,
    level: Level,
    class: &'a str,
    since: At,
    fired: Option<At>,
    cleared: Option<At>,
    message: Texts<'a>,
    /// Where the rule was written.
    place: String,
}

#[derive(Serialize)]
struct Texts<'a> {
    #[serde(rename = "zh-CN")]
    zh_cn: &'a str,
    en: &'a str,
}

impl<'a> AlarmView<'a> {
    fn new(alarm: &'a Alarm, zone: Tz) -> Self {
        Self {
            rule: &alarm.rule.name,
            link: alarm.link.as_str(),
            phase: alarm.phase,
            level: alarm.rule.level,
            class: &alarm.rule.class,
            since: At(alarm.since, zone),
            fired: alarm.fired.map(|fired| At(fired, zone)),
            cleared: alarm.cleared.map(|cleared| At(cleared, zone)),
            message: Texts { zh_cn: &alarm.zh_cn, en: &alarm.en },
            place: alarm.rule.place.to_string(),
        }
    }
}

pub(super) async fn list(State(api): State<Arc<Api>>, Asked(wanted): Asked<Wanted>) -> Result<Response, Problem> {
    let snapshot = api.feed.load();
    let zone = snapshot.contract.time_zone;
    let passes = |alarm: &&Arc<Alarm>| {
        wanted.phase.is_none_or(|phase| phase == alarm.phase)
            && wanted.rule.as_ref().is_none_or(|rule| *rule == alarm.rule.name)
            && wanted.link.as_ref().is_none_or(|link| link == alarm.link.as_str())
    };
    let passing: Vec<_> = snapshot.alarms.iter().filter(passes).collect();
    let (shown, next) = cut(&passing, wanted.cursor.as_deref(), wanted.limit, PAGE, |alarm| key(alarm))?;
    let alarms = shown.iter().map(|alarm| AlarmView::new(alarm, zone)).collect();
    Ok(Json(Page { at: At(snapshot.at.utc, zone), total: passing.len(), alarms, next }).into_response())
}

/// No rule has two alarms on a link that began at the same moment.
fn key(alarm: &Alarm) -> String {
    format!("{}/{}/{}", alarm.rule.name, alarm.link, alarm.since.0)
}
