//! `POST /api/v1/alerts`: alerts of other monitors, as Alertmanager's webhook (version 4) brings them.
//!
//! In: a webhook. Out: a report for each alert that fires and was not known, and the end of one that is resolved. An alert
//! is the same while its fingerprint is. What we have sent out ourselves is refused, or an incident would report itself.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    response::{IntoResponse, Response},
};
use chrono::DateTime;
use serde::{Deserialize, Serialize};

use super::{Api, problem::Problem};
use crate::{
    command::{Action, Command, Reply, Reported},
    incident::{Incident, IncidentPhase},
    snapshot::Snapshot,
    units::Timestamp,
};

/// Alerts of one webhook; more are counted and left out.
const MOST: usize = 256;
/// Who signs, and by which way.
const ACTOR: &str = "alertmanager";
/// Longest text that is taken over, in characters.
const TEXT: usize = 500;
const FINGERPRINT: usize = 64;

#[derive(Deserialize)]
pub(super) struct Webhook {
    version: String,
    alerts: Vec<Alert>,
    /// Alerts that Alertmanager itself left out.
    #[serde(default, rename = "truncatedAlerts")]
    truncated: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    status: Status,
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: String,
    #[serde(default)]
    ends_at: String,
    #[serde(default, rename = "generatorURL")]
    generator: String,
    fingerprint: String,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Status {
    Firing,
    Resolved,
}

/// What became of the alerts of a webhook: label `outcome` of `linkpatrol_alerts_received_total`.
#[derive(Default, Serialize)]
struct Taken {
    /// An incident of their own.
    opened: u64,
    /// Entries of incidents that were measured.
    joined: u64,
    /// Known already, or nothing of theirs is open.
    repeated: u64,
    resolved: u64,
    /// Sent out by ourselves.
    own: u64,
    refused: u64,
    overflow: u64,
}

pub(super) async fn take(
    State(api): State<Arc<Api>>,
    body: Result<Json<Webhook>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(webhook) = body.map_err(|rejection| Problem::BadBody(rejection.body_text()))?;
    if webhook.version != "4" {
        return Err(Problem::BadBody("version is not \"4\": this takes webhooks of Alertmanager".to_owned()));
    }
    let mut taken = Taken { overflow: webhook.truncated, ..Taken::default() };
    taken.overflow += webhook.alerts.len().saturating_sub(MOST) as u64;
    let mut stopped = None;
    for alert in webhook.alerts.iter().take(MOST) {
        if let Err(problem) = alert.take(&api, &mut taken).await {
            stopped = Some(problem);
            break;
        }
    }
    for (outcome, count) in taken.counts() {
        api.alerts.with_label_values(&[outcome]).inc_by(count);
    }
    match stopped {
        // Alertmanager tries again: what was taken is known then.
        Some(problem) => Err(problem),
        None => Ok(Json(taken).into_response()),
    }
}

impl Taken {
    fn counts(&self) -> [(&'static str, u64); 7] {
        let Self { opened, joined, repeated, resolved, own, refused, overflow } = *self;
        [
            ("opened", opened),
            ("joined", joined),
            ("repeated", repeated),
            ("resolved", resolved),
            ("own", own),
            ("refused", refused),
            ("overflow", overflow),
        ]
    }
}

impl Alert {
    /// # Errors
    /// The loop does not answer now.
    async fn take(&self, api: &Api, taken: &mut Taken) -> Result<(), Problem> {
        if self.is_ours() {
            taken.own += 1;
            return Ok(());
        }
        let started = DateTime::parse_from_rfc3339(&self.starts_at).map(|at| Timestamp(at.timestamp_millis()));
        let named = (1..=FINGERPRINT).contains(&self.fingerprint.len()) && self.fingerprint.is_ascii();
        let (Ok(started), true) = (started, named) else {
            taken.refused += 1;
            return Ok(());
        };
        let snapshot = api.feed.load();
        let source = format!("{ACTOR}/{}", self.fingerprint);
        let open = snapshot.incidents.iter().find(|incident| is_open(incident, &source));
        let now = api.clock.now().utc;
        let (action, what) = match (self.status, open) {
            (Status::Firing, Some(_)) | (Status::Resolved, None) => {
                taken.repeated += 1;
                return Ok(());
            }
            (Status::Firing, None) => (Action::Report(self.report(source.clone(), started, now, &snapshot)), "firing"),
            (Status::Resolved, Some(incident)) => {
                let ended = DateTime::parse_from_rfc3339(&self.ends_at).map(|at| Timestamp(at.timestamp_millis()));
                let at = ended.ok().map(|at| at.clamp(incident.began, now));
                (Action::Restore { incident: incident.id.clone(), at, note: source.clone() }, "resolved")
            }
        };
        // One alert is one deed, however often it is told.
        let key = format!("{source}/{}/{what}", started.0);
        let command = Command { actor: ACTOR.to_owned(), key, way: ACTOR.to_owned(), action };
        match api.commands.ask(command).await? {
            Reply::Reported { joined: true, .. } => taken.joined += 1,
            Reply::Reported { joined: false, .. } => taken.opened += 1,
            Reply::Refused(_) => taken.refused += 1,
            _ => taken.resolved += 1,
        }
        Ok(())
    }

    fn report(&self, source: String, started: Timestamp, now: Timestamp, snapshot: &Snapshot) -> Reported {
        let text = |map: &BTreeMap<String, String>, key: &str| map.get(key).cloned().unwrap_or_default();
        let (name, summary) = (text(&self.labels, "alertname"), text(&self.annotations, "summary"));
        let what = format!("{name} {summary} ({source})");
        let named = |label: &str| self.labels.get(label).filter(|value| !value.is_empty());
        let links = snapshot.inventory.links.iter();
        let is_meant = |id: &str, cid: &str| {
            named("link").is_some_and(|link| link == id) || named("cid").is_some_and(|own| own == cid)
        };
        let link = links.filter(|link| is_meant(link.id.as_str(), &link.cid)).map(|link| link.id.to_string()).next();
        Reported {
            links: link.into_iter().collect(),
            what: what.trim().chars().take(TEXT).collect(),
            party: String::new(),
            // An old alert of another monitor is news to us.
            at: Some(started.min(now)).filter(|at| now.since(*at).as_secs() < 7 * 86_400),
            source,
            drill: false,
        }
    }

    /// It is about an incident or an alarm of ours, or was made from our own metrics.
    fn is_ours(&self) -> bool {
        let ours = ["/api/v1/incidents/", "/api/v1/alarms", "linkpatrol_"];
        self.labels.contains_key("incident") || ours.iter().any(|part| self.generator.contains(part))
    }
}

fn is_open(incident: &Incident, source: &str) -> bool {
    incident.phase == IncidentPhase::Open && incident.source.as_deref() == Some(source)
}
