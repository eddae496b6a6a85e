//! A generic webhook: one JSON document per notice, in order, until it is accepted, refused or a day old.

use chrono_tz::Tz;
use hyper::Uri;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Delivery, EXPIRES, MOST_ATTEMPTS, Post, World, back_off, client::Answer, transport::sign};
use crate::{
    config::Secret,
    incident::{DeskView, IncidentView},
    judge::{rule::AlarmRecord, site::days},
    notify::{
        AlarmsTold, Notice, Subject, alarms_summary, desk_summary, summary,
        warning::{Warned, warnings_summary},
    },
    text::{ChannelText, Language, Message},
    units::{At, Timestamp},
};

/// Ends when the loop drops its end. Whoever has our `secret` can tell by `X-Linkpatrol-Signature` that a notice is ours.
pub(super) async fn run(mut post: Post, url: Uri, secret: Secret, language: Language) {
    while let Some(mut notice) = post.notices.recv().await {
        let (result, words) = match post.holding(&notice) {
            Some(door) => (Delivery::Held, door),
            None => deliver(&post, &url, &secret, &mut notice, language).await,
        };
        post.report.ended(&notice, result, words).await;
    }
}

/// One notice at a time: a receiver must not hear of the end before the beginning.
async fn deliver(
    post: &Post,
    url: &Uri,
    secret: &Secret,
    notice: &mut Notice,
    language: Language,
) -> (Delivery, String) {
    let mut failures = 0;
    loop {
        notice.attempts += 1;
        let body = document(notice, &post.world.borrow(), language).to_string();
        let answer = match secret.read() {
            Ok(secret) => {
                let signature = secret.map(|secret| format!("sha256={}", sign::hmac_hex(&secret, body.as_bytes())));
                post.client.post(url, body, Some(&notice.key), signature.as_deref()).await
            }
            Err(error) => Answer::later(&format!("its key cannot be read: {error}")),
        };
        let wait = match answer {
            Answer::Accepted(receipt) => return (Delivery::Delivered, receipt),
            Answer::Refused(reason) => {
                tracing::error!(channel = notice.channel, key = notice.key, reason, "webhook refused a notice");
                return (Delivery::Refused, reason);
            }
            Answer::Later { reason, wait } => {
                tracing::warn!(channel = notice.channel, key = notice.key, reason, "webhook not reached");
                if post.clock.now().utc.since(notice.created) > EXPIRES || notice.attempts >= MOST_ATTEMPTS {
                    return (Delivery::Expired, reason);
                }
                post.report.failed(notice, reason).await;
                if let Some(door) = post.holding(notice) {
                    return (Delivery::Held, door);
                }
                wait
            }
        };
        sleep(wait.unwrap_or_else(|| back_off(failures))).await;
        failures += 1;
    }
}

/// What a rule says of its links, in the words of `language`.
fn alarms(told: &AlarmsTold, zone: Tz, language: Language) -> Value {
    let first = told.alarms.first();
    let link = |alarm: &AlarmRecord| {
        json!({
            "link": alarm.link,
            "since": At(alarm.since, zone),
            "fired": At(alarm.fired, zone),
            "cleared": alarm.cleared.map(|at| At(at, zone)),
            "message": match language {
                Language::ZhCn => &alarm.zh_cn,
                Language::En => &alarm.en,
            },
        })
    };
    json!({
        "rule": first.map(|alarm| &alarm.rule),
        "level": first.map(|alarm| alarm.level),
        "class": first.map(|alarm| &alarm.class),
        "change": told.change,
        "links": told.alarms.iter().map(link).collect::<Vec<_>>(),
    })
}

/// What ends or stands badly, with its proof.
fn warnings(list: &[Warned], zone: Tz, now: Timestamp) -> Value {
    let at = |moment: Option<Timestamp>| moment.map(|at| At(at, zone));
    let view = |warned: &Warned| {
        let proof = &warned.proof;
        json!({
            "finding": warned.what,
            "id": warned.id,
            "name": warned.name,
            "url": warned.url,
            "owner": warned.owner,
            "over": warned.over,
            "ends": at(warned.ends),
            "days": warned.ends.map(|end| days::left(end, now)),
            "seen": at(proof.seen),
            "sha256": proof.sha256,
            "looked": proof.looked,
            "bad": proof.bad,
            "note": proof.note,
        })
    };
    list.iter().map(view).collect()
}

fn document(notice: &Notice, world: &World, language: Language) -> Value {
    let (subject, summary, view) = match &notice.subject {
        Subject::Incident(incident) => {
            let summary = summary(incident, &world.inventory, world.simulated);
            ("incident", summary, json!(IncidentView::new(incident, world.zone)))
        }
        Subject::Desk(record) => {
            let summary = desk_summary(record, world.simulated);
            (notice.kind.as_str(), summary, json!(DeskView::new(record, world.zone)))
        }
        // Machines are not sent one.
        Subject::Digest(digest) => (notice.kind.as_str(), Message::Channel(ChannelText::NoNotices), json!(digest)),
        Subject::Alarms(told) => {
            let summary = alarms_summary(told, world.simulated);
            (notice.kind.as_str(), summary, alarms(told, world.zone, language))
        }
        Subject::Warnings(list) => {
            let summary = warnings_summary(list, world.simulated, world.zone, notice.created);
            (notice.kind.as_str(), summary, warnings(list, world.zone, notice.created))
        }
    };
    json!({
        "version": 1,
        "key": notice.key,
        "event": notice.kind,
        "created": At(notice.created, world.zone),
        "simulated": world.simulated,
        "summary": summary.say(language).to_string(),
        subject: view,
    })
}
