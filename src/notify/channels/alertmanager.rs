//! Alertmanager, API v2: alerts of open incidents fire and are sent again and again; ended ones are resolved.
//!
//! A firing alert carries an `endsAt` far ahead, because Alertmanager takes silence for recovery, and a killed daemon
//! is silent. The labels are an alert's identity, so they change only with the tier or the scope; then the old label
//! set is resolved in the same request that fires the new one. After a restart the labels that we fired before are
//! asked back from Alertmanager itself.

use std::{collections::BTreeMap, sync::Arc};

use hyper::Uri;
use serde_json::{Value, json};
use tokio::time::{Duration, sleep, timeout};

use super::{Alertmanager, Delivery, Post, World, back_off, client::Answer};
use crate::{
    incident::{Incident, IncidentKind, IncidentPhase},
    judge::rule::Alarm,
    notify::{Notice, description, is_critical, members, summary},
    text::Language,
    units::{At, Timestamp},
};

/// Path of its alerts.
pub(super) const ALERTS: &str = "/api/v2/alerts";

type Labels = BTreeMap<String, String>;

/// Shortest time that an operators' alarm lives without being told again.
const LEAST_LIFE: Duration = Duration::from_secs(300);
/// How long the end of an alarm is told.
const CLEARED_TOLD: Duration = Duration::from_secs(900);
/// Most alarms of one request.
const MOST_ALARMS: usize = 1_000;

/// How alerts speak to people.
pub(super) struct Words {
    pub own_url: String,
    pub language: Language,
}

pub(super) struct Worker {
    post: Post,
    url: Uri,
    resend: Duration,
    lifetime: Duration,
    words: Words,
    /// Notices that no accepted request has covered yet.
    pending: Vec<Notice>,
    /// Incidents that a notice spoke of, as they stood then.
    told: BTreeMap<String, Arc<Incident>>,
    /// Label sets that Alertmanager believes to fire, and the incident of each.
    fired: BTreeMap<Labels, String>,
    /// Whether `fired` holds what Alertmanager knew before we started.
    asked_back: bool,
}

impl Worker {
    pub(super) fn new(post: Post, settings: &Alertmanager, url: Uri, words: Words) -> Self {
        Self {
            post,
            url,
            resend: settings.resend,
            lifetime: settings.lifetime,
            words,
            pending: vec![],
            told: BTreeMap::new(),
            fired: BTreeMap::new(),
            asked_back: false,
        }
    }

    /// Ends when the loop drops its end.
    pub(super) async fn run(mut self) {
        let mut failures = 0;
        loop {
            failures = if self.send().await { 0 } else { failures + 1 };
            let news = match failures {
                0 => timeout(self.resend, self.post.notices.recv()).await,
                // While it is down, news wait for the next attempt like everything else.
                _ => {
                    sleep(back_off(failures - 1).min(self.resend)).await;
                    Ok(self.post.notices.try_recv().ok())
                }
            };
            match news {
                Ok(Some(notice)) => self.take(notice),
                Ok(None) if self.post.notices.is_closed() => return,
                // Time to send again.
                Ok(None) | Err(_) => {}
            }
            while let Ok(notice) = self.post.notices.try_recv() {
                self.take(notice);
            }
        }
    }

    fn take(&mut self, notice: Notice) {
        if let Some(incident) = notice.incident() {
            self.told.insert(incident.id.clone(), Arc::new(incident.clone()));
        }
        self.pending.push(notice);
    }

    /// Sends every firing alert, and every end that Alertmanager has not accepted. `false`: try again soon.
    async fn send(&mut self) -> bool {
        self.ask_back().await;
        self.put_back().await;
        let (world, now) = (self.post.world.borrow().clone(), self.post.clock.now().utc);
        // In trial Alertmanager hears of ourselves alone.
        let is_open = world.doors.lets_out(&self.post.report.channel);
        let mut known = self.known(&world);
        known.retain(|_, incident| is_open || incident.kind == IncidentKind::Own);
        let firing: BTreeMap<Labels, &Incident> = known
            .values()
            .filter(|incident| fires(incident))
            .map(|incident| (labels(incident, &world), &**incident))
            .collect();
        let mut alerts: Vec<_> =
            firing.iter().map(|(labels, incident)| self.alert(labels, incident, &world, now)).collect();
        for (labels, at) in self.ending(&known, &world, now) {
            if !firing.contains_key(&labels) {
                alerts.push(json!({"labels": labels, "endsAt": At(at, world.zone)}));
            }
        }
        if is_open {
            alerts.extend(self.alarms(&world, now));
        }
        if alerts.is_empty() {
            return true;
        }
        let firing: Vec<_> = firing.into_iter().map(|(labels, incident)| (labels, incident.id.clone())).collect();
        match self.post.client.post(&self.url, Value::Array(alerts).to_string(), None, None).await {
            Answer::Accepted(receipt) => {
                self.fired.retain(|_, id| !known.contains_key(id));
                self.fired.extend(firing);
                self.told.retain(|_, incident| fires(incident));
                for mut notice in std::mem::take(&mut self.pending) {
                    notice.attempts += 1;
                    self.post.report.ended(&notice, Delivery::Delivered, receipt.clone()).await;
                }
                true
            }
            Answer::Refused(reason) => {
                tracing::error!(channel = self.post.report.channel, reason, "Alertmanager refused our alerts");
                self.failed(&reason).await;
                false
            }
            Answer::Later { reason, .. } => {
                tracing::warn!(channel = self.post.report.channel, reason, "Alertmanager not reached");
                self.failed(&reason).await;
                false
            }
        }
    }

    /// What a door keeps in is not pending any more.
    async fn put_back(&mut self) {
        let (held, pending): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pending)
            .into_iter()
            .map(|notice| (self.post.holding(&notice), notice))
            .partition(|(door, _)| door.is_some());
        self.pending = pending.into_iter().map(|(_, notice)| notice).collect();
        for (door, notice) in held {
            if let Some(incident) = notice.incident() {
                self.told.remove(&incident.id);
            }
            self.post.report.ended(&notice, Delivery::Held, door.unwrap_or_default()).await;
        }
    }

    async fn failed(&mut self, reason: &str) {
        for notice in &mut self.pending {
            notice.attempts += 1;
            self.post.report.failed(notice, reason.to_owned()).await;
        }
    }

    /// The newest that we know of every incident that is our matter here.
    fn known(&self, world: &World) -> BTreeMap<String, Arc<Incident>> {
        let ours = |incident: &&Arc<Incident>| {
            self.told.contains_key(&incident.id) || self.fired.values().any(|id| *id == incident.id) || fires(incident)
        };
        let mut known: BTreeMap<_, _> =
            world.incidents.iter().filter(ours).map(|incident| (incident.id.clone(), incident.clone())).collect();
        for (id, told) in &self.told {
            let newest = known.entry(id.clone()).or_insert_with(|| told.clone());
            // The picture may be a second older than the notice. To be announced is a change without an entry.
            let age = |incident: &Incident| (incident.steps(), incident.announced);
            if age(told) > age(newest) {
                *newest = told.clone();
            }
        }
        known
    }

    /// Label sets that may have fired and should not any more, with their end.
    fn ending(
        &self,
        known: &BTreeMap<String, Arc<Incident>>,
        world: &World,
        now: Timestamp,
    ) -> BTreeMap<Labels, Timestamp> {
        let end = |incident: &Incident| match fires(incident) {
            // Under other labels it goes on.
            true => now,
            false => incident.restored.or(incident.closed).unwrap_or(now),
        };
        let fired = self.fired.iter().filter_map(|(labels, id)| Some((labels.clone(), end(known.get(id)?))));
        let told = known.values().filter(|incident| !fires(incident));
        fired.chain(told.map(|incident| (labels(incident, world), end(incident)))).collect()
    }

    /// Operators' alarms that fire, and the ends of those that cleared lately. They are told without notices: each sending
    /// says all of it again, and a daemon that is gone for long takes its alarms along.
    fn alarms(&self, world: &World, now: Timestamp) -> Vec<Value> {
        let until = now.plus(self.resend.saturating_mul(4).max(LEAST_LIFE));
        let told = world.alarms.iter().filter(|alarm| alarm.fired.is_some());
        let lately = told.filter(|alarm| alarm.cleared.is_none_or(|cleared| now.since(cleared) <= CLEARED_TOLD));
        let alert = |alarm: &Arc<Alarm>| {
            let summary = match self.words.language {
                Language::ZhCn => &alarm.zh_cn,
                Language::En => &alarm.en,
            };
            json!({
                "labels": {
                    "alertname": alarm.rule.name, "rule": alarm.rule.name, "link": alarm.link.as_str(),
                    "severity": alarm.rule.level.as_str(), "class": alarm.rule.class,
                },
                "annotations": { "summary": format!("{}{summary}", if world.simulated { "【模拟】" } else { "" }) },
                "generatorURL": format!("{}/api/v1/alarms?rule={}", self.words.own_url, alarm.rule.name),
                "startsAt": At(alarm.since, world.zone),
                "endsAt": At(alarm.cleared.unwrap_or(until), world.zone),
            })
        };
        lately.take(MOST_ALARMS).map(alert).collect()
    }

    fn alert(&self, labels: &Labels, incident: &Incident, world: &World, now: Timestamp) -> Value {
        let deadline =
            |name: &str| incident.running(name).map(|clock| clock.deadline.rfc3339(world.zone)).unwrap_or_default();
        let language = self.words.language;
        json!({
            "labels": labels,
            "annotations": {
                "summary": summary(incident, &world.inventory, world.simulated).say(language).to_string(),
                "description": description(incident, world.zone).say(language).to_string(),
                "began": At(incident.began, world.zone),
                "response_deadline": deadline("response"),
                "restore_deadline": deadline("restore"),
            },
            "generatorURL": format!("{}/api/v1/incidents/{}", self.words.own_url, incident.id),
            "startsAt": At(incident.began, world.zone),
            "endsAt": At(now.plus(self.lifetime), world.zone),
        })
    }

    /// After a start: what fires there, ours or not.
    async fn ask_back(&mut self) {
        if self.asked_back {
            return;
        }
        let Some(Value::Array(alerts)) = self.post.client.get(&self.url).await else { return };
        for alert in alerts {
            let labels = serde_json::from_value::<Labels>(alert["labels"].clone()).unwrap_or_default();
            if let Some(id) = labels.get("incident").cloned() {
                self.fired.insert(labels, id);
            }
        }
        self.asked_back = true;
    }
}

/// Not while its failures are still being grouped: half of what opens then is merged a second later.
fn fires(incident: &Incident) -> bool {
    incident.phase == IncidentPhase::Open && incident.announced.is_some() && incident.merged_into.is_none()
}

/// What an alert is: constant while tier and scope are.
fn labels(incident: &Incident, world: &World) -> Labels {
    let name = match incident.kind {
        IncidentKind::Outage if incident.scope.kind == "network" => "NetworkOutage",
        IncidentKind::Outage => "LinkOutage",
        IncidentKind::Reported if incident.drill => "Drill",
        IncidentKind::Reported => "ReportedFault",
        IncidentKind::Isolation => "Isolation",
        IncidentKind::Own => "OwnFault",
        IncidentKind::Service => "ServiceFault",
    };
    let mut labels: Labels = [
        ("alertname", name.to_owned()),
        ("incident", incident.id.clone()),
        ("tier", incident.tier.to_string()),
        ("scope", incident.scope.kind.clone()),
        ("severity", if is_critical(incident) { "critical" } else { "warning" }.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    // Only what the scope decides: links may join and leave.
    let link = members(incident, &world.inventory).next().filter(|_| incident.scope.kind == "link");
    let carrier = link.map(|link| &world.inventory.carriers[link.carrier.at()].id);
    let unit = link.map(|link| &world.inventory.units[link.unit.at()].id);
    let service = incident.service.as_ref();
    let scope = |kind: &str| (incident.scope.kind == kind).then_some(&incident.scope.id);
    for (name, value) in [
        ("scope_id", Some(&incident.scope.id)),
        ("carrier", carrier.or(scope("carrier"))),
        ("unit", unit.or(scope("unit")).or(service.map(|service| &service.owner))),
        ("service", service.map(|service| &service.id)),
    ] {
        // Alertmanager drops empty labels, and would then give us other ones back than we sent.
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            labels.insert(name.to_owned(), value.clone());
        }
    }
    if world.simulated {
        labels.insert("simulated".into(), "true".into());
    }
    labels
}
